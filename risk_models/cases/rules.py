"""Load the published lists by which case records are read: findings, weights, rules of combination (``cases/<version>/*.toml``).

Every entry has a source and a mark that shows how certain we are of it. The code contains none of the numbers in the rules. Each
folder is one complete version. A stored case names the version that it was read with, and is recomputed with it word for word.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from risk_models.cases.sentences import FIRST_SENTENCES
from risk_models.data_file import list_released_lines

CASES_FOLDER = Path(__file__).parent
RULE_FILES: Final = ("delphi.toml", "findings.toml", "hard_to_see.toml", "rules.toml")
STRENGTHS: Final = ("none_recorded", "signals", "pattern", "emergency")
LISTS: Final = ("adult", "child")
ILO_INDICATORS: Final = (*(f"FL{number:02}" for number in range(1, 12)), "FLS")


@dataclass(frozen=True)
class FindingDefinition:
    """A finding that can be recorded: the published indicators it shows in each phase, and the indicators that it sets in a
    model.

    ``ilo_2025``: "stressed" or "added" by the revision of 2025, else empty.
    """

    id: str
    title: str
    indicators_by_phase: Mapping[str, tuple[str, ...]]
    ilo: tuple[str, ...]
    ilo_2025: str
    indicators: tuple[str, ...]

    def resolve_phase(self, recorded: str | None) -> str | None:
        """Return the phase in which the finding is read: its only phase, or else the recorded one; None if neither is known."""
        if len(self.indicators_by_phase) == 1:
            return next(iter(self.indicators_by_phase))
        return recorded if recorded in self.indicators_by_phase else None


@dataclass(frozen=True)
class IndicatorWeight:
    """An operational indicator with its dimension and its weight in each list. ``softer``: the lower weight, if the weight is
    disputed."""

    id: str
    dimension: int
    by_list: Mapping[str, str]
    softer: Mapping[str, str]


@dataclass(frozen=True)
class Limb:
    """An indicator of involuntariness or of a penalty: the stages in which it can count, and whether it is strong."""

    id: str
    limb: str
    strong: bool
    stages: tuple[str, ...]


@dataclass(frozen=True)
class CaseRules:
    """One version: the content of all ``cases/<version>/*.toml`` files. ``digest``: the sha256 of the files in order of name."""

    findings: Mapping[str, FindingDefinition]
    weights: Mapping[str, IndicatorWeight]
    limbs: Mapping[str, Limb]
    raw: Mapping[str, Any]
    marks: Mapping[str, str]
    sentences: Mapping[str, str]
    digest: str

    def format(self, sentence: str, **values: object) -> str:
        """Return a sentence of a reading, by its id in ``sentences.py``, with its placeholders filled in."""
        return self.sentences[sentence].format(**values)

    @property
    def version(self) -> str:
        """Return the version of the rules."""
        return str(self.raw["version"])

    @property
    def effective(self) -> date:
        """Return the first day on which cases are read by these rules; the first version has always been in force."""
        return self.raw.get("effective", date.min)  # type: ignore[no-any-return]

    @cached_property
    def phases(self) -> Mapping[str, str]:
        """Return the titles of the phases of a finding, in order of time."""
        return {phase["id"]: phase["title"] for phase in self.raw["phase"]}

    @cached_property
    def cells_by_indicator(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Return, for every published indicator and every ILO indicator, the cells (finding, phase) in which it is read."""
        cells: dict[str, list[tuple[str, str]]] = {name: [] for name in (*self.weights, *self.limbs, *ILO_INDICATORS)}
        for finding in self.findings.values():
            for phase, ids in finding.indicators_by_phase.items():
                for name in (*ids, *finding.ilo):
                    cells[name].append((finding.id, phase))
        return {name: tuple(pairs) for name, pairs in cells.items()}


def _parse_weight(entry: Mapping[str, Any]) -> IndicatorWeight:
    by_list = {name: str(entry[name]) for name in LISTS if name in entry}
    softer = {name: entry.get(f"{name}_disputed", weight) for name, weight in by_list.items()}
    return IndicatorWeight(entry["id"], entry["dimension"], by_list, softer)


def list_released_digests(folder: Path = CASES_FOLDER) -> Mapping[str, str]:
    """Return the digests of the released rules by version."""
    return dict(list_released_lines(folder))


def list_case_rules(folder: Path = CASES_FOLDER) -> tuple[CaseRules, ...]:
    """Return every version of the rules, oldest first. Raises KeyError or tomllib.TOMLDecodeError if a file is invalid."""
    rules = [load_case_rules(path.parent) for path in folder.glob("*/rules.toml")]
    return tuple(sorted(rules, key=lambda each: (each.effective, each.version)))


def find_case_rules_in_force(on: date) -> CaseRules:
    """Return the rules with which cases are read on a day."""
    return [rules for rules in list_case_rules() if rules.effective <= on][-1]


def get_case_rules(version: str) -> CaseRules:
    """Return the rules of a version, as a stored case names it. Raises LookupError if there is no such version."""
    found = next((rules for rules in list_case_rules() if rules.version == version), None)
    if found is None:
        raise LookupError(f"this release does not include the case rules {version}")
    return found


@cache
def load_case_rules(folder: Path) -> CaseRules:
    """Return the rules in the folder of one version.

    Raises KeyError, FileNotFoundError or tomllib.TOMLDecodeError if one of the files is invalid or missing.
    """
    contents = {name: (folder / name).read_bytes() for name in RULE_FILES}
    data = {name: tomllib.loads(content.decode("utf-8")) for name, content in contents.items()}
    rules = data["rules.toml"]
    phases = [phase["id"] for phase in rules["phase"]]
    findings = {
        entry["id"]: FindingDefinition(
            entry["id"],
            entry["title"],
            {phase: tuple(entry[phase]) for phase in phases if phase in entry},
            tuple(entry["ilo"]),
            entry.get("ilo_2025", ""),
            tuple(entry["indicators"]),
        )
        for entry in data["findings.toml"]["finding"]
    }
    weights, limbs = data["delphi.toml"]["indicator"], data["hard_to_see.toml"]["indicator"]
    digest = hashlib.sha256(b"".join(contents[name] for name in RULE_FILES)).hexdigest()
    return CaseRules(
        findings=findings,
        weights={entry["id"]: _parse_weight(entry) for entry in weights},
        limbs={
            entry["id"]: Limb(entry["id"], entry["limb"], entry["weight"] == "strong", tuple(entry["stages"]))
            for entry in limbs
        },
        raw=rules,
        marks={entry["id"]: entry["mark"] for entry in (*weights, *limbs)},
        sentences={**FIRST_SENTENCES, **rules.get("sentence", {})},
        digest=digest,
    )
