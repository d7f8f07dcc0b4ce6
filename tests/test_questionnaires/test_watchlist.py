"""Watchlists as they are read: what is taken, what is left, what is rejected with its row and a cure."""

import csv
from io import StringIO

import pytest

from questionnaires.issues import Unusable
from questionnaires.limits import Limits, Refused
from questionnaires.watchlist import DOOR, Listed, Listing, read
from tests.sheets import workbook

COLUMNS = (
    "id schema name aliases birth_date countries addresses identifiers sanctions phones emails program_ids dataset first_seen"
    " last_seen last_change"
).split()
IMO, LEI = "9074729", "5493001KJTIIGC8Y1R12"


def table(*rows: dict[str, str], columns: list[str] = COLUMNS, parted_by: str = ",") -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=parted_by)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def target(**cells: str) -> dict[str, str]:
    return {"id": "NK-1", "schema": "Company", "name": "Blue Pier Fishing", "dataset": "Sanctions", **cells}


def own(*rows: dict[str, str], **more: object) -> Listing:
    columns = "name aliases kind country imo lei licence list listed_on reason source".split()
    return read(table(*rows, columns=columns, **more), "held.csv")


def only(listing: Listing) -> Listed:
    [entry] = listing.entries
    return entry


def told(listing: Listing) -> list[tuple[str, str]]:
    return [(one.code, one.cell) for one in listing.issues]


def test_a_target_of_opensanctions_becomes_an_entry():
    row = target(
        aliases='Blue Pier;"Pier; Blue"',
        countries="th;suhh;tw",
        identifiers=f"TIN-0105551;{LEI};{IMO}",
        sanctions="Bans on fishing - 2024-05-01",
    )
    listing = read(table(row), "targets.simple.csv")
    assert (listing.form, listing.rows, listing.rejected) == ("opensanctions", 1, 0)
    assert only(listing) == Listed(
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
    row = target(schema="Vessel", identifiers=f"IMO9074728;1234567;IMO {IMO};412345678")
    assert (only(read(table(row), "t.csv")).imo, only(read(table(row), "t.csv")).licences) == (IMO, ())


def test_birth_dates_phones_mails_and_addresses_are_never_taken():
    secret = {
        "birth_date": "1961-02-03",
        "phones": "+66 555 0101",
        "emails": "x@pier.example",
        "addresses": "5 Long Road",
    }
    for schema in ("Company", "Person", "Vessel"):
        told = repr(read(table(target(schema=schema, sanctions="Bans", identifiers="P-1234567", **secret)), "t.csv"))
        assert not [value for value in secret.values() if value in told]


def test_of_people_only_the_sanctioned_are_read_and_none_of_their_numbers():
    rows = (
        target(id="1", schema="Person", name="Ama Dako", sanctions="Bans", identifiers=f"P-1234567;{LEI}"),
        target(id="2", schema="Person", name="Bo Lund"),
        target(id="3", schema="Airplane"),
    )
    listing = read(table(*rows), "t.csv")
    assert only(listing) == Listed(
        key="1", kind="person", names=("Ama Dako",), list="Sanctions", reason="Bans",
        source="https://www.opensanctions.org/entities/1/",
    )  # fmt: skip
    assert dict(listing.left_out) == {"persons without a sanction": 1, "of kind Airplane": 1}


def test_a_table_of_ones_own_is_read_by_its_columns():
    row = {
        "name": "Everest Manpower", "aliases": "Everest Crew;एभरेष्ट", "kind": "Agency", "country": "Nepal", "licence": "1023/071",
        "list": "Suspended agencies", "listed_on": "2026-02-01", "reason": "Fees", "source": "https://labour.example/list",
    }  # fmt: skip
    entry = only(own(row))
    assert (entry.kind, entry.names, entry.countries) == (
        "agency",
        ("Everest Manpower", "Everest Crew", "एभरेष्ट"),
        ("NP",),
    )
    assert (entry.licences, entry.list, entry.listed_on) == (("1023/071",), "Suspended agencies", "2026-02-01")
    assert (entry.reason, entry.source) == ("Fees", "https://labour.example/list")


def test_a_name_alone_is_enough_and_namibia_is_a_country():
    assert [e.names for e in read(b"Name\nBlue Pier\n", "a.csv").entries] == [("Blue Pier",)]
    assert only(own({"name": "Blue Pier", "country": "NA"})).countries == ("NA",)


@pytest.mark.parametrize("parted_by", [",", ";", "\t"])
def test_the_sign_between_the_fields_is_found(parted_by: str):
    assert only(own({"name": "Blue Pier", "kind": "company", "country": "TH"}, parted_by=parted_by)).countries == (
        "TH",
    )


def test_other_encodings_and_what_excel_saves_are_read():
    text = "name;country\nPêche Océane;FR\nGonçalves Irmãos;PT\nMüller Großküchen;DE\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert [e.names[0] for e in read(text.encode(encoding), "a.csv").entries] == [
            "Pêche Océane", "Gonçalves Irmãos", "Müller Großküchen",
        ]  # fmt: skip


