"""Format dates, counts and names on pages in a consistent way, in the reader's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from babel.dates import format_date
from babel.numbers import format_decimal
from flask import g
from flask_babel import get_domain, get_locale, gettext, to_user_timezone

from reports.formatting import format_iso_date, format_number, format_short_date
from service.errors import DomainError


def format_day(on: date) -> str:
    """Return a date as "27 Nov 2026", in another language as the Unicode CLDR writes it.

    A moment is converted to the date in the reader's time zone.
    """
    day = to_user_timezone(on).date() if isinstance(on, datetime) else on
    return format_short_date(day) if is_english() else str(format_date(day, "medium", get_locale()))


def is_english() -> bool:
    """Return whether the page is in English."""
    locale = get_locale()
    return locale is None or locale.language == "en"


def describe_error(error: DomainError) -> str:
    """Return why something was refused, in the language of the page."""
    return str(gettext(error.template)) % error.values if error.values else str(gettext(error.template))


def format_partial_date(text: str) -> str:
    """Return an ISO date, month or year as "27 Nov 2026", "Nov 2026" or "2026"; any other text is unchanged."""
    try:
        date.fromisoformat(f"{text}-01-01"[:10])
    except ValueError:
        return text
    return format_iso_date(text)


def format_moment(at: datetime) -> str:
    """Return a moment as "27 Nov 2026, 14:05", in the reader's time zone.

    Suppliers, whose time zone is unknown, see the one of the organisation, with its offset: "27 Nov 2026, 14:05 (UTC+07:00)".
    """
    local = to_user_timezone(at)
    offset = f"{local:%z}"
    zone = f" (UTC{offset[:3]}:{offset[3:]})" if g.get("link") is not None else ""
    return f"{format_day(at)}, {local:%H:%M}{zone}"


def format_plural(singular: str, plural: str, num: int, **values: object) -> str:
    """Return the translation of the singular or plural form for a number; ``%(num)s`` becomes "12,345"."""
    text: str = get_domain().get_translations().ungettext(singular, plural, num)
    number = format_number(num) if is_english() else format_decimal(num, locale=get_locale())
    return text % {"num": number, **values}


def describe_actor(actor: str | None, names: Mapping[str, str]) -> str:
    """Return who did something, given the names of users by their id; empty for nobody.

    ``actor``: as in the audit trail, or the id of a user.
    """
    kind, _, id_ = (actor or "").rpartition(":")
    words: Mapping[str, str] = {
        "system": gettext("Done automatically by Diligence"),
        "link": gettext("The supplier, through its link"),
        "key": gettext("An API key"),
    }
    if kind in words:
        return words[kind]
    return names.get(id_) or str(gettext("A user who no longer has an account") if id_ else "")
