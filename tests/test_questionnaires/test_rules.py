"""Rules that look at more than one answer, each with its cases; `test_validate.py` has those of whole sheets."""

from questionnaires.form import load_reading_form
from tests.test_questionnaires.tables import codes, said, submitted


def test_an_agency_form_that_came_back_with_both_numbers_of_workers_is_read() -> None:
    returned = submitted(
        """| Agency         | workers_total | workers_migrant | form_version  | form_returned |
           | Kite Placement | 200           | 150             | agency 2026.2 | 2026-02-01    |""",
        form=load_reading_form("agency"),
    )
    assert said(returned, "workers_migrant") == [150.0]
    assert "migrant_pct" not in returned.answers, "the form does not ask for a share"
    assert codes(returned) == []
