"""Build reports from stored results: the internal report, a supplier's copy, and what has changed since an earlier day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH
from reports.document import CLOSED, LEVELS, Changes, Detail, Level, LevelChange, Report
from risk_models.facts.facts import load_facts
from service.assessment.assess import assess_batch
from service.buyer import own_practices
from service.clock import now, today
from service.db.exit_tables import ExitPaper
from service.db.import_tables import Import
from service.db.remediation_tables import Step as StoredStep
from service.db.remediation_tables import Transition
from service.db.session import chunks
from service.db.tables import Organisation, Result, Supplier
from service.errors import DomainError
from service.queries import stored_results
from service.queries.progress import load_progress
from service.queries.progress_charts import build_progress_part
from service.referrals.readiness import load_gate
from service.remediation import replies
from service.report_content.build import MAX_DETAILS, build_report
from service.report_content.redaction import redact_report, with_supplier_visible_plan
from service.report_content.supplier_copy import build_copy, build_own_batch
from service.translations.review import load_texts

# What a supplier reads about a step in each state. Whether workers confirm or contradict its evidence shows in none of these, as
# that would reveal that they were asked; a step that was only planned, or is withheld, is still proposed. One that was reopened
# is shown as before, until a user starts it again.
STATUS = {
    "agreed": "Agreed",
    "in_progress": "In progress",
    "evidence_in": "Evidence received",
    "verified": "Evidence received",
    "rejected": "Evidence received",
    "closed": CLOSED,
}


def find_changes(session: Session, supplier_ids: Sequence[str], since: date) -> Changes:
    """Return which suppliers have moved to another level since a day, the worst now first, how many were not there then, and how
    many have fallen without a known cause.
    """
    before: dict[str, Level] = {}
    now_: dict[str, tuple[str, Level]] = {}
    unexplained = 0
    for chunk in chunks(supplier_ids):
        then = select(Result.supplier_id, Result.level).where(Result.supplier_id.in_(chunk), Result.on <= since)
        before.update((row.supplier_id, row.level) for row in session.execute(then.order_by(Result.created_at)))
        latest = select(Supplier.id, Supplier.name, Result.level).join(Result, Supplier.latest_id == Result.id)
        now_.update((row.id, (row.name, row.level)) for row in session.execute(latest.where(Supplier.id.in_(chunk))))
        fallen = select(func.count()).where(Supplier.id.in_(chunk), Supplier.fell_on > since)
        unexplained += session.scalar(fallen) or 0
    moved = [
        LevelChange(name, before[id_], level) for id_, (name, level) in now_.items() if before.get(id_, level) != level
    ]
    moved.sort(key=lambda change: (LEVELS.index(change.now), change.name))
    return Changes(since, tuple(moved), added=len(now_.keys() - before.keys()), unexplained=unexplained)


def build_internal_report(session: Session, supplier_ids: Sequence[str], *, worker_derived: bool = True) -> Report:
    """Build the internal report on the latest results of some suppliers, each as of its own day.

    Steps that contact workers are withheld until the referral directory is ready. ``worker_derived``: whether the report includes
    what workers reported. Raises DomainError ``report.empty``.
    """
    results = _load_latest_results(session, supplier_ids)
    if not results:
        raise DomainError("report.empty", 422, "No suppliers match this report.")
    on = max(result.on for result in results)
    assessed = [stored_results.reassess_group(group) for group in stored_results.group_alike(results)]
    if not worker_derived:
        assessed = [with_supplier_visible_plan(batch) for batch in assessed]
    gate = load_gate(session, today())
    gated = [gate.apply(batch) for batch in assessed]
    organisation = session.get_one(Organisation, results[0].organisation_id)
    files = _list_source_files(session, results)
    report = build_report([each.assessed for each in gated], load_facts().as_of(on), on, files, (), organisation.name)
    # Details come from the stored results: a report on one supplier then knows the scores that its agencies had.
    by_supplier = {result.supplier_id: result for result in results}
    details = tuple(
        stored_results.build_detail(by_supplier[i], gate) for i in supplier_ids[:MAX_DETAILS] if i in by_supplier
    )
    withheld = gate.describe(place for each in gated for place in each.places)
    title = report.results[0].name if len(results) == 1 else organisation.name
    draft = replies.get_draft_mark(session, by_supplier, now())
    exits = _list_waiting_exits(session, by_supplier)
    report = replace(
        report, details=details, title=title, sender=organisation.name, draft=draft, withheld=withheld, exits=exits
    )
    return report if worker_derived else redact_report(report)


def _list_waiting_exits(session: Session, supplier_ids: Collection[str]) -> tuple[str, ...]:
    """Return the names of the suppliers of a report whose exit papers wait for an approver."""
    waiting = select(Supplier.id, Supplier.name).join(ExitPaper, ExitPaper.supplier_id == Supplier.id)
    rows = session.execute(waiting.where(ExitPaper.state == "submitted").order_by(ExitPaper.submitted_at, Supplier.id))
    return tuple(name for id_, name in rows if id_ in supplier_ids)


def build_supplier_copy(session: Session, supplier_id: str, language: str = ENGLISH) -> Report:
    """Build the copy for a supplier: its latest result as it would be from the supplier's own answers alone, with the state of
    its steps, in a language.

    Steps that contact workers are withheld as in an internal report. Raises DomainError ``report.empty``.
    """
    results = _load_latest_results(session, [supplier_id])
    if not results:
        raise DomainError("report.empty", 422, "No suppliers match this report.")
    result = results[0]
    model, facts = stored_results.find_model_and_facts(result)
    form_answers = session.get_one(Supplier, supplier_id).form_answers
    batch = build_own_batch(model.kind, result.answers, form_answers)
    assessed = assess_batch(batch, facts, result.on, {}, stored_results.list_models_released_with(model))
    sender = session.get_one(Organisation, result.organisation_id).name
    copy = build_copy(assessed, facts, result.on, load_gate(session, today()), sender, load_texts(session, language))
    details = tuple(_with_status(session, supplier_id, detail) for detail in copy.details)
    return replace(copy, details=details, draft=replies.get_draft_mark(session, [supplier_id], now()))


def _with_status(session: Session, supplier_id: str, detail: Detail) -> Detail:
    """Return the explanation of a result whose steps say how far they have got, with the day that was agreed for them.

    Only steps that follow from the supplier's own answers are in it, and steps that rest on workers' words are not read.
    """
    query = select(StoredStep).where(StoredStep.supplier_id == supplier_id, StoredStep.worker_derived.is_(False))
    stored = [(step, _get_shown_state(session, step)) for step in session.scalars(query)]
    agreed = {step.action: (STATUS[state], step.due) for step, state in stored if state in STATUS}
    steps = tuple(
        replace(step, status=agreed[step.action][0], due=agreed[step.action][1], within_hours=None)
        if step.action in agreed
        else step
        for step in detail.steps
    )
    return replace(detail, steps=steps)


def _get_shown_state(session: Session, step: StoredStep) -> str:
    """Return the state of a step as its supplier sees it: of one that was reopened, the state before."""
    if step.state != "reopened":
        return step.state
    reopened = select(Transition.from_value).where(Transition.step_id == step.id, Transition.to_value == "reopened")
    return session.scalars(reopened.order_by(Transition.at.desc()).limit(1)).first() or "verified"


def add_own_practices(session: Session, report: Report) -> Report:
    """Return a portfolio report with the findings on the buyer's own practices as of today. Not for a supplier's copy."""
    findings, steps = own_practices.build_report_lines(own_practices.list_units(session, today()))
    return replace(report, buyer=findings, buyer_plan=steps)


def add_progress(session: Session, report: Report, *, worker_derived: bool) -> Report:
    """Return a report on the whole portfolio with how it has developed over the past year, as far as its readers may see it."""
    found = load_progress(session, now().date(), sees_worker_derived=worker_derived)
    return replace(report, progress=build_progress_part(found))


def _load_latest_results(session: Session, supplier_ids: Sequence[str]) -> list[Result]:
    latest: dict[str, Result] = {}
    for chunk in chunks(supplier_ids):
        query = select(Result).join(Supplier, Supplier.latest_id == Result.id).where(Supplier.id.in_(chunk))
        latest.update({result.supplier_id: result for result in session.scalars(query)})
    return [latest[i] for i in supplier_ids if i in latest]


def _list_source_files(session: Session, results: Sequence[Result]) -> list[Mapping[str, Any]]:
    """Return the files that the results were read from, each with its number of results."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        if result.import_id:
            counts[result.import_id, str(result.place.get("file", ""))] += 1
    imports = {i.id: i for i in session.scalars(select(Import).where(Import.id.in_({key[0] for key in counts})))}
    files: list[Mapping[str, Any]] = []
    for (import_id, name), rows in counts.items():
        preview = imports[import_id].found if import_id in imports else None
        file = next((f for f in (preview or {}).get("files", ()) if f["name"] == name), None)
        if file is not None:
            files.append({**file, "rows": rows, "accepted": rows, "rejected": 0})
    return files
