"""Test that an import can be undone: what it created is removed, what it changed is restored, and later edits are kept."""

from datetime import timedelta

import pytest
from callers import make_browser, make_organisation, make_user
from callers import send as send_form
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sample_objects import make_finding
from sheets import workbook
from sqlalchemy import select, update

from questionnaires.validation.personal_data import CASE_KIND
from service.clock import now
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.errors import DomainError
from service.imports import undo
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job

HEAD = """
    | Reference | Site name | Country | Sector | Number of workers | Who holds workers' identity papers |
    |---|---|---|---|---|---|
"""
LATER = """
    | Reference | Site name | Number of workers |
    |---|---|---|
    | S-1 | Blue Pier Foods | 90 |
    | S-3 | Green Dock | 6 |
    """


def make_list(*rows: str) -> bytes:
    return workbook(HEAD + "\n".join(f"| {row} |" for row in rows))


FIRST = make_list(
    "S-1 | Blue Pier | Thailand | 1020 | 80 | worker_holds", "S-2 | Red Quay | Thailand | 1020 | 20 | worker_holds"
)
SECOND = make_list(
    "S-1 | Blue Pier Foods | Viet Nam | 1020 | 90 | held",
    "S-2 | Red Quay | Thailand | 1020 | 20 | worker_holds",
    "S-3 | Green Dock | Thailand | 1020 | 5 | held",
)


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def undo_it(portal: Portal, import_id: str) -> dict:
    """Undo an import, and return it afterwards."""
    assert portal.post(f"/imports/{import_id}/undo").status_code == 202
    work(portal)
    return portal.get(f"/imports/{import_id}").json


def work(portal: Portal) -> None:
    database = portal.app.extensions["database"]
    run_jobs(
        database,
        portal.app.extensions["blob_store"],
        {"undo_import": Handler(undo.undo_import, undo.on_failure, undo.has_begun)},
    )


def list_references(portal: Portal) -> list[str]:
    return sorted(one["reference"] for one in portal.get("/suppliers").json["items"])


