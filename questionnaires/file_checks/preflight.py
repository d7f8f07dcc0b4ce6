"""The door: what is refused before anything of a file is parsed."""

from __future__ import annotations

import re

from questionnaires.file_checks.archive import contents
from questionnaires.limits import Limits, Refused

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"
TEXT_TYPES = ("csv", "tsv", "txt")
TYPES = ("xlsx", "xls", "ods", *TEXT_TYPES)

# What is never a table of text, whatever its name says: pictures, programs, archives, documents, web pages.
NO_TEXT = re.compile(
    rb"PK[\x03\x05]|\xd0\xcf\x11\xe0|%PDF|GIF8|\x89PNG|\xff\xd8\xff|\x7fELF|\x1f\x8b|7z\xbc\xaf|Rar!|MZ[^\n]{0,200}\x00"
    rb"|\{\\rtf|(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|html|head|body|table|script|svg|\?xml|\?mso)"
    rb"|ID;P[^\r\n]*\r?\n(?:[BCFOPW]|N[ENU]);",  # SYLK by its first two records: a header may begin with "ID;P"
    re.IGNORECASE,
)
# A name is only ever shown; one that is a path, a header line or two names in one was not given by a person.
BAD_NAME = re.compile('[\x00-\x1f\x7f-\x9f/\\\\:*?"<>|\u202a-\u202e\u2066-\u2069\ud800-\udfff]|;\\s*\\.|\\.\\w+;|[. ]$')

# Parts that run or that hold other files; and the kinds of parts a workbook has, most by their ending, some have none.
ACTIVE = re.compile(
    r"vbaproject|vbadata|(^|/)(macrosheets|intlmacrosheets|activex|embeddings)/|^scripts/.|^object \d+$"
    r"|^basic/(?!(.*/)?script-l[bc]\.xml$).*[^/]$"
)
EXPECTED = re.compile(
    r"(^|/)[^./]*$|\.(xml|rels|vml|bin|dat|data|png|jpe?g|jfif|gif|bmp|tiff?|emf|wmf|wdp|svg|svm|psmdcp|sigs|cer|rdf|odttf)$"
)


def check_door(data: bytes, name: str, limits: Limits) -> str:
    """The type of the file ("xlsx", "xls", "ods", "csv", "tsv", "txt"), told without parsing it.

    Raises Refused for a bad name, a wrong size, a type that is not read or is not what the name says, and for an archive
    whose table of contents does not hold or lists what does not belong into a workbook.
    """
    if not name or len(name) > 255 or BAD_NAME.search(name):
        raise Refused("file.bad_name")
    extension = name.rpartition(".")[2].casefold() if "." in name else ""
    if len(data) > limits.bytes:
        raise Refused(
            "upload.too_large", f"It has {len(data) / 1e6:.1f} MB; {limits.bytes / 1e6:.0f} MB are read at most."
        )
    if extension not in (*TYPES, "xlsm"):
        raise Refused("file.type_not_allowed", f"This is .{extension}." if extension else "Its name has no ending.")
    if not data:
        raise Refused("file.empty")
    if extension in TEXT_TYPES:
        if NO_TEXT.match(data) or not data.strip(b"\0"):
            raise Refused("file.type_mismatch")
        return extension
    found = type_of(data, limits)
    if extension == "xlsm":
        raise Refused("file.type_not_allowed", "This is .xlsm.")
    if found != extension:
        raise Refused("file.type_mismatch", f"It is an .{found} file under the name of an .{extension} file.")
    return found


def type_of(data: bytes, limits: Limits) -> str:
    """Which kind of workbook the bytes are. Raises Refused where they are none."""
    if data.startswith(OLE2):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise Refused("file.encrypted")
        return "xls"
    if not data.startswith(ZIP):
        raise Refused("file.corrupt" if ZIP.startswith(data) or OLE2.startswith(data) else "file.type_mismatch")
    parts = contents(data, limits)
    names = [name.casefold() for name in parts]
    if any(ACTIVE.search(name) for name in names):
        raise Refused("file.active_content")
    if "xl/workbook.xml" in names and "[content_types].xml" in names:
        found = "xlsx"
    elif "content.xml" in parts and "mimetype" in parts:
        found = "ods"
    else:
        raise Refused("file.type_mismatch")
    strange = next((name for name in names if not EXPECTED.search(name)), None)
    if strange:
        raise Refused("archive.unexpected_part", f"It is called '{strange[:80]}'.")
    return found
