"""Undo an import: what it created goes, what it changed returns, and what was edited since stays and is listed.

The results of a supplier are its history: the one before the import holds the answers to return to, and those after it say
which answers somebody has given since (``Result.given``). So nothing further is stored when an import is made, and what is
erased with a supplier cannot come back. Assessments made in between stay as records; a new one supersedes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db import change_feed
from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase
from service.db.exit_tables import ExitPaper
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.redress_tables import RemedyAccount
from service.db.remediation_tables import Finding, PlanVersion, Reply, Step
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import Database, chunks
from service.db.tables import MergedKey, QuestionnaireRequest, Result, Supplier
from service.db.watchlist_tables import WatchlistMatch
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.imports import editions
from service.imports.cases import contains_cases
from service.jobs.kinds import UNDO_IMPORT
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.suppliers import repository as suppliers
from service.suppliers.agency_links import get_name_keys, queue_reassessment_of_users
from service.suppliers.history import INPUT_CAUSES, keep_age, list_changed, list_edited, replay, return_answers
from service.suppliers.identity import IDENTITY, PLACE, find_suppliers, is_place_key, rekey, supplier_key
from service.suppliers.merge_rules import RiskLookup, get_risk_lookup
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.stored_answers import recheck_merged
from service.watchlists.lists import request_screening

PERIOD = timedelta(days=30)  # after its end, in which an import can be undone
CHUNK = 200  # suppliers in one transaction
SHORT_ROWS = 500  # an import of so many rows is undone in seconds
MAX_LISTED = 1000  # suppliers that are listed because something of them stays; the others are counted
FINISHED = ("done", "failed", "cancelled")
CAUSE = "undo"  # of the assessment that supersedes those made since the import

Fate = Literal["removed", "restored", "kept", "unchanged"]


class _Verdict(NamedTuple):
    """What becomes of a supplier: its answers if they change, the questions in which it was edited since, and why it stays."""

    fate: Fate
    answers: dict[str, Any]
    questions: tuple[str, ...] = ()
    reason: str = ""


def get_deadline(import_: Import) -> datetime:
    """Return until when an import can be undone."""
    return (import_.finished_at or import_.created_at) + PERIOD


def can_be_undone(import_: Import, at: datetime) -> bool:
    """Return whether an import can be undone at a moment."""
    is_open = import_.undo is None and import_.state in FINISHED and at <= get_deadline(import_)
    return is_open and not contains_cases(import_)


def request_undo(session: Session, import_id: str, at: datetime, by: str) -> Import:
    """Request that an import be undone by a job. Raises DomainError: ``not_found``; ``undo.state``, ``undo.cases``,
    ``undo.too_late``, 409.
    """
    import_ = session.scalars(select(Import).where(Import.id == import_id).with_for_update()).first()
    if import_ is None:
        raise DomainError("not_found", 404, "Import not found.")
    if import_.undo is not None:
        raise DomainError("undo.state", 409, "This import has already been undone, or is being undone.")
    if import_.state not in FINISHED:
        raise DomainError("undo.state", 409, f"The import is {import_.state}; only a finished import can be undone.")
    if contains_cases(import_):
        raise DomainError(
            "undo.cases",
            409,
            "This import contains case records. First delete each of them on its own page, giving a reason.",
        )
    if at > get_deadline(import_):
        raise DomainError("undo.too_late", 409, f"An import can be undone only within {PERIOD.days} days of finishing.")
    import_.undo = {"state": "running", "requested_at": at.isoformat(), "finished_at": None, **_count_nothing()}
    enqueue(session, UNDO_IMPORT, {"import_id": import_.id}, by, short=import_.accepted <= SHORT_ROWS)
    record_event(session, by, "import.undo_requested", "import", import_.id, {})
    return import_


def _count_nothing() -> dict[str, Any]:
    return {"removed": 0, "restored": 0, "kept_total": 0, "kept": []}


def undo_import(db: Database, claimed: ClaimedJob) -> None:
    """Run the job that undoes an import, in chunks that are undone whole or not at all."""
    import_id = claimed.payload["import_id"]
    checkpoint = {"after": "", **_count_nothing(), **claimed.payload.get("continued", {}), **claimed.checkpoint}
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            ids = _list_touched(session, import_id, checkpoint["after"])
        if not ids:
            break
        done = dict(checkpoint)
        with job_transaction(db, claimed, checkpoint=done) as session:
            _undo_chunk(session, import_id, ids, done, claimed.actor)
            done["after"] = ids[-1]
        checkpoint = done
    counts = {name: checkpoint[name] for name in ("removed", "restored", "kept_total")}
    with job_transaction(db, claimed, result=counts) as session:
        import_ = session.get(Import, import_id)
        session.execute(delete(BuyerAnswers).where(BuyerAnswers.import_id == import_id))
        if import_ is not None and import_.undo is not None:
            outcome = {"state": "done", "finished_at": now().isoformat(), "kept": checkpoint["kept"], **counts}
            import_.undo = {**import_.undo, **outcome}
            editions.take_back(session, import_)
        record_event(session, claimed.actor, "import.undone", "import", import_id, counts)


def has_begun(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether the job has undone anything: it is then finished, not given up."""
    return bool(checkpoint.get("after"))


