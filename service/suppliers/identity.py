"""Identify suppliers: the key a row is found by, and the aliases left by merged suppliers.

Lists often use a supplier's old number for years after a merge; no new supplier is created under such a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.places import names_region_that_outweighs_all
from risk_models.answers import Answers
from risk_models.name_normalize import name_key
from service.audit import record_event
from service.db.session import FEW, chunks
from service.db.supplier_words import replace_words
from service.db.tables import MergedKey, Supplier
from service.errors import not_found
from service.suppliers.key_grades import (
    NAMES,
    ROW_NUMBER,
    find_weakness,
    have_different_names,
    have_different_places,
    may_be_another,
    share_several_names,
)

Row = Mapping[str, Any]

IDENTIFIERS = ("imo", "lei", "licence_number", "registration_number")
REGISTERED = ("licence_number", "registration_number")  # unique only within a country
PLACE = ("country", "region", "city", "address", "postal_code", "latitude", "longitude")
REGION_NAMING = ("region", "city")
LOCK_CLASS = 0x534B  # identifies the locks of keys among the advisory locks of the database
NUMBERS = ("reference", *IDENTIFIERS)
KEYED = (*NUMBERS, "name", "name_local", "country", "address")
IDENTITY = (*KEYED, *(name for name in NAMES if name not in KEYED))
RECOGNISED = ("name_local", "trade_name", "address")  # beside name and country, which have columns of their own


class RowKey(NamedTuple):
    """The key of a row. ``doubtful``: the key by a number of the row that identifies nobody, but by which an earlier version
    may have stored it.
    """

    key: str
    doubtful: str | None = None


class KnownSupplier(NamedTuple):
    """What a stored supplier is recognised by: its id, its key, and the answers that name and place it."""

    id: str
    key: str
    answers: Row


def supplier_key(answers: Row) -> str:
    """Return the key a supplier is found by: its own reference, or else an identifier, or else name, country and address.

    What is no number (:func:`service.suppliers.key_grades.find_weakness`) identifies nobody.
    """
    numbers = _iter_numbers(answers)
    strong = next((number for number in numbers if find_weakness(number[0], number[1]) is None), None)
    return place_key(answers) if strong is None else get_number_key(answers, *strong)


def _iter_numbers(answers: Row) -> Iterator[tuple[str, str]]:
    """Yield the reference and the identifiers of a row, each as (question, text), in the order in which they count."""
    for question in NUMBERS:
        if answers.get(question) and answers[question] not in RESERVED_ANSWERS:
            yield question, str(answers[question])


def get_number_key(answers: Row, question: str, text: str) -> str:
    """Return the key of a supplier by an answer that identifies it; a number in a register counts in its country."""
    if question == "reference":
        return f"ref:{name_key(text)}"
    place = f"{answers.get('country') or ''}:" if question in REGISTERED else ""
    return f"{question}:{place}{name_key(text)}"


def place_key(answers: Row) -> str:
    """Return the key of a supplier without a number: its name, country and address."""
    parts = (
        answers.get("name") or answers.get("name_local") or "",
        answers.get("country") or "",
        answers.get("address") or "",
    )
    return "name:" + "|".join(name_key(str(part)) for part in parts)[:290]


def is_place_key(key: str) -> bool:
    """Return whether a key consists of name, country and address."""
    return key.startswith("name:")


def take_identity(answers: Answers) -> list[dict[str, Any]]:
    """Return what identifies each of n suppliers, as rows."""
    columns = {question: answers.columns[question] for question in IDENTITY if question in answers.columns}
    return Answers(len(answers), columns).to_rows()


def identify_rows(rows: Sequence[Row]) -> list[RowKey]:
    """Return the keys of all rows of one upload and kind; a number that several names share identifies none of them, and the
    registration of a company none of its sites at different addresses.
    """
    keys = [supplier_key(row) for row in rows]
    result = [
        RowKey(key, _doubtful_key(row) if is_place_key(key) else None) for key, row in zip(keys, rows, strict=True)
    ]
    for group in group_by_key(keys):
        if len(group) == 1 or is_place_key(keys[group[0]]):
            continue
        of_one_number = [rows[at] for at in group]
        is_company = get_key_question(keys[group[0]]) == "registration_number"
        if share_several_names(of_one_number) or (is_company and _are_several_places(of_one_number)):
            for at in group:
                result[at] = RowKey(place_key(rows[at]), keys[at])
    return result


def _are_several_places(rows: Sequence[Row]) -> bool:
    located = [row for row in rows if row.get("address")]
    return any(have_different_places(located[0], row) for row in located[1:])


def _doubtful_key(answers: Row) -> str | None:
    number = next(_iter_numbers(answers), None)
    return None if number is None else get_number_key(answers, *number)


def company_key(answers: Row) -> str:
    """Return the key of a company: sites with equal names belong to one company, whatever their address."""
    return name_key(str(answers.get("name") or answers.get("name_local") or answers.get("reference") or ""))[:300]


def rekey_to_survivor(survivor: Row, row: Row) -> dict[str, Any]:
    """Return a row that names a merged supplier, re-keyed to the supplier it was merged into.

    Identity and place come from the survivor's own rows. The old row gives it no reference, a number or name only if it has
    none, and a place only if it has none at all: parts of two places must not be combined, and the number in a register
    belongs to the register's country. A region that outweighs all others stays, since of two places the riskier counts.
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
    kept = {question: known[question] for question in (*KEYED, *PLACE) if question in known}
    outweighing = {
        question: row[question]
        for question in REGION_NAMING
        if names_region_that_outweighs_all(row.get(question), row.get("country"))
        and not names_region_that_outweighs_all(known.get(question), known.get("country"))
    }
    return relevant | kept | outweighing


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
    return session.scalars(own).first() or session.scalars(old).first()


