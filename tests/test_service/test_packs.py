"""The sector packs as an officer meets them: named situations, and what their newest versions owe to the ones before."""

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

from questionnaires.form import Question, build_answers_schema, load_combined_form, load_form
from risk_models.answers import EvidencePiece, from_rows
from risk_models.engine.frame import LEVEL_NAMES, Cells, Scores
from risk_models.engine.score import score
from risk_models.explain import describe_indicator, explain_result
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.model import Model, get_model_in_force, load_models
from risk_models.plan import expand_groups, load_actions
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
    """The versions of a model, oldest first."""
    return sorted((model for model in load_models() if model.id == model_id), key=lambda model: model.effective)


def score_row(row: Answers, model: Model) -> tuple[Scores, Cells]:
    return score(build_features(from_rows([row]), model, FACTS, ON, {}).frame, model)


def best_answer(question: Question, model: Model) -> Any:
    """The answer with the least risk to a question of a model."""
    rule = next(i.rule for i in model.indicators if i.question == question.id)
    if question.type in ("choice", "many"):
        best = min((c.code for c in question.choices), key=rule.risk)
        return (best,) if question.type == "many" else best
    return min((float(x) for x in range(200)), key=rule.risk)


def build_exemplary_site(model_id: str, country: str = "NO", **others: Any) -> Answers:
    """A site with the best answer to every question of its model, told by workers a month ago; the others as given."""
    model = get_newest_model(model_id)
    asked = {q.id: q for q in list_indicator_questions("site") if q.id in {i.question for i in model.indicators}}
    row: Answers = {"name": "Invented Site", "country": country, "sector": (SECTOR_BY_MODEL[model_id],)}
    row |= {name: best_answer(question, model) for name, question in asked.items()}
    return row | {"evidence_grade": "worker_voice", "evidence_date": "2026-10-01", "answered_on": "2026-10-01"} | others


# ---------------------------------------------------------------- named situations


def test_an_exemplary_vessel_is_low_and_the_same_vessel_dark_for_months_is_not() -> None:
    clear: Answers = {"flag": "DK", "distant_water_pct": 0.0, "non_psma_ports_pct": 0.0, "migrant_pct": 0.0}
    clear |= {"workers_migrant": 0.0, "uses_agencies": "no"}
    assert assess_row(build_exemplary_site("site_fishing", "DK", **clear))["level"] == "low"
    for dark in (
        {"months_at_sea": 7.0},
        {"months_at_sea": 4.0},
        {"position_signal": "off"},
        {"position_signal": "gaps"},
    ):
        seen = assess_row(build_exemplary_site("site_fishing", "DK", **clear, **dark))
        assert seen["level"] != "low", dark
        assert "out_of_sight" in seen["floors"]
        assert seen["score"] >= 25
        assert "vessel_identity" in {a["id"] for a in seen["actions"]}
    told = next(i for i in get_newest_model("site_fishing").indicators if i.id == "position_gaps")
    assert "only less seen" in describe_indicator(told, "answered", "none carried", harm=False)


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("grade", ["self_declared", "audit", "official"])
def test_no_tracking_signal_never_reassures(country: str, grade: str) -> None:
    row: Answers = {"country": country, "sector": ("0311",), "flag": "PA", "evidence_grade": grade}
    row |= {"evidence_date": "2026-10-01", "answered_on": "2026-10-01"}
    silent, model = {**row, "position_signal": "none"}, get_newest_model("site_fishing")
    i = [indicator.id for indicator in model.indicators].index("position_gaps")
    (asked, cells), (not_asked, _) = score_row(silent, model), score_row(row, model)
    assert cells.contributions[i, 0] >= 0
    assert asked.total[0] >= not_asked.total[0]
    assert asked.worst[0] >= not_asked.worst[0] - 1e-9
    assert not asked.harm[0]


@pytest.mark.parametrize("country", ["HK", "LB", "NO"])
def test_an_audit_of_a_private_home_does_not_reassure_and_workers_do(country: str) -> None:
    told = {grade: assess_row(build_exemplary_site("site_domestic_work", country, evidence_grade=grade))["score"]
            for grade in ("self_declared", "audit", "worker_voice")}  # fmt: skip
    assert told["audit"] == told["self_declared"]
    assert told["worker_voice"] < told["audit"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [("state_placement", "transfer"), ("state_placement", "service"), ("audit_deception", "coached"),
     ("free_talks", "watched"), ("free_talks", "barred")],
)  # fmt: skip
@pytest.mark.parametrize("model_id", ["site_general", "site_fishing", "site_construction"])
def test_where_nobody_can_speak_freely_no_audit_counts(model_id: str, question: str, answer: str) -> None:
    free = [
        assess_row(build_exemplary_site(model_id, "TH", evidence_grade=grade)) for grade in ("self_declared", "audit")
    ]
    assert free[1]["confidence"] > free[0]["confidence"]
    watched = [
        assess_row(build_exemplary_site(model_id, "TH", evidence_grade=grade, **{question: answer}))
        for grade in ("self_declared", "audit")
    ]
    assert watched[1]["confidence"] == watched[0]["confidence"]
    assert watched[1]["score"] == watched[0]["score"]


