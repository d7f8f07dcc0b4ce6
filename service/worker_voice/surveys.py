"""Set up a survey among the workers of a supplier, issue its codes, and close it, which publishes its figures.

Nothing about the answers is known before a survey is closed, not even how many there are: two looks at a table would show what
was answered in between. Closing happens once. It deletes the codes and the counts, so that nobody can ever work out more than
what was published then.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH, Language
from questionnaires.lookups import load_countries
from questionnaires.worker_voice.form import (
    EVERYONE,
    NO_OPINION,
    OTHER,
    WorkerVoiceForm,
    list_voice_languages,
    load_voice_language,
    load_worker_voice_form,
)
from questionnaires.worker_voice.publication import Figure, PublishedStatement, load_publication_rules, publish
from service.audit import record_event
from service.case_reading.worker_selection import CHOSEN_BY, NO_ONE
from service.db.tables import Supplier, new_id
from service.db.worker_voice_tables import SurveyCode, SurveyCount, WorkerSurvey
from service.errors import DomainError, not_found
from service.remediation.rules import check_text
from service.remediation.steps import Act
from service.report_content.contact_gate import list_worker_places
from service.suppliers.imposed_labour import is_labour_imposed
from service.translations.review import load_all_texts

RULES_FILE = Path(__file__).with_name("rules.toml")
OPEN, CLOSED = "open", "closed"
MAX_RUNNER = 100
MAX_WORKERS = 100_000
ORIGIN = "origin"  # the cut whose groups are countries
# Letters and digits that nobody mistakes for each other on paper; ten of them cannot be guessed.
CODE_CHARACTERS = "ACDEFGHJKLMNPQRTUVWXY34679"
CODE_LENGTH = 10
ADDRESS_LENGTH = 12
NOT_IN_A_CODE = re.compile(r"[^A-Z0-9]")


@cache
def load_survey_rules() -> Mapping[str, Any]:
    """Load the rules of surveys and of what their figures may change, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class SurveyPlan:
    """What is decided before anybody answers. See :class:`WorkerSurvey` for the parts; ``groups``: countries, for origin only."""

    country: str
    run_by: str
    runner: str
    chosen_by: str
    languages: Sequence[str]
    workers: int
    cut: str | None
    groups: Sequence[str]
    opens_on: date
    closes_on: date


def load_voice_languages(session: Session) -> dict[str, Language]:
    """Load the languages that the texts are translated into, as the session's organisation words them, English first."""
    texts = load_all_texts(session)
    return {
        code: load_voice_language(code) if code == ENGLISH else texts[code].voice_language
        for code in list_voice_languages()
    }


def load_usable_languages(session: Session, form: WorkerVoiceForm) -> dict[str, Language]:
    """Load the languages in which every text is confirmed, by the organisation's reviewers or in our files; others are locked."""
    return {code: one for code, one in load_voice_languages(session).items() if form.is_confirmed(one)}


def describe_groups(survey: WorkerSurvey, form: WorkerVoiceForm, language: Language) -> dict[str, str]:
    """Return the titles of the groups of a survey in a language, by id; none if the answers are not divided."""
    if survey.cut is None:
        return {}
    cut = form.cuts[survey.cut]
    countries = Locale.parse(language.code, sep="-").territories
    titles = {group: countries.get(group, group) for group in survey.groups}
    titles |= {group: language.translate(title) for group, title in cut.groups.items()}
    return titles | {OTHER: language.translate(cut.other)}


def create_survey(session: Session, supplier: Supplier, plan: SurveyPlan, act: Act) -> WorkerSurvey:
    """Set up a survey among the workers of a supplier, and return it.

    Raises DomainError: ``survey.*``, ``text.too_long``, ``person.*``, 422; ``survey.open``, ``survey.too_soon``,
    ``survey.state_imposed``, 409.
    """
    # Locked until the transaction ends, so that two requests cannot both set up a survey.
    session.scalars(select(Supplier.id).where(Supplier.id == supplier.id).with_for_update()).one()
    form = load_worker_voice_form()
    _check_plan(supplier, plan, form, act)
    _check_languages(session, plan, form)
    _check_no_overlap(session, supplier, plan)
    if is_labour_imposed(session, supplier, act.on):
        raise DomainError(
            "survey.state_imposed",
            409,
            "State-imposed labour is documented here, and workers may be punished for answering, so no survey is possible.",
        )
    survey = WorkerSurvey(
        id=new_id(),
        supplier_id=supplier.id,
        record_id=supplier.id,
        form_version=form.version,
        address=_draw_characters(ADDRESS_LENGTH).lower(),
        country=plan.country,
        run_by=plan.run_by,
        runner=plan.runner.strip(),
        chosen_by=plan.chosen_by,
        languages=list(dict.fromkeys(plan.languages)),
        workers=plan.workers,
        cut=plan.cut,
        groups=_list_groups(plan, form),
        opens_on=plan.opens_on,
        closes_on=plan.closes_on,
        state=OPEN,
        codes_issued=0,
        accepted={},
        created_by=act.actor.name,
        created_at=act.at,
    )
    session.add(survey)
    session.flush()
    cells = [
        {"id": new_id(), "survey_id": survey.id, "group": group, "statement": one.id, "answer": answer, "workers": 0}
        for group in survey.groups
        for one in form.statements
        for answer in form.answers
    ]
    session.execute(insert(SurveyCount), cells)
    details = {"supplier": supplier.id, "run_by": survey.run_by, "chosen_by": survey.chosen_by, "cut": survey.cut}
    record_event(session, act.actor.name, "worker_survey.created", "worker_survey", survey.id, details)
    return survey


