"""API views to list the remembered mappings of columns, and to delete them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.api.responses import Reply, whole_list
from service.auth.caller import get_caller
from service.imports import mappings


def list_mappings(session: Session) -> Reply:
    """Return all remembered mappings, the latest first."""
    return whole_list(list(mappings.list_mappings(session)))


def delete_mapping(session: Session, mapping_id: str) -> Reply:
    """Forget a mapping."""
    mappings.delete_mapping(session, mapping_id, get_caller().actor)
    return Reply(None, 204)
