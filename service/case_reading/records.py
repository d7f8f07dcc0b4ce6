"""Case records between the sheets they come in and the sites and agencies they are about.

A record is found by the reference of its site or agency, by name only where it gives no reference and one alone bears the
name. What a record says goes to every row it is about; records are never put together (method, section 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from questionnaires.form import load_form
from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, CaseReading, Finding, read_case
from risk_models.cases.rules import list_released_digests, load_case_rules
from risk_models.model import load_all
from risk_models.name_normalize import name_key
from service.assessment.assess import Batch

REFERENCES = ("reference", "imo", "licence_number", "lei", "mmsi", "call_sign", "registration_number")
NAMES = ("name", "name_local")
KINDS_OF_NUMBER = ("imo", "lei", "mmsi")  # as they are written before a number
COHORT = ("nationality", "job", "intake_from", "intake_to", "people")
ONCE = ("linked_reference", "linked_name", "age_group", *COHORT)
LISTS = ("acts", "asked_in_full")

Place = tuple[int, int]  # of a batch and of a supplier in it


@dataclass(frozen=True)
class CaseRecord:
    """One case: what is read of it, what it is about, who the group is, and the rows (Excel's numbers) it stands in.

    ``cohort``: answers to COHORT, None where nothing is said. ``notes`` and ``rows_of`` go with the findings of the case, in
    their order.
    """

    case: Case
    linked_reference: str | None
    linked_name: str | None
    cohort: Mapping[str, Any]
    notes: tuple[str | None, ...]
    rows_of: tuple[int, ...]
    file: str
    sheet: str
    rows: tuple[int, ...]


def faults_of_cases() -> list[str]:
    """What does not fit between the form for case records, the lists they are read by, and the models; as sentences."""
    form, rules = load_form("case"), load_case_rules()
    offered = {choice.code: choice.title for choice in form.by_id["finding"].choices}
    known = {finding.id: finding.title for finding in rules.findings.values()}
    faults = []
    if list_released_digests().get(rules.version) != rules.digest:
        told = f"{rules.version} {rules.digest}"
        faults.append(f"cases: they are not as released; give a change a new version, and add to RELEASED: {told}")
    faults += [
        f"cases/findings.toml: the form does not offer {name} in the same words"
        for name in known.items() - offered.items()
    ]
    faults += [f"{form.file}: {name} is no finding of cases/findings.toml" for name in offered.keys() - known.keys()]
    faults += [f"cases: {name} is read in no finding" for name, cells in rules.cells_by_indicator.items() if not cells]
    indicators = {indicator.id for model in load_all() for indicator in model.indicators}
    faults += [
        f"cases/findings.toml: {finding.id} sets {name}, which is an indicator of no model"
        for finding in rules.findings.values()
        for name in finding.indicators
        if name not in indicators
    ]
    return sorted(faults)


def records_of(batch: Batch) -> tuple[CaseRecord, ...]:
    """The cases of a sheet of case records, in the order of their first rows. A row says one finding, or who the group is."""
    rows: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for told, row in zip(batch.answers.to_rows(), batch.rows.tolist(), strict=True):
        rows[name_key(told["case_id"]) or told["case_id"]].append((row, told))
    return tuple(_record(found, batch.file, batch.sheet) for found in rows.values())


def _record(rows: Sequence[tuple[int, Mapping[str, Any]]], file: str, sheet: str) -> CaseRecord:
    """One case from its rows; what is told of the group is on any of them."""
    said = [{key: value for key, value in told.items() if value not in RESERVED_ANSWERS} for _, told in rows]
    once = {key: next((told[key] for told in said if key in told), None) for key in ONCE}
    once["people"] = max((told["people"] for told in said if "people" in told), default=None)
    several = {key: tuple(dict.fromkeys(v for told in said for v in told.get(key, ()))) for key in LISTS}
    findings = [
        (row, told, _finding(told, f"{sheet} row {row}"))
        for (row, _), told in zip(rows, said, strict=True)
        if "finding" in told
    ]
    return CaseRecord(
        Case(
            str(said[0]["case_id"]),
            tuple(finding for _, _, finding in findings),
            once["age_group"],
            several["acts"],
            several["asked_in_full"],
        ),
        once["linked_reference"],
        once["linked_name"],
        {key: once[key] for key in COHORT},
        tuple(told.get("note") for _, told, _ in findings),
        tuple(row for row, _, _ in findings),
        file,
        sheet,
        tuple(row for row, _ in rows),
    )


def _finding(told: Mapping[str, Any], place: str) -> Finding:
    """A finding; one that does not say whether it was found was."""
    return Finding(
        told["finding"],
        told.get("phase"),
        told.get("found") != "no",
        told.get("source"),
        told.get("found_on"),
        place,
    )


def link(records: Sequence[CaseRecord], batches: Sequence[Batch]) -> tuple[tuple[Place, ...], ...]:
    """For each record the suppliers it is about, empty where none is found or a name fits several."""
    if not records:
        return ()
    by_number, by_name = _keys(batches, REFERENCES), _keys(batches, NAMES)
    found = []
    for record in records:
        if record.linked_reference:
            key = name_key(record.linked_reference)
            bare = next((key.removeprefix(kind) for kind in KINDS_OF_NUMBER if key.startswith(kind)), key)
            found.append(tuple(sorted(by_number.get(key, set()) or by_number.get(bare, set()))))
        else:
            places = by_name.get(name_key(record.linked_name or ""), set())
            found.append(tuple(places) if len(places) == 1 else ())
    return tuple(found)


def _keys(batches: Sequence[Batch], questions: Sequence[str]) -> dict[str, set[Place]]:
    """The places of suppliers by what they answer to some questions."""
    keys: dict[str, set[Place]] = defaultdict(set)
    for b, batch in enumerate(batches):
        for question in questions:
            column = batch.answers.column(question)
            known = [name_key(str(value)) if value not in RESERVED_ANSWERS else "" for value in column.values]
            for j, code in enumerate(column.codes.tolist()):
                if code >= 0 and known[code]:
                    keys[known[code]].add((b, j))
    return keys


def readings_of(records: Iterable[CaseRecord], on: date) -> tuple[CaseReading, ...]:
    """Each record read on a day."""
    return tuple(read_case(record.case, on) for record in records)


def with_cases(
    batches: Sequence[Batch], readings: Sequence[CaseReading], links: Sequence[Sequence[Place]]
) -> tuple[Batch, ...]:
    """The batches with what the records linked to them say."""
    about: dict[Place, list[CaseReading]] = defaultdict(list)
    for reading, places in zip(readings, links, strict=True):
        for place in places:
            about[place].append(reading)
    concerned = {b for b, _ in about}
    return tuple(
        replace(batch, case=build_evidence_from_readings([about.get((b, j), []) for j in range(len(batch.rows))]))
        if b in concerned
        else batch
        for b, batch in enumerate(batches)
    )
