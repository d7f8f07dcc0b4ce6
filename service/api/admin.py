"""API views for admins: users and their filters, API keys, the audit trail and the retention period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service import audit, retention
from service.api.responses import Reply, next_page, whole_list
from service.api.schemas.base import Resource
from service.api.suppliers import filter_from
from service.auth import keys, providers, second_factors, sessions, sign_in_rules, users
from service.auth.caller import get_caller, get_settings
from service.clock import now, today
from service.db.tables import Organisation
from service.errors import DomainError, not_found
from service.queries import supplier_list
from service.queries.supplier_activity import list_activity as list_supplier_activity
from service.queries.supplier_activity import list_visible_objects
from service.referrals.readiness import load_gate
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]


def list_users(session: Session) -> Reply:
    """Return all users who may sign in."""
    return whole_list(list(users.list_users(session)))


def create_user(session: Session, body: Values) -> Reply:
    """Create a user. ``password`` is for the first sign-in and appears only in this response."""
    hours = get_settings().one_time_password_hours
    user, password = users.create_user(session, body["email"], body["name"], body["role"], get_caller().actor, hours)
    return Reply(Resource(user, password=password), 201)


def change_user(session: Session, user_id: str, body: Values) -> Reply:
    """Change a user's role, or deactivate or reactivate the user."""
    user, by = users.get_user(session, user_id), get_caller().actor
    if "role" in body:
        users.change_role(session, user.id, body["role"], by)
    if "active" in body:
        (users.activate if body["active"] else users.deactivate)(session, user.id, by)
    return Reply(user)


def reset_password(session: Session, user_id: str) -> Reply:
    """Set a one-time password for a user; it appears only in this response."""
    hours = get_settings().one_time_password_hours
    password = users.reset_password(session, user_id, get_caller().actor, hours)
    return Reply(Resource(users.get_user(session, user_id), password=password))


def list_sessions(session: Session, user_id: str) -> Reply:
    """Return where a user is signed in, the session last used first."""
    return whole_list(list(sessions.list_sessions(session, user_id, get_settings())))


def end_session(session: Session, user_id: str, session_id: str) -> Reply:
    """End one session of a user."""
    sessions.end_one_session(session, user_id, session_id)
    audit.record_event(session, get_caller().actor, "session.ended", "user", user_id, {"session": session_id})
    return Reply(None, 204)


def reset_second_factor(session: Session, user_id: str) -> Reply:
    """Remove the second factors of a user and end their sessions."""
    second_factors.reset_factors(session, user_id, get_caller().actor)
    return Reply(users.get_user(session, user_id))


def list_filters(session: Session, user_id: str) -> Reply:
    """Return a user's saved filters."""
    return whole_list(list(supplier_list.list_saved_filters(session, users.get_user(session, user_id).id)))


def save_filter(session: Session, user_id: str, body: Values) -> Reply:
    """Save a filter for a user."""
    conditions = filter_from({name: value for name, value in body.items() if name != "name"})
    return Reply(supplier_list.save_filter(session, users.get_user(session, user_id).id, body["name"], conditions), 201)


def delete_filter(session: Session, user_id: str, filter_id: str) -> Reply:
    """Delete a user's saved filter."""
    supplier_list.delete_filter(session, user_id, filter_id)
    return Reply(None, 204)


def list_keys(session: Session) -> Reply:
    """Return the details of every API key, newest first, without the keys themselves."""
    return whole_list(list(keys.list_keys(session)))


def create_key(session: Session, body: Values) -> Reply:
    """Create an API key. The key itself, ``key``, appears only in this response.

    It has the same owner as the key of this request, and no scope that this key does not have.
    """
    caller = get_caller()
    key, text = keys.create_key(
        session,
        body["name"],
        body["scopes"],
        body["days"],
        caller.actor,
        get_settings().key_days,
        grantable=caller.grantable_scopes,
        owner_id=caller.owner_id,
    )
    return Reply(Resource(key, key=text), 201)


def hand_over_key(session: Session, key_id: str, body: Values) -> Reply:
    """Make another user the owner of an API key; a key that had stopped works again."""
    return Reply(keys.hand_over_key(session, key_id, body["owner_id"], get_caller().actor))


def revoke_key(session: Session, key_id: str) -> Reply:
    """Revoke an API key immediately."""
    keys.revoke_key(session, key_id, get_caller().actor)
    return Reply(None, 204)


