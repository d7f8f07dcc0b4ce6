"""What emails say: the texts of mail_texts.toml and their translations, or those an organisation has put in their place.

A placeholder such as ``{supplier}`` stands for a value. Values are put in as they are: nothing in them is taken for a
placeholder, and line breaks in them become spaces, except those of the list of steps in a body.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.outbox_tables import MailText
from service.errors import DomainError, not_found
from service.outbox.events import list_events
from service.translations.catalog import Text as MailPart
from service.translations.catalog import Texts, list_text_languages, load_shipped_texts
from service.translations.review import load_texts

FILE = Path(__file__).with_name("mail_texts.toml")
MAX_SUBJECT, MAX_BODY = 200, 5_000
FALLBACK = "en"
# What stands between a translation that nobody has confirmed and the English text.
TRANSLATED = "This email was translated by machine. If anything is unclear, the English text below applies."
RULE = "* * *"
ALWAYS = ("organisation", "recipient", "link")  # placeholders that every event has
LIST = "steps"  # placeholder of the steps that an email lists on lines of their own; only in its body
DAYS = ("due", "expires_on", "ends_on")  # placeholders that are days
SAMPLES = {
    "organisation": "Harbour Foods",
    "recipient": "Ana Marín",
    "link": "https://diligence.example/",
    "supplier": "Blue Pier Cannery",
    "from": "medium",
    "to": "high",
    "due": "4 Dec 2026",
    "days": "3",
    "expires_on": "28 Dec 2026",
    "ends_on": "31 Mar 2027",
    "document": "brief",
    "roles": "admin, officer",
    "count": "3",
    "steps": "Blue Pier Cannery\n- Due on 4 Dec 2026: https://diligence.example/",
}


@dataclass(frozen=True, slots=True)
class Text:
    """The subject and the body of an email, with placeholders or without. ``is_own``: worded by the organisation."""

    subject: str
    body: str
    is_own: bool = False


def list_mail_languages() -> tuple[str, ...]:
    """List the languages in which emails can be sent, English first; whatever is not translated is sent in English."""
    return (FALLBACK, *list_text_languages())


@cache
def list_default_texts() -> Mapping[str, Mapping[str, Text]]:
    """Return the texts that Diligence comes with: language -> event code -> text. Most are in English only."""
    with FILE.open("rb") as file:
        data = tomllib.load(file)[FALLBACK]
    english = {code: Text(text["subject"], text["body"].strip() + "\n") for code, text in data.items()}
    texts = {FALLBACK: english}
    for language in list_text_languages():
        shipped = load_shipped_texts(language)
        translated = {code: _translate(text, shipped) for code, text in english.items()}
        texts[language] = {code: text for code, text in translated.items() if text is not None}
    return texts


def _translate(english: Text, texts: Texts) -> Text | None:
    """Return a text in another language; None if it is not translated. A draft is followed by the English text."""
    subject, body = (MailPart("mails", english.subject), MailPart("mails", english.body.strip()))
    if texts.find(subject) is None or texts.find(body) is None:
        return None
    translated = f"{texts.translate('mails', body.english)}\n"
    if not texts.is_confirmed((subject, body)):
        translated += f"\n{texts.translate('pages', TRANSLATED)}\n\n{RULE}\n\n{english.body}"
    return Text(texts.translate("mails", subject.english), translated)


def list_placeholders(event: str) -> tuple[str, ...]:
    """Return the placeholders that a text of an event may contain: ``supplier`` is the name of the one it is about."""
    payload = list_events()[event].payload
    named = ("supplier",) if "supplier_id" in payload else ()
    listed = (LIST,) if "step_ids" in payload else ()
    return (*ALWAYS, *named, *listed, *sorted(name for name in payload if not name.endswith(("_id", "_ids"))))


def find_text(session: Session, event: str, language: str) -> Text:
    """Return the organisation's own text of an event, or the one of Diligence, in a language, or else in English."""
    own = {
        text.language: text
        for text in session.scalars(
            select(MailText).where(MailText.event == event, MailText.language.in_((language, FALLBACK)))
        )
    }
    defaults = list_default_texts()
    for each in (language, FALLBACK):
        if each in own:
            return Text(own[each].subject, own[each].body, is_own=True)
        if event in defaults.get(each, ()):
            return _translate(defaults[FALLBACK][event], load_texts(session, each)) or defaults[each][event]
    raise not_found("There is no email about this event.")


