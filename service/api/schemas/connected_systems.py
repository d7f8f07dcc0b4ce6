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
    """Something that has to be entered about a system of a kind."""

    id = fields.String()
    title = fields.String()
    default = fields.String()


class SystemKindSchema(ApiSchema):
    """A kind of system that scores can be written to, with its limits and where they come from."""

    id = fields.String()
    title = fields.String()
    identifier = fields.String(metadata={"description": "What it names suppliers by."})
    batch = fields.Integer(metadata={"description": "The most suppliers in a request."})
    fields_ = fields.Integer(
        attribute="fields", data_key="fields", metadata={"description": "The most fields of a supplier."}
    )
    kinds = fields.List(fields.String(), metadata={"description": "The kinds of values that its fields take."})
    sign_in = fields.List(fields.String())
    options = fields.List(fields.Nested(SystemOptionSchema))
    mapping = fields.Dict(metadata={"description": "The mapping of a new system."})
    sources = fields.List(fields.Nested(SystemSourceSchema))


class SystemCredentialsSchema(ApiSchema):
    """How Diligence signs in to a connected system. They are stored encrypted and never returned."""

    sign_in = StrictChoice(SIGN_INS, required=True)
    client_id = StrictString(MAX_SECRET, required=True, metadata={"description": "Or the user name."})
    secret = StrictString(MAX_SECRET, required=True, metadata={"description": "The client secret, or the password."})
    api_key = StrictString(MAX_SECRET, metadata={"description": "The application key, for SAP Ariba."})


class ConnectedSystemSchema(ApiSchema):
    """A system of your organisation to which scores are written, and how pushing to it goes."""

    id = fields.String(dump_only=True)
    kind = StrictChoice(load_hosts(), required=True)
    name = StrictString(100, documented_pattern=NOT_BLANK)
    address = StrictString(MAX_URL, required=True, documented_pattern=NOT_BLANK)
    options = StrictDict(keys=StrictString(40), values=StrictString(300))
    mapping = StrictDict(
        keys=StrictString(100),
        values=StrictChoice(load_values()),
        metadata={"description": "Which value goes into each of its fields."},
    )
    credentials = StrictNested(
        SystemCredentialsSchema,
        load_only=True,
        metadata={"description": "Without them, the stored ones stay, unless the address changes."},
    )
    enabled = StrictBoolean(metadata={"description": "Whether scores are pushed to it."})
    has_credentials = fields.Boolean(dump_only=True)
    code = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "How the last push failed, if it did."}
    )
    failing_since = fields.DateTime(dump_only=True, allow_none=True)
    known = fields.Integer(dump_only=True, metadata={"description": "Suppliers with an identifier."})
    waiting = fields.Integer(dump_only=True, metadata={"description": "Suppliers whose values are to be pushed."})
    refused = fields.Integer(dump_only=True, metadata={"description": "Suppliers that it did not take last time."})
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
    """What is pushed now."""

    everything = StrictBoolean(metadata={"description": "Also what the system has accepted already."})


class SystemPushSchema(ApiSchema):
    """An attempt to push: how it ended, and for how many suppliers."""

    number = fields.Integer()
    at = fields.DateTime()
    code = fields.String()
    status = fields.Integer(allow_none=True, metadata={"description": "The HTTP status; null if there was no reply."})
    accepted = fields.Integer()
    refused = fields.Integer()
    milliseconds = fields.Integer()


class SystemRefusalSchema(ApiSchema):
    """A supplier whose values a system did not take, and why, in the system's own words."""

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
    """What a connected system calls a supplier. ``waiting``: its values are to be pushed."""

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
    """A CSV file with the columns reference, identifier and, if needed, kind."""

    csv = StrictString(MOST_CHARACTERS, required=True)


class IdentifierImportSchema(ApiSchema):
    """What a file of identifiers changed."""

    added = StrictInteger(0, MOST_ROWS)
    changed = StrictInteger(0, MOST_ROWS)
    unchanged = StrictInteger(0, MOST_ROWS)
