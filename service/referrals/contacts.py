"""Edit the referral directory of an organisation: check, add, change, confirm by a call, and delete its contacts.

A contact is an organisation, never a person. Events of the audit trail contain its country and kind, and no text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.lookups import load_countries
from questionnaires.parse.answer import FORBIDDEN_CHARACTERS
from questionnaires.text_normalize import fold_text
from service.audit import record_event
from service.db.referral_tables import ReferralContact
from service.db.tables import new_id
from service.errors import DomainError, not_found

RULES_FILE = Path(__file__).with_name("directory.toml")
LONGEST = {"name": 200, "reach": 300, "hours": 200, "note": 500}
FIELDS = ("country", "kind", "name", "reach", "languages", "hours", "not_safe_for", "note")


@cache
def load_directory_rules() -> dict[str, Any]:
    """Load what a directory must contain, each with its reason, and the titles of its codes."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


@cache
def load_languages() -> Mapping[str, str]:
    """Load the English names of languages by ISO 639 code, from the Unicode CLDR."""
    names = Locale("en").languages
    return {code: names[code] for code in sorted(names) if len(code) in (2, 3) and code not in ("mul", "und", "zxx")}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a field of a contact: its code, the value, what was expected, and how to correct it."""

    field: str
    code: str
    seen: str
    expected: str
    fix: str

    @property
    def text(self) -> str:
        """Return the fault in a sentence or two."""
        seen = f"'{self.seen[:60]}' is not valid. " if self.seen else ""
        return f"{self.field}: {seen}{self.fix}"


def list_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the values of a contact (FIELDS), in the order of its fields."""
    rules, faults = load_directory_rules(), []
    choices: dict[str, tuple[Mapping[str, str], str]] = {
        "country": (load_countries().names, "a country"),
        "kind": (rules["kinds"], "one of " + ", ".join(rules["kinds"])),
    }
    for field, (allowed, expected) in choices.items():
        if values[field] not in allowed:
            faults.append(Fault(field, "referral.choice", str(values[field] or ""), expected, f"Enter {expected}."))
    for field, longest in LONGEST.items():
        text = values[field]
        if not text and field in ("name", "reach"):
            fix = (
                "Enter the name of the organisation."
                if field == "name"
                else "Enter a telephone number, an address or a website."
            )
            faults.append(Fault(field, "referral.missing", "", "a text", fix))
        elif len(text) > longest or FORBIDDEN_CHARACTERS.search(text):
            expected = f"at most {longest} characters without control characters"
            faults.append(Fault(field, "referral.text", text, expected, f"Enter {expected}."))
    lists: dict[str, tuple[Mapping[str, str], str]] = {
        "languages": (load_languages(), "names or ISO 639 codes of languages, such as Khmer or km"),
        "not_safe_for": (rules["groups"], ", ".join(rules["groups"])),
    }
    for field, (allowed, expected) in lists.items():
        for value in values[field]:
            if value not in allowed:
                faults.append(Fault(field, "referral.choice", str(value), expected, f"Use {expected}."))
    return faults


def parse_texts(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a contact from texts by field; what is not known stays as it was written, and is a fault.

    Countries, kinds, groups and languages may be given by code or by name; lists are separated by commas or semicolons.
    """
    values: dict[str, Any] = {field: " ".join(texts.get(field, "").split()) for field in FIELDS}
    rules = load_directory_rules()
    values["country"] = load_countries().read(values["country"]) or values["country"]
    values["kind"] = _find_code(values["kind"], rules["kinds"])
    for field, codes in (("languages", load_languages()), ("not_safe_for", rules["groups"])):
        parts = [part.strip() for part in values[field].replace(";", ",").split(",")]
        values[field] = list(dict.fromkeys(_find_code(part, codes) for part in parts if part))
    return values


def _find_code(text: str, titles: Mapping[str, str]) -> str:
    word = fold_text(text)
    return next((code for code, title in titles.items() if word in (fold_text(code), fold_text(title))), text)


def list_contacts(session: Session, country: str | None = None) -> Sequence[ReferralContact]:
    """Return the contacts by country, kind and name, on request those of one country."""
    order = (ReferralContact.country, ReferralContact.kind, ReferralContact.name, ReferralContact.id)
    query = select(ReferralContact).order_by(*order)
    return session.scalars(query if country is None else query.where(ReferralContact.country == country)).all()


def get_contact(session: Session, contact_id: str, *, lock: bool = False) -> ReferralContact:
    """Return a contact by id, locked for update if asked. Raises DomainError, 404, if there is none."""
    query = select(ReferralContact).where(ReferralContact.id == contact_id)
    contact = session.scalars(query.with_for_update() if lock else query).first()
    if contact is None:
        raise not_found("Referral contact not found.")
    return contact


def add_contact(
    session: Session, values: Mapping[str, Any], called_on: date | None, on: date, at: datetime, by: str
) -> ReferralContact:
    """Add a contact; ``called_on``: the day on which somebody called it and found that the entry is right, if anybody did.

    Raises DomainError: ``referral.invalid`` with every fault, ``date.future``, 422.
    """
    checked = check_values(values)
    contact = ReferralContact(id=new_id(), created_by=by, created_at=at, version=1, **checked)
    session.add(contact)
    record_event(session, by, "referral_contact.added", "referral_contact", contact.id, _describe(contact))
    if called_on is not None:
        _confirm(session, contact, called_on, on, by)
    session.flush()
    return contact


def change_contact(session: Session, contact: ReferralContact, values: Mapping[str, Any], by: str) -> None:
    """Change the given fields of a contact. If how to reach it changes, it has to be called again.

    Raises DomainError ``referral.invalid``, 422.
    """
    checked = check_values({field: values.get(field, getattr(contact, field)) for field in FIELDS})
    if all(getattr(contact, field) == checked[field] for field in FIELDS):
        return
    if any(getattr(contact, field) != checked[field] for field in ("country", "kind", "name", "reach")):
        contact.called_on = contact.called_by = None
    for field, value in checked.items():
        setattr(contact, field, value)
    contact.version += 1
    record_event(session, by, "referral_contact.changed", "referral_contact", contact.id, _describe(contact))


def confirm_contact(session: Session, contact: ReferralContact, called_on: date, on: date, by: str) -> None:
    """Record that somebody called a contact on a day and found that its entry is right. Raises DomainError ``date.future``."""
    _confirm(session, contact, called_on, on, by)
    contact.version += 1


def delete_contact(session: Session, contact: ReferralContact, by: str) -> None:
    """Delete a contact."""
    record_event(session, by, "referral_contact.deleted", "referral_contact", contact.id, _describe(contact))
    session.delete(contact)


def check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a contact. Raises DomainError ``referral.invalid``, 422, which names every fault."""
    if faults := list_faults(values):
        raise DomainError("referral.invalid", 422, " ".join(fault.text for fault in faults))
    return {field: values[field] for field in FIELDS}


def _confirm(session: Session, contact: ReferralContact, called_on: date, on: date, by: str) -> None:
    if called_on > on:
        raise DomainError("date.future", 422, "The date of the call is in the future.")
    contact.called_on, contact.called_by = called_on, by
    details = {"country": contact.country, "kind": contact.kind, "called_on": called_on.isoformat()}
    record_event(session, by, "referral_contact.called", "referral_contact", contact.id, details)


def _describe(contact: ReferralContact) -> dict[str, Any]:
    return {"country": contact.country, "kind": contact.kind}
