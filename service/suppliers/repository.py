"""Store suppliers and agencies: save and assess them, find, list, merge and erase them.

Plain functions of a session that is scoped to one organisation. Reasons are never stored: ``queries/stored_results.py`` works
them out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from risk_models.answers import DECLINED, EVIDENCE, Answers, from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import Model
from risk_models.name_normalize import name_key
from service.assessment.assess import Batch, assess_batch
from service.audit import record_event
from service.db import change_feed
from service.db.bulk_rows import insert_rows, update_rows
from service.db.session import chunks
from service.db.supplier_counts import count_new
from service.db.supplier_words import add_words, build_sort_name, replace_words
from service.db.tables import AgencyName, Result, Supplier, new_ordered_id
from service.errors import DomainError
from service.outbox.pushes import mark_suppliers
from service.suppliers import case_evidence, verified_steps
from service.suppliers.agency_links import (
    AGENCIES,
    build_link_rows,
    collect_name_keys,
    get_name_keys,
    list_agencies_named_before,
    own_name_keys,
    queue_reassessment_of_users,
    queue_site_reassessment,
    replace_links,
    select_agency_scores,
)
from service.suppliers.history import INPUT_CAUSES
from service.suppliers.identity import (
    company_key,
    find_merged,
    find_supplier,
    find_suppliers,
    is_place_key,
    rekey_to_survivor,
    supplier_key,
)
from service.suppliers.key_grades import have_different_names
from service.suppliers.level_changes import LevelChange, Occasion, find_new_support, record_level_changes
from service.suppliers.merge_rules import RiskLookup, get_risk_lookup, is_older_form, is_undated
from service.suppliers.organisation_models import list_organisation_models
from service.suppliers.stored_answers import merge_with_stored
from service.suppliers.summary import Columns, build_result_row, build_summaries
from service.watchlists.lists import request_screening


@dataclass(frozen=True)
class Origin:
    """Where answers come from: the assessment date, the moment, who acts, why (``import``, ``api``, ``questionnaire``,
    ``review``, ``merge``), and the import that contained them.
    """

    on: date
    at: datetime
    by: str
    cause: str
    import_id: str | None = None

    @property
    def brings_answers(self) -> bool:
        """Whether somebody sent answers; otherwise the stored ones are assessed again."""
        return self.cause in INPUT_CAUSES


@dataclass(frozen=True)
class IncomingSupplier:
    """One row to save: its answers, the file, sheet and row it came from, its key if that is already known, and for an agency
    the name keys that other rows of the same upload give it.
    """

    answers: Mapping[str, Any]
    place: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    other_names: Set[str] = frozenset()


@dataclass(frozen=True)
class _Save:
    """The rows of one call, column by column: what came in, what is stored, and what is assessed."""

    kind: str
    keys: Sequence[str]
    ids: Sequence[str]
    stored: Mapping[str, Supplier]
    received: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    table: Answers
    alias_names: Mapping[str, Set[str]]


def save_supplier(
    session: Session, kind: str, answers: Mapping[str, Any], on: date, at: datetime, by: str, cause: str
) -> tuple[Supplier, Result]:
    """Save one supplier with these validated answers and assess it; return both. What it answered before is merged by
    :func:`service.suppliers.stored_answers.merge_with_stored`.
    """
    save_suppliers(session, kind, [IncomingSupplier(answers)], Origin(on, at, by, cause))
    supplier = find_supplier(session, kind, answers)
    assert supplier is not None
    request_screening(session, by, supplier_ids=[supplier.id])
    return supplier, session.get_one(Result, supplier.latest_id)


def save_suppliers(session: Session, kind: str, incoming: Sequence[IncomingSupplier], origin: Origin) -> None:
    """Assess and save suppliers of one kind, one row each (:func:`service.suppliers.merge_rules.merge_duplicates`).

    If somebody sent answers, earlier ones are merged by :func:`service.suppliers.stored_answers.merge_with_stored`. Raises
    RuntimeError if two rows turn out to be one supplier, merged since the rows were grouped: the job then starts again.
    """
    models = list_organisation_models(session, origin.on)
    save = _with_step_evidence(session, _resolve(session, kind, incoming, origin), origin.on, models)
    before = {supplier.id: (supplier.score, supplier.level) for supplier in save.stored.values()}
    previous_ids = {supplier.id: supplier.latest_id for supplier in save.stored.values()}
    former_names = get_name_keys(session, list(before)) if kind == "agency" else {}
    lasting_names = {
        supplier.id: former_names[supplier.id] - set(own_name_keys(supplier.answers))
        for supplier in save.stored.values()
        if supplier.id in former_names
    }
    new_cases = case_evidence.match_unlinked_cases(session, kind, save.ids, save.answers)
    cases = case_evidence.get_case_evidence(session, save.ids, origin.on, new_cases)
    scores = get_agency_scores(session, save.answers) if kind == "site" else {}
    batch = Batch(kind, save.table, "", "", np.arange(len(save.keys)), cases)
    assessed = assess_batch(batch, load_facts().as_of(origin.on), origin.on, scores, models)
    summaries = build_summaries(assessed, origin.on)
    results = [
        build_result_row(supplier_id, answers, summary, assessed, j, scores, origin.on)
        | {
            "place": dict(incoming[j].place),
            "cause": origin.cause,
            "import_id": origin.import_id,
            "created_at": origin.at,
            "given": list(save.received[j]) if origin.brings_answers and save.keys[j] in save.stored else None,
        }
        for j, (supplier_id, answers, summary) in enumerate(zip(save.ids, save.answers, summaries, strict=True))
    ]
    supported = _list_newly_supported(save)
    _write_suppliers(session, save, summaries, results, origin)
    level_changes = [
        LevelChange(supplier_id, before.get(supplier_id, (None, None))[1], previous_ids.get(supplier_id), result)
        for supplier_id, result in zip(save.ids, results, strict=True)
        if before.get(supplier_id, (None, None))[1] != result["level"]
    ]
    occasion = Occasion(origin.on, origin.at, origin.cause)
    moved = record_level_changes(session, kind, level_changes, occasion, models)
    _mark_falls(save, moved, supported, origin.on)
    for case, supplier_id in new_cases:
        case.supplier_id = supplier_id
    insert_rows(session, Result, results)
    other_names = [
        (*lasting_names.get(supplier_id, ()), *row.other_names, *save.alias_names.get(key, ()))
        for key, supplier_id, row in zip(save.keys, save.ids, incoming, strict=True)
    ]
    links = {
        supplier_id: build_link_rows(kind, supplier_id, answers, others)
        for supplier_id, answers, others in zip(save.ids, save.answers, other_names, strict=True)
        if answers.get(AGENCIES) != DECLINED  # a blank takes back no agency that was named before
    }
    replace_links(session, kind, links, list(before))
    if kind == "agency":
        affected = _affected_names(summaries, links, former_names, before)
        queue_site_reassessment(session, affected, origin.on, origin.by)
    mark_suppliers(session, save.ids, origin.at)
    if origin.cause == "api":
        details = {"cause": origin.cause, "results": len(results)}
        record_event(session, origin.by, f"{kind}.assessed", kind, save.ids[0], details)


def _resolve(session: Session, kind: str, incoming: Sequence[IncomingSupplier], origin: Origin) -> _Save:
    """Find the stored supplier of each row, and merge what came in with what is stored."""
    table = from_rows([row.answers for row in incoming])
    received = table.to_rows()
    keys = [row.key or supplier_key(answers) for row, answers in zip(incoming, received, strict=True)]
    stored = find_suppliers(session, kind, keys, lock=origin.brings_answers)
    if len({supplier.id for supplier in stored.values()}) < len(stored):
        raise RuntimeError("two rows for the same supplier")
    if origin.cause == "import":
        _check_names(keys, received, stored)
    answers: Sequence[Mapping[str, Any]] = received
    alias_names: dict[str, set[str]] = {}
    if stored and origin.brings_answers:
        aliases = {j for j, key in enumerate(keys) if key in stored and stored[key].key != key}
        alias_names = {keys[j]: collect_name_keys([received[j]]) for j in aliases}
        received = [
            rekey_to_survivor(stored[keys[j]].answers, row) if j in aliases else row for j, row in enumerate(received)
        ]
        answers = _merge_with_stored(session, kind, [stored.get(key) for key in keys], received, origin.on)
        table = table if answers == list(received) else from_rows(answers)
    ids = [stored[key].id if key in stored else new_ordered_id() for key in keys]
    return _Save(kind, keys, ids, stored, received, answers, table, alias_names)


def _with_step_evidence(session: Session, save: _Save, on: date, models: tuple[Model, ...]) -> _Save:
    """Return rows with the evidence that closed steps lend them."""
    stored = {supplier.id for supplier in save.stored.values()}
    if not stored and EVIDENCE not in save.table.columns:
        return save
    rows = list(zip(save.ids, save.answers, strict=True))
    answers = verified_steps.lend_all(session, save.kind, rows, stored, on, models)
    return save if answers == list(save.answers) else replace(save, answers=answers, table=from_rows(answers))


def _list_newly_supported(save: _Save) -> set[str]:
    """Return the stored suppliers marked for a fall whose answers a closed step supports that did not do so before."""
    marked = {supplier.id: supplier.answers for supplier in save.stored.values() if supplier.fell_on}
    return {
        supplier_id
        for supplier_id, answers in zip(save.ids, save.answers, strict=True)
        if supplier_id in marked and any(step is not None for step, _ in find_new_support(marked[supplier_id], answers))
    }


def _mark_falls(save: _Save, moved: Mapping[str, bool], supported: Set[str], on: date) -> None:
    """Mark the suppliers whose level fell without a known cause (``moved``: whether it did, for each that has another level);
    unmark those that moved otherwise or are supported now.
    """
    for supplier in save.stored.values():
        if supplier.id in moved or supplier.id in supported:
            supplier.fell_on = on if moved.get(supplier.id) else None


def _check_names(keys: Sequence[str], received: Sequence[Mapping[str, Any]], stored: Mapping[str, Supplier]) -> None:
    """Raise RuntimeError if a number belongs to a supplier with another name since the rows were grouped."""
    for key, row in zip(keys, received, strict=True):
        supplier = stored.get(key)
        if supplier is None or supplier.key != key or is_place_key(key) or supplier.name == row.get("name"):
            continue
        if have_different_names(supplier.answers, row):
            raise RuntimeError("a number of a supplier with another name")


def _write_suppliers(
    session: Session, save: _Save, summaries: Sequence[Columns], results: Sequence[Columns], origin: Origin
) -> None:
    """Update the stored suppliers and insert the new ones."""
    new: list[Columns] = []
    changed: dict[tuple[str, ...], list[Columns]] = {}  # by the columns that change
    renamed: dict[str, tuple[str | None, ...]] = {}
    for j, (key, supplier_id) in enumerate(zip(save.keys, save.ids, strict=True)):
        latest = {"latest_id": results[j]["id"], "assessed_at": origin.at, "updated_at": origin.at}
        columns = {**_identity_columns(save.answers[j]), **summaries[j], **latest}
        is_form = origin.brings_answers and "form_returned" in save.received[j]
        if is_form and not (
            key in save.stored and is_older_form(save.received[j], save.stored[key].form_answers or {})
        ):
            columns["form_answers"] = save.received[j]
        if origin.brings_answers:
            columns["ended_on"] = None
        if key in save.stored:
            stored = save.stored[key]
            if (stored.name, stored.reference) != (columns["name"], columns["reference"]):
                renamed[supplier_id] = (columns["name"], columns["reference"])
            loaded = vars(stored)  # a look at an attribute that is not loaded would load it, and takes longer
            changes = {
                column: value for column, value in columns.items() if column not in loaded or loaded[column] != value
            } | {"version": stored.version + 1}
            changed.setdefault(tuple(changes), []).append({"id": supplier_id, **changes})
            for column, value in changes.items():
                set_committed_value(stored, column, value)
        else:
            first = {"id": supplier_id, "kind": save.kind, "key": key, "version": 1, "created_at": origin.at}
            new.append({**first, "form_answers": None, **columns})
    for rows in changed.values():
        update_rows(session, Supplier, rows)
    if new:
        insert_rows(session, Supplier, new)
        count_new(session, [str(columns["id"]) for columns in new])
        add_words(session, save.kind, {str(columns["id"]): (columns["name"], columns["reference"]) for columns in new})
    if renamed:
        replace_words(session, save.kind, renamed)


def _affected_names(
    summaries: Sequence[Columns],
    links: Mapping[str, Sequence[Columns]],
    former_names: Mapping[str, Set[str]],
    before: Mapping[str, tuple[float | None, str | None]],
) -> set[str]:
    """Return the agency name keys whose sites need a new assessment: all names of an agency whose score changed; for others,
    the names that they gained or lost.
    """
    affected: set[str] = set()
    for (supplier_id, own), summary in zip(links.items(), summaries, strict=True):
        former, current = former_names.get(supplier_id, set()), {link["key"] for link in own}
        score, _ = before.get(supplier_id, (None, None))
        affected |= former ^ current if score == summary["score"] else former | current
    return affected


def sites_with_outdated_agency_scores(session: Session, sites: Sequence[Supplier]) -> list[Supplier]:
    """Return those sites whose latest assessment used other scores of their agencies than these have now."""
    scores = get_agency_scores(session, [site.answers for site in sites])
    query = select(Result.id, Result.agency_scores).where(Result.id.in_([site.latest_id for site in sites]))
    scores_used: dict[str, dict[str, float]] = dict(session.execute(query).all())
    return [
        site for site in sites if scores_used.get(site.latest_id or "") != select_agency_scores(site.answers, scores)
    ]


def _merge_with_stored(
    session: Session, kind: str, stored: Sequence[Supplier | None], answers: Sequence[Mapping[str, Any]], on: date
) -> list[dict[str, Any]]:
    """Merge incoming rows into the stored answers of their suppliers (None: a new supplier)."""
    risk_lookup = get_risk_lookup(kind, on, list_organisation_models(session, on))
    known = [supplier for supplier in stored if supplier is not None]
    entered_on, named = _entry_dates(session, known, risk_lookup), list_agencies_named_before(session, known)
    return [
        dict(incoming)
        if supplier is None
        else merge_with_stored(
            kind, supplier.answers, incoming, risk_lookup, on, entered_on.get(supplier.id), named.get(supplier.id, ())
        )
        for supplier, incoming in zip(stored, answers, strict=True)
    ]


def answers_with_entry_dates(
    session: Session, kind: str, suppliers: Sequence[Supplier], on: date
) -> list[dict[str, Any]]:
    """Return stored answers, dated with the day they were entered if they have no date: reassessing makes them no younger."""
    risk_lookup = get_risk_lookup(kind, on, list_organisation_models(session, on))
    entered_on = _entry_dates(session, suppliers, risk_lookup)
    return [
        supplier.answers | ({"answered_on": entered_on[supplier.id].isoformat()} if supplier.id in entered_on else {})
        for supplier in suppliers
    ]


def _entry_dates(session: Session, suppliers: Sequence[Supplier], risk_lookup: RiskLookup) -> dict[str, date]:
    """Return the day on which undated answers were last entered, by supplier id."""
    undated = [supplier.id for supplier in suppliers if is_undated(supplier.answers, risk_lookup)]
    entered_on: dict[str, date] = {}
    for chunk in chunks(undated):
        query = select(Result.supplier_id, func.max(Result.on)).where(
            Result.supplier_id.in_(chunk), Result.cause.in_(INPUT_CAUSES)
        )
        dates: dict[str, date] = dict(session.execute(query.group_by(Result.supplier_id)).all())
        entered_on |= dates
    return entered_on


def reassess(session: Session, ids: Iterable[str], on: date, at: datetime, by: str, cause: str = "review") -> None:
    """Reassess suppliers from their stored answers, agencies first, because something else that their results depend on has
    changed.

    A supplier that was assessed on the day after ``on``, because that day had begun where its organisation is, is assessed as of
    that day again: its answers of that day would not count on the day before.
    """
    query = select(Supplier).where(Supplier.id.in_(list(ids))).order_by(Supplier.id).with_for_update()
    suppliers = session.scalars(query).all()
    latest = session.scalars(select(Result).where(Result.id.in_([supplier.latest_id for supplier in suppliers])))
    results = {result.supplier_id: result for result in latest}
    days = {id_: result.on if result.on == on + timedelta(days=1) else on for id_, result in results.items()}
    for kind, day in product(("agency", "site"), sorted(set(days.values()))):
        assessed = [supplier for supplier in suppliers if supplier.kind == kind and days.get(supplier.id) == day]
        if assessed:
            answers = answers_with_entry_dates(session, kind, assessed, day)
            incoming = [
                IncomingSupplier(row, results[supplier.id].place, supplier.key)
                for supplier, row in zip(assessed, answers, strict=True)
            ]
            save_suppliers(session, kind, incoming, Origin(day, at, by, cause))


def _identity_columns(answers: Mapping[str, Any]) -> Columns:
    """Return the identity and the newest answers of a supplier, as columns of Supplier."""
    name = str(answers.get("name") or answers.get("name_local") or answers.get("reference") or "")
    return {
        "reference": answers.get("reference"),
        "name": name,
        "sort_name": build_sort_name(name),
        "company_key": company_key(answers),
        "country": answers.get("country") if answers.get("country") != "declined" else None,
        "answers": dict(answers),
        "deleted_at": None,
    }


# Built only once, because every onboarding check runs this query.
_AGENCY_SCORES = (
    select(AgencyName.key, Supplier.score)
    .join(Supplier, Supplier.id == AgencyName.agency_id)
    .where(
        AgencyName.key.in_(bindparam("keys", expanding=True)),
        Supplier.deleted_at.is_(None),
        Supplier.score.is_not(None),
    )
)


def get_agency_scores(session: Session, answers: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the scores of the agencies that sites name, by key; if several agencies share a name, the worst score."""
    keys = {
        name_key(str(name))
        for row in answers
        if isinstance(row.get("agencies"), (list, tuple))
        for name in row["agencies"]
    } - {""}
    scores: dict[str, float] = {}
    for chunk in chunks(sorted(keys)):
        for key, value in session.execute(_AGENCY_SCORES, {"keys": chunk}):
            scores[key] = max(scores.get(key, -1.0), float(value or 0.0))
    return scores


