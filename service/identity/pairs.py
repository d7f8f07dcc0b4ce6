"""Find pairs of suppliers that may be the same, after an import or a call has stored new ones (a job).

Candidates come from indexes (the words of names, equal names, numbers), at most :data:`MAX_CANDIDATES` for each, so the work
grows with the number of new suppliers, not with that of the stored ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.derived_tables import WORD, SupplierWord
from service.db.identity_tables import IdentityProposal
from service.db.session import Database, chunks
from service.db.supplier_words import fold_words
from service.db.tables import Result, Supplier
from service.jobs.table import ClaimedJob, job_transaction
from service.suppliers import editions
from service.suppliers.identity import IDENTITY, NUMBERS, company_key, get_number_key
from service.suppliers.key_grades import find_weakness
from service.suppliers.likeness import Likeness, compare_suppliers, list_shared_numbers, list_telling_words

CHUNK = 200  # suppliers whose pairs are found in one transaction
MAX_CANDIDATES = 40  # suppliers with a word or a name; of a word that more have, nothing can be told

Words = dict[tuple[str, str], tuple[str, ...]]


def find_same_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """Run the job: propose the pairs of the suppliers that an import created, or of the given ones."""
    after, found = str(claimed.checkpoint.get("after", "")), int(claimed.checkpoint.get("found", 0))
    words: Words = {}
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            ids = _list_new(session, claimed.payload, after)
        if not ids:
            break
        checkpoint = {"after": ids[-1], "found": found}
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            checkpoint["found"] = found = found + propose_pairs(session, ids, claimed.payload.get("import_id"), words)
        after = ids[-1]
    with job_transaction(db, claimed, result={"found": found}):
        pass


def _list_new(session: Session, payload: Mapping[str, Any], after: str) -> Sequence[str]:
    """List the suppliers to compare, in the order of their ids: of an import those that were new or have a new name or place."""
    if "supplier_ids" in payload:
        return [supplier_id for supplier_id in sorted(payload["supplier_ids"]) if supplier_id > after][:CHUNK]
    query = select(Result.supplier_id).where(Result.import_id == payload["import_id"], Result.supplier_id > after)
    new = query.where(Result.given.is_(None)).order_by(Result.supplier_id).limit(CHUNK)
    return session.scalars(new).all()


def propose_pairs(
    session: Session, ids: Sequence[str], import_id: str | None = None, words: Words | None = None
) -> int:
    """Propose the pairs of some suppliers with stored ones; return how many were opened.

    ``import_id``: the import that brought them; suppliers that it named too are others, as the list itself says. ``words``
    keeps which suppliers have a word, for further calls.
    """
    known: Words = {} if words is None else words
    new = session.scalars(select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.id)).all()
    opened = 0
    for supplier in new:
        answers = get_identity(supplier)
        named = Result.import_id == (import_id or "")
        alike = _leave_out(session, _find_alike(session, supplier.kind, answers, known, supplier.id), named)
        if len(alike) == 1:  # the only candidate, and it has no other one either
            (other, likeness), *_ = alike
            back = _find_alike(session, other.kind, get_identity(other), known, other.id)
            # Whom the list names under its own name and place, beside this one, is a third.
            back = _leave_out(session, back, named & Result.given.is_not(None) & (Result.supplier_id != supplier.id))
            if [found.id for found, _ in back] == [supplier.id]:
                opened += _open(session, other, supplier, likeness.reasons, import_id)
        for other in _find_by_number(session, supplier.kind, answers, supplier.key):
            opened += _open(session, other, supplier, ("same_number",), import_id)
    return opened


class Likely(NamedTuple):
    """A stored supplier that a row may be about, and why."""

    supplier: Supplier
    reasons: Sequence[str]


def find_likely(
    session: Session, kind: str, rows: Sequence[Mapping[str, Any]], named: Collection[str]
) -> dict[int, Likely]:
    """Return, for rows that name no stored supplier, the one that each may be about, by position; nothing is stored.

    ``named``: the suppliers that the same list names too. The rules are those of :func:`propose_pairs`.
    """
    words: Words = {}
    found: dict[int, Likely] = {}
    claimed: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        alike = [pair for pair in _find_alike(session, kind, row, words) if pair[0].id not in named]
        numbered = _find_by_number(session, kind, row)
        if len(alike) == 1:
            (other, likeness), *_ = alike
            found[position] = Likely(other, likeness.reasons)
            claimed.setdefault(other.id, []).append(position)
        elif numbered:
            found[position] = Likely(numbered[0], ("same_number",))
    for positions in claimed.values():
        other = found[positions[0]].supplier
        back = _find_alike(session, kind, get_identity(other), words, other.id)
        if len(positions) > 1 or any(third.id not in named for third, _ in back):
            for position in positions:
                del found[position]
    return found


def _leave_out(
    session: Session, alike: Sequence[tuple[Supplier, Likeness]], condition: ColumnElement[bool]
) -> list[tuple[Supplier, Likeness]]:
    """Return the candidates that have no result under a condition."""
    if not alike:
        return []
    ids = [other.id for other, _ in alike]
    out = set(session.scalars(select(Result.supplier_id).where(condition, Result.supplier_id.in_(ids))))
    return [(other, likeness) for other, likeness in alike if other.id not in out]


def _find_alike(
    session: Session, kind: str, answers: Mapping[str, Any], words: Words, itself: str = ""
) -> list[tuple[Supplier, Likeness]]:
    """Find the stored suppliers that may be the one with these answers, save ``itself``."""
    ids = _list_candidates(session, kind, answers, words) - {itself}
    candidates = session.scalars(select(Supplier).where(Supplier.id.in_(sorted(ids)))).all() if ids else ()
    compared = [(other, compare_suppliers(answers, get_identity(other))) for other in candidates]
    return [(other, likeness) for other, likeness in compared if likeness is not None]


def _list_candidates(session: Session, kind: str, answers: Mapping[str, Any], words: Words) -> set[str]:
    """List the suppliers that share a telling word with the name in some answers, or the name."""
    ids: set[str] = set()
    for word in list_telling_words(answers):
        folded = "".join(fold_words(word))[:WORD]
        if (kind, folded) not in words:
            having = select(SupplierWord.supplier_id).where(SupplierWord.kind == kind, SupplierWord.word == folded)
            found = session.scalars(having.limit(MAX_CANDIDATES + 1)).all()
            words[kind, folded] = tuple(found) if len(found) <= MAX_CANDIDATES else ()
        ids.update(words[kind, folded])
    same_name = select(Supplier.id).where(Supplier.company_key == company_key(answers), Supplier.kind == kind)
    ids.update(session.scalars(same_name.limit(MAX_CANDIDATES)))
    return ids


def _find_by_number(session: Session, kind: str, answers: Mapping[str, Any], own_key: str = "") -> list[Supplier]:
    """Find the suppliers with another name that are stored under a number in some answers."""
    keys = {
        get_number_key(answers, question, str(answers[question]))
        for question in NUMBERS
        if answers.get(question) and find_weakness(question, str(answers[question])) is None
    } - {own_key}
    if not keys:
        return []
    query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(keys))
    return [other for other in session.scalars(query) if list_shared_numbers(answers, get_identity(other))]


def get_identity(supplier: Supplier) -> dict[str, Any]:
    """Return what identifies a supplier: names, numbers, country and place."""
    return get_identity_of(supplier.answers)


def get_identity_of(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies the supplier with these answers: names, numbers, country and place."""
    return {question: answers.get(question) for question in (*IDENTITY, "city", "region", "postal_code")}


