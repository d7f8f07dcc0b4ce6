"""Checks of the rows of the database: whether it is sound, and whether rows agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ForeignKey, Select, Table, TableClause, and_, column, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job
from service.db.row_security import find_unprotected, is_effective
from service.db.session import Database
from service.db.supplier_counts import find_miscounts, recount
from service.db.tables import AuditEvent, Base, Result, Supplier
from service.db.watchlist_tables import Watchlist, WatchlistEntry
from service.errors import build_problem
from service.integrity.finding import ACTOR, Finding, Installation
from service.suppliers.summary import SHARED_COLUMNS

ACTIVE = ("queued", "running")
ENDED = ("done", "refused", "failed", "cancelled")


def find_damage(installation: Installation) -> Iterator[Finding]:
    """Yield what SQLite finds wrong with its file. PostgreSQL has ``pg_amcheck`` for this."""
    for line in installation.db.find_damage():
        yield Finding("database.damaged", "database", f"{line}. Restore the last backup into an empty data folder.")


def find_unprotected_tables(installation: Installation) -> Iterator[Finding]:
    """Yield the tables whose rows PostgreSQL does not separate by organisation; as information, that one role does everything."""
    db = installation.db
    if db.engine.dialect.name != "postgresql":
        return
    with db.engine.connect() as connection:
        unprotected = find_unprotected(connection)
    for name in unprotected:
        detail = "Row security is missing or switched off. Run `diligence migrate`, and find out who changed it."
        yield Finding("row_security.missing", f"table {name}", detail)
    with db.application.connect() as connection:
        if not is_effective(connection):
            detail = "The role of DILIGENCE_DATABASE_URL can reach the rows of all organisations (see docs/operate.md)."
            yield Finding("row_security.not_effective", "database", detail, is_information=True)


def find_orphans(installation: Installation) -> Iterator[Finding]:
    """Yield rows whose foreign key refers to no row. Those that the database deletes with that row can be deleted.

    Counts and words of suppliers have no id of their own; :func:`find_wrong_counts` checks the counts.
    """
    for table in (table for table in Base.metadata.sorted_tables if len(table.primary_key.columns) == 1):
        keys = sorted(table.foreign_keys, key=lambda key: str(key.parent.name))
        with installation.db.unscoped(write=False) as session:
            orphans = [session.scalars(_select_orphans(table, key)).all() for key in keys]
        for key, ids in zip(keys, orphans, strict=True):
            is_safe = key.ondelete == "CASCADE" and table.name != AuditEvent.__tablename__
            for row_id in ids:
                yield Finding(
                    "row.orphan",
                    f"{table.name} {row_id}",
                    f"It refers to a row of {key.column.table.name} that does not exist.",
                    _build_orphan_repair(installation.db, table, key, row_id) if is_safe else None,
                )


def _select_orphans(table: Table, key: ForeignKey) -> Select[Any]:
    parent = TableClause(key.column.table.name, column(key.column.name)).alias()
    has_parent = exists().where(parent.c[key.column.name] == key.parent)
    return select(_get_id(table)).where(key.parent.is_not(None), ~has_parent).order_by(_get_id(table))


def _get_id(table: Table) -> Any:
    (column,) = table.primary_key
    return column


def _build_orphan_repair(db: Database, table: Table, key: ForeignKey, row_id: Any) -> Any:
    def repair() -> None:
        with db.unscoped() as session:
            is_orphan = _get_id(table).in_(_select_orphans(table, key).order_by(None))
            session.execute(delete(table).where(_get_id(table) == row_id, is_orphan))

    return repair


def find_wrong_summaries(installation: Installation) -> Iterator[Finding]:
    """Yield suppliers that do not repeat their latest result, or whose latest result does not exist."""
    is_same = and_(*(getattr(Supplier, name).is_not_distinct_from(getattr(Result, name)) for name in SHARED_COLUMNS))
    query = (
        select(Supplier.id, Result.id)
        .outerjoin(Result, and_(Result.id == Supplier.latest_id, Result.supplier_id == Supplier.id))
        .where(Supplier.latest_id.is_not(None), or_(Result.id.is_(None), ~is_same))
        .order_by(Supplier.id)
    )
    with installation.db.unscoped(write=False) as session:
        for supplier_id, result_id in session.execute(query):
            wrong = (
                "Its latest result does not exist."
                if result_id is None
                else "Its totals differ from its latest result."
            )
            yield Finding("supplier.summary", f"supplier {supplier_id}", f"{wrong} Reassess it.")


def find_wrong_counts(installation: Installation) -> Iterator[Finding]:
    """Yield each count of suppliers that differs from the suppliers that are stored; a repair counts all of them again."""

    def repair() -> None:
        with installation.db.unscoped() as session:
            if find_miscounts(session):
                recount(session)

    with installation.db.unscoped(write=False) as session:
        wrong = find_miscounts(session)
    for each in wrong:
        name = " ".join(part for part in (each.facet, each.kind, each.value, each.detail) if part)
        detail = f"{name}: {each.kept} stored, {each.counted} counted."
        yield Finding("supplier.count", f"organisation {each.organisation_id}", detail, repair)


def find_stuck_imports(installation: Installation) -> Iterator[Finding]:
    """Yield imports that wait for a job which does not exist, and those that have ended without a time or the other way round."""
    with installation.db.unscoped(write=False) as session:
        stuck = _list_stuck_imports(session)
        has_ended = Import.state.in_(ENDED)
        mismatched = session.scalars(
            select(Import).where(
                or_(has_ended & Import.finished_at.is_(None), ~has_ended & Import.finished_at.is_not(None))
            )
        ).all()
    for import_ in stuck:
        detail = f"Its state is {import_.state}, but there is no job to continue it."
        yield Finding("import.stuck", f"import {import_.id}", detail, _build_import_repair(installation.db, import_))
    for import_ in mismatched:
        detail = f"Its state is {import_.state}, but it has {'no' if import_.finished_at is None else 'an'} end time."
        yield Finding("import.state", f"import {import_.id}", detail)


def _list_stuck_imports(session: Session) -> Sequence[Import]:
    open_imports = session.scalars(
        select(Import).where(Import.state.in_(("waiting", "running"))).order_by(Import.id)
    ).all()
    jobs = session.scalars(select(Job.payload).where(Job.state.in_(ACTIVE)))
    continued = {payload.get("import_id") for payload in jobs}
    return [import_ for import_ in open_imports if import_.id not in continued]


def _build_import_repair(db: Database, stuck: Import) -> Any:
    def repair() -> None:
        with db.for_organisation(stuck.organisation_id) as session:
            import_ = next((one for one in _list_stuck_imports(session) if one.id == stuck.id), None)
            if import_ is None:
                return
            detail = (
                "The job of this import was lost. Everything saved until then has been kept. Upload the files again."
            )
            import_.state, import_.finished_at = "failed", now()
            import_.problem = build_problem("import.failed", 500, detail)
            record_event(session, ACTOR, "import.failed", "import", import_.id, {"reason": "import.stuck"})

    return repair


def find_imports_without_uploads(installation: Installation) -> Iterator[Finding]:
    """Yield imports that refer to uploads which do not exist."""
    with installation.db.unscoped(write=False) as session:
        uploads = set(session.scalars(select(Upload.id)))
        for import_id, ids in session.execute(select(Import.id, Import.uploads).order_by(Import.id)):
            for missing in sorted(set(ids) - uploads):
                yield Finding("import.upload_missing", f"import {import_id}", f"Its upload {missing} does not exist.")


def find_lost_jobs(installation: Installation) -> Iterator[Finding]:
    """Yield jobs that run without a lease, so that no worker ever takes them over, and jobs that ended without a time."""
    with installation.db.unscoped(write=False) as session:
        unleased = session.scalars(_select_unleased_jobs()).all()
        unended = session.scalars(
            select(Job.id).where(Job.state.not_in(ACTIVE), Job.finished_at.is_(None)).order_by(Job.id)
        ).all()
    for job in unleased:
        detail = "It is running, but no worker is processing it."
        yield Finding("job.lost", f"job {job.id}", detail, _build_job_repair(installation.db, job))
    for job_id in unended:
        yield Finding("job.state", f"job {job_id}", "It has ended, but its end time is missing.")


def _select_unleased_jobs() -> Select[Job]:
    return (
        select(Job).where(Job.state == "running", or_(Job.lease_until.is_(None), Job.owner.is_(None))).order_by(Job.id)
    )


def _build_job_repair(db: Database, lost: Job) -> Any:
    def repair() -> None:
        with db.for_organisation(lost.organisation_id) as session:
            job = session.scalars(_select_unleased_jobs().where(Job.id == lost.id).with_for_update()).first()
            if job is not None:  # it continues from its checkpoint, as after the end of a lease
                job.state, job.owner, job.lease_until = "queued", None, None

    return repair


def find_wrong_watchlists(installation: Installation) -> Iterator[Finding]:
    """Yield watchlists with more or fewer entries than they say, and entries that belong to no edition of a list."""
    in_force = select(func.count(WatchlistEntry.id)).where(
        WatchlistEntry.watchlist_id == Watchlist.id, WatchlistEntry.edition == Watchlist.edition
    )
    count = in_force.correlate(Watchlist).scalar_subquery()
    with installation.db.unscoped(write=False) as session:
        wrong = session.execute(select(Watchlist.id, Watchlist.entries, count).where(Watchlist.entries != count))
        for watchlist_id, said, counted in wrong:
            detail = f"It should have {said} entries but has {counted}. Import the list again."
            yield Finding("watchlist.entries", f"watchlist {watchlist_id}", detail)
        unused = session.execute(_select_unused_editions()).all()
    for watchlist_id, edition in unused:
        detail = f"Entries of its edition {edition} are left over from an import that did not finish."
        repair = _build_edition_repair(installation.db, watchlist_id, edition)
        yield Finding("watchlist.leftover", f"watchlist {watchlist_id}", detail, repair)


def _select_unused_editions() -> Select[str, str]:
    is_unused = and_(
        Watchlist.edition.is_distinct_from(WatchlistEntry.edition),
        Watchlist.requested_edition.is_distinct_from(WatchlistEntry.edition),
    )
    # An edition that was overtaken by a later one is still being loaded by its job, which deletes it at the end.
    loading = select(Upload.id).where(Upload.id == WatchlistEntry.edition).exists()
    return (
        select(WatchlistEntry.watchlist_id, WatchlistEntry.edition)
        .join(Watchlist, Watchlist.id == WatchlistEntry.watchlist_id)
        .where(is_unused, ~loading)
        .distinct()
    )


def _build_edition_repair(db: Database, watchlist_id: str, edition: str) -> Any:
    def repair() -> None:
        with db.unscoped() as session:
            if (watchlist_id, edition) in {(row[0], row[1]) for row in session.execute(_select_unused_editions())}:
                of_edition = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
                session.execute(delete(WatchlistEntry).where(*of_edition))

    return repair
