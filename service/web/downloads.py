"""Responses that the browser saves as a file rather than shows."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request

from questionnaires.languages import ENGLISH
from service.questionnaires_sent.form_files import LAYOUTS, Layout, list_form_languages


def build_download(data: bytes, media_type: str, name: str) -> Response:
    """Return a response that the browser saves as a file rather than shows."""
    return Response(data, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def read_form_layout(offered: Sequence[Layout]) -> tuple[Layout, str]:
    """Return the layout and the language of a form that the query asks for; by default the first ones."""
    named, language = request.args.get("layout"), request.args.get("language")
    layout = next((each for each in LAYOUTS if each == named and each in offered), offered[0])
    return layout, language if language in list_form_languages() else ENGLISH