def test_what_an_import_made_goes_and_what_it_changed_returns(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    before = portal.get("/suppliers/S-1").json
    second = portal.import_file("b.xlsx", SECOND)
    assert second["undo"] is None
    assert second["undo_until"] > second["finished_at"]
    undone = undo_it(portal, second["id"])
    assert {name: undone["undo"][name] for name in ("state", "removed", "restored", "kept_total")} == {
        "state": "done", "removed": 1, "restored": 1, "kept_total": 0,
    }  # fmt: skip
    assert undone["undo_until"] is None
    after = portal.get("/suppliers/S-1").json
    assert {**after["answers"], "answered_on": None} == {**before["answers"], "answered_on": None}
    assert (after["name"], after["country"], after["scores"] if "scores" in after else after["level"]) == (
        before["name"], before["country"], before["scores"] if "scores" in before else before["level"],
    )  # fmt: skip
    assert list_references(portal) == ["S-1", "S-2"]
    causes = [line["cause"] for line in portal.get("/suppliers/S-1/assessments").json["items"]]
    assert causes == ["undo", "import", "import"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_two_imports_brought_is_gone_when_both_are_undone_in_any_order(portal: Portal, order: tuple[int, int]):
    imports = [portal.import_file("a.xlsx", FIRST), portal.import_file("b.xlsx", SECOND)]
    outcomes = [undo_it(portal, imports[at]["id"])["undo"] for at in order]
    assert list_references(portal) == []
    assert outcomes[1]["removed"] == (3 if order == (0, 1) else 2)
    deleted = [line["supplier_id"] for line in portal.get("/changes").json["items"] if line["kind"] == "deleted"]
    assert len(deleted) == len(set(deleted)) == 3


def test_what_an_undone_import_brought_does_not_return_when_a_later_one_is_undone(portal: Portal):
    portal.put("/suppliers/S-1", {"name": "Blue Pier", "country": "TH", "workers_total": 70})
    imports = [portal.import_file("a.xlsx", FIRST), portal.import_file("b.xlsx", SECOND)]
    portal.put("/suppliers/S-1", {"name": "Blue Pier Harbour"})
    for import_ in imports:
        undo_it(portal, import_["id"])
    answers = portal.get("/suppliers/S-1").json["answers"]
    assert (answers["name"], answers["country"], answers["workers_total"]) == ("Blue Pier Harbour", "TH", 70)
    assert (answers.get("sector"), answers.get("papers_retention")) == (None, None)


def test_the_change_feed_and_the_audit_trail_say_what_was_undone(portal: Portal, database: Database):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    gone, returned = (portal.get(f"/suppliers/{name}").json["id"] for name in ("S-3", "S-1"))
    undo_it(portal, second["id"])
    changes = [(line["kind"], line["supplier_id"], line["data"]) for line in portal.get("/changes").json["items"]]
    assert ("deleted", gone, {"import": second["id"]}) in changes
    assert ("restored", returned, {"import": second["id"]}) in changes
    with database.unscoped(write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.object_id == second["id"])).all()
        assert [event.action for event in events][-2:] == ["import.undo_requested", "import.undone"]
        assert events[-1].details == {"removed": 1, "restored": 1, "kept_total": 0}


def test_what_a_person_edited_since_stays_and_is_listed(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    for name in ("S-1", "S-3"):
        stored = portal.get(f"/suppliers/{name}").json["answers"]
        portal.put(f"/suppliers/{name}", {"name": stored["name"], "workers_total": 95})
    outcome = undo_it(portal, second["id"])["undo"]
    one = portal.get("/suppliers/S-1").json["answers"]
    assert (one["name"], one["country"], one["workers_total"]) == ("Blue Pier Foods", "TH", 95)
    assert list_references(portal) == ["S-1", "S-2", "S-3"]
    ids = {portal.get(f"/suppliers/{name}").json["id"]: name for name in ("S-1", "S-3")}
    assert {ids[kept["supplier_id"]]: kept["reason"] for kept in outcome["kept"]} == {"S-1": "edited", "S-3": "edited"}
    assert {ids[kept["supplier_id"]]: kept["questions"] for kept in outcome["kept"]}["S-1"] == ["name", "workers_total"]


def test_a_later_import_keeps_what_it_gave_even_where_it_gave_the_same(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    portal.import_file("c.xlsx", workbook(LATER))
    undo_it(portal, second["id"])
    one, three = (portal.get(f"/suppliers/{name}").json["answers"] for name in ("S-1", "S-3"))
    assert (one["name"], one["country"], one["workers_total"]) == ("Blue Pier Foods", "TH", 90)
    assert one["papers_retention"] == "worker_holds"
    assert (three["name"], three["workers_total"], "papers_retention" in three) == ("Green Dock", 6, False)


def test_a_supplier_that_somebody_worked_with_stays(portal: Portal):
    second = portal.import_file("b.xlsx", SECOND)
    portal.post("/suppliers/S-3/questionnaires", {"form": "site", "sent_to": "the manager"})
    outcome = undo_it(portal, second["id"])["undo"]
    assert (outcome["removed"], [kept["reason"] for kept in outcome["kept"]]) == (2, ["questionnaire"])
    assert list_references(portal) == ["S-3"]


@pytest.mark.parametrize(("version", "kept"), [(1, []), (2, ["remediation"])])
def test_a_supplier_with_a_finding_stays_once_somebody_changed_the_finding(
    portal: Portal, database: Database, version: int, kept: list[str]
):
    second = portal.import_file("b.xlsx", SECOND)
    with database.unscoped() as session:
        supplier = session.get_one(Supplier, portal.get("/suppliers/S-3").json["id"])
        finding = make_finding(session, {"supplier_id": supplier.id})
        finding.organisation_id, finding.version = supplier.organisation_id, version
        session.add(finding)
    outcome = undo_it(portal, second["id"])["undo"]
    assert [one["reason"] for one in outcome["kept"]] == kept


def test_an_erased_supplier_does_not_come_back(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    assert portal.call("DELETE", "/suppliers/S-1").status_code == 204
    assert undo_it(portal, second["id"])["undo"]["restored"] == 0
    assert list_references(portal) == ["S-2"]


def test_a_merged_supplier_stays_as_it_is(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    portal.post("/suppliers/S-3/merge", {"into": "S-1"})
    outcome = undo_it(portal, second["id"])["undo"]
    assert [kept["reason"] for kept in outcome["kept"]] == ["merged"]
    assert portal.get("/suppliers/S-1").json["name"] == "Blue Pier Foods"


def test_the_same_list_uploaded_twice_is_undone_without_a_new_assessment(portal: Portal):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("a.xlsx", FIRST)
    outcome = undo_it(portal, second["id"])["undo"]
    assert (outcome["removed"], outcome["restored"], outcome["kept_total"]) == (0, 0, 0)
    assert len(portal.get("/suppliers/S-1/assessments").json["items"]) == 2


def test_an_import_is_undone_once_and_for_thirty_days(portal: Portal, database: Database):
    first, second = (portal.import_file("a.xlsx", FIRST) for _ in range(2))
    undo_it(portal, second["id"])
    again = portal.post(f"/imports/{second['id']}/undo")
    assert (again.status_code, again.json["code"]) == (409, "undo.state")
    with database.unscoped() as session:
        session.execute(update(Import).where(Import.id == first["id"]).values(finished_at=now() - timedelta(days=31)))
    late = portal.post(f"/imports/{first['id']}/undo")
    assert (late.status_code, late.json["code"]) == (409, "undo.too_late")
    waiting = portal.send("a.xlsx", FIRST, confirm="false").json
    assert portal.post(f"/imports/{waiting['id']}/undo").json["code"] == "undo.state"


@pytest.mark.parametrize(("kind", "can_be_undone"), [("site", True), (CASE_KIND, False)])
def test_only_an_import_without_cases_can_be_undone(sqlite_database: Database, kind: str, can_be_undone: bool):
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        fields = {"uploads": [], "found": {}, "created_by": "user:ana", "created_at": now(), "finished_at": now()}
        import_ = Import(state="done", choices={"kind": kind}, **fields)
        session.add(import_)
        session.flush()
        assert undo.can_be_undone(import_, now()) == can_be_undone
        if not can_be_undone:
            with pytest.raises(DomainError, match="First delete each of them"):
                undo.request_undo(session, import_.id, now(), "user:ana")


class _Killed(BaseException):
    """The process ends here."""


def test_an_undo_that_is_killed_between_chunks_is_completed(
    portal: Portal, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(undo, "CHUNK", 1)
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    portal.post(f"/imports/{second['id']}/undo")
    handler = Handler(undo.undo_import, undo.on_failure, undo.has_begun)
    whole, chunks_begun = undo._undo_chunk, []

    def die_in_the_second(*arguments: object) -> None:
        chunks_begun.append(1)
        whole(*arguments)
        if len(chunks_begun) == 2:
            raise _Killed

    monkeypatch.setattr(undo, "_undo_chunk", die_in_the_second)
    claimed = claim_job(database, "killed", kinds=["undo_import"])
    with pytest.raises(_Killed):
        undo.undo_import(database, claimed)
    with database.unscoped() as session:
        session.execute(update(Job).where(Job.id == claimed.id).values(lease_until=now()))
    run_job(database, claim_job(database, "other", kinds=["undo_import"]), handler)
    outcome = portal.get(f"/imports/{second['id']}").json["undo"]
    assert (outcome["state"], outcome["removed"], outcome["restored"]) == ("done", 1, 1)
    assert list_references(portal) == ["S-1", "S-2"]
    assert portal.get("/suppliers/S-1").json["country"] == "TH"


def test_an_officer_undoes_an_import_on_its_page_and_a_viewer_cannot(portal: Portal, app: Flask, database: Database):
    portal.import_file("a.xlsx", FIRST)
    second = portal.import_file("b.xlsx", SECOND)
    portal.post("/suppliers/S-3/questionnaires", {"form": "site", "sent_to": "the manager"})
    with database.unscoped(write=False) as session:
        organisation = session.scalars(select(Import.organisation_id)).first()
    path = f"/imports/{second['id']}"
    viewer = make_browser(app, make_user(database, organisation, "viewer"))
    assert "Undo this import" not in viewer.get(path).text
    officer = make_browser(app, make_user(database, organisation, "officer"))
    assert "Undo this import" in officer.get(path).text
    assert send_form(officer, f"{path}/undo").status_code == 303
    assert "Undoing the import" in officer.get(path).text
    work(portal)
    page = officer.get(path).text
    assert "This import was undone" in page
    assert "Import undone" in page
    assert "Import complete" not in page
    assert "suppliers scored" not in page
    assert "a questionnaire was sent" in page
