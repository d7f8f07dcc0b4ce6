"""The values of suppliers that may be written, and the record that a system gets of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from service.connected_systems.hosts import Host, Value, load_values
from service.db.remediation_tables import Step
from service.db.session import chunks
from service.db.tables import Result, Supplier
from service.queries.supplier_detail import decide_on_result
from service.remediation.gate import load_gate_facts
from service.remediation.rules import DONE

LEVEL_NUMBERS = {"low": 1, "medium": 2, "high": 3, "critical": 4}
PATHS = {"site": "suppliers", "agency": "agencies"}
Values = Mapping[str, Any]


def build_records(
    session: Session, host: Host, mapping: Mapping[str, str], suppliers: Sequence[Supplier], address: str, on: date
) -> dict[str, dict[str, Any]]:
    """Return for each supplier, by id, what a system gets: its fields and their values; None for a value that is missing.

    ``address``: at which users open Diligence, "" if that is not known.
    """
    wanted = set(mapping.values())
    results, steps = _load_results(session, suppliers), _count_steps(session, suppliers, on)
    records = {}
    for supplier in suppliers:
        result = results.get(supplier.latest_id or "")
        values = _collect_values(supplier, result, steps.get(supplier.id, (0, 0)), address)
        if "decision" in wanted and result is not None:
            known = load_gate_facts(session, supplier.id)
            values["decision"] = decide_on_result(result, known, on, sees_worker_derived=False).answer
        described = load_values()
        records[supplier.id] = {
            field: _fit(values[chosen], described[chosen], supplier, host) for field, chosen in mapping.items()
        }
    return records


def _collect_values(supplier: Supplier, result: Result | None, steps: tuple[int, int], address: str) -> dict[str, Any]:
    score = supplier.score
    return {
        "score": score,
        "score_fraction": None if score is None else score / 100,
        "best": supplier.best,
        "worst": supplier.worst,
        "inherent": supplier.inherent,
        "level": supplier.level,
        "level_number": LEVEL_NUMBERS.get(supplier.level or ""),
        "completeness": None if supplier.coverage is None else 100 * supplier.coverage,
        "confidence": supplier.confidence,
        "decision": None,
        "assessed_on": result.on if result else None,
        "review_due": supplier.review_due,
        "model": supplier.model,
        "model_version": result.model_version if result else None,
        "url": f"{address.rstrip('/')}/{PATHS[supplier.kind]}/{supplier.id}" if address else None,
        "open_steps": steps[0],
        "overdue_steps": steps[1],
    }


def _fit(value: Any, described: Value, supplier: Supplier, host: Host) -> Any:
    """Return a value as a system takes it: a JSON number or text, None if it is missing.

    A number for a supplier with insufficient evidence would read as a low risk, so there is none.
    """
    if value is None or (described.needs_evidence and supplier.level in (None, "insufficient_evidence")):
        return None
    if described.kind == "decimal":
        value = round(float(value), host.places)
    elif described.kind == "date":
        value = value.isoformat()
    elif described.kind == "text":
        value = str(value)[: host.longest]
    return str(value) if host.texts_only else value


def _load_results(session: Session, suppliers: Sequence[Supplier]) -> dict[str, Result]:
    ids = [supplier.latest_id for supplier in suppliers if supplier.latest_id]
    return {
        result.id: result
        for chunk in chunks(ids)
        for result in session.scalars(select(Result).where(Result.id.in_(chunk)))
    }


def _count_steps(session: Session, suppliers: Sequence[Supplier], on: date) -> dict[str, tuple[int, int]]:
    """Return how many steps of each supplier are open and overdue, without those that only workers' reports call for."""
    overdue = func.count(case((Step.due < on, Step.id)))
    query = select(Step.supplier_id, func.count(Step.id), overdue).group_by(Step.supplier_id)
    query = query.where(Step.worker_derived.is_(False), Step.state.not_in(DONE))
    return {
        supplier_id: (open_, late)
        for chunk in chunks([supplier.id for supplier in suppliers])
        for supplier_id, open_, late in session.execute(query.where(Step.supplier_id.in_(chunk)))
    }
