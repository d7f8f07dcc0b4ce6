"""The ``openapi-reference`` directive: the operations or objects of the API as Markdown, from the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from service.api import openapi
from service.api.routes import ROUTES

Json = dict[str, Any]
PREFIX = "/api/v1/"
SCHEMAS = "#/components/schemas/"


class OpenapiReference(SphinxDirective):
    """Inserts one part of the reference, ``operations`` or ``objects``, into a page."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Return the sections of the part."""
        self.env.note_reread()  # it depends on code, which Sphinx does not watch
        render = {"operations": render_operations, "objects": render_objects}[self.arguments[0]]
        document = openapi.document(route for route in ROUTES if not route.open)
        return self.parse_text_to_nodes("\n".join(render(document)), allow_section_headings=True)


def setup(app: Sphinx) -> Json:
    """Register the directive with Sphinx."""
    app.add_directive("openapi-reference", OpenapiReference)
    return {"parallel_read_safe": True}


def render_operations(document: Json) -> Iterator[str]:
    """Return the lines of the operations, by the first part of their address, after the reasons of errors."""
    yield from ("(api-errors)=", "## Errors", "", "An error response is a [Problem](#object-problem).", "")
    yield from ("| Status | Reason |", "|---|---|")
    yield from (f"| {status} | {escape(reason)} |" for status, reason in openapi.REFUSALS.items())
    yield ""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        lines = groups.setdefault(path.removeprefix(PREFIX).split("/")[0], [])
        for method, operation in operations.items():
            lines += render_operation(method.upper(), path, operation)
    for name, lines in sorted(groups.items()):
        yield from (f"## {name.replace('-', ' ').capitalize()}", "", *lines)


def render_objects(document: Json) -> Iterator[str]:
    """Return the lines of the objects, by name."""
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from render_object(name, schema)


def render_operation(method: str, path: str, operation: Json) -> Iterator[str]:
    """Return the section of one operation."""
    yield from (
        f"(operation-{operation['operationId'].replace('_', '-')})=",
        f"### {method} {escape(path.removeprefix('/api/v1'))}",
        "",
    )
    yield from (operation["summary"], "", operation["description"], "")
    if parameters := operation["parameters"]:
        yield from ("| Parameter | In | Type | |", "|---|---|---|---|")
        for each in parameters:
            note = " ".join(filter(None, ("Required." if each.get("required") else "", each.get("description", ""))))
            yield f"| `{each['name']}` | {each['in']} | {describe_type(each['schema'])} | {escape(note)} |"
        yield ""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from (f"Body (`{media_type}`): {describe_type(content['schema'])}", "")
    errors = []
    for status, response in operation["responses"].items():
        if status >= "400":
            errors.append(status)
            continue
        schemas = dict.fromkeys(describe_type(content["schema"]) for content in response.get("content", {}).values())
        yield from (f"Response {status}: {' or '.join(schemas) or 'no content'}", "")
    yield from (f"[Errors](#api-errors): {', '.join(errors)}", "")


def render_object(name: str, schema: Json) -> Iterator[str]:
    """Return the section of one object, with its fields."""
    yield from (f"({get_target(name)})=", f"## {name}", "")
    if description := schema.get("description"):
        yield from (escape(description), "")
    if "properties" not in schema:
        yield from (f"Type: {describe_type({key: value for key, value in schema.items() if key != 'description'})}", "")
        return
    required = schema.get("required", [])
    yield from ("| Field | Type | |", "|---|---|---|")
    for field, described in schema["properties"].items():
        notes = [described.get("title", ""), described.get("description", "")]
        note = escape(" ".join(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in dict.fromkeys(notes) if note))
        name = f"`{field}`" if field in required else f"`{field}` (optional)"
        yield f"| {name} | {describe_type(described)} | {note} |"
    yield ""


def describe_type(schema: Any) -> str:
    """Return the type of a value in a few words, with links to the objects it refers to."""
    if not isinstance(schema, dict) or not schema:
        return "any value"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        return f"[{name}](#{get_target(name)})"
    for key, joint in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        if key in schema:
            return joint.join(dict.fromkeys(map(describe_type, schema[key])))
    if "const" in schema or "enum" in schema:
        codes = [schema["const"]] if "const" in schema else schema["enum"]
        return ", ".join("null" if code is None else f"`{code}`" for code in codes) if len(codes) <= 12 else "a code"
    types = schema.get("type", "any value")
    names = [describe_single_type(each, schema) for each in (types if isinstance(types, list) else [types])]
    return " or ".join(names)


def describe_single_type(name: str, schema: Json) -> str:
    """Return one of the types of a value, with its format and bounds."""
    if name == "array":
        return f"list of {describe_type(schema.get('items', {}))}"
    if name == "string":
        formats = {"date": "date", "date-time": "date and time", "binary": "file"}
        return formats.get(schema.get("format", ""), "text")
    bounds = [str(schema[key]) for key in ("minimum", "maximum") if isinstance(schema.get(key), int | float)]
    return f"{name} {'–'.join(bounds)}" if len(bounds) > 1 else name


def get_target(name: str) -> str:
    """Return the link target of an object."""
    return f"object-{name.lower()}"


def escape(text: str) -> str:
    """Return text without what Markdown would read as markup or as the end of a table cell."""
    code = text.split("`")  # odd parts are code, and stay as they are
    parts = [
        part.replace("<", "&lt;").replace("*", r"\*").replace("{", r"\{") if index % 2 == 0 else part
        for index, part in enumerate(code)
    ]
    return "`".join(parts).replace("|", r"\|").replace("\n", " ")
