"""Every route of the API over the use cases, in one list. Who may call it stands in ``service/auth/access.toml``.

A route is read, run and answered in one place (``_handler``): parameters and body strictly, in one transaction on the rows of
the caller's organisation, once for each Idempotency-Key. That, the problem objects and the strict JSON are what a framework
for APIs would bring in another shape; the OpenAPI document is made from the same list (``openapi.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from marshmallow import Schema, fields, validate

from reports.document import LEVELS
from reports.formats import FORMATS
from service.api import files, health, once, openapi, read, views
from service.api.body import json_object
from service.api.rate import Allowances
from service.api.read import Count, Flag, OneOf, Strict, Word
from service.api.reply import check_conditions, response
from service.api.shown import PLURALS
from service.auth.caller import caller, reading, writing
from service.refusal import Refused
from service.report_jobs import AUDIENCES

PREFIX = "/api/v1"


class Route(NamedTuple):
    """One route: ``rows`` says how its transaction uses them ("" where it has none or its own), ``body`` is the name of a
    schema of answers, a schema that is loaded, or the parts of a form; ``fixed`` is what the address fixes.
    """

    method: str
    address: str
    name: str
    view: Callable[..., Any]
    about: str
    reply: str
    statuses: tuple[int, ...] = (200,)
    rows: str = "read"
    query: Schema | None = None
    body: Schema | str | dict[str, Any] | None = None
    fixed: dict[str, str] = {}
    versioned: bool = False
    open: bool = False


def _paged(**more: fields.Field[Any]) -> Schema:
    """The parameters of a list."""
    limit = Count(load_default=50, validate=validate.Range(1, 200, error="field.value"))
    wanted: Any = {**more, "cursor": Word(1000, "^[A-Za-z0-9_-]+$"), "limit": limit}
    return Strict.from_dict(wanted)()


def _strict(**more: fields.Field[Any]) -> Schema:
    wanted: Any = more
    return Strict.from_dict(wanted)()


LIST = _paged()
COUNTRY, SECTOR = "^[A-Z]{2}$", "^([A-U]|[0-9]{2,4})$"
SUPPLIERS = _paged(
    level=OneOf(LEVELS),
    country=Word(2, COUNTRY),
    sector=Word(4, SECTOR),
    text=Word(),
    company=Word(300),
)
IMPORTS = _paged(state=OneOf(("waiting", "previewed", "running", "done", "refused", "failed", "cancelled")))
MANY = Count(load_default=100, validate=validate.Range(1, 1000, error="field.value"))
CHANGES = _strict(since=Word(18, "^[0-9]+$"), limit=MANY)
MERGE = _strict(into=Word(300, required=True))
RULE = _strict(kind=Word(required=True), every=Word(), day=fields.Raw(), time=Word())
SCHEDULE = _strict(name=Word(required=True), rule=fields.Nested(RULE, required=True), time_zone=Word(required=True))
SCHEDULE_CHANGE = _strict(name=Word(), rule=fields.Nested(RULE), time_zone=Word(), active=Flag())
REPORT = _strict(
    format=OneOf(FORMATS, required=True),
    audience=OneOf(AUDIENCES, load_default="internal"),
    supplier_id=Word(36),
    kind=OneOf(PLURALS),
    level=OneOf(LEVELS),
    country=Word(2, COUNTRY),
    sector=Word(4, SECTOR),
    text=Word(),
)
CONFIRM = _strict(
    **{name: Word() for name in ("kind", "default_country", "default_sector", "sheet", "date_order", "on")},
    columns=fields.Dict(keys=fields.String(), values=Word(1000)),
)
UPLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
        **{name: {"type": "string"} for name in files.FIELDS},
        "kind": {"enum": list(PLURALS)},
        "date_order": {"enum": list(files.WORDS["date_order"])},
        "confirm": {"enum": list(files.WORDS["confirm"])},
        "columns": {
            "type": "string",
            "description": "A JSON object: question id -> header of the column that answers it.",
        },
    },
    "required": ["file"],
    "additionalProperties": False,
}


def _of_kind(kind: str) -> tuple[Route, ...]:
    """The routes that suppliers and agencies both have."""
    many, one, fixed = PLURALS[kind], f"/{PLURALS[kind]}/<supplier_id>", {"kind": kind}
    named = "site" if kind == "site" else "agency"
    return (
        Route("GET", f"/{many}", many, views.list_suppliers, "Those kept, worst first.", "SupplierPage",
              query=SUPPLIERS, fixed=fixed),
        Route("GET", one, named, views.one, "One of them, by id or own reference, with its latest result.", "Supplier",
              (200, 304), fixed=fixed, versioned=True),
        Route("PUT", one, f"put_{named}", views.put, "Keeps it under the buyer's own reference, and assesses it.",
              "Supplier", (200, 201), "write", body=f"{kind.capitalize()}Answers", fixed=fixed, versioned=True),
        Route("DELETE", one, f"erase_{named}", views.erase, "Erases it with all its results.", "", (204,), "write",
              fixed=fixed, versioned=True),
        Route("GET", f"{one}/assessments", f"{named}_history", views.history, "Its results, newest first.",
              "ResultPage", query=LIST, fixed=fixed),
        Route("POST", f"{one}/merge", f"merge_{named}", views.merge, "It turns out to be another one: its results move there.",
              "Supplier", (200,), "write", body=MERGE, fixed=fixed),
    )  # fmt: skip


def _document() -> Response:
    return Response(_document_bytes(), content_type="application/json")


ROUTES: tuple[Route, ...] = (
    Route("POST", "/assessments", "assess", views.assess, "The onboarding gate: assesses, decides, keeps nothing.",
          "Assessment", body="Gate"),
    Route("GET", "/assessments/<result_id>", "result", views.result, "A result as of its day, reasons and all.",
          "Assessment"),
    *_of_kind("site"),
    *_of_kind("agency"),
    Route("GET", "/companies", "companies", views.companies, "Companies by name, with the worst of their sites.",
          "CompanyPage", query=LIST),
    Route("GET", "/changes", "changes", views.read_changes, "What happened since a cursor, in order.", "ChangePage",
          query=CHANGES),
    Route("POST", "/imports", "send", files.send, "Takes files in; they are read and scored by jobs.", "Import", (202,),
          "", body=UPLOAD),
    Route("GET", "/imports", "imports", files.list_imports, "Imports, newest first.", "ImportPage", query=IMPORTS),
    Route("GET", "/imports/<import_id>", "one_import", files.one_import, "How far an import is, and what was found.",
          "Import"),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", files.confirm,
          "Scores an import as found, or has it read again with other choices.", "Import", (202,), "write", body=CONFIRM),
    Route("POST", "/imports/<import_id>/cancel", "cancel_import", files.cancel, "Asks for an import to be cancelled.",
          "Import", (202,), "write"),
    Route("POST", "/reports", "ask_report", views.ask_report, "Asks for a report of one supplier or of a filter.",
          "Report", (202,), "write", body=REPORT),
    Route("GET", "/reports", "reports", views.list_reports, "Reports, newest first.", "ReportPage", query=LIST),
    Route("GET", "/reports/<job_id>", "report", views.report, "How far a report is.", "Report"),
    Route("GET", "/reports/<job_id>/file", "report_file", files.report_file, "The report as a file.", "*/*", rows=""),
    Route("GET", "/schedules", "schedules", views.list_schedules, "All schedules with their next dates.", "ScheduleList"),
    Route("POST", "/schedules", "create_schedule", views.create_schedule, "A new schedule.", "Schedule", (201,), "write",
          body=SCHEDULE),
    Route("GET", "/schedules/<schedule_id>", "schedule", views.schedule, "A schedule with its dates.", "Schedule"),
    Route("PATCH", "/schedules/<schedule_id>", "change_schedule", views.change_schedule, "Changes what is given of it.",
          "Schedule", (200,), "write", body=SCHEDULE_CHANGE),
    Route("DELETE", "/schedules/<schedule_id>", "delete_schedule", views.delete_schedule, "Removes it.", "", (204,),
          "write"),
    Route("GET", "/openapi.json", "openapi", _document, "This document.", "", rows="", open=True),
)  # fmt: skip


@cache
def _document_bytes() -> bytes:
    return orjson.dumps(openapi.document(route for route in ROUTES if route.name != "openapi"))


def register(app: Flask) -> None:
    """Puts the API and the two addresses of its health on the application."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for route in ROUTES:
        api.add_url_rule(route.address, route.name, _handler(route), methods=[route.method])
    api.before_request(_count)
    api.after_request(_finish)
    app.extensions["allowances"] = Allowances(app.extensions["database"], app.extensions["settings"].api_per_minute)
    app.register_blueprint(api)
    app.register_blueprint(health.pages)


