"""The portfolio through the API: what needs somebody now and what to do first; the table as a file; what moved a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from service.api import shown
from service.api.method import action
from service.api.responses import Reply, attachment
from service.api.views import listed
from service.auth.caller import caller, reading
from service.clock import now, today
from service.db.tables import Result, Supplier
from service.refusal import not_found
from service.register import listings, portfolio, portrait, supplier_list, suppliers
from service.register.supplier_list import Wanted, wanted_from

Told = Mapping[str, Any]
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def show(session: Session) -> Reply:
    """The portfolio: counts by level, queues, cells and places, who moved and why, reviews that are due."""
    on = today(caller().time_zone)
    whole = portfolio.overview(session, on, now())
    sure = supplier_list.sureness(session, Wanted(), on)
    return Reply(
        {
            "counts": whole.counts,
            "kinds": whole.kinds,
            "median_confidence": sure.confidence,
            "thin": sure.thin,
            "insufficient_evidence": _headlines(whole.queue),
            "worst": _headlines(whole.worst),
            "review_due": _headlines(whole.due),
            "overdue": whole.overdue,
            "heat_map": [_cell(cell, sector=cell.sector) for cell in whole.heat],
            "places": [_cell(place) for place in whole.places],
            "movers": [_mover(session, mover) for mover in whole.movers],
        }
    )


def _headlines(found: Iterable[Supplier]) -> list[dict[str, Any]]:
    return [shown.headline(supplier) for supplier in found]


def _cell(of: Any, **more: Any) -> dict[str, Any]:
    names = ("country", "value", "level", "known", "results", "up_to", "silent")
    return {**{name: getattr(of, name) for name in names}, **more}


def _mover(session: Session, mover: portfolio.Mover) -> dict[str, Any]:
    return {
        "supplier": shown.headline(mover.supplier),
        "from": mover.before,
        "to": mover.after,
        "at": shown.moment(mover.at),
        "cause": mover.cause,
        "moves": _moves(portrait.moved(session, mover.supplier, mover.at)),
    }


def _moves(pairs: portrait.Moves) -> list[dict[str, Any]]:
    return [{"title": title, "points": points} for title, points in pairs]


def actions(session: Session) -> Reply:
    """What is to be done first over all suppliers: each action with the worst few that it concerns."""
    library = supplier_list.actions()
    steps = supplier_list.next_steps(session, today(caller().time_zone), own=not caller().sees_worker_derived)
    items = [
        {"action": action(library[step.id]), "total": step.total, "suppliers": _headlines(step.suppliers)}
        for step in steps
        if step.id in library
    ]
    return Reply({"items": items, "next": None})


def table(query: Told) -> Response:
    """The table of suppliers as a file, narrowed and sorted as the page does it."""
    form, on = query["format"], today(caller().time_zone)
    with reading() as session:
        wanted = wanted_from(query, own=not caller().sees_worker_derived)
        data = supplier_list.export(session, wanted, on, form)
    return attachment(data, MEDIA_TYPES[form], f"suppliers_{on.isoformat()}.{form}")


def others(session: Session, kind: str, supplier_id: str) -> Reply:
    """Who else a supplier has to do with: agencies it names; sites of its company, or that use the agency and how many workers
    they say came through it; corridors.
    """
    kept = suppliers.get(session, kind, supplier_id)
    latest = session.get(Result, kept.latest_id) if kept.latest_id else None
    sites = (suppliers.sites_of_company if kind == "site" else suppliers.sites_using)(session, kept)
    named = suppliers.agencies_of(session, kept) if kind == "site" else ()
    return Reply(
        {
            "agencies": [{"named": name, "agency": shown.headline(a) if a else None} for name, a in named],
            "sites": _headlines(sites),
            "reach": asdict(suppliers.reach(session, kept, sites)) if kind == "agency" else None,
            "corridors": [{"from": a, "to": b} for a, b in (portrait.corridors(latest) if latest else ())],
        }
    )


def moves(session: Session, result_id: str) -> Reply:
    """What moved a score from the assessment before to this one; ``change`` is null for the first."""
    result = session.get(Result, result_id)
    if result is None:
        raise not_found("There is no such assessment.")
    past = portrait.past(session, result)
    return Reply({"id": result.id, "change": past.change, "moves": _moves(past.moves)})


def jobs(session: Session, query: Told) -> Reply:
    """Everything that is at work or was, newest first."""
    return listed(listings.jobs(session, **query), shown.job)
