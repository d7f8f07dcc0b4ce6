"""The streams of an OLE2 compound file, the container of an .xls workbook."""

from __future__ import annotations

import codecs
import struct
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from questionnaires.limits import Refused

UTF16 = codecs.lookup("utf-16-le")  # found now: the process that reads opens no file later
HEADER, ENTRY = struct.Struct("<8s16x5H6x9L"), struct.Struct("<64sHBx12x36xLL4x")
NO_MORE = 0xFFFFFFFC  # sector numbers from here on mean something else
STREAM = 2


class Stream(NamedTuple):
    """An entry of the directory: its name, its kind (1 a folder, 2 a stream, 5 the root), where it begins, its length."""

    name: str
    kind: int
    first: int
    size: int


class CompoundFile:
    """The directory of a compound file; :meth:`read` gives the bytes of a stream. Raises Refused (``file.corrupt``)."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 512:
            raise Refused("file.corrupt")
        _, _, version, order, shift, small_shift, *numbers = HEADER.unpack_from(data)
        _, n_table, directory, _, self.cutoff, small_table, _, more, _ = numbers
        if order != 0xFFFE or (version, shift) not in ((3, 9), (4, 12)) or small_shift != 6:
            raise Refused("file.corrupt")
        self.data, self.sector = data, 1 << shift
        sectors = [number for number in struct.unpack_from("<109L", data, 76) if number < NO_MORE]
        seen = set()
        while more < NO_MORE and more not in seen:
            seen.add(more)
            *numbers, more = struct.unpack(f"<{self.sector // 4}L", self.at(more))
            sectors += [number for number in numbers if number < NO_MORE]
        if len(sectors) > len(data) // self.sector or more in seen or len(sectors) < n_table:
            raise Refused("file.corrupt")
        self.table = array("I", b"".join(map(self.at, sectors)))
        listed = self.chain(directory)
        self.streams = list(entries(listed))
        if not self.streams or self.streams[0].kind != 5:
            raise Refused("file.corrupt")
        self.small = self.chain(self.streams[0].first) if self.streams[0].first < NO_MORE else b""
        self.small_table = array("I", self.chain(small_table) if small_table < NO_MORE else b"")

    def at(self, number: int) -> bytes:
        """The bytes of a sector."""
        begin = (number + 1) * self.sector
        if begin >= len(self.data):
            raise Refused("file.corrupt")
        return self.data[begin : begin + self.sector].ljust(self.sector, b"\0")

    def chain(self, number: int) -> bytes:
        """The bytes of a chain of sectors."""
        return b"".join(map(self.at, followed(self.table, number)))

    def read(self, stream: Stream) -> bytes:
        """The bytes of a stream."""
        if stream.size >= self.cutoff:
            found = self.chain(stream.first)
        else:
            found = b"".join(self.small[at * 64 : at * 64 + 64] for at in followed(self.small_table, stream.first))
        if len(found) < stream.size:
            raise Refused("file.corrupt", "It ends too early.")
        return found[: stream.size]


def followed(table: array[int], number: int) -> Iterator[int]:
    """The numbers of a chain. Raises Refused where it leads nowhere or into itself."""
    for _ in range(len(table) + 1):
        if number >= NO_MORE:
            return
        if number >= len(table):
            break
        yield number
        number = table[number]
    raise Refused("file.corrupt", "Its parts lead into themselves.")


def entries(listed: bytes) -> Iterator[Stream]:
    """The entries of a directory."""
    for at in range(0, len(listed) - ENTRY.size + 1, ENTRY.size):
        name, length, kind, first, size = ENTRY.unpack_from(listed, at)
        if kind and 2 <= length <= 64:
            yield Stream(UTF16.decode(name[: length - 2], "replace")[0], kind, first, size)
