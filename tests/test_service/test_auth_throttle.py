"""Guessing passwords: after a few failures each further one doubles the wait, for an account and for an address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from callers import PASSWORD, a_browser, a_user, an_organisation, send, stop_the_clock
from flask import Flask
from sqlalchemy import select

from service.auth.throttle import (
    AllowedAttempt,
    Blocked,
    clear_failures,
    compute_delay,
    normalize_address,
    register_attempt,
)
from service.db.session import Database
from service.db.tables import SignInAttempt

SECRET, ANA, HERE = b"k" * 32, "ana@harbour.example", "192.0.2.7"
START = datetime(2026, 11, 25, 9, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("quick_hashes")


def fail(database: Database, times: int, email: str = ANA, address: str = HERE) -> None:
    for _ in range(times):
        assert isinstance(register_attempt(database, SECRET, email, address), AllowedAttempt)


@pytest.fixture(autouse=True)
def nine_o_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch, START)


def test_five_failures_are_free_and_the_sixth_waits(database: Database):
    fail(database, 5)
    assert register_attempt(database, SECRET, ANA, HERE) == Blocked(2)


def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(database: Database, monkeypatch):
    fail(database, 5)
    at, waits = START, []
    for _ in range(12):
        told = register_attempt(database, SECRET, ANA, HERE)
        waits.append(told.seconds)
        at += timedelta(seconds=told.seconds)
        stop_the_clock(monkeypatch, at)
        fail(database, 1)
    assert waits == [2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 901, 901]
    assert compute_delay(10_000) == timedelta(minutes=15)


def test_an_attempt_that_was_not_let_through_does_not_lengthen_the_wait(database: Database):
    fail(database, 5)
    assert {register_attempt(database, SECRET, ANA, HERE) for _ in range(20)} == {Blocked(2)}


def test_an_account_is_counted_whatever_the_address(database: Database):
    for n in range(5):
        fail(database, 1, address=f"192.0.2.{n}")
    assert isinstance(register_attempt(database, SECRET, ANA.upper(), "192.0.2.99"), Blocked)
    assert isinstance(register_attempt(database, SECRET, "bo@harbour.example", "192.0.2.99"), AllowedAttempt)


def test_an_address_is_counted_whatever_the_account(database: Database):
    for n in range(20):
        fail(database, 1, email=f"user{n}@harbour.example")
    assert isinstance(register_attempt(database, SECRET, ANA, HERE), Blocked)
    assert isinstance(register_attempt(database, SECRET, ANA, "192.0.2.8"), AllowedAttempt)


def test_signing_in_forgets_the_account_and_not_the_address(database: Database):
    for n in range(16):
        fail(database, 1, email=f"user{n}@harbour.example")
    fail(database, 3)
    clear_failures(database, register_attempt(database, SECRET, ANA, HERE))
    fail(database, 1)
    with database.unscoped() as session:
        keys = session.scalars(select(SignInAttempt.key)).all()
    assert sorted(keys.count(key) for key in set(keys)) == [1] * 17 + [20]
    assert isinstance(register_attempt(database, SECRET, ANA, HERE), Blocked)


def test_failures_are_forgotten_after_a_day(database: Database, monkeypatch: pytest.MonkeyPatch):
    fail(database, 5)
    stop_the_clock(monkeypatch, START + timedelta(hours=24, seconds=1))
    fail(database, 5)
    with database.unscoped() as session:
        assert len(session.scalars(select(SignInAttempt)).all()) == 10


def test_neither_account_nor_address_can_be_read_from_the_table(database: Database):
    fail(database, 1)
    with database.unscoped() as session:
        kept = session.scalars(select(SignInAttempt.key)).all()
    assert all(len(key) == 64 and "ana" not in key and "192" not in key for key in kept)


def test_one_subscriber_of_ipv6_is_one_address():
    assert normalize_address("2001:db8:1:2::1") == normalize_address("2001:db8:1:2:ffff::9")
    assert normalize_address("2001:db8:1:2::1") != normalize_address("2001:db8:1:3::1")


def test_many_guesses_at_once_do_not_slip_through_together(database: Database):
    fail(database, 4)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: register_attempt(database, SECRET, ANA, HERE), range(16)))
    assert sum(isinstance(one, AllowedAttempt) for one in told) <= 1


def test_a_throttled_account_is_refused_even_the_right_password_and_an_unknown_one_gets_the_same_answer(
    app: Flask, database: Database
):
    a_user(database, an_organisation(database), email=ANA)
    told = []
    for email in (ANA, "nobody@harbour.example"):
        client = app.test_client()
        for _ in range(5):
            send(client, "/sign-in", email=email, password="not the password")
        answer = send(client, "/sign-in", email=email, password=PASSWORD)
        alert = answer.get_data(as_text=True).partition('role="alert"')[2].partition("</p>")[0]
        told.append((answer.status_code, answer.headers["Retry-After"], alert))
    assert told[0] == told[1] == (429, "2", ">Too many attempts. Try again in 2 seconds.")


def test_the_current_password_cannot_be_guessed_in_a_browser_left_open(app: Flask, database: Database):
    client = a_browser(app, a_user(database, an_organisation(database), email=ANA))
    tries = [send(client, "/password", current="guess", new="n" * 20, again="n" * 20).status_code for _ in range(6)]
    assert tries == [422] * 5 + [429]
