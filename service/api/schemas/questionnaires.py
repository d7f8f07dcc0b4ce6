"""Questionnaires: the available forms, and the requests sent to suppliers."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.form import list_form_ids, list_versions, load_form
from questionnaires.languages import ENGLISH
from service.api.fields import NOT_BLANK, StrictChoice, StrictDay, StrictList, StrictString
from service.api.schemas.base import ApiSchema, page_of
from service.campaigns.board import REVIEW_STATES
from service.online_questionnaires.files import KINDS
from service.online_questionnaires.progress import STATES
from service.questionnaire_reviews.clarifications import CLOSED_AS
from service.questionnaires_sent.form_files import LAYOUTS, REQUEST_LAYOUTS, list_form_languages


class FormSchema(ApiSchema):
    """A form that can be sent to suppliers."""

    id = fields.String()
    version = fields.String()
    title = fields.String()
    kind = fields.String()


FORMS = page_of(FormSchema, "FormList")


class FormFileQuerySchema(ApiSchema):
    """The layout of a blank form: a row per supplier, a row per question, an

    XLSForm for KoboToolbox and ODK, or a PDF. `language` is the language of the

    PDF; in layouts with several languages, it comes first.
    """

    layout = StrictChoice(LAYOUTS, load_default="table")
    language = StrictChoice(list_form_languages(), load_default=ENGLISH)


class RequestFileQuerySchema(FormFileQuerySchema):
    """The layout of the form for a request: all questions in one row, a row per question, or a PDF to print."""

    layout = StrictChoice(REQUEST_LAYOUTS, load_default="table")


class QuestionnaireRequestSchema(ApiSchema):
    """A questionnaire sent to a supplier, and when it was returned."""

    id = fields.String(dump_only=True)
    form = StrictString(40, required=True)
    form_version = fields.String(dump_only=True)
    sent_to = StrictString(required=True, documented_pattern=NOT_BLANK)
    sent_on = fields.Date(dump_only=True)
    returned_on = fields.Date(dump_only=True, allow_none=True)
    submitted_at = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "When the questionnaire was submitted through a link."},
    )
    state = fields.String(
        dump_only=True,
        metadata={
            "enum": list(STATES),
            "description": "`part` means that at least half of the questions have been answered. The answers become visible "
            "once the questionnaire is returned.",
        },
    )
    asked = fields.Integer(
        dump_only=True,
        metadata={
            "description": "The number of questions that apply to the supplier and that its page shows so far. Before the link "
            "is opened: the number of questions that are asked first."
        },
    )
    answered = fields.Integer(
        dump_only=True,
        metadata={
            "description": "The number of questions in `asked` that have a readable answer, as counted on the supplier's "
            "page. Answers that were filled in beforehand are included."
        },
    )
    opened_at = fields.DateTime(
        dump_only=True, allow_none=True, metadata={"description": "When a link to the questionnaire was first opened."}
    )
    due_on = fields.Date(dump_only=True)
    is_late = fields.Boolean(
        dump_only=True,
        metadata={"description": "True if the questionnaire is past its due date and has not been returned."},
    )
    review = StrictChoice(
        REVIEW_STATES,
        dump_only=True,
        allow_none=True,
        metadata={"description": "The state of the review of the answers; null if it has not started."},
    )
    asked_back = StrictList(
        fields.String(),
        dump_only=True,
        metadata={"description": "The answers that need clarification; empty for a full questionnaire."},
    )
    reminded_at = fields.DateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "When the last reminder about a clarification was sent."},
    )
    closed_as = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "enum": [*CLOSED_AS, None],
            "description": "Why no reply is expected any more: a request for clarification was refused or cancelled, or "
            "a questionnaire was withdrawn because state-imposed labour was found at the supplier (unsafe).",
        },
    )
    language = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "The language chosen by the respondent."}
    )
    version = StrictString(20, load_only=True)


QUESTIONNAIRE_REQUESTS = page_of(QuestionnaireRequestSchema, "QuestionnaireRequestList")


class AnswerFileSchema(ApiSchema):
    """A document sent by a supplier with its answer to a question."""

    id = fields.String(dump_only=True)
    questionnaire_id = fields.String(attribute="asking_id", dump_only=True)
    question = fields.String(dump_only=True)
    kind = fields.String(dump_only=True, metadata={"enum": list(KINDS)})
    dated = fields.Date(dump_only=True)
    media_type = fields.String(dump_only=True)
    size = fields.Integer(dump_only=True, metadata={"description": "Bytes."})
    sha256 = fields.String(dump_only=True)
    personal_columns = fields.Integer(
        dump_only=True,
        allow_none=True,
        metadata={"description": "The number of columns in a sheet whose headers indicate personal data."},
    )
    sent_at = fields.DateTime(dump_only=True)


ANSWER_FILES = page_of(AnswerFileSchema, "AnswerFileList")


def new_questionnaire_request(kind: str) -> ApiSchema:
    """Return the schema of a request to a site or an agency. The OpenAPI document lists the forms of that kind and their
    versions; the use case rejects any other, with its own code.
    """
    of_kind = [form_id for form_id in list_form_ids() if load_form(form_id).kind == kind]
    all_versions = sorted({version for form_id in of_kind for version in list_versions(form_id)})

    class OfKindSchema(QuestionnaireRequestSchema):
        """A questionnaire to send to a supplier."""

        form = StrictString(40, required=True, metadata={"enum": of_kind})
        version = StrictString(20, load_only=True, metadata={"enum": all_versions})

    return OfKindSchema(sent_as=f"New{kind.capitalize()}QuestionnaireRequest")


class QuestionnaireReturnSchema(ApiSchema):
    """The date on which a questionnaire was returned (default: today)."""

    on = StrictDay()
