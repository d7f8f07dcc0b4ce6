"""Test the invariants that method 4 adds (method-4, section 11), on the models of 2026.4, from answers to results."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest
from examples import invariant
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.answers import Confirmation, EvidencePiece, from_rows
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.state_imposed import ImposedLabour, Region
from risk_models.features import build_features
from risk_models.model import Model, load_models
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from tests.test_service.answers import (
    COUNTRIES,
    DAYS,
    FACTS,
    ON,
    ORIGINS,
    SECTORS,
    Answers,
    answers,
    list_indicator_questions,
)
from tests.test_service.test_assess_invariants import RANK, get_queue_rank

SMALL = 1e-9
MODELS = [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == "2026.4"]
SITE, AGENCY = list_indicator_questions("site"), list_indicator_questions("agency")
GRADES = ["document", "audit", "certificate", "worker_voice", "official"]
EVIDENCE_QUESTIONS = ("evidence", "evidence_grade", "evidence_date")
NUMBERS = ("score", "best", "worst", "worst_given", "inherent")
kinds = st.sampled_from(["site", "agency"])
sites = answers("site")
NORTH = Region("TH", "north", "North", ("north", "chiang mai"), ("50",))
SOUTH = Region("TH", "south", "South", ("south", "phuket"), ("83",))


def assess_rows(*rows: Answers, kind: str = "site", facts: FactSnapshot = FACTS) -> list[dict[str, Any]]:
    """Return the results of suppliers of one kind under the models of 2026.4."""
    batch = Batch(kind, from_rows(rows), "s.xlsx", "Rows", np.arange(len(rows)) + 2)
    return [orjson.loads(row) for row in iter_result_json(assess([batch], facts, ON, MODELS)[-1], ON)]


def assess_row(row: Answers, kind: str = "site", facts: FactSnapshot = FACTS) -> dict[str, Any]:
    """Return the result of one supplier under the models of 2026.4."""
    return assess_rows(row, kind=kind, facts=facts)[0]


def build_entry(grade: str, **scope: str) -> ImposedLabour:
    """Return an entry on labour imposed by a state, with a scope."""
    scopes = {"country": "*", "region": "", "sector": "", "good": "", "sender": ""} | scope
    days = {"starts": "2020-01-01", "ends": "", "known_from": "2020-01-01"}
    return ImposedLabour("invented", grade, **scopes, **days, publisher="P", source="S", quote="")


@cache  # what is worked out once for each snapshot takes longer than an assessment
def build_facts(*entries: ImposedLabour) -> FactSnapshot:
    """Return the facts with these entries alone on labour imposed by a state, and two regions of Thailand."""
    return replace(FACTS, imposed_labour=entries, regions=(NORTH, SOUTH))


NOTHING_IMPOSED = build_facts()


@st.composite
def pieces(draw: st.DrawFn, questions: Sequence[str], *, confirmed: bool) -> EvidencePiece:
    """Draw a piece of evidence about some questions; if confirmed, then for the questions that it covers."""
    covers = tuple(draw(st.lists(st.sampled_from(list(questions)), min_size=1, max_size=4, unique=True)))
    confirmation = Confirmation("Invented Officer", "2026-11-20", "REF-1", covers) if confirmed else None
    return EvidencePiece(
        draw(st.sampled_from(GRADES)), draw(st.sampled_from([*DAYS, None])), None, covers, None, confirmation
    )


@st.composite
def suppliers(draw: st.DrawFn) -> tuple[str, Answers]:
    """Draw a kind of supplier, and the answers of one."""
    kind = draw(kinds)
    return kind, draw(answers(kind))


def ids(kind: str) -> list[str]:
    return [question.id for question in (SITE if kind == "site" else AGENCY)]


# ---------------------------------------------------------------- evidence


@invariant(60)
@given(st.data())
def test_evidence_without_a_confirmation_counts_for_nothing(data: st.DataObject) -> None:
    kind, row = data.draw(suppliers())
    claimed = data.draw(st.lists(pieces(ids(kind), confirmed=False), min_size=1, max_size=3))
    without = {question: answer for question, answer in row.items() if question not in EVIDENCE_QUESTIONS}
    grade, day = data.draw(st.sampled_from(GRADES)), data.draw(st.sampled_from(DAYS))
    with_claims = {**without, "evidence": tuple(claimed), "evidence_grade": grade, "evidence_date": day}
    before, after = assess_rows(without, with_claims, kind=kind)
    assert {name: after[name] for name in (*NUMBERS, "level", "floors")} == {
        name: before[name] for name in (*NUMBERS, "level", "floors")
    }


@invariant(60)
@given(st.data())
def test_confirming_evidence_raises_no_score_and_lowers_it_only_for_the_questions_confirmed(
    data: st.DataObject,
) -> None:
    kind, row = data.draw(suppliers())
    piece = data.draw(pieces(ids(kind), confirmed=True))
    claimed = {**row, "evidence": (piece._replace(confirmation=None),)}
    before, after = assess_rows(claimed, {**row, "evidence": (piece,)}, kind=kind)
    assert after["score"] <= before["score"] + SMALL
    assert after["worst"] <= before["worst"] + SMALL
    assume(before["model"] == after["model"])
    questions = {i.id: i.question for model in MODELS if model.id == after["model"] for i in model.indicators}
    screening = {
        q.question: q.indicators for model in MODELS if model.id == after["model"] for q in model.screening_questions
    }
    behind = {i for question in piece.covers for i in screening.get(question, ())}
    for old, new in zip(before["reasons"], after["reasons"], strict=True):
        if old["indicator"] in questions and old["e"] != new["e"]:
            assert questions[old["indicator"]] in piece.covers or old["indicator"] in behind


@invariant(60)
@given(suppliers(), st.sampled_from(GRADES))
def test_evidence_of_the_future_counts_for_nothing(drawn: tuple[str, Answers], grade: str) -> None:
    kind, row = drawn
    covers = tuple(ids(kind))
    piece = EvidencePiece(
        grade, "2027-01-01", None, (), None, Confirmation("Invented Officer", "2026-11-20", None, covers)
    )
    before, after = assess_rows({**row, "evidence": ()}, {**row, "evidence": (piece,)}, kind=kind)
    assert [before[name] for name in NUMBERS] == [after[name] for name in NUMBERS]


def test_evidence_of_the_future_does_not_renew_an_answer_that_has_expired() -> None:
    row = {"country": "TH", "sector": ("1020",), "papers_retention": "worker_holds", "answered_on": "2020-01-01"}
    confirmation = Confirmation("Invented Officer", "2026-11-20", None, ("papers_retention",))
    piece = EvidencePiece("audit", "2027-01-01", None, (), None, confirmation)
    before, after = assess_rows({**row, "evidence": ()}, {**row, "evidence": (piece,)})
    states = {reason["indicator"]: reason["state"] for reason in after["reasons"]}
    assert states["papers_withheld"] == "expired"
    assert [before[part] for part in ("reasons", "coverage", "actions")] == [
        after[part] for part in ("reasons", "coverage", "actions")
    ]


# ---------------------------------------------------------------- not applicable, declined contexts


@invariant(60)
@given(st.data())
def test_the_old_answer_cannot_apply_counts_as_not_asked(data: st.DataObject) -> None:
    kind, row = data.draw(suppliers())
    question = data.draw(st.sampled_from(ids(kind)))
    blank = {name: answer for name, answer in row.items() if name != question}
    before, after = assess_rows(blank, {**blank, question: "cannot_apply"}, kind=kind)
    assert [before[name] for name in (*NUMBERS, "level")] == [after[name] for name in (*NUMBERS, "level")]


CONTEXTS: list[tuple[str, list[Any]]] = [
    ("worker_origin_countries", [(origin,) for origin in (*ORIGINS, "KP", "CU")]),
    ("product", ["cotton shirts", "frozen shrimp", "gloves", "software"]),
    ("region", ["north", "south", "Chiang Mai", "unknown"]),
    ("migrant_pct", [0.0, 50.0, 100.0]),
    ("flag", [*COUNTRIES, "PA", "KP"]),
]
IMPOSED = build_facts(
    build_entry("documented", country="TH", region="north"),
    build_entry("documented", country="QA", sender="NP"),
    build_entry("documented", country="BD", good="cotton"),
    build_entry("named", country="MM"),
)


@invariant(80)
@given(sites, st.sampled_from(CONTEXTS), st.data())
def test_a_declined_context_scores_no_lower_than_any_answer_where_labour_is_imposed(
    row: Answers, context: tuple[str, list[Any]], data: st.DataObject
) -> None:
    question, truths = context
    truth = data.draw(st.sampled_from(truths))
    # A sender counts when it is documented for the country, and none is documented for all countries here.
    answered, declined = assess_rows({**row, question: truth}, {**row, question: "declined"}, facts=IMPOSED)
    assert declined["score"] >= answered["score"] - SMALL
    if question != "flag" or not answered["place_open"]:
        assert declined["worst"] >= answered["worst"] - SMALL


@invariant(60)
@given(sites)
def test_a_declined_flag_is_queued_no_lower_than_one_of_a_country_with_a_documented_region_up_to_high(
    row: Answers,
) -> None:
    # Where the place is open, no answer counts in the worst case; a declined flag counts as that of the riskiest state instead.
    # The two worst cases are less than a point apart, so only the level "low" could depend on it, and neither can reach that.
    answered, declined = assess_rows({**row, "flag": "TH"}, {**row, "flag": "declined"}, facts=IMPOSED)
    for number in ("score", "inherent"):
        assert declined[number] >= answered[number] - SMALL, number
    assert declined["worst"] >= answered["worst"] - 1
    assert declined["level"] != "low"
    # Declined answers alone make nobody critical, and without a flag and a country no place is known: insufficient evidence.
    place_known = row.get("country", "declined") != "declined"
    bound = 2 * RANK["high"] if place_known else 2 * RANK["high"] - 1
    assert get_queue_rank(declined)[0] >= min(get_queue_rank(answered)[0], bound)


# ---------------------------------------------------------------- labour imposed by a state


def draw_scope(data: st.DataObject) -> dict[str, str]:
    return data.draw(
        st.sampled_from(
            [
                *({"country": country} for country in COUNTRIES),
                {"country": "TH", "region": "north"},
                *({"country": "*", "sender": origin} for origin in ORIGINS),
                {"country": "TH", "sector": "0311"},
                {"country": "BD", "good": "bricks"},
                {"country": "TH", "good": "shrimp"},
            ]
        )
    )


@invariant(120)
@given(st.data())
def test_where_labour_is_documented_nothing_scores_below_its_inherent_risk_of_high(data: st.DataObject) -> None:
    kind, row = data.draw(suppliers())
    piece = data.draw(pieces(ids(kind), confirmed=True))
    entry = build_entry("documented", country=str(row.get("country", "TH")))
    result = assess_row({**row, "country": entry.country, "evidence": (piece,)}, kind, build_facts(entry))
    assert result["state_imposed"]["grade"] == "documented"
    assert result["score"] >= result["inherent"] - SMALL
    assert result["inherent"] >= 50 - SMALL
    assert result["inherent_level"] in ("high", "critical")
    assert result["level"] in ("high", "critical", "insufficient_evidence")
    assert not result["core_confirmed"] or all(
        x["state"] == "ruled_out" for x in result["reasons"] if x["kind"] == "answer"
    )


@invariant(120)
@given(st.data())
def test_becoming_documented_or_named_lowers_nothing(data: st.DataObject) -> None:
    kind, row = data.draw(suppliers())
    if data.draw(st.booleans()):
        row["evidence"] = (data.draw(pieces(ids(kind), confirmed=True)),)
    scope = draw_scope(data)
    facts = [
        NOTHING_IMPOSED,
        build_facts(build_entry("named", **scope)),
        build_facts(build_entry("documented", **scope)),
    ]
    results = [assess_row(row, kind, each) for each in facts]
    for before, after in zip(results, results[1:], strict=False):
        for number in NUMBERS:
            assert after[number] >= before[number] - SMALL, number
        assert get_queue_rank(after)[0] >= get_queue_rank(before)[0]


@invariant(60)
@given(sites, st.sampled_from(["region", "city", "address"]))
def test_leaving_out_the_place_is_never_low_and_as_bad_as_the_region_in_the_worst_case(
    row: Answers, question: str
) -> None:
    facts = build_facts(build_entry("documented", country="TH", region="north"))
    base = {**row, "country": "TH"}
    blank, north, south = assess_rows(
        base, {**base, question: "Near Chiang Mai"}, {**base, question: "Phuket"}, facts=facts
    )
    assert blank["place_open"]
    assert not north["place_open"]
    assert not south["place_open"]
    assert blank["level"] != "low"
    assert blank["worst"] >= north["worst"] - SMALL
    assert south["state_imposed"] is None
    assert blank["score"] >= south["score"] - SMALL


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_no_answer_is_believed_where_labour_is_documented(model: Model) -> None:
    piece = EvidencePiece(
        "official", "2026-11-01", None, (), None, Confirmation("A", "2026-11-20", None, tuple(ids(model.kind)))
    )
    row = {"country": "TH", "evidence": (piece,), "answered_on": "2026-11-01"}
    facts = build_facts(build_entry("documented", country="TH"))
    for snapshot, is_believed in ((facts, False), (NOTHING_IMPOSED, True)):
        frame = build_features(from_rows([row]), model, snapshot, ON, {}).frame
        assert frame.belief.any() == frame.screening_belief.any() == is_believed
        assert frame.confirmed is not None
        assert frame.confirmed.any() == is_believed


# ---------------------------------------------------------------- reports


@invariant(60)
@given(st.data())
def test_a_report_raises_the_belief_of_no_answer(data: st.DataObject) -> None:
    kind, row = data.draw(suppliers())
    row = {question: answer for question, answer in row.items() if question != "reported_harms"}
    model = next(m for m in MODELS if m.kind == kind)
    harm = data.draw(st.sampled_from([indicator.id for indicator in model.indicators]))
    reported = {**row, "reported_harms": (harm,), "reported_by": "official", "reported_on": "2026-11-01"}
    before, after = (build_features(from_rows([each]), model, FACTS, ON, {}).frame for each in (row, reported))
    assert np.array_equal(before.belief, after.belief)
    assert np.array_equal(before.screening_belief, after.screening_belief)


# ---------------------------------------------------------------- low can be reached


@invariant(60)
@given(sites, st.sampled_from(SECTORS), st.sampled_from(COUNTRIES))
def test_low_needs_every_core_question_answered(row: Answers, sector: str, country: str) -> None:
    result = assess_row({**row, "sector": (sector,), "country": country})
    core = {i.id for model in MODELS if model.id == result["model"] for i in model.indicators if i.core}
    if result["level"] == "low":
        open_states = [x["state"] for x in result["reasons"] if x["indicator"] in core]
        assert not {"not_asked", "declined", "expired"} & set(open_states)


@pytest.mark.parametrize("sector", ["Q", "86", "8610"])
def test_a_broad_sector_does_not_hide_the_sector_in_which_labour_is_documented(sector: str) -> None:
    facts = build_facts(build_entry("documented", country="*", sector="86", sender="CU"))
    row = {"name": "Invented Clinic", "country": "QA", "worker_origin_countries": ("CU",), "sector": (sector,)}
    assert assess_row(row, facts=facts)["state_imposed"]["grade"] == "documented"
    assert assess_row({**row, "sector": ("F",)}, facts=facts)["state_imposed"] is None


@pytest.mark.parametrize("place", [{"region": "North"}, {"city": "Chiang Mai"}])
def test_leaving_out_the_country_does_not_hide_a_documented_region(place: Answers) -> None:
    facts = build_facts(build_entry("documented", country="TH", region="north"))
    row = {"name": "Invented Mill", "sector": ("14",), "papers_retention": "worker_holds"}
    hidden, elsewhere, nowhere = assess_rows({**row, **place}, {**row, **place, "country": "NO"}, row, facts=facts)
    assert hidden["state_imposed"]["grade"] == "documented"
    assert hidden["inherent_level"] in ("high", "critical")
    assert hidden["score"] >= hidden["inherent"] - SMALL
    assert elsewhere["state_imposed"] is None
    assert (nowhere["state_imposed"], nowhere["place_open"]) == (None, False)
    assert assess_row({**row, "address": "12 High Street, 50999"}, facts=facts)["state_imposed"] is None
