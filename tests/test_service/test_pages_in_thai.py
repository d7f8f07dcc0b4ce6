"""Everything that a supplier, and whoever surveys its workers, opens through a link is in Thai, if it was opened in Thai."""

import re
from html.parser import HTMLParser
from io import BytesIO

import pytest
from callers import freeze_time, make_organisation
from flask import Flask
from test_collected_surveys import write_export
from test_online_questionnaires import Case as Questionnaire
from test_online_questionnaires import case as questionnaire  # noqa: F401  a fixture
from test_shared_plans import Case as Plan
from test_shared_plans import ask, reply
from test_shared_plans import case as plan  # noqa: F401  a fixture
from test_taking_findings import AT
from test_worker_surveys import PLAN, Surveyed

from service.db.session import Database

THAI = "language=th"
WORD = re.compile(r"[A-Za-z]{2,}")
EMPTY = ("area", "br", "col", "hr", "img", "input", "link", "meta")  # elements without an end
NAMES = {
    "Blue", "Pier", "Cannery", "Harbour", "Foods", "Demo", "Example",  # the supplier and its buyer
    "Packers", "union",  # who runs the survey
}  # fmt: skip
MEANT = {
    "ISIC", "NACE", "NAICS", "HS",  # classifications
    "PDF", "PNG", "JPEG", "XLSX", "DOCX", "CSV", "JSON", "ODK", "KoboToolbox", "kB", "MB",  # formats, programs, units
    "Diligence", "UTC",
    "Recruitment", "fees",  # the finding of the plan: no model knows it, so that it goes by its id
}  # fmt: skip


class Page(HTMLParser):
    """The words that a reader of a page sees or hears, except those in elements that are in another language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[bool] = []  # of each open element, whether it is read in Thai
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_thai = tag not in ("script", "style", "code") and given.get("lang", "th") == "th" and all(self.open)
        if is_thai:
            self.texts += [given[name] or "" for name in ("aria-label", "placeholder", "title", "alt") if name in given]
            self.texts += [given["value"] or ""] if tag == "input" and given.get("type") is None else []
        if tag not in EMPTY:
            self.open.append(is_thai)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if all(self.open):
            self.texts.append(data)


def list_english(page: str) -> list[str]:
    """List the texts of a page that have a word in Latin letters which is no name and is not meant to be there."""
    texts = (" ".join(text.split()) for text in Page(page).texts)
    return [text for text in texts if set(WORD.findall(text)) - NAMES - MEANT]


def test_a_questionnaire_is_in_thai_from_its_cover_to_its_result(questionnaire: Questionnaire):  # noqa: F811
    case = questionnaire
    pages = {"cover": case.see(f"?{THAI}")}
    case.post(f"/open?{THAI}")
    pages["overview"] = case.see(f"?{THAI}")
    sections = dict.fromkeys(re.findall(r"/sections/\d+", pages["overview"]))
    for section in sections:
        pages[section] = case.see(f"{section}?{THAI}")
    workforce = next(section for section in sections if "workers_total" in pages[section])
    number = workforce.rpartition("/")[2]
    case.post(f"/sections/{number}?{THAI}", **{"workers_total": "สองสามคน", "seen-workers_total": "0", "then": "next"})
    pages["an answer that cannot be read"] = case.see(f"{workforce}?{THAI}")
    fees = next(section for section in sections if "recruitment_fees" in pages[section])
    case.post(f"{fees}?{THAI}", **{"recruitment_fees": "most", "seen-recruitment_fees": "0", "then": "next"})
    pages["documents"] = case.see(f"/questions/recruitment_fees/files?{THAI}")
    pages["no document"] = case.post(f"/questions/recruitment_fees/files?{THAI}", kind="document").get_data(
        as_text=True
    )
    pages["review"] = case.see(f"/review?{THAI}")
    pages["not confirmed"] = case.post(f"/send?{THAI}").get_data(as_text=True)
    assert case.post(f"/send?{THAI}", confirmed="yes").status_code == 303
    pages["result"] = case.see(f"?{THAI}")
    pages["expired"] = case.get(f"?{THAI}", token="A" * 43).get_data(as_text=True)
    pages["not found"] = case.get(f"/sections/99?{THAI}").get_data(as_text=True)
    assert {name: english for name, page in pages.items() if (english := list_english(page))} == {}


def test_a_plan_is_in_thai_from_its_cover_to_the_reply(plan: Plan):  # noqa: F811
    letter, path = ask(plan, text="อาจมีคนงานจ่ายค่านายหน้า"), f"/shared/{plan.token}"
    pages = {"cover": plan.client.get(f"{path}?{THAI}").get_data(as_text=True)}
    plan.client.post(f"{path}/open?{THAI}")
    pages["plan"] = plan.client.get(f"{path}?{THAI}").get_data(as_text=True)
    pages["refused"] = plan.send(f"letters/{letter}?{THAI}").get_data(as_text=True)
    assert reply(plan, letter, "accepts", "เราจะจ่ายคืน").status_code == 303
    plan.send(f"steps/{plan.ids['step']}?{THAI}", agrees="yes")
    pages["replied"] = plan.client.get(f"{path}?{THAI}").get_data(as_text=True)
    pages["proof refused"] = plan.send(f"steps/{plan.ids['step']}/files?{THAI}").get_data(as_text=True)
    assert {name: english for name, page in pages.items() if (english := list_english(page))} == {}


def test_whoever_runs_a_survey_sends_its_answers_on_a_page_in_thai(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, AT)
    with database.for_organisation(make_organisation(database)) as session:
        path = f"/voice/{Surveyed(session, PLAN).survey.address}/export?{THAI}"
    union = app.test_client()
    files = {
        "counted": write_export(["ACDEF-GHJKL"]),
        "no export": b"name\nA\n",
        "too long": write_export(["ACDEF-GHJKL"] * 200),
    }
    pages = {name: union.post(path, data={"file": (BytesIO(data), "export.csv")}) for name, data in files.items()}
    pages |= {
        "opened": union.get(path),
        "no file": union.post(path),
        "another form": union.get(path.replace("/export", "x")),
    }
    read = {name: page.get_data(as_text=True) for name, page in pages.items()}
    assert "รหัสนี้ใช้ไม่ได้" in read["counted"]
    assert {name: english for name, page in read.items() if (english := list_english(page))} == {}
