"""The schemas of what the API gives back (JSON Schema 2020-12), by the names that the OpenAPI document uses.

The result object is the one of ``service/assessment/assessment.schema.json``; the functions that make the others stand in
``shown.py``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from reports.document import LEVELS
from risk_models.buyer import FINDING_STATES
from risk_models.cases.rules import STRENGTHS
from risk_models.screening.matching import MATCH_KINDS, ROLES
from service.api.shown import HEADLINE, PLURALS
from service.auth.access import ACCESS
from service.report_content.redaction import NOT_SHOWN, RAISED
from service.watchlists.matches import STATES as MATCH_STATES

Json = dict[str, Any]
CONTRACT = Path(__file__).parents[1] / "assessment" / "assessment.schema.json"
TEXT: Json = {"type": "string"}
CODE: Json = {"type": "string", "pattern": "^[a-z0-9_]+([.][a-z0-9_]+)*$"}
WORDS: Json = {"type": ["string", "null"]}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer", "minimum": 0}
ANYTHING: Json = {"type": "object"}
MOMENT: Json = {"type": "string", "format": "date-time"}
MAYBE_MOMENT: Json = {"type": ["string", "null"], "format": "date-time"}
MAYBE_DAY: Json = {"type": ["string", "null"], "format": "date"}
UP_TO: Json = {
    "type": "boolean",
    "description": "Declined answers alone lift the value this high: a bound and no finding.",
}
SILENT: Json = {
    "type": "boolean",
    "description": "Most rules that hold the score up rest on blanks alone, without which the level would be lower: most of it "
    "cannot be ruled out, and was not found.",
}
MAYBE_SILENT: Json = {
    "type": ["boolean", "null"],
    "description": f"{SILENT['description']} Null until a supplier that was last assessed by an older version is assessed again.",
}
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
    # What a key without the scope cases:read gets where an indicator was reported.
    states = result["properties"]["reasons"]["items"]["properties"]["state"]
    states["enum"] = [*states["enum"], RAISED]
    evidence = result["properties"]["case_evidence"]
    evidence["enum"] = [*evidence["enum"], NOT_SHOWN]
    code = _object({"code": TEXT, "text": TEXT})
    gate: Json = {
        "decision": {"enum": ["proceed", "ask", "hold"]},
        "decision_reasons": {"type": "array", "items": code, "minItems": 1},
    }
    beside: Json = {
        "id": TEXT, "version": WHOLE, "silent": MAYBE_SILENT, "assessed_at": MAYBE_MOMENT, "review_due": MAYBE_DAY,
    }  # fmt: skip
    assessment = {**result["properties"], **gate}
    of_question = dict.fromkeys(("question", "code", "severity", "seen", "expected", "cure"), TEXT)
    told = "What was sent and does not stand, by the codes that a sheet gets; only in the answer to what was sent."
    issues = {"issues": {"type": "array", "items": _object(of_question), "description": told}}
    also_found_under: Json = {
        "type": "array", "items": _object({"id": TEXT, "named": TEXT}),
        "description": "References, numbers or names of those that were merged into it.",
    }  # fmt: skip
    headline: Json = {name: result["properties"].get(name, WORDS) for name in HEADLINE}
    supplier_line = {"kind": {"enum": list(PLURALS)}, **headline, **beside}
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
        "problem": {
            "type": ["object", "null"],
            "description": "Why it was refused, or why other choices could not be used: what a refused request gets.",
        },
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
    supplier = {"$ref": "#/components/schemas/SupplierLine"}
    no_supplier = {"oneOf": [{"type": "null"}, supplier]}
    suppliers, texts = {"type": "array", "items": supplier}, {"type": "array", "items": TEXT}
    move = {"type": "array", "items": _object({"title": TEXT, "points": NUMBER})}
    places: Json = {
        "country": WORDS, "value": NUMBER, "level": {"enum": list(LEVELS)}, "known": {"enum": ["practice", "inherent"]},
        "results": WHOLE, "up_to": UP_TO, "silent": SILENT,
    }  # fmt: skip
    mover = {"supplier": supplier, "from": WORDS, "to": TEXT, "at": MOMENT, "cause": TEXT, "moves": move}
    portfolio: Json = {
        "counts": _object(dict.fromkeys(LEVELS, WHOLE)), "kinds": _object(dict.fromkeys(PLURALS, WHOLE)),
        "median_confidence": {"type": ["number", "null"]}, "thin": WHOLE, "insufficient_evidence": suppliers,
        "worst": suppliers, "review_due": suppliers, "overdue": WHOLE,
        "heat_map": {"type": "array", "items": _object({**places, "sector": WORDS})},
        "places": {"type": "array", "items": _object(places)},
        "movers": {"type": "array", "items": _object(mover)},
    }  # fmt: skip
    others: Json = {
        "agencies": {"type": "array", "items": _object({"named": TEXT, "agency": no_supplier})}, "sites": suppliers,
        "reach": {"anyOf": [_object({"sites": WHOLE, "tell": WHOLE, "workers": NUMBER}), {"type": "null"}]},
        "corridors": {"type": "array", "items": _object({"from": TEXT, "to": TEXT})},
    }  # fmt: skip
    asking: Json = {
        "id": TEXT, "form": TEXT, "form_version": TEXT, "sent_to": TEXT, "sent_on": {"type": "string", "format": "date"},
        "returned_on": MAYBE_DAY,
    }  # fmt: skip
    a_job: Json = {
        "id": TEXT, "kind": TEXT, "state": {"enum": list(JOB_STATES)}, "progress": NUMBER, "message": TEXT,
        "created_at": MOMENT, "finished_at": MAYBE_MOMENT,
    }  # fmt: skip
    model_line: Json = {
        "id": TEXT, "version": TEXT, "title": TEXT, "kind": TEXT, "effective": {"type": "string", "format": "date"},
        "serves": texts, "levels": ANYTHING, "digest": TEXT,
    }  # fmt: skip
    things: Json = {"type": "array", "items": ANYTHING}
    model: Json = {
        **model_line, "indicators": things, "contexts": things, "floors": things, "gates": things,
        "insufficient_below": NUMBER, "reported": NUMBER, "review_months": ANYTHING, "credibility": ANYTHING,
    }  # fmt: skip
    method: Json = {"method": texts, "limits": texts, "facts_digest": TEXT, "facts": things, "actions": things}
    user: Json = {
        "id": TEXT, "email": TEXT, "name": TEXT, "role": {"enum": list(ACCESS.roles)}, "active": {"type": "boolean"},
        "must_change_password": {"type": "boolean"}, "created_at": MOMENT,
    }  # fmt: skip
    once_only = {"type": "string", "description": "Told in this answer and never again."}
    key: Json = {
        "id": TEXT, "name": TEXT, "prefix": TEXT, "scopes": texts, "created_at": MOMENT, "expires_at": MOMENT,
        "revoked_at": MAYBE_MOMENT, "used_at": MAYBE_MOMENT,
    }  # fmt: skip
    event: Json = {
        "id": WHOLE, "at": MOMENT, "actor": TEXT, "action": TEXT, "object_type": TEXT, "object_id": TEXT,
        "details": ANYTHING,
    }  # fmt: skip
    organisation: Json = {
        "id": TEXT, "name": TEXT, "time_zone": TEXT, "keep_months": WHOLE, "created_at": MOMENT,
    }  # fmt: skip
    watchlist: Json = {
        "id": TEXT, "name": TEXT, "entries": WHOLE, "rows": WHOLE, "rejected": WHOLE, "left_out": ANYTHING,
        "imported_at": MAYBE_MOMENT,
    }  # fmt: skip
    why: Json = {
        "by": {"enum": list(MATCH_KINDS)}, "role": {"enum": list(ROLES)}, "given": TEXT, "listed": TEXT, "score": NUMBER,
        "agreed": {"type": "array", "items": texts}, "countries": {"enum": ["agree", "differ", "unknown"]},
    }  # fmt: skip
    entry: Json = {
        **dict.fromkeys(("key", "kind", "imo", "lei", "list", "listed_on", "reason", "source"), TEXT),
        **dict.fromkeys(("names", "countries", "licences"), texts),
    }  # fmt: skip
    match: Json = {
        "id": TEXT, "supplier_id": TEXT, "kind": {"enum": list(PLURALS)}, "name": TEXT, "reference": WORDS,
        "watchlist": TEXT, "state": {"enum": list(MATCH_STATES)}, "found": {"type": "boolean"}, "fingerprint": TEXT,
        "why": _object(why), "entry": _object(entry), "note": TEXT, "decided_by": WORDS, "found_at": MOMENT,
        "decided_at": MAYBE_MOMENT,
    }  # fmt: skip
    case_line: Json = {
        "id": TEXT, "number": TEXT, "state": {"enum": ["open", "closed"]}, "outcome": WORDS, "supplier_id": WORDS,
        "linked_reference": WORDS, "linked_name": WORDS, "strength": {"enum": list(STRENGTHS)}, "created_at": MOMENT,
        "closed_at": MAYBE_MOMENT,
    }  # fmt: skip
    first_step = _object({"id": TEXT, "within_hours": NUMBER, "by": MOMENT})
    finding = _object({
        "number": WHOLE, "finding": TEXT, "phase": WORDS, "found": {"type": "boolean"}, "source": WORDS, "found_on": WORDS,
        "note": WORDS, "recorded_at": MOMENT,
    })  # fmt: skip
    case: Json = {
        **case_line, "rules": ANYTHING, "cohort": ANYTHING, "acts": texts, "asked_in_full": texts, "because": texts,
        "indicators": texts, "not_placed": texts, "readings": things, "ilo_indicators": things,
        "first_steps": {"type": "array", "items": first_step}, "findings": {"type": "array", "items": finding},
    }  # fmt: skip
    standing = _object(
        {**dict.fromkeys(("score", "best", "worst", "confidence"), NUMBER), "level": TEXT, "floors": texts}
    )
    moved = {**dict.fromkeys(("kind", "title", "state_before", "state_after"), TEXT), "before": NUMBER, "after": NUMBER}
    fewest = _object({"actions": texts, "level": TEXT, "score": NUMBER, "moves_level": {"type": "boolean"}})
    what_if: Json = {
        "before": standing, "after": standing, "moves": {"type": "array", "items": _object(moved)}, "fewest": fewest,
    }  # fmt: skip
    unit: Json = {
        "id": TEXT, "name": WORDS, "form_version": TEXT, "answers": ANYTHING, "on": {"type": "string", "format": "date"},
        "import_id": WORDS, "created_by": TEXT, "created_at": MOMENT,
    }  # fmt: skip
    due: Json = {"id": TEXT, "due": {"type": "string", "format": "date"}}
    practice: Json = {
        **dict.fromkeys(("practice", "title", "question", "text"), TEXT), "state": {"enum": [*FINDING_STATES, "answered"]}, "value": {},
        "sources": texts, "actions": {"type": "array", "items": _object(due)},
    }  # fmt: skip
    own_action: Json = {
        **dict.fromkeys(("id", "title", "do", "owner", "priority", "stage", "with_workers", "proof"), TEXT), "due": MAYBE_DAY,
        "sources": texts,
    }  # fmt: skip
    own_practices: Json = {
        "on": {"type": "string", "format": "date"}, "rules": _object(dict.fromkeys(("version", "digest", "title"), TEXT)),
        "units": {"type": "array", "items": _object({**unit, "findings": {"type": "array", "items": _object(practice)}})},
        "actions": {"type": "array", "items": _object(own_action)},
    }  # fmt: skip
    source = dict.fromkeys(("id", "title", "publisher", "mark", "seen"), TEXT)
    error = _object({"field": TEXT, "code": CODE, "detail": TEXT, "seen": TEXT, "expected": TEXT}, ("seen", "expected"))
    return {
        "Assessment": _object({**assessment, **issues}, ("issues",), "A result with what to do about it."),
        "Supplier": _object(
            {**assessment, **beside, "also_found_under": also_found_under, **issues}, ("issues",),
            "A supplier or agency with its latest result.",
        ),
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
        "Portfolio": _object(portfolio),
        "NextStep": _object({"action": ANYTHING, "total": WHOLE, "suppliers": suppliers}),
        "NextStepList": _page("NextStep"),
        "Others": _object(others),
        "Moves": _object({"id": TEXT, "change": {"type": ["number", "null"]}, "moves": move}),
        "Form": _object({"id": TEXT, "version": TEXT, "title": TEXT, "kind": TEXT}),
        "FormList": _page("Form"),
        "Asking": _object(asking),
        "AskingList": _page("Asking"),
        "Job": _object(a_job),
        "JobPage": _page("Job"),
        "Method": _object(method),
        "ModelLine": _object(model_line),
        "ModelList": _page("ModelLine"),
        "Model": _object(model),
        "Source": _object(source),
        "SourceList": _page("Source"),
        "User": _object(user),
        "UserList": _page("User"),
        "UserWithPassword": _object({**user, "password": once_only}),
        "Filter": _object({"id": TEXT, "name": TEXT, "wanted": ANYTHING}),
        "FilterList": _page("Filter"),
        "Key": _object(key),
        "KeyList": _page("Key"),
        "KeyWithText": _object({**key, "key": once_only}),
        "AuditEvent": _object(event),
        "AuditPage": _page("AuditEvent"),
        "WhatIf": _object(what_if),
        "Organisation": _object(organisation),
        "CaseLine": _object(case_line),
        "CasePage": _page("CaseLine"),
        "Case": _object(case, about="What was found of one group of people, and how it reads. Never a verdict; no person."),
        "Watchlist": _object(watchlist),
        "WatchlistList": _page("Watchlist"),
        "Match": _object(match, about="A supplier may be an entry of a list. Context and a next step, never a verdict."),
        "MatchPage": _page("Match"),
        "OwnPractices": _object({**own_practices, **issues}, ("issues",), "The buyer itself; no supplier's score reads it."),
        "UnitAnswers": _object(unit),
        "UnitAnswersPage": _page("UnitAnswers"),
        "Repayment": _repayment(),
        "Problem": {
            "type": "object",
            "description": "RFC 9457. `code` is for life; further members tell more.",
            "properties": {
                "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": CODE,
                "instance": TEXT, "errors": {"type": "array", "items": error, "maxItems": 100},
            },
            "required": ["type", "title", "status", "detail", "code", "instance"],
        },
    }  # fmt: skip


def _repayment() -> Json:
    """The document of a repayment calculation (``service/remediation/fee_repayment.py``)."""
    amount = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"}
    maybe_amount = {**amount, "type": ["string", "null"]}
    reading = _object({"low": amount, "central": amount, "high": amount})
    maybe_reading = {"oneOf": [{"type": "null"}, reading]}
    day, texts, flag = {"type": "string", "format": "date"}, {"type": "array", "items": TEXT}, {"type": "boolean"}
    line: Json = {
        "item": TEXT, "title": TEXT, "told": TEXT, "paid_from": MAYBE_DAY, "paid_to": MAYBE_DAY, "evidence": TEXT,
        "paid_by": TEXT, "rate": WORDS, "counted": flag, "to_cancel": flag, "principal": reading, "interest": reading,
        "why": TEXT, "place": TEXT,
    }  # fmt: skip
    cohort: Json = {
        "cohort": TEXT, **dict.fromkeys(("origin", "origin_name", "destination", "destination_name"), WORDS), "agency": TEXT,
        "job": TEXT, "hired_from": MAYBE_DAY, "hired_to": MAYBE_DAY, "current": WHOLE, "past": WHOLE, "past_left_out": WHOLE,
        "weight": TEXT, "known_cost": maybe_reading, "known_share": maybe_reading, "months_of_wage": WORDS,
        "over_a_month": {"type": ["boolean", "null"]}, "complete": flag, "fees": reading, "per_worker": reading,
        "total": reading, "to_cancel": reading, "items": {"type": "array", "items": _object(line)},
    }  # fmt: skip
    terms: Json = {
        "interest": TEXT, "instalments": WHOLE, "first_payment": day, "discovered": day, "deadline": day,
        "past_since": MAYBE_DAY, "zero_fee_from": MAYBE_DAY,
    }  # fmt: skip
    sent: Json = {
        "file": WORDS, "sha256": WORDS, "sheet": WORDS, "rows": WHOLE, "accepted": WHOLE,
        "issues": {"type": "array", "items": ANYTHING},
    }  # fmt: skip
    instalment: Json = {
        "number": WHOLE, "due": day, "cohort": TEXT, "group": {"enum": ["current", "past", "not told apart"]},
        "workers": WHOLE, "per_worker": amount, "amount": amount, "in_time": flag,
    }  # fmt: skip
    fault = {"code": TEXT, "severity": {"enum": ["error", "warning"]}, "cohort": TEXT, "place": TEXT, "text": TEXT}
    assumption = {"id": TEXT, "text": TEXT, "sources": texts, "cohorts": texts}
    check: Json = {
        "kind": {"enum": ["item", "cohort", "part", "sum", "difference"]}, "title": TEXT, "low": amount,
        "central": amount, "high": amount,
    }  # fmt: skip
    lists = {
        "cohorts": cohort, "instalments": instalment, "assumptions": assumption, "steps": {"text": TEXT, "sources": texts},
        "faults": fault, "reconciliation": check,
    }  # fmt: skip
    told: Json = {
        "title": TEXT, "wording": TEXT, "rules": _object({"version": TEXT, "sha256": TEXT}), "on": day, "currency": TEXT,
        "terms": _object(terms), "input": _object(sent), "complete": flag,
        **dict.fromkeys(("total", "fees", "interest", "uplift", "repaid", "to_cancel"), reading),
        "workers": _object(dict.fromkeys(("current", "past", "past_left_out"), WHOLE)),
        "management": _object({"figure": maybe_amount, "ratio": WORDS, "published_ratio": TEXT}), "sources": ANYTHING,
        **{name: {"type": "array", "items": _object(each)} for name, each in lists.items()},
    }  # fmt: skip
    return _object(
        told, about="What workers are owed: amounts are texts with two digits, in the currency of the report."
    )
