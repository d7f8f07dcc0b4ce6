"""The access rules: one file (access.toml) lists every route and who may call it. It is loaded and checked once."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("access.toml")


class AccessFileError(ValueError):
    """A fault in access.toml: the file, the item, and what is wrong with it."""

    def __init__(self, file: Path, item: str, fault: str) -> None:
        super().__init__(f"{file.name}: {item}: {fault}")
        self.file, self.item, self.fault = file, item, fault


@dataclass(frozen=True, slots=True)
class Access:
    """Roles and scopes with their purpose, and routes ("METHOD endpoint") with their roles, scope or purpose of a link, or the
    reason why they are open.
    """

    roles: Mapping[str, str]
    scopes: Mapping[str, str]
    open: Mapping[str, str]
    machines: Mapping[str, str]
    links: Mapping[str, str]
    pages: Mapping[str, frozenset[str]]
    api: Mapping[str, str]
    worker_derived_roles: frozenset[str]
    worker_derived_scope: str
    case_roles: frozenset[str]
    case_scope: str
    role_scopes: Mapping[str, frozenset[str]]
    audited_reads: Mapping[str, str]
    sign_in_again: frozenset[str]
    second_factor_roles: frozenset[str]

    def may_own_keys(self, role: str) -> bool:
        """Return whether keys that users with a role created go on working: only while they may still create keys."""
        return self.may_open(role, "keys.create", "POST")

    def may_open(self, role: str, endpoint: str, method: str = "GET") -> bool:
        """Return whether users with a role may call a page."""
        return role in self.pages.get(format_route(method, endpoint), frozenset())

    def sees_worker_derived(self, role: str | None, scopes: Collection[str]) -> bool:
        """Return whether a caller sees who reported what, or only that an indicator is raised
        (``service/report_content/redaction.py``).
        """
        return role in self.worker_derived_roles or self.worker_derived_scope in scopes

    def handles_cases(self, role: str | None, scopes: Collection[str]) -> bool:
        """Return whether a caller may record cases and upload case sheets."""
        return role in self.case_roles or self.case_scope in scopes

    def reads_cases(self, role: str | None, scopes: Collection[str]) -> bool:
        """Return whether a caller may read the case records themselves."""
        return role in self.case_roles or not {self.case_scope, self.worker_derived_scope}.isdisjoint(scopes)


def format_route(method: str, endpoint: str) -> str:
    """Return the name of a route in the file."""
    return f"{'GET' if method == 'HEAD' else method} {endpoint}"


def load_access(file: Path = FILE) -> Access:
    """Load the file. Raises AccessFileError for an undefined role or scope and for a route that is listed twice."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    roles, scopes = data["roles"], data["scopes"]

    def check_defined(item: str, names: Collection[str], defined: Mapping[str, object], what: str) -> None:
        if unknown := set(names) - defined.keys():
            raise AccessFileError(file, item, f"no such {what}: {min(unknown)}")

    pages = {route: frozenset(roles if allowed == "everyone" else allowed) for route, allowed in data["pages"].items()}
    for route, allowed in pages.items():
        check_defined(route, allowed, roles, "role")
    for route, scope in data["api"].items():
        check_defined(route, [scope], scopes, "scope")
    role_scopes = {
        role: frozenset(scopes if allowed == "all" else allowed) for role, allowed in data["role_scopes"].items()
    }
    if role_scopes.keys() != roles.keys():
        raise AccessFileError(file, "role_scopes", f"must name every role: {', '.join(roles)}")
    for role, allowed in role_scopes.items():
        check_defined(f"role_scopes.{role}", allowed, scopes, "scope")
    routes = [route for table in (data["open"], data["machines"], data["links"], pages, data["api"]) for route in table]
    if twice := {route for route in routes if routes.count(route) > 1}:
        raise AccessFileError(file, min(twice), "is listed in two tables")
    check_defined("audited_reads", data["audited_reads"], pages | data["api"], "route")
    sign_in_again = data["sign_in_again"]["routes"]
    check_defined("sign_in_again", sign_in_again, pages, "page")
    second_factor_roles = data["second_factor"]["roles"]
    check_defined("second_factor", second_factor_roles, roles, "role")
    worker_derived, cases = data["worker_derived"], data["case_records"]
    for item, section in (("worker_derived", worker_derived), ("case_records", cases)):
        check_defined(item, section["roles"], roles, "role")
        check_defined(item, [section["scope"]], scopes, "scope")
    return Access(
        roles,
        scopes,
        data["open"],
        data["machines"],
        data["links"],
        pages,
        data["api"],
        frozenset(worker_derived["roles"]),
        worker_derived["scope"],
        frozenset(cases["roles"]),
        cases["scope"],
        role_scopes,
        data["audited_reads"],
        frozenset(sign_in_again),
        frozenset(second_factor_roles),
    )


ACCESS = load_access()
