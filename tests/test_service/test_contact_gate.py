"""No step that contacts workers is shown until the referral directory has help for them, except where danger is now.

Where a plan is calculated is tested on random rows; what pages, the API and reports show, on the suppliers of the demo.
"""

from datetime import date, timedelta
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from callers import make_browser, make_organisation, make_user, send
from examples import invariant
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from portal import make_portal
from sqlalchemy import select
from test_taking_findings import save

from reports.redaction import for_audience
from risk_models.action_library import list_release_actions
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import iter_result_json
from service.cases import service as case_service
from service.clock import now, today
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import Supplier
from service.imports.pipeline import Choices, parse_files
from service.model_governance.compare import load_models_at
from service.queries.remediation import count_overdue
from service.referrals import contacts
from service.referrals.readiness import load_gate
from service.remediation.reminders import list_reminders
from service.report_content.contact_gate import ContactGate
from service.reporting import stored_reports
from service.supplier_links import links
from service.suppliers import repository as suppliers
from tests.test_service.answers import Answers, answers

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
LIBRARY = {action.id: action for action in list_release_actions("2026.4")}
LATER = [action for action in LIBRARY.values() if action.contacts_workers and min(action.due_days.values()) >= 1]
PLACES = ("TH", "MY", "QA", "CN")
NEEDED = ["a shelter or an NGO", "legal aid", "health care", "a hotline"]
HARMED = {
    "name": "Blue Pier Cannery",
    "reference": "S-1",
    "country": "TH",
    "sector": ["1020"],
    "papers_retention": "held",
    "fee_payer": "worker",
    "reported_harms": ["papers_withheld"],
    "reported_by": "workers",
}


def build_gate(*ready: str) -> ContactGate:
    return ContactGate(frozenset(ready), {"TH": NEEDED[:1]}, NEEDED, 90)


def assess_row(row: Answers, kind: str, release: str = "2026.4") -> AssessedBatch:
    batch = Batch(kind, from_rows([row]), "s.xlsx", "Rows", np.array([2]))
    return assess([batch], FACTS, ON, load_models_at(release, ON))[0]


def list_contact_days(assessed: AssessedBatch) -> list[tuple[str, float]]:
    """The steps of the only supplier that contact workers, by all reports and by its own answers alone."""
    block, position = assessed.blocks[assessed.block_indexes[0]], int(assessed.positions[0])
    return [
        (action.id, days)
        for plan in (block.plan, block.plan.own_answer_plan)
        for action, days in zip(plan.actions, plan.days[:, position].tolist(), strict=True)
        if LIBRARY[action.id].contacts_workers and np.isfinite(days)
    ]


# ------------------------------------------------------------ in plans


@invariant(50)
@given(st.sampled_from(["site", "agency"]), st.data())
def test_no_plan_contacts_workers_where_the_directory_is_not_ready(kind: str, data: st.DataObject) -> None:
    row = {**data.draw(answers(kind)), "country": data.draw(st.sampled_from([*PLACES, None]))}
    if kind == "agency":
        row["destination_countries"] = data.draw(st.lists(st.sampled_from(PLACES), max_size=3, unique=True)) or None
    row = {question: answer for question, answer in row.items() if answer is not None}
    ready = data.draw(st.sets(st.sampled_from(PLACES)))
    assessed = assess_row(row, kind)
    gated = build_gate(*ready).apply(assessed)
    places = set(row.get("destination_countries", ())) or {row.get("country")} - {None}
    before, after = list_contact_days(assessed), list_contact_days(gated.assessed)
    if places and places <= ready:
        assert after == before
        assert not gated.places
    else:
        assert after == [(name, days) for name, days in before if days < 1]  # danger now is never withheld
        assert bool(gated.places) == (after != before)
        assert bool(build_gate(*ready).describe(gated.places)) == (after != before)
    # The referral comes before any contact, so what a supplier has to do next is the same.
    assert [block.plan.list_first_steps() for block in gated.assessed.blocks] == [
        block.plan.list_first_steps() for block in assessed.blocks
    ]


def test_the_assessment_itself_keeps_every_step() -> None:
    assessed = assess_row(HARMED, "site")
    before = next(iter_result_json(assessed, ON))
    build_gate().apply(assessed)
    assert next(iter_result_json(assessed, ON)) == before
    assert any(days >= 1 for _, days in list_contact_days(assessed))


def test_plans_under_an_older_release_are_withheld_too() -> None:
    assessed = assess_row(HARMED, "site", "2026.3")
    assert list_contact_days(assessed)
    assert not [days for _, days in list_contact_days(build_gate().apply(assessed).assessed) if days >= 1]


