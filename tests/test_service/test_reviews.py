"""Reviews: what is due, sites and agencies alike, and the job that assesses it again once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from callers import an_organisation, stop_the_clock
from processes import job
from sqlalchemy import select

from risk_models.model import in_force
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.jobs import table, worker
from service.monitoring import reviews
from service.register import changes, headlines, suppliers

THEN = date(2026, 3, 1)
AT = datetime(2026, 3, 1, tzinfo=UTC)
ROLLING = {"kind": "rolling", "time": "06:00"}
MONTHLY = {"kind": "fixed", "every": "month", "day": 1, "time": "06:00"}


@pytest.fixture
def organisation_id(database: Database) -> str:
    """An organisation with two sites, one of which names an agency, and the agency, assessed on the first of March."""
    organisation_id = an_organisation(database)
    with database.of(organisation_id) as session:
        for kind, answers in (
            ("agency", {"reference": "A-1", "name": "Calm Rivers Recruiting", "country": "NP"}),
            (
                "site",
                {"reference": "S-1", "name": "Blue Pier", "country": "TH", "agencies": ["Calm Rivers Recruiting"]},
            ),
            ("site", {"reference": "S-2", "name": "Green Hill", "country": "SE", "sector": ["62"]}),
        ):
            suppliers.put(session, kind, answers, THEN, AT, "user:1", "api")
    return organisation_id


def kept(database: Database, organisation_id: str) -> dict[str, Supplier]:
    with database.of(organisation_id, write=False) as session:
        return {str(one.reference): one for one in session.scalars(select(Supplier))}


def due_on(database: Database, organisation_id: str, **days: date) -> None:
    """Sets when the review of some suppliers is due; of the others it is long after."""
    with database.of(organisation_id) as session:
        for one in session.scalars(select(Supplier)):
            one.review_due = days.get(str(one.reference).replace("-", ""), date(2030, 1, 1))


def put_review(database: Database, organisation_id: str, rule: dict[str, object] = ROLLING, zone: str = "UTC") -> str:
    with database.of(organisation_id) as session:
        payload = {"schedule_id": "s", "rule": rule, "time_zone": zone}
        return table.enqueue(session, "review_suppliers", payload, "system:schedule").id


def review(database: Database, job_id: str) -> None:
    claimed = table.claim(database, "w")
    assert claimed.id == job_id
    worker.run_job(database, claimed, worker.Handler(reviews.review_suppliers))


def reviewed(database: Database, organisation_id: str) -> list[str]:
    """The references of the suppliers whose results a review gave, one for each result."""
    with database.of(organisation_id, write=False) as session:
        found = (
            select(Supplier.reference).join(Result, Result.supplier_id == Supplier.id).where(Result.cause == "review")
        )
        return sorted(session.scalars(found))


def test_a_review_falls_due_by_the_level_of_the_result_for_sites_and_agencies(database: Database, organisation_id: str):
    for one in kept(database, organisation_id).values():
        months = in_force(one.model, THEN).review_months[one.level]
        assert one.review_due == headlines.months_after(THEN, months)


def test_what_is_due_is_told_the_worst_first_and_what_is_coming_by_day(database: Database, organisation_id: str):
    due_on(database, organisation_id, A1=date(2026, 5, 1), S1=date(2026, 4, 1), S2=date(2026, 5, 2))
    with database.of(organisation_id) as session:
        ranks = {"A-1": 1, "S-1": 2, "S-2": 0}
        for one in session.scalars(select(Supplier)):
            one.rank = ranks[str(one.reference)]
    with database.of(organisation_id, write=False) as session:
        assert [one.reference for one in reviews.due(session, date(2026, 5, 1))] == ["A-1", "S-1"]
        assert [one.reference for one in reviews.due(session, date(2026, 5, 2))] == ["S-2", "A-1", "S-1"]
        assert reviews.coming(session, date(2026, 4, 1)) == [(date(2026, 5, 1), 1), (date(2026, 5, 2), 1)]
        assert reviews.coming(session, date(2026, 2, 1), 1) == [(date(2026, 4, 1), 1)]


def test_a_rolling_review_assesses_what_is_due_again_and_moves_its_date_on(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    due_on(database, organisation_id, A1=date(2026, 6, 1), S1=date(2026, 5, 20), S2=date(2026, 6, 2))
    before = kept(database, organisation_id)
    stop_the_clock(monkeypatch, datetime(2026, 6, 1, 6, tzinfo=UTC))
    job_id = put_review(database, organisation_id)
    review(database, job_id)
    after = kept(database, organisation_id)
    assert reviewed(database, organisation_id) == ["A-1", "S-1"]
    assert job(database, job_id).result == {"reviewed": 2, "on": "2026-06-01"}
    for reference in ("A-1", "S-1"):
        one = after[reference]
        months = in_force(one.model, date(2026, 6, 1)).review_months[one.level]
        assert one.review_due == headlines.months_after(date(2026, 6, 1), months)
        assert one.answers == before[reference].answers
    assert after["S-2"].latest_id == before["S-2"].latest_id
    with database.of(organisation_id, write=False, snapshot=False) as session:
        told = [(c.supplier_id, c.data) for c in changes.read(session).items if c.kind == "review_due"]
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "schedule.reviewed")).all()
    assert told == [
        (after["A-1"].id, {"due": "2026-06-01", "level": before["A-1"].level}),
        (after["S-1"].id, {"due": "2026-05-20", "level": before["S-1"].level}),
    ]
    assert [event.details for event in events] == [{"suppliers": 2, "on": "2026-06-01"}]


@pytest.mark.parametrize("rule", [ROLLING, MONTHLY])
def test_a_supplier_that_was_deleted_or_never_assessed_is_neither_due_nor_reviewed(
    database: Database, organisation_id: str, rule: dict[str, object]
):
    due_on(database, organisation_id, A1=THEN, S1=THEN, S2=THEN)
    with database.of(organisation_id) as session:
        named = {one.reference: one for one in session.scalars(select(Supplier))}
        named["S-1"].deleted_at, named["S-2"].latest_id = AT, None
    with database.of(organisation_id, write=False) as session:
        assert [one.reference for one in reviews.due(session, THEN)] == ["A-1"]
        assert reviews.coming(session, THEN - timedelta(days=1)) == [(THEN, 1)]
    review(database, put_review(database, organisation_id, rule))
    assert reviewed(database, organisation_id) == ["A-1"]


def test_a_fixed_review_assesses_all_whenever_they_are_due(database: Database, organisation_id: str):
    due_on(database, organisation_id)
    review(database, put_review(database, organisation_id, MONTHLY))
    assert reviewed(database, organisation_id) == ["A-1", "S-1", "S-2"]


def test_a_site_is_reviewed_with_the_new_score_of_its_agency(database: Database, organisation_id: str):
    with database.of(organisation_id) as session:
        agency = session.scalars(select(Supplier).where(Supplier.kind == "agency")).one()
        agency.answers = {**agency.answers, "licence_status": "revoked", "licence_expiry": "2020-01-01"}
        agency.score = 0.0
    review(database, put_review(database, organisation_id, MONTHLY))
    now_is = kept(database, organisation_id)
    with database.of(organisation_id, write=False) as session:
        result = session.get_one(Result, now_is["S-1"].latest_id)
    assert list(result.agency_scores.values()) == [now_is["A-1"].score]
    assert now_is["A-1"].score > 0


def test_the_day_of_a_review_is_that_of_its_time_zone(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    due_on(database, organisation_id, S1=date(2026, 6, 2))
    stop_the_clock(monkeypatch, datetime(2026, 6, 1, 23, tzinfo=UTC))
    review(database, put_review(database, organisation_id))
    assert reviewed(database, organisation_id) == []
    review(database, put_review(database, organisation_id, zone="Asia/Bangkok"))
    assert reviewed(database, organisation_id) == ["S-1"]


def test_a_review_that_broke_off_is_taken_up_where_it_stopped_and_on_its_own_day(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reviews, "CHUNK", 1)
    at = datetime(2026, 6, 1, 23, tzinfo=UTC)
    stop_the_clock(monkeypatch, at)
    job_id = put_review(database, organisation_id, MONTHLY)
    keep, calls = suppliers.keep, []

    def breaks_off(*arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return keep(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(suppliers, "keep", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            review(database, job_id)
    assert len(reviewed(database, organisation_id)) == 2
    assert job(database, job_id).progress == pytest.approx(2 / 3)
    stop_the_clock(monkeypatch, at + timedelta(hours=2))
    review(database, job_id)
    assert reviewed(database, organisation_id) == ["A-1", "S-1", "S-2"]
    assert job(database, job_id).result == {"reviewed": 3, "on": "2026-06-01"}
    with database.of(organisation_id, write=False) as session:
        days = session.scalars(select(Result.on).where(Result.cause == "review")).all()
    assert set(days) == {date(2026, 6, 1)}


def test_a_result_of_a_review_stays_with_its_supplier_and_says_where_the_answers_were(
    database: Database, organisation_id: str
):
    place = {"file": "list.csv", "sheet": "", "row": 7}
    with database.of(organisation_id) as session:
        site = suppliers.get(session, "site", "S-1")
        site.key = "ref:its number of last year"
        session.get_one(Result, site.latest_id).place = place
    review(database, put_review(database, organisation_id, MONTHLY))
    assert len(kept(database, organisation_id)) == 3
    with database.of(organisation_id, write=False) as session:
        latest = session.get_one(Result, kept(database, organisation_id)["S-1"].latest_id)
        assert (latest.supplier_id, latest.cause, latest.place) == (site.id, "review", place)


def test_a_supplier_that_was_erased_meanwhile_does_not_come_back(database: Database, organisation_id: str):
    with database.of(organisation_id) as session:
        site = suppliers.get(session, "site", "S-1")
        suppliers.erase(session, site, datetime(2026, 3, 2, tzinfo=UTC), "user:1")
    review(database, put_review(database, organisation_id, MONTHLY))
    assert reviewed(database, organisation_id) == ["A-1", "S-2"]


def test_a_review_of_one_organisation_leaves_others_alone(database: Database, organisation_id: str):
    other = an_organisation(database, "Other")
    review(database, put_review(database, other, MONTHLY))
    assert reviewed(database, organisation_id) == []


def follow(database: Database) -> list[dict[str, object]]:
    """Runs the jobs that wait, all of which follow agencies; what each came to."""
    results = []
    while claimed := table.claim(database, "w"):
        assert claimed.kind == "follow_agencies"
        worker.run_job(database, claimed, worker.Handler(reviews.follow_agencies))
        results.append(job(database, claimed.id).result)
    return results


def put_agency(database: Database, organisation_id: str, **answers: object) -> None:
    said = {"reference": "A-1", "name": "Calm Rivers Recruiting", "country": "NP", **answers}
    with database.of(organisation_id) as session:
        suppliers.put(session, "agency", said, THEN, datetime(2026, 3, 2, tzinfo=UTC), "user:1", "api")


def causes(database: Database, organisation_id: str, reference: str) -> list[str]:
    """Why a supplier was assessed, the first time first."""
    with database.of(organisation_id, write=False) as session:
        found = select(Result.cause).join(Supplier, Result.supplier_id == Supplier.id)
        return list(session.scalars(found.where(Supplier.reference == reference).order_by(Result.created_at)))


def test_sites_that_name_an_agency_are_assessed_again_when_its_score_moves(database: Database, organisation_id: str):
    before = kept(database, organisation_id)
    put_agency(database, organisation_id, papers_retention="agency", debt_bondage="yes", blacklisted="yes")
    assert follow(database) == [{"assessed": 1}]
    after = kept(database, organisation_id)
    assert after["A-1"].score > before["A-1"].score
    assert after["S-1"].inherent > before["S-1"].inherent
    assert causes(database, organisation_id, "S-1") == ["api", "agency"]
    assert causes(database, organisation_id, "S-2") == ["api"]


def test_an_agency_whose_score_stands_moves_no_site(database: Database, organisation_id: str):
    put_agency(database, organisation_id)
    assert follow(database) == []
    assert causes(database, organisation_id, "S-1") == ["api"]


def test_a_site_that_was_assessed_with_the_new_score_already_is_passed_over(database: Database, organisation_id: str):
    put_agency(database, organisation_id, blacklisted="yes")
    with database.of(organisation_id) as session:
        site = {"reference": "S-1", "name": "Blue Pier", "country": "TH", "agencies": ["Calm Rivers Recruiting"]}
        suppliers.put(session, "site", site, THEN, datetime(2026, 3, 3, tzinfo=UTC), "user:1", "api")
    assert follow(database) == [{"assessed": 0}]
    assert causes(database, organisation_id, "S-1") == ["api", "api"]


@pytest.mark.parametrize("change", ["renamed", "erased"])
def test_a_site_whose_agency_is_no_longer_known_by_that_name_is_assessed_without_it(
    database: Database, organisation_id: str, change: str
):
    if change == "renamed":
        put_agency(database, organisation_id, name="Still Waters Recruiting")
    else:
        with database.of(organisation_id) as session:
            agency = suppliers.get(session, "agency", "A-1")
            suppliers.erase(session, agency, datetime(2026, 3, 2, tzinfo=UTC), "user:1")
    assert follow(database) == [{"assessed": 1}]
    with database.of(organisation_id, write=False) as session:
        latest = session.get_one(Result, kept(database, organisation_id)["S-1"].latest_id)
        assert latest.agency_scores == {}
    assert causes(database, organisation_id, "S-1") == ["api", "agency"]


def test_a_site_finds_its_agency_after_that_was_merged_into_another(database: Database, organisation_id: str):
    with database.of(organisation_id) as session:
        other = {"reference": "A-2", "name": "Still Waters Recruiting", "country": "NP", "blacklisted": "yes"}
        target, _ = suppliers.put(session, "agency", other, THEN, AT, "user:1", "api")
        source = suppliers.get(session, "agency", "A-1")
        before = source.score
        suppliers.merge(session, source, target, AT, "user:1")
    assert follow(database) == [{"assessed": 1}]
    with database.of(organisation_id, write=False) as session:
        latest = session.get_one(Result, kept(database, organisation_id)["S-1"].latest_id)
        assert latest.agency_scores == {"calmriversrecruiting": target.score}
        assert target.score != before


def test_answers_that_bear_no_day_age_from_when_they_came_in_however_often_they_are_reviewed(database: Database):
    organisation = an_organisation(database)
    answers = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "papers_retention": "worker_holds"}
    with database.of(organisation) as session:
        supplier, _ = suppliers.put(session, "site", answers, THEN, AT, "user:ana", "api")
        for on in (date(2026, 3, 2), date(2029, 3, 1), date(2029, 3, 2)):
            suppliers.assess_again(session, [supplier.id], on, AT, "user:ana")
            (of_papers,) = [
                reason["state"]
                for reason in suppliers.document(session.get_one(Result, supplier.latest_id))["reasons"]
                if reason["indicator"] == "papers_withheld"
            ]
            assert of_papers == ("answered" if on.year == 2026 else "expired")
        assert supplier.answers["answered_on"] == THEN.isoformat()
