"""One supplier told of more than once: what stays of its answers, and how rows of one file are joined."""

from datetime import date
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.evidence import Belief
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess_batch
from service.assessment.models_in_force import in_force_on
from service.suppliers.identity import supplier_key, supplier_keys
from service.suppliers.merge_rules import get_risk_lookup, merge_answers, merge_duplicates

ON = date(2026, 11, 20)
SITE = get_risk_lookup("site", ON)
WHO = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
AUDITED = {"evidence_grade": "audit", "evidence_date": "2025-03-01", "answered_on": "2025-04-01"}
HELD, SAFE = {"papers_retention": "held"}, {"papers_retention": "worker_holds"}
FEEDING = [q for q in SITE.questions.values() if q.declinable and q.type == "choice"]


def again(before: dict, now: dict, came_in: date | None = None) -> dict:
    return merge_answers(before, now, SITE, "site", came_in)


def score(answers: dict, on: date = ON) -> float:
    batch = Batch("site", from_rows([answers]), "", "", np.array([1]))
    return float(assess_batch(batch, load_facts().as_of(on), on, {}).each("total")[0])


def belief(answers: dict, question: str, on: date = ON) -> float:
    """How far an answer is believed."""
    model = next(model for model in in_force_on(on) if model.id == "site_general")
    return float(Belief(from_rows([answers]), model, on).get_for_question(question)[0][0])


# ---------------------------------------------------------------- an entry of a list


def test_an_entry_of_a_list_leaves_every_answer_with_its_own_record_and_renews_who_and_where():
    pieces = [{"grade": "document", "date": "2025-02-01", "covers": ["papers_retention"]}]
    before = {**WHO, **SAFE, **AUDITED, "evidence": pieces, "form_returned": "2025-04-02", "imo": "9074729"}
    now = {
        **WHO,
        "name": "Blue Pier Foods",
        "city": "Ranong",
        "evidence_grade": "official",
        "evidence_date": "2026-11-19",
    }
    assert again(before, now) == {**before, "name": "Blue Pier Foods", "city": "Ranong"}


def test_answers_that_bear_no_day_grow_old_from_the_day_they_came_in_however_often_a_list_comes():
    stands = again({**WHO, **SAFE}, WHO, date(2025, 1, 15))
    assert stands == {**WHO, **SAFE, "answered_on": "2025-01-15"}
    assert again(stands, WHO, date(2026, 1, 1)) == stands
    assert belief(stands, "papers_retention") < belief({**WHO, **SAFE}, "papers_retention")


def test_a_denial_in_a_list_is_not_believed_by_the_evidence_of_older_answers():
    before = {**WHO, **SAFE, **AUDITED}
    assert again(before, {**WHO, "uses_agencies": "no"}) == before
    assert again({**WHO, "workers_total": 80}, {**WHO, "uses_agencies": "no"})["uses_agencies"] == "no"


def test_an_agency_that_a_list_names_undoes_an_older_denial():
    stands = again({**WHO, **SAFE, "uses_agencies": "no"}, {**WHO, "agencies": ["Swift Hands"]})
    assert "uses_agencies" not in stands
    assert stands["agencies"] == ["Swift Hands"]


# ---------------------------------------------------------------- answered anew


def test_new_answers_replace_the_earlier_ones_and_admitted_harm_stays_until_it_is_answered():
    before = {**WHO, **HELD, "violence": "none_asked", "movement": "declined", **AUDITED}
    now = again(before, {**WHO, "wage_payment": "on_time", "answered_on": "2026-11-01"})
    assert now == {**WHO, **HELD, "movement": "declined", "wage_payment": "on_time", "answered_on": "2026-11-01"}
    assert again(now, {**WHO, **SAFE, "movement": "free"}) == {**WHO, **SAFE, "movement": "free"}


