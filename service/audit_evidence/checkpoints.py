"""Signed checkpoints of the audit trail: statements that a chain had a length and a hash at a time, outside the database.

Whoever controls the database can calculate a chain anew, but cannot sign: the key is not in the database (``secret_keys.py``). A
checkpoint is a line of a file and, if an endpoint takes the event ``audit.checkpoint``, a webhook call to another system.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import structlog
from sqlalchemy import or_, select, update

from service.audit_chain import SYSTEM, format_time
from service.audit_evidence.breaks import Break
from service.db.audit_tables import AuditChain, SystemEvent
from service.db.session import Database, limit_to_organisation
from service.journal import Journal
from service.outbox.queue import Event, queue_events
from service.secret_keys import SigningKey, is_signed, list_signing_keys

EVENT = "audit.checkpoint"
TITLE = "diligence audit checkpoint 1"  # of what is signed, so that the signature cannot be used for anything else

log = structlog.get_logger("service.audit")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A statement that a chain had ``length`` events and this hash at ``at``, signed with the key ``key`` (base64url)."""

    chain: str
    length: int
    hash: str
    at: str
    key: str
    signature: str = ""

    def list_signed(self) -> bytes:
        """Return the bytes that are signed: a JSON list of the title and the other fields."""
        return orjson.dumps([TITLE, self.chain, self.length, self.hash, self.at, self.key])


def sign_checkpoint(key: SigningKey, chain: str, length: int, end: str, at: datetime) -> Checkpoint:
    """Return a signed checkpoint of a chain."""
    unsigned = Checkpoint(chain, length, end, format_time(at), key.id)
    signature = base64.urlsafe_b64encode(key.sign(unsigned.list_signed())).decode().rstrip("=")
    return replace(unsigned, signature=signature)


class CheckpointWriter:
    """Writes a checkpoint of each chain that has grown. Several processes may do so: a checkpoint may be written twice.

    ``secret_keys``: newest first; the signing key that belongs to the first signs.
    """

    def __init__(self, db: Database, journal: Journal, secret_keys: Sequence[bytes]) -> None:
        self.db, self.journal, self.secret_keys = db, journal, secret_keys
        self.system_length = 0  # at the newest checkpoint of the installation that this process wrote

    def write(self, at: datetime) -> list[Checkpoint]:
        """Write the checkpoints that are due, to the file before they count as written; return them."""
        with self.db.unscoped(write=False) as session:
            # Also if somebody pretends that more was signed than there is, so that nothing would be signed any more.
            grown = select(AuditChain).where(AuditChain.length != AuditChain.signed_length)
            ends = session.scalars(grown.order_by(AuditChain.organisation_id)).all()
            newest = session.scalars(select(SystemEvent).order_by(SystemEvent.number.desc()).limit(1)).first()
        key = list_signing_keys(self.secret_keys[:1])[0]
        written = [sign_checkpoint(key, end.organisation_id, end.length, end.hash, at) for end in ends]
        system = []
        if newest is not None and newest.number > self.system_length:
            system = [sign_checkpoint(key, SYSTEM, newest.number, newest.hash, at)]
            self.system_length = newest.number
        self.journal.append([asdict(checkpoint) for checkpoint in (*written, *system)])
        for checkpoint in written:
            self._queue(checkpoint)
        if written or system:
            log.info("checkpoints_written", count=len(written) + len(system))
        return [*written, *system]

    def _queue(self, checkpoint: Checkpoint) -> None:
        """Queue a checkpoint for the endpoints of its organisation, and note that it is written."""
        end = AuditChain.organisation_id == checkpoint.chain
        with self.db.unscoped() as session, limit_to_organisation(session, checkpoint.chain):
            is_later = or_(AuditChain.signed_length < checkpoint.length, AuditChain.signed_length > AuditChain.length)
            session.execute(update(AuditChain).where(end, is_later).values(signed_length=checkpoint.length))
            queue_events(session, Event(code=EVENT, occasion=str(checkpoint.length), payload=asdict(checkpoint)))


def read_checkpoints(
    lines: Iterable[Mapping[str, Any]], public_keys: Mapping[str, bytes]
) -> tuple[dict[str, dict[int, str]], list[Break]]:
    """Return what the checkpoints of a file say, by chain and length, and those whose signature is wrong or by an unknown key.

    ``lines``: entries of the file, or webhook calls as they arrived. ``public_keys``: those that are accepted, by their id.
    """
    marks: dict[str, dict[int, str]] = {}
    breaks = []
    for number, line in enumerate(lines, 1):
        checkpoint = _parse(line.get("data", line))
        if checkpoint is None:
            breaks.append(
                Break("audit.checkpoint_forged", "", None, f"Entry {number} of the file is not a checkpoint.")
            )
        elif checkpoint.key not in public_keys:
            detail = f"Entry {number} of the file is signed with the key {checkpoint.key}, which is not accepted here."
            breaks.append(Break("audit.unknown_key", checkpoint.chain, None, detail))
        elif not is_signed(public_keys[checkpoint.key], checkpoint.list_signed(), _decode(checkpoint.signature)):
            detail = f"Entry {number} of the file has been changed or was not signed by this installation."
            breaks.append(Break("audit.checkpoint_forged", checkpoint.chain, None, detail))
        else:
            marks.setdefault(checkpoint.chain, {})[checkpoint.length] = checkpoint.hash
    return marks, breaks


def list_public_keys(keys: Sequence[SigningKey]) -> dict[str, bytes]:
    """Return the public keys of signing keys by their id."""
    return {key.id: key.public_key for key in keys}


def _parse(fields: Any) -> Checkpoint | None:
    types = {"chain": str, "length": int, "hash": str, "at": str, "key": str, "signature": str}
    if not isinstance(fields, Mapping) or any(not isinstance(fields.get(name), type_) for name, type_ in types.items()):
        return None
    return Checkpoint(**{name: fields[name] for name in types})


def _decode(signature: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except binascii.Error:
        return b""
