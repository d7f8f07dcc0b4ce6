"""The table of suppliers: what it finds, in which order, and what its export holds."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy.orm import Session
from test_service.callers import make_organisation, make_user

from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.errors import DomainError
from service.queries import supplier_filter, supplier_list, supplier_pages
from service.queries.supplier_filter import SupplierFilter, parse_filter
from service.queries.supplier_pages import Position
from service.suppliers import repository as suppliers

ON = date(2026, 11, 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'list.db'}")
    Base.metadata.create_all(engine)
    yield Database(engine)
    engine.dispose()


def keep(session: Session, name: str, country: str | None = "TH", kind: str = "site", **more: object) -> str:
    """A supplier, assessed; its id."""
    answers = {"name": name, "reference": name, "country": country, **more}
    answers = {question: answer for question, answer in answers.items() if answer is not None}
    return suppliers.save_supplier(session, kind, answers, ON, now(), "system:test", "api")[0].id


def names(session: Session, **filters: str) -> list[str]:
    return [
        s.name
        for s in supplier_pages.get_supplier_page(session, parse_filter(filters, own_answers_only=False), ON).suppliers
    ]


def test_each_filter_narrows_the_table(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        lime = keep(session, "Lime Mill", "TH", sector=["1410"])
        keep(session, "Lime Trawler", "JP", sector=["0311"])
        keep(session, "Agency Lime", "NP", kind="agency")
        keep(session, "Plum 100%", None)
        assert set(names(session, text="lime")) == {"Lime Mill", "Lime Trawler", "Agency Lime"}
        assert names(session, text="100%") == ["Plum 100%"]
        assert names(session, text="_") == []  # a wildcard of the database is a letter like any other
        assert names(session, sector="03") == ["Lime Trawler"]
        assert names(session, country="unknown") == ["Plum 100%"]
        assert names(session, selected=f"{lime},nonsense") == ["Lime Mill"]
        assert names(session, selected="nonsense") == []
        assert names(session, kind="agency") == ["Agency Lime"]
        assert set(names(session, level="nonsense", sort="nonsense", inherent_level="insufficient_evidence")) == set(
            names(session)
        )


def test_the_queue_begins_with_the_worst_and_other_orders_hold(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        for name, country in (("b", "JP"), ("A", "MM"), ("c", "TH")):
            keep(session, name, country)
        assert names(session, sort="name") == ["A", "b", "c"]
        page = supplier_pages.get_supplier_page(session, SupplierFilter(), ON).suppliers
        assert [s.inherent for s in page] == sorted((s.inherent for s in page), reverse=True)


def test_pages_list_every_supplier_once_with_a_summary_of_confidence(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        count = supplier_filter.PAGE + 3
        rows = [{"name": f"Site {i}", "reference": f"R{i}", "country": "TH"} for i in range(count)]
        incoming = [suppliers.IncomingSupplier(row) for row in rows]
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(ON, now(), "system:test", "import"))
        first, last = (
            supplier_pages.get_supplier_page(session, SupplierFilter(), ON, Position(page)) for page in (1, 99)
        )
        assert (first.pages, last.page, first.confidence_summary.total, first.confidence_summary.low_coverage) == (
            2,
            2,
            count,
            count,
        )
        assert len({s.id for s in (*first.suppliers, *last.suppliers)}) == count


def test_an_exported_table_is_complete_and_runs_no_formula(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        keep(session, "=1+1")
        keep(session, "Pear Works")
        rows = list(
            csv.reader(
                io.StringIO(supplier_list.export_table(session, SupplierFilter(), ON, "csv").decode("utf-8-sig"))
            )
        )
        assert {row[2] for row in rows[1:]} == {"'=1+1", "Pear Works"}
        sheet = load_workbook(io.BytesIO(supplier_list.export_table(session, SupplierFilter(), ON, "xlsx"))).active
        cells = [row[2] for row in sheet.iter_rows(min_row=2)]
        assert {(cell.value, cell.data_type) for cell in cells} == {("=1+1", "s"), ("Pear Works", "s")}
        with pytest.raises(DomainError, match="CSV or XLSX"):
            supplier_list.export_table(session, SupplierFilter(), ON, "docx")


def test_a_table_too_large_for_a_file_is_refused_with_a_way_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supplier_list, "EXPORTABLE", 1)
    with database.for_organisation(make_organisation(database)) as session:
        keep(session, "Pear Works")
        assert b"Pear Works" in supplier_list.export_table(session, SupplierFilter(), ON, "csv")
        keep(session, "Plum Works")
        with pytest.raises(DomainError, match="Filter the list") as error:
            supplier_list.export_table(session, SupplierFilter(), ON, "csv")
        assert error.value.code == "export.too_large"


def test_a_filter_belongs_to_its_user_and_its_name_is_taken_once(database: Database) -> None:
    organisation = make_organisation(database)
    ana, ben = make_user(database, organisation), make_user(database, organisation)
    with database.for_organisation(organisation) as session:
        saved = supplier_list.save_filter(session, ana, "Mine", SupplierFilter(country="TH"))
        with pytest.raises(DomainError) as error:
            supplier_list.save_filter(session, ana, "Mine", SupplierFilter())
        assert error.value.code == "filter.taken"
        supplier_list.save_filter(session, ben, "Mine", SupplierFilter(country="JP"))
        replaced = supplier_list.save_filter(session, ana, "Mine", SupplierFilter(country="MM"), replace=True)
        assert replaced.id == saved.id
        (of_ben,) = supplier_list.list_saved_filters(session, ben, "")
        with pytest.raises(DomainError):
            supplier_list.delete_filter(session, ben, saved.id)
        assert [
            parse_filter(one.query, own_answers_only=False)
            for one in supplier_list.list_saved_filters(session, ana, "")
        ] == [SupplierFilter(country="MM")]
        assert parse_filter(of_ben.query, own_answers_only=False) == SupplierFilter(country="JP")


def test_a_filter_name_in_use_says_which_list_has_it(database: Database) -> None:
    organisation = make_organisation(database)
    ana = make_user(database, organisation)
    with database.for_organisation(organisation) as session:
        supplier_list.save_filter(session, ana, "Mine", SupplierFilter(country="TH"))
        with pytest.raises(
            DomainError, match="in the list of suppliers. If you replace it, it is removed from that list"
        ):
            supplier_list.save_filter(session, ana, "Mine", SupplierFilter(kind="agency"))
        with pytest.raises(DomainError, match="with this name.$"):
            supplier_list.save_filter(session, ana, "Mine", SupplierFilter())


def test_what_to_do_first_counts_every_supplier_once(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        for name in "abc":
            keep(session, name)
        steps = supplier_list.list_next_steps(session, ON, suppliers_per_step=1, own_answers_only=False)
        assert sum(step.total for step in steps) == 3
        assert all(len(step.suppliers) == 1 for step in steps)
