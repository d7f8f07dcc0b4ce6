"""Evidence through the API: vouched for in bodies, listed, confirmed singly and in bulk, entered, and withdrawn."""

from collections.abc import Iterator

import pytest
from callers import make_organisation
from flask import Flask
from fourth_release import fourth_release_in_force
from portal import Portal, make_portal
from sqlalchemy import select

from service.auth.access import ACCESS
from service.clock import today
from service.db.session import Database
from service.db.tables import AuditEvent

WHO = {"name": "Blue Pier Cannery", "country": "TH", "sector": "1020"}
SAFE = {"papers_retention": "worker_holds", "recruitment_fees": "none", "wage_payment": "on_time"}
AUDIT = {"grade": "audit", "date": "2026-05-01", "source": "SMETA-123"}
INTERVIEWS = {"grade": "worker_voice", "date": "2026-05-02"}
GAP = [{"grade": "document", "date": "2026-05-01"}, {"grade": "audit"}]
RESULT = ("score", "best", "worst", "level", "confidence")


@pytest.fixture(autouse=True)
def _method_4() -> Iterator[None]:
    with fourth_release_in_force():
        yield


@pytest.fixture
def organisation_id(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, organisation_id: str) -> Portal:
    return make_portal(app, organisation_id)


def assess(portal: Portal, body: dict) -> tuple:
    answer = portal.post("/assessments", {**WHO, **body})
    assert answer.status_code == 200, answer.json
    return tuple(answer.json[name] for name in RESULT)


def list_pieces(portal: Portal, supplier: str = "S-1") -> list[dict]:
    return portal.get(f"/suppliers/{supplier}/evidence").json["items"]


def list_events(database: Database, organisation_id: str) -> list[AuditEvent]:
    with database.for_organisation(organisation_id, write=False) as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action.contains("evidence")).order_by(AuditEvent.id)
        )
        return list(events)


# ---------------------------------------------------------------- in a body


def test_a_grade_that_nobody_vouches_for_gains_nothing(portal: Portal):
    plain = assess(portal, SAFE)
    for evidence in (
        {"evidence": [AUDIT, INTERVIEWS]},
        {"evidence_grade": "worker_voice", "evidence_date": "2026-05-01"},
        {"evidence": [AUDIT], "evidence_confirmed": False},
    ):
        assert assess(portal, {**SAFE, **evidence}) == plain


def test_evidence_that_the_sender_vouches_for_counts_from_its_own_day(portal: Portal):
    plain = assess(portal, SAFE)
    vouched = assess(portal, {**SAFE, "evidence": [AUDIT], "evidence_confirmed": True})
    assert vouched[0] < plain[0]
    old = {"evidence": [{**AUDIT, "date": "2020-05-01"}], "evidence_confirmed": {"reference": "file 7"}}
    assert assess(portal, {**SAFE, **old}) == plain
    in_row = {"evidence_grade": "audit", "evidence_date": "2026-05-01", "evidence_confirmed": True}
    assert assess(portal, {**SAFE, **in_row})[0] == vouched[0]


def test_only_a_key_with_the_scope_may_vouch(app: Flask, organisation_id: str):
    other = make_portal(app, organisation_id, *(ACCESS.scopes.keys() - {"evidence:confirm"}))
    for confirmed in (True, {"reference": "file 7"}):
        body = {**WHO, **SAFE, "evidence": [AUDIT], "evidence_confirmed": confirmed}
        for refused in (other.post("/assessments", body), other.put("/suppliers/S-1", body)):
            assert (refused.status_code, refused.json["code"]) == (403, "key.scope")
            assert refused.mimetype == "application/problem+json"
    assert other.put("/suppliers/S-1", {**WHO, "evidence_confirmed": False}).status_code == 201


@pytest.mark.parametrize(
    ("confirmed", "code"),
    [
        ("yes", "field.type"),
        ({"by": "Ana"}, "field.unknown"),
        ({"covers": ["the_weather"]}, "field.value"),
        ({"reference": 7}, "field.type"),
        ({"reference": "ana@mill.example"}, "evidence.reference"),
    ],
)
def test_what_is_no_confirmation_is_refused(portal: Portal, confirmed: object, code: str):
    refused = portal.post("/assessments", {**WHO, "evidence_confirmed": confirmed})
    assert (refused.status_code, refused.json["code"]) == (422, code)


