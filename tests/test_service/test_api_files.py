"""Imports, reports and schedules through the API, worked off as a worker does."""

from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from callers import make_organisation
from diligence_client.api.imports import (
    cancel_import,
    confirm_import,
    download_marked_file,
    get_import,
    list_imports,
    upload_files,
)
from diligence_client.api.reports import download_report, get_report, list_reports, request_report
from diligence_client.api.schedules import (
    change_schedule,
    create_schedule,
    delete_schedule,
    get_schedule,
    list_schedules,
)
from diligence_client.api.suppliers import get_supplier, list_suppliers, put_supplier
from diligence_client.models import (
    Import,
    ImportConfirmation,
    NewReport,
    NewSchedule,
    RollingRule,
    ScheduleChange,
    SiteAnswers,
    Upload,
)
from diligence_client.types import File
from flask import Flask
from portal import Portal, make_portal, run_jobs

from service.blob_store import BlobStore
from service.db.session import Database
from service.settings import Settings
from service.wiring.app import create_app

CSV = b"Reference,Supplier name,Country,Sector\nS-1,Blue Pier Cannery,Thailand,1020\nS-2,Cold Fjord,Norway,1020\n"
SCHEDULE = {"name": "Every morning", "rule": {"kind": "rolling", "time": "06:00"}, "time_zone": "Asia/Bangkok"}


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def upload(portal: Portal, name: str, data: bytes, **choices: str) -> Import:
    return upload_files.sync(client=portal.client, body=Upload([File(BytesIO(data), name, "text/csv")], **choices))


def test_an_import_confirms_itself_and_is_followed_to_its_end(portal: Portal, database: Database, blobs: BlobStore):
    client, sent = portal.client, upload(portal, "suppliers.csv", CSV, kind="site")
    assert (sent.state, sent.job.state) == ("waiting", "queued")
    run_jobs(database, blobs)
    done = get_import.sync(sent.id, client=client)
    assert (done.state, done.rows, done.accepted, done.rejected) == ("done", 2, 2, 0)
    assert done.job.progress == 1.0
    assert sum(done.counts.to_dict().values()) == 2
    assert done.files[0]["name"] == "suppliers.csv"
    assert get_supplier.sync("S-1", client=client).country == "TH"
    assert [line.id for line in list_imports.sync(client=client, state="done").items] == [done.id]


def test_defaults_fill_what_no_column_says(portal: Portal, database: Database, blobs: BlobStore):
    sheet = b"Reference,Supplier name\nS-1,Blue Pier\n"
    upload(portal, "s.csv", sheet, default_country="Thailand", default_sector="1020")
    run_jobs(database, blobs)
    site = get_supplier.sync("S-1", client=portal.client)
    assert (site.country, site.sector) == ("TH", "1020")


def test_an_import_waits_to_be_confirmed_where_the_sender_wants_to_look(
    portal: Portal, database: Database, blobs: BlobStore
):
    client, sent = portal.client, upload(portal, "suppliers.csv", CSV, confirm="false")
    run_jobs(database, blobs)
    previewed = get_import.sync(sent.id, client=client)
    assert (previewed.state, previewed.counts) == ("previewed", None)  # no supplier has a level yet
    assert list_suppliers.sync(client=client).items == []
    as_found = ImportConfirmation()
    assert confirm_import.sync_detailed(sent.id, client=client, body=as_found).status_code == 202
    run_jobs(database, blobs)
    assert get_import.sync(sent.id, client=client).state == "done"
    late = confirm_import.sync_detailed(sent.id, client=client, body=as_found)
    assert (late.status_code, late.parsed.code) == (409, "import.state")


