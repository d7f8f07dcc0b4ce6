"""Commands for organisations, users and API keys. Exit status: 0 if the command succeeded; 2 if nothing was done, with one
sentence that says why.
"""

from __future__ import annotations

import argparse
import sys

from service.auth import accounts
from service.settings import Settings
from service.wiring.processes import open_current_database


def create_organisation(settings: Settings, arguments: argparse.Namespace) -> int:
    """Create an organisation."""
    with open_current_database(settings) as database:
        accounts.create_organisation(database, arguments.name, arguments.time_zone)
    print(
        f"{arguments.name} was created. Next: diligence users create --organisation '{arguments.name}' --role admin ..."
    )
    return 0


def create_user(settings: Settings, arguments: argparse.Namespace) -> int:
    """Create a user, and print the temporary password."""
    with open_current_database(settings) as database:
        password = accounts.create_user(
            database,
            arguments.organisation,
            arguments.email,
            arguments.name,
            arguments.role,
            settings.one_time_password_hours,
        )
    _print_one_time_password(password, settings)
    return 0


def reset_password(settings: Settings, arguments: argparse.Namespace) -> int:
    """Give a user a new temporary password, and print it."""
    with open_current_database(settings) as database:
        password = accounts.reset_password(
            database, arguments.organisation, arguments.email, settings.one_time_password_hours
        )
    _print_one_time_password(password, settings)
    return 0


def _print_one_time_password(password: str, settings: Settings) -> None:
    print(f"Temporary password: {password}")
    print(f"The password can be used for {settings.one_time_password_hours} hours.", file=sys.stderr)


def reset_second_factor(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove the second factors of a user."""
    with open_current_database(settings) as database:
        accounts.reset_second_factor(database, arguments.organisation, arguments.email)
    print(f"{arguments.email} no longer has a second factor and can set up a new one after signing in.")
    return 0


def create_key(settings: Settings, arguments: argparse.Namespace) -> int:
    """Create an API key, and print it."""
    scopes = [scope for part in arguments.scopes for scope in part.split(",") if scope]
    with open_current_database(settings) as database:
        text = accounts.create_key(
            database,
            arguments.organisation,
            arguments.name,
            scopes,
            arguments.days,
            settings.key_days,
            arguments.owner,
        )
    print(text)
    return 0


def hand_over_key(settings: Settings, arguments: argparse.Namespace) -> int:
    """Make another user the owner of an API key."""
    with open_current_database(settings) as database:
        accounts.hand_over_key(database, arguments.organisation, arguments.key, arguments.owner)
    print(f"{arguments.owner} is now the owner of the key {arguments.key}.")
    return 0
