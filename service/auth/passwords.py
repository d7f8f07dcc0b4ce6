"""Passwords: Argon2id with the low-memory parameters of RFC 9106; rules on length, but not on composition (NIST SP 800-63B).

Passwords that many people use are refused when a user chooses one.

A hash contains its parameters, so that raising them later makes old hashes due for renewal at the next sign-in.
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
    "password.short": f"Use at least {MIN_LENGTH} characters. Several words make a good password.",
    "password.long": f"Use at most {MAX_LENGTH} characters.",
    "password.guessable": "This password is easy to guess: it is repetitive, or it is your name or email address.",
    "password.common": "Many people use this password or one like it. Several unrelated words make a good password.",
}
# zxcvbn estimates guesses from ranked lists of leaked passwords, words, names and rows of keys: 3 means more than a hundred
# million. It takes seconds for some longer texts, so only the beginning is looked at.
LEAST_SCORE, LONGEST_LOOKED_AT = 3, 24
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# A hash takes 64 MiB: this limits how many are computed at once.
_hashing_slots = threading.BoundedSemaphore(2)
# Letters and digits that are not confused with each other.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def _normalize(password: str) -> str:
    # The same password gives the same bytes, whatever keyboard it was typed on.
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """Return the hash to store."""
    with _hashing_slots:
        return HASHER.hash(_normalize(password))


# Passwords of unknown accounts are compared with this hash, so that the response takes as long.
DUMMY_HASH = hash_password(secrets.token_hex(16))


def verify_password(password: str, password_hash: str) -> bool:
    """Return whether a password matches a hash; one longer than the maximum never does."""
    with _hashing_slots:
        try:
            return HASHER.verify(password_hash, _normalize(password[: MAX_LENGTH + 1]))
        except VerifyMismatchError:
            return False


def needs_rehash(password_hash: str) -> bool:
    """Return whether a hash was made with parameters that have since been raised."""
    return HASHER.check_needs_rehash(password_hash)


def find_password_fault(password: str, *known: str) -> str | None:
    """Return the code of what is wrong with a new password, None if it is acceptable. ``known``: names and addresses it must
    not contain.
    """
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
    return "password.common" if _is_common(normal) else None


def _is_common(password: str) -> bool:
    from zxcvbn import zxcvbn  # noqa: PLC0415  loads its lists, which few processes need

    return int(zxcvbn(password[:LONGEST_LOOKED_AT])["score"]) < LEAST_SCORE


def generate_one_time_password() -> str:
    """Generate a password for the first sign-in: four groups of four characters, 79 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
