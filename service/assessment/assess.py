"""Assess suppliers: compute scores, their reasons and plans from answers, facts and models.

Agencies are assessed before the sites that name them, since a site's score depends on the scores of its agencies. This module
is pure: it reads neither files nor the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import EVIDENCE, Answers, find_combinations, is_answer_in, map_answers
from risk_models.cases.evidence import CaseEvidence, add_case_harms
from risk_models.engine.frame import DECLINED, Cells, Frame, Scores, take
from risk_models.engine.score import CHUNK_SIZE, assign_levels, compute_queue_rank, score, score_in_chunks
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import InherentRiskPart
from risk_models.facts.scales import AGENCY_SECTOR
from risk_models.facts.state_imposed import ImposedLabourFindings
from risk_models.features import CANNOT_APPLY, build_features
from risk_models.model import Floor, Model, list_models_in_force, select_models
from risk_models.name_normalize import name_key
from risk_models.plan import Plan, build_plan, empty_plan, find_circumstances

# The answers of an agency under which a site may name it.
AGENCY_NAME_QUESTIONS = ("name", "name_local", "reference", "licence_number")
# The questions that date and grade the evidence of a whole row. They count for the answers of that row only.
ROW_EVIDENCE_QUESTIONS = (
    "evidence_grade",
    "evidence_date",
    "answered_on",
    "form_version",
    "form_returned",
    "questions_shown",
    EVIDENCE,
)


@dataclass(frozen=True)
class Batch:
    """Suppliers of one kind from one sheet: their answers and Excel row numbers.

    ``case_evidence``: the evidence of case records about them (service/case_reading/records.py), None if there are no cases.
    """

    kind: str
    answers: Answers
    file: str
    sheet: str
    rows: NDArray[np.int64]
    case_evidence: CaseEvidence | None = None

    def take(self, positions: Sequence[int]) -> Batch:
        """Return a batch of the suppliers at these positions; each scores the same as in the whole batch."""
        return replace(
            self,
            answers=self.answers.take(positions),
            rows=self.rows[list(positions)],
            case_evidence=self.case_evidence.take(positions) if self.case_evidence else None,
        )


@dataclass(frozen=True)
class Block:
    """The suppliers of a batch that one model scored: ``members`` are their positions in the batch.

    ``parts``: the parts of their inherent risk; ``imposed_labour``: see InherentRisk.
    ``cells`` is None for more than CHUNK_SIZE suppliers, to save memory; see
    :meth:`compute_cells`. ``sectors``: the ISIC code to display for each supplier, None if unknown; of several the one with the
    largest hazard among those the model serves.
    """

    model: Model
    members: NDArray[np.intp]
    answers: Answers
    parts: tuple[InherentRiskPart, ...]
    frame: Frame
    scores: Scores
    cells: Cells | None
    plan: Plan
    sectors: list[str | None]
    imposed_labour: ImposedLabourFindings | None

    def compute_cells(self, positions: NDArray[np.intp]) -> Cells:
        """Return the indicator values of the suppliers at some positions in the block; recompute them if they were dropped."""
        if self.cells is None:
            return score(take(self.frame, positions), self.model)[1]
        return self.cells if len(positions) == len(self.members) == 1 else take(self.cells, positions)


@dataclass(frozen=True)
class AssessedBatch:
    """A batch with its scores: for each supplier the index of the block with its headline (-1: none), and its position there.

    A supplier in several sectors is in several blocks. The results of the others count in the block of its headline (score,
    range, floors that both models have, actions) or are reported in addition (:meth:`iter_other_blocks`). ``agency_scores``: the
    scores of agencies it was assessed with, see :func:`compute_agency_scores`.
    """

    batch: Batch
    blocks: tuple[Block, ...]
    block_indexes: NDArray[np.intp]
    positions: NDArray[np.intp]
    agency_scores: Mapping[str, float]

    def get_scores(self, name: str) -> NDArray[np.float64]:
        """Return one column of the scores (a field of Scores) for the whole batch (n,), NaN if no model scores a supplier."""
        values = np.full(len(self.block_indexes), np.nan)
        for index, block in enumerate(self.blocks):
            in_block = self.block_indexes == index
            values[in_block] = getattr(block.scores, name)[self.positions[in_block]]
        return values

    def iter_chunks(self) -> Iterator[tuple[Block, NDArray[np.intp], NDArray[np.intp]]]:
        """Yield all scored suppliers in chunks of at most CHUNK_SIZE.

        Each chunk is the block of their headline, their positions in the batch, and their positions in the block.
        """
        for index, block in enumerate(self.blocks):
            headline_positions = np.flatnonzero(self.block_indexes == index)
            for start in range(0, len(headline_positions), CHUNK_SIZE):
                chunk = headline_positions[start : start + CHUNK_SIZE]
                yield block, chunk, self.positions[chunk]

    def iter_other_blocks(self, block: Block, positions: NDArray[np.intp]) -> Iterator[tuple[Block, NDArray[np.intp]]]:
        """Yield the other blocks that scored suppliers of a block under the models of their other sectors.

        ``positions``: of these suppliers in ``block``. Each block comes with their positions in it, -1 for a supplier it did not
        score.
        """
        members = block.members[positions]
        for other in self.blocks:
            if other is block or min(block.model.method, other.model.method) < 2:
                continue
            index = np.minimum(np.searchsorted(other.members, members), len(other.members) - 1)
            is_scored = other.members[index] == members
            if is_scored.any():
                yield other, np.where(is_scored, index, -1)

    def get_floors(self, block: Block, positions: NDArray[np.intp]) -> tuple[list[Floor], NDArray[np.int8]]:
        """Return the floors that apply to suppliers of a block, and the state of each floor (f, n), as in Scores.

        ``positions``: of these suppliers in the block. The floors of its model come first, then those that only the models of
        their other sectors have.
        """
        own_ids = {floor.id for floor in block.model.floors}
        extra: dict[str, tuple[Floor, NDArray[np.int8]]] = {}
        for other, other_positions in self.iter_other_blocks(block, positions):
            for f, floor in enumerate(other.model.floors):
                if floor.id not in own_ids:
                    states = np.where(other_positions >= 0, other.scores.floors[f, other_positions], 0).astype(np.int8)
                    extra[floor.id] = (floor, np.maximum(extra[floor.id][1], states) if floor.id in extra else states)
        columns = [block.scores.floors[:, positions], *(states[np.newaxis] for _, states in extra.values())]
        return [*block.model.floors, *(floor for floor, _ in extra.values())], np.vstack(columns)

    @cached_property
    def state_imposed(self) -> NDArray[np.bool_]:
        """Whether a state imposes the labour at each supplier (n,), so that nobody contacts its workers: see Plan."""
        imposed = np.zeros(len(self.block_indexes), dtype=np.bool_)
        for block in self.blocks:
            imposed[block.members] |= block.plan.state_imposed
        return imposed

    @cached_property
    def unanswered_driven(self) -> NDArray[np.bool_]:
        """Whether the score of each supplier is raised mainly by unanswered questions (n,).

        This is the case if most floors that apply depend on blank answers alone, and the level would be lower if these were
        read as not asked.
        """
        driven = np.zeros(len(self.block_indexes), dtype=np.bool_)
        for block, batch_positions, positions in self.iter_chunks():
            floors, codes = self.get_floors(block, positions)
            mostly_blank = np.flatnonzero((codes == 1).sum(axis=0) > (codes > 1).sum(axis=0))
            if mostly_blank.size:
                answered_floors = codes[:, mostly_blank] > 1
                driven[batch_positions[mostly_blank]] = _is_lower_without_blanks(
                    block, positions[mostly_blank], floors, answered_floors
                )
        return driven


def _is_lower_without_blanks(
    block: Block, positions: NDArray[np.intp], floors: Sequence[Floor], answered_floors: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return for which suppliers of a block the level is lower when blank answers are read as not asked.

    ``answered_floors`` (f, n): whether each floor applies because of more than blank answers.
    """
    cells, total = block.compute_cells(positions), block.scores.total[positions]
    blank_points = (cells.contributions * (cells.state == DECLINED)).sum(axis=0)
    highest_floor = (np.array([[floor.minimum_score] for floor in floors]) * answered_floors).max(axis=0)
    without_blanks = np.maximum(total - block.scores.uplift[positions] - blank_points, highest_floor)
    lower: NDArray[np.bool_] = assign_levels(without_blanks, block.model) < assign_levels(total, block.model)
    return lower


