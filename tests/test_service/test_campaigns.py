"""Asking many suppliers at once: whom, by which mail, what becomes of it at each, and when silence counts."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, BrokenBarrierError
from urllib.parse import urlsplit

import pytest
from callers import freeze_time, make_organisation, make_user
from openpyxl import load_workbook
from sqlalchemy import select

from reports.document import ASSESSED_FROM_OUTSIDE, DRAFT
from service.campaigns import board, campaigns, contacts, merge_file, outcomes, sending
from service.campaigns.outcomes import Change
from service.campaigns.rules import choose_language, compute_due_at, load_rules
from service.campaigns.selection import MERGE_FILE, Plan, preview
from service.campaigns.stopping import stop_all_unsafe
from service.db.campaign_tables import Campaign, CampaignSupplier, SupplierContact
from service.db.exit_tables import ExitPaper
from service.db.link_tables import DraftAnswer, SupplierLink
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import AuditEvent, QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.jobs.kinds import RUN_CAMPAIGN
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.outbox.mail_texts import list_default_texts
from service.queries.supplier_filter import SupplierFilter
from service.questionnaires_sent.requests import create_request
from service.remediation.replies import get_draft_mark
from service.supplier_links import links
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
        rows = [
            {"reference": f"S-{n}", "name": f"Cannery {n}", "country": country, **answers} for n in range(1, count + 1)
        ]
        with self.session() as session:
            incoming = [suppliers.IncomingSupplier(row) for row in rows]
            suppliers.save_suppliers(
                session, "site", incoming, suppliers.Origin(self.at.date(), self.at, "user:ana", "import")
            )
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
            waiting = session.scalars(
                select(Message).where(Message.state == "queued").order_by(Message.recipient)
            ).all()
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
            link = session.scalars(
                query.where(Supplier.reference == reference).order_by(SupplierLink.created_at.desc())
            ).first()
            link.opened_at = self.at

    def mark_returned(self, reference: str) -> None:
        with self.session() as session:
            query = select(QuestionnaireRequest).join(Supplier, Supplier.id == QuestionnaireRequest.supplier_id)
            session.scalars(query.where(Supplier.reference == reference)).one().returned_on = self.at.date()

    def approve_exit(self, reference: str) -> None:
        with self.session() as session:
            supplier = session.scalars(select(Supplier).where(Supplier.reference == reference)).one()
            by = {"created_by": "user:ana", "created_at": self.at}
            fields = {"state": "approved", "leverage": [], "authors": [], "effect": "", "ends_on": DUE}
            session.add(ExitPaper(supplier_id=supplier.id, record_id=supplier.id, **fields, **by))

    def get_answers(self, reference: str) -> dict:
        with self.session() as session:
            return dict(session.scalars(select(Supplier.answers).where(Supplier.reference == reference)).one())


@pytest.fixture
def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    make_organisation(database, "Quay Trading")  # which has nothing to do with it
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


def test_the_preview_says_who_is_left_out_and_why(desk: Desk):
    ids = desk.add_suppliers(4, addresses=False)
    with desk.session() as session:
        known, recent, *_ = (session.get_one(Supplier, supplier_id) for supplier_id in ids)
        desk.give_address(session, known)
        desk.give_address(session, recent)
        sent_on = START.date() - timedelta(days=load_rules()["recent_days"] - 1)
        session.add(
            QuestionnaireRequest(
                supplier_id=recent.id,
                form="site",
                form_version="2026.1",
                sent_to="office",
                sent_on=sent_on,
                created_by="user:ana",
            )
        )
        session.flush()
        seen = preview(session, Plan(name="Canneries", due_on=DUE))
        again = preview(session, Plan(name="Canneries", due_on=DUE, again=True))
        by_own_mail = preview(session, Plan(name="Canneries", due_on=DUE, channel=MERGE_FILE))
    assert [one.supplier.id for one in seen.asked] == [known.id]
    assert {reason: len(found) for reason, found in seen.left_out.items()} == {"asked_recently": 1, "no_address": 2}
    assert [one.supplier.id for one in again.asked] == [known.id, recent.id]
    assert len(by_own_mail.asked) == 3


def test_the_first_suppliers_by_inherent_risk_are_asked_and_the_next_ones_later(desk: Desk):
    desk.add_suppliers(2, "DE")
    with desk.session() as session:
        incoming = [
            suppliers.IncomingSupplier({"reference": "S-9", "name": "Harbour 9", "country": "YE", "sector": ["0311"]})
        ]
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(START.date(), START, "user:ana", "import"))
        desk.give_address(session, session.scalars(select(Supplier).where(Supplier.reference == "S-9")).one())
    campaign_id = desk.start(first=1)
    assert desk.get_states(campaign_id) == {"S-9": "queued"}
    assert "S-9" not in desk.get_states(desk.start(name="The next", first=1))


def test_no_questionnaire_goes_to_a_place_where_a_state_imposes_the_labour(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    freeze_time(monkeypatch, datetime(2026, 12, 1, 9, tzinfo=UTC))  # before, no model knew of such places
    due_on = date(2026, 12, 20)
    ids = desk.add_suppliers(2, addresses=False)
    with desk.session() as session:
        mill, other = (session.get_one(Supplier, supplier_id) for supplier_id in ids)
        mill.answers = {**mill.answers, "country": "CN", "region": "Xinjiang", "sector": ["1311"]}
        seen = preview(session, Plan(name="Mills", due_on=due_on, channel=MERGE_FILE))
        first = preview(session, Plan(name="Mills", due_on=due_on, channel=MERGE_FILE, first=1))
        with pytest.raises(DomainError) as refused:
            create_request(session, mill, "site", "the manager", date(2026, 12, 1), "user:ana")
        marks = [
            get_draft_mark(session, some, datetime(2026, 12, 1, 9, tzinfo=UTC))
            for some in ([mill.id], [mill.id, other.id])
        ]
    assert marks == [ASSESSED_FROM_OUTSIDE, DRAFT]  # a report on the mill waits for no response
    assert [one.supplier.id for one in seen.left_out["asking.state_imposed"]] == [mill.id]
    assert [one.supplier.id for one in (*seen.asked, *first.asked)] == [other.id, other.id]
    assert (refused.value.code, refused.value.status) == ("asking.state_imposed", 409)


def test_each_supplier_gets_the_form_for_its_trade_and_sensitive_questions_stay_out(desk: Desk):
    desk.add_suppliers(1, sector=["0311"])
    with desk.session() as session:
        seen = preview(session, Plan(name="Vessels", due_on=DUE))
        assert seen.forms.keys() == {f"Fishing vessels {seen.asked[0].form.version}"}
        assert seen.sensitive == 0
    with desk.session() as session:
        session.scalars(select(Supplier)).one().answers = {"country": "CN", "sector": ["1020"]}
    with desk.session() as session:
        seen = preview(session, Plan(name="China", due_on=DUE, forms={"site": "site"}))
        assert (seen.asked[0].form.id, seen.sensitive) == ("site", 1)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"name": " "}, "campaign.name"),
        ({"due_on": START.date()}, "campaign.due_on"),
        ({"due_on": START.date() + timedelta(days=90)}, "campaign.due_on"),
        ({"channel": "pigeon"}, "campaign.channel"),
        ({"first": 0}, "campaign.first"),
        ({"forms": {"site": "agency"}}, "asking.form"),
        ({"filter": SupplierFilter(country="BR")}, "campaign.nobody"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_with_a_code(desk: Desk, plan: dict, code: str):
    desk.add_suppliers(1)
    with pytest.raises(DomainError) as refused:
        desk.start(**plan)
    assert (refused.value.code, refused.value.status) == (code, 422)


def test_a_campaign_starts_only_with_the_list_that_was_seen(desk: Desk):
    desk.add_suppliers(2)
    plan = Plan(name="Canneries", due_on=DUE)
    with desk.session() as session:
        digest = preview(session, plan).digest
        contacts.delete_contact(session, session.scalars(select(Supplier)).first(), "user:ana")
    with desk.session() as session, pytest.raises(DomainError) as refused:
        campaigns.start_campaign(session, plan, digest, "user:ana")
    assert refused.value.code == "campaign.changed"


def test_a_form_that_is_sent_twice_starts_one_campaign(desk: Desk):
    desk.add_suppliers(1)
    plan = Plan(name="Canneries", due_on=DUE)
    for _ in range(2):
        with desk.session() as session:
            campaigns.start_campaign(
                session, plan, preview(session, plan).digest if _ == 0 else "old", "user:ana", "c-1"
            )
    desk.work()
    with desk.session() as session:
        assert len(session.scalars(select(Campaign)).all()) == len(session.scalars(select(Message)).all()) == 1


def preview_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two starts of campaigns wait for each other before either has started one."""
    at_once = Barrier(2, timeout=0.5)

    def wait_and_preview(*given):
        with suppress(BrokenBarrierError):  # where only one of them is let in
            at_once.wait()
        return preview(*given)

    monkeypatch.setattr(campaigns, "preview", wait_and_preview)


