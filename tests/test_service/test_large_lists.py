"""Lists of many suppliers, read from an index page by page, show the same suppliers in the same order as short ones."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from callers import make_organisation
from databases import KINDS, SECRET_KEYS, Empty, connect, opened
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.session import Database
from service.db.tables import Supplier
from service.queries import search, supplier_pages, supplier_scan
from service.queries.claimed_evidence import list_claimed_evidence
from service.queries.lists import list_suppliers
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_pages import Position, SupplierPage, get_supplier_page
from service.suppliers import repository as suppliers

ON = date(2026, 11, 1)
COUNTRIES = ("TH", "QA", "NO", "MM", None)
SECTORS = ("1410", "0311", "1420", None)
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"kind": "agency"},
    {"country": "TH"},
    {"country": "unknown", "kind": "site"},
    {"sector": "1410"},
    {"sector": "14", "country": "TH"},
    {"country": "TH", "level": "insufficient_evidence"},
    {"level": "insufficient_evidence", "inherent_level": "high"},
    {"inherent_level": "critical", "text": "loom"},
    {"text": "pale"},
    {"text": "pale loom", "kind": "site"},
    {"text": "p", "country": "MM", "sector": "03"},
    {"review": "soon"},
)
SORTS = ("queue", "name", "country", "score", "range", "confidence", "coverage", "review")


@pytest.fixture(scope="module", params=KINDS)
def portfolio(request: pytest.FixtureRequest) -> Iterator[tuple[Database, str]]:
    """An organisation of 40 suppliers of different places, sectors and names, which no test changes."""
    with request.getfixturevalue(request.param)() as engine:
        database = connect(engine)
        organisation_id = make_organisation(database)
        fill(database, organisation_id)
        yield database, organisation_id


@pytest.fixture
def session(portfolio: tuple[Database, str]) -> Iterator[Session]:
    """Return a session that reads that organisation."""
    database, organisation_id = portfolio
    with database.for_organisation(organisation_id, write=False) as session:
        yield session


def fill(database: Database, organisation_id: str) -> None:
    with database.for_organisation(organisation_id) as session:
        for kind, numbers in (("site", range(32)), ("agency", range(32, 40))):
            rows = [
                {
                    "reference": f"S-{number}",
                    "name": f"{('Pale', 'Plum', 'Blue')[number % 3]} {('Loom', 'Pier')[number % 2]} {number}",
                    "country": COUNTRIES[number % 5],
                    "sector": [SECTORS[number // 5 % 4]],
                }
                for number in numbers
            ]
            answers = [
                {question: answer for question, answer in row.items() if answer not in (None, [None])} for row in rows
            ]
            origin = suppliers.Origin(ON, now(), "system:test", "import")
            suppliers.save_suppliers(session, kind, [suppliers.IncomingSupplier(each) for each in answers], origin)


@pytest.fixture
def read_from_index(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have every list of more than three suppliers read from an index, at most some suppliers for a page of four."""

    def patch(read: int, sorted_: int = 5) -> None:
        monkeypatch.setattr(supplier_pages, "FEW", 3)
        monkeypatch.setattr(supplier_pages, "SEARCHED", 5)
        monkeypatch.setattr(supplier_pages, "SORTED", sorted_)
        monkeypatch.setattr(supplier_pages, "PAGE", 4)
        monkeypatch.setattr(supplier_scan, "READ", read)
        monkeypatch.setattr(supplier_scan, "PORTION", 5)
        monkeypatch.setattr(supplier_scan, "COUNTED", read)

    return patch


def walk(session: Session, filter_: SupplierFilter, start: SupplierPage | None = None) -> Iterator[SupplierPage]:
    """Yield the pages of a list from its first to its last, or from a later one back to the first."""
    page = start or get_supplier_page(session, filter_, ON)
    while True:
        yield page
        link: dict[str, Any] | None = page.next if start is None else page.previous
        if link is None:
            return
        page = get_supplier_page(session, filter_, ON, Position(**link))