def _check_plan(supplier: Supplier, plan: SurveyPlan, form: WorkerVoiceForm, act: Act) -> None:
    rules, least = load_survey_rules(), load_publication_rules()["least"]
    if plan.country not in list_worker_places(supplier.kind, supplier.answers):
        raise DomainError("survey.country", 422, "Choose a country in which this supplier has workers.")
    if plan.run_by not in rules["run_by"]:
        raise DomainError("survey.run_by", 422, f"Choose who runs the survey: {', '.join(rules['run_by'])}.")
    if not plan.runner.strip():
        raise DomainError("survey.runner", 422, "Enter the name of the organisation that runs the survey.")
    check_text(plan.runner, MAX_RUNNER)
    if plan.chosen_by not in CHOSEN_BY or plan.chosen_by == NO_ONE:
        raise DomainError("survey.chosen_by", 422, "Say who selected the workers to be surveyed.")
    if not least <= plan.workers <= MAX_WORKERS:
        raise DomainError(
            "survey.workers", 422, f"Enter how many workers there are. A survey requires at least {least}."
        )
    _check_cut(plan, form)
    longest = rules["survey"]["longest_days"]
    if plan.opens_on < act.on or not timedelta(0) <= plan.closes_on - plan.opens_on < timedelta(days=longest):
        detail = f"A survey can open today or later, and stay open for at most {longest} days."
        raise DomainError("survey.days", 422, detail)


def _check_languages(session: Session, plan: SurveyPlan, form: WorkerVoiceForm) -> None:
    if not plan.languages or not set(plan.languages) <= set(list_voice_languages()):
        detail = f"Choose one or more of these languages: {', '.join(list_voice_languages())}."
        raise DomainError("survey.languages", 422, detail)
    if locked := sorted(set(plan.languages) - load_usable_languages(session, form).keys()):
        detail = (
            f"The translation into {', '.join(locked)} has not been confirmed yet, so it cannot be used in a survey."
        )
        raise DomainError("survey.language_locked", 422, detail)


def _check_cut(plan: SurveyPlan, form: WorkerVoiceForm) -> None:
    if plan.cut is not None and plan.cut not in form.cuts:
        raise DomainError("survey.cut", 422, f"Choose how to group the answers: {', '.join(form.cuts)}.")
    most = load_survey_rules()["survey"]["most_groups"]
    countries = set(plan.groups)
    known = countries <= load_countries().names.keys() and len(countries) == len(plan.groups)
    if plan.cut == ORIGIN and not (1 <= len(plan.groups) <= most and known):
        raise DomainError("survey.groups", 422, f"Choose up to {most} countries that workers come from.")
    if plan.cut != ORIGIN and plan.groups:
        raise DomainError(
            "survey.groups", 422, "Choose countries only if the answers are grouped by country of origin."
        )


def _list_groups(plan: SurveyPlan, form: WorkerVoiceForm) -> list[str]:
    if plan.cut is None:
        return [EVERYONE]
    return [*(form.cuts[plan.cut].groups or plan.groups), OTHER]


def _check_no_overlap(session: Session, supplier: Supplier, plan: SurveyPlan) -> None:
    days = load_survey_rules()["survey"]["days_between"]
    for other in list_surveys(session, supplier.id):
        if other.state == OPEN:
            raise DomainError(
                "survey.open",
                409,
                "Another survey of this supplier is still open. Close it before you set up a new one.",
            )
        first = (other.closed_on or other.closes_on) + timedelta(days=days)
        if any(one.figures for one in read_published(other)) and plan.opens_on < first:
            raise DomainError(
                "survey.too_soon",
                409,
                f"The next survey cannot open before {first.isoformat()}: comparing two surveys in quick succession "
                "could reveal the answers of individual workers.",
            )


def list_surveys(session: Session, supplier_id: str) -> Sequence[WorkerSurvey]:
    """Return the surveys of a supplier, the newest first."""
    query = select(WorkerSurvey).where(WorkerSurvey.supplier_id == supplier_id)
    return session.scalars(query.order_by(WorkerSurvey.opens_on.desc(), WorkerSurvey.id)).all()


