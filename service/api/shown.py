"""How what is kept looks in an answer of the API: one function a thing. Their schemas stand in ``objects.py``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from risk_models.model import in_force
from service.assessment.assess import Assessed
from service.assessment.decision import decide
from service.assessment.export_json import result_rows
from service.auth.caller import caller
from service.clock import now
from service.db.tables import Asking, Change, Firing, Import, Job, Result, Schedule, Supplier
from service.imports import preview
from service.queries import stored_results
from service.queries.lists import Company
from service.queries.supplier_list import Wanted, counts, next_step
from service.report_content import redaction
from service.report_jobs import State
from service.schedules import service as schedules
from service.suppliers.identity import list_aliases

MOST_ISSUES = 500
PLURALS = {"site": "suppliers", "agency": "agencies"}
HEADLINE = (
    "reference", "name", "country", "sector", "model", "level", "score", "best", "worst", "inherent", "inherent_level",
    "coverage", "confidence", "up_to", "next_step",
)  # fmt: skip


def moment(at: datetime | None) -> str | None:
    """A moment as RFC 3339 has it."""
    return None if at is None else at.isoformat()


def assessment(assessed: Assessed, on: date) -> dict[str, Any]:
    """The result object of the contract of one supplier as the caller may see it, with what to do about it."""
    all_of_it = caller().sees_worker_derived
    told = assessed if all_of_it else redaction.with_own_plan(assessed)
    result = orjson.loads(next(result_rows(told, on)))
    decision = decide(result, in_force(result["model"], on))
    said = [{"code": code, "text": text} for code, text in decision.reasons]
    seen = result if all_of_it else redaction.without(result)
    return {**seen, "decision": decision.decision, "decision_reasons": said}


def _beside(supplier: Supplier) -> dict[str, Any]:
    """What is told of a supplier beside its latest result."""
    return {
        "id": supplier.id,
        "version": supplier.version,
        "silent": supplier.silent,
        "assessed_at": moment(supplier.assessed_at),
        "review_due": supplier.review_due.isoformat() if supplier.review_due else None,
    }


def supplier(session: Session, kept: Supplier, result: Result) -> dict[str, Any]:
    """A supplier or agency with its latest result, reasons and all, and what else it is found under."""
    old = [{"id": old.id, "named": old.named} for old in list_aliases(session, kept)]
    return {**result_(result), **_beside(kept), "also_found_under": old}


def result_(kept: Result) -> dict[str, Any]:
    """A stored result, reasons and all, as of its day."""
    return assessment(stored_results.reassessed(kept)[0], kept.on)


def headline(kept: Supplier) -> dict[str, Any]:
    """A supplier or agency in a list."""
    told = {name: getattr(kept, name) for name in HEADLINE}
    told["next_step"] = next_step(kept, own=not caller().sees_worker_derived)
    return {"kind": kept.kind, **told, **_beside(kept)}


def result_line(result: Result) -> dict[str, Any]:
    """A result in the history of a supplier."""
    names = ("id", "cause", "model", "model_version", "level", "score", "best", "worst", "inherent", "inherent_level")
    more = ("coverage", "confidence", "import_id")
    told = {name: getattr(result, name) for name in (*names, *more)}
    return {**told, "on": result.on.isoformat(), "created_at": moment(result.created_at)}


def company(kept: Company) -> dict[str, Any]:
    """A company: its sites counted, and the worst of them."""
    return {
        "company": kept.company_key,
        "name": kept.name,
        "sites": kept.sites,
        "countries": list(kept.countries),
        "worst": headline(kept.worst),
    }


def change(written: Change) -> dict[str, Any]:
    """A change of the outbox."""
    return {
        "at": moment(written.at),
        "kind": written.kind,
        "supplier_id": written.supplier_id,
        "data": written.data,
    }


def asking(asked: Asking) -> dict[str, Any]:
    """A record of asking."""
    told = {name: getattr(asked, name) for name in ("id", "form", "form_version", "sent_to")}
    back = None if asked.returned_on is None else asked.returned_on.isoformat()
    return {**told, "sent_on": asked.sent_on.isoformat(), "returned_on": back}


def job(of: Job) -> dict[str, Any]:
    """A job in a list."""
    names = ("id", "kind", "state", "progress", "message")
    times = {"created_at": moment(of.created_at), "finished_at": moment(of.finished_at)}
    return {**{name: getattr(of, name) for name in names}, **times}


def _job(job: Job | None) -> dict[str, Any] | None:
    return None if job is None else {"state": job.state, "progress": job.progress, "message": job.message}


def import_line(taken: Import) -> dict[str, Any]:
    """An import in a list."""
    names = ("id", "state", "choices", "rows", "accepted", "rejected")
    times = {"created_at": moment(taken.created_at), "finished_at": moment(taken.finished_at)}
    return {**{name: getattr(taken, name) for name in names}, **times}


def import_(session: Session, taken: Import) -> dict[str, Any]:
    """An import: how far it is, what was found, what came of it, or why it was refused."""
    found = taken.found or {}
    issues = found.get("issues", [])
    done = taken.state == "done"
    return {
        **import_line(taken),
        "files": found.get("files", []),
        "job": _job(preview.get_current_job(session, taken)),
        "counts": counts(session, Wanted(imported=taken.id), now().date()) if done else None,
        "issues": issues[:MOST_ISSUES],
        "issues_total": len(issues),
        "problem": taken.problem,
    }


def report(state: State) -> dict[str, Any]:
    """A report that was asked for."""
    job, made = state.job, state.job.result or {}
    asked = {name: job.payload.get(name) for name in ("format", "audience", "supplier_id")}
    return {
        "id": job.id,
        "state": job.state,
        "progress": job.progress,
        "message": job.message,
        **asked,
        "results": made.get("results"),
        "size": made.get("size"),
        "created_at": moment(job.created_at),
        "finished_at": moment(job.finished_at),
    }


def schedule(kept: Schedule, fired: list[Firing]) -> dict[str, Any]:
    """A schedule with its next five dates and its last firings."""
    dates = schedules.next_dates(kept.rule, kept.time_zone, now()) if kept.active else []
    return {
        "id": kept.id,
        "name": kept.name,
        "rule": kept.rule,
        "time_zone": kept.time_zone,
        "active": kept.active,
        "next_dates": [moment(at) for at in dates],
        "firings": [
            {"slot": moment(f.slot), "fired_at": moment(f.fired_at), "missed": f.missed, "job_id": f.job_id}
            for f in fired
        ],
        "created_at": moment(kept.created_at),
    }
