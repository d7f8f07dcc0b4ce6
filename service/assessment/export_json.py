"""assessment.json: the public contract. Texts stand once, values stand per row.

The schema is ``assessment.schema.json`` beside this file. Results are written row by row as bytes: each distinct answer, reason
and plan is turned into JSON once and put together by its code, so that a large file costs little more than its bytes.
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

from risk_models.engine.frame import DECLINED, LEVEL_NAMES, NOT_ASKED, STATES
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import PART_STATES, UNKNOWN_PLACE, InherentRiskPart
from risk_models.model import CASES, Model
from risk_models.plan import Action, load_actions, steps_in_order
from service.assessment.answer_codec import NULL, Pick, WrittenAnswers
from service.assessment.assess import AssessedBatch, Block

Document = dict[str, Any]

ENGINE = "2026.1"
CHUNK = 700
STATES_JSON = tuple(state.encode() for state in STATES)


def models_part(models: Iterable[Model]) -> list[Document]:
    """The texts and weights of the models used, each once."""
    return [
        {
            "id": m.id,
            "version": m.version,
            "digest": m.digest,
            "title": m.title,
            "levels": dict(m.levels),
            "indicators": [
                {
                    "id": i.id,
                    "title": i.title,
                    "question": i.question,
                    "weight": i.weight,
                    "core": i.core,
                    "pillar": i.pillar,
                    "because": i.because,
                    "sources": list(i.sources),
                }
                for i in m.indicators
            ],
            "contexts": [
                {
                    "id": c.id,
                    "title": c.title,
                    "because": c.because,
                    "facts": [f.fact for f in c.facts],
                    "sources": list(c.sources),
                }
                for c in m.every_context
            ],
            "floors": [
                {"id": f.id, "title": f.title, "at_least": f.minimum_score, "because": f.because, "sources": list(f.sources)}
                for f in m.floors
            ],
        }
        for m in models
    ]


def assessment_part(
    assessed: Sequence[AssessedBatch], facts: FactSnapshot, on: date, options: Mapping[str, Any]
) -> Document:
    """The head of the document: day, engine, options, models and facts used."""
    used = {block.model.id: block.model for part in assessed for block in part.blocks}
    return {
        "on": on.isoformat(),
        "engine": ENGINE,
        "options": dict(options),
        "models": models_part(used[name] for name in sorted(used)),
        "facts_digest": facts.digest,
    }


def actions_part(actions: Sequence[Action]) -> list[Document]:
    """The texts of the actions, each once."""
    return [
        {
            "id": a.id,
            "title": a.title,
            "do": a.do,
            "priority": a.priority,
            "stage": a.stage,
            "owner": a.owner,
            "safety": a.safety,
            "with_workers": a.with_workers,
            "proof": a.proof,
            "sources": list(a.sources),
        }
        for a in actions
    ]


def actions_digest(told: Sequence[Mapping[str, Any]]) -> str:
    """sha256 of the part of the actions; ``risk_models/actions/RELEASED`` keeps it for every release."""
    return hashlib.sha256(orjson.dumps(list(told))).hexdigest()


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
    """The whole document, results row by row, and its digest. ``received``: the ``input`` part; ``buyer``: what the buyer said
    of itself; ``cases``: see service/case_reading/export_json.py.
    """
    head = {
        "assessment": assessment_part(assessed, facts, on, options),
        "input": input_part,
        "actions": actions_part(load_actions()),
        "cases": list(cases),
        **({"buyer": buyer} if buyer is not None else {}),
    }
    told = orjson.dumps(head)
    digest = hashlib.sha256(told)
    out.write(told[:-1] + b',"results":[')
    first = True
    for part in assessed:
        for row in iter_result_json(part, on):
            digest.update(row)
            out.write(row if first else b",\n" + row)
            first = False
    out.write(b'],"digest":"%s"}\n' % digest.hexdigest().encode())


def digest_of(document: Mapping[str, Any]) -> str:
    """sha256 of a document as :func:`write` makes it: of all but the results and the digest itself, then of each result, as JSON
    without blanks in the order of their keys.
    """
    digest = hashlib.sha256(orjson.dumps({k: v for k, v in document.items() if k not in ("results", "digest")}))
    for result in document["results"]:
        digest.update(orjson.dumps(result))
    return digest.hexdigest()


def iter_result_json(assessed: AssessedBatch, on: date) -> Iterator[bytes]:
    """One result as JSON bytes for each supplier of a batch, in the order of its rows; made in chunks, to stay small."""
    n = len(assessed.block_indexes)
    for start in range(0, n, CHUNK):
        blocks, positions = assessed.block_indexes[start : start + CHUNK], assessed.positions[start : start + CHUNK]
        rows = [_block_rows(block, positions[blocks == b], assessed, on) for b, block in enumerate(assessed.blocks)]
        for b in blocks.tolist():
            yield next(rows[b])


def _block_rows(block: Block, pick: Pick, assessed: AssessedBatch, on: date) -> Iterator[bytes]:
    """The results of some suppliers of a block: ``pick`` are their positions in it."""
    scores, model, batch = block.scores, block.model, assessed.batch
    answers = WrittenAnswers(block, pick)
    names = answers.texts("name")
    names = [local if name is NULL else name for name, local in zip(names, answers.texts("name_local"), strict=True)]
    plans = _plans(block, pick, on)
    rules, floors = assessed.get_floors(block, pick)
    ids = [rule.id for rule in rules]
    points_of = zip(_floats(scores.practice[pick]), _floats(scores.practice_of[pick]), strict=True)
    practice = [
        b'{"points":%b,"of":%b}' % pair if asked else NULL
        for pair, asked in zip(points_of, scores.asked[pick].tolist(), strict=True)
    ]
    sectors = {sector: orjson.dumps(sector) for sector in set(block.sectors)}
    place = b'"file":%s,"sheet":%s' % (orjson.dumps(batch.file), orjson.dumps(batch.sheet))
    columns: list[Iterable[bytes | int]] = [
        answers.reference(),
        names,
        answers.texts("country"),
        [sectors[block.sectors[j]] for j in pick.tolist()],
        _named(scores.level[pick], LEVEL_NAMES),
        _floats(scores.total[pick]),
        _floats(scores.best[pick]),
        _floats(scores.worst[pick]),
        _floats(scores.base[pick]),
        _named(scores.inherent_level[pick], LEVEL_NAMES),
        practice,
        _named(block.frame.case[pick], CASES),
        _floats(scores.coverage[pick]),
        _floats(scores.confidence[pick]),
        _floats(scores.uplift[pick]),
        _flags(floors > 0, ids),
        _flags(floors == 1, ids),
        [b"true" if capped else b"false" for capped in scores.capped[pick].tolist()],
        [plan[0] for plan in plans],
        answers.all(),
        _reasons(assessed, block, pick, answers),
        [plan[1] for plan in plans],
        batch.rows[block.members[pick]].tolist(),
    ]
    form = (
        b'{"kind":"%s","reference":%%b,"name":%%b,"country":%%b,"sector":%%b,"model":"%s",'
        b'"level":%%b,"score":%%b,"best":%%b,"worst":%%b,'
        b'"inherent":%%b,"inherent_level":%%b,"practice":%%b,"case_evidence":%%b,"coverage":%%b,"confidence":%%b,"uplift":%%b,'
        b'"floors":%%b,"cannot_be_ruled_out":%%b,"up_to":%%b,"next_step":%%b,"answers":{%%b},"reasons":[%%b],"actions":[%%b],'
        b'"row":{%s,"row":%%d}}'
    ) % (model.kind.encode(), model.id.encode(), place.replace(b"%", b"%%"))
    yield from (form % row for row in zip(*columns, strict=True))


def _floats(values: NDArray[np.float64]) -> list[bytes]:
    return (
        orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
        if values.size
        else []
    )


def _rows_of_floats(values: NDArray[np.float64]) -> Iterator[list[bytes]]:
    """The numbers of each row (m, n), written in one go."""
    written, n = _floats(values.ravel()), values.shape[1]
    return (written[start : start + n] for start in range(0, len(written), n))


def _named(codes: NDArray[np.int8], names: Sequence[str]) -> list[bytes]:
    quoted = [orjson.dumps(name) for name in names]
    return [quoted[code] for code in codes.tolist()]


def _flags(flags: NDArray[np.bool_], names: Sequence[str]) -> list[bytes]:
    """JSON lists of the names whose flag is set, column by column of (f, n)."""
    seen: dict[bytes, bytes] = {}
    lists = []
    for column in np.ascontiguousarray(flags.T):
        key = column.tobytes()
        if key not in seen:
            seen[key] = orjson.dumps([name for name, on in zip(names, column.tolist(), strict=True) if on])
        lists.append(seen[key])
    return lists


def _reasons(assessed: AssessedBatch, block: Block, pick: Pick, answers: WrittenAnswers) -> Iterator[bytes]:
    """Every reason of each supplier: contexts first, then the indicators in model order, then what was found beside."""
    cells = block.compute_cells(pick)
    columns = _context_reasons(block.parts, pick)
    silent = (cells.state == NOT_ASKED).all(axis=1)
    states, contexts = cells.state.tolist(), list(_rows_of_floats(cells.context))
    shared_by = list(zip(cells.context_of.tolist(), silent.tolist(), strict=True))
    indicators = block.model.indicators
    heads = _heads(block.model)
    asked = np.flatnonzero(~silent).tolist()
    said = _answer_reasons(
        [word for i in asked for word in _words(heads[i], answers.values(indicators[i].question), states[i])],
        _floats(cells.effective[asked].ravel()),
        [c for i in asked for c in contexts[shared_by[i][0]]],
        _floats(cells.moves[asked].ravel()),
    )
    each = iter([said[at : at + len(pick)] for at in range(0, len(said), len(pick))])
    for (shared, unasked), members in groupby(range(len(heads)), shared_by.__getitem__):
        if unasked:  # then e = c, and nothing moved: what a run of them says depends on the context alone
            run, context = list(members), contexts[shared]
            of_run = {
                c: b",".join(heads[i] + b'not_asked","value":null,"e":%b,"c":%b,"points":0.0}' % (c, c) for i in run)
                for c in set(context)
            }
            columns.append([of_run[c] for c in context])
        else:
            columns += [next(each) for _ in members]
    columns += _found_beside(assessed, block, pick, answers)
    return (b",".join(filter(None, row)) for row in zip(*columns, strict=True))


@lru_cache(maxsize=64)
def _heads(model: Model) -> tuple[bytes, ...]:
    """What the reason that each indicator is begins with."""
    return tuple(b'{"indicator":"%s","kind":"answer","state":"' % i.id.encode() for i in model.indicators)


def _words(head: bytes, told: tuple[dict[int, bytes], list[int]], state: list[int]) -> list[bytes]:
    """What the reason that an answer is says in words, for each supplier: it depends on state and answer alone."""
    values, codes = told
    if len(state) == 1:  # the onboarding gate
        return [head + _said(state[0], values[codes[0]])]
    words = {number: {code: head + _said(number, value) for code, value in values.items()} for number in set(state)}
    return [words[number][code] for number, code in zip(state, codes, strict=True)]


def _said(state: int, value: bytes) -> bytes:
    return b'%b","value":%b,"e":' % (STATES_JSON[state], NULL if state == NOT_ASKED else value)


def _answer_reasons(
    words: list[bytes], effective: list[bytes], context: list[bytes], points: list[bytes]
) -> list[bytes]:
    """The reasons that answers are, of words and numbers."""
    return [
        b"".join((word, e, b',"c":', c, b',"points":', moved, b"}"))
        for word, e, c, moved in zip(words, effective, context, points, strict=True)
    ]


def _found_beside(assessed: AssessedBatch, block: Block, pick: Pick, answers: WrittenAnswers) -> list[list[bytes]]:
    """Harm and silence that only the models of a supplier's other sectors ask about: reasons without points."""
    columns = []
    everywhere, nowhere = np.full(len(pick), True), np.full(len(pick), False)
    told = dict.fromkeys((indicator.id for indicator in block.model.indicators), everywhere)
    for other, at in assessed.iter_other_blocks(block, pick):
        cells = other.compute_cells(np.maximum(at, 0))
        for i, indicator in enumerate(other.model.indicators):
            before = told.get(indicator.id, nowhere)
            told[indicator.id] = before | (at >= 0)
            if before.all():
                continue
            state = cells.state[i]
            found = (at >= 0) & ~before & (cells.harms[i] | (state == DECLINED))
            if found.any():
                head = b'{"indicator":"%s","kind":"answer","state":"' % indicator.id.encode()
                rows = _answer_reasons(
                    _words(head, answers.values(indicator.question), state.tolist()),
                    _floats(cells.effective[i]),
                    _floats(cells.context[cells.context_of[i]]),
                    [b"0.0"] * len(pick),
                )
                columns.append([row if here else b"" for row, here in zip(rows, found.tolist(), strict=True)])
    return columns


