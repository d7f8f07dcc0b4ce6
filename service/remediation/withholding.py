"""Withhold stored steps that contact workers where the referral directory cannot help them yet (SAFE-4), as plans do.

Only a step that its action never makes due in hours is withheld, wherever its date was moved to, and only until it is done: what
was done stays on record. Whose country is not known cannot be helped, so those steps are withheld too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from service.db.remediation_tables import Step
from service.db.session import chunks
from service.db.tables import Supplier
from service.remediation.rules import DONE
from service.report_content.contact_gate import ContactGate, list_later_contacts, list_worker_places


def build_condition(session: Session, gate: ContactGate) -> ColumnElement[bool]:
    """Return the condition that selects the steps that a gate withholds."""
    contacts = and_(Step.action.in_(list_later_contacts()), Step.state.not_in(DONE))
    agencies = select(Supplier.id, Supplier.answers).where(
        Supplier.kind == "agency", Supplier.id.in_(select(Step.supplier_id).where(contacts))
    )
    ready = [id_ for id_, answers in session.execute(agencies) if gate.is_ready(list_worker_places("agency", answers))]
    sites = and_(Supplier.kind == "site", Supplier.country.in_(gate.ready))
    helped = select(Supplier.id).where(or_(sites, Supplier.id.in_(ready)))
    return and_(contacts, Step.supplier_id.not_in(helped))


def is_open_contact(step: Step) -> bool:
    """Return whether a gate may withhold a step: it contacts workers, is never due in hours, and is not done."""
    return step.action in list_later_contacts() and step.state not in DONE


def leave_out_withheld(gate: ContactGate, supplier: Supplier, steps: Sequence[Step]) -> tuple[list[Step], str]:
    """Return the steps of one supplier that a gate does not withhold, and the text that replaces the others; "" if there are
    none.
    """
    places = _list_supplier_places(supplier)
    if all(place in gate.ready for place in places):
        return list(steps), ""
    shown = [step for step in steps if not is_open_contact(step)]
    return shown, gate.describe(places) if len(shown) < len(steps) else ""


def describe_each(session: Session, gate: ContactGate, steps: Sequence[Step]) -> Mapping[str, str]:
    """Return the text that replaces each step that a gate withholds, by the id of the step."""
    contacts = [step for step in steps if is_open_contact(step)]
    suppliers: dict[str, Supplier] = {}
    for chunk in chunks(sorted({step.supplier_id for step in contacts})):
        suppliers |= {row.id: row for row in session.scalars(select(Supplier).where(Supplier.id.in_(chunk)))}
    texts = {id_: gate.describe(_list_supplier_places(supplier)) for id_, supplier in suppliers.items()}
    return {step.id: texts[step.supplier_id] for step in contacts if texts[step.supplier_id]}


def describe_withheld(session: Session, gate: ContactGate, withheld: Select[Step]) -> str:
    """Return the text that replaces the steps that a query selects, all of which are withheld; "" if it selects none."""
    ids = withheld.with_only_columns(Step.supplier_id)
    return gate.describe(place for place in _list_places(session, ids) if place not in gate.ready)


def _list_supplier_places(supplier: Supplier) -> Collection[str | None]:
    """Return the countries of the workers of a supplier (None: not known)."""
    if supplier.kind == "agency":
        return list_worker_places("agency", supplier.answers) or {None}
    return {supplier.country}


def _list_places(session: Session, ids: Select[str]) -> Iterator[str | None]:
    """Yield the countries of the workers of suppliers (None: not known)."""
    yield from session.scalars(select(Supplier.country).where(Supplier.kind == "site", Supplier.id.in_(ids)).distinct())
    agencies = select(Supplier.answers).where(Supplier.kind == "agency", Supplier.id.in_(ids))
    for answers in session.scalars(agencies):
        yield from list_worker_places("agency", answers) or [None]
