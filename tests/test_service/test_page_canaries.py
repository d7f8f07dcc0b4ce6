"""Every text field of every form on a page is filled in with a word of its own; erasing leaves none of these words.

The pages come from the routes and the forms from the pages, so that a new form is filled in without a line here. A field whose
word is stored nowhere fails the test until its form is accepted or the reason is given below.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO, StringIO
from itertools import count, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from flask.testing import FlaskClient
from full_organisation import read_all_rows
from portal import Portal, make_portal
from sample_objects import WORDS, create_all
from sheets import workbook
from test_canaries import PAGES
from test_erasure import work

from service.auth.access import ACCESS
from service.clock import now
from service.db.job_tables import Schedule
from service.db.remediation_tables import Step
from service.db.session import Database
from service.erasure.organisation import erase_organisation
from service.journal import Journal
from service.reviews.findings import queue_findings

STEM = "quokkavale"
TEXT = (None, "text", "search", "email", "url", "tel")
# What a field has to contain for its form to be accepted, by the name of the field: codes and days, in which nobody can write.
CODES = {
    "currency": "USD",
    "languages": "en",
    "intake_from": "2026-01",
    "intake_to": "2026-02",
    "found_on": "2026-01-02",
    "interest": "6",
    "instalments": "12",
    "management_figure": "1",
    "amount": "400",
    "action": "refused",  # of a campaign's suppliers: what needs a reason
    "leave-out-0": "",
    "option-api_version": "62.0",
    "client_secret": "s3cret",  # asked for again where the issuer changes
    "sign_in_id": "",  # credentials are stored encrypted, and only with a password
    "public_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
# Fields whose text is stored nowhere, and why.
NOT_STORED = {
    ("account.change_password", "email"): "for the browser's store of passwords",
    ("account.confirm_password", "email"): "for the browser's store of passwords",
    ("account.add_passkey", "name"): "stored only with a passkey, which only a browser can create",
    ("pages.try_site", "agencies"): "a what-if is not stored",
    ("pages.verify_step", "reason"): "stored only where the step is rejected, as the reason of the transition",
}
# Searches, which are not sent by a form that changes anything; a time; a number; a code of a survey.
NO_TEXT = ("q", "code", "words", "at", "time", "cost", "code")
# What is not about a supplier, and stays when all suppliers are erased.
OTHERS = {
    "keys.create",
    "mail_texts.save",
    "pages.save_language",
    "sign_in_rules.save_provider",
    "users.create",
    "webhooks.create",
    "systems.create",
    "systems.change",
    "pages.add_referral",
    "pages.change_referral",
    "pages.agencies_save_filter",
    "pages.suppliers_save_filter",
    "pages.accept_sender_key",
    "pages.answer_buyer",
    "pages.create_schedule",
    "pages.start_campaign",
    # A case about no stored supplier.
    "pages.open_case",
    "pages.correct_case",
    "pages.add_finding",
    "pages.correct_note",
}
LATER = count(1_000)  # days
CLAIMED = {"evidence_grade": "audit", "evidence_date": "2026-03-01"}
FINDING = {"finding": "papers_held", "phase": "work", "found": True, "source": "grievance"}
Attributes = Mapping[str, str | None]


@dataclass
class Form:
    """A form of a page: its attributes, its fields with their attributes in order, and the values of its choices."""

    attributes: Attributes
    fields: list[tuple[str, Attributes]] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The names of the fields in which somebody can write."""
        return [attributes["name"] or "" for tag, attributes in self.fields if is_text(tag, attributes)]

    def fill_in(self, words: Iterator[str], at: datetime) -> tuple[dict[str, Any], dict[str, str]]:
        """What is sent: a new word in every text, and the chosen or first of each choice; and the words by their field."""
        sent, planted = dict[str, Any](), dict[str, str]()
        for tag, attributes in self.fields:
            name, kind = attributes.get("name"), attributes.get("type")
            if not name:
                continue
            value = attributes.get("value") or ""
            if name in CODES:
                sent[name] = CODES[name]
            elif name == "due":  # later than any that was sent before, so that it takes an approver
                sent[name] = (at + timedelta(days=next(LATER))).date().isoformat()
            elif is_text(tag, attributes):
                word = planted[name] = next(words)
                addresses = {"email": f"{word}@pier.example", "url": f"https://erp.example/{word}"}
                sent[name] = addresses.get(kind or "", word)
            elif tag == "select":
                sent[name] = next((option for option in self.options.get(name, ()) if option), "")
            elif kind == "radio" and "checked" in attributes:
                sent[name] = value
            elif tag == "button" or kind in ("radio", "checkbox"):
                sent.setdefault(name, value or "on")
            elif kind == "date":
                sent[name] = value or at.date().isoformat()
            elif kind == "datetime-local":
                sent[name] = f"{at:%Y-%m-%dT%H:%M}"
            elif kind == "file":
                sent[name] = (BytesIO(workbook("| Supplier | Country |", "| Hill Mill | TH |")), "list.xlsx")
            elif kind == "hidden":  # several of a name say which rows a form is about
                sent.setdefault(name, []).append(value)
            elif kind != "password":
                sent[name] = value or attributes.get("min") or ("1" if "inputmode" in attributes else "")
        return sent, planted


