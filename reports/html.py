"""Render a report as one HTML file without scripts or external content, readable on paper, by keyboard and in a narrow window."""

import functools
from base64 import b64encode
from pathlib import Path

import jinja2
from markupsafe import Markup

from reports.charts import FILLS, INKS
from reports.document import Report
from reports.view_model import build_view_model

MAX_ROWS = 200
MAX_DETAILS = 25  # the number of results explained in full


def render(report: Report) -> bytes:
    """Return the page in UTF-8. The template escapes all text; the charts escape their own and are inserted as markup."""
    page = build_view_model(report, MAX_ROWS, MAX_DETAILS)
    return load_template("report.html").render(page=page, fills=FILLS, inks=INKS).encode()


@functools.cache
def load_template(name: str) -> jinja2.Template:
    """Return a template, which escapes all text; the filter `svg` inserts a chart, and `data_url` a logo."""
    folder = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=folder, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["svg"] = lambda drawing: Markup(drawing.svg())
    environment.filters["data_url"] = lambda logo: f"data:image/png;base64,{b64encode(logo.png).decode()}"
    return environment.get_template(name)
