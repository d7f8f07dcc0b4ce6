"""The settings of an installation, read once from the environment: ``DILIGENCE_DATA``, ``DILIGENCE_PORT`` and so on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "DILIGENCE_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class SettingError(ValueError):
    """An invalid environment variable: one sentence for the operator."""


def _setting(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default. ``describe_settings()`` lists them for the documentation."""

    data: Path = _setting(Path("data"), "Folder for the SQLite database, uploaded files, reports and the secret key.")
    database_url: str = _setting("", "SQLAlchemy address of the database; SQLite in the data folder unless set.")
    secret_key_file: str = _setting(
        "", "File with the secret key; made in the data folder at the first start unless set."
    )
    host: str = _setting("127.0.0.1", "Address that the web server listens on.")
    port: int = _setting(8080, "Port that the web server listens on.")
    hosts: tuple[str, ...] = _setting(
        (), "Host names that the service answers to, with commas between; all unless set."
    )
    proxies: int = _setting(0, "How many reverse proxies stand in front and report the caller's address and scheme.")
    plain_http: bool = _setting(
        False,
        "Whether pages are served without TLS: cookies then go without Secure and __Host-. Only on a loopback address.",
    )
    upload_bytes: int = _setting(50_000_000, "Largest request, all files of an upload together, in bytes.")
    upload_files: int = _setting(20, "Most files in one upload.")
    api_per_minute: int = _setting(600, "Requests a minute that one API key may make.")
    idle_minutes: int = _setting(60, "Minutes without a request after which a sign-in ends.")
    sign_in_hours: int = _setting(12, "Hours after which a sign-in ends in any case.")
    key_days: int = _setting(365, "Longest life of an API key, in days.")
    log_level: str = _setting("INFO", "Least severe lines of the log: DEBUG, INFO, WARNING or ERROR.")

    def __post_init__(self) -> None:
        """Refuse to send pages, and with them cookies, unencrypted over a network."""
        if self.plain_http and self.host not in LOOPBACK:
            raise SettingError(f"Without TLS the service listens on {' or '.join(LOOPBACK)} only, not on {self.host}.")

    @property
    def database(self) -> str:
        """Address of the database."""
        return self.database_url or f"sqlite:///{(self.data / 'diligence.db').absolute()}"

    @property
    def files(self) -> Path:
        """Folder of uploads and reports; all processes of an installation share it."""
        return self.data / "blobs"

    def get_secret_key(self) -> bytes:
        """Return the secret key, 32 random bytes in hexadecimal; the first call creates it, readable by its owner alone."""
        path = Path(self.secret_key_file) if self.secret_key_file else self.data / "secret-key"
        if not path.exists():
            _create_secret_key(path)
        key = path.read_bytes().strip()
        if len(key) < 32:
            raise SettingError(f"{path} holds no secret key of 32 characters or more.")
        return key


def _create_secret_key(path: Path) -> None:
    # Written to a draft and linked into place, so that two processes that start at once both read one whole key.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment. Raises SettingError for an invalid value or an unknown name."""
    known = {PREFIX + setting.name.upper(): setting for setting in fields(Settings)}
    variables = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in variables.keys() - known.keys():
        raise SettingError(f"{name} is no setting.")
    values: dict[str, Any] = {
        known[name].name: _parse_value(name, text, known[name].default) for name, text in variables.items()
    }
    return Settings(**values)


def _parse_value(name: str, value: str, default: object) -> object:
    if isinstance(default, bool):
        if value.lower() not in TRUE + FALSE:
            raise SettingError(f"{name} is '{value}': say 1 or 0.")
        return value.lower() in TRUE
    if isinstance(default, int):
        if not value.isascii() or not value.isdigit():
            raise SettingError(f"{name} is '{value}': say a whole number.")
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
