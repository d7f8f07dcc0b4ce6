"""The quota of waiting jobs: an organisation that has reached it gets 429 with the limit, and nothing is stored."""

from concurrent.futures import ThreadPoolExecutor, wait
from io import BytesIO

import pytest
from callers import form_token, make_browser, make_key, make_organisation, make_user
from flask import Flask
from patience import PATIENCE
from sqlalchemy import select

from service.blob_store.folder import FolderStore
from service.db.job_tables import Job
from service.db.session import Database
from service.errors import DomainError
from service.jobs.quota import check_quota
from service.jobs.table import enqueue
from service.settings import Settings
from service.wiring.app import create_app

LIST = b"Supplier,Country,Sector\nBlue Pier,Thailand,fishing\n"


def put(database: Database, organisation_id: str, *kinds: str) -> None:
    """Jobs that wait."""
    with database.for_organisation(organisation_id) as session:
        for kind in kinds:
            enqueue(session, kind, {}, "user:1")


def test_only_unfinished_imports_and_reports_of_the_organisation_count(database: Database):
    ours, theirs = make_organisation(database), make_organisation(database, "Northern Orchards")
    put(database, ours, "read_import", "render_report", "render_report", "screen_suppliers", "follow_agencies")
    put(database, theirs, *["read_import"] * 5)
    with database.for_organisation(ours) as session:
        session.scalars(select(Job).where(Job.kind == "render_report")).first().state = "done"
    with database.for_organisation(ours) as session:
        check_quota(session, 3)
        check_quota(session, None)
        with pytest.raises(DomainError) as refused:
            check_quota(session, 2)
    assert (refused.value.code, refused.value.status, refused.value.extra["waiting"]) == ("jobs.too_many", 429, 2)


@pytest.mark.fault
def test_requests_that_arrive_at_the_same_moment_do_not_exceed_the_quota(database: Database):
    ours = make_organisation(database)

    def request_job() -> None:
        with database.for_organisation(ours) as session:
            check_quota(session, 1)
            enqueue(session, "read_import", {}, "user:1")

    with ThreadPoolExecutor() as threads:
        with database.for_organisation(ours) as session:
            check_quota(session, 1)
            other = threads.submit(request_job)
            wait([other], timeout=0.5)  # it waits for this transaction
            enqueue(session, "read_import", {}, "user:1")
        with pytest.raises(DomainError, match="the limit is 1"):
            other.result(PATIENCE)


def test_an_upload_over_the_quota_is_refused_by_the_api_and_the_page_and_nothing_is_stored(
    app: Flask, database: Database, blobs: FolderStore
):
    limited = create_app(Settings(data=blobs.folder.parent, plain_http=True, waiting_jobs=2), database)
    organisation_id = make_organisation(database)
    put(database, organisation_id, "read_import", "render_report")
    key = make_key(database, organisation_id, "imports:write")
    sent = limited.test_client().post(
        "/api/v1/imports", headers=key, data={"file": (BytesIO(LIST), "list.csv")}, content_type="multipart/form-data"
    )
    assert (sent.status_code, sent.json["code"], sent.json["type"]) == (
        429, "jobs.too_many", "urn:diligence:problem:jobs.too_many",
    )  # fmt: skip
    assert (sent.json["waiting"], sent.json["limit"]) == (2, 2)
    headers = {name: sent.headers[name] for name in ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining")}
    assert headers == {"Retry-After": "30", "RateLimit-Limit": "2", "RateLimit-Remaining": "0"}

    browser = make_browser(limited, make_user(database, organisation_id))
    fields = {"csrf_token": form_token(browser), "files": (BytesIO(LIST), "list.csv")}
    page = browser.post("/upload", data=fields, content_type="multipart/form-data")
    assert page.status_code == 429
    assert "2 of your organisation&#39;s uploads and reports are waiting or running; the limit is 2." in page.text
    assert blobs.list_digests() == ()
