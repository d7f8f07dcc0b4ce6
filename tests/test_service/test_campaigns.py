"""Asking many suppliers at once: whom, by which mail, what becomes of it at each, and when silence counts."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from callers import freeze_time, make_organisation, make_user
from mail_server import Inbox, serve_mail
from openpyxl import load_workbook
from sqlalchemy import select

from service import links
from service.campaigns import board, campaigns, contacts, merge_file, outcomes, sending
from service.campaigns.outcomes import Change
from service.campaigns.rules import Calendar, choose_language, compute_due_at, load_rules
from service.campaigns.selection import MERGE_FILE, Plan, preview
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier, SupplierContact
from service.db.link_tables import SupplierLink
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.jobs.kinds import RUN_CAMPAIGN
from service.outbox import delivery
from service.outbox.delivery import Channels
from service.outbox.webhooks import Receiving
from service.queries.supplier_filter import SupplierFilter
from service.suppliers import repository as suppliers

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DUE = date(2026, 11, 30)


@dataclass
class Desk:
    """A buyer with suppliers, and what an officer and the service do about a campaign, at the moment ``at``."""

    database: Database
    organisation_id: str
    monkeypatch: pytest.MonkeyPatch
    at: datetime = START

    def go_to(self, at: datetime) -> None:
        """Set the clock of the service."""
        self.at = at
        freeze_time(self.monkeypatch, at)

    @contextmanager
    def session(self) -> Iterator:
        with self.database.for_organisation(self.organisation_id) as session:
            yield session

    def add_suppliers(self, count: int, country: str = "TH", *, addresses: bool = True, **answers: object) -> list[str]:
        """Suppliers S-1 to S-count, each with the mailbox office-1@ ..."""
        rows = [{"reference": f"S-{n}", "name": f"Cannery {n}", "country": country, **answers} for n in range(1, count + 1)]
        with self.session() as session:
            incoming = [suppliers.IncomingSupplier(row) for row in rows]
            suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(self.at.date(), self.at, "user:ana", "import"))
            found = session.scalars(select(Supplier).order_by(Supplier.created_at, Supplier.sort_name)).all()
            for supplier in found if addresses else ():
                self.give_address(session, supplier)
            return [supplier.id for supplier in found]

    def give_address(self, session, supplier: Supplier, email: str | None = None) -> SupplierContact:
        number = (supplier.reference or "").partition("-")[2]
        email = email or f"office-{number}@cannery.example"
        return contacts.save_contact(session, supplier, email, None, "user:ana", confirmed=True)

    def start(self, **plan: object) -> str:
        """A campaign for all suppliers, whose emails are queued."""
        with self.session() as session:
            chosen = Plan(**{"name": "Canneries", "due_on": DUE, **plan})
            campaign = campaigns.start_campaign(session, chosen, None, "user:ana")
        self.work()
        return campaign.id

    def work(self) -> None:
        """Do what the scheduler and the worker do."""
        sending.queue_due_campaigns(self.database, self.at)
        while (claimed := claim_job(self.database, "worker", kinds=[RUN_CAMPAIGN])) is not None:
            run_job(self.database, claimed, Handler(sending.run_campaign))

    def deliver(self, *, refused: tuple[str, ...] = ()) -> list[str]:
        """Let the mail server take every email but those to some addresses, and note it; return who got one."""
        with self.session() as session:
            waiting = session.scalars(select(Message).where(Message.state == "queued").order_by(Message.recipient)).all()
            for message in waiting:
                bounces = message.recipient in refused
                message.state, message.finished_at = "failed" if bounces else "sent", self.at
                message.code = "smtp.550" if bounces else None
        outcomes.note_all_deliveries(self.database)
        return [message.recipient for message in waiting if message.recipient not in refused]

    def change(self, campaign_id: str, action: str, *names: str, reason: str = "", how: str = "") -> int:
        with self.session() as session:
            query = select(CampaignSupplier.id).join(Supplier, Supplier.id == CampaignSupplier.supplier_id)
            ids = session.scalars(query.where(Supplier.reference.in_(names))).all()
            return outcomes.change_suppliers(session, campaign_id, ids, Change(action, reason, how), "user:ana")

    def get_states(self, campaign_id: str) -> dict[str, str]:
        with self.session() as session:
            shown = board.load_board(session, session.get_one(Campaign, campaign_id))
            return {entry.supplier.reference: entry.state for entry in shown.entries}

    def open_link(self, reference: str) -> None:
        """Somebody opens the newest link of a supplier."""
        with self.session() as session:
            query = select(SupplierLink).join(Supplier, Supplier.id == SupplierLink.supplier_id)
            link = session.scalars(query.where(Supplier.reference == reference).order_by(SupplierLink.created_at.desc())).first()
            link.opened_at = self.at

    def mark_returned(self, reference: str) -> None:
        with self.session() as session:
            query = select(QuestionnaireRequest).join(Supplier, Supplier.id == QuestionnaireRequest.supplier_id)
            session.scalars(query.where(Supplier.reference == reference)).one().returned_on = self.at.date()

    def get_answers(self, reference: str) -> dict:
        with self.session() as session:
            return dict(session.scalars(select(Supplier.answers).where(Supplier.reference == reference)).one())


@pytest.fixture
def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(database, make_organisation(database), monkeypatch)
    desk.go_to(START)
    return desk


def is_declined(answers: dict) -> bool:
    return "declined" in answers.values()


def test_each_supplier_is_asked_once_with_a_link_of_its_own(desk: Desk):
    desk.add_suppliers(3)
    campaign_id = desk.start()
    desk.work()
    with desk.session() as session:
        requests = session.scalars(select(QuestionnaireRequest)).all()
        messages = session.scalars(select(Message)).all()
    assert {request.due_on for request in requests} == {DUE}
    assert len(requests) == len({message.letter_values["path"] for message in messages}) == 3
    assert desk.deliver() == ["office-1@cannery.example", "office-2@cannery.example", "office-3@cannery.example"]
    assert desk.get_states(campaign_id) == {"S-1": "sent", "S-2": "sent", "S-3": "sent"}
