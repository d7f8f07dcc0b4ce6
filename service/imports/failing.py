"""End an import whose job has failed or was cancelled, and say what of it was saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.tables import Result
from service.errors import build_problem
from service.imports import cases as import_cases
from service.imports.records import (
    get_assessment_date,
)
from service.jobs.kinds import FIND_SAME_SUPPLIERS
from service.jobs.table import enqueue
from service.watchlists.lists import request_screening


def is_half_saved(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether the assessment job has saved anything: the import is then finished, not given up."""
    saved = int(checkpoint.get("rows", 0)) - len(checkpoint.get("unsaved", ()))
    return saved > 0 or "cases" in checkpoint or "forms" in checkpoint


def on_failure(session: Session, job: Job) -> None:
    """End an import whose job has failed or was cancelled, and say what of it was saved.

    A failed job has saved nothing, unless the import itself turned out to be at fault; a cancelled one may have. What was saved
    stays, each supplier whole, and is screened as after any import.
    """
    import_ = session.get(Import, job.payload["import_id"])
    if import_ is not None and import_.state in ("waiting", "running"):
        import_.state, import_.finished_at = "cancelled" if job.state == "cancelled" else "failed", now()
        is_failed, saved = import_.state == "failed", _count_saved(session, import_.id)
        if is_half_saved(job.checkpoint):
            cases, on = job.checkpoint.get("cases", ()), get_assessment_date(import_)
            import_cases.link_and_reassess(session, cases, import_.id, on, now(), job.created_by)
            request_screening(session, job.created_by, import_id=import_.id)
            enqueue(session, FIND_SAME_SUPPLIERS, {"import_id": import_.id}, job.created_by)
        detail = f"{job.message} {_describe_saved(saved)}"
        import_.problem = build_problem(f"import.{import_.state}", 500 if is_failed else 409, detail, saved=saved)
        record_event(session, job.created_by, f"import.{import_.state}", "import", import_.id, {"job": job.id})


def _count_saved(session: Session, import_id: str) -> int:
    """Return how many suppliers an import has saved."""
    saved = select(func.count(func.distinct(Result.supplier_id))).where(Result.import_id == import_id)
    return session.scalars(saved).one()


def _describe_saved(saved: int) -> str:
    if not saved:
        return "Nothing was saved."
    return (
        f"Suppliers already saved: {saved:,}; each is complete. Upload the file again to save the others. "
        "Nothing is stored twice."
    )