def _context_reasons(parts: Sequence[InherentRiskPart], pick: Pick) -> list[list[bytes]]:
    """The reason that each fact is, for each supplier; empty where it says nothing.

    A place that is unknown is one reason: the facts it stands for, and sharper contexts that added nothing, are left out.
    """
    state = np.array([part.state[pick] for part in parts])
    value, x, points = (
        np.array([of[pick] for of in columns])
        for columns in zip(*((part.value, part.x, part.points) for part in parts), strict=True)
    )
    told = np.array([part.id in (UNKNOWN_PLACE, part.context) for part in parts])[:, None]
    silent = (points == 0) & (told | (state == PART_STATES.index("unknown")))
    nobody = silent.all(axis=1)
    values, xs, added = (_rows_of_floats(of[~nobody]) for of in (value, x, points))  # orjson writes NaN as null
    reasons = []
    for p, part in enumerate(parts):
        if nobody[p]:
            reasons.append([b""] * len(pick))
            continue
        codes = state[p].tolist()
        heads = {
            code: b'{"indicator":"%b","kind":"context","state":"%b","value":'
            % (part.id.encode(), PART_STATES[code].encode())
            for code in set(codes)
        }
        rows = zip(silent[p].tolist(), codes, next(values), next(xs), next(added), strict=True)
        reasons.append(
            [
                b"" if out else b"".join((heads[code], v, b',"e":', e, b',"c":null,"points":', moved, b"}"))
                for out, code, v, e, moved in rows
            ]
        )
    return reasons


def _plans(block: Block, pick: Pick, on: date) -> list[tuple[bytes, bytes]]:
    """For each supplier its next step and its actions with due dates, as JSON."""
    actions, days = block.plan.actions, block.plan.days[:, pick]
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    plans = []
    for column in np.ascontiguousarray(days.T):
        key = column.tobytes()
        if key not in seen:
            steps = steps_in_order(actions, column.tolist(), on)
            listed = b",".join(_step(action.id, due) for action, due in steps)
            seen[key] = (orjson.dumps(steps[0][0].id) if steps else NULL, listed)
        plans.append(seen[key])
    return plans


@lru_cache(maxsize=4096)
def _step(action: str, due: date) -> bytes:
    return orjson.dumps({"id": action, "due": due.isoformat()})
