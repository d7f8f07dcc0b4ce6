"""Exit papers: why and how to end the relationship with a supplier."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import CurrentChoice, StrictChoice, StrictDay, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema, page_of
from service.remediation.exit_papers import MAX_LEVERAGE, MAX_TRIED, list_grounds
from service.remediation.plans import SPOKESPEOPLE
from service.remediation.rules import EXIT_STATES, MAX_REASON


class LeverageEntrySchema(ApiSchema):
    """A measure taken to change the situation, and its date."""

    on = StrictDay(required=True)
    tried = StrictString(MAX_TRIED, required=True)


def _text(description: str) -> StrictString:
    return StrictString(MAX_REASON, shortest=0, allow_none=True, metadata={"description": description})


class ExitPaperSchema(ApiSchema):
    """A proposal to end the relationship with a supplier.

    It can be approved only on its page, by an approver who did not write it.
    """

    id = fields.String(dump_only=True)
    supplier_id = fields.String(dump_only=True)
    state = CurrentChoice(EXIT_STATES, dump_only=True)
    ground = StrictChoice(list_grounds(), allow_none=True)
    leverage = StrictList(StrictNested(LeverageEntrySchema(sent_as="NewLeverageEntry")), 0, MAX_LEVERAGE)
    effect = _text("How ending the relationship would affect the workers.")
    remedy = _text("The remedy for workers, and how it is funded.")
    payment_after = _text("How the remedy will be paid after the exit.")
    spokesperson = StrictChoice(
        SPOKESPEOPLE,
        allow_none=True,
        metadata={"description": "The kind of people consulted on behalf of the workers, never a name."},
    )
    consulted_on = StrictDay(allow_none=True)
    reason = _text("Why the relationship is to end.")
    ends_on = StrictDay(allow_none=True)
    submitted_at = fields.DateTime(dump_only=True, allow_none=True)
    decided_at = fields.DateTime(dump_only=True, allow_none=True)
    response = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "Why the paper was approved, returned or withdrawn."}
    )
    version = fields.Integer(dump_only=True)
    created_at = fields.DateTime(dump_only=True)


EXIT_PAPER = ExitPaperSchema(sent_as="ExitPaperContent")
EXIT_PAPERS = page_of(ExitPaperSchema, "ExitPaperList")
