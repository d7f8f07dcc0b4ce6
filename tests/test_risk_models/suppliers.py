"""Build invented suppliers as the engine reads them: drawn cells, combined to a Frame of the toy model or of any other."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from risk_models.engine.frame import Frame
from risk_models.model import Model, load_model

TOY = load_model(Path(__file__).parent / "toy.toml")
K = len(TOY.indicators)
POSITION = {indicator.id: i for i, indicator in enumerate(TOY.indicators)}
SCREENED = {POSITION[name] for question in TOY.screening_questions for name in question.indicators}
CORE = [i for i, indicator in enumerate(TOY.indicators) if indicator.core]
CAN_BE_RULED_OUT = [i for i, indicator in enumerate(TOY.indicators) if indicator.ruled_out_by]


@dataclass(frozen=True)
class Cell:
    """The input of one indicator of one supplier: r or None, declined, expired, r of a report, its context with its range."""

    risk: float | None = None
    declined: bool = False
    expired: bool = False
    report: float | None = None
    ruled_out: bool = False
    context: float = 0.5
    spread: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Supplier:
    """All cells of one supplier, the belief in its answers, its screening answer, its case evidence."""

    cells: tuple[Cell, ...]
    belief: float = 0.4
    report_belief: float = 0.8
    screened: bool = False
    case: int = 0
    place_known: bool = True
    critical_by_declined: bool = False
    inherent_known: float = 1.0

    def with_cell(self, i: int, **changes: object) -> "Supplier":
        """Return the supplier with one cell changed."""
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
        screened=draw(st.booleans()),
        case=draw(st.sampled_from([0, 0, 0, 1, 2, 3])),
        place_known=draw(st.booleans()),
        critical_by_declined=draw(st.booleans()),
        inherent_known=draw(share),
    )


def build_frame(*suppliers: Supplier) -> Frame:
    """Return the frame of some suppliers of the toy model, in order."""

    def fill(value, kind=np.float64):  # type: ignore[no-untyped-def]
        return np.array([[value(s, s.cells[i], i) for s in suppliers] for i in range(K)], dtype=kind)

    return Frame(
        risk=fill(lambda s, c, i: np.nan if c.risk is None else c.risk),
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in TOY.indicators]),
        belief=fill(lambda s, c, i: 0.0 if c.expired else s.belief),
        context=fill(lambda s, c, i: c.context),
        context_row=np.arange(K),
        context_low=fill(lambda s, c, i: c.context * (1 - c.spread[0])),
        context_high=fill(lambda s, c, i: c.context + (1 - c.context) * c.spread[1]),
        answered=fill(lambda s, c, i: c.risk is not None, bool),
        declined=fill(lambda s, c, i: c.declined, bool),
        expired=fill(lambda s, c, i: c.expired, bool),
        ruled_out=fill(lambda s, c, i: c.ruled_out, bool),
        reported=fill(lambda s, c, i: c.report is not None, bool),
        report_risk=fill(lambda s, c, i: c.report or 0.0),
        report_belief=fill(lambda s, c, i: s.report_belief),
        screened_out=fill(lambda s, c, i: s.screened and i in SCREENED, bool),
        screening_belief=fill(lambda s, c, i: s.belief),
        inherent_known=np.array([s.inherent_known for s in suppliers]),
        place_known=np.array([s.place_known for s in suppliers]),
        critical_by_declined=np.array([s.critical_by_declined for s in suppliers]),
        case=np.array([s.case for s in suppliers], dtype=np.int8),
    )


def draw_frame(model: Model, n: int, seed: int) -> Frame:
    """Draw a frame of n suppliers of any model, with cells in every state, also in combinations that no sheet gives."""
    rng = np.random.default_rng(seed)
    k, m = len(model.indicators), 4
    scale = rng.choice([0.3, 0.6, 1.0], n)

    def draw_flags(chance: float) -> np.ndarray:
        return rng.random((k, n)) < chance

    def draw_values(*values: float) -> np.ndarray:
        return rng.choice(values, (k, n))

    # Values at the bounds of rules are frequent: 0.5 for harm, 0.49 for an answer that does not reassure.
    risk = np.where(draw_flags(0.2), draw_values(0.0, 0.49, 0.5, 1.0), np.round(rng.random((k, n)) * scale, 2))
    risk[draw_flags(0.4)] = np.nan
    context = np.round(rng.random((m, n)), 2)
    low, high = context * rng.random((m, n)), context + (1 - context) * rng.random((m, n))
    # Ranges that do not contain their point, as an uncertain place gives them.
    low[:, ::7], high[:, ::5] = np.round(rng.random((2, m, 1)), 2)
    behind = {name for question in model.screening_questions for name in question.indicators}
    frame = Frame(
        risk=risk,
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in model.indicators]),
        belief=np.broadcast_to(rng.choice([0.0, 0.2, 0.55, 0.8, 1.0], n), (k, n)),
        context=context,
        context_low=low,
        context_high=high,
        context_row=rng.integers(0, m, k),
        answered=~np.isnan(risk),
        declined=draw_flags(0.05) | (draw_flags(0.5) & (rng.random(n) < 0.05)),
        expired=np.broadcast_to(rng.random(n) < 0.1, (k, n)),
        ruled_out=draw_flags(0.05),
        reported=draw_flags(0.03),
        report_risk=np.broadcast_to(model.reported_risk, (k, n)),
        report_belief=np.broadcast_to(rng.choice([0.0, 0.4, 0.8], n), (k, n)),
        screened_out=np.array([[indicator.id in behind] for indicator in model.indicators]) & (rng.random(n) < 0.4),
        screening_belief=draw_values(0.0, 0.2, 0.4),
        inherent_known=rng.random(n),
        place_known=rng.random(n) < 0.9,
        critical_by_declined=rng.random(n) < 0.2,
        case=rng.choice([0, 0, 0, 1, 2, 3], n).astype(np.int8),
    )
    if model.method < 4:
        return frame
    documented = rng.random(n) < 0.1
    return replace(
        frame,
        belief=frame.belief * ~documented,
        screening_belief=frame.screening_belief * ~documented,
        context_high_given=context + (high - context) * rng.random((m, n)),
        confirmed=draw_flags(0.5) & ~documented,
        screening_confirmed=draw_flags(0.2) & ~documented,
        documented=documented,
        place_open=(rng.random(n) < 0.1) & ~documented,
    )
