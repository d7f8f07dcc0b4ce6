"""Identify suppliers: the key a row is found by, and the aliases left by merged suppliers.

Lists often use a supplier's old number for years after a merge; no new supplier is created under such a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.answers import Answers
from risk_models.name_normalize import name_key
from service.audit import record_event
from service.db.session import chunks
from service.db.supplier_words import replace_words
from service.db.tables import MergedKey, Supplier
from service.errors import not_found

Row = Mapping[str, Any]

IDENTIFIERS = ("imo", "lei", "licence_number", "registration_number")
REGISTERED = ("licence_number", "registration_number")  # unique only within a country
PLACE = ("country", "region", "city", "address", "postal_code", "latitude", "longitude")
LOCK_CLASS = 0x534B  # identifies the locks of keys among the advisory locks of the database
KEYED = ("reference", *IDENTIFIERS, "name", "name_local", "country", "address")


def supplier_key(answers: Row) -> str:
    """Return the key a supplier is found by: its own reference, or else an identifier, or else name, country and address."""
    reference = answers.get("reference")
    if reference:
        return f"ref:{name_key(str(reference))}"
    for question in IDENTIFIERS:
        if answers.get(question) and answers[question] not in RESERVED_ANSWERS:
            place = f"{answers.get('country') or ''}:" if question in REGISTERED else ""
            return f"{question}:{place}{name_key(str(answers[question]))}"
    parts = (
        answers.get("name") or answers.get("name_local") or "",
        answers.get("country") or "",
        answers.get("address") or "",
    )
    return "name:" + "|".join(name_key(str(part)) for part in parts)[:290]


def supplier_keys(answers: Answers) -> list[str]:
    """Return the key of each of n suppliers (:func:`supplier_key`)."""
    keyed = {question: answers.columns[question] for question in KEYED if question in answers.columns}
    return list(map(supplier_key, Answers(len(answers), keyed).to_rows()))


def company_key(answers: Row) -> str:
    """Return the key of a company: sites with equal names belong to one company, whatever their address."""
    return name_key(str(answers.get("name") or answers.get("name_local") or answers.get("reference") or ""))[:300]


def rekey_to_survivor(survivor: Row, row: Row) -> dict[str, Any]:
    """Return a row that names a merged supplier, re-keyed to the supplier it was merged into.

    Identity and place come from the survivor's own rows. The old row gives it no reference, a number or name only if it has
    none, and a place only if it has none at all: parts of two places must not be combined, and the number in a register
    belongs to the register's country.
    """
    known = {
        question: answer
        for question, answer in survivor.items()
        if answer is not None and answer not in RESERVED_ANSWERS
    }
    left_out = {"reference", *(PLACE if known.keys() & set(PLACE) else ())}
    if known.get("country") and row.get("country") not in (None, known["country"]):
        left_out.update(REGISTERED)
    relevant = {question: answer for question, answer in row.items() if question not in left_out}
    return relevant | {question: known[question] for question in (*KEYED, *PLACE) if question in known}


def group_by_key(keys: Iterable[str]) -> list[list[int]]:
    """Group the positions of rows by key, in the order in which each key first occurs."""
    groups: dict[str, list[int]] = {}
    for at, key in enumerate(keys):
        groups.setdefault(key, []).append(at)
    return list(groups.values())


def find_supplier(session: Session, kind: str, answers: Mapping[str, Any]) -> Supplier | None:
    """Find the supplier with these answers and lock it until the transaction ends; None if there is none.

    Nobody else who asks here can create it until then either.
    """
    key = supplier_key(answers)
    _lock_key(session, kind, key)
    own = select(Supplier).where(Supplier.kind == kind, Supplier.key == key).with_for_update()
    old = _merged_query(kind, [key], Supplier).with_for_update(of=Supplier)
    # A row that the session read before it held the lock may have changed since.
    latest = {"populate_existing": True}
    found = session.scalars(own, execution_options=latest).first()
    return found or session.scalars(old, execution_options=latest).first()


def _lock_key(session: Session, kind: str, key: str) -> None:
    """Lock a key until the transaction ends, since a supplier that does not exist yet has no row to lock.

    On SQLite only one transaction writes at a time.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = func.hashtext(f"{session.info['organisation_id']}:{kind}:{key}")
        session.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, number)))


