"""Erase an import: its row, its files and their names wherever they occur. What it brought stays unless its suppliers go too.

Undoing an import is something else: it takes back what the import changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from risk_models.answers import EVIDENCE
from service.audit import record_event
from service.cases.service import unlink_case
from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase, StoredFinding
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job
from service.db.session import chunks
from service.db.tables import Result, Supplier
from service.erasure import traces
from service.erasure.erase import Preview, count_supplier_rows, erase_suppliers, request_removal, take_texts
from service.erasure.traces import ACTIVE, RUNNING, Subject
from service.errors import DomainError
from service.suppliers.history import INPUT_CAUSES


@dataclass(frozen=True)
class ErasedImport:
    """How many suppliers were erased with an import, and how many stay although they came in it."""

    erased: int
    kept: int


def preview_import(
    session: Session, import_: Import, *, with_suppliers: bool = False, sees_worker_derived: bool = True
) -> Preview:
    """Return what erasing an import would do, and what it brought that stays.

    ``with_suppliers``: whether the suppliers that came only in this import are to be erased with it. For ``sees_worker_derived``
    see :func:`service.erasure.erase.count_supplier_rows`.
    """
    subject = _describe_import(session, [import_])
    found = traces.find_traces(session, subject, in_imports=False)
    only_here = _list_suppliers_of(session, [import_.id])[0] if with_suppliers else ()
    erased = {"files": len(import_.uploads), "suppliers": len(only_here)}
    if only_here:
        counts = count_supplier_rows(session, only_here, sees_worker_derived=sees_worker_derived)
        erased |= {name: count for name, count in counts.items() if name != "cases"}
    withdrawn = {name: count for name, count in found.count().items() if name != "imports"}
    kept = {
        "suppliers": len(subject.shown_with) - len(only_here),
        "cases": _count(session, StoredFinding.case_id, StoredFinding.import_id == import_.id),
        "own_practices": _count(session, BuyerAnswers.unit, BuyerAnswers.import_id == import_.id),
    }
    return Preview("import", import_.id, import_.created_at, erased, withdrawn, kept)


def erase_import(
    session: Session, import_: Import, at: datetime, by: str, *, with_suppliers: bool = False
) -> ErasedImport:
    """Erase an import with its files, and the names of the files and sheets wherever they occur.

    ``with_suppliers``: erase the suppliers that came only in this import too. Case records about them stay, without a supplier.
    Raises DomainError ``erasure.import_running``, 409, while it is read or assessed.
    """
    if import_.state in RUNNING:
        raise DomainError(
            "erasure.import_running",
            409,
            "This import is still being read or assessed. Cancel it, or try again once it has finished.",
        )
    erased: Sequence[Supplier] = ()
    kept = 0
    if with_suppliers:
        # Locked, so that no answers for any of them arrive in the meantime.
        only_here, elsewhere = _list_suppliers_of(session, [import_.id], lock=True)
        erased, kept = _load_suppliers(session, only_here), len(elsewhere)
        _unlink_cases(session, only_here)
    erase_imports(session, [import_], at, by, {"suppliers": len(erased)})
    erase_suppliers(session, erased, at, by, in_imports=False)
    return ErasedImport(len(erased), kept)


def erase_imports(
    session: Session,
    imports: Sequence[Import],
    at: datetime,
    by: str,
    counts: Mapping[str, int] | None = None,
    *,
    is_expired: bool = False,
) -> None:
    """Erase imports that have ended. ``counts``: what else went, for the audit trail.

    ``is_expired``: their retention period is over. Reports then stay until they expire themselves, and so do the references
    of confirmations that name a file: they are answers of suppliers that stay.
    """
    if not imports:
        return
    subject = _describe_import(session, imports)
    found = traces.find_traces(session, subject, in_imports=False, in_reports=not is_expired)
    digests = traces.remove_traces(session, found, at, by)
    ids = sorted(subject.import_ids)
    traces.forget_places(session, ids)
    if not is_expired:
        _forget_references(session, ids, subject.texts)
    for import_ in imports:
        files = traces.delete_uploads(session, import_)
        digests += files
        details = {**(counts or {}), "files": len(files), **found.count()}
        record_event(session, by, "import.erased", "import", import_.id, details)
        session.delete(import_)
    for chunk in chunks(ids):
        session.execute(delete(Job).where(Job.payload["import_id"].as_string().in_(chunk), Job.state.not_in(ACTIVE)))
    request_removal(session, [("import", import_id) for import_id in ids], digests, by)


def _describe_import(session: Session, imports: Sequence[Import]) -> Subject:
    upload_ids = [upload_id for import_ in imports for upload_id in import_.uploads]
    names: set[str] = set()
    for chunk in chunks(upload_ids):
        names.update(upload.name for upload in session.scalars(select(Upload).where(Upload.id.in_(chunk))))
    for import_ in imports:  # the files may have been deleted already, as those of case records are
        names.update(str(file["name"]) for file in (import_.found or {}).get("files", ()))
    ids = [import_.id for import_ in imports]
    brought = {supplier_id for part in _list_suppliers_of(session, ids) for supplier_id in part}
    about_cases = select(StoredCase.supplier_id).where(
        StoredCase.id.in_(select(StoredFinding.case_id).where(StoredFinding.import_id.in_(ids)))
    )
    brought.update(supplier_id for supplier_id in session.scalars(about_cases) if supplier_id is not None)
    return Subject(
        supplier_ids=frozenset(),
        case_ids=frozenset(),
        texts=take_texts(sorted(names)),
        since=min(import_.created_at for import_ in imports),
        shown_with=frozenset(brought),
        import_ids=frozenset(ids),
    )


def _list_suppliers_of(
    session: Session, import_ids: Sequence[str], *, lock: bool = False
) -> tuple[list[str], list[str]]:
    """Return the ids of the suppliers that came only in some imports, and of those that also came from elsewhere."""
    named = select(Result.supplier_id).where(Result.import_id.in_(import_ids))
    query = select(Supplier.id).where(Supplier.id.in_(named)).order_by(Supplier.id)
    ids = list(session.scalars(query.with_for_update() if lock else query))
    elsewhere: set[str] = set()
    for chunk in chunks(ids):
        others = select(Result.supplier_id).where(
            Result.supplier_id.in_(chunk),
            Result.cause.in_(INPUT_CAUSES),
            or_(Result.import_id.is_(None), Result.import_id.not_in(import_ids)),
        )
        elsewhere.update(session.scalars(others))
    return [id_ for id_ in ids if id_ not in elsewhere], sorted(elsewhere)


def _load_suppliers(session: Session, ids: Collection[str]) -> list[Supplier]:
    return [
        supplier
        for chunk in chunks(sorted(ids))
        for supplier in session.scalars(select(Supplier).where(Supplier.id.in_(chunk)))
    ]


def _unlink_cases(session: Session, supplier_ids: Sequence[str]) -> None:
    """Keep the cases about suppliers: otherwise they would be deleted with them."""
    for chunk in chunks(supplier_ids):
        for case in session.scalars(select(StoredCase).where(StoredCase.supplier_id.in_(chunk))):
            unlink_case(session, case)
    session.flush()


def _count(session: Session, counted: Any, condition: Any) -> int:
    return session.scalar(select(func.count(counted.distinct())).where(condition)) or 0


def _forget_references(session: Session, import_ids: Sequence[str], names: Collection[str]) -> None:
    """Remove the names of files from the confirmations of evidence that was confirmed with them; the confirmations stay."""
    named = select(Result.supplier_id).where(Result.import_id.in_(import_ids))
    queries: tuple[Select[Any], ...] = (
        select(Supplier).where(Supplier.id.in_(named)),
        select(Result).where(Result.supplier_id.in_(named)),
    )
    for query in queries:
        for row in session.scalars(query.execution_options(yield_per=500)):
            pieces = row.answers.get(EVIDENCE) or ()
            cleaned = [_drop_reference(piece, names) for piece in pieces]
            if cleaned != list(pieces):
                row.answers = {**row.answers, EVIDENCE: cleaned}


def _drop_reference(piece: Any, names: Collection[str]) -> Any:
    confirmed = piece.get("confirmed") if isinstance(piece, dict) else None
    if not confirmed or confirmed.get("reference") not in names:
        return piece
    return {**piece, "confirmed": {name: part for name, part in confirmed.items() if name != "reference"}}
