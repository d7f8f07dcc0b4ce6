"""What the case records of an organisation say of its suppliers: as a score takes it, and as a result keeps it.

A result keeps what was said on its day, so that it is worked out again to the same numbers whatever is recorded later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.answers import from_rows
from risk_models.cases.evidence import CaseEvidence, build_evidence_from_readings
from risk_models.cases.readings import Case, CaseReading, Finding, read_case
from risk_models.cases.rules import load_case_rules
from service.assessment.assess import Batch
from service.case_reading.records import CaseRecord, link
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import chunks

Findings = Mapping[str, Sequence[StoredFinding]]


def list_findings(session: Session, cases: Sequence[StoredCase]) -> Findings:
    """The findings of some cases by the id of the case, in the order they were recorded."""
    found: dict[str, list[StoredFinding]] = defaultdict(list)
    ids = [case.id for case in cases]
    for chunk in chunks(ids):
        query = select(StoredFinding).where(StoredFinding.case_id.in_(chunk))
        for finding in session.scalars(query.order_by(StoredFinding.number)):
            found[finding.case_id].append(finding)
    return found


def to_case_record(kept: StoredCase, findings: Sequence[StoredFinding]) -> CaseRecord:
    """A case as it is read, with the places of its findings."""
    told = tuple(Finding(f.finding, f.phase, f.found, f.source, f.found_on, describe_finding(f)) for f in findings)
    numbers = tuple(finding.number for finding in findings)
    return CaseRecord(
        Case(kept.number, told, kept.age_group, tuple(kept.acts), tuple(kept.asked_in_full)),
        kept.linked_reference,
        kept.linked_name,
        kept.cohort,
        tuple(finding.note for finding in findings),
        numbers,
        "",
        "",
        numbers,
    )


def describe_finding(finding: StoredFinding) -> str:
    """Where a finding is recorded, in words."""
    return f"finding {finding.number}"


def counts_in_score(kept: StoredCase) -> bool:
    """Whether a case says something in a score: it does unless it was closed in a way after which it does not."""
    outcomes = {told["id"]: told["counts"] for told in load_case_rules().raw["outcome"]}
    return kept.state == "open" or bool(outcomes[kept.outcome])


def match_unlinked_cases(
    session: Session, kind: str, ids: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[tuple[StoredCase, str]]:
    """Cases that no supplier was known for until now, with the id of the one that bears their reference.

    A case that gives only a name waits until all are there: the name must be one supplier's alone.
    """
    waiting = session.scalars(
        select(StoredCase).where(StoredCase.supplier_id.is_(None), StoredCase.linked_reference.is_not(None))
    ).all()
    if not waiting:
        return []
    batch = Batch(kind, from_rows(answers), "", "", np.arange(len(ids)))
    found = link([to_case_record(case, ()) for case in waiting], [batch])
    return [(case, ids[places[0][1]]) for case, places in zip(waiting, found, strict=True) if len(places) == 1]


def get_case_evidence(
    session: Session, ids: Sequence[str], on: date, also: Sequence[tuple[StoredCase, str]] = ()
) -> CaseEvidence | None:
    """What cases say of these suppliers on a day; None where no case is about any. ``also``: cases that are just being linked."""
    about: dict[str, list[StoredCase]] = defaultdict(list)
    for chunk in chunks(ids):
        for case in session.scalars(select(StoredCase).where(StoredCase.supplier_id.in_(chunk))):
            about[str(case.supplier_id)].append(case)
    for case, supplier_id in also:
        about[supplier_id].append(case)
    cases = [case for of in about.values() for case in of if counts_in_score(case)]
    if not cases:
        return None
    found = list_findings(session, cases)
    readings: dict[str, CaseReading] = {
        case.id: read_case(to_case_record(case, found.get(case.id, ())).case, on) for case in cases
    }
    return build_evidence_from_readings([[readings[case.id] for case in about[i] if case.id in readings] for i in ids])
