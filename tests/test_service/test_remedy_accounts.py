"""Test remedy accounts: what workers are owed, how payments are recorded and confirmed, and when a step of repayment closes."""

import io
from datetime import date, datetime, timedelta
from decimal import Decimal

import cohorts
import pytest
from callers import form_token, make_browser, make_organisation, make_user, send
from examples import examples
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from portal import Portal
from sample_objects import make_step, make_supplier
from sqlalchemy import select
from test_api_repayments import BODY

from service.auth import keys
from service.clock import now
from service.db.identity_tables import SupplierMerge
from service.db.redress_tables import RemedyAccount, RemedyInstalment
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.errors import DomainError
from service.remediation import remedy_accounts as accounts
from service.remediation import steps
from service.remediation.remedy_accounts import Confirmation, Payment
from service.remediation.remedy_totals import compute_totals, list_instalments
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.suppliers.merging import merge_suppliers, undo_merge

TODAY = date(2026, 11, 28)
AMOUNTS = {"low": "900.00", "central": "1200.00", "high": "1500.00"}
DOCUMENT = {
    "rules": {"version": "2026.1", "sha256": "0" * 64},
    "on": "2026-11-01",
    "terms": {"deadline": "2027-01-30"},
    "complete": True,
    "currency": "USD",
    "total": AMOUNTS,
    "cohorts": [{"cohort": "NP-25", "origin": "NP", "destination": "MY", "current": 8, "past": 4, "total": AMOUNTS}],
    "instalments": [
        {"due": "2026-11-10", "cohort": "NP-25", "group": "past", "workers": 4, "amount": "400.00"},
        {"due": "2026-11-10", "cohort": "NP-25", "group": "current", "workers": 8, "amount": "400.00"},
        {"due": "2026-12-10", "cohort": "NP-25", "group": "current", "workers": 8, "amount": "400.00"},
    ],
}


def act_as(person: str = "ana", role: str | None = "officer") -> Act:
    at = datetime.fromisoformat(f"{TODAY.isoformat()}T12:00:00+00:00")
    return Act(Actor(f"user:{person}", role, person), TODAY, at, sees_worker_derived=True)


def pay(amount: str = "400.00", workers: int = 4, **changes: object) -> Payment:
    return Payment(**{"paid_on": TODAY, "amount": amount, "workers": workers, "proof": "Bank file 7", **changes})


