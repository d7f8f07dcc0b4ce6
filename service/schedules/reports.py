"""What a schedule sends instead of reviewing suppliers: a report, to users of the organisation (reports.toml). It is data::

    {"document": "brief", "format": "pdf", "worker_derived": false, "recipients": ["<id of a user>"]}

``worker_derived``: whether the report includes what workers reported.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.errors import DomainError

FILE = Path(__file__).with_name("reports.toml")
ACTION_PLAN = "action_plan"  # the only one of which recipients download the current state, and not a stored file
MAX_RECIPIENTS = 50


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the content of reports.toml."""
    with FILE.open("rb") as file:
        return tomllib.load(file)


def list_formats() -> Mapping[str, tuple[str, ...]]:
    """Return the formats of each document that a schedule can send."""
    return {document: tuple(rules["formats"]) for document, rules in load_rules()["documents"].items()}


def validate_report(session: Session, report: Mapping[str, Any], *, sees_worker_derived: bool) -> dict[str, Any]:
    """Return what a schedule sends, with all defaults filled in. ``sees_worker_derived``: whether its author sees what workers
    reported.

    Raises DomainError: ``schedule.document``, ``schedule.format``, 422; ``schedule.worker_derived``, 403, or 422 for a document
    that is the same for all; and ``schedule.recipients``, 422, for anybody but active users who may see the report.
    """
    document, format_, formats = str(report.get("document")), report.get("format"), list_formats()
    if document not in formats:
        raise DomainError("schedule.document", 422, f"Choose one of these reports: {', '.join(formats)}.")
    if format_ not in formats[document]:
        choice = ", ".join(formats[document])
        raise DomainError("schedule.format", 422, f"Choose one of these formats for this report: {choice}.")
    worker_derived = bool(report.get("worker_derived", False))
    if worker_derived and not sees_worker_derived:
        detail = "You do not have access to what workers reported, so you cannot schedule a report that contains it."
        raise DomainError("schedule.worker_derived", 403, detail)
    if worker_derived and document == ACTION_PLAN:
        detail = (
            "The action plan workbook has no such option: each recipient downloads the steps that they have access to."
        )
        raise DomainError("schedule.worker_derived", 422, detail)
    recipients = sorted(set(report.get("recipients", ())))
    complete = {"document": document, "format": format_, "worker_derived": worker_derived, "recipients": recipients}
    if not 1 <= len(recipients) <= MAX_RECIPIENTS or list_recipients(session, complete) != recipients:
        roles = find_roles(complete)
        who = f" with one of these roles: {', '.join(roles)}." if roles else "."
        detail = f"Choose 1 to {MAX_RECIPIENTS} active users of your organisation{who}"
        raise DomainError("schedule.recipients", 422, detail)
    return complete


def find_roles(report: Mapping[str, Any]) -> list[str] | None:
    """Return the roles whose users may get a report; None: all."""
    rules = load_rules()
    page_roles: list[str] | None = rules["documents"][report["document"]].get("page_roles")
    return list(rules["worker_derived"]["roles"]) if report["worker_derived"] else page_roles


def list_recipients(session: Session, report: Mapping[str, Any]) -> list[str]:
    """Return the ids of the recipients who are active and may see the report today."""
    query, roles = select(User.id).where(User.id.in_(report["recipients"]), User.active), find_roles(report)
    return list(session.scalars((query if roles is None else query.where(User.role.in_(roles))).order_by(User.id)))


def build_payload(report: Mapping[str, Any], **ids: str) -> dict[str, Any]:
    """Return what an event about a report carries: what it is and, if not all may see it, the roles whose users may."""
    roles = find_roles(report)
    return {**ids, "document": report["document"], **({"roles": roles} if roles else {})}
