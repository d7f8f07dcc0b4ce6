"""Compare a list with the one before it: who is new, changed, renamed, moved, in doubt, or gone.

Which list came before is found by what is in it: the last edition of another list with which at least half of the suppliers are
shared, or at least companies of the same name where addresses were written differently. The sender may name another import, or
none. A supplier that is gone is never deleted; somebody says whether it stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import today
from service.db.edition_tables import EditionEntry
from service.db.import_tables import Import
from service.db.session import chunks
from service.db.tables import Result, Supplier
from service.errors import DomainError
from service.identity.pairs import Likely, find_likely, get_identity_of, load_suppliers
from service.imports.supplier_rows import SupplierRows
from service.suppliers import editions
from service.suppliers.editions import Listed
from service.suppliers.identity import IDENTITY, PLACE
from service.suppliers.left_over import MOST, pair_left_over
from service.suppliers.merge_rules import get_risk_lookup, merge_duplicates
from service.suppliers.spelling import get_core

NO_PREVIOUS = "none"  # the choice that a list is compared with none
SHARED = 0.5  # of the suppliers of the longer list, from which one is taken for an edition of the other
MOST_LISTS = 50  # recent imports among which the list before is looked for
MOST_NEW = 1000  # new rows for which a preview looks for stored suppliers that they may be about
STATES = ("new", "changed", "renamed", "moved", "doubtful", "gone")
DECISIONS = ("kept", "ended")
Entry = dict[str, Any]


class Edition(NamedTuple):
    """How a list differs from the one before it: what is stored of it with the import, and its entries."""

    summary: Mapping[str, Any] | None
    entries: Sequence[Entry]


NOTHING = Edition(None, ())


class Named(NamedTuple):
    """A supplier that a list names: its id if it is stored, its kind, and what the list says about it."""

    supplier_id: str | None
    kind: str
    answers: Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    """A supplier of the list: its group, what the list says about it, and its id if it is stored."""

    group: SupplierRows
    listed: Listed
    supplier_id: str | None


def compare(session: Session, import_: Import, groups: Sequence[SupplierRows], *, is_preview: bool) -> Edition:
    """Compare the suppliers of an import with those of the list before it.

    A preview also says which new rows may be about a supplier that is stored (:func:`service.identity.pairs.find_likely`); after
    the import, a job does.
    """
    if not is_preview and is_first(session, import_):
        return NOTHING
    rows = _list_rows(session, groups)
    named = {row.supplier_id for row in rows if row.supplier_id is not None}
    listed = [Named(row.supplier_id, row.group.kind, row.listed.answers) for row in rows]
    previous = find_previous(session, import_, listed)
    before = editions.load_listed(session, previous.id) if previous is not None else {}
    questions = editions.list_compared(
        set().union(*(listed.given for listed in before.values())), set().union(*(row.listed.given for row in rows))
    )
    likely = _find_likely(session, rows, named) if is_preview else {}
    described = [
        (row, entry)
        for position, row in enumerate(rows)
        if (entry := _describe(row, before, questions, likely.get(position), has_previous=previous is not None))
    ]
    entries = [entry for _, entry in described]
    taken = {entry["before_id"] for entry in entries}
    gone = [one for one in before if one not in named and one not in taken]
    if is_preview:
        gone = _pair_left_over(session, described, before, questions, gone, on_both=sum(one in before for one in named))
    entries += _list_gone(session, gone)
    entries = [{**entry, "position": position} for position, entry in enumerate(entries)]
    if previous is None:
        return Edition(None, entries)
    on_both = sum(supplier_id in before for supplier_id in named)
    changed = sum(entry["state"] in editions.MATCHED for entry in entries)
    summary = {"previous_id": previous.id, "unchanged": on_both - changed, "compared": sorted(questions)}
    return Edition(summary, entries)


def _list_rows(session: Session, groups: Sequence[SupplierRows]) -> list[_Row]:
    ids = {kind: find_ids(session, kind, [g.key for g in groups if g.kind == kind]) for kind in ("agency", "site")}
    lookups = {kind: get_risk_lookup(kind, today()) for kind in ("agency", "site")}
    rows = []
    for group in groups:
        if group.rows:
            answers = merge_duplicates(group.rows, lookups[group.kind], group.kind).answers
            rows.append(_Row(group, Listed(answers, answers.keys()), ids[group.kind].get(group.key)))
    return rows


def find_ids(session: Session, kind: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the ids of the suppliers that are stored under some keys."""
    ids: dict[str, str] = {}
    for chunk in chunks(keys):
        query = select(Supplier.key, Supplier.id).where(Supplier.kind == kind, Supplier.key.in_(chunk))
        ids.update(dict(session.execute(query).all()))
    return ids


def is_first(session: Session, import_: Import) -> bool:
    """Return whether there is no list that an import could be an edition of."""
    chosen = import_.choices.get("previous")
    return chosen == NO_PREVIOUS or (chosen is None and not list_latest(session, import_))


