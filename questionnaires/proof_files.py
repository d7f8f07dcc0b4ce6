"""Check a file that proves something, such as a receipt or a photo: its type is that of its content, whatever its name says.

The check runs in the sandboxed process. Pictures are drawn anew, so that nothing remains of where and by whom they were taken.
For a sheet, the columns are counted whose headers announce personal data.
"""

from __future__ import annotations

import io
import json
from typing import NamedTuple

# The plugins are loaded by Pillow when a picture needs them, which would be too late in the sandboxed process.
from PIL import Image, ImageOps, MpoImagePlugin, TiffImagePlugin  # noqa: F401

from questionnaires import sandbox
from questionnaires.cell_reader import load_sheets
from questionnaires.file_checks.archive import inflate, read_contents
from questionnaires.file_checks.preflight import ACTIVE, NOT_TEXT, ZIP
from questionnaires.limits import FileRefused, Limits
from questionnaires.person_detection import detect_personal_column
from questionnaires.sheet import Sheet

Image.preinit()
PROOF_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
JPEG_QUALITY = 90
HEADER_ROWS = 10  # among the first of which a header may be
# What makes a PDF run something or hold another file, where it can be seen without reading the whole document.
ACTIVE_PDF = (b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/EmbeddedFile")
CONTENT_TYPES = "[Content_Types].xml"


class CheckedProof(NamedTuple):
    """A file that was accepted: its type, the bytes to keep, and how many columns of a sheet announce personal data."""

    type: str
    data: bytes
    personal_columns: int | None = None


def read_proof(data: bytes, limits: Limits | None = None) -> CheckedProof:
    """Return a file as it may be kept, checked in the sandboxed process. Raises FileRefused."""
    limits = limits or Limits(bytes=PROOF_BYTES, seconds=20)
    if len(data) > limits.bytes:
        raise FileRefused("proof.too_large", f"The maximum is {limits.bytes / 1e6:.0f} MB.")
    header, _, kept = sandbox.run("proof", [], data, limits).partition(b"\n")
    return CheckedProof(**json.loads(header), data=kept)


def encode_proof(proof: CheckedProof) -> bytes:
    """Return a checked file as the sandboxed process hands it back."""
    header = {"type": proof.type, "personal_columns": proof.personal_columns}
    return json.dumps(header).encode() + b"\n" + proof.data


def check_proof(data: bytes, limits: Limits) -> CheckedProof:
    """Return a file as it may be kept. Raises FileRefused."""
    if not data.strip(b"\0 \r\n\t"):
        raise FileRefused("file.empty")
    if data.startswith(b"%PDF-"):
        return CheckedProof("pdf", _check_pdf(data))
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return CheckedProof("png", _redraw(data, "PNG"))
    if data.startswith(b"\xff\xd8\xff"):
        return CheckedProof("jpeg", _redraw(data, "JPEG"))
    if data.startswith(ZIP):
        return _check_office_file(data, limits)
    if NOT_TEXT.match(data) or b"\0" in data:
        raise FileRefused("proof.type")
    sheets = load_sheets(data, "csv", "proof.csv", limits)
    if all(len(sheet.columns) < 2 for sheet in sheets):
        raise FileRefused("proof.type")
    return CheckedProof("csv", data, _count_personal_columns(sheets))


def _check_pdf(data: bytes) -> bytes:
    if b"%%EOF" not in data[-2048:]:
        raise FileRefused("file.corrupt")
    if any(word in data for word in ACTIVE_PDF):
        raise FileRefused("proof.active_content")
    return data


def _redraw(data: bytes, kind: str) -> bytes:
    """Return a picture with the same pixels, upright, and without anything else that its file said."""
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise FileRefused("proof.picture", "It has more than 50 million pixels.")
            upright = ImageOps.exif_transpose(picture)
            plain = upright.convert("RGB" if kind == "JPEG" or not upright.has_transparency_data else "RGBA")
    except FileRefused:
        raise
    except Exception:  # noqa: BLE001  whatever its content does to the reader, a picture is damaged and we are well
        raise FileRefused("proof.picture") from None
    bare = Image.frombytes(plain.mode, plain.size, plain.tobytes())
    drawn = io.BytesIO()
    bare.save(drawn, kind, **({"quality": JPEG_QUALITY} if kind == "JPEG" else {}))
    return drawn.getvalue()


def _check_office_file(data: bytes, limits: Limits) -> CheckedProof:
    parts = read_contents(data, limits)
    names = {name.casefold() for name in parts}
    if CONTENT_TYPES not in parts or not names & {"xl/workbook.xml", "word/document.xml"}:
        raise FileRefused("proof.type")
    types = b"".join(inflate(data, parts[CONTENT_TYPES])).lower()
    if any(ACTIVE.search(name) for name in names) or b"macroenabled" in types:
        raise FileRefused("proof.active_content")
    if "word/document.xml" in names:
        return CheckedProof("docx", data)
    return CheckedProof("xlsx", data, _count_personal_columns(load_sheets(data, "xlsx", "proof.xlsx", limits)))


def _count_personal_columns(sheets: tuple[Sheet, ...]) -> int:
    return sum(
        any(detect_personal_column(column.values[code]) for code in column.codes[:HEADER_ROWS].tolist() if code >= 0)
        for sheet in sheets
        for column in sheet.columns
    )
