"""Test the two rules on listed goods since models 2026.5: an unknown word gains nothing, and one conduct counts once."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson
import pytest
from examples import invariant
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.facts.facts import FactSnapshot
from risk_models.model import load_models
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from tests.test_service.answers import COUNTRIES, FACTS, ON, SECTORS, Answers, answers
from tests.test_service.test_method_4_invariants import build_entry, build_facts

SMALL = 1e-9
MODELS = [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == "2026.5"]
TOTALS = ("score", "best", "worst", "worst_given")  # of all trades of a supplier
NUMBERS = (*TOTALS, "inherent")
sites = answers("site")
LISTED = ("BD", "14", "cotton shirts")  # a country, a sector and a product on the list of goods
unknown_words = st.sampled_from(["xq-7", "part 12", "item A", "..."])
IMPOSED = build_facts(
    build_entry("documented", country="TH", region="north"), build_entry("documented", country="BD", good="cotton")
)


def assess_rows(*rows: Answers, facts: FactSnapshot = FACTS) -> list[dict[str, Any]]:
    """Return the results of sites under the models of 2026.5."""
    batch = Batch("site", from_rows(rows), "s.xlsx", "Rows", np.arange(len(rows)) + 2)
    return [orjson.loads(row) for row in iter_result_json(assess([batch], facts, ON, MODELS)[-1], ON)]


def build_returned(row: Answers, **answers: Any) -> Answers:
    return {**row, "form_version": "site 2026.5", "form_returned": "2026-11-20", **answers}


@invariant(40)
@given(sites, unknown_words, st.sampled_from([FACTS, IMPOSED]))
def test_an_unknown_word_for_a_good_in_a_returned_form_scores_like_a_blank(
    row: Answers, word: str, facts: FactSnapshot
) -> None:
    blank, unknown = assess_rows(
        build_returned(row, product="declined"), build_returned(row, product=word), facts=facts
    )
    assert [unknown[name] for name in TOTALS] == [blank[name] for name in TOTALS]
    # Of several sectors the model with the worst level is shown, and the inherent risk is that of the model shown.
    assert unknown["inherent"] == blank["inherent"] or unknown["model"] != blank["model"]
    # Answers that were declined raise no level above high (method, section 3), and then "up to critical" is shown. A word that
    # nobody knows is an answer, so it may.
    assert unknown["level"] == blank["level"] or (blank["up_to"] and unknown["level"] == "critical")


def test_a_blank_that_changes_which_trade_is_shown_changes_nothing_but_its_inherent_risk() -> None:
    # As a blank, the product raises the electronics works no further than high, so its building work is shown, which is critical
    # without it. The difference to the higher score of the other trade is an uplift.
    row: Answers = {"name": "Invented Works", "country": "BD", "sector": ("F", "26"), "injury_cover": "none"}
    row |= {"overtime_voluntary": "declined"}
    blank, unknown = assess_rows(
        build_returned(row, product="declined"), build_returned(row, product="item A"), facts=IMPOSED
    )
    assert (blank["model"], unknown["model"]) == ("site_construction", "site_general")
    assert blank["inherent"] < unknown["inherent"]
    assert [unknown[name] for name in (*TOTALS, "level")] == [blank[name] for name in (*TOTALS, "level")]


@invariant(40)
@given(sites, unknown_words)
def test_an_unknown_word_in_a_list_of_our_own_scores_like_a_product_not_given(row: Answers, word: str) -> None:
    own = {question: answer for question, answer in row.items() if question not in ("product", "form_returned")}
    not_given, unknown = assess_rows(own, {**own, "product": word})
    assert [unknown[name] for name in (*NUMBERS, "level")] == [not_given[name] for name in (*NUMBERS, "level")]


def test_a_product_that_is_on_no_list_is_an_answer() -> None:
    country, sector, product = LISTED
    row = {"name": "Invented Mill", "country": country, "sector": (sector,)}
    blank, listed, ordinary = (
        result["score"]
        for result in assess_rows(*(build_returned(row, product=each) for each in ("declined", product, "packaging")))
    )
    assert ordinary < listed <= blank


@invariant(40)
@given(sites, st.sampled_from(COUNTRIES), st.sampled_from(SECTORS))
def test_a_listed_good_adds_nothing_where_imposed_labour_is_documented(row: Answers, country: str, sector: str) -> None:
    facts = build_facts(build_entry("documented", country=country))
    place = {**row, "country": country, "sector": (sector,)}
    without = {question: answer for question, answer in place.items() if question != "product"}
    plain, *named = assess_rows(
        without, *({**without, "product": each} for each in ("cotton shirts", "shrimp", "bricks")), facts=facts
    )
    for result in named:
        assert result["inherent"] <= plain["inherent"] + SMALL + _get_child_goods_points(result)
        assert sum(_list_points(result, "goods.forced_labour")) == 0.0


def _list_points(result: dict[str, Any], fact: str) -> list[float]:
    return [reason["points"] for reason in result["reasons"] if reason["indicator"].endswith(fact)]


def _get_child_goods_points(result: dict[str, Any]) -> float:
    """Return the points of goods listed for child labour, which is another conduct."""
    return sum(_list_points(result, "listed_child_goods"))


def test_cotton_from_xinjiang_is_counted_once() -> None:
    row = {"name": "Invented Farm", "country": "CN", "region": "Xinjiang", "sector": ("0116",)}
    cotton, plain = assess_rows({**row, "product": "cotton"}, row)
    assert cotton["score"] == pytest.approx(plain["score"])
    assert cotton["state_imposed"]["grade"] == "documented"
    elsewhere = {**row, "region": "Guangdong", "product": "cotton"}
    assert sum(_list_points(assess_rows(elsewhere)[0], "goods.forced_labour")) > 0


@invariant(40)
@given(sites, st.sampled_from(["cotton shirts", "shrimp", "bricks", "software"]))
def test_becoming_documented_still_lowers_nothing(row: Answers, product: str) -> None:
    country = str(row.get("country", "TH"))
    row = {**row, "country": country, "product": product}
    none, named, documented = (
        assess_rows(row, facts=build_facts(*entries))[0]
        for entries in ((), (build_entry("named", country=country),), (build_entry("documented", country=country),))
    )
    assume(none["model"] == named["model"] == documented["model"])  # the inherent risk is that of the model shown
    for before, after in ((none, named), (named, documented)):
        for number in NUMBERS:
            assert after[number] >= before[number] - SMALL, number
