"""Suppliers and agencies as they are kept: found again, assessed, explained, listed, merged, erased.

Use cases: plain functions of a session that is scoped to one organisation. Reasons are never stored: ``document`` works them
out again from the stored answers, the model and facts of their day, and the scores that the named agencies had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from reports.document import Detail
from risk_models.agencies import workers_through
from risk_models.answers import from_rows
from risk_models.editions import known_as, released
from risk_models.facts import FactsOn
from risk_models.facts import load as load_facts
from risk_models.identity import name_key
from risk_models.model import Model, load_all, of_version
from service.assessing.assess import Assessed, Batch, assess_batch
from service.assessing.contract import result_rows
from service.audit import record
from service.cases import case_evidence
from service.db.case_tables import KeptCase
from service.db.tables import AgencyName, Asking, Engagement, Result, Supplier, new_id
from service.refusal import Refused
from service.register import changes
from service.register.agency_names import follow, links, names_in, names_of, own_names, scores_for
from service.register.found_again import find, found_under, merged, take_over
from service.register.headlines import headlines, result_of
from service.reporting import explained as reporting
from service.taking_in.one_supplier import (
    Practice,
    as_its_own,
    company_key,
    is_undated,
    joined,
    practice,
    supplier_key,
    told_again,
)
from service.watchlists.lists import ask_to_screen
from service.watchlists.matches import moved

BROUGHT = ("import", "api")  # causes by which somebody told of suppliers; by any other what is kept is assessed again
Document = dict[str, Any]


def put(
    session: Session, kind: str, answers: Mapping[str, Any], on: date, at: datetime, by: str, cause: str
) -> tuple[Supplier, Result]:
    """Keeps one supplier with these answers, which are validated already, and assesses it. What it answered before stays as
    :func:`service.taking_in.one_supplier.told_again` says.
    """
    keep(session, kind, [answers], [{}], on, at, by, cause, None)
    supplier = find(session, kind, answers)
    assert supplier is not None
    ask_to_screen(session, by, supplier_ids=[supplier.id])
    return supplier, session.get_one(Result, supplier.latest_id)


def keep(
    session: Session,
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[Mapping[str, Any]],
    on: date,
    at: datetime,
    by: str,
    cause: str,
    import_id: str | None,
    also_named: Mapping[str, Iterable[str]] | None = None,
    keys: Sequence[str] | None = None,
) -> None:
    """Assesses and keeps suppliers of one kind, one row each (:func:`service.taking_in.one_supplier.joined`). ``keys``: what each
    is found by, where it is known already; else what its answers make.

    Where somebody told of them (``cause`` is one of BROUGHT), what stood before stays as
    :func:`service.taking_in.one_supplier.told_again` says. ``also_named``: by the key of an agency, other keys of names it
    goes by.
    """
    read = from_rows(rows)
    answers = said = read.rows()
    keys = list(map(supplier_key, answers)) if keys is None else keys
    facts = load_facts().as_of(on)
    scores = scores_of_agencies(session, answers) if kind == "site" else {}
    there = found_under(session, kind, keys)
    known = [supplier.id for supplier in there.values()]
    if len(set(known)) < len(known):  # merged since the rows of each were joined: the job reads them once more
        raise RuntimeError("two rows of one supplier")
    old_names: dict[str, set[str]] = {}
    if there and cause in BROUGHT:
        old = {j: there[key] for j, key in enumerate(keys) if key in there and there[key].key != key}
        if old:
            old_names = {keys[j]: names_in([said[j]]) for j in old}
            said = [as_its_own(old[j].answers, row) if j in old else row for j, row in enumerate(said)]
        answers = _with_what_stood(session, kind, [there.get(key) for key in keys], said, on)
        read = from_rows(answers)
    before = {supplier.id: (supplier.score, supplier.level) for supplier in there.values()}
    known_as_before = names_of(session, known) if kind == "agency" else {}
    # What an agency was called in another row of its file is none of its answers: it stays until the agency is erased.
    stay = {one.id: known_as_before.get(one.id, set()) - set(own_names(one.answers)) for one in there.values()}
    for start in range(0, len(known), 500):
        session.execute(delete(AgencyName).where(AgencyName.agency_id.in_(known[start : start + 500])))
        session.execute(delete(Engagement).where(Engagement.site_id.in_(known[start : start + 500])))
    ids = [there[key].id if key in there else new_id() for key in keys]
    newly = case_evidence.linked(session, kind, ids, answers)
    cases = case_evidence.evidence(session, ids, on, newly)
    assessed = assess_batch(Batch(kind, read, "", "", np.arange(len(keys)), cases), facts, on, scores)
    told = headlines(assessed, on)
    results: list[Document] = []
    new: list[Document] = []
    moved_to: list[tuple[str, Document]] = []
    for j, (key, supplier_id, headline) in enumerate(zip(keys, ids, told, strict=True)):
        result = result_of(supplier_id, answers[j], headline, assessed, j, scores, on)
        results.append(result | {"place": dict(places[j]), "cause": cause, "import_id": import_id, "created_at": at})
        latest = {"latest_id": result["id"], "assessed_at": at, "updated_at": at}
        columns = _identity(answers[j]) | headline | latest
        if cause in BROUGHT and "form_returned" in said[j]:
            columns["form_answers"] = said[j]
        if key in there:
            for column, value in columns.items():
                setattr(there[key], column, value)
            there[key].version += 1
        else:
            first = {"id": supplier_id, "kind": kind, "key": key, "version": 1, "created_at": at, "form_answers": None}
            new.append(first | columns)
        level = before.get(supplier_id, (None, None))[1]
        if level != headline["level"]:
            moved_to.append((supplier_id, {"from": level, "to": headline["level"], "cause": cause}))
    if new:  # as rows, not objects: those take longer to write than to score
        session.execute(insert(Supplier).execution_options(render_nulls=True), new)
    changes.write_all(session, "level_moved", moved_to, at)
    for case, supplier_id in newly:
        case.supplier_id = supplier_id
    session.execute(insert(Result), results)
    names = [
        name
        for key, supplier_id, row in zip(keys, ids, answers, strict=True)
        for name in links(
            kind, supplier_id, row, stay.get(supplier_id, ()), (also_named or {}).get(key, ()), old_names.get(key, ())
        )
    ]
    if names:
        session.execute(insert(AgencyName if kind == "agency" else Engagement), names)
    if kind == "agency":
        known_as: dict[str, set[str]] = {supplier_id: set() for supplier_id in ids}
        for name in names:
            known_as[name["agency_id"]].add(name["key"])
        other = [
            known_as_before.get(supplier_id, set()) ^ known_as[supplier_id]
            if before.get(supplier_id, (None, None))[0] == headline["score"]
            else known_as_before.get(supplier_id, set()) | known_as[supplier_id]
            for supplier_id, headline in zip(ids, told, strict=True)
        ]
        follow(session, set().union(*other), on, by)
    if cause == "api":
        record(session, by, f"{kind}.assessed", kind, ids[0], {"cause": cause, "results": len(results)})


def agency_scores_moved(session: Session, sites: Sequence[Supplier]) -> list[Supplier]:
    """Those of some sites whose latest assessment took in other scores of their agencies than these have now."""
    scores = scores_of_agencies(session, [site.answers for site in sites])
    query = select(Result.id, Result.agency_scores).where(Result.id.in_([site.latest_id for site in sites]))
    taken_in: dict[str, dict[str, float]] = dict(session.execute(query).all())
    return [site for site in sites if taken_in.get(site.latest_id or "") != scores_for(site.answers, scores)]


def _with_what_stood(
    session: Session, kind: str, there: Sequence[Supplier | None], answers: Sequence[Mapping[str, Any]], on: date
) -> list[dict[str, Any]]:
    """Answers that come in, with what stays of those that stood; ``there``: the supplier of each, None for a new one."""
    weighed = practice(kind, on)
    came_in = _came_in(session, [one for one in there if one is not None], weighed)
    return [
        dict(said) if one is None else told_again(one.answers, said, weighed, kind, came_in.get(one.id))
        for one, said in zip(there, answers, strict=True)
    ]


def _dated(session: Session, kind: str, there: Sequence[Supplier], on: date) -> list[dict[str, Any]]:
    """Answers that stand, with the day they came in where they bear none: to look at them again makes them no younger."""
    came_in = _came_in(session, there, practice(kind, on))
    return [one.answers | ({"answered_on": came_in[one.id].isoformat()} if one.id in came_in else {}) for one in there]


def _came_in(session: Session, there: Sequence[Supplier], weighed: Practice) -> dict[str, date]:
    """When somebody last told of those suppliers whose answers bear no day, by id."""
    undated = [one.id for one in there if is_undated(one.answers, weighed)]
    came_in: dict[str, date] = {}
    for start in range(0, len(undated), 500):
        query = select(Result.supplier_id, func.max(Result.on)).where(
            Result.supplier_id.in_(undated[start : start + 500]), Result.cause.in_(BROUGHT)
        )
        found: dict[str, date] = dict(session.execute(query.group_by(Result.supplier_id)).all())
        came_in |= found
    return came_in


def assess_again(session: Session, ids: Iterable[str], on: date, at: datetime, by: str, cause: str = "review") -> None:
    """Assesses suppliers from the answers that are kept, since something else they rest on changed; agencies first."""
    found = session.scalars(select(Supplier).where(Supplier.id.in_(list(ids))).order_by(Supplier.id)).all()
    latest = session.scalars(select(Result).where(Result.id.in_([supplier.latest_id for supplier in found])))
    places = {result.supplier_id: result.place for result in latest}
    for kind in ("agency", "site"):
        some = [supplier for supplier in found if supplier.kind == kind and supplier.id in places]
        if some:
            answers, where = _dated(session, kind, some, on), [places[s.id] for s in some]
            keep(session, kind, answers, where, on, at, by, cause, None, keys=[s.key for s in some])


def _identity(answers: Mapping[str, Any]) -> Document:
    """What a supplier is known by and what it said, of its newest answers, as columns of Supplier."""
    return {
        "reference": answers.get("reference"),
        "name": str(answers.get("name") or answers.get("name_local") or answers.get("reference") or ""),
        "company_key": company_key(answers),
        "country": answers.get("country") if answers.get("country") != "declined" else None,
        "answers": dict(answers),
        "deleted_at": None,
    }


# Built once: every call of the gate asks this.
_SCORES_OF_AGENCIES = (
    select(AgencyName.key, Supplier.score)
    .join(Supplier, Supplier.id == AgencyName.agency_id)
    .where(
        AgencyName.key.in_(bindparam("keys", expanding=True)),
        Supplier.deleted_at.is_(None),
        Supplier.score.is_not(None),
    )
)


def scores_of_agencies(session: Session, answers: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The scores of the agencies that some sites name, by key; of several agencies with one name, the worst."""
    keys = {
        name_key(str(name))
        for row in answers
        if isinstance(row.get("agencies"), (list, tuple))
        for name in row["agencies"]
    } - {""}
    scores: dict[str, float] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), 500):
        for key, value in session.execute(_SCORES_OF_AGENCIES, {"keys": wanted[start : start + 500]}):
            scores[key] = max(scores.get(key, -1.0), float(value or 0.0))
    return scores


