"""The command ``pack``, which writes an evidence pack, and the check of a pack for ``verify``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from service.commands.files import UsageError, make_folder, read_bytes


def add_commands(commands: Any) -> None:
    """Add the command ``pack``."""
    pack = commands.add_parser("pack", help="write an assessment, its decisions and their hashes as one evidence pack")
    pack.add_argument("file", metavar="assessment.json")
    pack.add_argument("--out", required=True, metavar="F.zip")
    pack.add_argument(
        "--external",
        action="store_true",
        help="for external readers: assess only the suppliers' own answers, without cases or anything that workers "
        "reported",
    )
    pack.set_defaults(run=_write_pack)


def _write_pack(arguments: argparse.Namespace) -> int:
    from risk_models.facts.facts import load_facts
    from service.evidence_pack import Audience, InvalidPack, build_pack
    from service.verify import InvalidAssessmentFile

    try:
        audience: Audience = "external" if arguments.external else "internal"
        pack = build_pack(read_bytes(Path(arguments.file)), load_facts(), audience)
    except (InvalidAssessmentFile, InvalidPack) as error:
        raise UsageError(f"{arguments.file}: {error}.") from error
    out = Path(arguments.out)
    make_folder(out.parent)
    out.write_bytes(pack)
    readers = "The pack is for internal readers only, because it contains what workers reported."
    if arguments.external:
        readers = "The pack is based on the suppliers' own answers alone, so its scores may differ from yours."
    print(f"Written to {out}. {readers}")
    return 0


def verify_bundle(data: bytes, name: str) -> int:
    """Print whose key signed answers that nobody has changed since; return 0. Raises UsageError for others."""
    from service.answer_bundles.format import read_bundle
    from service.errors import DomainError

    try:
        bundle = read_bundle(data)
    except DomainError as error:
        raise UsageError(f"{name}: {error.detail}") from error
    print(
        f"{len(bundle.answers)} answers to {bundle.form} {bundle.form_version}, submitted on {bundle.sent_on.isoformat()}."
    )
    print(f"The answers have not been changed since they were signed with the key {bundle.fingerprint}.")
    return 0


def verify_pack(data: bytes, name: str) -> int:
    """Print what in a pack cannot be reproduced; return 0 if nothing differs and 1 otherwise. Raises UsageError."""
    from risk_models.facts.facts import load_facts
    from service.evidence_pack import InvalidPack, find_pack_discrepancies
    from service.verify import InvalidAssessmentFile

    try:
        discrepancies = find_pack_discrepancies(data, load_facts())
    except (InvalidAssessmentFile, InvalidPack) as error:
        raise UsageError(f"{name}: {error}.") from error
    for discrepancy in discrepancies:
        print(discrepancy, file=sys.stderr)
    if not discrepancies:
        print("The files match the manifest. Every number and decision was recomputed, and all are identical.")
    return int(bool(discrepancies))
