"""Sheets of case records sent to the service: kept, added to, refused and gone where a person can be read in them."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from callers import an_organisation
from kept import rows
from portal import work_off
from sheets import text, workbook
from sqlalchemy import select

from questionnaires.sheet import Limits
from service import retention
from service.blob_store import BlobStore
from service.clock import now
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import Database
from service.db.tables import Import, Job, Result, Supplier, Upload
from service.imports import cases as import_cases
from service.imports import jobs as import_jobs
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.queries import stored_results
from service.suppliers import repository as suppliers

HEADER = (
    "| Case | Reference of site or agency | Nationality | Job | Adults or children | Finding | Phase | Source | Date "
    "| Note |"
)
PAPERS = "| C-1 | S-1 | Myanmar | Packer | Adults | Papers held by someone else | at work | Grievance | 2026-10-01 | |"
LOCKED = "| C-1 | | | | | Locked in | at work | NGO | 2026-10-02 | gate chained at night |"
OTHER_GROUP = "| C-1 | S-1 | Nepal | Packer | Adults | Violence | at work | NGO | 2026-10-02 | |"
NAMED = "| C-2 | S-1 | Myanmar | Packer | Adults | Violence | at work | NGO | 2026-10-02 | told by {person} |"
PERSON = "Nguyen Van Anh"
SITES = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
BY = "user:ana"


@pytest.fixture
def harbour(database: Database) -> str:
    """An organisation with one site."""
    organisation = an_organisation(database)
    answers = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
    at = now() - timedelta(days=9)
    with database.for_organisation(organisation) as session:
        rows = [suppliers.IncomingSupplier(answers, {"row": 2})]
        suppliers.save_suppliers(session, "site", rows, suppliers.Origin(at.date(), at, BY, "import"))
    return organisation


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def cases(*lines: str) -> bytes:
    """A sheet of case records."""
    return text(HEADER, *lines)


def received(
    database: Database, blobs: BlobStore, organisation: str, *files: tuple[str, bytes], may: bool = True, **choices: Any
) -> str:
    """Sends files straight through; the id of the import, which still waits for a worker."""
    told = {"confirm": True, **choices}
    return import_jobs.receive_upload(database, blobs, organisation, files, told, BY, Limits(), may_bring_cases=may).id


def sent(database: Database, blobs: BlobStore, organisation: str, *files: tuple[str, bytes], **more: Any) -> Import:
    """Files sent, and all work done."""
    import_id = received(database, blobs, organisation, *files, **more)
    work_off(database, blobs)
    with database.for_organisation(organisation, write=False) as session:
        return session.get_one(Import, import_id)


def found(database: Database, organisation: str) -> list[tuple[str, list[str]]]:
    """Cases by number with their findings, in order."""
    with database.for_organisation(organisation, write=False) as session:
        told = []
        for case in session.scalars(select(StoredCase).order_by(StoredCase.number)):
            of_it = select(StoredFinding.finding).where(StoredFinding.case_id == case.id).order_by(StoredFinding.number)
            told.append((case.number, list(session.scalars(of_it))))
        return told


def evidence(database: Database, organisation: str) -> list[Mapping[str, Any] | None]:
    """What cases said in each result of the site, the oldest first."""
    with database.for_organisation(organisation, write=False) as session:
        return list(session.scalars(select(Result.case_evidence).order_by(Result.created_at)))


def codes(taken: Import) -> set[str]:
    return {told["code"] for told in (taken.found or taken.problem or {})["issues"]}


def test_a_sheet_keeps_its_cases_and_whom_they_are_about_is_assessed_again(
    database: Database, blobs: BlobStore, harbour: str
):
    taken = sent(database, blobs, harbour, ("october.csv", cases(PAPERS, LOCKED)))
    assert (taken.state, taken.accepted, taken.rejected) == ("done", 2, 0)
    assert found(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert [told and told["strength"] for told in evidence(database, harbour)] == [None, "emergency"]
    with database.for_organisation(harbour, write=False) as session:
        site = session.scalars(select(Supplier)).one()
        newest = session.get_one(Result, site.latest_id)
        finding = session.scalars(select(StoredFinding).where(StoredFinding.finding == "locked_in")).one()
        assert (finding.note, finding.import_id, finding.place["row"]) == ("gate chained at night", taken.id, 3)
        assert stored_results.build_result_json(newest)["score"] == newest.score == site.score
        assert site.level == "critical"


def test_the_same_sheet_again_adds_nothing_and_a_longer_one_what_is_new(database: Database, blobs: BlobStore, harbour: str):
    sent(database, blobs, harbour, ("october.csv", cases(PAPERS)))
    sent(database, blobs, harbour, ("october.csv", cases(PAPERS)))
    assert found(database, harbour) == [("C-1", ["papers_held"])]
    assert len(evidence(database, harbour)) == 2  # nobody is assessed for nothing
    sent(database, blobs, harbour, ("november.csv", cases(PAPERS, LOCKED)))
    assert found(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert evidence(database, harbour)[-1]["strength"] == "emergency"


def test_a_number_that_is_in_use_for_another_group_is_told_and_left_out(database: Database, blobs: BlobStore, harbour: str):
    sent(database, blobs, harbour, ("october.csv", cases(PAPERS)))
    taken = sent(database, blobs, harbour, ("november.csv", cases(OTHER_GROUP)))
    assert "case.conflict" in codes(taken)
    assert found(database, harbour) == [("C-1", ["papers_held"])]


def test_cases_and_the_suppliers_they_are_about_may_come_together(database: Database, blobs: BlobStore):
    harbour = an_organisation(database)
    book = workbook(SITES, name="Sites", Cases="\n".join((HEADER, PAPERS, LOCKED)))
    taken = sent(database, blobs, harbour, ("all.xlsx", book))
    assert (taken.state, codes(taken) & {"case.unlinked"}) == ("done", set())
    assert [told["strength"] for told in evidence(database, harbour)] == ["emergency"]  # assessed once, with its case


def test_a_case_about_nobody_kept_is_told_and_waits(database: Database, blobs: BlobStore, harbour: str):
    taken = sent(database, blobs, harbour, ("a.csv", cases(PAPERS.replace("S-1", "S-9"))))
    assert "case.unlinked" in codes(taken)
    known = sent(database, blobs, harbour, ("b.csv", cases(PAPERS.replace("C-1", "C-5"))))
    assert "case.unlinked" not in codes(known)  # it is about one that came in another file
    later = workbook(SITES.replace("S-1", "S-9"))
    sent(database, blobs, harbour, ("sites.xlsx", later))
    with database.for_organisation(harbour, write=False) as session:
        assert all(session.scalars(select(StoredCase.supplier_id)))


WITH_A_PERSON: Sequence[tuple[str, list[tuple[str, bytes]], dict[str, str]]] = (
    ("in a note", [("c.csv", cases(PAPERS, NAMED.format(person=PERSON)))], {}),
    (
        "in a column that is not read",
        [("c.csv", text(HEADER + " Remarks |", PAPERS + " |", LOCKED + f" Mr {PERSON} |"))],
        {},
    ),
    ("as a header", [("c.csv", text(HEADER + f" Mr {PERSON} |", PAPERS + " x |"))], {}),
    ("in every row", [("c.csv", cases(NAMED.format(person=PERSON)))], {}),
    ("in one file of two", [("ok.csv", cases(PAPERS)), ("c.csv", cases(NAMED.format(person=PERSON)))], {}),
    ("beside suppliers", [("s.xlsx", workbook(SITES)), ("c.csv", cases(NAMED.format(person=PERSON)))], {}),
    ("in what is no table of cases", [("c.csv", text("| Worker |", f"| {PERSON} |"))], {"kind": "case"}),
)


@pytest.mark.parametrize(("files", "choices"), [told[1:] for told in WITH_A_PERSON], ids=[t[0] for t in WITH_A_PERSON])
def test_a_file_in_which_a_person_can_be_read_is_refused_and_leaves_no_trace(
    database: Database,
    blobs: BlobStore,
    harbour: str,
    capfd: pytest.CaptureFixture[str],
    files: list[tuple[str, bytes]],
    choices: dict[str, str],
):
    before = blobs.list_digests()
    taken = sent(database, blobs, harbour, *files, **choices)
    assert (taken.state, taken.found, taken.uploads) == ("refused", None, [])
    assert taken.problem["status"] == 422
    assert blobs.list_digests() == before
    assert not [path for path in blobs.folder.rglob("*") if path.is_file()]
    kept = rows(database)
    assert kept["upload"] == kept["case_record"] == kept["case_finding"] == []
    assert not [part for part in PERSON.split() if part in repr(kept)]
    told = capfd.readouterr()
    assert not [part for part in PERSON.split() if part in told.out + told.err]


def test_the_refusal_says_where_a_person_was_read_and_what_to_do(database: Database, blobs: BlobStore, harbour: str):
    taken = sent(database, blobs, harbour, ("c.csv", cases(PAPERS, NAMED.format(person=PERSON))))
    [told] = [each for each in taken.problem["issues"] if each["code"] == "person.name"]
    assert (taken.problem["code"], told["file"], told["cells"], told["header"]) == (
        "person.name", "c.csv", ["J3"], "Note",
    )  # fmt: skip
    assert "by role" in told["cure"]
    assert "removed from the store" in taken.problem["detail"]


def test_the_bytes_stay_where_somebody_else_sent_them_as_something_else(database: Database, blobs: BlobStore, harbour: str):
    data = cases(NAMED.format(person=PERSON))
    quay = an_organisation(database, "Quay")
    with database.for_organisation(quay) as session:
        session.add(Upload(name="x", sha256=blobs.put(data), size=len(data), created_by=BY, created_at=now()))
    sent(database, blobs, harbour, ("c.csv", data))
    assert len(blobs.list_digests()) == 1


def test_whoever_may_not_bring_cases_leaves_none(database: Database, blobs: BlobStore, harbour: str):
    taken = sent(database, blobs, harbour, ("c.csv", cases(PAPERS)), may=False)
    assert (taken.state, taken.problem["code"], taken.problem["status"]) == ("refused", "cases.closed", 403)
    assert (blobs.list_digests(), found(database, harbour)) == ((), [])


def test_a_worker_that_stops_between_refusal_and_removal_is_followed_by_one_that_removes(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    received(database, blobs, harbour, ("c.csv", cases(NAMED.format(person=PERSON))))
    read = {"read_import": Handler(lambda db, claimed: import_jobs.read_import(db, blobs, claimed))}

    def stopped(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(import_cases, "delete_blobs", stopped)
        claimed = claim_job(database, "first", kinds=read)
        run_job(database, claimed, read["read_import"])
    assert len(blobs.list_digests()) == 1
    with database.for_organisation(harbour) as session:
        job = session.scalars(select(Job)).one()
        assert job.state == "queued"
        job.not_before = now() - timedelta(seconds=1)
    run_job(database, claim_job(database, "second", kinds=read), read["read_import"])
    assert blobs.list_digests() == ()
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(Job.state)).one() == "done"


def test_a_worker_that_stops_after_cases_are_kept_is_followed_by_one_that_keeps_them_once(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    sent(database, blobs, harbour, ("c.csv", cases(PAPERS)))
    received(database, blobs, harbour, ("c.csv", cases(PAPERS, LOCKED)))
    assess = {"assess_import": Handler(lambda db, claimed: import_jobs.assess_import(db, blobs, claimed))}
    read = Handler(lambda db, claimed: import_jobs.read_import(db, blobs, claimed))
    run_job(database, claim_job(database, "first", kinds={"read_import": read}), read)

    def stopped(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(import_cases, "link_and_reassess", stopped)
        run_job(database, claim_job(database, "first", kinds=assess), assess["assess_import"])
    before = [None, "signals"]
    assert [told and told["strength"] for told in evidence(database, harbour)] == before
    with database.for_organisation(harbour) as session:
        waiting = select(Job).where(Job.kind == "assess_import", Job.state == "queued")
        session.scalars(waiting).one().not_before = now()
    run_job(database, claim_job(database, "second", kinds=assess), assess["assess_import"])
    assert found(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert [told and told["strength"] for told in evidence(database, harbour)] == [*before, "emergency"]


def test_no_file_of_cases_is_kept_once_its_cases_are(database: Database, blobs: BlobStore, harbour: str):
    taken = sent(database, blobs, harbour, ("c.csv", cases(PAPERS)))
    assert (taken.uploads, rows(database)["upload"]) == ([], [])
    assert json.dumps(taken.found["files"]).count("sha256") == 1  # which file it was can still be told
    retention.purge_expired(database, blobs, now() + retention.FILE_GRACE_PERIOD * 2)
    assert blobs.list_digests() == ()
