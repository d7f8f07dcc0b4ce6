"""The portfolio page with its maps, and the page of the most urgent actions across all suppliers."""

from __future__ import annotations

from datetime import date

from flask import Response, render_template, url_for
from sqlalchemy.orm import Session

from reports import maps
from service.auth.access import ACCESS
from service.auth.caller import get_caller, read_session
from service.buyer import own_practices
from service.campaigns import board, campaigns
from service.cases import service as case_service
from service.clock import now, today
from service.errors import not_found
from service.imports import sample
from service.queries import approvals, portfolio, supplier_detail, supplier_list, watches
from service.referrals import readiness
from service.suppliers import organisation_models
from service.watchlists import matches
from service.web.heat_map import build_heat_map
from service.web.pages.cases import format_time_left

VIEWS = {"asia-pacific": maps.ASIA_PACIFIC, "world": maps.WORLD}
MAX_LEVEL_CHANGES = 5


def show_portfolio() -> str:
    """Show the portfolio."""
    on = today(get_caller().time_zone)
    with read_session() as session:
        overview = portfolio.get_portfolio_overview(session, on, now(), queue_length=8)
        confidence_summary = supplier_list.summarize_confidence(session)
        units = own_practices.list_units(session, on)
        emergencies = case_service.list_emergencies(session, on) if get_caller().sees_worker_derived else []
        sample_imports = sample.list_sample_imports(session)
        next_release = _find_unplanned_release(session, on)
        open_countries = readiness.list_open_countries(session, on)
        waiting = approvals.count_waiting(session, on, get_caller().actor) if _may_approve() else 0
        checks = watches.count_due(session, on) if get_caller().sees_worker_derived else (0, 0)
        open_matches = matches.count_matches_by_state(session)["open"]
        newest = campaigns.list_campaigns(session, limit=1)
        campaign_counts = board.count_states(session, newest) if newest else {}
        level_changes = [
            (change, supplier_detail.list_contributions(session, change.supplier, change.at))
            for change in overview.level_changes[:MAX_LEVEL_CHANGES]
        ]
    return render_template(
        "portfolio.html",
        overview=overview,
        emergencies=emergencies,
        time_left=format_time_left,
        open_countries=open_countries,
        waiting=waiting,
        overdue_checks=checks[0],
        due_checks=checks[1],
        open_matches=open_matches,
        next_release=next_release,
        sample_imports=sample_imports,
        own_practices=own_practices.build_report_lines(units) if units else None,
        confidence_summary=confidence_summary,
        level_changes=level_changes,
        campaign=newest[0] if newest else None,
        campaign_counts=campaign_counts,
        heat_map=build_heat_map(overview.heat),
        on=on,
        views=VIEWS,
        borders=maps.BORDERS,
    )


def _may_approve() -> bool:
    return ACCESS.may_open(get_caller().role or "", "pages.approvals")


def _find_unplanned_release(session: Session, on: date) -> str | None:
    """Return the next release of the method if the user may plan it and no day is set; otherwise None."""
    if not ACCESS.may_open(get_caller().role or "", "release.show"):
        return None
    organisation = organisation_models.get_organisation(session)
    if organisation.next_models_from is not None and organisation.next_models_from > on:
        return None
    return organisation_models.find_next_release(organisation, on)


def show_map(view: str) -> Response:
    """Return a map of the portfolio as SVG, with each country linked to its suppliers.

    Raises DomainError, ``not_found``, for an unknown view.
    """
    if view not in VIEWS:
        raise not_found()
    with read_session() as session:
        places = portfolio.list_places(session)
    drawing = maps.draw_map(
        view, places, VIEWS[view], link=lambda place: url_for("pages.suppliers", country=place.country)
    )
    return Response(drawing.svg(), content_type="image/svg+xml")


def show_actions() -> str:
    """Show the most urgent actions, each with the suppliers concerned."""
    with read_session() as session:
        on = today(get_caller().time_zone)
        steps = supplier_list.list_next_steps(session, on, own_answers_only=not get_caller().sees_worker_derived)
        library = supplier_list.load_actions_by_id(session, on)
    return render_template("actions.html", steps=[(library[step.id], step) for step in steps if step.id in library])
