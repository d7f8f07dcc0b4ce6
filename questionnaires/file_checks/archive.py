"""Read the parts of a zip archive: check its table of contents against what it holds, and decompress within limits."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from questionnaires.limits import FileRefused, Limits

END, CENTRAL, LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
STORED, DEFLATED = 0, 8
ENCRYPTED, SIZES_FOLLOW, UTF8 = 0x1, 0x8, 0x800
ZIP64 = 0xFFFFFFFF
LINK = 0o120000
BAD_NAME = re.compile(r"^/|\\|(^|/)\.\.?(/|$)|^[A-Za-z]:|[\x00-\x1f\x7f]|//")
MAX_RATIO, RATIO_CHECKED_FROM = 100, 10_000_000  # a genuine workbook of repeated rows is compressed about 50-fold
CHUNK = 1 << 20


class Part(NamedTuple):
    """One part: where its compressed bytes lie, the method of compression, its inflated size and its checksum."""

    start: int
    end: int
    method: int
    size: int
    crc: int


class Header(NamedTuple):
    """What the table of contents says about a part; the part's own header must say the same."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int


def read_contents(data: bytes, limits: Limits) -> dict[str, Part]:
    """Return the parts by name, in the order of the table of contents. Nothing is decompressed.

    Raises FileRefused if the table and the archive do not match to the byte: an archive that two programs could read in two
    ways is not read at all.
    """
    table_end = data.rfind(b"PK\5\6", max(0, len(data) - END.size - 0xFFFF))
    if table_end < 0 or table_end + END.size > len(data):
        raise FileRefused("archive.corrupt", "The file ends before its table of contents.")
    _, disk, first_disk, on_disk, count, length, start, comment = END.unpack_from(data, table_end)
    if (
        disk
        or first_disk
        or on_disk != count
        or start + length != table_end
        or table_end + END.size + comment != len(data)
    ):
        raise FileRefused("archive.corrupt")
    if count > limits.entries:
        raise FileRefused("archive.too_many_entries")
    parts: dict[str, Part] = {}
    spans: list[tuple[int, int]] = []
    for _ in range(count):
        start, local, name, part = read_entry(data, start, table_end, limits)
        spans.append((local, part.end))
        parts[name] = part
    if start != table_end:
        raise FileRefused("archive.corrupt")
    if len({name.casefold() for name in parts}) != count:
        raise FileRefused("archive.duplicate_entry")
    if any(end > begin for (_, end), (begin, _) in pairwise(sorted(spans))):
        raise FileRefused("archive.corrupt", "The parts of the workbook overlap.")
    if sum(part.size for part in parts.values()) > limits.expanded:
        raise FileRefused("archive.expands_too_large")
    return parts


def read_entry(data: bytes, start: int, table_end: int, limits: Limits) -> tuple[int, int, str, Part]:
    """Return where the next entry of the table begins, where this one's own header lies, and the name and part of this one.

    Raises FileRefused for a name, a method of compression or a size that no workbook has, or if the entry is damaged.
    """
    if start + CENTRAL.size > table_end:
        raise FileRefused("archive.corrupt")
    entry = CENTRAL.unpack_from(data, start)
    signature, _, _, flags, method, _, _, crc, compressed, size, n_name, n_extra, n_comment, _, _, attributes, local = (
        entry
    )
    raw_name = data[start + CENTRAL.size :][:n_name]
    extra = data[start + CENTRAL.size + n_name :][:n_extra]
    start += CENTRAL.size + n_name + n_extra + n_comment
    if signature != b"PK\1\2" or start > table_end:
        raise FileRefused("archive.corrupt")
    if ZIP64 in (size, compressed, local):
        size, compressed, local = read_zip64_sizes(extra, size, compressed, local)
    name = decode_name(raw_name, flags)
    if BAD_NAME.search(name) or (attributes >> 16) & 0o170000 == LINK:
        raise FileRefused("archive.bad_entry_name")
    if flags & ENCRYPTED:
        raise FileRefused("file.encrypted")
    if method not in (STORED, DEFLATED):
        raise FileRefused("archive.bad_compression")
    if size > limits.part_bytes or (size > RATIO_CHECKED_FROM and size > MAX_RATIO * compressed):
        raise FileRefused("archive.expands_too_large", f"'{name[:80]}' would take up {size / 1e6:.0f} MB.")
    begin = check_local_header(data, local, Header(raw_name, flags, method, crc, compressed, size))
    if begin + compressed > table_end:
        raise FileRefused("archive.corrupt")
    return start, local, name, Part(begin, begin + compressed, method, size, crc)


