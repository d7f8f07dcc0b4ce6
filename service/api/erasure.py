"""API views that show what an erasure would do, and the one that erases an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply
from service.api.schemas.base import Resource
from service.auth.access import ACCESS
from service.auth.caller import get_caller, get_settings
from service.cases import service as case_service
from service.clock import now
from service.db.import_tables import Import
from service.erasure import erase as erasure
from service.erasure import imports as import_erasure
from service.erasure.backups import find_backups_holding
from service.erasure.erase import Preview
from service.errors import DomainError
from service.imports import cases as import_cases
from service.imports import records
from service.journal import Journal
from service.suppliers import repository as suppliers

SCOPE = ACCESS.api["DELETE api.erase_supplier"]


def preview_supplier(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return what erasing a supplier or an agency would do."""
    supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
    sees_all = get_caller().sees_worker_derived
    return _reply(erasure.preview_supplier(session, supplier, sees_worker_derived=sees_all))


def preview_case(session: Session, case_id: str) -> Reply:
    """Return what deleting a case would do."""
    return _reply(erasure.preview_case(session, case_service.get_case(session, case_id)))


def preview_import(session: Session, import_id: str, query: Mapping[str, Any]) -> Reply:
    """Return what erasing an import would do."""
    import_ = _get_import(session, import_id)
    with_suppliers = query["suppliers"] == "erase"
    sees_all = get_caller().sees_worker_derived
    return _reply(
        import_erasure.preview_import(session, import_, with_suppliers=with_suppliers, sees_worker_derived=sees_all)
    )


def erase_import(session: Session, import_id: str, query: Mapping[str, Any]) -> Reply:
    """Erase an import, with or without the suppliers that came only in it.

    Raises DomainError: ``not_found``, ``import.closed``, ``erasure.import_running``, ``key.scope``.
    """
    with_suppliers = query["suppliers"] == "erase"
    if with_suppliers and SCOPE not in get_caller().scopes:
        raise DomainError("key.scope", 403, f"suppliers=erase requires an API key with the scope {SCOPE}.", scope=SCOPE)
    import_ = _get_import(session, import_id)
    import_erasure.erase_import(session, import_, now(), get_caller().actor, with_suppliers=with_suppliers)
    return Reply(None, 204)


def _get_import(session: Session, import_id: str) -> Import:
    return import_cases.check_access(records.get_import(session, import_id), reads_cases=get_caller().reads_cases)


def _reply(preview: Preview) -> Reply:
    settings = get_settings()
    holding = find_backups_holding(Journal(settings.backup_journal), preview.since, settings.backup_days, now())
    backups = {
        "made_at": [backup.at for backup in holding.backups],
        "kept_days": holding.days,
        "until": holding.until,
    }
    return Reply(
        Resource(
            None,
            object_type=preview.object_type,
            id=preview.object_id,
            erased=preview.erased,
            withdrawn=preview.withdrawn,
            kept=preview.kept,
            backups=backups,
        )
    )
