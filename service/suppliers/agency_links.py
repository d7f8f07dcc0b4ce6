"""What agencies are known as, and the links between them and the sites that name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.name_normalize import name_key
from service.assessment.assess import AGENCY_NAMES
from service.db.tables import AgencyName, Engagement, new_id
from service.jobs.kinds import FOLLOW_AGENCIES
from service.jobs.table import enqueue


def names_in(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The keys of all names that an agency bears in some rows."""
    return {key for row in rows for key in own_names(row)}


def own_names(answers: Mapping[str, Any]) -> list[str]:
    """The keys of what an agency calls itself."""
    return list(filter(None, (name_key(str(answers.get(question) or "")) for question in AGENCY_NAMES)))


def links(kind: str, supplier_id: str, answers: Mapping[str, Any], *others: Iterable[str]) -> list[dict[str, Any]]:
    """The links by which a site finds its agencies, and an agency the sites that use it. ``others``: more keys of an agency."""
    if kind == "agency":
        keys = dict.fromkeys(chain(own_names(answers), *others))
        return [{"id": new_id(), "agency_id": supplier_id, "key": key} for key in keys]
    links = {name_key(name): name for name in named_by(answers)}
    return [
        {"id": new_id(), "site_id": supplier_id, "agency_key": key, "named": name} for key, name in links.items() if key
    ]


def names_of(session: Session, agency_ids: Sequence[str]) -> dict[str, set[str]]:
    """What agencies are known as, by id."""
    names: dict[str, set[str]] = {}
    for start in range(0, len(agency_ids), 500):
        query = select(AgencyName.agency_id, AgencyName.key)
        for agency_id, key in session.execute(query.where(AgencyName.agency_id.in_(agency_ids[start : start + 500]))):
            names.setdefault(agency_id, set()).add(key)
    return names


def follow(session: Session, keys: Iterable[str], on: date, by: str) -> None:
    """Has the sites that name these agencies assessed again (:func:`service.reviews.jobs.follow_agencies`), in the caller's
    transaction: a site takes the score of its worst agency.
    """
    wanted = sorted(keys)
    named: set[str] = set()
    for start in range(0, len(wanted), 500):
        query = select(Engagement.agency_key).where(Engagement.agency_key.in_(wanted[start : start + 500]))
        named.update(session.scalars(query.distinct()))
    if named:
        enqueue(session, FOLLOW_AGENCIES, {"agency_keys": sorted(named), "on": on.isoformat()}, by)


def named_by(answers: Mapping[str, Any]) -> list[str]:
    """The agencies that answers name."""
    named = answers.get("agencies")
    return [str(name) for name in named] if isinstance(named, list | tuple) else []


def scores_for(answers: Mapping[str, Any], scores: Mapping[str, float]) -> dict[str, float]:
    """The scores of the agencies that answers name, by key."""
    return {key: scores[key] for key in map(name_key, named_by(answers)) if key in scores}