@pytest.mark.parametrize(
    ("sort", "read", "sorted_"),
    [
        *((sort, 7, 5) for sort in SORTS),
        *((sort, 1000, 5) for sort in ("queue", "name", "review")),
        *((sort, 7, 1000) for sort in ("name", "country")),
    ],
)
def test_a_list_read_from_an_index_is_the_list_that_is_sorted(
    session: Session, read_from_index, sort: str, read: int, sorted_: int
):
    sorted_lists = []
    # The second kind of database takes a third of the filters in each order, in turn: all filters and all orders, not all pairs.
    is_first = session.get_bind().dialect.name == KINDS[0]
    for fields in FILTERS if is_first else FILTERS[SORTS.index(sort) % 3 :: 3]:
        filter_ = SupplierFilter(**fields, sort=sort)
        sorted_lists.append((filter_, [supplier.key for page in walk(session, filter_) for supplier in page.suppliers]))
    read_from_index(read, sorted_)
    for filter_, expected in sorted_lists:
        pages = list(walk(session, filter_))
        for page in pages:
            if page.next and len(page.suppliers) < 4:
                assert page.searched, "a page that ends early says so"
                assert sorted_ == 5, "the database sorts what the index of the order seldom finds"
        assert [supplier.key for page in pages for supplier in page.suppliers] == expected, filter_
        back = list(walk(session, filter_, pages[-1]))[::-1]
        last = {supplier.key for supplier in back[-1].suppliers}
        assert {supplier.key for page in back for supplier in page.suppliers} == set(expected), filter_
        assert last == {supplier.key for supplier in pages[-1].suppliers}
        summaries = [page.confidence_summary for page in pages]
        assert all(s.total == len(expected) or (s.more and s.total < len(expected)) for s in summaries), filter_


@pytest.mark.parametrize("read", [7, 1000])
def test_the_api_lists_every_supplier_once_however_few_it_reads(session: Session, read_from_index, read: int):
    read_from_index(read)
    for fields in FILTERS:
        filter_, found, cursor = SupplierFilter(**{**fields, "kind": "site"}), [], None
        while True:
            page = list_suppliers(session, "site", filter_, ON, cursor=cursor, limit=4)
            found += [supplier.key for supplier in page.items]
            if (cursor := page.next_cursor) is None:
                break
        expected = session.scalars(select(Supplier.key).where(*supplier_pages.build_filter_conditions(filter_, ON)))
        assert sorted(found) == sorted(expected), filter_


def test_a_search_that_takes_several_pages_says_how_far_it_has_come(session: Session, read_from_index):
    read_from_index(5)
    filter_ = SupplierFilter(kind="agency", sort="name")
    pages = list(walk(session, filter_))
    empty = [page for page in pages[1:] if not page.suppliers]
    assert empty, "the agencies lie far apart among the sites"
    assert all(page.previous for page in empty)
    for before, page in pairwise(pages):
        if page.searched and before.searched:
            assert page.searched.read == before.searched.read + 5
        elif page.searched:
            assert page.searched.read == 5
    assert {page.searched.total for page in pages if page.searched} == {40}


def test_a_search_finds_words_that_many_suppliers_have_but_few_together(session: Session, read_from_index):
    read_from_index(7)
    found = search.search(session, "plum pier", ON, own_answers_only=False, reads_cases=False).sites
    assert found.suppliers
    assert all(supplier.name.startswith("Plum Pier") for supplier in found.suppliers)


def test_claimed_evidence_is_read_from_the_index_of_suppliers_with_evidence_in_every_order(sqlite: Empty):
    with sqlite() as empty, opened(empty.url) as engine, Database(engine, SECRET_KEYS) as database:
        organisation_id, queries = make_organisation(database), []
        event.listen(engine, "before_cursor_execute", lambda *call: queries.append(call[2:4]))
        with database.for_organisation(organisation_id, write=False) as session:
            for sort in SORTS:
                list_claimed_evidence(session, SupplierFilter(sort=sort), ON, sees_worker_derived=True)
        with engine.connect() as connection:
            plans = [
                connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all()[0].detail
                for query, parameters in tuple(queries)
                if "FROM supplier" in query
            ]
    assert len(plans) == len(SORTS)
    assert {"INDEX supplier_with_evidence" in plan for plan in plans} == {True}, plans


def test_claimed_evidence_of_one_grade_is_found_in_pieces_and_in_the_evidence_of_a_row(database: Database):
    place = {"country": "TH", "sector": ["1020"], "uses_agencies": "no"}
    row = {"evidence_grade": "audit", "evidence_date": "2026-05-01"}
    pieces = {"evidence": [{"grade": "audit", "date": "2026-05-01"}, {"grade": "document", "date": "2026-05-01"}]}
    with database.for_organisation(make_organisation(database)) as session:
        answers = [
            {"reference": "S-1", "name": "Pier", **place, **row},
            {"reference": "S-2", "name": "Loom", **place, **pieces},
        ]
        origin = suppliers.Origin(ON, now(), "system:test", "import")
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(each) for each in answers], origin)

        def list_references(grade: str) -> list[str]:
            page = list_claimed_evidence(
                session, SupplierFilter(sort="name"), ON, grade=grade, sees_worker_derived=True
            )
            return [piece.supplier.reference for piece in page.pieces]

        assert {grade: list_references(grade) for grade in ("audit", "document", "official")} == {
            "audit": ["S-2", "S-1"],
            "document": ["S-2"],
            "official": [],
        }