def compute_fingerprint(first: Supplier, second: Supplier) -> str:
    """Return the digest of what identifies two suppliers."""
    identities = orjson.dumps([get_identity(first), get_identity(second)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(identities).hexdigest()


def _open(session: Session, other: Supplier, supplier: Supplier, reasons: Iterable[str], import_id: str | None) -> int:
    """Open the proposal of a pair, unless it is open, or was decided and nothing has changed; return 1 if it was opened.

    Where one of the two is gone from the list that brought the other, the list is said to be in doubt about them.
    """
    first, second = sorted((other, supplier), key=lambda one: (one.created_at, one.id))
    pair = or_(
        (IdentityProposal.first_id == first.id) & (IdentityProposal.second_id == second.id),
        (IdentityProposal.first_id == second.id) & (IdentityProposal.second_id == first.id),
    )
    stored = session.scalars(select(IdentityProposal).where(pair).with_for_update()).first()
    fingerprint = compute_fingerprint(first, second)
    if stored is not None and stored.state != "open" and stored.fingerprint == fingerprint:
        return 0
    if import_id is not None:
        editions.pair_up(session, import_id, supplier.id, other.id, list(reasons))
    if stored is not None and stored.state == "open":
        return 0
    if stored is None:
        stored = IdentityProposal(kind=first.kind, first_id=first.id, second_id=second.id)
        session.add(stored)
    stored.reasons, stored.state, stored.fingerprint, stored.found_at = list(reasons), "open", fingerprint, now()
    stored.decided_by = stored.decided_at = None
    session.flush()
    return 1


def list_suppliers_of(session: Session, proposals: Iterable[IdentityProposal]) -> dict[str, Supplier]:
    """Return the suppliers of some proposals, by id."""
    ids = sorted({supplier_id for one in proposals for supplier_id in (one.first_id, one.second_id)})
    return {
        supplier.id: supplier
        for chunk in chunks(ids)
        for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(chunk)))
    }
