"""The files of a folder as partitions: each is read on its own, as ``diligence assess`` reads it.

A Parquet file is read as the CSV file of its rows: row 1 is the header, and row 2 the first row of the table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from questionnaires.limits import FileRefused, Limits

PARQUET = ".parquet"
BATCH_ROWS = 10_000  # rows of a Parquet file that are converted at once
DELIMITER_LINE = b"sep=,\r\n"  # not counted as a row
LIST_SEPARATOR = "; "


class InputFolderError(Exception):
    """The folder cannot be read as partitions: one sentence that says why."""


@dataclass(frozen=True)
class Partition:
    """One file of the input folder, and its position among them."""

    index: int
    path: Path

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.path.name

    @property
    def number(self) -> str:
        """Return the number that the files written for this partition have in their names."""
        return f"{self.index:05d}"


def list_partitions(folder: Path) -> list[Partition]:
    """Return the files of a folder by name, without those whose names begin with a dot or an underscore (``_SUCCESS``).

    Raises InputFolderError for a folder that is missing or empty, or that contains folders.
    """
    if not folder.is_dir():
        raise InputFolderError(f"there is no folder {folder}.")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    if nested := [path.name for path in paths if path.is_dir()]:
        raise InputFolderError(f"{folder} contains a subfolder, {nested[0]}; put all files directly into {folder}.")
    if not paths:
        raise InputFolderError(f"{folder} contains no files.")
    return [Partition(index, path) for index, path in enumerate(paths)]


def compute_file_digest(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_source(partition: Partition, limits: Limits | None = None) -> tuple[str, bytes]:
    """Return the name and the bytes that a partition is read from. Raises FileRefused for a file that is too large, and for a
    Parquet file that is damaged or has nested columns.
    """
    limits = limits or Limits()
    if partition.path.suffix.lower() == PARQUET:
        return f"{partition.path.stem}.csv", _convert_parquet(partition.path, limits)
    size = partition.path.stat().st_size
    if size > limits.bytes:  # refused before it is in memory
        raise FileRefused(
            "upload.too_large", f"Its size is {size / 1e6:.1f} MB; the maximum is {limits.bytes / 1e6:.0f} MB."
        )
    return partition.name, partition.path.read_bytes()


def _convert_parquet(path: Path, limits: Limits) -> bytes:
    """Return the rows of a Parquet file as CSV. It is converted in pieces, so that memory is limited whatever it expands to."""
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > limits.rows:
            raise FileRefused("limit.rows", f"The maximum is {limits.rows:,} rows.")
        names = file.schema_arrow.names
        schema = pa.schema([(name, pa.string()) for name in names])
        out = BytesIO(DELIMITER_LINE)
        out.seek(0, 2)
        with pa_csv.CSVWriter(out, schema) as writer:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                texts = [_convert_column(name, column) for name, column in zip(names, batch.columns, strict=True)]
                writer.write_batch(pa.record_batch(texts, schema=schema))
                if out.tell() > limits.bytes:
                    raise FileRefused("upload.too_large", f"As CSV, it is larger than {limits.bytes / 1e6:.0f} MB.")
    except pa.ArrowException as error:
        raise FileRefused("file.corrupt") from error
    return out.getvalue()


def _convert_column(name: str, column: Any) -> Any:
    """Return a column as texts; the items of a list become one text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), LIST_SEPARATOR)
    elif pa.types.is_nested(kind):
        raise FileRefused("file.type_not_allowed", f"The values of the column '{name}' are nested ({kind}).")
    return pc.cast(column, pa.string())
