"""The page on which a supplier takes part: its links, what it was asked and replied, what it proposed and sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import load_combined_form
from questionnaires.languages import ENGLISH
from service.auth.caller import get_blob_store, get_caller, get_settings, read_session, write_session
from service.clock import now, today
from service.db.remediation_tables import Reply
from service.errors import DomainError, not_found
from service.online_questionnaires import files as answer_files
from service.online_questionnaires.progress import STATES, describe_progress
from service.questionnaires_sent.requests import get_open_request, list_requests
from service.remediation import evidence_files, replies
from service.remediation.steps import build_act, get_action
from service.shared_plans import contents, proofs, submissions
from service.shared_plans.link_mail import send_link
from service.supplier_links import links
from service.suppliers import repository as suppliers
from service.translations.catalog import get_name, list_text_languages
from service.web.downloads import build_download

LINK_DAYS = (7, 14, 30, 60, 90)


class NewLink(NamedTuple):
    """The address of a new link, which is shown only once; whether it is sent by email, and whether there is a mail server."""

    addressee: str
    address: str
    is_mailed: bool
    has_mail_server: bool


def show_links(kind: str, supplier_id: str) -> Response:
    """Show the links of a supplier, and the form to create one."""
    return _render_links(kind, supplier_id)


def create_link(kind: str, supplier_id: str) -> Response:
    """Create a link for a supplier. Its address is shown only in this response."""
    language = request.form.get("language") if request.form.get("language") in list_text_languages() else None
    days, email = request.form.get("days", ""), request.form.get("email", "").strip()
    try:
        if email and request.form.get("confirmed") != "yes":
            raise DomainError("link.email", 422, _("Confirm that this email address belongs to the supplier."))
        with write_session() as session:
            supplier = suppliers.get_supplier(session, kind, supplier_id)
            addressee, by = request.form.get("addressee", ""), get_caller().actor
            valid_for = int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0
            opens = request.form.get("opens", links.PLAN)
            if opens == links.PLAN:
                link, token = links.create_link(session, supplier, addressee, valid_for, by)
                address = url_for("shared.show", token=token, _external=True, language=language)
            else:
                sent = get_open_request(session, supplier, opens, now().date())
                expires_at = now() + timedelta(days=valid_for)
                link, token = links.create_questionnaire_link(session, sent, addressee, expires_at, by)
                address = url_for("questionnaire.show", token=token, _external=True, language=language)
            if email:
                send_link(session, supplier, link, address, email, get_caller().actor, language=language or ENGLISH)
    except DomainError as error:
        return _render_refusal(kind, supplier_id, error)
    new_link = NewLink(links.ADDRESSEES[link.addressee], address, bool(email), bool(get_settings().smtp_host))
    return _render_links(kind, supplier_id, new_link=new_link)


def revoke_link(kind: str, supplier_id: str, link_id: str) -> AnyResponse:
    """Revoke a link; it takes effect at once."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        links.revoke_link(session, supplier.id, link_id, get_caller().actor)
    return _redirect(kind, supplier.id, _("Link revoked."))


def ask_for_reply(kind: str, supplier_id: str) -> AnyResponse:
    """Put findings to a supplier, which sees them when it next opens its link."""
    try:
        with write_session() as session:
            supplier = suppliers.get_supplier(session, kind, supplier_id)
            chosen = set(request.form.getlist("findings"))
            found = [one for one in contents.list_findings_to_ask(session, supplier.id) if one.id in chosen]
            replies.ask_for_reply(
                session, supplier, found, request.form.get("text", ""), build_act(get_caller(), now())
            )
    except DomainError as error:
        return _render_refusal(kind, supplier_id, error)
    return _redirect(kind, supplier_id, _("The findings have been put to the supplier."))


def respond(kind: str, supplier_id: str, reply_id: str) -> AnyResponse:
    """Respond to a supplier's reply."""
    try:
        with write_session() as session:
            reply = _get_reply(session, kind, supplier_id, reply_id)
            replies.respond(session, reply, request.form.get("response", ""), build_act(get_caller(), now()))
    except DomainError as error:
        return _render_refusal(kind, supplier_id, error)
    return _redirect(kind, supplier_id, _("Your response has been saved. The supplier can see it through its link."))


