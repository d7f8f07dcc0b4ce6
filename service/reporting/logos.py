"""The logo of an organisation, which its reports show: checked, drawn anew as a PNG, and kept in the file store.

Only PNG and JPEG: an SVG can contain scripts and refer to other servers, and neither Word nor Excel files can show it.
"""

from __future__ import annotations

import io

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.limits import FileRefused
from questionnaires.proof_files import read_proof
from reports.document import Logo
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.account_tables import StoredLogo
from service.db.tables import Organisation
from service.errors import DomainError

MAX_BYTES = 2_000_000
MAX_PIXELS = 16_000_000
SIZE = (1_200, 400)  # pixels: more than any report shows, at the resolution of print
MEDIA_TYPE = "image/png"


def prepare_logo(data: bytes) -> tuple[bytes, int, int]:
    """Return an uploaded logo as a PNG without metadata that fits into SIZE, with its width and height in pixels.

    It is checked in the sandboxed process. Raises DomainError: ``logo.too_large``, 413; ``logo.type``, ``logo.damaged``, 422.
    """
    if len(data) > MAX_BYTES:
        detail = f"A logo can be up to {MAX_BYTES // 1_000_000} MB. Save it with fewer pixels."
        raise DomainError("logo.too_large", 413, detail)
    wrong_type = DomainError("logo.type", 422, "Upload the logo as a PNG or JPEG file.")
    try:
        checked = read_proof(data)
    except FileRefused as refused:
        if refused.code == "proof.picture":
            raise DomainError("logo.damaged", 422, "The image is damaged or has too many pixels.") from refused
        raise wrong_type from refused
    if checked.type not in ("png", "jpeg"):
        raise wrong_type
    with Image.open(io.BytesIO(checked.data)) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise DomainError("logo.damaged", 422, "The image is damaged or has too many pixels.")
        picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
        drawn = io.BytesIO()
        picture.save(drawn, "PNG", optimize=True)
        return drawn.getvalue(), picture.width, picture.height


def save_logo(session: Session, sha256: str, width: int, height: int, by: str) -> StoredLogo:
    """Save a stored PNG as the logo of the organisation of a session, instead of an earlier one."""
    logo = get_logo(session) or StoredLogo()
    logo.sha256, logo.width, logo.height = sha256, width, height
    logo.uploaded_by, logo.uploaded_at = by, now()
    session.add(logo)
    session.flush()
    record_event(session, by, "logo.changed", "logo", logo.id, {"sha256": sha256})
    return logo


def remove_logo(session: Session, by: str) -> None:
    """Remove the logo of an organisation; its file is deleted with the others that nothing refers to. Raises DomainError, 409."""
    logo = get_logo(session)
    if logo is None:
        raise DomainError("logo.none", 409, "No logo has been uploaded.")
    record_event(session, by, "logo.removed", "logo", logo.id)
    session.delete(logo)


def get_logo(session: Session) -> StoredLogo | None:
    """Return the logo of the organisation of a session, None if it has none."""
    return session.scalars(select(StoredLogo)).first()


def load_logo(session: Session, blobs: BlobStore) -> Logo | None:
    """Return the logo of the organisation of a session as reports show it, None if it has none."""
    logo = get_logo(session)
    if logo is None:
        return None
    name = session.get_one(Organisation, logo.organisation_id).name
    return Logo(blobs.get(logo.sha256), logo.width, logo.height, f"Logo of {name}")
