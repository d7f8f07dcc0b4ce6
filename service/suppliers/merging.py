"""Merge two suppliers that are one, and undo a merge: both get their histories back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, delete, insert, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db import change_feed
from service.db.campaign_tables import CampaignSupplier, SupplierContact
from service.db.case_tables import StoredCase
from service.db.exit_tables import ExitPaper
from service.db.identity_tables import SupplierMerge
from service.db.link_tables import SupplierLink
from service.db.outbox_tables import Message
from service.db.redress_tables import RemedyAccount
from service.db.remediation_tables import Finding, PlanVersion, Reply, Step
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import chunks
from service.db.supplier_counts import count_new
from service.db.supplier_words import replace_words
from service.db.system_tables import SystemIdentifier
from service.db.tables import AgencyName, MergedKey, QuestionnaireRequest, Result, Supplier, UTCTime
from service.db.watchlist_tables import WatchlistMatch
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError, not_found
from service.suppliers import editions
from service.suppliers.agency_links import get_name_keys, queue_site_reassessment
from service.suppliers.history import keep_age, list_changed, list_edited, return_answers
from service.suppliers.identity import move_aliases, rekey_to_survivor
from service.suppliers.imposed_labour import keep_documented_labour
from service.suppliers.merge_rules import get_risk_lookup, merge_duplicates
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.repository import (
    IncomingSupplier,
    Origin,
    answers_with_entry_dates,
    reassess,
    save_suppliers,
)
from service.suppliers.stored_answers import recheck_merged
from service.watchlists.lists import request_screening
from service.watchlists.matches import move_decisions

MOVED: Mapping[str, Any] = {
    "result": Result,
    "asking": QuestionnaireRequest,
    "case_record": StoredCase,
    "watchlist_match": WatchlistMatch,
    "merged_key": MergedKey,
    "supplier_merge": SupplierMerge,
    "finding": Finding,
    "plan_version": PlanVersion,
    "step": Step,
    "reply": Reply,
    "remedy_account": RemedyAccount,
    "retaliation_watch": RetaliationWatch,
    "worker_survey": WorkerSurvey,
    "exit_paper": ExitPaper,
    "supplier_link": SupplierLink,
    "message": Message,
    "campaign_supplier": CampaignSupplier,
    "supplier_contact": SupplierContact,
    "system_identifier": SystemIdentifier,
}
STORED_COLUMNS = tuple(column for column in Supplier.__table__.columns if column.computed is None)


def merge_suppliers(session: Session, source: Supplier, target: Supplier, at: datetime, by: str) -> None:
    """Merge ``source`` into ``target``: results, questionnaires, answers, cases and remediation move, and ``source`` is deleted.

    The answers of both are merged like duplicate rows (:func:`service.suppliers.merge_rules.merge_duplicates`), so that no
    admitted harm is lost, and the survivor is reassessed. The key of ``source`` becomes an alias. The names of an agency move
    as well: sites that name it find the survivor, and are reassessed with its score. Raises DomainError, 422, if the two are of
    different kinds or the same supplier, 404 if one no longer exists, and ``merge.exited``, 409, if we have left only one.
    """
    if source.id == target.id or source.kind != target.kind:
        raise DomainError("merge.impossible", 422, "Choose two different suppliers of the same kind.")
    # A concurrent upload or call about either supplier has either finished already or will find the remaining supplier.
    query = select(Supplier).where(Supplier.id.in_([source.id, target.id])).order_by(Supplier.id).with_for_update()
    if len(session.scalars(query).all()) < 2:
        raise DomainError("not_found", 404, f"This {source.kind} no longer exists.")
    _check_exits(session, source, target)
    on, kind = at.date(), source.kind
    listed = editions.prepare_merge(session, source.id, target.id)
    record = _record_merge(session, source, target, at, by)
    record.moved = {**record.moved, "edition_entry": listed}
    editions.follow_merge(session, source.id, target.id)
    target_answers, source_answers = answers_with_entry_dates(session, kind, [target, source], on)
    for table in (
        Result,
        QuestionnaireRequest,
        SupplierMerge,
        Finding,
        PlanVersion,
        Step,
        Reply,
        RemedyAccount,
        RetaliationWatch,
        WorkerSurvey,
        ExitPaper,
        SupplierLink,
        Message,
        CampaignSupplier,
        SupplierContact,
        SystemIdentifier,
    ):
        session.execute(update(table).where(table.supplier_id == source.id).values(supplier_id=target.id))
    risk_lookup = get_risk_lookup(kind, on, list_organisation_models(session, on))
    merged = merge_duplicates([target_answers, rekey_to_survivor(target_answers, source_answers)], risk_lookup, kind)
    checked = recheck_merged(kind, merged.answers, on)
    target.answers = keep_documented_labour(kind, [target_answers, source_answers], checked, on)
    target.form_answers = target.form_answers or source.form_answers
    move_decisions(session, source.id, target.id)
    move_aliases(session, source, target, at)
    for case in session.scalars(select(StoredCase).where(StoredCase.supplier_id == source.id)):
        case.supplier_id = target.id
    change_feed.write(session, "merged", source.id, {"into": target.id}, at)
    record_event(session, by, f"{source.kind}.merged", source.kind, source.id, {"into": target.id})
    if source.kind == "agency":
        _move_names(session, source, target, on, by)
    session.flush()
    session.delete(source)
    reassess(session, [target.id], on, at, by, "merge")
    record.result_id = target.latest_id
    replace_words(session, kind, {target.id: (target.name, target.reference)})


def _check_exits(session: Session, source: Supplier, target: Supplier) -> None:
    """Refuse to merge a supplier that we have left with one that we have not: the exit would hold for both."""
    query = select(ExitPaper.supplier_id).where(ExitPaper.state == "approved")
    left = set(session.scalars(query.where(ExitPaper.supplier_id.in_([source.id, target.id]))))
    if len(left) == 1:
        name = source.name if source.id in left else target.name
        raise DomainError(
            "merge.exited",
            409,
            f"An exit paper has been approved for {name or 'one of the two'} and would apply to both after the "
            "merge. Withdraw it before you merge them, or approve one for the other supplier too.",
        )


def _move_names(session: Session, source: Supplier, target: Supplier, on: date, by: str) -> None:
    names = get_name_keys(session, [source.id, target.id])
    source_names = names.get(source.id, set())
    added_names = source_names - names.get(target.id, set())
    if added_names:
        session.execute(insert(AgencyName), [{"agency_id": target.id, "key": key} for key in sorted(added_names)])
    queue_site_reassessment(session, source_names, on, by)


def _record_merge(session: Session, source: Supplier, target: Supplier, at: datetime, by: str) -> SupplierMerge:
    """Record the supplier that goes and what belongs to it, so that the merge can be undone."""
    moved: dict[str, Any] = {
        name: list(session.scalars(select(table.id).where(table.supplier_id == source.id)))
        for name, table in MOVED.items()
    }
    names = get_name_keys(session, [source.id, target.id]) if source.kind == "agency" else {}
    moved["agency_name"] = sorted(names.get(source.id, set()))
    moved["added_name"] = sorted(names.get(source.id, set()) - names.get(target.id, set()))
    columns = {column.key: getattr(source, column.key) for column in STORED_COLUMNS}
    texts = {name: value.isoformat() if isinstance(value, date) else value for name, value in columns.items()}
    record = SupplierMerge(
        supplier_id=target.id,
        source_id=source.id,
        source=texts,
        moved=moved,
        answers=dict(target.answers),
        merged_by=by,
        merged_at=at,
    )
    session.add(record)
    session.flush()
    return record


def get_merge(session: Session, merge_id: str) -> SupplierMerge:
    """Return a merge by id, locked until the transaction ends. Raises DomainError, 404."""
    record = session.scalars(select(SupplierMerge).where(SupplierMerge.id == merge_id).with_for_update()).first()
    if record is None:
        raise not_found("Merge not found.")
    return record


def undo_merge(session: Session, merge_id: str, at: datetime, by: str) -> tuple[Supplier, Supplier]:
    """Separate two suppliers that were merged, and return them: the one that remained, and the one that is back.

    Each has its results, requests, cases, decisions and aliases again, and is reassessed. What came in about either since the
    merge stays with the one that remained. Raises DomainError: ``not_found``; ``merge.undone``, ``merge.key_used``, 409.
    """
    record = get_merge(session, merge_id)
    if record.undone_at is not None:
        raise DomainError("merge.undone", 409, "This merge has already been undone.")
    query = select(Supplier).where(Supplier.id == record.supplier_id).with_for_update()
    target = session.scalars(query).one()
    alias = MergedKey.kind == target.kind, MergedKey.key == record.source["key"]
    session.execute(delete(MergedKey).where(MergedKey.supplier_id == target.id, *alias))
    in_use = select(Supplier.id).where(Supplier.kind == target.kind, Supplier.key == record.source["key"])
    if session.scalars(in_use).first() or session.scalars(select(MergedKey.id).where(*alias)).first():
        raise DomainError(
            "merge.key_used", 409, "Another supplier now has this reference or number. Merge or erase that one first."
        )
    on, kind = at.date(), target.kind
    source = Supplier(**_parse_columns(record.source))
    source.version, source.updated_at = source.version + 1, at
    session.add(source)
    session.flush()
    count_new(session, [source.id])
    if target.form_answers == source.form_answers:  # the merge gave it the form of the other supplier
        target.form_answers = None
    _move_back(session, record, target, source)
    editions.follow_undone_merge(session, record.moved.get("edition_entry", {}), source.id)
    names = record.moved["agency_name"]
    if kind == "agency":
        session.execute(
            delete(AgencyName).where(AgencyName.agency_id == target.id, AgencyName.key.in_(record.moved["added_name"]))
        )
        if names:
            session.execute(insert(AgencyName), [{"agency_id": source.id, "key": key} for key in names])
        queue_site_reassessment(session, names, on, by)
    answers = _separate_answers(session, record, target, on)
    session.flush()
    origin = Origin(on, at, by, "unmerge")
    save_suppliers(session, kind, [IncomingSupplier(answers, {}, target.key)], origin)
    reassess(session, [source.id], on, at, by, "unmerge")
    replace_words(session, kind, {one.id: (one.name, one.reference) for one in (target, source)})
    record.undone_at = at
    record.source, record.moved, record.answers = {}, {}, {}  # the two have it, and it is erased with them
    change_feed.write(session, "unmerged", source.id, {"from": target.id}, at)
    record_event(session, by, f"{kind}.unmerged", kind, source.id, {"from": target.id})
    request_screening(session, by, supplier_ids=[source.id, target.id])
    return target, source


def _parse_columns(texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored columns of a supplier, with moments and days as such; columns that it no longer has are left out."""
    columns: dict[str, Any] = {}
    for column in STORED_COLUMNS:
        value = texts.get(column.key)
        is_moment = isinstance(column.type, UTCTime)
        if value is not None and (is_moment or isinstance(column.type, Date)):
            value = (datetime if is_moment else date).fromisoformat(value)
        if column.key in texts:
            columns[column.key] = value
    return columns


def _move_back(session: Session, record: SupplierMerge, target: Supplier, source: Supplier) -> None:
    for name, table in MOVED.items():
        # A merge that is older than a table moved nothing of it.
        for chunk in chunks(record.moved.get(name, ())):
            back = update(table).where(table.id.in_(chunk), table.supplier_id == target.id)
            session.execute(back.values(supplier_id=source.id).execution_options(synchronize_session=False))
    session.expire_all()


def _separate_answers(session: Session, record: SupplierMerge, target: Supplier, on: date) -> dict[str, Any]:
    """Return the answers of the supplier that remained as they would be without the merge: what was given since stays."""
    query = select(Result).where(Result.supplier_id == target.id).order_by(Result.created_at, Result.id)
    history = session.scalars(query).all()
    at = next((position for position, result in enumerate(history) if result.id == record.result_id), None)
    if at is None:
        return dict(target.answers)
    brought = list_changed(record.answers, history[at].answers) - list_edited(history[at:])
    lookup = get_risk_lookup(target.kind, on, list_organisation_models(session, on))
    before = history[at - 1] if at else None
    return recheck_merged(
        target.kind, keep_age(return_answers(target.answers, record.answers, brought), before, lookup), on
    )