def list_audit_events(session: Session, query: Values) -> Reply:
    """Return the audit trail, newest first, up to and including the date ``until``."""
    cursor = query.get("cursor")
    page = audit.list_events(
        session,
        actor=query.get("actor"),
        action=query.get("action"),
        object_id=query.get("object_id"),
        since=_start_of_day(query.get("since")),
        until=_start_of_day(query.get("until"), 1),
        before=None if cursor is None else int(cursor),
        limit=query["limit"],
    )
    return Reply({"items": page.events, "next": next_page(page.next_before)})


def list_activity(session: Session, kind: str, supplier_id: str, query: Values) -> Reply:
    """Return who did what about a supplier, newest first, as far as the caller may see it, up to and including ``until``.

    Without access to what workers reported, the details are only values before and after a change.
    """
    caller, cursor = get_caller(), query.get("cursor")
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    sees = caller.sees_worker_derived
    gate = load_gate(session, today(caller.time_zone))
    objects = list_visible_objects(session, supplier, gate, sees_worker_derived=sees, reads_cases=caller.reads_cases)
    page = list_supplier_activity(
        session,
        objects,
        sees_worker_derived=sees,
        actor=query.get("actor"),
        object_type=query.get("object_type"),
        since=_start_of_day(query.get("since")),
        until=_start_of_day(query.get("until"), 1),
        before=None if cursor is None else int(cursor),
        limit=query["limit"],
    )
    items = [event if sees else Resource(event, details=_list_values(event.details)) for event in page.events]
    return Reply({"items": items, "next": next_page(page.next_before)})


def _list_values(details: Values) -> dict[str, Any]:
    return {name: details[name] for name in ("from", "to") if name in details}


def _start_of_day(day: str | None, later: int = 0) -> datetime | None:
    """Return the moment at which a date, plus ``later`` days, begins in the organisation's time zone; None (no bound) if that
    is beyond the last possible date. Raises DomainError, 422, for an invalid date.
    """
    if day is None:
        return None
    try:
        start = date.fromisoformat(day) + timedelta(days=later)
        return datetime.combine(start, time(), ZoneInfo(get_caller().time_zone)).astimezone(UTC)
    except OverflowError:
        return None
    except ValueError as error:
        raise DomainError("parameter.value", 422, "since and until: Enter each date as YYYY-MM-DD.") from error


def get_organisation(session: Session) -> Reply:
    """Return the organisation that the key belongs to, with its retention period."""
    return Reply(session.get_one(Organisation, get_caller().organisation_id))


def change_organisation(session: Session, body: Values) -> Reply:
    """Set for how many months data is retained."""
    who = get_caller()
    return Reply(retention.set_retention(session, who.organisation_id, body["keep_months"], who.actor))


def get_sign_in_rules(session: Session) -> Reply:
    """Return how the users of the organisation sign in."""
    organisation = session.get_one(Organisation, get_caller().organisation_id)
    limits = sign_in_rules.get_session_limits(organisation, get_settings())
    return Reply(
        {
            "idle_minutes": int(limits.idle.total_seconds() // 60),
            "session_hours": int(limits.total.total_seconds() // 3600),
            "second_factor": sign_in_rules.requires_second_factor(organisation, now()),
            "second_factor_from": organisation.second_factor_from,
        }
    )


def change_sign_in_rules(session: Session, body: Values) -> Reply:
    """Change the given rules on how the users of the organisation sign in."""
    caller = get_caller()
    rules = {**get_sign_in_rules(session).body, **body}
    if {"idle_minutes", "session_hours"} & body.keys():
        sign_in_rules.set_session_limits(
            session, caller.organisation_id, rules["idle_minutes"], rules["session_hours"], get_settings(), caller.actor
        )
    if "second_factor" in body:
        sign_in_rules.set_second_factor(session, caller.organisation_id, body["second_factor"], caller.actor)
    return get_sign_in_rules(session)


def get_identity_provider(session: Session) -> Reply:
    """Return the organisation's identity provider, without its client secret."""
    provider = providers.find_provider(session)
    if provider is None:
        raise not_found()
    return Reply(provider)


def put_identity_provider(session: Session, body: Values) -> Reply:
    """Save the organisation's identity provider. Without ``client_secret``, the stored one stays."""
    form = providers.ProviderForm(**{"client_secret": None, "group_claim": "groups", **body})
    return Reply(providers.save_provider(session, form, get_settings(), get_caller().actor))


def delete_identity_provider(session: Session) -> Reply:
    """Remove the organisation's identity provider."""
    providers.remove_provider(session, get_caller().actor)
    return Reply(None, 204)
