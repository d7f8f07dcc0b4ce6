"""Compare two editions of a list, and keep the stored differences right when suppliers are merged, separated or told apart.

The results of an import are what it said about each supplier, so a list is compared with the results of the one before it; no
copy of a list is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from risk_models.name_normalize import name_key
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS
from service.db.edition_tables import EditionEntry
from service.db.import_tables import Import
from service.db.tables import Result, Supplier
from service.report_content.redaction import WORKER_DERIVED_QUESTIONS
from service.suppliers.addresses import have_same_parts, overlap_addresses
from service.suppliers.identity import PLACE
from service.suppliers.key_grades import NAMES
from service.suppliers.spelling import spell_out

KEPT_REFERENCES = 0.05  # share of the references of a list below which the sender has numbered it anew
MATCHED = ("changed", "renamed", "moved")  # states of a supplier that is on both lists


class Listed(NamedTuple):
    """What a list said about a supplier: its answers, and the questions that the list answered."""

    answers: Mapping[str, Any]
    given: Collection[str]


def list_compared(before: Collection[str], after: Collection[str]) -> set[str]:
    """Return the questions in which two lists are compared: those that both have a column for, save evidence and its dates.

    What workers reported is not compared either, since not everybody who imports lists may see it.
    """
    return (set(before) & set(after)) - {*ROW_EVIDENCE_QUESTIONS, *WORKER_DERIVED_QUESTIONS}


def list_changes(before: Listed, after: Listed, questions: Collection[str]) -> list[dict[str, Any]]:
    """List the differences between what two lists said about a supplier, each as ``question``, ``before`` and ``after``.

    An empty cell is None. Texts that differ only in case, spaces or punctuation are the same.
    """
    if before.answers == after.answers and before.given == after.given:
        return []
    pairs = [(question, _get(before, question), _get(after, question)) for question in sorted(questions)]
    return [
        {"question": question, "before": old, "after": new}
        for question, old, new in pairs
        if old != new and _fold(old) != _fold(new)
    ]


def _get(listed: Listed, question: str) -> Any:
    return listed.answers.get(question) if question in listed.given else None


def _fold(answer: Any) -> Any:
    if isinstance(answer, str):
        return name_key(answer) or answer
    if isinstance(answer, list | tuple):
        return sorted(map(str, answer))
    return answer


def name_state(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return the state of a supplier that is on both lists, with differences: renamed, moved, or changed in other answers. A name
    or an address that is only written differently is neither a new name nor a new address.
    """
    questions = {change["question"] for change in changes if not _is_only_written_differently(change)}
    return "renamed" if questions & set(NAMES) else "moved" if questions & set(PLACE) else "changed"


def _is_only_written_differently(change: Mapping[str, Any]) -> bool:
    texts = change["before"], change["after"]
    if not all(isinstance(text, str) for text in texts):
        return False
    if change["question"] in NAMES:
        return spell_out(texts[0]) == spell_out(texts[1])
    if change["question"] != "address":
        return False
    overlap = overlap_addresses(*texts)
    return have_same_parts(*texts) or (overlap is not None and overlap.has_same_numbers)


def is_renumbered(changes: Iterable[Sequence[Mapping[str, Any]]], unchanged: int) -> bool:
    """Return whether a list gives nearly all suppliers on both lists another reference; ``changes``: those of each that
    changed.
    """
    references = [
        any(change["question"] == "reference" and change["before"] and change["after"] for change in one)
        for one in changes
    ]
    return sum(references) > (1 - KEPT_REFERENCES) * (len(references) + unchanged)


def load_listed(session: Session, import_id: str, supplier_ids: Sequence[str] | None = None) -> dict[str, Listed]:
    """Return what an import said about each supplier, or about some of them, by supplier id."""
    query = select(Result.supplier_id, Result.answers, Result.given).where(Result.import_id == import_id)
    if supplier_ids is not None:
        query = query.where(Result.supplier_id.in_(supplier_ids))
    rows = session.execute(query.order_by(Result.created_at, Result.id))
    return {
        supplier_id: Listed(answers, answers.keys() if given is None else frozenset(given))
        for supplier_id, answers, given in rows
    }


class LeftOver(NamedTuple):
    """The ids of suppliers that are new on a list, and of those that are gone, in the order of its entries."""

    new: list[str]
    gone: list[str]


def list_left_over(session: Session, import_id: str, kind: str, most: int) -> LeftOver | None:
    """List the suppliers of a kind that are new and gone; None if there are none of either, or more than ``most``."""
    left = LeftOver(*(_list_suppliers(session, import_id, kind, state, most + 1) for state in LeftOver._fields))
    return left if all(0 < len(ids) <= most for ids in left) else None


def _list_suppliers(session: Session, import_id: str, kind: str, state: str, limit: int) -> list[str]:
    query = select(EditionEntry.supplier_id).where(
        EditionEntry.import_id == import_id, EditionEntry.kind == kind, EditionEntry.state == state
    )
    found = session.scalars(query.order_by(EditionEntry.position).limit(limit))
    return [supplier_id for supplier_id in found if supplier_id is not None]


