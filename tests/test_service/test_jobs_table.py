"""The job queue: jobs are enqueued in transactions, claimed by one worker, resumed by another, and take effect once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Thread

import pytest
from callers import freeze_time, make_organisation
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
    with database.for_organisation(organisation_id or make_organisation(database, kind)) as session:
        return table.enqueue(session, kind, {}, "user:1", not_before).id


def rename(database: Database, claimed: table.ClaimedJob, name: str, **saved: object) -> None:
    """An effect that shows: the name of the organisation."""
    with table.job_transaction(database, claimed, **saved) as session:
        session.get_one(Organisation, claimed.organisation_id).name = name


def name_of(database: Database, claimed: table.ClaimedJob) -> str:
    with database.unscoped(write=False) as session:
        return session.get_one(Organisation, claimed.organisation_id).name


def test_a_job_is_enqueued_only_if_its_transaction_is_committed(database: Database):
    organisation_id = make_organisation(database)
    with suppress(Broken), database.for_organisation(organisation_id) as session:
        table.enqueue(session, "count", {}, "user:1")
        session.flush()
        raise Broken
    assert table.claim_job(database, "w") is None


def test_a_job_is_claimed_once_with_all_its_data(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        table.enqueue(session, "count", {"of": 3}, "user:1")
    claimed = table.claim_job(database, "w")
    assert (claimed.kind, claimed.payload, claimed.checkpoint) == ("count", {"of": 3}, {})
    assert (claimed.organisation_id, claimed.actor) == (organisation_id, "user:1")
    assert (claimed.fence, claimed.attempt, claimed.cancel) == (1, 1, False)
    assert table.claim_job(database, "w") is None


def test_jobs_are_claimed_in_the_order_of_their_start_times(database: Database):
    at = now()
    ids = [put(database, f"kind {hour}", not_before=at - hour * timedelta(hours=1)) for hour in (1, 3, 2)]
    assert [table.claim_job(database, "w").id for _ in ids] == [ids[1], ids[2], ids[0]]


def test_a_job_with_a_later_start_time_waits_until_then(database: Database, monkeypatch: pytest.MonkeyPatch):
    at = now()
    put(database, not_before=at + DAY)
    assert table.claim_job(database, "w") is None
    freeze_time(monkeypatch, at + DAY)
    assert table.claim_job(database, "w") is not None


def test_a_worker_gets_only_jobs_of_its_kinds(database: Database):
    put(database, "new kind")
    assert table.claim_job(database, "w", kinds={"count"}) is None
    assert table.claim_job(database, "w", kinds={"count", "new kind"}) is not None


def test_workers_that_claim_at_the_same_moment_never_get_the_same_job(database: Database):
    organisation_id = make_organisation(database)
    ids = {put(database, organisation_id=organisation_id) for _ in range(24)}

    def claim_all(owner: int) -> list[str]:
        claimed = []
        while (one := table.claim_job(database, f"w{owner}")) is not None:
            claimed.append(one.id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        listed_jobs = [one for claimed in pool.map(claim_all, range(4)) for one in claimed]
    assert sorted(listed_jobs) == sorted(ids)


def test_while_one_worker_is_claiming_another_gets_the_next_job(database: Database):
    organisation_id = make_organisation(database)
    ids = [put(database, organisation_id=organisation_id) for _ in range(2)]
    if database.engine.dialect.name == "postgresql":
        with database.unscoped() as session:
            session.scalars(select(Job).where(Job.id == ids[0]).with_for_update()).one()
            claimed: list[str] = []
            other = Thread(target=lambda: claimed.append(table.claim_job(database, "w").id), daemon=True)
            other.start()
            other.join(PATIENCE)
            assert claimed == [ids[1]]
    else:  # one transaction writes at a time: the second claim comes after the first
        assert [table.claim_job(database, "w").id for _ in ids] == ids


def test_after_a_lease_expires_another_worker_claims_the_job_and_the_first_writes_nothing_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    put(database)
    at = now()
    first = table.claim_job(database, "w1", lease_seconds=60)
    rename(database, first, "by the first", checkpoint={"step": 1})
    freeze_time(monkeypatch, at + 50 * SECOND)
    assert table.claim_job(database, "w2") is None
    freeze_time(monkeypatch, at + 120 * SECOND)
    second = table.claim_job(database, "w2")
    assert (second.fence, second.attempt, second.checkpoint) == (2, 2, {"step": 1})

    with pytest.raises(table.LostLease):
        rename(database, first, "by the dead", checkpoint={"step": 9})
    for end in (
        lambda: table.end_job(database, first, "done"),
        lambda: table.requeue(database, first, ""),
    ):
        with pytest.raises(table.LostLease):
            end()
    assert table.renew_lease(database, first) is False
    assert name_of(database, first) == "by the first"
    assert job(database, first.id).state == "running"
    rename(database, second, "by the second")
    assert name_of(database, first) == "by the second"


def test_a_lease_is_as_long_as_it_was_asked_for(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at = now()
    freeze_time(monkeypatch, at)
    table.claim_job(database, "w1", lease_seconds=60)
    freeze_time(monkeypatch, at + 59 * SECOND)
    assert table.claim_job(database, "w2") is None
    freeze_time(monkeypatch, at + 60 * SECOND)
    assert table.claim_job(database, "w2").fence == 2


def test_a_message_that_is_longer_than_its_column_is_cut(database: Database):
    put(database)
    long = "Row 7 of the sheet cannot be used. " * 20
    claimed = table.claim_job(database, "w")
    rename(database, claimed, "on the way", message=long)
    assert job(database, claimed.id).message == long[:200]
    table.requeue(database, claimed, f"Once more. {long}", counted=False)
    assert job(database, claimed.id).message == f"Once more. {long}"[:200]
    with database.unscoped() as session:
        session.get_one(Job, claimed.id).not_before = now()
    table.end_job(database, table.claim_job(database, "w"), "failed", f"In the end: {long}")
    assert job(database, claimed.id).message == f"In the end: {long}"[:200]


def test_a_lease_is_renewed_by_a_heartbeat_and_by_a_job_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    put(database)
    at = now()
    claimed = table.claim_job(database, "w1", lease_seconds=60)
    freeze_time(monkeypatch, at + 50 * SECOND)
    assert table.renew_lease(database, claimed) is True
    freeze_time(monkeypatch, at + 100 * SECOND)
    assert table.claim_job(database, "w2") is None
    rename(database, claimed, "still here")
    freeze_time(monkeypatch, at + 150 * SECOND)
    assert table.claim_job(database, "w2") is None


def test_a_heartbeat_that_comes_after_the_end_renews_nothing(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    table.end_job(database, claimed, "failed", "There is nothing.")
    assert table.renew_lease(database, claimed) is False
    assert job(database, claimed.id).lease_until is None


def test_checkpoint_and_effect_are_saved_together_or_not_at_all(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    rename(database, claimed, "one", checkpoint={"step": 1}, progress=0.5, message="Half way")
    with suppress(Broken), table.job_transaction(database, claimed, checkpoint={"step": 2}, progress=0.9) as session:
        session.get_one(Organisation, claimed.organisation_id).name = "two"
        session.flush()
        raise Broken
    now_is = job(database, claimed.id)
    assert (name_of(database, claimed), now_is.checkpoint, now_is.progress) == ("one", {"step": 1}, 0.5)
    assert now_is.message == "Half way"


def test_a_job_transaction_with_a_result_ends_the_job(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    rename(database, claimed, "last", result={"rows": 7})
    ended = job(database, claimed.id)
    assert (ended.state, ended.result, ended.progress, ended.lease_until) == ("done", {"rows": 7}, 1.0, None)
    assert ended.finished_at is not None
    with pytest.raises(table.LostLease):
        rename(database, claimed, "after the last")


def test_a_job_transaction_sees_only_the_rows_of_its_organisation(database: Database):
    other_organisation = put(database, "other")
    put(database, "mine", not_before=now() - DAY)
    claimed = table.claim_job(database, "w")
    with table.job_transaction(database, claimed) as session:
        assert session.scalars(select(Job.kind)).all() == ["mine"]
        with pytest.raises(DomainError, match="Job not found"):
            table.get_job(session, other_organisation)


def test_a_cancelled_job_writes_nothing_more_and_its_earlier_effects_stay(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    rename(database, claimed, "before")
    with database.for_organisation(claimed.organisation_id) as session:
        table.cancel_job(session, claimed.id, "user:2")
        table.cancel_job(session, claimed.id, "user:2")
    with pytest.raises(table.Cancelled):
        rename(database, claimed, "after")
    assert name_of(database, claimed) == "before"
    with database.for_organisation(claimed.organisation_id) as session:
        events = session.scalars(select(AuditEvent)).all()
    assert [(event.actor, event.action, event.object_id) for event in events] == [
        ("user:2", "job.cancelled", claimed.id)
    ]


def test_a_job_cancelled_while_it_waits_for_its_time_is_ended_at_once(database: Database):
    organisation_id = make_organisation(database)
    job_id = put(database, organisation_id=organisation_id, not_before=now() + DAY)
    with database.for_organisation(organisation_id) as session:
        table.cancel_job(session, job_id, "user:1")
    assert table.claim_job(database, "w").cancel is True


def test_a_job_that_has_ended_cannot_be_cancelled(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    table.end_job(database, claimed, "done", result={})
    with database.for_organisation(claimed.organisation_id) as session:
        assert table.cancel_job(session, claimed.id, "user:1").cancel is False


def test_a_requeued_job_waits_longer_each_time(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at = now()
    waits = []
    for _ in range(3):
        freeze_time(monkeypatch, at)
        claimed = table.claim_job(database, "w")
        table.requeue(database, claimed, "Again")
        assert table.claim_job(database, "w") is None
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
    freeze_time(monkeypatch, at)
    organisation_id = make_organisation(database)
    if held_up == "just asked for":
        freeze_time(monkeypatch, at + DAY)
        put(database, organisation_id=organisation_id)
    else:
        put(database, organisation_id=organisation_id)
        freeze_time(monkeypatch, at + DAY)
        claimed = table.claim_job(database, "dead")
        if held_up == "requeued":
            table.requeue(database, claimed, "")
    freeze_time(monkeypatch, at)
    assert table.claim_job(database, "w") is not None


def test_jobs_are_listed_newest_first_and_by_kind(database: Database, monkeypatch: pytest.MonkeyPatch):
    organisation_id, at = make_organisation(database), now()
    for number, kind in enumerate(["render_report", "count", "render_report"]):
        freeze_time(monkeypatch, at + number * SECOND)
        put(database, kind, organisation_id)
    put(database, "of another")
    with database.for_organisation(organisation_id, write=False) as session:
        assert [one.kind for one in table.list_jobs(session)] == ["render_report", "count", "render_report"]
        assert len(table.list_jobs(session, "render_report", limit=1)) == 1