def test_a_sender_cannot_confirm_a_piece_within_the_piece(portal: Portal):
    confirmed = {"by": "Ana", "on": "2026-05-01", "covers": ["papers_retention"]}
    for name in ("confirmed", "confirmation"):
        refused = portal.post("/assessments", {**WHO, **SAFE, "evidence": [{**AUDIT, name: confirmed}]})
        assert (refused.status_code, refused.json["code"]) == (422, "evidence.part")


def store_confirmed(portal: Portal) -> dict:
    """Store a supplier of which one piece of evidence is confirmed, and return its answers as GET gives them."""
    portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [AUDIT, {"grade": "document"}]})
    piece = list_pieces(portal)[0]["id"]
    portal.post(f"/suppliers/S-1/evidence/{piece}/confirm", {"reference": "file 7", "covers": ["papers_retention"]})
    return portal.get("/suppliers/S-1").json["answers"]


def test_evidence_sent_back_as_it_was_given_keeps_its_confirmations_and_confirms_nothing(portal: Portal):
    answers = store_confirmed(portal)
    before = list_pieces(portal)
    assert [piece["state"] for piece in before] == ["confirmed", "claimed"]
    answer = portal.put("/suppliers/S-1", answers)
    assert (answer.status_code, answer.json["answers"]) == (200, answers)
    assert list_pieces(portal) == before
    with_nulls = [{**piece, "expires": None} for piece in answers["evidence"]]
    assert portal.put("/suppliers/S-1", {**answers, "evidence": with_nulls}).status_code == 200
    assert list_pieces(portal) == before
    plain = [AUDIT, {"grade": "document"}]
    assert portal.put("/suppliers/S-1", {**answers, "evidence": plain}).status_code == 200
    assert list_pieces(portal) == before


def test_a_piece_sent_back_confirmed_but_changed_is_refused_with_what_to_do(portal: Portal):
    answers = store_confirmed(portal)
    before = portal.get("/suppliers/S-1").json
    piece, claimed = answers["evidence"]
    confirmed = piece["confirmed"]
    for changed in (
        {**piece, "date": "2026-10-01"},
        {**piece, "confirmed": {**confirmed, "covers": ["papers_retention", "wage_payment"]}},
        {**piece, "confirmed": {**confirmed, "by": "Ana"}},
        {**claimed, "confirmed": confirmed},
    ):
        for reference in ("S-1", "S-2"):
            body = {**answers, "reference": reference, "evidence": [changed]}
            refused = portal.put(f"/suppliers/{reference}", body)
            assert (refused.status_code, refused.json["code"]) == (422, "evidence.part")
            assert "evidence_confirmed" in refused.json["detail"]
    assert portal.get("/suppliers/S-1").json == before


def test_an_answer_that_becomes_less_risky_loses_its_confirmation_though_the_piece_is_sent_back(portal: Portal):
    answers = store_confirmed(portal)
    assert portal.put("/suppliers/S-1", {**answers, "papers_retention": "held"}).status_code == 200
    assert (
        portal.get("/suppliers/S-1").json["answers"]["evidence"][0]["confirmed"] == answers["evidence"][0]["confirmed"]
    )
    answers = portal.get("/suppliers/S-1").json["answers"]
    assert portal.put("/suppliers/S-1", {**answers, "papers_retention": "worker_holds"}).status_code == 200
    assert [piece["state"] for piece in list_pieces(portal)] == ["claimed", "claimed"]


def test_a_returned_form_stays_claimed_and_evidence_without_questions_too(portal: Portal):
    returned = {"form_version": "site 2026.2", "form_returned": "2026-05-03", "evidence": [AUDIT]}
    answer = portal.put("/suppliers/S-1", {**WHO, **SAFE, **returned, "evidence_confirmed": True}).json
    assert "evidence.returned_form" in [issue["code"] for issue in answer["issues"]]
    assert [piece["state"] for piece in list_pieces(portal)] == ["claimed"]
    answer = portal.put("/suppliers/S-2", {**WHO, **SAFE, "evidence": [*GAP, AUDIT], "evidence_confirmed": True}).json
    assert sorted(issue["code"] for issue in answer["issues"]) == [
        "evidence.names_no_question",
        "evidence.undated",
    ]
    assert [piece["state"] for piece in list_pieces(portal, "S-2")] == ["claimed", "claimed", "confirmed"]


