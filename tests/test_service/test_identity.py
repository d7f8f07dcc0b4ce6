"""Test that the keys of a supplier that was merged into another find the remaining one."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from threading import Thread

import pytest
from callers import make_browser, make_organisation, make_user
from callers import send as send_form
from examples import examples
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from patience import PATIENCE
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound

from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.session import FEW, Database
from service.db.tables import AgencyName, MergedKey, Result, Supplier, new_id
from service.erasure.organisation import erase_organisation
from service.errors import DomainError
from service.imports import saving
from service.jobs.table import claim_job, enqueue
from service.jobs.worker import Handler, run_job
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_list import list_supplier_ids
from service.reviews import jobs as review_jobs
from service.suppliers import identity, merging
from service.suppliers import repository as suppliers
from service.suppliers.identity import rekey_to_survivor

BY = "user:ana"
ON = date(2026, 11, 20)
CANNERY = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
OLD_NAME = {"name": "Pier Seafood", "country": "VN", "sector": ["1020"]}


@pytest.fixture
def harbour(database: Database) -> str:
    """An organisation."""
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def put(database: Database, organisation: str, answers: Mapping[str, object], kind: str = "site") -> str:
    """Store a supplier as a list or a PUT does; its id."""
    with database.for_organisation(organisation) as session:
        return suppliers.save_supplier(session, kind, answers, ON, now(), BY, "api")[0].id


def merge(database: Database, organisation: str, source: str, target: str) -> None:
    with database.for_organisation(organisation) as session:
        two = [session.get_one(Supplier, name) for name in (source, target)]
        merging.merge_suppliers(session, *two, now(), BY)


def list_suppliers(database: Database, organisation: str) -> list[Supplier]:
    with database.for_organisation(organisation, write=False) as session:
        return list(session.scalars(select(Supplier).order_by(Supplier.created_at, Supplier.id)))


def merge_s2_into_s1(portal: Portal, old: Mapping[str, object] = OLD_NAME) -> dict:
    """Merge S-2 into S-1; return S-1."""
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-2", old)
    return portal.post("/suppliers/S-2/merge", {"into": "S-1"}).json


def list_aliases_in(supplier: dict) -> list[str]:
    """The other keys under which a supplier is found, as the API returns them."""
    return [old["named"] for old in supplier["also_found_under"]]


# ---------------------------------------------------------------- answers


def test_harm_that_either_admitted_counts_in_the_score_after_a_merge(database: Database, harbour: str):
    target = put(database, harbour, {**CANNERY, "reference": "S-1", "wage_payment": "on_time"})
    (before,) = list_suppliers(database, harbour)
    source = put(database, harbour, {**CANNERY, "reference": "S-2", "papers_retention": "held"})
    merge(database, harbour, source, target)
    (after,) = list_suppliers(database, harbour)
    assert (after.answers["papers_retention"], after.answers["wage_payment"]) == ("held", "on_time")
    assert (after.score or 0.0) > (before.score or 0.0) + 1
    with database.for_organisation(harbour, write=False) as session:
        newest = session.get_one(Result, after.latest_id)
        assert (newest.cause, newest.score, newest.supplier_id) == ("merge", after.score, target)


def test_the_riskier_of_two_answers_is_kept_after_a_merge(database: Database, harbour: str):
    good, bad = ({**CANNERY, "wage_payment": response} for response in ("on_time", "unpaid"))
    for n, (into, other) in enumerate([(good, bad), (bad, good)]):
        target = put(database, harbour, {**into, "reference": f"T-{n}"})
        merge(database, harbour, put(database, harbour, {**other, "reference": f"O-{n}"}), target)
    assert [one.answers["wage_payment"] for one in list_suppliers(database, harbour)] == ["unpaid", "unpaid"]


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "old",
    [
        {"reference": "S-2"},
        {"imo": "9074729"},
        {"licence_number": "L/1", "country": "NP"},
        {"name": "Pier Seafood", "country": "TH", "address": "1 Dock Road"},
    ],
)
@pytest.mark.parametrize("its_own", [{"reference": "S-1"}, {"lei": "529900T8BM49AURSDO55"}, {}])
def test_every_key_of_a_merged_supplier_finds_the_remaining_one(
    database: Database, harbour: str, old: dict, its_own: dict
):
    target = put(database, harbour, {**CANNERY, **its_own})
    before = list_suppliers(database, harbour)[0]
    source = put(database, harbour, old)
    merge(database, harbour, source, target)
    assert put(database, harbour, {**old, "workers_total": 80}) == target
    (after,) = list_suppliers(database, harbour)
    assert (after.key, after.reference, after.name, after.country) == (
        before.key, before.reference, before.name, before.country,
    )  # fmt: skip
    assert after.answers["workers_total"] == 80
    assert put(database, harbour, {**CANNERY, **its_own}) == target


def test_keys_of_a_chain_of_merges_find_the_last_supplier(database: Database, harbour: str):
    first, second, third = (put(database, harbour, {"reference": name}) for name in ("A", "B", "C"))
    merge(database, harbour, first, second)
    merge(database, harbour, second, third)
    assert {put(database, harbour, {"reference": name}) for name in ("A", "B", "C")} == {third}
    with database.for_organisation(harbour, write=False) as session:
        old = identity.list_aliases(session, session.get_one(Supplier, third))
        assert [each.named for each in old] == ["A", "B"]
        keys = ["ref:a", "ref:b", "ref:c", *(f"ref:{number}" for number in range(FEW))]
        found = identity.find_merged(session, "site", keys)
        assert {key: supplier.id for key, supplier in found.items()} == {"ref:a": third, "ref:b": third}
        assert identity.find_merged(session, "agency", keys) == {}


def test_a_review_after_an_import_by_an_alias_creates_no_second_supplier(database: Database, harbour: str):
    target = put(database, harbour, CANNERY)  # found by name and place
    merge(database, harbour, put(database, harbour, {"reference": "S-2"}), target)
    put(database, harbour, {"reference": "S-2", "imo": "9074729", "address": "1 Dock Road", "licence_number": "7"})
    with database.for_organisation(harbour) as session:
        suppliers.reassess(session, [target], ON, now(), BY)
        session.get_one(Supplier, target).review_due = ON
        payload = {"schedule_id": "s", "rule": {"kind": "rolling", "time": "06:00"}, "time_zone": "UTC"}
        enqueue(session, "review_suppliers", payload, BY)
    run_job(database, claim_job(database, "w", kinds=["review_suppliers"]), Handler(review_jobs.review_suppliers))
    with database.for_organisation(harbour, write=False) as session:
        causes = session.scalars(select(Result.cause).where(Result.supplier_id == target))
        assert sorted(causes) == ["api", "api", "api", "merge", "review", "review"]
    (one,) = list_suppliers(database, harbour)
    assert (one.id, one.answers["imo"], one.reference) == (target, "9074729", None)


def test_an_alias_is_not_found_from_another_organisation(database: Database, harbour: str):
    elsewhere = make_organisation(database, "Quay Textiles")
    target, source = (put(database, harbour, {"reference": name}) for name in ("S-1", "S-2"))
    merge(database, harbour, source, target)
    assert put(database, elsewhere, {"reference": "S-2"}) not in (source, target)


def test_an_agency_and_a_site_with_the_same_reference_stay_separate(database: Database, harbour: str):
    target, source = (put(database, harbour, {"reference": name, "country": "NP"}, "agency") for name in ("1", "2"))
    merge(database, harbour, source, target)
    assert put(database, harbour, {"reference": "2", "country": "TH"}) != target
    assert put(database, harbour, {"reference": "2", "country": "NP"}, "agency") == target


def test_an_agency_keeps_every_name_when_an_old_list_names_it(database: Database, harbour: str):
    target = put(database, harbour, {"reference": "A-1", "name": "Swift Hands", "country": "NP"}, "agency")
    source = put(database, harbour, {"reference": "A-2", "name": "Fern", "country": "NP"}, "agency")
    merge(database, harbour, source, target)
    put(database, harbour, {"reference": "A-2", "name": "Fern Recruiting", "country": "NP"}, "agency")
    with database.for_organisation(harbour, write=False) as session:
        names = set(session.scalars(select(AgencyName.key).where(AgencyName.agency_id == target)))
    assert names == {"a1", "a2", "swifthands", "fern", "fernrecruiting"}


@examples(12, HealthCheck.function_scoped_fixture)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("list"), st.sets(st.sampled_from("ABCD"), min_size=1)),
            st.tuples(st.just("merge"), st.permutations("ABCD")),
        ),
        max_size=8,
    )
)
def test_after_any_lists_and_merges_no_key_has_two_suppliers(database: Database, acts: list):
    organisation = make_organisation(database, new_id())
    one_with: dict[str, str] = {}  # by each reference, the one that it was merged into
    for act, names in acts:
        if act == "list":
            for name in sorted(names):
                put(database, organisation, {"reference": name})
                one_with.setdefault(name, name)
        elif (source := one_with.get(names[0])) and (target := one_with.get(names[1])) and source != target:
            with database.for_organisation(organisation) as session:
                two = [suppliers.get_supplier(session, "site", name, itself=True) for name in (source, target)]
                merging.merge_suppliers(session, *two, now(), BY)
            one_with = {name: target if one == source else one for name, one in one_with.items()}
    with database.for_organisation(organisation, write=False) as session:
        found = {name: suppliers.get_supplier(session, "site", name).reference for name in one_with}
        keys = [*session.scalars(select(Supplier.key)), *session.scalars(select(MergedKey.key))]
    assert found == one_with
    assert sorted(keys) == sorted(f"ref:{name.lower()}" for name in one_with)


def test_a_row_under_an_alias_fills_only_missing_identity_fields():
    stored = {"reference": "S-1", "name": "Blue Pier", "imo": "declined", "workers_total": 5}
    row = {"reference": "S-2", "name": "Pier", "imo": "9074729", "address": "1 Dock Road", "workers_total": 9}
    assert rekey_to_survivor(stored, row) == {
        "reference": "S-1", "name": "Blue Pier", "imo": "9074729", "address": "1 Dock Road", "workers_total": 9,
    }  # fmt: skip
    assert rekey_to_survivor({**stored, "country": "TH"}, {**row, "country": "VN", "city": "Hue", "licence_number": "7"}) == {
        "reference": "S-1", "name": "Blue Pier", "imo": "9074729", "country": "TH", "workers_total": 9,
    }  # fmt: skip
    assert "reference" not in rekey_to_survivor({"name": "Blue Pier"}, row)


def test_answers_saved_during_a_merge_are_not_lost(database: Database, harbour: str):
    target, source = (put(database, harbour, {"reference": name}) for name in ("S-1", "S-2"))
    other = Thread(target=merge, args=(database, harbour, source, target), daemon=True)
    with database.for_organisation(harbour) as session:
        suppliers.save_supplier(session, "site", {"reference": "S-2", "workers_total": 80}, ON, now(), BY, "api")
        other.start()
        other.join(0.5)  # it waits until this one is done
    other.join(PATIENCE)
    with database.for_organisation(harbour, write=False) as session:
        response = session.scalars(select(Result).where(Result.supplier_id == target))
        assert sorted(result.answers.get("workers_total", 0) for result in response) == [0, 0, 80, 80]
    assert [one.id for one in list_suppliers(database, harbour)] == [target]


def test_of_two_concurrent_merges_one_is_refused(database: Database, harbour: str):
    one, two, three = (put(database, harbour, {"reference": name}) for name in "ABC")
    refused: list[str] = []

    def merge_later() -> None:
        try:
            merge(database, harbour, one, two)
        except (DomainError, NoResultFound) as gone:
            refused.append(str(gone))

    other = Thread(target=merge_later, daemon=True)
    with database.for_organisation(harbour) as session:
        merging.merge_suppliers(session, session.get_one(Supplier, two), session.get_one(Supplier, three), now(), BY)
        session.flush()
        other.start()
        other.join(0.5)
    other.join(PATIENCE)
    assert len(refused) == 1
    assert {one.reference: one.id for one in list_suppliers(database, harbour)} == {"A": one, "C": three}


# ---------------------------------------------------------------- through the API


def test_an_old_reference_returns_the_remaining_supplier(portal: Portal):
    merged = merge_s2_into_s1(portal)
    assert (merged["reference"], list_aliases_in(merged)) == ("S-1", ["S-2"])
    old, own = portal.get("/suppliers/S-2"), portal.get("/suppliers/S-1")
    assert old.json == own.json == merged
    assert old.headers["ETag"] == own.headers["ETag"]
    assert portal.get("/suppliers/S-2/assessments").json == portal.get("/suppliers/S-1/assessments").json


def test_a_put_under_an_old_reference_updates_the_supplier_without_renaming_it(portal: Portal):
    merged = merge_s2_into_s1(portal)
    tag = portal.get("/suppliers/S-1").headers["ETag"]
    assert portal.put("/suppliers/S-2", OLD_NAME, If_None_Match="*").status_code == 412
    response = portal.put("/suppliers/S-2", {**OLD_NAME, "papers_retention": "held"}, If_Match=tag)
    assert (response.status_code, response.json["id"], response.json["version"]) == (
        200,
        merged["id"],
        merged["version"] + 1,
    )
    assert "Location" not in response.headers
    assert (response.json["reference"], response.json["name"], response.json["country"]) == (
        "S-1",
        "Blue Pier Cannery",
        "TH",
    )
    assert response.json["answers"]["papers_retention"] == "held"
    assert portal.put("/suppliers/S-2", OLD_NAME, If_Match=tag).status_code == 412
    assert [one["reference"] for one in portal.get("/suppliers").json["items"]] == ["S-1"]


def test_a_merge_creates_a_new_version_of_the_remaining_supplier(portal: Portal):
    before = portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-2", OLD_NAME)
    portal.post("/suppliers/S-2/merge", {"into": "S-1"})
    after = portal.get("/suppliers/S-1", If_None_Match=before.headers["ETag"])
    assert (after.status_code, after.json["version"]) == (200, before.json["version"] + 1)
    assert portal.get("/suppliers/S-2", If_None_Match=after.headers["ETag"]).status_code == 304


def test_an_old_reference_can_neither_erase_nor_merge_a_supplier(portal: Portal):
    merge_s2_into_s1(portal)
    portal.put("/suppliers/S-3", CANNERY)
    for answer in (portal.call("DELETE", "/suppliers/S-2"), portal.post("/suppliers/S-2/merge", {"into": "S-3"})):
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        assert "merged into S-1" in answer.json["detail"]
    assert list_aliases_in(portal.get("/suppliers/S-1").json) == ["S-2"]
    assert list_aliases_in(portal.post("/suppliers/S-3/merge", {"into": "S-2"}).json) == ["S-2", "S-3"]


def test_an_old_reference_creates_a_new_supplier_once_the_remaining_one_is_erased(portal: Portal):
    merged = merge_s2_into_s1(portal)
    assert portal.call("DELETE", "/suppliers/S-1").status_code == 204
    assert portal.get("/suppliers/S-2").status_code == 404
    anew = portal.put("/suppliers/S-2", OLD_NAME)
    assert (anew.status_code, anew.json["reference"], anew.json["also_found_under"]) == (201, "S-2", [])
    assert anew.json["id"] != merged["id"]


@pytest.mark.parametrize(("role", "lets_go"), [("officer", True), ("viewer", False)])
def test_the_page_of_a_supplier_lists_its_aliases_and_an_officer_removes_one(
    app: Flask, database: Database, harbour: str, role: str, lets_go: bool
):
    portal = make_portal(app, harbour)
    merged = merge_s2_into_s1(portal)
    browser, page = make_browser(app, make_user(database, harbour, role)), f"/suppliers/{merged['id']}"
    address = f"{page}/merged-keys/{merged['also_found_under'][0]['id']}/let-go"
    html = browser.get("/suppliers/S-2").get_data(as_text=True)
    assert "Also known as: S-2</summary>" in html
    assert (f'action="{address}"' in html) == lets_go
    assert send_form(browser, address).status_code == (303 if lets_go else 403)
    assert ("Also known as" in browser.get(page).get_data(as_text=True)) != lets_go


# ---------------------------------------------------------------- in files


LIST = """
    | Reference | Site name | Country | Sector | Who holds workers' identity papers | Number of workers |
    |---|---|---|---|---|---|
    | S-2 | Pier Seafood | Viet Nam | 1020 | held | 90 |
    | S-9 | Red Quay | Thailand | 1020 | worker_holds | 20 |
    | S-1 | Blue Pier Foods | Thailand | 1020 | worker_holds | 80 |
    """
OLD_ALONE = """
    | Reference | Site name | Country | Sector |
    |---|---|---|---|
    | S-2 | Pier Seafood | Viet Nam | 1020 |
    | S-9 | Red Quay | Thailand | 1020 |
    """


def test_a_list_with_an_old_reference_creates_no_second_supplier_and_the_preview_says_why(portal: Portal):
    merged = merge_s2_into_s1(portal)
    response = portal.import_file("list.xlsx", workbook(OLD_ALONE))
    issues = {issue["code"]: issue["seen"] for issue in response["issues"]}
    assert issues["known.merged"] == "'S-2' (now 'S-1')"
    assert issues["known.listed"] == "1 of 2 suppliers is"
    after = portal.get("/suppliers/S-1").json
    assert (after["id"], after["name"], after["country"]) == (merged["id"], "Blue Pier Cannery", "TH")
    assert [line["cause"] for line in portal.get("/suppliers/S-1/assessments").json["items"]] == [
        "import",
        "merge",
        "api",
        "api",
    ]
    assert sorted(one["reference"] for one in portal.get("/suppliers").json["items"]) == ["S-1", "S-9"]


@pytest.mark.parametrize("chunk", [500, 1])
def test_rows_under_the_old_and_the_current_reference_belong_to_one_supplier(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, chunk: int
):
    monkeypatch.setattr(saving, "CHUNK", chunk)
    merged = merge_s2_into_s1(portal)
    response = portal.import_file("list.xlsx", workbook(LIST))
    assert (response["state"], sum(response["counts"].values())) == ("done", 2)
    after = portal.get("/suppliers/S-1").json
    assert (after["id"], after["version"]) == (merged["id"], merged["version"] + 1)
    assert (after["reference"], after["name"], after["country"]) == ("S-1", "Blue Pier Foods", "TH")
    assert (after["answers"]["papers_retention"], after["answers"]["workers_total"]) == ("held", 80)
    assert sorted(one["reference"] for one in portal.get("/suppliers").json["items"]) == ["S-1", "S-9"]


def test_a_merge_during_an_import_that_names_both_makes_the_import_retry(database: Database, harbour: str):
    rows = [{"reference": "S-1", **CANNERY}, {"reference": "S-2", **OLD_NAME}]
    target, source = (put(database, harbour, row) for row in rows)
    merge(database, harbour, source, target)
    incoming = [suppliers.IncomingSupplier(row) for row in rows]
    with pytest.raises(RuntimeError), database.for_organisation(harbour) as session:
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(ON, now(), BY, "import"))
    assert len(list_suppliers(database, harbour)) == 1


def test_a_form_sent_before_the_merge_still_records_declined_answers(portal: Portal):
    portal.put("/suppliers/S-2", OLD_NAME)
    response = portal.post("/suppliers/S-2/questionnaires", {"form": "site", "sent_to": "the manager"})
    form = portal.call("GET", response.location.removeprefix("/api/v1")).data
    portal.put("/suppliers/S-1", CANNERY)
    portal.post("/suppliers/S-2/merge", {"into": "S-1"})
    portal.import_file("back.xlsx", form)
    (one,) = portal.get("/suppliers").json["items"]
    assert one["reference"] == "S-1"
    assert portal.get("/suppliers/S-1").json["answers"]["papers_retention"] == "declined"


@pytest.mark.parametrize("linked", ["S-2", "s 2"])
def test_a_case_with_an_old_reference_is_about_the_remaining_supplier(portal: Portal, linked: str):
    merged = merge_s2_into_s1(portal)
    case = {"number": "C-1", "linked_reference": linked, "nationality": "MM", "job": "Packer"}
    found = {"finding": "locked_in", "phase": "work", "source": "grievance"}
    response = portal.post("/cases", {**case, "findings": [found]})
    assert response.json["supplier_id"] == merged["id"]


def test_a_known_case_is_recognized_under_either_reference(portal: Portal):
    portal.put("/suppliers/S-1", CANNERY)
    portal.put("/suppliers/S-2", OLD_NAME)
    sheet = "Case,Site reference,Finding,Phase\nC-9,{},{},at work\n"
    portal.import_file("first.csv", sheet.format("S-2", "Locked in").encode(), kind="case")
    portal.post("/suppliers/S-2/merge", {"into": "S-1"})
    for reference, finding in (("S-1", "Violence"), ("S-2", "Threatened with violence")):
        response = portal.import_file("more.csv", sheet.format(reference, finding).encode(), kind="case")
        assert "case.conflict" not in [issue["code"] for issue in response["issues"]]
    (case,) = portal.get("/cases").json["items"]
    assert case["supplier_id"] == portal.get("/suppliers/S-1").json["id"]
    assert len(portal.get(f"/cases/{case['id']}").json["findings"]) == 3


# ---------------------------------------------------------------- old keys


def test_aliases_are_deleted_with_their_supplier_and_organisation(database: Database, harbour: str, tmp_path: Path):
    def count_merged_keys() -> int:
        with database.unscoped(write=False) as session:
            return session.scalars(select(func.count(MergedKey.id))).one()

    one, two, three, four = (put(database, harbour, {"reference": name}) for name in "ABCD")
    merge(database, harbour, two, one)
    merge(database, harbour, four, three)
    assert count_merged_keys() == 2
    with database.for_organisation(harbour) as session:
        suppliers.erase_supplier(session, session.get_one(Supplier, one), now(), BY)
    assert count_merged_keys() == 1
    erase_organisation(database, FolderStore(tmp_path), harbour, "system:test")
    assert count_merged_keys() == 0


def test_a_removed_alias_creates_a_new_supplier_and_earlier_answers_remain(portal: Portal):
    merged = merge_s2_into_s1(portal)
    address = f"/suppliers/S-2/merged-keys/{merged['also_found_under'][0]['id']}"
    assert (
        portal.call("DELETE", address.replace("S-2", portal.put("/suppliers/S-3", CANNERY).json["id"])).status_code
        == 404
    )
    assert portal.call("DELETE", address).status_code == 204
    assert portal.call("DELETE", address).status_code == portal.get("/suppliers/S-2").status_code == 404
    after = portal.get("/suppliers/S-1").json
    assert (after["also_found_under"], after["version"]) == ([], merged["version"] + 1)
    assert portal.put("/suppliers/S-2", OLD_NAME).status_code == 201
    causes = [line["cause"] for line in portal.get("/suppliers/S-1/assessments").json["items"]]
    assert causes == ["merge", "api", "api"]


def test_a_search_for_an_old_reference_finds_the_remaining_supplier(database: Database, harbour: str):
    target = put(database, harbour, {"reference": "S-1", **CANNERY})
    source = put(database, harbour, {"reference": "V-20931", **OLD_NAME})
    merge(database, harbour, source, target)
    with database.for_organisation(harbour, write=False) as session:
        assert list_supplier_ids(session, SupplierFilter(text="20931"), ON) == [target]
