"""What became of a questionnaire at a supplier: noted from the outbox, or by an officer, with a reason.

Bounced: the mailbox does not exist or takes no mail (SMTP 5xx), as the mail server says at once or a message says later, which an
officer enters. Refused: the supplier said that it will not answer, by email or to an officer. Only a refusal, or silence after an
email that arrived, counts as declined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.campaigns import declining, sending
from service.campaigns.campaigns import close, get_campaign, request_run, withdraw_mail
from service.campaigns.contacts import get_contact
from service.campaigns.rules import Calendar
from service.campaigns.selection import MAIL
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.outbox.messages import WITHDRAWN
from service.outbox.queue import Event, queue_events
from service.remediation.rules import check_text

BOUNCED = "questionnaire.bounced"
HOW_REFUSED = ("mailbox", "officer")
ACTIONS = ("remind", "send_again", "ask", "cancel", "bounced", "refused", "declined")
NEED_REASON = ("bounced", "refused", "declined")


@dataclass(frozen=True, slots=True)
class Change:
    """What an officer does about suppliers of a campaign: one of ``ACTIONS``. ``how``: one of ``HOW_REFUSED``, for a refusal."""

    action: str
    reason: str = ""
    how: str = ""


def note_all_deliveries(db: Database) -> int:
    """Note in every organisation how the emails of campaigns ended; return how many. Each is noted once."""
    ended = Message.state.in_(("sent", "failed"))
    with db.unscoped(write=False) as session:
        query = select(CampaignSupplier.organisation_id).join(Message, Message.id == CampaignSupplier.mail_id)
        organisations = session.scalars(query.where(ended).distinct()).all()
    count = 0
    for organisation_id in organisations:
        with db.for_organisation(organisation_id) as session:
            count += note_deliveries(session)
    return count


def note_deliveries(session: Session) -> int:
    """Note how the emails of campaigns ended, and return how many: sent, or bounced if the recipient was refused for good."""
    ended = select(CampaignSupplier, Message).join(Message, Message.id == CampaignSupplier.mail_id)
    ended = ended.where(Message.state.in_(("sent", "failed"))).order_by(CampaignSupplier.id)
    locked = ended.with_for_update(of=CampaignSupplier)
    rows = session.execute(locked).all()
    for row, message in rows:
        row.mail_id = None
        if message.state == "sent":
            row.delivered_at = row.delivered_at or message.finished_at
            if row.state == "queued":
                row.state, row.changed_at = "sent", now()
        elif message.code != WITHDRAWN and row.state in ("queued", "sent"):
            _bounce(session, row, message.code or "failed", sending.ACTOR)
    return len(rows)


def change_suppliers(session: Session, campaign_id: str, ids: Sequence[str], change: Change, by: str) -> int:
    """Do one thing about some suppliers of a campaign, all or none; return at how many it changed something.

    Raises DomainError: ``not_found``; ``campaign.action``, ``campaign.reason``, ``campaign.how``, ``text.too_long``,
    ``person.*``, 422; ``campaign.bounced``, 409, for declining what never arrived; ``campaign.not_running``, 409.
    """
    if change.action not in ACTIONS:
        raise DomainError("campaign.action", 422, f"Choose what to do: {', '.join(ACTIONS)}.")
    if change.action in NEED_REASON and not change.reason.strip():
        raise DomainError("campaign.reason", 422, "Give the reason. It is shown next to the supplier.")
    if change.action == "refused" and change.how not in HOW_REFUSED:
        raise DomainError("campaign.how", 422, f"Choose how the supplier refused: {', '.join(HOW_REFUSED)}.")
    check_text(change.reason)
    campaign = get_campaign(session, campaign_id, lock=True)
    if change.action in ("remind", "send_again", "ask") and campaign.state != "running":
        raise DomainError(
            "campaign.not_running", 409, "This campaign is paused or has been cancelled, so nothing can be sent."
        )
    was_asked = CampaignSupplier.asking_id.is_not(None)
    query = select(CampaignSupplier).where(
        CampaignSupplier.campaign_id == campaign_id,
        CampaignSupplier.id.in_(ids),
        not_(was_asked) if change.action == "ask" else was_asked,
    )
    rows = session.scalars(query.order_by(CampaignSupplier.id).with_for_update()).all()
    act = _ACTS[change.action]
    changed = sum(act(session, campaign, row, change, by) for row in rows)
    if change.action == "ask" and changed:
        request_run(session, campaign.id, by)
    return changed


def _ask(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    """Ask a supplier that was left out when the campaign started, such as for want of an address."""
    if row.state != "left_out" or row.due_at <= now():
        return False
    if campaign.channel == MAIL and get_contact(session, row.supplier_id) is None:
        return False
    row.state, row.reason, row.next_at, row.changed_by, row.changed_at = "queued", None, now(), by, now()
    return True


def _remind(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    supplier, request = _get_asked(session, row)
    is_open = row.state == "sent" and request.returned_on is None
    if campaign.channel != MAIL or not is_open or row.mail_id is not None:  # an email to it is on its way
        return False
    occasion = f"now {now().isoformat()}"
    return sending.remind(session, row, supplier, request, get_contact(session, supplier.id), occasion)


def _send_again(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    """Write to a supplier whose address was put right after an email bounced."""
    supplier, request = _get_asked(session, row)
    contact = get_contact(session, supplier.id)
    if campaign.channel != MAIL or row.state != "bounced" or contact is None or contact.confirmed_at <= row.changed_at:
        return False
    request.sent_to = contact.email
    occasion = f"again {contact.id}"
    if not sending.remind(session, row, supplier, request, contact, occasion):
        return False
    row.state, row.reason, row.changed_by, row.changed_at = "queued", None, by, now()
    row.next_at = Calendar(row.due_at).find_next(now())
    return True


def _cancel(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    _, request = _get_asked(session, row)
    if row.state not in ("queued", "sent", "bounced") or request.returned_on is not None:
        return False
    close(session, row, "cancelled", by, change.reason.strip() or None)
    record_event(session, by, "campaign.supplier_cancelled", "campaign", campaign.id, {"asking": row.asking_id})
    return True


def _mark_bounced(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    _, request = _get_asked(session, row)
    if row.state not in ("queued", "sent") or request.returned_on is not None or row.declined_on is not None:
        return False
    _bounce(session, row, change.reason.strip(), by)
    return True


def _mark_refused(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    supplier, request = _get_asked(session, row)
    if row.state == "bounced":
        raise _build_bounced_error()
    if row.state not in ("queued", "sent") or request.returned_on is not None:
        return False
    row.state, row.reason, row.next_at = "refused", change.reason.strip(), None
    withdraw_mail(session, row)
    row.changed_by, row.changed_at = by, now()
    record_event(session, by, "campaign.refused", "campaign", campaign.id, {"asking": row.asking_id, "how": change.how})
    declining.decline(session, row, supplier, request, by)
    return True


def _mark_declined(session: Session, campaign: Campaign, row: CampaignSupplier, change: Change, by: str) -> bool:
    """Count the silence of a supplier as declined, for a reason that an officer knows."""
    supplier, request = _get_asked(session, row)
    if row.state == "bounced":
        raise _build_bounced_error()
    if row.state != "sent" or row.due_at > now() or request.returned_on is not None or row.declined_on is not None:
        return False
    row.reason, row.changed_by, row.changed_at = change.reason.strip(), by, now()
    declining.decline(session, row, supplier, request, by)
    return True


_ACTS: dict[str, Callable[[Session, Campaign, CampaignSupplier, Change, str], bool]] = {
    "remind": _remind,
    "send_again": _send_again,
    "ask": _ask,
    "cancel": _cancel,
    "bounced": _mark_bounced,
    "refused": _mark_refused,
    "declined": _mark_declined,
}


def _get_asked(session: Session, row: CampaignSupplier) -> tuple[Supplier, QuestionnaireRequest]:
    return session.get_one(Supplier, row.supplier_id), session.get_one(QuestionnaireRequest, row.asking_id)


def _bounce(session: Session, row: CampaignSupplier, reason: str, by: str) -> None:
    """Note that an email did not arrive: no reminder follows, until the address is put right. Links that were sent stay valid."""
    at = now()
    row.state, row.reason, row.next_at, row.delivered_at = "bounced", reason, None, None
    withdraw_mail(session, row)
    row.changed_by, row.changed_at = by, at
    event = Event(
        code=BOUNCED,
        occasion=f"{row.asking_id} {at.isoformat()}",
        payload={"supplier_id": row.supplier_id, "questionnaire_id": row.asking_id, "campaign_id": row.campaign_id},
        supplier_id=row.supplier_id,
    )
    queue_events(session, event)
    record_event(session, by, "form.bounced", "asking", str(row.asking_id))


def _build_bounced_error() -> DomainError:
    return DomainError(
        "campaign.bounced",
        409,
        "An email bounced, so the supplier was not asked. Correct the address and send the questionnaire again.",
    )
