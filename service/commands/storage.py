"""Commands on the store of uploaded files and reports."""

from __future__ import annotations

import argparse
import sys

from service.blob_store import BlobTrouble
from service.blob_store.address import open_blob_store
from service.settings import Settings

DONE, INCOMPLETE, CANNOT = 0, 1, 2


def copy_files(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copy every file of another store into the store of the settings; return the exit status: 1 if one could not be read."""
    try:
        source, target = open_blob_store(arguments.source), open_blob_store(settings.blob_store)
    except ValueError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return CANNOT
    digests, failed = source.list_digests(), 0
    for digest in digests:
        try:
            with source.open(digest) as file:
                target.put(file)
        except BlobTrouble as error:
            print(f"diligence: {error}", file=sys.stderr)
            failed += 1
    print(f"{len(digests) - failed} of {len(digests)} files were copied and checked.")
    return INCOMPLETE if failed else DONE