class Case:
    """A supplier with a remedy account of twelve workers, who are owed 1,200 dollars in three instalments."""

    def __init__(self, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        with database.for_organisation(self.id) as session:
            supplier = make_supplier(session, {})
            session.add(supplier)
            session.flush()
            step = make_step(session, {"supplier_id": supplier.id})
            step.action, step.state = "repay_workers", "verified"
            session.add(step)
            self.account = accounts.save_account(session, supplier, DOCUMENT, act_as()).id
            self.supplier, self.step = supplier.id, step.id

    def do(self, what: object, *more: object, by: Act | None = None) -> None:
        with self.database.for_organisation(self.id) as session:
            what(session, accounts.get_account(session, self.account), *more, by or act_as())

    def refuse(self, what: object, *more: object, by: Act | None = None) -> str:
        with pytest.raises(DomainError) as refused:
            self.do(what, *more, by=by)
        return refused.value.code

    def close(self) -> None:
        with self.database.for_organisation(self.id) as session:
            steps.change_state(session, session.get_one(Step, self.step), "closed", None, act_as())

    def read_totals(self) -> tuple[str, str, int, int]:
        with self.database.for_organisation(self.id, write=False) as session:
            account = session.get_one(RemedyAccount, self.account)
            totals = compute_totals(account, list_instalments(session, [account.id])[account.id])
        return str(totals.paid), str(totals.confirmed), totals.workers_paid, totals.workers_owed


@pytest.fixture
def case(database: Database) -> Case:
    return Case(database)


@pytest.fixture
def quick(sqlite_database: Database) -> Case:
    """The same where the kind of database makes no difference."""
    return Case(sqlite_database)


def test_workers_count_as_paid_once_each_of_their_instalments_is(quick: Case):
    assert quick.read_totals() == ("0", "0.00", 0, 12)
    quick.do(accounts.record_payment, 1, pay())
    quick.do(accounts.record_payment, 2, pay(workers=8))
    assert quick.read_totals() == ("800.00", "0.00", 4, 8)
    quick.do(accounts.record_payment, 3, pay("399.99", 8))
    assert quick.read_totals()[2:] == (4, 8)
    quick.do(accounts.record_payment, 3, pay(workers=6))
    assert quick.read_totals()[2:] == (10, 2)


def test_a_payment_is_confirmed_by_somebody_else_on_the_word_of_workers(quick: Case):
    asked = Confirmation(TODAY, "union_ngo", 4, 3)
    assert quick.refuse(accounts.confirm_payment, 1, asked, by=act_as("bo")) == "remedy.unpaid"
    quick.do(accounts.record_payment, 1, pay())
    assert quick.refuse(accounts.confirm_payment, 1, asked) == "remedy.same_user"
    assert quick.refuse(accounts.confirm_payment, 1, asked, by=act_as("bo", None)) == "transition.by_key"
    on_paper = Confirmation(TODAY, "document", 4, 4)
    assert quick.refuse(accounts.confirm_payment, 1, on_paper, by=act_as("bo")) == "remedy.source"
    before = Confirmation(TODAY - timedelta(days=1), "union_ngo", 4, 4)
    assert quick.refuse(accounts.confirm_payment, 1, before, by=act_as("bo")) == "remedy.too_early"
    quick.do(accounts.confirm_payment, 1, asked, by=act_as("bo"))
    assert quick.read_totals()[:2] == ("400.00", "300.00")
    quick.do(
        accounts.record_payment, 1, pay("480.00")
    )  # what was missing was paid, and those asked have not said so yet
    assert quick.read_totals()[:2] == ("480.00", "360.00")
    quick.do(accounts.confirm_payment, 1, Confirmation(TODAY, "union_ngo", 4, 4), by=act_as("bo"))
    assert quick.refuse(accounts.record_payment, 1, pay("1")) == "remedy.confirmed"


def test_a_payment_that_cannot_be_is_refused(quick: Case):
    refused = {
        "remedy.amount": [pay("0.00"), pay("-5")],
        "remedy.workers": [pay(workers=5), pay(workers=0)],
        "remedy.proof": [pay(proof=" ")],
        "person.identity_number": [pay(proof="passport AB1234567")],
        "date.future": [pay(paid_on=TODAY + timedelta(days=1))],
    }
    for code, payments in refused.items():
        assert {quick.refuse(accounts.record_payment, 1, payment) for payment in payments} == {code}
    assert quick.read_totals()[0] == "0"


def test_a_step_of_repayment_is_closed_when_workers_are_paid_or_it_is_said_why_not(case: Case):
    with pytest.raises(DomainError, match="12 of 12 have not been paid in full") as refused:
        case.close()
    assert refused.value.code == "remedy.owed"
    assert case.refuse(accounts.explain_unpaid, 2, [], "Two cannot be reached.") == "remedy.measures"
    assert case.refuse(accounts.explain_unpaid, 13, ["searching"], "") == "remedy.workers"
    case.do(accounts.explain_unpaid, 2, ["held_in_trust"], "")
    with pytest.raises(DomainError):
        case.close()
    case.do(accounts.explain_unpaid, 2, ["held_in_trust"], "Two cannot be reached; a trust keeps their money.")
    case.close()


def test_a_step_of_repayment_is_closed_once_all_are_paid(quick: Case):
    for number, workers in ((1, 4), (2, 8), (3, 8)):
        quick.do(accounts.record_payment, number, pay(workers=workers))
    quick.close()


def test_a_step_of_repayment_stays_open_while_workers_who_were_asked_say_that_they_were_not_paid(quick: Case):
    for number, workers in ((1, 4), (2, 8), (3, 8)):
        quick.do(accounts.record_payment, number, pay(workers=workers))
    quick.do(accounts.confirm_payment, 2, Confirmation(TODAY, "worker_voice", 8, 7), by=act_as("bo"))
    with pytest.raises(DomainError, match="asked had not been paid in full"):
        quick.close()
    quick.do(accounts.confirm_payment, 2, Confirmation(TODAY, "worker_voice", 8, 8), by=act_as("bo"))
    quick.close()


UNDIVIDED = {"due": "2026-11-10", "cohort": "", "group": "", "workers": 0, "amount": "100.00"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"complete": False}, "leaves out some of the uploaded data"),
        ({"instalments": []}, "not every instalment"),
        ({"instalments": [*DOCUMENT["instalments"], UNDIVIDED]}, "to all the workers"),
    ],
)
def test_a_calculation_that_leaves_money_or_workers_out_never_counts_as_paid(
    quick: Case, changes: dict[str, object], why: str
):
    with quick.database.for_organisation(quick.id) as session:
        accounts.delete_account(session, accounts.get_account(session, quick.account), act_as())
        supplier = session.get_one(Supplier, quick.supplier)
        quick.account = accounts.save_account(session, supplier, {**DOCUMENT, **changes}, act_as()).id
        planned = list_instalments(session, [quick.account])[quick.account]
        payments = [(each.number, pay(each.amount, min(each.workers, 8))) for each in planned]
    for number, payment in payments:
        quick.do(accounts.record_payment, number, payment)
    with pytest.raises(DomainError, match=why) as refused:
        quick.close()
    assert refused.value.code == "remedy.owed"


