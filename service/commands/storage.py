"""Commands on what an installation stores: checking it, and moving files between stores."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from service.backup import BackupError, restore_backup
from service.blob_store import BlobTrouble
from service.blob_store.address import open_blob_store
from service.clock import now
from service.commands.counts import format_counts
from service.db.deleted_rows import remove_deleted_rows
from service.erasure.record import list_erasures, to_erasure
from service.integrity.check import find_inconsistencies, repair_inconsistencies, to_rows
from service.integrity.finding import Finding
from service.journal import Journal
from service.settings import Settings
from service.wiring.processes import migrate_database, open_as_owner, open_blobs, open_current_database

DONE, INCOMPLETE, CANNOT, REPAIRED = 0, 1, 2, 3


def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """Restore a backup and erase again what was erased after it was made; return the exit status. Raises BackupError."""
    journal = Journal(Path(arguments.erasures) if arguments.erasures else settings.erasure_journal)
    if arguments.erasures and not journal.path.exists():
        raise BackupError(f"{journal.path} does not exist.")
    erasures = list_erasures(journal)
    migrate_database(settings)
    with open_as_owner(settings) as db:
        counts, applied = restore_backup(
            db,
            open_blobs(settings),
            Path(arguments.file),
            now(),
            erasures,
            settings.get_backup_keys(),
        )
        if applied:
            remove_deleted_rows(db.engine)
    if journal.path != settings.erasure_journal:
        known = set(list_erasures(Journal(settings.erasure_journal)))
        Journal(settings.erasure_journal).append([one for one in journal.read() if to_erasure(one) not in known])
    print(f"Backup restored and checked: {format_counts(counts)}.")
    print(_describe_applied(journal, applied))
    return DONE


def _describe_applied(journal: Journal, applied: int) -> str:
    if not journal.path.exists():
        return (
            f"{journal.path} does not exist, so there is no record of erasures. If anything was "
            "erased after this backup was made, erase it again (see docs/operate.md)."
        )
    return f"Erasures made after the backup and applied again: {applied}."


def check(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print what does not agree, and repair what is safe if wanted; return the exit status.

    0: nothing was found; 1: something remains; 3: everything that was found is repaired.
    """
    repaired: list[Finding] = []
    journal = Journal(settings.erasure_journal)
    with open_current_database(settings, as_owner=arguments.repair) as db:
        blobs = open_blobs(settings)
        if arguments.repair:
            repaired, found = repair_inconsistencies(db, blobs, now(), journal)
        else:
            found = find_inconsistencies(db, blobs, now(), journal)
    if arguments.format == "json":
        findings = to_rows(repaired, repaired=True) + to_rows(found)
        print(orjson.dumps({"findings": findings}, option=orjson.OPT_INDENT_2).decode())
    else:
        _print_findings(repaired, found, repair=arguments.repair)
    if any(not finding.is_information for finding in found):
        return INCOMPLETE
    return REPAIRED if repaired else DONE


def _print_findings(repaired: list[Finding], found: list[Finding], *, repair: bool) -> None:
    for state, findings in (("repaired: ", repaired), ("", found)):
        for finding in findings:
            print(f"{state}{finding.code}, {finding.about}: {finding.detail}")
    wrong = [finding for finding in found if not finding.is_information]
    safe = sum(finding.repair is not None for finding in wrong)
    hint = f" --repair would repair {safe} of them." if safe and not repair else ""
    print(
        f"{len(wrong)} inconsistencies found.{hint}"
        if wrong or not repaired
        else "All inconsistencies have been repaired."
    )


def copy_files(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copy every file of another store into the store of the settings; return the exit status: 1 if one could not be read."""
    try:
        source = open_blob_store(arguments.source, settings.open_secret_keys())
        target = open_blobs(settings)
    except ValueError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return CANNOT
    digests, failed = source.list_digests(), 0
    for digest in digests:
        try:
            with source.open(digest) as file:
                target.put(file)
        except BlobTrouble as error:
            print(f"diligence: {error}", file=sys.stderr)
            failed += 1
    print(f"{len(digests) - failed} of {len(digests)} files were copied and checked.")
    return INCOMPLETE if failed else DONE
