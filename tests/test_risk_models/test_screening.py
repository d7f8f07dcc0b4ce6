"""Screening: changed spellings of a listed name are found, different names are not, and a match gives its reasons."""

import csv
import random
import re
import unicodedata

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.screening.matching import ListedParty, Match, Party, WatchlistIndex, normalize_number
from risk_models.screening.names import SCREENING_FOLDER, compare_names, load_screening_rules, split_name
from tests.test_risk_models.company_names import CHANGES, add_legal_form, make_name, make_names

ENTRIES = 2000
LISTED = make_names(ENTRIES)


@pytest.fixture(scope="module")
def watchlist() -> WatchlistIndex:
    return WatchlistIndex(ListedParty(str(i), "company", (name,), ("TH",)) for i, name in enumerate(LISTED))


def build_site(*names: str, **fields: object) -> Party:
    return Party("site", names, **fields)


def screen(entries: list[ListedParty], *parties: Party) -> list[Match]:
    return WatchlistIndex(entries).screen(parties)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_spelling_of_a_listed_name_is_found(watchlist: WatchlistIndex, change: str):
    draw = random.Random(20)
    found = 0
    for position in (tried := draw.sample(range(ENTRIES), 500)):
        given = CHANGES[change](LISTED[position], draw)
        found += str(position) in {match.key for match in watchlist.screen([build_site(given, countries=("TH",))])}
    assert found / len(tried) >= 0.98


def test_an_unlisted_name_matches_almost_nothing(watchlist: WatchlistIndex):
    others = [name for name in make_names(1500, seed=99) if name not in LISTED]
    assert sum(bool(watchlist.screen([build_site(name)])) for name in others) / len(others) <= 0.005


DIFFERENT = [
    ("Blue Pier Seafood Co., Ltd.", "Blue Star Seafood Co., Ltd."),
    ("Golden Dragon Garments", "Golden Tiger Garments"),
    ("Golden Dragon Garments", "Golden Dragon Logistics"),
    ("Star Ocean 8", "Star Ocean 9"),
    ("Lu Yuan Yu 956", "Lu Yuan Yu 957"),
    ("Ocean Foods", "Green Ocean Foods"),
    ("Hai Feng Da Yang Yu Ye Leng Zang 8", "Hai Feng Da Yang Yu Ye Leng Zang 9"),
    ("Coral Unit7", "Coral Units"),
    ("Blue Sun Trading", "Blue Son Trading"),
    ("Company Limited", "Trading Limited"),
    ("Thai Union Packing Ltd", "Thai Onion Rings Ltd"),
    ("北京海洋渔业有限公司", "青岛海洋渔业有限公司"),
    ("ООО Северная Рыба", "ООО Южная Рыба"),
]


@pytest.mark.parametrize(("given", "listed"), DIFFERENT)
def test_names_of_different_companies_do_not_match(given: str, listed: str):
    assert screen([ListedParty("1", "", (listed,), ("TH",))], build_site(given, countries=("TH",))) == []
    assert compare_names(split_name(given), split_name(listed)).score < load_screening_rules().at_least


SAME = [
    ("Blue Pier Seafood", "BLUE PIER SEAFOOD Co., Ltd."),
    ("Blue Pier Seafood", "บริษัท Blue Pier Seafood จำกัด (มหาชน)"),
    ("PT. Laut Biru Tbk", "Laut Biru"),
    ("Công ty TNHH Hải Sản Biển Xanh", "HAI SAN BIEN XANH CO LTD"),
    ("ООО «Сахалин Рыба»", "Sakhalin Ryba LLC"),
    ("株式会社アオイ水産", "アオイ水産(株)"),
    ("北京海洋渔业有限公司", "Beijing Haiyang Yuye Co"),
    ("주식회사 동원산업", "동원산업㈜"),
    ("شركة النور للتوظيف ذ.م.م", "النور للتوظيف"),
    ("S. A. Gonçalves & Filhos, Lda.", "Goncalves e Filhos"),
    ("A B C Manpower Pvt. Ltd.", "ABC Manpower"),
    ("Bluepier Trading", "Blue Pier Trading LLC"),
    ("Großküchen Müller GmbH & Co. KG", "Grosskuchen Muller"),
    ("Quick Crew (Thailand) Ltd", "Quick Crew"),
]


@pytest.mark.parametrize(("given", "listed"), SAME)
def test_two_spellings_of_the_same_company_match(given: str, listed: str):
    assert [match.key for match in screen([ListedParty("1", "company", (listed,))], build_site(given))] == ["1"]


IMO, LEI = "9074729", "5493001KJTIIGC8Y1R12"


@pytest.mark.parametrize(
    ("by", "identifiers", "countries"),
    [
        ("imo", {"imo": IMO}, "agree"),
        ("lei", {"lei": LEI}, "agree"),
        ("licence", {"licences": ("CR-1023/9",)}, "agree"),
    ],
)
def test_an_identifier_takes_precedence_over_names(by: str, identifiers: dict[str, object], countries: str):
    entry = ListedParty("1", "company", ("Quite Another Name",), ("NP",), **identifiers)
    found = screen([entry], Party("vessel", ("Blue Pier",), ("NP",), **identifiers))
    assert [(match.by, match.countries) for match in found] == [(by, countries)]
    assert found[0].score < 0.5


