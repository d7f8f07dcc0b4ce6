"""The process in which a web process has onboarding decisions made."""

import os
import signal
from datetime import date
from multiprocessing import active_children
from typing import Any

import pytest
from patience import wait_until

from service import decision_process
from service.decision_process import DecisionProcess
from service.report_content.decided import Onboarding, decide_onboarding

ANSWERS = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "agencies": ["Swift Hands"]}


@pytest.mark.fault
def test_decisions_are_the_same_in_the_process_while_it_is_stopped_and_after_it_was_killed(
    monkeypatch: pytest.MonkeyPatch,
):
    day = date(2026, 11, 27)
    supplier = Onboarding("site", ANSWERS, day, {"swift hands": 80.0}, "2026.7", None, None, sees_worker_derived=True)
    without_models = Onboarding("site", ANSWERS, date(1999, 1, 1), {}, "2026.7", None, None, sees_worker_derived=True)
    process, others, made_here = DecisionProcess(), {*active_children()}, []

    def decide_here(supplier: Onboarding) -> dict[str, Any]:
        made_here.append(supplier)
        return decide_onboarding(supplier)

    def is_made_here() -> bool:
        made_here.clear()
        assert process.decide(supplier) == expected
        return bool(made_here)

    monkeypatch.setattr(decision_process, "decide_here", decide_here)
    try:
        expected = process.decide(supplier)
        assert made_here, "the process is still starting"
        wait_until(lambda: not is_made_here())
        with pytest.raises(LookupError):
            process.decide(without_models)
        (child,) = {*active_children()} - others
        with monkeypatch.context() as hasty:
            hasty.setattr(decision_process, "PATIENCE", 0.1)
            os.kill(child.pid, signal.SIGSTOP)
            assert is_made_here()
            os.kill(child.pid, signal.SIGCONT)
        assert not is_made_here()
        assert {*active_children()} - others == {child}, "it is the same process"
        child.kill()
        wait_until(is_made_here)
    finally:
        process.close()
