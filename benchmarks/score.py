"""What scoring costs: `python benchmarks/score.py` prints ratios to copying the float32 matrix; README.md says what they mean.

Suppliers are drawn (seeded): a model of 60 indicators, every state among them. Each contestant runs in a process of its own, by
turns, beside the same drawn suppliers; CPU time counts, and the median. Two runs of each are shown. The first touches memory that
the machine may not have lent yet, which by chance costs up to ten times what is done with it; it is what a user waits for,
and is held against the limit. The second runs in the same memory. A copy is the faster of its two runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from risk_models.engine.frame import Frame, Scores
from risk_models.engine.robustness import compute_robustness
from risk_models.engine.score import score_in_chunks
from risk_models.model import MODELS_FOLDER, Indicator, Model, load_model

INDICATORS = 60
MOST_COPIES = 12.0
CONTESTANTS = ("copy", "score", "steadiness")


def model_of_sixty() -> Model:
    """The general model, its indicators repeated up to 60; those that a floor or a gate names are the first of their name."""
    model = load_model(MODELS_FOLDER / "site_general" / "2026.1.toml")
    again: list[Indicator] = []
    while len(model.indicators) + len(again) < INDICATORS:
        source = model.indicators[len(again) % len(model.indicators)]
        again.append(replace(source, id=f"{source.id}_{len(again)}"))
    return replace(model, indicators=(*model.indicators, *again)[:INDICATORS])


def drawn(rows: int, model: Model, seed: int = 7) -> Frame:
    """Suppliers with every state: of ten cells six answered, three not asked; some declined, expired or reported."""
    draw = np.random.default_rng(seed)
    k = len(model.indicators)
    shape = (k, rows)
    risk = np.where(draw.random(shape, dtype=np.float32) < 0.6, np.round(draw.random(shape), 2), np.nan)
    answered = ~np.isnan(risk)
    chance = draw.random(shape, dtype=np.float32)
    sharper = 6  # contexts beside the one that most indicators share, for a fifth of them
    context = np.vstack([usual := draw.random((1, rows)), np.maximum(usual, draw.random((sharper, rows)))])
    gated_here = {i for gate in model.screening_questions for i in gate.indicators}
    behind = np.array([[indicator.id in gated_here] for indicator in model.indicators])
    return Frame(
        risk=risk,
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in model.indicators]),
        belief=np.broadcast_to(draw.choice([0.0, 0.2, 0.4, 0.55, 0.8], rows), shape),
        context=context,
        context_low=0.9 * context,
        context_high=0.1 + 0.9 * context,
        context_row=np.array([1 + i % sharper if i < k // 5 else 0 for i in range(k)]),
        answered=answered,
        declined=~answered & (chance < 0.03),
        expired=np.broadcast_to(draw.random(rows) < 0.05, shape),
        ruled_out=(chance > 0.98) & np.array([[bool(indicator.ruled_out_by)] for indicator in model.indicators]),
        reported=(chance > 0.5) & (chance < 0.51),
        report_risk=np.broadcast_to(0.8, shape),
        report_belief=np.broadcast_to(draw.choice([0.4, 0.8], rows), shape),
        screened_out=behind & (draw.random(rows) < 0.1),
        screening_belief=np.broadcast_to(draw.choice([0.2, 0.4], rows), shape),
        inherent_known=draw.random(rows),
        place_known=draw.random(rows) < 0.9,
        critical_by_declined=draw.random(rows) < 0.02,
        case=np.zeros(rows, dtype=np.int8),
    )


def measured(what: str, rows: int) -> tuple[float, float]:
    """CPU seconds of a first and a second run of one contestant in this process; what it reads is made before."""
    model = model_of_sixty()
    frame = drawn(rows, model)
    if what == "copy":
        return timed(frame.risk.astype(np.float32).copy)
    if what == "score":
        return timed(lambda: scored(frame, model))
    scores = scored(frame, model)
    return timed(lambda: compute_robustness(frame, model, scores))


def scored(frame: Frame, model: Model) -> Scores:
    """Suppliers scored as an assessment does it (service/assessment/assess.py): what each indicator comes to is given
    a portion of them at a time.
    """
    scores, portions = score_in_chunks(frame, model)
    for _ in portions:
        pass
    return scores


def timed(run: Callable[[], object]) -> tuple[float, float]:
    began = time.process_time()
    run()
    first = time.process_time()
    run()
    return first - began, time.process_time() - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONTESTANTS, help="one contestant in this process")
    told = parser.parse_args()
    if told.only:
        print(json.dumps(measured(told.only, told.rows)))
        return
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(told.rounds):
        for name in CONTESTANTS:
            command = [sys.executable, str(Path(__file__)), "--only", name, "--rows", str(told.rows)]
            ran = subprocess.run(command, env=environment, check=True, capture_output=True)
            times[name].append(tuple(json.loads(ran.stdout)))
    engine = "numpy"
    print(f"{told.rows:,} suppliers x {INDICATORS} indicators by {engine}, CPU, median of {told.rounds}")
    first, again = (
        {name: statistics.median(run[which] for run in of) for name, of in times.items()} for which in (0, 1)
    )
    copy = min(first["copy"], again["copy"])
    for name in CONTESTANTS:
        shown = (f"{seconds:8.3f} s{seconds / copy:8.1f} copies" for seconds in (first[name], again[name]))
        print(f"  {name:12}" + "".join(shown))
    print("  first run, then a second in the same memory")
    kept = first["score"] <= MOST_COPIES * copy and first["steadiness"] <= first["score"]
    print(f"  at most {MOST_COPIES:g} copies, and steadiness within the scoring time: {'kept' if kept else 'NOT KEPT'}")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
