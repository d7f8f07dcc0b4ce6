"""Build a Report from an assessment: add the texts of questions, countries, sectors and actions to its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import isnan, nan
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from questionnaires.form import load_combined_form
from questionnaires.issues import ISSUES, Issue
from reports.document import (
    CANNOT_BE_RULED_OUT,
    Detail,
    Floor,
    Headline,
    IssueLine,
    ModelUsed,
    NotChecked,
    Reason,
    Report,
    Source,
    SourceFile,
)
from risk_models import explain
from risk_models.agencies import describe_counted_agency
from risk_models.answers import map_answers
from risk_models.cases.evidence import add_case_harms
from risk_models.engine.frame import LEVEL_NAMES, NOT_ASKED
from risk_models.engine.robustness import compute_robustness
from risk_models.engine.score import compute_queue_rank
from risk_models.evidence import build_evidence_lookup, describe_evidence
from risk_models.explain import (
    describe_floor,
    explain_missing_agency,
    explain_result,
    explain_why_not_low,
    has_known_sector,
)
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Model
from service.assessment.assess import AssessedBatch, Block, assess_batch, compute_agency_scores
from service.assessment.evidence_entries import count_entries
from service.assessment.export_json import ENGINE_VERSION, iter_result_json
from service.report_content.changeable import compute_possible_gain, is_open_context, list_addressing_actions
from service.report_content.groups import group_by_company, group_by_country, group_by_country_and_sector
from service.report_content.labels import (
    format_answer,
    format_level,
    format_reason_value,
    get_country_name,
    get_sector_title,
)
from service.report_content.sources import MARK_TITLES, load_sources
from service.report_content.steps import ResultLine, build_overall_plan, list_first_step_titles, list_steps

MAX_DETAILS = 12  # the number of results explained in full
CASE_EVIDENCE_TITLES = ("none recorded", "signals", "pattern", "emergency")  # in the order of their strength

METHOD_NOTES = (
    "Four things are shown separately: inherent risk (the facts about a country, a sector and a migration "
    "corridor), practice (the supplier's answers), case evidence (what workers, unions and officials reported), and "
    "confidence in the data.",
    "Every point is explained. The facts make up the inherent risk. Each answer raises or lowers the score, "
    "depending on its weight and on the evidence behind it. Minimum-score rules raise the score if a serious "
    "indicator was admitted or reported, or if the question about it was left blank. Apart from rounding, these "
    "points add up to the score.",
    "Since models 2026.4, evidence counts only once the buyer has confirmed it, and where state-imposed labour "
    "is documented, no answer lowers the risk. Reasons are shown in two parts: what the supplier can change, and "
    "what it cannot.",
    "The likely range runs from the best to the worst case for everything that is not known. A missing answer never counts as "
    "a good one: a question that was not asked is assumed to be typical of the country and sector, and a question that was "
    "left blank counts as if the problem existed.",
    "Insufficient evidence replaces the level if fewer than half of the key questions were asked and answered, or "
    "if the country or sector is not known. It does not clear a supplier: it means that questions have to be asked "
    "first.",
)
LIMITATIONS = (
    "Country and sector risk shows where to look; it does not show that harm is present. A person's nationality is never a risk "
    "factor; migration corridors and legal status are.",
    "A tier in the Trafficking in Persons Report rates a government's response, and a fisheries card rates "
    "fisheries control. Lists of goods focus on traded goods and closely monitored countries; a product that is not "
    "listed has not been cleared.",
    "If no figure is available for a country, the report uses the value for the most similar countries, and says so.",
    "Not every standard cited by the rules has been checked against its original text. The register of sources shows "
    "which ones have. For most operational indicators of trafficking, the strength is taken from a single table that "
    "quotes it; we have not seen the strengths in the ILO's survey guidelines. Minimum-score rules and case readings "
    "that combine these indicators are therefore based on our own interpretation.",
)


def build_report(
    assessed: Sequence[AssessedBatch],
    facts: FactSnapshot,
    on: date,
    files: Sequence[Mapping[str, Any]],
    issues: Sequence[Issue],
    title: str,
) -> Report:
    """Return the internal report on an assessment. ``files``: the list ``input.files`` of the contract, with rows per file."""
    lines = sorted((line for batch in assessed for line in _build_lines(batch)), key=lambda line: line.rank)
    scores = compute_agency_scores(batch for batch in assessed if batch.batch.kind == "agency")
    return Report(
        title=title,
        audience="internal",
        on=on,
        engine=ENGINE_VERSION,
        facts_digest=facts.digest,
        files=tuple(_build_source_file(file) for file in files),
        models=_build_models_used(assessed),
        results=[line.headline for line in lines],
        details=_reassess_details(lines[:MAX_DETAILS], facts, on, scores),
        plan=build_overall_plan(lines, on),
        companies=group_by_company(lines),
        heat=group_by_country_and_sector(lines),
        places=group_by_country(lines),
        not_checked=_list_not_checked(assessed),
        issues=tuple(_build_issue_line(issue) for issue in issues),
        method=METHOD_NOTES,
        limits=LIMITATIONS,
        sources=tuple(
            Source(source.id, source.title, source.publisher, MARK_TITLES["own"] if source.mark == "own" else "")
            for source in load_sources().values()
        ),
    )


def _build_lines(assessed: AssessedBatch) -> list[ResultLine]:
    """Return the line of each supplier of a batch, in the order of its rows."""
    lines: list[ResultLine] = []
    batch = assessed.batch
    block_lines = [_build_block_lines(assessed, block_index) for block_index in range(len(assessed.blocks))]
    for batch_position, (block_index, position) in enumerate(
        zip(assessed.block_indexes.tolist(), assessed.positions.tolist(), strict=True)
    ):
        headline, rank = block_lines[block_index][position]
        lines.append(ResultLine(assessed, batch_position, headline, rank))
    assert len(lines) == len(batch.rows)
    return lines


def _build_block_lines(
    assessed: AssessedBatch, block_index: int
) -> list[tuple[Headline, tuple[float, float, float, float]]]:
    """Return the headline and the rank in the queue of each supplier of a block."""
    block, batch = assessed.blocks[block_index], assessed.batch
    scores = block.scores
    texts, floor_titles = _list_identities(block), _list_floor_titles(assessed, block)
    levels, inherent_levels, cases = scores.level.tolist(), scores.inherent_level.tolist(), block.frame.case.tolist()
    totals, bests, worsts, bases = (c.tolist() for c in (scores.total, scores.best, scores.worst, scores.base))
    asked, practice, practice_of = scores.asked.tolist(), scores.practice.tolist(), scores.practice_of.tolist()
    coverage, confidence, uplift = scores.coverage.tolist(), scores.confidence.tolist(), scores.uplift.tolist()
    capped, unanswered_driven = scores.capped.tolist(), assessed.unanswered_driven[block.members].tolist()
    ranks = compute_queue_rank(scores.level, scores.inherent_level).tolist()
    next_steps = list_first_step_titles(block.plan)
    rows = batch.rows[block.members].tolist()
    evidence, state_imposed = count_entries(block.answers), block.plan.state_imposed.tolist()
    workers = map_answers(block.answers, "workers_total", _read_count, nan).tolist()
    lines = []
    for j, level in enumerate(levels):
        country, sector = texts["country"][j], block.sectors[j]
        inherent_level = LEVEL_NAMES[inherent_levels[j]]
        headline = Headline(
            kind=block.model.kind,  # type: ignore[arg-type]
            reference=texts["reference"][j] or texts["licence_number"][j] or texts["imo"][j] or "",
            name=texts["name"][j] or texts["name_local"][j] or "",
            country=country,
            country_name=get_country_name(country),
            sector=sector,
            sector_title=get_sector_title(sector),
            model=block.model.id,
            level=LEVEL_NAMES[level],  # type: ignore[arg-type]
            level_text=format_level(
                LEVEL_NAMES[level], inherent_level, up_to=capped[j], unanswered_driven=unanswered_driven[j]
            ),
            score=totals[j],
            best=bests[j],
            worst=worsts[j],
            inherent=bases[j],
            inherent_level=inherent_level,  # type: ignore[arg-type]
            practice_points=practice[j] if asked[j] else None,
            practice_of=practice_of[j] if asked[j] else None,
            case_evidence=CASE_EVIDENCE_TITLES[cases[j]],
            coverage=coverage[j],
            confidence=confidence[j],
            uplift=uplift[j],
            floors=floor_titles[j],
            next_step=next_steps[j],
            file=batch.file,
            sheet=batch.sheet,
            row=rows[j],
            up_to=capped[j],
            silent=unanswered_driven[j],
            evidence_claimed=evidence[j][0],
            evidence_confirmed=evidence[j][1],
            workers=None if isnan(workers[j]) else workers[j],
            state_imposed=state_imposed[j],
        )
        lines.append((headline, (ranks[j], -bases[j], -worsts[j], -totals[j])))
    return lines


def _read_count(answer: object) -> float:
    """Return a number as it was answered; NaN for a question that was declined."""
    return float(answer) if isinstance(answer, (int, float)) else nan


def _list_identities(block: Block) -> dict[str, list[str | None]]:
    """Return the answers that identify each supplier of a block, by question; None if blank or declined."""
    texts = {}
    for question in ("name", "name_local", "reference", "imo", "licence_number", "country"):
        column = block.answers.column(question)
        labels = [None if value == "declined" else str(value) for value in column.values] + [None]
        texts[question] = [labels[code] for code in column.codes.tolist()]
    return texts


def _list_floor_titles(assessed: AssessedBatch, block: Block) -> list[tuple[str, ...]]:
    """Return the titles of the floors that apply to each supplier of a block; those that cannot be ruled out come last."""
    floors, states = assessed.get_floors(block, np.arange(len(block.members)))
    titles_by_state = [("", floor.title + CANNOT_BE_RULED_OUT, floor.title) for floor in floors]
    seen: dict[bytes, tuple[str, ...]] = {}
    lists = []
    for column in np.ascontiguousarray(states.T):
        key = column.tobytes()
        if key not in seen:
            titles = (titles[state] for titles, state in zip(titles_by_state, column.tolist(), strict=True))
            seen[key] = tuple(sorted(filter(None, titles), key=_is_open_floor))
        lists.append(seen[key])
    return lists


def _is_open_floor(title: str) -> bool:
    return title.endswith(CANNOT_BE_RULED_OUT)


def _reassess_details(
    lines: Sequence[ResultLine], facts: FactSnapshot, on: date, scores: Mapping[str, float]
) -> tuple[Detail, ...]:
    """Return the details of results, in order. Only these are assessed again, which gives exactly the same numbers."""
    details: dict[tuple[int, int], Detail] = {}
    batches = {id(line.assessed): line.assessed for line in lines}
    for batch_id, assessed in batches.items():
        positions = [line.position for line in lines if id(line.assessed) == batch_id]
        models = [block.model for block in assessed.blocks]
        reassessed = assess_batch(assessed.batch.take(positions), facts, on, scores, models)
        details.update(
            {
                (batch_id, position): detail
                for position, detail in zip(positions, build_details(reassessed, facts, on), strict=True)
            }
        )
    return tuple(details[id(line.assessed), line.position] for line in lines)


def build_details(assessed: AssessedBatch, facts: FactSnapshot, on: date) -> tuple[Detail, ...]:
    """Return the details of each supplier of a batch: headline, reasons as sentences, floors, actions, robustness."""
    results = [orjson.loads(row) for row in iter_result_json(assessed, on)]
    robustness = [compute_robustness(block.frame, block.model, block.scores) for block in assessed.blocks]
    return tuple(
        _build_detail(line, result, facts, on, robustness[assessed.block_indexes[line.position]])
        for line, result in zip(_build_lines(assessed), results, strict=True)
    )


def _build_detail(
    line: ResultLine, result: Mapping[str, Any], facts: FactSnapshot, on: date, robustness: NDArray[np.float64]
) -> Detail:
    block = line.assessed.blocks[line.assessed.block_indexes[line.position]]
    position = int(line.assessed.positions[line.position])
    others = [
        (other, int(positions[0])) for other, positions in line.assessed.iter_other_blocks(block, np.array([position]))
    ]
    reasons = _build_reasons(line, block, position, [other.model for other, _ in others], result, facts, on)
    reported = any(reason.from_workers for reason in reasons)
    possible_floors, _ = line.assessed.get_floors(block, np.array([position]))
    floors = tuple(
        Floor(
            title=floor.title,
            text=describe_floor(floor, only_declined=floor.id in result["cannot_be_ruled_out"]),
            at_least=floor.minimum_score,
            sources=floor.sources,
            from_workers=reported or floor.case is not None,
            open=floor.id in result["cannot_be_ruled_out"],
        )
        for floor in possible_floors
        if floor.id in result["floors"]
    )
    floors = tuple(sorted(floors, key=lambda floor: floor.open))
    floors += _build_other_sector_floor(others, block, position, from_workers=reported)
    steps = list_steps(block.plan, position, on)
    # If nothing was asked no weighting can change the level, so its robustness has no meaning.
    level_robustness = None if result["practice"] is None else float(robustness[position])
    return Detail(line.headline, tuple(reasons), floors, steps, level_robustness)


def _build_reasons(
    line: ResultLine,
    block: Block,
    position: int,
    other_models: Sequence[Model],
    result: Mapping[str, Any],
    facts: FactSnapshot,
    on: date,
) -> list[Reason]:
    """Return the reasons of a result as sentences, the most important first.

    ``position``: of the supplier in its block; ``other_models``: those of its other sectors; ``result``: its result object.
    """
    form = load_combined_form(line.assessed.batch.kind)
    documented = bool(block.scores.documented[position])
    evidence = build_evidence_lookup(block.answers.take([position]), block.model, on, documented=documented)
    batch = line.assessed.batch.take([line.position])
    answers = batch.answers.to_rows()[0]
    answers_with_cases = (
        add_case_harms(batch.answers, batch.case_evidence).to_rows()[0] if batch.case_evidence else answers
    )
    sentences = explain_result(
        block.model,
        facts,
        line.headline.country,
        result["reasons"],
        lambda question, answer: format_answer(form, question, answer),
        lambda question: describe_evidence(evidence(question)),
        describe_counted_agency(answers, line.assessed.agency_scores),
        other_models,
        answers_with_cases,
        result.get("state_imposed"),
    ) + explain_missing_agency(action for action, _ in block.plan.list_steps(position, on))
    sentences = explain_why_not_low(block.model, result, sentences) + sentences
    return [
        Reason(
            kind=reason.kind,  # type: ignore[arg-type]
            title=reason.title,
            text=reason.text,
            state=reason.state,
            value=format_reason_value(reason, block.model, form, facts),
            points=reason.points,
            e=reason.effective,
            c=reason.context,
            sources=reason.sources,
            year=reason.year,
            from_workers=reason.state == "reported",
            evidence=reason.evidence,
            harm=reason.harm,
            already_assumed=reason.already_assumed,
            open_context=is_open_context(reason, block.model),
            could_win=compute_possible_gain(reason, block.model, documented=documented),
            actions=list_addressing_actions(reason, block.model),
        )
        for reason in sorted(sentences, key=_get_reason_order)
    ]


def _get_reason_order(reason: explain.Reason) -> tuple[float, ...]:
    """Return the sort key of a reason.

    Facts come first, in their order; then answers: reported harm that adds no points only because the place is rated as high
    without it, other harm, what cannot be ruled out, the rest by points, what was not asked.
    """
    if reason.kind != "answer":
        return (0,)
    if reason.already_assumed:
        return (1, -1)
    is_settled = reason.state not in ("declined", "expired")
    return (1, reason.state == "not_asked", not reason.harm, is_settled, -abs(reason.points))


def _build_other_sector_floor(
    others: Sequence[tuple[Block, int]], block: Block, position: int, *, from_workers: bool
) -> tuple[Floor, ...]:
    """Return a floor that explains the score if the model of another sector scores a supplier higher."""
    scores = block.scores
    own_score = max(scores.total[position] - scores.uplift[position], scores.floor_points[position])
    highest, title = max(
        ((float(other.scores.total[other_position]), other.model.title) for other, other_position in others),
        default=(-1.0, ""),
    )
    if round(highest, 6) <= round(float(own_score), 6):
        return ()
    title_text, explanation = (
        "A higher score in another of the supplier's sectors",
        "A supplier that is active in several sectors is scored for each of them",
    )
    if not has_known_sector(block.answers.take([position]).to_rows()[0]):
        title_text = "A higher score when assessed for another sector"
        explanation = (
            "The sector is not known. The supplier is therefore scored as a general site and for each sector "
            "that its answers point to"
        )
    text = f'{explanation}, and the highest score counts: as "{title}" it is {highest:.1f}.'
    return (Floor(title_text, text, highest, ("method section 3",), from_workers),)


def _build_models_used(assessed: Sequence[AssessedBatch]) -> tuple[ModelUsed, ...]:
    counts: Counter[str] = Counter()
    models = {}
    for batch in assessed:
        for index, block in enumerate(batch.blocks):
            counts[block.model.id] += int((batch.block_indexes == index).sum())
            models[block.model.id] = block.model
    return tuple(
        ModelUsed(model.id, model.version, model.title, model.digest[:12], counts[model.id], *model.levels.values())
        for model in models.values()
        if counts[model.id]
    )


def _build_source_file(file: Mapping[str, Any]) -> SourceFile:
    return SourceFile(
        name=file["name"],
        sha256=file["sha256"][:12],
        sheets=tuple(sheet["name"] for sheet in file["sheets"]),
        rows=file["rows"],
        accepted=file["accepted"],
        rejected=file["rejected"],
    )


def _build_issue_line(issue: Issue) -> IssueLine:
    return IssueLine(
        code=issue.code,
        severity=issue.severity,
        message=_get_general_message(issue),
        file=issue.file,
        sheet=issue.sheet,
        cells=", ".join(issue.cells) + (" ..." if issue.count > len(issue.cells) else ""),
        header=issue.header,
        seen=issue.seen,
        expected=issue.expected,
        cure=issue.cure,
        count=issue.count,
    )


def _get_general_message(issue: Issue) -> str:
    """Return the message of an issue for all issues of its code: without the cell and its content, which each line gives."""
    message = ISSUES[issue.code].message
    if message == "{seen}":  # a rejection by the file checks, which is a sentence of its own
        return issue.seen
    text = message.format(seen="…", header="…", expected="…", count="some")
    return text[:1].upper() + text[1:]


def _list_not_checked(assessed: Iterable[AssessedBatch]) -> tuple[NotChecked, ...]:
    """Return the questions that were not asked, by the share of suppliers; core questions first, then by number of suppliers."""
    unasked: Counter[str] = Counter()
    total: Counter[str] = Counter()
    core = {}
    for batch in assessed:
        for block, batch_positions, positions in batch.iter_chunks():
            open_counts = (block.compute_cells(positions).state == NOT_ASKED).sum(axis=1).tolist()
            for indicator, count in zip(block.model.indicators, open_counts, strict=True):
                total[indicator.title] += len(batch_positions)
                unasked[indicator.title] += count
                core[indicator.title] = indicator.core
    order = sorted(
        (title for title in total if unasked[title]),
        key=lambda title: (-unasked[title] / total[title], not core[title], -total[title], title),
    )
    return tuple(NotChecked(title, unasked[title], total[title]) for title in order)
