"""The routes of pairs of suppliers that may be the same, and suppliers that may be on a watchlist."""

from __future__ import annotations

from service.api import identity, watchlists
from service.api.route import Route
from service.api.schemas.base import PageQuerySchema
from service.api.schemas.identity import (
    MERGE_PAGE,
    PAIR_DECISIONS,
    PROPOSAL_DECISION,
    PROPOSAL_PAGE,
    WEAKLY_KEYED_LIST,
    PairDecisionSchema,
    ProposalQuerySchema,
    ProposalSchema,
    SupplierMergeSchema,
)
from service.api.schemas.watchlists import MATCH_DECISION, MATCH_PAGE, WATCHLISTS, MatchQuerySchema, MatchSchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/watchlists", "list_watchlists", watchlists.list_watchlists,
          "List the watchlists that suppliers are screened against.", WATCHLISTS),
    Route("GET", "/identity/proposals", "list_identity_proposals", identity.list_proposals,
          "List pairs of suppliers that may be the same, with reasons (default: open pairs).", PROPOSAL_PAGE,
          query=ProposalQuerySchema()),
    Route("POST", "/identity/proposals/<proposal_id>/decision", "decide_identity_proposal", identity.decide,
          "Decide whether two suppliers are the same: merge them, or record that they are different.", PairDecisionSchema(),
          transaction="write", body=PROPOSAL_DECISION),
    Route("POST", "/identity/proposals/<proposal_id>/reopen", "reopen_identity_proposal", identity.reopen,
          "Withdraw the decision that two suppliers are different, so that the pair is proposed again.", ProposalSchema(),
          transaction="write", reading="suppliers:read"),
    Route("POST", "/identity/decisions", "decide_identity_proposals", identity.decide_many,
          "Make the same decision on up to 50 pairs of suppliers that may be the same. It is saved for all of "
          "them or for none.", PAIR_DECISIONS,
          transaction="write", body=PAIR_DECISIONS),
    Route("GET", "/identity/merges", "list_merges", identity.list_merges, "List merges, newest first.", MERGE_PAGE,
          query=PageQuerySchema()),
    Route("POST", "/identity/merges/<merge_id>/undo", "undo_merge", identity.undo_merge,
          "Undo a merge: separate two suppliers, each with its own history.", SupplierMergeSchema(), transaction="write",
          reading="suppliers:read"),
    Route("GET", "/identity/weak-keys", "list_weak_keys", identity.list_weak_keys,
          "List suppliers that were stored under a reference or number that does not identify any supplier.", WEAKLY_KEYED_LIST),
    Route("GET", "/matches", "list_matches", watchlists.list_matches,
          "List possible matches between suppliers and watchlist entries, with reasons (default: open matches).", MATCH_PAGE,
          query=MatchQuerySchema()),
    Route("POST", "/matches/<match_id>", "decide_match", watchlists.decide,
          "Confirm or dismiss a match. The score does not change.", MatchSchema(), (200,),
          "write", body=MATCH_DECISION, reading="suppliers:read"),
)  # fmt: skip
