"""A real SMTP server with TLS for the tests (aiosmtpd), which can be told to refuse, and a certificate it is known by."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from service.outbox.mail import MailServer

USER, PASSWORD, SENDER = "diligence", "four grey seals", "diligence@harbour.example"


@dataclass
class Inbox:
    """What the server took; ``replies``: what it says to a recipient instead of taking the mail, one reply for each attempt.

    ``unknown``: addresses that it refuses for good.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if self.replies:
            return self.replies.pop(0)
        if address in self.unknown:
            return "550 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        self.was_encrypted.append(session.ssl is not None)
        self.mails.append(message_from_bytes(envelope.content, policy=POLICY))
        return "250 OK"


def check_password(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    given = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=given, handled=False)  # the server replies itself


@contextmanager
def serve_mail(folder: Path) -> Iterator[tuple[MailServer, Inbox]]:
    """A server on a free port, and what it took; it takes nothing without STARTTLS and a password."""
    authority, inbox = trustme.CA(), Inbox()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    with authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.tempfile() as certificate:
        context = load_certificate(certificate)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(
            inbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True,
            auth_required=True, authenticator=check_password,
        )  # fmt: skip
        controller.start()
        try:
            address = "https://diligence.harbour.example"
            yield MailServer("127.0.0.1", port, "starttls", USER, PASSWORD, SENDER, str(ca_file), address), inbox
        finally:
            controller.stop()


def load_certificate(certificate: str) -> ssl.SSLContext:
    """The TLS context of a server with a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
