"""Parse dates: ISO, day or month first, in words, of other calendars and eras, or as a spreadsheet's day number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, timedelta

from questionnaires.parse import calendars
from questionnaires.parse.digits import CHINESE, read_chinese, read_digits

TIME = re.compile(r"(?<![T ])[T ]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$", re.ASCII)
YEAR_FIRST = re.compile(
    r"([0-9]{4}|1[0-9]{2}(?=\s*[-/.年]))\s*[-/.年년]\s*([0-9]{1,2})(?:\s*[-/.月월]\s*([0-9]{1,2})[日일]?|[月월])?",
    re.ASCII,
)
COMPACT = re.compile(r"((?:19|20)[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])", re.ASCII)
YEAR = re.compile(r"([0-9]{4})(?:\.0|年)?", re.ASCII)
YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})", re.ASCII)
DAY, MONTH_NAME = r"([0-9]{1,2})(?:st|nd|rd|th)?", r"([A-Za-z]{3,9})"
DATE_IN_WORDS = re.compile(
    rf"{DAY}[ .-]+{MONTH_NAME}[ .,-]+([0-9]{{4}})|{MONTH_NAME}[ .]+{DAY},? +([0-9]{{4}})", re.ASCII
)
ERA_DATE = re.compile(
    r"(令和|平成|昭和|大正|明治|[RHSTM])\s*\.?\s*(元|[0-9]{1,2})\s*[年./-]\s*([0-9]{1,2})\s*[月./-]\s*([0-9]{1,2})日?",
    re.ASCII,
)
ERA_YEAR = re.compile(
    r"(令和|平成|昭和|大正|明治|[RHSTM])\s*\.?\s*(元|[0-9]{1,2})\s*年(?:\s*([0-9]{1,2})\s*月)?", re.ASCII
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
# First days of the eras as defined by the Japanese government (Meiji by the solar calendar from 1873).
ERAS = {
    "R": date(2019, 5, 1),
    "H": date(1989, 1, 8),
    "S": date(1926, 12, 25),
    "T": date(1912, 7, 30),
    "M": date(1868, 1, 25),
}
ERA_LETTERS = {"令和": "R", "平成": "H", "昭和": "S", "大正": "T", "明治": "M"}
VIETNAMESE = re.compile(r"(?:ngày\s*)?([0-9]{1,2})\s*tháng\s*([0-9]{1,2})\s*năm\s*([0-9]{4})", re.ASCII | re.IGNORECASE)
# Two digits that are taken for a year: 1980 to 2030. Those in between may be Buddhist years (67 is 2567, which is 2024).
SHORT_YEARS, UNCLEAR_YEARS = (*range(31), *range(80, 100)), range(43, 80)
SPREADSHEET_DAY_0 = date(1899, 12, 30)


def detect_order(texts: Iterable[str]) -> str | None:
    """Return "dmy", "mdy" or "ymd" if at least one date in the column proves it and none contradicts it; otherwise None.

    Dates such as 24/03/15, which may begin or end with the year, prove nothing.
    """
    proven = set()
    for text in texts:
        match = YEAR_LAST.fullmatch(TIME.sub("", text.strip())) if text[:1].isdigit() or text[:1] == " " else None
        if match is None or (match[2] == "." and len(match[4]) == 4):
            continue
        first, second, last = int(match[1]), int(match[3]), int(match[4])
        if len(match[4]) == 2 and may_begin_with_year(first, second, last):
            proven |= {"ymd"} if first > 31 or first == 0 else set()
        elif match[2] != ".":
            proven |= {"dmy"} if first > 12 >= second else {"mdy"} if second > 12 >= first else set()
    return proven.pop() if len(proven) == 1 else None


def may_begin_with_year(first: int, second: int, last: int) -> bool:
    """Return whether three numbers of at most two digits may be year, month and day, as they are written in East Asia."""
    return first in SHORT_YEARS and 1 <= second <= 12 and 1 <= last <= 31


def parse_day(text: str, order: str | None) -> tuple[str, str | None]:
    """Return (error code or "", ISO date or None) for a text. A bare year or month is returned as YYYY or YYYY-MM.

    ``order`` ("dmy", "mdy", "ymd" or None) is needed only if the numbers could be swapped; with full stops, the day comes before
    the month.
    """
    if len(text) > 60:
        return "date.invalid", None
    if not text.isascii() and calendars.DEVANAGARI.search(text):
        return "date.calendar_unclear", None
    plain = TIME.sub("", unicodedata.normalize("NFKC", read_digits(text)).strip())
    if calendars.NEPALI_MARK.search(plain) or (calendars.BENGALI.search(text) and calendars.BENGALI_YEAR.search(plain)):
        return "date.calendar_unclear", None
    if "年" in plain:
        plain = CHINESE.sub(lambda numeral: str(read_chinese(numeral[0]) or numeral[0]), plain)
    if (match := calendars.MINGUO_DATE.fullmatch(plain)) is not None:
        code, day = parse_day(f"{int(match[1]) + calendars.MINGUO}{match[2]}", order)
        return ("date.calendar" if day else code), day
    plain = calendars.GREGORIAN_MARK.sub("", plain).strip()
    plain = calendars.MARKS.sub("", plain).strip(" .") if calendars.MARKS.search(plain) else plain.rstrip(" .")
    if match := YEAR.fullmatch(plain):
        return to_iso_year(int(match[1]))
    if match := calendars.THAI_DATE.fullmatch(plain):
        return to_iso_date(int(match[3]), calendars.THAI_MONTHS[match[2]], int(match[1]))
    if match := YEAR_FIRST.fullmatch(plain):
        if match[3] is None:
            if not 1 <= int(match[2]) <= 12:
                return "date.invalid", None
            code, iso_year = to_iso_year(int(match[1]))
            return code, iso_year and f"{iso_year}-{int(match[2]):02d}"
        return to_iso_date(int(match[1]), int(match[2]), int(match[3]))
    if match := COMPACT.fullmatch(plain):
        return to_iso_date(int(match[1]), int(match[2]), int(match[3]))
    if match := YEAR_LAST.fullmatch(plain):
        return resolve_order(int(match[1]), int(match[3]), match[4], order, has_stops=match[2] == ".")
    if match := VIETNAMESE.fullmatch(plain):
        return to_iso_date(int(match[3]), int(match[2]), int(match[1]))
    if match := ERA_DATE.fullmatch(plain):
        start = ERAS[ERA_LETTERS.get(match[1], match[1])]
        year = start.year - 1 + (1 if match[2] == "元" else int(match[2]))
        code, day = to_iso_date(year, int(match[3]), int(match[4]))
        return (code, day) if day is None or day >= start.isoformat() else ("date.invalid", None)
    if match := ERA_YEAR.fullmatch(plain):
        start = ERAS[ERA_LETTERS.get(match[1], match[1])]
        era_year = start.year - 1 + (1 if match[2] == "元" else int(match[2]))
        return "date.calendar", f"{era_year}-{int(match[3]):02d}" if match[3] else str(era_year)
    if match := DATE_IN_WORDS.fullmatch(plain):
        name = (match[2] or match[4]).lower()
        month = next(
            (n for n, full in enumerate(MONTHS, 1) if name == full or name == full[:3] or name == "sept" == full[:4]), 0
        )
        return to_iso_date(int(match[3] or match[6]), month, int(match[1] or match[5]))
    if match := SERIAL.fullmatch(plain):
        return "date.serial", (SPREADSHEET_DAY_0 + timedelta(int(match[1]))).isoformat()
    return "date.invalid", None


def resolve_order(
    first: int, second: int, last_text: str, order: str | None, *, has_stops: bool
) -> tuple[str, str | None]:
    """Return (error code or "", ISO date or None) for three numbers, by ``order`` if several orders are possible."""
    year = int(last_text)
    if len(last_text) == 2:
        if may_begin_with_year(first, second, year) and order in (None, "ymd"):
            is_clear = order == "ymd" or first == year
            return to_iso_date(to_full_year(first), second, year) if is_clear else ("date.ambiguous", None)
        if year in UNCLEAR_YEARS:
            return "date.calendar_unclear", None
        year = to_full_year(year)
    if has_stops or first > 12 or first == second:
        day, month = first, second
    elif second > 12:
        day, month = second, first
    elif order not in ("dmy", "mdy"):
        return "date.ambiguous", None
    else:
        day, month = (first, second) if order == "dmy" else (second, first)
    return to_iso_date(year, month, day)


def to_full_year(year: int) -> int:
    """Return the year that two digits stand for, as POSIX reads them."""
    return year + (2000 if year < 70 else 1900)


def to_iso_year(year: int) -> tuple[str, str | None]:
    """Return the year as YYYY, with the code of a year of another calendar; (error code, None) where it may be of two."""
    if calendars.is_unclear(year):
        return "date.calendar_unclear", None
    converted = calendars.to_gregorian_year(year)
    return ("date.calendar", str(converted)) if converted else ("", f"{year:04d}")


def to_iso_date(year: int, month: int, day: int) -> tuple[str, str | None]:
    """Return the ISO date, with the code of a date of another calendar; (error code, None) for a day that is in no calendar or
    may be in two.
    """
    if calendars.is_unclear(year):
        return "date.calendar_unclear", None
    try:
        converted = calendars.to_gregorian(year, month, day)
        return ("date.calendar", converted.isoformat()) if converted else ("", date(year, month, day).isoformat())
    except ValueError:
        return "date.invalid", None
