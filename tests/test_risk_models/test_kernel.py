"""The compiled kernel against numpy: the same scores to the last bit, the same steadiness but for the last bits; and set-up."""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models import kernel
from risk_models.frame import Cells, Frame, Scores, some
from risk_models.model import MODELS, Model, load
from risk_models.score import IN_HAND, PORTION, score, score_by_portion
from risk_models.steadiness import likely_levels
from tests.test_risk_models.engines import use
from tests.test_risk_models.suppliers import TOY

RELEASED = sorted(MODELS.glob("*/*.toml"))
BLOCK = 384  # of kernel.c
SOURCE = (kernel.SOURCE).read_text(encoding="utf-8")


def drawn(model: Model, n: int, seed: int) -> Frame:
    """Suppliers in every state that a cell can be in, alone and together: what sheets do not send as well as what they do."""
    draw = np.random.default_rng(seed)
    k = len(model.indicators)
    calm = draw.choice([0.3, 0.6, 1.0], n)

    def often(share: float) -> np.ndarray:
        return draw.random((k, n)) < share

    def some_of(*values: float) -> np.ndarray:
        return draw.choice(values, (k, n))

    # Bounds of the rules are met often: 0.5 of harm, 0.49 of an answer that reassures nobody.
    risk = np.where(often(0.2), some_of(0.0, 0.49, 0.5, 1.0), np.round(draw.random((k, n)) * calm, 2))
    risk[often(0.4)] = np.nan
    m = 4
    context = np.round(draw.random((m, n)), 2)
    low, high = context * draw.random((m, n)), context + (1 - context) * draw.random((m, n))
    # Ranges that do not hold their point, as an uncertain place gives them.
    low[:, ::7], high[:, ::5] = np.round(draw.random((2, m, 1)), 2)
    behind = {name for gate in model.gates for name in gate.indicators}
    return Frame(
        risk=risk,
        least=np.array([[indicator.rule.least] for indicator in model.indicators]),
        belief=np.broadcast_to(draw.choice([0.0, 0.2, 0.55, 0.8, 1.0], n), (k, n)),
        context=context,
        context_low=low,
        context_high=high,
        context_of=draw.integers(0, m, k),
        answered=~np.isnan(risk),
        declined=often(0.05) | (often(0.5) & (draw.random(n) < 0.05)),
        expired=np.broadcast_to(draw.random(n) < 0.1, (k, n)),
        ruled_out=often(0.05),
        reported=often(0.03),
        report=np.broadcast_to(model.reported, (k, n)),
        report_belief=np.broadcast_to(draw.choice([0.0, 0.4, 0.8], n), (k, n)),
        gated=np.array([[indicator.id in behind] for indicator in model.indicators]) & (draw.random(n) < 0.4),
        gate_belief=some_of(0.0, 0.2, 0.4),
        inherent_known=draw.random(n),
        place_known=draw.random(n) < 0.9,
        critical_by_silence=draw.random(n) < 0.2,
        case=draw.choice([0, 0, 0, 1, 2, 3], n).astype(np.int8),
    )


def by(engine: str, frame: Frame, model: Model) -> tuple[Scores, Cells, np.ndarray]:
    """The scores, the cells and the likely levels of a frame, made by one engine."""
    with pytest.MonkeyPatch.context() as patch:
        use(engine, patch)
        scores, cells = score(frame, model)
        return scores, cells, likely_levels(frame, model, scores)


def same(one: Scores | Cells, other: Scores | Cells) -> None:
    for field in fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), field.name
        assert ours.tobytes() == theirs.tobytes(), field.name


def agree(frame: Frame, model: Model) -> None:
    (scores, cells, steady), (scores_plain, cells_plain, steady_plain) = (
        by(engine, frame, model) for engine in ("kernel", "numpy")
    )
    same(scores, scores_plain)
    same(cells, cells_plain)
    assert steady.shape == steady_plain.shape
    assert np.abs(steady - steady_plain).max(initial=0.0) < 1e-9


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_scores_are_the_same_to_the_last_bit_under_every_released_model(path: Path) -> None:
    agree(drawn(load(path), 2 * BLOCK + 5, seed=1), load(path))


