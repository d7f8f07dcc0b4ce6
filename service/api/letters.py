"""API views for what is put to a supplier and what it answers and proposes: its right of reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from service.api.responses import Reply, attachment, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import now
from service.db.remediation_tables import Reply as Letter
from service.errors import not_found
from service.remediation import evidence_files, replies
from service.remediation.steps import build_act
from service.shared_plans import contents, proofs, submissions
from service.suppliers import repository as suppliers

Values = Mapping[str, Any]


def list_letters(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the letters to a supplier, newest first, with what it answered about each finding."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list([_build(session, letter) for letter in replies.list_replies(session, supplier.id)])


def create_letter(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Put findings to a supplier, which sees them when it next opens its link."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    chosen = set(body["findings"])
    found = [finding for finding in contents.list_findings_to_ask(session, supplier.id) if finding.id in chosen]
    if len(found) < len(chosen):
        raise not_found("The supplier cannot be asked to reply to this finding.")
    return Reply(
        _build(session, replies.ask_for_reply(session, supplier, found, body["text"], build_act(get_caller(), now()))),
        201,
    )


def respond(session: Session, kind: str, supplier_id: str, reply_id: str, body: Values) -> Reply:
    """Respond to a supplier's reply."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    letter = replies.get_reply(session, reply_id)
    if letter.supplier_id != supplier.id:
        raise not_found("Letter not found.")
    replies.respond(session, letter, body["response"], build_act(get_caller(), now()))
    return Reply(_build(session, letter))


def list_proposals(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return what a supplier proposed for its steps, open proposals first."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list([proposal for proposal, _step in contents.list_proposals(session, supplier.id)])


def decide_proposal(session: Session, kind: str, supplier_id: str, step_proposal_id: str, body: Values) -> Reply:
    """Accept or decline what a supplier proposed, with a reason that it sees."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    proposal = submissions.get_proposal(session, supplier.id, step_proposal_id)
    accepts = body["decision"] == "accept"
    submissions.decide_proposal(
        session, proposal, accepts=accepts, reason=body["reason"], act=build_act(get_caller(), now())
    )
    return Reply(proposal)


def list_proofs(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the files that a supplier sent through links, newest first, without their content."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list([evidence for evidence, _step in proofs.list_proofs(session, supplier.id)])


def download_proof(kind: str, supplier_id: str, evidence_id: str) -> Response:
    """Return a file that a supplier sent."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        evidence, step = proofs.get_proof(session, supplier.id, evidence_id)
        name = evidence_files.build_file_name(evidence, step)
    return attachment(get_blob_store().get(evidence.sha256 or ""), evidence.media_type or "", name)


def _build(session: Session, letter: Letter) -> Resource:
    return Resource(
        letter,
        findings=[finding.id for finding in contents.list_findings_of_letter(session, letter.id)],
        answers=list(contents.list_answers(session, letter.id)),
    )
