"""Test that pairs of suppliers that may be the same are proposed, decided, remembered, merged and separated again."""

import pytest
from callers import make_browser, make_organisation, make_user
from callers import send as send_form
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sheets import workbook
from sqlalchemy import update

from service.db.identity_tables import IdentityProposal
from service.db.session import Database
from service.db.tables import Supplier
from service.identity.groups import group_open_pairs
from service.identity.pairs import find_same_suppliers
from service.jobs.worker import Handler
from service.suppliers.key_grades import may_be_another
from service.suppliers.left_over import pair_left_over
from service.suppliers.likeness import Likeness, choose_best, compare_suppliers, is_certain

HEAD = "| Site name | Country | Sector | Address | Number of workers |\n|---|---|---|---|---|\n"
FIRST = "Alder Nets Co., Ltd. | Thailand | 1020 | 12/3 Moo 4, Rama II Road, Samut Sakhon 74000 | 80"
REWORDED = (
    "ALDER NETS PUBLIC COMPANY LIMITED | Thailand | 1020 | No. 12/3 Moo 4 Rama 2 Rd, Tha Chin, Samut Sakhon, 74000 | 90"
)
OTHER = "Birch Foods | Thailand | 1020 | 9 Sukhumvit Road, Bangkok 10110 | 20"


def make_list(*rows: str) -> bytes:
    return workbook(HEAD + "\n".join(f"| {row} |" for row in rows))


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return make_portal(app, harbour)


def import_and_compare(portal: Portal, *rows: str) -> None:
    portal.import_file("list.xlsx", make_list(*rows))
    database = portal.app.extensions["database"]
    run_jobs(database, portal.app.extensions["blob_store"], {"find_same_suppliers": Handler(find_same_suppliers)})


def list_pairs(portal: Portal, state: str = "open") -> list[dict]:
    return portal.get(f"/identity/proposals?state={state}").json["items"]


def decide(portal: Portal, decision: str, **more: str) -> dict:
    (pair,) = list_pairs(portal)
    response = portal.post(f"/identity/proposals/{pair['id']}/decision", {"decision": decision, **more})
    assert response.status_code == 200
    return response.json


PLACE = {"country": "VN", "address": "Lot 5, Song Than Industrial Park, Di An, Binh Duong 75300"}
SHORTER, WITHOUT_NUMBER = "Lot 5 Song Than IP, Di An Town, Binh Duong", "Song Than Industrial Park, Di An, Binh Duong"
ELSEWHERE = "8 Nguyen Hue, District 1, Ho Chi Minh City 70000"


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"name": "Alder Nets Co Ltd"}, {"name": "ALDER NETS PJSC", "address": SHORTER}, "same_name"),
        ({"name": "Alder Nets"}, {"name": "Alder Netts Ltd", "address": WITHOUT_NUMBER}, "near_name"),
        ({"name": "Công ty TNHH Alder Nets"}, {"name": "Alder Nets"}, "same_name"),
        ({"name": "ТОО «Алдер Нетс»"}, {"name": "Alder Nets"}, "same_name"),
        ({"name": "Alder Nets"}, {"name": "Birch Foods"}, None),
        ({"name": "Alder Nets 1"}, {"name": "Alder Nets 2"}, None),
        ({"name": "Alder Nets"}, {"name": "Alder Nets", "country": "TH"}, None),
        ({"name": "Alder Nets"}, {"name": "Alder Nets", "address": ELSEWHERE}, None),
        ({"name": "Alder Nets", "imo": "9074729"}, {"name": "Alder Nets", "imo": "9074730"}, None),
        ({"name": "Alder Nets (Vietnam) Co., Ltd."}, {"name": "Cty TNHH Alder Nets"}, "same_name"),
        ({"name": "Alder Nets (Head Office)"}, {"name": "Alder Nets - Main"}, "same_name"),
        ({"name": "Birch Foods (formerly Alder Nets)"}, {"name": "Alder Nets", "address": SHORTER}, "same_name"),
        ({"name": "Alder Nets Plant 2"}, {"name": "Alder Nets (Unit-II)", "address": SHORTER}, "same_name"),
        ({"name": "Alder Nets Plant 2"}, {"name": "Alder Nets", "address": SHORTER}, None),
        (
            {"name": "Alder Gmts Mfg. Co."},
            {"name": "Alder Garments Manufacturing Company", "address": SHORTER},
            "same_name",
        ),
        ({"name": "M/s Alder Nets Pvt Ltd"}, {"name": "Alder Nets Private Limited"}, "same_name"),
        (
            {"name": "Alder Nets"},
            {"name": "Aldre Nets", "address": "Binh Duong, Di An, Song Than IP Lot 5"},
            "near_name",
        ),
        (
            {"name": "Alder Nets"},
            {"name": "Alder Nets", "address": "Lot 9, Song Than Industrial Park, Di An 75300"},
            None,
        ),
        (
            {"name": "Alder Nets", "registration_number": "0107"},
            {"name": "Alder Nets Ltd", "registration_number": "107", "address": ELSEWHERE},
            "same_name",
        ),
        (
            {"name": "Alder Nets", "registration_number": "1"},
            {"name": "Alder Nets Ltd", "registration_number": "2"},
            "same_name",
        ),
        ({"name": "Alder Nets", "registration_number": "1"}, {"name": "Alder Netts", "registration_number": "2"}, None),
        (
            {"name": "Alder Nets", "registration_number": "exempt"},
            {"name": "Alder Nets", "registration_number": "7"},
            "same_name",
        ),
    ],
)
def test_two_suppliers_may_be_the_same_by_name_country_and_address(one: dict, other: dict, reason: str | None):
    found = compare_suppliers({**PLACE, **one}, {**PLACE, **other})
    assert (found and found.reasons[0]) == reason


