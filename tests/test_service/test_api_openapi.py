"""The OpenAPI document: whole, valid, and true of what the service answers, tried by a generator of requests."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import waitress
from callers import a_key, an_organisation
from flask import Flask
from openapi_spec_validator import validate
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from service.api.routes import ROUTES
from service.app import create_app
from service.auth.access import ACCESS
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings

# Where a schema cannot say what holds, a request that fits it may still be refused; for each route what its schema cannot say.
# Of each POST it cannot say either whether an Idempotency-Key was used for another body.
WORDS = "which words name a country, a trade or a day, which answers go together, and that a reference is that of the address"
DAYS = "which days a calendar has"
ASKED = "which forms there are, and which versions of them"
USED = "whether an Idempotency-Key was used for another body"
PERSONS = "what reads like a person's name, telephone number or paper; and which days a calendar has"
NOT_SAID_BY_SCHEMA = {
    "assess": WORDS,
    "put_site": WORDS,
    "put_agency": WORDS,
    "put_buyer": WORDS,
    "what_if_site": WORDS,
    "what_if_agency": WORDS,
    "send": "which bytes are a workbook",
    "repay": "which bytes are a workbook",
    "confirm_import": USED,
    "cancel_import": USED,
    "cancel_job": USED,
    "merge_site": USED,
    "merge_agency": USED,
    "decide_match": USED,
    "close_case": USED,
    "create_schedule": "which time zones there are; and a day that is null, which the document allows and the service does not",
    "change_schedule": "which time zones there are; and a day that is null, which the document allows and the service does not",
    "ask_report": "whether there is anything to report on",
    "audit": DAYS,
    "site_form_returned": DAYS,
    "agency_form_returned": DAYS,
    "ask_site": ASKED,
    "ask_agency": ASKED,
    "create_key": "how long a key may live: the document says 3650 days, and the service 365",
    "create_user": "what is an e-mail address",
    "save_filter": USED,
    "open_case": PERSONS,
    "add_finding": PERSONS,
}
# The gate reads the questions of both kinds with the same code: trying each of them once more takes a minute.
READ_LIKE_THE_GATE = ("put_site", "put_agency")


def _of(name: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "include-operation-id": name,
        "checks": {"positive_data_acceptance": {"enabled": name not in NOT_SAID_BY_SCHEMA}},
    }
    if name in READ_LIKE_THE_GATE:
        told["phases"] = {"coverage": {"enabled": False}}
    return told


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    database = Database(open_engine(f"sqlite:///{folder / 'test.db'}"))
    Base.metadata.create_all(database.engine)
    yield create_app(Settings(data=folder, plain_http=True, api_per_minute=1_000_000), database)
    database.engine.dispose()


@pytest.fixture(scope="module")
def key(app: Flask) -> dict[str, str]:
    database = app.extensions["database"]
    return a_key(database, an_organisation(database), *ACCESS.scopes)


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    """Where the application is served, as it is in earnest."""
    server = waitress.create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


def test_the_document_is_openapi_3_1(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_the_document_names_every_route_and_its_scope(app: Flask):
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]
    said = {
        operation["operationId"]: operation["description"]
        for operations in paths.values()
        for operation in operations.values()
    }
    kept = {line.split(" api.")[1]: f"Scope: `{scope}`." for line, scope in ACCESS.api.items()}
    assert said == kept


def test_every_answer_is_as_the_document_says(app: Flask, address: str, key: dict[str, str]):
    app.test_client().put("/api/v1/suppliers/S-1", json={"name": "Blue Pier Cannery", "country": "TH"}, headers=key)
    config = SchemathesisConfig.from_dict(
        {
            "headers": key,
            "continue-on-failure": True,
            # A parameter that is not in the document is refused: a filter that is spelt wrong must not give everything.
            "generation": {
                "max-examples": 6, "deterministic": True, "no-shrink": True, "database": "none",
                "allow-extra-parameters": False,
            },
            # A cursor, a version and a state of things are said by earlier answers, not by a schema.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "429"]
                }
            },
            "operations": [_of(route.name) for route in ROUTES if not route.open],
        }
    )  # fmt: skip
    described = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)
    failures, requests = [], 0
    for event in from_schema(described).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.interactions)
            checks = [check for of_case in event.recorder.checks.values() for check in of_case]
            failures += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for check in checks
                if check.failure_info is not None
            ]
    assert not failures, "\n\n".join(failures[:20])
    assert requests > 500