def test_of_many_issues_the_first_are_listed_and_all_are_counted(
    portal: Portal, database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.api.files.MOST_ISSUES", 1)
    sheet = b"Supplier name,Country,Sector\nBlue Pier,Narnia,1020\nCold Fjord,Norway,wishing\nRed Kiln,Qatar,F\n"
    address = portal.send("s.csv", sheet, kind="site").location.removeprefix("/api/v1")
    run_jobs(database, blobs)
    found = portal.get(address).json
    assert len(found["issues"]) == 1
    assert found["issues_total"] > 1


def test_a_file_of_an_import_comes_back_with_its_problems_marked(portal: Portal, database: Database, blobs: BlobStore):
    rows = b"Supplier name,Country\nOpal,Atlantis\nPearl,Norway\n"
    sent = upload(portal, "my list.csv", rows)
    run_jobs(database, blobs)
    answer = download_marked_file.sync_detailed(sent.id, client=portal.client)
    assert answer.status_code == 200
    assert "my list_marked.xlsx" in answer.headers["Content-Disposition"]
    sheet = openpyxl.load_workbook(BytesIO(answer.content)).worksheets[0]
    assert [cell.value for cell in sheet["C"]][2] == "Accepted"
    assert "Atlantis" in sheet["B2"].comment.text


def test_of_several_files_one_is_named_and_deleted_files_are_gone(portal: Portal, database: Database, blobs: BlobStore):
    files = [File(BytesIO(CSV), name, "text/csv") for name in ("a.csv", "b.csv")]
    two = upload_files.sync(client=portal.client, body=Upload(files))
    run_jobs(database, blobs)
    assert download_marked_file.sync_detailed(two.id, client=portal.client, file="b.csv").status_code == 200
    ambiguous = download_marked_file.sync_detailed(two.id, client=portal.client)
    assert (ambiguous.status_code, ambiguous.parsed.code) == (422, "file.ambiguous")
    unknown = download_marked_file.sync_detailed(two.id, client=portal.client, file="c.csv")
    assert unknown.status_code == 404
    refused = upload(portal, "broken.csv", b'"Supplier name\nOpal')
    run_jobs(database, blobs)
    gone = download_marked_file.sync_detailed(refused.id, client=portal.client)
    assert (gone.status_code, gone.parsed.code) == (410, "import.file_deleted")


def test_an_import_is_read_again_with_other_columns(portal: Portal, database: Database, blobs: BlobStore):
    response = portal.send(
        "s.csv", b"Reference,Supplier name,Known as,Country\nS-1,Blue,Pier Two,TH\n", confirm="false"
    )
    run_jobs(database, blobs)
    address = response.location.removeprefix("/api/v1")
    assert portal.post(f"{address}/confirm", {"columns": {"name": "Known as"}}).status_code == 202
    run_jobs(database, blobs)
    assert portal.get("/suppliers/S-1").json["name"] == "Pier Two"


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("s.xlsx", b"MZ\x90\x00 not a workbook", 415, "file.type_mismatch"),
        ("s.exe", b"MZ\x90\x00", 415, "file.type_not_allowed"),
        ("s.csv", b"", 422, "file.empty"),
    ],
)
def test_what_the_door_can_tell_is_refused_before_the_answer(
    portal: Portal, name: str, data: bytes, status: int, code: str
):
    answer = portal.send(name, data)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert portal.get("/imports").json["items"] == []


def test_what_only_the_reader_finds_ends_the_import_with_its_problem(
    portal: Portal, database: Database, blobs: BlobStore
):
    response = portal.send("s.csv", b'"Colour,Size\nred,4\n', kind="site")
    assert response.status_code == 202
    run_jobs(database, blobs)
    refused = portal.get(response.location.removeprefix("/api/v1")).json
    assert refused["state"] == "refused"
    assert (refused["problem"]["status"], refused["problem"]["code"]) == (422, "csv.unterminated_quote")


UNKNOWN_HEADERS = (
    b"Alpha,Beta,Gamma,Passport number\nHarbour Ltd,Opal Mill,Norway,X1234567\nQuay Ltd,Pearl Mill,Peru,X7654321\n"
)


def test_a_readable_file_that_is_not_understood_waits_for_its_columns_and_then_goes_on(
    portal: Portal, database: Database, blobs: BlobStore
):
    sent = upload(portal, "two.csv", UNKNOWN_HEADERS)
    run_jobs(database, blobs)
    waiting = get_import.sync(sent.id, client=portal.client)
    assert (waiting.state, waiting.problem["code"]) == ("needs_layout", "schema.unmapped")
    assert [line.id for line in list_imports.sync(client=portal.client, state="needs_layout").items] == [sent.id]
    assert list_imports.sync(client=portal.client, state="previewed").items == []
    address = f"/imports/{sent.id}/layout"
    layout = portal.get(address)
    sheet = layout.json["sheets"][0]
    assert [column["header"] for column in sheet["columns"]][:3] == ["Alpha", "Beta", "Gamma"]
    assert sheet["columns"][1]["samples"] == ["Opal Mill", "Pearl Mill"]
    assert sheet["first_rows"][0]["cells"][:2] == ["Alpha", "Beta"]
    assert "X1234567" not in layout.text
    change = {"file": "two.csv", "sheet": sheet["sheet"], "columns": {"0": "", "1": "name", "2": "country"}}
    outdated = portal.call("PATCH", address, json={"sheets": [change]}, headers={"If-Match": '"another"'})
    assert (outdated.status_code, outdated.json["code"]) == (412, "precondition.failed")
    taken = portal.call("PATCH", address, json={"sheets": [change]}, headers={"If-Match": layout.headers["ETag"]})
    assert (taken.status_code, taken.json["state"]) == (202, "waiting")
    run_jobs(database, blobs)
    done = get_import.sync(sent.id, client=portal.client)
    assert (done.state, done.accepted) == ("done", 2)
    assert {line.name for line in list_suppliers.sync(client=portal.client).items} == {"Opal Mill", "Pearl Mill"}


