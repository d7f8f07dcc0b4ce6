"""Alone, among thousands or portion by portion, however the arrays lie in memory: the same numbers to the last bit."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from risk_models.engine.frame import Cells, Frame, Scores, take
from risk_models.engine.score import CHUNK_SIZE, score, score_in_chunks
from risk_models.model import MODELS_FOLDER, load_model
from tests.test_risk_models.suppliers import TOY, drawn_frame

RELEASED = sorted(MODELS_FOLDER.glob("*/*.toml"))


def assert_equal_to_the_bit(ours: Scores | Cells, theirs: Scores | Cells) -> None:
    for field in fields(ours):
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), field.name
        assert one.tobytes() == other.tobytes(), field.name


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_few_suppliers_score_as_they_do_among_hundreds_under_every_released_model(path: Path) -> None:
    model = load_model(path)
    frame = drawn_frame(model, 700, seed=1)
    all_scores, all_cells = score(frame, model)
    for few in (slice(0, 1), slice(1, 4), slice(4, 30), slice(699, 700)):
        scores, cells = score(take(frame, few), model)
        assert_equal_to_the_bit(scores, take(all_scores, few))
        assert_equal_to_the_bit(cells, take(all_cells, few))


@pytest.mark.parametrize(("full", "more"), [(0, 0), (0, 1), (1, 0), (2, 5)])
def test_portion_by_portion_suppliers_score_as_they_do_all_at_once(full: int, more: int) -> None:
    n = full * CHUNK_SIZE + more
    frame = drawn_frame(TOY, n, seed=8)
    all_scores, all_cells = score(frame, TOY)
    scores, portions = score_in_chunks(frame, TOY)
    begun = 0
    for here, cells in portions:
        assert (here.start, cells.state.shape[1]) == (begun, min(CHUNK_SIZE, n - begun))
        assert_equal_to_the_bit(cells, take(all_cells, here))
        # Whoever reads the cells of a portion reads its scores as well.
        assert_equal_to_the_bit(take(scores, here), take(all_scores, here))
        begun = here.stop
    assert begun == n
    assert_equal_to_the_bit(scores, all_scores)


def test_however_arrays_lie_in_memory_suppliers_score_the_same() -> None:
    frame = drawn_frame(TOY, 300, seed=5)
    scores, cells = score(frame, TOY)
    by_column = {f.name: np.asfortranarray(getattr(frame, f.name)) for f in fields(Frame)}
    for of, picked in (
        (Frame(**by_column), slice(None)),
        (take(frame, slice(11, 280)), slice(11, 280)),
        (take(frame, slice(280, 11, -3)), slice(280, 11, -3)),
    ):
        scores_there, cells_there = score(of, TOY)
        assert_equal_to_the_bit(scores_there, take(scores, picked))
        assert_equal_to_the_bit(cells_there, take(cells, picked))


def test_one_supplier_repeated_without_a_copy_scores_as_often_the_same() -> None:
    frame = drawn_frame(TOY, 1, seed=6)
    shared = ("lowest_risk", "context_row")
    arrays = {f.name: getattr(frame, f.name) for f in fields(Frame)}
    repeated = {
        name: array if name in shared else np.broadcast_to(array, (*array.shape[:-1], 40))
        for name, array in arrays.items()
    }
    scores, cells = score(Frame(**repeated), TOY)
    alone_scores, alone_cells = score(frame, TOY)
    every = np.zeros(40, dtype=np.intp)
    assert_equal_to_the_bit(scores, take(alone_scores, every))
    assert_equal_to_the_bit(cells, take(alone_cells, every))
