"""Read a model file: a pack alone, or a pack layered over the core that it includes.

A core (``models/core/<version>.toml``) contains what several packs share; it is not a model itself. A pack names it
(``includes``), adds blocks of its own, overrides keys of its blocks by id (``override``) and omits blocks of the core (``drop``).
In the same way, a new version of a pack or a core may state only what it changes in an earlier one (``revises = "2026.4"``).
The earlier pack is then layered over the core that the new one includes. The result is one table, parsed and validated like a
pack without a core. ``docs/add-a-pack.md`` shows a pack.
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
COMPOSITION_KEYS = ("includes", "revises", "override", "drop")


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
    """Read a model file, layered over the version that it revises and over its core, if it names them.

    The digest is the sha256 of the file; if it is layered over another, the sha256 of two lines, its own digest and that of the
    other, so that it changes with either. Raises DataFileError naming the file, the item and the fault.
    """
    return _read_layered(path, None)


def _read_layered(path: Path, core: ModelFile | None) -> ModelFile:
    """Read a file over the version that it revises, or else over its core. ``core``: replaces the one that the file includes."""
    file = _parse_file(path)
    reader = DataFileReader(file.name)
    base = core
    if base is None and "includes" in file.raw:
        base = _read_core(reader.require(file.raw, "includes", "model", str), path.parent.parent, reader)
    base_kind = "core"
    if "revises" in file.raw:
        base = _read_layered(_find_revised(reader.require(file.raw, "revises", "model", str), path, reader), base)
        base_kind = "revised version"
    if base is None:
        return file
    digest = hashlib.sha256(f"{file.digest}\n{base.digest}\n".encode()).hexdigest()
    composed = _Composer(file.name, base_kind).compose(file.raw, base.raw)
    return ModelFile(f"{file.name} over {base.name}", composed, digest)


def _find_revised(version: str, path: Path, reader: DataFileReader) -> Path:
    """Return the file of the version that a file revises, which must be an earlier one beside it."""
    earlier = {file.stem: file for file in sorted(path.parent.glob("*.toml")) if _is_earlier(file.stem, path.stem)}
    if version not in earlier:
        fault = f"there is no earlier version {version!r}; available: {', '.join(earlier) or 'none'}"
        raise reader.build_error("revises", fault)
    return earlier[version]


def _is_earlier(version: str, other: str) -> bool:
    numbers = [[int(part) for part in name.split(".") if part.isdigit()] for name in (version, other)]
    return bool(numbers[0]) and numbers[0] < numbers[1]  # a draft has a name without numbers


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
    in_packs_only = (*PACK_KEYS, *(("includes",) if "revises" in core.raw else COMPOSITION_KEYS))
    for key in in_packs_only:
        if key in core.raw:
            fault = "belongs in a pack; a core contains only what packs share, and cannot include another core"
            raise DataFileError(core.name, key, fault)
    return _read_layered(cores[name], None)


class _Composer(DataFileReader):
    """Layers the tables of a file over those of its base and rejects what does not fit.

    ``file``: the name of the file; ``base_kind``: "core" or "revised version".
    """

    def __init__(self, file: str, base_kind: str) -> None:
        super().__init__(file)
        self.base_kind = base_kind

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
        ids = [self.require(block, "id", f"a {kind} of the {self.base_kind}", str) for block in core_blocks]
        self.check_unique(f"{kind} of the {self.base_kind}", ids)
        self.check_unique(f"drop: {kind}", drop)
        for name in drop:
            if name not in ids:
                raise self.build_error(f"drop: {kind} {name!r}", f"the {self.base_kind} has no such block")
        return {name: block for name, block in zip(ids, core_blocks, strict=True) if name not in drop}

    def override_keys(self, kind: str, blocks: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
        """Return the blocks with the keys that the pack overrides; a key is replaced as a whole, all others are unchanged."""
        for name in override:
            item = f"override: {kind} {name!r}"
            if name not in blocks:
                raise self.build_error(item, f"the {self.base_kind} has no such block, or the pack drops it")
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
                raise self.build_error(
                    item, f"the {self.base_kind} already has it; change it under [override.{kind}.{name}]"
                )
            ids = [earlier.get("id") for earlier in ordered]
            after = block.get("after", ids[-1] if ids else None)
            if "after" in block and after not in ids:
                raise self.build_error(item, f"'after' names {after!r}, which does not come before it")
            position = ids.index(after) + 1 if ids else 0
            ordered.insert(position, {key: value for key, value in block.items() if key != "after"})
        return ordered