def is_text(tag: str, attributes: Attributes) -> bool:
    """Whether somebody can write what they want in a field."""
    if not attributes.get("name") or attributes["name"] in CODES or "inputmode" in attributes:
        return False
    return tag == "textarea" or (tag == "input" and attributes.get("type") in TEXT)


class Forms(HTMLParser):
    """The forms of a page that send something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms, self._inside, self._by_id = list[Form](), list[Form](), dict[str, Form]()
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            form = Form(attributes)
            self._inside.append(form)
            if name := attributes.get("id"):
                self._by_id[name] = form
            if (attributes.get("method") or "").lower() == "post":
                self.forms.append(form)
        if tag == "form" or not (self._inside or attributes.get("form")):
            return
        owner = self._by_id[attributes["form"] or ""] if attributes.get("form") else self._inside[-1]
        is_other_button = tag == "button" and any(before == "button" for before, _ in owner.fields)
        if tag in ("input", "textarea", "select", "button") and "disabled" not in attributes and not is_other_button:
            owner.fields.append((tag, attributes))
            self._select = attributes.get("name") or "" if tag == "select" else ""
        if (
            tag == "button" and attributes.get("formmethod") == "post" and owner not in self.forms
        ):  # a search that it sends
            other = {"method": "post", "action": attributes["formaction"]}
            self.forms.append(Form(other, [*owner.fields, (tag, attributes)], owner.options))
        if tag == "option" and "disabled" not in attributes:
            owner.options.setdefault(self._select, []).append(attributes.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._inside:
            self._inside.pop()


@dataclass
class Walk:
    """What was planted: the word of each field, by the endpoint that its form was sent to and the name of the field."""

    app: Flask
    words: Iterator[str]
    planted: dict[str, tuple[str, str]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def find_endpoint(self, address: str) -> str:
        adapter = self.app.url_map.bind("localhost")
        return str(adapter.match(address.split("?", maxsplit=1)[0], method="POST")[0])

    def visit(self, browser: FlaskClient, address: str) -> None:
        """Open a page, and send each of its forms that has a text and was not accepted before."""
        page = browser.get(address)
        if page.status_code >= 500:
            self.failed.add(address)
        if page.status_code != 200 or page.mimetype != "text/html":
            return
        for form in Forms(page.get_data(as_text=True)).forms:
            self.seen |= set(form.texts)
            action = form.attributes.get("action") or address
            endpoint = self.find_endpoint(action)
            if not form.texts or endpoint in self.accepted:
                continue
            sent, planted = form.fill_in(self.words, now())
            self.planted |= {word: (endpoint, name) for name, word in planted.items()}
            reply = browser.post(action, data=sent)
            if reply.status_code == 409 and "digest=" in action:  # the choices change the preview, which is then shown
                shown = Forms(reply.get_data(as_text=True)).forms
                action = next(other for form in shown if "digest=" in (other := form.attributes["action"] or ""))
                reply = browser.post(action, data=sent)
            if reply.status_code in (200, 303):
                self.accepted.add(endpoint)
                self.refused.pop(endpoint, None)
            else:
                found = re.search(r'role="alert"[^>]*>(.*?)</', reply.get_data(as_text=True), re.DOTALL)
                self.refused[endpoint] = f"{reply.status_code} {sent} {found and found[1].strip()}"


def find_words(app: Flask, folder: Path, words: Mapping[str, Any]) -> set[str]:
    """Which of these words are in a row or a file."""
    text = repr(read_all_rows(app.extensions["database"])).casefold()
    blobs = app.extensions["blob_store"]
    files = [path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()]
    files += [blobs.get(digest).lower() for digest in blobs.list_digests()]
    return {word for word in words if word in text or any(word.encode() in data for data in files)}


@pytest.mark.suite("postgresql")
def test_nothing_that_was_written_on_a_page_remains_after_it_is_erased(
    served: Flask, database: Database, tmp_path: Path, written: StringIO
):
    gone = make_organisation(database, "Harbour Foods")
    portal = make_portal(served, gone)
    walk = Walk(served, (STEM + "".join(letters) for letters in product(ascii_lowercase, repeat=3)))
    objects = create_objects(database, portal, gone)
    walk_link(walk, portal, objects[0]["supplier_id"])
    for role in ACCESS.roles:
        browser = make_browser(served, make_user(database, gone, role))
        for address in dict.fromkeys(list_addresses(served, role, objects)):
            walk.visit(browser, address)
    assert walk.failed == set()
    stored = {walk.planted[word] for word in find_words(served, tmp_path, walk.planted)}
    assert set(walk.planted.values()) - stored == NOT_STORED.keys(), walk.refused
    assert {name for names in PAGES.values() for name in names if "{{" not in name} - walk.seen <= {*CODES, *NO_TEXT}

    work(portal)
    for path, supplier_id in {(one["path"], one["supplier_id"]) for one in objects}:
        reply = portal.call("DELETE", f"/{path}/{supplier_id}")
        assert reply.status_code == 204, reply.text
    work(portal)
    left = {walk.planted[word] for word in find_words(served, tmp_path, walk.planted)}
    assert {endpoint for endpoint, _ in left} == OTHERS

    erase_organisation(
        database, served.extensions["blob_store"], gone, "system:test", Journal(tmp_path / "erasures.jsonl")
    )
    database.close()
    assert find_words(served, tmp_path, walk.planted) == set()
    assert STEM not in written.getvalue().casefold()


def create_objects(database: Database, portal: Portal, organisation_id: str) -> list[dict[str, str]]:
    """Values for the variables of routes: of a site and an agency with findings, and of a sample of everything else."""
    with database.for_organisation(organisation_id) as session:
        sample = {**create_all(session), "path": "suppliers"}
        session.delete(session.get_one(Schedule, sample["schedule_id"]))  # its rule is none
        session.get_one(Step, sample["step_id"]).state = "evidence_in"  # it has evidence, which can be verified
    answers = {"country": "TH", "sector": ["1020"], "papers_retention": "held", **CLAIMED}
    portal.put("/suppliers/S-1", {"name": "Blue Pier", **answers})
    portal.put("/agencies/A-1", {"name": "Swift Hands", "country": "NP"})
    queue_findings(database)
    case = {"number": "C-1", "nationality": "NP", "findings": [{**FINDING, "note": "The office keeps them."}]}
    sheet = workbook("| Supplier | Country | Sector |", "| Hill Mill | Thailnd | 1020 |")
    sample |= {
        "case_id": portal.post("/cases", case).json["id"],
        "import_id": portal.import_file("list.xlsx", sheet, kind="site", confirm="false")["id"],
    }
    work(portal)
    site, agency = (portal.get(path).json["id"] for path in ("/suppliers/S-1", "/agencies/A-1"))
    steps = portal.get(f"/steps?supplier_id={site}").json["items"]
    of_site = [{**sample, "supplier_id": site, "step_id": step["id"]} for step in steps]
    return [*of_site, {**sample, "supplier_id": agency, "path": "agencies"}, sample]


def walk_link(walk: Walk, portal: Portal, supplier_id: str) -> None:
    """Fill in the forms that a supplier finds behind its link, with a letter to reply to."""
    findings = portal.get(f"/findings?supplier_id={supplier_id}").json["items"]
    own = next(one["id"] for one in findings if not one["worker_derived"])
    assert portal.post("/suppliers/S-1/letters", {"findings": [own], "text": "Please reply."}).status_code == 201
    link = portal.post("/suppliers/S-1/links", {"addressee": "management", "days": 7}).json["address"]
    address = link[link.index("/shared/") :]
    client = walk.app.test_client()
    client.post(f"{address}/open")
    walk.visit(client, address)


def list_addresses(app: Flask, role: str, objects: list[dict[str, str]]) -> Iterator[str]:
    """Yield the addresses of the pages that a role may open, with each of these values for their variables."""
    for rule in app.url_map.iter_rules():
        if role not in ACCESS.pages.get(f"GET {rule.endpoint}", ()):
            continue
        names = rule.arguments - (rule.defaults or {}).keys()
        if "format" in names or Path(rule.rule).suffix:  # a file
            continue
        words = {**WORDS, "language": "th"} if rule.endpoint == "pages.language" else WORDS  # English is not translated
        for one in objects:
            path = app.url_map.bind("localhost").build(rule.endpoint, {name: {**one, **words}[name] for name in names})
            yield f"{path}?selected={one['supplier_id']}" if rule.endpoint == "pages.new_requests" else path
