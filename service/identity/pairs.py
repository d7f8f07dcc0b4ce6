"""Find pairs of suppliers that may be the same, after an import or a call has stored new ones (a job).

Candidates come from indexes (the words of names, equal names, numbers), at most :data:`MAX_CANDIDATES` for each, and are looked
up for many suppliers at once: the work grows with the number of new suppliers, not with that of the stored ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, func, or_, select
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
from service.suppliers.left_over import MOST, pair_left_over
from service.suppliers.likeness import (
    Likeness,
    choose_best,
    compare_suppliers,
    list_shared_numbers,
    list_telling_words,
)

CHUNK = 200  # suppliers whose pairs are found in one transaction
NO_ROW = -1  # the position of a supplier that no row of a list names
MAX_CANDIDATES = 40  # suppliers with a word or a name; of a word that more have, nothing can be told


class CandidateIndex:
    """Finds the stored suppliers with the words of a name, or with the name. Each word and name is looked up once for a job."""

    def __init__(self) -> None:
        self.by_word: dict[tuple[str, str], list[str]] = {}  # the ids of suppliers by kind and word
        self.by_name: dict[tuple[str, str], list[str]] = {}

    def find(self, session: Session, kind: str, rows: Sequence[Mapping[str, Any]]) -> list[set[str]]:
        """Return for each of some answers the suppliers that share a telling word with its name, or the name."""
        words = [{"".join(fold_words(word))[:WORD] for word in list_telling_words(row)} for row in rows]
        names = [company_key(row) for row in rows]
        self._look_up_words(session, kind, set().union(*words))
        self._look_up_names(session, kind, set(names))
        return [
            set(self.by_name[kind, name]).union(*(self.by_word[kind, word] for word in row_words))
            for name, row_words in zip(names, words, strict=True)
        ]

    def _look_up_words(self, session: Session, kind: str, words: Collection[str]) -> None:
        new = sorted(word for word in words if (kind, word) not in self.by_word)
        self.by_word |= {(kind, word): [] for word in new}
        for some in chunks(new):
            of_words = SupplierWord.kind == kind, SupplierWord.word.in_(some)
            counted = select(SupplierWord.word).where(*of_words).group_by(SupplierWord.word)
            telling = session.scalars(counted.having(func.count() <= MAX_CANDIDATES)).all()
            having = select(SupplierWord.word, SupplierWord.supplier_id)
            for word, supplier_id in session.execute(
                having.where(SupplierWord.kind == kind, SupplierWord.word.in_(telling))
            ):
                self.by_word[kind, word].append(supplier_id)

    def _look_up_names(self, session: Session, kind: str, names: Collection[str]) -> None:
        new = sorted(name for name in names if (kind, name) not in self.by_name)
        self.by_name |= {(kind, name): [] for name in new}
        for some in chunks(new):
            named = select(Supplier.company_key, Supplier.id).where(Supplier.kind == kind)
            for name, supplier_id in session.execute(named.where(Supplier.company_key.in_(some)).order_by(Supplier.id)):
                if len(self.by_name[kind, name]) < MAX_CANDIDATES:
                    self.by_name[kind, name].append(supplier_id)


def find_same_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """Run the job: propose the pairs of the suppliers that an import created, or of the given ones."""
    after, found = str(claimed.checkpoint.get("after", "")), int(claimed.checkpoint.get("found", 0))
    import_id, index = claimed.payload.get("import_id"), CandidateIndex()
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        named = _list_named(session, import_id)
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            ids = _list_new(session, claimed.payload, after)
        if not ids:
            break
        checkpoint = {"after": ids[-1], "found": found}
        with job_transaction(db, claimed, checkpoint=checkpoint) as session:
            checkpoint["found"] = found = found + propose_pairs(session, ids, import_id, index, named)
        after = ids[-1]
    with job_transaction(db, claimed, result={"found": found}) as session:
        if import_id is not None:
            propose_left_over(session, import_id)


def _list_new(session: Session, payload: Mapping[str, Any], after: str) -> Sequence[str]:
    """List the suppliers to compare, in the order of their ids: of an import those that were new or have a new name or place."""
    if "supplier_ids" in payload:
        return [supplier_id for supplier_id in sorted(payload["supplier_ids"]) if supplier_id > after][:CHUNK]
    query = select(Result.supplier_id).where(Result.import_id == payload["import_id"], Result.supplier_id > after)
    new = query.where(Result.given.is_(None)).order_by(Result.supplier_id).limit(CHUNK)
    return session.scalars(new).all()


class Named(NamedTuple):
    """The suppliers that an import names: their ids, and whether any others are stored."""

    ids: Set[str]
    has_others: bool


def _list_named(session: Session, import_id: str | None) -> Named:
    """List the suppliers that an import names; none without an import."""
    if import_id is None:
        return Named(frozenset(), has_others=True)
    ids = set(session.scalars(select(Result.supplier_id).where(Result.import_id == import_id)))
    stored = session.scalar(select(func.count()).select_from(Supplier)) or 0
    return Named(ids, has_others=stored > len(ids))


def propose_pairs(
    session: Session,
    ids: Sequence[str],
    import_id: str | None = None,
    index: CandidateIndex | None = None,
    named: Named | None = None,
) -> int:
    """Propose the pairs of some suppliers with stored ones; return how many were opened.

    ``import_id``: the import that brought them; suppliers that it named too are others, as the list itself says. ``index`` keeps
    which suppliers have a word or name, and ``named`` which ones the import names, for further calls.
    """
    index, named = index or CandidateIndex(), named or _list_named(session, import_id)
    new = session.scalars(select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.id)).all()
    return sum(
        _propose_pairs_of_kind(
            session, kind, [supplier for supplier in new if supplier.kind == kind], import_id, index, named
        )
        for kind in sorted({supplier.kind for supplier in new})
    )


def _propose_pairs_of_kind(
    session: Session, kind: str, new: Sequence[Supplier], import_id: str | None, index: CandidateIndex, named: Named
) -> int:
    identities = list(map(get_identity, new))
    candidates: list[set[str]] = [set() for _ in new]
    if named.has_others:
        candidates = [ids - named.ids for ids in _list_candidates(session, kind, identities, index, new)]
    numbered = _find_by_number(session, kind, identities, [supplier.key for supplier in new])
    opened = 0
    for supplier, alike, others in zip(new, _compare(session, identities, candidates), numbered, strict=True):
        best = choose_best(alike)
        if best is not None:  # and the other has no better one either
            other, likeness = best
            its_candidates = _list_candidates(session, kind, [get_identity(other)], index, [other])
            # Whom the list names under its own name and place, beside this one, is a third.
            thirds = (
                (Result.import_id == (import_id or ""))
                & Result.given.is_not(None)
                & (Result.supplier_id != supplier.id)
            )
            (back,) = _compare(session, [get_identity(other)], _leave_out(session, its_candidates, thirds))
            its_best = choose_best(back)
            if its_best is not None and its_best[0].id == supplier.id:
                opened += open_proposal(session, other, supplier, likeness.reasons, import_id)
        for other in others:
            opened += open_proposal(session, other, supplier, ("same_number",), import_id)
    return opened


def propose_left_over(session: Session, import_id: str) -> None:
    """Propose the pairs that an edition of a list leaves over (:func:`service.suppliers.left_over.pair_left_over`)."""
    for kind in ("agency", "site"):
        ids = editions.list_left_over(session, import_id, kind, MOST)
        if ids is None:
            continue
        stored = load_suppliers(session, [*ids.new, *ids.gone])
        is_renumbered = editions.is_import_renumbered(session, import_id)
        new, gone = ([stored[one].answers for one in some] for some in ids)
        for pair in pair_left_over(new, gone, is_renumbered=is_renumbered):
            open_proposal(session, stored[ids.gone[pair.gone]], stored[ids.new[pair.new]], (pair.reason,), import_id)


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
    index = CandidateIndex()
    found: dict[int, Likely] = {}
    claims: dict[str, list[tuple[int, Likeness]]] = {}
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        candidates = [ids.difference(named) for ids in index.find(session, kind, some)]
        numbered = _find_by_number(session, kind, some, [None] * len(some))
        for position, (alike, others) in enumerate(
            zip(_compare(session, some, candidates), numbered, strict=True), start
        ):
            best = choose_best(alike)
            if best is not None:
                other, likeness = best
                found[position] = Likely(other, likeness.reasons)
                claims.setdefault(other.id, []).append((position, likeness))
            elif others:
                found[position] = Likely(others[0], ("same_number",))
    others = [found[claim[0][0]].supplier for claim in claims.values()]
    for claim, thirds in zip(claims.values(), _list_alike(session, kind, others, index, named), strict=True):
        best_claim = choose_best([*claim, *((NO_ROW, likeness) for likeness in thirds)])
        for position, _ in claim:
            if best_claim is None or best_claim[0] != position:
                del found[position]
    return found


def _list_alike(
    session: Session, kind: str, suppliers: Sequence[Supplier], index: CandidateIndex, named: Collection[str]
) -> list[list[Likeness]]:
    """Return how alike those suppliers are to each of some that a list does not name."""
    alike: list[list[Likeness]] = []
    for some in chunks(suppliers, CHUNK):
        identities = list(map(get_identity, some))
        candidates = [ids.difference(named) for ids in _list_candidates(session, kind, identities, index, some)]
        alike += [[likeness for _, likeness in found] for found in _compare(session, identities, candidates)]
    return alike


def _list_candidates(
    session: Session,
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    index: CandidateIndex,
    suppliers: Sequence[Supplier],
) -> list[set[str]]:
    """List the candidates for suppliers, save themselves."""
    found = index.find(session, kind, rows)
    return [ids - {supplier.id} for ids, supplier in zip(found, suppliers, strict=True)]


def _leave_out(session: Session, candidates: Sequence[set[str]], condition: ColumnElement[bool]) -> list[set[str]]:
    """Return the candidates that have no result under a condition."""
    out: set[str] = set()
    for some in chunks(sorted(set().union(*candidates))):
        out.update(session.scalars(select(Result.supplier_id).where(condition, Result.supplier_id.in_(some))))
    return [ids - out for ids in candidates]


def _compare(
    session: Session, rows: Sequence[Mapping[str, Any]], candidates: Sequence[Collection[str]]
) -> list[list[tuple[Supplier, Likeness]]]:
    """Return for each of some answers the candidates that may be the supplier with these answers."""
    stored = load_suppliers(session, sorted(set().union(*candidates)))
    identities = {supplier_id: get_identity(supplier) for supplier_id, supplier in stored.items()}
    return [
        [
            (stored[supplier_id], likeness)
            for supplier_id in sorted(ids)
            if (likeness := compare_suppliers(row, identities[supplier_id])) is not None
        ]
        for row, ids in zip(rows, candidates, strict=True)
    ]


def _find_by_number(
    session: Session, kind: str, rows: Sequence[Mapping[str, Any]], own_keys: Sequence[str | None]
) -> list[list[Supplier]]:
    """Find for each of some answers the suppliers with another name that are stored under a number in them.

    ``own_keys``: the keys of the suppliers that gave these answers, None for those that are not stored.
    """
    keys_of = [
        {
            get_number_key(row, question, str(row[question]))
            for question in NUMBERS
            if row.get(question) and find_weakness(question, str(row[question])) is None
        }
        - {own}
        for row, own in zip(rows, own_keys, strict=True)
    ]
    stored: dict[str, Supplier] = {}
    for some in chunks(sorted(set().union(*keys_of))):
        query = select(Supplier).where(Supplier.kind == kind, Supplier.key.in_(some))
        stored |= {supplier.key: supplier for supplier in session.scalars(query)}
    return [
        [stored[key] for key in sorted(keys & stored.keys()) if list_shared_numbers(row, get_identity(stored[key]))]
        for row, keys in zip(rows, keys_of, strict=True)
    ]


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


def open_proposal(
    session: Session, other: Supplier, supplier: Supplier, reasons: Iterable[str], import_id: str | None
) -> int:
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
    return load_suppliers(session, ids)


def load_suppliers(session: Session, ids: Sequence[str]) -> dict[str, Supplier]:
    """Return some suppliers, by id."""
    return {
        supplier.id: supplier
        for chunk in chunks(ids)
        for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(chunk)))
    }
