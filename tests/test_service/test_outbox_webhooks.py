"""Webhook calls: signed as Standard Webhooks says, to addresses that were checked, tried for a day, and logged without bodies."""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import sleep

import pytest
import trustme
from callers import freeze_time, make_organisation, make_user
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE
from sqlalchemy import select, update

from service.auth import provider_http
from service.clock import now
from service.db.outbox_tables import DeliveryAttempt, Message, WebhookEndpoint
from service.db.session import Database
from service.errors import DomainError
from service.outbox import addresses, delivery, endpoints, exchange, webhooks
from service.outbox.addresses import AddressRefused, is_allowed, resolve
from service.outbox.delivery import Channels
from service.outbox.exchange import Receiving
from service.outbox.queue import LIFETIME, Event, queue_events
from service.outbox.webhooks import build_headers

KEY = b"k" * 32
LOCAL = Receiving(networks=("127.0.0.0/8", "::1/128"))
CHANNELS = Channels(None, LOCAL, (KEY,))
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


class Receiver(BaseHTTPRequestHandler):
    """What a receiver does: it keeps what it gets, and answers with the first of its replies, or 204."""

    protocol_version = "HTTP/1.1"
    got: list[tuple[str, dict[str, str], bytes]] = []
    replies: list[tuple[int, dict[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers = self.replies.pop(0) if self.replies else (204, {})
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a receiver with TLS, whose certificate is for hook.example and this machine."""
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("receiver")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hook.example", "127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    os.environ["SSL_CERT_FILE"] = str(folder / "ca.pem")
    yield f"https://127.0.0.1:{server.server_address[1]}/hook"
    del os.environ["SSL_CERT_FILE"]
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver(address: str) -> type[Receiver]:
    Receiver.got.clear()
    Receiver.replies.clear()
    return Receiver


def queue_call(database: Database, url: str, calls: int = 1) -> tuple[str, str, str]:
    """Calls about a changed level; the ids of the organisation and the endpoint, and the secret."""
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        endpoint, secret = endpoints.create_endpoint(session, url, ["level.changed"], KEY, "user:ana")
        for number in range(calls):
            payload = {"supplier_id": "s1", "from": "medium", "to": "high", "cause": "review"}
            queue_events(session, Event(code="level.changed", occasion=str(number), payload=payload))
        return organisation_id, endpoint.id, secret


def read(database: Database) -> tuple[Message, WebhookEndpoint]:
    with database.unscoped(write=False) as session:
        messages = select(Message).where(Message.kind == "webhook").order_by(Message.created_at, Message.id)
        return session.scalars(messages).first(), session.scalars(select(WebhookEndpoint)).one()


def make_due(database: Database) -> None:
    with database.unscoped() as session:
        session.execute(update(Message).values(next_attempt_at=now()))
        session.execute(update(WebhookEndpoint).values(paused_until=None))


def deliver(database: Database, channels: Channels = CHANNELS) -> bool:
    return delivery.deliver_next(database, channels, "webhook")


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does to check a call, written after the specification and not after our code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


def test_a_call_is_signed_as_the_example_of_the_specification():
    # The example in the libraries of Standard Webhooks (MIT).
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = build_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', [secret], at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_a_call_reaches_its_receiver_signed_and_with_ids_only(
    database: Database, address: str, receiver: type[Receiver]
):
    organisation_id, _, secret = queue_call(database, address)
    assert deliver(database)
    assert not deliver(database)
    ((path, headers, body),) = receiver.got
    assert path == "/hook"
    assert verify(secret, headers, body)
    assert not verify(secret, headers, body + b" ")
    message, endpoint = read(database)
    assert headers["webhook-id"] == message.id
    assert json.loads(body) == {
        "type": "level.changed",
        "timestamp": message.created_at.isoformat(),
        "data": {"supplier_id": "s1", "from": "medium", "to": "high", "cause": "review"},
    }
    assert (message.state, endpoint.failing_since) == ("sent", None)
    with database.for_organisation(organisation_id, write=False) as session:
        (attempt,) = session.scalars(select(DeliveryAttempt))
    assert (attempt.code, attempt.status) == ("http.204", 204)


def test_a_failed_call_is_tried_again_with_the_same_id(
    sqlite_database: Database, address: str, receiver: type[Receiver]
):
    _, _, secret = queue_call(sqlite_database, address)
    receiver.replies += [(503, {"Retry-After": "900"}), (500, {})]
    deliver(sqlite_database)
    message, _ = read(sqlite_database)
    assert (message.state, message.code) == ("queued", "http.503")
    assert message.next_attempt_at > now() + timedelta(seconds=800)
    for _ in range(2):
        make_due(sqlite_database)
        deliver(sqlite_database)
    assert {headers["webhook-id"] for _, headers, _ in receiver.got} == {message.id}
    assert all(verify(secret, headers, body) for _, headers, body in receiver.got)
    assert read(sqlite_database)[0].state == "sent"


def test_a_redirect_is_not_followed(sqlite_database: Database, address: str, receiver: type[Receiver]):
    queue_call(sqlite_database, address)
    receiver.replies.append((307, {"Location": address}))
    deliver(sqlite_database)
    assert len(receiver.got) == 1
    assert read(sqlite_database)[0].code == "http.307"


def test_the_certificate_must_be_that_of_the_host(
    sqlite_database: Database, address: str, receiver: type[Receiver], monkeypatch: pytest.MonkeyPatch
):
    port = int(address.rpartition(":")[2].split("/")[0])
    monkeypatch.setattr(
        addresses.socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
    )
    queue_call(sqlite_database, f"https://other.example:{port}/")
    deliver(sqlite_database)
    assert (read(sqlite_database)[0].code, receiver.got) == ("tls", [])


def test_a_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_checked(
    sqlite_database: Database, address: str, receiver: type[Receiver], monkeypatch: pytest.MonkeyPatch
):
    port = int(address.rpartition(":")[2].split("/")[0])
    asked = []

    def answer(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host == "hook.example":
            asked.append(host)
            return [(0, 0, 0, "", ("127.0.0.1", port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    queue_call(sqlite_database, f"https://hook.example:{port}/hook?a=1")
    deliver(sqlite_database)
    ((path, headers, _),) = receiver.got
    assert (path, headers["host"]) == ("/hook?a=1", f"hook.example:{port}")
    assert asked == ["hook.example"]


def test_a_host_of_which_one_address_is_not_public_is_refused(monkeypatch: pytest.MonkeyPatch):
    found = [(0, 0, 0, "", (each, 443)) for each in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused, match="address_refused"):
        resolve("hook.example", 443, [], PATIENCE)
    assert resolve("hook.example", 443, ["10.0.0.0/8"], PATIENCE) == "93.184.216.34"


def test_a_look_up_that_takes_too_long_ends_the_call(monkeypatch: pytest.MonkeyPatch):
    given_up = Signal()

    def answer_too_late(*_: object, **__: object) -> list[tuple[object, ...]]:
        assert given_up.wait(PATIENCE)
        return []

    monkeypatch.setattr(addresses.socket, "getaddrinfo", answer_too_late)
    monkeypatch.setattr(exchange, "SILENCE_SECONDS", 0.01)
    with pytest.raises(exchange.CallFailed) as failed:
        exchange.exchange("GET", "https://hook.example/", None, {}, Receiving())
    given_up.set()
    assert failed.value.code == "timeout"


@pytest.mark.parametrize(
    "refused",
    """0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.8.9.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1
    192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::ffff:127.0.0.1 ::ffff:93.184.216.34 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::
    2002:5db8:d822:: fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 4000::1""".split(),
)
def test_addresses_that_are_not_ordinary_public_ones_are_refused(refused: str):
    assert not is_allowed(refused)


@pytest.mark.parametrize(
    "public", ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450:4001::1"]
)
def test_public_addresses_are_allowed(public: str):
    assert is_allowed(public)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_no_spelling_of_this_machine_is_reached(
    sqlite_database: Database, host: str, receiver: type[Receiver], address: str
):
    port = address.rpartition(":")[2].split("/")[0]
    queue_call(sqlite_database, f"https://{host}:{port}/")
    deliver(sqlite_database, Channels(None, Receiving(), (KEY,)))
    message, _ = read(sqlite_database)
    assert (message.state, message.code, receiver.got) == ("queued", "address_refused", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "ftp://hook.example/",
        "https://",
        "https://ana:secret@hook.example/",
        "https://hook.example/#a",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://hook.example/\r\nHost: a",
        "https://hoök.example/",
        "https://hook.example/a b",
        "https://hook.example/" + "a" * 2000,
    ],
)
def test_an_endpoint_needs_a_plain_https_address(sqlite_database: Database, url: str):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        endpoints.create_endpoint(session, url, ["level.changed"], KEY, "user:ana")
    assert refused.value.code == "webhook.url"


def test_after_a_rotation_calls_bear_both_signatures_for_a_day(
    sqlite_database: Database, address: str, receiver: type[Receiver], monkeypatch: pytest.MonkeyPatch
):
    organisation_id, endpoint_id, first = queue_call(sqlite_database, address, calls=2)
    both_keys = (b"n" * 32, KEY)  # the installation has got a newer secret key since
    with sqlite_database.for_organisation(organisation_id) as session:
        _, second = endpoints.rotate_secret(session, endpoint_id, both_keys, "user:ana")
    deliver(sqlite_database, Channels(None, LOCAL, both_keys))
    freeze_time(monkeypatch, now() + timedelta(days=1, seconds=1))
    make_due(sqlite_database)
    deliver(sqlite_database, Channels(None, LOCAL, both_keys))
    (_, during, body), (_, after, later) = receiver.got
    assert verify(first, during, body)
    assert verify(second, during, body)
    assert not verify(first, after, later)
    assert verify(second, after, later)


def test_nothing_is_signed_with_a_secret_that_the_receiver_does_not_know(
    sqlite_database: Database, address: str, receiver: type[Receiver]
):
    organisation_id, endpoint_id, _ = queue_call(sqlite_database, address)
    other = Channels(None, LOCAL, (b"o" * 32,))
    deliver(sqlite_database, other)
    message, endpoint = read(sqlite_database)
    assert (message.state, endpoint.disabled_code, receiver.got) == ("failed", "secret_lost", [])
    with sqlite_database.for_organisation(organisation_id) as session:
        with pytest.raises(DomainError, match="Rotate"):
            endpoints.change_endpoint(session, endpoint_id, "user:ana", enabled=True)
        rotated, _ = endpoints.rotate_secret(session, endpoint_id, other.secret_keys, "user:ana")
        assert (rotated.disabled_code, rotated.previous_salt) == (None, None)


def test_no_row_holds_a_secret(sqlite_database: Database, address: str):
    _, _, secret = queue_call(sqlite_database, address)
    _, endpoint = read(sqlite_database)
    text = base64.b64decode(secret.removeprefix("whsec_"))
    stored = " ".join(str(getattr(endpoint, column.key)) for column in WebhookEndpoint.__table__.columns)
    assert secret not in stored
    assert text.hex() not in stored


def test_an_endpoint_that_says_it_is_gone_is_disabled_and_the_admins_are_notified(
    sqlite_database: Database, address: str, receiver: type[Receiver]
):
    organisation_id, _, _ = queue_call(sqlite_database, address, calls=2)
    admin = make_user(sqlite_database, organisation_id, "admin")
    receiver.replies.append((410, {}))
    while deliver(sqlite_database):
        make_due(sqlite_database)
    with sqlite_database.unscoped(write=False) as session:
        found = session.scalars(select(Message).order_by(Message.kind, Message.code)).all()
    assert [(one.kind, one.event, one.state, one.code) for one in found] == [
        ("mail", "webhook.disabled", "queued", None),
        ("webhook", "level.changed", "failed", "endpoint_disabled"),
        ("webhook", "level.changed", "failed", "http.410"),
    ]
    assert (found[0].recipient, len(receiver.got)) == (admin, 1)


def test_an_endpoint_that_fails_for_days_is_disabled_and_works_again_once_it_is_enabled(
    sqlite_database: Database, address: str, receiver: type[Receiver]
):
    organisation_id, endpoint_id, _ = queue_call(sqlite_database, address, calls=2)
    with sqlite_database.unscoped() as session:
        session.execute(update(WebhookEndpoint).values(failing_since=now() - timedelta(days=5)))
    receiver.replies.append((500, {}))
    deliver(sqlite_database)
    assert read(sqlite_database)[1].disabled_code == "failing"
    with sqlite_database.for_organisation(organisation_id) as session:
        endpoints.change_endpoint(session, endpoint_id, "user:ana", enabled=True)
    make_due(sqlite_database)
    deliver(sqlite_database)
    assert read(sqlite_database)[1].failing_since is None


def test_endpoints_take_turns(sqlite_database: Database, address: str, receiver: type[Receiver]):
    organisation_id, first, _ = queue_call(sqlite_database, address, calls=3)
    with sqlite_database.for_organisation(organisation_id) as session:
        endpoints.create_endpoint(session, f"{address}/second", ["step.closed"], KEY, "user:ana")
        queue_events(session, Event(code="step.closed", occasion="1", payload={"step_id": "s1"}))
    while deliver(sqlite_database):
        pass
    assert "/hook/second" in [path for path, _, _ in receiver.got[:2]]


@pytest.mark.fault
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("beginning", [b"H", b"\x16\x03\x03\x40\x00", b""], ids=["text", "handshake", "nothing"])
def test_a_call_ends_if_the_receiver_responds_too_slowly(
    monkeypatch: pytest.MonkeyPatch, scheme: str, beginning: bytes
):
    monkeypatch.setattr(exchange, "TOTAL_SECONDS", 0.3)
    monkeypatch.setattr(exchange, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(provider_http, "TOTAL_SECONDS", 0.3)
    with slow_server(beginning) as port:
        receiving = Receiving(plain_http=True, networks=LOCAL.networks)
        outcome = webhooks.post(f"{scheme}://127.0.0.1:{port}/", b"{}", {}, receiving)
        assert outcome.end == "retry"
        assert outcome.code in ("timeout", "tls")  # text is no handshake
        with pytest.raises(provider_http.ProviderUnreachable):
            provider_http.ProviderSession(("127.0.0.1",)).get_json(f"{scheme}://127.0.0.1:{port}/")


@pytest.mark.fault
def test_a_call_that_should_have_ended_during_the_handshake_is_not_made(
    address: str, receiver: type[Receiver], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exchange, "TOTAL_SECONDS", 0.1)
    shake_hands = ssl.SSLSocket.do_handshake

    def shake_hands_slowly(self: ssl.SSLSocket, *arguments: object) -> None:
        if not self.server_side:
            sleep(0.3)
        shake_hands(self, *arguments)

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", shake_hands_slowly)
    assert webhooks.post(address, b"{}", {}, LOCAL).code == "timeout"
    assert receiver.got == []


@contextmanager
def slow_server(beginning: bytes) -> Iterator[int]:
    """Serves a port at which whoever connects gets a beginning and then a byte now and then; or nothing, if that is empty."""

    def drip(connected: socket.socket) -> None:
        with connected, suppress(OSError):
            connected.sendall(beginning)
            while beginning and connected.send(b"H"):
                sleep(0.01)
            while connected.recv(1 << 16):
                pass

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


@examples(50)
@given(st.floats(0, 24 * 3600), st.floats(0, 3600))
def test_a_message_waits_longer_the_longer_it_has_been_tried_for(tried: float, more: float):
    message = Message(give_up_at=AT + LIFETIME)
    delay = delivery.compute_delay(message, AT + timedelta(seconds=tried))
    later = delivery.compute_delay(message, AT + timedelta(seconds=tried + more))
    assert delivery.MIN_DELAY * 0.75 <= delay <= delivery.MAX_DELAY * 1.25
    assert later >= delay * 0.6  # give or take the quarter of each


def test_delivery_over_plain_http_needs_the_operators_leave(sqlite_database: Database, tmp_path: Path):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session:
        endpoint, _ = endpoints.create_endpoint(
            session, "http://hook.example/", ["level.changed"], KEY, "user:ana", plain_http=True
        )
        assert endpoint.url == "http://hook.example/"
    assert webhooks.post("http://hook.example/", b"", {}, Receiving()).code == "webhook.url"
