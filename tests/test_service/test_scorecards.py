"""The scorecards of many suppliers are one job, which continues where it was interrupted and leaves no portion behind."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from callers import make_organisation
from sqlalchemy import delete
from sqlalchemy.orm import Session
from test_supplier_copy import AGENCY, CANNERY, save_supplier

from reports.charts import Drawing
from reports.redaction import for_audience
from reports.short.scorecard import build as build_scorecard
from reports.short.tree import build_tree
from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.campaigns.contacts import save_contact
from service.clock import now
from service.db.job_tables import Job
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import Supplier
from service.erasure import traces
from service.erasure.files import delete_files, list_used_files
from service.errors import DomainError
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.reporting import report_jobs, scorecards, stored_reports
from service.suppliers.repository import save_supplier as save_assessed
from service.translations.catalog import load_shipped_texts

SAME = ("29 November 2026", "Status")  # in Indonesian as in English


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return FolderStore(tmp_path / "blobs")


@pytest.fixture
def organisation(database: Database) -> str:
    """An organisation with three sites and an agency."""
    organisation = make_organisation(database)
    for number, name in enumerate(("Blue Pier Cannery", "../../etc/passwd", "ทะเล & Sons")):
        save_supplier(database, organisation, "site", CANNERY | {"reference": f"S-{number}", "name": name})
    save_supplier(database, organisation, "agency", AGENCY)
    return organisation


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The suppliers whose scorecards are rendered, one a portion; the third is interrupted once."""
    titles: list[str] = []

    def render(copy, format_, kind):
        titles.append(copy.title)
        if len(titles) == 3:
            raise OSError("the disk was away")
        return scorecards_render(copy, format_, kind)

    scorecards_render = scorecards.render
    monkeypatch.setattr(scorecards, "render", render)
    monkeypatch.setattr(scorecards, "PORTION", 1)
    return titles


def request_scorecards(database: Database, organisation: str) -> str:
    with database.for_organisation(organisation) as session:
        return report_jobs.request_report(session, "html", "user:ana", document="scorecard").id


def run_once(database: Database, blobs: BlobStore, job_id: str) -> None:
    with database.unscoped() as session:
        job = session.get_one(Job, job_id)
        job.not_before = job.created_at  # without waiting for the next attempt
    handler = Handler(lambda db, claimed: report_jobs.render_report(db, blobs, claimed))
    run_job(database, claim_job(database, "test", kinds={"render_report"}), handler)


def test_interrupted_scorecards_continue_where_they_were(
    database: Database, organisation: str, blobs: BlobStore, rendered: list[str]
) -> None:
    job_id = request_scorecards(database, organisation)
    run_once(database, blobs, job_id)
    with database.for_organisation(organisation, write=False) as session:
        job = session.get_one(Job, job_id)
        assert (job.state, len(job.checkpoint["parts"])) == ("queued", 2)
        assert 0.4 < job.progress < 0.6
        assert set(job.checkpoint["parts"]) <= list_used_files(session)
    run_once(database, blobs, job_id)
    assert len(rendered) == 5  # four suppliers, and one of them a second time
    with database.for_organisation(organisation) as session:
        archive = report_jobs.download_report(session, blobs, job_id, sees_worker_derived=False)
    with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
        names = opened.namelist()
        texts = [opened.read(name).decode() for name in names]
    assert [name[:5] for name in names] == ["0001_", "0002_", "0003_", "0004_"]
    assert not any("/" in name or ".." in name for name in names)
    for title in rendered:
        assert sum(f"<h1>{title.replace('&', '&amp;')}</h1>" in text for text in texts) == 1
    assert len(blobs.list_digests()) == 1


def test_what_was_erased_is_in_no_portion_of_scorecards_being_rendered(
    database: Database, organisation: str, blobs: BlobStore, rendered: list[str]
) -> None:
    job_id = request_scorecards(database, organisation)
    run_once(database, blobs, job_id)
    with database.for_organisation(organisation) as session:
        digests = traces.withdraw_reports(session, [session.get_one(Job, job_id)])
    assert len(digests) == 2
    assert delete_files(database, blobs, digests) == 2
    with database.for_organisation(organisation, write=False) as session:
        assert session.get_one(Job, job_id).checkpoint == {}


