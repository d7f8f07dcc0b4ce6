"""Close case records. One user closes a case, but an emergency is closed by an approver after another user has proposed it.

A proposal says who spoke to the workers and when: only they can say that the danger is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.cases.readings import read_case
from risk_models.cases.rules import STRENGTHS, list_case_rules
from service.audit import list_events, record_event
from service.case_reading.worker_selection import CHOSEN_BY, MANAGEMENT, NO_ONE
from service.cases.service import get_case, parse_answers, reassess_suppliers
from service.db.case_tables import StoredCase
from service.db.session import chunks
from service.errors import DomainError
from service.outbox.approvals import tell_approvers
from service.suppliers.case_evidence import list_findings, to_case_record

MISTAKE = "entered_by_mistake"  # the only outcome of an emergency for which nobody has to be spoken to
# For so long after one user let the other in, the two may be one person with two accounts.
ACQUAINTED = timedelta(days=7)
LET_IN = (
    "user.created",
    "user.role_changed",
    "user.renamed",
    "user.activated",
    "user.password_reset",
    "second_factor.reset",
)


@dataclass(frozen=True)
class WorkerCheck:
    """How we know that an emergency is over: when someone spoke to workers, how many there were, and who chose them."""

    checked_on: date
    workers: int
    chosen_by: str


def list_outcomes() -> Mapping[str, str]:
    """Return the outcomes with which a case may be closed: title by id."""
    return {outcome["id"]: outcome["title"] for outcome in list_case_rules()[-1].raw["outcome"]}


def needs_two_users(session: Session, case: StoredCase) -> bool:
    """Return whether closing a case takes a second user, an approver: it is an emergency, or was one at any time.

    The strength of the evidence falls with its age, and the people concerned may still be there.
    """
    record = to_case_record(case, list_findings(session, [case]).get(case.id, ())).case
    return "emergency" in (STRENGTHS[case.strength], read_case(record, case.created_at.date()).strength)


def list_open_emergencies(session: Session, supplier_ids: Sequence[str]) -> list[StoredCase]:
    """Return the open cases about some suppliers that only two users may close (:func:`needs_two_users`)."""
    cases = [
        case
        for chunk in chunks(supplier_ids)
        for case in session.scalars(
            select(StoredCase)
            .where(StoredCase.supplier_id.in_(chunk), StoredCase.state == "open")
            .order_by(StoredCase.id)
        )
    ]
    return [case for case in cases if needs_two_users(session, case)]


def close_case(
    session: Session,
    case_id: str,
    outcome: str,
    on: date,
    at: datetime,
    by: str,
    check: WorkerCheck | None = None,
) -> StoredCase:
    """Close a case. An emergency is not closed, but the proposal to close it is recorded (:func:`confirm_closing`).

    ``check``: required for an emergency. Raises DomainError: ``case.outcome``, ``case.closed``, ``not_found``, and for the
    check of an emergency ``case.closing_check``, ``case.chosen_by_management`` and ``date.future``.
    """
    if outcome not in list_outcomes():
        raise DomainError("case.outcome", 422, f"Choose one of these outcomes: {', '.join(list_outcomes())}.")
    case = _get_open_case(session, case_id)
    if not needs_two_users(session, case):
        return _close(session, case, outcome, on, at, by, {"outcome": outcome})
    case.closing = {**_describe_check(session, case, outcome, check, on), "by": by, "at": at.isoformat()}
    case.closing_declined = None
    record_event(session, by, "case.closing_proposed", "case", case.id, _get_closing_details(case.closing))
    if is_user(by):
        tell_approvers(session, "closing", case.id, at, supplier_id=case.supplier_id, case_id=case.id)
    return case


def confirm_closing(
    session: Session, case_id: str, on: date, at: datetime, by: str, *, is_approver: bool, proposed_at: str
) -> StoredCase:
    """Close an emergency as another user proposed, which takes an approver. A user who confirms the proposal of an API key
    becomes the proposer.

    ``proposed_at``: when the proposal was made that the user has read, as it is stored. Raises DomainError:
    ``case.closing_by_key`` for an API key, ``case.closing_approver``, 403, ``case.same_user``, ``case.related_users``, 409, if
    one of the two users let the other in lately, ``case.not_proposed``, ``case.closing_changed``, 409, ``case.closed``,
    ``not_found``.
    """
    case, closing = _get_proposed(session, case_id, by, proposed_at)
    details = _get_closing_details(closing)
    if not is_user(closing["by"]):
        case.closing = {**closing, "by": by, "at": at.isoformat()}
        record_event(session, by, "case.closing_proposed", "case", case.id, details)
        tell_approvers(session, "closing", case.id, at, supplier_id=case.supplier_id, case_id=case.id)
        return case
    _check_approver(is_approver)
    _check_unrelated(session, closing["by"], by, at)
    return _close(session, case, closing["outcome"], on, at, by, {**details, "proposed_by": closing["by"]})


def decline_closing(
    session: Session,
    case_id: str,
    reason: str,
    on: date,
    at: datetime,
    by: str,
    *,
    is_approver: bool,
    proposed_at: str,
) -> StoredCase:
    """Send a proposal to close an emergency back with a reason, which takes an approver. The case stays open.

    Raises DomainError as :func:`confirm_closing` does; ``approval.reason``, ``text.too_long``, ``person.*``, 422.
    """
    case, closing = _get_proposed(session, case_id, by, proposed_at)
    _check_approver(is_approver)
    text = parse_answers({"note": reason.strip() or None}, ("note",), on).get("note")
    if not text:
        raise DomainError("approval.reason", 422, "Explain what is missing, so that the case handler can act on it.")
    case.closing, case.closing_declined = None, {"reason": text, "by": by, "at": at.isoformat()}
    record_event(session, by, "case.closing_declined", "case", case.id, {"proposed_by": closing["by"]})
    return case


def _get_proposed(session: Session, case_id: str, by: str, proposed_at: str) -> tuple[StoredCase, Mapping[str, Any]]:
    """Return a locked case and the proposal to close it, which somebody else made, and which is the one that was read."""
    case = _get_open_case(session, case_id)
    if not is_user(by):
        raise DomainError(
            "case.closing_by_key",
            403,
            "An API key can only propose closing an emergency. A user has to take over the proposal, and an "
            "approver has to confirm it.",
        )
    if case.closing is None:
        raise DomainError("case.not_proposed", 409, "No one has proposed closing this case.")
    if case.closing["by"] == by:
        raise DomainError("case.same_user", 409, "You proposed closing this case. A different user has to confirm it.")
    if case.closing["at"] != proposed_at:
        raise DomainError(
            "case.closing_changed",
            409,
            "The proposal to close this case has changed since you opened the page. Read it again before you decide.",
        )
    return case, case.closing


def _check_approver(is_approver: bool) -> None:
    if not is_approver:
        raise DomainError(
            "case.closing_approver",
            403,
            "People were in danger, so only an approver or an admin can close this case.",
        )


def _check_unrelated(session: Session, proposer: str, approver: str, at: datetime) -> None:
    """Refuse two users of whom one created the account of the other or changed its access a few days ago: whoever can do that
    can also sign in as the other.
    """
    for actor, user in ((proposer, approver), (approver, proposer)):
        user_id, since = user.partition(":")[2], at - ACQUAINTED
        if any(
            list_events(
                session, actor=actor, action=action, object_type="user", object_id=user_id, since=since, limit=1
            ).events
            for action in LET_IN
        ):
            raise DomainError(
                "case.related_users",
                409,
                "One of the two users changed the account of the other in the last %(days)s days. Ask another approver to "
                "confirm this.",
                values={"days": ACQUAINTED.days},
            )


def is_user(actor: str) -> bool:
    """Return whether an actor of the audit trail is a user, and not an API key or a process."""
    return actor.startswith("user:")


def _get_open_case(session: Session, case_id: str) -> StoredCase:
    case = get_case(session, case_id, lock=True)
    if case.state == "closed":
        raise DomainError("case.closed", 409, "The case is already closed.")
    return case


def _describe_check(
    session: Session, case: StoredCase, outcome: str, check: WorkerCheck | None, on: date
) -> dict[str, Any]:
    """Return an outcome with the check behind it as JSON. Raises DomainError as :func:`close_case` does."""
    needed = "the date on which someone spoke to the workers, how many there were, and who chose them"
    if check is None:
        raise DomainError("case.closing_check", 422, f"Before you close an emergency, enter {needed}.")
    if check.checked_on > on:
        raise DomainError("date.future", 422, "The date on which someone spoke to the workers is in the future.")
    if check.checked_on < _find_newest_day(session, case) - timedelta(days=1):  # a day: time zones
        raise DomainError(
            "case.closing_check",
            422,
            "Someone has to speak to the workers after the case was opened and after the newest finding. Enter a later date.",
        )
    if check.chosen_by not in CHOSEN_BY:
        raise DomainError("case.closing_check", 422, f"Choose who selected the workers: {', '.join(CHOSEN_BY)}.")
    if check.chosen_by == MANAGEMENT:
        raise DomainError(
            "case.chosen_by_management",
            422,
            "Workers chosen by management may not be able to speak freely. The case stays open until someone has spoken to "
            "workers chosen by others.",
        )
    if (check.workers < 1) != (check.chosen_by == NO_ONE) or (check.workers < 1 and outcome != MISTAKE):
        raise DomainError(
            "case.closing_check",
            422,
            "Enter how many workers were spoken to. The number can be 0 only for a case entered by mistake.",
        )
    return {
        "outcome": outcome,
        "checked_on": check.checked_on.isoformat(),
        "workers": check.workers,
        "chosen_by": check.chosen_by,
    }


def _find_newest_day(session: Session, case: StoredCase) -> date:
    """Return the day on which a case was opened or on which the newest of its harms was found, whichever is later."""
    days = [case.created_at.date()]
    for finding in list_findings(session, [case]).get(case.id, ()):
        if finding.found:
            found_on = finding.found_on or ""
            days.append(date.fromisoformat(found_on) if len(found_on) == 10 else finding.created_at.date())
    return max(days)


def _get_closing_details(closing: Mapping[str, Any]) -> dict[str, Any]:
    return {name: closing[name] for name in ("outcome", "checked_on", "workers", "chosen_by")}


def _close(
    session: Session, case: StoredCase, outcome: str, on: date, at: datetime, by: str, details: Mapping[str, Any]
) -> StoredCase:
    case.state, case.outcome, case.closed_by, case.closed_at = "closed", outcome, by, at
    record_event(session, by, "case.closed", "case", case.id, details)
    session.flush()
    reassess_suppliers(session, [case], on, at, by)
    return case
