"""Take findings and proposed steps from the newest assessment of each supplier and from its open cases (a job).

The scheduler queues it for suppliers whose newest assessment has not been looked at: after each assessment, and once for all of
them after the upgrade that brought remediation. What is known already is linked and never added again, and nothing is closed.
What was put right and is raised again by something that came in since is reopened, with its steps.

A finding is known from workers unless the supplier's own copy of its assessment shows it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from risk_models.action_library import Action
from risk_models.action_releases import get_action_releases
from risk_models.answers import from_rows
from risk_models.cases.readings import read_case
from risk_models.cases.rules import find_case_rules_in_force
from risk_models.facts.facts import load_facts
from risk_models.model import get_model_version
from risk_models.plan import COERCION_CASE, compute_due_date
from service.assessment.assess import Batch, assess_batch
from service.assessment.findings import FLOOR_PREFIX, Found, link_steps, list_found
from service.audit import record_event
from service.case_reading.export_json import list_first_steps
from service.clock import now
from service.db.case_tables import StoredCase
from service.db.remediation_tables import Finding, Step, StepFinding, Transition
from service.db.session import Database
from service.db.tables import WITHOUT_FINDINGS, Job, Result, Supplier, new_id
from service.jobs.kinds import TAKE_FINDINGS
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.queries import stored_results
from service.remediation import findings as finding_service
from service.remediation import steps as step_service
from service.remediation.rules import DONE, Actor, names_workers
from service.remediation.steps import Act
from service.report_content.redaction import filter_own_answers
from service.suppliers.case_evidence import list_findings, to_case_record
from service.suppliers.history import INPUT_CAUSES
from service.suppliers.organisation_models import find_organisation_library

ACTOR = "system:remediation"
CHUNK = 100  # suppliers in one transaction
SHORT = 200  # suppliers that take seconds
OWN_ANSWERS, REPORTED, CASE = "own_answers", "reported", "case"  # source classes
ANY_QUESTION: frozenset[str] = frozenset()  # of a case, which no answer raises

Steps = Sequence[tuple[Action, date]]


def queue_findings(db: Database) -> list[str]:
    """Queue the job for each organisation that has suppliers to look at and no such job; return the ids of the jobs."""
    with db.unscoped(write=False) as session:
        query = select(Supplier.organisation_id, func.count()).where(WITHOUT_FINDINGS)
        waiting = session.execute(query.group_by(Supplier.organisation_id)).all()
    jobs = []
    for organisation_id, suppliers in waiting:
        with db.for_organisation(organisation_id) as session:
            unfinished = select(Job.id).where(Job.kind == TAKE_FINDINGS, Job.state.in_(("queued", "running")))
            if session.scalars(unfinished).first() is None:
                jobs.append(enqueue(session, TAKE_FINDINGS, {}, ACTOR, short=suppliers <= SHORT).id)
    return jobs


def take_all_findings(db: Database, claimed: ClaimedJob) -> None:
    """Run the job, one chunk of suppliers per transaction."""
    state = {"after": "", "suppliers": 0, **claimed.checkpoint}
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(WITHOUT_FINDINGS, Supplier.id > state["after"])
            ids = session.scalars(query.order_by(Supplier.id).limit(CHUNK)).all()
        if not ids:
            break
        state = {"after": ids[-1], "suppliers": state["suppliers"] + len(ids)}
        with job_transaction(db, claimed, checkpoint=state) as session:
            take_findings(session, ids, now())
    with job_transaction(db, claimed, result={"suppliers": state["suppliers"]}):
        pass


def take_findings(session: Session, supplier_ids: Collection[str], at: datetime) -> None:
    """Take findings and steps from the newest results and the open cases of suppliers, in the caller's transaction."""
    query = select(Supplier).where(Supplier.id.in_(supplier_ids)).order_by(Supplier.id).with_for_update()
    suppliers = {one.id: one for one in session.scalars(query.execution_options(populate_existing=True))}
    latest = [one.latest_id for one in suppliers.values()]
    results = session.scalars(select(Result).where(Result.id.in_(latest)).order_by(Result.supplier_id)).all()
    for group in stored_results.group_alike(results):
        in_full = list_found(stored_results.reassess_group(group), group[0].on)
        own = _list_own(group, suppliers)
        for result, found, found_by_itself in zip(group, in_full, own, strict=True):
            supplier = suppliers[result.supplier_id]
            _Taking(session, supplier, result, at).take(found, found_by_itself)
            supplier.findings_of = result.id
    session.flush()


