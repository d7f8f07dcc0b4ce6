"""The portfolio page: level changes, and the worst supplier of each country and sector."""

import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from sqlalchemy import select

from service.db.session import Database
from service.db.tables import Result, Supplier
from service.queries import portfolio, stored_results, supplier_filter, supplier_list
from service.queries.supplier_filter import SupplierFilter
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
PIER = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}


def keep(database: Database, organisation: str, at: datetime, *overview: dict[str, Any]) -> None:
    """Takes in some sites, as an upload does."""
    with database.for_organisation(organisation) as session:
        places = [{"file": "a.xlsx", "row": row} for row in range(2, len(overview) + 2)]
        incoming = [suppliers.IncomingSupplier(dict(one), place) for one, place in zip(overview, places, strict=True)]
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(at.date(), at, "user:ana", "import"))


def read_level_changes(database: Database, organisation: str) -> list[tuple[str, str, str]]:
    with database.for_organisation(organisation, write=False) as session:
        changes = portfolio.list_level_changes(session, AT - timedelta(days=90))
        return [(mover.supplier.name, mover.before, mover.after) for mover in changes]


def test_level_changes_are_listed_after_a_large_upload_of_new_suppliers(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, AT, PIER)
    assert read_level_changes(database, organisation) == []  # a first assessment is no move
    keep(database, organisation, AT + timedelta(hours=1), PIER | {"papers_retention": "until_end"})
    overview = read_level_changes(database, organisation)
    assert [(name, before) for name, before, _ in overview] == [("Blue Pier Cannery", "insufficient_evidence")]
    others = [{"reference": f"N-{i}", "name": f"Pale Loom {i}", "country": "TH"} for i in range(120)]
    keep(database, organisation, AT + timedelta(hours=2), *others)
    assert read_level_changes(database, organisation) == overview


KNOWN = {"papers_retention": "worker_holds", "worker_debt": "none", "recruitment_fees": "never"}


def many(count: int) -> list[dict[str, Any]]:
    """Sites of three countries and none, of trades with two divisions and none; some of which little or nothing is known."""
    return [
        {"reference": f"S-{i}", "name": f"Pale Loom {i}"}
        | ({"country": ("TH", "QA", "NO")[i % 4]} if i % 4 < 3 else {})
        | ({"sector": [("1020", "1030", "4100")[i % 5]]} if i % 5 < 3 else {})
        | ({"papers_retention": "held"} if i % 7 == 0 else KNOWN if i % 3 else {})
        for i in range(count)
    ]


def test_each_cell_and_each_country_shows_the_worst_of_its_suppliers_and_how_many_there_are(database: Database):
    organisation, other = make_organisation(database), make_organisation(database, "Other")
    keep(database, organisation, AT, *many(60))
    keep(database, other, AT, *(one | {"papers_retention": "held"} for one in many(20)))
    with database.for_organisation(organisation, write=False) as session:
        overview = portfolio.get_portfolio_overview(session, AT.date(), AT)
        stored = session.scalars(select(Supplier)).all()
        assert portfolio.list_places(session) == overview.places

    def summarize_worst(members: list[Supplier]) -> tuple[int, float, str]:
        worst = min(members, key=lambda one: (one.rank, -one.inherent, -one.score, one.id))
        known = "inherent" if worst.practice_of is None else "practice"
        return len(members), worst.inherent if known == "inherent" else worst.score, known

    cells: dict[Any, list[Supplier]] = {}
    countries: dict[Any, list[Supplier]] = {}
    for one in stored:
        cells.setdefault((one.country, one.sector[:2] if one.sector else None), []).append(one)
        countries.setdefault(one.country, []).append(one)
    of_cells = {(cell.country, cell.sector): (cell.results, cell.value, cell.known) for cell in overview.heat}
    assert of_cells == {where: summarize_worst(members) for where, members in cells.items()}
    of_places = [(place.country, (place.results, place.value, place.known)) for place in overview.places]
    assert of_places == [(c, summarize_worst(members)) for c, members in sorted(countries.items(), key=str) if c]
    assert [cell.value for cell in overview.heat] == sorted((cell.value for cell in overview.heat), reverse=True)
    assert (sum(overview.counts.values()), overview.kinds) == (60, {"site": 60, "agency": 0})


