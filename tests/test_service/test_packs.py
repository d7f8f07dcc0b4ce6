"""Test the sector packs in named situations, and their newest versions against the previous ones."""

from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema, load_combined_form, load_form
from questionnaires.question import Question
from risk_models.action_library import expand_groups, load_actions
from risk_models.answers import EvidencePiece, from_rows
from risk_models.engine.frame import LEVEL_NAMES, Cells, Scores
from risk_models.engine.score import score
from risk_models.explain import describe_indicator, explain_result
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.model import Model, get_model_in_force, load_models
from service.assessment.assess import Batch, assess
from service.assessment.export_json import write_document
from service.model_governance import check
from service.model_governance.check import list_model_faults
from service.model_governance.compare import load_models_at
from service.report_content.build import build_details
from service.report_content.sources import load_sources
from service.verify import find_discrepancies
from tests.test_service.answers import (
    COUNTRIES,
    FACTS,
    ON,
    Answers,
    answers,
    assess_row,
    assess_rows,
    list_indicator_questions,
)

SITES = ("site_general", "site_fishing", "site_construction", "site_domestic_work")
SECTOR_BY_MODEL = {
    "site_general": "14",
    "site_fishing": "0311",
    "site_construction": "4100",
    "site_domestic_work": "9700",
}


def get_newest_model(model_id: str) -> Model:
    return get_model_in_force(model_id, ON)


def list_versions(model_id: str) -> list[Model]:
    """Return the versions of a model, oldest first."""
    return sorted((model for model in load_models() if model.id == model_id), key=lambda model: model.effective)


def score_row(row: Answers, model: Model) -> tuple[Scores, Cells]:
    return score(build_features(from_rows([row]), model, FACTS, ON, {}).frame, model)


def get_best_answer(question: Question, model: Model) -> Any:
    """Return the answer with the lowest risk to a question of a model."""
    rule = next(i.rule for i in model.indicators if i.question == question.id)
    if question.type in ("choice", "many"):
        choice = min((c.code for c in question.choices), key=rule.risk)
        return (choice,) if question.type == "many" else choice
    return min((float(x) for x in range(200)), key=rule.risk)


def build_exemplary_site(model_id: str, country: str = "NO", **answers: Any) -> Answers:
    """Return a site with the best answer to every question of its model, from workers a month ago, and the given answers."""
    model = get_newest_model(model_id)
    questions = {
        question.id: question
        for question in list_indicator_questions("site")
        if question.id in {i.question for i in model.indicators}
    }
    row: Answers = {"name": "Invented Site", "country": country, "sector": (SECTOR_BY_MODEL[model_id],)}
    row |= {name: get_best_answer(question, model) for name, question in questions.items()}
    return (
        row | {"evidence_grade": "worker_voice", "evidence_date": "2026-10-01", "answered_on": "2026-10-01"} | answers
    )


# ---------------------------------------------------------------- named situations


def test_an_exemplary_vessel_is_low_unless_it_cannot_be_tracked() -> None:
    low_risk: Answers = {"flag": "DK", "distant_water_pct": 0.0, "non_psma_ports_pct": 0.0, "migrant_pct": 0.0}
    low_risk |= {"workers_migrant": 0.0, "uses_agencies": "no"}
    assert assess_row(build_exemplary_site("site_fishing", "DK", **low_risk))["level"] == "low"
    for tracking_gap in (
        {"months_at_sea": 7.0},
        {"months_at_sea": 4.0},
        {"position_signal": "off"},
        {"position_signal": "gaps"},
    ):
        result = assess_row(build_exemplary_site("site_fishing", "DK", **low_risk, **tracking_gap))
        assert result["level"] != "low", tracking_gap
        assert "out_of_sight" in result["floors"]
        assert result["score"] >= 25
        assert "vessel_identity" in {a["id"] for a in result["actions"]}
    indicator = next(i for i in get_newest_model("site_fishing").indicators if i.id == "position_gaps")
    assert "only less seen" in describe_indicator(indicator, "answered", "none carried", harm=False)


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("grade", ["self_declared", "audit", "official"])
def test_a_missing_tracking_signal_never_reassures(country: str, grade: str) -> None:
    row: Answers = {"country": country, "sector": ("0311",), "flag": "PA", "evidence_grade": grade}
    row |= {"evidence_date": "2026-10-01", "answered_on": "2026-10-01"}
    without_signal, model = {**row, "position_signal": "none"}, get_newest_model("site_fishing")
    index = [indicator.id for indicator in model.indicators].index("position_gaps")
    (with_answer, cells), (without_answer, _) = score_row(without_signal, model), score_row(row, model)
    assert cells.contributions[index, 0] >= 0
    assert with_answer.total[0] >= without_answer.total[0]
    assert with_answer.worst[0] >= without_answer.worst[0] - 1e-9
    assert not with_answer.harm[0]


