"""Look up the case evidence of an organisation about its suppliers, for scoring.

A result stores the evidence of its day (service/case_reading/evidence.py), so that it can be recomputed to the same numbers
whatever is recorded later.
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
from risk_models.cases.rules import list_case_rules
from service.assessment.assess import Batch
from service.case_reading.records import CaseRecord, link_to_suppliers
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import FEW, chunks

Findings = Mapping[str, Sequence[StoredFinding]]


def list_findings(session: Session, cases: Sequence[StoredCase]) -> Findings:
    """Return the findings of cases by the id of the case, in the order in which they were recorded."""
    findings_by_case: dict[str, list[StoredFinding]] = defaultdict(list)
    ids = [case.id for case in cases]
    for chunk in chunks(ids):
        query = select(StoredFinding).where(StoredFinding.case_id.in_(chunk))
        for finding in session.scalars(query.order_by(StoredFinding.number)):
            findings_by_case[finding.case_id].append(finding)
    return findings_by_case


def to_case_record(case: StoredCase, findings: Sequence[StoredFinding]) -> CaseRecord:
    """Return a stored case with its findings in the form in which cases are evaluated."""
    parsed_findings = tuple(
        Finding(f.finding, f.phase, f.found, f.source, f.found_on, describe_finding(f)) for f in findings
    )
    numbers = tuple(finding.number for finding in findings)
    return CaseRecord(
        Case(case.number, parsed_findings, case.age_group, tuple(case.acts), tuple(case.asked_in_full)),
        case.linked_reference,
        case.linked_name,
        case.cohort,
        tuple(finding.note for finding in findings),
        numbers,
        "",
        "",
        numbers,
    )


def describe_finding(finding: StoredFinding) -> str:
    """Return the place of a finding in its case, in words."""
    return f"finding {finding.number}"


def counts_in_score(case: StoredCase) -> bool:
    """Return whether a case counts in scores: open cases do, closed ones depending on their outcome."""
    outcomes = {outcome["id"]: outcome["counts"] for outcome in list_case_rules()[-1].raw["outcome"]}
    return case.state == "open" or bool(outcomes[case.outcome])


def match_unlinked_cases(
    session: Session, kind: str, ids: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> list[tuple[StoredCase, str]]:
    """Return the unlinked cases that give the reference of one of these suppliers, each with the id of that supplier.

    A case that gives only a name is linked once all suppliers are stored, since the name must be unique.
    """
    unlinked = session.scalars(
        select(StoredCase).where(StoredCase.supplier_id.is_(None), StoredCase.linked_reference.column.is_not(None))
    ).all()
    if not unlinked:
        return []
    batch = Batch(kind, from_rows(answers), "", "", np.arange(len(ids)))
    links = link_to_suppliers([to_case_record(case, ()) for case in unlinked], [batch])
    return [
        (case, ids[positions[0][1]]) for case, positions in zip(unlinked, links, strict=True) if len(positions) == 1
    ]


def get_case_evidence(
    session: Session, ids: Sequence[str], on: date, newly_linked: Sequence[tuple[StoredCase, str]] = ()
) -> CaseEvidence | None:
    """Return the evidence of cases about suppliers on a day, None if there is none.

    ``newly_linked``: cases that are being linked, with the ids of their suppliers.
    """
    cases_by_supplier: dict[str, list[StoredCase]] = defaultdict(list)
    has_cases = len(ids) <= FEW or session.scalars(select(StoredCase.id).limit(1)).first() is not None
    for chunk in chunks(ids if has_cases else ()):
        for case in session.scalars(select(StoredCase).where(StoredCase.supplier_id.in_(chunk))):
            cases_by_supplier[str(case.supplier_id)].append(case)
    for case, supplier_id in newly_linked:
        cases_by_supplier[supplier_id].append(case)
    cases = [case for supplier_cases in cases_by_supplier.values() for case in supplier_cases if counts_in_score(case)]
    if not cases:
        return None
    findings = list_findings(session, cases)
    readings: dict[str, CaseReading] = {
        case.id: read_case(to_case_record(case, findings.get(case.id, ())).case, on) for case in cases
    }
    return build_evidence_from_readings(
        [[readings[case.id] for case in cases_by_supplier[supplier_id] if case.id in readings] for supplier_id in ids]
    )
