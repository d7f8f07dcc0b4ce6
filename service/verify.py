"""Recompute an assessment from its own file: stored answers, the models and facts named in it, nothing else.

Every result is written again and compared with the one that is stored, value by value; so any changed number is objected to,
and so is a changed reason, state, floor, action or due date. What cannot be recomputed without the files (the ``input`` part,
where a row stood, an answer that no rule reads) is held by the digest of the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson

from risk_models.action_releases import action_releases
from risk_models.answers import from_rows
from risk_models.evidence import RELEASE_0_1_0_METHOD
from risk_models.facts.facts import Facts
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from risk_models.model import load_all
from risk_models.plan import load_actions
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import (
    actions_digest,
    actions_part,
    assessment_part,
    digest_of,
    iter_result_json,
)
from service.buyer.buying import objections_to
from service.case_reading.export_json import case_part, record_of
from service.case_reading.records import link, readings_of, with_cases

Document = dict[str, Any]
MOST_OBJECTIONS = 20
# The models there were when an assessment bore no digest yet.
UNSEALED = {
    (name, "2026.1") for name in ("agency", "site_construction", "site_domestic_work", "site_fishing", "site_general")
}


class NotAnAssessment(Exception):
    """The file is not an assessment.json: one sentence that says why."""


def parse(data: bytes) -> Document:
    """The document in a file. Raises NotAnAssessment where it is not JSON or lacks a part of the contract."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise NotAnAssessment(f"this is not JSON: {fault}") from fault
    if not isinstance(document, dict) or not {"assessment", "input", "actions", "results"} <= set(document):
        raise NotAnAssessment(
            "this JSON is not an assessment: it needs the parts assessment, input, actions and results"
        )
    return document


def objections(document: Document, facts: Facts) -> list[str]:
    """What does not hold, as sentences; empty when every number is reproduced exactly."""
    try:
        return list(_objections(document, facts)) or list(_changed(document))
    except (KeyError, TypeError, ValueError, AttributeError, LookupError) as fault:
        # The document is somebody else's text: a part of another shape is an objection, not a crash.
        return [f"the file does not have the shape of an assessment: {type(fault).__name__}: {fault}"]


def _objections(document: Document, facts: Facts) -> Iterator[str]:
    head, stored = document["assessment"], document["results"]
    on = date.fromisoformat(head["on"])
    known = find_snapshot_by_digest(facts, load_releases(), head["facts_digest"], on)
    if known is None:
        held = facts.as_of(on).digest[:12]
        yield f"the facts differ: the file names {head['facts_digest'][:12]}, this release holds {held} for {on}"
        return
    versions = {model["id"]: model["version"] for model in head["models"]}
    there = {(model.id, model.version) for model in load_all()}
    gone = [f"{name} {version}" for name, version in versions.items() if (name, version) not in there]
    if gone:
        yield f"this release does not hold the models {', '.join(gone)}"
        return
    counted = document["input"]
    cases = document.get("cases", [])
    of_cases = sum(len(case["row"]["rows"]) for case in cases)
    if counted["accepted"] != len(stored) + of_cases or counted["accepted"] + counted["rejected"] != counted["rows"]:
        yield (
            f"the counts do not add up: {counted['accepted']} accepted and {counted['rejected']} rejected "
            f"of {counted['rows']} rows, {len(stored)} results, {of_cases} rows of cases"
        )
    records = [record_of(case) for case in cases]
    batches: Sequence[Batch] = batches_of(stored)
    links, readings = link(records, batches), readings_of(records, on)
    library = action_releases().get(actions_digest(document["actions"]))
    for case, record, reading, places in zip(cases, records, readings, links, strict=True):
        results = [stored[int(batches[b].rows[j])] for b, j in places]
        about = [{"kind": result["kind"], **result["row"]} for result in results]
        again = case_part(record, reading, about, library)
        if again != case:
            yield f"the case {case['case']}: {_difference(case, again)}"
    batches = with_cases(batches, readings, links)
    # The versions it was made with, whatever is in force on that day by now.
    models = [model for model in load_all() if versions.get(model.id, model.version) == model.version]
    if "digest" not in document and {*versions.values()} <= UNSEALED:
        models = [replace(model, method=RELEASE_0_1_0_METHOD) for model in models]
    assessed = assess(batches, known, on, models)
    expected_head = assessment_part(assessed, known, on, head["options"])
    for part in ("engine", "models"):
        if head[part] != expected_head[part]:
            yield f"the part assessment.{part} is not what this release holds"
    if actions_digest(document["actions"]) not in {actions_digest(actions_part(load_actions())), *action_releases()}:
        yield "the texts of the actions are not what this release holds"
    if "buyer" in document:
        yield from objections_to(document["buyer"], on)
    told = 0
    for j, place, row in _recomputed(assessed, stored, on):
        again = orjson.loads(row)
        again["row"] = stored[j]["row"]
        if again == stored[j]:
            continue
        told += 1
        if told <= MOST_OBJECTIONS:
            yield f"{place}: {_difference(stored[j], again)}"
    if told > MOST_OBJECTIONS:
        yield f"and {told - MOST_OBJECTIONS} more results"


def _changed(document: Document) -> Iterator[str]:
    """Whether a part that cannot be recomputed is as it was written."""
    if "digest" not in document:
        if not {(model["id"], model["version"]) for model in document["assessment"]["models"]} <= UNSEALED:
            yield "the digest of the document is missing"
    elif document["digest"] != digest_of(document):
        yield (
            "the document does not have its digest: every score follows from the answers it holds, and something that cannot "
            "be recomputed was changed (the part input, an option, a row's place, or an answer that no score reads)"
        )


def batches_of(stored: Sequence[Document]) -> list[Batch]:
    batches = []
    for kind in ("agency", "site"):
        positions = [j for j, result in enumerate(stored) if result["kind"] == kind]
        if positions:
            answers = from_rows(stored[j]["answers"] for j in positions)
            batches.append(Batch(kind, answers, "", "", np.array(positions, dtype=np.int64)))
    return batches


def _recomputed(assessed: Sequence[AssessedBatch], stored: Sequence[Document], on: date) -> Iterator[tuple[int, str, bytes]]:
    for part in assessed:
        for j, row in zip(part.batch.rows.tolist(), iter_result_json(part, on), strict=True):
            at = stored[j]["row"]
            yield j, f"{at['file']}, {at['sheet']}, row {at['row']}", row


def _difference(stored: Document, again: Document) -> str:
    for key in again:
        if stored.get(key) == again[key]:
            continue
        if key == "reasons" and isinstance(stored.get(key), list):
            for old, new in zip(stored[key], again[key], strict=False):
                if old != new:
                    return (
                        f"the reason {new['indicator']} says {old.get('points')!r} points ({old.get('state')}), "
                        f"recomputed {new['points']!r} ({new['state']})"
                    )
        return f"{key} is {str(stored.get(key))[:80]!r}, recomputed {str(again[key])[:80]!r}"
    extra = sorted(set(stored) - set(again))
    return f"has a part that nothing accounts for: {', '.join(extra)}"
