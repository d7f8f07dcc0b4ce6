"""Test surveys among workers: what is refused, that an answer leaves nothing but a count, and what figures may change."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from callers import freeze_time, make_browser, make_organisation, make_user, send
from flask import Flask
from portal import make_portal
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_taking_findings import AT, ON, SITE, save, take
from werkzeug.test import TestResponse

from questionnaires.worker_voice.form import load_worker_voice_form
from reports.formats import render
from service.blob_store.address import open_blob_store
from service.db.account_tables import SignInAttempt
from service.db.case_tables import StoredCase, StoredFinding
from service.db.remediation_tables import Finding
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import Database
from service.db.tables import AuditEvent, Base, Result, Supplier
from service.db.worker_voice_tables import SurveyCode, SurveyCount, WorkerSurvey
from service.errors import DomainError
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.reporting.stored_reports import build_internal_report, build_supplier_copy
from service.retention import purge_expired
from service.suppliers.merging import merge_suppliers
from service.translations.catalog import list_texts, load_shipped_texts
from service.translations.review import Review, save_reviews
from service.worker_voice import acceptance, answering, surveys
from service.worker_voice.surveys import SurveyPlan

FREE = {"papers_retention": "worker_holds", "movement": "free"}
PLAN = SurveyPlan(
    country="TH",
    run_by="union",
    runner="Packers' union",
    chosen_by="worker_organisation",
    languages=["en"],
    workers=120,
    cut=None,
    groups=[],
    opens_on=ON,
    closes_on=ON + timedelta(days=14),
)
BY_ORIGIN = replace(PLAN, cut="origin", groups=["MM", "KH"])
STATEMENTS = [one.id for one in load_worker_voice_form().statements]
# What workers answer where everything is as it should be.
GOOD = {one.id: "untrue" if one.adverse == "true" else "true" for one in load_worker_voice_form().statements}
HELD = {**GOOD, "own_papers": "untrue"}


def act_on(day: date = ON, role: str | None = "case_handler") -> Act:
    at = AT + (day - ON)
    return Act(Actor("user:ana", role, "ana"), day, at, sees_worker_derived=True)


class Surveyed:
    """A site with a survey among its workers."""

    def __init__(self, session: Session, plan: SurveyPlan = PLAN, **answers: object) -> None:
        self.session = session
        self.supplier = save(session, {**SITE, **FREE, **answers})
        self.survey = surveys.create_survey(session, self.supplier, plan, act_on())

    def answer(self, *workers: Mapping[str, str], group: str = "all") -> None:
        codes = surveys.issue_codes(self.session, self.survey, len(workers), act_on())
        for code, answers in zip(codes, workers, strict=True):
            answering.add_answers(self.session, self.survey, code, group, answers, ON)

    def close(self, day: date = ON) -> None:
        surveys.close_survey(self.session, self.survey, act_on(day))

    def read(self, statement: str = "own_papers") -> acceptance.Reading:
        return next(one for one in acceptance.read_survey(self.survey) if one.statement.id == statement)

    def accept(self, *statements: str, by: Act | None = None) -> None:
        acceptance.accept(self.session, self.survey, statements, "Ana Marín", by or act_on())

    def get_score(self) -> float:
        self.session.flush()
        return self.session.get_one(Result, self.supplier.latest_id).score


@pytest.fixture
def quick(sqlite_database: Database) -> Iterator[Session]:
    """A session where the kind of database makes no difference."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield session


def refuse(session: Session, supplier: Supplier, plan: SurveyPlan, day: date = ON) -> str:
    with pytest.raises(DomainError) as refused:
        surveys.create_survey(session, supplier, plan, act_on(day))
    return refused.value.code


# ---------------------------------------------------------------- setting up


