"""Record the checks of a retaliation watch: how many workers have suffered since they spoke up, as group figures.

Signs reopen what was put right and become a finding in a case record, which is how what workers report reaches a score. The
watch itself changes no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.case_reading.worker_selection import CHOSEN_BY, MANAGEMENT, NO_ONE
from service.cases import service as case_service
from service.db.case_tables import StoredCase
from service.db.remediation_tables import Finding
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.errors import DomainError, not_found
from service.remediation import findings as finding_service
from service.remediation.rules import check_reason, check_text
from service.remediation.steps import Act
from service.retaliation.rules import add_months, list_signs, load_watch_rules
from service.retaliation.watches import begin_again, check_open, end_watch, list_pending, withdraw_request

NO_SIGN, SIGNS, NOT_POSSIBLE = "no_sign", "signs", "not_possible"
RESULTS = (NO_SIGN, SIGNS, NOT_POSSIBLE)
MAX_WORKERS = 100_000
REOPENED = "A retaliation check found signs that workers have suffered for speaking up."


@dataclass(frozen=True)
class Outcome:
    """What a check found: the day, the kind of people who said so (``source``), how many workers were spoken to and who chose
    them, how many workers each sign concerns (``figures``), and why a check was not possible.
    """

    result: str
    checked_on: date
    source: str = ""
    workers: int = 0
    chosen_by: str = NO_ONE
    figures: Mapping[str, int | None] | None = None
    reason: str = ""


def record_check(session: Session, watch: RetaliationWatch, check_id: str, outcome: Outcome, act: Act) -> None:
    """Record a check of a locked watch. Signs may be recorded before the check is due.

    Raises DomainError: ``not_found``, 404; ``transition.by_key``, 403; ``watch.ended``, ``check.recorded``, ``check.too_early``,
    409; ``check.result``, ``check.source``, ``check.workers``, ``check.chosen_by_management``, ``check.figures``,
    ``date.future``, ``transition.reason``, ``text.too_long``, ``person.*``, 422.
    """
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot record a check; only a user can.")
    check_open(watch)
    check = _get_pending(session, watch, check_id)
    _check_day(session, watch, check, outcome, act)
    _check_content(outcome)
    _fill(check, outcome, act)
    watch.version += 1
    details = {"result": outcome.result, "check": check.id}
    record_event(session, act.actor.name, "retaliation_watch.checked", "retaliation_watch", watch.id, details)
    session.flush()
    if outcome.result == SIGNS:
        _follow_signs(session, watch, outcome, act)
    if not list_pending(session, watch):
        if outcome.result == NO_SIGN:
            withdraw_request(watch)  # nobody has to agree any more
            end_watch(session, watch, act)
        else:  # an open watch has a check to be made, also after signs of a day on which its months had already begun
            last = act.on if outcome.result == SIGNS else outcome.checked_on
            due = add_months(last, load_watch_rules()["checks"]["repeat_months"])
            session.add(RetaliationCheck(watch_id=watch.id, month=0, due=due))
    session.flush()


def _get_pending(session: Session, watch: RetaliationWatch, check_id: str) -> RetaliationCheck:
    query = select(RetaliationCheck).where(RetaliationCheck.id == check_id, RetaliationCheck.watch_id == watch.id)
    check = session.scalars(query).first()
    if check is None:
        raise not_found("Check not found.")
    if check.result is not None:
        raise DomainError("check.recorded", 409, "This check has already been recorded.")
    return check


def _check_day(session: Session, watch: RetaliationWatch, check: RetaliationCheck, outcome: Outcome, act: Act) -> None:
    if outcome.result not in RESULTS:
        raise DomainError("check.result", 422, f"Choose what the check found: {', '.join(RESULTS)}.")
    if outcome.checked_on > act.on:
        raise DomainError("date.future", 422, "The date of the check is in the future.")
    is_last = check.due == max(each.due for each in list_pending(session, watch))
    early = timedelta(days=0 if is_last else load_watch_rules()["checks"]["early_days"])
    first = watch.started_on if outcome.result == SIGNS else check.due - early
    if outcome.checked_on < first:
        detail = (
            f"A check that finds no signs counts only if it was made on or after {first.isoformat()}. Signs can be recorded at "
            "any time."
        )
        if outcome.result == SIGNS:
            detail = "This date is before the watch began. Add the finding to the case record instead."
        raise DomainError("check.too_early", 409, detail)


def _check_content(outcome: Outcome) -> None:
    check_reason(outcome.reason, is_needed=outcome.result == NOT_POSSIBLE)
    check_text(outcome.reason)
    if outcome.result == NOT_POSSIBLE:
        return
    sources = load_watch_rules()["source"]
    if outcome.source not in sources:
        raise DomainError("check.source", 422, f"Choose the source: {', '.join(sources)}.")
    _check_workers(outcome)
    figures = outcome.figures or {}
    known = all(
        isinstance(figures.get(sign), int) and 0 <= (figures[sign] or 0) <= MAX_WORKERS for sign in list_signs()
    )
    if not known or figures.keys() != list_signs().keys():
        raise DomainError(
            "check.figures",
            422,
            f"Enter the number of workers affected by each sign, or 0 for none: {', '.join(list_signs())}. "
            "If the numbers are not known, record that a check was not possible.",
        )
    if any(figures.values()) != (outcome.result == SIGNS):
        raise DomainError(
            "check.figures",
            422,
            "The figures and the result do not match: if any figure is above 0, the "
            "result must be that there are signs.",
        )


def _check_workers(outcome: Outcome) -> None:
    """Without signs, workers whom the management did not choose have to have been asked; signs count whoever reports them."""
    if outcome.result == SIGNS and outcome.workers == 0:
        return
    if not 1 <= outcome.workers <= MAX_WORKERS or outcome.chosen_by not in CHOSEN_BY or outcome.chosen_by == NO_ONE:
        raise DomainError(
            "check.workers", 422, "Enter how many workers were spoken to (at least one), and who chose them."
        )
    if outcome.result == NO_SIGN and outcome.chosen_by == MANAGEMENT:
        raise DomainError(
            "check.chosen_by_management",
            422,
            "Workers chosen by management may not be able to speak freely. Ask workers chosen by others, or record that a "
            "check was not possible.",
        )


def _fill(check: RetaliationCheck, outcome: Outcome, act: Act) -> None:
    check.result, check.checked_on = outcome.result, outcome.checked_on
    check.reason = outcome.reason.strip() or None
    check.recorded_by, check.recorded_at = act.actor.name, act.at
    if outcome.result != NOT_POSSIBLE:
        check.source, check.figures = outcome.source, dict(outcome.figures or {})
        check.workers, check.chosen_by = outcome.workers, outcome.chosen_by if outcome.workers else NO_ONE


def _follow_signs(session: Session, watch: RetaliationWatch, outcome: Outcome, act: Act) -> None:
    """Begin the months again, reopen what was put right on the word of workers, and record the signs in a case record."""
    begin_again(session, watch, outcome.checked_on, act)
    withdraw_request(watch)
    put_right = select(Finding).where(
        Finding.supplier_id == watch.supplier_id, Finding.worker_derived, Finding.state.in_(("remedied", "closed"))
    )
    for finding in session.scalars(put_right.order_by(Finding.id).with_for_update()).all():
        finding_service.change_state(session, finding, "reopened", REOPENED, act)
    _record_in_case(session, watch, outcome, act)


def _record_in_case(session: Session, watch: RetaliationWatch, outcome: Outcome, act: Act) -> None:
    signs = [sign for sign, workers in (outcome.figures or {}).items() if workers]
    source = load_watch_rules()["source"][outcome.source]
    recorded = {"phase": "work", "source": source, "found_on": outcome.checked_on.isoformat()}
    found = [{"finding": finding, **recorded} for finding in dict.fromkeys(list_signs()[sign] for sign in signs)]
    by = act.actor.name
    if watch.case_id is not None and session.get(StoredCase, watch.case_id) is not None:
        for finding in found:
            case_service.add_finding(session, watch.case_id, finding, act.on, act.at, by)
        return
    # In letters, because some digits in a case number would look like somebody's telephone or identity number.
    code = "".join(chr(ord("A") + int(digit, 16)) for digit in watch.id[:8])
    number = {"case_id": f"Retaliation {code}"}
    case = case_service.open_case(session, number, found, act.on, act.at, by, supplier_id=watch.supplier_id)
    watch.case_id = case.id
