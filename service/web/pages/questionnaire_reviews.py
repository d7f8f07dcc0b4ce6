"""The review of a returned questionnaire on its page: accept answers, or request clarification."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import load_form
from service.auth.caller import get_caller, get_settings, read_session, write_session
from service.clock import today
from service.errors import DomainError
from service.online_questionnaires.files import KINDS
from service.queries.supplier_evidence import GRADES
from service.questionnaire_reviews.clarifications import close_clarification, list_waiting
from service.questionnaire_reviews.contents import ReviewedAnswer, load_review
from service.questionnaire_reviews.decisions import ACCEPTED, ASKED_BACK, Choice, decide, send_asked_back
from service.questionnaires_sent.asked_back import find_reviewed_request
from service.questionnaires_sent.requests import get_request
from service.suppliers import repository as suppliers
from service.web.pages.suppliers import REVIEW_STATES

ANSWER_TITLES = {
    "open": lazy_gettext("to review"),
    "accepted": lazy_gettext("accepted"),
    "to_ask": lazy_gettext("to be clarified"),
    "asked_back": lazy_gettext("clarification requested, no reply yet"),
}
ACCEPT_REST = "accept_rest"


def show(kind: str, supplier_id: str, request_id: str) -> Response:
    """Show the answers of a returned questionnaire with what speaks against them."""
    return _render(kind, supplier_id, request_id)


def save(kind: str, supplier_id: str, request_id: str) -> AnyResponse:
    """Save the decisions that were made on the page, and accept the rest if asked."""
    caller = get_caller()
    on, sees = today(caller.time_zone), caller.sees_worker_derived
    try:
        with write_session() as session:
            sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), request_id)
            choices = _read_choices()
            if request.form.get("then") == ACCEPT_REST:
                chosen = {choice.question for choice in choices}
                found = load_review(session, sent, on, sees_worker_derived=sees)
                rest = [one for one in found.list_in_state("open") if not one.needs_look]
                choices += [Choice(one.question.id, ACCEPTED) for one in rest if one.question.id not in chosen]
            if not choices:
                raise DomainError("review.nothing", 422, _("Choose what to do with at least one answer."))
            decide(session, sent, choices, caller.actor, on, sees_worker_derived=sees)
    except DomainError as error:
        if error.status == 404:
            raise
        return _render(kind, supplier_id, request_id, error)
    flash(ngettext("%(num)s decision saved.", "%(num)s decisions saved.", len(choices)))
    return redirect(url_for(f"pages.{kind}_review", supplier_id=supplier_id, request_id=request_id), 303)


def send(kind: str, supplier_id: str, request_id: str) -> AnyResponse:
    """Request clarification of the answers that are marked. The address of the link is shown only in this response."""
    caller = get_caller()
    path = url_for("questionnaire.show", token="TOKEN", _external=True).replace("TOKEN", "{token}")
    try:
        with write_session() as session:
            sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), request_id)
            asked = send_asked_back(
                session,
                sent,
                caller.actor,
                today(caller.time_zone),
                path,
                sees_worker_derived=caller.sees_worker_derived,
            )
            address, email = path.format(token=asked.token), asked.email
    except DomainError as error:
        if error.status == 404:
            raise
        return _render(kind, supplier_id, request_id, error)
    return _render(kind, supplier_id, request_id, sent_link=address, email=email)


def close(kind: str, supplier_id: str, request_id: str) -> AnyResponse:
    """Stop waiting for a clarification, and show the questionnaire that it belongs to."""
    with write_session() as session:
        sent = get_request(session, suppliers.get_supplier(session, kind, supplier_id), request_id)
        close_clarification(session, sent, request.form.get("closed_as", ""), get_caller().actor)
        asking_id = find_reviewed_request(session, sent.id)
    flash(_("You are no longer waiting for a reply. Review the answers that you already have."))
    return redirect(url_for(f"pages.{kind}_review", supplier_id=supplier_id, request_id=asking_id), 303)


def _read_choices() -> list[Choice]:
    """Return the decisions in the form: a field of each answer, and its reason."""
    prefix = "decision-"
    return [
        Choice(name.removeprefix(prefix), value, request.form.get(f"reason-{name.removeprefix(prefix)}", ""))
        for name, value in request.form.items()
        if name.startswith(prefix) and value in (ACCEPTED, ASKED_BACK)
    ]


def _render(
    kind: str,
    supplier_id: str,
    request_id: str,
    error: DomainError | None = None,
    sent_link: str = "",
    email: str | None = None,
) -> Response:
    caller = get_caller()
    on = today(caller.time_zone)
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        sent = get_request(session, supplier, request_id)
        review = load_review(session, sent, on, sees_worker_derived=caller.sees_worker_derived)
        waiting = list_waiting(session, review.follow_ups)
    sections: dict[str, list[ReviewedAnswer]] = {}
    for answer in review.answers:
        sections.setdefault(answer.question.section, []).append(answer)
    html = render_template(
        "questionnaire_answers.html",
        kind=kind,
        supplier=supplier,
        form_title=load_form(sent.form, sent.form_version).title,
        review=review,
        waiting=waiting,
        sections=sections,
        states=REVIEW_STATES,
        answer_states=ANSWER_TITLES,
        grades=GRADES,
        kinds=KINDS,
        values=request.form if error else {},
        sent_link=sent_link,
        email=email,
        has_mail_server=bool(get_settings().smtp_host),
        error=error,
    )
    return make_response(html, error.status if error else 200)