def test_a_survey_that_would_be_unsafe_is_refused(quick: Session):
    site = save(quick, {**SITE, **FREE})
    assert refuse(quick, site, replace(PLAN, run_by="management")) == "survey.run_by"
    assert refuse(quick, site, replace(PLAN, runner=" ")) == "survey.runner"
    assert refuse(quick, site, replace(PLAN, runner="Union, +66 81 234 5678")).startswith("person.")
    assert refuse(quick, site, replace(PLAN, chosen_by="no_one")) == "survey.chosen_by"
    assert refuse(quick, site, replace(PLAN, workers=9)) == "survey.workers"
    assert refuse(quick, site, replace(PLAN, country="MM")) == "survey.country"
    assert refuse(quick, site, replace(PLAN, languages=["en", "th"])) == "survey.language_locked"
    assert refuse(quick, site, replace(PLAN, languages=["xx"])) == "survey.languages"
    assert refuse(quick, site, replace(PLAN, cut="job")) == "survey.cut"
    assert refuse(quick, site, replace(BY_ORIGIN, groups=[])) == "survey.groups"
    assert refuse(quick, site, replace(PLAN, groups=["MM"])) == "survey.groups"
    assert refuse(quick, site, replace(PLAN, opens_on=ON - timedelta(days=1))) == "survey.days"
    assert refuse(quick, site, replace(PLAN, closes_on=ON + timedelta(days=60))) == "survey.days"


def test_a_language_is_unlocked_for_an_organisation_whose_reviewer_confirmed_every_text(quick: Session):
    site = save(quick, {**SITE, **FREE})
    in_thai = replace(PLAN, languages=["en", "th"])
    shipped = load_shipped_texts("th")
    reviews = [Review(text, shipped.find(text).forms, "confirmed") for text in list_texts("voice")]
    save_reviews(quick, "th", reviews[1:], "native_speaker", "user:ana", ON)
    assert refuse(quick, site, in_thai) == "survey.language_locked", "one text is not confirmed"
    worded = replace(reviews[0], forms=("ที่ทำงานของคุณเป็นอย่างไร",))
    save_reviews(quick, "th", [worded], "native_speaker", "user:ana", ON)
    surveys.create_survey(quick, site, in_thai, act_on())
    thai = surveys.load_usable_languages(quick, load_worker_voice_form())["th"]
    assert thai.translate(worded.text.english) == worded.forms[0], "workers read the reviewer's wording"


def test_there_is_no_survey_where_a_state_imposes_the_labour(quick: Session):
    day = ON + timedelta(days=60)  # when the models of method 4 are in force
    site = save(quick, {**SITE, "country": "CN", "region": "Xinjiang"}, AT + timedelta(days=60))
    plan = replace(PLAN, country="CN", opens_on=day, closes_on=day)
    assert refuse(quick, site, plan, day) == "survey.state_imposed"


def test_surveys_of_one_supplier_never_overlap_and_do_not_follow_each_other_closely(quick: Session):
    surveyed = Surveyed(quick)
    assert refuse(quick, surveyed.supplier, BY_ORIGIN) == "survey.open"
    surveyed.answer(*[HELD] * 4, *[GOOD] * 11)
    surveyed.close()
    soon = ON + timedelta(days=89)
    later = replace(PLAN, opens_on=soon, closes_on=soon)
    assert refuse(quick, surveyed.supplier, later, soon) == "survey.too_soon"
    day = ON + timedelta(days=90)
    surveys.create_survey(quick, surveyed.supplier, replace(PLAN, opens_on=day, closes_on=day), act_on(day))


def test_a_survey_of_which_nothing_was_published_may_be_repeated_at_once(quick: Session):
    surveyed = Surveyed(quick)
    surveyed.answer(*[GOOD] * 9)
    surveyed.close()
    surveys.create_survey(quick, surveyed.supplier, PLAN, act_on())


def test_there_are_never_more_codes_than_workers(quick: Session):
    surveyed = Surveyed(quick)
    assert len(set(surveys.issue_codes(quick, surveyed.survey, 100, act_on()))) == 100
    with pytest.raises(DomainError, match="from 1 to 20"):
        surveys.issue_codes(quick, surveyed.survey, 21, act_on())


# ---------------------------------------------------------------- answering


