"""Compare two versions of a form: which questions mean the same, which changed, and which are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from questionnaires.form import Questionnaire
from questionnaires.question import Question

TEXTS = ("section", "title", "ask", "note")  # changing them changes how a question is read, not what an answer means
MEANINGS = ("type", "min", "max", "unit", "relevant", "not_applicable", "audience")


@dataclass(frozen=True)
class FormChanges:
    """The questions of a version of a form, by what became of them: ids in the order of the form.

    ``carried``: the same question in the same words. ``reworded``: the question means the same, in other words. ``changed``: its
    answers, limits or conditions are others, with the names of these. ``new``: the earlier version did not ask it. ``dropped``:
    the later version no longer asks it.
    """

    carried: tuple[str, ...]
    reworded: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    new: tuple[str, ...]
    dropped: tuple[str, ...]


def compare_versions(before: Questionnaire, after: Questionnaire) -> FormChanges:
    """Compare two versions of a form, or of two forms, question by question."""
    carried, reworded, changed = [], [], {}
    for question in after.questions:
        earlier = before.by_id.get(question.id)
        if earlier is None:
            continue
        if parts := _list_changed_meanings(earlier, question):
            changed[question.id] = parts
        elif _get_texts(earlier) != _get_texts(question):
            reworded.append(question.id)
        else:
            carried.append(question.id)
    return FormChanges(
        tuple(carried),
        tuple(reworded),
        changed,
        new=tuple(question.id for question in after.questions if question.id not in before.by_id),
        dropped=tuple(question.id for question in before.questions if question.id not in after.by_id),
    )


def _get_texts(question: Question) -> tuple[object, ...]:
    return (*(getattr(question, name) for name in TEXTS), {choice.code: choice.title for choice in question.choices})


def _list_changed_meanings(earlier: Question, later: Question) -> tuple[str, ...]:
    changed = [name for name in MEANINGS if getattr(earlier, name) != getattr(later, name)]
    return (*changed, *(["choices"] if earlier.list_codes() != later.list_codes() else []))
