"""The processes of an installation: ``serve`` runs everything in one; the web server, worker and scheduler also run alone.

Any number of each may run on one database and one folder of files. A process that is stopped finishes its work or leaves it to
another process: jobs are resumed from their checkpoint.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from functools import partial
from threading import Event, Thread

import structlog
from flask import Flask
from sqlalchemy import make_url

from questionnaires.form import load_combined_form
from questionnaires.tables import TABLE_KINDS
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.audit_evidence.checkpoints import CheckpointWriter
from service.blob_store import BlobStore
from service.blob_store.address import open_blob_store
from service.connected_systems.pushing import Pusher, run_pushes
from service.db.case_tables import StoredCase, StoredFinding
from service.db.encrypted import find_unknown_key
from service.db.import_tables import Upload
from service.db.migrations import get_newest_revision, get_revision, migrate
from service.db.remediation_tables import StepComment
from service.db.row_security import RowSecurityError, is_effective, is_prepared
from service.db.session import Database, open_database
from service.decision_process import DecisionProcess
from service.jobs.worker import run_workers
from service.journal import Journal
from service.outbox.delivery import Channels, run_delivery
from service.outbox.exchange import Receiving
from service.outbox.mail import read_mail_server
from service.reencryption import reencrypt_files
from service.settings import Settings
from service.wiring import demo
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers
from service.wiring.scheduler import run_scheduler
from service.wiring.server import Server

GRACE_SECONDS = 20.0  # for which requests that have arrived are still handled when the service stops
NEW_OBJECTS = (
    100_000  # after which the newest objects are searched for garbage: a job or a page creates many that stay a while
)
SHUTDOWN_TIMEOUT = 10.0  # seconds that a job has to end or reach its next checkpoint when the service stops

log = structlog.get_logger("service")


class StartError(Exception):
    """The reason why a process cannot start, in one sentence."""


class OutdatedDatabase(StartError):
    """The database is not at the revision that this release needs, or not prepared for the roles of the settings."""


class MissingSecretKey(StartError):
    """A secret key with which texts are encrypted is missing."""


def serve(settings: Settings, say: Callable[[str], None], *, with_demo: bool = False) -> None:
    """Run pages, API, worker and scheduler in one process until SIGINT or SIGTERM, after upgrading the database."""
    with open_installation(settings) as db, db.for_requests() as request_db:
        _serve(settings, db, request_db, say, with_demo=with_demo)


def _serve(
    settings: Settings, db: Database, request_db: Database, say: Callable[[str], None], *, with_demo: bool
) -> None:
    blobs, channels = open_blobs(settings), open_channels(settings)
    app = create_app(settings, request_db)
    server = _create_server(app, settings)
    before = migrate_database(settings)
    check_secret_keys(db, settings)
    if before not in (None, get_newest_revision()):
        reencrypt_files(blobs)  # those that an older release stored as they were
    log_row_security(db)
    preload_data(app)
    sign_in = demo.load_demo(db, blobs) if with_demo else None
    say(f"Diligence is running at http://{settings.host}:{settings.port}  (press Ctrl-C to stop)")
    if sign_in is not None:
        password = f"the password {sign_in.password}" if sign_in.password else "your password"
        say(f"Sign in as {sign_in.email} with {password}")
    stop = Event()
    arguments = (db, build_handlers(blobs, Journal(settings.erasure_journal)), stop, settings.workers, SHUTDOWN_TIMEOUT)
    threads = [Thread(target=run_workers, args=arguments, name="workers", daemon=True)]
    ticking = partial(run_scheduler, db, blobs, stop, checkpoints=open_checkpoints(settings, db))
    threads += [Thread(target=ticking, name="scheduler", daemon=True)]
    threads += [Thread(target=run_delivery, args=(db, channels, stop), name="delivery", daemon=True)]
    threads += [Thread(target=run_pushes, args=(db, open_pusher(settings), stop), name="pushes", daemon=True)]
    for thread in threads:
        thread.start()
    try:
        _run_server(server)
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * SHUTDOWN_TIMEOUT)  # what the workers do not finish in time, they return to the queue


def run_web(settings: Settings) -> None:
    """Run pages and API until SIGINT or SIGTERM. Raises StartError."""
    with open_current_database(settings) as db, db.for_requests() as request_db:
        check_secret_keys(db, settings)
        app = create_app(settings, request_db)
        server = _create_server(app, settings)
        preload_data(app)
        log_row_security(db)
        log.info("web_started", host=settings.host, port=settings.port)
        _run_server(server)


def run_worker_process(settings: Settings) -> None:
    """Run jobs and deliver messages until SIGINT or SIGTERM; jobs that run then end, or return to the queue at their next
    checkpoint. Raises StartError.
    """
    channels = open_channels(settings)
    with open_current_database(settings) as db:
        check_secret_keys(db, settings)
        preload_data()
        log_row_security(db)
        log.info("worker_started")
        stop = stop_on_signals()
        delivery = Thread(target=run_delivery, args=(db, channels, stop), name="delivery", daemon=True)
        delivery.start()
        Thread(target=run_pushes, args=(db, open_pusher(settings), stop), name="pushes", daemon=True).start()
        handlers = build_handlers(open_blobs(settings), Journal(settings.erasure_journal))
        run_workers(db, handlers, stop, settings.workers, SHUTDOWN_TIMEOUT)
        delivery.join(SHUTDOWN_TIMEOUT)  # a message that is not delivered by then is claimed again when its lease ends


def run_scheduler_process(settings: Settings) -> None:
    """Run schedules and purge expired data until SIGINT or SIGTERM. Raises StartError."""
    with open_current_database(settings) as db:
        check_secret_keys(db, settings)
        log_row_security(db)
        log.info("scheduler_started")
        blobs, checkpoints = (
            open_blobs(settings),
            open_checkpoints(settings, db),
        )
        run_scheduler(db, blobs, stop_on_signals(), checkpoints=checkpoints)


def open_pusher(settings: Settings) -> Pusher:
    """Return how scores leave for connected systems."""
    receiving = Receiving(settings.webhook_plain_http, settings.webhook_networks)
    return Pusher(receiving, settings.open_secret_keys(), settings.address)


def open_channels(settings: Settings) -> Channels:
    """Return how messages leave the installation. Raises SettingError."""
    receiving = Receiving(settings.webhook_plain_http, settings.webhook_networks)
    return Channels(read_mail_server(settings), receiving, settings.open_secret_keys())


def open_checkpoints(settings: Settings, db: Database) -> CheckpointWriter:
    """Return what writes signed checkpoints of the audit trail. Raises SettingError."""
    return CheckpointWriter(db, Journal(settings.audit_checkpoint_file), settings.open_secret_keys())


def open_blobs(settings: Settings) -> BlobStore:
    """Open the file store of an installation, which encrypts with its secret keys. Raises SettingError."""
    return open_blob_store(settings.blob_store, settings.open_secret_keys())


def open_installation(settings: Settings) -> Database:
    """Open the database of an installation; the data folder is created if needed, readable only by its owner."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_database(settings.system_database, settings.database, settings.open_secret_keys())


