"""Pages on which a supplier, which has no account, answers a questionnaire through a link.

They need no script and no cookie, work on a small screen and a slow line, and tell no other site where they are. Where scripts
run, each answer is saved as soon as it is given (static/questionnaire.js), by the same request as the form of its section.
"""

from __future__ import annotations

import gzip
from datetime import date
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from reports.formats import FORMATS
from service.answer_bundles.signing import sign_answers
from service.auth.caller import get_blob_store, get_database, get_link, get_settings
from service.campaigns import contacts
from service.clock import now, today
from service.erasure.files import delete_files
from service.errors import DomainError
from service.online_questionnaires import drafts, files, sending
from service.online_questionnaires.progress import record_answered
from service.online_questionnaires.questions import (
    format_answer,
)
from service.questionnaires_sent.requests import build_request_workbook, get_due_day
from service.supplier_links import links
from service.web import questionnaire_views as views
from service.web import resumable_uploads, supplier_texts
from service.web.downloads import build_download
from service.web.formatting import describe_error
from service.web.link_headers import HEADERS
from service.web.link_session import open_session

pages = Blueprint("questionnaire", __name__, url_prefix="/questionnaire/<token>")
supplier_texts.register(pages)
LEAST_COMPRESSED = 1_000  # bytes


def register(app: Flask) -> None:
    """Register these pages on the application."""
    app.register_blueprint(pages)


def _keep_language(session: Session) -> None:
    """Save the language that was chosen on the pages, for what is sent about this questionnaire later."""
    if "language" in request.args:
        contacts.note_language(session, views.get_asking_id(), supplier_texts.get_language())


@pages.url_defaults
def _keep_arguments(endpoint: str, values: dict[str, Any]) -> None:
    if request.blueprint == pages.name and views.is_sending():
        values.setdefault(views.SENDING, 1)


