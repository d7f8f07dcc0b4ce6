"""What a model file holds: a pack alone, or a pack laid over the core that it includes.

A core (``models/core/<version>.toml``) holds once what several packs share; it is no model. A pack names it (``includes``), adds
blocks of its own, overrides keys of its blocks by id (``override``) and leaves blocks of it out (``drop``). The result is one
table, such as a pack without a core would write, and is read and checked like one. ``docs/add-a-pack.md`` shows a pack.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk_models.data_file import DataFileError, DataFileReader

CORE = "core"
BLOCKS = ("context", "sharper", "indicator", "gate", "floor")
PACK_KEYS = ("id", "version", "effective", "title", "kind", "serves", "told_by")
COMPOSING = ("includes", "override", "drop")


@dataclass(frozen=True)
class ModelFile:
    """The content of a file as TOML gives it. ``name``: what faults call it, its core included; ``digest``: see :func:`read`."""

    name: str
    raw: Mapping[str, Any]
    digest: str


def list_model_files(folder: Path) -> list[Path]:
    """Return the files of a folder of models that are models, by id and version: every pack, and no core."""
    return sorted(path for path in folder.glob("*/*.toml") if path.parent.name != CORE)


def read_model_file(path: Path) -> ModelFile:
    """Return what a model file holds, laid over its core where it includes one.

    The digest is the sha256 of the file; with a core, the sha256 of two lines, the digest of the pack and that of the core, so
    that it changes with either. Raises DataFileError naming the file, the item and the fault.
    """
    pack = _parsed(path)
    if "includes" not in pack.raw:
        return pack
    composer = _Composer(pack.name)
    core = _core(composer.require(pack.raw, "includes", "model", str), path.parent.parent, composer)
    digest = hashlib.sha256(f"{pack.digest}\n{core.digest}\n".encode()).hexdigest()
    return ModelFile(f"{pack.name} over {core.name}", composer.composed(pack.raw, core.raw), digest)


def _parsed(path: Path) -> ModelFile:
    name, data = f"{path.parent.name}/{path.name}", path.read_bytes()
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except tomllib.TOMLDecodeError as fault:
        raise DataFileError(f"{name}: not TOML: {fault}") from fault
    return ModelFile(name, raw, hashlib.sha256(data).hexdigest())


def _core(name: str, folder: Path, pack: DataFileReader) -> ModelFile:
    cores = {f"{CORE}/{path.stem}": path for path in sorted(folder.glob(f"{CORE}/*.toml"))}
    if name not in cores:
        raise pack.build_error("includes", f"there is no core {name!r}; there are: {', '.join(cores) or 'none'}")
    core = _parsed(cores[name])
    for key in (*PACK_KEYS, *COMPOSING):
        if key in core.raw:
            raise DataFileError(
                f"{core.name}: {key}: belongs in a pack; a core holds what packs share, and includes nothing"
            )
    return core


class _Composer(DataFileReader):
    """Lays the tables of a pack over those of its core, refusing what does not fit; ``file`` is the pack."""

    def composed(self, pack: Mapping[str, Any], core: Mapping[str, Any]) -> dict[str, Any]:
        """Return one table: the keys of the core, those of the pack in their place, and the blocks of both."""
        override, drop = (self.require({key: {}, **pack}, key, "model", dict) for key in ("override", "drop"))
        self.check_keys(override, " ".join(BLOCKS), "override")
        self.check_keys(drop, " ".join(BLOCKS), "drop")
        whole = {key: value for key, value in {**core, **pack}.items() if key not in COMPOSING}
        for kind in BLOCKS:
            shared, own = (self.require({kind: [], **each}, kind, "model", list) for each in (core, pack))
            blocks = self.without_dropped(kind, shared, self.read_texts(drop, kind, "drop"))
            blocks = self.overridden(kind, blocks, self.require({kind: {}, **override}, kind, "override", dict))
            whole[kind] = self.placed(kind, blocks, own)
        return whole

    def without_dropped(self, kind: str, shared: Sequence[Mapping[str, Any]], drop: Sequence[str]) -> dict[str, Any]:
        """Return the blocks of the core by id, but for those that the pack drops."""
        ids = [self.require(block, "id", f"a {kind} of the core", str) for block in shared]
        self.check_unique(f"{kind} of the core", ids)
        self.check_unique(f"drop: {kind}", drop)
        for name in drop:
            if name not in ids:
                raise self.build_error(f"drop: {kind} {name!r}", "the core has no such block")
        return {name: block for name, block in zip(ids, shared, strict=True) if name not in drop}

    def overridden(self, kind: str, blocks: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
        """Return the blocks with the keys of the pack in them; a key is replaced whole, all others stay."""
        for name in override:
            item = f"override: {kind} {name!r}"
            if name not in blocks:
                raise self.build_error(item, "the core has no such block, or it is dropped")
            if "id" in self.require(override, name, "override", dict):
                raise self.build_error(item, "an id cannot be overridden; drop the block and write one of your own")
        return {name: {**block, **override.get(name, {})} for name, block in blocks.items()}

    def placed(self, kind: str, blocks: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the blocks of the core, then those of the pack; one with ``after`` stands right behind the block it names."""
        placed = list(blocks.values())
        for block in own:
            name, item = block.get("id"), f"{kind} {block.get('id')!r}"
            if name in blocks:
                raise self.build_error(item, f"the core has it already; change it under [override.{kind}.{name}]")
            ids = [each.get("id") for each in placed]
            after = block.get("after", ids[-1] if ids else None)
            if "after" in block and after not in ids:
                raise self.build_error(item, f"'after' names {after!r}, which does not stand before it")
            at = ids.index(after) + 1 if ids else 0
            placed.insert(at, {key: value for key, value in block.items() if key != "after"})
        return placed
