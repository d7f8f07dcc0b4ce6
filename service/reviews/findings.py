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
from functools import cache, cached_property

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
from risk_models.plan import COERCION_CASE, STATE_IMPOSED, compute_due_date
from service.assessment.assess import Batch, assess_batch
from service.assessment.findings import FLOOR_PREFIX, Found, link_steps, list_found
from service.audit import record_event
from service.case_reading.export_json import list_first_steps
from service.clock import now
from service.db.case_tables import StoredCase
from service.db.job_tables import Job
from service.db.remediation_tables import Finding, Step, StepFinding, Transition
from service.db.session import Database
from service.db.tables import WITHOUT_FINDINGS, Result, Supplier, new_id
from service.jobs.kinds import TAKE_FINDINGS
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.queries import stored_results
from service.remediation import findings as finding_service
from service.remediation import steps as step_service
from service.remediation.rules import DONE, Actor, names_workers
from service.remediation.steps import Act
from service.report_content.redaction import filter_own_answers
from service.retaliation.watches import watch_supplier
from service.suppliers.case_evidence import list_findings, to_case_record
from service.suppliers.history import INPUT_CAUSES
from service.suppliers.organisation_models import find_organisation_library

ACTOR = "system:remediation"
CHUNK = 50  # suppliers in one transaction
SHORT = 200  # suppliers that take seconds
OWN_ANSWERS, REPORTED, CASE = "own_answers", "reported", "case"  # source classes
BUYER = "buyer"  # the owner of steps that no supplier sees
SEEN_FROM_NOW = "The supplier's own answers now call for this step, so the supplier can see it from this day on."
WITHHELD_BECAUSE = (
    "State-imposed labour is documented here, and contacting workers or questioning the site could put people at risk."
)
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
    """Run the job, one chunk of suppliers per transaction. Results are recomputed before it: nobody waits for that."""
    state = {"after": "", "suppliers": 0, **claimed.checkpoint}
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(WITHOUT_FINDINGS, Supplier.id > state["after"])
            ids = session.scalars(query.order_by(Supplier.id).limit(CHUNK)).all()
            recomputed = recompute(session, ids)
        if not ids:
            break
        state = {"after": ids[-1], "suppliers": state["suppliers"] + len(ids)}
        with job_transaction(db, claimed, checkpoint=state) as session:
            take_findings(session, recomputed, now())
    with job_transaction(db, claimed, result={"suppliers": state["suppliers"]}):
        pass


@dataclass(frozen=True)
class Recomputed:
    """The newest result of a supplier, what it found, and what the supplier's own copy of it shows."""

    supplier_id: str
    result_id: str
    on: date
    found: Found
    own: Found


def recompute(session: Session, supplier_ids: Collection[str]) -> list[Recomputed]:
    """Recompute the newest results of suppliers."""
    query = select(Supplier).where(Supplier.id.in_(supplier_ids))
    suppliers = {one.id: one for one in session.scalars(query)}
    latest = [one.latest_id for one in suppliers.values()]
    results = session.scalars(select(Result).where(Result.id.in_(latest)).order_by(Result.supplier_id)).all()
    return [
        Recomputed(result.supplier_id, result.id, result.on, found, own)
        for group in stored_results.group_alike(results)
        for result, found, own in zip(
            group,
            list_found(stored_results.reassess_group(group), group[0].on),
            _list_own(group, suppliers),
            strict=True,
        )
    ]


def take_findings(session: Session, recomputed: Iterable[Recomputed], at: datetime) -> None:
    """Take findings and steps from recomputed results and the open cases of their suppliers, in the caller's transaction.

    A supplier that was assessed again in the meantime is left for the next run.
    """
    by_supplier = {one.supplier_id: one for one in recomputed}
    query = select(Supplier).where(Supplier.id.in_(by_supplier)).order_by(Supplier.id).with_for_update()
    for supplier in session.scalars(query).all():
        one = by_supplier[supplier.id]
        if supplier.latest_id == one.result_id:
            taking = _Taking(session, supplier, one.on, at)
            taking.take(one.found, one.own)
            if not one.found.state_imposed:  # its checks ask workers, whom nobody may contact there
                watch_supplier(session, supplier.id, taking.act, has_news=taking.has_heard_workers)
            supplier.findings_of = one.result_id
    session.flush()


