"""The page of remembered columns: what the columns of earlier files were said to be, and the forms to forget that."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import load_combined_form
from service.auth.caller import get_caller, read_session, write_session
from service.imports import mappings


def show_mappings() -> str:
    """Show all remembered mappings, the latest first."""
    with read_session() as session:
        remembered = mappings.list_mappings(session)
        confirmers = mappings.find_confirmers(session, [mapping.confirmed_by for mapping in remembered])
        titles = {kind: {q.id: q.title for q in load_combined_form(kind).questions} for kind in mappings.KINDS}
        return render_template("column_mappings.html", mappings=remembered, confirmers=confirmers, titles=titles)


def delete_mapping(mapping_id: str) -> AnyResponse:
    """Forget a mapping. Raises DomainError, 404."""
    with write_session() as session:
        mappings.delete_mapping(session, mapping_id, get_caller().actor)
    flash(_("This mapping will no longer be remembered. Suppliers that have already been imported do not change."))
    return redirect(url_for("pages.column_mappings"), 303)
