"""Check a file by name, size and type before any of it is parsed."""

from __future__ import annotations

import re

from questionnaires.file_checks.archive import read_contents
from questionnaires.limits import FileRefused, Limits

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"
TEXT_TYPES = ("csv", "tsv", "txt")
JSON = "json"
TYPES = ("xlsx", "xlsm", "xls", "ods", *TEXT_TYPES, JSON)

# Files that are never text tables, whatever their name says: pictures, programs, archives, documents, web pages.
NOT_TEXT = re.compile(
    rb"PK[\x03\x05]|\xd0\xcf\x11\xe0|%PDF|GIF8|\x89PNG|\xff\xd8\xff|\x7fELF|\x1f\x8b|7z\xbc\xaf|Rar!|MZ[^\n]{0,200}\x00"
    rb"|\{\\rtf|(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|html|head|body|table|script|svg|\?xml|\?mso)"
    rb"|ID;P[^\r\n]*\r?\n(?:[BCFOPW]|N[ENU]);",  # SYLK by its first two records: a header may begin with "ID;P"
    re.IGNORECASE,
)
JSON_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}[\[{]")
# A name is only ever displayed. A name that is a path, a header line or two names in one was not chosen by a person.
BAD_NAME = re.compile('[\x00-\x1f\x7f-\x9f/\\\\:*?"<>|\u202a-\u202e\u2066-\u2069\ud800-\udfff]|;\\s*\\.|\\.\\w+;|[. ]$')

# Parts that are executed or that hold other files; and the parts a workbook has, most known by their ending, some without one.
ACTIVE = re.compile(
    r"vbaproject|vbadata|(^|/)(macrosheets|intlmacrosheets|activex|embeddings)/|^scripts/.|^object \d+$"
    r"|^basic/(?!(.*/)?script-l[bc]\.xml$).*[^/]$"
)
EXPECTED_PART = re.compile(
    r"(^|/)[^./]*$|\.(xml|rels|vml|bin|dat|data|png|jpe?g|jfif|gif|bmp|tiff?|emf|wmf|wdp|svg|svm|psmdcp|sigs|cer|rdf|odttf)$"
)


def check_file(data: bytes, name: str, limits: Limits) -> str:
    """Return the type of the file ("xlsx", "xlsm" without macros, "xls", "ods", "csv", "tsv", "txt",
    "json") without parsing it.

    Raises FileRefused for a bad name, a wrong size, a type that is not supported or does not match the name, and for an archive
    whose table of contents is damaged or lists what does not belong in a workbook.
    """
    if not name or len(name) > 255 or BAD_NAME.search(name):
        raise FileRefused("file.bad_name")
    extension = name.rpartition(".")[2].casefold() if "." in name else ""
    if len(data) > limits.bytes:
        raise FileRefused(
            "upload.too_large", f"Its size is {len(data) / 1e6:.1f} MB; the maximum is {limits.bytes / 1e6:.0f} MB."
        )
    if extension not in TYPES:
        raise FileRefused(
            "file.type_not_allowed",
            f"The extension is .{extension}." if extension else "Its name has no file extension.",
        )
    if not data:
        raise FileRefused("file.empty")
    if extension in TEXT_TYPES:
        if NOT_TEXT.match(data) or not data.strip(b"\0"):
            raise FileRefused("file.type_mismatch")
        return extension
    if extension == JSON:
        if not JSON_BEGINS.match(data):
            raise FileRefused("file.type_mismatch")
        return extension
    detected = detect_workbook_type(data, limits)
    if extension == "xlsm" and detected == "xlsx":  # it contains no macros, although its name and type allow them
        return extension
    if detected != extension:
        raise FileRefused("file.type_mismatch", f"It is an .{detected} file with the extension .{extension}.")
    return detected


def detect_workbook_type(data: bytes, limits: Limits) -> str:
    """Return the type of workbook ("xlsx", "xls", "ods") of the bytes. Raises FileRefused if they are not a workbook."""
    if data.startswith(OLE2):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise FileRefused("file.encrypted")
        return "xls"
    if not data.startswith(ZIP):
        raise FileRefused("file.corrupt" if ZIP.startswith(data) or OLE2.startswith(data) else "file.type_mismatch")
    parts = read_contents(data, limits)
    names = [name.casefold() for name in parts]
    if any(ACTIVE.search(name) for name in names):
        raise FileRefused("file.active_content")
    if "xl/workbook.xml" in names and "[content_types].xml" in names:
        detected = "xlsx"
    elif "content.xml" in parts and "mimetype" in parts:
        detected = "ods"
    else:
        raise FileRefused("file.type_mismatch")
    unexpected = next((name for name in names if not EXPECTED_PART.search(name)), None)
    if unexpected:
        raise FileRefused("archive.unexpected_part", f"The part is called '{unexpected[:80]}'.")
    return detected
