"""The language of the pages for suppliers, and for those who survey workers: the one that the address names, in the words of the
organisation that sent the link.

The address names it, since these pages set no cookie. A questionnaire remembers the last one that was chosen on its pages.
"""

from __future__ import annotations

from babel.support import NullTranslations
from flask import Blueprint, g, request
from flask_babel import Domain, refresh
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH, list_languages
from service.auth.caller import get_database, get_link
from service.translations.catalog import Kind, Texts, get_name, list_text_languages, list_texts, load_shipped_texts
from service.translations.review import load_texts

BLUEPRINTS = ("shared", "questionnaire", "voice")
ENGLISH_LOCALE = "en_GB"


class SupplierDomain(Domain):  # type: ignore[misc]
    """The translations that gettext uses on pages for suppliers."""

    def get_translations(self) -> NullTranslations:
        """Return the translations into the language of the request."""
        return get_texts().gettext


def get_language() -> str:
    """Return the code of the language that the address names, or that was chosen before; English if there are no texts in it."""
    code = request.args.get("language") or g.get("chosen_language") or ENGLISH
    return code if code in list_text_languages() else ENGLISH


def use_translations() -> None:
    """Have gettext use the translations for suppliers in this request."""
    SupplierDomain().as_default()


def select_locale() -> str:
    """Return the locale of a page for suppliers."""
    code = get_language()
    return ENGLISH_LOCALE if code == ENGLISH else code.replace("-", "_")


def get_texts() -> Texts:
    """Return the texts in the language of the request: the organisation's once the link is known."""
    return g.supplier_texts if "supplier_texts" in g else load_shipped_texts(get_language())


def translate(kind: Kind, english: str) -> str:
    """Return a text that is no text of a page, such as the title of a step, in the language of the request."""
    return get_texts().translate(kind, english)


def register(pages: Blueprint) -> None:
    """Have the pages of a blueprint be in the language that their address names, and their links name it too."""
    pages.before_request(_load_texts)
    pages.url_defaults(_keep_language)
    pages.context_processor(describe_language)


def choose_language(session: Session, code: str | None) -> None:
    """Use the language that was chosen before, unless the address names one."""
    before, g.chosen_language = get_language(), code
    if get_language() != before:
        refresh()
        g.supplier_texts = load_texts(session, get_language())


def load_own_texts(organisation_id: str) -> None:
    """Use the words of the organisation that sent the link."""
    if (code := get_language()) != ENGLISH:
        with get_database().for_organisation(organisation_id, write=False) as session:
            g.supplier_texts = load_texts(session, code)


def _load_texts() -> None:
    load_own_texts(get_link().organisation_id)


def _keep_language(endpoint: str, values: dict[str, object]) -> None:
    if request.blueprint in BLUEPRINTS and "language" in request.args:
        values.setdefault("language", get_language())


def describe_language() -> dict[str, object]:
    """Return what the frame of a page and its choice of languages need."""
    texts = get_texts()
    offered = dict.fromkeys((ENGLISH, *list_languages(), texts.code))
    return {
        "translations": texts,
        "language": texts.form_language,
        "languages": {code: get_name(code) for code in offered},
        "locale": "en-GB" if texts.code == ENGLISH else texts.code,
        "is_draft": not texts.is_confirmed((*list_texts("pages"), *list_texts("forms"))),
        "translate": translate,
    }
