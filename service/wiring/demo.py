"""The demo organisation: the files of ``demo/``, assessed and screened, with a schedule and a user.

Everything is loaded through the same code as real uploads. Loading it again changes nothing, except that an unused password for
the first sign-in is replaced: it is shown once and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from questionnaires import watchlist
from questionnaires.sheet import Limits
from service.auth import users
from service.auth.accounts import create_organisation
from service.blob_store import BlobStore
from service.clock import now
from service.db.account_tables import User
from service.db.import_tables import Import
from service.db.job_tables import Schedule
from service.db.session import Database
from service.db.tables import Organisation
from service.imports import receiving
from service.imports.pipeline import Choices, parse_files
from service.jobs.kinds import (
    ASSESS_IMPORT,
    FIND_SAME_SUPPLIERS,
    FOLLOW_AGENCIES,
    LOAD_WATCHLIST,
    READ_IMPORT,
    SCREEN_SUPPLIERS,
)
from service.jobs.table import claim_job
from service.jobs.worker import run_job
from service.questionnaires_sent import requests as questionnaire_requests
from service.schedules import service as schedules
from service.suppliers import repository as suppliers
from service.watchlists import lists
from service.wiring.job_handlers import build_handlers

ORGANISATION, TIME_ZONE, EMAIL = "Demo", "Asia/Bangkok", "officer@demo.example"
DEMO = Path(__file__).resolve().parents[2] / "demo"
WORKBOOK, RECORDS, OWN_PRACTICES, WATCHLIST = (
    DEMO / name
    for name in ("seafood_and_construction_buyer.xlsx", "case_records.xlsx", "own_practices.xlsx", "watchlist.csv")
)
JOBS = (  # the jobs that the demo runs
    READ_IMPORT, ASSESS_IMPORT, FIND_SAME_SUPPLIERS, LOAD_WATCHLIST, SCREEN_SUPPLIERS, FOLLOW_AGENCIES,
)  # fmt: skip
ACTOR = "system:demo"
EARLIER = timedelta(days=85)  # within the period for which the portfolio lists level changes


@dataclass(frozen=True)
class FirstSignIn:
    """The demo user. ``password`` is for one sign-in, and None once they have chosen their own."""

    email: str
    password: str | None


def load_demo(db: Database, blobs: BlobStore) -> FirstSignIn:
    """Load the parts of the demo that do not exist yet and run their jobs."""
    with db.unscoped(write=False) as session:
        organisation_id = session.scalar(select(Organisation.id).where(Organisation.name == ORGANISATION))
    organisation_id = organisation_id or create_organisation(db, ORGANISATION, TIME_ZONE, second_factor=False)
    with db.for_organisation(organisation_id) as session:
        user = session.scalars(select(User).where(User.email == EMAIL)).first()
        password = None
        if user is None:
            _user, password = users.create_user(session, EMAIL, "Demo Officer", "admin", ACTOR)
        elif user.must_change_password:
            password = users.reset_password(session, user.id, ACTOR)
        if session.scalars(select(Schedule.id)).first() is None:
            schedules.create_schedule(
                session, "Reviews as they fall due", {"kind": "rolling", "time": "06:00"}, TIME_ZONE, ACTOR
            )
        is_uploaded = session.scalars(select(Import.id)).first() is not None
    if not is_uploaded:
        files = [(path.name, path.read_bytes()) for path in (WORKBOOK, RECORDS, OWN_PRACTICES)]
        _assess_earlier(db, organisation_id, files[:1])
        receiving.receive_upload(
            db, blobs, organisation_id, files, {"confirm": True}, ACTOR, Limits(), may_bring_cases=True
        )
        listing = watchlist.read_watchlist(WATCHLIST.read_bytes(), WATCHLIST.name)
        lists.receive_watchlist(db, blobs, organisation_id, "Invented lists", listing, ACTOR)
    _run_pending_jobs(db, blobs)
    return FirstSignIn(EMAIL, password)


def _assess_earlier(db: Database, organisation_id: str, files: Sequence[tuple[str, bytes]]) -> None:
    """Assess the same suppliers as of some months ago, every second one with half of its answers, so that some levels
    change.
    """
    at = now() - EARLIER
    for batch in sorted(
        parse_files(files, Choices(), at.date()).batches, key=lambda batch: batch.kind
    ):  # agencies first
        rows = [_drop_half_of_answers(row) if i % 2 else row for i, row in enumerate(batch.answers.to_rows())]
        places = [{"file": batch.file, "sheet": batch.sheet, "row": row} for row in batch.rows.tolist()]
        with db.for_organisation(organisation_id) as session:
            incoming = [suppliers.IncomingSupplier(row, place) for row, place in zip(rows, places, strict=True)]
            suppliers.save_suppliers(session, batch.kind, incoming, suppliers.Origin(at.date(), at, ACTOR, "import"))


def _drop_half_of_answers(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the identity answers of a supplier, and half of its other answers."""
    rest = [question for question in row if question not in questionnaire_requests.IDENTITY_QUESTIONS]
    dropped = set(rest[len(rest) // 2 :])
    return {question: answer for question, answer in row.items() if question not in dropped}


def _run_pending_jobs(db: Database, blobs: BlobStore) -> None:
    demo_handlers = {kind: handler for kind, handler in build_handlers(blobs).items() if kind in JOBS}
    while (claimed := claim_job(db, ACTOR, kinds=demo_handlers)) is not None:
        run_job(db, claimed, demo_handlers[claimed.kind])
