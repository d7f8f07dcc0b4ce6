"""Two transactions at once on PostgreSQL: what one has read and the other changes meanwhile is not lost.

SQLite lets one transaction write at a time.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from callers import make_organisation
from databases import Empty, connect
from sqlalchemy import select

from service.cases import service as case_service
from service.clock import now
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Result, Supplier
from service.erasure.erase import erase_supplier
from service.errors import DomainError
from service.imports import confirming
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT
from service.suppliers import repository as suppliers

AT = now()
CANNERY = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
CASE = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "age_group": "adults"}
PAPERS = {"finding": "papers_held", "phase": "work", "source": "interview", "found_on": AT.date().isoformat()}


@pytest.fixture
def server(postgresql: Empty) -> Iterator[Database]:
    with postgresql() as engine:
        yield connect(engine)


@pytest.fixture
def harbour(server: Database) -> str:
    organisation_id = make_organisation(server)
    save_answers(server, organisation_id, {})
    return organisation_id


def save_answers(server: Database, organisation_id: str, answers: dict[str, object]) -> None:
    with server.for_organisation(organisation_id) as session:
        suppliers.save_supplier(session, "site", {**CANNERY, **answers}, AT.date(), AT, "user:ana", "api")


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: object, name: str, other: Callable[[], object]) -> list[Future]:
    """Have another thread do something when a function is called, and wait for it as long as it is not made to wait itself."""
    function, pool, started = getattr(module, name), ThreadPoolExecutor(1), []

    def call(*given: object, **named: object) -> object:
        if not started:
            started.append(pool.submit(other))
            wait(started, timeout=0.5)
        return function(*given, **named)

    monkeypatch.setattr(module, name, call)
    return started


def test_answers_that_arrive_while_a_supplier_is_reassessed_are_in_its_latest_result(
    server: Database, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    held = {"papers_retention": "held"}
    with server.for_organisation(harbour) as session:
        case = case_service.open_case(session, CASE, [], AT.date(), AT, "user:ben").id
    others = meanwhile(monkeypatch, suppliers, "answers_with_entry_dates", lambda: save_answers(server, harbour, held))
    with server.for_organisation(harbour) as session:
        case_service.add_finding(session, case, PAPERS, AT.date(), AT, "user:ben")
    others[0].result()
    with server.for_organisation(harbour) as session:
        supplier = session.scalars(select(Supplier)).one()
        latest = session.get_one(Result, supplier.latest_id)
        assert latest.answers["papers_retention"] == "held"
        assert latest.case_evidence is not None
        assert supplier.version == len(session.scalars(select(Result.id)).all())


def test_an_import_is_confirmed_or_read_again_and_never_both(
    server: Database, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    with server.for_organisation(harbour) as session:
        uploaded = Import(uploads=[], choices={}, state="previewed", found={}, created_by="user:ana", created_at=AT)
        session.add(uploaded)
        session.flush()

    def confirm(choices: dict[str, object]) -> str:
        try:
            with server.for_organisation(harbour) as session:
                return confirming.confirm_import(session, uploaded.id, choices, "user:ana").state
        except DomainError as refused:
            return refused.code

    others = meanwhile(monkeypatch, confirming, "check_quota", lambda: confirm({"country": "TH"}))
    assert [confirm({}), others[0].result()] == ["running", "import.state"]
    with server.for_organisation(harbour) as session:
        assert session.scalars(select(Job.kind).where(Job.kind.in_((ASSESS_IMPORT, READ_IMPORT)))).all() == [
            ASSESS_IMPORT
        ]


def test_a_supplier_that_is_erased_while_it_is_reassessed_does_not_come_back(
    server: Database, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    def erase() -> None:
        with server.for_organisation(harbour) as session:
            erase_supplier(session, suppliers.get_supplier(session, "site", "S-1", lock=True), AT, "user:ana")

    others = meanwhile(monkeypatch, suppliers, "answers_with_entry_dates", erase)
    with server.for_organisation(harbour) as session:
        suppliers.reassess(session, session.scalars(select(Supplier.id)).all(), AT.date(), AT, "user:ben")
    others[0].result()
    with server.for_organisation(harbour) as session:
        assert session.scalars(select(Supplier.id)).all() == []
        assert session.scalars(select(Result.id)).all() == []
