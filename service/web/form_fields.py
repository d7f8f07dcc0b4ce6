"""Parse what was entered in the fields of a form."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _

from service.errors import DomainError

MOST_DIGITS = 6


def parse_day(text: str) -> date:
    """Return a day. Raises DomainError ``field.value``, 422."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise DomainError("field.value", 422, _("Enter the date as year-month-day, such as 2026-03-31.")) from error


def parse_number(text: str) -> int | None:
    """Return a whole number from 0 on, None for a blank. Raises DomainError ``field.value``, 422."""
    digits = text.strip()
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
        raise DomainError("field.value", 422, _("Enter a whole number."))
    return int(digits) if digits else None
