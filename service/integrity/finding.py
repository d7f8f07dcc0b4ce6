"""What a check of an installation finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from service.blob_store import BlobStore
from service.db.session import Database
from service.journal import Journal

ACTOR = "system:check"


class Installation(NamedTuple):
    """What is checked, and the time of the check. The service may be running meanwhile.

    ``erasures``: the journal of what was erased.
    """

    db: Database
    blobs: BlobStore
    at: datetime
    erasures: Journal | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree. ``about``: its kind and id, never a name; ``detail``: what is wrong, and what to do.

    ``repair`` changes what is certain to be wrong, after looking once more, and loses nothing; None where a person must decide.
    ``is_information``: normal in itself, and told because it may explain something.
    """

    code: str
    about: str
    detail: str
    repair: Callable[[], object] | None = None
    is_information: bool = False


Check = Callable[[Installation], Iterator[Finding]]
