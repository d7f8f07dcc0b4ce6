"""Administration commands: processes, database, organisations, users and API keys of an installation.

Settings come from the environment (docs/operate.md); ``--data``, ``--host`` and ``--port`` override it. Exit status: 0 if the
command succeeded; 1 if nothing was done because --yes was missing; 2 if it failed, with one sentence that says why; 69 if the
database or the data folder cannot be used, with the cause and what to do about it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.counts import format_counts

if TYPE_CHECKING:
    from service.settings import Settings

DONE, NOT_CONFIRMED, CANNOT, TROUBLE = 0, 1, 2, 69  # 69: "service unavailable" in sysexits.h
Command = Callable[["Settings", argparse.Namespace], int]


def add_commands(commands: Any) -> None:
    """Add these commands to a parser's commands."""
    _add_process_commands(commands)
    _add_storage_commands(commands)
    _add_secret_key_commands(commands)
    _add_audit_commands(commands)
    _add_watchlist_commands(commands)
    _add_release_commands(commands)
    _add_organisation_commands(commands)
    _add_user_commands(commands)
    _add_key_commands(commands)


def _add_command(name: str, command: Command, about: str, subparsers: Any) -> argparse.ArgumentParser:
    """Add a command, and return its parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.add_argument(
        "--data", metavar="DIR", help="folder for the database, files and the secret key (default: data)"
    )
    parser.set_defaults(run=partial(_run, command))
    return parser


def _add_in_organisation(name: str, command: Command, about: str, subparsers: Any) -> argparse.ArgumentParser:
    """Add a command for one organisation, and return its parser."""
    parser = _add_command(name, command, about, subparsers)
    parser.add_argument("--organisation", required=True, metavar="NAME", help="name or ID of the organisation")
    return parser


def _add_listen_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", metavar="N", help="port to listen on (default: 8080)")


def _add_process_commands(commands: Any) -> None:
    parser = _add_command("serve", _serve, "run the whole service in one process", commands)
    parser.add_argument("--demo", action="store_true", help="add a demo organisation with sample data")
    _add_listen_options(parser)
    _add_listen_options(_add_command("web", _run_web, "run only the pages and the API", commands))
    _add_command("worker", _run_worker, "run a job worker as a separate process", commands)
    _add_command("scheduler", _run_scheduler, "run the scheduler as a separate process", commands)
    _add_command("migrate", _migrate, "upgrade the database to the version that this release requires", commands)


def _add_storage_commands(commands: Any) -> None:
    parser = _add_command("backup", _create_backup, "back up all data to a new file and check it", commands)
    parser.add_argument("file", metavar="FILE.tar.gz")
    parser = _add_command(
        "restore", _defer("storage.restore"), "restore a backup into an empty database and check it", commands
    )
    parser.add_argument("file", metavar="FILE.tar.gz")
    parser.add_argument(
        "--erasures",
        metavar="FILE",
        help="apply these erasures to the backup (default: erasures.jsonl in the data folder)",
    )
    parser = _add_command(
        "check",
        _defer("storage.check"),
        "check that the database, the files and the audit trail are consistent",
        commands,
    )
    parser.add_argument(
        "--repair", action="store_true", help="repair whatever can be repaired safely, and print what was repaired"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="format of the output (default: text)"
    )
    parser = _add_command(
        "copy-files",
        _defer("storage.copy_files"),
        "copy the files from another file store into the configured one",
        commands,
    )
    parser.add_argument("source", metavar="URL", help="the other store: file:///FOLDER or s3://BUCKET/PREFIX")
    parser = _add_in_organisation(
        "erase", _defer("erasure.erase"), "erase an organisation with all its data, or a single object in it", commands
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--import", dest="import_id", metavar="ID", help="erase only this import, with its files")
    one.add_argument("--supplier", metavar="ID", help="erase only this supplier, by its ID or your reference")
    one.add_argument("--agency", metavar="ID", help="erase only this agency, by its ID or your reference")
    one.add_argument("--case", metavar="ID", help="erase only this case record, at a person's request")
    parser.add_argument(
        "--with-suppliers", action="store_true", help="with --import: also erase the suppliers that came only from it"
    )
    parser.add_argument(
        "--yes", action="store_true", help="erase the data; without this option, only show what would be erased"
    )


def _add_secret_key_commands(commands: Any) -> None:
    secret = commands.add_parser("secret-key", help="replace the secret key of the installation").add_subparsers(
        required=True, metavar="rotate | reencrypt"
    )
    _add_command("rotate", _rotate_secret_key, "add a new secret key; the older ones are still accepted", secret)
    about = "re-encrypt texts, files, credentials and sign-in secrets with the newest secret key"
    _add_command("reencrypt", _reencrypt, about, secret)


def _add_audit_commands(commands: Any) -> None:
    audit = commands.add_parser("audit", help="check, sign or export the audit trail").add_subparsers(
        required=True, metavar="verify | checkpoint | export"
    )
    about = "find events that were changed, removed, moved, added or cut off, and print the first one"
    parser = _add_command("verify", _defer("audit.verify"), about, audit)
    parser.add_argument(
        "--checkpoints",
        metavar="FILE",
        help="compare with the checkpoints in this file (default: the file given in the settings)",
    )
    parser.add_argument(
        "--public-key",
        metavar="HEX",
        action="append",
        default=[],
        help="also accept checkpoints that were signed with this key",
    )
    _add_command("checkpoint", _defer("audit.write_checkpoints"), "sign the current state of every chain now", audit)
    parser = _add_in_organisation(
        "export", _defer("audit.export"), "write an organisation's audit trail to a file", audit
    )
    parser.add_argument("--since", metavar="DATE", help="first day, in UTC (YYYY-MM-DD)")
    parser.add_argument("--until", metavar="DATE", help="last day, in UTC (YYYY-MM-DD)")
    parser.add_argument("--out", required=True, metavar="FILE", help="a .jsonl or .xlsx file")


def _add_watchlist_commands(commands: Any) -> None:
    watchlist = commands.add_parser(
        "watchlist", help="manage the watchlists that suppliers are screened against"
    ).add_subparsers(required=True, metavar="import | list | remove")
    parser = _add_in_organisation(
        "import",
        _defer("watchlists.import_watchlist"),
        "load a watchlist from a CSV file, replacing its earlier entries",
        watchlist,
    )
    parser.add_argument("file", metavar="FILE", help="an OpenSanctions targets.simple.csv file, or your own table")
    parser.add_argument("--name", metavar="LIST", help="name of the watchlist (default: the file name)")
    parser = _add_in_organisation(
        "list",
        _defer("watchlists.list_watchlists"),
        "print the name, number of entries and import date of each watchlist",
        watchlist,
    )
    parser = _add_in_organisation(
        "remove", _defer("watchlists.remove_watchlist"), "remove a watchlist and its matches", watchlist
    )
    parser.add_argument("name", metavar="LIST")


def _add_release_commands(commands: Any) -> None:
    release = commands.add_parser(
        "release", help="show, preview and plan which release of the method an organisation uses"
    ).add_subparsers(required=True, metavar="show | preview | set | cancel | reassess")
    for name, function, about in (
        ("show", "show_release", "print the release in use, and the day from which the next one applies"),
        (
            "preview",
            "preview_release",
            "show which suppliers would move to another level under the next release, and why",
        ),
        ("set", "set_release", "set the day from which the next release applies"),
        ("cancel", "cancel_release", "remove the day from which the next release applies"),
        ("reassess", "reassess_under_release", "reassess all suppliers under the release in use"),
    ):
        parser = _add_in_organisation(name, _defer(f"release.{function}"), about, release)
        if name == "preview":
            parser.add_argument("--out", metavar="FILE", help="write all suppliers to this .csv or .xlsx file")
        if name == "set":
            parser.add_argument("release", metavar="RELEASE", help="the next release, such as 2026.4")
            parser.add_argument("day", metavar="DATE", help="first day on which the release applies (YYYY-MM-DD)")


def _add_organisation_commands(commands: Any) -> None:
    organisations = commands.add_parser("organisations", help="create an organisation").add_subparsers(
        required=True, metavar="create"
    )
    parser = _add_command("create", _defer("accounts.create_organisation"), "create an organisation", organisations)
    parser.add_argument("name")
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="time zone, such as Asia/Bangkok (default: UTC)"
    )


def _add_user_commands(commands: Any) -> None:
    users = commands.add_parser(
        "users", help="create a user, reset a password or remove a second factor"
    ).add_subparsers(required=True, metavar="create | reset-password | reset-second-factor")
    parser = _add_in_organisation(
        "create", _defer("accounts.create_user"), "create a user with a temporary password", users
    )
    parser.add_argument("--email", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--role", default="officer", help="admin, officer (default), viewer, approver or case_handler")
    parser = _add_in_organisation(
        "reset-password",
        _defer("accounts.reset_password"),
        "set a new temporary password for a user who cannot sign in, and end the user's sessions",
        users,
    )
    parser.add_argument("--email", required=True)
    parser = _add_in_organisation(
        "reset-second-factor",
        _defer("accounts.reset_second_factor"),
        "remove the second factors of a user who has lost them, and end the user's sessions",
        users,
    )
    parser.add_argument("--email", required=True)


def _add_key_commands(commands: Any) -> None:
    keys = commands.add_parser("keys", help="create an API key, or hand it over to another user").add_subparsers(
        required=True, metavar="create | hand-over"
    )
    parser = _add_in_organisation(
        "create", _defer("accounts.create_key"), "create an API key; it is printed only once", keys
    )
    parser.add_argument(
        "--scopes", required=True, nargs="+", metavar="SCOPE", help="one or more scopes, such as suppliers:read assess"
    )
    parser.add_argument("--days", type=int, default=90, metavar="N", help="days until the key expires (default: 90)")
    parser.add_argument("--name", default="Created on the command line", help="name shown in the list of keys")
    parser.add_argument(
        "--owner",
        metavar="EMAIL",
        help="user who owns the key; the key stops working when that user loses access (default: none)",
    )
    parser = _add_in_organisation(
        "hand-over",
        _defer("accounts.hand_over_key"),
        "make another user the owner of an API key; the key itself does not change",
        keys,
    )
    parser.add_argument("--key", required=True, metavar="PREFIX", help="the beginning of the key, such as dk_7h3kq9mp")
    parser.add_argument("--owner", required=True, metavar="EMAIL", help="email address of the new owner")


def _defer(name: str) -> Command:
    """Return a function of another module of commands, which is imported only when the command runs: --help answers at once."""
    module, _, function = name.partition(".")

    def run(settings: Settings, arguments: argparse.Namespace) -> int:
        command: Command = getattr(import_module(f"service.commands.{module}"), function)
        return command(settings, arguments)

    return run


def _run(command: Command, arguments: argparse.Namespace) -> int:
    from service.backup import BackupError
    from service.errors import DomainError
    from service.log import configure_logging
    from service.settings import SettingError
    from service.trouble import find_trouble
    from service.wiring.processes import OutdatedDatabase, StartError

    settings = None
    try:
        settings = _load_settings(arguments, command is _serve)
        configure_logging(settings.log_level)
        return command(settings, arguments)
    except OutdatedDatabase as error:
        print(f"diligence: {error}", file=sys.stderr)
        return TROUBLE
    except (BackupError, SettingError, StartError, DomainError) as error:
        print(f"diligence: {error}", file=sys.stderr)
    except Exception as error:
        trouble = find_trouble(error)
        if settings is not None and trouble is not None and not _is_about_a_file_of_the_user(error, settings):
            print(f"diligence: {_describe_place(error, settings)}: {trouble.describe()}", file=sys.stderr)
            return TROUBLE
        if not isinstance(error, OSError):
            raise
        print(f"diligence: {error.filename} cannot be used: {error.strerror}.", file=sys.stderr)
    return CANNOT


def _is_about_a_file_of_the_user(error: Exception, settings: Settings) -> bool:
    """Return whether the error is about a file named on the command line and not about the data folder."""
    if not isinstance(error, OSError) or error.filename is None:
        return False
    return not Path(os.fsdecode(error.filename)).absolute().is_relative_to(settings.data.absolute())


def _describe_place(error: Exception, settings: Settings) -> str:
    """Return what the trouble is with: a file or folder, the file store, or the database without its password."""
    from service.blob_store import BlobTrouble

    if isinstance(error, OSError):
        return str(error.filename or settings.data)
    if isinstance(error, BlobTrouble):
        return settings.blob_store
    from sqlalchemy import make_url

    return f"database {make_url(settings.database).render_as_string()}"


def _load_settings(arguments: argparse.Namespace, is_serve: bool) -> Settings:
    """Return the settings of the environment, overridden by command-line options."""
    from service.settings import LOOPBACK, from_environment

    options = {name: getattr(arguments, name, None) for name in ("data", "host", "port")}
    environment = {**os.environ, **{f"DILIGENCE_{name.upper()}": value for name, value in options.items() if value}}
    if is_serve:
        # On a single machine there is no TLS, and the person who started the service reads the log.
        environment.setdefault("DILIGENCE_LOG_LEVEL", "WARNING")
        if environment.get("DILIGENCE_HOST", LOOPBACK[0]) in LOOPBACK and "DILIGENCE_PROXIES" not in environment:
            environment.setdefault("DILIGENCE_PLAIN_HTTP", "1")
    return from_environment(environment)


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.wiring.processes import serve

    serve(settings, partial(print, flush=True), with_demo=arguments.demo)
    return DONE


def _run_web(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.wiring.processes import run_web

    run_web(settings)
    return DONE


def _run_worker(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.wiring.processes import run_worker_process

    run_worker_process(settings)
    return DONE


def _run_scheduler(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.wiring.processes import run_scheduler_process

    run_scheduler_process(settings)
    return DONE


def _migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.db.migrations import get_newest_revision
    from service.reencryption import reencrypt_files
    from service.wiring.processes import migrate_database, open_blobs

    before = migrate_database(settings)
    if before is not None:
        reencrypt_files(open_blobs(settings))  # those that a release before 0.5 stored as they were
    now = get_newest_revision()
    print(
        f"The database is already at version {now}."
        if before == now
        else f"The database was upgraded from {before or 'empty'} to {now}."
    )
    return DONE


def _create_backup(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.backup import create_backup
    from service.clock import now
    from service.erasure.backups import record_backup
    from service.journal import Journal
    from service.wiring.processes import open_blobs, open_current_database

    at = now()
    with open_current_database(settings) as database:
        counts = create_backup(
            database,
            open_blobs(settings),
            Path(arguments.file),
            at,
            settings.get_backup_keys(),
        )
    record_backup(Journal(settings.backup_journal), Path(arguments.file), at)
    print(f"Backup written to {arguments.file} and checked: {format_counts(counts)}.")
    return DONE


def _rotate_secret_key(settings: Settings, arguments: argparse.Namespace) -> int:
    number = settings.add_secret_key()
    print(
        f"{settings.secret_keys_path} now contains a new secret key and {number - 1} older ones. "
        "Every Diligence process uses the new key from now on."
    )
    print(
        "Before you remove an older key, run diligence secret-key reencrypt, and "
        "rotate the secrets of the webhook endpoints (see docs/operate.md)."
    )
    return DONE


def _reencrypt(settings: Settings, arguments: argparse.Namespace) -> int:
    from service.reencryption import reencrypt
    from service.wiring.processes import open_blobs, open_current_database

    with open_current_database(settings) as db:
        done = reencrypt(db, open_blobs(settings))
    print(f"Re-encrypted: {done.changed:,}.")
    if done.unreadable:
        print(
            f"Encrypted with a key that is missing from {settings.secret_keys_path}: {done.unreadable:,}.",
            file=sys.stderr,
        )
        return NOT_CONFIRMED
    return DONE
