"""The objects that admins manage: users and their filters, API keys, the audit trail and the organisation."""

from __future__ import annotations

from marshmallow import fields

from service import retention
from service.api.fields import (
    NOT_BLANK,
    InstallationLimit,
    ParameterInteger,
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictDict,
    StrictInteger,
    StrictList,
    StrictString,
)
from service.api.schemas.base import ApiSchema, page_of
from service.api.schemas.suppliers import TableFilterSchema
from service.auth import sign_in_rules, users
from service.auth.access import ACCESS

ONCE = {"description": "This secret is included only in this response and cannot be retrieved again."}


class UserSchema(ApiSchema):
    """A user who can sign in."""

    id = fields.String(dump_only=True)
    email = StrictString(254, required=True, documented_pattern=users.EMAIL_OR_BLANKS)
    name = StrictString(required=True, documented_pattern=NOT_BLANK)
    role = StrictChoice(ACCESS.roles, required=True)
    active = StrictBoolean()
    must_change_password = fields.Boolean(dump_only=True)
    password_expires_at = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "When a temporary password expires; null once it has been changed."},
    )
    created_at = fields.DateTime(dump_only=True)


class UserWithPasswordSchema(UserSchema):
    """A user with a temporary password for the first sign-in."""

    password = fields.String(dump_only=True, metadata=ONCE)


NEW_USER = UserSchema(exclude=("active",))
USER_CHANGE = UserSchema(only=("role", "active"), partial=True, sent_as="UserChange")
USERS = page_of(UserSchema, "UserList")


class FilterSchema(TableFilterSchema):
    """A supplier filter saved by a user.

    Requests contain its fields individually; responses return them together in ``wanted``.
    """

    id = fields.String(dump_only=True)
    name = StrictString(100, required=True, documented_pattern=NOT_BLANK)
    wanted = fields.Dict(attribute="query", dump_only=True)

    class Meta(ApiSchema.Meta):
        """The fields that clients send individually and that responses return in ``wanted``."""

        load_only = tuple(TableFilterSchema().fields)


FILTERS = page_of(FilterSchema, "FilterList")


class KeySchema(ApiSchema):
    """Details of an API key, without the key itself."""

    id = fields.String(dump_only=True)
    name = StrictString(required=True, documented_pattern=NOT_BLANK)
    prefix = fields.String(dump_only=True)
    scopes = StrictList(StrictChoice(ACCESS.scopes), 1, 20, required=True)
    days = StrictInteger(1, required=True, load_only=True, metadata={"maximum": InstallationLimit("key_days")})
    owner_id = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "The user who is responsible for the key; null if it was created on the command line."
        },
    )
    created_at = fields.DateTime(dump_only=True)
    expires_at = fields.DateTime(dump_only=True)
    revoked_at = fields.DateTime(dump_only=True, allow_none=True)
    stopped_at = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "When the key's owner lost access. The key works again once it has been handed over to another user."
        },
    )
    used_at = fields.DateTime(dump_only=True, allow_none=True)


class KeyHandoverSchema(ApiSchema):
    """The user who becomes the owner of an API key."""

    owner_id = StrictString(36, required=True)


class KeyWithTextSchema(KeySchema):
    """A new API key, including the key itself."""

    key = fields.String(dump_only=True, metadata=ONCE)


KEYS = page_of(KeySchema, "KeyList")


class AuditEventSchema(ApiSchema):
    """An event in the audit trail: who did what to which object."""

    at = fields.DateTime()
    id = StrictInteger(0)
    actor = fields.String()
    action = fields.String()
    object_type = fields.String()
    object_id = fields.String()
    details = fields.Dict()


AUDIT_PAGE = page_of(AuditEventSchema, "AuditPage")


ACTIVITY_PAGE = page_of(AuditEventSchema, "ActivityPage")


class ActivityQuerySchema(ApiSchema):
    """The parameters for listing the activity on a supplier. ``object_type`` is, for example, `step` or `asking`."""

    actor = StrictString(80)
    object_type = StrictString(40)
    since = StrictDay()
    until = StrictDay()
    cursor = StrictString(18, "^[0-9]+$")
    limit = ParameterInteger(1, 200, load_default=50)


class AuditQuerySchema(ApiSchema):
    """The parameters for listing the audit trail."""

    actor = StrictString(80)
    action = StrictString(80)
    object_id = StrictString(80)
    since = StrictDay()
    until = StrictDay()
    cursor = StrictString(18, "^[0-9]+$")
    limit = ParameterInteger(1, 200, load_default=50)


class OrganisationSchema(ApiSchema):
    """The organisation that the API key belongs to, and its retention period."""

    id = fields.String(dump_only=True)
    name = fields.String(dump_only=True)
    time_zone = fields.String(dump_only=True)
    keep_months = StrictInteger(retention.MIN_MONTHS, retention.MAX_MONTHS, required=True)
    created_at = fields.DateTime(dump_only=True)


class SessionSchema(ApiSchema):
    """A browser in which a user is signed in."""

    id = fields.String()
    browser = fields.String(allow_none=True)
    created_at = fields.DateTime()
    seen_at = fields.DateTime()
    authenticated_at = fields.DateTime(
        allow_none=True, metadata={"description": "When the user last entered a password or another factor."}
    )


SESSIONS = page_of(SessionSchema, "SessionList")


class SignInRulesSchema(ApiSchema):
    """The sign-in rules of the organisation. The installation limits how long sessions may last."""

    idle_minutes = StrictInteger(sign_in_rules.SHORTEST_IDLE, required=True)
    session_hours = StrictInteger(1, required=True)
    second_factor = StrictBoolean(
        required=True, metadata={"description": "Whether admins and case handlers currently need a second factor."}
    )
    second_factor_from = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "The time from which admins and case handlers need a second factor; null if the organisation does "
            "not require one."
        },
    )


SIGN_IN_RULES_CHANGE = SignInRulesSchema(partial=True, sent_as="SignInRulesChange")


class IdentityProviderSchema(ApiSchema):
    """The OpenID Connect provider through which the organisation's users sign in."""

    id = fields.String(dump_only=True)
    name = StrictString(80, required=True, documented_pattern=NOT_BLANK)
    issuer = StrictString(500, required=True)
    client_id = StrictString(200, required=True, documented_pattern=NOT_BLANK)
    client_secret = StrictString(
        500, load_only=True, metadata={"description": "If omitted, the stored secret is kept."}
    )
    group_claim = StrictString(80)
    roles = StrictDict(
        keys=StrictString(200),
        values=StrictChoice(ACCESS.roles),
        required=True,
        metadata={"description": "The role of each group."},
    )
    required = StrictBoolean(metadata={"description": "Whether all users must sign in through this provider."})
    break_glass_id = StrictString(
        36,
        allow_none=True,
        metadata={
            "description": "The admin who can still sign in with a password when all other users must use this provider."
        },
    )
    changed_at = fields.DateTime(dump_only=True)


class LogoSchema(ApiSchema):
    """The organisation's logo, a PNG file with this width and height in pixels."""

    sha256 = fields.String()
    width = StrictInteger(1)
    height = StrictInteger(1)
    uploaded_at = fields.DateTime()


class LogoUploadSchema(ApiSchema):
    """The image file to upload."""

    file = fields.String(required=True, metadata={"format": "binary"})


LOGO_UPLOAD = LogoUploadSchema()
ORGANISATION_CHANGE = OrganisationSchema(sent_as="OrganisationChange")