def test_a_body_vouches_for_the_questions_it_names_alone(portal: Portal):
    covers = {"reference": "file 7", "covers": ["papers_retention", "violence"]}
    portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [AUDIT, INTERVIEWS], "evidence_confirmed": covers})
    expected = {"by": "Portal", "on": today("UTC").isoformat(), "reference": "file 7", "covers": ["papers_retention"]}
    assert [piece["confirmed"] for piece in list_pieces(portal)] == [expected, expected]


SHEET = (
    b"Reference,Supplier,Country,Sector,papers_retention,Evidence pieces\n"
    b"S-1,Mill,TH,1410,worker_holds,audit; 2026-05-01; ref SMETA-123\n"
)


def test_the_evidence_in_uploaded_files_is_claimed_until_the_sender_vouches_for_them(
    app: Flask, portal: Portal, organisation_id: str
):
    portal.import_file("list.csv", SHEET)
    claimed = portal.get("/suppliers/S-1").json
    assert [piece["state"] for piece in claimed["evidence"]] == ["claimed"]
    assert portal.import_file("list.csv", SHEET, evidence_confirmed="true")["state"] == "done"
    confirmed = portal.get("/suppliers/S-1").json
    (piece,) = confirmed["evidence"]
    assert (piece["state"], piece["by"], piece["reference"]) == ("confirmed", "Portal", "list.csv")
    assert confirmed["score"] < claimed["score"]
    other = make_portal(app, organisation_id, *(ACCESS.scopes.keys() - {"evidence:confirm"}))
    refused = other.send("list.csv", SHEET, evidence_confirmed="true")
    assert (refused.status_code, refused.json["code"]) == (403, "key.scope")


# ---------------------------------------------------------------- of a stored supplier


def test_a_piece_is_confirmed_and_withdrawn_and_the_audit_trail_says_by_whom(
    portal: Portal, database: Database, organisation_id: str
):
    claimed = portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [AUDIT]}).json
    (piece,) = list_pieces(portal)
    assert (piece["state"], piece["confirmed"]) == ("claimed", None)
    assert set(piece["can_be_confirmed_for"]) == SAFE.keys()
    body = {"reference": "file 7", "covers": ["papers_retention"]}
    answer = portal.post(f"/suppliers/S-1/evidence/{piece['id']}/confirm", body)
    assert answer.status_code == 200
    assert answer.json["items"][0]["confirmed"]["covers"] == ["papers_retention"]
    confirmed = portal.get("/suppliers/S-1").json
    assert confirmed["score"] < claimed["score"]
    assert portal.get("/suppliers/S-1/assessments").json["items"][0]["cause"] == "evidence"
    answer = portal.post(f"/suppliers/S-1/evidence/{piece['id']}/withdraw")
    assert [each["state"] for each in answer.json["items"]] == ["claimed"]
    assert portal.get("/suppliers/S-1").json["score"] == claimed["score"]
    events = list_events(database, organisation_id)
    assert [event.action for event in events] == ["site.evidence_confirmed", "site.evidence_withdrawn"]
    assert {event.actor.partition(":")[0] for event in events} == {"key"}
    details = {"piece": piece["id"], "grade": "audit", "date": "2026-05-01", "covers": ["papers_retention"]}
    assert events[0].details == details


def test_a_piece_that_cannot_be_confirmed_is_refused_with_a_code(portal: Portal):
    portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": GAP})
    codes = []
    for piece in list_pieces(portal):
        answer = portal.post(f"/suppliers/S-1/evidence/{piece['id']}/confirm", {})
        codes.append((answer.status_code, answer.json["code"]))
    assert codes == [(422, "evidence.covers_required"), (422, "evidence.undated")]
    gone = portal.post("/suppliers/S-1/evidence/0123456789ab/confirm", {})
    assert (gone.status_code, gone.json["code"]) == (404, "not_found")


def test_evidence_of_workers_is_entered_for_named_questions_by_the_buyer(portal: Portal):
    claimed = portal.put("/suppliers/S-1", {**WHO, **SAFE}).json
    refused = portal.post("/suppliers/S-1/evidence", INTERVIEWS)
    assert (refused.status_code, refused.json["code"]) == (422, "evidence.covers_required")
    answer = portal.post(
        "/suppliers/S-1/evidence", {**INTERVIEWS, "covers": ["papers_retention"], "reference": "visit 3"}
    )
    assert answer.status_code == 201
    assert answer.json["items"][0]["confirmed"]["reference"] == "visit 3"
    assert portal.get("/suppliers/S-1").json["score"] < claimed["score"]
    person = portal.post("/suppliers/S-1/evidence", {**AUDIT, "source": "ana@mill.example"})
    assert (person.status_code, person.json["code"]) == (422, "evidence.person")


