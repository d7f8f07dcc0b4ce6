"""Search for suppliers, agencies, actions and cases by one text, for the search box on every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.action_library import Action
from service.db.case_tables import StoredCase
from service.db.tables import Supplier
from service.queries.supplier_filter import QUEUE, SupplierFilter
from service.queries.supplier_list import count_next_steps, load_actions_by_id
from service.queries.supplier_pages import count_matches, find_by_words, find_few, find_matches, load_in_order
from service.queries.supplier_scan import COUNTED, scan

SHOWN = 10  # results of each kind on the page; a link leads to the rest
MAX_TEXT = 200


@dataclass(frozen=True)
class FoundSuppliers:
    """The few suppliers with the highest risk that a search finds, and how many it finds in total.

    ``more``: whether ``total`` are only those counted, and there may be more. Of words that many suppliers have, but rarely
    together, the few are any that have all of them.
    """

    suppliers: Sequence[Supplier]
    total: int
    more: bool


@dataclass(frozen=True)
class FoundCases:
    """The newest few cases that a search finds, each with its supplier if it has one, and how many it finds in total."""

    cases: Sequence[tuple[StoredCase, Supplier | None]]
    total: int


@dataclass(frozen=True)
class SearchResults:
    """What a search finds. ``actions``: actions due as a next step, with the number of suppliers concerned.

    ``cases`` is None for callers who may not read cases, so that they cannot learn whether there is one.
    """

    sites: FoundSuppliers
    agencies: FoundSuppliers
    actions: Sequence[tuple[Action, int]]
    cases: FoundCases | None

    @property
    def more(self) -> bool:
        """Whether there are more results than ``total``."""
        return self.sites.more or self.agencies.more

    @property
    def total(self) -> int:
        """Return the number of results of all kinds."""
        return self.sites.total + self.agencies.total + len(self.actions) + (self.cases.total if self.cases else 0)


def search(session: Session, text: str, on: date, *, own_answers_only: bool, reads_cases: bool) -> SearchResults:
    """Search for a text in names and references of suppliers and agencies, titles of actions and numbers of cases.

    ``own_answers_only``: only actions that suppliers' own answers alone call for.
    """
    due = count_next_steps(session, on, own_answers_only=own_answers_only)
    library = load_actions_by_id(session, on)
    words = text.casefold().split()
    return SearchResults(
        sites=_find_suppliers(session, "site", text, on),
        agencies=_find_suppliers(session, "agency", text, on),
        actions=[
            (library[step], count)
            for step, count in due.items()
            if step in library and all(word in library[step].title.casefold() for word in words)
        ],
        cases=_find_cases(session, text) if reads_cases else None,
    )


def _find_suppliers(session: Session, kind: str, text: str, on: date) -> FoundSuppliers:
    matches = find_matches(session, SupplierFilter(kind=kind, text=text), on)
    found = find_few(session, matches, on, QUEUE)
    if found is not None:
        return FoundSuppliers(load_in_order(session, [row.id for row in found[:SHOWN]]), len(found), more=False)
    total, more = count_matches(session, matches, on)
    ids = scan(session, matches.filter_, matches.by_index, on, QUEUE, None, SHOWN, COUNTED).ids
    if len(ids) < min(SHOWN, total):  # those with a high risk rarely have all the words
        ids = session.scalars(select(find_by_words(matches.filter_).c.id).distinct().limit(SHOWN)).all()
    return FoundSuppliers(load_in_order(session, ids), max(total, len(ids)), more=more)


def _find_cases(session: Session, text: str) -> FoundCases:
    """Find cases by their number, or by the name or reference of the supplier they are about.

    All cases of the organisation are decrypted for it: the database cannot search what it cannot read.
    """
    about = Supplier.id == StoredCase.supplier_id
    query = select(StoredCase, Supplier.name, Supplier.reference).outerjoin(Supplier, about)
    newest = query.order_by(StoredCase.state.desc(), StoredCase.created_at.desc(), StoredCase.id)
    wanted = text.lower()
    found = [
        case
        for case, *names in session.execute(newest)
        if any(
            wanted in (name or "").lower() for name in (case.number, case.linked_name, case.linked_reference, *names)
        )
    ]
    shown = found[:SHOWN]
    ids = {case.supplier_id for case in shown}
    suppliers = {one.id: one for one in session.scalars(select(Supplier).where(Supplier.id.in_(ids)))}
    return FoundCases([(case, suppliers.get(case.supplier_id or "")) for case in shown], len(found))
