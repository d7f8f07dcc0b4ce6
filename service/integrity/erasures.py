"""Checks of the journal of erasures against the database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from service.erasure.record import (
    RecordedErasure,
    apply_erasures,
    find_unapplied,
    list_completed_erasures,
    list_erasures,
    record_erasures,
)
from service.integrity.finding import Finding, Installation


def find_unapplied_erasures(installation: Installation) -> Iterator[Finding]:
    """Yield each object that was erased and is stored nevertheless, as after the restore of a copy made before."""
    if installation.erasures is None:
        return
    with installation.db.unscoped(write=False) as session:
        unapplied = find_unapplied(session, list_erasures(installation.erasures))
    for erasure in unapplied:
        yield Finding(
            "erasure.not_applied",
            f"{erasure.object_type} {erasure.object_id}",
            "It was erased, but it has reappeared because a copy of the database was restored.",
            partial(_apply, installation, erasure),
        )


def _apply(installation: Installation, erasure: RecordedErasure) -> None:
    with installation.db.unscoped() as session:
        apply_erasures(session, [erasure], installation.at)


def find_unrecorded_erasures(installation: Installation) -> Iterator[Finding]:
    """Yield each erasure that the database knows and the journal does not: it was lost, or an earlier release kept none."""
    if installation.erasures is None:
        return
    recorded = set(list_erasures(installation.erasures))
    with installation.db.unscoped(write=False) as session:
        completed = list_completed_erasures(session)
    for erasure in dict.fromkeys(completed):
        if erasure not in recorded:
            yield Finding(
                "erasure.not_recorded",
                f"{erasure.object_type} {erasure.object_id}",
                "The journal of erasures does not list it, so restoring an earlier backup would bring it back.",
                partial(_record, installation, erasure),
                is_information=True,
            )


def _record(installation: Installation, erasure: RecordedErasure) -> None:
    assert installation.erasures is not None
    objects = [(erasure.object_type, erasure.object_id)]
    record_erasures(installation.erasures, erasure.organisation_id, objects, installation.at)
