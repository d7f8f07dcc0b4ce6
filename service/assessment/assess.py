"""The main job: answers of suppliers and agencies in, scores with their reasons and plans out.

Agencies are assessed before the sites that name them; that is the only order there is. Everything here is a value: no file,
no clock.
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
from risk_models.engine.score import CHUNK_SIZE, compute_queue_rank, score, score_in_chunks, assign_levels
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import InherentRiskPart
from risk_models.facts.scales import AGENCY_SECTOR
from risk_models.features import CANNOT_APPLY, build_features
from risk_models.model import Floor, Model, current, serving
from risk_models.name_normalize import name_key
from risk_models.plan import Plan, circumstances, plan, room_for_plan

# Under which of an agency's answers a site may name it.
AGENCY_NAME_QUESTIONS = ("name", "name_local", "reference", "licence_number")
# How a whole row came to be known and how far it is believed. It goes with the answers of that row, and with no others.
ROW_EVIDENCE_QUESTIONS = ("evidence_grade", "evidence_date", "answered_on", "form_version", "form_returned", EVIDENCE)


@dataclass(frozen=True)
class Batch:
    """Suppliers of one kind from one sheet: their answers and Excel row numbers.

    ``case``: what case records say of them (service/case_reading/records.py); None where no case is about any of them.
    """

    kind: str
    answers: Answers
    file: str
    sheet: str
    rows: NDArray[np.int64]
    case_evidence: CaseEvidence | None = None

    def take(self, positions: Sequence[int]) -> Batch:
        """A batch of some of these suppliers; each scores the same alone as among the others."""
        case = self.case_evidence.take(positions) if self.case_evidence else None
        return replace(self, answers=self.answers.take(positions), rows=self.rows[list(positions)], case=case)


@dataclass(frozen=True)
class Block:
    """The suppliers of a batch that one model scored: ``members`` are their positions in the batch.

    ``parts``: what made its contexts. ``cells`` of more than PORTION suppliers are let go; see cells_of.
    ``sectors``: the ISIC code shown for each, of several the one with the largest hazard that the model serves; None if unknown.
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

    def compute_cells(self, pick: NDArray[np.intp]) -> Cells:
        """What each indicator comes to for some of its suppliers (``pick``: positions in it): worked out again where let go."""
        if self.cells is None:
            return score(take(self.frame, pick), self.model)[1]
        return self.cells if len(pick) == len(self.members) == 1 else take(self.cells, pick)


@dataclass(frozen=True)
class AssessedBatch:
    """A batch with its scores: for each supplier the block that holds its headline and its position there.

    A supplier of several sectors stands in several blocks; what the others found counts in the block of its headline (score,
    range, floors that both know, actions) or is told beside it (:meth:`beside`). ``agency_scores``: those it was assessed with,
    as :func:`agency_scores` gives them.
    """

    batch: Batch
    blocks: tuple[Block, ...]
    block_indexes: NDArray[np.intp]
    positions: NDArray[np.intp]
    agency_scores: Mapping[str, float]

    def get_scores(self, name: str) -> NDArray[np.float64]:
        """A number of the scores for every supplier of the batch, NaN where no model scores it."""
        values = np.full(len(self.block_indexes), np.nan)
        for b, block in enumerate(self.blocks):
            mine = self.block_indexes == b
            values[mine] = getattr(block.scores, name)[self.positions[mine]]
        return values

    def iter_chunks(self) -> Iterator[tuple[Block, NDArray[np.intp], NDArray[np.intp]]]:
        """All suppliers that a model scored, no more than PORTION at a time: a block, where those it is the headline of stand in
        the batch, and where they stand in the block.
        """
        for b, block in enumerate(self.blocks):
            mine = np.flatnonzero(self.block_indexes == b)
            for start in range(0, len(mine), CHUNK_SIZE):
                here = mine[start : start + CHUNK_SIZE]
                yield block, here, self.positions[here]

    def iter_other_blocks(self, block: Block, pick: NDArray[np.intp]) -> Iterator[tuple[Block, NDArray[np.intp]]]:
        """The other blocks that scored some suppliers of a block (``pick``: positions in it), under the models of their other
        sectors, each with the positions there; -1 for a supplier that it did not score.
        """
        members = block.members[pick]
        for other in self.blocks:
            if other is block or min(block.model.method, other.model.method) < 2:
                continue
            at = np.minimum(np.searchsorted(other.members, members), len(other.members) - 1)
            there = other.members[at] == members
            if there.any():
                yield other, np.where(there, at, -1)

    def get_floors(self, block: Block, pick: NDArray[np.intp]) -> tuple[list[Floor], NDArray[np.int8]]:
        """The rules that may hold up the scores of some suppliers of a block, and how each was reached (f, n), as in Scores.

        Those of its model come first, then what the models of their other sectors have more.
        """
        own = {floor.id for floor in block.model.floors}
        more: dict[str, tuple[Floor, NDArray[np.int8]]] = {}
        for other, at in self.iter_other_blocks(block, pick):
            for f, floor in enumerate(other.model.floors):
                if floor.id not in own:
                    there = np.where(at >= 0, other.scores.floors[f, at], 0).astype(np.int8)
                    more[floor.id] = (floor, np.maximum(more[floor.id][1], there) if floor.id in more else there)
        rows = [block.scores.floors[:, pick], *(reached[np.newaxis] for _, reached in more.values())]
        return [*block.model.floors, *(floor for floor, _ in more.values())], np.vstack(rows)

    @cached_property
    def unanswered_driven(self) -> NDArray[np.bool_]:
        """Whose score is held up by blanks for the most part: most rules that reach rest on them alone, and with the blanks read
        as not asked the score would stand at a lower level.
        """
        silent = np.zeros(len(self.block_indexes), dtype=np.bool_)
        for block, mine, pick in self.iter_chunks():
            rules, codes = self.get_floors(block, pick)
            by_blanks = np.flatnonzero((codes == 1).sum(axis=0) > (codes > 1).sum(axis=0))
            if by_blanks.size:
                found = codes[:, by_blanks] > 1
                silent[mine[by_blanks]] = _lower_without_blanks(block, pick[by_blanks], rules, found)
        return silent


