"""The Help page: the four steps, where to find things, and the terms of the method."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import render_template

GLOSSARY = Path(__file__).parents[1] / "glossary.toml"


@dataclass(frozen=True)
class Term:
    """A term of the method: its anchor on the Help page, its name, and what it means."""

    id: str
    title: str
    text: str


@cache
def load_glossary() -> Mapping[str, Sequence[Term]]:
    """Return the terms by the title of their group, in the order of the page."""
    groups = tomllib.loads(GLOSSARY.read_text(encoding="utf-8"))["group"]
    return {group["title"]: tuple(Term(**term) for term in group["term"]) for group in groups}


@cache
def load_terms() -> Mapping[str, Term]:
    """Return the terms by id."""
    return {term.id: term for terms in load_glossary().values() for term in terms}


def show_help() -> str:
    """Show the Help page."""
    return render_template("help.html", glossary=load_glossary())
