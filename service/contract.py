"""assessment.json: the public contract. Texts stand once, values stand per row.

The schema is ``assessment.schema.json`` beside this file. Results are written row by row as bytes: each distinct answer, reason
and plan is turned into JSON once and put together by its code, so that a large file costs little more than its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from risk_models.answers import as_json
from risk_models.facts import FactsOn
from risk_models.inherent import PART_STATES, UNKNOWN_PLACE, Part
from risk_models.model import CASES, Model
from risk_models.plan import ACTIONS, Action, load_actions, steps_in_order
from risk_models.score import LEVEL_NAMES, NOT_ASKED, STATES
from service.assess import Assessed, Block

Pick = NDArray[np.intp]

ENGINE = "2026.1"
NULL = b"null"
DECLINED_JSON = b'"declined"'
CHUNK = 500
IDENTIFIERS = (("imo", "IMO"), ("lei", "LEI"), ("licence_number", "licence"), ("registration_number", "register"))


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


def actions_digest(told: Sequence[Mapping[str, Any]]) -> str:
    """sha256 of the part of the actions; ``risk_models/actions/RELEASED`` keeps it for every release."""
    return hashlib.sha256(orjson.dumps(list(told))).hexdigest()


def actions_released(folder: Path = ACTIONS) -> frozenset[str]:
    """The digests of all libraries of actions that were released."""
    lines = (folder / "RELEASED").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[1] for line in lines if line and not line.startswith("#"))


def write(
    out: BinaryIO,
    assessed: Sequence[Assessed],
    facts: FactsOn,
    on: date,
    options: Mapping[str, Any],
    received: Mapping[str, Any],
    buyer: Mapping[str, Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = (),
) -> None:
    """The whole document, results row by row. ``received``: the ``input`` part; ``buyer``: what the buyer said of itself;
    ``cases``: see service/case_contract.py.
    """
    head = {
        "assessment": assessment_part(assessed, facts, on, options),
        "input": received,
        "actions": actions_part(load_actions()),
        "cases": list(cases),
        **({"buyer": buyer} if buyer is not None else {}),
    }
    out.write(orjson.dumps(head)[:-1] + b',"results":[')
    first = True
    for part in assessed:
        for row in result_rows(part, on):
            out.write(row if first else b",\n" + row)
            first = False
    out.write(b"]}\n")


def result_rows(assessed: Assessed, on: date) -> Iterator[bytes]:
    """One result as JSON bytes for each supplier of a batch, in the order of its rows; made in chunks, to stay small."""
    n = len(assessed.block)
    for start in range(0, n, CHUNK):
        blocks, positions = assessed.block[start : start + CHUNK], assessed.position[start : start + CHUNK]
        rows: list[bytes] = [b""] * len(blocks)
        for b, block in enumerate(assessed.blocks):
            mine = np.flatnonzero(blocks == b)
            if len(mine):
                for at, row in zip(mine.tolist(), _block_rows(block, positions[mine], assessed, on), strict=True):
                    rows[at] = row
        yield from rows


def _block_rows(block: Block, pick: Pick, assessed: Assessed, on: date) -> list[bytes]:
    """The results of some suppliers of a block: ``pick`` are their positions in it."""
    scores, model, batch = block.scores, block.model, assessed.batch
    answers = _Answers(block, pick)
    names = answers.texts("name")
    names = [local if name is NULL else name for name, local in zip(names, answers.texts("name_local"), strict=True)]
    plans = _plans(block, pick, on)
    floors = scores.floors[:, pick]
    ids = [f.id for f in model.floors]
    points_of = zip(_floats(scores.practice[pick]), _floats(scores.practice_of[pick]), strict=True)
    practice = [
        b'{"points":%b,"of":%b}' % pair if asked else NULL
        for pair, asked in zip(points_of, scores.asked[pick].tolist(), strict=True)
    ]
    place = b'"file":%s,"sheet":%s' % (orjson.dumps(batch.file), orjson.dumps(batch.sheet))
    columns: list[Sequence[bytes | int]] = [
        answers.reference(),
        names,
        answers.texts("country"),
        [NULL if block.sectors[j] is None else orjson.dumps(block.sectors[j]) for j in pick.tolist()],
        _named(scores.level[pick], LEVEL_NAMES),
        _floats(scores.total[pick]),
        _floats(scores.best[pick]),
        _floats(scores.worst[pick]),
        _floats(scores.base[pick]),
        _named(scores.inherent_level[pick], LEVEL_NAMES),
        practice,
        _named(block.case[pick], CASES),
        _floats(scores.coverage[pick]),
        _floats(scores.confidence[pick]),
        _floats(scores.uplift[pick]),
        _flags(floors > 0, ids),
        _flags(floors == 1, ids),
        [b"true" if capped else b"false" for capped in scores.capped[pick].tolist()],
        [plan[0] for plan in plans],
        answers.all(),
        _reasons(block, pick, answers),
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
    return [form % row for row in zip(*columns, strict=True)]


class _Answers:
    """The answers of some suppliers of a block as JSON: each distinct answer is turned into bytes once."""

    def __init__(self, block: Block, pick: Pick) -> None:
        self.block, self.pick = block, pick
        self.known: dict[str, tuple[dict[int, bytes], list[int]]] = {}

    def codes(self, question: str) -> tuple[Sequence[object], list[int]]:
        column = self.block.answers.column(question)
        return column.values, column.codes[self.pick].tolist()

    def values(self, question: str) -> tuple[dict[int, bytes], list[int]]:
        """The answers these suppliers gave as JSON, by code (-1: null), and the code of each."""
        if question not in self.known:
            values, codes = self.codes(question)
            used = {*codes, -1}
            told = {code: NULL if code < 0 else orjson.dumps(values[code], default=as_json) for code in used}
            self.known[question] = told, codes
        return self.known[question]

    def texts(self, question: str) -> list[bytes]:
        """An answer that is shown as a name: null where it was declined."""
        fragments, codes = self.values(question)
        return [NULL if fragments[code] == DECLINED_JSON else fragments[code] for code in codes]

    def reference(self) -> list[bytes]:
        """The buyer's own reference; else an identifier, told by its kind; else null."""
        found = self.texts("reference")
        for question, label in IDENTIFIERS:
            if NULL not in found:
                break
            values, codes = self.codes(question)
            told = {
                c: NULL if c < 0 or values[c] == "declined" else orjson.dumps(f"{label} {values[c]}")
                for c in set(codes)
            }
            found = [told[code] if value is NULL else value for value, code in zip(found, codes, strict=True)]
        return found

    def all(self) -> list[bytes]:
        """What was said, by question; blanks are left out."""
        columns = []
        for question in self.block.answers.columns:
            fragments, codes = self.values(question)
            label = orjson.dumps(question) + b":"
            told = {code: b"" if code < 0 else label + fragment for code, fragment in fragments.items()}
            columns.append([told[code] for code in codes])
        return (
            [b",".join(filter(None, row)) for row in zip(*columns, strict=True)] if columns else [b""] * len(self.pick)
        )