@examples(40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_any_few_suppliers_score_the_same(seed: int, n: int) -> None:
    agree(drawn(TOY, n, seed), TOY)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_a_block_that_is_not_full_is_scored_like_one_that_is(n: int) -> None:
    assert f"BLOCK = {BLOCK}," in SOURCE
    agree(drawn(TOY, n, seed=2), TOY)


@pytest.mark.parametrize(("engine", "most"), [("kernel", PORTION), ("numpy", IN_HAND)])
@pytest.mark.parametrize(("full", "more"), [(0, 0), (0, 1), (1, 0), (2, 5)])
def test_portion_by_portion_suppliers_score_and_come_to_the_same(
    engine: str, most: int, full: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(engine, monkeypatch)
    n = full * most + more
    frame = drawn(TOY, n, seed=8)
    whole, all_cells = score(frame, TOY)
    scores, portions = score_by_portion(frame, TOY)
    seen = 0
    for here, cells in portions:
        assert (here.start, len(cells.state[0])) == (seen, min(most, n - seen))
        same(cells, some(all_cells, here))
        same(some(scores, here), some(whole, here))  # those who read the cells of a portion read its scores as well
        seen = here.stop
    assert seen == n
    same(scores, whole)


def test_methods_before_and_models_that_hear_all_that_is_said_score_the_same() -> None:
    for model in (
        replace(TOY, method=1),
        replace(TOY, silent_from=0.5),
        replace(TOY, silent_from=0.3),
        replace(TOY, gates=()),
    ):
        agree(drawn(model, 500, seed=3), model)


def test_suppliers_whose_answers_settle_the_level_are_as_steady() -> None:
    model = load(MODELS / "site_general" / "2026.3.toml")
    frame = drawn(model, 3_000, seed=4)
    calm = replace(
        frame,
        risk=np.where(frame.risk >= 0.3, 0.1, frame.risk),
        declined=frame.declined & False,
        reported=frame.reported & False,
        context=0.6 * frame.context,
        context_high=np.minimum(frame.context_high, 0.8),
        case=np.zeros_like(frame.case),
    )
    scores, _, likely = by("numpy", calm, model)
    assert len(np.unique(scores.level)) >= 3
    assert ((likely.max(axis=0) < 0.9).sum()) > 300, "few levels hang on weights"
    agree(calm, model)


def test_arrays_are_read_where_they_lie_whatever_their_strides() -> None:
    frame = drawn(TOY, 300, seed=5)
    agree(some(frame, slice(11, 280)), TOY)
    agree(some(frame, slice(280, 11, -3)), TOY)
    turned = {f.name: np.asfortranarray(getattr(frame, f.name)) for f in fields(Frame)}
    agree(Frame(**turned), TOY)
    one = some(frame, slice(0, 1))
    spread = {
        f.name: np.broadcast_to(array, (*array.shape[:-1], 40))
        for f in fields(Frame)
        if f.name not in ("least", "context_of") and (array := getattr(one, f.name)) is not None
    }
    agree(Frame(**spread, least=frame.least, context_of=frame.context_of), TOY)


def test_what_is_not_as_a_frame_should_be_is_refused_and_never_read() -> None:
    frame = drawn(TOY, 5, seed=6)
    for wrong in (
        {"risk": frame.risk.astype(np.float32)},
        {"report": frame.report[:, :-1]},
        {"least": frame.least[:, 0]},
        {"case": frame.case.astype(np.int64)},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            by("kernel", replace(frame, **wrong), TOY)
    for row in (-1, len(frame.context)):
        with pytest.raises(IndexError, match="context_of"):
            by("kernel", replace(frame, context_of=np.full(len(TOY.indicators), row)), TOY)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source in a folder of its own, where nothing is compiled yet."""
    source = tmp_path / "kernel.c"
    source.write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(kernel, "SOURCE", source)
    kernel.loaded.cache_clear()
    yield source
    kernel.loaded.cache_clear()


def test_set_up_compiles_once_and_says_so(elsewhere: Path) -> None:
    assert kernel.loaded() is None
    assert kernel.build().startswith("compiled the kernel")
    made = kernel.path().stat().st_mtime_ns
    assert kernel.build() == "the kernel is compiled"
    assert kernel.path().stat().st_mtime_ns == made
    assert sorted(elsewhere.parent.iterdir()) == sorted([elsewhere, kernel.path()])
    kernel.loaded.cache_clear()
    assert kernel.loaded() is not None


def test_a_library_of_another_source_or_other_flags_is_not_loaded_and_not_kept(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.build()
    first = kernel.path()
    monkeypatch.setattr(kernel, "FLAGS", (*kernel.FLAGS, "-DOTHER"))
    assert kernel.path() != first
    elsewhere.write_text(SOURCE + "\n", encoding="utf-8")
    kernel.loaded.cache_clear()
    assert kernel.loaded() is None
    kernel.build()
    assert not first.exists()


def test_a_library_that_does_not_load_leaves_the_work_to_numpy(elsewhere: Path) -> None:
    kernel.path().write_bytes(b"of another machine")
    assert kernel.loaded() is None


def test_without_a_compiler_set_up_says_that_numpy_serves(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert "no C compiler" in kernel.build()
    assert kernel.loaded() is None
    score(drawn(TOY, 3, seed=7), TOY)


def test_a_source_that_cannot_be_compiled_stops_set_up_and_leaves_nothing(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere.write_text("this is not C\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="cannot be compiled"):
        kernel.main()
    assert "error" in capfd.readouterr().err
    assert list(elsewhere.parent.iterdir()) == [elsewhere]


def test_the_command_of_set_up_finds_the_kernel_compiled() -> None:
    ran = subprocess.run([sys.executable, "-m", "risk_models.kernel"], capture_output=True, text=True, check=True)
    assert ran.stdout == "the kernel is compiled\n"
