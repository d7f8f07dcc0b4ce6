"""Set what a connected system calls a supplier, on the page of the supplier."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, write_session
from service.clock import now
from service.connected_systems import identifiers
from service.suppliers import repository as suppliers


def set_identifier(kind: str, supplier_id: str) -> AnyResponse:
    """Set what a system calls a supplier, or remove it if the field is empty."""
    text, system_id = request.form.get("identifier", "").strip(), request.form.get("system_id", "")
    by = get_caller().actor
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        if text:
            identifiers.set_identifier(session, supplier, system_id, text, now(), by)
        else:
            identifiers.remove_identifier(session, supplier, system_id, by)
    flash(_("Identifier saved.") if text else _("Identifier removed."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="connected"), 303)
