"""What waits for an approver: exit papers, requests to change steps or to end a retaliation watch early, dates that suppliers
propose, and proposals to close an emergency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, not_, select
from sqlalchemy.orm import Session

from service.cases.closing import is_user
from service.db.account_tables import User
from service.db.approval_tables import StepRequest
from service.db.case_tables import StoredCase
from service.db.exit_tables import ExitPaper
from service.db.link_tables import StepProposal
from service.db.remediation_tables import Step
from service.db.retaliation_tables import RetaliationWatch
from service.db.tables import Supplier
from service.referrals.readiness import load_gate
from service.remediation import withholding
from service.remediation.rules import DONE

MOST = 100  # of each kind on the page


@dataclass(frozen=True)
class ApprovalQueue:
    """What waits for an approver, the longest-waiting first.

    ``requests`` and ``proposals`` come with their step and its supplier, ``closings`` with the supplier of the case (None: none
    that is known), exit papers and ``endings`` of watches with their supplier. ``names``: those of users, by their name in the
    audit trail.
    """

    requests: Sequence[tuple[StepRequest, Step, Supplier]]
    closings: Sequence[tuple[StoredCase, Supplier | None]]
    proposals: Sequence[tuple[StepProposal, Step, Supplier]]
    exits: Sequence[tuple[ExitPaper, Supplier]]
    endings: Sequence[tuple[RetaliationWatch, Supplier]]
    names: Mapping[str, str]


def get_queue(session: Session, on: date) -> ApprovalQueue:
    """Return what waits for an approver on a day."""
    withheld = withholding.build_condition(session, load_gate(session, on))
    requests = _select_requests(withheld).join(Supplier, Supplier.id == Step.supplier_id).add_columns(Step, Supplier)
    proposals = _select_proposals(withheld).join(Supplier, Supplier.id == Step.supplier_id)
    closings = _list_closings(session)
    about = {case.supplier_id for case in closings}
    suppliers = {one.id: one for one in session.scalars(select(Supplier).where(Supplier.id.in_(about)))}
    return ApprovalQueue(
        [tuple(row) for row in session.execute(requests.order_by(StepRequest.asked_at, StepRequest.id).limit(MOST))],
        [(case, suppliers.get(case.supplier_id or "")) for case in closings],
        [
            tuple(row)
            for row in session.execute(
                proposals.add_columns(Step, Supplier).order_by(StepProposal.sent_at, StepProposal.id).limit(MOST)
            )
        ],
        _list_with_supplier(session, _select_exits(), ExitPaper, ExitPaper.submitted_at),
        _list_with_supplier(session, _select_endings(), RetaliationWatch, RetaliationWatch.end_asked_at),
        {f"user:{user.id}": user.name for user in session.scalars(select(User))},
    )


def count_waiting(session: Session, on: date, actor: str) -> int:
    """Count what waits for an approver on a day and was not asked by ``actor``, who could not decide it."""
    withheld = withholding.build_condition(session, load_gate(session, on))
    person = actor.removeprefix("user:")
    exits = [paper for paper in session.scalars(_select_exits()) if person not in paper.authors]
    endings = _select_endings().where(RetaliationWatch.end_asked_by != actor)
    requests = _select_requests(withheld).where(StepRequest.asked_by != actor)
    counted = (
        session.scalars(query.with_only_columns(func.count(), maintain_column_froms=True)).one()
        for query in (requests, _select_proposals(withheld), endings)
    )
    closings = [case for case in _list_closings(session) if case.closing is not None and case.closing["by"] != actor]
    return sum(counted) + len(closings) + len(exits)


def _select_exits() -> Select[ExitPaper]:
    return select(ExitPaper).where(ExitPaper.state == "submitted")


def _select_endings() -> Select[RetaliationWatch]:
    asked = RetaliationWatch.end_asked_by.is_not(None)
    return select(RetaliationWatch).where(asked, RetaliationWatch.state == "open")


def _list_with_supplier(session: Session, query: Select[Any], table: Any, asked_at: Any) -> list[tuple[Any, Supplier]]:
    """Return the rows that a query selects with their suppliers, those that were asked first first."""
    joined = query.join(Supplier, Supplier.id == table.supplier_id).add_columns(Supplier)
    return [tuple(row) for row in session.execute(joined.order_by(asked_at, table.id).limit(MOST))]


def _select_requests(withheld: ColumnElement[bool]) -> Select[StepRequest]:
    joined = select(StepRequest).join(Step, Step.id == StepRequest.step_id)
    return joined.where(StepRequest.state == "open", Step.state.not_in(DONE), not_(withheld))


def _select_proposals(withheld: ColumnElement[bool]) -> Select[StepProposal]:
    """Select the later dates that suppliers propose for steps that protect people."""
    joined = select(StepProposal).join(Step, Step.id == StepProposal.step_id)
    later = joined.where(StepProposal.state == "open", StepProposal.due > Step.due)
    return later.where(Step.safety, Step.state.not_in(DONE), not_(withheld))


def _list_closings(session: Session) -> Sequence[StoredCase]:
    """Return the open cases that a user has proposed to close. Proposals of API keys wait for a case handler first."""
    query = select(StoredCase).where(StoredCase.state == "open", StoredCase.closing.column.is_not(None))
    proposed = sorted(session.scalars(query), key=lambda case: (case.strength_since, case.number))
    return [case for case in proposed if case.closing is not None and is_user(case.closing["by"])]
