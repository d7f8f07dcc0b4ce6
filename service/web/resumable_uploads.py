"""Upload of a file through a link in pieces, by the tus protocol 1.0.0 (core, creation, expiration): https://tus.io.

A program, such as static/upload.js, creates an upload, sends its pieces, asks after a break how many bytes have arrived, and then
sends the form of the page with the id of the upload in place of the file. Any client of the protocol can do so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson
from flask import Blueprint, Flask, Response, request, url_for
from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session
from werkzeug.http import http_date

from questionnaires.proof_files import PROOF_BYTES
from service.auth.caller import get_blob_store, get_database, get_link
from service.clock import now
from service.db.link_tables import UnfinishedUpload
from service.erasure.files import delete_files
from service.errors import DomainError, build_problem, not_found
from service.remediation import evidence_files
from service.remediation.evidence_files import StoredFile
from service.supplier_links import unfinished_uploads as uploads
from service.web.link_session import open_session

VERSION = "1.0.0"
PIECE = "application/offset+octet-stream"
FIELD = "upload"  # of a form: the id of the upload that takes the place of its file
# Where the pieces of the files of a blueprint's pages are sent.
PREFIXES = {"shared_uploads": "/shared/<token>/uploads", "questionnaire_uploads": "/questionnaire/<token>/uploads"}


@dataclass(frozen=True)
class SentFile:
    """The bytes that were sent with a form; for a file that arrived in pieces, the id of its upload and their digests."""

    data: bytes
    upload_id: str | None = None
    pieces: tuple[str, ...] = ()


def register(app: Flask) -> None:
    """Register the addresses for the pieces of files on the application."""
    for name, prefix in PREFIXES.items():
        pages = Blueprint(name, __name__, url_prefix=prefix)
        pages.add_url_rule("", "describe", describe, methods=["OPTIONS"])
        pages.add_url_rule("", "begin", begin, methods=["POST"])
        pages.add_url_rule("/<upload_id>", "find", find)  # HEAD
        pages.add_url_rule("/<upload_id>", "add", add, methods=["PATCH"])
        pages.register_error_handler(DomainError, _refuse)
        pages.after_request(_add_version)
        app.register_blueprint(pages)


def describe(token: str) -> Response:
    """Say what of the protocol is spoken here."""
    most = {"Tus-Version": VERSION, "Tus-Extension": "creation,expiration", "Tus-Max-Size": str(PROOF_BYTES)}
    return Response(status=204, headers=most)


def begin(token: str) -> Response:
    """Create an upload of as many bytes as the header Upload-Length says. Its metadata is ignored: a name may be a worker's."""
    _check_version()
    size = _read_number("Upload-Length")
    if not 0 < size <= PROOF_BYTES:
        raise DomainError("proof.too_large", 413, f"The size of a file must be between 1 and {PROOF_BYTES} bytes.")
    link = get_link()
    with open_session(write=True) as session:
        upload = uploads.begin_upload(session, link.id, size, now())
        address = url_for(f"{request.blueprint}.find", token=token, upload_id=upload.id)
        return Response(status=201, headers={**_describe(upload), "Location": address})


def find(token: str, upload_id: str) -> Response:
    """Say how many bytes of an upload have arrived."""
    _check_version()
    link = get_link()
    with open_session(write=False) as session:
        return Response(headers=_describe(uploads.get_upload(session, link.id, upload_id, now())))


def add(token: str, upload_id: str) -> Response:
    """Take the next piece of an upload."""
    _check_version()
    if request.mimetype != PIECE:
        raise DomainError("media_type.unsupported", 415, f"Send each piece as {PIECE}.")
    offset, data, link = _read_number("Upload-Offset"), request.get_data(), get_link()
    with open_session(write=False) as session:
        uploads.check_piece(uploads.get_upload(session, link.id, upload_id, now()), offset, len(data))
    digest = get_blob_store().put(data) if data else None
    with open_session(write=True) as session:
        upload = uploads.get_upload(session, link.id, upload_id, now(), lock=True)
        if digest is not None:
            uploads.add_piece(upload, offset, len(data), digest, now())
        return Response(status=204, headers=_describe(upload))


def read_sent_file() -> SentFile:
    """Return the file of a form, which was sent with it or before it in pieces.

    Raises DomainError: ``file.missing``, 422; for pieces the errors of
    :func:`service.supplier_links.unfinished_uploads.get_upload` and ``upload.incomplete``, 409.
    """
    if upload_id := request.form.get(FIELD):
        link = get_link()
        with open_session(write=False) as session:
            upload = uploads.get_upload(session, link.id, upload_id, now())
            return SentFile(uploads.read_file(upload, get_blob_store()), upload.id, tuple(upload.pieces))
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise DomainError("file.missing", 422, "Choose a file.")
    return SentFile(sent.read())


def store_file(sent: SentFile) -> StoredFile:
    """Check a file and store it. Raises the errors of :func:`service.remediation.evidence_files.check_file`."""
    try:
        proof = evidence_files.check_file(sent.data)
    except DomainError:
        remove_pieces(sent)
        raise
    return evidence_files.describe_file(proof, get_blob_store().put(proof.data))


def end_upload(session: Session, sent: SentFile) -> None:
    """End the upload of a file in the transaction that takes it, so that it is taken once however often its form is sent.

    Raises DomainError ``not_found``, 404, if it has been taken already.
    """
    if sent.upload_id is None:
        return
    ended = session.execute(delete(UnfinishedUpload).where(UnfinishedUpload.id == sent.upload_id))
    if cast(CursorResult[object], ended).rowcount != 1:
        raise not_found("File not found.")


def remove_pieces(sent: SentFile) -> None:
    """Remove the pieces of a file that was taken or refused: they still say where a photo was taken."""
    if sent.upload_id is None:
        return
    with get_database().for_organisation(get_link().organisation_id) as session:
        session.execute(delete(UnfinishedUpload).where(UnfinishedUpload.id == sent.upload_id))
    delete_files(get_database(), get_blob_store(), sent.pieces)


def _describe(upload: UnfinishedUpload) -> Mapping[str, str]:
    return {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": http_date(upload.expires_at),
    }


def _check_version() -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise DomainError(
            "upload.version", 412, f"Send the header Tus-Resumable: {VERSION}.", headers={"Tus-Version": VERSION}
        )


def _read_number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise DomainError("upload.header", 400, f"The header {header} must be a number of bytes.")
    return int(text)


def _refuse(error: DomainError) -> Response:
    body = orjson.dumps(build_problem(error.code, error.status, error.detail))
    return Response(body, error.status, error.headers, content_type="application/problem+json")


def _add_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return response
