"""The same inputs, model, facts and day give the same numbers: whatever the seed of hashes, the order of rows, the database."""

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
from callers import an_organisation
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE

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
from tests.test_service.answers import answers, results

ON = date(2026, 11, 20)
ROOT = Path(__file__).parents[2]
FROZEN = gzip.decompress((Path(__file__).parent / "frozen" / "2026.1.json.gz").read_bytes())
TOLD: list[dict[str, Any]] = [result["answers"] for result in json.loads(FROZEN)["results"] if result["kind"] == "site"]
PIECES = [
    {"grade": "audit", "date": "2026-03-01", "covers": ["recruitment_fees", "papers_retention"], "source": "SMETA-123"},
    {"grade": "certificate", "date": "2026-01-01", "expires": "2027-01-01"},
]
RUN = """
import hashlib, json, sys
from datetime import date
import numpy as np
from risk_models.answers import from_rows
from risk_models.facts.facts import load
from service.assessment.assess import Batch, assess
from service.assessment.export_json import result_rows
rows, on = json.load(sys.stdin), date(2026, 11, 20)
assessed = assess([Batch("site", from_rows(rows), "", "", np.arange(len(rows)))], load().as_of(on), on)
print(hashlib.sha256(b"".join(result_rows(assessed[0], on))).hexdigest())
"""


def of_seed(seed: str) -> str:
    """The digest of the results as another process with this seed of hashes makes them."""
    rows = json.dumps([{**row, "evidence": PIECES} for row in TOLD])
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=rows,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return done.stdout.strip()


def test_the_seed_of_hashes_changes_no_byte() -> None:
    rows = [{**row, "evidence": PIECES} for row in TOLD]
    batch = Batch("site", from_rows(rows), "", "", np.arange(len(rows)))
    here = hashlib.sha256(b"".join(iter_result_json(assess([batch], load_facts().as_of(ON), ON)[0], ON))).hexdigest()
    assert {of_seed("0"), of_seed("4")} == {here}


@examples(10)
@given(st.lists(answers(), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_number(rows: list[dict[str, Any]], order: Any) -> None:
    rows = [
        {**row, "evidence": tuple(EvidencePiece(**{**told, "covers": ()}) for told in PIECES[: n % 3])}
        for n, row in enumerate(rows)
    ]
    places = list(range(len(rows)))
    order.shuffle(places)
    straight, mixed = results(*rows), results(*(rows[place] for place in places))
    for at, place in enumerate(places):
        assert {**mixed[at], "row": 0} == {**straight[place], "row": 0}


@pytest.fixture
def both(sqlite: databases.Empty, postgresql: databases.Empty) -> Iterator[tuple[Database, ...]]:
    """A database of each kind."""
    with ExitStack() as opened:
        yield tuple(Database(opened.enter_context(empty())) for empty in (sqlite, postgresql))


def kept_in(database: Database) -> list[dict[str, Any]]:
    """What a database holds of the suppliers of the first release, and what is made of it when it is read again."""
    with database.for_organisation(an_organisation(database)) as session:
        for row in TOLD:
            suppliers.save_supplier(session, "site", {**row, "evidence": PIECES}, ON, now(), "system:test", "api")
        session.flush()
        session.expire_all()
        found = session.query(Result).order_by(Result.score, Result.best).all()
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
        return [{**{name: getattr(r, name) for name in names}, "document": stored_results.build_result_json(r)} for r in found]


def test_every_kind_of_database_gives_the_same_numbers(both: tuple[Database, ...]) -> None:
    one, other = map(kept_in, both)
    assert len(one) == len(TOLD)
    assert one == other
    for kept in one:
        assert kept["answers"]["evidence"] == PIECES
        assert (kept["document"]["score"], kept["document"]["level"]) == (kept["score"], kept["level"])


def test_pieces_are_kept_as_objects_whoever_sends_them(database: Database) -> None:
    sent = {
        **TOLD[0],
        "evidence_grade": "document",
        "evidence": (EvidencePiece("audit", "2026-03-01", None, ("violence",), "SMETA-123"),),
    }
    with database.for_organisation(an_organisation(database)) as session:
        kept, result = suppliers.save_supplier(session, "site", sent, ON, now(), "system:test", "api")
        session.flush()
        session.expire_all()
        told = [{"grade": "audit", "date": "2026-03-01", "covers": ["violence"], "source": "SMETA-123"}]
        assert kept.answers["evidence"] == result.answers["evidence"] == told
        named = [reason.evidence for reason in stored_results.build_detail(result).reasons if reason.title == "Violence"]
        assert named == ["Audit of 1 March 2026 (SMETA-123), counts 0.55 today."]


def test_a_stored_result_is_read_again_under_the_version_it_was_made_with(database: Database) -> None:
    with database.for_organisation(an_organisation(database)) as session:
        _, result = suppliers.save_supplier(session, "site", TOLD[0], date(2026, 10, 15), now(), "system:test", "api")
        assert result.model_version == "2026.1"
        result.on = ON  # a day on which a newer version is in force
        model, _facts = stored_results.find_model_and_facts(result)
        assert model.version == "2026.1"
