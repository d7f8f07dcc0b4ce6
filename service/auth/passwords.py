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

SHORTEST, LONGEST = 12, 128
FAULTS = {
    "password.short": f"A password has {SHORTEST} characters or more. Several words make a good one.",
    "password.long": f"A password has {LONGEST} characters at most.",
    "password.guessable": "This password is easy to guess: it repeats itself, or is your own name or address.",
}
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# A hash takes 64 MiB: so many at once and no more, however many sign in.
_turn = threading.BoundedSemaphore(2)
# Letters and digits that are not taken for each other when read aloud.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def _normal(password: str) -> str:
    # One password is one sequence of bytes, whatever keyboard it was typed on.
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The hash to keep."""
    with _turn:
        return HASHER.hash(_normal(password))


# What the password of an account that does not exist is compared with: the answer takes as long.
NOBODY = hash_password(secrets.token_hex(16))


def fits(password: str, kept: str) -> bool:
    """Whether a password is the one that was hashed. A password longer than any that can be set never is."""
    with _turn:
        try:
            return HASHER.verify(kept, _normal(password[: LONGEST + 1]))
        except VerifyMismatchError:
            return False


def is_dated(kept: str) -> bool:
    """Whether a hash was made with parameters that have since been raised."""
    return HASHER.check_needs_rehash(kept)


def fault(password: str, *known: str) -> str | None:
    """The code of what is wrong with a new password; None if nothing is. ``known``: names and addresses it may not contain."""
    normal = _normal(password)
    if len(normal) < SHORTEST:
        return "password.short"
    if len(normal) > LONGEST:
        return "password.long"
    if len(set(normal)) < 5:
        return "password.guessable"
    parts = [part for text in known for part in _normal(text).lower().replace("@", " ").split() if len(part) >= 4]
    if any(part in normal.lower() and len(normal) - len(part) < SHORTEST for part in parts):
        return "password.guessable"
    return None


def one_time() -> str:
    """A password for the first sign-in: four groups of four, 79 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
