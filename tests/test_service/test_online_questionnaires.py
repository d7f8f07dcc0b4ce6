"""What a supplier sees and sends when it answers a questionnaire through a link, and what its buyer gets."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.languages import load_language
from service.clock import now
from service.db.link_tables import AnswerFile, DraftAnswer, SupplierLink
from service.db.outbox_tables import Message
from service.db.session import Database
from service.db.tables import AuditEvent, Organisation, QuestionnaireRequest, Result, Supplier
from service.erasure.erase import erase_supplier
from service.online_questionnaires.progress import Progress, describe_progress
from service.questionnaires_sent.requests import create_request
from service.supplier_links import links
from service.suppliers import repository as suppliers
from service.suppliers.merging import merge_suppliers
from service.translations.catalog import load_shipped_texts


@dataclass(frozen=True)
class Case:
    """A supplier that was sent a questionnaire, its link in a browser without an account, and its buyer."""

    app: Flask
    database: Database
    organisation_id: str
    supplier_id: str
    asking_id: str
    token: str
    client: FlaskClient

    def get(self, path: str = "", token: str | None = None) -> TestResponse:
        return self.client.get(f"/questionnaire/{token or self.token}{path}")

    def see(self, path: str = "", token: str | None = None) -> str:
        answer = self.get(path, token)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def post(self, path: str, token: str | None = None, **fields: object) -> TestResponse:
        return self.client.post(f"/questionnaire/{token or self.token}{path}", data=fields)

    def save(
        self, page: str, answers: Mapping[str, object], token: str | None = None, then: str = "next"
    ) -> TestResponse:
        """Send the form of a section as a browser does: all its fields, with some answers changed."""
        number = re.search(r'/sections/(\d+)[^"]*" data-saving', page)[1]
        return self.post(f"/sections/{number}", token, **{**read_fields(page), **answers}, then=then)

    def send(self) -> TestResponse:
        return self.post("/send", confirmed="yes")

    def count(self, table: type) -> int:
        with self.database.for_organisation(self.organisation_id) as session:
            return session.scalars(select(func.count()).select_from(table)).one()

    def load_supplier(self) -> Supplier:
        with self.database.for_organisation(self.organisation_id) as session:
            supplier = session.get_one(Supplier, self.supplier_id)
            session.expunge(supplier)
            return supplier


def read_fields(page: str) -> dict[str, object]:
    """The fields of a page with their values, as a browser would send them."""
    fields: dict[str, object] = {}
    for tag in re.findall(r"<input [^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checked" in tag or not re.search(r'type="(radio|checkbox|file)"', tag)):
            fields[name[1]] = value[1] if value else ""
    return fields


def create_case(
    app: Flask, database: Database, form: str = "site", version: str | None = None, buyer: str = "Harbour Foods",
    **answers: object,
) -> Case:  # fmt: skip
    organisation_id = make_organisation(database, buyer)
    user_id = make_user(database, organisation_id)
    kind = load_form(form).kind
    known = {"name": "Blue Pier Cannery", "reference": "S-1", "country": "TH", "sector": ["1020"], **answers}
    at = now()
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, kind, known, at.date(), at, "user:ana", "import")
        sent = create_request(session, supplier, form, "the manager", at.date(), f"user:{user_id}", version)
        session.flush()
        _, token = links.create_questionnaire_link(session, sent, "management", at + timedelta(days=30), "user:ana")
        return Case(app, database, organisation_id, supplier.id, sent.id, token, app.test_client())


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    return create_case(app, database)


def find_section(case: Case, title: str) -> str:
    """The path of a section."""
    return re.search(rf'(/sections/\d+)"[^>]*>{title}<', case.see())[1]


def open_section(case: Case, title: str) -> str:
    return case.see(find_section(case, title))


def test_the_cover_page_says_who_asks_and_what_becomes_of_the_answers_before_anything_is_asked(case: Case):
    page = case.see()
    assert "Harbour Foods asks Blue Pier Cannery" in page
    assert "a blank answer counts as declined" in page
    assert "section" not in page
    assert case.post("/open").status_code == 303
    assert "Recruitment" in case.see()


def test_answers_are_saved_by_section_and_are_there_when_the_page_is_opened_again(case: Case):
    case.post("/open")
    page = open_section(case, "Workforce")
    answer = case.save(page, {"workers_total": "120", "uses_agencies": "no"})
    assert answer.status_code == 303
    again = open_section(case, "Workforce")
    assert 'name="workers_total" id="f-workers_total" value="120"' in again
    assert case.load_supplier().answers.get("workers_total") is None, "a draft is not scored"


def test_an_answer_that_cannot_be_read_counts_as_open(case: Case):
    case.post("/open")
    path = find_section(case, "Workforce")
    counts = []
    for text in ("", "about\u3164", "120"):
        case.save(case.see(path), {"workers_total": text})
        counts.append(int(re.search(r"Questions without an answer: (\d+)", case.see(path))[1]))
    assert counts == [counts[0], counts[0], counts[0] - 1]


def test_a_questionnaire_that_is_sent_is_assessed_and_marked_returned(case: Case):
    case.post("/open")
    case.save(open_section(case, "Workforce"), {"workers_total": "120", "workers_migrant": "80"})
    assert "will count as declined" in case.see("/review")
    assert case.send().status_code == 303
    supplier = case.load_supplier()
    assert supplier.answers["workers_total"] == 120
    assert supplier.answers["recruitment_fees"] == "declined"
    with case.database.for_organisation(case.organisation_id) as session:
        sent = session.get_one(QuestionnaireRequest, case.asking_id)
        assert (sent.returned_on, sent.submitted_at is not None) == (now().date(), True)
        assert session.get_one(Result, supplier.latest_id).cause == "questionnaire"
    page = case.see()
    assert "The questionnaire has been submitted" in page
    assert "Your result" in page


def test_products_that_the_buyer_knows_are_on_the_page_and_stay_unless_the_supplier_clears_them(
    app: Flask, database: Database
):
    kept, cleared = (create_case(app, database, buyer=buyer, product="canned tuna") for buyer in ("Harbour", "Pier"))
    for case, changes in ((kept, {}), (cleared, {"product": ""})):
        case.post("/open")
        page = open_section(case, "Site")
        assert read_fields(page)["product"] == "canned tuna"
        case.save(page, {"city": "Ranong", **changes})
        case.send()
    assert kept.load_supplier().answers["product"] == "canned tuna"
    assert cleared.load_supplier().answers["product"] == "declined"


def test_a_page_that_was_open_for_long_takes_back_nothing_that_others_answered_meanwhile(case: Case):
    case.post("/open")
    mine, theirs = open_section(case, "Workforce"), open_section(case, "Workforce")
    case.save(mine, {"workers_total": "120"})
    case.save(theirs, {"workers_migrant": "80"})
    page = open_section(case, "Workforce")
    assert read_fields(page)["workers_total"] == "120"
    assert read_fields(page)["workers_migrant"] == "80"


def test_of_two_answers_at_once_the_last_counts_and_the_page_shows_both(case: Case):
    case.post("/open")
    mine, theirs = open_section(case, "Workforce"), open_section(case, "Workforce")
    case.save(mine, {"workers_total": "120"})
    case.save(theirs, {"workers_total": "200"})
    page = open_section(case, "Workforce")
    assert read_fields(page)["workers_total"] == "200"
    assert "This replaced “120”" in page


def test_an_answer_that_a_script_saves_twice_is_saved_once(case: Case):
    case.post("/open")
    path = find_section(case, "Workforce")
    fields = {"workers_total": "a few", "seen-workers_total": "0"}
    address, accept = f"/questionnaire/{case.token}{path}", {"Accept": "application/json"}
    first, second = (case.client.post(address, data=fields, headers=accept).json for _ in range(2))
    assert first == second
    assert first["answers"]["workers_total"]["seen"] == 1
    assert "is not a number" in first["answers"]["workers_total"]["messages"][0]["text"]
    assert case.count(DraftAnswer) == 1


def test_a_questionnaire_that_is_sent_twice_is_assessed_once(case: Case):
    case.post("/open")
    assert [case.send().status_code for _ in range(2)] == [303, 303]
    with case.database.for_organisation(case.organisation_id) as session:
        causes = session.scalars(select(Result.cause)).all()
    assert causes.count("questionnaire") == 1
    late = case.post("/sections/1", **{"trade_name": "Pier", "seen-trade_name": "0"})
    assert late.status_code == 303
    assert case.count(DraftAnswer) == 0


def test_nobody_sends_a_questionnaire_without_saying_that_they_may(case: Case):
    case.post("/open")
    assert case.post("/send").status_code == 422
    assert case.load_supplier().answers.get("recruitment_fees") is None


def test_an_answer_that_cannot_be_used_is_named_before_it_is_sent_and_still_shown_afterwards(case: Case):
    case.post("/open")
    back = case.save(open_section(case, "Workforce"), {"workers_total": "a few"})
    assert back.headers["Location"].endswith("#q-workers_total"), "the page comes back once"
    page = open_section(case, "Workforce")
    assert "&#39;a few&#39; is not a number." in page
    assert case.save(page, {}).headers["Location"] != back.headers["Location"], "and then lets people go on"
    assert "&#39;a few&#39; is not a number." in case.see("/review")
    case.send()
    assert "workers_total" not in case.load_supplier().answers
    assert "a few" in case.see()


def test_answers_that_contradict_each_other_are_named_as_people_read_them(case: Case):
    case.post("/open")
    case.save(open_section(case, "Recruitment"), {"worker_debt": "bound"})
    case.save(open_section(case, "Freedom"), {"freedom_to_resign": "free"})
    form = load_form("site")
    bound, free = (
        next(choice.title for choice in form.by_id[question].choices if choice.code == code)
        for question, code in (("worker_debt", "bound"), ("freedom_to_resign", "free"))
    )
    assert f"'{free}' does not agree with '{bound}' ({form.by_id['worker_debt'].title})." in html.unescape(
        case.see("/review")
    )
    thai = load_shipped_texts("th").form_language
    in_thai = html.unescape(case.see("/review?language=th"))
    assert f"'{thai.translate(free)}'" in in_thai
    assert f"'{thai.translate(bound)}' ({thai.translate(form.by_id['worker_debt'].title)})" in in_thai
    assert free not in in_thai
    case.send()
    path = f"/suppliers/{case.supplier_id}"
    officer = make_browser(case.app, make_user(case.database, case.organisation_id))
    assert f"“{free}”" in html.unescape(officer.get(path).text)
    review = html.unescape(officer.get(f"{path}/questionnaires/{case.asking_id}/review").text)
    assert f"'{free}' contradicts" in review
    assert "answered, but not used" in review
    assert "The question was asked and left blank" not in review.split('id="q-freedom_to_resign"')[1].split('id="q-')[0]
    assert "Please correct one of them" not in review, "that is for whoever answers"


def test_suppliers_read_moments_in_the_time_zone_of_the_buyer_and_which_one_that_is(case: Case):
    with case.database.unscoped() as session:
        session.get_one(Organisation, case.organisation_id).time_zone = "Asia/Bangkok"
    case.post("/open")
    case.send()
    assert re.search(r"received your answers on \d+ \w+ \d{4}, \d\d:\d\d \(UTC\+07:00\)\.", case.see())


def test_the_overview_leads_to_the_first_section_with_an_open_question(case: Case):
    case.post("/open")
    first = re.search(r'href="([^"]*/sections/\d+)[^"]*">Continue<', case.see())[1]
    assert first.endswith(find_section(case, "Site"))


def test_a_country_that_is_none_has_to_be_corrected_before_the_questionnaire_is_sent(case: Case):
    case.post("/open")
    case.save(open_section(case, "Site"), {"country": "Atlantis"})
    assert "is not a country that we recognise" in case.see("/review")
    assert case.send().status_code == 422
    case.save(open_section(case, "Site"), {"country": "Viet Nam"})
    assert case.send().status_code == 303
    assert case.load_supplier().answers["country"] == "VN"


def test_an_overlong_answer_is_refused_and_stays_on_the_page(case: Case):
    case.post("/open")
    answer = case.save(open_section(case, "Site"), {"product": "x" * 5000})
    assert answer.status_code == 422
    assert "x" * 5000 in answer.get_data(as_text=True)


def hand_over(case: Case, title: str) -> str:
    """Hand a section over to a colleague; return the token of the link."""
    page = case.client.post(
        f"/questionnaire/{case.token}{find_section(case, title)}/links", data={"addressee": "recruitment"}
    )
    return re.search(r"http://localhost/questionnaire/([\w-]{43})", page.get_data(as_text=True))[1]


def test_a_section_can_be_handed_over_and_its_link_opens_nothing_else(case: Case):
    case.post("/open")
    recruitment, workforce = find_section(case, "Recruitment"), find_section(case, "Workforce")
    token = hand_over(case, "Recruitment")
    assert "one section of this questionnaire: Recruitment" in case.see("", token)
    case.post("/open", token)
    page = case.see(recruitment, token)
    case.save(page, {"recruitment_fees": "none"}, token)
    assert 'value="none" checked' in open_section(case, "Recruitment")
    for path in (workforce, "/review", "/answers.xlsx", "/questions/workers_total/files"):
        assert case.get(path, token).status_code == 404, path
    for path in ("/send", workforce, f"{recruitment}/links"):
        assert case.post(path, token, confirmed="yes", addressee="other").status_code == 404, path
    case.send()
    assert "Your result" not in case.see("", token)


def test_both_sides_can_withdraw_a_section_that_was_handed_over(case: Case):
    case.post("/open")
    token = hand_over(case, "Recruitment")
    revoke = re.search(r"/links/[^/]+/revoke", case.see())[0]
    assert case.post(revoke).status_code == 303
    assert case.get("", token).status_code == 404
    token = hand_over(case, "Recruitment")
    with case.database.for_organisation(case.organisation_id) as session:
        own = session.scalars(select(SupplierLink).where(SupplierLink.parent_id.is_(None))).one()
        links.revoke_link(session, case.supplier_id, own.id, "user:ana")
    assert case.get("", token).status_code == 404, "the link to a section ends with the one it was made through"


def test_a_link_to_a_section_opens_nothing_if_the_link_it_was_made_through_was_just_revoked(case: Case):
    with case.database.for_organisation(case.organisation_id) as session:
        parent = links.find_link(session, case.token, links.QUESTIONNAIRE)
        links.revoke_link(session, case.supplier_id, parent.id, "user:ana")
        # As when the page of the parent was being answered meanwhile.
        _, token = links.create_section_link(session, parent, "other", "Recruitment")
    assert case.get("", token).status_code == 404


def test_a_link_to_a_section_withdraws_no_other_link(case: Case):
    case.post("/open")
    token = hand_over(case, "Recruitment")
    revoke = re.search(r"/links/[^/]+/revoke", case.see())[0]
    assert case.post(revoke, token).status_code == 404


def answer_core(case: Case) -> None:
    """Answer every question that is asked first, in a way that says little."""
    for section in re.findall(r"/sections/\d+", case.see()):
        page = case.see(section)
        answers = {}
        for name, value in re.findall(r'type="radio" name="([^"]+)" value="([^"]+)"', page):
            answers.setdefault(name, value)
        for name in re.findall(r'<input name="([^"]+)"', page):
            answers[name] = read_fields(page)[name] or ("Nepal" if "countries" in name else "5")
        case.save(page, answers)


def test_a_form_with_a_core_asks_further_questions_only_while_they_can_change_the_level(case: Case):
    case.post("/open")
    first = set(
        re.findall(r'data-question="([^"]+)"', "".join(case.see(s) for s in re.findall(r"/sections/\d+", case.see())))
    )
    core = {question.id for question in load_form("site").questions if question.core}
    assert core - {"name", "reference"} <= first
    assert len(first) <= len(core) + 5, "besides the core, only what is known already"
    assert "Once you have answered these questions" in case.see()
    answer_core(case)
    assert "Once you have answered these questions" not in case.see()
    case.send()
    answers = case.load_supplier().answers
    never_shown = [q.id for q in load_form("site").questions if q.is_practice and q.id not in answers]
    declined = [question for question, answer in answers.items() if answer == "declined"]
    asked = set(re.findall(r"<dt>", case.see()))
    assert asked
    assert "What would help" in case.see()
    assert "Ask your customer for the questionnaire" not in case.see(), "it was asked all that matters"
    assert never_shown or declined, "what was not shown is not asked, and what was shown is declined"


def test_what_counts_as_declined_was_listed_before_the_questionnaire_was_sent(case: Case):
    case.post("/open")
    listed = set(re.findall(r"#q-(\w+)", case.see("/review")))
    case.send()
    answers = case.load_supplier().answers
    assert answers["recruitment_fees"] == "declined"
    assert {question for question, answer in answers.items() if answer == "declined"} <= listed


GOOD = {
    "product": "Tins", "workers_total": "200", "worker_origin_countries": "Nepal", "uses_agencies": "no",
    "recruitment_fees": "none_checked", "worker_debt": "none_checked", "family_debt": "none_checked",
    "promises_kept": "asked_kept", "papers_retention": "worker_holds", "movement": "free", "outside_contact": "free",
    "freedom_to_resign": "free", "employer_change": "free", "state_placement": "none_traced", "wage_payment": "on_time",
    "overtime_voluntary": "voluntary", "working_conditions": "good", "youngest_workers": "adults_checked",
    "violence": "none_asked", "threats": "none_asked",
}  # fmt: skip


def test_a_first_question_without_an_answer_does_not_spare_the_further_questions(app: Flask, database: Database):
    case = create_case(app, database, country="MY", sector=["2610"])
    case.post("/open")
    for section in re.findall(r"/sections/\d+", case.see()):
        page = case.see(section)
        case.save(page, {name: answer for name, answer in GOOD.items() if f'name="seen-{name}"' in page})
    assert 'id="q-housing"' not in "".join(case.see(section) for section in re.findall(r"/sections/\d+", case.see()))
    review = case.see("/review")
    linked = re.search(r"/sections/\d+\?sending=1(?=#q-housing)", review)
    assert linked, "what could still change the level is asked before the questionnaire is sent"
    page = case.see(linked[0])
    assert 'id="q-housing"' in page
    case.save(page, {"housing": "good"})
    case.send()
    answers = case.load_supplier().answers
    assert answers["retaliation"] == "declined"


def list_pages(case: Case) -> list[str]:
    """Every page of a link, the forms to add documents too."""
    case.post("/open")
    sections = [case.see(path) for path in re.findall(r"/sections/\d+", case.see())]
    return [case.see(), case.see("/review"), *sections]


@pytest.mark.parametrize("form", [form for form in list_form_ids() if load_form(form).kind in ("site", "agency")])
def test_no_page_asks_what_buyers_or_case_handlers_answer_or_shows_what_workers_reported(
    app: Flask, database: Database, form: str
):
    kind = load_form(form).kind
    reported = {"reported_harms": ["debt_bondage"]} if "reported_harms" in load_combined_form(kind).by_id else {}
    for version in ("2026.4", None):
        case = create_case(app, database, form, version, f"Buyer {version}", **reported)
        text = "".join(list_pages(case))
        for question in load_combined_form(kind).questions:
            if question.audience != "supplier" or question.person:
                assert question.ask not in text, question.id
                assert f'"{question.id}"' not in text, question.id


def test_a_question_that_is_sensitive_in_a_country_is_not_asked_there(app: Flask, database: Database):
    ask = load_form("site", "2026.5").by_id["state_placement"].ask
    elsewhere = create_case(app, database, "site", "2026.5")
    assert ask in "".join(list_pages(elsewhere))
    elsewhere.save(open_section(elsewhere, "Site"), {"country": "China"})
    assert ask not in "".join(list_pages(elsewhere)), "also if the supplier says that it is there"
    elsewhere.send()
    assert "state_placement" not in elsewhere.load_supplier().answers
    assert ask not in "".join(list_pages(create_case(app, database, "site", "2026.5", "Quay Trading", country="CN")))


def test_a_document_is_claimed_as_evidence_and_its_name_is_not_kept(case: Case):
    case.post("/open")
    fields = {"kind": "audit", "dated": "2026-01-02"}
    late = {**fields, "dated": "2999-01-01", "file": (BytesIO(b"a,b\n1,2\n"), "Bo Aung.csv")}
    assert case.post("/questions/recruitment_fees/files", **late).status_code == 422
    assert case.app.extensions["blob_store"].list_digests() == ()
    for _ in range(2):
        added = case.post("/questions/recruitment_fees/files", **fields, file=(BytesIO(b"a,b\n1,2\n"), "Bo Aung.csv"))
        assert added.status_code == 303
    remove = re.search(
        r"/questions/recruitment_fees/files/[^/]+/remove", case.see("/questions/recruitment_fees/files")
    )[0]
    assert case.post(remove).status_code == 303
    case.save(open_section(case, "Recruitment"), {"recruitment_fees": "none"})
    case.send()
    (piece,) = case.load_supplier().answers["evidence"]
    assert (piece["grade"], piece["date"], piece["covers"]) == ("audit", "2026-01-02", ["recruitment_fees"])
    assert "confirmed" not in piece
    with case.database.for_organisation(case.organisation_id) as session:
        (file,) = session.scalars(select(AnswerFile))
        assert "Bo" not in repr(vars(file))
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    download = browser.get(f"/suppliers/{case.supplier_id}/answer-files/{file.id}")
    assert download.get_data() == b"a,b\n1,2\n"
    assert "attachment" in download.headers["Content-Disposition"]


def test_documents_are_shown_to_the_buyer_only_once_the_questionnaire_is_sent(case: Case):
    case.post("/open")
    case.post(
        "/questions/recruitment_fees/files", kind="audit", dated="2026-01-02", file=(BytesIO(b"a,b\n1,2\n"), "a.csv")
    )
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    page = f"/suppliers/{case.supplier_id}/links"
    assert "Documents sent with questionnaires" not in browser.get(page).get_data(as_text=True)
    case.send()
    assert "Documents sent with questionnaires" in browser.get(page).get_data(as_text=True)


def test_whoever_sent_the_questionnaire_is_told_that_it_is_back(case: Case):
    case.post("/open")
    case.send()
    with case.database.for_organisation(case.organisation_id) as session:
        (message,) = session.scalars(select(Message).where(Message.event == "questionnaire.returned"))
        sent = session.get_one(QuestionnaireRequest, case.asking_id)
        assert f"user:{message.user_id}" == sent.created_by
        assert message.payload["questionnaire_id"] == case.asking_id
        actions = session.scalars(select(AuditEvent.action)).all()
    assert {"link.opened", "form.submitted", "form.returned"} <= set(actions)


def test_a_request_says_how_far_it_has_got(case: Case):
    def describe(days: int = 0) -> Progress:
        with case.database.for_organisation(case.organisation_id) as session:
            sent = session.get_one(QuestionnaireRequest, case.asking_id)
            return describe_progress(session, [sent], now().date() + timedelta(days=days))[sent.id]

    assert (describe().state, describe().is_late, describe(15).is_late) == ("sent", False, True)
    case.post("/open")
    assert describe().state == "opened"
    case.save(open_section(case, "Workforce"), {"workers_total": "120"})
    assert describe().state == "started"
    answer_core(case)
    assert describe().state == "part"
    case.send()
    assert (describe(15).state, describe(15).is_late) == ("returned", False)


def test_the_buyer_reads_the_count_of_answers_that_the_supplier_reads(case: Case):
    def count() -> tuple[int, int]:
        with case.database.for_organisation(case.organisation_id) as session:
            sent = session.get_one(QuestionnaireRequest, case.asking_id)
            found = describe_progress(session, [sent], now().date())[sent.id]
        sections = re.findall(r"(\d+) of (\d+) answered", case.see())
        assert (found.answered, found.asked) == tuple(sum(map(int, counts)) for counts in zip(*sections, strict=True))
        return found.answered, found.asked

    case.post("/open")
    known, asked = count()
    case.save(open_section(case, "Workforce"), {"workers_total": "120"})
    assert count() == (known + 1, asked)
    case.save(open_section(case, "Workforce"), {"workers_total": "quite a few"})
    assert count() == (known, asked), "an answer that cannot be read is still open"
    answer_core(case)
    assert count()[1] <= asked, "as long as it is, no further questions are asked"
    case.save(open_section(case, "Workforce"), {"workers_total": "120"})
    assert count()[1] > asked, "further questions count once they are shown"


def test_the_pages_are_small_set_no_cookie_and_are_not_indexed(app: Flask, database: Database):
    case = create_case(app, database, "site_fishing", "2026.5")
    compressed = {"Accept-Encoding": "gzip"}
    static = sum((Path(app.static_folder) / f"questionnaire.{kind}").stat().st_size for kind in ("css", "js"))
    cover = case.client.get(f"/questionnaire/{case.token}", headers=compressed)
    assert len(cover.get_data()) + static < 60_000
    assert "Set-Cookie" not in cover.headers
    assert "noindex" in cover.headers["X-Robots-Tag"]
    assert cover.headers["Referrer-Policy"] == "no-referrer"
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', case.see()) == [], "nothing from other sites"
    case.post("/open")
    for path in ["", "/review", *re.findall(r"/sections/\d+", case.see())]:
        page = case.client.get(f"/questionnaire/{case.token}{path}", headers=compressed)
        assert len(page.get_data()) < 20_000, path


def test_the_answers_can_be_downloaded_as_the_same_questionnaire(case: Case):
    case.post("/open")
    case.save(open_section(case, "Recruitment"), {"recruitment_fees": "most"})
    case.send()
    book = load_workbook(BytesIO(case.get("/answers.xlsx").get_data()))
    values = [str(cell.value) for cell in book["Sites"][3]]
    assert "Most or all workers pay" in values


def test_a_link_to_a_questionnaire_is_made_on_the_page_of_links(case: Case):
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    path = f"/suppliers/{case.supplier_id}/links"
    shown = send(browser, path, opens=case.asking_id, addressee="compliance", days="7").get_data(as_text=True)
    token = re.search(r"http://localhost/questionnaire/([\w-]{43})", shown)[1]
    assert "Harbour Foods asks Blue Pier Cannery" in case.see("", token)
    assert "Questionnaire site" in re.sub(r"\s+", " ", shown)
    for days in ("0", "91"):
        assert send(browser, path, opens=case.asking_id, addressee="compliance", days=days).status_code == 422
    case.post("/open")
    case.send()
    assert send(browser, path, opens=case.asking_id, addressee="compliance", days="7").status_code == 409


def test_what_was_entered_is_erased_with_the_supplier(case: Case):
    case.post("/open")
    case.save(open_section(case, "Workforce"), {"workers_total": "120"})
    case.post(
        "/questions/workers_total/files", kind="audit", dated="2026-01-02", file=(BytesIO(b"a,b\n1,2\n"), "a.csv")
    )
    with case.database.for_organisation(case.organisation_id) as session:
        erase_supplier(session, session.get_one(Supplier, case.supplier_id), now(), "user:ana")
    assert case.get().status_code == 404
    assert [case.count(table) for table in (DraftAnswer, AnswerFile, SupplierLink)] == [0, 0, 0]


def test_after_a_merge_the_answers_count_for_the_survivor_and_nothing_of_it_is_shown(case: Case):
    case.post("/open")
    at = now()
    with case.database.for_organisation(case.organisation_id) as session:
        known = {"name": "Amber Cannery", "reference": "S-2", "country": "TH", "city": "Ranong", "sector": ["1020"]}
        other, _ = suppliers.save_supplier(session, "site", known, at.date(), at, "user:ana", "import")
        merge_suppliers(session, session.get_one(Supplier, case.supplier_id), other, at, "user:ana")
        survivor = other.id
    pages = "".join(list_pages(case))
    case.save(open_section(case, "Workforce"), {"workers_total": "120"})
    case.send()
    pages += case.see()
    copy = load_workbook(BytesIO(case.get("/answers.xlsx").get_data()))
    pages += repr([row for sheet in copy.worksheets for row in sheet.iter_rows(values_only=True)])
    assert "120" in pages
    assert "'S-2'" not in pages
    assert "Amber" not in pages
    assert "Ranong" not in pages
    assert "Your result" not in pages
    with case.database.for_organisation(case.organisation_id) as session:
        assert session.get_one(Supplier, survivor).answers["workers_total"] == 120


def test_the_buyer_sees_which_answers_could_not_be_read(case: Case):
    case.post("/open")
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    path = f"/suppliers/{case.supplier_id}"
    case.save(open_section(case, "Workforce"), {"workers_total": "a few"})
    before = browser.get(path).get_data(as_text=True)
    assert "started" in before
    assert "a few" not in before, "nobody reads a draft"
    case.send()
    assert "Total workers: “a few”" in browser.get(path).get_data(as_text=True)


def test_the_questions_are_shown_in_the_language_that_is_chosen_and_read_as_in_english(case: Case):
    case.post("/open")
    thai = load_language("th")
    path = find_section(case, "Recruitment")
    english, page = case.see(path), case.see(f"{path}?language=th")
    ask = load_form("site").by_id["recruitment_fees"].ask
    assert ask in english
    assert ask not in page
    assert thai.translate(ask) in page
    assert f"{path}?language=th" in page, "the language stays"
    assert "คำแปลยังไม่ได้รับการตรวจสอบครบถ้วน" in case.see("?language=th")
    workforce = case.see(f"{find_section(case, 'Workforce')}?language=th")
    assert "<option>เนปาล</option>" in workforce
    assert "<option>Nepal</option>" not in workforce
    case.save(page.replace("?language=th", ""), {"recruitment_fees": "most"})
    assert 'value="most" checked' in case.see(path)
    assert case.get(f"{path}?language=xx").status_code == 200


def test_a_questionnaire_in_arabic_runs_from_right_to_left(case: Case):
    case.post("/open")
    page = case.see(f"{find_section(case, 'Recruitment')}?language=ar")
    assert 'dir="rtl"' in page
    wanted = load_language("ar").translate(load_form("site").by_id["recruitment_fees"].evidence_wanted)
    assert f"<bdi>{wanted}</bdi>" in page, "its punctuation is not moved by the English before it"
