"""Test over random sequences of changes that nothing which endangers people is closed by one person, or without the workers.

Neither does any sequence end a retaliation watch early, or leave a supplier, without another person who agrees. Every change is
tried by everybody: officers, an approver, a case handler, and API keys with and without a user who answers for them. What is
refused changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import databases
import pytest
from callers import make_organisation
from examples import invariant
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session
from stored_keys import SECRET_KEYS
from test_exit_papers import COMPLETE
from test_remediation_rules import AT, HEARD, LATER, ON, PAYROLL, Workspace

from service.case_reading.worker_selection import CHOSEN_BY
from service.cases import closing
from service.cases import service as case_service
from service.db.case_tables import StoredCase
from service.db.exit_tables import ExitPaper
from service.db.remediation_tables import Step, StepEvidence, StepVerification
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import Database
from service.errors import DomainError
from service.remediation import exit_papers, findings, replies, steps, verification
from service.remediation.exit_papers import ExitContent
from service.remediation.gate import list_exited_suppliers
from service.remediation.rules import EXIT_STATES, FINDING_STATES, STEP_STATES, load_rules
from service.remediation.steps import Act, Evidence
from service.remediation.verification import SOURCES, Check
from service.retaliation import watches
from service.retaliation.checks import RESULTS, Outcome, record_check
from service.retaliation.rules import add_months, list_signs

ACTORS = ("ana", "ben", "dee", "key of ana", "key of nobody")
CREW = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "age_group": "adults"}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
BEATEN = {"finding": "violence", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
CLOSING_CHECK = closing.WorkerCheck(ON, 7, "worker_organisation")


def no_sign(months: int) -> Outcome:
    """A check without signs, made some months after the beginning."""
    figures = dict.fromkeys(list_signs(), 0)
    return Outcome("no_sign", add_months(ON, months), "union_ngo", 5, "worker_organisation", figures)


checks = st.builds(
    Check,
    st.sampled_from(tuple(SOURCES)),
    st.just(ON),
    st.sampled_from((0, 1, 8)),
    st.sampled_from(tuple(CHOSEN_BY)),
    st.sampled_from((None, 50, 100)),
    st.booleans(),
)
outcomes = st.builds(
    Outcome,
    st.sampled_from(RESULTS),
    st.sampled_from((ON, *(add_months(ON, month) for month in (1, 3, 6, 12, 13)))),
    st.just("union_ngo"),
    st.sampled_from((0, 5)),
    st.just("worker_organisation"),
    st.sampled_from([dict.fromkeys(list_signs(), number) for number in (0, 1)]),
    st.just("Nobody could go there."),
)
# Each change with what it is given.
any_change = st.one_of(
    st.tuples(st.just("state"), st.sampled_from(("safety", "plain")), st.sampled_from(STEP_STATES)),
    st.tuples(st.just("evidence"), st.sampled_from(("safety", "plain")), st.just(PAYROLL)),
    st.tuples(st.just("verify"), st.sampled_from(("safety", "plain")), st.just(HEARD) | checks),
    st.tuples(st.just("reject"), st.sampled_from(("safety", "plain")), checks),
    st.tuples(st.just("assign"), st.sampled_from(("safety", "plain")), st.sampled_from(("ana", "ben", "dee"))),
    st.tuples(st.just("due"), st.sampled_from(("safety", "plain")), st.just(LATER + timedelta(days=9))),
    st.tuples(st.just("finding"), st.sampled_from(("reported", "of_case")), st.sampled_from(FINDING_STATES)),
    st.tuples(st.just("reply"), st.just("reported"), st.just(None)),
    st.tuples(st.just("close_case"), st.just("case"), st.just(None)),
    st.tuples(st.just("confirm_case"), st.just("case"), st.just(None)),
    st.tuples(st.just("check"), st.just("watch"), st.tuples(st.integers(0, 3), outcomes)),
    st.tuples(st.just("end_watch"), st.just("watch"), st.sampled_from(("ask", "agree", "decline"))),
    st.tuples(st.just("write"), st.just("paper"), st.sampled_from((COMPLETE, ExitContent()))),
    st.tuples(st.just("exit"), st.just("paper"), st.sampled_from(EXIT_STATES)),
)
# Those that lead to an end, one of which is drawn half of the time: otherwise few sequences would get anywhere.
TOWARDS_AN_END = (
    ("evidence", "safety", PAYROLL),
    ("verify", "safety", HEARD),
    ("verify", "safety", replace(HEARD, chosen_by="management")),
    ("verify", "safety", replace(HEARD, source="document")),
    ("state", "safety", "closed"),
    ("close_case", "case", None),
    ("confirm_case", "case", None),
    ("finding", "of_case", "remedied"),
    ("finding", "of_case", "closed"),
    *(("check", "watch", (place, no_sign(months))) for place, months in ((0, 1), (0, 3), (0, 6), (0, 12), (3, 12))),
    ("end_watch", "watch", "ask"),
    ("end_watch", "watch", "agree"),
    ("exit", "paper", "submitted"),
    ("exit", "paper", "approved"),
)
changes = st.sampled_from(TOWARDS_AN_END) | any_change
PROVEN = ("ana", ("evidence", "safety", PAYROLL))
VERIFIED = ("ben", ("verify", "safety", HEARD))
beginnings = st.sampled_from(([], [PROVEN], [PROVEN, VERIFIED]))
rest = st.lists(st.tuples(st.sampled_from(ACTORS), changes), min_size=5, max_size=25)
sequences = st.builds(list.__add__, beginnings, rest)


class Emergency(Workspace):
    """The workspace of the tests of the rules, with an emergency besides."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.case = case_service.open_case(session, CREW, [LOCKED, BEATEN], ON, AT, "user:ana")
        more = {"kind": "case", "case_id": self.case.id, "worker_derived": True}
        self.of_case = self.add_finding(self.case.id, self.safety, **more)
        self.reported = self.finding
        watches.watch_supplier(session, self.supplier.id, self.act("ana"), has_news=True)
        self.watch = session.scalars(select(RetaliationWatch)).one()
        self.paper = exit_papers.start_paper(session, self.supplier, COMPLETE, self.act("ana"))

    def get_act(self, name: str) -> Act:
        if name.startswith("key"):
            return self.key("ana" if name.endswith("ana") else None)
        return self.act(name)

    def try_change(self, actor: str, change: tuple[str, str, object]) -> None:
        """Make a change in a transaction of its own, or be refused."""
        what, name, value = change
        act, thing = self.get_act(actor), getattr(self, name)
        calls: dict[str, Callable[[], object]] = {
            "state": lambda: steps.change_state(self.session, thing, value, "Because.", act),
            "evidence": lambda: steps.add_evidence(self.session, thing, value, act),
            "verify": lambda: verification.verify_step(self.session, thing, value, act),
            "reject": lambda: verification.reject_step(self.session, thing, value, "It is missing.", act),
            "assign": lambda: steps.assign(self.session, thing, self.people[value].id, act),
            "due": lambda: steps.move_due(self.session, thing, value, "No time.", act),
            "finding": lambda: findings.change_state(self.session, thing, value, "Because.", act),
            "reply": lambda: replies.ask_for_reply(self.session, self.supplier, [thing], "What do you know?", act),
            "close_case": lambda: closing.close_case(
                self.session, thing.id, "remedied", ON, AT, act.actor.name, CLOSING_CHECK
            ),
            "confirm_case": lambda: closing.confirm_closing(
                self.session,
                thing.id,
                ON,
                AT,
                act.actor.name,
                is_approver=act.actor.is_approver,
                proposed_at=AT.isoformat(),
            ),
            "check": lambda: self.record_check(*value, act),
            "end_watch": lambda: self.decide_on_watch(value, act),
            "write": lambda: exit_papers.change_paper(self.session, thing, value, act),
            "exit": lambda: exit_papers.change_state(self.session, thing, value, "Because.", act),
        }
        with suppress(DomainError), self.session.begin_nested():
            calls[what]()

    def record_check(self, place: int, outcome: Outcome, act: Act) -> None:
        pending = watches.list_pending(self.session, self.watch)
        if place < len(pending):
            later = replace(act, on=outcome.checked_on)
            record_check(self.session, self.watch, pending[place].id, outcome, later)

    def decide_on_watch(self, what: str, act: Act) -> None:
        if what == "ask":
            watches.ask_to_end(self.session, self.watch, "The site has closed.", act)
        else:
            approves = what == "agree"
            watches.decide_on_end(self.session, self.watch.id, approves=approves, response="No.", act=act)

    def check(self) -> None:
        if self.watch.state == "ended":
            check_watch_ended(self.session, self.watch)
        if self.supplier.id in list_exited_suppliers(self.session, [self.supplier.id]):
            check_exit_approved(self.paper)
        for step in (self.safety, self.plain):
            if step.state in ("verified", "closed"):
                check_verified(self.session, step)
        if self.of_case.state in ("remedied", "closed") or self.case.state == "closed":
            check_case_closed(self.case)
        for finding in (self.reported, self.of_case):
            if finding.state in ("remedied", "closed"):
                check_verified(self.session, self.safety)


