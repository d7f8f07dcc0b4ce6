"""Test over random sequences of requests that no way through the API and the forms closes what endangers people by one person.

`test_remediation_invariants.py` tests the rules themselves. Here each change is a request, as programs and browsers send it, with
the keys and sessions of real callers, so that no route forgets to ask the rules.
"""

from itertools import count
from typing import Any

import pytest
from callers import form_token, make_browser, make_key, make_organisation, make_user
from examples import TIMES
from flask import Flask
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from portal import Portal
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_remediation_invariants import BEATEN, LOCKED, check_case_closed, check_verified
from test_taking_findings import SITE, save

from service.auth import keys
from service.cases import service as case_service
from service.clock import now, today
from service.db.case_tables import StoredCase
from service.db.remediation_tables import Finding, Step, StepFinding
from service.db.session import Database
from service.db.tables import Supplier, new_id
from service.remediation.rules import FINDING_STATES, STEP_STATES

ROLES = {"ana": "officer", "ben": "case_handler", "dee": "approver", "eve": "admin"}
SCOPES = ("remediation:read", "remediation:write", "cases:read", "cases:write")
NUMBERS = count(1)
REASON = {"reason": "Because."}
SPOKEN = {"checked_on": today().isoformat(), "workers": 8, "chosen_by": "worker_organisation"}
HEARD = {**SPOKEN, "source": "union_ngo", "confirmed_percent": 100, "asked_about_retaliation": "yes"}

# 10,000 sequences with --long, each portion of them in a database of its own, so that requests do not become slower and slower.
PORTIONS, IN_A_PORTION = 40, 250

Request = tuple[str, str, dict[str, Any]]

# Each request: whether it goes to the API or is a form, what it is about, and what is sent.
anything = st.one_of(
    st.tuples(st.just("PATCH"), st.just("step"), st.fixed_dictionaries({"state": st.sampled_from(STEP_STATES)})),
    st.tuples(st.just("PATCH"), st.just("finding"), st.fixed_dictionaries({"state": st.sampled_from(FINDING_STATES)})),
    st.tuples(st.just("form"), st.just("step/state"), st.fixed_dictionaries({"state": st.sampled_from(STEP_STATES)})),
    st.tuples(
        st.just("form"), st.just("step/finding"), st.fixed_dictionaries({"state": st.sampled_from(FINDING_STATES)})
    ),
    st.tuples(
        st.just("form"),
        st.just("step/verification"),
        st.fixed_dictionaries(
            {
                "source": st.sampled_from(("document", "worker_voice", "union_ngo")),
                "workers": st.sampled_from((0, 8)),
                "chosen_by": st.sampled_from(("management", "no_one", "workers")),
                "confirmed_percent": st.sampled_from((50, 100)),
            }
        ).map(lambda changed: {**HEARD, **changed}),
    ),
    st.tuples(st.just("form"), st.just("step/requests"), st.just({"request": "withheld"})),
    st.tuples(st.just("form"), st.just("case/delete"), st.just({"reason": "duplicate"})),
)
TOWARDS_AN_END = (
    ("POST", "step/evidence", {"kind": "document", "reference": "Report 7"}),
    ("form", "step/evidence", {"kind": "document", "reference": "Report 7"}),
    ("form", "step/verification", HEARD),
    ("form", "step/state", {"state": "closed"}),
    ("form", "step/finding", {"state": "remedied"}),
    ("form", "step/finding", {"state": "closed"}),
    ("POST", "case/close", {"outcome": "remedied", **SPOKEN}),
    ("form", "case/close", {"outcome": "remedied", **SPOKEN}),
    ("form", "case/close/confirm", {}),
    ("form", "approval", {"decision": "approve"}),
)
callers = st.sampled_from((*ROLES, "key of eve", "key of nobody"))
sequences = st.lists(st.tuples(callers, st.sampled_from(TOWARDS_AN_END) | anything), min_size=4, max_size=12)


