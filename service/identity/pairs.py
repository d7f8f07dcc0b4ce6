"""Find pairs of suppliers that may be the same, after an import or a call has stored new ones (a job).

Candidates come from indexes (the words of names, equal names, numbers), at most :data:`MAX_CANDIDATES` for each, so the work
grows with the number of new suppliers, not with that of the stored ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.derived_tables import WORD, SupplierWord
from service.db.identity_tables import IdentityProposal
from service.db.session import Database, chunks
from service.db.supplier_words import fold_words
from service.db.tables import Result, Supplier
from service.jobs.table import ClaimedJob, job_transaction
from service.suppliers.identity import IDENTITY, NUMBERS, get_number_key
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
        pairs = _find_alike(session, supplier, import_id, known)
        if len(pairs) == 1:  # the only candidate, and it has no other one either
            (other, likeness), *_ = pairs
            back = [found.id for found, _ in _find_alike(session, other, None, known)]
            if back == [supplier.id]:
                opened += _open(session, other, supplier, likeness.reasons, now())
        for other in _find_by_number(session, supplier):
            opened += _open(session, other, supplier, ("same_number",), now())
    return opened


def _find_alike(
    session: Session, supplier: Supplier, import_id: str | None, words: Words
) -> list[tuple[Supplier, Likeness]]:
    ids = _list_candidates(session, supplier, words)
    if import_id is not None and ids:
        named = select(Result.supplier_id).where(Result.import_id == import_id, Result.supplier_id.in_(ids))
        ids -= set(session.scalars(named))
    candidates = session.scalars(select(Supplier).where(Supplier.id.in_(sorted(ids)))).all() if ids else ()
    own = get_identity(supplier)
    compared = [(other, compare_suppliers(own, get_identity(other))) for other in candidates]
    return [(other, likeness) for other, likeness in compared if likeness is not None]


def _list_candidates(session: Session, supplier: Supplier, words: Words) -> set[str]:
    """List the suppliers that share a telling word with one, or its name."""
    ids: set[str] = set()
    for word in list_telling_words(get_identity(supplier)):
        folded = "".join(fold_words(word))[:WORD]
        key = (supplier.kind, folded)
        if key not in words:
            having = select(SupplierWord.supplier_id).where(
                SupplierWord.kind == supplier.kind, SupplierWord.word == folded
            )
            found = session.scalars(having.limit(MAX_CANDIDATES + 1)).all()
            words[key] = tuple(found) if len(found) <= MAX_CANDIDATES else ()
        ids.update(words[key])
    same_name = select(Supplier.id).where(Supplier.company_key == supplier.company_key, Supplier.kind == supplier.kind)
    ids.update(session.scalars(same_name.limit(MAX_CANDIDATES)))
    return ids - {supplier.id}


def _find_by_number(session: Session, supplier: Supplier) -> list[Supplier]:
    """Find the suppliers with another name that are stored under a number of this one."""
    answers = get_identity(supplier)
    keys = {
        get_number_key(answers, question, str(answers[question]))
        for question in NUMBERS
        if answers.get(question) and find_weakness(question, str(answers[question])) is None
    } - {supplier.key}
    if not keys:
        return []
    query = select(Supplier).where(Supplier.kind == supplier.kind, Supplier.key.in_(keys), Supplier.id != supplier.id)
    return [other for other in session.scalars(query) if list_shared_numbers(answers, get_identity(other))]


def get_identity(supplier: Supplier) -> dict[str, Any]:
    """Return what identifies a supplier: names, numbers, country and place."""
    return {question: supplier.answers.get(question) for question in (*IDENTITY, "city", "region", "postal_code")}


def compute_fingerprint(first: Supplier, second: Supplier) -> str:
    """Return the digest of what identifies two suppliers."""
    identities = orjson.dumps([get_identity(first), get_identity(second)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(identities).hexdigest()


def _open(session: Session, other: Supplier, supplier: Supplier, reasons: Iterable[str], at: datetime) -> int:
    """Open the proposal of a pair, unless it is open, or was decided and nothing has changed; return 1 if it was opened."""
    first, second = sorted((other, supplier), key=lambda one: (one.created_at, one.id))
    pair = or_(
        (IdentityProposal.first_id == first.id) & (IdentityProposal.second_id == second.id),
        (IdentityProposal.first_id == second.id) & (IdentityProposal.second_id == first.id),
    )
    stored = session.scalars(select(IdentityProposal).where(pair).with_for_update()).first()
    fingerprint = compute_fingerprint(first, second)
    if stored is not None and (stored.state == "open" or stored.fingerprint == fingerprint):
        return 0
    if stored is None:
        stored = IdentityProposal(kind=first.kind, first_id=first.id, second_id=second.id)
        session.add(stored)
    stored.reasons, stored.state, stored.fingerprint, stored.found_at = list(reasons), "open", fingerprint, at
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