def test_columns_that_do_not_help_leave_the_import_waiting_with_the_reason(
    portal: Portal, database: Database, blobs: BlobStore
):
    sent = upload(portal, "two.csv", UNKNOWN_HEADERS)
    run_jobs(database, blobs)
    refused = confirm_import.sync_detailed(sent.id, client=portal.client, body=ImportConfirmation())
    assert (refused.status_code, refused.parsed.code) == (409, "import.needs_layout")
    columns = {"country": "Gamma"}
    confirm_import.sync(sent.id, client=portal.client, body=ImportConfirmation.from_dict({"columns": columns}))
    run_jobs(database, blobs)
    waiting = get_import.sync(sent.id, client=portal.client)
    assert (waiting.state, waiting.problem["choices"]["columns"]) == ("needs_layout", columns)
    columns["name"] = "Beta"
    confirm_import.sync(sent.id, client=portal.client, body=ImportConfirmation.from_dict({"columns": columns}))
    run_jobs(database, blobs)
    assert get_import.sync(sent.id, client=portal.client).state == "done"


def test_the_layout_of_a_preview_leaves_rows_out_and_sets_what_holds_for_a_sheet(
    portal: Portal, database: Database, blobs: BlobStore
):
    sent = upload(
        portal, "s.csv", b"Supplier name,Where\nOpal Mill,x\nPearl Mill,y\nNot a supplier,z\n", confirm="false"
    )
    run_jobs(database, blobs)
    address = f"/imports/{sent.id}/layout"
    sheet = portal.get(address).json["sheets"][0]
    assert (sheet["read"], sheet["kind"], sheet["header_rows"]) == (True, "site", [1, 1])
    change = {"file": "s.csv", "sheet": sheet["sheet"], "kind": "agency", "country": "NO", "left_out": [4]}
    assert portal.call("PATCH", address, json={"sheets": [change]}).status_code == 202
    run_jobs(database, blobs)
    changed = portal.get(address).json["sheets"][0]
    assert (changed["kind"], changed["country"]) == ("agency", "NO")
    assert [(group["reason"], group["rows"]) for group in changed["left_out"]] == [("chosen", [[4, 4]])]
    assert get_import.sync(sent.id, client=portal.client).accepted == 2


def test_an_agency_in_a_list_of_sites_is_left_out_by_the_layout_of_its_sheet(
    portal: Portal, database: Database, blobs: BlobStore
):
    rows = b"Supplier,Country,Type\nAlder Nets,NO,Factory\nKite Placement,NO,Agency\nLinden Manpower,NO,Agency\n"
    sent = upload(portal, "s.csv", rows, confirm="false")
    run_jobs(database, blobs)
    address = f"/imports/{sent.id}/layout"
    assert get_import.sync(sent.id, client=portal.client).accepted == 3
    change = {"file": "s.csv", "sheet": portal.get(address).json["sheets"][0]["sheet"], "left_out": [3]}
    assert portal.call("PATCH", address, json={"sheets": [change]}).status_code == 202
    run_jobs(database, blobs)
    (left_out,) = portal.get(address).json["sheets"][0]["left_out"]
    assert (left_out["reason"], left_out["rows"]) == ("chosen", [[3, 3]])
    assert get_import.sync(sent.id, client=portal.client).accepted == 2


def send_and_choose(portal: Portal, database: Database, blobs: BlobStore) -> None:
    sent = upload(portal, "two.csv", UNKNOWN_HEADERS)
    run_jobs(database, blobs)
    change = {"file": "two.csv", "sheet": "", "columns": {"1": "name", "2": "country"}}
    change["sheet"] = portal.get(f"/imports/{sent.id}/layout").json["sheets"][0]["sheet"]
    assert portal.call("PATCH", f"/imports/{sent.id}/layout", json={"sheets": [change]}).status_code == 202
    run_jobs(database, blobs)
    assert get_import.sync(sent.id, client=portal.client).state == "done"


