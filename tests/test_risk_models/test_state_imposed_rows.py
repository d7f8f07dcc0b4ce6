"""The shipped table of labour imposed by states: what each row rests on, and which places, goods and senders it finds."""

from datetime import date

import pytest

from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.facts.state_imposed import GRADES, ImposedLabourFinder

ON = date(2026, 12, 1)
FACTS = load_facts()
SNAPSHOT = FACTS.as_of(ON)
ISIC = {name: good.isic for name, good in SNAPSHOT.goods.items()}


def find_grade(kind: str = "site", on: date = ON, **answers: object) -> str:
    """Return the grade that the table gives a supplier."""
    rows = FACTS.as_of(on).imposed_labour
    found = ImposedLabourFinder(from_rows([answers]), kind, rows, SNAPSHOT.regions, SNAPSHOT.find_goods, ISIC).find()
    return GRADES[int(found.grade[0])]


def test_every_row_has_a_publisher_a_source_and_a_quote() -> None:
    for row in FACTS.imposed_labour:
        assert all((row.publisher, row.source, row.quote)), row.id


def test_every_good_is_one_of_ours_and_every_region_is_listed() -> None:
    regions = {(region.country, region.id) for region in FACTS.regions}
    for row in FACTS.imposed_labour:
        assert not row.good or row.good in FACTS.goods, row.id
        assert not row.region or (row.country, row.region) in regions, row.id


def test_what_is_documented_or_named_was_seen_or_is_reported_by_two_sources() -> None:
    for row in FACTS.imposed_labour:
        text = f"{row.source} {row.publisher}"
        second_hand = "one second-hand source" in text or "not seen" in text
        assert row.grade == "note" or not second_hand, row.id


def test_all_34_provinces_of_china_are_listed_with_chinese_names_and_no_postcode_twice() -> None:
    china = [region for region in FACTS.regions if region.country == "CN"]
    assert len(china) == 34
    postcodes = [postcode for region in china for postcode in region.postcodes]
    assert len(postcodes) == len(set(postcodes))
    for region in china:
        assert any("\u4e00" <= letter <= "\u9fff" for name in region.names for letter in name), region.id
        assert region.postcodes or region.id == "taiwan"


def test_no_name_of_a_province_is_also_that_of_another() -> None:
    names: dict[str, str] = {}
    for region in FACTS.regions:
        for name in region.names:
            assert names.setdefault(name, region.id) == region.id, name


@pytest.mark.parametrize(
    ("expected", "answers"),
    [
        ("documented", {"country": "CN", "region": "Xinjiang", "sector": ["0116"], "product": "cotton"}),
        ("documented", {"country": "CN", "city": "Kashgar"}),
        ("documented", {"country": "CN", "city": "\u4e4c\u9c81\u6728\u9f50"}),
        ("documented", {"country": "CN", "postal_code": "830000"}),
        ("documented", {"country": "CN", "region": "Xizang"}),
        ("named", {"country": "CN", "region": "Guangdong"}),
        ("documented", {"country": "TM", "sector": ["0116"]}),
        ("documented", {"country": "TM", "sector": ["1312"], "product": "cotton yarn"}),
        ("documented", {"country": "TM", "sector": ["1410"], "product": "\u68c9"}),
        ("documented", {"country": "TM", "sector": ["1410"], "product": "pagta"}),
        ("documented", {"country": "TM", "sector": ["14"]}),
        ("documented", {"country": "TM", "sector": ["14"], "product": "clothes"}),
        ("named", {"country": "TM", "sector": ["14"], "product": "leather"}),
        ("named", {"country": "TM", "sector": ["01"], "product": "wheat"}),
        ("named", {"country": "TM", "sector": ["1410"], "product": "leather"}),
        ("named", {"country": "TM", "sector": ["41"], "product": "pagta"}),
        ("named", {"country": "TM", "sector": ["41"]}),
        ("documented", {"country": "KP", "sector": ["41"]}),
        ("documented", {"country": "ER", "sector": ["07"]}),
        ("documented", {"country": "PL", "sector": ["3011"], "worker_origin_countries": ["KP"]}),
        ("documented", {"country": "IT", "sector": ["8610"], "worker_origin_countries": ["CU", "PE"]}),
        ("none", {"country": "IT", "sector": ["5610"], "worker_origin_countries": ["CU"]}),
        ("named", {"country": "MM", "sector": ["1410"]}),
        ("named", {"country": "RU", "sector": ["41"]}),
        ("named", {"country": "BY", "sector": ["1610"]}),
        ("none", {"country": "BY", "sector": ["1410"]}),
        ("none", {"country": "AF", "sector": ["2392"]}),
        ("none", {"country": "KH", "sector": ["1410"]}),
        ("none", {"country": "SS"}),
        ("none", {"country": "UZ", "sector": ["0116"], "product": "cotton"}),
        ("none", {"country": "CU", "sector": ["01"]}),
    ],
)
def test_the_table_finds_what_is_documented_and_named(expected: str, answers: dict[str, object]) -> None:
    assert find_grade(**answers) == expected


def test_a_naming_holds_until_a_later_complete_list_omits_it() -> None:
    farm = {"country": "BY", "sector": ["01"]}
    days = (date(2020, 12, 31), date(2021, 12, 31), date(2024, 12, 31), ON)
    assert [find_grade(on=day, **farm) for day in days] == ["named", "none", "named", "named"]


def test_uzbek_cotton_was_documented_until_it_left_the_list() -> None:
    cotton = {"country": "UZ", "sector": ["0116"], "product": "cotton"}
    assert find_grade(on=date(2021, 6, 30), **cotton) == "documented"
    assert find_grade(on=date(2022, 9, 28), **cotton) == "none"


@pytest.mark.parametrize(
    "address",
    [
        "128 Urumqi Middle Road, Shanghai",
        "Tibet Road 7, Shanghai",
        "\u4e0a\u6d77\u5e02\u897f\u85cf\u4e2d\u8def1\u53f7",
        "Xinjiang Rd, Qingdao",
    ],
)
def test_a_street_named_after_a_region_is_not_in_it(address: str) -> None:
    assert find_grade(country="CN", address=address) == "named"


@pytest.mark.parametrize(
    "address",
    [
        "Nanjing Road 5, Urumqi",
        "Xinjiang, Korla, Beijing East Road 3",
        "\u65b0\u7586\u4e4c\u9c81\u6728\u9f50\u5e02\u5317\u4eac\u8def2\u53f7",
    ],
)
def test_a_street_named_after_another_city_does_not_hide_the_region(address: str) -> None:
    assert find_grade(country="CN", address=address) == "documented"


def test_a_returned_form_declines_only_the_place_of_the_site_itself() -> None:
    form = {"form_returned": "2026-11-30", "form_version": "site 2026.4"}
    assert find_grade(country="CN", city="Khorgos", **form) == "documented"
    assert find_grade(country="TH", flag="CN", region="Phuket", **form) == "named"
    agency = {"form_returned": "2026-11-30", "form_version": "agency 2026.4"}
    assert find_grade("agency", country="CN", city="Zhuji", **agency) == "named"
    assert find_grade("agency", country="NP", destination_countries=["CN"], region="Bagmati", **agency) == "named"
