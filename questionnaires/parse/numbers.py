"""Numbers, amounts and percentages: which number a text says, and when it could be two."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Self

from questionnaires.parse.answer import Answer, Fault

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
# Digits, and decimals that are no group of thousands.
UNMISTAKABLE = re.compile(r"-?[0-9]{1,15}(\.([0-9]{1,2}|[0-9]{4,15}))?", re.ASCII)
GROUPED = {  # thousands in groups, by the sign between them: the decimal sign is the other one
    ".": re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII),
    ",": re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]*)?", re.ASCII),
}
DECIMAL = {".": re.compile(r"[+-]?[0-9]*\.[0-9]+", re.ASCII), ",": re.compile(r"[+-]?[0-9]*,[0-9]+", re.ASCII)}
BLANK_GROUPS = re.compile(r"(?<=[0-9])[ '\u2019](?=[0-9]{3}(?![0-9]))", re.ASCII)
CURRENCY = re.compile(r"^(?:[A-Z]{3}|[A-Z]{0,3}[$€£¥₩₹฿₫₱])\s?|\s?(?:[A-Z]{3}|[$€£¥₩₹฿₫₱]|元|円)$")


def decimal_signs(text: str) -> set[str]:
    """The decimal signs with which this text is a number: one, two (ambiguous) or none of "." and ","."""
    return {sign for sign in ".," if GROUPED[sign].fullmatch(text) or DECIMAL[sign].fullmatch(text)}


class Number(Answer):
    """A finite number between ``least`` and ``most``.

    Blanks and apostrophes group thousands; "229,932.50" and "475 009,12" say their decimal sign; "1,234" and "1.234" do
    not, and are taken only where another value of the column does.
    """

    def __init__(
        self, *, least: float | None = None, most: float | None = None, decimal: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.least, self.most, self.decimal = least, most, decimal

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A field that reads ambiguous numbers with the one decimal sign the rest of the column proves."""
        proven: set[str] = set()
        for text in texts:
            if UNMISTAKABLE.fullmatch(text):
                proven |= {"."} if "." in text else set()
            elif "," in text or "." in text:
                signs = decimal_signs(self.bare(unicodedata.normalize("NFKC", text).strip()))
                if len(signs) == 1:
                    proven |= signs
        return (self.like(decimal=proven.pop()) if len(proven) == 1 else self), None

    def plain(self, text: str) -> float | None:
        """A number in range that can be read in one way only."""
        if not UNMISTAKABLE.fullmatch(text):
            return None
        number = float(text) + 0.0
        return number if self.within(number) else None

    def like(self, **changed: Any) -> Self:
        """The same field with something changed."""
        told = {"least": self.least, "most": self.most, "decimal": self.decimal, "reserved": self.reserved, **changed}
        return type(self)(**told)

    def bare(self, text: str) -> str:
        """The text without the signs of its unit."""
        return BLANK_GROUPS.sub("", text)

    def of_text(self, text: str) -> float:
        """The number a text says. Of two readings the one in range, else the one the column proves, is taken."""
        bare = self.bare(unicodedata.normalize("NFKC", text)) if len(text) <= 60 else ""
        signs = decimal_signs(bare)
        readings = {sign: float(bare.replace("," if sign == "." else ".", "").replace(",", ".")) for sign in signs}
        if not readings and PLAIN_NUMBER.fullmatch(bare):
            readings = {".": float(bare)}
        if not readings:
            raise Fault("number.invalid", text)
        if len(readings) > 1:
            readings = {sign: number for sign, number in readings.items() if self.within(number)} or readings
        if len(readings) > 1 and self.decimal not in readings:
            raise Fault("number.ambiguous", text)
        return self.checked(readings[self.decimal] if len(readings) > 1 else readings.popitem()[1], text)

    def of_json(self, value: object) -> float:
        """A JSON number; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Fault("field.type", value)
        if isinstance(value, int) and abs(value) > 10**300:
            raise Fault("number.range", "a number of more than 300 digits")
        return self.checked(float(value), value)

    def within(self, number: float) -> bool:
        """Whether the number is finite and in range."""
        least = -math.inf if self.least is None else self.least
        most = math.inf if self.most is None else self.most
        return math.isfinite(number) and least <= number <= most

    def checked(self, number: float, seen: object) -> float:
        """The number, if it is finite and in range."""
        if not self.within(number):
            raise Fault("number.range", seen, expected=self.range())
        return number + 0.0  # -0.0 is 0.0

    def range(self) -> str:
        """The range in words; empty where there is none."""
        if self.least is not None and self.most is not None:
            return f"a number from {self.least:g} to {self.most:g}"
        return (
            f"a number from {self.least:g} up"
            if self.least is not None
            else f"a number up to {self.most:g}"
            if self.most is not None
            else ""
        )


class Money(Number):
    """An amount; a currency sign or code beside it is left off (the currency is a question of its own)."""

    def bare(self, text: str) -> str:
        """The text without currency."""
        return super().bare(CURRENCY.sub("", text))


class Percent(Number):
    """A percentage, 0 to 100.

    ``scale``: 100 for a column of shares of one, 0 for a column that cannot tell 1 % from 100 %.
    """

    def __init__(self, *, scale: float = 1, least: float | None = 0, most: float | None = 100, **kwargs: Any) -> None:
        super().__init__(least=least, most=most, **kwargs)
        self.scale = scale

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A spreadsheet that shows 45 % holds 0.45: told by the column, never by a value."""
        field, _ = super().fitted(texts)
        values = [
            (value, text)
            for text, value in zip(texts, field.read_column(texts)[0], strict=True)
            if isinstance(value, float)
        ]
        part = next((text for value, text in values if 0 < value < 1 and "%" not in text), None)
        if any(value > 1 or (value > 0 and "%" in text) for value, text in values) or not any(
            value for value, _ in values
        ):
            return field, None
        if part is None:
            return field.like(scale=0), None
        return field.like(scale=100), Fault("percent.share", part)

    def like(self, **changed: Any) -> Self:
        """The same field with something changed."""
        return super().like(**{"scale": self.scale, **changed})

    def plain(self, text: str) -> float | None:
        """None: what a percentage says depends on its column."""
        return None

    def bare(self, text: str) -> str:
        """The text without its sign."""
        return super().bare(text.rstrip("%").rstrip()) if text.endswith("%") else super().bare(text)

    def checked(self, number: float, seen: object) -> float:
        """The percentage, if it is in range."""
        if self.scale == 0 and number:
            raise Fault("percent.ambiguous", seen)
        return super().checked(round(number * self.scale, 9) if self.scale else number, seen)
