"""What the pages of a questionnaire are built from: what a link opens, and the pages themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.question import Question
from reports.document import Detail, Level
from service.auth.caller import get_link
from service.clock import now, today
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError, not_found
from service.online_questionnaires import drafts, files
from service.online_questionnaires.checking import Check, Message, check_drafts
from service.online_questionnaires.drafts import Draft, Sent
from service.online_questionnaires.questions import (
    OnlineForm,
    Section,
    format_answer,
    list_country_names,
    load_online_form,
)
from service.questionnaires_sent.asked_back import list_asked_back
from service.questionnaires_sent.requests import get_due_day
from service.reporting import stored_reports
from service.shared_plans import contents
from service.supplier_links import links
from service.web.link_session import open_session
from service.web.supplier_texts import choose_language, get_language, get_texts, translate

SENDING = "sending"  # in addresses, once the supplier has been on the page before the questionnaire is sent
LEVELS: dict[Level, str] = {
    "critical": "Critical risk",
    "high": "High risk",
    "medium": "Medium risk",
    "low": "Low risk",
    "insufficient_evidence": "Not enough answers to rate the risk",
}
NOT_APPLICABLE, DECLINED = "Not applicable", "Declined to answer"  # as the drop-downs of a workbook offer them


@dataclass(frozen=True)
class Opened:
    """What a link opens: the request, its supplier, the questions, the draft answers, and what the checks say about them."""

    request: QuestionnaireRequest
    supplier: Supplier
    form: OnlineForm
    drafts: Mapping[str, Draft]
    check: Check

    @property
    def is_closed(self) -> bool:
        """Whether the questionnaire was sent, or returned in another way."""
        return self.request.returned_on is not None

    @property
    def name(self) -> str | None:
        """The supplier's own name; None after it was merged into another one."""
        return self.supplier.name if get_link().record_id == self.supplier.id else None


def get_asking_id() -> str:
    """Return the id of the request that the link opens. Raises DomainError ``not_found``, 404."""
    asking_id = get_link().asking_id
    if asking_id is None:
        raise not_found("Questionnaire not found.")
    return asking_id


def load(session: Session) -> Opened:
    """Load what the link opens. Raises DomainError ``not_found``, 404."""
    link = get_link()
    sent = session.get(QuestionnaireRequest, get_asking_id())
    if sent is None:
        raise not_found("Questionnaire not found.")
    choose_language(session, sent.language)
    supplier = session.get_one(Supplier, sent.supplier_id)
    asked_back = list_asked_back(session, sent.id)
    form = load_online_form(
        sent, supplier, asked_back, is_same_record=link.record_id == supplier.id, language=get_language()
    )
    current = drafts.load_drafts(session, sent.id, form)
    sending = is_sending() or sent.submitted_at is not None
    return Opened(sent, supplier, form, current, check_drafts(form, current, today(link.time_zone), sending=sending))


def is_sending() -> bool:
    """Return whether this is the page before the questionnaire is sent, or one that was reached from there."""
    return SENDING in request.args or request.endpoint in ("questionnaire.review", "questionnaire.send")


def get_section(form: OnlineForm, number: int | None = None) -> Section:
    """Return a section that the link opens. Raises DomainError ``not_found``, 404."""
    own = get_link().section
    for one in form.sections:
        if (own is None or one.title == own) and number in (None, one.number):
            return one
    raise not_found("Section not found.")


def refuse_section_link() -> None:
    """Raise DomainError ``not_found`` for a link to one section: it sends nothing and hands nothing over."""
    if get_link().section is not None:
        raise not_found("Page not found.")


def get_question(form: OnlineForm, question_id: str) -> tuple[Section, Question]:
    """Return a question that the link opens, with its section. Raises DomainError ``not_found``, 404."""
    for part in form.sections:
        for question in part.questions:
            if question.id == question_id:
                return get_section(form, part.number), question
    raise not_found("Question not found.")


def read_answers(part: Section) -> dict[str, Sent]:
    """Return the answers of the form: those questions of the section that were on the page."""
    sent = {}
    for question in part.questions:
        seen = request.form.get(f"seen-{question.id}", "")
        if seen.isascii() and seen.isdigit() and len(seen) < 8:
            sent[question.id] = Sent("; ".join(filter(None, request.form.getlist(question.id))), int(seen))
    return sent


def describe_answer(opened: Opened, question: str) -> dict[str, object]:
    """Return what the script shows beside an answer that was saved."""
    draft = opened.drafts[question]
    messages = [
        {"text": describe_message(one), "is_problem": one.is_problem}
        for one in opened.check.list_messages(question, finished=False)
    ]
    if draft.replaced:
        messages.append({"text": say_replaced(opened.form.by_id[question], draft), "is_problem": False})
    return {"seen": draft.version, "messages": messages}


def describe_message(message: Message) -> str:
    """Return what is said beside an answer, in the language of the page."""
    return message.describe(get_texts().form_language, lambda text: translate("answers", text))


def name_answer(question: Question, text: str) -> str:
    """Return an answer as people read it, in the language of the page."""
    if text in (NOT_APPLICABLE, DECLINED):
        return str(_("Does not apply") if text == NOT_APPLICABLE else _("We prefer not to answer"))
    return format_answer(question, text, get_texts().form_language)


def say_replaced(question: Question, draft: Draft) -> str:
    """Say which answer the current one replaced unseen."""
    answer = name_answer(question, draft.replaced)
    return str(_("This replaced “%(answer)s”, which someone else entered at the same time.", answer=answer))