def _lower_without_blanks(
    block: Block, pick: NDArray[np.intp], rules: Sequence[Floor], found: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Where some suppliers of a block would stand lower with their blanks read as not asked; ``found`` (f, n): the rules that
    hold by more than blanks.
    """
    cells, total = block.compute_cells(pick), block.scores.total[pick]
    blank = (cells.moves * (cells.state == DECLINED)).sum(axis=0)
    held_at = (np.array([[rule.minimum_score] for rule in rules]) * found).max(axis=0)
    told = np.maximum(total - block.scores.uplift[pick] - blank, held_at)
    lower: NDArray[np.bool_] = assign_levels(told, block.model) < assign_levels(total, block.model)
    return lower


def assess(
    batches: Sequence[Batch],
    facts: FactSnapshot,
    on: date,
    models: Sequence[Model] | None = None,
) -> tuple[AssessedBatch, ...]:
    """Each batch assessed, agencies first. Raises LookupError where no model is in force on that day.

    ``models`` are those to choose from, all that are released unless told: an old assessment is replayed with its own.
    """
    agencies = [assess_batch(batch, facts, on, {}, models) for batch in batches if batch.kind == "agency"]
    scores = compute_agency_scores(agencies)
    sites = [assess_batch(batch, facts, on, scores, models) for batch in batches if batch.kind == "site"]
    return (*agencies, *sites)


def compute_agency_scores(agencies: Iterable[AssessedBatch]) -> dict[str, float]:
    """The score of each assessed agency under every name it goes by; of several with one name, the worst."""
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
    """One batch assessed; ``scores_of_agencies`` as :func:`agency_scores` gives them, the rest as in :func:`assess`."""
    n = len(batch.answers)
    blocks: list[Block] = []
    for model, members in _models(batch, on, models):
        answers = batch.answers if len(members) == n else batch.answers.take(members)
        case = batch.case_evidence.take(members) if batch.case_evidence else None
        # What cases set is heard like a report, and is no answer of the supplier: the answers kept do not hold it.
        heard = add_case_harms(answers, case) if case else answers
        read = build_features(heard, model, facts, on, agency_scores, case.strength if case else None)
        unknown = _unknown(answers, model, agency_scores)
        scores, cells, whole = _scored_and_planned(read.frame, model, unknown)
        actions, sectors = _with_own(whole, read.frame, model, unknown), _sectors(answers, model, facts)
        blocks.append(Block(model, members, answers, read.inherent.parts, read.frame, scores, cells, actions, sectors))
    chosen, position = np.full(n, -1, dtype=np.intp), np.zeros(n, dtype=np.intp)
    best_total, best_rank = np.full(n, -1.0), np.full(n, 127, dtype=np.int8)
    rank_first = all(block.model.method > 1 for block in blocks)
    for b, block in enumerate(blocks):
        total, rank = block.scores.total, compute_queue_rank(block.scores.level, block.scores.inherent_level)
        # A supplier of several sectors is scored on each and shows the worst.
        total_there, rank_there = best_total[block.members], best_rank[block.members]
        if rank_first:
            worse = (rank < rank_there) | ((rank == rank_there) & _higher(total, total_there))
        else:
            worse = (total > total_there) | ((total == total_there) & (rank < rank_there))
        at = block.members[worse]
        chosen[at], position[at] = b, np.flatnonzero(worse)
        best_total[at], best_rank[at] = total[worse], rank[worse]
    assessed = AssessedBatch(batch, tuple(blocks), chosen, position, agency_scores)
    return assessed if len(blocks) < 2 else _with_the_worst_of_all(assessed)


def _higher(points: NDArray[np.float64], than: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where points are higher by more than the last bits, in which the sums of two models may differ."""
    higher: NDArray[np.bool_] = np.round(points, 9) > np.round(than, 9)
    return higher


def _with_the_worst_of_all(assessed: AssessedBatch) -> AssessedBatch:
    """Under the headline of a supplier of several sectors: the highest score of its models, their range, what each calls for.

    What another model scores higher is an uplift, so that points and uplift go on adding up to the score.
    """
    blocks = list(assessed.blocks)
    for b, block in enumerate(assessed.blocks):
        mine = assessed.positions[assessed.block_indexes == b]
        scores, plan_of = block.scores, block.plan
        for other, at in assessed.iter_other_blocks(block, mine):
            to, of = mine[at >= 0], at[at >= 0]
            higher = _higher(other.scores.total[of], scores.total[to])
            total = np.where(higher, other.scores.total[of], scores.total[to])
            scores.uplift[to] += total - scores.total[to]
            scores.total[to] = total
            scores.best[to] = np.minimum(np.maximum(scores.best[to], other.scores.best[of]), total)
            scores.worst[to] = np.maximum(np.maximum(scores.worst[to], other.scores.worst[of]), total)
            ids = {floor.id: f for f, floor in enumerate(other.model.floors)}
            for f, floor in enumerate(block.model.floors):
                if floor.id in ids:
                    scores.floors[f, to] = np.maximum(scores.floors[f, to], other.scores.floors[ids[floor.id], of])
            plan_of = plan_of.sooner(to, other.plan, of)
        blocks[b] = replace(block, plan=plan_of)
    return replace(assessed, blocks=tuple(blocks))


def _scored_and_planned(
    frame: Frame, model: Model, unknown: Mapping[str, NDArray[np.bool_]]
) -> tuple[Scores, Cells | None, Plan]:
    """The scores of the suppliers of a frame, what each indicator comes to unless they are many, and what is to be done."""
    n = frame.risk.shape[1]
    if n <= CHUNK_SIZE:
        scores, cells = score(frame, model)
        return scores, cells, plan(scores, cells, model, unknown)
    whole = room_for_plan(n, model)
    scores, portions = score_in_chunks(frame, model)
    for here, cells in portions:
        unknown_here = {name: flags[here] for name, flags in unknown.items()}
        whole.days[:, here] = plan(take(scores, here), cells, model, unknown_here).days
    return scores, None, whole


def _with_own(whole: Plan, frame: Frame, model: Model, unknown: Mapping[str, NDArray[np.bool_]]) -> Plan:
    """A plan, and beside it what it would be by the suppliers' own answers alone, where the two can differ."""
    told = np.flatnonzero(frame.reported.any(axis=0) | (frame.case > 0))
    if not len(told):
        return whole
    of_these = take(frame, told)
    alone = replace(of_these, reported=np.zeros_like(of_these.reported), case=np.zeros_like(of_these.case))
    own_days = whole.days.copy()
    unknown_there = {name: flags[told] for name, flags in unknown.items()}
    own_days[:, told] = _scored_and_planned(alone, model, unknown_there)[-1].days
    return replace(whole, own_days=own_days)


def _models(batch: Batch, on: date, models: Sequence[Model] | None) -> list[tuple[Model, NDArray[np.intp]]]:
    """The models that score the suppliers of a batch, each with their positions; several for one of several sectors.

    Since edition 3 of the method a supplier of unknown sector is scored under the packs as well that its answers tell of
    (docs/method.md).
    """
    if batch.kind == "agency":
        return [(model, np.arange(len(batch.answers))) for model in serving("agency", (), on, models)]
    column = batch.answers.column("sector")
    served: dict[str, Model] = {}
    wanted: dict[str, NDArray[np.bool_]] = {}
    by_code = (*column.values, ())  # code -1 marks the last place, which stands for nothing
    for code, sectors in enumerate(by_code):
        named = tuple(str(s) for s in sectors) if isinstance(sectors, tuple) else ()
        for model in serving("site", named, on, models):
            served[model.id] = model
            wanted.setdefault(model.id, np.zeros(len(by_code), dtype=bool))[code] = True
    members = {name: codes[column.codes] for name, codes in wanted.items()}
    unknown = np.array([not isinstance(sectors, tuple) or not sectors for sectors in by_code])[column.codes]
    if unknown.any() and all(model.method > 2 for model in serving("site", (), on, models)):
        for model in current("site", on, models):
            if model.sector_questions:
                served[model.id] = model
                members[model.id] = members.get(model.id, False) | unknown & _of_the_trade(batch.answers, model)
    # On equal scores the first model stands: a pack before the general one, whatever the order of the rows.
    ordered = sorted(served.values(), key=lambda model: ("" in model.serves, model.id))
    found = [(model, np.flatnonzero(members[model.id])) for model in ordered]
    return [(model, positions) for model, positions in found if len(positions)]


def _of_the_trade(answers: Answers, model: Model) -> NDArray[np.bool_]:
    """Where a supplier answers questions that the form of this model alone asks, left them blank in a form that came back, or
    names that form.
    """
    forms = answers.column("form_version")
    here = np.array([*(str(sent).split(" ")[0] == model.id for sent in forms.values), False])[forms.codes]
    for question in model.sector_questions:
        column = answers.column(question)
        here |= np.array([*(told != CANNOT_APPLY for told in column.values), False])[column.codes]
    return here


def _sectors(answers: Answers, model: Model, facts: FactSnapshot) -> list[str | None]:
    if model.kind == "agency":
        return [AGENCY_SECTOR] * len(answers)
    column = answers.column("sector")
    shown: list[str | None] = []
    for sectors in column.values:
        named = [str(s) for s in sectors] if isinstance(sectors, tuple) else []
        served = [s for s in named if any(prefix and s.startswith(prefix) for prefix in model.serves)] or named
        shown.append(max(served, key=lambda s: (facts.get_sector_hazard(s) or 0.0, s)) if served else None)
    shown.append(None)
    return [shown[code] for code in column.codes.tolist()]


def _unknown(answers: Answers, model: Model, scores_of_agencies: Mapping[str, float]) -> dict[str, NDArray[np.bool_]]:
    """Where country and sector are unknown, an agency is named that was not assessed, or none is though migrants work there."""
    n = len(answers)

    def blank(question: str) -> NDArray[np.bool_]:
        column = answers.column(question)
        return np.array([*(c == "declined" for c in column.values), True])[column.codes]

    column = answers.column("agencies")
    unassessed = [
        isinstance(named, tuple) and any(name_key(str(name)) not in scores_of_agencies for name in named)
        for named in column.values
    ]
    return {
        "country": blank("country"),
        "sector": blank("sector") if model.kind == "site" else np.zeros(n, dtype=bool),
        "agency": np.array([*unassessed, False])[column.codes],
        "agencies_not_named": blank("agencies") & _employs_migrants(answers)
        if model.kind == "site"
        else np.zeros(n, dtype=bool),
        **circumstances(answers, model, scores_of_agencies),
    }


def _employs_migrants(answers: Answers) -> NDArray[np.bool_]:
    """Where a site says that migrants work there, or where they come from, and not that it uses no agencies at all."""
    counted = [map_answers(answers, q, _number, 0.0) > 0 for q in ("workers_migrant", "migrant_pct")]
    country, origins = answers.column("country"), answers.column("worker_origin_countries")
    pairs, which = find_combinations(country.codes, origins.codes)
    abroad = []
    for home, origin in pairs:
        named = origins.values[origin] if origin >= 0 else ()
        own = country.values[home] if home >= 0 else None
        abroad.append(isinstance(named, tuple) and any(place != own for place in named))
    here: NDArray[np.bool_] = counted[0] | counted[1] | np.array(abroad, dtype=bool)[which]
    here &= ~is_answer_in(answers, "uses_agencies", ("no",))
    return here


def _number(answer: object) -> float:
    return float(answer) if isinstance(answer, (int, float)) else 0.0
