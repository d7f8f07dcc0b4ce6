"""assessment.json: the public contract. Texts stand once, values stand per row.

The schema is ``assessment.schema.json`` beside this file. Results are written row by row as bytes: each distinct answer, reason
and plan is turned into JSON once and put together by its code, so that a large file costs little more than its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from risk_models.facts import FactsOn
from risk_models.features import codes_of
from risk_models.inherent import PART_STATES, UNKNOWN_PLACE, Part
from risk_models.model import CASES, Model
from risk_models.plan import Action, load_actions, steps_in_order
from risk_models.score import LEVEL_NAMES, NOT_ASKED, STATES
from service.assess import Assessed, Block

ENGINE = "2026.1"
NULL = b"null"


def models_part(models: Iterable[Model]) -> list[dict[str, Any]]:
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
                {"id": f.id, "title": f.title, "at_least": f.at_least, "because": f.because, "sources": list(f.sources)}
                for f in m.floors
            ],
        }
        for m in models
    ]


def assessment_part(
    assessed: Sequence[Assessed], facts: FactsOn, on: date, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The head of the document: day, engine, options, models and facts used."""
    used = {block.model.id: block.model for part in assessed for block in part.blocks}
    return {
        "on": on.isoformat(),
        "engine": ENGINE,
        "options": dict(options),
        "models": models_part(used[name] for name in sorted(used)),
        "facts_digest": facts.digest,
    }


def actions_part(actions: Sequence[Action]) -> list[dict[str, Any]]:
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


def write(
    out: BinaryIO,
    assessed: Sequence[Assessed],
    facts: FactsOn,
    on: date,
    options: Mapping[str, Any],
    received: Mapping[str, Any],
) -> None:
    """The whole document, results row by row. ``received``: the ``input`` part."""
    head = {
        "assessment": assessment_part(assessed, facts, on, options),
        "input": received,
        "actions": actions_part(load_actions()),
    }
    out.write(orjson.dumps(head)[:-1] + b',"results":[')
    first = True
    for part in assessed:
        for row in result_rows(part, on):
            out.write(row if first else b",\n" + row)
            first = False
    out.write(b"]}\n")


def result_rows(assessed: Assessed, on: date) -> Iterator[bytes]:
    """One result as JSON bytes for each supplier of a batch, in the order of its rows."""
    rows = [_block_rows(block, assessed, on) for block in assessed.blocks]
    for b, position in zip(assessed.block.tolist(), assessed.position.tolist(), strict=True):
        yield rows[b][position]


def _block_rows(block: Block, assessed: Assessed, on: date) -> list[bytes]:
    scores, answers, model, batch = block.scores, block.answers, block.model, assessed.batch
    names = _texts(answers, "name")
    names = [local if name is NULL else name for name, local in zip(names, _texts(answers, "name_local"), strict=True)]
    sectors = [NULL if code is None else b'"%s"' % code.encode() for code in block.sectors]
    plans = _plans(block, on)
    floors = _flags(scores.floors > 0, [f.id for f in model.floors])
    not_ruled_out = _flags(scores.floors == 1, [f.id for f in model.floors])
    practice = [
        b'{"points":%s,"of":%s}' % pair if asked else NULL
        for pair, asked in zip(
            zip(_floats(scores.practice), _floats(scores.practice_of), strict=True), scores.asked.tolist(), strict=True
        )
    ]
    place = b'"file":%s,"sheet":%s' % (orjson.dumps(batch.file), orjson.dumps(batch.sheet))
    columns: list[Sequence[bytes | int]] = [
        _reference(block),
        names,
        _texts(answers, "country"),
        sectors,
        _named(scores.level, LEVEL_NAMES),
        _floats(scores.total),
        _floats(scores.best),
        _floats(scores.worst),
        _floats(scores.base),
        _named(scores.inherent_level, LEVEL_NAMES),
        practice,
        _named(block.features.frame.case, CASES),
        _floats(scores.coverage),
        _floats(scores.confidence),
        _floats(scores.uplift),
        floors,
        not_ruled_out,
        [b"true" if capped else b"false" for capped in scores.capped.tolist()],
        [plan[0] for plan in plans],
        _answers(block),
        _reasons(block),
        [plan[1] for plan in plans],
        batch.rows[block.members].tolist(),
    ]
    form = (
        b'{"kind":"%s","reference":%%b,"name":%%b,"country":%%b,"sector":%%b,"model":"%s",'
        b'"level":%%b,"score":%%b,"best":%%b,"worst":%%b,'
        b'"inherent":%%b,"inherent_level":%%b,"practice":%%b,"case_evidence":%%b,"coverage":%%b,"confidence":%%b,"uplift":%%b,'
        b'"floors":%%b,"cannot_be_ruled_out":%%b,"up_to":%%b,"next_step":%%b,"answers":{%%b},"reasons":[%%b],"actions":[%%b],'
        b'"row":{%s,"row":%%d}}'
    ) % (model.kind.encode(), model.id.encode(), place.replace(b"%", b"%%"))
    return [form % row for row in zip(*columns, strict=True)]