@pytest.mark.parametrize(
    ("one", "other", "certain"),
    [
        ({}, {}, True),
        ({}, {"reference": "V-1"}, True),
        ({"reference": "V-1"}, {"reference": "V-2"}, False),
        ({"reference": "7"}, {"reference": "301"}, True),
        ({}, {"address": SHORTER}, True),
        ({"name": "Alder Nets Co., Ltd."}, {"name": "ALDER NETS COMPANY LIMITED", "address": SHORTER}, True),
        ({"name": "Alder Nets Ltd"}, {"name": "Alder Nets LLP", "address": SHORTER}, False),
        ({}, {"address": WITHOUT_NUMBER}, False),
        ({"address": "Plot 90-C, Naga Road, Hue"}, {"address": "Plot 90-D, Naga Road, Hue"}, False),
        ({"address": "Lot 2 Block 3, Naga Road"}, {"address": "Lot 3 Block 2, Naga Road"}, False),
        ({"registration_number": "1"}, {"registration_number": "2"}, False),
        (
            {"registration_number": "1"},
            {"registration_number": "1", "name": "Alder Nets Ltd", "address": SHORTER},
            True,
        ),
        ({"registration_number": "1"}, {"registration_number": "1", "name": "Birch Foods"}, False),
        ({"registration_number": "1"}, {"registration_number": "1", "address": ELSEWHERE}, False),
        ({"address": None, "city": "Hanoi"}, {"address": None, "city": "Hue"}, False),
    ],
)
def test_rows_with_other_keys_are_about_one_supplier_only_beyond_doubt(one: dict, other: dict, certain: bool):
    named = {"name": "Alder Nets", **PLACE}
    assert is_certain({**named, **one}, {**named, **other}) == certain


@pytest.mark.parametrize(
    ("stored", "row", "another"),
    [
        ({"name": "Alder Nets"}, {"name": "Birch Foods"}, True),
        ({"name": "Alder Toys"}, {"name": "Alder Foods", "address": ELSEWHERE}, True),
        ({"name": "Alder Toys"}, {"name": "Alder Foods"}, False),
        ({"name": "Alder Nets"}, {"name": "Alder Nets Ltd", "address": ELSEWHERE}, False),
    ],
)
def test_a_number_under_a_partly_alike_name_at_another_place_may_be_another_supplier(
    stored: dict, row: dict, another: bool
):
    assert may_be_another({**PLACE, **stored}, {**PLACE, **row}) == another


