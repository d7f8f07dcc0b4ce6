"""Look up the pinned packages of requirements/ and assets/ in the OSV database; see scripts/vulnerabilities.

pip-audit asks about the packages of Python. It knows no others, so those from npm are asked about here, in the same database.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import requests

NOTHING, FOUND, NOT_ASKED = 0, 1, 2
PINS = sorted(Path("requirements").glob("*.txt"))
LOCK, ACCEPTED = Path("assets/package-lock.json"), Path("requirements/accepted-vulnerabilities.toml")
OSV = "https://api.osv.dev/v1/query"
TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a pinned package. ``ids``: all names that databases have given it."""

    package: str
    version: str
    ids: tuple[str, ...]
    about: str
    fixed_in: tuple[str, ...]


def find_in_python(url: str) -> Iterator[Vulnerability]:
    """Yield what is known of the packages in requirements/. Raises SystemExit if the database could not be asked."""
    options = ["--vulnerability-service=osv", f"--osv-url={url}", f"--timeout={TIMEOUT}", "--format=json"]
    options += ["--disable-pip", "--require-hashes", "--strict", "--progress-spinner=off"]
    for file in PINS:  # each by itself: pip-audit refuses two versions of a package, which tools and service may have
        command = [str(Path(sys.executable).with_name("pip-audit")), *options, "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            stop(done.stderr.strip().splitlines()[-1:] or ["pip-audit failed"])
        for package in packages:
            for each in package["vulns"]:
                ids, fixes = (each["id"], *each["aliases"]), tuple(each["fix_versions"])
                yield Vulnerability(package["name"], package["version"], ids, each["description"], fixes)


def find_in_assets(url: str) -> Iterator[Vulnerability]:
    """Yield what is known of the packages in assets/package-lock.json. Raises SystemExit as for Python."""
    for path, package in json.loads(LOCK.read_text(encoding="utf-8"))["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if not name:
            continue  # the list itself
        question = {"package": {"name": name, "ecosystem": "npm"}, "version": package["version"]}
        try:
            answer = requests.post(url, json=question, timeout=TIMEOUT)
            answer.raise_for_status()
            known = answer.json().get("vulns", [])
        except (requests.RequestException, ValueError) as error:
            stop([str(error)])
        for each in known:
            if "withdrawn" not in each:
                ids = (each["id"], *each.get("aliases", ()))
                yield Vulnerability(name, package["version"], ids, each.get("summary", ""), tuple(list_fixes(each)))


def list_fixes(known: dict[str, Any]) -> list[str]:
    """Return the versions in which a vulnerability of a package from npm is fixed."""
    ranges = [each for affected in known.get("affected", ()) for each in affected.get("ranges", ())]
    return sorted({event["fixed"] for each in ranges for event in each["events"] if "fixed" in event})


def read_accepted() -> dict[str, dict[str, Any]]:
    """Return the accepted vulnerabilities by id. Raises SystemExit for one without package, reason or day."""
    accepted = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    for name, entry in accepted.items():
        if set(entry) != {"package", "reason", "until"} or not entry["reason"] or type(entry["until"]) is not date:
            stop([f"{ACCEPTED}: {name} needs a package, a reason and a day until which it is accepted."])
    return accepted


def report(found: list[Vulnerability], accepted: dict[str, dict[str, Any]], on: date) -> int:
    """Print what was found and return the exit status."""
    to_do = 0
    for each in found:
        entry = next((accepted[name] for name in each.ids if name in accepted), None)
        if entry is not None and entry["package"] == each.package and on <= entry["until"]:
            print(f"accepted until {entry['until']}: {describe(each)}\n    {entry['reason']}")
            continue
        to_do += 1
        overdue = f" (was accepted until {entry['until']})" if entry is not None and on > entry["until"] else ""
        print(
            f"{describe(each)}{overdue}\n    {each.about}\n    fixed in: {', '.join(each.fixed_in) or 'no version yet'}"
        )
    for name in sorted(accepted.keys() - {name for each in found for name in each.ids}):
        print(f"{name} is accepted in {ACCEPTED} but is no longer found: remove it there.")
    print(f"vulnerabilities: {to_do} to do, {len(found) - to_do} accepted")
    return FOUND if to_do else NOTHING


def describe(each: Vulnerability) -> str:
    """Return a package, its version, what was found, and the files that pin it."""
    files = [str(file) for file in PINS if f"\n{each.package}=={each.version} " in file.read_text(encoding="utf-8")]
    return f"{each.package} {each.version}: {', '.join(each.ids)} ({', '.join(files) or LOCK})"


def stop(lines: list[str]) -> NoReturn:
    """Say why the database could not be asked, and end."""
    print("vulnerabilities:", *lines, file=sys.stderr)
    sys.exit(NOT_ASKED)


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Look up every pinned package in a database of known vulnerabilities.")
    parser.add_argument("--osv-url", default=OSV, metavar="URL", help=f"address of the database (default: {OSV})")
    url = parser.parse_args().osv_url
    accepted = read_accepted()
    found = list(dict.fromkeys([*find_in_python(url), *find_in_assets(url)]))
    return report(found, accepted, datetime.now(UTC).date())


sys.exit(main())
