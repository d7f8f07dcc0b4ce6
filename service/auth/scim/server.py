"""The SCIM protocol: which resources there are, and how requests read and write the users and groups of one organisation.

scim2-server validates requests, applies PATCH and filters and writes the answers; what it needs of us is the storage below.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ConflictException,
    Email,
    ETag,
    Filter,
    GroupMembership,
    InvalidValueException,
    Meta,
    Mutability,
    Name,
    NotFoundException,
    NotImplementedException,
    Patch,
    PreconditionFailedException,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
    UniquenessException,
)
from scim2_models import Group as StandardGroup
from scim2_models import User as StandardUser
from scim2_models.path import CompareOperator, Comparison
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.storage import ScimStorage, SearchPage
from sqlalchemy import ColumnElement, false
from sqlalchemy.orm import Session

from service.auth.scim import provisioning
from service.auth.scim.provisioning import Account, Person
from service.db.scim_tables import ProvisionedGroup, ProvisionedUser
from service.errors import DomainError

MAX_RESULTS = 200
NEVER_STORED = re.compile(r"[\x00\ud800-\udfff]")  # PostgreSQL could not even search for it


class User(Resource[Any]):
    """What we ask for about a user. Whatever else a provider sends is dropped: addresses and telephone numbers are not needed."""

    __schema__ = StandardUser.__schema__
    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None


class Member(ComplexAttribute):
    """A user in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true, Required.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group, whose name or external ID decides the role of its members."""

    __schema__ = StandardGroup.__schema__
    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="API key",
            description="A Diligence API key with the scope scim, sent as a bearer token.",
            primary=True,
        )
    ],
)
# What Microsoft Entra sends beyond the letter of the RFCs is accepted.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
PROVIDER = ScimProvider(models=[User, Group], config=CONFIG, policy=POLICY)
SERVICE = ScimService(PROVIDER)


def handle(session: Session, actor: str, request: ScimRequest) -> ScimResponse:
    """Serve a request on the users and groups of the organisation of a session. Raises SCIMException."""
    with POLICY:
        return ScimHandler(SERVICE, Storage(session, actor)).handle(request)


def build_error(error: SCIMException) -> ScimResponse:
    """Return the answer to a request that was refused (RFC 7644, 3.12)."""
    return SERVICE.error_response(error)


class Storage(ScimStorage):
    """The users and groups of one organisation, in a session that the caller commits."""

    def __init__(self, session: Session, actor: str) -> None:
        self.session, self.actor = session, actor

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Turn the refusals of the use cases into those of SCIM."""
        try:
            yield
        except DomainError as error:
            raise _translate(error) from error

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a user or a group. Raises DomainError ``not_found``."""
        if resource_type.name == "User":
            return _build_user(provisioning.get_account(self.session, resource_id))
        return self._build_groups([provisioning.get_group(self.session, resource_id)])[0]

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Return a page of users or of groups. Raises NotImplementedException for a search for both at once."""
        if len(resource_types) != 1:
            raise NotImplementedException(detail="Only /Users and /Groups can be searched.")
        found: list[Resource[Any]] = (
            [_build_user(each) for each in provisioning.list_accounts(self.session, *_narrow(search_request))]
            if resource_types[0].name == "User"
            else self._build_groups(provisioning.list_groups(self.session))
        )
        if search_request.filter is not None:
            found = [each for each in found if search_request.filter.match(each)]
        start = search_request.start_index_0 or 0
        stop = None if search_request.count is None else start + search_request.count
        return SearchPage(len(found), found[start:stop])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a user or a group and return it. Raises DomainError."""
        if isinstance(resource, User):
            return _build_user(provisioning.create_account(self.session, _read_user(resource), self.actor))
        return self._save_group(resource, None)

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a user or a group and return it. Raises DomainError, PreconditionFailedException."""
        self._check_version(resource_type, str(resource.id), expected_version)
        if isinstance(resource, User):
            person = _read_user(resource)
            return _build_user(provisioning.update_account(self.session, str(resource.id), person, self.actor))
        return self._save_group(resource, str(resource.id))

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """End the access of a user, or remove a group. Raises DomainError, PreconditionFailedException."""
        self._check_version(resource_type, resource_id, expected_version)
        if resource_type.name == "User":
            provisioning.remove_account(self.session, resource_id, self.actor)
        else:
            provisioning.remove_group(self.session, resource_id, self.actor)

    def _check_version(self, resource_type: ResourceType, resource_id: str, expected: str | None) -> None:
        stored = self.get(resource_type, resource_id)
        if expected is not None and (stored.meta is None or stored.meta.version != expected):
            raise PreconditionFailedException

    def _save_group(self, group: Resource[Any], group_id: str | None) -> Resource[Any]:
        assert isinstance(group, Group)
        saved = provisioning.save_group(
            self.session,
            group_id,
            group.display_name or "",
            group.external_id,
            [str(member.value) for member in group.members or ()],
            self.actor,
        )
        return self._build_groups([saved])[0]

    def _build_groups(self, groups: list[ProvisionedGroup]) -> list[Resource[Any]]:
        members = provisioning.list_members(self.session, [group.id for group in groups])
        return [
            _complete(
                Group(
                    id=group.id,
                    display_name=group.display_name,
                    external_id=group.external_id,
                    members=[
                        Member.model_validate({"value": user.id, "$ref": f"Users/{user.id}", "type": "User"})
                        for user in members.get(group.id, ())
                    ]
                    or None,
                ),
                Meta(resource_type="Group", created=group.created_at, last_modified=group.changed_at),
            )
            for group in groups
        ]