def on_failure(session: Session, job: Job) -> None:
    """End an undo that failed or was cancelled: one that has not begun may be requested again, any other goes on."""
    import_ = session.get(Import, job.payload["import_id"])
    if has_begun(job.checkpoint) or has_begun(job.payload.get("continued", {})):
        continued = {**job.payload.get("continued", {}), **job.checkpoint}
        enqueue(session, UNDO_IMPORT, {**job.payload, "continued": continued}, job.created_by)
    elif import_ is not None:
        import_.undo = None


def _list_touched(session: Session, import_id: str, after: str) -> Sequence[str]:
    """List the suppliers that an import saved, in the order of their ids."""
    query = select(Result.supplier_id).where(Result.import_id == import_id, Result.supplier_id > after)
    return session.scalars(query.distinct().order_by(Result.supplier_id).limit(CHUNK)).all()


def _undo_chunk(session: Session, import_id: str, ids: Sequence[str], counts: dict[str, Any], by: str) -> None:
    at = now()
    # Locked, so that a list or a person that brings answers meanwhile comes before or after.
    locked = select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.id).with_for_update()
    found = session.scalars(locked).all()
    histories: dict[str, list[Result]] = {}
    for result in session.scalars(
        select(Result).where(Result.supplier_id.in_(ids)).order_by(Result.created_at, Result.id)
    ):
        histories.setdefault(result.supplier_id, []).append(result)
    in_use, undone = _list_in_use(session, ids), _list_undone(session, import_id, histories)
    on, models = at.date(), list_organisation_models(session, at.date())
    lookups = {kind: get_risk_lookup(kind, on, models) for kind in ("agency", "site")}
    verdicts = [
        (one, _judge(one, histories[one.id], import_id, undone, in_use, on, lookups[one.kind])) for one in found
    ]
    _remove(session, [one for one, verdict in verdicts if verdict.fate == "removed"], import_id, at, by)
    for kind in ("agency", "site"):
        changed = [(one, verdict) for one, verdict in verdicts if one.kind == kind and verdict.fate == "restored"]
        if changed:
            _restore(session, kind, changed, histories, import_id, at, by)
    counts["removed"] += sum(verdict.fate == "removed" for _, verdict in verdicts)
    counts["restored"] += sum(verdict.fate == "restored" for _, verdict in verdicts)
    kept = [(one, verdict) for one, verdict in verdicts if verdict.questions or verdict.reason]
    counts["kept_total"] += len(kept)
    listed = [
        {
            "supplier_id": one.id,
            "kind": one.kind,
            "reason": verdict.reason or "edited",
            "questions": list(verdict.questions),
        }
        for one, verdict in kept
    ]
    counts["kept"] = [*counts["kept"], *listed][:MAX_LISTED]


def _list_undone(session: Session, import_id: str, histories: Mapping[str, Sequence[Result]]) -> set[str]:
    """Return the other imports in some histories that were undone, too: what they brought must not return."""
    ids = {result.import_id for history in histories.values() for result in history} - {None, import_id}
    found: set[str] = set()
    for chunk in chunks(sorted(filter(None, ids))):
        found.update(session.scalars(select(Import.id).where(Import.id.in_(chunk), Import.undo.is_not(None))))
    return found


