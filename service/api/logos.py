"""API views of the organisation's logo, which its reports show."""

from __future__ import annotations

from flask import Response, request
from sqlalchemy.orm import Session

from questionnaires.parse.answer import make_legible
from service.api.responses import Reply, attachment
from service.api.schemas.admin import LOGO_UPLOAD
from service.auth.caller import get_blob_store, get_caller, read_session
from service.errors import DomainError
from service.reporting import logos


def download_logo() -> Response:
    """Return the logo as a PNG."""
    with read_session() as session:
        logo = logos.load_logo(session, get_blob_store())
    if logo is None:
        raise DomainError("logo.none", 409, "No logo has been uploaded.")
    return attachment(logo.png, logos.MEDIA_TYPE, "logo.png")


def upload_logo(session: Session) -> Reply:
    """Save a picture as the logo, and return what was made of it."""
    png, width, height = logos.prepare_logo(_read_file())
    digest = get_blob_store().put(png)
    return Reply(logos.save_logo(session, digest, width, height, get_caller().actor), 201)


def remove_logo(session: Session) -> Reply:
    """Remove the logo."""
    logos.remove_logo(session, get_caller().actor)
    return Reply(None, 204)


def _read_file() -> bytes:
    """Return the file of the form. Raises DomainError, 415 or 422."""
    if request.mimetype != "multipart/form-data":
        raise DomainError("content_type", 415, "Send the image as multipart/form-data.")
    unknown = sorted((request.form.keys() | request.files.keys()) - LOGO_UPLOAD.fields.keys())
    if unknown:
        raise DomainError("field.unknown", 422, f"{make_legible(unknown[0])}: This field does not exist.")
    files = request.files.getlist("file")
    if len(files) != 1:
        raise DomainError("field.required", 422, "file: Send one image.")
    data: bytes = files[0].read()
    return data