def get_text_to_change(session: Session, event: str, language: str) -> Text:
    """Return the text of an event in a language, which an organisation may replace.

    Raises DomainError ``not_found`` for an event or a language without an email.
    """
    if event not in list_default_texts().get(language, ()):
        raise not_found("There is no email about this event in this language.")
    return find_text(session, event, language)


def save_text(session: Session, event: str, language: str, subject: str, body: str, by: str) -> None:
    """Put an organisation's own text in the place of the one of the file.

    Raises DomainError: ``not_found`` for an event or a language without an email, ``mail_text.subject``, ``mail_text.body``, and
    ``mail_text.placeholder`` for braces that are not one of its placeholders.
    """
    get_text_to_change(session, event, language)
    subject, body = subject.strip(), body.replace("\r\n", "\n").strip() + "\n"
    if not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise DomainError("mail_text.subject", 422, f"Enter a subject of up to {MAX_SUBJECT} characters on one line.")
    if not 1 <= len(body.strip()) <= MAX_BODY:
        raise DomainError("mail_text.body", 422, f"Enter a text of up to {MAX_BODY:,} characters.")
    _check_texts(event, subject, body)
    own = session.scalars(select(MailText).where(MailText.event == event, MailText.language == language)).first()
    if own is None:
        own = MailText(event=event, language=language)
        session.add(own)
    own.subject, own.body, own.changed_by, own.changed_at = subject, body, by, now()
    record_event(session, by, "mail_text.changed", "mail_text", event, {"language": language})


def reset_text(session: Session, event: str, language: str, by: str) -> None:
    """Return to the text of the file. Nothing changes if the organisation has none of its own."""
    own = session.scalars(select(MailText).where(MailText.event == event, MailText.language == language)).first()
    if own is not None:
        session.delete(own)
        record_event(session, by, "mail_text.reset", "mail_text", event, {"language": language})


def fill(text: Text, values: Mapping[str, str]) -> Text:
    """Return a text with values in the place of its placeholders; one without a value stays empty."""
    return Text(fill_in(text.subject, values), fill_in(text.body, values), text.is_own)


def preview(event: str, subject: str, body: str) -> Text:
    """Return a text filled with made-up values. Raises DomainError ``mail_text.placeholder``."""
    _check_texts(event, subject, body)
    return fill(Text(subject, body), SAMPLES)


def _check_texts(event: str, subject: str, body: str) -> None:
    known = list_placeholders(event)
    _check_placeholders(subject, tuple(name for name in known if name != LIST))
    _check_placeholders(body, known)


def _check_placeholders(text: str, known: tuple[str, ...]) -> None:
    """Raise DomainError ``mail_text.placeholder`` for anything in braces that is not one of the known names."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        parts = [("", "", "", None)]
    for _literal, name, spec, conversion in parts:
        if name is not None and (name not in known or spec or conversion):
            raise DomainError(
                "mail_text.placeholder",
                422,
                f"Use braces only for these placeholders: {', '.join(f'{{{each}}}' for each in known)}.",
                placeholders=list(known),
            )


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Return one text with values in the place of its placeholders."""
    parts = []
    for literal, name, _spec, _conversion in Formatter().parse(text):
        parts.append(literal)
        if name is not None:
            value = values.get(name, "")
            parts.append(value if name == LIST else " ".join(value.split()))
    return "".join(parts)
