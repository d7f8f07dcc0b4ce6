"""Which kinds of job there are, and how each is done: one line a kind."""

from __future__ import annotations

from collections.abc import Mapping

from service.jobs.worker import Handler
from service.reviews import review_suppliers

HANDLERS: Mapping[str, Handler] = {
    "review_suppliers": Handler(review_suppliers),
}
