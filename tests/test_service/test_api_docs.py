"""The examples of docs/api.md, run in their order against one organisation."""

import json
import re
from pathlib import Path

from callers import an_organisation
from flask import Flask
from portal import a_portal

from service.db.session import Database

EXAMPLE = re.compile(r"```http\n([A-Z]+) (\S+)\n(\{.*?\}\n)?\n(\d+)\n(\{.*?\})\n```", re.DOTALL)
PAGE = Path("docs/api.md")


def holds(said: object, shown: object) -> bool:
    """Whether an answer says all that an example shows; it may say more."""
    if isinstance(shown, dict):
        return isinstance(said, dict) and all(name in said and holds(said[name], shown[name]) for name in shown)
    if isinstance(shown, list):
        return isinstance(said, list) and len(said) == len(shown) and all(map(holds, said, shown))
    return said == shown


def test_every_example_of_the_page_gives_the_answer_that_it_shows(app: Flask, database: Database):
    portal = a_portal(app, an_organisation(database))
    page = PAGE.read_text(encoding="utf-8")
    examples = EXAMPLE.findall(page)
    assert len(examples) == page.count("```http") == 16
    for method, path, body, status, shown in examples:
        sent = {"json": json.loads(body)} if body else {}
        answer = portal.call(method, path.removeprefix("/api/v1"), **sent)
        assert answer.status_code == int(status), (path, answer.get_data(as_text=True)[:500])
        assert holds(answer.json, json.loads(shown)), (path, answer.get_data(as_text=True)[:500])
