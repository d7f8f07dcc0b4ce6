"""The processes of an installation: ``serve`` is all of it in one; ``web``, ``worker`` and ``scheduler`` are one part each.

Any number of each part may run on one database and one folder of files. A part that is stopped ends what it has begun, or
leaves it to another: jobs are resumed where they stood.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from threading import Event, Thread

import structlog
from flask import Flask
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from questionnaires.form import load_combined_form
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.blob_store import BlobStore
from service.db.migrations import migrate, get_newest_revision, get_revision
from service.db.session import Database, open_engine
from service.imports.pipeline import KINDS
from service.jobs.worker import run_worker
from service.settings import Settings
from service.wiring import demo
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers
from service.wiring.scheduler import run_scheduler

THREADS = 8  # requests that a web process works on at the same time
SHUTDOWN_TIMEOUT = 10.0  # seconds that a job gets to come to its end when the service stops; after that it is resumed at the next start

Server = BaseWSGIServer | MultiSocketServer
log = structlog.get_logger("service")


class StartError(Exception):
    """What stands in the way of a start, in one sentence."""


def serve(settings: Settings, say: Callable[[str], None], *, with_demo: bool = False) -> None:
    """Pages, API, worker and scheduler in one process until SIGINT or SIGTERM; brings the database up to date first."""
    with open_database(settings) as db:
        _serve(settings, db, say, with_demo=with_demo)


def _serve(settings: Settings, db: Database, say: Callable[[str], None], *, with_demo: bool) -> None:
    blobs = BlobStore(settings.files)
    app = create_app(settings, db)
    server = _create_server(app, settings)
    migrate(db.engine)
    preload_data(app)
    first = demo.load_demo(db, blobs) if with_demo else None
    say(f"Diligence is at http://{settings.host}:{settings.port}  (Ctrl-C stops it)")
    if first is not None:
        say(f"Sign in as {first.email} with {f'the password {first.password}' if first.password else 'your password'}")
    stop = Event()
    parts = [Thread(target=run_worker, args=(db, build_handlers(blobs), stop), name="worker", daemon=True)]
    parts += [Thread(target=run_scheduler, args=(db, blobs, stop), name="scheduler", daemon=True)]
    for part in parts:
        part.start()
    try:
        _run_server(server)
    finally:
        stop.set()
        for part in parts:
            part.join(SHUTDOWN_TIMEOUT)


def run_web(settings: Settings) -> None:
    """Pages and API alone, until SIGINT or SIGTERM. Raises CannotStart."""
    with open_current_database(settings) as db:
        app = create_app(settings, db)
        server = _create_server(app, settings)
        preload_data(app)
        log.info("web_started", host=settings.host, port=settings.port)
        _run_server(server)


def run_worker_process(settings: Settings) -> None:
    """Does jobs until SIGINT or SIGTERM; the one it is at is finished. Raises CannotStart."""
    with open_current_database(settings) as db:
        log.info("worker_started")
        run_worker(db, build_handlers(BlobStore(settings.files)), _stop_on_signals())


def run_scheduler_process(settings: Settings) -> None:
    """Lets schedules go off and removes what is kept no longer, until SIGINT or SIGTERM. Raises CannotStart."""
    with open_current_database(settings) as db:
        log.info("scheduler_started")
        run_scheduler(db, BlobStore(settings.files), _stop_on_signals())


def open_database(settings: Settings) -> Database:
    """The database of an installation; the data folder is made if need be, for its owner alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Database(open_engine(settings.database))


def open_current_database(settings: Settings) -> Database:
    """The database of an installation, which is up to date. Raises CannotStart."""
    db = open_database(settings)
    found = get_revision(db.engine)
    if found != get_newest_revision():
        db.close()
        raise StartError(f"The database is at {found or 'nothing'}, not at {get_newest_revision()}: run diligence migrate first.")
    return db


def _create_server(app: Flask, settings: Settings) -> Server:
    """A server that has its port already and answers once it runs."""
    try:
        return create_server(
            app,
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            ident="",
            # A larger body is refused without an answer in our shape; up to here the application refuses it in full form.
            max_request_body_size=4 * settings.upload_bytes,
            # What a proxy says of the caller is read by the application, if it is told that there is one.
            clear_untrusted_proxy_headers=not settings.proxies,
        )
    except OSError as taken:
        raise StartError(
            f"Port {settings.port} of {settings.host} cannot be had ({taken.strerror}): say another with --port."
        ) from taken


def preload_data(app: Flask) -> None:
    """Reads models, facts, forms and pages, which takes a second or two: now, and not while somebody waits for a first page."""
    for page in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(page)
    load_models()
    load_facts()
    for kind in KINDS:
        load_combined_form(kind)
    gc.collect()
    gc.freeze()  # all this stays: requests do not pay for looking through it for garbage


def _run_server(server: Server) -> None:
    def ended(*_: object) -> None:
        raise SystemExit(0)  # where the server waits it ends its threads on this

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that puts us behind it has SIGINT ignored
        signal.signal(number, ended)
    server.run()


def _stop_on_signals() -> Event:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
