"""An office with suppliers of its own, all invented, and what a test needs to see it in a browser."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import pytest
from patience import PATIENCE
from test_service.callers import make_organisation, make_user
from werkzeug.serving import make_server

from questionnaires.form import load_combined_form
from questionnaires.question import Question
from risk_models.model import load_models
from service.blob_store.folder import FolderStore
from service.clock import now
from service.connected_systems import systems
from service.connected_systems.systems import SystemForm
from service.db.audit_triggers import ddl
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.jobs import worker
from service.referrals import contacts
from service.settings import Settings
from service.suppliers import repository as suppliers
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers

T = TypeVar("T")
FIRST = "Blue Amber Coral Delta Ember Fern Garnet Harbour Indigo Juniper Kite Lagoon Maple Nettle Orchid Pearl".split()
SECOND = "Seafood Foods Garments Builders Timber Packing Trading Farms".split()
PLACES = [
    ("TH", "1020"), ("TH", "0311"), ("MY", "2220"), ("VN", "1410"), ("QA", "4100"), ("TW", "0311"), ("ID", "1020"),
    ("BD", "1410"), ("FJ", "0312"), ("KH", "1520"), ("JP", "2930"), ("NZ", "0141"), (None, None),
]  # fmt: skip
ORIGINS = ["MM", "NP", "KH", "LA", "ID", "PH", "BD"]


def draw_answer(question: Question, draw: random.Random, good: float) -> Any:
    """An answer that the question may get, with a chance the one of least risk; None where a form has no simple one."""
    offered = ["yes", "no"] if question.type == "yes_no" else [choice.code for choice in question.choices]
    if question.type not in ("yes_no", "choice") or not offered:
        return None
    rule = _rules().get(question.id)
    if rule is not None and draw.random() < good:
        return min(offered, key=rule.risk)
    return draw.choice(offered)


@cache
def _rules() -> dict[str, Any]:
    return {indicator.question: indicator.rule for model in load_models() for indicator in model.indicators}


def build_portfolio(number: int = 40, seed: int = 7) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and answers of that many sites and a few agencies; with anything from no answer to nearly all."""
    draw = random.Random(seed)
    agencies = [f"{FIRST[i]} Manpower" for i in range(5)]
    found: list[tuple[str, dict[str, Any]]] = []
    for kind, count in (("agency", len(agencies) - 1), ("site", number)):
        feeding = [q for q in load_combined_form(kind).questions if q.feeds]
        for i in range(count):
            country, sector = PLACES[i % len(PLACES)]
            answers: dict[str, Any] = {"reference": f"{kind[0].upper()}-{i + 1:03}"}
            answers["name"] = agencies[i] if kind == "agency" else f"{FIRST[i % 16]} {SECOND[(i // 2) % 8]}"
            if country:
                answers["country"] = country
            if kind == "site" and sector:
                answers["sector"] = [sector]
            if i % 3:
                answers["worker_origin_countries"] = draw.sample(ORIGINS, 2)
            if kind == "agency":
                answers["destination_countries"] = ["TH", "MY"]
            elif i % 4 == 1:
                answers["agencies"] = draw.sample(agencies, 2)
            share, good = (0.0, 0.85, 0.3, 0.95, 0.7)[i % 5], (0.97, 1.0, 0.9)[i % 3]
            for question in feeding:
                answer = draw_answer(question, draw, good) if draw.random() < share else None
                if answer is not None:
                    answers[question.id] = answer
            if share:
                answers |= {"answered_on": "2026-10-01", "evidence_date": "2026-09-15", "evidence_grade": "audit"}
            found.append((kind, answers))
    return found


def save_suppliers(
    database: Database, organisation_id: str, portfolio: list[tuple[str, dict[str, Any]]], on: date
) -> None:
    """Assess and store suppliers as of a day."""
    with database.for_organisation(organisation_id) as session:
        for kind in ("agency", "site"):
            answers = [told for of_kind, told in portfolio if of_kind == kind]
            places = [{"file": "portfolio.xlsx", "sheet": "Suppliers", "row": i + 2} for i in range(len(answers))]
            if answers:
                at = now() - timedelta(days=(now().date() - on).days)
                incoming = [suppliers.IncomingSupplier(row, place) for row, place in zip(answers, places, strict=True)]
                suppliers.save_suppliers(session, kind, incoming, suppliers.Origin(on, at, "system:test", "import"))


def create_settled_organisation(database: Database, name: str, email: str) -> str:
    """An organisation with an admin, and suppliers that were assessed twice: some have moved."""
    organisation_id = make_organisation(database, name, "Asia/Bangkok")
    make_user(database, organisation_id, "admin", email)
    portfolio = build_portfolio()
    save_suppliers(database, organisation_id, portfolio, now().date() - timedelta(days=200))
    draw = random.Random(11)
    forms = {kind: [q for q in load_combined_form(kind).questions if q.feeds] for kind in ("site", "agency")}
    again = []
    for kind, answers in portfolio[::2]:
        changed = dict(answers)
        for question in draw.sample(forms[kind], 12):
            if (answer := draw_answer(question, draw, 0.6)) is not None:
                changed[question.id] = answer
        again.append((kind, changed))
    save_suppliers(database, organisation_id, again, now().date() - timedelta(days=3))
    fill_directory(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        form = SystemForm(address="https://harbour.service-now.example")
        systems.create_system(session, "servicenow", form, (b"k" * 32,), "system:test")
    return organisation_id


def fill_directory(database: Database, organisation_id: str) -> None:
    """Add help for workers in every country with suppliers, called today."""
    on = now().date()
    with database.for_organisation(organisation_id) as session:
        for country in sorted({country for country, _ in PLACES if country}):
            for kind in ("ngo", "legal_aid", "health", "hotline"):
                texts = {"country": country, "kind": kind, "name": f"{kind} {country}", "reach": "help.example"}
                contacts.add_contact(session, contacts.parse_texts(texts), on, on, now(), "system:test")


@contextmanager
def run_service(folder: Path, prepare: Callable[[Database], T]) -> Iterator[tuple[str, Database, T]]:
    """The service at an address of this machine, with a worker; what ``prepare`` makes is there before it starts. The worker
    looks for jobs more often than in production, so that no test waits for it.
    """
    engine = open_engine(f"sqlite:///{folder / 'web.db'}")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in ddl(engine.dialect.name):
            connection.exec_driver_sql(statement)
    settings = Settings(data=folder, plain_http=True, provider_hosts=("localhost",))
    keys, stop = settings.open_secret_keys(), Event()
    database, blobs = Database(engine, keys), FolderStore(folder / "blobs", keys)
    prepared = prepare(database)
    app = create_app(settings, database)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threads = [
        Thread(target=server.serve_forever, daemon=True),
        Thread(target=worker.run_worker, args=(database, build_handlers(blobs), stop), daemon=True),
    ]
    patch = pytest.MonkeyPatch()
    patch.setattr(worker, "POLL_SECONDS", 0.2)
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", database, prepared
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(PATIENCE)
        patch.undo()
        engine.dispose()
