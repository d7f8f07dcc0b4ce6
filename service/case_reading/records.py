"""Parse case records from sheets, and link them to the sites and agencies they are about.

A record is linked by the reference of its site or agency; by name only if it gives no reference and the name is unique. It
counts for every row it is linked to. Records are never merged (method, section 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from questionnaires.form import list_versions, load_form
from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, CaseReading, Finding, read_case
from risk_models.cases.rules import CaseRules, list_case_rules, list_released_digests
from risk_models.model import load_models
from risk_models.name_normalize import name_key
from service.assessment.assess import Batch

SUPPLIER_REFERENCE_QUESTIONS = ("reference", "imo", "licence_number", "lei", "mmsi", "call_sign", "registration_number")
SUPPLIER_NAME_QUESTIONS = ("name", "name_local")
NUMBER_PREFIXES = ("imo", "lei", "mmsi")  # prefixes of a number in a reference
COHORT_QUESTIONS = ("nationality", "job", "intake_from", "intake_to", "people")
SINGLE_ANSWER_QUESTIONS = ("linked_reference", "linked_name", "age_group", *COHORT_QUESTIONS)
LIST_QUESTIONS = ("acts", "asked_in_full")

SupplierPosition = tuple[int, int]  # index of the batch, index of the supplier in it


@dataclass(frozen=True)
class CaseRecord:
    """One case: its findings, the supplier it names, the group of people, and its rows in a sheet (Excel's numbers).

    ``cohort``: answers to COHORT_QUESTIONS, None for blanks. ``notes`` and ``finding_rows``: one for each finding of the case,
    in the same order.
    """

    case: Case
    linked_reference: str | None
    linked_name: str | None
    cohort: Mapping[str, Any]
    notes: tuple[str | None, ...]
    finding_rows: tuple[int, ...]
    file: str
    sheet: str
    rows: tuple[int, ...]


def list_case_data_faults() -> list[str]:
    """Return inconsistencies between the case form, the lists that evaluate cases, and the models, as sentences.

    Each version of the rules is compared with the version of the form of that name.
    """
    return sorted(fault for rules in list_case_rules() for fault in _list_rules_faults(rules))


def _list_rules_faults(rules: CaseRules) -> list[str]:
    faults = []
    if list_released_digests().get(rules.version) != rules.digest:
        release_line = f"{rules.version} {rules.digest}"
        faults.append(
            "cases: the rules differ from their release; put the change in a new version and add this line to RELEASED: "
            f"{release_line}"
        )
    folder = f"cases/{rules.version}"
    indicators = {indicator.id for model in load_models() for indicator in model.indicators}
    faults += [f"{folder}: no finding uses {name}" for name, cells in rules.cells_by_indicator.items() if not cells]
    faults += [
        f"{folder}/findings.toml: {finding.id} sets {name}, which is not an indicator in any model"
        for finding in rules.findings.values()
        for name in finding.indicators
        if name not in indicators
    ]
    if rules.version not in list_versions("case"):
        return faults
    form = load_form("case", rules.version)
    offered = {choice.code: choice.title for choice in form.by_id["finding"].choices}
    titles = {finding.id: finding.title for finding in rules.findings.values()}
    faults += [
        f"{folder}/findings.toml: the form does not offer {name} with the same wording"
        for name in titles.items() - offered.items()
    ]
    return faults + [
        f"{form.file}: {name} is not a finding in {folder}/findings.toml" for name in offered.keys() - titles.keys()
    ]


def parse_case_records(batch: Batch) -> tuple[CaseRecord, ...]:
    """Return the cases of a sheet in the order of their first rows. Each row has one finding, or describes the group."""
    rows: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for answers, row in zip(batch.answers.to_rows(), batch.rows.tolist(), strict=True):
        rows[name_key(answers["case_id"]) or answers["case_id"]].append((row, answers))
    return tuple(_build_record(case_rows, batch.file, batch.sheet) for case_rows in rows.values())


def _build_record(rows: Sequence[tuple[int, Mapping[str, Any]]], file: str, sheet: str) -> CaseRecord:
    """Return one case from its rows; any of them may describe the group."""
    parsed_rows = [
        {key: value for key, value in answers.items() if value not in RESERVED_ANSWERS} for _, answers in rows
    ]
    single = {
        key: next((answers[key] for answers in parsed_rows if key in answers), None) for key in SINGLE_ANSWER_QUESTIONS
    }
    single["people"] = max((answers["people"] for answers in parsed_rows if "people" in answers), default=None)
    lists = {
        key: tuple(dict.fromkeys(v for answers in parsed_rows for v in answers.get(key, ()))) for key in LIST_QUESTIONS
    }
    findings = [
        (row, answers, _build_finding(answers, f"{sheet} row {row}"))
        for (row, _), answers in zip(rows, parsed_rows, strict=True)
        if "finding" in answers
    ]
    return CaseRecord(
        Case(
            str(parsed_rows[0]["case_id"]),
            tuple(finding for _, _, finding in findings),
            single["age_group"],
            lists["acts"],
            lists["asked_in_full"],
        ),
        single["linked_reference"],
        single["linked_name"],
        {key: single[key] for key in COHORT_QUESTIONS},
        tuple(answers.get("note") for _, answers, _ in findings),
        tuple(row for row, _, _ in findings),
        file,
        sheet,
        tuple(row for row, _ in rows),
    )


def _build_finding(answers: Mapping[str, Any], place: str) -> Finding:
    """Return the finding of a row; one that does not say whether it was found counts as found."""
    return Finding(
        answers["finding"],
        answers.get("phase"),
        answers.get("found") != "no",
        answers.get("source"),
        answers.get("found_on"),
        place,
    )


def link_to_suppliers(
    records: Sequence[CaseRecord], batches: Sequence[Batch]
) -> tuple[tuple[SupplierPosition, ...], ...]:
    """Return for each record the positions of its suppliers; empty if none is found, or a name is not unique."""
    if not records:
        return ()
    by_number, by_name = (
        _index_suppliers(batches, SUPPLIER_REFERENCE_QUESTIONS),
        _index_suppliers(batches, SUPPLIER_NAME_QUESTIONS),
    )
    links = []
    for record in records:
        if record.linked_reference:
            key = name_key(record.linked_reference)
            number = next((key.removeprefix(prefix) for prefix in NUMBER_PREFIXES if key.startswith(prefix)), key)
            links.append(tuple(sorted(by_number.get(key, set()) or by_number.get(number, set()))))
        else:
            positions = by_name.get(name_key(record.linked_name or ""), set())
            links.append(tuple(positions) if len(positions) == 1 else ())
    return tuple(links)


def _index_suppliers(batches: Sequence[Batch], questions: Sequence[str]) -> dict[str, set[SupplierPosition]]:
    """Return the positions of suppliers by their normalised answers to questions that identify them."""
    keys: dict[str, set[SupplierPosition]] = defaultdict(set)
    for batch_index, batch in enumerate(batches):
        for question in questions:
            column = batch.answers.column(question)
            normalised = [name_key(str(value)) if value not in RESERVED_ANSWERS else "" for value in column.values]
            for position, code in enumerate(column.codes.tolist()):
                if code >= 0 and normalised[code]:
                    keys[normalised[code]].add((batch_index, position))
    return keys


def read_case_records(
    records: Iterable[CaseRecord], on: date, rules: CaseRules | None = None
) -> tuple[CaseReading, ...]:
    """Evaluate each record on a day, by the rules given or else those in force on that day."""
    return tuple(read_case(record.case, on, rules) for record in records)


def add_case_evidence(
    batches: Sequence[Batch], readings: Sequence[CaseReading], links: Sequence[Sequence[SupplierPosition]]
) -> tuple[Batch, ...]:
    """Return the batches with the evidence of the records linked to them; ``links``: as :func:`link_to_suppliers` gives them."""
    readings_by_position: dict[SupplierPosition, list[CaseReading]] = defaultdict(list)
    for reading, positions in zip(readings, links, strict=True):
        for position in positions:
            readings_by_position[position].append(reading)
    batches_with_cases = {batch_index for batch_index, _ in readings_by_position}
    return tuple(
        replace(
            batch,
            case_evidence=build_evidence_from_readings(
                [readings_by_position.get((batch_index, row_index), []) for row_index in range(len(batch.rows))]
            ),
        )
        if batch_index in batches_with_cases
        else batch
        for batch_index, batch in enumerate(batches)
    )
