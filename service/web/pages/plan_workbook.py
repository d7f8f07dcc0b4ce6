"""The action plan workbook: download it, upload it, look at what it changes, and save that."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_blob_store, get_caller, read_session, write_session
from service.clock import now, today
from service.db.tables import Supplier
from service.errors import DomainError
from service.plan_workbook.changes import Outcome, preview_changes, save_changes
from service.plan_workbook.columns import PARTIES
from service.plan_workbook.reading import Table, read_workbook, search_texts
from service.plan_workbook.writing import write_workbook
from service.queries import remediation as queries
from service.queries.supplier_list import MEDIA_TYPES
from service.remediation.steps import build_act
from service.reporting.logos import load_logo
from service.web.downloads import build_download


def show_workbook() -> Response:
    """Show how to download the workbook and to send it back."""
    return _render_page(None, None, None)


def download_workbook() -> Response:
    """Return the open steps as a workbook."""
    form = request.args
    with read_session() as session:
        data = write_workbook(
            session,
            build_act(get_caller(), now()),
            supplier_id=form.get("supplier") or None,
            party=form.get("party") if form.get("party") in PARTIES else None,
            from_workers="from_workers" in form,
            logo=load_logo(session, get_blob_store()),
        )
    return build_download(data, MEDIA_TYPES["xlsx"], f"action_plan_{today(get_caller().time_zone).isoformat()}.xlsx")


def preview_workbook() -> Response:
    """Show what a filled-in workbook changes; what is wrong with it is shown above the form."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise DomainError("plan_workbook.file", 422, _("Choose a file."))
        table = read_workbook(file.read(), file.filename)
        with read_session() as session:
            outcome = preview_changes(session, table, build_act(get_caller(), now()))
    except DomainError as error:
        return _render_page(None, None, error)
    return _render_page(table, outcome, None)


def save_workbook() -> AnyResponse:
    """Save the changes that were shown. Steps that somebody else has changed since are left out, and listed."""
    try:
        table = _load_table(request.form.get("table", ""))
        with write_session() as session:
            outcome = save_changes(session, table, build_act(get_caller(), now()))
    except DomainError as error:
        return _render_page(None, None, error)
    count = len({change.step_id for change in outcome.changes})
    flash(ngettext("%(num)s step changed.", "%(num)s steps changed.", count))
    if outcome.stale:
        return _render_page(table, Outcome(stale=outcome.stale), None)
    return redirect(url_for("pages.plan_workbook"), 303)


def _load_table(text: str) -> Table:
    """Return the rows that the page of the preview contains. Raises DomainError, 422."""
    try:
        table = Table.from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DomainError("plan_workbook.file", 422, _("Upload the file again.")) from error
    return search_texts(table)


def _render_page(table: Table | None, outcome: Outcome | None, error: DomainError | None) -> Response:
    with read_session() as session:
        ids = [change.step_id for change in outcome.changes] + [id_ for _row, id_ in outcome.stale] if outcome else []
        steps = queries.get_steps(session, ids)
        page = render_template(
            "plan_workbook.html",
            table=table,
            outcome=outcome,
            content=json.dumps(_select_changed(table, outcome).to_json()) if table and outcome else "",
            steps=steps,
            suppliers=queries.get_suppliers(session, list(steps.values())),
            supplier=session.get(Supplier, request.args.get("supplier", "")),
            parties=PARTIES,
            sees_worker_derived=get_caller().sees_worker_derived,
            error=error,
            faults=_list_faults(error),
        )
    return make_response(page, error.status if error else 200)


def _select_changed(table: Table, outcome: Outcome) -> Table:
    return table.select({change.row for change in outcome.changes})


def _list_faults(error: DomainError | None) -> list[dict[str, Any]]:
    return list(error.extra.get("faults", ())) if error else []
