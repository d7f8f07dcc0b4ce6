"""Open and extend the case records of an organisation; the supplier concerned is reassessed each time.

Findings are only added, never altered (``corrections.py`` corrects notes and texts), and every step is recorded in the audit
trail. Stored texts must not identify a person, so they are checked here as those of a sheet are.
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
from questionnaires.issues import Issue, build_issue
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.person_detection import detect_personal_data, singles_out_a_person
from questionnaires.validation.personal_data import (
    COMPANY_NAME_QUESTIONS,
    IDENTIFYING_NOTE,
    REFERENCE_QUESTIONS,
    REMOVED_NOTE,
)
from risk_models.action_library import Action
from risk_models.answers import from_rows
from risk_models.cases.readings import read_case
from risk_models.cases.rules import STRENGTHS, find_case_rules_in_force
from risk_models.name_normalize import name_key
from service.assessment.assess import Batch
from service.audit import record_event
from service.case_reading.export_json import build_case_part, list_first_steps
from service.case_reading.records import (
    COHORT_QUESTIONS,
    LIST_QUESTIONS,
    SINGLE_ANSWER_QUESTIONS,
    SUPPLIER_NAME_QUESTIONS,
    CaseRecord,
    link_to_suppliers,
)
from service.case_reading.records import SUPPLIER_REFERENCE_QUESTIONS as NUMBERS
from service.db.case_tables import NUMBER_PURPOSE, StoredCase, StoredFinding
from service.db.encrypted import get_secret_keys, list_digests
from service.db.tables import Supplier, new_id
from service.errors import DomainError, not_found
from service.outbox.queue import Event, queue_events
from service.referrals.readiness import load_gate
from service.report_content.contact_gate import list_worker_places
from service.suppliers import repository as suppliers
from service.suppliers.case_evidence import list_findings, to_case_record
from service.suppliers.identity import list_alias_numbers
from service.suppliers.imposed_labour import is_labour_imposed
from service.suppliers.organisation_models import find_organisation_library

FORM_ID = "case"
FINDING_QUESTIONS = ("finding", "phase", "found", "source", "found_on", "note")
CASE_QUESTIONS = ("case_id", *SINGLE_ANSWER_QUESTIONS, *LIST_QUESTIONS)
MAX_LENGTHS = {"case_id": 100, "job": 200, "linked_reference": 300, "linked_name": 300, "note": 2000}


def find_removed_note(finding: Mapping[str, Any]) -> Issue | None:
    """Return the issue of a finding whose note contains personal data: it is saved without the note. None for any other."""
    note = finding.get("note")
    _check_length("note", note)
    if isinstance(note, str) and detect_personal_data(note) is not None:
        return build_issue(REMOVED_NOTE, header=load_form(FORM_ID).by_id["note"].title)
    return None


def find_identifying_note(finding: Mapping[str, Any]) -> Issue | None:
    """Return the issue of a finding whose note may point to one person: it is saved as it is. None for any other."""
    note = finding.get("note")
    if isinstance(note, str) and singles_out_a_person(note) and find_removed_note(finding) is None:
        return build_issue(IDENTIFYING_NOTE, header=load_form(FORM_ID).by_id["note"].title)
    return None


def get_case(session: Session, case_id: str, *, lock: bool = False) -> StoredCase:
    """Return a case by id, locked for update if asked. Raises DomainError, 404, if there is none."""
    query = select(StoredCase).where(StoredCase.id == case_id)
    case = session.scalars(query.with_for_update() if lock else query).first()
    if case is None:
        raise not_found("Case not found.")
    return case


def list_supplier_cases(session: Session, supplier_id: str) -> Sequence[StoredCase]:
    """Return the cases about a supplier, open ones first, then by strength of evidence, strongest first."""
    cases = sorted(
        session.scalars(select(StoredCase).where(StoredCase.supplier_id == supplier_id)), key=lambda case: case.number
    )
    return sorted(cases, key=lambda case: (case.state, case.strength, case.created_at), reverse=True)


def list_emergencies(session: Session, on: date) -> list[CaseDetail]:
    """Return the open emergencies, in which people may be in danger now, evaluated on a day; the longest-waiting one first."""
    urgent = (StoredCase.state == "open", StoredCase.strength == STRENGTHS.index("emergency"))
    cases = sorted(session.scalars(select(StoredCase).where(*urgent)), key=lambda one: (one.strength_since, one.number))
    return [get_case_detail(session, case, on) for case in cases]


@dataclass(frozen=True)
class FirstStep:
    """An urgent action: the hours within which it is due, and when that is."""

    action: Action
    hours: float
    due_at: datetime


@dataclass(frozen=True)
class CaseDetail:
    """A case for its handler: the stored case, its supplier and findings, its reading on a day (as in assessment.json), steps.

    ``withheld``: the text that replaces steps that contact workers, until help is arranged; empty if none is withheld.
    """

    case: StoredCase
    supplier: Supplier | None
    findings: Sequence[StoredFinding]
    reading: Mapping[str, Any]
    steps: Sequence[FirstStep]
    withheld: str


def get_case_detail(session: Session, case: StoredCase, on: date) -> CaseDetail:
    """Return a case evaluated on a day. Its first steps are due from the moment at which the evidence reached its strength."""
    findings = list_findings(session, [case]).get(case.id, ())
    case_record = to_case_record(case, findings)
    rules, library = find_case_rules_in_force(on), find_organisation_library(session, on)
    reading = read_case(case_record.case, on, rules)
    supplier = session.get(Supplier, case.supplier_id) if case.supplier_id else None
    imposed = supplier is not None and is_labour_imposed(session, supplier, on)
    gate, first_steps = load_gate(session, on), list_first_steps(reading, library, state_imposed=imposed)
    first_steps = first_steps if case.state == "open" else []
    places = list_worker_places(supplier.kind, supplier.answers) if supplier else frozenset()
    shown = [(action, days) for action, days in first_steps if not gate.withholds(action, days, places)]
    steps = [FirstStep(action, 24 * days, case.strength_since + timedelta(days=days)) for action, days in shown]
    withheld = gate.describe(places or [None]) if len(shown) < len(first_steps) else ""
    part = build_case_part(case_record, reading, (), rules, library, state_imposed=imposed)
    return CaseDetail(case, supplier, findings, part, steps, withheld)


def open_case(
    session: Session,
    answers: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    on: date,
    at: datetime,
    by: str,
    *,
    supplier_id: str | None = None,
) -> StoredCase:
    """Open a case from answers to the form by question id and the findings known so far, and return it.

    ``supplier_id``: the supplier it is about, if that is known; otherwise it is found by its reference or name.

    Raises DomainError: ``person.*`` for what looks like a person's data, ``case.taken`` for a number that is in use,
    ``case.number``, ``field.unknown``, or a code of the catalogue of issues.
    """
    parsed = parse_answers(answers, CASE_QUESTIONS, on)
    group = {key: value for key, value in parsed.items() if key not in LIST_QUESTIONS}
    lists = {key: tuple(parsed.get(key, ())) for key in LIST_QUESTIONS}
    number = str(group.get("case_id") or "")
    if not number:
        raise DomainError("case.number", 422, "Use a case number that cannot be traced to a person.")
    parsed_findings = [_parse_finding(finding, on) for finding in findings]
    case = _build_case(session, number, group, lists, at, by)
    case.supplier_id = supplier_id
    save_number(session, case, number, "Add the finding to that case, or use a different number.")
    record_event(session, by, "case.opened", "case", case.id, {})
    _add_findings(session, case, parsed_findings, on, at, by)
    link_unlinked_cases(session)
    reassess_suppliers(session, [case], on, at, by)
    return case


def add_finding(
    session: Session, case_id: str, answers: Mapping[str, Any], on: date, at: datetime, by: str
) -> StoredCase:
    """Add a finding to a case; it reopens a closed one. Raises DomainError as :func:`open_case` does, and ``not_found``."""
    parsed_findings = [_parse_finding(answers, on)]
    case = get_case(session, case_id, lock=True)
    _add_findings(session, case, parsed_findings, on, at, by)
    reassess_suppliers(session, [case], on, at, by)
    return case


def save_cases(
    session: Session, records: Iterable[CaseRecord], on: date, at: datetime, by: str, import_id: str
) -> list[StoredCase]:
    """Save the cases of a sheet: add new ones, and what is new in known ones. Return the cases that changed.

    Findings that are stored already are not added again. A record that describes another group than the stored case is left out
    (:func:`has_conflicting_group`).
    """
    changed_cases = []
    for case_record in records:
        case = session.scalars(_select_by_number(session, case_record.case.id).with_for_update()).first()
        group, is_changed = _get_group(case_record), True
        if case is None:
            lists = {"acts": case_record.case.acts, "asked_in_full": case_record.case.phases_asked}
            case = _build_case(session, case_record.case.id, group, lists, at, by)
            session.add(case)
            session.flush()
            record_event(session, by, "case.opened", "case", case.id, {"import": import_id})
        elif has_conflicting_group(session, case, case_record):
            continue
        else:
            is_changed = _complete_group(session, case, case_record, by)
        stored_values = {_get_values(finding) for finding in list_findings(session, [case]).get(case.id, ())}
        new_findings = []
        for finding, note, row in zip(
            case_record.case.findings, case_record.notes, case_record.finding_rows, strict=True
        ):
            values = {
                "finding": finding.finding_id,
                "phase": finding.phase,
                "found": finding.found,
                "source": finding.source,
                "found_on": finding.on,
                "note": note,
            }
            if tuple(values.values()) not in stored_values:
                place = {"file": case_record.file, "sheet": case_record.sheet, "row": row}
                new_findings.append({**values, "place": place, "import_id": import_id})
        _add_findings(session, case, new_findings, on, at, by)
        if is_changed or new_findings:
            changed_cases.append(case)
    return changed_cases


def has_conflicting_group(session: Session, case: StoredCase, case_record: CaseRecord) -> bool:
    """Return whether a record describes another group than the stored case with its number.

    Two different references are no conflict if they belong to one supplier.
    """
    stored = {**case.cohort, "age_group": case.age_group, "linked_reference": case.linked_reference}
    new = _get_group(case_record)
    compared = ("linked_reference", "nationality", "job", "intake_from", "intake_to", "age_group")
    conflicting = [
        key for key in compared if stored[key] and new[key] and name_key(str(stored[key])) != name_key(str(new[key]))
    ]
    if conflicting == ["linked_reference"] and case.supplier_id is not None:
        return find_case_suppliers(session, [case_record]) != [case.supplier_id]
    return bool(conflicting)


def find_conflicting_records(session: Session, records: Iterable[CaseRecord]) -> list[CaseRecord]:
    """Return the records whose number is that of a stored case about another group."""
    return [
        case_record
        for case_record in records
        for case in session.scalars(_select_by_number(session, case_record.case.id))
        if has_conflicting_group(session, case, case_record)
    ]


def link_unlinked_cases(session: Session) -> list[StoredCase]:
    """Link cases without a supplier to the suppliers that are stored now; return the cases that were linked."""
    unlinked = session.scalars(select(StoredCase).where(StoredCase.supplier_id.is_(None))).all()
    supplier_ids = find_case_suppliers(session, [to_case_record(case, ()) for case in unlinked])
    linked = []
    for case, supplier_id in zip(unlinked, supplier_ids, strict=True):
        if supplier_id is not None:
            case.supplier_id = supplier_id
            linked.append(case)
    session.flush()
    return linked


def unlink_case(session: Session, case: StoredCase) -> None:
    """Keep a case whose supplier is about to be erased, with a reference or name by which it finds the supplier if that is
    entered again: erasing a supplier must not end what only the handlers of its case may close.
    """
    supplier = session.get_one(Supplier, case.supplier_id)
    case.linked_reference = case.linked_reference or supplier.reference
    case.linked_name = case.linked_name or (None if case.linked_reference else supplier.name)
    case.supplier_id = None


def find_case_suppliers(session: Session, records: Sequence[CaseRecord]) -> list[str | None]:
    """Return the id of the supplier that each record is about, by reference or by a unique name; None if none is found."""
    if not records:
        return []
    batches, ids = [], []
    for kind in ("agency", "site"):
        query = select(Supplier.id, Supplier.answers).where(Supplier.kind == kind, Supplier.deleted_at.is_(None))
        rows = session.execute(query.order_by(Supplier.id)).all()
        identities = [
            {key: row.answers[key] for key in (*NUMBERS, *SUPPLIER_NAME_QUESTIONS) if key in row.answers}
            for row in rows
        ]
        aliases = list_alias_numbers(session, kind)
        identities += [alias for _, alias in aliases]
        batches.append(Batch(kind, from_rows(identities), "", "", np.arange(len(identities))))
        ids.append([*(row.id for row in rows), *(supplier_id for supplier_id, _ in aliases)])
    matched_ids = [
        {ids[kind][position] for kind, position in positions} for positions in link_to_suppliers(records, batches)
    ]
    return [matches.pop() if len(matches) == 1 else None for matches in matched_ids]


def save_number(session: Session, case: StoredCase, number: str, cure: str) -> None:
    """Give a case its number and write the case. Raises DomainError ``case.taken``, 409, which says ``cure``."""
    taken = DomainError("case.taken", 409, f"There is already a case with this number. {cure}")
    others = _select_by_number(session, number).where(StoredCase.id != case.id)
    if session.scalars(others).first() is not None:  # the database would miss one with the key of an older secret key
        raise taken
    case.number, case.key = number, _list_keys_of_session(session, number)[0]
    try:
        with session.begin_nested():
            session.add(case)
            session.flush()
    except IntegrityError as error:
        raise taken from error


def list_keys(secret_keys: Sequence[bytes], organisation_id: str, number: str) -> list[str]:
    """Return the keys by which a case with a number may be stored: digests of its normalised number with each secret key."""
    return list_digests(secret_keys, NUMBER_PURPOSE, f"{organisation_id} {(name_key(number) or number)[:300]}")


def _list_keys_of_session(session: Session, number: str) -> list[str]:
    return list_keys(get_secret_keys(session), session.info["organisation_id"], number)


def _select_by_number(session: Session, number: str) -> Select[StoredCase]:
    return select(StoredCase).where(StoredCase.key.in_(_list_keys_of_session(session, number)))


def _build_case(
    session: Session, number: str, group: Mapping[str, Any], lists: Mapping[str, Sequence[str]], at: datetime, by: str
) -> StoredCase:
    return StoredCase(
        id=new_id(),
        number=number,
        key=_list_keys_of_session(session, number)[0],
        linked_reference=group.get("linked_reference"),
        linked_name=group.get("linked_name"),
        cohort={name: group.get(name) for name in COHORT_QUESTIONS},
        age_group=group.get("age_group"),
        acts=list(lists["acts"]),
        asked_in_full=list(lists["asked_in_full"]),
        state="open",
        closing=None,
        strength=0,
        strength_since=at,
        created_by=by,
        created_at=at,
    )


def _get_group(case_record: CaseRecord) -> dict[str, Any]:
    linked = {"linked_reference": case_record.linked_reference, "linked_name": case_record.linked_name}
    return {**case_record.cohort, **linked, "age_group": case_record.case.people}


def _complete_group(session: Session, case: StoredCase, case_record: CaseRecord, by: str) -> bool:
    """Fill in what was not known about the group, without changing what was; return whether anything was added."""
    new = _get_group(case_record)
    filled = [name for name in COHORT_QUESTIONS if case.cohort.get(name) is None and new[name] is not None]
    case.cohort = {**case.cohort, **{name: new[name] for name in filled}}
    for name in ("linked_reference", "linked_name", "age_group"):
        if getattr(case, name) is None and new[name] is not None:
            setattr(case, name, new[name])
            filled.append(name)
    for name, values in (("acts", case_record.case.acts), ("asked_in_full", case_record.case.phases_asked)):
        added = [value for value in values if value not in getattr(case, name)]
        if added:
            setattr(case, name, [*getattr(case, name), *added])
            filled.append(name)
    if filled:
        case.closing = None  # whoever proposed to close the case did not know this of the people concerned
        record_event(session, by, "case.completed", "case", case.id, {"fields": filled})
    return bool(filled)


def _add_findings(
    session: Session, case: StoredCase, new_values: Sequence[Mapping[str, Any]], on: date, at: datetime, by: str
) -> None:
    """Add findings to a case, reopen it if it was closed, and update the strength of its evidence."""
    stored = list(list_findings(session, [case]).get(case.id, ()))
    added = [
        StoredFinding(**{"case_id": case.id, "number": number, "created_by": by, "created_at": at, **values})
        for number, values in enumerate(new_values, len(stored) + 1)
    ]
    session.add_all(added)
    session.flush()
    for finding in added:
        values = {"finding": finding.finding, "number": finding.number}
        record_event(session, by, "case.finding_added", "case", case.id, values)
    if added and case.state == "closed":
        case.state, case.outcome, case.closed_by, case.closed_at = "open", None, None, None
        record_event(session, by, "case.opened_again", "case", case.id, {})
    if added:
        case.closing = case.closing_declined = None  # whoever proposed to close the case did not know of this finding
    strength = STRENGTHS.index(read_case(to_case_record(case, [*stored, *added]).case, on).strength)
    if strength != case.strength:
        case.strength, case.strength_since = strength, at
        if STRENGTHS[strength] == "emergency":
            occasion = f"{case.id} {at.isoformat()}"
            event = Event(code="case.emergency", occasion=occasion, payload={"case_id": case.id}, case_id=case.id)
            queue_events(session, event)


def reassess_suppliers(session: Session, cases: Sequence[StoredCase], on: date, at: datetime, by: str) -> None:
    """Reassess the suppliers that cases are about."""
    session.flush()
    supplier_ids = {case.supplier_id for case in cases if case.supplier_id is not None}
    suppliers.reassess(session, supplier_ids, on, at, by)


def _get_values(finding: StoredFinding) -> tuple[Any, ...]:
    return tuple(getattr(finding, name) for name in FINDING_QUESTIONS)


def _parse_finding(answers: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Parse the answers of a finding; one that does not say whether it was found counts as found.

    If a note contains personal data, the finding is kept without it.
    """
    if find_removed_note(answers) is not None:
        answers = {**answers, "note": None}
    parsed = parse_answers(answers, FINDING_QUESTIONS, on)
    if "finding" not in parsed:
        raise DomainError("finding.missing", 422, "Enter what was found, or what was checked for but not found.")
    return {**dict.fromkeys(FINDING_QUESTIONS), **parsed, "found": parsed.get("found") != "no"}


