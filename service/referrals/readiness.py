"""Where the referral directory allows contact with workers, whom it gives them, and what it lacks or has to be called again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.count_triggers import PLACES
from service.db.referral_tables import ReferralContact
from service.db.supplier_counts import list_counts
from service.referrals.contacts import load_directory_rules
from service.report_content.contact_gate import ContactGate
from service.report_content.labels import get_country_name


@dataclass(frozen=True)
class Readiness:
    """Whether the directory of a country is complete: what it lacks, and the day until which its calls count.

    ``until`` is None where something is missing. ``suppliers``: how many sites and agencies are there.
    """

    country: str
    missing: Sequence[str]
    until: date | None
    suppliers: int = 0

    @property
    def ready(self) -> bool:
        """Return whether workers there may be contacted."""
        return not self.missing


def find_first_valid_day(on: date) -> date:
    """Return the first day on which a call counts on a day."""
    return on - timedelta(days=load_directory_rules()["verified_within_days"])


def list_readiness(session: Session, on: date) -> list[Readiness]:
    """Return the readiness of every country that has contacts or suppliers, by name."""
    called = _list_calls(session)
    counts = Counter[str]()
    for count in list_counts(session, PLACES):
        counts[count.value] += count.n
    del counts[""]  # suppliers whose country is not known
    countries = sorted(called.keys() | counts.keys(), key=get_country_name)
    return [_build_readiness(country, called.get(country, {}), on, counts[country]) for country in countries]


def _list_calls(session: Session) -> dict[str, dict[str, date]]:
    """Return by country when a contact of each kind was last called; ``date.min`` for a kind that has not been."""
    called: dict[str, dict[str, date]] = defaultdict(dict)
    for country, kind, called_on in session.execute(
        select(ReferralContact.country, ReferralContact.kind, ReferralContact.called_on)
    ):
        latest = called[country].get(kind, date.min)
        called[country][kind] = max(latest, called_on or date.min)
    return called


def _build_readiness(country: str, called: dict[str, date], on: date, suppliers: int) -> Readiness:
    rules, first = load_directory_rules(), find_first_valid_day(on)
    latest = {
        each["id"]: max((called.get(kind, date.min) for kind in each["kinds"]), default=date.min)
        for each in rules["required"]
    }
    missing = tuple(each["title"] for each in rules["required"] if latest[each["id"]] < first)
    until = None if missing else min(latest.values()) + timedelta(days=rules["verified_within_days"])
    return Readiness(country, missing, until, suppliers)


def load_gate(session: Session, on: date) -> ContactGate:
    """Return the gate of an organisation on a day: what is withheld until its directory is complete."""
    rules = load_directory_rules()
    known = [_build_readiness(country, called, on, 0) for country, called in _list_calls(session).items()]
    return ContactGate(
        ready=frozenset(each.country for each in known if each.ready),
        gaps={each.country: each.missing for each in known if each.missing},
        required=[each["title"] for each in rules["required"]],
        days=rules["verified_within_days"],
    )


def list_open_countries(session: Session, on: date) -> list[Readiness]:
    """Return the countries with suppliers whose directory is empty, incomplete or outdated, the most suppliers first."""
    found = [each for each in list_readiness(session, on) if each.suppliers and not each.ready]
    return sorted(found, key=lambda each: (-each.suppliers, get_country_name(each.country)))


def choose_contacts(session: Session, country: str, on: date) -> list[ReferralContact]:
    """Return the contacts that workers in a country are given on a day, by kind in the order of the rules, the latest call first.

    Only contacts whose call still counts are given.
    """
    rules = load_directory_rules()["for_workers"]
    query = select(ReferralContact).where(
        ReferralContact.country == country,
        ReferralContact.kind.in_(rules["kinds"]),
        ReferralContact.called_on >= find_first_valid_day(on),
    )
    found = session.scalars(query.order_by(ReferralContact.called_on.desc(), ReferralContact.name)).all()
    by_kind = {kind: [contact for contact in found if contact.kind == kind] for kind in rules["kinds"]}
    return [contact for contacts in by_kind.values() for contact in contacts[: rules["most_of_a_kind"]]]