def test_labour_imposed_by_a_state_leads_to_the_decision_on_leaving() -> None:
    found = assess_row(build_exemplary_site("site_general", state_placement="order"))
    assert found["level"] in ("high", "critical")
    assert "state_imposed" in found["floors"]
    assert {"decide_state_imposed", "use_leverage_before_leaving"} <= {a["id"] for a in found["actions"]}
    upstream = assess_row(build_exemplary_site("site_general", state_placement="supplier"))
    assert "decide_state_imposed" in {a["id"] for a in upstream["actions"]}


@pytest.mark.parametrize("model_id", SITES)
def test_people_bound_in_their_own_place_count_though_there_are_no_migrants(model_id: str) -> None:
    none = {"workers_migrant": 0.0, "migrant_pct": 0.0, "uses_agencies": "no"}
    for answer in ("worked_off", "family_works", "growing", "child_given", "bound"):
        bound = assess_row(build_exemplary_site(model_id, "NO", **none, family_debt=answer))
        assert "strong_sign" in bound["floors"]
        assert bound["level"] in ("high", "critical")
    with_wages = assess_row(build_exemplary_site(model_id, "NO", **none, family_debt="growing", wage_payment="unpaid"))
    assert with_wages["score"] >= 75
    row = build_exemplary_site(model_id, "NO", local_brokers="lends")
    i = [indicator.id for indicator in get_newest_model(model_id).indicators].index("broker_of_nationals")
    none_there, not_said = (
        score_row(told, get_newest_model(model_id))[1].contributions[i, 0] for told in ({**row, **none}, row)
    )
    assert none_there == not_said > 0
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
def test_a_weak_safeguard_does_not_make_up_for_evidence_that_is_not_there(sector: str, answer: Answers) -> None:
    row = {"country": "TH", "sector": (sector,), **answer}
    assert assess_row(row)["level"] == "insufficient_evidence"
    assert assess_row({**row, "papers_retention": "held"})["level"] != "insufficient_evidence"
    reported = {**row, "reported_harms": ("grievance_weak",), "reported_by": "workers"}
    assert assess_row(reported)["level"] != "insufficient_evidence"


def test_a_missing_safeguard_is_still_a_finding_with_an_action() -> None:
    found = assess_row({"country": "TH", "sector": ("14",), "grievance_channel": "unused"})
    assert "grievance_site" in {a["id"] for a in found["actions"]}


@pytest.mark.parametrize(
    ("model_id", "floor"),
    [("site_fishing", "crew_lost"), ("site_construction", "deaths"), ("site_general", "ilo_sign")],
)
def test_a_death_that_workers_report_is_heard_in_every_trade(model_id: str, floor: str) -> None:
    reported = assess_row(build_exemplary_site(model_id, reported_harms=("crew_lost",), reported_by="workers"))
    assert floor in reported["floors"]
    assert reported["score"] > assess_row(build_exemplary_site(model_id))["score"]


@pytest.mark.parametrize(("age", "child"), [(15.0, True), (16.0, True), (17.0, True), (17.9, True), (18.0, False)])
def test_whoever_is_under_18_aboard_is_a_child_at_hazardous_work(age: float, child: bool) -> None:
    told = assess_row(build_exemplary_site("site_fishing", youngest_aboard=age))
    assert ("strong_sign" in told["floors"]) == child
    assert (told["score"] >= 50) == child


# ---------------------------------------------------------------- one fact told twice


@pytest.mark.parametrize("model_id", SITES)
@pytest.mark.parametrize("answer", [("bound", "bound"), ("declined", "declined")])
def test_two_debts_are_no_debt_and_something_else(model_id: str, answer: tuple[str, str]) -> None:
    twice = build_exemplary_site(model_id, worker_debt=answer[0], family_debt=answer[1])
    told, before = assess_row(twice), assess_rows(twice, models=load_models_at("2026.2", ON))[0]
    assert set(told["floors"]) - {"core_declined"} == {"strong_sign"}
    assert told["score"] == pytest.approx(50)
    assert {"strong_pair", "debt_and_papers", "debt_and_wages"} <= set(before["floors"])
    once = assess_row({**twice, "family_debt": "none_checked"})
    assert set(once["floors"]) == set(told["floors"])


