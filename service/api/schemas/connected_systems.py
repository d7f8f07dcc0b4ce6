"""Connected systems: the kinds that there are, those of the organisation, what they call suppliers, and pushes to them."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import (
    NOT_BLANK,
    StrictBoolean,
    StrictChoice,
    StrictDict,
    StrictInteger,
    StrictNested,
    StrictString,
)
from service.api.schemas.base import ApiSchema, page_of
from service.connected_systems.hosts import load_hosts, load_values
from service.connected_systems.identifiers import MAX_IDENTIFIER, MOST_ROWS
from service.connected_systems.systems import MAX_SECRET
from service.outbox.addresses import MAX_URL

SIGN_INS = ("oauth2", "basic")
MOST_CHARACTERS = 10_000_000  # of a CSV file


class SystemSourceSchema(ApiSchema):
    """A page of a vendor's public documentation."""

    title = fields.String()
    url = fields.String()


class SystemOptionSchema(ApiSchema):
    """A setting that systems of this kind require."""

    id = fields.String()
    title = fields.String()
    default = fields.String()


class SystemKindSchema(ApiSchema):
    """A kind of system that scores can be written to, with its limits and their sources."""

    id = fields.String()
    title = fields.String()
    identifier = fields.String(metadata={"description": "The identifier that this kind of system uses for suppliers."})
    batch = fields.Integer(metadata={"description": "The maximum number of suppliers in a request."})
    fields_ = fields.Integer(
        attribute="fields", data_key="fields", metadata={"description": "The maximum number of fields for a supplier."}
    )
    kinds = fields.List(fields.String(), metadata={"description": "The kinds of values that its fields accept."})
    sign_in = fields.List(fields.String())
    options = fields.List(fields.Nested(SystemOptionSchema))
    mapping = fields.Dict(metadata={"description": "The default mapping for a new system."})
    sources = fields.List(fields.Nested(SystemSourceSchema))


class SystemCredentialsSchema(ApiSchema):
    """The credentials with which Diligence signs in to a connected system. They are stored encrypted and never returned."""

    sign_in = StrictChoice(SIGN_INS, required=True)
    client_id = StrictString(
        MAX_SECRET, required=True, metadata={"description": "The client ID, or the user name for basic authentication."}
    )
    secret = StrictString(
        MAX_SECRET,
        required=True,
        metadata={"description": "The client secret, or the password for basic authentication."},
    )
    api_key = StrictString(MAX_SECRET, metadata={"description": "The application key, for SAP Ariba."})


class ConnectedSystemSchema(ApiSchema):
    """A system of your organisation to which scores are written, and the state of its pushes."""

    id = fields.String(dump_only=True)
    kind = StrictChoice(load_hosts(), required=True)
    name = StrictString(100, documented_pattern=NOT_BLANK)
    address = StrictString(MAX_URL, required=True, documented_pattern=NOT_BLANK)
    options = StrictDict(keys=StrictString(40), values=StrictString(300))
    mapping = StrictDict(
        keys=StrictString(100),
        values=StrictChoice(load_values()),
        metadata={"description": "The value to be written to each field of the system."},
    )
    credentials = StrictNested(
        SystemCredentialsSchema,
        load_only=True,
        metadata={"description": "If omitted, the stored credentials are kept, unless the address changes."},
    )
    enabled = StrictBoolean(metadata={"description": "Whether scores are pushed to the system."})
    has_credentials = fields.Boolean(dump_only=True)
    code = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "Why the last push failed; null if it did not."}
    )
    failing_since = fields.DateTime(dump_only=True, allow_none=True)
    known = fields.Integer(
        dump_only=True, metadata={"description": "The number of suppliers that have an identifier in the system."}
    )
    waiting = fields.Integer(
        dump_only=True, metadata={"description": "The number of suppliers whose values have yet to be pushed."}
    )
    refused = fields.Integer(
        dump_only=True, metadata={"description": "The number of suppliers that the system rejected in the last push."}
    )
    last_sent_at = fields.DateTime(dump_only=True, allow_none=True)
    created_at = fields.DateTime(dump_only=True)


CONNECTED_SYSTEM_CHANGE = ConnectedSystemSchema(
    only=("name", "address", "options", "mapping", "credentials", "enabled"),
    partial=True,
    sent_as="ConnectedSystemChange",
)
CONNECTED_SYSTEMS = page_of(ConnectedSystemSchema, "ConnectedSystemList")
SYSTEM_KINDS = page_of(SystemKindSchema, "SystemKindList")


class SystemPushRequestSchema(ApiSchema):
    """What to push."""

    everything = StrictBoolean(metadata={"description": "Also push values that the system has already accepted."})


class SystemPushSchema(ApiSchema):
    """A push attempt: its outcome, and the number of suppliers."""

    number = fields.Integer()
    at = fields.DateTime()
    code = fields.String()
    status = fields.Integer(
        allow_none=True, metadata={"description": "The HTTP status; null if there was no response."}
    )
    accepted = fields.Integer()
    refused = fields.Integer()
    milliseconds = fields.Integer()


class SystemRefusalSchema(ApiSchema):
    """A supplier whose values a system rejected, with the system's own error message."""

    supplier_id = fields.String()
    kind = fields.String()
    name = fields.String()
    identifier = fields.String()
    code = fields.String(attribute="refused_code")
    text = fields.String(attribute="refused_text", allow_none=True)
    at = fields.DateTime(attribute="refused_at")


SYSTEM_PUSHES = page_of(SystemPushSchema, "SystemPushList")
SYSTEM_REFUSALS = page_of(SystemRefusalSchema, "SystemRefusalList")


class SystemIdentifierSchema(ApiSchema):
    """A supplier's identifier in a connected system. ``waiting`` means that its values have yet to be pushed."""

    system_id = fields.String(dump_only=True)
    system = fields.String(dump_only=True, metadata={"description": "The name of the system."})
    identifier = StrictString(MAX_IDENTIFIER, required=True, documented_pattern=NOT_BLANK)
    waiting = fields.Boolean(dump_only=True)
    sent_at = fields.DateTime(dump_only=True, allow_none=True)
    refused_code = fields.String(dump_only=True, allow_none=True)
    refused_text = fields.String(dump_only=True, allow_none=True)
    set_at = fields.DateTime(dump_only=True)


SYSTEM_IDENTIFIERS = page_of(SystemIdentifierSchema, "SystemIdentifierList")


class IdentifierFileSchema(ApiSchema):
    """The text of a CSV file with the columns `reference`, `identifier` and, if needed, `kind`."""

    csv = StrictString(MOST_CHARACTERS, required=True)


class IdentifierImportSchema(ApiSchema):
    """What was changed by a file of identifiers."""

    added = StrictInteger(0, MOST_ROWS)
    changed = StrictInteger(0, MOST_ROWS)
    unchanged = StrictInteger(0, MOST_ROWS)
