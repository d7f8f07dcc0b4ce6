"""Test how new answers are merged into stored ones, and how duplicate rows of a file are merged."""

from datetime import date
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.validation.contradictions import list_contradictions_of
from risk_models.answers import DECLINED, from_rows
from risk_models.evidence import Belief
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess_batch
from service.assessment.models_in_force import list_models_in_force
from service.suppliers.identity import identify_rows, rekey_to_survivor, supplier_key, take_identity
from service.suppliers.imposed_labour import keep_documented_labour
from service.suppliers.merge_rules import get_risk_lookup, merge_answers, merge_duplicates
from service.suppliers.stored_answers import merge_with_stored

ON = date(2026, 11, 20)
SITE = get_risk_lookup("site", ON)
WHO = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
AUDITED = {"evidence_grade": "audit", "evidence_date": "2025-03-01", "answered_on": "2025-04-01"}
HELD, SAFE = {"papers_retention": "held"}, {"papers_retention": "worker_holds"}
FEEDING = [q for q in SITE.questions.values() if q.declinable and q.type == "choice"]


def merge(before: dict, now: dict, came_in: date | None = None) -> dict:
    return merge_answers(before, now, SITE, "site", came_in)


def score(answers: dict, on: date = ON) -> float:
    batch = Batch("site", from_rows([answers]), "", "", np.array([1]))
    return float(assess_batch(batch, load_facts().as_of(on), on, {}).get_scores("total")[0])


def belief(answers: dict, question: str, on: date = ON) -> float:
    """How far an answer is believed."""
    model = next(model for model in list_models_in_force(on) if model.id == "site_general")
    return float(Belief(from_rows([answers]), model, on).get_belief(question)[0][0])


# ---------------------------------------------------------------- an entry of a list


def test_a_list_entry_keeps_all_answers_and_evidence_and_updates_name_and_place():
    pieces = [{"grade": "document", "date": "2025-02-01", "covers": ["papers_retention"]}]
    before = {**WHO, **SAFE, **AUDITED, "evidence": pieces, "form_returned": "2025-04-02", "imo": "9074729"}
    now = {
        **WHO,
        "name": "Blue Pier Foods",
        "city": "Ranong",
        "evidence_grade": "official",
        "evidence_date": "2026-11-19",
    }
    assert merge(before, now) == {**before, "name": "Blue Pier Foods", "city": "Ranong"}


def test_undated_answers_age_from_their_import_however_often_a_list_is_imported():
    merged = merge({**WHO, **SAFE}, WHO, date(2025, 1, 15))
    assert merged == {**WHO, **SAFE, "answered_on": "2025-01-15"}
    assert merge(merged, WHO, date(2026, 1, 1)) == merged
    assert belief(merged, "papers_retention") < belief({**WHO, **SAFE}, "papers_retention")


def test_a_denial_in_a_list_is_not_supported_by_the_evidence_of_older_answers():
    before = {**WHO, **SAFE, **AUDITED}
    assert merge(before, {**WHO, "uses_agencies": "no"}) == before
    assert merge({**WHO, "workers_total": 80}, {**WHO, "uses_agencies": "no"})["uses_agencies"] == "no"


def test_an_agency_named_in_a_list_overrides_an_older_denial():
    merged = merge({**WHO, **SAFE, "uses_agencies": "no"}, {**WHO, "agencies": ["Swift Hands"]})
    assert "uses_agencies" not in merged
    assert merged["agencies"] == ["Swift Hands"]


# ---------------------------------------------------------------- answered anew


def test_new_answers_replace_earlier_ones_and_admitted_harm_is_kept_until_it_is_answered():
    before = {**WHO, **HELD, "violence": "none_asked", "movement": "declined", **AUDITED}
    now = merge(before, {**WHO, "wage_payment": "on_time", "answered_on": "2026-11-01"})
    assert now == {**WHO, **HELD, "movement": "declined", "wage_payment": "on_time", "answered_on": "2026-11-01"}
    assert merge(now, {**WHO, **SAFE, "movement": "free"}) == {**WHO, **SAFE, "movement": "free"}


