"""Where questionnaires for suppliers go: one confirmed mailbox each, entered by hand or from a sheet; never that of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from questionnaires.limits import FileRefused
from questionnaires.sheet import Sheet, cell_name, read_sheets
from questionnaires.text_normalize import fold_text
from service.audit import record_event
from service.clock import now
from service.db.campaign_tables import SupplierContact
from service.db.session import chunks
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.outbox.mail_texts import list_mail_languages
from service.outbox.queue import is_address

COLUMNS = {
    "reference": frozenset({"reference", "supplier reference", "supplier id", "id"}),
    "name": frozenset({"name", "supplier", "supplier name"}),
    "email": frozenset({"email", "e mail", "e-mail", "email address", "mail"}),
}
MOST_ROWS, MOST_FAULTS = 5_000, 20


@dataclass(frozen=True, slots=True)
class Saved:
    """How many addresses of a sheet were new or changed, and how many were known already."""

    changed: int
    unchanged: int


def get_contact(session: Session, supplier_id: str) -> SupplierContact | None:
    """Return where questionnaires for a supplier go, None if no address was confirmed."""
    return load_contacts(session, [supplier_id]).get(supplier_id)


def load_contacts(session: Session, supplier_ids: Sequence[str]) -> Mapping[str, SupplierContact]:
    """Return the confirmed addresses of suppliers by their ids."""
    found: dict[str, SupplierContact] = {}
    for ids in chunks(supplier_ids):
        query = select(SupplierContact).where(SupplierContact.supplier_id.in_(ids))
        for contact in session.scalars(query.order_by(SupplierContact.confirmed_at, SupplierContact.id)):
            found[contact.supplier_id] = contact
    return found


def save_contact(
    session: Session, supplier: Supplier, email: str, language: str | None, by: str, *, confirmed: bool
) -> SupplierContact:
    """Save where questionnaires for a supplier go, in the place of an earlier address. ``language``: None for its country's.

    Raises DomainError, 422: ``contact.email``; ``contact.language``; ``contact.unconfirmed``.
    """
    email = email.strip()
    if not is_address(email):
        raise DomainError("contact.email", 422, "Enter one email address, such as office@supplier.example.")
    if language is not None and language not in list_mail_languages():
        known = ", ".join(list_mail_languages())
        raise DomainError("contact.language", 422, f"Choose a language that emails are available in: {known}.")
    if not confirmed:
        raise DomainError(
            "contact.unconfirmed",
            422,
            "Confirm that this address belongs to the supplier's management, not to a worker.",
        )
    session.execute(delete(SupplierContact).where(SupplierContact.supplier_id == supplier.id))
    contact = SupplierContact(
        supplier_id=supplier.id, email=email, language=language, confirmed_by=by, confirmed_at=now()
    )
    session.add(contact)
    record_event(session, by, "contact.confirmed", supplier.kind, supplier.id)
    session.flush()
    return contact


def note_language(session: Session, asking_id: str, language: str) -> None:
    """Save the language in which a supplier reads a questionnaire: with its request, and with its address if emails have it."""
    request = session.get_one(QuestionnaireRequest, asking_id)
    if request.language == language:
        return
    request.language = language
    contact = get_contact(session, request.supplier_id)
    if contact is not None and language in list_mail_languages():
        contact.language = language


def delete_contact(session: Session, supplier: Supplier, by: str) -> None:
    """Delete the address of a supplier. Nothing happens if it has none."""
    found = session.scalars(
        delete(SupplierContact)
        .where(SupplierContact.supplier_id == supplier.id)
        .returning(SupplierContact.id)
        .execution_options(synchronize_session="fetch")
    )
    if found.first() is not None:
        record_event(session, by, "contact.deleted", supplier.kind, supplier.id)


def count_contacts(session: Session) -> int:
    """Return how many suppliers have a confirmed address."""
    return session.scalars(select(func.count(SupplierContact.supplier_id.distinct()))).one()


def save_sheet(session: Session, data: bytes, name: str, by: str, *, confirmed: bool) -> Saved:
    """Save the addresses of a sheet with the columns Reference (or Name) and Email: all of them, or none.

    Raises DomainError, 422: ``contact.unconfirmed``; ``contact.file``, which names each cell that is wrong, with the fix.
    """
    rows = _read_rows(data, name)
    suppliers = _find_suppliers(session, [key for _, key, _ in rows])
    faults: list[str] = []
    chosen: dict[Supplier, str] = {}
    for place, key, email in rows:
        found = suppliers.get(fold_text(key), [])
        if not is_address(email):
            faults.append(f"{place}: “{email}” is not an email address. Enter one, such as office@supplier.example.")
        elif not found:
            faults.append(
                f"{place}: there is no supplier called “{key}”. Enter the reference shown in the list of suppliers."
            )
        elif len(found) > 1:
            faults.append(f"{place}: there are several suppliers called “{key}”. Enter the reference of one of them.")
        elif chosen.setdefault(found[0], email) != email:
            faults.append(
                f"{place}: an earlier row gives this supplier the address {chosen[found[0]]}. Keep only one of the two."
            )
    if faults:
        raise _refuse(" ".join(faults[:MOST_FAULTS]))
    known = load_contacts(session, [supplier.id for supplier in chosen])
    changed = [(one, email) for one, email in chosen.items() if one.id not in known or known[one.id].email != email]
    for supplier, email in changed:
        language = known[supplier.id].language if supplier.id in known else None
        save_contact(session, supplier, email, language, by, confirmed=confirmed)
    return Saved(len(changed), len(chosen) - len(changed))


def _read_rows(data: bytes, name: str) -> list[tuple[str, str, str]]:
    """Return the place, the reference or name, and the address of each row that has an address."""
    try:
        sheets = [sheet for sheet in read_sheets(data, name) if sheet.n_rows]
    except FileRefused as refused:
        raise DomainError(refused.code, 422, f"{refused.detail} {refused.cure}") from refused
    if not sheets:
        raise _refuse("The file has no rows.")
    sheet = sheets[0]
    headers = [fold_text(column.values[code]) if (code := column.codes[0]) >= 0 else "" for column in sheet.columns]
    at = {field: i for i, header in enumerate(headers) for field, names in COLUMNS.items() if header in names}
    if "email" not in at or not at.keys() & {"reference", "name"}:
        raise _refuse("The first row must contain the headers Reference (or Name) and Email.")
    if sheet.n_rows - 1 > MOST_ROWS:
        raise _refuse(f"Split the file: at most {MOST_ROWS:,} rows are read at a time.")
    rows = []
    for row in range(1, sheet.n_rows):
        key = _get_text(sheet, at.get("reference"), row) or _get_text(sheet, at.get("name"), row)
        email = _get_text(sheet, at["email"], row)
        if email:
            rows.append((f"{sheet.name}!{cell_name(sheet.first_row + row, at['email'])}", key, email))
    return rows


def _get_text(sheet: Sheet, column: int | None, row: int) -> str:
    code = -1 if column is None else int(sheet.columns[column].codes[row])
    return "" if column is None or code < 0 else sheet.columns[column].values[code].strip()


def _find_suppliers(session: Session, keys: Sequence[str]) -> Mapping[str, list[Supplier]]:
    """Return the suppliers with each of these references, or else names, by the folded text."""
    by_reference: dict[str, list[Supplier]] = {}
    by_name: dict[str, list[Supplier]] = {}
    for part in chunks(sorted(set(keys))):
        is_named = or_(Supplier.reference.in_(part), Supplier.name.in_(part))
        for supplier in session.scalars(select(Supplier).where(is_named, Supplier.deleted_at.is_(None))):
            for text, found in ((supplier.reference, by_reference), (supplier.name, by_name)):
                if text:
                    found.setdefault(fold_text(text), []).append(supplier)
    return {**by_name, **by_reference}


def _refuse(detail: str) -> DomainError:
    return DomainError("contact.file", 422, f"Nothing was saved. {detail}")
