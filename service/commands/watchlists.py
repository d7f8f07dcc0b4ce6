"""Watchlist commands. Exit status: 0 if the command succeeded; 1 if some rows were rejected; 2 if nothing was done, with one
sentence that says why.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from questionnaires.issues import UnusableSheet
from questionnaires.sheet import FileRefused
from questionnaires.watchlist import ParsedWatchlist, read_watchlist
from service.auth.accounts import ACTOR, find_organisation
from service.blob_store import BlobStore
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import new_id
from service.errors import DomainError
from service.jobs import table as jobs
from service.jobs.kinds import LOAD_WATCHLIST
from service.jobs.worker import run_job
from service.settings import Settings
from service.watchlists import lists
from service.wiring.job_handlers import build_handlers
from service.wiring.processes import open_blobs, open_current_database

MAX_LISTED = 20  # rejected rows that are printed one by one
POLL_SECONDS = 0.2  # seconds between polls of a job that another process runs


def import_watchlist(settings: Settings, arguments: argparse.Namespace) -> int:
    """Replace a list with the content of a file."""
    path = Path(arguments.file)
    parsed = _read_list(path)
    name, blobs = arguments.name or path.stem, open_blobs(settings)
    with open_current_database(settings) as db:
        organisation_id = find_organisation(db, arguments.organisation)
        job_id = lists.receive_watchlist(db, blobs, organisation_id, name, parsed, ACTOR)
        job = None if job_id is None else _run_load_job(db, blobs, organisation_id, job_id)
    for issue in [issue for issue in parsed.issues if issue.severity == "error"][:MAX_LISTED]:
        print(f"- {issue.describe()}", file=sys.stderr)
    if job is None:
        print(f"{name}: {_format_counts(parsed)}. The list already contains these entries, so nothing was changed.")
    elif job.state != "done":
        raise DomainError("watchlist.not_loaded", 500, f"{name} could not be loaded and is unchanged. {job.message}")
    else:
        print(
            f"{name}: {_format_counts(parsed)}. The suppliers will be screened against it as soon as a worker is free."
        )
    return 1 if parsed.rejected else 0


def _read_list(path: Path) -> ParsedWatchlist:
    try:
        return read_watchlist(path.read_bytes(), path.name)
    except FileRefused as error:
        raise DomainError(error.code, 422, f"{path.name}: {error}") from error
    except UnusableSheet as error:
        raise DomainError(error.issue.code, 422, f"{path.name}: {error}") from error


def _run_load_job(db: Database, blobs: BlobStore, organisation_id: str, job_id: str) -> Job:
    """Return the job once it has ended; run it here unless a worker has claimed it."""
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


def _format_counts(parsed: ParsedWatchlist) -> str:
    left_out = ", ".join(f"{count:,} {what}" for what, count in parsed.skipped.items())
    more = f"; left out: {left_out}" if left_out else ""
    return f"{len(parsed.entries):,} of {parsed.rows:,} rows loaded, {parsed.rejected:,} rejected{more}"


def list_watchlists(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the lists of an organisation."""
    with (
        open_current_database(settings) as db,
        db.for_organisation(find_organisation(db, arguments.organisation), write=False) as session,
    ):
        for watchlist in lists.list_watchlists(session):
            since = watchlist.imported_at.strftime("%Y-%m-%d %H:%M UTC") if watchlist.imported_at else "loading"
            print(f"{watchlist.name:<40} {watchlist.entries:>9,} entries  {since}")
    return 0


def remove_watchlist(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove a list together with its entries and matches."""
    with (
        open_current_database(settings) as db,
        db.for_organisation(find_organisation(db, arguments.organisation)) as session,
    ):
        lists.remove_watchlist(session, arguments.name, ACTOR)
    print(f"{arguments.name} was removed, along with its matches and the decisions on them.")
    return 0