def test_of_several_candidates_the_one_with_the_strongest_reasons_is_chosen():
    near, same = Likeness(("near_name", "same_address"), 0.9), Likeness(("same_name", "same_address"), 0.9)
    assert choose_best([(1, near), (2, same)]) == (2, same)
    assert choose_best([(1, same), (2, same)]) is None
    assert choose_best([]) is None


GONE = {"name": "Alder Nets", **PLACE}


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ([{"name": "ALDER NETS CO LTD", "address": ELSEWHERE}], "same_name"),
        ([{"name": "Birch Foods", "address": SHORTER}], "same_address"),
        ([{"name": "Birch Foods", "address": "Lot 6 Song Than IP, Di An, Binh Duong"}], None),
        ([{"name": "Birch Foods"}, {"name": "Cedar Toys"}], None),
        ([{"name": "Birch Foods", "lei": "529900T8BM49AURSDO55"}], None),
        ([{"name": "Birch Foods", "country": "TH"}], None),
    ],
)
def test_who_is_gone_from_a_list_may_be_who_is_new_at_the_address_or_by_the_name(new: list[dict], reason: str | None):
    pairs = pair_left_over([{**PLACE, **one} for one in new], [{**GONE, "lei": "213800A1BM49AURSDO12"}])
    assert [pair.reason for pair in pairs] == ([reason] if reason else [])


def test_another_legal_form_at_a_reworded_address_is_proposed_and_merges_nothing(portal: Portal):
    import_and_compare(portal, FIRST, OTHER)
    import_and_compare(portal, REWORDED, OTHER)
    assert len(portal.get("/suppliers").json["items"]) == 3
    (pair,) = list_pairs(portal)
    assert (pair["first"]["name"], pair["second"]["name"]) == (
        "Alder Nets Co., Ltd.",
        "ALDER NETS PUBLIC COMPANY LIMITED",
    )
    assert pair["reasons"][0] == "same_name"


def test_two_rows_of_one_list_are_no_pair(portal: Portal):
    import_and_compare(portal, FIRST, REWORDED)
    assert list_pairs(portal) == []


def test_a_nightly_call_about_a_doubtful_supplier_keeps_both_and_queues_the_pair(portal: Portal):
    body = {
        "name": "Alder Nets",
        "country": "TH",
        "sector": ["1020"],
        "address": "12/3 Moo 4 Rama II Road Samut Sakhon",
    }
    for reference in ("V-1", "V-2", "V-2"):
        portal.put(f"/suppliers/{reference}", body)
    assert len(portal.get("/suppliers").json["items"]) == 2
    assert len(list_pairs(portal)) == 1


def test_a_number_under_another_name_is_asked_about(portal: Portal):
    head = "| Site name | Country | Sector | Registration number |\n|---|---|---|---|\n"
    for name in ("Alder Nets", "Birch Foods"):
        portal.import_file("list.xlsx", workbook(f"{head}| {name} | Thailand | 1020 | 0105536 |"))
    import_and_compare(portal, "Cedar Toys | Thailand | 1020 | 9 Dock Road, Ranong | 20")
    assert [pair["reasons"] for pair in list_pairs(portal)] == [["same_number"]]


def test_a_pair_that_is_different_is_asked_about_again_only_if_something_changes(portal: Portal):
    import_and_compare(portal, FIRST)
    import_and_compare(portal, REWORDED)
    assert decide(portal, "different") == {"decision": "different", "merged_into": None}
    import_and_compare(portal, REWORDED)
    assert list_pairs(portal) == []
    (pair,) = list_pairs(portal, "different")
    again = portal.post(f"/identity/proposals/{pair['id']}/decision", {"decision": "different"})
    assert (again.status_code, again.json["code"]) == (409, "proposal.decided")


