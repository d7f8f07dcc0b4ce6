"""Those who see to a step are reminded of it before, on and after its due date: once for each step and occasion."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from callers import make_organisation, make_user
from dying import begin, wait_for
from examples import TIMES, examples
from hypothesis import given
from hypothesis import strategies as st
from sample_objects import make_supplier
from sqlalchemy import func, select

from service.db.outbox_tables import Message
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import Supplier, new_id
from service.outbox import endpoints
from service.outbox.mail import build_mail
from service.remediation.reminders import Occasion, find_occasion, list_reminders, queue_all_reminders

TODAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def add_steps(database: Database, organisation_id: str, count: int = 1, **fields: object) -> list[str]:
    """Steps of a supplier; their ids. By default they were due yesterday."""
    with database.for_organisation(organisation_id) as session:
        supplier = make_supplier(session, {})
        session.add(supplier)
        session.flush()
        at = {"created_by": "user:ana", "created_at": NOON, "updated_at": NOON}
        standard = {"party": "supplier", "safety": False, "needs_workers": True, "worker_derived": False}
        steps = [
            Step(
                **{**standard, "due": TODAY - timedelta(days=1), **at, **fields},
                supplier_id=supplier.id, record_id=supplier.id,
                action=new_id(), actions_release="2026.4", actions_digest="0" * 64,
            )
            for _ in range(count)
        ]  # fmt: skip
        session.add_all(steps)
        session.flush()
        return [step.id for step in steps]


def list_queued(database: Database) -> list[tuple[str, str, str]]:
    with database.unscoped(write=False) as session:
        rows = session.execute(select(Message.event, Message.occasion, Message.recipient).order_by(Message.created_at))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("days", "safety", "expected"),
    [
        (8, False, None),
        (7, False, Occasion("step.due", 7)),
        (5, False, Occasion("step.due", 7)),
        (3, False, Occasion("step.due", 3)),
        (2, True, Occasion("step.due", 3)),
        (1, False, Occasion("step.due", 1)),
        (0, False, Occasion("step.due", 0)),
        (-1, False, Occasion("step.overdue", -1)),
        (-7, False, Occasion("step.overdue", -1)),
        (-8, False, Occasion("step.overdue", -8)),
        (-7, True, Occasion("step.overdue", -7)),
    ],
)
def test_the_latest_occasion_that_was_reached_counts(days: int, safety: bool, expected: Occasion | None):
    assert find_occasion(TODAY + timedelta(days=days), TODAY, safety=safety) == expected


@examples(50)
@given(st.integers(-100, 20), st.booleans())
def test_an_occasion_never_comes_before_its_day_and_a_later_day_never_has_an_earlier_one(left: int, safety: bool):
    due = TODAY + timedelta(days=left)
    occasion = find_occasion(due, TODAY, safety=safety)
    later = find_occasion(due, TODAY + timedelta(days=1), safety=safety)
    if occasion is not None:
        assert occasion.days >= left
        assert later is not None
        assert later.days <= occasion.days


def test_the_owner_is_reminded_once_for_each_occasion(database: Database):
    organisation_id = make_organisation(database)
    owner = make_user(database, organisation_id, "officer")
    make_user(database, organisation_id, "admin")
    (step,) = add_steps(database, organisation_id, due=TODAY + timedelta(days=7), owner_id=owner)
    for day in range(12):
        for hour in (1, 2):
            queue_all_reminders(database, NOON + timedelta(days=day, hours=hour))
    due = (TODAY + timedelta(days=7)).isoformat()
    assert list_queued(database) == [
        *(("step.due", f"{step} {due} {days}", owner) for days in (7, 3, 1, 0)),
        ("step.overdue", f"{step} {due} -1", owner),
    ]


def test_a_step_for_safety_is_brought_to_two_people(database: Database):
    organisation_id = make_organisation(database)
    owner, approver = (make_user(database, organisation_id, role) for role in ("officer", "approver"))
    make_user(database, organisation_id, "admin")
    add_steps(database, organisation_id, owner_id=owner, safety=True)
    queue_all_reminders(database, NOON)
    assert {recipient for *_, recipient in list_queued(database)} == {owner, approver}


def test_an_overdue_step_for_safety_is_brought_to_them_every_hour_of_the_first_days_and_then_every_day(
    sqlite_database: Database,
):
    organisation_id = make_organisation(sqlite_database, time_zone="Asia/Bangkok")
    owner = make_user(sqlite_database, organisation_id)
    add_steps(sqlite_database, organisation_id, owner_id=owner, safety=True)
    add_steps(sqlite_database, organisation_id, owner_id=owner)
    midnight = datetime(2026, 11, 1, 17, tzinfo=UTC)  # of the day after the due date, where the organisation is
    for hour in range(72):
        queue_all_reminders(sqlite_database, midnight + timedelta(hours=hour))
        queue_all_reminders(sqlite_database, midnight + timedelta(hours=hour, minutes=30))
    hours = [occasion.split(" ", 2)[2] for _, occasion, recipient in list_queued(sqlite_database) if recipient == owner]
    hourly = [f"-{day} {hour:02}:00" for day in (1, 2) for hour in range(7, 21)]
    assert sorted(hours) == sorted(["-1", "-2", "-3", *hourly, "-1"])


def test_a_step_without_an_owner_is_brought_to_an_admin(sqlite_database: Database):
    organisation_id = make_organisation(sqlite_database)
    make_user(sqlite_database, organisation_id, "officer")
    admin = make_user(sqlite_database, organisation_id, "admin")
    gone = make_user(sqlite_database, organisation_id, "officer", active=False)
    add_steps(sqlite_database, organisation_id, owner_id=gone)
    queue_all_reminders(sqlite_database, NOON)
    assert [recipient for *_, recipient in list_queued(sqlite_database)] == [admin]


@pytest.mark.parametrize("state", ["verified", "closed", "withheld"])
def test_nobody_is_reminded_of_a_step_in_which_nothing_is_to_be_done(sqlite_database: Database, state: str):
    organisation_id = make_organisation(sqlite_database)
    add_steps(sqlite_database, organisation_id, state=state, owner_id=make_user(sqlite_database, organisation_id))
    assert queue_all_reminders(sqlite_database, NOON) == 0


def test_a_date_that_is_moved_has_reminders_of_its_own(sqlite_database: Database):
    organisation_id = make_organisation(sqlite_database)
    owner = make_user(sqlite_database, organisation_id)
    (step,) = add_steps(sqlite_database, organisation_id, owner_id=owner)
    queue_all_reminders(sqlite_database, NOON)
    with sqlite_database.for_organisation(organisation_id) as session:
        session.get_one(Step, step).due = TODAY + timedelta(days=1)
    queue_all_reminders(sqlite_database, NOON)
    assert [event for event, *_ in list_queued(sqlite_database)] == ["step.overdue", "step.due"]


def test_a_reminder_of_what_workers_said_does_not_name_the_supplier(sqlite_database: Database):
    organisation_id = make_organisation(sqlite_database)
    owner = make_user(sqlite_database, organisation_id)
    add_steps(sqlite_database, organisation_id, owner_id=owner, worker_derived=True)
    add_steps(sqlite_database, organisation_id, owner_id=owner)
    with sqlite_database.for_organisation(organisation_id, write=False) as session:
        ((*events, _email),) = list_reminders(session, TODAY)
    assert sorted("supplier_id" in event.payload for event in events) == [False, True]


def test_several_steps_of_one_person_are_one_email_a_day(database: Database):
    organisation_id = make_organisation(database)
    owner, other = (make_user(database, organisation_id, "officer") for _ in range(2))
    soon, late, danger, told = (
        add_steps(database, organisation_id, owner_id=owner, **fields)[0]
        for fields in ({"due": TODAY + timedelta(days=3)}, {}, {"safety": True}, {"worker_derived": True})
    )
    add_steps(database, organisation_id, owner_id=other)
    queue_all_reminders(database, NOON)
    add_steps(database, organisation_id, 2, owner_id=owner)  # on a day on which there has been one
    queue_all_reminders(database, NOON + timedelta(minutes=30))
    queued = Counter((event, recipient) for event, _, recipient in list_queued(database) if recipient in (owner, other))
    assert queued == {("steps.due", owner): 1, ("step.overdue", owner): 1, ("step.overdue", other): 2}
    with database.for_organisation(organisation_id, write=False) as session:
        message = session.scalars(select(Message).where(Message.event == "steps.due")).one()
        mail = build_mail(session, message, "diligence@buyer.example", "https://diligence.example", NOON)
        name = session.scalars(select(Supplier.name).join(Step, Step.supplier_id == Supplier.id)).first()
    assert mail is not None
    assert mail["Subject"] == "3 steps due or overdue"
    text, at = mail.get_content(), "https://diligence.example/remediation/steps"
    assert f"{name}\n- Overdue since 1 Nov 2026: {at}/{late}\n- Due on 5 Nov 2026: {at}/{soon}\n" in text
    assert f"Other steps\n- Overdue since 1 Nov 2026: {at}/{told}\n" in text
    assert danger not in text
    queue_all_reminders(database, NOON + timedelta(days=1))
    assert [event for event, *_ in list_queued(database)].count("steps.due") == 2, "of the steps added later"


def test_steps_that_protect_people_are_listed_at_once_in_one_email_for_each_of_two_people(database: Database):
    organisation_id = make_organisation(database)
    first, second, approver = (
        make_user(database, organisation_id, role) for role in ("officer", "officer", "approver")
    )
    add_steps(database, organisation_id, 2, owner_id=first, safety=True)
    add_steps(database, organisation_id, owner_id=second, safety=True)
    add_steps(database, organisation_id, 2, owner_id=first)
    queue_all_reminders(database, NOON)
    expected = {
        ("steps.urgent", first): 1,
        ("steps.urgent", approver): 1,
        ("step.overdue", second): 1,
        ("steps.due", first): 1,
    }
    assert Counter((event, recipient) for event, _, recipient in list_queued(database)) == expected
    (late,) = add_steps(database, organisation_id, owner_id=first, safety=True)
    queue_all_reminders(database, NOON + timedelta(minutes=30))
    new = [row for row in list_queued(database) if row[1].startswith(late)]
    assert {(event, recipient) for event, _, recipient in new} == {("step.overdue", first), ("step.overdue", approver)}
    queue_all_reminders(database, NOON + timedelta(minutes=40))
    assert len(list_queued(database)) == 6, "nobody is told twice in an hour"
    queue_all_reminders(database, NOON + timedelta(hours=1))
    with database.for_organisation(organisation_id, write=False) as session:
        query = select(Message).where(Message.event == "steps.urgent", Message.recipient == approver)
        message = session.scalars(query.order_by(Message.created_at)).all()[-1]
        mail = build_mail(session, message, "diligence@buyer.example", "https://diligence.example", NOON)
    assert mail is not None
    assert mail["Subject"] == "Urgent: 4 steps that protect people are due or overdue"
    assert f"- Overdue since 1 Nov 2026: https://diligence.example/remediation/steps/{late}\n" in mail.get_content()


def test_a_day_is_that_of_the_organisation(sqlite_database: Database):
    organisation_id = make_organisation(sqlite_database, time_zone="Pacific/Kiritimati")  # 14 hours ahead
    owner = make_user(sqlite_database, organisation_id)
    add_steps(sqlite_database, organisation_id, due=TODAY, owner_id=owner)
    queue_all_reminders(sqlite_database, NOON)  # already tomorrow there
    assert [event for event, *_ in list_queued(sqlite_database)] == ["step.overdue"]


@pytest.mark.fault
@pytest.mark.suite("postgresql")
def test_two_schedulers_that_are_killed_queue_200_overdue_steps_once_each(database: Database):
    organisation_id = make_organisation(database)
    owner, second = (make_user(database, organisation_id, role) for role in ("officer", "approver"))
    with database.for_organisation(organisation_id) as session:
        endpoint, _ = endpoints.create_endpoint(
            session, "https://erp.example/", ["step.overdue"], b"k" * 32, "user:ana"
        )
    add_steps(database, organisation_id, 100, owner_id=owner)
    add_steps(database, organisation_id, 100, owner_id=owner, safety=True)
    points = ["write 1", "commit 1", "write 3"] + (
        [f"{what} {n}" for what in ("write", "commit") for n in (2, 4, 5)] if TIMES > 1 else []
    )
    ends = []
    for pair in zip([*points, "never"], [*points[::-1], "never"], strict=True):
        schedulers = [begin(database, until, lambda db: queue_all_reminders(db, NOON)) for until in pair]
        ends.append({wait_for(scheduler) for scheduler in schedulers})
    assert set.union(*ends) == {"killed", "ended"}
    assert ends[-1] == {"ended"}
    assert Counter(recipient for *_, recipient in list_queued(database)) == {owner: 2, second: 1, endpoint.id: 200}
    with database.unscoped(write=False) as session:
        of_steps = select(func.count(Message.occasion.distinct())).where(Message.event == "step.overdue")
        assert session.scalars(of_steps).one() == 200
