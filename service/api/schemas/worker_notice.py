"""The parameters of the notice for workers."""

from __future__ import annotations

from service.api.fields import StrictChoice, StrictString
from service.api.schemas.base import ApiSchema
from service.worker_notice.notice import ENGLISH, RENDERERS, list_notice_languages


class WorkerNoticeQuerySchema(ApiSchema):
    """Options for the notice. `country` is the country to use for an agency that places workers in several countries."""

    format = StrictChoice(tuple(RENDERERS), load_default="pdf")
    language = StrictChoice(list_notice_languages(), load_default=ENGLISH)
    country = StrictString(2, "^[A-Z]{2}$")
