"""Translations: what reviewers of an organisation confirm or word otherwise, PO files, and where their texts appear."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po
from flask import Flask
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load_form
from service.db.session import Database
from service.db.translation_tables import ReviewedText
from service.errors import DomainError
from service.outbox import mail_texts
from service.questionnaires_sent.form_files import build_form_file, load_form_languages
from service.translations import po_files, review
from service.translations.catalog import (
    KINDS,
    Text,
    find_fault,
    list_text_languages,
    list_texts,
    load_shipped_texts,
)
from service.translations.review import Review, is_confirmed, list_outdated, load_texts, save_reviews
from service.translations.template import TEMPLATE, write_template
from tests.test_service.callers import form_token, make_browser, make_organisation, make_user
from tests.test_service.portal import make_portal

ON = date(2026, 11, 28)
CONTINUE = Text("pages", "Continue")
COMPLETE = ("id", "th", "vi", "zh-Hans")  # all that suppliers and workers see


@pytest.fixture
def organisation(database: Database) -> str:
    return make_organisation(database)


def confirm(session: Session, text: Text, *forms: str, language: str = "th", state: str = "confirmed") -> int:
    return save_reviews(session, language, [Review(text, forms, state)], "translator", "user:ana", ON)


def test_the_template_holds_every_text_that_suppliers_and_workers_read(tmp_path: Path):
    write_template(tmp_path / "fresh.pot")
    assert (tmp_path / "fresh.pot").read_text() == TEMPLATE.read_text(), "run scripts/messages"
    assert {text.kind for text in list_texts()} == set(KINDS)


@pytest.mark.parametrize("code", list_text_languages())
def test_a_translation_has_the_placeholders_of_its_text(code: str):
    texts = load_shipped_texts(code)
    found = {text: texts.find(text) for text in list_texts()}
    faults = {text.english: find_fault(text, one.forms) for text, one in found.items() if one}
    assert {english: fault for english, fault in faults.items() if fault} == {}


@pytest.mark.parametrize("code", COMPLETE)
def test_hardly_a_text_of_pages_emails_plans_and_notices_appears_in_english_in_the_first_languages(code: str):
    texts = load_shipped_texts(code)
    for kind in ("answers", "pages", "mails", "plans", "notices", "voice"):
        count = texts.count(list_texts(kind))
        assert count.missing <= 0.03 * count.total, kind  # a new text is in English until somebody translates it
    assert texts.count(list_texts("pages")).states["confirmed"] == 0, "nobody has confirmed what we ship"


@pytest.mark.parametrize(
    ("english", "wording", "fault"),
    [
        ("Please reply by %(moment)s.", "ตอบ", "%(moment)s is missing"),
        ("Please reply by %(moment)s.", "ตอบ %(day)s", "%(day)s is not a placeholder"),
        ("Continue", "100%", "percent sign"),
        ("Continue", " ", "empty"),
        ("Continue", "ดำเนิน\nการ", "one line"),
    ],
)
def test_a_wording_that_would_break_a_page_is_refused(english: str, wording: str, fault: str):
    assert fault in find_fault(Text("pages", english), [wording])


def test_a_confirmation_falls_away_when_the_english_or_the_translation_changes(database: Database, organisation: str):
    shipped = load_shipped_texts("th").translate("pages", "Continue")
    with database.for_organisation(organisation) as session:
        assert not is_confirmed(session, "th", [CONTINUE])
        assert confirm(session, CONTINUE, shipped) == 1
        assert is_confirmed(session, "th", [CONTINUE])
        assert confirm(session, CONTINUE, shipped) == 0, "nothing new"
        row = session.scalars(select(ReviewedText)).one()
        assert (row.reviewer, row.reviewed_on, row.is_own) == ("translator", ON, False)
        row.wording = ["what was shipped before"]
        session.flush()
        assert not is_confirmed(session, "th", [CONTINUE])
        assert list_outdated(session, "th") == [row]
        row.wording, row.key = [shipped], Text("pages", "Go on").key
        session.flush()
        assert not is_confirmed(session, "th", [CONTINUE])
        assert list_outdated(session, "th") == [row]
        assert is_confirmed(session, "en", [CONTINUE]), "English needs no confirmation"


def test_a_confirmation_counts_in_a_form_that_was_sent_out_before_its_text_was_reworded(
    database: Database, organisation: str
):
    title, reworded = (
        next(c.title for c in load_form("site", version).by_id["freedom_to_resign"].choices if c.code == "free")
        for version in ("2026.7", "2026.8")
    )
    shipped = load_shipped_texts("th").translate("forms", title)
    with database.for_organisation(organisation) as session:
        confirm(session, Text("forms", title), shipped)
        texts = load_texts(session, "th").form_language.texts
    assert texts[title].is_confirmed
    assert texts[reworded].text == shipped, "the draft is taken over"
    assert not texts[reworded].is_confirmed, "nobody has compared it with the new English"


def test_the_wording_of_an_organisation_stands_in_its_emails_and_in_no_others(database: Database, organisation: str):
    other_organisation = make_organisation(database, "Another buyer")
    subject = Text("mails", mail_texts.list_default_texts()["en"]["questionnaire.sent"].subject)
    with database.for_organisation(organisation) as session:
        confirm(session, subject, "{organisation} ถาม {supplier}")
        text = mail_texts.find_text(session, "questionnaire.sent", "th")
        assert text.subject == "{organisation} ถาม {supplier}"
        assert mail_texts.RULE in text.body, "a draft is followed by the English text"
        body = Text("mails", mail_texts.list_default_texts()["en"]["questionnaire.sent"].body.strip())
        confirm(session, body, load_shipped_texts("th").translate("mails", body.english))
        assert mail_texts.RULE not in mail_texts.find_text(session, "questionnaire.sent", "th").body
    with database.for_organisation(other_organisation) as session:
        assert "ถาม {supplier}" not in mail_texts.find_text(session, "questionnaire.sent", "th").subject


def test_the_wording_of_an_organisation_stands_in_its_forms_as_files(database: Database, organisation: str):
    form = load_form("agency")
    asked = Text("forms", form.by_id["name"].ask)
    with database.for_organisation(organisation) as session:
        confirm(session, asked, "Apa nama resmi agensi Anda?", language="id")
        languages = load_form_languages(session, "id")
        assert languages[0].code == "id"
        for layout in ("questions", "xlsform"):
            book = load_workbook(BytesIO(build_form_file(form, layout, ON, languages=languages).data))
            assert "Apa nama resmi agensi Anda?" in [cell.value for sheet in book for row in sheet for cell in row]
        printed = build_form_file(form, "pdf", ON, languages=languages).data
        assert "Apa nama resmi agensi Anda?" in PdfReader(BytesIO(printed)).pages[0].extract_text()


def test_an_export_with_labels_in_the_wording_of_an_organisation_is_read_when_it_is_imported(app: Flask):
    organisation = make_organisation(app.extensions["database"])
    form = load_form("site")
    asked = form.by_id["recruitment_fees"]
    with app.extensions["database"].for_organisation(organisation) as session:
        confirm(session, Text("forms", asked.ask), "คำถามของเรา")
        confirm(session, Text("forms", asked.choices[0].title), "คำตอบของเรา")
    export = f"form_version,name,country,คำถามของเรา,_uuid\nsite {form.version},Invented Works,TH,คำตอบของเรา,5f2c\n"
    portal = make_portal(app, organisation)
    imported = portal.import_file("export.csv", export.encode(), confirm="true")
    assert imported["state"] == "done"
    (supplier,) = portal.get("/suppliers").json["items"]
    answers = portal.get(f"/suppliers/{supplier['id']}").json["answers"]
    assert answers["recruitment_fees"] == asked.choices[0].code
    other = make_portal(app, make_organisation(app.extensions["database"], "Other Foods"))
    other.import_file("export.csv", export.encode(), confirm="true")
    (supplier,) = other.get("/suppliers").json["items"]
    assert "recruitment_fees" not in other.get(f"/suppliers/{supplier['id']}").json["answers"]


def edit_file(data: bytes, *changes: tuple[str, str, bool]) -> bytes:
    """Return a PO file in which entries have another translation, and are fuzzy or not."""
    catalog = read_po(BytesIO(data))
    for english, wording, fuzzy in changes:
        message = catalog.get(english)
        assert message is not None
        message.string = wording
        message.flags.discard("fuzzy")
        if fuzzy:
            message.flags.add("fuzzy")
    file = BytesIO()
    write_po(file, catalog, width=0)
    return file.getvalue()


def test_a_po_file_says_what_it_changes_and_what_of_it_cannot_be_used(database: Database, organisation: str):
    shipped = load_shipped_texts("th")
    with database.for_organisation(organisation) as session:
        data = po_files.build_po_file(load_texts(session, "th"))
        assert po_files.read_po_file(data, shipped).reviews == ()
        changed = edit_file(
            data,
            ("Continue", shipped.translate("pages", "Continue"), False),
            ("Send", "ส่งเลย", True),
            ("Please reply by %(moment)s.", "ตอบ", False),
        )
        catalog = read_po(BytesIO(changed))
        catalog.delete("Please submit your answers by %(day)s.")
        catalog.add("Please submit your answer by %(day)s.", "ส่ง %(day)s")
        catalog.add("Colourless green ideas sleep furiously", "x")
        file = BytesIO()
        write_po(file, catalog, width=0)
        upload = po_files.read_po_file(file.getvalue(), load_texts(session, "th"))
        assert {(one.text.english, one.state) for one in upload.reviews} == {
            ("Continue", "confirmed"),
            ("Send", "draft"),
        }
        assert (upload.reworded, upload.confirmed, upload.reopened) == (1, 1, 0)
        (fault,) = upload.faults
        assert "%(moment)s is missing" in fault.reason
        assert file.getvalue().decode().splitlines()[fault.line - 1].startswith('msgid "Please reply by')
        assert [one.reason for one in upload.outdated] == ["Please submit your answers by %(day)s."]
        assert [one.english for one in upload.unknown] == ["Colourless green ideas sleep furiously"]
        save_reviews(session, "th", upload.reviews, "native_speaker", "user:ana", ON)
        again = po_files.read_po_file(po_files.build_po_file(load_texts(session, "th")), load_texts(session, "th"))
        assert (again.reviews, again.faults) == ((), ())
        assert load_texts(session, "th").translate("pages", "Send") == "ส่งเลย"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\xff\xfe\x00", "po.unreadable"), (b'msgid "a"\nmsgstr "b\nnonsense', "po.unreadable")],
)
def test_a_file_that_is_no_po_file_is_refused(data: bytes, code: str):
    with pytest.raises(DomainError) as refused:
        po_files.read_po_file(data, load_shipped_texts("th"))
    assert refused.value.code == code


def test_only_so_many_unknown_texts_are_compared_with_ours_however_many_a_file_has():
    texts = load_shipped_texts("th")
    catalog = read_po(BytesIO(po_files.build_po_file(texts, [])))
    for number in range(po_files.MOST_COMPARED + 100):
        catalog.add(f"Please submit your answers by %(day)s. ({number})", "x")
    file = BytesIO()
    write_po(file, catalog)
    upload = po_files.read_po_file(file.getvalue(), texts)
    assert (len(upload.outdated), len(upload.unknown)) == (po_files.MOST_COMPARED, 100)


def test_a_file_of_another_language_is_refused():
    with pytest.raises(DomainError) as refused:
        po_files.read_po_file(po_files.build_po_file(load_shipped_texts("vi")), load_shipped_texts("th"))
    assert refused.value.code == "po.language"


def test_a_reviewer_confirms_texts_on_a_page_and_in_a_file(app: Flask, database: Database, organisation: str):
    browser = make_browser(app, make_user(database, organisation, "officer"))
    assert "ไทย" in browser.get("/languages").get_data(as_text=True)
    address = "/languages/th?kind=pages&words=ดำเนินการต่อ"
    page = browser.get(address).get_data(as_text=True)
    assert f'name="wording-{CONTINUE.key}"' in page
    form = {
        "csrf_token": form_token(browser),
        "text": CONTINUE.key,
        f"wording-{CONTINUE.key}": "ไปต่อ",
        f"state-{CONTINUE.key}": "confirmed",
    }
    assert "Choose who checked the texts" in browser.post("/languages/th", data=form).get_data(as_text=True)
    assert browser.post("/languages/th", data={**form, "reviewer": "translator"}).status_code == 303
    with database.for_organisation(organisation) as session:
        assert is_confirmed(session, "th", [CONTINUE])
    data = browser.get("/languages/th/texts.po").data
    changed = edit_file(data, ("Send", "ส่งเลย", False))
    upload = {"csrf_token": form_token(browser), "file": (BytesIO(changed), "th.po")}
    response = browser.post("/languages/th/file", data=upload)
    response.request.environ["wsgi.input"].close()  # Werkzeug's test client leaves the file of a large body open
    preview = response.get_data(as_text=True)
    assert "The file changes 1 text" in preview
    found = re.search(r'name="changes" value="([^"]*)"', preview)
    assert found is not None
    changes = found[1].replace("&#34;", '"')
    form = {"csrf_token": form_token(browser), "changes": changes, "reviewer": "native_speaker"}
    assert browser.post("/languages/th/file/save", data=form).status_code == 303
    with database.for_organisation(organisation) as session:
        assert load_texts(session, "th").translate("pages", "Send") == "ส่งเลย"
    assert browser.get("/languages/xx").status_code == 404


def test_only_a_known_role_and_state_are_saved(sqlite_database: Database):
    organisation = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation) as session:
        with pytest.raises(DomainError, match="who checked"):
            save_reviews(session, "th", [Review(CONTINUE, ("x",), "confirmed")], "Ana Marín", "user:ana", ON)
        with pytest.raises(DomainError, match="states"):
            confirm(session, CONTINUE, "x", state="perfect")
        with pytest.raises(DomainError) as refused:
            review.get_text("0" * 64)
        assert refused.value.status == 404
