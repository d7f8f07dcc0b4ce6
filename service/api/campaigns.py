"""API views of campaigns: preview, start, the board and what an officer does on it; addresses for questionnaires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.body import parse_day
from service.api.responses import Reply, page_reply, whole_list
from service.api.schemas.base import Resource
from service.api.suppliers import filter_from
from service.auth.caller import get_caller, get_service_address
from service.campaigns import board, campaigns, contacts, merge_file, outcomes
from service.campaigns.outcomes import Change
from service.campaigns.selection import Plan, preview
from service.db.campaign_tables import Campaign
from service.db.pagination import Page
from service.errors import DomainError, not_found
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]
CHANGES = {
    "pause": campaigns.pause_campaign,
    "resume": campaigns.resume_campaign,
    "cancel": campaigns.cancel_campaign,
}


def list_campaigns(session: Session) -> Reply:
    """Return the campaigns, newest first."""
    found = campaigns.list_campaigns(session)
    counts = board.count_states(session, found)
    return whole_list([Resource(one, **counts[one.id]) for one in found])


def preview_campaign(session: Session, body: Values) -> Reply:
    """Return whom a campaign would ask, and whom it would leave out."""
    seen = preview(session, _read_plan(body))
    left_out = {reason: [one.supplier.id for one in found] for reason, found in seen.left_out.items()}
    return Reply(
        {
            "digest": seen.digest,
            "asked": [one.supplier.id for one in seen.asked],
            "no_address": left_out.get("no_address", []),
            "asked_recently": left_out.get("asked_recently", []),
            "state_imposed": left_out.get("asking.state_imposed", []),
            "sensitive": seen.sensitive,
            "forms": seen.forms,
            "languages": seen.languages,
        }
    )


def start_campaign(session: Session, body: Values) -> Reply:
    """Start a campaign, and return it."""
    campaign = campaigns.start_campaign(session, _read_plan(body), body.get("digest"), get_caller().actor)
    session.flush()
    reply = _describe(session, campaign)
    return Reply(reply.body, 201, {"Location": f"/api/v1/campaigns/{campaign.id}"})


def get_campaign(session: Session, campaign_id: str) -> Reply:
    """Return a campaign, with how many of its suppliers are in each state."""
    return _describe(session, campaigns.get_campaign(session, campaign_id))


def change_campaign(session: Session, campaign_id: str, body: Values) -> Reply:
    """Pause, resume or cancel a campaign, and return it."""
    return _describe(session, CHANGES[body["change"]](session, campaign_id, get_caller().actor))


def list_suppliers(session: Session, campaign_id: str, query: Values) -> Reply:
    """Return the suppliers of a campaign, those due first at the top."""
    cursor = query.get("cursor", "1")
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:6]) > 0):
        raise DomainError("cursor.unknown", 400, "This cursor does not belong to this list.")
    campaign = campaigns.get_campaign(session, campaign_id)
    shown = board.load_board(session, campaign, query.get("state", ""), int(cursor[:6]), query["limit"])
    following = str(shown.page + 1) if shown.page < shown.pages else None
    return page_reply(Page(tuple(shown.entries), following), _describe_entry)


def change_suppliers(session: Session, campaign_id: str, body: Values) -> Reply:
    """Do one thing about some suppliers of a campaign."""
    change = Change(body["action"], body.get("reason", ""), body.get("how", ""))
    changed = outcomes.change_suppliers(session, campaign_id, body["ids"], change, get_caller().actor)
    return Reply({"changed": changed})


def create_links(session: Session, campaign_id: str, body: Values) -> Reply:
    """Create links to send to suppliers yourself. They appear only in this response."""
    address = get_service_address()
    return whole_list(merge_file.create_links(session, campaign_id, body["scope"], address, get_caller().actor))


def get_contact(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the address to which questionnaires for a supplier go."""
    contact = contacts.get_contact(session, suppliers.get_supplier(session, kind, supplier_id).id)
    if contact is None:
        raise not_found("This supplier has no confirmed address.")
    return Reply(contact)


def put_contact(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Save the address to which questionnaires for a supplier go."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    by, confirmed = get_caller().actor, body["confirmed"]
    return Reply(contacts.save_contact(session, supplier, body["email"], body.get("language"), by, confirmed=confirmed))


def delete_contact(session: Session, kind: str, supplier_id: str) -> Reply:
    """Delete the address of a supplier."""
    contacts.delete_contact(session, suppliers.get_supplier(session, kind, supplier_id), get_caller().actor)
    return Reply(None, 204)


def _read_plan(body: Values) -> Plan:
    chosen = {**body.get("filter", {}), **({"selected": ",".join(body["suppliers"])} if "suppliers" in body else {})}
    return Plan(
        name=body["name"],
        due_on=parse_day("due_on", body["due_on"]),
        channel=body["channel"],
        filter=filter_from(chosen),
        forms={kind: body.get(f"{kind}_form", "") for kind in ("site", "agency")},
        first=body.get("first"),
        again=body.get("again", False),
    )


def _describe(session: Session, campaign: Campaign) -> Reply:
    return Reply(Resource(campaign, counts=dict(board.load_board(session, campaign).counts)))


def _describe_entry(entry: board.Entry) -> Resource:
    return Resource(
        entry.row,
        state=entry.state,
        answered=entry.answered,
        questions=entry.asked,
        opened_at=entry.opened_at,
        returned_on=entry.returned_on,
        review=entry.review,
        level=entry.supplier.level,
        level_before=entry.level_before,
    )
