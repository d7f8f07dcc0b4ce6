"""Evidence about a supplier, claimed or confirmed, and the requests that confirm it."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.parse.evidence import MAX_SOURCE_LENGTH
from risk_models.evidence import GRADE_TITLES
from service.api.fields import (
    ParameterInteger,
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictString,
)
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, page_of
from service.api.schemas.suppliers import SupplierFilterSchema
from service.assessment.evidence_entries import SELF_DECLARED
from service.suppliers.evidence import MAX_PIECES

STATES = ("claimed", "confirmed")
GRADES = tuple(grade for grade in GRADE_TITLES if grade != SELF_DECLARED)
MAX_QUESTIONS = 300
PIECE_ID = "^[0-9a-f]{12}(-[0-9]{1,3})?$"
COVERS = {"description": "The IDs of the questions. They may be omitted only for an audit or a certificate."}


def _covers() -> StrictList:
    return StrictList(StrictString(60, "^[a-z0-9_]+$"), 1, MAX_QUESTIONS, metadata=COVERS)


class ConfirmationSchema(ApiSchema):
    """Who confirmed a piece of evidence, when, with which reference and for which questions."""

    by = fields.String()
    on = fields.String(metadata={"format": "date"})
    reference = fields.String(allow_none=True)
    covers = fields.List(fields.String())


class EvidencePieceSchema(ApiSchema):
    """A piece of evidence about a supplier. Under method 4, it counts only for the questions for which it has been confirmed."""

    id = fields.String()
    state = StrictChoice(STATES)
    grade = StrictChoice(GRADES)
    date = fields.String(allow_none=True)
    expires = fields.String(allow_none=True)
    covers = fields.List(fields.String())
    source = fields.String(allow_none=True)
    confirmed = fields.Nested(ConfirmationSchema, allow_none=True)
    can_be_confirmed_for = fields.List(
        fields.String(), metadata={"description": "The answered questions for which the evidence can be confirmed."}
    )


EVIDENCE_PIECES = page_of(EvidencePieceSchema, "EvidencePieceList")


class EvidenceConfirmationSchema(ApiSchema):
    """The details of a confirmation."""

    reference = StrictString(MAX_SOURCE_LENGTH)
    covers = _covers()


class NewEvidencePieceSchema(ApiSchema):
    """A piece of evidence from your own organisation, confirmed immediately for the questions it covers."""

    grade = StrictChoice(GRADES, required=True)
    date = StrictDay(required=True)
    expires = StrictDay()
    covers = _covers()
    source = StrictString(MAX_SOURCE_LENGTH)
    reference = StrictString(MAX_SOURCE_LENGTH)


class ChosenPieceSchema(ApiSchema):
    """A piece of evidence about a supplier, and the questions to confirm it for."""

    supplier_id = StrictString(36, "^[0-9a-f-]+$", required=True)
    piece = StrictString(20, PIECE_ID, required=True)
    covers = _covers()


class ChosenPiecesSchema(ApiSchema):
    """Pieces of evidence to confirm together, and the confirmation reference."""

    pieces = StrictList(StrictNested(ChosenPieceSchema), 1, MAX_PIECES, required=True)
    reference = StrictString(MAX_SOURCE_LENGTH)


class ClaimedFilterSchema(SupplierFilterSchema):
    """A filter for claimed evidence."""

    kind = StrictChoice(KINDS)
    grade = StrictChoice(GRADES)


class MatchingPiecesSchema(ApiSchema):
    """A filter that selects the evidence to confirm, and the reference of the confirmation."""

    filter = StrictNested(ClaimedFilterSchema, required=True)
    reference = StrictString(MAX_SOURCE_LENGTH)


class RefusedPieceSchema(ApiSchema):
    """A piece of evidence that could not be confirmed, and the reason."""

    supplier_id = fields.String()
    piece = fields.String()
    code = fields.String()
    detail = fields.String()


class BulkOutcomeSchema(ApiSchema):
    """The number of pieces of evidence confirmed, the number of suppliers concerned, and the pieces that were not confirmed.

    `more` is true if other pieces match the filter.
    """

    confirmed = StrictInteger(0)
    suppliers = StrictInteger(0)
    refused = fields.List(fields.Nested(RefusedPieceSchema))
    more = StrictBoolean()


class ClaimedPieceSchema(ApiSchema):
    """A piece of claimed evidence, its supplier, and a code for the reason, if any, why it cannot be confirmed without
    a list of questions.
    """

    supplier_id = fields.String()
    kind = StrictChoice(KINDS)
    name = fields.String()
    reference = fields.String(allow_none=True)
    piece = fields.Nested(EvidencePieceSchema)
    obstacle = fields.String(allow_none=True)


class ClaimedPiecesSchema(ApiSchema):
    """Pieces of claimed evidence, in the order of the supplier list. `more` is true if other pieces match the filter."""

    items = fields.List(fields.Nested(ClaimedPieceSchema))
    more = StrictBoolean()


class ClaimedQuerySchema(ClaimedFilterSchema):
    """The parameters for listing claimed evidence."""

    limit = ParameterInteger(1, MAX_PIECES, load_default=100)