def _check_length(name: str, value: object) -> None:
    """Refuse a text that is too long, before it is searched for personal data. Raises DomainError ``text.too_long``."""
    limit = MAX_LENGTHS.get(name, 300)
    if isinstance(value, str) and len(value) > limit:
        raise DomainError("text.too_long", 422, f"{name}: Use at most {limit} characters.")


def parse_answers(answers: Mapping[str, Any], allowed: Sequence[str], on: date) -> dict[str, Any]:
    """Validate answers by the rules of a sheet and return the parsed ones, without blanks. Raises DomainError.

    ``allowed``: the questions that may be answered.
    """
    fields = build_answers_schema(load_form(FORM_ID), on.isoformat()).fields
    parsed: dict[str, Any] = {}
    for name, value in answers.items():
        if name not in allowed:
            raise DomainError("field.unknown", 422, f"A case has no field '{name}'.")
        _check_length(name, value)
        if isinstance(value, str):
            code = detect_personal_data(
                value, company_name=name in COMPANY_NAME_QUESTIONS, reference=name in REFERENCE_QUESTIONS
            )
            if code is not None:
                raise DomainError(code, 422, f"{build_issue(code, header=name).describe()} Nothing was saved.")
        try:
            answer = fields[name].deserialize(value, name, answers) if value is not None else None
        except ValidationError as error:
            message: Any = error.messages
            message = message[0] if isinstance(message, list) else message
            code, cure = (message["code"], message["cure"]) if isinstance(message, dict) else (str(message), "")
            raise DomainError(code, 422, f"{load_form(FORM_ID).by_id[name].title}: {cure}".strip()) from error
        if answer is not None and answer not in RESERVED_ANSWERS:
            parsed[name] = answer
    return parsed
