"""The kinds of job, as they are stored in databases: a value never changes, or queued jobs would lose their handler.

Code that enqueues a job needs only its kind, not its handler; handlers are registered in ``service/wiring/job_handlers.py``.
"""

from __future__ import annotations

READ_IMPORT = "read_import"
ASSESS_IMPORT = "assess_import"
RENDER_REPORT = "render_report"
REVIEW_SUPPLIERS = "review_suppliers"
FOLLOW_AGENCIES = "follow_agencies"
LOAD_WATCHLIST = "load_watchlist"
SCREEN_SUPPLIERS = "screen_suppliers"
PREVIEW_RELEASE = "preview_release"
REASSESS_ALL = "reassess_all"
FIND_SAME_SUPPLIERS = "find_same_suppliers"
UNDO_IMPORT = "undo_import"
TAKE_FINDINGS = "take_findings"
COUNT_VERIFIED_STEPS = "count_verified_steps"
STORE_FIGURES = "store_figures"
REMOVE_ERASED_BYTES = "remove_erased_bytes"
ERASE_ORGANISATION = "erase_organisation"
RUN_CAMPAIGN = "run_campaign"
