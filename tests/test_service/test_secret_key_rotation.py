"""A new secret key takes effect without signing anybody out, and without a form that has to be loaded again."""

from pathlib import Path

from callers import form_token, make_browser, make_organisation, make_user
from databases import Empty
from sqlalchemy import select

from service.auth.second_factors import TOTP_PURPOSE
from service.blob_store import BlobStore
from service.clock import now
from service.db.account_tables import User
from service.db.session import Database
from service.db.sign_in_tables import SecondFactor
from service.reencryption import Reencryption, reencrypt
from service.secret_keys import decrypt, encrypt
from service.settings import Settings
from service.wiring.app import create_app


def test_a_form_that_was_open_while_the_key_was_rotated_is_accepted_until_the_older_key_is_removed(
    tmp_path: Path, sqlite: Empty
):
    settings = Settings(data=tmp_path, plain_http=True)
    with sqlite() as engine:
        database = Database(engine, settings.open_secret_keys())
        browser = make_browser(
            create_app(settings, database), make_user(database, make_organisation(database), "admin")
        )
        form = {"csrf_token": form_token(browser), "keep_months": "60"}
        settings.add_secret_key()
        browser.application = create_app(settings, database)
        assert browser.post("/organisation", data=form).status_code == 303
        newest, _ = settings.get_secret_keys()
        settings.secret_keys_path.write_bytes(newest + b"\n")
        browser.application = create_app(settings, database)
        assert browser.post("/organisation", data=form).status_code == 400


def test_web_servers_accept_at_once_what_another_signed_with_a_new_key(tmp_path: Path, sqlite: Empty):
    settings = Settings(data=tmp_path, plain_http=True)
    with sqlite() as engine:
        database = Database(engine, settings.open_secret_keys())
        one, other = create_app(settings, database), create_app(settings, database)
        browser = make_browser(one, make_user(database, make_organisation(database), "admin"))
        settings.add_secret_key()
        form = {"csrf_token": form_token(browser), "keep_months": "60"}
        browser.application = other
        assert browser.post("/organisation", data=form).status_code == 303


def test_what_people_sign_in_with_is_encrypted_with_the_newest_key_before_an_older_one_is_removed(
    database: Database, blobs: BlobStore
):
    old, new, lost = b"old" * 12, b"new" * 12, b"lost" * 12
    organisation_id = make_organisation(database)
    make_user(database, organisation_id, "admin")
    with database.for_organisation(organisation_id) as session:
        user_id = session.scalars(select(User.id)).one()
        for name, key in (("App", old), ("Lost", lost)):
            secret = encrypt([key], b"seed", TOTP_PURPOSE, user_id)
            session.add(SecondFactor(user_id=user_id, kind="totp", name=name, secret=secret, created_at=now()))
        session.add(SecondFactor(user_id=user_id, kind="passkey", name="Key", secret="public key", created_at=now()))
    database.secret_keys = new, old
    assert reencrypt(database, blobs) == Reencryption(changed=1, unreadable=1)
    assert reencrypt(database, blobs) == Reencryption(changed=0, unreadable=1), "nothing is left to do"
    with database.for_organisation(organisation_id, write=False) as session:
        secrets = {factor.name: factor.secret for factor in session.scalars(select(SecondFactor))}
    assert decrypt([new], secrets["App"], TOTP_PURPOSE, user_id) == b"seed"
    assert decrypt([lost], secrets["Lost"], TOTP_PURPOSE, user_id) == b"seed"
    assert secrets["Key"] == "public key"
