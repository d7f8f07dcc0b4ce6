"""Each organisation moves to the next release of the models on a day that it chooses."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from callers import freeze_time, make_organisation
from processes import job
from sqlalchemy import select, update

from risk_models.model import get_model_version, get_newest_release, get_version_key, load_models
from service.clock import today
from service.db import change_feed
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation, Result
from service.errors import DomainError
from service.jobs import table
from service.queries import stored_results
from service.queries.what_if import get_best_answer
from service.reporting import stored_reports
from service.reviews import jobs as review_jobs
from service.suppliers import organisation_models
from service.suppliers import repository as suppliers
from service.suppliers.merge_rules import get_risk_lookup

RELEASE, NEXT = "2026.3", "2026.4"
RELEASED_ON = date(2026, 12, 1)
ON = date(2026, 12, 10)
AT = datetime(2026, 12, 10, 9, tzinfo=UTC)
BEST = {
    indicator.question: get_best_answer(indicator.rule, date(2026, 11, 1))
    for indicator in get_model_version("site_general", RELEASE).indicators
}
GRADED = BEST | {
    "name": "Blue Pier",
    "country": "TM",  # where labour on cotton farms is documented as imposed by the state
    "sector": ["0116"],
    "evidence_grade": "worker_voice",
    "evidence_date": "2026-11-01",
    "answered_on": "2026-11-01",
}


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next release is in force from a day, whenever these tests run."""
    models = tuple(
        replace(model, effective=RELEASED_ON) if model.version == NEXT else model
        for model in load_models()
        if get_version_key(model.version) <= get_version_key(NEXT)
    )
    monkeypatch.setattr(organisation_models, "load_models", lambda: models)
    freeze_time(monkeypatch, AT)


def make(database: Database, name: str, release: str = RELEASE) -> str:
    organisation_id = make_organisation(database, name)
    with database.unscoped() as session:
        session.execute(update(Organisation).where(Organisation.id == organisation_id).values(models_release=release))
    return organisation_id


def assess(database: Database, organisation_id: str, on: date = ON) -> Result:
    with database.for_organisation(organisation_id) as session:
        return suppliers.save_supplier(session, "site", GRADED, on, AT, "user:1", "api")[1]


def set_day(database: Database, organisation_id: str, day: date, today: date = ON) -> None:
    with database.for_organisation(organisation_id) as session:
        organisation_models.set_next_release(session, NEXT, day, today, "user:1")


def test_two_organisations_of_one_service_use_different_releases(database: Database):
    staying, moved = make(database, "Staying"), make(database, "Moved", NEXT)
    before, after = assess(database, staying), assess(database, moved)
    assert (before.model_version, after.model_version) == (RELEASE, NEXT)
    assert after.score > before.score


def test_a_release_applies_from_its_day_and_to_no_earlier_one(database: Database):
    organisation_id = make(database, "Moving")
    set_day(database, organisation_id, date(2026, 12, 20))
    assert assess(database, organisation_id, date(2026, 12, 19)).model_version == RELEASE
    assert assess(database, organisation_id, date(2026, 12, 20)).model_version == NEXT


def test_the_day_can_be_changed_and_cancelled_until_it_has_come(database: Database):
    organisation_id = make(database, "Moving")
    set_day(database, organisation_id, date(2026, 12, 20))
    set_day(database, organisation_id, date(2026, 12, 24))
    with database.for_organisation(organisation_id) as session:
        organisation_models.cancel_next_release(session, ON, "user:1")
        assert organisation_models.get_release_on(organisation_models.get_organisation(session), ON) == RELEASE
    set_day(database, organisation_id, date(2026, 12, 24))
    with database.for_organisation(organisation_id) as session:
        with pytest.raises(DomainError) as late:
            organisation_models.cancel_next_release(session, date(2026, 12, 24), "user:1")
        assert late.value.code == "release.not_set"
        with pytest.raises(DomainError) as unknown:
            organisation_models.set_next_release(session, NEXT, date(2027, 1, 1), date(2026, 12, 24), "user:1")
        assert unknown.value.code == "release.unknown"
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [event.action for event in events] == [
        "organisation.release_set",
        "organisation.release_set",
        "organisation.release_cancelled",
        "organisation.release_set",
    ]
    assert events[1].details == {"from": RELEASE, "to": NEXT, "day": "2026-12-24", "day_before": "2026-12-20"}


