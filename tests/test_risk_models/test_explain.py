"""Test the sentences that explain results: each reason with its points, its sources, and what contradicts it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from risk_models.action_library import load_actions
from risk_models.explain import (
    CONFIRMED,
    UNCONFIRMED,
    Reason,
    describe_floor,
    describe_own_answer,
    explain_missing_agency,
    explain_result,
    explain_why_not_low,
)
from risk_models.model import Indicator, Model
from tests.test_risk_models.world import FACTS, SITE, SOURCE

ANSWER_TITLES = {
    "none": "None",
    "all": "All of them",
    "employer": "The employer",
    "fees": "Fees for the job",
    "hours": "Long hours",
    "too_long": "Days too long",
    "no_rest": "No day of rest",
    "passports": "Passports held",
}


def get_title(question: str, answer: object) -> str:
    """Return an answer in words, as a questionnaire has them."""
    return ANSWER_TITLES.get(str(answer), str(answer))


def build_answer_entry(indicator: str, state: str, value: object = None, **numbers: object) -> dict[str, object]:
    """Return a stored reason of kind "answer"."""
    return {
        "indicator": indicator,
        "kind": "answer",
        "state": state,
        "value": value,
        "e": 0.5,
        "c": 0.5,
        "points": 0.0,
    } | numbers


def build_fact_entry(name: str, state: str = "known", value: object = 2.0, **numbers: object) -> dict[str, object]:
    """Return a stored reason of kind "context"."""
    return {
        "indicator": name,
        "kind": "context",
        "state": state,
        "value": value,
        "e": 0.2,
        "c": None,
        "points": 5.0,
    } | numbers


def explain(*stored: Mapping[str, object], model: Model = SITE, **options: object) -> tuple[Reason, ...]:
    return explain_result(model, FACTS, options.pop("country", "AA"), stored, get_title, **options)  # type: ignore[arg-type]


def explain_one(stored: Mapping[str, object], **options: object) -> Reason:
    return explain(stored, **options)[0]


def change_indicator(name: str, model: Model = SITE, **changes: object) -> Model:
    indicators: tuple[Indicator, ...] = tuple(replace(i, **changes) if i.id == name else i for i in model.indicators)
    return replace(model, indicators=indicators)


# --- answers


@pytest.mark.parametrize(
    ("state", "value", "text"),
    [
        ("not_asked", None, "Not asked: assumed to be typical of the country and sector."),
        (
            "declined",
            "declined",
            "The question was left blank on the returned questionnaire, so this cannot be ruled out.",
        ),
        ("ruled_out", "none", "Ruled out by other information."),
        ("answered", "none", "Workers pay: None."),
        ("answered", "all", "Workers pay: All of them. Indicators consistent with debt bondage."),
        ("expired", "none", "Workers pay: None. The evidence has expired, so it no longer lowers the risk."),
        ("expired", "all", "Workers pay: All of them. Indicators consistent with debt bondage."),
        ("reported", None, "Reported by workers or officials. Indicators consistent with debt bondage."),
    ],
)
def test_each_state_of_an_answer_has_its_own_sentence(state: str, value: object, text: str) -> None:
    assert explain_one(build_answer_entry("fees", state, value)).text == text


@pytest.mark.parametrize(
    ("state", "value", "harm"),
    [
        ("answered", "none", False),
        ("answered", "some", True),
        ("expired", "all", True),
        ("reported", "none", True),
        ("declined", "declined", False),
        ("not_asked", None, False),
        ("ruled_out", "all", False),
    ],
)
def test_harm_is_admitted_or_reported_and_never_a_declined_answer(state: str, value: object, harm: bool) -> None:
    assert explain_one(build_answer_entry("fees", state, value)).harm is harm


def test_an_answer_is_harm_from_half_risk_on() -> None:
    model = change_indicator("hours", because="{value} hours a week.")
    assert [
        explain_one(build_answer_entry("hours", "answered", hours), model=model).harm for hours in (63.9, 64.0)
    ] == [False, True]


def test_several_answers_to_one_question_are_harm_if_the_worst_of_them_is() -> None:
    assert explain_one(build_answer_entry("fees", "answered", ["none", "some"])).harm
    assert not explain_one(build_answer_entry("fees", "answered", ["none"])).harm


def test_a_reason_keeps_the_numbers_and_the_sources_of_its_result() -> None:
    reason = explain_one(build_answer_entry("fees", "answered", "all", e=0.9, c=0.4, points=8.7))
    assert (reason.id, reason.kind, reason.title) == ("fees", "answer", "Workers pay to get the job")
    assert (reason.effective, reason.context, reason.points, reason.sources) == (0.9, 0.4, 8.7, ("FL09",))
    assert (reason.state, reason.value, reason.question, reason.answer) == (
        "answered",
        "All of them",
        "recruitment_fees",
        "all",
    )


def test_the_points_explained_are_those_stored_and_in_their_order() -> None:
    stored = [
        build_fact_entry("country.law"),
        build_fact_entry("sector.hazard", points=25.5),
        build_answer_entry("fees", "answered", "all", points=8.7),
    ]
    explained = explain(*stored, build_fact_entry("answer.migrant_pct", value=10.0, points=1.7))
    assert [(reason.id, reason.points) for reason in explained] == [
        ("country.law", 5.0),
        ("sector.hazard", 25.5),
        ("fees", 8.7),
        ("answer.migrant_pct", 1.7),
    ]


def test_evidence_is_named_for_an_answer_and_for_nothing_else() -> None:
    evidence_texts = {
        state: explain_one(
            build_answer_entry("fees", state, "none"), get_evidence_text=lambda question: f"Evidence on {question}."
        ).evidence
        for state in ("answered", "expired", "reported", "declined", "not_asked", "ruled_out")
    }
    named = {state for state, evidence in evidence_texts.items() if evidence == "Evidence on recruitment_fees."}
    assert named == {"answered", "expired"}
    assert {evidence for state, evidence in evidence_texts.items() if state not in named} == {""}


# --- cannot apply, and screening questions


def test_an_answer_that_it_cannot_apply_has_a_state_of_its_own_and_is_believed_as_far_as_its_evidence_goes() -> None:
    reason = explain_one(
        build_answer_entry("fees", "answered", "cannot_apply"),
        get_evidence_text=lambda question: f"Evidence on {question}.",
    )
    assert (reason.state, reason.harm) == ("cannot_apply", False)
    assert (
        reason.text
        == "Answered: this does not apply here. The answer counts only to the extent that the evidence supports it."
    )
    assert reason.evidence == "Evidence on recruitment_fees."


def test_a_screening_answer_applies_to_its_indicators_with_its_own_evidence() -> None:
    reason = explain_one(
        build_answer_entry("fees", "answered", None), get_evidence_text=lambda question: f"Evidence on {question}."
    )
    assert (reason.state, reason.text) == (
        "cannot_apply",
        'Because of the declaration "No migrant workers", this does not apply here.',
    )
    assert reason.evidence == "Evidence on workers_migrant."


def test_harm_contradicts_a_screening_answer() -> None:
    contradicted = ' This contradicts the declaration "No migrant workers", which is therefore disregarded here.'
    texts = {
        answers["workers_migrant"]: explain_one(
            build_answer_entry("papers", "answered", "employer"), answers=answers
        ).text
        for answers in ({"workers_migrant": 0}, {"workers_migrant": 5})
    }
    assert texts[0] == texts[5] + contradicted
    assert (
        "contradicts"
        not in explain_one(build_answer_entry("papers", "answered", "worker"), answers={"workers_migrant": 0}).text
    )
    assert (
        "contradicts"
        not in explain_one(build_answer_entry("violence", "answered", "yes"), answers={"workers_migrant": 0}).text
    )


# --- reports


@pytest.mark.parametrize(
    ("by", "who"),
    [
        ("workers", "workers"),
        ("union", "a union"),
        ("ngo", "an NGO or the press"),
        ("official", "an authority"),
        (None, "workers or officials"),
    ],
)
def test_a_report_names_who_made_it_and_then_what_the_supplier_says(by: str | None, who: str) -> None:
    answers = {"reported_harms": ["fees"], "reported_by": by}
    reason = explain_one(build_answer_entry("fees", "reported", "none"), answers=answers)
    assert reason.reported == f"Reported by {who}: fees for the job"
    assert (
        reason.text
        == f"Reported by {who}: fees for the job. Indicators consistent with debt bondage. The supplier says: none."
    )
    assert reason.value == "None"


def test_a_report_on_which_the_supplier_says_nothing_names_nothing_of_it() -> None:
    reason = explain_one(
        build_answer_entry("hours", "reported", None), answers={"reported_harms": ["hours"], "reported_by": "workers"}
    )
    assert reason.text == "Reported by workers: long hours. Indicators consistent with excessive overtime."


def test_a_report_beside_a_blank_says_that_the_question_was_left_blank() -> None:
    answers = {"reported_harms": ["hours"], "reported_by": "workers"}
    text = explain_one(build_answer_entry("hours", "reported", "declined"), answers=answers).text
    assert text.endswith(" The supplier left the question blank.")


def test_what_case_records_found_and_what_workers_answered_are_separate_reports() -> None:
    model = change_indicator("hours", report_sources={"worker_answers": ("too_long", "no_rest")})
    answers = {"case_harms": ("hours",), "worker_answers": ["too_long", "no_rest", "other"]}
    reason = explain_one(build_answer_entry("hours", "reported", 50.0), model=model, answers=answers)
    assert reason.reported == "Reported by workers: days too long; no day of rest. Reported in case records: long hours"


def test_what_case_records_found_goes_by_the_title_of_the_indicator_where_no_sheet_has_words_for_it() -> None:
    reason = explain_one(build_answer_entry("papers", "reported", None), answers={"case_harms": ("papers",)})
    assert reason.reported == "Reported in case records: papers are held"


def test_an_indicator_may_go_by_other_codes_of_a_report_than_its_own() -> None:
    model = change_indicator("papers", report_sources={"reported_harms": ("passports",)})
    answers = {"reported_harms": ["passports"], "reported_by": "union"}
    assert explain_one(build_answer_entry("papers", "reported", None), model=model, answers=answers).reported == (
        "Reported by a union: passports held"
    )


def test_an_own_answer_names_the_supplier_or_the_agency_and_keeps_capitals() -> None:
    assert describe_own_answer("site", "none", "None of them") == "The supplier says: none of them"
    assert describe_own_answer("agency", "none", "AIS is off") == "The agency says: AIS is off"
    assert describe_own_answer("agency", "declined", "Left blank") == "The agency left the question blank"


# --- remedied harm


@pytest.mark.parametrize(("effective", "sentence", "harm"), [(0.6, UNCONFIRMED, True), (0.45, CONFIRMED, False)])
def test_remedied_harm_counts_until_workers_or_an_authority_confirm_the_remedy(
    effective: float, sentence: str, harm: bool
) -> None:
    model = change_indicator("fees", confirmed_risks={"some": 0.45})
    stored = build_answer_entry("fees", "answered", "some", e=effective, c=0.3)
    reason = explain_one(stored, model=model, get_evidence_text=lambda question: "Evidence.")
    assert (reason.evidence, reason.harm) == (f"Evidence. {sentence}", harm)
    assert sentence not in reason.text
    assert (
        explain_one(
            build_answer_entry("fees", "answered", "all"), model=model, get_evidence_text=lambda question: "Evidence."
        ).evidence
        == "Evidence."
    )


def test_a_remedy_is_confirmed_where_the_effective_risk_is_below_that_of_the_place() -> None:
    model = change_indicator("fees", confirmed_risks={"some": 0.45})
    effects = {
        e: explain_one(build_answer_entry("fees", "answered", "some", e=e, c=0.8), model=model).harm for e in (0.8, 0.7)
    }
    assert effects == {0.8: True, 0.7: False}


def test_remedied_harm_that_is_reported_again_is_harm() -> None:
    model = change_indicator("fees", confirmed_risks={"some": 0.45})
    assert explain_one(build_answer_entry("fees", "reported", "some", e=0.45, c=0.3), model=model).harm


# --- other sectors

PACK = replace(
    SITE, id="pack", title="The pack", indicators=(replace(SITE.indicators[0], id="crew", title="Crew left behind"),)
)


@pytest.mark.parametrize(
    ("answers", "trade"),
    [
        ({"sector": ["0311", "4100"]}, "another of its sectors"),
        ({}, "a possible sector, because the supplier's sector is not known"),
        ({"sector": "declined"}, "a possible sector, because the supplier's sector is not known"),
    ],
)
def test_what_only_the_model_of_another_sector_asks_is_a_finding_without_points(
    answers: dict[str, object], trade: str
) -> None:
    reason = explain_one(build_answer_entry("crew", "answered", "all"), other_models=[PACK], answers=answers)
    assert reason.text == (
        "Workers pay: All of them. Indicators consistent with debt bondage. "
        f'This question is asked only under "The pack", {trade}. The answer is a finding but adds no points here.'
    )


def test_what_both_models_ask_goes_by_the_words_of_the_supplier_itself() -> None:
    pack = change_indicator("fees", title="Fees, as the pack has it")
    reason = explain_one(build_answer_entry("fees", "answered", "all"), other_models=[pack], answers={})
    assert reason.title == "Workers pay to get the job"
    assert "asked only under" not in reason.text


# --- contexts


def test_a_fact_of_a_country_bears_its_source_and_its_year_before_those_of_the_rule() -> None:
    reason = explain_one(build_fact_entry("country.law"))
    assert (reason.title, reason.text, reason.value) == ("The title of law", "Because of governance.", "2")
    assert (reason.sources, reason.year, reason.kind) == ((SOURCE, "EN-1"), 2024, "context")
    elsewhere = explain_one(build_fact_entry("country.law"), country=None)
    assert (elsewhere.sources, elsewhere.year) == (("EN-1",), None)


def test_a_fact_that_was_answered_goes_by_the_title_of_its_rule() -> None:
    reason = explain_one(build_fact_entry("answer.migrant_pct", value=41.25))
    assert (reason.title, reason.value, reason.sources, reason.year) == (
        "The title of migrants",
        "41.25",
        ("EN-1",),
        None,
    )


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ("known", ""),
        (
            "filled",
            " There is no figure for this country, so the value for the most similar countries is used.",
        ),
        (
            "unknown",
            " We have no data for this supplier, so this adds nothing to the score but counts in full in the worst case.",
        ),
        ("declined", " The question was left blank, so the top of the scale is used."),
    ],
)
def test_a_fact_says_how_it_is_known(state: str, note: str) -> None:
    assert explain_one(build_fact_entry("country.crises", state)).text == f"Because of governance.{note}"
    assert explain_one(build_fact_entry("corridor_fees", state)).text == f"Because of corridor_fees.{note}"


def test_under_a_model_that_counts_unrecognised_answers_like_blanks_a_fact_says_so() -> None:
    entry = build_fact_entry("corridor_fees", "declined")
    text = explain_one(entry, model=replace(SITE, unrecognised_goods_blank=True)).text
    assert text.endswith("was left blank or the answer was not recognised, so the top of the scale is used.")


def test_of_facts_about_one_conduct_those_without_points_say_that_another_counts() -> None:
    model = replace(SITE, contexts=(replace(SITE.contexts[2], takes_largest=True),))
    note = "Another fact about the same conduct weighs more and counts instead of this one."
    texts = [
        explain_one(build_fact_entry("answer.migrant_pct", value=value, points=points), model=model).text
        for value, points in ((40.0, 0.0), (40.0, 3.0), (0.0, 0.0), (None, 0.0))
    ]
    assert [note in text for text in texts] == [True, False, False, False]


def test_a_sharper_context_is_explained_by_its_own_rule() -> None:
    reason = explain_one(build_fact_entry("corridor_fees", value=8.0))
    assert (reason.title, reason.value, reason.sources) == ("The title of corridor_fees", "8", ("CF13",))


def test_the_worst_agency_is_explained_by_which_it_is() -> None:
    assert explain_one(build_fact_entry("agency", value=80.0), agency="Swift Hands: 80.0.").text == "Swift Hands: 80.0."
    reason = explain_one(build_fact_entry("agency", "declined", None))
    assert reason.text.startswith(
        "The highest-scoring agency named here sets the baseline for recruitment through it. The question was left blank"
    )
    assert (reason.title, reason.value, reason.sources) == ("Highest-scoring agency named", "", ("SD-64", "SD-65"))


def test_a_place_that_is_not_known_is_no_place_that_was_declined() -> None:
    unknown, declined = (
        explain_one(build_fact_entry("unknown_place", state, None)) for state in ("unknown", "declined")
    )
    assert unknown.title == "Country or sector unknown"
    assert "three quarters of the countries and sectors" in unknown.text
    assert declined.title == "Flag or owner's country left blank"
    assert "The highest value in the fact table is used" in declined.text
    assert unknown.sources == declined.sources == ("EN-4",)


def test_what_acts_only_where_it_is_known_is_named_last_while_it_is_not() -> None:
    explained = explain(build_fact_entry("country.law"), build_answer_entry("fees", "not_asked"))
    assert [reason.id for reason in explained] == ["country.law", "fees", "migrants"]
    last = explained[-1]
    assert (last.state, last.points, last.effective) == ("unknown", 0.0, None)
    assert last.text.startswith("Because of migrants. We have no data for this supplier")
    assert [reason.id for reason in explain(build_fact_entry("answer.migrant_pct"))] == ["answer.migrant_pct"]


# --- reasons without points


def test_a_site_that_names_no_agency_for_its_migrants_has_a_reason_for_it() -> None:
    actions = {action.id: action for action in load_actions()}
    asks = [action for action in actions.values() if "unknown:agencies_not_named" in action.addresses]
    others = [action for action in actions.values() if "unknown:agencies_not_named" not in action.addresses]
    assert asks
    reasons = explain_missing_agency([*others[:2], asks[0]])
    assert [(reason.title, reason.state, reason.points) for reason in reasons] == [
        ("No agency named", "not_named", 0.0)
    ]
    assert explain_missing_agency(others) == explain_missing_agency([]) == ()


def build_result(score: float = 20.0, worst: float = 60.0, level: str = "medium") -> dict[str, object]:
    return {"score": score, "worst": worst, "level": level}


@pytest.mark.parametrize(
    "result",
    [
        build_result(level="low"),
        build_result(level="insufficient_evidence"),
        build_result(score=25.0),
        build_result(score=24.9999999),
    ],
)
def test_only_a_score_that_alone_would_be_low_lists_what_low_still_needs(result: dict[str, object]) -> None:
    assert explain_why_not_low(SITE, result, ()) == ()
    assert [reason.title for reason in explain_why_not_low(SITE, build_result(), ())] == ["Why the level is not Low"]


def test_low_still_needs_the_core_questions_that_are_open() -> None:
    open_and_settled = explain(
        build_answer_entry("fees", "not_asked"),
        build_answer_entry("papers", "declined", "declined"),
        build_answer_entry("violence", "expired", "no"),
        build_answer_entry("wages", "answered", "on_time"),
        build_answer_entry("hours", "not_asked"),
    )
    (reason,) = explain_why_not_low(SITE, build_result(), open_and_settled)
    assert reason.text == (
        "A score of 20.0 on its own would be rated Low. A Low rating requires an answer to every core question; still open: "
        "Workers pay to get the job, Papers are held, Violence."
    )


def test_a_report_on_a_core_question_is_no_answer_to_it() -> None:
    unanswered, denied = (explain(build_answer_entry("fees", "reported", value)) for value in (None, "none"))
    assert "open: Workers pay to get the job" in explain_why_not_low(SITE, build_result(), unanswered)[0].text
    assert "open:" not in explain_why_not_low(SITE, build_result(), denied)[0].text


def test_low_still_needs_a_worst_case_below_75_and_what_is_not_known_keeps_it_up() -> None:
    known, gaps = (
        (build_fact_entry("country.law"), build_fact_entry("answer.migrant_pct")),
        (build_fact_entry("country.crises", "filled"),),
    )
    at_the_bound, below = (
        explain_why_not_low(SITE, build_result(worst=worst), explain(*known))[0].text for worst in (75.0, 74.9)
    )
    assert "A Low rating requires a worst case below 75; here it is 75.0" in at_the_bound
    assert "Facts for which we have no data" not in at_the_bound
    assert below == "A score of 20.0 on its own would be rated Low."
    with_gaps = explain_why_not_low(SITE, build_result(worst=80.0), explain(*gaps))[0].text
    assert with_gaps.endswith(
        "Facts for which we have no data also raise it: The title of crises, The title of migrants."
    )


def test_a_floor_that_only_declined_answers_reach_is_worded_as_not_ruled_out() -> None:
    floor = SITE.floors[0]
    assert describe_floor(floor, only_declined=False) == "One strong sign is enough to look at once."
    assert describe_floor(floor, only_declined=True) == (
        "This cannot be ruled out because questions were left blank. One strong sign is enough to look at once."
    )
