"""The OpenAPI document: whole, valid, and true of what the service answers, tried by a generator of requests."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
import schemathesis
import waitress
from callers import make_key, make_organisation
from examples import TIMES
from flask import Flask
from hypothesis import strategies as st
from openapi_spec_validator import validate
from patience import PATIENCE
from portal import make_portal
from schemathesis import Case, GenerationMode, HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from waitress import wasyncore

from reports.formats import ALL_FORMATS
from service.api.routes import ROUTES
from service.api.schemas.files import SPREADSHEETS
from service.auth.access import ACCESS
from service.db.session import Database, open_engine
from service.db.tables import Base, new_id
from service.remediation.evidence_files import MEDIA_TYPES
from service.settings import Settings
from service.wiring.app import create_app

# Where a schema cannot say what holds, a request that fits it may still be refused; for each route what its schema cannot say.
WORDS = "which words name a country, a trade, a day, a number or a choice, and which answers go together"
RETURNED = "that a form does not come back before it went out, or on a day that is still to come"
PERSONS = "what reads like a person's name, telephone number or paper; which years and days a calendar has"
NOT_SAID_BY_SCHEMA = {
    "assess": WORDS,
    "put_supplier": f"{WORDS}; that a reference is that of the address",
    "put_agency": f"{WORDS}; that a reference is that of the address",
    "put_own_practices": WORDS,
    "what_if_supplier": f"{WORDS}; which actions there are for the supplier",
    "what_if_agency": f"{WORDS}; which actions there are for the agency",
    "calculate_repayment": (
        f"{WORDS}; which texts are no reference, such as 0 and n/a; from which rows and rates nothing can be calculated"
    ),
    "decide_identity_proposals": "which pairs there are; that no supplier is in two of them",
    "accept_sender_key": "which 44 characters are the Base64 of 32 bytes; that a name can be printed",
    "import_supplier_bundle": "which bytes are signed answers",
    "import_agency_bundle": "which bytes are signed answers",
    "upload_files": (
        "which bytes are a workbook; which words name a country, a trade or a day, which questions a column may answer"
    ),
    **dict.fromkeys(
        [f"{act}_{noun}_evidence" for act in ("add", "confirm") for noun in ("supplier", "agency")],
        f"{PERSONS}; which questions the supplier answered; that the day of evidence is past",
    ),
    "put_identity_provider": "which address may be called; that a first provider has a secret; who is an admin with a password",
    "upload_logo": "which bytes are a picture",
    **dict.fromkeys(
        ["put_supplier_contact", "put_agency_contact"], "which texts are an address of email, and that it was confirmed"
    ),
    "upload_plan_workbook": "which bytes are the workbook of the plan",
    **dict.fromkeys(
        ["download_supplier_notice", "download_agency_notice"], "in which countries the workers of a supplier are"
    ),
    "confirm_import": "which words name a country, a trade or a day; which questions a column may answer",
    "change_layout": "which files, sheets, columns and rows an import has; which questions and countries there are",
    "mark_supplier_form_returned": RETURNED,
    "mark_agency_form_returned": RETURNED,
    **dict.fromkeys(
        ["create_schedule", "change_schedule"],
        "which reports are sent on which days, in which formats, to whom in the organisation, and with what from workers",
    ),
    **dict.fromkeys(
        ["preview_campaign", "start_campaign"],
        "that the due date is ahead; which filters fit together, and which suppliers exist",
    ),
    "change_campaign_suppliers": "which reason goes with which action",
    **dict.fromkeys(
        ["create_supplier_worker_survey", "create_agency_worker_survey"],
        f"{PERSONS}; where a supplier has workers; which languages are confirmed; which days fit together",
    ),
    "issue_worker_survey_codes": "how many workers have no code yet",
    "request_report": (
        "whether there is anything to report on; that the copy of a supplier names it; that only scorecards have languages"
    ),
    **dict.fromkeys(["add_referral_contact", "change_referral_contact"], f"{PERSONS}; which two letters are a country"),
    "confirm_referral_contact": "that this day is past",
    **dict.fromkeys(["create_webhook", "change_webhook"], "which addresses may be called"),
    **dict.fromkeys(
        ["create_connected_system", "change_connected_system"],
        "which addresses may be called; which options, fields and values a kind of system takes",
    ),
    "upload_system_identifiers": "which bytes are a CSV file of identifiers",
    **dict.fromkeys(
        ["put_supplier_system_identifier", "put_agency_system_identifier"], "that an identifier is printable"
    ),
    "put_mail_text": "which placeholders the mail of an event may contain",
    **dict.fromkeys(
        ["change_finding", "change_step"], f"{PERSONS}; which states follow which, and which dates are past"
    ),
    "add_step_evidence": f"{PERSONS}; that a period does not end before it begins",
    **dict.fromkeys(
        [
            f"{act}_{noun}{what}"
            for noun in ("supplier", "agency")
            for act, what in (("create", "_link"), ("create", "_letter"), ("respond_to", ""), ("decide", "_proposal"))
        ],
        f"{PERSONS}; which findings a letter may be about, and which dates are past",
    ),
    **dict.fromkeys(
        ["create_supplier_remedy_account", "create_agency_remedy_account"],
        f"{WORDS}; which texts are no reference, such as 0 and n/a; from which rows and rates nothing can be calculated",
    ),
    "change_remedy_account": f"{PERSONS}; how many workers the account is about; that those not found need a measure",
    "put_remedy_payment": f"{PERSONS}; how many workers the instalment is for; that the day is past and the amount not zero",
    "upload_referral_contacts": "which bytes are a CSV file of the directory",
    "open_case": f"{PERSONS}; which two letters are a country",
    "add_finding": PERSONS,
    "correct_case": f"{PERSONS}; which two letters are a country; which numbers are taken",
    "correct_note": PERSONS,
    "delete_case": "which case is an emergency that two users have to close first",
    **dict.fromkeys(
        ["put_supplier_plan", "put_agency_plan"], "that an agreement has a day and a way, and that this day is past"
    ),
    "close_case": "which case is an emergency, what has to be known before it is closed, and that this day is past",
    **dict.fromkeys(
        ["decide_on_supplier", "decide_on_agency"], "which days a calendar has, and that these days are past"
    ),
}
EXAMPLES = 2 if TIMES == 1 else 120  # of each operation; with --long, the boundaries of its schema are tried as well
NAMED = ("application/json", "application/problem+json", "multipart/form-data")


# Names of the document for what a schema alone does not hold; the service reads them with the same list.
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))
REQUESTS = itertools.count()
OWN_KEYS: set[str] = set()  # the ids of the keys that the requests are sent with


@schemathesis.hook
def before_call(context: HookContext, case: Case, **kwargs: Any) -> None:
    """An Idempotency-Key that was used for another body is refused, which no schema can say: each of them is used once."""
    if case.meta.generation.mode is GenerationMode.POSITIVE and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"request {next(REQUESTS)}"
    if OWN_KEYS & set(case.path_parameters.values()):  # or it would revoke its own key, and be refused from then on
        case.path_parameters = dict.fromkeys(case.path_parameters, new_id())


def _of(name: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "include-operation-id": name,
        "checks": {"positive_data_acceptance": {"enabled": name not in NOT_SAID_BY_SCHEMA}},
    }
    if TIMES == 1:
        config["phases"] = {"coverage": {"enabled": False}}
    return config


def _list_twins() -> list[str]:
    """List the operations on agencies that the code for suppliers does: they are tried with `--long` only."""
    names = {route.name for route in ROUTES}
    return [name for name in names if "agency" in name and name.replace("agency", "supplier") in names]


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
    header = make_key(database, make_organisation(database), *ACCESS.scopes)
    (own,) = app.test_client().get("/api/v1/keys", headers=header).json["items"]
    OWN_KEYS.add(own["id"])
    return header


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    """An address at which the application is served, as in production."""
    connections: dict[int, Any] = {}
    server = waitress.create_server(app, connections, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    # It serves for as long as a client keeps a connection open: its own thread closes them all.
    server.trigger.pull_trigger(lambda: wasyncore.close_all(connections))
    thread.join(PATIENCE)
    server.task_dispatcher.shutdown()


def test_the_document_is_openapi_3_1(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_the_document_names_every_route_and_its_scope(app: Flask):
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]
    documented = {
        operation["operationId"]: operation["description"]
        for operations in paths.values()
        for operation in operations.values()
    }
    expected = {line.split(" api.")[1]: f"Scope: `{scope}`." for line, scope in ACCESS.api.items() if " api." in line}
    assert documented == expected


def test_every_body_and_every_answer_in_json_has_a_name(app: Flask):
    """An anonymous object, or a union of them, is what generators of clients cannot make a class of."""
    document = app.test_client().get("/api/v1/openapi.json").json
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    schemas = [content["schema"] for media, content in contents(document) if media in NAMED]
    assert len(schemas) > 100
    assert {frozenset(schema) for schema in schemas} == {frozenset({"$ref"})}
    assert {schema["$ref"] for schema in schemas} <= known


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every media type of every body and answer, with what the document says of it."""
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation.get("requestBody", {}).get("content", {}).items()
            for response in operation["responses"].values():
                yield from response.get("content", {}).items()


