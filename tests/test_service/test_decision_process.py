"""The process in which a web process has onboarding decisions made."""

import os
import signal
from datetime import date

import pytest
from patience import wait_until

from service import decision_process
from service.decision_process import DecisionProcess
from service.report_content.decided import Onboarding

ANSWERS = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "agencies": ["Swift Hands"]}


@pytest.mark.fault
def test_decisions_are_the_same_in_the_process_while_it_is_stopped_and_after_it_was_killed(
    monkeypatch: pytest.MonkeyPatch,
):
    day = date(2026, 11, 27)
    supplier = Onboarding("site", ANSWERS, day, {"swift hands": 80.0}, "2026.7", None, None, sees_worker_derived=True)
    without_models = Onboarding("site", ANSWERS, date(1999, 1, 1), {}, "2026.7", None, None, sees_worker_derived=True)
    process = DecisionProcess()
    try:
        expected = process.decide(supplier)  # made here, as the process is still starting
        wait_until(process.find_process)
        assert process.decide(supplier) == expected
        with pytest.raises(LookupError):
            process.decide(without_models)
        number = process.find_process()
        with monkeypatch.context() as hasty:
            hasty.setattr(decision_process, "PATIENCE", 0.1)
            os.kill(number, signal.SIGSTOP)
            assert process.decide(supplier) == expected
            os.kill(number, signal.SIGCONT)
        assert (process.decide(supplier), process.find_process()) == (expected, number)
        os.kill(number, signal.SIGKILL)
        wait_until(lambda: process.decide(supplier) == expected and process.find_process() is None)
    finally:
        process.close()
