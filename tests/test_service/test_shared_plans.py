"""What a supplier sees and sends through its link, and what its buyer does with it."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO

import pytest
from callers import make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from portal import Portal, run_jobs
from sample_objects import make_supplier
from sqlalchemy import select
from werkzeug.test import TestResponse

from risk_models.action_library import list_release_actions
from service.clock import now
from service.db.link_tables import FindingAnswer, StepProposal
from service.db.remediation_tables import (
    Finding,
    PlanVersion,
    Reply,
    ReplyFinding,
    Step,
    StepComment,
    StepEvidence,
    Transition,
)
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier, new_id
from service.erasure.erase import erase_supplier
from service.journal import Journal
from service.remediation import replies
from service.shared_plans import proofs
from service.supplier_links import links
from service.suppliers.repository import save_supplier
from service.wiring.job_handlers import build_handlers

CANARY = "Zephyrine"


@dataclass(frozen=True)
class Case:
    """A supplier with findings and steps, its link in a browser without an account, and its buyer."""

    app: Flask
    database: Database
    organisation_id: str
    supplier_id: str
    link_id: str
    token: str
    client: FlaskClient
    ids: dict[str, str]

    def see(self) -> str:
        """The page, after its cover."""
        self.client.post(f"/shared/{self.token}/open")
        answer = self.client.get(f"/shared/{self.token}")
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    def send(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(f"/shared/{self.token}/{path}", data=fields)

    def load(self, table: type, id_: str) -> object:
        with self.database.for_organisation(self.organisation_id) as session:
            row = session.get_one(table, id_)
            session.expunge(row)
            return row


def add_finding(about: str, supplier_id: str, **more: object) -> Finding:
    at = now()
    fields = {"kind": "indicator", "source_class": "own_answers", "worker_derived": False, "state": "open"}
    times = {"found_on": at.date(), "raised_on": at.date(), "created_at": at, "updated_at": at}
    by = {"supplier_id": supplier_id, "record_id": supplier_id, "created_by": "system:test"}
    return Finding(id=new_id(), about=about, **{**fields, **times, **by, **more})


def add_step(action: str, supplier_id: str, **more: object) -> Step:
    at = now()
    fields = {"actions_release": "2026.4", "actions_digest": "", "party": "supplier", "state": "planned"}
    flags = {"safety": False, "needs_workers": False, "worker_derived": False}
    times = {"due": at.date() + timedelta(days=30), "created_at": at, "updated_at": at}
    by = {"supplier_id": supplier_id, "record_id": supplier_id, "created_by": "system:test"}
    return Step(id=new_id(), action=action, **{**fields, **flags, **times, **by, **more})


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        supplier = make_supplier(session, {})
        session.add(supplier)
        session.flush()
        open_finding = add_finding("recruitment_fees", supplier.id)
        known_from_workers = add_finding(f"{CANARY}_indicator", supplier.id, worker_derived=True)
        actions = list_actions_by_owner()
        step = add_step(actions["supplier"][0], supplier.id)
        hidden = {
            "of_workers": add_step(actions["supplier"][1], supplier.id, worker_derived=True),
            "of_the_buyer": add_step(actions["buyer"][0], supplier.id, party="buyer"),
            "withheld": add_step(actions["supplier"][2], supplier.id, state="withheld"),
            "of_another_record": add_step(actions["supplier"][3], supplier.id, record_id=new_id()),
        }
        session.add_all([open_finding, known_from_workers, step, *hidden.values()])
        session.flush()
        link, token = links.create_link(session, supplier, "management", 30, "user:ana")
        ids = {"finding": open_finding.id, "known_from_workers": known_from_workers.id, "step": step.id}
        ids |= {name: one.id for name, one in hidden.items()}
        return Case(app, database, organisation_id, supplier.id, link.id, token, app.test_client(), ids)


def list_actions_by_owner() -> dict[str, list[str]]:
    """The ids of actions by their owner."""
    by_owner: dict[str, list[str]] = {}
    for action in list_release_actions("2026.4"):
        by_owner.setdefault(action.owner, []).append(action.id)
    return by_owner


def ask(case: Case, **more: object) -> str:
    """Put the finding to the supplier; return the id of the letter."""
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    fields = {"findings": case.ids["finding"], "text": "Workers may have paid fees.", **more}
    answer = send(browser, f"/suppliers/{case.supplier_id}/letters", **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    with case.database.for_organisation(case.organisation_id) as session:
        return session.scalars(select(Reply.id)).one()


def reply(case: Case, letter: str, position: str, text: str = "") -> TestResponse:
    finding = case.ids["finding"]
    return case.send(f"letters/{letter}", **{f"position-{finding}": position, f"text-{finding}": text})


def test_a_letter_counts_as_delivered_once_somebody_continues_past_the_cover_page(case: Case):
    case.see()
    letter = ask(case)
    cover = case.client.get(f"/shared/{case.token}").get_data(as_text=True)
    assert "Continue" in cover
    assert "Workers may have paid" not in cover
    assert case.load(Reply, letter).delivered_at is None
    assert "Workers may have paid fees." in case.see()
    delivered = case.load(Reply, letter)
    assert delivered.delivered_how == "opened"
    assert delivered.due_at == delivered.delivered_at + timedelta(days=14)


@pytest.mark.parametrize(
    ("position", "text", "state"),
    [("accepts", "", "accepted"), ("disputes", "The agency paid.", "disputed"), ("comments", "We asked.", "consulted")],
)
def test_a_reply_is_kept_ends_the_draft_and_moves_the_finding(case: Case, position: str, text: str, state: str):
    letter = ask(case)
    case.see()
    assert reply(case, letter, position, text).status_code == 303
    assert case.load(Finding, case.ids["finding"]).state == state
    with case.database.for_organisation(case.organisation_id) as session:
        assert replies.list_consulted_suppliers(session, [case.supplier_id], now()) == {case.supplier_id}
        actors = set(session.scalars(select(AuditEvent.actor).where(AuditEvent.action == "reply.received")))
    assert actors == {f"link:{case.link_id}"}
    assert text in case.see()
    assert reply(case, letter, "accepts").status_code == 409, "a reply is given once"


@pytest.mark.parametrize(
    ("position", "text", "told"),
    [
        ("", "", "For each finding, say"),
        ("disputes", " ", "Explain why you dispute"),
        ("comments", "Ask Mr Somchai Jaidee, phone +66 81 234 5678.", "seems to identify a person"),
    ],
)
def test_a_reply_that_cannot_be_saved_is_refused_and_what_was_entered_is_kept(
    case: Case, position: str, text: str, told: str
):
    letter = ask(case)
    case.see()
    answer = reply(case, letter, position, text)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert told in page
    assert text.strip() in page
    assert case.load(Reply, letter).answered_at is None
    assert case.load(Finding, case.ids["finding"]).state == "open"


def test_nothing_that_comes_from_workers_or_the_buyer_reaches_the_supplier(case: Case):
    letter = ask(case)
    step = case.ids["step"]
    with case.database.for_organisation(case.organisation_id) as session:
        at = now()
        session.add(StepComment(step_id=step, text=f"{CANARY} comment", created_by="user:ana", created_at=at))
        by = {"actor": "user:ana", "at": at}
        session.add(Transition(step_id=step, field="state", to_value="planned", reason=f"{CANARY} reason", **by))
        evidence = {"kind": "interview_summary", "reference": f"{CANARY} evidence", "worker_derived": True}
        session.add(StepEvidence(step_id=step, submitted_by="user:ana", submitted_at=at, **evidence))
        session.add(ReplyFinding(reply_id=letter, finding_id=case.ids["known_from_workers"]))
        finding = session.get_one(Finding, case.ids["finding"])
        finding.involvement_reason = f"{CANARY} involvement"
    pages = [case.client.get(f"/shared/{case.token}").get_data(as_text=True), case.see()]
    pages.append(reply(case, letter, "").get_data(as_text=True))
    pages.append(case.send(f"steps/{step}/date", due="x", reason="").get_data(as_text=True))
    reply(case, letter, "accepts")
    pages.append(case.see())
    assert case.ids["step"] in pages[1]
    hidden = {name: id_ for name, id_ in case.ids.items() if name not in ("step", "finding")}
    for page in pages:
        assert CANARY.casefold() not in page.casefold()
        assert not [name for name, id_ in hidden.items() if id_ in page]
        assert "user:" not in page
    for name in ("of_workers", "of_the_buyer", "withheld", "of_another_record"):
        for path in ("start", "date", "obstacle"):
            assert case.send(f"steps/{case.ids[name]}/{path}", due="2030-01-01", reason="x").status_code == 404


def test_a_finding_says_which_of_the_suppliers_own_answers_it_is_about(case: Case):
    own = {"papers_retention": "held", "movement": "locked", "country": "TH", "sector": ["1020"]}
    told = {"reported_harms": ["violence"], "reported_by": "workers", "reported_on": now().date().isoformat()}
    with case.database.for_organisation(case.organisation_id) as session:
        answers = {"name": "Nine Herons", **own, **told}
        supplier = save_supplier(session, "site", answers, now().date(), now(), "user:ana", "api")[0]
        pair = add_finding("strong_pair", supplier.id, kind="floor")
        session.add_all([pair, add_finding("papers_withheld", supplier.id)])
        session.flush()
        findings = [
            finding.id for finding in session.scalars(select(Finding).where(Finding.supplier_id == supplier.id))
        ]
        _link, token = links.create_link(session, supplier, "management", 30, "user:ana")
        supplier_id = supplier.id
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    send(browser, f"/suppliers/{supplier_id}/letters", findings=findings, text="Please answer.")
    page = replace(case, token=token).see()
    assert page.count("Identity documents withheld") == 2, "as a finding, and as one of the two indicators of the other"
    assert "Restricted movement: " in page
    assert "iolence" not in page, "workers reported it"


def test_a_rejected_step_looks_like_one_in_progress(case: Case):
    with case.database.for_organisation(case.organisation_id) as session:
        session.get_one(Step, case.ids["step"]).state = "rejected"
    rejected = case.see()
    with case.database.for_organisation(case.organisation_id) as session:
        session.get_one(Step, case.ids["step"]).state = "in_progress"
    assert rejected == case.see()


def test_a_step_that_was_reopened_looks_and_answers_like_one_that_is_done(case: Case):
    case.see()
    seen = []
    for state in ("closed", "reopened"):
        with case.database.for_organisation(case.organisation_id) as session:
            session.get_one(Step, case.ids["step"]).state = state
        path = f"steps/{case.ids['step']}"
        sent = [case.send(f"{path}/start"), case.send(f"{path}/obstacle", text="x"), upload(case, b"a,b\n1,2\n")]
        seen.append([case.see(), *((one.status_code, one.get_data()) for one in sent)])
    assert seen[0] == seen[1]
    assert seen[0][1][0] == 409


def test_a_supplier_agrees_to_its_own_steps_and_starts_one(case: Case):
    case.see()
    assert case.send("agreement").status_code == 303
    assert case.load(Step, case.ids["step"]).state == "agreed"
    assert case.load(Step, case.ids["of_the_buyer"]).state == "planned"
    assert case.load(Step, case.ids["of_workers"]).state == "planned"
    with case.database.for_organisation(case.organisation_id) as session:
        version = session.scalars(select(PlanVersion)).one()
        assert (version.agreed_how, version.created_by) == ("online", f"link:{case.link_id}")
    assert case.send("agreement").status_code == 409
    assert case.send(f"steps/{case.ids['step']}/start").status_code == 303
    assert case.load(Step, case.ids["step"]).state == "in_progress"


def test_an_officer_accepts_a_proposed_date_with_a_reason_that_the_supplier_sees(case: Case):
    case.see()
    due = now().date() + timedelta(days=60)
    assert case.send(f"steps/{case.ids['step']}/date", due="2020-01-01", reason="The bank is slow.").status_code == 422
    assert (
        case.send(f"steps/{case.ids['step']}/date", due=due.isoformat(), reason="The bank is slow.").status_code == 303
    )
    with case.database.for_organisation(case.organisation_id) as session:
        proposal_id = session.scalars(select(StepProposal.id)).one()
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    address = f"/suppliers/{case.supplier_id}"
    assert "The bank is slow." in browser.get(f"{address}/links").get_data(as_text=True)
    waiting = "waiting for a decision"
    assert waiting in browser.get(f"/remediation/steps/{case.ids['step']}").text
    assert send(browser, f"{address}/proposals/{proposal_id}", decision="accept", reason="").status_code == 422
    assert (
        send(browser, f"{address}/proposals/{proposal_id}", decision="accept", reason="Agreed by us.").status_code
        == 303
    )
    assert case.load(Step, case.ids["step"]).due == due
    assert waiting not in browser.get(f"/remediation/steps/{case.ids['step']}").text
    assert "Agreed by us." in case.see()
    assert send(browser, f"{address}/proposals/{proposal_id}", decision="decline", reason="No.").status_code == 409


def test_the_date_of_a_step_for_peoples_safety_is_moved_by_an_approver_only(case: Case):
    with case.database.for_organisation(case.organisation_id) as session:
        session.get_one(Step, case.ids["step"]).safety = True
    case.see()
    due = now().date() + timedelta(days=60)
    case.send(f"steps/{case.ids['step']}/date", due=due.isoformat(), reason="The bank is slow.")
    with case.database.for_organisation(case.organisation_id) as session:
        proposal_id = session.scalars(select(StepProposal.id)).one()
    address = f"/suppliers/{case.supplier_id}/proposals/{proposal_id}"
    for role, status in (("officer", 403), ("approver", 303)):
        browser = make_browser(case.app, make_user(case.database, case.organisation_id, role))
        assert send(browser, address, decision="accept", reason="Workers agree.").status_code == status


def test_a_supplier_says_what_it_cannot_do_and_who_should_share_the_cost(case: Case):
    case.see()
    path = f"steps/{case.ids['step']}/obstacle"
    assert case.send(path, text="", cost_shared_by="buyer").status_code == 422
    assert case.send(path, text="We cannot pay it alone.", cost_shared_by="nobody").status_code == 422
    for _ in range(5):
        assert case.send(path, text="We cannot pay it alone.", cost_shared_by="buyer").status_code == 303
    assert case.send(path, text="We cannot pay it alone.", cost_shared_by="buyer").status_code == 409
    portal = Portal(case.app, make_key(case.database, case.organisation_id, "remediation:read", "remediation:write"))
    proposals = portal.get(f"/suppliers/{case.supplier_id}/proposals").json["items"]
    assert {(one["cost_shared_by"], one["state"]) for one in proposals} == {("buyer", "open")}
    decision = {"decision": "decline", "reason": "We pay half."}
    decided = portal.post(f"/suppliers/{case.supplier_id}/proposals/{proposals[0]['id']}/decision", decision)
    assert (decided.status_code, decided.json["state"]) == (200, "declined")
    assert "We pay half." in case.see()


def test_a_program_puts_findings_to_a_supplier_and_answers_its_reply(case: Case):
    portal = Portal(case.app, make_key(case.database, case.organisation_id, "remediation:read", "remediation:write"))
    path = f"/suppliers/{case.supplier_id}/letters"
    for finding in (case.ids["known_from_workers"], new_id()):
        assert portal.post(path, {"findings": [finding], "text": "Fees."}).status_code == 404
    made = portal.post(path, {"findings": [case.ids["finding"]], "text": "Workers may have paid fees."})
    assert made.status_code == 201
    case.see()
    assert portal.post(f"{path}/{made.json['id']}/response", {"response": "Thank you."}).status_code == 409
    reply(case, made.json["id"], "disputes", "The agency paid.")
    (listed,) = portal.get(path).json["items"]
    assert [(one["position"], one["text"]) for one in listed["answers"]] == [("disputes", "The agency paid.")]
    assert portal.post(f"{path}/{made.json['id']}/response", {"response": "Thank you."}).status_code == 200
    assert "Thank you." in case.see()


def test_an_officer_notes_how_a_letter_was_delivered(case: Case):
    letter = ask(case)
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    path = f"/suppliers/{case.supplier_id}/letters/{letter}/delivery"
    assert send(browser, path, at="soon", note="By courier").status_code == 422
    at = now().replace(second=0, microsecond=0, tzinfo=None)
    assert send(browser, path, at=at.isoformat(), note="By courier").status_code == 303
    assert case.load(Reply, letter).delivered_how == "noted"


def test_a_link_of_a_merged_record_shows_nothing_of_the_other_record(case: Case):
    with case.database.for_organisation(case.organisation_id) as session:
        other = make_supplier(session, {})
        other.name, other.key = "Other Cannery", "other cannery"
        session.add(other)
        session.flush()
        theirs = add_step(list_actions_by_owner()["supplier"][4], other.id)
        session.add(theirs)
        session.flush()
        link = session.get_one(links.SupplierLink, case.link_id)
        link.supplier_id = other.id
        session.get_one(Step, case.ids["step"]).supplier_id = other.id
        theirs_id = theirs.id
    page = case.see()
    assert case.ids["step"] in page
    assert theirs_id not in page
    assert not re.search("Other Cannery", page)


def upload(case: Case, data: bytes, **fields: str) -> TestResponse:
    """Send a file whose name names a worker."""
    fields = {"kind": "payment_proof", "file": (BytesIO(data), f"{CANARY}.csv"), **fields}
    return case.send(f"steps/{case.ids['step']}/files", **fields)


def test_a_supplier_sends_a_file_that_an_officer_downloads_under_another_name(case: Case):
    case.see()
    sheet = b"Passport no.,Repaid\nA1234567,300\n"
    assert upload(case, sheet).status_code == 303
    assert case.load(Step, case.ids["step"]).state == "evidence_in"
    assert "1 file received" in case.see()
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    page = browser.get(f"/suppliers/{case.supplier_id}/links").get_data(as_text=True)
    assert "1 column with personal data" in page
    assert CANARY not in page
    saved = browser.get(re.search(r"/suppliers/[\w-]+/proofs/[\w-]+", page)[0])
    assert saved.data == sheet
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    portal = Portal(case.app, make_key(case.database, case.organisation_id, "remediation:read"))
    (listed,) = portal.get(f"/suppliers/{case.supplier_id}/proofs").json["items"]
    assert portal.get(f"/suppliers/{case.supplier_id}/proofs/{listed['id']}").data == sheet
    with case.database.for_organisation(case.organisation_id) as session:
        events = session.execute(select(AuditEvent.actor, AuditEvent.action)).all()
    assert (f"link:{case.link_id}", "step.evidence_added") in events
    assert [action for _, action in events].count("evidence.downloaded") == 2


@pytest.mark.parametrize(
    ("data", "fields", "code"),
    [(b"hello", {}, 422), (b"a,b\n1,2\n", {"kind": "interview_summary"}, 422), (b"a,b\n1,2\n", {"file": ""}, 422)],
)
def test_a_file_that_is_refused_changes_nothing(case: Case, data: bytes, fields: dict[str, str], code: int):
    case.see()
    assert upload(case, data, **fields).status_code == code
    assert case.load(Step, case.ids["step"]).state == "planned"
    assert case.app.extensions["blob_store"].list_digests() == ()


def test_a_link_takes_so_many_bytes_and_no_more(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proofs, "QUOTA", 20)
    case.see()
    assert [upload(case, b"month,paid\nMay,3\n").status_code for _ in range(2)] == [303, 413]


def test_erasing_a_supplier_ends_its_links_and_removes_its_replies_and_files(case: Case):
    case.see()
    upload(case, b"month,paid\nMay,3\n")
    case.send(f"steps/{case.ids['step']}/obstacle", text="We cannot pay it alone.")
    reply(case, ask(case), "accepts")
    with case.database.for_organisation(case.organisation_id) as session:
        digest = session.scalars(select(StepEvidence.sha256)).one()
        erase_supplier(session, session.get_one(Supplier, case.supplier_id), now(), "user:ana")
    blobs, journal = case.app.extensions["blob_store"], Journal(case.app.extensions["settings"].erasure_journal)
    run_jobs(case.database, blobs, build_handlers(blobs, journal))
    assert case.client.get(f"/shared/{case.token}").status_code == 404
    assert digest not in blobs.list_digests()
    with case.database.for_organisation(case.organisation_id) as session:
        for table in (links.SupplierLink, StepProposal, StepEvidence, Reply, FindingAnswer):
            assert session.scalars(select(table.id)).all() == []
