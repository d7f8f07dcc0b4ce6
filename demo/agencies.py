"""Define the fictional agencies of the demo, with fee items under the policy, in practice and as reported by workers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

Row = Mapping[str, str | int | date]

_HEADER = (
    "Ref", "Agency", "Chinese name", "Country", "Type of agency", "Recruits from", "Places workers in",
    "Client sectors", "Workers placed last year",
    "Licence no.", "Licensed since", "Licence expiry", "Licence status", "Blacklisted?", "Uses sub-agents",
    "Months since last audit", "IRIS",
    "Fee policy", "Who pays?", "Costs paid by workers", "Deposits or bonds", "Legal cap", "Loans to workers",
    "Refunds", "Contract in own language",
    "Job as described", "Contract changed", "PDO", "Passports", "Boarding house", "Penalty for leaving",
    "Violence or abuse", "Threats", "Age check",
    "Visa type", "Hotline", "Data protection", "Reported issues", "Reported by", "Evidence", "Date of evidence",
    "As of", "Form version", "Returned on", "Email",
)  # fmt: skip

_ANSWERS: tuple[Row, ...] = tuple(
    dict(zip(_HEADER, cells, strict=True))
    for cells in (
        (
            "AG-1", "Golden Ferry Manpower (fictional)", "", "Thailand", "labour supply", "Myanmar; Cambodia",
            "Thailand", "Fishing; Fish processing", 1400,
            "TH-0000-1", 2015, "31/12/2026", "valid", "no", "yes, not checked", 19, "no", "partly", "part",
            "documents; medical", "no", "within cap", "own loans", "not looked into", "yes",
            "no complaints", "no", "leaflet", "during processing", "no boarding house", "must repay costs",
            "none reported", "no", "ID only", "work permit", "no complaints", "no policy", "", "", "self-declaration",
            "", "2026-05-30", "", "", "office@golden-ferry.invalid",
        ),
        (
            "AG-2", "Padma Example Recruiting (fictional)", "", "Bangladesh", "overseas placement", "Bangladesh",
            "Qatar; Malaysia", "Construction", 3200,
            "RL-0000-2", "2009", "2026-06-30", "under renewal", "under investigation", "unknown sub-agents", 120,
            "never", "no policy", "all", "travel; visa; medical; training", "security deposit", "above the cap",
            "advance", "no", "english only", "some differences", "sometimes", "charged", "agency", "permission",
            "forfeits deposit", "none reported", "no", "ID only", "another sponsor", "none", "no rules",
            "recruitment fees; deposits", "union", "documents", "2026-03-02", "2026-03-02", "", "", "",
        ),
        (
            "AG-3", "Himalayan Sample Overseas (fictional)", "", "Nepal", "overseas recruitment", "Nepal",
            "Qatar; Malaysia; United Arab Emirates", "Construction; Manufacturing", 860,
            "DOFE-0000-3", "2016-07", "15.07.2027", "valid", "no", "registered and checked", 5, "in progress",
            "employer pays principle", "employer", "none", "none", "no fees", "none, workers asked", "in full",
            "own language",
            "yes, workers asked", "compared", "free", "workers hold", "none", "no penalty", "none, workers asked",
            "none, workers asked", "verified", "work visa", "own channel", "with consent", "", "", "worker calls",
            "2026-07-19", "2026-07-19", "", "", "",
        ),
        (
            "AG-4", "Dhow & Desert Labour Supply (fictional)", "", "UAE", "manpower supply", "India; Pakistan", "UAE",
            "Construction", 540,
            "n/a", "", "", "suspended", "yes", "yes", "", "no", "no", "", "", "", "", "", "", "on arrival", "", "",
            "no", "", "curfew", "reported", "", "", "", "", "none", "", "", "", "self-declared", "", "2026-06-15",
            "agency 2026.1", "2026-06-15", "desk@dhow-desert.invalid",
        ),
        (
            "AG-5", "Fictional Crew Dispatch Co. (invented)", "虛構船員派遣有限公司", "Taiwan, Province of China", "manning",
            "Indonesia; Philippines", "Taiwan", "Marine fishing", 300,
            "TW-0000-5", 2018, date(2027, 3, 31), "active", "no", "yes", 40, "none", "nothing", "most",
            "documents; travel; equipment", "deposit; kickback", "not sure", "deducted from wages", "none repaid",
            "english only",
            "lower pay than promised", "often", "no", "until contract ends", "with permission",
            "fine; absconding report", "unresolved", "yes", "ID only", "work permit", "no", "sold",
            "passport retention", "NGO", "worker interviews", "2026-05-04", "2026-05-04", "", "", "",
        ),
        (
            "AG-6", "Nordlys Prøve Bemanning AS (fictional)", "", "Norway", "staffing", "Poland; Lithuania", "Norway",
            "Fish processing; Aquaculture", 190,
            "NO-0000-6", "2012", "", "registered", "never", "direct", 2, "no", "employer pays",
            "none, checked with workers", "none", "none", "nothing paid", "none, workers asked", "none found",
            "own language",
            "as promised", "compared", "all workers", "own", "not lodged", "free to leave", "none, workers asked",
            "none, workers asked", "none under 18", "free movement", "independent hotline", "with consent", "", "",
            "union", "2026-06-09", "2026-06-09", "", "", "",
        ),
        (
            "AG-7", "Make-Believe Employment Centre (fictional)", "虛構僱傭中心", "Hong Kong SAR",
            "Foreign Domestic Helpers", "Philippines; Indonesia", "Hong Kong", "Domestic work", "410",
            "HK-0000-7", "2017", "30 September 2026", "valid", "no", "known", 14, "no", "partly", "some",
            "medical; training", "none", "within cap", "loan", "refused to say", "own language",
            "no complaints", "not aware", "yes", "on request", "free", "nothing", "none reported", "no", "verified",
            "work visa", "own channel", "no policy", "", "", "documents", "2026-02-14", "2026-02-14", "", "", "",
        ),
    )
)  # fmt: skip

# Policy, practice and workers' reports disagree, as they often do. The buyer fills in the last three columns.
_ITEMS = (
    "Ref", "Policy items", "Fees by item", "Worker-reported items", "Our last check", "How we checked", "Workers called",
)  # fmt: skip

_ITEM_ANSWERS: Mapping[str | int | date, Row] = {
    cells[0]: dict(zip(_ITEMS, cells, strict=True))
    for cells in (
        ("AG-1", "medical; documents", "rf1", "rf1; rf4; medical; documents", "2025-02-10", "office visit", 0),
        ("AG-2", "rf1; medical; visa; training", "rf1", "", "", "never", ""),
        ("AG-3", "none", "none", "none", "2026-07-19", "worker calls", 24),
        ("AG-5", "documents; travel", "rf1; rf4", "rf4; rx1; rx2", "2024-11-05", "questionnaire only", 0),
        ("AG-6", "none", "none", "none", "2026-06-09", "workers at home", 18),
        ("AG-7", "medical; tests", "rf1", "rf1; training", "2025-10-02", "papers only", ""),
    )
}  # fmt: skip

HEADER = (*_HEADER, *_ITEMS[1:])
AGENCIES = tuple({**row, **_ITEM_ANSWERS.get(row["Ref"], {})} for row in _ANSWERS)
