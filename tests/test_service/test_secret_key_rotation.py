"""A new secret key takes effect without signing anybody out, and without a form that has to be loaded again."""

from pathlib import Path

from callers import form_token, make_browser, make_organisation, make_user
from databases import Empty

from service.db.session import Database
from service.settings import Settings
from service.wiring.app import create_app


def test_a_form_that_was_open_while_the_key_was_rotated_is_accepted_until_the_older_key_is_removed(
    tmp_path: Path, sqlite: Empty
):
    settings = Settings(data=tmp_path, plain_http=True)
    with sqlite() as engine:
        database = Database(engine)
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
