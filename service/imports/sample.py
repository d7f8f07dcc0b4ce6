"""Load a fictional sample list into an empty portfolio, and remove it again.

The imports of the list are marked in their choices. Removing the list erases the suppliers that came only from these imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from questionnaires.sheet import Limits
from service.audit import record_event
from service.blob_store import BlobStore
from service.db.case_tables import StoredCase
from service.db.session import Database
from service.db.tables import Import, Organisation, Result, Supplier
from service.errors import DomainError
from service.imports.cases import detach_uploads
from service.imports.jobs import receive_upload
from service.suppliers import repository as suppliers

SAMPLE_LIST = Path(__file__).resolve().parents[2] / "demo" / "sample_list.xlsx"
MARK = "sample"  # among the choices of an import; no sender can set it


class _LoadedMeanwhile(Exception):
    """Somebody else loaded the sample list at the same time."""


@dataclass(frozen=True)
class Removal:
    """The outcome of removing the sample list: how many suppliers were erased, how many stay because they also came from
    elsewhere, and the digests of the files that may be deleted.
    """

    erased: int
    kept: int
    digests: Sequence[str]


def list_sample_imports(session: Session) -> Sequence[Import]:
    """List the imports of the sample list that have not been removed, newest first."""
    return session.scalars(
        select(Import).where(Import.choices[MARK].as_boolean()).order_by(Import.created_at.desc(), Import.id)
    ).all()


def load_sample(db: Database, blobs: BlobStore, organisation_id: str, by: str) -> Import:
    """Import the sample list without a preview; return the earlier import if it is loaded already. Raises DomainError
    ``sample.not_empty``, 409, if there are suppliers.
    """
    with db.for_organisation(organisation_id, write=False) as session:
        imports = list_sample_imports(session)
        if imports:
            return imports[0]
        if session.scalars(select(Supplier.id).limit(1)).first() is not None:
            raise DomainError("sample.not_empty", 409, "Sample data can only be loaded while there are no suppliers.")

    def mark(session: Session, import_: Import) -> None:
        # Locked, so that of two people who load it at once, or of two clicks, the second one waits and finds the first.
        session.get_one(Organisation, organisation_id, with_for_update={"key_share": True})
        if list_sample_imports(session):
            raise _LoadedMeanwhile
        import_.choices = {**import_.choices, MARK: True}
        record_event(session, by, "sample.loaded", "import", import_.id, {})

    files = [(SAMPLE_LIST.name, SAMPLE_LIST.read_bytes())]
    try:
        return receive_upload(db, blobs, organisation_id, files, {"confirm": True}, by, Limits(), mark)
    except _LoadedMeanwhile:
        return load_sample(db, blobs, organisation_id, by)


def remove_sample(session: Session, at: datetime, by: str) -> Removal:
    """Erase the suppliers of the sample list, and its imports. Suppliers that also came from elsewhere stay, and so do case
    records. Raises DomainError ``sample.loading``, 409, while the list is being imported.
    """
    imports = list_sample_imports(session)
    if any(import_.state in ("waiting", "running") for import_ in imports):
        raise DomainError("sample.loading", 409, "The sample data is still being loaded. Try again in a moment.")
    ids = [import_.id for import_ in imports]
    named = select(Result.supplier_id).where(Result.import_id.in_(ids))
    # Locked, so that no answers for any of them arrive in the meantime. Sites first: once they are gone, erasing an agency
    # causes no reassessment.
    query = select(Supplier).where(Supplier.id.in_(named)).order_by(Supplier.kind.desc(), Supplier.id)
    sample_suppliers = session.scalars(query.with_for_update()).all()
    from_elsewhere = set(
        session.scalars(
            select(Result.supplier_id).where(
                Result.supplier_id.in_([supplier.id for supplier in sample_suppliers]),
                Result.cause.in_(suppliers.INPUT_CAUSES),
                or_(Result.import_id.is_(None), Result.import_id.not_in(ids)),
            )
        )
    )
    erased = [supplier for supplier in sample_suppliers if supplier.id not in from_elsewhere]
    session.execute(  # otherwise they would be deleted with their suppliers
        update(StoredCase)
        .where(StoredCase.supplier_id.in_([supplier.id for supplier in erased]))
        .values(supplier_id=None)
    )
    for supplier in erased:
        suppliers.erase_supplier(session, supplier, at, by)
    digests = []
    for import_ in imports:
        digests += detach_uploads(session, import_)
        details = {"suppliers": len(erased), "kept": len(from_elsewhere)}
        record_event(session, by, "sample.removed", "import", import_.id, details)
        session.delete(import_)
    return Removal(len(erased), len(from_elsewhere), digests)
