"""An assessment turned into a Report: the words of questions, countries, sectors and actions put to its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
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
from risk_models.agencies import describe_counted_agency
from risk_models.cases.evidence import add_case_harms
from risk_models.engine.frame import LEVEL_NAMES, NOT_ASKED
from risk_models.engine.robustness import compute_robustness
from risk_models.engine.score import compute_queue_rank
from risk_models.evidence import build_evidence_lookup, describe_evidence
from risk_models.explain import explain, floor_sentence, names_no_agency, names_sectors, why_not_low
from risk_models.facts.facts import FactSnapshot
from service.assessment.assess import AssessedBatch, Block, compute_agency_scores, assess_batch
from service.assessment.export_json import ENGINE, iter_result_json
from service.report_content.groups import companies, heat, places
from service.report_content.labels import answer_words, country_name, level_words, sector_title, value_of
from service.report_content.sources import MARKS, register
from service.report_content.steps import Line, first_steps, plan_of, steps_of

EXPLAINED = 12  # how many results are explained in full

METHOD = (
    "Four things are kept apart: the inherent risk (what facts say of a country, a trade and a corridor), practice (what was "
    "asked and answered), case evidence (what workers, unions and officials reported), and the confidence in the data.",
    "Every point is accounted for. The facts build the base, each answer moves it up or down by its weight and by how well it "
    "is evidenced, and named rules hold the score up where a strong sign was admitted, reported, or asked about and left blank. "
    "Base, moves and uplift add up to the score shown.",
    "The range runs from the best to the worst reading of what is not known. Silence is never read as safety: what was not "
    "asked counts as usual for such a place and trade, and what was asked and left blank counts as if it were so.",
    "Insufficient evidence stands instead of a level where less than half of what matters was asked and answered, or where the "
    "country or the sector is not known. It is a place in the queue, not a pass.",
)
LIMITS = (
    "Country and sector say where to look, not that harm is present. No fact about a person's nationality is a risk; corridors "
    "and legal status are.",
    "A tier of the Trafficking in Persons Report grades a government's response; a fisheries card grades fisheries control. "
    "Lists of goods lean to traded goods and to countries that are watched; what is not listed is not cleared.",
    "Where we hold no figure for a country, the value of the countries most like it is taken, and the report says so.",
)


def report_on(
    assessed: Sequence[AssessedBatch],
    facts: FactSnapshot,
    on: date,
    files: Sequence[Mapping[str, Any]],
    issues: Sequence[Issue],
    title: str,
) -> Report:
    """The internal report on an assessment. ``files``: the ``input.files`` of the contract, with rows per file."""
    lines = sorted((line for part in assessed for line in _lines(part)), key=lambda line: line.rank)
    scores = compute_agency_scores(part for part in assessed if part.batch.kind == "agency")
    return Report(
        title=title,
        audience="internal",
        on=on,
        engine=ENGINE,
        facts_digest=facts.digest,
        files=tuple(_file(file) for file in files),
        models=_models(assessed),
        results=[line.headline for line in lines],
        details=_details(lines[:EXPLAINED], facts, on, scores),
        plan=plan_of(lines, on),
        companies=companies(lines),
        heat=heat(lines),
        places=places(lines),
        not_checked=_not_checked(assessed),
        issues=tuple(_issue(i) for i in issues),
        method=METHOD,
        limits=LIMITS,
        sources=tuple(
            Source(s.id, s.title, s.publisher, MARKS[s.mark] if s.mark != "seen" else "") for s in register().values()
        ),
    )


def _lines(part: AssessedBatch) -> list[Line]:
    lines: list[Line] = []
    batch = part.batch
    rows_of_block = [_block_lines(part, b) for b in range(len(part.blocks))]
    for j, (b, position) in enumerate(zip(part.block_indexes.tolist(), part.positions.tolist(), strict=True)):
        headline, rank = rows_of_block[b][position]
        lines.append(Line(part, j, headline, rank))
    assert len(lines) == len(batch.rows)
    return lines


def _block_lines(part: AssessedBatch, b: int) -> list[tuple[Headline, tuple[float, float, float, float]]]:
    block, batch = part.blocks[b], part.batch
    scores, answers = block.scores, block.answers
    texts = {}
    for question in ("name", "name_local", "reference", "imo", "licence_number", "country"):
        column = answers.column(question)
        words = [None if c == "declined" else str(c) for c in column.values] + [None]
        texts[question] = [words[code] for code in column.codes.tolist()]
    ranks = compute_queue_rank(scores.level, scores.inherent_level).tolist()
    rules, codes = part.get_floors(block, np.arange(len(block.members)))
    silent = part.unanswered_driven[block.members].tolist()
    named = [("", rule.title + CANNOT_BE_RULED_OUT, rule.title) for rule in rules]  # by its code
    reached = [
        tuple(sorted(filter(None, (of[code] for of, code in zip(named, column, strict=True))), key=_is_open))
        for column in codes.T.tolist()
    ]
    next_steps = first_steps(block.plan.actions, block.plan.days)
    columns = zip(
        scores.level.tolist(), scores.total.tolist(), scores.best.tolist(), scores.worst.tolist(), scores.base.tolist(),
        scores.inherent_level.tolist(), scores.asked.tolist(), scores.practice.tolist(), scores.practice_of.tolist(),
        scores.coverage.tolist(), scores.confidence.tolist(), scores.uplift.tolist(), scores.capped.tolist(),
        block.frame.case.tolist(),
        block.sectors, batch.rows[block.members].tolist(), strict=True,
    )  # fmt: skip
    found = []
    for j, (
        level,
        total,
        best,
        worst,
        base,
        inherent,
        asked,
        practice,
        of,
        coverage,
        confidence,
        uplift,
        capped,
        case,
        sector,
        row,
    ) in enumerate(columns):
        country = texts["country"][j]
        headline = Headline(
            kind=block.model.kind,  # type: ignore[arg-type]
            reference=texts["reference"][j] or texts["licence_number"][j] or texts["imo"][j] or "",
            name=texts["name"][j] or texts["name_local"][j] or "",
            country=country,
            country_name=country_name(country),
            sector=sector,
            sector_title=sector_title(sector),
            model=block.model.id,
            level=LEVEL_NAMES[level],  # type: ignore[arg-type]
            level_text=level_words(LEVEL_NAMES[level], LEVEL_NAMES[inherent], up_to=capped, silent=silent[j]),
            score=total,
            best=best,
            worst=worst,
            inherent=base,
            inherent_level=LEVEL_NAMES[inherent],  # type: ignore[arg-type]
            practice_points=practice if asked else None,
            practice_of=of if asked else None,
            case_evidence=("none recorded", "signals", "pattern", "emergency")[case],
            coverage=coverage,
            confidence=confidence,
            uplift=uplift,
            floors=reached[j],
            next_step=next_steps[j],
            file=batch.file,
            sheet=batch.sheet,
            row=row,
            up_to=capped,
            silent=silent[j],
        )
        found.append((headline, (ranks[j], -base, -worst, -total)))
    return found


def _is_open(title: str) -> bool:
    return title.endswith(CANNOT_BE_RULED_OUT)


def _details(lines: Sequence[Line], facts: FactSnapshot, on: date, scores: Mapping[str, float]) -> tuple[Detail, ...]:
    """Some results explained, in order: worked out again by themselves, which gives the same numbers to the last bit."""
    told: dict[tuple[int, int], Detail] = {}
    parts = {id(line.part): line.part for line in lines}
    for name, part in parts.items():
        positions = [line.position for line in lines if id(line.part) == name]
        few = assess_batch(part.batch.take(positions), facts, on, scores)
        told.update({(name, p): d for p, d in zip(positions, explained(few, facts, on), strict=True)})
    return tuple(told[id(line.part), line.position] for line in lines)


def explained(assessed: AssessedBatch, facts: FactSnapshot, on: date) -> tuple[Detail, ...]:
    """Each supplier of a batch explained: its headline, every reason as a sentence, its floors, its actions, and how steady
    its level is.
    """
    stored = [orjson.loads(row) for row in iter_result_json(assessed, on)]
    steady = [compute_robustness(b.frame, b.model, b.scores) for b in assessed.blocks]
    return tuple(
        _detail(line, result, facts, on, steady[assessed.block_indexes[line.position]])
        for line, result in zip(_lines(assessed), stored, strict=True)
    )


def _detail(
    line: Line, stored: Mapping[str, Any], facts: FactSnapshot, on: date, steady: NDArray[np.float64]
) -> Detail:
    block = line.part.blocks[line.part.block_indexes[line.position]]
    position = int(line.part.positions[line.position])
    form = load_combined_form(line.part.batch.kind)
    evidence = build_evidence_lookup(block.answers.take([position]), block.model, on)
    batch = line.part.batch.take([line.position])
    answers = batch.answers.to_rows()[0]
    heard = add_case_harms(batch.answers, batch.case_evidence).to_rows()[0] if batch.case_evidence else answers
    beside = [(other, int(at[0])) for other, at in line.part.iter_other_blocks(block, np.array([position]))]
    sentences = explain(
        block.model,
        facts,
        line.headline.country,
        stored["reasons"],
        lambda q, a: answer_words(form, q, a),
        lambda q: describe_evidence(evidence(q)),
        describe_counted_agency(answers, line.part.agency_scores),
        [other.model for other, _ in beside],
        heard,
    ) + names_no_agency(action for action, _ in block.plan.steps(position, on))
    sentences = why_not_low(block.model, stored, sentences) + sentences
    reasons = [
        Reason(
            kind=r.kind,  # type: ignore[arg-type]
            title=r.title,
            text=r.text,
            state=r.state,
            value=value_of(r, block.model, form, facts),
            points=r.points,
            e=r.effective,
            c=r.context,
            sources=r.sources,
            year=r.year,
            from_workers=r.state == "reported",
            evidence=r.evidence,
            harm=r.harm,
        )
        for r in sentences
    ]
    # Facts first; of the answers what was found, what cannot be ruled out, then what moved the score most; not asked comes last.
    reasons.sort(
        key=lambda r: (
            (1, r.state == "not_asked", not r.harm, r.state not in ("declined", "expired"), -abs(r.points))
            if r.kind == "answer"
            else (0,)
        )
    )
    reported = any(r.from_workers for r in reasons)
    rules, _ = line.part.get_floors(block, np.array([position]))
    floors = tuple(
        Floor(
            title=f.title,
            text=floor_sentence(f, ruled_out_not=f.id in stored["cannot_be_ruled_out"]),
            at_least=f.minimum_score,
            sources=f.sources,
            from_workers=reported or f.case is not None,
            open=f.id in stored["cannot_be_ruled_out"],
        )
        for f in rules
        if f.id in stored["floors"]
    )
    floors = tuple(sorted(floors, key=lambda floor: floor.open))
    floors += _higher_elsewhere(beside, block, position, from_workers=reported)
    steps = steps_of(block.plan, position, on)
    # Where nothing was asked no weighting can change a level: that it is steady says nothing.
    shown = None if stored["practice"] is None else float(steady[position])
    return Detail(line.headline, tuple(reasons), floors, steps, shown)


def _higher_elsewhere(
    beside: Sequence[tuple[Block, int]], block: Block, position: int, *, from_workers: bool
) -> tuple[Floor, ...]:
    """Where another sector's model scores a supplier higher than the one that is shown, the rule that the worst counts."""
    scores = block.scores
    own = max(scores.total[position] - scores.uplift[position], scores.floor[position])
    highest, title = max(
        ((float(other.scores.total[at]), other.model.title) for other, at in beside), default=(-1.0, "")
    )
    if round(highest, 6) <= round(float(own), 6):
        return ()
    named, why = "A higher score in another of its trades", "A supplier of several trades is scored for each"
    if not names_sectors(block.answers.take([position]).to_rows()[0]):
        named = "A higher score read as another trade"
        why = "The sector is not known: a supplier is then scored as a site of any, and for each trade that its answers tell of"
    text = f'{why}, and the worst counts: as "{title}" it scores {highest:.1f}.'
    return (Floor(named, text, highest, ("method section 3",), from_workers),)


