"""API views of translations: how far each language was checked, and its texts as a PO file. People confirm texts, on pages."""

from __future__ import annotations

from flask import Response
from sqlalchemy.orm import Session

from service.api.responses import Reply, attachment, whole_list
from service.auth.caller import read_session
from service.translations import po_files, review
from service.translations.catalog import KINDS, Texts, get_name, list_texts


def list_languages(session: Session) -> Reply:
    """Return each language with how far its texts were checked, by kind."""
    return whole_list([_describe(texts) for texts in review.load_all_texts(session).values()])


def download_translations(language: str) -> Response:
    """Return the texts of a language as a PO file."""
    review.check_language(language)
    with read_session() as session:
        data = po_files.build_po_file(review.load_texts(session, language))
    return attachment(data, po_files.MEDIA_TYPE, f"diligence_{language}.po")


def _describe(texts: Texts) -> dict[str, object]:
    counts = {kind: texts.count(list_texts(kind)) for kind in KINDS}
    return {
        "code": texts.code,
        "name": get_name(texts.code),
        "english_name": texts.locale.english_name,
        "direction": texts.direction,
        "texts": [
            {"kind": kind, "total": count.total, "missing": count.missing, **count.states}
            for kind, count in counts.items()
        ],
    }
