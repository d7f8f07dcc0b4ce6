"""Parsing watchlists: what is read, what is skipped, and what is rejected with its row and a cure."""

import csv
from io import StringIO

import pytest

from questionnaires.issues import UnusableSheet
from questionnaires.limits import FileRefused, Limits
from questionnaires.watchlist import WATCHLIST_LIMITS, ListedEntity, ParsedWatchlist, read_watchlist
from tests.sheets import workbook

COLUMNS = (
    "id schema name aliases birth_date countries addresses identifiers sanctions phones emails program_ids dataset first_seen"
    " last_seen last_change"
).split()
IMO, LEI = "9074729", "5493001KJTIIGC8Y1R12"


def build_table(*rows: dict[str, str], columns: list[str] = COLUMNS, delimiter: str = ",") -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def build_target(**cells: str) -> dict[str, str]:
    return {"id": "NK-1", "schema": "Company", "name": "Blue Pier Fishing", "dataset": "Sanctions", **cells}


def parse_custom(*rows: dict[str, str], **options: object) -> ParsedWatchlist:
    columns = "name aliases kind country imo lei licence list listed_on reason source".split()
    return read_watchlist(build_table(*rows, columns=columns, **options), "held.csv")


def get_only_entry(watchlist: ParsedWatchlist) -> ListedEntity:
    [entry] = watchlist.entries
    return entry


def list_issues(watchlist: ParsedWatchlist) -> list[tuple[str, str]]:
    return [(issue.code, issue.cell) for issue in watchlist.issues]


def test_a_target_of_opensanctions_becomes_an_entry():
    row = build_target(
        aliases='Blue Pier;"Pier; Blue"',
        countries="th;suhh;tw",
        identifiers=f"TIN-0105551;{LEI};{IMO}",
        sanctions="Bans on fishing - 2024-05-01",
    )
    watchlist = read_watchlist(build_table(row), "targets.simple.csv")
    assert (watchlist.format, watchlist.rows, watchlist.rejected) == ("opensanctions", 1, 0)
    assert get_only_entry(watchlist) == ListedEntity(
        key="NK-1",
        kind="company",
        names=("Blue Pier Fishing", "Blue Pier", "Pier; Blue"),
        countries=("TH", "TW"),
        lei=LEI,
        licences=("TIN-0105551", IMO),
        list="Sanctions",
        reason="Bans on fishing - 2024-05-01",
        source="https://www.opensanctions.org/entities/NK-1/",
    )


def test_a_vessel_has_the_imo_number_whose_check_digit_is_right():
    row = build_target(schema="Vessel", identifiers=f"IMO9074728;1234567;IMO {IMO};412345678")
    entry = get_only_entry(read_watchlist(build_table(row), "t.csv"))
    assert (entry.imo, entry.licences) == (IMO, ())


def test_birth_dates_phones_emails_and_addresses_are_never_read():
    personal = {
        "birth_date": "1961-02-03",
        "phones": "+66 555 0101",
        "emails": "x@pier.example",
        "addresses": "5 Long Road",
    }
    for schema in ("Company", "Person", "Vessel"):
        text = repr(
            read_watchlist(
                build_table(build_target(schema=schema, sanctions="Bans", identifiers="P-1234567", **personal)), "t.csv"
            )
        )
        assert not [value for value in personal.values() if value in text]


def test_only_sanctioned_persons_are_read_and_none_of_their_numbers():
    rows = (
        build_target(id="1", schema="Person", name="Ama Dako", sanctions="Bans", identifiers=f"P-1234567;{LEI}"),
        build_target(id="2", schema="Person", name="Bo Lund"),
        build_target(id="3", schema="Airplane"),
    )
    watchlist = read_watchlist(build_table(*rows), "t.csv")
    assert get_only_entry(watchlist) == ListedEntity(
        key="1", kind="person", names=("Ama Dako",), list="Sanctions", reason="Bans",
        source="https://www.opensanctions.org/entities/1/",
    )  # fmt: skip
    assert dict(watchlist.skipped) == {"people not under sanctions": 1, "of kind Airplane": 1}


def test_a_custom_table_is_read_by_its_columns():
    row = {
        "name": "Everest Manpower", "aliases": "Everest Crew;एभरेष्ट", "kind": "Agency", "country": "Nepal", "licence": "1023/071",
        "list": "Suspended agencies", "listed_on": "2026-02-01", "reason": "Fees", "source": "https://labour.example/list",
    }  # fmt: skip
    entry = get_only_entry(parse_custom(row))
    assert (entry.kind, entry.names, entry.countries) == (
        "agency",
        ("Everest Manpower", "Everest Crew", "एभरेष्ट"),
        ("NP",),
    )
    assert (entry.licences, entry.list, entry.listed_on) == (("1023/071",), "Suspended agencies", "2026-02-01")
    assert (entry.reason, entry.source) == ("Fees", "https://labour.example/list")


