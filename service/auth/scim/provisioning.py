"""What the provider's users and groups mean here: who is a user, with which role, and who has left.

A user has access as long as the provider calls them active and one of their groups gives a role (``IdentityProvider.roles``). A
user who was here before keeps their role until a group gives them one. Whom an admin has deactivated stays out, whatever the
provider says; the last admin and the admin for emergencies (break glass) stay in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.auth import providers, users
from service.clock import now
from service.db.account_tables import User
from service.db.scim_tables import ProvisionedGroup, ProvisionedMember, ProvisionedUser
from service.db.tables import new_id
from service.errors import DomainError, not_found

PROTECTED = ("user.last_admin", "user.break_glass")
MAX_EXTERNAL_ID, MAX_ATTRIBUTES = 255, 20_000  # characters; of JSON
LOWEST_ROLE = "viewer"  # of a user who waits for a group; as long as they wait, they have no access


@dataclass(frozen=True)
class Person:
    """What the provider says about a user. ``attributes``: all of it, as it is returned to the provider."""

    user_name: str
    email: str
    name: str
    external_id: str | None
    active: bool
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """A user, what the provider has said about them, and the groups they are in."""

    user: User
    provisioned: ProvisionedUser | None
    groups: Sequence[ProvisionedGroup]


def list_accounts(session: Session, *conditions: ColumnElement[bool]) -> list[Account]:
    """Return the users whom the provider can see: those it has provisioned, and active ones. Oldest first."""
    visible = or_(ProvisionedUser.id.is_not(None), User.active)
    query = select(User, ProvisionedUser).outerjoin(ProvisionedUser, ProvisionedUser.user_id == User.id)
    rows = session.execute(query.where(visible, *conditions).order_by(User.created_at, User.id)).all()
    memberships = select(ProvisionedMember.user_id, ProvisionedGroup).join(
        ProvisionedGroup, ProvisionedGroup.id == ProvisionedMember.group_id
    )
    if len(rows) == 1:
        memberships = memberships.where(ProvisionedMember.user_id == rows[0][0].id)
    groups: dict[str, list[ProvisionedGroup]] = {}
    for user_id, group in session.execute(memberships.order_by(ProvisionedGroup.display_name)):
        groups.setdefault(user_id, []).append(group)
    return [Account(user, provisioned, groups.get(user.id, ())) for user, provisioned in rows]


def has_user_name(user_name: str) -> ColumnElement[bool]:
    """Return the condition for users with a name at the provider, which is their email address if it has not sent one yet."""
    return func.coalesce(ProvisionedUser.user_name, User.email) == user_name.lower()


def get_account(session: Session, user_id: str) -> Account:
    """Return a user whom the provider can see. Raises DomainError ``not_found``."""
    if not (found := list_accounts(session, User.id == user_id)):
        raise not_found()
    return found[0]


def create_account(session: Session, person: Person, by: str) -> Account:
    """Create a user, who has no access until a group gives them a role.

    Raises DomainError: ``user.email``, ``user.email_taken``, ``user.name``, ``scim.user_name``, ``scim.external_id``,
    ``scim.too_long``.
    """
    _check_person(session, person, None)
    user, _password = users.create_user(session, person.email, person.name, LOWEST_ROLE, by)
    user.must_change_password, user.password_expires_at, user.active = False, None, False
    provisioned = ProvisionedUser(user_id=user.id, access="waiting" if person.active else "ended")
    session.add(provisioned)
    _describe(provisioned, person)
    session.flush()
    record_event(session, by, "user.provisioned", "user", user.id, {"access": provisioned.access})
    return get_account(session, user.id)


def update_account(session: Session, user_id: str, person: Person, by: str) -> Account:
    """Change what is known of a user, and whether they have access.

    Raises DomainError: as :func:`create_account`; ``not_found``; ``user.last_admin``, ``user.break_glass``, 409.
    """
    account = get_account(session, user_id)
    _check_person(session, person, user_id)
    users.rename_user(session, user_id, person.email, person.name, by)
    provisioned = account.provisioned or _adopt(session, account.user)
    _describe(provisioned, person)
    session.flush()
    _settle(session, account.user, provisioned, _choose_roles(session, [user_id]).get(user_id), by)
    return get_account(session, user_id)


def remove_account(session: Session, user_id: str, by: str) -> None:
    """End the access of a user, whom the provider no longer sees.

    Raises DomainError: ``not_found``; ``user.last_admin``, ``user.break_glass``, 409.
    """
    account = get_account(session, user_id)
    users.deactivate(session, user_id, by)
    session.execute(delete(ProvisionedMember).where(ProvisionedMember.user_id == user_id))
    if account.provisioned is not None:
        session.delete(account.provisioned)
    record_event(session, by, "user.unprovisioned", "user", user_id)


def list_groups(session: Session) -> list[ProvisionedGroup]:
    """Return the groups of the provider, oldest first."""
    return list(session.scalars(select(ProvisionedGroup).order_by(ProvisionedGroup.created_at, ProvisionedGroup.id)))


def get_group(session: Session, group_id: str) -> ProvisionedGroup:
    """Return a group. Raises DomainError ``not_found``."""
    group = session.get(ProvisionedGroup, group_id)
    if group is None:
        raise not_found()
    return group


def list_members(session: Session, group_ids: Collection[str]) -> dict[str, list[User]]:
    """Return the members of groups by the ID of the group, by name."""
    query = select(ProvisionedMember.group_id, User).join(User, User.id == ProvisionedMember.user_id)
    members: dict[str, list[User]] = {}
    for group_id, user in session.execute(
        query.where(ProvisionedMember.group_id.in_(group_ids)).order_by(User.name, User.id)
    ):
        members.setdefault(group_id, []).append(user)
    return members


def save_group(
    session: Session, group_id: str | None, name: str, external_id: str | None, members: Collection[str], by: str
) -> ProvisionedGroup:
    """Create (without an ID) or change a group, and give its members the role that follows.

    Raises DomainError: ``not_found``; ``scim.group_name``, 422 or 409; ``scim.external_id``, 422; ``scim.member``, 422, for one
    who is not a user.
    """
    if not 1 <= len(name) <= 255:
        raise DomainError("scim.group_name", 422, "A group needs a name of up to 255 characters.")
    _check_external_id(external_id)
    same = select(ProvisionedGroup.id).where(ProvisionedGroup.display_name == name)
    if session.scalar(same.where(ProvisionedGroup.id != (group_id or ""))) is not None:
        raise DomainError("scim.group_name", 409, "There is already a group with this name.")
    group = get_group(session, group_id) if group_id else ProvisionedGroup(id=new_id(), created_at=now())
    before, after = _list_member_ids(session, group.id), set(members)
    _check_members(session, after - before)
    roles = _choose_roles(session, before | after)
    group.display_name, group.external_id, group.changed_at = name, external_id, now()
    session.add(group)
    session.flush()
    of_group = delete(ProvisionedMember).where(ProvisionedMember.group_id == group.id)
    session.execute(of_group.where(ProvisionedMember.user_id.in_(before - after)))
    session.add_all(ProvisionedMember(group_id=group.id, user_id=user_id) for user_id in sorted(after - before))
    session.flush()
    details = {"added": len(after - before), "removed": len(before - after)}
    record_event(session, by, "group.saved", "provisioned_group", group.id, details)
    _settle_changed(session, before | after, roles, by)
    return group


def remove_group(session: Session, group_id: str, by: str) -> None:
    """Remove a group; its members lose the role that it gave. Raises DomainError ``not_found``."""
    group = get_group(session, group_id)
    members = _list_member_ids(session, group_id)
    roles = _choose_roles(session, members)
    session.delete(group)
    session.flush()
    record_event(session, by, "group.removed", "provisioned_group", group_id, {"removed": len(members)})
    _settle_changed(session, members, roles, by)


def _list_member_ids(session: Session, group_id: str) -> set[str]:
    return set(session.scalars(select(ProvisionedMember.user_id).where(ProvisionedMember.group_id == group_id)))


def _check_person(session: Session, person: Person, user_id: str | None) -> None:
    _check_external_id(person.external_id)
    if len(orjson.dumps(person.attributes)) > MAX_ATTRIBUTES:
        raise DomainError("scim.too_long", 422, f"A user can have up to {MAX_ATTRIBUTES:,} bytes of attributes.")
    if not 1 <= len(person.user_name) <= 255:
        raise DomainError("scim.user_name", 422, "A user needs a userName of up to 255 characters.")
    taken = select(ProvisionedUser.user_id).where(ProvisionedUser.user_name == person.user_name.lower())
    if session.scalar(taken.where(ProvisionedUser.user_id != (user_id or ""))) is not None:
        raise DomainError("scim.user_name", 409, "There is already a user with this userName.")


def _check_external_id(external_id: str | None) -> None:
    if external_id is not None and len(external_id) > MAX_EXTERNAL_ID:
        raise DomainError("scim.external_id", 422, f"An externalId can have up to {MAX_EXTERNAL_ID} characters.")


def _check_members(session: Session, added: set[str]) -> None:
    known = {account.user.id for account in list_accounts(session, User.id.in_(added))} if added else set()
    if added - known:
        raise DomainError("scim.member", 422, "A member of the group is not a user of this organisation.")


def _describe(provisioned: ProvisionedUser, person: Person) -> None:
    provisioned.user_name, provisioned.external_id = person.user_name.lower(), person.external_id
    provisioned.attributes, provisioned.changed_at = dict(person.attributes), now()


def _adopt(session: Session, user: User) -> ProvisionedUser:
    """Return the row of a user who was here before the provider wrote to them; they keep the access that they have."""
    attributes = {"userName": user.email, "active": user.active}
    provisioned = ProvisionedUser(
        user_id=user.id, user_name=user.email, attributes=attributes, access="given", changed_at=now()
    )
    session.add(provisioned)
    return provisioned


def _settle_changed(session: Session, user_ids: Collection[str], roles: Mapping[str, str], by: str) -> None:
    """Give users whose groups give another role than before the access that follows. Who is protected keeps theirs."""
    new_roles = _choose_roles(session, user_ids)
    changed = [user_id for user_id in sorted(user_ids) if new_roles.get(user_id) != roles.get(user_id)]
    for account in list_accounts(session, User.id.in_(changed)) if changed else ():
        provisioned, role = account.provisioned or _adopt(session, account.user), new_roles.get(account.user.id)
        try:
            _settle(session, account.user, provisioned, role, by, lost_role=role is None)
        except DomainError as error:
            if error.code not in PROTECTED:
                raise


def _settle(
    session: Session, user: User, provisioned: ProvisionedUser, role: str | None, by: str, *, lost_role: bool = False
) -> None:
    """Give a user the access that follows from what the provider says about them and from the role that their groups give.

    Raises DomainError: ``user.last_admin``, ``user.break_glass``.
    """
    if provisioned.access == "given" and not user.active:
        return  # an admin has deactivated them
    if provisioned.attributes.get("active") is False:
        access, role = "ended", None
    elif role is not None:
        access = "given"
    else:
        access = "waiting" if lost_role or provisioned.access == "ended" else provisioned.access
    if role is not None:
        try:
            users.change_role(session, user.id, role, by)
        except DomainError as error:
            if error.code not in PROTECTED:
                raise
    if access == provisioned.access:
        return
    if access == "given":
        users.activate(session, user.id, by)
    else:
        users.deactivate(session, user.id, by)
    provisioned.access = access
    record_event(session, by, "user.provisioned", "user", user.id, {"access": access})


def _choose_roles(session: Session, user_ids: Collection[str]) -> dict[str, str]:
    """Return the role that their groups give users, by user; those whose groups give none are left out."""
    provider = providers.find_provider(session)
    if provider is None or not user_ids:
        return {}
    query = select(ProvisionedMember.user_id, ProvisionedGroup.display_name, ProvisionedGroup.external_id).join(
        ProvisionedGroup, ProvisionedGroup.id == ProvisionedMember.group_id
    )
    names: dict[str, list[str | None]] = {}
    for user_id, *of_group in session.execute(query.where(ProvisionedMember.user_id.in_(user_ids))):
        names.setdefault(user_id, []).extend(of_group)
    roles = {user_id: providers.choose_role(of_user, provider.roles) for user_id, of_user in names.items()}
    return {user_id: role for user_id, role in roles.items() if role is not None}
