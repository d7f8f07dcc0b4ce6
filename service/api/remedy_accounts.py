"""API views of remedy accounts: what workers are owed and were paid. Confirming a payment takes a person, on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from service.api.body import parse_day
from service.api.repayment import calculate
from service.api.responses import Reply, build_etag, check_version, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.db.redress_tables import RemedyAccount, RemedyInstalment
from service.errors import not_found
from service.remediation import remedy_accounts as accounts
from service.remediation.remedy_accounts import Payment
from service.remediation.remedy_totals import compute_totals, list_instalments
from service.remediation.steps import build_act
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]


def list_accounts(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the remedy accounts of a supplier, newest first."""
    found = accounts.list_accounts(session, suppliers.get_supplier(session, kind, supplier_id).id)
    instalments = list_instalments(session, [account.id for account in found])
    return whole_list([_describe(account, instalments[account.id]) for account in found])


def create_account(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Calculate what cohorts of workers are owed, and save it as a remedy account of a supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    account = accounts.save_account(session, supplier, calculate(body), build_act(get_caller(), now()))
    return _reply(session, account, 201)


def get_account(session: Session, account_id: str) -> Reply:
    """Return a remedy account."""
    return _reply(session, accounts.get_account(session, account_id, lock=False))


def change_account(session: Session, account_id: str, body: Values) -> Reply:
    """Record how many workers were not found, what was done for them, and why workers are still owed; what is left out stays."""
    account = accounts.get_account(session, account_id)
    check_version(build_etag(account))
    accounts.explain_unpaid(
        session,
        account,
        body.get("not_found", account.not_found),
        body.get("measures", account.measures),
        body.get("still_owed", account.still_owed) or "",
        build_act(get_caller(), now()),
    )
    return _reply(session, account)


def delete_account(session: Session, account_id: str) -> Reply:
    """Delete a remedy account for which no payment has been recorded."""
    account = accounts.get_account(session, account_id)
    check_version(build_etag(account))
    accounts.delete_account(session, account, build_act(get_caller(), now()))
    return Reply(None, 204)


def put_payment(session: Session, account_id: str, number: str, body: Values) -> Reply:
    """Record that an instalment was paid."""
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise not_found("Instalment not found.")
    account = accounts.get_account(session, account_id)
    check_version(build_etag(account))
    payment = Payment(parse_day("paid_on", body["paid_on"]), body["amount"], body["workers"], body["proof"])
    accounts.record_payment(session, account, int(number), payment, build_act(get_caller(), now()))
    return _reply(session, account)


def _reply(session: Session, account: RemedyAccount, status: int = 200) -> Reply:
    instalments = list_instalments(session, [account.id])[account.id]
    return Reply(_describe(account, instalments), status, etag=build_etag(account))


def _describe(account: RemedyAccount, instalments: Sequence[RemedyInstalment]) -> Resource:
    """Return an account with its instalments and sums."""
    totals = compute_totals(account, instalments)
    return Resource(
        account,
        owed={"low": account.low, "central": account.central, "high": account.high},
        paid=f"{totals.paid:.2f}",
        confirmed=f"{totals.confirmed:.2f}",
        workers_paid=totals.workers_paid,
        workers_owed=totals.workers_owed,
        cohorts=[_describe_cohort(cohort) for cohort in account.cohorts],
        instalments=list(instalments),
    )


def _describe_cohort(cohort: Values) -> dict[str, Any]:
    owed = {name: cohort[name] for name in ("low", "central", "high")}
    return {**{name: value for name, value in cohort.items() if name not in owed}, "owed": owed}
