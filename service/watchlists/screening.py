"""The job that screens suppliers: after an import, when a supplier is saved, and when a list changes.

A decided match is opened again only when the identity of the supplier or the entry has changed. A match never changes a score;
it only indicates that somebody should review it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from questionnaires.validation.identifiers import is_imo, is_lei
from risk_models.screening.matching import ListedParty, Match, Party, WatchlistIndex
from service.clock import now
from service.db import change_feed
from service.db.session import Database
from service.db.tables import Result, Supplier, new_id
from service.db.watchlist_tables import Screening, Watchlist, WatchlistEntry, WatchlistMatch
from service.jobs.table import ClaimedJob, job_transaction

CHUNK = 200  # suppliers screened in one transaction
CACHED_INDEXES = 3  # list indexes that a process keeps in memory
VESSEL = ("imo", "mmsi", "call_sign", "flag")  # a site that gives one of these is a vessel
_indexes: dict[str, WatchlistIndex] = {}  # by edition; an edition never changes


def build_parties(kind: str, answers: Mapping[str, Any]) -> tuple[Party, ...]:
    """Return the parties named in the answers of a site or an agency: itself, its parent, owner and operator."""

    def get_text(question: str) -> str:
        answer = answers.get(question)
        return answer if isinstance(answer, str) and answer not in ("declined", "cannot_apply") else ""

    def get_texts(*questions: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, map(get_text, questions))))

    is_vessel = kind == "site" and any(map(get_text, VESSEL))
    imo, lei = get_text("imo"), get_text("lei")
    supplier = Party(
        "vessel" if is_vessel else "agency" if kind == "agency" else "site",
        get_texts("name", "name_local"),
        get_texts("flag", "country") if is_vessel else get_texts("country"),
        imo if is_imo(imo) else "",
        lei if lei.isascii() and is_lei(lei) else "",
        get_texts("licence_number", "registration_number"),
    )
    related = (
        Party("parent", get_texts("parent")),
        Party("owner", get_texts("owner"), get_texts("owner_country")),
        Party("operator", get_texts("operator")),
    )
    return supplier, *(party for party in related if party.names)


def hash_parties(parties: Sequence[Party]) -> str:
    """Return the digest of the parties of a supplier: while it is the same, decisions on its matches hold."""
    return hashlib.sha256(orjson.dumps(parties)).hexdigest()


class ScreeningResult(NamedTuple):
    """The matches of a supplier, under one identity, with an edition of a list."""

    supplier_id: str
    identity: str
    watchlist_id: str
    edition: str
    matches: Sequence[Match]


def screen_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """Screen suppliers in order of id, one chunk per transaction (a job). For its payload see ``request_screening``."""
    state = dict(claimed.checkpoint) or {"after": "", "screened": 0, "opened": 0}
    payload = claimed.payload
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier).where(
                _build_condition(payload), Supplier.deleted_at.is_(None), Supplier.id > state["after"]
            )
            chunk = session.scalars(query.order_by(Supplier.id).limit(CHUNK)).all()
            if not chunk:
                break
            results = list(_screen_chunk(session, chunk, payload.get("watchlist_id")))
        state |= {"after": chunk[-1].id, "screened": state["screened"] + len(chunk)}
        with job_transaction(db, claimed, checkpoint=state, message=f"{state['screened']} screened") as session:
            state["opened"] += save_screening_results(session, results, now())
    with job_transaction(db, claimed, result={"screened": state["screened"], "opened": state["opened"]}):
        pass


def _build_condition(payload: Mapping[str, Any]) -> ColumnElement[bool]:
    if "supplier_ids" in payload:
        return Supplier.id.in_(payload["supplier_ids"])
    if "import_id" in payload:
        return Supplier.id.in_(select(Result.supplier_id).where(Result.import_id == payload["import_id"]))
    return Supplier.latest_id.is_not(None)


def _screen_chunk(session: Session, chunk: Sequence[Supplier], only: str | None) -> Iterator[ScreeningResult]:
    """Screen each supplier against each list, unless its identity was already screened against the same edition."""
    ids = [supplier.id for supplier in chunk]
    before = session.scalars(select(Screening).where(Screening.supplier_id.in_(ids)))
    done = {(row.supplier_id, row.watchlist_id): (row.edition, row.identity) for row in before}
    lists = select(Watchlist).where(Watchlist.edition.is_not(None)).order_by(Watchlist.id)
    for watchlist in session.scalars(lists.where(Watchlist.id == only) if only else lists):
        assert watchlist.edition is not None
        index = load_index(session, watchlist.id, watchlist.edition)
        for supplier in chunk:
            parties = build_parties(supplier.kind, supplier.answers)
            identity = hash_parties(parties)
            if done.get((supplier.id, watchlist.id)) != (watchlist.edition, identity):
                matches = index.screen(parties)
                yield ScreeningResult(supplier.id, identity, watchlist.id, watchlist.edition, matches)


def load_index(session: Session, watchlist_id: str, edition: str) -> WatchlistIndex:
    """Return the search index of an edition of a list; the last few are cached."""
    if edition not in _indexes:
        of_edition = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
        query = select(WatchlistEntry.key, WatchlistEntry.content).where(*of_edition).execution_options(yield_per=1000)
        index = WatchlistIndex(
            ListedParty(
                key,
                content["kind"],
                tuple(content["names"]),
                tuple(content["countries"]),
                content["imo"],
                content["lei"],
                tuple(content["licences"]),
            )
            for key, content in session.execute(query)
        )
        for oldest in list(_indexes)[: max(0, len(_indexes) - CACHED_INDEXES + 1)]:
            _indexes.pop(oldest, None)
        _indexes[edition] = index
    return _indexes[edition]


def save_screening_results(session: Session, results: Sequence[ScreeningResult], at: datetime) -> int:
    """Save screening results; return how many matches were opened.

    Suppliers whose identity has changed since, and lists that were replaced, are left to the job that follows that change.
    """
    ids = sorted({result.supplier_id for result in results})
    locked = session.scalars(select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.id).with_for_update())
    identities = {supplier.id: hash_parties(build_parties(supplier.kind, supplier.answers)) for supplier in locked}
    lists = sorted({result.watchlist_id for result in results})
    shared = select(Watchlist).where(Watchlist.id.in_(lists)).order_by(Watchlist.id).with_for_update(read=True)
    editions = {watchlist.id: watchlist.edition for watchlist in session.scalars(shared)}
    current = [result for result in results if identities.get(result.supplier_id) == result.identity]
    current = [result for result in current if editions.get(result.watchlist_id) == result.edition]
    stored: dict[tuple[str, str], dict[str, WatchlistMatch]] = {}
    for match in session.scalars(select(WatchlistMatch).where(WatchlistMatch.supplier_id.in_(ids))):
        stored.setdefault((match.supplier_id, match.watchlist_id), {})[match.entry_key] = match
    screened = session.scalars(select(Screening).where(Screening.supplier_id.in_(ids)))
    rows = {(row.supplier_id, row.watchlist_id): row for row in screened}
    contents = _load_contents(session, current)
    opened = 0
    for result in current:
        pair = (result.supplier_id, result.watchlist_id)
        row = rows.get(pair) or Screening(supplier_id=result.supplier_id, watchlist_id=result.watchlist_id)
        row.edition, row.identity, row.at = result.edition, result.identity, at
        session.add(row)
        existing = stored.get(pair, {})
        for key in existing.keys() - {found.key for found in result.matches}:
            _retire_match(session, existing[key])
        for found in result.matches:
            content = contents[result.watchlist_id, found.key]
            opened += _save_match(session, result, found, content, existing.get(found.key), at)
    return opened


def _load_contents(session: Session, results: Sequence[ScreeningResult]) -> Mapping[tuple[str, str], dict[str, Any]]:
    """Load the content of the matched entries, by list and key."""
    contents: dict[tuple[str, str], dict[str, Any]] = {}
    for watchlist_id, edition in sorted({(result.watchlist_id, result.edition) for result in results}):
        of_list = [result for result in results if result.watchlist_id == watchlist_id]
        keys = sorted({match.key for result in of_list for match in result.matches})
        for start in range(0, len(keys), 500):
            of_edition = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
            is_matched = WatchlistEntry.key.in_(keys[start : start + 500])
            query = select(WatchlistEntry.key, WatchlistEntry.content).where(*of_edition, is_matched)
            contents |= {(watchlist_id, key): content for key, content in session.execute(query)}
    return contents


def _retire_match(session: Session, match: WatchlistMatch) -> None:
    """Delete an open match that is no longer found; keep a decided one, in case the same match is found again."""
    if match.state == "open":
        session.delete(match)
    else:
        match.found = False


def _save_match(
    session: Session,
    result: ScreeningResult,
    found: Match,
    content: dict[str, Any],
    stored: WatchlistMatch | None,
    at: datetime,
) -> bool:
    """Save a match that was found; return whether it was opened. One with the same fingerprint keeps its state."""
    fingerprint = hashlib.sha256(
        result.identity.encode() + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()
    if stored is not None and stored.fingerprint == fingerprint:
        stored.found = True
        return False
    if stored is None:
        ids = {"supplier_id": result.supplier_id, "watchlist_id": result.watchlist_id, "entry_key": found.key}
        stored = WatchlistMatch(id=new_id(), **ids)
        session.add(stored)
    why = {name: value for name, value in asdict(found).items() if name != "key"}
    why["agreed"] = [list(pair) for pair in found.agreed]
    stored.state, stored.found, stored.found_at, stored.note = "open", True, at, ""
    stored.decided_by = stored.decided_at = None
    stored.fingerprint, stored.why, stored.content = fingerprint, why, content
    data = {"match": stored.id, "watchlist": result.watchlist_id, "by": found.by, "state": "open"}
    change_feed.write(session, "watchlist_match", result.supplier_id, data, at)
    return True
