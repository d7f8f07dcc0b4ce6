"""Test that scores are the same to the last bit alone, among thousands or in chunks, whatever the memory layout."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from risk_models.engine.frame import Cells, Frame, Scores, take
from risk_models.engine.score import CHUNK_SIZE, score, score_in_chunks
from risk_models.model import MODELS_FOLDER, load_model
from risk_models.model_file import list_model_files
from tests.test_risk_models.suppliers import TOY, draw_frame

RELEASED = list_model_files(MODELS_FOLDER)


def assert_equal_to_the_bit(actual: Scores | Cells, expected: Scores | Cells) -> None:
    for field in fields(actual):
        actual_array, expected_array = getattr(actual, field.name), getattr(expected, field.name)
        assert (actual_array.dtype, actual_array.shape) == (expected_array.dtype, expected_array.shape), field.name
        assert actual_array.tobytes() == expected_array.tobytes(), field.name


def list_arrays(frame: Frame) -> dict[str, np.ndarray]:
    """Return the arrays of a frame by name, without those that its method does not have."""
    return {f.name: getattr(frame, f.name) for f in fields(Frame) if getattr(frame, f.name) is not None}


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_few_suppliers_score_as_they_do_among_hundreds_under_every_released_model(path: Path) -> None:
    model = load_model(path)
    frame = draw_frame(model, 700, seed=1)
    all_scores, all_cells = score(frame, model)
    for few in (slice(0, 1), slice(1, 4), slice(4, 30), slice(699, 700)):
        scores, cells = score(take(frame, few), model)
        assert_equal_to_the_bit(scores, take(all_scores, few))
        assert_equal_to_the_bit(cells, take(all_cells, few))


@pytest.mark.parametrize(("full_chunks", "rest"), [(0, 0), (0, 1), (1, 0), (2, 5)])
def test_suppliers_scored_in_chunks_score_as_they_do_all_at_once(full_chunks: int, rest: int) -> None:
    n = full_chunks * CHUNK_SIZE + rest
    frame = draw_frame(TOY, n, seed=8)
    all_scores, all_cells = score(frame, TOY)
    scores, chunks = score_in_chunks(frame, TOY)
    start = 0
    for suppliers, cells in chunks:
        assert (suppliers.start, cells.state.shape[1]) == (start, min(CHUNK_SIZE, n - start))
        assert_equal_to_the_bit(cells, take(all_cells, suppliers))
        # The scores of a chunk are filled in together with its cells.
        assert_equal_to_the_bit(take(scores, suppliers), take(all_scores, suppliers))
        start = suppliers.stop
    assert start == n
    assert_equal_to_the_bit(scores, all_scores)


def test_scores_do_not_depend_on_the_memory_layout_of_arrays() -> None:
    frame = draw_frame(TOY, 300, seed=5)
    scores, cells = score(frame, TOY)
    by_column = {name: np.asfortranarray(array) for name, array in list_arrays(frame).items()}
    for same_frame, picked in (
        (Frame(**by_column), slice(None)),
        (take(frame, slice(11, 280)), slice(11, 280)),
        (take(frame, slice(280, 11, -3)), slice(280, 11, -3)),
    ):
        picked_scores, picked_cells = score(same_frame, TOY)
        assert_equal_to_the_bit(picked_scores, take(scores, picked))
        assert_equal_to_the_bit(picked_cells, take(cells, picked))


def test_one_supplier_broadcast_to_many_columns_scores_the_same_in_each() -> None:
    frame = draw_frame(TOY, 1, seed=6)
    per_indicator = ("lowest_risk", "context_row")
    arrays = list_arrays(frame)
    repeated = {
        name: array if name in per_indicator else np.broadcast_to(array, (*array.shape[:-1], 40))
        for name, array in arrays.items()
    }
    scores, cells = score(Frame(**repeated), TOY)
    single_scores, single_cells = score(frame, TOY)
    repeats = np.zeros(40, dtype=np.intp)
    assert_equal_to_the_bit(scores, take(single_scores, repeats))
    assert_equal_to_the_bit(cells, take(single_cells, repeats))
