"""A file that a supplier sends in pieces arrives whole, however often the line breaks, and only through its own link."""

import random
from datetime import timedelta

import pytest
from callers import make_organisation
from flask import Flask
from portal import run_jobs
from sample_objects import create_all
from sqlalchemy import select, update
from test_online_questionnaires import Case, create_case
from test_shared_plans import Case as PlanCase
from test_shared_plans import case as plan_case  # noqa: F401  a fixture
from werkzeug.test import TestResponse

from service.clock import now
from service.db.link_tables import AnswerFile, SupplierLink, UnfinishedUpload
from service.db.remediation_tables import StepEvidence
from service.db.session import Database
from service.db.tables import Supplier
from service.erasure.erase import erase_supplier
from service.erasure.files import list_used_files
from service.errors import DomainError
from service.journal import Journal
from service.remediation.evidence_files import StoredFile
from service.retention import purge_expired
from service.supplier_links import links, unfinished_uploads
from service.web import resumable_uploads
from service.web.resumable_uploads import SentFile
from service.wiring.job_handlers import build_handlers

SHEET = b"month,paid\n" + b"".join(b"May,%d\n" % n for n in range(2_000))
DOCUMENT = {"kind": "audit", "dated": "2026-01-02"}
FILES = "/questions/recruitment_fees/files"


def call(case: Case, method: str, path: str = "", data: bytes = b"", token: str | None = None, **headers: object):
    """Send a request of the protocol."""
    named = {"Tus-Resumable": "1.0.0", **{name.replace("_", "-"): str(value) for name, value in headers.items()}}
    address = path if path.startswith("/") else f"/questionnaire/{token or case.token}/uploads"
    return case.client.open(address, method=method, data=data, headers=named)


def begin(case: Case, size: int = len(SHEET), token: str | None = None) -> str:
    """Create an upload; return its address."""
    created = call(case, "POST", token=token, Upload_Length=size)
    assert created.status_code == 201
    return created.headers["Location"]


def add(case: Case, address: str, offset: int, data: bytes) -> TestResponse:
    return call(case, "PATCH", address, data, Upload_Offset=offset, Content_Type="application/offset+octet-stream")


def submit(case: Case, address: str, **fields: str) -> TestResponse:
    """Send the form of the page with an upload in place of its file."""
    return case.post(FILES, **{**DOCUMENT, **fields}, upload=address.rsplit("/", 1)[-1])


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    made = create_case(app, database)
    made.post("/open")
    return made


def test_a_file_that_broke_off_at_any_byte_arrives_as_it_was(case: Case):
    chance, address, sent = random.Random(19), begin(case), 0
    while sent < len(SHEET):
        if chance.random() < 0.3:
            continue_at = call(case, "HEAD", address)
            assert (continue_at.status_code, continue_at.headers["Upload-Offset"]) == (200, str(sent))
        taken = add(case, address, sent, SHEET[sent : sent + chance.randrange(1, 4_000)])
        assert taken.status_code == 204
        sent = int(taken.headers["Upload-Offset"])
    assert submit(case, address).status_code == 303
    with case.database.for_organisation(case.organisation_id) as session:
        (digest,) = session.scalars(select(AnswerFile.sha256))
    blobs = case.app.extensions["blob_store"]
    assert blobs.get(digest) == SHEET
    assert blobs.list_digests() == (digest,), "its pieces are gone"
    assert submit(case, address).status_code == 404


def test_a_file_whose_form_is_sent_twice_at_once_is_taken_once(case: Case, monkeypatch: pytest.MonkeyPatch):
    address, again = begin(case), []
    add(case, address, 0, SHEET)
    store = resumable_uploads.store_file

    def store_and_send_again(sent: SentFile) -> StoredFile:
        if not again:
            again.append(None)
            again.append(submit(case, address).status_code)
        return store(sent)

    monkeypatch.setattr(resumable_uploads, "store_file", store_and_send_again)
    assert (submit(case, address).status_code, again[1]) == (404, 303)
    assert case.count(AnswerFile) == 1
    assert len(case.app.extensions["blob_store"].list_digests()) == 1


