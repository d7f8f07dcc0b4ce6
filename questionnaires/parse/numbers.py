"""Parse numbers, amounts and percentages, and recognise when a text could be two numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Self

from questionnaires.parse.answer import AnswerError, AnswerField
from questionnaires.parse.digits import read_digits

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
# Digits, and decimals that cannot be a group of thousands.
UNAMBIGUOUS = re.compile(r"-?[0-9]{1,15}(\.([0-9]{1,2}|[0-9]{4,15}))?", re.ASCII)
GROUPED = {  # thousands in groups, by the sign between them: the decimal sign is the other one
    # 1,234,567, and 12,34,567 as in South Asia
    ".": re.compile(r"[+-]?[1-9](?:[0-9]{0,2}(?:,[0-9]{3})+|[0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:\.[0-9]*)?", re.ASCII),
    ",": re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]*)?", re.ASCII),
}
DECIMAL = {".": re.compile(r"[+-]?[0-9]*\.[0-9]+", re.ASCII), ",": re.compile(r"[+-]?[0-9]*,[0-9]+", re.ASCII)}
BLANK_GROUPS = re.compile(r"(?<=[0-9])[ '\u2019](?=[0-9]{3}(?![0-9]))", re.ASCII)
SIGN = r"[$€£¥₩₹฿₫₱₨৳៛₭₽﷼]"
WORD = r"(?i:Rs|Re|Tk|Taka|RM|Rp|Baht|บาท|đ|रु|रू|රු|ریال|درهم|دينار|руб|сум|元|円|원|บ)\.?"  # of a currency, in its own country
CODE = r"(?!MAX|MIN|AVG|EST|ABT)[A-Z]{3}"  # of ISO 4217; MAX 100 is no amount
CURRENCY = re.compile(rf"^(?:{CODE}|[A-Z]{{0,3}}{SIGN}|{WORD})\s?|\s?(?:{CODE}|{SIGN}|{WORD})$")
NOTHING_AFTER = re.compile(r"(?<=[0-9])[/.,]-{1,2}$")  # 12,000/- has no paise and 3.500.000,- no sen
PEOPLE = re.compile(
    r"(?<=[0-9])\s?(?:persons?|people|workers?|employees|staff|pax|nos\.?|คน|ราย|người|lao động|orang|tenaga kerja|នាក់|ဦး|ယောက်|ຄົນ"
    r"|जना|लोग|জন|افراد|نفر|عامل|чел\.?|человек|kişi)$",
    re.IGNORECASE,
)


def find_decimal_signs(text: str) -> set[str]:
    """Return the decimal signs with which this text is a number: one, two (ambiguous) or none of "." and ","."""
    return {sign for sign in ".," if GROUPED[sign].fullmatch(text) or DECIMAL[sign].fullmatch(text)}


class NumberField(AnswerField):
    """A finite number between ``minimum`` and ``maximum``.

    Blanks and apostrophes group thousands; "229,932.50" and "475 009,12" reveal their decimal sign; "1,234" and "1.234" do
    not, and are accepted only if another value in the column does.
    """

    def __init__(
        self, *, minimum: float | None = None, maximum: float | None = None, decimal_sign: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.minimum, self.maximum, self.decimal_sign = minimum, maximum, decimal_sign

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field that reads ambiguous numbers with the one decimal sign that the rest of the column proves."""
        proven: set[str] = set()
        for text in texts:
            if UNAMBIGUOUS.fullmatch(text):
                proven |= {"."} if "." in text else set()
            elif "," in text or "." in text:
                signs = find_decimal_signs(self.strip_unit(read_digits(text).strip()))
                if len(signs) == 1:
                    proven |= signs
        return (self.copy_with(decimal_sign=proven.pop()) if len(proven) == 1 else self), None

    def parse_plain(self, text: str) -> float | None:
        """Return a number in range that can be read in one way only; else None."""
        if not UNAMBIGUOUS.fullmatch(text):
            return None
        number = float(text) + 0.0
        return number if self.is_in_range(number) else None

    def copy_with(self, **changes: Any) -> Self:
        """Return a copy of the field with other arguments."""
        arguments = {"minimum": self.minimum, "maximum": self.maximum, "decimal_sign": self.decimal_sign}
        return type(self)(**{**arguments, "reserved": self.reserved, **changes})

    def strip_unit(self, text: str) -> str:
        """Return the text without its unit (people) and without blanks between groups of thousands."""
        return BLANK_GROUPS.sub("", PEOPLE.sub("", text))

    def parse_text(self, text: str) -> float:
        """Return the number of a text, in the digits of any script.

        Of two readings, the one in range wins, then the one the column proves.
        """
        bare = self.strip_unit(read_digits(text)) if len(text) <= 60 else ""
        signs = find_decimal_signs(bare)
        readings = {sign: float(bare.replace("," if sign == "." else ".", "").replace(",", ".")) for sign in signs}
        if not readings and PLAIN_NUMBER.fullmatch(bare):
            readings = {".": float(bare)}
        if not readings:
            raise AnswerError("number.invalid", text)
        if len(readings) > 1:
            readings = {sign: number for sign, number in readings.items() if self.is_in_range(number)} or readings
        if len(readings) > 1 and self.decimal_sign not in readings:
            raise AnswerError("number.ambiguous", text)
        return self.check_range(readings[self.decimal_sign] if len(readings) > 1 else readings.popitem()[1], text)

    def parse_json(self, value: object) -> float:
        """Return a JSON number; true and false are not numbers."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise AnswerError("field.type", value)
        if isinstance(value, int) and abs(value) > 10**300:
            raise AnswerError("number.range", "a number with more than 300 digits")
        return self.check_range(float(value), value)

    def is_in_range(self, number: float) -> bool:
        """Return whether the number is finite and in range."""
        minimum = -math.inf if self.minimum is None else self.minimum
        maximum = math.inf if self.maximum is None else self.maximum
        return math.isfinite(number) and minimum <= number <= maximum

    def check_range(self, number: float, seen: object) -> float:
        """Return the number. Raises :class:`AnswerError` if it is not finite and in range."""
        if not self.is_in_range(number):
            raise AnswerError("number.range", seen, expected=self.describe_range())
        return number + 0.0  # -0.0 is 0.0

    def describe_range(self) -> str:
        """Return the range in words; "" if there is none."""
        if self.minimum is not None and self.maximum is not None:
            return f"a number from {self.minimum:g} to {self.maximum:g}"
        return (
            f"a number of at least {self.minimum:g}"
            if self.minimum is not None
            else f"a number of at most {self.maximum:g}"
            if self.maximum is not None
            else ""
        )


class MoneyField(NumberField):
    """An amount; a currency sign or code beside it is ignored (the currency is a question of its own)."""

    def strip_unit(self, text: str) -> str:
        """Return the text without the currency."""
        return super().strip_unit(NOTHING_AFTER.sub("", CURRENCY.sub("", text)))


class PercentField(NumberField):
    """A percentage, 0 to 100.

    ``scale``: 100 for a column of shares of one, 0 for a column that cannot tell 1 % from 100 %.
    """

    def __init__(
        self, *, scale: float = 1, minimum: float | None = 0, maximum: float | None = 100, **kwargs: Any
    ) -> None:
        super().__init__(minimum=minimum, maximum=maximum, **kwargs)
        self.scale = scale

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field that reads 0.45 as 45 % if the column as a whole holds shares of one; a value alone never does."""
        field, _ = super().fit_to_column(texts)
        values = [
            (value, text)
            for text, value in zip(texts, field.parse_column(texts)[0], strict=True)
            if isinstance(value, float)
        ]
        share = next((text for value, text in values if 0 < value < 1 and "%" not in text), None)
        if any(value > 1 or (value > 0 and "%" in text) for value, text in values) or not any(
            value for value, _ in values
        ):
            return field, None
        if share is None:
            return field.copy_with(scale=0), None
        return field.copy_with(scale=100), AnswerError("percent.share", share)

    def copy_with(self, **changes: Any) -> Self:
        """Return a copy of the field with other arguments."""
        return super().copy_with(**{"scale": self.scale, **changes})

    def parse_plain(self, text: str) -> float | None:
        """Return None: the meaning of a percentage depends on its column."""
        return None

    def strip_unit(self, text: str) -> str:
        """Return the text without the percent sign."""
        return super().strip_unit(text.rstrip("%").rstrip()) if text.endswith("%") else super().strip_unit(text)

    def check_range(self, number: float, seen: object) -> float:
        """Return the scaled percentage. Raises :class:`AnswerError` if it is ambiguous or out of range."""
        if self.scale == 0 and number:
            raise AnswerError("percent.ambiguous", seen)
        return super().check_range(round(number * self.scale, 9) if self.scale else number, seen)
