"""Verify an assessment by recomputing it from its own file: the stored answers, with the models and facts it names.

Every result is built again and compared with the stored one, value by value, so that any changed number, reason, state, floor,
action or due date is found. What cannot be recomputed without the input files (the part ``input``, the place of a row, an answer
that no rule reads) is protected by the digest of the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson

from risk_models.action_library import load_actions
from risk_models.action_releases import find_texts_release, get_action_releases, list_generations
from risk_models.answers import from_rows
from risk_models.cases.readings import CaseReading
from risk_models.cases.rules import CaseRules, get_case_rules
from risk_models.evidence import RELEASE_0_1_0_METHOD
from risk_models.facts.facts import Facts, FactSnapshot
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from risk_models.model import load_models
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import (
    build_actions_part,
    build_assessment_part,
    compute_actions_digest,
    compute_digest,
    iter_result_json,
    list_used_models,
)
from service.buyer.practice_findings import find_buyer_discrepancies
from service.case_reading.export_json import build_case_part, is_labour_imposed_at_any, parse_case_record
from service.case_reading.records import CaseRecord, add_case_evidence, link_to_suppliers, read_case_records

Document = dict[str, Any]
MAX_DISCREPANCIES = 20
# The models from before assessments had a digest.
MODELS_WITHOUT_DIGEST = {
    (name, "2026.1") for name in ("agency", "site_construction", "site_domestic_work", "site_fishing", "site_general")
}


class InvalidAssessmentFile(Exception):
    """Raised for a file that is not an assessment.json; the message is a sentence that says why."""


def parse_document(data: bytes) -> Document:
    """Return the document in a file. Raises InvalidAssessmentFile if it is not JSON or lacks a part of the contract."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidAssessmentFile(f"the file is not JSON: {error}") from error
    if not isinstance(document, dict) or not {"assessment", "input", "actions", "results"} <= set(document):
        raise InvalidAssessmentFile(
            "the file is not an assessment: it must have the sections assessment, input, actions and results"
        )
    return document


def find_discrepancies(document: Document, facts: Facts) -> list[str]:
    """Return what cannot be reproduced, as sentences; empty when every number is reproduced exactly."""
    try:
        return list(_iter_discrepancies(document, facts)) or list(_check_digest(document))
    except (KeyError, TypeError, ValueError, AttributeError, LookupError) as error:
        # The document is untrusted input: a part of another structure is a discrepancy, not a crash.
        return [f"the file does not have the structure of an assessment: {type(error).__name__}: {error}"]


def _iter_discrepancies(document: Document, facts: Facts) -> Iterator[str]:
    head, stored = document["assessment"], document["results"]
    on = date.fromisoformat(head["on"])
    snapshot = find_snapshot_by_digest(facts, load_releases(), head["facts_digest"], on)
    if snapshot is None:
        current_digest = facts.as_of(on).digest[:12]
        yield (
            f"the facts differ: the file contains the digest {head['facts_digest'][:12]}, "
            f"but this release has {current_digest} for {on}"
        )
        return
    versions = {model["id"]: model["version"] for model in head["models"]}
    released = {(model.id, model.version) for model in load_models()}
    missing = [f"{name} {version}" for name, version in versions.items() if (name, version) not in released]
    if missing:
        yield f"this release does not include the models {', '.join(missing)}"
        return
    counts = document["input"]
    cases = document.get("cases", [])
    case_row_count = sum(len(case["row"]["rows"]) for case in cases)
    if counts["accepted"] != len(stored) + case_row_count or counts["accepted"] + counts["rejected"] != counts["rows"]:
        yield (
            f"the counts do not add up: {counts['accepted']} accepted and {counts['rejected']} rejected "
            f"of {counts['rows']} rows, {len(stored)} results, {case_row_count} rows of cases"
        )
    records, case_rules, readings = _read_cases(cases, on)
    assessed = reassess(document, snapshot)
    batches = [each.batch for each in assessed]
    links = link_to_suppliers(records, batches)
    newest = list_generations()[-1].name
    library = get_action_releases().get(compute_actions_digest(document["actions"]), find_texts_release(newest))
    for case, record, reading, rules, places in zip(cases, records, readings, case_rules, links, strict=True):
        results = [stored[int(batches[batch_index].rows[position])] for batch_index, position in places]
        linked_rows = [{"kind": result["kind"], **result["row"]} for result in results]
        imposed = is_labour_imposed_at_any(assessed, places)
        recomputed = build_case_part(record, reading, linked_rows, rules, library, state_imposed=imposed)
        # Earlier versions gave cases at such places the steps of all others; this changed no score.
        if recomputed != case and build_case_part(record, reading, linked_rows, rules, library) != case:
            yield f"the case {case['case']}: {_describe_difference(case, recomputed)}"
    expected_head = build_assessment_part(list_used_models(assessed), snapshot, on, head["options"])
    for part in ("engine", "models"):
        if head[part] != expected_head[part]:
            yield f"the section assessment.{part} does not match this release"
    if compute_actions_digest(document["actions"]) not in {
        compute_actions_digest(build_actions_part(load_actions())),
        *get_action_releases(),
    }:
        yield "the texts of the actions do not match this release"
    if "buyer" in document:
        yield from find_buyer_discrepancies(document["buyer"], on, library)
    count = 0
    for position, location, row in _iter_recomputed_rows(assessed, stored, on):
        recomputed = orjson.loads(row)
        recomputed["row"] = stored[position]["row"]
        if recomputed == stored[position]:
            continue
        count += 1
        if count <= MAX_DISCREPANCIES:
            yield f"{location}: {_describe_difference(stored[position], recomputed)}"
    if count > MAX_DISCREPANCIES:
        yield f"and {count - MAX_DISCREPANCIES} more results"