def test_columns_that_were_confirmed_are_used_for_the_next_file_with_the_same_headers_until_forgotten(
    portal: Portal, database: Database, blobs: BlobStore
):
    send_and_choose(portal, database, blobs)
    (kept,) = portal.get("/column-mappings").json["items"]
    assert (kept["kind"], kept["columns"]) == ("site", {"name": "Beta", "country": "Gamma"})
    assert "Passport" not in str(kept)
    assert "Opal" not in str(kept)
    reordered = b"Gamma,Passport number,Alpha,Beta\nKenya,X7777777,Bay Ltd,Ruby Mill\n"
    sent = upload(portal, "again.csv", reordered, confirm="false")
    run_jobs(database, blobs)
    read = portal.get(f"/imports/{sent.id}").json
    assert (read["state"], read["accepted"]) == ("previewed", 1)
    assert read["remembered"][0] == read["remembered"][0] | {
        "mapping_id": kept["id"],
        "confirmed_by": kept["confirmed_by"],
        "columns": kept["columns"],
    }
    chosen = {"columns": {"name": "Alpha"}}
    assert portal.post(f"/imports/{sent.id}/confirm", chosen).status_code == 202
    run_jobs(database, blobs)
    read = portal.get(f"/imports/{sent.id}").json
    assert (read["state"], read["remembered"][0]["columns"]) == ("done", {"country": "Gamma"})
    assert {line["name"] for line in portal.get("/suppliers").json["items"]} == {"Opal Mill", "Pearl Mill", "Bay Ltd"}
    (kept,) = portal.get("/column-mappings").json["items"]
    assert kept["columns"] == {"name": "Alpha", "country": "Gamma"}
    assert portal.call("DELETE", f"/column-mappings/{kept['id']}").status_code == 204
    sent = upload(portal, "once-more.csv", reordered)
    run_jobs(database, blobs)
    assert get_import.sync(sent.id, client=portal.client).state == "needs_layout"


def test_remembered_columns_whose_values_contradict_them_are_asked_about(
    portal: Portal, database: Database, blobs: BlobStore
):
    send_and_choose(portal, database, blobs)
    rows = "".join(f"Firm {n},Mill {n},2026-01-0{n},\n" for n in range(1, 8))
    sent = upload(portal, "dates.csv", f"Alpha,Beta,Gamma,Passport number\n{rows}".encode(), confirm="false")
    run_jobs(database, blobs)
    read = portal.get(f"/imports/{sent.id}").json
    assert read["remembered"][0]["columns"] == {"name": "Beta"}
    assert "schema.values" in {issue["code"] for issue in read["issues"]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"colour": "red"}, "field.unknown"),
        ({"kind": "factory"}, "field.value"),
        ({"confirm": "perhaps"}, "field.value"),
        ({"default_country": "Narnia"}, "country.unknown"),
        ({"default_sector": "wishing"}, "sector.unknown"),
        ({"date_order": "ymd"}, "field.value"),
        ({"on": "soon"}, "date.invalid"),
        ({"sheet": "a\x00b"}, "text.forbidden_character"),
        ({"columns": "[]"}, "field.type"),
        ({"columns": '{"nme": "Name"}'}, "field.unknown"),
        ({"columns": '{"name": 1}'}, "field.type"),
        ({"columns": '{"name": "A", "name": "B"}'}, "json.duplicate_key"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(portal: Portal, fields: dict[str, str], code: str):
    assert portal.send("suppliers.csv", CSV, **fields).json["code"] == code


def test_an_upload_is_a_form_with_a_file(portal: Portal, database: Database, tmp_path: Path):
    assert portal.post("/imports", {"file": "x"}).json["code"] == "content_type"
    assert portal.call("POST", "/imports", data={"kind": "site"}, content_type="multipart/form-data").json["code"] == (
        "file.missing"
    )
    small = create_app(Settings(data=tmp_path, plain_http=True, upload_bytes=1000), database)
    answer = Portal(small, portal.key).send("s.csv", CSV * 100)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_an_upload_has_as_many_files_as_the_installation_takes(portal: Portal, database: Database, tmp_path: Path):
    small = Portal(create_app(Settings(data=tmp_path, plain_http=True, upload_files=2), database), portal.key)
    for number, status in ((2, 202), (3, 413)):
        files = [(BytesIO(CSV), f"s{at}.csv") for at in range(number)]
        assert small.call("POST", "/imports", data={"file": files}).status_code == status
    assert len(portal.get("/imports").json["items"]) == 1


def test_an_import_is_cancelled(portal: Portal, database: Database, blobs: BlobStore):
    sent = upload(portal, "suppliers.csv", CSV)
    assert cancel_import.sync_detailed(sent.id, client=portal.client).status_code == 202
    run_jobs(database, blobs)
    assert list_suppliers.sync(client=portal.client).items == []


def test_a_report_is_asked_for_made_and_fetched(portal: Portal, database: Database, blobs: BlobStore):
    client, cannery = portal.client, SiteAnswers(name="Blue Pier Cannery", country="TH", sector="1020")
    site = put_supplier.sync("S-1", client=client, body=cannery)
    requested = request_report.sync(client=client, body=NewReport("csv", supplier_id=site.id))
    assert requested.state == "queued"
    early = download_report.sync_detailed(requested.id, client=client)
    assert (early.status_code, early.parsed.code) == (409, "report.not_ready")
    run_jobs(database, blobs)
    done = get_report.sync(requested.id, client=client)
    assert (done.state, done.results) == ("done", 1)
    file = download_report.sync_detailed(requested.id, client=client)
    assert (file.status_code, file.headers["Content-Type"].partition(";")[0]) == (200, "text/csv")
    assert b"Blue Pier Cannery" in file.parsed.payload.read()
    assert "attachment" in file.headers["Content-Disposition"]
    assert {"default-src 'none'", "sandbox"} <= set(file.headers["Content-Security-Policy"].split("; "))
    assert [line.id for line in list_reports.sync(client=client).items] == [requested.id]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "field.required"),
        ({"format": "odt"}, "field.value"),
        ({"format": "docx"}, "format.unknown"),  # of the short documents alone
        ({"format": "csv", "colour": "red"}, "field.unknown"),
        ({"format": 7}, "field.type"),
        ({"format": "csv", "level": "high"}, "report.empty"),
        ({"format": "csv", "supplier_id": "nobody"}, "not_found"),
        ({"format": "csv", "audience": "supplier"}, "audience.unknown"),
    ],
)
def test_a_report_that_cannot_be_is_refused(portal: Portal, body: dict[str, object], code: str):
    assert portal.post("/reports", body).json["code"] == code


