"""How the portfolio is doing over time: the figures of a day, worked out from suppliers and steps, and series of stored ones.

Working the figures out reads every step, so it is done once a day in a job (service/reviews/progress.py), and pages read what
that stored. Each step is counted under the Bali Process priority and the stage (acknowledge, act, advance) of its action.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from statistics import median
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from reports.document import LEVELS as LEVEL_NAMES
from risk_models.action_library import PRIORITIES, STAGES, list_release_actions
from service.db.count_triggers import LEVELS
from service.db.progress_tables import PortfolioFigure
from service.db.redress_tables import RemedyAccount
from service.db.remediation_tables import Step, StepVerification, Transition
from service.db.supplier_counts import list_counts
from service.queries.remediation import OPEN_STATES
from service.remediation.remedy_totals import compute_totals, list_instalments

SUPPLIERS, OPEN, OVERDUE = "suppliers", "open_steps", "overdue_steps"
DAYS, REOPENED, REACHED = "days_to_verification", "reopened_share", "workers_reached"
OWED, PAID, CONFIRMED = "money_owed", "money_paid", "money_confirmed"
MONEY = (OWED, PAID, CONFIRMED)
FIGURES = (SUPPLIERS, OPEN, OVERDUE, DAYS, REOPENED, REACHED, *MONEY)
ALL = ""  # the part of a figure that is of everything
GROUPS = (*(f"priority:{priority}" for priority in PRIORITIES), *(f"stage:{stage}" for stage in STAGES))
YEAR = timedelta(days=365)  # verifications, reopened steps and workers reached are those of the year before a day
SMALL = 10  # workers: a smaller group is described only to those who may see what workers reported
POINTS = 53  # in a series: one a week for a year
COMPARED = timedelta(days=90)  # how far back the figures of today are compared

Figures = dict[tuple[str, str], float | None]
StepKey = tuple[str, str]  # the action of a step and its release of the library


def compute_figures(session: Session, on: date, at: datetime, *, for_everyone: bool) -> Figures:
    """Return the figures of the portfolio on a day, by figure and part. ``for_everyone``: without what only some may see."""
    shown = (Step.worker_derived.is_(False),) if for_everyone else ()
    figures: Figures = {(SUPPLIERS, level): 0.0 for level in LEVEL_NAMES}
    for count in list_counts(session, LEVELS):
        figures[SUPPLIERS, count.value] = (figures.get((SUPPLIERS, count.value)) or 0.0) + count.n
    figures |= _count_steps(session, on, shown)
    figures |= _compute_days_to_verification(session, at - YEAR, shown)
    figures |= _compute_reopened_share(session, at - YEAR, shown)
    if not for_everyone:  # not everyone may see remedy accounts
        figures |= _sum_money(session)
    return figures | _count_workers_reached(session, at - YEAR, shown, for_everyone=for_everyone)


def _count_steps(session: Session, on: date, shown: Sequence[Any]) -> Figures:
    overdue = func.sum(case((Step.due < on, 1), else_=0))
    query = select(Step.action, Step.actions_release, func.count(), overdue).where(Step.state.in_(OPEN_STATES), *shown)
    figures: Figures = {(figure, part): 0.0 for figure in (OPEN, OVERDUE) for part in (ALL, *GROUPS)}
    for action, release, n, late in session.execute(query.group_by(Step.action, Step.actions_release)):
        for part in list_parts((action, release)):
            figures[OPEN, part] = (figures[OPEN, part] or 0.0) + n
            figures[OVERDUE, part] = (figures[OVERDUE, part] or 0.0) + late
    return figures


def _compute_days_to_verification(session: Session, since: datetime, shown: Sequence[Any]) -> Figures:
    """Return the median number of days from planning a step to verifying it."""
    query = select(Step.action, Step.actions_release, Step.created_at, StepVerification.verified_at)
    query = query.join(StepVerification, StepVerification.step_id == Step.id)
    days: dict[str, list[float]] = defaultdict(list)
    verified = StepVerification.outcome == "verified", StepVerification.verified_at >= since
    for action, release, planned, done in session.execute(query.where(*verified, *shown)):
        for part in list_parts((action, release)):
            days[part].append((done - planned).total_seconds() / 86_400)
    return {(DAYS, part): round(median(values), 1) for part, values in days.items()}


def _compute_reopened_share(session: Session, since: datetime, shown: Sequence[Any]) -> Figures:
    """Return the percentage of the steps that were closed since a moment which were reopened afterwards."""
    query = select(Step.action, Step.actions_release, Step.id, Transition.to_value, Transition.at)
    query = query.join(Transition, Transition.step_id == Step.id).where(
        Transition.field == "state", Transition.to_value.in_(("closed", "reopened")), Transition.at >= since, *shown
    )
    keys: dict[str, StepKey] = {}
    reopened: set[str] = set()
    for action, release, step_id, state, _ in session.execute(query.order_by(Transition.at, Transition.id)):
        if state == "closed":
            keys[step_id] = action, release
        elif step_id in keys:
            reopened.add(step_id)
    closed, again = Counter[str](), Counter[str]()
    for step_id, key in keys.items():
        closed.update(list_parts(key))
        again.update(list_parts(key) if step_id in reopened else ())
    return {(REOPENED, part): round(100 * again[part] / n, 1) for part, n in closed.items()}


def _sum_money(session: Session) -> Figures:
    """Return what workers are owed in total, have been paid and have confirmed, by currency, over all remedy accounts."""
    accounts = session.scalars(select(RemedyAccount).order_by(RemedyAccount.id)).all()
    instalments = list_instalments(session, [account.id for account in accounts])
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account in accounts:
        totals = compute_totals(account, instalments[account.id])
        for figure, amount in zip(MONEY, (totals.owed, totals.paid, totals.confirmed), strict=True):
            sums[figure, account.currency] += amount
    return {key: float(amount) for key, amount in sums.items()}


def _count_workers_reached(session: Session, since: datetime, shown: Sequence[Any], *, for_everyone: bool) -> Figures:
    """Return how many workers were spoken to in checks of steps; one who was asked twice counts twice."""
    query = select(Step.action, Step.actions_release, func.sum(StepVerification.workers))
    query = query.join(StepVerification, StepVerification.step_id == Step.id)
    query = query.where(StepVerification.verified_at >= since, StepVerification.workers > 0, *shown)
    reached = Counter[str]({ALL: 0})
    for action, release, workers in session.execute(query.group_by(Step.action, Step.actions_release)):
        for part in list_parts((action, release)):
            reached[part] += workers or 0
    withheld = _list_withheld(reached) if for_everyone else set()
    return {(REACHED, part): None if part in withheld else float(n) for part, n in reached.items()}


def _list_withheld(reached: Mapping[str, int]) -> set[str]:
    """Return the parts that would describe a small group, and those from which one could be worked out: all parts of a kind of
    group if one of them is small, since they add up to the total.
    """
    kinds = {part.partition(":")[0] for part, n in reached.items() if 0 < n < SMALL}
    return {part for part in reached if part.partition(":")[0] in kinds}


@cache
def list_parts(key: StepKey) -> tuple[str, ...]:
    """Return the parts of figures that a step counts in: everything, its priority and its stage."""
    action_id, release = key
    action = next((action for action in list_release_actions(release) if action.id == action_id), None)
    return (ALL,) if action is None else (ALL, f"priority:{action.priority}", f"stage:{action.stage}")


@dataclass(frozen=True)
class Progress:
    """Stored figures of the portfolio: their ``days``, at most one a week and the latest one last, a value for each of these by
    figure and part (None: not known, or withheld), and the figures of the latest day and of the day that it is compared with.
    """

    days: Sequence[date]
    series: Mapping[tuple[str, str], Sequence[float | None]]
    latest: Figures
    compared_on: date | None
    compared: Figures

    def list_series(self, figure: str) -> dict[str, Sequence[float | None]]:
        """Return the series of a figure by part, without those of groups of steps."""
        return {part: values for (name, part), values in self.series.items() if name == figure and part not in GROUPS}


def load_progress(session: Session, on: date, *, sees_worker_derived: bool) -> Progress:
    """Return the figures that were stored in the year before a day, as far as the caller may see them."""
    since = on - YEAR
    stored = select(PortfolioFigure.on).where(PortfolioFigure.on > since, PortfolioFigure.on <= on)
    known = sorted(session.scalars(stored.distinct()))
    if not known:
        return Progress((), {}, {}, None, {})
    days = sorted({day.isocalendar()[:2]: day for day in known}.values())[-POINTS:]
    compared_on = max((day for day in known if day <= known[-1] - COMPARED), default=None)
    wanted = [*days, compared_on] if compared_on else days
    figures = _load_figures(session, wanted, for_everyone=not sees_worker_derived)
    keys = dict.fromkeys(key for day in days for key in figures[day])
    series = {key: [figures[day].get(key) for day in days] for key in keys}
    compared = figures[compared_on] if compared_on else {}
    return Progress(days, series, figures[days[-1]], compared_on, compared)


def _load_figures(session: Session, days: Collection[date], *, for_everyone: bool) -> dict[date, Figures]:
    query = select(PortfolioFigure).where(PortfolioFigure.on.in_(days), PortfolioFigure.for_everyone.is_(for_everyone))
    figures: dict[date, Figures] = {day: {} for day in days}
    order = PortfolioFigure.on, PortfolioFigure.figure, PortfolioFigure.part
    rows: Iterable[PortfolioFigure] = session.scalars(query.order_by(*order))
    for row in rows:
        figures[row.on][row.figure, row.part] = row.value
    return figures
