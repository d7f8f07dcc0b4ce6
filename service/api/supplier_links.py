"""API views for the links through which suppliers take part without an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH
from service.api.responses import Reply, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.questionnaires_sent.requests import get_open_request
from service.shared_plans.link_mail import send_link
from service.supplier_links import links
from service.suppliers import repository as suppliers


def list_links(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the links of a supplier, newest first, without their addresses."""
    return whole_list(list(links.list_links(session, suppliers.get_supplier(session, kind, supplier_id).id)))


def create_link(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Create a link to the plan of a supplier or to a questionnaire. Its address appears only in this response."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    language = body.get("language") if body.get("language") != ENGLISH else None
    if body.get("asking_id"):
        sent = get_open_request(session, supplier, body["asking_id"], now().date())
        expires_at = now() + timedelta(days=body["days"])
        link, token = links.create_questionnaire_link(session, sent, body["addressee"], expires_at, get_caller().actor)
        address = url_for("questionnaire.show", token=token, _external=True, language=language)
    else:
        link, token = links.create_link(session, supplier, body["addressee"], body["days"], get_caller().actor)
        address = url_for("shared.show", token=token, _external=True, language=language)
    if "email" in body:
        send_link(session, supplier, link, address, body["email"], get_caller().actor, language=language or ENGLISH)
    return Reply(Resource(link, address=address), 201)


def revoke_link(session: Session, kind: str, supplier_id: str, link_id: str) -> Reply:
    """Revoke a link of a supplier immediately."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    links.revoke_link(session, supplier.id, link_id, get_caller().actor)
    return Reply(None, 204)
