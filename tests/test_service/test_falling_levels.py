"""A level that became lower is marked unless something that somebody checked explains it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_outbox_queue import add_endpoint
from test_taking_findings import AT, HELD, SITE
from test_verified_steps import Site

from risk_models.answers import EVIDENCE
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import Change, Result, Supplier
from service.queries.supplier_detail import list_history
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_pages import get_supplier_page
from service.suppliers import level_changes
from service.suppliers import repository as suppliers
from service.suppliers.level_changes import LevelChange, Occasion, explain_falls
from service.suppliers.merge_rules import get_risk_lookup

ON = date(2026, 11, 5)
LOOKUP = get_risk_lookup("site", ON)
GOOD = {
    question: min(options, key=lambda code, question=question: LOOKUP.risk(question, code))
    for question in sorted(LOOKUP.practice_questions)
    if (
        options := [
            choice.code for choice in LOOKUP.questions[question].choices if LOOKUP.risk(question, choice.code) >= 0
        ]
    )
}
RETURNED = {**GOOD, "answered_on": "2026-11-04"}
CONFIRMED = {"by": "user:ana", "on": "2026-11-05", "covers": ["papers_retention"]}


@pytest.fixture
def site(sqlite_database: Database) -> Iterator[Site]:
    """A site whose answers are good, save that it withholds documents."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        site = Site(session)
        site.answer({**GOOD, **HELD}, days=1)
        add_endpoint(session, "level.fell_unexplained")
        yield site


def read_fall(site: Site) -> tuple[bool, bool, int, int]:
    """Whether the supplier is marked and listed, how often the feed says so, and how many messages do."""
    session = site.session
    listed = get_supplier_page(session, SupplierFilter(fell="unexplained"), ON).suppliers
    changes = session.scalars(select(Change.data).order_by(Change.id)).all()
    messages = session.scalars(select(Message).where(Message.event == "level.fell_unexplained")).all()
    marked = sum("without_known_cause" in data for data in changes)
    return site.supplier.fell_on is not None, site.supplier in listed, marked, len(messages)


def test_better_answers_alone_leave_a_fall_unexplained(site: Site):
    before = site.supplier.level
    site.answer(RETURNED)
    assert (before, site.supplier.level) == ("high", "medium")
    assert read_fall(site) == (True, True, 1, 1)
    history = list_history(site.session, site.supplier, sees_worker_derived=True).items
    assert [entry.is_unexplained for entry in history] == [True, False, False]


def test_a_closed_step_explains_a_fall_and_history_names_it(site: Site):
    site.close()
    site.answer(RETURNED)
    assert read_fall(site) == (False, False, 0, 0)
    entry, *_ = list_history(site.session, site.supplier, sees_worker_derived=True).items
    assert [(step.step_id, step.counts) for step in entry.steps] == [(site.step.id, True)]
    site.step.worker_derived = True
    entry, *_ = list_history(site.session, site.supplier, sees_worker_derived=False).items
    assert entry.steps == []


def test_a_step_that_is_closed_afterwards_takes_the_mark_away(site: Site):
    site.answer(RETURNED)
    assert site.supplier.fell_on == ON
    site.close()
    site.assess()
    assert site.supplier.fell_on is None


def test_answering_less_in_between_hides_no_fall(site: Site):
    """A row with one answer drops the others, so that the supplier has too little evidence; then all answers come back."""
    site.answer({"papers_retention": GOOD["papers_retention"], "answered_on": "2026-11-03"}, days=2)
    assert site.supplier.level == "insufficient_evidence"
    assert read_fall(site) == (False, False, 0, 0)
    site.answer(RETURNED)
    assert site.supplier.level == "medium"
    assert read_fall(site) == (True, True, 1, 1)
    (message,) = site.session.scalars(select(Message).where(Message.event == "level.fell_unexplained"))
    assert (message.payload["from"], message.payload["to"]) == ("high", "medium")


def test_answering_less_takes_the_mark_of_a_fall_away_neither_then_nor_later(site: Site):
    site.answer(RETURNED, days=2)
    for days, answers in ((3, {"papers_retention": GOOD["papers_retention"]}), (4, RETURNED)):
        site.answer(answers, days)
        assert site.supplier.fell_on is not None


def test_a_small_rise_after_a_large_fall_takes_no_mark_away(site: Site):
    """A system that sends answers every night improves them all, and the next night makes one a little worse."""
    harm = {"papers_retention": "held", "movement": "locked"}
    levels, marks = [], []
    for days, answers in ((2, {**GOOD, **harm}), (3, GOOD), (4, {**GOOD, **HELD}), (5, {**GOOD, **harm})):
        site.answer({**answers, "answered_on": f"2026-11-0{days}"}, days=days)
        levels.append(site.supplier.level)
        marks.append(site.supplier.fell_on is not None)
    assert levels == ["critical", "medium", "high", "critical"]
    assert marks == [False, True, True, False]


