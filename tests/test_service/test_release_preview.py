"""Who would move to another level under the next release of the models, and why, before an admin sets the day."""

import csv
import io
from datetime import timedelta
from threading import Event, Thread

import openpyxl
import pytest
from patience import wait_until
from processes import job
from sqlalchemy import func, select
from test_organisation_models import AT, GRADED, NEXT, ON, RELEASE, make, released, set_day

from risk_models.facts.facts import load_facts
from risk_models.facts.releases import load_releases, restrict_to_release
from service import retention
from service.blob_store import BlobStore
from service.db import change_feed
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.errors import DomainError
from service.jobs.table import ClaimedJob, claim_job, enqueue
from service.jobs.worker import Handler, run_worker
from service.model_governance import release_preview
from service.model_governance.rule_effects import RULE_TITLES, RULES
from service.reviews import jobs as review_jobs
from service.suppliers import organisation_models
from service.suppliers import repository as suppliers

__all__ = ["released"]  # the fixture: the next release is in force
AGENCY = {"name": "Golden Bridge Manpower", "country": "NP"}
SITES = (
    GRADED | {"name": "Cotton Field"},
    GRADED | {"name": "Blue Pier", "country": "VN", "sector": ["1311"]},
    {"name": "Plain Entry", "country": "NO", "agencies": ["Golden Bridge Manpower"]},
)


@pytest.fixture
def organisation_id(database: Database) -> str:
    """An organisation on the release before, with three sites and the agency of one of them."""
    organisation_id = make(database, "Moving")
    with database.for_organisation(organisation_id) as session:
        for kind, rows in (("agency", (AGENCY,)), ("site", SITES)):
            for row in rows:
                suppliers.save_supplier(session, kind, row, ON, AT, "user:1", "api")
    return organisation_id


