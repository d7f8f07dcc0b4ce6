"""The first page: what needs me now. And what is to be done first, over all suppliers."""

from __future__ import annotations

from flask import Response, render_template
from markupsafe import Markup

from reports import charts, maps
from service.auth.caller import get_caller, read_session
from service.buyer import own_practices
from service.cases import service as case_service
from service.clock import now, today
from service.errors import not_found
from service.queries import portfolio, supplier_detail, supplier_list
from service.watchlists import matches
from service.web.pages.cases import left

VIEWS = {"asia-pacific": maps.ASIA_PACIFIC, "world": maps.WORLD}
MOVERS = 5  # that are shown, with what moved them


def show() -> str:
    """The portfolio."""
    on = today(get_caller().time_zone)
    with read_session() as session:
        overview = portfolio.get_overview(session, on, now(), queue_length=8)
        sure = supplier_list.summarize_confidence(session, supplier_list.SupplierFilter(), on)
        own = own_practices.list_units(session, on)
        emergencies = case_service.list_emergencies(session, on) if get_caller().sees_worker_derived else []
        waiting = matches.count_by_state(session)["open"]
        movers = [
            (mover, supplier_detail.list_contributions(session, mover.supplier, mover.at))
            for mover in overview.level_changes[:MOVERS]
        ]
    heat = Markup(charts.draw_heat_map("heat", overview.heat).svg()) if overview.heat else ""
    return render_template(
        "portfolio.html",
        overview=overview,
        emergencies=emergencies,
        left=left,
        waiting=waiting,
        own=own_practices.build_report_lines(own) if own else None,
        sure=sure,
        movers=movers,
        heat=heat,
        on=on,
        views=VIEWS,
        borders=maps.BORDERS,
    )


def chart(view: str) -> Response:
    """A map of the portfolio as a picture. Raises Refused ``not_found``."""
    if view not in VIEWS:
        raise not_found()
    with read_session() as session:
        places = portfolio.list_places(session, today(get_caller().time_zone))
    return Response(maps.draw_map(view, places, VIEWS[view]).svg(), content_type="image/svg+xml")


def actions() -> str:
    """What is to be done first, by action, with the suppliers it concerns."""
    with read_session() as session:
        steps = supplier_list.list_next_steps(
            session, today(get_caller().time_zone), own_answers_only=not get_caller().sees_worker_derived
        )
    library = supplier_list.load_actions_by_id()
    return render_template("actions.html", steps=[(library[step.id], step) for step in steps if step.id in library])
