"""The languages of what suppliers and workers read, and how far their translations were checked."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictNested
from service.api.schemas.base import ApiSchema, page_of
from service.translations.catalog import KINDS


class TextCountSchema(ApiSchema):
    """The number of texts of a kind. `missing` texts are shown in English. The others are
    drafts, have been checked by back-translation, or have been confirmed.
    """

    kind = StrictChoice(KINDS)
    total = StrictInteger(0)
    missing = StrictInteger(0)
    draft = StrictInteger(0)
    back_translated = StrictInteger(0)
    confirmed = StrictInteger(0)


class LanguageSchema(ApiSchema):
    """A language that texts are translated into. `code` is a BCP 47 tag, such as `zh-Hans`."""

    code = fields.String()
    name = fields.String()
    english_name = fields.String()
    direction = StrictChoice(("ltr", "rtl"))
    texts = StrictList(StrictNested(TextCountSchema))


LANGUAGES = page_of(LanguageSchema, "LanguageList")
