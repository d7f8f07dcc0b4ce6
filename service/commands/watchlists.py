"""What the command line does with watchlists. Exit status: 0 done; 1 some rows were rejected; 2 nothing was done, and why."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from questionnaires.issues import UnusableSheet
from questionnaires.sheet import FileRefused
from questionnaires.watchlist import ParsedWatchlist, read_watchlist
from service.auth.accounts import BY, find_organisation
from service.blob_store import BlobStore
from service.db.session import Database
from service.db.tables import Job, new_id
from service.errors import DomainError
from service.jobs import table as jobs
from service.jobs.kinds import LOAD_WATCHLIST
from service.jobs.worker import run_job
from service.settings import Settings
from service.watchlists import lists
from service.wiring.job_handlers import build_handlers
from service.wiring.processes import open_current_database

MAX_LISTED = 20  # rejected rows that are told one by one
POLL_SECONDS = 0.2  # seconds until the next look at a job that another process does


def import_file(settings: Settings, arguments: argparse.Namespace) -> int:
    """Replaces a list by what stands in a file."""
    path = Path(arguments.file)
    listing = _read_list(path)
    name, blobs = arguments.name or path.stem, BlobStore(settings.files)
    with open_current_database(settings) as db:
        organisation_id = find_organisation(db, arguments.organisation)
        job_id = lists.receive_watchlist(db, blobs, organisation_id, name, listing, BY)
        job = None if job_id is None else _run_load_job(db, blobs, organisation_id, job_id)
    for told in [one for one in listing.issues if one.severity == "error"][:MAX_LISTED]:
        print(f"- {told.describe()}", file=sys.stderr)
    if job is None:
        print(f"{name}: {_format_counts(listing)}. These are the entries it has already: nothing was changed.")
    elif job.state != "done":
        raise DomainError("watchlist.not_loaded", 500, f"{name} was not loaded, and stays as it was. {job.message}")
    else:
        print(f"{name}: {_format_counts(listing)}. Suppliers are screened against it by the next worker that is free.")
    return 1 if listing.rejected else 0


def _read_list(path: Path) -> ParsedWatchlist:
    try:
        return read_watchlist(path.read_bytes(), path.name)
    except FileRefused as refused:
        raise DomainError(refused.code, 422, f"{path.name}: {refused}") from refused
    except UnusableSheet as nothing:
        raise DomainError(nothing.issue.code, 422, f"{path.name}: {nothing}") from nothing


def _run_load_job(db: Database, blobs: BlobStore, organisation_id: str, job_id: str) -> Job:
    """The job once it has ended: done here, as a worker would, unless a worker is at it."""
    handler, owner = build_handlers(blobs)[LOAD_WATCHLIST], f"command_line:{new_id()[:8]}"
    while True:
        with db.for_organisation(organisation_id, write=False) as session:
            job = jobs.get_job(session, job_id)
        if job.state in ("done", "failed", "cancelled"):
            return job
        claimed = jobs.claim_job(db, owner, kinds={LOAD_WATCHLIST})
        if claimed is None:
            time.sleep(POLL_SECONDS)
        else:
            run_job(db, claimed, handler)


def _format_counts(listing: ParsedWatchlist) -> str:
    left_out = ", ".join(f"{count:,} {what}" for what, count in listing.skipped.items())
    more = f"; left out: {left_out}" if left_out else ""
    return f"{len(listing.entries):,} of {listing.rows:,} rows taken, {listing.rejected:,} rejected{more}"


def list_all(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the lists of an organisation."""
    with open_current_database(settings) as db, db.for_organisation(find_organisation(db, arguments.organisation), write=False) as session:
        for kept in lists.list_watchlists(session):
            since = kept.imported_at.strftime("%Y-%m-%d %H:%M UTC") if kept.imported_at else "being loaded"
            print(f"{kept.name:<40} {kept.entries:>9,} entries  {since}")
    return 0


def remove(settings: Settings, arguments: argparse.Namespace) -> int:
    """Removes a list with its entries and matches."""
    with open_current_database(settings) as db, db.for_organisation(find_organisation(db, arguments.organisation)) as session:
        lists.remove_watchlist(session, arguments.name, BY)
    print(f"{arguments.name} was removed, with its matches and what was decided on them.")
    return 0