def test_only_critical_falls_to_insufficient_evidence_and_the_mark_ends_when_it_is_back(site: Site):
    """A supplier that admitted serious harm denies it, and says nothing else: the alarm does not end unnoticed."""
    harm = {"papers_retention": "held", "movement": "locked"}
    site.answer({**harm, "answered_on": "2026-11-02"}, days=2)
    assert site.supplier.level == "critical"
    site.answer({question: GOOD[question] for question in harm} | {"answered_on": "2026-11-03"}, days=3)
    assert site.supplier.level == "insufficient_evidence"
    assert read_fall(site) == (True, True, 1, 1)
    site.answer({**harm, "answered_on": "2026-11-04"}, days=4)
    assert (site.supplier.level, site.supplier.fell_on) == ("critical", None)


def test_a_level_before_a_correction_is_no_measure_of_a_later_one(site: Site):
    site.answer({"papers_retention": GOOD["papers_retention"]}, days=2)
    latest = site.session.get_one(Result, site.supplier.latest_id)
    latest.cause = "undo"
    site.answer(RETURNED)
    assert site.supplier.fell_on is None


@pytest.mark.parametrize(("grade", "is_explained"), [("official", True), ("audit", False)])
def test_confirmed_evidence_explains_a_fall_only_if_it_is_not_the_suppliers(site: Site, grade: str, is_explained: bool):
    piece = {"grade": grade, "date": "2026-11-04", "covers": ["papers_retention"], "confirmed": CONFIRMED}
    site.answer({**RETURNED, EVIDENCE: [piece]})
    assert (site.supplier.fell_on is None) == is_explained


@dataclass
class Fall:
    """A site whose answers or rules changed so that its level fell, as `explain_falls` sees it."""

    session: Session
    supplier: Supplier

    def explain(
        self, cause: str = "import", scores: Mapping[str, float] | None = None, **before: object
    ) -> tuple[str, ...]:
        result = self.session.get_one(Result, self.supplier.latest_id)
        columns = {column.key: getattr(result, column.key) for column in Result.__mapper__.column_attrs}
        columns["agency_scores"] = scores or {}
        earlier = Result(**columns | {"level": "critical", **before})
        change = LevelChange(self.supplier.id, "critical", "earlier", columns)
        models = suppliers.list_organisation_models(self.session, ON)
        occasion = Occasion(ON, AT + timedelta(days=3), cause)
        return explain_falls("site", [change], {self.supplier.id: earlier}, occasion, models)[self.supplier.id]


def test_models_and_facts_explain_a_fall_only_if_they_suffice(site: Site):
    fall = Fall(site.session, site.supplier)
    assert fall.explain() == ()
    assert fall.explain(model_version="2026.1") == (level_changes.MODELS,)
    assert fall.explain(facts_digest="0" * 64) == (level_changes.FACTS,)
    site.answer(RETURNED)
    assert fall.explain(model_version="2026.1", answers={**SITE, **GOOD, **HELD}) == ()


def test_a_correction_explains_a_fall(site: Site):
    assert Fall(site.session, site.supplier).explain("undo") == (level_changes.CORRECTION,)


def test_a_lower_score_of_an_agency_explains_a_fall_only_if_the_site_names_it_before_and_after(site: Site):
    site.answer({**RETURNED, "agencies": ["Gulf Crew"]})
    fall, now_ = Fall(site.session, site.supplier), {"gulfcrew": 50.0}
    assert fall.explain(scores=now_, agency_scores={"gulfcrew": 100.0}) == (level_changes.AGENCY,)
    assert fall.explain(scores=now_, agency_scores={"gulfcrew": 75.0}) == ()  # the level is the same with it
    assert fall.explain(scores=now_, agency_scores={"gulfcrew": 50.0, "leftout": 100.0}) == ()
    assert fall.explain(agency_scores={"gulfcrew": 100.0}) == ()


def test_each_known_cause_says_why():
    codes = {
        getattr(level_changes, name)
        for name in ("STEP", "CONFIRMED", "CASE", "AGENCY", "MODELS", "FACTS", "CORRECTION")
    }
    assert level_changes.load_rules().keys() == codes
    assert all(rule["because"].endswith((".", ")")) and rule["holds"] for rule in level_changes.load_rules().values())