def _floats(values: NDArray[np.float64]) -> list[bytes]:
    return (
        orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
        if values.size
        else []
    )


def _named(codes: NDArray[np.int8], names: Sequence[str]) -> list[bytes]:
    quoted = [orjson.dumps(name) for name in names]
    return [quoted[code] for code in codes.tolist()]


def _texts(answers: Any, question: str) -> list[bytes]:
    categories, codes = codes_of(answers, question)
    fragments = [NULL if c == "declined" else orjson.dumps(c) for c in categories] + [NULL]
    return [fragments[code] for code in codes.tolist()]


def _reference(block: Block) -> list[bytes]:
    """The buyer's own reference; else an identifier, told by its kind; else null."""
    found = _texts(block.answers, "reference")
    for question, label in (
        ("imo", "IMO"),
        ("lei", "LEI"),
        ("licence_number", "licence"),
        ("registration_number", "register"),
    ):
        if all(value is not NULL for value in found):
            break
        categories, codes = codes_of(block.answers, question)
        fragments = [NULL if c == "declined" else orjson.dumps(f"{label} {c}") for c in categories] + [NULL]
        found = [fragments[code] if value is NULL else value for value, code in zip(found, codes.tolist(), strict=True)]
    return found


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


def _answers(block: Block) -> list[bytes]:
    columns = []
    for question in block.answers.columns:
        categories, codes = codes_of(block.answers, str(question))
        label = orjson.dumps(str(question))
        fragments = [label + b":" + orjson.dumps(answer) for answer in categories] + [b""]
        columns.append([fragments[code] for code in codes.tolist()])
    return [b",".join(filter(None, row)) for row in zip(*columns, strict=True)]


def _reasons(block: Block) -> list[bytes]:
    contexts = _context_reasons(block.features.inherent.parts, len(block.answers))
    frame, scores = block.features.frame, block.scores
    columns: list[list[bytes]] = [contexts]
    for i, indicator in enumerate(block.model.indicators):
        categories, codes = codes_of(block.answers, indicator.question)
        values = [orjson.dumps(answer) for answer in categories] + [NULL]
        head = b'{"indicator":"%s","kind":"answer","state":"' % indicator.id.encode()
        seen: dict[tuple[int, int, float, float, float], bytes] = {}
        column = []
        keys = zip(
            scores.state[i].tolist(), codes.tolist(), scores.effective[i].tolist(), frame.context[i].tolist(),
            scores.moves[i].tolist(),
            strict=True,
        )  # fmt: skip
        for key in keys:
            fragment = seen.get(key)
            if fragment is None:
                state, code, e, c, points = key
                value = NULL if state == NOT_ASKED else values[code]
                numbers = (orjson.dumps(e), orjson.dumps(c), orjson.dumps(points))
                fragment = head + b'%s","value":%s,"e":%s,"c":%s,"points":%s}' % (
                    STATES[state].encode(),
                    value,
                    *numbers,
                )
                seen[key] = fragment
            column.append(fragment)
        columns.append(column)
    return [b",".join(filter(None, row)) for row in zip(*columns, strict=True)]


def _context_reasons(parts: Sequence[Part], n: int) -> list[bytes]:
    stacked = np.stack([v for p in parts for v in (p.points, p.x, p.value, p.state.astype(np.float64))])
    seen: dict[bytes, bytes] = {}
    reasons = []
    for column in np.ascontiguousarray(stacked.T):
        key = column.tobytes()
        if key not in seen:
            seen[key] = b",".join(
                filter(None, (_context_reason(p, *column[4 * m : 4 * m + 4].tolist()) for m, p in enumerate(parts)))
            )
        reasons.append(seen[key])
    return reasons


def _context_reason(part: Part, points: float, x: float, value: float, state: float) -> bytes:
    name = PART_STATES[int(state)]
    # A place that is unknown is one reason; the facts it stands for, and sharper contexts that added nothing, are left out.
    if points == 0 and (part.id in (UNKNOWN_PLACE, part.context) or name == "unknown"):
        return b""
    return orjson.dumps(
        {
            "indicator": part.id,
            "kind": "context",
            "state": name,
            "value": None if np.isnan(value) else value,
            "e": x,
            "c": None,
            "points": points,
        }
    )


def _plans(block: Block, on: date) -> list[tuple[bytes, bytes]]:
    """For each supplier its next step and its actions with due dates, as JSON."""
    actions, days = block.plan.actions, block.plan.days
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    plans = []
    for column in np.ascontiguousarray(days.T):
        key = column.tobytes()
        if key not in seen:
            steps = steps_in_order(actions, column.tolist(), on)
            listed = b",".join(orjson.dumps({"id": action.id, "due": due.isoformat()}) for action, due in steps)
            seen[key] = (orjson.dumps(steps[0][0].id) if steps else NULL, listed)
        plans.append(seen[key])
    return plans
