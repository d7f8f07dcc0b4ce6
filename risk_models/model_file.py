"""Read a model file: a pack alone, or a pack layered over the core that it includes.

A core (``models/core/<version>.toml``) contains what several packs share; it is not a model itself. A pack names it
(``includes``), adds blocks of its own, overrides keys of its blocks by id (``override``) and omits blocks of the core (``drop``).
The result is one table, parsed and validated in the same way as a pack without a core. ``docs/add-a-pack.md`` shows a pack.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk_models.data_file import DataFileError, DataFileReader

CORE_FOLDER = "core"
BLOCK_KINDS = ("context", "sharper", "indicator", "gate", "floor")
PACK_KEYS = ("id", "version", "effective", "title", "kind", "serves", "told_by")  # keys that are not allowed in a core
COMPOSITION_KEYS = ("includes", "override", "drop")


@dataclass(frozen=True)
class ModelFile:
    """The parsed TOML of a model file.

    ``name``: used in errors, includes the core; ``digest``: see :func:`read_model_file`.
    """

    name: str
    raw: Mapping[str, Any]
    digest: str


def list_model_files(folder: Path) -> list[Path]:
    """Return the model files in a folder by id and version: every pack, but no core."""
    return sorted(path for path in folder.glob("*/*.toml") if path.parent.name != CORE_FOLDER)


def read_model_file(path: Path) -> ModelFile:
    """Read a model file, layered over its core if it includes one.

    The digest is the sha256 of the file; with a core, the sha256 of two lines, the digest of the pack and that of the core, so
    that it changes with either. Raises DataFileError naming the file, the item and the fault.
    """
    pack = _parse_file(path)
    if "includes" not in pack.raw:
        return pack
    composer = _Composer(pack.name)
    core = _read_core(composer.require(pack.raw, "includes", "model", str), path.parent.parent, composer)
    digest = hashlib.sha256(f"{pack.digest}\n{core.digest}\n".encode()).hexdigest()
    return ModelFile(f"{pack.name} over {core.name}", composer.compose(pack.raw, core.raw), digest)


def _parse_file(path: Path) -> ModelFile:
    name, data = f"{path.parent.name}/{path.name}", path.read_bytes()
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(name, fault=f"not valid TOML: {error}") from error
    return ModelFile(name, raw, hashlib.sha256(data).hexdigest())


def _read_core(name: str, folder: Path, pack: DataFileReader) -> ModelFile:
    cores = {f"{CORE_FOLDER}/{path.stem}": path for path in sorted(folder.glob(f"{CORE_FOLDER}/*.toml"))}
    if name not in cores:
        raise pack.build_error("includes", f"there is no core {name!r}; available: {', '.join(cores) or 'none'}")
    core = _parse_file(cores[name])
    for key in (*PACK_KEYS, *COMPOSITION_KEYS):
        if key in core.raw:
            fault = "belongs in a pack; a core contains only what packs share, and includes nothing"
            raise DataFileError(core.name, key, fault)
    return core


class _Composer(DataFileReader):
    """Layers the tables of a pack over those of its core and rejects what does not fit. ``file``: the file of the pack."""

    def compose(self, pack: Mapping[str, Any], core: Mapping[str, Any]) -> dict[str, Any]:
        """Return one table: the keys of the core, replaced by those of the pack, and the blocks of both."""
        override, drop = (self.require({key: {}, **pack}, key, "model", dict) for key in ("override", "drop"))
        self.check_keys(override, " ".join(BLOCK_KINDS), "override")
        self.check_keys(drop, " ".join(BLOCK_KINDS), "drop")
        table = {key: value for key, value in {**core, **pack}.items() if key not in COMPOSITION_KEYS}
        for kind in BLOCK_KINDS:
            core_blocks, pack_blocks = (self.require({kind: [], **raw}, kind, "model", list) for raw in (core, pack))
            blocks = self.drop_blocks(kind, core_blocks, self.read_texts(drop, kind, "drop"))
            blocks = self.override_keys(kind, blocks, self.require({kind: {}, **override}, kind, "override", dict))
            table[kind] = self.insert_blocks(kind, blocks, pack_blocks)
        return table

    def drop_blocks(self, kind: str, core_blocks: Sequence[Mapping[str, Any]], drop: Sequence[str]) -> dict[str, Any]:
        """Return the blocks of the core by id, without those that the pack drops."""
        ids = [self.require(block, "id", f"a {kind} of the core", str) for block in core_blocks]
        self.check_unique(f"{kind} of the core", ids)
        self.check_unique(f"drop: {kind}", drop)
        for name in drop:
            if name not in ids:
                raise self.build_error(f"drop: {kind} {name!r}", "the core has no such block")
        return {name: block for name, block in zip(ids, core_blocks, strict=True) if name not in drop}

    def override_keys(self, kind: str, blocks: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
        """Return the blocks with the keys that the pack overrides; a key is replaced as a whole, all others are unchanged."""
        for name in override:
            item = f"override: {kind} {name!r}"
            if name not in blocks:
                raise self.build_error(item, "the core has no such block, or the pack drops it")
            if "id" in self.require(override, name, "override", dict):
                raise self.build_error(item, "an id cannot be overridden; drop the block and add a new one")
        return {name: {**block, **override.get(name, {})} for name, block in blocks.items()}

    def insert_blocks(
        self, kind: str, blocks: Mapping[str, Any], pack_blocks: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Return the blocks of the core, then those of the pack; one with ``after`` directly follows the block it names."""
        ordered = list(blocks.values())
        for block in pack_blocks:
            name, item = block.get("id"), f"{kind} {block.get('id')!r}"
            if name in blocks:
                raise self.build_error(item, f"the core already has it; change it under [override.{kind}.{name}]")
            ids = [earlier.get("id") for earlier in ordered]
            after = block.get("after", ids[-1] if ids else None)
            if "after" in block and after not in ids:
                raise self.build_error(item, f"'after' names {after!r}, which does not come before it")
            position = ids.index(after) + 1 if ids else 0
            ordered.insert(position, {key: value for key, value in block.items() if key != "after"})
        return ordered