@given(
    st.fixed_dictionaries(
        {}, optional={q.id: st.sampled_from([*(c.code for c in q.choices), "declined"]) for q in FEEDING[:12]}
    )
)
def test_a_row_that_comes_again_unchanged_changes_no_answer(answers: dict):
    row = {**WHO, **HELD, "answered_on": "2026-01-10", **answers}
    assert merge(row, row) == row


def test_declining_to_answer_does_not_undo_harm_that_was_admitted():
    assert merge({**WHO, **HELD}, {**WHO, "papers_retention": "declined"})["papers_retention"] == "held"
    assert merge({**WHO, **SAFE}, {**WHO, "papers_retention": "declined"})["papers_retention"] == "declined"


def test_a_declined_answer_is_replaced_by_the_next_answer_even_not_known():
    assert not SITE.admits_harm("recruitment_fees", "declined")
    declined = {**WHO, "recruitment_fees": "declined"}
    assert merge(declined, {**WHO, "recruitment_fees": "not_known"})["recruitment_fees"] == "not_known"


def test_not_known_does_not_undo_harm_that_was_admitted():
    not_known = {**WHO, "recruitment_fees": "not_known"}
    assert merge({**WHO, "recruitment_fees": "most"}, not_known)["recruitment_fees"] == "most"
    assert merge({**WHO, "recruitment_fees": "none_checked"}, not_known)["recruitment_fees"] == "not_known"
    assert merge({**WHO, "recruitment_fees": "most"}, {**WHO, "recruitment_fees": "none"})["recruitment_fees"] == "none"


def test_harms_reported_by_workers_are_kept_with_their_source_beside_new_answers():
    before = {**WHO, "reported_harms": ["papers_retention"], "reported_by": "union"}
    merged = {"reported_harms": ["papers_retention"], "reported_by": "union"}
    assert merged.items() <= merge(before, {**WHO, **SAFE}).items()
    anew = merge(before, {**WHO, **SAFE, "reported_harms": ["violence"]})
    assert anew["reported_harms"] == ["violence"]
    assert "reported_by" not in anew


def test_identity_is_kept_and_evidence_goes_with_the_answers_it_supported():
    identity = {"owner": "Nine Herons Holding", "imo": "9074729", "agencies": ["Swift Hands"]}
    now = merge({**WHO, **identity, **AUDITED}, {**WHO, **SAFE})
    assert now == {**WHO, **identity, **SAFE}
    assert "uses_agencies" not in merge({**WHO, "uses_agencies": "no", **AUDITED}, {**WHO, **SAFE})


@given(
    before=st.dictionaries(st.sampled_from(FEEDING), st.integers(0, 20), max_size=8),
    record=st.sampled_from([{}, AUDITED, {"answered_on": "2024-01-01"}]),
    given_now=st.sampled_from([{}, AUDITED, {"evidence_grade": "official", "evidence_date": "2026-11-19"}]),
)
def test_a_list_entry_does_not_change_the_score(before: dict, record: dict, given_now: dict):
    answers_before = {q.id: q.choices[k % len(q.choices)].code for q, k in before.items()}
    before_import = {**WHO, **answers_before, **record}
    assert score(merge(before_import, {**WHO, **given_now}, ON)) == score(before_import)


# ---------------------------------------------------------------- rows of one file


def merge_rows(*rows: dict) -> dict:
    return merge_duplicates(rows, SITE, "site").answers


def test_the_riskier_of_contradictory_answers_is_kept_in_any_order_of_rows():
    rows = ({**WHO, **HELD}, {**WHO, **SAFE}, {**WHO, "papers_retention": "declined"})
    for order in permutations(rows):
        merged = merge_duplicates(order, SITE, "site")
        assert merged.answers == {**WHO, **HELD}
        assert merged.contradicted == ("papers_retention",)
    assert merge_rows(rows[1], rows[2])["papers_retention"] == "declined"


def test_a_declined_answer_never_replaces_harm_however_slight():
    admitted, declined = {**WHO, "grievance_channel": "unused"}, {**WHO, "grievance_channel": "declined"}
    assert SITE.risk("grievance_channel", "unused") == 0.5, "the least that admits harm"
    assert merge_rows(admitted, declined) == merge_rows(declined, admitted) == admitted


