"""``diligence release``: the release of the method that an organisation uses, and what the next one would change."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.document import LEVEL_TITLES
from service.auth.accounts import ACTOR, find_organisation
from service.clock import today
from service.commands.files import make_folder
from service.db.tables import Organisation
from service.errors import DomainError
from service.model_governance import release_preview
from service.reviews.jobs import request_reassessment
from service.suppliers import organisation_models
from service.wiring.processes import open_current_database

if TYPE_CHECKING:
    from service.db.session import Database
    from service.settings import Settings

MAX_LISTED = 20  # suppliers that are printed; the file has all


def show_release(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the release in use, the newest one in force, and the day that was set."""
    with open_current_database(settings) as database:
        organisation_id, day = _find(database, arguments.organisation)
        with database.for_organisation(organisation_id, write=False) as session:
            state = release_preview.get_release_state(session, day)
    print(f"In use: {state.current}")
    if state.planned:
        print(f"From {state.planned[1]}: {state.planned[0]}")
    elif state.available:
        print(f"Available: {state.available}; no date is set")
    if state.outdated:
        print(f"Suppliers last assessed using another release: {state.outdated}")
    if state.outdated_facts:
        print(f"Suppliers last assessed with earlier facts: {state.outdated_facts}")
    return 0


def preview_release(settings: Settings, arguments: argparse.Namespace) -> int:
    """Assess all suppliers under the release in use and the next one, or with newer facts; print whose level changes and why, or
    write all.
    """
    with open_current_database(settings) as database:
        organisation_id, day = _find(database, arguments.organisation)
        with database.for_organisation(organisation_id, write=False) as session:
            release = release_preview.find_previewed_release(session, day)
        document = release_preview.build_preview(database, organisation_id, release, day)
    if arguments.out:
        path = Path(arguments.out)
        data = release_preview.export_preview(document, path.suffix.removeprefix("."))
        make_folder(path.parent)
        path.write_bytes(data)
    _print_preview(document)
    return 0


def _print_preview(document: dict[str, Any]) -> None:
    under = "with newer facts" if release_preview.is_of_facts(document) else f"under {document['release']}"
    print(
        f"{document['level_changes']} of {document['total']} suppliers would move to another level {under}; "
        f"for {document['score_changes']} others, only the score would change."
    )
    for rule in document["rules"]:
        if rule["raised"] or rule["lowered"]:
            print(
                f"- {rule['title']}: raises {rule['raised']}, lowers {rule['lowered']}; "
                f"main reason for {rule['level_changes']} new levels. {rule['explanation']}"
            )
    moved = [line for line in document["suppliers"] if line["level_changes"]]
    for line in moved[:MAX_LISTED]:
        levels = f"{LEVEL_TITLES[line['level_before']]} to {LEVEL_TITLES[line['level_after']]}"
        print(f"\n{line['name']}: {levels}, {line['score_before']:.1f} to {line['score_after']:.1f}")
        for reason in line["reasons"]:
            print(f"  {reason['points']:+5.1f}  {reason['sentence']}")
    if len(moved) > MAX_LISTED:
        print(f"\nand {len(moved) - MAX_LISTED} more (use --out for the full list)")


def set_release(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set the day from which the next release applies."""
    try:
        day = date.fromisoformat(arguments.day)
    except ValueError as error:
        raise DomainError("release.day", 422, "Enter the date as YYYY-MM-DD.") from error
    with open_current_database(settings) as database:
        organisation_id, now = _find(database, arguments.organisation)
        with database.for_organisation(organisation_id) as session:
            organisation_models.set_next_release(session, arguments.release, day, now, ACTOR)
    print(f"Release {arguments.release} applies from {day}. You can change this date as long as it is in the future.")
    return 0


def cancel_release(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove the day from which the next release applies."""
    with open_current_database(settings) as database:
        organisation_id, now = _find(database, arguments.organisation)
        with database.for_organisation(organisation_id) as session:
            organisation_models.cancel_next_release(session, now, ACTOR)
    print("The date has been removed. The release in use does not change.")
    return 0


def reassess_under_release(settings: Settings, arguments: argparse.Namespace) -> int:
    """Queue the job that reassesses all suppliers under the release in use."""
    with open_current_database(settings) as database:
        organisation_id, _ = _find(database, arguments.organisation)
        with database.for_organisation(organisation_id) as session:
            organisation = session.get_one(Organisation, organisation_id)
            request_reassessment(session, organisation.time_zone, ACTOR)
    print("The worker is reassessing all suppliers.")
    return 0


def _find(database: Database, named: str) -> tuple[str, date]:
    """Return the id of an organisation, and the day it is there."""
    organisation_id = find_organisation(database, named)
    with database.for_organisation(organisation_id, write=False) as session:
        return organisation_id, today(session.get_one(Organisation, organisation_id).time_zone)
