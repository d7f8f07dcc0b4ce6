"""Erase suppliers, agencies and case records, each in the caller's transaction, with a job that then removes the bytes.

What is left is an audit event: who erased what kind of object under which id, when, why, and how much went.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.cases import corrections
from service.cases import service as case_service
from service.db.case_tables import StoredCase
from service.db.tables import MergedKey, QuestionnaireRequest, Result, Supplier
from service.erasure import traces
from service.erasure.traces import Subject
from service.jobs.kinds import REMOVE_ERASED_BYTES
from service.jobs.table import enqueue
from service.suppliers import repository as suppliers
from service.suppliers.agency_links import get_name_keys

NAMES = ("reference", "name", "name_local", "trade_name")
SHORTEST = 3  # letters of a name by which stored texts are searched


def erase_supplier(session: Session, supplier: Supplier, at: datetime, by: str) -> None:
    """Erase a supplier or an agency, with the records that were merged into it and its cases.

    Raises DomainError ``erasure.import_running``, 409.
    """
    traces.check_no_import_runs(session)
    subject = _describe_supplier(session, supplier)
    counts = count_supplier_rows(session, supplier.id)
    removed, digests = _remove_traces(session, subject, subject.supplier_ids, at, by)
    suppliers.erase_supplier(session, supplier, at, by, {**counts, **removed})
    traces.delete_changes(session, subject.supplier_ids)
    traces.remove_agency_keys(session, subject.agency_keys)
    _request_removal(session, supplier.kind, supplier.id, digests, by)


def erase_case(session: Session, case_id: str, reason: str, on: date, at: datetime, by: str) -> None:
    """Erase a case record for a reason (:func:`service.cases.corrections.delete_case`), and reassess its supplier.

    Raises DomainError: ``case.reason``, ``case.two_users``, ``not_found``, ``erasure.import_running``.
    """
    traces.check_no_import_runs(session)
    case = case_service.get_case(session, case_id, lock=True)
    corrections.check_deletion(session, case, reason)
    subject = Subject(frozenset(), frozenset({case.id}), _take_texts([case.number]), case.created_at)
    removed, digests = _remove_traces(session, subject, [case.supplier_id] if case.supplier_id else [], at, by)
    corrections.delete_case(session, case_id, reason, on, at, by, removed)
    _request_removal(session, "case", case_id, digests, by)


def count_supplier_rows(session: Session, supplier_id: str) -> dict[str, int]:
    """Count what is stored about a supplier: its results, questionnaire requests, case records and merged records."""
    columns: Mapping[str, Any] = {
        "results": Result.supplier_id,
        "requests": QuestionnaireRequest.supplier_id,
        "cases": StoredCase.supplier_id,
        "merged_records": MergedKey.supplier_id,
    }
    return {
        name: session.scalars(select(func.count(column)).where(column == supplier_id)).one()
        for name, column in columns.items()
    }


def _describe_supplier(session: Session, supplier: Supplier) -> Subject:
    cases = frozenset(session.scalars(select(StoredCase.id).where(StoredCase.supplier_id == supplier.id)))
    aliases = session.scalars(select(MergedKey.named).where(MergedKey.supplier_id == supplier.id)).all()
    first = session.scalar(select(func.min(Result.created_at)).where(Result.supplier_id == supplier.id))
    keys = get_name_keys(session, [supplier.id]).get(supplier.id, set()) if supplier.kind == "agency" else set()
    texts = _take_texts([*aliases, supplier.name, *(supplier.answers.get(name) for name in NAMES)])
    since = min(supplier.created_at, first or supplier.created_at)
    return Subject(frozenset({supplier.id}), cases, texts, since, frozenset(keys))


def _take_texts(texts: Sequence[object]) -> frozenset[str]:
    return frozenset(text for text in texts if isinstance(text, str) and len(text) >= SHORTEST)


def _remove_traces(
    session: Session, subject: Subject, shown_with: Collection[str], at: datetime, by: str
) -> tuple[Mapping[str, int], list[str]]:
    """Remove the traces of a subject, also from the reports about some suppliers; return counts and the digests of files."""
    imports, uploads = traces.withdraw_imports(session, subject, at, by)
    reports = traces.withdraw_reports(session, shown_with, subject.since)
    replies = traces.withdraw_replies(session, subject)
    traces.delete_filters(session, subject)
    return {"imports": imports, "reports": len(reports), "replies": replies}, [*uploads, *reports]


def _request_removal(session: Session, kind: str, object_id: str, digests: Sequence[str], by: str) -> None:
    payload = {"object_type": kind, "object_id": object_id, "digests": sorted(set(digests))}
    enqueue(session, REMOVE_ERASED_BYTES, payload, by, short=True)