class Desk:
    """Callers with their sessions and keys, and an emergency that calls for a step that protects people."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        self.users = {name: make_user(database, self.id, role) for name, role in ROLES.items()}
        self.browsers = {name: make_browser(app, user_id) for name, user_id in self.users.items()}
        self.tokens = {name: form_token(browser) for name, browser in self.browsers.items()}
        with database.for_organisation(self.id) as session:
            _, text = keys.create_key(
                session, "ERP", SCOPES, 30, f"user:{self.users['eve']}", owner_id=self.users["eve"]
            )
            self.supplier = save(session, SITE).id
        owned = {"Authorization": f"Bearer {text}"}
        self.portals = {
            "key of eve": Portal(app, owned),
            "key of nobody": Portal(app, make_key(database, self.id, *SCOPES)),
        }

    def start(self) -> None:
        """A new emergency and a new step, of which nothing was done."""
        at = now()
        with self.database.for_organisation(self.id) as session:
            number = {"case_id": f"C-{next(NUMBERS)}", "nationality": "MM", "age_group": "adults"}
            self.case = case_service.open_case(session, number, [LOCKED, BEATEN], today(), at, "user:x").id
            record = {"supplier_id": self.supplier, "record_id": new_id(), "worker_derived": True}
            made = {"created_by": "system:remediation", "created_at": at, "updated_at": at}
            flags = {"safety": True, "needs_workers": True, "party": "buyer", "due": today()}
            library = {"actions_release": "2026.4", "actions_digest": "0" * 64}
            step = Step(action="stop_violence", **library, **record, **flags, **made)
            days = {"found_on": today(), "raised_on": today(), "source_class": "worker_voice"}
            about = {"kind": "case", "about": self.case, "case_id": self.case}
            finding = Finding(**about, **record, **days, **made)
            session.add_all((step, finding))
            session.flush()
            session.add(StepFinding(step_id=step.id, finding_id=finding.id))
            self.step, self.finding = step.id, finding.id

    def send(self, caller: str, request: Request) -> None:
        """Send a request, which may be refused but never fails."""
        method, about, sent = request
        body = {**REASON, **sent}
        kind, _, what = about.partition("/")
        if caller in self.portals and method != "form":
            ids = {"step": f"/steps/{self.step}", "finding": f"/findings/{self.finding}", "case": f"/cases/{self.case}"}
            body = sent if kind == "case" or what == "evidence" else body
            path = "/".join(filter(None, (ids[kind], what)))
            response = self.portals[caller].call(method, path, json=body)
        elif caller in self.browsers and method == "form":
            what = f"findings/{self.finding}" if what == "finding" else what
            paths = {
                "step": f"/remediation/steps/{self.step}/{what}",
                "case": f"/cases/{self.case}/{what}",
                "approval": f"/approvals/cases/{self.case}",
            }
            version = {"version": str(self.get_version())} if kind == "step" else {}
            read = {} if kind == "step" else {"proposed_at": self.get_proposed_at()}
            fields = {"csrf_token": self.tokens[caller], **body, **version, **read}
            response = self.browsers[caller].post(paths[kind], data=fields)
        else:
            return
        assert response.status_code < 500, (caller, request, response.get_data(as_text=True)[:500])

    def get_version(self) -> int:
        with self.database.for_organisation(self.id, write=False) as session:
            return session.get_one(Step, self.step).version

    def get_proposed_at(self) -> str:
        with self.database.for_organisation(self.id, write=False) as session:
            case = session.get(StoredCase, self.case)
            return case.closing["at"] if case and case.closing else ""

    def check(self) -> None:
        with self.database.for_organisation(self.id, write=False) as session:
            step, case = session.get_one(Step, self.step), session.get_one(StoredCase, self.case)
            finding = session.get_one(Finding, self.finding)
            if step.state in ("verified", "closed"):
                check_verified(session, step)
            if case.state == "closed":
                check_case_closed(case)
                self.check_approver(session, case)
            if finding.state in ("remedied", "closed"):
                assert case.state == "closed"
                check_verified(session, step)

    def check_approver(self, session: Session, case: StoredCase) -> None:
        assert case.closed_by in {f"user:{self.users[name]}" for name in ("dee", "eve")}
        assert session.scalars(select(Supplier.id).where(Supplier.id == self.supplier)).one()


@pytest.fixture
def desk(app: Flask, database: Database, quick_hashes: None) -> Desk:
    return Desk(app, database)


@pytest.mark.parametrize(
    "portion", [0, *(pytest.param(number, marks=pytest.mark.long) for number in range(1, PORTIONS))]
)
def test_no_sequence_of_requests_closes_an_emergency_without_an_approver_and_the_workers(desk: Desk, portion: int):
    @seed(portion)
    @settings(max_examples=20 if TIMES == 1 else IN_A_PORTION, suppress_health_check=[HealthCheck.too_slow])
    @given(sequence=sequences)
    def run(sequence: list[tuple[str, Request]]) -> None:
        desk.start()
        for caller, request in sequence:
            desk.send(caller, request)
            desk.check()

    run()


def test_an_approver_and_the_workers_do_close_it(desk: Desk):
    # Otherwise the test above would hold because nothing can be closed at all.
    desk.start()
    for caller, request in (
        ("key of eve", TOWARDS_AN_END[0]),
        ("ben", ("form", "step/verification", HEARD)),
        ("ben", ("form", "case/close", {"outcome": "remedied", **SPOKEN})),
        ("dee", ("form", "approval", {"decision": "approve"})),
        ("ben", ("form", "step/finding", {"state": "remedied"})),
        ("ana", ("form", "step/finding", {"state": "closed"})),
    ):
        desk.send(caller, request)
        desk.check()
    with desk.database.for_organisation(desk.id, write=False) as session:
        states = session.get_one(Step, desk.step).state, session.get_one(Finding, desk.finding).state
        assert (*states, session.get_one(StoredCase, desk.case).state) == ("verified", "closed", "closed")