def note_delivery(kind: str, supplier_id: str, reply_id: str) -> AnyResponse:
    """Note how and when a letter reached the supplier otherwise than through its link."""
    caller = get_caller()
    try:
        delivered_at = datetime.fromisoformat(request.form.get("at", "")).replace(tzinfo=ZoneInfo(caller.time_zone))
    except ValueError:
        error = DomainError("date.invalid", 422, "Enter when the letter was delivered.")
        return _render_refusal(kind, supplier_id, error)
    try:
        with write_session() as session:
            reply = _get_reply(session, kind, supplier_id, reply_id)
            note = request.form.get("note", "")
            replies.note_delivery(session, reply, delivered_at.astimezone(UTC), note, build_act(get_caller(), now()))
    except DomainError as error:
        return _render_refusal(kind, supplier_id, error)
    return _redirect(
        kind, supplier_id, _("Delivery recorded. The supplier's time to reply runs from the day of delivery.")
    )


def decide_proposal(kind: str, supplier_id: str, step_proposal_id: str) -> AnyResponse:
    """Accept or decline what a supplier proposed, with a reason that it sees."""
    accepts, reason = request.form.get("decision") == "accept", request.form.get("reason", "")
    try:
        with write_session() as session:
            supplier = suppliers.get_supplier(session, kind, supplier_id)
            proposal = submissions.get_proposal(session, supplier.id, step_proposal_id)
            submissions.decide_proposal(
                session, proposal, accepts=accepts, reason=reason, act=build_act(get_caller(), now())
            )
    except DomainError as error:
        return _render_refusal(kind, supplier_id, error)
    return _redirect(
        kind, supplier_id, _("Decision saved. The supplier can see it, with your reason, through its link.")
    )


def download_proof(kind: str, supplier_id: str, evidence_id: str) -> Response:
    """Return a file that the supplier sent, to be saved and never shown by the browser."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        evidence, step = proofs.get_proof(session, supplier.id, evidence_id)
        name = evidence_files.build_file_name(evidence, step)
    return build_download(get_blob_store().get(evidence.sha256 or ""), evidence.media_type or "", name)


def download_answer_file(kind: str, supplier_id: str, file_id: str) -> Response:
    """Return a document that the supplier sent with a questionnaire, to be saved and never shown by the browser."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        file = answer_files.get_supplier_file(session, supplier.id, file_id)
    return build_download(get_blob_store().get(file.sha256), file.media_type, answer_files.build_file_name(file))


def _get_reply(session: Session, kind: str, supplier_id: str, reply_id: str) -> Reply:
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    reply = replies.get_reply(session, reply_id)
    if reply.supplier_id != supplier.id:
        raise not_found("Letter not found.")
    return reply


def _redirect(kind: str, supplier_id: str, message: str) -> AnyResponse:
    flash(message)
    return redirect(url_for(f"pages.{kind}_links", supplier_id=supplier_id), 303)


def _render_refusal(kind: str, supplier_id: str, error: DomainError) -> Response:
    """Render the page again with why something was refused. Raises the error if there is nothing to show it on."""
    if error.status == 404:
        raise error
    return _render_links(kind, supplier_id, error=error)


def _render_links(
    kind: str, supplier_id: str, *, error: DomainError | None = None, new_link: NewLink | None = None
) -> Response:
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        all_links, sent = links.list_links(session, supplier.id), list_requests(session, supplier)
        progress = describe_progress(session, sent, today(get_caller().time_zone))
        documents = answer_files.list_supplier_files(session, supplier.id)
        titles = contents.FindingTitles(session, supplier)
        questions = load_combined_form(supplier.kind).by_id
        to_ask = [(one.id, titles.get_title(one)) for one in contents.list_findings_to_ask(session, supplier.id)]
        files = [(one, get_action(step).title) for one, step in proofs.list_proofs(session, supplier.id)]
        letters = replies.list_replies(session, supplier.id)
        proposals = [
            (proposal, get_action(step).title, step) for proposal, step in contents.list_proposals(session, supplier.id)
        ]
    page = render_template(
        "supplier_links.html",
        kind=kind,
        languages={code: get_name(code) for code in (ENGLISH, *list_text_languages())},
        supplier=supplier,
        links=all_links,
        requests={one.id: one for one in sent},
        progress=progress,
        states=STATES,
        documents=[
            (one, questions[one.question].title if one.question in questions else one.question) for one in documents
        ],
        document_kinds=answer_files.KINDS,
        to_ask=to_ask,
        letters=letters,
        proposals=proposals,
        files=files,
        kinds=proofs.KINDS,
        cost_sharing=submissions.COST_SHARING,
        new_link=new_link,
        addressees=links.ADDRESSEES,
        days=LINK_DAYS,
        now=now(),
        values=request.form,
        error=error,
    )
    return make_response(page, error.status if error else 200)
