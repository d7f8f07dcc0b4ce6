"""How far answers are believed: the best unexpired piece of evidence behind each, by kind, age, expiry and what it covers.

Behind an answer stand the declaration itself (as old as its form), the graded evidence of the row (``evidence_grade`` and
``evidence_date``), and the pieces of the question ``evidence`` that cover it; a piece that names no question covers all. The
best is the one that counts most today, whatever its kind (method section 3, EN-3). A piece without a date is no more than a
declaration and adds nothing to the one that is there; one of a future date counts nothing. A certificate counts no longer than
the model says, whatever day of expiry it bears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from risk_models.answers import CASE_HARMS, CASE_TOLD, DECLINED, EVIDENCE, Answers, Flags, Floats, Piece, said, spread
from risk_models.model import Credibility, Indicator, Model

DAYS_A_MONTH = 30.4375
# How release 0.1.0 read models of method 1: no model names it, and only files of that release are verified by it.
METHOD_OF_0_1_0 = 0
CERTIFICATE = "certificate"
CONFIRMING = ("worker_voice", "official")  # whose word closes a finding (method section 8)
TOLD_ON = (
    "form_returned",
    "answered_on",
    "evidence_date",
)  # how old a declaration is: an answer bears the date of its form
AUDITS = ("audit", CERTIFICATE)  # what is void where nobody could speak freely
TITLES = {
    "self_declared": "Self-declared",
    "document": "Document",
    "audit": "Audit",
    CERTIFICATE: "Certificate",
    "worker_voice": "Workers, union or NGO",
    "official": "Finding of an authority",
}


@dataclass(frozen=True)
class Standing:
    """What a piece counts on a day: ``q``, whether it is past its time, whether the context voids audits, and the months a
    certificate was held to, where it bears a later day of expiry.
    """

    piece: Piece
    q: float
    expired: bool
    void: bool = False
    held_to: float | None = None


def told_on(model: Model) -> tuple[str, ...]:
    """The questions that say how old a declaration is, the first that is given."""
    if model.method == METHOD_OF_0_1_0:
        return ("answered_on", "form_returned", "evidence_date")
    return TOLD_ON if model.method > 1 else ("evidence_date", "form_returned", "answered_on")


def age_in_months(written: object, on: date) -> float:
    """Months between an ISO date and a day; negative for a future date, NaN where there is no date."""
    if not isinstance(written, str):
        return np.nan
    try:
        return (on - date.fromisoformat(written)).days / DAYS_A_MONTH
    except ValueError:
        return np.nan


def ages(answers: Answers, question: str, on: date) -> Floats:
    """Months since the day that a question gives, per supplier; NaN where it gives none."""
    return spread(answers, question, lambda day: age_in_months(day, on), np.nan)


def credibility(grade: Credibility, months: Floats) -> Floats:
    """q of evidence of one kind at several ages: full for half its shelf life, then falling linearly to 0 (EN-3)."""
    half = grade.months / 2
    fading = np.minimum(np.maximum(grade.q * (grade.months - months) / half, 0.0), grade.q)
    # A future date counts 0; age itself never leaves 0 to the shelf life.
    return np.where(months < 0, 0.0, fading)


def standing(piece: Piece, model: Model, on: date, *, void: bool) -> Standing | None:
    """What a piece counts on a day; None for one without a date, which is a declaration and no more.

    A certificate counts as an audit, over its own validity where it tells its expiry, at most the months the model allows; any
    other kind over its shelf life, or until it expires where that is sooner.
    """
    age = age_in_months(piece.date, on)
    if np.isnan(age):
        return None
    grade = model.credibility["audit" if piece.grade == CERTIFICATE else piece.grade]
    life = grade.months
    validity = age - age_in_months(piece.expires, on)
    held_to = None
    if not np.isnan(validity):
        most = model.certificate_months if piece.grade == CERTIFICATE else life
        held_to = most if piece.grade == CERTIFICATE and validity > most else None
        life = min(most, validity)
    void = void and piece.grade in AUDITS
    if life <= 0 or void:
        return Standing(piece, 0.0, bool(age >= life), void, held_to)
    q = float(credibility(Credibility(grade.q, life), np.array(age)))
    return Standing(piece, q, bool(age >= life), held_to=held_to)


def covering(told: object, question: str) -> Iterator[Piece]:
    """The pieces of an answer to ``evidence`` that stand behind a question."""
    for piece in told if isinstance(told, tuple) else ():
        if not piece.covers or question in piece.covers:
            yield piece


class Belief:
    """How far the answers of n suppliers are believed on a day, question by question."""

    def __init__(self, answers: Answers, model: Model, on: date) -> None:
        self.answers, self.model, self.on = answers, model, on
        self.void = audit_void(answers, model)
        self.row = _of_rows(answers, model, on, self.void)
        self.pieces = answers.column(EVIDENCE)
        told = [piece for value in self.pieces.values if isinstance(value, tuple) for piece in value]
        self.named = {question for piece in told for question in piece.covers}
        self.known: dict[str, tuple[Floats, Flags]] = {}

    def of(self, question: str) -> tuple[Floats, Flags]:
        """q of the best unexpired evidence behind each answer (n,), and where all of it is past its time."""
        if not self.pieces.values:
            return self.row
        key = question if question in self.named else ""
        if key not in self.known:
            self.known[key] = self._with_pieces(key)
        return self.known[key]

    def of_all(self, questions: Sequence[str]) -> tuple[Floats, Flags]:
        """The same for several questions, (k, n) each."""
        if not self.pieces.values:
            shape = (len(questions), len(self.answers))
            return np.broadcast_to(self.row[0], shape), np.broadcast_to(self.row[1], shape)
        found = [self.of(question) for question in questions]
        return np.array([q for q, _ in found]), np.array([expired for _, expired in found])

    def confirmed(self, question: str) -> Flags:
        """Where workers, a union, an NGO or an authority stand behind an answer, and not past their time (n,)."""
        here = np.zeros(len(self.answers), dtype=bool)
        shown = ages(self.answers, "evidence_date", self.on)
        for name in CONFIRMING:
            fresh = credibility(self.model.credibility[name], shown) > 0  # never where there is no date
            here |= said(self.answers, "evidence_grade", (name,)) & fresh
        pieces = [
            any(
                stands is not None and stands.q > 0
                for piece in covering(told, question)
                if piece.grade in CONFIRMING
                for stands in [standing(piece, self.model, self.on, void=False)]
            )
            for told in self.pieces.values
        ]
        here |= np.array([*pieces, False])[self.pieces.codes]
        return here

    def _with_pieces(self, question: str) -> tuple[Floats, Flags]:
        best, past = (np.zeros((2, len(self.pieces.values) + 1)) for _ in range(2))
        past[:] = 1.0
        for code, told in enumerate(self.pieces.values):
            for piece in covering(told, question):
                for void in (False, True):
                    stands = standing(piece, self.model, self.on, void=void)
                    if stands is not None:
                        best[int(void), code] = max(best[int(void), code], stands.q)
                        past[int(void), code] *= stands.expired
        where = (self.void.astype(np.intp), self.pieces.codes)
        return np.maximum(self.row[0], best[where]), self.row[1] & (past[where] > 0)


def _of_rows(answers: Answers, model: Model, on: date, void: Flags) -> tuple[Floats, Flags]:
    """q of the best of declaration and graded evidence of each row, and where both are past their shelf life.

    Graded evidence without a date counts as a declaration; a declaration without any date counts as made today.
    """
    shown = ages(answers, "evidence_date", on)
    told = np.full(len(answers), np.nan)
    for question in told_on(model):
        told = np.where(np.isnan(told), ages(answers, question, on), told)
    told = np.where(np.isnan(told), 0.0, told)
    own = model.credibility["self_declared"]
    belief, expired = credibility(own, told), told >= own.months
    graded = answers.column("evidence_grade").values
    for name, grade in model.credibility.items():
        if name not in graded:
            continue
        here = said(answers, "evidence_grade", (name,)) & ~np.isnan(shown)
        if not here.any():
            continue
        months = np.where(here, shown, 0.0)
        # A void audit is believed no more, yet the answers stay answered: finding harm never lowers coverage.
        counts = here & ~void if name == "audit" else here
        belief = np.where(counts, np.maximum(belief, credibility(grade, months)), belief)
        expired = np.where(here, expired & (months >= grade.months), expired)
    return belief, expired


def report_belief(answers: Answers, model: Model, on: date) -> Floats:
    """q of reports by workers, unions, NGOs (worker voice) or officials, by their date; it only feeds confidence.

    Case records have a date of their own, that of their newest finding; that of the row is not theirs.
    """
    shown, told = ages(answers, "evidence_date", on), ages(answers, "answered_on", on)
    age = np.where(np.isnan(shown), np.where(np.isnan(told), 0.0, told), shown)
    by_officials = said(answers, "reported_by", ("official",))
    voice, official = (credibility(model.credibility[grade], age) for grade in ("worker_voice", "official"))
    reported = np.where(by_officials, official, voice)
    if not answers.column(CASE_TOLD).values:
        return reported
    age = ages(answers, CASE_TOLD, on)
    of_cases = credibility(model.credibility["worker_voice"], np.nan_to_num(age))
    in_the_row = np.zeros(len(answers), dtype=bool)
    for question in {"reported_harms", *(q for indicator in model.indicators for q in indicator.heard)}:
        in_the_row |= answers.column(question).codes >= 0
    return np.where(np.isnan(age), reported, np.where(in_the_row, np.maximum(reported, of_cases), of_cases))


def audit_void(answers: Answers, model: Model) -> Flags:
    """Where an audit proves nothing: private homes, state-imposed labour, coached sites, or sites that decline to say so (method
    section 3, FLS-d, CD08).
    """
    void = np.full(len(answers), not model.audit_counts)
    for indicator in model.indicators:
        if indicator.id in model.audit_void_when:
            void |= spread(answers, indicator.question, indicator.rule.risk, np.nan) >= 0.5
            reported = reported_by(answers, indicator)
            void |= False if reported is None else reported
            if model.method > 1:  # to leave it blank may not make an audit count for more than to say yes
                void |= said(answers, indicator.question, (DECLINED,))
    return void


def reported_by(answers: Answers, indicator: Indicator) -> Flags | None:
    """Where workers or officials report an indicator, in ``reported_harms``, in case records (which set what a report of the
    same kind would) or where else the model hears of it; None nowhere.
    """
    reported: Flags | None = None
    for question in ("reported_harms", CASE_HARMS, *indicator.heard):
        column = answers.columns.get(question)
        if column is not None and column.values:
            of = "reported_harms" if question == CASE_HARMS else question
            codes = indicator.heard.get(of, (indicator.id,))
            named = [isinstance(told, tuple) and not set(codes).isdisjoint(told) for told in column.values]
            here = np.array([*named, False])[column.codes]
            reported = here if reported is None else reported | here
    return reported


def behind(answers: Answers, model: Model, on: date) -> Callable[[str], Standing]:
    """The piece behind an answer of one supplier that counts most on a day, by question: what :class:`Belief` counts, named.

    ``answers`` are of one supplier. Where all pieces are past their time, the latest of them.
    """
    told: Mapping[str, Any] = {
        name: column.values[column.codes[0]] for name, column in answers.columns.items() if column.codes[0] >= 0
    }
    void = bool(audit_void(answers, model)[0])
    day = next((told[name] for name in told_on(model) if not np.isnan(age_in_months(told.get(name), on))), None)
    of_the_row = [Piece("self_declared", day)] if day else []
    if told.get("evidence_grade") in model.credibility:
        of_the_row.append(Piece(told["evidence_grade"], told.get("evidence_date")))

    def best(question: str) -> Standing:
        pieces = (*of_the_row, *covering(told.get(EVIDENCE), question))
        found = [stands for piece in pieces if (stands := standing(piece, model, on, void=void)) is not None]
        if day is None:
            found.append(Standing(Piece("self_declared"), model.credibility["self_declared"].q, expired=False))
        stands = max(found, key=lambda each: (each.q, not each.expired, each.piece.date or ""))
        return replace(stands, void=any(each.void for each in found))

    return best


def sentence(stands: Standing) -> str:
    """What a piece is and counts, as it is shown beside an answer: "Document of 3 March 2026 (SMETA-123), counts 0.31 today"."""
    piece = stands.piece
    title = "Self-declared," if piece.grade == "self_declared" else TITLES[piece.grade]
    of = f"{title} of {in_words(piece.date)}" if piece.date else f"{title} no date given"
    named = f" ({piece.source})" if piece.source else ""
    until = f", valid until {in_words(piece.expires)}" if piece.expires else ""
    until += f", held to {stands.held_to:g} months" if stands.held_to is not None else ""
    past = ": past its time, so it" if stands.expired else ","
    nothing = " An audit or certificate proves nothing here." if stands.void else ""
    return f"{of}{named}{until}{past} counts {stands.q:.2f} today.{nothing}"


def in_words(written: str) -> str:
    """An ISO day as it is said: 3 March 2026."""
    day = date.fromisoformat(written)
    return f"{day.day} {day:%B %Y}"
