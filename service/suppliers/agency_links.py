"""Link sites to the agencies they name, by the names that agencies are known under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from risk_models.answers import DECLINED
from risk_models.name_normalize import name_key
from service.assessment.assess import AGENCY_NAME_QUESTIONS
from service.db.bulk_rows import insert_rows
from service.db.session import chunks
from service.db.tables import AgencyName, Engagement, Supplier, new_ordered_id
from service.jobs.kinds import FOLLOW_AGENCIES
from service.jobs.table import enqueue

AGENCIES = "agencies"  # the question that a site names its agencies in


def collect_name_keys(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the keys of all names that rows give an agency."""
    return {key for row in rows for key in own_name_keys(row)}


def own_name_keys(answers: Mapping[str, Any]) -> list[str]:
    """Return the keys of the names that an agency gives itself."""
    return list(filter(None, (name_key(str(answers.get(question) or "")) for question in AGENCY_NAME_QUESTIONS)))


def build_link_rows(
    kind: str, supplier_id: str, answers: Mapping[str, Any], *others: Iterable[str]
) -> list[dict[str, Any]]:
    """Build the rows that link a site to its agencies, or an agency to its names; ``others``: more name keys of an agency."""
    if kind == "agency":
        keys = dict.fromkeys(chain(own_name_keys(answers), *others))
        return [{"id": new_ordered_id(), "agency_id": supplier_id, "key": key} for key in keys]
    names = {name_key(name): name for name in get_named_agencies(answers)}
    return [
        {"id": new_ordered_id(), "site_id": supplier_id, "agency_key": key, "named": name}
        for key, name in names.items()
        if key
    ]


def replace_links(
    session: Session, kind: str, links: Mapping[str, Sequence[Mapping[str, Any]]], stored_ids: Sequence[str]
) -> None:
    """Write the links of suppliers of a kind, given as rows by supplier id (:func:`build_link_rows`), in place of those of
    ``stored_ids``. Links that are the same as before stay.
    """
    table: type[AgencyName] | type[Engagement]
    columns: tuple[InstrumentedAttribute[str], ...]
    if kind == "agency":
        table, columns = AgencyName, (AgencyName.agency_id, AgencyName.key)
    else:
        table, columns = Engagement, (Engagement.site_id, Engagement.agency_key, Engagement.named)
    stored: dict[str, set[tuple[str, ...]]] = {}
    for chunk in chunks(stored_ids):
        for supplier_id, *link in session.execute(select(*columns).where(columns[0].in_(chunk))):
            stored.setdefault(supplier_id, set()).add(tuple(link))
    changed = {
        supplier_id: rows
        for supplier_id, rows in links.items()
        if {tuple(row[column.key] for column in columns[1:]) for row in rows} != stored.get(supplier_id, set())
    }
    for chunk in chunks([supplier_id for supplier_id in changed if supplier_id in stored]):
        session.execute(delete(table).where(columns[0].in_(chunk)))
    insert_rows(session, table, list(chain.from_iterable(changed.values())))


def get_name_keys(session: Session, agency_ids: Sequence[str]) -> dict[str, set[str]]:
    """Return the name keys of agencies, by agency id."""
    names: dict[str, set[str]] = {}
    query = select(AgencyName.agency_id, AgencyName.key)
    for chunk in chunks(agency_ids):
        for agency_id, key in session.execute(query.where(AgencyName.agency_id.in_(chunk))):
            names.setdefault(agency_id, set()).add(key)
    return names


def queue_site_reassessment(session: Session, keys: Iterable[str], on: date, by: str) -> None:
    """Queue a job that reassesses the sites naming these agencies (:func:`service.reviews.jobs.follow_agencies`), in the
    caller's transaction: a site's score takes that of its worst agency into account.
    """
    named: set[str] = set()
    for chunk in chunks(sorted(keys)):
        query = select(Engagement.agency_key).where(Engagement.agency_key.in_(chunk))
        named.update(session.scalars(query.distinct()))
    if named:
        enqueue(session, FOLLOW_AGENCIES, {"agency_keys": sorted(named), "on": on.isoformat()}, by)


def queue_reassessment_of_users(session: Session, keys: Iterable[str], on: date, by: str) -> None:
    """Queue jobs that reassess the sites naming an agency that is about to be erased, by their ids: no job keeps its name."""
    site_ids: set[str] = set()
    for chunk in chunks(sorted(keys)):
        site_ids.update(session.scalars(select(Engagement.site_id).where(Engagement.agency_key.in_(chunk))))
    for chunk in chunks(sorted(site_ids)):
        enqueue(session, FOLLOW_AGENCIES, {"site_ids": list(chunk), "on": on.isoformat()}, by)


def get_named_agencies(answers: Mapping[str, Any]) -> list[str]:
    """Return the agencies that answers name."""
    named = answers.get(AGENCIES)
    return [str(name) for name in named] if isinstance(named, list | tuple) else []


def keep_agencies(stored: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers merged from a returned form with the agencies that were named before: no supplier drops an agency, and
    with it that agency's score, by naming another.
    """
    named = get_named_agencies(merged)
    keys = set(map(name_key, named))
    dropped = [name for name in get_named_agencies(stored) if name_key(name) not in keys]
    return {**merged, AGENCIES: [*named, *dropped]} if named and dropped else dict(merged)


def list_agencies_no_longer_named(supplier: Supplier) -> list[str]:
    """Return the agencies that a site named before and that its last form leaves out: they count until the buyer drops them."""
    form = supplier.form_answers or {}
    named = set(map(name_key, get_named_agencies(form)))
    stored = get_named_agencies(supplier.answers)
    return [name for name in stored if name_key(name) not in named] if form.get(AGENCIES) is not None else []


def list_agencies_named_before(session: Session, sites: Sequence[Supplier]) -> dict[str, list[str]]:
    """Return the agencies that sites named before they left the question blank in a form, by site id."""
    named: dict[str, list[str]] = {}
    for chunk in chunks([site.id for site in sites if site.answers.get(AGENCIES) == DECLINED]):
        query = select(Engagement.site_id, Engagement.named).where(Engagement.site_id.in_(chunk))
        for site_id, name in session.execute(query.order_by(Engagement.named)):
            named.setdefault(site_id, []).append(name)
    return named


def select_agency_scores(answers: Mapping[str, Any], scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of the agencies that answers name, by key."""
    named = get_named_agencies(answers) if scores else ()
    return {key: scores[key] for key in map(name_key, named) if key in scores}
