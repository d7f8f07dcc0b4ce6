"""Test that a list that comes again is compared with the one before it, supplier by supplier, and that nobody is deleted."""

import pytest
from callers import make_browser, make_organisation, make_user
from callers import send as send_form
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sheets import workbook

from service.db.session import Database
from service.identity.pairs import find_same_suppliers
from service.imports import undo
from service.jobs.worker import Handler

HEAD = "| Site name | Country | Sector | Address | Number of workers |\n|---|---|---|---|---|\n"
NAMES = ("Alder Nets", "Birch Foods", "Cedar Toys", "Dogwood Mills", "Elm Textiles", "Fir Packing")
Rows = dict[str, list[str]]


def make_rows() -> Rows:
    """Return an invented list: the cells of each supplier by its name."""
    return {
        name: [name, "Thailand", "1020", f"{10 + at} Rama Road, Samut Sakhon 74000", str(100 + at)]
        for at, name in enumerate(NAMES)
    }


def make_list(rows: Rows) -> bytes:
    return workbook(HEAD + "\n".join(f"| {' | '.join(cells)} |" for cells in rows.values()))


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return make_portal(app, harbour)


def send_list(portal: Portal, rows: Rows, **fields: str) -> dict:
    """Import a list, look for pairs, and return the import."""
    import_ = portal.import_file("list.xlsx", make_list(rows), **fields)
    work(portal)
    return portal.get(f"/imports/{import_['id']}").json


def work(portal: Portal) -> None:
    handlers = {
        "find_same_suppliers": Handler(find_same_suppliers),
        "undo_import": Handler(undo.undo_import, undo.on_failure, undo.has_begun),
    }
    run_jobs(portal.app.extensions["database"], portal.app.extensions["blob_store"], handlers)


def list_entries(portal: Portal, import_: dict, state: str = "") -> list[dict]:
    query = f"?state={state}" if state else ""
    return portal.get(f"/imports/{import_['id']}/edition{query}").json["items"]


def list_states(portal: Portal, import_: dict) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in list_entries(portal, import_)}


def count(import_: dict) -> dict[str, int]:
    return {state: n for state, n in import_["edition"]["counts"].items() if n}


def change(rows: Rows) -> Rows:
    """Return another edition: one supplier changed, one at an address that is only similar, one gone and one new."""
    later = {name: list(cells) for name, cells in rows.items()}
    later["Alder Nets"][4] = "90"
    later["Birch Foods"][3] = "No. 11, Rama Rd., Samut Prakan"
    del later["Cedar Toys"]
    later["Ginkgo Shoes"] = ["Ginkgo Shoes", "Viet Nam", "1520", "8 Nguyen Hue, Hanoi", "50"]
    return later


EXPECTED = {"Alder Nets": "changed", "Birch Foods": "doubtful", "Cedar Toys": "gone", "Ginkgo Shoes": "new"}


def test_a_first_list_is_compared_with_none(portal: Portal):
    first = send_list(portal, make_rows())
    assert first["edition"] is None
    assert list_entries(portal, first) == []


def test_the_same_list_again_is_unchanged(portal: Portal):
    first = send_list(portal, make_rows())
    again = send_list(portal, make_rows())
    assert again["edition"]["previous_id"] == first["id"]
    assert count(again) == {"unchanged": 6}


def test_a_second_edition_says_who_is_new_changed_in_doubt_and_gone(portal: Portal):
    send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    assert list_states(portal, second) == EXPECTED
    assert count(second) == {"new": 1, "changed": 1, "doubtful": 1, "gone": 1, "unchanged": 3}
    (changed,) = list_entries(portal, second, "changed")
    assert changed["changes"] == [{"question": "workers_total", "before": 101 - 1, "after": 90}]
    (doubtful,) = list_entries(portal, second, "doubtful")
    assert [one["question"] for one in doubtful["changes"]] == ["address"]
    assert doubtful["reasons"][0] == "same_name"


def test_a_preview_says_the_same_before_anything_is_saved(portal: Portal):
    send_list(portal, make_rows())
    preview = send_list(portal, change(make_rows()), confirm="false")
    assert preview["state"] == "previewed"
    assert list_states(portal, preview) == EXPECTED
    assert {entry["name"]: entry["supplier_id"] is None for entry in list_entries(portal, preview)} == {
        name: state in ("new", "doubtful") for name, state in EXPECTED.items()
    }
    assert len(portal.get("/suppliers").json["items"]) == 6
    portal.post(f"/imports/{preview['id']}/confirm", {})
    portal.work()
    work(portal)
    done = portal.get(f"/imports/{preview['id']}").json
    assert list_states(portal, done) == EXPECTED
    assert count(done) == count(preview)


