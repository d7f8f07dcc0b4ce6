"""The figures of the portfolio are stored once a day, leave out what only some may see, and are read as series."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from callers import make_key, make_organisation
from flask import Flask
from portal import Portal, make_portal
from sample_objects import make_account, make_instalment
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_remediation_rules import AT, ON, Workspace
from test_supplier_copy import CANNERY, save_supplier

from service.clock import now
from service.db.job_tables import Job
from service.db.progress_tables import PortfolioFigure
from service.db.remediation_tables import StepVerification
from service.db.session import Database
from service.jobs.kinds import STORE_FIGURES
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.queries.progress import (
    ALL,
    DAYS,
    MONEY,
    OPEN,
    OVERDUE,
    REACHED,
    REOPENED,
    SUPPLIERS,
    compute_figures,
    load_progress,
)
from service.remediation import steps
from service.reviews.progress import queue_figures, store_figures


@pytest.fixture
def work(sqlite_database: Database) -> Iterator[Workspace]:
    """A supplier with a step that protects people (redress) and a plain one (ours), in a transaction."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield Workspace(session)


def test_the_figures_follow_steps_from_planning_to_reopening(work: Workspace):
    later = ON + timedelta(days=31)
    before = compute_figures(work.session, later, AT + timedelta(days=31), for_everyone=False)
    assert (before[OPEN, ALL], before[OVERDUE, ALL], before[REACHED, ALL]) == (2, 2, 0)
    assert (DAYS, ALL) not in before
    assert sum(before[OPEN, f"stage:{stage}"] or 0 for stage in ("acknowledge", "act", "advance")) == 2
    assert sum(value or 0 for (figure, _), value in before.items() if figure == SUPPLIERS) == 1
    work.safety.created_at -= timedelta(days=10)
    work.prove(work.safety)
    steps.change_state(work.session, work.safety, "closed", None, work.act("ana", days=1))
    closed = compute_figures(work.session, later, AT + timedelta(days=31), for_everyone=False)
    assert (closed[OPEN, ALL], closed[DAYS, ALL], closed[REOPENED, ALL], closed[REACHED, ALL]) == (1, 10, 0, 8)
    steps.change_state(work.session, work.safety, "reopened", "It happened again", work.act("ana", days=2))
    reopened = compute_figures(work.session, later, AT + timedelta(days=31), for_everyone=False)
    assert (reopened[OPEN, ALL], reopened[REOPENED, ALL]) == (2, 100)
    a_year_later = compute_figures(work.session, later, AT + timedelta(days=400), for_everyone=False)
    assert (DAYS, ALL) not in a_year_later


def test_the_figures_for_everyone_leave_out_steps_known_from_workers_and_small_groups(work: Workspace):
    work.prove(work.safety)
    assert compute_figures(work.session, ON, AT, for_everyone=True)[REACHED, ALL] is None
    work.safety.worker_derived = True
    work.session.flush()
    shown = compute_figures(work.session, ON, AT, for_everyone=True)
    assert (shown[OPEN, ALL], shown[REACHED, ALL]) == (1, 0)
    assert (DAYS, ALL) not in shown


def test_no_small_group_can_be_worked_out_from_the_others(work: Workspace):
    for step, workers in ((work.safety, 25), (work.plain, 4)):
        work.prove(step)
        check = work.session.scalars(select(StepVerification).where(StepVerification.step_id == step.id)).one()
        check.workers = workers
    work.session.flush()
    for_some = compute_figures(work.session, ON, AT, for_everyone=False)
    priorities = [key for key in for_some if key[0] == REACHED and key[1].startswith("priority:")]
    assert sorted(for_some[key] for key in priorities) == [4, 25]
    shown = compute_figures(work.session, ON, AT, for_everyone=True)
    assert ([shown[key] for key in priorities], shown[REACHED, ALL]) == ([None, None], 29)


def test_money_is_summed_by_currency_for_those_who_may_see_it(work: Workspace):
    session, ids = work.session, {"supplier_id": work.supplier.id}
    account = make_account(session, ids)
    session.add(account)
    session.flush()
    instalment = make_instalment(session, {"account_id": account.id})
    instalment.paid_on, instalment.paid, instalment.workers_paid = ON, "1000.00", 10
    instalment.confirmed_on, instalment.workers_asked, instalment.workers_confirming = ON, 8, 4
    session.add(instalment)
    session.flush()
    shown = compute_figures(session, ON, AT, for_everyone=False)
    assert [shown[figure, "USD"] for figure in MONEY] == [1200, 1000, 500]
    assert not {figure for figure, _ in compute_figures(session, ON, AT, for_everyone=True)} & set(MONEY)


def store(session: Session, on: date, value: float) -> None:
    session.add(PortfolioFigure(on=on, figure=OPEN, part=ALL, for_everyone=True, value=value))


def test_a_series_has_the_last_day_of_each_week_and_what_it_is_compared_with(work: Workspace):
    monday = date(2026, 11, 2)
    for days, value in ((-100, 9), (0, 3), (4, 5), (7, 6)):
        store(work.session, monday + timedelta(days=days), value)
    found = load_progress(work.session, monday + timedelta(days=8), sees_worker_derived=False)
    assert found.series[OPEN, ALL] == [9, 5, 6]
    assert (found.latest[OPEN, ALL], found.compared[OPEN, ALL]) == (6, 9)
    assert load_progress(work.session, monday, sees_worker_derived=True).series == {}


def test_the_job_stores_the_figures_of_the_day_once(database: Database):
    organisation = make_organisation(database)
    with database.for_organisation(organisation) as session:
        Workspace(session)
    for _ in range(2):
        queue_figures(database, now())
    claimed = claim_job(database, "worker", kinds=[STORE_FIGURES])
    assert claimed is not None
    run_job(database, claimed, Handler(store_figures))
    assert queue_figures(database, now()) == []
    with database.for_organisation(organisation) as session:
        assert session.scalars(select(Job.state).where(Job.kind == STORE_FIGURES)).all() == ["done"]
        shown = {
            row.for_everyone for row in session.scalars(select(PortfolioFigure).where(PortfolioFigure.part == ALL))
        }
        assert shown == {True, False}


def store_two_days(database: Database, organisation_id: str) -> None:
    """Store that steps were open two weeks ago and today: more of them known from workers than to everyone."""
    with database.for_organisation(organisation_id) as session:
        for days, everyone, n in ((14, True, 3.0), (14, False, 41.0), (0, True, 2.0), (0, False, 40.0)):
            figure = {"on": now().date() - timedelta(days=days), "figure": OPEN, "part": ALL}
            session.add(PortfolioFigure(for_everyone=everyone, value=n, **figure))


def make_portfolio_report(portal: Portal, **wanted: object) -> str:
    made = portal.post("/reports", {"format": "html", **wanted})
    portal.work()
    return portal.get(f"/reports/{made.json['id']}/file").get_data(as_text=True)


def test_a_report_on_the_whole_portfolio_shows_what_its_readers_may_see_of_its_progress(app: Flask, database: Database):
    harbour = make_organisation(database)
    save_supplier(database, harbour, "site", CANNERY)
    portal, limited = make_portal(app, harbour), Portal(app, make_key(database, harbour, "reports:read"))
    assert "Over time" not in make_portfolio_report(portal)
    store_two_days(database, harbour)
    assert "Open steps: 41 on" in make_portfolio_report(portal)
    assert "Open steps: 3 on" in make_portfolio_report(limited)
    assert "Over time" not in make_portfolio_report(portal, country="TH")
