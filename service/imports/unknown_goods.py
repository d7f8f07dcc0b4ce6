"""Report products that name no good we know: in returned forms, where they count as blanks, and elsewhere in rows where the
public list of goods names some for the country and sector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from questionnaires.issues import Issue, build_issue
from questionnaires.sheet import cell_name
from risk_models.answers import Flags
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.goods import list_listed_goods
from service.imports.duplicate_rows import ParsedSheet
from service.report_content.labels import get_country_name

MAX_ISSUES = 20  # of countries and sectors in a sheet
MAX_CELLS = 5
RESERVED = ("declined", "cannot_apply", "not_applicable")


def list_unknown_goods_issues(sheet: ParsedSheet, facts: FactSnapshot) -> list[Issue]:
    """List an issue for the returned forms of a sheet of sites, then one for each country and sector, the most rows first."""
    columns = sheet.matched.columns
    if sheet.batch.kind != "site" or "product" not in columns:
        return []
    (products, product_codes), (countries, country_codes), (sectors, sector_codes) = (
        sheet.batch.answers.column(question) for question in ("product", "country", "sector")
    )
    unknown: Flags = np.array(
        [*(value not in RESERVED and not facts.find_goods(str(value)) for value in products), False], dtype=np.bool_
    )[product_codes]
    returned = sheet.batch.answers.column("form_returned").codes >= 0
    in_forms = np.flatnonzero(unknown & returned)
    rows = np.flatnonzero(unknown & ~returned & (country_codes >= 0) & (sector_codes >= 0))
    pairs, of_pair = np.unique(np.stack([country_codes[rows], sector_codes[rows]]), axis=1, return_inverse=True)
    issues = []
    for number, (country, sector) in enumerate(pairs.T.tolist()):
        isic_codes = sectors[sector] if isinstance(sectors[sector], tuple) else ()
        listed = list_listed_goods(facts, str(countries[country]), map(str, isic_codes))
        if listed:
            where = rows[of_pair.ravel() == number]
            seen = str(products[product_codes[where[0]]])
            expected = f"{', '.join(listed)} ({get_country_name(str(countries[country]))})"
            issues.append(_build_issue("product.unknown", sheet, where, seen, expected))
    issues = sorted(issues, key=lambda issue: -issue.count)[:MAX_ISSUES]
    if not in_forms.size:
        return issues
    seen = str(products[product_codes[in_forms[0]]])
    return [_build_issue("product.unrecognised", sheet, in_forms, seen), *issues]


def _build_issue(code: str, sheet: ParsedSheet, where: NDArray[np.intp], seen: str, expected: str = "") -> Issue:
    column = sheet.matched.columns["product"]
    cells = [cell_name(int(row), column) for row in sheet.batch.rows[where[:MAX_CELLS]]]
    return build_issue(
        code, file=sheet.batch.file, sheet=sheet.batch.sheet, cell=cells[0], cells=cells, count=len(where),
        header=sheet.matched.headers[column], seen=seen, expected=expected,
    )  # fmt: skip