def check_verified(session: Session, step: Step) -> None:
    query = select(StepVerification).where(StepVerification.step_id == step.id)
    last = session.scalars(query).all()[-1:]
    assert [one.outcome for one in last] == ["verified"]
    submitters = set(session.scalars(select(StepEvidence.person).where(StepEvidence.step_id == step.id)))
    verifier = last[0].verified_by
    assert verifier.startswith("user:")
    assert submitters
    assert verifier.removeprefix("user:") not in submitters
    if step.safety:
        assert last[0].source in load_rules()["verification"]["worker_side"]
        assert last[0].workers
        assert last[0].chosen_by not in ("management", "no_one")
        assert last[0].asked_about_retaliation


def check_watch_ended(session: Session, watch: RetaliationWatch) -> None:
    if watch.end_asked_by is not None:
        assert watch.ended_by.startswith("user:")
        assert watch.ended_by != watch.end_asked_by
        return
    made = [check for check in watches.list_checks(session, watch) if check.result == "no_sign"]
    assert max(check.checked_on for check in made) >= add_months(watch.started_on, 12)
    assert watches.list_pending(session, watch) == []


def check_exit_approved(paper: ExitPaper) -> None:
    assert paper.decided_by.startswith("user:")
    assert paper.decided_by.removeprefix("user:") not in paper.authors
    assert paper.submitted_by.startswith("user:")
    assert all((paper.effect, paper.remedy, paper.payment_after, paper.reason, paper.leverage, paper.consulted_on))


