"""When suppliers of a campaign are reminded and when silence counts (rules.toml), in the time zone and language of each."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.languages import get_official_languages

from service.outbox.mail_texts import FALLBACK, list_default_texts

FILE = Path(__file__).with_name("rules.toml")
DAY = timedelta(days=1)


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the content of rules.toml."""
    with FILE.open("rb") as file:
        return tomllib.load(file)


def list_time_zones(country: object, fallback: str) -> tuple[str, ...]:
    """Return the time zones of a country (Unicode CLDR), or the fallback where it is not known."""
    return tuple(get_global("territory_zones").get(str(country), ())) or (fallback,)


def compute_due_at(due_on: date, country: object, fallback: str) -> datetime:
    """Return when the due day ends for a supplier: where it ends last, if its country has several time zones."""
    end = datetime.combine(due_on + DAY, time())
    return max(end.replace(tzinfo=ZoneInfo(zone)) for zone in list_time_zones(country, fallback))


def choose_language(country: object, chosen: str | None, event: str) -> str:
    """Return the language of an email, as :func:`find_language` does among those with a text of this event."""
    return find_language(
        country, chosen, {language for language, texts in list_default_texts().items() if event in texts}
    )


def find_language(country: object, chosen: str | None, available: Collection[str]) -> str:
    """Return the language that a respondent chose, or an official one of its country (Unicode CLDR), if it is available; English
    otherwise.
    """
    official = get_official_languages(str(country), de_facto=True) if country else ()
    for language in (chosen, *official):
        for candidate in (language, str(language).replace("_", "-"), f"{language}-Hans"):
            if candidate in available:
                return str(candidate)
    return FALLBACK


def find_last_day(due_on: date) -> date:
    """Return the last day on which the links of a questionnaire can be used: they expire as it ends where the supplier is."""
    return due_on + timedelta(days=load_rules()["open_after"])


@dataclass(frozen=True, slots=True)
class Calendar:
    """The moments at which something is due at one supplier, whose due day ends at ``due_at`` (in its own time zone)."""

    due_at: datetime

    def find_reminder(self, at: datetime) -> int | None:
        """Return the latest reminder that a moment has reached, in days from the due day (below 0: after it), if any."""
        return min((days for days in load_rules()["reminders"] if self._get_reminder(days) <= at), default=None)

    def find_next(self, after: datetime) -> datetime | None:
        """Return the first moment after another at which there is something to do, None if there is none."""
        moments = [self.find_next_reminder(after), self.declined_at]
        return min((moment for moment in moments if moment is not None and moment > after), default=None)

    def find_next_reminder(self, after: datetime) -> datetime | None:
        """Return the first moment after another at which a reminder is sent, None if there is none."""
        moments = map(self._get_reminder, load_rules()["reminders"])
        return min((moment for moment in moments if moment > after), default=None)

    @property
    def declined_at(self) -> datetime:
        """Return the moment from which silence can count as declined."""
        return self.due_at + timedelta(days=load_rules()["declined_after"])

    @property
    def closes_at(self) -> datetime:
        """Return the moment at which the links expire."""
        return self.due_at + timedelta(days=load_rules()["open_after"])

    def _get_reminder(self, days: int) -> datetime:
        """Return when a reminder leaves: at an hour of a day before or after the due day, which began a day before it ended."""
        return self.due_at - DAY * (days + 1) + timedelta(hours=load_rules()["hour"])
