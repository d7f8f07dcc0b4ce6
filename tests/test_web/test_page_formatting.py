"""Numbers and dates read the same on every page."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from service.jobs import kinds
from service.web.formatting import describe_actor, format_day, format_moment, format_partial_date, format_plural
from service.web.pages.imports import JOB_TITLES


@pytest.fixture
def app() -> Flask:
    """Return an application whose reader is in Bangkok."""
    app = Flask("test")
    Babel(app, timezone_selector=lambda: "Asia/Bangkok")
    return app


def test_a_day_and_a_moment_are_those_of_the_reader(app: Flask) -> None:
    late = datetime(2026, 9, 30, 20, 5, tzinfo=UTC)
    with app.test_request_context():
        assert format_day(date(2026, 9, 30)) == "30 Sep 2026"
        assert format_day(late) == "1 Oct 2026"
        assert format_moment(late) == "1 Oct 2026, 03:05"


@pytest.mark.parametrize(("num", "text"), [(0, "0 sites of 3"), (1, "1 site of 3"), (12345, "12,345 sites of 3")])
def test_a_count_has_its_comma_and_its_plural(app: Flask, num: int, text: str) -> None:
    with app.test_request_context(), force_locale("en_GB"):
        assert format_plural("%(num)s site of %(of)s", "%(num)s sites of %(of)s", num, of=3) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-20", "20 Nov 2026"), ("2026-11", "Nov 2026"), ("2026", "2026"), ("", ""),
        ("since 2019", "since 2019"), ("2026-13", "2026-13"),
    ],
)  # fmt: skip
def test_a_date_of_a_day_a_month_or_a_year_is_shown_like_other_dates(text: str, shown: str) -> None:
    assert format_partial_date(text) == shown


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        ("user:u1", "Ana Marín"), ("u1", "Ana Marín"), ("user:u2", "A user who no longer has an account"), (None, ""),
        ("system:remediation", "Done automatically by Diligence"), ("link:l1", "The supplier, through its link"),
        ("key:k1", "An API key"),
    ],
)  # fmt: skip
def test_who_did_something_is_shown_in_words_and_never_as_a_code(app: Flask, actor: str | None, shown: str) -> None:
    with app.test_request_context(), force_locale("en_GB"):
        assert describe_actor(actor, {"u1": "Ana Marín"}) == shown


def test_every_kind_of_job_has_a_title_for_people() -> None:
    assert set(JOB_TITLES) == {value for name, value in vars(kinds).items() if name.isupper()}
