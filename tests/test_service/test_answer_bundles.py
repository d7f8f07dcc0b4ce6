"""Signed answers that a supplier takes from one buyer to another, and what is refused."""

import base64
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from callers import make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from sqlalchemy import select
from test_online_questionnaires import Case, create_case, find_section

from service.answer_bundles.format import ANSWERS, MANIFEST, SIGNATURE, WORKBOOK, read_bundle, write_bundle
from service.answer_bundles.importing import import_bundle
from service.answer_bundles.keys import accept_key, revoke_key
from service.archives import write_archive
from service.cli import main
from service.clock import now
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.errors import DomainError
from service.secret_keys import SigningKey, fingerprint, list_signing_keys
from service.suppliers import repository as suppliers

KEY: SigningKey = list_signing_keys([b"k" * 32])[0]
TODAY = now().date()


def sign(key: SigningKey = KEY, **answers: str) -> bytes:
    """A bundle of answers to the form about sites, of which all questions that are answered were shown."""
    given = {"recruitment_fees": "none", "worker_debt": "own", **answers}
    return write_bundle("site", "2026.6", TODAY, "Blue Pier Cannery", set(given), given, b"workbook", key)


def repack(data: bytes, **changed: Callable[[bytes], bytes]) -> bytes:
    """The same archive with some files changed; the names are those before the dot."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in (MANIFEST, SIGNATURE, ANSWERS, WORKBOOK)}
    return write_archive({name: changed.get(name.partition(".")[0], bytes)(file) for name, file in files.items()})


def recompress(data: bytes, method: int) -> bytes:
    """The same files in an archive that is compressed in another way."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w", method) as other:
        for name in (MANIFEST, SIGNATURE, ANSWERS, WORKBOOK):
            other.writestr(name, archive.read(name))
    return buffer.getvalue()


@dataclass
class Buyer:
    """Another buyer of the supplier, which has accepted the key."""

    database: Database
    organisation_id: str
    supplier_id: str
    key_id: str

    def take(self, data: bytes) -> str:
        """Import a bundle; return the code of what it was refused for, "" if it was not."""
        try:
            with self.database.for_organisation(self.organisation_id) as session:
                supplier = session.get_one(Supplier, self.supplier_id)
                import_bundle(session, supplier, data, "user:eve", TODAY, now())
        except DomainError as error:
            return error.code
        return ""

    def get_answers(self) -> dict:
        with self.database.for_organisation(self.organisation_id) as session:
            return dict(session.get_one(Supplier, self.supplier_id).answers)


@pytest.fixture
def buyer(database: Database) -> Buyer:
    organisation_id, at = make_organisation(database, "Quay Trading"), now()
    known = {"name": "Blue Pier", "reference": "Q-7", "country": "TH", "sector": ["1020"]}
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, "site", known, at.date(), at, "user:eve", "import")
        key = accept_key(session, base64.b64encode(KEY.public_key).decode(), "Harbour Foods", "user:eve")
        return Buyer(database, organisation_id, supplier.id, key.id)


def test_signed_answers_become_the_suppliers_own_answers_of_their_day(buyer: Buyer):
    assert buyer.take(sign()) == ""
    answers = buyer.get_answers()
    assert (answers["recruitment_fees"], answers["form_returned"]) == ("none", TODAY.isoformat())
    assert (answers["name"], answers["reference"]) == ("Blue Pier", "Q-7"), "what this buyer calls it stays"
    assert answers.get("housing") is None, "what was not shown was not asked"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK no archive", "bundle.damaged"),
        (sign()[:-40], "bundle.damaged"),
        (recompress(sign(), zipfile.ZIP_LZMA), "bundle.damaged"),
        (b"P" * 10_000_001, "bundle.too_large"),
        (repack(sign(), answers=lambda file: file.replace(b'"none"', b'"most"')), "bundle.changed"),
        (repack(sign(), answers=lambda _file: b"x" * 2_000_001), "bundle.too_large"),
        (repack(sign(), manifest=lambda file: file.replace(b"answers 1", b"answers 1 ")), "bundle.damaged"),
        (repack(sign(), manifest=lambda file: file + b" "), "bundle.signature"),
        (repack(sign(), signature=lambda _file: b'{"key_id": 7}'), "bundle.damaged"),
        (sign(list_signing_keys([b"other" * 8])[0]), "bundle.unknown_key"),
        (write_bundle("agency", "2026.6", TODAY, "", set(), {}, b"", KEY), "bundle.form"),
        (write_bundle("site", "2031.1", TODAY, "", set(), {}, b"", KEY), "bundle.form"),
        (write_bundle("site", "2026.6", TODAY.replace(year=2999), "", set(), {}, b"", KEY), "bundle.date"),
    ],
)
def test_what_was_changed_cut_off_or_signed_by_nobody_known_is_refused(buyer: Buyer, data: bytes, code: str):
    before = buyer.get_answers()
    assert buyer.take(data) == code
    assert buyer.get_answers() == before


def test_the_same_answers_are_imported_once(buyer: Buyer):
    assert buyer.take(sign()) == ""
    assert buyer.take(repack(sign())) == "bundle.replayed"
    assert buyer.take(sign(housing="good")) == "", "newer answers of the same day are others"


def test_older_answers_never_replace_newer_ones(buyer: Buyer):
    assert buyer.take(sign()) == ""
    older = write_bundle("site", "2026.6", TODAY.replace(year=2026, month=1), "", set(), {"housing": "good"}, b"", KEY)
    assert buyer.take(older) == "bundle.outdated"


