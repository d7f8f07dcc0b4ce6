"""The handler of each kind of job, one line for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.blob_store import BlobStore
from service.campaigns.sending import run_campaign
from service.db.session import Database
from service.erasure.completion import remove_erased_bytes
from service.erasure.organisation import erase_rows
from service.identity.pairs import find_same_suppliers
from service.imports import failing, reading, saving, undo
from service.jobs import kinds
from service.jobs.table import ClaimedJob
from service.jobs.worker import Handler
from service.journal import Journal
from service.model_governance import release_preview
from service.reporting.report_jobs import render_report
from service.reviews.findings import take_all_findings
from service.reviews.jobs import count_verified_steps, reassess_agency_sites, reassess_all, review_suppliers
from service.reviews.progress import store_figures
from service.watchlists import lists
from service.watchlists.screening import screen_suppliers


def build_handlers(blobs: BlobStore, erasures: Journal | None = None) -> Mapping[str, Handler]:
    """Return the handler of each kind of job; handlers that read or write files use ``blobs``.

    ``erasures``: the journal that records what was erased; every process that runs an erasure needs it.
    """

    def with_files(run: Callable[[Database, BlobStore, ClaimedJob], dict[str, Any] | None]) -> Any:
        return lambda db, claimed: run(db, blobs, claimed)

    return {
        kinds.READ_IMPORT: Handler(with_files(reading.read_import), failing.on_failure),
        kinds.ASSESS_IMPORT: Handler(with_files(saving.assess_import), failing.on_failure, failing.is_half_saved),
        kinds.FIND_SAME_SUPPLIERS: Handler(find_same_suppliers),
        kinds.UNDO_IMPORT: Handler(undo.undo_import, undo.on_failure, undo.has_begun),
        kinds.RENDER_REPORT: Handler(with_files(render_report)),
        kinds.REVIEW_SUPPLIERS: Handler(review_suppliers),
        kinds.FOLLOW_AGENCIES: Handler(reassess_agency_sites),
        kinds.PREVIEW_RELEASE: Handler(with_files(release_preview.run_preview)),
        kinds.REASSESS_ALL: Handler(reassess_all),
        kinds.TAKE_FINDINGS: Handler(take_all_findings),
        kinds.COUNT_VERIFIED_STEPS: Handler(count_verified_steps),
        kinds.STORE_FIGURES: Handler(store_figures),
        kinds.RUN_CAMPAIGN: Handler(run_campaign),
        kinds.LOAD_WATCHLIST: Handler(with_files(lists.load_watchlist), lists.on_failure),
        kinds.SCREEN_SUPPLIERS: Handler(screen_suppliers),
        # An erasure that has begun is tried until it is complete.
        kinds.REMOVE_ERASED_BYTES: Handler(
            lambda db, claimed: remove_erased_bytes(db, blobs, claimed, erasures), is_half_done=lambda _: True
        ),
        kinds.ERASE_ORGANISATION: Handler(
            lambda db, claimed: erase_rows(db, blobs, claimed, erasures), is_half_done=lambda _: True
        ),
    }
