"""Write assessment.json, the public contract, with each text once and the values of each row.

The schema is ``assessment.schema.json`` in this folder. Results are written row by row as bytes. Each distinct answer, reason and
plan is encoded once and combined by its code, so that large files take little more time than writing their bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from risk_models.action_library import Action, list_release_actions
from risk_models.answers import EVIDENCE, to_json_value
from risk_models.engine.frame import DECLINED, LEVEL_NAMES, NOT_ASKED, STATES
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import PART_STATES, UNKNOWN_PLACE, InherentRiskPart
from risk_models.facts.state_imposed import ImposedLabourFindings
from risk_models.model import CASES, Model
from risk_models.plan import sort_steps
from service.assessment.answer_codec import NULL, AnswerEncoder, Positions
from service.assessment.assess import AssessedBatch, Block
from service.assessment.evidence_entries import list_entries
from service.assessment.models_in_force import find_library_release

Document = dict[str, Any]

ENGINE_VERSION = "2026.1"
CHUNK_SIZE = 2048  # suppliers encoded together: about 20 MB; with fewer, what each chunk costs weighs more
STATES_JSON = tuple(state.encode() for state in STATES)


def build_models_part(models: Iterable[Model]) -> list[Document]:
    """Return the texts and weights of the models, each once."""
    return [
        {
            "id": model.id,
            "version": model.version,
            "digest": model.digest,
            "title": model.title,
            "levels": dict(model.levels),
            "indicators": [
                {
                    "id": indicator.id,
                    "title": indicator.title,
                    "question": indicator.question,
                    "weight": indicator.weight,
                    "core": indicator.core,
                    "pillar": indicator.pillar,
                    "because": indicator.because,
                    "sources": list(indicator.sources),
                }
                for indicator in model.indicators
            ],
            "contexts": [
                {
                    "id": context.id,
                    "title": context.title,
                    "because": context.because,
                    "facts": [floor.fact for floor in context.facts],
                    "sources": list(context.sources),
                }
                for context in model.all_contexts
            ],
            "floors": [
                {
                    "id": floor.id,
                    "title": floor.title,
                    "at_least": floor.minimum_score,
                    "because": floor.because,
                    "sources": list(floor.sources),
                }
                for floor in model.floors
            ],
        }
        for model in models
    ]


def list_used_models(assessed: Iterable[AssessedBatch]) -> list[Model]:
    """Return the models that scored suppliers, each once, by id."""
    used = {block.model.id: block.model for batch in assessed for block in batch.blocks}
    return [used[name] for name in sorted(used)]


def build_assessment_part(used: Sequence[Model], facts: FactSnapshot, on: date, options: Mapping[str, Any]) -> Document:
    """Return the part ``assessment``: the date, engine, options, models (those that were used, by id) and facts."""
    return {
        "on": on.isoformat(),
        "engine": ENGINE_VERSION,
        "options": dict(options),
        "models": build_models_part(used),
        "facts_digest": facts.digest,
    }


def build_actions_part(actions: Sequence[Action]) -> list[Document]:
    """Return the texts of the actions, each once; whether they contact workers in generations of the library that say it."""
    return [
        {
            "id": action.id,
            "title": action.title,
            "do": action.do,
            "priority": action.priority,
            "stage": action.stage,
            "owner": action.owner,
            "safety": action.safety,
            "with_workers": action.with_workers,
            "proof": action.proof,
            "sources": list(action.sources),
            **(
                {}
                if action.contacts_workers is None
                else {"contacts_workers": action.contacts_workers, "heard_by": action.heard_by}
            ),
        }
        for action in actions
    ]


def compute_actions_digest(actions: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of the part ``actions``; ``risk_models/actions/RELEASED`` lists it for every release."""
    return hashlib.sha256(orjson.dumps(list(actions))).hexdigest()