@pytest.mark.parametrize(
    "of_another", [{"name": "Iron Gate Steel Works"}, {"country": "Norway"}, {"address": "9 Quarry Road, Hill End"}]
)
def test_the_answers_of_another_supplier_or_site_are_refused(buyer: Buyer, of_another: dict):
    with buyer.database.for_organisation(buyer.organisation_id) as session:
        known = {**buyer.get_answers(), "address": "12 Harbour Street, Ranong"}
        suppliers.save_supplier(session, "site", known, TODAY, now(), "user:eve", "import")
    before = buyer.get_answers()
    given = {"recruitment_fees": "none", "name": "Blue Pier Cannery", "country": "Thailand"}
    given |= {"address": "12, Harbour Street", **of_another}
    data = write_bundle("site", "2026.6", TODAY, given["name"], set(given), given, b"", KEY)
    assert buyer.take(data) == "bundle.other_supplier"
    assert buyer.get_answers() == before
    own = {**given, "name": "Blue Pier Cannery", "country": "Thailand", "address": "12, Harbour Street"}
    assert buyer.take(write_bundle("site", "2026.6", TODAY, "", set(own), own, b"", KEY)) == ""


def test_nothing_more_is_imported_with_a_key_that_was_revoked(buyer: Buyer):
    with buyer.database.for_organisation(buyer.organisation_id) as session:
        revoke_key(session, buyer.key_id, "user:eve")
    assert buyer.take(sign()) == "bundle.revoked_key"
    with buyer.database.for_organisation(buyer.organisation_id) as session:
        events = set(session.scalars(select(AuditEvent.action)))
        with pytest.raises(DomainError) as refused:
            accept_key(session, base64.b64encode(KEY.public_key).decode(), "Harbour Foods", "user:eve")
    assert refused.value.code == "key.known"
    assert {"sender_key.accepted", "sender_key.revoked"} <= events


def test_a_claim_of_evidence_in_signed_answers_is_only_a_claim(buyer: Buyer):
    assert buyer.take(sign(evidence="audit; 2026-01-02; confirmed by the buyer")) == ""
    pieces = buyer.get_answers().get("evidence") or []
    assert not any(piece.get("confirmed") for piece in pieces)


def list_texts(archive: bytes) -> str:
    """Return the content of every file in an archive, and in the archives in it, such as workbooks."""
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        files = [opened.read(name) for name in opened.namelist()]
    return "\n".join(list_texts(file) if file.startswith(b"PK") else file.decode() for file in files)


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    """A cannery that sent a questionnaire to Harbour Foods."""
    case = create_case(app, database)
    case.post("/open")
    case.save(case.see(find_section(case, "Recruitment")), {"recruitment_fees": "none"})
    return case


def test_a_supplier_takes_its_answers_from_one_buyer_to_another(case: Case):
    assert case.get("/answers.zip").status_code == 409, "not before they were sent"
    case.send()
    data = case.get("/answers.zip").data
    bundle = read_bundle(data)
    assert bundle.answers["recruitment_fees"] == "none"
    texts = list_texts(data)
    assert "Blue Pier Cannery" in texts
    assert not re.search(r"\bS-1\b", texts), "what the first buyer calls it"
    assert case.asking_id not in texts, "which request of the first buyer it answers"
    other = make_organisation(case.database, "Quay Trading")
    key = make_key(case.database, other, "suppliers:read", "suppliers:write", "admin")
    body = {"reference": "Q-7", "name": "Blue Pier", "country": "TH", "sector": ["1020"]}
    assert case.client.put("/api/v1/suppliers/Q-7", json=body, headers=key).status_code == 201
    path = "/api/v1/suppliers/Q-7/answer-bundles"

    def upload() -> object:
        return case.client.post(path, data={"file": (BytesIO(data), "answers.zip")}, headers=key)

    assert upload().json["code"] == "bundle.unknown_key"
    (own,) = case.client.get("/.well-known/diligence-signing-keys").json["keys"]
    assert own["fingerprint"] == bundle.fingerprint
    accepted = case.client.post(
        "/api/v1/sender-keys", json={"name": "Harbour Foods", "public_key": own["public_key"]}, headers=key
    )
    assert accepted.status_code == 201
    assert upload().status_code == 201
    assert upload().json["code"] == "bundle.replayed"
    answers = case.client.get("/api/v1/suppliers/Q-7", headers=key).json["answers"]
    assert answers["recruitment_fees"] == "none"


def test_an_approver_accepts_a_key_on_its_page_and_an_officer_imports(case: Case):
    case.send()
    data = case.get("/answers.zip").data
    officer = make_browser(case.app, make_user(case.database, case.organisation_id))
    assert officer.get("/sender-keys").status_code == 403
    approver = make_browser(case.app, make_user(case.database, case.organisation_id, "approver"))
    page = approver.get("/sender-keys").get_data(as_text=True)
    bundle = read_bundle(data)
    assert bundle.fingerprint in page
    fields = {"name": "Ourselves", "public_key": base64.b64encode(bundle.public_key).decode()}
    assert send(approver, "/sender-keys", **fields).status_code == 422, "the fingerprint has to be compared"
    assert send(approver, "/sender-keys", compared="yes", **fields).status_code == 303
    file = {"file": (BytesIO(data), "answers.zip")}
    imported = send(officer, f"/suppliers/{case.supplier_id}/answer-bundles", **file)
    assert imported.status_code == 303
    assert "Answers imported" in officer.get(f"/suppliers/{case.supplier_id}").get_data(as_text=True)


def test_the_command_verify_names_the_key_of_signed_answers_and_refuses_changed_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "answers.zip"
    file.write_bytes(sign())
    assert main(["verify", str(file)]) == 0
    assert fingerprint(KEY.public_key) in capsys.readouterr().out
    file.write_bytes(repack(sign(), answers=lambda data: data.replace(b'"none"', b'"most"')))
    assert main(["verify", str(file)]) != 0