def test_the_workers_of_an_agency_are_where_it_places_them() -> None:
    agency = {"name": "Amber Manpower", "country": "NP", "destination_countries": ["TH", "QA"], "fee_payer": "worker"}
    assessed = assess_row(agency, "agency")
    assert build_gate("NP").apply(assessed).places == {"TH", "QA"}
    assert build_gate("TH").apply(assessed).places == {"QA"}
    assert build_gate("TH", "QA").apply(assessed).places == set()


def test_the_text_says_what_is_missing_and_where_to_add_it() -> None:
    gate = build_gate("MY")
    assert gate.describe(["TH"]) == (
        "Steps that involve contacting workers in Thailand are not shown until the referral directory has a shelter or an NGO, "
        "verified by a call within the last 90 days. Add them to the referral directory."
    )
    assert "in Qatar and Thailand" in gate.describe(["TH", "QA", "MY"])
    assert "it is not known which country the workers are in" in gate.describe([None])
    assert gate.describe(["MY"]) == gate.describe([]) == ""


# ------------------------------------------------------------ on pages, in the API and in reports


@pytest.fixture
def demo(app: Flask, database: Database) -> str:
    """An organisation with the suppliers of the demo, and no contact in its directory."""
    organisation = make_organisation(database)
    name = "seafood_and_construction_buyer.xlsx"
    parsed = parse_files([(name, (Path("demo") / name).read_bytes())], Choices(), ON)
    with database.for_organisation(organisation) as session:
        for batch in parsed.batches:
            incoming = [suppliers.IncomingSupplier(row, {}) for row in batch.answers.to_rows()]
            origin = suppliers.Origin(now().date(), now(), "system:test", "import")
            suppliers.save_suppliers(session, batch.kind, incoming, origin)
        suppliers.save_supplier(session, "site", HARMED, now().date(), now(), "user:ana", "api")
    return organisation


def fill_directory(database: Database, organisation: str, countries: list[str]) -> None:
    on = now().date()
    with database.for_organisation(organisation) as session:
        for country in countries:
            for kind in ("ngo", "legal_aid", "health", "hotline"):
                values = contacts.parse_texts(
                    {"country": country, "kind": kind, "name": f"{kind} {country}", "reach": "1"}
                )
                contacts.add_contact(session, values, on, on, now(), "user:ana")


def find_titles(text: str) -> list[str]:
    return [action.title for action in LATER if action.title in unescape(text)]


def test_nothing_shows_a_contact_of_a_demo_supplier_before_the_directory_is_complete(
    app: Flask, database: Database, demo: str
):
    officer, viewer = (make_browser(app, make_user(database, demo, role)) for role in ("officer", "viewer"))
    portal = make_portal(app, demo)
    later = {action.id for action in LATER}
    with database.for_organisation(demo, write=False) as session:
        stored = [(s.kind, s.id, s.country) for s in session.scalars(select(Supplier))]
        ids = [supplier_id for _, supplier_id, _ in stored]
        reports = [stored_reports.build_internal_report(session, ids, worker_derived=full) for full in (True, False)]
        copies = [for_audience(stored_reports.build_supplier_copy(session, supplier_id)) for supplier_id in ids[::3]]
    assert len(stored) > 25
    withheld = 0
    for kind, supplier_id, _ in stored[::2]:
        address = f"/{'suppliers' if kind == 'site' else 'agencies'}/{supplier_id}"
        result = portal.get(address).json
        assert not later & {action["id"] for action in result["actions"]}
        withheld += result["actions_withheld"] is not None
        if result["actions_withheld"]:
            assert result["actions_withheld"] in unescape(officer.get(address).get_data(as_text=True))
    assert withheld > 5
    for browser in (officer, viewer):
        for page in ("/", "/actions", "/suppliers", "/agencies", "/suppliers.csv", f"/suppliers/{ids[-1]}"):
            assert find_titles(browser.get(page).get_data(as_text=True)) == [], page
    assert not later & {step["action"]["id"] for step in portal.get("/actions").json["items"]}
    for report in (*reports, *copies):
        steps = [*report.plan, *(step for detail in report.details for step in detail.steps)]
        assert not later & {step.action for step in steps}
        assert not {action.title for action in LATER} & {headline.next_step for headline in report.results}
    assert "referral directory" in reports[0].withheld
    assert all("referral directory" not in copy.withheld for copy in copies)  # the supplier does not have one

    fill_directory(database, demo, sorted({country for *_, country in stored if country}))
    assert find_titles(officer.get(f"/suppliers/{ids[-1]}").get_data(as_text=True))
    with database.for_organisation(demo, write=False) as session:
        assert later & {step.action for step in stored_reports.build_internal_report(session, ids).plan}


