"""What an organisation's reviewers say about translations: they confirm them, or word them in another way.

A review belongs to one English text and one translation: it no longer counts once either has changed. In a form that was sent out
before the English changed, the review still counts. ``reviewer`` is a role, never a name; the audit trail has the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from babel.messages.plurals import get_plural
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH
from service.audit import record_event
from service.db.translation_tables import ReviewedText
from service.errors import DomainError, not_found
from service.translations.catalog import (
    STATES,
    Kind,
    State,
    Text,
    Texts,
    Wording,
    find_fault,
    get_locale,
    get_texts_by_key,
    list_text_languages,
    list_texts,
    load_shipped_texts,
)

MAX_WORDING = 8_000  # characters
# Who can vouch for a translation.
REVIEWERS = {
    "native_speaker": "Native speaker in our organisation",
    "translator": "Professional translator",
    "worker_organisation": "Union, NGO or other worker organisation",
}


@dataclass(frozen=True)
class Review:
    """What a reviewer says about the translation of a text."""

    text: Text
    forms: tuple[str, ...]
    state: str


def load_texts(session: Session, language: str) -> Texts:
    """Load the texts of a language as the suppliers of the session's organisation, and their workers, read them."""
    rows = [] if language == ENGLISH else _list_rows(session, language)
    return _apply(rows, load_shipped_texts(language))


def load_all_texts(session: Session) -> dict[str, Texts]:
    """Load the texts of each language by its code, as :func:`load_texts` does."""
    rows: dict[str, list[ReviewedText]] = {}
    for row in session.scalars(select(ReviewedText)):
        rows.setdefault(row.language, []).append(row)
    return {code: _apply(rows.get(code, ()), load_shipped_texts(code)) for code in list_text_languages()}


def list_own_words(session: Session) -> dict[str, list[str]]:
    """Return how the session's organisation words the texts of forms in any language, by their English text."""
    query = select(ReviewedText).where(ReviewedText.is_own, ReviewedText.kind.in_(("forms", "sectors")))
    words: dict[str, list[str]] = {}
    for row in session.scalars(query.order_by(ReviewedText.language, ReviewedText.key)):
        words.setdefault(row.english, []).append(row.wording[0])
    return words


def _apply(rows: Sequence[ReviewedText], shipped: Texts) -> Texts:
    """Return the texts of a language with what reviewers said about them, where that still counts."""
    if not rows:
        return shipped
    wordings, texts = dict(shipped.wordings), get_texts_by_key()
    for row in rows:
        text = texts.get(row.key) or Text(cast("Kind", row.kind), row.english)  # in forms that were sent out earlier
        current = shipped.find(text)
        if text.key == row.key and (row.is_own or (current and current.forms == tuple(row.wording))):
            wordings[text.kind, text.english] = Wording(
                tuple(row.wording), cast("State", row.state), row.reviewer, row.reviewed_on, row.is_own
            )
    return Texts(shipped.code, wordings)


def is_confirmed(session: Session, language: str, texts: Iterable[Text]) -> bool:
    """Return whether a language is confirmed for some texts: by a reviewer of the session's organisation, or by the files that
    Diligence comes with. English always is.
    """
    return load_texts(session, language).is_confirmed(texts)


def list_outdated(session: Session, language: str) -> Sequence[ReviewedText]:
    """Return the reviews of texts whose English, or whose translation by Diligence, has changed since."""
    shipped, texts = load_shipped_texts(language), get_texts_by_key()
    outdated = []
    for row in _list_rows(session, language):
        text = texts.get(row.key)
        current = shipped.find(text) if text else None
        if text is None or not (row.is_own or (current and current.forms == tuple(row.wording))):
            outdated.append(row)
    return outdated


def save_reviews(session: Session, language: str, reviews: Sequence[Review], reviewer: str, by: str, on: date) -> int:
    """Save what a reviewer says about some translations; return how many of these say something new.

    Raises DomainError: ``not_found`` for a language without translations; ``translation.reviewer``, ``translation.state`` and
    ``translation.wording``, 422. Nothing is saved then.
    """
    check_language(language)
    if reviewer not in REVIEWERS:
        raise DomainError("translation.reviewer", 422, f"Choose who checked the texts: {', '.join(REVIEWERS)}.")
    shipped = load_shipped_texts(language)
    current = load_texts(session, language)
    rows = {row.key: row for row in _list_rows(session, language)}
    changed = 0
    for review in reviews:
        _check(review, language)
        before, original = current.find(review.text), shipped.find(review.text)
        if before and (before.forms, before.state) == (review.forms, review.state):
            continue
        changed += 1
        row, is_own = rows.get(review.text.key), original is None or original.forms != review.forms
        if not is_own and review.state == "draft":
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = ReviewedText(language=language, key=review.text.key, kind=review.text.kind)
            session.add(row)
        row.english, row.wording, row.is_own = review.text.english, list(review.forms), is_own
        row.state, row.reviewer, row.reviewed_on = review.state, reviewer, on
    if changed:
        record_event(
            session, by, "translations.reviewed", "language", language, {"texts": changed, "reviewer": reviewer}
        )
    return changed


def _check(review: Review, language: str) -> None:
    """Raise DomainError ``translation.state`` or ``translation.wording``, 422, for a review that cannot be saved."""
    if review.state not in STATES:
        raise DomainError("translation.state", 422, f"Choose one of these states: {', '.join(STATES)}.")
    fault = find_fault(review.text, review.forms)
    if sum(map(len, review.forms)) > MAX_WORDING:
        fault = f"Use at most {MAX_WORDING:,} characters."
    if fault:
        raise DomainError("translation.wording", 422, fault, text=review.text.key, language=language)


def check_language(language: str) -> None:
    """Raise DomainError ``not_found``, 404, for a language into which nothing is translated."""
    if language not in list_text_languages():
        raise not_found("There are no translations into this language.")


def get_text(key: str) -> Text:
    """Return a text by its key. Raises DomainError ``not_found``, 404."""
    text = get_texts_by_key().get(key)
    if text is None:
        raise not_found("Text not found. The English may have changed.")
    return text


def search_texts(texts: Texts, *, kind: str = "", state: str = "", words: str = "") -> list[Text]:
    """Return the texts of a kind whose translation is in a state (``missing``: has none), which contain some words."""
    wanted = words.casefold().split()
    found = []
    for text in list_texts():
        wording = texts.find(text)
        if (kind and text.kind != kind) or (state and (wording.state if wording else "missing") != state):
            continue
        content = " ".join((text.english, text.plural, text.comment, *(wording.forms if wording else ()))).casefold()
        if all(word in content for word in wanted):
            found.append(text)
    return found


def count_plurals(language: str, text: Text) -> int:
    """Return how many forms the translation of a text has."""
    return int(get_plural(get_locale(language)).num_plurals) if text.plural else 1


def _list_rows(session: Session, language: str) -> Sequence[ReviewedText]:
    query = select(ReviewedText).where(ReviewedText.language == language).order_by(ReviewedText.key)
    return session.scalars(query).all()
