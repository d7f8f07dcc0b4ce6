"""What leaves: webhook endpoints and calls to them, messages, and the texts of emails."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import NOT_BLANK, StrictBoolean, StrictChoice, StrictList, StrictString
from service.api.schemas.admin import ONCE
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.outbox import addresses, endpoints, mail_texts, messages
from service.outbox.events import list_events

DISABLED = "Why no events are sent to the endpoint; null if it is in use. One of: " + ", ".join(
    (endpoints.BY_HAND, endpoints.FAILING, endpoints.GONE, endpoints.SECRET_LOST)
)


class WebhookSchema(ApiSchema):
    """A webhook endpoint: an address to which events are posted, signed according to Standard Webhooks."""

    id = fields.String(dump_only=True)
    url = StrictString(addresses.MAX_URL, required=True, documented_pattern=NOT_BLANK)
    events = StrictList(StrictChoice(list_events()), 1, 50, required=True)
    enabled = StrictBoolean()
    disabled_code = fields.String(dump_only=True, allow_none=True, metadata={"description": f"{DISABLED}."})
    failing_since = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The time since which calls have failed; null if the last call was delivered."},
    )
    previous_until = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The time until which calls are also signed with the previous secret."},
    )
    created_at = fields.DateTime(dump_only=True)


class WebhookWithSecretSchema(WebhookSchema):
    """A webhook endpoint with its new secret."""

    secret = fields.String(dump_only=True, metadata=ONCE)


NEW_WEBHOOK = WebhookSchema(exclude=("enabled",))
WEBHOOK_CHANGE = WebhookSchema(only=("url", "events", "enabled"), partial=True, sent_as="WebhookChange")
WEBHOOKS = page_of(WebhookSchema, "WebhookList")


class AttemptSchema(ApiSchema):
    """An attempt to deliver a message."""

    number = fields.Integer()
    at = fields.DateTime()
    code = fields.String()
    status = fields.Integer(
        allow_none=True, metadata={"description": "The HTTP or SMTP status; null if there was no response."}
    )
    milliseconds = fields.Integer()


class MessageSchema(ApiSchema):
    """An email or a webhook call. Its payload contains IDs, codes, numbers and dates."""

    id = fields.String(dump_only=True)
    kind = fields.String(dump_only=True)
    event = fields.String(dump_only=True)
    payload = fields.Dict(dump_only=True)
    user_id = fields.String(dump_only=True, allow_none=True)
    endpoint_id = fields.String(dump_only=True, allow_none=True)
    state = StrictChoice(messages.STATES, dump_only=True)
    code = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "Why the last attempt failed; null if it did not."}
    )
    attempts = fields.Integer(dump_only=True)
    next_attempt_at = fields.DateTime(dump_only=True)
    created_at = fields.DateTime(dump_only=True)
    finished_at = fields.DateTime(dump_only=True, allow_none=True)


class MessageWithAttemptsSchema(MessageSchema):
    """A message with each attempt to deliver it."""

    log = fields.List(fields.Nested(AttemptSchema), dump_only=True)


class MessageQuerySchema(PageQuerySchema):
    """The parameters for listing messages."""

    state = StrictChoice(messages.STATES)


MESSAGES = page_of(MessageSchema, "MessageList")


class MailTextSchema(ApiSchema):
    """The subject and the body of the email about an event, with placeholders in braces."""

    event = fields.String(dump_only=True)
    language = fields.String(dump_only=True)
    subject = StrictString(mail_texts.MAX_SUBJECT, required=True, documented_pattern=NOT_BLANK)
    body = StrictString(mail_texts.MAX_BODY, required=True, documented_pattern=NOT_BLANK)
    is_own = fields.Boolean(
        dump_only=True, metadata={"description": "Whether your organisation has replaced the original text."}
    )
    placeholders = fields.List(fields.String(), dump_only=True)


MAIL_TEXTS = page_of(MailTextSchema, "MailTextList")
