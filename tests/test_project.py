"""The checkout itself: which files it may hold, and that its two commands and pinned versions work as documented."""

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from network import NetworkUsedError

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("questionnaires", "risk_models", "reports", "service")
IGNORED = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
MADE = {".git"} | {Path(line).name for line in IGNORED if line.endswith("/")}
SCRIPTS = (
    "scripts/setup",
    "scripts/run",
    "scripts/test",
    "scripts/docs",
    "scripts/release-notes",
    "scripts/sbom",
    "scripts/vulnerabilities",
    ".ci/run",
    "requirements/compile",
)
# Written so that no pattern matches itself.
ELSEWHERE = {
    "the address of a package registry": r"pypi\.org|pythonhosted\.org|npmjs\.org|deb\.debian\.org",
    "a path of somebody's machine": r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e]/\w+|User[s]/\w+)/",
    "a note of unfinished work": r"\bTOD[O]\b|\bFIXM[E]\b",
}


def files() -> Iterator[Path]:
    """Every file of the project, without what set-up and tools make."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE]
        yield from (Path(folder) / name for name in names)


def texts() -> dict[str, str]:
    """The files that are text, by their path in the project."""
    found = {}
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            found[path.relative_to(ROOT).as_posix()] = data.decode("utf-8")
    return found


def pins(name: str) -> dict[str, str]:
    """Package -> version of a file in requirements/."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def asked_for(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def imported(folders: tuple[str, ...], without: str = "nowhere") -> set[str]:
    """Third-party packages that the modules of some folders import, by the names of their distributions; those of the folder
    ``without`` are left out.
    """
    modules = [
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if not path.is_relative_to(ROOT / without)
    ]
    by_themselves = [
        path for path in modules if path.relative_to(ROOT).parts[0] not in PACKAGES
    ]  # as tests import each other
    ours = {*PACKAGES, "diligence_client", *(part for path in by_themselves for part in (path.stem, path.parent.name))}
    names = set()
    for node in (node for path in modules for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    providers = packages_distributions()
    return {
        maker.lower().replace("_", "-")
        for name in names - ours - sys.stdlib_module_names
        for maker in providers.get(name, [name])
    }


@pytest.mark.parametrize("what", ELSEWHERE)
def test_no_file_holds(what):
    pattern = re.compile(ELSEWHERE[what])
    matches = {path: match[0] for path, text in texts().items() if (match := pattern.search(text))}
    assert not matches


def test_what_a_document_or_a_comment_names_is_there():
    named = re.compile(
        r"(?<![\w/.])(?:docs|benchmarks|tests|" + "|".join(PACKAGES) + r")/[\w/.-]+\.(?:py|md|toml|json)\b"
    )
    # A recipe shows commands and files that its reader makes: in blocks of code, or after "Create".
    recipe = re.compile(r"^ *```.*?^ *```$|Create `[^`]+`", re.MULTILINE | re.DOTALL)
    # The bytes of data files carry a digest, so a comment in a released one is not corrected.
    mentioning = {
        path: recipe.sub("", text) if path.endswith(".md") else text
        for path, text in texts().items()
        if path.endswith((".py", ".md", ".toml"))
        and not (path.startswith(("risk_models/", "questionnaires/forms/")) and path.endswith(".toml"))
    }
    gone = {
        path: name for path, text in mentioning.items() for name in named.findall(text) if not (ROOT / name).exists()
    }
    assert not gone


def test_lines_end_as_on_unix():
    assert not [path for path, text in texts().items() if "\r" in text]


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "scripts/run" in readme
    assert "scripts/test" in readme


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_started_and_stops_at_its_first_failure(script):
    text = (ROOT / script).read_text(encoding="utf-8")
    assert os.access(ROOT / script, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


LEVELS = """
import pathlib, pytest
from examples import examples

def ran(test):
    with pathlib.Path("ran").open("a") as file:
        print(test, examples(40).max_examples, file=file)

def test_short():
    ran("short")

@pytest.mark.long
def test_long():
    ran("long")
"""


@pytest.mark.parametrize(("words", "ran"), [([], {"short 40"}), (["--long"], {"short 400", "long 400"})])
def test_only_the_long_level_runs_tests_marked_long_and_draws_ten_times_as_many_examples(
    tmp_path: Path, words: list[str], ran: set[str]
):
    for name in (
        "scripts/test",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/memory.py",
        "tests/network.py",
        "tests/examples.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests" / "test_levels.py").write_text(LEVELS, encoding="utf-8")
    tools = {"ruff": "", "mypy": "", "lint-imports": "", "python": f'exec {sys.executable} "$@"'}
    for name, does in {"scripts/setup": "", **{f".venv/bin/{tool}": does for tool, does in tools.items()}}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HYPOTHESIS", "PYTEST"))}
    done = subprocess.run(
        [tmp_path / "scripts" / "test", *words, "-n0"], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
    assert set((tmp_path / "ran").read_text(encoding="utf-8").splitlines()) == ran


def test_every_package_asked_for_is_pinned():
    groups = {**project()["dependency-groups"], **project()["project"]["optional-dependencies"]}
    assert asked_for(project()["project"]["dependencies"]) <= pins("run").keys()
    for group, requirements in groups.items():
        assert asked_for(requirements) <= pins(group).keys(), group


def test_every_package_imported_is_asked_for_and_no_other():
    needed = imported(PACKAGES)
    bulk = asked_for(project()["project"]["optional-dependencies"]["bulk"])
    assert bulk == needed - imported(PACKAGES, without="service/bulk")  # elsewhere, the extra may be missing
    needed -= bulk
    # Flask and Jinja depend on these two packages by the same authors; the packages of fonts are read and never imported;
    # only type checkers know _typeshed.
    asked = {name for name in asked_for(project()["project"]["dependencies"]) if not name.startswith("justmytype-")}
    assert needed - {"werkzeug", "markupsafe", "-typeshed"} == asked


def test_every_package_that_tests_import_is_pinned():
    assert imported(("tests", "benchmarks")) <= pins("test").keys()


def test_tests_run_on_the_versions_that_users_get():
    assert pins("run").items() <= pins("test").items()


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "requirements").glob("*.txt")))
def test_every_pin_has_a_hash_and_nothing_else_beside_it(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pin_or_hash = re.compile(r"[\w.-]+==[^\s;]+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert not [line for line in lines if not pin_or_hash.fullmatch(line)]
    assert len(re.findall(r"==.*\\\n    --hash", text)) == len(pins(name))


def test_no_test_can_reach_another_machine():
    # 192.0.2.1 is reserved for documentation, so no host has it (RFC 5737).
    with socket.socket() as sock, pytest.raises(NetworkUsedError):
        sock.connect(("192.0.2.1", 80))


def test_a_test_can_reach_a_server_of_its_own():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
