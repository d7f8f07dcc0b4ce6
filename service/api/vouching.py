"""Vouch for evidence in a body of answers: ``evidence_confirmed`` is true, or gives a reference and questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.issues import build_issue
from risk_models.answers import EVIDENCE
from service.api.answers import LoadedAnswers, format_issue
from service.api.schemas.evidence import EvidenceConfirmationSchema
from service.api.validation import error, load_body, refusal
from service.assessment.evidence_entries import without_confirmation
from service.auth.access import ACCESS
from service.auth.caller import get_caller
from service.clock import today
from service.errors import DomainError
from service.suppliers.confirmations import Voucher, check_reference, vouch_for_row
from service.suppliers.merge_rules import get_risk_lookup

FIELD = "evidence_confirmed"
SCOPE = ACCESS.api["POST api.confirm_evidence"]  # who may confirm evidence may vouch for what it sends
CONFIRMATION = EvidenceConfirmationSchema()


def build_voucher(confirmation: Mapping[str, Any]) -> Voucher:
    """Return who confirms evidence, with the caller's reference and questions."""
    who = get_caller()
    return Voucher(
        who.name,
        today(who.time_zone),
        confirmation.get("reference"),
        tuple(confirmation.get("covers", ())),
        who.sees_worker_derived,
    )


def check_may_vouch() -> None:
    """Raise DomainError ``key.scope``, 403, for a key that may not vouch for evidence."""
    if SCOPE not in get_caller().scopes:
        raise DomainError("key.scope", 403, f"{FIELD} requires an API key with the scope {SCOPE}.", scope=SCOPE)


def take_voucher(kind: str, body: dict[str, Any]) -> Voucher | None:
    """Take ``evidence_confirmed`` out of a body of answers; None where the sender does not vouch for its evidence.

    Raises DomainError: ``key.scope``, 403, for a key that may not, or 422 for what is no confirmation.
    """
    given = body.pop(FIELD, None)
    if given is None or given is False:
        return None
    check_may_vouch()
    if given is not True and not isinstance(given, dict):
        raise refusal([error("field.type", FIELD)])
    voucher = build_voucher(load_body(CONFIRMATION, {} if given is True else given))
    if unknown := [question for question in voucher.covers if question not in load_combined_form(kind).by_id]:
        raise refusal([error("field.value", f"{FIELD}.covers", f"There is no question '{unknown[0]}'.")])
    check_reference(voucher.reference)
    return voucher


def take_confirmed_pieces(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Take ``confirmed`` out of the pieces of evidence in a body, and return the pieces that had it, as they were sent."""
    pieces = body.get(EVIDENCE)
    if not isinstance(pieces, list):
        return []
    confirmed = [piece for piece in pieces if isinstance(piece, dict) and piece.get("confirmed")]
    if confirmed:
        body[EVIDENCE] = [without_confirmation(piece) if piece in confirmed else piece for piece in pieces]
    return confirmed


def check_confirmed_pieces(confirmed: Sequence[Mapping[str, Any]], stored: Mapping[str, Any]) -> None:
    """Check that confirmed pieces in a body are stored just so: sending them back confirms nothing, and withdraws nothing.

    Raises DomainError, 422: ``evidence.part``.
    """
    known = list(map(_drop_blanks, stored.get(EVIDENCE) or ()))
    if any(_drop_blanks(piece) not in known for piece in confirmed):
        detail = (
            "A piece of evidence may contain 'confirmed' only if it is sent back exactly as stored. Leave "
            f"'confirmed' out to send the evidence as claimed, or confirm it with {FIELD}."
        )
        raise refusal([error("evidence.part", EVIDENCE, detail, seen="confirmed")])


def _drop_blanks(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Return a piece without the parts that are not given, in which clients may send null."""
    return {
        name: _drop_blanks(part) if isinstance(part, dict) else part
        for name, part in piece.items()
        if part not in (None, [])
    }


def vouch(kind: str, loaded: LoadedAnswers, voucher: Voucher | None) -> LoadedAnswers:
    """Return answers in which the evidence that the sender vouches for is confirmed, and issues for what remains claimed."""
    if voucher is None:
        return loaded
    vouched = vouch_for_row(loaded.answers, voucher, get_risk_lookup(kind, voucher.on))
    issues = [build_issue(code, header="evidence", seen=seen) for code, seen in vouched.claimed]
    return LoadedAnswers(vouched.answers, [*loaded.issues, *map(format_issue, issues)])
