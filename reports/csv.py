"""Results as a CSV file: UTF-8 with a byte order mark and CRLF, as spreadsheets expect it, every field in full.

A spreadsheet runs a text that begins with = + - @, a tab or a line break, or with the full-width forms of these, as a
formula, whatever quotes stand around it. Such text gets one apostrophe before it, and so does text that begins with an
apostrophe itself, so that whoever reads the file back strips exactly one. Numbers are not guarded.
"""

import csv
from collections.abc import Callable
from io import StringIO
from typing import Any

from reports.document import Headline, Report

GUARD = "'"
GUARDED_PREFIXES = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'")

COLUMNS: tuple[tuple[str, Callable[[Headline], Any]], ...] = (
    ("kind", lambda h: h.kind),
    ("reference", lambda h: h.reference),
    ("name", lambda h: h.name),
    ("country", lambda h: h.country),
    ("country_name", lambda h: h.country_name),
    ("sector", lambda h: h.sector),
    ("sector_title", lambda h: h.sector_title),
    ("model", lambda h: h.model),
    ("level", lambda h: h.level),
    ("level_text", lambda h: h.level_text),
    ("up_to", lambda h: "yes" if h.up_to else ""),
    ("score", lambda h: h.score),
    ("best", lambda h: h.best),
    ("worst", lambda h: h.worst),
    ("inherent", lambda h: h.inherent),
    ("inherent_level", lambda h: h.inherent_level),
    ("practice_points", lambda h: h.practice_points),
    ("practice_of", lambda h: h.practice_of),
    ("case_evidence", lambda h: h.case_evidence),
    ("coverage", lambda h: h.coverage),
    ("confidence", lambda h: h.confidence),
    ("uplift", lambda h: h.uplift),
    ("floors", lambda h: "; ".join(h.floors)),
    ("next_step", lambda h: h.next_step),
    ("file", lambda h: h.file),
    ("sheet", lambda h: h.sheet),
    ("row", lambda h: h.row or None),
)


def render(report: Report) -> bytes:
    """Return one line a result, in the order of the report."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([title for title, _ in COLUMNS])
    for headline in report.results:
        writer.writerow([guard(read(headline)) for _, read in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def guard(value: Any) -> Any:
    """Return a text as a cell may hold it: with GUARD before what a spreadsheet would run; anything else as it is."""
    return GUARD + value if isinstance(value, str) and value.startswith(GUARDED_PREFIXES) else value
