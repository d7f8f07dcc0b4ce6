"""The catalogue of events (events.toml), loaded and checked once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("events.toml")


@dataclass(frozen=True, slots=True)
class EventType:
    """What an event is about, the fields its messages may carry, the page it links to, the roles whose users get an email."""

    code: str
    title: str
    about: str
    payload: frozenset[str]
    page: str
    mail_roles: tuple[str, ...]
    because: str


@cache
def list_events() -> Mapping[str, EventType]:
    """Return every kind of event by its code, in the order of the file."""
    with FILE.open("rb") as file:
        data = tomllib.load(file)
    return {
        code: EventType(
            code,
            entry["title"],
            entry["about"],
            frozenset(entry["payload"]),
            entry["page"],
            tuple(entry["mail_roles"]),
            entry["because"],
        )
        for code, entry in data.items()
    }
