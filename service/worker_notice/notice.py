"""Build the notice for the workers of a site or an agency: their rights, money that is repaid, and who can help.

It names no worker and nothing that workers reported, since their employer reads it too. It exists only where the referral
directory allows contact with workers, and never where the state imposes the labour: there, asking for help may be punished.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.document import Logo
from reports.formats import FORMATS, Rendered
from reports.short import html, pdf
from reports.short.document import Bullets, Paragraph, Section, ShortDocument, Table
from service.db.referral_tables import ReferralContact
from service.db.remediation_tables import Step
from service.db.tables import Organisation, Supplier
from service.errors import DomainError
from service.questionnaires_sent.form_files import UNPRINTED_LANGUAGES
from service.referrals.contacts import load_directory_rules
from service.referrals.readiness import choose_contacts, load_gate
from service.report_content.contact_gate import list_worker_places
from service.suppliers.imposed_labour import is_labour_imposed
from service.translations.catalog import Texts, get_locale, list_text_languages, list_texts, load_shipped_texts
from service.translations.review import load_texts

FOLDER = Path(__file__).parent
ENGLISH = "en"
RENDERERS = {"pdf": pdf.render, "html": html.render}
IMPOSED = "State-imposed labour is documented here, and workers may be punished for asking for help, so no notice is available."


@dataclass(frozen=True)
class Notice:
    """A notice: its content, the country of the workers, and the organisations that it names."""

    document: ShortDocument
    country: str
    contacts: Sequence[ReferralContact]


@cache
def load_rules() -> Mapping[str, Any]:
    """Load what a notice may contain, each rule with its reason."""
    return tomllib.loads((FOLDER / "rules.toml").read_text(encoding="utf-8"))


@cache
def load_english() -> Mapping[str, Any]:
    """Load the English texts of the notice."""
    return tomllib.loads((FOLDER / "notice.toml").read_text(encoding="utf-8"))


@cache
def list_notice_languages() -> tuple[str, ...]:
    """List the languages in which the notice is available: those in which none of its texts is missing, English first."""
    texts = list_texts("notices")
    return (ENGLISH, *(one for one in list_text_languages() if not load_shipped_texts(one).count(texts).missing))


def _translate(english: Any, texts: Texts) -> Any:
    """Return the texts of the notice, or a part of them, in another language."""
    if isinstance(english, str):
        return texts.translate("notices", english)
    if isinstance(english, Mapping):
        return {key: _translate(value, texts) for key, value in english.items()}
    return [_translate(value, texts) for value in english]


def list_countries(supplier: Supplier) -> list[str]:
    """Return the countries in which the workers of a supplier are; several only for an agency."""
    return sorted(list_worker_places(supplier.kind, supplier.answers))


def build_notice(
    session: Session, supplier: Supplier, on: date, *, country: str | None = None, language: str = ENGLISH
) -> Notice:
    """Return the notice for the workers of a supplier in a country, by default the first of :func:`list_countries`.

    Raises DomainError: ``notice.language``, ``notice.country``, 422; ``notice.no_help``, 409, while the referral directory of the
    country is not complete; ``notice.state_imposed``, 409.
    """
    if language not in list_notice_languages():
        known = ", ".join(list_notice_languages())
        raise DomainError("notice.language", 422, f"Choose one of these languages: {known}.")
    countries = list_countries(supplier)
    place = country or (countries[0] if countries else None)
    if country and country not in countries:
        raise DomainError("notice.country", 422, "This supplier has no workers in this country.")
    gate = load_gate(session, on)
    if place is None or not gate.is_ready([place]):
        raise DomainError("notice.no_help", 409, gate.describe([place]))
    if is_labour_imposed(session, supplier, on):
        raise DomainError("notice.state_imposed", 409, IMPOSED)
    contacts = choose_contacts(session, place, on)
    organisation = session.get_one(Organisation, supplier.organisation_id).name
    is_repaid = _is_repaid(session, supplier)
    texts = load_texts(session, language)
    return Notice(_write(supplier, organisation, contacts, on, texts, is_repaid=is_repaid), place, contacts)


def render_notice(
    notice: Notice,
    format: str,  # noqa: A002  the word of the field
    logo: Logo | None = None,
) -> Rendered:
    """Return a notice as a file, whose name reveals no supplier, with the logo of the organisation that it is from.

    Raises DomainError, 422: ``format.unknown``; ``notice.language`` for a PDF in a script that no font is installed for.
    """
    if format not in RENDERERS:
        raise DomainError("format.unknown", 422, f"Choose one of these formats: {', '.join(RENDERERS)}.")
    if format == "pdf" and notice.document.language in UNPRINTED_LANGUAGES:
        name = get_locale(notice.document.language).english_name
        text = f"There is no PDF in {name}, because no font for its script is installed. Choose HTML."
        raise DomainError("notice.language", 422, text)
    name = f"worker_notice_{notice.document.on.isoformat()}.{format}"
    return Rendered(RENDERERS[format](replace(notice.document, logo=logo)), FORMATS[format].media_type, name)


def _is_repaid(session: Session, supplier: Supplier) -> bool:
    """Return whether repayment was agreed, for a reason that is not known only from workers."""
    rules = load_rules()["repayment"]
    query = select(Step.id).where(
        Step.supplier_id == supplier.id,
        Step.action.in_(rules["actions"]),
        Step.state.in_(rules["states"]),
        Step.worker_derived.is_(False),
    )
    return session.scalars(query).first() is not None


def _write(
    supplier: Supplier,
    organisation: str,
    contacts: Sequence[ReferralContact],
    on: date,
    translations: Texts,
    *,
    is_repaid: bool,
) -> ShortDocument:
    texts = _translate(load_english(), translations)
    money, help_ = texts["repaid" if is_repaid else "paid"], texts["help"]
    rows = tuple(_describe_contact(contact, help_, translations.locale) for contact in contacts)
    sections = (
        Section(texts["rights"]["title"], (Bullets(tuple(texts["rights"]["items"])),)),
        Section(money["title"], (Bullets(tuple(money["items"])),)),
        Section(help_["title"], (Paragraph(help_["text"]), Table(tuple(help_["header"]), rows, (48, 26, 26)))),
    )
    days = load_directory_rules()["verified_within_days"]
    return ShortDocument(
        kind=texts["kind"][supplier.kind].format(
            name=_isolate(supplier.name or supplier.reference or "", translations.locale)
        ),
        title=texts["title"],
        headline=texts["headline"],
        on=on,
        sections=sections,
        draft="" if translations.is_confirmed(list_texts("notices")) else texts["draft_mark"],
        wording=texts["footer"].format(organisation=_isolate(organisation, translations.locale), days=days),
        language=translations.code,
        sender=organisation,
    )


def _isolate(text: str, locale: Locale) -> str:
    """Return a name or number so that it keeps its direction where the script runs right to left: 66+ is no telephone number."""
    return f"\u2068{text}\u2069" if text and locale.text_direction == "rtl" else text


def _describe_contact(contact: ReferralContact, texts: Mapping[str, Any], locale: Locale) -> tuple[str, str, str]:
    """Return the cells of a contact. Its note is for users only."""
    who = f"{_isolate(contact.name, locale)} ({texts['kinds'][contact.kind]})"
    if contact.not_safe_for:
        groups = ", ".join(texts["groups"][code] for code in contact.not_safe_for)
        who += f". {texts['not_safe_for'].format(groups=groups)}"
    names = locale.languages
    spoken = ", ".join(names.get(code, code) for code in contact.languages)
    return who, _isolate(contact.reach, locale), "; ".join(filter(None, (spoken, _isolate(contact.hours, locale))))
