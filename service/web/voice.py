"""Pages on which workers answer the statements of worker voice, with a code from a slip of paper.

They need no script and set no cookie. The address is the same for everybody, the code is sent in a form, and neither is written
to a log. No page stays in the browser: none may be stored, and leaving clears what the browser has of this site.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.languages import ENGLISH, Language
from questionnaires.worker_voice.form import (
    WorkerVoiceForm,
    list_voice_languages,
    load_voice_language,
    load_worker_voice_form,
)
from questionnaires.worker_voice.publication import load_publication_rules
from service.auth.caller import get_database, get_survey_link
from service.clock import today
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.referrals.readiness import choose_contacts
from service.web import supplier_texts
from service.web.formatting import describe_error
from service.web.link_headers import HEADERS
from service.worker_voice import answering, collecting, surveys

pages = Blueprint("voice", __name__, url_prefix="/voice")
pages.context_processor(supplier_texts.describe_language)
# The browser forgets the pages of this site, also those to which its button "back" would lead.
CLEAR = '"cache", "cookies", "storage"'


def register(app: Flask) -> None:
    """Register these pages on the application."""
    app.register_blueprint(pages)


@pages.after_request
def _finish(response: Response) -> Response:
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/<address>")
def show(address: str) -> AnyResponse:
    """Show what the survey is for and who can help, with the field for the code."""
    with _open_session(write=False) as session:
        return _render_cover(session, surveys.get_survey(session, get_survey_link().survey_id))


@pages.post("/<address>/statements")
def begin(address: str) -> AnyResponse:
    """Show the statements to somebody who agreed and has a code that was not used."""
    code = request.form.get("code", "")
    with _open_session(write=False) as session:
        survey = surveys.get_survey(session, get_survey_link().survey_id)
        try:
            if not answering.is_answerable(survey, _get_day()):
                return _render_cover(session, survey)
            if request.form.get("agreed") != "yes":
                raise _build_error("not_agreed")
            answering.check_code(session, survey, code)
        except DomainError as error:
            return _render_cover(session, survey, error)
        return _render_statements(survey, code)


@pages.post("/<address>/answers")
def send(address: str) -> AnyResponse:
    """Count the answers. A code that was used in the meantime counts nothing."""
    form, code = request.form, request.form.get("code", "")
    with _open_session(write=False) as session:
        survey = surveys.get_survey(session, get_survey_link().survey_id)
    answers = {name.removeprefix("s-"): answer for name, answer in form.items() if name.startswith("s-")}
    group = form.get("group", "" if survey.cut else survey.groups[0])
    try:
        if form.get("agreed") != "yes":
            raise _build_error("not_agreed")
        with _open_session(write=True) as session:
            locked = surveys.get_survey(session, survey.id, lock=True)
            answering.add_answers(session, locked, code, group, answers, _get_day())
    except DomainError as error:
        if error.code in ("survey.wrong_group", "survey.no_answers"):
            return _render_statements(survey, code, error)
        with _open_session(write=False) as session:
            return _render_cover(session, survey, error)
    return redirect(url_for("voice.thank", address=address, **_keep_language()), 303)


@pages.get("/<address>/thanks")
def thank(address: str) -> AnyResponse:
    """Thank a worker, on a page without what was answered, and have the browser forget the pages before it."""
    response = make_response(render_template("voice_thanks.html", **_get_words(_load_form())))
    response.headers["Clear-Site-Data"] = CLEAR
    return response


@pages.get("/<address>/export")
def show_export(address: str) -> AnyResponse:
    """Show whoever runs the survey where to send what was collected with KoboToolbox or ODK."""
    return _render_export(address)


@pages.post("/<address>/export")
def count_export(address: str) -> AnyResponse:
    """Count the answers of an export. It is read in memory, and nothing of it is shown but the numbers of rows."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _render_export(address, error=DomainError("survey.file", 422, "Choose a file."))
    try:
        with _open_session(write=False) as session:
            survey = surveys.get_survey(session, get_survey_link().survey_id)
            export = collecting.read_export(session, survey, file.read(), file.filename, _get_day())
            counted = collecting.Counted(0, tuple(export.refused.items()))
        if export.submissions:
            with _open_session(write=True) as session:
                locked = surveys.get_survey(session, survey.id, lock=True)
                counted = collecting.count_export(session, locked, export, _get_day())
    except DomainError as error:
        return _render_export(address, error=error)
    return _render_export(address, counted)