def test_a_proof_of_a_step_can_be_sent_in_pieces_too(plan_case: PlanCase):  # noqa: F811
    address = f"/shared/{plan_case.token}/uploads"
    plan_case.see()
    created = call(plan_case, "POST", address, Upload_Length=len(SHEET)).headers["Location"]
    assert add(plan_case, created, 0, SHEET).status_code == 204
    fields = {"kind": "payment_proof", "upload": created.rsplit("/", 1)[-1]}
    assert plan_case.send(f"steps/{plan_case.ids['step']}/files", **fields).status_code == 303
    with plan_case.database.for_organisation(plan_case.organisation_id) as session:
        assert session.scalars(select(StepEvidence.size)).one() == len(SHEET)


def test_a_piece_that_does_not_follow_is_refused_and_changes_nothing(case: Case):
    address = begin(case)
    add(case, address, 0, SHEET[:100])
    assert [add(case, address, offset, b"x").status_code for offset in (0, 99, 101)] == [409, 409, 409]
    too_long = add(case, address, 100, SHEET)
    assert (too_long.status_code, too_long.json["code"]) == (413, "upload.too_long")
    assert call(case, "HEAD", address).headers["Upload-Offset"] == "100"
    assert submit(case, address).status_code == 409, "it has not arrived completely"
    assert case.count(AnswerFile) == 0


def test_what_the_protocol_does_not_allow_is_refused(case: Case):
    assert call(case, "OPTIONS").headers["Tus-Extension"] == "creation,expiration"
    assert call(case, "POST", Upload_Length=1, Tus_Resumable="0.2").status_code == 412
    assert [call(case, "POST", Upload_Length=size).status_code for size in ("x", 0, 20_000_001)] == [400, 413, 413]
    assert call(case, "PATCH", begin(case), b"x", Upload_Offset=0).status_code == 415


def test_an_upload_is_found_only_through_its_own_link_and_for_a_day(case: Case):
    other = create_case(case.app, case.database, buyer="Quay Trading")
    address = begin(case)
    foreign = address.replace(case.token, other.token)
    assert [call(other, "HEAD", foreign).status_code, add(other, foreign, 0, b"x").status_code] == [404, 404]
    assert submit(other, foreign).status_code == 404
    with case.database.for_organisation(case.organisation_id) as session:
        session.execute(update(UnfinishedUpload).values(expires_at=now()))
    assert [call(case, "HEAD", address).status_code, add(case, address, 0, b"x").status_code] == [410, 410]


def test_a_file_that_is_refused_leaves_no_piece(case: Case):
    address = begin(case, 5)
    add(case, address, 0, b"hello")
    assert submit(case, address, dated="2999-01-01").status_code == 422
    assert call(case, "HEAD", address).status_code == 200, "only the date was wrong"
    assert submit(case, address).status_code == 422
    assert call(case, "HEAD", address).status_code == 404
    assert case.app.extensions["blob_store"].list_digests() == ()


@pytest.mark.parametrize("end", ["revoked", "expired", "erased"])
def test_the_pieces_of_a_file_end_with_its_link(case: Case, end: str):
    add(case, begin(case), 0, SHEET)
    blobs = case.app.extensions["blob_store"]
    with case.database.for_organisation(case.organisation_id) as session:
        assert set(blobs.list_digests()) <= list_used_files(session), "what is being sent is not cleaned away"
        link = session.scalars(select(SupplierLink)).one()
        if end == "revoked":
            links.revoke_link(session, case.supplier_id, link.id, "user:ana")
        elif end == "expired":
            link.expires_at = now() - timedelta(minutes=1)
        else:
            erase_supplier(session, session.get_one(Supplier, case.supplier_id), now(), "user:ana")
    if end == "erased":
        journal = Journal(case.app.extensions["settings"].erasure_journal)
        run_jobs(case.database, blobs, build_handlers(blobs, journal))
    else:
        purge_expired(case.database, blobs, now() + timedelta(hours=2))
    assert case.count(UnfinishedUpload) == 0
    assert blobs.list_digests() == ()


def test_the_oldest_of_too_many_uploads_makes_room(database: Database):
    organisation_id, at = make_organisation(database), now() + timedelta(hours=1)  # later than that of create_all
    with database.for_organisation(organisation_id) as session:
        link_id = create_all(session)["link_id"]
        begun = [
            unfinished_uploads.begin_upload(session, link_id, 10, at + timedelta(seconds=n)).id
            for n in range(unfinished_uploads.MOST_UPLOADS + 1)
        ]
        unfinished_uploads.get_upload(session, link_id, begun[1], at)
        with pytest.raises(DomainError, match="File not found"):
            unfinished_uploads.get_upload(session, link_id, begun[0], at)
