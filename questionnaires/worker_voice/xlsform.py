"""Write the statements of a survey among workers as an XLSForm, for unions and NGOs that interview with KoboToolbox or ODK.

The form takes nothing but a code, the group of a worker and the answers: no time, device, place, name or free text. Each
statement can name a recording in each language, which whoever runs the survey makes and adds to the form.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import xlsxwriter

from questionnaires.languages import Language
from questionnaires.offline.xlsform import label, name_language, write_table
from questionnaires.worker_voice.form import WorkerVoiceForm

CONSENT, CODE, GROUP, STATEMENTS, AGREED = "agreed", "code", "group", "statements", "yes"
# Ten letters and digits, however they are typed (service/worker_voice/surveys.py).
CODE_PATTERN = "^[A-Za-z0-9]{5}[ -]?[A-Za-z0-9]{5}$"
NOTES = (
    "purpose",
    "runner",
    "counted",
    "limits",
    "help",
)  # the texts of the form before it asks anything, in this order


class SurveyTexts(NamedTuple):
    """What a survey adds to the form in one language: its notes, by their texts' ids, and its question about groups with their
    titles by id; "" and none if the answers are not divided.
    """

    language: Language
    notes: Mapping[str, str]
    group_question: str
    groups: Mapping[str, str]


class Recording(NamedTuple):
    """A recording that the form names: its file, its language, and the text to be read."""

    file: str
    language: str
    text: str


def build_voice_xlsform(
    form: WorkerVoiceForm, texts: Sequence[SurveyTexts], form_id: str, *, has_recordings: bool
) -> bytes:
    """Build the bytes of an XLSForm of a survey in some languages; the first one is shown first.

    ``has_recordings``: whether the form names a recording of each statement.
    """
    languages = [each.language for each in texts]
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        write_table(book, "survey", list(_list_survey_rows(form, texts, has_recordings=has_recordings)))
        write_table(book, "choices", list(_list_choice_rows(form, texts)))
        settings = {
            "form_title": languages[0].translate(form.texts["title"]),
            "form_id": form_id,
            "version": form.version,
            "default_language": name_language(languages[0]),
            "style": "pages",
        }
        write_table(book, "settings", [settings])
    return buffer.getvalue()


def list_recordings(form: WorkerVoiceForm, languages: Sequence[Language]) -> list[Recording]:
    """List the recordings that the form of a survey names."""
    return [
        Recording(name_recording(one.id, language), language.code, language.translate(one.ask))
        for language in languages
        for one in form.statements
    ]


def name_recording(statement: str, language: Language) -> str:
    """Return the name of the file with the recording of a statement."""
    return f"{statement}_{language.code}.mp3"


def _list_survey_rows(
    form: WorkerVoiceForm, texts: Sequence[SurveyTexts], *, has_recordings: bool
) -> Iterator[dict[str, str]]:
    languages = [each.language for each in texts]

    def translate(name: str) -> dict[str, str]:
        return label("label", languages, [language.translate(form.texts[name]) for language in languages])

    yield {"type": "begin_group", "name": "before", "appearance": "field-list", **translate("title")}
    for note in NOTES:
        yield {"type": "note", "name": note, **label("label", languages, [each.notes[note] for each in texts])}
    yield {
        "type": f"select_one {CONSENT}",
        "name": CONSENT,
        "required": "yes",
        **translate("voluntary"),
        **label("required_message", languages, [one.translate(form.texts["not_agreed"]) for one in languages]),
    }
    yield {"type": "end_group", "name": "before"}
    yield {
        "type": "begin_group",
        "name": STATEMENTS,
        "relevant": f"${{{CONSENT}}} = '{AGREED}'",
        **translate("how_true"),
    }
    yield {
        "type": "text",
        "name": CODE,
        "required": "yes",
        "constraint": f"regex(., '{CODE_PATTERN}')",
        **translate("code"),
        **label("constraint_message", languages, [one.translate(form.texts["wrong_code"]) for one in languages]),
    }
    if texts[0].groups:
        yield {
            "type": f"select_one {GROUP}",
            "name": GROUP,
            "required": "yes",
            **label("label", languages, [each.group_question for each in texts]),
        }
    for statement in form.statements:
        row = {
            "type": "select_one answer",
            "name": statement.id,
            **label("label", languages, [language.translate(statement.ask) for language in languages]),
        }
        if has_recordings:
            files = [name_recording(statement.id, language) for language in languages]
            row |= label("media::audio", languages, files)
        yield row
    yield {"type": "end_group", "name": STATEMENTS}


def _list_choice_rows(form: WorkerVoiceForm, texts: Sequence[SurveyTexts]) -> Iterator[dict[str, str]]:
    languages = [each.language for each in texts]

    def translate(list_name: str, name: str, english: str) -> dict[str, str]:
        titles = label("label", languages, [language.translate(english) for language in languages])
        return {"list_name": list_name, "name": name, **titles}

    yield translate(CONSENT, AGREED, form.texts["consent"])
    for answer, title in form.answers.items():
        yield translate("answer", answer, title)
    for group in texts[0].groups:
        titles = label("label", languages, [each.groups[group] for each in texts])
        yield {"list_name": GROUP, "name": group, **titles}
