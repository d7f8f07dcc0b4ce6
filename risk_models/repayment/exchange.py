"""Parse dated exchange rates supplied by the user, and find the rates for a day or a period.

A rate is never guessed: if the file has none in force at the time, there is none. The file is CSV (UTF-8) with the
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
MAX_ROWS = 200_000


class RatesFileError(ValueError):
    """The exchange rate file cannot be used. The message is one sentence with the line and how to fix it."""


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last``, which may be the same day."""

    first: date
    last: date

    @property
    def middle(self) -> date:
        """Return the day in the middle of the period."""
        return self.first + (self.last - self.first) / 2


@dataclass(frozen=True)
class Estimate:
    """An estimate with a low, a central and a high figure."""

    low: Decimal
    central: Decimal
    high: Decimal

    def __iter__(self) -> Iterator[Decimal]:
        return iter((self.low, self.central, self.high))

    def multiply(self, number: Decimal | int) -> Estimate:
        """Return the estimate with each figure multiplied."""
        return Estimate(*(value * number for value in self))

    def subtract(self, other: Estimate) -> Estimate:
        """Return the estimate with each figure reduced by the other's."""
        return Estimate(*(value - deduction for value, deduction in zip(self, other, strict=True)))

    def raise_to_order(self) -> Estimate:
        """Return the estimate with its figures raised into ascending order, since the higher one counts in case of doubt
        (RP-10)."""
        central = max(self.low, self.central)
        return Estimate(self.low, central, max(central, self.high))


ZERO_ESTIMATE = Estimate(Decimal(0), Decimal(0), Decimal(0))
UNIT_ESTIMATE = Estimate(Decimal(1), Decimal(1), Decimal(1))


def sum_estimates(estimates: Iterable[Estimate]) -> Estimate:
    """Return the sum of estimates, figure by figure."""
    low, central, high = ZERO_ESTIMATE
    for estimate in estimates:
        low, central, high = low + estimate.low, central + estimate.central, high + estimate.high
    return Estimate(low, central, high)


@dataclass(frozen=True)
class Rates:
    """Exchange rates by currency: the dates in order, and the rate from each date on. ``currency``: the currency of the
    report."""

    currency: str
    days: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    values: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)

    def find_rate(self, currency: str, paid: Period, max_age_days: int) -> Estimate | None:
        """Return the lowest, mean and highest rate in force in a period; None if there is none.

        In force are the rates dated within it, and the last one before it if that is at most ``max_age_days`` older. The
        report's own currency has the rate 1.
        """
        if currency == self.currency:
            return UNIT_ESTIMATE
        days, values = self.days.get(currency, ()), self.values.get(currency, ())
        begin, end = bisect_right(days, paid.first) - 1, bisect_right(days, paid.last)
        if begin < 0 or days[begin] < paid.first - timedelta(days=max_age_days):
            begin += 1
        rates = values[begin:end]
        return Estimate(min(rates), sum(rates, Decimal(0)) / len(rates), max(rates)) if rates else None


def parse_rates_file(data: bytes, currency: str) -> Rates:
    """Parse an exchange rate file. Raises :class:`RatesFileError` for the first invalid line."""
    columns = f"date,currency,per_{currency.lower()}"
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RatesFileError(
            f"The exchange rate file is not a CSV file in UTF-8. Save it in that format, with the columns {columns}."
        ) from error
    header = ",".join(cell.strip().lower() for cell in lines[0]) if lines else ""
    if header != columns:
        raise RatesFileError(
            f"The exchange rate file must have the columns {columns}. The last column is named after the report's currency and "
            "gives the number of units of each currency per unit of the report's currency."
        )
    if len(lines) > MAX_ROWS:
        raise RatesFileError(f"The exchange rate file has more than {MAX_ROWS:,} lines. Keep only the dates you need.")
    return parse_rates(
        currency, {number: line for number, line in enumerate(lines[1:], 2) if any(map(str.strip, line))}
    )


def parse_rates(currency: str, lines: Mapping[int, Sequence[str]]) -> Rates:
    """Parse numbered lines, each with a date, a currency and a rate. Raises :class:`RatesFileError`."""
    rates: dict[str, dict[date, Decimal]] = {}
    for number, line in lines.items():
        day, code, rate = _parse_line(number, line)
        if day in rates.setdefault(code, {}):
            raise RatesFileError(
                f"Line {number} of the exchange rates gives a second rate for {code} on {day}. Delete one of them."
            )
        rates[code][day] = rate
    days = {code: tuple(sorted(by_day)) for code, by_day in rates.items()}
    return Rates(currency, days, {code: tuple(rates[code][day] for day in days[code]) for code in days})


def _parse_line(number: int, line: Sequence[str]) -> tuple[date, str, Decimal]:
    cells = [cell.strip() for cell in line]
    try:
        day, code, text = cells
        if len(day) == 10 and CURRENCY.fullmatch(code) and NUMBER.fullmatch(text) and Decimal(text) > 0:
            return date.fromisoformat(day), code, Decimal(text)
    except ValueError:
        pass
    raise RatesFileError(
        f"Line {number} of the exchange rates must have a date (YYYY-MM-DD), a currency code of three capital letters, and a "
        "number above 0 with a decimal point."
    )
