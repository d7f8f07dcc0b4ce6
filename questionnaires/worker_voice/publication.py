"""Decide which figures about workers' answers may be published, and which are withheld because too few workers answered.

Everyone is in exactly one group, and each figure of a group is published or withheld by itself, whatever the others are. The only
sums are those of published figures. So nobody can work out a withheld figure by subtraction, and that a figure is withheld says
nothing about any other. Rules: ``publication.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RULES_FILE = Path(__file__).with_name("publication.toml")


@cache
def load_publication_rules() -> Mapping[str, Any]:
    """Load the rules of what is published, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Figure:
    """How many workers of a group answered a statement with an opinion, and how many of them gave an adverse answer."""

    statement: str
    group: str
    answered: int
    adverse: int

    @property
    def is_too_few(self) -> bool:
        """Return whether the figure could reveal what a worker answered, so that it is withheld."""
        rules = load_publication_rules()
        if self.answered < rules["least"]:
            return True
        return self.adverse in (0, self.answered) and self.answered < rules["least_unanimous"]


@dataclass(frozen=True)
class PublishedStatement:
    """What is published about a statement: the figures of some groups, and which groups are withheld."""

    statement: str
    figures: tuple[Figure, ...]
    withheld: tuple[str, ...]

    @property
    def answered(self) -> int:
        """Return how many workers of the published groups answered."""
        return sum(figure.answered for figure in self.figures)

    @property
    def adverse(self) -> int:
        """Return how many workers of the published groups gave an adverse answer."""
        return sum(figure.adverse for figure in self.figures)

    @property
    def share(self) -> float | None:
        """Return the share of adverse answers in the published groups, from 0 to 1; None if nothing is published."""
        return self.adverse / self.answered if self.answered else None


def publish(figures: Iterable[Figure]) -> list[PublishedStatement]:
    """Return what may be published, by statement in their order."""
    by_statement: dict[str, list[Figure]] = {}
    for figure in figures:
        by_statement.setdefault(figure.statement, []).append(figure)
    return [
        PublishedStatement(
            statement,
            tuple(figure for figure in of_groups if not figure.is_too_few),
            tuple(figure.group for figure in of_groups if figure.is_too_few),
        )
        for statement, of_groups in by_statement.items()
    ]
