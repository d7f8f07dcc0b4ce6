"""Hashing and verification of passwords."""

import pytest

from service.auth import passwords


def test_passwords_are_hashed_with_the_low_memory_parameters_of_rfc_9106():
    password_hash = passwords.hash_password("seven quiet herons wade")
    assert password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.needs_rehash(password_hash)
    assert password_hash != passwords.hash_password("seven quiet herons wade")
    assert passwords.DUMMY_HASH.rsplit("$", 2)[0] == password_hash.rsplit("$", 2)[0]


def test_equivalent_unicode_forms_of_a_password_match():
    composed, decomposed = "caf\u00e9 at the old quay", "cafe\u0301 at the old quay"
    assert passwords.verify_password(decomposed, passwords.hash_password(composed))


def test_a_password_longer_than_the_maximum_never_matches():
    longest = "ab" * 64
    assert not passwords.verify_password(longest + "x", passwords.hash_password(longest))


def test_one_time_passwords_are_valid_and_unique():
    generated = {passwords.generate_one_time_password() for _ in range(50)}
    assert len(generated) == 50
    assert {passwords.find_password_fault(password, "ana@harbour.example") for password in generated} == {None}


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("xyzxyzxyzxyz", "password.guessable"),
        ("short", "password.short"),
        ("correct horse", None),
        ("Ana Marín 1234", "password.guessable"),
        ("harbour.example", "password.guessable"),
        ("Marín sails at noon on Sundays", None),
        ("all in small letters is fine", None),
    ],
)
def test_passwords_need_length_but_no_composition(password: str, code: str | None):
    assert passwords.find_password_fault(password, "ana@harbour.example", "Ana Marín") == code


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd1234",
        "123456789012",
        "qwertyuiop12",
        "iloveyou1234",
        "Welcome12345",
        "administrator",
        "unbelievable",
        "1qaz2wsx3edc",
        "passwordpassword",
        "qwerty123456789",
    ],
)
def test_passwords_that_many_people_use_are_refused(password: str):
    assert passwords.find_password_fault(password, "ana@harbour.example", "Ana Marín") == "password.common"


def test_only_the_beginning_of_a_long_password_is_judged_since_that_takes_long():
    assert passwords.find_password_fault("password" * 3 + "seven quiet herons wade") == "password.common"