def _build_user(account: Account) -> Resource[Any]:
    user, provisioned = account.user, account.provisioned
    attributes = (
        provisioned.attributes
        if provisioned is not None
        else {"userName": user.email, "displayName": user.name, "active": user.active}
    )
    resource = User.model_validate(attributes)
    resource.id = user.id
    resource.groups = [
        GroupMembership.model_validate(
            {"value": group.id, "$ref": f"Groups/{group.id}", "display": group.display_name, "type": "direct"}
        )
        for group in account.groups
    ] or None
    changed_at = provisioned.changed_at if provisioned is not None else user.created_at
    return _complete(resource, Meta(resource_type="User", created=user.created_at, last_modified=changed_at))


def _complete(resource: Resource[Any], meta: Meta) -> Resource[Any]:
    """Add the description of a resource, with a version that changes whenever the resource does."""
    content = f"{meta.last_modified}{resource.model_dump_json()}".encode()
    meta.version = f'W/"{hashlib.sha256(content).hexdigest()[:20]}"'
    resource.meta = meta
    return resource


def _read_user(resource: User) -> Person:
    """Return what a resource says about a person. Its email address is the primary one, the first one, or its userName."""
    user_name = resource.user_name or ""
    emails = sorted((each for each in resource.emails or () if each.value), key=lambda each: not each.primary)
    email = str(emails[0].value) if emails else user_name
    name = resource.name or Name()
    parts = " ".join(part for part in (name.given_name, name.family_name) if part)
    described = resource.model_copy(update={"id": None, "meta": None, "groups": None})
    return Person(
        user_name=user_name,
        email=email,
        name=(resource.display_name or name.formatted or parts or email)[:200],
        external_id=resource.external_id,
        active=resource.active is not False,
        attributes=described.model_dump(),
    )


def _narrow(search_request: SearchRequest[Any]) -> list[ColumnElement[bool]]:
    """Return the condition for users that have the name or the external ID that a filter asks for; none for other filters.

    Providers look up one user after the other in this way, and need not wait until all others have been read.
    """
    node = search_request.filter.ast if search_request.filter is not None else None
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return []
    if NEVER_STORED.search(node.value):
        return [false()]
    conditions: Mapping[str, ColumnElement[bool]] = {
        "username": provisioning.has_user_name(node.value),
        "externalid": ProvisionedUser.external_id == node.value,
    }
    named = str(node.attr_path).lower()
    return [conditions[named]] if named in conditions else []


def _translate(error: DomainError) -> SCIMException:
    """Return the refusal of SCIM for one of a use case."""
    if error.status == 404:
        return NotFoundException(detail="There is no such user or group.")
    if error.code in ("user.email_taken", "scim.user_name", "scim.group_name") and error.status == 409:
        return UniquenessException(detail=error.detail)
    if error.status == 409:
        return ConflictException(detail=error.detail)
    return InvalidValueException(detail=error.detail)
