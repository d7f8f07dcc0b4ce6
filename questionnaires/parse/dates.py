"""Which day a text says: ISO, day or month first, in words, in Japanese eras, or as a spreadsheet's day number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, timedelta

TIME = re.compile(r"[T ]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$", re.ASCII)
YEAR_FIRST = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})(?:\s*[-/.月]\s*([0-9]{1,2})日?|月)?", re.ASCII)
COMPACT = re.compile(r"((?:19|20)[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])", re.ASCII)
YEAR = re.compile(r"([0-9]{4})(?:\.0|年)?", re.ASCII)
YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})", re.ASCII)
DAY, NAMED = r"([0-9]{1,2})(?:st|nd|rd|th)?", r"([A-Za-z]{3,9})"
WORDED = re.compile(rf"{DAY}[ .-]+{NAMED}[ .,-]+([0-9]{{4}})|{NAMED}[ .]+{DAY},? +([0-9]{{4}})", re.ASCII)
ERA = re.compile(
    r"(令和|平成|昭和|大正|明治|[RHSTM])\s*\.?\s*(元|[0-9]{1,2})\s*[年./-]\s*([0-9]{1,2})\s*[月./-]\s*([0-9]{1,2})日?",
    re.ASCII,
)
SERIAL = re.compile(r"([2-6][0-9]{4})(\.[0-9]+)?", re.ASCII)

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
# First days of the eras, as the Japanese government counts them (Meiji by the solar calendar from 1873).
ERAS = {
    "R": date(2019, 5, 1),
    "H": date(1989, 1, 8),
    "S": date(1926, 12, 25),
    "T": date(1912, 7, 30),
    "M": date(1868, 1, 25),
}
KANJI = {"令和": "R", "平成": "H", "昭和": "S", "大正": "T", "明治": "M"}
EXCEL_DAY_0 = date(1899, 12, 30)


def order_of(texts: Iterable[str]) -> str | None:
    """ "dmy" or "mdy" where at least one date of the column cannot be read otherwise, and none contradicts it; else
    None.
    """
    first = second = False
    for text in texts:
        found = YEAR_LAST.fullmatch(TIME.sub("", text.strip())) if text[:1].isdigit() or text[:1] == " " else None
        if found and found[2] != ".":
            a, b = int(found[1]), int(found[3])
            first, second = first or a > 12 >= b, second or b > 12 >= a
    return None if first == second else "dmy" if first else "mdy"


def day_of(text: str, order: str | None) -> tuple[str, str | None]:
    """(code of the fault or "", ISO day or None) of a text. A bare year or month comes out as YYYY or YYYY-MM.

    ``order`` ("dmy", "mdy" or None) is needed only where day and month could change places; with full stops the day is
    first.
    """
    if len(text) > 60:
        return "date.invalid", None
    plain = TIME.sub("", unicodedata.normalize("NFKC", text).strip())
    if found := YEAR.fullmatch(plain):
        return "", found[1]
    if found := YEAR_FIRST.fullmatch(plain):
        if found[3] is None:
            return ("", f"{found[1]}-{int(found[2]):02d}") if 1 <= int(found[2]) <= 12 else ("date.invalid", None)
        return made(int(found[1]), int(found[2]), int(found[3]))
    if found := COMPACT.fullmatch(plain):
        return made(int(found[1]), int(found[2]), int(found[3]))
    if found := YEAR_LAST.fullmatch(plain):
        return day_month_year(int(found[1]), int(found[3]), found[4], "dmy" if found[2] == "." else order)
    if found := ERA.fullmatch(plain):
        start = ERAS[KANJI.get(found[1], found[1])]
        year = start.year - 1 + (1 if found[2] == "元" else int(found[2]))
        fault, day = made(year, int(found[3]), int(found[4]))
        return (fault, day) if day is None or day >= start.isoformat() else ("date.invalid", None)
    if found := WORDED.fullmatch(plain):
        name = (found[2] or found[4]).lower()
        month = next(
            (n for n, full in enumerate(MONTHS, 1) if name == full or name == full[:3] or name == "sept" == full[:4]), 0
        )
        return made(int(found[3] or found[6]), month, int(found[1] or found[5]))
    if found := SERIAL.fullmatch(plain):
        return "date.serial", (EXCEL_DAY_0 + timedelta(int(found[1]))).isoformat()
    return "date.invalid", None


def day_month_year(a: int, b: int, year_text: str, order: str | None) -> tuple[str, str | None]:
    """The day of two numbers and a year. The numbers decide where only one order makes sense."""
    year = int(year_text)
    if len(year_text) == 2:
        year += 2000 if year < 70 else 1900  # as POSIX reads two digits
    if a > 12 or a == b:
        day, month = a, b
    elif b > 12:
        day, month = b, a
    elif order is None:
        return "date.ambiguous", None
    else:
        day, month = (a, b) if order == "dmy" else (b, a)
    return made(year, month, day)


def made(year: int, month: int, day: int) -> tuple[str, str | None]:
    """The ISO day, or the fault of a day that is not in the calendar."""
    try:
        return "", date(year, month, day).isoformat()
    except ValueError:
        return "date.invalid", None