def made_with(result: Result) -> tuple[Model, FactsOn]:
    """The version of the model and the edition of the facts that a stored result was made with."""
    model, facts = of_version(result.model, result.model_version), load_facts()
    return model, known_as(facts, released(), result.facts_digest, result.on) or facts.as_of(result.on)


def models_with(model: Model) -> list[Model]:
    """Return this model with those it was in force with: of every other those that read the same actions, else all its versions.

    Models that are released together name the same release of the action library, whatever their own numbers.
    """
    released_with = {other.id for other in load_all() if other.actions == model.actions}

    def there(other: Model) -> bool:
        if other.id == model.id:
            return other.version == model.version
        return other.actions == model.actions or other.id not in released_with

    return [other for other in load_all() if there(other)]


def reassessed(result: Result) -> tuple[Assessed, FactsOn]:
    """A stored result worked out again, with its reasons, under the very model and facts it was made with."""
    model, facts = made_with(result)
    batch = Batch(
        model.kind,
        from_rows([result.answers]),
        result.place.get("file", ""),
        result.place.get("sheet", ""),
        np.array([result.place.get("row", 1)]),
        case_evidence.from_kept([result.case_evidence]),
    )
    return assess_batch(batch, facts, result.on, result.agency_scores, models_with(model)), facts


