"""Every page over the use cases, in one list: method, address, name, function, and what the address fixes.

Who may call it stands in ``service/auth/access.toml`` under "METHOD pages.<name>".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask

from reports.document import LEVEL_TITLES, PRIORITIES
from reports.formats import FORMATS
from reports.formatting import format_points, format_share
from reports.view_model import LEADS, OWNERS
from service.auth.access import ACCESS
from service.auth.caller import get_caller
from service.db.tables import Supplier
from service.queries.supplier_list import get_action_title, get_level_text
from service.queries.supplier_list import get_next_step as first_step
from service.report_content.labels import get_country_name, get_sector_title
from service.report_content.sources import load_sources as register_of_sources
from service.web.pages import (
    cases,
    imports,
    method,
    own_practices,
    portfolio,
    repayment,
    reports,
    schedules,
    suppliers,
    watchlists,
    what_if,
)
from service.web.svg import strip


class Route(NamedTuple):
    """One page."""

    method: str
    address: str
    name: str
    view: Callable[..., Any]
    fixed: dict[str, str] = {}


def _table(path: str) -> list[Route]:
    """A table of suppliers, with its files and filters."""
    fixed = {"path": path}
    return [
        Route("GET", f"/{path}", path, suppliers.table, fixed),
        Route("GET", f"/{path}.<format>", f"{path}_file", suppliers.export, fixed),
        Route("POST", f"/{path}/filters", f"{path}_save_filter", suppliers.save_filter, fixed),
        Route("POST", f"/{path}/filters/<filter_id>/forget", f"{path}_forget_filter", suppliers.forget_filter, fixed),
    ]


def _of_kind(kind: str) -> list[Route]:
    """The pages that sites and agencies both have."""
    one, fixed = f"/{suppliers.PATHS[kind]}/<supplier_id>", {"kind": kind}
    return [
        Route("GET", one, kind, suppliers.one, fixed),
        Route("GET", f"{one}/history", f"{kind}_history", suppliers.history, fixed),
        Route("POST", f"{one}/askings", f"ask_{kind}", suppliers.ask, fixed),
        Route("GET", f"{one}/askings/<asking_id>", f"{kind}_form", suppliers.asked_form, fixed),
        Route("POST", f"{one}/askings/<asking_id>/returned", f"{kind}_form_returned", suppliers.returned, fixed),
        Route("GET", f"{one}/erase", f"confirm_erase_{kind}", suppliers.confirm_erase, fixed),
        Route("POST", f"{one}/erase", f"erase_{kind}", suppliers.erase, fixed),
        Route("GET", f"{one}/merge", f"confirm_merge_{kind}", suppliers.confirm_merge, fixed),
        Route("POST", f"{one}/merge", f"merge_{kind}", suppliers.merge, fixed),
        Route("POST", f"{one}/merged-keys/<merged_key_id>/let-go", f"let_go_{kind}", suppliers.let_go, fixed),
        Route("GET", f"{one}/what-if", f"what_if_{kind}", what_if.form, fixed),
        Route("POST", f"{one}/what-if", f"try_{kind}", what_if.tried, fixed),
    ]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "portfolio", portfolio.show),
    Route("GET", "/maps/<view>.svg", "map", portfolio.chart),
    Route("GET", "/actions", "actions", portfolio.actions),
    *_table("suppliers"),
    *_table("agencies"),
    *_of_kind("site"),
    *_of_kind("agency"),
    Route("GET", "/upload", "upload", imports.form),
    Route("POST", "/upload", "send", imports.send),
    Route("GET", "/templates/<form_id>.xlsx", "template", imports.template_of),
    Route("GET", "/imports", "imports", imports.listing),
    Route("GET", "/imports/<import_id>", "one_import", imports.one),
    Route("GET", "/imports/<import_id>/progress", "import_progress", imports.progress),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", imports.confirm),
    Route("POST", "/imports/<import_id>/correct", "correct_import", imports.correct),
    Route("POST", "/jobs/<job_id>/cancel", "cancel_job", imports.cancel_job),
    Route("POST", "/reports", "ask_report", reports.ask),
    Route("GET", "/reports/<job_id>", "report", reports.one),
    Route("GET", "/reports/<job_id>/progress", "report_progress", reports.progress),
    Route("GET", "/reports/<job_id>/file", "report_file", reports.fetch),
    Route("GET", "/schedules", "schedules", schedules.listing),
    Route("POST", "/schedules", "create_schedule", schedules.create),
    Route("POST", "/schedules/<schedule_id>", "change_schedule", schedules.change),
    Route("POST", "/schedules/<schedule_id>/delete", "delete_schedule", schedules.delete),
    Route("GET", "/cases", "cases", cases.listing),
    Route("POST", "/cases", "open_case", cases.open_case),
    Route("POST", "/cases/sheets", "send_cases", cases.send),
    Route("GET", "/cases/<case_id>", "one_case", cases.one),
    Route("POST", "/cases/<case_id>/findings", "add_finding", cases.add_finding),
    Route("POST", "/cases/<case_id>/close", "close_case", cases.close),
    Route("GET", "/watchlists", "watchlists", watchlists.listing),
    Route("POST", "/matches/<match_id>", "decide_match", watchlists.decide),
    Route("GET", "/repayment", "repayment", repayment.form),
    Route("POST", "/repayment", "work_out_repayment", repayment.work_out),
    Route("GET", "/our-practices", "buyer", own_practices.show),
    Route("POST", "/our-practices", "answer_buyer", own_practices.answer),
    Route("POST", "/our-practices/<answers_id>/erase", "erase_buyer", own_practices.erase),
    Route("GET", "/method", "method", method.overview),
    Route("GET", "/method/sources", "sources", method.register),
    Route("GET", "/method/<model_id>", "model", method.one),
)


def may(name: str, method: str = "POST") -> bool:
    """Whether who is signed in may call a page of this list: what they may not do is not offered to them."""
    return ACCESS.may_open(get_caller().role or "", f"pages.{name}", method)


def next_step(supplier: Supplier) -> str | None:
    """The id of the first action called for at a supplier, as who is signed in may see it."""
    return first_step(supplier, own_answers_only=not get_caller().sees_worker_derived)


def register(app: Flask) -> None:
    """Puts these pages on the application, and what their templates say things with."""
    pages = Blueprint("pages", __name__)
    for route in ROUTES:
        pages.add_url_rule(route.address, route.name, route.view, methods=[route.method], defaults=dict(route.fixed))
    app.register_blueprint(pages)
    app.jinja_env.globals.update(
        may=may,
        strip=strip,
        zone_of=ZoneInfo,
        level_of=get_level_text,
        next_step=next_step,
        step_title=get_action_title,
        country_name=get_country_name,
        sector_title=get_sector_title,
        points=format_points,
        share=format_share,
        LEVEL_TITLES=LEVEL_TITLES,
        PRIORITIES=PRIORITIES,
        LEADS=LEADS,
        OWNERS=OWNERS,
        REPORT_FORMATS=FORMATS,
        SOURCES=register_of_sources(),
    )
