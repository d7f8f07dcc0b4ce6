"""Read the streams of an OLE2 compound file, the container of an .xls workbook."""

from __future__ import annotations

import codecs
import struct
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from questionnaires.limits import FileRefused

UTF16 = codecs.lookup("utf-16-le")  # looked up now: the reader process cannot open files later
HEADER, ENTRY = struct.Struct("<8s16x5H6x9L"), struct.Struct("<64sHBx12x36xLL4x")
FIRST_SPECIAL_SECTOR = 0xFFFFFFFC  # sector numbers from here on mean "end of chain", "free" and the like
STREAM = 2


class Stream(NamedTuple):
    """An entry of the directory: its name, kind (1 a folder, 2 a stream, 5 the root), first sector and size in bytes."""

    name: str
    kind: int
    first: int
    size: int


class CompoundFile:
    """The directory of a compound file; :meth:`read` returns the bytes of a stream. Raises FileRefused (``file.corrupt``)."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 512:
            raise FileRefused("file.corrupt")
        _, _, version, byte_order, shift, small_shift, *numbers = HEADER.unpack_from(data)
        _, n_table, directory, _, self.cutoff, small_table, _, next_sector, _ = numbers
        if byte_order != 0xFFFE or (version, shift) not in ((3, 9), (4, 12)) or small_shift != 6:
            raise FileRefused("file.corrupt")
        self.data, self.sector_size = data, 1 << shift
        sectors = [number for number in struct.unpack_from("<109L", data, 76) if number < FIRST_SPECIAL_SECTOR]
        visited = set()
        while next_sector < FIRST_SPECIAL_SECTOR and next_sector not in visited:
            visited.add(next_sector)
            *numbers, next_sector = struct.unpack(f"<{self.sector_size // 4}L", self.read_sector(next_sector))
            sectors += [number for number in numbers if number < FIRST_SPECIAL_SECTOR]
        if len(sectors) > len(data) // self.sector_size or next_sector in visited or len(sectors) < n_table:
            raise FileRefused("file.corrupt")
        self.table = array("I", b"".join(map(self.read_sector, sectors)))
        directory_bytes = self.read_chain(directory)
        self.streams = list(iter_directory(directory_bytes))
        if not self.streams or self.streams[0].kind != 5:
            raise FileRefused("file.corrupt")
        self.small = self.read_chain(self.streams[0].first) if self.streams[0].first < FIRST_SPECIAL_SECTOR else b""
        self.small_table = array("I", self.read_chain(small_table) if small_table < FIRST_SPECIAL_SECTOR else b"")

    def read_sector(self, number: int) -> bytes:
        """Return the bytes of one sector, padded with zeros to its full size."""
        start = (number + 1) * self.sector_size
        if start >= len(self.data):
            raise FileRefused("file.corrupt")
        return self.data[start : start + self.sector_size].ljust(self.sector_size, b"\0")

    def read_chain(self, number: int) -> bytes:
        """Return the bytes of the chain of sectors that starts at a sector."""
        return b"".join(map(self.read_sector, follow_chain(self.table, number)))

    def read(self, stream: Stream) -> bytes:
        """Return the bytes of a stream."""
        if stream.size >= self.cutoff:
            content = self.read_chain(stream.first)
        else:
            numbers = follow_chain(self.small_table, stream.first)
            content = b"".join(self.small[number * 64 : number * 64 + 64] for number in numbers)
        if len(content) < stream.size:
            raise FileRefused("file.corrupt", "The file ends too early.")
        return content[: stream.size]


def follow_chain(table: array[int], number: int) -> Iterator[int]:
    """Yield the sector numbers of a chain. Raises FileRefused if it leads nowhere or back into itself."""
    for _ in range(len(table) + 1):
        if number >= FIRST_SPECIAL_SECTOR:
            return
        if number >= len(table):
            break
        yield number
        number = table[number]
    raise FileRefused("file.corrupt", "Its parts refer to each other in a circle.")


def iter_directory(directory: bytes) -> Iterator[Stream]:
    """Yield the entries of a directory."""
    for start in range(0, len(directory) - ENTRY.size + 1, ENTRY.size):
        name, length, kind, first, size = ENTRY.unpack_from(directory, start)
        if kind and 2 <= length <= 64:
            yield Stream(UTF16.decode(name[: length - 2], "replace")[0], kind, first, size)
