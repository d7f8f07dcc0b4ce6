"""Check the identifiers that carry a check digit or have a fixed form: IMO numbers, MMSI and LEI."""

from __future__ import annotations

from collections.abc import Callable

from questionnaires.parse.answer import Value
from questionnaires.text_normalize import fold_text


def is_imo(text: str) -> bool:
    """Return whether a text is an IMO number: seven digits, the last of which is a check digit (IMO resolution A.1117(30))."""
    return len(text) == 7 and text.isdigit() and sum(int(text[i]) * (7 - i) for i in range(6)) % 10 == int(text[6])


def is_mmsi(text: str) -> bool:
    """Return whether a text is an MMSI: nine digits (ITU-R M.585)."""
    return len(text) == 9 and text.isdigit()


def is_lei(text: str) -> bool:
    """Return whether a text is an LEI: twenty letters and digits that, letters counted from 10, are 1 modulo 97 (ISO 17442)."""
    return len(text) == 20 and text.isalnum() and int("".join(str(int(c, 36)) for c in text)) % 97 == 1


IDENTIFIERS: dict[str, Callable[[str], bool]] = {"imo": is_imo, "mmsi": is_mmsi, "lei": is_lei}


def normalize_identifier(text: Value, prefix: str) -> str:
    """Return an identifier without blanks, signs and the name of its type: "IMO 9074729" -> "9074729"."""
    return fold_text(str(text)).upper().removeprefix(prefix)
