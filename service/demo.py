"""An organisation to look around in: the workbook of ``demo/``, assessed, with a schedule and somebody who signs in.

Everything goes the way of a real upload. Loading it again changes nothing, except that a password for the first sign-in which
nobody has used is made anew: it is told once and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from questionnaires.sheet import Limits
from service import imports, schedules
from service.auth import users
from service.auth.commands import create_organisation
from service.db.session import Database
from service.db.tables import Import, Organisation, Schedule, User
from service.files import Blobs
from service.jobs.handlers import handlers
from service.jobs.table import claim
from service.jobs.worker import run_job

ORGANISATION, TIME_ZONE, EMAIL = "Demo", "Asia/Bangkok", "officer@demo.example"
WORKBOOK = Path(__file__).resolve().parents[1] / "demo" / "seafood_and_construction_buyer.xlsx"
BY = "system:demo"


@dataclass(frozen=True)
class FirstSignIn:
    """Who signs in. ``password`` is for one sign-in, and None where they have chosen their own."""

    email: str
    password: str | None


def load(db: Database, blobs: Blobs) -> FirstSignIn:
    """Loads what of it is not there yet."""
    with db.across(write=False) as session:
        organisation_id = session.scalar(select(Organisation.id).where(Organisation.name == ORGANISATION))
    organisation_id = organisation_id or create_organisation(db, ORGANISATION, TIME_ZONE)
    with db.of(organisation_id) as session:
        user = session.scalars(select(User).where(User.email == EMAIL)).first()
        password = None
        if user is None:
            _user, password = users.create(session, EMAIL, "Demo Officer", "admin", BY)
        elif user.must_change_password:
            password = users.reset_password(session, user.id, BY)
        if session.scalars(select(Schedule.id)).first() is None:
            schedules.create(session, "Reviews as they fall due", {"kind": "rolling", "time": "06:00"}, TIME_ZONE, BY)
        sent = session.scalars(select(Import.id)).first() is not None
    if not sent:
        files = [(WORKBOOK.name, WORKBOOK.read_bytes())]
        imports.receive(db, blobs, organisation_id, files, {"confirm": True}, BY, Limits())
    _finish_imports(db, blobs)
    return FirstSignIn(EMAIL, password)


def _finish_imports(db: Database, blobs: Blobs) -> None:
    known = {kind: handler for kind, handler in handlers(blobs).items() if kind.endswith("_import")}
    while (claimed := claim(db, BY, kinds=known)) is not None:
        run_job(db, claimed, known[claimed.kind])