def assess(
    batches: Sequence[Batch],
    facts: FactSnapshot,
    on: date,
    models: Sequence[Model] | None = None,
) -> tuple[AssessedBatch, ...]:
    """Assess batches and return them with their scores, agencies first. Raises LookupError if no model is in force.

    ``models``: the models to choose from, by default all released ones; an old assessment is replayed with its own.
    """
    agencies = [assess_batch(batch, facts, on, {}, models) for batch in batches if batch.kind == "agency"]
    scores = compute_agency_scores(agencies)
    sites = [assess_batch(batch, facts, on, scores, models) for batch in batches if batch.kind == "site"]
    return (*agencies, *sites)


def compute_agency_scores(agencies: Iterable[AssessedBatch]) -> dict[str, float]:
    """Return the score of each agency by every normalised name it has; if several agencies share a name, the highest score."""
    scores: dict[str, float] = {}
    for assessed in agencies:
        totals = assessed.get_scores("total")
        for question in AGENCY_NAME_QUESTIONS:
            column = assessed.batch.answers.column(question)
            worst = np.full(len(column.values) + 1, -1.0)
            np.maximum.at(worst, column.codes, totals)
            for category, value in zip(column.values, worst.tolist(), strict=False):
                key = name_key(str(category))
                if key and value >= 0:
                    scores[key] = max(scores.get(key, -1.0), value)
    return scores