def test_a_renamed_and_a_moved_supplier_with_a_number_are_recognised(portal: Portal):
    head = "| Reference | Site name | Country | City |\n|---|---|---|---|\n"
    rows = [f"| S-{at} | {name} | Thailand | Bangkok |" for at, name in enumerate(NAMES)]
    portal.import_file("list.xlsx", workbook(head + "\n".join(rows)))
    rows[0] = "| S-0 | Alder Nets Group | Thailand | Bangkok |"
    rows[1] = "| S-1 | Birch Foods | Thailand | Chonburi |"
    rows[2] = "| S-2 | CEDAR TOYS. | Thailand | Bangkok |"
    second = portal.import_file("list.xlsx", workbook(head + "\n".join(rows)))
    assert list_states(portal, second) == {"Alder Nets Group": "renamed", "Birch Foods": "moved"}


def test_a_list_that_gains_and_loses_references_names_the_same_suppliers(portal: Portal):
    rows = make_rows()
    numbered = {name: [*cells, f"V-{at}"] for at, (name, cells) in enumerate(rows.items())}
    head = HEAD.replace(" |\n|---", " | Reference |\n|---|---", 1)
    with_references = workbook(head + "\n".join(f"| {' | '.join(cells)} |" for cells in numbered.values()))
    send_list(portal, rows)
    preview = portal.import_file("numbered.xlsx", with_references, confirm="false")
    assert "6 of 6 suppliers are" in {issue["seen"] for issue in preview["issues"] if issue["code"] == "known.listed"}
    gained = portal.import_file("numbered.xlsx", with_references)
    assert (count(gained)["unchanged"], count(gained).get("new")) == (6, None)
    assert portal.get("/suppliers/V-3").json["name"] == "Dogwood Mills"
    assert count(send_list(portal, rows)) == {"unchanged": 6}
    assert len(portal.get("/suppliers").json["items"]) == 6
    portal.post(f"/imports/{gained['id']}/undo")
    work(portal)
    assert portal.get("/suppliers/V-3").status_code == 404
    assert count(send_list(portal, rows)) == {"unchanged": 6}


def test_numbers_of_rows_taken_for_references_mix_no_suppliers_up(portal: Portal):
    head = "| Supplier ID | Site name | Country | Address |\n|---|---|---|---|\n"
    addresses = {name: f"{10 + at} Rama Road, Samut Sakhon" for at, name in enumerate(NAMES)}

    def send(names: list[str]) -> dict:
        rows = [f"| {at} | {name} | Thailand | {addresses[name]} |" for at, name in enumerate(names, 1)]
        import_ = portal.import_file("list.xlsx", workbook(head + "\n".join(rows)))
        work(portal)
        return import_

    send(list(NAMES))
    before = {one["name"]: one["id"] for one in portal.get("/suppliers").json["items"]}
    assert count(send(list(reversed(NAMES)))) == {"unchanged": 6}
    assert {one["name"]: one["id"] for one in portal.get("/suppliers").json["items"]} == before
    assert portal.get("/identity/proposals").json["items"] == []


def test_who_was_renamed_or_has_moved_is_asked_about_in_the_preview_and_after(portal: Portal):
    first = make_rows()
    send_list(portal, first)
    later = {name: list(cells) for name, cells in first.items()}
    later["Alder Nets"][0] = "Ginkgo Shoes"
    later["Birch Foods"][3] = "7 Beach Road, Chonburi 20110"
    expected = {"Ginkgo Shoes": "doubtful", "Birch Foods": "doubtful"}
    preview = send_list(portal, later, confirm="false")
    assert list_states(portal, preview) == expected
    done = send_list(portal, later)
    assert list_states(portal, done) == expected
    assert {entry["name"]: entry["reasons"] for entry in list_entries(portal, done)} == {
        "Ginkgo Shoes": ["same_address"],
        "Birch Foods": ["same_name"],
    }


def test_a_reference_that_two_sources_use_counts_within_its_source(portal: Portal):
    head = "| Reference | Site name | Country | Address |\n|---|---|---|---|\n"

    def send(*rows: str) -> dict:
        return portal.import_file("list.xlsx", workbook(head + "\n".join(f"| {row} |" for row in rows)))

    send("V-1 | Alder Nets | Thailand | 1 Rama Road", "V-2 | Birch Foods | Thailand | 2 Rama Road")
    other = send("V-1 | Elm Textiles | Viet Nam | 3 Hue Street", "V-2 | Fir Packing | Viet Nam | 4 Hue Street")
    later = send(
        "V-1 | Elm Textiles | Viet Nam | 9 Nguyen Street, Hanoi", "V-2 | Fir Packing | Viet Nam | 4 Hue Street"
    )
    assert later["edition"]["previous_id"] == other["id"]
    assert list_states(portal, later) == {"Elm Textiles": "moved"}
    assert len(portal.get("/suppliers").json["items"]) == 4
    assert portal.get("/suppliers/V-1").json["name"] == "Alder Nets"