def test_a_case_keeps_the_step_for_danger_now_and_withholds_the_others(app: Flask, database: Database):
    organisation = make_organisation(database)
    browser = make_browser(app, make_user(database, organisation, "case_handler"))
    on, at = now().date(), now()
    with database.for_organisation(organisation) as session:
        suppliers.save_supplier(session, "site", HARMED, on, at, "user:ana", "api")
        group = {"case_id": "C-1", "linked_reference": "S-1", "age_group": "adults"}
        finding = {
            "finding": "violence",
            "phase": "work",
            "source": "grievance",
            "found": "yes",
            "found_on": on.isoformat(),
        }
        case_id = case_service.open_case(session, group, [finding], on, at, "user:ana").id
    page = unescape(browser.get(f"/cases/{case_id}").get_data(as_text=True))
    assert LIBRARY["keep_people_safe"].title in page
    assert LIBRARY["no_retaliation"].title not in page
    assert "in Thailand are not shown until" in page
    fill_directory(database, organisation, ["TH"])
    assert LIBRARY["no_retaliation"].title in unescape(browser.get(f"/cases/{case_id}").get_data(as_text=True))


def test_a_reader_who_may_not_see_reports_cannot_infer_one_from_what_is_withheld(app: Flask, database: Database):
    organisation = make_organisation(database)
    viewer = make_browser(app, make_user(database, organisation, "viewer"))
    quiet = {"name": "Amber Packing", "reference": "S-2", "country": "TH", "sector": ["1020"]}
    texts = []
    for more in ({}, {"reported_harms": ["papers_withheld"], "reported_by": "workers"}):
        with database.for_organisation(organisation) as session:
            stored, _ = suppliers.save_supplier(
                session, "site", {**quiet, **more}, now().date(), now(), "user:ana", "api"
            )
            gate = load_gate(session, now().date())
        page = viewer.get(f"/suppliers/{stored.id}").get_data(as_text=True)
        texts.append(gate.describe(["TH"]) in unescape(page))
    assert texts[0] == texts[1]


def test_an_older_plan_that_begins_with_a_contact_names_the_referral_in_lists(app: Flask, database: Database):
    organisation = make_organisation(database)
    portal = make_portal(app, organisation)
    with database.for_organisation(organisation) as session:
        stored, _ = suppliers.save_supplier(session, "site", HARMED, now().date(), now(), "user:ana", "api")
        stored.next_step = stored.own_step = "private_interviews"
    assert portal.get("/suppliers").json["items"][0]["next_step"] == "prepare_referral"
    (step,) = portal.get("/actions").json["items"]
    assert (step["action"]["id"], step["total"], len(step["suppliers"])) == ("prepare_referral", 1, 1)


# ------------------------------------------------------------ in stored plans


