"""The command line. ``diligence --help`` lists the commands; docs/command-line.md explains them. Exit status: 0 if every row
was scored; 1 if some rows were rejected and the rest were scored and written (or a check failed); 2 if nothing was usable and
nothing was written, in which case one sentence on standard error says why; 70 if an internal error occurred, which is logged
with an id.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from service.commands import (
    admin,
    assess,
    bulk,
    facts,
    forms,
    health,
    layouts,
    models,
    packs,
    repay,
    template,
    validate,
    verify,
)
from service.commands.files import UsageError

EXIT_STOPPED, EXIT_NOTHING, EXIT_INTERNAL_ERROR = 1, 2, 70
# In the order in which ``diligence --help`` lists them.
COMMANDS = (
    assess, validate, layouts, bulk, health, packs, verify, template, forms, models, facts, admin, repay,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; an internal error is logged under an id, never shown as a traceback."""
    try:
        arguments = _build_parser().parse_args(argv)
        return int(arguments.run(arguments))
    except UsageError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return EXIT_NOTHING
    except KeyboardInterrupt:
        print("diligence: stopped; no files were written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_STOPPED
    except Exception:  # noqa: BLE001  the outermost frame: whatever arrives here is a bug
        return _report_internal_error()


def _report_internal_error() -> int:
    bug = uuid.uuid4().hex[:12]
    log = Path(tempfile.gettempdir()) / f"diligence-bug-{bug}.log"
    log.write_text(traceback.format_exc(), encoding="utf-8")
    print(
        f"diligence: internal error (id {bug}). This is a bug in Diligence: please report it with the file {log}.",
        file=sys.stderr,
    )
    return EXIT_INTERNAL_ERROR


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diligence",
        description="Score suppliers and recruitment agencies for the risk of forced labour and unethical recruitment.",
    )
    parser.add_argument("--version", action="version", version=f"diligence {version('diligence')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in COMMANDS:
        group.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