def test_two_campaigns_that_start_at_the_same_moment_ask_each_supplier_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """Two officers press Start before either campaign has sent anything."""
    desk.add_suppliers(1)
    preview_together(monkeypatch)

    def start(_number: int) -> str:
        try:
            with desk.session() as session:
                return campaigns.start_campaign(session, Plan(name="Canneries", due_on=DUE), None, "user:ana").state
        except DomainError as refused:
            return refused.code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(start, range(2))) == ["campaign.nobody", "running"]
    desk.work()
    with desk.session() as session:
        assert len(session.scalars(select(Message)).all()) == 1


@pytest.mark.parametrize(
    ("country", "ends"),
    [
        ("TH", datetime(2026, 11, 30, 17, tzinfo=UTC)),
        ("US", datetime(2026, 12, 1, 10, tzinfo=UTC)),  # in Hawaii, where the day ends last
        (None, datetime(2026, 11, 30, 23, tzinfo=UTC)),  # in the buyer's time zone
    ],
)
def test_the_due_day_ends_where_the_supplier_is(country: str | None, ends: datetime):
    assert compute_due_at(DUE, country, "Europe/Paris") == ends


def test_an_email_is_in_a_language_only_if_there_is_a_text_in_it(monkeypatch: pytest.MonkeyPatch):
    texts = {
        "en": {"questionnaire.sent": 1},
        "th": {"questionnaire.sent": 1},
        "zh-Hans": {"questionnaire.sent": 1},
        "vi": {},
    }
    monkeypatch.setattr("service.campaigns.rules.list_default_texts", lambda: texts)
    chosen = [("TH", None), ("VN", None), ("CN", None), ("TH", "en"), ("DE", "th"), (None, None)]
    languages = [choose_language(country, language, "questionnaire.sent") for country, language in chosen]
    assert languages == ["th", "en", "zh-Hans", "en", "th", "en"]


