"""TEMPORARY stand-in by the lead until the reader arrives (overwrite freely)."""
from __future__ import annotations
import csv, io
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Limits:
    bytes: int = 50_000_000

class Refused(Exception):
    def __init__(self, code: str, detail: str, cure: str = "") -> None:
        super().__init__(detail); self.code, self.detail, self.cure = code, detail, cure

@dataclass(frozen=True)
class Column:
    values: tuple[str, ...]
    codes: np.ndarray

@dataclass(frozen=True)
class Sheet:
    file: str
    name: str
    visible: bool
    first_row: int
    n_rows: int
    columns: tuple[Column, ...]
    errors: tuple = ()
    formulas: tuple = ()
    stamp: str | None = None

def cell_name(row: int, column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"

def _sheet(file, name, rows, first=1):
    width = max(map(len, rows), default=0)
    columns = []
    for j in range(width):
        seen: dict[str, int] = {}
        codes = np.array([seen.setdefault(r[j], len(seen)) if j < len(r) and r[j] != "" else -1 for r in rows], dtype=np.int32)
        columns.append(Column(tuple(seen), codes))
    return Sheet(file, name, True, first, len(rows), tuple(columns))

def _text(v):
    if isinstance(v, float) and v.is_integer(): return str(int(v))
    return "" if v is None else str(v)

def read(data: bytes, name: str, limits: Limits = Limits()):
    if not data: raise Refused("file.empty", "the file is empty.")
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        import python_calamine
        try:
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        except Exception as e:
            raise Refused("file.corrupt", str(e))
        return tuple(_sheet(name, s, [[_text(c) for c in r] for r in book.get_sheet_by_name(s).to_python(skip_empty_area=False)]) for s in book.sheet_names)
    try: text = data.decode("utf-8-sig")
    except UnicodeDecodeError: raise Refused("csv.encoding", "not UTF-8")
    return (_sheet(name, "csv", list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if name.endswith("tsv") else ","))),)
