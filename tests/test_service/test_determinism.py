"""Test that the same answers, model, facts and day give the same results: for any hash seed, order of rows and database."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import databases
import numpy as np
import pytest
from callers import make_organisation
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE
from recomputing import recompute

from questionnaires.parse.answer import EvidencePiece
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from service.clock import now
from service.db.session import Database
from service.db.tables import Result
from service.queries import stored_results
from service.suppliers import repository as suppliers
from tests.test_service.answers import answers, assess_rows

ON = date(2026, 11, 20)
ROOT = Path(__file__).parents[2]
FIRST_RELEASE = gzip.decompress((Path(__file__).parent / "frozen" / "2026.1.json.gz").read_bytes())
SITES: list[dict[str, Any]] = [
    result["answers"] for result in json.loads(FIRST_RELEASE)["results"] if result["kind"] == "site"
]
PIECES = [
    {"grade": "audit", "date": "2026-03-01", "covers": ["recruitment_fees", "papers_retention"], "source": "SMETA-123"},
    {"grade": "certificate", "date": "2026-01-01", "expires": "2027-01-01"},
]
RUN = """
import hashlib, json, sys
from datetime import date
import numpy as np
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
rows, on = json.load(sys.stdin), date(2026, 11, 20)
assessed = assess([Batch("site", from_rows(rows), "", "", np.arange(len(rows)))], load_facts().as_of(on), on)
print(hashlib.sha256(b"".join(iter_result_json(assessed[0], on))).hexdigest())
"""


def compute_digest_with_seed(seed: str) -> str:
    """Return the digest of the results that a process with this hash seed computes."""
    rows = json.dumps([{**row, "evidence": PIECES} for row in SITES])
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, "-c", RUN],
        input=rows,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return process.stdout.strip()


def test_results_do_not_depend_on_the_hash_seed() -> None:
    rows = [{**row, "evidence": PIECES} for row in SITES]
    batch = Batch("site", from_rows(rows), "", "", np.arange(len(rows)))
    digest = hashlib.sha256(b"".join(iter_result_json(assess([batch], load_facts().as_of(ON), ON)[0], ON))).hexdigest()
    assert {compute_digest_with_seed("0"), compute_digest_with_seed("4")} == {digest}


@examples(10)
@given(st.lists(answers(), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_results_do_not_depend_on_the_order_of_rows(rows: list[dict[str, Any]], order: Any) -> None:
    rows = [
        {**row, "evidence": tuple(EvidencePiece(**{**piece, "covers": ()}) for piece in PIECES[: n % 3])}
        for n, row in enumerate(rows)
    ]
    positions = list(range(len(rows)))
    order.shuffle(positions)
    in_order, shuffled = assess_rows(*rows), assess_rows(*(rows[position] for position in positions))
    for index, position in enumerate(positions):
        assert {**shuffled[index], "row": 0} == {**in_order[position], "row": 0}


@pytest.fixture
def both_databases(sqlite: databases.Empty, postgresql: databases.Empty) -> Iterator[tuple[Database, ...]]:
    """Yield a SQLite and a PostgreSQL database."""
    with ExitStack() as stack:
        yield tuple(databases.connect(stack.enter_context(empty())) for empty in (sqlite, postgresql))


def store_and_recompute(database: Database) -> list[dict[str, Any]]:
    """Store the suppliers of the first release; return their stored results, each with the recomputed document."""
    with database.for_organisation(make_organisation(database)) as session:
        for row in SITES:
            suppliers.save_supplier(session, "site", {**row, "evidence": PIECES}, ON, now(), "system:test", "api")
        session.flush()
        session.expire_all()
        results = session.query(Result).order_by(Result.score, Result.best).all()
        names = (
            "level",
            "score",
            "best",
            "worst",
            "inherent",
            "confidence",
            "coverage",
            "answers",
            "facts_digest",
            "model",
        )
        return [
            {**{name: getattr(result, name) for name in names}, "document": recompute(result)} for result in results
        ]


def test_sqlite_and_postgresql_give_the_same_results(both_databases: tuple[Database, ...]) -> None:
    sqlite_results, postgresql_results = map(store_and_recompute, both_databases)
    assert len(sqlite_results) == len(SITES)
    assert sqlite_results == postgresql_results
    for result in sqlite_results:
        assert result["answers"]["evidence"] == PIECES
        assert (result["document"]["score"], result["document"]["level"]) == (result["score"], result["level"])


def test_evidence_is_stored_as_objects_from_any_source(database: Database) -> None:
    answers = {
        **SITES[0],
        "evidence_grade": "document",
        "evidence": (EvidencePiece("audit", "2026-03-01", None, ("violence",), "SMETA-123"),),
    }
    with database.for_organisation(make_organisation(database)) as session:
        supplier, result = suppliers.save_supplier(session, "site", answers, ON, now(), "system:test", "api")
        session.flush()
        session.expire_all()
        pieces = [{"grade": "audit", "date": "2026-03-01", "covers": ["violence"], "source": "SMETA-123"}]
        assert supplier.answers["evidence"] == result.answers["evidence"] == pieces
        descriptions = [
            reason.evidence for reason in stored_results.build_detail(result).reasons if reason.title == "Violence"
        ]
        assert descriptions == ["Audit dated 1 March 2026 (SMETA-123): weight 0.55 out of 1 today."]


def test_a_stored_result_is_recomputed_with_its_own_model_version(database: Database) -> None:
    with database.for_organisation(make_organisation(database)) as session:
        _, result = suppliers.save_supplier(session, "site", SITES[0], date(2026, 10, 15), now(), "system:test", "api")
        assert result.model_version == "2026.1"
        result.on = ON  # a day on which a newer version is in force
        model, _facts = stored_results.find_model_and_facts(result)
        assert model.version == "2026.1"
