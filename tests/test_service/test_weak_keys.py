"""Test that remarks and shared numbers identify no supplier, and that a number under another name is asked about."""

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from sheets import workbook

from service.db.session import Database
from service.suppliers.identity import identify_rows, supplier_key
from service.suppliers.key_grades import find_weakness


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def make_list(*rows: tuple[str, str], header: str = "Registration number") -> bytes:
    """Return a workbook with a site in each row: its name and its number."""
    lines = [f"| {name} | {number} | Thailand | 1020 |" for name, number in rows]
    return workbook("\n".join([f"| Site name | {header} | Country | Sector |", "|---|---|---|---|", *lines]))


def list_names(portal: Portal) -> list[str]:
    return sorted(one["name"] for one in portal.get("/suppliers").json["items"])


REMARKS = [
    "applied for", "Exempt", "see attached", "yes", "#", "1.05536E+11", "อยู่ระหว่างดำเนินการ", "đang chờ", "dalam proses", "申请中",
    "قيد التسجيل", "в процессе", "प्रक्रिया में", "applied for 03/2026", "em andamento", "en trámite", "sedang diproses",
]  # fmt: skip


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_in_place_of_a_number_identifies_nobody(remark: str):
    rows = [{"name": name, "country": "TH", "registration_number": remark} for name in ("Alder Nets", "Birch Foods")]
    assert len(set(map(supplier_key, rows))) == 2
    assert find_weakness("registration_number", remark)


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("registration_number", "0105536000011"),
        ("licence_number", "L/1"),
        ("reference", "ALDER"),
        ("reference", "1E5"),
        ("registration_number", "๐๑๐๕๕"),
        ("lei", "529900T8BM49AURSDO55"),
    ],
)
def test_an_actual_number_identifies_a_supplier(question: str, number: str):
    assert find_weakness(question, number) is None
    rows = [{"name": name, "country": "TH", question: number} for name in ("Blue Pier", "Blue Pier Foods")]
    assert len(set(map(supplier_key, rows))) == 1


@pytest.mark.parametrize(
    ("remark", "code"),
    [("applied for", "key.remark"), ("see attached", "key.remark"), ("1.05536E+11", "key.lost_digits")],
)
def test_a_second_list_with_the_same_remark_renames_nobody(portal: Portal, remark: str, code: str):
    portal.import_file("a.xlsx", make_list(("Alder Nets", remark)))
    told = portal.import_file("b.xlsx", make_list(("Birch Foods", remark)))
    assert list_names(portal) == ["Alder Nets", "Birch Foods"]
    (issue,) = [issue for issue in told["issues"] if issue["code"].startswith("key.")]
    assert (issue["code"], issue["severity"], issue["seen"], issue["cell"]) == (code, "info", remark, "B2")


def test_companies_with_a_remark_are_recognised_by_name_and_place_in_the_next_list(portal: Portal):
    data = make_list(("Alder Nets", "exempt"), ("Birch Foods", "exempt"))
    portal.import_file("a.xlsx", data)
    portal.import_file("a.xlsx", data)
    assert list_names(portal) == ["Alder Nets", "Birch Foods"]


def test_a_number_that_several_names_share_identifies_none_of_them(portal: Portal):
    data = make_list(("Alder Nets", "0105536"), ("Birch Foods", "0105536"), ("Birch Foods Ltd", "77"))
    told = portal.import_file("a.xlsx", data)
    assert list_names(portal) == ["Alder Nets", "Birch Foods", "Birch Foods Ltd"]
    (issue,) = [issue for issue in told["issues"] if issue["code"] == "key.shared"]
    assert (issue["seen"], issue["cells"]) == ("0105536", ["B2", "B3"])
    portal.import_file("a.xlsx", data)
    assert len(list_names(portal)) == 3


def test_a_registration_of_a_company_identifies_none_of_its_sites_at_different_addresses():
    company = {"name": "Alder Nets", "country": "TH", "registration_number": "0105536"}
    rows = [{**company, "address": address} for address in ("9 Dock Road, Ranong", "70 Hill Street, Chiang Mai")]
    assert len({row_key.key for row_key in identify_rows(rows)}) == 2
    reworded = [{**company, "address": address} for address in ("9 Dock Road, Ranong", "Ranong, No. 9 Dock Rd.")]
    assert len({row_key.key for row_key in identify_rows(reworded)}) == 1


@pytest.mark.parametrize("header", ["Registration number", "Reference"])
def test_a_number_of_a_stored_supplier_under_another_name_overwrites_nobody(portal: Portal, header: str):
    portal.import_file("a.xlsx", make_list(("Alder Nets", "0105536"), header=header))
    for _ in range(2):
        told = portal.import_file("b.xlsx", make_list(("Birch Foods", "0105536"), header=header))
        assert list_names(portal) == ["Alder Nets", "Birch Foods"]
    (issue,) = [issue for issue in told["issues"] if issue["code"] == "key.other_name"]
    assert issue["seen"] == "'Birch Foods' (stored: 'Alder Nets')"


@pytest.mark.parametrize("name", ["ALDER NETS CO., LTD.", "Alder Net", "Alder Nets (Thailand)", "บริษัท อัลเดอร์ จำกัด"])
def test_a_number_under_another_spelling_of_the_name_still_finds_the_supplier(portal: Portal, name: str):
    portal.import_file("a.xlsx", make_list(("Alder Nets", "0105536")))
    portal.import_file("b.xlsx", make_list((name, "0105536")))
    assert list_names(portal) == [name]


def test_a_shared_number_still_finds_the_supplier_that_has_it(portal: Portal):
    portal.import_file("a.xlsx", make_list(("Alder Nets", "0105536")))
    portal.import_file("b.xlsx", make_list(("Birch Foods", "0105536"), ("Alder Nets", "0105536")))
    assert list_names(portal) == ["Alder Nets", "Birch Foods"]


def test_a_put_under_a_remark_is_refused(portal: Portal):
    response = portal.put("/suppliers/pending", {"name": "Alder Nets", "country": "TH", "sector": ["1020"]})
    assert (response.status_code, response.json["code"]) == (422, "reference.empty")
