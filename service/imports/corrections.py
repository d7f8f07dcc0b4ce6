"""Corrections of an import in progress: a text that stands in cells of a column, and the text that is read instead.

They are offered for values that could not be read, hold for all cells of the column with that text, and can be taken back until
the import is confirmed. Texts of names and addresses are never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from questionnaires.form import load_combined_form
from questionnaires.issues import Issue
from questionnaires.parse.answer import AnswerError
from questionnaires.question import Question
from questionnaires.validation.context import OTHERS
from service.db.import_tables import Import
from service.errors import DomainError

CORRECTED = "cell.corrected"
TYPES = ("country", "countries", "choice", "many", "yes_no", "number", "money", "percent", "date", "sector")
PLACE = ("file", "sheet", "question", "seen")
MAX_CORRECTIONS = 1_000  # of an import
MAX_TEXT = 200


class Offer(NamedTuple):
    """The question whose value an issue is about, and what the sender may have meant."""

    question: str
    suggestions: Sequence[str]


def find_offer(import_: Import, issue: Issue) -> Offer | None:
    """Return what an issue offers to correct; None if it is not about one text in a column that can be corrected."""
    if not issue.seen or issue.seen == OTHERS.seen or not issue.header or issue.code == CORRECTED or "…" in issue.seen:
        return None
    question = _find_question(import_, issue)
    if question is None or question.type not in TYPES:
        return None
    try:
        question.build_field().parse(issue.seen)
    except AnswerError as error:
        return Offer(question.id, tuple(error.suggest(issue.seen)) if error.suggest else ())
    return None


def _find_question(import_: Import, issue: Issue) -> Question | None:
    """Return the question that is answered by the column that an issue names."""
    for file in (import_.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            if (file["name"], sheet["name"]) == (issue.file, issue.sheet):
                found = next(
                    (question for question, header in sheet["columns"].items() if header == issue.header), None
                )
                if found is not None:
                    return load_combined_form(sheet["kind"]).by_id.get(found)
    return None


def list_corrections(import_: Import) -> list[dict[str, Any]]:
    """List the corrections of an import, each with the ``title`` of its question and the number of its ``cells``."""
    issues = (import_.found or {}).get("issues", ())
    listed = []
    for correction in import_.choices.get("corrections") or ():
        place = (correction["file"], correction["sheet"], correction["seen"])
        cells = sum(
            issue["count"]
            for issue in issues
            if issue["code"] == CORRECTED and (issue["file"], issue["sheet"], issue["seen"]) == place
        )
        kinds = (load_combined_form(kind).by_id for kind in ("site", "agency", "buyer", "case"))
        titles = (form[correction["question"]].title for form in kinds if correction["question"] in form)
        listed.append({**correction, "title": next(titles, correction["question"]), "cells": cells})
    return listed


def change_corrections(import_: Import, changes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the options of an import after corrections: each has ``file``, ``sheet``, ``question``, ``seen``, and the ``text``
    that is read instead ("" takes the correction back).

    Raises DomainError: ``import.state``, 409; ``correction.question``, ``correction.text``, ``correction.too_many``, 422.
    """
    if import_.state != "previewed":
        raise DomainError("import.state", 409, f"The import is {import_.state}, so it can no longer be corrected.")
    kept = {_get_place(one): one for one in import_.choices.get("corrections") or ()}
    for change in changes:
        text = " ".join(change["text"].split())
        if len(text) > MAX_TEXT or not text.isprintable():
            raise DomainError(
                "correction.text", 422, f"Enter at most {MAX_TEXT} characters without control characters."
            )
        kept.pop(_get_place(change), None)
        if text:
            _check_question(import_, change)
            kept[_get_place(change)] = {**dict(zip(PLACE, _get_place(change), strict=True)), "text": text}
    if len(kept) > MAX_CORRECTIONS:
        raise DomainError("correction.too_many", 422, f"An import can have at most {MAX_CORRECTIONS:,} corrections.")
    return {"corrections": list(kept.values())}


def replace_corrections(import_: Import, sheets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the options of an import after all corrections of some sheets were named anew; nothing if none names any.

    Raises DomainError as :func:`change_corrections`.
    """
    changes = []
    for sheet in sheets:
        if "corrections" in sheet:
            place = {"file": sheet["file"], "sheet": sheet["sheet"]}
            earlier = (one for one in import_.choices.get("corrections") or () if one.items() >= place.items())
            changes += [*({**one, "text": ""} for one in earlier), *({**one, **place} for one in sheet["corrections"])]
    return change_corrections(import_, changes) if changes else {}


def _get_place(correction: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(correction[name] for name in PLACE)


def _check_question(import_: Import, change: Mapping[str, str]) -> None:
    """Refuse a correction of a question that no column of the sheet answers, or whose texts are never replaced."""
    for file in (import_.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            if (file["name"], sheet["name"]) == (change["file"], change["sheet"]) and change["question"] in sheet[
                "columns"
            ]:
                question = load_combined_form(sheet["kind"]).by_id[change["question"]]
                if question.type in TYPES and not question.person:
                    return
    asked = change["question"]
    detail = f"This sheet has no column whose answers to the question '{asked}' can be corrected."
    raise DomainError("correction.question", 422, detail)