@pytest.mark.parametrize("country", ["HK", "LB", "NO"])
def test_in_private_homes_workers_reassure_and_audits_do_not(country: str) -> None:
    scores = {grade: assess_row(build_exemplary_site("site_domestic_work", country, evidence_grade=grade))["score"]
            for grade in ("self_declared", "audit", "worker_voice")}  # fmt: skip
    assert scores["audit"] == scores["self_declared"]
    assert scores["worker_voice"] < scores["audit"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [("state_placement", "transfer"), ("state_placement", "service"), ("audit_deception", "coached"),
     ("free_talks", "watched"), ("free_talks", "barred")],
)  # fmt: skip
@pytest.mark.parametrize("model_id", ["site_general", "site_fishing", "site_construction"])
def test_audits_do_not_count_where_workers_cannot_speak_freely(model_id: str, question: str, answer: str) -> None:
    free_results = [
        assess_row(build_exemplary_site(model_id, "TH", evidence_grade=grade)) for grade in ("self_declared", "audit")
    ]
    assert free_results[1]["confidence"] > free_results[0]["confidence"]
    watched_results = [
        assess_row(build_exemplary_site(model_id, "TH", evidence_grade=grade, **{question: answer}))
        for grade in ("self_declared", "audit")
    ]
    assert watched_results[1]["confidence"] == watched_results[0]["confidence"]
    assert watched_results[1]["score"] == watched_results[0]["score"]


def test_state_imposed_labour_requires_the_decision_on_leaving() -> None:
    result = assess_row(build_exemplary_site("site_general", state_placement="order"))
    assert result["level"] in ("high", "critical")
    assert "state_imposed" in result["floors"]
    assert {"decide_state_imposed", "use_leverage_before_leaving"} <= {a["id"] for a in result["actions"]}
    upstream = assess_row(build_exemplary_site("site_general", state_placement="supplier"))
    assert "decide_state_imposed" in {a["id"] for a in upstream["actions"]}


@pytest.mark.parametrize("model_id", SITES)
def test_bonded_labour_of_locals_counts_without_migrants(model_id: str) -> None:
    no_migrants = {"workers_migrant": 0.0, "migrant_pct": 0.0, "uses_agencies": "no"}
    for answer in ("worked_off", "family_works", "growing", "child_given", "bound"):
        bound = assess_row(build_exemplary_site(model_id, "NO", **no_migrants, family_debt=answer))
        assert "strong_sign" in bound["floors"]
        assert bound["level"] in ("high", "critical")
    with_wages = assess_row(
        build_exemplary_site(model_id, "NO", **no_migrants, family_debt="growing", wage_payment="unpaid")
    )
    assert with_wages["score"] >= 75
    row = build_exemplary_site(model_id, "NO", local_brokers="lends")
    index = [indicator.id for indicator in get_newest_model(model_id).indicators].index("broker_of_nationals")
    without_migrants, without_number = (
        score_row(answers, get_newest_model(model_id))[1].contributions[index, 0]
        for answers in ({**row, **no_migrants}, row)
    )
    assert without_migrants == without_number > 0
    assert not {"bonded_in_place", "broker_of_nationals"} & {
        n for g in get_newest_model(model_id).screening_questions for n in g.indicators
    }


@pytest.mark.parametrize(
    ("sector", "answer"),
    [
        ("14", {"grievance_channel": "unused"}),
        ("14", {"months_since_monitoring": 120.0}),
        ("14", {"worker_representation": "appointed"}),
        ("14", {"recruitment_fees": "not_known"}),
        ("0311", {"position_signal": "gaps", "transshipment": "catch", "iuu_listing": "met", "oversight": "neither"}),
        ("0311", {"work_agreement": "incomplete", "communications_aboard": "dear"}),
        ("4100", {"programme_pressure": "squeezed", "materials_origin": "untraced", "site_access": "inspectors_only"}),
        ("9700", {"household_checks": "none", "months_since_contact": 120.0}),
    ],
)
def test_a_weak_safeguard_does_not_replace_missing_evidence(sector: str, answer: Answers) -> None:
    row = {"country": "TH", "sector": (sector,), **answer}
    assert assess_row(row)["level"] == "insufficient_evidence"
    assert assess_row({**row, "papers_retention": "held"})["level"] != "insufficient_evidence"
    reported = {**row, "reported_harms": ("grievance_weak",), "reported_by": "workers"}
    assert assess_row(reported)["level"] != "insufficient_evidence"