def test_rows_that_complement_each_other_are_combined_and_differences_are_named():
    rows = (
        {**WHO, "agencies": ["Swift Hands"]},
        {**WHO, "name": "Blue Pier", "agencies": ["Fern"], "migrant_pct": 5.0},
    )
    merged = merge_duplicates((*rows, {**WHO, "migrant_pct": 60.0}), SITE, "site")
    assert merged.answers == {**WHO, "agencies": ["Swift Hands", "Fern"], "migrant_pct": 60.0}
    assert (merged.contradicted, merged.differing) == ((), ("name", "migrant_pct"))


XINJIANG = [{"region": "Xinjiang"}, {"region": "Zhejiang", "city": "Kashgar"}]


@pytest.mark.parametrize("documented", XINJIANG)
def test_a_region_in_which_a_state_imposes_the_labour_stays_when_rows_or_suppliers_become_one(documented: dict):
    mill = {"name": "Quiet Yarn", "country": "CN", "sector": ["1311"], "product": "cotton yarn"}
    here, there = {**mill, "region": "Zhejiang", "city": "Hangzhou"}, {**mill, **documented}
    for merged in (merge_rows(here, there), merge_rows(there, here), merge_rows(here, rekey_to_survivor(here, there))):
        assert {question: merged[question] for question in documented} == documented
    elsewhere = {**mill, "region": "Jiangsu"}
    assert merge_rows(here, elsewhere) == merge_rows(here, rekey_to_survivor(here, elsewhere)) == here


@pytest.mark.parametrize(("denied", "other"), [("no", "yes"), ("no", "declined")])
def test_a_denial_gives_way_to_any_other_answer_in_whichever_order_the_rows_come(denied: str, other: str):
    rows = {**WHO, "uses_agencies": denied}, {**WHO, "uses_agencies": other}
    assert merge_rows(*rows)["uses_agencies"] == merge_rows(*rows[::-1])["uses_agencies"] == other


def test_evidence_of_one_row_does_not_support_answers_of_another():
    merged = merge_rows(
        {**WHO, **SAFE, "evidence_grade": "audit", "evidence_date": "2026-10-01"}, {**WHO, "movement": "free"}
    )
    alone = {**WHO, "movement": "free"}
    assert belief(merged, "movement") == belief(alone, "movement")
    assert belief(merged, "papers_retention") > belief(alone, "movement")


def test_merged_rows_are_as_old_as_the_oldest_of_them():
    merged = merge_rows(
        {**WHO, **SAFE, "answered_on": "2024-01-01"}, {**WHO, "movement": "free", "answered_on": "2026-11-01"}
    )
    assert merged["answered_on"] == "2024-01-01"


def test_a_single_row_is_unchanged():
    row = {**WHO, **HELD, **AUDITED, "evidence": [{"grade": "document", "date": "2026-01-01"}]}
    assert merge_rows(row) == row
    assert merge_rows(row, row) == row


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
def test_keys_of_many_suppliers_equal_the_keys_of_each_alone(row: dict):
    other = {"name": "Somebody else"}
    keys = [row_key.key for row_key in identify_rows(take_identity(from_rows([other, row])))]
    assert keys == [supplier_key(other), supplier_key(row)]


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


FORM = {"form_version": "site 2026.7", "form_returned": "2026-11-19"}


def test_a_returned_form_takes_back_nothing_that_others_reported():
    reported = {"reported_harms": ["violence"], "reported_by": "workers", "reported_on": "2026-10-01"}
    claimed = {"reported_harms": ["worker_paid_fees"], "reported_by": "official", "reported_on": "2026-11-18"}
    merged = merge({**WHO, **reported}, {**WHO, **FORM, **SAFE, **claimed})
    assert merged == {**WHO, **FORM, **SAFE, **reported, "reported_harms": ["violence", "worker_paid_fees"]}
    declined = merge({**WHO, **reported}, {**WHO, **FORM, **SAFE, "reported_harms": DECLINED})
    assert declined == {**WHO, **FORM, **SAFE, **reported}
    corrected = merge({**WHO, **reported}, {**WHO, **SAFE, **claimed})
    assert corrected == {**WHO, **SAFE, **claimed}, "the buyer's own row replaces them"


