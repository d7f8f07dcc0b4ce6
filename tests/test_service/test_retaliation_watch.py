"""Test the retaliation watch: when it opens and ends, what a check takes, what signs set off, and who learns of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from callers import make_browser, make_organisation, make_user, send
from examples import examples
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from portal import make_portal
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_outbox_queue import add_endpoint
from test_reminders import list_queued
from test_shared_plans import CANARY, Case, case  # noqa: F401  a fixture
from test_taking_findings import AT, HELD, ON, SITE, close, save, take

from reports.formats import KINDS, render
from risk_models.cases.rules import list_case_rules
from service.auth import keys
from service.clock import now, today
from service.db.case_tables import StoredCase, StoredFinding
from service.db.identity_tables import SupplierMerge
from service.db.outbox_tables import Message
from service.db.remediation_tables import Finding, Step
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.errors import DomainError
from service.remediation.reminders import queue_all_reminders
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.reporting.stored_reports import build_supplier_copy
from service.retaliation import watches
from service.retaliation.checks import Outcome, record_check
from service.retaliation.reminders import list_check_reminders
from service.retaliation.rules import add_months, list_signs, load_watch_rules
from service.suppliers.merging import merge_suppliers, undo_merge

REPORTED = {"reported_harms": ["papers_withheld"], "reported_by": "workers", "reported_on": "2026-10-30"}
LOCKED = {**REPORTED, "reported_harms": ["movement_restricted"]}
NOTHING = dict.fromkeys(list_signs(), 0)
DUE = [date(2026, 12, 2), date(2027, 2, 2), date(2027, 5, 2), date(2027, 11, 2)]


def act_on(day: date, person: str = "ana", role: str | None = "officer") -> Act:
    at = datetime.fromisoformat(f"{day.isoformat()}T12:00:00+00:00")
    return Act(Actor(f"user:{person}", role, person), day, at, sees_worker_derived=True)


def find_none(day: date) -> Outcome:
    return Outcome("no_sign", day, "union_ngo", 9, "worker_organisation", NOTHING)


def find_signs(day: date, **figures: int) -> Outcome:
    return Outcome("signs", day, "union_ngo", 9, "worker_organisation", {**NOTHING, **figures})


class Watched:
    """A site of which workers have reported something, with its watch."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.supplier = save(session, {**SITE, **REPORTED})
        self.watch = session.scalars(select(RetaliationWatch)).one()

    def list_due(self) -> list[date]:
        return [check.due for check in watches.list_pending(self.session, self.watch)]

    def record(self, outcome: Outcome, place: int = 0, by: Act | None = None) -> None:
        check = watches.list_pending(self.session, self.watch)[place]
        record_check(self.session, self.watch, check.id, outcome, by or act_on(outcome.checked_on))

    def refuse(self, outcome: Outcome, place: int = 0, by: Act | None = None) -> str:
        with pytest.raises(DomainError) as refused:
            self.record(outcome, place, by)
        return refused.value.code


@pytest.fixture
def watched(database: Database) -> Iterator[Watched]:
    with database.for_organisation(make_organisation(database)) as session:
        yield Watched(session)


