"""How many examples a property test draws, by the profile of Hypothesis that `conftest.py` has loaded.

By default a test draws 100 in the suite, and ten times as many with `scripts/test --long`. Where an example takes long a
test says how many it draws in the suite: `@examples(40)`; with `--long` that is ten times as many too.
"""

from hypothesis import HealthCheck, settings

TIMES = settings.default.max_examples // 100  # 1 in the suite


def examples(count: int, *suppressed: HealthCheck) -> settings:
    """Settings for as many examples as 100 are in the suite; how long they take to draw never counts."""
    return settings(max_examples=count * TIMES, suppress_health_check=[HealthCheck.too_slow, *suppressed])


def invariant(count: int) -> settings:
    """Settings for an invariant of the method: ``count`` examples in the suite, 20,000 with ``--long``."""
    return settings(max_examples=count if TIMES == 1 else 20_000, suppress_health_check=[HealthCheck.too_slow])
