"""The OpenAPI document, and the client generated from it, checked against every response that a test gets from the API."""

from functools import cache
from typing import Any

import jsonschema
import orjson
from diligence_client import models
from flask import Flask, Response, request

from service.api.openapi import document
from service.api.routes import ROUTES

NO_BODY = (204, 304)


@cache
def described() -> dict[str, Any]:
    """The document. A limit that an installation sets binds requests alone, so any number will do."""
    return orjson.loads(orjson.dumps(document(route for route in ROUTES if not route.open), default=lambda _limit: 1))


@cache
def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for of_path in described()["paths"].values()
        for operation in of_path.values()
    }


@cache
def validator(component: str) -> jsonschema.Draft202012Validator:
    """Return a validator of JSON for a component of the document."""
    schema = {"$ref": f"#/components/schemas/{component}", "components": described()["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def faults_of(endpoint: str, response: Response) -> list[str]:
    """Describe how a response differs from the document; empty if it does not."""
    name = endpoint.removeprefix("api.")
    if not endpoint.startswith("api.") or name == "openapi" or response.status_code >= 500:
        return []
    declared = operations()[name]["responses"].get(str(response.status_code))
    if declared is None:
        return [f"{name}: {response.status_code} is not described"]
    if response.status_code in NO_BODY:
        return [f"{name}: {response.status_code} has a body"] if response.get_data() else []
    media = declared["content"].get(response.mimetype)
    if media is None:
        return [f"{name}: {response.mimetype} is not described for {response.status_code}"]
    if not response.mimetype.endswith("json"):
        return []
    component = media["schema"]["$ref"].rpartition("/")[2]
    body = orjson.loads(response.get_data())
    if component.endswith("OrWritten"):  # the client has a class for each of the two, and none for their union
        is_short = body.keys() <= {"id", "version", "issues"}
        component = "Written" if is_short else component.removesuffix("OrWritten")
    faults = [f"{component}: {e.json_path}: {e.message[:500]}" for e in validator(component).iter_errors(body)]
    if not faults and getattr(models, component).from_dict(body).to_dict() != body:
        faults = [f"the client reads another {component} than was sent: run scripts/client"]
    return [f"{name}: {fault}" for fault in faults]


def watch(app: Flask) -> list[str]:
    """Check every response of an application against the document; the list collects the differences."""
    faults: list[str] = []

    def look_at(response: Response) -> Response:
        faults.extend(faults_of(request.endpoint or "", response))
        return response

    app.after_request(look_at)
    return faults
