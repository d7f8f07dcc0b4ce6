"""Import the signed answers of a supplier from another installation: as its own answers, of the day on which it sent them there.

The texts go the way of a returned questionnaire: nothing in the file is taken as validated, and evidence in it is only claimed.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from questionnaires.form import list_form_ids, list_versions, load_form
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.validation.text_answers import validate_texts
from questionnaires.workbook import list_outgoing_questions
from risk_models.answers import from_columns
from service.answer_bundles.format import Bundle, read_bundle
from service.audit import record_event
from service.db.bundle_tables import AcceptedKey, ImportedBundle
from service.db.tables import Supplier
from service.errors import DomainError
from service.online_questionnaires.checking import SENT_CAUSE
from service.questionnaires_sent.requests import IDENTITY_QUESTIONS, list_prefilled
from service.suppliers import repository as suppliers
from service.suppliers.key_grades import have_different_names, have_different_places
from service.watchlists.lists import request_screening


def import_bundle(session: Session, supplier: Supplier, data: bytes, by: str, on: date, at: datetime) -> ImportedBundle:
    """Save the signed answers of a supplier, and assess it. ``on``: the day of the assessment.

    Raises DomainError: as :func:`read_bundle` does; ``bundle.unknown_key``, ``bundle.revoked_key``, 403; ``bundle.replayed``,
    ``bundle.outdated``, 409; ``bundle.form``, ``bundle.date``, ``bundle.other_supplier``, ``bundle.answers``, 422.
    """
    bundle = read_bundle(data)
    key = _find_key(session, bundle)
    _check(bundle, supplier, on)
    _check_supplier(bundle, supplier)
    imported = ImportedBundle(
        supplier_id=supplier.id,
        key_id=key.id,
        digest=bundle.digest,
        form=bundle.form,
        form_version=bundle.form_version,
        answered_on=bundle.sent_on,
        imported_by=by,
        imported_at=at,
    )
    try:
        with session.begin_nested():
            session.add(imported)
    except IntegrityError as error:
        raise DomainError("bundle.replayed", 409, "These answers have already been imported.") from error
    answers = _read_answers(bundle, supplier)
    origin = suppliers.Origin(on, at, by, SENT_CAUSE)
    suppliers.save_suppliers(session, supplier.kind, [suppliers.IncomingSupplier(answers, {}, supplier.key)], origin)
    request_screening(session, by, supplier_ids=[supplier.id])
    details = {"bundle": imported.id, "key": key.id, "form": bundle.form, "version": bundle.form_version}
    record_event(session, by, "bundle.imported", supplier.kind, supplier.id, details)
    return imported


def _find_key(session: Session, bundle: Bundle) -> AcceptedKey:
    """Return the accepted key that signed a bundle, locked so that it is not revoked meanwhile."""
    query = select(AcceptedKey).where(AcceptedKey.fingerprint == bundle.fingerprint).with_for_update(read=True)
    key = session.scalars(query).first()
    if key is None:
        raise DomainError(
            "bundle.unknown_key",
            403,
            f"The key that signed these answers has not been accepted. Its fingerprint is {bundle.fingerprint}.",
        )
    if key.revoked_at is not None:
        raise DomainError("bundle.revoked_key", 403, "The key that signed these answers has been revoked.")
    return key


def _check(bundle: Bundle, supplier: Supplier, on: date) -> None:
    if bundle.form not in list_form_ids() or bundle.form_version not in list_versions(bundle.form):
        detail = f"This installation does not have version {bundle.form_version} of the form “{bundle.form}”."
        raise DomainError("bundle.form", 422, detail)
    if load_form(bundle.form, bundle.form_version).kind != supplier.kind:
        raise DomainError("bundle.form", 422, "These answers belong to a form for another kind of supplier.")
    if bundle.sent_on > on:
        raise DomainError("bundle.date", 422, "These answers are dated in the future.")
    latest = (supplier.form_answers or {}).get("form_returned")
    if isinstance(latest, str) and latest > bundle.sent_on.isoformat():
        detail = (
            f"This supplier has already returned a newer questionnaire ({latest}), so these answers are not imported."
        )
        raise DomainError("bundle.outdated", 409, detail)


def _check_supplier(bundle: Bundle, supplier: Supplier) -> None:
    """Raise DomainError ``bundle.other_supplier``, 422, if the answers are clearly about another supplier, or another site of its
    company: one could pass on the file of a better one.
    """
    form = load_form(bundle.form, bundle.form_version)
    texts = {question: text for question, text in bundle.answers.items() if question in IDENTITY_QUESTIONS}
    texts["name"] = bundle.name or texts.get("name") or supplier.name
    read = validate_texts(form, texts, bundle.sent_on, shown=list(texts))
    described = from_columns(1, read.answers).to_rows()[0] if read.answers else {}
    known, countries = supplier.answers, [described.get("country"), supplier.answers.get("country")]
    if have_different_names(described, known) or have_different_places(described, known) or _differ(*countries):
        place = ", ".join(texts[question] for question in ("name", "address", "country") if texts.get(question))
        detail = (
            f"These answers are about another supplier or site ({place}). If they are about this supplier, correct its "
            "name, address or country here first."
        )
        raise DomainError("bundle.other_supplier", 422, detail)


def _differ(one: object, other: object) -> bool:
    return one not in (None, *RESERVED_ANSWERS) and other not in (None, *RESERVED_ANSWERS) and one != other


def _read_answers(bundle: Bundle, supplier: Supplier) -> dict[str, object]:
    """Return the valid answers of a bundle as JSON. What identifies the supplier here is not replaced by what another buyer calls
    it, and no question counts that is not put to suppliers in its country.
    """
    form = load_form(bundle.form, bundle.form_version)
    asked = {question.id for question in list_outgoing_questions(form, supplier.answers.get("country"))}
    known = {
        question: text for question, text in list_prefilled(supplier).items() if text and question in IDENTITY_QUESTIONS
    }
    shown = [question for question in bundle.shown if question in asked]
    texts = {question: text for question, text in bundle.answers.items() if question in asked}
    read = validate_texts(form, {**texts, **known}, bundle.sent_on, shown=shown)
    if not read.answers:
        raise DomainError("bundle.answers", 422, "None of these answers can be used here.")
    return from_columns(1, read.answers).to_rows()[0]