def check_case_closed(case: StoredCase) -> None:
    assert case.state == "closed"
    assert case.closing is not None
    assert case.closed_by is not None
    assert case.closing["by"].startswith("user:")
    assert case.closed_by.startswith("user:")
    assert case.closed_by != case.closing["by"]
    assert case.closing["workers"] > 0


@pytest.fixture(scope="module")
def emergency(sqlite: databases.Empty) -> Iterator[Emergency]:
    """One workspace for all sequences; each is rolled back."""
    with sqlite() as engine:
        database = Database(engine, SECRET_KEYS)
        with suppress(InterruptedError), database.for_organisation(make_organisation(database)) as session:
            yield Emergency(session)
            raise InterruptedError


@invariant(100)
@given(sequence=sequences)
def test_no_sequence_of_changes_closes_what_endangers_people_without_them_and_a_second_person(
    emergency: Emergency, sequence: list[tuple[str, tuple[str, str, object]]]
):
    transaction = emergency.session.begin_nested()
    try:
        for actor, change in sequence:
            emergency.try_change(actor, change)
            emergency.check()
    finally:
        transaction.rollback()
        emergency.session.expire_all()


def test_a_second_person_and_the_workers_do_close_it(emergency: Emergency):
    # Otherwise the test above would hold because nothing can be closed at all.
    transaction = emergency.session.begin_nested()
    emergency.try_change("ana", ("evidence", "safety", Evidence("document", "Report 7")))
    emergency.try_change("ben", ("verify", "safety", HEARD))
    emergency.try_change("ana", ("evidence", "plain", PAYROLL))
    emergency.try_change("ben", ("verify", "plain", HEARD))
    for actor, change in (("ana", "close_case"), ("dee", "confirm_case")):
        emergency.try_change(actor, (change, "case", None))
    for finding in ("reported", "of_case"):
        emergency.try_change("ana", ("finding", finding, "remedied"))
        emergency.try_change("ben", ("finding", finding, "closed"))
    for months in (1, 3, 6, 12):
        emergency.try_change("ben", ("check", "watch", (0, no_sign(months))))
    emergency.try_change("ben", ("exit", "paper", "submitted"))
    emergency.try_change("dee", ("exit", "paper", "approved"))
    emergency.check()
    ends = (emergency.watch.state, emergency.paper.state)
    states = (emergency.safety.state, emergency.case.state, emergency.reported.state, emergency.of_case.state)
    transaction.rollback()
    emergency.session.expire_all()
    assert states == ("verified", "closed", "closed", "closed")
    assert ends == ("ended", "approved")
