"""Case records as the service keeps them: from sheets, the API and by hand; what they do to a supplier; how they go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from callers import an_organisation
from kept import rows
from sqlalchemy import select

from service import retention
from service.blob_store import BlobStore
from service.cases import service as case_service
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.errors import DomainError
from service.queries import stored_results
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ON = AT.date()
BY = "user:ana"
CANNERY = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
CREW = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "job": "Packer", "age_group": "adults"}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
PAPERS = {"finding": "papers_held", "phase": "work", "source": "interview", "found_on": "2026-10-30"}


@pytest.fixture
def harbour(database: Database) -> str:
    """An organisation with one site."""
    organisation = an_organisation(database)
    keep_supplier(database, organisation, CANNERY)
    return organisation


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def keep_supplier(database: Database, organisation: str, answers: dict[str, Any], kind: str = "site") -> None:
    with database.for_organisation(organisation) as session:
        origin = suppliers.Origin(ON - timedelta(days=9), AT, BY, "import")
        suppliers.save_suppliers(session, kind, [suppliers.IncomingSupplier(answers, {"row": 2})], origin)


def opened(database: Database, organisation: str, *findings: dict[str, Any], at: datetime = AT, **told: Any) -> str:
    """A case opened by hand; its id."""
    with database.for_organisation(organisation) as session:
        return case_service.open_case(session, {**CREW, **told}, findings, at.date(), at, BY).id


def results(database: Database, organisation: str) -> Sequence[Result]:
    """Every result, the oldest first."""
    with database.for_organisation(organisation, write=False) as session:
        return session.scalars(select(Result).order_by(Result.created_at, Result.cause)).all()


def latest(database: Database, organisation: str) -> tuple[dict[str, Any], Result]:
    """The newest result of the one site as the contract has it, and as it is kept."""
    with database.for_organisation(organisation, write=False) as session:
        kept = session.get_one(Result, session.scalars(select(Supplier)).one().latest_id)
        return stored_results.build_result_json(kept), kept


def cases_of(database: Database, organisation: str) -> list[StoredCase]:
    with database.for_organisation(organisation, write=False) as session:
        return list(session.scalars(select(StoredCase).order_by(StoredCase.number)))


def findings(database: Database, organisation: str) -> list[tuple[int, str, bool]]:
    with database.for_organisation(organisation, write=False) as session:
        found = session.scalars(select(StoredFinding).order_by(StoredFinding.case_id, StoredFinding.number))
        return [(each.number, each.finding, each.found) for each in found]


def by_the_clock(database: Database, organisation: str, case_id: str) -> list[tuple[str, datetime]]:
    """The steps that do not wait, and by when."""
    with database.for_organisation(organisation, write=False) as session:
        told = case_service.get_case_detail(session, case_service.get_case(session, case_id), ON)
        return [(step.action.id, step.due_at) for step in told.steps]


def test_a_case_has_its_supplier_assessed_again_and_the_result_before_stays(database: Database, harbour: str):
    opened(database, harbour, LOCKED, at=AT + timedelta(hours=1))
    before, after = results(database, harbour)
    assert (before.level, before.case_evidence) == ("insufficient_evidence", None)
    assert (after.level, after.score >= 90, after.case_evidence["strength"]) == ("critical", True, "emergency")
    told, kept = latest(database, harbour)
    assert kept.id == after.id
    assert (told["case_evidence"], told["next_step"]) == ("emergency", "keep_people_safe")
    assert "case_emergency" in told["floors"]


def test_every_result_is_worked_out_again_to_its_numbers_whatever_is_recorded_later(database: Database, harbour: str):
    whole = [latest(database, harbour)[0]]
    case = opened(database, harbour, PAPERS, at=AT + timedelta(hours=1))
    whole.append(latest(database, harbour)[0])
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, LOCKED, ON, AT + timedelta(hours=2), BY)
    whole.append(latest(database, harbour)[0])
    with database.for_organisation(harbour) as session:
        case_service.close_case(session, case, "remedied", ON, AT + timedelta(hours=3), BY)
    whole.append(latest(database, harbour)[0])
    strengths = []
    for kept, at_the_time in zip(results(database, harbour), whole, strict=True):
        again = stored_results.build_result_json(kept)
        assert again == at_the_time
        numbers = ("level", "score", "best", "worst", "inherent", "coverage", "confidence")
        assert {name: again[name] for name in numbers} == {name: getattr(kept, name) for name in numbers}
        strengths.append(again["case_evidence"])
    assert strengths == ["none_recorded", "signals", "emergency", "none_recorded"]


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("remedied", False), ("passed_on", True), ("nothing_further", True), ("entered_by_mistake", False)],
)
def test_a_closed_case_counts_unless_the_people_say_it_is_over_or_it_never_was(
    database: Database, harbour: str, outcome: str, counts: bool
):
    case = opened(database, harbour, LOCKED, at=AT + timedelta(hours=1))
    with database.for_organisation(harbour) as session:
        case_service.close_case(session, case, outcome, ON, AT + timedelta(hours=2), BY)
    assert latest(database, harbour)[0]["case_evidence"] == ("emergency" if counts else "none_recorded")
    assert by_the_clock(database, harbour, case) == []


def test_a_finding_opens_a_closed_case_again(database: Database, harbour: str):
    case = opened(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session:
        case_service.close_case(session, case, "remedied", ON, AT, BY)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError, match="closed already"):
        case_service.close_case(session, case, "remedied", ON, AT, BY)
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, PAPERS, ON, AT + timedelta(hours=1), BY)
    [kept] = cases_of(database, harbour)
    assert (kept.state, kept.outcome, kept.closed_by, kept.closed_at) == ("open", None, None, None)
    assert latest(database, harbour)[0]["case_evidence"] == "emergency"


def test_a_number_is_of_one_case_of_an_organisation(database: Database, harbour: str):
    opened(database, harbour)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as refused:
        case_service.open_case(session, {"case_id": "c 1"}, (), ON, AT, BY)
    assert (refused.value.code, refused.value.status) == ("case.taken", 409)
    quay = an_organisation(database, "Quay")
    opened(database, quay, LOCKED)
    assert [case.supplier_id for case in cases_of(database, quay)] == [None]
    assert len(results(database, harbour)) == 2  # as it was, and with the case of its own


@pytest.mark.parametrize(
    ("told", "finding", "code"),
    [
        ({"case_id": "Case of Mr Somchai Jaidee"}, {}, "person.name"),
        ({"job": "Packer, passport MB1234567"}, {}, "person.identity_number"),
        ({}, {"note": "call +66 81 234 5678 after dark"}, "person.phone"),
        ({}, {"note": "told by Nguyen Van Anh"}, "person.name"),
        ({}, {"note": "somchai.j@mail.example"}, "person.email"),
    ],
)
def test_what_looks_like_a_person_is_refused_and_nothing_of_it_is_kept(
    database: Database, harbour: str, told: dict[str, str], finding: dict[str, str], code: str
):
    before = rows(database)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as refused:
        case_service.open_case(session, {**CREW, **told}, [{**LOCKED, **finding}], ON, AT, BY)
    assert (refused.value.code, refused.value.status) == (code, 422)
    said = next(iter({**told, **finding}.values()))
    assert said not in refused.value.detail
    assert rows(database) == before


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"finding": "no_such_thing"}, "answer.unknown"),
        ({"phase": "work"}, "finding.missing"),
        ({**LOCKED, "found_on": "2027-01-01"}, "date.future"),
        ({**LOCKED, "worker": "x"}, "field.unknown"),
        ({**LOCKED, "note": "x" * 2001}, "text.too_long"),
    ],
)
def test_a_finding_is_held_to_the_form(database: Database, harbour: str, told: dict[str, str], code: str):
    case = opened(database, harbour)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as refused:
        case_service.add_finding(session, case, told, ON, AT, BY)
    assert refused.value.code == code


def test_a_case_waits_for_the_supplier_it_is_about(database: Database):
    harbour = an_organisation(database)
    opened(database, harbour, LOCKED)
    assert [case.supplier_id for case in cases_of(database, harbour)] == [None]
    keep_supplier(database, harbour, CANNERY)
    told, kept = latest(database, harbour)
    assert [case.supplier_id for case in cases_of(database, harbour)] == [kept.supplier_id]
    assert told["case_evidence"] == "emergency"


def test_a_name_links_only_where_one_alone_bears_it(database: Database, harbour: str):
    opened(database, harbour, LOCKED, linked_reference=None, linked_name="BLUE PIER cannery")
    keep_supplier(database, harbour, {**CANNERY, "reference": "S-2"})
    opened(database, harbour, LOCKED, case_id="C-2", linked_reference=None, linked_name="Blue Pier Cannery")
    assert [case.supplier_id is None for case in cases_of(database, harbour)] == [False, True]


def test_an_agency_is_found_by_its_licence(database: Database, harbour: str):
    agency = {"name": "Clear Water Recruiting", "licence_number": "NP-77", "country": "NP"}
    keep_supplier(database, harbour, agency, "agency")
    opened(database, harbour, LOCKED, linked_reference="np 77")
    with database.for_organisation(harbour, write=False) as session:
        about = session.get_one(Supplier, cases_of(database, harbour)[0].supplier_id)
        assert (about.kind, about.level) == ("agency", "critical")


def test_the_first_steps_run_by_the_hour_from_when_the_evidence_became_an_emergency(database: Database, harbour: str):
    case = opened(database, harbour, PAPERS)
    assert by_the_clock(database, harbour, case) == []
    risen = AT + timedelta(hours=5)
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, LOCKED, ON, risen, BY)
    steps = by_the_clock(database, harbour, case)
    assert steps[0] == ("keep_people_safe", risen + timedelta(hours=6))
    assert [by for _, by in steps] == sorted(by for _, by in steps)
    with database.for_organisation(harbour) as session:  # more of the same does not begin anew
        case_service.add_finding(session, case, {**LOCKED, "source": "ngo"}, ON, risen + timedelta(hours=3), BY)
    assert by_the_clock(database, harbour, case) == steps


def test_the_audit_trail_says_what_was_done_and_holds_no_words_of_a_case(database: Database, harbour: str):
    case = opened(database, harbour, {**LOCKED, "note": "gate chained at night"})
    with database.for_organisation(harbour) as session:
        case_service.close_case(session, case, "passed_on", ON, AT, BY)
    with database.for_organisation(harbour, write=False) as session:
        trail = session.scalars(select(AuditEvent).where(AuditEvent.object_id == case).order_by(AuditEvent.id)).all()
        assert [event.action for event in trail] == ["case.opened", "case.finding_added", "case.closed"]
        assert not [word for word in ("chained", "Packer", "C-1") if word in repr([event.details for event in trail])]


def test_cases_go_where_their_supplier_goes_and_with_it(database: Database, harbour: str):
    opened(database, harbour, LOCKED)
    keep_supplier(database, harbour, {**CANNERY, "reference": "S-9", "name": "Blue Pier"})
    with database.for_organisation(harbour) as session:
        source, target = (suppliers.get_supplier(session, "site", name) for name in ("S-1", "S-9"))
        suppliers.merge_suppliers(session, source, target, AT + timedelta(hours=2), BY)
    told, kept = latest(database, harbour)
    assert ([case.supplier_id for case in cases_of(database, harbour)], told["case_evidence"]) == (
        [kept.supplier_id], "emergency",
    )  # fmt: skip
    with database.for_organisation(harbour) as session:
        suppliers.erase_supplier(session, suppliers.get_supplier(session, "site", "S-9"), AT, BY)
    assert cases_of(database, harbour) == []
    assert rows(database)["case_finding"] == []


def test_old_cases_go_once_they_are_closed_or_about_nobody_kept(database: Database, harbour: str, blobs: BlobStore):
    late = AT + timedelta(days=5 * 365)
    for number, told in (("open", {}), ("closed", {}), ("nobody", {"linked_reference": "S-77"}), ("added to", {})):
        reference = {"linked_reference": "S-78"} if number == "added to" else {}
        case = opened(database, harbour, LOCKED, case_id=number, **{**told, **reference})
        with database.for_organisation(harbour) as session:
            if number == "closed":
                case_service.close_case(session, case, "passed_on", ON, AT, BY)
            if number == "added to":
                case_service.add_finding(session, case, PAPERS, ON, late - timedelta(days=30), BY)
    keep_again = {**CANNERY, "workers_total": 12}
    with database.for_organisation(harbour) as session:
        retention.set_retention(session, harbour, 24, BY)
        origin = suppliers.Origin(late.date(), late - timedelta(days=30), BY, "import")
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(keep_again)], origin)
    retention.purge_expired(database, blobs, late)
    assert [case.number for case in cases_of(database, harbour)] == ["added to", "open"]
    assert {number for number, _, _ in findings(database, harbour)} == {1, 2}
