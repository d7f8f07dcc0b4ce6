"""The tests of what the method says run by each engine: `pytestmark = pytest.mark.usefixtures("each_engine")`."""

from collections.abc import Iterator

import pytest

from tests.test_risk_models.engines import use


@pytest.fixture(scope="module", params=("kernel", "numpy"))
def each_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use(request.param, patch)
        yield
