"""A closed step is evidence for the next assessment: of its grade, on its day, for what was found, and until it is reopened."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_remediation_rules import AT, HEARD, ON, PAYROLL, code_of
from test_taking_findings import HELD, SITE, save

from risk_models.answers import EVIDENCE
from risk_models.evidence import GRADE_TITLES
from service.assessment.evidence_entries import get_step_id
from service.db.account_tables import User
from service.db.job_tables import Job
from service.db.remediation_tables import Step
from service.db.session import Database
from service.db.tables import Result, Supplier
from service.jobs.kinds import COUNT_VERIFIED_STEPS
from service.jobs.table import ClaimedJob, claim_job
from service.jobs.worker import Handler, run_job
from service.remediation import steps, verification
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.remediation.verification import SOURCES, Check
from service.report_content.redaction import filter_own_answers, redact_result
from service.reviews.jobs import count_verified_steps
from service.suppliers import evidence, verified_steps
from service.suppliers import repository as suppliers

RETURNED = {"papers_retention": "worker_holds", "answered_on": "2026-11-04"}
LATER = AT + timedelta(days=3)


class Site:
    """A site that withholds documents, with the step that gives them back, and two people who see to it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.people = [
            User(email=f"{name}@harbour.example", name=name, password_hash="", role="approver", created_at=AT)
            for name in ("ana", "ben")
        ]
        session.add_all(self.people)
        self.supplier = save(session, {**SITE, **HELD})
        self.step = session.scalars(select(Step).where(Step.action == "return_papers")).one()

    def act(self, person: int, days: int = 0) -> Act:
        user, at = self.people[person], AT + timedelta(days=days)
        return Act(Actor(f"user:{user.id}", user.role, user.id), at.date(), at, sees_worker_derived=True)

    def close(self, check: Check = HEARD) -> None:
        steps.add_evidence(self.session, self.step, PAYROLL, self.act(0))
        verification.verify_step(self.session, self.step, check, self.act(1))
        steps.change_state(self.session, self.step, "closed", None, self.act(0))

    def answer(self, answers: Mapping[str, object], days: int = 3) -> None:
        incoming, at = [suppliers.IncomingSupplier({**SITE, **answers})], AT + timedelta(days=days)
        origin = suppliers.Origin(at.date(), at, "user:ana", "import")
        suppliers.save_suppliers(self.session, "site", incoming, origin)

    def assess(self, days: int = 4) -> Result:
        at = AT + timedelta(days=days)
        suppliers.reassess(self.session, [self.supplier.id], at.date(), at, "user:ana")
        return self.session.get_one(Result, self.supplier.latest_id)

    def list_pieces(self) -> list[dict[str, object]]:
        """The evidence of the latest result that a step lends."""
        answers = self.session.get_one(Result, self.supplier.latest_id).answers
        assert answers == self.supplier.answers
        return [piece for piece in answers.get(EVIDENCE, ()) if get_step_id(piece)]


@pytest.fixture
def site(sqlite_database: Database) -> Iterator[Site]:
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield Site(session)


def test_closing_a_step_changes_no_score_and_supports_no_answer_that_admits_harm(site: Site):
    before = site.supplier.score
    site.close()
    assert site.supplier.score == before
    assert site.assess().score == pytest.approx(before, abs=0.5)
    assert site.list_pieces() == []


def test_a_better_answer_finds_the_evidence_of_the_closed_step(site: Site):
    site.close()
    site.answer(RETURNED)
    (piece,) = site.list_pieces()
    assert piece["source"] == f"Step {site.step.id}"
    assert (piece["grade"], piece["date"]) == ("worker_voice", ON.isoformat())
    assert piece["confirmed"] == {"by": site.act(1).actor.name, "on": ON.isoformat(), "covers": ["papers_retention"]}
    supported = site.supplier.score
    steps.change_state(site.session, site.step, "reopened", "They were collected again", site.act(0, days=4))
    assert site.assess().score > supported  # type: ignore[operator]
    assert site.list_pieces() == []