def test_a_licence_number_counts_only_in_its_own_country():
    entry = ListedParty("1", "agency", ("Everest Manpower",), ("NP",), licences=("1023",))
    assert screen([entry], Party("agency", ("Blue Pier",), ("BD",), licences=("1023",))) == []
    assert screen([entry], Party("agency", ("Blue Pier",), licences=("1023",))) == []


@pytest.mark.parametrize(
    ("number", "compared"), [("No. 12/345", "no12345"), ("A-1", ""), ("licence", ""), ("٠١٢٣", "٠١٢٣")]
)
def test_a_number_that_is_too_short_or_has_no_digit_is_not_compared(number: str, compared: str):
    assert normalize_number(number) == compared


@pytest.mark.parametrize(("kind", "other"), [("imo", "9321483"), ("lei", "213800D1EI4B9WTWWD28")])
def test_different_identifiers_exclude_a_match_by_name(kind: str, other: str):
    identifier = {"imo": IMO, "lei": LEI}[kind]
    entry = ListedParty("1", "vessel", ("Victoria",), **{kind: identifier})
    assert screen([entry], Party("vessel", ("Victoria",), **{kind: other})) == []
    assert len(screen([entry], Party("vessel", ("Victoria",)))) == 1


def test_similar_names_need_more_agreement_where_the_countries_differ():
    entry = ListedParty("1", "company", ("Chodin Foods",), ("VN",))
    assert [match.countries for match in screen([entry], build_site("Chodim Foods", countries=("VN",)))] == ["agree"]
    assert [match.countries for match in screen([entry], build_site("Chodim Foods"))] == ["unknown"]
    assert screen([entry], build_site("Chodim Foods", countries=("TH",))) == []
    assert [match.countries for match in screen([entry], build_site("Chodin Foods", countries=("TH",)))] == ["differ"]


def test_a_match_gives_the_names_and_the_words_that_agree():
    entry = ListedParty("7", "company", ("Something Else", "Blue Peir Fishing"), ("TH",))
    owner = Party("owner", ("BLUE PIER FISHING CO LTD",), ("TH",))
    [match] = screen([entry], build_site("Star Ocean"), owner)
    assert (match.key, match.by, match.role, match.given, match.listed) == (
        "7", "name", "owner", "BLUE PIER FISHING CO LTD", "Blue Peir Fishing",
    )  # fmt: skip
    assert match.agreed == (("blue", "blue"), ("pier", "peir"), ("fishing", "fishing"))
    assert 0.88 <= match.score < 1


@pytest.mark.parametrize(
    ("role", "kind", "matches"),
    [
        ("site", "person", False), ("owner", "person", True), ("vessel", "company", False), ("vessel", "vessel", True),
        ("site", "vessel", False), ("agency", "agency", True), ("site", "", True), ("vessel", "", True),
    ],
)  # fmt: skip
def test_a_role_is_compared_only_with_possible_kinds_of_entry(role: str, kind: str, matches: bool):
    assert (
        bool(screen([ListedParty("1", kind, ("Victoria Amaranth",))], Party(role, ("Amaranth Victoria",)))) == matches
    )


def test_an_empty_list_and_an_empty_name_match_nothing():
    assert screen([], build_site("Blue Pier")) == []
    assert screen([ListedParty("1", "company", ("!!!", "Blue Pier"))], build_site("", "---")) == []


def test_an_entry_is_reported_once_with_its_strongest_match():
    entry = ListedParty("1", "", ("Blue Pier Fishing",), ("TH",), imo=IMO)
    vessel = Party("vessel", ("Star Ocean",), imo=IMO)
    assert [match.by for match in screen([entry], Party("owner", ("Blue Pier Fishing",)), vessel)] == ["imo"]


@examples(25)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_entries_and_parties_does_not_matter(seed: int, order: random.Random):
    draw = random.Random(seed)
    listed = [make_name(draw) for _ in range(30)]
    entries = [ListedParty(str(i), draw.choice(("company", "")), (name,), ("TH",)) for i, name in enumerate(listed)]
    parties = [build_site(add_legal_form(draw.choice(listed), draw)), Party("owner", (draw.choice(listed),), ("VN",))]
    matches = screen(entries, *parties)
    assert matches
    order.shuffle(entries)
    assert screen(entries, *parties[::-1]) == matches


@examples(200)
@given(st.text(max_size=60), st.text(max_size=60))
def test_comparing_any_two_texts_is_symmetric(a: str, b: str):
    forth, back = compare_names(split_name(a), split_name(b)), compare_names(split_name(b), split_name(a))
    assert forth.score == pytest.approx(back.score)
    assert 0 <= forth.score <= 1
    name = split_name(a)
    assert not name or compare_names(name, name).score == pytest.approx(1)
    assert split_name(unicodedata.normalize("NFD", a).upper().lower()) == split_name(
        unicodedata.normalize("NFC", a).upper().lower()
    )


@pytest.mark.parametrize("name", ["Company Limited", "S.A.", "บริษัท จำกัด"])
def test_a_name_of_legal_forms_alone_keeps_them(name: str):
    assert split_name(name)


def test_every_word_of_the_lexicon_is_listed_once_with_its_kind_and_source():
    with (SCREENING_FOLDER / "name_words.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"form", "affix", "joiner", "common", "place"}
    assert len({row["word"] for row in rows}) == len(rows)
    assert all(row["source"] and row["where"] for row in rows)
    compared = [row["word"] for row in rows if row["kind"] != "affix"]
    assert [word for word in compared if not re.fullmatch("[a-z0-9]+( [a-z0-9]+)*", word)] == []
