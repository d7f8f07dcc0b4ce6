"""Campaigns on the pages: choose whom to ask, preview, start; the board; the addresses for questionnaires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import list_form_ids, load_form
from reports.formats import FORMATS
from service.auth.caller import get_caller, get_service_address, get_settings, read_session, write_session
from service.campaigns import board, campaigns, contacts, merge_file, outcomes
from service.campaigns.outcomes import Change
from service.campaigns.rules import find_last_day, load_rules
from service.campaigns.selection import MAIL, MERGE_FILE, Plan, Preview, preview
from service.clock import now, today
from service.db.campaign_tables import Campaign
from service.db.tables import new_id
from service.errors import DomainError
from service.queries import supplier_filter
from service.suppliers import repository as suppliers
from service.suppliers.identity import has_suppliers
from service.translations.catalog import get_locale
from service.web.downloads import build_download
from service.web.form_fields import parse_day, parse_number
from service.web.formatting import format_day
from service.web.pages.suppliers import REVIEW_STATES, build_query, read_filter_fields

STATE_TITLES = {
    "queued": lazy_gettext("Waiting to be sent"),
    "sent": lazy_gettext("Sent"),
    "opened": lazy_gettext("Opened"),
    "started": lazy_gettext("Started"),
    "part": lazy_gettext("At least half answered"),
    "returned": lazy_gettext("Returned"),
    "late": lazy_gettext("Late"),
    "bounced": lazy_gettext("Bounced"),
    "refused": lazy_gettext("Refused"),
    "cancelled": lazy_gettext("Cancelled"),
    "left_out": lazy_gettext("Left out"),
}
REASON_TITLES = {
    "no_address": lazy_gettext("No confirmed address"),
    "asked_recently": lazy_gettext("Asked recently"),
    "asking.state_imposed": lazy_gettext("State-imposed labour"),
    "link.too_many": lazy_gettext("Too many active links"),
    "exited": lazy_gettext("An approved exit paper ends the relationship"),
}
CHANGE_TITLES = {
    "remind": lazy_gettext("Send a reminder now"),
    "send_again": lazy_gettext("Send again to the corrected address"),
    "ask": lazy_gettext("Ask anyway"),
    "bounced": lazy_gettext("Mark as bounced"),
    "refused": lazy_gettext("Mark as refused"),
    "declined": lazy_gettext("Count missing responses as declined"),
    "cancel": lazy_gettext("Cancel"),
}
HOW_TITLES = {"mailbox": lazy_gettext("by email"), "officer": lazy_gettext("to one of our staff")}
CHANGES: dict[str, Callable[[Session, str, str], Campaign]] = {
    "pause": campaigns.pause_campaign,
    "resume": campaigns.resume_campaign,
    "cancel": campaigns.cancel_campaign,
}


def show_campaigns() -> str:
    """Show all campaigns, newest first."""
    with read_session() as session:
        found = campaigns.list_campaigns(session)
        return render_template(
            "campaigns.html",
            campaigns=found,
            counts=board.count_states(session, found),
            contacts=contacts.count_contacts(session),
            has_suppliers=has_suppliers(session),
            has_ended=_has_ended,
        )


def show_form() -> Response:
    """Show whom a campaign would ask, and the form to change and start it."""
    return _render_form(None)


def start() -> AnyResponse:
    """Start a campaign and show its board; an error is shown above the form."""
    try:
        with write_session() as session:
            campaign_id, digest = request.args.get("campaign_id") or None, request.args.get("digest", "")
            campaign = campaigns.start_campaign(session, _read_plan(), digest, get_caller().actor, campaign_id)
    except DomainError as error:
        return _render_form(error)
    if campaign.channel == MAIL:
        flash(_("The campaign has started. Its emails will be sent within minutes."))
    else:
        flash(_("The campaign has started. Download the merge file to send the links."))
    return redirect(url_for("pages.campaign", campaign_id=campaign.id), 303)


def show_board(campaign_id: str) -> Response:
    """Show the board of a campaign."""
    return _render_board(campaign_id, None)


def change_campaign(campaign_id: str) -> AnyResponse:
    """Pause, resume or cancel a campaign."""
    change = CHANGES.get(request.form.get("change", ""))
    if change is None:
        raise DomainError("campaign.action", 422, _("Choose what to do."))
    try:
        with write_session() as session:
            campaign = change(session, campaign_id, get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_board(campaign_id, error)
    messages = {
        "paused": _("The campaign is paused. Links already sent can still be used."),
        "running": _("The campaign has resumed."),
        "cancelled": _("The campaign has been cancelled and its links revoked."),
    }
    flash(messages[campaign.state])
    return _redirect(campaign_id)


def change_suppliers(campaign_id: str) -> AnyResponse:
    """Do one thing about the selected suppliers of a campaign: all of them, or none."""
    ids, fields = request.form.getlist("row"), request.form
    change = Change(fields.get("action", ""), fields.get("reason", ""), fields.get("how", ""))
    try:
        if not ids:
            raise DomainError("campaign.nobody", 422, _("Select at least one supplier in the list."))
        with write_session() as session:
            count = outcomes.change_suppliers(session, campaign_id, ids, change, get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_board(campaign_id, error)
    flash(ngettext("%(num)s supplier changed.", "%(num)s suppliers changed.", count))
    if count < len(ids):
        flash(
            ngettext(
                "%(num)s supplier was not changed, because its current state does not allow this change.",
                "%(num)s suppliers were not changed, because their current states do not allow this change.",
                len(ids) - count,
            )
        )
    return _redirect(campaign_id)


def download_merge_file(campaign_id: str) -> AnyResponse:
    """Return a file with new links, to be saved: they are not shown again."""
    scope, format_ = request.form.get("scope", ""), request.form.get("format", "")
    try:
        with write_session() as session:
            address, by = get_service_address(), get_caller().actor
            lines = merge_file.create_links(session, campaign_id, scope, address, by)
            data = merge_file.write_merge_file(lines, format_)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_board(campaign_id, error)
    return build_download(data, FORMATS[format_].media_type, f"links_{today(get_caller().time_zone)}.{format_}")


def show_contacts() -> Response:
    """Show how to enter the addresses for questionnaires from a sheet."""
    return _render_contacts(None)


def send_contacts() -> AnyResponse:
    """Save the addresses of a sheet."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise DomainError("contact.file", 422, _("Choose a file."))
        with write_session() as session:
            confirmed = request.form.get("confirmed") == "yes"
            saved = contacts.save_sheet(session, file.read(), file.filename, get_caller().actor, confirmed=confirmed)
    except DomainError as error:
        return _render_contacts(error)
    flash(ngettext("%(num)s address saved.", "%(num)s addresses saved.", saved.changed))
    return redirect(url_for("pages.contacts", campaign=request.args.get("campaign")), 303)


