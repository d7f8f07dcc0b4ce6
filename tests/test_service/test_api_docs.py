"""The examples of docs/api.md, run in their order against one organisation."""

import json
import re
from pathlib import Path

from callers import make_organisation
from flask import Flask
from portal import make_portal

from service.db.session import Database

EXAMPLE = re.compile(r"```http\n([A-Z]+) (\S+)\n(\{.*?\}\n)?\n(\d+)\n(\{.*?\})\n```", re.DOTALL)
PAGE = Path("docs/api.md")


def contains(actual: object, expected: object) -> bool:
    """Return whether an answer has everything an example shows; it may have more."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and contains(actual[name], expected[name]) for name in expected
        )
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(map(contains, actual, expected))
    return actual == expected


def test_every_example_of_the_page_gives_the_answer_that_it_shows(app: Flask, database: Database):
    portal = make_portal(app, make_organisation(database))
    page = PAGE.read_text(encoding="utf-8")
    examples = EXAMPLE.findall(page)
    assert len(examples) == page.count("```http") == 19
    for method, path, body, status, shown in examples:
        sent = {"json": json.loads(body)} if body else {}
        answer = portal.call(method, path.removeprefix("/api/v1"), **sent)
        assert answer.status_code == int(status), (path, answer.get_data(as_text=True)[:500])
        assert contains(answer.json, json.loads(shown)), (path, answer.get_data(as_text=True)[:500])
