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

from questionnaires.sheet import Limits
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation
from service.errors import DomainError
from service.imports import receiving
from service.jobs import kinds, lanes, table

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Broken(Exception):
    """A transaction that is rolled back."""


def put(database: Database, kind: str = "count", organisation_id: str = "", not_before: datetime | None = None) -> str:
    """A queued job, by default of a new organisation; its id."""
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


@pytest.mark.fault
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


@pytest.mark.fault
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


@pytest.mark.fault
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


@pytest.mark.fault
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


def test_attempts_are_counted_since_the_last_checkpoint(database: Database, monkeypatch: pytest.MonkeyPatch):
    put(database)
    at, attempts = now(), []
    for step in range(2 * table.MAX_ATTEMPTS):  # each worker gets one step further and is killed
        freeze_time(monkeypatch, at + step * 2 * table.LEASE * SECOND)
        claimed = table.claim_job(database, "w")
        attempts.append(claimed.attempt)
        rename(database, claimed, f"step {step}", checkpoint={"step": step})
    assert attempts == [1] + [2] * (2 * table.MAX_ATTEMPTS - 1)
    for attempt in (2, 3):
        freeze_time(monkeypatch, now() + 2 * table.LEASE * SECOND)
        claimed = table.claim_job(database, "w")
        assert claimed.attempt == attempt
        rename(database, claimed, "no step further", checkpoint=dict(claimed.checkpoint))


def test_a_stopped_job_keeps_its_step_and_goes_on_at_once_without_losing_an_attempt(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    rename(database, claimed, "not yet", checkpoint={"step": 1})
    claimed.stop.set()
    rename(database, claimed, "no step further")
    with pytest.raises(table.Stopped):
        rename(database, claimed, "second step", checkpoint={"step": 2})
    assert name_of(database, claimed) == "second step"
    table.requeue(database, claimed, "Stopped.", counted=False, at_once=True)
    again = table.claim_job(database, "w")
    assert (again.attempt, again.fence, again.checkpoint) == (1, 2, {"step": 2})


def test_the_last_step_of_a_job_ends_it_even_if_the_worker_is_to_stop(database: Database):
    put(database)
    claimed = table.claim_job(database, "w")
    claimed.stop.set()
    rename(database, claimed, "all", checkpoint={"step": 1}, result={"steps": 1})
    assert job(database, claimed.id).state == "done"


def test_what_a_worker_does_not_finish_in_time_goes_back_to_the_queue_and_it_writes_nothing_more(database: Database):
    put(database)
    claimed = table.claim_job(database, "late")
    put(database, "other")
    kept = table.claim_job(database, "w")
    assert table.release_jobs(database, "late") == 1
    with pytest.raises(table.LostLease):
        rename(database, claimed, "too late")
    again = table.claim_job(database, "w")
    assert (again.id, again.attempt, again.fence) == (claimed.id, 1, 2)
    rename(database, kept, "still held")


@pytest.mark.fault
def test_a_job_that_kills_its_workers_again_and_again_is_claimed_every_ten_minutes_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    put(database)
    for _ in range(table.MAX_ATTEMPTS + 1):
        freeze_time(monkeypatch, now() + 2 * table.LEASE * SECOND)
        assert table.claim_job(database, "w") is not None
    freeze_time(monkeypatch, now() + 2 * table.LEASE * SECOND)
    assert table.claim_job(database, "w") is None
    freeze_time(monkeypatch, now() + table.MAX_DELAY)
    assert table.claim_job(database, "w") is not None


def test_an_organisation_with_many_jobs_holds_up_no_other(database: Database):
    many, one, other = (make_organisation(database, name) for name in ("Many", "One", "Other"))
    for _ in range(6):
        put(database, organisation_id=many)
    for organisation_id in (one, one, other):
        put(database, organisation_id=organisation_id)
    order = [table.claim_job(database, "w").organisation_id for _ in range(9)]
    assert order[:3].count(many) == order[:3].count(one) == order[:3].count(other) == 1
    assert sorted(order[3:5]) == sorted([many, one])
    assert order[5:] == [many] * 4


def test_a_large_file_does_not_wait_among_the_short_jobs(sqlite_database: Database, blobs: FolderStore):
    organisation_id = make_organisation(sqlite_database)
    for rows in (10, 20_000):
        files = [("list.csv", b"Supplier\n" + b"Blue Pier\n" * rows)]
        receiving.receive_upload(sqlite_database, blobs, organisation_id, files, {}, "user:ana", Limits())
    with sqlite_database.unscoped(write=False) as session:
        small, large = session.scalars(select(Job.lane).where(Job.kind == "read_import").order_by(Job.created_at))
    assert small == "short" != large


def test_lanes_take_turns_whatever_waits_in_the_others(database: Database):
    organisation_id = make_organisation(database)
    for kind in ["assess_import"] * 4 + ["render_report"] * 2 + ["reassess_all", "count"]:
        put(database, kind, organisation_id)
    order = [table.claim_job(database, "w").kind for _ in range(8)]
    assert set(order[:4]) == {"assess_import", "render_report", "reassess_all", "count"}
    assert order[4:] in (
        ["assess_import", "render_report", "assess_import", "assess_import"],
        ["render_report", "assess_import", "assess_import", "assess_import"],
    )


def test_a_short_job_is_claimed_by_a_worker_that_takes_no_others(database: Database):
    organisation_id = make_organisation(database)
    put(database, "assess_import", organisation_id)
    with database.for_organisation(organisation_id) as session:
        short = table.enqueue(session, "assess_import", {}, "user:1", short=True).id
    assert table.claim_job(database, "w", lanes=[lanes.SHORT]).id == short
    assert table.claim_job(database, "w", lanes=[lanes.SHORT]) is None
    assert table.claim_job(database, "w") is not None


def test_each_lane_tells_how_many_jobs_wait_and_since_when(database: Database, monkeypatch: pytest.MonkeyPatch):
    at = now()
    freeze_time(monkeypatch, at)
    put(database, "assess_import")
    table.claim_job(database, "w")
    freeze_time(monkeypatch, at + 30 * SECOND)
    put(database, "render_report")
    put(database, "read_import", not_before=now() + DAY)
    freeze_time(monkeypatch, at + 90 * SECOND)
    assert lanes.measure_lanes(database) == (
        lanes.LaneState("short", 0, 0, 0.0),
        lanes.LaneState("imports", 0, 1, 90.0),
        lanes.LaneState("reports", 1, 0, 60.0),
        lanes.LaneState("reassessment", 0, 0, 0.0),
    )


def test_every_kind_of_job_has_a_lane():
    kinds_of_job = {value for name, value in vars(kinds).items() if name.isupper()}
    assert lanes.LANE_OF_KIND.keys() == kinds_of_job
    assert set(lanes.LANE_OF_KIND.values()) <= set(lanes.LANES)
