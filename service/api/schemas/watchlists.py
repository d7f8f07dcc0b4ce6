"""Watchlists, and the matches of suppliers with their entries."""

from __future__ import annotations

from marshmallow import fields

from risk_models.screening.matching import MATCH_KINDS, ROLES
from service.api.fields import NOT_BLANK, StrictBoolean, StrictChoice, StrictInteger, StrictNumber, StrictString
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.watchlists.matches import DECISIONS, MAX_NOTE, STATES


class WatchlistSchema(ApiSchema):
    """A watchlist that suppliers are screened against."""

    id = fields.String()
    name = fields.String()
    entries = StrictInteger(0)
    rows = StrictInteger(0)
    rejected = StrictInteger(0)
    left_out = fields.Dict()
    imported_at = fields.DateTime(allow_none=True)


WATCHLISTS = page_of(WatchlistSchema, "WatchlistList")


class MatchReasonSchema(ApiSchema):
    """A reason why a supplier may match a watchlist entry."""

    by = StrictChoice(MATCH_KINDS)
    role = StrictChoice(ROLES)
    given = fields.String()
    listed = fields.String()
    score = StrictNumber()
    agreed = fields.List(fields.List(fields.String()))
    countries = StrictChoice(("agree", "differ", "unknown"))


class WatchlistEntrySchema(ApiSchema):
    """An entry in a watchlist."""

    key = fields.String()
    kind = fields.String()
    names = fields.List(fields.String())
    countries = fields.List(fields.String())
    imo = fields.String()
    lei = fields.String()
    licences = fields.List(fields.String())
    list = fields.String()
    listed_on = fields.String()
    reason = fields.String()
    source = fields.String()


class MatchSchema(ApiSchema):
    """A possible match between a supplier and a watchlist entry.

    A match provides context and a next step; it is never a verdict.
    """

    id = fields.String(dump_only=True)
    supplier_id = fields.String(dump_only=True)
    state = StrictChoice(STATES, dump_only=True)
    found = StrictBoolean(dump_only=True)
    fingerprint = StrictString(64)
    note = StrictString(MAX_NOTE, required=True, documented_pattern=NOT_BLANK)
    decided_by = fields.String(dump_only=True, allow_none=True)
    kind = StrictChoice(KINDS, dump_only=True)
    name = fields.String(dump_only=True)
    reference = fields.String(dump_only=True, allow_none=True)
    watchlist = fields.String(dump_only=True)
    why = fields.Nested(MatchReasonSchema, dump_only=True)
    entry = fields.Nested(WatchlistEntrySchema, dump_only=True)
    found_at = fields.DateTime(dump_only=True)
    decided_at = fields.DateTime(dump_only=True, allow_none=True)
    decision = StrictChoice(DECISIONS, required=True, load_only=True)


MATCH_DECISION = MatchSchema(sent_as="MatchDecision")
MATCH_PAGE = page_of(MatchSchema, "MatchPage")


class MatchQuerySchema(PageQuerySchema):
    """The parameters for listing matches."""

    state = StrictChoice(STATES, load_default="open")
    supplier_id = StrictString(36)
