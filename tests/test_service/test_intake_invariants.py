"""Test what intake promises about silence: together with models of method 4, blanks, errors and contradictions gain nothing."""

from dataclasses import replace
from typing import Any

import pytest
from examples import invariant
from hypothesis import assume, given
from hypothesis import strategies as st

from questionnaires.form import load_combined_form, load_form
from questionnaires.question import Question
from questionnaires.validation.contradictions import list_contradictions_of
from questionnaires.validation.json_answers import validate_answers
from questionnaires.validation.returned_forms import is_sensitive
from risk_models.model import get_model_version
from tests.test_questionnaires.tables import build_sheet, get_answers, submit
from tests.test_service.answers import ON, Answers, assess_rows, possible_answers

TOLERANCE = 1e-9
SECTORS = {"site": "14", "site_fishing": "0311", "site_construction": "4100", "site_domestic_work": "9700"}
FORMS = {form: load_form(form, "2026.4") for form in (*SECTORS, "agency")}
MODELS = [
    replace(get_model_version(model, "2026.4"), effective=ON)
    for model in ("site_general", "site_fishing", "site_construction", "site_domestic_work", "agency")
]
COUNTRIES = ["TH", "QA", "NO", "CN", "BD", "MM", "TM", "HK"]
ORIGINS = ["NP", "BD", "MM", "PH", "ET"]  # no state that itself sends workers: those count where they are documented
CONTEXTS: dict[str, st.SearchStrategy[Any]] = {
    "product": st.sampled_from(["shrimp", "cotton shirts", "bricks", "gold", "software", "solar panels"]),
    "flag": st.sampled_from(["PA", "TH", "NO", "CN", "TW"]),
    "owner_country": st.sampled_from(["NO", "CN", "TH"]),
    "migrant_pct": st.sampled_from([0.0, 5.0, 60.0, 100.0]),
    "workers_migrant": st.sampled_from([0.0, 3.0, 80.0]),
    "workers_total": st.sampled_from([80.0, 400.0]),
    "worker_origin_countries": st.lists(st.sampled_from(ORIGINS), min_size=1, max_size=2, unique=True).map(tuple),
    "destination_countries": st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=2, unique=True).map(tuple),
    "placement_sectors": st.sampled_from([("0311",), ("62",), ("9700",)]),
    "agencies": st.sampled_from([("Invented Placers",), ("Invented Manning", "Invented Placers")]),
    "uses_agencies": st.sampled_from(["yes", "no"]),
    "region": st.sampled_from(["Xinjiang", "Guangdong", "somewhere"]),
    "city": st.sampled_from(["Urumqi", "Shenzhen", "nowhere"]),
    "vessel_type": st.sampled_from(["trawler", "landing_site"]),
}
form_ids = st.sampled_from(list(FORMS))


def list_asked(form_id: str) -> list[Question]:
    """Return the questions that a form asks its recipient and that a blank may decline."""
    combined = load_combined_form(FORMS[form_id].kind)
    return [
        combined.by_id[question.id] for question in FORMS[form_id].questions if combined.by_id[question.id].declinable
    ]


def draw_answer(question: Question) -> st.SearchStrategy[Any]:
    return CONTEXTS[question.id] if question.id in CONTEXTS else possible_answers(question)


@st.composite
def returned_forms(draw: st.DrawFn, form_id: str) -> Answers:
    """Draw the answers of a returned form, most of them given."""
    row: Answers = {
        "name": "Invented Supplier",
        "country": draw(st.sampled_from(COUNTRIES)),
        "form_version": f"{form_id} 2026.4",
        "form_returned": "2026-11-20",
    }
    if form_id in SECTORS:
        row["sector"] = (SECTORS[form_id],)
    blank_share = draw(st.integers(0, 4))
    for question_id in dict.fromkeys([*CONTEXTS, *(question.id for question in list_asked(form_id))]):
        question = FORMS[form_id].by_id.get(question_id)
        if question is not None and draw(st.integers(0, 9)) >= blank_share:
            row[question_id] = draw(draw_answer(question))
    return row


def take_in(form_id: str, *rows: Answers) -> list[Answers]:
    """Return rows as intake judges them."""
    form = load_combined_form(FORMS[form_id].kind)
    return [validate_answers(form, row, ON.isoformat())[0] for row in rows]


def score(form_id: str, *rows: Answers) -> list[dict[str, Any]]:
    """Return the results of rows that were taken in, under the models of method 4."""
    return assess_rows(*take_in(form_id, *rows), kind=FORMS[form_id].kind, models=MODELS)


@invariant(40)
@given(st.data())
def test_a_blank_in_a_returned_form_never_scores_under_the_same_form_with_any_answer(data: st.DataObject) -> None:
    form_id = data.draw(form_ids)
    row = data.draw(returned_forms(form_id))
    question = FORMS[form_id].by_id[data.draw(st.sampled_from([each.id for each in list_asked(form_id)]))]
    blank_row = {name: answer for name, answer in row.items() if name != question.id}
    (judged,) = take_in(form_id, blank_row)
    assume(judged.get(question.id) == "declined")  # it applies
    answered = {**row, question.id: data.draw(draw_answer(question))}
    # A region of another country is no answer that stands: it contradicts the country, and the riskier of the two counts.
    assume(take_in(form_id, answered)[0].get("country") == judged.get("country"))
    blank, given_ = score(form_id, blank_row, answered)
    assert blank["score"] >= given_["score"] - TOLERANCE
    assert blank["worst"] >= given_["worst"] - TOLERANCE