def get_survey(session: Session, survey_id: str, *, version: int | None = None, lock: bool = False) -> WorkerSurvey:
    """Return a survey, locked until the transaction ends if asked.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404; ``survey.changed``, 409.
    """
    query = select(WorkerSurvey).where(WorkerSurvey.id == survey_id)
    if lock:
        query = query.with_for_update()
    survey = session.scalars(query).first()
    if survey is None:
        raise not_found("Survey not found.")
    if version is not None and survey.version != version:
        raise DomainError("survey.changed", 409, "This survey has changed since you opened it. Reload the page.")
    return survey


def issue_codes(session: Session, survey: WorkerSurvey, number: int, act: Act) -> list[str]:
    """Issue codes of a locked survey, and return them. Only hashes are stored, so that they cannot be retrieved later.

    Raises DomainError: ``survey.closed``, 409; ``survey.codes``, 422, if there would be more codes than workers.
    """
    check_open(survey)
    left = survey.workers - survey.codes_issued
    if not 1 <= number <= left:
        detail = f"Enter a number from 1 to {left}." if left else "Each worker already has a code."
        raise DomainError("survey.codes", 422, detail)
    codes: set[str] = set()
    while len(codes) < number:
        codes.add(_draw_characters(CODE_LENGTH))
    # In the order of their hashes, so that the rows do not show the order on the sheet.
    hashes = sorted(hash_code(survey.id, code) for code in codes)
    rows = [{"id": new_id(), "survey_id": survey.id, "code_hash": code_hash} for code_hash in hashes]
    session.execute(insert(SurveyCode), rows)
    survey.codes_issued += number
    survey.version += 1
    details = {"codes": number}
    record_event(session, act.actor.name, "worker_survey.codes_issued", "worker_survey", survey.id, details)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def check_open(survey: WorkerSurvey) -> None:
    """Raise DomainError ``survey.closed``, 409, for a survey that is closed."""
    if survey.state != OPEN:
        raise DomainError("survey.closed", 409, "This survey is closed.")


def hash_code(survey_id: str, code: str) -> str:
    """Return the hash under which a code of a survey is stored, however it is typed."""
    return hashlib.sha256(f"{survey_id} {NOT_IN_A_CODE.sub('', code.upper())}".encode()).hexdigest()


def _draw_characters(number: int) -> str:
    return "".join(secrets.choice(CODE_CHARACTERS) for _ in range(number))


def close_survey(session: Session, survey: WorkerSurvey, act: Act) -> None:
    """Close a locked survey for good: publish what may be published, and delete its codes and all counts.

    Raises DomainError ``survey.closed``, 409.
    """
    check_open(survey)
    published = publish(_count_figures(session, survey))
    if _has_published_beside(session, survey):  # after two suppliers were merged
        published = [PublishedStatement(one.statement, (), tuple(survey.groups)) for one in published]
    survey.published = [
        {
            "statement": one.statement,
            "figures": [
                {"group": figure.group, "answered": figure.answered, "adverse": figure.adverse}
                for figure in one.figures
            ],
            "withheld": list(one.withheld),
        }
        for one in published
    ]
    survey.state, survey.closed_on = CLOSED, act.on
    survey.version += 1
    session.execute(delete(SurveyCode).where(SurveyCode.survey_id == survey.id))
    session.execute(delete(SurveyCount).where(SurveyCount.survey_id == survey.id))
    record_event(session, act.actor.name, "worker_survey.closed", "worker_survey", survey.id)


def _count_figures(session: Session, survey: WorkerSurvey) -> list[Figure]:
    query = select(SurveyCount.group, SurveyCount.statement, SurveyCount.answer, SurveyCount.workers)
    counts = {
        (group, statement, answer): workers
        for group, statement, answer, workers in session.execute(query.where(SurveyCount.survey_id == survey.id))
    }
    form = load_worker_voice_form(survey.form_version)
    opinions = [answer for answer in form.answers if answer not in NO_OPINION]
    return [
        Figure(
            one.id,
            group,
            sum(counts[group, one.id, answer] for answer in opinions),
            sum(counts[group, one.id, answer] for answer in one.adverse_answers),
        )
        for one in form.statements
        for group in survey.groups
    ]


def _has_published_beside(session: Session, survey: WorkerSurvey) -> bool:
    """Return whether figures of another survey of the supplier that was open at the same time were published."""
    return any(
        other.id != survey.id
        and other.opens_on <= survey.closes_on
        and survey.opens_on <= other.closes_on
        and any(one.figures for one in read_published(other))
        for other in list_surveys(session, survey.supplier_id)
    )


def read_published(survey: WorkerSurvey) -> list[PublishedStatement]:
    """Return what was published when a survey was closed, in the order of the statements; nothing of one that is open."""
    return [
        PublishedStatement(
            entry["statement"],
            tuple(Figure(entry["statement"], **figure) for figure in entry["figures"]),
            tuple(entry["withheld"]),
        )
        for entry in survey.published or ()
    ]