def test_reminders_go_only_to_those_who_have_not_answered_and_once_each(desk: Desk):
    desk.add_suppliers(2)
    desk.start()
    desk.deliver()
    desk.mark_returned("S-2")
    reminded: dict[int, list[str]] = {}
    for days in range(-30, 40):
        desk.go_to(datetime(2026, 11, 30, 12, tzinfo=UTC) + timedelta(days=days))
        for _ in range(2):
            desk.work()
        if received := desk.deliver():
            reminded[-days] = received
    assert reminded == {days: ["office-1@cannery.example"] for days in (7, 3, 1, -3, -10)}


def test_reminders_that_were_missed_are_made_up_for_by_the_latest(desk: Desk):
    desk.add_suppliers(1)
    desk.start()
    desk.deliver()
    desk.go_to(datetime(2026, 11, 29, 12, tzinfo=UTC))
    desk.work()
    assert len(desk.deliver()) == 1


def test_a_supplier_that_an_approved_exit_paper_parts_with_is_not_reminded(desk: Desk):
    desk.add_suppliers(2)
    campaign_id = desk.start()
    desk.deliver()
    desk.approve_exit("S-1")
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    assert desk.deliver() == ["office-2@cannery.example"]
    with desk.session() as session:
        reasons = dict(session.execute(select(CampaignSupplier.reason, CampaignSupplier.state)).all())
    assert reasons == {"exited": "sent", None: "sent"}
    assert campaign_id


def test_two_starts_of_one_page_at_the_same_moment_start_one_campaign(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.add_suppliers(1)
    preview_together(monkeypatch)

    def start(_number: int) -> str:
        with desk.session() as session:
            chosen = Plan(name="Canneries", due_on=DUE)
            return campaigns.start_campaign(session, chosen, None, "user:ana", "c" * 36).id

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(start, range(2))) == {"c" * 36}
    with desk.session() as session:
        assert len(session.scalars(select(CampaignSupplier)).all()) == 1