def test_evidence_of_workers_is_hidden_from_keys_that_do_not_see_it(app: Flask, portal: Portal, organisation_id: str):
    portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [{**INTERVIEWS, "covers": ["papers_retention"]}]})
    (piece,) = list_pieces(portal)
    other = make_portal(app, organisation_id, *(ACCESS.scopes.keys() - {"cases:read"}))
    assert list_pieces(other) == []
    assert other.get("/evidence").json["items"] == []
    assert other.post(f"/suppliers/S-1/evidence/{piece['id']}/confirm", {}).status_code == 404


def test_agencies_have_evidence_too(portal: Portal):
    portal.put(
        "/agencies/A-1", {"name": "Swift Hands", "country": "NP", "recruitment_fees": "none", "evidence": [AUDIT]}
    )
    (piece,) = portal.get("/agencies/A-1/evidence").json["items"]
    answer = portal.post(f"/agencies/A-1/evidence/{piece['id']}/confirm", {})
    assert [each["state"] for each in answer.json["items"]] == ["confirmed"]


# ---------------------------------------------------------------- in bulk


def test_claimed_evidence_is_listed_and_confirmed_in_bulk_by_a_filter(portal: Portal):
    for number in range(3):
        portal.put(f"/suppliers/S-{number}", {**WHO, **SAFE, "evidence": [AUDIT, *GAP]})
    portal.put("/suppliers/S-9", {**WHO, "country": "NO", **SAFE, "evidence": [AUDIT]})
    claimed = portal.get("/evidence?country=TH").json
    assert ([each["obstacle"] for each in claimed["items"]], claimed["more"]) == (
        [None, "evidence.covers_required", "evidence.undated"] * 3,
        False,
    )
    assert portal.get("/evidence?grade=audit&limit=2").json["more"]
    body = {"filter": {"country": "TH", "grade": "audit"}, "reference": "audits of May"}
    outcome = portal.post("/evidence/confirm-matching", body).json
    assert (outcome["confirmed"], outcome["suppliers"], outcome["more"]) == (3, 3, False)
    assert [each["code"] for each in outcome["refused"]] == ["evidence.undated"] * 3
    assert {each["state"] for each in list_pieces(portal, "S-9")} == {"claimed"}
    assert list_pieces(portal, "S-0")[0]["confirmed"]["reference"] == "audits of May"


def test_chosen_pieces_are_confirmed_in_bulk_each_for_its_questions(portal: Portal):
    portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [AUDIT, GAP[0]]})
    supplier_id = portal.get("/suppliers/S-1").json["id"]
    audit, letter = (piece["id"] for piece in list_pieces(portal))
    chosen = [
        {"supplier_id": supplier_id, "piece": audit},
        {"supplier_id": supplier_id, "piece": letter, "covers": ["wage_payment"]},
        {"supplier_id": "0" * 36, "piece": audit},
    ]
    outcome = portal.post("/evidence/confirm", {"pieces": chosen}).json
    assert (outcome["confirmed"], outcome["suppliers"]) == (2, 1)
    assert [each["code"] for each in outcome["refused"]] == ["not_found"]
    assert [len(piece["confirmed"]["covers"]) for piece in list_pieces(portal)] == [3, 1]


@pytest.mark.parametrize("body", [{}, {"reference": "x"}, {"pieces": []}])
def test_nothing_is_confirmed_in_bulk_that_is_not_asked_for(portal: Portal, body: dict):
    for path in ("/evidence/confirm", "/evidence/confirm-matching"):
        assert portal.post(path, body).status_code == 422


# ---------------------------------------------------------------- results and what-if