def test_a_missing_safeguard_is_still_a_finding_with_an_action() -> None:
    result = assess_row({"country": "TH", "sector": ("14",), "grievance_channel": "unused"})
    assert "grievance_site" in {a["id"] for a in result["actions"]}


@pytest.mark.parametrize(
    ("model_id", "floor"),
    [("site_fishing", "crew_lost"), ("site_construction", "deaths"), ("site_general", "ilo_sign")],
)
def test_a_death_reported_by_workers_counts_in_every_model(model_id: str, floor: str) -> None:
    reported = assess_row(build_exemplary_site(model_id, reported_harms=("crew_lost",), reported_by="workers"))
    assert floor in reported["floors"]
    assert reported["score"] > assess_row(build_exemplary_site(model_id))["score"]


@pytest.mark.parametrize(("age", "child"), [(15.0, True), (16.0, True), (17.0, True), (17.9, True), (18.0, False)])
def test_anyone_under_18_aboard_counts_as_a_child_in_hazardous_work(age: float, child: bool) -> None:
    result = assess_row(build_exemplary_site("site_fishing", youngest_aboard=age))
    assert ("strong_sign" in result["floors"]) == child
    assert (result["score"] >= 50) == child


# ---------------------------------------------------------------- one fact reported twice


@pytest.mark.parametrize("model_id", SITES)
@pytest.mark.parametrize("answer", [("bound", "bound"), ("declined", "declined")])
def test_two_kinds_of_debt_count_as_one_severe_indicator(model_id: str, answer: tuple[str, str]) -> None:
    both_debts = build_exemplary_site(model_id, worker_debt=answer[0], family_debt=answer[1])
    result, previous = assess_row(both_debts), assess_rows(both_debts, models=load_models_at("2026.2", ON))[0]
    assert set(result["floors"]) - {"core_declined"} == {"strong_sign"}
    assert result["score"] == pytest.approx(50)
    assert {"strong_pair", "debt_and_papers", "debt_and_wages"} <= set(previous["floors"])
    one_debt = assess_row({**both_debts, "family_debt": "none_checked"})
    assert set(one_debt["floors"]) == set(result["floors"])


@pytest.mark.parametrize("model_id", SITES)
@pytest.mark.parametrize("debt", ["worker_debt", "family_debt"])
@pytest.mark.parametrize(
    ("floor", "question", "answer"),
    [("debt_and_papers", "papers_retention", "held"), ("debt_and_isolation", "outside_contact", "none"),
     ("debt_and_deception", "promises_kept", "other_job"), ("debt_and_wages", "wage_payment", "unpaid"),
     ("debt_and_exit_penalty", "freedom_to_resign", "reported"), ("debt_and_threats", "threats", "open")],
)  # fmt: skip
def test_either_debt_with_another_severe_indicator_counts_as_a_pair(
    model_id: str, debt: str, floor: str, question: str, answer: str
) -> None:
    row = build_exemplary_site(model_id, **{debt: "bound", question: answer})
    result = assess_row(row)
    assert floor in result["floors"]
    assert result["score"] >= 75
    declined = assess_row({**row, debt: "declined", question: "declined"})
    assert floor in declined["cannot_be_ruled_out"]
    assert declined["score"] >= 75


def test_a_child_aboard_is_one_severe_indicator_and_with_papers_two() -> None:
    child = build_exemplary_site("site_fishing", youngest_aboard=16.0, youngest_workers="young_hazardous")
    result = assess_row(child)
    assert "strong_sign" in result["floors"]
    assert "strong_pair" not in result["floors"]
    assert result["score"] < 75
    assert "strong_pair" in assess_row({**child, "papers_retention": "held"})["floors"]


@pytest.mark.parametrize("model_id", [*SITES, "agency"])
def test_the_pair_floor_does_not_claim_that_a_case_rule_was_met(model_id: str) -> None:
    pair = next(floor for floor in get_newest_model(model_id).floors if floor.id == "strong_pair")
    assert "as in RULE-a" in pair.because
    assert "case records alone" in pair.because


# ---------------------------------------------------------------- remedied harm


