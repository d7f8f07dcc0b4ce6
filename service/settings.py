"""The settings of an installation, read once from the environment: ``DILIGENCE_DATA``, ``DILIGENCE_PORT`` and so on."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from service.durable_files import sync_folder

PREFIX = "DILIGENCE_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ONE_TIME_PASSWORD_HOURS = 72
MIN_SECRET_KEY = 32  # characters
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class SettingError(ValueError):
    """An invalid environment variable: one sentence for the operator."""


def _setting(default: Any, about: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"about": about}, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default. ``describe_settings()`` lists them for the documentation."""

    data: Path = _setting(Path("data"), "Folder for the SQLite database, uploaded files, reports and the secret key.")
    database_url: str = _setting("", "SQLAlchemy URL for the database. Default: SQLite in the data folder.")
    system_database_url: str = _setting(
        "",
        "URL of the same PostgreSQL database for the role that works across organisations (row security). Default: "
        "`DILIGENCE_DATABASE_URL`.",
    )
    owner_database_url: str = _setting(
        "",
        "URL of the same PostgreSQL database for the role that owns the tables, needed by `migrate`, `serve`, `restore` and "
        "`check --repair`. Default: `DILIGENCE_SYSTEM_DATABASE_URL`.",
    )
    blob_store_url: str = _setting(
        "",
        "Where uploaded files and reports are stored: `file:///FOLDER` or `s3://BUCKET/PREFIX`. Default: the folder `blobs` "
        "in the data folder.",
    )
    secret_key_file: str = _setting(
        "",
        "File that contains the secret key, or several, one per line, newest first. Default: created in the data folder when the "
        "service first starts.",
    )
    audit_checkpoints: str = _setting(
        "",
        "File to which signed checkpoints of the audit trail are appended, best on a disk that the database cannot write to. "
        "Default: `audit-checkpoints.jsonl` in the data folder.",
    )
    host: str = _setting("127.0.0.1", "Address on which the web server listens.")
    port: int = _setting(8080, "Port on which the web server listens.")
    hosts: tuple[str, ...] = _setting((), "Host names that the service accepts, separated by commas. Default: all.")
    proxies: int = _setting(
        0, "Number of reverse proxies in front of the service that report the caller's address and scheme."
    )
    plain_http: bool = _setting(
        False,
        "Serve pages without TLS, and cookies without Secure and __Host-. Allowed only on a loopback address.",
    )
    upload_bytes: int = _setting(50_000_000, "Maximum size of a request in bytes, including all files in an upload.")
    upload_files: int = _setting(20, "Maximum number of files in one upload.")
    api_per_minute: int = _setting(600, "Maximum number of requests per minute for each API key.")
    workers: int = _setting(
        2,
        "Number of jobs that `serve` or `worker` runs at the same time. If there are two or more, one is reserved "
        "for short jobs.",
    )
    waiting_jobs: int = _setting(
        100,
        "Maximum number of unfinished jobs for each organisation. An organisation that reaches it cannot upload more "
        "files or request more reports.",
    )
    idle_minutes: int = _setting(60, "Minutes of inactivity after which a session ends.")
    sign_in_hours: int = _setting(12, "Hours after which a session ends, even if it is in use.")
    one_time_password_hours: int = _setting(
        ONE_TIME_PASSWORD_HOURS, "Hours for which a one-time password, for a new user or after a reset, can be used."
    )
    key_days: int = _setting(365, "Maximum lifetime of an API key, in days.")
    backup_days: int = _setting(
        0, "Number of days for which you keep backups, shown in erasure previews. 0: not known."
    )
    backup_key_file: str = _setting(
        "",
        "File that contains the key with which backups are encrypted, or several, one per line, newest first. Default: backups "
        "are not encrypted.",
    )
    address: str = _setting(
        "", "Address at which users open the service, such as `https://diligence.example`. Emails link to it."
    )
    smtp_host: str = _setting("", "Mail server for outgoing email. Default: none; emails wait on the page *Messages*.")
    smtp_port: int = _setting(587, "Port of the mail server.")
    smtp_security: str = _setting(
        "starttls",
        "Encryption of the connection to the mail server: `starttls`, `tls` from the first byte, or `none` on this "
        "machine.",
    )
    smtp_user: str = _setting("", "User name for the mail server. Default: no sign-in.")
    smtp_password: str = _setting("", "Password for the mail server.", secret=True)
    smtp_password_file: str = _setting("", "File that contains this password, used instead of the variable.")
    smtp_from: str = _setting("", "Sender address of emails.")
    smtp_ca_file: str = _setting(
        "", "File that contains the certificates trusted for the mail server. Default: the machine's own certificates."
    )
    webhook_plain_http: bool = _setting(False, "Allow webhook endpoints without TLS (http).")
    webhook_networks: tuple[str, ...] = _setting(
        (),
        "Private networks that webhooks may reach, separated by commas, such as `10.20.0.0/16`. Default: none.",
    )
    provider_hosts: tuple[str, ...] = _setting(
        (),
        "Host names of identity providers that may have private addresses, separated by commas. Default: none.",
    )
    log_level: str = _setting("INFO", "Minimum severity of log lines: DEBUG, INFO, WARNING or ERROR.")

    def __post_init__(self) -> None:
        """Refuse to send pages and cookies unencrypted over a network, an address that is not one of a store, and no worker."""
        if self.blob_store_url and not self.blob_store_url.startswith(("file:///", "s3://")):
            raise SettingError("DILIGENCE_BLOB_STORE_URL must begin with file:/// or s3://.")
        if self.workers < 1:
            raise SettingError("DILIGENCE_WORKERS is 0; set it to 1 or more.")
        if self.plain_http and self.host not in LOOPBACK:
            raise SettingError(
                f"Without TLS, the service may listen only on {' or '.join(LOOPBACK)}, not on {self.host}."
            )

        if (self.system_database_url or self.owner_database_url) and not self.database_url.startswith("postgresql"):
            raise SettingError(
                "DILIGENCE_SYSTEM_DATABASE_URL and DILIGENCE_OWNER_DATABASE_URL need DILIGENCE_DATABASE_URL, the address of the "
                "same PostgreSQL database."
            )
        self._check_outgoing()

    def _check_outgoing(self) -> None:
        """Refuse settings with which no mail would leave, or would leave unencrypted over a network."""
        if self.smtp_security not in ("starttls", "tls", "none"):
            raise SettingError("DILIGENCE_SMTP_SECURITY must be starttls, tls or none.")
        if self.smtp_host and self.smtp_security == "none" and self.smtp_host not in LOOPBACK:
            raise SettingError(f"Without encryption, the mail server must be {' or '.join(LOOPBACK)}.")
        if self.smtp_host and ("@" not in self.smtp_from or not self.smtp_from.isascii()):
            raise SettingError("DILIGENCE_SMTP_FROM must be the address from which emails are sent.")
        if self.smtp_host and not self.address.startswith(("https://", "http://")):
            raise SettingError("DILIGENCE_ADDRESS must be the address at which users open the service.")
        for network in self.webhook_networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise SettingError(f"DILIGENCE_WEBHOOK_NETWORKS: {network} is not a network.") from error

    @property
    def database(self) -> str:
        """Address of the database."""
        return self.database_url or f"sqlite:///{(self.data / 'diligence.db').absolute()}"

    @property
    def system_database(self) -> str:
        """Address of the database for work across organisations."""
        return self.system_database_url or self.database

    @property
    def owner_database(self) -> str:
        """Address of the database for the owner of the tables."""
        return self.owner_database_url or self.system_database

    @property
    def blob_store(self) -> str:
        """Address of the store of uploads and reports; all processes of an installation share it."""
        return self.blob_store_url or (self.data / "blobs").absolute().as_uri()

    @property
    def erasure_journal(self) -> Path:
        """File that records what was erased, for the restore of an earlier backup."""
        return self.data / "erasures.jsonl"

    @property
    def audit_checkpoint_file(self) -> Path:
        """File of the signed checkpoints of the audit trail."""
        return Path(self.audit_checkpoints) if self.audit_checkpoints else self.data / "audit-checkpoints.jsonl"

    @property
    def backup_journal(self) -> Path:
        """File that records the backups that were made."""
        return self.data / "backups.jsonl"

    @property
    def secret_keys_path(self) -> Path:
        """File of the secret keys."""
        return Path(self.secret_key_file) if self.secret_key_file else self.data / "secret-key"

    def get_secret_keys(self) -> tuple[bytes, ...]:
        """Return the secret keys, newest first, each 32 random bytes in hexadecimal.

        The first call creates one, readable only by its owner. Raises SettingError for a key of fewer than 32 characters.
        """
        return tuple(self.open_secret_keys())

    def open_secret_keys(self) -> KeyFile:
        """Return the secret keys as they are in their file at each moment. Raises SettingError as get_secret_keys does."""
        path = self.secret_keys_path
        if path not in _key_files:
            if not path.exists():
                _create_secret_key(path)
            _remove_draft(path)
        key_file = _key_files.setdefault(path, KeyFile(path))
        len(key_file)  # reads it
        return key_file

    def get_backup_keys(self) -> tuple[bytes, ...]:
        """Return the keys for backups, newest first; none if backups are not encrypted. Raises SettingError, OSError."""
        return _read_keys(Path(self.backup_key_file)) if self.backup_key_file else ()

    def get_secret_key(self) -> bytes:
        """Return the newest secret key. Raises SettingError."""
        return self.get_secret_keys()[0]

    def add_secret_key(self) -> int:
        """Add a new secret key before the others, and return how many there are now. Raises SettingError, OSError.

        Two commands take turns: a key that one of them added and the other left out would be lost, with all that was encrypted
        with it by then.
        """
        self.open_secret_keys()
        path = self.secret_keys_path
        with _lock_key_file(path):
            keys = _read_keys(path)
            draft = _get_draft(path)
            draft.unlink(missing_ok=True)
            _write_secret_keys(draft, keys)
            draft.replace(path)
            sync_folder(path.parent)
        return len(keys) + 1


