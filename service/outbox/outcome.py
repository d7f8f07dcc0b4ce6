"""How an attempt to deliver a message ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt, a code for people to look up, and the status of SMTP or HTTP if there was a reply.

    ``sent``: the recipient's server took it. ``retry``: it may take it later, ``wait`` seconds from now at the earliest.
    ``failed``: it never will.
    """

    end: Literal["sent", "retry", "failed"]
    code: str
    status: int | None = None
    wait: float = 0.0