def decide(portal: Portal, decision: str, keep: str = "first") -> dict:
    (pair,) = portal.get("/identity/proposals").json["items"]
    return portal.post(f"/identity/proposals/{pair['id']}/decision", {"decision": decision, "keep": keep}).json


@pytest.mark.parametrize("keep", ["first", "second"])
def test_a_merged_pair_is_one_moved_supplier_and_undoing_the_merge_gives_two(portal: Portal, keep: str):
    send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    assert decide(portal, "same", keep)["merged_into"]
    assert list_states(portal, second) == {**EXPECTED, "Birch Foods": "moved"}
    (merge,) = portal.get("/identity/merges").json["items"]
    portal.post(f"/identity/merges/{merge['id']}/undo")
    found = [(entry["name"], entry["state"]) for entry in list_entries(portal, second)]
    assert sorted(found) == sorted({**EXPECTED, "Birch Foods": "new"}.items() | {("Birch Foods", "gone")})


def test_a_pair_that_is_different_is_one_new_and_one_gone(portal: Portal):
    send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    decide(portal, "different")
    assert count(portal.get(f"/imports/{second['id']}").json) == {"new": 2, "changed": 1, "gone": 2, "unchanged": 3}


def test_the_next_edition_of_a_merged_supplier_is_unchanged(portal: Portal):
    send_list(portal, make_rows())
    send_list(portal, change(make_rows()))
    decide(portal, "same")
    for _ in range(2):
        assert count(send_list(portal, change(make_rows()))) == {"unchanged": 6}


def test_a_supplier_that_is_gone_is_kept_or_ended_and_comes_back(portal: Portal):
    send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    (gone,) = list_entries(portal, second, "gone")
    address = f"/imports/{second['id']}/edition/gone"
    ended = portal.post(address, {"entries": [gone["id"]], "decision": "ended"})
    assert ended.json == {"decided": 1}
    assert portal.get(f"/suppliers/{gone['supplier_id']}").json["ended_on"] is not None
    assert list_entries(portal, second, "gone")[0]["decision"] == "ended"
    portal.post(address, {"entries": [gone["id"]], "decision": "kept"})
    assert portal.get(f"/suppliers/{gone['supplier_id']}").json["ended_on"] is None
    portal.post(address, {"entries": [gone["id"]], "decision": "ended"})
    third = send_list(portal, make_rows())
    assert portal.get(f"/suppliers/{gone['supplier_id']}").json["ended_on"] is None
    assert "Cedar Toys" in list_states(portal, third)


def test_only_suppliers_that_are_gone_can_be_decided_about_and_only_after_the_import(portal: Portal):
    send_list(portal, make_rows())
    preview = send_list(portal, change(make_rows()), confirm="false")
    (gone,) = list_entries(portal, preview, "gone")
    body = {"entries": [gone["id"]], "decision": "ended"}
    assert portal.post(f"/imports/{preview['id']}/edition/gone", body).json["code"] == "import.state"
    second = send_list(portal, change(make_rows()))
    (changed,) = list_entries(portal, second, "changed")
    body = {"entries": [changed["id"]], "decision": "ended"}
    assert portal.post(f"/imports/{second['id']}/edition/gone", body).json["code"] == "edition.entry"


def test_an_edition_is_recognised_by_its_companies_when_most_addresses_are_written_differently(portal: Portal):
    first = send_list(portal, make_rows())
    reworded = make_rows()
    for at, name in enumerate(NAMES[1:]):
        reworded[name][3] = f"No. {11 + at}, Rama Rd., Tha Chin, Samut Sakhon"
    preview = send_list(portal, reworded, confirm="false")
    portal.post(f"/imports/{preview['id']}/confirm", {})
    portal.work()
    work(portal)
    done = portal.get(f"/imports/{preview['id']}").json
    for edition in (preview, done):
        assert edition["edition"]["previous_id"] == first["id"]
        assert count(edition) == {"changed": 5, "unchanged": 1}
    assert list_states(portal, done) == dict.fromkeys(NAMES[1:], "changed")
    assert len(portal.get("/suppliers").json["items"]) == 6