def reassess(document: Document, snapshot: FactSnapshot) -> tuple[AssessedBatch, ...]:
    """Return the results of a document assessed again, from its answers and cases, with the versions of the models it names.

    Raises KeyError, TypeError or ValueError for a document of another structure.
    """
    head, cases = document["assessment"], document.get("cases", [])
    on = date.fromisoformat(head["on"])
    records, _, readings = _read_cases(cases, on)
    batches: Sequence[Batch] = build_batches(document["results"])
    batches = add_case_evidence(batches, readings, link_to_suppliers(records, batches))
    versions = {model["id"]: model["version"] for model in head["models"]}
    # The versions it was made with, even if others are in force for that day now.
    models = [model for model in load_models() if versions.get(model.id, model.version) == model.version]
    if "digest" not in document and versions.items() <= MODELS_WITHOUT_DIGEST:
        models = [replace(model, method=RELEASE_0_1_0_METHOD) for model in models]
    return assess(batches, snapshot, on, models)


def _read_cases(cases: Sequence[Document], on: date) -> tuple[list[CaseRecord], list[CaseRules], list[CaseReading]]:
    """Return the case records of a document, the rules that each was read by, and its readings."""
    records = [parse_case_record(case) for case in cases]
    rules = [get_case_rules(case["rules"]["version"]) for case in cases]
    pairs = zip(records, rules, strict=True)
    return records, rules, [reading for record, rule in pairs for reading in read_case_records([record], on, rule)]


def _check_digest(document: Document) -> Iterator[str]:
    """Check the digest, which protects the parts that cannot be recomputed."""
    if "digest" not in document:
        if not {(model["id"], model["version"]) for model in document["assessment"]["models"]} <= MODELS_WITHOUT_DIGEST:
            yield "the digest of the document is missing"
    elif document["digest"] != compute_digest(document):
        yield (
            "the digest does not match the document: every score follows from its answers, but something that "
            "cannot be recomputed has been changed (the input section, an option, the location of a row, or an "
            "answer that no score uses)"
        )


def build_batches(stored: Sequence[Document]) -> list[Batch]:
    """Build batches from stored results by kind; the row number of each supplier is its index among the results."""
    batches = []
    for kind in ("agency", "site"):
        positions = [position for position, result in enumerate(stored) if result["kind"] == kind]
        if positions:
            answers = from_rows(stored[position]["answers"] for position in positions)
            batches.append(Batch(kind, answers, "", "", np.array(positions, dtype=np.int64)))
    return batches


def _iter_recomputed_rows(
    assessed: Sequence[AssessedBatch], stored: Sequence[Document], on: date
) -> Iterator[tuple[int, str, bytes]]:
    for batch in assessed:
        for position, row in zip(batch.batch.rows.tolist(), iter_result_json(batch, on), strict=True):
            source = stored[position]["row"]
            yield position, f"{source['file']}, {source['sheet']}, row {source['row']}", row


def _describe_difference(stored: Document, recomputed: Document) -> str:
    for key in recomputed:
        if stored.get(key) == recomputed[key]:
            continue
        if key == "reasons" and isinstance(stored.get(key), list):
            for old, new in zip(stored[key], recomputed[key], strict=False):
                if old != new:
                    return (
                        f"the reason {new['indicator']} has {old.get('points')!r} points ({old.get('state')}) in the file, "
                        f"but {new['points']!r} ({new['state']}) when recomputed"
                    )
        return f"{key} is {str(stored.get(key))[:80]!r} in the file, but {str(recomputed[key])[:80]!r} when recomputed"
    extra = sorted(set(stored) - set(recomputed))
    return f"has an unexpected section: {', '.join(extra)}"
