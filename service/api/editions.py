"""API views of editions: how a list differs from the one before it, and what becomes of suppliers that it no longer names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, page_reply
from service.auth.caller import get_caller
from service.clock import now
from service.imports import cases, editions, records
from service.queries import lists

MOST_ENTRIES = 200


def list_entries(session: Session, import_id: str, query: Mapping[str, Any]) -> Reply:
    """Return the differences between the list of an import and the one before it, state by state."""
    import_ = cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)
    return page_reply(lists.list_edition_entries(session, import_.id, **query))


def decide_gone(session: Session, import_id: str, body: Mapping[str, Any]) -> Reply:
    """Record what becomes of suppliers that are no longer on a list."""
    import_ = cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)
    decided = editions.decide_gone(session, import_.id, body["entries"], body["decision"], now(), get_caller().actor)
    return Reply({"decided": decided})
