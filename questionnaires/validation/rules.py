"""Rules that compare several answers: placeholders, inconsistent numbers, check digits, contradictions, and returned forms.

Each changes the answers of a validation context: an answer that cannot be right becomes unknown, with an issue; only a
conflict of identity rejects rows.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.parse.answer import RESERVED_ANSWERS, EvidencePiece
from questionnaires.question import DATE_QUESTIONS
from questionnaires.text_normalize import fold_text
from questionnaires.validation.context import Indices, IssueText, Mask, ValidationContext
from questionnaires.validation.contradictions import resolve_contradictions
from questionnaires.validation.identifiers import IDENTIFIERS, normalize_identifier
from questionnaires.validation.location import (
    complete_region_named_as_country,
    forget_country_of_other_city,
    report_place_in_other_country,
    report_place_in_two_countries,
    settle_country_by_region,
)
from questionnaires.validation.returned_forms import ReturnedForms

NINES = (9999.0, 99999.0, 999999.0, 9999999.0)
YEAR_OR_MONTH = re.compile("[0-9]{4}(-[0-9]{2})?", re.ASCII)


def make_unknown(
    context: ValidationContext, code: str, where: Mask | Indices, questions: tuple[str, ...], seen: str
) -> None:
    """Make the answers to some questions unknown in some rows, and report why at the first of the questions."""
    context.report(code, questions[0], where, IssueText(seen))
    for question in questions:
        context.answers[question].codes[where] = -1


def remove_placeholder_counts(context: ValidationContext) -> None:
    """Make placeholders unknown: 2 workers of whom 100 % are migrants, 0 workers, and rows of nines (method, section 3)."""
    total, share = context.answers.get("workers_total"), context.answers.get("migrant_pct")
    if total and share:
        both = total.equals(2.0) & share.equals(100.0)
        make_unknown(context, "placeholder", both, ("workers_total", "migrant_pct"), "2 workers, 100% migrant")
    if total:
        make_unknown(context, "placeholder", total.equals(0.0), ("workers_total",), "0 workers")
    for question in ("workers_total", "workers_migrant"):
        if answers := context.answers.get(question):
            for nines in NINES:
                make_unknown(context, "placeholder", answers.equals(nines), (question,), f"{nines:.0f}")


def resolve_impossible_migrant_counts(context: ValidationContext, form: Questionnaire) -> None:
    """Count all workers as migrants where there are more migrant workers than workers: of two numbers the riskier counts."""
    total, migrant = context.answers.get("workers_total"), context.answers.get("workers_migrant")
    if total and migrant:
        totals, migrants = total.to_numbers(), migrant.to_numbers()
        impossible = migrants > totals
        for row in np.flatnonzero(impossible):
            text = IssueText(f"{migrants[row]:g} of {totals[row]:g}", related_question="workers_total")
            context.report("workers.contradiction", "workers_migrant", np.array([row]), text)
        total.codes[impossible] = -1
        if impossible.any() and "migrant_pct" in form.by_id:
            context.get_column("migrant_pct").set_value(impossible, 100.0)


def remove_impossible_women_counts(context: ValidationContext) -> None:
    """Make the number of women unknown where there are more women than workers; no score reads it."""
    total, women = context.answers.get("workers_total"), context.answers.get("workers_female")
    if total and women:
        totals, counts = total.to_numbers(), women.to_numbers()
        for row in np.flatnonzero(counts > totals):
            make_unknown(
                context, "workers.women", np.array([row]), ("workers_female",), f"{counts[row]:g} of {totals[row]:g}"
            )


GROUPED = re.compile(r"[0-9]{1,3}([ ,.'\u2019][0-9]{3})+")
NOT_DIGIT = re.compile("[^0-9]")
AGENCY_COUNT = re.compile(
    rf"(.*\S)\s*[:=(\uff1a]\s*({GROUPED.pattern}|[0-9]{{1,9}}([.,][0-9]{{1,2}})?)\s*+(%?)(?:\s*+workers)?+\s*+\)?"
)


def normalize_agency_counts(context: ValidationContext) -> None:
    """Rewrite agencies and their workers as "NAME: 60" or "NAME: 12.5%"; parts without such a number are reported and removed."""
    answers = context.answers.get("workers_by_agency")
    if answers is None:
        return
    for value in answers.values:
        unread = [part for part in value if not normalize_agency_count(str(part))] if isinstance(value, tuple) else []
        if unread:
            text = IssueText("; ".join(map(str, unread)))
            context.report("workers_by_agency.unread", "workers_by_agency", answers.equals(value), text)
    answers.map_values(
        lambda value: (
            tuple(filter(None, (normalize_agency_count(str(part)) for part in value)))
            if isinstance(value, tuple)
            else value
        )
    )
    answers.codes[answers.equals(())] = -1


def normalize_agency_count(text: str) -> str:
    """Return one agency and its workers as "NAME: 60" or "NAME: 12.5%"; "" if the text is not such a pair."""
    match = AGENCY_COUNT.fullmatch(text)
    if match is None:
        return ""
    name, number, percent = match[1], match[2], match[5]
    count = float(NOT_DIGIT.sub("", number) if GROUPED.fullmatch(number) else number.replace(",", "."))
    if percent:
        return f"{name}: {count:g}%" if count <= 100 else ""
    return f"{name}: {count:.0f}" if count.is_integer() else ""


NEVER_ZERO = (*IDENTIFIERS, "postal_code", "call_sign", "reference", "licence_number", "registration_number")


def remove_invalid_identifiers(context: ValidationContext) -> None:
    """Make identifiers unknown that are zeros or masked (4SFXXXX), or whose check digit is wrong."""
    for question in NEVER_ZERO:
        answers = context.answers.get(question)
        if answers is None:
            continue
        is_valid = IDENTIFIERS.get(question)
        if is_valid:
            answers.map_values(partial(normalize_identifier, prefix=question.upper()))
        for value in map(str, answers.values):
            if not value.strip("0-. ") or "XXX" in value:
                make_unknown(context, "placeholder", answers.equals(value), (question,), value)
            elif is_valid and not (value.isascii() and is_valid(value)):
                make_unknown(context, "identifier.invalid", answers.equals(value), (question,), value)


def reject_conflicting_references(context: ValidationContext) -> None:
    """Reject all rows of a reference that is on rows of different countries, whatever their order: it identifies nobody.

    References are compared as a person reads them: case, surrounding blanks and full-width letters do not count.
    """
    references, country = context.answers.get("reference"), context.answers.get("country")
    if references is None or country is None:
        return
    numbers: dict[str, int] = {}
    table = [
        numbers.setdefault(unicodedata.normalize("NFKC", str(value)).casefold(), len(numbers))
        for value in references.values
    ]
    reference_numbers = np.array([*table, -1])[references.codes]
    both = (reference_numbers >= 0) & country.answered
    pairs = np.unique(np.stack([reference_numbers[both], country.codes[both]]), axis=1)
    conflicting = np.flatnonzero(np.bincount(pairs[0], minlength=len(numbers)) > 1)
    for number in conflicting:
        rows = np.flatnonzero(reference_numbers == number)
        text = IssueText(str(references.values[references.codes[rows[0]]]))
        context.report("row.conflict", "reference", rows, text)


MAX_SHARE_GAP = 5.0  # percentage points: figures are rounded, and counted on different days


def reconcile_migrant_share(context: ValidationContext) -> None:
    """Use the larger of the reported share of migrants and the share computed from the numbers of workers if they differ much."""
    questions = ("workers_total", "workers_migrant", "migrant_pct")
    total, count, share = (context.answers.get(question) for question in questions)
    if total is None or count is None or share is None:
        return
    totals, migrants, reported = total.to_numbers(), count.to_numbers(), share.to_numbers()
    computed = 100 * migrants / np.where(totals > 0, totals, np.nan)
    for row in np.flatnonzero(np.abs(computed - reported) > MAX_SHARE_GAP):
        expected = f"{migrants[row]:g} of {totals[row]:g} workers ({computed[row]:.0f}%)"
        text = IssueText(f"{reported[row]:g}%", expected, related_question="workers_migrant")
        context.report("workers.share", "migrant_pct", np.array([row]), text)
        if computed[row] > reported[row]:
            share.set_value(np.array([row]), round(float(computed[row]), 1))


def compute_migrant_share(context: ValidationContext, form: Questionnaire) -> None:
    """Compute the share of migrants from the numbers of workers where it is blank and the form asks for it.

    Migrants who are given without a total count as all workers.
    """
    count = context.answers.get("workers_migrant")
    if "migrant_pct" not in form.by_id or count is None:
        return
    total, share = context.answers.get("workers_total"), context.answers.get("migrant_pct")
    migrants = count.to_numbers()
    totals = np.full(len(migrants), np.nan) if total is None else total.to_numbers()
    blank = np.True_ if share is None else ~share.answered
    computable = blank & (totals > 0) & (migrants >= 0)
    all_migrant = blank & np.isnan(totals) & (migrants > 0)
    if not (computable | all_migrant).any():
        return
    share = context.get_column("migrant_pct")
    computed = np.round(100 * migrants / np.where(computable, totals, 1.0), 1)
    for value in np.unique(computed[computable]):
        share.set_value(computable & (computed == value), float(value))
    share.set_value(all_migrant, 100.0)
    context.report("workers.share_counted", "workers_migrant", computable, IssueText(related_question="workers_total"))
    context.report("workers.share_assumed", "workers_migrant", all_migrant, IssueText())


def complete_partial_dates(context: ValidationContext) -> None:
    """Read a year or month that dates the answers of a row as its first day: undated they would count as given today."""
    for question in DATE_QUESTIONS:
        answers = context.answers.get(question)
        if answers is None:
            continue
        for value in map(str, answers.values):
            if YEAR_OR_MONTH.fullmatch(value):
                context.report("date.part", question, answers.equals(value), IssueText(value))
        answers.map_values(lambda value: f"{value}-01-01"[:10] if YEAR_OR_MONTH.fullmatch(str(value)) else value)


def report_undated_evidence(context: ValidationContext) -> None:
    """Report evidence without a date that is understood: it counts for nothing. A declaration is dated by its form."""
    graded, dated = context.answers.get("evidence_grade"), context.answers.get("evidence_date")
    if graded is not None:
        undated = graded.answered & ~dated.answered if dated is not None else graded.answered
        for grade in graded.values:
            if grade not in ("self_declared", *RESERVED_ANSWERS):
                where = undated & graded.equals(grade)
                context.report("evidence.undated", "evidence_grade", where, IssueText(str(grade)))
    given = context.answers.get("evidence")
    if given is not None:
        for pieces in given.values:
            for piece in pieces if isinstance(pieces, tuple) else ():
                if isinstance(piece, EvidencePiece) and not piece.date and piece.grade != "self_declared":
                    seen = " ".join(filter(None, (piece.grade, piece.source)))
                    context.report("evidence.undated", "evidence", given.equals(pieces), IssueText(seen))


COHORT_QUESTIONS = ("linked_reference", "linked_name", "nationality", "job", "intake_from", "intake_to", "age_group")


def reject_conflicting_cases(context: ValidationContext) -> None:
    """Reject the rows of a case that describe different groups: two nationalities under one number would mix groups (DS-3)."""
    cases = context.answers.get("case_id")
    if cases is None:
        return
    for question in COHORT_QUESTIONS:
        answers = context.answers.get(question)
        if answers is None:
            continue
        numbers: dict[str, int] = {}
        table = np.array([*(numbers.setdefault(fold_text(str(value)), len(numbers)) for value in answers.values), -1])
        for code, case_id in enumerate(cases.values):
            rows = cases.codes == code
            if len(set(table[answers.codes[rows]].tolist()) - {-1}) > 1:
                context.report("case.conflict", "case_id", rows, IssueText(str(case_id)))


def apply_rules(context: ValidationContext, form: Questionnaire, answered_by: str | None = None) -> None:
    """Apply all rules; that of blanks in returned forms comes last, when it is known which answers are valid.

    ``answered_by``: "supplier" or "buyer", where the importer says who filled in the sheet.
    """
    complete_partial_dates(context)
    complete_region_named_as_country(context, form)
    settle_country_by_region(context)
    returned = ReturnedForms(context, form, answered_by)
    context.returned = returned.rows
    remove_placeholder_counts(context)
    remove_impossible_women_counts(context)
    resolve_impossible_migrant_counts(context, form)
    normalize_agency_counts(context)
    settle_answers(context, form, returned)
    reconcile_migrant_share(context)
    compute_migrant_share(context, form)
    remove_invalid_identifiers(context)
    reject_conflicting_references(context)
    reject_conflicting_cases(context)
    forget_country_of_other_city(context)
    for question in ("address", "city", "region"):
        report_place_in_other_country(context, question)
    report_place_in_two_countries(context)
    report_undated_evidence(context)
    returned.decline_blanks()


def settle_answers(context: ValidationContext, form: Questionnaire, returned: ReturnedForms) -> None:
    """Remove what is not applicable only by claim, and denials that other answers contradict, until nothing changes."""
    changed = True
    while changed:
        changed = returned.judge_not_applicable()
        changed |= resolve_contradictions(context, form, returned)
