"""Pages on how a list differs from the one before it, and what becomes of suppliers that it no longer names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import Questionnaire, load_combined_form
from service.auth.caller import get_caller, get_settings, read_session, write_session
from service.clock import now
from service.db.edition_tables import EditionEntry
from service.db.import_tables import Import
from service.db.tables import Supplier
from service.errors import DomainError
from service.imports import cases as import_cases
from service.imports import confirming, editions, records
from service.queries import lists
from service.report_content.labels import format_answer

ENTRIES_ON_PAGE = 50
PAIRS_ON_IMPORT = 10  # doubtful pairs that the page of an import shows; its page of differences lists all


def show_edition(import_id: str) -> Response:
    """Show the differences between a list and the one before it, in one state if the query says so."""
    return _render_page(import_id, None)


def choose_previous(import_id: str) -> AnyResponse:
    """Have an import compared with another list, or with none. Raises DomainError ``import.previous``, ``import.state``."""
    chosen, caller = request.form.get("previous") or None, get_caller()
    with write_session() as session:
        import_ = _get_import(session, import_id)
        if chosen != import_.choices.get("previous"):
            confirming.confirm_import(
                session,
                import_.id,
                {"previous": chosen},
                caller.actor,
                may_bring_cases=caller.handles_cases,
                max_waiting=get_settings().waiting_jobs,
            )
    return redirect(url_for("pages.one_import", import_id=import_id), 303)


def decide_gone(import_id: str) -> AnyResponse:
    """Record what becomes of the selected suppliers that are no longer on a list."""
    form = request.form
    try:
        with write_session() as session:
            import_ = _get_import(session, import_id)
            decided = editions.decide_gone(
                session, import_.id, form.getlist("entry"), form.get("decision", ""), now(), get_caller().actor
            )
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_page(import_id, error)
    flash(
        ngettext(
            "Your decision was saved for %(num)s supplier.", "Your decision was saved for %(num)s suppliers.", decided
        )
    )
    return redirect(url_for("pages.edition", import_id=import_id, state="gone"), 303)


def _get_import(session: Session, import_id: str) -> Import:
    return import_cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)


def _render_page(import_id: str, error: DomainError | None) -> Response:
    state = request.args.get("state", "")
    with read_session() as session:
        import_ = _get_import(session, import_id)
        page = lists.list_edition_entries(
            session,
            import_.id,
            state=state if state in editions.STATES else None,
            cursor=request.args.get("cursor"),
            limit=ENTRIES_ON_PAGE,
        )
        html = render_template(
            "edition.html",
            import_=import_,
            state=state,
            error=error,
            compared=describe_edition(session, import_),
            entries=[_describe(session, entry) for entry in page.items],
            next_cursor=page.next_cursor,
        )
    return make_response(html, error.status if error else 200)


def describe_edition(session: Session, import_: Import) -> dict[str, Any]:
    """Return what the page of an import shows of its comparison: the list before, the counts, and the first doubtful pairs.

    ``others``: the lists that can be chosen to compare it with, as (id, import, name of the first file).
    """
    doubtful = lists.list_edition_entries(session, import_.id, state="doubtful", limit=PAIRS_ON_IMPORT)
    previous = session.get(Import, import_.edition["previous_id"]) if import_.edition else None
    return {
        "previous": previous,
        "previous_name": _get_name(previous) if previous is not None else "",
        "counts": editions.count_states(session, import_),
        "pairs": [_describe(session, entry) for entry in doubtful.items],
        "others": [(other.id, other, _get_name(other)) for other in editions.list_latest(session, import_)],
    }


def _get_name(import_: Import) -> str:
    files = (import_.found or {}).get("files", ())
    return str(files[0]["name"]) if files else ""


def _describe(session: Session, entry: EditionEntry) -> Mapping[str, Any]:
    """Return an entry with its suppliers, and its differences as a page shows them: title, before and after."""
    form = load_combined_form(entry.kind)
    changes = [
        (
            form.by_id[change["question"]].title,
            *(_show(form, change["question"], change[side]) for side in ("before", "after")),
        )
        for change in entry.changes
        if change["question"] in form.by_id
    ]
    suppliers = [session.get(Supplier, one) if one else None for one in (entry.supplier_id, entry.before_id)]
    return {"entry": entry, "changes": changes, "supplier": suppliers[0], "before": suppliers[1]}


def _show(form: Questionnaire, question: str, answer: object) -> str:
    return "" if answer is None else format_answer(form, question, answer)
