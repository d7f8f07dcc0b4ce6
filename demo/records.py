"""Define the smaller demo files, all fictional: case records, the buyer's own answers, cohorts with rates, and a watchlist.

Case records describe groups. They never contain names, telephone numbers or identity papers: a row that seems to contain any is
rejected.
"""

from __future__ import annotations

from datetime import date

CASE_HEADER = (
    "Case no", "Site reference", "Nationality", "Job", "Intake from", "Intake to", "Number", "Age", "Acts",
    "Asked in full", "Finding", "Phase", "Found", "Source", "Date", "Note",
)  # fmt: skip

_TOWERS = (
    "CR-1", "SK-016", "Nepal", "Formwork carpenter", "2025-09", "2025-12", 14, "adults", "recruited; transported", "work",
)  # fmt: skip
_VESSEL = ("CR-2", "SK-005", "Indonesia", "Deckhand", "2025-06", "2025-06", 9, "adults", "recruited; transported", "")
_HOMES = ("CR-3", "AG-7", "Philippines", "Domestic worker", "2026-01", "2026-03", 3, "adults", "recruited", "")


def _build_case_rows(group: tuple[object, ...], *findings: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Return the rows of a case. The first row describes the group; the others repeat only the case number."""
    return [
        (*(group if at == 0 else (group[0], *[""] * (len(group) - 1))), *finding) for at, finding in enumerate(findings)
    ]


CASES = [
    dict(zip(CASE_HEADER, cells, strict=True))
    for cells in (
        *_build_case_rows(
            _TOWERS,
            ("Paid for the job", "recruitment", "yes", "interview", date(2026, 10, 14), "receipts of 18 months' earnings"),
            ("Told of higher pay", "recruitment", "", "interview", date(2026, 10, 14), ""),
            ("Papers held by someone else", "work", "", "interview", date(2026, 10, 14), "kept in the camp office"),
            ("Wages held back so that the worker stays", "work", "", "grievance", date(2026, 9, 3), "four months"),
            ("Violence", "work", "no", "interview", date(2026, 10, 14), "asked in private"),
        ),
        *_build_case_rows(
            _VESSEL,
            ("Papers held by someone else", "work", "", "NGO", date(2026, 11, 20), "with the captain"),
            ("Cut off from others", "work", "", "NGO", date(2026, 11, 20), ""),
            ("Violence", "work", "", "NGO", date(2026, 11, 20), ""),
            ("Somebody's life or health is in danger now", "work", "", "NGO", date(2026, 11, 20), "crew ill, no port call"),
        ),
        *_build_case_rows(
            _HOMES,
            ("Paid for the job", "recruitment", "", "hotline", date(2026, 8, 2), "training and agency fee"),
            ("Papers held by someone else", "work", "no", "hotline", date(2026, 8, 2), ""),
            ("Told of better conditions of work", "recruitment", "", "hotline", date(2026, 8, 9), "live-in, two children"),
        ),
    )
]  # fmt: skip

OWN_HEADER = (
    "Business unit", "Date of the answers", "Prices and legal wages", "Recruitment costs in the price",
    "How orders are awarded", "Lead times", "Orders changed after confirmation", "Cost of late changes",
    "Busiest month against the average month", "Days from delivery to payment", "Recruitment last looked at on",
    "How recruitment is monitored", "Suppliers whose recruiters are known", "Whom you let pay for recruitment",
    "When harm is found", "Your share of remedy",
)  # fmt: skip

OWN_PRACTICES = [
    dict(zip(OWN_HEADER, cells, strict=True))
    for cells in (
        (
            "Seafood", date(2026, 9, 30), "We have not looked", "No, or never asked", "The lowest price",
            "Often shorter than suppliers say they need", 35, "The supplier", 2.4, 75, date(2024, 5, 20),
            "Visits and audits, no workers in private", 30, "No rule", "Orders end, or are cut, at once", "Case by case",
        ),
        (
            "Building works", date(2026, 9, 30), "We think so", "Yes, within the price",
            "Price among those that meet our standard", "As usual in the trade", 10, "Shared, case by case", 1.3, 45,
            date(2026, 4, 30), "Workers called or met in private after arrival", 80, "No worker pays, in writing", "",
            "Yes, from a budget",
        ),
    )
]  # fmt: skip

COHORT_HEADER = (
    "Cohort", "Origin", "Destination", "Agency reference", "Job", "Hired from", "Hired to", "Current workers",
    "Past workers", "First monthly earnings", "Currency of earnings", "Zero-fee policy from",
    "All kinds of fees asked about", "Fee item", "Amount per worker", "Fair value", "Currency", "Paid on, or from", "Evidence",
    "Paid by",
)  # fmt: skip

_FIRST, _REST = ("Nepal", "Qatar", "AG-3"), ("",) * 12
COHORTS = [
    dict(zip(COHORT_HEADER, cells, strict=True))
    for cells in (
        (
            "NP-QA 2025", *_FIRST, "Formwork carpenter", "2025-09", "2025-12", 140, 12, 330, "USD", "", "yes", "RF1",
            95000, "", "NPR", date(2025, 9, 15), "worker interviews", "worker",
        ),
        ("NP-QA 2025", *_REST, "RC6", 38000, "", "NPR", date(2025, 9, 20), "receipts", "worker"),
        ("NP-QA 2025", *_REST, "Paid back already", 20000, "", "NPR", date(2026, 6, 1), "receipts", "employer"),
        (
            "NP-QA 2025", *_REST, "Lodging and food at work", 31000, 24000, "NPR", date(2025, 9, 30), "worker interviews",
            "Nobody yet: the worker still owes it",
        ),
        (
            "PK-AE 2026", "Pakistan", "United Arab Emirates", "AG-4", "Fit-out worker", "2026-02", "2026-04", 60, 0, 400,
            "USD", "2026-01-01", "", "", "", "", "", "", "", "",
        ),
        (
            "BD-QA 2025", "Bangladesh", "Qatar", "AG-2", "Steel fixer", "2025-03", "2025-06", 85, 20, 310, "USD", "", "no",
            "total", 2900, "", "USD", "2025-03", "audit", "worker",
        ),
    )
]  # fmt: skip

RATES = (
    ("date", "currency", "per_usd"),
    ("2018-07-01", "BDT", "84"),
    ("2025-09-01", "NPR", "140"),
    ("2025-09-18", "NPR", "141"),
    ("2026-06-01", "NPR", "143"),
)

WATCHLIST = (
    ("name", "aliases", "kind", "country", "imo", "licence", "list", "listed_on", "reason", "source"),
    (
        "Golden Ferry Man Power Co., Ltd. (fictional)", "", "agency", "Thailand", "", "TH-0000-1",
        "Invented list of warned agencies", "2026-03-01", "Fees taken from fishers", "https://list.invalid/agencies/1",
    ),
    (
        "FV Quiet Hoppe (fictional)", "Esperanza Callada", "vessel", "Panama", "", "",
        "Invented list of vessels barred from ports", "2025-11-14", "Crew not paid", "https://list.invalid/vessels/7",
    ),
    (
        "Sommut Fleets (fictional)", "", "company", "Thailand", "", "",
        "Invented list of vessels barred from ports", "2026-05-02", "Vessels without a flag", "https://list.invalid/owners/3",
    ),
    (
        "Paper Lantern Freight (fictional)", "", "company", "Malaysia", "", "",
        "Invented list of goods held", "2024-08-09", "Debt bondage", "https://list.invalid/goods/12",
    ),
)  # fmt: skip