class KeyFile(Sequence[bytes]):
    """The keys in a file, newest first, read again when the file has changed.

    So every process encrypts with a new key, and decrypts what others encrypted with it, without being restarted.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._version, self._keys = path, (0, 0), tuple[bytes, ...]()

    def _read(self) -> tuple[bytes, ...]:
        try:
            status = self.path.stat()
            version = status.st_mtime_ns, status.st_ino  # the clock of a file system is coarse
            if version != self._version:
                keys = _read_keys(self.path)
                self._keys, self._version = keys, version
        except (OSError, SettingError):
            if not self._keys:  # or it is being replaced
                raise
        return self._keys

    def __getitem__(self, index: Any) -> Any:
        return self._read()[index]

    def __len__(self) -> int:
        return len(self._read())


# Those that this process has read. If one of them disappears, no other key is created in its place.
_key_files: dict[Path, KeyFile] = {}


def _read_keys(path: Path) -> tuple[bytes, ...]:
    """Return the keys in a file, one a line. Raises SettingError."""
    keys = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    if not keys or min(map(len, keys)) < MIN_SECRET_KEY:
        raise SettingError(f"{path} does not contain a secret key of at least {MIN_SECRET_KEY} characters.")
    return keys


def _create_secret_key(path: Path) -> None:
    # Written to a draft and linked into place, so that two processes that start at once both read one whole key.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write_secret_keys(draft, ())
    try:
        os.link(draft, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write_secret_keys(path: Path, older: Sequence[bytes]) -> None:
    """Write a new secret key and the older ones to a new file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"\n".join((secrets.token_hex(32).encode(), *older)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _get_draft(path: Path) -> Path:
    """Return the path at which a key file is written before it replaces the one in use."""
    return path.with_name(f"{path.name}.draft")


def _remove_draft(path: Path) -> None:
    """Remove the draft that a command left behind when it was killed; its new key never took effect."""
    if not _get_draft(path).exists():
        return
    with suppress(OSError), _lock_key_file(path):  # whoever is writing it finishes first
        _get_draft(path).unlink(missing_ok=True)


@contextmanager
def _lock_key_file(path: Path) -> Iterator[None]:
    """Keep others from replacing a key file. Raises OSError."""
    while True:
        with path.open("r+b") as file:  # a network file system locks only what may be written
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield
                return
        # it was replaced in the meantime


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment. Raises SettingError for an invalid value or an unknown name."""
    known = {PREFIX + setting.name.upper(): setting for setting in fields(Settings)}
    variables = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in variables.keys() - known.keys():
        raise SettingError(f"{name} is not a setting of Diligence.")
    values: dict[str, Any] = {
        known[name].name: _parse_value(name, text, known[name].default) for name, text in variables.items()
    }
    return Settings(**values)


def _parse_value(name: str, value: str, default: object) -> object:
    if isinstance(default, bool):
        if value.lower() not in TRUE + FALSE:
            raise SettingError(f"{name} is '{value}'; set it to 1 or 0.")
        return value.lower() in TRUE
    if isinstance(default, int):
        if not value.isascii() or not value.isdigit():
            raise SettingError(f"{name} is '{value}'; set it to a whole number.")
        return int(value)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return Path(value) if isinstance(default, Path) else value


def describe_settings() -> list[tuple[str, str, str]]:
    """Return the environment variable, default and meaning of every setting, in order."""
    rows = []
    for setting in fields(Settings):
        default = setting.default
        assert default is not MISSING
        text = (
            ",".join(default)
            if isinstance(default, tuple)
            else str(int(default) if isinstance(default, bool) else default)
        )
        rows.append((PREFIX + setting.name.upper(), text, str(setting.metadata["about"])))
    return rows