@pytest.mark.parametrize("model_id", SITES)
@pytest.mark.parametrize("debt", ["worker_debt", "family_debt"])
@pytest.mark.parametrize(
    ("floor", "question", "answer"),
    [("debt_and_papers", "papers_retention", "held"), ("debt_and_isolation", "outside_contact", "none"),
     ("debt_and_deception", "promises_kept", "other_job"), ("debt_and_wages", "wage_payment", "unpaid"),
     ("debt_and_exit_penalty", "freedom_to_resign", "reported"), ("debt_and_threats", "threats", "open")],
)  # fmt: skip
def test_either_debt_and_something_else_are_both(
    model_id: str, debt: str, floor: str, question: str, answer: str
) -> None:
    row = build_exemplary_site(model_id, **{debt: "bound", question: answer})
    told = assess_row(row)
    assert floor in told["floors"]
    assert told["score"] >= 75
    silent = assess_row({**row, debt: "declined", question: "declined"})
    assert floor in silent["cannot_be_ruled_out"]
    assert silent["score"] >= 75


def test_one_child_aboard_is_one_strong_sign_and_a_child_and_papers_are_two() -> None:
    child = build_exemplary_site("site_fishing", youngest_aboard=16.0, youngest_workers="young_hazardous")
    told = assess_row(child)
    assert "strong_sign" in told["floors"]
    assert "strong_pair" not in told["floors"]
    assert told["score"] < 75
    assert "strong_pair" in assess_row({**child, "papers_retention": "held"})["floors"]


@pytest.mark.parametrize("model_id", [*SITES, "agency"])
def test_a_pair_of_strong_signs_does_not_say_that_a_rule_for_case_records_was_met(model_id: str) -> None:
    pair = next(floor for floor in get_newest_model(model_id).floors if floor.id == "strong_pair")
    assert "as in RULE-a" in pair.because
    assert "case records alone" in pair.because


# ---------------------------------------------------------------- harm that was put right


@pytest.mark.parametrize("question", ["violence", "threats", "retaliation"])
@pytest.mark.parametrize("model_id", SITES)
def test_harm_put_right_counts_so_once_workers_or_an_authority_confirm_it(model_id: str, question: str) -> None:
    def told(answer: str, grade: str, day: str = "2026-10-01") -> dict[str, Any]:
        row = build_exemplary_site(model_id, "TH", **{question: answer})
        return assess_row({**row, "evidence_grade": grade, "evidence_date": day})

    for grade in ("self_declared", "document", "audit"):
        stands, goes_on, silent = (told(answer, grade) for answer in ("remedied", "open", "declined"))
        assert question in list_harmed_questions(stands), grade
        assert stands["score"] <= goes_on["score"]
        assert stands["score"] <= silent["score"]
    for grade in ("worker_voice", "official"):
        assert question not in list_harmed_questions(told("remedied", grade))
        assert question in list_harmed_questions(told("open", grade))
        assert question in list_harmed_questions(told("remedied", grade, "2027-05-01")), (
            "a day to come confirms nothing"
        )
        assert question in list_harmed_questions(told("remedied", grade, "2023-01-01")), (
            "past its time it confirms no more"
        )
    if question == "violence":
        assert told("remedied", "audit")["score"] >= 50
        assert {"strong_sign"} <= set(told("remedied", "audit")["floors"]) - set(told("remedied", "official")["floors"])


def list_harmed_questions(told: dict[str, Any]) -> set[str]:
    """The questions whose answers are told as harm, as the explanation has it."""
    model = next(
        m for m in load_models() if (m.id, m.version) == (told["model"], get_newest_model(told["model"]).version)
    )
    explained = explain_result(model, FACTS, told["country"], told["reasons"], lambda question, answer: str(answer))
    by_id = {indicator.id: indicator.question for indicator in model.indicators}
    return {by_id[reason.id] for reason in explained if reason.harm}


@pytest.mark.parametrize(("grade", "said"), [("audit", "until they confirm it."), ("official", "stands behind this.")])
def test_an_explanation_says_whether_anybody_confirms_that_harm_was_put_right(grade: str, said: str) -> None:
    row = build_exemplary_site("site_general", "TH", violence="remedied", evidence_grade=grade)
    batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
    (detail,) = build_details(assess([batch], FACTS, ON)[0], FACTS, ON)
    (violence,) = [reason for reason in detail.reasons if reason.title == "Violence"]
    assert violence.evidence.endswith(said)
    assert "stand" not in violence.text, "a supplier's copy shows the text, and not what workers said"
    assert violence.harm == ("Indicators consistent" in violence.text) == (grade == "audit")
    (threats,) = [reason for reason in detail.reasons if reason.title == "Threats"]
    assert "stands behind this" not in threats.evidence


