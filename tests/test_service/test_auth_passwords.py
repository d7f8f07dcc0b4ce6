"""How passwords are kept and compared."""

import pytest

from service.auth import passwords


def test_a_password_is_kept_as_rfc_9106_says_for_little_memory():
    kept = passwords.hash_password("seven quiet herons wade")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.needs_rehash(kept)
    assert kept != passwords.hash_password("seven quiet herons wade")
    assert passwords.DUMMY_HASH.rsplit("$", 2)[0] == kept.rsplit("$", 2)[0]


def test_one_password_may_be_typed_in_two_ways():
    composed, decomposed = "caf\u00e9 at the old quay", "cafe\u0301 at the old quay"
    assert passwords.verify_password(decomposed, passwords.hash_password(composed))


def test_a_password_longer_than_any_that_can_be_set_never_fits():
    longest = "ab" * 64
    assert not passwords.verify_password(longest + "x", passwords.hash_password(longest))


def test_a_password_for_one_sign_in_is_good_enough_to_keep_and_never_the_same():
    made = {passwords.generate_one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert {passwords.find_fault(password, "ana@harbour.example") for password in made} == {None}


@pytest.mark.parametrize(
    ("password", "fault"),
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
def test_length_is_asked_for_and_composition_is_not(password: str, fault: str | None):
    assert passwords.find_fault(password, "ana@harbour.example", "Ana Marín") == fault
