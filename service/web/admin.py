"""Pages for admins: users, API keys, the audit trail and data retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service import audit, retention
from service.auth import keys, sessions, users
from service.auth.access import ACCESS
from service.auth.caller import get_blob_store, get_caller, get_settings, read_session, write_session
from service.auth.middleware import get_sign_in
from service.clock import now
from service.db.tables import Organisation
from service.errors import DomainError
from service.reporting import logos
from service.web.connected_systems import system_pages
from service.web.outgoing import mail_text_pages, message_pages, webhook_pages
from service.web.release import release_pages
from service.web.status import status_pages

user_pages = Blueprint("users", __name__, url_prefix="/users")
key_pages = Blueprint("keys", __name__, url_prefix="/keys")
audit_pages = Blueprint("audit", __name__, url_prefix="/audit")
organisation_pages = Blueprint("organisation", __name__, url_prefix="/organisation")
KEY_DAYS = (30, 90, 180, 365)


class Credentials(NamedTuple):
    """The sign-in details of a new user, which are shown only once."""

    name: str
    email: str
    password: str


class NewKey(NamedTuple):
    """The text of a new API key, which is shown only once."""

    name: str
    text: str


def register(app: Flask) -> None:
    """Register these pages on the application."""
    own = (user_pages, key_pages, audit_pages, organisation_pages)
    for blueprint in (*own, release_pages, status_pages, message_pages, mail_text_pages, webhook_pages, system_pages):
        app.register_blueprint(blueprint)


@user_pages.get("", endpoint="listing")
def show_users() -> Response:
    """Show all users, and the form to add one."""
    return _render_users()


@user_pages.post("", endpoint="create")
def create_user() -> Response:
    """Create a user. The password for the first sign-in is shown only in this response."""
    form = request.form
    try:
        with write_session() as session:
            user, password = users.create_user(
                session,
                form.get("email", ""),
                form.get("name", ""),
                form.get("role", ""),
                get_caller().actor,
                get_settings().one_time_password_hours,
            )
    except DomainError as error:
        return _render_users(error)
    return _render_users(credentials=Credentials(user.name, user.email, password))


@user_pages.post("/<user_id>/role")
def change_role(user_id: str) -> AnyResponse:
    """Change the role of a user."""
    with write_session() as session:
        users.change_role(session, user_id, request.form.get("role", ""), get_caller().actor)
    return _redirect_with_message("users.listing", _("Role changed."))


@user_pages.post("/<user_id>/deactivate")
def deactivate(user_id: str) -> AnyResponse:
    """End a user's access."""
    with write_session() as session:
        users.deactivate(session, user_id, get_caller().actor)
    return _redirect_with_message("users.listing", _("User deactivated. They can no longer sign in."))


@user_pages.post("/<user_id>/activate")
def activate(user_id: str) -> AnyResponse:
    """Give a user access again."""
    with write_session() as session:
        users.activate(session, user_id, get_caller().actor)
    return _redirect_with_message("users.listing", _("User reactivated. They can sign in again."))


@user_pages.post("/<user_id>/password")
def reset_password(user_id: str) -> Response:
    """Set a temporary password, which works once and is shown only in this response."""
    with write_session() as session:
        password = users.reset_password(session, user_id, get_caller().actor, get_settings().one_time_password_hours)
        user = users.get_user(session, user_id)
    return _render_users(credentials=Credentials(user.name, user.email, password))


def _render_users(error: DomainError | None = None, credentials: Credentials | None = None) -> Response:
    with read_session() as session:
        all_users = users.list_users(session)
    page = render_template(
        "users.html",
        users=all_users,
        roles=ACCESS.roles,
        error=error,
        must_confirm=not sessions.is_recent(get_sign_in()),
        credentials=credentials,
        now=now(),
        password_hours=get_settings().one_time_password_hours,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)


@key_pages.get("", endpoint="listing")
def show_keys() -> Response:
    """Show all API keys, and the form to create one."""
    return _render_keys()


@key_pages.post("", endpoint="create")
def create_key() -> Response:
    """Create an API key. Its text is shown only in this response."""
    form = request.form
    days = form.get("days", "")
    try:
        with write_session() as session:
            key, text = keys.create_key(
                session,
                form.get("name", ""),
                form.getlist("scopes"),
                int(days) if days.isascii() and days.isdigit() else 0,
                get_caller().actor,
                get_settings().key_days,
                grantable=get_caller().grantable_scopes,
                owner_id=get_caller().owner_id,
            )
    except DomainError as error:
        return _render_keys(error)
    return _render_keys(new_key=NewKey(key.name, text))


@key_pages.post("/<key_id>/revoke", endpoint="revoke")
def revoke_key(key_id: str) -> AnyResponse:
    """Revoke an API key; it takes effect at once."""
    with write_session() as session:
        keys.revoke_key(session, key_id, get_caller().actor)
    return _redirect_with_message("keys.listing", _("Key revoked."))