NOTHING = _strict()


def _handler(route: Route) -> Callable[..., Response]:
    """Reads a request as its route says, runs the view in a transaction, and answers."""

    def handle(**address: str) -> Response:
        told: dict[str, Any] = {**route.fixed, **address}
        query = read.parameters(route.query or NOTHING)
        if route.query is not None:
            told["query"] = query
        if route.versioned:
            check_conditions()
        asked: dict[str, Any] = {}
        if isinstance(route.body, str | Schema):
            asked = json_object()
            told["body"] = asked if isinstance(route.body, str) else read.body(route.body, asked)
        if not route.rows:
            made: Response = route.view(**told)
            return made
        key = once.key_of_request() if request.method == "POST" else None
        with writing() if route.rows == "write" or key else reading() as session:
            digest = once.asked_for(json.dumps(asked, sort_keys=True).encode()) if key else ""
            reply = once.once(session, key, digest, lambda: route.view(session, **told))
        return response(reply)

    return handle


def _count() -> None:
    """Counts the request against what its key may make in a minute. Raises Refused ``too_many_requests``, 429."""
    g.left = None
    if g.caller is None:
        return
    allowances: Allowances = current_app.extensions["allowances"]
    g.left = allowances.spend(caller())
    if not g.left.allowed:
        wait = {"Retry-After": str(g.left.seconds)}
        raise Refused("too_many_requests", 429, f"A key makes {g.left.limit} requests a minute.", headers=wait)


def _finish(answer: Response) -> Response:
    """What is left of the minute; and on a gate that failed, for whatever reason, that the decision is to ask."""
    left = g.get("left")
    if left is not None:
        told = {"Limit": left.limit, "Remaining": left.remaining, "Reset": left.seconds}
        answer.headers.update({f"RateLimit-{name}": str(value) for name, value in told.items()})
    if request.endpoint == "api.assess" and answer.mimetype == "application/problem+json":
        answer.set_data(orjson.dumps({**orjson.loads(answer.get_data()), "decision": "ask"}))
    return answer
