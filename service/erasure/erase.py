"""Erase suppliers, agencies, case records and imports, each in the caller's transaction, with a job that then removes the bytes.

What is left is an audit event: who erased what kind of object under which id, when, why, and how much went. ``preview_*`` finds
the same rows and changes none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import delete, func, or_, select, true
from sqlalchemy.orm import Session

from service.audit_chain import erase_details
from service.cases import closing, corrections
from service.cases import service as case_service
from service.db.case_tables import StoredCase, StoredFinding
from service.db.link_tables import AnswerFile, SupplierLink, UnfinishedUpload
from service.db.remediation_tables import Finding, Step, StepEvidence, StepFinding
from service.db.session import chunks
from service.db.tables import MergedKey, QuestionnaireRequest, Result, Supplier
from service.erasure import traces
from service.erasure.traces import Subject
from service.jobs.kinds import REMOVE_ERASED_BYTES
from service.jobs.table import enqueue
from service.suppliers import repository as suppliers
from service.suppliers.agency_links import get_name_keys
from service.suppliers.objects import list_object_ids

NAMES = ("reference", "name", "name_local", "trade_name")
SHORTEST = 3  # letters of a name by which stored texts are searched


@dataclass(frozen=True)
class Preview:
    """What erasing an object would do. ``since``: nothing was stored about it before, so earlier backups do not contain it.

    ``erased``: how many rows of it go; ``withdrawn``: how many imports, reports, stored replies and saved filters go or are
    emptied because they may show it; ``kept``: how many objects stay that it brought. The names say of what.
    """

    object_type: str
    object_id: str
    since: datetime
    erased: Mapping[str, int]
    withdrawn: Mapping[str, int]
    kept: Mapping[str, int]


def preview_supplier(session: Session, supplier: Supplier, *, sees_worker_derived: bool = True) -> Preview:
    """Return what erasing a supplier or an agency would do. Without ``sees_worker_derived``, nothing is counted that workers or
    others reported: a number would tell that they spoke.
    """
    subject = _describe_suppliers(session, [supplier])
    found = traces.find_traces(session, subject)
    counts = count_supplier_rows(session, [supplier.id], sees_worker_derived=sees_worker_derived)
    kept: dict[str, int] = {}
    if sees_worker_derived:
        kept["cases"] = len(closing.list_open_emergencies(session, [supplier.id]))
        counts["cases"] -= kept["cases"]
    return Preview(supplier.kind, supplier.id, subject.since, counts, found.count(), kept)


def erase_supplier(session: Session, supplier: Supplier, at: datetime, by: str) -> None:
    """Erase a supplier or an agency, with the records that were merged into it and its cases, save open emergencies: these stay
    until two users close them, and find the supplier again if it is entered again.

    Raises DomainError ``erasure.import_running``, 409.
    """
    traces.check_no_import_runs(session)
    erase_suppliers(session, [supplier], at, by)


def erase_suppliers(
    session: Session,
    erased: Sequence[Supplier],
    at: datetime,
    by: str,
    *,
    in_imports: bool = True,
    is_expired: bool = False,
) -> None:
    """Erase suppliers and agencies, sites first: once they are gone, erasing an agency causes no reassessment.

    ``in_imports``: whether the imports that may have contained them are withdrawn. ``is_expired``: their retention period is
    over. Files and reports then stay until they expire themselves.
    """
    if not erased:
        return
    if not is_expired:
        for case in closing.list_open_emergencies(session, [supplier.id for supplier in erased]):
            case_service.unlink_case(session, case)
        session.flush()
    subject = _describe_suppliers(session, erased)
    in_imports = in_imports and not is_expired
    found = traces.find_traces(session, subject, in_imports=in_imports, in_reports=not is_expired)
    digests = traces.remove_traces(session, found, at, by)
    digests += _list_evidence_files(session, Step.supplier_id, sorted(subject.supplier_ids))
    digests += _list_answer_files(session, sorted(subject.supplier_ids))
    digests += _list_pieces(session, sorted(subject.supplier_ids))
    for supplier in sorted(erased, key=lambda supplier: (supplier.kind == "agency", supplier.id)):
        counts = count_supplier_rows(session, [supplier.id])
        belonging = list_object_ids(session, [supplier.id])
        events = erase_details(session, {supplier.id, *chain.from_iterable(belonging.values())})
        suppliers.erase_supplier(session, supplier, at, by, {**counts, **found.count(), "events": events})
    traces.delete_changes(session, subject.supplier_ids)
    traces.remove_agency_keys(session, subject.agency_keys)
    if not is_expired:
        request_removal(session, [(supplier.kind, supplier.id) for supplier in erased], digests, by)


def preview_case(session: Session, case: StoredCase) -> Preview:
    """Return what erasing a case record would do."""
    subject = _describe_case(case)
    findings = session.scalars(select(func.count(StoredFinding.id)).where(StoredFinding.case_id == case.id)).one()
    found = traces.find_traces(session, subject)
    return Preview("case", case.id, subject.since, {"findings": findings}, found.count(), {})


def erase_case(session: Session, case_id: str, reason: str, on: date, at: datetime, by: str) -> None:
    """Erase a case record for a reason (:func:`service.cases.corrections.delete_case`), and reassess its supplier.

    Raises DomainError: ``case.reason``, ``case.two_users``, ``not_found``, ``erasure.import_running``.
    """
    traces.check_no_import_runs(session)
    case = case_service.get_case(session, case_id, lock=True)
    corrections.check_deletion(session, case, reason)
    remove_case(session, case, reason, on, at, by)


def remove_case(session: Session, case: StoredCase, reason: str, on: date, at: datetime, by: str) -> None:
    """Erase a case record that may be deleted, and reassess its supplier."""
    found = traces.find_traces(session, _describe_case(case))
    digests = traces.remove_traces(session, found, at, by)
    step_ids = _list_own_steps(session, case)
    finding_ids = session.scalars(select(Finding.id).where(Finding.case_id == case.id)).all()
    events = erase_details(session, {case.id, *finding_ids, *step_ids})
    digests += _delete_steps(session, step_ids)
    corrections.delete_case(session, case, reason, on, at, by, {**found.count(), "events": events})
    request_removal(session, [("case", case.id)], digests, by)


def _list_own_steps(session: Session, case: StoredCase) -> Sequence[str]:
    """Return the ids of the steps that only a case calls for."""
    linked = select(StepFinding.step_id).join(Finding, Finding.id == StepFinding.finding_id)
    elsewhere = linked.where(or_(Finding.case_id.is_(None), Finding.case_id != case.id))
    only_here = Step.id.in_(linked.where(Finding.case_id == case.id)), Step.id.not_in(elsewhere)
    return session.scalars(select(Step.id).where(*only_here)).all()


def _delete_steps(session: Session, step_ids: Sequence[str]) -> list[str]:
    """Delete steps, and return the digests of the files that prove them."""
    digests = _list_evidence_files(session, Step.id, step_ids)
    for chunk in chunks(step_ids):
        session.execute(delete(Step).where(Step.id.in_(chunk)))
    return digests


def _list_evidence_files(session: Session, column: Any, ids: Sequence[str]) -> list[str]:
    query = select(StepEvidence.sha256).join(Step, Step.id == StepEvidence.step_id)
    return [
        digest
        for chunk in chunks(ids)
        for digest in session.scalars(query.where(column.in_(chunk), StepEvidence.sha256.is_not(None)))
        if digest is not None
    ]


def _list_answer_files(session: Session, supplier_ids: Sequence[str]) -> list[str]:
    query = select(AnswerFile.sha256).join(QuestionnaireRequest, QuestionnaireRequest.id == AnswerFile.asking_id)
    return [
        digest
        for chunk in chunks(supplier_ids)
        for digest in session.scalars(query.where(QuestionnaireRequest.supplier_id.in_(chunk)))
    ]


def _list_pieces(session: Session, supplier_ids: Sequence[str]) -> list[str]:
    query = select(UnfinishedUpload.pieces).join(SupplierLink, SupplierLink.id == UnfinishedUpload.link_id)
    return [
        digest
        for chunk in chunks(supplier_ids)
        for pieces in session.scalars(query.where(SupplierLink.supplier_id.in_(chunk)))
        for digest in pieces
    ]


def count_supplier_rows(
    session: Session, supplier_ids: Collection[str], *, sees_worker_derived: bool = True
) -> dict[str, int]:
    """Count what is stored about suppliers: their results, questionnaire requests, case records, merged
    records, and the findings and steps of remediation. Without ``sees_worker_derived``, nothing is counted that tells that
    somebody reported something.
    """
    columns: dict[str, Any] = {
        "results": Result.supplier_id,
        "requests": QuestionnaireRequest.supplier_id,
        "cases": StoredCase.supplier_id,
        "merged_records": MergedKey.supplier_id,
        "findings": Finding.supplier_id,
        "steps": Step.supplier_id,
    }
    conditions: Mapping[str, Any] = {}
    if not sees_worker_derived:
        del columns["cases"]
        conditions = {"findings": Finding.worker_derived.is_(False), "steps": Step.worker_derived.is_(False)}
    return {
        name: sum(
            session.scalars(select(func.count(column)).where(column.in_(chunk), conditions.get(name, true()))).one()
            for chunk in chunks(sorted(supplier_ids))
        )
        for name, column in columns.items()
    }


def request_removal(session: Session, objects: Sequence[tuple[str, str]], digests: Sequence[str], by: str) -> None:
    """Have the bytes of erased objects, given by kind and id, removed by a job; its audit events are about each of them."""
    payload = {"objects": [list(erased) for erased in objects], "digests": sorted(set(digests))}
    enqueue(session, REMOVE_ERASED_BYTES, payload, by, short=True)


def _describe_suppliers(session: Session, erased: Sequence[Supplier]) -> Subject:
    ids = [supplier.id for supplier in erased]
    agency_ids = [supplier.id for supplier in erased if supplier.kind == "agency"]
    cases: set[str] = set()
    aliases: set[str] = set()
    since = [supplier.created_at for supplier in erased]
    for chunk in chunks(ids):
        cases.update(session.scalars(select(StoredCase.id).where(StoredCase.supplier_id.in_(chunk))))
        aliases.update(session.scalars(select(MergedKey.named).where(MergedKey.supplier_id.in_(chunk))))
        first = session.scalar(select(func.min(Result.created_at)).where(Result.supplier_id.in_(chunk)))
        since += [first] if first else []
    names = [supplier.answers.get(name) for supplier in erased for name in NAMES]
    keys = get_name_keys(session, agency_ids) if agency_ids else {}
    return Subject(
        supplier_ids=frozenset(ids),
        case_ids=frozenset(cases),
        texts=take_texts([*aliases, *(supplier.name for supplier in erased), *names]),
        since=min(since),
        shown_with=frozenset(ids),
        agency_keys=frozenset(key for names_of_one in keys.values() for key in names_of_one),
    )


def _describe_case(case: StoredCase) -> Subject:
    shown_with = frozenset({case.supplier_id} if case.supplier_id else ())
    return Subject(frozenset(), frozenset({case.id}), take_texts([case.number]), case.created_at, shown_with)


def take_texts(texts: Sequence[object]) -> frozenset[str]:
    """Return the texts that are long enough to search for."""
    return frozenset(text for text in texts if isinstance(text, str) and len(text) >= SHORTEST)