FAULTS = {
    "watchlist.no_name": {"name": "", "country": "TH"},
    "watchlist.kind": {"name": "B", "kind": "ship"},
    "country.unknown": {"name": "B", "country": "Narnia"},
    "watchlist.twice": {"name": "Good  One"},
    "watchlist.characters": {"name": "B\x07"},
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_row_that_cannot_be_read_is_rejected_with_its_number_and_a_cure(code: str):
    listing = own({"name": "Good One"}, FAULTS[code])
    assert (told(listing), listing.rejected, listing.rows) == ([(code, "row 3")], 1, 2)
    assert [e.names[0] for e in listing.entries] == ["Good One"]
    assert listing.issues[0].cure


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("imo", "9074728", "identifier.invalid"),
        ("lei", "X" * 20, "identifier.invalid"),
        ("listed_on", "spring", "date.invalid"),
    ],
)
def test_a_value_that_cannot_be_right_is_left_out_and_told(column: str, value: str, code: str):
    listing = own({"name": "Good One", column: value})
    assert (told(listing), listing.rejected) == ([(code, "row 2")], 0)
    assert getattr(only(listing), column) == ""


def test_identifiers_are_read_as_people_write_them():
    entry = only(own({"name": "Victoria", "kind": "vessel", "imo": "IMO 907-4729", "lei": f"lei: {LEI.lower()}"}))
    assert (entry.imo, entry.lei) == (IMO, LEI)


def test_a_short_row_and_one_quoted_wrongly_are_rejected():
    data = b'name,country\nGood,TH\nShort\nGo"od "Two",TH\n"Wro"ng,TH\nLast,VN\n'
    listing = read(data, "a.csv")
    assert told(listing) == [("csv.field_count", "row 3"), ("csv.quoting", "row 5")]
    assert [e.names[0] for e in listing.entries] == ["Good", 'Go"od "Two"', "Last"]


def test_an_entry_is_the_same_one_however_its_row_is_spelt_and_wherever_it_stands():
    first, other = {"name": "Blue Pier", "country": "TH"}, {"name": "Star", "imo": IMO, "kind": "vessel"}
    again = own({**other, "name": "Star Two"}, {"name": "BLUE  PIER", "country": "Thailand"})
    assert {e.key for e in own(first, other).entries} == {e.key for e in again.entries}
    assert only(own({**first, "country": "VN"})).key != only(own(first)).key


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"colour,shape\nred,round\n", "no column called name"),
        (b"name\n \n", "no row"),
        (b"name,kind\nA,ship\n", "no kind of entry"),
    ],
)
def test_a_file_without_entries_is_unusable(data: bytes, says: str):
    with pytest.raises(Unusable, match=says):
        read(data, "a.csv")


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
def test_what_is_no_table_of_text_is_refused(data: bytes, name: str, code: str):
    with pytest.raises(Refused) as caught:
        read(data, name)
    assert caught.value.code == code


def test_a_workbook_is_no_watchlist():
    with pytest.raises(Refused, match="a .csv file"):
        read(workbook("| name |", "| Blue Pier |"), "a.xlsx")


def test_more_than_is_read_is_refused():
    rows = table(*({"name": f"Company {at}"} for at in range(5)), columns=["name"])
    for limits in (Limits(bytes=20), Limits(rows=4)):
        with pytest.raises(Refused):
            read(rows, "a.csv", limits)
    assert DOOR.rows >= 300_000


def test_what_a_spreadsheet_would_run_is_only_text():
    assert only(own({"name": "=HYPERLINK(1)", "reason": "@SUM(A1)"})).names == ("=HYPERLINK(1)",)
