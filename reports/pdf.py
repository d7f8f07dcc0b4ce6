"""The report as a PDF: A4, tagged for screen readers (PDF/UA-1), with fonts for the scripts that names are written in.

Set by typst from templates/report.typ. The content goes in as JSON and is printed as text: nothing in it can become
markup. The fonts are Noto families (SIL Open Font License) in packages of fonts that are never imported, only read.
"""

import functools
import importlib.util
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import typst

from reports.charts import FILLS, INKS, Drawing, truncate
from reports.document import Report
from reports.view_model import build_view_model

MAX_ROWS = 100
MAX_DETAILS = 5  # results explained in full; the page in HTML and the workbook hold more
FONT_PACKAGES = (
    "justmytype_western_core",  # Latin with all of Vietnamese, Greek, Cyrillic
    "justmytype_intl_cjk",  # Chinese (simplified, traditional), Japanese, Korean
    "justmytype_intl_sea",  # Thai, Lao, Khmer, Burmese
    "justmytype_intl_south_asia",  # Devanagari, Bengali, Tamil, Telugu
    "justmytype_intl_rtl",  # Arabic, Hebrew
)
_TEMPLATES = Path(__file__).parent / "templates"
_LONG_WORD = re.compile(r"\S{28,}")


class FontsMissingError(FileNotFoundError):
    """The fonts were not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"The fonts of {package} are not installed. Run scripts/setup.")


def render(report: Report) -> bytes:
    """Return the PDF; the same report gives the same bytes. Raises FontsMissingError.

    A character that none of the fonts has (an emoji in a name, a rarer script) is drawn as a box. PDF/UA-1 allows no
    boxes, so such a file is tagged all the same but does not claim to meet the standard.
    """
    content = json.dumps(
        _json_tree(build_view_model(report, MAX_ROWS, MAX_DETAILS)) | {"fills": FILLS, "inks": INKS}, ensure_ascii=False
    )
    try:
        return _compile(content, report.on, "ua-1")
    except typst.TypstError as error:
        if "PDF/UA-1" not in str(error):
            raise
        return _compile(content, report.on, None)


def _compile(content: str, on: date, standard: Literal["ua-1"] | None) -> bytes:
    return typst.compile(
        str(_TEMPLATES / "report.typ"),
        root=str(_TEMPLATES),
        font_paths=_font_folders(),
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=standard,
        sys_inputs={"page": content},
        timestamp=int(datetime(on.year, on.month, on.day, tzinfo=UTC).timestamp()),
    )


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
    """Return the view model as JSON holds it: charts as shapes and lines of text, and breaks in words too long to fit."""
    if isinstance(content, Drawing):
        alt = truncate(f"{content.title}. {content.description}", 1, 900)
        texts = [text._asdict() for text in content.texts()]
        size = {"width": content.width, "height": content.height}
        return {"shapes": content.shapes(), "texts": texts, "title": content.title, "alt": alt, **size}
    if isinstance(content, dict):
        return {key: _json_tree(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_json_tree(item) for item in content]
    if isinstance(content, str):
        return _LONG_WORD.sub(lambda word: re.sub(r"(.{14})(?=.)", "\\1\u200b", word[0]), content)
    return content