def _models(assessed: Sequence[AssessedBatch]) -> tuple[ModelUsed, ...]:
    counts: Counter[str] = Counter()
    models = {}
    for part in assessed:
        for b, block in enumerate(part.blocks):
            counts[block.model.id] += int((part.block_indexes == b).sum())
            models[block.model.id] = block.model
    return tuple(
        ModelUsed(m.id, m.version, m.title, m.digest[:12], counts[m.id], *m.levels.values())
        for m in models.values()
        if counts[m.id]
    )


def _file(file: Mapping[str, Any]) -> SourceFile:
    return SourceFile(
        name=file["name"],
        sha256=file["sha256"][:12],
        sheets=tuple(sheet["name"] for sheet in file["sheets"]),
        rows=file["rows"],
        accepted=file["accepted"],
        rejected=file["rejected"],
    )


def _issue(told: Issue) -> IssueLine:
    return IssueLine(
        code=told.code,
        severity=told.severity,
        message=_in_general(told),
        file=told.file,
        sheet=told.sheet,
        cells=", ".join(told.cells) + (" ..." if told.count > len(told.cells) else ""),
        header=told.header,
        seen=told.seen,
        expected=told.expected,
        cure=told.cure,
        count=told.count,
    )


def _in_general(told: Issue) -> str:
    """What is wrong, for all issues of one code: without the cell and what stands in it, which each line tells."""
    message = ISSUES[told.code].message
    if message == "{seen}":  # a refusal of the door, which is a sentence of its own
        return told.seen
    words = message.format(seen="…", header="…", expected="…", count="some")
    return words[:1].upper() + words[1:]


def _not_checked(assessed: Iterable[AssessedBatch]) -> tuple[NotChecked, ...]:
    """What was not asked, most widely unasked first; core questions before others, then what most results are asked."""
    unasked: Counter[str] = Counter()
    total: Counter[str] = Counter()
    core = {}
    for part in assessed:
        for block, mine, pick in part.iter_chunks():
            open_ = (block.compute_cells(pick).state == NOT_ASKED).sum(axis=1).tolist()
            for indicator, here in zip(block.model.indicators, open_, strict=True):
                total[indicator.title] += len(mine)
                unasked[indicator.title] += here
                core[indicator.title] = indicator.core
    order = sorted((t for t in total if unasked[t]), key=lambda t: (-unasked[t] / total[t], not core[t], -total[t], t))
    return tuple(NotChecked(title, unasked[title], total[title]) for title in order)
