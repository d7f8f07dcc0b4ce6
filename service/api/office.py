"""What an admin looks after, through the API: users and their filters, keys, the audit trail, how long things are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy.orm import Session

from service import audit, retention
from service.api import shown
from service.api.responses import Reply
from service.auth import keys, users
from service.auth.caller import caller, settings
from service.db.tables import ApiKey, Organisation, SavedFilter, User
from service.refusal import Refused
from service.register import supplier_list
from service.register.supplier_list import wanted_from

Told = Mapping[str, Any]


def _user(user: User) -> dict[str, Any]:
    told = {name: getattr(user, name) for name in ("id", "email", "name", "role", "active", "must_change_password")}
    return {**told, "created_at": shown.moment(user.created_at)}


def list_users(session: Session) -> Reply:
    """Everybody who may sign in."""
    return Reply({"items": [_user(user) for user in users.listing(session)], "next": None})


def create_user(session: Session, body: Told) -> Reply:
    """A new user; ``password`` is for the first sign-in, and told here and never again."""
    user, password = users.create(session, body["email"], body["name"], body["role"], caller().actor)
    return Reply({**_user(user), "password": password}, 201)


def change_user(session: Session, user_id: str, body: Told) -> Reply:
    """Gives a user another role, or ends or renews their access."""
    user, by = users.get(session, user_id), caller().actor
    if "role" in body:
        users.change_role(session, user.id, body["role"], by)
    if "active" in body:
        (users.activate if body["active"] else users.deactivate)(session, user.id, by)
    return Reply(_user(user))


def reset_password(session: Session, user_id: str) -> Reply:
    """A new password for one sign-in, told here and never again."""
    password = users.reset_password(session, user_id, caller().actor)
    return Reply({**_user(users.get(session, user_id)), "password": password})


def _filter(kept: SavedFilter) -> dict[str, Any]:
    return {"id": kept.id, "name": kept.name, "wanted": kept.query}


def list_filters(session: Session, user_id: str) -> Reply:
    """The filters that a user keeps."""
    found = supplier_list.saved(session, users.get(session, user_id).id)
    return Reply({"items": [_filter(kept) for kept in found], "next": None})


def save_filter(session: Session, user_id: str, body: Told) -> Reply:
    """Keeps a filter for a user."""
    told = {name: value for name, value in body.items() if name != "name"}
    wanted = wanted_from(told, own=not caller().sees_worker_derived)
    return Reply(_filter(supplier_list.save(session, users.get(session, user_id).id, body["name"], wanted)), 201)


def forget_filter(session: Session, user_id: str, filter_id: str) -> Reply:
    """Removes a filter of a user."""
    supplier_list.forget(session, user_id, filter_id)
    return Reply(None, 204)


def _key(key: ApiKey) -> dict[str, Any]:
    times = ("created_at", "expires_at", "revoked_at", "used_at")
    told = {"id": key.id, "name": key.name, "prefix": key.prefix, "scopes": key.scopes}
    return {**told, **{name: shown.moment(getattr(key, name)) for name in times}}


def list_keys(session: Session) -> Reply:
    """Every API key, newest first; never its text."""
    return Reply({"items": [_key(key) for key in keys.listing(session)], "next": None})


def create_key(session: Session, body: Told) -> Reply:
    """A new API key; ``key`` is its text, told here and never again."""
    longest = settings().key_days
    key, text = keys.create(session, body["name"], body["scopes"], body["days"], caller().actor, longest)
    return Reply({**_key(key), "key": text}, 201)


def revoke_key(session: Session, key_id: str) -> Reply:
    """Ends a key at once."""
    keys.revoke(session, key_id, caller().actor)
    return Reply(None, 204)


def read_audit(session: Session, query: Told) -> Reply:
    """The audit trail, newest first; ``until`` is included."""
    cursor = query.get("cursor")
    page = audit.listing(
        session,
        **{name: query.get(name) for name in ("actor", "action", "object_id")},
        since=_start_of(query.get("since")),
        until=_start_of(query.get("until"), 1),
        before=None if cursor is None else int(cursor),
        limit=query["limit"],
    )
    following = None
    if page.older is not None:
        following = f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': page.older})}"
    names = ("id", "actor", "action", "object_type", "object_id", "details")
    items = [{"at": shown.moment(e.at), **{name: getattr(e, name) for name in names}} for e in page.events]
    return Reply({"items": items, "next": following})


def _start_of(day: str | None, later: int = 0) -> datetime | None:
    """When a day begins for the organisation, or so many days later; None, no bound, for a moment beyond all that calendars
    have. Raises Refused, 422, for what is no day.
    """
    if day is None:
        return None
    try:
        start = date.fromisoformat(day) + timedelta(days=later)
        return datetime.combine(start, time(), ZoneInfo(caller().time_zone)).astimezone(UTC)
    except OverflowError:
        return None
    except ValueError as fault:
        raise Refused("parameter.value", 422, "since and until: say a day as 2026-03-01.") from fault


def _organisation(of: Organisation) -> dict[str, Any]:
    told = {name: getattr(of, name) for name in ("id", "name", "time_zone", "keep_months")}
    return {**told, "created_at": shown.moment(of.created_at)}


def organisation(session: Session) -> Reply:
    """The organisation of the key, and how long it keeps things."""
    return Reply(_organisation(session.get_one(Organisation, caller().organisation_id)))


def change_organisation(session: Session, body: Told) -> Reply:
    """Sets how many months things are kept."""
    who = caller()
    return Reply(_organisation(retention.keep_for(session, who.organisation_id, body["keep_months"], who.actor)))
