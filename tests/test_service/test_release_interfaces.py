"""An admin looks at the next release of the method and sets its day: on the pages and through the API."""

import pytest
from callers import make_browser, make_key, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from portal import Portal
from sqlalchemy import select
from test_organisation_models import AT, GRADED, NEXT, ON, RELEASE, make, released
from test_release_preview import assess_before_upgrade

from risk_models.model import find_coming_model
from service.db.session import Database
from service.db.tables import AuditEvent
from service.jobs.table import claim_job
from service.model_governance import release_preview
from service.suppliers import repository as suppliers
from service.web.formatting import format_day

__all__ = ["released"]  # the fixture: the next release is in force
ADDRESS = "/organisation/release"


@pytest.fixture
def ours(database: Database) -> str:
    organisation_id = make(database, "Moving")
    with database.for_organisation(organisation_id) as session:
        suppliers.save_supplier(session, "site", GRADED | {"name": "Cotton <Field>"}, ON, AT, "user:1", "api")
    return organisation_id


@pytest.fixture
def admin(app: Flask, database: Database, ours: str) -> FlaskClient:
    return make_browser(app, make_user(database, ours, "admin"))


@pytest.fixture
def portal(app: Flask, database: Database, ours: str) -> Portal:
    return Portal(app, make_key(database, ours, "admin"))


def run_preview(app: Flask, database: Database) -> None:
    claimed = claim_job(database, "w", kinds=["preview_release"])
    assert claimed is not None
    release_preview.run_preview(database, app.extensions["blob_store"], claimed)


def read(client: FlaskClient) -> str:
    return client.get(ADDRESS).get_data(as_text=True)


def test_an_admin_previews_the_release_sets_the_day_and_removes_it(
    app: Flask, database: Database, admin: FlaskClient, ours: str
):
    assert "Your suppliers are assessed using release 2026.3." in read(admin)
    assert send(admin, f"{ADDRESS}/preview").status_code == 303
    assert 'id="progress"' in read(admin)
    assert "HX-Refresh" not in admin.get(f"{ADDRESS}/preview/progress").headers
    run_preview(app, database)
    assert admin.get(f"{ADDRESS}/preview/progress").headers["HX-Refresh"] == "true"
    page = read(admin)
    assert "1 supplier would move to another level" in page
    assert "Cotton &lt;Field&gt;" in page
    assert "documented here (" in page
    assert admin.get(f"{ADDRESS}/preview/file?format=csv").get_data(as_text=True).count("Cotton") == 1
    assert admin.get(f"{ADDRESS}/preview/file?format=docx").status_code == 422

    assert send(admin, ADDRESS, release=NEXT, day="2026-12-01").status_code == 409
    assert send(admin, ADDRESS, release=NEXT, day="someday").status_code == 422
    assert send(admin, ADDRESS, release=NEXT, day="2026-12-24").status_code == 303
    assert "24 Dec 2026" in read(admin)
    assert send(admin, f"{ADDRESS}/cancel").status_code == 303
    assert "No date is set, so release 2026.3 stays in use." in read(admin)
    with database.for_organisation(ours, write=False) as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert "release.downloaded" in actions
    assert [action for action in actions if action != "release.downloaded"][-3:] == [
        "release.preview_requested",
        "organisation.release_set",
        "organisation.release_cancelled",
    ]


def test_once_the_day_has_come_all_suppliers_can_be_reassessed(database: Database, admin: FlaskClient):
    send(admin, ADDRESS, release=NEXT, day=ON.isoformat())
    page = read(admin)
    assert "Your suppliers are assessed using release 2026.4." in page
    assert "1 supplier was last assessed using another release" in page
    assert send(admin, f"{ADDRESS}/cancel").status_code == 409
    assert send(admin, f"{ADDRESS}/reassessment").status_code == 303
    assert claim_job(database, "w", kinds=["reassess_all"]) is not None