def find_suppliers(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """Find suppliers by their keys or aliases; keys of no supplier are left out."""
    distinct = list(dict.fromkeys(keys))
    found: dict[str, Supplier] = {}
    for chunk in chunks(distinct):
        query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(chunk))
        found.update({supplier.key: supplier for supplier in session.scalars(query)})
    # In this order: a supplier that is merged in between is then found by its old key.
    return found | find_merged(session, kind, [key for key in distinct if key not in found])


def find_merged(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """Return, for those keys that are aliases, the supplier each was merged into."""
    found: dict[str, Supplier] = {}
    for chunk in chunks(list(dict.fromkeys(keys))):
        query = _merged_query(kind, chunk, MergedKey.key, Supplier)
        found.update(dict(session.execute(query).all()))
    return found


def _merged_query(kind: str, keys: Collection[str], *what: Any) -> Any:
    query = select(*what).select_from(MergedKey).join(Supplier, Supplier.id == MergedKey.supplier_id)
    return query.where(MergedKey.kind == kind, MergedKey.key.in_(keys))


def list_aliases(session: Session, supplier: Supplier) -> Sequence[MergedKey]:
    """List the aliases of a supplier (keys of suppliers merged into it), in the order of the merges."""
    query = select(MergedKey).where(MergedKey.supplier_id == supplier.id)
    return session.scalars(query.order_by(MergedKey.merged_at, MergedKey.key)).all()


def list_alias_numbers(session: Session, kind: str) -> list[tuple[str, dict[str, str]]]:
    """List the references and numbers among the aliases of a kind, each as (supplier id, answers)."""
    query = select(MergedKey.supplier_id, MergedKey.key, MergedKey.named).where(MergedKey.kind == kind)
    aliases = [(supplier_id, _key_question(key), named) for supplier_id, key, named in session.execute(query)]
    return [(supplier_id, {question: named}) for supplier_id, question, named in aliases if question != "name"]


def move_aliases(session: Session, source: Supplier, target: Supplier, at: datetime) -> None:
    """Move all aliases of ``source`` to ``target``, and add the key of ``source`` as an alias."""
    source_aliases = update(MergedKey).where(MergedKey.supplier_id == source.id)
    session.execute(source_aliases.values(supplier_id=target.id))
    alias = {"kind": source.kind, "key": source.key, "named": _describe_key(source), "merged_at": at}
    session.add(MergedKey(supplier_id=target.id, **alias))


def remove_alias(session: Session, supplier: Supplier, merged_key_id: str, by: str) -> None:
    """Remove an alias of a supplier; the next row with that key creates a supplier of its own, without history.

    What was imported under that key stays here. Raises DomainError, 404, if the supplier has no such alias.
    """
    query = select(MergedKey).where(MergedKey.id == merged_key_id, MergedKey.supplier_id == supplier.id)
    old = session.scalars(query).first()
    if old is None:
        raise not_found("This name or reference has not been merged into this supplier.")
    session.delete(old)
    session.flush()
    replace_words(session, supplier.kind, {supplier.id: (supplier.name, supplier.reference)})
    supplier.version += 1
    record_event(session, by, f"{supplier.kind}.key_let_go", supplier.kind, supplier.id, {})


def _describe_key(supplier: Supplier) -> str:
    """Return what the key of a supplier was made from, for people to read."""
    question, answers = _key_question(supplier.key), supplier.answers
    if question != "name":
        return str(answers.get(question) or supplier.key.partition(":")[2])
    return ", ".join(str(part) for part in (supplier.name, answers.get("address"), supplier.country) if part)


def _key_question(key: str) -> str:
    """Return the question whose answer a key was made from; "name" for name, country and address."""
    prefix = key.partition(":")[0]
    return "reference" if prefix == "ref" else prefix if prefix in IDENTIFIERS else "name"
