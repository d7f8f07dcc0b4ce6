"""Test the rules of remediation: who may change what, what a verification takes, and what ends the right of reply."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.document import DRAFT
from risk_models.action_library import list_release_actions
from service.cases import service as case_service
from service.db.account_tables import User
from service.db.remediation_tables import Finding, Reply, Step, StepFinding, Transition
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.errors import DomainError
from service.remediation import findings, plans, replies, steps, verification
from service.remediation.rules import Actor, list_permitted, load_rules, names_workers
from service.remediation.steps import Act, Evidence
from service.remediation.verification import Check
from service.reporting.stored_reports import build_internal_report
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ON = AT.date()
LATER = ON + timedelta(days=30)
PAYROLL = Evidence("payment_proof", "Payroll of October")
HEARD = Check("union_ngo", ON, 8, "worker_organisation", 100, asked_about_retaliation=True)


class Workspace:
    """A supplier with one finding, which calls for a step that protects people and for one that does not."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.people = {
            name: User(email=f"{name}@harbour.example", name=name, password_hash="", role=role, created_at=AT)
            for name, role in (("ana", "officer"), ("ben", "officer"), ("dee", "approver"))
        }
        session.add_all(self.people.values())
        answers = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
        origin = suppliers.Origin(ON, AT, "user:ana", "import")
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(answers)], origin)
        self.supplier = session.scalars(select(Supplier)).one()
        self.safety = self.add_step("stop_violence", safety=True, needs_workers=True)
        self.plain = self.add_step("fix_own_buying", safety=False, needs_workers=False)
        self.finding = self.add_finding("violence", self.safety, self.plain)

    def add_step(self, action: str, *, safety: bool, needs_workers: bool) -> Step:
        flags = {"safety": safety, "needs_workers": needs_workers, "worker_derived": False}
        library = {"actions_release": "2026.4", "actions_digest": "0" * 64, "party": "supplier"}
        times = {"due": LATER, "created_by": "system:remediation", "created_at": AT, "updated_at": AT}
        step = Step(
            supplier_id=self.supplier.id, record_id=self.supplier.id, action=action, **library, **flags, **times
        )
        self.session.add(step)
        self.session.flush()
        return step

    def add_finding(self, about: str, *called_for: Step, **values: object) -> Finding:
        days = {"found_on": ON, "raised_on": ON, "created_by": "system:remediation", "created_at": AT, "updated_at": AT}
        fields = {"kind": "indicator", "about": about, "source_class": "self_declared", "worker_derived": False}
        record = {"supplier_id": self.supplier.id, "record_id": self.supplier.id}
        finding = Finding(**{**record, **fields, **days, **values})
        self.session.add(finding)
        self.session.flush()
        self.session.add_all(StepFinding(step_id=step.id, finding_id=finding.id) for step in called_for)
        self.session.flush()
        return finding

    def act(self, name: str, *, days: int = 0) -> Act:
        person = self.people[name]
        at = AT + timedelta(days=days)
        return Act(Actor(f"user:{person.id}", person.role, person.id), at.date(), at, sees_worker_derived=True)

    def key(self, owner: str | None) -> Act:
        person = self.people[owner].id if owner else None
        return Act(Actor("key:procurement", None, person), ON, AT, sees_worker_derived=True)

    def prove(self, step: Step, by: str = "ana", check: Check = HEARD, verifier: str = "ben") -> None:
        """Submit evidence for a step and have it verified."""
        steps.add_evidence(self.session, step, PAYROLL, self.act(by))
        verification.verify_step(self.session, step, check, self.act(verifier))


@pytest.fixture
def work(database: Database) -> Iterator[Workspace]:
    """A supplier with a finding and two steps, in a transaction."""
    with database.for_organisation(make_organisation(database)) as session:
        yield Workspace(session)


def code_of(call: object, *arguments: object, **named: object) -> str:
    """The code with which a change is refused."""
    with pytest.raises(DomainError) as refused:
        call(*arguments, **named)  # type: ignore[operator]
    return refused.value.code


def test_every_permitted_change_says_why():
    assert all(change["because"].endswith((".", ")")) for kind in ("step", "finding") for change in load_rules()[kind])
    # Nobody reaches these states by asking for them.
    assert {
        (after, by) for _, after, by in list_permitted("step") if after in ("verified", "rejected", "evidence_in")
    } == {("verified", "verification"), ("rejected", "verification"), ("evidence_in", "evidence")}


