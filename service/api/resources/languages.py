"""The routes of the languages of what suppliers and workers read."""

from __future__ import annotations

from service.api import languages
from service.api.route import FileTypes, Route
from service.api.schemas.languages import LANGUAGES
from service.translations import po_files

PO_FILE = FileTypes((po_files.MEDIA_TYPE,))

ROUTES: tuple[Route, ...] = (
    Route("GET", "/languages", "list_languages", languages.list_languages,
          "List the languages available to suppliers and workers, and how far their translations have been checked.", LANGUAGES),
    Route("GET", "/languages/<language>/texts.po", "download_translations", languages.download_translations,
          "Download the texts of a language as a PO file (gettext).", PO_FILE, transaction="own"),
)  # fmt: skip
