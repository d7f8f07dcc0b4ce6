"""Named cases of the arithmetic, each small enough to follow by hand on the toy model (weights 4 5 5 3 2 1 1 2 = 23)."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.frame import LEVEL_NAMES, STATES, Cells, Frame, Scores
from risk_models.engine.score import queue_rank, score, threshold
from risk_models.model import Model
from tests.test_risk_models.suppliers import CORE, POSITION, TOY, Cell, K, Supplier, frame

HALF = Supplier(cells=(Cell(context=0.5),) * K)


def scored(supplier: Supplier) -> Scores:
    return score(frame(supplier), TOY)[0]


def cells(supplier: Supplier) -> Cells:
    return score(frame(supplier), TOY)[1]


def level(scores: Scores) -> str:
    return LEVEL_NAMES[scores.level[0]]


def reached(scores: Scores) -> dict[str, str]:
    words = {0: "", 1: "cannot be ruled out", 2: "found"}
    return {f.id: words[int(code)] for f, code in zip(TOY.floors, scores.floors[:, 0], strict=True) if code}


def answered(**risks: float) -> Supplier:
    """Everything answered well, but for the risks named."""
    supplier = HALF
    for name, i in POSITION.items():
        supplier = supplier.with_cell(i, risk=risks.get(name, 0.0))
    return replace(supplier, belief=0.55)


def best_answers(frame: Frame, **risks: float) -> Frame:
    """The same where the best answer there is to some indicators is a risk as well."""
    least = frame.least.copy()
    for name, risk in risks.items():
        least[POSITION[name]] = risk
    return replace(frame, least=least)


def changed(name: str, **changes: object) -> Model:
    """The toy model with one indicator changed."""
    indicators = tuple(replace(i, **changes) if i.id == name else i for i in TOY.indicators)
    return replace(TOY, indicators=indicators)


def calm(supplier: Supplier, context: float = 0.1) -> Supplier:
    """The same supplier in a quiet place and trade."""
    for i in range(K):
        supplier = supplier.with_cell(i, context=context)
    return supplier


def test_a_reassuring_answer_takes_its_credibility_off_the_context() -> None:
    scores, of = score(frame(replace(HALF.with_cell(POSITION["fees"], risk=0.1), belief=0.4)), TOY)
    # e = 0.5 - 0.4 (0.5 - 0.1) = 0.34; it moved 100 x 4/23 x (0.34 - 0.5).
    assert of.effective[POSITION["fees"], 0] == pytest.approx(0.34)
    assert of.moves[POSITION["fees"], 0] == pytest.approx(100 * 4 / 23 * -0.16)
    assert scores.base[0] == pytest.approx(50)
    assert scores.total[0] == pytest.approx(50 - 100 * 4 / 23 * 0.16)


def test_a_reassuring_answer_above_its_context_counts_as_given() -> None:
    supplier = replace(HALF.with_cell(POSITION["hours"], risk=0.4, context=0.2), belief=0.8)
    assert cells(supplier).effective[POSITION["hours"], 0] == pytest.approx(0.4)


def test_admitted_harm_counts_at_least_as_much_as_the_place_makes_likely() -> None:
    admitted = HALF.with_cell(POSITION["fees"], risk=0.6, context=0.9)
    assert cells(admitted).effective[POSITION["fees"], 0] == pytest.approx(0.9)


def test_an_answer_is_harm_from_half_risk_on_and_reassures_below() -> None:
    fees = POSITION["fees"]
    of = [cells(replace(HALF.with_cell(fees, risk=r, context=0.9), belief=0.8)) for r in (0.5, 0.4)]
    assert [each.effective[fees, 0] for each in of] == pytest.approx([0.9, 0.9 - 0.8 * (0.9 - 0.4)])
    assert [bool(each.harms[fees, 0]) for each in of] == [True, False]


def test_an_answer_that_nobody_looked_is_an_answer_and_reassures_nobody() -> None:
    fees = POSITION["fees"]
    supplier = replace(HALF.with_cell(fees, risk=0.49, context=0.9), belief=0.8)
    scores, of = score(frame(supplier), replace(TOY, silent_from=0.49))
    assert of.effective[fees, 0] == pytest.approx(0.9)
    assert STATES[of.state[fees, 0]] == "answered"
    assert scores.coverage[0] == pytest.approx(4 / 23)
    assert scores.worst[0] == pytest.approx(100)
    assert scores.confidence[0] == pytest.approx(30)  # facts alone
    before = score(frame(supplier), TOY)[0]  # a model without silent_from believes it
    assert before.confidence[0] == pytest.approx(30 + 70 * 0.8 * 4 / 23)


def test_at_worst_a_reassuring_answer_is_as_bad_as_it_says_or_the_place_is_where_it_is_not_believed() -> None:
    says_more = score(frame(replace(HALF.with_cell(POSITION["fees"], risk=0.4, context=0.2), belief=0.5)), TOY)[0]
    place_is_worse = score(frame(replace(HALF.with_cell(POSITION["fees"], risk=0.2, context=0.4), belief=0.5)), TOY)[0]
    assert says_more.worst[0] == place_is_worse.worst[0] == pytest.approx(100 - 100 * 4 / 23 * 0.5 * (1 - 0.4))


def test_what_was_asked_and_left_blank_counts_in_full() -> None:
    of = cells(HALF.with_cell(POSITION["fees"], declined=True))
    assert of.effective[POSITION["fees"], 0] == 1
    assert STATES[of.state[POSITION["fees"], 0]] == "declined"


def test_what_nobody_asked_counts_as_usual_there_and_moves_nothing() -> None:
    scores, of = score(frame(HALF), TOY)
    assert (of.moves == 0).all()
    assert (scores.total[0], scores.best[0], scores.worst[0]) == (pytest.approx(50), 0, pytest.approx(100))
    assert not scores.asked[0]


def test_expired_evidence_no_longer_reassures_but_harm_does_not_expire() -> None:
    (old, reassuring), (old_harm, harmful) = (
        score(frame(HALF.with_cell(POSITION["fees"], risk=r, expired=True)), TOY) for r in (0.0, 0.9)
    )
    assert reassuring.effective[POSITION["fees"], 0] == pytest.approx(0.5)
    assert STATES[reassuring.state[POSITION["fees"], 0]] == "expired"
    assert harmful.effective[POSITION["fees"], 0] == pytest.approx(0.9)
    assert STATES[harmful.state[POSITION["fees"], 0]] == "answered"
    assert (old.coverage[0], old_harm.coverage[0]) == (0, pytest.approx(4 / 23))


def test_expired_evidence_leaves_a_bad_answer_as_bad_as_it_is() -> None:
    expired = HALF.with_cell(POSITION["fees"], risk=0.4, expired=True, context=0.2)
    assert cells(expired).effective[POSITION["fees"], 0] == pytest.approx(0.4)


def test_at_best_what_is_open_is_the_best_answer_there_is_or_the_place_where_that_is_better() -> None:
    # Of fees the best answer is a risk of 0.2; of the others 0.
    best = {
        state: score(best_answers(frame(HALF.with_cell(POSITION["fees"], **changes)), fees=0.2), TOY)[0].best[0]
        for state, changes in {
            "not asked": {},
            "expired": {"risk": 0.0, "expired": True},
            "declined": {"declined": True},
            "not asked in a quiet place": {"context": 0.1},
        }.items()
    }
    points = 100 * 4 / 23
    assert best == {
        "not asked": pytest.approx(points * 0.2),
        "expired": pytest.approx(points * 0.2),
        "declined": pytest.approx(points * 0.2),
        "not asked in a quiet place": pytest.approx(points * 0.1),
    }


def test_a_best_case_never_lies_above_the_point_where_the_range_of_a_place_does() -> None:
    of = frame(HALF.with_cell(POSITION["fees"], context=0.1))
    of.context_low[POSITION["fees"]] = 0.3
    assert score(best_answers(of, fees=0.2), TOY)[0].best[0] == pytest.approx(100 * 4 / 23 * 0.1)


def test_a_report_counts_at_least_as_much_as_the_place_makes_likely() -> None:
    denied = replace(HALF.with_cell(POSITION["hours"], risk=0.0, report=0.6, context=0.9), belief=0.8)
    assert cells(denied).effective[POSITION["hours"], 0] == pytest.approx(0.9)


def test_a_report_makes_an_answer_that_the_rule_on_evidence_does_not_count() -> None:
    scores = scored(HALF.with_cell(POSITION["hours"], report=0.6))
    assert scores.coverage[0] == pytest.approx(2 / 23)
    assert scores.coverage_alone[0] == 0
    answered_but_one = answered()
    for name in ("fees", "papers", "wages"):  # 12 of 23
        answered_but_one = answered_but_one.with_cell(POSITION[name], risk=None, report=0.2)
    # Harm lifts the rule on evidence, which reads 11 of 23: the level is that of the place at least.
    assert level(scored(calm(answered_but_one, 0.8))) == "critical"


def test_workers_are_not_outvoted_by_the_answer_of_their_employer() -> None:
    told = answered()
    contradicted = told.with_cell(POSITION["papers"], report=0.8)
    assert cells(contradicted).effective[POSITION["papers"], 0] == pytest.approx(0.8)
    assert reached(scored(contradicted)) == {"strong_sign": "found"}


def test_facts_can_rule_an_indicator_out_and_only_a_report_speaks_against_them() -> None:
    landing = HALF.with_cell(POSITION["sea"], ruled_out=True)
    assert cells(landing).effective[POSITION["sea"], 0] == 0
    assert scored(landing).worst[0] == pytest.approx(100 - 100 * 2 / 23)
    assert cells(landing.with_cell(POSITION["sea"], report=0.8)).effective[POSITION["sea"], 0] == pytest.approx(0.8)


def test_what_facts_rule_out_holds_nothing_back_when_it_is_declined() -> None:
    core, floored = POSITION["papers"], POSITION["violence"]
    ruled_out = answered().with_cell(core, risk=None, declined=True, ruled_out=True)
    ruled_out = ruled_out.with_cell(floored, risk=None, declined=True, ruled_out=True)
    scores = scored(ruled_out)
    assert reached(scores) == {}
    assert scores.total[0] < 50
    assert not scores.core_declined[0]
    assert scores.core_settled[0]
    assert [STATES[cells(ruled_out).state[i, 0]] for i in (core, floored)] == ["ruled_out", "ruled_out"]
    # Out of the worst case as well: it stands where it would with nothing said.
    assert (
        scores.worst[0] == scored(ruled_out.with_cell(core, declined=False).with_cell(floored, declined=False)).worst[0]
    )
    # A report speaks against the facts, and then the silence counts again.
    spoken = scored(ruled_out.with_cell(core, report=0.8))
    assert reached(spoken) == {"strong_sign": "found", "declined_core": "cannot be ruled out"}


def test_the_method_before_hears_what_was_declined_though_facts_rule_it_out() -> None:
    silent = answered().with_cell(POSITION["papers"], risk=None, declined=True, ruled_out=True)
    assert set(reached(score(frame(silent), replace(TOY, method=1))[0])) == {"strong_sign", "declined_core"}


def test_two_answers_that_tell_of_one_sign_count_once() -> None:
    pair = "money_and_papers"
    twice, both = answered(fees=1.0, wages=1.0), answered(wages=0.8, papers=0.8)
    assert pair not in reached(scored(twice))
    assert reached(scored(both))[pair] == "found"
    assert scored(both).total[0] >= 60
    silent = answered()
    for name in ("fees", "wages"):
        silent = silent.with_cell(POSITION[name], risk=None, declined=True)
    assert pair not in reached(scored(silent))
    silent = silent.with_cell(POSITION["papers"], risk=None, declined=True)
    assert reached(scored(silent))[pair] == "cannot be ruled out"


def test_at_worst_two_questions_left_open_that_tell_of_one_sign_count_once() -> None:
    def unasked(*names: str) -> Supplier:
        supplier = replace(answered(), belief=0.8)
        for name in names:
            supplier = supplier.with_cell(POSITION[name], risk=None)
        return supplier

    alone = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "money_and_papers"))
    worst = {
        names: score(frame(unasked(*names)), alone)[0].floor_worst[0]
        for names in (("fees", "wages"), ("wages", "papers"))
    }
    assert worst == {("fees", "wages"): 0, ("wages", "papers"): 60}


def test_signs_are_counted_the_same_for_one_supplier_and_for_thousands() -> None:
    kinds = (answered(fees=1.0, wages=1.0), answered(fees=1.0, papers=0.9), answered(wages=0.9, papers=0.9), answered())
    many, _ = score(frame(*kinds * 1200), TOY)
    alone = np.hstack([scored(kind).floors for kind in kinds])
    assert np.array_equal(many.floors, np.tile(alone, 1200))


def test_a_declaration_of_no_migrants_reassures_as_far_as_it_is_believed() -> None:
    of = cells(replace(HALF, gate=True, belief=0.2))
    assert of.effective[POSITION["papers"], 0] == pytest.approx(0.4)
    assert STATES[of.state[POSITION["papers"], 0]] == "answered"
    assert of.effective[POSITION["violence"], 0] == pytest.approx(0.5)


def test_harm_found_behind_a_gate_overrules_its_declaration_for_all() -> None:
    of = cells(replace(HALF, gate=True, belief=0.2).with_cell(POSITION["fees"], report=0.8))
    assert of.effective[POSITION["papers"], 0] == pytest.approx(0.5)
    assert STATES[of.state[POSITION["papers"], 0]] == "not_asked"


def test_harm_admitted_behind_a_gate_overrules_its_declaration_too() -> None:
    of = cells(replace(HALF, gate=True, belief=0.2).with_cell(POSITION["fees"], risk=0.6))
    assert STATES[of.state[POSITION["papers"], 0]] == "not_asked"


def test_a_gate_counts_wherever_it_gives_less_than_the_own_answer() -> None:
    papers, supplier = POSITION["papers"], replace(HALF.with_cell(POSITION["papers"], risk=0.2), gate=True, belief=0.8)
    scores, of = score(replace(frame(supplier), gate_belief=np.full((K, 1), 0.1)), TOY)
    # Of papers the own answer gives less, but for the best case: with no migrants, no papers are held. Fees have the gate alone.
    assert of.effective[papers, 0] == pytest.approx(0.5 - 0.8 * (0.5 - 0.2))
    assert scores.worst[0] == pytest.approx(100 - 100 * (5 * 0.8 * 0.5 + 4 * 0.1 * 0.5) / 23)
    assert scores.best[0] == 0
    assert scores.confidence[0] == pytest.approx(30 + 70 * (5 * 0.8 + 4 * 0.1) / 23)


def test_a_gate_takes_the_risk_of_the_best_answer_out_of_the_best_case() -> None:
    declared = best_answers(frame(replace(HALF, gate=True)), papers=0.2)
    assert score(declared, TOY)[0].best[0] == 0


def test_a_missing_safeguard_is_harm_only_where_somebody_reports_it() -> None:
    model = changed("channel", safeguard=True)
    admitted, reported = (HALF.with_cell(POSITION["channel"], **cell) for cell in ({"risk": 0.8}, {"report": 0.8}))
    assert [bool(score(frame(supplier), model)[0].harm[0]) for supplier in (admitted, reported)] == [False, True]
    assert scored(admitted).harm[0]  # as an indicator that is no safeguard


def test_a_strong_sign_acts_on_any_report_and_another_from_its_risk_on() -> None:
    assert reached(scored(answered().with_cell(POSITION["papers"], report=0.1))) == {"strong_sign": "found"}
    assert reached(scored(answered().with_cell(POSITION["wages"], report=0.6))) == {}
    assert reached(scored(answered().with_cell(POSITION["wages"], report=0.7))) == {"ilo_sign": "found"}


@pytest.mark.parametrize(
    "silence", [{"risk": None}, {"risk": None, "declined": True}, {"risk": 0.0, "expired": True}, {"risk": 0.6}]
)
def test_at_worst_a_floor_reads_all_that_is_open_or_admitted_as_the_worst(silence: dict[str, object]) -> None:
    # A floor from 0.7 on: what is admitted at 0.6 does not reach it, but at worst it is worse than admitted.
    alone = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "ilo_sign"))
    supplier = calm(answered()).with_cell(POSITION["wages"], **silence)
    assert score(frame(supplier), alone)[0].floor_worst[0] == 25
    assert score(frame(calm(answered())), alone)[0].floor_worst[0] == 0


def test_a_worst_case_lies_no_lower_than_the_floors_that_it_reaches() -> None:
    open_papers = replace(calm(answered()), belief=0.8).with_cell(POSITION["papers"], risk=None)
    assert scored(open_papers).worst[0] == 50


def test_the_worst_case_of_a_core_question_left_open_is_that_it_was_declined() -> None:
    alone = replace(TOY, floors=tuple(floor for floor in TOY.floors if floor.id == "declined_core"))
    assert score(frame(answered().with_cell(POSITION["fees"], risk=None)), alone)[0].floor_worst[0] == 50


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
    scores = scored(answered(**risks))
    assert set(reached(scores)) == floors
    assert scores.total[0] >= at_least
    assert scores.best[0] >= at_least


def test_a_report_of_any_weight_reaches_a_rule_of_strong_signs_alone_and_no_rule_that_reads_other_signs_too() -> None:
    """The report counts 0.8, the rules read from 0.9: only where all that a rule reads is strong does any report do."""
    rule = next(floor for floor in TOY.floors if floor.id == "strong_pair")
    strong, mixed = replace(rule, from_risk=0.9), replace(rule, from_risk=0.9, signs=(("papers",), ("hours",)))
    both = answered(hours=1.0).with_cell(POSITION["papers"], report=0.8).with_cell(POSITION["violence"], report=0.8)
    reached_by = {
        name: int(score(frame(both), replace(TOY, floors=(floor,)))[0].floors[0, 0])
        for name, floor in (("strong", strong), ("mixed", mixed))
    }
    assert reached_by == {"strong": 2, "mixed": 0}


def test_one_strong_sign_is_no_pair_however_grave_it_is_and_however_it_is_known() -> None:
    admitted = answered(papers=1.0)
    for one_sign in (admitted, admitted.with_cell(POSITION["papers"], report=1.0)):
        assert "strong_pair" not in reached(scored(one_sign))


def test_floors_never_read_the_context() -> None:
    supplier = answered()
    for i in range(K):
        supplier = supplier.with_cell(i, context=1.0)
    assert reached(scored(supplier)) == {}


def test_a_declined_strong_sign_holds_the_score_up_but_not_its_best_reading() -> None:
    scores = scored(answered().with_cell(POSITION["papers"], risk=None, declined=True))
    assert reached(scores) == {"strong_sign": "cannot be ruled out", "declined_core": "cannot be ruled out"}
    assert scores.total[0] == 50
    assert scores.best[0] < 50
    assert level(scores) == "high"


def test_a_later_report_does_not_undo_what_silence_could_not_rule_out() -> None:
    silent = answered().with_cell(POSITION["papers"], risk=None, declined=True)
    silent = silent.with_cell(POSITION["violence"], risk=None, declined=True)
    spoken = silent.with_cell(POSITION["papers"], report=0.8)
    assert reached(scored(silent))["strong_pair"] == "cannot be ruled out"
    assert reached(scored(spoken))["strong_pair"] == "cannot be ruled out"
    assert scored(spoken).total[0] >= scored(silent).total[0]


def test_critical_through_declined_answers_alone_is_shown_as_high_and_up_to() -> None:
    silent = answered()
    for name in ("papers", "violence"):
        silent = silent.with_cell(POSITION[name], risk=None, declined=True)
    scores = scored(silent)
    assert scores.total[0] == 75
    assert (level(scores), bool(scores.capped[0])) == ("high", True)


def test_a_place_that_is_critical_only_by_what_was_declined_of_it_makes_no_level_critical() -> None:
    by_silence = replace(calm(answered(), 0.9), belief=0.0, critical_by_silence=True)
    by_facts = replace(by_silence, critical_by_silence=False)
    assert (level(scored(by_silence)), level(scored(by_facts))) == ("high", "critical")
    assert level(scored(by_silence.with_cell(POSITION["hours"], risk=0.6))) == "critical"


def test_where_harm_is_found_a_place_is_as_critical_as_what_was_declined_of_it_makes_it() -> None:
    few_answers = Supplier(cells=(Cell(context=0.8),) * K, belief=0.8, critical_by_silence=True)
    few_answers = few_answers.with_cell(POSITION["violence"], risk=0.0).with_cell(POSITION["hours"], report=0.1)
    assert scored(few_answers).total[0] < 75
    assert level(scored(few_answers)) == "critical"


@pytest.mark.parametrize(
    ("case", "at_least", "name"), [(0, 0, None), (1, 0, None), (2, 75, "case_pattern"), (3, 90, "case_emergency")]
)
def test_case_evidence_is_never_averaged_away(case: int, at_least: float, name: str | None) -> None:
    scores = scored(replace(answered(), case=case))
    assert scores.total[0] >= at_least
    assert (name in reached(scores)) if name else not reached(scores)
    if case >= 2:
        assert level(scores) == "critical"


def test_signals_in_case_records_are_harm() -> None:
    assert [bool(scored(replace(answered(), case=case)).harm[0]) for case in (0, 1)] == [False, True]


def test_levels_begin_at_their_bound_read_off_six_decimals() -> None:
    points = np.array([24.9999, 24.9999999, 25.0, 49.9999, 50.0, 74.9999, 75.0])
    found = [LEVEL_NAMES[code] for code in threshold(points, TOY)]
    assert found == ["low", "medium", "medium", "medium", "high", "high", "critical"]


def test_an_empty_row_is_insufficient_evidence_however_quiet_the_place() -> None:
    quiet = Supplier(cells=(Cell(context=0.01),) * K)
    assert level(scored(quiet)) == "insufficient_evidence"


def test_an_unknown_place_is_insufficient_evidence_even_when_all_is_answered() -> None:
    assert level(scored(replace(answered(), place_known=False))) == "insufficient_evidence"


def test_harm_lifts_insufficient_evidence_to_the_level_of_the_place_at_least() -> None:
    dangerous = Supplier(cells=(Cell(context=0.8),) * K)
    assert level(scored(dangerous)) == "insufficient_evidence"
    assert level(scored(dangerous.with_cell(POSITION["hours"], report=0.8))) == "critical"


def test_a_declined_core_question_lifts_insufficient_evidence_to_the_level_of_the_place_at_least() -> None:
    dangerous = Supplier(cells=(Cell(context=0.8),) * K)
    assert level(scored(dangerous.with_cell(POSITION["fees"], declined=True))) == "critical"


def test_reports_are_no_answers_so_they_do_not_let_a_level_fall_below_that_of_the_place() -> None:
    """Ten of 23 parts are answered well, and two more reported: with the reports that is more than half."""
    known = replace(HALF, belief=0.8)
    for name in ("papers", "violence"):
        known = known.with_cell(POSITION[name], risk=0.0)
    for name in ("channel", "coached"):
        known = known.with_cell(POSITION[name], report=0.8)
    scores = scored(known)
    assert scores.coverage_alone[0] < TOY.insufficient_below < scores.coverage[0]
    assert TOY.levels["medium"] < scores.total[0] < TOY.levels["high"]
    assert level(scores) == LEVEL_NAMES[scores.inherent_level[0]] == "high"


def test_low_needs_every_core_question_answered() -> None:
    quiet = answered()
    for i in range(K):
        quiet = quiet.with_cell(i, context=0.1)
    quiet = replace(quiet, belief=0.55)
    assert level(scored(quiet)) == "low"
    for i in CORE:
        assert level(scored(quiet.with_cell(i, risk=None))) == "medium"


def test_low_needs_evidence_that_bounds_the_worst_case() -> None:
    quiet = answered()
    for i in range(K):
        quiet = quiet.with_cell(i, context=0.1)
    believed, promised = scored(replace(quiet, belief=0.55)), scored(replace(quiet, belief=0.2))
    assert (level(believed), level(promised)) == ("low", "medium")
    assert promised.worst[0] >= 75


def test_confidence_is_three_tenths_facts_and_seven_tenths_evidence() -> None:
    assert scored(replace(answered(), known=0.5)).confidence[0] == pytest.approx(100 * (0.3 * 0.5 + 0.7 * 0.55))


def test_practice_counts_only_what_was_asked() -> None:
    scores = scored(HALF.with_cell(POSITION["fees"], risk=1.0).with_cell(POSITION["papers"], declined=True))
    assert scores.practice_of[0] == pytest.approx(100 * 9 / 23)
    assert scores.practice[0] == pytest.approx(100 * 9 / 23)


def test_the_queue_puts_insufficient_evidence_right_after_the_level_of_its_inherent_risk() -> None:
    low, medium, high, critical, insufficient = range(5)
    levels = np.array([low, insufficient, medium, insufficient, high, critical], dtype=np.int8)
    inherent = np.array([low, medium, medium, high, medium, low], dtype=np.int8)
    order = np.argsort(queue_rank(levels, inherent), kind="stable").tolist()
    assert order == [5, 4, 3, 2, 1, 0]


def test_a_frame_of_another_model_is_refused() -> None:
    other = replace(TOY, indicators=TOY.indicators[:-1])
    with pytest.raises(ValueError, match="8 indicators, toy 1 has 7"):
        score(frame(HALF), other)
