"""Notes and texts of cases are corrected, and cases deleted: who changed which field is recorded, and never what it said."""

from datetime import timedelta
from typing import Any

import pytest
from callers import make_organisation
from full_organisation import read_all_rows
from sqlalchemy import select
from test_case_service import AT, BY, CANNERY, CHECK, LOCKED, ON, OTHER, PAPERS, confirm, open_case, save_supplier

from service.cases import closing, corrections
from service.db.case_tables import StoredCase, StoredFinding
from service.db.idempotency_tables import IdempotentResponse
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.erasure import erase as erasure
from service.errors import DomainError

SECRET = "the welder with the burnt sleeve"


@pytest.fixture
def harbour(database: Database) -> str:
    """Return an organisation with one site."""
    organisation = make_organisation(database)
    save_supplier(database, organisation, CANNERY)
    return organisation


def list_events(database: Database, organisation: str) -> list[tuple[str, str, dict[str, Any]]]:
    with database.for_organisation(organisation, write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.object_type == "case").order_by(AuditEvent.id))
        return [(event.actor, event.action, event.details) for event in events]


def read_case(database: Database, organisation: str) -> tuple[StoredCase, list[str | None]]:
    with database.for_organisation(organisation, write=False) as session:
        return session.scalars(select(StoredCase)).one(), [one.note for one in session.scalars(select(StoredFinding))]


@pytest.mark.parametrize(("note", "action"), [("gate chained", "corrected"), (None, "removed"), ("", "removed")])
def test_a_note_is_replaced_or_removed_and_the_evidence_stays(
    database: Database, harbour: str, note: str | None, action: str
):
    case_id = open_case(database, harbour, {**LOCKED, "note": SECRET})
    with database.for_organisation(harbour) as session:
        corrections.correct_note(session, case_id, 1, note, ON, AT, OTHER)
    case, notes = read_case(database, harbour)
    assert (case.strength, notes) == (3, [note or None])
    assert list_events(database, harbour)[-1] == (OTHER, f"case.note_{action}", {"number": 1})
    assert SECRET not in repr(read_all_rows(database))


def test_a_note_is_not_replaced_by_personal_data(database: Database, harbour: str):
    case_id = open_case(database, harbour, {**LOCKED, "note": "gate chained"})
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        corrections.correct_note(session, case_id, 1, "told by Mr Somchai Jaidee", ON, AT, OTHER)
    assert (error.value.code, "Somchai" in error.value.detail) == ("person.name", False)
    assert read_case(database, harbour)[1] == ["gate chained"]


def test_the_texts_of_a_case_are_corrected_and_its_evidence_and_supplier_stay(database: Database, harbour: str):
    case_id = open_case(database, harbour, LOCKED, job=SECRET)
    supplier_id = read_case(database, harbour)[0].supplier_id
    changes = {"case_id": "C-77", "job": None, "linked_reference": "S-404", "people": 12}
    with database.for_organisation(harbour) as session:
        corrections.correct_case(session, case_id, changes, ON, AT, OTHER)
    case, _ = read_case(database, harbour)
    assert (case.number, case.cohort["job"], case.cohort["people"], case.cohort["nationality"]) == (
        "C-77",
        None,
        12,
        "MM",
    )
    assert (case.linked_reference, case.supplier_id, case.strength) == ("S-404", supplier_id, 3)
    fields = ["case_id", "job", "linked_reference", "people"]
    assert list_events(database, harbour)[-1] == (OTHER, "case.corrected", {"fields": fields})
    assert SECRET not in repr(read_all_rows(database))