def test_an_account_is_deleted_only_before_the_first_payment(case: Case):
    with case.database.for_organisation(case.id) as session:
        supplier = session.get_one(Supplier, case.supplier)
        again = accounts.save_account(session, supplier, DOCUMENT, act_as())
        accounts.delete_account(session, again, act_as())
    case.do(accounts.record_payment, 1, pay())
    assert case.refuse(accounts.delete_account) == "remedy.paid"
    with case.database.for_organisation(case.id, write=False) as session:
        assert {one.account_id for one in session.scalars(select(RemedyInstalment))} == {case.account}


def test_an_account_follows_its_supplier_through_a_merge_and_back(case: Case):
    with case.database.for_organisation(case.id) as session:
        target = make_supplier(session, {})
        session.add(target)
        session.flush()
        merge_suppliers(session, session.get_one(Supplier, case.supplier), target, now(), "user:ana")
    with case.database.for_organisation(case.id) as session:
        account = session.get_one(RemedyAccount, case.account)
        assert (account.supplier_id, account.record_id) == (target.id, case.supplier)
        merge = session.scalars(select(SupplierMerge.id)).one()
        undo_merge(session, merge, now(), "user:ana")
    with case.database.for_organisation(case.id, write=False) as session:
        assert session.get_one(RemedyAccount, case.account).supplier_id == case.supplier


PAYMENTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 60_000), st.integers(0, 8)), min_size=3, max_size=3)


@given(payments=PAYMENTS)
@examples(25)
def test_no_more_is_confirmed_than_was_paid_and_nobody_is_counted_twice(payments: list[tuple[int, int, int]]):
    account = RemedyAccount(central="1200.00", workers=12, complete=True)
    instalments = [
        RemedyInstalment(
            cohort=planned["cohort"],
            staff=planned["group"],
            amount=planned["amount"],
            paid=f"{cents / 100:.2f}" if workers else None,
            workers_paid=min(workers, planned["workers"]) or None,
            workers_asked=8 if workers else None,
            workers_confirming=confirming if workers else None,
        )
        for planned, (workers, cents, confirming) in zip(DOCUMENT["instalments"], payments, strict=True)
    ]
    totals = compute_totals(account, instalments)
    assert 0 <= totals.confirmed <= totals.paid == sum(Decimal(one.paid or 0) for one in instalments)
    assert 0 <= totals.workers_paid <= 12
    assert totals.workers_paid + totals.workers_owed == 12
    assert not (totals.is_paid and totals.paid < totals.owed)


