"""The job that screens suppliers: on import, when one is put, and when a list changes.

A match is asked about once: it is asked again only when who the supplier is or what the entry says has changed. It never moves
a score, and says nothing about anybody but that somebody should look.
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

from questionnaires.validation.rules import is_imo, is_lei
from risk_models.screening.matching import ListedParty, Match, Party
from risk_models.screening.matching import WatchlistIndex as Ready
from service.clock import now
from service.db import change_feed
from service.db.session import Database
from service.db.tables import Result, Supplier, new_id
from service.db.watchlist_tables import Screening, Watchlist, WatchlistEntry, WatchlistMatch
from service.jobs.table import ClaimedJob, job_transaction

CHUNK = 200  # suppliers screened in one transaction
CACHED_INDEXES = 3  # lists that a process keeps ready
VESSEL = ("imo", "mmsi", "call_sign", "flag")  # a site that gives one of these is a vessel
_indexes: dict[str, Ready] = {}  # by edition; an edition never changes


def build_parties(kind: str, answers: Mapping[str, Any]) -> tuple[Party, ...]:
    """Whom the answers of a site or an agency tell of: itself, its parent, owner and operator, with what identifies them."""

    def said(question: str) -> str:
        told = answers.get(question)
        return told if isinstance(told, str) and told not in ("declined", "cannot_apply") else ""

    def of(*questions: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, map(said, questions))))

    vessel = kind == "site" and any(map(said, VESSEL))
    own = Party(
        "vessel" if vessel else "agency" if kind == "agency" else "site",
        of("name", "name_local"),
        of("flag", "country") if vessel else of("country"),
        said("imo") if is_imo(said("imo")) else "",
        said("lei") if said("lei").isascii() and is_lei(said("lei")) else "",
        of("licence_number", "registration_number"),
    )
    others = (
        Party("parent", of("parent")),
        Party("owner", of("owner"), of("owner_country")),
        Party("operator", of("operator")),
    )
    return own, *(other for other in others if other.names)


def hash_parties(parties: Sequence[Party]) -> str:
    """The digest of whom a supplier tells of: as long as it stays, so do the answers of people about its matches."""
    return hashlib.sha256(orjson.dumps(parties)).hexdigest()


class ScreeningResult(NamedTuple):
    """A supplier, as who, against an edition of a list: the matches found."""

    supplier_id: str
    identity: str
    watchlist_id: str
    edition: str
    matches: Sequence[Match]


def screen_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """The job: suppliers in the order of their ids, a chunk in each transaction. Its payload says who: see ask_to_screen."""
    so_far = dict(claimed.checkpoint) or {"after": "", "screened": 0, "opened": 0}
    payload = claimed.payload
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier).where(_build_condition(payload), Supplier.deleted_at.is_(None), Supplier.id > so_far["after"])
            chunk = session.scalars(query.order_by(Supplier.id).limit(CHUNK)).all()
            if not chunk:
                break
            found = list(_screen_chunk(session, chunk, payload.get("watchlist_id")))
        so_far |= {"after": chunk[-1].id, "screened": so_far["screened"] + len(chunk)}
        with job_transaction(db, claimed, checkpoint=so_far, message=f"{so_far['screened']} screened") as session:
            so_far["opened"] += save_results(session, found, now())
    with job_transaction(db, claimed, result={"screened": so_far["screened"], "opened": so_far["opened"]}):
        pass


def _build_condition(payload: Mapping[str, Any]) -> ColumnElement[bool]:
    if "supplier_ids" in payload:
        return Supplier.id.in_(payload["supplier_ids"])
    if "import_id" in payload:
        return Supplier.id.in_(select(Result.supplier_id).where(Result.import_id == payload["import_id"]))
    return Supplier.latest_id.is_not(None)


def _screen_chunk(session: Session, chunk: Sequence[Supplier], only: str | None) -> Iterator[ScreeningResult]:
    """What each supplier matches on each list, where it was not screened as this one against this edition before."""
    ids = [supplier.id for supplier in chunk]
    before = session.scalars(select(Screening).where(Screening.supplier_id.in_(ids)))
    done = {(row.supplier_id, row.watchlist_id): (row.edition, row.identity) for row in before}
    lists = select(Watchlist).where(Watchlist.edition.is_not(None)).order_by(Watchlist.id)
    for kept in session.scalars(lists.where(Watchlist.id == only) if only else lists):
        assert kept.edition is not None
        ready = load_index(session, kept.id, kept.edition)
        for supplier in chunk:
            told = build_parties(supplier.kind, supplier.answers)
            who = hash_parties(told)
            if done.get((supplier.id, kept.id)) != (kept.edition, who):
                yield ScreeningResult(supplier.id, who, kept.id, kept.edition, ready.screen(told))


def load_index(session: Session, watchlist_id: str, edition: str) -> Ready:
    """An edition of a list, ready to be screened against; the last few stay so."""
    if edition not in _indexes:
        of = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
        query = select(WatchlistEntry.key, WatchlistEntry.content).where(*of).execution_options(yield_per=1000)
        made = Ready(
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
        _indexes[edition] = made
    return _indexes[edition]


def save_results(session: Session, results: Sequence[ScreeningResult], at: datetime) -> int:
    """Writes what screening found; how many matches somebody has to look at now.

    A supplier that has become another since, or a list that was replaced, is left to the job that follows from that.
    """
    ids = sorted({one.supplier_id for one in results})
    locked = session.scalars(select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.id).with_for_update())
    who = {supplier.id: hash_parties(build_parties(supplier.kind, supplier.answers)) for supplier in locked}
    lists = sorted({one.watchlist_id for one in results})
    shared = select(Watchlist).where(Watchlist.id.in_(lists)).order_by(Watchlist.id).with_for_update(read=True)
    editions = {kept.id: kept.edition for kept in session.scalars(shared)}
    current = [one for one in results if who.get(one.supplier_id) == one.identity]
    current = [one for one in current if editions.get(one.watchlist_id) == one.edition]
    before: dict[tuple[str, str], dict[str, WatchlistMatch]] = {}
    for known in session.scalars(select(WatchlistMatch).where(WatchlistMatch.supplier_id.in_(ids))):
        before.setdefault((known.supplier_id, known.watchlist_id), {})[known.entry_key] = known
    screened = session.scalars(select(Screening).where(Screening.supplier_id.in_(ids)))
    rows = {(row.supplier_id, row.watchlist_id): row for row in screened}
    contents = _load_contents(session, current)
    opened = 0
    for one in current:
        of = (one.supplier_id, one.watchlist_id)
        row = rows.get(of) or Screening(supplier_id=one.supplier_id, watchlist_id=one.watchlist_id)
        row.edition, row.identity, row.at = one.edition, one.identity, at
        session.add(row)
        kept = before.get(of, {})
        for gone in kept.keys() - {match.key for match in one.matches}:
            _retire_match(session, kept[gone])
        for match in one.matches:
            opened += _save_match(session, one, match, contents[one.watchlist_id, match.key], kept.get(match.key), at)
    return opened


def _load_contents(session: Session, found: Sequence[ScreeningResult]) -> Mapping[tuple[str, str], dict[str, Any]]:
    """What the entries that were matched say, by list and key."""
    contents: dict[tuple[str, str], dict[str, Any]] = {}
    for watchlist_id, edition in sorted({(one.watchlist_id, one.edition) for one in found}):
        keys = sorted({match.key for one in found if one.watchlist_id == watchlist_id for match in one.matches})
        for start in range(0, len(keys), 500):
            of = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
            wanted = WatchlistEntry.key.in_(keys[start : start + 500])
            query = select(WatchlistEntry.key, WatchlistEntry.content).where(*of, wanted)
            contents |= {(watchlist_id, key): content for key, content in session.execute(query)}
    return contents


def _retire_match(session: Session, kept: WatchlistMatch) -> None:
    """What nobody has decided on goes; a decision stays, for the day on which the same is found again."""
    if kept.state == "open":
        session.delete(kept)
    else:
        kept.found = False


def _save_match(
    session: Session, one: ScreeningResult, match: Match, content: dict[str, Any], kept: WatchlistMatch | None, at: datetime
) -> bool:
    """Whether somebody has to look at it who had not to before."""
    said = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    fingerprint = hashlib.sha256(one.identity.encode() + said).hexdigest()
    why = {name: told for name, told in asdict(match).items() if name != "key"}
    why["agreed"] = [list(pair) for pair in match.agreed]
    if kept is not None and kept.fingerprint == fingerprint:
        kept.found = True
        return False
    if kept is None:
        of = {"supplier_id": one.supplier_id, "watchlist_id": one.watchlist_id, "entry_key": match.key}
        kept = WatchlistMatch(id=new_id(), **of)
        session.add(kept)
    kept.state, kept.found, kept.found_at, kept.note = "open", True, at, ""
    kept.decided_by = kept.decided_at = None
    kept.fingerprint, kept.why, kept.content = fingerprint, why, content
    told = {"match": kept.id, "watchlist": one.watchlist_id, "by": match.by, "state": "open"}
    change_feed.write(session, "watchlist_match", one.supplier_id, told, at)
    return True
