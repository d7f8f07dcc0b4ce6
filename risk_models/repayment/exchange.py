"""Rates of exchange from a dated file of the user's, and what an amount paid on a day or in a period was worth.

A rate is never guessed: where the file has none that was in force, there is none. The file is CSV (UTF-8) with the
columns ``date,currency,per_usd``, the last one named after the report's currency: how many units of a currency one
unit of the report's currency bought on that day.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)
MOST_ROWS = 200_000


class BadRates(ValueError):
    """A file of rates that cannot be used: one sentence with its line, and the cure."""


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last``; one day where they are the same."""

    first: date
    last: date

    @property
    def middle(self) -> date:
        """The day halfway."""
        return self.first + (self.last - self.first) / 2


@dataclass(frozen=True)
class Reading:
    """A figure three times: low, central, high."""

    low: Decimal
    central: Decimal
    high: Decimal

    def __iter__(self) -> Iterator[Decimal]:
        return iter((self.low, self.central, self.high))

    def times(self, number: Decimal | int) -> Reading:
        """Each figure multiplied."""
        return Reading(*(value * number for value in self))

    def less(self, other: Reading) -> Reading:
        """Each figure less the other's."""
        return Reading(*(one - two for one, two in zip(self, other, strict=True)))

    def in_order(self) -> Reading:
        """Central not under low, high not under central: the higher figure where one is unsure (RP-10)."""
        central = max(self.low, self.central)
        return Reading(self.low, central, max(central, self.high))


NOTHING = Reading(Decimal(0), Decimal(0), Decimal(0))
SAME = Reading(Decimal(1), Decimal(1), Decimal(1))


def plus(readings: Iterable[Reading]) -> Reading:
    """The sum of readings."""
    low, central, high = NOTHING
    for reading in readings:
        low, central, high = low + reading.low, central + reading.central, high + reading.high
    return Reading(low, central, high)


@dataclass(frozen=True)
class Rates:
    """Rates by currency, each a list of days in order and one of the rates that began on them."""

    currency: str
    days: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    values: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)

    def in_force(self, currency: str, paid: Period, hold: int) -> Reading | None:
        """The lowest, mean and highest rate in force in a period: those dated within it, and the one before it if that is at
        most ``hold`` days older. 1 for the report's own currency; None where there is none.
        """
        if currency == self.currency:
            return SAME
        days, values = self.days.get(currency, ()), self.values.get(currency, ())
        begin, end = bisect_right(days, paid.first) - 1, bisect_right(days, paid.last)
        if begin < 0 or days[begin] < paid.first - timedelta(days=hold):
            begin += 1
        found = values[begin:end]
        return Reading(min(found), sum(found, Decimal(0)) / len(found), max(found)) if found else None


def read_rates(data: bytes, currency: str) -> Rates:
    """The rates of a file. Raises :class:`BadRates` for the first line that is not as it should be."""
    wanted = f"date,currency,per_{currency.lower()}"
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise BadRates(f"The file of rates is no CSV in UTF-8. Save it with the columns {wanted}.") from fault
    header = ",".join(cell.strip().lower() for cell in lines[0]) if lines else ""
    if header != wanted:
        raise BadRates(
            f"The columns of the file of rates should be {wanted}: the last one is named after the currency of the report, and "
            "says how many units of a currency one unit of it buys."
        )
    if len(lines) > MOST_ROWS:
        raise BadRates(f"The file of rates has more than {MOST_ROWS} lines. Keep the days that are needed.")
    return rates_of(currency, {number: line for number, line in enumerate(lines[1:], 2) if any(map(str.strip, line))})


def rates_of(currency: str, lines: Mapping[int, Sequence[str]]) -> Rates:
    """The rates of lines by their number, each a day, a currency and a rate. Raises :class:`BadRates`."""
    found: dict[str, dict[date, Decimal]] = {}
    for number, line in lines.items():
        day, code, rate = _line(number, line)
        if day in found.setdefault(code, {}):
            raise BadRates(f"Line {number} of the rates is the second for {code} on {day}. Leave one of them.")
        found[code][day] = rate
    days = {code: tuple(sorted(rates)) for code, rates in found.items()}
    return Rates(currency, days, {code: tuple(found[code][day] for day in days[code]) for code in days})


def _line(number: int, line: Sequence[str]) -> tuple[date, str, Decimal]:
    cells = [cell.strip() for cell in line]
    try:
        day, code, text = cells
        if len(day) == 10 and CURRENCY.fullmatch(code) and NUMBER.fullmatch(text) and Decimal(text) > 0:
            return date.fromisoformat(day), code, Decimal(text)
    except ValueError:
        pass
    raise BadRates(
        f"Line {number} of the rates should be a day (YYYY-MM-DD), a currency of three capital letters, and a number above 0 "
        "with a full stop."
    )