# ---------------------------------------------------------------- denials that stored answers contradict

CONTRADICTED = [
    pytest.param(contradiction, question, id=f"{contradiction.question} by {question}")
    for contradiction in list_contradictions_of("site")
    for question, condition in contradiction.contradicted_by.items()
    if condition.choices and contradiction.denies.choices and question in SITE.practice_questions
]


@pytest.mark.parametrize(("contradiction", "telling"), CONTRADICTED)
@pytest.mark.parametrize("form", [{}, {"form_version": "site 2026.7", "form_returned": "2026-11-19"}])
def test_a_denial_that_stored_answers_contradict_takes_back_neither_harm_nor_a_refusal(
    contradiction, telling: str, form: dict
):
    denied = contradiction.question
    revealing = next(
        (code for code in sorted(contradiction.contradicted_by[telling].choices) if SITE.admits_harm(telling, code)),
        None,
    )
    if revealing is None:  # an answer that does not stay in a merge
        return
    is_list = SITE.questions[denied].type == "many"
    harms = [choice.code for choice in SITE.questions[denied].choices if SITE.admits_harm(denied, choice.code)]
    for earlier in (*harms[:1], DECLINED):
        for denial in sorted(contradiction.denies.choices):
            before = {**WHO, telling: revealing, denied: [earlier] if is_list and earlier != DECLINED else earlier}
            now = {**WHO, **form, "equal_treatment": "equal_checked", denied: [denial] if is_list else denial}
            assert merge_with_stored("site", before, now, SITE, ON)[denied] == before[denied]


def test_a_denial_of_harm_that_nothing_contradicts_answers_the_question():
    assert merge_with_stored("site", {**WHO, **HELD}, {**WHO, **SAFE}, SITE, ON) == {**WHO, **SAFE}


def test_a_denial_sent_again_outside_a_form_takes_back_no_refusal_while_what_it_rests_on_is_declined():
    refused = {**WHO, **FORM, "freedom_to_resign": DECLINED, "worker_debt": DECLINED}
    again = merge_with_stored("site", refused, {**WHO, "freedom_to_resign": "free"}, SITE, ON)
    assert again["freedom_to_resign"] == DECLINED
    admitted = {**WHO, "freedom_to_resign": "put_off", "worker_debt": DECLINED}
    again = merge_with_stored("site", admitted, {**WHO, "freedom_to_resign": "free"}, SITE, ON)
    assert again["freedom_to_resign"] == "put_off"
    answers = {**WHO, "freedom_to_resign": "free", "worker_debt": "none_checked"}
    both = merge_with_stored("site", refused, answers, SITE, ON)
    assert (both["freedom_to_resign"], both["worker_debt"]) == ("free", "none_checked")


# ---------------------------------------------------------------- labour that a state is documented to impose

LATER = date(2026, 11, 29)  # when the table was known
IMPOSED = [  # what the buyer told
    {"worker_origin_countries": ["KP"]},
    {"sector": ["8610"], "worker_origin_countries": ["CU", "PH"]},
    {"country": "CN", "region": "Xinjiang"},
    {"country": "CN", "address": "2 Ring Road, 830000 Urumqi"},
    {"country": "TM", "sector": ["0116"], "product": "cotton"},
    {"sector": ["0311"], "flag": "KP"},
]
ELSEWHERE = {
    "country": "VN",
    "region": "Hanoi",
    "city": "Hanoi",
    "address": "1 Hang Bac",
    "sector": ["62"],
    "flag": "NO",
}
ELSEWHERE |= {"product": "packaging", "worker_origin_countries": ["NP"]}


def is_documented(answers: dict) -> bool:
    batch = Batch("site", from_rows([answers]), "", "", np.array([1]))
    return bool(assess_batch(batch, load_facts().as_of(LATER), LATER, {}).state_imposed[0])


