"""Test single cases of the arithmetic, small enough to check by hand on the toy model (weights 4 5 5 3 2 1 1 2 = 23)."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.frame import LEVEL_NAMES, STATES, Cells, Frame, Scores
from risk_models.engine.score import assign_levels, compute_queue_rank, score
from risk_models.model import Model
from tests.test_risk_models.suppliers import CORE, POSITION, TOY, Cell, K, Supplier, build_frame

HALF = Supplier(cells=(Cell(context=0.5),) * K)


def score_one(supplier: Supplier) -> Scores:
    return score(build_frame(supplier), TOY)[0]


def compute_cells(supplier: Supplier) -> Cells:
    return score(build_frame(supplier), TOY)[1]


def get_level(scores: Scores) -> str:
    return LEVEL_NAMES[scores.level[0]]


def list_reached_floors(scores: Scores) -> dict[str, str]:
    words = {0: "", 1: "cannot be ruled out", 2: "found"}
    return {f.id: words[int(code)] for f, code in zip(TOY.floors, scores.floors[:, 0], strict=True) if code}


def build_answered(**risks: float) -> Supplier:
    """Return a supplier with the best answer to everything, except for the risks named."""
    supplier = HALF
    for name, i in POSITION.items():
        supplier = supplier.with_cell(i, risk=risks.get(name, 0.0))
    return replace(supplier, belief=0.55)


def set_lowest_risks(frame: Frame, **risks: float) -> Frame:
    """Return the frame with the best possible answer to some indicators being a risk as well."""
    lowest_risk = frame.lowest_risk.copy()
    for name, risk in risks.items():
        lowest_risk[POSITION[name]] = risk
    return replace(frame, lowest_risk=lowest_risk)


def change_indicator(name: str, **changes: object) -> Model:
    """Return the toy model with one indicator changed."""
    indicators = tuple(replace(i, **changes) if i.id == name else i for i in TOY.indicators)
    return replace(TOY, indicators=indicators)


def set_context(supplier: Supplier, context: float = 0.1) -> Supplier:
    """Return the supplier with one context for every indicator, low by default."""
    for i in range(K):
        supplier = supplier.with_cell(i, context=context)
    return supplier


def test_a_reassuring_answer_takes_its_credibility_off_the_context() -> None:
    scores, cells = score(build_frame(replace(HALF.with_cell(POSITION["fees"], risk=0.1), belief=0.4)), TOY)
    # e = 0.5 - 0.4 (0.5 - 0.1) = 0.34; it moved 100 x 4/23 x (0.34 - 0.5).
    assert cells.effective[POSITION["fees"], 0] == pytest.approx(0.34)
    assert cells.contributions[POSITION["fees"], 0] == pytest.approx(100 * 4 / 23 * -0.16)
    assert scores.base[0] == pytest.approx(50)
    assert scores.total[0] == pytest.approx(50 - 100 * 4 / 23 * 0.16)


def test_a_reassuring_answer_above_its_context_counts_as_given() -> None:
    supplier = replace(HALF.with_cell(POSITION["hours"], risk=0.4, context=0.2), belief=0.8)
    assert compute_cells(supplier).effective[POSITION["hours"], 0] == pytest.approx(0.4)


def test_admitted_harm_counts_at_least_as_much_as_the_place_makes_likely() -> None:
    admitted = HALF.with_cell(POSITION["fees"], risk=0.6, context=0.9)
    assert compute_cells(admitted).effective[POSITION["fees"], 0] == pytest.approx(0.9)


def test_an_answer_is_harm_from_half_risk_on_and_reassures_below() -> None:
    fees = POSITION["fees"]
    results = [compute_cells(replace(HALF.with_cell(fees, risk=r, context=0.9), belief=0.8)) for r in (0.5, 0.4)]
    assert [cells.effective[fees, 0] for cells in results] == pytest.approx([0.9, 0.9 - 0.8 * (0.9 - 0.4)])
    assert [bool(cells.harm[fees, 0]) for cells in results] == [True, False]


def test_an_answer_that_nobody_knows_counts_as_answered_and_does_not_reassure() -> None:
    fees = POSITION["fees"]
    supplier = replace(HALF.with_cell(fees, risk=0.49, context=0.9), belief=0.8)
    scores, cells = score(build_frame(supplier), replace(TOY, unknown_from=0.49))
    assert cells.effective[fees, 0] == pytest.approx(0.9)
    assert STATES[cells.state[fees, 0]] == "answered"
    assert scores.coverage[0] == pytest.approx(4 / 23)
    assert scores.worst[0] == pytest.approx(100)
    assert scores.confidence[0] == pytest.approx(30)  # facts alone
    before = score(build_frame(supplier), TOY)[0]  # a model without unknown_from believes it
    assert before.confidence[0] == pytest.approx(30 + 70 * 0.8 * 4 / 23)


def test_the_worst_case_of_a_reassuring_answer_is_the_higher_of_answer_and_context() -> None:
    answer_higher = score(
        build_frame(replace(HALF.with_cell(POSITION["fees"], risk=0.4, context=0.2), belief=0.5)), TOY
    )[0]
    context_higher = score(
        build_frame(replace(HALF.with_cell(POSITION["fees"], risk=0.2, context=0.4), belief=0.5)), TOY
    )[0]
    assert answer_higher.worst[0] == context_higher.worst[0] == pytest.approx(100 - 100 * 4 / 23 * 0.5 * (1 - 0.4))


def test_a_declined_answer_counts_as_the_full_risk() -> None:
    cells = compute_cells(HALF.with_cell(POSITION["fees"], declined=True))
    assert cells.effective[POSITION["fees"], 0] == 1
    assert STATES[cells.state[POSITION["fees"], 0]] == "declined"


def test_an_indicator_not_asked_counts_at_its_context_and_contributes_nothing() -> None:
    scores, cells = score(build_frame(HALF), TOY)
    assert (cells.contributions == 0).all()
    assert (scores.total[0], scores.best[0], scores.worst[0]) == (pytest.approx(50), 0, pytest.approx(100))
    assert not scores.asked[0]


def test_expired_evidence_no_longer_reassures_but_harm_does_not_expire() -> None:
    (old, reassuring), (old_harm, harmful) = (
        score(build_frame(HALF.with_cell(POSITION["fees"], risk=r, expired=True)), TOY) for r in (0.0, 0.9)
    )
    assert reassuring.effective[POSITION["fees"], 0] == pytest.approx(0.5)
    assert STATES[reassuring.state[POSITION["fees"], 0]] == "expired"
    assert harmful.effective[POSITION["fees"], 0] == pytest.approx(0.9)
    assert STATES[harmful.state[POSITION["fees"], 0]] == "answered"
    assert (old.coverage[0], old_harm.coverage[0]) == (0, pytest.approx(4 / 23))


def test_expired_evidence_leaves_a_bad_answer_as_bad_as_it_is() -> None:
    expired = HALF.with_cell(POSITION["fees"], risk=0.4, expired=True, context=0.2)
    assert compute_cells(expired).effective[POSITION["fees"], 0] == pytest.approx(0.4)


def test_an_open_indicator_is_at_best_the_best_possible_answer_or_the_context_if_lower() -> None:
    # The best answer on fees is a risk of 0.2; on the others 0.
    best = {
        state: score(set_lowest_risks(build_frame(HALF.with_cell(POSITION["fees"], **changes)), fees=0.2), TOY)[0].best[
            0
        ]
        for state, changes in {
            "not asked": {},
            "expired": {"risk": 0.0, "expired": True},
            "declined": {"declined": True},
            "not asked in a low-risk place": {"context": 0.1},
        }.items()
    }
    points = 100 * 4 / 23
    assert best == {
        "not asked": pytest.approx(points * 0.2),
        "expired": pytest.approx(points * 0.2),
        "declined": pytest.approx(points * 0.2),
        "not asked in a low-risk place": pytest.approx(points * 0.1),
    }


def test_the_best_case_is_never_above_the_score_even_where_the_range_of_the_context_is() -> None:
    frame = build_frame(HALF.with_cell(POSITION["fees"], context=0.1))
    frame.context_low[POSITION["fees"]] = 0.3
    assert score(set_lowest_risks(frame, fees=0.2), TOY)[0].best[0] == pytest.approx(100 * 4 / 23 * 0.1)


def test_a_report_counts_at_least_as_much_as_the_place_makes_likely() -> None:
    denied = replace(HALF.with_cell(POSITION["hours"], risk=0.0, report=0.6, context=0.9), belief=0.8)
    assert compute_cells(denied).effective[POSITION["hours"], 0] == pytest.approx(0.9)


def test_a_report_counts_for_coverage_but_not_for_the_rule_on_sufficient_evidence() -> None:
    scores = score_one(HALF.with_cell(POSITION["hours"], report=0.6))
    assert scores.coverage[0] == pytest.approx(2 / 23)
    assert scores.coverage_without_reports[0] == 0
    partly_answered = build_answered()
    for name in ("fees", "papers", "wages"):  # 12 of 23
        partly_answered = partly_answered.with_cell(POSITION[name], risk=None, report=0.2)
    # Coverage for the rule is 11 of 23, but harm is found: the level is at least that of the context.
    assert get_level(score_one(set_context(partly_answered, 0.8))) == "critical"


def test_workers_are_not_outvoted_by_the_answer_of_their_employer() -> None:
    denied = build_answered()
    contradicted = denied.with_cell(POSITION["papers"], report=0.8)
    assert compute_cells(contradicted).effective[POSITION["papers"], 0] == pytest.approx(0.8)
    assert list_reached_floors(score_one(contradicted)) == {"strong_sign": "found"}


def test_facts_can_rule_an_indicator_out_and_only_a_report_contradicts_them() -> None:
    shore_based = HALF.with_cell(POSITION["sea"], ruled_out=True)
    assert compute_cells(shore_based).effective[POSITION["sea"], 0] == 0
    assert score_one(shore_based).worst[0] == pytest.approx(100 - 100 * 2 / 23)
    assert compute_cells(shore_based.with_cell(POSITION["sea"], report=0.8)).effective[
        POSITION["sea"], 0
    ] == pytest.approx(0.8)


def test_a_declined_indicator_that_facts_rule_out_has_no_effect() -> None:
    core, floored = POSITION["papers"], POSITION["violence"]
    ruled_out = build_answered().with_cell(core, risk=None, declined=True, ruled_out=True)
    ruled_out = ruled_out.with_cell(floored, risk=None, declined=True, ruled_out=True)
    scores = score_one(ruled_out)
    assert list_reached_floors(scores) == {}
    assert scores.total[0] < 50
    assert not scores.core_declined[0]
    assert scores.core_settled[0]
    assert [STATES[compute_cells(ruled_out).state[i, 0]] for i in (core, floored)] == ["ruled_out", "ruled_out"]
    # It is out of the worst case as well, which is the same as without an answer.
    assert (
        scores.worst[0]
        == score_one(ruled_out.with_cell(core, declined=False).with_cell(floored, declined=False)).worst[0]
    )
    # A report contradicts the facts, and then the declined answers count again.
    reported = score_one(ruled_out.with_cell(core, report=0.8))
    assert list_reached_floors(reported) == {"strong_sign": "found", "declined_core": "cannot be ruled out"}


def test_under_method_1_a_declined_answer_counts_even_where_facts_rule_it_out() -> None:
    declined = build_answered().with_cell(POSITION["papers"], risk=None, declined=True, ruled_out=True)
    assert set(list_reached_floors(score(build_frame(declined), replace(TOY, method=1))[0])) == {
        "strong_sign",
        "declined_core",
    }


def test_two_indicators_of_one_signal_count_once() -> None:
    pair = "money_and_papers"
    twice, both = build_answered(fees=1.0, wages=1.0), build_answered(wages=0.8, papers=0.8)
    assert pair not in list_reached_floors(score_one(twice))
    assert list_reached_floors(score_one(both))[pair] == "found"
    assert score_one(both).total[0] >= 60
    declined = build_answered()
    for name in ("fees", "wages"):
        declined = declined.with_cell(POSITION[name], risk=None, declined=True)
    assert pair not in list_reached_floors(score_one(declined))
    declined = declined.with_cell(POSITION["papers"], risk=None, declined=True)
    assert list_reached_floors(score_one(declined))[pair] == "cannot be ruled out"


def test_in_the_worst_case_two_open_indicators_of_one_signal_count_once() -> None:
    def unasked(*names: str) -> Supplier:
        supplier = replace(build_answered(), belief=0.8)
        for name in names:
            supplier = supplier.with_cell(POSITION[name], risk=None)
        return supplier

    one_floor = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "money_and_papers"))
    worst = {
        names: score(build_frame(unasked(*names)), one_floor)[0].worst_floor_points[0]
        for names in (("fees", "wages"), ("wages", "papers"))
    }
    assert worst == {("fees", "wages"): 0, ("wages", "papers"): 60}


def test_signals_are_counted_the_same_for_one_supplier_and_for_thousands() -> None:
    kinds = (
        build_answered(fees=1.0, wages=1.0),
        build_answered(fees=1.0, papers=0.9),
        build_answered(wages=0.9, papers=0.9),
        build_answered(),
    )
    many, _ = score(build_frame(*kinds * 1200), TOY)
    alone = np.hstack([score_one(kind).floors for kind in kinds])
    assert np.array_equal(many.floors, np.tile(alone, 1200))


def test_a_declaration_of_no_migrants_reassures_as_far_as_it_is_believed() -> None:
    cells = compute_cells(replace(HALF, screened=True, belief=0.2))
    assert cells.effective[POSITION["papers"], 0] == pytest.approx(0.4)
    assert STATES[cells.state[POSITION["papers"], 0]] == "answered"
    assert cells.effective[POSITION["violence"], 0] == pytest.approx(0.5)


def test_a_report_of_harm_overrules_a_screening_answer_for_all_its_indicators() -> None:
    cells = compute_cells(replace(HALF, screened=True, belief=0.2).with_cell(POSITION["fees"], report=0.8))
    assert cells.effective[POSITION["papers"], 0] == pytest.approx(0.5)
    assert STATES[cells.state[POSITION["papers"], 0]] == "not_asked"


def test_admitted_harm_overrules_a_screening_answer_too() -> None:
    cells = compute_cells(replace(HALF, screened=True, belief=0.2).with_cell(POSITION["fees"], risk=0.6))
    assert STATES[cells.state[POSITION["papers"], 0]] == "not_asked"


def test_a_screening_answer_counts_where_it_gives_less_than_the_own_answer() -> None:
    papers, supplier = (
        POSITION["papers"],
        replace(HALF.with_cell(POSITION["papers"], risk=0.2), screened=True, belief=0.8),
    )
    scores, cells = score(replace(build_frame(supplier), screening_belief=np.full((K, 1), 0.1)), TOY)
    # For papers the own answer gives less, except in the best case: without migrants, no papers are held.
    # Fees have no answer of their own.
    assert cells.effective[papers, 0] == pytest.approx(0.5 - 0.8 * (0.5 - 0.2))
    assert scores.worst[0] == pytest.approx(100 - 100 * (5 * 0.8 * 0.5 + 4 * 0.1 * 0.5) / 23)
    assert scores.best[0] == 0
    assert scores.confidence[0] == pytest.approx(30 + 70 * (5 * 0.8 + 4 * 0.1) / 23)


def test_a_screening_answer_removes_the_risk_of_the_best_answer_from_the_best_case() -> None:
    declared = set_lowest_risks(build_frame(replace(HALF, screened=True)), papers=0.2)
    assert score(declared, TOY)[0].best[0] == 0


def test_a_missing_safeguard_is_harm_only_where_somebody_reports_it() -> None:
    model = change_indicator("channel", safeguard=True)
    admitted, reported = (
        HALF.with_cell(POSITION["channel"], **changes) for changes in ({"risk": 0.8}, {"report": 0.8})
    )
    assert [bool(score(build_frame(supplier), model)[0].harm[0]) for supplier in (admitted, reported)] == [False, True]
    assert score_one(admitted).harm[0]  # as an indicator that is no safeguard


def test_a_severe_indicator_reaches_its_floor_by_any_report_and_another_from_its_risk_on() -> None:
    assert list_reached_floors(score_one(build_answered().with_cell(POSITION["papers"], report=0.1))) == {
        "strong_sign": "found"
    }
    assert list_reached_floors(score_one(build_answered().with_cell(POSITION["wages"], report=0.6))) == {}
    assert list_reached_floors(score_one(build_answered().with_cell(POSITION["wages"], report=0.7))) == {
        "ilo_sign": "found"
    }


@pytest.mark.parametrize(
    "changes", [{"risk": None}, {"risk": None, "declined": True}, {"risk": 0.0, "expired": True}, {"risk": 0.6}]
)
def test_in_the_worst_case_a_floor_reads_open_and_admitted_indicators_at_full_risk(changes: dict[str, object]) -> None:
    # A floor from 0.7 on: an answer at 0.6 does not reach it, but in the worst case it is worse than admitted.
    one_floor = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "ilo_sign"))
    supplier = set_context(build_answered()).with_cell(POSITION["wages"], **changes)
    assert score(build_frame(supplier), one_floor)[0].worst_floor_points[0] == 25
    assert score(build_frame(set_context(build_answered())), one_floor)[0].worst_floor_points[0] == 0


def test_the_worst_case_is_at_least_the_floors_that_it_reaches() -> None:
    open_papers = replace(set_context(build_answered()), belief=0.8).with_cell(POSITION["papers"], risk=None)
    assert score_one(open_papers).worst[0] == 50


def test_the_worst_case_of_an_open_core_question_is_that_it_is_declined() -> None:
    one_floor = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "declined_core"))
    assert (
        score(build_frame(build_answered().with_cell(POSITION["fees"], risk=None)), one_floor)[0].worst_floor_points[0]
        == 50
    )


@pytest.mark.parametrize(
    ("risks", "floors", "at_least"),
    [
        ({"papers": 1.0}, {"strong_sign"}, 50),
        ({"papers": 0.5}, {"strong_sign"}, 50),
        ({"papers": 0.49}, set(), 0),
        ({"wages": 0.9}, {"ilo_sign"}, 25),
        ({"wages": 0.69}, set(), 0),
        ({"papers": 1.0, "violence": 1.0}, {"strong_sign", "strong_pair"}, 75),
        ({"hours": 1.0, "channel": 0.8}, set(), 0),
    ],
)
def test_floors_read_what_was_admitted(risks: dict[str, float], floors: set[str], at_least: float) -> None:
    scores = score_one(build_answered(**risks))
    assert set(list_reached_floors(scores)) == floors
    assert scores.total[0] >= at_least
    assert scores.best[0] >= at_least


def test_any_report_reaches_a_floor_of_severe_indicators_alone_and_none_that_reads_others_too() -> None:
    """The report counts 0.8 and the floors read from 0.9: any report is enough only where all indicators are severe."""
    strong_pair = next(floor for floor in TOY.floors if floor.id == "strong_pair")
    severe, mixed = (
        replace(strong_pair, min_risk=0.9),
        replace(strong_pair, min_risk=0.9, signals=(("papers",), ("hours",))),
    )
    both = (
        build_answered(hours=1.0).with_cell(POSITION["papers"], report=0.8).with_cell(POSITION["violence"], report=0.8)
    )
    reached = {
        name: int(score(build_frame(both), replace(TOY, floors=(floor,)))[0].floors[0, 0])
        for name, floor in (("severe", severe), ("mixed", mixed))
    }
    assert reached == {"severe": 2, "mixed": 0}


def test_one_severe_signal_is_no_pair_however_high_its_risk_and_whoever_reports_it() -> None:
    admitted = build_answered(papers=1.0)
    for supplier in (admitted, admitted.with_cell(POSITION["papers"], report=1.0)):
        assert "strong_pair" not in list_reached_floors(score_one(supplier))


def test_floors_never_read_the_context() -> None:
    supplier = build_answered()
    for i in range(K):
        supplier = supplier.with_cell(i, context=1.0)
    assert list_reached_floors(score_one(supplier)) == {}


def test_a_declined_severe_signal_raises_the_score_but_not_the_best_case() -> None:
    scores = score_one(build_answered().with_cell(POSITION["papers"], risk=None, declined=True))
    assert list_reached_floors(scores) == {"strong_sign": "cannot be ruled out", "declined_core": "cannot be ruled out"}
    assert scores.total[0] == 50
    assert scores.best[0] < 50
    assert get_level(scores) == "high"


def test_a_report_does_not_undo_a_floor_reached_by_declined_answers() -> None:
    declined = build_answered().with_cell(POSITION["papers"], risk=None, declined=True)
    declined = declined.with_cell(POSITION["violence"], risk=None, declined=True)
    reported = declined.with_cell(POSITION["papers"], report=0.8)
    assert list_reached_floors(score_one(declined))["strong_pair"] == "cannot be ruled out"
    assert list_reached_floors(score_one(reported))["strong_pair"] == "cannot be ruled out"
    assert score_one(reported).total[0] >= score_one(declined).total[0]


def test_critical_through_declined_answers_alone_is_capped_at_high() -> None:
    declined = build_answered()
    for name in ("papers", "violence"):
        declined = declined.with_cell(POSITION[name], risk=None, declined=True)
    scores = score_one(declined)
    assert scores.total[0] == 75
    assert (get_level(scores), bool(scores.capped[0])) == ("high", True)


def test_a_place_that_is_critical_only_by_declined_facts_makes_no_level_critical() -> None:
    by_declined = replace(set_context(build_answered(), 0.9), belief=0.0, critical_by_declined=True)
    by_facts = replace(by_declined, critical_by_declined=False)
    assert (get_level(score_one(by_declined)), get_level(score_one(by_facts))) == ("high", "critical")
    assert get_level(score_one(by_declined.with_cell(POSITION["hours"], risk=0.6))) == "critical"


def test_with_harm_found_a_place_that_is_critical_by_declined_facts_makes_the_level_critical() -> None:
    few_answers = Supplier(cells=(Cell(context=0.8),) * K, belief=0.8, critical_by_declined=True)
    few_answers = few_answers.with_cell(POSITION["violence"], risk=0.0).with_cell(POSITION["hours"], report=0.1)
    assert score_one(few_answers).total[0] < 75
    assert get_level(score_one(few_answers)) == "critical"


@pytest.mark.parametrize(
    ("case", "at_least", "name"), [(0, 0, None), (1, 0, None), (2, 75, "case_pattern"), (3, 90, "case_emergency")]
)
def test_case_evidence_is_never_averaged_away(case: int, at_least: float, name: str | None) -> None:
    scores = score_one(replace(build_answered(), case=case))
    assert scores.total[0] >= at_least
    assert (name in list_reached_floors(scores)) if name else not list_reached_floors(scores)
    if case >= 2:
        assert get_level(scores) == "critical"


def test_signals_in_case_records_are_harm() -> None:
    assert [bool(score_one(replace(build_answered(), case=case)).harm[0]) for case in (0, 1)] == [False, True]


def test_levels_start_at_their_bound_read_off_six_decimals() -> None:
    points = np.array([24.9999, 24.9999999, 25.0, 49.9999, 50.0, 74.9999, 75.0])
    levels = [LEVEL_NAMES[code] for code in assign_levels(points, TOY)]
    assert levels == ["low", "medium", "medium", "medium", "high", "high", "critical"]


def test_an_empty_row_is_insufficient_evidence_however_low_the_inherent_risk() -> None:
    low_risk = Supplier(cells=(Cell(context=0.01),) * K)
    assert get_level(score_one(low_risk)) == "insufficient_evidence"


def test_an_unknown_place_is_insufficient_evidence_even_when_all_is_answered() -> None:
    assert get_level(score_one(replace(build_answered(), place_known=False))) == "insufficient_evidence"


def test_harm_gives_at_least_the_level_of_the_place_without_sufficient_evidence() -> None:
    high_risk = Supplier(cells=(Cell(context=0.8),) * K)
    assert get_level(score_one(high_risk)) == "insufficient_evidence"
    assert get_level(score_one(high_risk.with_cell(POSITION["hours"], report=0.8))) == "critical"


def test_a_declined_core_question_gives_at_least_the_level_of_the_place_without_sufficient_evidence() -> None:
    high_risk = Supplier(cells=(Cell(context=0.8),) * K)
    assert get_level(score_one(high_risk.with_cell(POSITION["fees"], declined=True))) == "critical"


def test_reports_do_not_count_as_answers_for_the_rule_on_sufficient_evidence() -> None:
    """Ten of 23 parts are answered well, and two more are reported: together more than half."""
    partly_answered = replace(HALF, belief=0.8)
    for name in ("papers", "violence"):
        partly_answered = partly_answered.with_cell(POSITION[name], risk=0.0)
    for name in ("channel", "coached"):
        partly_answered = partly_answered.with_cell(POSITION[name], report=0.8)
    scores = score_one(partly_answered)
    assert scores.coverage_without_reports[0] < TOY.insufficient_below < scores.coverage[0]
    assert TOY.levels["medium"] < scores.total[0] < TOY.levels["high"]
    assert get_level(scores) == LEVEL_NAMES[scores.inherent_level[0]] == "high"


def test_low_needs_every_core_question_answered() -> None:
    low_risk = build_answered()
    for i in range(K):
        low_risk = low_risk.with_cell(i, context=0.1)
    low_risk = replace(low_risk, belief=0.55)
    assert get_level(score_one(low_risk)) == "low"
    for i in CORE:
        assert get_level(score_one(low_risk.with_cell(i, risk=None))) == "medium"


def test_low_needs_evidence_that_bounds_the_worst_case() -> None:
    low_risk = build_answered()
    for i in range(K):
        low_risk = low_risk.with_cell(i, context=0.1)
    believed, promised = score_one(replace(low_risk, belief=0.55)), score_one(replace(low_risk, belief=0.2))
    assert (get_level(believed), get_level(promised)) == ("low", "medium")
    assert promised.worst[0] >= 75


def test_confidence_is_three_tenths_facts_and_seven_tenths_evidence() -> None:
    assert score_one(replace(build_answered(), inherent_known=0.5)).confidence[0] == pytest.approx(
        100 * (0.3 * 0.5 + 0.7 * 0.55)
    )


def test_practice_counts_only_what_was_asked() -> None:
    scores = score_one(HALF.with_cell(POSITION["fees"], risk=1.0).with_cell(POSITION["papers"], declined=True))
    assert scores.practice_of[0] == pytest.approx(100 * 9 / 23)
    assert scores.practice[0] == pytest.approx(100 * 9 / 23)


def test_in_the_queue_insufficient_evidence_follows_the_level_of_its_inherent_risk() -> None:
    low, medium, high, critical, insufficient = range(5)
    levels = np.array([low, insufficient, medium, insufficient, high, critical], dtype=np.int8)
    inherent = np.array([low, medium, medium, high, medium, low], dtype=np.int8)
    order = np.argsort(compute_queue_rank(levels, inherent), kind="stable").tolist()
    assert order == [5, 4, 3, 2, 1, 0]


def test_a_frame_of_another_model_is_rejected() -> None:
    other_model = replace(TOY, indicators=TOY.indicators[:-1])
    with pytest.raises(ValueError, match="8 indicators, toy 1 has 7"):
        score(build_frame(HALF), other_model)
