"""Validate answers of a supplier as they are stored, by the rules of one sender's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.validation.contradictions import has_contradiction, list_unsupported_denials
from questionnaires.validation.json_answers import validate_answers
from risk_models.answers import DECLINED, EVIDENCE
from service.suppliers.agency_links import AGENCIES, keep_agencies
from service.suppliers.imposed_labour import keep_documented_labour
from service.suppliers.merge_rules import RiskLookup, is_older_form, merge_answers


def validate_stored(kind: str, answers: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return the valid ones of answers as JSON holds them, as of a day; evidence stays as it is.

    Contradictions are resolved, "not applicable" is judged, and blanks of a returned form are declined.
    """
    valid, _ = validate_answers(load_combined_form(kind), _hashable(answers), on.isoformat())
    stored = {question: list(answer) if isinstance(answer, tuple) else answer for question, answer in valid.items()}
    return stored | ({EVIDENCE: answers[EVIDENCE]} if answers.get(EVIDENCE) else {})


def merge_with_stored(
    kind: str,
    stored: Mapping[str, Any],
    incoming: Mapping[str, Any],
    risk_lookup: RiskLookup,
    on: date,
    entered_on: date | None = None,
    named: Sequence[str] = (),
) -> dict[str, Any]:
    """Merge a new row, valid as of a day, into stored answers (:func:`service.suppliers.merge_rules.merge_answers`), without
    contradictions.

    A denial that stored answers contradict, or that only a stored refusal supports, is read as a blank, so that it takes back
    neither harm nor a refusal. A returned form takes the supplier away from no place, trade or sender where labour is documented
    as imposed by a state, and from no agency that it named (``named``: before the stored answers, if they decline it); only the
    buyer's own lists and requests do. An older form that comes late takes back nothing: both count in the order of their days.
    For ``entered_on`` see merge_answers.
    """
    if incoming.get("form_returned") is None:
        return _merge_supported(kind, stored, incoming, risk_lookup, on, entered_on)
    if is_older_form(incoming, stored):
        return _merge_supported(kind, incoming, stored, risk_lookup, on, None)
    known = {**stored, AGENCIES: list(named)} if named and stored.get(AGENCIES) == DECLINED else stored
    merged = _merge_supported(kind, known, incoming, risk_lookup, on, entered_on)
    if known is not stored and incoming.get(AGENCIES) is None:
        merged[AGENCIES] = DECLINED
    return keep_agencies(known, keep_documented_labour(kind, [stored], merged, on))


def _merge_supported(
    kind: str,
    stored: Mapping[str, Any],
    incoming: Mapping[str, Any],
    risk_lookup: RiskLookup,
    on: date,
    entered_on: date | None,
) -> dict[str, Any]:
    merged = merge_answers(stored, incoming, risk_lookup, kind, entered_on)
    if merged == stored == incoming:  # nothing new, and the row was valid on that day when it came in
        return merged
    checked = recheck_merged(kind, merged, on)
    unsupported = list_unsupported_denials(kind, _hashable({**stored, **incoming}), on.isoformat())
    if not unsupported and checked == merged:  # as in most rows
        return checked
    blank = {
        question
        for question, answer in incoming.items()
        if question in stored
        and merged.get(question) == answer
        and (answer != checked.get(question) or question in unsupported)
        and (stored[question] == DECLINED or risk_lookup.admits_harm(question, stored[question]))
    }
    if not blank:
        return checked
    rest = {question: answer for question, answer in incoming.items() if question not in blank}
    if incoming.get("form_returned") is not None:
        rest |= dict.fromkeys(blank, DECLINED)
    return _merge_supported(kind, stored, rest, risk_lookup, on, entered_on)


def recheck_merged(kind: str, answers: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return answers that come from several rows without those that contradict each other now, or apply after all.

    An answer that goes is "declined" if the answers are those of a returned form, else a blank.
    """
    if not has_contradiction(kind, _hashable(answers), on.isoformat()):
        return dict(answers)
    valid = validate_stored(kind, {**answers, "form_returned": None}, on)
    if answers.get("form_returned") is None:
        return valid
    questions = load_combined_form(kind).by_id
    lost = [q for q in answers if q not in valid and q in questions and questions[q].declinable]
    return {**valid, **dict.fromkeys(lost, DECLINED), "form_returned": answers["form_returned"]}


def _hashable(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers that the rules read, without blanks and evidence, and with tuples for lists."""
    return {
        question: tuple(answer) if isinstance(answer, list) else answer
        for question, answer in answers.items()
        if (answer or isinstance(answer, int | float)) and question != EVIDENCE
    }