class StoredPlan:
    """The steps of a site at which workers are harmed, of which one that contacts workers is for the supplier itself."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.app, self.database, self.id = app, database, make_organisation(database)
        user = make_user(database, self.id)
        self.browser, self.portal = (
            make_browser(app, user),
            make_portal(app, self.id, "remediation:read", "remediation:write"),
        )
        with database.for_organisation(self.id) as session:
            supplier = save(session, HARMED, now())
            steps = {step.action: step for step in session.scalars(select(Step))}
            steps["reach_people"].action = "keep_people_safe"  # as a case calls for it
            steps["keep_people_safe"] = steps.pop("reach_people")
            for step in steps.values():
                step.owner_id, step.due, step.worker_derived = user, today() - timedelta(days=1), False
            steps["remedy_plan"].party = "supplier"
            self.ids = {action: step.id for action, step in steps.items()}
            self.contacts = {self.ids[action.id] for action in LATER if action.id in self.ids}
            self.link = links.create_link(session, supplier, "management", 30, "user:ana")[1]

    def list_shown(self) -> dict[str, set[str]]:
        """The ids of the steps that each place names."""
        client = self.app.test_client()
        client.post(f"/shared/{self.link}/open")
        with self.database.for_organisation(self.id, write=False) as session:
            events = [event for batch in list_reminders(session, today()) for event in batch]
        reminded = {step for event in events for step in event.payload.get("step_ids", [event.payload.get("step_id")])}
        pages = {
            "board": self.browser.get("/remediation"),
            "mine": self.browser.get("/remediation?view=mine"),
            "plan": client.get(f"/shared/{self.link}"),
        }
        texts = {name: page.get_data(as_text=True) for name, page in pages.items()}
        return {
            **{name: {id_ for id_ in self.ids.values() if id_ in text} for name, text in texts.items()},
            "api": {step["id"] for step in self.portal.get("/steps").json["items"]},
            "reminders": reminded,
        }


@pytest.fixture
def stored_plan(app: Flask, database: Database) -> StoredPlan:
    return StoredPlan(app, database)


def test_no_stored_step_that_contacts_workers_is_named_before_the_directory_is_ready(
    stored_plan: StoredPlan, database: Database
):
    urgent = stored_plan.ids["keep_people_safe"]
    shown = stored_plan.list_shown()
    assert stored_plan.contacts
    assert {place: ids & stored_plan.contacts for place, ids in shown.items()} == dict.fromkeys(shown, set())
    assert {place for place, ids in shown.items() if urgent not in ids} == {"plan"}  # a step of the buyer
    missing = stored_plan.portal.get("/steps").json["withheld"]
    assert "in Thailand are not shown until" in missing
    board = unescape(stored_plan.browser.get("/remediation").get_data(as_text=True))
    assert missing in board
    assert find_titles(board) == []
    with database.for_organisation(stored_plan.id, write=False) as session:
        before = count_overdue(session, today(), sees_worker_derived=True)

    fill_directory(database, stored_plan.id, ["TH"])
    shown = stored_plan.list_shown()
    assert shown["plan"] & stored_plan.contacts == {stored_plan.ids["remedy_plan"]}
    assert {place for place, ids in shown.items() if not ids >= stored_plan.contacts} == {"plan"}
    assert stored_plan.portal.get("/steps").json["withheld"] is None
    with database.for_organisation(stored_plan.id, write=False) as session:
        after = count_overdue(session, today(), sees_worker_derived=True)
    assert after == before + len(stored_plan.contacts)


def test_a_withheld_step_is_neither_read_nor_changed_by_its_address(stored_plan: StoredPlan, database: Database):
    step = stored_plan.ids["remedy_plan"]
    page, path = f"/remediation/steps/{step}", f"/steps/{step}"
    read = stored_plan.browser.get(page)
    assert read.status_code == 200
    assert "in Thailand are not shown until" in unescape(read.get_data(as_text=True))
    assert find_titles(read.get_data(as_text=True)) == []
    assert send(stored_plan.browser, f"{page}/state", state="agreed", version="1").status_code == 409
    both = [step, stored_plan.ids["return_papers"]]
    assert send(stored_plan.browser, "/remediation", step=both, state="agreed").status_code == 409
    assert stored_plan.portal.get(path).json["code"] == "step.no_help"
    assert stored_plan.portal.call("PATCH", path, json={"state": "agreed"}).json["code"] == "step.no_help"
    client = stored_plan.app.test_client()
    client.post(f"/shared/{stored_plan.link}/open")
    assert client.post(f"/shared/{stored_plan.link}/steps/{step}/start").status_code == 404
    assert client.post(f"/shared/{stored_plan.link}/agreement").status_code == 303
    with database.for_organisation(stored_plan.id) as session:
        states = {step.id: step.state for step in session.scalars(select(Step))}
        assert (states[step], states[stored_plan.ids["return_papers"]]) == ("planned", "agreed")
        session.get_one(Step, step).state = "closed"  # what was done stays on record
    assert stored_plan.portal.get(path).json["state"] == "closed"


def test_a_stored_step_of_an_agency_waits_for_every_country_in_which_it_places_workers(app: Flask, database: Database):
    organisation = make_organisation(database)
    portal = make_portal(app, organisation, "remediation:read")
    agency = {"name": "Amber Manpower", "country": "NP", "destination_countries": ["TH", "QA"], "fee_payer": "worker"}
    with database.for_organisation(organisation) as session:
        stored, _ = suppliers.save_supplier(session, "agency", agency, now().date(), now(), "user:ana", "api")
        fields = {"actions_release": "2026.4", "actions_digest": "", "party": "agency", "due": today(), "safety": False}
        by = {"created_by": "user:ana", "created_at": now(), "updated_at": now()}
        owner = {"supplier_id": stored.id, "record_id": stored.id}
        kept = {"needs_workers": True, "worker_derived": False}
        session.add(Step(action="know_households", **owner, **fields, **by, **kept))
    assert "in Qatar and Thailand" in portal.get("/steps").json["withheld"]
    fill_directory(database, organisation, ["TH"])
    listed = portal.get("/steps").json
    assert (listed["items"], "in Qatar are not" in listed["withheld"]) == ([], True)
    fill_directory(database, organisation, ["QA"])
    listed = portal.get("/steps").json
    assert ([step["action"] for step in listed["items"]], listed["withheld"]) == (["know_households"], None)