def get_supplier(session: Session, kind: str, name: str, *, itself: bool = False, lock: bool = False) -> Supplier:
    """Return a supplier by id or by the buyer's own reference, locked until the transaction ends if asked; a merged supplier's
    reference gives its survivor, unless ``itself``.

    Raises DomainError, 404, if there is none.
    """
    key = f"ref:{name_key(name)}"
    query = (
        select(Supplier)
        .where(
            Supplier.kind == kind,
            Supplier.deleted_at.is_(None),
            or_(Supplier.id == name, Supplier.key == key),
        )
        .order_by(Supplier.id == name)
    )
    supplier = session.scalars(query.with_for_update() if lock else query).first()
    if supplier is None:
        survivor = find_merged(session, kind, [key]).get(key)
        if survivor is not None and itself:
            survivor_name = survivor.reference or survivor.id
            raise DomainError(
                "not_found", 404, f"This {kind} was merged into {survivor_name}. Use that supplier instead."
            )
        supplier = survivor
    if supplier is None:
        raise DomainError("not_found", 404, f"{kind.capitalize()} not found.")
    return supplier


def list_results(session: Session, supplier: Supplier, limit: int = 50) -> Sequence[Result]:
    """List the results of a supplier, newest first."""
    return session.scalars(
        select(Result)
        .where(Result.supplier_id == supplier.id)
        .order_by(Result.created_at.desc(), Result.id)
        .limit(limit)
    ).all()


def erase_supplier(
    session: Session, supplier: Supplier, at: datetime, by: str, counts: Mapping[str, int] | None = None
) -> None:
    """Delete the rows of a supplier; the audit trail records that this happened, with ``counts`` of what went.

    Traces of it elsewhere are removed by :func:`service.erasure.erase.erase_supplier`.
    """
    if supplier.kind == "agency":
        queue_reassessment_of_users(session, get_name_keys(session, [supplier.id]).get(supplier.id, ()), at.date(), by)
    change_feed.write(session, "deleted", supplier.id, {}, at)
    record_event(session, by, f"{supplier.kind}.erased", supplier.kind, supplier.id, counts)
    session.delete(supplier)