def save_contact(kind: str, supplier_id: str) -> AnyResponse:
    """Save or delete the address for questionnaires of a supplier."""
    email, language = request.form.get("email", "").strip(), request.form.get("language") or None
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        if email:
            confirmed = request.form.get("confirmed") == "yes"
            contacts.save_contact(session, supplier, email, language, get_caller().actor, confirmed=confirmed)
        else:
            contacts.delete_contact(session, supplier, get_caller().actor)
    flash(_("Address saved.") if email else _("Address deleted."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="questionnaires"), 303)


def _read_plan() -> Plan:
    """Return the plan that the fields of the form describe. Raises DomainError ``field.value``, ``selection.too_large``."""
    fields, caller = request.values, get_caller()
    on = today(caller.time_zone)
    filter_ = supplier_filter.parse_filter(read_filter_fields(fields), own_answers_only=not caller.sees_worker_derived)
    due = fields.get("due_on", "")
    return Plan(
        name=fields.get("name", "").strip() or _("Questionnaires, %(day)s", day=format_day(on)),
        due_on=parse_day(due) if due else on + timedelta(days=load_rules()["usual_days"]),
        channel=fields.get("channel") or (MAIL if get_settings().smtp_host else MERGE_FILE),
        filter=filter_,
        forms={kind: fields.get(f"{kind}_form", "") for kind in ("site", "agency")},
        first=parse_number(fields.get("first", "")) or None,
        again=fields.get("again") == "yes",
    )


