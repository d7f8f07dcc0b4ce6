"""What an admin looks after: users, API keys, the audit trail, and how long things are kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service import audit, retention
from service.auth import keys, users
from service.auth.access import ACCESS
from service.auth.caller import get_caller, get_settings, read_session, write_session
from service.clock import now
from service.db.tables import Organisation
from service.errors import DomainError

user_pages = Blueprint("users", __name__, url_prefix="/users")
key_pages = Blueprint("keys", __name__, url_prefix="/keys")
audit_pages = Blueprint("audit", __name__, url_prefix="/audit")
organisation_pages = Blueprint("organisation", __name__, url_prefix="/organisation")
KEY_DAYS = (30, 90, 180, 365)


def register(app: Flask) -> None:
    """Puts these pages on the application."""
    for blueprint in (user_pages, key_pages, audit_pages, organisation_pages):
        app.register_blueprint(blueprint)


@user_pages.get("")
def listing() -> Response:
    """Everybody who may sign in, and the form for one more."""
    return _users()


@user_pages.post("")
def create() -> Response:
    """A new user; the password for their first sign-in is shown on this answer and never again."""
    given = request.form
    try:
        with write_session() as session:
            user, password = users.create_user(
                session, given.get("email", ""), given.get("name", ""), given.get("role", ""), get_caller().actor
            )
    except DomainError as refused:
        return _users(refused)
    return _users(told=(user.name, user.email, password))


@user_pages.post("/<user_id>/role")
def change_role(user_id: str) -> AnyResponse:
    """Another role for a user."""
    with write_session() as session:
        users.change_role(session, user_id, request.form.get("role", ""), get_caller().actor)
    return _back("users.listing", _("The role is changed."))


@user_pages.post("/<user_id>/deactivate")
def deactivate(user_id: str) -> AnyResponse:
    """Ends a user's access."""
    with write_session() as session:
        users.deactivate(session, user_id, get_caller().actor)
    return _back("users.listing", _("The user can no longer sign in."))


@user_pages.post("/<user_id>/activate")
def activate(user_id: str) -> AnyResponse:
    """Gives a user access again."""
    with write_session() as session:
        users.activate(session, user_id, get_caller().actor)
    return _back("users.listing", _("The user can sign in again."))


@user_pages.post("/<user_id>/password")
def reset_password(user_id: str) -> Response:
    """A new password for one sign-in, shown on this answer and never again."""
    with write_session() as session:
        password = users.reset_password(session, user_id, get_caller().actor)
        user = users.get_user(session, user_id)
    return _users(told=(user.name, user.email, password))


def _users(refused: DomainError | None = None, told: tuple[str, str, str] | None = None) -> Response:
    with read_session() as session:
        everybody = users.list_users(session)
    page = render_template(
        "users.html", users=everybody, roles=ACCESS.roles, refused=refused, told=told, given=request.form
    )
    return make_response(page, refused.status if refused else 200)


@key_pages.get("", endpoint="listing")
def key_listing() -> Response:
    """Every API key, and the form for one more."""
    return _keys()


@key_pages.post("", endpoint="create")
def create_key() -> Response:
    """A new API key; its text is shown on this answer and never again."""
    given = request.form
    days = given.get("days", "")
    try:
        with write_session() as session:
            key, text = keys.create_key(
                session,
                given.get("name", ""),
                given.getlist("scopes"),
                int(days) if days.isascii() and days.isdigit() else 0,
                get_caller().actor,
                get_settings().key_days,
            )
    except DomainError as refused:
        return _keys(refused)
    return _keys(told=(key.name, text))


@key_pages.post("/<key_id>/revoke", endpoint="revoke")
def revoke_key(key_id: str) -> AnyResponse:
    """Ends a key at once."""
    with write_session() as session:
        keys.revoke_key(session, key_id, get_caller().actor)
    return _back("keys.listing", _("The key is revoked."))


def _keys(refused: DomainError | None = None, told: tuple[str, str] | None = None) -> Response:
    with read_session() as session:
        every = keys.list_keys(session)
    page = render_template(
        "keys.html",
        keys=every,
        scopes=ACCESS.scopes,
        days=[days for days in KEY_DAYS if days <= get_settings().key_days],
        at=now(),
        refused=refused,
        told=told,
        given=request.form,
    )
    return make_response(page, refused.status if refused else 200)


@audit_pages.get("", endpoint="listing")
def audit_listing() -> str:
    """The audit trail, newest first, by pages and narrowed by what the address asks for."""
    asked = {name: request.args.get(name, "").strip() for name in ("actor", "action", "object_id", "since", "until")}
    before = request.args.get("before", "")
    until = _start_of(asked["until"], 1)
    with read_session() as session:
        page = audit.list_events(
            session,
            actor=asked["actor"],
            action=asked["action"],
            object_id=asked["object_id"],
            since=_start_of(asked["since"]),
            until=until,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        )
        names = {f"user:{user.id}": user.name for user in users.list_users(session)}
        names |= {f"key:{key.id}": _("key %(name)s", name=key.name) for key in keys.list_keys(session)}
        actions = audit.list_actions(session)
    narrowed: dict[str, Any] = {name: value for name, value in asked.items() if value}
    older = url_for("audit.listing", **narrowed, before=page.next_before) if page.next_before else None
    return render_template(
        "audit.html", events=page.events, older=older, asked=asked, names=names, actions=actions, first=not before
    )


def _start_of(day: str, later: int = 0) -> datetime | None:
    """When a day begins for the organisation, or so many days later; None for what is no day."""
    try:
        start = datetime.combine(
            date.fromisoformat(day) + timedelta(days=later), time(), ZoneInfo(get_caller().time_zone)
        )
        return start.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@organisation_pages.get("", endpoint="show")
def show_organisation() -> Response:
    """The organisation, and the form for how long it keeps things."""
    return _organisation()


@organisation_pages.post("", endpoint="change")
def change_organisation() -> AnyResponse:
    """Sets how many months things are kept."""
    told = request.form.get("keep_months", "")
    months = int(told) if told.isascii() and told.isdigit() and len(told) < 5 else 0
    try:
        with write_session() as session:
            retention.set_retention(session, get_caller().organisation_id, months, get_caller().actor)
    except DomainError as refused:
        return _organisation(refused)
    return _back("organisation.show", _("Kept. It holds from the next round on."))


def _organisation(refused: DomainError | None = None) -> Response:
    with read_session() as session:
        organisation = session.get_one(Organisation, get_caller().organisation_id)
    told = {"shortest": retention.MIN_MONTHS, "longest": retention.MAX_MONTHS, "given": request.form}
    page = render_template("organisation.html", organisation=organisation, refused=refused, **told)
    return make_response(page, refused.status if refused else 200)


def _back(endpoint: str, said: str) -> AnyResponse:
    flash(said)
    return redirect(url_for(endpoint), 303)
