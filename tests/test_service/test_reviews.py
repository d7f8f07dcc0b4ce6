"""Reviews: due sites and agencies, and the job that reassesses each of them once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from callers import freeze_time, make_organisation
from processes import job
from recomputing import recompute
from sqlalchemy import select

from risk_models.model import get_model_in_force
from service.db import change_feed
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.jobs import table, worker
from service.reviews import jobs as review_jobs
from service.suppliers import merging, summary
from service.suppliers import repository as suppliers

THEN = date(2026, 3, 1)
AT = datetime(2026, 3, 1, tzinfo=UTC)
ROLLING = {"kind": "rolling", "time": "06:00"}
MONTHLY = {"kind": "fixed", "every": "month", "day": 1, "time": "06:00"}


@pytest.fixture
def organisation_id(database: Database) -> str:
    """An organisation with two sites, one of which names an agency, and the agency, assessed on the first of March."""
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        for kind, answers in (
            ("agency", {"reference": "A-1", "name": "Calm Rivers Recruiting", "country": "NP"}),
            (
                "site",
                {"reference": "S-1", "name": "Blue Pier", "country": "TH", "agencies": ["Calm Rivers Recruiting"]},
            ),
            ("site", {"reference": "S-2", "name": "Green Hill", "country": "SE", "sector": ["62"]}),
        ):
            suppliers.save_supplier(session, kind, answers, THEN, AT, "user:1", "api")
    return organisation_id


def load_suppliers(database: Database, organisation_id: str) -> dict[str, Supplier]:
    with database.for_organisation(organisation_id, write=False) as session:
        return {str(one.reference): one for one in session.scalars(select(Supplier))}


def due_on(database: Database, organisation_id: str, **days: date) -> None:
    """Sets when the review of some suppliers is due; of the others it is long after."""
    with database.for_organisation(organisation_id) as session:
        for one in session.scalars(select(Supplier)):
            one.review_due = days.get(str(one.reference).replace("-", ""), date(2030, 1, 1))


def put_review(database: Database, organisation_id: str, rule: dict[str, object] = ROLLING, zone: str = "UTC") -> str:
    with database.for_organisation(organisation_id) as session:
        payload = {"schedule_id": "s", "rule": rule, "time_zone": zone}
        return table.enqueue(session, "review_suppliers", payload, "system:schedule").id


def review(database: Database, job_id: str) -> None:
    claimed = table.claim_job(database, "w")
    assert claimed.id == job_id
    worker.run_job(database, claimed, worker.Handler(review_jobs.review_suppliers))


def reviewed(database: Database, organisation_id: str) -> list[str]:
    """The references of the suppliers whose results a review gave, one for each result."""
    with database.for_organisation(organisation_id, write=False) as session:
        query = (
            select(Supplier.reference).join(Result, Result.supplier_id == Supplier.id).where(Result.cause == "review")
        )
        return sorted(session.scalars(query))


def test_a_review_falls_due_by_the_level_of_the_result_for_sites_and_agencies(database: Database, organisation_id: str):
    for one in load_suppliers(database, organisation_id).values():
        months = get_model_in_force(one.model, THEN).review_months[one.level]
        assert one.review_due == summary.add_months(THEN, months)


def test_a_rolling_review_reassesses_due_suppliers_and_sets_their_next_date(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    due_on(database, organisation_id, A1=date(2026, 6, 1), S1=date(2026, 5, 20), S2=date(2026, 6, 2))
    before = load_suppliers(database, organisation_id)
    freeze_time(monkeypatch, datetime(2026, 6, 1, 6, tzinfo=UTC))
    job_id = put_review(database, organisation_id)
    review(database, job_id)
    after = load_suppliers(database, organisation_id)
    assert reviewed(database, organisation_id) == ["A-1", "S-1"]
    assert job(database, job_id).result == {"reviewed": 2, "on": "2026-06-01"}
    for reference in ("A-1", "S-1"):
        one = after[reference]
        months = get_model_in_force(one.model, date(2026, 6, 1)).review_months[one.level]
        assert one.review_due == summary.add_months(date(2026, 6, 1), months)
        assert one.answers == before[reference].answers
    assert after["S-2"].latest_id == before["S-2"].latest_id
    with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
        changes = [(c.supplier_id, c.data) for c in change_feed.read(session).items if c.kind == "review_due"]
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "schedule.reviewed")).all()
    assert changes == [
        (after["A-1"].id, {"due": "2026-06-01", "level": before["A-1"].level}),
        (after["S-1"].id, {"due": "2026-05-20", "level": before["S-1"].level}),
    ]
    assert [event.details for event in events] == [{"suppliers": 2, "on": "2026-06-01"}]


@pytest.mark.parametrize("rule", [ROLLING, MONTHLY])
def test_a_supplier_that_was_deleted_or_never_assessed_is_not_reviewed(
    database: Database, organisation_id: str, rule: dict[str, object]
):
    due_on(database, organisation_id, A1=THEN, S1=THEN, S2=THEN)
    with database.for_organisation(organisation_id) as session:
        named = {one.reference: one for one in session.scalars(select(Supplier))}
        named["S-1"].deleted_at, named["S-2"].latest_id = AT, None
    review(database, put_review(database, organisation_id, rule))
    assert reviewed(database, organisation_id) == ["A-1"]


def test_a_fixed_review_reassesses_all_suppliers_whether_due_or_not(database: Database, organisation_id: str):
    due_on(database, organisation_id)
    review(database, put_review(database, organisation_id, MONTHLY))
    assert reviewed(database, organisation_id) == ["A-1", "S-1", "S-2"]


def test_a_site_is_reviewed_with_the_new_score_of_its_agency(database: Database, organisation_id: str):
    with database.for_organisation(organisation_id) as session:
        agency = session.scalars(select(Supplier).where(Supplier.kind == "agency")).one()
        agency.answers = {**agency.answers, "licence_status": "revoked", "licence_expiry": "2020-01-01"}
        agency.score = 0.0
    review(database, put_review(database, organisation_id, MONTHLY))
    now_is = load_suppliers(database, organisation_id)
    with database.for_organisation(organisation_id, write=False) as session:
        result = session.get_one(Result, now_is["S-1"].latest_id)
    assert list(result.agency_scores.values()) == [now_is["A-1"].score]
    assert now_is["A-1"].score > 0


def test_the_day_of_a_review_is_that_of_its_time_zone(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    due_on(database, organisation_id, S1=date(2026, 6, 2))
    freeze_time(monkeypatch, datetime(2026, 6, 1, 23, tzinfo=UTC))
    review(database, put_review(database, organisation_id))
    assert reviewed(database, organisation_id) == []
    review(database, put_review(database, organisation_id, zone="Asia/Bangkok"))
    assert reviewed(database, organisation_id) == ["S-1"]


def test_a_review_keeps_the_key_of_a_supplier_and_the_place_of_its_answers(database: Database, organisation_id: str):
    place = {"file": "list.csv", "sheet": "", "row": 7}
    with database.for_organisation(organisation_id) as session:
        site = session.scalars(select(Supplier).where(Supplier.reference == "S-1")).one()
        site.key = "ref:its number of last year"
        session.get_one(Result, site.latest_id).place = place
    review(database, put_review(database, organisation_id, MONTHLY))
    now_is = load_suppliers(database, organisation_id)
    assert len(now_is) == 3
    with database.for_organisation(organisation_id, write=False) as session:
        latest = session.get_one(Result, now_is["S-1"].latest_id)
        assert (latest.supplier_id, latest.cause, latest.place) == (site.id, "review", place)


def test_an_interrupted_review_resumes_where_it_stopped_and_with_its_own_date(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(review_jobs, "CHUNK", 1)
    at = datetime(2026, 6, 1, 23, tzinfo=UTC)
    freeze_time(monkeypatch, at)
    job_id = put_review(database, organisation_id, MONTHLY)
    keep, calls = suppliers.save_suppliers, []

    def breaks_off(*arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return keep(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(suppliers, "save_suppliers", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            review(database, job_id)
    assert len(reviewed(database, organisation_id)) == 2
    assert job(database, job_id).progress == pytest.approx(2 / 3)
    freeze_time(monkeypatch, at + timedelta(hours=2))
    review(database, job_id)
    assert reviewed(database, organisation_id) == ["A-1", "S-1", "S-2"]
    assert job(database, job_id).result == {"reviewed": 3, "on": "2026-06-01"}
    with database.for_organisation(organisation_id, write=False) as session:
        days = session.scalars(select(Result.on).where(Result.cause == "review")).all()
    assert set(days) == {date(2026, 6, 1)}


def test_a_supplier_that_was_erased_meanwhile_does_not_come_back(database: Database, organisation_id: str):
    with database.for_organisation(organisation_id) as session:
        site = suppliers.get_supplier(session, "site", "S-1")
        suppliers.erase_supplier(session, site, datetime(2026, 3, 2, tzinfo=UTC), "user:1")
    review(database, put_review(database, organisation_id, MONTHLY))
    assert reviewed(database, organisation_id) == ["A-1", "S-2"]


def test_a_review_of_one_organisation_leaves_others_alone(database: Database, organisation_id: str):
    other_organisation = make_organisation(database, "Other")
    review(database, put_review(database, other_organisation, MONTHLY))
    assert reviewed(database, organisation_id) == []


def follow(database: Database) -> list[dict[str, object]]:
    """Runs the jobs that wait, all of which follow agencies; what each came to."""
    results = []
    while claimed := table.claim_job(database, "w"):
        assert claimed.kind == "follow_agencies"
        worker.run_job(database, claimed, worker.Handler(review_jobs.reassess_agency_sites))
        results.append(job(database, claimed.id).result)
    return results


def put_agency(database: Database, organisation_id: str, **answers: object) -> None:
    agency_answers = {"reference": "A-1", "name": "Calm Rivers Recruiting", "country": "NP", **answers}
    with database.for_organisation(organisation_id) as session:
        suppliers.save_supplier(
            session, "agency", agency_answers, THEN, datetime(2026, 3, 2, tzinfo=UTC), "user:1", "api"
        )


def causes(database: Database, organisation_id: str, reference: str) -> list[str]:
    """Why a supplier was assessed, the first time first."""
    with database.for_organisation(organisation_id, write=False) as session:
        query = select(Result.cause).join(Supplier, Result.supplier_id == Supplier.id)
        return list(session.scalars(query.where(Supplier.reference == reference).order_by(Result.created_at)))


def test_sites_that_use_an_agency_are_reassessed_when_its_score_changes(database: Database, organisation_id: str):
    before = load_suppliers(database, organisation_id)
    put_agency(database, organisation_id, papers_retention="agency", debt_bondage="yes", blacklisted="yes")
    assert follow(database) == [{"assessed": 1}]
    after = load_suppliers(database, organisation_id)
    assert after["A-1"].score > before["A-1"].score
    assert after["S-1"].inherent > before["S-1"].inherent
    assert causes(database, organisation_id, "S-1") == ["api", "agency"]
    assert causes(database, organisation_id, "S-2") == ["api"]


def test_an_agency_whose_score_is_unchanged_causes_no_reassessment(database: Database, organisation_id: str):
    put_agency(database, organisation_id)
    assert follow(database) == []
    assert causes(database, organisation_id, "S-1") == ["api"]


def test_a_site_already_assessed_with_the_new_score_is_skipped(database: Database, organisation_id: str):
    put_agency(database, organisation_id, blacklisted="yes")
    with database.for_organisation(organisation_id) as session:
        site = {"reference": "S-1", "name": "Blue Pier", "country": "TH", "agencies": ["Calm Rivers Recruiting"]}
        suppliers.save_supplier(session, "site", site, THEN, datetime(2026, 3, 3, tzinfo=UTC), "user:1", "api")
    assert follow(database) == [{"assessed": 0}]
    assert causes(database, organisation_id, "S-1") == ["api", "api"]


@pytest.mark.parametrize("change", ["renamed", "erased"])
def test_a_site_whose_agency_is_no_longer_known_by_that_name_is_assessed_without_it(
    database: Database, organisation_id: str, change: str
):
    if change == "renamed":
        put_agency(database, organisation_id, name="Still Waters Recruiting")
    else:
        with database.for_organisation(organisation_id) as session:
            agency = suppliers.get_supplier(session, "agency", "A-1")
            suppliers.erase_supplier(session, agency, datetime(2026, 3, 2, tzinfo=UTC), "user:1")
    assert follow(database) == [{"assessed": 1}]
    with database.for_organisation(organisation_id, write=False) as session:
        latest = session.get_one(Result, load_suppliers(database, organisation_id)["S-1"].latest_id)
        assert latest.agency_scores == {}
    assert causes(database, organisation_id, "S-1") == ["api", "agency"]


def test_a_site_finds_its_agency_after_that_was_merged_into_another(database: Database, organisation_id: str):
    with database.for_organisation(organisation_id) as session:
        other_organisation = {
            "reference": "A-2",
            "name": "Still Waters Recruiting",
            "country": "NP",
            "blacklisted": "yes",
        }
        target, _ = suppliers.save_supplier(session, "agency", other_organisation, THEN, AT, "user:1", "api")
        source = suppliers.get_supplier(session, "agency", "A-1")
        before = source.score
        merging.merge_suppliers(session, source, target, AT, "user:1")
    assert follow(database) == [{"assessed": 1}]
    with database.for_organisation(organisation_id, write=False) as session:
        latest = session.get_one(Result, load_suppliers(database, organisation_id)["S-1"].latest_id)
        assert latest.agency_scores == {"calmriversrecruiting": target.score}
        assert target.score != before


def test_a_list_without_agencies_leaves_a_site_the_score_of_its_agency(database: Database):
    organisation = make_organisation(database)
    agency = {"name": "Calm Rivers Recruiting", "country": "NP"}
    site = {"reference": "S-1", "name": "Blue Pier", "country": "TH", "agencies": ["Calm Rivers Recruiting"]}
    with database.for_organisation(organisation) as session:
        suppliers.save_supplier(session, "agency", agency, THEN, AT, "user:ana", "api")
        _, first = suppliers.save_supplier(session, "site", site, THEN, AT, "user:ana", "api")
    with database.for_organisation(organisation) as session:
        listed = {"reference": "S-1", "name": "Blue Pier", "country": "TH"}
        _, again = suppliers.save_supplier(session, "site", listed, THEN, AT, "user:ana", "api")
    assert again.agency_scores == first.agency_scores != {}


def test_a_scheduled_review_does_not_renew_answers_without_a_date(database: Database, organisation_id: str):
    answers = {"reference": "S-9", "name": "Old Pier", "country": "TH", "papers_retention": "worker_holds"}
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, "site", answers, THEN, AT, "user:ana", "api")
    review(database, put_review(database, organisation_id, MONTHLY))
    with database.for_organisation(organisation_id, write=False) as session:
        assert session.get_one(Supplier, supplier.id).answers["answered_on"] == THEN.isoformat()


def test_undated_answers_age_from_their_import_however_often_they_are_reviewed(database: Database):
    organisation = make_organisation(database)
    answers = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "papers_retention": "worker_holds"}
    with database.for_organisation(organisation) as session:
        supplier, _ = suppliers.save_supplier(session, "site", answers, THEN, AT, "user:ana", "api")
        for on in (date(2026, 3, 2), date(2029, 3, 1), date(2029, 3, 2)):
            suppliers.reassess(session, [supplier.id], on, AT, "user:ana")
            (of_papers,) = [
                reason["state"]
                for reason in recompute(session.get_one(Result, supplier.latest_id))["reasons"]
                if reason["indicator"] == "papers_withheld"
            ]
            assert of_papers == ("answered" if on.year == 2026 else "expired")
        assert supplier.answers["answered_on"] == THEN.isoformat()


def test_a_job_that_still_counts_as_of_the_day_before_loses_no_answer_of_today(
    database: Database, organisation_id: str
):
    # In Bangkok the second of March begins seven hours before it does where jobs take the day from.
    tomorrow = THEN + timedelta(days=1)
    answers = {
        "reference": "S-2",
        "name": "Green Hill",
        "country": "TH",
        "sector": ["1020"],
        "papers_retention": "held",
    }
    with database.for_organisation(organisation_id) as session:
        site = suppliers.save_supplier(session, "site", answers, tomorrow, AT, "user:1", "api")[0]
        before = session.get_one(Result, site.latest_id)
        suppliers.reassess(session, [site.id], THEN, AT, "system:remediation")
        session.flush()
        after = session.get_one(Result, session.get_one(Supplier, site.id).latest_id)
        assert (after.id != before.id, after.on, after.score) == (True, tomorrow, before.score)
