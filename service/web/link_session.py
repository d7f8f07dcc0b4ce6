"""Transactions for the requests that a supplier makes through a link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from service.auth.caller import get_database, get_link
from service.supplier_links import links


@contextmanager
def open_session(*, write: bool) -> Iterator[Session]:
    """Open a transaction on the rows of the organisation that sent the link of the request.

    What is written is committed only if the link is still valid by then: it was let in before, in a transaction of its own.
    Raises DomainError ``not_found``, 404, at the end if it was revoked or has expired meanwhile.
    """
    link = get_link()
    with get_database().for_organisation(link.organisation_id, write=write) as session:
        yield session
        if write:
            links.check_link(session, link)