def test_an_admin_previews_newer_facts_before_all_suppliers_are_reassessed_with_them(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    organisation_id = make(database, "Upgraded", NEXT)
    assess_before_upgrade(database, organisation_id, monkeypatch)
    admin = make_browser(app, make_user(database, organisation_id, "admin"))
    page = read(admin)
    assert "4 suppliers were last assessed with earlier facts" in page
    assert "Reassess all suppliers" not in page
    assert send(admin, f"{ADDRESS}/preview").status_code == 303
    run_preview(app, database)
    page = read(admin)
    assert "Newer facts about the country and sector" in page
    assert "First day" not in page
    assert "Reassess all suppliers" in page


def test_the_method_page_shows_the_models_of_the_organisation(admin: FlaskClient):
    assert f'<td data-label="Version">{RELEASE}</td>' in admin.get("/method").get_data(as_text=True)
    send(admin, ADDRESS, release=NEXT, day=ON.isoformat())
    assert f'<td data-label="Version">{NEXT}</td>' in admin.get("/method").get_data(as_text=True)


def test_the_method_page_announces_the_models_that_come_into_force_next(admin: FlaskClient):
    coming = find_coming_model(ON)
    assert coming is not None
    assert f"Version {coming.version} of the models comes into force on {format_day(coming.effective)}." in admin.get(
        "/method"
    ).get_data(as_text=True)


def test_the_api_does_the_same(app: Flask, database: Database, portal: Portal):
    assert portal.get(ADDRESS).json == {
        "current": RELEASE,
        "available": NEXT,
        "release": None,
        "day": None,
        "outdated": 0,
        "outdated_facts": 0,
        "preview": None,
    }
    assert portal.get(f"{ADDRESS}/preview/file").json["code"] == "release.no_preview"
    requested = portal.post(f"{ADDRESS}/preview")
    assert (requested.status_code, requested.json["state"], requested.json["summary"]) == (202, "queued", None)
    assert portal.get(f"{ADDRESS}/preview/file").json["code"] == "release.no_preview"
    run_preview(app, database)
    found = portal.get(ADDRESS).json["preview"]
    assert (found["state"], found["summary"]["level_changes"]) == ("done", 1)
    (moved,) = found["moved"]
    assert moved["name"] == "Cotton <Field>"
    assert moved["reasons"][0]["rule"] == "state_imposed"
    assert "Cotton" in portal.get(f"{ADDRESS}/preview/file?format=csv").get_data(as_text=True)

    changed = portal.put(ADDRESS, {"release": NEXT, "day": "2026-12-24"})
    assert (changed.status_code, changed.json["release"], changed.json["day"]) == (200, NEXT, "2026-12-24")
    assert portal.put(ADDRESS, {"release": NEXT, "day": "2026-12-01"}).json["code"] == "release.day"
    assert portal.put(ADDRESS, {"release": "2026.2", "day": "2026-12-24"}).json["code"] == "release.unknown"
    assert portal.post(f"{ADDRESS}/cancel").json["day"] is None
    assert portal.post(f"{ADDRESS}/cancel").json["code"] == "release.not_set"
    assert portal.post(f"{ADDRESS}/reassessment").json["kind"] == "reassess_all"


def test_the_onboarding_decision_uses_the_release_of_the_organisation(app: Flask, database: Database, ours: str):
    gate = Portal(app, make_key(database, ours, "assess", "admin"))
    body = {name: value for name, value in GRADED.items() if name in ("country", "sector")} | {"name": "New Farm"}
    before = gate.post("/assessments", body).json
    gate.put(ADDRESS, {"release": NEXT, "day": ON.isoformat()})
    after = gate.post("/assessments", body).json
    assert after["inherent"] > before["inherent"]
    assert "state_imposed" not in before
    assert after["state_imposed"]["grade"] == "documented"


def test_the_portfolio_says_to_admins_alone_that_a_release_waits_for_its_day(
    app: Flask, database: Database, admin: FlaskClient, ours: str
):
    sentence = "Release 2026.4 of the method is available."
    assert sentence in admin.get("/").get_data(as_text=True)
    officer = make_browser(app, make_user(database, ours, "officer"))
    assert sentence not in officer.get("/").get_data(as_text=True)
    send(admin, ADDRESS, release=NEXT, day="2026-12-24")
    assert sentence not in admin.get("/").get_data(as_text=True)
