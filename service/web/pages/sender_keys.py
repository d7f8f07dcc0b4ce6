"""Keys for signed answers on pages: that of this installation, and those of others that are accepted; importing answers."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from service.answer_bundles import keys
from service.answer_bundles.importing import import_bundle
from service.answer_bundles.own_keys import list_own_keys
from service.auth.caller import get_caller, get_settings, read_session, write_session
from service.clock import now, today
from service.errors import DomainError
from service.suppliers import repository as suppliers


def show() -> Response:
    """Show the keys of this installation and those that are accepted."""
    return _render(None)


def accept() -> AnyResponse:
    """Accept the key of another installation."""
    try:
        if request.form.get("compared") != "yes":
            raise DomainError(
                "key.unconfirmed", 422, _("Confirm that you have checked the fingerprint with its owner.")
            )
        with write_session() as session:
            keys.accept_key(
                session, request.form.get("public_key", ""), request.form.get("name", ""), get_caller().actor
            )
    except DomainError as error:
        return _render(error)
    flash(_("Key accepted. Answers signed with it can now be imported."))
    return redirect(url_for("pages.sender_keys"), 303)


def revoke(key_id: str) -> AnyResponse:
    """Revoke an accepted key permanently."""
    with write_session() as session:
        keys.revoke_key(session, key_id, get_caller().actor)
    flash(_("Key revoked. Answers signed with it can no longer be imported."))
    return redirect(url_for("pages.sender_keys"), 303)


def import_answers(kind: str, supplier_id: str) -> AnyResponse:
    """Import the signed answers of a supplier from its page."""
    file, caller = request.files.get("file"), get_caller()
    if file is None or not file.filename:
        raise DomainError("file.missing", 422, _("Choose a file."))
    data = file.read()
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        import_bundle(session, supplier, data, caller.actor, today(caller.time_zone), now())
    flash(_("Answers imported. The supplier has been reassessed."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id), 303)


def _render(error: DomainError | None) -> Response:
    with read_session() as session:
        accepted = keys.list_accepted_keys(session)
    html = render_template(
        "sender_keys.html",
        own=list_own_keys(get_settings()),
        accepted=accepted,
        values=request.form if error else {},
        error=error,
    )
    return make_response(html, error.status if error else 200)
