"""Look at the columns of one sheet under its headers: what each contains, and whether it tells the rows apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from questionnaires.form import JUDGED_KINDS, Questionnaire
from questionnaires.lookups import load_countries
from questionnaires.sheet import Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS
from questionnaires.validation.column_values import (
    MOST,
    Verdict,
    find_share,
    have_equal_values,
    is_identifier,
    judge_values,
    sample_texts,
)
from questionnaires.validation.headers import contains_words
from questionnaires.validation.identifiers import IDENTIFIERS

# The questions that say who a row is about and where: a sheet that has the same header twice for one of them is unusable.
UNIQUE_QUESTIONS = (*IDENTIFYING_QUESTIONS, "country", "sector")
PLAIN_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def is_judged(sheet: Sheet, form: Questionnaire) -> bool:
    """Return whether the values of a sheet say what its columns are; not in a form of ours, whose headers are certain."""
    return not sheet.stamp and form.kind in JUDGED_KINDS


class SheetColumns:
    """The columns of a sheet under the headers of a row, and the form whose questions they may answer."""

    def __init__(self, sheet: Sheet, header_row: int, headers: Sequence[str], form: Questionnaire) -> None:
        self.sheet, self.header_row, self.headers, self.form = sheet, header_row, tuple(headers), form
        self.header_index = header_row - sheet.first_row
        self.texts = cache(lambda index: sample_texts(sheet.columns[index], self.header_index))

    def names(self, index: int, words: Collection[str]) -> bool:
        """Return whether a header contains one of some folded words, or one that begins with a long one of them."""
        return contains_words(self.headers[index], words)

    def consists_of(self, index: int, test: Callable[[str], object], share: float = MOST) -> bool:
        """Return whether at least a share of the texts of a column pass a test; not of a column without texts."""
        texts = self.texts(index)
        return bool(texts) and find_share(texts, test) >= share

    def judge(self, question: str, index: int, rank: int) -> Verdict:
        """Return what the values of a column say; nothing in a form of ours, whose headers are certain."""
        if not is_judged(self.sheet, self.form):
            return "neither"
        return judge_values(self.form.by_id[question], self.texts(index), rank, self.headers[index])

    def list_codes(self, index: int) -> npt.NDArray[np.int32]:
        """Return the code of the text of each filled cell of a column."""
        codes = self.sheet.columns[index].codes[self.header_index + 1 :]
        return codes[codes >= 0]

    def identifies_rows(self, index: int) -> bool:
        """Return whether a column has another text in each row, and does not just number them."""
        if any(self.consists_of(index, partial(is_identifier, kind)) for kind in IDENTIFIERS):
            return False  # that is what it is then
        codes = self.list_codes(index)
        return len(np.unique(codes)) == len(codes) and not self.numbers_rows(index)

    def numbers_rows(self, index: int) -> bool:
        """Return whether a column only has numbers from 0 or 1 to at most that of its rows."""
        texts = self.texts(index)
        numbers = sorted(int(text) for text in texts if PLAIN_NUMBER.fullmatch(text) and str(int(float(text))) == text)
        is_whole = len(numbers) == len(texts) and bool(numbers)
        return is_whole and numbers[0] <= 1 and numbers[-1] <= len(self.list_codes(index))

    def repeats(self, index: int) -> bool:
        """Return whether a column says the same in half of the rows or more."""
        codes = self.list_codes(index)
        return 2 * len(np.unique(codes)) <= len(codes)

    def may_be_share(self, index: int) -> bool:
        """Return whether all numbers of a column may be per cent."""
        numbers = (text.replace(",", "").strip() for text in self.texts(index))
        return all(float(text) <= 100 for text in numbers if PLAIN_NUMBER.fullmatch(text))

    def are_equal(self, question: str, indices: Sequence[int]) -> bool:
        """Return whether several columns say the same, such as the name of a country and its code."""
        headers = {fold_text(self.headers[index]) for index in indices}
        if len(headers) < len(indices) and question in UNIQUE_QUESTIONS:
            return False
        read = load_countries().read if self.form.by_id[question].type == "country" else fold_text
        first, *others = (self.sheet.columns[index] for index in indices)
        return all(have_equal_values(first, other, self.header_index, read) for other in others)
