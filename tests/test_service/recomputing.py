"""Stored results as the result objects of ``assessment.json``, with their reasons, which are never stored."""

from typing import Any

import orjson

from service.assessment.export_json import iter_result_json
from service.db.tables import Result
from service.queries.stored_results import reassess_result


def recompute(result: Result) -> dict[str, Any]:
    """Return the result object of a stored result."""
    assessed, _ = reassess_result(result)
    return orjson.loads(next(iter_result_json(assessed, result.on)))
