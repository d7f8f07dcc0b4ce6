"""The OpenAPI schemas of questionnaire answers: a named schema for each kind of body that contains answers."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.question import Question
from risk_models.evidence import GRADE_TITLES as EVIDENCE_GRADES
from service.api.fields import NOT_BLANK, PRINTED_OR_EMPTY
from service.remediation.cohort_sheet import KIND as REPAYMENT

Json = dict[str, Any]
# The JSON types that a question accepts, if it accepts more than text.
TYPES: dict[str, list[str]] = {
    "number": ["number", "string"],
    "money": ["number", "string"],
    "percent": ["number", "string"],
    "yes_no": ["string", "boolean"],
    "many": ["array", "string"],
    "countries": ["array", "string"],
    "sector": ["array", "string"],
}
QUESTIONNAIRE_ID: Json = {
    "type": "string",
    "title": "Questionnaire request",
    "description": "The ID of the questionnaire request that these answers respond to. The body then counts as a "
    "returned form, as with `form_returned`: every question that it omits counts as declined.",
}
PIECE_OF_EVIDENCE: Json = {
    "type": "object",
    "description": "One piece of evidence. `covers` lists question IDs; if it is omitted, the evidence covers the whole form.",
    "properties": {
        "grade": {"enum": list(EVIDENCE_GRADES)},
        **{name: {"type": ["string", "null"], "examples": ["2026-03-01"]} for name in ("date", "expires")},
        "covers": {"type": ["array", "string", "null"], "items": {"type": ["string", "null"]}},
        "source": {"type": ["string", "null"]},
    },
    "required": ["grade"],
    "additionalProperties": False,
}
EVIDENCE_CONFIRMED: Json = {
    "description": "Confirm the evidence in this body (scope `evidence:confirm`): `true`, or a reference and the "
    "questions for which it is confirmed. Evidence in a returned form is never confirmed this way.",
    "oneOf": [
        {"type": ["boolean", "null"]},
        {"$ref": "#/components/schemas/EvidenceConfirmation"},  # the body that confirms one piece
    ],
}


# What the body of the onboarding gate may contain besides answers (DecisionRequestSchema).
PLAN: Json = {
    "plan": {"anyOf": [{"$ref": "#/components/schemas/CorrectivePlan"}, {"type": "null"}]},
    "supplier_informed_on": {"type": ["string", "null"], "format": "date"},
}


def components() -> Json:
    """Return every schema of answers by its name in the document.

    ``Gate`` is the body of an onboarding request: the answers of a site or an agency, depending on ``kind``, which may be
    omitted for a site.
    """
    site, agency = (_with_voucher(answers_schema(kind)) for kind in ("site", "agency"))
    row = answers_schema(REPAYMENT)
    row["properties"]["reference"] |= {"type": "string", "pattern": NOT_BLANK}  # each row names its cohort
    row["required"] = ["reference"]
    kind_of_site, kind_of_agency = {"const": "site", "default": "site"}, {"const": "agency"}
    return {
        "PieceOfEvidence": PIECE_OF_EVIDENCE,
        "SiteAnswers": site,
        "AgencyAnswers": agency,
        "EvidenceConfirmed": EVIDENCE_CONFIRMED,
        "BuyerAnswers": answers_schema("buyer"),
        "RepaymentRow": row,
        "SiteToAssess": {**site, "properties": {"kind": kind_of_site, **PLAN, **site["properties"]}},
        "AgencyToAssess": {
            **agency,
            "properties": {"kind": kind_of_agency, **PLAN, **agency["properties"]},
            "required": ["kind"],
        },
        "Gate": {
            "description": "Answers from one supplier or agency, to be assessed without being stored.",
            "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("SiteToAssess", "AgencyToAssess")],
        },
    }


def _with_voucher(answers: Json) -> Json:
    """Return the schema of a body of answers whose sender may vouch for the evidence in it, or return a questionnaire."""
    confirmed = {"$ref": "#/components/schemas/EvidenceConfirmed"}
    return {
        **answers,
        "properties": {**answers["properties"], "evidence_confirmed": confirmed, "questionnaire_id": QUESTIONNAIRE_ID},
    }


def answers_schema(kind: str) -> Json:
    """Return the JSON schema of the answers to all forms of a kind, by question id, without questions about a person."""
    form = load_combined_form(kind)
    questions, answer_fields = (
        [question for question in form.questions if not question.person],
        build_answers_schema(form).fields,
    )
    return {
        "type": "object",
        "description": "Answers by question ID. Omitted questions count as not asked, or as declined in a returned form (a "
        "body with `form_returned` or `questionnaire_id`). `declined` is always a valid answer; `not_applicable` is "
        "valid only if another answer shows that the question does not apply.",
        "properties": {question.id: _answer_schema(question, answer_fields[question.id]) for question in questions},
        "additionalProperties": False,
    }


def _answer_schema(question: Question, answer_field: fields.Field[Any]) -> Json:
    texts: Json = {"title": question.title, "description": question.ask}
    if question.type == "evidence":
        piece = {"$ref": "#/components/schemas/PieceOfEvidence"}
        return {**texts, "type": ["array", "string", "null"], "items": piece}
    printed: Json = {"pattern": PRINTED_OR_EMPTY.regex.pattern}
    described: Json = {**texts, "type": [*TYPES.get(question.type, ["string"]), "null"], **printed}
    if "array" in described["type"]:
        described["items"] = {"type": "string", **printed}
    if "number" in described["type"]:
        bounds = {"minimum": getattr(answer_field, "least", None), "maximum": getattr(answer_field, "most", None)}
        described |= {name: bound for name, bound in bounds.items() if isinstance(bound, int | float)}
    if question.choices:
        described["examples"] = [choice.code for choice in question.choices]
    return described