@pages.after_request
def _finish(response: Response) -> Response:
    """Add the headers, and compress pages, because many of those who answer are on a slow line."""
    response.headers.update(HEADERS)
    is_page = response.mimetype == "text/html" and len(response.get_data()) >= LEAST_COMPRESSED
    if is_page and request.accept_encodings["gzip"]:
        response.set_data(gzip.compress(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response


@pages.get("")
def show(token: str) -> AnyResponse:
    """Show the cover page until somebody continues; then the sections, or what was sent."""
    link = get_link()
    with open_session(write=False) as session:
        opened = views.load(session)
        if opened.is_closed:
            return views.render_sent(session, token, opened)
    if link.opened_at is None:
        section = opened.form.find_section(link.section)
        return make_response(
            render_template(
                "questionnaire_cover.html",
                link=link,
                token=token,
                opened=opened,
                section=section,
                due=get_due_day(opened.request),
            )
        )
    if link.section:
        return redirect(views.address_section(token, views.get_section(opened.form)), 303)
    return views.render_overview(token, opened)


@pages.post("/open", endpoint="open")
def open_questionnaire(token: str) -> AnyResponse:
    """Record that somebody continued past the cover page. Programs that look at addresses in emails do not."""
    with open_session(write=True) as session:
        _keep_language(session)
        links.record_opening(session, get_link())
        opened = views.load(session)
        if opened.request.asked is None and not opened.is_closed:
            record_answered(opened.request, opened.form, opened.check)
    return redirect(url_for("questionnaire.show", token=token), 303)


@pages.get("/sections/<int:number>")
def section(token: str, number: int) -> AnyResponse:
    """Show the questions of a section."""
    with open_session(write=False) as session:
        opened = views.load(session)
    return views.render_section(token, opened, views.get_section(opened.form, number))


@pages.post("/sections/<int:number>")
def save(token: str, number: int) -> AnyResponse:
    """Save the answers of a section, or those of it that were sent; say what is wrong with them."""
    is_script = request.accept_mimetypes.best == "application/json"
    try:
        with open_session(write=True) as session:
            before = views.load(session)
            _keep_language(session)
            part = views.get_section(before.form, number)
            sent = views.read_answers(part)
            changed = drafts.save_answers(session, before.request.id, before.form, sent, get_link().actor, now())
            opened = views.load(session)
            record_answered(opened.request, opened.form, opened.check)
    except DomainError as error:
        if is_script:
            return make_response(jsonify(detail=describe_error(error)), error.status)
        return views.render_refusal(token, error, number)
    if is_script:
        return jsonify(
            answers={question: views.describe_answer(opened, question) for question in sent},
            **views.count(opened, part),
        )
    then = request.form.get("then", "")
    if then.startswith("files-") and then[6:] in {question.id for question in part.questions}:
        return redirect(url_for("questionnaire.show_files", token=token, question=then[6:]), 303)
    doubtful = [q for q in changed if any(one.is_problem for one in opened.check.list_messages(q, finished=False))]
    added = [question for question in opened.check.list_open(part) if question not in before.check.list_shown(part)]
    if back := [question.id for question in part.questions if question.id in {*doubtful, *added}]:
        return redirect(f"{views.address_section(token, part)}#q-{back[0]}", 303)
    later = [one for one in opened.form.sections if one.number > part.number and opened.check.list_shown(one)]
    if get_link().section:
        return redirect(url_for("questionnaire.section", token=token, number=number, saved=1), 303)
    if then == "leave" or not later:
        return redirect(url_for("questionnaire.show", token=token), 303)
    return redirect(views.address_section(token, later[0]), 303)


@pages.get("/questions/<question>/files")
def show_files(token: str, question: str) -> AnyResponse:
    """Show the documents to the answer to a question, and the form to add one."""
    return views.render_files(token, question)


@pages.post("/questions/<question>/files")
def upload(token: str, question: str) -> AnyResponse:
    """Take a document that shows that an answer is true."""
    try:
        sent = resumable_uploads.read_sent_file()
        kind, dated = request.form.get("kind", ""), _parse_day(request.form.get("dated", ""))
        on, by = today(get_link().time_zone), get_link().actor
        with open_session(write=False) as session:
            opened = views.load(session)
            views.get_question(opened.form, question)
            files.check_new_file(session, opened.request.id, opened.form, question, kind, dated, len(sent.data), on)
        file = resumable_uploads.store_file(sent)
        with open_session(write=True) as session:
            opened = views.load(session)
            files.add_file(session, opened.request.id, opened.form, question, kind, dated, file, by, on, now())
            resumable_uploads.end_upload(session, sent)
    except DomainError as error:
        return views.render_files(token, question, error)
    resumable_uploads.remove_pieces(sent)
    return redirect(url_for("questionnaire.show_files", token=token, question=question), 303)


@pages.post("/questions/<question>/files/<file_id>/remove")
def remove_file(token: str, question: str, file_id: str) -> AnyResponse:
    """Remove a document before the questionnaire is sent."""
    with open_session(write=True) as session:
        opened = views.load(session)
        views.get_question(opened.form, question)
        digest = files.remove_file(session, opened.request.id, question, file_id, get_link().actor)
    delete_files(get_database(), get_blob_store(), [digest])
    return redirect(url_for("questionnaire.show_files", token=token, question=question), 303)


@pages.post("/sections/<int:number>/links")
def hand_over(token: str, number: int) -> AnyResponse:
    """Create a link to a section for a colleague. Its address is shown only in this response."""
    views.refuse_section_link()
    link = get_link()
    try:
        with open_session(write=True) as session:
            drafts.lock_request(session, views.get_asking_id())
            opened = views.load(session)
            part = views.get_section(opened.form, number)
            _link, new = links.create_section_link(session, link, request.form.get("addressee", ""), part.title)
            opened = views.load(session)
    except DomainError as error:
        return views.render_refusal(token, error)
    return views.render_overview(
        token, opened, handed_over=(part, url_for("questionnaire.show", token=new, _external=True))
    )


@pages.post("/links/<link_id>/revoke")
def revoke(token: str, link_id: str) -> AnyResponse:
    """Withdraw a section from a colleague; the link stops working at once, and the answers given through it stay."""
    views.refuse_section_link()
    with open_session(write=True) as session:
        links.revoke_section_link(session, get_link(), link_id)
    return redirect(url_for("questionnaire.show", token=token), 303)


@pages.get("/review")
def review(token: str) -> AnyResponse:
    """Show what is open before the questionnaire is sent, and what that means."""
    return views.render_review(token)


@pages.post("/send")
def send(token: str) -> AnyResponse:
    """Send the questionnaire. Sending it a second time changes nothing."""
    views.refuse_section_link()
    link = get_link()
    try:
        if request.form.get("confirmed") != "yes":
            raise DomainError(
                "questionnaire.confirm", 422, "Confirm that you are authorised to answer for your company."
            )
        with open_session(write=True) as session:
            sending.send_questionnaire(
                session, views.get_asking_id(), link.record_id, link.actor, today(link.time_zone), now()
            )
    except DomainError as error:
        if error.code not in ("questionnaire.sent", "questionnaire.returned"):
            return views.render_review(token, error)
    return redirect(url_for("questionnaire.show", token=token), 303)


@pages.get("/answers.xlsx")
def download(token: str) -> AnyResponse:
    """Return the answers as the workbook of the same questionnaire."""
    views.refuse_section_link()
    with open_session(write=False) as session:
        opened = views.load(session)
        texts = {
            question: format_answer(opened.form.by_id[question], draft.text)
            for question, draft in opened.drafts.items()
            if draft.text
        }
        is_same_record = get_link().record_id == opened.supplier.id
        data = build_request_workbook(
            opened.request, opened.supplier, opened.form.form, texts, is_same_record=is_same_record
        )
    return build_download(data, FORMATS["xlsx"].media_type, f"{opened.request.form}_answers.xlsx")


@pages.get("/answers.zip")
def download_signed(token: str) -> AnyResponse:
    """Return the answers that were sent as a signed file, which another buyer can import."""
    views.refuse_section_link()
    with open_session(write=False) as session:
        opened = views.load(session)
        data = sign_answers(opened.request, opened.supplier, opened.form, opened.check, get_settings())
    return build_download(data, "application/zip", f"{opened.request.form}_answers_signed.zip")


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