def _render_form(error: DomainError | None) -> Response:
    plan, seen, refused = _read_preview()
    error = error or refused
    html = render_template(
        "campaign_new.html",
        plan=plan,
        query=build_query(plan.filter) | ({"kind": plan.filter.kind} if plan.filter.kind else {}),
        preview=seen,
        languages={get_locale(code).english_name or code: count for code, count in seen.languages.items()}
        if seen
        else {},
        forms={
            kind: [form for form in map(load_form, list_form_ids()) if form.kind == kind] for kind in ("site", "agency")
        },
        kinds={one.supplier.kind for one in seen.candidates} if seen else set(),
        channels={
            MAIL: _("Diligence sends the emails"),
            MERGE_FILE: _("We send the links ourselves, using a merge file"),
        },
        reasons=REASON_TITLES,
        has_mail_server=bool(get_settings().smtp_host),
        rules=load_rules(),
        days=_list_due_days(),
        campaign_id=new_id(),
        error=error,
    )
    return make_response(html, error.status if error else 200)


def _read_preview() -> tuple[Plan, Preview | None, DomainError | None]:
    """Return the plan and its preview, or why there is none; a plan that cannot be read is replaced by the usual one."""
    try:
        plan = _read_plan()
    except DomainError as refused:
        on = today(get_caller().time_zone)
        return Plan(name="", due_on=on + timedelta(days=load_rules()["usual_days"])), None, refused
    try:
        with read_session() as session:
            return plan, preview(session, plan), None
    except DomainError as refused:
        return plan, None, refused


def _has_ended(campaign: Campaign) -> bool:
    """Return whether the links of a campaign have expired: nothing more is sent or can be returned."""
    return campaign.state != "cancelled" and find_last_day(campaign.due_on) < today(get_caller().time_zone)


def _list_due_days() -> tuple[date, date]:
    """Return the first and the last day that may be a due day."""
    on, rules = today(get_caller().time_zone), load_rules()
    return on + timedelta(days=rules["shortest_days"]), on + timedelta(days=rules["longest_days"])


def _render_board(campaign_id: str, error: DomainError | None) -> Response:
    state, page = request.args.get("state", ""), request.args.get("page", "")
    state = state if state in (*board.STATES, *board.REVIEW_STATES) else ""
    with read_session() as session:
        campaign = campaigns.get_campaign(session, campaign_id)
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        shown = board.load_board(session, campaign, state, number)
    html = render_template(
        "campaign.html",
        board=shown,
        campaign=campaign,
        state=state,
        states={**STATE_TITLES, **REVIEW_STATES},
        reasons=REASON_TITLES,
        changes=CHANGE_TITLES,
        how=HOW_TITLES,
        has_mail_server=bool(get_settings().smtp_host),
        has_ended=_has_ended(campaign),
        now=now(),
        values=request.form,
        picked=request.form.getlist("row"),
        error=error,
    )
    return make_response(html, error.status if error else 200)


def _render_contacts(error: DomainError | None) -> Response:
    with read_session() as session:
        count = contacts.count_contacts(session)
    # The query of the campaign that was being prepared: the page leads back to it.
    html = render_template("contacts.html", count=count, error=error, campaign=request.args.get("campaign"))
    return make_response(html, error.status if error else 200)


def _redirect(campaign_id: str) -> AnyResponse:
    return redirect(url_for("pages.campaign", campaign_id=campaign_id, state=request.args.get("state") or None), 303)
