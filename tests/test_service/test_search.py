"""The search box of every page: what it finds, for whom, and that cases stay hidden from those who may not read them."""

from datetime import UTC, datetime

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask

from service.cases import service as case_service
from service.db.session import Database
from service.queries import search
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ON = AT.date()
CASE = {"case_id": "HX-77", "linked_reference": "S-1", "nationality": "MM", "job": "Packer", "age_group": "adults"}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}


@pytest.fixture
def organisation(database: Database) -> str:
    """An organisation with a site, an agency and a case about the site."""
    organisation = make_organisation(database)
    save(database, organisation, "site", "S-1", "Blue Pier Cannery")
    save(database, organisation, "agency", "A-1", "Blue Heron Manpower")
    with database.for_organisation(organisation) as session:
        case_service.open_case(session, CASE, [LOCKED], ON, AT, "user:ana")
    return organisation


def save(database: Database, organisation: str, kind: str, reference: str, name: str) -> None:
    with database.for_organisation(organisation) as session:
        answers = {"reference": reference, "name": name, "country": "TH"}
        suppliers.save_supplier(session, kind, answers, ON, AT, "user:ana", "import")


def find(
    database: Database, organisation: str, text: str, *, own_answers_only: bool = False, reads_cases: bool = True
) -> search.SearchResults:
    with database.for_organisation(organisation, write=False) as session:
        return search.search(session, text, ON, own_answers_only=own_answers_only, reads_cases=reads_cases)


def read_page(app: Flask, database: Database, organisation: str, role: str, text: str) -> str:
    client = make_browser(app, make_user(database, organisation, role))
    return client.get("/search", query_string={"q": text}).get_data(as_text=True)


def test_a_search_finds_suppliers_agencies_and_cases_by_name_and_reference(database: Database, organisation: str):
    by_name = find(database, organisation, "blue")
    assert [s.name for s in by_name.sites.suppliers] == ["Blue Pier Cannery"]
    assert [s.name for s in by_name.agencies.suppliers] == ["Blue Heron Manpower"]
    assert [(case.number, supplier.name) for case, supplier in by_name.cases.cases] == [("HX-77", "Blue Pier Cannery")]
    assert by_name.total == 3
    assert find(database, organisation, "a-1").agencies.total == 1
    assert find(database, organisation, "hx-7").cases.total == 1


@pytest.mark.parametrize("name", ["Ümit Mensucat", "ĐẠI PHÁT", "Завод Мир", "海港食品", "مصنع الخليج", "Zürich Œuvre"])
def test_a_search_ignores_capitals_in_every_script(database: Database, organisation: str, name: str):
    save(database, organisation, "site", "S-2", name)
    for text in (name, name.lower(), name.upper()):
        assert [s.name for s in find(database, organisation, text).sites.suppliers] == [name], text


@pytest.mark.parametrize("text", ["%", "_", "\\", "' OR 1=1 --", "blue' --"])
def test_a_search_takes_every_sign_literally(database: Database, organisation: str, text: str):
    assert find(database, organisation, text).total == 0


@pytest.mark.parametrize("text", ["zürich   werft", " zürich\u00a0werft ", "zu\u0308rich", "\u200fzürich\u200e"])
def test_a_search_ignores_how_blanks_and_accents_are_typed(
    app: Flask, database: Database, organisation: str, text: str
):
    save(database, organisation, "site", "S-2", "Zürich Werft")
    client = make_browser(app, make_user(database, organisation, "viewer"))
    for path, field in (("/search", "q"), ("/suppliers", "text")):
        assert "Zürich Werft" in client.get(path, query_string={field: text}).text.split("<main", 1)[1]


def test_a_search_finds_the_actions_that_are_due_as_far_as_the_caller_may_see_them(
    database: Database, organisation: str
):
    rescue = "Find out today whether anyone is in danger, and get them to safety"
    found = find(database, organisation, "DANGER today").actions
    assert [(action.title, count) for action, count in found] == [(rescue, 1)]
    assert find(database, organisation, "danger tomorrow").actions == []
    assert find(database, organisation, "danger today", own_answers_only=True).actions == []


def test_a_search_lists_ten_of_each_kind_and_counts_all(database: Database, organisation: str):
    for number in range(12):
        save(database, organisation, "site", f"P-{number}", f"Plum Works {number}")
    found = find(database, organisation, "plum").sites
    assert (len(found.suppliers), found.total) == (search.SHOWN, 12)


def test_a_search_never_finds_what_another_organisation_has(database: Database, organisation: str):
    other = make_organisation(database, "Quay Trading")
    assert find(database, other, "blue").total == 0
    assert find(database, other, "HX-77").total == 0


def test_whoever_may_not_read_cases_gets_the_same_page_whether_or_not_one_exists(
    app: Flask, database: Database, organisation: str
):
    assert "HX-77" in read_page(app, database, organisation, "case_handler", "HX-77").split("<main", 1)[1]
    for role in ("viewer", "approver"):
        hit, miss = (
            read_page(app, database, organisation, role, text).split("<main", 1)[1].replace(text, "")
            for text in ("HX-77", "HX-78")
        )
        assert hit == miss
        assert "No results" in hit
        assert "Cases" not in hit


def test_the_results_are_grouped_with_counts_and_link_to_the_list(app: Flask, database: Database, organisation: str):
    for number in range(12):
        save(database, organisation, "site", f"P-{number}", f"Plum & Works {number}")
    page = read_page(app, database, organisation, "viewer", "plum &")
    assert '<h2 id="suppliers">Suppliers <span class="quiet">12</span></h2>' in page
    assert 'href="/suppliers?text=plum+%26"' in page
    assert "Search results for “plum &amp;”" in page


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_search_says_what_can_be_searched(app: Flask, database: Database, organisation: str, text: str):
    assert "Enter a name, a reference" in read_page(app, database, organisation, "viewer", text)


def test_every_page_has_the_search_box(app: Flask, database: Database, organisation: str):
    client = make_browser(app, make_user(database, organisation, "admin"))
    for path in ("/", "/suppliers", "/users", "/password", "/method", "/suppliers/none"):
        page = client.get(path).get_data(as_text=True)
        assert 'action="/search"' in page, path
    assert 'action="/search"' not in app.test_client().get("/sign-in").get_data(as_text=True)