@pytest.fixture
def quick(sqlite_database: Database) -> Iterator[Watched]:
    """The same where the kind of database makes no difference."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield Watched(session)


def test_a_watch_opens_with_what_only_workers_report_and_with_nothing_else(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        site = save(session, {**SITE, **HELD})
        assert session.scalars(select(RetaliationWatch)).all() == []
        save(session, {**SITE, **HELD, **LOCKED}, AT + timedelta(days=1))
        watch = session.scalars(select(RetaliationWatch)).one()
        assert (watch.supplier_id, watch.started_on, watch.state) == (site.id, ON + timedelta(days=1), "open")
        checks = session.scalars(select(RetaliationCheck).order_by(RetaliationCheck.due)).all()
        assert [(check.month, check.due) for check in checks] == [
            (month, add_months(watch.started_on, month)) for month in (1, 3, 6, 12)
        ]
        take(session, [site.id], AT + timedelta(days=2))
        assert len(session.scalars(select(RetaliationCheck)).all()) == 4


def test_a_supplier_whose_workers_spoke_before_there_were_watches_gets_one(watched: Watched):
    # As after the upgrade: the findings are there, and the job looks at the supplier again.
    watched.session.delete(watched.watch)
    watched.session.flush()
    take(watched.session, [watched.supplier.id], AT + timedelta(days=40))
    watch = watched.session.scalars(select(RetaliationWatch)).one()
    assert watch.started_on == ON + timedelta(days=40)


def test_a_watch_ends_when_each_check_has_found_no_sign(watched: Watched):
    for day in DUE:
        assert watched.watch.state == "open"
        watched.record(find_none(day))
    assert (watched.watch.state, watched.watch.end_reason) == ("ended", None)
    assert watched.watch.ended_at.date() == DUE[-1]
    with pytest.raises(DomainError, match="ended"):
        watches.ask_to_end(watched.session, watched.watch, "Once more.", act_on(DUE[-1]))


def test_a_check_without_signs_does_not_count_before_its_time(quick: Watched):
    assert quick.refuse(find_none(DUE[0] - timedelta(days=15))) == "check.too_early"
    quick.record(find_none(DUE[0] - timedelta(days=14)))
    assert quick.refuse(find_none(DUE[3] - timedelta(days=1)), 2) == "check.too_early"  # the last one
    assert quick.refuse(find_none(DUE[1]), by=act_on(DUE[1] - timedelta(days=1))) == "date.future"


def test_who_records_a_check_says_how_it_was_made(quick: Watched):
    found = find_none(DUE[0])
    assert quick.refuse(found, by=act_on(DUE[0], role=None)) == "transition.by_key"
    assert quick.refuse(replace(found, result="fine")) == "check.result"
    assert quick.refuse(replace(found, source="document")) == "check.source"
    assert quick.refuse(replace(found, workers=0)) == "check.workers"
    assert quick.refuse(replace(found, chosen_by="management")) == "check.chosen_by_management"
    assert quick.refuse(replace(found, figures={**NOTHING, "dismissed": None})) == "check.figures"
    assert quick.refuse(replace(found, figures={"dismissed": 0})) == "check.figures"
    assert quick.refuse(replace(found, figures={**NOTHING, "dismissed": 1})) == "check.figures"
    assert quick.refuse(replace(found, result="signs")) == "check.figures"
    assert quick.refuse(replace(found, result="not_possible")) == "transition.reason"
    assert quick.refuse(replace(found, reason="Call +66 81 234 5678")).startswith("person.")
    assert quick.list_due() == DUE
    quick.record(found)
    check = quick.session.scalars(select(RetaliationCheck).where(RetaliationCheck.result.is_not(None))).one()
    with pytest.raises(DomainError, match="already been recorded"):
        record_check(quick.session, quick.watch, check.id, found, act_on(DUE[0]))


def test_a_check_that_was_not_possible_is_made_again(quick: Watched):
    for day in DUE[:3]:
        quick.record(find_none(day))
    quick.record(Outcome("not_possible", DUE[3], reason="The road was flooded."))
    assert quick.watch.state == "open"
    assert quick.list_due() == [date(2027, 12, 2)]
    quick.record(find_none(date(2027, 12, 2)))
    assert quick.watch.state == "ended"


def test_signs_reopen_what_was_put_right_and_are_recorded_in_a_case(watched: Watched):
    session = watched.session
    finding = close(session, "papers_withheld", AT + timedelta(days=9))
    steps = select(Step.state).where(Step.action == "return_papers")
    assert session.scalars(steps).one() == "closed"
    score_before = watched.supplier.latest_id
    day = ON + timedelta(days=20)
    watched.record(find_signs(day, dismissed=3, blacklisted=1))
    assert finding.state == "reopened"
    assert session.scalars(steps).one() == "reopened"
    stored = session.scalars(select(StoredCase)).one()
    found = session.scalars(select(StoredFinding.finding).where(StoredFinding.case_id == stored.id)).all()
    assert set(found) == {"punished_for_speaking", "barred_from_future_work"}
    assert (stored.supplier_id, watched.watch.case_id) == (watched.supplier.id, stored.id)
    assert watched.supplier.latest_id != score_before  # assessed again, with the case
    assert watched.watch.started_on == day
    assert watched.list_due() == [add_months(day, month) for month in (1, 3, 6, 12)]
    watched.record(find_signs(day + timedelta(days=5), threatened=2))
    assert len(session.scalars(select(StoredFinding)).all()) == 3  # in the same case
    assert len(session.scalars(select(StoredCase)).all()) == 1


def test_each_sign_is_a_finding_that_raises_the_indicator_of_retaliation():
    findings = list_case_rules()[-1].findings
    assert all("retaliation" in findings[finding].indicators for finding in list_signs().values())
    assert {sign["code"] for sign in load_watch_rules()["sign"] if "SAFE-7" in sign["sources"]} == {
        "dismissed", "sent_home", "blacklisted",
    }  # fmt: skip


@examples(60)
@given(news=st.lists(st.integers(1, 500), max_size=6))
def test_news_from_workers_never_postpones_a_check_or_ends_a_watch_within_twelve_months(news: list[int]):
    # The rule itself, without a database: what is left of the checks, and what is added.
    months = load_watch_rules()["checks"]["months"]
    due = {add_months(ON, month) for month in months}
    start = ON
    for days in sorted(news):
        day = ON + timedelta(days=days)
        nearest = min((one for one in due if one >= day), default=None)
        first = add_months(day, min(months))
        due = {one for one in due if one <= first} | {add_months(day, month) for month in months}
        start = max(start, day)
        assert nearest is None or min(one for one in due if one >= day) <= nearest
    assert max(due) >= add_months(start, 12)


def test_a_check_that_is_overdue_stays_when_workers_speak_up_again(watched: Watched):
    later = datetime.fromisoformat("2027-01-05T09:00:00+00:00")
    save(watched.session, {**SITE, **REPORTED, "reported_harms": ["papers_withheld", "movement_restricted"]}, later)
    watched.session.refresh(watched.watch)
    assert watched.watch.started_on == later.date()
    assert watched.list_due() == sorted([*DUE[:2], *(add_months(later.date(), month) for month in (1, 3, 6, 12))])


def test_a_finding_can_be_closed_while_the_watch_goes_on(quick: Watched):
    close(quick.session, "papers_withheld", AT + timedelta(days=9))
    assert quick.watch.state == "open"
    assert quick.list_due() == DUE


def test_only_an_approver_who_did_not_ask_ends_a_watch_early(watched: Watched):
    session, watch = watched.session, watched.watch
    blind = replace(act_on(ON, "dee", "approver"), sees_worker_derived=False)

    def decide(by: Act, *, approves: bool = True, response: str = "") -> None:
        watches.decide_on_end(session, watch.id, approves=approves, response=response, act=by)

    with pytest.raises(DomainError, match="no open request"):
        decide(blind)
    with pytest.raises(DomainError, match="only a user can"):
        watches.ask_to_end(session, watch, "Closed.", act_on(ON, role=None))
    watches.ask_to_end(session, watch, "The site has closed.", act_on(ON, "eve", "admin"))
    for by, code in (
        (act_on(ON), "transition.approver"),
        (act_on(ON, "eve", "admin"), "approval.own"),
        (act_on(ON, "dee", None), "transition.approver"),
    ):
        with pytest.raises(DomainError) as refused:
            decide(by)
        assert refused.value.code == code
    with pytest.raises(DomainError, match="Say why"):
        decide(blind, approves=False)
    decide(blind, approves=False, response="Ask the union first.")
    assert (watch.state, watch.end_response) == ("open", "Ask the union first.")
    watches.ask_to_end(session, watch, "All found other work.", act_on(ON))
    decide(blind)
    assert (watch.state, watch.ended_by, watch.end_reason) == ("ended", "user:dee", "All found other work.")
    assert watched.list_due() == []
    actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == watch.id)).all()
    assert actions.count("retaliation_watch.ended") == 1


def test_a_request_to_end_a_watch_lapses_when_there_are_signs(quick: Watched):
    watches.ask_to_end(quick.session, quick.watch, "All is quiet.", act_on(ON))
    quick.record(find_signs(ON + timedelta(days=1), sent_home=2))
    assert quick.watch.end_asked_by is None


def test_two_people_who_may_know_are_reminded_of_a_check_without_its_supplier(database: Database):
    organisation_id = make_organisation(database)
    roles = ("viewer", "approver", "officer", "case_handler", "admin")
    people = {role: make_user(database, organisation_id, role) for role in roles}
    with database.for_organisation(organisation_id) as session:
        add_endpoint(session, "watch.due", "watch.overdue")
        Watched(session)
    noon = datetime.fromisoformat("2026-11-25T12:00:00+00:00")
    for days in (0, 0, 1, 7, 8):
        queue_all_reminders(database, noon + timedelta(days=days), list_check_reminders)
    mails = [one for one in list_queued(database) if one[2] in people.values() and one[0].startswith("watch.")]
    assert {person for *_, person in mails} == {people["case_handler"], people["officer"]}
    assert [event for event, *_ in mails].count("watch.due") == 4  # seven days before, and on the day
    assert "watch.overdue" in {event for event, *_ in mails}
    with database.unscoped(write=False) as session:
        for message in session.scalars(select(Message).where(Message.event.startswith("watch."))):
            assert set(message.payload) == {"watch_id", "due", "days"}


def test_merging_moves_a_watch_and_separating_takes_it_back(watched: Watched):
    session, source = watched.session, watched.supplier
    target = save(session, {**SITE, "reference": "S-2", "name": "Blue Pier Foods"})
    merge_suppliers(session, source, target, AT + timedelta(days=3), "user:ana")
    session.refresh(watched.watch)
    assert watched.watch.supplier_id == target.id
    merge = session.scalars(select(SupplierMerge.id)).one()
    _, back = undo_merge(session, merge, AT + timedelta(days=4), "user:ana")
    session.refresh(watched.watch)
    assert watched.watch.supplier_id == back.id


def test_only_who_sees_what_workers_reported_sees_a_watch(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        save(session, {**SITE, **REPORTED}, now())
        watch = session.scalars(select(RetaliationWatch)).one()
        watch.started_on = today() - timedelta(days=40)
        for check in watches.list_checks(session, watch):
            check.due -= timedelta(days=40)
        watch_id, supplier_id = watch.id, watch.supplier_id
    for role, sees in (
        ("officer", True),
        ("case_handler", True),
        ("admin", True),
        ("approver", False),
        ("viewer", False),
    ):
        browser = make_browser(app, make_user(database, organisation_id, role))
        assert browser.get(f"/retaliation-watches/{watch_id}").status_code == (200 if sees else 403)
        for path in ("/", "/remediation", f"/suppliers/{supplier_id}"):
            assert (watch_id in browser.get(path).text or "overdue</" in browser.get(path).text) == sees, (role, path)
    finding_page = make_browser(app, make_user(database, organisation_id))
    with database.for_organisation(organisation_id, write=False) as session:
        finding = session.scalars(select(Finding.id).where(Finding.worker_derived)).first()
    assert "A retaliation check was due" in finding_page.get(f"/remediation/findings/{finding}").text
    for scopes, count in ((("remediation:read", "cases:read"), 1), (("remediation:read",), 0)):
        with database.for_organisation(organisation_id) as session:
            key = keys.create_key(session, "Portal", scopes, 30, "system:test")[1]
        portal = make_portal(app, organisation_id)
        answer = app.test_client().get("/api/v1/retaliation-watches", headers={"Authorization": f"Bearer {key}"})
        assert len(answer.json["items"]) == count
        one = app.test_client().get(
            f"/api/v1/retaliation-watches/{watch_id}", headers={"Authorization": f"Bearer {key}"}
        )
        assert one.status_code == (200 if count else 404)
        assert portal is not None


def test_an_officer_records_a_check_on_its_page(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        watched = Watched(session)
        watch_id, check = watched.watch.id, watches.list_pending(session, watched.watch)[0].id
    browser = make_browser(app, make_user(database, organisation_id))
    figures = {f"sign-{sign}": "0" for sign in list_signs()}
    form = {"check": check, "checked_on": ON.isoformat(), "source": "union_ngo", "workers": "4", "version": "1"}
    asked = {"chosen_by": "workers", "result": "signs", **figures, "sign-dismissed": "2"}
    refused = send(browser, f"/retaliation-watches/{watch_id}/checks", **{**form, **asked, "sign-dismissed": "0"})
    assert refused.status_code == 422
    assert "do not match" in refused.text
    saved = send(browser, f"/retaliation-watches/{watch_id}/checks", **form, **asked)
    assert saved.status_code == 303, saved.text[saved.text.find('role="alert') :][:300]
    page = browser.get(f"/retaliation-watches/{watch_id}").text
    assert "Dismissed: 2" in page
    assert send(browser, f"/retaliation-watches/{watch_id}/checks", **form, **asked).status_code == 409


def test_a_watch_goes_only_with_its_supplier(watched: Watched):
    session = watched.session
    watched.record(find_signs(ON + timedelta(days=1), dismissed=1))
    session.delete(session.get_one(StoredCase, watched.watch.case_id))
    session.flush()
    session.refresh(watched.watch)
    assert (watched.watch.state, watched.watch.case_id) == ("open", None)
    session.delete(session.get_one(Supplier, watched.supplier.id))
    session.flush()
    session.expire_all()
    assert session.scalars(select(RetaliationWatch)).all() == []


def test_nothing_of_a_watch_reaches_the_suppliers_link(case: Case):  # noqa: F811
    case.see()
    before = case.see()
    with case.database.for_organisation(case.organisation_id) as session:
        watches.watch_supplier(session, case.supplier_id, act_on(today()), has_news=True)
        watch = session.scalars(select(RetaliationWatch)).one()
        missed = Outcome("not_possible", add_months(today(), 1), reason=f"{CANARY} was closed.")
        check = watches.list_pending(session, watch)[0]
        record_check(session, watch, check.id, missed, act_on(missed.checked_on))
        watches.ask_to_end(session, watch, f"{CANARY} has closed.", act_on(today()))
    assert case.see() == before


def test_signs_of_retaliation_change_nothing_in_the_suppliers_copy_in_any_format(watched: Watched):
    def render_all() -> dict[str, bytes]:
        copy = build_supplier_copy(watched.session, watched.supplier.id)
        kinds = {kind: KINDS[kind].formats for kind in ("report", "scorecard")}
        return {f"{kind}.{name}": render(copy, name, kind).data for kind, formats in kinds.items() for name in formats}

    before = render_all()
    watched.record(replace(find_signs(ON, dismissed=4), reason=f"{CANARY} night shift."))
    assert watched.session.scalars(select(StoredCase)).one().supplier_id == watched.supplier.id
    after = render_all()
    assert [name for name, data in after.items() if data != before[name]] == []


def test_signs_of_the_first_day_leave_a_check_to_be_made(quick: Watched):
    for day in DUE[:3]:
        quick.record(find_none(day))
    quick.record(find_signs(quick.watch.started_on, dismissed=1), by=act_on(DUE[3]))
    assert quick.watch.state == "open"
    assert quick.list_due() == [add_months(DUE[3], 1)], "somebody has to look again soon"


def test_signs_that_come_to_light_late_make_one_check_due_at_once_and_not_all_that_were_missed(quick: Watched):
    recorded = date(2027, 6, 1)
    quick.record(find_signs(date(2026, 11, 20), dismissed=1), by=act_on(recorded))
    assert quick.list_due() == [recorded, date(2027, 11, 20)]
