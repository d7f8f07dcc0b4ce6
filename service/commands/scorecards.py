"""The option ``--scorecard`` of ``assess``: the scorecard of one supplier or agency in the files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from service.commands.files import UsageError

if TYPE_CHECKING:
    from reports.document import Report
    from risk_models.facts.facts import FactSnapshot
    from risk_models.model import Model
    from service.assessment.assess import Batch

NAMES = ("name", "name_local", "trade_name")


def build_scorecard_copy(
    batches: Sequence[Batch], wanted: str, language: str, facts: FactSnapshot, on: date, models: Sequence[Model]
) -> Report:
    """Return the copy for the supplier with a reference or name, from its own answers alone, in a language. Raises UsageError if
    there is none, or several.

    Steps that contact workers are withheld, because without a referral directory nothing says that help is arranged for them.
    """
    from service.assessment.assess import assess_batch
    from service.report_content.contact_gate import ContactGate
    from service.report_content.supplier_copy import build_copy, build_own_batch
    from service.translations.catalog import load_shipped_texts

    batch, position = _find(batches, wanted)
    (answers,) = batch.take([position]).answers.to_rows()
    own = build_own_batch(batch.kind, answers, answers if "form_returned" in answers else None)
    nothing_arranged = ContactGate(frozenset(), {}, (), 0)
    texts = load_shipped_texts(language)
    return build_copy(assess_batch(own, facts, on, {}, models), facts, on, nothing_arranged, texts=texts)


def check_language(language: str, wanted: str | None) -> None:
    """Raise UsageError for a language that there are no scorecards in, or where no scorecard is wanted."""
    from service.reporting.scorecards import SCORECARD_LANGUAGES

    if wanted is None:
        raise UsageError("--language is the language of the scorecard. Add --scorecard REFERENCE.")
    if language not in SCORECARD_LANGUAGES:
        raise UsageError(f"--language: the languages of scorecards are {', '.join(SCORECARD_LANGUAGES)}.")


def _find(batches: Sequence[Batch], wanted: str) -> tuple[Batch, int]:
    """Return where a supplier is: its batch, and its position there. A reference takes precedence over a name."""
    for questions in (("reference",), NAMES):
        found = [
            (batch, position)
            for batch in batches
            for position, row in enumerate(batch.answers.to_rows())
            if any(str(row.get(question, "")).casefold() == wanted.strip().casefold() for question in questions)
        ]
        if len(found) > 1:
            raise UsageError(
                f"--scorecard: {len(found)} rows are called '{wanted}'. Enter a reference that belongs to only one "
                "of them."
            )
        if found:
            return found[0]
    raise UsageError(f"--scorecard: no supplier or agency that can be scored has the reference or name '{wanted}'.")
