"""API views of the portfolio: what needs attention, next steps, the exported table, score changes and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from reports.formats import FORMATS
from service.api.method import action_texts
from service.api.responses import Reply, attachment, page_reply, whole_list
from service.api.schemas.base import Resource
from service.api.suppliers import filter_from, supplier_line
from service.auth.caller import get_caller, read_session
from service.clock import now, today
from service.db.tables import Result, Supplier
from service.errors import not_found
from service.queries import lists, portfolio, progress, supplier_detail, supplier_list
from service.suppliers import related
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]


def get_portfolio(session: Session) -> Reply:
    """Return the portfolio: counts by level, queues, risk by country and sector, level changes with reasons, and reviews that
    are due.
    """
    on = today(get_caller().time_zone)
    overview = portfolio.get_portfolio_overview(session, on, now())
    confidence = supplier_list.summarize_confidence(session)
    return Reply(
        {
            "counts": overview.counts,
            "kinds": overview.kinds,
            "median_confidence": confidence.confidence,
            "thin": confidence.low_coverage,
            "insufficient_evidence": _lines(overview.queue),
            "worst": _lines(overview.worst),
            "review_due": _lines(overview.due),
            "overdue": overview.overdue,
            "heat_map": overview.heat,
            "places": overview.places,
            "movers": [_mover(session, mover) for mover in overview.level_changes],
        }
    )


def get_progress(session: Session) -> Reply:
    """Return the figures that were stored in the past year, at most one day a week, as series."""
    found = progress.load_progress(session, now().date(), sees_worker_derived=get_caller().sees_worker_derived)
    series = [
        {"figure": figure, "part": part, "values": values} for (figure, part), values in sorted(found.series.items())
    ]
    return Reply({"days": found.days, "series": series})


def _lines(found: Iterable[Supplier]) -> list[Resource]:
    return [supplier_line(supplier) for supplier in found]


def _mover(session: Session, mover: portfolio.LevelChange) -> Resource:
    contributions = _contributions(supplier_detail.list_contributions(session, mover.supplier, mover.at))
    return Resource(mover, supplier=supplier_line(mover.supplier), moves=contributions)


def _contributions(moves: supplier_detail.Contributions) -> list[dict[str, Any]]:
    return [{"title": title, "points": points} for title, points in moves]


def list_next_steps(session: Session) -> Reply:
    """Return the next steps for all suppliers: each action with the few highest-risk suppliers it concerns."""
    on = today(get_caller().time_zone)
    library = supplier_list.load_actions_by_id(session, on)
    steps = supplier_list.list_next_steps(session, on, own_answers_only=not get_caller().sees_worker_derived)
    return whole_list(
        [
            {"action": action_texts(library[step.id]), "total": step.total, "suppliers": _lines(step.suppliers)}
            for step in steps
            if step.id in library
        ]
    )


def table(query: Values) -> Response:
    """Return the table of suppliers as a file, filtered and sorted as on the page."""
    form, on = query["format"], today(get_caller().time_zone)
    with read_session() as session:
        data = supplier_list.export_table(session, filter_from(query), on, form)
    return attachment(data, FORMATS[form].media_type, f"suppliers_{on.isoformat()}.{form}")


def get_others(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return a supplier's connections: the agencies it names; the other sites of its company, or the sites that use the agency
    and how many workers they say it supplied; and migration corridors.
    """
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    latest = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    sites = (related.list_company_sites if kind == "site" else related.list_sites_using)(session, supplier)
    named = related.list_agencies(session, supplier) if kind == "site" else ()
    corridors = supplier_detail.list_corridors(latest) if latest else ()
    return Reply(
        {
            "agencies": [
                {"named": name, "agency": supplier_line(agency) if agency else None} for name, agency in named
            ],
            "sites": _lines(sites),
            "reach": related.get_agency_reach(session, supplier, sites) if kind == "agency" else None,
            "corridors": [{"origin": origin, "destination": destination} for origin, destination in corridors],
        }
    )


def get_moves(session: Session, result_id: str) -> Reply:
    """Return what changed the score since the previous assessment; ``change`` is null for the first assessment."""
    result = session.get(Result, result_id)
    if result is None:
        raise not_found("Assessment not found.")
    sees_all = get_caller().sees_worker_derived
    (past,) = supplier_detail.list_history_entries(session, [result], sees_worker_derived=sees_all)
    return Reply(
        {
            "id": result.id,
            "change": past.change,
            "moves": _contributions(past.contributions),
            "steps": [step._asdict() for step in past.steps],
            "without_known_cause": past.is_unexplained,
        }
    )


def list_jobs(session: Session, query: Values) -> Reply:
    """Return all jobs, newest first."""
    return page_reply(lists.list_jobs(session, **query))
