"""API views of what leaves: webhook endpoints and calls to them, messages, and the texts of emails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from service.api.responses import Reply, attachment, check_version, next_page, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller, get_service_address, get_settings, read_session
from service.db.outbox_tables import Message, WebhookEndpoint
from service.outbox import endpoints, mail_texts, messages

Values = Mapping[str, Any]


def list_webhooks(session: Session) -> Reply:
    """Return all webhook endpoints, oldest first."""
    return whole_list([_endpoint(endpoint) for endpoint in endpoints.list_endpoints(session)])


def get_webhook(session: Session, endpoint_id: str) -> Reply:
    """Return a webhook endpoint, without its secret."""
    endpoint = endpoints.get_endpoint(session, endpoint_id)
    return Reply(_endpoint(endpoint), etag=str(endpoint.version))


def create_webhook(session: Session, body: Values) -> Reply:
    """Create a webhook endpoint. ``secret`` appears only in this response."""
    settings = get_settings()
    key, by = settings.get_secret_key(), get_caller().actor
    endpoint, secret = endpoints.create_endpoint(
        session, body["url"], body["events"], key, by, plain_http=settings.webhook_plain_http
    )
    return Reply(_endpoint(endpoint, secret=secret), 201, {"Location": f"/api/v1/webhooks/{endpoint.id}"})


def change_webhook(session: Session, endpoint_id: str, body: Values) -> Reply:
    """Change the given fields of a webhook endpoint, and return it."""
    check_version(str(endpoints.get_endpoint(session, endpoint_id, lock=True).version))
    endpoint = endpoints.change_endpoint(
        session, endpoint_id, get_caller().actor, **body, plain_http=get_settings().webhook_plain_http
    )
    return Reply(_endpoint(endpoint), etag=str(endpoint.version))


def rotate_secret(session: Session, endpoint_id: str) -> Reply:
    """Give a webhook endpoint a new secret, which appears only in this response."""
    secret_keys, by = get_settings().get_secret_keys(), get_caller().actor
    endpoint, secret = endpoints.rotate_secret(session, endpoint_id, secret_keys, by)
    return Reply(_endpoint(endpoint, secret=secret))


def delete_webhook(session: Session, endpoint_id: str) -> Reply:
    """Delete a webhook endpoint, with its calls."""
    check_version(str(endpoints.get_endpoint(session, endpoint_id, lock=True).version))
    endpoints.delete_endpoint(session, endpoint_id, get_caller().actor)
    return Reply(None, 204)


def list_deliveries(session: Session, endpoint_id: str, query: Values) -> Reply:
    """Return the calls to a webhook endpoint, newest first."""
    endpoints.get_endpoint(session, endpoint_id)
    return _list_messages(session, query, endpoint_id)


def get_delivery(session: Session, endpoint_id: str, message_id: str) -> Reply:
    """Return a call to a webhook endpoint with each attempt."""
    return Reply(_message(session, messages.get_message(session, message_id, endpoint_id=endpoint_id)))


def retry_delivery(session: Session, endpoint_id: str, message_id: str) -> Reply:
    """Make a call to a webhook endpoint again, under the same id."""
    message = messages.retry_message(session, message_id, get_caller().actor, endpoint_id=endpoint_id)
    return Reply(_message(session, message), 202)


def list_messages(session: Session, query: Values) -> Reply:
    """Return messages, newest first."""
    return _list_messages(session, query, "")


def get_message(session: Session, message_id: str) -> Reply:
    """Return a message with each attempt to deliver it."""
    return Reply(_message(session, messages.get_message(session, message_id)))


def retry_message(session: Session, message_id: str) -> Reply:
    """Have a message delivered at once."""
    return Reply(_message(session, messages.retry_message(session, message_id, get_caller().actor)), 202)


def mark_sent(session: Session, message_id: str) -> Reply:
    """Note that an email was sent by hand."""
    return Reply(_message(session, messages.mark_sent(session, message_id, get_caller().actor)))


def download_message(message_id: str) -> Response:
    """Return an email as a file."""
    settings = get_settings()
    with read_session() as session:
        data = messages.build_file(session, message_id, settings.smtp_from or messages.NO_SENDER, get_service_address())
    return attachment(data, messages.MEDIA_TYPE, f"message_{message_id}.eml")


def list_mail_texts(session: Session) -> Reply:
    """Return the text of each email in each language."""
    defaults = mail_texts.list_default_texts()
    return whole_list([_text(session, event, language) for language, texts in defaults.items() for event in texts])


def put_mail_text(session: Session, event: str, language: str, body: Values) -> Reply:
    """Put your own text in the place of the original one, and return it."""
    mail_texts.save_text(session, event, language, body["subject"], body["body"], get_caller().actor)
    session.flush()
    return Reply(_text(session, event, language))


def reset_mail_text(session: Session, event: str, language: str) -> Reply:
    """Return to the original text."""
    mail_texts.find_text(session, event, language)
    mail_texts.reset_text(session, event, language, get_caller().actor)
    return Reply(None, 204)


def _endpoint(endpoint: WebhookEndpoint, **computed: str) -> Resource:
    return Resource(endpoint, enabled=endpoint.disabled_code is None, **computed)


def _message(session: Session, message: Message) -> Resource:
    return Resource(message, log=messages.list_attempts(session, message.id))


def _list_messages(session: Session, query: Values, endpoint_id: str) -> Reply:
    page = messages.list_messages(
        session,
        state=query.get("state", ""),
        endpoint_id=endpoint_id,
        after=query.get("cursor", ""),
        limit=query["limit"],
    )
    return Reply({"items": page.messages, "next": next_page(page.next_after)})


def _text(session: Session, event: str, language: str) -> dict[str, Any]:
    text = mail_texts.find_text(session, event, language)
    values = {"subject": text.subject, "body": text.body, "is_own": text.is_own}
    return {"event": event, "language": language, **values, "placeholders": mail_texts.list_placeholders(event)}
