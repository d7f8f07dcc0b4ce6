"""Case records as an organisation keeps them: opened, added to, closed; each time the supplier they are about is assessed again.

Nothing is changed in silence: a finding is added and never altered, and every act is an event of the audit trail. No person may
be in what is kept: texts are looked at here as they are in a sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from marshmallow import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from questionnaires.form import build_answers_schema, load_form
from questionnaires.issues import build_issue
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.person_detection import detect_personal_data
from questionnaires.validation.personal_data import COMPANY_NAME_QUESTIONS, REFERENCE_QUESTIONS
from risk_models.answers import from_rows
from risk_models.cases.readings import read_case
from risk_models.cases.rules import STRENGTHS, load_case_rules
from risk_models.name_normalize import name_key
from risk_models.plan import Action
from service.assessment.assess import Batch
from service.audit import record
from service.case_reading.export_json import case_part, first_steps
from service.case_reading.records import COHORT, LISTS, NAMES, ONCE, CaseRecord, link
from service.case_reading.records import REFERENCES as NUMBERS
from service.db.case_tables import StoredCase, StoredFinding
from service.db.tables import Supplier, new_id
from service.errors import DomainError, not_found
from service.suppliers import repository as suppliers
from service.suppliers.case_evidence import list_findings, to_case_record
from service.suppliers.identity import list_alias_numbers

FORM = "case"
OF_FINDING = ("finding", "phase", "found", "source", "found_on", "note")
OF_CASE = ("case_id", *ONCE, *LISTS)
LONGEST = {"case_id": 100, "job": 200, "linked_reference": 300, "linked_name": 300, "note": 2000}


def list_outcomes() -> Mapping[str, str]:
    """How a case may be closed, in words, by id."""
    return {told["id"]: told["title"] for told in load_case_rules().raw["outcome"]}


def get(session: Session, case_id: str, *, lock: bool = False) -> StoredCase:
    """A case by id. Raises Refused, 404, where there is none."""
    query = select(StoredCase).where(StoredCase.id == case_id)
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found("There is no such case.")
    return found


def of_supplier(session: Session, supplier_id: str) -> Sequence[StoredCase]:
    """The cases about a supplier, open ones first, the strongest of them first."""
    order = (StoredCase.state.desc(), StoredCase.strength.desc(), StoredCase.created_at.desc(), StoredCase.id)
    return session.scalars(select(StoredCase).where(StoredCase.supplier_id == supplier_id).order_by(*order)).all()


def emergencies(session: Session, on: date) -> list[Shown]:
    """The open cases in which somebody may be in danger now, read on a day; the one that waits longest comes first."""
    urgent = (StoredCase.state == "open", StoredCase.strength == STRENGTHS.index("emergency"))
    found = session.scalars(select(StoredCase).where(*urgent).order_by(StoredCase.strength_since, StoredCase.id))
    return [shown(session, case, on) for case in found]


@dataclass(frozen=True)
class FirstStep:
    """A step that does not wait, and the moment by which it is to be done."""

    action: Action
    hours: float
    by: datetime


@dataclass(frozen=True)
class Shown:
    """A case as its handler reads it: what is kept, whom it is about, and what is read in it on a day (as assessment.json
    has it).
    """

    case: StoredCase
    supplier: Supplier | None
    findings: Sequence[StoredFinding]
    read: Mapping[str, Any]
    steps: Sequence[FirstStep]


def shown(session: Session, case: StoredCase, on: date) -> Shown:
    """A case read on a day. Its first steps run from the moment on which the evidence became as strong as it is."""
    findings = list_findings(session, [case]).get(case.id, ())
    told = to_case_record(case, findings)
    reading = read_case(told.case, on)
    supplier = session.get(Supplier, case.supplier_id) if case.supplier_id else None
    steps = [
        FirstStep(action, 24 * days, case.strength_since + timedelta(days=days))
        for action, days in (first_steps(reading) if case.state == "open" else ())
    ]
    return Shown(case, supplier, findings, case_part(told, reading, ()), steps)


def open_case(
    session: Session, told: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], on: date, at: datetime, by: str
) -> StoredCase:
    """A new case, as answers to the form by question id, with the findings known so far.

    Raises Refused: ``person.*`` for what looks like a person's data, ``case.taken`` for a number that is in use, ``case.number``,
    ``field.unknown``, or the code of the catalogue of issues.
    """
    said = _read(told, OF_CASE, on)
    group = {key: value for key, value in said.items() if key not in LISTS}
    several = {key: tuple(said.get(key, ())) for key in LISTS}
    number = str(group.get("case_id") or "")
    if not number:
        raise DomainError("case.number", 422, "Give the case a number that leads to nobody.")
    wanted = [_finding(finding, on) for finding in findings]
    case = _new(number, group, several, at, by)
    try:
        with session.begin_nested():
            session.add(case)
    except IntegrityError as taken:
        raise DomainError(
            "case.taken", 409, "There is a case of this number: add what was found to it, or give another number."
        ) from taken
    record(session, by, "case.opened", "case", case.id, {})
    _add(session, case, wanted, on, at, by)
    link_waiting(session)
    _assess(session, [case], on, at, by)
    return case


def add_finding(session: Session, case_id: str, told: Mapping[str, Any], on: date, at: datetime, by: str) -> StoredCase:
    """One more finding of a case; it opens a closed one again. Raises Refused as :func:`open_case` does, and ``not_found``."""
    wanted = [_finding(told, on)]
    case = get(session, case_id, lock=True)
    _add(session, case, wanted, on, at, by)
    _assess(session, [case], on, at, by)
    return case


def close(session: Session, case_id: str, outcome: str, on: date, at: datetime, by: str) -> StoredCase:
    """Closes a case. Raises Refused: ``case.outcome``, ``case.closed``, ``not_found``."""
    if outcome not in list_outcomes():
        raise DomainError("case.outcome", 422, f"A case is closed as one of {', '.join(list_outcomes())}.")
    case = get(session, case_id, lock=True)
    if case.state == "closed":
        raise DomainError("case.closed", 409, "The case is closed already.")
    case.state, case.outcome, case.closed_by, case.closed_at = "closed", outcome, by, at
    record(session, by, "case.closed", "case", case.id, {"outcome": outcome})
    session.flush()
    _assess(session, [case], on, at, by)
    return case


def keep(
    session: Session, records: Iterable[CaseRecord], on: date, at: datetime, by: str, import_id: str
) -> list[StoredCase]:
    """The cases of a sheet: new ones, and what is new in those that are known. Returns those that anything was added to.

    What is there already is not added again. A case that says another thing of its group than is kept is left out
    (:func:`contradicts`).
    """
    touched = []
    for told in records:
        case = session.scalars(_of_number(told.case.id).with_for_update()).first()
        group, more = _group_of(told), True
        if case is None:
            several = {"acts": told.case.acts, "asked_in_full": told.case.phases_asked}
            case = _new(told.case.id, group, several, at, by)
            session.add(case)
            session.flush()
            record(session, by, "case.opened", "case", case.id, {"import": import_id})
        elif contradicts(session, case, told):
            continue
        else:
            more = _complete(session, case, told, by)
        there = {_told(finding) for finding in list_findings(session, [case]).get(case.id, ())}
        new = []
        for finding, note, row in zip(told.case.findings, told.notes, told.rows_of, strict=True):
            said = {
                "finding": finding.finding_id,
                "phase": finding.phase,
                "found": finding.found,
                "source": finding.source,
                "found_on": finding.on,
                "note": note,
            }
            if tuple(said.values()) not in there:
                place = {"file": told.file, "sheet": told.sheet, "row": row}
                new.append({**said, "place": place, "import_id": import_id})
        _add(session, case, new, on, at, by)
        if more or new:
            touched.append(case)
    return touched


def contradicts(session: Session, case: StoredCase, told: CaseRecord) -> bool:
    """Whether a record says another thing of the group than the case of its number: they are two groups then. Two references may
    be of one supplier.
    """
    kept = {**case.cohort, "age_group": case.age_group, "linked_reference": case.linked_reference}
    new = _group_of(told)
    named = ("linked_reference", "nationality", "job", "intake_from", "intake_to", "age_group")
    other = [key for key in named if kept[key] and new[key] and name_key(str(kept[key])) != name_key(str(new[key]))]
    if other == ["linked_reference"] and case.supplier_id is not None:
        return whom(session, [told]) != [case.supplier_id]
    return bool(other)


def contradicted(session: Session, records: Iterable[CaseRecord]) -> list[CaseRecord]:
    """Those of some records whose number is that of a case about another group."""
    return [
        told
        for told in records
        for case in session.scalars(_of_number(told.case.id))
        if contradicts(session, case, told)
    ]


def link_waiting(session: Session) -> list[StoredCase]:
    """Links the cases that no supplier is known for to those that are kept now; returns the cases that found one."""
    waiting = session.scalars(select(StoredCase).where(StoredCase.supplier_id.is_(None))).all()
    places = whom(session, [to_case_record(case, ()) for case in waiting])
    found = []
    for case, supplier_id in zip(waiting, places, strict=True):
        if supplier_id is not None:
            case.supplier_id = supplier_id
            found.append(case)
    session.flush()
    return found


def whom(session: Session, records: Sequence[CaseRecord]) -> list[str | None]:
    """The supplier that each record is about, by reference, or by a name that one alone bears; None where there is none."""
    if not records:
        return []
    batches, ids = [], []
    for kind in ("agency", "site"):
        query = select(Supplier.id, Supplier.answers).where(Supplier.kind == kind, Supplier.deleted_at.is_(None))
        rows = session.execute(query.order_by(Supplier.id)).all()
        named = [{key: row.answers[key] for key in (*NUMBERS, *NAMES) if key in row.answers} for row in rows]
        old = list_alias_numbers(session, kind)
        named += [told for _, told in old]
        batches.append(Batch(kind, from_rows(named), "", "", np.arange(len(named))))
        ids.append([*(row.id for row in rows), *(supplier_id for supplier_id, _ in old)])
    about = [{ids[kind][at] for kind, at in places} for places in link(records, batches)]
    return [found.pop() if len(found) == 1 else None for found in about]


def _key(number: str) -> str:
    """What a case is found again by."""
    return (name_key(number) or number)[:300]


def _of_number(number: str) -> Select[StoredCase]:
    return select(StoredCase).where(StoredCase.key == _key(number))


def _new(
    number: str, group: Mapping[str, Any], several: Mapping[str, Sequence[str]], at: datetime, by: str
) -> StoredCase:
    return StoredCase(
        id=new_id(),
        number=number,
        key=_key(number),
        linked_reference=group.get("linked_reference"),
        linked_name=group.get("linked_name"),
        cohort={name: group.get(name) for name in COHORT},
        age_group=group.get("age_group"),
        acts=list(several["acts"]),
        asked_in_full=list(several["asked_in_full"]),
        state="open",
        strength=0,
        strength_since=at,
        created_by=by,
        created_at=at,
    )


def _group_of(told: CaseRecord) -> dict[str, Any]:
    linked = {"linked_reference": told.linked_reference, "linked_name": told.linked_name}
    return {**told.cohort, **linked, "age_group": told.case.people}


def _complete(session: Session, case: StoredCase, told: CaseRecord, by: str) -> bool:
    """Fills in what was not told of the group before; what was told stays. Whether there was anything."""
    new = _group_of(told)
    filled = [name for name in COHORT if case.cohort.get(name) is None and new[name] is not None]
    case.cohort = {**case.cohort, **{name: new[name] for name in filled}}
    for name in ("linked_reference", "linked_name", "age_group"):
        if getattr(case, name) is None and new[name] is not None:
            setattr(case, name, new[name])
            filled.append(name)
    for name, said in (("acts", told.case.acts), ("asked_in_full", told.case.phases_asked)):
        more = [each for each in said if each not in getattr(case, name)]
        if more:
            setattr(case, name, [*getattr(case, name), *more])
            filled.append(name)
    if filled:
        record(session, by, "case.completed", "case", case.id, {"fields": filled})
    return bool(filled)


def _add(
    session: Session, case: StoredCase, wanted: Sequence[Mapping[str, Any]], on: date, at: datetime, by: str
) -> None:
    """Adds findings, and reads the case anew."""
    there = list(list_findings(session, [case]).get(case.id, ()))
    new = [
        StoredFinding(**{"case_id": case.id, "number": number, "created_by": by, "created_at": at, **told})
        for number, told in enumerate(wanted, len(there) + 1)
    ]
    session.add_all(new)
    session.flush()
    for finding in new:
        told = {"finding": finding.finding, "number": finding.number}
        record(session, by, "case.finding_added", "case", case.id, told)
    if new and case.state == "closed":
        case.state, case.outcome, case.closed_by, case.closed_at = "open", None, None, None
        record(session, by, "case.opened_again", "case", case.id, {})
    strength = STRENGTHS.index(read_case(to_case_record(case, [*there, *new]).case, on).strength)
    if strength != case.strength:
        case.strength, case.strength_since = strength, at


def _assess(session: Session, cases: Sequence[StoredCase], on: date, at: datetime, by: str) -> None:
    session.flush()
    about = {case.supplier_id for case in cases if case.supplier_id is not None}
    suppliers.reassess(session, about, on, at, by)


def _told(finding: StoredFinding) -> tuple[Any, ...]:
    return tuple(getattr(finding, name) for name in OF_FINDING)


def _finding(told: Mapping[str, Any], on: date) -> dict[str, Any]:
    """A finding as the form reads it; one that does not say whether it was found was."""
    said = _read(told, OF_FINDING, on)
    if "finding" not in said:
        raise DomainError("finding.missing", 422, "Say what was found, or asked about.")
    return {**dict.fromkeys(OF_FINDING), **said, "found": said.get("found") != "no"}


def _read(told: Mapping[str, Any], wanted: Sequence[str], on: date) -> dict[str, Any]:
    """Answers to the form, held to the rules of a sheet; what says nothing is left out. Raises Refused."""
    fields = build_answers_schema(load_form(FORM), on.isoformat()).fields
    said: dict[str, Any] = {}
    for name, value in told.items():
        if name not in wanted:
            raise DomainError("field.unknown", 422, f"A case has no '{name}'.")
        if isinstance(value, str):
            code = detect_personal_data(
                value, company_name=name in COMPANY_NAME_QUESTIONS, reference=name in REFERENCE_QUESTIONS
            )
            if code is not None:
                raise DomainError(code, 422, f"{build_issue(code, header=name).describe()} Nothing was kept.")
            if len(value) > LONGEST.get(name, 300):
                raise DomainError("text.too_long", 422, f"{name}: Say it in at most {LONGEST.get(name, 300)} letters.")
        try:
            answer = fields[name].deserialize(value, name, told) if value is not None else None
        except ValidationError as fault:
            first: Any = fault.messages
            first = first[0] if isinstance(first, list) else first
            code, cure = (first["code"], first["cure"]) if isinstance(first, dict) else (str(first), "")
            raise DomainError(code, 422, f"{load_form(FORM).by_id[name].title}: {cure}".strip()) from fault
        if answer is not None and answer not in RESERVED_ANSWERS:
            said[name] = answer
    return said