def check_previous(session: Session, choices: Mapping[str, Any]) -> None:
    """Raise DomainError ``import.previous``, 422, if a list is to be compared with an import that saved nothing or was undone."""
    chosen = choices.get("previous")
    if chosen in (None, NO_PREVIOUS):
        return
    previous = session.get(Import, chosen)
    if previous is None or previous.state != "done" or previous.undo is not None:
        raise DomainError(
            "import.previous",
            422,
            f"previous: Enter the ID of a finished import that has not been undone, or '{NO_PREVIOUS}' if there is "
            "no previous list.",
        )


def find_previous(session: Session, import_: Import, named: Sequence[Named]) -> Import | None:
    """Return the import that a list is an edition of: the chosen one, or the one that shares most suppliers with it."""
    chosen = import_.choices.get("previous")
    if chosen is not None:
        return None if chosen == NO_PREVIOUS else session.get(Import, chosen)
    best, most = None, 0.0
    for other in list_latest(session, import_):
        ids = set(session.scalars(select(Result.supplier_id).where(Result.import_id == other.id).distinct()))
        if not named or min(len(ids), len(named)) < SHARED * max(len(ids), len(named)):
            continue
        share = _count_shared(session, named, ids) / max(len(ids), len(named))
        if share >= SHARED and share > most:
            best, most = other, share
    return best


def _count_shared(session: Session, named: Sequence[Named], before: Collection[str]) -> int:
    """Return how many suppliers of a list are among those of another, or of the same company as one of these if there is nothing
    else to go by. ``before``: the ids of the others.
    """
    ids = {one.supplier_id for one in named}
    new = Counter((one.kind, get_core(get_name(one.answers))) for one in named if one.supplier_id not in before)
    gone: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for chunk in chunks([one for one in before if one not in ids] if new else ()):
        query = select(Supplier.kind, Supplier.name).where(Supplier.id.in_(chunk))
        gone.update((kind, get_core(name)) for kind, name in session.execute(query))
    return sum(one in before for one in ids) + (new & gone).total()


def get_name(answers: Mapping[str, Any]) -> str:
    """Return what a supplier is called: its name, or else its name in the local script or its reference."""
    return str(answers.get("name") or answers.get("name_local") or answers.get("reference") or "")


def list_latest(session: Session, import_: Import) -> list[Import]:
    """List the imports before one that are the last editions of their lists, the latest first."""
    finished = Import.state == "done", Import.undo.is_(None), Import.accepted > 0
    query = select(Import).where(*finished, Import.created_at < import_.created_at)
    found = session.scalars(query.order_by(Import.created_at.desc(), Import.id).limit(MOST_LISTS)).all()
    superseded = {other.edition["previous_id"] for other in found if other.edition}
    return [other for other in found if other.id not in superseded]


def _find_likely(session: Session, rows: Sequence[_Row], named: Collection[str]) -> dict[int, Likely]:
    """Return whom the new rows of a list may be about, by position; only of the first :data:`MOST_NEW`."""
    new = [position for position, row in enumerate(rows) if row.supplier_id is None][:MOST_NEW]
    found: dict[int, Likely] = {}
    for kind in ("agency", "site"):
        positions = [position for position in new if rows[position].group.kind == kind]
        identities = [get_identity_of(rows[position].listed.answers) for position in positions]
        likely = find_likely(session, kind, identities, named)
        found |= {positions[at]: one for at, one in likely.items()}
    return found


def _describe(
    row: _Row,
    before: Mapping[str, Listed],
    questions: Collection[str],
    likely: Likely | None,
    *,
    has_previous: bool,
) -> Entry | None:
    """Return the entry of a supplier, None if it is unchanged or if there is nothing to compare it with."""
    earlier = before.get(row.supplier_id or "")
    if earlier is not None:
        # What a row under an old key says about name and place is not used, so it is no difference either.
        compared = set(questions) - {*IDENTITY, *PLACE} if row.group.by_alias else questions
        changes = editions.list_changes(earlier, row.listed, compared)
        return _build_entry(row, editions.name_state(changes), changes) if changes else None
    if likely is not None:
        other = before.get(likely.supplier.id)
        changes = editions.list_changes(other, row.listed, questions) if other is not None else []
        return {
            **_build_entry(row, "doubtful", changes),
            "before_id": likely.supplier.id,
            "reasons": list(likely.reasons),
        }
    return _build_entry(row, "new", []) if has_previous else None


