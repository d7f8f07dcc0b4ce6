"""Answers as people read them in reports and on pages."""

from questionnaires.form import load_combined_form
from service.report_content.labels import format_answer


def test_numbers_are_read_with_separators_and_units():
    form = load_combined_form("site")
    answers = (("wage", 4901798.0), ("workers_total", 1240.0), ("workers_total", 1.0), ("migrant_pct", 12.5))
    assert [format_answer(form, *one) for one in answers] == ["4,901,798", "1,240 workers", "1 worker", "12.5%"]
