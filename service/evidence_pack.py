"""Write an evidence pack, one file that shows years later how a result came about, and check one without any other file.

A pack is a ZIP archive of ``assessment.json``, ``decisions.json`` (the onboarding decision on each result and its reasons, as of
the day of the assessment and without an agreed plan) and ``manifest.json``: the size and SHA-256 of both, and the models and
facts by digest. It is for internal readers, since an assessment contains what workers reported. A pack for others contains the
assessment as it would be from the suppliers' own answers alone, like their copies of reports. A pack may come from anybody: it is
read within limits, and nothing in it is ever written to a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO
from typing import Any, Literal

import orjson

from risk_models.facts.facts import Facts, FactSnapshot
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from service.archives import InvalidArchive, describe_file, read_archive, write_archive
from service.assessment.assess import AssessedBatch, assess_batch
from service.assessment.decision import decide
from service.assessment.export_json import iter_result_json, write_document
from service.report_content.redaction import filter_own_answers
from service.verify import find_discrepancies, parse_document, reassess

Document = dict[str, Any]
Audience = Literal["internal", "external"]
FORMAT = "diligence evidence pack 1"
MANIFEST, ASSESSMENT, DECISIONS = "manifest.json", "assessment.json", "decisions.json"
MAX_SIZE = 1 << 30  # bytes of a file once it is unpacked: an assessment of about 100,000 suppliers
MAX_MANIFEST = 1 << 20


class InvalidPack(Exception):
    """Raised for a file that is not an evidence pack, or is damaged or changed; the message is a clause that says why."""


def build_pack(data: bytes, facts: Facts, audience: Audience = "internal") -> bytes:
    """Return the pack of an assessment, given the bytes of its file; the same bytes give the same pack.

    Raises InvalidAssessmentFile if it is no assessment, and InvalidPack if it cannot be reproduced, with the reason.
    """
    document = parse_document(data)
    if discrepancies := find_discrepancies(document, facts):
        raise InvalidPack(f"the assessment cannot be reproduced: {discrepancies[0]}")
    if audience == "external":
        data = _redact(document, facts)
        document = parse_document(data)
    files = {ASSESSMENT: data, DECISIONS: _build_decisions(document, facts)}
    manifest = {
        "format": FORMAT,
        "audience": audience,
        "on": document["assessment"]["on"],
        "models": document["assessment"]["models"],
        "facts_digest": document["assessment"]["facts_digest"],
        "files": [{"name": name, **describe_file(content)} for name, content in files.items()],
    }
    return write_archive({MANIFEST: orjson.dumps(manifest, option=orjson.OPT_INDENT_2), **files})


def is_pack(data: bytes) -> bool:
    """Return whether a file is a ZIP archive, as an assessment never is."""
    return data.startswith(b"PK")


def find_pack_discrepancies(data: bytes, facts: Facts) -> list[str]:
    """Return what in a pack cannot be reproduced, as sentences; empty if every number and decision is identical.

    Raises InvalidPack for a file that is not a pack or does not match its manifest, and InvalidAssessmentFile.
    """
    contents = _read_pack(data)
    document = parse_document(contents[ASSESSMENT])
    if discrepancies := find_discrepancies(document, facts):
        return discrepancies
    head, manifest = document["assessment"], orjson.loads(contents[MANIFEST])
    if any(manifest.get(name) != head[name] for name in ("on", "models", "facts_digest")):
        return ["the manifest names a different day, or different models or facts, from the assessment"]
    if manifest["audience"] == "external" and _contains_more_than_own_answers(document):
        return [
            "the manifest says that the pack is for external readers, but it contains more than the suppliers' own "
            "answers"
        ]
    if _build_decisions(document, facts) != contents[DECISIONS]:
        return ["the decisions do not follow from the assessment"]
    return []


def _redact(document: Document, facts: Facts) -> bytes:
    """Return the file of an assessment made from the suppliers' own answers alone, with the same models and facts.

    The source files and their issues are left out, since they would show that there are case records.
    """
    head, results = document["assessment"], _filter_answers(document)
    on = date.fromisoformat(head["on"])
    snapshot = find_snapshot_by_digest(facts, load_releases(), head["facts_digest"], on)
    assert snapshot is not None  # otherwise the assessment would not have been reproduced
    assessed = reassess({**document, "results": results, "cases": []}, snapshot)
    received = {"files": [], "rows": len(results), "accepted": len(results), "rejected": 0, "issues": []}
    buffer = BytesIO()
    write_document(buffer, assessed, snapshot, on, head["options"], received, document.get("buyer"))
    return buffer.getvalue()


def _filter_answers(document: Document) -> list[Document]:
    """Return the results of a document with only those answers that each supplier gave itself."""
    return [
        {**result, "answers": filter_own_answers(result["kind"], result["answers"], None)}
        for result in document["results"]
    ]


def _contains_more_than_own_answers(document: Document) -> bool:
    is_filtered = _filter_answers(document) == document["results"]
    return not is_filtered or bool(document.get("cases")) or bool(document["input"]["files"])


def _build_decisions(document: Document, facts: Facts) -> bytes:
    on = date.fromisoformat(document["assessment"]["on"])
    snapshot = find_snapshot_by_digest(facts, load_releases(), document["assessment"]["facts_digest"], on)
    assert snapshot is not None  # otherwise the assessment would not have been reproduced
    decisions = sorted(_iter_decisions(reassess(document, snapshot), snapshot, on), key=lambda each: each[0])
    names = [{name: result[name] for name in ("kind", "reference", "name")} for result in document["results"]]
    lines = [{**names[position], **decision} for position, decision in decisions]
    return orjson.dumps(lines, option=orjson.OPT_INDENT_2)


def _iter_decisions(
    assessed: Sequence[AssessedBatch], snapshot: FactSnapshot, on: date
) -> Iterator[tuple[int, Document]]:
    """Yield the decision on each result, with its position in the document."""
    for batch in assessed:
        models = [block.model for block in batch.blocks]
        for position, number in enumerate(batch.batch.rows.tolist()):
            single = assess_batch(batch.batch.take([position]), snapshot, on, batch.agency_scores, models)
            decision = decide(single, orjson.loads(next(iter_result_json(single, on))), snapshot, on)
            yield (
                number,
                {
                    "answer": decision.answer,
                    "reasons": [{"code": code, "text": text} for code, text in decision.reasons],
                    "next_step": decision.next_step.action if decision.next_step else None,
                    "ends_when": decision.ends_when,
                },
            )


def _read_pack(data: bytes) -> dict[str, bytes]:
    """Return the files of a pack. Raises InvalidPack unless it contains exactly these, undamaged and as the manifest says."""
    try:
        contents = read_archive(data, {MANIFEST: MAX_MANIFEST, ASSESSMENT: MAX_SIZE, DECISIONS: MAX_SIZE})
    except InvalidArchive as error:
        raise InvalidPack(str(error)) from error
    try:
        manifest = orjson.loads(contents[MANIFEST])
        listed = {file["name"]: {"size": file["size"], "sha256": file["sha256"]} for file in manifest["files"]}
        is_known = manifest["format"] == FORMAT
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidPack("its manifest cannot be read") from error
    if not is_known:
        raise InvalidPack(f"its format is not “{FORMAT}”")
    for name in (ASSESSMENT, DECISIONS):
        if listed.get(name) != describe_file(contents[name]):
            raise InvalidPack(f"{name} has been changed: its size or SHA-256 differs from the manifest")
    return contents
