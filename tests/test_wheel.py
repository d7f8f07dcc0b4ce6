"""The wheel: it contains all files that the packages read, and works without a checkout."""

import os
import re
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
from patience import PATIENCE

from reports.formats import FORMATS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("questionnaires", "risk_models", "reports", "service")
DEMO = ("seafood_and_construction_buyer.xlsx", "case_records.xlsx")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, as `scripts/setup` left it, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, folder=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def diligence(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds the wheel, and sees the packages of this one but not the checkout."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    uv, python = ROOT / ".tools/bin/uv", environment / "bin/python"
    run(uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, folder=environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched, but the .pth file in it that leads to the checkout is not read.
    (packages / "packages-of-the-tests.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return environment / "bin/diligence"


def run(*command: object, folder: Path, status: int = 0) -> str:
    """What a command prints. Fails with what it says on standard error where it ends with another status."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=outside(), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def outside() -> dict[str, str]:
    """The variables of the environment, without those that would lead to the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def test_the_wheel_holds_every_file_of_the_packages_and_of_the_demo(wheel: Path):
    packed = set(zipfile.ZipFile(wheel).namelist())
    for package in (*PACKAGES, "demo"):
        files = {path.relative_to(ROOT) for path in (ROOT / package).rglob("*") if path.is_file()}
        generated = {path for path in files if "__pycache__" in path.parts}
        generators = {path for path in files if package == "demo" and path.suffix == ".py"}
        assert {path.as_posix() for path in files - generated - generators} - packed == set(), package


def test_an_installed_wheel_reads_nothing_of_the_checkout(diligence: Path, tmp_path: Path):
    script = f"import {', '.join(PACKAGES)}; print(*(module.__file__ for module in ({', '.join(PACKAGES)})), sep='\\n')"
    places = run(diligence.parent / "python", "-c", script, folder=tmp_path).splitlines()
    assert [Path(place).is_relative_to(diligence.parents[1]) for place in places] == [True] * len(PACKAGES)


def test_an_installed_wheel_assesses_the_demo_with_maps_in_every_report(diligence: Path, tmp_path: Path):
    for name in DEMO:
        (tmp_path / name).write_bytes((ROOT / "demo" / name).read_bytes())
    printed = run(diligence, "assess", *DEMO, "--out", "report", "--on", "2026-11-25", folder=tmp_path, status=1)
    assert "43 of 44 rows scored" in printed  # the demo has one row that cannot be read: hence the status
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {"assessment.json", *(f"report.{name}" for name in FORMATS)}
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    for view in ("world", "asia-pacific"):
        drawn = ElementTree.fromstring(re.search(rf'<svg[^>]* id="{view}".*?</svg>', page, re.DOTALL)[0])
        outlines = [path for path in drawn.iter(f"{SVG}path") if len(path.get("d", "")) > 100]
        assert len(outlines) > 40
        coloured = {title.text.partition(":")[0] for path in outlines for title in path.findall(f"{SVG}title")}
        assert {"Thailand", "Malaysia"} <= coloured


def test_an_installed_wheel_serves_the_demo_with_styles_and_scripts(diligence: Path, tmp_path: Path):
    with serving(diligence, tmp_path) as address:
        page = fetch(address + "/")
        assert "Sign in" in page
        parts = re.findall(r'(?:<link[^>]* href|<script[^>]* src)="(/static/[^"]+)"', page)
        names = {part.rpartition("/")[2].partition("?")[0] for part in parts}
        assert {"bootstrap.min.css", "htmx.min.js", "app.css"} <= names
        for part in parts:
            assert len(fetch(address + part)) > 100, part


@contextmanager
def serving(diligence: Path, folder: Path) -> Iterator[str]:
    """The service with its demo, until the end of the block; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command, pipe = [str(diligence), "serve", "--demo", "--data", "data", "--port", str(port)], subprocess.PIPE
    process = subprocess.Popen(command, cwd=folder, env=outside(), stdout=pipe, stderr=pipe, text=True)
    try:
        first = process.stdout.readline()
        assert "Diligence is running at" in first, process.communicate()[1]
        yield re.search(r"http://[\d.:]+", first)[0]
    finally:
        process.kill()
        process.communicate()


def fetch(address: str) -> str:
    with urlopen(address, timeout=PATIENCE) as response:
        return response.read().decode()