def test_a_piece_of_evidence_confirms_what_it_covers_and_nothing_else() -> None:
    row = build_exemplary_site("site_general", "TH", violence="remedied", threats="remedied", evidence_grade="document")
    piece = EvidencePiece("worker_voice", "2026-10-01", covers=("violence",))
    told = assess_row({**row, "evidence": (piece,)})
    assert list_harmed_questions(told) == {"threats"}
    fresh_audit = EvidencePiece("audit", "2026-11-20")
    old = piece._replace(date="2025-07-01")
    assert list_harmed_questions(assess_row({**row, "evidence": (old, fresh_audit)})) == {"threats"}, (
        "a fresher audit takes nothing away"
    )


@pytest.mark.parametrize("model_id", SITES)
def test_fees_paid_back_count_so_once_workers_confirm_it(model_id: str) -> None:
    by = {
        grade: list_harmed_questions(
            assess_row(build_exemplary_site(model_id, recruitment_fees="repaid", evidence_grade=grade))
        )
        for grade in ("self_declared", "worker_voice")
    }
    assert by == {"self_declared": {"recruitment_fees"}, "worker_voice": set()}


# ---------------------------------------------------------------- a trade that is told by the answers alone

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
def test_harm_that_only_a_pack_asks_about_is_told_though_the_sector_is_not_known(
    row: Answers, model_id: str, floor: str, step: str
) -> None:
    for sector in ({}, {"sector": "declined"}):
        told = assess_row({**row, **sector})
        assert (told["model"], told["sector"]) == (model_id, None)
        assert floor in told["floors"]
        assert told["level"] in ("high", "critical")
        assert {step, "name_sector"} <= {action["id"] for action in told["actions"]}
    before = assess_rows(row, models=load_models_at("2026.2", ON))[0]
    assert (before["model"], before["level"], before["floors"]) == ("site_general", "insufficient_evidence", [])


def test_a_sector_that_is_not_known_is_never_guessed_so_good_answers_stay_insufficient_evidence() -> None:
    calm = build_exemplary_site("site_fishing", "NO") | {"sector": None}
    told = assess_row({question: answer for question, answer in calm.items() if answer is not None})
    assert told["sector"] is None
    assert told["level"] == "insufficient_evidence"


def test_the_name_of_a_form_tells_of_its_trade_and_cannot_apply_tells_of_none() -> None:
    def models(**said: Any) -> set[str]:
        row = {"name": "Invented Supplier", "country": "TH", **said}
        batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
        return {block.model.id for block in assess([batch], FACTS, ON)[0].blocks}

    assert models(form_version="site_fishing 2026.2") == {"site_general", "site_fishing"}
    assert models(form_version="site 2026.2") == {"site_general"}
    assert models(heat="cannot_apply", crew_losses="declined") == {"site_general", "site_fishing"}
    assert models(heat="cannot_apply", injury_cover="none") == {"site_general"}
    assert models(crew_losses="abandoned", sector=("14",)) == {"site_general"}
    assert models(crew_losses="none", site_deaths="none") == {"site_general", "site_fishing", "site_construction"}


@given(answers(), st.sampled_from(["crew_losses", "site_deaths", "boarding_house"]))
@examples(40)
def test_more_that_only_a_pack_asks_lowers_no_score_where_the_sector_is_not_known(row: Answers, question: str) -> None:
    unknown = {name: said for name, said in row.items() if name not in ("sector", question)}
    model = next(m for m in map(get_newest_model, SITES) if question in m.sector_questions)
    rule = next(i.rule for i in model.indicators if i.question == question)
    told = [assess_row({**unknown, question: code}) for code in sorted(rule.table, key=rule.risk)]
    silent = assess_row({**unknown, question: "declined"})
    for better, worse in pairwise([*told, silent]):
        assert worse["score"] >= better["score"] - 1e-9
    for each in (*told, silent):
        assert abs(sum(x["points"] for x in each["reasons"]) + each["uplift"] - each["score"]) < 1e-9
        assert each["best"] <= each["score"] <= each["worst"]


def test_a_pack_names_all_that_its_form_alone_asks_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_model_faults() == []
    pack = get_newest_model("site_fishing")
    changed = replace(
        pack, sector_questions=(*(q for q in pack.sector_questions if q != "crew_losses"), "injury_cover")
    )
    monkeypatch.setattr(
        check, "load_models", lambda: tuple(changed if model is pack else model for model in load_models())
    )
    assert list_model_faults() == [
        "site_fishing/2026.3.toml: told_by names 'injury_cover', which its form does not ask, or not alone",
        "site_fishing/2026.3.toml: told_by leaves out 'crew_losses', which its form alone asks",
    ]


