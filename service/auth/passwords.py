"""Passwords: Argon2id with the parameters of RFC 9106 for little memory; rules of length, none of composition (NIST SP 800-63B).

A hash names its own parameters, so that raising them later makes old hashes due for renewal at the next sign-in.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

MIN_LENGTH, MAX_LENGTH = 12, 128
FAULTS = {
    "password.short": f"A password has {MIN_LENGTH} characters or more. Several words make a good one.",
    "password.long": f"A password has {MAX_LENGTH} characters at most.",
    "password.guessable": "This password is easy to guess: it repeats itself, or is your own name or address.",
}
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# A hash takes 64 MiB: so many at once and no more, however many sign in.
_hashing_slots = threading.BoundedSemaphore(2)
# Letters and digits that are not taken for each other when read aloud.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def _normalize(password: str) -> str:
    # One password is one sequence of bytes, whatever keyboard it was typed on.
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The hash to keep."""
    with _hashing_slots:
        return HASHER.hash(_normalize(password))


# What the password of an account that does not exist is compared with: the answer takes as long.
DUMMY_HASH = hash_password(secrets.token_hex(16))


def verify_password(password: str, password_hash: str) -> bool:
    """Whether a password is the one that was hashed. A password longer than any that can be set never is."""
    with _hashing_slots:
        try:
            return HASHER.verify(password_hash, _normalize(password[: MAX_LENGTH + 1]))
        except VerifyMismatchError:
            return False


def needs_rehash(password_hash: str) -> bool:
    """Whether a hash was made with parameters that have since been raised."""
    return HASHER.check_needs_rehash(password_hash)


def find_fault(password: str, *known: str) -> str | None:
    """The code of what is wrong with a new password; None if nothing is. ``known``: names and addresses it may not contain."""
    normal = _normalize(password)
    if len(normal) < MIN_LENGTH:
        return "password.short"
    if len(normal) > MAX_LENGTH:
        return "password.long"
    if len(set(normal)) < 5:
        return "password.guessable"
    parts = [part for text in known for part in _normalize(text).lower().replace("@", " ").split() if len(part) >= 4]
    if any(part in normal.lower() and len(normal) - len(part) < MIN_LENGTH for part in parts):
        return "password.guessable"
    return None


def generate_one_time_password() -> str:
    """A password for the first sign-in: four groups of four, 79 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
