"""Test the documentation site (its links work, and it loads nothing from other hosts), and what maintainers rely on."""

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from service.api import openapi
from service.api.routes import ROUTES

ROOT = Path(__file__).resolve().parents[1]
# Tags whose addresses a browser loads by itself, as opposed to links that a reader follows.
LOADED = {"script", "link", "img", "iframe", "source", "video", "audio", "object", "embed"}


class Page(HTMLParser):
    """The anchors of a page, and its addresses: those that are loaded, and all of them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.loaded: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        found = {values[name] for name in ("href", "src", "data", "poster") if name in values}
        self.addresses |= found
        if tag in LOADED:
            self.loaded |= found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; broken links in the sources fail the build."""
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run([ROOT / "scripts" / "docs", folder], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path.resolve(): Page(path) for path in site.rglob("*.html")}


def test_every_internal_link_of_the_site_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            missing = target in pages and anchor and anchor not in pages[target].anchors
            if missing or not target.exists():
                broken.append((path.name, address))
    assert not broken
    assert len(pages) > 30


def test_the_site_loads_nothing_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {address for page in pages.values() for address in page.loaded}
    assert not [address for address in loaded if urlsplit(address).netloc]
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)\s]*", styles)


def test_the_site_can_be_searched_without_a_server(site: Path) -> None:
    assert "onboard" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_the_reference_has_every_operation_and_object_of_the_api(pages: dict[Path, Page]) -> None:
    anchors = {path.name: page.anchors for path, page in pages.items()}
    document = openapi.document(route for route in ROUTES if not route.open)
    operations = {each["operationId"] for path in document["paths"].values() for each in path.values()}
    assert {f"operation-{name.replace('_', '-')}" for name in operations} <= anchors["api-reference.html"]
    assert {f"object-{name.lower()}" for name in document["components"]["schemas"]} <= anchors["api-objects.html"]


def test_the_index_of_decisions_lists_each_of_them_once() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## \d{4}-\d\d-\d\d (.+)$", text, re.MULTILINE)
    assert sorted(re.findall(r"^- \[(.+)\]\(#", text, re.MULTILINE)) == sorted(titles)


def test_the_hooks_before_a_commit_run_every_check_of_the_tests() -> None:
    script = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
    commands = re.findall(r"\.venv/bin/(?:ruff [a-z -]+\.|mypy|lint-imports)", script)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert len(commands) == 4
    assert [command for command in commands if f"entry: {command}\n" not in hooks] == []
    done = subprocess.run([".venv/bin/pre-commit", "validate-config"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_release_notes_are_the_section_of_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for version in re.findall(r"^## (\d\S+)", changelog, re.MULTILINE):
        notes = run_release_notes(version).stdout
        assert notes.strip()
        assert notes in changelog
        assert "\n## " not in notes
    assert run_release_notes("99.0").returncode == 1


def run_release_notes(version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["scripts/release-notes", version], cwd=ROOT, capture_output=True, text=True, check=False)
