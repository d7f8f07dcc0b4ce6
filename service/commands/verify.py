"""``diligence verify``: recompute an assessment, an evidence pack or a file of signed answers from itself.

Exit status: 0 if everything is as the file says; 1 if something differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from service.commands import packs
from service.commands.files import UsageError, read_bytes

SAME, DIFFERENT = 0, 1


def add_commands(commands: Any) -> None:
    """Add the command ``verify``."""
    verify = commands.add_parser(
        "verify", help="recompute an assessment or an evidence pack from its own data and compare the results"
    )
    verify.add_argument("file", metavar="FILE", help="assessment.json or an evidence pack")
    verify.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from risk_models.facts.facts import load_facts
    from service.answer_bundles.format import has_signature
    from service.evidence_pack import is_pack
    from service.verify import InvalidAssessmentFile, find_discrepancies, parse_document

    data = read_bytes(Path(arguments.file))
    if has_signature(data):
        return packs.verify_bundle(data, arguments.file)
    if is_pack(data):
        return packs.verify_pack(data, arguments.file)
    try:
        document = parse_document(data)
    except InvalidAssessmentFile as error:
        raise UsageError(f"{arguments.file}: {error}.") from error
    discrepancies = find_discrepancies(document, load_facts())
    for discrepancy in discrepancies:
        print(discrepancy, file=sys.stderr)
    if not discrepancies:
        print(f"{len(document['results'])} results were recomputed from their answers; every number is identical.")
    return DIFFERENT if discrepancies else SAME