def assess_batch(
    batch: Batch,
    facts: FactSnapshot,
    on: date,
    agency_scores: Mapping[str, float],
    models: Sequence[Model] | None = None,
) -> AssessedBatch:
    """Assess one batch; ``agency_scores`` as returned by :func:`compute_agency_scores`, the rest as in :func:`assess`."""
    n = len(batch.answers)
    blocks: list[Block] = []
    for model, members in _select_models(batch, on, models):
        answers = batch.answers if len(members) == n else batch.answers.take(members)
        case = batch.case_evidence.take(members) if batch.case_evidence else None
        # Harm from cases counts like a report. It is not an answer of the supplier, so the stored answers do not contain it.
        answers_with_cases = add_case_harms(answers, case) if case else answers
        features = build_features(answers_with_cases, model, facts, on, agency_scores, case.strength if case else None)
        unknown = _find_unknowns(answers, model, agency_scores)
        scores, cells, planned = _score_and_plan(features.frame, model, unknown)
        actions, sectors = (
            _add_own_plan(planned, features.frame, model, unknown),
            _select_sectors(answers, model, facts),
        )
        blocks.append(
            Block(
                model,
                members,
                answers,
                features.inherent.parts,
                features.frame,
                scores,
                cells,
                actions,
                sectors,
                features.inherent.imposed_labour,
            )
        )
    block_indexes, positions = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=np.intp)
    best_total, best_rank = np.full(n, -1.0), np.full(n, 127, dtype=np.int8)
    rank_first = all(block.model.method > 1 for block in blocks)
    for index, block in enumerate(blocks):
        total, rank = block.scores.total, compute_queue_rank(block.scores.level, block.scores.inherent_level)
        # A supplier in several sectors is scored for each of them; the worst score is shown.
        previous_total, previous_rank = best_total[block.members], best_rank[block.members]
        if rank_first:
            worse = (rank < previous_rank) | ((rank == previous_rank) & _is_higher(total, previous_total))
        else:
            worse = (total > previous_total) | ((total == previous_total) & (rank < previous_rank))
        positions_in_batch = block.members[worse]
        block_indexes[positions_in_batch], positions[positions_in_batch] = index, np.flatnonzero(worse)
        best_total[positions_in_batch], best_rank[positions_in_batch] = total[worse], rank[worse]
    assessed = AssessedBatch(batch, tuple(blocks), block_indexes, positions, agency_scores)
    return assessed if len(blocks) < 2 else _merge_sector_results(assessed)


