"""Report products that name no good we know, in rows where the public list of goods names some for the country and sector.

Such a product counts as another one of its sector: in a returned form that is less than a blank, which is declined.
"""

from __future__ import annotations

import numpy as np

from questionnaires.issues import Issue, build_issue
from questionnaires.sheet import cell_name
from risk_models.answers import Codes, Flags
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.goods import list_listed_goods
from service.imports.duplicate_rows import ParsedSheet
from service.report_content.labels import get_country_name

MAX_ISSUES = 20  # of countries and sectors in a sheet
MAX_CELLS = 5
RESERVED = ("declined", "cannot_apply", "not_applicable")


def list_unknown_goods_issues(sheet: ParsedSheet, facts: FactSnapshot) -> list[Issue]:
    """List an issue for each country and sector of a sheet of sites with such products, the most rows first."""
    columns = sheet.matched.columns
    if sheet.batch.kind != "site" or "product" not in columns:
        return []
    (products, product_codes), (countries, country_codes), (sectors, sector_codes) = (
        sheet.batch.answers.column(question) for question in ("product", "country", "sector")
    )
    unknown: Flags = np.array(
        [*(value not in RESERVED and not facts.find_goods(str(value)) for value in products), False], dtype=np.bool_
    )[product_codes]
    rows = np.flatnonzero(unknown & (country_codes >= 0) & (sector_codes >= 0))
    pairs, of_pair = np.unique(np.stack([country_codes[rows], sector_codes[rows]]), axis=1, return_inverse=True)
    issues = []
    for number, (country, sector) in enumerate(pairs.T.tolist()):
        isic_codes = sectors[sector] if isinstance(sectors[sector], tuple) else ()
        listed = list_listed_goods(facts, str(countries[country]), map(str, isic_codes))
        if listed:
            where = rows[of_pair.ravel() == number]
            seen = str(products[product_codes[where[0]]])
            issues.append(
                _build_issue(sheet, where, seen, f"{', '.join(listed)} ({get_country_name(str(countries[country]))})")
            )
    return sorted(issues, key=lambda issue: -issue.count)[:MAX_ISSUES]


def _build_issue(sheet: ParsedSheet, where: Codes, seen: str, expected: str) -> Issue:
    column = sheet.matched.columns["product"]
    cells = [cell_name(int(row), column) for row in sheet.batch.rows[where[:MAX_CELLS]]]
    return build_issue(
        "product.unknown", file=sheet.batch.file, sheet=sheet.batch.sheet, cell=cells[0], cells=cells, count=len(where),
        header=sheet.matched.headers[column], seen=seen, expected=expected,
    )  # fmt: skip
