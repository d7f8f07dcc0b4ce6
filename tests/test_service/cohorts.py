"""An invented sheet of cohorts with its rates, and what it comes to by hand.

NP-18: 400 + 100 ringgit at 4 to the dollar, told by workers of whom everything was asked: 125 dollars each, 12 workers.
NP-19: nothing told, hired after the zero-fee policy: half of the known cost of the corridor, 6,000 ringgit at 4: 750 each, 4
workers.
"""

from sheets import text, workbook

HEADERS = (
    "Cohort", "Origin", "Destination", "Hired from", "Hired to", "Current workers", "Past workers", "Zero-fee policy from",
    "All kinds of fees asked about", "Fee item", "Amount per worker", "Currency", "Paid on, or from", "Evidence", "Paid by",
)  # fmt: skip
NP_18 = (
    "NP-18 | Nepal | Malaysia | 2018-01 | 2018-12 | 10 | 2 | | yes | agency fee | 400 | MYR | 2018-06-01 | worker interviews "
    "| worker"
)
MEDICAL = "NP-18 | | | | | | | | | RC1 | 100 | MYR | 2018-06-15 | workers | worker"
NP_19 = "NP-19 | Nepal | Malaysia | 2019-03 | 2019-09 | 4 | 0 | 2019-01-01 | | | | | | |"
ROWS = (NP_18, MEDICAL, NP_19)
RATES = text(
    "| date | currency | per_usd |", "| 2018-06-01 | MYR | 4 |", "| 2018-06-20 | MYR | 5 |", "| 2020-03-01 | MYR | 4 |"
)
TOTAL = "4500.00"


TABLE = "\n".join([f"| {' | '.join(HEADERS)} |", *(f"| {row} |" for row in ROWS)])


def sheet(*rows: str, headers: tuple[str, ...] = HEADERS, **more: str) -> bytes:
    """A workbook of cohorts; by default, of the rows above."""
    table = [f"| {' | '.join(headers)} |", *(f"| {row} |" for row in rows or ROWS)]
    return workbook(*table, name=more.pop("name", "Cohorts"), **more)
