"""Confirm evidence, and withdraw confirmations: pure functions of the answers of one supplier (method-4, section 1).

Evidence is claimed until the buyer confirms it: by whom, on which day, under which reference and for which questions. Only an
audit or a certificate is of the whole place, and may be confirmed for all questions answered at that time; any other piece is
confirmed for the questions that it or its confirmation names. A confirmation always lists its questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from questionnaires.parse.evidence import MAX_SOURCE_LENGTH, contains_personal_data
from risk_models.answers import EVIDENCE
from risk_models.evidence import AUDIT_GRADES
from service.assessment.evidence_entries import (
    SELF_DECLARED,
    EvidenceEntry,
    Piece,
    describe_piece,
    limit_confirmation,
    list_entries,
    parse_day,
    without_confirmation,
)
from service.errors import DomainError, not_found
from service.report_content.redaction import comes_from_workers
from service.suppliers.merge_rules import RiskLookup, Row

FROM_WORKERS = "evidence.from_workers"  # the code of a piece that only those may confirm who see what workers reported


@dataclass(frozen=True)
class Voucher:
    """How the buyer confirms evidence: who, when, under which reference, and for which questions (none named: all
    that the evidence covers). ``sees_worker_derived``: whether evidence from workers is visible to whoever confirms.
    """

    by: str
    on: date
    reference: str | None = None
    covers: tuple[str, ...] = ()
    sees_worker_derived: bool = True


def list_confirmable_questions(answers: Row, piece: Piece, risk_lookup: RiskLookup) -> list[str]:
    """List the answered questions that a piece can be confirmed for, in the order of the form."""
    answered = risk_lookup.list_confirmable_questions(answers)
    return [question for question in answered if not piece.get("covers") or question in piece["covers"]]


def confirm_entry(answers: Row, entry_id: str, voucher: Voucher, risk_lookup: RiskLookup) -> dict[str, Any]:
    """Return the answers with one piece confirmed; an earlier confirmation of it is replaced.

    Raises DomainError, 404, for an unknown piece, and 422 for one that cannot be confirmed: ``evidence.undated``,
    ``evidence.future``, ``evidence.covers_required``, ``evidence.not_answered``, ``evidence.reference``.
    """
    entry = get_entry(answers, entry_id)
    confirmed = confirm_piece(answers, entry.piece, voucher, risk_lookup)
    if entry.from_row:
        return {**answers, EVIDENCE: [*(answers.get(EVIDENCE) or ()), confirmed]}
    return {**answers, EVIDENCE: [confirmed if piece is entry.piece else piece for piece in answers[EVIDENCE]]}


def withdraw_entry(answers: Row, entry_id: str) -> dict[str, Any]:
    """Return the answers with one piece claimed again. Raises DomainError, 404, or 409 if it is not confirmed."""
    entry = get_entry(answers, entry_id)
    if entry.confirmed is None:
        raise DomainError("evidence.not_confirmed", 409, "This piece of evidence is not confirmed.")
    claimed = without_confirmation(entry.piece)
    return {**answers, EVIDENCE: [claimed if piece is entry.piece else piece for piece in answers[EVIDENCE]]}


def get_entry(answers: Row, entry_id: str) -> EvidenceEntry:
    """Return a piece by its id. Raises DomainError, 404."""
    entry = next((entry for entry in list_entries(answers) if entry.id == entry_id), None)
    if entry is None:
        raise not_found("Piece of evidence not found.")
    return entry


def confirm_piece(answers: Row, piece: Piece, voucher: Voucher, risk_lookup: RiskLookup) -> dict[str, Any]:
    """Return a piece confirmed for the questions that the voucher names, or for all that it covers.

    Raises DomainError, 422, as :func:`confirm_entry` does.
    """
    check_reference(voucher.reference)
    fault = find_fault(piece, voucher)
    if fault is not None:
        raise fault
    confirmable = list_confirmable_questions(answers, piece, risk_lookup)
    unanswered = [question for question in voucher.covers if question not in confirmable]
    if unanswered or not confirmable:
        seen = f" ({', '.join(unanswered[:5])})" if unanswered else ""
        raise DomainError(
            "evidence.not_answered",
            422,
            f"Evidence can be confirmed only for questions that it covers and that have been answered{seen}.",
        )
    named = set(voucher.covers or piece.get("covers") or confirmable)
    return _with_confirmation(piece, voucher, [question for question in confirmable if question in named])


def find_fault(piece: Piece, voucher: Voucher) -> DomainError | None:
    """Return why a piece cannot be confirmed, whatever was answered; None if it can."""
    day = parse_day(piece.get("date"))
    if not voucher.sees_worker_derived and comes_from_workers(piece["grade"], piece.get("source")):
        return DomainError(
            FROM_WORKERS,
            403,
            "Only users who are allowed to see what workers reported can confirm evidence from workers. An API key "
            "needs the scope cases:read.",
        )
    if piece["grade"] == SELF_DECLARED:
        return DomainError(
            "evidence.self_declared",
            422,
            "A self-declaration has no supporting evidence that could be confirmed.",
        )
    if day is None:
        return DomainError(
            "evidence.undated",
            422,
            "This evidence does not have a complete date, so it has no effect and cannot be confirmed.",
        )
    if day > voucher.on:
        return DomainError(
            "evidence.future", 422, "This evidence is dated in the future. It cannot be confirmed until that date."
        )
    if piece["grade"] not in AUDIT_GRADES and not voucher.covers and not piece.get("covers"):
        return DomainError(
            "evidence.covers_required",
            422,
            "List the questions that this evidence covers. Only an audit or a certificate can be confirmed for all "
            "questions.",
        )
    return None


def check_reference(reference: str | None) -> None:
    """Raise DomainError ``evidence.reference``, 422, for a reference that is too long or may identify a person."""
    if reference is not None and len(reference) > MAX_SOURCE_LENGTH:
        raise DomainError("evidence.reference", 422, f"A reference can be at most {MAX_SOURCE_LENGTH} characters long.")
    if reference is not None and contains_personal_data(reference, reference=True):
        raise DomainError(
            "evidence.reference", 422, "The reference looks like personal data. Enter a document number instead."
        )


def _with_confirmation(piece: Piece, voucher: Voucher, covers: Sequence[str]) -> dict[str, Any]:
    confirmed = {"by": voucher.by, "on": voucher.on.isoformat()}
    confirmed |= {"reference": voucher.reference} if voucher.reference else {}
    return {**piece, "confirmed": {**confirmed, "covers": list(covers)}}


@dataclass(frozen=True)
class VouchedRow:
    """A row after the buyer vouched for its evidence: its answers, and for each piece that stays claimed the code of the issue
    that says why, with the piece in words.
    """

    answers: dict[str, Any]
    claimed: tuple[tuple[str, str], ...]


def is_returned_form(answers: Row) -> bool:
    """Return whether a row is a form that came back: its evidence is always claimed."""
    return answers.get("form_returned") is not None


def vouch_for_row(
    answers: Row, voucher: Voucher, risk_lookup: RiskLookup, *, is_returned: bool | None = None
) -> VouchedRow:
    """Return a row with all its evidence confirmed that the buyer may vouch for at once; the rest stays claimed.

    ``is_returned``: whether the row is a returned form; by default it is if it has a day of return.
    """
    entries = list_entries(answers)
    if not entries:
        return VouchedRow(dict(answers), ())
    if is_returned or (is_returned is None and is_returned_form(answers)):
        return VouchedRow(dict(answers), (("evidence.returned_form", describe_piece(entries[0].piece)),))
    vouched, claimed = dict(answers), []
    for entry in entries:
        confirmable = list_confirmable_questions(answers, entry.piece, risk_lookup)
        named = [question for question in voucher.covers if question in confirmable]
        own = replace(voucher, covers=tuple(named))
        fault = find_fault(entry.piece, own)
        if fault is not None and fault.code == FROM_WORKERS:
            claimed.append((FROM_WORKERS, describe_piece(entry.piece)))
            continue
        if fault is not None and fault.code != "evidence.covers_required":
            continue  # intake reports the date
        if fault is not None or not confirmable or (voucher.covers and not named):
            claimed.append(("evidence.names_no_question", describe_piece(entry.piece)))
        else:
            vouched = confirm_entry(vouched, entry.id, own, risk_lookup)
    return VouchedRow(vouched, tuple(claimed))


def drop_confirmations(answers: Row, questions: Sequence[str]) -> dict[str, Any]:
    """Return the answers with the evidence claimed again for some questions."""
    pieces = answers.get(EVIDENCE)
    if not isinstance(pieces, list | tuple):
        return dict(answers)
    return {
        **answers,
        EVIDENCE: [limit_confirmation(piece, lambda question: question not in questions) for piece in pieces],
    }
