"""Surveys with KoboToolbox or ODK: the form that whoever runs a survey interviews with, and counting what comes back.

An export has the answers of single workers, so it must never pass through the buyer. Whoever runs the survey sends it to the page
of the survey, where each of its rows counts as an answer on the other pages does: with a code, which is deleted. The export is
read in memory, and nothing of it is stored, logged or shown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from questionnaires.worker_voice.collected import Submission, UnreadableExport, read_submissions
from questionnaires.worker_voice.form import WorkerVoiceForm, load_worker_voice_form
from questionnaires.worker_voice.publication import load_publication_rules
from questionnaires.worker_voice.xlsform import SurveyTexts, build_voice_xlsform, list_recordings
from reports.csv import guard
from service.db.tables import Organisation
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.referrals.readiness import choose_contacts
from service.worker_voice.answering import add_answers, find_unused_codes, is_answerable, refuse
from service.worker_voice.surveys import describe_groups, load_usable_languages

# Larger files would be written to the disk while they are received (Werkzeug, default_stream_factory).
MOST_BYTES = 500_000


@dataclass(frozen=True)
class Export:
    """The rows of an export with consent and a code that was not used, and why other rows are refused, by their numbers."""

    submissions: tuple[Submission, ...]
    refused: Mapping[int, str]


@dataclass(frozen=True)
class Counted:
    """How many answers of an export were counted; the rows that were not, each with the code of the reason."""

    answers: int
    refused: tuple[tuple[int, str], ...]


def build_form(session: Session, survey: WorkerSurvey, on: date, *, has_recordings: bool) -> bytes:
    """Build the XLSForm of a survey, in those of its languages that are confirmed.

    ``on``: the day whose helplines it names. ``has_recordings``: whether it names a recording of each statement. Raises
    DomainError ``survey.language_locked``, 409, if none of its languages is confirmed any more.
    """
    form = load_worker_voice_form(survey.form_version)
    texts = _load_texts(session, survey, form, on)
    return build_voice_xlsform(form, texts, f"worker_voice_{survey.address}", has_recordings=has_recordings)


def build_list_of_recordings(session: Session, survey: WorkerSurvey, on: date) -> bytes:
    """Build the list of the recordings that the form names, as CSV: file, language and the text to be read."""
    form = load_worker_voice_form(survey.form_version)
    languages = [each.language for each in _load_texts(session, survey, form, on)]
    file = io.StringIO()
    recordings = [[guard(cell) for cell in recording] for recording in list_recordings(form, languages)]
    csv.writer(file).writerows([("file", "language", "text"), *recordings])
    return file.getvalue().encode("utf-8-sig")


def _load_texts(session: Session, survey: WorkerSurvey, form: WorkerVoiceForm, on: date) -> Sequence[SurveyTexts]:
    usable = load_usable_languages(session, form)
    languages = [usable[code] for code in survey.languages if code in usable]
    if not languages:
        raise DomainError(
            "survey.language_locked", 409, "The translations into the languages of this survey have not been confirmed."
        )
    organisation = session.get_one(Organisation, survey.organisation_id).name
    contacts = [one for one in choose_contacts(session, survey.country, on) if not one.not_safe_for]
    listed = [f"{one.name}: {one.reach}{f' ({one.hours})' if one.hours else ''}" for one in contacts]
    filled = {"organisation": organisation, "runner": survey.runner, "least": load_publication_rules()["least"]}
    found = []
    for language in languages:
        words = {name: language.translate(text) for name, text in form.texts.items()}
        notes = {name: words[name].format(**filled) for name in ("purpose", "runner", "counted", "limits")}
        notes["help"] = "\n".join([words["help"], *(listed or [words["no_help"]])])
        question = language.translate(form.cuts[survey.cut].ask) if survey.cut else ""
        found.append(SurveyTexts(language, notes, question, describe_groups(survey, form, language)))
    return found


def read_export(session: Session, survey: WorkerSurvey, data: bytes, name: str, on: date) -> Export:
    """Read an export of KoboToolbox or ODK. Nothing is written, so nobody without a code can keep others from writing.

    Raises DomainError, 422: ``survey.not_open``, ``survey.file``.
    """
    if not is_answerable(survey, on):
        raise refuse("not_open")
    form = load_worker_voice_form(survey.form_version)
    texts = _load_texts(session, survey, form, on)
    try:
        submissions = read_submissions(data, name, form, texts, survey.workers)
    except UnreadableExport as unreadable:
        raise DomainError("survey.file", 422, unreadable.template, values=unreadable.values) from None
    unused = find_unused_codes(session, survey, [one.code for one in submissions])
    refused = {
        one.row: "survey.wrong_code" if one.agreed else "survey.not_agreed"
        for one in submissions
        if not one.agreed or one.code not in unused
    }
    return Export(tuple(one for one in submissions if one.row not in refused), refused)


def count_export(session: Session, survey: WorkerSurvey, export: Export, on: date) -> Counted:
    """Count the answers of an export in a locked survey, and delete their codes. A row that cannot be counted changes nothing."""
    refused = dict(export.refused)
    for one in export.submissions:
        try:
            add_answers(session, survey, one.code, one.group if survey.cut else survey.groups[0], one.answers, on)
        except DomainError as error:
            refused[one.row] = error.code
    return Counted(len(export.submissions) + len(export.refused) - len(refused), tuple(sorted(refused.items())))
