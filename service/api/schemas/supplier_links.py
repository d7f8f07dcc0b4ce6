"""The links through which suppliers take part without an account."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.languages import ENGLISH
from service.api.fields import StrictChoice, StrictInteger, StrictString
from service.api.schemas.admin import ONCE
from service.api.schemas.base import ApiSchema, page_of
from service.supplier_links.links import ADDRESSEES, LONGEST_DAYS, PLAN, QUESTIONNAIRE
from service.translations.catalog import list_text_languages


class SupplierLinkSchema(ApiSchema):
    """A link for a supplier, without its URL."""

    id = fields.String(dump_only=True)
    purpose = fields.String(dump_only=True, metadata={"enum": [PLAN, QUESTIONNAIRE]})
    questionnaire_id = StrictString(
        36,
        attribute="asking_id",
        allow_none=True,
        metadata={"description": "The questionnaire request that the link opens. If omitted, the link opens the plan."},
    )
    section = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "The only section of the questionnaire that the link opens, if the supplier has delegated that "
            "section."
        },
    )
    parent_id = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The link through which the section was delegated."},
    )
    addressee = StrictChoice(
        ADDRESSEES,
        required=True,
        metadata={"description": "The job title or function of the person whom the link is for, never a name."},
    )
    days = StrictInteger(1, LONGEST_DAYS, required=True, load_only=True)
    email = StrictString(
        254,
        load_only=True,
        metadata={
            "description": "The address to send the link to. By entering it, you confirm that it belongs to the supplier."
        },
    )
    language = StrictChoice(
        (ENGLISH, *list_text_languages()),
        load_only=True,
        metadata={"description": "The language of the pages and the email. The supplier can choose another one."},
    )
    created_at = fields.DateTime(dump_only=True)
    expires_at = fields.DateTime(dump_only=True)
    revoked_at = fields.DateTime(dump_only=True, allow_none=True)
    opened_at = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "When someone first continued past the cover page of the link."},
    )


class SupplierLinkWithAddressSchema(SupplierLinkSchema):
    """A new link for a supplier, including its URL."""

    address = fields.String(dump_only=True, metadata=ONCE)


SUPPLIER_LINKS = page_of(SupplierLinkSchema, "SupplierLinkList")
