"""Lists and suppliers for the watchlist tests, and a worker that runs their jobs."""

from typing import Any

from sqlalchemy import select

from questionnaires.watchlist import read_watchlist
from service.blob_store import BlobStore
from service.clock import now
from service.db.session import Database
from service.db.tables import Supplier
from service.db.watchlist_tables import WatchlistMatch
from service.jobs.table import claim_job
from service.jobs.worker import run_job
from service.suppliers import repository as suppliers
from service.watchlists import lists, matches
from service.wiring.job_handlers import build_handlers

HEADER = "name;kind;country;imo;lei;licence;list;reason"
HELD = "Blue Pier Fishing Co., Ltd.;company;TH;;;;Held at the border;Debt bondage"
BY = "user:ana"


def run_jobs(database: Database, blobs: BlobStore) -> None:
    """Does every job that waits, one after another."""
    known = build_handlers(blobs)
    while (claimed := claim_job(database, "test")) is not None:
        run_job(database, claimed, known[claimed.kind])


def import_watchlist(
    database: Database, blobs: BlobStore, organisation_id: str, *rows: str, name: str = "Held", work: bool = True
) -> str | None:
    """Import a list of one entry per name; the job, which by default has been run."""
    data = "\n".join([HEADER, *rows]).encode()
    job = lists.receive_watchlist(database, blobs, organisation_id, name, read_watchlist(data, "held.csv"), BY)
    if work:
        run_jobs(database, blobs)
    return job


def save_supplier(database: Database, organisation_id: str, kind: str = "site", **answers: Any) -> str:
    """Store a supplier as the API does; its id."""
    fields = {"name": "Blue Pier Fishing", "country": "TH", **answers}
    with database.for_organisation(organisation_id) as session:
        return suppliers.save_supplier(session, kind, fields, now().date(), now(), BY, "api")[0].id


def list_matches(database: Database, organisation_id: str) -> list[tuple[str, str, str]]:
    """Every match that is found: supplier, listed name, state."""
    with database.for_organisation(organisation_id, write=False) as session:
        query = select(WatchlistMatch, Supplier.name).join(Supplier, Supplier.id == WatchlistMatch.supplier_id)
        rows = session.execute(query.where(WatchlistMatch.found)).all()
        return sorted((name, match.why["listed"], match.state) for match, name in rows)


def decide_match(database: Database, organisation_id: str, decision: str, note: str = "Another address.") -> str:
    """Decide on the only match; its id."""
    with database.for_organisation(organisation_id) as session:
        match = session.scalars(select(WatchlistMatch)).one()
        matches.decide_match(session, match.id, decision, note, now(), BY)
        return match.id
