"""What suppliers answered, as JSON: each distinct answer is turned into bytes once, and put into rows by its code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
import orjson
from numpy.typing import NDArray

from risk_models.answers import to_json_value
from service.assessment.assess import Block

Pick = NDArray[np.intp]

NULL = b"null"
DECLINED_JSON = b'"declined"'
IDENTIFIERS = (("imo", "IMO"), ("lei", "LEI"), ("licence_number", "licence"), ("registration_number", "register"))


class WrittenAnswers:
    """The answers of some suppliers of a block as JSON: each distinct answer is turned into bytes once."""

    def __init__(self, block: Block, pick: Pick) -> None:
        self.block, self.pick = block, pick
        self.known: dict[str, tuple[dict[int, bytes], list[int]]] = {}

    def codes(self, question: str) -> tuple[Sequence[object], list[int]]:
        values, codes = self.block.answers.column(question)
        return values, (codes if len(codes) == len(self.pick) == 1 else codes[self.pick]).tolist()

    def values(self, question: str) -> tuple[dict[int, bytes], list[int]]:
        """The answers these suppliers gave as JSON, by code (-1: null), and the code of each."""
        found = self.known.get(question)
        if found is None:
            values, codes = self.codes(question)
            said = [*({*codes} - {-1})]
            told = {-1: NULL}
            told |= zip(said, _one_by_one([values[code] for code in said]), strict=True)
            found = self.known[question] = told, codes
        return found

    def texts(self, question: str) -> list[bytes]:
        """An answer that is shown as a name: null where it was declined."""
        fragments, codes = self.values(question)
        return [NULL if fragments[code] == DECLINED_JSON else fragments[code] for code in codes]

    def reference(self) -> list[bytes]:
        """The buyer's own reference; else an identifier, told by its kind; else null."""
        found = self.texts("reference")
        for question, label in IDENTIFIERS:
            if NULL not in found:
                break
            values, codes = self.codes(question)
            told = {
                c: NULL if c < 0 or values[c] == "declined" else orjson.dumps(f"{label} {values[c]}")
                for c in set(codes)
            }
            found = [told[code] if value is NULL else value for value, code in zip(found, codes, strict=True)]
        return found

    def all(self) -> Iterator[bytes]:
        """What was said, by question; blanks are left out."""
        if len(self.pick) == 1:  # the onboarding gate waits for it: all in one call
            at = int(self.pick[0])
            said = ((question, column, column.codes[at]) for question, column in self.block.answers.columns.items())
            alone = {question: column.values[code] for question, column, code in said if code >= 0}
            return iter([orjson.dumps(alone, default=to_json_value)[1:-1]])
        columns = []
        for question in self.block.answers.columns:
            fragments, codes = self.values(question)
            label = b'"%s":' % question.encode()
            told = {code: label + fragment for code, fragment in fragments.items()} | {-1: b""}
            columns.append([told[code] for code in codes])
        rows = zip(*columns, strict=True) if columns else repeat((), len(self.pick))
        return (b",".join(filter(None, row)) for row in rows)


def _one_by_one(values: Sequence[object]) -> list[bytes]:
    """Each value as JSON. Texts and numbers are written in one call and parted, which costs a tenth: where nothing had to be
    escaped there is no quote inside a text, so that what parts two texts stands nowhere else.
    """
    kinds = set(map(type, values)) if len(values) > 1 else set()
    if kinds == {str} and b"\\" not in (written := orjson.dumps(values)):
        return [b'"%b"' % text for text in written[2:-2].split(b'","')]
    if kinds and kinds <= {int, float}:
        return orjson.dumps(values)[1:-1].split(b",")
    return [orjson.dumps(value, default=to_json_value) for value in values]
