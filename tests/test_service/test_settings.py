"""Settings of an installation."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import SettingError, Settings, describe_settings, from_environment


def test_an_empty_environment_gives_the_defaults():
    assert from_environment({"PATH": "/bin"}) == Settings()


def test_a_value_is_parsed_by_the_type_of_its_setting():
    read = from_environment(
        {
            "DILIGENCE_DATA": "/srv/diligence",
            "DILIGENCE_PORT": "9000",
            "DILIGENCE_PLAIN_HTTP": "Yes",
            "DILIGENCE_HOSTS": "a.example, b.example",
        }
    )
    assert read == Settings(data=Path("/srv/diligence"), port=9000, plain_http=True, hosts=("a.example", "b.example"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DILIGENCE_PORT", "http"),
        ("DILIGENCE_PORT", "-1"),
        ("DILIGENCE_PLAIN_HTTP", "perhaps"),
        ("DILIGENCE_PROT", "9000"),
    ],
)
def test_an_invalid_variable_is_refused_by_name(name: str, value: str):
    with pytest.raises(SettingError, match=name):
        from_environment({name: value})


def test_pages_are_served_over_a_network_with_tls_only():
    with pytest.raises(SettingError, match="Without TLS"):
        Settings(host="0.0.0.0", plain_http=True)


def test_every_setting_has_a_description():
    documented = describe_settings()
    assert [name for name, _default, _about in documented] == [
        f"DILIGENCE_{one.name.upper()}" for one in fields(Settings)
    ]
    assert all(about.endswith(".") for _name, _default, about in documented)


def test_the_documented_defaults_can_be_set():
    assert from_environment({name: default for name, default, _about in describe_settings()}) == Settings()


def test_the_secret_key_is_created_once_and_readable_by_its_owner_alone(tmp_path: Path):
    folder = tmp_path / "data"
    key = Settings(data=folder).get_secret_key()
    assert len(key) == 64
    assert Settings(data=folder).get_secret_key() == key
    assert stat.S_IMODE((folder / "secret-key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.name for file in folder.iterdir()] == ["secret-key"]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: Settings(data=tmp_path / "data").get_secret_key(), range(16)))
    assert len(keys) == 1


def test_a_secret_key_that_is_too_short_is_refused(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("secret\n", encoding="ascii")
    with pytest.raises(SettingError, match="does not contain a secret key"):
        Settings(secret_key_file=str(file)).get_secret_key()


def test_the_database_is_in_the_data_folder_by_default(tmp_path: Path):
    assert Settings(data=tmp_path).database == f"sqlite:///{tmp_path}/diligence.db"
    assert Settings(database_url="postgresql+psycopg://db/diligence").database == "postgresql+psycopg://db/diligence"


def test_the_roles_of_a_database_default_to_each_other_and_need_postgresql():
    application, system = "postgresql+psycopg://app@db/diligence", "postgresql+psycopg://system@db/diligence"
    alone, two = Settings(database_url=application), Settings(database_url=application, system_database_url=system)
    assert (alone.system_database, alone.owner_database) == (application, application)
    assert (two.database, two.system_database, two.owner_database) == (application, system, system)
    with pytest.raises(SettingError, match="PostgreSQL database"):
        Settings(owner_database_url=system)
