"""List the suppliers that an earlier version stored under a weak key: rows of several companies may have become one."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.db.count_triggers import PLACES
from service.db.session import chunks
from service.db.supplier_counts import list_counts
from service.db.tables import Result, Supplier
from service.suppliers.identity import REGISTERED, get_key_question
from service.suppliers.key_grades import LOST_DIGITS, find_weakness, is_other_name, list_remark_keys

SPREADSHEET_NUMBER = "^(licence_number|registration_number):[A-Z]*:[0-9]+e[0-9]{1,3}$"
MOST = 500


class WeaklyKeyed(NamedTuple):
    """A supplier under a weak key: the question and the entry, why it identifies nobody, and the names it has had."""

    supplier: Supplier
    question: str
    text: str
    why: str
    names: tuple[str, ...]

    @property
    def is_mixed(self) -> bool:
        """Return whether it has had clearly different names: then answers of several companies may be in it."""
        return any(is_other_name(self.names[0], name) for name in self.names[1:])


def list_weakly_keyed(session: Session) -> list[WeaklyKeyed]:
    """List the suppliers under a weak key, those with several names first; at most :data:`MOST`."""
    countries = sorted({"", *(count.value for count in list_counts(session, PLACES))})
    remarks = list_remark_keys()
    keys = [f"ref:{remark}" for remark in remarks]
    keys += [f"{question}:{country}:{remark}" for question in REGISTERED for country in countries for remark in remarks]
    found = [
        supplier
        for chunk in chunks(keys)
        for supplier in session.scalars(
            select(Supplier).where(Supplier.kind.in_(("site", "agency")), Supplier.key.in_(chunk))
        )
    ]
    in_range = or_(*((Supplier.key >= f"{question}:") & (Supplier.key < f"{question};") for question in REGISTERED))
    found += session.scalars(
        select(Supplier).where(in_range, Supplier.key.regexp_match(SPREADSHEET_NUMBER)).limit(MOST)
    )
    listed = [keyed for supplier in found if (keyed := _describe(session, supplier)) is not None]
    return sorted(listed, key=lambda keyed: (not keyed.is_mixed, keyed.supplier.sort_name, keyed.supplier.id))[:MOST]


def _describe(session: Session, supplier: Supplier) -> WeaklyKeyed | None:
    question = get_key_question(supplier.key)
    text = str(supplier.answers.get(question) or supplier.key.rpartition(":")[2])
    why = find_weakness(question, text) or (LOST_DIGITS if text[:1].isdigit() else None)
    query = (
        select(Result.answers).where(Result.supplier_id == supplier.id).order_by(Result.created_at.desc()).limit(MOST)
    )
    names = dict.fromkeys([supplier.name, *(str(answers.get("name") or "") for answers in session.scalars(query))])
    return None if why is None else WeaklyKeyed(supplier, question, text, why, tuple(name for name in names if name))
