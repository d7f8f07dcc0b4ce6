"""The routes of the claimed evidence of many suppliers at once."""

from __future__ import annotations

from service.api import evidence
from service.api.route import Route
from service.api.schemas.evidence import (
    BulkOutcomeSchema,
    ChosenPiecesSchema,
    ClaimedPiecesSchema,
    ClaimedQuerySchema,
    MatchingPiecesSchema,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/evidence", "list_claimed_evidence", evidence.list_claimed,
          "List the claimed evidence of the suppliers that match a filter.", ClaimedPiecesSchema(), query=ClaimedQuerySchema()),
    Route("POST", "/evidence/confirm", "confirm_evidence", evidence.confirm_many,
          "Confirm many pieces of evidence at once.", BulkOutcomeSchema(), transaction="write", body=ChosenPiecesSchema()),
    Route("POST", "/evidence/confirm-matching", "confirm_matching_evidence", evidence.confirm_matching,
          "Confirm the claimed evidence of the suppliers that match a filter, at most 200 pieces at a time.",
          BulkOutcomeSchema(), transaction="write", body=MatchingPiecesSchema()),
)  # fmt: skip
