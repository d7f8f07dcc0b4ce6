"""Do what is due in a campaign (a job): send the questionnaires, remind, and count silence as declined, portion by portion.

Each supplier of a campaign has one row, which says when there is next something to do. Whoever does it locks the row, writes what
follows from it and moves that moment in one transaction: any number of schedulers and workers may run, and be killed, and each
email is queued once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.campaigns import declining
from service.campaigns.campaigns import request_run, withdraw_mail
from service.campaigns.contacts import load_contacts
from service.campaigns.rules import Calendar, choose_language, find_last_day
from service.campaigns.selection import MAIL, SENT
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier, SupplierContact
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.jobs.table import ClaimedJob, job_transaction
from service.outbox.mail_texts import FALLBACK
from service.outbox.queue import Event, queue_events, queue_letter
from service.questionnaires_sent.requests import check_may_ask, create_request
from service.remediation.gate import list_exited_suppliers
from service.supplier_links.links import create_questionnaire_link

REMINDER = "questionnaire.reminder"
ACTOR = "system:campaigns"
ADDRESSEE = "other"  # a mailbox, of which nobody knows who reads it
LINK_PATH = "/questionnaire/{token}"  # of the page in service/web/questionnaire.py
EXITED = "exited"  # reason: an approved exit paper ends the relationship
PORTION = 50  # suppliers in one transaction


def build_link_path(token: str, language: str) -> str:
    """Return the path of the link with a token, which opens its pages in a language."""
    return LINK_PATH.format(token=token) + ("" if language == FALLBACK else f"?language={language}")


def queue_due_campaigns(db: Database, at: datetime) -> int:
    """Queue the job for each running campaign in which something is due at a moment; return how many campaigns there were."""
    query = (
        select(Campaign.organisation_id, Campaign.id)
        .join(CampaignSupplier, CampaignSupplier.campaign_id == Campaign.id)
        .where(Campaign.state == "running", CampaignSupplier.next_at <= at)
        .distinct()
    )
    with db.unscoped(write=False) as session:
        due = session.execute(query).all()
    for organisation_id, campaign_id in due:
        with db.for_organisation(organisation_id) as session:
            request_run(session, campaign_id, ACTOR)
    return len(due)


def run_campaign(db: Database, claimed: ClaimedJob) -> None:
    """Do what is due at the suppliers of a campaign, a portion in each transaction (a job). Its payload: ``campaign_id``."""
    state = {"suppliers": 0, "at": now().isoformat(), **claimed.checkpoint}
    at, done = datetime.fromisoformat(state["at"]), PORTION
    while done:
        with job_transaction(db, claimed, checkpoint=state) as session:
            done = run_portion(session, claimed.payload["campaign_id"], at)
            state["suppliers"] += done
    with job_transaction(db, claimed, result={"suppliers": state["suppliers"]}):
        pass


def run_portion(session: Session, campaign_id: str, at: datetime, most: int = PORTION) -> int:
    """Do what is due at a moment at some suppliers of a campaign; return how many: 0 if nothing is left, or it does not run."""
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update(read=True)).first()
    if campaign is None or campaign.state != "running":
        return 0
    query = select(CampaignSupplier).where(CampaignSupplier.campaign_id == campaign_id, CampaignSupplier.next_at <= at)
    query = query.order_by(CampaignSupplier.next_at, CampaignSupplier.id).limit(most).with_for_update()
    rows = session.scalars(query).all()
    contacts = load_contacts(session, [row.supplier_id for row in rows]) if campaign.channel == MAIL else {}
    exited = list_exited_suppliers(session, [row.supplier_id for row in rows])
    for row in rows:
        if row.supplier_id in exited:
            _stop(session, row)
        else:
            _advance(session, campaign, row, contacts, at)
    session.flush()
    return len(rows)


def _advance(
    session: Session, campaign: Campaign, row: CampaignSupplier, contacts: Mapping[str, SupplierContact], at: datetime
) -> None:
    """Do what is due at one supplier, and note when there is something to do next."""
    calendar = Calendar(row.due_at)
    supplier = session.get_one(Supplier, row.supplier_id)
    if row.asking_id is None:
        row.next_at = calendar.find_next(at)
        row.reminded = calendar.find_reminder(at)  # whoever is asked shortly before a reminder was due needs none
        try:
            with session.begin_nested():
                _ask(session, campaign, row, supplier, contacts.get(supplier.id))
        except DomainError as refused:  # such as too many valid links: the others are asked all the same
            row.state, row.reason, row.next_at = "left_out", refused.code, None
        return
    request = session.get_one(QuestionnaireRequest, row.asking_id)
    if request.returned_on is not None or row.state not in ("queued", "sent"):
        row.next_at = None
        return
    row.next_at = calendar.find_next(at)
    if at >= calendar.declined_at:
        declining.decline_if_opened(session, row, supplier, request, ACTOR)
    elif (days := calendar.find_reminder(at)) is not None and days != row.reminded:
        row.reminded = days
        if row.state == "sent" and campaign.channel == MAIL:
            remind(session, row, supplier, request, contacts.get(supplier.id), f"{days}")


def _stop(session: Session, row: CampaignSupplier) -> None:
    """Send nothing more to a supplier that an approved exit paper parts with. Links that it was sent stay valid."""
    row.reason, row.next_at, row.changed_by, row.changed_at = EXITED, None, ACTOR, now()
    if row.asking_id is None:
        row.state = "left_out"
    withdraw_mail(session, row)


def _ask(
    session: Session, campaign: Campaign, row: CampaignSupplier, supplier: Supplier, contact: SupplierContact | None
) -> None:
    """Record that a supplier is asked and queue the email with its link, or leave the link to the merge file."""
    if campaign.channel == MAIL and contact is None:
        raise DomainError("no_address", 422, "The address has been deleted since the campaign started.")
    sent_to = contact.email if contact else campaign.name
    request = create_request(session, supplier, row.form, sent_to, now().date(), campaign.created_by, row.form_version)
    request.due_on = campaign.due_on
    session.flush()
    row.asking_id = request.id
    if contact is not None and campaign.channel == MAIL:
        row.mail_id = _mail(session, row, supplier, request, contact, SENT, request.id)


def remind(
    session: Session,
    row: CampaignSupplier,
    supplier: Supplier,
    request: QuestionnaireRequest,
    contact: SupplierContact | None,
    occasion: str,
) -> bool:
    """Queue a reminder with a link of its own; return False if none can be sent: without an address or a valid link, or where a
    state imposes the labour.

    Only the hash of a link is stored, so the earlier one cannot be sent again. Both open the same answers.
    """
    if contact is None:
        return False
    try:
        with session.begin_nested():
            check_may_ask(session, supplier, now().date())
            withdraw_mail(session, row)  # a reminder that has not left, since the mail server cannot be reached
            row.mail_id = _mail(session, row, supplier, request, contact, REMINDER, f"{request.id} {occasion}")
    except DomainError:  # the links have expired, there are too many valid ones, or nobody may be asked there
        return False
    return True


def _mail(
    session: Session,
    row: CampaignSupplier,
    supplier: Supplier,
    request: QuestionnaireRequest,
    contact: SupplierContact,
    code: str,
    occasion: str,
) -> str:
    language = row.language
    if request.language:  # chosen on the pages since the campaign started
        language = choose_language(supplier.answers.get("country"), request.language, code)
    return mail_link(session, request, supplier, contact, Calendar(row.due_at), code, occasion, language)


def mail_link(
    session: Session,
    request: QuestionnaireRequest,
    supplier: Supplier,
    contact: SupplierContact,
    calendar: Calendar,
    code: str,
    occasion: str,
    language: str,
) -> str:
    """Queue an email with a new link to a questionnaire, and the event for webhooks; return the id of the message.

    Raises the errors of :func:`service.supplier_links.links.create_questionnaire_link`.
    """
    link, token = create_questionnaire_link(session, request, ADDRESSEE, calendar.closes_at, request.created_by)
    last_day = find_last_day(request.due_on) if request.due_on else link.expires_at.date()
    event = Event(
        code=code,
        occasion=occasion,
        payload={
            "supplier_id": supplier.id,
            "link_id": link.id,
            "questionnaire_id": request.id,
            "expires_on": last_day.isoformat(),
            "due": str(request.due_on),
        },
        supplier_id=supplier.id,
    )
    queue_events(session, event)
    values = {"path": build_link_path(token, language), "supplier": supplier.name or supplier.reference or ""}
    return queue_letter(session, event, contact.email, values, language)
