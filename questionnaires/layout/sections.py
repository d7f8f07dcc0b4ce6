"""Read headings within a table: "THAILAND" alone in its row says in which country the suppliers below it are."""

from __future__ import annotations

import re
from typing import NamedTuple

from questionnaires.layout.grid import Grid
from questionnaires.layout.words import load_layout_words
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.text_normalize import fold_text

HEADING_ONLY = ""  # the question of a heading that answers none
NUMBERING = re.compile(
    r"(?:\(?(?:\d{1,2}|[ivxIVX]{1,4}|[A-Z])[.)]\s{0,3})?(\S.{0,80}?)(?:\s{0,3}[:：\-–—]?\s{0,3}\(?\d{1,6}(?:\s\w{1,20})?\)?)?\s{0,3}[:：]?"
)
LABELLED = re.compile(r"([^:：]{1,40})[:：]\s{0,3}(\S.{0,80})")
TITLE_PARTS = re.compile(r"\bin\b|[-–—:：,()|]")
WORD = re.compile(r"[^\W\d_]+")
YEAR = re.compile(r"(?:19|20)\d\d")
BARE_NUMBER = re.compile(r"\(?\d{1,6}(?:\s\w{1,20})?\)?")


class Heading(NamedTuple):
    """A heading: its column, the question that it answers for the rows below it, and the text of the answer."""

    column: int
    question: str
    text: str


def find_section(grid: Grid, row: int) -> Heading | None:
    """Return the heading that a row is; None if it is no heading that is certain to be one.

    A heading is alone in its row, or has only a number beside it: a country, a part of the world, or a label and its value
    ("Country: Thailand", "Country" | "Thailand").
    """
    cells = grid.get_cells(row)
    texts = list(cells.values())
    if len(texts) == 2:
        label, value = texts
        question = load_layout_words().labels.get(fold_text(label.rstrip(":： ")), "")
        if question and _answers(question, value):
            return Heading(list(cells)[1], question, value)
        if not BARE_NUMBER.fullmatch(value):
            return None
    elif len(texts) != 1:
        return None
    column, text = next(iter(cells.items()))
    if match := LABELLED.fullmatch(text):
        question = load_layout_words().labels.get(fold_text(match[1]), "")
        if question and _answers(question, match[2]):
            return Heading(column, question, match[2].strip())
    match = NUMBERING.fullmatch(text)
    bare = match[1].strip() if match else text
    for name in dict.fromkeys((text, bare)):
        if _is_country_name(name):
            return Heading(column, "country", name)
        if fold_text(name) in load_layout_words().world_regions:
            return Heading(column, HEADING_ONLY, name)
    return None


def find_title_country(grid: Grid, row: int) -> Heading | None:
    """Return the country with which the title of a list ends ("Factories in Cambodia, 2026"); None if it is of anything else."""
    cells = grid.get_cells(row)
    if len(cells) != 1:
        return None
    ((column, text),) = cells.items()
    *before, last = [part for part in TITLE_PARTS.split(text) if part.strip() and not YEAR.fullmatch(part.strip())] or [
        ""
    ]
    words = {fold_text(word) for part in before for word in WORD.findall(part)}
    is_list = not words.isdisjoint(load_layout_words().headings)
    return Heading(column, "country", last.strip()) if is_list and _is_country_name(last.strip()) else None


def _is_country_name(text: str) -> bool:
    """Return whether a text is the name of a country; a code of two letters alone is not certain to be one."""
    countries = load_countries()
    if len(fold_text(text)) < 3 and text.isascii():
        return False
    return countries.find(text) is not None or bool(countries.find_sharing(text))


def _answers(question: str, value: str) -> bool:
    """Return whether a value answers the question of its label."""
    if question == "country":
        countries = load_countries()
        return countries.find(value) is not None or bool(countries.find_sharing(value))
    return question == "region" or fold_text(value) in load_sectors().by_word