def open_as_owner(settings: Settings) -> Database:
    """Open the database of an installation like ``open_installation``, for a command that needs the rights of the owner."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_database(settings.owner_database, settings.database, settings.open_secret_keys())


def migrate_database(settings: Settings) -> str | None:
    """Upgrade the database of an installation, protect its tables and prepare its roles; return the revision before, as
    ``migrate`` does. Raises StartError.
    """
    with open_as_owner(settings) as db:
        try:
            return migrate(db.engine, make_url(settings.database), make_url(settings.system_database), db.secret_keys)
        except RowSecurityError as error:
            raise StartError(str(error)) from error


def log_row_security(db: Database) -> None:
    """Log if the role for the work of one organisation could reach the rows of others on PostgreSQL."""
    if db.engine.dialect.name != "postgresql":
        return
    with db.application.connect() as connection:
        if not is_effective(connection):
            log.warning("row_security_not_effective")


def open_current_database(settings: Settings, *, as_owner: bool = False) -> Database:
    """Open the database of an installation. Raises OutdatedDatabase."""
    db = open_as_owner(settings) if as_owner else open_installation(settings)
    revision = get_revision(db.engine)
    if revision != get_newest_revision():
        db.close()
        raise OutdatedDatabase(
            f"The database is at version {revision or 'none'}; this release needs version {get_newest_revision()}. "
            "Run `diligence migrate`."
        )
    if db.application is not db.engine:
        with db.application.connect() as connection:
            prepared = is_prepared(connection)
        if not prepared:
            db.close()
            raise OutdatedDatabase("The role of DILIGENCE_DATABASE_URL has no rights yet. Run `diligence migrate`.")
    return db


def check_secret_keys(db: Database, settings: Settings) -> None:
    """Raise MissingSecretKey if texts of cases are encrypted with a key that is not in the file of the secret keys."""
    with db.unscoped(write=False) as session:
        key_id = find_unknown_key(session, (StoredCase, StoredFinding, StepComment, Upload), db.secret_keys)
    if key_id is not None:
        raise MissingSecretKey(
            f"The texts of cases are encrypted with the secret key {key_id}, which is not in "
            f"{settings.secret_keys_path}. Add the line with this key to the file again."
        )


def _create_server(app: Flask, settings: Settings) -> Server:
    """Create a server that is bound to its port. Raises StartError."""
    try:
        return Server(app, settings)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {settings.host}, port {settings.port} ({error.strerror}). Choose another port with "
            "--port."
        ) from error


def preload_data(app: Flask | None = None) -> None:
    """Load models, facts, forms and the page templates of an app before the first request or job: it takes a second or two.

    An app also gets the process that makes its decisions.
    """
    if app is not None:
        for page in app.jinja_env.list_templates(extensions=["html"]):
            app.jinja_env.get_template(page)
        app.extensions["decide"] = DecisionProcess().decide
    load_models()
    load_facts()
    for kind in TABLE_KINDS:
        load_combined_form(kind)
    gc.collect()
    gc.freeze()  # these objects live as long as the process: garbage collection need not scan them
    gc.set_threshold(NEW_OBJECTS)


def _run_server(server: Server) -> None:
    server.stop_on_signals()
    server.run(GRACE_SECONDS)


def stop_on_signals() -> Event:
    """Return an event that SIGINT or SIGTERM sets."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