def test_a_reminder_is_in_the_language_that_the_respondent_chose(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    texts = list_default_texts()
    monkeypatch.setattr("service.campaigns.rules.list_default_texts", lambda: {**texts, "th": texts["en"]})
    (supplier_id,) = desk.add_suppliers(1)
    desk.start()
    desk.deliver()
    with desk.session() as session:
        request = session.scalars(select(QuestionnaireRequest)).one()
        contacts.note_language(session, request.id, "th")
        assert contacts.get_contact(session, supplier_id).language == "th"
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    with desk.session() as session:
        waiting = session.scalars(select(Message.language).where(Message.state == "queued")).all()
    assert waiting == ["th"]


def test_a_mailbox_that_refuses_the_email_is_bounced_and_not_reminded(desk: Desk):
    desk.add_suppliers(2)
    campaign_id = desk.start()
    desk.deliver(refused=("office-1@cannery.example",))
    assert desk.get_states(campaign_id) == {"S-1": "bounced", "S-2": "sent"}
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    assert desk.deliver() == ["office-2@cannery.example"]


@pytest.mark.parametrize("country", ["PE", "TH"])
def test_an_email_names_the_last_day_of_its_link_where_the_supplier_is(desk: Desk, country: str):
    desk.add_suppliers(1, country)
    desk.start()
    with desk.session() as session:
        assert (
            session.scalars(select(Message.payload).where(Message.recipient != "")).one()["expires_on"] == "2026-12-30"
        )


@pytest.mark.parametrize("how", ["by the mail server", "by an officer"])
def test_a_bounced_email_never_becomes_declined(desk: Desk, how: str):
    desk.add_suppliers(1)
    campaign_id = desk.start()
    if how == "by the mail server":
        desk.deliver(refused=("office-1@cannery.example",))
    else:
        desk.deliver()
        desk.open_link("S-1")  # by a machine that looked at the mail before it was returned
        assert desk.change(campaign_id, "bounced", "S-1", reason="The mailbox is full.") == 1
    for days in (5, 15, 20, 60):
        desk.go_to(datetime(2026, 11, 30, 20, tzinfo=UTC) + timedelta(days=days))
        desk.work()
        desk.deliver()
    for action in ("refused", "declined"):
        with pytest.raises(DomainError) as refused:
            desk.change(campaign_id, action, "S-1", reason="No answer.", how="officer")
        assert refused.value.code == "campaign.bounced"
    assert not is_declined(desk.get_answers("S-1"))
    assert desk.get_states(campaign_id) == {"S-1": "bounced"}


def test_silence_counts_as_declined_only_if_the_link_was_opened(desk: Desk):
    desk.add_suppliers(2)
    campaign_id = desk.start()
    desk.deliver()
    desk.open_link("S-1")
    for days in (1, 13):
        desk.go_to(datetime(2026, 11, 30, 20, tzinfo=UTC) + timedelta(days=days))
        desk.work()
        assert not is_declined(desk.get_answers("S-1"))
    assert desk.get_states(campaign_id) == {"S-1": "late", "S-2": "late"}
    desk.go_to(datetime(2026, 11, 30, 20, tzinfo=UTC) + timedelta(days=15))
    desk.work()
    assert is_declined(desk.get_answers("S-1"))
    assert not is_declined(desk.get_answers("S-2"))
    assert desk.change(campaign_id, "declined", "S-1", "S-2", reason="The manager said that it will not come.") == 1
    assert is_declined(desk.get_answers("S-2"))
    assert desk.change(campaign_id, "refused", "S-1", reason="It says so.", how="officer") == 1
    with desk.session() as session:
        declined = session.scalars(select(AuditEvent.object_id).where(AuditEvent.action == "form.declined")).all()
    assert len(declined) == len(set(declined)) == 2, "once for each"


def test_silence_says_nothing_where_the_email_was_never_delivered(desk: Desk):
    desk.add_suppliers(1)
    desk.start()
    desk.deliver()
    desk.open_link("S-1")
    with desk.session() as session:
        session.scalars(select(CampaignSupplier)).one().delivered_at = None
    desk.go_to(datetime(2026, 12, 20, 12, tzinfo=UTC))
    desk.work()
    assert not is_declined(desk.get_answers("S-1"))


def test_what_an_earlier_form_showed_does_not_limit_what_silence_declines(desk: Desk):
    desk.add_suppliers(1, questions_shown=["name", "country"], form_version="site 2026.6", form_returned="2026-10-01")
    desk.start()
    desk.deliver()
    desk.open_link("S-1")
    desk.go_to(datetime(2026, 12, 20, 12, tzinfo=UTC))
    desk.work()
    assert is_declined(desk.get_answers("S-1"))


@pytest.mark.parametrize(("text", "is_begun"), [("free", True), ("", False)])
def test_what_was_answered_before_or_begun_is_not_declined(desk: Desk, text: str, is_begun: bool):
    desk.add_suppliers(1, papers_retention="worker_holds")
    desk.start()
    desk.deliver()
    desk.open_link("S-1")
    with desk.session() as session:
        asking = session.scalars(select(QuestionnaireRequest)).one().id
        session.add(
            DraftAnswer(
                asking_id=asking,
                question="movement",
                version=1,
                text=text,
                replaced_unseen=False,
                entered_by="link:1",
                entered_at=START,
            )
        )
    before = desk.get_answers("S-1")
    desk.go_to(datetime(2026, 12, 20, 12, tzinfo=UTC))
    desk.work()
    after = desk.get_answers("S-1")
    assert {question: after[question] for question in before} == before
    assert (after.get("movement") != "declined") == is_begun
    assert is_declined(after)


def test_a_supplier_that_refuses_is_not_reminded_and_counts_as_declined(desk: Desk):
    desk.add_suppliers(1)
    campaign_id = desk.start()
    desk.deliver()
    with pytest.raises(DomainError, match="reason"):
        desk.change(campaign_id, "refused", "S-1", how="mailbox")
    assert desk.change(campaign_id, "refused", "S-1", reason="It answers no questionnaires.", how="mailbox") == 1
    assert desk.get_states(campaign_id) == {"S-1": "refused"}
    assert is_declined(desk.get_answers("S-1"))
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    assert desk.deliver() == []


@pytest.mark.parametrize("action", ["refused", "bounced"])
def test_an_email_that_has_not_left_is_withdrawn_when_a_supplier_refuses_or_its_mailbox_does(desk: Desk, action: str):
    desk.add_suppliers(1)
    campaign_id = desk.start()
    assert desk.change(campaign_id, action, "S-1", reason="It says so.", how="mailbox") == 1
    assert desk.deliver() == []


def test_a_corrected_address_is_written_to_again(desk: Desk):
    (supplier_id,) = desk.add_suppliers(1)
    campaign_id = desk.start()
    desk.deliver(refused=("office-1@cannery.example",))
    assert desk.change(campaign_id, "send_again", "S-1") == 0
    desk.go_to(START + timedelta(days=1))
    with desk.session() as session:
        desk.give_address(session, session.get_one(Supplier, supplier_id), "desk@cannery.example")
    assert desk.change(campaign_id, "send_again", "S-1") == 1
    assert desk.deliver() == ["desk@cannery.example"]
    assert desk.get_states(campaign_id) == {"S-1": "sent"}


def test_a_supplier_that_was_left_out_is_asked_once_its_address_is_known(desk: Desk):
    first, second = desk.add_suppliers(2, addresses=False)
    with desk.session() as session:
        desk.give_address(session, session.get_one(Supplier, first))
    campaign_id = desk.start()
    assert desk.get_states(campaign_id) == {"S-1": "queued", "S-2": "left_out"}
    assert desk.change(campaign_id, "ask", "S-2") == 0
    with desk.session() as session:
        desk.give_address(session, session.get_one(Supplier, second))
    assert desk.change(campaign_id, "ask", "S-2") == 1
    desk.work()
    assert desk.deliver() == ["office-1@cannery.example", "office-2@cannery.example"]


def test_a_reminder_that_an_officer_sends_goes_out_once(desk: Desk):
    desk.add_suppliers(1)
    campaign_id = desk.start()
    assert desk.change(campaign_id, "remind", "S-1") == 0  # the first email has not left
    desk.deliver()
    assert desk.change(campaign_id, "remind", "S-1") == 1
    assert desk.change(campaign_id, "remind", "S-1") == 0
    assert desk.deliver() == ["office-1@cannery.example"]


def test_a_reminder_that_could_not_leave_is_replaced_by_the_next(desk: Desk):
    desk.add_suppliers(1)
    desk.start()
    desk.deliver()
    for day in (24, 28):  # the mail server cannot be reached for days
        desk.go_to(datetime(2026, 11, day, 12, tzinfo=UTC))
        desk.work()
    assert desk.deliver() == ["office-1@cannery.example"]


def test_nothing_leaves_while_a_campaign_is_paused(desk: Desk):
    desk.add_suppliers(2)
    campaign_id = desk.start()
    with desk.session() as session:
        campaigns.pause_campaign(session, campaign_id, "user:ana")
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    assert desk.deliver() == []
    with pytest.raises(DomainError) as refused:
        desk.change(campaign_id, "remind", "S-1")
    assert refused.value.code == "campaign.not_running"
    with desk.session() as session:
        campaigns.resume_campaign(session, campaign_id, "user:ana")
    assert len(desk.deliver()) == 2


def test_cancelling_revokes_links_and_withdraws_emails_for_good(desk: Desk):
    desk.add_suppliers(3)
    campaign_id = desk.start()
    desk.mark_returned("S-3")
    assert desk.change(campaign_id, "cancel", "S-2") == 1
    with desk.session() as session:
        campaigns.cancel_campaign(session, campaign_id, "user:ana")
        assert all(link.revoked_at for link in session.scalars(select(SupplierLink)))
    assert desk.get_states(campaign_id) == {"S-1": "cancelled", "S-2": "cancelled", "S-3": "returned"}
    assert desk.deliver() == []
    with desk.session() as session:
        assert all(message.letter_values is None for message in session.scalars(select(Message)))
        with pytest.raises(DomainError) as refused:
            campaigns.resume_campaign(session, campaign_id, "user:ana")
    assert refused.value.code == "campaign.cancelled"


def test_a_questionnaire_stops_where_a_state_turns_out_to_impose_the_labour(desk: Desk):
    desk.go_to(datetime(2026, 12, 1, 9, tzinfo=UTC))
    desk.add_suppliers(3, country="CN", sector=["1311"])
    admin = make_user(desk.database, desk.organisation_id, "admin")
    campaign_id = desk.start(due_on=date(2026, 12, 20))
    desk.deliver()
    with desk.session() as session:
        for supplier in session.scalars(select(Supplier).where(Supplier.reference != "S-1")):
            supplier.answers = {**supplier.answers, "region": "Xinjiang"}
    desk.mark_returned("S-3")
    assert desk.change(campaign_id, "remind", "S-1", "S-2") == 1
    assert desk.deliver() == ["office-1@cannery.example"]
    assert stop_all_unsafe(desk.database, desk.at) == 1
    assert stop_all_unsafe(desk.database, desk.at) == 0
    assert desk.get_states(campaign_id) == {"S-1": "sent", "S-2": "cancelled", "S-3": "returned"}
    with desk.session() as session:
        stopped = session.scalars(select(QuestionnaireRequest).where(QuestionnaireRequest.closed_as == "unsafe")).one()
        links = session.scalars(select(SupplierLink).where(SupplierLink.revoked_at.is_not(None))).all()
        assert {link.asking_id for link in links} == {stopped.id}
        row = session.scalars(select(CampaignSupplier).where(CampaignSupplier.asking_id == stopped.id)).one()
        assert (row.reason, row.declined_on) == ("asking.state_imposed", None)
        told = session.scalars(select(Message).where(Message.event == "questionnaire.stopped")).one()
        assert (told.user_id, told.payload["questionnaire_id"]) == (admin, stopped.id)
    desk.go_to(datetime(2027, 1, 10, 12, tzinfo=UTC))
    desk.work()
    assert "office-2@cannery.example" not in desk.deliver()


def read_merge_file(desk: Desk, campaign_id: str, scope: str = "unsent", format: str = "csv") -> list[list[str]]:  # noqa: A002
    with desk.session() as session:
        lines = merge_file.create_links(session, campaign_id, scope, "https://harbour.example", "user:ana")
    data = merge_file.write_merge_file(lines, format)
    if format == "csv":
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    return [list(row) for row in load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)]


