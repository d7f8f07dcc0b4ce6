"""A worker is killed (SIGKILL) at any write of an import: the import is complete, absent or still running, and ends whole."""

from collections import Counter

import pytest
from callers import make_organisation
from examples import TIMES
from mortal_worker import mortal
from sqlalchemy import select

from questionnaires.sheet import Limits
from service.blob_store.folder import FolderStore
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Change, Result, Supplier
from service.imports import receiving
from service.jobs.table import MAX_ATTEMPTS

AGENCIES = "Agency,Country\nQuick Crew,Nepal\nSea Hands,Nepal\nFair Hire,Nepal\n"
SITES = (
    "Supplier,Country,Sector,Agencies\n"
    + "".join(f"Blue Pier {n},Thailand,fishing,Quick Crew\n" for n in range(4))
    + "Dune Builders,Qatar,construction,\nDune Roads,Qatar,construction,\n"
)
FILES = [("agencies.csv", AGENCIES.encode()), ("sites.csv", SITES.encode())]
SUPPLIERS = 9
EVERY = 12 if TIMES == 1 else 1  # of the writes of an import, so many are skipped in the suite: none with --long


def send(database: Database, blobs: FolderStore, name: str) -> tuple[str, str]:
    """An import of nine suppliers that waits for a worker, in an organisation of its own; the ids of both."""
    organisation_id = make_organisation(database, name)
    import_ = receiving.receive_upload(database, blobs, organisation_id, FILES, {"confirm": True}, "user:1", Limits())
    return organisation_id, import_.id


def look(database: Database, organisation_id: str) -> dict[str, object]:
    """What an organisation has: its import, its suppliers with their scores, and how often everything was written."""
    with database.for_organisation(organisation_id, write=False) as session:
        import_ = session.scalars(select(Import)).one()
        suppliers = session.scalars(select(Supplier).order_by(Supplier.kind, Supplier.key)).all()
        results = Counter(session.scalars(select(Result.supplier_id)))
        return {
            "state": import_.state,
            "accepted": import_.accepted,
            "suppliers": [(one.kind, one.name, one.score, one.level, results[one.id]) for one in suppliers],
            "changes": Counter(session.scalars(select(Change.kind))),
            "events": Counter(session.scalars(select(AuditEvent.action))),
            "jobs": Counter((kind, state) for kind, state in session.execute(select(Job.kind, Job.state))),
        }


def has_ended(database: Database, organisation_id: str) -> bool:
    """Whether no job waits or runs."""
    with database.for_organisation(organisation_id, write=False) as session:
        return session.scalars(select(Job.id).where(Job.state.in_(("queued", "running")))).first() is None


def is_complete_absent_or_running(seen: dict[str, object]) -> bool:
    """Whether an import is what its state says."""
    saved = len(seen["suppliers"])
    if seen["state"] == "done":
        return saved == SUPPLIERS
    # Chunks are whole: agencies first, two by two and one, then sites.
    return seen["state"] in ("waiting", "running") and saved in (0, 2, 3, 5, 7, 9)


@pytest.mark.fault
@pytest.mark.suite("sqlite")
def test_an_import_that_is_killed_at_any_write_is_finished_as_if_nothing_had_happened(
    database: Database, blobs: FolderStore
):
    kill = mortal(database, blobs.folder)
    organisation_id, _ = send(database, blobs, "Undisturbed")
    assert kill("never") == "ended"
    undisturbed = look(database, organisation_id)
    assert (undisturbed["state"], len(undisturbed["suppliers"])) == ("done", SUPPLIERS)
    number, outcome = 1, "killed"
    while outcome == "killed":
        organisation_id, _ = send(database, blobs, f"Killed at write {number}")
        outcome = kill(f"write {number}")
        assert is_complete_absent_or_running(look(database, organisation_id)), number
        while not has_ended(database, organisation_id):
            assert kill("never") == "ended"
        assert look(database, organisation_id) == undisturbed, number
        number += EVERY
    assert number > 50


@pytest.mark.fault
@pytest.mark.suite("sqlite")
def test_an_import_that_is_killed_after_each_chunk_ends_whole(database: Database, blobs: FolderStore):
    kill = mortal(database, blobs.folder)
    organisation_id, _ = send(database, blobs, "Harbour Foods")
    kills = 0
    while (outcome := kill("commit 3")) == "killed":  # it claims the job, saves a chunk, and dies saving the next
        kills += 1
        assert is_complete_absent_or_running(look(database, organisation_id))
    assert (outcome, look(database, organisation_id)["state"]) == ("ended", "done")
    assert kills > MAX_ATTEMPTS
    assert len(look(database, organisation_id)["suppliers"]) == SUPPLIERS


@pytest.mark.fault
@pytest.mark.suite("sqlite")
def test_an_import_that_never_gets_to_its_first_chunk_is_given_up_with_nothing_saved(
    database: Database, blobs: FolderStore
):
    kill = mortal(database, blobs.folder)
    organisation_id, import_id = send(database, blobs, "Harbour Foods")
    assert [kill("commit 2") for _ in range(MAX_ATTEMPTS)] == ["killed"] * MAX_ATTEMPTS
    assert kill("never") == "ended"
    seen = look(database, organisation_id)
    assert (seen["state"], seen["suppliers"]) == ("failed", [])
    with database.for_organisation(organisation_id, write=False) as session:
        problem = session.get_one(Import, import_id).problem
    assert problem["detail"] == f"Stopped after {MAX_ATTEMPTS} unsuccessful attempts. Nothing was saved."
    assert problem["saved"] == 0