def read_rows(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    session.flush()
    rows: dict[str, list[tuple[object, ...]]] = {}
    for mapper in Base.registry.mappers:
        if "organisation_id" in mapper.local_table.c:
            names = [column.key for column in mapper.column_attrs]
            found = session.scalars(select(mapper.class_))
            rows[mapper.local_table.name] = sorted(
                (tuple(getattr(row, name) for name in names) for row in found), key=str
            )
    return rows


def test_an_answer_leaves_nothing_but_one_code_less_and_counts(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        surveyed = Surveyed(session, BY_ORIGIN)
        first, second = surveys.issue_codes(session, surveyed.survey, 2, act_on())
        before = read_rows(session)
        answers = {"own_papers": "mostly_true", "violence": "not_said", "unknown": "true", "debt": "perhaps"}
        answering.add_answers(session, surveyed.survey, first.lower().replace("-", " "), "MM", answers, ON)
        session.expire_all()
        after = read_rows(session)
        assert {name for name in before if before[name] != after[name]} == {"survey_code", "survey_count"}
        assert len(after["survey_code"]) == len(before["survey_code"]) - 1
        counted = session.scalars(select(SurveyCount).where(SurveyCount.workers > 0)).all()
        assert {(one.group, one.statement, one.answer, one.workers) for one in counted} == {
            ("MM", "own_papers", "mostly_true", 1),
            ("MM", "violence", "not_said", 1),
        }
        with pytest.raises(DomainError) as refused:
            answering.add_answers(session, surveyed.survey, first, "MM", answers, ON)
        assert refused.value.code == "survey.wrong_code"
        answering.check_code(session, surveyed.survey, second)


def test_answers_count_only_while_the_survey_is_open_and_in_one_of_its_groups(quick: Session):
    surveyed = Surveyed(quick, BY_ORIGIN)
    (code,) = surveys.issue_codes(quick, surveyed.survey, 1, act_on())
    for group, answers, day, expected in (
        ("MM", GOOD, ON - timedelta(days=1), "survey.not_open"),
        ("MM", GOOD, ON + timedelta(days=15), "survey.not_open"),
        ("VN", GOOD, ON, "survey.wrong_group"),
        ("MM", {}, ON, "survey.no_answers"),
    ):
        with pytest.raises(DomainError) as refused:
            answering.add_answers(quick, surveyed.survey, code, group, answers, day)
        assert refused.value.code == expected
    answering.add_answers(quick, surveyed.survey, code, "other", GOOD, ON + timedelta(days=14))


def test_nothing_is_known_before_a_survey_is_closed_and_counts_are_gone_afterwards(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        surveyed = Surveyed(session, BY_ORIGIN)
        surveyed.answer(*[HELD] * 5, *[GOOD] * 15, group="MM")
        surveyed.answer(*[HELD] * 3, *[GOOD] * 4, group="KH")
        assert acceptance.read_survey(surveyed.survey) == []
        surveyed.close()
        published = surveyed.read().published
        assert [(one.group, one.answered, one.adverse) for one in published.figures] == [("MM", 20, 5)]
        assert published.withheld == ("KH", "other")
        assert session.scalars(select(SurveyCode)).all() == session.scalars(select(SurveyCount)).all() == []
        assert "7" not in str(surveyed.survey.published[0])
        with pytest.raises(DomainError, match="closed"):
            surveyed.close()
        events = session.scalars(select(AuditEvent.action).where(AuditEvent.object_type == "worker_survey")).all()
        assert set(events) == {"worker_survey.created", "worker_survey.codes_issued", "worker_survey.closed"}


def test_workers_without_an_opinion_count_in_no_figure(quick: Session):
    surveyed = Surveyed(quick)
    surveyed.answer(
        *[HELD] * 4, *[GOOD] * 8, *[{**GOOD, "own_papers": "not_known"}] * 5, {**GOOD, "own_papers": "not_said"}
    )
    surveyed.close()
    (figure,) = surveyed.read().published.figures
    assert (figure.answered, figure.adverse) == (12, 4)


def test_two_surveys_that_overlap_after_a_merge_are_not_both_published(quick: Session):
    surveyed = Surveyed(quick)
    surveyed.answer(*[HELD] * 4, *[GOOD] * 11)
    other = save(quick, {**SITE, **FREE, "reference": "S-2", "name": "Blue Pier Cannery 2"})
    second = surveys.create_survey(quick, other, PLAN, act_on())
    for code in surveys.issue_codes(quick, second, 15, act_on()):
        answering.add_answers(quick, second, code, "all", HELD, ON)
    merge_suppliers(quick, other, surveyed.supplier, AT, "user:ana")
    quick.expire_all()
    surveyed.close()
    surveys.close_survey(quick, second, act_on())
    assert surveyed.read().worst == 4 / 15
    assert {one.worst for one in acceptance.read_survey(second)} == {None}


def test_a_survey_that_nobody_closes_is_deleted_with_its_counts(sqlite_database: Database, tmp_path: Path):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session:
        surveyed = Surveyed(session)
        surveyed.answer(*[GOOD] * 20)
    for days, left in ((104, 1), (105, 0)):
        purge_expired(sqlite_database, open_blob_store(f"file://{tmp_path}/blobs"), AT + timedelta(days=days))
        with sqlite_database.for_organisation(organisation_id) as session:
            assert len(session.scalars(select(WorkerSurvey)).all()) == left
            assert bool(session.scalars(select(SurveyCount)).first()) == bool(left)


# ---------------------------------------------------------------- what figures change


def test_bad_figures_raise_the_risk_through_a_case_record_once_they_are_accepted(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        surveyed = Surveyed(session)
        surveyed.answer(*[HELD] * 6, *[GOOD] * 20)
        surveyed.close()
        before = surveyed.get_score()
        assert surveyed.read().effect == "raises"
        assert session.scalars(select(StoredCase)).all() == []
        surveyed.accept("own_papers")
        assert surveyed.get_score() > before
        finding = session.scalars(select(StoredFinding)).one()
        assert (finding.finding, finding.phase, finding.source) == ("papers_held", "work", "union_or_ngo")
        assert finding.note == (
            "Worker survey: 26 of 120 workers answered, 23% adversely; chosen by: a union, a worker committee or an ngo"
        )
        take(session, [surveyed.supplier.id], AT)
        assert session.scalars(select(Finding.worker_derived).where(Finding.about == "papers_withheld")).all() == [True]
        assert session.scalars(select(RetaliationWatch)).one().supplier_id == surveyed.supplier.id
        with pytest.raises(DomainError) as refused:
            surveyed.accept("own_papers")
        assert refused.value.code == "survey.accepted"


def test_good_figures_support_the_answers_of_the_supplier_once_they_are_accepted(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        surveyed = Surveyed(session)
        surveyed.answer(*[GOOD] * 20)
        surveyed.close()
        before = surveyed.get_score()
        surveyed.accept("own_papers")
        (piece,) = surveyed.supplier.answers["evidence"]
        assert (piece["grade"], piece["date"], piece["covers"]) == (
            "worker_voice",
            ON.isoformat(),
            ["papers_retention"],
        )
        assert piece["confirmed"]["reference"].startswith("Worker survey: 20 of 120 workers answered, 0% adversely")
        assert surveyed.get_score() < before


def test_answers_of_few_workers_or_of_those_whom_management_chose_never_lower_the_risk(quick: Session):
    few = Surveyed(quick, replace(PLAN, workers=300))
    few.answer(*[GOOD] * 29)
    few.close()
    assert (few.read().effect, few.read().reason) == (None, "few_of_workers")
    with pytest.raises(DomainError) as refused:
        few.accept("own_papers")
    assert refused.value.code == "survey.no_effect"
    chosen = Surveyed(quick, replace(PLAN, chosen_by="management"), reference="S-2", name="Red Pier")
    chosen.answer(*[GOOD] * 100)
    chosen.close()
    assert (chosen.read().effect, chosen.read().reason) == (None, "chosen_by_management")


def test_adverse_answers_count_whoever_chose_the_workers_and_however_few_they_are(quick: Session):
    surveyed = Surveyed(quick, replace(PLAN, chosen_by="management", workers=5000))
    surveyed.answer(*[HELD] * 6, *[GOOD] * 20)
    surveyed.close()
    assert surveyed.read().effect == "raises"


def test_the_group_with_the_most_adverse_answers_decides(quick: Session):
    surveyed = Surveyed(quick, BY_ORIGIN)
    surveyed.answer(*[GOOD] * 60, group="MM")
    surveyed.answer(*[{**GOOD, "day_off": "untrue"}] * 3, *[GOOD] * 9, group="KH")
    surveyed.close()
    assert (surveyed.read("day_off").worst, surveyed.read("day_off").effect) == (0.25, "raises")


def test_figures_in_between_and_a_single_adverse_answer_change_nothing(quick: Session):
    surveyed = Surveyed(quick)
    between = {**GOOD, "day_off": "untrue"}
    surveyed.answer({**between, "violence": "true"}, *[between] * 2, *[GOOD] * 16)
    surveyed.close()
    assert [surveyed.read(one).reason for one in ("day_off", "violence")] == ["between", "between"]


def test_figures_support_no_answer_that_admits_harm_and_none_that_was_not_given(quick: Session):
    surveyed = Surveyed(quick, papers_retention="held")
    surveyed.answer(*[GOOD] * 20)
    surveyed.close()
    for statement in ("own_papers", "violence"):
        with pytest.raises(DomainError) as refused:
            surveyed.accept(statement)
        assert refused.value.code == "survey.nothing_to_support"


def test_only_a_person_accepts_figures_and_only_of_a_closed_survey(quick: Session):
    surveyed = Surveyed(quick)
    surveyed.answer(*[GOOD] * 20)
    with pytest.raises(DomainError) as refused:
        surveyed.accept("own_papers")
    assert refused.value.code == "survey.not_closed"
    surveyed.close()
    with pytest.raises(DomainError) as refused:
        surveyed.accept("own_papers", by=act_on(role=None))
    assert refused.value.code == "transition.by_key"


@pytest.mark.parametrize("workers", [[GOOD] * 20, [HELD] * 6 + [GOOD] * 20], ids=["good", "bad"])
def test_nothing_of_a_survey_is_in_the_suppliers_copy(quick: Session, workers: list[Mapping[str, str]]):
    surveyed = Surveyed(quick)

    def render_all() -> dict[str, bytes]:
        copy = build_supplier_copy(quick, surveyed.supplier.id)
        return {kind: render(copy, "html", kind).data for kind in ("report", "scorecard")}

    before = render_all()
    surveyed.answer(*workers)
    surveyed.close()
    surveyed.accept("own_papers")
    after = render_all()
    assert [name for name, data in after.items() if data != before[name]] == []


@pytest.mark.parametrize("workers", [[GOOD] * 20, [HELD] * 6 + [GOOD] * 20], ids=["good", "bad"])
def test_no_report_has_the_figures_or_the_runner_and_only_internal_ones_that_there_was_a_survey(
    quick: Session, workers: list[Mapping[str, str]]
):
    surveyed = Surveyed(quick)
    surveyed.answer(*workers)
    surveyed.close()
    surveyed.accept("own_papers")
    for worker_derived in (True, False):
        report = build_internal_report(quick, [surveyed.supplier.id], worker_derived=worker_derived)
        text = unescape(render(report, "html", "report").data.decode())
        assert [word for word in ("Packers' union", "adversely", "of 120 workers") if word in text] == []
        assert worker_derived or "Worker survey" not in text


# ---------------------------------------------------------------- through HTTP


@pytest.fixture
def world(app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[Flask, str, str]:
    """The application, an organisation and a site of it."""
    freeze_time(monkeypatch, AT)
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        return app, organisation_id, save(session, {**SITE, **FREE}).id


def read_text(page: TestResponse) -> str:
    return page.get_data(as_text=True)


def test_workers_answer_on_pages_and_a_case_handler_accepts_what_they_said(
    world: tuple[Flask, str, str], database: Database, capsys: pytest.CaptureFixture[str]
):
    app, organisation_id, site_id = world
    browser = make_browser(app, make_user(database, organisation_id, "case_handler"))
    fields = {"country": "TH", "run_by": "union", "runner": "Packers' union", "chosen_by": "workers", "languages": "en"}
    days = {"opens_on": ON.isoformat(), "closes_on": ON.isoformat()}
    made = send(browser, f"/suppliers/{site_id}/worker-voice", **fields, **days, workers="30", cut="gender")
    address = made.headers["Location"]
    sheet = read_text(send(browser, f"{address}/codes", codes="16", version="1"))
    codes = re.findall(r"[A-Z0-9]{5}-[A-Z0-9]{5}", sheet)
    page = re.search(r"/voice/[a-z0-9]{12}", sheet)[0]
    capsys.readouterr()
    worker = app.test_client()
    assert "Packers' union" in unescape(read_text(worker.get(page)))
    for code in codes:
        assert read_text(worker.post(f"{page}/statements", data={"code": code})).count("tick the box") == 1
        form = read_text(worker.post(f"{page}/statements", data={"code": code, "agreed": "yes"}))
        assert form.count("<fieldset") == 19
        answers = {f"s-{statement}": answer for statement, answer in HELD.items()}
        sent = worker.post(f"{page}/answers", data={"code": code, "agreed": "yes", "group": "woman", **answers})
        assert sent.status_code == 303
    thanks = worker.get(sent.headers["Location"])
    assert thanks.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert worker.post(f"{page}/statements", data={"code": codes[0], "agreed": "yes"}).status_code == 422
    assert not worker.get_cookie("diligence")
    assert not thanks.headers.getlist("Set-Cookie")
    assert capsys.readouterr().err.count("voice") == 0
    assert send(browser, f"{address}/close", confirmed="yes", version="2").status_code == 303
    assert "100%" in read_text(browser.get(address))
    accepted = send(browser, f"{address}/accept", statements="own_papers", version="3")
    assert accepted.status_code == 303
    with database.for_organisation(organisation_id) as session:
        assert session.scalars(select(StoredFinding.finding)).all() == ["papers_held"]


def test_leaving_leads_to_a_page_that_says_nothing_and_clears_what_the_browser_has(app: Flask):
    left = app.test_client().get("/voice/leave")
    assert left.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert left.headers["Cache-Control"] == "no-store"
    assert "survey" not in read_text(left).lower()
    assert "work" not in read_text(left).lower()


def test_an_address_that_does_not_exist_is_not_found_and_nobody_is_counted(app: Flask, database: Database):
    assert app.test_client().get("/voice/acdefghjklmn").status_code == 404
    with database.unscoped() as session:
        assert session.scalars(select(SignInAttempt)).all() == []


def test_a_program_sets_up_a_survey_and_reads_its_figures(world: tuple[Flask, str, str], database: Database):
    app, organisation_id, site_id = world
    portal = make_portal(app, organisation_id, "cases:read", "cases:write")
    body = {
        "country": "TH",
        "run_by": "ngo",
        "runner": "Harbour Rights",
        "chosen_by": "worker_organisation",
        "languages": ["en"],
        "workers": 30,
        "opens_on": ON.isoformat(),
        "closes_on": ON.isoformat(),
    }
    made = portal.post(f"/suppliers/{site_id}/worker-surveys", body)
    assert made.status_code == 201
    survey = f"/worker-surveys/{made.json['id']}"
    issued = portal.post(f"{survey}/codes", {"codes": 15}).json
    with database.for_organisation(organisation_id) as session:
        stored = surveys.get_survey(session, made.json["id"], lock=True)
        for code in issued["codes"]:
            answering.add_answers(session, stored, code, "all", HELD, ON)
    assert portal.get(survey).json["figures"] == []
    closed = portal.post(f"{survey}/close").json
    held = next(one for one in closed["figures"] if one["statement"] == "own_papers")
    assert held["groups"] == [{"group": "all", "answered": 15, "adverse": 15}]
    assert (held["effect"], held["accepted"]) == ("raises", False)
    assert portal.get(f"/suppliers/{site_id}/worker-surveys").json["items"] == [closed]
