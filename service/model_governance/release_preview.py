"""Preview the next release of the models for an organisation: whose level would change, and why, before an admin sets the day.

All suppliers are assessed under the release in use and under the next one, as of today and from their stored answers. If there is
no next release, but newer facts than those of the latest results, the preview shows in the same way what reassessing all
suppliers with these facts would change. Only the preview itself is stored. A job computes it, since a large portfolio takes
minutes; the pages and the API show the newest one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import func, join, select
from sqlalchemy.orm import Session

from reports.document import LEVEL_TITLES
from risk_models.answers import from_rows
from risk_models.engine.frame import LEVEL_NAMES
from risk_models.facts.facts import FactSnapshot, load_facts
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from service.assessment.assess import Batch
from service.audit import record_event
from service.blob_store import BlobStore
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Organisation, Result, Supplier
from service.errors import DomainError
from service.jobs.kinds import PREVIEW_RELEASE
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.model_governance.rule_effects import (
    NEWER_FACTS,
    RULE_EXPLANATIONS,
    RULE_TITLES,
    RULES,
    Step,
    assess_facts_steps,
    assess_steps,
    compute_effects,
)
from service.queries.supplier_list import write_table
from service.report_content.labels import get_country_name
from service.suppliers import case_evidence, organisation_models
from service.suppliers.agency_links import get_name_keys
from service.suppliers.repository import answers_with_entry_dates
from service.suppliers.summary import get_facts_digest

Document = dict[str, Any]
CHUNK = 500
MAX_LISTED = 200  # suppliers that change level and are listed on the page and through the API; the file has all
Progress = Callable[[float], None]


class ReleaseState(NamedTuple):
    """Which release an organisation uses, and which comes next.

    ``available``: the newest release in force that it does not use yet; ``planned``: the release and the day that were set, if
    the day is still to come. ``outdated``: how many suppliers were last assessed under another release than the one in use;
    ``outdated_facts``: how many under this one, but with earlier facts.
    """

    current: str
    available: str | None
    planned: tuple[str, date] | None
    outdated: int
    outdated_facts: int
    preview: Job | None


def get_release_state(session: Session, on: date) -> ReleaseState:
    """Return which release the organisation of a session uses on a day, and what is known of the next one."""
    organisation = organisation_models.get_organisation(session)
    current = organisation_models.get_release_on(organisation, on)
    day, release = organisation.next_models_from, organisation.next_models_release
    planned = (release, day) if release is not None and day is not None and day > on else None
    versions = {model.version for model in organisation_models.list_current_models(session, on)}
    latest = select(func.count(Supplier.id)).join(Result, Result.id == Supplier.latest_id)
    outdated = session.scalars(latest.where(Supplier.deleted_at.is_(None), Result.model_version.not_in(versions))).one()
    outdated_facts = session.scalars(
        latest.where(
            Supplier.deleted_at.is_(None),
            Result.model_version.in_(versions),
            Result.facts_digest != get_facts_digest(on),
        )
    ).one()
    return ReleaseState(
        current,
        organisation_models.find_next_release(organisation, on),
        planned,
        outdated,
        outdated_facts,
        find_latest_preview(session),
    )


def find_latest_preview(session: Session) -> Job | None:
    """Return the job of the newest preview; None where none was requested."""
    query = select(Job).where(Job.kind == PREVIEW_RELEASE).order_by(Job.created_at.desc(), Job.id)
    return session.scalars(query.limit(1)).first()


def request_preview(session: Session, on: date, by: str) -> Job:
    """Enqueue the preview of the next release, or else of newer facts; return the one that is waiting or running where there is
    one.

    Raises DomainError ``release.newest``, 409, where the organisation uses the newest release and the newest facts.
    """
    current = organisation_models.get_release_on(organisation_models.get_organisation(session, lock=True), on)
    release = find_previewed_release(session, on)
    latest = find_latest_preview(session)
    if latest is not None and latest.state in ("queued", "running"):
        return latest
    job = enqueue(session, PREVIEW_RELEASE, {"current": current, "release": release, "on": on.isoformat()}, by)
    record_event(session, by, "release.preview_requested", "job", job.id, {"release": release})
    return job


def find_previewed_release(session: Session, on: date) -> str:
    """Return the release that a preview is about: the next one, or the one in use where there are newer facts.

    Raises DomainError ``release.newest``, 409, where there is neither.
    """
    state = get_release_state(session, on)
    if state.available is None and not state.outdated_facts:
        raise DomainError("release.newest", 409, "This organisation uses the newest release of the models.")
    return state.available or state.current


def is_of_facts(preview: Mapping[str, Any]) -> bool:
    """Return whether a preview is about newer facts under the release in use, not about another release."""
    return bool(preview.get("current") == preview["release"])


def run_preview(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Compute a requested preview and store it (a job); the result of the job holds its summary and its digest."""

    def report(progress: float) -> None:
        with job_transaction(db, claimed, progress=progress):
            pass

    document = build_preview(
        db, claimed.organisation_id, claimed.payload["release"], date.fromisoformat(claimed.payload["on"]), report
    )
    listed = [supplier for supplier in document["suppliers"] if supplier["level_changes"]]
    summary = {name: value for name, value in document.items() if name != "suppliers"}
    result = {**summary, "moved": listed[:MAX_LISTED], "sha256": blobs.put(orjson.dumps(document))}
    with job_transaction(db, claimed, progress=1.0, result=result):
        pass