def test_results_list_evidence_with_its_state_and_hide_that_of_workers(
    app: Flask, portal: Portal, organisation_id: str
):
    pieces = [AUDIT, {**INTERVIEWS, "covers": ["papers_retention"]}]
    body = {**WHO, **SAFE, "evidence": pieces, "evidence_grade": "document", "evidence_date": "2026-05-03"}
    claimed = portal.put("/suppliers/S-1", body).json["evidence"]
    assert [(each["grade"], each["state"]) for each in claimed] == [
        ("document", "claimed"),
        ("audit", "claimed"),
        ("worker_voice", "claimed"),
    ]
    confirmed = portal.put("/suppliers/S-1", {**body, "evidence_confirmed": {"reference": "file 7"}}).json["evidence"]
    assert [each["state"] for each in confirmed] == ["claimed", "confirmed", "confirmed"]
    audit = confirmed[1]
    assert (audit["by"], audit["on"], audit["reference"]) == ("Portal", today("UTC").isoformat(), "file 7")
    assert (audit["date"], set(audit["covers"])) == ("2026-05-01", SAFE.keys())
    other = make_portal(app, organisation_id, *(ACCESS.scopes.keys() - {"cases:read"}))
    assert [each["grade"] for each in other.get("/suppliers/S-1").json["evidence"]] == ["document", "audit"]


def test_a_key_that_may_not_see_what_workers_reported_confirms_no_evidence_from_them(
    app: Flask, organisation_id: str, portal: Portal
):
    """Otherwise a procurement system could lower a score because workers said so, and nobody would have asked them."""
    plain = portal.put("/suppliers/S-1", {**WHO, **SAFE}).json
    other = make_portal(app, organisation_id, *(ACCESS.scopes.keys() - {"cases:read"}))
    refused = other.post("/suppliers/S-1/evidence", {**INTERVIEWS, "covers": list(SAFE)})
    assert (refused.status_code, refused.json["code"]) == (403, "evidence.from_workers")
    piece = {**INTERVIEWS, "covers": list(SAFE)}
    sent = other.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [piece], "evidence_confirmed": True})
    assert "evidence.from_workers" in {issue["code"] for issue in sent.json["issues"]}
    row = "Reference,Name,Country,Sector,Workers' papers,Evidence pieces\n"
    row += "S-1,Blue Pier Cannery,TH,1020,worker_holds,worker voice; 2026-05-02; covers papers_retention\n"
    done = other.import_file("list.csv", row.encode(), evidence_confirmed="true")
    assert "evidence.from_workers" in {issue["code"] for issue in done["issues"]}
    now = portal.get("/suppliers/S-1").json
    assert {piece["state"] for piece in portal.get("/suppliers/S-1/evidence").json["items"]} == {"claimed"}
    assert [now[part] for part in RESULT] == [plain[part] for part in RESULT]


def test_what_if_shows_what_confirming_would_change_and_says_what_it_supposes(portal: Portal):
    stored = portal.put("/suppliers/S-1", {**WHO, **SAFE, "evidence": [AUDIT, GAP[0]]}).json
    audit, letter = (piece["id"] for piece in list_pieces(portal))
    now = portal.post("/suppliers/S-1/what-if", {}).json
    assert (now["before"]["score"], now["after"]["score"]) == (stored["score"], stored["score"])
    assert now["supposed_confirmed"] == []
    assert now["if_confirmed"]["score"] < stored["score"]
    supposed = portal.post("/suppliers/S-1/what-if", {"evidence_confirmed": [audit]}).json
    assert supposed["after"]["score"] == now["if_confirmed"]["score"]
    assert supposed["supposed_confirmed"] == ["Audit, 2026-05-01, SMETA-123"]
    refused = portal.post("/suppliers/S-1/what-if", {"evidence_confirmed": [letter]})
    assert (refused.status_code, refused.json["code"]) == (422, "what_if.impossible")
    portal.post(f"/suppliers/S-1/evidence/{audit}/confirm", {})
    confirmed = portal.get("/suppliers/S-1").json
    assert confirmed["score"] == supposed["after"]["score"]
    assert portal.post("/suppliers/S-1/what-if", {}).json["if_confirmed"] is None


def test_what_if_claims_evidence_again_for_an_answer_that_becomes_less_risky(portal: Portal):
    held = {**SAFE, "papers_retention": "held"}
    body = {"evidence": [AUDIT], "evidence_confirmed": True}
    portal.put("/suppliers/S-1", {**WHO, **held, **body})
    better = portal.post("/suppliers/S-1/what-if", {"answers": {"papers_retention": "worker_holds"}}).json
    covers = {"covers": [question for question in SAFE if question != "papers_retention"]}
    portal.put("/suppliers/S-2", {**WHO, **SAFE, "evidence": [AUDIT], "evidence_confirmed": covers})
    assert better["after"]["score"] == pytest.approx(portal.get("/suppliers/S-2").json["score"])
