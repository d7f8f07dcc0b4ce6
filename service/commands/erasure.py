"""The command that erases: an organisation, or one import, supplier, agency or case record of it.

Without ``--yes`` it only shows what would be erased, and which backups still hold it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from service.auth.accounts import ACTOR, find_organisation
from service.cases import service as case_service
from service.clock import now
from service.commands.counts import format_counts
from service.db.session import Database
from service.db.tables import Organisation
from service.erasure import erase as erasure
from service.erasure import imports as import_erasure
from service.erasure.backups import find_backups_holding
from service.erasure.erase import Preview
from service.erasure.organisation import count_rows, erase_organisation
from service.imports import records
from service.journal import Journal
from service.settings import Settings
from service.suppliers import repository as suppliers
from service.wiring.processes import open_blobs, open_current_database

DONE, NOT_CONFIRMED = 0, 1


def erase(settings: Settings, arguments: argparse.Namespace) -> int:
    """Erase what the arguments name, or show what would be erased; return the exit status."""
    with open_current_database(settings) as database:
        organisation_id = find_organisation(database, arguments.organisation)
        if any((arguments.import_id, arguments.supplier, arguments.agency, arguments.case)):
            return _erase_object(settings, database, organisation_id, arguments)
        return _erase_organisation(settings, database, organisation_id, arguments)


def _erase_organisation(
    settings: Settings, database: Database, organisation_id: str, arguments: argparse.Namespace
) -> int:
    with database.unscoped(write=False) as session:
        counts = count_rows(session, organisation_id)
        since = session.get_one(Organisation, organisation_id).created_at
    if not arguments.yes:
        print(
            f"{arguments.organisation} has {format_counts(counts)}. Nothing has been erased; use --yes to erase the "
            "organisation permanently."
        )
        print(_describe_backups(settings, since))
        return NOT_CONFIRMED
    print(
        "Erasing the organisation. If the command is interrupted, a worker will finish the erasure, or you can run the command "
        "again.",
        flush=True,
    )
    journal = Journal(settings.erasure_journal)
    counts = erase_organisation(database, open_blobs(settings), organisation_id, ACTOR, journal)
    print(f"{arguments.organisation} was erased: {format_counts(counts)}. Earlier backups still contain it.")
    print(_describe_backups(settings, since))
    return DONE


def _erase_object(settings: Settings, database: Database, organisation_id: str, arguments: argparse.Namespace) -> int:
    """Erase one object of an organisation; a worker then removes its bytes."""
    with database.for_organisation(organisation_id, write=arguments.yes) as session:
        preview, erase_it = _find_object(session, arguments)
        if arguments.yes:
            erase_it()
    print(_describe(preview))
    print(_describe_backups(settings, preview.since))
    if not arguments.yes:
        print("Nothing has been erased; use --yes to erase the data permanently.")
        return NOT_CONFIRMED
    print("Erased. A worker will now remove the files; the audit trail will then record erasure.completed.")
    return DONE


def _find_object(session: Session, arguments: argparse.Namespace) -> tuple[Preview, Callable[[], Any]]:
    """Return what erasing the named object would do, and the function that does it."""
    at = now()
    if arguments.import_id:
        import_, with_suppliers = records.get_import(session, arguments.import_id), arguments.with_suppliers
        preview = import_erasure.preview_import(session, import_, with_suppliers=with_suppliers)
        return preview, lambda: import_erasure.erase_import(session, import_, at, ACTOR, with_suppliers=with_suppliers)
    if arguments.case:
        case = case_service.get_case(session, arguments.case)
        return erasure.preview_case(session, case), lambda: erasure.erase_case(
            session, case.id, "erasure_request", at.date(), at, ACTOR
        )
    kind = "site" if arguments.supplier else "agency"
    supplier = suppliers.get_supplier(session, kind, arguments.supplier or arguments.agency, itself=True)
    return erasure.preview_supplier(session, supplier), lambda: erasure.erase_supplier(session, supplier, at, ACTOR)


def _describe(preview: Preview) -> str:
    lines = [f"{preview.object_type} {preview.object_id}", f"  erased: {format_counts(preview.erased)}"]
    lines.append(f"  withdrawn because they may contain it: {format_counts(preview.withdrawn)}")
    if preview.kept:
        lines.append(f"  kept: {format_counts(preview.kept)}")
    return "\n".join(lines)


def _describe_backups(settings: Settings, since: Any) -> str:
    """Say which recorded backups still hold something that was stored at a moment, and until when."""
    holding = find_backups_holding(Journal(settings.backup_journal), since, settings.backup_days, now())
    if not holding.backups:
        return "  backups: no recorded backup still contains it; Diligence does not record copies made in other ways."
    made = ", ".join(f"{backup.path} ({backup.at:%Y-%m-%d})" for backup in holding.backups)
    until = (
        f"until {holding.until:%Y-%m-%d}"
        if holding.until
        else "for an unknown period: set DILIGENCE_BACKUP_DAYS to the number of days for which you keep backups"
    )
    return f"  backups that still contain it, {until}: {made}"
