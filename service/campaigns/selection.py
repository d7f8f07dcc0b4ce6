"""Who a campaign would ask: the suppliers of a filter, each with the form for its trade, and who is left out and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire, list_form_ids, load_form
from questionnaires.validation.returned_forms import load_sensitive_questions
from service.campaigns.contacts import load_contacts
from service.campaigns.rules import choose_language, compute_due_at, load_rules
from service.clock import now, today
from service.db.campaign_tables import CampaignSupplier
from service.db.pagination import build_order_by
from service.db.session import chunks
from service.db.tables import Organisation, QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.queries.supplier_filter import SORTS, SupplierFilter, build_filter_conditions
from service.questionnaires_sent.requests import STATE_IMPOSED
from service.suppliers.imposed_labour import find_imposed_labour

MAIL, MERGE_FILE = "mail", "merge_file"
SENT = "questionnaire.sent"
Reason = Literal["no_address", "asked_recently", "asking.state_imposed"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign is to be, before it starts.

    ``forms``: the id of the form for sites and for agencies; "" for the one for the supplier's trade. ``first``: how many
    suppliers it begins with, in the order of the filter (None: all). ``again``: whether suppliers that were asked recently are
    asked too.
    """

    name: str
    due_on: date
    channel: str = MAIL
    filter: SupplierFilter = field(default_factory=SupplierFilter)
    forms: Mapping[str, str] = field(default_factory=dict)
    first: int | None = None
    again: bool = False


@dataclass(frozen=True)
class Candidate:
    """A supplier of a campaign: its form, the language of its emails, and when its due day ends.

    ``email``: None without a confirmed address. ``reason``: why it is left out, None if it is asked. ``is_sensitive``: its form
    goes without the questions that are not put in writing in its country.
    """

    supplier: Supplier
    form: Questionnaire
    language: str
    due_at: datetime
    email: str | None
    reason: Reason | None
    is_sensitive: bool