def document(result: Result) -> Document:
    """The result object of the contract (docs/assessment.md), reasons and all."""
    assessed, _ = reassessed(result)
    again: Document = orjson.loads(next(result_rows(assessed, result.on)))
    return again


def explained(result: Result) -> Detail:
    """A result as a reader meets it: headline, reasons as sentences with their sources, floors, actions."""
    assessed, facts = reassessed(result)
    return reporting.explained(assessed, facts, result.on)[0]


def moved_by(before: Result, after: Result) -> list[tuple[str, float]]:
    """Which reasons moved a score from one result to the next: title and change in points, the largest first."""
    points: dict[str, float] = {}
    for result, sign in ((before, -1.0), (after, 1.0)):
        told = explained(result)
        for reason in told.reasons:
            points[reason.title] = points.get(reason.title, 0.0) + sign * reason.points
        points["Rules that hold the score up"] = points.get("Rules that hold the score up", 0.0) + sign * (
            told.headline.uplift or 0.0
        )
    moved = [(title, change) for title, change in points.items() if abs(change) > 1e-6]
    return sorted(moved, key=lambda pair: (-abs(pair[1]), pair[0]))


def get(session: Session, kind: str, name: str, *, itself: bool = False) -> Supplier:
    """A supplier by id, or by the buyer's own reference, also by one that was merged into it unless it is wanted ``itself``.

    Raises Refused, 404, where there is none.
    """
    key = f"ref:{name_key(name)}"
    found = session.scalars(
        select(Supplier)
        .where(
            Supplier.kind == kind,
            Supplier.deleted_at.is_(None),
            or_(Supplier.id == name, Supplier.key == key),
        )
        .order_by(Supplier.id == name)
    ).first()
    if found is None:
        kept = merged(session, kind, [key]).get(key)
        if kept is not None and itself:
            other = kept.reference or kept.id
            raise Refused("not_found", 404, f"This {kind} was merged into {other}. Name that one if it is meant.")
        found = kept
    if found is None:
        raise Refused("not_found", 404, f"There is no such {kind}.")
    return found