def _is_higher(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where ``points`` are higher by more than a rounding error; the sums of two models may differ by that much."""
    higher: NDArray[np.bool_] = np.round(points, 9) > np.round(reference, 9)
    return higher


def _merge_sector_results(assessed: AssessedBatch) -> AssessedBatch:
    """Merge the results of suppliers in several sectors into their headline: the highest score, the whole range, all actions.

    If the score of another model is higher, the difference is added to the uplift, so that points and uplift still add up to
    the score.
    """
    blocks = list(assessed.blocks)
    for index, block in enumerate(assessed.blocks):
        positions = assessed.positions[assessed.block_indexes == index]
        scores, planned = block.scores, block.plan
        for other, other_positions in assessed.iter_other_blocks(block, positions):
            target, source = positions[other_positions >= 0], other_positions[other_positions >= 0]
            higher = _is_higher(other.scores.total[source], scores.total[target])
            total = np.where(higher, other.scores.total[source], scores.total[target])
            scores.uplift[target] += total - scores.total[target]
            scores.total[target] = total
            scores.best[target] = np.minimum(np.maximum(scores.best[target], other.scores.best[source]), total)
            scores.worst[target] = np.maximum(np.maximum(scores.worst[target], other.scores.worst[source]), total)
            scores.worst_given[target] = np.maximum(
                np.maximum(scores.worst_given[target], other.scores.worst_given[source]), total
            )
            scores.core_confirmed[target] &= other.scores.core_confirmed[source]
            ids = {floor.id: f for f, floor in enumerate(other.model.floors)}
            for f, floor in enumerate(block.model.floors):
                if floor.id in ids:
                    scores.floors[f, target] = np.maximum(
                        scores.floors[f, target], other.scores.floors[ids[floor.id], source]
                    )
            planned = planned.merge_earliest(target, other.plan, source)
        blocks[index] = replace(block, plan=planned)
    return replace(assessed, blocks=tuple(blocks))


def _score_and_plan(
    frame: Frame, model: Model, unknown: Mapping[str, NDArray[np.bool_]]
) -> tuple[Scores, Cells | None, Plan]:
    """Return the scores of a frame, the indicator values (None for more than CHUNK_SIZE suppliers), and the plan."""
    n = frame.risk.shape[1]
    if n <= CHUNK_SIZE:
        scores, cells = score(frame, model)
        return scores, cells, build_plan(scores, cells, model, unknown)
    planned = empty_plan(n, model)
    scores, chunks = score_in_chunks(frame, model)
    for positions, cells in chunks:
        unknown_in_chunk = {name: flags[positions] for name, flags in unknown.items()}
        planned.fill(positions, build_plan(take(scores, positions), cells, model, unknown_in_chunk))
    return scores, None, planned


def _add_own_plan(planned: Plan, frame: Frame, model: Model, unknown: Mapping[str, NDArray[np.bool_]]) -> Plan:
    """Add to a plan the deadlines that follow from the suppliers' own answers alone, for suppliers with reports or cases."""
    reported = np.flatnonzero(frame.reported.any(axis=0) | (frame.case > 0))
    if not len(reported):
        return planned
    reported_frame = take(frame, reported)
    own_frame = replace(
        reported_frame, reported=np.zeros_like(reported_frame.reported), case=np.zeros_like(reported_frame.case)
    )
    own_answers = replace(planned, days=planned.days.copy(), state_imposed=planned.state_imposed.copy())
    unknown_of_reported = {name: flags[reported] for name, flags in unknown.items()}
    own_answers.fill(reported, _score_and_plan(own_frame, model, unknown_of_reported)[-1])
    return replace(planned, own_answers=own_answers)


def _select_models(batch: Batch, on: date, models: Sequence[Model] | None) -> list[tuple[Model, NDArray[np.intp]]]:
    """Return the models that score suppliers of a batch, each with their positions; a supplier in several sectors has several
    models.

    Since method 3 a supplier of unknown sector is also scored under the packs that its answers point to (docs/method.md).
    """
    if batch.kind == "agency":
        return [(model, np.arange(len(batch.answers))) for model in select_models("agency", (), on, models)]
    column = batch.answers.column("sector")
    served: dict[str, Model] = {}
    served_codes: dict[str, NDArray[np.bool_]] = {}
    by_code = (*column.values, ())  # code -1 (no answer) reads the last entry
    for code, sectors in enumerate(by_code):
        named = tuple(str(s) for s in sectors) if isinstance(sectors, tuple) else ()
        for model in select_models("site", named, on, models):
            served[model.id] = model
            served_codes.setdefault(model.id, np.zeros(len(by_code), dtype=bool))[code] = True
    members = {name: codes[column.codes] for name, codes in served_codes.items()}
    unknown = np.array([not isinstance(sectors, tuple) or not sectors for sectors in by_code])[column.codes]
    if unknown.any() and all(model.method > 2 for model in select_models("site", (), on, models)):
        for model in list_models_in_force("site", on, models):
            if model.sector_questions:
                served[model.id] = model
                members[model.id] = members.get(model.id, False) | unknown & _match_pack_questions(batch.answers, model)
    # On equal scores the first model wins: a pack before the general one, whatever the order of the rows.
    ordered = sorted(served.values(), key=lambda model: ("" in model.serves, model.id))
    selected = [(model, np.flatnonzero(members[model.id])) for model in ordered]
    return [(model, positions) for model, positions in selected if len(positions)]


def _match_pack_questions(answers: Answers, model: Model) -> NDArray[np.bool_]:
    """Return which suppliers returned the form of this model, or answered or declined questions that only this form asks."""
    forms = answers.column("form_version")
    matches = np.array([*(str(version).split(" ")[0] == model.id for version in forms.values), False])[forms.codes]
    for question in model.sector_questions:
        column = answers.column(question)
        matches |= np.array([*(answer != CANNOT_APPLY for answer in column.values), False])[column.codes]
    return matches


def _select_sectors(answers: Answers, model: Model, facts: FactSnapshot) -> list[str | None]:
    if model.kind == "agency":
        return [AGENCY_SECTOR] * len(answers)
    column = answers.column("sector")
    displayed: list[str | None] = []
    for sectors in column.values:
        codes = [str(s) for s in sectors] if isinstance(sectors, tuple) else []
        served = [s for s in codes if any(prefix and s.startswith(prefix) for prefix in model.serves)] or codes
        displayed.append(max(served, key=lambda s: (facts.get_sector_hazard(s) or 0.0, s)) if served else None)
    displayed.append(None)
    return [displayed[code] for code in column.codes.tolist()]


def _find_unknowns(answers: Answers, model: Model, agency_scores: Mapping[str, float]) -> dict[str, NDArray[np.bool_]]:
    """Return flags (n,) by name for what is not known: country, sector, a named agency without a score, agencies not named."""
    n = len(answers)

    def is_blank(question: str) -> NDArray[np.bool_]:
        column = answers.column(question)
        return np.array([*(c == "declined" for c in column.values), True])[column.codes]

    column = answers.column("agencies")
    unassessed = [
        isinstance(named, tuple) and any(name_key(str(name)) not in agency_scores for name in named)
        for named in column.values
    ]
    return {
        "country": is_blank("country"),
        "sector": is_blank("sector") if model.kind == "site" else np.zeros(n, dtype=bool),
        "agency": np.array([*unassessed, False])[column.codes],
        "agencies_not_named": is_blank("agencies") & _employs_migrants(answers)
        if model.kind == "site"
        else np.zeros(n, dtype=bool),
        **find_circumstances(answers, model, agency_scores),
    }


def _employs_migrants(answers: Answers) -> NDArray[np.bool_]:
    """Return which sites report migrant workers or their origin, and do not say that they use no agencies."""
    has_migrants = [map_answers(answers, q, _number, 0.0) > 0 for q in ("workers_migrant", "migrant_pct")]
    country, origins = answers.column("country"), answers.column("worker_origin_countries")
    pairs, combination_indexes = find_combinations(country.codes, origins.codes)
    from_abroad = []
    for home, origin in pairs:
        origin_countries = origins.values[origin] if origin >= 0 else ()
        site_country = country.values[home] if home >= 0 else None
        from_abroad.append(
            isinstance(origin_countries, tuple) and any(place != site_country for place in origin_countries)
        )
    employs: NDArray[np.bool_] = (
        has_migrants[0] | has_migrants[1] | np.array(from_abroad, dtype=bool)[combination_indexes]
    )
    employs &= ~is_answer_in(answers, "uses_agencies", ("no",))
    return employs


def _number(answer: object) -> float:
    return float(answer) if isinstance(answer, (int, float)) else 0.0
