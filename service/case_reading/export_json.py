"""Write case records to assessment.json (part ``cases``) and the internal report, and read them back to recompute them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from reports.document import CaseLine
from reports.formatting import format_iso_date
from reports.redaction import SMALL_GROUP
from risk_models.action_library import Action, list_release_actions
from risk_models.cases.readings import Case, CaseReading, Finding, ListReading, Reading
from risk_models.cases.rules import CaseRules, find_case_rules_in_force
from risk_models.plan import COERCION_CASE, list_case_steps
from service.assessment.assess import AssessedBatch, Batch
from service.case_reading.records import (
    COHORT_QUESTIONS,
    CaseRecord,
    SupplierPosition,
    link_to_suppliers,
    read_case_records,
)
from service.report_content.labels import get_country_name

Document = dict[str, Any]


def build_cases_part(
    records: Sequence[CaseRecord], assessed: Sequence[AssessedBatch], on: date, library: str
) -> list[Document]:
    """Return the part ``cases``: every record with its readings and the rows of its results, without personal data.

    ``library``: the release of the action library of the assessment.
    """
    rules, batches = find_case_rules_in_force(on), [each.batch for each in assessed]
    links = link_to_suppliers(records, batches)
    linked_rows = [
        [
            {
                "kind": batches[batch].kind,
                "file": batches[batch].file,
                "sheet": batches[batch].sheet,
                "row": int(batches[batch].rows[position]),
            }
            for batch, position in positions
        ]
        for positions in links
    ]
    entries = zip(records, read_case_records(records, on, rules), linked_rows, links, strict=True)
    return [
        build_case_part(
            record, reading, rows, rules, library, state_imposed=is_labour_imposed_at_any(assessed, positions)
        )
        for record, reading, rows, positions in entries
    ]


def is_labour_imposed_at_any(assessed: Sequence[AssessedBatch], positions: Iterable[SupplierPosition]) -> bool:
    """Return whether a state imposes the labour at any of the suppliers that a case is about."""
    return any(bool(assessed[batch].state_imposed[position]) for batch, position in positions)


def build_case_part(
    record: CaseRecord,
    reading: CaseReading,
    linked_rows: Sequence[Document],
    rules: CaseRules,
    library: str,
    *,
    state_imposed: bool = False,
) -> Document:
    """Return one record with its readings as JSON.

    ``linked_rows``: the rows of the results it is about; ``rules``: those it was read by; ``library``: the release of the action
    library of the assessment; ``state_imposed``: a state imposes the labour at a supplier it is about.
    """
    case = record.case
    findings = [
        {
            "finding": finding.finding_id,
            "title": rules.findings[finding.finding_id].title,
            "phase": finding.phase,
            "found": finding.found,
            "source": finding.source,
            "on": finding.on,
            "note": note,
            "row": row,
        }
        for finding, note, row in zip(case.findings, record.notes, record.finding_rows, strict=True)
    ]
    return {
        "case": case.id,
        "rules": {"version": rules.version, "digest": rules.digest},
        "linked_reference": record.linked_reference,
        "linked_name": record.linked_name,
        "linked": sorted(
            linked_rows,
            key=lambda linked_row: (linked_row["kind"], linked_row["file"], linked_row["sheet"], linked_row["row"]),
        ),
        "cohort": {**record.cohort, "age_group": case.people},
        "acts": list(case.acts),
        "asked_in_full": list(case.phases_asked),
        "findings": findings,
        "row": {"file": record.file, "sheet": record.sheet, "rows": list(record.rows)},
        "strength": reading.strength,
        "because": list(reading.because),
        "first_steps": [
            {"id": action.id, "within_hours": 24 * days}
            for action, days in list_first_steps(reading, library, state_imposed=state_imposed)
        ],
        "indicators": list(reading.indicators),
        "not_placed": list(reading.unplaced_findings),
        "readings": [_build_list_reading(each, rules) for each in reading.lists],
        "ilo_indicators": [
            {
                "id": indicator.id,
                "in_2012": indicator.in_2012,
                "in_2025": indicator.in_2025,
                "findings": list(indicator.findings),
                "stressed": list(indicator.stressed),
            }
            for indicator in reading.ilo
        ],
    }


def list_first_steps(reading: CaseReading, library: str, *, state_imposed: bool = False) -> list[tuple[Action, float]]:
    """Return the safety actions that a case requires, each with the days within which it is due, in the order to take them.

    They belong to the case itself, so that a case about none of the suppliers in the files has them too. They follow from its
    strength, and from coercion at work whatever the strength (CC-5). ``library``: the release of the action library.
    ``state_imposed``: a state imposes the labour there, so that no step contacts anyone (RM-16).
    """
    findings = {f"floor:case_{reading.strength}", *((COERCION_CASE,) if reading.urgent else ())}
    return list_case_steps(findings, list_release_actions(library), state_imposed=state_imposed)


def _build_list_reading(list_reading: ListReading, rules: CaseRules) -> Document:
    return {
        "list": list_reading.people,
        "class": {
            "best": list_reading.classes[0],
            "worst": list_reading.classes[1],
            "because": _describe_class(list_reading, rules),
        },
        "dimensions": [
            {
                "dimension": dimension.number,
                **_build_reading(dimension),
                "rule": dimension.rule,
                "found": list(dimension.found),
                "not_asked": dimension.not_asked,
            }
            for dimension in list_reading.dimensions
        ],
        "stages": [{"stage": stage, **_build_reading(reading)} for stage, reading in list_reading.stages.items()],
        "act": _build_reading(list_reading.act),
        "means": _build_reading(list_reading.means),
        "purpose": _build_reading(list_reading.purpose),
        "forced_labour": _build_reading(list_reading.forced_labour),
        "trafficking": _build_reading(list_reading.trafficking),
    }


def _describe_class(list_reading: ListReading, rules: CaseRules) -> str:
    """Return the published classes in words."""
    titles = {entry["id"]: entry["title"] for entry in rules.raw["class"]}
    best, worst = list_reading.classes
    sentence = "class" if best == worst else "class_range"
    return rules.format(sentence, best=best, best_title=titles[best], worst=worst, worst_title=titles[worst])


def _build_reading(reading: Reading) -> Document:
    return {"best": reading.best, "worst": reading.worst, "because": reading.because}


def parse_case_record(stored: Mapping[str, Any]) -> CaseRecord:
    """Parse a record from the part ``cases``. Raises KeyError or TypeError if it has another structure."""
    row, cohort = stored["row"], stored["cohort"]
    findings = tuple(
        Finding(
            finding["finding"],
            finding["phase"],
            finding["found"],
            finding["source"],
            finding["on"],
            f"{row['sheet']} row {finding['row']}",
        )
        for finding in stored["findings"]
    )
    return CaseRecord(
        Case(
            stored["case"],
            findings,
            cohort["age_group"],
            tuple(stored["acts"]),
            tuple(stored["asked_in_full"]),
        ),
        stored["linked_reference"],
        stored["linked_name"],
        {key: cohort[key] for key in COHORT_QUESTIONS},
        tuple(finding["note"] for finding in stored["findings"]),
        tuple(finding["row"] for finding in stored["findings"]),
        row["file"],
        row["sheet"],
        tuple(row["rows"]),
    )


def build_case_lines(
    records: Sequence[CaseRecord], assessed: Sequence[AssessedBatch], on: date, library: str
) -> tuple[CaseLine, ...]:
    """Return the records as lines of the internal report, strongest evidence first.

    ``library``: the release of the action library of the assessment.
    """
    order = ("emergency", "pattern", "signals", "none_recorded")
    rules, batches = find_case_rules_in_force(on), [each.batch for each in assessed]
    entries = zip(records, read_case_records(records, on, rules), link_to_suppliers(records, batches), strict=True)
    lines = [
        _build_case_line(record, reading, assessed, positions, rules, library) for record, reading, positions in entries
    ]
    return tuple(sorted(lines, key=lambda line: (order.index(line.strength.replace(" ", "_")), line.case)))


def _build_case_line(
    record: CaseRecord,
    reading: CaseReading,
    assessed: Sequence[AssessedBatch],
    positions: Sequence[SupplierPosition],
    rules: CaseRules,
    library: str,
) -> CaseLine:
    first_steps = list_first_steps(reading, library, state_imposed=is_labour_imposed_at_any(assessed, positions))
    sentences = [*reading.because]
    sentences += [f"Within {24 * days:g} hours: {action.title}." for action, days in first_steps]
    for list_reading in reading.lists:
        sentences += [dimension.because for dimension in list_reading.dimensions if dimension.best or dimension.found]
        sentences += [
            _describe_class(list_reading, rules),
            list_reading.forced_labour.because,
            list_reading.trafficking.because,
        ]
    names = ", ".join(_get_name(assessed[batch].batch, position) for batch, position in positions)
    return CaseLine(
        case=record.case.id,
        about=names or "no site or agency in these files",
        group=_describe_group(record),
        strength=reading.strength.replace("_", " "),
        findings=len({finding.finding_id for finding in record.case.findings if finding.found}),
        readings=tuple(sentences),
    )


def _describe_group(record: CaseRecord) -> str:
    """Return the group of workers in words. A small group, or one of unknown size, is not described any further.

    Reports are forwarded, and the nationality, job and month of arrival of a few people single them out. Whether they are
    children stays, because it decides what has to be done within hours.
    """
    cohort = record.cohort
    ages = {"adults": "adults", "children": "children", "both": "adults and children"}.get(record.case.people or "")
    ages = ages or "age not known"
    if not cohort["people"]:
        return f"number of people not recorded, {ages}"
    if cohort["people"] < SMALL_GROUP:
        return f"fewer than {SMALL_GROUP} people, {ages}"
    nationality = get_country_name(cohort["nationality"]) if cohort["nationality"] else None
    months = [format_iso_date(str(cohort[key])) for key in ("intake_from", "intake_to") if cohort[key]]
    intake = " to ".join(dict.fromkeys(months))
    return ", ".join(
        text for text in (nationality, cohort["job"], intake, f"{cohort['people']:g} people", ages) if text
    )


def _get_name(batch: Batch, position: int) -> str:
    for question in ("name", "name_local", "reference"):
        column = batch.answers.column(question)
        if column.codes[position] >= 0 and column.values[column.codes[position]] != "declined":
            return str(column.values[column.codes[position]])
    return f"row {batch.rows[position]}"
