"""What the workers of a supplier are owed, were paid and have confirmed; and whether a step of repayment may be closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.redress_tables import RemedyAccount, RemedyInstalment
from service.db.remediation_tables import Step
from service.db.session import chunks
from service.errors import DomainError
from service.remediation.redress_rules import load_redress_rules

CENT = Decimal("0.01")
ALL = "all"  # the staff of an instalment that is not divided by cohort


@dataclass(frozen=True)
class Totals:
    """The sums of an account in its currency, and numbers of workers.

    ``confirmed``: of each payment, the share that the workers who were asked had received in full. ``workers_paid``: those who
    were paid each of their instalments in full; workers of several instalments are counted once. ``is_contradicted``: some of
    the workers who were asked had not been paid in full. ``is_paid``: nobody is owed, as far as the calculation and the workers
    say; never if the calculation left something out.
    """

    owed: Decimal
    paid: Decimal
    confirmed: Decimal
    workers: int
    workers_paid: int
    is_contradicted: bool
    is_paid: bool

    @property
    def workers_owed(self) -> int:
        """The number of workers who have not been paid in full."""
        return self.workers - self.workers_paid


def list_instalments(session: Session, account_ids: Iterable[str]) -> Mapping[str, Sequence[RemedyInstalment]]:
    """Return the instalments of accounts in their order, by the id of the account."""
    found: dict[str, list[RemedyInstalment]] = {account_id: [] for account_id in account_ids}
    for chunk in chunks(list(found)):
        query = select(RemedyInstalment).where(RemedyInstalment.account_id.in_(chunk))
        for instalment in session.scalars(query.order_by(RemedyInstalment.number)):
            found[instalment.account_id].append(instalment)
    return found


def compute_totals(account: RemedyAccount, instalments: Sequence[RemedyInstalment]) -> Totals:
    """Return the sums of an account."""
    paid, confirmed = Decimal(0), Decimal(0)
    paid_by_group: dict[tuple[str, str], list[int]] = defaultdict(list)
    for instalment in instalments:
        paid += Decimal(instalment.paid or 0)
        if instalment.workers_asked:
            confirmed += Decimal(instalment.paid or 0) * (instalment.workers_confirming or 0) / instalment.workers_asked
        full = (instalment.workers_paid or 0) if is_paid_in_full(instalment) else 0
        if instalment.staff != ALL:
            paid_by_group[instalment.cohort, instalment.staff].append(full)
    workers_paid = sum(min(numbers) for numbers in paid_by_group.values())
    is_contradicted = any((each.workers_confirming or 0) < (each.workers_asked or 0) for each in instalments)
    are_paid = all(is_paid_in_full(each) and each.workers_paid == each.workers for each in instalments)
    return Totals(
        Decimal(account.central),
        paid,
        confirmed.quantize(CENT),
        account.workers,
        workers_paid,
        is_contradicted,
        bool(account.complete and instalments and are_paid and not is_contradicted and workers_paid == account.workers),
    )


def is_paid_in_full(instalment: RemedyInstalment) -> bool:
    """Return whether at least the amount that is due was paid."""
    return instalment.paid is not None and Decimal(instalment.paid) >= Decimal(instalment.amount)


def repays_workers(step: Step) -> bool:
    """Return whether a step pays money back to workers."""
    return step.action in load_redress_rules()["account"]["repayment_steps"]


def check_repaid(session: Session, step: Step) -> None:
    """Check that a step of repayment may be closed: the workers were paid, or it is said why not and what was done for those who
    were not found. Other steps may always be.

    Raises DomainError ``remedy.owed``, 409.
    """
    if not repays_workers(step):
        return
    accounts = session.scalars(select(RemedyAccount).where(RemedyAccount.supplier_id == step.supplier_id)).all()
    instalments = list_instalments(session, [account.id for account in accounts])
    for account in accounts:
        totals = compute_totals(account, instalments[account.id])
        if not totals.is_paid and not account.still_owed:
            raise DomainError(
                "remedy.owed",
                409,
                f"Workers are still owed money under the calculation of {account.calculated_on.isoformat()}: "
                f"{_describe_debt(account, totals)} Alternatively, explain in the remedy account why they are still owed "
                "money and what was done for those who could not be found.",
            )


def _describe_debt(account: RemedyAccount, totals: Totals) -> str:
    """Return what is missing before the workers of an account count as paid."""
    if totals.workers_owed:
        return f"{totals.workers_owed:,} of {totals.workers:,} have not been paid in full. Record the payments."
    if totals.is_contradicted:
        return "some of the workers who were asked had not been paid in full. Pay them, then ask again."
    if not account.complete:
        return "the calculation leaves out some of the uploaded data. Save a complete calculation."
    return "not every instalment has been paid in full to all the workers. Record the payments."
