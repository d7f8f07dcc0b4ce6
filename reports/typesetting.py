"""Typeset reports with typst: PDFs tagged for screen readers (PDF/UA-1), with fonts for the scripts in which names are written.

The content is passed to a template as JSON and printed as text, so nothing in it can become markup. The fonts are from the Noto
families (SIL Open Font License). Their packages are never imported; only their font files are read.
"""

import functools
import importlib.util
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import typst

from reports.charts import FILLS, INKS, Drawing, truncate
from reports.document import Logo

FONT_PACKAGES = (
    "justmytype_western_core",  # Latin (including Vietnamese), Greek, Cyrillic
    "justmytype_intl_cjk",  # Chinese (simplified, traditional), Japanese, Korean
    "justmytype_intl_sea",  # Thai, Lao, Khmer, Burmese
    "justmytype_intl_south_asia",  # Devanagari, Bengali, Tamil, Telugu
    "justmytype_intl_rtl",  # Arabic, Hebrew
)
LOGO_SIZE = (45.0, 13.0)  # millimetres
_TEMPLATES = Path(__file__).parent / "templates"
# Not in scripts in which signs belong to the letter before them; most of these are broken without blanks anyway.
_LONG_WORD = re.compile(r"[^\s\u0590-\u1dff\u2e80-\U0010ffff]{28,}")
_BREAK = re.compile("(.{14})(?=.)")


class FontsMissingError(FileNotFoundError):
    """The fonts have not been installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"The fonts of {package} are not installed. Run scripts/setup.")


def typeset(template: str, content: Mapping[str, Any], on: date) -> bytes:
    """Return the PDF of a template with its content; the same content gives the same bytes. Raises FontsMissingError.

    `on`: the day that the file names as that on which it was made. A character that is not in any of the fonts (such as an emoji
    in a name, or a rarer script) is drawn as a box. PDF/UA-1 does not allow such boxes, so the file is still tagged but does not
    claim to meet the standard.
    """
    page = _serialise(content)
    day = int(datetime(on.year, on.month, on.day, tzinfo=UTC).timestamp())
    pdf = functools.partial(_compile, template, page, format="pdf", timestamp=day)
    try:
        return pdf(pdf_standards="ua-1")
    except typst.TypstError as error:
        if "PDF/UA-1" not in str(error):
            raise
        return pdf()


def draw_png(drawing: Drawing, points_per_inch: float = 200.0) -> bytes:
    """Return a chart as a PNG, for formats that cannot show SVG. Raises FontsMissingError."""
    return _compile("chart.typ", _serialise({"chart": drawing}), format="png", ppi=points_per_inch)


def _compile(template: str, page: str, **options: Any) -> bytes:
    compiled = typst.compile(
        str(_TEMPLATES / template),
        root=str(_TEMPLATES),
        font_paths=_font_folders(),
        ignore_system_fonts=True,
        sys_inputs={"page": page},
        **options,
    )
    assert isinstance(compiled, bytes)  # a PDF, or a picture of one page
    return compiled


def _serialise(content: Mapping[str, Any]) -> str:
    return json.dumps(_json_tree(content) | {"fills": FILLS, "inks": INKS}, ensure_ascii=False)


@functools.cache
def _font_folders() -> list[str]:
    folders = []
    for package in FONT_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise FontsMissingError(package)
        folders.append(str(Path(spec.origin).parent / "fonts"))
    return folders


def _json_tree(content: Any) -> Any:
    """Return the view model as JSON values: logos become bytes, charts become shapes and lines of text, and words too long to fit
    can be broken.
    """
    if isinstance(content, Drawing):
        alt = truncate(f"{content.title}. {content.description}", 1, 900)
        texts = [text._asdict() for text in content.texts()]
        size = {"width": content.width, "height": content.height}
        return {"shapes": content.shapes(), "texts": texts, "title": content.title, "alt": alt, **size}
    if isinstance(content, Logo):
        width, height = content.fit(*LOGO_SIZE)
        return {"bytes": list(content.png), "width": width, "height": height, "alt": content.text}
    if isinstance(content, dict):
        return {key: _json_tree(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_json_tree(item) for item in content]
    if isinstance(content, str):
        return _LONG_WORD.sub(lambda word: _BREAK.sub("\\1\u200b", word[0]), content)
    return content
