"""Invented suppliers as the engine sees them: cells that are drawn, put together to a Frame of the toy model or any other."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from risk_models.engine.frame import Frame
from risk_models.model import Model, load_model

TOY = load_model(Path(__file__).parent / "toy.toml")
K = len(TOY.indicators)
POSITION = {indicator.id: i for i, indicator in enumerate(TOY.indicators)}
GATED = {POSITION[name] for gate in TOY.screening_questions for name in gate.indicators}
CORE = [i for i, indicator in enumerate(TOY.indicators) if indicator.core]
CAN_BE_RULED_OUT = [i for i, indicator in enumerate(TOY.indicators) if indicator.ruled_out_by]


@dataclass(frozen=True)
class Cell:
    """One indicator of one supplier: r or None, declined, age beyond shelf life, a report, its context with range."""

    risk: float | None = None
    declined: bool = False
    expired: bool = False
    report: float | None = None
    ruled_out: bool = False
    context: float = 0.5
    spread: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Supplier:
    """All cells of one supplier, the credibility of its answers, its gate, its case evidence."""

    cells: tuple[Cell, ...]
    belief: float = 0.4
    report_belief: float = 0.8
    gate: bool = False
    case: int = 0
    place_known: bool = True
    critical_by_declined: bool = False
    known: float = 1.0

    def with_cell(self, i: int, **changes: object) -> "Supplier":
        cells = list(self.cells)
        cells[i] = replace(cells[i], **changes)
        return replace(self, cells=tuple(cells))


share = st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3))


@st.composite
def cells(draw: st.DrawFn, i: int) -> Cell:
    kind = draw(st.sampled_from(["not_asked", "answered", "answered", "declined", "expired"]))
    return Cell(
        risk=draw(share) if kind in ("answered", "expired") else None,
        declined=kind == "declined",
        expired=kind == "expired",
        report=draw(st.none() | share) if draw(st.integers(0, 4)) == 0 else None,
        ruled_out=i in CAN_BE_RULED_OUT and draw(st.booleans()),
        context=draw(share),
        spread=(draw(share), draw(share)),
    )


@st.composite
def suppliers(draw: st.DrawFn) -> Supplier:
    return Supplier(
        cells=tuple(draw(cells(i)) for i in range(K)),
        belief=draw(st.sampled_from([0.0, 0.1, 0.2, 0.4, 0.55, 0.8])),
        report_belief=draw(st.sampled_from([0.0, 0.4, 0.8])),
        gate=draw(st.booleans()),
        case=draw(st.sampled_from([0, 0, 0, 1, 2, 3])),
        place_known=draw(st.booleans()),
        critical_by_declined=draw(st.booleans()),
        known=draw(share),
    )


def frame(*rows: Supplier) -> Frame:
    """The Frame of some suppliers, in order."""

    def each(value, kind=np.float64):  # type: ignore[no-untyped-def]
        return np.array([[value(s, s.cells[i], i) for s in rows] for i in range(K)], dtype=kind)

    return Frame(
        risk=each(lambda s, c, i: np.nan if c.risk is None else c.risk),
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in TOY.indicators]),
        belief=each(lambda s, c, i: 0.0 if c.expired else s.belief),
        context=each(lambda s, c, i: c.context),
        context_row=np.arange(K),
        context_low=each(lambda s, c, i: c.context * (1 - c.spread[0])),
        context_high=each(lambda s, c, i: c.context + (1 - c.context) * c.spread[1]),
        answered=each(lambda s, c, i: c.risk is not None, bool),
        declined=each(lambda s, c, i: c.declined, bool),
        expired=each(lambda s, c, i: c.expired, bool),
        ruled_out=each(lambda s, c, i: c.ruled_out, bool),
        reported=each(lambda s, c, i: c.report is not None, bool),
        report_risk=each(lambda s, c, i: c.report or 0.0),
        report_belief=each(lambda s, c, i: s.report_belief),
        screened_out=each(lambda s, c, i: s.gate and i in GATED, bool),
        screening_belief=each(lambda s, c, i: s.belief),
        inherent_known=np.array([s.known for s in rows]),
        place_known=np.array([s.place_known for s in rows]),
        critical_by_declined=np.array([s.critical_by_declined for s in rows]),
        case=np.array([s.case for s in rows], dtype=np.int8),
    )


def drawn_frame(model: Model, n: int, seed: int) -> Frame:
    """A Frame of n suppliers of any model, in every state that a cell can be in: also in some together that no sheet sends."""
    draw = np.random.default_rng(seed)
    k, m = len(model.indicators), 4
    calm = draw.choice([0.3, 0.6, 1.0], n)

    def often(chance: float) -> np.ndarray:
        return draw.random((k, n)) < chance

    def any_of(*values: float) -> np.ndarray:
        return draw.choice(values, (k, n))

    # Bounds of the rules are met often: 0.5 of harm, 0.49 of an answer that reassures nobody.
    risk = np.where(often(0.2), any_of(0.0, 0.49, 0.5, 1.0), np.round(draw.random((k, n)) * calm, 2))
    risk[often(0.4)] = np.nan
    context = np.round(draw.random((m, n)), 2)
    low, high = context * draw.random((m, n)), context + (1 - context) * draw.random((m, n))
    # Ranges that do not hold their point, as an uncertain place gives them.
    low[:, ::7], high[:, ::5] = np.round(draw.random((2, m, 1)), 2)
    behind = {name for gate in model.screening_questions for name in gate.indicators}
    return Frame(
        risk=risk,
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in model.indicators]),
        belief=np.broadcast_to(draw.choice([0.0, 0.2, 0.55, 0.8, 1.0], n), (k, n)),
        context=context,
        context_low=low,
        context_high=high,
        context_row=draw.integers(0, m, k),
        answered=~np.isnan(risk),
        declined=often(0.05) | (often(0.5) & (draw.random(n) < 0.05)),
        expired=np.broadcast_to(draw.random(n) < 0.1, (k, n)),
        ruled_out=often(0.05),
        reported=often(0.03),
        report_risk=np.broadcast_to(model.reported_risk, (k, n)),
        report_belief=np.broadcast_to(draw.choice([0.0, 0.4, 0.8], n), (k, n)),
        screened_out=np.array([[indicator.id in behind] for indicator in model.indicators]) & (draw.random(n) < 0.4),
        screening_belief=any_of(0.0, 0.2, 0.4),
        inherent_known=draw.random(n),
        place_known=draw.random(n) < 0.9,
        critical_by_declined=draw.random(n) < 0.2,
        case=draw.choice([0, 0, 0, 1, 2, 3], n).astype(np.int8),
    )
