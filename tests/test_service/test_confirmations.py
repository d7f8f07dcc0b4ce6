"""Test how evidence is confirmed, and what a confirmation is worth when answers change or suppliers are merged."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from examples import invariant
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.evidence import GRADE_TITLES
from risk_models.facts.facts import load_facts
from risk_models.model import get_model_version, list_models_in_force
from service.assessment.assess import Batch, assess_batch
from service.assessment.evidence_entries import list_entries
from service.errors import DomainError
from service.report_content.redaction import filter_own_answers
from service.suppliers.confirmations import (
    Voucher,
    confirm_entry,
    vouch_for_row,
    withdraw_entry,
)
from service.suppliers.merge_rules import get_risk_lookup, merge_answers, merge_duplicates

ON = date(2026, 11, 20)
SITE = get_risk_lookup("site", ON)
FOURTH = tuple(
    replace(get_model_version(model.id, "2026.4"), effective=date(2026, 1, 1))
    for model in list_models_in_force("site", ON)
)
WHO = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
SAFE = {"recruitment_fees": "none", "papers_retention": "worker_holds", "wage_payment": "on_time"}
AUDIT = {"grade": "audit", "date": "2026-09-01", "source": "SMETA-123"}
BUYER = Voucher("Ana Marín", ON, "file 7")
FEEDING = [q for q in SITE.questions.values() if q.declinable and q.type == "choice"]


def score(answers: dict) -> tuple[float, ...]:
    """The score, range and level of a site by the fourth release."""
    batch = Batch("site", from_rows([answers]), "", "", np.array([1]))
    assessed = assess_batch(batch, load_facts().as_of(ON), ON, {}, FOURTH)
    return tuple(float(assessed.get_scores(name)[0]) for name in ("total", "best", "worst", "level"))


def only(answers: dict) -> str:
    (entry,) = list_entries(answers)
    return entry.id


def confirm(answers: dict, *covers: str) -> dict:
    return confirm_entry(answers, only(answers), Voucher("Ana Marín", ON, "file 7", covers), SITE)


def confirmed_for(answers: dict) -> list[list[str]]:
    """For each piece the questions that it is confirmed for."""
    return [list((entry.confirmed or {}).get("covers", ())) for entry in list_entries(answers)]


def test_an_audit_is_confirmed_for_all_questions_answered_at_that_time():
    answers = confirm({**WHO, **SAFE, "violence": "declined", "evidence": [AUDIT]})
    assert answers["evidence"] == [
        {**AUDIT, "confirmed": {"by": "Ana Marín", "on": "2026-11-20", "reference": "file 7", "covers": list(SAFE)}}
    ]
    assert score(answers) < score({**WHO, **SAFE, "violence": "declined"})


def test_the_evidence_of_a_row_becomes_a_piece_once_it_is_confirmed():
    answers = confirm({**WHO, **SAFE, "evidence_grade": "audit", "evidence_date": "2026-09-01"})
    assert confirmed_for(answers) == [list(SAFE)]
    assert score(answers) < score({**WHO, **SAFE})


@pytest.mark.parametrize("grade", ["document", "worker_voice", "official"])
def test_evidence_of_any_other_kind_is_confirmed_for_named_questions_only(grade: str):
    answers = {**WHO, **SAFE, "evidence": [{"grade": grade, "date": "2026-09-01"}]}
    with pytest.raises(DomainError) as refused:
        confirm(answers)
    assert refused.value.code == "evidence.covers_required"
    assert confirmed_for(confirm(answers, "papers_retention")) == [["papers_retention"]]
    named = {**WHO, **SAFE, "evidence": [{"grade": grade, "date": "2026-09-01", "covers": ["wage_payment"]}]}
    assert confirmed_for(confirm(named)) == [["wage_payment"]]


@pytest.mark.parametrize(
    ("piece", "covers", "code"),
    [
        ({"grade": "audit"}, (), "evidence.undated"),
        ({"grade": "audit", "date": "2026-11-21"}, (), "evidence.future"),
        (AUDIT, ("violence",), "evidence.not_answered"),
        ({**AUDIT, "covers": ["wage_payment"]}, ("papers_retention",), "evidence.not_answered"),
        ({**AUDIT, "covers": ["violence"]}, (), "evidence.not_answered"),
    ],
)
def test_evidence_that_cannot_count_cannot_be_confirmed(piece: dict, covers: tuple[str, ...], code: str):
    with pytest.raises(DomainError) as refused:
        confirm({**WHO, **SAFE, "evidence": [piece]}, *covers)
    assert (refused.value.code, refused.value.status) == (code, 422)


def test_a_reference_holds_no_personal_data():
    answers = {**WHO, **SAFE, "evidence": [AUDIT]}
    for reference in ("call +66 81 234 5678", "x" * 200):
        with pytest.raises(DomainError) as refused:
            confirm_entry(answers, only(answers), Voucher("Ana Marín", ON, reference), SITE)
        assert refused.value.code == "evidence.reference"


def test_a_self_declaration_is_nothing_to_confirm():
    answers = {**WHO, **SAFE, "evidence_grade": "self_declared", "evidence_date": "2026-11-01"}
    assert list_entries({**answers, "evidence": [{"grade": "self_declared", "date": "2026-11-01"}]}) == ()
    assert vouch_for_row(answers, BUYER, SITE).answers == answers


def test_a_withdrawn_confirmation_leaves_the_piece_claimed():
    answers = {**WHO, **SAFE, "evidence": [AUDIT]}
    withdrawn = withdraw_entry(confirm(answers), only(answers))
    assert withdrawn == answers
    with pytest.raises(DomainError) as refused:
        withdraw_entry(withdrawn, only(answers))
    assert (refused.value.code, refused.value.status) == ("evidence.not_confirmed", 409)


def test_the_id_of_a_piece_stays_the_same_when_it_is_confirmed_and_differs_between_pieces():
    other = {"grade": "audit", "date": "2026-09-02"}
    answers = {**WHO, **SAFE, "evidence": [AUDIT, other, AUDIT]}
    before = [entry.id for entry in list_entries(answers)]
    assert len(set(before)) == 3
    after = confirm_entry(answers, before[1], BUYER, SITE)
    assert [entry.id for entry in list_entries(after)] == before
    assert confirmed_for(after) == [[], list(SAFE), []]


# ---------------------------------------------------------------- the buyer vouches for a row


def test_who_vouches_for_a_row_confirms_all_its_evidence_that_names_its_questions():
    audit, letter = AUDIT, {"grade": "document", "date": "2026-08-01"}
    named = {**letter, "covers": ["wage_payment"]}
    vouched = vouch_for_row({**WHO, **SAFE, "evidence": [audit, letter, named]}, BUYER, SITE)
    assert confirmed_for(vouched.answers) == [list(SAFE), [], ["wage_payment"]]
    assert [code for code, _ in vouched.claimed] == ["evidence.names_no_question"]


def test_a_returned_form_stays_claimed_whoever_vouches_for_it():
    row = {**WHO, **SAFE, "evidence": [AUDIT], "form_returned": "2026-10-01"}
    vouched = vouch_for_row(row, BUYER, SITE)
    assert (vouched.answers, [code for code, _ in vouched.claimed]) == (row, ["evidence.returned_form"])


# ---------------------------------------------------------------- merging


def merge(before: dict, now: dict) -> dict:
    return merge_answers(before, now, SITE, "site")


def test_a_confirmation_stays_for_the_answers_that_become_no_less_risky():
    stored = confirm({**WHO, **SAFE, "violence": "open", "evidence": [AUDIT]})
    now = merge(stored, {**WHO, **SAFE, "violence": "none_asked", "wage_payment": "late", "evidence": [AUDIT]})
    assert confirmed_for(now) == [list(SAFE)]
    assert now["evidence"][0]["confirmed"]["on"] == "2026-11-20"


def test_new_answers_without_the_evidence_keep_it_only_where_it_is_still_confirmed():
    stored = confirm({**WHO, **SAFE, "violence": "open", "evidence": [AUDIT]})
    now = merge(stored, {**WHO, **SAFE, "violence": "none_asked"})
    assert confirmed_for(now) == [list(SAFE)]
    assert now["evidence"][0]["covers"] == list(SAFE)
    assert "evidence" not in merge({**WHO, **SAFE, "evidence": [AUDIT]}, {**WHO, **SAFE})


def test_an_answer_that_is_taken_back_or_declined_loses_its_confirmation():
    stored = confirm({**WHO, **SAFE, "evidence": [AUDIT]})
    now = merge(stored, {**WHO, "papers_retention": "declined", "wage_payment": "on_time"})
    assert confirmed_for(now) == [["wage_payment"]]


def test_a_list_entry_that_changes_no_answer_keeps_every_confirmation():
    stored = confirm({**WHO, **SAFE, "evidence": [AUDIT]})
    assert merge(stored, {**WHO, "name": "Blue Pier Foods"})["evidence"] == stored["evidence"]


def test_merging_two_suppliers_keeps_only_the_confirmations_of_the_answers_that_count():
    denied = confirm({**WHO, **SAFE, "evidence": [AUDIT]})
    admitted = {**WHO, **SAFE, "papers_retention": "held"}
    for rows in ([denied, admitted], [admitted, denied]):
        merged = merge_duplicates(rows, SITE, "site").answers
        assert merged["papers_retention"] == "held"
        assert confirmed_for(merged) == [["recruitment_fees", "wage_payment"]]
    same_record = confirm({**admitted, "evidence": [AUDIT]})
    assert confirmed_for(merge_duplicates([denied, same_record], SITE, "site").answers) == [list(SAFE)]


def test_a_supplier_copy_counts_what_was_confirmed_for_the_answers_of_its_form_and_nothing_from_workers():
    form = {**WHO, **SAFE, "evidence": [AUDIT], "form_returned": "2026-10-01"}
    voices = {"grade": "worker_voice", "date": "2026-09-02", "covers": ["wage_payment"]}
    stored = vouch_for_row({**form, "evidence": [AUDIT, voices]}, BUYER, SITE, is_returned=False).answers
    copy = filter_own_answers("site", {**stored, "papers_retention": "held"}, form)
    assert confirmed_for(copy) == [["recruitment_fees", "wage_payment"]]
    assert [piece["grade"] for piece in copy["evidence"]] == ["audit"]
    assert confirmed_for(filter_own_answers("site", {**form, "evidence": [AUDIT]}, form)) == [[]]


@st.composite
def site_answers(draw: st.DrawFn) -> dict:
    """Answers of a site about its practice, some of them not given."""
    codes = {q.id: draw(st.sampled_from([None, "declined", *(c.code for c in q.choices)])) for q in FEEDING}
    return {**WHO, **{question: code for question, code in codes.items() if code is not None}}


claimed_pieces = st.lists(
    st.fixed_dictionaries(
        {
            "grade": st.sampled_from(sorted(GRADE_TITLES)),
            "date": st.sampled_from(["2025-01-01", "2026-11-01", "2027-01-01"]),
        },
        optional={"covers": st.lists(st.sampled_from([q.id for q in FEEDING]), min_size=1, max_size=4, unique=True)},
    ),
    min_size=1,
    max_size=3,
)


@invariant(300)
@given(site_answers(), claimed_pieces, st.sampled_from(sorted(GRADE_TITLES)))
def test_evidence_that_nobody_confirmed_changes_no_score_range_or_level(answers: dict, pieces: list, grade: str):
    claimed = {**answers, "evidence": pieces, "evidence_grade": grade, "evidence_date": "2026-11-01"}
    assert score(claimed) == score(answers)


@invariant(300)
@given(site_answers(), site_answers(), claimed_pieces)
def test_no_answer_that_became_less_risky_is_still_confirmed(before: dict, now: dict, pieces: list):
    stored = vouch_for_row({**before, "evidence": pieces}, BUYER, SITE).answers
    merged = merge(stored, now)
    for covers in confirmed_for(merged):
        for question in covers:
            assert SITE.risk(question, merged[question]) >= SITE.risk(question, before[question])
