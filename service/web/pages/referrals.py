"""The referral directory: what it lacks in each country, its contacts, and the forms to add, change, call and upload them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel import Locale
from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.lookups import load_countries
from service.auth.caller import get_caller, read_session, write_session
from service.clock import now, today
from service.db.referral_tables import ReferralContact
from service.errors import DomainError
from service.referrals import contact_file, contacts, readiness
from service.web.downloads import build_download

MEDIA_TYPE = "text/csv; charset=utf-8"


def show_directory() -> Response:
    """Show the readiness of each country and its contacts."""
    return _render_directory(None)


def _render_directory(error: DomainError | None) -> Response:
    on = today(get_caller().time_zone)
    with read_session() as session:
        countries = readiness.list_readiness(session, on)
        found = contacts.list_contacts(session)
    page = render_template(
        "referrals.html",
        readiness=countries,
        contacts=found,
        country=request.args.get("country", ""),
        first_valid_day=readiness.find_first_valid_day(on),
        error=error,
        values=request.form,
        **_get_labels(),
    )
    return make_response(page, error.status if error else 200)


def _get_labels() -> dict[str, Any]:
    rules = contacts.load_directory_rules()
    return {
        "kinds": rules["kinds"],
        "groups": rules["groups"],
        "days": rules["verified_within_days"],
        "countries": sorted(load_countries().names.items(), key=lambda pair: pair[1]),
        "language_names": _name_languages,
        "today": today(get_caller().time_zone),
    }


def _name_languages(codes: list[str]) -> str:
    locale = get_locale() or Locale("en")
    return ", ".join(locale.languages.get(code, code) for code in codes)


def add_contact() -> AnyResponse:
    """Add the contact in the form; an error is shown above it."""
    try:
        with write_session() as session:
            at, on = now(), today(get_caller().time_zone)
            called_on = on if request.form.get("called") == "yes" else None
            contacts.add_contact(session, _parse_form(), called_on, on, at, get_caller().actor)
    except DomainError as error:
        return _render_directory(error)
    flash(_("Contact added."))
    return redirect(url_for("pages.referrals"), 303)


def _parse_form() -> dict[str, Any]:
    groups = request.form.getlist("not_safe_for")
    return contacts.parse_texts({**request.form.to_dict(), "not_safe_for": ",".join(groups)})


def show_contact(contact_id: str) -> Response:
    """Show a contact with the form to change it."""
    return _render_contact(contact_id, None)


def _render_contact(contact_id: str, error: DomainError | None) -> Response:
    with read_session() as session:
        contact = contacts.get_contact(session, contact_id)
    values = request.form if error else _fill_form(contact)
    page = render_template("referral.html", contact=contact, error=error, values=values, **_get_labels())
    return make_response(page, error.status if error else 200)


def _fill_form(contact: ReferralContact) -> Mapping[str, Any]:
    filled = {field: getattr(contact, field) for field in contacts.FIELDS}
    return {**filled, "languages": ", ".join(contacts.load_languages()[code] for code in contact.languages)}


def change_contact(contact_id: str) -> AnyResponse:
    """Change a contact; an error is shown above the form."""
    try:
        with write_session() as session:
            contact = contacts.get_contact(session, contact_id, lock=True)
            contacts.change_contact(session, contact, _parse_form(), get_caller().actor)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_contact(contact_id, error)
    flash(_("Contact changed."))
    return redirect(url_for("pages.referrals"), 303)


def confirm_contact(contact_id: str) -> AnyResponse:
    """Record that the user called a contact and found that its entry is right."""
    on = today(get_caller().time_zone)
    try:
        called_on = date.fromisoformat(request.form.get("called_on", on.isoformat()))
    except ValueError:
        return _render_contact(contact_id, DomainError("referral.date", 422, _("Enter the date as YYYY-MM-DD.")))
    try:
        with write_session() as session:
            contact = contacts.get_contact(session, contact_id, lock=True)
            contacts.confirm_contact(session, contact, called_on, on, get_caller().actor)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_contact(contact_id, error)
    flash(_("Call recorded."))
    return redirect(url_for("pages.referrals"), 303)


def delete_contact(contact_id: str) -> AnyResponse:
    """Delete a contact."""
    with write_session() as session:
        contacts.delete_contact(session, contacts.get_contact(session, contact_id, lock=True), get_caller().actor)
    flash(_("Contact deleted."))
    return redirect(url_for("pages.referrals"), 303)


def download_directory() -> Response:
    """Return the whole directory as a CSV file."""
    with read_session() as session:
        data = contact_file.write_contacts(session)
    return build_download(data, MEDIA_TYPE, f"referral_directory_{today(get_caller().time_zone).isoformat()}.csv")


def upload_directory() -> AnyResponse:
    """Import the contacts of a CSV file; what is wrong with it is shown above the form, and nothing is saved then."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise DomainError("referral.file", 422, _("Choose a file."))
        with write_session() as session:
            at, on = now(), today(get_caller().time_zone)
            counts = contact_file.import_contacts(session, file.read(), on, at, get_caller().actor)
    except DomainError as error:
        return _render_directory(error)
    added = ngettext("%(num)s contact added.", "%(num)s contacts added.", counts.added)
    flash(f"{added} {ngettext('%(num)s contact changed.', '%(num)s contacts changed.', counts.changed)}")
    return redirect(url_for("pages.referrals"), 303)
