"""Test that the rows of a new edition are matched with suppliers although names and addresses are written in another way."""

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from sheets import workbook

from service.db.session import Database
from service.suppliers.editions import is_renumbered
from service.suppliers.left_over import pair_left_over
from service.suppliers.rewritten import match_rewritten

BEFORE = {
    "name": "Alder Nets Co., Ltd.",
    "country": "VN",
    "city": "Di An",
    "address": "Lot 5-C, Song Than IP, Di An, Binh Duong",
}
ELSEWHERE = {"city": "Hue", "address": "8 Nguyen Hue, Hue"}
SAME_NAME = {"name": "ALDER NETS LIMITED"}
REWORDED = {**SAME_NAME, "address": "Binh Duong, Di An Town, Song Than Industrial Park No. 5C"}
Rows = list[dict]


def match(rows: Rows, stored: Rows, taken: tuple[list[int], list[str]] = ([], [])) -> dict[int, str]:
    """Match rows with all stored suppliers, called A, B and so on; each changes what the first one says."""
    one = {at: {**BEFORE, **row} for at, row in enumerate(rows)}
    other = {chr(65 + at): {**BEFORE, **row} for at, row in enumerate(stored)}
    return match_rewritten(one, other, {at: set(other) for at in one if at not in taken[0]}, taken)


@pytest.mark.parametrize(
    "row",
    [
        REWORDED,
        {"address": "5-C Song Than"},
        {"address": "Song Than, Di An"},
        {"address": "P.O. Box 12, Lot 5-C, Song Than IP"},
        {"name": "Aldar Nets Co., Ltd."},
        {"address": None},
        {"address": "Lot 5-C, Song Than IP, Thuan An, Binh Duong", "postal_code": "75300"},
        {"address": "Lot 5-C, Sóng Thần, Vietnam"},
    ],
)
def test_a_row_that_says_nothing_else_is_the_supplier_that_is_gone(row: dict):
    assert match([{"postal_code": None, **row}], [{"postal_code": "75300"}]) == {0: "A"}


@pytest.mark.parametrize(
    "row",
    [
        {**SAME_NAME, **ELSEWHERE},
        {"name": "Alder Nets JSC"},
        {"name": "Alder Nets LLP"},
        {"name": "Alder Toys Co., Ltd."},
        {"name": "Alder Nets 2 Co., Ltd."},
        {"name": "Alder Van Nets Co., Ltd."},
        {"name": "Aldar Nets Co., Ltd.", "address": "Song Than, Di An"},
        {"address": "Lot 5-D, Song Than IP, Di An, Binh Duong"},
        {"address": "Lot 6, Song Than IP, Di An, Binh Duong"},
        {"address": "Lot 5-C, Song Than Industrial Park", "city": "Hue"},
        {"address": "Lot 5-C, Song Than IP, Thuan An, Binh Duong", "city": None},
        {"country": "TH"},
        {"tax_number": "0300-2"},
        {"registration_number": "12-2"},
        {"latitude": 16.5, "longitude": 107.6},
    ],
)
def test_a_row_that_may_be_somebody_else_is_not_matched(row: dict):
    more = {"tax_number": "0300-1", "registration_number": "12-1", "latitude": 10.9, "longitude": 106.7}
    assert match([row], [more]) == {}


@pytest.mark.parametrize(
    ("rows", "stored", "matched"),
    [
        ([REWORDED], [{}, ELSEWHERE], {0: "A"}),  # two factories of one company, of which one is gone
        ([REWORDED, {**SAME_NAME, **ELSEWHERE}], [{}, ELSEWHERE], {0: "A", 1: "B"}),
        ([REWORDED], [{}, {"address": "Lot 5-C, Song Than"}], {}),  # the row may be either
        ([REWORDED, SAME_NAME], [{}], {}),  # either row may be the supplier
        ([{"address": "Song Than, Di An"}], [{}, ELSEWHERE], {}),  # without a number, a third factory
        ([{"name": "Aldar Nets"}], [{}, {"name": "Alder Ne"}], {0: "A"}),
    ],
)
def test_a_row_is_matched_only_if_neither_can_be_another(rows: Rows, stored: Rows, matched: dict):
    assert match(rows, stored) == matched


