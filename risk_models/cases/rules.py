"""The published lists that case records are read by, as data: findings, weights, rules of combination (``cases/*.toml``).

Every entry carries its source and a mark that says how sure we are of it; nothing here is a number of the code.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from risk_models.data_file import released_lines

CASES = Path(__file__).parent
FILES: Final = ("delphi.toml", "findings.toml", "hard_to_see.toml", "rules.toml")
STRENGTHS: Final = ("none_recorded", "signals", "pattern", "emergency")
LISTS: Final = ("adult", "child")
ILO: Final = (*(f"FL{number:02}" for number in range(1, 12)), "FLS")


@dataclass(frozen=True)
class Known:
    """A finding that can be recorded: what each list reads in it, by phase, and what it sets in a model.

    ``ilo_2025``: "stressed" or "added" by the revision of 2025, else empty.
    """

    id: str
    title: str
    reads: Mapping[str, tuple[str, ...]]
    ilo: tuple[str, ...]
    ilo_2025: str
    indicators: tuple[str, ...]

    def phase_of(self, told: str | None) -> str | None:
        """The phase it is read in: the one told, or its only one; None where neither is known."""
        if len(self.reads) == 1:
            return next(iter(self.reads))
        return told if told in self.reads else None


@dataclass(frozen=True)
class Weight:
    """An operational indicator: its dimension, and its weight by list; ``softer`` is the weight of the other reading."""

    id: str
    dimension: int
    by_list: Mapping[str, str]
    softer: Mapping[str, str]


@dataclass(frozen=True)
class Limb:
    """An indicator of involuntariness or of a penalty: the stages it can count in, and whether it is strong."""

    id: str
    limb: str
    strong: bool
    stages: tuple[str, ...]


@dataclass(frozen=True)
class CaseRules:
    """All of ``cases/*.toml``; ``digest`` is the sha256 over the files in order of name."""

    findings: Mapping[str, Known]
    weights: Mapping[str, Weight]
    limbs: Mapping[str, Limb]
    told: Mapping[str, Any]
    marks: Mapping[str, str]
    digest: str

    @property
    def version(self) -> str:
        """The version of the rules."""
        return str(self.told["version"])

    @cached_property
    def phases(self) -> Mapping[str, str]:
        """The phases of a finding in order of time, with their titles."""
        return {phase["id"]: phase["title"] for phase in self.told["phase"]}

    @cached_property
    def cells_of(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """For every indicator of the lists and every ILO indicator: the (finding, phase) in which it is read."""
        cells: dict[str, list[tuple[str, str]]] = {name: [] for name in (*self.weights, *self.limbs, *ILO)}
        for finding in self.findings.values():
            for phase, ids in finding.reads.items():
                for name in (*ids, *finding.ilo):
                    cells[name].append((finding.id, phase))
        return {name: tuple(where) for name, where in cells.items()}


def _weight(told: Mapping[str, Any]) -> Weight:
    by_list = {name: str(told[name]) for name in LISTS if name in told}
    return Weight(
        told["id"], told["dimension"], by_list, {name: told.get(f"{name}_disputed", w) for name, w in by_list.items()}
    )


def case_rules_released(folder: Path = CASES) -> Mapping[str, str]:
    """The digests of the rules that were released, by version."""
    return dict(released_lines(folder))


@cache
def case_rules(folder: Path = CASES) -> CaseRules:
    """The rules in force. Raises KeyError or tomllib.TOMLDecodeError where a file of ours is broken."""
    texts = {name: (folder / name).read_bytes() for name in FILES}
    told = {name: tomllib.loads(text.decode("utf-8")) for name, text in texts.items()}
    rules, findings = told["rules.toml"], told["findings.toml"]["finding"]
    phases = [phase["id"] for phase in rules["phase"]]
    known = {
        f["id"]: Known(
            f["id"],
            f["title"],
            {phase: tuple(f[phase]) for phase in phases if phase in f},
            tuple(f["ilo"]),
            f.get("ilo_2025", ""),
            tuple(f["indicators"]),
        )
        for f in findings
    }
    weights, limbs = told["delphi.toml"]["indicator"], told["hard_to_see.toml"]["indicator"]
    digest = hashlib.sha256(b"".join(texts[name] for name in FILES)).hexdigest()
    return CaseRules(
        findings=known,
        weights={w["id"]: _weight(w) for w in weights},
        limbs={i["id"]: Limb(i["id"], i["limb"], i["weight"] == "strong", tuple(i["stages"])) for i in limbs},
        told=rules,
        marks={entry["id"]: entry["mark"] for entry in (*weights, *limbs)},
        digest=digest,
    )
