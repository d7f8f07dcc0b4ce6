"""From the columns of a sheet to clean answers: typed, checked, every fault told with its cell and cure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from questionnaires.form import Questionnaire
from questionnaires.issues import Issue, Unusable, issue
from questionnaires.lookups import countries, sectors
from questionnaires.parse.answer import Fault, Value
from questionnaires.parse.types import Sector
from questionnaires.sheet import Sheet
from questionnaires.validation.context import Answered, Reading, Said, given
from questionnaires.validation.match import NAMES, Matched
from questionnaires.validation.personal_data import Refusal
from questionnaires.validation.rules import apply_rules


@dataclass(frozen=True)
class Options:
    """What the uploader says of a whole sheet.

    ``date_order``: "dmy" or "mdy" for its dates. ``default_country`` (a country) and ``default_sector`` (a sector)
    serve a sheet that has no such column. ``on``: the day of the assessment, after which a date lies in the future.
    """

    date_order: str | None = None
    default_country: str | None = None
    default_sector: str | None = None
    on: date | None = None


@dataclass(frozen=True)
class Submission:
    """What a sheet said.

    ``answers``: one row an accepted row, one column a question that has a column in the sheet or a default;
    categoricals whose categories are the distinct answers (dtype object), -1 where nothing is said. ``rows``: Excel's
    number of each accepted row. ``accepted + rejected = n_rows``, the rows of data.
    """

    answers: pd.DataFrame
    rows: npt.NDArray[np.int64]
    issues: tuple[Issue, ...]
    accepted: int
    rejected: int
    n_rows: int


def validate(
    sheet: Sheet,
    header_row: int,
    matched: Matched,
    form: Questionnaire,
    options: Options | None = None,
    refusals: Sequence[Refusal] = (),
) -> Submission:
    """The answers of a sheet whose header stands in ``header_row`` (Excel's number), and the issues, those of matching
    first.

    A row is rejected if it has neither a name (in any script) nor a reference, if its country is there and not
    understood, or if its reference also stands on a row of another country; whatever else is not understood is unknown,
    and said. Answers to questions about a person are not read. ``refusals``: cells that were taken out of the sheet beforehand
    (``without_people``); their rows are rejected. Raises :class:`Unusable` if the sheet has no rows of
    data or a default is not understood.
    """
    options = options or Options()
    reading = Reading(sheet, header_row, matched)
    if not len(reading.rows):
        raise Unusable(issue("file.no_rows", file=sheet.file, sheet=sheet.name))
    for refusal in refusals:
        reading.note(refusal.code, refusal.column, refusal.places, Said())
        reading.rejected |= np.isin(reading.rows, refusal.places)
    on = options.on.isoformat() if options.on else ""
    for question in matched.columns:
        if not form.by_id[question].person:
            reading.read(question, form.by_id[question].field(on, form.headers), options.date_order)
    fill_in(reading, options)
    apply_rules(reading, form)
    nameless = ~given((reading.answers.get(question) for question in NAMES), len(reading.rows))
    named = given((reading.answers.get(question) for question in ("name", "name_local")), len(reading.rows))
    if "name" in matched.columns:
        reading.fault("row.unnamed", "name", ~named & ~nameless, Said())
    reading.fault("row.no_name", next(question for question in NAMES if question in matched.columns), nameless, Said())
    kept = ~reading.rejected
    answers = pd.DataFrame(
        {
            question: reading.answers[question].categorical(kept)
            for question in form.by_id
            if question in reading.answers
        },
        index=pd.RangeIndex(int(kept.sum())),
    )
    return Submission(
        answers=answers,
        rows=reading.rows[kept].astype(np.int64) + sheet.first_row,
        issues=(*matched.issues, *reading.issues()),
        accepted=int(kept.sum()),
        rejected=int(reading.rejected.sum()),
        n_rows=len(reading.rows),
    )


def fill_in(reading: Reading, options: Options) -> None:
    """Answers that follow from others or hold for the whole sheet: the local name, NAICS codes, default country and
    sector.
    """
    answers, n = reading.answers, len(reading.rows)
    if "name_local" in answers:
        name = answers.setdefault("name", nothing(n))
        fill_blanks(name, Answered(list(answers["name_local"].values), answers["name_local"].codes))
    if "naics" in answers:
        fill_blanks(answers.setdefault("sector", nothing(n)), of_naics(reading))
    missing = {"country", "sector"} - answers.keys() - reading.matched.tied
    if options.default_country and "country" in missing:
        code = countries().find(options.default_country)
        if code is None:
            raise Unusable(issue("country.unknown", seen=options.default_country))
        answers["country"] = Answered([code], np.zeros(n, dtype=np.int32))
    if options.default_sector and "sector" in missing:
        try:
            codes: Value = Sector().read(options.default_sector) or ()
        except Fault as fault:
            raise Unusable(issue("sector.unknown", seen=fault.seen, cure=fault.cure)) from fault
        answers["sector"] = Answered([codes], np.zeros(n, dtype=np.int32))


def nothing(n: int) -> Answered:
    """Nothing said in n rows."""
    return Answered([], np.full(n, -1, dtype=np.int32))


def fill_blanks(answers: Answered, others: Answered) -> None:
    """Where nothing is said, what the others say."""
    number = {value: at for at, value in enumerate(answers.values)}
    table = [number.setdefault(value, len(number)) for value in others.values]
    answers.values = list(number)
    answers.codes = np.where(answers.given, answers.codes, np.array([*table, -1], dtype=np.int32)[others.codes])


NAICS_APART = re.compile(r"[;|]|[,/\s]+(?=[0-9])")  # a line break within a cell has become a blank


def of_naics(reading: Reading) -> Answered:
    """The ISIC codes of the NAICS codes in the rows; a code that is in no list is told."""
    naics = reading.answers["naics"]
    values: list[Value] = []
    table = []
    for code, text in enumerate(map(str, naics.values)):
        parts = {part.strip(): sectors().of_naics(part.strip()) for part in NAICS_APART.split(text)}
        found = tuple(dict.fromkeys(isic for part in parts.values() for isic in part))
        strange = ", ".join(part for part, isic in parts.items() if part and not isic)
        if strange or not found:
            reading.fault("sector.unknown", "naics", naics.codes == code, Said(strange or text))
        table.append(len(values) if found else -1)
        values += [found] if found else []
    codes = np.array([*table, -1], dtype=np.int32)[naics.codes]
    same = Answered(values, codes)
    same.rewrite(lambda value: value)
    return same