def test_to_decline_is_no_answer_to_harm_that_was_admitted():
    assert again({**WHO, **HELD}, {**WHO, "papers_retention": "declined"})["papers_retention"] == "held"
    assert again({**WHO, **SAFE}, {**WHO, "papers_retention": "declined"})["papers_retention"] == "declined"


def test_a_declined_answer_is_no_harm_and_gives_way_to_the_next_answer_though_nobody_looked():
    assert not SITE.harms("recruitment_fees", "declined")
    declined = {**WHO, "recruitment_fees": "declined"}
    assert again(declined, {**WHO, "recruitment_fees": "not_known"})["recruitment_fees"] == "not_known"


def test_that_nobody_looked_is_no_answer_to_harm_that_was_admitted():
    unseen = {**WHO, "recruitment_fees": "not_known"}
    assert again({**WHO, "recruitment_fees": "most"}, unseen)["recruitment_fees"] == "most"
    assert again({**WHO, "recruitment_fees": "none_checked"}, unseen)["recruitment_fees"] == "not_known"
    assert again({**WHO, "recruitment_fees": "most"}, {**WHO, "recruitment_fees": "none"})["recruitment_fees"] == "none"


def test_what_workers_reported_stays_beside_new_answers_with_who_reported_it():
    before = {**WHO, "reported_harms": ["papers_retention"], "reported_by": "union"}
    told = {"reported_harms": ["papers_retention"], "reported_by": "union"}
    assert told.items() <= again(before, {**WHO, **SAFE}).items()
    anew = again(before, {**WHO, **SAFE, "reported_harms": ["violence"]})
    assert anew["reported_harms"] == ["violence"]
    assert "reported_by" not in anew


def test_what_identifies_a_supplier_stays_and_what_only_reassured_goes_with_its_evidence():
    who = {"owner": "Nine Herons Holding", "imo": "9074729", "agencies": ["Swift Hands"]}
    now = again({**WHO, **who, **AUDITED}, {**WHO, **SAFE})
    assert now == {**WHO, **who, **SAFE}
    assert "uses_agencies" not in again({**WHO, "uses_agencies": "no", **AUDITED}, {**WHO, **SAFE})


@given(
    before=st.dictionaries(st.sampled_from(FEEDING), st.integers(0, 20), max_size=8),
    record=st.sampled_from([{}, AUDITED, {"answered_on": "2024-01-01"}]),
    given_now=st.sampled_from([{}, AUDITED, {"evidence_grade": "official", "evidence_date": "2026-11-19"}]),
)
def test_no_list_moves_a_score(before: dict, record: dict, given_now: dict):
    said = {q.id: q.choices[k % len(q.choices)].code for q, k in before.items()}
    stood = {**WHO, **said, **record}
    assert score(again(stood, {**WHO, **given_now}, ON)) == score(stood)


# ---------------------------------------------------------------- rows of one file


def one(*rows: dict) -> dict:
    return merge_duplicates(rows, SITE, "site").answers


def test_of_contradictory_answers_the_riskier_stands_in_whichever_order_the_rows_come():
    rows = ({**WHO, **HELD}, {**WHO, **SAFE}, {**WHO, "papers_retention": "declined"})
    for order in permutations(rows):
        told = merge_duplicates(order, SITE, "site")
        assert told.answers == {**WHO, **HELD}
        assert told.contradicted == ("papers_retention",)
    assert one(rows[1], rows[2])["papers_retention"] == "declined"


def test_a_declined_answer_never_stands_over_harm_however_slight_the_harm_is():
    admitted, declined = {**WHO, "grievance_channel": "unused"}, {**WHO, "grievance_channel": "declined"}
    assert SITE.risk("grievance_channel", "unused") == 0.5, "the least that admits harm"
    assert one(admitted, declined) == one(declined, admitted) == admitted