def _floats(values: NDArray[np.float64]) -> list[bytes]:
    return (
        orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
        if values.size
        else []
    )


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


def _reasons(block: Block, pick: Pick, answers: _Answers) -> list[bytes]:
    """Every reason of each supplier: contexts first, then the indicators in model order."""
    scores = block.scores
    columns = [_context_reasons(part, pick) for part in block.parts]
    usual, usual_texts = np.empty(0), list[bytes]()  # most indicators share one context: it is written out once
    for i, indicator in enumerate(block.model.indicators):
        context, state = block.context[i, pick], scores.state[i, pick]
        if not np.array_equal(context, usual):
            usual, usual_texts = context, _floats(context)
        head = b'{"indicator":"%s","kind":"answer","state":"' % indicator.id.encode()
        if (state == NOT_ASKED).all():  # then e = c, and nothing moved
            silent = head + b'not_asked","value":null,"e":'
            columns.append([b"".join((silent, c, b',"c":', c, b',"points":0.0}')) for c in usual_texts])
            continue
        values, codes = answers.values(indicator.question)
        # The words of a reason depend on its state and answer alone: each pair is made once.
        words = [
            {
                code: head + b'%s","value":%s,"e":' % (name.encode(), NULL if number == NOT_ASKED else value)
                for code, value in values.items()
            }
            for number, name in enumerate(STATES)
        ]
        effective, moves = _floats(scores.effective[i, pick]), _floats(scores.moves[i, pick])
        rows = zip(state.tolist(), codes, effective, usual_texts, moves, strict=True)
        columns.append(
            [
                b"".join((words[number][code], e, b',"c":', c, b',"points":', points, b"}"))
                for number, code, e, c, points in rows
            ]
        )
    return [b",".join(filter(None, row)) for row in zip(*columns, strict=True)]


def _context_reasons(part: Part, pick: Pick) -> list[bytes]:
    """The reason that a fact is, for each supplier; empty where it says nothing.

    A place that is unknown is one reason: the facts it stands for, and sharper contexts that added nothing, are left out.
    """
    points, state = part.points[pick], part.state[pick]
    silent = points == 0
    if part.id not in (UNKNOWN_PLACE, part.context):
        silent &= state == PART_STATES.index("unknown")
    if silent.all():
        return [b""] * len(pick)
    heads = [
        b'{"indicator":"%s","kind":"context","state":"%s","value":' % (part.id.encode(), name.encode())
        for name in PART_STATES
    ]
    values = _floats(part.value[pick])  # orjson writes NaN as null
    rows = zip(silent.tolist(), state.tolist(), values, _floats(part.x[pick]), _floats(points), strict=True)
    return [
        b"" if out else b"".join((heads[code], value, b',"e":', x, b',"c":null,"points":', added, b"}"))
        for out, code, value, x, added in rows
    ]


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
