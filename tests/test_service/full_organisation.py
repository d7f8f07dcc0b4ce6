"""An organisation with rows of every kind, and files: what is saved, restored and erased."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from callers import make_organisation
from sample_objects import create_all
from sqlalchemy import func, select

from service.audit import record_event
from service.blob_store import BlobStore
from service.db import change_feed
from service.db.account_tables import SignIn, StoredLogo
from service.db.encrypted import COLUMNS
from service.db.idempotency_tables import IdempotentResponse
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job, ScheduleRun
from service.db.link_tables import AnswerFile
from service.db.progress_tables import PortfolioFigure
from service.db.session import Database
from service.db.tables import Base, Organisation
from service.db.watchlist_tables import WatchlistEntry
from service.suppliers import repository as suppliers

AT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)


def create_full_organisation(
    database: Database, blobs: BlobStore, name: str = "Harbour Foods", sent: bytes = b"shared"
) -> str:
    """An organisation with something in every table that an organisation has; it sent a file and had a report made."""
    organisation_id = make_organisation(database, name, "Asia/Bangkok")
    with database.for_organisation(organisation_id) as session:
        ids = create_all(session)
        session.scalars(select(AnswerFile)).one().sha256 = blobs.put(f"answers of {name}".encode())
        answers = [{"name": "Wat Pho Shrimp 株式会社", "country": "TH", "sector": ["1020"], "agencies": ["Quick Crew"]}]
        agencies = [{"name": "Quick Crew", "country": "NP", "destination_countries": ["TH"]}]
        for kind, fields in (("agency", agencies), ("site", answers)):
            incoming = [suppliers.IncomingSupplier(row, {"file": "a.xlsx", "row": 2}) for row in fields]
            suppliers.save_suppliers(session, kind, incoming, suppliers.Origin(AT.date(), AT, "user:ana", "import"))
        change_feed.write(session, "review_due", ids["supplier_id"], {"due": "2026-06-01"}, AT)
        record_event(session, "user:ana", "import.received", "import", ids["import_id"], {"files": 1})
        upload = Upload(name="a.xlsx", sha256=blobs.put(sent), size=len(sent), created_by="user:ana", created_at=AT)
        session.add(upload)
        session.flush()
        fields = {"choices": {}, "state": "done", "created_by": "user:ana", "created_at": AT}
        session.add(Import(uploads=[upload.id], **fields))
        logo = {"sha256": blobs.put(f"logo of {name}".encode()), "width": 1, "height": 1}
        session.add(StoredLogo(uploaded_by="user:ana", uploaded_at=AT, **logo))
        report = {"sha256": blobs.put(f"report of {name}".encode()), "size": 1}
        more = {"not_before": AT, "created_by": "user:ana", "created_at": AT}
        session.add(Job(kind="render_report", payload={}, state="done", result=report, **more))
        session.add(ScheduleRun(schedule_id=ids["schedule_id"], slot=AT, fired_at=AT, job_id=ids["job_id"]))
        entry = {"watchlist_id": ids["watchlist_id"], "edition": "1", "key": "1"}
        session.add(WatchlistEntry(content={"names": ["Blue Pier"]}, **entry))
        times = {"created_at": AT, "seen_at": AT, "expires_at": AT + timedelta(days=999)}
        session.add(SignIn(token_hash=name, user_id=ids["user_id"], **times))
        figure = {"figure": "open_steps", "part": "", "for_everyone": True, "value": 1.0}
        session.add(PortfolioFigure(on=AT.date(), **figure))
        session.add(IdempotentResponse(key="k", request_hash="h", status=201, body="{}", headers={}, created_at=AT))
    return organisation_id


def read_all_rows(database: Database) -> Mapping[str, list[dict[str, object]]]:
    """Every row of every table, decrypted and in order. Counts are left out: they are counted again with restored suppliers."""
    encrypted = {columns[0].table: columns for columns in COLUMNS.values()}

    def decrypt(name: str, row: dict[str, Any]) -> dict[str, object]:
        for column in encrypted.get(name, ()):
            if row[column.name] is not None:
                stored = row[column.name], database.secret_keys
                row[column.name] = column.decrypt(*stored, row["organisation_id"], row["id"])
        return row

    with database.unscoped(write=False) as session:
        return {
            table.name: sorted(
                (decrypt(table.name, dict(row)) for row in session.execute(select(table)).mappings()), key=str
            )
            for table in Base.metadata.sorted_tables
            if not table.info.get("derived")
        }


def count_organisations(database: Database) -> int:
    """How many organisations there are."""
    with database.unscoped(write=False) as session:
        return session.scalars(select(func.count(Organisation.id))).one()
