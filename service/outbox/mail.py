"""Emails: built from a message and its text, and handed to the organisation's mail server over TLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy.orm import Session

from reports.formatting import format_iso_date
from service.db.account_tables import User
from service.db.outbox_tables import Message
from service.db.tables import Organisation, Supplier
from service.outbox.events import list_events
from service.outbox.mail_texts import DAYS, FALLBACK, LIST, fill, fill_in, find_text
from service.outbox.outcome import Outcome
from service.outbox.step_lists import write_step_list
from service.settings import SettingError, Settings

TIMEOUT = 20.0  # seconds without an answer from the mail server
SOMEBODY = "a supplier"  # where an email must not say which
REGISTERS = {"site": "suppliers", "agency": "agencies"}  # where the page of a supplier is, by its kind


@dataclass(frozen=True)
class MailServer:
    """The mail server that takes our emails. ``security``: "tls" from the first byte, "starttls", or "none" on this machine."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str
    ca_file: str
    address: str

    @property
    def domain(self) -> str:
        """The domain of the sender, in which Message-IDs are unique."""
        return self.sender.rpartition("@")[2]


def read_mail_server(settings: Settings) -> MailServer | None:
    """Return the mail server of the settings, None if there is none. Raises SettingError if the password cannot be read."""
    if not settings.smtp_host:
        return None
    password = settings.smtp_password
    if settings.smtp_password_file:
        try:
            password = Path(settings.smtp_password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"DILIGENCE_SMTP_PASSWORD_FILE cannot be read ({error.strerror}).") from error
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_user,
        password,
        settings.smtp_from,
        settings.smtp_ca_file,
        settings.address,
    )


def build_mail(session: Session, message: Message, sender: str, address: str, at: datetime) -> EmailMessage | None:
    """Return a message as an email from ``sender``, whose link begins with ``address``; None if its user is no longer active, or
    no longer has a role that may see what it is about.

    Line breaks cannot get into a header: the values of placeholders have none, and a subject with one is refused when saved.
    """
    user = session.get(User, message.user_id) if message.user_id else None
    if message.user_id and (
        user is None or not user.active or user.role not in message.payload.get("roles", [user.role])
    ):
        return None
    text = fill(find_text(session, message.event, message.language), _list_values(session, message, user, address))
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(addr_spec=sender)
    name = " ".join(user.name.split()) if user else ""
    mail["To"] = Address(name, addr_spec=user.email if user else message.recipient)
    mail["Subject"] = text.subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message.message_id or build_message_id(message.id, sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in reply
    mail.set_content(text.body)
    return mail


def build_message_id(message_id: str, domain: str) -> str:
    """Return the Message-ID of an email."""
    return f"<{message_id}@{domain}>"


def _list_values(session: Session, message: Message, user: User | None, address: str) -> Mapping[str, str]:
    """Return the value of each placeholder; those of a letter take precedence."""
    organisation = session.get_one(Organisation, message.organisation_id)
    supplier_id = message.payload.get("supplier_id")
    supplier = session.get(Supplier, message.supplier_id) if supplier_id and message.supplier_id else None
    payload = {
        name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in message.payload.items()
    }
    register = REGISTERS[supplier.kind if supplier else "site"]
    letter_values = message.letter_values or {}
    page = fill_in(list_events()[message.event].page, {**payload, "register": register})
    values = {
        **payload,
        "organisation": organisation.name,
        "recipient": user.name if user else "",
        "supplier": supplier.name if supplier else SOMEBODY,
        "link": f"{address}{letter_values.get('path', page)}",
        **letter_values,
    }
    if "step_ids" in message.payload:
        today = date.fromisoformat(message.occasion.split()[0])  # an hour of the day may follow
        values[LIST] = write_step_list(session, message.payload["step_ids"], today, address)
    if (
        message.language == FALLBACK
    ):  # a text in another language may be followed by the English one: both understand 2026-12-04
        values |= {name: format_iso_date(values[name]) for name in DAYS if values.get(name)}
    return values


def send_mail(server: MailServer, mail: EmailMessage) -> Outcome:
    """Hand an email to the server; return how that ended. Only the refusal of it or its recipient is final: everything else,
    such as a wrong password, can be put right within the day.
    """
    try:
        with _connect(server) as connection:
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        (status, _text), *_ = error.recipients.values()
        return _judge(status)
    except smtplib.SMTPDataError as error:
        return _judge(error.smtp_code)
    except smtplib.SMTPAuthenticationError as error:
        return Outcome("retry", "smtp.sign_in", error.smtp_code)
    except smtplib.SMTPResponseException as error:
        return Outcome("retry", f"smtp.{error.smtp_code}", error.smtp_code)
    except smtplib.SMTPNotSupportedError:
        return Outcome("retry", "smtp.not_supported")
    except ssl.SSLError:
        return Outcome("retry", "tls")
    except TimeoutError:
        return Outcome("retry", "timeout")
    except (smtplib.SMTPException, OSError):
        return Outcome("retry", "unreachable")
    return Outcome("sent", "smtp.250", 250)


def _connect(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file or None)
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    try:
        if server.security == "starttls":
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _judge(status: int) -> Outcome:
    """Return the outcome for the status of a reply about an email or its recipient: 5xx is final (RFC 5321, 4.2.1)."""
    return Outcome("failed" if status >= 500 else "retry", f"smtp.{status}", status)