def results_of(session: Session, supplier: Supplier, limit: int = 50) -> Sequence[Result]:
    """The results of a supplier, newest first."""
    return session.scalars(
        select(Result)
        .where(Result.supplier_id == supplier.id)
        .order_by(Result.created_at.desc(), Result.id)
        .limit(limit)
    ).all()


def agencies_of(session: Session, site: Supplier) -> Sequence[tuple[str, Supplier | None]]:
    """The agencies a site names, each as named and, where it was assessed, as kept."""
    links = session.scalars(select(Engagement).where(Engagement.site_id == site.id).order_by(Engagement.named)).all()
    found = session.execute(
        select(AgencyName.key, Supplier)
        .join(Supplier, Supplier.id == AgencyName.agency_id)
        .where(AgencyName.key.in_([link.agency_key for link in links]), Supplier.deleted_at.is_(None))
    ).all()
    kept = dict(found)
    return [(link.named, kept.get(link.agency_key)) for link in links]


def sites_using(session: Session, agency: Supplier) -> Sequence[Supplier]:
    """The sites that name an agency, worst first."""
    keys = select(AgencyName.key).where(AgencyName.agency_id == agency.id)
    sites = select(Engagement.site_id).where(Engagement.agency_key.in_(keys))
    return session.scalars(
        select(Supplier)
        .where(Supplier.id.in_(sites), Supplier.deleted_at.is_(None))
        .order_by(Supplier.rank, Supplier.inherent.desc())
    ).all()