def is_import_renumbered(session: Session, import_id: str) -> bool:
    """Return whether an import numbers the suppliers of the list before it anew (:func:`is_renumbered`)."""
    import_ = session.get_one(Import, import_id)
    matched = EditionEntry.import_id == import_id, EditionEntry.state.in_(MATCHED)
    changes = session.scalars(select(EditionEntry.changes).where(*matched)).all()
    return import_.edition is not None and is_renumbered(changes, import_.edition["unchanged"])


def pair_up(session: Session, import_id: str, supplier_id: str, before_id: str, reasons: Sequence[str]) -> None:
    """Make one doubtful entry of a new supplier and one that is gone, which may be the same."""
    import_ = session.get(Import, import_id)
    new = _find_entry(session, import_id, supplier_id, "new")
    gone = _find_entry(session, import_id, before_id, "gone")
    if import_ is None or import_.edition is None or new is None or gone is None:
        return
    before = load_listed(session, import_.edition["previous_id"], [before_id]).get(before_id)
    after = load_listed(session, import_id, [supplier_id]).get(supplier_id)
    if before is None or after is None:
        return
    new.changes = list_changes(before, after, import_.edition["compared"])
    new.state, new.before_id, new.reasons = "doubtful", before_id, list(reasons)
    session.delete(gone)


def _find_entry(session: Session, import_id: str, supplier_id: str, state: str) -> EditionEntry | None:
    query = select(EditionEntry).where(
        EditionEntry.import_id == import_id, EditionEntry.supplier_id == supplier_id, EditionEntry.state == state
    )
    return session.scalars(query).first()


def tell_apart(session: Session, first_id: str, second_id: str) -> None:
    """Make of each entry about two suppliers that are different a new one and one that is gone."""
    pair = (first_id, second_id)
    query = select(EditionEntry).where(
        EditionEntry.state == "doubtful", EditionEntry.supplier_id.in_(pair), EditionEntry.before_id.in_(pair)
    )
    for entry in session.scalars(query).all():
        _split(session, entry)


def _split(session: Session, entry: EditionEntry) -> None:
    gone = session.get_one(Supplier, entry.before_id)
    session.add(
        EditionEntry(
            import_id=entry.import_id,
            position=entry.position,
            kind=gone.kind,
            state="gone",
            supplier_id=gone.id,
            name=gone.name,
            changes=[],
            reasons=[],
        )
    )
    entry.state, entry.before_id, entry.changes, entry.reasons = "new", None, [], []


def prepare_merge(session: Session, source_id: str, target_id: str) -> dict[str, list[str]]:
    """Pair the entries of two suppliers that are about to be merged, and return the entries that will move, by column."""
    query = select(EditionEntry.import_id, EditionEntry.supplier_id, EditionEntry.state)
    states: dict[str, dict[str, str]] = {}
    of_both = EditionEntry.supplier_id.in_((source_id, target_id)), EditionEntry.state.in_(("new", "gone"))
    for import_id, supplier_id, state in session.execute(query.where(*of_both)):
        states.setdefault(import_id, {})[state] = str(supplier_id)
    for import_id, by_state in states.items():
        if len(by_state) > 1:
            pair_up(session, import_id, by_state["new"], by_state["gone"], ())
    session.flush()
    return {
        column.key: list(session.scalars(select(EditionEntry.id).where(column == source_id)))
        for column in (EditionEntry.supplier_id, EditionEntry.before_id)
    }


def follow_merge(session: Session, source_id: str, target_id: str) -> None:
    """Move the entries of a supplier to the one that it is merged into: a doubtful entry about the two has its answer."""
    for column in (EditionEntry.supplier_id, EditionEntry.before_id):
        session.execute(update(EditionEntry).where(column == source_id).values({column.key: target_id}))
    same = EditionEntry.supplier_id == target_id, EditionEntry.before_id == target_id, EditionEntry.state == "doubtful"
    for entry in session.scalars(select(EditionEntry).where(*same), execution_options={"populate_existing": True}):
        entry.state = name_state(entry.changes)


def follow_undone_merge(session: Session, moved: Mapping[str, Sequence[str]], supplier_id: str) -> None:
    """Give a supplier that is separate again its entries (:func:`prepare_merge`): of the two, one is new and the other gone."""
    columns: dict[str, list[str]] = {}
    for column, entry_ids in moved.items():
        for entry_id in entry_ids:
            columns.setdefault(entry_id, []).append(column)
    for entry in session.scalars(select(EditionEntry).where(EditionEntry.id.in_(columns))).all():
        for column in columns[entry.id]:
            setattr(entry, column, supplier_id)
        if entry.before_id not in (None, entry.supplier_id) and entry.state in MATCHED:
            _split(session, entry)


def forget(session: Session, import_: Import) -> None:
    """Delete what is stored of how a list differs from the one before it."""
    session.execute(delete(EditionEntry).where(EditionEntry.import_id == import_.id))
    import_.edition = None
