"""Test what waits for an approver: changes of steps that protect people, and closing emergencies."""

import html
from datetime import timedelta

import pytest
from callers import send
from sqlalchemy import select
from test_remediation_pages import Office, office  # noqa: F401  a fixture

from service.cases import closing
from service.cases import service as case_service
from service.clock import now, today
from service.db.approval_tables import StepRequest
from service.db.case_tables import StoredCase
from service.db.remediation_tables import Step
from service.report_content.contact_gate import list_later_contacts

pytestmark = pytest.mark.usefixtures("quick_hashes")
REASON = "The shelter has no room before May."
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
BEATEN = {"finding": "violence", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}


@pytest.fixture
def later(office: Office) -> str:  # noqa: F811
    """A date after that of the step of the office, which is made one that protects people and is known only from workers."""
    with office.database.for_organisation(office.id) as session:
        shown = select(Step).where(Step.safety, Step.action.not_in(list_later_contacts()))
        step = session.scalars(shown.order_by(Step.id)).first()
        office.step, step.worker_derived = step.id, True
        return (step.due + timedelta(days=30)).isoformat()


def get_due(office: Office) -> str:  # noqa: F811
    with office.database.for_organisation(office.id, write=False) as session:
        return session.get_one(Step, office.step).due.isoformat()


def get_request(office: Office) -> StepRequest:  # noqa: F811
    with office.database.for_organisation(office.id, write=False) as session:
        return session.scalars(select(StepRequest).where(StepRequest.state != "withdrawn")).one()


def decide(office: Office, name: str, path: str, decision: str, reason: str = "") -> tuple[int, str]:  # noqa: F811
    of_case = {"proposed_at": get_proposed_at(office, path)} if path.startswith("cases/") else {}
    response = send(office.browsers[name], f"/approvals/{path}", decision=decision, reason=reason, **of_case)
    return response.status_code, response.get_data(as_text=True)


def test_a_later_date_waits_for_an_approver_who_sees_what_is_asked(office: Office, later: str):  # noqa: F811
    before = get_due(office)
    assert "Ask an approver" in office.read("ana")
    assert office.change("ana", "requests", request="due", due=before, reason=REASON) != ""
    assert office.change("ana", "requests", request="due", due=later, reason="") == "Say why."
    assert office.change("ana", "requests", request="due", due="2099-01-01", reason="By then.") == ""
    assert office.change("ana", "requests", request="due", due=later, reason=REASON) == ""
    assert "1 decision<" in office.read("dee", "/")  # the newer request replaces the one before it
    assert REASON in office.read("dee", "/approvals")
    assert get_due(office) == before
    path = f"steps/{get_request(office).id}"
    assert decide(office, "ana", path, "approve")[0] == 403
    assert "Say why." in decide(office, "dee", path, "decline")[1]
    assert decide(office, "dee", path, "approve")[0] == 303
    assert get_due(office) == later
    assert decide(office, "dee", path, "approve")[0] == 409
    assert REASON not in office.read("dee", "/approvals")
    assert "approved" in office.read("ana")


def test_a_request_that_was_declined_changes_nothing(office: Office, later: str):  # noqa: F811
    assert office.change("ben", "requests", request="withheld", reason="The guards would know who spoke.") == ""
    path = f"steps/{get_request(office).id}"
    assert decide(office, "dee", path, "decline", "Take it at the port instead.")[0] == 303
    assert get_request(office).state == "declined"
    page = office.read("ben")
    assert "Take it at the port instead." in page
    with office.database.for_organisation(office.id, write=False) as session:
        assert session.get_one(Step, office.step).state == "planned"


def propose_closing(office: Office, name: str) -> str:  # noqa: F811
    case = {"case_id": "C-7", "nationality": "MM", "age_group": "adults"}
    with office.database.for_organisation(office.id) as session:
        stored = case_service.open_case(session, case, [LOCKED, BEATEN], today(), now(), "user:x")
        check = closing.WorkerCheck(today(), 7, "worker_organisation")
        closing.close_case(session, stored.id, "remedied", today(), now(), f"user:{office.ids[name]}", check)
        return stored.id


def get_case(office: Office, case_id: str) -> StoredCase:  # noqa: F811
    with office.database.for_organisation(office.id, write=False) as session:
        return session.get_one(StoredCase, case_id)


def get_proposed_at(office: Office, path: str) -> str:  # noqa: F811
    """When the proposal to close a case was made, as the page says that was read."""
    return get_case(office, path.removeprefix("cases/")).closing["at"]


def test_an_emergency_is_closed_by_an_approver_and_by_no_other_user(office: Office):  # noqa: F811
    case_id = propose_closing(office, "ben")
    for name in ("ben", "ana"):
        assert decide(office, name, f"cases/{case_id}", "approve")[0] == 403
    read = get_proposed_at(office, case_id)
    with office.database.for_organisation(office.id) as session, pytest.raises(Exception, match="only an approver"):
        closing.confirm_closing(session, case_id, today(), now(), "user:ana", is_approver=False, proposed_at=read)
    page = office.read("dee", "/approvals")
    assert f'name="proposed_at" value="{html.escape(read)}"' in page
    assert "C-7" in page
    assert "Remedied, as the people concerned confirm" in page
    assert decide(office, "dee", f"cases/{case_id}", "approve")[0] == 303
    assert get_case(office, case_id).closed_by == f"user:{office.ids['dee']}"


def test_an_approver_sends_a_proposal_back_with_a_reason(office: Office):  # noqa: F811
    case_id = propose_closing(office, "ben")
    assert "Explain what is missing" in decide(office, "dee", f"cases/{case_id}", "decline")[1]
    assert decide(office, "dee", f"cases/{case_id}", "decline", "Ask the night shift as well.")[0] == 303
    assert (get_case(office, case_id).state, get_case(office, case_id).closing) == ("open", None)
    assert "Ask the night shift as well." in office.read("ben", f"/cases/{case_id}")
    assert "C-7" not in office.read("dee", "/approvals")