def _pair_left_over(
    session: Session,
    described: Sequence[tuple[_Row, Entry]],
    before: Mapping[str, Listed],
    questions: Collection[str],
    gone: Sequence[str],
    on_both: int,
) -> list[str]:
    """Make doubtful entries of new suppliers that may be one that is gone; return those that are gone without doubt.

    After the import, a job does this (:func:`service.identity.pairs.propose_left_over`).
    """
    paired: set[str] = set()
    if len(gone) > MOST:
        return list(gone)
    stored = load_suppliers(session, gone)
    matched = [entry["changes"] for _, entry in described if entry["state"] in editions.MATCHED]
    is_renumbered = editions.is_renumbered(matched, on_both - len(matched))
    for kind in ("agency", "site"):
        new = [(row, entry) for row, entry in described if (entry["state"], entry["kind"]) == ("new", kind)]
        its_gone = [one for one in gone if one in stored and stored[one].kind == kind]
        answers = [row.listed.answers for row, _ in new]
        gone_answers = [stored[one].answers for one in its_gone]
        for pair in pair_left_over(answers, gone_answers, is_renumbered=is_renumbered):
            (row, entry), before_id = new[pair.new], its_gone[pair.gone]
            changes = editions.list_changes(before[before_id], row.listed, questions)
            entry |= {"state": "doubtful", "before_id": before_id, "changes": changes, "reasons": [pair.reason]}
            paired.add(before_id)
    return [one for one in gone if one not in paired]


def _build_entry(row: _Row, state: str, changes: Sequence[Mapping[str, Any]]) -> Entry:
    return {
        "kind": row.group.kind,
        "state": state,
        "supplier_id": row.supplier_id,
        "before_id": None,
        "name": get_name(row.listed.answers),
        "changes": list(changes),
        "reasons": [],
    }


def _list_gone(session: Session, supplier_ids: Iterable[str]) -> list[Entry]:
    """List the suppliers of the list before that are stored and not on this one, by name."""
    empty: Entry = {"state": "gone", "before_id": None, "changes": [], "reasons": []}
    found = [
        row
        for chunk in chunks(list(supplier_ids))
        for row in session.execute(
            select(Supplier.sort_name, Supplier.id, Supplier.kind, Supplier.name).where(Supplier.id.in_(chunk))
        )
    ]
    return [
        {**empty, "supplier_id": id_, "kind": kind, "name": name} for _, id_, kind, name in sorted(map(tuple, found))
    ]


def store(session: Session, import_: Import, edition: Edition) -> None:
    """Store how a list differs from the one before it, in place of what was stored before."""
    editions.forget(session, import_)
    import_.edition = dict(edition.summary) if edition.summary is not None else None
    for chunk in chunks(edition.entries):
        session.execute(insert(EditionEntry), [{**entry, "import_id": import_.id} for entry in chunk])


def count_states(session: Session, import_: Import) -> dict[str, int]:
    """Return how many entries of an import are in each state, and how many suppliers are unchanged."""
    query = select(EditionEntry.state, func.count()).where(EditionEntry.import_id == import_.id)
    found: dict[str, int] = dict(session.execute(query.group_by(EditionEntry.state)).all())
    counts = {state: found.get(state, 0) for state in STATES}
    return {**counts, "unchanged": import_.edition["unchanged"] if import_.edition else 0}


def take_back(session: Session, import_: Import) -> None:
    """Forget the comparison of an import that is undone, with the decisions about suppliers that it no longer named."""
    ended = select(EditionEntry.supplier_id).where(
        EditionEntry.import_id == import_.id, EditionEntry.decision == "ended"
    )
    session.execute(update(Supplier).where(Supplier.id.in_(ended)).values(ended_on=None))
    editions.forget(session, import_)


def decide_gone(
    session: Session, import_id: str, entry_ids: Sequence[str], decision: str, on: datetime, by: str
) -> int:
    """Say of suppliers that are no longer on a list that they are kept, or that they no longer supply; return how many.

    Nothing is deleted. Raises DomainError: ``edition.decision``, 422; ``edition.entry``, 404, if one of the entries is not about
    a supplier that is gone; ``import.state``, 409, before the import is finished.
    """
    if decision not in DECISIONS:
        raise DomainError("edition.decision", 422, f"Choose one of these decisions: {', '.join(DECISIONS)}.")
    import_ = session.get_one(Import, import_id)
    if import_.state != "done":
        raise DomainError("import.state", 409, "Confirm the import first. Decisions can be recorded after that.")
    ids = sorted(set(entry_ids))
    query = select(EditionEntry).where(EditionEntry.import_id == import_id, EditionEntry.state == "gone")
    entries = [one for chunk in chunks(ids) for one in session.scalars(query.where(EditionEntry.id.in_(chunk)))]
    if not ids or len(entries) < len(ids):
        raise DomainError(
            "edition.entry", 404, "At least one of these suppliers is still on the list or could not be found."
        )
    for entry in entries:
        supplier = session.get_one(Supplier, entry.supplier_id, with_for_update=True)
        supplier.ended_on = on.date() if decision == "ended" else None
        supplier.version += 1
        entry.decision, entry.decided_by, entry.decided_at = decision, by, on
        record_event(session, by, f"{supplier.kind}.{decision}", supplier.kind, supplier.id, {"import": import_id})
    return len(entries)