@pytest.mark.parametrize(
    ("release", "day", "code"),
    [(NEXT, date(2026, 12, 9), "release.day"), ("2026.2", ON, "release.unknown"), ("2030.1", ON, "release.unknown")],
)
def test_only_the_next_release_can_be_set_and_never_for_the_past(
    database: Database, release: str, day: date, code: str
):
    organisation_id = make(database, "Moving")
    with database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        organisation_models.set_next_release(session, release, day, ON, "user:1")
    assert refused.value.code == code


def test_a_release_that_is_not_in_force_is_not_offered(database: Database):
    with database.for_organisation(make(database, "Waiting")) as session:
        organisation = organisation_models.get_organisation(session)
        assert organisation_models.find_next_release(organisation, date(2026, 11, 30)) is None
        assert organisation_models.find_next_release(organisation, RELEASED_ON) == NEXT


def test_a_new_organisation_starts_with_the_newest_release_in_force(database: Database):
    with database.for_organisation(make_organisation(database, "New")) as session:
        assert organisation_models.get_organisation(session).models_release == get_newest_release(today())


def test_merge_rules_follow_the_release_of_the_organisation():
    models = organisation_models.load_models()
    lookups = {
        release: get_risk_lookup("site", ON, tuple(m for m in models if m.version == release))
        for release in (RELEASE, NEXT)
    }
    assert lookups[RELEASE] is not lookups[NEXT]
    for release, lookup in lookups.items():
        read = {i.question for m in models if m.version == release and m.kind == "site" for i in m.indicators}
        assert set(lookup.rules) == read


def test_a_review_on_the_day_moves_suppliers_to_the_release_and_the_feed_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    organisation_id = make(database, "Moving")
    assess(database, organisation_id)
    set_day(database, organisation_id, date(2026, 12, 20))
    with database.for_organisation(organisation_id) as session:
        payload = {"schedule_id": "s", "rule": {"kind": "fixed"}, "time_zone": "UTC"}
        job_id = table.enqueue(session, "review_suppliers", payload, "system:schedule").id
    freeze_time(monkeypatch, datetime(2026, 12, 20, 1, tzinfo=UTC))
    claimed = table.claim_job(database, "w")
    assert claimed is not None
    review_jobs.review_suppliers(database, claimed)
    assert job(database, job_id).result["reviewed"] == 1
    with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
        versions = session.scalars(select(Result.model_version).order_by(Result.created_at)).all()
        last = [change for change in change_feed.read(session).items if change.kind == "level_moved"][-1]
    assert versions == [RELEASE, NEXT]
    assert last.data["models"] == {"from": RELEASE, "to": NEXT}


def test_reports_and_details_of_an_organisation_that_stays_come_from_its_release(database: Database):
    organisation_id = make(database, "Staying")
    rows = [GRADED, {"name": "Two Trades", "country": "TH", "sector": ["0311", "4100"]}]
    with database.for_organisation(organisation_id) as session:
        saved = [suppliers.save_supplier(session, "site", row, ON, AT, "user:1", "api") for row in rows]
        ids = [supplier.id for supplier, _ in saved]
        report = stored_reports.build_internal_report(session, ids)
        for supplier, result in saved:
            assessed, _ = stored_results.reassess_result(result)
            assert {block.model.version for block in assessed.blocks} == {RELEASE}
            assert assessed.get_scores("total")[0] == supplier.score
            assert stored_results.build_detail(result).headline.score == supplier.score
    assert {model.version for model in report.models} == {RELEASE}
    assert {line.score for line in report.results} == {supplier.score for supplier, _ in saved}