def test_rows_that_say_more_are_put_together_and_what_differs_is_named():
    rows = (
        {**WHO, "agencies": ["Swift Hands"]},
        {**WHO, "name": "Blue Pier", "agencies": ["Fern"], "migrant_pct": 5.0},
    )
    told = merge_duplicates((*rows, {**WHO, "migrant_pct": 60.0}), SITE, "site")
    assert told.answers == {**WHO, "agencies": ["Swift Hands", "Fern"], "migrant_pct": 60.0}
    assert (told.contradicted, told.differing) == ((), ("name", "migrant_pct"))


@pytest.mark.parametrize(("denied", "other"), [("no", "yes"), ("no", "declined")])
def test_of_a_denial_and_anything_else_the_other_stands_in_whichever_order_the_rows_come(denied: str, other: str):
    rows = {**WHO, "uses_agencies": denied}, {**WHO, "uses_agencies": other}
    assert one(*rows)["uses_agencies"] == one(*rows[::-1])["uses_agencies"] == other


def test_evidence_of_one_row_does_not_stand_behind_what_only_another_says():
    told = one({**WHO, **SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"}, {**WHO, "movement": "free"})
    alone = {**WHO, "movement": "free"}
    assert belief(told, "movement") == belief(alone, "movement")
    assert belief(told, "papers_retention") > belief(alone, "movement")


def test_rows_joined_are_as_old_as_the_oldest_of_them():
    told = one({**WHO, **SAFE, "answered_on": "2024-01-01"}, {**WHO, "movement": "free", "answered_on": "2026-11-01"})
    assert told["answered_on"] == "2024-01-01"


def test_one_row_alone_is_what_it_was():
    row = {**WHO, **HELD, **AUDITED, "evidence": [{"grade": "document", "date": "2026-01-01"}]}
    assert one(row) == row
    assert one(row, row) == row


@pytest.mark.parametrize(
    "row",
    [
        {"reference": "S 1", "imo": "9074729"},
        {"imo": "9074729", "lei": "X"},
        {"licence_number": "L/1", "country": "NP", "name": "A"},
        {"name_local": "株式会社", "country": "JP", "address": "1-2"},
        {"imo": "declined", "name": "A"},
    ],
)
def test_many_suppliers_get_the_keys_that_each_gets_alone(row: dict):
    other = {"name": "Somebody else"}
    assert supplier_keys(from_rows([other, row])) == [supplier_key(other), supplier_key(row)]


ALPHA = {"name": "Alpha Works", "country": "NP", "address": "1 Long Road"}


@pytest.mark.parametrize(
    ("one_row", "other_row", "is_one"),
    [
        ({"reference": "S-1", **ALPHA}, {"reference": "s 1", "name": "Beta"}, True),
        ({"reference": "S-1", **ALPHA}, {"reference": "S-2", **ALPHA}, False),
        ({"imo": "9074729", "country": "PA"}, {"imo": "9074729", "country": "TH", "name": "Renamed"}, True),
        ({"licence_number": "L/1", "country": "NP"}, {"licence_number": "L/1", "country": "NP", "name": "Kite"}, True),
        ({"licence_number": "L/1", "country": "NP"}, {"licence_number": "L/1", "country": "BD"}, False),
        ({"registration_number": "77", "country": "NP"}, {"registration_number": "77", "country": "BD"}, False),
        ({"imo": "declined", **ALPHA}, {"imo": "declined", "name": "Beta Works", "country": "NP"}, False),
        ({"imo": "cannot_apply", **ALPHA}, ALPHA, True),
        (ALPHA, {**ALPHA, "name": "ALPHA WORKS"}, True),
        (ALPHA, {**ALPHA, "address": "2 Long Road"}, False),
        (ALPHA, {**ALPHA, "country": "BD"}, False),
    ],
)
def test_a_supplier_is_found_by_its_reference_else_a_number_in_its_register_else_name_and_place(
    one_row: dict, other_row: dict, is_one: bool
):
    assert (supplier_key(one_row) == supplier_key(other_row)) is is_one
