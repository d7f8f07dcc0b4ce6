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

from questionnaires.form import form_ids, load, versions
from reports.document import LEVELS
from reports.formats import FORMATS
from service import retention
from service.api import (
    asking,
    cases,
    files,
    health,
    idempotency,
    method,
    office,
    openapi,
    overview,
    own_practices,
    read,
    repayment,
    schedules,
    views,
    watchlists,
    what_if,
)
from service.api.body import json_object
from service.api.rate_limit import RateLimiter
from service.api.read import NOT_BLANK, Count, Day, Flag, Many, OfSettings, OneOf, Strict, Whole, Word
from service.api.responses import check_conditions, response
from service.api.shown import PLURALS
from service.auth import users
from service.auth.access import ACCESS
from service.auth.caller import caller, reading, settings, writing
from service.refusal import Refused
from service.register.supplier_list import REVIEWS, SORTS
from service.reporting.report_jobs import AUDIENCES
from service.settings import Settings
from service.watchlists.matches import DECISIONS, NOTE, STATES

PREFIX = "/api/v1"


class Route(NamedTuple):
    """One route: ``rows`` says how its transaction uses them: "read" a snapshot, "latest" what is committed before each
    statement, "write", "" where it has none or its own. ``body`` is the name of a schema of answers, a schema that is loaded,
    or the parts of a form; ``fixed`` is what the address fixes; ``secret``: the answer holds what is told once, so
    it is never stored under an Idempotency-Key.
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
    secret: bool = False


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
FILTER: dict[str, fields.Field[Any]] = {
    "level": OneOf(LEVELS),
    "country": Word(7, "^([A-Z]{2}|unknown)$"),
    "sector": Word(7, "^([A-U]|[0-9]{2,4}|unknown)$"),
    "text": Word(),
    "review": OneOf(REVIEWS),
    "step": Word(60, "^[a-z0-9_]+$"),
    "imported": Word(36, "^[0-9a-f-]+$"),
}
SUPPLIERS = _paged(**FILTER, company=Word(300))
WANTED: dict[str, fields.Field[Any]] = {**FILTER, "kind": OneOf(PLURALS), "sort": OneOf(SORTS)}
TABLE = _strict(**WANTED, format=OneOf(overview.MEDIA_TYPES, load_default="csv"))
SAVED = _strict(**WANTED, name=Word(100, required=True, metadata=NOT_BLANK))
RETURNED = _strict(on=Day())
USER = _strict(
    email=Word(254, required=True, metadata={"pattern": users.EMAIL_OR_BLANKS}),
    name=Word(required=True, metadata=NOT_BLANK),
    role=OneOf(ACCESS.roles, required=True),
)
USER_CHANGE = _strict(role=OneOf(ACCESS.roles), active=Flag())
KEY = _strict(
    name=Word(required=True, metadata=NOT_BLANK),
    scopes=Many(OneOf(ACCESS.scopes), 1, 20, required=True),
    days=Whole(1, required=True, metadata={"maximum": OfSettings("key_days")}),
)
AUDIT = _strict(
    **{name: Word(80) for name in ("actor", "action", "object_id")},
    **{name: Day() for name in ("since", "until")},
    cursor=Word(18, "^[0-9]+$"),
    limit=Count(load_default=50, validate=validate.Range(1, 200, error="field.value")),
)
ORGANISATION = _strict(keep_months=Whole(retention.SHORTEST, retention.LONGEST, required=True))
IMPORTS = _paged(state=OneOf(("waiting", "previewed", "running", "done", "refused", "failed", "cancelled")))
HUNDRED = Count(load_default=100, validate=validate.Range(1, 1000, error="field.value"))
CHANGES = _strict(since=Word(18, "^[0-9]+$"), limit=HUNDRED)
MATCHES = _paged(state=OneOf(STATES, load_default="open"), supplier_id=Word(36))
DECISION = _strict(
    decision=OneOf(DECISIONS, required=True), note=Word(NOTE, required=True, metadata=NOT_BLANK), fingerprint=Word(64)
)
CASES = _paged(state=OneOf(cases.STATES), supplier_id=Word(36))
MERGE = _strict(into=Word(300, required=True))
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
    **{name: Word() for name in ("default_country", "default_sector", "sheet", "on")},
    **{name: OneOf(files.WORDS[name]) for name in ("kind", "date_order")},
    columns=read.Columns(),
)
UPLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
            "maxItems": OfSettings("upload_files"),
        },
        **{name: {"type": "string"} for name in files.FIELDS},
        "kind": {"enum": list(files.WORDS["kind"])},
        "date_order": {"enum": list(files.WORDS["date_order"])},
        "confirm": {"enum": list(files.WORDS["confirm"])},
        "columns": {
            "type": "string",
            "description": f"As JSON. {read.COLUMNS}",
        },
    },
    "required": ["file"],
    "additionalProperties": False,
}


def _asking(kind: str) -> Schema:
    """What a supplier or agency can be asked: the forms of its kind. A form or version that is none has a code of its own."""
    of_kind = [form_id for form_id in form_ids() if load(form_id).kind == kind]
    of_forms = sorted({version for form_id in of_kind for version in versions(form_id)})
    return _strict(
        form=Word(40, required=True, metadata={"enum": of_kind}),
        sent_to=Word(required=True, metadata=NOT_BLANK),
        version=Word(20, metadata={"enum": of_forms}),
    )


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
        Route("DELETE", f"{one}/merged-keys/<merged_key_id>", f"let_go_{named}", views.let_go,
              "What names one that was merged into it by this key is a supplier of its own again.", "", (204,), "write",
              fixed=fixed),
        Route("POST", f"{one}/what-if", f"what_if_{named}", what_if.try_it,
              "What changed answers, agencies or actions would move. Nothing is kept.", "WhatIf", body=what_if.body(kind),
              fixed=fixed),
        Route("GET", f"{one}/others", f"{named}_others", overview.others,
              "Agencies it names, sites of its company or that use it, corridors.", "Others", fixed=fixed),
        Route("GET", f"{one}/askings", f"{named}_askings", asking.listing, "What it was asked, newest first.",
              "AskingList", fixed=fixed),
        Route("POST", f"{one}/askings", f"ask_{named}", asking.ask, "Records that a form goes to it.", "Asking", (201,),
              "write", body=_asking(kind), fixed=fixed),
        Route("GET", f"{one}/askings/<asking_id>/form", f"{named}_form", asking.form,
              "The form of a record of asking, as the workbook that goes out.", "*/*", rows="", fixed=fixed),
        Route("POST", f"{one}/askings/<asking_id>/returned", f"{named}_form_returned", asking.returned,
              "Records that a form came back; today unless told.", "Asking", (200,), "write", body=RETURNED, fixed=fixed),
    )  # fmt: skip


def _document() -> Response:
    return Response(_document_bytes(settings()), content_type="application/json")


ROUTES: tuple[Route, ...] = (
    Route("POST", "/assessments", "assess", views.assess, "The onboarding gate: assesses, decides, keeps nothing.",
          "Assessment", body="Gate"),
    Route("POST", "/repayments", "repay", repayment.work_out,
          "What cohorts of workers are owed back for recruitment fees. Nothing is kept.", "Repayment", body=repayment.BODY),
    Route("GET", "/assessments/<result_id>", "result", views.result, "A result as of its day, reasons and all.",
          "Assessment"),
    Route("GET", "/assessments/<result_id>/moves", "moves", overview.moves,
          "What moved the score since the assessment before.", "Moves"),
    Route("GET", "/portfolio", "portfolio", overview.show, "What needs somebody now, over all suppliers.", "Portfolio"),
    Route("GET", "/actions", "actions", overview.actions, "What to do first, with whom it concerns.", "NextStepList"),
    Route("GET", "/table", "table", overview.table, "The table of suppliers as a file.", "*/*", rows="", query=TABLE),
    *_of_kind("site"),
    *_of_kind("agency"),
    Route("GET", "/companies", "companies", views.companies, "Companies by name, with the worst of their sites.",
          "CompanyPage", query=LIST),
    Route("GET", "/changes", "changes", views.read_changes, "What happened since a cursor, in order.", "ChangePage",
          rows="latest", query=CHANGES),
    Route("GET", "/cases", "cases", cases.list_cases, "Case records, the strongest evidence first.", "CasePage",
          query=CASES),
    Route("POST", "/cases", "open_case", cases.open_case, "A new case of one group of people; no person may be in it.",
          "Case", (201,), "write", body=cases.CASE),
    Route("GET", "/cases/<case_id>", "one_case", cases.one, "A case with its findings, readings and first steps.", "Case"),
    Route("POST", "/cases/<case_id>/findings", "add_finding", cases.add_finding,
          "One more finding; it opens a closed case again.", "Case", (201,), "write", body=cases.FINDING),
    Route("POST", "/cases/<case_id>/close", "close_case", cases.close, "Closes a case.", "Case", (200,), "write",
          body=cases.CLOSING),
    Route("GET", "/watchlists", "watchlists", watchlists.list_all, "The lists that suppliers are screened against.",
          "WatchlistList"),
    Route("GET", "/matches", "matches", watchlists.list_matches,
          "Suppliers that may be an entry of a list, and why; open ones unless told.", "MatchPage", query=MATCHES),
    Route("POST", "/matches/<match_id>", "decide_match", watchlists.decide,
          "Says that the two are the same (confirm) or not (dismiss). It moves no score.", "Match", (200,), "write",
          body=DECISION),
    Route("GET", "/buyer", "buyer", own_practices.show, "What your own units answered about their practices, and findings.",
          "OwnPractices"),
    Route("PUT", "/buyer", "put_buyer", own_practices.put,
          "Keeps the answers of the unit named in the body; its earlier answers stay as its past.", "OwnPractices", (200,),
          "write", body="BuyerAnswers"),
    Route("GET", "/buyer/answers", "buyer_history", own_practices.history, "What units answered, newest first.",
          "UnitAnswersPage", query=LIST),
    Route("DELETE", "/buyer/answers/<answers_id>", "erase_buyer", own_practices.erase,
          "Erases the unit that these answers are of, with all it ever answered.", "", (204,), "write"),
    Route("POST", "/imports", "send", files.send, "Takes files in; they are read and scored by jobs.", "Import", (202,),
          "", body=UPLOAD),
    Route("GET", "/imports", "imports", files.list_imports, "Imports, newest first.", "ImportPage", query=IMPORTS),
    Route("GET", "/imports/<import_id>", "one_import", files.one_import, "How far an import is, and what was found.",
          "Import"),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", files.confirm,
          "Scores an import as found, or has it read again with other choices.", "Import", (202,), "write", body=CONFIRM),
    Route("POST", "/imports/<import_id>/cancel", "cancel_import", files.cancel, "Asks for an import to be cancelled.",
          "Import", (202,), "write"),
    Route("GET", "/jobs", "jobs", overview.jobs, "What is at work or was, newest first.", "JobPage", query=LIST),
    Route("POST", "/jobs/<job_id>/cancel", "cancel_job", files.cancel_job, "Asks for a job to be cancelled.", "Job",
          (202,), "write"),
    Route("POST", "/reports", "ask_report", views.ask_report, "Asks for a report of one supplier or of a filter.",
          "Report", (202,), "write", body=REPORT),
    Route("GET", "/reports", "reports", views.list_reports, "Reports, newest first.", "ReportPage", query=LIST),
    Route("GET", "/reports/<job_id>", "report", views.report, "How far a report is.", "Report"),
    Route("GET", "/reports/<job_id>/file", "report_file", files.report_file, "The report as a file.", "*/*", rows=""),
    Route("GET", "/schedules", "schedules", schedules.listing, "All schedules with their next dates.", "ScheduleList"),
    Route("POST", "/schedules", "create_schedule", schedules.create, "A new schedule.", "Schedule", (201,), "write",
          body=schedules.NEW),
    Route("GET", "/schedules/<schedule_id>", "schedule", schedules.one, "A schedule with its dates.", "Schedule"),
    Route("PATCH", "/schedules/<schedule_id>", "change_schedule", schedules.change, "Changes what is given of it.",
          "Schedule", (200,), "write", body=schedules.CHANGE),
    Route("DELETE", "/schedules/<schedule_id>", "delete_schedule", schedules.delete, "Removes it.", "", (204,),
          "write"),
    Route("GET", "/forms", "forms", asking.forms, "The forms that can be sent out.", "FormList"),
    Route("GET", "/forms/<form_id>/template", "template", asking.empty, "A form as an empty workbook.", "*/*", rows=""),
    Route("GET", "/method", "method", method.show, "The method in words, the facts, the actions.", "Method"),
    Route("GET", "/models", "models", method.listing, "The models in force today.", "ModelList"),
    Route("GET", "/models/<model_id>", "model", method.one, "A model whole: weights, reasons, rules, sources.", "Model"),
    Route("GET", "/sources", "sources", method.register, "The register of sources.", "SourceList"),
    Route("GET", "/users", "users", office.list_users, "Everybody who may sign in.", "UserList"),
    Route("POST", "/users", "create_user", office.create_user, "A new user, with a password for the first sign-in.",
          "UserWithPassword", (201,), "write", body=USER, secret=True),
    Route("PATCH", "/users/<user_id>", "change_user", office.change_user, "Another role, or access ended or renewed.",
          "User", (200,), "write", body=USER_CHANGE),
    Route("POST", "/users/<user_id>/password", "reset_password", office.reset_password,
          "A new password for one sign-in; ends the user's sign-ins.", "UserWithPassword", (200,), "write", secret=True),
    Route("GET", "/users/<user_id>/filters", "filters", office.list_filters, "The filters that a user keeps.",
          "FilterList"),
    Route("POST", "/users/<user_id>/filters", "save_filter", office.save_filter, "Keeps a filter for a user.", "Filter",
          (201,), "write", body=SAVED),
    Route("DELETE", "/users/<user_id>/filters/<filter_id>", "forget_filter", office.forget_filter,
          "Removes a filter of a user.", "", (204,), "write"),
    Route("GET", "/keys", "keys", office.list_keys, "Every API key, never its text.", "KeyList"),
    Route("POST", "/keys", "create_key", office.create_key, "A new API key; its text is told once.", "KeyWithText",
          (201,), "write", body=KEY, secret=True),
    Route("DELETE", "/keys/<key_id>", "revoke_key", office.revoke_key, "Ends a key at once.", "", (204,), "write"),
    Route("GET", "/audit", "audit", office.read_audit, "Who did what, newest first.", "AuditPage", query=AUDIT),
    Route("GET", "/organisation", "organisation", office.organisation, "The organisation of the key.", "Organisation"),
    Route("PATCH", "/organisation", "change_organisation", office.change_organisation,
          "Sets how many months things are kept.", "Organisation", (200,), "write", body=ORGANISATION),
    Route("GET", "/openapi.json", "openapi", _document, "This document.", "", rows="", open=True),
)  # fmt: skip


@cache
def _document_bytes(of: Settings) -> bytes:
    made = openapi.document(route for route in ROUTES if route.name != "openapi")
    # What is not JSON as it stands is a limit that this installation sets.
    return orjson.dumps(made, default=lambda limit: getattr(of, limit.name))


def register(app: Flask) -> None:
    """Puts the API and the two addresses of its health on the application."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for route in ROUTES:
        api.add_url_rule(route.address, route.name, _handler(route), methods=[route.method])
    api.before_request(_count)
    api.after_request(_finish)
    app.extensions["rate_limiter"] = RateLimiter(app.extensions["database"], app.extensions["settings"].api_per_minute)
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
        key = idempotency.key_of_request() if request.method == "POST" else None
        if key and route.secret:
            raise Refused("idempotency.secret", 400, "What is told once is not stored: leave the Idempotency-Key out.")
        written = route.rows == "write" or key
        with writing() if written else reading(snapshot=route.rows == "read") as session:
            digest = idempotency.request_digest(json.dumps(asked, sort_keys=True).encode()) if key else ""
            reply = idempotency.run_once(session, key, digest, lambda: route.view(session, **told))
        return response(reply)

    return handle


def _count() -> None:
    """Counts the request against what its key may make in a minute. Raises Refused ``too_many_requests``, 429."""
    g.left = None
    if g.caller is None:
        return
    limiter: RateLimiter = current_app.extensions["rate_limiter"]
    g.left = limiter.hit(caller())
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
