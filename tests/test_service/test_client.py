"""The Python client: generated from the document as it is now, with a function for every operation, and typed."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import diligence_client
import pytest
from api_contract import operations
from callers import make_organisation
from diligence_client.api.buyer import get_own_practices
from diligence_client.api.reports import download_report, get_report, request_report
from diligence_client.api.suppliers import put_supplier
from diligence_client.models import NewReport, Problem, SiteAnswers
from flask import Flask
from portal import make_portal

from service.api.routes import document_bytes
from service.db.session import Database
from service.settings import Settings

GENERATED = Path(diligence_client.__file__).parent
PAGES = {name: Path(name).read_text(encoding="utf-8") for name in ("docs/client.md", "client/README.md")}
PROJECTS = ("pyproject.toml", "client/pyproject.toml")
CONNECT = 'AuthenticatedClient("https://diligence.example", token=os.environ["DILIGENCE_KEY"])'


def examples(page: str) -> list[str]:
    """The Python code of a page, block by block."""
    return re.findall(r"^```python\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE)


def test_the_client_is_generated_from_the_document_as_it_is_now():
    document = json.loads((GENERATED / "openapi.json").read_text(encoding="utf-8"))
    assert document == json.loads(document_bytes(Settings())), "The API has changed: run scripts/client."


@pytest.mark.parametrize("name", operations())
def test_every_operation_has_a_function_in_the_module_of_its_tag(name: str):
    (tag,) = operations()[name]["tags"]
    module = importlib.import_module(f"diligence_client.api.{tag.replace('-', '_')}.{name}")
    assert callable(module.sync_detailed)
    assert callable(module.asyncio_detailed)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run_in_their_order(page: str, app: Flask, database: Database, capsys: pytest.CaptureFixture[str]):
    names = {"connect": lambda: make_portal(app, make_organisation(database)).client}
    for example in examples(page):
        assert CONNECT in PAGES[page]
        exec(compile(example.replace(CONNECT, "connect()"), page, "exec"), names)
    printed = capsys.readouterr().out
    if page == "client/README.md":
        assert printed.startswith("ask ['")
        return
    assert printed.startswith("Do not onboard yet\n")
    assert "S-100 Blue Pier Cannery insufficient_evidence" in printed
    assert re.search(r"level_moved \S+ {'from': None, 'to': 'insufficient_evidence'", printed)
    assert "404 not_found" in printed


def test_the_readme_makes_an_onboarding_decision_in_twelve_lines():
    (example,) = examples("client/README.md")
    assert len(example.splitlines()) <= 12


def test_programs_that_use_the_client_pass_strict_type_checks(tmp_path: Path):
    for page in PAGES:
        (tmp_path / f"{Path(page).stem.lower()}.py").write_text("\n".join(examples(page)), encoding="utf-8")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        'from diligence_client.models import SiteAnswers\nSiteAnswers(naem="Blue Pier")\n', encoding="utf-8"
    )
    paths = [*sorted(tmp_path.glob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", f"--cache-dir={tmp_path}", *paths]
    found = subprocess.run(
        command, env={"MYPYPATH": str(GENERATED.parent)}, capture_output=True, text=True, check=False
    ).stdout
    assert [line for line in found.splitlines() if "error:" in line and "wrong.py:2" not in line] == []
    assert 'wrong.py:2: error: Unexpected keyword argument "naem"' in found


def test_the_package_can_be_installed_elsewhere_with_its_types(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path]
    subprocess.run(build, cwd=GENERATED.parent, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {"diligence_client/py.typed", "diligence_client/api/assessments/assess.py"} <= held
    versions = [tomllib.loads(Path(name).read_text(encoding="utf-8"))["project"]["version"] for name in PROJECTS]
    assert versions[0] == versions[1]


def test_a_file_comes_as_bytes(app: Flask, database: Database):
    portal = make_portal(app, make_organisation(database))
    put_supplier.sync("S-1", client=portal.client, body=SiteAnswers(name="Blue Pier Cannery", country="TH"))
    job = request_report.sync(client=portal.client, body=NewReport(format_="pdf"))
    portal.work()
    assert get_report.sync(job.id, client=portal.client).state == "done"
    assert download_report.sync(job.id, client=portal.client).payload.read(5) == b"%PDF-"


def test_an_error_is_a_problem_with_its_code(app: Flask, database: Database):
    keyless = make_portal(app, make_organisation(database), "assess")
    answer = get_own_practices.sync_detailed(client=keyless.client)
    assert isinstance(answer.parsed, Problem)
    assert (answer.status_code, answer.parsed.code) == (403, "key.scope")
