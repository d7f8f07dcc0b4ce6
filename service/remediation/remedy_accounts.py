"""Remedy accounts: what the workers of a supplier are owed, what they were paid, and what they themselves confirmed.

An account is a repayment calculation that is saved. Its figures are never changed: a new calculation is a new account. A payment
is recorded by one user and confirmed by another, on the word of workers or of those who spoke with them. There are numbers only,
never names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.repayment.exchange import NUMBER
from service.audit import record_event
from service.db.redress_tables import RemedyAccount, RemedyInstalment
from service.db.tables import Supplier, new_id
from service.errors import DomainError, not_found
from service.remediation.fee_repayment import Document
from service.remediation.redress_rules import load_redress_rules
from service.remediation.remedy_totals import ALL, CENT, list_instalments
from service.remediation.rules import check_text, load_rules
from service.remediation.steps import MAX_REFERENCE, Act


@dataclass(frozen=True)
class Payment:
    """A payment as it is recorded: the day, the amount, how many workers received it, and where its proof is kept."""

    paid_on: date
    amount: str
    workers: int
    proof: str


@dataclass(frozen=True)
class Confirmation:
    """What workers say of a payment: when and by whom (``source``) they were asked, how many, and how many were paid in full."""

    on: date
    source: str
    asked: int
    confirming: int


def save_account(session: Session, supplier: Supplier, document: Document, act: Act) -> RemedyAccount:
    """Save a calculation (``repayment.json``) for a supplier, with an instalment for each payment it plans, and return it."""
    groups = {(each["cohort"], each["group"]): each["workers"] for each in document["instalments"]}
    account = RemedyAccount(
        id=new_id(),
        supplier_id=supplier.id,
        record_id=supplier.id,
        rules_version=document["rules"]["version"],
        rules_digest=document["rules"]["sha256"],
        calculated_on=date.fromisoformat(document["on"]),
        deadline=date.fromisoformat(document["terms"]["deadline"]),
        complete=document["complete"],
        currency=document["currency"],
        **document["total"],
        workers=sum(groups.values()),
        cohorts=[_describe_cohort(cohort) for cohort in document["cohorts"]],
        measures=[],
        created_by=act.actor.name,
        created_at=act.at,
    )
    session.add(account)
    session.flush()
    session.add_all(
        RemedyInstalment(
            account_id=account.id,
            number=number,
            due=date.fromisoformat(planned["due"]),
            cohort=planned["cohort"],
            staff=planned["group"] if planned["cohort"] else ALL,
            workers=planned["workers"] or account.workers,  # money that is not divided by cohort is for all
            amount=planned["amount"],
        )
        for number, planned in enumerate(document["instalments"], 1)
    )
    details = {"supplier": supplier.id, "currency": account.currency, "central": account.central}
    record_event(session, act.actor.name, "remedy_account.saved", "remedy_account", account.id, details)
    session.flush()
    return account


def _describe_cohort(cohort: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cohort": cohort["cohort"],
        "origin": cohort["origin"],
        "destination": cohort["destination"],
        "workers": cohort["current"] + cohort["past"],
        **cohort["total"],
    }


def list_accounts(session: Session, supplier_id: str) -> Sequence[RemedyAccount]:
    """Return the accounts of a supplier, newest first."""
    query = select(RemedyAccount).where(RemedyAccount.supplier_id == supplier_id)
    return session.scalars(query.order_by(RemedyAccount.created_at.desc(), RemedyAccount.id)).all()


def get_account(session: Session, account_id: str, *, version: int | None = None, lock: bool = True) -> RemedyAccount:
    """Return an account, locked until the transaction ends.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404; ``remedy.changed``, 409.
    """
    query = select(RemedyAccount).where(RemedyAccount.id == account_id)
    if lock:
        query = query.with_for_update()
    account = session.scalars(query).first()
    if account is None:
        raise not_found("Remedy account not found.")
    if version is not None and account.version != version:
        raise DomainError(
            "remedy.changed", 409, "This account has changed since you opened it. Check the current version first."
        )
    return account


def record_payment(session: Session, account: RemedyAccount, number: int, payment: Payment, act: Act) -> None:
    """Record that an instalment of a locked account was paid. An earlier entry is replaced, until all the workers who were asked
    have confirmed it. What they said of it stands until they are asked again.

    Raises DomainError: ``not_found``, 404; ``evidence.nobody``, 403, for a key that nobody answers for; ``remedy.confirmed``,
    409; ``date.future``, ``remedy.amount``, ``remedy.workers``, ``remedy.proof``, ``text.too_long``, ``person.*``, 422.
    """
    if act.actor.person is None:
        raise DomainError(
            "evidence.nobody", 403, "This API key does not belong to any user, so it cannot be used to submit evidence."
        )
    instalment = _get_instalment(session, account, number)
    if instalment.is_confirmed:
        raise DomainError("remedy.confirmed", 409, "Workers have already confirmed this payment.")
    if payment.paid_on > act.on:
        raise DomainError("date.future", 422, "The date of the payment is in the future.")
    if not 0 < payment.workers <= instalment.workers:
        detail = f"Enter how many workers were paid, from 1 to {instalment.workers:,} for this instalment."
        raise DomainError("remedy.workers", 422, detail)
    if not payment.proof.strip():
        raise DomainError(
            "remedy.proof", 422, "Enter where the proof of payment is kept, and a document or file number."
        )
    check_text(payment.proof, MAX_REFERENCE)
    instalment.paid_on, instalment.paid = payment.paid_on, _parse_amount(payment.amount)
    instalment.workers_paid, instalment.proof = payment.workers, payment.proof.strip()
    instalment.paid_by, instalment.person = act.actor.name, act.actor.person
    details = {"number": number, "paid_on": payment.paid_on.isoformat(), "paid": instalment.paid}
    _record_change(session, account, "remedy_account.paid", {**details, "workers": payment.workers}, act)


def confirm_payment(
    session: Session, account: RemedyAccount, number: int, confirmation: Confirmation, act: Act
) -> None:
    """Record what workers say of a payment. A user other than the one who recorded the payment does it.

    Raises DomainError: ``not_found``, 404; ``remedy.unpaid``, 409; ``transition.by_key``, ``remedy.same_user``, 403;
    ``date.future``, ``remedy.source``, ``remedy.too_early``, ``remedy.workers``, 422.
    """
    instalment = _get_instalment(session, account, number)
    if instalment.paid_on is None:
        raise DomainError("remedy.unpaid", 409, "No payment has been recorded for this instalment.")
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot confirm a payment; only a user can.")
    if act.actor.person == instalment.person:
        raise DomainError("remedy.same_user", 403, "You recorded this payment. A different user has to confirm it.")
    sources = load_rules()["verification"]["worker_side"]
    if confirmation.source not in sources:
        raise DomainError("remedy.source", 422, f"Choose who confirmed the payment: {', '.join(sources)}.")
    if confirmation.on > act.on:
        raise DomainError("date.future", 422, "The date on which workers were asked is in the future.")
    if confirmation.on < instalment.paid_on:
        raise DomainError(
            "remedy.too_early", 422, "The date on which workers were asked must not be earlier than the payment."
        )
    if not (confirmation.asked > 0 and 0 <= confirmation.confirming <= confirmation.asked <= instalment.workers):
        detail = (
            f"Enter how many workers were asked, from 1 to {instalment.workers:,}, and how many of them were paid in "
            "full."
        )
        raise DomainError("remedy.workers", 422, detail)
    instalment.confirmed_on, instalment.confirmed_source = confirmation.on, confirmation.source
    instalment.workers_asked, instalment.workers_confirming = confirmation.asked, confirmation.confirming
    instalment.confirmed_by = act.actor.name
    details = {"number": number, "source": confirmation.source, "asked": confirmation.asked}
    _record_change(
        session, account, "remedy_account.confirmed", {**details, "confirming": confirmation.confirming}, act
    )


def explain_unpaid(
    session: Session, account: RemedyAccount, not_found: int, measures: Iterable[str], still_owed: str, act: Act
) -> None:
    """Record of a locked account how many workers were not found, what was done for them, and why workers are still owed ("" if
    none are).

    Raises DomainError, 422: ``remedy.workers``, ``remedy.measures``, ``text.too_long``, ``person.*``.
    """
    allowed, chosen = load_redress_rules()["account"]["measures"], list(dict.fromkeys(measures))
    if not 0 <= not_found <= account.workers:
        detail = f"Enter how many workers were not found, from 0 to {account.workers:,}."
        raise DomainError("remedy.workers", 422, detail)
    if not set(chosen) <= set(allowed) or (not_found and not chosen):
        detail = f"Choose what was done for the workers who could not be found: {', '.join(allowed)}."
        raise DomainError("remedy.measures", 422, detail)
    check_text(still_owed)
    account.not_found, account.measures, account.still_owed = not_found, chosen, still_owed.strip() or None
    details = {"not_found": not_found, "measures": chosen, "has_reason": account.still_owed is not None}
    _record_change(session, account, "remedy_account.explained", details, act)


def delete_account(session: Session, account: RemedyAccount, act: Act) -> None:
    """Delete a locked account on which no payment was recorded. Raises DomainError ``remedy.paid``, 409."""
    if any(instalment.paid_on for instalment in list_instalments(session, [account.id])[account.id]):
        raise DomainError("remedy.paid", 409, "Payments were recorded on this account, so it cannot be deleted.")
    details = {"supplier": account.supplier_id}
    record_event(session, act.actor.name, "remedy_account.deleted", "remedy_account", account.id, details)
    session.delete(account)
    session.flush()


def _get_instalment(session: Session, account: RemedyAccount, number: int) -> RemedyInstalment:
    query = select(RemedyInstalment).where(RemedyInstalment.account_id == account.id, RemedyInstalment.number == number)
    instalment = session.scalars(query).first()
    if instalment is None:
        raise not_found("Instalment not found.")
    return instalment


def _parse_amount(text: str) -> str:
    amount = Decimal(text.strip()).quantize(CENT) if NUMBER.fullmatch(text.strip()) else Decimal(0)
    if not amount:
        raise DomainError("remedy.amount", 422, "Enter the amount that was paid as a number, such as 1250.50.")
    return str(amount)


def _record_change(session: Session, account: RemedyAccount, what: str, details: Mapping[str, Any], act: Act) -> None:
    account.version += 1
    record_event(session, act.actor.name, what, "remedy_account", account.id, details)
    session.flush()
