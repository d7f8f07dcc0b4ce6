"""Admins connect systems and officers push to them, over the API and on pages; nobody gets back the credentials."""

from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from portal import make_portal
from sqlalchemy import select
from test_connected_systems import connect, make_suppliers

from service.blob_store import BlobStore
from service.connected_systems.systems import read_credentials
from service.db.session import Database
from service.db.system_tables import ConnectedSystem, SystemIdentifier
from service.reencryption import reencrypt

OPTIONS = {"object": "Account"}
CREDENTIALS = {"sign_in": "oauth2", "client_id": "diligence", "secret": "s3cret"}
SYSTEM = {
    "kind": "salesforce",
    "address": "https://harbour.my.salesforce.example",
    "options": OPTIONS,
    "credentials": CREDENTIALS,
    "enabled": True,
}


def test_a_system_is_connected_over_the_api_and_no_other_organisation_sees_it(app: Flask, database: Database):
    organisation = make_organisation(database)
    portal, other = make_portal(app, organisation), make_portal(app, make_organisation(database, "Other Foods"))
    (supplier_id,) = make_suppliers(database, organisation, "S-1")
    made = portal.call("POST", "/connected-systems", json=SYSTEM)
    assert (made.status_code, b"s3cret" in made.data, made.json["has_credentials"]) == (201, False, True)
    assert made.json["mapping"]["Diligence_Score__c"] == "score"
    path = f"/connected-systems/{made.json['id']}"
    identifier = f"/suppliers/{supplier_id}/system-identifiers/{made.json['id']}"
    assert portal.call("PUT", identifier, json={"identifier": "V-1"}).json["waiting"]
    assert portal.call("GET", path).json["known"] == 1
    assert portal.call("POST", f"{path}/push", json={}).status_code == 202
    wrong = portal.call("PATCH", path, json={"mapping": {"Diligence Score": "score"}})
    assert (wrong.status_code, wrong.json["code"]) == (422, "system.mapping")
    assert portal.call("PATCH", path, json={"enabled": False}).json["waiting"] == 1
    assert portal.call("POST", f"{path}/push", json={}).json["code"] == "system.disabled"
    assert b"V-1" in portal.call("GET", f"{path}/file.csv").data
    assert portal.call("POST", f"{path}/identifiers", json={"csv": "reference,identifier\nS-9,V-2"}).status_code == 422
    for method, foreign in (("GET", path), ("DELETE", path), ("GET", f"{path}/file.jsonl"), ("GET", f"{path}/pushes")):
        assert other.call(method, foreign).status_code == 404
    (theirs,) = make_suppliers(database, other.call("GET", "/organisation").json["id"], "S-1")
    across = f"/suppliers/{theirs}/system-identifiers/{made.json['id']}"
    assert other.call("PUT", across, json={"identifier": "V-2"}).status_code == 404
    assert portal.call("DELETE", identifier).status_code == 204
    assert portal.call("DELETE", path).status_code == 204


def test_an_admin_connects_a_system_on_pages_and_an_officer_only_pushes(app: Flask, database: Database):
    organisation = make_organisation(database)
    (supplier_id,) = make_suppliers(database, organisation, "S-1")
    admin = make_browser(app, make_user(database, organisation, "admin"))
    officer = make_browser(app, make_user(database, organisation, "officer"))
    address = {"kind": "coupa", "address": "https://harbour.coupahost.example", "option-scope": "core.supplier"}
    page = send(admin, "/connected-systems", **address).location
    fields = {"name": "Coupa", **address, "sign_in_id": "diligence", "secret": "s3cret"}
    refused = send(admin, page, **fields, field="number-field-11", value="score")
    assert (refused.status_code, "is not a valid field name" in refused.text) == (422, True)
    send(admin, page, **fields, field="number-field-01", value="score")
    send(admin, f"{page}/enable", enabled="1")
    assert "s3cret" not in admin.get(page).text
    assert send(officer, page, **fields).status_code == 403
    system_id = page.rpartition("/")[2]
    send(officer, f"/suppliers/{supplier_id}/system-identifier", system_id=system_id, identifier="V-1")
    assert send(officer, f"{page}/push").status_code == 303
    assert 'value="V-1"' in officer.get(f"/suppliers/{supplier_id}").text
    assert officer.get(f"{page}/file.csv").text.splitlines()[1].startswith(",V-1,")
    with database.for_organisation(organisation) as session:
        system, identifier = (
            session.scalars(select(ConnectedSystem)).one(),
            session.scalars(select(SystemIdentifier)).one(),
        )
        assert (system.mapping, system.enabled) == ({"number-field-01": "score"}, True)
        identifier.due_since, identifier.refused_code, identifier.refused_at = None, "http.422", system.created_at
        identifier.refused_text = "Supplier must exist."
    assert "Message from the system: Supplier must exist." in officer.get(page).text


def test_credentials_are_encrypted_again_with_a_new_secret_key(sqlite_database: Database, blobs: BlobStore):
    old, new = b"k" * 32, b"n" * 32
    connect(sqlite_database, make_organisation(sqlite_database), "salesforce", "https://host.example")
    sqlite_database.secret_keys = new, old
    assert reencrypt(sqlite_database, blobs).changed == 1
    with sqlite_database.unscoped(write=False) as session:
        system = session.scalars(select(ConnectedSystem)).one()
    assert read_credentials(system, (new,)).secret == "s3cret"
