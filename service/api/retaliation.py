"""API views to read retaliation watches. Recording a check and asking to end a watch take a person, on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, build_etag, page_reply
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.queries import watches as queries
from service.remediation.steps import build_act
from service.retaliation import watches


def list_watches(session: Session, query: Mapping[str, Any]) -> Reply:
    """Return retaliation watches, the oldest first; none to a caller who may not see what workers reported."""
    page = queries.list_watches(session, sees_worker_derived=get_caller().sees_worker_derived, **query)
    checks = queries.list_checks_of(session, page.items)
    return page_reply(page, lambda watch: Resource(watch, checks=checks[watch.id]))


def get_watch(session: Session, watch_id: str) -> Reply:
    """Return a retaliation watch with its checks."""
    watch = watches.get_watch(session, watch_id, build_act(get_caller(), now()), lock=False)
    return Reply(Resource(watch, checks=watches.list_checks(session, watch)), etag=build_etag(watch))
