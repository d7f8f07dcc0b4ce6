"""What an installation is made of: the bill of materials lists all of it, and known vulnerabilities of it are found.

Both run as the commands that a maintainer runs. A server on this machine answers in place of the OSV database.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from service.clock import today

ROOT = Path(__file__).parents[1]
VALIDATE = """
import sys
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
sys.exit(str(make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(sys.stdin.read()) or "") or None)
"""


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_the_bill_of_materials_lists_every_pin_with_its_hashes_and_licence_and_nothing_else(tmp_path: Path) -> None:
    done = run("scripts/sbom", tmp_path / "sbom.json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "sbom.json").read_text(encoding="utf-8")
    bom = json.loads(text)

    requirements = (ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9-]+)==([^ ]+)", requirements, re.MULTILINE)
    assets = json.loads((ROOT / "assets/package.json").read_text(encoding="utf-8"))["dependencies"]
    expected = {f"pkg:pypi/{name}@{version}" for name, version in pins}
    expected |= {f"pkg:npm/{name}@{version}" for name, version in assets.items()}
    assert {component["purl"] for component in bom["components"]} == expected
    assert len(bom["components"]) == len(expected)
    assert all(component["licenses"] for component in bom["components"])
    hashes = {digest["content"] for digest in find_hashes(bom)}
    assert hashes >= set(re.findall(r"sha256:([0-9a-f]{64})", requirements))
    assert bom["metadata"]["component"]["name"] == "diligence"

    # The same checkout gives the same bytes elsewhere and at another time.
    assert str(ROOT) not in text
    assert "timestamp" not in bom["metadata"]
    assert "serialNumber" not in bom

    # The validator takes ten seconds for all of them: one of each kind follows the schema as the others do.
    kinds = {(*sorted(each), *map(str, map(sorted, each["licenses"]))): each for each in bom["components"]}
    bom["components"] = list(kinds.values())
    for reference in (reference for each in bom["components"] for reference in each.get("externalReferences", ())):
        del reference.get("hashes", [])[1:]
    checked = run(".tools/bin/python", "-c", VALIDATE, input=json.dumps({**bom, "dependencies": []}))
    assert checked.returncode == 0, checked.stderr


def find_hashes(bom: dict[str, Any]) -> list[dict[str, str]]:
    references = [reference for component in bom["components"] for reference in component.get("externalReferences", ())]
    return [digest for holder in [*bom["components"], *references] for digest in holder.get("hashes", ())]


PILLOW = {
    "id": "GHSA-test-test-0001",
    "aliases": ["CVE-2026-0001"],
    "summary": "A file can crash the decoder.",
    "affected": [
        {
            "package": {"name": "pillow", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "13.0.1"}]}],
        }
    ],
}
HTMX = {
    "id": "GHSA-test-test-0002",
    "summary": "A page can run a script.",
    "affected": [{"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.12"}]}]}],
}
WITHDRAWN = {"id": "GHSA-test-test-0003", "withdrawn": "2026-01-01T00:00:00Z"}


class Osv(BaseHTTPRequestHandler):
    """The part of OSV's API that is asked: what it knows of one version of one package."""

    known = {("PyPI", "pillow"): [PILLOW], ("npm", "htmx.org"): [HTMX], ("npm", "bootstrap"): [WITHDRAWN]}

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]
        known = self.known.get((asked["ecosystem"], asked["name"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": known} if known else {}).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def osv() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def search(folder: Path, url: str, accepted: str = "") -> subprocess.CompletedProcess[str]:
    """Look up two packages of Python and the assets of the checkout."""
    (folder / "requirements").mkdir(exist_ok=True)
    pins = [f"{name} \\\n    --hash=sha256:{'0' * 64}\n" for name in ("flask==3.1.3", "pillow==13.0.0")]
    (folder / "requirements/run.txt").write_text("# pins\n" + "".join(pins), encoding="utf-8")
    (folder / "requirements/accepted-vulnerabilities.toml").write_text(accepted, encoding="utf-8")
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets/package-lock.json").write_bytes((ROOT / "assets/package-lock.json").read_bytes())
    command = [ROOT / ".tools/bin/python", ROOT / "scripts/vulnerabilities.py", "--osv-url", url]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def accept(name: str, package: str, days: int) -> str:
    day = today() + timedelta(days=days)
    return f'["{name}"]\npackage = "{package}"\nreason = "We read PNG only."\nuntil = {day}\n'


def test_known_vulnerabilities_of_python_packages_and_assets_are_reported_with_their_fix(
    tmp_path: Path, osv: str
) -> None:
    done = search(tmp_path, osv)
    assert done.returncode == 1, done.stderr
    assert "pillow 13.0.0: CVE-2026-0001, GHSA-test-test-0001 (requirements/run.txt)" in done.stdout
    assert "fixed in: 13.0.1" in done.stdout
    assert "htmx.org 2.0.11: GHSA-test-test-0002 (assets/package-lock.json)" in done.stdout
    assert "fixed in: 2.0.12" in done.stdout
    assert "GHSA-test-test-0003" not in done.stdout
    assert "vulnerabilities: 2 to do, 0 accepted" in done.stdout


def test_an_accepted_vulnerability_fails_again_after_its_day(tmp_path: Path, osv: str) -> None:
    htmx = accept("GHSA-test-test-0002", "htmx.org", 30)
    done = search(tmp_path, osv, accept("CVE-2026-0001", "pillow", 0) + htmx)
    assert done.returncode == 0, done.stdout
    assert "vulnerabilities: 0 to do, 2 accepted" in done.stdout

    done = search(tmp_path, osv, accept("CVE-2026-0001", "pillow", -1) + htmx)
    assert done.returncode == 1
    assert "was accepted until" in done.stdout
    assert "vulnerabilities: 1 to do, 1 accepted" in done.stdout


def test_a_database_that_cannot_be_asked_is_never_a_clean_result(tmp_path: Path) -> None:
    done = search(tmp_path, "http://127.0.0.1:9/v1/query")
    assert done.returncode == 2
    assert "to do" not in done.stdout
    assert done.stderr.startswith("vulnerabilities: ")


def test_every_accepted_vulnerability_has_a_reason_and_a_day(tmp_path: Path, osv: str) -> None:
    done = search(tmp_path, osv, '["CVE-2026-0001"]\npackage = "pillow"\n')
    assert done.returncode == 2
    assert "CVE-2026-0001 needs a package, a reason and a day" in done.stderr
