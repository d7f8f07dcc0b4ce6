"""Confirm an import as previewed, or have its files read again with other options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.import_tables import Import
from service.errors import DomainError
from service.imports import editions, layouts, mappings
from service.imports.receiving import CHOICES, redact_choices
from service.imports.records import get_import
from service.imports.saving import is_short
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT
from service.jobs.quota import check_quota
from service.jobs.table import enqueue


def confirm_import(
    session: Session,
    import_id: str,
    choices: Mapping[str, Any],
    by: str,
    *,
    may_bring_cases: bool = False,
    max_waiting: int | None = None,
) -> Import:
    """Confirm a previewed import. With changed options the files are read again first; with the same ones they are assessed
    now. Raises DomainError: ``not_found``, ``import.state``, ``field.unknown``, ``jobs.too_many``.
    """
    import_ = get_import(session, import_id, lock=True)
    if import_.state != "previewed":
        raise DomainError(
            "import.state",
            409,
            f"The state of this import is {import_.state}; only an import with a preview can be confirmed.",
        )
    unknown = sorted(set(choices) - set(CHOICES))
    if unknown:
        raise DomainError("field.unknown", 422, f"There is no option '{unknown[0]}'.")
    editions.check_previous(session, choices)
    check_quota(session, max_waiting)
    changed = {**import_.choices, **redact_choices(choices, {})}
    if {k: v for k, v in changed.items() if k != "confirm"} != {
        k: v for k, v in import_.choices.items() if k != "confirm"
    }:
        payload = {"import_id": import_.id, "cases": may_bring_cases}
        enqueue(session, READ_IMPORT, payload, by, short=is_short(import_))
        import_.choices_before, import_.choices, import_.state, import_.problem = (
            import_.choices,
            changed,
            "waiting",
            None,
        )
        record_event(session, by, "import.changed", "import", import_.id, {"choices": sorted(choices)})
    elif layouts.needs_layout(import_):
        raise DomainError("import.needs_layout", 409, "First specify what the columns of the file contain.")
    else:
        start_assessment(session, import_, by)
    return import_


def start_assessment(session: Session, import_: Import, by: str) -> None:
    """Queue the assessment of a previewed import, and remember the columns that were chosen by hand in it."""
    import_.state, import_.problem = "running", None
    mappings.remember_columns(session, import_, layouts.list_chosen(import_), by)
    enqueue(session, ASSESS_IMPORT, {"import_id": import_.id}, by, short=is_short(import_))
    record_event(session, by, "import.confirmed", "import", import_.id, {"rows": import_.accepted})