def test_only_the_name_is_required_and_na_is_namibia():
    assert [e.names for e in read_watchlist(b"Name\nBlue Pier\n", "a.csv").entries] == [("Blue Pier",)]
    assert get_only_entry(parse_custom({"name": "Blue Pier", "country": "NA"})).countries == ("NA",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_detected(delimiter: str):
    watchlist = parse_custom({"name": "Blue Pier", "kind": "company", "country": "TH"}, delimiter=delimiter)
    assert get_only_entry(watchlist).countries == ("TH",)


def test_other_encodings_are_read():
    text = "name;country\nPêche Océane;FR\nGonçalves Irmãos;PT\nMüller Großküchen;DE\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert [e.names[0] for e in read_watchlist(text.encode(encoding), "a.csv").entries] == [
            "Pêche Océane", "Gonçalves Irmãos", "Müller Großküchen",
        ]  # fmt: skip


INVALID_ROWS = {
    "watchlist.no_name": {"name": "", "country": "TH"},
    "watchlist.kind": {"name": "B", "kind": "ship"},
    "country.unknown": {"name": "B", "country": "Narnia"},
    "watchlist.twice": {"name": "Good  One"},
    "watchlist.characters": {"name": "B\x07"},
}


@pytest.mark.parametrize("code", INVALID_ROWS)
def test_an_invalid_row_is_rejected_with_its_number_and_a_fix(code: str):
    watchlist = parse_custom({"name": "Good One"}, INVALID_ROWS[code])
    assert (list_issues(watchlist), watchlist.rejected, watchlist.rows) == ([(code, "row 3")], 1, 2)
    assert [e.names[0] for e in watchlist.entries] == ["Good One"]
    assert watchlist.issues[0].cure


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("imo", "9074728", "identifier.invalid"),
        ("lei", "X" * 20, "identifier.invalid"),
        ("listed_on", "spring", "date.invalid"),
    ],
)
def test_an_invalid_value_is_left_out_and_reported(column: str, value: str, code: str):
    watchlist = parse_custom({"name": "Good One", column: value})
    assert (list_issues(watchlist), watchlist.rejected) == ([(code, "row 2")], 0)
    assert getattr(get_only_entry(watchlist), column) == ""


def test_identifiers_are_read_in_the_usual_notations():
    row = {"name": "Victoria", "kind": "vessel", "imo": "IMO 907-4729", "lei": f"lei: {LEI.lower()}"}
    entry = get_only_entry(parse_custom(row))
    assert (entry.imo, entry.lei) == (IMO, LEI)


def test_a_short_row_and_a_misquoted_row_are_rejected():
    data = b'name,country\nGood,TH\nShort\nGo"od "Two",TH\n"Wro"ng,TH\nLast,VN\n'
    watchlist = read_watchlist(data, "a.csv")
    assert list_issues(watchlist) == [("csv.field_count", "row 3"), ("csv.quoting", "row 5")]
    assert [e.names[0] for e in watchlist.entries] == ["Good", 'Go"od "Two"', "Last"]


def test_the_key_of_an_entry_depends_neither_on_spelling_nor_on_position():
    first, second = {"name": "Blue Pier", "country": "TH"}, {"name": "Star", "imo": IMO, "kind": "vessel"}
    respelt = parse_custom({**second, "name": "Star Two"}, {"name": "BLUE  PIER", "country": "Thailand"})
    assert {e.key for e in parse_custom(first, second).entries} == {e.key for e in respelt.entries}
    assert get_only_entry(parse_custom({**first, "country": "VN"})).key != get_only_entry(parse_custom(first)).key


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"colour,shape\nred,round\n", "no column called 'name'"),
        (b"name\n \n", "no data rows"),
        (b"name,kind\nA,ship\n", "not a kind of entry"),
    ],
)
def test_a_file_without_entries_is_unusable(data: bytes, message: str):
    with pytest.raises(UnusableSheet, match=message):
        read_watchlist(data, "a.csv")


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"%PDF-1.7", "a.csv", "file.type_mismatch"),
        (b"name\nA\n", "a.pdf", "file.type_not_allowed"),
        (b"PK\x03\x04", "a.xlsx", "archive.corrupt"),
        (b'name\n"A\n', "a.csv", "csv.unterminated_quote"),
        (b"", "a.csv", "file.empty"),
    ],
)
def test_a_file_that_is_not_a_text_table_is_refused(data: bytes, name: str, code: str):
    with pytest.raises(FileRefused) as caught:
        read_watchlist(data, name)
    assert caught.value.code == code


def test_a_workbook_is_refused_as_a_watchlist():
    with pytest.raises(FileRefused, match="a .csv file"):
        read_watchlist(workbook("| name |", "| Blue Pier |"), "a.xlsx")


def test_a_file_over_the_limits_is_refused():
    rows = build_table(*({"name": f"Company {number}"} for number in range(5)), columns=["name"])
    for limits in (Limits(bytes=20), Limits(rows=4)):
        with pytest.raises(FileRefused):
            read_watchlist(rows, "a.csv", limits)
    assert WATCHLIST_LIMITS.rows >= 300_000


def test_a_formula_is_read_as_plain_text():
    assert get_only_entry(parse_custom({"name": "=HYPERLINK(1)", "reason": "@SUM(A1)"})).names == ("=HYPERLINK(1)",)
