"""Determine how credible answers are, from the kind, age, expiry and coverage of the best unexpired evidence behind each.

An answer is supported by the declaration itself (as old as its form), by the graded evidence of the row (``evidence_grade`` and
``evidence_date``), and by the pieces of the question ``evidence`` that cover it; a piece that names no question covers all. The
best is the one that counts most today, whatever its kind (method section 3, EN-3). A piece without a date is no more than a
declaration and adds nothing to the existing one; a piece with a future date counts nothing. A certificate counts no longer than
the model says, whatever its day of expiry.

Since method 4 a piece counts only where the buyer confirmed it, for the questions of the confirmation; the graded evidence of a
row counts for nothing, and the age of a declaration is never read off its evidence (method-4, section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from risk_models.answers import (
    CASE_DATE,
    CASE_HARMS,
    DECLINED,
    EVIDENCE,
    Answers,
    EvidencePiece,
    Flags,
    Floats,
    is_answer_in,
    map_answers,
)
from risk_models.model import Credibility, Indicator, Model

DAYS_PER_MONTH = 30.4375
# The method that release 0.1.0 used for models of method 1. No model has it; it is needed to verify files of that release.
RELEASE_0_1_0_METHOD = 0
CERTIFICATE = "certificate"
CONFIRMING_GRADES = ("worker_voice", "official")  # only these can close a finding (method section 8)
# The questions that date a declaration, in order of preference: an answer is as old as its form.
DECLARATION_DATE_QUESTIONS = ("form_returned", "answered_on", "evidence_date")
AUDIT_GRADES = ("audit", CERTIFICATE)  # has no weight where workers could not speak freely
GRADE_TITLES = {
    "self_declared": "Self-declared",
    "document": "Document",
    "audit": "Audit",
    CERTIFICATE: "Certificate",
    "worker_voice": "Workers, union or NGO",
    "official": "Finding by an authority",
}


@dataclass(frozen=True)
class EvidenceWeight:
    """The weight of a piece of evidence on a day: ``q`` (0..1), whether it has expired, whether the context voids audits, and
    ``capped_months``, the longest validity in months if a certificate claims a longer one; ``disregarded``: labour imposed by
    a state is documented there, so that no evidence counts. Since method 4: ``is_confirmed``, whether the buyer confirmed the
    piece, and ``claimed``, the pieces that would support the answer too if the buyer confirmed them.
    """

    piece: EvidencePiece
    q: float
    expired: bool
    void: bool = False
    capped_months: float | None = None
    disregarded: bool = False
    is_confirmed: bool = False
    claimed: tuple[EvidencePiece, ...] = ()


def needs_confirmation(model: Model) -> bool:
    """Return whether evidence counts under a model only if the buyer confirmed it: since method 4."""
    return model.method >= 4


def list_declaration_date_questions(model: Model) -> tuple[str, ...]:
    """Return the questions that date a declaration under a model; the first with a date counts."""
    if needs_confirmation(model):
        return ("form_returned", "answered_on")
    if model.method == RELEASE_0_1_0_METHOD:
        return ("answered_on", "form_returned", "evidence_date")
    return DECLARATION_DATE_QUESTIONS if model.method > 1 else ("evidence_date", "form_returned", "answered_on")


def compute_age_in_months(iso_date: object, on: date) -> float:
    """Return the months between an ISO date and a day; negative for a future date, NaN if there is no date."""
    if not isinstance(iso_date, str):
        return np.nan
    try:
        return (on - date.fromisoformat(iso_date)).days / DAYS_PER_MONTH
    except ValueError:
        return np.nan


def compute_ages_in_months(answers: Answers, question: str, on: date) -> Floats:
    """Return the months since the date that each supplier gave in answer to a question (n,); NaN if it gave none."""
    return map_answers(answers, question, lambda day: compute_age_in_months(day, on), np.nan)


def compute_credibility(grade: Credibility, months: Floats) -> Floats:
    """Return q of evidence of one grade at several ages: full for half its shelf life, then falling linearly to 0 (EN-3)."""
    half = grade.months / 2
    fading = np.minimum(np.maximum(grade.q * (grade.months - months) / half, 0.0), grade.q)
    # Evidence with a future date has a weight of 0.
    return np.where(months < 0, 0.0, fading)


def weigh_piece(piece: EvidencePiece, model: Model, on: date, *, void: bool) -> EvidenceWeight | None:
    """Return the weight of a piece on a day; None for one without a date, which is no more than a declaration, and since method 4
    for one with a future date, which would otherwise renew an expired answer.

    A certificate with an expiry date counts as an audit for as long as it is valid, up to the number of months that the model
    allows. Any other grade counts for its shelf life, or until it expires if that is sooner.
    """
    age = compute_age_in_months(piece.date, on)
    if np.isnan(age) or (age < 0 and needs_confirmation(model)):
        return None
    grade = model.credibility["audit" if piece.grade == CERTIFICATE else piece.grade]
    months_valid = grade.months
    validity = age - compute_age_in_months(piece.expires, on)
    capped_months = None
    if not np.isnan(validity):
        longest = model.certificate_months if piece.grade == CERTIFICATE else months_valid
        capped_months = longest if piece.grade == CERTIFICATE and validity > longest else None
        months_valid = min(longest, validity)
    void = void and piece.grade in AUDIT_GRADES
    expired = bool(age >= months_valid)
    if months_valid <= 0 or void:
        return EvidenceWeight(piece, 0.0, expired, void, capped_months)
    q = float(compute_credibility(Credibility(grade.q, months_valid), np.array(age)))
    return EvidenceWeight(piece, q, expired, capped_months=capped_months)


def iter_pieces_covering(pieces: object, question: str, model: Model) -> Iterator[EvidencePiece]:
    """Yield the pieces of an answer to ``evidence`` that cover a question; since method 4 only those confirmed for it."""
    for piece in pieces if isinstance(pieces, tuple) else ():
        covers = not piece.covers or question in piece.covers
        if covers and (not needs_confirmation(model) or is_confirmed_for(piece, question)):
            yield piece


def is_confirmed_for(piece: EvidencePiece, question: str) -> bool:
    """Return whether the buyer confirmed a piece for a question."""
    return piece.confirmation is not None and question in piece.confirmation.covers


class Belief:
    """The credibility of the answers of n suppliers on a day, by question: q (n,) and whether the evidence has expired (n,)."""

    def __init__(self, answers: Answers, model: Model, on: date) -> None:
        self.answers, self.model, self.on = answers, model, on
        self.void = is_audit_void(answers, model)
        self.row = _compute_row_belief(answers, model, on, self.void)
        self.pieces = answers.column(EVIDENCE)
        pieces = [piece for value in self.pieces.values if isinstance(value, tuple) for piece in value]
        self.covered_questions = {question for piece in pieces for question in piece.covers}
        self.covered_questions |= {q for piece in pieces if piece.confirmation for q in piece.confirmation.covers}
        self._cache: dict[str, tuple[Floats, Flags, Flags]] = {}

    def get_belief(self, question: str) -> tuple[Floats, Flags]:
        """Return q of the best unexpired evidence for each answer to a question (n,), and whether all of it has expired (n,)."""
        if not self.pieces.values:
            return self.row
        return self._get_with_pieces(question)[:2]

    def has_evidence(self, question: str) -> Flags:
        """Return where a piece of evidence that counts on the day supports an answer, beyond its declaration (n,)."""
        if not self.pieces.values:
            return np.zeros(len(self.answers), dtype=bool)
        return self._get_with_pieces(question)[2]

    def _get_with_pieces(self, question: str) -> tuple[Floats, Flags, Flags]:
        key = question if question in self.covered_questions else ""
        if key not in self._cache:
            self._cache[key] = self._compute_with_pieces(key)
        return self._cache[key]

    def get_beliefs(self, questions: Sequence[str]) -> tuple[Floats, Flags]:
        """Return the same as :meth:`get_belief` for k questions, (k, n) each."""
        if not self.pieces.values:
            shape = (len(questions), len(self.answers))
            return np.broadcast_to(self.row[0], shape), np.broadcast_to(self.row[1], shape)
        beliefs = [self.get_belief(question) for question in questions]
        return np.array([q for q, _ in beliefs]), np.array([expired for _, expired in beliefs])

    def is_confirmed(self, question: str) -> Flags:
        """Return where unexpired evidence from workers, a union, an NGO or an authority supports an answer (n,)."""
        confirmed = np.zeros(len(self.answers), dtype=bool)
        ages = compute_ages_in_months(self.answers, "evidence_date", self.on)
        for name in () if needs_confirmation(self.model) else CONFIRMING_GRADES:
            unexpired = compute_credibility(self.model.credibility[name], ages) > 0  # False where there is no date
            confirmed |= is_answer_in(self.answers, "evidence_grade", (name,)) & unexpired
        confirmed_by_pieces = [
            any(
                weight is not None and weight.q > 0
                for piece in iter_pieces_covering(pieces, question, self.model)
                if piece.grade in CONFIRMING_GRADES
                for weight in [weigh_piece(piece, self.model, self.on, void=False)]
            )
            for pieces in self.pieces.values
        ]
        confirmed |= np.array([*confirmed_by_pieces, False])[self.pieces.codes]
        return confirmed

    def _compute_with_pieces(self, question: str) -> tuple[Floats, Flags, Flags]:
        best, all_expired = (np.zeros((2, len(self.pieces.values) + 1)) for _ in range(2))
        all_expired[:] = 1.0
        for code, pieces in enumerate(self.pieces.values):
            for piece in iter_pieces_covering(pieces, question, self.model):
                for void in (False, True):
                    weight = weigh_piece(piece, self.model, self.on, void=void)
                    if weight is not None:
                        best[int(void), code] = max(best[int(void), code], weight.q)
                        all_expired[int(void), code] *= weight.expired
        index = (self.void.astype(np.intp), self.pieces.codes)
        return np.maximum(self.row[0], best[index]), self.row[1] & (all_expired[index] > 0), best[index] > 0


def _compute_row_belief(answers: Answers, model: Model, on: date, void: Flags) -> tuple[Floats, Flags]:
    """Return the higher q of the declaration and the graded evidence of each row (n,), and whether both have expired (n,).

    Graded evidence without a date counts as a declaration; a declaration without any date counts as made today.
    """
    evidence_age = compute_ages_in_months(answers, "evidence_date", on)
    declaration_age = np.full(len(answers), np.nan)
    for question in list_declaration_date_questions(model):
        age = compute_ages_in_months(answers, question, on)
        declaration_age = np.where(np.isnan(declaration_age), age, declaration_age)
    declaration_age = np.where(np.isnan(declaration_age), 0.0, declaration_age)
    declaration = model.credibility["self_declared"]
    belief = compute_credibility(declaration, declaration_age)
    expired = declaration_age >= declaration.months
    grades_given = () if needs_confirmation(model) else answers.column("evidence_grade").values
    for name, grade in model.credibility.items():
        if name not in grades_given:
            continue
        has_grade = is_answer_in(answers, "evidence_grade", (name,)) & ~np.isnan(evidence_age)
        if not has_grade.any():
            continue
        months = np.where(has_grade, evidence_age, 0.0)
        # A void audit no longer adds belief, but the answers stay answered: finding harm never lowers coverage.
        counts = has_grade & ~void if name == "audit" else has_grade
        belief = np.where(counts, np.maximum(belief, compute_credibility(grade, months)), belief)
        expired = np.where(has_grade, expired & (months >= grade.months), expired)
    return belief, expired


def compute_report_belief(answers: Answers, model: Model, on: date) -> Floats:
    """Return q of reports by workers, unions, NGOs (worker voice) or officials on their date (n,); it affects confidence only.

    Case records have a date of their own, that of their newest finding, and not the date of the row.
    """
    # Since method 4 a report has a day of its own, and no other.
    evidence_age = compute_ages_in_months(answers, "reported_on" if needs_confirmation(model) else "evidence_date", on)
    answer_age = compute_ages_in_months(answers, "answered_on", on)
    age = np.where(np.isnan(evidence_age), np.where(np.isnan(answer_age), 0.0, answer_age), evidence_age)
    by_officials = is_answer_in(answers, "reported_by", ("official",))
    voice, official = (compute_credibility(model.credibility[grade], age) for grade in ("worker_voice", "official"))
    reported = np.where(by_officials, official, voice)
    if not answers.column(CASE_DATE).values:
        return reported
    case_age = compute_ages_in_months(answers, CASE_DATE, on)
    case_belief = compute_credibility(model.credibility["worker_voice"], np.nan_to_num(case_age))
    reported_in_row = np.zeros(len(answers), dtype=bool)
    for question in {"reported_harms", *(q for indicator in model.indicators for q in indicator.report_sources)}:
        reported_in_row |= answers.column(question).codes >= 0
    with_cases = np.where(reported_in_row, np.maximum(reported, case_belief), case_belief)
    return np.where(np.isnan(case_age), reported, with_cases)


def is_audit_void(answers: Answers, model: Model) -> Flags:
    """Return where an audit proves nothing (n,).

    These are private homes, state-imposed labour, sites where workers were coached, and sites that decline to say whether they
    were (method section 3, FLS-d, CD08).
    """
    void = np.full(len(answers), not model.audit_counts)
    for indicator in model.indicators:
        if indicator.id in model.audit_void_when:
            void |= map_answers(answers, indicator.question, indicator.rule.risk, np.nan) >= 0.5
            reported = is_reported(answers, indicator)
            void |= False if reported is None else reported
            if model.method > 1:  # leaving it blank must not make an audit count for more than answering yes
                void |= is_answer_in(answers, indicator.question, (DECLINED,))
    return void


def is_reported(answers: Answers, indicator: Indicator) -> Flags | None:
    """Return where workers or officials report an indicator (n,), or None if no supplier has a report of any indicator.

    Reports come from ``reported_harms``, from case records (which set the same indicators as a report of their kind), and from
    the further questions that the model names.
    """
    reported: Flags | None = None
    for question in ("reported_harms", CASE_HARMS, *indicator.report_sources):
        column = answers.columns.get(question)
        if column is not None and column.values:
            source = "reported_harms" if question == CASE_HARMS else question
            codes = indicator.report_sources.get(source, (indicator.id,))
            named = [isinstance(value, tuple) and not set(codes).isdisjoint(value) for value in column.values]
            has_report = np.array([*named, False])[column.codes]
            reported = has_report if reported is None else reported | has_report
    return reported


def build_evidence_lookup(
    answers: Answers, model: Model, on: date, *, documented: bool = False
) -> Callable[[str], EvidenceWeight]:
    """Return a function from a question to the evidence that counts most for its answer on a day, as :class:`Belief` counts it.

    ``answers`` are of one supplier; ``documented``: labour imposed by a state is documented there. If all pieces have expired,
    the function returns the latest of them.
    """
    row: Mapping[str, Any] = {
        name: column.values[column.codes[0]] for name, column in answers.columns.items() if column.codes[0] >= 0
    }
    void = bool(is_audit_void(answers, model)[0])
    dates = (row.get(name) for name in list_declaration_date_questions(model))
    declared_on = next((day for day in dates if not np.isnan(compute_age_in_months(day, on))), None)
    row_pieces = [EvidencePiece("self_declared", declared_on)] if declared_on else []
    if row.get("evidence_grade") in model.credibility and not needs_confirmation(model):
        row_pieces.append(EvidencePiece(row["evidence_grade"], row.get("evidence_date")))

    def list_claimed(question: str) -> tuple[EvidencePiece, ...]:
        """List the pieces that would cover a question if the buyer confirmed them for it."""
        given = row.get(EVIDENCE)
        graded = EvidencePiece(str(row.get("evidence_grade")), row.get("evidence_date"))
        pieces = (*([graded] if graded.grade in GRADE_TITLES else []), *(given if isinstance(given, tuple) else ()))
        confirmed = {(piece.grade, piece.date) for piece in pieces if is_confirmed_for(piece, question)}
        return tuple(
            piece
            for piece in pieces
            if piece.grade != "self_declared" and (piece.grade, piece.date) not in confirmed
            if not piece.covers or question in piece.covers
        )

    def find_best(question: str) -> EvidenceWeight:
        pieces = (*row_pieces, *iter_pieces_covering(row.get(EVIDENCE), question, model))
        weights = [weight for piece in pieces if (weight := weigh_piece(piece, model, on, void=void)) is not None]
        if declared_on is None or not weights:
            declaration = EvidencePiece("self_declared")
            weights.append(EvidenceWeight(declaration, model.credibility["self_declared"].q, expired=False))
        best = max(weights, key=lambda weight: (weight.q, not weight.expired, weight.piece.date or ""))
        best = replace(best, void=any(weight.void for weight in weights))
        if needs_confirmation(model):
            best = replace(best, is_confirmed=best.piece.confirmation is not None, claimed=list_claimed(question))
        return replace(best, q=0.0, disregarded=True) if documented else best

    return find_best


def describe_evidence(weight: EvidenceWeight) -> str:
    """Return a sentence such as "Document dated 3 March 2026 (SMETA-123): weight 0.31 out of 1 today".

    Since method 4 it names the buyer's confirmation, and the pieces that are claimed, not confirmed.
    """
    piece = weight.piece
    until = f", valid until {format_day(piece.expires)}" if piece.expires else ""
    until += f", limited to {weight.capped_months:g} months" if weight.capped_months is not None else ""
    weighs = "expired, so its weight is" if weight.expired else "weight"
    note = " Audits and certificates do not count here." if weight.void else ""
    if weight.disregarded:
        note = " Where labour is imposed by a state, nobody can speak freely, so no evidence counts."
    if weight.is_confirmed and piece.confirmation:
        reference = f", reference {piece.confirmation.reference}" if piece.confirmation.reference else ""
        note = f" Confirmed by {piece.confirmation.by} on {format_day(piece.confirmation.on)}{reference}.{note}"
    if weight.claimed:
        note += f" Claimed, not confirmed: {'; '.join(map(_describe_piece, weight.claimed))}."
    return f"{_describe_piece(piece)}{until}: {weighs} {weight.q:.2f} out of 1 today.{note}"


def _describe_piece(piece: EvidencePiece) -> str:
    """Return the kind, date and source of a piece: "Document dated 3 March 2026 (SMETA-123)"."""
    title, link = GRADE_TITLES[piece.grade], {"self_declared": " on ", "worker_voice": ", "}.get(piece.grade, " dated ")
    is_dated = piece.date and not np.isnan(compute_age_in_months(piece.date, date.min))
    dated = f"{title}{link}{format_day(str(piece.date))}" if is_dated else f"{title}, no date given"
    return f"{dated} ({piece.source})" if piece.source else dated


def format_day(iso_date: str) -> str:
    """Return an ISO date as text, such as "3 March 2026"."""
    day = date.fromisoformat(iso_date)
    return f"{day.day} {day:%B %Y}"
