"""Start, pause, resume and cancel campaigns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.audit import record_event
from service.campaigns.selection import Plan, preview
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier
from service.db.job_tables import Job
from service.db.session import chunks
from service.db.tables import Organisation, new_id
from service.errors import DomainError, not_found
from service.jobs.kinds import RUN_CAMPAIGN
from service.jobs.table import enqueue
from service.outbox.messages import hold_mails, release_mails, withdraw_mails
from service.supplier_links.links import revoke_request_links

PAUSED = "campaign_paused"  # code of an email that waits until its campaign is resumed
ENDED = ("left_out", "refused", "cancelled")  # states of suppliers at which nothing more happens


def start_campaign(
    session: Session, plan: Plan, digest: str | None, by: str, campaign_id: str | None = None
) -> Campaign:
    """Fix the list of suppliers and start to ask them; return the campaign.

    ``digest``: of the preview that was seen. ``campaign_id``: chosen by the page, so that a form that is sent twice starts one
    campaign. Raises DomainError: as :func:`service.campaigns.selection.preview` does; ``campaign.changed``, 409, if the list is
    no longer the one that was seen; ``campaign.nobody``, 422, if all suppliers are left out.
    """
    organisation = select(Organisation.id).where(Organisation.id == session.info["organisation_id"])
    session.execute(organisation.with_for_update(key_share=True))  # two campaigns that start at once would ask twice
    if campaign_id:
        started = session.scalars(select(Campaign).where(Campaign.id == campaign_id)).first()
        if started is not None:
            return started
    seen = preview(session, plan)
    if digest is not None and digest != seen.digest:
        raise DomainError(
            "campaign.changed",
            409,
            "Suppliers or addresses have changed since the preview. Check the new preview, then start the campaign.",
        )
    if not seen.asked:
        raise DomainError("campaign.nobody", 422, "No suppliers would be asked, because all of them are left out.")
    at = now()
    campaign = Campaign(
        id=campaign_id or new_id(),
        name=plan.name.strip(),
        due_on=plan.due_on,
        channel=plan.channel,
        state="running",
        created_by=by,
        created_at=at,
    )
    try:
        with session.begin_nested():
            session.add(campaign)
    except IntegrityError:  # the same form, sent twice at the same moment: the other one started it
        return get_campaign(session, campaign.id)
    rows = [
        {
            "id": new_id(),
            "campaign_id": campaign.id,
            "supplier_id": one.supplier.id,
            "form": one.form.id,
            "form_version": one.form.version,
            "language": one.language,
            "due_at": one.due_at,
            "state": "left_out" if one.reason else "queued",
            "reason": one.reason,
            "next_at": None if one.reason else at,
            "changed_at": at,
        }
        for one in seen.candidates
    ]
    for chunk in chunks(rows):
        session.execute(insert(CampaignSupplier), list(chunk))
    details = {"asked": len(seen.asked), "left_out": len(rows) - len(seen.asked), "due": plan.due_on.isoformat()}
    record_event(session, by, "campaign.started", "campaign", campaign.id, details)
    request_run(session, campaign.id, by)
    return campaign


def request_run(session: Session, campaign_id: str, by: str) -> None:
    """Enqueue the job that does what is due in a campaign, unless it waits or runs already."""
    unfinished = select(Job.payload).where(Job.kind == RUN_CAMPAIGN, Job.state.in_(("queued", "running")))
    if all(payload["campaign_id"] != campaign_id for payload in session.scalars(unfinished)):
        enqueue(session, RUN_CAMPAIGN, {"campaign_id": campaign_id}, by)


def get_campaign(session: Session, campaign_id: str, *, lock: bool = False) -> Campaign:
    """Return a campaign, locked for update if asked. Raises DomainError ``not_found``, 404."""
    query = select(Campaign).where(Campaign.id == campaign_id)
    campaign = session.scalars(query.with_for_update() if lock else query).first()
    if campaign is None:
        raise not_found("Campaign not found.")
    return campaign


def list_campaigns(session: Session, limit: int = 200) -> Sequence[Campaign]:
    """Return the campaigns, newest first."""
    return session.scalars(select(Campaign).order_by(Campaign.created_at.desc(), Campaign.id).limit(limit)).all()


def pause_campaign(session: Session, campaign_id: str, by: str) -> Campaign:
    """Pause a campaign: nothing more is sent, and the links that were sent stay open. Raises DomainError: ``not_found``;
    ``campaign.cancelled``, 409.
    """
    campaign = _change_state(session, campaign_id, "paused", by)
    hold_mails(session, _list_mails(session, campaign_id), PAUSED)
    return campaign


def resume_campaign(session: Session, campaign_id: str, by: str) -> Campaign:
    """Resume a paused campaign. Raises DomainError: ``not_found``; ``campaign.cancelled``, 409."""
    campaign = _change_state(session, campaign_id, "running", by)
    release_mails(session, _list_mails(session, campaign_id), PAUSED)
    request_run(session, campaign.id, by)
    return campaign


def cancel_campaign(session: Session, campaign_id: str, by: str) -> Campaign:
    """Cancel a campaign for good: its links are revoked, and nothing more is sent. What was returned stays.

    Raises DomainError ``not_found``.
    """
    campaign = _change_state(session, campaign_id, "cancelled", by)
    open_states = CampaignSupplier.campaign_id == campaign_id, CampaignSupplier.state.not_in(ENDED)
    for row in session.scalars(select(CampaignSupplier).where(*open_states).with_for_update()):
        close(session, row, "cancelled", by)
    return campaign


def close(session: Session, row: CampaignSupplier, state: str, by: str, reason: str | None = None) -> None:
    """End a campaign at one supplier in a state: its links are revoked, and no more emails are sent."""
    row.state, row.reason, row.next_at, row.changed_by, row.changed_at = state, reason, None, by, now()
    withdraw_mail(session, row)
    if row.asking_id is not None:
        revoke_request_links(session, row.asking_id, by)


def withdraw_mail(session: Session, row: CampaignSupplier) -> None:
    """Withdraw the email to a supplier that has not been sent, if there is one."""
    if row.mail_id is not None:
        withdraw_mails(session, [row.mail_id])
        row.mail_id = None


def _change_state(session: Session, campaign_id: str, state: str, by: str) -> Campaign:
    campaign = get_campaign(session, campaign_id, lock=True)
    if campaign.state == "cancelled" and state != "cancelled":
        raise DomainError("campaign.cancelled", 409, "This campaign was cancelled. Start a new campaign.")
    if campaign.state != state:
        campaign.state = state
        record_event(session, by, f"campaign.{state}", "campaign", campaign.id)
    return campaign


def _list_mails(session: Session, campaign_id: str) -> Sequence[str]:
    query = select(CampaignSupplier.mail_id).where(
        CampaignSupplier.campaign_id == campaign_id, CampaignSupplier.mail_id.is_not(None)
    )
    return [mail_id for mail_id in session.scalars(query) if mail_id]