def decode_name(raw: bytes, flags: int) -> str:
    """Return the name of a part. Parts that are read have ASCII names, so how an old non-ASCII name decodes does not matter."""
    try:
        return raw.decode("utf-8" if flags & UTF8 else "latin-1")
    except UnicodeDecodeError:
        raise FileRefused("archive.bad_entry_name") from None


def read_zip64_sizes(extra: bytes, *values: int) -> tuple[int, int, int]:
    """Return size, compressed size and offset if they are 64-bit numbers in the extra field, as some writers always store
    them."""
    start = 0
    while start + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, start)
        if kind == 1:
            numbers = (
                int.from_bytes(extra[offset : offset + 8], "little")
                for offset in range(start + 4, start + 4 + length, 8)
            )
            size, compressed, local = (next(numbers, ZIP64) if value == ZIP64 else value for value in values)
            return size, compressed, local
        start += 4 + length
    raise FileRefused("archive.corrupt")


def check_local_header(data: bytes, local: int, expected: Header) -> int:
    """Return where the compressed bytes of a part begin. Raises FileRefused if its own header contradicts the table."""
    name, flags, method, crc, compressed, size = expected
    if local + LOCAL.size > len(data):
        raise FileRefused("archive.corrupt")
    signature, _, own_flags, own_method, _, _, own_crc, own_compressed, own_size, n_name, n_extra = LOCAL.unpack_from(
        data, local
    )
    begin: int = local + LOCAL.size + n_name + n_extra
    if signature != b"PK\3\4" or own_method != method or (own_flags ^ flags) & (ENCRYPTED | SIZES_FOLLOW):
        raise FileRefused("archive.corrupt")
    if data[local + LOCAL.size :][:n_name] != name:
        raise FileRefused("archive.corrupt", "Part of the workbook has two different names.")
    lengths = {(own_compressed, compressed), (own_size, size)}
    if not flags & SIZES_FOLLOW and (own_crc != crc or any(own not in (listed, ZIP64) for own, listed in lengths)):
        raise FileRefused("archive.corrupt", "Part of the workbook has two different sizes.")
    return begin


def inflate(data: bytes, part: Part) -> Iterator[bytes]:
    """Yield the bytes of a part, at most a megabyte at a time and never more than the table of contents says.

    Raises FileRefused as soon as there are more, at the end if there are fewer, or if the checksum does not match.
    """
    size = crc = 0
    chunks: Iterator[bytes]
    if part.method == STORED:
        chunks = (data[offset : min(offset + CHUNK, part.end)] for offset in range(part.start, part.end, CHUNK))
    else:
        chunks = decompress(memoryview(data)[part.start : part.end])
    for chunk in chunks:
        size += len(chunk)
        if size > part.size:
            raise FileRefused(
                "archive.expands_too_large", "Part of the workbook is longer than its table of contents says."
            )
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if size != part.size or crc != part.crc:
        raise FileRefused("archive.corrupt", "The checksum of part of the workbook does not match.")


def decompress(compressed: memoryview) -> Iterator[bytes]:
    """Yield the inflated bytes of a deflated part."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not stream.eof:
            pending = stream.unconsumed_tail or compressed[:CHUNK]
            compressed = compressed if stream.unconsumed_tail else compressed[CHUNK:]
            chunk = stream.decompress(pending, CHUNK)
            if not pending and not chunk:
                raise FileRefused("archive.corrupt", "Part of the workbook ends too early.")
            yield chunk
    except zlib.error:
        raise FileRefused("archive.corrupt") from None
    if stream.unused_data or compressed:
        raise FileRefused("archive.corrupt")
