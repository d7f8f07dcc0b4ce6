"""Reports from stored results agree with the pages; the issues of a file are listed in order."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_service.callers import make_organisation

from questionnaires.form import load_combined_form
from reports.document import Changes, LevelChange
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.import_tables import Import
from service.db.session import Database, open_engine
from service.db.tables import Base, Result, Supplier
from service.errors import DomainError
from service.imports import preview
from service.jobs.table import claim_job, enqueue
from service.jobs.worker import Handler, run_job
from service.queries import supplier_detail
from service.queries.supplier_filter import SupplierFilter
from service.referrals.readiness import load_gate
from service.reporting import report_jobs, stored_reports
from service.suppliers import repository as suppliers
from tests.test_reports.read_back import read_text

EARLY, LATE = date(2026, 1, 15), date(2026, 11, 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'reports.db'}")
    Base.metadata.create_all(engine)
    yield Database(engine, (b"the secret key of these tests",))
    engine.dispose()


def make_portfolio(database: Database) -> tuple[str, list[str]]:
    """An organisation with three sites and an agency, the last of the ids.

    The farm named the agency before it was known; the shed was assessed when its evidence was older than the mill's.
    """
    organisation = make_organisation(database)
    questions = [q for q in load_combined_form("site").questions if q.feeds and q.type == "choice"]
    answers = {q.id: q.choices[0].code for q in questions} | {"evidence_grade": "audit", "evidence_date": "2025-12-01"}
    site = {"country": "MY", "sector": ["1410"], "agencies": ["Fig Manpower"], **answers}
    with database.for_organisation(organisation) as session:

        def put(kind: str, expected_map: dict[str, Any], on: date) -> str:
            return suppliers.save_supplier(session, kind, expected_map, on, now(), "system:test", "api")[0].id

        farm = put("site", {"name": "Fig Farm", **site}, LATE)
        agency = put("agency", {"name": "Fig Manpower", "country": "NP"}, EARLY)
        shed, mill = put("site", {"name": "Fig Shed", **site}, LATE), put("site", {"name": "Fig Mill", **site}, EARLY)
        return organisation, [mill, shed, farm, agency]


def test_a_report_has_the_numbers_that_the_pages_have_whatever_the_day(database: Database) -> None:
    organisation, ids = make_portfolio(database)
    with database.for_organisation(organisation, write=False) as session:
        report = stored_reports.build_internal_report(session, ids)
        gate = load_gate(session, LATE)
        figures = {h.name: (h.score, h.best, h.worst, h.level) for h in report.results}
        for detail in report.details:
            assert (detail.headline.score, detail.headline.level) == (
                figures[detail.headline.name][0],
                detail.headline.level,
            )
        for supplier_id, kind in zip(ids, ("site", "site", "site", "agency"), strict=True):
            view = supplier_detail.get_supplier_detail(session, kind, supplier_id, gate, sees_worker_derived=True)
            page = view.supplier
            assert figures[page.name] == (page.score, page.best, page.worst, page.level)
        assert report.on == LATE


def test_a_report_is_made_once_by_a_job_and_fetched_from_the_store(database: Database, tmp_path: Path) -> None:
    organisation, ids = make_portfolio(database)
    blobs = FolderStore(tmp_path / "blobs")
    with database.for_organisation(organisation) as session:
        job_id = report_jobs.request_report(session, "csv", "user:1", SupplierFilter(kind="site")).id
        session.flush()
        with pytest.raises(DomainError) as early:
            report_jobs.download_report(session, blobs, job_id, sees_worker_derived=True)
        assert early.value.code == "report.not_ready"
    handler = Handler(lambda db, claimed: report_jobs.render_report(db, blobs, claimed))
    run_job(database, claim_job(database, "test", kinds={"render_report"}), handler)
    with database.for_organisation(organisation) as session:
        report = report_jobs.download_report(session, blobs, job_id, sees_worker_derived=True)
    text = report.data.decode("utf-8-sig")
    assert report.file_name.endswith(".csv")
    assert "Fig Mill" in text
    assert "Fig Manpower" not in text
    with (
        database.for_organisation(make_organisation(database, "Elsewhere")) as session,
        pytest.raises(DomainError) as other,
    ):
        report_jobs.download_report(session, blobs, job_id, sees_worker_derived=True)
    assert other.value.status == 404


def test_a_report_that_would_be_empty_or_invalid_is_refused(database: Database) -> None:
    organisation, ids = make_portfolio(database)
    with database.for_organisation(organisation) as session:
        for expected_map, code in (
            ({"format": "docx"}, "format.unknown"),
            ({"format": "pdf", "filter_": SupplierFilter(text="nobody")}, "report.empty"),
            ({"format": "pdf", "supplier_id": "no-such"}, "not_found"),
            ({"format": "pdf", "audience": "supplier"}, "audience.unknown"),  # a copy is of one supplier
            ({"format": "pdf", "document": "brief", "supplier_id": ids[0], "audience": "supplier"}, "audience.unknown"),
            ({"format": "pdf", "document": "essay"}, "document.unknown"),
            ({"format": "csv", "document": "brief"}, "format.unknown"),
        ):
            with pytest.raises(DomainError) as refused:
                report_jobs.request_report(session, by="user:1", **expected_map)
            assert refused.value.code == code
        report_jobs.request_report(session, "pdf", "user:1", supplier_id=ids[0], audience="supplier")


def test_issues_are_grouped_by_kind_with_errors_first() -> None:
    expected_map = {
        "file": "a.xlsx",
        "sheet": "S",
        "cell": "B2",
        "cells": ["B2"],
        "header": "H",
        "seen": "x",
        "expected": "",
        "cure": "",
    }
    issues = [
        {**expected_map, "code": "sheet.hidden", "severity": "info", "count": 1},
        {**expected_map, "code": "file.no_rows", "severity": "error", "count": 1},
        {**expected_map, "code": "sheet.hidden", "severity": "info", "count": 4},
        {**expected_map, "code": "row.asked_several", "severity": "warning", "count": 2},
        {**expected_map, "code": "workers.women", "severity": "warning", "count": 1},
    ]
    groups = preview.group_issues(issues)
    assert [(group.code, group.cells, len(group.lines)) for group in groups] == [
        ("file.no_rows", 1, 1),
        ("row.asked_several", 2, 1),
        ("workers.women", 1, 1),
        ("sheet.hidden", 5, 2),
    ]
    assert [group.severity_title for group in groups] == [
        "Not scored",
        "Not read until decided",  # and not "Scored with a warning"
        "Scored with a warning",
        "For information",
    ]


def test_an_import_whose_job_has_ended_is_no_longer_in_progress(database: Database) -> None:
    organisation = make_organisation(database)
    with database.for_organisation(organisation) as session:
        import_ = Import(choices={})
        import_.state, import_.uploads, import_.created_by, import_.created_at = "waiting", [], "user:1", now()
        session.add(import_)
        session.flush()
        job = enqueue(session, "read_import", {"import_id": import_.id}, "user:1")
        session.flush()
        assert preview.is_in_progress(import_, preview.get_current_job(session, import_))
        job.state = "failed"
        session.flush()
        assert not preview.is_in_progress(import_, preview.get_current_job(session, import_))


def test_a_brief_compares_levels_with_those_of_an_earlier_day(database: Database) -> None:
    organisation, ids = make_portfolio(database)
    with database.for_organisation(organisation) as session:
        mill = session.get_one(Supplier, ids[0])
        before = session.get_one(Result, mill.latest_id).level
        reported = {"reported_by": "workers", "reported_harms": ["violence", "papers_withheld"]}
        answers = {"name": "Fig Mill", "country": "MY", **reported}
        _, result = suppliers.save_supplier(session, "site", answers, LATE, now(), "system:test", "api")
        after = result.level
        assert mill.latest_id == result.id
        changes = stored_reports.find_changes(session, ids, EARLY)
    assert before != after
    assert changes == Changes(EARLY, (LevelChange("Fig Mill", before, after),), added=2)


def test_a_brief_is_a_word_file_about_all_suppliers_and_a_scorecard_one_about_its_supplier(
    database: Database, tmp_path: Path
) -> None:
    organisation, ids = make_portfolio(database)
    blobs = FolderStore(tmp_path / "blobs")
    texts = {}
    for document, supplier_id in (("brief", None), ("scorecard", ids[0])):
        with database.for_organisation(organisation) as session:
            job_id = report_jobs.request_report(
                session, "docx", "user:1", supplier_id=supplier_id, document=document
            ).id
        handler = Handler(lambda db, claimed: report_jobs.render_report(db, blobs, claimed))
        run_job(database, claim_job(database, "test", kinds={"render_report"}), handler)
        with database.for_organisation(organisation) as session:
            report = report_jobs.download_report(session, blobs, job_id, sees_worker_derived=document == "brief")
        assert report.file_name == f"{document}_2026-{'11-01' if document == 'brief' else '01-15'}.docx"
        texts[document] = read_text(report.data, "docx")
    assert "Decisions needed" in texts["brief"]
    assert "Fig Mill" in texts["scorecard"]
    assert "Fig Farm" not in texts["scorecard"]
