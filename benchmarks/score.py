"""What scoring costs: `python benchmarks/score.py` prints ratios and memory; README.md says what they mean.

Suppliers are drawn (seeded): a model of 60 indicators, every state among them. Each contestant runs in a process of its own, by
turns, beside the same drawn suppliers. CPU time counts: of two runs in a process the faster, for the first touches memory that
the machine may not have lent yet, and of all rounds the median. Memory is the most that a run holds at once, counted in a
process that is not timed.
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
from risk_models.engine.robustness import steadiness
from risk_models.engine.score import score_by_portion
from risk_models.model import MODELS, Indicator, Model, load

INDICATORS = 60
MOST_BYTES = 250.0  # of memory for each supplier, at the peak
CONTESTANTS = ("copy", "score", "steadiness")


def model_of_sixty() -> Model:
    """The general model, its indicators repeated up to 60; those that a floor or a gate names are the first of their name."""
    model = load(MODELS / "site_general" / "2026.1.toml")
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
    gated_here = {i for gate in model.gates for i in gate.indicators}
    behind = np.array([[indicator.id in gated_here] for indicator in model.indicators])
    return Frame(
        risk=risk,
        least=np.array([[indicator.rule.least] for indicator in model.indicators]),
        belief=np.broadcast_to(draw.choice([0.0, 0.2, 0.4, 0.55, 0.8], rows), shape),
        context=context,
        context_low=0.9 * context,
        context_high=0.1 + 0.9 * context,
        context_of=np.array([1 + i % sharper if i < k // 5 else 0 for i in range(k)]),
        answered=answered,
        declined=~answered & (chance < 0.03),
        expired=np.broadcast_to(draw.random(rows) < 0.05, shape),
        ruled_out=(chance > 0.98) & np.array([[bool(indicator.ruled_out)] for indicator in model.indicators]),
        reported=(chance > 0.5) & (chance < 0.51),
        report=np.broadcast_to(0.8, shape),
        report_belief=np.broadcast_to(draw.choice([0.4, 0.8], rows), shape),
        gated=behind & (draw.random(rows) < 0.1),
        gate_belief=np.broadcast_to(draw.choice([0.2, 0.4], rows), shape),
        inherent_known=draw.random(rows),
        place_known=draw.random(rows) < 0.9,
        critical_by_silence=draw.random(rows) < 0.02,
        case=np.zeros(rows, dtype=np.int8),
    )


def contestant(name: str, rows: int) -> Callable[[], object]:
    """Make what a contestant reads, and return what is to be measured."""
    model = model_of_sixty()
    frame = drawn(rows, model)
    if name == "copy":
        return frame.risk.astype(np.float32).copy
    if name == "score":
        return lambda: scored(frame, model)
    scores = scored(frame, model)
    return lambda: steadiness(frame, model, scores)


def scored(frame: Frame, model: Model) -> Scores:
    """Score suppliers as an assessment does it (service/assessment/assess.py): what each indicator comes to is given a portion of
    them at a time.
    """
    scores, portions = score_by_portion(frame, model)
    for _ in portions:
        pass
    return scores


def seconds(run: Callable[[], object]) -> float:
    """CPU seconds of the faster of two runs."""
    times = []
    for _ in range(2):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times)


def bytes_at_peak(run: Callable[[], object]) -> int:
    """The most memory that a run holds at once, in bytes."""
    tracemalloc.start()
    run()
    return tracemalloc.get_traced_memory()[1]


def in_a_process(name: str, rows: int, measure: str) -> float:
    """One contestant measured in a fresh process."""
    command = [sys.executable, str(Path(__file__)), "--only", name, "--measure", measure, "--rows", str(rows)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return float(json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CONTESTANTS, help="one contestant in this process")
    parser.add_argument("--measure", choices=("time", "memory"), default="time", help="what is measured of it")
    options = parser.parse_args()
    if options.only:
        run = contestant(options.only, options.rows)
        print(json.dumps(seconds(run) if options.measure == "time" else bytes_at_peak(run)))
        return
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(options.rounds):
        for name in CONTESTANTS:
            times[name].append(in_a_process(name, options.rows, "time"))
    cpu = {name: statistics.median(of) for name, of in times.items()}
    memory = {name: in_a_process(name, options.rows, "memory") / options.rows for name in CONTESTANTS}
    print(
        f"{options.rows:,} suppliers x {INDICATORS} indicators, CPU, median of {options.rounds}; memory for each supplier"
    )
    for name in CONTESTANTS:
        print(f"  {name:12}{cpu[name]:8.3f} s{cpu[name] / cpu['copy']:8.1f} copies{memory[name]:8.0f} bytes")
    held = cpu["steadiness"] <= cpu["score"] and max(memory["score"], memory["steadiness"]) <= MOST_BYTES
    print(f"  steadiness within the scoring time, at most {MOST_BYTES:g} bytes each: {'held' if held else 'NOT HELD'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