@pytest.mark.parametrize("release", ["2026.1", "2026.3", "2026.4", "2026.5"])
def test_every_release_of_the_library_has_steps_that_only_workers_can_prove(release: str):
    actions = {action.id: action for action in list_release_actions(release)}
    for proven_by_workers in (
        "return_papers",
        "repay_workers",
        "stop_violence",
        "employer_pays",
        "freedom_to_organise",
    ):
        assert names_workers(actions[proven_by_workers]), proven_by_workers
    for proven_by_others in ("prepare_referral", "clear_licence", "trace_materials", "name_country"):
        assert not names_workers(actions[proven_by_others]), proven_by_others


def test_a_step_is_verified_by_a_second_person_and_then_closed(work: Workspace):
    work.prove(work.safety)
    steps.change_state(work.session, work.safety, "closed", None, work.act("ana"))
    assert work.safety.state == "closed"
    history = work.session.scalars(select(Transition).where(Transition.step_id == work.safety.id)).all()
    assert [(entry.to_value, entry.actor == work.act("ana").actor.name) for entry in history] == [
        ("evidence_in", True), ("verified", False), ("closed", True),
    ]  # fmt: skip
    events = work.session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == work.safety.id)).all()
    assert events.count("step.state_changed") == 3


@pytest.mark.parametrize("state", ["closed", "verified", "evidence_in", "reopened"])
def test_a_planned_step_cannot_be_declared_done(work: Workspace, state: str):
    assert code_of(steps.change_state, work.session, work.plain, state, "Done", work.act("dee")) == (
        "transition.not_allowed"
    )


def test_nobody_verifies_what_they_own_or_proved(work: Workspace):
    steps.assign(work.session, work.safety, work.people["ben"].id, work.act("ana"))
    steps.add_evidence(work.session, work.safety, PAYROLL, work.act("ana"))
    for name in ("ana", "ben"):
        assert code_of(verification.verify_step, work.session, work.safety, HEARD, work.act(name)) == "verification.own"
    assert code_of(verification.verify_step, work.session, work.safety, HEARD, work.key("dee")) == "transition.by_key"
    verification.verify_step(work.session, work.safety, HEARD, work.act("dee"))


def test_a_key_acts_for_the_user_who_is_responsible_for_it(work: Workspace):
    assert code_of(steps.add_evidence, work.session, work.safety, PAYROLL, work.key(None)) == "evidence.nobody"
    steps.add_evidence(work.session, work.safety, PAYROLL, work.key("ana"))
    assert code_of(verification.verify_step, work.session, work.safety, HEARD, work.act("ana")) == "verification.own"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": "document"}, "verification.source"),
        ({"source": "a feeling"}, "verification.source"),
        ({"workers": 0}, "verification.workers"),
        ({"chosen_by": "no_one"}, "verification.workers"),
        ({"chosen_by": "management"}, "verification.chosen_by_management"),
        ({"confirmed_percent": 79}, "verification.confirmed"),
        ({"confirmed_percent": None}, "verification.confirmed"),
        ({"asked_about_retaliation": False}, "verification.retaliation"),
        ({"checked_on": ON + timedelta(days=1)}, "date.future"),
        ({"checked_on": ON - timedelta(days=2)}, "verification.too_early"),
    ],
)
def test_a_step_for_peoples_safety_takes_the_word_of_workers(work: Workspace, changes: dict[str, object], code: str):
    steps.add_evidence(work.session, work.safety, PAYROLL, work.act("ana"))
    check = replace(HEARD, **changes)  # type: ignore[arg-type]
    assert code_of(verification.verify_step, work.session, work.safety, check, work.act("ben")) == code
    assert work.safety.state == "evidence_in"


def test_documents_prove_a_step_that_is_not_about_workers(work: Workspace):
    work.prove(work.plain, check=Check("document", ON))
    assert work.plain.state == "verified"


def test_rejected_evidence_is_followed_by_new_evidence(work: Workspace):
    steps.add_evidence(work.session, work.plain, PAYROLL, work.act("ana"))
    check = Check("document", ON)
    assert (
        code_of(verification.reject_step, work.session, work.plain, check, " ", work.act("ben")) == "transition.reason"
    )
    verification.reject_step(work.session, work.plain, check, "Half of the payroll is missing.", work.act("ben"))
    assert (
        code_of(verification.verify_step, work.session, work.plain, check, work.act("ben")) == "transition.not_allowed"
    )
    work.prove(work.plain, check=check)


def test_a_date_moves_with_a_reason_and_for_safety_by_an_approver(work: Workspace):
    later, earlier = LATER + timedelta(days=7), LATER - timedelta(days=7)
    assert code_of(steps.move_due, work.session, work.plain, later, "", work.act("ana")) == "transition.reason"
    steps.move_due(work.session, work.plain, later, "The bank is closed.", work.act("ana"))
    assert (
        code_of(steps.move_due, work.session, work.safety, later, "No time.", work.act("ana")) == "transition.approver"
    )
    assert (
        code_of(steps.move_due, work.session, work.safety, later, "No time.", work.key("dee")) == "transition.approver"
    )
    steps.move_due(work.session, work.safety, earlier, "People are waiting.", work.act("ana"))
    steps.move_due(work.session, work.safety, later, "The shelter opens then.", work.act("dee"))
    assert (work.plain.due, work.safety.due) == (later, later)


