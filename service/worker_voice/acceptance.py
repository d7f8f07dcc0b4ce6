"""What the published figures of a survey may change, and changing it once a case handler accepts a statement.

Good figures become evidence of the grade ``worker_voice`` for the answers that the supplier gave. Bad ones become findings in a
case record, which is how what workers report reaches a score. Until somebody accepts it, a survey changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.orm import Session

from questionnaires.worker_voice.form import Statement, load_worker_voice_form
from questionnaires.worker_voice.publication import PublishedStatement
from service.assessment.evidence_entries import SURVEY
from service.assessment.models_in_force import list_models_in_force
from service.audit import record_event
from service.case_reading.worker_selection import CHOSEN_BY, MANAGEMENT
from service.cases import service as case_service
from service.db.tables import Supplier
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.remediation.steps import Act
from service.suppliers import evidence
from service.suppliers.confirmations import Voucher
from service.suppliers.merge_rules import get_risk_lookup
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.verified_steps import is_supportable
from service.worker_voice.surveys import CLOSED, load_survey_rules, read_published

Effect = Literal["raises", "supports"]
RAISES: Effect = "raises"
SUPPORTS: Effect = "supports"


@dataclass(frozen=True)
class Reading:
    """What a published statement shows: the share of adverse answers in the group with the most of them, from 0 to 1 (None if
    every group is withheld), its effect if it is accepted (None for no effect), and the code of the reason.
    """

    statement: Statement
    published: PublishedStatement
    worst: float | None
    effect: Effect | None
    reason: str


def read_survey(survey: WorkerSurvey) -> list[Reading]:
    """Return what the published statements of a survey show; nothing of one that is open."""
    statements = {one.id: one for one in load_worker_voice_form(survey.form_version).statements}
    return [_read(survey, statements[one.statement], one) for one in read_published(survey)]


def _read(survey: WorkerSurvey, statement: Statement, published: PublishedStatement) -> Reading:
    rules = load_survey_rules()
    limits = rules["severe" if statement.id in rules["severe"]["statements"] else "usual"]
    if not published.figures:
        return Reading(statement, published, None, None, "too_few")
    worst = max(figure.adverse / figure.answered for figure in published.figures)
    most = max(figure.adverse for figure in published.figures)
    effect: Effect | None = None
    if worst >= limits["raises_from"] and most >= rules["effect"]["least_adverse"]:
        effect, reason = RAISES, "adverse"
    elif worst > limits["supports_to"]:
        reason = "between"
    elif survey.chosen_by == MANAGEMENT:
        reason = "chosen_by_management"
    elif published.answered < rules["effect"]["least_share_of_workers"] * survey.workers:
        reason = "few_of_workers"
    else:
        effect, reason = SUPPORTS, "good"
    return Reading(statement, published, worst, effect, reason)


def accept(session: Session, survey: WorkerSurvey, statements: Collection[str], by_name: str, act: Act) -> None:
    """Let statements of a locked survey count, and reassess its supplier. ``by_name``: who confirms the evidence.

    Raises DomainError: ``transition.by_key``, 403; ``survey.not_closed``, ``survey.accepted``, ``survey.no_effect``,
    ``survey.nothing_to_support``, 409; ``survey.statements``, 422.
    """
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot accept workers' answers; only a user can.")
    if survey.state != CLOSED:
        raise DomainError("survey.not_closed", 409, "Close the survey first.")
    chosen = [reading for reading in read_survey(survey) if reading.statement.id in statements]
    if not chosen or len(chosen) != len(set(statements)):
        raise DomainError("survey.statements", 422, "Choose one or more statements from this survey.")
    if any(reading.statement.id in survey.accepted for reading in chosen):
        raise DomainError("survey.accepted", 409, "One of these statements has already been accepted.")
    if any(reading.effect is None for reading in chosen):
        raise DomainError(
            "survey.no_effect", 409, "These figures do not change anything, so there is nothing to accept."
        )
    supporting = [reading for reading in chosen if reading.effect == SUPPORTS]
    if supporting:
        _add_evidence(session, survey, supporting, by_name, act)
    raising = [reading for reading in chosen if reading.effect == RAISES]
    if raising:
        _open_case(session, survey, raising, act)
    accepted = {"on": act.on.isoformat(), "by": act.actor.name}
    survey.accepted = survey.accepted | {one.statement.id: {**accepted, "effect": one.effect} for one in chosen}
    survey.version += 1
    details = {"statements": [one.statement.id for one in chosen]}
    record_event(session, act.actor.name, "worker_survey.accepted", "worker_survey", survey.id, details)


def _add_evidence(
    session: Session, survey: WorkerSurvey, supporting: Collection[Reading], by_name: str, act: Act
) -> None:
    """Add the good figures as confirmed evidence for the answers of the supplier that they bear out."""
    supplier = session.get_one(Supplier, survey.supplier_id)
    covers = {
        reading.statement.id: tuple(dict.fromkeys(_list_questions(session, supplier, reading.statement.indicator, act)))
        for reading in supporting
    }
    if unanswered := [reading.statement.ask for reading in supporting if not covers[reading.statement.id]]:
        raise DomainError(
            "survey.nothing_to_support",
            409,
            f"The supplier has not given any answer that these figures could support. Deselect: {' '.join(unanswered)}",
        )
    pieces = [
        (
            {
                "grade": "worker_voice",
                "date": (survey.closed_on or act.on).isoformat(),
                "covers": list(covers[reading.statement.id]),
                "source": f"{SURVEY} {survey.id}",
            },
            Voucher(by_name, act.on, describe_sample(survey, reading), covers[reading.statement.id]),
        )
        for reading in supporting
    ]
    evidence.add_pieces(
        session, supplier, pieces, evidence.Act(act.actor.name, act.on, act.at, act.sees_worker_derived)
    )


def _list_questions(session: Session, supplier: Supplier, indicator_id: str, act: Act) -> Iterator[str]:
    models = list_organisation_models(session, act.on)
    risk_lookup = get_risk_lookup(supplier.kind, act.on, models)
    for model in list_models_in_force(act.on, models):
        for indicator in model.indicators if model.kind == supplier.kind else ():
            if indicator.id == indicator_id and is_supportable(supplier.answers, indicator, risk_lookup):
                yield indicator.question


def _open_case(session: Session, survey: WorkerSurvey, raising: Collection[Reading], act: Act) -> None:
    """Record the bad figures as findings of a case about the supplier."""
    recorded: Mapping[str, Any] = {
        "source": load_survey_rules()["run_by"][survey.run_by],
        "found_on": (survey.closed_on or act.on).isoformat(),
    }
    findings = [
        {
            "finding": one.statement.finding,
            "phase": one.statement.phase,
            "note": describe_sample(survey, one),
            **recorded,
        }
        for one in raising
    ]
    # In letters, because some digits in a case number would look like somebody's telephone or identity number.
    code = "".join(chr(ord("A") + int(digit, 16)) for digit in survey.id[:8])
    number = {"case_id": f"Survey {code} {len(survey.accepted) + 1}"}
    by = act.actor.name
    case_service.open_case(session, number, findings, act.on, act.at, by, supplier_id=survey.supplier_id)


def describe_sample(survey: WorkerSurvey, reading: Reading) -> str:
    """Return how many workers answered a statement, the share of adverse answers, and how they were chosen, in one line."""
    published = reading.published
    share = round(100 * (published.share or 0))
    return (
        f"Worker survey: {published.answered} of {survey.workers} workers answered, {share}% adversely; "
        f"chosen by: {CHOSEN_BY[survey.chosen_by].lower()}"
    )