@pytest.mark.parametrize("question", ["violence", "threats", "retaliation"])
@pytest.mark.parametrize("model_id", SITES)
def test_remedied_harm_counts_as_remedied_once_workers_or_an_authority_confirm_it(model_id: str, question: str) -> None:
    def assess_remedy(answer: str, grade: str, day: str = "2026-10-01") -> dict[str, Any]:
        row = build_exemplary_site(model_id, "TH", **{question: answer})
        return assess_row({**row, "evidence_grade": grade, "evidence_date": day})

    for grade in ("self_declared", "document", "audit"):
        remedied, ongoing, declined = (assess_remedy(answer, grade) for answer in ("remedied", "open", "declined"))
        assert question in list_harmed_questions(remedied), grade
        assert remedied["score"] <= ongoing["score"]
        assert remedied["score"] <= declined["score"]
    for grade in ("worker_voice", "official"):
        assert question not in list_harmed_questions(assess_remedy("remedied", grade))
        assert question in list_harmed_questions(assess_remedy("open", grade))
        assert question in list_harmed_questions(assess_remedy("remedied", grade, "2027-05-01")), (
            "a day to come confirms nothing"
        )
        assert question in list_harmed_questions(assess_remedy("remedied", grade, "2023-01-01")), (
            "past its time it confirms no more"
        )
    if question == "violence":
        assert assess_remedy("remedied", "audit")["score"] >= 50
        assert {"strong_sign"} <= set(assess_remedy("remedied", "audit")["floors"]) - set(
            assess_remedy("remedied", "official")["floors"]
        )


def list_harmed_questions(result: dict[str, Any]) -> set[str]:
    """Return the questions whose answers the explanation reports as harm."""
    model = next(
        m for m in load_models() if (m.id, m.version) == (result["model"], get_newest_model(result["model"]).version)
    )
    reasons = explain_result(model, FACTS, result["country"], result["reasons"], lambda question, answer: str(answer))
    by_id = {indicator.id: indicator.question for indicator in model.indicators}
    return {by_id[reason.id] for reason in reasons if reason.harm}


@pytest.mark.parametrize(
    ("grade", "ending"), [("audit", "until they confirm that it was remedied."), ("official", "supports this answer.")]
)
def test_the_evidence_text_says_whether_a_remedy_is_confirmed(grade: str, ending: str) -> None:
    row = build_exemplary_site("site_general", "TH", violence="remedied", evidence_grade=grade)
    batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
    (detail,) = build_details(assess([batch], FACTS, ON)[0], FACTS, ON)
    (violence,) = [reason for reason in detail.reasons if reason.title == "Violence"]
    assert violence.evidence.endswith(ending)
    assert "stand" not in violence.text, "a supplier's copy shows the text, and not what workers said"
    assert violence.harm == ("Indicators consistent" in violence.text) == (grade == "audit")
    (threats,) = [reason for reason in detail.reasons if reason.title == "Threats"]
    assert "supports this" not in threats.evidence


def test_evidence_confirms_only_the_questions_it_covers() -> None:
    row = build_exemplary_site("site_general", "TH", violence="remedied", threats="remedied", evidence_grade="document")
    piece = EvidencePiece("worker_voice", "2026-10-01", covers=("violence",))
    result = assess_row({**row, "evidence": (piece,)})
    assert list_harmed_questions(result) == {"threats"}
    fresh_audit = EvidencePiece("audit", "2026-11-20")
    old = piece._replace(date="2025-07-01")
    assert list_harmed_questions(assess_row({**row, "evidence": (old, fresh_audit)})) == {"threats"}, (
        "a fresher audit takes nothing away"
    )


@pytest.mark.parametrize("model_id", SITES)
def test_repaid_fees_count_as_repaid_once_workers_confirm_it(model_id: str) -> None:
    harms_by_grade = {
        grade: list_harmed_questions(
            assess_row(build_exemplary_site(model_id, recruitment_fees="repaid", evidence_grade=grade))
        )
        for grade in ("self_declared", "worker_voice")
    }
    assert harms_by_grade == {"self_declared": {"recruitment_fees"}, "worker_voice": set()}


# ---------------------------------------------------------------- a sector that follows from the answers alone

VESSEL_OF_UNKNOWN_SECTOR: Answers = {
    "name": "Invented Vessel",
    "country": "TH",
    "answered_on": "2026-11-01",
    "crew_losses": "abandoned",
}
BUILDING_OF_UNKNOWN_SECTOR: Answers = {
    "name": "Invented Tower",
    "country": "QA",
    "answered_on": "2026-11-01",
    "site_deaths": "unexplained",
}


