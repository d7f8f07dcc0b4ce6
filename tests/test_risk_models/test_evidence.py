"""How far answers are believed: the best unexpired piece behind each, on the toy model (shelf lives of 12 to 24 months)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import Piece, from_frame, from_rows
from risk_models.cases.evidence import evidence_as_told, with_case_harms
from risk_models.engine.frame import STATES, Cells, Scores
from risk_models.engine.score import score
from risk_models.evidence import Belief, Standing, behind, report_belief, sentence, standing
from risk_models.facts.facts import load
from risk_models.features import features
from risk_models.model import Model
from tests.test_risk_models.suppliers import POSITION, TOY

ON = date(2026, 9, 1)
FACTS = load().as_of(ON)
HOME = replace(TOY, audit_counts=False)
GRADES = ("self_declared", "document", "audit", "certificate", "worker_voice", "official")


def scored(row: dict[str, Any], model: Model = TOY) -> Scores:
    return score(features(from_rows([row]), model, FACTS, ON, {}).frame, model)[0]


def cells(row: dict[str, Any]) -> Cells:
    return score(features(from_rows([row]), TOY, FACTS, ON, {}).frame, TOY)[1]


def belief(row: dict[str, Any], indicator: str = "fees", model: Model = TOY) -> float:
    """q of the evidence behind the answer of an indicator."""
    return float(features(from_rows([row]), model, FACTS, ON, {}).frame.belief[POSITION[indicator], 0])


def state(row: dict[str, Any], indicator: str = "fees") -> str:
    return STATES[cells(row).state[POSITION[indicator], 0]]


def q_of(piece: Piece, model: Model = TOY) -> float:
    """What a piece counts by itself."""
    found = standing(piece, model, ON, void=False)
    assert found is not None
    return found.q


def days_ago(days: int) -> str:
    return (ON - timedelta(days=days)).isoformat()


def test_the_piece_that_counts_most_today_counts_not_the_one_of_the_highest_kind() -> None:
    old_audit = {"grade": "audit", "date": days_ago(530)}  # of 18 months nearly all are gone
    assert belief({"evidence": [old_audit]}) == pytest.approx(0.20)  # the declaration itself
    assert belief({"evidence": [old_audit, {"grade": "document", "date": days_ago(30)}]}) == pytest.approx(0.40)


def test_a_piece_counts_in_full_for_half_its_shelf_life_and_then_fades_to_nothing() -> None:
    assert q_of(Piece("audit", days_ago(270))) == pytest.approx(0.55)
    assert q_of(Piece("audit", days_ago(round(13.5 * 30.4375)))) == pytest.approx(0.275, abs=0.001)
    assert q_of(Piece("audit", days_ago(548))) == 0


def test_a_certificate_counts_as_an_audit_over_its_own_validity() -> None:
    three_years = Piece("certificate", days_ago(500), (ON + timedelta(days=590)).isoformat())
    assert q_of(three_years) == pytest.approx(0.55)
    assert q_of(three_years._replace(expires=(ON + timedelta(days=250)).isoformat())) == pytest.approx(0.55 * 2 / 3)
    assert standing(three_years._replace(expires=ON.isoformat()), TOY, ON, void=False).expired  # type: ignore[union-attr]


def test_a_certificate_counts_no_longer_than_three_years_whatever_its_day_of_expiry() -> None:
    thirty_years = Piece("certificate", days_ago(500), "2056-01-01")
    assert q_of(thirty_years) == pytest.approx(0.55)
    assert q_of(thirty_years._replace(date=days_ago(822))) == pytest.approx(
        0.55 / 2, abs=0.001
    )  # 27 of 36 months are gone
    old = standing(thirty_years._replace(date=days_ago(1100)), TOY, ON, void=False)
    assert old is not None
    assert (old.q, old.expired) == (0.0, True)
    assert "valid until 1 January 2056, held to 36 months: past its time" in sentence(old)
    assert "held to" not in sentence(Standing(Piece("certificate", days_ago(30), days_ago(-300)), 0.55, expired=False))


def test_a_row_whose_evidence_bears_a_future_day_is_believed_as_far_as_its_declaration_goes() -> None:
    row = {"evidence_grade": "audit", "evidence_date": days_ago(-90)}
    assert belief(row) == 0
    assert belief({**row, "answered_on": days_ago(30)}) == pytest.approx(0.20)
    assert state({**row, "recruitment_fees": "none"}) == "answered"


def test_a_declaration_is_as_old_as_its_form_whatever_the_date_of_the_evidence_beside_it() -> None:
    audited = {"evidence_grade": "audit", "evidence_date": days_ago(700)}
    assert belief({**audited, "form_returned": days_ago(30), "answered_on": days_ago(300)}) == pytest.approx(0.20)
    assert belief({**audited, "answered_on": days_ago(270)}) == pytest.approx(0.1, abs=0.01)
    assert belief(audited) == 0


def test_a_certificate_without_expiry_counts_as_long_as_an_audit() -> None:
    for days in (30, 300, 500, 600):
        assert q_of(Piece("certificate", days_ago(days))) == q_of(Piece("audit", days_ago(days)))


def test_what_expires_before_its_shelf_life_is_over_counts_no_longer() -> None:
    assert q_of(Piece("document", days_ago(90), days_ago(1))) == 0
    assert 0 < q_of(Piece("document", days_ago(300), "2030-01-01")) == q_of(Piece("document", days_ago(300))) < 0.40


def test_a_piece_stands_behind_the_questions_it_covers_and_one_that_names_none_behind_all() -> None:
    row = {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    assert (belief(row, "fees"), belief(row, "papers")) == (pytest.approx(0.55), pytest.approx(0.20))
    row["evidence"].append({"grade": "document", "date": days_ago(30)})
    assert (belief(row, "fees"), belief(row, "papers")) == (pytest.approx(0.55), pytest.approx(0.40))


def test_evidence_without_a_date_is_no_more_than_a_declaration() -> None:
    row = {"answered_on": days_ago(270)}  # of 12 months nine are gone: a declaration counts half
    assert belief(row) == pytest.approx(0.1, abs=0.01)
    assert belief({**row, "evidence": [{"grade": "official"}]}) == belief(row)
    assert (
        state({"recruitment_fees": "none", "answered_on": days_ago(800), "evidence": [{"grade": "audit"}]}) == "expired"
    )


def test_evidence_of_a_future_day_counts_nothing_and_the_answer_stays_answered() -> None:
    row = {
        "recruitment_fees": "none",
        "answered_on": days_ago(800),
        "evidence": [{"grade": "audit", "date": "2026-12-01"}],
    }
    assert belief(row) == 0
    assert state(row) == "answered"


def test_an_answer_is_expired_only_when_all_that_stands_behind_it_is() -> None:
    old = {"recruitment_fees": "none", "papers_retention": "worker", "answered_on": days_ago(800)}
    gone, fresh = ({"grade": "audit", "date": days_ago(days), "covers": ["recruitment_fees"]} for days in (900, 30))
    assert state({**old, "evidence": [gone]}) == "expired"
    assert state({**old, "evidence": [gone, fresh]}) == state({**old, "evidence": [fresh, gone]}) == "answered"
    assert state({**old, "evidence": [gone, fresh]}, "papers") == "expired"


@pytest.mark.parametrize("grade", ["audit", "certificate"])
def test_an_audit_or_certificate_counts_nothing_in_a_home_or_where_workers_were_coached(grade: str) -> None:
    row: dict[str, Any] = {"evidence": [{"grade": grade, "date": days_ago(30)}]}
    assert belief(row) == pytest.approx(0.55)
    assert belief(row, model=HOME) == pytest.approx(0.20)
    assert belief({**row, "coached": "yes"}) == pytest.approx(0.20)
    assert belief({**row, "reported_harms": ["coached"]}) == pytest.approx(0.20)
    assert belief({**row, "coached": "declined"}) == pytest.approx(0.20)
    row["evidence"].append({"grade": "worker_voice", "date": days_ago(30)})
    assert belief(row, model=HOME) == pytest.approx(0.80)


def test_a_gate_is_believed_by_the_evidence_of_its_own_question() -> None:
    covered = [{"grade": "worker_voice", "date": days_ago(30), "covers": ["workers_migrant"]}]
    plain, shown = (cells({"workers_migrant": 0, "evidence": told}) for told in ([], covered))
    assert shown.effective[POSITION["fees"], 0] < plain.effective[POSITION["fees"], 0]
    run_out = {"workers_migrant": 0, "answered_on": days_ago(800)}
    assert STATES[cells(run_out).state[POSITION["fees"], 0]] == "not_asked"
    assert STATES[cells({**run_out, "evidence": covered}).state[POSITION["fees"], 0]] == "answered"


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
    evidence = evidence_as_told([2], [("papers",)], [newest_finding])
    answers = with_case_harms(from_rows([{"name": "Invented Works", **row}]), evidence)
    assert report_belief(answers, TOY, ON).tolist() == [pytest.approx(counts)]


def test_reserved_words_in_place_of_evidence_are_no_evidence() -> None:
    for word in ("declined", "cannot_apply"):
        assert belief({"evidence": word}) == belief({})


days = st.integers(-200, 900).map(days_ago)
piece = st.builds(
    Piece,
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
def test_one_more_piece_never_raises_a_score_and_never_lowers_confidence(row: dict, there: list, more: Piece) -> None:
    before, after = (scored({**row, "evidence": tuple(told)}) for told in (there, [*there, more]))
    assert after.total[0] <= before.total[0] + 1e-9
    assert after.worst[0] <= before.worst[0] + 1e-9
    assert after.confidence[0] >= before.confidence[0] - 1e-9
    assert after.coverage[0] >= before.coverage[0] - 1e-9


@examples(60)
@given(rows, st.sampled_from(GRADES), st.integers(0, 900), st.integers(0, 400))
def test_fresher_evidence_never_raises_a_score(row: dict, grade: str, age: int, younger: int) -> None:
    old, fresh = (scored({**row, "evidence": (Piece(grade, days_ago(d)),)}) for d in (age, max(0, age - younger)))
    assert fresh.total[0] <= old.total[0] + 1e-9


@examples(60)
@given(rows, st.lists(piece, max_size=4))
def test_the_order_of_pieces_does_not_matter(row: dict, told: list) -> None:
    one, other = (scored({**row, "evidence": tuple(each)}) for each in (told, told[::-1]))
    assert one.total[0] == other.total[0]


@examples(60)
@given(rows, st.lists(piece, max_size=3))
def test_the_piece_that_is_named_is_the_one_that_counts(row: dict, told: list) -> None:
    answers = from_rows([{**row, "evidence": tuple(told)}])
    believed, named = Belief(answers, TOY, ON), behind(answers, TOY, ON)
    for question in ("recruitment_fees", "papers_retention", "workers_migrant", "hours"):
        q, expired = believed.of(question)
        assert named(question).q == q[0]
        assert named(question).expired == expired[0]
        assert sentence(named(question)).endswith(".")


def test_suppliers_without_pieces_count_the_same_beside_one_that_has_them() -> None:
    plain = {
        "recruitment_fees": "none",
        "evidence_grade": "document",
        "evidence_date": days_ago(250),
        "workers_migrant": 0,
    }
    beside = {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    alone, together = (features(from_rows(told), TOY, FACTS, ON, {}).frame for told in ([plain], [plain, beside]))
    for name in ("belief", "expired", "gated", "gate_belief"):
        assert np.array_equal(getattr(alone, name)[:, 0], getattr(together, name)[:, 0]), name


def test_a_piece_is_an_object_in_json_and_comes_back_as_it_was() -> None:
    told = [
        {"grade": "audit", "date": "2026-03-01", "covers": ["recruitment_fees"], "source": "SMETA-123"},
        {"grade": "official"},
    ]
    assert from_rows([{"evidence": told}]).rows() == [{"evidence": told}]


def test_a_frame_may_hold_pieces_as_any_tuples() -> None:
    whole = ("audit", days_ago(30), None, ("recruitment_fees",), None)
    categories = pd.Index([(whole,)], dtype=object, tupleize_cols=False)
    frame = pd.DataFrame({"evidence": pd.Categorical.from_codes([0], dtype=pd.CategoricalDtype(categories))})
    assert from_frame(frame).rows() == [
        {"evidence": [{"grade": "audit", "date": days_ago(30), "covers": ["recruitment_fees"]}]}
    ]


def test_what_a_piece_counts_is_said_in_words() -> None:
    row = {"evidence": (Piece("document", "2026-03-03", None, ("recruitment_fees",), "SMETA-123"),)}
    named = behind(from_rows([row]), TOY, ON)
    assert sentence(named("recruitment_fees")) == "Document of 3 March 2026 (SMETA-123), counts 0.40 today."
    assert sentence(named("papers_retention")) == "Self-declared, no date given, counts 0.20 today."
    old = behind(from_rows([{"answered_on": "2024-01-05"}]), TOY, ON)
    assert sentence(old("hours")) == "Self-declared, of 5 January 2024: past its time, so it counts 0.00 today."
    home = behind(from_rows([{"evidence_grade": "audit", "evidence_date": "2026-08-01"}]), HOME, ON)
    assert sentence(home("hours")) == (
        "Self-declared, of 1 August 2026, counts 0.20 today. An audit or certificate proves nothing here."
    )