def _lock_key(session: Session, kind: str, key: str) -> None:
    """Lock a key until the transaction ends, since a supplier that does not exist yet has no row to lock.

    On SQLite only one transaction writes at a time.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = func.hashtext(f"{session.info['organisation_id']}:{kind}:{key}")
        session.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, number)))


def find_suppliers(session: Session, kind: str, keys: Iterable[str], *, lock: bool = False) -> dict[str, Supplier]:
    """Find suppliers by their keys or aliases, locked until the transaction ends if asked; keys of no supplier are left out."""
    distinct = list(dict.fromkeys(keys))
    found: dict[str, Supplier] = {}
    for chunk in chunks(distinct):
        query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(chunk))
        if lock:  # in the order of the ids, as everybody locks several
            query = query.order_by(Supplier.id).with_for_update()
        found.update({supplier.key: supplier for supplier in session.scalars(query)})
    # In this order: a supplier that is merged in between is then found by its old key.
    return found | find_merged(session, kind, [key for key in distinct if key not in found])


def rekey(session: Session, kind: str, keys: Mapping[str, str]) -> None:
    """Give suppliers new keys, by their present ones: a number that a list adds counts more than name and place."""
    for key, supplier in find_suppliers(session, kind, keys).items():
        supplier.key = keys[key]
    session.flush()


def has_suppliers(session: Session) -> bool:
    """Return whether any supplier is stored."""
    return session.scalars(select(Supplier.id).limit(1)).first() is not None


def find_known(session: Session, kind: str, keys: Iterable[str]) -> dict[str, KnownSupplier]:
    """Return what the suppliers with these keys are recognised by; keys of no supplier are left out."""
    texts = [Supplier.answers[question].as_string() for question in RECOGNISED]
    known: dict[str, KnownSupplier] = {}
    for chunk in chunks(list(dict.fromkeys(keys))):
        query = select(Supplier.id, Supplier.key, Supplier.name, Supplier.country, *texts)
        for supplier_id, key, name, country, *others in session.execute(
            query.where(Supplier.kind == kind, Supplier.key.in_(chunk))
        ):
            answers = {"name": name, "country": country, **dict(zip(RECOGNISED, others, strict=True))}
            known[key] = KnownSupplier(supplier_id, key, answers)
    return known


class Matched(NamedTuple):
    """The keys under which rows are stored, by the keys that they were given; the rows whose number a stored supplier with
    another name has, by the key of the row; and the numbers of rows under which a supplier is stored, as keys.
    """

    keys: Mapping[str, str]
    strangers: Mapping[str, KnownSupplier]
    stored_numbers: Collection[str]


def match_to_stored(session: Session, kind: str, rows: Mapping[RowKey, Row]) -> Matched:
    """Match rows, one for each key, with the suppliers that are stored.

    A row with the number of a stored supplier that may be another one is another until somebody says otherwise: it is found by
    its own name and place. A row with a number that identifies nobody finds the one supplier that was stored under it and has its
    name.
    """
    numbers = [key for row_key in rows for key in row_key if key is not None and not is_place_key(key)]
    known = find_known(session, kind, numbers) if numbers else {}
    keys: dict[str, str] = {}
    strangers: dict[str, KnownSupplier] = {}
    doubtful: dict[str, list[RowKey]] = {}
    for row_key, row in rows.items():
        if row_key.key in known and _is_stranger(row_key.key, row, known[row_key.key].answers):
            keys[row_key.key] = place_key(row)
            strangers[keys[row_key.key]] = known[row_key.key]
        elif row_key.doubtful in known and not have_different_names(known[row_key.doubtful].answers, row):
            doubtful.setdefault(row_key.doubtful, []).append(row_key)
    for key, candidates in doubtful.items():
        same_place = [row_key for row_key in candidates if row_key.key == place_key(known[key].answers)]
        if same_place or len(candidates) == 1:
            keys[(same_place or candidates)[0].key] = key
    return Matched(keys, strangers, known.keys())


def _is_stranger(key: str, row: Row, stored: Row) -> bool:
    """Return whether a row is about another supplier than the one stored under its number. If that may be the number of a row in
    an earlier list, the same name at another place is another too.
    """
    is_row_number = get_key_question(key) == "reference" and ROW_NUMBER.fullmatch(key.partition(":")[2])
    return may_be_another(stored, row) or (bool(is_row_number) and have_different_places(stored, row))


def find_merged(session: Session, kind: str, keys: Iterable[str]) -> dict[str, Supplier]:
    """Return, for those keys that are aliases, the supplier each was merged into."""
    distinct = list(dict.fromkeys(keys))
    found: dict[str, Supplier] = {}
    if len(distinct) > FEW:  # most registers have no aliases at all
        query = select(MergedKey.id).where(MergedKey.kind == kind).limit(1)
        if session.scalars(query).first() is None:
            return found
    for chunk in chunks(distinct):
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
    aliases = [(supplier_id, get_key_question(key), named) for supplier_id, key, named in session.execute(query)]
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
    question, answers = get_key_question(supplier.key), supplier.answers
    if question != "name":
        return str(answers.get(question) or supplier.key.partition(":")[2])
    return ", ".join(str(part) for part in (supplier.name, answers.get("address"), supplier.country) if part)


def get_key_question(key: str) -> str:
    """Return the question whose answer a key was made from; "name" for name, country and address."""
    prefix = key.partition(":")[0]
    return "reference" if prefix == "ref" else prefix if prefix in IDENTIFIERS else "name"