@pytest.mark.parametrize(
    ("row", "model_id", "floor", "step"),
    [(VESSEL_OF_UNKNOWN_SECTOR, "site_fishing", "crew_lost", "keep_people_safe"),
     (BUILDING_OF_UNKNOWN_SECTOR, "site_construction", "deaths", "account_for_the_dead_and_missing")],
)  # fmt: skip
def test_harm_that_only_a_pack_asks_about_counts_for_an_unknown_sector(
    row: Answers, model_id: str, floor: str, step: str
) -> None:
    for sector in ({}, {"sector": "declined"}):
        result = assess_row({**row, **sector})
        assert (result["model"], result["sector"]) == (model_id, None)
        assert floor in result["floors"]
        assert result["level"] in ("high", "critical")
        assert {step, "name_sector"} <= {action["id"] for action in result["actions"]}
    previous = assess_rows(row, models=load_models_at("2026.2", ON))[0]
    assert (previous["model"], previous["level"], previous["floors"]) == ("site_general", "insufficient_evidence", [])


def test_good_answers_with_an_unknown_sector_are_insufficient_evidence() -> None:
    answers = build_exemplary_site("site_fishing", "NO") | {"sector": None}
    result = assess_row({question: answer for question, answer in answers.items() if answer is not None})
    assert result["sector"] is None
    assert result["level"] == "insufficient_evidence"


def test_the_form_and_its_own_questions_select_the_models_of_an_unknown_sector() -> None:
    def list_models(**answers: Any) -> set[str]:
        row = {"name": "Invented Supplier", "country": "TH", **answers}
        batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
        return {block.model.id for block in assess([batch], FACTS, ON)[0].blocks}

    assert list_models(form_version="site_fishing 2026.2") == {"site_general", "site_fishing"}
    assert list_models(form_version="site 2026.2") == {"site_general"}
    assert list_models(heat="cannot_apply", crew_losses="declined") == {"site_general", "site_fishing"}
    assert list_models(heat="cannot_apply", injury_cover="none") == {"site_general"}
    assert list_models(crew_losses="abandoned", sector=("14",)) == {"site_general"}
    assert list_models(crew_losses="none", site_deaths="none") == {"site_general", "site_fishing", "site_construction"}


@given(answers(), st.sampled_from(["crew_losses", "site_deaths", "boarding_house"]))
@examples(40)
def test_worse_answers_to_pack_questions_lower_no_score_of_an_unknown_sector(row: Answers, question: str) -> None:
    unknown = {name: answer for name, answer in row.items() if name not in ("sector", question)}
    model = next(m for m in map(get_newest_model, SITES) if question in m.sector_questions)
    rule = next(i.rule for i in model.indicators if i.question == question)
    results = [assess_row({**unknown, question: code}) for code in sorted(rule.table, key=rule.risk)]
    declined = assess_row({**unknown, question: "declined"})
    for better, worse in pairwise([*results, declined]):
        assert worse["score"] >= better["score"] - 1e-9
    for result in (*results, declined):
        assert abs(sum(x["points"] for x in result["reasons"]) + result["uplift"] - result["score"]) < 1e-9
        assert result["best"] <= result["score"] <= result["worst"]


def test_the_sector_questions_of_a_pack_are_those_its_form_alone_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_model_faults() == []
    pack = list_versions("site_fishing")[-1]
    changed = replace(
        pack, sector_questions=(*(q for q in pack.sector_questions if q != "crew_losses"), "injury_cover")
    )
    monkeypatch.setattr(
        check, "load_models", lambda: tuple(changed if model is pack else model for model in load_models())
    )
    assert list_model_faults() == [
        f"site_fishing/{pack.version}.toml: told_by names 'injury_cover', which its form does not ask or which other forms "
        "also ask",
        f"site_fishing/{pack.version}.toml: told_by leaves out 'crew_losses', which only its form asks",
    ]


