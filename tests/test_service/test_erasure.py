"""Erasing leaves nothing of its subject in rows, files and logs, and everything of its neighbours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from callers import make_organisation
from databases import SECRET_KEYS, Empty
from flask import Flask
from full_organisation import create_full_organisation, read_all_rows
from portal import Portal, make_portal, run_jobs
from sample_objects import create_all, make_finding
from sheets import workbook
from sqlalchemy import func, select, update

from service.backup import create_backup, restore_backup
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.account_tables import ApiKey
from service.db.campaign_tables import Campaign
from service.db.case_tables import StoredCase
from service.db.deleted_rows import remove_deleted_rows
from service.db.import_tables import Upload
from service.db.job_tables import Job
from service.db.link_tables import SupplierLink
from service.db.outbox_tables import Message
from service.db.remediation_tables import Step, StepFinding
from service.db.session import Database
from service.db.system_tables import ConnectedSystem
from service.db.tables import AuditEvent, Base
from service.db.worker_voice_tables import WorkerSurvey
from service.erasure import completion
from service.erasure.erase import remove_case
from service.erasure.organisation import begin_erasure, erase_organisation
from service.erasure.places import PLACES
from service.erasure.record import list_erasures, record_erasures
from service.erasure.traces import WITHDRAWN, Subject, withdraw_reports
from service.integrity.check import find_inconsistencies, repair_inconsistencies
from service.jobs.kinds import REMOVE_ERASED_BYTES
from service.journal import Journal
from service.settings import Settings
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers

WORD = "Quokkavale"
FINDING = {"finding": "papers_held", "phase": "work", "found": True, "source": "grievance", "note": f"{WORD} office"}
LIST = ("| Reference | Supplier | Country | Sector | City | Phone |", "|---|---|---|---|---|---|")
LOCKED_IN = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
NEIGHBOUR = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}


@pytest.fixture
def blank(request: pytest.FixtureRequest, database: Database) -> Iterator[Database]:
    """Return a second, empty database of the same kind."""
    empty: Empty = request.getfixturevalue(database.engine.dialect.name)
    with empty() as engine:
        yield Database(engine, SECRET_KEYS)


@pytest.fixture
def portal(served: Flask, database: Database) -> Portal:
    return make_portal(served, make_organisation(database))


def work(portal: Portal) -> None:
    """Run every job that waits."""
    blobs = portal.app.extensions["blob_store"]
    journal = Journal(portal.app.extensions["settings"].erasure_journal)
    run_jobs(portal.app.extensions["database"], blobs, build_handlers(blobs, journal))


def find_word(portal: Portal, folder: Path, word: str = WORD) -> list[str]:
    """Return where a word is stored: tables and, for SQLite, the files of the database, and the stored files."""
    database: Database = portal.app.extensions["database"]
    found = [name for name, rows in read_all_rows(database).items() if word.casefold() in repr(rows).casefold()]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if database.engine.dialect.name == "sqlite":
        file = Path(str(database.engine.url.database))
        paths += [file, *file.parent.glob(f"{file.name}-*")]
    found += [path.name for path in paths if contains(path, word)]  # as the service runs
    blobs = portal.app.extensions["blob_store"]
    found += [digest for digest in blobs.list_digests() if word.casefold().encode() in blobs.get(digest).lower()]
    database.close()
    return found + [path.name for path in paths if path.exists() and contains(path, word)]


def contains(path: Path, word: str) -> bool:
    return word.casefold().encode() in path.read_bytes().lower()


def list_events(portal: Portal, object_id: str) -> list[tuple[str, dict[str, Any]]]:
    with portal.app.extensions["database"].unscoped(write=False) as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.object_id == object_id).order_by(AuditEvent.id))
        return [(event.action, event.details) for event in events]


# Of suppliers and agencies. They do not depend on the database, so each is tried once.
OPEN_FIELDS: dict[str, list[str]] = {}


def find_open_fields(portal: Portal, plural: str, base: dict[str, Any]) -> list[str]:
    """Return the fields of a supplier that take any word, of those that the OpenAPI document lists."""
    document = portal.get("/openapi.json").json
    operation = document["paths"][f"/api/v1/{plural}/{{supplier_id}}"]["put"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    names = sorted(schema["properties"].keys() - {"reference", "evidence", "questionnaire_id"} - base.keys())
    replies = {name: portal.put(f"/{plural}/probe", {"name": "Probe", **base, name: WORD}) for name in names}
    portal.call("DELETE", f"/{plural}/probe")
    return [name for name, reply in replies.items() if reply.status_code in (200, 201)]


def plant_in_every_field(portal: Portal, plural: str) -> None:
    """Send the word in every field of a supplier that takes it."""
    base = {"country": "TH", "sector": ["1020"]} if plural == "suppliers" else {"country": "NP"}
    if plural not in OPEN_FIELDS:
        OPEN_FIELDS[plural] = find_open_fields(portal, plural, base)
    taken = {name: f"{WORD} {name}" for name in OPEN_FIELDS[plural]}
    assert {"name", "city", "address"} <= taken.keys() or plural == "agencies"
    reply = portal.put(f"/{plural}/{WORD}-1", {**base, **taken})
    assert reply.status_code == 201, reply.text


def request_report(portal: Portal, key: str, body: dict[str, str]) -> str:
    reply = portal.post("/reports", body, Idempotency_Key=key)
    assert reply.status_code == 202, reply.text
    return str(reply.json["id"])


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("HILL MILL Ltd", True),
        ('{"name":"Hill Mill"}', True),
        ("Hill Mills", False),
        ("a 7f-01 b", True),
        ("7f-012", False),
    ],
)
def test_a_subject_is_found_as_a_whole_in_small_and_capital_letters(text: str, is_found: bool):
    subject = Subject(frozenset({"7f-01"}), frozenset(), frozenset({"Hill Mill"}), now())
    assert subject.is_mentioned_in(text) == is_found


def test_a_report_that_is_being_rendered_begins_again_and_a_finished_one_is_withdrawn(sqlite_database: Database):
    wanted = {"wanted": {"countries": ["TH"]}}
    fields = {"kind": "render_report", "not_before": now(), "created_by": "user:ana", "created_at": now()}
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        running = Job(state="running", owner="a worker", payload=wanted, **fields)
        done = Job(state="done", result={"sha256": "0" * 64}, payload=wanted, **fields)
        session.add_all([running, done])
        session.flush()
        assert withdraw_reports(session, [running, done]) == ["0" * 64]
        assert (running.state, running.owner, running.payload) == ("queued", None, wanted)
        assert (done.state, done.result, done.payload) == ("done", WITHDRAWN, {"wanted": {}})


def test_a_step_that_something_else_calls_for_stays_when_a_case_is_erased(sqlite_database: Database):
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        ids = create_all(session)
        case = session.get_one(StoredCase, ids["case_id"])
        of_case = make_finding(session, ids)
        of_case.kind, of_case.about, of_case.case_id = "case", case.id, case.id
        session.add(of_case)
        session.flush()
        session.add(StepFinding(step_id=ids["step_id"], finding_id=of_case.id))
        session.flush()
        remove_case(session, case, "mistake", now().date(), now(), "user:ana")
        assert session.get(Step, ids["step_id"]) is not None


def test_every_table_has_a_line_that_says_what_erasing_does_to_it():
    assert set(PLACES) == set(Base.metadata.tables)
    assert all(place.why for place in PLACES.values())


@pytest.mark.parametrize(("plural", "kind"), [("suppliers", "site"), ("agencies", "agency")])
def test_nothing_of_an_erased_supplier_remains_and_its_neighbours_are_untouched(
    portal: Portal, served: Flask, database: Database, tmp_path: Path, plural: str, kind: str
):
    other = make_portal(served, make_organisation(database, "Hill Builders"))
    other.put("/suppliers/S-9", {**NEIGHBOUR, "name": f"{WORD} Gardens"})
    portal.put("/suppliers/S-2", NEIGHBOUR)
    plant_in_every_field(portal, plural)
    id_ = portal.get(f"/{plural}/{WORD}-1").json["id"]
    neighbour = portal.get("/suppliers/S-2").json
    header = LIST[0].replace("Supplier", "Agency") if kind == "agency" else LIST[0]
    sheet = (
        header,
        LIST[1],
        f"| {WORD}-1 | {WORD} Foods | TH | 1020 | {WORD} City | {WORD} |",
        "| S-3 | Hill Mill | TH | 1020 | Rayong | |",
    )
    done = portal.import_file(f"{WORD} list.xlsx", workbook(*sheet, name=f"{WORD} sheet"), kind=kind, confirm="true")
    preview = portal.import_file(f"{WORD} next.xlsx", workbook(*sheet), kind=kind, confirm="false")
    assert (done["state"], preview["state"]) == ("done", "previewed"), (done, preview)
    sent = portal.post(
        f"/{plural}/{id_}/questionnaires", {"form": kind, "sent_to": f"{WORD} manager"}, Idempotency_Key="k1"
    )
    assert sent.status_code == 201, sent.text
    case = {"number": f"{WORD}-C1", "linked_reference": f"{WORD}-1", "nationality": "NP", "job": f"{WORD} packer"}
    case["findings"] = [FINDING]
    opened = portal.post("/cases", case, Idempotency_Key="k2")
    assert opened.status_code == 201, opened.text
    reports = [
        request_report(portal, f"r{number}", body)
        for number, body in enumerate(
            (
                {"format": "html", "supplier_id": id_},
                {"format": "html"},
                {"format": "html", "text": WORD},
                {"format": "html", "supplier_id": neighbour["id"]},
            )
        )
    ]
    work(portal)
    assert [portal.get(f"/reports/{report}/file").status_code for report in reports] == [200] * 4
    places = set(find_word(portal, tmp_path))
    assert {"supplier", "result", "upload", "import", "idempotent", "asking"} <= places

    reply = portal.call("DELETE", f"/{plural}/{id_}")
    assert reply.status_code == 204, reply.text
    work(portal)
    other_id = other.get("/suppliers/S-9").json["id"]
    assert other.call("DELETE", f"/suppliers/{other_id}").status_code == 204
    work(other)

    assert find_word(portal, tmp_path) == []
    assert {**portal.get("/suppliers/S-2").json} == neighbour
    assert portal.get(f"/{plural}/S-3").json["name"] == "Hill Mill"
    codes = [portal.get(f"/reports/{report}/file").status_code for report in reports]
    assert codes == [410, 410, 410, 200]
    assert portal.get(f"/reports/{reports[0]}/file").json["code"] == "report.withdrawn"
    again = portal.post("/cases", case, Idempotency_Key="k2")
    assert (again.status_code, again.json["code"]) == (410, "idempotency.withdrawn")
    assert portal.get(f"/imports/{preview['id']}").json["problem"]["code"] == "import.withdrawn"
    actions = [action for action, _ in list_events(portal, id_)]
    assert actions[-2:] == [f"{kind}.erased", "erasure.completed"]


def test_nothing_of_an_erased_case_remains_and_its_supplier_and_other_cases_are_untouched(
    portal: Portal, tmp_path: Path
):
    portal.put("/suppliers/S-2", NEIGHBOUR)
    finding = {"finding": "papers_held", "phase": "work", "found": True, "source": "grievance"}
    case = {"number": f"{WORD}-C1", "linked_reference": "S-2", "nationality": "NP", "job": f"{WORD} packer",
            "findings": [{**finding, "note": f"{WORD} office"}]}  # fmt: skip
    opened = portal.post("/cases", case, Idempotency_Key="k1")
    assert opened.status_code == 201, opened.text
    other = portal.post("/cases", {**case, "number": "C-2", "job": "Sewing operator", "findings": [finding]})
    assert other.status_code == 201, other.text
    site = portal.get("/suppliers/S-2").json["id"]
    report = request_report(portal, "r1", {"format": "html", "supplier_id": site})
    work(portal)
    assert {"case_record", "case_finding", "idempotent"} <= set(find_word(portal, tmp_path))

    id_ = opened.json["id"]
    erased = portal.call("DELETE", f"/cases/{id_}?reason=erasure_request")
    assert erased.status_code == 204, erased.text
    work(portal)

    assert find_word(portal, tmp_path) == []
    assert portal.get("/suppliers/S-2").json["id"] == site
    assert portal.get(f"/cases/{other.json['id']}").json["findings"] == other.json["findings"]
    assert portal.get(f"/reports/{report}/file").json["code"] == "report.withdrawn"
    again = portal.post("/cases", case, Idempotency_Key="k1")
    assert (again.status_code, again.json["code"]) == (410, "idempotency.withdrawn")
    assert [action for action, _ in list_events(portal, id_)][-2:] == ["case.deleted", "erasure.completed"]


CONFIRMED = (
    "| Reference | Supplier | Country | Sector | papers_retention | evidence_grade | evidence_date |",
    "|---|---|---|---|---|---|---|",
    "| S-1 | Hill Mill | TH | 1020 | worker_holds | audit | 2026-03-01 |",
    "| S-2 | Blue Pier Cannery | TH | 1020 | worker_holds | audit | 2026-03-01 |",
)


def test_nothing_of_an_erased_import_remains_but_what_it_brought(portal: Portal, tmp_path: Path):
    portal.put("/suppliers/S-2", NEIGHBOUR)
    data = workbook(*CONFIRMED, name=f"{WORD} sheet")
    fields = {"kind": "site", "confirm": "true", "evidence_confirmed": "true", "once": "k1"}
    done = portal.import_file(f"{WORD} list.xlsx", data, **fields)
    assert done["state"] == "done", done
    other = portal.import_file("other.xlsx", workbook(*LIST, "| S-4 | Sun Mill | TH | 1020 | | |"), confirm="true")
    report = request_report(portal, "r1", {"format": "html"})
    work(portal)
    answers = [portal.get(f"/suppliers/{reference}").json for reference in ("S-1", "S-2")]
    places = set(find_word(portal, tmp_path))
    assert {"supplier", "result", "upload", "import"} <= places

    path = f"/imports/{done['id']}"
    preview = portal.get(f"{path}/erasure").json
    assert (preview["object_type"], preview["id"]) == ("import", done["id"])
    assert preview["erased"] == {"files": 1, "suppliers": 0}
    assert preview["withdrawn"] == {"reports": 1, "replies": 1, "saved_filters": 0}
    assert preview["kept"] == {"suppliers": 2, "cases": 0, "own_practices": 0}
    assert preview["backups"] == {"made_at": [], "kept_days": None, "until": None}
    assert portal.get(path).json["state"] == "done"

    assert portal.call("DELETE", path).status_code == 204
    work(portal)
    assert find_word(portal, tmp_path) == []
    assert portal.get(path).status_code == 404
    kept = [portal.get(f"/suppliers/{reference}").json for reference in ("S-1", "S-2")]
    assert [(one["score"], one["level"]) for one in kept] == [(one["score"], one["level"]) for one in answers]
    assert portal.get(f"/reports/{report}/file").json["code"] == "report.withdrawn"
    assert portal.get(f"/imports/{other['id']}").json == other
    assert [action for action, _ in list_events(portal, done["id"])][-2:] == ["import.erased", "erasure.completed"]
    again = portal.send(f"{WORD} list.xlsx", data, **fields)
    assert (again.status_code, again.json["code"]) == (410, "idempotency.withdrawn")


def test_an_import_is_erased_with_the_suppliers_that_came_only_in_it_if_wanted(portal: Portal, tmp_path: Path):
    portal.put("/suppliers/S-2", NEIGHBOUR)
    sheet = workbook(*LIST, f"| S-1 | {WORD} Mill | TH | 1020 | | |", "| S-2 | Blue Pier Cannery | TH | 1020 | | |")
    done = portal.import_file("list.xlsx", sheet, kind="site", confirm="true")
    path = f"/imports/{done['id']}"
    preview = portal.get(f"{path}/erasure?suppliers=erase").json
    assert (preview["erased"]["suppliers"], preview["erased"]["results"], preview["kept"]["suppliers"]) == (1, 1, 1)
    weak = make_portal(portal.app, portal.get("/organisation").json["id"], "imports:write")
    assert weak.call("DELETE", f"{path}?suppliers=erase").json["code"] == "key.scope"
    assert portal.call("DELETE", f"{path}?suppliers=erase").status_code == 204
    work(portal)
    assert find_word(portal, tmp_path) == []
    assert portal.get("/suppliers/S-1").status_code == 404
    assert portal.get("/suppliers/S-2").json["name"] == "Blue Pier Cannery"


def test_an_import_that_is_being_read_cannot_be_erased(portal: Portal):
    sent = portal.send("list.xlsx", workbook(*LIST, "| S-1 | Hill Mill | TH | 1020 | | |"), kind="site")
    path = sent.location.removeprefix("/api/v1")
    refused = portal.call("DELETE", path)
    assert (refused.status_code, refused.json["code"]) == (409, "erasure.import_running")
    assert portal.get(path).status_code == 200


@pytest.mark.parametrize("how", ["supplier", "import"])
def test_an_open_emergency_outlasts_the_erasure_of_its_supplier(portal: Portal, how: str):
    sheet = workbook(*LIST, "| S-1 | Hill Mill | TH | 1020 | | |")
    import_ = portal.import_file("list.xlsx", sheet, kind="site", confirm="true")
    case = portal.post("/cases", {"number": "C-1", "linked_name": "Hill Mill", "findings": [LOCKED_IN]}).json
    assert case["strength"] == "emergency"
    narrow = make_portal(portal.app, portal.get("/organisation").json["id"], "suppliers:write", "imports:write")
    path = "/suppliers/S-1" if how == "supplier" else f"/imports/{import_['id']}"
    preview = narrow.get(f"{path}/erasure").json
    assert not preview["erased"].get("cases")
    assert not preview["kept"].get("cases")
    wanted = {} if how == "supplier" else {"query_string": {"suppliers": "erase"}}
    assert narrow.call("DELETE", path, **wanted).status_code == 204
    assert portal.get(f"/cases/{case['id']}").json["state"] == "open"
    portal.put("/suppliers/S-1", {"name": "Hill Mill", "country": "TH", "sector": ["1020"]})
    assert portal.get("/suppliers/S-1").json["case_evidence"] == "emergency"


@pytest.mark.parametrize("what", ["supplier", "case", "import"])
def test_a_backup_that_is_restored_does_not_bring_back_what_was_erased_since(
    portal: Portal, served: Flask, database: Database, blank: Database, tmp_path: Path, what: str
):
    settings, blobs = served.extensions["settings"], served.extensions["blob_store"]
    portal.put("/suppliers/S-2", NEIGHBOUR)
    sheet = workbook(*LIST, f"| S-1 | {WORD} Mill | TH | 1020 | | |", name=f"{WORD} sheet")
    import_ = portal.import_file(f"{WORD} list.xlsx", sheet, kind="site", confirm="true")
    if what == "case":
        case = {"number": f"{WORD}-C1", "nationality": "NP", "findings": [FINDING]}
        object_id = portal.post("/cases", case).json["id"]
        path, query = f"/cases/{object_id}", "?reason=erasure_request"
    elif what == "import":
        path, query = f"/imports/{import_['id']}", "?suppliers=erase"
    else:
        path, query = "/suppliers/S-1", ""
    waiting = portal.send("late.xlsx", sheet, kind="site").location.removeprefix("/api/v1")
    backup = tmp_path / "backups" / "before.tar.gz"
    backup.parent.mkdir()
    create_backup(database, blobs, backup, now())
    work(portal)
    assert portal.call("DELETE", path + query).status_code == 204
    work(portal)

    restored = FolderStore(tmp_path / "restored" / "blobs")
    erasures = list_erasures(Journal(settings.erasure_journal))
    _, applied = restore_backup(blank, restored, backup, now(), erasures)
    assert applied == len(erasures) > 0
    run_jobs(blank, restored, build_handlers(restored))
    other = make_portal(
        create_app(Settings(data=tmp_path / "restored", plain_http=True), blank), portal.get("/organisation").json["id"]
    )
    assert other.get(path).status_code == 404
    if what == "supplier":
        assert find_word(other, tmp_path / "restored") == []
        assert other.get(waiting).json["state"] == "cancelled"
    assert other.get("/suppliers/S-2").json["name"] == "Blue Pier Cannery"


def test_an_erasure_that_a_copy_of_the_database_undid_is_found_and_repaired(
    portal: Portal, served: Flask, database: Database
):
    journal, blobs = Journal(served.extensions["settings"].erasure_journal), served.extensions["blob_store"]
    portal.put("/suppliers/S-1", {"name": f"{WORD} Mill", "country": "TH", "sector": ["1020"]})
    id_, organisation = portal.get("/suppliers/S-1").json["id"], portal.get("/organisation").json["id"]
    record_erasures(journal, organisation, [("site", id_)], now())
    (found,) = [
        finding
        for finding in find_inconsistencies(database, blobs, now(), journal)
        if finding.code.startswith("erasure")
    ]
    assert (found.code, found.about) == ("erasure.not_applied", f"site {id_}")
    repaired, _ = repair_inconsistencies(database, blobs, now(), journal)
    assert "erasure.not_applied" in [finding.code for finding in repaired]
    assert portal.get("/suppliers/S-1").status_code == 404


def test_an_erasure_that_the_journal_does_not_know_is_recorded_by_the_check(
    portal: Portal, served: Flask, database: Database
):
    journal, blobs = Journal(served.extensions["settings"].erasure_journal), served.extensions["blob_store"]
    portal.put("/suppliers/S-1", NEIGHBOUR)
    portal.call("DELETE", "/suppliers/S-1")
    work(portal)
    recorded = list_erasures(journal)
    assert [erasure.object_type for erasure in recorded] == ["site"]
    journal.path.unlink()

    def find_unrecorded() -> list[tuple[str, bool]]:
        found = find_inconsistencies(database, blobs, now(), journal)
        return [(each.about, each.is_information) for each in found if each.code == "erasure.not_recorded"]

    assert find_unrecorded() == [(f"site {recorded[0].object_id}", True)]
    repair_inconsistencies(database, blobs, now(), journal)
    assert find_unrecorded() == []
    assert list_erasures(journal) == recorded
    written = journal.path.read_text(encoding="ascii")
    assert "S-1" not in written
    assert "Blue Pier" not in written


@pytest.mark.fault
def test_an_erasure_that_was_interrupted_is_completed_later_and_does_not_say_so_before(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sheet = workbook(*LIST, f"| S-1 | {WORD} Foods | TH | 1020 | | |")
    portal.import_file("list.xlsx", sheet, kind="site", confirm="true")
    id_ = portal.get("/suppliers/S-1").json["id"]
    portal.call("DELETE", f"/suppliers/{id_}")
    blobs: FolderStore = portal.app.extensions["blob_store"]
    digests = blobs.list_digests()

    def fail(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(completion, "remove_deleted_rows", fail)
        work(portal)
    assert (len(digests), blobs.list_digests()) == (1, ())
    assert [action for action, _ in list_events(portal, id_)][-1] == "site.erased"
    with portal.app.extensions["database"].unscoped() as session:
        job = session.scalars(select(Job).where(Job.kind == REMOVE_ERASED_BYTES)).one()
        assert job.state == "queued"
        job.not_before = now()
    work(portal)
    assert [action for action, _ in list_events(portal, id_)][-1] == "erasure.completed"
    assert find_word(portal, tmp_path) == []


def test_nothing_is_erased_while_an_import_may_bring_it_back(portal: Portal):
    portal.put("/suppliers/S-2", NEIGHBOUR)
    portal.send("list.xlsx", workbook(*LIST, "| S-2 | Blue Pier Cannery | TH | 1020 | | |"), kind="site")
    refused = portal.call("DELETE", "/suppliers/S-2")
    assert (refused.status_code, refused.json["code"]) == (409, "erasure.import_running")
    assert portal.get("/suppliers/S-2").status_code == 200


def test_the_bytes_of_a_refused_file_are_deleted_at_once_and_the_reason_stays(portal: Portal):
    refused = portal.import_file("notes.csv", b'"Colour\nred')
    assert (refused["state"], bool(refused["problem"]["detail"])) == ("refused", True)
    assert portal.app.extensions["blob_store"].list_digests() == ()
    with portal.app.extensions["database"].unscoped(write=False) as session:
        assert session.scalars(select(func.count(Upload.id))).one() == 0


def test_nothing_is_sent_or_opened_for_an_organisation_once_its_erasure_begins(sqlite: Empty, blobs: FolderStore):
    with sqlite() as engine:
        database = Database(engine, SECRET_KEYS)
        organisation_id = create_full_organisation(database, blobs)
        reaching_out = (
            select(SupplierLink.id).where(SupplierLink.revoked_at.is_(None)),
            select(ConnectedSystem.id).where(ConnectedSystem.enabled),
            *map(select, (Message.id, Campaign.id, WorkerSurvey.id, ApiKey.id)),
        )
        with database.for_organisation(organisation_id) as session:
            session.execute(update(ConnectedSystem).values(enabled=True))
            assert all(session.scalars(each).first() for each in reaching_out)
            begin_erasure(session, organisation_id, "user:1")
            assert not any(session.scalars(each).first() for each in reaching_out)


def test_nothing_of_an_erased_organisation_remains_and_another_is_untouched(
    portal: Portal, served: Flask, database: Database, tmp_path: Path
):
    portal.put("/suppliers/S-2", NEIGHBOUR)
    report = request_report(portal, "r1", {"format": "html"})
    work(portal)
    gone = make_organisation(database, f"{WORD} Foods")
    other = make_portal(served, gone)
    sheet = workbook(*LIST, f"| S-1 | {WORD} Mill | TH | 1020 | | |", name=f"{WORD} sheet")
    other.import_file(f"{WORD} list.xlsx", sheet, kind="site", confirm="true")
    request_report(other, "r1", {"format": "html"})
    work(other)
    assert {"organisation", "supplier", "upload", "import"} <= set(find_word(portal, tmp_path))
    erase_organisation(database, served.extensions["blob_store"], gone, "system:test")
    remove_deleted_rows(database.engine)
    assert find_word(portal, tmp_path) == []
    assert len(served.extensions["blob_store"].list_digests()) == 1
    assert portal.get("/suppliers/S-2").json["name"] == "Blue Pier Cannery"
    assert portal.get(f"/reports/{report}/file").status_code == 200
