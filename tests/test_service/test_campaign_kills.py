"""Many suppliers asked by email through a real mail server, by two schedulers that are killed again and again."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from callers import freeze_time, make_organisation
from dying import begin, wait_for
from examples import TIMES
from mail_server import Inbox, serve_mail
from sqlalchemy import func, select, update

from service.campaigns import board, campaigns, sending
from service.campaigns.outcomes import note_all_deliveries
from service.campaigns.selection import Plan
from service.clock import now
from service.db.campaign_tables import Campaign, CampaignSupplier, SupplierContact
from service.db.job_tables import Job
from service.db.link_tables import SupplierLink
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Supplier
from service.jobs import kinds, table, worker
from service.outbox.delivery import Channels, deliver_next
from service.outbox.exchange import Receiving
from service.outbox.mail import MailServer
from service.suppliers import repository as suppliers
from service.wiring.job_handlers import build_handlers

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DUE = date(2026, 11, 16)
SUPPLIERS, UNKNOWN, RETURNED, OPENED = (200, 20, 100, 5) if TIMES > 1 else (60, 6, 30, 2)
PORTION = SUPPLIERS // 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MailServer, Inbox]]:
    with serve_mail(tmp_path_factory.mktemp("mail")) as served:
        yield served


def add_suppliers(database: Database, organisation_id: str) -> None:
    """Suppliers in Thailand with an address each."""
    rows = [{"reference": f"S-{n:03}", "name": f"Cannery {n}", "country": "TH"} for n in range(SUPPLIERS)]
    with database.for_organisation(organisation_id) as session:
        incoming = [suppliers.IncomingSupplier(row) for row in rows]
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(START.date(), START, "user:ana", "import"))
        session.flush()
        session.add_all(
            SupplierContact(
                supplier_id=supplier.id,
                email=f"{supplier.reference}@mail.example",
                confirmed_by="user:ana",
                confirmed_at=START,
            )
            for supplier in session.scalars(select(Supplier))
        )


def do_what_is_due(db: Database, at: datetime) -> None:
    """Do, as scheduler and worker, what is due in campaigns at a moment. The jobs of a killed process are taken over at once."""
    with pytest.MonkeyPatch.context() as patch:
        freeze_time(patch, at)
        sending.PORTION, table.BACK_OFF = PORTION, 0.0
        with db.unscoped() as session:
            session.execute(update(Job).where(Job.state == "running").values(lease_until=now()))
        note_all_deliveries(db)
        sending.queue_due_campaigns(db, now())
        handlers = build_handlers(None)
        while (claimed := table.claim_job(db, "mortal", kinds=[kinds.RUN_CAMPAIGN])) is not None:
            worker.run_job(db, claimed, handlers[claimed.kind])


def run(database: Database, at: datetime, *deaths: str) -> None:
    """Let two processes at a time do what is due, which die in different places, until nothing is left to do."""
    ends = set()
    for pair in zip([*deaths, "never", "never"], [*deaths[::-1], "never", "never"], strict=True):
        both = [begin(database, until, lambda db: do_what_is_due(db, at)) for until in pair]
        ends |= {wait_for(process) for process in both}
    assert ends == {"killed", "ended"}
    with database.unscoped(write=False) as session:
        assert not set(session.scalars(select(Job.state))) & {"queued", "running"}


def deliver(database: Database, server: MailServer) -> None:
    channels = Channels(server, Receiving(), (b"k" * 32,))
    while deliver_next(database, channels, "mail"):
        pass


def count(database: Database, column: object) -> int:
    with database.unscoped(write=False) as session:
        return session.scalars(select(func.count(column))).one()


@pytest.mark.fault
@pytest.mark.suite("postgresql")
def test_a_campaign_whose_senders_are_killed_reaches_each_supplier_once(
    database: Database, server: tuple[MailServer, Inbox], monkeypatch: pytest.MonkeyPatch
):
    mail_server, inbox = server
    inbox.mails.clear()
    inbox.unknown = {f"S-{n:03}@mail.example" for n in range(UNKNOWN)}
    freeze_time(monkeypatch, START)
    organisation_id = make_organisation(database)
    add_suppliers(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        campaign_id = campaigns.start_campaign(session, Plan(name="Canneries", due_on=DUE), None, "user:ana").id

    run(database, START, "write 20", "commit 3", f"write {SUPPLIERS}")
    assert (
        count(database, QuestionnaireRequest.id)
        == count(database, SupplierLink.id)
        == count(database, Message.id)
        == SUPPLIERS
    )
    deliver(database, mail_server)
    received = Counter(str(mail["To"]) for mail in inbox.mails)
    assert len(received) == SUPPLIERS - UNKNOWN
    assert set(received.values()) == {1}
    assert not received.keys() & inbox.unknown
    assert len({mail["Message-ID"] for mail in inbox.mails}) == SUPPLIERS - UNKNOWN
    note_all_deliveries(database)
    asked = take_states(database, organisation_id, campaign_id)
    assert (asked["sent"], asked["bounced"]) == (SUPPLIERS - UNKNOWN, UNKNOWN)

    answer(database, organisation_id)
    before = count(database, Message.id)
    reminders_at = datetime(2026, 11, 9, 9, tzinfo=UTC)
    run(database, reminders_at, "write 10", "commit 2")
    assert count(database, Message.id) - before == SUPPLIERS - UNKNOWN - RETURNED
    with database.unscoped(write=False) as session:
        reminded = session.scalars(select(Message.recipient).where(Message.event == "questionnaire.reminder")).all()
    assert len(set(reminded)) == len(reminded)
    assert not inbox.unknown & set(reminded)

    with database.unscoped() as session:
        for message in session.scalars(select(Message).where(Message.state == "queued")):
            message.state, message.finished_at = "sent", reminders_at
    run(database, datetime(2026, 12, 1, 9, tzinfo=UTC), "write 10", "commit 2")
    freeze_time(monkeypatch, datetime(2026, 12, 1, 9, tzinfo=UTC))
    late = take_states(database, organisation_id, campaign_id)
    assert (late["returned"], late["bounced"], late["late"]) == (RETURNED, UNKNOWN, SUPPLIERS - UNKNOWN - RETURNED)
    with database.for_organisation(organisation_id, write=False) as session:
        declined = session.scalars(
            select(Supplier.reference)
            .join(CampaignSupplier, CampaignSupplier.supplier_id == Supplier.id)
            .where(CampaignSupplier.declined_on.is_not(None))
        ).all()
        answered_no = [s.reference for s in session.scalars(select(Supplier)) if "declined" in s.answers.values()]
    assert sorted(declined) == sorted(answered_no) == [f"S-{n:03}" for n in range(SUPPLIERS - OPENED, SUPPLIERS)]


def take_states(database: Database, organisation_id: str, campaign_id: str) -> dict[str, int]:
    with database.for_organisation(organisation_id, write=False) as session:
        return dict(board.load_board(session, session.get_one(Campaign, campaign_id)).counts)


def answer(database: Database, organisation_id: str) -> None:
    """Some suppliers return the questionnaire in time, and the last few only open it. One that bounced is opened too."""
    with database.for_organisation(organisation_id) as session:
        for request in session.scalars(select(QuestionnaireRequest)):
            number = int(session.get_one(Supplier, request.supplier_id).reference[2:])
            if UNKNOWN <= number < UNKNOWN + RETURNED:
                request.returned_on = START.date() + timedelta(days=3)
            if number >= SUPPLIERS - OPENED or number == 0:
                link = session.scalars(select(SupplierLink).where(SupplierLink.asking_id == request.id)).one()
                link.opened_at = START