@dataclass(frozen=True)
class Reach:
    """Whom an agency reaches: how many sites name it, how many of them ``tell`` of its workers, and how many those are."""

    sites: int
    tell: int
    workers: float


def reach(session: Session, agency: Supplier, sites: Sequence[Supplier]) -> Reach:
    """Whom an agency reaches by what the sites that use it say, as :func:`sites_using` gives them."""
    keys = frozenset(session.scalars(select(AgencyName.key).where(AgencyName.agency_id == agency.id)))
    counts = [count for site in sites if (count := workers_through(keys, site.answers)) is not None]
    return Reach(len(sites), len(counts), sum(counts))


def sites_of_company(session: Session, site: Supplier) -> Sequence[Supplier]:
    """The other sites of the same company, worst first."""
    query = select(Supplier).where(
        Supplier.kind == "site", Supplier.company_key == site.company_key, Supplier.id != site.id
    )
    return session.scalars(
        query.where(Supplier.deleted_at.is_(None)).order_by(Supplier.rank, Supplier.inherent.desc())
    ).all()


def erase(session: Session, supplier: Supplier, at: datetime, by: str) -> None:
    """Erases a supplier with all its results; what stays is that it happened."""
    if supplier.kind == "agency":
        follow(session, names_of(session, [supplier.id]).get(supplier.id, ()), at.date(), by)
    changes.write(session, "deleted", supplier.id, {}, at)
    record(session, by, f"{supplier.kind}.erased", supplier.kind, supplier.id, {})
    session.delete(supplier)


def merge(session: Session, source: Supplier, target: Supplier, at: datetime, by: str) -> None:
    """One supplier turns out to be another: its results and what it was asked and answered move there, and it is gone.

    What both answered is joined as rows of one supplier are (:func:`service.taking_in.one_supplier.joined`), so that nothing
    that was admitted is lost, and the one that stays is assessed again. Whatever names the other by its key finds it from now on.
    Of an agency its names move as well: sites that name it go on finding it, and are assessed again with the score it has now.
    """
    if source.id == target.id or source.kind != target.kind:
        raise Refused("merge.impossible", 422, "Two different suppliers of one kind can be merged.")
    # Whoever tells of either just now has done so before, or finds the one that stays.
    both = select(Supplier).where(Supplier.id.in_([source.id, target.id])).order_by(Supplier.id).with_for_update()
    if len(session.scalars(both.execution_options(populate_existing=True)).all()) < 2:
        raise Refused("not_found", 404, f"There is no such {source.kind} any more.")
    on, kind = at.date(), source.kind
    its_own, more = _dated(session, kind, [target, source], on)
    for of_it in (Result, Asking):
        session.execute(update(of_it).where(of_it.supplier_id == source.id).values(supplier_id=target.id))
    target.answers = joined([its_own, as_its_own(its_own, more)], practice(kind, on), kind).answers
    target.form_answers = target.form_answers or source.form_answers
    moved(session, source.id, target.id)
    take_over(session, source, target, at)
    for case in session.scalars(select(KeptCase).where(KeptCase.supplier_id == source.id)):
        case.supplier_id = target.id
    changes.write(session, "merged", source.id, {"into": target.id}, at)
    record(session, by, f"{source.kind}.merged", source.kind, source.id, {"into": target.id})
    if source.kind == "agency":
        names = names_of(session, [source.id, target.id])
        theirs, new = names.get(source.id, set()), names.get(source.id, set()) - names.get(target.id, set())
        if new:
            session.execute(insert(AgencyName), [{"agency_id": target.id, "key": key} for key in sorted(new)])
        follow(session, theirs, on, by)
    session.flush()
    session.delete(source)
    assess_again(session, [target.id], on, at, by, "merge")
