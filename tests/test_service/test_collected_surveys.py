"""Surveys with KoboToolbox and ODK: each row of an export counts as an answer on the pages does, and leaves nothing behind."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from callers import freeze_time, make_browser, make_organisation, make_user
from flask import Flask
from openpyxl import load_workbook
from portal import make_portal
from sqlalchemy.orm import Session
from test_taking_findings import AT, ON
from test_worker_surveys import BY_ORIGIN, HELD, PLAN, Surveyed, act_on, quick, read_rows  # noqa: F401  a fixture

from service.db.session import Database
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.worker_voice import collecting, surveys


def write_export(codes: Sequence[str], group: str = "MM", **other: str) -> bytes:
    """Return what KoboToolbox exports, with a row for each code."""
    row = {"agreed": "yes", "group": group, **HELD, "_uuid": "5f2c", "_submission_time": "2026-11-28T08:00:00", **other}
    file = io.StringIO()
    writer = csv.DictWriter(file, ["code", *row], delimiter=";")
    writer.writeheader()
    writer.writerows({"code": code, **row} for code in codes)
    return file.getvalue().encode()


def count(session: Session, survey: WorkerSurvey, data: bytes) -> collecting.Counted:
    export = collecting.read_export(session, survey, data, "export.csv", ON)
    return collecting.count_export(session, survey, export, ON)


def test_a_row_without_consent_an_unused_code_a_group_or_an_answer_changes_nothing(quick: Session):  # noqa: F811
    surveyed = Surveyed(quick, BY_ORIGIN)
    code, other = surveys.issue_codes(quick, surveyed.survey, 2, act_on())
    before = read_rows(quick)
    nothing = dict.fromkeys(HELD, "")
    for data, reason in (
        (write_export([code], agreed="no"), "survey.not_agreed"),
        (write_export(["ACDEF-GHJKL"]), "survey.wrong_code"),
        (write_export([code], group="all"), "survey.wrong_group"),
        (write_export([code], **nothing), "survey.no_answers"),
    ):
        assert count(quick, surveyed.survey, data) == collecting.Counted(0, ((2, reason),))
    assert read_rows(quick) == before
    assert count(quick, surveyed.survey, write_export([code, code, other])) == collecting.Counted(
        2, ((3, "survey.wrong_code"),)
    )
    assert count(quick, surveyed.survey, write_export([code, other])).answers == 0, (
        "the same export again counts nothing"
    )


def test_an_export_counts_only_while_its_survey_is_open_and_never_more_rows_than_workers(quick: Session):  # noqa: F811
    surveyed = Surveyed(quick, BY_ORIGIN)
    codes = surveys.issue_codes(quick, surveyed.survey, 1, act_on())
    with pytest.raises(DomainError, match="maximum is 120"):
        count(quick, surveyed.survey, write_export(["ACDEF-GHJKL"] * 121))
    late = BY_ORIGIN.closes_on + timedelta(days=1)
    with pytest.raises(DomainError) as refused:
        collecting.read_export(quick, surveyed.survey, write_export(codes), "export.csv", late)
    assert refused.value.code == "survey.not_open"


def test_the_form_has_only_confirmed_languages_and_names_the_helplines_and_groups_of_the_survey(quick: Session):  # noqa: F811
    surveyed = Surveyed(quick, BY_ORIGIN)
    surveyed.survey.languages = ["en", "th"]  # Thai was confirmed once, and no longer is
    book = load_workbook(io.BytesIO(collecting.build_form(quick, surveyed.survey, ON, has_recordings=False)))
    header, *rows = book["survey"].iter_rows(values_only=True)
    assert [name for name in header if "::" in name and "English" not in name] == []
    texts = " ".join(str(cell) for row in rows for cell in row)
    assert "Packers' union runs these questions" in texts
    assert "We do not know of a helpline in this country." in texts
    groups = [row[1:] for row in book["choices"].iter_rows(values_only=True) if row[0] == "group"]
    assert groups[:2] == [("MM", "Myanmar (Burma)"), ("KH", "Cambodia")]
    surveyed.survey.languages = ["th"]
    with pytest.raises(DomainError, match="The translations into the languages"):
        collecting.build_form(quick, surveyed.survey, ON, has_recordings=False)


def test_whoever_runs_a_survey_sends_an_export_without_an_account_and_it_leaves_only_counts(
    app: Flask,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    freeze_time(monkeypatch, AT)
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        surveyed = Surveyed(session, replace(PLAN, workers=30))
        survey_id, page = surveyed.survey.id, f"/voice/{surveyed.survey.address}/export"
        codes = surveys.issue_codes(session, surveyed.survey, 16, act_on())
    with database.for_organisation(organisation_id) as session:
        before = read_rows(session)
    capsys.readouterr()
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", None)  # a file on the disk would fail
    union = app.test_client()
    with monkeypatch.context() as patched:  # without a valid code nothing is written, not even for a moment
        patched.setattr(collecting, "count_export", None)
        unknown = union.post(page, data={"file": (io.BytesIO(write_export(["ACDEF-GHJKL"])), "export.csv")})
        assert "Answers counted: 0." in unknown.get_data(as_text=True)
    assert "Count answers" in union.get(page).get_data(as_text=True)
    data = write_export([*codes, "ACDEF-GHJKL"], _notes="x" * 28_000)
    upload = {"file": (io.BytesIO(data), "export.csv")}
    sent = union.post(page, data=upload)
    assert sent.status_code == 200
    assert "Answers counted: 16." in sent.get_data(as_text=True)
    assert "Rows: 18." in sent.get_data(as_text=True)
    assert not any(code in sent.get_data(as_text=True) for code in codes)
    assert capsys.readouterr().err == ""
    assert union.post(page, data=b"x" * 500_001, content_type="multipart/form-data; boundary=a").status_code == 413
    assert union.post(page, data={"file": (io.BytesIO(b"name\nA\n"), "export.csv")}).status_code == 422
    assert union.post(page).status_code == 422
    with database.for_organisation(organisation_id) as session:
        after = read_rows(session)
        assert {name for name in before if before[name] != after[name]} == {"survey_code", "survey_count"}
    portal = make_portal(app, organisation_id, "cases:read", "cases:write")
    assert portal.get(f"/worker-surveys/{survey_id}/form?recordings=yes").status_code == 200
    recordings = portal.get(f"/worker-surveys/{survey_id}/recordings").data.decode("utf-8-sig")
    assert "own_papers_en.mp3,en,I can get my passport or ID card any time I want." in recordings
    closed = portal.post(f"/worker-surveys/{survey_id}/close").json
    held = next(one for one in closed["figures"] if one["statement"] == "own_papers")
    assert held["groups"] == [{"group": "all", "answered": 16, "adverse": 16}]
    browser = make_browser(app, make_user(database, organisation_id, "case_handler"))
    assert browser.get(f"/worker-surveys/{survey_id}/form").mimetype.endswith("sheet")
    assert browser.get(f"/worker-surveys/{survey_id}/recordings").mimetype == "text/csv"