@pytest.mark.parametrize("told", IMPOSED)
def test_no_answer_in_a_form_takes_a_supplier_away_from_labour_that_a_state_is_documented_to_impose(told: dict):
    before = {**WHO, **told}
    for answer in [dict.fromkeys(told, DECLINED), ELSEWHERE, {q: ELSEWHERE[q] for q in told}]:
        form = {**WHO, **FORM, **SAFE, **answer}
        once = merge_with_stored("site", before, form, SITE, LATER)
        again = merge_with_stored("site", once, {**form, **ELSEWHERE}, SITE, LATER)
        assert [is_documented(row) for row in (before, once, again)] == [True, True, True]
        assert score(again, LATER) >= score(before, LATER)


def test_a_buyers_own_list_says_that_a_supplier_is_elsewhere():
    before = {**WHO, "country": "CN", "region": "Xinjiang"}
    assert not is_documented(merge_with_stored("site", before, {**WHO, **ELSEWHERE}, SITE, LATER))


def test_a_form_says_where_a_supplier_is_if_it_was_only_declined():
    declined = {**WHO, **FORM, "country": "CN", "region": DECLINED, **SAFE}
    told = merge_with_stored("site", declined, {**declined, "region": "Guangdong"}, SITE, LATER)
    assert [is_documented(declined), is_documented(told)] == [True, False]


@pytest.mark.parametrize("told", IMPOSED)
def test_of_two_rows_of_one_supplier_the_one_where_a_state_imposes_the_labour_counts(told: dict):
    rows = [{**WHO, **ELSEWHERE}, {**WHO, **told}]
    for ordered in (rows, rows[::-1]):
        merged = merge_duplicates(ordered, SITE, "site").answers
        assert is_documented(keep_documented_labour("site", ordered, merged, LATER))


# ---------------------------------------------------------------- forms that come late


def test_an_older_form_that_comes_late_takes_back_neither_harm_nor_answers():
    newer = {**WHO, **FORM, **HELD, "movement": DECLINED, "wage_payment": "on_time"}
    older = {**WHO, **FORM, "form_returned": "2026-05-02", **SAFE, "movement": "free", "violence": "none_asked"}
    late = merge_with_stored("site", newer, older, SITE, ON)
    assert late == merge_with_stored("site", older, newer, SITE, ON)
    assert (late["papers_retention"], late["movement"], late["form_returned"]) == ("held", DECLINED, "2026-11-19")


# ---------------------------------------------------------------- agencies that a site named

USED = {**WHO, "uses_agencies": "yes", "agencies": ["Kite Placement"]}


def test_no_form_drops_an_agency_that_the_site_named_before():
    other = {**WHO, **FORM, "uses_agencies": "yes", "agencies": ["Fern Crew"]}
    merged = merge_with_stored("site", USED, other, SITE, ON)
    assert merged["agencies"] == ["Fern Crew", "Kite Placement"]
    again = merge_with_stored("site", merged, {**other, "agencies": ["KITE placement", "Fern Crew"]}, SITE, ON)
    assert len(again["agencies"]) == 2, "the same agency, spelt otherwise"
    denied = merge_with_stored("site", USED, {**WHO, **FORM, "uses_agencies": "no"}, SITE, ON)
    assert (denied.get("uses_agencies"), denied["agencies"]) == (None, ["Kite Placement"])


def test_an_agency_is_not_dropped_by_leaving_the_question_blank_first():
    blank = merge_with_stored("site", USED, {**WHO, **FORM, "uses_agencies": "yes", "agencies": DECLINED}, SITE, ON)
    assert blank["agencies"] == DECLINED
    for later, expected in (
        ({"uses_agencies": "yes", "agencies": ["Fern Crew"]}, ["Fern Crew", "Kite Placement"]),
        ({"uses_agencies": "yes"}, DECLINED),
        ({"uses_agencies": "no"}, DECLINED),
    ):
        merged = merge_with_stored("site", blank, {**WHO, **FORM, **later}, SITE, ON, named=["Kite Placement"])
        assert merged["agencies"] == expected
        assert merged.get("uses_agencies") != "no"


def test_the_buyers_own_list_says_which_agencies_a_site_uses_now():
    assert merge_with_stored("site", USED, {**WHO, "agencies": ["Fern Crew"]}, SITE, ON)["agencies"] == ["Fern Crew"]
