"""Build the copy of a report for a supplier, from an assessment of its own answers alone, in a language.

Reports of workers, case records and agency scores are left out (those belong to others, and may rest on what workers reported),
so that the copy is the same with and without them. In a language other than English, an answer is described by its question and
its words in the form, instead of the sentences of the model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from questionnaires.form import load_combined_form
from questionnaires.languages import ENGLISH
from questionnaires.validation.returned_forms import QUESTIONS_SHOWN, is_sensitive
from reports.document import Detail, Reason, Report, ReportLanguage
from reports.short.scorecard import Words, load_scorecard_texts
from risk_models.answers import from_rows
from risk_models.facts.facts import FactSnapshot
from service.assessment.assess import AssessedBatch, Batch
from service.report_content.build import build_details, build_report
from service.report_content.contact_gate import SUPPLIER_TEXT, ContactGate
from service.report_content.labels import format_answer
from service.report_content.redaction import filter_own_answers
from service.report_content.supplier_help import list_what_helps
from service.translations.catalog import ENGLISH_TEXTS, Texts, list_texts


def build_own_batch(kind: str, answers: Mapping[str, Any], form_answers: Mapping[str, Any] | None) -> Batch:
    """Return the batch to assess for a supplier's copy. ``form_answers``: see :func:`filter_own_answers`."""
    own = from_rows([filter_own_answers(kind, answers, form_answers)])
    return Batch(kind, own, "", "", np.zeros(1, dtype=np.intp))


def build_copy(
    assessed: AssessedBatch,
    facts: FactSnapshot,
    on: date,
    gate: ContactGate,
    sender: str = "",
    texts: Texts = ENGLISH_TEXTS,
) -> Report:
    """Return the copy for the only supplier of an assessment of its own answers. Steps that contact workers are withheld.

    ``texts``: of the language that the copy is in.
    """
    gated = gate.apply(assessed)
    assessed, kind = gated.assessed, gated.assessed.batch.kind
    withheld = texts.translate("pages", SUPPLIER_TEXT) if gated.owners - {"buyer"} else ""
    language = build_report_language(texts)
    report = build_report([assessed], facts, on, (), (), "")
    (headline,) = report.results
    not_for_supplier = {
        question.id
        for question in load_combined_form(kind).questions
        if question.audience != "supplier" or is_sensitive(question.id, headline.country)
    }
    indicators = [indicator for block in assessed.blocks for indicator in block.model.indicators]
    withheld_titles = {indicator.title for indicator in indicators if indicator.question in not_for_supplier}
    titles = {texts.translate("plans", title) for title in withheld_titles}
    return replace(
        report,
        title=headline.name,
        audience="supplier",
        sender=sender,
        withheld=withheld,
        language=language,
        details=tuple(
            replace(
                _prepare_for_supplier(translate_detail(detail, assessed, texts), assessed, titles, Words(language)),
                withheld=withheld,
            )
            for detail in build_details(assessed, facts, on)
        ),
        not_checked=tuple(question for question in report.not_checked if question.title not in withheld_titles),
    )


def build_report_language(texts: Texts) -> ReportLanguage:
    """Return a language as reports know it."""
    parts = load_scorecard_texts().values()
    translated = {english: texts.translate("scorecards", english) for part in parts for english in part.values()}
    is_confirmed = texts.is_confirmed((*list_texts("scorecards"), *list_texts("plans")))
    return ReportLanguage(texts.code, translated, is_confirmed)


def translate_detail(detail: Detail, assessed: AssessedBatch, texts: Texts) -> Detail:
    """Return the explanation of a supplier's only result in a language; the English one as it is."""
    if texts.code == ENGLISH:
        return detail
    form = load_combined_form(assessed.batch.kind).in_language(texts.form_language)
    (answers,) = assessed.batch.answers.to_rows()
    asked = {indicator.title: indicator.question for block in assessed.blocks for indicator in block.model.indicators}

    def translate(reason: Reason) -> Reason:
        question = form.by_id.get(asked.get(reason.title, "")) if reason.kind == "answer" else None
        text = reason.text
        if question is not None and question.id in answers:
            answer = texts.translate("scorecards", format_answer(form, question.id, answers[question.id]))
            text = f"{question.ask} – {answer}"
        return replace(reason, title=texts.translate("plans", reason.title), text=text)

    headline = detail.headline
    return replace(
        detail,
        headline=replace(
            headline,
            country_name=texts.locale.territories.get(headline.country or "", headline.country_name),
            sector_title=texts.translate("sectors", headline.sector_title),
        ),
        reasons=tuple(map(translate, detail.reasons)),
        steps=tuple(
            replace(step, title=texts.translate("plans", step.title), do=texts.translate("plans", step.do))
            for step in detail.steps
        ),
    )


def _prepare_for_supplier(
    detail: Detail, assessed: AssessedBatch, withheld_titles: Collection[str], words: Words
) -> Detail:
    """Return the explanation of a supplier's only result, with what would help it.

    Questions that are not for it are withheld: those to the buyer, and those that are dangerous to answer in its country.
    """
    reasons = tuple(
        replace(reason, withheld=reason.kind == "answer" and reason.title in withheld_titles)
        for reason in detail.reasons
    )
    documented, place_open = (
        any(bool(getattr(block.scores, name)[0]) for block in assessed.blocks) for name in ("documented", "place_open")
    )
    own = replace(detail, reasons=reasons)
    # Of an adaptive form that was returned, what is left was not shown because it cannot change the level.
    asked_all = QUESTIONS_SHOWN in assessed.batch.answers.columns
    return replace(
        own, helps=list_what_helps(own, words, documented=documented, place_open=place_open, asked_all=asked_all)
    )
