"""Normalize names, licences and references to the key under which they are compared, and texts to the words they contain."""

from __future__ import annotations

import re
import unicodedata

NOT_ALPHANUMERIC = re.compile("[^a-z0-9]+")


def name_key(text: str) -> str:
    """Return the letters and digits of a name in any script, without case, accents, spaces and punctuation.

    "Del Mar Services, Inc." and "DEL MAR SERVICES INC" share a key; a name that consists only of punctuation has the key "".
    """
    folded = text.casefold()
    if folded.isascii():
        return NOT_ALPHANUMERIC.sub("", folded)
    decomposed = unicodedata.normalize("NFKD", folded)
    letters = "".join(
        ch for ch in decomposed if ch.isalnum() or unicodedata.category(ch) in ("Mc", "Mn") and ord(ch) > 0x036F
    )
    return unicodedata.normalize("NFC", letters)


def normalize_text(text: str) -> str:
    """Return the words of a text case-folded, without punctuation, single-spaced. Accents stay: thé is not "the"."""
    if text.isascii():
        return NOT_ALPHANUMERIC.sub(" ", text.casefold()).strip()
    letters = unicodedata.normalize("NFC", text).casefold()
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in letters).split())