def test_a_pair_marked_as_different_by_mistake_is_decided_again(portal: Portal, app: Flask, harbour: str):
    import_and_compare(portal, FIRST)
    import_and_compare(portal, REWORDED)
    (pair,) = list_pairs(portal)
    officer = make_browser(app, make_user(app.extensions["database"], harbour, "officer"))
    decide(portal, "different")
    assert "Recently marked as different" in officer.get("/same-supplier").text
    assert send_form(officer, f"/same-supplier/{pair['id']}/reopen").status_code == 303
    assert [open_pair["id"] for open_pair in list_pairs(portal)] == [pair["id"]]
    assert "Recently marked as different" not in officer.get("/same-supplier").text
    path = f"/identity/proposals/{pair['id']}/reopen"
    assert portal.post(path, {}).json["code"] == "proposal.open"
    decide(portal, "different")
    assert portal.post(path, {}).json["state"] == "open"


def test_undoing_a_merge_restores_both_with_their_histories(portal: Portal):
    import_and_compare(portal, FIRST)
    import_and_compare(portal, REWORDED)
    first, second = (list_pairs(portal)[0][side]["id"] for side in ("first", "second"))
    answers = {name: portal.get(f"/suppliers/{name}").json["answers"] for name in (first, second)}
    portal.post(f"/suppliers/{second}/questionnaires", {"form": "site", "sent_to": "the manager"})
    database = portal.app.extensions["database"]
    with database.unscoped() as session:  # the second one returned a form
        session.execute(update(Supplier).where(Supplier.id == second).values(form_answers={"movement": "free"}))
    assert decide(portal, "same")["merged_into"] == first
    assert portal.get(f"/suppliers/{second}").status_code == 404
    (merge,) = portal.get("/identity/merges").json["items"]
    undone = portal.post(f"/identity/merges/{merge['id']}/undo").json
    assert (bool(undone["undone_at"]), undone["source_name"]) == (True, "")
    for name in (first, second):
        restored = portal.get(f"/suppliers/{name}").json
        assert {**restored["answers"], "answered_on": None} == {**answers[name], "answered_on": None}
        causes = [line["cause"] for line in portal.get(f"/suppliers/{name}/assessments").json["items"]]
        assert causes == (["unmerge", "merge", "import"] if name == first else ["unmerge", "import"])
    with database.unscoped(write=False) as session:
        forms = [session.get_one(Supplier, name).form_answers for name in (first, second)]
    assert forms == [None, {"movement": "free"}]
    assert portal.post(f"/identity/merges/{merge['id']}/undo").json["code"] == "merge.undone"
    import_and_compare(portal, FIRST)
    import_and_compare(portal, REWORDED)
    assert list_pairs(portal) == []
    assert len(portal.get("/suppliers").json["items"]) == 2


def test_an_officer_decides_a_pair_on_the_page_and_a_viewer_cannot(
    portal: Portal, app: Flask, database: Database, harbour: str
):
    import_and_compare(portal, FIRST)
    import_and_compare(portal, REWORDED)
    viewer = make_browser(app, make_user(database, harbour, "viewer"))
    assert 'value="same"' not in viewer.get("/same-supplier").text
    officer = make_browser(app, make_user(database, harbour, "officer"))
    page = officer.get("/same-supplier").text
    assert "the same name, apart from the legal form" in page
    (pair,) = list_pairs(portal)
    stale = send_form(officer, f"/same-supplier/{pair['id']}", decision="same", fingerprint="0" * 64)
    assert stale.status_code == 409
    decided = send_form(officer, f"/same-supplier/{pair['id']}", decision="same", fingerprint=pair["fingerprint"])
    assert decided.status_code == 303
    assert "Separate again" in officer.get("/same-supplier").text


def test_suppliers_under_a_weak_key_are_listed_for_review(portal: Portal, database: Database, harbour: str):
    portal.put("/suppliers/S-1", {"name": "Alder Nets", "country": "TH", "registration_number": "exempt"})
    portal.put("/suppliers/S-1", {"name": "Birch Foods", "country": "TH", "registration_number": "exempt"})

    with database.for_organisation(harbour) as session:
        session.execute(update(Supplier).values(key="registration_number:TH:exempt"))
    (keyed,) = portal.get("/identity/weak-keys").json["items"]
    assert (keyed["entry"], keyed["names"], keyed["mixed"]) == ("exempt", ["Birch Foods", "Alder Nets"], True)