@dataclass(frozen=True)
class Preview:
    """Whom a campaign would ask, and whom it would leave out."""

    candidates: tuple[Candidate, ...]

    @property
    def asked(self) -> Sequence[Candidate]:
        """Return those who are asked."""
        return [one for one in self.candidates if one.reason is None]

    @property
    def left_out(self) -> Mapping[Reason, Sequence[Candidate]]:
        """Return those who are left out, by reason."""
        found: dict[Reason, list[Candidate]] = {}
        for one in self.candidates:
            if one.reason is not None:
                found.setdefault(one.reason, []).append(one)
        return found

    @property
    def forms(self) -> Mapping[str, int]:
        """Return how many suppliers get each form, by its title and version."""
        return Counter(f"{one.form.title} {one.form.version}" for one in self.asked)

    @property
    def languages(self) -> Mapping[str, int]:
        """Return how many emails are in each language."""
        return Counter(one.language for one in self.asked)

    @property
    def sensitive(self) -> int:
        """Return how many suppliers get their form without the questions that are not put in writing where they are."""
        return sum(one.is_sensitive for one in self.asked)

    @property
    def digest(self) -> str:
        """Return what identifies the list: whoever starts the campaign must have seen this one."""
        lines = (
            f"{one.supplier.id} {one.reason} {one.email} {one.form.id} {one.form.version}" for one in self.candidates
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def preview(session: Session, plan: Plan) -> Preview:
    """Return whom a campaign would ask. Raises DomainError, 422, for a plan that cannot be carried out: ``campaign.*``,
    ``asking.form``.
    """
    organisation = session.get_one(Organisation, session.info["organisation_id"])
    _check(plan, today(organisation.time_zone))
    suppliers = _list_suppliers(session, plan)
    recent = set() if plan.again else _find_recently_asked(session, [one.id for one in suppliers])
    imposed = find_imposed_labour(session, suppliers, now().date())
    if plan.first is not None:  # those who were asked recently, or cannot be asked, make room for others
        suppliers = [one for one in suppliers if one.id not in recent | imposed][: plan.first]
    contacts = load_contacts(session, [one.id for one in suppliers])
    forms = {kind: _load_forms(kind, plan.forms.get(kind, "")) for kind in {one.kind for one in suppliers}}
    candidates = []
    for supplier in suppliers:
        country, contact = supplier.answers.get("country"), contacts.get(supplier.id)
        reason: Reason | None = "asked_recently" if supplier.id in recent else None
        if reason is None and contact is None and plan.channel == MAIL:
            reason = "no_address"
        if supplier.id in imposed:
            reason = STATE_IMPOSED
        form = _choose_form(forms[supplier.kind], supplier)
        candidates.append(
            Candidate(
                supplier,
                form,
                choose_language(country, contact.language if contact else None, SENT),
                compute_due_at(plan.due_on, country, organisation.time_zone),
                contact.email if contact else None,
                reason,
                any(country in load_sensitive_questions().get(q.id, ()) for q in form.questions),
            )
        )
    return Preview(tuple(candidates))


def _check(plan: Plan, on: date) -> None:
    rules = load_rules()
    if not 1 <= len(plan.name.strip()) <= 100 or not plan.name.isprintable():
        raise DomainError("campaign.name", 422, "Enter a name of at most 100 characters for the campaign.")
    first, last = (on + timedelta(days=rules[name]) for name in ("shortest_days", "longest_days"))
    if not first <= plan.due_on <= last:
        raise DomainError("campaign.due_on", 422, f"Choose a due date from {first.isoformat()} to {last.isoformat()}.")
    if plan.channel not in (MAIL, MERGE_FILE):
        raise DomainError("campaign.channel", 422, f"Choose how the links are sent: {MAIL} or {MERGE_FILE}.")
    if plan.first is not None and not 1 <= plan.first <= rules["most"]:
        raise DomainError("campaign.first", 422, f"Enter a number of suppliers from 1 to {rules['most']:,}.")


def _list_suppliers(session: Session, plan: Plan) -> Sequence[Supplier]:
    most = load_rules()["most"]
    conditions = build_filter_conditions(plan.filter, now().date())
    query = select(Supplier).where(*conditions, Supplier.ended_on.is_(None))
    query = query.order_by(*build_order_by(SORTS[plan.filter.sort])).limit(most + 1)
    found = session.scalars(query).all()
    if not found:
        raise DomainError("campaign.nobody", 422, "No suppliers match. Change the filter or the selection.")
    if len(found) > most and plan.first is None:
        raise DomainError("campaign.too_many", 422, f"Ask at most {most:,} suppliers at a time. Narrow the filter.")
    return found


def _find_recently_asked(session: Session, supplier_ids: Sequence[str]) -> set[str]:
    """Return which suppliers were asked in the last days, or are about to be: those that no email reached were not."""
    since = now().date() - timedelta(days=load_rules()["recent_days"])
    unasked = select(CampaignSupplier.asking_id).where(
        CampaignSupplier.state.in_(("bounced", "cancelled")), CampaignSupplier.asking_id.is_not(None)
    )
    found: set[str] = set()
    for ids in chunks(supplier_ids):
        last = select(QuestionnaireRequest.supplier_id).where(
            QuestionnaireRequest.supplier_id.in_(ids), QuestionnaireRequest.id.not_in(unasked)
        )
        last = last.group_by(QuestionnaireRequest.supplier_id)
        found.update(session.scalars(last.having(func.max(QuestionnaireRequest.sent_on) > since)))
        waiting = CampaignSupplier.supplier_id.in_(ids), CampaignSupplier.asking_id.is_(None)
        found.update(
            session.scalars(select(CampaignSupplier.supplier_id).where(CampaignSupplier.state == "queued", *waiting))
        )
    return found


def _load_forms(kind: str, form_id: str) -> list[Questionnaire]:
    """Return the forms to choose from: the one that was named, or all of a kind, those for a trade first."""
    forms = [form for form in map(load_form, list_form_ids()) if form.kind == kind]
    if form_id:
        forms = [form for form in forms if form.id == form_id]
    if not forms:
        raise DomainError("asking.form", 422, "This form does not exist, or is for another kind of supplier.")
    return sorted(forms, key=lambda form: not form.sectors)


def _choose_form(forms: Sequence[Questionnaire], supplier: Supplier) -> Questionnaire:
    """Return the form for the trade of a supplier: of a pack whose sector all its activities are in, else the general one."""
    codes = [str(code) for code in supplier.answers.get("sector") or ()]
    for form in forms:
        if form.sectors and codes and all(str(code).startswith(tuple(form.sectors)) for code in codes):
            return form
    return forms[-1]
