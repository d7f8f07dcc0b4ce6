"""Sign what a supplier sent through a link, for the supplier to take to another buyer."""

from __future__ import annotations

from service.answer_bundles.format import write_bundle
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.online_questionnaires.checking import Check
from service.online_questionnaires.questions import OnlineForm, format_answer
from service.questionnaires_sent.requests import build_request_workbook
from service.secret_keys import list_signing_keys
from service.settings import Settings

LEFT_OUT = ("reference",)  # what this buyer calls the supplier


def sign_answers(
    request: QuestionnaireRequest, supplier: Supplier, form: OnlineForm, check: Check, settings: Settings
) -> bytes:
    """Return the answers to a whole questionnaire as a signed file.

    Raises DomainError ``bundle.not_sent``, 409, before the questionnaire was sent, and for questions that were only asked back.
    """
    if request.submitted_at is None or request.returned_on is None or form.asked_back:
        raise DomainError(
            "bundle.not_sent",
            409,
            "A signed file is available only for a complete questionnaire that has been submitted.",
        )
    texts = {**form.given, **{question: text for question, text in check.texts.items() if text}}
    answers = {question: text for question, text in texts.items() if text and question not in LEFT_OUT}
    in_words = {q: format_answer(form.by_id[q], text) if q in form.by_id else text for q, text in answers.items()}
    workbook = build_request_workbook(request, supplier, form.form, in_words, is_same_record=False, is_for_return=False)
    return write_bundle(
        request.form,
        request.form_version,
        request.returned_on,
        form.given.get("name", ""),
        set(check.asked),
        answers,
        workbook,
        list_signing_keys(settings.get_secret_keys())[0],
    )
