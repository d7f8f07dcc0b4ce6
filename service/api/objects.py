"""The schemas of what the API gives back (JSON Schema 2020-12), by the names that the OpenAPI document uses.

The result object is the one of ``service/assessment.schema.json``; the functions that make the others stand in ``shown.py``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from reports.document import LEVELS
from service.api.shown import HEADLINE, PLURALS

Json = dict[str, Any]
CONTRACT = Path(__file__).parents[1] / "assessment.schema.json"
TEXT: Json = {"type": "string"}
WORDS: Json = {"type": ["string", "null"]}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer", "minimum": 0}
ANYTHING: Json = {"type": "object"}
MOMENT: Json = {"type": "string", "format": "date-time"}
MAYBE_MOMENT: Json = {"type": ["string", "null"], "format": "date-time"}
MAYBE_DAY: Json = {"type": ["string", "null"], "format": "date"}
STATES = ("waiting", "previewed", "running", "done", "refused", "failed", "cancelled")
JOB_STATES = ("queued", "running", "done", "failed", "cancelled")


def _object(properties: Json, optional: tuple[str, ...] = (), about: str = "") -> Json:
    required = [name for name in properties if name not in optional]
    made = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**made, "description": about} if about else made


def _list(items: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{items}"}}


def _page(items: str) -> Json:
    following = {"type": ["string", "null"], "description": "Address of the next page; null at the end."}
    return _object({"items": _list(items), "next": following})


@cache
def objects() -> Json:
    """Every schema, by name."""
    result: Json = json.loads(CONTRACT.read_text(encoding="utf-8"))["$defs"]["result"]
    result["properties"]["reasons"]["items"]["properties"]["value"] = {}  # apispec takes "true" for a name
    code = _object({"code": TEXT, "text": TEXT})
    gate: Json = {
        "decision": {"enum": ["proceed", "ask", "hold"]},
        "decision_reasons": {"type": "array", "items": code, "minItems": 1},
    }
    dates: Json = {"id": TEXT, "version": WHOLE, "assessed_at": MAYBE_MOMENT, "review_due": MAYBE_DAY}
    assessment = {**result["properties"], **gate}
    headline: Json = {name: result["properties"].get(name, WORDS) for name in HEADLINE}
    supplier_line = {"kind": {"enum": list(PLURALS)}, **headline, **dates}
    import_line: Json = {
        "id": TEXT, "state": {"enum": list(STATES)}, "choices": ANYTHING, "rows": WHOLE, "accepted": WHOLE,
        "rejected": WHOLE, "created_at": MOMENT, "finished_at": MAYBE_MOMENT,
    }  # fmt: skip
    job = _object({"state": {"enum": list(JOB_STATES)}, "progress": NUMBER, "message": TEXT})
    found: Json = {
        "files": {"type": "array", "items": ANYTHING},
        "job": {"oneOf": [{"type": "null"}, job]},
        "counts": {"oneOf": [{"type": "null"}, _object(dict.fromkeys(LEVELS, WHOLE))]},
        "issues": {"type": "array", "items": ANYTHING},
        "issues_total": WHOLE,
        "problem": {"type": ["object", "null"], "description": "Why it was refused: what a refused request gets."},
    }
    line: Json = {
        "id": TEXT, "cause": TEXT, "model": TEXT, "model_version": TEXT, "level": {"enum": list(LEVELS)},
        "score": NUMBER, "best": NUMBER, "worst": NUMBER, "inherent": NUMBER, "inherent_level": TEXT,
        "coverage": NUMBER, "confidence": NUMBER, "import_id": WORDS, "on": {"type": "string", "format": "date"},
        "created_at": MOMENT,
    }  # fmt: skip
    report: Json = {
        "id": TEXT, "state": {"enum": list(JOB_STATES)}, "progress": NUMBER, "message": TEXT, "format": TEXT,
        "audience": TEXT, "supplier_id": WORDS, "results": {"type": ["integer", "null"]},
        "size": {"type": ["integer", "null"]}, "created_at": MOMENT, "finished_at": MAYBE_MOMENT,
    }  # fmt: skip
    firing = _object({"slot": MOMENT, "fired_at": MOMENT, "missed": WHOLE, "job_id": TEXT})
    schedule: Json = {
        "id": TEXT, "name": TEXT, "rule": ANYTHING, "time_zone": TEXT, "active": {"type": "boolean"},
        "next_dates": {"type": "array", "items": MOMENT}, "firings": {"type": "array", "items": firing},
        "created_at": MOMENT,
    }  # fmt: skip
    change = {"at": MOMENT, "kind": TEXT, "supplier_id": TEXT, "data": ANYTHING}
    company: Json = {
        "company": TEXT, "name": TEXT, "sites": WHOLE, "countries": {"type": "array", "items": TEXT},
        "worst": {"$ref": "#/components/schemas/SupplierLine"},
    }  # fmt: skip
    error = _object({"field": TEXT, "code": TEXT, "detail": TEXT, "seen": TEXT, "expected": TEXT}, ("seen", "expected"))
    return {
        "Assessment": _object(assessment, about=result.get("description", "A result with what to do about it.")),
        "Supplier": _object({**assessment, **dates}, about="A supplier or agency with its latest result."),
        "SupplierLine": _object(supplier_line),
        "SupplierPage": _page("SupplierLine"),
        "ResultLine": _object(line),
        "ResultPage": _page("ResultLine"),
        "Company": _object(company),
        "CompanyPage": _page("Company"),
        "Change": _object(change),
        "ChangePage": _object({"items": _list("Change"), "cursor": TEXT}),
        "ImportLine": _object(import_line),
        "ImportPage": _page("ImportLine"),
        "Import": _object({**import_line, **found}),
        "Report": _object(report),
        "ReportPage": _page("Report"),
        "Schedule": _object(schedule),
        "ScheduleList": _page("Schedule"),
        "Problem": {
            "type": "object",
            "description": "RFC 9457. `code` is for life; further members tell more.",
            "properties": {
                "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": TEXT,
                "instance": TEXT, "errors": {"type": "array", "items": error, "maxItems": 100},
            },
            "required": ["type", "title", "status", "detail", "code", "instance"],
        },
    }  # fmt: skip