def test_too_many_scorecards_at_once_are_refused(
    database: Database, organisation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_jobs, "MAX_SCORECARDS", 3)
    with database.for_organisation(organisation) as session, pytest.raises(report_jobs.DomainError) as refused:
        report_jobs.request_report(session, "pdf", "user:ana", document="scorecard")
    assert refused.value.code == "report.too_many"


@pytest.mark.parametrize(
    ("state", "status"), [("planned", ""), ("agreed", "Agreed"), ("verified", "Evidence received"), ("withheld", "")]
)
def test_a_scorecard_says_how_far_a_step_has_got_and_not_what_workers_said_of_it(
    database: Database, state: str, status: str
) -> None:
    organisation = make_organisation(database)
    site = save_supplier(database, organisation, "site", CANNERY)
    with database.for_organisation(organisation) as session:
        proposed = stored_reports.build_supplier_copy(session, site).details[0].steps
        for number, step in enumerate(proposed):
            session.execute(delete(Step).where(Step.supplier_id == site, Step.action == step.action))
            session.add(make_step(session, site, step.action, state, worker_derived=number == 1))
        session.flush()
        steps = stored_reports.build_supplier_copy(session, site).details[0].steps
    assert [step.status for step in steps] == [status, "", *[status for _ in proposed[2:]]]
    assert (steps[0].due == date(2027, 3, 1)) == bool(status)


@pytest.mark.parametrize("code", ["th", "id", "vi", "zh-Hans"])
def test_a_scorecard_in_the_language_of_its_supplier_has_no_english_but_names(
    sqlite_database: Database, code: str
) -> None:
    organisation = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation) as session:
        site = save_assessed(session, "site", CANNERY, date(2026, 11, 29), now(), "user:ana", "api")[0].id
        save_contact(session, session.get_one(Supplier, site), "site@example.org", code, "user:ana", confirmed=True)
        session.flush()
        assert scorecards.choose_language(session, site, scorecards.OF_SUPPLIER) == code
        document = build_scorecard(for_audience(stored_reports.build_supplier_copy(session, site, code)))
        english = build_scorecard(for_audience(stored_reports.build_supplier_copy(session, site)))
    assert document.language == code
    page, original = (list(read_strings(build_tree(one))) for one in (document, english))
    untranslated = {text for text in page if text in original and re.search("[a-z]{3}", text)}
    assert untranslated <= {CANNERY["name"], "paragraph", "bullets", "table", "picture", "ltr", *SAME}
    assert load_shipped_texts(code).translate("scorecards", "How to reply") in page


def read_strings(tree: object) -> Iterator[str]:
    """Yield every string in the tree of a report; of a chart, its lines of text."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Drawing):
        yield from (text.text for text in tree.texts())
    elif isinstance(tree, dict | list):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from read_strings(one)


def test_a_supplier_whose_language_has_no_scorecard_gets_it_in_english(sqlite_database: Database) -> None:
    organisation = make_organisation(sqlite_database)
    site = save_supplier(sqlite_database, organisation, "site", CANNERY | {"country": "LA"})
    with sqlite_database.for_organisation(organisation) as session:
        assert scorecards.choose_language(session, site, scorecards.OF_SUPPLIER) == "en"
        assert scorecards.choose_language(session, site, "vi") == "vi"
        with pytest.raises(DomainError, match="Other reports are in English") as refused:
            report_jobs.request_report(session, "pdf", "user:ana", supplier_id=site, language="th")
        assert refused.value.code == "language.unknown"
        with pytest.raises(DomainError, match="available in these languages"):  # no font has its script
            report_jobs.request_report(
                session, "pdf", "user:ana", supplier_id=site, document="scorecard", language="si"
            )


def make_step(session: Session, site: str, action: str, state: str, *, worker_derived: bool) -> Step:
    return Step(
        organisation_id=session.get_one(Supplier, site).organisation_id,
        supplier_id=site,
        record_id=site,
        action=action,
        actions_release="2026.4",
        actions_digest="0" * 64,
        party="supplier",
        due=date(2027, 3, 1),
        state=state,
        safety=False,
        needs_workers=False,
        worker_derived=worker_derived,
        created_by="user:ana",
        created_at=now(),
        updated_at=now(),
    )