def test_a_region_of_another_country_counts_as_the_riskier_of_the_two_places() -> None:
    at_home = {"name": "Invented Supplier", "country": "TH", "sector": ("14",)} | {
        "form_version": "site 2026.4",
        "form_returned": "2026-11-20",
    }
    abroad = {**at_home, "region": "Xinjiang"}
    assert [row["country"] for row in take_in("site", at_home, abroad)] == ["TH", "CN"]
    without_region, contradicted = score("site", at_home, abroad)
    assert contradicted["inherent"] > without_region["inherent"]


@invariant(40)
@given(st.data())
def test_a_contradicted_denial_never_scores_under_a_blank_or_another_denial(data: st.DataObject) -> None:
    form_id = data.draw(form_ids)
    asked = {question.id for question in FORMS[form_id].questions}
    contradictions = [
        (contradiction, question)
        for contradiction in list_contradictions_of(FORMS[form_id].kind)
        for question in contradiction.contradicted_by
        if {contradiction.question, question} <= asked
        and FORMS[form_id].by_id[contradiction.question].is_practice
        and contradiction.denies.choices
        and question != "licence_expiry"
    ]
    contradiction, telling = data.draw(st.sampled_from(contradictions))
    row = data.draw(returned_forms(form_id))
    if data.draw(st.booleans()):  # or a list of the buyer
        row = {
            question: answer for question, answer in row.items() if question not in ("form_version", "form_returned")
        }
    condition = contradiction.contradicted_by[telling]
    definition = FORMS[form_id].by_id[telling]
    revealing = data.draw(draw_answer(definition).filter(lambda answer: condition.is_met(answer, ON.isoformat())))
    denials = [
        (denial,) if FORMS[form_id].by_id[contradiction.question].type == "many" else denial
        for denial in sorted(contradiction.denies.choices)
    ]
    rows = [{**row, telling: revealing, contradiction.question: denial} for denial in denials]
    rows.append({name: answer for name, answer in rows[0].items() if name != contradiction.question})
    results = score(form_id, *rows)
    judged = take_in(form_id, *rows)
    assert all(contradiction.question not in each or each[contradiction.question] == "declined" for each in judged)
    assert len({result["score"] for result in results}) == 1


@invariant(40)
@given(st.data())
def test_not_applicable_where_it_is_not_allowed_equals_a_blank(data: st.DataObject) -> None:
    form_id = data.draw(form_ids)
    row = data.draw(returned_forms(form_id))
    if data.draw(st.booleans()):
        row = {
            question: answer for question, answer in row.items() if question not in ("form_version", "form_returned")
        }
    question = FORMS[form_id].by_id[data.draw(st.sampled_from([each.id for each in list_asked(form_id)]))]
    blank_row = {name: answer for name, answer in row.items() if name != question.id}
    not_applicable = {**row, question.id: "cannot_apply"}
    (judged,) = take_in(form_id, not_applicable)
    assume(judged.get(question.id) != "not_applicable")
    blank, marked = score(form_id, blank_row, not_applicable)
    assert (blank["score"], blank["worst"], blank["level"]) == (marked["score"], marked["worst"], marked["level"])


@invariant(40)
@given(st.data())
def test_a_core_question_is_never_not_applicable(data: st.DataObject) -> None:
    form_id = data.draw(form_ids)
    core = {i.question for model in MODELS if model.kind == FORMS[form_id].kind for i in model.indicators if i.core}
    row = data.draw(returned_forms(form_id))
    question = data.draw(st.sampled_from(sorted(core & FORMS[form_id].by_id.keys())))
    (judged,) = take_in(form_id, {**row, question: "cannot_apply"})
    assert judged.get(question) in ("declined", None)
    assert judged.get(question) == "declined" or is_sensitive(question, judged["country"])


@pytest.mark.parametrize("cell", ["who knows", "#N/A", "", None])
@invariant(10)
@given(st.data())
def test_an_unreadable_blank_or_missing_cell_of_a_sheet_is_declined_alike(
    cell: str | None, data: st.DataObject
) -> None:
    form_id = data.draw(st.sampled_from(list(SECTORS)))
    question = data.draw(
        st.sampled_from([q for q in list_asked(form_id) if q.type == "choice" and not is_sensitive(q.id, "TH")])
    )
    row = {"name": "A", "country": "TH", "sector": SECTORS[form_id], "form_version": f"{form_id} 2026.4"}
    row |= {"form_returned": "2026-11-20", "vessel_type": "trawler", "workers_migrant": "5"}
    if cell is not None:
        row[question.id] = cell
    read = submit(build_sheet([list(row), list(row.values())]), load_combined_form("site"), as_of=ON)
    assert get_answers(read, question.id) == ["declined"]


def test_a_place_that_no_list_knows_is_declined_in_a_returned_form() -> None:
    row = {
        "name": "A", "country": "CN", "sector": ("26",), "product": "software", "workers_migrant": 0.0, "migrant_pct": 0.0,
        "form_version": "site 2026.4", "form_returned": "2026-11-20", "papers_retention": "worker_holds",
    }  # fmt: skip
    places: list[Answers] = [{}, {"region": "nowhere"}, {"address": "12 Some Road"}, {"region": "Xinjiang"}]
    results = score("site", *({**row, **place} for place in places))
    assert len({result["score"] for result in results}) == 1
    (located,) = score("site", {**row, "city": "Shenzhen"})
    assert located["score"] < results[0]["score"]
    own_list = {
        question: answer for question, answer in row.items() if question not in ("form_version", "form_returned")
    }
    (listed,) = score("site", {**own_list, "region": "nowhere"})
    assert listed["place_open"]
