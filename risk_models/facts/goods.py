"""Name the goods that public lists know, in words that are recognised in the text of a product."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from risk_models.answers import DECLINED, Answers, Column, Flags
from risk_models.facts.facts import FactSnapshot


def name_good(facts: FactSnapshot, good: str) -> str:
    """Return a word or phrase by which a good is recognised; its id in words, if only HS codes are."""
    title, words = good.replace("_", " "), facts.goods[good].words
    return words[0] if words and good not in facts.find_goods(title) else title


def list_listed_goods(facts: FactSnapshot, country: str, isic_codes: Iterable[str]) -> list[str]:
    """List the goods of sectors that are on the list of goods made with forced labour in a country."""
    goods = facts.list_goods_of(isic_codes)
    return [
        name_good(facts, good) for good in goods if facts.get_value("goods", f"{country}/{good}", "forced_labour") > 0
    ]


def read_unrecognised_goods_as_blank(answers: Answers, facts: FactSnapshot) -> Answers:
    """Return answers in which a product that names no good we know is a blank: declined in a returned form, else not given.

    A word that nobody can look up says no more than a blank does.
    """
    values, codes = answers.column("product")
    recognised = [value == DECLINED or bool(facts.find_goods(str(value))) for value in values]
    unrecognised: Flags = ~np.array([*recognised, True], dtype=np.bool_)[codes]
    if not unrecognised.any():
        return answers
    returned = answers.column("form_returned").codes >= 0
    blank = np.where(returned, len(values), -1)  # the position of the last value, and that of no answer
    column = Column((*values, DECLINED), np.where(unrecognised, blank, codes).astype(codes.dtype))
    return Answers(answers.n, {**answers.columns, "product": column})


def list_recognised_goods(facts: FactSnapshot) -> list[str]:
    """List the goods on public lists that are recognised by words. Other products are recognised too, but are on no list."""
    listed = {code.rpartition("/")[2] for code, _ in facts.tables["goods"]}
    return [name_good(facts, name) for name, good in facts.goods.items() if good.words and name in listed]