def test_suppliers_that_both_lists_name_only_make_a_match_doubtful():
    assert match([REWORDED, {}], [{}], ([1], ["A"])) == {}
    assert match([{"address": "Song Than, Di An"}, {"address": "Lot 9, Song Than, Di An"}], [{}], ([1], [])) == {}
    assert match([REWORDED, ELSEWHERE], [{}, ELSEWHERE], ([1], ["B"])) == {0: "A"}


def test_two_rows_that_swap_names_are_not_matched():
    birch = {"name": "Birch Foods", **ELSEWHERE}
    assert match([{"name": "Birch Foods"}, {**ELSEWHERE}], [{}, birch]) == {}


def test_names_in_two_scripts_are_asked_about_by_the_numbers_of_the_address():
    gone = {"name": "บริษัท สยาม จำกัด", "country": "TH", "address": "213 ถ.พระราม 2", "workers_total": 87}
    new = {"name": "Siam Co., Ltd.", "country": "TH", "address": "213 Rama 2 Road", "workers_total": 87}
    other = {"name": "Birch Foods", "country": "TH", "address": "213 Rama 2 Road, Bangkok", "workers_total": 20}
    (pair,) = pair_left_over([other, new], [gone])
    assert (pair.new, pair.gone) == (1, 0)
    (pair,) = pair_left_over([other, {**new, "workers_total": None}], [gone])
    assert pair.new == 1  # the names sound alike
    assert pair_left_over([new, new], [gone]) == []


HEAD = "| Supplier ID | Site name | Country | City | Address |\n|---|---|---|---|---|\n"
FIRST = [
    f"V-{at} | {name} Co., Ltd. | Thailand | Rayong | {at} Rama Road, Rayong"
    for at, name in enumerate(("Alder Nets", "Birch Foods", "Cedar Toys", "Elm Textiles"), 11)
]
SECOND = [
    f"S-{at} | {name} Company Limited | Thailand | Rayong | Rama Rd. No. {at}"
    for at, name in enumerate(("Alder Nets", "Birch Foods", "Cedar Toys", "Fir Packing"), 11)
]


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def test_a_list_that_numbers_and_writes_its_suppliers_anew_doubles_nobody(portal: Portal):
    for rows in (FIRST, SECOND):
        imported = portal.import_file("list.xlsx", workbook(HEAD + "\n".join(f"| {row} |" for row in rows)))
    stored = {one["name"]: one["reference"] for one in portal.get("/suppliers").json["items"]}
    assert sorted(stored) == [
        "Alder Nets Company Limited",
        "Birch Foods Company Limited",
        "Cedar Toys Company Limited",
        "Elm Textiles Co., Ltd.",
        "Fir Packing Company Limited",
    ]
    assert stored["Alder Nets Company Limited"] == "S-11"
    counts = portal.get(f"/imports/{imported['id']}").json["edition"]["counts"]
    assert {state: n for state, n in counts.items() if n} == {"changed": 3, "new": 1, "gone": 1}
    again = portal.put("/suppliers/S-11", {"name": "Alder Nets", "country": "TH"})
    assert again.status_code == 200
    assert len(portal.get("/suppliers").json["items"]) == 5


def test_a_supplier_that_moved_on_a_list_that_is_numbered_anew_is_asked_about():
    moved = {**BEFORE, **ELSEWHERE, "reference": "S-11"}
    gone = {**BEFORE, "reference": "V-11"}
    assert pair_left_over([moved], [gone]) == []
    assert [pair.reason for pair in pair_left_over([moved], [gone], is_renumbered=True)] == ["same_name"]


@pytest.mark.parametrize(("numbered", "unchanged", "renumbered"), [(20, 0, True), (19, 5, False), (0, 0, False)])
def test_a_list_is_numbered_anew_if_nearly_all_references_changed(numbered: int, unchanged: int, renumbered: bool):
    change = {"question": "reference", "before": "V-1", "after": "S-1"}
    assert is_renumbered([[change]] * numbered, unchanged) == renumbered
