"""Measure scoring: `python benchmarks/score.py` prints ratios and memory; README.md explains them.

Suppliers with answers in every state are generated at random, with a fixed seed, for a model with 60 indicators. The programs
run in turn on the same suppliers, each in its own process. The figure for each is the median CPU time over all rounds. Each
round uses the faster of two runs in a process, because the first run writes to memory that the machine may not have allocated
yet. Memory is the largest amount that a run holds at once, measured in a process that is not timed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from risk_models.engine.frame import Frame, Scores
from risk_models.engine.robustness import compute_robustness
from risk_models.engine.score import score_in_chunks
from risk_models.model import MODELS_FOLDER, Indicator, Model, load_model

INDICATORS = 60
MOST_BYTES = 250.0  # bytes of memory per supplier, at the peak
CONTESTANTS = ("copy", "score", "robustness")


def build_large_model() -> Model:
    """Return the general model with its indicators repeated until there are 60. Rules refer only to the original ones."""
    model = load_model(MODELS_FOLDER / "site_general" / "2026.1.toml")
    copies: list[Indicator] = []
    while len(model.indicators) + len(copies) < INDICATORS:
        original = model.indicators[len(copies) % len(model.indicators)]
        copies.append(replace(original, id=f"{original.id}_{len(copies)}"))
    return replace(model, indicators=(*model.indicators, *copies)[:INDICATORS])


def draw_frame(rows: int, model: Model, seed: int = 7) -> Frame:
    """Generate random suppliers: six in ten cells are answered and three not asked; some are declined, expired or reported."""
    rng = np.random.default_rng(seed)
    k = len(model.indicators)
    shape = (k, rows)
    risk = np.where(rng.random(shape, dtype=np.float32) < 0.6, np.round(rng.random(shape), 2), np.nan)
    answered = ~np.isnan(risk)
    chance = rng.random(shape, dtype=np.float32)
    sharper = 6  # number of extra contexts for a fifth of the indicators; the others share one context
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


def prepare(name: str, rows: int) -> Callable[[], object]:
    """Prepare the input of a program, and return the function to measure."""
    model = build_large_model()
    frame = draw_frame(rows, model)
    if name == "copy":
        return frame.risk.astype(np.float32).copy
    if name == "score":
        return lambda: score_all(frame, model)
    scores = score_all(frame, model)
    return lambda: compute_robustness(frame, model, scores)


def score_all(frame: Frame, model: Model) -> Scores:
    """Score suppliers chunk by chunk, as an assessment does (service/assessment/assess.py)."""
    scores, chunks = score_in_chunks(frame, model)
    for _ in chunks:
        pass
    return scores


def measure_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of the faster of two runs, in seconds."""
    times = []
    for _ in range(2):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def measure_peak_memory(run: Callable[[], object]) -> int:
    """Return the largest amount of memory that a run holds at once, in bytes."""
    tracemalloc.start()
    run()
    return tracemalloc.get_traced_memory()[1]


def run_in_process(name: str, rows: int, measure: str) -> float:
    """Run one program in a new process, and return its time in seconds or its memory in bytes."""
    command = [sys.executable, str(Path(__file__)), "--only", name, "--measure", measure, "--rows", str(rows)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return float(json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout))


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONTESTANTS, help="run only this program, in the current process")
    parser.add_argument("--measure", choices=("time", "memory"), default="time", help="measure either time or memory")
    options = parser.parse_args()
    if options.only:
        run = prepare(options.only, options.rows)
        print(json.dumps(measure_seconds(run) if options.measure == "time" else measure_peak_memory(run)))
        return
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(options.rounds):
        for name in CONTESTANTS:
            times[name].append(run_in_process(name, options.rows, "time"))
    cpu = {name: statistics.median(rounds) for name, rounds in times.items()}
    memory = {name: run_in_process(name, options.rows, "memory") / options.rows for name in CONTESTANTS}
    print(
        f"{options.rows:,} suppliers x {INDICATORS} indicators: "
        f"CPU time (median of {options.rounds} rounds) and memory per supplier"
    )
    for name in CONTESTANTS:
        print(f"  {name:12}{cpu[name]:8.3f} s{cpu[name] / cpu['copy']:8.1f} copies{memory[name]:8.0f} bytes")
    within_limits = cpu["robustness"] <= cpu["score"] and max(memory["score"], memory["robustness"]) <= MOST_BYTES
    print(
        f"  robustness no slower than scoring, at most {MOST_BYTES:g} bytes each: {'met' if within_limits else 'NOT MET'}"
    )
    sys.exit(0 if within_limits else 1)


if __name__ == "__main__":
    main()
