"""Summary columns of suppliers equal those of their latest result, for new and known suppliers."""

from datetime import UTC, datetime
from math import inf
from typing import Any

import numpy as np
import pytest
from callers import make_organisation
from hypothesis import given
from hypothesis import strategies as st
from recomputing import recompute
from sqlalchemy import select

from risk_models.action_library import list_release_actions
from risk_models.plan import Plan
from service.db import change_feed
from service.db.session import Database
from service.db.tables import Result, Supplier
from service.suppliers import repository as suppliers
from service.suppliers.stored_answers import validate_stored
from tests.test_service.answers import ON, Answers, list_indicator_questions

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
OF_A_RESULT = ("level", "inherent_level", "score", "best", "worst", "inherent", "confidence", "coverage", "model")
LEFT_OUT = {"id", "organisation_id", "created_at", "latest_id", "version"}  # what two suppliers cannot have alike
FIRST_CHOICES = {
    question.id: question.choices[0].code for question in list_indicator_questions("site") if question.type == "choice"
}
MUCH = validate_stored("site", FIRST_CHOICES, ON)  # without those that contradict another, as an import stores them
SITES: list[Answers] = [
    {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "papers_retention": "held"},
    {"reference": "S-2", "name": "Pale Loom", "country": "NO", "sector": ["1410", "4100"], **MUCH},
    {"reference": "S-3", "name": "Long Quay", "country": "QA", "sector": ["4100"], "worker_debt": "declined"},
    {"reference": "S-4", "country": "declined"},
    {"name": "遠望水產", "country": "TW", "sector": ["0311"], "reported_harms": ["violence"], "reported_by": "workers"},
    {"name": "No Place"},
]


def keep(database: Database, organisation_id: str, *rows: Answers, kind: str = "site") -> None:
    with database.for_organisation(organisation_id) as session:
        places = [{"row": row} for row in range(2, len(rows) + 2)]
        incoming = [suppliers.IncomingSupplier(row, place) for row, place in zip(rows, places, strict=True)]
        suppliers.save_suppliers(session, kind, incoming, suppliers.Origin(ON, AT, "user:ana", "import"))


def load_summaries(database: Database, organisation_id: str) -> dict[str, dict[str, Any]]:
    """Every column of the suppliers by their keys."""
    with database.for_organisation(organisation_id, write=False) as session:
        names = [column.key for column in Supplier.__mapper__.column_attrs]
        return {one.key: {n: getattr(one, n) for n in names} for one in session.scalars(select(Supplier))}


def test_a_supplier_with_enough_answers_has_every_summary_column(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, SITES[1])
    (one,) = load_summaries(database, organisation).values()
    assert {name for name, value in one.items() if value is None} == {
        "deleted_at",
        "ended_on",
        "fell_on",
        "findings_of",
        "form_answers",
    }
    assert (one["version"], one["created_at"], one["updated_at"], one["assessed_at"]) == (1, AT, AT, AT)


def test_new_suppliers_are_stored_like_known_ones(database: Database):
    new, known = make_organisation(database), make_organisation(database, "Other")
    keep(database, new, *SITES)
    for row in SITES:  # only what it is found again by, so that nothing else of it stays
        keep(database, known, {q: row[q] for q in ("reference", "name", "country") if q in row})
    keep(database, known, *SITES)
    first, again = load_summaries(database, new), load_summaries(database, known)
    assert [one["version"] for one in again.values()] == [2] * len(SITES)
    alike = [
        {key: {n: v for n, v in one.items() if n not in LEFT_OUT} for key, one in summaries.items()}
        for summaries in (first, again)
    ]
    assert alike[0] == alike[1]


def test_the_summary_matches_the_latest_result_and_its_document(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, {"name": "Far Hands", "reference": "A-1", "country": "NP"}, kind="agency")
    keep(database, organisation, *SITES)
    with database.for_organisation(organisation, write=False) as session:
        pairs = session.execute(select(Supplier, Result).join(Result, Result.id == Supplier.latest_id)).all()
        assert len(pairs) == 1 + len(SITES)
        for supplier, result in pairs:
            assert [getattr(supplier, n) for n in OF_A_RESULT] == [getattr(result, n) for n in OF_A_RESULT]
            document = recompute(result)
            assert (supplier.up_to, supplier.next_step or "") == (document["up_to"], document["next_step"] or "")
            assert (supplier.sector, supplier.level, supplier.answers) == (
                document["sector"],
                document["level"],
                result.answers,
            )
            assert supplier.score == pytest.approx(document["score"], abs=0.01)


def test_reports_of_others_alone_give_no_supplier_visible_step(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, *SITES)
    steps = {
        one["name"]: (one["next_step"], one["own_step"]) for one in load_summaries(database, organisation).values()
    }
    with_report, own = steps["遠望水產"]
    assert with_report != own
    assert all(first == own for name, (first, own) in steps.items() if name != "遠望水產")


def test_each_new_supplier_has_one_level_change_in_the_order_of_the_rows(database: Database):
    organisation = make_organisation(database)
    keep(database, organisation, *SITES)
    with database.for_organisation(organisation, write=False, snapshot=False) as session:
        items = change_feed.read(session).items
        pairs = [session.get_one(Supplier, item.supplier_id) for item in items]
    assert [item.data for item in items] == [{"from": None, "to": one.level, "cause": "import"} for one in pairs]
    assert [one.name for one in pairs] == [row.get("name", row.get("reference")) for row in SITES]


@pytest.mark.parametrize("version", ["2026.1", "2026.3", "2026.4"])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_next_step_is_the_first_step_of_the_plan(version: str, seed: int):
    library = list_release_actions(version)
    due = [*[inf] * 60, 0.02, 0.5, 1.0, 1.5, 2.0, 7.0, 30.0]
    plan = Plan(library, np.random.default_rng(seed).choice(due, size=(len(library), 5)), np.zeros(5, dtype=bool))
    plan.days[:, 0] = inf
    in_order = [plan.list_steps(j, ON) for j in range(5)]
    assert plan.list_first_steps() == [steps[0][0].id if steps else None for steps in in_order]
