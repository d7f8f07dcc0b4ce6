"""The merge file: a link for each supplier of a campaign, for whoever sends the emails with their own program.

Only the hashes of links are stored, so each file has new ones, and its content is shown once.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO, StringIO
from typing import Literal

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.csv import guard
from service.audit import record_event
from service.campaigns.campaigns import get_campaign, withdraw_mail
from service.campaigns.contacts import load_contacts
from service.campaigns.rules import Calendar
from service.campaigns.sending import ADDRESSEE, build_link_path
from service.clock import now
from service.db.campaign_tables import CampaignSupplier
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.supplier_links.links import create_questionnaire_link
from service.suppliers.imposed_labour import find_imposed_labour

HEADERS = ("Supplier", "Reference", "Email", "Link", "Due date")
WIDTHS = (40, 18, 36, 90, 12)
FORMATS = ("xlsx", "csv")
Scope = Literal["unsent", "open"]
SCOPES: tuple[Scope, ...] = (
    "unsent",
    "open",
)  # those without a link so far; or all that have not returned the questionnaire


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the merge file. ``email``: "" without a confirmed address."""

    supplier_id: str
    supplier: str
    reference: str
    email: str
    link: str
    due_on: date


def create_links(session: Session, campaign_id: str, scope: str, address: str, by: str) -> list[Line]:
    """Create a new link for each supplier, whose questionnaire counts as sent. ``address``: of this installation.

    Raises DomainError: ``not_found``; ``merge_file.scope``, 422; ``campaign.not_running``, ``merge_file.nobody``, 409.
    """
    if scope not in SCOPES:
        raise DomainError("merge_file.scope", 422, f"Choose which suppliers the file is for: {', '.join(SCOPES)}.")
    campaign = get_campaign(session, campaign_id, lock=True)
    if campaign.state != "running":
        raise DomainError(
            "campaign.not_running", 409, "This campaign is paused or has been cancelled, so nothing can be sent."
        )
    query = (
        select(CampaignSupplier, QuestionnaireRequest, Supplier)
        .join(QuestionnaireRequest, QuestionnaireRequest.id == CampaignSupplier.asking_id)
        .join(Supplier, Supplier.id == CampaignSupplier.supplier_id)
        .where(
            CampaignSupplier.campaign_id == campaign_id,
            CampaignSupplier.state.in_(("queued",) if scope == "unsent" else ("queued", "sent", "bounced")),
            QuestionnaireRequest.returned_on.is_(None),
        )
        .order_by(Supplier.sort_name, Supplier.id)
        .with_for_update(of=CampaignSupplier)
    )
    found, at, lines = session.execute(query).all(), now(), []
    contacts = load_contacts(session, [supplier.id for *_, supplier in found])
    imposed = find_imposed_labour(session, [supplier for *_, supplier in found], at.date())
    for row, request, supplier in found:
        closes_at = Calendar(row.due_at).closes_at
        if closes_at <= at or supplier.id in imposed:
            continue
        _, token = create_questionnaire_link(session, request, ADDRESSEE, closes_at, by)
        email = contacts[supplier.id].email if supplier.id in contacts else ""
        link = f"{address}{build_link_path(token, row.language)}"
        lines.append(Line(supplier.id, supplier.name or "", supplier.reference or "", email, link, campaign.due_on))
        withdraw_mail(session, row)  # it must not be sent as well
        row.state, row.reason, row.delivered_at, row.changed_by, row.changed_at = "sent", None, at, by, at
        row.next_at = Calendar(row.due_at).find_next(at)
    if not lines:
        raise DomainError(
            "merge_file.nobody",
            409,
            "No suppliers are still waiting for a link. Choose all suppliers that have not answered.",
        )
    record_event(session, by, "campaign.merge_file", "campaign", campaign.id, {"links": len(lines), "scope": scope})
    return lines


def write_merge_file(lines: Sequence[Line], format: str) -> bytes:  # noqa: A002
    """Return the links as a file. Raises DomainError ``merge_file.format``, 422."""
    if format not in FORMATS:
        raise DomainError("merge_file.format", 422, f"Choose the format of the file: {', '.join(FORMATS)}.")
    cells = [(one.supplier, one.reference, one.email, one.link, one.due_on.isoformat()) for one in lines]
    return _write_csv(cells) if format == "csv" else _write_workbook(cells)


def _write_csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows([guard(cell) for cell in line] for line in lines)
    return text.getvalue().encode("utf-8-sig")


def _write_workbook(lines: Sequence[Sequence[str]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Links"
    for column, width in enumerate(WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    for number, line in enumerate((HEADERS, *lines), 1):
        for column, text in enumerate(line, 1):
            cell = sheet.cell(number, column, text)
            cell.data_type = "s"  # stored as text, even if it begins with "="
    sheet.freeze_panes = "A2"
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()