def test_a_corrected_reference_links_a_case_about_an_unknown_supplier(database: Database, harbour: str):
    case_id = open_case(database, harbour, LOCKED, linked_reference="S-9")
    with database.for_organisation(harbour) as session:
        corrections.correct_case(session, case_id, {"linked_reference": "S-1"}, ON, AT + timedelta(hours=1), OTHER)
    with database.for_organisation(harbour, write=False) as session:
        site = session.scalars(select(Supplier)).one()
        assert session.get_one(Result, site.latest_id).case_evidence["strength"] == "emergency"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"job": "Packer, passport MB1234567"}, "person.identity_number"),
        ({"case_id": None}, "case.number"),
        ({"case_id": "c 2"}, "case.taken"),
        ({"age_group": "children"}, "field.unknown"),
        ({"acts": []}, "field.unknown"),
        ({"nationality": "Narnia"}, "answer.unknown"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_changes_nothing(
    database: Database, harbour: str, changes: dict[str, Any], code: str
):
    case_id = open_case(database, harbour, LOCKED)
    open_case(database, harbour, case_id="C-2")
    before = read_all_rows(database)
    with pytest.raises(DomainError) as error, database.for_organisation(harbour) as session:
        corrections.correct_case(session, case_id, changes, ON, AT, OTHER)
    assert error.value.code == code
    assert read_all_rows(database) == before


def test_a_deleted_case_leaves_its_reason_and_its_supplier_is_reassessed(database: Database, harbour: str):
    case_id = open_case(database, harbour, {**PAPERS, "note": SECRET})
    with database.for_organisation(harbour) as session:
        erasure.erase_case(session, case_id, "erasure_request", ON, AT + timedelta(hours=1), OTHER)
    tables = read_all_rows(database)
    assert tables["case_record"] == tables["case_finding"] == []
    assert SECRET not in repr(tables)
    actor, action, details = list_events(database, harbour)[-1]
    assert (actor, action, details["reason"]) == (OTHER, "case.deleted", "erasure_request")
    with database.for_organisation(harbour, write=False) as session:
        site = session.scalars(select(Supplier)).one()
        assert session.get_one(Result, site.latest_id).case_evidence is None


def test_one_user_alone_cannot_delete_an_emergency(database: Database, harbour: str):
    case_id = open_case(database, harbour, LOCKED)
    with pytest.raises(DomainError) as error, database.for_organisation(harbour) as session:
        erasure.erase_case(session, case_id, "duplicate", ON, AT, BY)
    assert (error.value.code, error.value.status) == ("case.two_users", 409)
    with database.for_organisation(harbour) as session:
        closing.close_case(session, case_id, "remedied", ON, AT, BY, CHECK)
        confirm(session, case_id)
        erasure.erase_case(session, case_id, "duplicate", ON, AT, BY)
    assert read_all_rows(database)["case_record"] == []


def test_a_reason_of_ones_own_is_refused(database: Database, harbour: str):
    case_id = open_case(database, harbour, PAPERS)
    with pytest.raises(DomainError) as error, database.for_organisation(harbour) as session:
        erasure.erase_case(session, case_id, SECRET, ON, AT, BY)
    assert (error.value.code, SECRET in error.value.detail) == ("case.reason", False)


def test_replies_kept_for_repeated_requests_are_withdrawn(database: Database, harbour: str):
    case_id = open_case(database, harbour, {**LOCKED, "note": SECRET})
    with database.for_organisation(harbour) as session:
        for key, body in (("a", f'{{"id":"{case_id}","note":"{SECRET}"}}'), ("b", '{"id":"other"}')):
            kept = {"request_hash": "x", "status": 201, "headers": {"Location": case_id}, "created_at": AT}
            session.add(IdempotentResponse(key=key, body=body, **kept))
    with database.for_organisation(harbour) as session:
        corrections.correct_note(session, case_id, 1, None, ON, AT, OTHER)
    assert SECRET not in repr(read_all_rows(database))
    with database.for_organisation(harbour, write=False) as session:
        kept = session.scalars(select(IdempotentResponse).order_by(IdempotentResponse.key)).all()
    assert [(reply.status, reply.headers) for reply in kept] == [(410, {}), (201, {"Location": case_id})]