def test_addresses_and_legal_forms_that_are_only_written_differently_are_recognised(portal: Portal):
    rows = make_rows()
    rows["Alder Nets"][0] = "Alder Nets Co., Ltd."
    send_list(portal, rows)
    rows["Alder Nets"][0] = "ALDER NETS COMPANY LIMITED"
    for at, name in enumerate(NAMES[1:]):
        rows[name][3] = f"Samut Sakhon, No. {11 + at} Rama Rd., Muang District"
    assert count(send_list(portal, rows)) == {"changed": 6}
    assert len(portal.get("/suppliers").json["items"]) == 6


def test_another_list_is_no_edition_unless_somebody_says_so(portal: Portal):
    first = send_list(portal, make_rows())
    other = {name: cells for name, cells in make_rows().items() if name in NAMES[:2]}
    assert send_list(portal, other, confirm="false")["edition"] is None
    chosen = send_list(portal, other, confirm="false", previous=first["id"])
    assert count(chosen) == {"gone": 4, "unchanged": 2}
    alone = send_list(portal, make_rows(), confirm="false", previous="none")
    assert alone["edition"] is None
    changed = portal.post(f"/imports/{alone['id']}/confirm", {"previous": first["id"]})
    assert changed.status_code == 202
    portal.work()
    assert portal.get(f"/imports/{alone['id']}").json["edition"]["previous_id"] == first["id"]
    refused = portal.send("list.xlsx", make_list(other), previous="0" * 36)
    assert refused.json["code"] == "import.previous"


def test_a_list_is_compared_with_the_last_edition_and_not_with_one_that_was_undone(portal: Portal):
    first = send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    again = send_list(portal, make_rows(), confirm="false")
    assert again["edition"]["previous_id"] == second["id"]
    assert portal.post(f"/imports/{second['id']}/undo").status_code == 202
    work(portal)
    undone = portal.get(f"/imports/{second['id']}").json
    assert (undone["undo"]["state"], undone["edition"]) == ("done", None)
    third = send_list(portal, change(make_rows()))
    assert third["edition"]["previous_id"] == first["id"]


def test_a_column_that_only_one_of_the_lists_has_is_no_difference(portal: Portal):
    send_list(portal, make_rows())
    head = "| Site name | Country | Sector | Address |\n|---|---|---|---|\n"
    rows = "\n".join(f"| {' | '.join(cells[:4])} |" for cells in make_rows().values())
    second = portal.import_file("list.xlsx", workbook(head + rows))
    assert count(second) == {"unchanged": 6}


def test_erasing_a_supplier_erases_what_lists_said_about_it(portal: Portal):
    send_list(portal, make_rows())
    second = send_list(portal, change(make_rows()))
    preview = send_list(portal, make_rows(), confirm="false")
    (gone,) = list_entries(portal, second, "gone")
    assert portal.call("DELETE", f"/suppliers/{gone['supplier_id']}").status_code == 204
    assert "Cedar Toys" not in list_states(portal, second)
    assert list_entries(portal, preview) == []


def test_an_officer_sees_what_would_change_compares_with_another_list_and_decides_about_those_gone(
    portal: Portal, app: Flask, database: Database, harbour: str
):
    officer = make_browser(app, make_user(database, harbour, "officer"))
    first = send_list(portal, make_rows())
    preview = send_list(portal, change(make_rows()), confirm="false")
    page = officer.get(f"/imports/{preview['id']}").text
    assert "Compared with the list of" in page
    assert "1 row may be about a supplier that already exists" in page
    assert "the same name, apart from the legal form" in page
    chosen = send_form(officer, f"/imports/{preview['id']}/edition/previous", previous="none")
    assert chosen.status_code == 303
    portal.work()
    assert "Suppliers that may already exist" in officer.get(f"/imports/{preview['id']}").text
    send_form(officer, f"/imports/{preview['id']}/edition/previous", previous=first["id"])
    portal.work()
    send_form(officer, f"/imports/{preview['id']}/confirm")
    portal.work()
    work(portal)
    changed = officer.get(f"/imports/{preview['id']}/edition?state=changed").text
    assert "<del>100" in changed
    assert "<ins>90" in changed
    gone = officer.get(f"/imports/{preview['id']}/edition?state=gone").text
    assert "Cedar Toys" in gone
    (entry,) = list_entries(portal, preview, "gone")
    address = f"/imports/{preview['id']}/edition/gone"
    assert send_form(officer, address, decision="ended").status_code == 404
    assert send_form(officer, address, decision="ended", entry=entry["id"]).status_code == 303
    assert "no longer supplies" in officer.get(f"/imports/{preview['id']}/edition?state=gone").text
    assert "No longer supplies" in officer.get(f"/suppliers/{entry['supplier_id']}").text