def build_preview(
    db: Database, organisation_id: str, release: str, on: date, report: Progress = lambda _: None
) -> Document:
    """Assess all suppliers of an organisation under the release in use and under a later one; return who moves and why.

    For the release in use, they are assessed with the facts of their latest results and with those known on the day.
    ``suppliers``: those with the largest change of level first. ``report`` is called with the progress from 0 to 1.
    """
    with db.for_organisation(organisation_id, write=False) as session:
        organisation = session.get_one(Organisation, organisation_id)
        current = organisation_models.get_release_on(organisation, on)
        groups = _list_groups(session) if current == release else _list_kinds(session)
    before, after = (organisation_models.list_release_models(name) for name in (current, release))
    facts = load_facts().as_of(on)
    total, done = max(1, sum(len(group.ids) for group in groups)), 0
    lines: list[Document] = []
    agency_scores: list[dict[str, float]] = [{} for _ in range(2 if current == release else len(RULES) + 1)]
    matrix = np.zeros((len(LEVEL_NAMES), len(LEVEL_NAMES)), dtype=np.int64)
    for kind, facts_before, ids in groups:
        site_scores: Sequence[Mapping[str, float]] = agency_scores if kind == "site" else [{} for _ in agency_scores]
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            with db.for_organisation(organisation_id, write=False) as session:
                found, batch = _load_batch(session, kind, chunk, on)
                names = get_name_keys(session, chunk) if kind == "agency" else {}
            if found:
                steps = (
                    assess_steps([batch], facts, on, before, after, site_scores)
                    if facts_before is None
                    else assess_facts_steps(batch, facts_before, facts, on, after, site_scores)
                )
                for scores, step in zip(agency_scores, steps, strict=True) if kind == "agency" else ():
                    _add_agency_scores(scores, step, [names.get(supplier.id, set()) for supplier in found])
                lines += _build_lines(found, steps, matrix)
            done += len(chunk)
            report(done / total)
    lines.sort(key=_sort_key)
    return {
        "current": current,
        "release": release,
        "on": on.isoformat(),
        "levels": list(LEVEL_NAMES),
        "matrix": matrix.tolist(),
        "total": len(lines),
        "level_changes": sum(line["level_changes"] for line in lines),
        "score_changes": sum(bool(line["reasons"]) and not line["level_changes"] for line in lines),
        "rules": _summarize(lines, (NEWER_FACTS,) if current == release else RULES),
        "suppliers": lines,
    }


class _Group(NamedTuple):
    """Suppliers of one kind by id, and the facts of their latest results where these are compared."""

    kind: str
    facts: FactSnapshot | None
    ids: Sequence[str]


