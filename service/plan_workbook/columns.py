"""The columns of the action plan workbook, and the words for the codes in its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.db.remediation_tables import Step

SHEET = "Steps"
MOST_ROWS = 5_000
NOBODY = "Nobody"
TITLES = {
    "supplier": "Supplier",
    "reference": "Supplier reference",
    "country": "Country",
    "action": "Step",
    "do": "What to do",
    "proof": "Proof",
    "party": "Who has to act",
    "safety": "Protects people",
    "from_workers": "Known only from workers",
    "state": "State",
    "owner": "Owner",
    "due": "Due",
    "reason": "Reason for the change",
    "done": "What was done",
    "evidence_kind": "Kind of evidence",
    "evidence_reference": "Where the evidence is kept",
    "step_id": "Step ID",
    "exported": "As exported",
}
FILLED_IN = ("state", "owner", "due", "reason", "done", "evidence_kind", "evidence_reference")
ADDED = ("done", "evidence_kind", "evidence_reference")  # empty when exported; a text in them is added to the step
READ = (*FILLED_IN, "step_id", "exported")
# What is expected in a cell, by its column.
EXPECTED = {
    "state": "one of the possible next states",
    "owner": "a user from the list",
    "due": "a date such as 2026-12-31",
    "reason": "why the state or the date changes, without names",
    "done": "what was done, without names",
    "evidence_kind": "a kind of evidence from the list",
    "evidence_reference": "a document or file number, without names",
    "step_id": "a step that you have access to",
    "exported": "the text that was in the cell",
}
STATES = {
    "planned": "Planned",
    "agreed": "Agreed",
    "in_progress": "In progress",
    "evidence_in": "Waiting for verification",
    "verified": "Verified",
    "rejected": "Evidence rejected",
    "closed": "Closed",
    "reopened": "Reopened",
    "withheld": "Withheld: unsafe",
}
EVIDENCE_KINDS = {
    "payment_proof": "Proof of payment",
    "document": "Document",
    "photo": "Photograph",
    "interview_summary": "Summary of interviews with workers",
    "official": "Document from an authority",
}
PARTIES = {"supplier": "Supplier", "agency": "Agency", "buyer": "Us"}


@dataclass(frozen=True)
class Exported:
    """What a step was when the workbook was written: its version, state, owner and due date."""

    version: int
    state: str
    owner_id: str | None
    due: date

    @classmethod
    def of(cls, step: Step) -> Exported:
        """Return what a step is now."""
        return cls(step.version, step.state, step.owner_id, step.due)

    @classmethod
    def parse(cls, text: str) -> Exported | None:
        """Return what :meth:`format` wrote; None for anything else."""
        version, _, rest = text.partition(" ")
        try:
            state, due, owner_id = rest.split(" ")
            return cls(int(version), state, None if owner_id == "-" else owner_id, date.fromisoformat(due))
        except ValueError:
            return None

    def format(self) -> str:
        """Return it as the text of a cell."""
        return f"{self.version} {self.state} {self.due.isoformat()} {self.owner_id or '-'}"


@dataclass(frozen=True)
class Owners:
    """The users by id: ``names`` of all, each different, and ``active``: the ids of those who can be given a step.

    ``users``: their rows, which the session finds again without a query for as long as they are referred to.
    """

    names: Mapping[str, str]
    active: tuple[str, ...]
    users: Sequence[User]


def load_owners(session: Session) -> Owners:
    """Load the users of the organisation. Users who share a name are told apart by their e-mail addresses."""
    users = session.scalars(select(User).order_by(User.name, User.id)).all()
    shared = Counter(user.name for user in users)
    names = {user.id: user.name if shared[user.name] == 1 else f"{user.name} ({user.email})" for user in users}
    return Owners(names, tuple(user.id for user in users if user.active and user.role != "viewer"), users)
