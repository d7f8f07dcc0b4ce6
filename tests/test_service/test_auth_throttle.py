"""Throttling of sign-ins: guessing becomes slow, and no one can lock another user out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from callers import PASSWORD, form_token, freeze_time, make_browser, make_organisation, make_user, send
from flask import Flask
from sqlalchemy import select

from service.auth.throttle import (
    ADDRESS,
    OWN,
    AllowedAttempt,
    Blocked,
    clear_failures,
    compute_delay,
    hash_key,
    issue_device_cookie,
    normalize_address,
    read_device_cookie,
    register_attempt,
)
from service.db.account_tables import SignInAttempt
from service.db.session import Database
from service.db.tables import AuditEvent

SECRET, ANA, HERE = b"k" * 32, "ana@harbour.example", "192.0.2.7"
START = datetime(2026, 11, 25, 9, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("quick_hashes")


def fail(database: Database, times: int, email: str = ANA, address: str = HERE, device: str | None = None) -> None:
    for _ in range(times):
        assert isinstance(register_attempt(database, SECRET, email, address, device), AllowedAttempt)


def store_failures(database: Database, times: int, email: str, addresses: int) -> None:
    """Store failures of the moment at an account, spread evenly over addresses, as attackers leave them."""
    account, rows = hash_key(SECRET, "account", email), []
    for number in range(times):
        address = hash_key(SECRET, "address", f"198.51.{number % addresses}.1")
        for key in (hash_key(SECRET, "pair", account + address), account, address):
            rows.append(SignInAttempt(key=key, at=START))
    with database.unscoped() as session:
        session.add_all(rows)


@pytest.fixture(autouse=True)
def nine_o_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    freeze_time(monkeypatch, START)


def test_five_failures_are_free_and_the_sixth_attempt_waits(database: Database):
    fail(database, 5)
    assert register_attempt(database, SECRET, ANA, HERE) == Blocked(2)


def test_a_clock_that_is_set_back_makes_nobody_wait_until_it_has_caught_up(database: Database, monkeypatch):
    fail(database, 3)
    freeze_time(monkeypatch, START - timedelta(hours=5))
    fail(database, 2)
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
    assert compute_delay(10_000, OWN) == timedelta(minutes=15)


def test_a_blocked_attempt_does_not_lengthen_the_delay(database: Database):
    fail(database, 5)
    assert {register_attempt(database, SECRET, ANA, HERE) for _ in range(20)} == {Blocked(2)}


@pytest.mark.parametrize("email", [ANA, ANA.upper(), f" {ANA} "])
def test_an_account_is_counted_however_it_is_written(database: Database, email: str):
    fail(database, 5)
    assert isinstance(register_attempt(database, SECRET, email, HERE), Blocked)


def test_an_attacker_at_the_same_address_keeps_nobody_else_out(database: Database):
    fail(database, 5)
    assert isinstance(register_attempt(database, SECRET, "bo@harbour.example", HERE), AllowedAttempt)


def test_an_attacker_elsewhere_does_not_keep_the_owner_of_an_account_out(database: Database):
    for _ in range(20):
        register_attempt(database, SECRET, ANA, "198.51.100.9")
    assert isinstance(register_attempt(database, SECRET, ANA, "198.51.100.9"), Blocked)
    assert isinstance(register_attempt(database, SECRET, ANA, HERE), AllowedAttempt)


def test_a_known_device_gets_in_whatever_others_do_to_its_account_and_its_address(database: Database):
    store_failures(database, 5_000, ANA, addresses=50)
    for n in range(200):
        register_attempt(database, SECRET, f"user{n}@harbour.example", HERE)
    fail(database, 5, device="laptop")
    assert register_attempt(database, SECRET, ANA, HERE, "laptop") == Blocked(2)
    assert isinstance(register_attempt(database, SECRET, ANA, HERE, "telephone"), AllowedAttempt)


def test_guesses_at_one_account_from_many_addresses_slow_down_to_one_a_minute(database: Database):
    store_failures(database, 499, ANA, addresses=200)
    fail(database, 1, address="203.0.113.1")
    assert register_attempt(database, SECRET, ANA, "203.0.113.2") == Blocked(2)
    store_failures(database, 100, ANA, addresses=200)
    assert register_attempt(database, SECRET, ANA, "203.0.113.2") == Blocked(61)


def test_guesses_at_many_accounts_from_one_address_slow_down_to_one_in_five_seconds(database: Database):
    for n in range(100):
        fail(database, 1, email=f"user{n}@harbour.example")
    assert register_attempt(database, SECRET, ANA, HERE) == Blocked(2)
    assert compute_delay(10_000, ADDRESS) == timedelta(seconds=5)


def test_signing_in_clears_only_the_failures_of_that_address_at_that_account(database: Database):
    fail(database, 2, email="bo@harbour.example")
    fail(database, 2, address="192.0.2.8")
    fail(database, 3)
    clear_failures(database, register_attempt(database, SECRET, ANA, HERE))
    fail(database, 5)
    assert isinstance(register_attempt(database, SECRET, ANA, HERE), Blocked)
    fail(database, 3, address="192.0.2.8")
    assert isinstance(register_attempt(database, SECRET, ANA, "192.0.2.8"), Blocked)


def test_the_cookie_of_a_known_device_is_of_one_account_and_cannot_be_forged(monkeypatch: pytest.MonkeyPatch):
    cookie = issue_device_cookie(SECRET, ANA)
    assert read_device_cookie(SECRET, ANA, cookie)
    assert read_device_cookie(SECRET, ANA, issue_device_cookie(SECRET, ANA)) != read_device_cookie(SECRET, ANA, cookie)
    assert read_device_cookie(SECRET, "bo@harbour.example", cookie) is None
    for forged in ("", "x", cookie[:-1], cookie + "x", issue_device_cookie(b"other" * 8, ANA)):
        assert read_device_cookie(SECRET, ANA, forged) is None


def test_failures_are_forgotten_after_a_day(database: Database, monkeypatch: pytest.MonkeyPatch):
    fail(database, 5)
    freeze_time(monkeypatch, START + timedelta(hours=24, seconds=1))
    fail(database, 5)
    with database.unscoped() as session:
        assert len(session.scalars(select(SignInAttempt)).all()) == 15


def test_neither_account_nor_address_can_be_read_from_the_table(database: Database):
    fail(database, 1)
    with database.unscoped() as session:
        stored = session.scalars(select(SignInAttempt.key)).all()
    assert all(len(key) == 64 and "ana" not in key and "192" not in key for key in stored)


def test_an_ipv6_subscriber_counts_as_one_address():
    assert normalize_address("2001:db8:1:2::1") == normalize_address("2001:db8:1:2:ffff::9")
    assert normalize_address("2001:db8:1:2::1") != normalize_address("2001:db8:1:3::1")


@pytest.mark.fault
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


def test_somebody_who_has_signed_in_before_still_can_while_others_guess(app: Flask, database: Database):
    make_user(database, make_organisation(database), email=ANA)
    known, attacker = app.test_client(), app.test_client()
    assert send(known, "/sign-in", email=ANA, password=PASSWORD).status_code == 303
    send(known, "/sign-out")
    statuses = [send(attacker, "/sign-in", email=ANA, password="a guess").status_code for _ in range(30)]
    assert statuses == [403] * 5 + [429] * 25
    assert send(known, "/sign-in", email=ANA, password=PASSWORD).status_code == 303


def test_a_failed_sign_in_is_in_the_audit_trail_and_an_attack_is_a_few_events(app: Flask, database: Database):
    user_id = make_user(database, make_organisation(database), email=ANA)
    for number in range(30):
        client = app.test_client()
        token = form_token(client)
        client.post(
            "/sign-in",
            data={"csrf_token": token, "email": ANA, "password": "a guess"},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
    with database.unscoped(write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "user.sign_in_failed")).all()
    assert [(event.actor, event.object_id, event.details["failures"]) for event in events] == [
        ("system:sign_in", user_id, 1),
        ("system:sign_in", user_id, 10),
    ]
    assert len({event.details["address"] for event in events}) == 2


def test_the_current_password_cannot_be_guessed_in_a_browser_left_open(app: Flask, database: Database):
    client = make_browser(app, make_user(database, make_organisation(database), email=ANA))
    tries = [send(client, "/password", current="guess", new="n" * 20, again="n" * 20).status_code for _ in range(6)]
    assert tries == [422] * 5 + [429]
