"""The words by which suppliers are found: of their names, references and aliases, in the form in which a search compares them.

A search finds a supplier if each word of the text begins a word of the supplier. Signs are part of a word; after a sign inside
a word, the rest is a word of its own as well ("blue-pier": also "pier"). Scripts that put no blanks between words have one
at each character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session, aliased

from service.db.bulk_rows import insert_rows
from service.db.derived_tables import WORD, SupplierWord
from service.db.session import chunks
from service.db.tables import SORT_NAME, MergedKey, Supplier

KINDS = ("site", "agency")
MAX_WORDS = 60  # words of a supplier by which it is found
LAST = "\U0010ffff"  # sorts after every character of a name
ACCENTS = re.compile("[\u0300-\u036f]")
AFTER_SIGN = re.compile(r"(?<=[^\w])(?=\w)")
# Chinese, Japanese, Thai, Lao, Myanmar, Khmer and Tibetan
UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def fold_words(text: str) -> list[str]:
    """Return the words of a text without regard to capitals and accents, as they are compared and sorted."""
    if text.isascii():  # without accents
        return text.casefold().split()
    decomposed = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", decomposed).casefold().split()


def build_sort_name(name: str) -> str:
    """Return the form of a name by which suppliers are sorted."""
    return " ".join(fold_words(name))[:SORT_NAME]


def list_words(texts: Iterable[str | None]) -> list[str]:
    """Return the words by which a supplier with these names and references is found."""
    found: dict[str, None] = {}  # in the order in which they are found
    for word in (word for text in texts if text for word in fold_words(text)):
        found[word[:WORD]] = None
        if not (word.isascii() and word.isalnum()):
            found |= dict.fromkeys(part[:WORD] for part in _list_parts(word))
    return list(islice(found, MAX_WORDS))


def _list_parts(word: str) -> list[str]:
    """List what follows each sign inside a word, and each character of a script without blanks."""
    starts = [match.start() for match in AFTER_SIGN.finditer(word)]
    if not word.isascii():
        starts = sorted({*starts, *(match.start() for match in UNSPACED.finditer(word))} - {0})
    return [word[start:] for start in starts]


def is_found_by(word: str, kind: str) -> ColumnElement[bool]:
    """Build the condition for the words of suppliers of a kind ("": of any) that begin with a folded one."""
    kinds = SupplierWord.kind == kind if kind else SupplierWord.kind.in_(KINDS)
    return and_(kinds, SupplierWord.word >= word[:WORD], SupplierWord.word < word[:WORD] + LAST)


def has_word(word: str, supplier_id: Any = Supplier.id) -> ColumnElement[bool]:
    """Build the condition for suppliers that are found by a folded word, to be tested on one supplier after another."""
    own = aliased(SupplierWord)
    begins = and_(own.word >= word[:WORD], own.word < word[:WORD] + LAST)
    # A subquery with a limit is not turned into a join, for which a database would read all suppliers with the word.
    return select(own.word).where(own.supplier_id == supplier_id, begins).limit(1).scalar_subquery().is_not(None)


def replace_words(session: Session, kind: str, texts: Mapping[str, Sequence[str | None]]) -> None:
    """Replace the words of suppliers by those of their names and references, given by id, and of their aliases."""
    aliases: dict[str, list[str]] = {}
    for chunk in chunks(list(texts)):
        named = select(MergedKey.supplier_id, MergedKey.named).where(MergedKey.supplier_id.in_(chunk))
        for supplier_id, name in session.execute(named):
            aliases.setdefault(supplier_id, []).append(name)
        session.execute(delete(SupplierWord).where(SupplierWord.supplier_id.in_(chunk)))
    add_words(session, kind, {supplier_id: (*own, *aliases.get(supplier_id, ())) for supplier_id, own in texts.items()})


def add_words(session: Session, kind: str, texts: Mapping[str, Sequence[str | None]]) -> None:
    """Add the words of suppliers that have none yet, from their names and references by id."""
    # In the order of the index, so that each of its pages is changed once.
    words = sorted((word, supplier_id) for supplier_id, own in texts.items() for word in list_words(own))
    insert_rows(
        session, SupplierWord, [{"kind": kind, "word": word, "supplier_id": supplier_id} for word, supplier_id in words]
    )
