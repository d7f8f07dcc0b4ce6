"""Recognise a column of answer options: the list behind the drop-downs of another sheet, and no suppliers."""

from __future__ import annotations

from functools import cache

from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.layout.grid import BLANK
from questionnaires.lookups import load_common_words
from questionnaires.sheet import Column
from questionnaires.text_normalize import fold_text

MAX_OPTIONS = 60  # different texts; a longer column is not a list of options
OPTION_SHARE = 0.9


def lists_options(column: Column, header: int, form: Questionnaire) -> bool:
    """Return whether nearly all of the texts in a column of names are answers to questions of a form, such as "yes" and "no".

    ``header``: the row of its header, counted from the first.
    """
    if not 1 < len(column.values) <= MAX_OPTIONS:
        return False
    texts = (column.values[code].strip(BLANK) for code in {*column.codes[header + 1 :].tolist()} if code >= 0)
    words = {fold_text(text) for text in texts if text}
    known = words & _list_answers(form.kind)
    # Placeholders alone are the missing names of suppliers.
    return len(words) > 1 and len(known) >= OPTION_SHARE * len(words) and bool(known - load_common_words().nothing)


@cache
def _list_answers(kind: str) -> frozenset[str]:
    """List the words of yes and no, of the answers that every question takes, and of the choices of a form."""
    common = load_common_words()
    choices = (question.build_choice_lookup() for question in load_combined_form(kind).questions if question.choices)
    words = {fold_text(word) for lookup in choices for word in lookup}
    return frozenset(words) | common.yes_no.keys() | common.reserved.keys() | common.nothing