class Office:
    """A supplier, an officer, a second person, and a key that the officer answers for."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        with database.for_organisation(self.id) as session:
            supplier = make_supplier(session, {})
            session.add(supplier)
            session.flush()
            self.supplier = supplier.id
        ana = make_user(database, self.id)
        self.ana, self.bo = (make_browser(app, user) for user in (ana, make_user(database, self.id, "approver")))
        with database.for_organisation(self.id) as session:
            scopes = ("remediation:read", "remediation:write")
            _key, text = keys.create_key(session, "Portal", scopes, 30, "system:test", owner_id=ana)
        self.portal = Portal(app, {"Authorization": f"Bearer {text}"})


@pytest.fixture
def office(app: Flask, database: Database) -> Office:
    return Office(app, database)


def test_an_account_is_saved_paid_and_read_through_the_api(office: Office):
    path = f"/suppliers/{office.supplier}/remedy-accounts"
    saved = office.portal.post(path, BODY, Idempotency_Key="repayment-1")
    assert (saved.status_code, saved.json["owed"]["central"], saved.json["workers_owed"]) == (201, "4500.00", 16)
    assert office.portal.post(path, BODY, Idempotency_Key="repayment-1").json == saved.json
    one = f"/remedy-accounts/{saved.json['id']}"
    instalment = saved.json["instalments"][0]
    payment = {
        "paid_on": "2026-02-01",
        "amount": instalment["amount"],
        "workers": instalment["workers"],
        "proof": "File 7",
    }
    paid = office.portal.put(f"{one}/instalments/1/payment", payment, If_Match=saved.headers["ETag"])
    assert (paid.status_code, paid.json["paid"]) == (200, instalment["amount"])
    assert paid.json["workers_paid"] == instalment["workers"]
    stale = office.portal.put(f"{one}/instalments/1/payment", payment, If_Match=saved.headers["ETag"])
    assert stale.json["code"] == "precondition.failed"
    body = {"not_found": 1, "measures": ["searching"], "still_owed": "The union looks for one."}
    changed = office.portal.call("PATCH", one, json=body)
    assert {name: changed.json[name] for name in body} == body
    assert office.portal.get(path).json["items"] == [office.portal.get(one).json]
    assert office.portal.call("DELETE", one).json["code"] == "remedy.paid"


def test_an_account_is_saved_paid_and_confirmed_on_its_page(office: Office):
    data = {"cohorts": (io.BytesIO(cohorts.sheet()), "cohorts.xlsx"), "rates": (io.BytesIO(cohorts.RATES), "rates.csv")}
    path = f"/suppliers/{office.supplier}/remedy-accounts"
    token = {"csrf_token": form_token(office.ana), "on": "2026-01-01"}
    saved = office.ana.post(path, data={**token, **data})
    assert saved.status_code == 303
    address = saved.headers["Location"]
    assert "USD 4,500.00" in office.ana.get(address).get_data(as_text=True)
    assert "4,500.00" in office.bo.get(path).get_data(as_text=True)
    payment = {"paid_on": "2026-02-01", "amount": "250.00", "workers": "2", "proof": "Bank file 7"}
    assert send(office.ana, f"{address}/instalments/1/payment", version="1", **payment).status_code == 303
    again = send(office.ana, f"{address}/instalments/1/payment", version="1", **payment)
    assert again.status_code == 409
    assert "This account has changed since you opened it" in again.get_data(as_text=True)
    unpaid = {"not_found": "1", "measure": "held_in_trust", "still_owed": "A trust keeps the money."}
    assert send(office.ana, f"{address}/unpaid", version="2", **unpaid).status_code == 303
    asked = {"asked_on": "2026-02-10", "source": "union_ngo", "asked": "2", "confirming": "2"}
    own = send(office.ana, f"{address}/instalments/1/confirmation", version="3", **asked)
    assert own.status_code == 403
    assert "A different user has to confirm it" in own.get_data(as_text=True)
    assert 'name="asked_on" required autocomplete="off" value="2026-02-10"' in own.get_data(as_text=True)
    assert 'value="held_in_trust" checked' in own.get_data(as_text=True)
    assert send(office.bo, f"{address}/instalments/1/confirmation", version="3", **asked).status_code == 303
    page = office.bo.get(address).get_data(as_text=True)
    assert "2 of the 2 workers asked had been paid in full" in page
    assert "2 of 16 paid in full, 14 still owed" in page
    with office.database.for_organisation(office.id, write=False) as session:
        events = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert [event for event in events if event.startswith("remedy_account")] == [
        "remedy_account.saved", "remedy_account.paid", "remedy_account.explained", "remedy_account.confirmed",
    ]  # fmt: skip
