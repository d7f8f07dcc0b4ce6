"""Case records in assessment.json (``cases``) and in the internal report, and back again, so that they can be recomputed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reports.document import CaseLine
from risk_models.cases.readings import Case, CaseReading, Finding, ListReading, Reading
from risk_models.cases.rules import load_case_rules
from risk_models.plan import CASE_OF_COERCION, Action, actions_of, load_actions
from service.assessment.assess import Batch
from service.case_reading.records import COHORT, CaseRecord, Place, link, readings_of
from service.report_content.labels import country_name

Document = dict[str, Any]


def cases_part(records: Sequence[CaseRecord], batches: Sequence[Batch], on: date) -> list[Document]:
    """Every record with its readings, and the results it is about. No name of a person can be in it."""
    places = [
        [
            {
                "kind": batches[b].kind,
                "file": batches[b].file,
                "sheet": batches[b].sheet,
                "row": int(batches[b].rows[j]),
            }
            for b, j in found
        ]
        for found in link(records, batches)
    ]
    found = zip(records, readings_of(records, on), places, strict=True)
    return [case_part(record, reading, about) for record, reading, about in found]


def case_part(
    record: CaseRecord, reading: CaseReading, about: Sequence[Document], library: str | None = None
) -> Document:
    """One record with its readings; ``about``: the rows of the results it is about; ``library``: see :func:`first_steps`."""
    rules = load_case_rules()
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
        for finding, note, row in zip(case.findings, record.notes, record.rows_of, strict=True)
    ]
    return {
        "case": case.id,
        "rules": {"version": rules.version, "digest": rules.digest},
        "linked_reference": record.linked_reference,
        "linked_name": record.linked_name,
        "linked": sorted(about, key=lambda place: (place["kind"], place["file"], place["sheet"], place["row"])),
        "cohort": {**record.cohort, "age_group": case.people},
        "acts": list(case.acts),
        "asked_in_full": list(case.phases_asked),
        "findings": findings,
        "row": {"file": record.file, "sheet": record.sheet, "rows": list(record.rows)},
        "strength": reading.strength,
        "because": list(reading.because),
        "first_steps": [{"id": action.id, "within_hours": 24 * days} for action, days in first_steps(reading, library)],
        "indicators": list(reading.indicators),
        "not_placed": list(reading.unplaced_findings),
        "readings": [_by_list(each) for each in reading.lists],
        "ilo_indicators": [
            {
                "id": line.id,
                "in_2012": line.in_2012,
                "in_2025": line.in_2025,
                "findings": list(line.findings),
                "stressed": list(line.stressed),
            }
            for line in reading.ilo
        ],
    }


def first_steps(reading: CaseReading, library: str | None = None) -> list[tuple[Action, float]]:
    """The steps for the safety of people that a case calls for, with their days, in the order in which they are taken.

    They stand with the case, so that one that is about no site or agency of the files is not left without. Its strength calls for
    them, and coercion at work that is reached, whatever its strength (CC-5). ``library``: the version of the library of actions
    that an assessment was made with; the newest unless told.
    """
    findings = {f"floor:case_{reading.strength}", *((CASE_OF_COERCION,) if reading.urgent else ())}
    called = [
        (action, action.due_days["harm"])
        for action in (load_actions() if library is None else actions_of(library))
        if action.safety and findings & set(action.addresses) and "harm" in action.states
    ]
    return sorted(called, key=lambda step: step[0].turn(step[1]))


def _by_list(each: ListReading) -> Document:
    return {
        "list": each.people,
        "class": {"best": each.classes[0], "worst": each.classes[1], "because": _class(each)},
        "dimensions": [
            {
                "dimension": d.number,
                **_read(d),
                "rule": d.rule,
                "found": list(d.found),
                "not_asked": d.not_asked,
            }
            for d in each.dimensions
        ],
        "stages": [{"stage": stage, **_read(reading)} for stage, reading in each.stages.items()],
        "act": _read(each.act),
        "means": _read(each.means),
        "purpose": _read(each.purpose),
        "forced_labour": _read(each.forced_labour),
        "trafficking": _read(each.trafficking),
    }


def _class(each: ListReading) -> str:
    """The published classes in words."""
    titles = {told["id"]: told["title"] for told in load_case_rules().raw["class"]}
    best, worst = each.classes
    if best == worst:
        return f"Published class {best}: {titles[best]}."
    return f"Published class {best} by what is recorded: {titles[best]}. At worst {worst}: {titles[worst]}."


def _read(reading: Reading) -> Document:
    return {"best": reading.best, "worst": reading.worst, "because": reading.because}


def record_of(stored: Mapping[str, Any]) -> CaseRecord:
    """A record from what is stored of it. Raises KeyError or TypeError where the shape is another."""
    row, cohort = stored["row"], stored["cohort"]
    findings = tuple(
        Finding(
            told["finding"],
            told["phase"],
            told["found"],
            told["source"],
            told["on"],
            f"{row['sheet']} row {told['row']}",
        )
        for told in stored["findings"]
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
        {key: cohort[key] for key in COHORT},
        tuple(told["note"] for told in stored["findings"]),
        tuple(told["row"] for told in stored["findings"]),
        row["file"],
        row["sheet"],
        tuple(row["rows"]),
    )


def case_lines(records: Sequence[CaseRecord], batches: Sequence[Batch], on: date) -> tuple[CaseLine, ...]:
    """The records as the internal report shows them, the strongest first."""
    order = ("emergency", "pattern", "signals", "none_recorded")
    found = zip(records, readings_of(records, on), link(records, batches), strict=True)
    lines = [_line(record, reading, batches, places) for record, reading, places in found]
    return tuple(sorted(lines, key=lambda line: (order.index(line.strength.replace(" ", "_")), line.case)))


def _line(record: CaseRecord, reading: CaseReading, batches: Sequence[Batch], places: Sequence[Place]) -> CaseLine:
    cohort = record.cohort
    nationality = country_name(cohort["nationality"]) if cohort["nationality"] else None
    intake = " to ".join(str(cohort[key]) for key in ("intake_from", "intake_to") if cohort[key])
    people = f"{cohort['people']:g} people" if cohort["people"] else None
    ages = {"adults": "adults", "children": "children", "both": "adults and children"}.get(record.case.people or "")
    group = [part for part in (nationality, cohort["job"], intake, people, ages or "age not told") if part]
    told = [*reading.because]
    told += [f"Within {24 * days:g} hours: {action.title}." for action, days in first_steps(reading)]
    for each in reading.lists:
        told += [d.because for d in each.dimensions if d.best or d.found]
        told += [_class(each), each.forced_labour.because, each.trafficking.because]
    about = ", ".join(_called(batches[b], j) for b, j in places)
    return CaseLine(
        case=record.case.id,
        about=about or "no site or agency of these files",
        group=", ".join(group),
        strength=reading.strength.replace("_", " "),
        findings=len({finding.finding_id for finding in record.case.findings if finding.found}),
        readings=tuple(told),
    )


def _called(batch: Batch, j: int) -> str:
    for question in ("name", "name_local", "reference"):
        column = batch.answers.column(question)
        if column.codes[j] >= 0 and column.values[column.codes[j]] != "declined":
            return str(column.values[column.codes[j]])
    return f"row {batch.rows[j]}"
