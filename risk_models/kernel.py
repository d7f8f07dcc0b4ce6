"""The compiled engine: `kernel.c` does what score.py and steadiness.py do, where set-up found a compiler.

`python -m risk_models.kernel` compiles it beside its source and says in one line what it did; without a compiler that is no
error, for numpy gives the same scores. Nothing is compiled while suppliers are scored. The name of the library carries a digest
of what it was made from, so that one made from another source is never loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.floors import readings_of
from risk_models.engine.frame import KINDS, LEVEL_NAMES, MOMENTS, Cells, Floats, Frame, Scores, shares
from risk_models.model import CASES, Model

SOURCE: Final = Path(__file__).with_name("kernel.c")
FLAGS: Final = (
    "-std=c11",
    "-O3",
    "-fPIC",
    "-shared",
    "-ffp-contract=off",  # a product and a sum in one rounding would be other bits
    "-fno-math-errno",  # nobody reads errno or traps, and both keep loops from being made wide
    "-fno-trapping-math",
)


def path() -> Path:
    """Where the compiled kernel of this source, these flags and this kind of machine stands, or would stand."""
    made_from = (SOURCE.read_bytes(), *map(str.encode, (*FLAGS, sys.platform, platform.machine())))
    return SOURCE.with_name(f"kernel-{hashlib.sha256(b' '.join(made_from)).hexdigest()[:16]}.so")


def build() -> str:
    """Compiles the kernel where that is not done yet; what it did, in a line. CalledProcessError where the compiler fails."""
    target = path()
    if target.exists():
        return "the kernel is compiled"
    compiler = shutil.which("cc")
    if compiler is None:
        return "no C compiler (cc) is there: scoring uses numpy, which gives the same scores and takes longer"
    with tempfile.TemporaryDirectory(dir=SOURCE.parent, prefix="kernel-") as made:
        unfinished = Path(made, target.name)
        subprocess.run([compiler, *FLAGS, "-o", str(unfinished), str(SOURCE), "-lm"], check=True)
        os.replace(unfinished, target)  # whoever loads it meanwhile finds all of it or none
    for stale in SOURCE.parent.glob("kernel-*.so"):
        if stale != target:
            stale.unlink(missing_ok=True)
    return f"compiled the kernel with {compiler}"


@cache
def loaded() -> ctypes.CDLL | None:
    """The compiled kernel; none where it was not compiled or this machine cannot load it."""
    try:
        return ctypes.CDLL(str(path()))
    except OSError:
        return None


_NUMBER, _SHARE, _ARRAY = ctypes.c_ssize_t, ctypes.c_double, ctypes.c_void_p


class Spread(ctypes.Structure):
    """`Spread` of kernel.c: of the weights, and the nodes and weights of the rules of integration over two and over three."""

    _fields_ = (("concentration", _SHARE), ("pair", _SHARE * 16), ("triple", _SHARE * 36))


class _Model(ctypes.Structure):
    """`Model` of kernel.c, where each field is explained; ``arrays`` are those it points to, kept with it."""

    _fields_ = (
        ("indicators", _NUMBER),
        ("share", _ARRAY),
        ("core", _ARRAY),
        ("safeguard", _ARRAY),
        ("assures_below", _SHARE),
        ("hears_silence", _NUMBER),
        ("out_is_not_declined", _NUMBER),
        ("gates", _NUMBER),
        ("behind_from", _ARRAY),
        ("behind", _ARRAY),
        ("read_from", _ARRAY),
        ("sign", _ARRAY),
        ("from_risk", _ARRAY),
        ("by_report", _ARRAY),
        ("floors", _NUMBER),
        ("signs_from", _ARRAY),
        ("needed", _ARRAY),
        ("from_case", _ARRAY),
        ("declined_core", _ARRAY),
        ("at_least", _ARRAY),
        ("level_from", _ARRAY),
        ("insufficient_below", _SHARE),
    )
    arrays: tuple[NDArray[Any], ...]


@lru_cache(maxsize=64)
def _told(model: Model) -> _Model:
    """What the rules read of a model."""
    told = _Model(
        indicators=len(model.indicators),
        assures_below=min(0.5, model.silent_from),
        hears_silence=model.silent_from >= 0.5,
        out_is_not_declined=model.method > 1,
        gates=len(model.gates),
        floors=len(model.floors),
        insufficient_below=model.insufficient_below,
    )
    position = {indicator.id: i for i, indicator in enumerate(model.indicators)}
    readings = readings_of(model)
    order = np.argsort(readings.indicator, kind="stable")
    arrays: dict[str, tuple[type[np.generic], Any]] = {
        "share": (np.float64, shares(model)),
        "core": (np.bool_, [indicator.core for indicator in model.indicators]),
        "safeguard": (np.bool_, [indicator.safeguard for indicator in model.indicators]),
        "behind_from": (np.intp, np.cumsum([0] + [len(gate.indicators) for gate in model.gates])),
        "behind": (np.intp, [position[name] for gate in model.gates for name in gate.indicators]),
        "read_from": (np.intp, np.searchsorted(readings.indicator[order], np.arange(len(model.indicators) + 1))),
        "sign": (np.intp, readings.sign[order]),
        "from_risk": (np.float64, readings.from_risk[order]),
        "by_report": (np.bool_, readings.by_report[order]),
        "signs_from": (np.intp, np.searchsorted(readings.floor, np.arange(len(model.floors) + 1))),
        "needed": (np.intp, [floor.count for floor in model.floors]),
        "from_case": (np.intp, [CASES.index(floor.case) if floor.case else -1 for floor in model.floors]),
        "declined_core": (np.bool_, [floor.declined_core for floor in model.floors]),
        "at_least": (np.float64, [floor.at_least for floor in model.floors]),
        "level_from": (np.float64, list(model.levels.values())),
    }
    told.arrays = tuple(np.ascontiguousarray(values, dtype=kind) for kind, values in arrays.values())
    for name, array in zip(arrays, told.arrays, strict=True):
        setattr(told, name, array.ctypes.data)
    return told


_KINDS: Final = {**KINDS, "NDArray[np.intp]": np.intp}


def _kinds(of: type[Frame | Scores], names: Iterable[str]) -> dict[str, np.dtype[Any]]:
    """The kind of number in some arrays, by their names."""
    declared = {f.name: np.dtype(_KINDS[str(f.type)]) for f in fields(of)}
    return {name: declared[name] for name in names}


_READ: Final = _kinds(Frame, (f.name for f in fields(Frame)))
_SCORES: Final = tuple(f.name for f in fields(Scores))
_CELLS: Final = ("state", "effective", "harms")
_SHOWN: Final = _kinds(
    Scores,
    (
        "base",
        "uplift",
        "total",
        "harm",
        "floor",
        "floor_worst",
        "core_declined",
        "core_settled",
        "coverage_alone",
        "moments",
    ),
)


def _places(
    of: Frame | Scores, kinds: dict[str, np.dtype[Any]], shape: tuple[int, ...], others: dict[str, tuple[int, ...]]
) -> ctypes.Array[ctypes.c_ssize_t]:
    """Arrays as C reads them, where they lie: of each its beginning, and the bytes between its rows and between its columns.

    ValueError where one is not of its kind, or has not the ``shape`` or that of ``others``: C would read something else.
    """
    places: list[int] = []
    for name, kind in kinds.items():
        array = getattr(of, name)
        if array.shape != others.get(name, shape) or array.dtype != kind:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {kind} {others.get(name, shape)}")
        places += (array.ctypes.data, *(0, *array.strides)[-2:])
    return (ctypes.c_ssize_t * len(places))(*places)


def _read(frame: Frame) -> ctypes.Array[ctypes.c_ssize_t]:
    """`Frame` of kernel.c; see _places. IndexError where an indicator has a context that is not there."""
    k, n = frame.risk.shape
    m, of = len(frame.context), frame.context_of
    if k and not 0 <= of.min() <= of.max() < m:
        raise IndexError(f"context_of names rows {of.min()} to {of.max()} of {m} contexts")
    contexts = dict.fromkeys(("context", "context_low", "context_high"), (m, n))
    each = dict.fromkeys(("inherent_known", "place_known", "critical_by_silence", "case"), (n,))
    return _places(frame, _READ, (k, n), {**contexts, **each, "context_of": (k,), "least": (k, 1)})


def _written(to: Scores | Cells, names: Iterable[str], rows: NDArray[Any]) -> ctypes.Array[ctypes.c_ssize_t]:
    """`Scores` or `Cells` of kernel.c: where each array begins, and how far apart ``rows``, one of them, has its rows."""
    places = [getattr(to, name).ctypes.data for name in names]
    places.append(rows.strides[0] // rows.itemsize)
    return (ctypes.c_ssize_t * len(places))(*places)


def writer(
    library: ctypes.CDLL, frame: Frame, model: Model, scores: Scores, cells: Cells
) -> Callable[[int, int], None]:
    """What writes the scores of the suppliers of a frame from one to another, and their cells into ``cells`` from column 0 on.

    They are those of numpy to the last bit. The room for both is made by frame.room_for_*; it and the frame are to be kept for as
    long as is written.
    """
    rooms = _written(scores, _SCORES, scores.moments), _written(cells, _CELLS, cells.effective)
    told = _read(frame), ctypes.byref(_told(model)), *rooms

    def write(start: int, stop: int) -> None:
        if library.diligence_score(*told, ctypes.c_ssize_t(start), ctypes.c_ssize_t(stop)):
            raise MemoryError

    return write


def likely_levels(library: ctypes.CDLL, frame: Frame, model: Model, scores: Scores, spread: Spread) -> Floats:
    """What steadiness.likely_levels makes of a frame and its scores (5, n), but for the last bits."""
    n = frame.risk.shape[1]
    likely = np.empty((len(LEVEL_NAMES), n))
    shown = _places(scores, _SHOWN, (n,), {"moments": (len(MOMENTS), n)})
    told = (
        ctypes.byref(_told(model)),
        shown,
        ctypes.byref(spread),
        ctypes.c_void_p(likely.ctypes.data),
        ctypes.c_ssize_t(n),
    )
    if library.diligence_likely_levels(_read(frame), *told):
        raise MemoryError
    return likely


def main() -> None:
    """Compiles the kernel. Exits 1 where the compiler fails, which has then said why."""
    try:
        print(build())
    except subprocess.CalledProcessError:
        sys.exit("risk_models/kernel.c cannot be compiled: see above")


if __name__ == "__main__":
    main()
