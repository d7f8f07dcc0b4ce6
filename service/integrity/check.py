"""Run every check of an installation, and repair what is safe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from service.blob_store import BlobStore
from service.db.session import Database
from service.integrity import audit_trail, files, rows, texts
from service.integrity import erasures as erasure_checks
from service.integrity.finding import Check, Finding, Installation
from service.journal import Journal

# In this order: what a repair deletes is no longer in the way of later ones. A new check is one more line here, and its codes
# are explained in docs/operate.md.
CHECKS: tuple[Check, ...] = (
    rows.find_damage,
    rows.find_unprotected_tables,
    rows.find_orphans,
    rows.find_wrong_summaries,
    rows.find_wrong_counts,
    rows.find_imports_without_uploads,
    rows.find_lost_jobs,
    rows.find_stuck_imports,
    texts.find_unreadable_texts,
    rows.find_wrong_watchlists,
    erasure_checks.find_unapplied_erasures,
    erasure_checks.find_unrecorded_erasures,
    files.find_lost_files,
    files.find_lost_readings,
    files.find_unused_files,
    files.find_leftovers,
    audit_trail.find_missing_protection,
    audit_trail.find_broken_chains,
    audit_trail.find_unrecorded_imports,
    audit_trail.count_events_of_missing_objects,
)

log = structlog.get_logger("service.integrity")


def find_inconsistencies(
    db: Database, blobs: BlobStore, at: datetime, erasures: Journal | None = None
) -> list[Finding]:
    """Return everything that does not agree, in the order of the checks. The service may be running.

    ``erasures``: the journal of what was erased, if it is to be compared too.
    """
    installation = Installation(db, blobs, at, erasures)
    return [finding for check in CHECKS for finding in check(installation)]


def repair_inconsistencies(
    db: Database, blobs: BlobStore, at: datetime, erasures: Journal | None = None
) -> tuple[list[Finding], list[Finding]]:
    """Repair what is safe to repair; return what was repaired and what remains. What was repaired is checked again."""
    found = find_inconsistencies(db, blobs, at, erasures)
    for finding in found:
        if finding.repair is not None:
            finding.repair()
    remaining = find_inconsistencies(db, blobs, at, erasures)
    left = {(finding.code, finding.about) for finding in remaining}
    repaired = [finding for finding in found if (finding.code, finding.about) not in left]
    log.info("inconsistencies_repaired", count=len(repaired), codes=sorted({finding.code for finding in repaired}))
    return repaired, remaining


def to_rows(findings: Sequence[Finding], *, repaired: bool = False) -> list[dict[str, str | bool]]:
    """Return findings as they are written to JSON."""
    return [
        {
            "code": finding.code,
            "about": finding.about,
            "detail": finding.detail,
            "information": finding.is_information,
            "can_be_repaired": finding.repair is not None,
            "repaired": repaired,
        }
        for finding in findings
    ]