def _list_own(group: Sequence[Result], suppliers: Mapping[str, Supplier]) -> list[Found]:
    """Return what the copies of the suppliers show (:func:`service.report_jobs.build_supplier_copy`)."""
    on, model = group[0].on, get_model_version(group[0].model, group[0].model_version)
    rows = [
        filter_own_answers(model.kind, result.answers, suppliers[result.supplier_id].form_answers) for result in group
    ]
    batch = Batch(model.kind, from_rows(rows), "", "", np.zeros(len(rows), dtype=np.intp))
    models = stored_results.list_models_released_with(model)
    return list_found(assess_batch(batch, load_facts().as_of(on), on, {}, models), on)


@dataclass(frozen=True)
class _Raised:
    """A finding as an assessment or a case raises it. ``names``: those by which actions address it."""

    kind: str
    about: str
    names: frozenset[str]
    questions: frozenset[str]
    worker_derived: bool
    source_class: str
    found_on: date
    case_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.about


class _Taking:
    """Taking what was found at one supplier, whose row is locked."""

    def __init__(self, session: Session, supplier: Supplier, result: Result, at: datetime) -> None:
        self.session, self.supplier, self.result = session, supplier, result
        self.act = Act(Actor(ACTOR, None, None), at.date(), at, sees_worker_derived=True)
        self.added = {"findings": 0, "steps": 0, "reopened": 0}

    def take(self, found: Found, own: Found) -> None:
        """Add what is new, and link and reopen what is known."""
        steps, own_steps = list(found.steps), {action.id for action, _ in own.steps}
        raised = [
            _Raised(
                "floor" if name.startswith(FLOOR_PREFIX) else "indicator",
                name.removeprefix(FLOOR_PREFIX),
                frozenset({name}),
                questions,
                name not in own.findings,
                OWN_ANSWERS if name in own.findings else REPORTED,
                self.result.on,
            )
            for name, questions in found.findings.items()
        ]
        for case in self._list_open_cases():
            raised_by_case, case_steps = self._read_case(case)
            raised.append(raised_by_case)
            known = {action.id for action, _ in steps}
            steps += [step for step in case_steps if step[0].id not in known]
        if not raised:
            return
        findings = {one.key: self._add_or_link(one) for one in raised}
        by_name = {name: one.key for one in raised for name in one.names}
        links = link_steps(by_name, tuple(steps))
        for action, due in steps:
            if action.id in links:
                linked = {by_name[name] for name in links[action.id]}
                step = self._add_step(action, due, found.release, worker_derived=action.id not in own_steps)
                self._link(step, [findings[key] for key in sorted(linked)])
        if any(self.added.values()):
            record_event(self.session, ACTOR, "findings.taken", self.supplier.kind, self.supplier.id, self.added)

    def _list_open_cases(self) -> Sequence[StoredCase]:
        about = StoredCase.supplier_id == self.supplier.id, StoredCase.state == "open"
        return self.session.scalars(select(StoredCase).where(*about).order_by(StoredCase.key)).all()

    def _read_case(self, case: StoredCase) -> tuple[_Raised, Steps]:
        """Return the finding of a case, and the steps that it calls for at once."""
        recorded = list_findings(self.session, [case]).get(case.id, ())
        reading = read_case(to_case_record(case, recorded).case, self.act.on, find_case_rules_in_force(self.act.on))
        names = {f"{FLOOR_PREFIX}case_{reading.strength}", *((COERCION_CASE,) if reading.urgent else ())}
        days = sorted(finding.found_on for finding in recorded if finding.found_on and len(finding.found_on) == 10)
        found_on = date.fromisoformat(days[0]) if days else case.created_at.date()
        raised = _Raised("case", case.id, frozenset(names), ANY_QUESTION, True, CASE, found_on, case.id)
        library = find_organisation_library(self.session, self.act.on)
        start = case.strength_since.date()
        return raised, [(action, compute_due_date(start, days)) for action, days in list_first_steps(reading, library)]

    def _add_or_link(self, raised: _Raised) -> Finding:
        query = select(Finding).where(
            Finding.supplier_id == self.supplier.id, Finding.kind == raised.kind, Finding.about == raised.about
        )
        known = self.session.scalars(query.order_by(Finding.created_at.desc(), Finding.id).with_for_update()).first()
        if known is None:
            return self._add_finding(raised)
        known.raised_on = max(known.raised_on, self.result.on)
        if not raised.worker_derived and known.worker_derived:
            known.worker_derived, known.source_class = False, raised.source_class
        if known.state in ("remedied", "closed") and self._is_raised_again(known, raised):
            finding_service.change_state(self.session, known, "reopened", None, self.act, by="assessment")
            self.added["reopened"] += 1
        return known

    def _add_finding(self, raised: _Raised) -> Finding:
        finding = Finding(
            id=new_id(),
            supplier_id=self.supplier.id,
            record_id=self.supplier.id,
            kind=raised.kind,
            about=raised.about,
            case_id=raised.case_id,
            cohort_key="",
            source_class=raised.source_class,
            found_on=raised.found_on,
            raised_on=self.result.on,
            worker_derived=raised.worker_derived,
            state="open",
            version=1,
            created_by=ACTOR,
            created_at=self.act.at,
            updated_at=self.act.at,
        )
        self.session.add(finding)
        self.session.flush()
        self.added["findings"] += 1
        return finding

    def _is_raised_again(self, finding: Finding, raised: _Raised) -> bool:
        """Return whether something that came in since a finding was put right raises it: answers to its questions, or a case
        that is open.
        """
        if raised.kind == CASE:
            return True
        last = select(func.max(Transition.at)).where(Transition.finding_id == finding.id, Transition.field == "state")
        since = self.session.scalar(last) or finding.updated_at
        newer = select(Result.given).where(
            Result.supplier_id == self.supplier.id, Result.created_at > since, Result.cause.in_(INPUT_CAUSES)
        )
        return any(given is None or not raised.questions.isdisjoint(given) for given in self.session.scalars(newer))

    def _add_step(self, action: Action, due: date, release: str, *, worker_derived: bool) -> Step:
        known = self.session.scalars(
            select(Step)
            .where(Step.supplier_id == self.supplier.id, Step.action == action.id)
            .order_by(Step.created_at.desc(), Step.id)
            .with_for_update()
        ).first()
        if known is not None:
            known.worker_derived = known.worker_derived and worker_derived
            return known
        step = Step(
            id=new_id(),
            supplier_id=self.supplier.id,
            record_id=self.supplier.id,
            action=action.id,
            actions_release=release or find_organisation_library(self.session, self.act.on),
            actions_digest="",
            party=action.owner,
            due=due,
            state="planned",
            safety=action.safety,
            needs_workers=names_workers(action),
            worker_derived=worker_derived,
            version=1,
            created_by=ACTOR,
            created_at=self.act.at,
            updated_at=self.act.at,
        )
        step.actions_digest = _find_digest(step.actions_release)
        self.session.add(step)
        self.session.flush()
        self.added["steps"] += 1
        return step

    def _link(self, step: Step, findings: Iterable[Finding]) -> None:
        """Link a step to findings. One that is done already is needed again where a finding is new to it."""
        linked = set(self.session.scalars(select(StepFinding.finding_id).where(StepFinding.step_id == step.id)))
        new = [finding for finding in findings if finding.id not in linked]
        if new and step.state in DONE:
            step_service.change_state(self.session, step, "reopened", None, self.act, by="finding")
            self.added["reopened"] += 1
        self.session.add_all(StepFinding(step_id=step.id, finding_id=finding.id) for finding in new)
        self.session.flush()


@cache
def _find_digest(release: str) -> str:
    """Return the digest of a release of the action library; "" for one that is not released yet."""
    return next((digest for digest, version in get_action_releases().items() if version == release), "")