def test_a_site_that_a_list_names_itself_does_not_hide_the_pair_of_another_site_of_its_company(portal: Portal):
    second_site = "Alder Nets Co., Ltd. | Thailand | 1020 | 12/4 Moo 4, Rama II Road, Samut Sakhon 74000 | 30"
    import_and_compare(portal, FIRST, second_site)
    import_and_compare(portal, REWORDED, second_site)
    (pair,) = list_pairs(portal)
    assert {pair["first"]["address"][:5], pair["second"]["address"][:8]} == {"12/3 ", "No. 12/3"}


def import_reworded(portal: Portal) -> list[dict]:
    """Import two editions of a list of four with other legal forms, and return the pairs."""
    names = ("Alder Nets", "Birch Foods", "Cedar Toys", "Elm Textiles")
    for form in ("Co., Ltd.", "PCL"):
        import_and_compare(
            portal, *(f"{name} {form} | Thailand | 1020 | {at} Rama Road | 80" for at, name in enumerate(names, 11))
        )
    return list_pairs(portal)


def test_one_decision_counts_for_all_pairs_of_one_pattern(portal: Portal, database: Database, harbour: str):
    pairs = import_reworded(portal)
    assert len(pairs) == 4
    officer = make_browser(portal.app, make_user(database, harbour, "officer"))
    page = "/same-supplier/together?group=site.same_name.same_address"
    assert page in officer.get("/same-supplier").text
    assert officer.get(page).text.count('name="pair"') == 4
    chosen = {"decision": "same", "group": "site.same_name.same_address", "pair": [pair["id"] for pair in pairs[:3]]}
    chosen |= {f"fingerprint-{pair['id']}": pair["fingerprint"] for pair in pairs}
    response = send_form(officer, "/same-supplier/together", **chosen)
    assert response.status_code == 303
    assert [pair["id"] for pair in list_pairs(portal)] == [pairs[3]["id"]]
    assert len(portal.get("/suppliers").json["items"]) == 5
    viewer = make_browser(portal.app, make_user(database, harbour, "viewer"))
    assert viewer.get(page).status_code == 403


def test_pairs_are_decided_together_all_or_none(portal: Portal):
    pairs = import_reworded(portal)
    chosen = [{"id": pair["id"], "fingerprint": pair["fingerprint"]} for pair in pairs]
    changed = [*chosen[:3], {**chosen[3], "fingerprint": "0" * 64}]
    refused = portal.post("/identity/decisions", {"pairs": changed, "decision": "different"})
    assert (refused.status_code, refused.json["code"]) == (409, "proposal.changed")
    assert len(list_pairs(portal)) == 4
    assert portal.post("/identity/decisions", {"pairs": [], "decision": "different"}).status_code == 422
    unknown = portal.post("/identity/decisions", {"pairs": [*chosen, {"id": "none"}], "decision": "different"})
    assert (unknown.status_code, unknown.json["code"]) == (422, "proposal.unknown")
    decided = portal.post("/identity/decisions", {"pairs": chosen, "decision": "different"})
    assert decided.json == {"decision": "different", "decided": 4}
    assert list_pairs(portal) == []


def test_a_supplier_in_two_pairs_is_decided_about_by_itself(portal: Portal, database: Database, harbour: str):
    pairs = import_reworded(portal)
    with database.for_organisation(harbour) as session:
        first, second = (session.get_one(IdentityProposal, pair["id"]) for pair in pairs[:2])
        assert [len(group.proposal_ids) for group in group_open_pairs(session)] == [4]
        second.first_id = first.first_id
        session.flush()
        assert group_open_pairs(session) == []
    chosen = [{"id": pair["id"]} for pair in pairs]
    refused = portal.post("/identity/decisions", {"pairs": chosen, "decision": "different"})
    assert (refused.status_code, refused.json["code"]) == (422, "proposal.shared")
