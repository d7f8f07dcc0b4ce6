"""The parameters of the notice for workers."""

from __future__ import annotations

from service.api.fields import StrictChoice, StrictString
from service.api.schemas.base import ApiSchema
from service.translations.catalog import list_text_languages
from service.worker_notice.notice import ENGLISH, RENDERERS


class WorkerNoticeQuerySchema(ApiSchema):
    """Options for the notice. `country` is the country to use for an agency that places workers in several countries."""

    format = StrictChoice(tuple(RENDERERS), load_default="pdf")
    language = StrictChoice((ENGLISH, *list_text_languages()), load_default=ENGLISH)
    country = StrictString(2, "^[A-Z]{2}$")
