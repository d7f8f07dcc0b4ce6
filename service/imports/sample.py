"""Load a fictional sample list into an empty portfolio, and remove it again.

The imports of the list are marked in their choices. Removing the list erases the suppliers that came only from these imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.sheet import Limits
from service.audit import record_event
from service.blob_store import BlobStore
from service.db.import_tables import Import
from service.db.session import Database
from service.db.tables import Organisation, Supplier
from service.erasure.imports import ErasedImport, erase_import
from service.erasure.traces import RUNNING
from service.errors import DomainError
from service.imports.receiving import receive_upload

SAMPLE_LIST = Path(__file__).resolve().parents[2] / "demo" / "sample_list.xlsx"


class _LoadedMeanwhile(Exception):
    """Somebody else loaded the sample list at the same time."""


def list_sample_imports(session: Session) -> Sequence[Import]:
    """List the imports of the sample list that have not been removed, newest first."""
    return session.scalars(select(Import).where(Import.is_sample).order_by(Import.created_at.desc(), Import.id)).all()


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
        import_.is_sample = True
        record_event(session, by, "sample.loaded", "import", import_.id, {})

    files = [(SAMPLE_LIST.name, SAMPLE_LIST.read_bytes())]
    try:
        return receive_upload(db, blobs, organisation_id, files, {"confirm": True}, by, Limits(), mark)
    except _LoadedMeanwhile:
        return load_sample(db, blobs, organisation_id, by)


def remove_sample(session: Session, at: datetime, by: str) -> ErasedImport:
    """Erase the imports of the sample list with their suppliers (:func:`service.erasure.imports.erase_import`). Suppliers that
    also came from elsewhere stay, and so do case records. Raises DomainError ``sample.loading``, 409, while the list is being
    imported.
    """
    imports = list_sample_imports(session)
    if any(import_.state in RUNNING for import_ in imports):
        raise DomainError("sample.loading", 409, "The sample data is still being loaded. Try again in a moment.")
    erased = []
    for import_ in imports:
        erased.append(erase_import(session, import_, at, by, with_suppliers=True))
        details = {"suppliers": erased[-1].erased, "kept": erased[-1].kept}
        record_event(session, by, "sample.removed", "import", import_.id, details)
    return ErasedImport(sum(one.erased for one in erased), sum(one.kept for one in erased))