@pytest.mark.parametrize(
    ("version", "model_ids"),
    [("2026.2", {"site_general"}), ("2026.3", {"site_general", "site_fishing", "site_construction"})],
)
def test_assessments_of_unknown_sectors_are_replayed_with_their_models(version: str, model_ids: set[str]) -> None:
    out = BytesIO()
    batch = Batch(
        "site",
        from_rows(
            [VESSEL_OF_UNKNOWN_SECTOR, BUILDING_OF_UNKNOWN_SECTOR, {**VESSEL_OF_UNKNOWN_SECTOR, "sector": ("14",)}]
        ),
        "s.xlsx",
        "Rows",
        np.arange(3),
    )
    input_part = {"files": [], "rows": 3, "accepted": 3, "rejected": 0, "issues": []}
    write_document(out, assess([batch], FACTS, ON, load_models_at(version, ON)), FACTS, ON, {}, input_part)
    document = orjson.loads(out.getvalue())
    assert {m["id"] for m in document["assessment"]["models"]} == model_ids
    assert find_discrepancies(document, load_facts()) == []


# ---------------------------------------------------------------- newer and older versions


@pytest.mark.parametrize("model_id", SITES)
def test_newer_versions_keep_old_weights_and_add_at_most_a_tenth(model_id: str) -> None:
    new = list_versions(model_id)[-1]
    current = {i.id: i for i in new.indicators}
    for version in list_versions(model_id)[:-1]:
        for indicator in version.indicators:
            assert (current[indicator.id].weight, current[indicator.id].core) == (indicator.weight, indicator.core)
        assert {i.id for i in new.indicators if i.core} == {i.id for i in version.indicators if i.core}
        assert new.total_weight - version.total_weight <= 0.1 * new.total_weight


@pytest.mark.parametrize("model_id", SITES)
def test_no_answer_is_riskier_in_a_newer_version_once_confirmed(model_id: str) -> None:
    current_indicators = {i.id: i for i in get_newest_model(model_id).indicators}
    for indicator in (i for version in list_versions(model_id)[:-1] for i in version.indicators):
        for code, risk in getattr(indicator.rule, "table", {}).items():
            current = current_indicators[indicator.id]
            assert current.confirmed_risks.get(code, current.rule.risk(code)) <= risk, (indicator.id, code)
    assert get_newest_model(model_id).unknown_from == 0.49


@examples(30)
@given(answers())
def test_older_versions_score_answers_that_were_added_later(row: Answers) -> None:
    for model in (old for model_id in SITES for old in list_versions(model_id)[:-1]):
        scores, cells = score_row(row, model)
        assert abs(scores.base[0] + cells.contributions[:, 0].sum() + scores.uplift[0] - scores.total[0]) < 1e-9
        assert scores.best[0] <= scores.total[0] <= scores.worst[0]
        assert LEVEL_NAMES[scores.level[0]]


def test_every_indicator_of_the_newest_models_has_an_action_for_harm() -> None:
    library = expand_groups(load_actions(), load_models())
    addressed = {finding for action in library if "harm" in action.states for finding in action.addresses}
    for model_id in SITES:
        assert {i.id for i in get_newest_model(model_id).indicators} <= addressed


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("work_agreement", "sí", "complete"),
        ("work_agreement", "Oui", "complete"),
        ("papers_retention", "nein", "worker_holds"),
        ("free_talks", "Ja", "alone"),
        ("violence", "はい", "open"),
        ("local_brokers", "không", "none"),
        ("camp_faults", "No", ("none",)),
        ("position_signal", "ไม่", "none"),
    ],
)
def test_yes_and_no_are_parsed_in_every_language_where_choices_allow(question: str, text: str, expected: Any) -> None:
    assert build_answers_schema(load_combined_form("site")).load({question: text})[question] == expected


def test_a_number_is_not_parsed_as_yes_by_a_choice_question() -> None:
    with pytest.raises(ValidationError):
        build_answers_schema(load_combined_form("site")).load({"site_deaths": "1"})


def test_a_word_for_none_is_no_answer_to_a_choice_question() -> None:
    assert (
        build_answers_schema(load_combined_form("site")).load({"papers_retention": "なし"})["papers_retention"] is None
    )


@pytest.mark.parametrize("form_id", ["site", "site_fishing", "site_construction", "site_domestic_work"])
def test_every_question_that_feeds_a_model_has_several_header_synonyms(form_id: str) -> None:
    for question in load_form(form_id).questions:
        if question.feeds:
            assert len(question.synonyms) >= 4, question.id


def test_every_cited_source_is_in_the_register() -> None:
    cited = {s for form_id in ("site", "site_fishing", "site_construction", "site_domestic_work")
             for q in load_form(form_id).questions for s in q.sources}  # fmt: skip
    cited |= {s for m in load_models() for item in (*m.indicators, *m.floors, *m.all_contexts) for s in item.sources}
    assert cited <= set(load_sources())