def test_suppliers_with_insufficient_evidence_are_counted_by_inherent_risk_as_the_list_filters_them(
    app: Flask, database: Database
):
    organisation = make_organisation(database)
    keep(database, organisation, AT, *many(60))
    client = make_browser(app, make_user(database, organisation))
    with database.for_organisation(organisation, write=False) as session:
        overview = portfolio.get_portfolio_overview(session, AT.date(), AT)
        counts = overview.insufficient_by_inherent
        assert sum(counts.values()) == overview.counts["insufficient_evidence"] > 0
        assert len([count for count in counts.values() if count]) > 1
        for level, count in counts.items():
            filter_ = SupplierFilter(level="insufficient_evidence", inherent_level=level)
            assert len(supplier_list.list_supplier_ids(session, filter_, AT.date())) == count
    page = client.get("/").text
    for level, count in counts.items():
        link = f"/suppliers?level=insufficient_evidence&amp;inherent_level={level}"
        assert (link in page) == bool(count)


def test_each_cell_and_country_leads_to_the_list_of_exactly_its_suppliers(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, AT, *many(60))
    with database.for_organisation(organisation, write=False) as session:
        overview = portfolio.get_portfolio_overview(session, AT.date(), AT)
        options = supplier_list.list_filter_options(session)
        countries, sectors = ({code for code, _ in choices} for choices in (options.countries, options.sectors))
        for cell in overview.heat:
            query = {"country": cell.country or "unknown", "sector": cell.sector or "unknown"}
            filter_ = supplier_filter.parse_filter(query, own_answers_only=False)
            assert len(supplier_list.list_supplier_ids(session, filter_, AT.date())) == cell.results
            assert query["country"] in countries
            assert query["sector"] in sectors
        for place in overview.places:
            filter_ = SupplierFilter(country=place.country)
            assert len(supplier_list.list_supplier_ids(session, filter_, AT.date())) == place.results


def test_a_review_is_overdue_from_the_day_after_it_was_due(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, AT, *many(6))
    with database.for_organisation(organisation, write=False) as session:
        due = [one.review_due for one in session.scalars(select(Supplier))]
        for today in (AT.date(), min(due), max(due), max(due) + timedelta(days=1)):
            assert portfolio.get_portfolio_overview(session, today, AT).overdue == sum(day < today for day in due)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8])
def test_the_confidence_summary_has_the_median_and_the_number_of_low_coverage(database: Database, count: int):
    organisation = make_organisation(database)
    if count:
        keep(database, organisation, AT, *many(count))
    with database.for_organisation(organisation, write=False) as session:
        stored = session.scalars(select(Supplier)).all()
        changes = supplier_list.summarize_confidence(session)
    median = statistics.median(one.confidence for one in stored) if stored else None
    assert changes == supplier_list.ConfidenceSummary(count, median, sum(one.coverage < 0.5 for one in stored))


def test_a_score_raised_by_blanks_alone_is_an_upper_bound_on_the_heat_map_too(app: Flask, database: Database):
    organisation = make_organisation(database)
    blanks = dict.fromkeys(("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence"), "declined")
    keep(database, organisation, AT, PIER | blanks)
    with database.for_organisation(organisation, write=False) as session:
        (cell,) = portfolio.get_portfolio_overview(session, AT.date(), AT).heat
    assert (cell.up_to, cell.level) == (True, "high")
    page = make_browser(app, make_user(database, organisation)).get("/").get_data(as_text=True)
    assert f"<small>up to</small> {cell.value:.1f}</b>" in page


def test_a_level_driven_by_blanks_is_marked_wherever_it_is_shown(app: Flask, database: Database):
    organisation = make_organisation(database)
    one_blank = PIER | {
        "country": "NO",
        "papers_retention": "declined",
        "violence": "none_known",
        "recruitment_fees": "none",
    }
    two_trades = one_blank | {"reference": "S-2", "name": "Two Trades", "sector": ["1020", "0311"]}
    admitted = one_blank | {"reference": "S-3", "name": "Open Hand", "papers_retention": "until_end", "country": "DE"}
    keep(database, organisation, AT, one_blank, two_trades, admitted)
    with database.for_organisation(organisation, write=False) as session:
        heat = {cell.country: cell.silent for cell in portfolio.get_portfolio_overview(session, AT.date(), AT).heat}
        stored = session.scalars(select(Supplier).order_by(Supplier.reference)).all()
        latest = [session.get_one(Result, one.latest_id) for one in stored]
        assert [one.silent for one in stored] == [stored_results.build_detail(one).headline.silent for one in latest]
        assert [one.silent for one in stored] == [True, True, False]
        levels = [row[5] for row in supplier_list.iter_table_rows(session, SupplierFilter(sort="name"), AT.date())]
    assert heat == {"NO": True, "DE": False}
    assert levels == [
        "High (mainly because of questions left blank)",
        "High",
        "High (mainly because of questions left blank)",
    ]
    browser = make_browser(app, make_user(database, organisation))
    portfolio_page, list_page = (browser.get(address).get_data(as_text=True) for address in ("/", "/suppliers"))
    assert portfolio_page.count(">High (mainly because of questions left blank)</span>") == 2
    assert list_page.count(">(mainly because of questions left blank)</span>") == 2
    assert "High (mainly blanks)" in portfolio_page


