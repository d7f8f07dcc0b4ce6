"""Screening: what is planted is found, what only looks alike is not, and a match says why."""

import csv
import random
import re
import unicodedata

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.screening.matching import Entry, Match, Party, Watchlist, compared_number
from risk_models.screening.names import HERE, likeness, rules, words
from tests.test_risk_models.invented import CHANGES, a_name, names, with_a_suffix

ENTRIES = 2000
LISTED = names(ENTRIES)


@pytest.fixture(scope="module")
def watchlist() -> Watchlist:
    return Watchlist(Entry(str(at), "company", (name,), ("TH",)) for at, name in enumerate(LISTED))


def site(*given: str, **more: object) -> Party:
    return Party("site", given, **more)


def screen(entries: list[Entry], *parties: Party) -> list[Match]:
    return Watchlist(entries).screen(parties)


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_planted_in_a_list_is_found(watchlist: Watchlist, change: str):
    draw = random.Random(20)
    found = 0
    for at in (tried := draw.sample(range(ENTRIES), 500)):
        given = CHANGES[change](LISTED[at], draw)
        found += str(at) in {match.key for match in watchlist.screen([site(given, countries=("TH",))])}
    assert found / len(tried) >= 0.98


def test_a_name_that_is_on_no_list_matches_almost_nothing(watchlist: Watchlist):
    others = [name for name in names(1500, seed=99) if name not in LISTED]
    assert sum(bool(watchlist.screen([site(name)])) for name in others) / len(others) <= 0.005


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
def test_names_of_two_companies_do_not_match(given: str, listed: str):
    assert screen([Entry("1", "", (listed,), ("TH",))], site(given, countries=("TH",))) == []
    assert likeness(words(given), words(listed)).score < rules().at_least


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
def test_one_company_in_two_spellings_matches(given: str, listed: str):
    assert [match.key for match in screen([Entry("1", "company", (listed,))], site(given))] == ["1"]


IMO, LEI = "9074729", "5493001KJTIIGC8Y1R12"


@pytest.mark.parametrize(
    ("by", "more", "countries"),
    [
        ("imo", {"imo": IMO}, "agree"),
        ("lei", {"lei": LEI}, "agree"),
        ("licence", {"licences": ("CR-1023/9",)}, "agree"),
    ],
)
def test_an_identifier_goes_before_every_name(by: str, more: dict[str, object], countries: str):
    entry = Entry("1", "company", ("Quite Another Name",), ("NP",), **more)
    found = screen([entry], Party("vessel", ("Blue Pier",), ("NP",), **more))
    assert [(match.by, match.countries) for match in found] == [(by, countries)]
    assert found[0].score < 0.5


def test_a_licence_number_counts_in_its_own_country_alone():
    entry = Entry("1", "agency", ("Everest Manpower",), ("NP",), licences=("1023",))
    assert screen([entry], Party("agency", ("Blue Pier",), ("BD",), licences=("1023",))) == []
    assert screen([entry], Party("agency", ("Blue Pier",), licences=("1023",))) == []


@pytest.mark.parametrize(
    ("number", "compared"), [("No. 12/345", "no12345"), ("A-1", ""), ("licence", ""), ("٠١٢٣", "٠١٢٣")]
)
def test_a_number_that_tells_too_little_is_not_compared(number: str, compared: str):
    assert compared_number(number) == compared


@pytest.mark.parametrize(("which", "other"), [("imo", "9321483"), ("lei", "213800D1EI4B9WTWWD28")])
def test_two_different_identifiers_are_two_whatever_the_name(which: str, other: str):
    mine = {"imo": IMO, "lei": LEI}[which]
    entry = Entry("1", "vessel", ("Victoria",), **{which: mine})
    assert screen([entry], Party("vessel", ("Victoria",), **{which: other})) == []
    assert len(screen([entry], Party("vessel", ("Victoria",)))) == 1


def test_what_looks_alike_counts_less_where_the_countries_differ():
    entry = Entry("1", "company", ("Chodin Foods",), ("VN",))
    assert [match.countries for match in screen([entry], site("Chodim Foods", countries=("VN",)))] == ["agree"]
    assert [match.countries for match in screen([entry], site("Chodim Foods"))] == ["unknown"]
    assert screen([entry], site("Chodim Foods", countries=("TH",))) == []
    assert [match.countries for match in screen([entry], site("Chodin Foods", countries=("TH",)))] == ["differ"]


def test_a_match_says_which_names_and_which_words():
    entry = Entry("7", "company", ("Something Else", "Blue Peir Fishing"), ("TH",))
    owner = Party("owner", ("BLUE PIER FISHING CO LTD",), ("TH",))
    [match] = screen([entry], site("Star Ocean"), owner)
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
def test_each_role_is_compared_with_what_can_be_in_it(role: str, kind: str, matches: bool):
    assert bool(screen([Entry("1", kind, ("Victoria Amaranth",))], Party(role, ("Amaranth Victoria",)))) == matches


def test_an_empty_list_and_an_empty_name_match_nothing():
    assert screen([], site("Blue Pier")) == []
    assert screen([Entry("1", "company", ("!!!", "Blue Pier"))], site("", "---")) == []


def test_of_several_reasons_for_one_entry_the_strongest_is_told():
    entry = Entry("1", "", ("Blue Pier Fishing",), ("TH",), imo=IMO)
    vessel = Party("vessel", ("Star Ocean",), imo=IMO)
    assert [match.by for match in screen([entry], Party("owner", ("Blue Pier Fishing",)), vessel)] == ["imo"]


@examples(25)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_a_list_and_of_the_parties_changes_nothing(seed: int, order: random.Random):
    draw = random.Random(seed)
    listed = [a_name(draw) for _ in range(30)]
    entries = [Entry(str(at), draw.choice(("company", "")), (name,), ("TH",)) for at, name in enumerate(listed)]
    parties = [site(with_a_suffix(draw.choice(listed), draw)), Party("owner", (draw.choice(listed),), ("VN",))]
    told = screen(entries, *parties)
    assert told
    order.shuffle(entries)
    assert screen(entries, *parties[::-1]) == told


@examples(200)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared_either_way_round(a: str, b: str):
    forth, back = likeness(words(a), words(b)), likeness(words(b), words(a))
    assert forth.score == pytest.approx(back.score)
    assert 0 <= forth.score <= 1
    told = words(a)
    assert not told or likeness(told, told).score == pytest.approx(1)
    assert words(unicodedata.normalize("NFD", a).upper().lower()) == words(
        unicodedata.normalize("NFC", a).upper().lower()
    )


@pytest.mark.parametrize("name", ["Company Limited", "S.A.", "บริษัท จำกัด"])
def test_a_name_of_legal_forms_alone_keeps_them(name: str):
    assert words(name)


def test_every_word_of_the_lexicon_stands_once_with_its_kind_and_source():
    with (HERE / "name_words.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"form", "affix", "joiner", "common", "place"}
    assert len({row["word"] for row in rows}) == len(rows)
    assert all(row["source"] and row["where"] for row in rows)
    compared = [row["word"] for row in rows if row["kind"] != "affix"]
    assert [word for word in compared if not re.fullmatch("[a-z0-9]+( [a-z0-9]+)*", word)] == []
