"""Pairs of suppliers that may be the same, merges, and suppliers under weak keys."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictBoolean, StrictChoice, StrictList, StrictNested, StrictString
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.identity.decisions import DECISIONS, KEEP, MOST_TOGETHER, STATES

REASONS = ("same_name", "near_name", "same_address", "near_address", "same_city", "same_number")


class ComparedSupplierSchema(ApiSchema):
    """The details that identify a supplier in a pair."""

    id = fields.String()
    reference = fields.String(allow_none=True)
    name = fields.String()
    country = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    city = fields.String(allow_none=True)


class ProposalSchema(ApiSchema):
    """Two suppliers that may be the same, and the reasons. `first` is the one that was stored earlier."""

    id = fields.String(dump_only=True)
    kind = StrictChoice(KINDS, dump_only=True)
    state = StrictChoice(STATES, dump_only=True)
    reasons = fields.List(StrictChoice(REASONS), dump_only=True)
    first = fields.Nested(ComparedSupplierSchema, dump_only=True)
    second = fields.Nested(ComparedSupplierSchema, dump_only=True)
    found_at = fields.DateTime(dump_only=True)
    decided_by = fields.String(dump_only=True, allow_none=True)
    decided_at = fields.DateTime(dump_only=True, allow_none=True)
    fingerprint = StrictString(64)
    decision = StrictChoice(DECISIONS, required=True, load_only=True)
    keep = StrictChoice(KEEP, load_default="first", load_only=True)


PROPOSAL_DECISION = ProposalSchema(sent_as="ProposalDecision")
PROPOSAL_PAGE = page_of(ProposalSchema, "ProposalPage")


class ProposalQuerySchema(PageQuerySchema):
    """The parameters for listing pairs."""

    state = StrictChoice(STATES, load_default="open")


class PairDecisionSchema(ApiSchema):
    """The outcome of a decision: the remaining supplier if the two were merged, null if they remain separate."""

    decision = StrictChoice(DECISIONS)
    merged_into = fields.String(allow_none=True)


class ChosenPairSchema(ApiSchema):
    """A pair in a decision on several pairs, and its fingerprint at the time it was read."""

    id = StrictString(36, required=True)
    fingerprint = StrictString(64)


class PairDecisionsSchema(ApiSchema):
    """One decision on several pairs, and the number of pairs decided. With `same`, each pair is merged into its `first`."""

    pairs = StrictList(StrictNested(ChosenPairSchema), 1, MOST_TOGETHER, required=True, load_only=True)
    decision = StrictChoice(DECISIONS, required=True)
    decided = fields.Integer(dump_only=True)


PAIR_DECISIONS = PairDecisionsSchema(sent_as="PairDecisionsRequest")


class SupplierMergeSchema(ApiSchema):
    """A merge: the remaining supplier, and the ID and name of the supplier that was merged into it."""

    id = fields.String()
    supplier_id = fields.String()
    source_id = fields.String()
    source_name = fields.String()
    merged_at = fields.DateTime()
    undone_at = fields.DateTime(allow_none=True)


MERGE_PAGE = page_of(SupplierMergeSchema, "MergePage")


class WeaklyKeyedSchema(ApiSchema):
    """A supplier that was stored under a reference or number that does not identify any supplier.

    `mixed` is true if it has had clearly different names.
    """

    supplier_id = fields.String()
    kind = StrictChoice(KINDS)
    name = fields.String()
    question = fields.String()
    entry = fields.String()
    why = fields.String()
    names = fields.List(fields.String())
    mixed = StrictBoolean()


WEAKLY_KEYED_LIST = page_of(WeaklyKeyedSchema, "WeaklyKeyedList")
