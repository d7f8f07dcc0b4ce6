"""The two engines that give the same scores: the compiled kernel and numpy."""

import pytest

from risk_models import kernel


def use(engine: str, patch: pytest.MonkeyPatch) -> None:
    """Has the scores that follow made by one engine. The kernel must be there: `scripts/setup test` compiles it."""
    if engine == "numpy":
        patch.setattr(kernel, "loaded", lambda: None)
    else:
        assert kernel.loaded() is not None, "the kernel is not compiled: run scripts/setup test"