def _list_in_use(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Return which suppliers somebody has worked with beyond their answers, each with the reason why it stays."""
    uses = (
        ("questionnaire", QuestionnaireRequest.supplier_id, ()),
        ("case", StoredCase.supplier_id, ()),
        ("match", WatchlistMatch.supplier_id, (WatchlistMatch.state != "open",)),
        ("merged", MergedKey.supplier_id, ()),
        ("remediation", Finding.supplier_id, (Finding.version > 1,)),
        ("remediation", Step.supplier_id, (Step.version > 1,)),
        ("remediation", PlanVersion.supplier_id, ()),
        ("remediation", Reply.supplier_id, ()),
        ("remediation", RemedyAccount.supplier_id, ()),
        ("remediation", RetaliationWatch.supplier_id, (RetaliationWatch.version > 1,)),
        ("remediation", ExitPaper.supplier_id, ()),
        ("remediation", WorkerSurvey.supplier_id, ()),
    )
    in_use: dict[str, str] = {}
    for reason, column, conditions in uses:
        for supplier_id in session.scalars(select(column).where(column.in_(ids), *conditions)):
            in_use.setdefault(str(supplier_id), reason)
    return in_use


def _judge(
    supplier: Supplier,
    history: Sequence[Result],
    import_id: str,
    undone: Collection[str],
    in_use: Mapping[str, str],
    on: date,
    lookup: RiskLookup,
) -> _Verdict:
    """Decide what becomes of a supplier that an import saved. ``undone``: other imports that were undone."""
    own = [position for position, result in enumerate(history) if result.import_id == import_id]
    until, since, current = history[: own[0]], history[own[-1] + 1 :], dict(supplier.answers)
    after, before = history[own[-1]], next((one for one in reversed(until) if one.import_id not in undone), None)
    is_whole = supplier.created_at == history[0].created_at
    created = is_whole and before is None
    if any(result.cause == "merge" for result in since):
        return _Verdict("kept", current, reason="merged")
    if not is_whole and (before is None or any(result.import_id in undone for result in until)):
        return _Verdict("kept", current, reason="history")
    edited = list_edited([after, *since], undone)
    if created and not any(result.cause in INPUT_CAUSES and result.import_id not in undone for result in since):
        reason = "edited" if edited else in_use.get(supplier.id, "")
        if reason:
            return _Verdict("kept", current, tuple(sorted(edited & set(lookup.questions))), reason)
        return _Verdict("removed", current)
    earlier = replay(until, undone)
    brought = list_changed(earlier, after.answers)
    returning = brought - edited - (set(IDENTITY + PLACE) if created else set())
    questions = tuple(sorted(brought & edited & set(lookup.questions)))
    if not returning:
        return _Verdict("kept" if questions else "unchanged", current, questions)
    returned = keep_age(return_answers(current, earlier, returning), before, lookup)
    restored = recheck_merged(supplier.kind, returned, on)
    return _Verdict("restored", restored, questions)


def _restore(
    session: Session,
    kind: str,
    changed: Sequence[tuple[Supplier, _Verdict]],
    histories: Mapping[str, Sequence[Result]],
    import_id: str,
    at: datetime,
    by: str,
) -> None:
    """Save suppliers with the answers they return to, and assess them."""
    for supplier, verdict in changed:
        returned = supplier.answers.get("form_returned")
        if returned and verdict.answers.get("form_returned") != returned:
            _take_form_back(session, supplier, histories[supplier.id], verdict, str(returned))
    incoming = [
        suppliers.IncomingSupplier(verdict.answers, histories[supplier.id][-1].place, supplier.key)
        for supplier, verdict in changed
    ]
    earlier_keys = _list_earlier_keys(changed)
    suppliers.save_suppliers(session, kind, incoming, suppliers.Origin(at.date(), at, by, CAUSE))
    _take_numbers_back(session, kind, earlier_keys)
    change_feed.write_all(session, "restored", [(one.id, {"import": import_id}) for one, _ in changed], at)
    request_screening(session, by, supplier_ids=[one.id for one, _ in changed])


def _list_earlier_keys(changed: Sequence[tuple[Supplier, _Verdict]]) -> dict[str, str]:
    """Return the keys that suppliers had before the import brought another number, by their present keys."""
    keys = [(supplier, supplier_key(verdict.answers)) for supplier, verdict in changed]
    return {
        supplier.key: earlier
        for supplier, earlier in keys
        if not is_place_key(supplier.key)
        and (is_place_key(earlier) or (earlier != supplier.key == supplier_key(supplier.answers)))
    }


def _take_numbers_back(session: Session, kind: str, earlier_keys: Mapping[str, str]) -> None:
    """Let suppliers be found by their earlier keys again, unless others have these by now."""
    taken = find_suppliers(session, kind, earlier_keys.values())
    rekey(session, kind, {key: earlier for key, earlier in earlier_keys.items() if earlier not in taken})


def _take_form_back(
    session: Session, supplier: Supplier, history: Sequence[Result], verdict: _Verdict, returned: str
) -> None:
    """Take back the form that an import brought: its request waits again, and an earlier form counts."""
    earlier = verdict.answers.get("form_returned")
    forms = [result.answers for result in history if result.answers.get("form_returned") == earlier]
    supplier.form_answers = dict(forms[0]) if earlier and forms else None
    waits_again = update(QuestionnaireRequest).where(
        QuestionnaireRequest.supplier_id == supplier.id,
        QuestionnaireRequest.returned_on == date.fromisoformat(returned[:10]),
        QuestionnaireRequest.submitted_at.is_(None),
    )
    session.execute(waits_again.values(returned_on=None))


def _remove(session: Session, gone: Sequence[Supplier], import_id: str, at: datetime, by: str) -> None:
    """Delete suppliers that only the import knew, with their results."""
    if not gone:
        return
    agencies = [one.id for one in gone if one.kind == "agency"]
    for names in get_name_keys(session, agencies).values() if agencies else ():
        queue_reassessment_of_users(session, names, at.date(), by)
    for supplier in gone:
        session.delete(supplier)
    change_feed.write_all(session, "deleted", [(one.id, {"import": import_id}) for one in gone], at)
