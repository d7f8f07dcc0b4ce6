"""Test that a result separates what the supplier can change from what it cannot, and says what a better answer would win."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from questionnaires.form import load_combined_form
from reports.document import Detail, Reason, Step
from risk_models.answers import Confirmation, EvidencePiece, from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.assessment.assess import Batch, assess
from service.report_content.build import build_details
from tests.test_reports.sample import ON as DAY
from tests.test_reports.sample import make_headline

ON = date(2026, 11, 20)
FACTS = load_facts().as_of(ON)
MODELS = [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == "2026.4"]
MILL: dict[str, Any] = {
    "name": "Blue Thread Mill", "country": "BD", "sector": ["1410"], "answered_on": "2026-10-05", "migrant_pct": 40.0,
    "papers_retention": "held", "movement": "free", "recruitment_fees": "most", "worker_debt": "declined",
    "grievance_channel": "unused", "violence": "none_known",
}  # fmt: skip


def build(answers: dict[str, Any], kind: str = "site") -> Detail:
    batch = Batch(kind, from_rows([answers]), "s.xlsx", "Rows", np.array([2]))  # type: ignore[arg-type]
    return build_details(assess([batch], FACTS, ON, MODELS)[0], FACTS, ON)[0]


def get_reason(detail: Detail, title: str) -> Reason:
    (reason,) = (reason for reason in detail.reasons if reason.title == title)
    return reason


def confirm_by_workers(answers: dict[str, Any], question: str) -> dict[str, Any]:
    confirmation = Confirmation("Invented Officer", "2026-11-01", "REF-1", (question,))
    piece = EvidencePiece("worker_voice", "2026-11-01", None, (question,), None, confirmation)
    return answers | {"evidence": (piece,)}


def test_the_two_parts_and_the_rules_add_up_to_the_score():
    for answers in (MILL, MILL | {"country": "CN", "region": "Xinjiang"}, MILL | {"country": None}):
        detail = build(answers)
        total = detail.fixed_points + detail.answer_points + (detail.headline.uplift or 0.0)
        assert total == pytest.approx(detail.headline.score, abs=1e-9)
        assert len(detail.fixed) + len(detail.changeable) == len(detail.reasons)


def test_country_sector_and_law_cannot_be_changed_but_answers_can():
    detail = build(MILL)
    assert {reason.kind for reason in detail.fixed} == {"context"}
    assert {"Share of migrant workers", "Control of corruption"} <= {reason.title for reason in detail.fixed}
    assert {reason.title for reason in detail.changeable if reason.kind == "context"} <= {
        "Why the level is not Low",
        "No agency named",
    }


def test_a_flag_left_blank_can_be_changed_and_a_flag_given_cannot():
    vessel = {"name": "Sea Heron", "country": "TH", "sector": ["0311"], "answered_on": "2026-10-05", "movement": "free"}
    declined, given = build(vessel | {"flag": "declined"}), build(vessel | {"flag": "PA"})
    is_of_flag = [r for r in declined.reasons if r.kind == "context" and r.state == "declined"]
    assert is_of_flag
    assert all(reason.changeable for reason in is_of_flag)
    assert not [r for r in given.changeable if r.kind == "context" and r.state not in ("", "not_named")]


def test_findings_come_first_then_what_is_open_then_the_rest():
    groups = [reason.group for reason in build(MILL).changeable]
    assert groups == sorted(groups, key=("finding", "unresolved", "other", "not_asked").index)
    assert {"finding", "unresolved", "other", "not_asked"} == set(groups)


def test_within_a_group_what_can_be_acted_on_comes_first():
    step = Step("pay_back", "Pay back", "Do it.", "1", "act", "supplier", DAY, None, False, "", "")
    made = [
        Reason("answer", title, "", "answered", "", points, could_win=win, actions=actions, harm=True)
        for title, points, win, actions in (
            ("nothing to win", 9.0, 0.0, ("pay_back",)),
            ("no step", 0.0, 8.0, ("other",)),
            ("little", 0.0, 1.0, ("pay_back",)),
            ("much", 0.0, 5.0, ("other", "pay_back")),
        )
    ]
    detail = Detail(make_headline(), tuple(made), (), (step,))
    assert [reason.title for reason in detail.changeable] == ["much", "little", "no step", "nothing to win"]


def test_the_best_answer_confirmed_by_workers_wins_the_points_stated():
    before = build(MILL)
    for title, question, best in (
        ("Identity documents withheld", "papers_retention", "worker_holds"),
        ("Restricted movement", "movement", "free"),
        ("Debt incurred for the job", "worker_debt", "none_checked"),
        ("No effective grievance channel", "grievance_channel", "used_independent"),
        ("Deception about the job", "promises_kept", "asked_kept"),
    ):
        after = build(confirm_by_workers(MILL | {question: best}, question))
        won = get_reason(before, title).points - get_reason(after, title).points
        assert won == pytest.approx(get_reason(before, title).could_win, abs=1e-9), title


def test_no_answer_wins_more_points_than_stated():
    before = build(MILL)
    questions = {question.id: question for question in load_combined_form("site").questions}
    for title, question in (
        ("Identity documents withheld", "papers_retention"),
        ("Recruitment fees paid by workers", "recruitment_fees"),
        ("Violence", "violence"),
    ):
        reason = get_reason(before, title)
        for answer in (choice.code for choice in questions[question].choices):
            after = get_reason(build(confirm_by_workers(MILL | {question: answer}, question)), title)
            assert reason.points - after.points <= reason.could_win + 1e-9, (title, answer)


def test_where_labour_is_imposed_only_what_is_worse_than_the_place_can_be_won():
    detail = build(MILL | {"country": "CN", "region": "Xinjiang"})
    answers = [reason for reason in detail.reasons if reason.kind == "answer"]
    assert answers
    for reason in answers:
        assert reason.could_win == pytest.approx(max(0.0, reason.points), abs=1e-9)
