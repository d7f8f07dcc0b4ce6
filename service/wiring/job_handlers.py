"""Which kinds of job there are, and how each is done: one line a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.blob_store import Blobs
from service.db.session import Database
from service.imports.jobs import assess_import, on_failure, read_import
from service.jobs.table import Claimed
from service.jobs.worker import Handler
from service.report_jobs import render_report
from service.reviews.jobs import follow_agencies, review_suppliers
from service.watchlists import lists
from service.watchlists.screening import screen_suppliers


def handlers(blobs: Blobs) -> Mapping[str, Handler]:
    """How each kind of job is done, with the files where they are kept."""

    def with_files(run: Callable[[Database, Blobs, Claimed], dict[str, Any] | None]) -> Any:
        return lambda db, claimed: run(db, blobs, claimed)

    return {
        "read_import": Handler(with_files(read_import), on_failure),
        "assess_import": Handler(with_files(assess_import), on_failure),
        "render_report": Handler(with_files(render_report)),
        "review_suppliers": Handler(review_suppliers),
        "follow_agencies": Handler(follow_agencies),
        "load_watchlist": Handler(with_files(lists.load_watchlist), lists.unfinished),
        "screen_suppliers": Handler(screen_suppliers),
    }
