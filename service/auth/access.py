"""The one file that lists every route and who may call it (access.toml), read once and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("access.toml")


class AccessFileError(ValueError):
    """access.toml is faulty: one sentence for its author."""


@dataclass(frozen=True, slots=True)
class Access:
    """``roles`` and ``scopes`` with what they are for; lines "METHOD endpoint" with the reason, the roles or the scope."""

    roles: Mapping[str, str]
    scopes: Mapping[str, str]
    open: Mapping[str, str]
    pages: Mapping[str, frozenset[str]]
    api: Mapping[str, str]
    worker_derived_roles: frozenset[str]
    worker_derived_scope: str
    case_roles: frozenset[str]
    case_scope: str

    def may_open(self, role: str, endpoint: str, method: str = "GET") -> bool:
        """Whether people of a role may call a page."""
        return role in self.pages.get(format_route(method, endpoint), frozenset())

    def sees_worker_derived(self, role: str | None, scopes: Collection[str]) -> bool:
        """Whether somebody is shown who reported what, or only that an indicator is raised
        (``service/report_content/redaction.py``).
        """
        return role in self.worker_derived_roles or self.worker_derived_scope in scopes

    def handles_cases(self, role: str | None, scopes: Collection[str]) -> bool:
        """Whether somebody may record cases, and bring sheets of them."""
        return role in self.case_roles or self.case_scope in scopes

    def reads_cases(self, role: str | None, scopes: Collection[str]) -> bool:
        """Whether somebody may read the case records themselves."""
        return role in self.case_roles or not {self.case_scope, self.worker_derived_scope}.isdisjoint(scopes)


def format_route(method: str, endpoint: str) -> str:
    """How a route is written in the file."""
    return f"{'GET' if method == 'HEAD' else method} {endpoint}"


def load_access(file: Path = FILE) -> Access:
    """The file; raises BadAccess for a role or scope it does not define and for a route that stands in it twice."""
    read = tomllib.loads(file.read_text(encoding="utf-8"))
    roles, scopes = read["roles"], read["scopes"]
    pages = {name: frozenset(roles if may == "everyone" else may) for name, may in read["pages"].items()}
    for name, may in pages.items():
        if unknown := may - roles.keys():
            raise AccessFileError(f"{file.name}: {name}: no such role: {min(unknown)}")
    for name, scope in read["api"].items():
        if scope not in scopes:
            raise AccessFileError(f"{file.name}: {name}: no such scope: {scope}")
    tables = (read["open"], pages, read["api"])
    names = [name for table in tables for name in table]
    if twice := {name for name in names if names.count(name) > 1}:
        raise AccessFileError(f"{file.name}: {min(twice)} stands in two tables")
    of_workers = read["worker_derived"]
    if unknown := set(of_workers["roles"]) - roles.keys():
        raise AccessFileError(f"{file.name}: worker_derived: no such role: {min(unknown)}")
    if of_workers["scope"] not in scopes:
        raise AccessFileError(f"{file.name}: worker_derived: no such scope: {of_workers['scope']}")
    cases = read["case_records"]
    if unknown := set(cases["roles"]) - roles.keys():
        raise AccessFileError(f"{file.name}: case_records: no such role: {min(unknown)}")
    if cases["scope"] not in scopes:
        raise AccessFileError(f"{file.name}: case_records: no such scope: {cases['scope']}")
    return Access(
        roles,
        scopes,
        read["open"],
        pages,
        read["api"],
        frozenset(of_workers["roles"]),
        of_workers["scope"],
        frozenset(cases["roles"]),
        cases["scope"],
    )


ACCESS = load_access()