def test_the_supplier_page_marks_rules_driven_by_blanks_before_they_are_opened(app: Flask, database: Database):
    organisation = make_organisation(database)
    blanks = dict.fromkeys(("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence"), "declined")
    keep(database, organisation, AT, PIER | blanks | {"movement": "locked"})
    page = make_browser(app, make_user(database, organisation)).get("/suppliers/S-1").get_data(as_text=True)
    rules = page.split('id="changeable"')[1].split("Minimum-score rules")[1].split("<h4>")[0]
    lines = [line.split("</summary>")[0] for line in rules.split("<summary>")[1:]]
    open_ = ["cannot be ruled out" in line for line in lines]
    assert {True, False} == set(open_)
    assert open_ == sorted(open_)


def test_findings_are_expanded_on_the_page_even_without_points(app: Flask, database: Database):
    organisation = make_organisation(database)
    unused = {"grievance_channel": "unused", "papers_retention": "worker_holds", "state_placement": "order"}
    keep(database, organisation, AT, PIER | {"country": "KP", "sector": ["0311"]} | unused)
    with database.for_organisation(organisation, write=False) as session:
        latest = session.get(Result, suppliers.get_supplier(session, "site", "S-1").latest_id)
        still = [r.title for r in stored_results.build_detail(latest).reasons if r.harm and abs(r.points) < 0.05]
    assert still
    page = make_browser(app, make_user(database, organisation)).get("/suppliers/S-1").get_data(as_text=True)
    changes = page.split("Findings (admitted or reported)")[1].split("<h4>")[0]
    assert [title for title in still if title not in changes] == []
    assert "Papers withheld" not in changes


def test_the_page_separates_what_a_supplier_can_change_from_what_it_cannot(app: Flask, database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, AT, PIER | {"papers_retention": "held", "movement": "free"})
    with database.for_organisation(organisation, write=False) as session:
        latest = session.get(Result, suppliers.get_supplier(session, "site", "S-1").latest_id)
        detail = stored_results.build_detail(latest)
    page = make_browser(app, make_user(database, organisation)).get("/suppliers/S-1").get_data(as_text=True)
    changeable, fixed = page.split('id="changeable"')[1].split('id="fixed"')
    fixed = fixed.split("</section>")[0]
    assert f"{detail.fixed_points:.1f} points" in fixed
    for reason in detail.reasons:
        if reason.state != "not_asked" and abs(reason.points) >= 0.05:
            assert (reason.title in changeable, reason.title in fixed) == (reason.changeable, not reason.changeable)


def test_a_reader_who_may_not_see_reports_sees_no_action_that_only_reports_require(app: Flask, database: Database):
    organisation = make_organisation(database)
    reported = {"reported_harms": ("papers_withheld",), "reported_by": "workers"}
    keep(database, organisation, AT, PIER | {"papers_retention": "worker_holds", "movement": "free"} | reported)
    pages = {
        role: make_browser(app, make_user(database, organisation, role, f"{role}@quay.example"))
        .get("/suppliers/S-1")
        .get_data(as_text=True)
        .split('id="changeable"')[1]
        .split('id="fixed"')[0]
        for role in ("officer", "viewer")
    }
    with database.for_organisation(organisation, write=False) as session:
        latest = session.get(Result, suppliers.get_supplier(session, "site", "S-1").latest_id)
        (title,) = (step.title for step in stored_results.build_detail(latest).steps if step.action == "return_papers")
    assert title in pages["officer"]
    assert title not in pages["viewer"]
