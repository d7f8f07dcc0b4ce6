"""Which kinds of job there are, and how each is done: one line a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.db.session import Database
from service.files import Blobs
from service.jobs import kinds
from service.jobs.table import Claimed
from service.jobs.worker import Handler
from service.monitoring.reviews import follow_agencies, review_suppliers
from service.reporting.report_jobs import render_report
from service.taking_in.imports import assess_import, read_import, unfinished
from service.watchlists import lists
from service.watchlists.screening import screen_suppliers


def handlers(blobs: Blobs) -> Mapping[str, Handler]:
    """How each kind of job is done, with the files where they are kept."""

    def with_files(run: Callable[[Database, Blobs, Claimed], dict[str, Any] | None]) -> Any:
        return lambda db, claimed: run(db, blobs, claimed)

    return {
        kinds.READ_IMPORT: Handler(with_files(read_import), unfinished),
        kinds.ASSESS_IMPORT: Handler(with_files(assess_import), unfinished),
        kinds.RENDER_REPORT: Handler(with_files(render_report)),
        kinds.REVIEW_SUPPLIERS: Handler(review_suppliers),
        kinds.FOLLOW_AGENCIES: Handler(follow_agencies),
        kinds.LOAD_WATCHLIST: Handler(with_files(lists.load_watchlist), lists.unfinished),
        kinds.SCREEN_SUPPLIERS: Handler(screen_suppliers),
    }
