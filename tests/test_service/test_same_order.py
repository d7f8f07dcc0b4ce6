"""Ties end at the key of the supplier: the same suppliers come in the same order, and their reports are the same bytes, on every
database and in whatever order they were stored.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import databases
import pytest
from callers import freeze_time, make_organisation
from sqlalchemy.orm import Session

from reports.formats import FORMATS, render
from service.db.session import Database
from service.db.tables import Supplier
from service.queries import lists, portfolio, supplier_filter, supplier_list
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_list import list_supplier_ids
from service.reporting import stored_reports
from service.suppliers import related
from service.suppliers import repository as suppliers
from service.suppliers.repository import IncomingSupplier, Origin

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ON = date(2026, 11, 20)
# All alike but for their keys, some of which sort differently in most languages than by code point.
REFERENCES = ("b-2", "B 1", "a", "é", "Z 1", "z-10", "z 9", "ø", "я", "中")
SITES = [
    {"name": "Blue Pier", "reference": f"{reference}{country}", "country": country, "agencies": ("Quick Hands",)}
    for reference in REFERENCES
    for country in ("TH", None)
]
AGENCIES = [{"name": name, "country": "NP"} for name in ("Östra", "oslo", "Ost", "Quick Hands", "quick hands Ltd")]


@pytest.fixture(autouse=True)
def a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeze the day that reports are made on."""
    freeze_time(monkeypatch, AT)


@pytest.fixture(scope="module")
def stored(sqlite: databases.Empty, postgresql: databases.Empty) -> Iterator[list[tuple[Database, str]]]:
    """Store the suppliers on each kind of database, forwards and backwards."""
    with ExitStack() as stack:
        made = []
        for empty in (sqlite, postgresql):
            database = databases.connect(stack.enter_context(empty()))
            for name, step in (("Harbour Foods", 1), ("Harbour Foods ", -1)):
                organisation_id = make_organisation(database, name)
                with database.for_organisation(organisation_id) as session:
                    store(session, step)
                made.append((database, organisation_id))
        yield made


def store(session: Session, step: int) -> None:
    for kind, rows in (("agency", AGENCIES), ("site", SITES)):
        incoming = [IncomingSupplier(row) for row in rows[::step]]
        suppliers.save_suppliers(session, kind, incoming, Origin(ON, AT, "system:test", "api"))


def read_everywhere(stored: list[tuple[Database, str]], read: Any) -> list[Any]:
    """Return what is read from each of the databases."""
    answers = []
    for database, organisation_id in stored:
        with database.for_organisation(organisation_id, write=False) as session:
            answers.append(read(session))
    return answers


def list_keys(rows: Any) -> list[str]:
    return [f"{row.kind}:{row.key}" for row in rows]


def test_every_sort_of_the_list_ends_at_the_key(stored: list[tuple[Database, str]]):
    for sort in supplier_filter.SORTS:

        def read(session: Session, sort: str = sort) -> list[str]:
            ids = list_supplier_ids(session, SupplierFilter(sort=sort), ON)
            return list_keys(session.get_one(Supplier, supplier_id) for supplier_id in ids)

        first, *others = read_everywhere(stored, read)
        assert len(first) == len(SITES) + len(AGENCIES)
        assert others == [first] * 3, sort


def test_pages_of_a_list_come_in_one_order(stored: list[tuple[Database, str]]):
    def read(session: Session) -> list[str]:
        keys: list[str] = []
        cursor = None
        while True:
            page = lists.list_suppliers(session, "site", SupplierFilter(), ON, cursor=cursor, limit=3)
            keys += list_keys(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return keys

    first, *others = read_everywhere(stored, read)
    assert len(set(first)) == len(SITES)
    assert others == [first] * 3


def test_the_portfolio_lists_the_same_suppliers_first(stored: list[tuple[Database, str]]):
    def read(session: Session) -> Any:
        overview = portfolio.get_portfolio_overview(session, ON, AT)
        steps = supplier_list.list_next_steps(session, ON, own_answers_only=False)
        return (
            [list_keys(found) for found in (overview.queue, overview.worst, overview.due)],
            (overview.heat, overview.places),
            [(step.id, list_keys(step.suppliers), step.total) for step in steps],
        )

    first, *others = read_everywhere(stored, read)
    assert others == [first] * 3


def test_companies_and_related_suppliers_come_in_one_order(stored: list[tuple[Database, str]]):
    def read(session: Session) -> Any:
        page = lists.list_companies(session)
        agency = suppliers.get_supplier(session, "agency", find_id(session, "Quick Hands"))
        site = suppliers.get_supplier(session, "site", "aTH")
        return (
            [(company.company_key, company.worst.key) for company in page.items],
            list_keys(related.list_sites_using(session, agency)),
            list_keys(related.list_company_sites(session, site)),
            [(name, found and found.key) for name, found in related.list_agencies(session, site)],
        )

    first, *others = read_everywhere(stored, read)
    assert len(first[1]) > 1
    assert len(first[2]) > 1
    assert others == [first] * 3


def find_id(session: Session, name: str) -> str:
    return session.query(Supplier).where(Supplier.name == name, Supplier.kind == "agency").one().id


@pytest.mark.parametrize("format_", list(FORMATS))
def test_a_report_is_the_same_bytes_everywhere(stored: list[tuple[Database, str]], format_: str):
    def read(session: Session) -> bytes:
        ids = list_supplier_ids(session, SupplierFilter(), ON)
        report = stored_reports.add_own_practices(session, stored_reports.build_internal_report(session, ids))
        return render(replace(report, title="Harbour Foods", sender="Harbour Foods"), format_).data

    first, *others = read_everywhere(stored, read)
    assert [other == first for other in others] == [True] * 3
