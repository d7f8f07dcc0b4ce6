"""Signed answers: the accepted keys of other installations, and imported bundles."""

from __future__ import annotations

from marshmallow import fields

from service.answer_bundles.keys import LONGEST_NAME
from service.api.fields import NOT_BLANK, StrictString
from service.api.schemas.base import ApiSchema, page_of


class SenderKeySchema(ApiSchema):
    """The key of another installation whose signed answers are accepted. Revoking it is final."""

    id = fields.String(dump_only=True)
    name = StrictString(LONGEST_NAME, required=True, documented_pattern=NOT_BLANK)
    public_key = StrictString(100, required=True)
    fingerprint = fields.String(dump_only=True)
    accepted_by = fields.String(dump_only=True)
    accepted_at = fields.DateTime(dump_only=True)
    revoked_by = fields.String(dump_only=True, allow_none=True)
    revoked_at = fields.DateTime(dump_only=True, allow_none=True)


SENDER_KEYS = page_of(SenderKeySchema, "SenderKeyList")


class AnswerBundleUploadSchema(ApiSchema):
    """The file of signed answers to upload."""

    file = fields.String(required=True, metadata={"format": "binary"})


ANSWER_BUNDLE_UPLOAD = AnswerBundleUploadSchema()


class ImportedBundleSchema(ApiSchema):
    """Signed answers that were imported."""

    id = fields.String()
    key_id = fields.String(metadata={"description": "The accepted key that the answers were signed with."})
    form = fields.String()
    form_version = fields.String()
    answered_on = fields.Date(
        metadata={"description": "The day on which the supplier submitted these answers to the other buyer."}
    )
    imported_at = fields.DateTime()
