"""The kinds of systems that scores are written to (hosts.toml), and the values that may be written (values.toml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from questionnaires.person_detection import detect_personal_column
from service.errors import DomainError, not_found

FOLDER = Path(__file__).parent
ValueKind = Literal["decimal", "integer", "text", "date", "url"]
SignIn = Literal["oauth2", "basic"]


@dataclass(frozen=True)
class Value:
    """A value that may be written. ``needs_evidence``: it is empty while there is insufficient evidence."""

    id: str
    kind: ValueKind
    title: str
    about: str
    needs_evidence: bool


@dataclass(frozen=True)
class Option:
    """Something that an admin enters about a system of a kind, and what it looks like."""

    id: str
    title: str
    default: str
    pattern: str
    input: Literal["text", "url"] = "text"


@dataclass(frozen=True)
class Source:
    """A page of a vendor's public documentation that a limit was taken from."""

    title: str
    url: str


@dataclass(frozen=True)
class Host:
    """A kind of system and its limits, as hosts.toml explains them."""

    id: str
    title: str
    identifier: str
    batch: int
    fields: int
    field: str
    field_example: str
    kinds: frozenset[str]
    places: int
    longest: int
    texts_only: bool
    no_personal_fields: bool
    needs_api_key: bool
    sign_in: Sequence[SignIn]
    token_path: str
    token_sign_in: Literal["basic", "body"]
    address_help: str
    sources: Sequence[Source]
    options: Mapping[str, Option]
    mapping: Mapping[str, str]


@cache
def load_values() -> Mapping[str, Value]:
    """Return every value that may be written, by id."""
    entries = tomllib.loads((FOLDER / "values.toml").read_text(encoding="utf-8"))
    return {
        id_: Value(id_, entry["kind"], entry["title"], entry["about"], entry.get("needs_evidence", False))
        for id_, entry in entries.items()
    }


@cache
def load_hosts() -> Mapping[str, Host]:
    """Return every kind of system by id."""
    entries = tomllib.loads((FOLDER / "hosts.toml").read_text(encoding="utf-8"))
    return {id_: _build_host(id_, entry) for id_, entry in entries.items()}


def _build_host(id_: str, entry: Mapping[str, Any]) -> Host:
    computed = {
        "kinds": frozenset(entry["kinds"]),
        "texts_only": entry.get("texts_only", False),
        "no_personal_fields": entry.get("no_personal_fields", False),
        "needs_api_key": entry.get("needs_api_key", False),
        "sources": [Source(**source) for source in entry["sources"]],
        "options": {name: Option(name, **option) for name, option in entry["options"].items()},
    }
    return Host(id=id_, **{**entry, **computed})


def get_host(kind: str) -> Host:
    """Return a kind of system. Raises DomainError, 404."""
    host = load_hosts().get(kind)
    if host is None:
        raise not_found("This kind of system does not exist.")
    return host


def check_mapping(host: Host, mapping: Mapping[str, str]) -> dict[str, str]:
    """Return a mapping (field of the host -> value) that the host takes, sorted by field.

    Raises DomainError ``system.mapping``, 422: it names the field, and says what the host takes.
    """
    if not 1 <= len(mapping) <= host.fields:
        raise _refuse(f"Map between 1 and {host.fields} fields: {host.title} does not accept more for each supplier.")
    values = load_values()
    for field, chosen in mapping.items():
        if re.fullmatch(host.field, field) is None:
            raise _refuse(f"'{field[:80]}' is not a valid field name in {host.title}. Example: {host.field_example}.")
        if chosen not in values:
            raise _refuse(f"{field}: choose one of these values: {', '.join(values)}.")
        if values[chosen].kind not in host.kinds:
            taken = " or ".join(sorted(host.kinds))
            raise _refuse(
                f"{field}: {host.title} accepts only {taken} values here, and {chosen} is a {values[chosen].kind}."
            )
        if host.no_personal_fields and detect_personal_column(field) is not None:
            raise _refuse(
                f"The name '{field}' suggests personal data, which must not be written to {host.title}. Rename the "
                "field."
            )
    return dict(sorted(mapping.items()))


def check_options(host: Host, options: Mapping[str, str]) -> dict[str, str]:
    """Return what was entered about a system, with the defaults of the rest.

    Raises DomainError ``system.option``, 422.
    """
    unknown = next(iter(options.keys() - host.options.keys()), None)
    if unknown is not None:
        raise DomainError("system.option", 422, f"{host.title} has no option '{unknown[:60]}'.")
    entered = {id_: str(options.get(id_, option.default)).strip() for id_, option in host.options.items()}
    for id_, option in host.options.items():
        if re.fullmatch(option.pattern, entered[id_]) is None:
            raise DomainError("system.option", 422, f"{option.title}: enter the value shown in {host.title}.")
    return entered


def _refuse(detail: str) -> DomainError:
    return DomainError("system.mapping", 422, detail)
