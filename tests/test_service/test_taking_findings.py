"""Test how findings and steps are taken from assessments and cases: once, linked, reopened, and never closed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_outbox_queue import add_endpoint

from service.cases import service as case_service
from service.clock import now
from service.db.identity_tables import SupplierMerge
from service.db.outbox_tables import Message
from service.db.remediation_tables import Finding, Step, StepFinding, Transition
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import Database
from service.db.tables import Supplier
from service.erasure.erase import remove_case
from service.jobs.kinds import TAKE_FINDINGS
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.remediation import findings as finding_service
from service.remediation.steps import get_action
from service.reviews.findings import WITHHELD_BECAUSE, queue_findings, recompute, take_all_findings, take_findings
from service.suppliers import merging
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ON = AT.date()
SITE = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "workers": 300.0}
HELD = {"papers_retention": "held"}
CREW = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "job": "Packer", "age_group": "adults"}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
BEATEN = {"finding": "violence", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}


def take(session: Session, ids: Sequence[str], at: datetime) -> None:
    take_findings(session, recompute(session, ids), at)


def save(session: Session, answers: Mapping[str, Any], at: datetime = AT, cause: str = "import") -> Supplier:
    """Save a site, take its findings, and return it."""
    incoming = [suppliers.IncomingSupplier(answers)]
    suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(at.date(), at, "user:ana", cause))
    site = session.scalars(select(Supplier).where(Supplier.reference == answers["reference"])).one()
    take(session, [site.id], at)
    return site


def read_all(session: Session) -> list[tuple[object, ...]]:
    """What is stored about remediation, without the time of the last change."""
    findings = session.execute(select(Finding.id, Finding.kind, Finding.about, Finding.state, Finding.worker_derived))
    steps = session.execute(select(Step.id, Step.action, Step.state, Step.due, Step.worker_derived))
    links = session.execute(select(StepFinding.step_id, StepFinding.finding_id))
    return sorted([tuple(row) for rows in (findings, steps, links) for row in rows], key=str)


def list_abouts(session: Session, **conditions: object) -> set[str]:
    return set(session.scalars(select(Finding.about).filter_by(**conditions)))


def close(session: Session, about: str, at: datetime) -> Finding:
    """Close a finding, with its steps, at a moment."""
    finding = session.scalars(select(Finding).where(Finding.about == about)).one()
    for step in finding_service.list_steps_of(session, finding):
        step.state = "closed"
    finding.state = "closed"
    moved = {"field": "state", "from_value": "remedied", "to_value": "closed"}
    session.add(Transition(finding_id=finding.id, **moved, actor="user:ben", at=at))
    session.flush()
    return finding


def test_findings_come_once_however_often_they_are_taken(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        site = save(session, {**SITE, **HELD})
        taken = read_all(session)
        assert "papers_withheld" in list_abouts(session, kind="indicator", worker_derived=False)
        steps = session.scalars(select(Step)).all()
        assert {"return_papers"} <= {step.action for step in steps}
        assert {step.state for step in steps} == {"planned"}
        linked = set(session.scalars(select(StepFinding.step_id)))
        assert {step.id for step in steps} == linked
        take(session, [site.id], AT + timedelta(hours=1))
        suppliers.reassess(session, [site.id], ON, AT + timedelta(days=1), "user:ana", "review")
        take(session, [site.id], AT + timedelta(days=1))
        assert read_all(session) == taken


def test_what_workers_reported_is_marked_and_stays_so_until_the_supplier_says_it(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        reported = {"reported_harms": ["papers_withheld"], "reported_by": "workers", "reported_on": "2026-10-30"}
        save(session, {**SITE, **reported})
        assert list_abouts(session, kind="indicator", worker_derived=True) >= {"papers_withheld"}
        step = session.scalars(select(Step).where(Step.action == "return_papers")).one()
        assert step.worker_derived
        save(session, {**SITE, **HELD}, AT + timedelta(days=1))
        assert "papers_withheld" in list_abouts(session, kind="indicator", worker_derived=False)
        assert not step.worker_derived


def test_a_supplier_cannot_tell_from_a_due_date_that_somebody_reported_something(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        incoming = [suppliers.IncomingSupplier({**SITE, **HELD})]
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(ON, AT, "user:ana", "import"))
        (site,) = session.scalars(select(Supplier.id))
        (one,) = recompute(session, [site])
        own = {action.id: due + timedelta(days=7) for action, due in one.own.steps}
        later = replace(one.own, steps=tuple((action, own[action.id]) for action, _ in one.own.steps))
        take_findings(session, [replace(one, own=later)], AT)
        due = {action.id: day for action, day in one.found.steps}
        steps = session.scalars(select(Step)).all()
        assert {step.party for step in steps} >= {"supplier", "buyer"}
        for step in steps:
            assert step.due == (due if step.party == "buyer" else own)[step.action], step.action


def test_a_step_that_the_supplier_comes_to_see_is_due_when_its_own_answers_say(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        reported = {"reported_harms": ["papers_withheld"], "reported_by": "workers", "reported_on": "2026-10-30"}
        save(session, {**SITE, **reported})
        step = session.scalars(select(Step).where(Step.action == "return_papers")).one()
        before = step.due
        save(session, {**SITE, **HELD}, AT + timedelta(days=9))
        assert step.due == before + timedelta(days=9)


def test_what_was_put_right_reopens_only_by_something_new(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        site = save(session, {**SITE, **HELD})
        finding = close(session, "papers_withheld", AT + timedelta(days=30))
        (step, *_) = finding_service.list_steps_of(session, finding)
        suppliers.reassess(session, [site.id], ON, AT + timedelta(days=40), "user:ana", "review")
        take(session, [site.id], AT + timedelta(days=40))
        save(session, {"reference": "S-1", "workers": 310.0}, AT + timedelta(days=50))
        assert (finding.state, step.state) == ("closed", "closed")
        add_endpoint(session, "step.reopened")
        save(session, {"reference": "S-1", **HELD}, AT + timedelta(days=60))
        assert (finding.state, step.state) == ("reopened", "reopened")
        told = [message.payload["step_id"] for message in session.scalars(select(Message))]
        assert sorted(told) == sorted(session.scalars(select(Step.id).where(Step.state == "reopened")))


def test_a_step_that_is_done_is_needed_again_for_another_finding(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        save(session, {**SITE, **HELD})
        for about in list_abouts(session):
            close(session, about, AT + timedelta(days=30))
        referral = session.scalars(select(Step).where(Step.action == "prepare_referral")).one()
        assert referral.state == "closed"
        case_service.open_case(session, CREW, [LOCKED, BEATEN], ON, AT + timedelta(days=60), "user:ana")
        take(session, session.scalars(select(Supplier.id)).all(), AT + timedelta(days=60))
        assert referral.state == "reopened"


def test_an_emergency_brings_its_first_steps_and_goes_with_its_case(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        site = save(session, SITE)
        case = case_service.open_case(session, CREW, [LOCKED, BEATEN], ON, AT, "user:ana")
        take(session, [site.id], AT)
        finding = session.scalars(select(Finding).where(Finding.kind == "case")).one()
        assert (finding.about, finding.worker_derived) == (case.id, True)
        first = finding_service.list_steps_of(session, finding)
        assert {step.action for step in first if step.safety and step.worker_derived} >= {"keep_people_safe"}
        assert list_abouts(session, kind="case") == {case.id}
        case.state = "closed"
        session.flush()
        remove_case(session, case, "duplicate", ON, AT, "user:ana")
        session.flush()
        assert list_abouts(session, kind="case") == set()
        linked = set(session.scalars(select(StepFinding.step_id)))
        assert set(session.scalars(select(Step.id))) == linked


NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)
MILL = {**SITE, "country": "CN", "sector": ["1311"], "product": "cotton yarn"}


def list_contacting(session: Session, supplier_id: str) -> dict[str, str]:
    """The states of the steps that contact workers or ask the site."""
    steps = session.scalars(select(Step).where(Step.supplier_id == supplier_id))
    return {step.action: step.state for step in steps if "place:state_imposed" in get_action(step).withheld_for}


def test_where_a_state_imposes_the_labour_a_case_brings_no_step_that_reaches_workers(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        mill = save(session, {**MILL, "region": "Xinjiang"}, NOW)
        case_service.open_case(session, CREW, [LOCKED, BEATEN], NOW.date(), NOW, "user:ana")
        take(session, [mill.id], NOW)
        assert list_contacting(session, mill.id) == {}
        assert session.scalars(select(Step.action).where(Step.action == "help_through_others")).all()
        assert session.scalars(select(RetaliationWatch)).all() == []


def test_steps_that_were_planned_before_are_withheld_once_a_state_is_known_to_impose_the_labour(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        mill = save(session, {**MILL, "region": "Zhejiang", **HELD}, NOW)
        before = list_contacting(session, mill.id)
        assert before["reach_people"] == "planned"
        done = session.scalars(select(Step).where(Step.action == "return_papers")).one()
        done.state = "closed"
        later = NOW + timedelta(days=1)
        mill = save(session, {**MILL, "region": "Xinjiang"}, later)
        after = list_contacting(session, mill.id)
        assert after == dict.fromkeys(before, "withheld") | {"return_papers": "closed"}
        withheld = session.scalars(select(Transition).where(Transition.to_value == "withheld")).all()
        assert {transition.reason for transition in withheld} == {WITHHELD_BECAUSE}
        take(session, [mill.id], later)
        assert list_contacting(session, mill.id) == after


def test_a_merge_takes_findings_along_and_undoing_it_brings_them_back(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        first = save(session, {**SITE, **HELD})
        second = save(session, {**SITE, **HELD, "reference": "S-2", "name": "Blue Pier Packing"})
        before = {site.id: read_of(session, site.id) for site in (first, second)}
        merging.merge_suppliers(session, second, first, AT, "user:ana")
        assert read_of(session, first.id) == sorted(before[first.id] + before[second.id])
        take(session, [first.id], AT)
        record = session.scalars(select(SupplierMerge)).one()
        merging.undo_merge(session, record.id, AT + timedelta(days=1), "user:ana")
        assert {site: read_of(session, site) for site in before} == before


def read_of(session: Session, supplier_id: str) -> list[tuple[str, str]]:
    """The ids of the findings and steps of a supplier."""
    rows = [("finding", one) for one in session.scalars(select(Finding.id).where(Finding.supplier_id == supplier_id))]
    return sorted(
        [*rows, *(("step", one) for one in session.scalars(select(Step.id).where(Step.supplier_id == supplier_id)))]
    )


def take_and_die(database: Database, organisation: str, ids: Sequence[str]) -> None:
    """Take findings in a transaction that is never committed."""
    with database.for_organisation(organisation) as session:
        take(session, ids, now())
        raise InterruptedError


@pytest.mark.parametrize("killed", [False, True])
def test_the_scheduler_queues_the_job_once_until_all_are_taken(database: Database, killed: bool):
    organisation = make_organisation(database)
    with database.for_organisation(organisation) as session:
        for number in ("S-1", "S-2"):
            incoming = [suppliers.IncomingSupplier({**SITE, **HELD, "reference": number, "name": f"Cannery {number}"})]
            suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(ON, AT, "user:ana", "import"))
    assert len(queue_findings(database)) == 1
    assert queue_findings(database) == []
    claimed = claim_job(database, "worker", kinds=(TAKE_FINDINGS,))
    assert claimed is not None
    if killed:  # in the first transaction: nothing of it is kept, and the job begins again
        with database.for_organisation(organisation, write=False) as session:
            ids = session.scalars(select(Supplier.id)).all()
        with pytest.raises(InterruptedError):
            take_and_die(database, organisation, ids)
    run_job(database, claimed, Handler(take_all_findings))
    assert queue_findings(database) == []
    with database.for_organisation(organisation, write=False) as session:
        assert len(session.scalars(select(Finding).where(Finding.about == "papers_withheld")).all()) == 2
