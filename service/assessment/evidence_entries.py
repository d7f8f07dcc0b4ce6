"""List the evidence in a supplier's answers, each piece with its state: claimed, or confirmed by the buyer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from risk_models.answers import EVIDENCE, Answers, find_combinations, to_json_value
from risk_models.evidence import AUDIT_GRADES, GRADE_TITLES

SELF_DECLARED = "self_declared"  # the declaration itself: there is nothing behind it to confirm
CONTENT = ("grade", "date", "expires", "covers", "source")  # what a piece is, whoever confirmed it
# The source of a piece that a closed step lends, before the id of the step; the second is known only from workers.
STEP, REPORTED_STEP = "Step", "Reported step"
SURVEY = "Worker survey"  # the source of a piece that rests on a survey, before the id of the survey
UUID_LENGTH = 36
Piece = Mapping[str, Any]


@dataclass(frozen=True)
class EvidenceEntry:
    """A piece of evidence in a supplier's answers, as JSON, and an id that stays the same while its content does.

    ``from_row``: it is the evidence of the whole row (``evidence_grade`` and ``evidence_date``), which is no piece until it is
    confirmed.
    """

    id: str
    piece: Piece
    from_row: bool = False

    @property
    def confirmed(self) -> Mapping[str, Any] | None:
        """The buyer's confirmation; None where the piece is claimed."""
        confirmed: Mapping[str, Any] | None = self.piece.get("confirmed")
        return confirmed

    @property
    def state(self) -> str:
        """Whether the piece is ``claimed`` or ``confirmed``."""
        return "confirmed" if self.confirmed else "claimed"

    @property
    def is_whole_place(self) -> bool:
        """Whether the piece may be confirmed for all questions answered."""
        return self.piece["grade"] in AUDIT_GRADES

    def to_json(self) -> dict[str, Any]:
        """Return the piece as results list it: its kind, its state, and who confirmed it for which questions.

        ``covers``: the questions it is confirmed for, or is claimed for (none: the whole form).
        """
        confirmed = self.confirmed or {}
        return {
            "grade": self.piece["grade"],
            "state": self.state,
            "by": confirmed.get("by"),
            "on": confirmed.get("on"),
            "reference": confirmed.get("reference") or self.piece.get("source"),
            "date": self.piece.get("date"),
            "covers": list((confirmed or self.piece).get("covers") or ()),
        }


def list_entries(answers: Mapping[str, Any]) -> tuple[EvidenceEntry, ...]:
    """Return the evidence in a supplier's answers: that of the whole row, then its pieces. Declarations are left out."""
    given = answers.get(EVIDENCE)
    pieces = [piece for piece in given if isinstance(piece, Mapping)] if isinstance(given, list | tuple) else []
    graded = _build_row_piece(answers)
    if graded is not None and not any(_is_same_evidence(graded, piece) for piece in pieces):
        pieces = [graded, *pieces]
    entries: list[EvidenceEntry] = []
    repeats: dict[str, int] = {}
    for piece in pieces:
        if piece["grade"] == SELF_DECLARED:
            continue
        name = _build_id(piece)
        repeats[name] = repeats.get(name, 0) + 1
        entry_id = f"{name}-{repeats[name]}" if repeats[name] > 1 else name
        entries.append(EvidenceEntry(entry_id, piece, from_row=piece is graded))
    return tuple(entries)


def count_entries(answers: Answers) -> list[tuple[int, int]]:
    """Return for each supplier how many pieces of its evidence are claimed, and how many are confirmed."""
    columns = [answers.column(question) for question in (EVIDENCE, "evidence_grade", "evidence_date")]
    combinations, which = find_combinations(*(column.codes for column in columns))
    counts = []
    for codes in combinations:
        values = [column.values[code] if code >= 0 else None for column, code in zip(columns, codes, strict=True)]
        row = dict(zip((EVIDENCE, "evidence_grade", "evidence_date"), map(to_json_value, values), strict=True))
        states = [entry.state for entry in list_entries(row)]
        counts.append((states.count("claimed"), states.count("confirmed")))
    return [counts[combination] for combination in which.tolist()]


def _build_row_piece(answers: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the evidence of the whole row as a piece; None where there is none."""
    grade, day = answers.get("evidence_grade"), parse_day(answers.get("evidence_date"))
    if grade not in GRADE_TITLES:
        return None
    return {"grade": grade, **({"date": day.isoformat()} if day else {})}


def _is_same_evidence(graded: Piece, piece: Piece) -> bool:
    """Return whether a piece is the evidence of the whole row."""
    return not piece.get("covers") and all(graded.get(name) == piece.get(name) for name in ("grade", "date"))


def _build_id(piece: Piece) -> str:
    content = json.dumps([piece.get(name) or None for name in CONTENT]).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def limit_confirmation(piece: Any, counts: Callable[[str], bool]) -> Any:
    """Return a piece of evidence that is confirmed only for those questions for which its confirmation still counts."""
    confirmed = piece.get("confirmed") if isinstance(piece, Mapping) else None
    if not confirmed:
        return piece
    covers = [question for question in confirmed.get("covers") or () if counts(question)]
    return {**piece, "confirmed": {**confirmed, "covers": covers}} if covers else without_confirmation(piece)


def without_confirmation(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Return a piece of evidence as claimed."""
    return {name: value for name, value in piece.items() if name != "confirmed"}


def get_step_id(piece: Piece) -> str | None:
    """Return the id of the closed step that lends a piece (service/suppliers/verified_steps.py); None for any other piece."""
    prefix, _, step_id = str(piece.get("source") or "").rpartition(" ")
    return step_id if prefix in (STEP, REPORTED_STEP) and len(step_id) == UUID_LENGTH else None


def is_of_survey(piece: Piece) -> bool:
    """Return whether a piece rests on the answers of workers to a survey (service/worker_voice)."""
    prefix, _, survey_id = str(piece.get("source") or "").rpartition(" ")
    return prefix == SURVEY and len(survey_id) == UUID_LENGTH


def without_step_evidence(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers without the pieces of evidence that closed steps lend."""
    pieces = answers.get(EVIDENCE)
    if not isinstance(pieces, list | tuple):
        return dict(answers)
    own = [piece for piece in pieces if not isinstance(piece, Mapping) or get_step_id(piece) is None]
    rest = {question: answer for question, answer in answers.items() if question != EVIDENCE}
    return rest | ({EVIDENCE: own} if own else {})


def describe_piece(piece: Piece) -> str:
    """Return the kind, the date and the reference of a piece in one line."""
    return ", ".join(filter(None, (GRADE_TITLES[piece["grade"]], piece.get("date"), piece.get("source"))))


def parse_day(value: object) -> date | None:
    """Return the day of an ISO date; None for anything else."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
