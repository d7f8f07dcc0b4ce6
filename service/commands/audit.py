"""Commands on the audit trail: check its chains against signed checkpoints, write a checkpoint, and export it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.audit import list_actor_names
from service.audit_evidence.breaks import check_chains
from service.audit_evidence.checkpoints import list_public_keys, read_checkpoints
from service.audit_evidence.export import ExportFilter, export_lines, export_workbook, iterate_events
from service.auth.accounts import find_organisation
from service.clock import now
from service.journal import Journal
from service.secret_keys import KEY_ID, fingerprint, list_signing_keys
from service.settings import Settings
from service.wiring.processes import open_checkpoints, open_current_database

DONE, BROKEN, CANNOT = 0, 1, 2


def verify(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print every place at which a chain does not fit, the first one first; return the exit status.

    0: nothing was found; 1: the audit trail was changed; 2: it could not be checked.
    """
    path = Path(arguments.checkpoints) if arguments.checkpoints else settings.audit_checkpoint_file
    if arguments.checkpoints and not path.exists():
        print(f"diligence: {path} does not exist.", file=sys.stderr)
        return CANNOT
    accepted = list_public_keys(list_signing_keys(settings.get_secret_keys()))
    try:
        given = [bytes.fromhex(key) for key in arguments.public_key]
    except ValueError:
        print("diligence: --public-key requires the 64 hexadecimal digits of an Ed25519 key.", file=sys.stderr)
        return CANNOT
    accepted |= {fingerprint(key)[:KEY_ID]: key for key in given}
    marks, forged = read_checkpoints(Journal(path).read(), accepted)
    with open_current_database(settings) as db, db.unscoped(write=False) as session:
        checks = list(check_chains(session, marks))
    breaks = [*forged, *(found for check in checks for found in check.breaks)]
    for found in breaks:
        about = f"{found.chain}, " if found.chain else ""
        print(f"{found.code}: {about}{found.detail}")
    events, erased = sum(check.events for check in checks), sum(check.erased for check in checks)
    confirmed = sum(map(len, marks.values()))
    print(f"Events: {events:,}. Details erased: {erased:,}. Checkpoints: {confirmed:,}. Problems: {len(breaks):,}.")
    if not confirmed:
        print("There are no checkpoints to compare with, so events missing from the end would not be noticed.")
    return BROKEN if breaks else DONE


def write_checkpoints(settings: Settings, arguments: argparse.Namespace) -> int:
    """Sign the chains that have grown since their last checkpoint."""
    with open_current_database(settings) as db:
        written = open_checkpoints(settings, db).write(now())
    key = list_signing_keys(settings.get_secret_keys())[0]
    print(f"Checkpoints written to {settings.audit_checkpoint_file}: {len(written)}.")
    print(f"The checkpoints are signed with the key {key.id}; its public key is {key.public_key.hex()}.")
    return DONE


def export(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the audit trail of an organisation to a file."""
    path = Path(arguments.out)
    if path.suffix not in (".jsonl", ".xlsx"):
        print("diligence: --out requires a file name that ends in .jsonl or .xlsx.", file=sys.stderr)
        return CANNOT
    try:
        wanted = ExportFilter(_parse_day(arguments.since), _parse_day(arguments.until, is_last=True))
    except ValueError:
        print("diligence: --since and --until require a date such as 2026-11-28.", file=sys.stderr)
        return CANNOT
    with open_current_database(settings) as db:
        organisation_id = find_organisation(db, arguments.organisation)
        with db.for_organisation(organisation_id, write=False) as session:
            events = iterate_events(session, wanted, list_actor_names(session))
            data = export_workbook(events) if path.suffix == ".xlsx" else export_lines(events)
    path.write_bytes(data)
    print(f"Audit trail of {arguments.organisation} written to {path}.")
    return DONE


def _parse_day(text: str | None, *, is_last: bool = False) -> datetime | None:
    """Return the start of a day in UTC, or of the day after it. Raises ValueError."""
    if text is None:
        return None
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=is_last)
