"""Translations for suppliers and workers: how far they were checked, to confirm or change them here or in a PO file."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import today
from service.errors import DomainError
from service.translations import po_files, review
from service.translations.catalog import (
    KINDS,
    STATES,
    Text,
    Wording,
    get_name,
    list_texts,
    pad_forms,
)
from service.web.downloads import build_download

KIND_TITLES = {
    "forms": lazy_gettext("Questions"),
    "sectors": lazy_gettext("Sectors"),
    "answers": lazy_gettext("Remarks on answers"),
    "pages": lazy_gettext("Pages"),
    "mails": lazy_gettext("Emails"),
    "plans": lazy_gettext("Findings and steps"),
    "scorecards": lazy_gettext("Scorecards"),
    "notices": lazy_gettext("Worker notice"),
    "voice": lazy_gettext("Worker surveys"),
}
STATE_TITLES = {
    "missing": lazy_gettext("Shown in English"),
    "draft": lazy_gettext("Draft"),
    "back_translated": lazy_gettext("Translated back"),
    "confirmed": lazy_gettext("Confirmed"),
}
PAGE = 25  # texts


class Row(NamedTuple):
    """A text on the page, with its translation and how many forms of the plural that has."""

    text: Text
    wording: Wording | None
    forms: tuple[str, ...]


def show_languages() -> str:
    """Show for each language how many texts of each kind are in English, drafts or confirmed."""
    with read_session() as session:
        languages = review.load_all_texts(session)
    return render_template(
        "languages.html",
        counts={code: {kind: texts.count(list_texts(kind)) for kind in KINDS} for code, texts in languages.items()},
        names={code: (get_name(code), texts.locale.english_name) for code, texts in languages.items()},
        **_get_titles(),
    )


def show_language(language: str) -> Response:
    """Show the texts of a language beside the English ones, to be filtered, changed and confirmed."""
    return _render_language(language, None)


def save_language(language: str) -> AnyResponse:
    """Save the translations on the page that were changed, and how far they were checked."""
    form = request.form
    reviews = [_read_review(key) for key in form.getlist("text")]
    try:
        with write_session() as session:
            count = review.save_reviews(
                session,
                language,
                [one for one in reviews if any(one.forms)],  # an empty one leaves the text in English
                form.get("reviewer", ""),
                get_caller().actor,
                today(get_caller().time_zone),
            )
    except DomainError as error:
        return _render_language(language, error)
    flash(ngettext("%(num)s text saved.", "%(num)s texts saved.", count))
    address = url_for("pages.language", language=language)
    return redirect(f"{address}?{urlencode({**_get_filter(), 'page': request.args.get('page', '1')})}", 303)


def download_language(language: str) -> Response:
    """Return the texts of a language as a PO file."""
    review.check_language(language)
    with read_session() as session:
        data = po_files.build_po_file(review.load_texts(session, language))
    return build_download(data, po_files.MEDIA_TYPE, f"diligence_{language}.po")


def preview_language_file(language: str) -> Response:
    """Show what a PO file changes, and what of it cannot be used."""
    review.check_language(language)
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise DomainError("po.file", 422, _("Choose a file."))
        with read_session() as session:
            upload = po_files.read_po_file(file.read(), review.load_texts(session, language))
    except DomainError as error:
        return _render_language(language, error)
    return _render_language(language, None, upload)


def save_language_file(language: str) -> AnyResponse:
    """Save the changes of a PO file that were shown."""
    try:
        reviews = _load_changes(request.form.get("changes", ""))
        with write_session() as session:
            reviewer, on = request.form.get("reviewer", ""), today(get_caller().time_zone)
            count = review.save_reviews(session, language, reviews, reviewer, get_caller().actor, on)
    except DomainError as error:
        return _render_language(language, error)
    flash(ngettext("%(num)s text saved.", "%(num)s texts saved.", count))
    return redirect(url_for("pages.language", language=language), 303)


def _read_review(key: str) -> review.Review:
    text = review.get_text(key)
    forms = tuple(form.replace("\r\n", "\n").strip() for form in request.form.getlist(f"wording-{key}"))
    return review.Review(text, forms, request.form.get(f"state-{key}", ""))


def _dump_changes(upload: po_files.Upload) -> str:
    return json.dumps([[one.text.key, one.forms, one.state] for one in upload.reviews])


def _load_changes(text: str) -> list[review.Review]:
    """Return the changes that the page of the preview contains. Raises DomainError, 404 or 422."""
    try:
        return [
            review.Review(review.get_text(key), tuple(map(str, forms)), state) for key, forms, state in json.loads(text)
        ]
    except (ValueError, TypeError, RecursionError) as error:
        raise DomainError("po.file", 422, _("Upload the file again.")) from error


def _get_filter() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in ("kind", "state", "words")}


def _get_titles() -> dict[str, Any]:
    return {"kinds": KIND_TITLES, "states": STATE_TITLES, "reviewers": review.REVIEWERS}


def _render_language(language: str, error: DomainError | None, upload: po_files.Upload | None = None) -> Response:
    if error is not None and error.status == 404:
        raise error
    review.check_language(language)
    number = request.args.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 4 else 1
    with read_session() as session:
        texts = review.load_texts(session, language)
        outdated = review.list_outdated(session, language)
    found = review.search_texts(texts, **_get_filter())
    rows = [_build_row(text, texts.find(text), language) for text in found[(page - 1) * PAGE : page * PAGE]]
    rendered = render_template(
        "language.html",
        texts=texts,
        name=get_name(language),
        rows=rows,
        found=len(found),
        page=page,
        pages=-(-len(found) // PAGE),
        chosen=_get_filter(),
        settable=STATES,
        outdated=outdated,
        upload=upload,
        changes=_dump_changes(upload) if upload else "",
        error=error,
        entered=request.form if error else {},
        **_get_titles(),
    )
    return make_response(rendered, error.status if error else 200)


def _build_row(text: Text, wording: Wording | None, language: str) -> Row:
    count = review.count_plurals(language, text)
    forms = wording.forms if wording else ("",)
    return Row(text, wording, pad_forms(forms, count))
