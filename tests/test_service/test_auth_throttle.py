"""Throttling of sign-ins: after some free failures each further one doubles the delay, by account and by address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from callers import PASSWORD, freeze_time, make_browser, make_organisation, make_user, send
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
    freeze_time(monkeypatch, START)


def test_five_failures_are_free_and_the_sixth_attempt_waits(database: Database):
    fail(database, 5)
    assert register_attempt(database, SECRET, ANA, HERE) == Blocked(2)


def test_each_further_failure_doubles_the_delay_up_to_a_quarter_of_an_hour(database: Database, monkeypatch):
    fail(database, 5)
    at, waits = START, []
    for _ in range(12):
        results = register_attempt(database, SECRET, ANA, HERE)
        waits.append(results.seconds)
        at += timedelta(seconds=results.seconds)
        freeze_time(monkeypatch, at)
        fail(database, 1)
    assert waits == [2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 901, 901]
    assert compute_delay(10_000) == timedelta(minutes=15)


def test_a_blocked_attempt_does_not_lengthen_the_delay(database: Database):
    fail(database, 5)
    assert {register_attempt(database, SECRET, ANA, HERE) for _ in range(20)} == {Blocked(2)}


def test_failures_of_an_account_are_counted_across_addresses(database: Database):
    for n in range(5):
        fail(database, 1, address=f"192.0.2.{n}")
    assert isinstance(register_attempt(database, SECRET, ANA.upper(), "192.0.2.99"), Blocked)
    assert isinstance(register_attempt(database, SECRET, "bo@harbour.example", "192.0.2.99"), AllowedAttempt)


def test_failures_of_an_address_are_counted_across_accounts(database: Database):
    for n in range(20):
        fail(database, 1, email=f"user{n}@harbour.example")
    assert isinstance(register_attempt(database, SECRET, ANA, HERE), Blocked)
    assert isinstance(register_attempt(database, SECRET, ANA, "192.0.2.8"), AllowedAttempt)


def test_signing_in_clears_the_failures_of_the_account_but_not_of_the_address(database: Database):
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
    freeze_time(monkeypatch, START + timedelta(hours=24, seconds=1))
    fail(database, 5)
    with database.unscoped() as session:
        assert len(session.scalars(select(SignInAttempt)).all()) == 10


def test_neither_account_nor_address_can_be_read_from_the_table(database: Database):
    fail(database, 1)
    with database.unscoped() as session:
        stored = session.scalars(select(SignInAttempt.key)).all()
    assert all(len(key) == 64 and "ana" not in key and "192" not in key for key in stored)


def test_an_ipv6_subscriber_counts_as_one_address():
    assert normalize_address("2001:db8:1:2::1") == normalize_address("2001:db8:1:2:ffff::9")
    assert normalize_address("2001:db8:1:2::1") != normalize_address("2001:db8:1:3::1")


def test_concurrent_guesses_are_counted(database: Database):
    fail(database, 4)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: register_attempt(database, SECRET, ANA, HERE), range(16)))
    assert sum(isinstance(one, AllowedAttempt) for one in results) <= 1


def test_a_throttled_account_is_refused_even_with_the_right_password_like_an_unknown_one(
    app: Flask, database: Database
):
    make_user(database, make_organisation(database), email=ANA)
    results = []
    for email in (ANA, "nobody@harbour.example"):
        client = app.test_client()
        for _ in range(5):
            send(client, "/sign-in", email=email, password="not the password")
        answer = send(client, "/sign-in", email=email, password=PASSWORD)
        alert = answer.get_data(as_text=True).partition('role="alert"')[2].partition("</p>")[0]
        results.append((answer.status_code, answer.headers["Retry-After"], alert))
    assert results[0] == results[1] == (429, "2", ">Too many attempts. Try again in 2 seconds.")


def test_the_current_password_cannot_be_guessed_in_a_browser_left_open(app: Flask, database: Database):
    client = make_browser(app, make_user(database, make_organisation(database), email=ANA))
    tries = [send(client, "/password", current="guess", new="n" * 20, again="n" * 20).status_code for _ in range(6)]
    assert tries == [422] * 5 + [429]
