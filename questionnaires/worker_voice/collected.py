"""Read what KoboToolbox and ODK export of a survey among workers (:mod:`questionnaires.worker_voice.xlsform`).

An export has a row per worker, with names or labels in any language. Only the consent, the code, the group and the answers to the
statements are read; everything else, such as when a submission was sent, is passed over. Nothing is written anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from questionnaires.delimited import MisquotedText, decode_table, iter_records
from questionnaires.json_records import iter_json_rows
from questionnaires.limits import FileRefused, Limits
from questionnaires.text_normalize import fold_text
from questionnaires.worker_voice.form import WorkerVoiceForm
from questionnaires.worker_voice.xlsform import AGREED, CODE, CONSENT, GROUP, SurveyTexts

PART = re.compile("[/-]")  # between the groups of a field: "/" in Kobo, "-" in ODK
MOST_COLUMNS = 300


# Why a file cannot be read.
UNREADABLE = {
    "kind": "Only CSV and JSON files can be read.",
    "table": "The file cannot be read as a table.",
    "damaged": "The file is damaged. Export it again.",
    "rows": "The file has more rows than the survey has workers: the maximum is %(most)s.",
    "columns": "The file has no column for the code, or for one of the statements.",
}
DAMAGED = ("csv.unterminated_quote", "json.corrupt")


class UnreadableExport(Exception):
    """A file that is no export of the form of a survey. ``template`` says why, with ``values`` in the place of ``%(name)s``."""

    def __init__(self, reason: str, **values: object) -> None:
        self.template, self.values = UNREADABLE[reason], values
        super().__init__(self.template % values)


@dataclass(frozen=True)
class Submission:
    """What an export says of one worker. ``row``: as a spreadsheet numbers it, or the number of the record in a JSON file."""

    row: int
    agreed: bool
    code: str
    group: str
    answers: Mapping[str, str]


def read_submissions(
    data: bytes, name: str, form: WorkerVoiceForm, texts: Sequence[SurveyTexts], most_rows: int
) -> list[Submission]:
    """Read an export, a CSV or JSON file.

    ``texts``: of every language that its labels may be in. Raises UnreadableExport for a file of another kind or form, one that
    is damaged, and one with more than ``most_rows``.
    """
    is_json = name.lower().endswith(".json")
    try:
        header, *rows = _list_rows(data, name, most_rows)
    except FileRefused as refused:
        if refused.code == "limit.rows":
            raise UnreadableExport("rows", most=f"{most_rows:,}") from None
        raise UnreadableExport("damaged" if refused.code in DAMAGED else "table") from None
    except (MisquotedText, ValueError):
        raise UnreadableExport("table") from None
    columns = _find_columns(list(map(str, header)), form, texts)
    if CODE not in columns or not columns.keys() & {one.id for one in form.statements}:
        raise UnreadableExport("columns")
    codes = _map_answers(form, texts)
    return [
        _read_row(number, row, columns, codes, form, texts)
        for number, row in enumerate(rows, 1 if is_json else 2)
        if any(str(cell).strip() for cell in row)
    ]


def _list_rows(data: bytes, name: str, most_rows: int) -> Iterator[Sequence[Any]]:
    limits = Limits(rows=most_rows, columns=MOST_COLUMNS)
    if name.lower().endswith(".json"):
        yield from iter_json_rows(data, limits)
    elif name.lower().endswith(".csv"):
        for count, row in enumerate(iter_records(decode_table(data, "csv"), limits)):
            if count > most_rows:
                raise FileRefused("limit.rows")
            yield row
    else:
        raise UnreadableExport("kind")


def _find_columns(header: Sequence[str], form: WorkerVoiceForm, texts: Sequence[SurveyTexts]) -> dict[str, int]:
    """Find the column of each field: by its name, with the groups that it is in or without them, or by its label."""
    names = {CONSENT, CODE, GROUP, *(one.id for one in form.statements)}
    labels: dict[str, str] = {}
    for each in texts:
        translate = each.language.translate
        labels[fold_text(translate(form.texts["voluntary"]))] = CONSENT
        labels[fold_text(translate(form.texts["code"]))] = CODE
        labels[fold_text(each.group_question)] = GROUP
        labels |= {fold_text(translate(one.ask)): one.id for one in form.statements}
    columns: dict[str, int] = {}
    for place, text in enumerate(header):
        last = PART.split(text)[-1]
        field = last if last in names else labels.get(fold_text(text)) or labels.get(fold_text(text.rpartition("/")[2]))
        if field:
            columns.setdefault(field, place)
    return columns


def _map_answers(form: WorkerVoiceForm, texts: Sequence[SurveyTexts]) -> dict[str, str]:
    """Return the ids of the answers by themselves and by their titles in each language, folded."""
    codes = {fold_text(answer): answer for answer in form.answers}
    for each in texts:
        codes |= {fold_text(each.language.translate(title)): answer for answer, title in form.answers.items()}
    return codes


def _read_row(
    number: int,
    row: Sequence[Any],
    columns: Mapping[str, int],
    codes: Mapping[str, str],
    form: WorkerVoiceForm,
    texts: Sequence[SurveyTexts],
) -> Submission:
    def get(field: str) -> str:
        place = columns.get(field, len(row))
        return str(row[place]).strip() if place < len(row) else ""

    consents = {AGREED, *(fold_text(each.language.translate(form.texts["consent"])) for each in texts)}
    groups = {fold_text(title): group for each in texts for group, title in each.groups.items()}
    answers = {one.id: codes.get(fold_text(get(one.id)), "") for one in form.statements}
    return Submission(
        number,
        fold_text(get(CONSENT)) in consents,
        get(CODE),
        groups.get(fold_text(get(GROUP)), get(GROUP)),
        {statement: answer for statement, answer in answers.items() if answer},
    )
