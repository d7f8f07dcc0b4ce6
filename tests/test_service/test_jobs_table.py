"""The table of jobs: put there with their cause, claimed by one, resumed by another, and in effect once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Thread

import pytest
from callers import an_organisation, stop_the_clock
from patience import PATIENCE
from processes import job
from sqlalchemy import select

from service.clock import now
from service.db.session import Database
from service.db.tables import AuditEvent, Job, Organisation
from service.errors import DomainError
from service.jobs import table

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Broken(Exception):
    """A transaction that does not come to its end."""


def put(database: Database, kind: str = "count", organisation_id: str = "", not_before: datetime | None = None) -> str:
    """A job on the table, of a new organisation unless told; its id."""
    with database.of(organisation_id or an_organisation(database, kind)) as session:
        return table.enqueue(session, kind, {}, "user:1", not_before).id


def rename(database: Database, claimed: table.Claimed, name: str, **saved: object) -> None:
    """An effect that shows: the name of the organisation."""
    with table.effect(database, claimed, **saved) as session:
        session.get_one(Organisation, claimed.organisation_id).name = name


def name_of(database: Database, claimed: table.Claimed) -> str:
    with database.across(write=False) as session:
        return session.get_one(Organisation, claimed.organisation_id).name


def test_a_job_is_on_the_table_only_if_what_asked_for_it_is_committed(database: Database):
    organisation_id = an_organisation(database)
    with suppress(Broken), database.of(organisation_id) as session:
        table.enqueue(session, "count", {}, "user:1")
        session.flush()
        raise Broken
    assert table.claim(database, "w") is None


def test_a_job_is_claimed_once_with_all_that_it_needs(database: Database):
    organisation_id = an_organisation(database)
    with database.of(organisation_id) as session:
        table.enqueue(session, "count", {"of": 3}, "user:1")
    claimed = table.claim(database, "w")
    assert (claimed.kind, claimed.payload, claimed.checkpoint) == ("count", {"of": 3}, {})
    assert (claimed.organisation_id, claimed.actor) == (organisation_id, "user:1")
    assert (claimed.fence, claimed.attempt, claimed.cancel) == (1, 1, False)
    assert table.claim(database, "w") is None


def test_jobs_are_claimed_in_the_order_in_which_they_may_begin(database: Database):
    at = now()
    ids = [put(database, f"kind {hour}", not_before=at - hour * timedelta(hours=1)) for hour in (1, 3, 2)]
    assert [table.claim(database, "w").id for _ in ids] == [ids[1], ids[2], ids[0]]


def test_a_job_for_later_waits_until_then(database: Database, monkeypatch: pytest.MonkeyPatch):
    at = now()
    put(database, not_before=at + DAY)
    assert table.claim(database, "w") is None
    stop_the_clock(monkeypatch, at + DAY)
    assert table.claim(database, "w") is not None


def test_a_worker_is_given_only_what_it_can_do(database: Database):
    put(database, "new kind")
    assert table.claim(database, "w", kinds={"count"}) is None
    assert table.claim(database, "w", kinds={"count", "new kind"}) is not None


def test_workers_that_claim_at_the_same_moment_never_get_the_same_job(database: Database):
    organisation_id = an_organisation(database)
    ids = {put(database, organisation_id=organisation_id) for _ in range(24)}

    def claim_all(owner: int) -> list[str]:
        claimed = []
        while (one := table.claim(database, f"w{owner}")) is not None:
            claimed.append(one.id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        found = [one for claimed in pool.map(claim_all, range(4)) for one in claimed]
    assert sorted(found) == sorted(ids)


def test_while_one_worker_is_claiming_another_gets_the_next_job(database: Database):
    organisation_id = an_organisation(database)
    ids = [put(database, organisation_id=organisation_id) for _ in range(2)]
    if database.engine.dialect.name == "postgresql":
        with database.across() as session:
            session.scalars(select(Job).where(Job.id == ids[0]).with_for_update()).one()
            claimed: list[str] = []
            other = Thread(target=lambda: claimed.append(table.claim(database, "w").id), daemon=True)
            other.start()
            other.join(PATIENCE)
            assert claimed == [ids[1]]
    else:  # one transaction writes at a time: the second claim comes after the first
        assert [table.claim(database, "w").id for _ in ids] == ids


def test_a_lease_that_ran_out_lets_another_claim_the_job_and_the_first_writes_nothing_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    put(database)
    at = now()
    first = table.claim(database, "w1", lease_seconds=60)
    rename(database, first, "by the first", checkpoint={"step": 1})
    stop_the_clock(monkeypatch, at + 50 * SECOND)
    assert table.claim(database, "w2") is None
    stop_the_clock(monkeypatch, at + 120 * SECOND)
    second = table.claim(database, "w2")
    assert (second.fence, second.attempt, second.checkpoint) == (2, 2, {"step": 1})

    with pytest.raises(table.LostLease):
        rename(database, first, "by the dead", checkpoint={"step": 9})
    for end in (
        lambda: table.end(database, first, "done"),
        lambda: table.requeue(database, first, ""),
    ):
        with pytest.raises(table.LostLease):
            end()
    assert table.heartbeat(database, first) is False
    assert name_of(database, first) == "by the first"
    assert job(database, first.id).state == "running"
    rename(database, second, "by the second")
    assert name_of(database, first) == "by the second"


def test_a_lease_is_as_long_as_it_was_asked_for(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at = now()
    stop_the_clock(monkeypatch, at)
    table.claim(database, "w1", lease_seconds=60)
    stop_the_clock(monkeypatch, at + 59 * SECOND)
    assert table.claim(database, "w2") is None
    stop_the_clock(monkeypatch, at + 60 * SECOND)
    assert table.claim(database, "w2").fence == 2


def test_a_message_that_is_longer_than_its_column_is_cut(database: Database):
    put(database)
    long = "Row 7 of the sheet cannot be used. " * 20
    claimed = table.claim(database, "w")
    rename(database, claimed, "on the way", message=long)
    assert job(database, claimed.id).message == long[:200]
    table.requeue(database, claimed, f"Once more. {long}", counted=False)
    assert job(database, claimed.id).message == f"Once more. {long}"[:200]
    with database.across() as session:
        session.get_one(Job, claimed.id).not_before = now()
    table.end(database, table.claim(database, "w"), "failed", f"In the end: {long}")
    assert job(database, claimed.id).message == f"In the end: {long}"[:200]


def test_a_lease_is_kept_by_a_heartbeat_and_by_an_effect(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at = now()
    claimed = table.claim(database, "w1", lease_seconds=60)
    stop_the_clock(monkeypatch, at + 50 * SECOND)
    assert table.heartbeat(database, claimed) is True
    stop_the_clock(monkeypatch, at + 100 * SECOND)
    assert table.claim(database, "w2") is None
    rename(database, claimed, "still here")
    stop_the_clock(monkeypatch, at + 150 * SECOND)
    assert table.claim(database, "w2") is None


def test_a_heartbeat_that_comes_after_the_end_renews_nothing(database: Database):
    put(database)
    claimed = table.claim(database, "w")
    table.end(database, claimed, "failed", "There is nothing.")
    assert table.heartbeat(database, claimed) is False
    assert job(database, claimed.id).lease_until is None


def test_the_checkpoint_is_saved_with_its_effect_or_neither_is(database: Database):
    put(database)
    claimed = table.claim(database, "w")
    rename(database, claimed, "one", checkpoint={"step": 1}, progress=0.5, message="Half way")
    with suppress(Broken), table.effect(database, claimed, checkpoint={"step": 2}, progress=0.9) as session:
        session.get_one(Organisation, claimed.organisation_id).name = "two"
        session.flush()
        raise Broken
    now_is = job(database, claimed.id)
    assert (name_of(database, claimed), now_is.checkpoint, now_is.progress) == ("one", {"step": 1}, 0.5)
    assert now_is.message == "Half way"


def test_an_effect_with_a_result_ends_the_job_with_it(database: Database):
    put(database)
    claimed = table.claim(database, "w")
    rename(database, claimed, "last", result={"rows": 7})
    ended = job(database, claimed.id)
    assert (ended.state, ended.result, ended.progress, ended.lease_until) == ("done", {"rows": 7}, 1.0, None)
    assert ended.finished_at is not None
    with pytest.raises(table.LostLease):
        rename(database, claimed, "after the last")


def test_an_effect_sees_the_rows_of_its_organisation_only(database: Database):
    other = put(database, "other")
    put(database, "mine", not_before=now() - DAY)
    claimed = table.claim(database, "w")
    with table.effect(database, claimed) as session:
        assert session.scalars(select(Job.kind)).all() == ["mine"]
        with pytest.raises(DomainError, match="no such job"):
            table.get(session, other)


def test_a_cancelled_job_writes_nothing_more_and_keeps_what_it_wrote(database: Database):
    put(database)
    claimed = table.claim(database, "w")
    rename(database, claimed, "before")
    with database.of(claimed.organisation_id) as session:
        table.cancel(session, claimed.id, "user:2")
        table.cancel(session, claimed.id, "user:2")
    with pytest.raises(table.Cancelled):
        rename(database, claimed, "after")
    assert name_of(database, claimed) == "before"
    with database.of(claimed.organisation_id) as session:
        events = session.scalars(select(AuditEvent)).all()
    assert [(event.actor, event.action, event.object_id) for event in events] == [
        ("user:2", "job.cancelled", claimed.id)
    ]


def test_a_job_cancelled_while_it_waits_for_its_time_is_ended_at_once(database: Database):
    organisation_id = an_organisation(database)
    job_id = put(database, organisation_id=organisation_id, not_before=now() + DAY)
    with database.of(organisation_id) as session:
        table.cancel(session, job_id, "user:1")
    assert table.claim(database, "w").cancel is True


def test_a_job_that_has_ended_cannot_be_cancelled(database: Database):
    put(database)
    claimed = table.claim(database, "w")
    table.end(database, claimed, "done", result={})
    with database.of(claimed.organisation_id) as session:
        assert table.cancel(session, claimed.id, "user:1").cancel is False


def test_a_requeued_job_waits_longer_each_time(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at = now()
    waits = []
    for _ in range(3):
        stop_the_clock(monkeypatch, at)
        claimed = table.claim(database, "w")
        table.requeue(database, claimed, "Again")
        assert table.claim(database, "w") is None
        left = job(database, claimed.id)
        waits.append((left.not_before - at).total_seconds())
        at = left.not_before
    assert waits == [5, 10, 20]
    assert (left.state, left.owner, left.message) == ("queued", None, "Again")


@pytest.mark.parametrize("held_up", ["just asked for", "under a lease", "requeued"])
def test_a_clock_set_back_by_a_day_holds_no_job_up_for_a_day(
    database: Database, monkeypatch: pytest.MonkeyPatch, held_up: str
):
    at = now()
    stop_the_clock(monkeypatch, at)
    organisation_id = an_organisation(database)
    if held_up == "just asked for":
        stop_the_clock(monkeypatch, at + DAY)
        put(database, organisation_id=organisation_id)
    else:
        put(database, organisation_id=organisation_id)
        stop_the_clock(monkeypatch, at + DAY)
        claimed = table.claim(database, "dead")
        if held_up == "requeued":
            table.requeue(database, claimed, "")
    stop_the_clock(monkeypatch, at)
    assert table.claim(database, "w") is not None


def test_jobs_are_listed_newest_first_and_by_kind(database: Database, monkeypatch: pytest.MonkeyPatch):
    organisation_id, at = an_organisation(database), now()
    for number, kind in enumerate(["render_report", "count", "render_report"]):
        stop_the_clock(monkeypatch, at + number * SECOND)
        put(database, kind, organisation_id)
    put(database, "of another")
    with database.of(organisation_id, write=False) as session:
        assert [one.kind for one in table.listing(session)] == ["render_report", "count", "render_report"]
        assert len(table.listing(session, "render_report", limit=1)) == 1
