"""Test `diligence forms`: the forms for suppliers are short, plain and complete, and a form that is not is reported."""

from collections.abc import Mapping
from typing import Any

import pytest

from questionnaires.form import Questionnaire, build_form
from service import cli
from service.model_governance.form_check import check_form, check_forms

GOOD = {"feeds": ["x"], "core": True}


def make_form(*questions: Mapping[str, Any]) -> Questionnaire:
    """Return a form for suppliers with these questions."""
    items = [
        {
            "id": f"q{number}",
            "section": "S",
            "type": "text",
            "title": f"Q {number}",
            "ask": "Who pays for the job?",
            **each,
        }
        for number, each in enumerate(questions)
    ]
    data = {"id": "toy", "version": "1.1", "title": "Toy", "kind": "site", "method": 4, "question": items}
    return build_form(data, "toy.toml")


def list_faults(*questions: Mapping[str, Any]) -> list[str]:
    """Return the faults of a form."""
    return list(check_form(make_form(*questions)).faults)


def test_the_forms_for_suppliers_have_no_faults() -> None:
    reports = check_forms()
    assert {report.form.id for report in reports} >= {"site", "site_fishing", "agency"}
    assert [fault for report in reports for fault in report.faults] == []


def test_a_good_form_has_no_faults() -> None:
    assert list_faults(GOOD, {"why": "It identifies the site."}) == []


@pytest.mark.parametrize(
    ("questions", "fault"),
    [
        ([GOOD, {}], "toy.toml: q1 feeds no indicator and does not say why it is asked (why)"),
        (
            [{**GOOD, "ask": "Is it safe, and who checks it?"}],
            "toy.toml: q0 asks two things: 'Is it safe, and who checks it?'",
        ),
        (
            [{**GOOD, "ask": "Is identity documentation administered by intermediaries?"}],
            "toy.toml: q0 has reading grade",
        ),
        ([{"feeds": ["x"]}], "toy.toml: no question is core"),
        ([GOOD] * 26, "toy.toml: 26 questions are core; the maximum is 25"),
        ([{**GOOD, "minutes": 12}] * 2, "toy.toml: the core takes 24 minutes; the maximum is 20"),
        ([GOOD, {**GOOD, "audience": "buyer"}], "toy.toml: q1 cannot be core, because the recipient is not asked"),
    ],
)
def test_a_form_that_is_long_or_hard_to_read_is_reported(questions: list[dict[str, Any]], fault: str) -> None:
    (found,) = list_faults(*questions)
    assert found.startswith(fault)


def test_the_command_prints_each_form_with_its_core_and_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["forms", "check"]) == 0
    out = capsys.readouterr().out
    assert "site_fishing         2026.9   105 questions in 28 minutes; core: 25 in 11" in out
    assert "    Simplified Chinese: 183 of 183 texts of the core translated, 0 confirmed\n" in out
    assert out.endswith("No problems found.\n")


def test_the_command_lists_what_changes_between_two_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["forms", "changes", "site", "2026.4", "2026.6"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Site: from version 2026.4 to 2026.6\nCarried over unchanged: ")
    assert "New: questions_shown\n" in out
    assert cli.main(["forms", "changes", "site", "2020.1"]) == 2
    assert "there is no such form" in capsys.readouterr().err
