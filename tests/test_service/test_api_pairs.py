"""Everything a page does the API does: held through the one table in docs/api.md."""

import re
from pathlib import Path

from service.api.routes import ROUTES
from service.auth.access import ACCESS

LINE = re.compile(r"^\| (`(?:GET|POST) \w+\.\w+`.*) \| (`.*`) \|$", re.MULTILINE)
# Pages of one's own sign-in and calendar, which a machine does not have.
CALENDAR = {"GET pages.calendar", "POST pages.create_calendar_link", "POST pages.revoke_calendar_link"}
OWN = CALENDAR | {name for name in ACCESS.pages if name.split(" ")[1].startswith("account.")}
# What only a person can vouch for or decide, never a program, and what users say and show to each other for that.
VOUCHED_FOR = {
    "POST pages.note_site_delivery", "POST pages.note_agency_delivery", "POST pages.verify_step", "POST pages.confirm_payment",
    "POST pages.add_step_comment", "GET pages.step_file", "POST pages.ask_approver",
    "POST pages.decide_step_request", "POST pages.decide_closing", "POST pages.decide_exit", "POST pages.decide_watch_end",
    "POST pages.save_language", "POST pages.preview_language_file", "POST pages.save_language_file",
    "POST pages.change_exit_state", "POST pages.record_check", "POST pages.ask_to_end_watch",
    "POST pages.accept_survey",
}  # fmt: skip


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


PAIRS = [
    (page, route)
    for pages, routes in LINE.findall(Path("docs/api.md").read_text(encoding="utf-8"))
    for page in quoted(pages)
    for route in quoted(routes)
]


def test_every_page_has_its_route_of_the_api():
    assert {page for page, _ in PAIRS} == ACCESS.pages.keys() - OWN - VOUCHED_FOR


def test_every_route_that_matches_a_page_exists():
    there = {f"{route.method} {route.path.replace('<', '{').replace('>', '}')}" for route in ROUTES}
    assert {route for _, route in PAIRS} <= there | {"GET /metrics"}  # for Prometheus, beside the API


def test_a_page_that_changes_something_matches_a_route_that_does():
    by_page: dict[str, set[str]] = {}
    for page, route in PAIRS:
        by_page.setdefault(page, set()).add(route.split(" ")[0])
    changing = {page: methods for page, methods in by_page.items() if page.startswith("POST ")}
    assert changing
    assert all(methods & {"POST", "PUT", "PATCH", "DELETE"} for methods in changing.values())
