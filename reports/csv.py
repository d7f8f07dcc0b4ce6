"""Write results as a CSV file for spreadsheets: UTF-8 with a byte order mark, CRLF line endings, and every field in full.

Spreadsheets treat a text that begins with = + - @, a tab or a line break (or the full-width form of one) as a formula, even in
quotes. In much of Europe they split lines at semicolons, and some people choose tabs: a part of a text then becomes a cell of
its own. An apostrophe is therefore put before such a text and before each such part, and also before those that already begin
with one, so that a program that reads the file can always remove exactly one from each; our own import does. Numbers are left
unchanged.
"""

import csv
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

from reports.document import Headline, Report

GUARD = "'"
# Where a cell begins if lines are split at commas, semicolons or tabs. Blanks and quotation marks before a formula are no
# protection.
FORMULA = r"[ \u00a0\u3000\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
RISKY_START = re.compile(rf"^(?=[\t\r\n'])|(?<=[;\t\r\n])(?=')|(?:^|(?<=[;\t\r\n]))(?={FORMULA})")

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
    ("evidence_claimed", lambda h: h.evidence_claimed),
    ("evidence_confirmed", lambda h: h.evidence_confirmed),
)


def render(report: Report) -> bytes:
    """Return one line for each result, in the order of the report."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([title for title, _ in COLUMNS])
    for headline in report.results:
        writer.writerow([guard(read(headline)) for _, read in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def guard(value: Any) -> Any:
    """Return a text that is safe in a cell: GUARD comes before anything a spreadsheet would run; other text is unchanged."""
    return RISKY_START.sub(GUARD, value) if isinstance(value, str) else value
