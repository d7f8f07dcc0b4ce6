"""Measure scoring: `python benchmarks/score.py` prints ratios to copying the float32 matrix; README.md explains them.

Suppliers are drawn (seeded): a model of 60 indicators, every state among them. Each contestant runs in a separate process, in
turns, with the same drawn suppliers in memory; CPU time counts, and the median. Two runs of each are shown. The first touches
memory that the machine may not have provided yet, which by chance costs up to ten times what is done with it; it is what a user
waits for, and is compared with the limit. The second runs in the same memory. A copy is the faster of its two runs.
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
CONTESTANTS = ("copy", "score", "robustness")


def build_large_model() -> Model:
    """Return the general model with its indicators repeated up to 60; floors and screening questions name the originals."""
    model = load_model(MODELS_FOLDER / "site_general" / "2026.1.toml")
    copies: list[Indicator] = []
    while len(model.indicators) + len(copies) < INDICATORS:
        original = model.indicators[len(copies) % len(model.indicators)]
        copies.append(replace(original, id=f"{original.id}_{len(copies)}"))
    return replace(model, indicators=(*model.indicators, *copies)[:INDICATORS])


def draw_frame(rows: int, model: Model, seed: int = 7) -> Frame:
    """Draw suppliers in every state: of ten cells six answered, three not asked; some declined, expired or reported."""
    rng = np.random.default_rng(seed)
    k = len(model.indicators)
    shape = (k, rows)
    risk = np.where(rng.random(shape, dtype=np.float32) < 0.6, np.round(rng.random(shape), 2), np.nan)
    answered = ~np.isnan(risk)
    chance = rng.random(shape, dtype=np.float32)
    sharper = 6  # further contexts, for a fifth of the indicators; the others share one
    context = np.vstack([usual := rng.random((1, rows)), np.maximum(usual, rng.random((sharper, rows)))])
    screened_ids = {i for question in model.screening_questions for i in question.indicators}
    is_screened = np.array([[indicator.id in screened_ids] for indicator in model.indicators])
    return Frame(
        risk=risk,
        lowest_risk=np.array([[indicator.rule.lowest_risk] for indicator in model.indicators]),
        belief=np.broadcast_to(rng.choice([0.0, 0.2, 0.4, 0.55, 0.8], rows), shape),
        context=context,
        context_low=0.9 * context,
        context_high=0.1 + 0.9 * context,
        context_row=np.array([1 + i % sharper if i < k // 5 else 0 for i in range(k)]),
        answered=answered,
        declined=~answered & (chance < 0.03),
        expired=np.broadcast_to(rng.random(rows) < 0.05, shape),
        ruled_out=(chance > 0.98) & np.array([[bool(indicator.ruled_out_by)] for indicator in model.indicators]),
        reported=(chance > 0.5) & (chance < 0.51),
        report_risk=np.broadcast_to(0.8, shape),
        report_belief=np.broadcast_to(rng.choice([0.4, 0.8], rows), shape),
        screened_out=is_screened & (rng.random(rows) < 0.1),
        screening_belief=np.broadcast_to(rng.choice([0.2, 0.4], rows), shape),
        inherent_known=rng.random(rows),
        place_known=rng.random(rows) < 0.9,
        critical_by_declined=rng.random(rows) < 0.02,
        case=np.zeros(rows, dtype=np.int8),
    )


def measure(contestant: str, rows: int) -> tuple[float, float]:
    """Return the CPU seconds of a first and a second run of one contestant in this process, its inputs not counted."""
    model = build_large_model()
    frame = draw_frame(rows, model)
    if contestant == "copy":
        return time_twice(frame.risk.astype(np.float32).copy)
    if contestant == "score":
        return time_twice(lambda: score_all(frame, model))
    scores = score_all(frame, model)
    return time_twice(lambda: compute_robustness(frame, model, scores))


def score_all(frame: Frame, model: Model) -> Scores:
    """Score suppliers as an assessment does (service/assessment/assess.py), with the cells of a chunk of them at a time."""
    scores, chunks = score_in_chunks(frame, model)
    for _ in chunks:
        pass
    return scores


def time_twice(run: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of two runs."""
    start = time.process_time()
    run()
    first = time.process_time()
    run()
    return first - start, time.process_time() - first


def main() -> None:
    """Run the benchmark and print its results; exit with 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONTESTANTS, help="one contestant in this process")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.rows)))
        return
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(options.rounds):
        for name in CONTESTANTS:
            command = [sys.executable, str(Path(__file__)), "--only", name, "--rows", str(options.rows)]
            process = subprocess.run(command, env=environment, check=True, capture_output=True)
            times[name].append(tuple(json.loads(process.stdout)))
    engine = "numpy"
    print(f"{options.rows:,} suppliers x {INDICATORS} indicators by {engine}, CPU, median of {options.rounds}")
    first, second = (
        {name: statistics.median(run[number] for run in runs) for name, runs in times.items()} for number in (0, 1)
    )
    copy = min(first["copy"], second["copy"])
    for name in CONTESTANTS:
        columns = (f"{seconds:8.3f} s{seconds / copy:8.1f} copies" for seconds in (first[name], second[name]))
        print(f"  {name:12}" + "".join(columns))
    print("  first run, then a second in the same memory")
    within_limits = first["score"] <= MOST_COPIES * copy and first["robustness"] <= first["score"]
    print(
        f"  at most {MOST_COPIES:g} copies, and robustness within the scoring time: {'kept' if within_limits else 'NOT KEPT'}"
    )
    sys.exit(0 if within_limits else 1)


if __name__ == "__main__":
    main()
