"""Watchlists in the command line, pages and API, and in backup and retention."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from portal import Portal, make_portal
from sqlalchemy import select
from stored_keys import SECRET_KEYS
from watchlist_helpers import BY, HELD, decide_match, import_watchlist, list_matches, run_jobs, save_supplier

from service import cli
from service.auth.accounts import create_organisation
from service.backup import create_backup, restore_backup
from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.migrations import migrate
from service.db.session import Database, open_engine
from service.db.watchlist_tables import Watchlist, WatchlistEntry, WatchlistMatch
from service.erasure.organisation import erase_organisation
from service.retention import purge_expired
from service.settings import Settings
from service.watchlists import lists
from service.wiring.processes import open_installation


@pytest.fixture
def harbour(database: Database, blobs: BlobStore) -> str:
    """An organisation with a supplier that a list may hold."""
    organisation_id = make_organisation(database)
    save_supplier(database, organisation_id, reference="S-1")
    import_watchlist(database, blobs, organisation_id, HELD)
    return organisation_id


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return make_portal(app, harbour)


def matches_of(database: Database, organisation_id: str) -> list[WatchlistMatch]:
    with database.for_organisation(organisation_id, write=False) as session:
        return list(session.scalars(select(WatchlistMatch)))


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_page_shows_lists_and_open_matches_with_their_reasons(app: Flask, database: Database, harbour: str):
    page = text_of(make_browser(app, make_user(database, harbour, "viewer")).get("/watchlists").get_data(as_text=True))
    for text in (
        "Blue Pier Fishing Co., Ltd.", "Name similarity: 100 out of 100.", "The countries match.",
        "Matching words blue, pier, fishing",
        "Debt bondage", "Held 1 entry", "To review (1)", "Matches do not change scores",
    ):  # fmt: skip
        assert text in page
    assert "Confirm match" not in page


def test_an_officer_decides_on_the_page_with_a_note(app: Flask, database: Database, harbour: str):
    officer = make_browser(app, make_user(database, harbour, "officer", name="Ana Marín"))
    [match] = matches_of(database, harbour)
    output = {"decision": "dismiss", "fingerprint": match.fingerprint}
    refused = send(officer, f"/matches/{match.id}", **output, note=" ")
    assert (refused.status_code, "Describe what you compared" in refused.get_data(as_text=True)) == (422, True)
    answer = send(officer, f"/matches/{match.id}", **output, note="Another address.")
    assert (answer.status_code, answer.location) == (303, "/watchlists")
    assert list_matches(database, harbour)[0][2] == "dismissed"
    page = text_of(officer.get("/watchlists?state=dismissed").get_data(as_text=True))
    assert "Another address. Ana Marín" in page
    assert "To review (0)" in text_of(officer.get("/watchlists?state=nonsense").get_data(as_text=True))


def test_the_supplier_page_has_a_box_with_the_matches_and_the_next_step(app: Flask, database: Database, harbour: str):
    officer = make_browser(app, make_user(database, harbour, "officer"))
    [match] = matches_of(database, harbour)
    address = f"/suppliers/{match.supplier_id}"
    page = text_of(officer.get(address).get_data(as_text=True))
    assert "Next step: compare the address, owners" in page
    assert "Screened against Held" in page
    output = {"decision": "confirm", "fingerprint": match.fingerprint, "note": "Same address.", "back": "supplier"}
    assert send(officer, f"/matches/{match.id}", **output).location == f"{address}#watchlists"
    page = text_of(officer.get(address).get_data(as_text=True))
    assert "Next step: find out why the entry is listed and who has to comply" in page


def test_the_text_of_a_list_is_escaped_on_pages(app: Flask, database: Database, blobs: BlobStore, harbour: str):
    import_watchlist(database, blobs, harbour, HELD.replace("Debt bondage", "<script>alert(1)</script>"))
    page = make_browser(app, make_user(database, harbour)).get("/watchlists").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_the_api_lists_lists_and_matches(portal: Portal):
    [watchlist] = portal.get("/watchlists").json["items"]
    assert (watchlist["name"], watchlist["entries"], watchlist["rejected"]) == ("Held", 1, 0)
    [match] = portal.get("/matches").json["items"]
    assert (match["reference"], match["watchlist"], match["state"]) == ("S-1", "Held", "open")
    assert match["why"] == {
        "by": "name", "role": "site", "given": "Blue Pier Fishing", "listed":
            "Blue Pier Fishing Co., Ltd.", "score": 1.0,
        "agreed": [["blue", "blue"], ["pier", "pier"], ["fishing", "fishing"]], "countries": "agree",
    }  # fmt: skip
    assert (match["entry"]["list"], match["entry"]["reason"]) == ("Held at the border", "Debt bondage")
    assert portal.get(f"/matches?supplier_id={match['supplier_id']}").json["items"] == [match]
    assert portal.get("/matches?state=dismissed").json["items"] == []
    assert portal.get("/matches?state=guilty").status_code == 422


def test_a_decision_through_the_api_is_visible_everywhere(portal: Portal, database: Database, harbour: str):
    [match] = portal.get("/matches").json["items"]
    body = {"decision": "confirm", "note": "Same registration number.", "fingerprint": match["fingerprint"]}
    answer = portal.post(f"/matches/{match['id']}", body)
    assert (answer.status_code, answer.json["state"], answer.json["note"]) == (200, "confirmed", body["note"])
    assert [one["id"] for one in portal.get("/matches?state=confirmed").json["items"]] == [match["id"]]
    stale = portal.post(f"/matches/{match['id']}", {**body, "fingerprint": "0" * 64})
    assert (stale.status_code, stale.json["code"]) == (409, "match.changed")
    assert portal.post(f"/matches/{match['id']}", {"decision": "confirm"}).status_code == 422
    kinds = [change["kind"] for change in portal.get("/changes").json["items"]]
    assert kinds.count("watchlist_match") == 2


def test_matches_come_in_pages(portal: Portal, database: Database, blobs: BlobStore, harbour: str):
    for at in range(2, 5):
        save_supplier(database, harbour, reference=f"S-{at}")
    import_watchlist(database, blobs, harbour, HELD, "Other;;;;;;;")
    first = portal.get("/matches?limit=3").json
    rest = portal.get(first["next"].removeprefix("/api/v1")).json
    output = [one["reference"] for one in (*first["items"], *rest["items"])]
    assert (len(first["items"]), rest["next"], sorted(output)) == (3, None, ["S-1", "S-2", "S-3", "S-4"])


def test_imported_suppliers_are_screened_once_they_are_stored(
    portal: Portal, database: Database, blobs: BlobStore, harbour: str
):
    sent = portal.send("more.csv", b"Supplier,Country\nBlue Peir Fishing Ltd,TH\nStar Ocean,TH\n")
    assert sent.status_code == 202
    run_jobs(database, portal.app.extensions["blob_store"])
    assert [name for name, _, _ in list_matches(database, harbour)] == ["Blue Peir Fishing Ltd", "Blue Pier Fishing"]


def test_a_restored_backup_has_lists_and_decisions(database: Database, blobs: BlobStore, harbour: str, tmp_path: Path):
    decide_match(database, harbour, "dismiss")
    create_backup(database, blobs, tmp_path / "all.tar.gz", now())
    target = Database(open_engine(f"sqlite:///{tmp_path / 'other.db'}"), SECRET_KEYS)
    migrate(target.engine)
    restore_backup(target, FolderStore(tmp_path / "other"), tmp_path / "all.tar.gz", now())
    import_watchlist(target, FolderStore(tmp_path / "other"), harbour, HELD, "Another;;;;;;;")
    assert list_matches(target, harbour)[0][2] == "dismissed"
    target.engine.dispose()


def test_an_organisation_is_erased_with_its_lists(database: Database, blobs: BlobStore, harbour: str):
    counts = erase_organisation(database, blobs, harbour, BY)
    assert {name: counts[name] for name in ("watchlist", "watchlist_entry", "watchlist_match", "screening")} == {
        "watchlist": 1, "watchlist_entry": 1, "watchlist_match": 1, "screening": 1,
    }  # fmt: skip
    with database.unscoped(write=False) as session:
        assert session.scalars(select(WatchlistEntry)).all() == []


def test_a_decision_on_a_match_no_longer_found_is_kept_for_the_retention_period(
    database: Database, blobs: BlobStore, harbour: str
):
    decide_match(database, harbour, "dismiss")
    import_watchlist(database, blobs, harbour, "Another;;;;;;;")
    purge_expired(database, blobs, now() + timedelta(days=360))
    assert len(matches_of(database, harbour)) == 1
    save_supplier(database, harbour, reference="S-1")
    with database.for_organisation(harbour) as session:
        session.scalars(select(WatchlistMatch)).one().decided_at = now() - timedelta(days=9 * 365)
    purge_expired(database, blobs, now())
    assert matches_of(database, harbour) == []


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_data: Path) -> Iterator[Database]:
    """A database in the data folder that the environment names, with an organisation."""
    monkeypatch.setenv("DILIGENCE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("service.log.configure_logging", lambda level: None)
    shutil.copytree(migrated_data, tmp_path / "data")
    database = open_installation(Settings(data=tmp_path / "data"))
    create_organisation(database, "Harbour Foods")
    yield database
    database.engine.dispose()


def run(*words: object, status: int = 0) -> None:
    assert cli.main(["watchlist", *map(str, words)]) == status


def test_the_command_imports_lists_and_removes(office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "targets.simple.csv"
    header = "id,schema,name,aliases,birth_date,countries,addresses,identifiers,sanctions,phones,emails,dataset"
    file.write_text(f"{header}\nNK-1,Company,Blue Pier,,,th,,,,,,Sanctions\nNK-2,Airplane,X,,,,,,,,,Sanctions\n")
    run("import", file, "--organisation", "Harbour Foods", "--name", "Sanctions")
    run("import", file, "--organisation", "Harbour Foods", "--name", "Sanctions")
    run("list", "--organisation", "Harbour Foods")
    output = capsys.readouterr().out.splitlines()
    assert output[0].startswith(
        "Sanctions: 1 of 2 rows loaded, 0 rejected; left out: 1 of kind Airplane. The suppliers will be"
    )
    assert output[1].endswith("The list already contains these entries, so nothing was changed.")
    assert re.fullmatch(r"Sanctions +1 entries  20\d\d-\d\d-\d\d \d\d:\d\d UTC", output[2])
    run("remove", "Sanctions", "--organisation", "Harbour Foods")
    with office.unscoped(write=False) as session:
        assert session.scalars(select(Watchlist)).all() == []


def test_the_command_prints_rejected_rows_with_their_number_and_a_fix(
    office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "held.csv"
    file.write_text("name,kind\nBlue Pier,company\nStar,ship\n")
    run("import", file, "--organisation", "Harbour Foods", status=1)
    output = capsys.readouterr()
    assert "held: 1 of 2 rows loaded, 1 rejected" in output.out
    assert (
        "row 3 *kind*: 'ship' is not a kind of entry; the row was not read. Use one of these four words" in output.err
    )


@pytest.mark.parametrize(
    ("content", "organisation", "says"),
    [
        (b"colour\nred\n", "Harbour Foods", "no column called 'name'"),
        (b"%PDF-1.7", "Harbour Foods", "does not match its file extension"),
        (b"name\nBlue Pier\n", "Nobody", "no organisation called Nobody"),
        (None, "Harbour Foods", "cannot be used"),
    ],
)
def test_the_command_prints_one_sentence_when_nothing_was_done(
    office: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    organisation: str,
    says: str,
):
    file = tmp_path / "held.csv"
    if content is not None:
        file.write_bytes(content)
    run("import", file, "--organisation", organisation, status=2)
    assert says in capsys.readouterr().err
    with office.unscoped(write=False) as session:
        assert session.scalars(select(Watchlist)).all() == []


def test_the_command_says_when_a_list_could_not_be_loaded(
    office: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "held.csv"
    file.write_text("name\nBlue Pier\n")
    monkeypatch.setattr(lists, "enqueue", _cancelled(lists.enqueue))
    run("import", file, "--organisation", "Harbour Foods", status=2)
    assert "held could not be loaded and is unchanged. Cancelled." in capsys.readouterr().err


def _cancelled(enqueue):
    def cancelled(*output, **more):
        job = enqueue(*output, **more)
        job.cancel = True
        return job

    return cancelled
