"""Run tasks on untrusted bytes in a sandboxed process, which may use limited memory and time, and can open nothing.

Everything that looks into an uploaded file runs there: reading its cells, searching them for personal data, matching its columns
and validating its answers. What comes back is data. A file may crash its process; the caller gets ``file.corrupt``.

A template process (``sandbox_process.py``) imports the libraries once and forks a process for each task, since importing them
takes ten times as long as reading a small file. A template serves one caller at a time; threads take one each.
"""

from __future__ import annotations

import atexit
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL, SIGXCPU
from typing import IO, Any

from questionnaires.limits import FileRefused, Limits

PROCESS_CODE = "import sys; sys.path += sys.argv[1:]; from questionnaires.sandbox_process import serve; serve()"
LIBRARIES = ("PIL", "marshmallow", "numpy", "python_calamine", "rapidfuzz")
ANSWER = struct.Struct(
    "<qq"
)  # the exit status of the task (negative: the signal that ended it), and the length of its answer
TOO_SLOW = (-SIGXCPU, -SIGKILL)


class SandboxFault(RuntimeError):
    """Raised for an error of ours in a sandboxed process: where it occurred, without the texts it occurred on."""


class _Template:
    """A running template process, and its pipes."""

    def __init__(self) -> None:
        origins = [spec.origin for spec in map(find_spec, LIBRARIES) if spec and spec.origin]
        folders = dict.fromkeys([Path(__file__).parents[1], *(Path(origin).parents[1] for origin in origins)])
        # Nothing is handed over: no secrets in the environment, no open files.
        environment = {key: value for key, value in os.environ.items() if key == "LD_LIBRARY_PATH"}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROCESS_CODE, *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, "OPENBLAS_NUM_THREADS": "1"},  # a process with threads cannot fork safely
            cwd="/",
        )

    def ask(self, header: bytes, data: bytes) -> tuple[int, bytes]:
        """Return the exit status of a task and what it answered. Raises OSError if the template has died."""
        for part in (header, b"\n", data):
            self._stdin.write(part)
        self._stdin.flush()
        status, size = ANSWER.unpack(self._read(ANSWER.size))
        return status, self._read(size)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        for pipe in (self._stdin, self._stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()

    def _read(self, size: int) -> bytes:
        data = self._stdout.read(size)
        if len(data) < size:
            raise BrokenPipeError("the process from which sandboxed processes are started has died")
        return data

    @property
    def _stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


_idle: list[_Template] = []
os.register_at_fork(after_in_child=_idle.clear)  # a template answers to the process that started it


@atexit.register
def _close_idle() -> None:
    while _idle:
        _idle.pop().close()


def _take_template() -> _Template:
    while _idle:
        template = _idle.pop()
        if template.process.poll() is None:
            return template
        template.close()
    return _Template()


def run(task: str, arguments: Sequence[Any], data: bytes, limits: Limits) -> bytes:
    """Return what a task (``sandbox_process.TASKS``) answers to its arguments and a file.

    Raises FileRefused for a file that the task refuses, or that crashes it or takes it too long; :class:`SandboxFault` for an
    error of ours.
    """
    header = json.dumps([task, arguments, asdict(limits), len(data)]).encode()
    template = _take_template()
    try:
        status, answer = template.ask(header, data)
    except BaseException:
        template.close()
        raise
    _idle.append(template)
    if status in TOO_SLOW:
        raise FileRefused("limit.time")
    if status:
        raise FileRefused("file.corrupt", "The reading process stopped unexpectedly.")
    return _parse_answer(answer)


def _parse_answer(answer: bytes) -> bytes:
    """Return the content of an answer. Raises what it reports, and FileRefused where it is inconsistent."""
    kind, content = answer[:1], answer[1:]
    if kind == b"A":
        return content
    report: Mapping[str, Any] = json.loads(content) if kind in (b"R", b"F") else {}
    if "refused" in report:
        raise FileRefused(*report["refused"])
    if "fault" in report:
        raise SandboxFault(report["fault"])
    raise FileRefused("file.corrupt", "The reading process stopped unexpectedly.")
