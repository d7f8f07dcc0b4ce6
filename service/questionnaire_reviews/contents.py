"""What a reviewer sees of a returned questionnaire: each answer with the earlier one, its evidence, and what speaks against it.

What was asked back belongs to the same review: its new answers stand in the place of those that were asked back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire, load_combined_form, load_form
from questionnaires.issues import Issue, parse_issue
from questionnaires.question import Question
from questionnaires.validation.text_answers import describe_to_respondent
from questionnaires.workbook import list_outgoing_questions
from risk_models.answers import DECLINED, EVIDENCE
from risk_models.facts.facts import load_facts
from service.assessment.evidence_entries import EvidenceEntry
from service.db.import_tables import Import
from service.db.link_tables import AnswerFile
from service.db.remediation_tables import Finding
from service.db.review_tables import AnswerDecision, QuestionnaireReview
from service.db.tables import QuestionnaireRequest, Result, Supplier
from service.errors import DomainError
from service.online_questionnaires.checking import CONTRADICTED, SENT_CAUSE, check_drafts
from service.online_questionnaires.drafts import load_drafts
from service.online_questionnaires.files import list_files
from service.online_questionnaires.questions import load_online_form
from service.questionnaire_reviews.rules import Known, Point, find_points
from service.questionnaires_sent.asked_back import list_asked_back
from service.questionnaires_sent.requests import IDENTITY_QUESTIONS
from service.report_content.labels import format_answer
from service.shared_plans.contents import FindingTitles
from service.suppliers.evidence import list_visible_entries
from service.suppliers.merge_rules import get_risk_lookup
from service.suppliers.organisation_models import list_organisation_models

State = Literal["open", "accepted", "to_ask", "asked_back"]
RETURN_CAUSES = ("import", "api", SENT_CAUSE)
DONE_FINDINGS = ("remedied", "closed")
NOT_REVIEWED = {*IDENTITY_QUESTIONS, EVIDENCE}  # identity is matched, and evidence is confirmed where it is listed
NO_ANSWER = "no answer"
SET_ASIDE = "answered, but not used"  # it contradicts another answer or could not be read; a point says why
NOT_USED = (
    "not used, because other answers outweigh it"  # by service/suppliers/merge_rules.py, or because two do not agree
)


@dataclass(frozen=True)
class ReviewedAnswer:
    """An answer under review. ``text``, ``earlier``: in words, "" for no earlier one. ``decisions``: all of them, oldest first.

    ``state``: ``open`` until it is decided; ``to_ask`` until what is asked back was sent; ``asked_back`` until it is returned.
    """

    question: Question
    answer: Any
    text: str
    earlier: str
    points: Sequence[Point]
    evidence: Sequence[EvidenceEntry]
    files: Sequence[AnswerFile]
    decisions: Sequence[AnswerDecision]
    state: State

    @property
    def needs_look(self) -> bool:
        """Return whether something speaks against the answer."""
        return any(not point.is_hint for point in self.points)


@dataclass(frozen=True)
class Review:
    """The review of a returned questionnaire. ``review``: None until something is decided. ``follow_ups``: the requests by which
    questions were asked back, oldest first.
    """

    request: QuestionnaireRequest
    supplier: Supplier
    review: QuestionnaireReview | None
    answers: Sequence[ReviewedAnswer]
    follow_ups: Sequence[QuestionnaireRequest]

    def list_in_state(self, state: State) -> Sequence[ReviewedAnswer]:
        """Return the answers in a state, in the order of the form."""
        return [answer for answer in self.answers if answer.state == state]


def load_review(session: Session, request: QuestionnaireRequest, on: date, *, sees_worker_derived: bool) -> Review:
    """Return the review of a questionnaire.

    Raises DomainError, 404: ``review.not_returned``; ``review.follow_up`` for a request that asks questions back: its answers
    belong to the review that they were asked in.
    """
    if list_asked_back(session, request.id):
        raise DomainError(
            "review.follow_up", 404, "These answers are reviewed together with the questionnaire that they belong to."
        )
    result = find_result(session, request)
    if result is None:
        detail = (
            "There are no answers to review: the questionnaire has not been returned, or its file was not uploaded."
        )
        raise DomainError("review.not_returned", 404, detail)
    supplier = session.get_one(Supplier, request.supplier_id)
    review = session.scalars(select(QuestionnaireReview).where(QuestionnaireReview.asking_id == request.id)).first()
    decisions = _load_decisions(session, review)
    follow_ups = _load_follow_ups(session, decisions)
    answers, given = _read_answers(session, result, follow_ups)
    form = load_form(request.form, request.form_version)
    shown = [q for q in list_outgoing_questions(form, answers.get("country")) if q.id in given - NOT_REVIEWED]
    returned = [request, *(one for one in follow_ups if one.returned_on is not None)]
    messages = _load_messages(session, request, result)
    evidence = list_visible_entries(supplier, sees_worker_derived=sees_worker_derived)
    files = [file for one in returned for file in list_files(session, one.id)]
    earlier = _find_result_before(session, result)
    known = Known(
        supplier.kind,
        answers,
        earlier.answers if earlier else {},
        _load_findings(session, supplier, sees_worker_derived=sees_worker_derived),
        frozenset(q.id for q in shown if any(_covers(one, q.id) for one in evidence)),
        get_risk_lookup(supplier.kind, on, list_organisation_models(session, on)),
        load_facts().as_of(on),
    )
    open_ids = {one.id for one in follow_ups if one.returned_on is None and one.closed_as is None}
    combined = load_combined_form(supplier.kind)
    # What cannot be used counts as declined, but the supplier did not leave it blank.
    set_aside = {question for question, said in messages.items() if said and answers.get(question) == DECLINED}
    return Review(
        request,
        supplier,
        review,
        [
            ReviewedAnswer(
                question,
                answers.get(question.id),
                SET_ASIDE if question.id in set_aside else _describe_answer(combined, question.id, answers, result),
                format_answer(combined, question.id, known.earlier[question.id])
                if question.id in known.earlier
                else "",
                messages[question.id]
                if question.id in set_aside
                else (*messages.get(question.id, ()), *find_points(question, known)),
                [one for one in evidence if _covers(one, question.id)],
                [file for file in files if file.question == question.id],
                decisions.get(question.id, ()),
                find_state(decisions.get(question.id, ()), answers.get(question.id), open_ids),
            )
            for question in shown
        ],
        follow_ups,
    )


def find_state(decisions: Sequence[AnswerDecision], answer: Any, open_follow_ups: set[str]) -> State:
    """Return the state of an answer, given what was decided about it and the follow-ups that were not returned."""
    last = decisions[-1] if decisions else None
    if last is None:
        return "open"
    if last.decision == "accepted":
        return "accepted" if last.answers == list_answer(answer) else "open"
    if last.follow_up_id is None:
        return "to_ask"
    return "asked_back" if last.follow_up_id in open_follow_ups else "open"


def list_answer(answer: Any) -> list[Any]:
    """Return an answer as decisions keep it: in a list, empty for none."""
    return [] if answer is None else [answer]


def find_result(session: Session, request: QuestionnaireRequest) -> Result | None:
    """Return the result that the answers of a returned request were saved in; None if there is none."""
    if request.returned_on is None:
        return None
    query = select(Result).where(Result.supplier_id == request.supplier_id, Result.cause.in_(RETURN_CAUSES))
    if request.submitted_at is not None:
        return session.scalars(query.where(Result.created_at == request.submitted_at)).first()
    version = f"{request.form} {request.form_version}"
    later = query.where(Result.on >= request.sent_on).order_by(Result.created_at, Result.id)
    return next((result for result in session.scalars(later) if result.answers.get("form_version") == version), None)


def _find_result_before(session: Session, result: Result) -> Result | None:
    query = select(Result).where(Result.supplier_id == result.supplier_id, Result.created_at < result.created_at)
    return session.scalars(query.order_by(Result.created_at.desc(), Result.id).limit(1)).first()


def _describe_answer(form: Questionnaire, question: str, answers: Mapping[str, Any], result: Result) -> str:
    if question in answers:
        return format_answer(form, question, answers[question])
    return NO_ANSWER if question in result.answers else NOT_USED  # no answer: to what was asked back


def _read_answers(
    session: Session, result: Result, follow_ups: Sequence[QuestionnaireRequest]
) -> tuple[Mapping[str, Any], set[str]]:
    """Return the answers with those to what was asked back, and the questions that the supplier answered or declined."""
    answers, given = dict(result.answers), set(result.answers if result.given is None else result.given)
    for request in follow_ups:
        later = find_result(session, request)
        for question in list_asked_back(session, request.id) if later else ():
            answers.pop(question, None)
            if question in later.answers:  # type: ignore[union-attr]
                answers[question] = later.answers[question]  # type: ignore[union-attr]
    return answers, given


def _load_decisions(session: Session, review: QuestionnaireReview | None) -> Mapping[str, Sequence[AnswerDecision]]:
    found: dict[str, list[AnswerDecision]] = {}
    if review is not None:
        query = select(AnswerDecision).where(AnswerDecision.review_id == review.id)
        for decision in session.scalars(query.order_by(AnswerDecision.decided_at, AnswerDecision.id)):
            found.setdefault(decision.question, []).append(decision)
    return found


def _load_follow_ups(
    session: Session, decisions: Mapping[str, Sequence[AnswerDecision]]
) -> Sequence[QuestionnaireRequest]:
    ids = {one.follow_up_id for of_question in decisions.values() for one in of_question if one.follow_up_id}
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.id.in_(ids))
    found = session.scalars(query.order_by(QuestionnaireRequest.sent_on, QuestionnaireRequest.id)).all()
    return sorted(found, key=lambda one: (one.returned_on is None, one.returned_on or one.sent_on))


def _load_findings(session: Session, supplier: Supplier, *, sees_worker_derived: bool) -> Mapping[str, str]:
    """Return the titles of the open findings about indicators of a supplier."""
    query = select(Finding).where(
        Finding.supplier_id == supplier.id, Finding.kind == "indicator", Finding.state.not_in(DONE_FINDINGS)
    )
    if not sees_worker_derived:
        query = query.where(Finding.worker_derived.is_(False))
    titles = FindingTitles(session, supplier)
    return {finding.about: titles.get_title(finding) for finding in session.scalars(query)}


def _load_messages(session: Session, request: QuestionnaireRequest, result: Result) -> Mapping[str, Sequence[Point]]:
    """Return what the checks of the form say about the answers as they were entered: those that contradict each other, say."""
    if request.submitted_at is not None:
        supplier = session.get_one(Supplier, request.supplier_id)
        form = load_online_form(request, supplier, {}, is_same_record=True)
        check = check_drafts(form, load_drafts(session, request.id, form), result.on, sending=True)
        return {
            question: [Point(one.code, _describe_to_reviewer(one.name_answers())) for one in messages if one.is_problem]
            for question, messages in check.messages.items()
        }
    found: dict[str, list[Point]] = {}
    for question, point in _iter_import_messages(session, result):
        found.setdefault(question, []).append(point)
    return found


def _iter_import_messages(session: Session, result: Result) -> Iterator[tuple[str, Point]]:
    """Yield the issues of the row of an imported questionnaire, by question."""
    import_ = session.get(Import, result.import_id) if result.import_id else None
    preview: Mapping[str, Any] = (import_.found if import_ else None) or {}
    file, sheet, row = (result.place.get(name, "") for name in ("file", "sheet", "row"))
    columns = {
        header: question
        for received in preview.get("files", ())
        if received["name"] == file
        for summary in received["sheets"]
        if summary["name"] == sheet
        for question, header in summary["columns"].items()
    }
    for fields in preview.get("issues", ()):
        issue = parse_issue(fields)
        is_of_row = any(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == str(row) for cell in issue.cells)
        if (issue.file, issue.sheet) != (file, sheet) or not is_of_row or issue.severity == "info":
            continue
        if issue.header in columns:
            yield columns[issue.header], Point(issue.code, _describe_to_reviewer(issue))


def _describe_to_reviewer(issue: Issue) -> str:
    """Describe an issue to a reviewer: what the respondent reads about two contradicting answers says how to correct them."""
    return issue.sentence.replace("*", "") if issue.code == CONTRADICTED else describe_to_respondent(issue)


def _covers(entry: EvidenceEntry, question: str) -> bool:
    """Return whether a piece of evidence is about a question, or about all of them."""
    covers = (entry.confirmed or entry.piece).get("covers") or ()
    return not covers or question in covers
