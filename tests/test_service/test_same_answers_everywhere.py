"""The same answers on the pages of a link and in the returned workbook are read as the same, whatever is wrong with them."""

import random
from datetime import date

import pytest

from questionnaires.form import load_form
from questionnaires.question import Question
from questionnaires.workbook import UNIVERSAL_ANSWERS
from service.clock import now
from service.db.tables import QuestionnaireRequest, Supplier
from service.imports.pipeline import Choices, parse_files
from service.online_questionnaires.checking import check_drafts
from service.online_questionnaires.drafts import Draft
from service.online_questionnaires.questions import format_answer, load_online_form
from service.questionnaires_sent.requests import build_request_workbook, complete_returned_answers

ON = date(2026, 11, 28)
FORMS = (("site_fishing", "2026.5"), ("site_construction", "2026.5"), ("agency", "2026.5"))
WORDS = ["Ranong", "12", "0.4", "-3", "1 000", "n/a", "?", "Nepal; Naplia", "2026-01-02", "yes", "no", "a few", "100%"]


def make_supplier(kind: str) -> Supplier:
    known = {"name": "Blue Pier", "reference": "S-1", "country": "TH", "sector": ["1020"]}
    at = now()
    fields = {"key": "ref:s-1", "company_key": "blue pier", "created_at": at, "updated_at": at}
    return Supplier(id="1", kind=kind, name="Blue Pier", answers=known, **fields)


def draw_text(question: Question, draw: random.Random) -> str:
    """A text that somebody may enter: an answer that is offered, another, or nothing."""
    if draw.random() < 0.25:
        return ""
    if question.type == "yes_no":
        return draw.choice(["yes", "no"])
    if question.choices:
        codes = [choice.code for choice in question.choices]
        some = draw.sample(codes, min(len(codes), 2 if question.type == "many" else 1))
        return draw.choice(["; ".join(some), "; ".join(some), *UNIVERSAL_ANSWERS])
    if question.type in ("number", "money", "percent"):
        return draw.choice([str(draw.randint(0, 300)), *WORDS])
    return draw.choice(WORDS)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("form_id", "version"), FORMS)
def test_a_page_and_a_workbook_with_the_same_answers_are_read_as_the_same(form_id: str, version: str, seed: int):
    form, draw = load_form(form_id, version), random.Random(seed)
    supplier = make_supplier(form.kind)
    sent = QuestionnaireRequest(id="7", supplier_id="1", form=form_id, form_version=version, sent_on=ON, returned_on=ON)
    online = load_online_form(sent, supplier, {}, is_same_record=True)
    texts = {question.id: draw_text(question, draw) for question in online.questions}
    texts |= {"country": "Thailand", "evidence": "audit; 2026-01-02"}
    page = check_drafts(online, {question: Draft(text) for question, text in texts.items()}, ON)

    cells = {question: format_answer(online.by_id[question], text) for question, text in texts.items()}
    workbook = build_request_workbook(sent, supplier, form, cells)
    (batch,) = parse_files([("form.xlsx", workbook)], Choices(), ON).batches
    returned = complete_returned_answers(sent, batch.answers.to_rows()[0], ON)

    assert page.answers == returned
    assert len(page.answers) > 30