def build_head(
    used: Sequence[Model],
    facts: FactSnapshot,
    on: date,
    options: Mapping[str, Any],
    input_part: Mapping[str, Any],
    buyer: Mapping[str, Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = (),
) -> Document:
    """Return the document without its results and its digest.

    ``used``: the models that scored suppliers, by id; ``input_part``: the part ``input``; ``buyer``: the part on the buyer's own
    practices (service/buyer/practice_findings.py); ``cases``: the part on case records (service/case_reading/export_json.py).
    """
    return {
        "assessment": build_assessment_part(used, facts, on, options),
        "input": input_part,
        "actions": build_actions_part(list_release_actions(find_library_release(on, used))),
        "cases": list(cases),
        **({"buyer": buyer} if buyer is not None else {}),
    }


def write_document(
    out: BinaryIO,
    assessed: Sequence[AssessedBatch],
    facts: FactSnapshot,
    on: date,
    options: Mapping[str, Any],
    input_part: Mapping[str, Any],
    buyer: Mapping[str, Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the whole document, results row by row, and its digest; the arguments as in :func:`build_head`."""
    head = build_head(list_used_models(assessed), facts, on, options, input_part, buyer, cases)
    encoded = orjson.dumps(head)
    digest = hashlib.sha256(encoded)
    out.write(encoded[:-1] + b',"results":[')
    is_first = True
    for batch in assessed:
        for row in iter_result_json(batch, on):
            digest.update(row)
            out.write(row if is_first else b",\n" + row)
            is_first = False
    out.write(b'],"digest":"%s"}\n' % digest.hexdigest().encode())


def compute_digest(document: Mapping[str, Any]) -> str:
    """Return the sha256 of a document as :func:`write_document` computes it.

    It covers all but the results and the digest itself, then each result, as JSON without whitespace and with sorted keys.
    """
    digest = hashlib.sha256(orjson.dumps({k: v for k, v in document.items() if k not in ("results", "digest")}))
    for result in document["results"]:
        digest.update(orjson.dumps(result))
    return digest.hexdigest()


def iter_result_json(assessed: AssessedBatch, on: date) -> Iterator[bytes]:
    """Yield the result of each supplier of a batch as JSON bytes, in the order of its rows; built in chunks, to save memory."""
    n = len(assessed.block_indexes)
    for start in range(0, n, CHUNK_SIZE):
        blocks, positions = (
            assessed.block_indexes[start : start + CHUNK_SIZE],
            assessed.positions[start : start + CHUNK_SIZE],
        )
        rows = [
            _iter_block_rows(block, positions[blocks == index], assessed, on)
            for index, block in enumerate(assessed.blocks)
        ]
        for index in blocks.tolist():
            yield next(rows[index])


def _iter_block_rows(block: Block, positions: Positions, assessed: AssessedBatch, on: date) -> Iterator[bytes]:
    """Yield the results of the suppliers at some positions in a block."""
    scores, model, batch = block.scores, block.model, assessed.batch
    answers = AnswerEncoder(block, positions)
    names = answers.encode_texts("name")
    names = [
        local if name is NULL else name for name, local in zip(names, answers.encode_texts("name_local"), strict=True)
    ]
    plans = _encode_plans(block, positions, on)
    floors, floor_states = assessed.get_floors(block, positions)
    ids = [floor.id for floor in floors]
    practice_points = zip(
        _encode_floats(scores.practice[positions]), _encode_floats(scores.practice_of[positions]), strict=True
    )
    practice = [
        b'{"points":%b,"of":%b}' % points if asked else NULL
        for points, asked in zip(practice_points, scores.asked[positions].tolist(), strict=True)
    ]
    sectors = {sector: orjson.dumps(sector) for sector in set(block.sectors)}
    source = b'"file":%s,"sheet":%s' % (orjson.dumps(batch.file), orjson.dumps(batch.sheet))
    columns: list[Iterable[bytes | int]] = [
        answers.encode_references(),
        names,
        answers.encode_texts("country"),
        [sectors[block.sectors[position]] for position in positions.tolist()],
        _encode_names(scores.level[positions], LEVEL_NAMES),
        _encode_floats(scores.total[positions]),
        _encode_floats(scores.best[positions]),
        _encode_floats(scores.worst[positions]),
        _encode_floats(scores.base[positions]),
        _encode_names(scores.inherent_level[positions], LEVEL_NAMES),
        practice,
        _encode_names(block.frame.case[positions], CASES),
        _encode_floats(scores.coverage[positions]),
        _encode_floats(scores.confidence[positions]),
        _encode_floats(scores.uplift[positions]),
        _encode_flagged(floor_states > 0, ids),
        _encode_flagged(floor_states == 1, ids),
        _encode_flags(scores.capped[positions]),
        [plan[0] for plan in plans],
        answers.encode_rows(),
        _iter_reasons(assessed, block, positions, answers),
        [plan[1] for plan in plans],
        batch.rows[block.members[positions]].tolist(),
    ]
    if model.method >= 4:
        columns += [*_encode_method_4(block, positions), _encode_evidence(answers)]
    template = (
        b'{"kind":"%s","reference":%%b,"name":%%b,"country":%%b,"sector":%%b,"model":"%s",'
        b'"level":%%b,"score":%%b,"best":%%b,"worst":%%b,'
        b'"inherent":%%b,"inherent_level":%%b,"practice":%%b,"case_evidence":%%b,"coverage":%%b,"confidence":%%b,"uplift":%%b,'
        b'"floors":%%b,"cannot_be_ruled_out":%%b,"up_to":%%b,"next_step":%%b,"answers":{%%b},"reasons":[%%b],"actions":[%%b],'
        b'"row":{%s,"row":%%d}' + (METHOD_4_MEMBERS if model.method >= 4 else b"") + b"}"
    ) % (model.kind.encode(), model.id.encode(), source.replace(b"%", b"%%"))
    yield from (template % row for row in zip(*columns, strict=True))


METHOD_4_MEMBERS = b',"worst_given":%%b,"core_confirmed":%%b,"place_open":%%b,"state_imposed":%%b,"evidence":%%b'


def _encode_method_4(block: Block, positions: Positions) -> list[list[bytes]]:
    """Return the members of a result since method 4, in the order of METHOD_4_MEMBERS."""
    scores = block.scores
    return [
        _encode_floats(scores.worst_given[positions]),
        _encode_flags(scores.core_confirmed[positions]),
        _encode_flags(scores.place_open[positions]),
        _encode_imposed_labour(block.imposed_labour, positions),
    ]


def _encode_evidence(answers: AnswerEncoder) -> list[bytes]:
    """Return the evidence of each supplier with its state; equal evidence is encoded once."""
    questions = (EVIDENCE, "evidence_grade", "evidence_date")
    columns = [answers.get_codes(question) for question in questions]
    encoded: dict[tuple[int, ...], bytes] = {}
    rows = list(zip(*(codes for _, codes in columns), strict=True))
    for codes in set(rows):
        given = {
            question: to_json_value(values[code])
            for question, (values, _), code in zip(questions, columns, codes, strict=True)
            if code >= 0
        }
        encoded[codes] = orjson.dumps([entry.to_json() for entry in list_entries(given)])
    return [encoded[codes] for codes in rows]


def _encode_flags(flags: NDArray[np.bool_]) -> list[bytes]:
    return [b"true" if flag else b"false" for flag in flags.tolist()]


def _encode_imposed_labour(findings: ImposedLabourFindings | None, positions: Positions) -> list[bytes]:
    """Return the row of the table of imposed labour that applies to each supplier, null if none does."""
    if findings is None:
        return [NULL] * len(positions)
    rows = {-1: NULL}
    for row in set(findings.row[positions].tolist()) - {-1}:
        entry = findings.rows[row]
        rows[row] = orjson.dumps(
            {"grade": entry.grade, "id": entry.id, "publisher": entry.publisher, "source": entry.source}
        )
    return [rows[row] for row in findings.row[positions].tolist()]


def _encode_floats(values: NDArray[np.float64]) -> list[bytes]:
    return (
        orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
        if values.size
        else []
    )


def _encode_float_rows(values: NDArray[np.float64]) -> Iterator[list[bytes]]:
    """Yield the numbers of each row of (m, n) as JSON; all are encoded in one call."""
    written, n = _encode_floats(values.ravel()), values.shape[1]
    return (written[start : start + n] for start in range(0, len(written), n))


def _encode_names(codes: NDArray[np.int8], names: Sequence[str]) -> list[bytes]:
    quoted = [orjson.dumps(name) for name in names]
    return [quoted[code] for code in codes.tolist()]


def _encode_flagged(flags: NDArray[np.bool_], names: Sequence[str]) -> list[bytes]:
    """Return for each column of (f, n) a JSON list of the names whose flag is set."""
    seen: dict[bytes, bytes] = {}
    lists = []
    for column in np.ascontiguousarray(flags.T):
        key = column.tobytes()
        if key not in seen:
            seen[key] = orjson.dumps([name for name, is_set in zip(names, column.tolist(), strict=True) if is_set])
        lists.append(seen[key])
    return lists


def _iter_reasons(
    assessed: AssessedBatch, block: Block, positions: Positions, answers: AnswerEncoder
) -> Iterator[bytes]:
    """Yield the reasons of each supplier: contexts, then indicators in model order, then harm found by other models."""
    cells = block.compute_cells(positions)
    columns = _encode_context_reasons(block.parts, positions)
    not_asked = (cells.state == NOT_ASKED).all(axis=1)
    states, contexts = cells.state.tolist(), list(_encode_float_rows(cells.context))
    groups = list(zip(cells.context_row.tolist(), not_asked.tolist(), strict=True))
    indicators = block.model.indicators
    heads = _encode_reason_heads(block.model)
    asked = np.flatnonzero(~not_asked).tolist()
    encoded = _join_reasons(
        [
            word
            for i in asked
            for word in _encode_prefixes(heads[i], answers.encode_values(indicators[i].question), states[i])
        ],
        _encode_floats(cells.effective[asked].ravel()),
        [c for i in asked for c in contexts[groups[i][0]]],
        _encode_floats(cells.contributions[asked].ravel()),
    )
    asked_columns = iter([encoded[start : start + len(positions)] for start in range(0, len(encoded), len(positions))])
    for (context_index, is_not_asked), members in groupby(range(len(heads)), groups.__getitem__):
        if is_not_asked:  # then e = c and the points are 0: these reasons depend on the context alone
            indicator_run, context = list(members), contexts[context_index]
            encoded_runs = {
                c: b",".join(
                    heads[i] + b'not_asked","value":null,"e":%b,"c":%b,"points":0.0}' % (c, c) for i in indicator_run
                )
                for c in set(context)
            }
            columns.append([encoded_runs[c] for c in context])
        else:
            columns += [next(asked_columns) for _ in members]
    columns += _encode_other_sector_reasons(assessed, block, positions, answers)
    return (b",".join(filter(None, row)) for row in zip(*columns, strict=True))


@lru_cache(maxsize=64)
def _encode_reason_heads(model: Model) -> tuple[bytes, ...]:
    """Return the start of the JSON object of each indicator's reason."""
    return tuple(b'{"indicator":"%s","kind":"answer","state":"' % i.id.encode() for i in model.indicators)


def _encode_prefixes(head: bytes, encoded_answers: tuple[dict[int, bytes], list[int]], state: list[int]) -> list[bytes]:
    """Return the JSON of a reason up to its numbers, for each supplier: it depends on state and answer alone."""
    values, codes = encoded_answers
    if len(state) == 1:  # the onboarding check
        return [head + _encode_state_and_value(state[0], values[codes[0]])]
    prefixes = {
        number: {code: head + _encode_state_and_value(number, value) for code, value in values.items()}
        for number in set(state)
    }
    return [prefixes[number][code] for number, code in zip(state, codes, strict=True)]


def _encode_state_and_value(state: int, value: bytes) -> bytes:
    return b'%b","value":%b,"e":' % (STATES_JSON[state], NULL if state == NOT_ASKED else value)


def _join_reasons(
    prefixes: list[bytes], effective: list[bytes], context: list[bytes], points: list[bytes]
) -> list[bytes]:
    """Return the reasons for answers as JSON, from their prefixes and numbers."""
    return [
        b"".join((prefix, e, b',"c":', c, b',"points":', contribution, b"}"))
        for prefix, e, c, contribution in zip(prefixes, effective, context, points, strict=True)
    ]


def _encode_other_sector_reasons(
    assessed: AssessedBatch, block: Block, positions: Positions, answers: AnswerEncoder
) -> list[list[bytes]]:
    """Return harm and blanks that only the models of a supplier's other sectors ask about, as reasons without points."""
    columns = []
    all_true, all_false = np.full(len(positions), True), np.full(len(positions), False)
    reported = dict.fromkeys((indicator.id for indicator in block.model.indicators), all_true)
    for other, other_positions in assessed.iter_other_blocks(block, positions):
        cells = other.compute_cells(np.maximum(other_positions, 0))
        for i, indicator in enumerate(other.model.indicators):
            already = reported.get(indicator.id, all_false)
            reported[indicator.id] = already | (other_positions >= 0)
            if already.all():
                continue
            state = cells.state[i]
            is_new = (other_positions >= 0) & ~already & (cells.harm[i] | (state == DECLINED))
            if is_new.any():
                head = b'{"indicator":"%s","kind":"answer","state":"' % indicator.id.encode()
                rows = _join_reasons(
                    _encode_prefixes(head, answers.encode_values(indicator.question), state.tolist()),
                    _encode_floats(cells.effective[i]),
                    _encode_floats(cells.context[cells.context_row[i]]),
                    [b"0.0"] * len(positions),
                )
                columns.append(
                    [row if is_included else b"" for row, is_included in zip(rows, is_new.tolist(), strict=True)]
                )
    return columns


def _encode_context_reasons(parts: Sequence[InherentRiskPart], positions: Positions) -> list[list[bytes]]:
    """Return the reasons for each part of the inherent risk, for each supplier; empty if it is left out.

    An unknown country or sector is one reason: the facts it replaces are left out, and sharper contexts that added nothing.
    """
    state = np.array([part.state[positions] for part in parts])
    raw_values, x, points = (
        np.array([values[positions] for values in columns])
        for columns in zip(*((part.value, part.x, part.points) for part in parts), strict=True)
    )
    is_primary = np.array([part.id in (UNKNOWN_PLACE, part.context) for part in parts])[:, None]
    is_omitted = (points == 0) & (is_primary | (state == PART_STATES.index("unknown")))
    omitted_for_all = is_omitted.all(axis=1)
    encoded_values, encoded_xs, encoded_points = (
        _encode_float_rows(values[~omitted_for_all]) for values in (raw_values, x, points)
    )  # orjson writes NaN as null
    reasons = []
    for index, part in enumerate(parts):
        if omitted_for_all[index]:
            reasons.append([b""] * len(positions))
            continue
        codes = state[index].tolist()
        heads = {
            code: b'{"indicator":"%b","kind":"context","state":"%b","value":'
            % (part.id.encode(), PART_STATES[code].encode())
            for code in set(codes)
        }
        rows = zip(
            is_omitted[index].tolist(), codes, next(encoded_values), next(encoded_xs), next(encoded_points), strict=True
        )
        reasons.append(
            [
                b""
                if omit
                else b"".join(
                    (heads[code], encoded_value, b',"e":', encoded_x, b',"c":null,"points":', contribution, b"}")
                )
                for omit, code, encoded_value, encoded_x, contribution in rows
            ]
        )
    return reasons


def _encode_plans(block: Block, positions: Positions, on: date) -> list[tuple[bytes, bytes]]:
    """Return for each supplier its next step, and its actions with due dates, as JSON."""
    days = block.plan.days[:, positions]
    called_for = np.flatnonzero((days < np.inf).any(axis=1))  # few of all actions
    actions, days = [block.plan.actions[a] for a in called_for.tolist()], days[called_for]
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    plans = []
    for column in np.ascontiguousarray(days.T):
        key = column.tobytes()
        if key not in seen:
            steps = sort_steps(actions, column.tolist(), on)
            encoded_steps = b",".join(_encode_step(action.id, due) for action, due in steps)
            seen[key] = (orjson.dumps(steps[0][0].id) if steps else NULL, encoded_steps)
        plans.append(seen[key])
    return plans


@lru_cache(maxsize=4096)
def _encode_step(action: str, due: date) -> bytes:
    return orjson.dumps({"id": action, "due": due.isoformat()})
