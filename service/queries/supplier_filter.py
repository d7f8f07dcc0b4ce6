"""The filters of supplier lists, and their conditions in SQL."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, false, func, select

from questionnaires.parse.answer import INVISIBLE
from reports.document import LEVELS
from risk_models.engine.frame import INSUFFICIENT as INSUFFICIENT_CODE
from risk_models.engine.frame import LEVEL_NAMES
from risk_models.engine.score import compute_queue_rank
from service.db.derived_tables import SupplierWord
from service.db.pagination import ASCENDING, DESCENDING, Order
from service.db.supplier_words import fold_words, has_word, is_found_by
from service.db.tables import HAS_FALLEN, Result, Supplier
from service.errors import DomainError

PAGE = 50  # suppliers on a page of the list, and at most so many can be selected for a bulk action
REVIEWS = ("overdue", "soon")
FALLS = ("unexplained",)
SOON = timedelta(days=30)
INSUFFICIENT = "insufficient_evidence"
INHERENT_LEVELS = tuple(level for level in LEVELS if level != INSUFFICIENT)
SELECTED_ID = re.compile(r"[0-9a-f-]{36}")
NOTHING_SELECTED = "none"  # an id that no supplier has
UNKNOWN = "unknown"
DIVISION = 2  # digits of the code of a division
KEY: Order = (
    (Supplier.kind, ASCENDING),
    (Supplier.key, ASCENDING),
)  # ties end here, to be in one order on every database
QUEUE: Order = (
    (Supplier.rank, ASCENDING),
    (Supplier.inherent, DESCENDING),
    (Supplier.worst, DESCENDING),
    (Supplier.score, DESCENDING),
    *KEY,
)
# Each of these orders has an index (service/db/tables.py).
SORTS: Mapping[str, Order] = {
    "queue": QUEUE,
    "name": ((Supplier.sort_name, ASCENDING), *KEY),
    "country": ((Supplier.place, ASCENDING), *QUEUE),
    "score": ((Supplier.score, DESCENDING), *KEY),
    "range": ((Supplier.spread, DESCENDING), *KEY),
    "confidence": ((Supplier.confidence, ASCENDING), *KEY),
    "coverage": ((Supplier.coverage, ASCENDING), *KEY),
    "review": ((Supplier.review_due, ASCENDING), *QUEUE),
}


@dataclass(frozen=True)
class SupplierFilter:
    """The filters and sort order of a supplier list; an empty field does not filter. ``unknown`` means no country or sector.

    ``fell``: "unexplained" for suppliers whose level fell without a known cause.
    ``selected``: ids of the suppliers ticked in the list, joined by commas.
    ``own_answers_only``: next steps are those that suppliers' own answers alone call for (service/report_content/redaction.py).
    """

    kind: str = ""
    text: str = ""
    level: str = ""
    inherent_level: str = ""
    country: str = ""
    sector: str = ""
    review: str = ""
    fell: str = ""
    step: str = ""
    imported: str = ""
    selected: str = ""
    sort: str = "queue"
    own_answers_only: bool = False

    def to_dict(self) -> dict[str, str]:
        """Return the fields that differ from the default, as query parameters and saved filters hold them."""
        filled = {name: value for name, value in vars(self).items() if value and name != "own_answers_only"}
        return {name: value for name, value in filled.items() if (name, value) != ("sort", "queue")}


def parse_filter(values: Mapping[str, str], *, own_answers_only: bool) -> SupplierFilter:
    """Parse query parameters or a saved filter; unknown names are ignored and invalid values count as empty.

    A selection without a valid id selects no supplier, so that it never exports or reports the whole list. Raises DomainError
    ``selection.too_large``.
    """
    names = [name for name in SupplierFilter.__dataclass_fields__ if name != "own_answers_only"]
    fields = {name: str(values.get(name, "")).strip()[:200] for name in names}
    allowed_values: Mapping[str, Sequence[str]] = {
        "kind": ("site", "agency"),
        "level": LEVELS,
        "inherent_level": INHERENT_LEVELS,
        "review": REVIEWS,
        "fell": FALLS,
        "sort": tuple(SORTS),
    }
    for name, allowed in allowed_values.items():
        if fields[name] not in allowed:
            fields[name] = ""
    fields["text"] = clean_search_text(fields["text"])
    selection = str(values.get("selected", "")).strip()
    selected = SELECTED_ID.findall(selection)
    if len(selected) > PAGE:
        raise DomainError("selection.too_large", 422, f"Select at most {PAGE} suppliers at a time.")
    fields["selected"] = ",".join(selected) or (NOTHING_SELECTED if selection else "")
    return SupplierFilter(**{**fields, "sort": fields["sort"] or "queue"}, own_answers_only=own_answers_only)


def clean_search_text(text: str) -> str:
    """Normalise a search text in the same way as stored names: to NFC, without repeated spaces or invisible marks."""
    return " ".join(unicodedata.normalize("NFC", INVISIBLE.sub("", text)).split())


def build_filter_conditions(
    filter_: SupplierFilter, on: date, by_index: Collection[str] | None = None
) -> list[ColumnElement[bool]]:
    """Build the SQL conditions of a filter. Only suppliers that are assessed and not deleted match.

    ``by_index``: the fields whose suppliers the database may look up in an index; the others are tested on each supplier
    found. A database that does not know how many suppliers match would often choose worse. None leaves the choice to it.
    """

    def use(field: str, column: Any) -> Any:
        return column if by_index is None or field in by_index else func.coalesce(column, column)

    chosen: list[ColumnElement[bool]] = [Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None)]
    if filter_.kind:
        chosen.append(use("kind", Supplier.kind) == filter_.kind)
    if filter_.level:
        chosen.append(use("level", Supplier.level) == filter_.level)
    if filter_.level == INSUFFICIENT and filter_.inherent_level:
        chosen.append(Supplier.rank == get_rank(INSUFFICIENT, filter_.inherent_level))
    if filter_.inherent_level:
        chosen.append(use("inherent_level", Supplier.inherent_level) == filter_.inherent_level)
    if filter_.country:
        chosen.append(use("country", Supplier.place) == ("" if filter_.country == UNKNOWN else filter_.country))
    if filter_.sector:
        if filter_.sector == UNKNOWN or len(filter_.sector) >= DIVISION:
            division = "" if filter_.sector == UNKNOWN else filter_.sector[:DIVISION]
            chosen.append(use("sector", Supplier.division) == division)
        if filter_.sector != UNKNOWN and len(filter_.sector) != DIVISION:
            chosen.append(Supplier.sector.startswith(filter_.sector, autoescape=True))
    if filter_.step:
        step = Supplier.own_step if filter_.own_answers_only else Supplier.next_step
        chosen.append(use("step", step) == filter_.step)
    if filter_.review:
        due = use("review", Supplier.review_due)
        chosen.append(due < on if filter_.review == "overdue" else due <= on + SOON)
    if filter_.fell:
        chosen.append(HAS_FALLEN if by_index is None or "fell" in by_index else Supplier.fell_on.is_not(None))
    if filter_.selected:
        chosen.append(Supplier.id.in_(filter_.selected.split(",")))
    if filter_.imported:
        chosen.append(_build_import_condition(filter_.imported, look_up=by_index is None or "imported" in by_index))
    if filter_.text:
        chosen += _build_text_conditions(filter_, look_up=by_index is None or "text" in by_index)
    return chosen


def get_rank(level: str, inherent_level: str) -> int:
    """Return the rank in the queue of suppliers with a level and, if that is insufficient evidence, an inherent level."""
    codes = (
        INSUFFICIENT_CODE if level == INSUFFICIENT else LEVEL_NAMES.index(level),
        LEVEL_NAMES.index(inherent_level),
    )
    return int(compute_queue_rank(*(np.array([code], np.int8) for code in codes))[0])


def _build_import_condition(import_id: str, *, look_up: bool) -> ColumnElement[bool]:
    of_import = Result.import_id == import_id
    if look_up:
        return Supplier.id.in_(select(Result.supplier_id).where(of_import))
    return select(Result.id).where(of_import, Result.supplier_id == Supplier.id).exists()


def _build_text_conditions(filter_: SupplierFilter, *, look_up: bool) -> list[ColumnElement[bool]]:
    """Build the conditions that each word of the text begins a word of the supplier; the first is the rarest, if looked up."""
    words = fold_words(filter_.text)
    if not words:
        return [false()]
    if not look_up:
        return [*map(has_word, words)]
    first, *others = words
    of_supplier = (has_word(word, SupplierWord.supplier_id) for word in others)
    return [Supplier.id.in_(select(SupplierWord.supplier_id).where(is_found_by(first, filter_.kind), *of_supplier))]