@key_pages.post("/<key_id>/owner", endpoint="hand_over")
def hand_over_key(key_id: str) -> AnyResponse:
    """Make another user the owner of an API key; a key that had stopped works again."""
    try:
        with write_session() as session:
            keys.hand_over_key(session, key_id, request.form.get("owner", ""), get_caller().actor)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_keys(error)
    return _redirect_with_message("keys.listing", _("Key handed over. It will continue to work."))


def _render_keys(error: DomainError | None = None, new_key: NewKey | None = None) -> Response:
    with read_session() as session:
        all_keys, all_users = keys.list_keys(session), users.list_users(session)
    page = render_template(
        "keys.html",
        keys=all_keys,
        owners={user.id: user for user in all_users},
        candidates={
            key.id: [
                user
                for user in all_users
                if user.active and user.id != key.owner_id and ACCESS.role_scopes[user.role].issuperset(key.scopes)
            ]
            for key in all_keys
        },
        scopes=ACCESS.scopes,
        days=[days for days in KEY_DAYS if days <= get_settings().key_days],
        now=now(),
        must_confirm=not sessions.is_recent(get_sign_in()),
        error=error,
        new_key=new_key,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)


@audit_pages.get("", endpoint="listing")
def show_audit_trail() -> str:
    """Show a page of the audit trail, newest first, filtered by the query parameters."""
    filters = {name: request.args.get(name, "").strip() for name in ("actor", "action", "object_id", "since", "until")}
    before = request.args.get("before", "")
    until = parse_day_start(filters["until"], 1)
    with read_session() as session:
        page = audit.list_events(
            session,
            actor=filters["actor"],
            action=filters["action"],
            object_id=filters["object_id"],
            since=parse_day_start(filters["since"]),
            until=until,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        )
        names = {f"user:{user.id}": user.name for user in users.list_users(session)}
        names |= {f"key:{key.id}": _("key %(name)s", name=key.name) for key in keys.list_keys(session)}
        actions = audit.list_actions(session)
    active_filters: dict[str, Any] = {name: value for name, value in filters.items() if value}
    older_url = url_for("audit.listing", **active_filters, before=page.next_before) if page.next_before else None
    return render_template(
        "audit.html",
        events=page.events,
        older_url=older_url,
        filters=filters,
        names=names,
        actions=actions,
        is_first_page=not before,
    )


def parse_day_start(day: str, days_later: int = 0) -> datetime | None:
    """Return the start of a day, or of the day some days later, in the time zone of the organisation; None if the day is
    invalid."""
    try:
        start = datetime.combine(
            date.fromisoformat(day) + timedelta(days=days_later), time(), ZoneInfo(get_caller().time_zone)
        )
        return start.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@organisation_pages.get("", endpoint="show")
def show_organisation() -> Response:
    """Show the organisation, and the form to set how long its data is retained."""
    return _render_organisation()


@organisation_pages.post("", endpoint="change")
def change_organisation() -> AnyResponse:
    """Set for how many months data is retained."""
    text = request.form.get("keep_months", "")
    months = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    try:
        with write_session() as session:
            retention.set_retention(session, get_caller().organisation_id, months, get_caller().actor)
    except DomainError as error:
        return _render_organisation(error)
    return _redirect_with_message("organisation.show", _("Saved. The new period will apply from the next clean-up."))


@organisation_pages.get("/logo", endpoint="logo")
def show_logo() -> Response:
    """Return the logo for the page to show."""
    with read_session() as session:
        logo = logos.load_logo(session, get_blob_store())
    if logo is None:
        raise DomainError("logo.none", 409, "No logo has been uploaded.")
    return Response(logo.png, content_type=logos.MEDIA_TYPE)


@organisation_pages.post("/logo", endpoint="upload_logo")
def upload_logo() -> AnyResponse:
    """Save a picture as the logo of the organisation."""
    sent = request.files.get("file")
    try:
        png, width, height = logos.prepare_logo(sent.read() if sent else b"")
    except DomainError as error:
        return _render_organisation(error)
    digest = get_blob_store().put(png)
    with write_session() as session:
        logos.save_logo(session, digest, width, height, get_caller().actor)
    return _redirect_with_message("organisation.show", _("Logo saved. New reports will show it."))


@organisation_pages.post("/logo/remove", endpoint="remove_logo")
def remove_logo() -> AnyResponse:
    """Remove the logo of the organisation."""
    with write_session() as session:
        logos.remove_logo(session, get_caller().actor)
    return _redirect_with_message("organisation.show", _("Logo removed."))


def _render_organisation(error: DomainError | None = None) -> Response:
    with read_session() as session:
        organisation = session.get_one(Organisation, get_caller().organisation_id)
        logo = logos.get_logo(session)
    page = render_template(
        "organisation.html",
        organisation=organisation,
        logo=logo,
        error=error,
        min_months=retention.MIN_MONTHS,
        max_months=retention.MAX_MONTHS,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)


def _redirect_with_message(endpoint: str, message: str) -> AnyResponse:
    flash(message)
    return redirect(url_for(endpoint), 303)
