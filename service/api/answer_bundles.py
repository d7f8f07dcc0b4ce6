"""API views for signed answers: the keys of this installation and of others, and importing answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, request
from flask.wrappers import Response
from sqlalchemy.orm import Session

from questionnaires.parse.answer import make_legible
from service.answer_bundles import keys
from service.answer_bundles.importing import import_bundle
from service.answer_bundles.own_keys import list_own_keys
from service.api.responses import Reply, whole_list
from service.api.schemas.answer_bundles import ANSWER_BUNDLE_UPLOAD
from service.auth.caller import get_caller, get_settings
from service.clock import now, today
from service.errors import DomainError
from service.suppliers import repository as suppliers

pages = Blueprint("signing_keys", __name__, url_prefix="/.well-known")


@pages.get("/diligence-signing-keys")
def listing() -> Response:
    """Return the public keys of this installation, the current one first. Anyone may see them, as RFC 8615 intends."""
    return jsonify(keys=[key._asdict() for key in list_own_keys(get_settings())])


def list_sender_keys(session: Session) -> Reply:
    """Return the accepted keys of other installations, newest first."""
    return whole_list(list(keys.list_accepted_keys(session)))


def accept_sender_key(session: Session, body: Mapping[str, Any]) -> Reply:
    """Accept the key of another installation."""
    return Reply(keys.accept_key(session, body["public_key"], body["name"], get_caller().actor), 201)


def revoke_sender_key(session: Session, key_id: str) -> Reply:
    """Revoke an accepted key permanently."""
    keys.revoke_key(session, key_id, get_caller().actor)
    return Reply(None, 204)


def read_upload() -> Mapping[str, Any]:
    """Return the ``data`` of the file that was sent. Raises DomainError, 415 or 422."""
    if request.mimetype != "multipart/form-data":
        raise DomainError("content_type", 415, "Send the file as multipart/form-data.")
    unknown = sorted((request.form.keys() | request.files.keys()) - ANSWER_BUNDLE_UPLOAD.fields.keys())
    if unknown:
        raise DomainError("field.unknown", 422, f"{make_legible(unknown[0])}: This field does not exist.")
    files = request.files.getlist("file")
    if len(files) != 1:
        raise DomainError("field.required", 422, "file: Send one file of signed answers.")
    data = files[0].read()
    files[0].seek(0)  # for the digest of the request
    return {"data": data}


def import_answers(session: Session, kind: str, supplier_id: str, data: bytes) -> Reply:
    """Save the signed answers of a supplier, and assess it."""
    supplier, caller = suppliers.get_supplier(session, kind, supplier_id), get_caller()
    return Reply(import_bundle(session, supplier, data, caller.actor, today(caller.time_zone), now()), 201)
