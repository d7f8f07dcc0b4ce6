"""The detail page of one supplier: latest result, reasons, decision, related suppliers and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import orjson
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from reports.document import Detail, ModelUsed
from risk_models.model import get_model_version
from service.assessment.decision import Decision, decide
from service.assessment.export_json import iter_result_json
from service.clock import now, today
from service.db.pagination import Page
from service.db.remediation_tables import Step
from service.db.tables import Change, MergedKey, QuestionnaireRequest, Result, Supplier
from service.errors import not_found
from service.queries import lists, stored_results
from service.questionnaires_sent import requests as questionnaire_requests
from service.remediation import replies
from service.remediation.gate import GateFacts, load_gate_facts
from service.remediation.steps import get_action
from service.report_content import redaction
from service.report_content.contact_gate import ContactGate
from service.report_content.labels import get_country_name
from service.suppliers import related
from service.suppliers import repository as suppliers
from service.suppliers.identity import list_aliases
from service.suppliers.verified_steps import list_lent
from service.watchlists.matches import ScreeningSummary, summarize_screening

HISTORY_PAGE_SIZE = 6  # results on a page, each with what moved it
Contributions = Sequence[tuple[str, float]]


class CountedStep(NamedTuple):
    """A step whose outcome began to count as evidence with an assessment (``counts``), or ceased to, because it was reopened."""

    step_id: str
    title: str
    counts: bool


@dataclass(frozen=True)
class HistoryEntry:
    """A past result, its score change from the result before it (None for the first), and what contributed to that change.

    ``steps``: the steps that the caller may see whose outcome began or ceased to count. ``models``: the releases of the models
    before and after, where they differ; ``has_new_facts``: other public facts. ``is_unexplained``: its level fell without a
    known cause.
    """

    result: Result
    change: float | None
    contributions: Contributions
    steps: Sequence[CountedStep]
    models: tuple[str, str] | None
    has_new_facts: bool
    is_unexplained: bool


@dataclass(frozen=True)
class SupplierDetail:
    """The data of a supplier's page. ``draft`` is empty once the supplier has been consulted (service/remediation/replies.py).
    ``exited_on``: the last day of the relationship, if an approved exit paper ends it.
    """

    supplier: Supplier
    aliases: Sequence[MergedKey]
    result: Result
    detail: Detail
    model: ModelUsed
    decision: Decision
    exited_on: date | None
    draft: str
    agencies: Sequence[tuple[str, Supplier | None]]
    sites: Sequence[Supplier]
    reach: related.AgencyReach | None
    corridors: Sequence[tuple[str, str]]
    history: Page
    requests: Sequence[QuestionnaireRequest]
    watchlists: ScreeningSummary


def get_supplier_detail(
    session: Session, kind: str, name: str, gate: ContactGate, *, sees_worker_derived: bool
) -> SupplierDetail:
    """Return the details of a supplier, by id or reference.

    ``sites`` are the other sites of its company, or those that use the agency, whose ``reach`` is then set. Steps that
    a gate withholds are left out. Without ``sees_worker_derived`` the reasons are redacted.
    Raises DomainError, 404, for an unknown supplier.
    """
    supplier = suppliers.get_supplier(session, kind, name)
    latest = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    if latest is None:
        raise not_found(f"{kind.capitalize()} not found.")
    requests = questionnaire_requests.list_requests(session, supplier)
    model = get_model_version(latest.model, latest.model_version)
    detail = stored_results.build_detail(latest, gate)
    sites = related.list_company_sites if kind == "site" else related.list_sites_using
    others = sites(session, supplier)
    known = load_gate_facts(session, supplier.id)
    return SupplierDetail(
        supplier=supplier,
        aliases=list_aliases(session, supplier),
        result=latest,
        detail=detail if sees_worker_derived else redaction.redact_detail(detail),
        model=ModelUsed(model.id, model.version, model.title, model.digest[:12], 1, *model.levels.values()),
        decision=decide_on_result(latest, known, today(), sees_worker_derived=sees_worker_derived),
        exited_on=known.exited_on,
        draft=replies.get_draft_mark(session, [supplier.id], now()),
        agencies=related.list_agencies(session, supplier) if kind == "site" else (),
        sites=others,
        reach=related.get_agency_reach(session, supplier, others) if kind == "agency" else None,
        corridors=list_corridors(latest),
        history=list_history(session, supplier, sees_worker_derived=sees_worker_derived),
        requests=requests,
        watchlists=summarize_screening(session, supplier.id),
    )


def decide_on_result(result: Result, known: GateFacts, on: date, *, sees_worker_derived: bool) -> Decision:
    """Return the onboarding decision about a stored result as of a day, with the reasons that the caller may see."""
    assessed, facts = stored_results.reassess_result(result)
    document = orjson.loads(next(iter_result_json(assessed, result.on)))
    return decide(
        assessed,
        document,
        facts,
        result.on,
        known.plan,
        known.informed_on,
        today=on,
        sees_worker_derived=sees_worker_derived,
        exited_on=known.exited_on,
    )


def list_corridors(result: Result) -> list[tuple[str, str]]:
    """Return the corridors of a result as (origin, destination) names; the destination of a site is its country."""
    origins = result.answers.get("worker_origin_countries")
    ends = result.answers.get("destination_countries") or [result.answers.get("country")]
    if not isinstance(origins, list | tuple) or not isinstance(ends, list | tuple):
        return []
    return [(get_country_name(a), get_country_name(b)) for a in origins for b in ends if b and b != "declined"]


def list_history(session: Session, supplier: Supplier, cursor: str | None = None, *, sees_worker_derived: bool) -> Page:
    """Return a page of the history of a supplier, newest first. Raises DomainError ``cursor.unknown``."""
    page = lists.list_results(session, supplier, cursor=cursor, limit=HISTORY_PAGE_SIZE)
    return Page(list_history_entries(session, page.items, sees_worker_derived=sees_worker_derived), page.next_cursor)


def list_history_entries(
    session: Session, results: Sequence[Result], *, sees_worker_derived: bool
) -> tuple[HistoryEntry, ...]:
    """Return results of one supplier with what changed since the one before each, in their order."""
    earlier = [_find_result_before(session, result) for result in results]
    steps = _list_counted_steps(session, list(zip(earlier, results, strict=True)), sees_worker_derived)
    unexplained = _list_unexplained_moments(session, results)
    return tuple(
        HistoryEntry(
            result,
            None if before is None else result.score - before.score,
            () if before is None else _compare_results(before, result),
            steps[result.id],
            None
            if before is None or before.model_version == result.model_version
            else (before.model_version, result.model_version),
            before is not None and before.facts_digest != result.facts_digest,
            result.created_at in unexplained,
        )
        for before, result in zip(earlier, results, strict=True)
    )


def _find_result_before(session: Session, result: Result) -> Result | None:
    query = select(Result).where(
        Result.supplier_id == result.supplier_id,
        or_(
            Result.created_at < result.created_at,
            and_(Result.created_at == result.created_at, Result.id > result.id),
        ),
    )
    return session.scalars(query.order_by(Result.created_at.desc(), Result.id).limit(1)).first()


def _list_counted_steps(
    session: Session, pairs: Sequence[tuple[Result | None, Result]], sees_worker_derived: bool
) -> dict[str, list[CountedStep]]:
    """Return by the id of each result the steps whose evidence it has and the one before it had not, or the other way round."""
    changes: dict[str, list[tuple[str, bool]]] = {}
    for before, result in pairs:
        earlier, now_ = set(list_lent(before.answers) if before else ()), set(list_lent(result.answers))
        changes[result.id] = [(step_id, step_id in now_) for step_id in sorted(earlier ^ now_)]
    ids = {step_id for listed in changes.values() for step_id, _ in listed}
    query = select(Step).where(Step.id.in_(ids))
    if not sees_worker_derived:
        query = query.where(Step.worker_derived.is_(False))
    titles = {step.id: get_action(step).title for step in session.scalars(query)} if ids else {}
    return {
        result_id: [CountedStep(step_id, titles[step_id], counts) for step_id, counts in listed if step_id in titles]
        for result_id, listed in changes.items()
    }


def _list_unexplained_moments(session: Session, results: Sequence[Result]) -> set[datetime]:
    """Return the moments of those results with which the level fell without a known cause."""
    query = select(Change.at, Change.data).where(
        Change.supplier_id.in_({result.supplier_id for result in results}),
        Change.level_before.is_not(None),
        Change.at.in_([result.created_at for result in results]),
    )
    return {at for at, data in session.execute(query) if data.get("without_known_cause")} if results else set()


def _compare_results(before: Result, after: Result) -> Contributions:
    """Return what contributed to a score change; empty, without recomputing, if all inputs are the same."""
    same = ("answers", "agency_scores", "case_evidence", "model", "model_version", "facts_digest", "on")
    if all(getattr(before, name) == getattr(after, name) for name in same):
        return ()
    return stored_results.explain_score_change(before, after)


def list_contributions(session: Session, supplier: Supplier, at: datetime) -> Contributions:
    """Return what contributed to the score change of the assessment at a moment; empty for a first assessment."""
    results = session.scalars(
        select(Result)
        .where(Result.supplier_id == supplier.id, Result.created_at <= at)
        .order_by(Result.created_at.desc(), Result.id)
        .limit(2)
    ).all()
    return stored_results.explain_score_change(results[1], results[0]) if len(results) > 1 else ()
