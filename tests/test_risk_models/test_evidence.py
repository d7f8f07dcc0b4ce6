"""How far answers are believed by the best unexpired evidence, on the toy model (shelf lives of 12 to 24 months)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import Column, EvidencePiece, from_columns, from_rows
from risk_models.cases.evidence import add_case_harms, build_evidence_from_values
from risk_models.engine.frame import STATES, Cells, Scores
from risk_models.engine.score import score
from risk_models.evidence import (
    Belief,
    EvidenceWeight,
    build_evidence_lookup,
    compute_report_belief,
    describe_evidence,
    weigh_piece,
)
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.model import Model
from tests.test_risk_models.suppliers import POSITION, TOY

ON = date(2026, 9, 1)
FACTS = load_facts().as_of(ON)
HOME = replace(TOY, audit_counts=False)
GRADES = ("self_declared", "document", "audit", "certificate", "worker_voice", "official")


def score_row(row: dict[str, Any], model: Model = TOY) -> Scores:
    return score(build_features(from_rows([row]), model, FACTS, ON, {}).frame, model)[0]


def score_cells(row: dict[str, Any]) -> Cells:
    return score(build_features(from_rows([row]), TOY, FACTS, ON, {}).frame, TOY)[1]


def get_belief(row: dict[str, Any], indicator: str = "fees", model: Model = TOY) -> float:
    """Return q of the evidence behind the answer of an indicator."""
    return float(build_features(from_rows([row]), model, FACTS, ON, {}).frame.belief[POSITION[indicator], 0])


def get_state(row: dict[str, Any], indicator: str = "fees") -> str:
    return STATES[score_cells(row).state[POSITION[indicator], 0]]


def get_weight(piece: EvidencePiece, model: Model = TOY) -> float:
    """Return q of a single piece."""
    weight = weigh_piece(piece, model, ON, void=False)
    assert weight is not None
    return weight.q


def days_ago(days: int) -> str:
    return (ON - timedelta(days=days)).isoformat()


def test_the_piece_with_the_highest_weight_today_counts_not_the_one_of_the_highest_grade() -> None:
    old_audit = {"grade": "audit", "date": days_ago(530)}  # nearly all of its 18 months have passed
    assert get_belief({"evidence": [old_audit]}) == pytest.approx(0.20)  # the declaration itself
    assert get_belief({"evidence": [old_audit, {"grade": "document", "date": days_ago(30)}]}) == pytest.approx(0.40)


def test_a_piece_counts_in_full_for_half_its_shelf_life_and_then_declines_to_zero() -> None:
    assert get_weight(EvidencePiece("audit", days_ago(270))) == pytest.approx(0.55)
    assert get_weight(EvidencePiece("audit", days_ago(round(13.5 * 30.4375)))) == pytest.approx(0.275, abs=0.001)
    assert get_weight(EvidencePiece("audit", days_ago(548))) == 0


def test_a_certificate_counts_as_an_audit_over_its_own_validity() -> None:
    three_years = EvidencePiece("certificate", days_ago(500), (ON + timedelta(days=590)).isoformat())
    assert get_weight(three_years) == pytest.approx(0.55)
    assert get_weight(three_years._replace(expires=(ON + timedelta(days=250)).isoformat())) == pytest.approx(
        0.55 * 2 / 3
    )
    assert weigh_piece(three_years._replace(expires=ON.isoformat()), TOY, ON, void=False).expired  # type: ignore[union-attr]


def test_a_certificate_counts_for_at_most_three_years_whatever_its_expiry() -> None:
    thirty_years = EvidencePiece("certificate", days_ago(500), "2056-01-01")
    assert get_weight(thirty_years) == pytest.approx(0.55)
    assert get_weight(thirty_years._replace(date=days_ago(822))) == pytest.approx(
        0.55 / 2, abs=0.001
    )  # 27 of 36 months have passed
    old = weigh_piece(thirty_years._replace(date=days_ago(1100)), TOY, ON, void=False)
    assert old is not None
    assert (old.q, old.expired) == (0.0, True)
    assert "valid until 1 January 2056, limited to 36 months: expired" in describe_evidence(old)
    assert "limited to" not in describe_evidence(
        EvidenceWeight(EvidencePiece("certificate", days_ago(30), days_ago(-300)), 0.55, expired=False)
    )


def test_a_row_with_evidence_of_a_future_date_is_believed_like_a_declaration() -> None:
    row = {"evidence_grade": "audit", "evidence_date": days_ago(-90)}
    assert get_belief(row) == 0
    assert get_belief({**row, "answered_on": days_ago(30)}) == pytest.approx(0.20)
    assert get_state({**row, "recruitment_fees": "none"}) == "answered"


def test_a_declaration_is_as_old_as_its_form_whatever_the_date_of_the_evidence() -> None:
    audited = {"evidence_grade": "audit", "evidence_date": days_ago(700)}
    assert get_belief({**audited, "form_returned": days_ago(30), "answered_on": days_ago(300)}) == pytest.approx(0.20)
    assert get_belief({**audited, "answered_on": days_ago(270)}) == pytest.approx(0.1, abs=0.01)
    assert get_belief(audited) == 0


def test_a_certificate_without_expiry_counts_as_long_as_an_audit() -> None:
    for days in (30, 300, 500, 600):
        assert get_weight(EvidencePiece("certificate", days_ago(days))) == get_weight(
            EvidencePiece("audit", days_ago(days))
        )


def test_a_piece_that_expires_before_its_shelf_life_ends_counts_nothing() -> None:
    assert get_weight(EvidencePiece("document", days_ago(90), days_ago(1))) == 0
    assert (
        0
        < get_weight(EvidencePiece("document", days_ago(300), "2030-01-01"))
        == get_weight(EvidencePiece("document", days_ago(300)))
        < 0.40
    )


def test_a_piece_supports_the_questions_it_covers_and_one_without_questions_supports_all() -> None:
    row = {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    assert (get_belief(row, "fees"), get_belief(row, "papers")) == (pytest.approx(0.55), pytest.approx(0.20))
    row["evidence"].append({"grade": "document", "date": days_ago(30)})
    assert (get_belief(row, "fees"), get_belief(row, "papers")) == (pytest.approx(0.55), pytest.approx(0.40))


def test_evidence_without_a_date_is_no_more_than_a_declaration() -> None:
    row = {"answered_on": days_ago(270)}  # nine of 12 months have passed: a declaration counts half
    assert get_belief(row) == pytest.approx(0.1, abs=0.01)
    assert get_belief({**row, "evidence": [{"grade": "official"}]}) == get_belief(row)
    assert (
        get_state({"recruitment_fees": "none", "answered_on": days_ago(800), "evidence": [{"grade": "audit"}]})
        == "expired"
    )


def test_evidence_of_a_future_date_counts_nothing_and_the_answer_stays_answered() -> None:
    row = {
        "recruitment_fees": "none",
        "answered_on": days_ago(800),
        "evidence": [{"grade": "audit", "date": "2026-12-01"}],
    }
    assert get_belief(row) == 0
    assert get_state(row) == "answered"


def test_an_answer_is_expired_only_when_all_its_evidence_is() -> None:
    old = {"recruitment_fees": "none", "papers_retention": "worker", "answered_on": days_ago(800)}
    expired, fresh = ({"grade": "audit", "date": days_ago(days), "covers": ["recruitment_fees"]} for days in (900, 30))
    assert get_state({**old, "evidence": [expired]}) == "expired"
    assert (
        get_state({**old, "evidence": [expired, fresh]})
        == get_state({**old, "evidence": [fresh, expired]})
        == "answered"
    )
    assert get_state({**old, "evidence": [expired, fresh]}, "papers") == "expired"


@pytest.mark.parametrize("grade", ["audit", "certificate"])
def test_an_audit_or_certificate_counts_nothing_in_a_home_or_where_workers_were_coached(grade: str) -> None:
    row: dict[str, Any] = {"evidence": [{"grade": grade, "date": days_ago(30)}]}
    assert get_belief(row) == pytest.approx(0.55)
    assert get_belief(row, model=HOME) == pytest.approx(0.20)
    assert get_belief({**row, "coached": "yes"}) == pytest.approx(0.20)
    assert get_belief({**row, "reported_harms": ["coached"]}) == pytest.approx(0.20)
    assert get_belief({**row, "coached": "declined"}) == pytest.approx(0.20)
    row["evidence"].append({"grade": "worker_voice", "date": days_ago(30)})
    assert get_belief(row, model=HOME) == pytest.approx(0.80)


def test_a_gate_is_believed_by_the_evidence_for_its_own_question() -> None:
    covered = [{"grade": "worker_voice", "date": days_ago(30), "covers": ["workers_migrant"]}]
    without, with_evidence = (score_cells({"workers_migrant": 0, "evidence": pieces}) for pieces in ([], covered))
    assert with_evidence.effective[POSITION["fees"], 0] < without.effective[POSITION["fees"], 0]
    expired = {"workers_migrant": 0, "answered_on": days_ago(800)}
    assert STATES[score_cells(expired).state[POSITION["fees"], 0]] == "not_asked"
    assert STATES[score_cells({**expired, "evidence": covered}).state[POSITION["fees"], 0]] == "answered"


@pytest.mark.parametrize(
    ("row", "newest_finding", "counts"),
    [
        ({"reported_harms": ["papers"], "evidence_date": days_ago(10)}, days_ago(660), 0.80),
        ({"reported_harms": ["papers"], "evidence_date": days_ago(660)}, days_ago(10), 0.80),
        ({"reported_harms": ["papers"], "answered_on": days_ago(10)}, days_ago(660), 0.80),
        ({"evidence_date": days_ago(10)}, days_ago(900), 0.0),
        ({"reported_harms": ["papers"], "evidence_date": days_ago(10)}, None, 0.80),
    ],
    ids=["row newer", "case newer", "row dated by its answers", "no report in the row", "no day in the case"],
)
def test_of_a_report_in_the_row_and_case_records_the_one_that_counts_more_today_is_believed(
    row: dict[str, Any], newest_finding: str | None, counts: float
) -> None:
    evidence = build_evidence_from_values([2], [("papers",)], [newest_finding])
    answers = add_case_harms(from_rows([{"name": "Invented Works", **row}]), evidence)
    assert compute_report_belief(answers, TOY, ON).tolist() == [pytest.approx(counts)]


def test_reserved_words_in_place_of_evidence_are_no_evidence() -> None:
    for word in ("declined", "cannot_apply"):
        assert get_belief({"evidence": word}) == get_belief({})


days = st.integers(-200, 900).map(days_ago)
piece = st.builds(
    EvidencePiece,
    grade=st.sampled_from(GRADES),
    date=st.none() | days,
    expires=st.none() | days,
    covers=st.sampled_from([(), ("recruitment_fees",), ("papers_retention", "workers_migrant")]),
)
rows = st.fixed_dictionaries(
    {"recruitment_fees": st.sampled_from(["none", "some"]), "papers_retention": st.sampled_from(["worker", "declined"])},
    optional={
        "workers_migrant": st.sampled_from([0, 5]), "answered_on": days, "evidence_date": days, "hours": st.just(50),
        "evidence_grade": st.sampled_from(GRADES[:3]), "coached": st.sampled_from(["yes", "no"]),
    },
)  # fmt: skip


@examples(60)
@given(rows, st.lists(piece, max_size=3), piece)
def test_one_more_piece_never_raises_a_score_and_never_lowers_confidence(
    row: dict, pieces: list, extra: EvidencePiece
) -> None:
    before, after = (score_row({**row, "evidence": tuple(given)}) for given in (pieces, [*pieces, extra]))
    assert after.total[0] <= before.total[0] + 1e-9
    assert after.worst[0] <= before.worst[0] + 1e-9
    assert after.confidence[0] >= before.confidence[0] - 1e-9
    assert after.coverage[0] >= before.coverage[0] - 1e-9


@examples(60)
@given(rows, st.sampled_from(GRADES), st.integers(0, 900), st.integers(0, 400))
def test_fresher_evidence_never_raises_a_score(row: dict, grade: str, age: int, younger: int) -> None:
    old, fresh = (
        score_row({**row, "evidence": (EvidencePiece(grade, days_ago(d)),)}) for d in (age, max(0, age - younger))
    )
    assert fresh.total[0] <= old.total[0] + 1e-9


@examples(60)
@given(rows, st.lists(piece, max_size=4))
def test_the_order_of_pieces_does_not_matter(row: dict, pieces: list) -> None:
    scores, scores_reversed = (score_row({**row, "evidence": tuple(order)}) for order in (pieces, pieces[::-1]))
    assert scores.total[0] == scores_reversed.total[0]


@examples(60)
@given(rows, st.lists(piece, max_size=3))
def test_the_evidence_looked_up_is_the_one_that_counts(row: dict, pieces: list) -> None:
    answers = from_rows([{**row, "evidence": tuple(pieces)}])
    belief, find_evidence = Belief(answers, TOY, ON), build_evidence_lookup(answers, TOY, ON)
    for question in ("recruitment_fees", "papers_retention", "workers_migrant", "hours"):
        q, expired = belief.get_belief(question)
        assert find_evidence(question).q == q[0]
        assert find_evidence(question).expired == expired[0]
        assert describe_evidence(find_evidence(question)).endswith(".")


def test_suppliers_without_pieces_have_the_same_belief_among_others_with_pieces() -> None:
    plain = {
        "recruitment_fees": "none",
        "evidence_grade": "document",
        "evidence_date": days_ago(250),
        "workers_migrant": 0,
    }
    with_piece = {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    single, among_others = (
        build_features(from_rows(rows), TOY, FACTS, ON, {}).frame for rows in ([plain], [plain, with_piece])
    )
    for name in ("belief", "expired", "screened_out", "screening_belief"):
        assert np.array_equal(getattr(single, name)[:, 0], getattr(among_others, name)[:, 0]), name


def test_a_piece_is_converted_to_a_json_object_and_back() -> None:
    pieces = [
        {"grade": "audit", "date": "2026-03-01", "covers": ["recruitment_fees"], "source": "SMETA-123"},
        {"grade": "official"},
    ]
    assert from_rows([{"evidence": pieces}]).to_rows() == [{"evidence": pieces}]


def test_a_column_may_hold_pieces_as_plain_tuples() -> None:
    whole = ("audit", days_ago(30), None, ("recruitment_fees",), None)
    column = Column(((whole,),), np.zeros(1, np.int32))
    assert from_columns(1, {"evidence": column}).to_rows() == [
        {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    ]


def test_evidence_is_described_in_words() -> None:
    row = {"evidence": (EvidencePiece("document", "2026-03-03", None, ("recruitment_fees",), "SMETA-123"),)}
    find_evidence = build_evidence_lookup(from_rows([row]), TOY, ON)
    assert (
        describe_evidence(find_evidence("recruitment_fees"))
        == "Document dated 3 March 2026 (SMETA-123): weight 0.40 out of 1 today."
    )
    assert (
        describe_evidence(find_evidence("papers_retention"))
        == "Self-declared, no date given: weight 0.20 out of 1 today."
    )
    old = build_evidence_lookup(from_rows([{"answered_on": "2024-01-05"}]), TOY, ON)
    assert (
        describe_evidence(old("hours"))
        == "Self-declared on 5 January 2024: expired, so its weight is 0.00 out of 1 today."
    )
    home = build_evidence_lookup(from_rows([{"evidence_grade": "audit", "evidence_date": "2026-08-01"}]), HOME, ON)
    assert describe_evidence(home("hours")) == (
        "Self-declared on 1 August 2026: weight 0.20 out of 1 today. Audits and certificates do not count here."
    )


def test_since_method_4_the_sentence_names_the_confirmation_and_what_is_only_claimed() -> None:
    confirmation = {"by": "Ana Marín", "on": "2026-08-20", "reference": "file 7", "covers": ["recruitment_fees"]}
    audit = {"grade": "audit", "date": "2026-08-01", "source": "SMETA-123", "confirmed": confirmation}
    row = {"answered_on": "2026-08-05", "evidence": [audit, {"grade": "document"}], "evidence_grade": "official"}
    find_evidence = build_evidence_lookup(from_rows([row]), replace(TOY, method=4), ON)
    assert describe_evidence(find_evidence("recruitment_fees")).endswith(
        "out of 1 today. Confirmed by Ana Marín on 20 August 2026, reference file 7. "
        "Claimed, not confirmed: Finding by an authority, no date given; Document, no date given."
    )
    hours = describe_evidence(find_evidence("hours"))
    assert hours.startswith("Self-declared on 5 August 2026: ")
    assert "Audit dated 1 August 2026 (SMETA-123)" in hours.partition("Claimed, not confirmed: ")[2]
    earlier = describe_evidence(build_evidence_lookup(from_rows([row]), TOY, ON)("recruitment_fees"))
    assert "onfirmed" not in earlier
