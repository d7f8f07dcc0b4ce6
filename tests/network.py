"""The error of a test that tries to reach another machine (see conftest.py)."""


class NetworkUsedError(AssertionError):
    """A test tried to reach another machine."""