def assess_before_upgrade(database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assess three sites and an agency with the facts of the first release, as before an upgrade."""
    earlier = restrict_to_release(load_facts(), load_releases()[0])
    with database.for_organisation(organisation_id) as session, monkeypatch.context() as before:
        for module in ("service.suppliers.repository", "service.suppliers.summary"):
            before.setattr(f"{module}.load_facts", lambda: earlier)
        for kind, rows in (("agency", (AGENCY,)), ("site", SITES)):
            for row in rows:
                suppliers.save_supplier(session, kind, row, ON, AT, "user:1", "api")


def preview(database: Database, blobs: BlobStore, organisation_id: str) -> Job:
    """Request a preview and run its job."""
    with database.for_organisation(organisation_id) as session:
        job_id = release_preview.request_preview(session, ON, "user:1").id
    claimed = claim_job(database, "w", kinds=["preview_release"])
    assert claimed is not None
    release_preview.run_preview(database, blobs, claimed)
    with database.for_organisation(organisation_id, write=False) as session:
        found = release_preview.get_preview(session)
    assert (found.id, found.state, found.progress) == (job_id, "done", 1.0)
    return found


def test_a_preview_lists_who_moves_and_why_and_changes_nothing(
    database: Database, blobs: BlobStore, organisation_id: str
):
    job = preview(database, blobs, organisation_id)
    document = release_preview.load_preview(blobs, job)
    assert (document["current"], document["release"], document["total"]) == (RELEASE, NEXT, 4)
    by_name = {line["name"]: line for line in document["suppliers"]}
    cotton, pier = by_name["Cotton Field"], by_name["Blue Pier"]
    assert cotton["level_changes"]
    assert release_preview.find_main_reason(cotton)["rule"] == "state_imposed"
    assert release_preview.find_main_reason(pier)["rule"] == "evidence"
    for line in document["suppliers"]:
        points = sum(reason["points"] for reason in line["reasons"])
        assert points == pytest.approx(line["score_after"] - line["score_before"], abs=0.05 * len(RULES))
    assert sum(map(sum, document["matrix"])) == 4
    assert [line["name"] for line in job.result["moved"]] == [
        line["name"] for line in document["suppliers"] if line["level_changes"]
    ]
    with database.for_organisation(organisation_id, write=False) as session:
        assert len(session.scalars(select(Result)).all()) == 4
        assert organisation_models.get_organisation(session).next_models_release is None


def test_the_scores_before_are_those_in_use_and_the_scores_after_those_to_come(
    database: Database, blobs: BlobStore, organisation_id: str
):
    document = release_preview.load_preview(blobs, preview(database, blobs, organisation_id))

    def stored_scores() -> dict[str, float]:
        with database.for_organisation(organisation_id, write=False) as session:
            return {s.name: s.score for s in session.scalars(select(Supplier)) if s.score is not None}

    assert {line["name"]: line["score_before"] for line in document["suppliers"]} == pytest.approx(stored_scores())
    set_day(database, organisation_id, ON)
    reassess_all(database, organisation_id)
    assert {line["name"]: line["score_after"] for line in document["suppliers"]} == pytest.approx(stored_scores())


def reassess_all(database: Database, organisation_id: str) -> None:
    with database.for_organisation(organisation_id) as session:
        first = review_jobs.request_reassessment(session, "UTC", "user:1")
        session.flush()
        assert review_jobs.request_reassessment(session, "UTC", "user:1") is first
    claimed = claim_job(database, "w", kinds=["reassess_all"])
    assert claimed is not None
    review_jobs.reassess_all(database, claimed)


def test_reassessing_all_gives_way_to_jobs_that_wait_and_assesses_each_supplier_once(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(review_jobs, "CHUNK", 1)
    set_day(database, organisation_id, ON)
    with database.for_organisation(organisation_id) as session:
        reassessment = review_jobs.request_reassessment(session, "UTC", "user:1").id
    stop, assessed_before = Event(), []

    def count_assessed() -> int:
        with database.for_organisation(organisation_id, write=False) as session:
            return session.scalars(select(func.count(Result.id)).where(Result.model_version == NEXT)).one()

    def render(db: Database, claimed: ClaimedJob) -> dict[str, object]:
        assessed_before.append(count_assessed())
        return {}

    def reassess(db: Database, claimed: ClaimedJob) -> None:
        if claimed.attempt == 1 and not claimed.checkpoint:  # somebody requests a report once it is running
            with database.for_organisation(organisation_id) as session:
                enqueue(session, "render_report", {}, "user:1")
        review_jobs.reassess_all(db, claimed)
        stop.set()

    handlers = {"render_report": Handler(render), "reassess_all": Handler(reassess)}
    Thread(target=run_worker, args=(database, handlers, stop), daemon=True).start()
    wait_until(stop.is_set)
    assert assessed_before == [1]
    assert (job(database, reassessment).state, count_assessed()) == ("done", 4)


def test_reassessing_all_leaves_nobody_on_the_release_before_and_the_feed_says_why(
    database: Database, organisation_id: str
):
    set_day(database, organisation_id, ON)
    with database.for_organisation(organisation_id, write=False) as session:
        state = release_preview.get_release_state(session, ON)
        assert (state.current, state.available, state.planned, state.outdated) == (NEXT, None, None, 4)
    reassess_all(database, organisation_id)
    with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
        assert release_preview.get_release_state(session, ON).outdated == 0
        moves = [change for change in change_feed.read(session).items if change.data.get("cause") == "release"]
        assert moves
        assert all(change.data["models"] == {"from": RELEASE, "to": NEXT} for change in moves)
        events = session.scalars(select(AuditEvent.action)).all()
    assert events[-1] == "organisation.reassessed"


def test_the_release_state_shows_the_day_that_was_set_until_it_has_come(database: Database, organisation_id: str):
    day = ON + timedelta(days=9)
    set_day(database, organisation_id, day)
    with database.for_organisation(organisation_id, write=False) as session:
        assert release_preview.get_release_state(session, ON).planned == (NEXT, day)
        assert release_preview.get_release_state(session, day).planned is None


def test_a_preview_needs_a_release_to_come(database: Database):
    with database.for_organisation(make(database, "Newest", NEXT)) as session:
        with pytest.raises(DomainError) as refused:
            release_preview.request_preview(session, ON, "user:1")
        assert refused.value.code == "release.newest"
        with pytest.raises(DomainError) as missing:
            release_preview.get_preview(session)
        assert missing.value.code == "release.no_preview"


def test_newer_facts_are_previewed_and_take_effect_once_all_suppliers_are_reassessed(
    database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    organisation_id = make(database, "Upgraded", NEXT)
    assess_before_upgrade(database, organisation_id, monkeypatch)

    def read_state() -> release_preview.ReleaseState:
        with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
            return release_preview.get_release_state(session, ON)

    def read_scores() -> dict[str, float | None]:
        with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
            return {supplier.name: supplier.score for supplier in session.scalars(select(Supplier))}

    assert (read_state().outdated, read_state().outdated_facts) == (0, 4)
    document = release_preview.load_preview(blobs, preview(database, blobs, organisation_id))
    assert release_preview.is_of_facts(document)
    lines = {line["name"]: line for line in document["suppliers"]}
    assert {name: line["score_before"] for name, line in lines.items()} == pytest.approx(read_scores())
    moved = [line for line in lines.values() if line["score_after"] != line["score_before"]]
    assert moved
    for line in moved:
        (reason,) = line["reasons"]
        assert reason["rule"] == "newer_facts"
        assert reason["points"] == pytest.approx(line["score_after"] - line["score_before"])
    header = release_preview.export_preview(document, "csv").decode("utf-8-sig").splitlines()[0]
    assert "Level with earlier facts" in header
    reassess_all(database, organisation_id)
    assert read_scores() == pytest.approx({name: line["score_after"] for name, line in lines.items()})
    assert read_state().outdated_facts == 0


def test_a_second_request_finds_the_one_that_waits(database: Database, organisation_id: str):
    with database.for_organisation(organisation_id) as session:
        first = release_preview.request_preview(session, ON, "user:1")
        session.flush()
        assert release_preview.request_preview(session, ON, "user:1") is first


def test_a_preview_is_downloaded_as_a_table(database: Database, blobs: BlobStore, organisation_id: str):
    document = release_preview.load_preview(blobs, preview(database, blobs, organisation_id))
    text = release_preview.export_preview(document, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Name"] for row in rows] == [line["name"] for line in document["suppliers"]]
    cotton = next(row for row in rows if row["Name"] == "Cotton Field")
    assert cotton["Main reason"] == RULE_TITLES["state_imposed"]
    assert "documented here" in cotton["Reasons"]
    sheet = openpyxl.load_workbook(io.BytesIO(release_preview.export_preview(document, "xlsx"))).active
    assert [list(row) for row in sheet.iter_rows(values_only=True)][0] == list(rows[0])
    with pytest.raises(DomainError):
        release_preview.export_preview(document, "docx")


def test_the_file_of_a_preview_is_kept_as_long_as_its_job(
    database: Database, blobs: BlobStore, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    job = preview(database, blobs, organisation_id)
    assert retention.delete_unused_files(database, blobs, AT + timedelta(days=400)) == 0
    assert release_preview.load_preview(blobs, job)["total"] == 4


def test_progress_is_reported_chunk_by_chunk(database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(release_preview, "CHUNK", 2)
    seen: list[float] = []
    whole = release_preview.build_preview(database, organisation_id, NEXT, ON, seen.append)
    assert seen == [0.25, 0.75, 1.0]
    monkeypatch.setattr(release_preview, "CHUNK", 500)
    assert release_preview.build_preview(database, organisation_id, NEXT, ON) == whole
