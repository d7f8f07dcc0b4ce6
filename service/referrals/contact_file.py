"""The referral directory as a CSV file, out and in again: a file is imported as a whole, or not at all.

Rows are matched to contacts by country, kind and name: known ones are changed, new ones added, and none is deleted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.parse.answer import FORMULA_GUARD
from questionnaires.text_normalize import fold_text
from reports.csv import guard
from service.errors import DomainError
from service.referrals import contacts
from service.referrals.contacts import FIELDS, Fault, list_faults, load_directory_rules, load_languages, parse_texts

TITLES = {
    "country": "Country",
    "kind": "Kind",
    "name": "Name",
    "reach": "How to reach it",
    "languages": "Languages",
    "hours": "Hours",
    "not_safe_for": "Not safe for",
    "note": "Note",
    "called_on": "Called on",
}
MOST_ROWS, MOST_FAULTS = 5_000, 50
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class ImportCounts:
    """How many contacts a file added and changed, and how many of its rows were there already."""

    added: int
    changed: int
    unchanged: int


def write_contacts(session: Session) -> bytes:
    """Return all contacts as CSV (UTF-8 with a byte order mark), with every cell safe to open in a spreadsheet."""
    rules, text = load_directory_rules(), StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(TITLES.values())
    for contact in contacts.list_contacts(session):
        cells = {
            **{field: getattr(contact, field) for field in FIELDS},
            "kind": rules["kinds"][contact.kind],
            "languages": "; ".join(load_languages()[code] for code in contact.languages),
            "not_safe_for": "; ".join(rules["groups"][code] for code in contact.not_safe_for),
            "called_on": contact.called_on.isoformat() if contact.called_on else "",
        }
        writer.writerow([guard(cells[field]) for field in TITLES])
    return text.getvalue().encode("utf-8-sig")


def import_contacts(session: Session, data: bytes, on: date, at: datetime, by: str) -> ImportCounts:
    """Add the contacts of a file and change known ones, all in the transaction of the session.

    Raises DomainError ``referral.file``, 422: it names line, column, value, what was expected and the fix, in ``faults`` for
    each of up to 50, and nothing is saved.
    """
    rows = _read_rows(data, on)
    known = {(c.country, c.kind, fold_text(c.name)): c for c in contacts.list_contacts(session)}
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for values, called_on in rows:
        contact = known.get((values["country"], values["kind"], fold_text(values["name"])))
        if contact is None:
            contacts.add_contact(session, values, called_on, on, at, by)
            counts["added"] += 1
            continue
        version = contact.version
        contacts.change_contact(session, contact, values, by)
        if called_on is not None and (contact.called_on is None or called_on > contact.called_on):
            contacts.confirm_contact(session, contact, called_on, on, by)
        counts["unchanged" if contact.version == version else "changed"] += 1
    return ImportCounts(**counts)


def _read_rows(data: bytes, on: date) -> list[tuple[dict[str, Any], date | None]]:
    """Return the values of each row and the day of the call. Raises DomainError as :func:`import_contacts` does."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refuse("The file is not in UTF-8. Save it as 'CSV UTF-8', and upload it again.") from error
    first = text.split("\n", 1)[0]
    try:
        lines = list(csv.reader(StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True))
    except csv.Error as error:
        raise _refuse(f"The file is not valid CSV ({error}). Save it as 'CSV UTF-8', and upload it again.") from error
    columns = _match_headers(lines[0] if lines else [])
    body = [(number, line) for number, line in enumerate(lines[1:], 2) if any(cell.strip() for cell in line)]
    if not body:
        raise _refuse("The file has no contacts below its header row.")
    if len(body) > MOST_ROWS:
        raise _refuse(f"A file can have at most {MOST_ROWS:,} contacts. Split it into several files.")
    rows, faults = [], list[dict[str, Any]]()
    seen: dict[tuple[str, str, str], int] = {}
    for number, line in body:
        texts = {field: FORMULA_GUARD.sub("", cell) for field, cell in zip(columns, line, strict=False)}
        values, found = parse_texts(texts), list_faults(parse_texts(texts))
        called_on, fault = _parse_call(texts.get("called_on", "").strip(), on)
        key = (values["country"], values["kind"], fold_text(values["name"]))
        if not found and (earlier := seen.setdefault(key, number)) != number:
            fix = f"Line {earlier} is about the same organisation. Keep only one of the two lines."
            found.append(Fault("name", "referral.twice", values["name"], "each organisation once", fix))
        faults += [_place(each, number) for each in (*found, *([fault] if fault else []))]
        rows.append((values, called_on))
    if faults:
        more = f" {len(faults) - 1} more problems are listed." if len(faults) > 1 else ""
        raise _refuse(f"Nothing was saved. {faults[0]['text']}{more}", faults[:MOST_FAULTS])
    return rows


def _match_headers(headers: list[str]) -> list[str]:
    """Return the field of each column. Raises DomainError for an unknown or missing column."""
    by_word = {fold_text(word): field for field, title in TITLES.items() for word in (field, title)}
    columns = [by_word.get(fold_text(header), "") for header in headers]
    unknown = next((header for header, column in zip(headers, columns, strict=True) if not column), None)
    if unknown is not None:
        raise _refuse(f"There is no column '{unknown[:60]}'. The columns are: {', '.join(TITLES.values())}.")
    missing = [TITLES[field] for field in ("country", "kind", "name", "reach") if field not in columns]
    if missing or len(set(columns)) < len(columns):
        raise _refuse(
            f"The first row must contain each of these columns exactly once: {', '.join(missing or TITLES.values())}."
        )
    return columns


def _parse_call(text: str, on: date) -> tuple[date | None, Fault | None]:
    if not text:
        return None, None
    expected = "a date such as 2026-03-01, not in the future"
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day > on:
        return None, Fault("called_on", "referral.date", text, expected, f"Enter {expected}.")
    return day, None


def _place(fault: Fault, line: int) -> dict[str, Any]:
    column = TITLES[fault.field]
    text = fault.text.replace(f"{fault.field}:", f"Line {line}, column {column}:", 1)
    return {
        "line": line,
        "column": column,
        "code": fault.code,
        "seen": fault.seen[:60],
        "expected": fault.expected,
        "fix": fault.fix,
        "text": text,
    }


def _refuse(detail: str, faults: Sequence[Mapping[str, Any]] = ()) -> DomainError:
    more: dict[str, Any] = {"faults": faults} if faults else {}
    return DomainError("referral.file", 422, detail, **more)