def test_a_schedule_is_made_seen_changed_and_removed(portal: Portal):
    client, every_morning = portal.client, NewSchedule(**SCHEDULE | {"rule": RollingRule("rolling", time="06:00")})
    schedule = create_schedule.sync(client=client, body=every_morning)
    assert len(schedule.next_dates) == 5
    assert get_schedule.sync(schedule.id, client=client) == schedule
    change = ScheduleChange(active=False, name="Each morning")
    paused = change_schedule.sync(schedule.id, client=client, body=change)
    assert (paused.active, paused.name, paused.next_dates) == (False, "Each morning", [])
    assert list_schedules.sync(client=client).items == [paused]
    assert delete_schedule.sync_detailed(schedule.id, client=client).status_code == 204
    assert get_schedule.sync_detailed(schedule.id, client=client).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"time_zone": "Nowhere"}, "schedule.time_zone"),
        ({"rule": {"kind": "sometimes"}}, "schedule.kind"),
        ({"rule": {"kind": "rolling", "colour": "red"}}, "field.unknown"),
        ({"rule": "daily"}, "field.type"),
        ({"rule": None}, "field.type"),
        ({"rule": {"kind": "fixed", "every": "week", "day": None}}, "field.type"),
        ({"rule": {"kind": "rolling", "time": None}}, "field.type"),
        ({"rule": {}}, "field.required"),
        ({"time_zone": None}, "field.type"),
        ({"rule": {"kind": "fixed", "every": "month", "day": 31}}, "schedule.day"),
        ({"name": ""}, "field.value"),
        ({"active": True}, "field.unknown"),
        ({"name": "a\x00b"}, "text.forbidden_character"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(portal: Portal, change: dict[str, object], code: str):
    answer = portal.post("/schedules", {**SCHEDULE, **change}).json
    assert answer["code"] == code
    assert answer["detail"].rpartition(": ")[2]  # what to do about it


def test_two_organisations_see_nothing_of_each_others_files(app: Flask, database: Database, portal: Portal):
    stranger = make_portal(app, make_organisation(database, "Quay Textiles"))
    import_path = portal.send("suppliers.csv", CSV).location.removeprefix("/api/v1")
    schedule = portal.post("/schedules", SCHEDULE).location.removeprefix("/api/v1")
    for address in (import_path, schedule):
        assert stranger.get(address).status_code == 404
    for path in ("/imports", "/schedules", "/reports"):
        assert stranger.get(path).json["items"] == []
    assert stranger.post(f"{import_path}/cancel").status_code == 404
    assert stranger.call("DELETE", schedule).status_code == 404