def test_a_reason_that_names_a_person_is_refused(work: Workspace):
    reason = "Call +66 81 234 5678 first."
    assert code_of(steps.move_due, work.session, work.plain, ON, reason, work.act("ana")) == "person.phone"
    assert code_of(steps.add_comment, work.session, work.plain, reason, work.act("ana")) == "person.phone"


def test_only_an_approver_withholds_a_step_that_protects_people(work: Workspace):
    reason = "The manager would learn who spoke."
    withhold = ("withheld", reason)
    assert code_of(steps.change_state, work.session, work.safety, *withhold, work.act("ana")) == "transition.approver"
    steps.change_state(work.session, work.safety, *withhold, work.act("dee"))
    steps.change_state(work.session, work.plain, *withhold, work.act("ana"))


def test_a_finding_is_remedied_when_its_steps_are_verified_and_closed_by_another_user(work: Workspace):
    remedied = ("remedied", "The steps are verified.")
    work.prove(work.plain, check=Check("document", ON))
    assert (
        code_of(findings.change_state, work.session, work.finding, *remedied, work.act("ana")) == "finding.steps_open"
    )
    work.prove(work.safety)
    findings.change_state(work.session, work.finding, *remedied, work.act("ana"))
    assert code_of(findings.change_state, work.session, work.finding, "closed", None, work.act("ana")) == (
        "transition.same_user"
    )
    assert code_of(findings.change_state, work.session, work.finding, "closed", None, work.key("ben")) == (
        "transition.by_key"
    )
    findings.change_state(work.session, work.finding, "closed", None, work.act("ben"))
    assert work.finding.state == "closed"


def test_withholding_every_step_does_not_remedy_a_finding(work: Workspace):
    for step in (work.safety, work.plain):
        steps.change_state(work.session, step, "withheld", "Not safe.", work.act("dee"))
    remedied = ("remedied", "Nothing to do.")
    assert (
        code_of(findings.change_state, work.session, work.finding, *remedied, work.act("dee")) == "finding.steps_open"
    )
    # Nor does proving the one step that nobody on the workers' side has to confirm.
    steps.change_state(work.session, work.plain, "planned", "It is safe.", work.act("ana"))
    work.prove(work.plain, check=Check("document", ON))
    assert (
        code_of(findings.change_state, work.session, work.finding, *remedied, work.act("dee")) == "finding.steps_open"
    )


def test_a_dispute_sets_aside_nothing_that_endangers_people(work: Workspace):
    mild = work.add_finding("policy_weak", work.plain)
    for finding in (work.finding, mild):
        findings.change_state(work.session, finding, "disputed", "It is another site.", work.act("ana"))
    aside = ("closed", "It is another site.")
    assert code_of(findings.change_state, work.session, mild, *aside, work.act("ben")) == "transition.approver"
    findings.change_state(work.session, mild, *aside, work.act("dee"))
    assert code_of(findings.change_state, work.session, work.finding, *aside, work.act("dee")) == (
        "finding.not_set_aside"
    )


def test_the_finding_of_a_case_follows_the_case(work: Workspace):
    crew = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "age_group": "adults"}
    locked = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
    case = case_service.open_case(work.session, crew, [locked], ON, AT, "user:ana")
    more = {"kind": "case", "case_id": case.id, "worker_derived": True}
    finding = work.add_finding(case.id, work.safety, **more)
    work.prove(work.safety)
    remedied = ("remedied", "The crew is ashore.")
    assert code_of(findings.change_state, work.session, finding, *remedied, work.act("ana")) == "finding.case_open"
    hidden = replace(work.act("dee"), sees_worker_derived=False)
    assert code_of(findings.get_finding, work.session, finding.id, hidden) == "not_found"


def test_a_change_to_an_older_version_is_refused(work: Workspace):
    seen = work.plain.version
    steps.change_state(work.session, work.plain, "agreed", None, work.act("ana"))
    act = work.act("ben")
    assert code_of(steps.get_step, work.session, work.plain.id, act, version=seen) == "step.changed"
    assert steps.get_step(work.session, work.plain.id, act, version=seen + 1) is work.plain


def test_lowering_a_severity_takes_a_reason(work: Workspace):
    findings.describe(work.session, work.finding, {"scale": 4}, work.act("ana"))
    assert code_of(findings.describe, work.session, work.finding, {"scale": 3}, work.act("ana")) == "transition.reason"
    assert code_of(findings.describe, work.session, work.finding, {"scope": 5}, work.act("ana")) == "finding.severity"
    linked = {"involvement": "linked", "reason": "We buy through a trader."}
    findings.describe(work.session, work.finding, linked, work.act("ana"))
    assert (work.finding.scale, work.finding.involvement) == (4, "linked")


