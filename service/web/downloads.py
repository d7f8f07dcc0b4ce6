"""Responses that the browser saves as a file rather than shows."""

from __future__ import annotations

from flask import Response


def build_download(data: bytes, media_type: str, name: str) -> Response:
    """Return a response that the browser saves as a file rather than shows."""
    return Response(data, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
