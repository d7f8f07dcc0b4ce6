"""By which keys a supplier is found again: its own, and those of suppliers that were merged into it.

A list names a supplier by its old number for years after the two were merged. No new supplier is made under such a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.audit import record
from service.db.tables import MergedKey, Supplier
from service.refusal import not_found
from service.taking_in.one_supplier import IDENTIFIERS, supplier_key

CHUNK = 500


def find(session: Session, kind: str, answers: Mapping[str, Any]) -> Supplier | None:
    """The supplier that such answers are kept under, locked until the transaction ends; None if there is none yet."""
    key = supplier_key(answers)
    own = select(Supplier).where(Supplier.kind == kind, Supplier.key == key)
    old = _merged(kind, [key], Supplier).with_for_update(of=Supplier)
    return session.scalars(own.with_for_update()).first() or session.scalars(old).first()


def found_under(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """The suppliers that are found by some keys, by the key; those of no supplier are left out."""
    wanted = list(dict.fromkeys(keys))
    there: dict[str, Supplier] = {}
    for start in range(0, len(wanted), CHUNK):
        query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(wanted[start : start + CHUNK]))
        there.update({supplier.key: supplier for supplier in session.scalars(query)})
    # Asked in this order: who is merged in between is then found by its old key.
    return there | merged(session, kind, [key for key in wanted if key not in there])


def merged(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """Of some keys those that a supplier had which was merged, each with the supplier it was merged into."""
    wanted = list(dict.fromkeys(keys))
    found: dict[str, Supplier] = {}
    for start in range(0, len(wanted), CHUNK):
        query = _merged(kind, wanted[start : start + CHUNK], MergedKey.key, Supplier)
        found.update(dict(session.execute(query).all()))
    return found


def _merged(kind: str, keys: Collection[str], *what: Any) -> Any:
    query = select(*what).select_from(MergedKey).join(Supplier, Supplier.id == MergedKey.supplier_id)
    return query.where(MergedKey.kind == kind, MergedKey.key.in_(keys))


def old_keys(session: Session, supplier: Supplier) -> Sequence[MergedKey]:
    """The keys of all that were merged into a supplier, by which it is found beside its own, in the order in which they were."""
    query = select(MergedKey).where(MergedKey.supplier_id == supplier.id)
    return session.scalars(query.order_by(MergedKey.merged_at, MergedKey.key)).all()


def old_numbers(session: Session, kind: str) -> list[tuple[str, dict[str, str]]]:
    """The old references and numbers of all suppliers of a kind, each with the id of its supplier, as answers."""
    query = select(MergedKey.supplier_id, MergedKey.key, MergedKey.named).where(MergedKey.kind == kind)
    told = [(supplier_id, _made_of(key), named) for supplier_id, key, named in session.execute(query)]
    return [(supplier_id, {question: named}) for supplier_id, question, named in told if question != "name"]


def take_over(session: Session, source: Supplier, target: Supplier, at: datetime) -> None:
    """From now on ``target`` is found by the key of ``source``, and by those that found ``source``."""
    theirs = update(MergedKey).where(MergedKey.supplier_id == source.id)
    session.execute(theirs.values(supplier_id=target.id))
    told = {"kind": source.kind, "key": source.key, "named": _in_words(source), "merged_at": at}
    session.add(MergedKey(supplier_id=target.id, **told))


def let_go(session: Session, supplier: Supplier, merged_key_id: str, by: str) -> None:
    """A supplier is no longer found by an old key: whoever is next told of under it is a supplier of its own, without history.

    What came in under that key stays here. Raises Refused, 404, where the supplier has no such key.
    """
    query = select(MergedKey).where(MergedKey.id == merged_key_id, MergedKey.supplier_id == supplier.id)
    old = session.scalars(query).first()
    if old is None:
        raise not_found("It is found under no such key.")
    session.delete(old)
    supplier.version += 1
    record(session, by, f"{supplier.kind}.key_let_go", supplier.kind, supplier.id, {})


def _in_words(supplier: Supplier) -> str:
    """What the key of a supplier was made of."""
    question, told = _made_of(supplier.key), supplier.answers
    if question != "name":
        return str(told.get(question) or supplier.key.partition(":")[2])
    return ", ".join(str(part) for part in (supplier.name, told.get("address"), supplier.country) if part)


def _made_of(key: str) -> str:
    """The question whose answer a key was made of; of name, country and address the name."""
    by = key.partition(":")[0]
    return "reference" if by == "ref" else by if by in IDENTIFIERS else "name"
