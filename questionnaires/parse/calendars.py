"""Convert dates of other calendars: the Buddhist, the Islamic, the Republic of China's, and Japanese eras.

The Buddhist and the Minguo calendar have the Gregorian months, so their years are converted by arithmetic. The Islamic calendar
is converted by its tabular form (30-year cycle, epoch 16 July 622 Julian), which may differ by a day from what was announced. A
year that two calendars in use share is not converted: 1402 may be a lunar or a solar Hijri year, 2079 may be Bikram Sambat, and
1430 in Bengali digits a year of Bangladesh.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

BUDDHIST, MINGUO = 543, 1911  # what their years are ahead of, and behind, the Gregorian ones
BUDDHIST_YEARS = range(2443, 2644)  # the Gregorian years 1900 to 2100
LUNAR_HIJRI_YEARS = range(1411, 1501)  # later than any solar Hijri year in use
HIJRI_YEARS = range(1300, 1501)
MINGUO_YEARS = range(100, 200)
# The Gregorian years 2013 to 2039: long enough for past records and licences of today. As Gregorian years they are far ahead;
# 2100 is more likely to be a slip, or a day that stands for "no end", and is reported as a day still to come.
BIKRAM_SAMBAT_YEARS = range(2070, 2096)
ISLAMIC_EPOCH = date(622, 7, 19)  # 16 July 622 of the Julian calendar

GREGORIAN_MARK = re.compile(r"(?:\b(?:A\.?D\.?|C\.?E\.?)|ค\.?\s?ศ\.?|西暦|公元)(?![A-Za-z])")
MINGUO_DATE = re.compile(r"(?:中華民國|中华民国|民國|民国|ROC)\s*([0-9]{1,3})((?:\s*[-/.年].*)?)")
MARKS = re.compile(r"\b(?:B\.?E\.?|A\.?H\.?)(?![A-Za-z])|พ\.?\s?ศ\.?|هـ|ه(?=\s|\Z)")
NEPALI_MARK = re.compile(r"\bB\.?S\.?(?![A-Za-z])|वि\.?\s?सं\.?|साल")
DEVANAGARI = re.compile("[०-९]")
BENGALI, BENGALI_YEAR = (
    re.compile("[০-৯]"),
    re.compile("1[34][0-9]{2}"),
)  # 1430 is 2023 in Bangladesh, and 2008 in lunar Hijri
THAI_MONTHS = {
    word: month
    for month, words in enumerate(
        (
            "ม.ค. มกราคม", "ก.พ. กุมภาพันธ์", "มี.ค. มีนาคม", "เม.ย. เมษายน", "พ.ค. พฤษภาคม", "มิ.ย. มิถุนายน",
            "ก.ค. กรกฎาคม", "ส.ค. สิงหาคม", "ก.ย. กันยายน", "ต.ค. ตุลาคม", "พ.ย. พฤศจิกายน", "ธ.ค. ธันวาคม",
        ),
        1,
    )
    for word in words.split()
}  # fmt: skip
THAI_DATE = re.compile(rf"([0-9]{{1,2}})\s*({'|'.join(map(re.escape, THAI_MONTHS))})\s*([0-9]{{4}})")


def is_unclear(year: int) -> bool:
    """Return whether a year may be that of more than one calendar in use."""
    return year in BIKRAM_SAMBAT_YEARS or (year in HIJRI_YEARS and year not in LUNAR_HIJRI_YEARS)


def to_gregorian(year: int, month: int, day: int) -> date | None:
    """Return the date of a day in the one calendar that has its year at present; None for a Gregorian year.

    Raises ValueError for a day that is not in that calendar.
    """
    if year in BUDDHIST_YEARS:
        return date(year - BUDDHIST, month, day)
    if year in MINGUO_YEARS:
        return date(year + MINGUO, month, day)
    return islamic_to_gregorian(year, month, day) if year in LUNAR_HIJRI_YEARS else None


def to_gregorian_year(year: int) -> int | None:
    """Return the Gregorian year in which a year of another calendar begins; None for a Gregorian year."""
    begins = to_gregorian(year, 1, 1)
    return begins.year if begins else None


def islamic_to_gregorian(year: int, month: int, day: int) -> date:
    """Return the date of a day in the tabular Islamic calendar. Raises ValueError for a day that is not in it."""
    length = 30 if month % 2 or (month == 12 and (11 * year + 14) % 30 < 11) else 29
    if not (1 <= month <= 12 and 1 <= day <= length):
        raise ValueError
    days = (year - 1) * 354 + (3 + 11 * year) // 30 + 29 * (month - 1) + month // 2 + day - 1
    return ISLAMIC_EPOCH + timedelta(days)
