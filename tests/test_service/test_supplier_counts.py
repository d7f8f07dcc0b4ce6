"""The counts of suppliers: whatever is written, and by whoever at the same time, they equal a new count of all suppliers."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import databases
import pytest
from callers import make_organisation
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from patience import PATIENCE
from sqlalchemy import delete, func, select, update

from service.blob_store import BlobStore
from service.db.derived_tables import SupplierCount, SupplierWord
from service.db.session import Database
from service.db.supplier_counts import find_miscounts, fold_counts, recount
from service.db.tables import Organisation, Supplier, new_id
from service.erasure.organisation import erase_organisation
from service.queries import portfolio
from service.queries.supplier_list import summarize_confidence
from service.suppliers import merging
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
WRITES = ("create", "update", "merge", "erase", "reassess", "fold", "fail")
COUNTRIES = ("TH", "QA", "NO", None)


def save(database: Database, organisation: str, kind: str, *numbers: int, at: datetime = AT, **answers: object) -> None:
    rows = [{"reference": f"S-{number}", "name": f"Pale Loom {number}", **answers} for number in numbers]
    incoming = [suppliers.IncomingSupplier({q: a for q, a in row.items() if a is not None}) for row in rows]
    with database.for_organisation(organisation) as session:
        suppliers.save_suppliers(session, kind, incoming, suppliers.Origin(at.date(), at, "user:ana", "import"))


def read_miscounts(database: Database) -> list[object]:
    with database.unscoped(write=False) as session:
        return list(find_miscounts(session))


def write(database: Database, organisation: str, what: str, number: int) -> None:
    """Make one of the changes to suppliers that the service knows."""
    kind, country = ("site", "agency")[number % 2], COUNTRIES[number % len(COUNTRIES)]
    at = AT + timedelta(days=number)
    if what in ("create", "update"):
        known = {"papers_retention": "held"} if what == "update" else {}
        return save(database, organisation, kind, number % 4, number % 4 + 4, at=at, country=country, **known)
    with database.for_organisation(organisation) as session:
        found = session.scalars(select(Supplier).where(Supplier.kind == kind).order_by(Supplier.key)).all()
        if what == "merge" and len(found) > 1:
            merging.merge_suppliers(session, found[0], found[-1], at, "user:ana")
        elif what == "erase" and found:
            suppliers.erase_supplier(session, found[0], at, "user:ana")
        elif what == "reassess":
            suppliers.reassess(session, [supplier.id for supplier in found], at.date(), at, "user:ana")
        elif what == "fail":
            session.execute(delete(Supplier).where(Supplier.kind == kind))
            session.rollback()
    if what == "fold":
        with database.unscoped() as session:
            fold_counts(session)
    return None


@examples(12, HealthCheck.function_scoped_fixture)
@given(st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 15)), min_size=1, max_size=8))
def test_after_any_writes_the_counts_equal_a_new_count(database: Database, writes: list[tuple[str, int]]):
    organisation = make_organisation(database, f"Harbour {new_id()}")
    for what, number in writes:
        write(database, organisation, what, number)
    assert read_miscounts(database) == []
    with database.for_organisation(organisation, write=False) as session:
        overview = portfolio.get_portfolio_overview(session, AT.date(), AT)
        stored = session.scalars(select(Supplier)).all()
        words = set(session.scalars(select(SupplierWord.supplier_id)))
        confidence = summarize_confidence(session)
    assert sum(overview.counts.values()) == confidence.total == len(stored)
    assert words == {supplier.id for supplier in stored}


def test_writers_at_the_same_time_count_every_supplier_once(database: Database):
    organisation = make_organisation(database)
    stopped: list[bool] = []

    def fold_until_stopped() -> None:
        while not stopped:
            with database.unscoped() as session:
                fold_counts(session)

    def save_ten(first: int) -> None:
        for number in range(first, first + 10):
            save(database, organisation, "site", number, country="TH")

    writers = [Thread(target=save_ten, args=(first,), daemon=True) for first in (0, 100, 200)]
    folder = Thread(target=fold_until_stopped, daemon=True)
    for thread in (*writers, folder):
        thread.start()
    for thread in writers:
        thread.join(PATIENCE)
    stopped.append(True)
    folder.join(PATIENCE)
    assert read_miscounts(database) == []
    with database.for_organisation(organisation, write=False) as session:
        assert portfolio.get_portfolio_overview(session, AT.date(), AT).kinds == {"site": 30, "agency": 0}


def test_a_writer_waits_for_no_other_writer_of_the_organisation(postgresql):
    with postgresql() as engine:
        database = databases.connect(engine)
        organisation = make_organisation(database)
        save(database, organisation, "site", 1, 2, country="TH")
        with database.for_organisation(organisation) as session:
            session.execute(update(Supplier).where(Supplier.key == "ref:s1").values(level="low"))
            other = Thread(target=save, args=(database, organisation, "site", 3), kwargs={"country": "TH"}, daemon=True)
            other.start()
            other.join(PATIENCE)
            assert not other.is_alive()
        assert read_miscounts(database) == []


def test_folding_leaves_one_row_of_each_count(database: Database):
    organisation = make_organisation(database)
    for number in range(4):
        save(database, organisation, "site", number, country="TH")
    with database.unscoped() as session:
        fold_counts(session)
        assert set(session.scalars(select(SupplierCount.shard))) == {0}
        assert session.scalar(select(func.sum(SupplierCount.n)).where(SupplierCount.facet == "level")) == 4
    assert read_miscounts(database) == []


def test_a_wrong_count_is_found_and_put_right(database: Database):
    organisation = make_organisation(database)
    save(database, organisation, "site", 1, country="TH")
    with database.unscoped() as session:
        session.execute(update(SupplierCount).where(SupplierCount.facet == "place").values(n=7))
    (found,) = read_miscounts(database)
    assert (found.facet, found.value, found.kept, found.counted) == ("place", "TH", 7, 1)
    with database.unscoped() as session:
        recount(session)
    assert read_miscounts(database) == []


def test_an_erased_organisation_leaves_no_counts(database: Database, blobs: BlobStore):
    organisation = make_organisation(database)
    save(database, organisation, "site", 1, country="TH")
    erase_organisation(database, blobs, organisation, "system:test")
    with database.unscoped(write=False) as session:
        for table in (Organisation, SupplierCount, SupplierWord):
            assert session.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_the_median_confidence_comes_from_the_counts_exactly(database: Database, count: int):
    organisation = make_organisation(database)
    save(database, organisation, "site", *range(count), country="TH")
    values = [18.0, 18.04, 18.05, 40.0, 40.0, 70.1, 99.9, 18.0][:count]
    with database.for_organisation(organisation) as session:
        for supplier, value in zip(session.scalars(select(Supplier).order_by(Supplier.key)), values, strict=True):
            supplier.confidence = value
        session.flush()
        ordered = sorted(values)
        expected = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
        assert summarize_confidence(session).confidence == pytest.approx(expected)
