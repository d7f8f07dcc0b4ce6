"""Schedules: invalid rules, the times of a rule in its time zone, and changes to schedules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from callers import freeze_time, make_organisation
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from service.db.session import Database
from service.db.tables import AuditEvent
from service.errors import DomainError
from service.schedules import service as schedules

MORNING = datetime(2026, 3, 1, 5, tzinfo=UTC)


def daily(time: str) -> dict[str, str]:
    return {"kind": "fixed", "every": "day", "time": time}


def local(rule: dict[str, object], time_zone: str, after: datetime, n: int = 5) -> list[str]:
    """The next dates as the clocks of the zone show them."""
    times = schedules.list_next_dates(rule, time_zone, after, n)
    return [f"{moment.astimezone(ZoneInfo(time_zone)):%a %d %b %H:%M}" for moment in times]


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        ({"kind": "rolling"}, ["Sun 01 Mar 06:00", "Mon 02 Mar 06:00", "Tue 03 Mar 06:00"]),
        (daily("04:30"), ["Mon 02 Mar 04:30", "Tue 03 Mar 04:30", "Wed 04 Mar 04:30"]),
        (
            {"kind": "fixed", "every": "week", "day": "sunday", "time": "05:00"},
            ["Sun 08 Mar 05:00", "Sun 15 Mar 05:00", "Sun 22 Mar 05:00"],
        ),
        ({"kind": "fixed", "every": "month", "day": 28}, ["Sat 28 Mar 06:00", "Tue 28 Apr 06:00", "Thu 28 May 06:00"]),
        ({"kind": "fixed", "every": "quarter", "day": 1}, ["Wed 01 Apr 06:00", "Wed 01 Jul 06:00", "Thu 01 Oct 06:00"]),
    ],
)
def test_a_rule_gives_its_scheduled_times(rule: dict[str, object], dates: list[str]):
    assert local(rule, "UTC", MORNING, 3) == dates


def test_five_times_are_listed_by_default():
    assert len(schedules.list_next_dates({"kind": "rolling"}, "UTC", MORNING)) == 5


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({}, "schedule.kind"),
        ({"kind": "sometimes"}, "schedule.kind"),
        ({"kind": "fixed"}, "schedule.every"),
        ({"kind": "fixed", "every": "year"}, "schedule.every"),
        ({"kind": "fixed", "every": ["day"]}, "schedule.every"),
        ({"kind": "fixed", "every": "week", "day": 1}, "schedule.day"),
        ({"kind": "fixed", "every": "week", "day": "Funday"}, "schedule.day"),
        ({"kind": "fixed", "every": "month"}, "schedule.day"),
        ({"kind": "fixed", "every": "month", "day": 29}, "schedule.day"),
        ({"kind": "fixed", "every": "quarter", "day": 0}, "schedule.day"),
        ({"kind": "fixed", "every": "month", "day": True}, "schedule.day"),
        (daily("24:00"), "schedule.time"),
        (daily("6:00"), "schedule.time"),
        (daily("06:00\n"), "schedule.time"),
        (daily("٠٦:٠٠"), "schedule.time"),
        ({"kind": "rolling", "time": 6}, "schedule.time"),
        ({"kind": "rolling", "every": "day"}, "schedule.unknown_field"),
        ({"kind": "rolling", "cron": "* * * * *"}, "schedule.unknown_field"),
    ],
)
def test_an_invalid_rule_is_refused_with_its_code(rule: dict[str, object], code: str):
    with pytest.raises(DomainError) as refused:
        schedules.list_next_dates(rule, "UTC", MORNING)
    assert (refused.value.code, refused.value.status) == (code, 422)


@pytest.mark.parametrize("zone", ["", "Bangkok", "../../etc/passwd", "Europe", "CEST+2"])
def test_an_unknown_time_zone_is_refused(zone: str):
    with pytest.raises(DomainError) as refused:
        schedules.list_next_dates({"kind": "rolling"}, zone, MORNING)
    assert refused.value.code == "schedule.time_zone"


def test_a_time_skipped_in_spring_moves_by_as_much_as_the_clocks():
    after = datetime(2026, 3, 28, 0, tzinfo=UTC)
    assert local(daily("02:30"), "Europe/Berlin", after, 3) == [
        "Sat 28 Mar 02:30",
        "Sun 29 Mar 03:30",
        "Mon 30 Mar 02:30",
    ]


def test_a_time_that_occurs_twice_in_autumn_triggers_only_the_first_time():
    times = schedules.list_next_dates(daily("02:30"), "Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert times == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]
    between = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 02:00 for the second time
    assert schedules.list_next_dates(daily("02:30"), "Europe/Berlin", between, 1) == times[1:]


def test_a_date_that_a_time_zone_skipped_does_not_trigger_twice():
    times = schedules.list_next_dates(daily("06:00"), "Pacific/Apia", datetime(2011, 12, 29, 0, tzinfo=UTC), 3)
    assert times == [datetime(2011, 12, day, 16, tzinfo=UTC) for day in (29, 30, 31)]


def test_a_date_on_a_day_that_an_island_left_out_comes_on_the_day_after_however_late_one_asks():
    weekly = {"kind": "fixed", "every": "week", "day": "friday", "time": "06:00"}
    saturday = datetime(2011, 12, 30, 15, tzinfo=UTC)  # 05:00 on Saturday; there was no Friday
    assert local(weekly, "Pacific/Apia", saturday, 2) == ["Sat 31 Dec 06:00", "Fri 06 Jan 06:00"]


@examples(60)
@given(
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]
    ),
    days=st.integers(0, 5000),
    minutes=st.integers(0, 1439),
)
def test_a_daily_rule_triggers_once_on_every_day_of_its_zone(zone: str, days: int, minutes: int):
    after = MORNING + timedelta(days=days, minutes=minutes)
    times = schedules.list_next_dates(daily(f"{minutes // 60:02}:{minutes % 60:02}"), zone, after, 400)
    dates = [moment.astimezone(ZoneInfo(zone)).date() for moment in times]
    assert timedelta(0) < times[0] - after <= timedelta(hours=25)
    assert dates == [dates[0] + timedelta(days=n) for n in range(400)]


def test_a_schedule_is_stored_with_its_next_time_and_author(database: Database, monkeypatch: pytest.MonkeyPatch):
    freeze_time(monkeypatch, MORNING)
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        rule = {"kind": "fixed", "every": "week", "day": "monday"}
        created = schedules.create_schedule(session, " Each Monday ", rule, "Asia/Bangkok", "user:1").id
    with database.for_organisation(organisation_id) as session:
        stored = schedules.get_schedule(session, created)
        events = [(event.actor, event.action, event.object_id) for event in session.scalars(select(AuditEvent))]
    assert (stored.name, stored.time_zone, stored.active, stored.created_by) == (
        "Each Monday",
        "Asia/Bangkok",
        True,
        "user:1",
    )
    assert stored.rule == {"kind": "fixed", "every": "week", "day": "monday", "time": "06:00"}
    assert stored.next_due == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert events == [("user:1", "schedule.created", created)]


def test_a_schedule_needs_a_name(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        for name in ("", "  ", "x" * 201):
            with pytest.raises(DomainError) as refused:
                schedules.create_schedule(session, name, {"kind": "rolling"}, "UTC", "user:1")
            assert refused.value.code == "schedule.name"


def test_a_changed_rule_or_zone_gives_new_times(database: Database, monkeypatch: pytest.MonkeyPatch):
    freeze_time(monkeypatch, MORNING)
    with database.for_organisation(make_organisation(database)) as session:
        created = schedules.create_schedule(session, "Daily", daily("06:00"), "UTC", "user:1")
        schedules.update_schedule(session, created.id, "user:2", rule=daily("04:00"))
        assert created.next_due == datetime(2026, 3, 2, 4, tzinfo=UTC)
        schedules.update_schedule(session, created.id, "user:2", time_zone="America/Lima")
        assert created.next_due == datetime(2026, 3, 1, 9, tzinfo=UTC)
        with pytest.raises(DomainError):
            schedules.update_schedule(session, created.id, "user:2", rule={"kind": "never"})
        session.flush()
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [event.details["time"] for event in events] == ["06:00", "04:00", "04:00"]


def test_schedules_are_listed_by_next_time_with_paused_ones_last(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        for name, time in (("late", "23:59"), ("paused", "00:01"), ("early", "00:02")):
            schedules.create_schedule(
                session, name, {"kind": "fixed", "every": "month", "day": 1, "time": time}, "UTC", "user:1"
            )
        paused = next(one for one in schedules.list_schedules(session) if one.name == "paused")
        schedules.update_schedule(session, paused.id, "user:1", active=False)
        assert [one.name for one in schedules.list_schedules(session)] == ["early", "late", "paused"]


def test_a_deleted_schedule_is_removed_and_recorded_in_the_audit_trail(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        created = schedules.create_schedule(session, "Daily", daily("06:00"), "UTC", "user:1").id
        session.flush()
        schedules.delete_schedule(session, created, "user:2")
    with database.for_organisation(organisation_id) as session:
        assert schedules.list_schedules(session) == []
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
        assert actions == ["schedule.created", "schedule.deleted"]


def test_the_schedule_of_another_organisation_is_not_found(database: Database):
    with database.for_organisation(make_organisation(database, "One")) as session:
        created = schedules.create_schedule(session, "Daily", daily("06:00"), "UTC", "user:1").id
    refusals = []
    with database.for_organisation(make_organisation(database, "Other")) as session:
        for what, *by in (
            (schedules.get_schedule,),
            (schedules.delete_schedule, "user:2"),
            (schedules.update_schedule, "user:2"),
        ):
            for schedule_id in (created, "none at all"):
                with pytest.raises(DomainError) as refused:
                    what(session, schedule_id, *by)
                refusals.append((refused.value.code, refused.value.status, refused.value.detail))
    assert len(set(refusals)) == 1
    assert refusals[0][:2] == ("not_found", 404)


def test_the_day_of_a_run_is_that_of_its_time_zone():
    moment = schedules.list_next_dates(daily("00:30"), "Pacific/Auckland", MORNING, 1)[0]
    assert moment.astimezone(ZoneInfo("Pacific/Auckland")).date() == date(2026, 3, 2)
    assert moment.date() == date(2026, 3, 1)
