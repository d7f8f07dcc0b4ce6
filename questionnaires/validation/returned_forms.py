"""Which rows are forms that a supplier returned, what these asked, and what a blank in them means.

A form that came back is complete or declined (method, fourth release, section 3): every question of its version that applies and
has no valid answer was declined, whether it was left blank, could not be read, was contradicted or is missing from the sheet. Any
other sheet declines nothing. "Not applicable" is an answer only where the form says when it may be given (section 2).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np

from questionnaires.form import (
    COMPLETE_FROM,
    JUDGED_KINDS,
    Questionnaire,
    list_form_ids,
    list_versions,
    load_form,
)
from questionnaires.lookups import LISTS_DIR
from questionnaires.parse.answer import CANNOT_APPLY, DECLINED, NOT_APPLICABLE
from questionnaires.question import Matches, Question
from questionnaires.relevance import AllOf, AnyOf, Comparison, Condition, Not
from questionnaires.sheet import OWN_LIST
from questionnaires.text_normalize import fold_text
from questionnaires.validation.context import AnswerColumn, IssueText, Mask, ValidationContext
from questionnaires.validation.match import get_row_cells

VERSION = re.compile(r"(?:(\w+)[ /-]+)?([0-9]{4}\.[0-9]+)", re.ASCII)
STAMP_LINE = re.compile(r"\bform (\w+) ([0-9]{4}\.[0-9]+)\b", re.ASCII)  # above the headers of a template
BUYER, SUPPLIER = "buyer", "supplier"  # whom the importer may name as the sender of a sheet
QUESTIONS_SHOWN = "questions_shown"
EXEMPT_TYPES = ("number", "percent", "money")  # forms before method 4 exempt numbers, and the place
HEADERS_OF_A_FORM = 10  # so many questions about practice under the very titles of our form: the importer is asked


@cache
def load_sensitive_questions() -> Mapping[str, frozenset[str]]:
    """Load ``lists/sensitive.toml``: by question, the countries in which no form asks a supplier for it."""
    data = tomllib.loads((LISTS_DIR / "sensitive.toml").read_text(encoding="utf-8"))
    return {item["question"]: frozenset(item["countries"]) for item in data["sensitive"]}


def is_sensitive(question: str, country: object) -> bool:
    """Return whether answering a question in a country endangers whoever answers it."""
    return country in load_sensitive_questions().get(question, ())


class FormVersion(NamedTuple):
    """The id and the version of a form."""

    id: str
    version: str


def parse_form_version(text: str, form: Questionnaire) -> FormVersion | None:
    """Parse the name of a version ("site_fishing 2026.1"; "2026.1" is the core's); None if there is none of this kind."""
    match = VERSION.fullmatch(text)
    form_id = (match[1] or form.id) if match else ""
    if match is None or match[2] not in list_versions(form_id, form.folder):
        return None
    version = load_form(form_id, match[2], form.folder)
    return FormVersion(version.id, version.version) if version.kind == form.kind else None


def find_stamp(context: ValidationContext, form: Questionnaire) -> FormVersion | None:
    """Return the version that the workbook is stamped with, or that a line above the headers names; None if there is none."""
    sheet = context.sheet
    stamp = parse_form_version(sheet.stamp, form) if sheet.stamp else None
    if stamp is not None:
        return stamp
    for row in range(sheet.first_row, context.header_row):
        match = STAMP_LINE.search(" ".join(get_row_cells(sheet, row)))
        if match and (stamp := parse_form_version(f"{match[1]} {match[2]}", form)):
            return stamp
    return None


class ReturnedForms:
    """The rows of a sheet that are returned forms.

    ``rows``: which rows are. ``asked``: by question, in which rows their form asked it so that silence declines it. ``lenient``:
    in which rows "not applicable" reads as not asked, because their form offers it everywhere.
    """

    def __init__(self, context: ValidationContext, form: Questionnaire, answered_by: str | None = None) -> None:
        n_rows = len(context.rows)
        self.context, self.form = context, form
        self.rows: Mask = np.zeros(n_rows, dtype=np.bool_)
        self.lenient: Mask = np.zeros(n_rows, dtype=np.bool_)
        self.asked: dict[str, Mask] = {}
        if form.kind not in JUDGED_KINDS:
            self._decline_columns_of_versions()
            return
        stamp = find_stamp(context, form)
        self._find_lenient_rows(stamp)
        is_complete = stamp is not None and load_form(*stamp, form.folder).method >= COMPLETE_FROM
        dated = self._find_dated_rows()
        if answered_by != BUYER:
            self.rows = dated.copy()
            if is_complete or answered_by == SUPPLIER:
                self.rows |= self._find_rows_with_practice()
            if context.sheet.request_id is not None:
                self.rows |= self._find_requested_rows()
        by_stamp = self.rows & ~dated
        is_own_list = (context.sheet.stamp or "").endswith(OWN_LIST)
        if by_stamp.any():
            name = " ".join(stamp) if stamp else form.title
            context.report("form.returned", "form_returned", by_stamp, IssueText(f"{int(by_stamp.sum()):,}", name))
        elif (
            answered_by is None
            and not is_own_list
            and (stamp or self._has_headers_of_a_form())
            and self._find_rows_with_practice().any()
        ):
            without = self._find_rows_with_practice() & ~self.rows
            context.report("form.sender_unknown", "form_returned", without, IssueText(f"{int(without.sum()):,}"))
        self._find_asked_questions(stamp)
        self._leave_out_questions_not_shown()
        self._record_return(by_stamp | (self.rows & context.find_unreadable("form_returned")))

    # ------------------------------------------------------------ which rows

    def _find_dated_rows(self) -> Mask:
        """Return which rows have a day of return, even one that cannot be read."""
        unreadable = self.context.find_unreadable("form_returned")
        self.context.report("form.returned_unread", "form_returned", unreadable, IssueText())
        days = self.context.answers.get("form_returned")
        if days is None:
            return unreadable
        return (days.answered & ~days.equals(CANNOT_APPLY) & ~days.equals(NOT_APPLICABLE)) | unreadable

    def _find_rows_with_practice(self) -> Mask:
        """Return which rows answer, or try to answer, a question about practice."""
        found: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        for question, answers in self.context.answers.items():
            if question in self.form.by_id and self.form.by_id[question].is_practice:
                found |= answers.answered | self.context.find_unreadable(question)
        return found

    def _find_requested_rows(self) -> Mask:
        """Return the row of the supplier whose request the workbook answers: that of its reference, or the only one."""
        reference, references = self.context.sheet.request_reference, self.context.answers.get("reference")
        if references is None or not reference:
            return np.full(len(self.rows), len(self.rows) == 1)
        requested: Mask = references.equals(reference) | np.full(len(self.rows), len(self.rows) == 1)
        return requested

    def _has_headers_of_a_form(self) -> bool:
        """Return whether many questions about practice have exactly the titles of our form as headers."""
        headers, columns = self.context.column_match.headers, self.context.column_match.columns
        if not self.context.sheet.file:  # answers as JSON have no headers
            return False
        titles = list_practice_titles(self.form.id, self.form.folder)
        return sum(fold_text(headers[index]) in titles for index in columns.values()) >= HEADERS_OF_A_FORM

    # ------------------------------------------------------------ what was asked

    def _find_lenient_rows(self, stamp: FormVersion | None) -> None:
        """Find the rows of forms that offer "not applicable" everywhere, returned or not."""
        if stamp is not None or self.form.method < COMPLETE_FROM:
            version = load_form(*stamp, self.form.folder) if stamp else self.form
            self.lenient[:] = version.method < COMPLETE_FROM
            return
        versions = self.context.answers.get("form_version")
        for code, name in enumerate(map(str, versions.values) if versions else ()):
            version_named = parse_form_version(name, self.form)
            if version_named and load_form(*version_named, self.form.folder).method < COMPLETE_FROM:
                self.lenient |= versions.codes == code  # type: ignore[union-attr]

    def _find_asked_questions(self, stamp: FormVersion | None) -> None:
        """Find out what the form of each returned row asked."""
        if not self.rows.any():
            return
        versions = self.context.answers.get("form_version")
        remaining = self.rows.copy()
        unknown: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        if stamp is not None:
            self._add_version(load_form(*stamp, self.form.folder), remaining)
            remaining[:] = False
        for code, name in enumerate(map(str, versions.values) if versions else ()):
            rows = remaining & (versions.codes == code)  # type: ignore[union-attr]
            version = parse_form_version(name, self.form)
            if not rows.any():
                continue
            if version is None:
                self.context.report("form.unknown_version", "form_version", rows, IssueText(name))
                unknown |= rows
                continue
            self._add_version(load_form(*version, self.form.folder), rows)
            remaining &= ~rows
        if remaining.any():
            unnamed = remaining if versions is None else remaining & ~versions.answered
            self.context.report("form.no_version", "form_version", unnamed, IssueText())
            if versions is not None:
                versions.codes[unknown] = -1  # the version that they are read as is recorded in its place
            self._add_latest_version(remaining)

    def _add_latest_version(self, rows: Mask) -> None:
        """Add the rows whose version is not known: they were asked what the latest version by then asks of their trade, and
        whatever has a column.
        """
        days = self.context.get_column("form_returned")
        for code in np.unique(days.codes[rows]):
            day = str(days.values[code]) if code >= 0 and days.values[code] != DECLINED else ""
            dated = rows & (days.codes == code)
            core = load_latest_version(self.form.id, day, self.form)
            self._add_version(core, dated)
            for pack in list_forms_of(self.form):
                if pack.id != self.form.id and (in_trade := dated & self._find_in_trade(pack)).any():
                    self._add_version(load_latest_version(pack.id, day, self.form), in_trade)
            for question in self.context.column_match.columns:
                if self.form.by_id[question].declinable:
                    self._add_question(self.form.by_id[question], dated)

    def _find_in_trade(self, pack: Questionnaire) -> Mask:
        """Return which rows belong to the sector of a pack: by their sector, or by an answer that only the pack asks for."""
        own = pack.by_id.keys() - load_form(self.form.id, None, self.form.folder).by_id.keys()
        found: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        for question in own & self.context.answers.keys():
            found |= self.context.answers[question].answered
        sectors = self.context.answers.get("sector")
        if sectors is not None:
            in_trade = [isinstance(value, tuple) and is_in_trade(value, pack.sectors) for value in sectors.values]
            found |= np.array([*in_trade, False])[sectors.codes]
        return found

    def _add_version(self, version: Questionnaire, rows: Mask) -> None:
        """Add rows whose form is this version, and record it where they do not say so."""
        versions = self.context.get_column("form_version")
        unnamed = rows & ~versions.answered
        if unnamed.any():
            versions.set_value(unnamed, f"{version.id} {version.version}")
        is_complete = version.method >= COMPLETE_FROM
        if not is_complete:
            self.lenient |= rows
        for question_id, asked in version.by_id.items():
            question = self.form.by_id.get(question_id)
            if question is None or asked.audience != SUPPLIER or not question.declinable:
                continue
            is_exempt = not question.is_practice and (question.type in EXEMPT_TYPES or bool(question.settled_by))
            if is_complete or not is_exempt:
                self._add_question(question, rows)

    def _add_question(self, question: Question, rows: Mask) -> None:
        """Add that a question was asked in some rows, but not where it is sensitive."""
        country = self.context.answers.get("country")
        if country is not None and question.id in load_sensitive_questions():
            sensitive = [is_sensitive(question.id, value) for value in country.values]
            rows = rows & ~np.array([*sensitive, False])[country.codes]
        self.asked[question.id] = self.asked.get(question.id, False) | rows

    def _leave_out_questions_not_shown(self) -> None:
        """Leave out what an adaptive form did not ask: the row says which questions were shown.

        Only the service can say so. In a file, the sender could write it to decline nothing.
        """
        shown = self.context.answers.get(QUESTIONS_SHOWN)
        if shown is None:
            return
        if self.context.sheet.file:
            del self.context.answers[QUESTIONS_SHOWN]
            return
        for code, ids in enumerate(shown.values):
            rows = shown.codes == code
            for question, asked in self.asked.items():
                if isinstance(ids, tuple) and question not in ids:
                    self.asked[question] = asked & ~rows

    def _decline_columns_of_versions(self) -> None:
        """In forms that are not about a supplier, a blank declines a question that has a column, in a row with a day of return
        and a version.
        """
        context = self.context
        versions, days = context.answers.get("form_version"), context.answers.get("form_returned")
        if versions is None or days is None:
            return
        self.lenient = np.ones(len(self.rows), dtype=np.bool_)
        self.rows = days.answered & versions.answered & ~days.equals(CANNOT_APPLY)
        for question in context.column_match.columns:
            if self.form.by_id[question].feeds and not self.form.by_id[question].person:
                self.asked[question] = self.rows

    def _record_return(self, undated: Mask) -> None:
        """Record the version of returned forms in a stamped workbook, and the day of those without one that can be read.

        The answers are as old as the sender says; without such a day, they are of the day of the import.
        """
        context = self.context
        if self.rows.any() and (stamp := find_stamp(context, self.form)):
            versions = context.get_column("form_version")
            known = [parse_form_version(str(value), self.form) is not None for value in versions.values]
            versions.set_value(self.rows & ~np.array([*known, False])[versions.codes], " ".join(stamp))
        if not undated.any() or not context.as_of:
            return
        days, answered_on = context.get_column("form_returned"), context.answers.get("answered_on")
        days.set_value(undated, context.as_of)
        for code, value in enumerate(answered_on.values if answered_on else ()):
            day = str(value)
            if len(day) == len("2026-01-01") and day <= context.as_of:
                days.set_value(undated & (answered_on.codes == code), day)  # type: ignore[union-attr]

    # ------------------------------------------------------------ what a blank means

    def find_not_asked(self, answers: AnswerColumn) -> Mask:
        """Return where "not applicable" reads as not asked: in forms that offer it everywhere."""
        return self.lenient & answers.equals(CANNOT_APPLY)

    def find_blank(self, question: str) -> Mask:
        """Return in which returned rows a question that was asked and applies has no answer."""
        blank = self.asked.get(question)
        if blank is None:
            return np.zeros(len(self.rows), dtype=np.bool_)
        definition = self.form.by_id[question]
        blank = blank & ~self.context.answers[question].answered if question in self.context.answers else blank.copy()
        for other in definition.settled_by:
            if other in self.context.answers:
                blank &= ~self.context.answers[other].answered
        return blank & find_relevant(self.context, definition.relevant)

    def find_refused(self, question: str) -> Mask:
        """Return in which returned rows a question was declined, left blank though it applies, or could not be read."""
        refused = self.find_blank(question) | (self.rows & self.context.find_unreadable(question))
        answers = self.context.answers.get(question)
        return refused if answers is None else refused | (self.rows & answers.equals(DECLINED))

    def judge_not_applicable(self) -> bool:
        """Read "not applicable" as a blank where the form does not allow it; return whether it was anywhere.

        A condition that is blank, declined or contradicted is not met, so this is repeated until nothing changes.
        """
        changed = False
        if self.form.kind not in JUDGED_KINDS:
            return changed
        for question_id, answers in self.context.answers.items():
            question = self.form.by_id.get(question_id)
            said = answers.equals(CANNOT_APPLY) | answers.equals(NOT_APPLICABLE)
            if question is None or not said.any():
                continue
            judged = said & ~self.find_not_asked(answers)
            conditions = question.not_applicable.when if question.not_applicable else None
            allowed = judged & find_all_matches(self.context, conditions)
            if (new := allowed & answers.equals(CANNOT_APPLY)).any():
                answers.set_value(new, NOT_APPLICABLE)
            rejected = judged & ~allowed
            if rejected.any():
                relevant = find_relevant(self.context, question.relevant)
                cure = (
                    "This answer is accepted only if another answer shows that the question does not apply. "
                    f"{question.not_applicable.because}"
                    if question.not_applicable
                    else ""
                )
                text = IssueText("Not applicable", cure=cure)
                self.context.report("answer.not_applicable", question_id, rejected & relevant, text)
                answers.codes[rejected] = -1
                changed = True
        return changed

    def decline_blanks(self) -> None:
        """Read as "declined" what was asked, applies and has no answer."""
        for question in self.asked:
            blank = self.find_blank(question)
            if blank.any():
                self.context.get_column(question).set_value(blank, DECLINED)


@cache
def list_practice_titles(form_id: str, folder: Path) -> frozenset[str]:
    """List the folded titles of the questions about practice in the newest forms of a kind."""
    forms = list_forms_of(load_form(form_id, None, folder))
    return frozenset(fold_text(question.title) for form in forms for question in form.questions if question.is_practice)


def list_forms_of(form: Questionnaire) -> Sequence[Questionnaire]:
    """List the newest forms of a kind: the core and its packs."""
    forms = (load_form(form_id, None, form.folder) for form_id in list_form_ids(form.folder))
    return [each for each in forms if each.kind == form.kind]


def load_latest_version(form_id: str, day: str, form: Questionnaire) -> Questionnaire:
    """Load the newest version of a form that was released by a day; the newest of all where the day is not known."""
    versions = [load_form(form_id, version, form.folder) for version in list_versions(form_id, form.folder)]
    by_then = [version for version in versions if version.released <= day]
    return by_then[-1] if day and by_then else versions[-1]


def is_in_trade(codes: Sequence[object], sectors: Sequence[str]) -> bool:
    """Return whether any ISIC code is within the sectors of a pack, or is too coarse to tell it from them."""
    return any(str(code).startswith(sector) or sector.startswith(str(code)) for code in codes for sector in sectors)


def iter_matches(context: ValidationContext, matches: Matches) -> Iterator[Mask]:
    """Yield for each question in which rows it has one of the answers, and no other."""
    for question, wanted in matches:
        answers = context.answers.get(question)
        met = (
            [set(value if isinstance(value, tuple) else (value,)) <= set(wanted) for value in answers.values]
            if answers
            else []
        )
        yield np.array([*met, False])[answers.codes] if answers else np.zeros(len(context.rows), dtype=np.bool_)


def find_relevant(context: ValidationContext, condition: Condition | None) -> Mask:
    """Return in which rows a question with a condition is asked; everywhere if it has none."""
    match condition:
        case Comparison():
            answers = context.answers.get(condition.question)
            if answers is None:
                return np.zeros(len(context.rows), dtype=np.bool_)
            satisfied: Mask = np.array([*map(condition.is_satisfied, answers.values), False])
            return satisfied[answers.codes]
        case Not(part):
            return ~find_relevant(context, part)
        case AllOf(parts):
            return reduce(np.logical_and, [find_relevant(context, part) for part in parts])
        case AnyOf(parts):
            return reduce(np.logical_or, [find_relevant(context, part) for part in parts])
    return np.ones(len(context.rows), dtype=np.bool_)


def find_all_matches(context: ValidationContext, matches: Matches | None) -> Mask:
    """Return in which rows every question has one of its answers; nowhere without a condition."""
    if not matches:
        return np.zeros(len(context.rows), dtype=np.bool_)
    found: Mask = np.ones(len(context.rows), dtype=np.bool_)
    for matched in iter_matches(context, matches):
        found &= matched
    return found