def test_a_merge_file_has_a_link_for_each_supplier_once(desk: Desk):
    ids = desk.add_suppliers(2, addresses=False)
    with desk.session() as session:
        session.get_one(Supplier, ids[0]).name = "=cmd|' /C calc'!A0"
    campaign_id = desk.start(channel=MERGE_FILE)
    header, *lines = read_merge_file(desk, campaign_id)
    assert header == ["Supplier", "Reference", "Email", "Link", "Due date"]
    assert sorted(line[1] for line in lines) == ["S-1", "S-2"]
    assert not any(line[0].startswith("=") for line in lines)
    assert {line[4] for line in lines} == {"2026-11-30"}
    with desk.database.unscoped() as session:
        tokens = [urlsplit(line[3]).path.removeprefix("/questionnaire/") for line in lines]
        found = [links.find_link(session, token, links.QUESTIONNAIRE) for token in tokens]
    assert sorted(link.supplier_id for link in found) == sorted(ids)
    assert desk.get_states(campaign_id) == {"S-1": "sent", "S-2": "sent"}
    with pytest.raises(DomainError) as refused:
        read_merge_file(desk, campaign_id)
    assert refused.value.code == "merge_file.nobody"
    desk.mark_returned("S-1")
    assert [line[1] for line in read_merge_file(desk, campaign_id, "open", "xlsx")[1:]] == ["S-2"]
    desk.go_to(datetime(2026, 11, 23, 12, tzinfo=UTC))
    desk.work()
    assert desk.deliver() == []  # whoever sends the emails sends the reminders


