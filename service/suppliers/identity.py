"""By which keys a supplier is found again: its own, and those of suppliers that were merged into it.

A list names a supplier by its old number for years after the two were merged. No new supplier is made under such a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.answers import Answers
from risk_models.name_normalize import name_key
from service.audit import record
from service.db.session import chunks
from service.db.tables import MergedKey, Supplier
from service.errors import not_found

Row = Mapping[str, Any]

IDENTIFIERS = ("imo", "lei", "licence_number", "registration_number")
REGISTERED = ("licence_number", "registration_number")  # unique within a country alone
PLACE = ("country", "region", "city", "address", "postal_code", "latitude", "longitude")
KEYED = ("reference", *IDENTIFIERS, "name", "name_local", "country", "address")


def supplier_key(answers: Row) -> str:
    """What a supplier is found again by: own reference, else an identifier, else name, country and address."""
    reference = answers.get("reference")
    if reference:
        return f"ref:{name_key(str(reference))}"
    for question in IDENTIFIERS:
        if answers.get(question) and answers[question] not in ("declined", "cannot_apply"):
            place = f"{answers.get('country') or ''}:" if question in REGISTERED else ""
            return f"{question}:{place}{name_key(str(answers[question]))}"
    parts = (
        answers.get("name") or answers.get("name_local") or "",
        answers.get("country") or "",
        answers.get("address") or "",
    )
    return "name:" + "|".join(name_key(str(part)) for part in parts)[:290]


def supplier_keys(answers: Answers) -> list[str]:
    """The key of each of n suppliers (:func:`supplier_key`)."""
    keyed = {question: answers.columns[question] for question in KEYED if question in answers.columns}
    return list(map(supplier_key, Answers(len(answers), keyed).to_rows()))


def company_key(answers: Row) -> str:
    """Sites with equal names are sites of one company, whatever their address."""
    return name_key(str(answers.get("name") or answers.get("name_local") or answers.get("reference") or ""))[:300]


def rekey_to_survivor(survivor: Row, row: Row) -> dict[str, Any]:
    """A row that names a supplier as one that was merged into it, as if it named the supplier itself.

    Who and where it is, its own rows tell: the old one gives it no reference, a number or name only where it has none, a place
    only where it has none at all: halves of two places are no place, and a number of a register is of the register's country.
    """
    known = {
        question: answer
        for question, answer in survivor.items()
        if answer is not None and answer not in RESERVED_ANSWERS
    }
    left_out = {"reference", *(PLACE if known.keys() & set(PLACE) else ())}
    if known.get("country") and row.get("country") not in (None, known["country"]):
        left_out.update(REGISTERED)
    told = {question: answer for question, answer in row.items() if question not in left_out}
    return told | {question: known[question] for question in (*KEYED, *PLACE) if question in known}


def group_by_key(keys: Iterable[str]) -> list[list[int]]:
    """The positions of rows by key: each supplier's, in the order in which the first of them stands."""
    groups: dict[str, list[int]] = {}
    for at, key in enumerate(keys):
        groups.setdefault(key, []).append(at)
    return list(groups.values())


def find_supplier(session: Session, kind: str, answers: Mapping[str, Any]) -> Supplier | None:
    """The supplier that such answers are kept under, locked until the transaction ends; None if there is none yet."""
    key = supplier_key(answers)
    own = select(Supplier).where(Supplier.kind == kind, Supplier.key == key)
    old = _merged_query(kind, [key], Supplier).with_for_update(of=Supplier)
    return session.scalars(own.with_for_update()).first() or session.scalars(old).first()


def find_suppliers(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """The suppliers that are found by some keys, by the key; those of no supplier are left out."""
    distinct = list(dict.fromkeys(keys))
    found: dict[str, Supplier] = {}
    for chunk in chunks(distinct):
        query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(chunk))
        found.update({supplier.key: supplier for supplier in session.scalars(query)})
    # In this order: a supplier that is merged in between is then found by its old key.
    return found | find_merged(session, kind, [key for key in distinct if key not in found])


def find_merged(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """Of some keys those that a supplier had which was merged, each with the supplier it was merged into."""
    found: dict[str, Supplier] = {}
    for chunk in chunks(list(dict.fromkeys(keys))):
        query = _merged_query(kind, chunk, MergedKey.key, Supplier)
        found.update(dict(session.execute(query).all()))
    return found


def _merged_query(kind: str, keys: Collection[str], *what: Any) -> Any:
    query = select(*what).select_from(MergedKey).join(Supplier, Supplier.id == MergedKey.supplier_id)
    return query.where(MergedKey.kind == kind, MergedKey.key.in_(keys))


def list_aliases(session: Session, supplier: Supplier) -> Sequence[MergedKey]:
    """The keys of all that were merged into a supplier, by which it is found beside its own, in the order in which they were."""
    query = select(MergedKey).where(MergedKey.supplier_id == supplier.id)
    return session.scalars(query.order_by(MergedKey.merged_at, MergedKey.key)).all()


def list_alias_numbers(session: Session, kind: str) -> list[tuple[str, dict[str, str]]]:
    """The old references and numbers of all suppliers of a kind, each with the id of its supplier, as answers."""
    query = select(MergedKey.supplier_id, MergedKey.key, MergedKey.named).where(MergedKey.kind == kind)
    told = [(supplier_id, _key_question(key), named) for supplier_id, key, named in session.execute(query)]
    return [(supplier_id, {question: named}) for supplier_id, question, named in told if question != "name"]


def move_aliases(session: Session, source: Supplier, target: Supplier, at: datetime) -> None:
    """From now on ``target`` is found by the key of ``source``, and by those that found ``source``."""
    theirs = update(MergedKey).where(MergedKey.supplier_id == source.id)
    session.execute(theirs.values(supplier_id=target.id))
    told = {"kind": source.kind, "key": source.key, "named": _describe_key(source), "merged_at": at}
    session.add(MergedKey(supplier_id=target.id, **told))


def remove_alias(session: Session, supplier: Supplier, merged_key_id: str, by: str) -> None:
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


def _describe_key(supplier: Supplier) -> str:
    """What the key of a supplier was made of."""
    question, told = _key_question(supplier.key), supplier.answers
    if question != "name":
        return str(told.get(question) or supplier.key.partition(":")[2])
    return ", ".join(str(part) for part in (supplier.name, told.get("address"), supplier.country) if part)


def _key_question(key: str) -> str:
    """The question whose answer a key was made of; of name, country and address the name."""
    by = key.partition(":")[0]
    return "reference" if by == "ref" else by if by in IDENTIFIERS else "name"
