"""The board of a campaign: the state of each supplier, from queued to returned, and how many are in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.campaigns.rules import DAY
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier
from service.db.tables import QuestionnaireRequest, Result, Supplier
from service.online_questionnaires.progress import Progress, describe_progress
from service.questionnaires_sent.asked_back import load_review_states

# In the order in which a questionnaire passes them; late: the due day has passed, however far it has got.
STATES = (
    "queued", "sent", "opened", "started", "part", "returned", "late", "bounced", "refused", "cancelled", "left_out",
)  # fmt: skip
OPEN = ("queued", "sent", "opened", "started", "part", "late", "bounced")
REVIEW_STATES = ("in_review", "asked_back", "reviewed")  # of questionnaires that were returned
PAGE = 100


@dataclass(frozen=True)
class Entry:
    """A supplier of a campaign. ``state``: one of ``STATES``. ``days``: until its due date, below 0 if that has passed.
    ``review``: one of ``REVIEW_STATES``, None before the review.

    ``level_before``: its level when the campaign started, None if it was not assessed.
    """

    row: CampaignSupplier
    supplier: Supplier
    state: str
    days: int
    answered: int
    asked: int
    opened_at: datetime | None
    returned_on: date | None
    review: str | None
    level_before: str | None

    @property
    def has_moved(self) -> bool:
        """Return whether the level of a supplier that returned the questionnaire is another than before."""
        return self.state == "returned" and self.level_before not in (None, self.supplier.level)


@dataclass(frozen=True)
class Board:
    """A campaign with its suppliers in a state, or all, and how many are in each state. ``pages``: how many there are.
    ``moved``: at how many the level changed; ``reviews``: how many are in each state of the review.
    """

    campaign: Campaign
    counts: Mapping[str, int]
    entries: Sequence[Entry]
    page: int
    pages: int
    moved: int
    reviews: Mapping[str, int]


def load_board(session: Session, campaign: Campaign, state: str = "", page: int = 1, limit: int = PAGE) -> Board:
    """Return a page of the board of a campaign, those whose due day comes first at the top."""
    found = _list_entries(session, campaign)
    chosen = [entry for entry in found if not state or state in (entry.state, entry.review)]
    pages = max(1, -(-len(chosen) // limit))
    page = min(max(page, 1), pages)
    counts = Counter(entry.state for entry in found)
    reviews = Counter(entry.review for entry in found)
    return Board(
        campaign,
        {name: counts.get(name, 0) for name in STATES},
        chosen[(page - 1) * limit : page * limit],
        page,
        pages,
        sum(entry.has_moved for entry in found),
        {name: reviews[name] for name in REVIEW_STATES},
    )


def count_states(session: Session, campaigns: Sequence[Campaign]) -> Mapping[str, Mapping[str, int]]:
    """Return for each campaign, by its id, how many suppliers are on its list, were asked, and returned the questionnaire."""
    asked = func.count(CampaignSupplier.asking_id)
    returned = func.count(QuestionnaireRequest.returned_on)
    query = (
        select(CampaignSupplier.campaign_id, func.count(CampaignSupplier.id), asked, returned)
        .outerjoin(QuestionnaireRequest, QuestionnaireRequest.id == CampaignSupplier.asking_id)
        .where(CampaignSupplier.campaign_id.in_([one.id for one in campaigns]))
        .group_by(CampaignSupplier.campaign_id)
    )
    return {
        campaign_id: {"listed": listed, "asked": was_asked, "returned": was_returned}
        for campaign_id, listed, was_asked, was_returned in session.execute(query)
    }


def list_campaigns_of(session: Session, supplier_id: str) -> Sequence[tuple[Campaign, CampaignSupplier]]:
    """Return the campaigns in which a supplier was or will be asked, newest first, each with its row."""
    query = (
        select(Campaign, CampaignSupplier)
        .join(CampaignSupplier, CampaignSupplier.campaign_id == Campaign.id)
        .where(CampaignSupplier.supplier_id == supplier_id, CampaignSupplier.state != "left_out")
        .order_by(Campaign.created_at.desc(), CampaignSupplier.id)
    )
    return [(campaign, row) for campaign, row in session.execute(query)]


def _list_entries(session: Session, campaign: Campaign) -> list[Entry]:
    at = now()
    query = (
        select(CampaignSupplier, Supplier, QuestionnaireRequest)
        .join(Supplier, Supplier.id == CampaignSupplier.supplier_id)
        .outerjoin(QuestionnaireRequest, QuestionnaireRequest.id == CampaignSupplier.asking_id)
        .where(CampaignSupplier.campaign_id == campaign.id)
        .order_by(CampaignSupplier.due_at, Supplier.sort_name, CampaignSupplier.id)
    )
    rows = session.execute(query).all()
    requests = [request for *_, request in rows if request is not None]
    progress = describe_progress(session, requests, at.date())
    before = _load_levels_before(session, campaign)
    reviews = load_review_states(session, [request.id for request in requests])
    entries = []
    for row, supplier, request in rows:
        got = progress.get(request.id) if request else None
        entries.append(
            Entry(
                row,
                supplier,
                _find_state(row, got, at),
                (row.due_at - at) // DAY,
                got.answered if got else 0,
                got.asked if got else 0,
                got.opened_at if got else None,
                request.returned_on if request else None,
                reviews.get(request.id) if request else None,
                before.get(supplier.id),
            )
        )
    return entries


def _find_state(row: CampaignSupplier, progress: Progress | None, at: datetime) -> str:
    if progress is not None and progress.state == "returned":
        return "returned"
    if row.state != "sent" or progress is None:
        return row.state
    return "late" if at >= row.due_at else progress.state


def _load_levels_before(session: Session, campaign: Campaign) -> Mapping[str, str]:
    """Return the level of each supplier when the campaign started: that of its last result before then."""
    listed = select(CampaignSupplier.supplier_id).where(CampaignSupplier.campaign_id == campaign.id)
    last = select(Result.supplier_id, func.max(Result.created_at).label("at")).where(
        Result.supplier_id.in_(listed), Result.created_at <= campaign.created_at
    )
    newest = last.group_by(Result.supplier_id).subquery()
    query = select(Result.supplier_id, Result.level).join(
        newest, (newest.c.supplier_id == Result.supplier_id) & (newest.c.at == Result.created_at)
    )
    return dict(session.execute(query).all())