def test_what_goes_into_a_merge_file_is_not_mailed_as_well(desk: Desk):
    desk.add_suppliers(1)
    campaign_id = desk.start()
    read_merge_file(desk, campaign_id)
    assert desk.deliver() == []


def test_the_board_shows_what_moved_since_the_campaign_started(desk: Desk):
    (supplier_id,) = desk.add_suppliers(1)
    campaign_id = desk.start()
    desk.deliver()
    desk.go_to(START + timedelta(days=2))
    desk.mark_returned("S-1")
    with desk.session() as session:
        supplier = session.get_one(Supplier, supplier_id)
        before, supplier.level = supplier.level, "high"
        session.flush()
        shown = board.load_board(session, session.get_one(Campaign, campaign_id))
    assert shown.moved == 1
    assert (shown.entries[0].level_before, shown.counts["returned"]) == (before, 1)


def sheet(*rows: str) -> bytes:
    return "\n".join(("Reference,Name,Email", *rows)).encode()


def test_addresses_come_from_a_sheet_all_or_none(desk: Desk):
    desk.add_suppliers(2, addresses=False)
    good = sheet("S-1,,office@one.example", ",Cannery 2,office@two.example", "S-3,,")
    with desk.session() as session:
        assert contacts.save_sheet(session, good, "a.csv", "user:ana", confirmed=True) == contacts.Saved(2, 0)
        assert contacts.save_sheet(session, good, "a.csv", "user:ana", confirmed=True) == contacts.Saved(0, 2)
    bad = sheet(
        "S-1,,desk@one.example", "S-9,,office@nine.example", "S-2,,not an address", ",Cannery 1,office@one.example"
    )
    with desk.session() as session, pytest.raises(DomainError) as refused:
        contacts.save_sheet(session, bad, "a.csv", "user:ana", confirmed=True)
    assert refused.value.code == "contact.file"
    assert "C3: there is no supplier called “S-9”" in refused.value.detail
    assert "C4: “not an address” is not an email address" in refused.value.detail
    assert (
        "C5: an earlier row gives this supplier the address desk@one.example. Keep only one of the two."
        in refused.value.detail
    )
    with desk.session() as session:
        assert {one.email for one in session.scalars(select(SupplierContact))} == {
            "office@one.example",
            "office@two.example",
        }


