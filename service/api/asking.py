"""Asking through the API: forms and their empty workbooks, records of asking, forms that went out and came back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from questionnaires.form import form_ids, load
from questionnaires.workbook import template
from service.api import shown
from service.api.overview import MEDIA_TYPES
from service.api.responses import Reply, attachment
from service.auth.caller import caller, reading
from service.clock import today
from service.monitoring import follow_up
from service.refusal import Refused, not_found
from service.register import suppliers


def forms(session: Session) -> Reply:
    """The forms that can be sent out, each in its newest version."""
    found = [load(form_id) for form_id in form_ids()]
    items = [{"id": form.id, "version": form.version, "title": form.title, "kind": form.kind} for form in found]
    return Reply({"items": items, "next": None})


def empty(form_id: str) -> Response:
    """A form as an empty workbook."""
    if form_id not in form_ids():
        raise not_found("There is no such form.")
    asked = load(form_id)
    return attachment(template(asked), MEDIA_TYPES["xlsx"], f"{asked.id}_{asked.version}.xlsx")


def listing(session: Session, kind: str, supplier_id: str) -> Reply:
    """What a supplier was asked, newest first."""
    found = follow_up.of_supplier(session, suppliers.get(session, kind, supplier_id))
    return Reply({"items": [shown.asking(asked) for asked in found], "next": None})


def ask(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Records that a form goes to a supplier."""
    kept = suppliers.get(session, kind, supplier_id)
    told = (body["form"], body["sent_to"], today(caller().time_zone))
    asked, _ = follow_up.ask(session, kept, *told, caller().actor, body.get("version"))
    session.flush()
    address = f"/api/v1/{shown.PLURALS[kind]}/{kept.id}/askings/{asked.id}/form"
    return Reply(shown.asking(asked), 201, {"Location": address})


def form(kind: str, supplier_id: str, asking_id: str) -> Response:
    """The form of a record of asking, as the workbook that goes to the supplier."""
    with reading() as session:
        kept = suppliers.get(session, kind, supplier_id)
        asked = follow_up.get(session, kept, asking_id)
        data = follow_up.workbook(asked, kept, load(asked.form, asked.form_version))
    return attachment(data, MEDIA_TYPES["xlsx"], f"{asked.form}_{asked.form_version}_{asked.sent_on.isoformat()}.xlsx")


def returned(session: Session, kind: str, supplier_id: str, asking_id: str, body: Mapping[str, Any]) -> Reply:
    """Records that a form came back on a day; today unless told."""
    kept = suppliers.get(session, kind, supplier_id)
    follow_up.get(session, kept, asking_id)
    asked = follow_up.mark_returned(session, asking_id, day(body.get("on")), caller().actor)
    return Reply(shown.asking(asked))


def day(told: str | None) -> date:
    """The day in a body; today where there is none. Raises Refused, 422."""
    try:
        return today(caller().time_zone) if told is None else date.fromisoformat(told)
    except ValueError as fault:
        raise Refused("date.invalid", 422, "on: Say the day as year, month and day: 2026-03-01.") from fault
