"""The process in which a web process has onboarding decisions made."""

from datetime import date

import pytest
from patience import wait_until

from service.decision_process import DecisionProcess
from service.report_content.decided import Onboarding

ANSWERS = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "agencies": ["Swift Hands"]}


@pytest.mark.fault
def test_decisions_are_the_same_in_the_process_and_after_it_was_killed():
    day = date(2026, 11, 27)
    supplier = Onboarding("site", ANSWERS, day, {"swift hands": 80.0}, "2026.7", None, None, sees_worker_derived=True)
    without_models = Onboarding("site", ANSWERS, date(1999, 1, 1), {}, "2026.7", None, None, sees_worker_derived=True)
    process = DecisionProcess(2)
    try:
        expected = process.decide(supplier)  # made here, as the process is still starting
        wait_until(lambda: process.decide(supplier) == expected and process.is_running)
        assert process.decide(supplier) == expected
        with pytest.raises(LookupError):
            process.decide(without_models)  # a fault there occurs here too, and is reported as any other
        assert process.is_running
        process._process.kill()
        assert process.decide(supplier) == expected
        assert not process.is_running
    finally:
        process.close()