def count(opened: Opened, part: Section) -> dict[str, object]:
    """Return which questions of a section do not apply, and how many are open."""
    return {
        "hidden": [question.id for question in part.questions if question.id in opened.check.inapplicable],
        "open": len(opened.check.list_open(part)),
    }


def address_section(token: str, part: Section) -> str:
    """Return the address of a section."""
    return url_for("questionnaire.section", token=token, number=part.number)


def render_refusal(token: str, error: DomainError, number: int | None = None) -> AnyResponse:
    """Render the page again with why something was refused, and with what was entered on it."""
    if error.status == 404:
        raise error
    if error.code in ("questionnaire.sent", "questionnaire.returned"):
        return redirect(url_for("questionnaire.show", token=token), 303)
    with open_session(write=False) as session:
        opened = load(session)
    if number is None:
        return render_overview(token, opened, error=error)
    return render_section(token, opened, get_section(opened.form, number), error)


def render_section(token: str, opened: Opened, part: Section, error: DomainError | None = None) -> AnyResponse:
    """Render the questions of a section, with what was entered if it was refused."""
    if opened.is_closed:
        return redirect(url_for("questionnaire.show", token=token), 303)
    entered = read_answers(part) if error else {}
    page = render_template(
        "questionnaire_section.html",
        token=token,
        link=get_link(),
        opened=opened,
        section=part,
        error=error,
        texts={
            question.id: entered[question.id].text if question.id in entered else opened.drafts[question.id].text
            for question in part.questions
        },
        countries=list_country_names(get_language()) if _asks_for_countries(part) else (),
        say_replaced=say_replaced,
        describe_message=describe_message,
        not_applicable=NOT_APPLICABLE,
        declined=DECLINED,
        is_saved="saved" in request.args,
    )
    return make_response(page, error.status if error else 200)


def _asks_for_countries(part: Section) -> bool:
    return any(question.type in ("country", "countries") for question in part.questions)


def render_overview(
    token: str,
    opened: Opened,
    *,
    error: DomainError | None = None,
    handed_over: tuple[Section, str] | None = None,
) -> AnyResponse:
    """Render the list of sections. ``handed_over``: a section and the address of a new link to it, shown only once."""
    with open_session(write=False) as session:
        handed = links.list_section_links(session, get_link().id)
    page = render_template(
        "questionnaire_overview.html",
        token=token,
        link=get_link(),
        opened=opened,
        due=get_due_day(opened.request),
        colleagues=[one for one in handed if links.is_valid(one, now())],
        addressees=links.ADDRESSEES,
        handed_over=handed_over,
        error=error,
    )
    return make_response(page, error.status if error else 200)


def render_files(token: str, question_id: str, error: DomainError | None = None) -> AnyResponse:
    """Render the documents to the answer to a question. Raises DomainError ``not_found``, 404."""
    if error is not None and error.status == 404:
        raise error
    with open_session(write=False) as session:
        opened = load(session)
        part, question = get_question(opened.form, question_id)
        sent = [one for one in files.list_files(session, opened.request.id) if one.question == question_id]
    if opened.is_closed:
        return redirect(url_for("questionnaire.show", token=token), 303)
    page = render_template(
        "questionnaire_files.html",
        token=token,
        link=get_link(),
        section=part,
        question=question,
        files=sent,
        kinds=files.KINDS,
        values=request.form,
        on=today(get_link().time_zone),
        error=error,
    )
    return make_response(page, error.status if error else 200)


def render_review(token: str, error: DomainError | None = None) -> AnyResponse:
    """Render what is open before the questionnaire is sent."""
    refuse_section_link()
    with open_session(write=False) as session:
        opened = load(session)
        sent = files.list_files(session, opened.request.id)
    if opened.is_closed:
        return redirect(url_for("questionnaire.show", token=token), 303)
    page = render_template(
        "questionnaire_review.html",
        token=token,
        link=get_link(),
        opened=opened,
        describe_message=describe_message,
        declinable={question.id for question in opened.form.questions if question.declinable},
        files=sent,
        error=error,
    )
    return make_response(page, error.status if error else 200)


def render_sent(session: Session, token: str, opened: Opened) -> AnyResponse:
    """Render what was sent, the result in the words of the supplier's copy, and the plan if there is a link to it.

    What was entered here is not shown if the questionnaire was returned in another way: other answers count.
    """
    link = get_link()
    if opened.request.submitted_at is None:
        return make_response(render_template("questionnaire_returned.html", token=token, link=link, opened=opened))
    detail: Detail | None = None
    plan: contents.SharedPlan | None = None
    if link.section is None and link.record_id == opened.supplier.id:
        detail = stored_reports.build_supplier_copy(session, opened.supplier.id, get_language()).details[0]
        has_plan = any(
            one.purpose == links.PLAN and links.is_valid(one, now())
            for one in links.list_links(session, opened.supplier.id)
        )
        plan = contents.get_shared_plan(session, opened.supplier.id, link.record_id, now()) if has_plan else None
    page = render_template(
        "questionnaire_sent.html",
        token=token,
        link=link,
        opened=opened,
        detail=detail,
        plan=plan,
        sections=[
            one for one in opened.form.sections if link.section in (None, one.title) and opened.check.list_shown(one)
        ],
        name_answer=name_answer,
        levels=LEVELS,
    )
    return make_response(page)