def _render_export(
    address: str, counted: collecting.Counted | None = None, error: DomainError | None = None
) -> AnyResponse:
    supplier_texts.load_own_texts(get_survey_link().organisation_id)
    translate = supplier_texts.get_texts().voice_language.translate
    words = {name: translate(text) for name, text in load_worker_voice_form().texts.items()}
    rows: dict[str, list[int]] = {}
    for row, code in counted.refused if counted else ():
        rows.setdefault(words[code.removeprefix("survey.")], []).append(row)
    page = render_template(
        "voice_export.html",
        address=address,
        words=words,
        keep=_keep_language(),
        counted=counted,
        rows=rows,
        error=translate(describe_error(error)) if error else "",
    )
    return make_response(page, error.status if error else 200)


@pages.get("/leave")
def leave() -> AnyResponse:
    """Show a page that says nothing about the survey, and have the browser forget the pages before it."""
    code = request.args.get("language", ENGLISH)  # of a survey, in which it was confirmed
    language = load_voice_language(code if code in list_voice_languages() else ENGLISH)
    words = {"left": language.translate(load_worker_voice_form().texts["left"])}
    response = make_response(render_template("voice_left.html", language=language, words=words, keep={}))
    response.headers["Clear-Site-Data"] = CLEAR
    return response


def _open_session(*, write: bool) -> AbstractContextManager[Session]:
    return get_database().for_organisation(get_survey_link().organisation_id, write=write)


def _get_day() -> date:
    return today(get_survey_link().time_zone)


def _build_error(text: str) -> DomainError:
    return DomainError(f"survey.{text}", 422, load_worker_voice_form().texts[text])


def _load_form() -> WorkerVoiceForm:
    with _open_session(write=False) as session:
        return load_worker_voice_form(surveys.get_survey(session, get_survey_link().survey_id).form_version)


def _get_language(form: WorkerVoiceForm) -> Language:
    """Return the language that the address names, unless it is locked."""
    with _open_session(write=False) as session:
        usable = surveys.load_usable_languages(session, form)
    return usable.get(request.args.get("language", ENGLISH), usable[ENGLISH])


def _keep_language() -> dict[str, Any]:
    code = request.args.get("language", "")
    return {"language": code} if code else {}


def _get_words(form: WorkerVoiceForm) -> dict[str, Any]:
    language = _get_language(form)
    return {
        "language": language,
        "words": {name: language.translate(text) for name, text in form.texts.items()},
        "keep": _keep_language(),
    }


def _render_cover(session: Session, survey: WorkerSurvey, error: DomainError | None = None) -> AnyResponse:
    form = load_worker_voice_form(survey.form_version)
    usable = surveys.load_usable_languages(session, form)
    contacts = choose_contacts(session, survey.country, _get_day())
    page = render_template(
        "voice_cover.html",
        address=survey.address,
        organisation=get_survey_link().organisation,
        runner=survey.runner,
        least=load_publication_rules()["least"],
        contacts=[contact for contact in contacts if not contact.not_safe_for],
        languages=[language for code, language in usable.items() if code in survey.languages],
        is_open=answering.is_answerable(survey, _get_day()),
        error=_translate_error(form, error),
        **_get_words(form),
    )
    return make_response(page, error.status if error else 200)


def _render_statements(survey: WorkerSurvey, code: str, error: DomainError | None = None) -> AnyResponse:
    form = load_worker_voice_form(survey.form_version)
    language = _get_language(form)
    page = render_template(
        "voice_statements.html",
        address=survey.address,
        code=code,
        question=language.translate(form.cuts[survey.cut].ask) if survey.cut else "",
        groups=surveys.describe_groups(survey, form, language),
        statements=[(one.id, language.translate(one.ask)) for one in form.statements],
        answers={answer: language.translate(title) for answer, title in form.answers.items()},
        values=request.form,
        error=_translate_error(form, error),
        **_get_words(form),
    )
    return make_response(page, error.status if error else 200)


def _translate_error(form: WorkerVoiceForm, error: DomainError | None) -> str:
    return _get_language(form).translate(error.detail) if error else ""
