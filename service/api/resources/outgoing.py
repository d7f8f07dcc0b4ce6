"""The routes of webhooks, emails and their texts."""

from __future__ import annotations

from service.api import outgoing
from service.api.route import FileTypes, Route
from service.api.schemas.outgoing import (
    MAIL_TEXTS,
    MESSAGES,
    NEW_WEBHOOK,
    WEBHOOK_CHANGE,
    WEBHOOKS,
    MailTextSchema,
    MessageQuerySchema,
    MessageWithAttemptsSchema,
    WebhookSchema,
    WebhookWithSecretSchema,
)
from service.outbox.messages import MEDIA_TYPE

MAIL_FILE = FileTypes((MEDIA_TYPE,))

ROUTES: tuple[Route, ...] = (
    Route("GET", "/webhooks", "list_webhooks", outgoing.list_webhooks, "List webhook endpoints.", WEBHOOKS),
    Route("POST", "/webhooks", "create_webhook", outgoing.create_webhook,
          "Create a webhook endpoint. Its secret is returned only once.", WebhookWithSecretSchema(), (201,), "write",
          body=NEW_WEBHOOK, secret=True),
    Route("GET", "/webhooks/<endpoint_id>", "get_webhook", outgoing.get_webhook,
        "Get a webhook endpoint.", WebhookSchema(),
          (200, 304), versioned=True),
    Route("PATCH", "/webhooks/<endpoint_id>", "change_webhook", outgoing.change_webhook,
          "Change the given fields of a webhook endpoint, or enable or disable it.", WebhookSchema(), transaction="write",
          body=WEBHOOK_CHANGE, versioned=True),
    Route("DELETE", "/webhooks/<endpoint_id>", "delete_webhook", outgoing.delete_webhook,
          "Delete a webhook endpoint, with its calls.", None, (204,), "write", versioned=True),
    Route("POST", "/webhooks/<endpoint_id>/secret", "rotate_webhook_secret", outgoing.rotate_secret,
          "Give a webhook endpoint a new secret, which is returned only once. Calls are signed with both secrets for a day.",
          WebhookWithSecretSchema(), transaction="write", secret=True),
    Route("GET", "/webhooks/<endpoint_id>/deliveries", "list_deliveries", outgoing.list_deliveries,
          "List the calls to a webhook endpoint, newest first.", MESSAGES, query=MessageQuerySchema()),
    Route("GET", "/webhooks/<endpoint_id>/deliveries/<message_id>", "get_delivery", outgoing.get_delivery,
          "Get a call to a webhook endpoint with each attempt.", MessageWithAttemptsSchema()),
    Route("POST", "/webhooks/<endpoint_id>/deliveries/<message_id>/retry", "retry_delivery", outgoing.retry_delivery,
          "Repeat a call to a webhook endpoint, with the same ID.", MessageWithAttemptsSchema(), (202,), "write"),
    Route("GET", "/messages", "list_messages", outgoing.list_messages, "List emails and webhook calls, newest first.", MESSAGES,
          query=MessageQuerySchema()),
    Route("GET", "/messages/<message_id>", "get_message", outgoing.get_message, "Get a message with each attempt to deliver it.",
          MessageWithAttemptsSchema()),
    Route("POST", "/messages/<message_id>/retry", "retry_message", outgoing.retry_message, "Deliver a message now.",
          MessageWithAttemptsSchema(), (202,), "write"),
    Route("POST", "/messages/<message_id>/sent", "mark_message_sent", outgoing.mark_sent,
          "Record that an email was sent by hand.", MessageWithAttemptsSchema(), transaction="write"),
    Route("GET", "/messages/<message_id>/file", "download_message", outgoing.download_message,
          "Download an email as a file that mail programs can open.", MAIL_FILE, transaction="own"),
    Route("GET", "/mail-texts", "list_mail_texts", outgoing.list_mail_texts, "List the email texts.", MAIL_TEXTS),
    Route("PUT", "/mail-texts/<event>/<language>", "put_mail_text", outgoing.put_mail_text,
          "Replace the text of an email with your own.", MailTextSchema(), transaction="write", body=MailTextSchema()),
    Route("DELETE", "/mail-texts/<event>/<language>", "reset_mail_text", outgoing.reset_mail_text,
          "Restore the original text of an email.", None, (204,), "write"),
)  # fmt: skip
