"""Rules and fixtures for all tests.

Fixtures are few. A test makes its own input in sight of the reader: a sheet is a Markdown table in the test
(`sheets.py` turns it into the bytes of a workbook), a model is a few lines of TOML, a supplier a handful of answers.
What several tests need is a plain function named after what it makes, in a module beside them, and takes what the test
is about as arguments; it is a fixture only if something must be taken down again. Files go to `tmp_path`, the day is
always given, and the names of suppliers are invented.

No test reaches the network: a connection to another machine fails the test that tried. No test asks how long something
took (`patience.py`). Warnings are errors.

There are two levels. `scripts/test` takes about 20 minutes. `scripts/test --long` also runs the tests that are marked `long`, and
draws ten times as many examples in property tests (`examples.py`). On both levels the examples are the same on every run,
so that a red run can be repeated and a green one means the same everywhere; HYPOTHESIS_PROFILE=search draws new ones.
"""

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2 import FileSystemBytecodeCache
from memory import find_memory
from network import NetworkUsedError

settings.register_profile(
    "suite", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("suite"), max_examples=1_000)
settings.register_profile(
    "search", settings.get_profile("suite"), max_examples=2_000, derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_configure() -> None:
    """Keep `tmp_path` in memory where there is room; pytest removes those of tests that passed. What is loaded until all tests
    are collected stays until the end, so there is no garbage to look for.
    """
    gc.disable()
    if memory := find_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_collection_finish() -> None:
    """Leave out of every garbage collection what lives until the end of the run: the modules and all collected tests. Going
    through them took up to a third of the time of a test.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def is_local_address(sock: socket.socket, address: object) -> bool:
    """Return whether an address to connect to is on this machine."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0]) if isinstance(address, tuple) else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile each template of pages once, for all applications that tests create."""
    with pytest.MonkeyPatch.context() as patch:
        cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": cache})
        yield


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Allow connections to this machine only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)

            def guarded(sock: socket.socket, address: object, original=original) -> object:
                if not is_local_address(sock, address):
                    raise NetworkUsedError(f"a test tried to reach {address}")
                return original(sock, address)

            patch.setattr(socket.socket, name, guarded)
        yield