def _list_own(group: Sequence[Result], suppliers: Mapping[str, Supplier]) -> list[Found]:
    """Return what the copies of the suppliers show (:func:`service.reporting.report_jobs.build_supplier_copy`)."""
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

    def __init__(self, session: Session, supplier: Supplier, on: date, at: datetime) -> None:
        self.session, self.supplier, self.on = session, supplier, on
        self.act = Act(Actor(ACTOR, None, None), at.date(), at, sees_worker_derived=True)
        self.added = {"findings": 0, "steps": 0, "reopened": 0}
        self.has_heard_workers = False  # something that is known only from workers is new, or is raised again

    def take(self, found: Found, own: Found) -> None:
        """Add what is new, link and reopen what is known, and withhold what would put people at risk."""
        if found.state_imposed:
            self._withhold_where_labour_is_imposed()
        steps, releases = list(found.steps), {action.id: found.release for action, _ in found.steps}
        raised = [self._describe(name, questions, own) for name, questions in found.findings.items()]
        for case in self._list_open_cases():
            raised_by_case, case_steps = self._read_case(case, state_imposed=found.state_imposed)
            raised.append(raised_by_case)
            steps += [step for step in case_steps if step[0].id not in releases]
            releases = {action.id: self._library for action, _ in case_steps} | releases
        if not raised:
            return
        by_name = {name: one.key for one in raised for name in one.names}
        links = link_steps(by_name, tuple(steps))
        findings = self._take_findings(raised)
        called_for = [(action, due) for action, due in steps if action.id in links]
        by_action = self._take_steps(called_for, releases, {action.id: due for action, due in own.steps})
        for action, _ in called_for:
            linked = sorted({by_name[name] for name in links[action.id]})
            self._link(by_action[action.id], [findings[key] for key in linked])
        self.session.flush()
        if any(self.added.values()):
            record_event(self.session, ACTOR, "findings.taken", self.supplier.kind, self.supplier.id, self.added)

    def _withhold_where_labour_is_imposed(self) -> None:
        """Withhold open steps that the library withholds where a state imposes the labour: they were planned before that was
        known, and would reach workers or ask the site (RM-16).
        """
        query = select(Step).where(Step.supplier_id == self.supplier.id, Step.state.not_in((*DONE, "withheld")))
        for step in self.session.scalars(query.order_by(Step.id).with_for_update()):
            if STATE_IMPOSED in step_service.get_action(step).withheld_for:
                step_service.change_state(self.session, step, "withheld", WITHHELD_BECAUSE, self.act, by="assessment")

    def _describe(self, name: str, questions: frozenset[str], own: Found) -> _Raised:
        is_own = name in own.findings
        return _Raised(
            "floor" if name.startswith(FLOOR_PREFIX) else "indicator",
            name.removeprefix(FLOOR_PREFIX),
            frozenset({name}),
            questions,
            worker_derived=not is_own,
            source_class=OWN_ANSWERS if is_own else REPORTED,
            found_on=self.on,
        )

    def _list_open_cases(self) -> Sequence[StoredCase]:
        about = StoredCase.supplier_id == self.supplier.id, StoredCase.state == "open"
        return sorted(self.session.scalars(select(StoredCase).where(*about)), key=lambda case: case.number)

    def _read_case(self, case: StoredCase, *, state_imposed: bool) -> tuple[_Raised, Steps]:
        """Return the finding of a case, and the steps that it calls for at once."""
        recorded = list_findings(self.session, [case]).get(case.id, ())
        reading = read_case(to_case_record(case, recorded).case, self.act.on, find_case_rules_in_force(self.act.on))
        names = {f"{FLOOR_PREFIX}case_{reading.strength}", *((COERCION_CASE,) if reading.urgent else ())}
        days = sorted(finding.found_on for finding in recorded if finding.found_on and len(finding.found_on) == 10)
        found_on = date.fromisoformat(days[0]) if days else case.created_at.date()
        raised = _Raised(CASE, case.id, frozenset(names), ANY_QUESTION, True, CASE, found_on, case.id)
        first = list_first_steps(reading, self._library, state_imposed=state_imposed)
        start = case.strength_since.date()
        return raised, [(action, compute_due_date(start, days)) for action, days in first]

    @cached_property
    def _library(self) -> str:
        """Return the release of the action library for the steps of cases."""
        return find_organisation_library(self.session, self.act.on)

    def _take_findings(self, raised: Iterable[_Raised]) -> dict[tuple[str, str], Finding]:
        """Return the finding of each that is raised, by its key: the known one, or a new one."""
        query = select(Finding).where(Finding.supplier_id == self.supplier.id)
        stored = self.session.scalars(query.order_by(Finding.created_at, Finding.id).with_for_update()).all()
        findings = {(finding.kind, finding.about): finding for finding in stored}
        for one in raised:
            known = findings.get(one.key)
            if known is None:
                findings[one.key] = self._add_finding(one)
            else:
                self._raise_again(known, one)
        self.session.flush()
        return findings

    def _add_finding(self, raised: _Raised) -> Finding:
        finding = Finding(
            id=new_id(),
            supplier_id=self.supplier.id,
            record_id=self.supplier.id,
            kind=raised.kind,
            about=raised.about,
            case_id=raised.case_id,
            source_class=raised.source_class,
            found_on=raised.found_on,
            raised_on=self.on,
            worker_derived=raised.worker_derived,
            created_by=ACTOR,
            created_at=self.act.at,
            updated_at=self.act.at,
        )
        self.session.add(finding)
        self.added["findings"] += 1
        self.has_heard_workers |= finding.worker_derived
        return finding

    def _raise_again(self, known: Finding, raised: _Raised) -> None:
        known.raised_on = max(known.raised_on, self.on)
        if known.worker_derived and not raised.worker_derived:
            known.worker_derived, known.source_class = False, raised.source_class
        if known.state in ("remedied", "closed") and self._brings_news(known, raised):
            finding_service.change_state(self.session, known, "reopened", None, self.act, by="assessment")
            self.added["reopened"] += 1
            self.has_heard_workers |= known.worker_derived

    def _brings_news(self, finding: Finding, raised: _Raised) -> bool:
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

    def _take_steps(self, called_for: Steps, releases: Mapping[str, str], own: Mapping[str, date]) -> dict[str, Step]:
        """Return the step of each action that is called for: the known one, or a new one.

        ``own``: when the actions that the supplier's own answers call for are due. Its steps are due then, since an earlier day
        would tell it that somebody has reported something. The buyer's own steps are due as the whole assessment says.
        """
        query = select(Step).where(Step.supplier_id == self.supplier.id)
        stored = self.session.scalars(query.order_by(Step.created_at, Step.id).with_for_update()).all()
        steps = {step.action: step for step in stored}
        for action, due in called_for:
            known = steps.get(action.id)
            if known is None:
                day = due if action.owner == BUYER else own.get(action.id, due)
                steps[action.id] = self._add_step(action, day, releases[action.id], worker_derived=action.id not in own)
            elif action.id in own and known.worker_derived:
                self._show(known, own[action.id])
        self.session.flush()
        return steps

    def _show(self, step: Step, due: date) -> None:
        """Let the supplier see a step that its own answers call for now, due when these say unless somebody set another day."""
        step.worker_derived = False
        moves = select(Transition.id).where(Transition.step_id == step.id, Transition.field == "due")
        if step.party != BUYER and step.due != due and self.session.scalars(moves).first() is None:
            before, step.due = step.due, due
            step_service.record_change(
                self.session, step, "due", before.isoformat(), due.isoformat(), SEEN_FROM_NOW, self.act
            )

    def _add_step(self, action: Action, due: date, release: str, *, worker_derived: bool) -> Step:
        step = Step(
            id=new_id(),
            supplier_id=self.supplier.id,
            record_id=self.supplier.id,
            action=action.id,
            actions_release=release,
            actions_digest=_find_digest(release),
            party=action.owner,
            due=due,
            state="planned",
            safety=action.safety,
            needs_workers=names_workers(action),
            worker_derived=worker_derived,
            created_by=ACTOR,
            created_at=self.act.at,
            updated_at=self.act.at,
        )
        self.session.add(step)
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


@cache
def _find_digest(release: str) -> str:
    """Return the digest of a release of the action library; "" for one that is not released yet."""
    return next((digest for digest, version in get_action_releases().items() if version == release), "")
