"""API views of identity: pairs of suppliers that may be the same, decisions on them, merges and weak keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, page_reply, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.db.identity_tables import IdentityProposal, SupplierMerge
from service.db.tables import Supplier
from service.identity import decisions, pairs, weak_keys
from service.queries import lists

Values = Mapping[str, Any]


def list_proposals(session: Session, query: Values) -> Reply:
    """Return pairs in a state, newest first."""
    page = lists.list_proposals(session, **query)
    suppliers = pairs.list_suppliers_of(session, page.items)
    return page_reply(
        page,
        lambda pair: _describe_pair(pair, suppliers),
    )


def _describe_pair(pair: IdentityProposal, suppliers: Mapping[str, Supplier]) -> Resource:
    first, second = suppliers[pair.first_id], suppliers[pair.second_id]
    fingerprint = pairs.compute_fingerprint(first, second)
    return Resource(pair, first=_compared(first), second=_compared(second), fingerprint=fingerprint)


def _compared(supplier: Supplier) -> Resource:
    return Resource(supplier, address=supplier.answers.get("address"), city=supplier.answers.get("city"))


def decide(session: Session, proposal_id: str, body: Values) -> Reply:
    """Decide on a pair, and return the outcome."""
    kept = decisions.decide_pair(
        session, proposal_id, body["decision"], now(), get_caller().actor, body["keep"], body.get("fingerprint")
    )
    return Reply({"decision": body["decision"], "merged_into": kept.id if kept else None})


def reopen(session: Session, proposal_id: str) -> Reply:
    """Propose a pair again that was marked as different, and return it."""
    pair = decisions.reopen_pair(session, proposal_id, now(), get_caller().actor)
    return Reply(_describe_pair(pair, pairs.list_suppliers_of(session, [pair])))


def decide_many(session: Session, body: Values) -> Reply:
    """Decide alike about several pairs, and return how many."""
    fingerprints = {pair["id"]: pair.get("fingerprint") for pair in body["pairs"]}
    decided = decisions.decide_pairs(session, fingerprints, body["decision"], now(), get_caller().actor)
    return Reply({"decision": body["decision"], "decided": decided})


def list_merges(session: Session, query: Values) -> Reply:
    """Return merges, newest first."""
    return page_reply(lists.list_merges(session, **query), _merge)


def _merge(merge: SupplierMerge) -> Resource:
    return Resource(merge, source_name=str(merge.source.get("name") or ""))


def undo_merge(session: Session, merge_id: str) -> Reply:
    """Separate two merged suppliers, and return the merge."""
    decisions.undo_merge(session, merge_id, now(), get_caller().actor)
    session.flush()
    return Reply(_merge(session.get_one(SupplierMerge, merge_id)))


def list_weak_keys(session: Session) -> Reply:
    """Return the suppliers under weak keys, those with several names first."""
    return whole_list(
        [
            {
                "supplier_id": keyed.supplier.id,
                "kind": keyed.supplier.kind,
                "name": keyed.supplier.name,
                "question": keyed.question,
                "entry": keyed.text,
                "why": keyed.why,
                "names": list(keyed.names),
                "mixed": keyed.is_mixed,
            }
            for keyed in weak_keys.list_weakly_keyed(session)
        ]
    )
