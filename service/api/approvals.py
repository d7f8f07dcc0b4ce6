"""The API view of what waits for an approver. Deciding takes a person, on the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, whole_list
from service.auth.caller import get_caller
from service.clock import today
from service.queries.approvals import ApprovalQueue, get_queue


def list_approvals(session: Session) -> Reply:
    """Return what waits for an approver, as far as the caller may see it, the longest-waiting first."""
    caller = get_caller()
    queue = get_queue(session, today(caller.time_zone))
    found = _describe_public(queue, sees_all=caller.sees_worker_derived)
    if caller.sees_worker_derived:
        found += _describe_worker_derived(queue)
    return whole_list(sorted(found, key=lambda each: (each["asked_at"], each["id"])))


def _describe_public(queue: ApprovalQueue, *, sees_all: bool) -> list[dict[str, Any]]:
    """Return what does not rest on workers' reports alone; without the reasons, which may repeat them, if not all is seen."""
    steps = [
        _describe("step", asked.id, asked.asked_at, supplier.id, step_id=step.id, change=asked.kind, due=asked.due)
        | {"reason": asked.reason if sees_all else None}
        for asked, step, supplier in queue.requests
        if sees_all or not step.worker_derived
    ]
    dates = [
        _describe("date_proposal", proposal.id, proposal.sent_at, supplier.id, step_id=step.id, due=proposal.due)
        | {"reason": proposal.text}
        for proposal, step, supplier in queue.proposals
        if sees_all or not step.worker_derived
    ]
    exits = [
        _describe("exit_paper", paper.id, paper.submitted_at, supplier.id) | {"reason": paper.reason}
        for paper, supplier in queue.exits
    ]
    return steps + dates + exits


def _describe_worker_derived(queue: ApprovalQueue) -> list[dict[str, Any]]:
    closings = [
        _describe("closing", case.id, datetime.fromisoformat(case.closing["at"]), case.supplier_id, case_id=case.id)
        for case, _ in queue.closings
        if case.closing is not None
    ]
    endings = [
        _describe("watch_end", watch.id, watch.end_asked_at, supplier.id) | {"reason": watch.end_reason}
        for watch, supplier in queue.endings
    ]
    return closings + endings


def _describe(kind: str, id_: str, at: datetime | None, supplier_id: str | None, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("step_id", "case_id", "change", "due", "reason"))
    return nothing | {"kind": kind, "id": id_, "asked_at": at, "supplier_id": supplier_id} | more