def test_the_body_of_the_gate_is_a_union_of_named_schemas_distinguished_by_their_kind(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").json
    body = document["paths"]["/api/v1/assessments"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schemas = document["components"]["schemas"]
    assert body == {"$ref": "#/components/schemas/Gate"}
    names = [member["$ref"].rpartition("/")[2] for member in schemas["Gate"]["oneOf"]]
    assert names == ["SiteToAssess", "AgencyToAssess"]
    assert [schemas[name]["properties"]["kind"]["const"] for name in names] == ["site", "agency"]
    assert [schemas[name].get("required", []) for name in names] == [[], ["kind"]]


def test_files_have_their_media_types_and_none_is_any(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json")
    assert "*/*" not in document.get_data(as_text=True)
    workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    files = {
        operation["operationId"]: set(operation["responses"]["200"]["content"])
        for operations in document.json["paths"].values()
        for operation in operations.values()
        if "application/json" not in operation["responses"].get("200", {}).get("content", {"application/json": {}})
    }
    assert files == {
        "download_form": {workbook, "application/pdf"},
        "download_supplier_form": {workbook, "application/pdf"},
        "download_agency_form": {workbook, "application/pdf"},
        "download_marked_file": {workbook},
        "download_plan_workbook": {workbook},
        "download_supplier_notice": {"application/pdf", "text/html"},
        "download_agency_notice": {"application/pdf", "text/html"},
        "download_worker_survey_form": {workbook},
        "download_worker_survey_recordings": {"text/csv"},
        "download_issues": {"text/csv"},
        "download_message": {"message/rfc822"},
        "download_translations": {"text/x-gettext-translation"},
        "download_referral_contacts": {"text/csv"},
        "download_table": {workbook, "text/csv"},
        "download_connected_system_file": {"text/csv", "application/x-ndjson"},
        "download_release_preview": {workbook, "text/csv"},
        "download_report": {each.media_type.partition(";")[0] for each in ALL_FORMATS.values()} | {"application/zip"},
        "download_supplier_proof": set(MEDIA_TYPES.values()),
        "download_agency_proof": set(MEDIA_TYPES.values()),
        "download_supplier_answer_file": set(MEDIA_TYPES.values()),
        "download_agency_answer_file": set(MEDIA_TYPES.values()),
        "download_logo": {"image/png"},
    }
    parts = document.json["paths"]["/api/v1/imports"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert parts["encoding"]["file"]["contentType"].split(", ") == list(SPREADSHEETS)


def test_the_document_says_the_limits_that_the_installation_sets(tmp_path: Path):
    database = Database(open_engine(f"sqlite:///{tmp_path / 'test.db'}"))
    Base.metadata.create_all(database.engine)
    portal = make_portal(
        create_app(Settings(data=tmp_path, key_days=90, upload_files=3), database), make_organisation(database)
    )
    schemas = portal.get("/openapi.json").json["components"]["schemas"]
    days, files = schemas["NewKey"]["properties"]["days"], schemas["Upload"]["properties"]["file"]
    assert (days["maximum"], files["maxItems"]) == (90, 3)
    key = {"name": "ERP", "scopes": ["assess"]}
    assert portal.post("/keys", {**key, "days": 90}).status_code == 201
    assert portal.post("/keys", {**key, "days": 91}).json["code"] == "key.days"
    database.engine.dispose()


def test_every_answer_is_as_the_document_says(app: Flask, address: str, key: dict[str, str]):
    app.test_client().put("/api/v1/suppliers/S-1", json={"name": "Blue Pier Cannery", "country": "TH"}, headers=key)
    config = SchemathesisConfig.from_dict(
        {
            "headers": key,
            "continue-on-failure": True,
            "request-timeout": PATIENCE,
            "suppress-health-check": ["too_slow"],
            # A parameter that is not in the document is refused: a filter that is spelt wrong must not give everything.
            "generation": {
                "max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "database": "none",
                "allow-extra-parameters": False,
            },
            # A cursor, a version and a state of things are said by earlier answers, not by a schema.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "429"]
                },
                "negative_data_rejection": {"expected-statuses": ["4xx"]},  # 413 too: more files than one upload has
            },
            "operations": [_of(route.name) for route in ROUTES if not route.open],
        }
    )  # fmt: skip
    described = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)
    if TIMES == 1:
        described = described.exclude(operation_id=_list_twins())
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
    assert app.test_client().get("/api/v1/keys", headers=key).status_code == 200
    assert requests > (200 if TIMES == 1 else 10_000)
