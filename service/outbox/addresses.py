"""Which machines a webhook may reach: a name is resolved once, and the connection goes to the address that was checked.

Otherwise an endpoint could be used to reach machines that only this one can: its own services, its network, or the metadata
service of a cloud. The name is not resolved again, so a second answer that differs from the first changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Thread
from urllib.parse import SplitResult, urlsplit

from service.errors import DomainError

MAX_URL = 2_000
PUBLIC_IPV6 = ip_network("2000::/3")  # the only block from which public IPv6 addresses are assigned (IANA)
RELAY_IPV4 = ip_network("192.88.99.0/24")  # formerly the relays of 6to4 (RFC 7526)


class AddressRefused(Exception):
    """No connection may be opened to what a name resolves to, or it does not resolve in time. ``code`` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_url(url: str, *, plain_http: bool) -> SplitResult:
    """Return the parts of the address of an endpoint. Raises DomainError ``webhook.url``, 422, for one that is not allowed."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_valid = urlsplit(""), False
    schemes = ("https", "http") if plain_http else ("https",)
    is_valid = (
        len(url) <= MAX_URL
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in schemes
        and bool(parts.hostname)
        and port_is_valid
        and "@" not in parts.netloc
        and not parts.fragment
    )
    if not is_valid:
        raise DomainError(
            "webhook.url",
            422,
            f"Enter an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}, of up to {MAX_URL:,} "
            "characters, without a user name, spaces or a part after #.",
        )
    return parts


def resolve(host: str, port: int, allowed_networks: Sequence[str], seconds: float) -> str:
    """Return the IP address of a host to connect to. Every address it resolves to must be public or in an allowed network.

    Raises AddressRefused ``unresolved``, ``address_refused``, or ``timeout`` if the look-up takes longer than ``seconds``.
    """
    addresses = _look_up(host, port, seconds)
    if not addresses or not all(is_allowed(address, allowed_networks) for address in addresses):
        raise AddressRefused("address_refused")
    return addresses[0]


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """Return the IP addresses of a host. Raises AddressRefused ``unresolved`` or ``timeout``.

    The system's resolver has no time limit that a caller can set, so it is asked in a thread, which is abandoned when the time is
    up. It is a daemon, so that no process waits for it at its end, and it ends when the resolver gives up.
    """
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result([str(address[0]) for *_, address in answers])
        except (OSError, UnicodeError) as error:  # raised again where the result is awaited
            found.set_exception(error)

    Thread(target=ask, name="look-up", daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError as error:
        raise AddressRefused("timeout") from error
    except (OSError, UnicodeError) as error:
        raise AddressRefused("unresolved") from error


def is_allowed(address: str, allowed_networks: Sequence[str] = ()) -> bool:
    """Return whether a webhook may be posted to an IP address: it is public, or in a network that the operator allows."""
    try:
        parsed = ip_address(address)
    except ValueError:  # an IPv6 address with a zone is local to a link
        return False
    return is_public(parsed) or any(parsed in ip_network(network) for network in allowed_networks)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is an ordinary public one, and holds no other address that might be reached through it."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return address not in RELAY_IPV4
    holds_ipv4 = address.ipv4_mapped is not None or address.sixtofour is not None or address.teredo is not None
    return address in PUBLIC_IPV6 and not holds_ipv4
