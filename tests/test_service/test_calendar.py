"""Test the calendar of due days: what it contains, for whom, and that its link can be revoked."""

import re

import pytest
from callers import send
from flask import Flask
from icalendar import Calendar
from sqlalchemy import select
from test_remediation_pages import Office, office  # noqa: F401  a fixture

from service.auth import calendar_links
from service.db.account_tables import User
from service.db.remediation_tables import Step
from service.db.tables import Supplier
from service.errors import DomainError

pytestmark = pytest.mark.usefixtures("quick_hashes")


def create_link(office: Office, name: str, scope: str) -> str:  # noqa: F811
    page = send(office.browsers[name], "/calendar", scope=scope).get_data(as_text=True)
    return re.search(r"/calendar/[\w-]{43}/steps\.ics", page)[0]


def read_entries(app: Flask, address: str) -> dict[str, object]:
    """Read the feed as a calendar program does, without a cookie: days by id."""
    response = app.test_client().get(address)
    assert response.status_code == 200
    assert response.content_type == "text/calendar; charset=utf-8"
    return {str(entry["UID"]): entry.decoded("DTSTART") for entry in Calendar.from_ical(response.data).walk("VEVENT")}


def test_a_calendar_shows_when_ones_own_steps_are_due_and_nothing_else(app: Flask, office: Office):  # noqa: F811
    assert office.change("ana", "owner", owner=office.ids["ana"]) == ""
    address = create_link(office, "ana", "mine")
    with office.database.for_organisation(office.id, write=False) as session:
        step = session.get_one(Step, office.step)
        supplier = session.scalars(select(Supplier)).first()
    assert read_entries(app, address) == {step.id: step.due}
    feed = app.test_client().get(address).get_data(as_text=True)
    for hidden in (supplier.id, supplier.name, "Ana", step.action, step.supplier_id):
        assert hidden not in feed
    assert address not in office.read("ana", "/calendar")


def test_steps_that_are_done_or_known_from_workers_are_in_no_calendar(app: Flask, office: Office):  # noqa: F811
    address = create_link(office, "ben", "all")
    before = read_entries(app, address)
    first, second = before
    with office.database.for_organisation(office.id) as session:
        session.get_one(Step, first).worker_derived = True
    assert list(read_entries(app, address)) == [second]
    with office.database.for_organisation(office.id) as session:
        session.get_one(Step, second).state = "verified"
    assert read_entries(app, address) == {}


def test_a_user_has_a_limited_number_of_calendars_and_a_revoked_one_makes_room(office: Office):  # noqa: F811
    with office.database.for_organisation(office.id) as session:
        ana = office.ids["ana"]
        for _ in range(calendar_links.MOST_LINKS):
            calendar_links.create_link(session, ana, "mine", "user:ana")
        with pytest.raises(DomainError, match="Revoke one first"):
            calendar_links.create_link(session, ana, "mine", "user:ana")
        calendar_links.revoke_link(session, ana, calendar_links.list_links(session, ana)[0].id, "user:ana")
        calendar_links.create_link(session, ana, "mine", "user:ana")


def test_a_calendar_ends_when_its_link_is_revoked_or_its_user_leaves(app: Flask, office: Office):  # noqa: F811
    address, other = create_link(office, "ana", "mine"), create_link(office, "vic", "all")
    with office.database.for_organisation(office.id, write=False) as session:
        link = calendar_links.list_links(session, office.ids["ana"])[0].id
    assert send(office.browsers["ben"], f"/calendar/{link}/revoke").status_code == 404
    assert send(office.browsers["ana"], f"/calendar/{link}/revoke").status_code == 303
    assert app.test_client().get(address).status_code == 404
    with office.database.for_organisation(office.id) as session:
        session.get_one(User, office.ids["vic"]).active = False
    assert app.test_client().get(other).status_code == 404