@pytest.mark.parametrize(
    ("version", "used"),
    [("2026.2", {"site_general"}), ("2026.3", {"site_general", "site_fishing", "site_construction"})],
)
def test_an_assessment_of_suppliers_of_unknown_sector_is_replayed_as_it_was_made(version: str, used: set[str]) -> None:
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
    received = {"files": [], "rows": 3, "accepted": 3, "rejected": 0, "issues": []}
    write_document(out, assess([batch], FACTS, ON, load_models_at(version, ON)), FACTS, ON, {}, received)
    document = orjson.loads(out.getvalue())
    assert {m["id"] for m in document["assessment"]["models"]} == used
    assert find_discrepancies(document, load_facts()) == []


# ---------------------------------------------------------------- what the versions owe each other


@pytest.mark.parametrize("model_id", SITES)
def test_new_indicators_do_not_swamp_and_the_old_ones_keep_weight_and_core(model_id: str) -> None:
    new = get_newest_model(model_id)
    assert new is list_versions(model_id)[-1]
    kept = {i.id: i for i in new.indicators}
    for old in list_versions(model_id)[:-1]:
        for indicator in old.indicators:
            assert (kept[indicator.id].weight, kept[indicator.id].core) == (indicator.weight, indicator.core)
        assert {i.id for i in new.indicators if i.core} == {i.id for i in old.indicators if i.core}
        assert new.weight - old.weight <= 0.1 * new.weight


@pytest.mark.parametrize("model_id", SITES)
def test_no_answer_of_an_old_version_became_worse_unless_it_wants_confirming(model_id: str) -> None:
    new = {i.id: i for i in get_newest_model(model_id).indicators}
    for indicator in (i for old in list_versions(model_id)[:-1] for i in old.indicators):
        for code, risk in getattr(indicator.rule, "table", {}).items():
            now = new[indicator.id]
            assert now.confirmed_risks.get(code, now.rule.risk(code)) <= risk, (indicator.id, code)
    assert get_newest_model(model_id).unknown_from == 0.49


@examples(30)
@given(answers())
def test_under_the_versions_before_answers_that_came_after_them_are_still_explained(row: Answers) -> None:
    for model in (old for model_id in SITES for old in list_versions(model_id)[:-1]):
        scores, cells = score_row(row, model)
        assert abs(scores.base[0] + cells.contributions[:, 0].sum() + scores.uplift[0] - scores.total[0]) < 1e-9
        assert scores.best[0] <= scores.total[0] <= scores.worst[0]
        assert LEVEL_NAMES[scores.level[0]]


def test_every_indicator_of_the_newest_models_has_an_action_of_its_own_for_harm() -> None:
    library = expand_groups(load_actions(), load_models())
    answered = {finding for action in library if "harm" in action.states for finding in action.addresses}
    for model_id in SITES:
        assert {i.id for i in get_newest_model(model_id).indicators} <= answered


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("question", "told", "meant"),
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
def test_yes_and_no_are_understood_in_every_language_where_a_choice_says_so(
    question: str, told: str, meant: Any
) -> None:
    assert build_answers_schema(load_combined_form("site")).load({question: told})[question] == meant


def test_a_number_is_no_yes_to_a_question_of_choices() -> None:
    with pytest.raises(ValidationError):
        build_answers_schema(load_combined_form("site")).load({"site_deaths": "1"})


def test_a_word_that_says_nothing_here_is_no_answer_to_a_question_of_yes_and_no() -> None:
    assert (
        build_answers_schema(load_combined_form("site")).load({"papers_retention": "なし"})["papers_retention"] is None
    )


@pytest.mark.parametrize("form_id", ["site", "site_fishing", "site_construction", "site_domestic_work"])
def test_every_question_that_feeds_a_model_can_be_found_under_headers_in_several_languages(form_id: str) -> None:
    for question in load_form(form_id).questions:
        if question.feeds:
            assert len(question.synonyms) >= 4, question.id


def test_every_source_named_by_a_question_or_model_stands_in_the_register() -> None:
    named = {s for form_id in ("site", "site_fishing", "site_construction", "site_domestic_work")
             for q in load_form(form_id).questions for s in q.sources}  # fmt: skip
    named |= {s for m in load_models() for item in (*m.indicators, *m.floors, *m.all_contexts) for s in item.sources}
    assert named <= set(load_sources())
