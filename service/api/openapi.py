"""The OpenAPI 3.1 document, made from the one list of routes: addresses, scopes, parameters, bodies and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from questionnaires.form import Question, load_reading_form, schema
from risk_models.evidence import TITLES as EVIDENCE_GRADES
from service.api.objects import Json, objects
from service.api.read import PRINTED_OR_EMPTY
from service.api.responses import CONDITIONS
from service.api.shown import PLURALS
from service.auth.access import ACCESS, line

if TYPE_CHECKING:
    from service.api.routes import Route

PROBLEM: Json = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
TYPES: dict[str, list[str]] = {
    "number": ["number", "string"],
    "money": ["number", "string"],
    "percent": ["number", "string"],
    "yes_no": ["string", "boolean"],
    "many": ["array", "string"],
    "countries": ["array", "string"],
    "sector": ["array", "string"],
}
PIECE: Json = {
    "type": "object",
    "description": "One piece of evidence; covers holds question ids, none for all of the form.",
    "properties": {
        "grade": {"enum": list(EVIDENCE_GRADES)},
        **{name: {"type": ["string", "null"], "examples": ["2026-03-01"]} for name in ("date", "expires")},
        "covers": {"type": ["array", "string", "null"], "items": {"type": ["string", "null"]}},
        "source": {"type": ["string", "null"]},
    },
    "required": ["grade"],
    "additionalProperties": False,
}
REFUSALS = {
    400: "The request cannot be read: its JSON, a cursor, a header.",
    401: "No API key, or none that holds.",
    403: "The key lacks the scope of this route.",
    404: "There is no such thing, or it belongs to another organisation.",
    409: "What is there does not allow it just now.",
    412: "What is there is not the version that If-Match names.",
    413: "The body is larger than this route takes.",
    415: "The body is of a type that this route does not take.",
    422: "The body or a parameter says something that cannot be. `errors` lists what, at most 100.",
    429: "More requests than the key may make in a minute. Retry-After says when to come again.",
}
TAG = r'^(\*|(W/)?"[!#-~]{1,200}")$'
HEADERS: Json = {
    f"RateLimit-{name}": {"description": about, "schema": {"type": "integer"}}
    for name, about in (
        ("Limit", "Requests that the key may make in a minute."),
        ("Remaining", "How many are left of them."),
        ("Reset", "Seconds until the next minute."),
    )
}
KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same body within 24 hours, the request gets its first answer and has no second effect.",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,98}[!-~])?$"},  # HTTP cuts the blanks around a header
}


def document(routes: Iterable[Route]) -> Json:
    """The document of these routes."""
    plugin = MarshmallowPlugin()
    about = "Scores suppliers and recruitment agencies, explains each score, and says what to do about it."
    spec = APISpec("Diligence", "1", "3.1.1", plugins=[plugin], info={"description": about})
    for name, made_of in objects().items():
        spec.components.schema(name, made_of)
    for kind in (*PLURALS, "buyer"):
        spec.components.schema(f"{kind.capitalize()}Answers", answers_schema(kind))
    spec.components.schema("Gate", _gate())
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "An API key: dk_..."})
    for route in routes:
        address = re.sub(r"<(\w+)>", r"{\1}", f"/api/v1{route.address}")
        spec.path(path=address, operations={route.method.lower(): _operation(route, plugin)})
    made: Json = spec.to_dict()
    made["servers"] = [{"url": "/"}]
    return made


def _operation(route: Route, plugin: MarshmallowPlugin) -> Json:
    convert = plugin.converter
    assert convert is not None
    names = re.findall(r"<(\w+)>", route.address)
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]
    if route.query is not None:
        for name, field in route.query.fields.items():
            schema = convert.field2property(field)
            parameters.append({"name": name, "in": "query", "required": field.required, "schema": schema})
    if route.method == "POST" and not route.secret:
        parameters.append(KEY_HEADER)
    for header in CONDITIONS[route.method] if route.versioned else ():
        parameters.append({"name": header, "in": "header", "schema": {"type": "string", "pattern": TAG}})
    made: Json = {
        "operationId": route.name,
        "summary": route.about,
        "parameters": parameters,
        "responses": {**_answer(route), **_refusals(route, names)},
    }
    if line(route.method, f"api.{route.name}") in ACCESS.open:
        made["security"] = []
    else:
        scope = ACCESS.api[line(route.method, f"api.{route.name}")]
        made |= {"security": [{"key": []}], "description": f"Scope: `{scope}`."}
    if isinstance(route.body, str):
        made["requestBody"] = _body("application/json", {"$ref": f"#/components/schemas/{route.body}"})
    elif isinstance(route.body, dict):
        made["requestBody"] = _body("multipart/form-data", route.body)
    elif route.body is not None:
        schema = {**convert.schema2jsonschema(route.body), "additionalProperties": False}  # type: ignore[no-untyped-call]
        made["requestBody"] = _body("application/json", schema)
    return made


def _body(media_type: str, schema: Json) -> Json:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def _answer(route: Route) -> Json:
    answers: Json = {}
    for status in route.statuses:
        headers = {} if route.open else dict(HEADERS)
        content: Json = {}
        if route.reply.startswith("*/"):
            content = {"*/*": {"schema": {"type": "string"}}}
        elif route.reply:
            content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.reply}"}}}
        if status == 304:
            content = {}
        answers[str(status)] = {"description": route.about, "headers": headers} | (
            {"content": content} if content else {}
        )
    return answers


def _refusals(route: Route, names: list[str]) -> Json:
    statuses = set() if route.open else {401, 403, 422, 429}
    statuses |= {404} if names or route.method == "POST" and "supplier_id" in _fields(route) else set()
    statuses |= {400} if route.query is not None or route.method == "POST" else set()
    statuses |= {400, 413, 415} if route.body is not None else set()
    statuses |= {409} if route.method in ("POST", "PUT", "PATCH") or route.reply.startswith("*/") else set()
    statuses |= {400} if route.versioned else set()
    statuses |= {412} if route.versioned and route.method != "GET" else set()
    return {str(status): {"description": REFUSALS[status], "content": PROBLEM} for status in sorted(statuses)}


def _fields(route: Route) -> Iterable[str]:
    return route.body.fields if isinstance(route.body, Schema) else ()


def answers_schema(kind: str) -> Json:
    """The body of answers to the forms of a kind, by question id."""
    form = load_reading_form(kind)
    questions, read = [question for question in form.questions if not question.person], schema(form).fields
    return {
        "type": "object",
        "description": "Answers by question id. What is left out was not asked; `declined` and `cannot_apply` are answers.",
        "properties": {question.id: _answer_schema(question, read[question.id]) for question in questions},
        "additionalProperties": False,
    }


def _gate() -> Json:
    """The body of the onboarding gate: answers of one kind, and which; of a site unless told."""
    site, agency = (answers_schema(kind) for kind in PLURALS)
    site["properties"]["kind"] = {"const": "site", "default": "site"}
    agency["properties"]["kind"] = {"const": "agency"}
    return {"type": "object", "oneOf": [site, {**agency, "required": ["kind"]}]}


def _answer_schema(question: Question, read: fields.Field[Any]) -> Json:
    told: Json = {"title": question.title, "description": question.ask}
    if question.type == "evidence":
        return {**told, "type": ["array", "string", "null"], "items": PIECE}
    printed: Json = {"pattern": PRINTED_OR_EMPTY.regex.pattern}
    made: Json = {**told, "type": [*TYPES.get(question.type, ["string"]), "null"], **printed}
    if "array" in made["type"]:
        made["items"] = {"type": "string", **printed}
    if "number" in made["type"]:
        bounds: dict[str, Any] = {"minimum": getattr(read, "least", None), "maximum": getattr(read, "most", None)}
        made |= {name: bound for name, bound in bounds.items() if isinstance(bound, (int, float))}
    if question.choices:
        made["examples"] = [choice.code for choice in question.choices]
    return made
