"""The sandboxed process: what it may use, what happens where a task fails, and that everything untrusted runs in it."""

import os
import signal
from datetime import date

import pytest
from sheets import workbook

from questionnaires import sandbox, tables
from questionnaires.limits import FileRefused, Limits
from questionnaires.sandbox import SandboxFault
from questionnaires.tables import TableOptions
from service.imports.pipeline import Choices, parse_files

LIMITS = Limits(memory=1_000_000_000, seconds=2)
TEMPLATE = """
import os, signal, sys
sys.path += sys.argv[1:]
import socket
from questionnaires import sandbox_process

def run(data, limits, statement):
    try:
        exec(statement, globals())
    except (OSError, MemoryError) as error:
        return b"confined"
    return b"done"

sandbox_process.TASKS = {"run": run}
sandbox_process.load_lists = lambda: None
sandbox_process.serve()
"""


@pytest.fixture(autouse=True)
def template(monkeypatch):
    """Start templates whose only task is to run the statement that a test gives, and end them afterwards."""
    monkeypatch.setattr(sandbox, "_idle", idle := [])
    monkeypatch.setattr(sandbox, "PROCESS_CODE", TEMPLATE)
    yield
    for each in idle:
        each.close()


def run(statement, limits=LIMITS):
    return sandbox.run("run", [statement], b"", limits)


def get_refusal_code(statement, limits=LIMITS):
    with pytest.raises(FileRefused) as refused:
        run(statement, limits)
    return refused.value.code


@pytest.mark.fault
@pytest.mark.parametrize(
    "statement",
    ["open('/etc/hostname')", "socket.socket()", "os.pipe()", "bytearray(1_500_000_000)"],
)
def test_a_task_can_open_nothing_and_has_little_memory(statement):
    assert run(statement) == b"confined"


def test_no_secret_of_the_service_reaches_the_process(monkeypatch):
    monkeypatch.setenv("DILIGENCE_SECRET", "open sesame")
    assert run("assert b'DILIGENCE_SECRET' not in os.environb") == b"done"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("os.abort()", "file.corrupt"),
        ("os._exit(3)", "file.corrupt"),
        ("os.write(1, b'Aforged'); os._exit(1)", "file.corrupt"),
        ("while True: pass", "limit.time"),
    ],
)
def test_a_task_that_ends_badly_is_a_refused_file_and_the_next_one_is_done(statement, code):
    assert get_refusal_code(statement, Limits(memory=1_000_000_000, seconds=1)) == code
    assert run("pass") == b"done"


@pytest.mark.fault
@pytest.mark.parametrize("limit", ["elapsed_seconds", "idle_seconds"])
def test_a_task_that_sleeps_is_ended_and_the_next_one_is_done(limit):
    limits = Limits(memory=1_000_000_000, **{limit: 1})
    assert get_refusal_code("signal.pause()", limits) == "limit.time"
    assert run("pass") == b"done"


def test_a_task_that_uses_the_processor_now_and_then_is_not_taken_for_one_that_sleeps():
    statement = "import time; [(time.sleep(0.3), sum(range(200_000))) for _ in range(5)]"
    assert run(statement, Limits(memory=1_000_000_000, idle_seconds=1)) == b"done"


def test_a_task_that_must_wait_for_the_processor_longer_than_it_may_use_it_is_done():
    assert run("import time; time.sleep(2.1)", Limits(memory=1_000_000_000, seconds=1)) == b"done"


def test_an_error_of_ours_says_where_it_is_and_repeats_no_text_of_the_file():
    with pytest.raises(SandboxFault) as fault:
        run("raise ValueError('Somchai Jaidee')")
    assert "ValueError" in str(fault.value)
    assert "Somchai" not in str(fault.value)


@pytest.mark.fault
def test_a_template_that_has_died_is_replaced():
    run("pass")
    (idle,) = sandbox._idle
    os.kill(idle.process.pid, signal.SIGKILL)
    idle.process.wait()
    assert run("pass") == b"done"


def test_cells_are_matched_validated_and_searched_for_personal_data_in_the_sandboxed_process_only(monkeypatch):
    monkeypatch.undo()  # the real tasks
    reading = ("detect_kind", "match_columns", "redact_pii", "validate_sheet")
    for step in ("find_tables.find_header_row", *(f"read_table.{name}" for name in reading)):
        monkeypatch.setattr(
            f"questionnaires.{step}", lambda *_, **__: pytest.fail("read outside the sandboxed process")
        )
    header = "| Case | Site name | Nationality | Job | Finding | Phase | Note |"
    row = "| C-1 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | told by Somchai |"
    parsed = parse_files([("cases.xlsx", workbook(header, row, name="Cases"))], Choices(), date(2026, 11, 1))
    assert [issue.code for issue in parsed.issues] == ["note.removed", "case.unlinked"]


@pytest.mark.parametrize(
    "text", ["a." * 16_000, "0" * 32_000, "@" * 32_000, "1234.56" + "7" * 30_000, "\u200b" * 32_000]
)
def test_a_small_workbook_with_a_long_cell_is_read_within_the_limits(monkeypatch, text):
    monkeypatch.undo()  # the real tasks
    header = "| Case | Site name | Nationality | Job | Finding | Phase | Note |"
    row = f"| C-1 | Kumar Textiles Ltd | Nepal | Cook | Violence | work | {text} |"
    options = TableOptions("2026-11-01")
    monkeypatch.setattr(tables, "Limits", lambda: Limits(seconds=10))
    found = tables.read_tables(workbook(header, row, name="Cases"), "cases.xlsx", options)
    assert found.tables[0].submission.n_rows == 1