def _list_kinds(session: Session) -> list[_Group]:
    """Return all suppliers by kind, agencies first."""
    assessed = select(Supplier.id).where(Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
    by_key = assessed.order_by(Supplier.key)
    return [
        _Group(kind, None, session.scalars(by_key.where(Supplier.kind == kind)).all()) for kind in ("agency", "site")
    ]


def _list_groups(session: Session) -> list[_Group]:
    """Return all suppliers by kind, agencies first, and by the facts of their latest results."""
    latest = join(Supplier, Result, Result.id == Supplier.latest_id)
    used = select(Supplier.kind, Result.facts_digest, func.max(Result.on)).select_from(latest)
    used = used.where(Supplier.deleted_at.is_(None)).group_by(Supplier.kind, Result.facts_digest)
    groups = []
    for kind, digest, on in session.execute(used.order_by(Supplier.kind, Result.facts_digest)):
        of_digest = select(Supplier.id).select_from(latest).where(Supplier.deleted_at.is_(None), Supplier.kind == kind)
        ids = session.scalars(of_digest.where(Result.facts_digest == digest).order_by(Supplier.key)).all()
        facts = find_snapshot_by_digest(load_facts(), load_releases(), digest, on) or load_facts().as_of(on)
        groups.append(_Group(kind, facts, ids))
    return groups


def _load_batch(session: Session, kind: str, ids: Sequence[str], on: date) -> tuple[Sequence[Supplier], Batch]:
    found = session.scalars(select(Supplier).where(Supplier.id.in_(ids)).order_by(Supplier.key)).all()
    answers = from_rows(answers_with_entry_dates(session, kind, found, on))
    cases = case_evidence.get_case_evidence(session, [supplier.id for supplier in found], on, [])
    return found, Batch(kind, answers, "", "", np.arange(len(found)), cases)


def _add_agency_scores(scores: dict[str, float], step: Step, names: Sequence[Set[str]]) -> None:
    """Add the scores of the agencies of a step by each of their names; of several agencies with one name, the highest."""
    for keys, total in zip(names, step.assessed[0].get_scores("total").tolist(), strict=True):
        for key in keys if total >= 0 else ():
            scores[key] = max(scores.get(key, -1.0), total)


def _build_lines(found: Sequence[Supplier], steps: Sequence[Step], matrix: Any) -> list[Document]:
    """Return one line for each supplier that both releases score, and count them in the matrix of levels."""
    old, new = steps[0].assessed[0], steps[-1].assessed[0]
    scored = (old.block_indexes >= 0) & (new.block_indexes >= 0)
    effects = compute_effects(steps, 0, scored)
    levels, totals = ([batch.get_scores(name) for batch in (old, new)] for name in ("level", "total"))
    lines: list[Document] = []
    for position in np.flatnonzero(scored).tolist():
        supplier = found[position]
        level_before, level_after = (int(level[position]) for level in levels)
        matrix[level_before, level_after] += 1
        reasons = [{"rule": e.rule, "points": e.points, "sentence": e.sentence} for e in effects[position]]
        lines.append(
            {
                "id": supplier.id,
                "kind": supplier.kind,
                "reference": supplier.reference,
                "name": supplier.name,
                "country": supplier.country,
                "level_before": LEVEL_NAMES[level_before],
                "level_after": LEVEL_NAMES[level_after],
                "score_before": float(totals[0][position]),
                "score_after": float(totals[1][position]),
                "level_changes": level_before != level_after,
                "reasons": reasons,
            }
        )
    return lines


def _sort_key(line: Document) -> tuple[Any, ...]:
    change = line["score_after"] - line["score_before"]
    return (not line["level_changes"], -LEVEL_NAMES.index(line["level_after"]), -abs(change), line["name"])


def _summarize(lines: Sequence[Document], rules: Sequence[str]) -> list[Document]:
    """Return what each rule does to the portfolio, the rule that moves most suppliers first."""
    summary = []
    for rule in rules:
        points = [reason["points"] for line in lines for reason in line["reasons"] if reason["rule"] == rule]
        main = sum(
            line["level_changes"] and bool(line["reasons"]) and find_main_reason(line)["rule"] == rule for line in lines
        )
        summary.append(
            {
                "rule": rule,
                "title": RULE_TITLES[rule],
                "explanation": RULE_EXPLANATIONS[rule],
                "raised": sum(point > 0 for point in points),
                "lowered": sum(point < 0 for point in points),
                "level_changes": main,
            }
        )
    return sorted(summary, key=lambda s: (-s["level_changes"], -(s["raised"] + s["lowered"]), rules.index(s["rule"])))


def find_main_reason(line: Document) -> Document:
    """Return the reason that moves the score most in the direction of its change; of a line with reasons."""
    direction = line["score_after"] - line["score_before"]
    reasons: list[Document] = line["reasons"]
    return max(reasons, key=lambda reason: (reason["points"] * direction > 0, abs(reason["points"])))


def load_preview(blobs: BlobStore, job: Job) -> Document:
    """Return a finished preview with all suppliers. Raises DomainError ``release.no_preview``, 409, for an unfinished one."""
    if job.state != "done" or job.result is None:
        raise DomainError("release.no_preview", 409, f"The preview is {job.state}.")
    document: Document = orjson.loads(blobs.get(job.result["sha256"]))
    return document


def get_preview(session: Session) -> Job:
    """Return the job of the newest preview. Raises DomainError ``release.no_preview``, 409, where none was requested."""
    job = find_latest_preview(session)
    if job is None:
        raise DomainError("release.no_preview", 409, "No preview was requested.")
    return job


def export_preview(document: Mapping[str, Any], format: str) -> bytes:  # noqa: A002  the word of the field
    """Return a preview as the bytes of a "csv" or "xlsx" file, one row a supplier. Raises DomainError ``format.unknown``."""
    current, release = document["current"], document["release"]
    rules: tuple[str, ...] = RULES[::-1]
    if is_of_facts(document):
        current, release, rules = "with earlier facts", "with newer facts", (NEWER_FACTS,)
    titles = [
        "Kind", "Reference", "Name", "Country", f"Level {current}", f"Score {current}", f"Level {release}", f"Score {release}",
        "Change", "Level changes", "Main reason", *(RULE_TITLES[rule] for rule in rules), "Reasons",
    ]  # fmt: skip
    cells = []
    for line in document["suppliers"]:
        points = {reason["rule"]: reason["points"] for reason in line["reasons"]}
        before, after = line["score_before"], line["score_after"]
        cells.append(
            [
                line["kind"], line["reference"] or "", line["name"], get_country_name(line["country"]),
                LEVEL_TITLES[line["level_before"]], round(before, 1), LEVEL_TITLES[line["level_after"]], round(after, 1),
                round(after - before, 1), "yes" if line["level_changes"] else "no",
                RULE_TITLES[find_main_reason(line)["rule"]] if line["reasons"] else "",
                *(round(points.get(rule, 0.0), 1) for rule in rules),
                " ".join(reason["sentence"] for reason in line["reasons"]),
            ]
        )  # fmt: skip
    return write_table(titles, cells, format)
