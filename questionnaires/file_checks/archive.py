"""The parts of a zip archive: a table of contents that is held to what the archive holds, and inflating with an eye on it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from questionnaires.limits import Limits, Refused

END, CENTRAL, LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
STORED, DEFLATED = 0, 8
LOCKED, SIZES_FOLLOW, UTF8 = 0x1, 0x8, 0x800
FULL = 0xFFFFFFFF
LINK = 0o120000
BAD_NAME = re.compile(r"^/|\\|(^|/)\.\.?(/|$)|^[A-Za-z]:|[\x00-\x1f\x7f]|//")
RATIO, JUDGED_FROM = 100, 10_000_000  # an honest workbook of repeated rows is packed about 50-fold
CHUNK = 1 << 20


class Part(NamedTuple):
    """One part: where its packed bytes lie, how it is packed, how long it is, and the checksum it must have."""

    start: int
    end: int
    method: int
    size: int
    crc: int


def contents(data: bytes, limits: Limits) -> dict[str, Part]:
    """The parts by name, in the order of the table of contents. Nothing is inflated.

    Raises Refused where the table and the archive do not fit each other to the byte: what two programs could read in two
    ways is not read at all.
    """
    at = data.rfind(b"PK\5\6", max(0, len(data) - END.size - 0xFFFF))
    if at < 0 or at + END.size > len(data):
        raise Refused("archive.corrupt", "It ends before its table of contents.")
    _, disk, first_disk, here, count, length, start, comment = END.unpack_from(data, at)
    if disk or first_disk or here != count or start + length != at or at + END.size + comment != len(data):
        raise Refused("archive.corrupt")
    if count > limits.entries:
        raise Refused("archive.too_many_entries")
    parts: dict[str, Part] = {}
    begins: list[tuple[int, int]] = []
    for _ in range(count):
        if start + CENTRAL.size > at:
            raise Refused("archive.corrupt")
        entry = CENTRAL.unpack_from(data, start)
        signature, _, _, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, _, _, attributes, local = (
            entry
        )
        raw = data[start + CENTRAL.size :][:n_name]
        extra = data[start + CENTRAL.size + n_name :][:n_extra]
        start += CENTRAL.size + n_name + n_extra + n_comment
        if signature != b"PK\1\2" or start > at:
            raise Refused("archive.corrupt")
        if FULL in (size, packed, local):
            size, packed, local = long_sizes(extra, size, packed, local)
        name = decoded(raw, flags)
        if BAD_NAME.search(name) or (attributes >> 16) & 0o170000 == LINK:
            raise Refused("archive.bad_entry_name")
        if flags & LOCKED:
            raise Refused("file.encrypted")
        if method not in (STORED, DEFLATED):
            raise Refused("archive.bad_compression")
        if size > limits.part_bytes or (size > JUDGED_FROM and size > RATIO * packed):
            raise Refused("archive.expands_too_large", f"'{name[:80]}' would have {size / 1e6:.0f} MB.")
        begin = opened(data, local, (raw, flags, method, crc, packed, size))
        if begin + packed > at:
            raise Refused("archive.corrupt")
        begins.append((local, begin + packed))
        parts[name] = Part(begin, begin + packed, method, size, crc)
    if start != at:
        raise Refused("archive.corrupt")
    if len({name.casefold() for name in parts}) != count:
        raise Refused("archive.duplicate_entry")
    if any(end > begin for (_, end), (begin, _) in pairwise(sorted(begins))):
        raise Refused("archive.corrupt", "Its parts overlap.")
    if sum(part.size for part in parts.values()) > limits.expanded:
        raise Refused("archive.expands_too_large")
    return parts


def decoded(raw: bytes, flags: int) -> str:
    """The name of a part. An old one that is not ASCII is of no part that is read: any reading of it will do."""
    try:
        return raw.decode("utf-8" if flags & UTF8 else "latin-1")
    except UnicodeDecodeError:
        raise Refused("archive.bad_entry_name") from None


def long_sizes(extra: bytes, *values: int) -> tuple[int, int, int]:
    """Size, packed size and place where they are written as 64-bit numbers, in the extra field that some writers always use."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            numbers = (
                int.from_bytes(extra[place : place + 8], "little") for place in range(at + 4, at + 4 + length, 8)
            )
            size, packed, local = (next(numbers, FULL) if value == FULL else value for value in values)
            return size, packed, local
        at += 4 + length
    raise Refused("archive.corrupt")


def opened(data: bytes, local: int, told: tuple[bytes, int, int, int, int, int]) -> int:
    """Where the packed bytes of a part begin. Raises Refused where its own header tells something else than the table."""
    name, flags, method, crc, packed, size = told
    if local + LOCAL.size > len(data):
        raise Refused("archive.corrupt")
    signature, _, own_flags, own_method, _, _, own_crc, own_packed, own_size, n_name, n_extra = LOCAL.unpack_from(
        data, local
    )
    begin: int = local + LOCAL.size + n_name + n_extra
    if signature != b"PK\3\4" or own_method != method or (own_flags ^ flags) & (LOCKED | SIZES_FOLLOW):
        raise Refused("archive.corrupt")
    if data[local + LOCAL.size :][:n_name] != name:
        raise Refused("archive.corrupt", "A part has two names.")
    lengths = {(own_packed, packed), (own_size, size)}
    if not flags & SIZES_FOLLOW and (own_crc != crc or any(own not in (here, FULL) for own, here in lengths)):
        raise Refused("archive.corrupt", "A part has two sizes.")
    return begin


def inflate(data: bytes, part: Part) -> Iterator[bytes]:
    """The bytes of a part, at most a megabyte at a time; never more than the table of contents says.

    Raises Refused as soon as there are more, at the end if there are fewer, or if the checksum does not hold.
    """
    size = crc = 0
    pieces: Iterator[bytes]
    if part.method == STORED:
        pieces = (data[at : min(at + CHUNK, part.end)] for at in range(part.start, part.end, CHUNK))
    else:
        pieces = unpacked(memoryview(data)[part.start : part.end])
    for piece in pieces:
        size += len(piece)
        if size > part.size:
            raise Refused("archive.expands_too_large", "A part is longer than its table of contents says.")
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != part.size or crc != part.crc:
        raise Refused("archive.corrupt", "A part is not what its checksum says.")


def unpacked(packed: memoryview) -> Iterator[bytes]:
    """The deflated bytes, inflated."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not stream.eof:
            left = stream.unconsumed_tail or packed[:CHUNK]
            packed = packed if stream.unconsumed_tail else packed[CHUNK:]
            piece = stream.decompress(left, CHUNK)
            if not left and not piece:
                raise Refused("archive.corrupt", "A part ends too early.")
            yield piece
    except zlib.error:
        raise Refused("archive.corrupt") from None
    if stream.unused_data or packed:
        raise Refused("archive.corrupt")
