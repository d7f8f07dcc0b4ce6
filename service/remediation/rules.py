"""The rules of remediation: which state may follow which, and what each change needs. They are data (``transitions.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from questionnaires.person_detection import detect_personal_data
from risk_models.action_library import Action
from service.errors import DomainError

RULES_FILE = Path(__file__).with_name("transitions.toml")
STEP_STATES = (
    "planned", "agreed", "in_progress", "evidence_in", "verified", "rejected", "closed", "reopened", "withheld",
)  # fmt: skip
FINDING_STATES = ("open", "consulted", "disputed", "accepted", "remedied", "closed", "reopened")
DONE = ("verified", "closed")
APPROVERS = ("approver", "admin")
MAX_REASON = 2000  # characters

EXIT_STATES = ("draft", "submitted", "returned", "approved", "withdrawn")
Kind = Literal["step", "finding", "exit_paper"]


@dataclass(frozen=True)
class Actor:
    """Who acts: ``name`` in the audit trail, ``role`` of a user (None: an API key or a process), and ``person``: the id of the
    user, or of the user who answers for the key.
    """

    name: str
    role: str | None
    person: str | None

    @property
    def is_user(self) -> bool:
        """Whether a person acts, and not a program."""
        return self.role is not None

    @property
    def is_approver(self) -> bool:
        """Whether a person acts who may decide about people's safety."""
        return self.role in APPROVERS


@dataclass(frozen=True)
class Permitted:
    """A permitted change of state: what it ``needs``, and which use case alone makes it (``by``, "" for any user)."""

    needs: frozenset[str]
    by: str
    because: str


@cache
def load_rules() -> Mapping[str, Any]:
    """Load the rules, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


@cache
def list_permitted(kind: Kind) -> Mapping[tuple[str, str, str], Permitted]:
    """Return the permitted changes by the state before, the state after and the use case that makes them."""
    return {
        (before, change["to"], change.get("by", "")): Permitted(
            frozenset(change["needs"]), change.get("by", ""), change["because"]
        )
        for change in load_rules()[kind]
        for before in change["from"]
    }


def list_next_states(kind: Kind, state: str) -> list[str]:
    """List the states that a user may ask for, in the order of the file."""
    return [after for before, after, by in list_permitted(kind) if (before, by) == (state, "")]


def check_transition(
    kind: Kind,
    before: str,
    after: str,
    actor: Actor,
    *,
    reason: str | None,
    safety: bool,
    last_actor: str | None = None,
    by: str = "",
) -> None:
    """Check a change of state. ``safety``: it is about people's safety; ``last_actor``: who made the change before it.

    Raises DomainError: ``transition.not_allowed``, 409; ``transition.reason``, ``person.*``, 422; ``transition.by_key``,
    ``transition.approver``, ``transition.same_user``, 403.
    """
    permitted = list_permitted(kind).get((before, after, by))
    if permitted is None:
        following = ", ".join(list_next_states(kind, before)) or "none"
        what = {"exit_paper": "An exit paper"}.get(kind, f"A {kind}")
        detail = f"{what} cannot go from '{before}' to '{after}' in this way. Possible next states: {following}."
        raise DomainError("transition.not_allowed", 409, detail)
    check_reason(reason, is_needed="reason" in permitted.needs)
    if "user" in permitted.needs and not actor.is_user:
        raise DomainError("transition.by_key", 403, f"An API key cannot do this; only a user can. {permitted.because}")
    if "approver" in permitted.needs and safety:
        check_approver(actor)
    if "other" in permitted.needs and actor.name == last_actor:
        raise DomainError(
            "transition.same_user", 403, "You made the previous change. A different user has to make this change."
        )


def check_approver(actor: Actor) -> None:
    """Raise DomainError ``transition.approver``, 403, for anyone who may not decide about people's safety."""
    if not actor.is_approver:
        raise DomainError(
            "transition.approver",
            403,
            "Only an approver or an admin can decide this, because it affects people's safety.",
        )


def check_reason(reason: str | None, *, is_needed: bool = True) -> None:
    """Check the reason for a change. Raises DomainError, 422: ``transition.reason`` or as :func:`check_text`."""
    if is_needed and not (reason or "").strip():
        raise DomainError("transition.reason", 422, "Say why.")
    check_text(reason)


class SearchedText(str):
    """A text in which :func:`check_text` has found no personal data. It is not searched again: that may take a millisecond, and
    thousands of texts are saved in one transaction.
    """

    __slots__ = ()


def check_text(text: str | None, longest: int = MAX_REASON) -> None:
    """Refuse a text that is too long or contains personal data. Raises DomainError, 422: ``text.too_long``, ``person.*``."""
    if text is None:
        return
    if len(text) > longest:
        raise DomainError("text.too_long", 422, "Use at most %(longest)s characters.", values={"longest": longest})
    code = None if isinstance(text, SearchedText) else detect_personal_data(text)
    if code is not None:
        raise DomainError(
            code,
            422,
            "This text seems to identify a person. Remove anything that could identify someone. Nothing was saved.",
        )


def names_workers(action: Action) -> bool:
    """Return whether the proof of an action names workers, so that only people who spoke with them can verify it."""
    return bool(action.contacts_workers) or any(
        word in action.proof.lower() for word in load_rules()["proof"]["names_workers"]
    )


def get_reply_deadline(start: datetime, *, safety: bool) -> datetime:
    """Return until when a supplier may reply to a letter that was delivered at ``start``."""
    rules = load_rules()["reply"]
    return start + (timedelta(hours=rules["safety_hours"]) if safety else timedelta(days=rules["days"]))
