"""Whoever asks for a report, at the command line or through the API, is offered what the registry of formats holds."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from stored_keys import SECRET_KEYS

from reports.formats import ALL_FORMATS, FORMATS, KINDS
from service import cli
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The application, over an empty database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'formats.db'}")
    Base.metadata.create_all(engine)
    yield create_app(Settings(data=tmp_path, plain_http=True), Database(engine, SECRET_KEYS))
    engine.dispose()


def test_the_command_line_writes_the_assessment_and_every_format_by_default():
    arguments: argparse.Namespace = cli._build_parser().parse_args(["assess", "sites.xlsx", "--out", "report"])
    assert arguments.formats.split(",") == ["json", *FORMATS]


def test_the_command_line_names_every_format_to_who_asks_for_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status = cli.main(["assess", str(tmp_path / "sites.xlsx"), "--out", str(tmp_path), "--formats", "json,docx"])
    assert status == cli.EXIT_NOTHING
    assert f"a comma-separated list of {', '.join(['json', *FORMATS])}, not" in capsys.readouterr().err


def test_the_api_documents_every_format_and_no_other(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").json
    request = document["paths"]["/api/v1/reports"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = request.get("$ref", "").rpartition("/")[2]
    schema = document["components"]["schemas"][name] if name else request
    assert schema["properties"]["format"]["enum"] == list(ALL_FORMATS)
    assert schema["properties"]["document"]["enum"] == list(KINDS)


def test_help_lists_the_formats_without_loading_what_renders_them():
    script = (
        "import sys\nfrom service import cli\n"
        "try:\n    cli.main(['assess', '--help'])\nexcept SystemExit:\n    print('LOADED', *sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"list of json, {', '.join(FORMATS)}" in " ".join(output.split())
    loaded = set(output.partition("LOADED")[2].split())
    assert "reports.formats" in loaded
    assert loaded.isdisjoint({"typst", "xlsxwriter", "jinja2", "numpy", "pandas", "flask", "sqlalchemy"})
