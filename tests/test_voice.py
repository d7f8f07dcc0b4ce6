"""Test that nothing people read has a phrase of ``voice.toml``: pages, reports, workbooks, commands, API and documents.

Of models, forms and actions, only the newest release is searched: earlier ones are frozen.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from questionnaires.form import JUDGED_KINDS, list_form_ids, load_form
from risk_models.action_library import list_release_actions
from risk_models.action_releases import get_action_releases
from risk_models.model import get_version_key, load_models

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("questionnaires", "risk_models", "reports", "service")
DOCUMENTS = ("*.md", "docs", "client", "benchmarks", "demo", "scripts", ".github", *PACKAGES)
TEXT_TABLES = (  # TOML files whose texts are shown and are not released
    "questionnaires/lists/issues.toml",
    "questionnaires/lists/template.toml",
    "service/*.toml",
)
DATA = tomllib.loads((Path(__file__).parent / "voice.toml").read_text(encoding="utf-8"))
SHOWN_ATTRIBUTES = "title|alt|placeholder|aria-label|data-label"


class Text(NamedTuple):
    """A text that people read, and the line on which it begins."""

    line: int
    text: str


class Finding(NamedTuple):
    """A phrase of the list, where it is, and what to write instead."""

    path: str
    line: int
    phrase: str
    suggestion: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: '{self.phrase}' in \"{self.excerpt}\". Write: {self.suggestion}"


def blank(pattern: str, source: str) -> str:
    """Return a text with what matches a pattern replaced by spaces on the same lines."""
    return re.sub(pattern, lambda match: re.sub(r"\S", " ", match[0]), source, flags=re.MULTILINE | re.DOTALL)


def read_document(source: str) -> list[Text]:
    """Return the text of a Markdown document without its code, addresses and comments."""
    for pattern in (r"^```.*?^```", r"^ {4}[^\n]*$", r"<!--.*?-->", r"`[^`]+`", r"\]\([^)]*\)", r"https?://\S+"):
        source = blank(pattern, source)
    return [Text(1, source)]


def read_template(source: str) -> list[Text]:
    """Return the translatable strings of a template, the attributes that are shown, and the text between the tags."""
    strings = r"(\"[^\"]*\"|'[^']*')"
    matches = list(re.finditer(rf"\bn?_?(?:gettext)?\(\s*{strings}(?:\s*,\s*{strings})?", source))
    source = blank(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<(script|style)\b.*?</\1>", source)
    matches += re.finditer(rf"\b(?:{SHOWN_ATTRIBUTES})=\"([^\"]*)\"", source)
    texts = [
        Text(source.count("\n", 0, match.start()) + 1, " ".join(filter(None, match.groups()))) for match in matches
    ]
    return [*texts, Text(1, blank(r"<[^>]*>", source))]


def read_module(source: str, *, schemas: bool) -> list[Text]:
    """Return the strings of a module that are several words; of docstrings only those of API schemas, which clients see."""
    tree = ast.parse(source)
    owners = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    hidden = {
        id(node.body[0].value)
        for node in owners
        if node.body and isinstance(node.body[0], ast.Expr) and not (schemas and isinstance(node, ast.ClassDef))
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in hidden)
    return [Text(node.lineno, node.value) for node in strings if isinstance(node.value, str) and " " in node.value]


def read_table(source: str) -> list[Text]:
    """Return a TOML file without its comments, headings, keys and codes, and without other words for headers and answers."""
    source = blank(r"\b(?:synonyms|spellings) = \[.*?\]|\bcode = \"\w+\"", source)
    return [Text(1, blank(r"^\s*(?:#|\[)[^\n]*$|^\s*[\w\".-]+(?=\s*=)", source))]


def iter_texts() -> Iterator[tuple[str, Text]]:
    """Yield every text that people read, with the path of its file."""
    for path in sorted(
        {path for pattern in DOCUMENTS for start in ROOT.glob(pattern) for path in [start, *start.rglob("*")]}
    ):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".md":
            texts = read_document(path.read_text(encoding="utf-8"))
        elif path.suffix == ".html" and "templates" in path.parts:
            texts = read_template(path.read_text(encoding="utf-8"))
        elif path.suffix == ".py" and name.startswith(PACKAGES):
            texts = read_module(path.read_text(encoding="utf-8"), schemas=name.startswith("service/api/schemas/"))
        elif any(fnmatch(name, pattern) for pattern in TEXT_TABLES):
            texts = read_table(path.read_text(encoding="utf-8"))
        else:
            continue
        yield from ((name, text) for text in texts)


def iter_release_texts() -> Iterator[tuple[str, Text]]:
    """Yield the texts of the newest version of every form for suppliers, of every model, and of the actions."""
    for form in (form for form in map(load_form, list_form_ids()) if form.kind in JUDGED_KINDS):
        for question in form.questions:
            for text in (question.section, question.title, *question.list_texts()):
                yield f"{form.id} {form.version} {question.id}", Text(1, text)
    newest = {model.id: model for model in sorted(load_models(), key=lambda model: get_version_key(model.version))}
    for model in newest.values():
        for part in (*model.all_contexts, *model.indicators, *model.screening_questions, *model.floors):
            for text in (part.title, part.because, getattr(part, "harm", "")):
                yield f"{model.id} {model.version} {part.id}", Text(1, text)
    for action in list_release_actions(list(get_action_releases().values())[-1]):
        for text in (action.title, action.do, action.with_workers, action.proof):
            yield f"actions {action.id}", Text(1, text)


def find_phrases(text: str) -> Iterator[re.Match[str]]:
    """Yield the phrases of the list in a text; of two that overlap the one that begins first, of these the longest."""
    yield from build_pattern().finditer(text)


@cache
def build_pattern() -> re.Pattern[str]:
    """Return the pattern of all phrases, the longest first."""
    phrases = sorted(DATA["phrases"], key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-]|:\w|\s*=\s)", re.IGNORECASE)  # no key or code


def list_findings() -> list[Finding]:
    """List every phrase that people read, in the order of the files."""
    findings = []
    for path, (line, text) in chain(iter_texts(), iter_release_texts()):
        for match in find_phrases(text):
            phrase = " ".join(match[0].lower().split())
            excerpt = " ".join(text[max(0, match.start() - 60) : match.end() + 60].split())
            at = line + text.count("\n", 0, match.start())
            findings.append(Finding(path, at, phrase, DATA["phrases"][phrase], excerpt))
    return findings


def permits(entry: dict[str, str], finding: Finding) -> bool:
    """Return whether an entry of the allow list permits a phrase."""
    return fnmatch(finding.path, entry["path"]) and entry.get("phrase", finding.phrase) == finding.phrase


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return list_findings()


def test_texts_have_no_phrase_of_the_list(findings: list[Finding]) -> None:
    faults = [finding for finding in findings if not any(permits(entry, finding) for entry in DATA["allow"])]
    assert not faults, "\n" + "\n".join(map(str, faults))


@pytest.mark.parametrize("entry", DATA["allow"], ids=lambda entry: f"{entry['path']} {entry.get('phrase', '')}")
def test_what_the_list_allows_is_there_and_has_a_reason(entry: dict[str, str], findings: list[Finding]) -> None:
    assert entry["reason"]
    assert any(permits(entry, finding) for finding in findings)


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (read_document("# Title\n\n`told` and\n\n    told\n\nwas told"), 7),
        (read_template('<p>\n{# told #}{% if told %}\n{{ _("It was told") }}</p>'), 3),
        (read_template('<a class="told"\n title="told">x</a>'), 2),
        (read_template("<p>\n\ntold</p>"), 3),
        (read_module('"""Told so."""\nKEY = "told"\nTEXT = f"told {KEY}"', schemas=False), 3),
        (read_module('class A:\n    """As told."""', schemas=True), 2),
        (read_table('# told\n["told.x"]\ncure = "As told."'), 3),
    ],
)
def test_a_phrase_is_found_on_its_line_and_code_is_passed_over(texts: list[Text], line: int) -> None:
    lines = [text.line + text.text.count("\n", 0, match.start()) for text in texts for match in find_phrases(text.text)]
    assert lines == [line]
