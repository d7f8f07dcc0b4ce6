"""One supplier as an officer reads about it: what it says, why, what to do, who else is concerned, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from reports.document import DRAFT, Detail, ModelUsed
from risk_models.model import of_version
from service.assessment.decision import Decision, decide
from service.db.pagination import Page
from service.db.tables import QuestionnaireRequest, MergedKey, Result, Supplier
from service.errors import not_found
from service.queries import lists, stored_results
from service.questionnaires_sent import requests as questionnaire_requests
from service.report_content import redaction
from service.report_content.labels import country_name
from service.suppliers import repository as suppliers
from service.suppliers.identity import list_aliases
from service.watchlists.matches import OfSupplier, of_supplier

HISTORY = 6  # results on a page, each with what moved it
Contributions = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class HistoryEntry:
    """An earlier state: the result, the points from the one before it (None for the first), and what moved it."""

    result: Result
    change: float | None
    moves: Contributions


@dataclass(frozen=True)
class SupplierDetail:
    """Everything the page of a supplier shows. ``draft`` is empty once the supplier has answered a form."""

    supplier: Supplier
    old_keys: Sequence[MergedKey]
    result: Result
    detail: Detail
    model: ModelUsed
    decision: Decision
    draft: str
    agencies: Sequence[tuple[str, Supplier | None]]
    sites: Sequence[Supplier]
    reach: suppliers.AgencyReach | None
    corridors: Sequence[tuple[str, str]]
    history: Page
    askings: Sequence[QuestionnaireRequest]
    watchlists: OfSupplier


def get_supplier_detail(session: Session, kind: str, name: str, *, sees_worker_derived: bool) -> SupplierDetail:
    """A supplier by id or reference. ``sites``: other sites of the company, or those that use the agency, with its ``reach``.

    Raises Refused, 404, where there is none.
    """
    supplier = suppliers.get_supplier(session, kind, name)
    latest = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    if latest is None:
        raise not_found(f"There is no such {kind}.")
    asked = questionnaire_requests.of_supplier(session, supplier)
    model = of_version(latest.model, latest.model_version)
    detail = stored_results.explained(latest)
    sites = suppliers.list_company_sites if kind == "site" else suppliers.list_sites_using
    others = sites(session, supplier)
    return SupplierDetail(
        supplier=supplier,
        old_keys=list_aliases(session, supplier),
        result=latest,
        detail=detail if sees_worker_derived else redaction.detail_without(detail),
        model=ModelUsed(model.id, model.version, model.title, model.digest[:12], 1, *model.levels.values()),
        decision=decide(stored_results.document(latest), model),
        draft="" if any(asking.returned_on for asking in asked) else DRAFT,
        agencies=suppliers.list_agencies(session, supplier) if kind == "site" else (),
        sites=others,
        reach=suppliers.get_agency_reach(session, supplier, others) if kind == "agency" else None,
        corridors=list_corridors(latest),
        history=list_history(session, supplier),
        askings=asked,
        watchlists=of_supplier(session, supplier.id),
    )


def list_corridors(result: Result) -> list[tuple[str, str]]:
    """Where workers come from and go to, by name: of an agency its destinations, of a site its country."""
    origins = result.answers.get("worker_origin_countries")
    ends = result.answers.get("destination_countries") or [result.answers.get("country")]
    if not isinstance(origins, list | tuple) or not isinstance(ends, list | tuple):
        return []
    return [(country_name(a), country_name(b)) for a in origins for b in ends if b and b != "declined"]


def list_history(session: Session, supplier: Supplier, cursor: str | None = None) -> Page:
    """How a supplier got where it is, newest first, as a page of Past. Raises Refused ``cursor.unknown``."""
    page = lists.list_results(session, supplier, cursor=cursor, limit=HISTORY)
    return Page(tuple(get_history_entry(session, result) for result in page.items), page.next_cursor)


def get_history_entry(session: Session, result: Result) -> HistoryEntry:
    """A result, beside the one before it."""
    before = session.scalars(
        select(Result)
        .where(
            Result.supplier_id == result.supplier_id,
            or_(
                Result.created_at < result.created_at,
                and_(Result.created_at == result.created_at, Result.id > result.id),
            ),
        )
        .order_by(Result.created_at.desc(), Result.id)
        .limit(1)
    ).first()
    return (
        HistoryEntry(result, None, ()) if before is None else HistoryEntry(result, result.score - before.score, _moves(before, result))
    )


def _moves(before: Result, after: Result) -> Contributions:
    """What moved a score; nothing is worked out where all that it rests on is the same."""
    same = ("answers", "agency_scores", "case_evidence", "model", "model_version", "facts_digest", "on")
    if all(getattr(before, name) == getattr(after, name) for name in same):
        return ()
    return stored_results.moved_by(before, after)


def list_contributions(session: Session, supplier: Supplier, at: datetime) -> Contributions:
    """What moved the score of a supplier in the assessment made at a moment; nothing for its first."""
    found = session.scalars(
        select(Result)
        .where(Result.supplier_id == supplier.id, Result.created_at <= at)
        .order_by(Result.created_at.desc(), Result.id)
        .limit(2)
    ).all()
    return stored_results.moved_by(found[1], found[0]) if len(found) > 1 else ()
