"""Configuration of the documentation site, which ``scripts/docs`` builds.

The source folder is the whole repository, so that links from docs/ to a README or an example work here as on a code host.
"""

import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "Diligence"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser", "openapi_reference"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "*/README.md",
    "risk_models/*/README.md",
    "questionnaires/lists/README.md",
    "tests/cases/*/why.md",
]
exclude_patterns = [".*", "assets", "data", "out"]
templates_path = ["_templates"]

myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Diligence {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_additional_pages = {"index": "redirect.html"}  # the first page is docs/index.html
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"footer_icons": []}


def setup(app: Sphinx) -> None:
    """Show examples of the API as they are: they leave out the headers that the lexer of HTTP wants."""
    app.add_lexer("http", TextLexer)
