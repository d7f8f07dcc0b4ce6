"""Test imports of sheets of case records: stored, extended, and rejected without a trace where they contain personal data."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from callers import make_organisation
from full_organisation import read_all_rows
from portal import run_jobs
from recomputing import recompute
from sheets import text, workbook
from sqlalchemy import select

from questionnaires.sheet import Limits
from service import retention
from service.blob_store import BlobStore
from service.cases import closing
from service.clock import now
from service.db.case_tables import StoredCase, StoredFinding
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Result, Supplier
from service.imports import cases as import_cases
from service.imports import confirming, reading, receiving, saving
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.suppliers import repository as suppliers

HEADER = (
    "| Case | Reference of site or agency | Nationality | Job | Adults or children | Finding | Phase | Source | Date "
    "| Note |"
)
PAPERS = "| C-1 | S-1 | Myanmar | Packer | Adults | Papers held by someone else | at work | Grievance | 2026-10-01 | |"
LOCKED = "| C-1 | | | | | Locked in | at work | NGO | 2026-10-02 | gate chained at night |"
OTHER_GROUP = "| C-1 | S-1 | Nepal | Packer | Adults | Violence | at work | NGO | 2026-10-02 | |"
NOTES_A_PERSON = "| C-2 | S-1 | Myanmar | Packer | Adults | Violence | at work | NGO | 2026-10-02 | told by {person} |"
NAMES_A_PERSON = "| C-2 | S-1 | Myanmar | {person} | Adults | Violence | at work | NGO | 2026-10-02 | |"
PERSON = "Nguyen Van Anh"
SITES = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
BY = "user:ana"


@pytest.fixture
def harbour(database: Database) -> str:
    """Return an organisation with one site."""
    organisation = make_organisation(database)
    answers = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
    at = now() - timedelta(days=9)
    with database.for_organisation(organisation) as session:
        rows = [suppliers.IncomingSupplier(answers, {"row": 2})]
        suppliers.save_suppliers(session, "site", rows, suppliers.Origin(at.date(), at, BY, "import"))
    return organisation


def build_sheet(*lines: str) -> bytes:
    """Return a sheet of case records."""
    return text(HEADER, *lines)


def upload_files(
    database: Database,
    blobs: BlobStore,
    organisation: str,
    *files: tuple[str, bytes],
    may_bring_cases: bool = True,
    **choices: Any,
) -> str:
    """Upload files without a preview and return the id of the import, which is still queued."""
    options = {"confirm": True, **choices}
    return receiving.receive_upload(
        database, blobs, organisation, files, options, BY, Limits(), may_bring_cases=may_bring_cases
    ).id


def import_files(
    database: Database, blobs: BlobStore, organisation: str, *files: tuple[str, bytes], **options: Any
) -> Import:
    """Upload files, run all jobs, and return the import."""
    import_id = upload_files(database, blobs, organisation, *files, **options)
    run_jobs(database, blobs)
    with database.for_organisation(organisation, write=False) as session:
        return session.get_one(Import, import_id)


def list_cases(database: Database, organisation: str) -> list[tuple[str, list[str]]]:
    """Return the cases by number, each with its findings in order."""
    with database.for_organisation(organisation, write=False) as session:
        cases = []
        for case in sorted(session.scalars(select(StoredCase)), key=lambda case: case.number):
            query = select(StoredFinding.finding).where(StoredFinding.case_id == case.id).order_by(StoredFinding.number)
            cases.append((case.number, list(session.scalars(query))))
        return cases


def list_evidence(database: Database, organisation: str) -> list[Mapping[str, Any] | None]:
    """Return the case evidence of each result, oldest first."""
    with database.for_organisation(organisation, write=False) as session:
        return list(session.scalars(select(Result.case_evidence).order_by(Result.created_at)))


def list_issue_codes(import_: Import) -> set[str]:
    return {issue["code"] for issue in (import_.found or import_.problem or {})["issues"]}


def test_a_sheet_of_cases_is_stored_and_its_suppliers_are_reassessed(
    database: Database, blobs: BlobStore, harbour: str
):
    import_ = import_files(database, blobs, harbour, ("october.csv", build_sheet(PAPERS, LOCKED)))
    assert (import_.state, import_.accepted, import_.rejected) == ("done", 2, 0)
    assert list_cases(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert [evidence and evidence["strength"] for evidence in list_evidence(database, harbour)] == [None, "emergency"]
    with database.for_organisation(harbour, write=False) as session:
        site = session.scalars(select(Supplier)).one()
        latest = session.get_one(Result, site.latest_id)
        finding = session.scalars(select(StoredFinding).where(StoredFinding.finding == "locked_in")).one()
        assert (finding.note, finding.import_id, finding.place["row"]) == ("gate chained at night", import_.id, 3)
        assert recompute(latest)["score"] == latest.score == site.score
        assert site.level == "critical"


def test_importing_a_sheet_again_adds_only_new_findings(database: Database, blobs: BlobStore, harbour: str):
    import_files(database, blobs, harbour, ("october.csv", build_sheet(PAPERS)))
    import_files(database, blobs, harbour, ("october.csv", build_sheet(PAPERS)))
    assert list_cases(database, harbour) == [("C-1", ["papers_held"])]
    assert len(list_evidence(database, harbour)) == 2  # no assessment without a change
    import_files(database, blobs, harbour, ("november.csv", build_sheet(PAPERS, LOCKED)))
    assert list_cases(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert list_evidence(database, harbour)[-1]["strength"] == "emergency"


def test_a_sheet_that_says_more_about_the_people_ends_a_proposal_to_close_their_case(
    database: Database, blobs: BlobStore, harbour: str
):
    less, more = (LOCKED.replace("| | | | |", f"| S-1 | Myanmar | Packer | {age} |") for age in ("", "Adults"))
    import_files(database, blobs, harbour, ("october.csv", build_sheet(less)))

    def get_closing() -> object:
        with database.for_organisation(harbour, write=False) as session:
            return session.scalars(select(StoredCase)).one().closing

    with database.for_organisation(harbour) as session:
        case, at = session.scalars(select(StoredCase)).one(), now()
        check = closing.WorkerCheck(at.date(), 7, "worker_organisation")
        closing.close_case(session, case.id, "remedied", at.date(), at, "user:ana", check)
    import_files(database, blobs, harbour, ("october.csv", build_sheet(less)))
    assert get_closing() is not None
    import_files(database, blobs, harbour, ("november.csv", build_sheet(more)))
    assert get_closing() is None


def test_a_case_number_used_for_another_group_is_reported_and_skipped(
    database: Database, blobs: BlobStore, harbour: str
):
    import_files(database, blobs, harbour, ("october.csv", build_sheet(PAPERS)))
    import_ = import_files(database, blobs, harbour, ("november.csv", build_sheet(OTHER_GROUP)))
    assert "case.conflict" in list_issue_codes(import_)
    assert list_cases(database, harbour) == [("C-1", ["papers_held"])]


def test_cases_and_their_suppliers_can_be_imported_together(database: Database, blobs: BlobStore):
    harbour = make_organisation(database)
    book = workbook(SITES, name="Sites", Cases="\n".join((HEADER, PAPERS, LOCKED)))
    import_ = import_files(database, blobs, harbour, ("all.xlsx", book))
    assert (import_.state, list_issue_codes(import_) & {"case.unlinked"}) == ("done", set())
    assert [evidence["strength"] for evidence in list_evidence(database, harbour)] == [
        "emergency"
    ]  # assessed once, with its case


def test_a_case_about_an_unknown_supplier_is_reported_and_linked_later(
    database: Database, blobs: BlobStore, harbour: str
):
    import_ = import_files(database, blobs, harbour, ("a.csv", build_sheet(PAPERS.replace("S-1", "S-9"))))
    assert "case.unlinked" in list_issue_codes(import_)
    second_import = import_files(database, blobs, harbour, ("b.csv", build_sheet(PAPERS.replace("C-1", "C-5"))))
    assert "case.unlinked" not in list_issue_codes(second_import)  # its supplier came in another file
    sites = workbook(SITES.replace("S-1", "S-9"))
    import_files(database, blobs, harbour, ("sites.xlsx", sites))
    with database.for_organisation(harbour, write=False) as session:
        assert all(session.scalars(select(StoredCase.supplier_id)))


FILES_WITH_A_PERSON: Sequence[tuple[str, list[tuple[str, bytes]], dict[str, str]]] = (
    ("in a column that is read", [("c.csv", build_sheet(PAPERS, NAMES_A_PERSON.format(person=PERSON)))], {}),
    ("as a header", [("c.csv", text(HEADER + f" Mr {PERSON} |", PAPERS + " x |"))], {}),
    ("in every row", [("c.csv", build_sheet(NAMES_A_PERSON.format(person=PERSON)))], {}),
    (
        "in one file of two",
        [("ok.csv", build_sheet(PAPERS)), ("c.csv", build_sheet(NAMES_A_PERSON.format(person=PERSON)))],
        {},
    ),
    (
        "beside suppliers",
        [("s.xlsx", workbook(SITES)), ("c.csv", build_sheet(NAMES_A_PERSON.format(person=PERSON)))],
        {},
    ),
    ("in what is no table of cases", [("c.csv", text("| Worker |", f"| {PERSON} |"))], {"kind": "case"}),
)


@pytest.mark.parametrize(
    ("files", "choices"), [output[1:] for output in FILES_WITH_A_PERSON], ids=[t[0] for t in FILES_WITH_A_PERSON]
)
def test_a_file_with_personal_data_is_rejected_and_leaves_no_trace(
    database: Database,
    blobs: BlobStore,
    harbour: str,
    capfd: pytest.CaptureFixture[str],
    files: list[tuple[str, bytes]],
    choices: dict[str, str],
):
    digests_before = blobs.list_digests()
    import_ = import_files(database, blobs, harbour, *files, **choices)
    assert (import_.state, import_.found, import_.uploads) == ("refused", None, [])
    assert import_.problem["status"] == 422
    assert blobs.list_digests() == digests_before
    assert not [path for path in blobs.folder.rglob("*") if path.is_file() and path.name != "lock"]
    tables = read_all_rows(database)
    assert tables["upload"] == tables["case_record"] == tables["case_finding"] == []
    assert not [word for word in PERSON.split() if word in repr(tables)]
    output = capfd.readouterr()
    assert not [word for word in PERSON.split() if word in output.out + output.err]


FILES_WITH_A_NOTE_ON_A_PERSON: Sequence[tuple[str, list[tuple[str, bytes]], int]] = (
    ("in a note", [("c.csv", build_sheet(PAPERS, NOTES_A_PERSON.format(person=PERSON)))], 2),
    (
        "in a column that is not read",
        [("c.csv", text(HEADER + " Remarks |", PAPERS + " |", LOCKED + f" Mr {PERSON} |"))],
        2,
    ),
    ("in every row", [("c.csv", build_sheet(NOTES_A_PERSON.format(person=PERSON)))], 1),
    (
        "in one file of two",
        [("ok.csv", build_sheet(PAPERS)), ("c.csv", build_sheet(NOTES_A_PERSON.format(person=PERSON)))],
        2,
    ),
    (
        "beside suppliers",
        [("s.xlsx", workbook(SITES, Cases="\n".join((HEADER, NOTES_A_PERSON.format(person=PERSON)))))],
        1,
    ),
)


@pytest.mark.parametrize(
    ("files", "findings"),
    [example[1:] for example in FILES_WITH_A_NOTE_ON_A_PERSON],
    ids=[example[0] for example in FILES_WITH_A_NOTE_ON_A_PERSON],
)
def test_a_note_with_personal_data_leaves_no_trace_and_its_finding_counts(
    database: Database, blobs: BlobStore, harbour: str, files: list[tuple[str, bytes]], findings: int
):
    import_ = import_files(database, blobs, harbour, *files, confirm=False)
    assert import_.state == "previewed"
    assert "note.removed" in list_issue_codes(import_)
    stored = [blobs.get(digest) for digest in blobs.list_digests()]
    assert len(stored) == len(files)
    assert not [word for word in PERSON.split() if any(word.encode() in data for data in stored)]
    with database.for_organisation(harbour) as session:
        confirming.confirm_import(session, import_.id, {}, BY, may_bring_cases=True)
    run_jobs(database, blobs)
    tables = read_all_rows(database)
    assert len(tables["case_finding"]) == findings
    assert not [word for word in PERSON.split() if word in repr(tables)]
    with database.for_organisation(harbour, write=False) as session:
        assert session.get_one(Import, import_.id).state == "done"


def test_an_import_that_is_read_again_still_says_that_notes_were_removed(
    database: Database, blobs: BlobStore, harbour: str
):
    import_ = import_files(
        database, blobs, harbour, ("c.csv", build_sheet(NOTES_A_PERSON.format(person=PERSON))), confirm=False
    )
    with database.for_organisation(harbour) as session:
        confirming.confirm_import(
            session, import_.id, {"date_order": "dmy", "confirm": False}, BY, may_bring_cases=True
        )
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        again = session.get_one(Import, import_.id)
        assert (again.state, "note.removed" in list_issue_codes(again)) == ("previewed", True)


def test_the_rejection_says_where_personal_data_was_found_and_what_to_do(
    database: Database, blobs: BlobStore, harbour: str
):
    import_ = import_files(
        database, blobs, harbour, ("c.csv", build_sheet(PAPERS, NAMES_A_PERSON.format(person=PERSON)))
    )
    [issue] = [entry for entry in import_.problem["issues"] if entry["code"] == "person.name"]
    assert (import_.problem["code"], issue["file"], issue["cells"], issue["header"]) == (
        "person.name", "c.csv", ["D3"], "Job",
    )  # fmt: skip
    assert "by role" in issue["cure"]
    assert "No copy of the file has been kept." in import_.problem["detail"]


def test_a_rejected_file_stays_stored_if_another_upload_uses_it(database: Database, blobs: BlobStore, harbour: str):
    data = build_sheet(NAMES_A_PERSON.format(person=PERSON))
    quay = make_organisation(database, "Quay")
    with database.for_organisation(quay) as session:
        session.add(Upload(name="x", sha256=blobs.put(data), size=len(data), created_by=BY, created_at=now()))
    import_files(database, blobs, harbour, ("c.csv", data))
    assert len(blobs.list_digests()) == 1


def test_cases_of_a_sender_without_permission_are_rejected(database: Database, blobs: BlobStore, harbour: str):
    import_ = import_files(database, blobs, harbour, ("c.csv", build_sheet(PAPERS)), may_bring_cases=False)
    assert (import_.state, import_.problem["code"], import_.problem["status"]) == ("refused", "cases.closed", 403)
    assert (blobs.list_digests(), list_cases(database, harbour)) == ((), [])


def test_a_rejected_file_is_deleted_even_if_the_first_worker_stops_before(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    upload_files(database, blobs, harbour, ("c.csv", build_sheet(NAMES_A_PERSON.format(person=PERSON))))
    handlers = {"read_import": Handler(lambda db, claimed: reading.read_import(db, blobs, claimed))}

    def fail(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "delete_files", fail)
        claimed = claim_job(database, "first", kinds=handlers)
        run_job(database, claimed, handlers["read_import"])
    assert len(blobs.list_digests()) == 1
    with database.for_organisation(harbour) as session:
        job = session.scalars(select(Job)).one()
        assert job.state == "queued"
        job.not_before = now() - timedelta(seconds=1)
    run_job(database, claim_job(database, "second", kinds=handlers), handlers["read_import"])
    assert blobs.list_digests() == ()
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(Job.state)).one() == "done"


def test_cases_are_stored_once_even_if_the_first_worker_stops_after_storing(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    import_files(database, blobs, harbour, ("c.csv", build_sheet(PAPERS)))
    upload_files(database, blobs, harbour, ("c.csv", build_sheet(PAPERS, LOCKED)))
    assess = {"assess_import": Handler(lambda db, claimed: saving.assess_import(db, blobs, claimed))}
    read = Handler(lambda db, claimed: reading.read_import(db, blobs, claimed))
    run_job(database, claim_job(database, "first", kinds={"read_import": read}), read)

    def fail(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(import_cases, "link_and_reassess", fail)
        run_job(database, claim_job(database, "first", kinds=assess), assess["assess_import"])
    evidence_before = [None, "signals"]
    assert [evidence and evidence["strength"] for evidence in list_evidence(database, harbour)] == evidence_before
    with database.for_organisation(harbour) as session:
        queued = select(Job).where(Job.kind == "assess_import", Job.state == "queued")
        session.scalars(queued).one().not_before = now()
    run_job(database, claim_job(database, "second", kinds=assess), assess["assess_import"])
    assert list_cases(database, harbour) == [("C-1", ["papers_held", "locked_in"])]
    assert [evidence and evidence["strength"] for evidence in list_evidence(database, harbour)] == [
        *evidence_before,
        "emergency",
    ]


def test_files_of_cases_are_deleted_once_their_cases_are_stored(database: Database, blobs: BlobStore, harbour: str):
    import_ = import_files(database, blobs, harbour, ("c.csv", build_sheet(PAPERS)))
    assert (import_.uploads, read_all_rows(database)["upload"]) == ([], [])
    assert json.dumps(import_.found["files"]).count("sha256") == 1  # the name and digest of the file remain
    retention.purge_expired(database, blobs, now() + retention.FILE_GRACE_PERIOD * 2)
    assert blobs.list_digests() == ()
