"""Every place where somebody can write a text is known, a word planted in each of them is found, and erasing leaves none.

A new text field of the API, or a new text input of a page, fails the first two tests until it is planted or said to be a code.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from portal import Portal, make_portal
from sheets import workbook
from test_api_repayments import NP_18
from test_approvals import LOCKED
from test_erasure import WORD, find_word, plant_in_every_field, work

from service.api.routes import document_bytes
from service.clock import today
from service.db.session import Database
from service.erasure.organisation import erase_organisation
from service.journal import Journal
from service.retaliation.rules import list_signs
from service.reviews.findings import queue_findings
from service.settings import Settings

DOCUMENT = orjson.loads(document_bytes(Settings()))
TEMPLATES = Path("service/web/templates")
FREE_OF_TEXT = ("date", "date-time", "binary", "uuid")  # formats
ANSWERS = ("put_supplier", "put_agency", "put_own_practices")  # every field is tried: what the service takes is planted
SAVES_NOTHING = (
    "assess",
    "calculate_repayment",
    "what_if_supplier",
    "what_if_agency",
    "decide_on_supplier",
    "decide_on_agency",
    "preview_campaign",
)
# Texts that are codes, ids, dates or numbers: anything else is refused.
CODES = re.compile(
    r"(.*\.)?(break_glass_id|country|sector|default_country|default_sector|nationality|covers\[\]|intake_from|intake_to|found_on|on|step|imported"
    r"|supplier_id|questionnaire_id|pairs\[\]\.(id|fingerprint)|findings\[\]|suppliers\[\]|ids\[\]|digest|recipients\[\]|entries\[\]|previous|piece|fingerprint|into|owner_id|release|time|time_zone|cost|currency|languages\[\]|groups\[\]|columns(\.\*)?|options\.\*"
    r"|amount|amount_high|amount_low|covers_all|evidence_grade|fair_value|hired_from|hired_to|item|left_on|origin_country|paid_by"
    r"|paid_from|paid_to|public_key|decisions\[\]\.question|wage_currency|wage_month|workers_current|workers_past|zero_fee_from)"
)
PIECE = {"grade": "audit", "date": "2026-03-01"}
# For each operation a body with a word in every text that is none of these; the test that plants them adds ids.
BODIES: Mapping[str, Any] = {
    "add_supplier_evidence": {**PIECE, "covers": ["papers_retention"], "reference": f"{WORD}-1", "source": f"{WORD}-2"},
    "add_agency_evidence": {**PIECE, "covers": ["fee_policy"], "reference": f"{WORD}-3", "source": f"{WORD}-4"},
    "create_supplier_request": {"form": "site", "sent_to": f"{WORD} desk"},
    "create_agency_request": {"form": "agency", "sent_to": f"{WORD} desk"},
    "open_case": {
        "number": f"{WORD}-C1",
        "linked_reference": f"{WORD}-1",
        "linked_name": f"{WORD} Foods",
        "job": f"{WORD} packer",
        "findings": [{"finding": "papers_held", "phase": "work", "source": "grievance", "note": f"{WORD} office"}],
    },
    "correct_case": {
        "number": f"{WORD}-C2",
        "linked_reference": f"{WORD}-1",
        "linked_name": f"{WORD} Mill",
        "job": f"{WORD} loader",
    },
    "add_finding": {"finding": "locked_in", "phase": "work", "source": "grievance", "note": f"{WORD} gate"},
    "correct_note": {"note": f"{WORD} yard"},
    "request_report": {"format": "html", "text": WORD},
    "create_schedule": {
        "name": f"{WORD} spring",
        "rule": {"kind": "fixed", "every": "month", "day": 1, "time": "06:00"},
        "time_zone": "UTC",
    },
    "change_schedule": {"name": f"{WORD} autumn"},
    "create_user": {"email": f"{WORD}@harbour.example", "name": f"{WORD} Ana", "role": "admin"},
    "save_filter": {"name": f"{WORD} view", "text": WORD},
    "add_referral_contact": {
        "country": "TH",
        "kind": "hotline",
        "name": f"{WORD} helpline",
        "reach": f"{WORD} line 1",
        "hours": f"{WORD} hours",
        "note": f"{WORD} door",
    },
    "create_key": {"name": f"{WORD} portal", "scopes": ["assess"], "days": 1},
    "create_supplier_link": {"addressee": "management", "days": 7, "email": f"{WORD}@pier.example"},
    "create_supplier_letter": {"text": f"{WORD} letter"},
    "create_supplier_remedy_account": {
        "rows": [
            {**NP_18, "currency": "USD", "reference": WORD, "agency": f"{WORD} Crew", "occupation": f"{WORD} packer"}
        ],
        "on": "2026-01-01",
    },
    "change_remedy_account": {"still_owed": f"{WORD} trust"},
    "create_supplier_worker_survey": {
        "country": "TH",
        "run_by": "union",
        "runner": f"{WORD} union",
        "chosen_by": "workers",
        "languages": ["en"],
        "workers": 40,
        "opens_on": today().isoformat(),
        "closes_on": today().isoformat(),
    },
    "put_supplier_contact": {"email": f"{WORD}@pier.example", "confirmed": True},
    "start_campaign": {"name": f"{WORD} round", "filter": {"text": WORD}, "channel": "merge_file"},
    "change_campaign_suppliers": {"action": "bounced", "reason": f"{WORD} mailbox"},
    "accept_sender_key": {"name": f"{WORD} sender", "public_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
    "decide_supplier_review": {"decisions": [{"decision": "asked_back", "reason": f"{WORD} doubt"}]},
    "respond_to_supplier": {"response": f"{WORD} response"},
    "decide_supplier_proposal": {"decision": "decline", "reason": f"{WORD} decision"},
    "change_finding": {"state": "disputed", "reason": f"{WORD} dispute"},
    "change_step": {"due": "2030-01-01", "reason": f"{WORD} delay"},
    "put_identity_provider": {
        "name": f"{WORD} ID",
        "issuer": f"https://{WORD}.example",
        "client_id": f"{WORD} client",
        "client_secret": f"{WORD} secret",  # stored encrypted
        "group_claim": f"{WORD} groups",
        "roles": {f"{WORD} staff": "viewer"},
    },
    "create_webhook": {"url": f"https://erp.example/{WORD}", "events": ["level.changed"]},
    "put_mail_text": {"subject": f"{WORD} step", "body": f"{WORD} mail"},
    "create_connected_system": {
        "kind": "ariba",
        "name": f"{WORD} Ariba",
        "address": f"https://{WORD}.example",
        "options": {"realm": "harbour"},
        "mapping": {f"{WORD} score": "score"},
        "credentials": {  # stored encrypted
            "sign_in": "oauth2",
            "client_id": f"{WORD} client",
            "secret": f"{WORD} secret",
            "api_key": f"{WORD} key",
        },
    },
    "put_supplier_system_identifier": {"identifier": f"{WORD}-V1"},
}
# Planted by an operation above, in the same field of the database.
SAME = {
    "confirm_supplier_evidence": "add_supplier_evidence",
    "confirm_agency_evidence": "add_agency_evidence",
    "confirm_evidence": "add_supplier_evidence",
    "confirm_matching_evidence": "add_supplier_evidence",
    "confirm_import": "upload_files",
    "change_referral_contact": "add_referral_contact",
    "upload_referral_contacts": "add_referral_contact",
    "change_layout": "upload_files",
    "create_agency_link": "create_supplier_link",
    "put_agency_contact": "put_supplier_contact",
    "create_agency_letter": "create_supplier_letter",
    "create_agency_remedy_account": "create_supplier_remedy_account",
    "put_remedy_payment": "on the page of the account, because a key that no user answers for submits no evidence",
    "create_agency_worker_survey": "create_supplier_worker_survey",
    "respond_to_agency": "respond_to_supplier",
    "create_supplier_exit_paper": "on the page of exits, because a key that no user answers for writes no exit paper",
    "create_agency_exit_paper": "create_supplier_exit_paper",
    "put_exit_paper": "create_supplier_exit_paper",
    "decide_agency_proposal": "decide_supplier_proposal",
    "decide_agency_review": "decide_supplier_review",
    "change_webhook": "create_webhook",
    "change_connected_system": "create_connected_system",
    "put_agency_system_identifier": "put_supplier_system_identifier",
    "upload_system_identifiers": "put_supplier_system_identifier",
    "add_step_evidence": "on the page of the step, because a key that no user answers for submits no evidence",
    "decide_match": "a note on a match, which is deleted with its supplier",
}
UPLOADED = {
    "sheet",
    "columns[].file",
    "columns[].sheet",
    "sheets[].file",
    "sheets[].sheet",
}  # planted by uploading a file that has these names
# A question is a code; what its cells contain and are read as is kept with the import, as the cells themselves are.
CORRECTED = {f"sheets[].corrections[].{name}" for name in ("question", "seen", "text")}
PAGES: Mapping[str, set[str]] = {
    "approvals.html": {"reason"},  # plant_in_remediation
    "agreement.html": {"cost", "currency"},  # a number and a code: anything else is refused
    "base.html": {"q"},  # a search, which is not stored
    "case.html": {"note", "{{ id }}"},  # correct_note, correct_case
    "case_macros.html": {"found_on", "note"},  # add_finding
    "campaign.html": {"reason"},  # change_campaign_suppliers
    "campaign_new.html": {"name"},  # start_campaign
    "confirm.html": {"email", "code"},  # proofs of who somebody is, which are not stored
    "cases.html": {"{{ id }}"},  # open_case
    "second_factor.html": {"name", "code"},  # a passkey, which only a browser creates, and a code
    "second_step.html": {"code"},  # which is not stored
    "sign_in_rules.html": {"{{ name }}", "groups-{{ role }}"},  # save_provider, about the organisation
    "exit.html": {"{{ name }}", "tried", "reason"},  # plant_in_remediation
    "evidence.html": {"reference", "text"},  # confirm_matching_evidence
    "evidence_macros.html": {"reference"},  # confirm_supplier_evidence
    "import.html": {"text"},  # what a cell is read as, which is deleted with the import
    "import_defaults.html": {"sheet"},  # upload_files
    "import_sheet.html": {"leave-out-{{ n }}"},  # numbers of rows: anything else is refused
    "keys.html": {"name"},  # create_key
    "language.html": {"wording-{{ text.key }}", "words"},  # texts for all suppliers, and a search, which is not stored
    "mail_text.html": {"subject", "body"},  # put_mail_text
    "match_macros.html": {"note"},  # decide_match
    "merge.html": {"text"},  # a search, which is not stored
    "password.html": {"email"},  # of the user, for the browser's store of passwords
    "questionnaire_answers.html": {"reason-{{ question.id }}"},  # decide_supplier_review
    "questionnaire_macros.html": {"{{ question.id }}"},  # plant_through_questionnaire
    "referral_macros.html": {"name", "reach", "languages", "hours", "note"},  # add_referral_contact
    "remediation.html": {"reason"},  # change_step
    "remedy_account.html": {"{{ name }}", "still_owed"},  # plant_in_remediation, change_remedy_account
    "repayment_macros.html": {"{{ name }}"},  # create_supplier_remedy_account
    "requests_new.html": {"sent_to"},  # create_supplier_request
    "schedules.html": {"name", "time"},  # create_schedule
    "sender_keys.html": {"name", "public_key"},  # accept_sender_key
    "shared_plan.html": {"text-{{ finding.id }}", "reason", "text"},  # plant_through_link
    "sign_in.html": {"email"},  # stored as a hash
    "step.html": {"{{ name }}", "text"},  # change_step, change_finding, plant_in_remediation
    # add_supplier_evidence, create_supplier_request, put_supplier_contact, put_supplier_system_identifier
    "supplier.html": {"email", "identifier", "reference", "sent_to", "source"},
    # create_supplier_letter, create_supplier_link, plant_in_remediation
    "supplier_links.html": {"text", "response", "reason", "at", "note", "email"},
    "suppliers.html": {"filter_name", "text"},  # save_filter
    "surveys.html": {"runner"},  # create_supplier_worker_survey
    "system.html": {"name", "address", "option-{{ option.id }}", "sign_in_id", "field"},  # create_connected_system
    "systems.html": {"name", "address", "option-{{ option.id }}"},  # create_connected_system
    "users.html": {"email", "name"},  # create_user
    "voice_cover.html": {"code"},  # stored as a hash until it is used
    "webhooks.html": {"url"},  # create_webhook
    "watch.html": {"reason"},  # plant_in_remediation
    "what_if.html": {"agencies"},  # what_if_supplier
}


def list_texts(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of the texts in a schema that are neither a choice nor of a format without words."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for part in (part for kind in ("oneOf", "anyOf", "allOf") for part in schema.get(kind, ())):
        yield from list_texts(part, path)
    for name, part in schema.get("properties", {}).items():
        yield from list_texts(part, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from list_texts(schema["additionalProperties"], f"{path}.*")
    if "items" in schema:
        yield from list_texts(schema["items"], f"{path}[]")
    is_text = "string" in schema.get("type", ()) and schema.get("format") not in FREE_OF_TEXT
    if is_text and not {"enum", "const"} & schema.keys():
        yield path


def list_planted(body: Any, path: str = "") -> Iterator[str]:
    if isinstance(body, dict):
        for name, value in body.items():
            yield from list_planted(value, f"{path}.{name}".lstrip("."))
    elif isinstance(body, list):
        for value in body:
            yield from list_planted(value, f"{path}[]")
    elif isinstance(body, str) and WORD in body:
        yield path


def test_every_text_of_the_api_is_planted_or_said_to_be_a_code():
    texts: dict[str, set[str]] = {}
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found = {path for path in list_texts(content["schema"]) if not CODES.fullmatch(path)}
                if found and operation["operationId"] not in (*ANSWERS, *SAVES_NOTHING):
                    texts[operation["operationId"]] = found
    planted = {name: set(list_planted(body)) for name, body in BODIES.items()}
    assert texts.keys() <= {*planted, *SAME, "upload_files"}
    unplanted = {
        name: found - planted.get(name, set())
        for name, found in texts.items()
        if name not in SAME and found - planted.get(name, set())
    }
    assert unplanted == {"upload_files": {"sheet"}}
    assert texts["confirm_import"] <= UPLOADED
    # A kind is one of three words, and an encoding one of those that the file may be in.
    assert texts["change_layout"] <= {*UPLOADED, *CORRECTED, "sheets[].kind", "sheets[].encoding"}


def test_every_text_input_of_a_page_is_listed():
    inputs: dict[str, set[str]] = {}
    for file in TEMPLATES.glob("*.html"):
        for tag in re.findall(r"<(?:input|textarea)\b[^>]*>", file.read_text(encoding="utf-8")):
            name = re.search(r'name="([^"]*)"', tag)
            if name and not re.search(r'type="(hidden|radio|checkbox|date|number|file|submit|password)"', tag):
                inputs.setdefault(file.name, set()).add(name[1])
    assert inputs == PAGES


def put(portal: Portal, path: str, answers: Mapping[str, Any]) -> None:
    """Save answers that have to be taken: what is refused plants no word."""
    reply = portal.put(path, answers)
    assert reply.status_code in (200, 201), (path, reply.text)


def plant_everything(portal: Portal) -> None:
    """Write the word wherever somebody can write, through the API."""
    for plural in ("suppliers", "agencies"):
        plant_in_every_field(portal, plural)
    site, agency = (f"/{plural}/{WORD}-1" for plural in ("suppliers", "agencies"))
    put(portal, site, {"name": f"{WORD} Foods", "country": "TH", "sector": ["1020"], "papers_retention": "held"})
    put(portal, agency, {"name": f"{WORD} Crew", "country": "NP", "fee_policy": "nothing"})

    def post(path: str, name: str, method: str = "POST") -> dict[str, Any]:
        reply = portal.call(method, path, json=BODIES[name])
        assert reply.status_code in (200, 201, 202), (name, reply.text)
        return dict(reply.json)

    post(f"{site}/evidence", "add_supplier_evidence")
    post(f"{site}/questionnaires", "create_supplier_request")
    post(f"{agency}/questionnaires", "create_agency_request")
    case = post("/cases", "open_case")["id"]
    post(f"/cases/{case}", "correct_case", "PATCH")
    post(f"/cases/{case}/findings", "add_finding")
    post(f"/cases/{case}/findings/1", "correct_note", "PATCH")
    post(f"{site}/worker-surveys", "create_supplier_worker_survey")
    schedule = post("/schedules", "create_schedule")["id"]
    post(f"/schedules/{schedule}", "change_schedule", "PATCH")
    user = post("/users", "create_user")["id"]
    post(f"/users/{user}/filters", "save_filter")
    post("/keys", "create_key")
    post("/sender-keys", "accept_sender_key")
    post("/referral-contacts", "add_referral_contact")
    put(portal, "/buyer", {"name": f"{WORD} wear", "payment_days": "30"})
    row = f"| {WORD}-9 | {WORD} Mill | TH | 1020 | {WORD} |"
    sheet = workbook("| Reference | Supplier | Country | Sector | City |", row, name=f"{WORD} sheet")
    portal.import_file(f"{WORD} list.xlsx", sheet, kind="site", confirm="true", sheet=f"{WORD} sheet")
    portal.import_file(f"{WORD} later.xlsx", sheet, kind="site", confirm="false")
    unknown = workbook(f"| {WORD} alpha | {WORD} beta |", f"| {WORD} Loom | TH |", name=f"{WORD} sheet")
    sent = portal.import_file(f"{WORD} unknown.xlsx", unknown, kind="site")
    chosen = {"file": f"{WORD} unknown.xlsx", "sheet": f"{WORD} sheet", "columns": {"0": "name", "1": "country"}}
    changed = portal.call("PATCH", f"/imports/{sent['id']}/layout", json={"sheets": [chosen]})
    assert changed.status_code == 202, changed.text
    post("/reports", "request_report")
    post("/webhooks", "create_webhook")
    system = post("/connected-systems", "create_connected_system")["id"]
    post(f"{site}/system-identifiers/{system}", "put_supplier_system_identifier", "PUT")
    post("/organisation/identity-provider", "put_identity_provider", "PUT")
    post("/mail-texts/step.due/en", "put_mail_text", "PUT")
    work(portal)
    plant_in_campaign(portal, site)
    plant_in_remediation(portal, site)


def plant_in_campaign(portal: Portal, site: str) -> None:
    """Write the word in the address of a supplier, in the name of a campaign, and in the reason why an email bounced."""
    due = (today() + timedelta(days=14)).isoformat()

    def call(method: str, path: str, body: object) -> Any:
        reply = portal.call(method, path, json=body)
        assert reply.status_code in (200, 201, 202), (path, reply.text)
        return reply.json

    call("PUT", f"{site}/contact", BODIES["put_supplier_contact"])
    plan = {**BODIES["start_campaign"], "due_on": due, "again": True}
    digest = call("POST", "/campaign-preview", plan)["digest"]
    campaign = call("POST", "/campaigns", {**plan, "digest": digest})["id"]
    work(portal)
    call("POST", f"/campaigns/{campaign}/links", {"scope": "unsent"})
    asked = call("GET", f"/campaigns/{campaign}/suppliers", None)["items"]
    bounced = {**BODIES["change_campaign_suppliers"], "ids": [one["id"] for one in asked]}
    assert call("POST", f"/campaigns/{campaign}/suppliers", bounced)["changed"]


def plant_in_remediation(portal: Portal, site: str) -> None:
    """Write the word in a letter to a supplier, in what it sends through its link, and in its findings and steps."""
    queue_findings(portal.app.extensions["database"])
    work(portal)
    supplier_id = portal.get(site).json["id"]
    found = portal.get(f"/findings?supplier_id={supplier_id}").json["items"]
    own = next(one["id"] for one in found if not one["worker_derived"])
    steps = portal.get(f"/steps?supplier_id={supplier_id}&party=supplier").json["items"]
    step = next(one["id"] for one in steps if not (one["worker_derived"] or one["safety"]))

    def call(method: str, path: str, name: str, **more: object) -> Any:
        reply = portal.call(method, path, json={**BODIES[name], **more})
        assert reply.status_code in (200, 201), (name, reply.text)
        return reply.json

    letter = call("POST", f"{site}/letters", "create_supplier_letter", findings=[own])["id"]
    link = call("POST", f"{site}/links", "create_supplier_link")["address"]
    plant_through_link(portal, link[link.index("/shared/") :], letter, own, step)
    asked = call("POST", f"{site}/questionnaires", "create_supplier_request")["id"]
    questionnaire = call("POST", f"{site}/links", "create_supplier_link", questionnaire_id=asked)["address"]
    plant_through_questionnaire(portal, questionnaire[questionnaire.index("/questionnaire/") :])
    review = f"{site}/questionnaires/{asked}/review"
    (choice,) = BODIES["decide_supplier_review"]["decisions"]
    declined = portal.get(review).json["answers"][0]["question"]
    call("POST", review, "decide_supplier_review", decisions=[{**choice, "question": declined}])
    assert portal.call("POST", f"{site}/questionnaires/{asked}/ask-back").status_code == 201
    call("POST", f"{site}/letters/{letter}/response", "respond_to_supplier")
    for proposal in portal.get(f"{site}/proposals").json["items"]:
        call("POST", f"{site}/proposals/{proposal['id']}/decision", "decide_supplier_proposal")
    call("PATCH", f"/findings/{own}", "change_finding")
    call("PATCH", f"/steps/{step}", "change_step")
    organisation = portal.get("/organisation").json["id"]
    database = portal.app.extensions["database"]
    browser, approver = (
        make_browser(portal.app, make_user(database, organisation, role)) for role in ("officer", "approver")
    )
    version = portal.get(f"/steps/{step}").json["version"]
    forms = {"comments": {"text": f"{WORD} comment"}, "evidence": {"kind": "document", "reference": f"{WORD} receipt"}}
    for name, fields in forms.items():
        assert send(browser, f"/remediation/steps/{step}/{name}", version=version, **fields).status_code == 303, name
    account = call("POST", f"{site}/remedy-accounts", "create_supplier_remedy_account")["id"]
    payment = {"paid_on": "2026-01-02", "amount": "400", "workers": "2", "proof": f"{WORD} bank file", "version": "1"}
    assert send(browser, f"/remedy-accounts/{account}/instalments/1/payment", **payment).status_code == 303
    call("PATCH", f"/remedy-accounts/{account}", "change_remedy_account")
    guarded = next(one for one in portal.get(f"/steps?supplier_id={supplier_id}").json["items"] if one["safety"])
    asked = {"request": "withheld", "reason": f"{WORD} danger", "version": guarded["version"]}
    assert send(browser, f"/remediation/steps/{guarded['id']}/requests", **asked).status_code == 303
    decision = re.search(r'action="(/approvals/steps/[^"]+)"', approver.get("/approvals").get_data(as_text=True))[1]
    assert send(approver, decision, decision="decline", reason=f"{WORD} answer").status_code == 303
    plant_in_exit_and_watch(portal, browser, approver, supplier_id)


def plant_in_exit_and_watch(portal: Portal, browser: FlaskClient, approver: FlaskClient, supplier_id: str) -> None:
    """Write the word in an exit paper that is returned, and in a check of a retaliation watch and a request to end it."""
    texts = {name: f"{WORD} {name}" for name in ("effect", "remedy", "payment_after", "reason")}
    asked = {"spokesperson": "union", "consulted_on": "2026-01-02", "ends_on": "2030-01-01", "ground": "no_progress"}
    tried = {"tried_on": "2026-01-02", "tried": f"{WORD} letters"}
    assert send(browser, f"/suppliers/{supplier_id}/exit", **texts, **asked, **tried).status_code == 303
    paper = portal.get(f"/suppliers/{supplier_id}/exit-papers").json["items"][0]["id"]
    assert send(browser, f"/exit-papers/{paper}/state", state="submitted", version="1").status_code == 303
    sent = {"decision": "return", "reason": f"{WORD} return"}
    assert send(approver, f"/approvals/exits/{paper}", **sent).status_code == 303
    case = {"number": f"{WORD}-9", "linked_name": f"{WORD} Foods", "nationality": "MM", "findings": [LOCKED]}
    assert portal.call("POST", "/cases", json=case).status_code == 201
    queue_findings(portal.app.extensions["database"])
    work(portal)
    watch = portal.get(f"/retaliation-watches?supplier_id={supplier_id}").json["items"][0]
    path, day = f"/retaliation-watches/{watch['id']}", today().isoformat()
    check = {"check": watch["checks"][0]["id"], "checked_on": day, "result": "signs", "source": "union_ngo"}
    figures = {f"sign-{sign}": "1" for sign in list_signs()}
    recorded = send(browser, f"{path}/checks", **check, **figures, reason=f"{WORD} check", version=watch["version"])
    assert recorded.status_code == 303
    version = portal.get(path).json["version"]
    assert send(browser, f"{path}/ending", reason=f"{WORD} end", version=version).status_code == 303
    declined = {"decision": "decline", "reason": f"{WORD} no end"}
    assert send(approver, f"/approvals/watches/{watch['id']}", **declined).status_code == 303


def plant_through_link(portal: Portal, path: str, letter: str, finding: str, step: str) -> None:
    """Write the word in every field that a supplier can fill in through its link."""
    client = portal.app.test_client()
    client.post(f"{path}/open")
    answer = {f"position-{finding}": "comments", f"text-{finding}": f"{WORD} answer"}
    forms = {
        f"letters/{letter}": answer,
        f"steps/{step}/date": {"due": "2030-01-01", "reason": f"{WORD} reason"},
        f"steps/{step}/obstacle": {"text": f"{WORD} obstacle"},
    }
    for name, fields in forms.items():
        assert client.post(f"{path}/{name}", data=fields).status_code == 303, name


def plant_through_questionnaire(portal: Portal, path: str) -> None:
    """Write the word in an answer to a questionnaire, and send it."""
    client = portal.app.test_client()
    client.post(f"{path}/open")
    answer = {"trade_name": f"{WORD} Canning", "seen-trade_name": "0"}
    assert client.post(f"{path}/sections/1", data=answer).status_code == 303
    file = {"kind": "document", "dated": "2026-01-02", "file": (BytesIO(f"{WORD},1\n".encode()), f"{WORD}.csv")}
    assert client.post(f"{path}/questions/trade_name/files", data=file).status_code == 303
    assert client.post(f"{path}/send", data={"confirmed": "yes"}).status_code == 303


@pytest.mark.suite("sqlite")  # on PostgreSQL test_page_canaries.py does the same with what is written on pages
def test_erasing_an_organisation_leaves_no_word_in_rows_files_and_the_log(
    served: Flask, database: Database, tmp_path: Path, written: StringIO
):
    gone = make_organisation(database, f"{WORD} Foods")
    portal = make_portal(served, gone)
    other = make_portal(served, make_organisation(database, "Hill Builders"))
    other.put("/suppliers/S-1", {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]})
    kept = other.get("/suppliers/S-1").json
    plant_everything(portal)
    places = set(find_word(portal, tmp_path))
    assert {
        "organisation",
        "user",
        "api_key",
        "supplier",
        "case_record",
        "case_finding",
        "schedule",
        "saved_filter",
    } <= places
    assert {"upload", "import", "column_mapping", "asking", "buyer_answers", "result"} <= places
    assert {
        "reply",
        "draft_answer",
        "finding_answer",
        "step_proposal",
        "step_evidence",
        "step_comment",
        "step_request",
        "transition",
    } <= places
    assert {"identity_provider", "webhook_endpoint", "mail_text", "remedy_account", "remedy_instalment"} <= places
    assert {"exit_paper", "retaliation_check", "retaliation_watch", "worker_survey"} <= places
    assert {"campaign", "campaign_supplier", "supplier_contact"} <= places

    journal = Journal(tmp_path / "erasures.jsonl")
    erase_organisation(database, served.extensions["blob_store"], gone, "system:test", journal)
    assert find_word(portal, tmp_path) == []
    assert WORD.casefold() not in written.getvalue().casefold()
    assert other.get("/suppliers/S-1").json == kept