def test_every_kind_of_verification_has_a_grade():
    assert verified_steps.load_grades().keys() == SOURCES.keys()
    assert set(verified_steps.load_grades().values()) <= GRADE_TITLES.keys()


@pytest.mark.parametrize(("source", "grade"), [("third_party", "audit"), ("document", "document")])
def test_the_evidence_has_the_grade_of_the_verification(site: Site, source: str, grade: str):
    site.step.safety = site.step.needs_workers = False  # or documents would not do
    site.close(Check(source, ON, 8, "worker_organisation", 100, asked_about_retaliation=True))
    site.answer(RETURNED)
    assert [piece["grade"] for piece in site.list_pieces()] == [grade]


def test_a_step_lends_evidence_only_for_what_was_found(site: Site):
    site.close()
    site.answer({**RETURNED, "movement": "free", "violence": "no"})
    assert [piece["covers"] for piece in site.list_pieces()] == [["papers_retention"]]


def test_no_supplier_and_no_reader_learns_from_it_that_workers_have_spoken(site: Site):
    site.close(Check("official", ON, 8, "worker_organisation", 100, asked_about_retaliation=True))
    site.step.worker_derived = True
    site.answer(RETURNED)
    own = filter_own_answers("site", site.supplier.answers, None)
    assert not own.get(EVIDENCE)
    assert own["papers_retention"] == "worker_holds"
    listed = [entry.to_json() for entry in evidence.list_visible_entries(site.supplier, sees_worker_derived=True)]
    assert len(listed) == 1
    assert evidence.list_visible_entries(site.supplier, sees_worker_derived=False) == []
    result = {"answers": site.supplier.answers, "floors": (), "reasons": (), EVIDENCE: listed}
    assert redact_result(result)[EVIDENCE] == []


def test_nobody_withdraws_or_changes_the_evidence_of_a_step(site: Site):
    site.close()
    site.answer(RETURNED)
    (entry,) = evidence.list_visible_entries(site.supplier, sees_worker_derived=True)
    act = evidence.Act("user:ana", LATER.date(), LATER, sees_worker_derived=True)
    assert code_of(evidence.withdraw_confirmation, site.session, site.supplier, entry.id, act) == "evidence.of_step"
    voucher = evidence.Voucher("user:ana", LATER.date())
    assert code_of(evidence.confirm_evidence, site.session, site.supplier, entry.id, voucher, act) == "evidence.of_step"


def test_a_file_cannot_claim_to_be_a_step(site: Site):
    forged = {"grade": "worker_voice", "date": "2026-11-01", "source": f"Step {site.step.id}", "covers": ["violence"]}
    site.answer(
        {**RETURNED, EVIDENCE: [{**forged, "confirmed": {"by": "x", "on": "2026-11-01", "covers": ["violence"]}}]}
    )
    assert site.list_pieces() == []


def claim(database: Database) -> ClaimedJob:
    claimed = claim_job(database, "worker", kinds=[COUNT_VERIFIED_STEPS])
    assert claimed is not None
    return claimed


def test_closing_and_reopening_a_step_have_the_supplier_assessed_once(database: Database):
    organisation = make_organisation(database)
    with database.for_organisation(organisation) as session:
        site = Site(session)
        site.answer(RETURNED)
        site.close()
    run_job(database, claim(database), Handler(count_verified_steps))
    with database.for_organisation(organisation) as session:
        result = session.scalars(select(Result).order_by(Result.created_at.desc())).first()
        assert result is not None
        assert (result.cause, len(result.answers[EVIDENCE])) == (verified_steps.CAUSE, 1)
        verified_steps.queue_assessment(session, result.supplier_id, date(2026, 11, 6), "user:ana")
    run_job(database, claim(database), Handler(count_verified_steps))
    with database.for_organisation(organisation) as session:
        assert session.scalars(select(Job.state).where(Job.kind == COUNT_VERIFIED_STEPS)).all() == ["done", "done"]
        assert len(session.scalars(select(Result)).all()) == 3
        assert session.scalars(select(Supplier.latest_id)).one() == result.id
