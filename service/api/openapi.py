"""The OpenAPI 3.1 document, built from the list of routes and their schemas: paths, scopes, parameters, bodies and
responses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from service.api import answer_schema
from service.api.fields import CurrentChoice, StrictString
from service.api.responses import CONDITIONS
from service.api.route import FileTypes, Route
from service.api.schemas.base import ApiSchema, WrittenSchema
from service.api.schemas.schedules import RULES
from service.auth.access import ACCESS, format_route

Json = dict[str, Any]
PROBLEM: Json = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
TEXT: Json = {"type": "string"}
CODE: Json = {"type": "string", "pattern": "^[a-z0-9_]+([.][a-z0-9_]+)*$"}
PROBLEM_COMPONENTS: Json = {
    "FieldError": {
        "type": "object",
        "description": "A problem with one field.",
        "properties": {"field": TEXT, "code": CODE, "detail": TEXT, "seen": TEXT, "expected": TEXT},
        "required": ["field", "code", "detail"],
        "additionalProperties": False,
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457). The values of `code` never change. Other members give further details.",
        "properties": {
            "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": CODE, "instance": TEXT,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}, "maxItems": 100},
        },
        "required": ["type", "title", "status", "detail", "code", "instance"],
    },
}  # fmt: skip
REFUSALS = {
    400: "The JSON body, a cursor or a request header is malformed.",
    401: "The API key is missing or invalid.",
    403: "The API key does not have the scope that this endpoint requires.",
    404: "The object does not exist, or it belongs to another organisation.",
    409: "The request conflicts with the current state of the object.",
    410: "The request took effect earlier, but its response was withdrawn, because its object was corrected or deleted.",
    412: "The current version does not meet the condition in If-Match or If-None-Match.",
    413: "The body is too large.",
    415: "This endpoint does not accept this content type.",
    422: "The body or a parameter is invalid. `errors` lists up to 100 problems.",
    429: "Too many requests with this API key, or the organisation has too many waiting jobs (`jobs.too_many`). The "
    "Retry-After header gives the number of seconds to wait.",
    503: "The service's database or disk has a problem, or too many files are being uploaded at once. Nothing was saved. "
    "The Retry-After header gives the number of seconds to wait.",
}
ETAG = r'^(\*|(W/)?"[!#-~]{1,200}")$'
HEADERS: Json = {
    f"RateLimit-{name}": {"description": about, "schema": {"type": "integer"}}
    for name, about in (
        (
            "Limit",
            "Maximum number of requests per minute with this API key; for `jobs.too_many`, the maximum number of waiting jobs.",
        ),
        ("Remaining", "Requests remaining in the current minute."),
        ("Reset", "Seconds until the limit resets."),
    )
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "If a request is sent again with the same key and body within 24 hours, the original response is returned and "
    "the request is not processed again.",
    "schema": {
        "type": "string",
        "pattern": "^[!-~]([ -~]{0,98}[!-~])?$",
    },  # HTTP strips the spaces around a header value
}


class _Converter(OpenAPIConverter):
    """Describes schemas as named components, either as they are sent or as they are returned.

    Objects that are sent must meet the constraints of their fields. Objects that are returned have every field that their
    schema does not declare optional; limits on length and patterns apply only to what is sent.
    """

    def __init__(self, spec: APISpec, *, sent: bool) -> None:
        super().__init__("3.1.1", None, spec)
        self.sent = sent
        left_out = {"field2read_only", "field2write_only"}
        left_out |= {"field2nullable"} if sent else {"field2default", "field2length", "field2pattern"}
        self.attribute_functions = [each for each in self.attribute_functions if each.__name__ not in left_out]

    def resolve_nested_schema(self, schema: ApiSchema) -> Json:
        """Add a schema to the components and return its reference. Raises ValueError if two schemas have the same name."""
        name = schema.sent_component if self.sent else schema.component
        described, known = self.schema2jsonschema(schema), self.spec.components.schemas
        if known.setdefault(name, described) != described:
            raise ValueError(f"Two schemas are called {name}")
        return {"$ref": f"#/components/schemas/{name}"}

    def schema2jsonschema(self, schema: ApiSchema) -> Json:
        """Return the JSON schema of an object, as it is sent or returned."""
        members = {
            field.data_key or name: field
            for name, field in (schema.load_fields if self.sent else schema.dump_fields).items()
        }
        if self.sent:
            required = [name for name, field in members.items() if field.required and not schema.partial]
        else:
            required = [name for name in members if name not in schema.optional]
        described: Json = {
            "type": "object",
            "properties": {name: self.field2property(field) for name, field in members.items()},
            "additionalProperties": False,
        }
        if required:
            described["required"] = required
        if about := type(schema).__doc__:
            described["description"] = " ".join(about.split())
        return described

    def field2pattern(self, field: fields.Field[Any], **_: Any) -> Json:
        """Return the pattern of a text."""
        if isinstance(field, StrictString) and field.documented_pattern:
            return {"pattern": field.documented_pattern}
        return super().field2pattern(field)

    def field2choices(self, field: fields.Field[Any], **_: Any) -> Json:
        """Return the codes that a field accepts; null cannot be sent."""
        if isinstance(field, CurrentChoice) and not self.sent:
            return {}
        described: Json = super().field2choices(field)
        if self.sent and "enum" in described:
            described["enum"] = [code for code in described["enum"] if code is not None]
        return described


def document(routes: Iterable[Route]) -> Json:
    """Return the OpenAPI document of the routes that require a key. It contains limits set by an installation as
    InstallationLimit.
    """
    about = (
        "Scores suppliers and recruitment agencies for forced labour risk, explains each score, and recommends actions."
    )
    spec = APISpec("Diligence", "1", "3.1.1", info={"description": about})
    for name, described in {**PROBLEM_COMPONENTS, **answer_schema.components(), **RULES}.items():
        spec.components.schema(name, described)
    spec.components.security_scheme(
        "key", {"type": "http", "scheme": "bearer", "description": "An API key. It starts with `dk_`."}
    )
    flow = {"tokenUrl": "/api/v1/oauth/token", "scopes": dict(ACCESS.scopes)}
    about = "An access token, valid for 15 minutes. The client ID is the prefix of an API key, and the client secret is the key."
    spec.components.security_scheme(
        "token", {"type": "oauth2", "flows": {"clientCredentials": flow}, "description": about}
    )
    sent, returned = _Converter(spec, sent=True), _Converter(spec, sent=False)
    for route in routes:
        path = re.sub(r"<(\w+)>", r"{\1}", f"/api/v1{route.path}")
        spec.path(path=path, operations={route.method.lower(): _operation(route, sent, returned)})
    made: Json = spec.to_dict()
    made["servers"] = [{"url": "/"}]
    return made


def _operation(route: Route, sent: _Converter, returned: _Converter) -> Json:
    variables = re.findall(r"<(\w+)>", route.path)
    scope = ACCESS.api[format_route(route.method, f"api.{route.name}")]
    operation: Json = {
        "operationId": route.name,
        "tags": [route.path.split("/")[1]],
        "summary": route.summary,
        "description": f"Scope: `{scope}`.",
        "security": [{"key": []}, {"token": [scope]}],
        "parameters": [*_parameters(route, variables, sent)],
        "responses": {**_responses(route, returned), **_refusals(route, variables)},
    }
    if isinstance(route.body, str):
        operation["requestBody"] = _body("application/json", {"$ref": f"#/components/schemas/{route.body}"})
    elif route.body is not None:
        operation["requestBody"] = _body("application/json", sent.resolve_nested_schema(route.body))
    elif route.form is not None:
        operation["requestBody"] = _body("multipart/form-data", sent.resolve_nested_schema(route.form.parts))
        encoding = {part: {"contentType": ", ".join(types)} for part, types in route.form.media_types.items()}
        operation["requestBody"]["content"]["multipart/form-data"]["encoding"] = encoding
    return operation


def _parameters(route: Route, variables: Iterable[str], sent: _Converter) -> Iterator[Json]:
    for name in variables:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    if route.query is not None:
        for name, field in route.query.fields.items():
            yield {"name": name, "in": "query", "required": field.required, "schema": sent.field2property(field)}
    if route.method == "POST" and not route.secret:
        yield IDEMPOTENCY_KEY
    for header in CONDITIONS[route.method] if route.versioned else ():
        yield {"name": header, "in": "header", "schema": {"type": "string", "pattern": ETAG}}


def _body(media_type: str, schema: Json) -> Json:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def _responses(route: Route, returned: _Converter) -> Json:
    content: Json = {}
    if isinstance(route.response, FileTypes):
        # Bytes come first: a client generator that supports only one media type can then read all of these files.
        types = sorted((each.partition(";")[0] for each in route.response.media_types), key=_is_text)
        content = {each: {"schema": TEXT if _is_text(each) else {**TEXT, "format": "binary"}} for each in types}
    elif route.response is not None:
        schema = returned.resolve_nested_schema(route.response)
        if route.reading:
            schema = _name_union(schema, returned)
        content = {"application/json": {"schema": schema}}
    responses: Json = {}
    for status in route.statuses:
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "headers": dict(HEADERS)}
        if content and status != 304:
            responses[str(status)]["content"] = content
    return responses


def _name_union(full: Json, returned: _Converter) -> Json:
    """Return the reference of a component: an object in full, or only what identifies it."""
    name = f"{full['$ref'].rpartition('/')[2]}OrWritten"
    union = {"anyOf": [full, returned.resolve_nested_schema(WrittenSchema())]}
    returned.spec.components.schemas.setdefault(name, union)
    return {"$ref": f"#/components/schemas/{name}"}


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/")


def _refusals(route: Route, variables: list[str]) -> Json:
    has_body, is_file = route.body is not None or route.form is not None, isinstance(route.response, FileTypes)
    may_name_supplier = isinstance(route.body, ApiSchema) and "supplier_id" in route.body.load_fields
    statuses = {401, 403, 422, 429, 503}
    statuses |= {404} if variables or may_name_supplier or route.optional else set()
    statuses |= {400} if route.query is not None or route.method == "POST" or route.versioned or has_body else set()
    statuses |= {413, 415} if has_body else set()
    statuses |= {409} if route.method != "GET" or is_file or route.withholds else set()
    statuses |= {410} if route.method == "POST" or is_file else set()
    statuses |= {412} if route.versioned and route.method != "GET" else set()
    return {str(status): {"description": REFUSALS[status], "content": PROBLEM} for status in sorted(statuses)}
