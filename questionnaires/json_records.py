"""Read a JSON file as a table: a list of records, alone or under one name, as services export what was collected.

The fields of a nested object are columns of their own, named with the path to them. A list of values is one cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from questionnaires.limits import FileRefused, Limits

MAX_DEPTH = 8  # of objects in objects
MAX_NUMBER = 10**300
LISTS = ("results", "value", "data", "items")  # the names under which services put the list


def iter_json_rows(data: bytes, limits: Limits) -> Iterator[list[Any]]:
    """Yield the header and the rows of a JSON file. Raises FileRefused if it is not a list of objects, or too large."""
    records = _find_records(data)
    if len(records) > limits.rows:
        raise FileRefused("limit.rows", f"The maximum is {limits.rows:,} rows.")
    flat = [dict(_flatten(record)) for record in records]
    headers = list(dict.fromkeys(header for record in flat for header in record))
    if len(headers) > limits.columns:
        raise FileRefused("limit.columns", f"It has {len(headers):,} fields; the maximum is {limits.columns:,}.")
    yield headers
    for record in flat:
        yield [record.get(header, "") for header in headers]


def _find_records(data: bytes) -> list[Mapping[str, Any]]:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "It is not UTF-8"
        raise FileRefused("json.corrupt", f"{reason}.") from None
    if isinstance(content, dict):
        content = next((content[name] for name in LISTS if isinstance(content.get(name), list)), [content])
    if not content or not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise FileRefused("json.not_a_table")
    return content


def _flatten(record: Mapping[str, Any], path: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record with their paths, as values that a cell may have."""
    if depth > MAX_DEPTH:
        raise FileRefused("json.not_a_table")
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}{name}/", depth + 1)
        elif isinstance(value, list):
            if not any(isinstance(each, dict | list) for each in value):
                yield f"{path}{name}", "; ".join("" if each is None else str(each) for each in value)
        else:
            yield f"{path}{name}", "" if value is None else _to_number(value) if type(value) is int else value


def _to_number(value: int) -> float | str:
    """Return a whole number as spreadsheets hold it, and one that they could not hold as text."""
    return float(value) if abs(value) < MAX_NUMBER else str(value)
