"""Pages for admins: the messages that leave, the texts of emails, and webhook endpoints."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, get_service_address, get_settings, read_session, write_session
from service.db.account_tables import User
from service.errors import DomainError
from service.outbox import endpoints, mail_texts, messages
from service.outbox.events import list_events
from service.web.downloads import build_download

message_pages = Blueprint("messages", __name__, url_prefix="/messages")
mail_text_pages = Blueprint("mail_texts", __name__, url_prefix="/mail-texts")
webhook_pages = Blueprint("webhooks", __name__, url_prefix="/webhooks")


class NewSecret(NamedTuple):
    """The secret of a webhook endpoint, which is shown only once."""

    url: str
    text: str


@message_pages.get("", endpoint="listing")
def show_messages() -> str:
    """Show the messages in a state, newest first, and how many there are in each."""
    state = request.args.get("state", "")
    with read_session() as session:
        page = messages.list_messages(session, state=state, after=request.args.get("after", ""))
        counts = messages.count_states(session)
        users = {user.id: user for user in session.scalars(select(User))}
        urls = {endpoint.id: endpoint.url for endpoint in endpoints.list_endpoints(session)}
    older_url = url_for("messages.listing", state=state, after=page.next_after) if page.next_after else None
    return render_template(
        "messages.html",
        messages=page.messages,
        older_url=older_url,
        counts=counts,
        state=state,
        users=users,
        urls=urls,
        events=list_events(),
        has_mail_server=bool(get_settings().smtp_host),
    )


@message_pages.get("/<message_id>", endpoint="show")
def show_message(message_id: str) -> str:
    """Show a message and the attempts to deliver it."""
    with read_session() as session:
        message = messages.get_message(session, message_id)
        attempts = messages.list_attempts(session, message_id)
    return render_template(
        "message.html",
        message=message,
        attempts=attempts,
        events=list_events(),
        has_mail_server=bool(get_settings().smtp_host),
    )


@message_pages.post("/<message_id>/retry", endpoint="retry")
def retry_message(message_id: str) -> AnyResponse:
    """Have a message delivered at once."""
    with write_session() as session:
        messages.retry_message(session, message_id, get_caller().actor)
    flash(_("The message will now be delivered."))
    return redirect(url_for("messages.show", message_id=message_id), 303)


@message_pages.post("/<message_id>/sent", endpoint="mark_sent")
def mark_sent(message_id: str) -> AnyResponse:
    """Note that an email was sent by hand."""
    with write_session() as session:
        messages.mark_sent(session, message_id, get_caller().actor)
    flash(_("Marked as sent."))
    return redirect(url_for("messages.show", message_id=message_id), 303)


@message_pages.get("/<message_id>/file", endpoint="file")
def download_message(message_id: str) -> Response:
    """Return an email as a file that mail programs open."""
    settings = get_settings()
    with read_session() as session:
        data = messages.build_file(session, message_id, settings.smtp_from or messages.NO_SENDER, get_service_address())
    return build_download(data, messages.MEDIA_TYPE, f"message_{message_id}.eml")


@mail_text_pages.get("", endpoint="listing")
def show_mail_texts() -> str:
    """Show the text of each email in each language."""
    with read_session() as session:
        texts = {
            (event, language): mail_texts.find_text(session, event, language)
            for language, of_language in mail_texts.list_default_texts().items()
            for event in of_language
        }
    return render_template("mail_texts.html", texts=texts, events=list_events())


@mail_text_pages.get("/<event>/<language>", endpoint="show")
def show_mail_text(event: str, language: str) -> Response:
    """Show the text of an email to be edited, and what it looks like."""
    return _render_text(event, language)


@mail_text_pages.post("/<event>/<language>", endpoint="save")
def save_mail_text(event: str, language: str) -> AnyResponse:
    """Save the organisation's own text of an email, or only show what it looks like."""
    subject, body = request.form.get("subject", ""), request.form.get("body", "")
    if request.form.get("do") == "preview":
        return _render_text(event, language, mail_texts.Text(subject, body))
    try:
        with write_session() as session:
            mail_texts.save_text(session, event, language, subject, body, get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_text(event, language, mail_texts.Text(subject, body), error)
    flash(_("Saved."))
    return redirect(url_for("mail_texts.show", event=event, language=language), 303)


@mail_text_pages.post("/<event>/<language>/reset", endpoint="reset")
def reset_mail_text(event: str, language: str) -> AnyResponse:
    """Return to the text that Diligence comes with."""
    with write_session() as session:
        mail_texts.find_text(session, event, language)
        mail_texts.reset_text(session, event, language, get_caller().actor)
    flash(_("The original text is used again."))
    return redirect(url_for("mail_texts.show", event=event, language=language), 303)


def _render_text(
    event: str, language: str, text: mail_texts.Text | None = None, error: DomainError | None = None
) -> Response:
    with read_session() as session:
        stored = mail_texts.get_text_to_change(session, event, language)
    text = text or stored
    shown = None
    try:
        shown = mail_texts.preview(event, text.subject, text.body)
    except DomainError as refused:
        error = error or refused
    page = render_template(
        "mail_text.html",
        event=list_events()[event],
        language=language,
        text=text,
        is_own=stored.is_own,
        preview=shown,
        placeholders=mail_texts.list_placeholders(event),
        error=error,
    )
    return make_response(page, error.status if error else 200)


@webhook_pages.get("", endpoint="listing")
def show_webhooks() -> Response:
    """Show all webhook endpoints, and the form to add one."""
    return _render_webhooks()


@webhook_pages.post("", endpoint="create")
def create_webhook() -> Response:
    """Create a webhook endpoint. Its secret is shown only in this response."""
    settings, url = get_settings(), request.form.get("url", "").strip()
    try:
        with write_session() as session:
            _endpoint, secret = endpoints.create_endpoint(
                session,
                url,
                request.form.getlist("events"),
                settings.get_secret_key(),
                get_caller().actor,
                plain_http=settings.webhook_plain_http,
            )
    except DomainError as error:
        return _render_webhooks(error)
    return _render_webhooks(new_secret=NewSecret(url, secret))


@webhook_pages.post("/<endpoint_id>/secret", endpoint="rotate")
def rotate_secret(endpoint_id: str) -> Response:
    """Give an endpoint a new secret, which is shown only in this response."""
    with write_session() as session:
        endpoint, secret = endpoints.rotate_secret(
            session, endpoint_id, get_settings().get_secret_keys(), get_caller().actor
        )
    return _render_webhooks(new_secret=NewSecret(endpoint.url, secret))


@webhook_pages.post("/<endpoint_id>", endpoint="change")
def change_webhook(endpoint_id: str) -> AnyResponse:
    """Enable or disable an endpoint."""
    is_enabled = request.form.get("enabled") == "1"
    try:
        with write_session() as session:
            endpoints.change_endpoint(session, endpoint_id, get_caller().actor, enabled=is_enabled)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_webhooks(error)
    flash(_("Endpoint enabled.") if is_enabled else _("Endpoint disabled."))
    return redirect(url_for("webhooks.listing"), 303)


@webhook_pages.post("/<endpoint_id>/delete", endpoint="delete")
def delete_webhook(endpoint_id: str) -> AnyResponse:
    """Delete an endpoint with its messages."""
    with write_session() as session:
        endpoints.delete_endpoint(session, endpoint_id, get_caller().actor)
    flash(_("Endpoint deleted."))
    return redirect(url_for("webhooks.listing"), 303)


def _render_webhooks(error: DomainError | None = None, new_secret: NewSecret | None = None) -> Response:
    with read_session() as session:
        found = endpoints.list_endpoints(session)
    page = render_template(
        "webhooks.html",
        endpoints=found,
        events=list_events(),
        error=error,
        new_secret=new_secret,
        values=request.form,
        days=endpoints.FAILING_DAYS,
    )
    return make_response(page, error.status if error else 200)
