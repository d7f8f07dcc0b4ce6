"""Pages of connected systems: how pushing to them goes, which of their fields get which values, and how to sign in there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from werkzeug.wrappers import Response as AnyResponse

from service.auth.access import ACCESS
from service.auth.caller import get_caller, get_service_address, get_settings, read_session, write_session
from service.clock import now, today
from service.connected_systems import identifiers, systems
from service.connected_systems.files import FORMATS, MEDIA_TYPES, build_file
from service.connected_systems.hosts import Host, get_host, load_hosts, load_values
from service.connected_systems.systems import Credentials, SystemForm
from service.errors import DomainError, not_found
from service.web.downloads import build_download

system_pages = Blueprint("systems", __name__, url_prefix="/connected-systems")
BLANK_ROWS = 3  # for further fields, below those that are mapped
ENDS = {
    "nothing_changed": lazy_gettext("There were no changes to push."),
    "sign_in_refused": lazy_gettext("The system rejected the credentials. Enter them again."),
    "sign_in_failed": lazy_gettext(
        "The system did not return a token. Check the address and the OAuth settings in that system."
    ),
    "credentials_lost": lazy_gettext("The stored credentials can no longer be read. Enter them again."),
    "webhook.url": lazy_gettext("Calls to this address are not allowed. Enter a different address."),
    "unresolved": lazy_gettext("The host name could not be found. Check the address."),
    "address_refused": lazy_gettext("The address is in a private network, which the operator has not allowed."),
    "unreachable": lazy_gettext("The system could not be reached."),
    "timeout": lazy_gettext("The system did not respond in time."),
    "tls": lazy_gettext("The system's certificate is not valid."),
    "too_long": lazy_gettext("The system's response was too long."),
    "answer_unreadable": lazy_gettext("The system's response could not be read."),
    "refused": lazy_gettext("The system did not accept any of the suppliers. Check the fields."),
    "given_up": lazy_gettext("The system has not accepted anything for a day. Diligence now tries once a day."),
    "internal_error": lazy_gettext("An error occurred in Diligence. The log gives the details."),
    "http.401": lazy_gettext("The system rejected the sign-in."),
    "http.403": lazy_gettext("The system does not allow this user to update the fields."),
    "http.404": lazy_gettext("Nothing was found at this address. Check the address and the options."),
    "http.429": lazy_gettext("The system is busy and has asked Diligence to wait."),
}


def describe_end(code: str) -> str:
    """Return in a sentence how a push ended, by its code."""
    if code in ENDS:
        return str(ENDS[code])
    status = code.removeprefix("http.")
    return str(
        _("Accepted.") if status.startswith("2") else _("The system returned the status %(status)s.", status=status)
    )


@system_pages.get("", endpoint="listing")
def show_systems() -> Response:
    """Show all connected systems, and the form to add one."""
    return _render_systems()


@system_pages.post("", endpoint="create")
def create_system() -> AnyResponse:
    """Create a connected system with what is usual for its kind, and open its page."""
    settings, kind = get_settings(), request.form.get("kind", "")
    try:
        with write_session() as session:
            form = SystemForm(
                name=request.form.get("name") or None,
                address=request.form.get("address", "").strip(),
                options=_read_options(get_host(kind)),
            )
            system = systems.create_system(
                session,
                kind,
                form,
                settings.get_secret_keys(),
                get_caller().actor,
                plain_http=settings.webhook_plain_http,
            )
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_systems(error)
    flash(_("System added. Enter the credentials, check the fields, and enable it."))
    return redirect(url_for("systems.show", system_id=system.id), 303)


@system_pages.get("/<system_id>", endpoint="show")
def show_system(system_id: str) -> Response:
    """Show a connected system: how pushing goes, its fields, and what it refused."""
    return _render_system(system_id)


@system_pages.post("/<system_id>", endpoint="change")
def change_system(system_id: str) -> AnyResponse:
    """Save what is entered about a system; empty credentials leave the stored ones."""
    settings, form = get_settings(), request.form
    try:
        with write_session() as session:
            host = get_host(systems.get_system(session, system_id).kind)
            change = SystemForm(
                name=form.get("name", ""),
                address=form.get("address", "").strip(),
                options=_read_options(host),
                mapping=_read_mapping(),
                credentials=_read_credentials(),
            )
            by, secret_keys = get_caller().actor, settings.get_secret_keys()
            systems.change_system(session, system_id, change, secret_keys, by, plain_http=settings.webhook_plain_http)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_system(system_id, error)
    flash(_("Saved."))
    return redirect(url_for("systems.show", system_id=system_id), 303)


@system_pages.post("/<system_id>/enable", endpoint="enable")
def enable_system(system_id: str) -> AnyResponse:
    """Enable or disable a system."""
    settings, is_enabled = get_settings(), request.form.get("enabled") == "1"
    try:
        with write_session() as session:
            change, by = SystemForm(enabled=is_enabled), get_caller().actor
            systems.change_system(session, system_id, change, settings.get_secret_keys(), by)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_system(system_id, error)
    flash(_("System enabled.") if is_enabled else _("System disabled."))
    return redirect(url_for("systems.show", system_id=system_id), 303)


@system_pages.post("/<system_id>/delete", endpoint="delete")
def delete_system(system_id: str) -> AnyResponse:
    """Delete a system with the identifiers of its suppliers."""
    with write_session() as session:
        systems.delete_system(session, system_id, get_caller().actor)
    flash(_("System deleted. The values already pushed to that system remain there."))
    return redirect(url_for("systems.listing"), 303)


@system_pages.post("/<system_id>/push", endpoint="push")
def push_now(system_id: str) -> AnyResponse:
    """Have what differs pushed at once, or everything."""
    try:
        with write_session() as session:
            everything = request.form.get("everything") == "1"
            systems.push_now(session, system_id, get_caller().actor, everything=everything)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_system(system_id, error)
    flash(_("The scores are being pushed now."))
    return redirect(url_for("systems.show", system_id=system_id), 303)


@system_pages.get("/<system_id>/file.<format>", endpoint="file")
def download_file(system_id: str, format: str) -> Response:  # noqa: A002  the name in the address
    """Return the values of all suppliers that the system knows, as a file."""
    if format not in FORMATS:
        raise not_found()
    on = today(get_caller().time_zone)
    with read_session() as session:
        system = systems.get_system(session, system_id)
        data = build_file(session, system, cast(Literal["csv", "jsonl"], format), get_service_address(), on)
    return build_download(data, MEDIA_TYPES[format], f"{system.kind}_{on.isoformat()}.{format}")


@system_pages.post("/<system_id>/identifiers", endpoint="upload")
def upload_identifiers(system_id: str) -> AnyResponse:
    """Set the identifiers of a CSV file; what is wrong with it is shown, and nothing is saved then."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise DomainError("system.identifier_file", 422, _("Choose a file."))
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            sentence = _("The file is not in UTF-8. Save it as “CSV UTF-8”, and upload it again.")
            raise DomainError("system.identifier_file", 422, sentence) from error
        with write_session() as session:
            counts = identifiers.import_identifiers(session, system_id, text, now(), get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_system(system_id, error)
    added = ngettext("%(num)s identifier added.", "%(num)s identifiers added.", counts.added)
    flash(f"{added} {ngettext('%(num)s identifier changed.', '%(num)s identifiers changed.', counts.changed)}")
    return redirect(url_for("systems.show", system_id=system_id), 303)


def _read_options(host: Host) -> dict[str, str]:
    return {id_: request.form[f"option-{id_}"] for id_ in host.options if f"option-{id_}" in request.form}


def _read_mapping() -> dict[str, str]:
    """Return the rows of the mapping that have both a field and a value. Raises DomainError for a field that occurs twice."""
    rows = zip(request.form.getlist("field"), request.form.getlist("value"), strict=False)
    chosen = [(field.strip(), value) for field, value in rows if field.strip() and value]
    mapping = dict(chosen)
    if len(mapping) < len(chosen):
        raise DomainError("system.mapping", 422, _("Enter each field only once."))
    return mapping


def _read_credentials() -> Credentials | None:
    client_id, secret = request.form.get("sign_in_id", "").strip(), request.form.get("secret", "")
    if not client_id and not secret:
        return None
    sign_in, api_key = request.form.get("sign_in", "oauth2"), request.form.get("api_key", "").strip()
    return Credentials(sign_in, client_id, secret, api_key)


def _render_systems(error: DomainError | None = None) -> Response:
    with read_session() as session:
        found = [(system, systems.get_status(session, system)) for system in systems.list_systems(session)]
    values: Mapping[str, str] = request.form if error else {}
    page = render_template(
        "systems.html",
        systems=found,
        hosts=load_hosts(),
        error=error,
        values=values,
        may_create=ACCESS.may_open(get_caller().role or "", "systems.create", "POST"),
        describe_end=describe_end,
    )
    return make_response(page, error.status if error else 200)


def _render_system(system_id: str, error: DomainError | None = None) -> Response:
    with read_session() as session:
        system = systems.get_system(session, system_id)
        status, refusals = systems.get_status(session, system), systems.list_refusals(session, system)
        pushes = systems.list_pushes(session, system)
    host = get_host(system.kind)
    rows = [*system.mapping.items(), *[("", "")] * min(BLANK_ROWS, host.fields - len(system.mapping))]
    page = render_template(
        "system.html",
        system=system,
        host=host,
        status=status,
        refusals=refusals,
        pushes=pushes,
        rows=rows,
        values=[value for value in load_values().values() if value.kind in host.kinds],
        error=error,
        may_change=ACCESS.may_open(get_caller().role or "", "systems.change", "POST"),
        describe_end=describe_end,
    )
    return make_response(page, error.status if error else 200)