@pytest.mark.parametrize(
    ("email", "language", "confirmed", "code"),
    [
        ("two@a.example, three@a.example", None, True, "contact.email"),
        ("office@a.example", "tlh", True, "contact.language"),
        ("office@a.example", None, False, "contact.unconfirmed"),
    ],
)
def test_an_address_is_saved_only_when_it_is_one_and_confirmed(
    desk: Desk, email: str, language: str | None, confirmed: bool, code: str
):
    (supplier_id,) = desk.add_suppliers(1, addresses=False)
    with desk.session() as session, pytest.raises(DomainError) as refused:
        contacts.save_contact(
            session, session.get_one(Supplier, supplier_id), email, language, "user:ana", confirmed=confirmed
        )
    assert refused.value.code == code


def test_a_supplier_that_has_been_sent_too_many_links_holds_up_no_other(desk: Desk):
    ids = desk.add_suppliers(2)
    with desk.session() as session:
        supplier = session.get_one(Supplier, ids[0])
        for _ in range(links.MOST_LINKS):
            links.create_link(session, supplier, "management", 30, "user:ana")
    campaign_id = desk.start()
    assert desk.get_states(campaign_id) == {"S-1": "left_out", "S-2": "queued"}
    with desk.session() as session:
        assert len(session.scalars(select(QuestionnaireRequest)).all()) == 1
