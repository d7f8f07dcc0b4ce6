"""Strategies that draw answers from the forms, and helpers that assess them with the released models."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson
from hypothesis import strategies as st

from questionnaires.form import load_combined_form
from questionnaires.question import Question
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import Model, load_models
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json

ON = date(2026, 11, 26)
FACTS = load_facts().as_of(ON)
COUNTRIES = ["TH", "MM", "QA", "NO", "SE", "NA", "HK", "BD", "KP", "AQ", "LB"]
ORIGINS = ["NP", "BD", "MM", "PH", "PK", "ET", "KH"]
SECTORS = ["0311", "1020", "F", "4100", "9700", "14", "26", "62", "7810"]
DAYS = ["2026-10-01", "2026-02-01", "2025-06-01", "2023-01-01", "2027-01-01"]
Answers = dict[str, Any]


def list_indicator_questions(kind: str) -> list[Question]:
    """Return the questions that models of a kind read as indicators."""
    form = load_combined_form(kind)
    read_questions = {
        indicator.question for model in load_models() if model.kind == kind for indicator in model.indicators
    }
    return [question for question in form.questions if question.id in read_questions]


def possible_answers(question: Question) -> st.SearchStrategy[Any]:
    """Return a strategy of the possible answers to a question, except blank."""
    reserved = st.sampled_from(["declined", "cannot_apply"])
    if question.type == "yes_no":
        return st.sampled_from(["yes", "no"]) | reserved
    if question.type == "choice":
        return st.sampled_from([c.code for c in question.choices]) | reserved
    if question.type == "many":
        return (
            st.lists(st.sampled_from([c.code for c in question.choices]), min_size=1, max_size=2, unique=True).map(
                tuple
            )
            | reserved
        )
    if question.type == "date":
        return st.sampled_from(DAYS) | reserved
    most = float(question.max) if isinstance(question.max, (int, float)) else 400.0
    return st.floats(0, most).map(lambda x: round(x, 1)) | reserved


@st.composite
def answers(draw: st.DrawFn, kind: str = "site") -> Answers:
    """Draw the answers of one supplier: identity, context, practice and evidence, each possibly missing."""
    row: Answers = {"name": "Invented Supplier"}
    identity: dict[str, st.SearchStrategy[Any]] = {
        "country": st.sampled_from(COUNTRIES),
        "worker_origin_countries": st.lists(st.sampled_from(ORIGINS), min_size=1, max_size=2, unique=True).map(tuple),
        "evidence_grade": st.sampled_from(["self_declared", "document", "audit", "worker_voice", "official"]),
        "evidence_date": st.sampled_from(DAYS),
        "answered_on": st.sampled_from(DAYS),
    }
    if kind == "site":
        identity |= {
            "sector": st.lists(st.sampled_from(SECTORS), min_size=1, max_size=2, unique=True).map(tuple),
            "migrant_pct": st.sampled_from([0.0, 5.0, 40.0, 100.0]),
            "workers_migrant": st.sampled_from([0.0, 3.0, 250.0]),
            "flag": st.sampled_from(["PA", "TH", "NO"]),
            "product": st.sampled_from(["frozen shrimp", "bricks", "software"]),
        }
    else:
        identity |= {
            "destination_countries": st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=2, unique=True).map(
                tuple
            )
        }
    for question, strategy in identity.items():
        if draw(st.booleans()):
            row[question] = draw(strategy)
    share_asked = draw(st.sampled_from(["nothing", "some", "most"]))
    for question in list_indicator_questions(kind):
        if (
            question.id not in row
            and share_asked != "nothing"
            and draw(st.integers(0, 9)) < (3 if share_asked == "some" else 9)
        ):
            row[question.id] = draw(possible_answers(question))
    return row


def assess_rows(
    *rows: Answers, kind: str = "site", agencies: tuple[Answers, ...] = (), models: Sequence[Model] | None = None
) -> list[dict[str, Any]]:
    """Return the results of suppliers of one kind, in order; ``models``: by default those in force."""
    batches = (
        [Batch("agency", from_rows(agencies), "a.xlsx", "Agencies", np.arange(len(agencies)) + 2)] if agencies else []
    )
    batches.append(Batch(kind, from_rows(rows), "s.xlsx", "Rows", np.arange(len(rows)) + 2))
    return [orjson.loads(row) for row in iter_result_json(assess(batches, FACTS, ON, models)[-1], ON)]


def assess_row(
    row: Answers, kind: str = "site", agencies: tuple[Answers, ...] = (), models: Sequence[Model] | None = None
) -> dict[str, Any]:
    """Return the result of one supplier; ``models`` as in :func:`assess_rows`."""
    return assess_rows(row, kind=kind, agencies=agencies, models=models)[0]


def list_newest_models() -> list[Model]:
    """Return the newest version of every model, in force on the day of the tests."""
    newest = {model.id: model for model in sorted(load_models(), key=lambda model: model.effective)}
    return [replace(model, effective=min(model.effective, ON)) for model in newest.values()]