def ask(work: Workspace, *asked: Finding) -> Reply:
    text = "We found signs of violence at the site. What do you know of it?"
    return replies.ask_for_reply(work.session, work.supplier, asked or (work.finding,), text, work.act("ana"))


def is_consulted(work: Workspace, days: float) -> bool:
    at = AT + timedelta(days=days)
    return work.supplier.id in replies.list_consulted_suppliers(work.session, [work.supplier.id], at)


def test_time_to_reply_runs_only_from_a_delivery(work: Workspace):
    reply = ask(work)
    assert reply.safety
    assert not is_consulted(work, 400)
    act = work.act("ana", days=3)
    assert code_of(replies.note_delivery, work.session, reply, AT, "Read out on the telephone", work.key("ana")) == (
        "transition.by_key"
    )
    replies.note_delivery(work.session, reply, act.at, "Read out on the telephone", act)
    assert not is_consulted(work, 4.9)
    assert is_consulted(work, 5)
    replies.mark_consulted(work.session, reply, work.act("ana", days=5))
    assert work.finding.state == "consulted"


def test_an_answer_counts_at_once_and_later_openings_change_nothing(work: Workspace):
    mild = work.add_finding("policy_weak", work.plain)
    reply = ask(work, mild)
    replies.record_opening(work.session, reply, AT, "supplier")
    assert reply.due_at == AT + timedelta(days=14)
    replies.record_opening(work.session, reply, AT + timedelta(days=2), "supplier")
    assert (reply.delivered_at, reply.due_at) == (AT, AT + timedelta(days=14))
    assert code_of(replies.respond, work.session, reply, "Thank you.", work.act("ana")) == "reply.not_answered"
    replies.record_answer(work.session, reply, "The policy is being written.", work.act("ana"))
    assert is_consulted(work, 0)
    assert mild.state == "consulted"
    assert code_of(replies.record_answer, work.session, reply, "Again.", work.act("ana")) == "reply.answered"
    replies.respond(work.session, reply, "Send it by March.", work.act("ana"))


def test_a_supplier_is_never_asked_about_what_only_workers_said(work: Workspace):
    hidden = work.add_finding("locked_in", work.safety, worker_derived=True)
    assert code_of(ask, work, hidden) == "reply.worker_derived"


def test_the_gate_reads_the_stored_plan(work: Workspace):
    assert plans.build_gate_plan(work.session, work.supplier.id) is None
    agreement = plans.Agreement(ON, "meeting", ON, "union", "12000", "THB", 80, 10, 10)
    plans.save_agreement(work.session, work.supplier, agreement, work.act("ana"))
    plan = plans.build_gate_plan(work.session, work.supplier.id)
    assert plan is not None
    assert (plan.covers, plan.steps, plan.next_due) == ((), {"stop_violence": False}, None)
    for step in (work.safety, work.plain):
        steps.change_state(work.session, step, "agreed", None, work.act("ana"))
    work.prove(work.safety)
    plan = plans.build_gate_plan(work.session, work.supplier.id)
    assert plan is not None
    assert (plan.covers, plan.steps, plan.next_due) == (("violence",), {"stop_violence": True}, LATER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agreed_on": ON + timedelta(days=1)}, "date.future"),
        ({"agreed_how": None}, "plan.agreed"),
        ({"spokesperson": "the manager"}, "plan.workers"),
        ({"cost": "a lot"}, "plan.cost"),
        ({"cost": "NaN"}, "plan.cost"),
        ({"currency": "baht"}, "plan.cost"),
        ({"buyer_share": 20}, "plan.shares"),
    ],
)
def test_an_incomplete_agreement_is_refused(work: Workspace, changes: dict[str, date | str | int], code: str):
    agreement = plans.Agreement(ON, "meeting", ON, "union", "12000", "THB", 80, 10, 10)
    changed = replace(agreement, **changes)  # type: ignore[arg-type]
    assert code_of(plans.save_agreement, work.session, work.supplier, changed, work.act("ana")) == code


def test_a_report_is_a_draft_until_the_supplier_has_been_consulted(work: Workspace):
    reply = ask(work)
    assert build_internal_report(work.session, [work.supplier.id]).draft == DRAFT
    replies.record_answer(work.session, reply, "We have looked into it.", work.act("ana"))
    assert build_internal_report(work.session, [work.supplier.id]).draft == ""
    work.session.delete(reply)
    work.session.flush()
    assert build_internal_report(work.session, [work.supplier.id]).draft == DRAFT
