"""Test the action plan workbook: what comes of a filled-in file, and that it neither loses nor overwrites anybody's work."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from callers import make_browser, make_organisation, make_user, send
from databases import SECRET_KEYS, opened
from flask import Flask
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from portal import make_portal
from sqlalchemy import event, func, select
from test_taking_findings import AT, HELD, SITE, save

from service.db.remediation_tables import Step, StepComment, StepEvidence, Transition
from service.db.session import Database
from service.errors import DomainError
from service.plan_workbook.changes import Outcome, preview_changes, save_changes
from service.plan_workbook.columns import TITLES
from service.plan_workbook.reading import Table, read_workbook
from service.plan_workbook.writing import write_workbook
from service.remediation import steps as step_service
from service.remediation.rules import Actor
from service.remediation.steps import Act

pytestmark = pytest.mark.usefixtures("quick_hashes")
CAUSED = (Transition, StepComment, StepEvidence)
# What is filled in, the header of the cell that is named, and the code of the fault.
REFUSED = (
    ({"state": "Verified"}, "State", "transition.not_allowed"),
    ({"state": "Nearly done"}, "State", "plan_workbook.choice"),
    ({"state": None}, "State", "plan_workbook.choice"),
    ({"owner": "Somebody"}, "Owner", "plan_workbook.choice"),
    ({"due": "next week"}, "Due", "plan_workbook.date"),
    ({"due": date(2027, 3, 1)}, "Reason for the change", "transition.reason"),
    ({"reason": "Because."}, "Reason for the change", "plan_workbook.reason"),
    ({"evidence_kind": "Document"}, "Where the evidence is kept", "evidence.reference"),
    ({"evidence_reference": "Minutes 7"}, "Kind of evidence", "plan_workbook.choice"),
    ({"done": "Paid to passport AB1234567, tel. +66 81 234 5678"}, "What was done", "person.phone"),
    ({"done": "=1+1"}, "What was done", "plan_workbook.formula"),
    ({"exported": "yesterday"}, "As exported", "plan_workbook.exported"),
    ({"step_id": "of another firm"}, "Step ID", "plan_workbook.unknown_step"),
)


class Plan:
    """A site with open steps, and the officer who works on them in a spreadsheet."""

    def __init__(self, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        self.officer = make_user(database, self.id, name="Ana")
        self.act = Act(Actor(f"user:{self.officer}", "officer", self.officer), AT.date(), AT, sees_worker_derived=True)
        with database.for_organisation(self.id) as session:
            self.site = save(session, {**SITE, **HELD}).id

    def export(self, **options: Any) -> bytes:
        with self.database.for_organisation(self.id, write=False) as session:
            return write_workbook(session, self.act, **options)

    def save(self, data: bytes, *, name: str = "plan.xlsx", only_preview: bool = False) -> Outcome:
        table = read_workbook(data, name)
        with self.database.for_organisation(self.id) as session:
            return (preview_changes if only_preview else save_changes)(session, table, self.act)

    def refuse(self, data: bytes) -> list[dict[str, Any]]:
        """What is wrong with a file, of which nothing is saved."""
        before = self.count()
        with pytest.raises(DomainError) as refused:
            self.save(data)
        assert self.count() == before
        return list(refused.value.extra["faults"])

    def count(self) -> list[int]:
        with self.database.for_organisation(self.id, write=False) as session:
            return [session.scalars(select(func.count()).select_from(table)).one() for table in CAUSED]

    def get(self, step_id: str) -> Step:
        with self.database.for_organisation(self.id, write=False) as session:
            return session.get_one(Step, step_id)


@pytest.fixture
def plan(sqlite_database: Database) -> Plan:
    return Plan(sqlite_database)


class Sheet:
    """The sheet of steps, in which cells are named by the header of their column."""

    def __init__(self, data: bytes) -> None:
        self.book = load_workbook(BytesIO(data))
        self.sheet: Worksheet = self.book["Steps"]
        self.columns = {cell.value: cell.column for cell in self.sheet[1]}

    def find(self, header: str, value: str) -> int:
        return next(row for row in range(2, self.sheet.max_row + 1) if self.read(row, header) == value)

    def read(self, row: int, header: str) -> Any:
        return self.sheet.cell(row, self.columns[header]).value or ""

    def fill(self, row: int, **values: object) -> bytes:
        for field, value in values.items():
            self.sheet.cell(row, self.columns[TITLES[field]]).value = value
        buffer = BytesIO()
        self.book.save(buffer)
        return buffer.getvalue()


def fill(data: bytes, change: Callable[[Sheet, int], bytes]) -> tuple[bytes, str]:
    """A workbook with a change to a step that does not protect people, and the id of that step."""
    sheet = Sheet(data)
    row = sheet.find("Protects people", "")
    return change(sheet, row), sheet.read(row, "Step ID")


def test_a_file_that_nobody_changed_changes_nothing_even_when_steps_changed_since(plan: Plan):
    data = plan.export()
    with plan.database.for_organisation(plan.id) as session:
        step = session.scalars(select(Step).where(Step.safety.is_(False))).first()
        step_service.assign(session, step, plan.officer, plan.act)
    before = plan.count()
    outcome = plan.save(data)
    assert (outcome.changes, outcome.stale) == ([], [])
    assert outcome.unchanged == Sheet(data).sheet.max_row - 1 > 1
    assert plan.count() == before


def test_what_was_filled_in_is_shown_first_and_then_saved_once(database: Database):
    plan = Plan(database)
    values = {
        "owner": "Ana",
        "due": date(2027, 3, 1),
        "reason": "The works council meets in February.",
        "state": "Agreed",
        "evidence_kind": "Document",
        "evidence_reference": "Minutes 7",
        "done": "Discussed with the plant.",
    }
    data, id_ = fill(plan.export(), lambda sheet, row: sheet.fill(row, **values))
    before = plan.count()
    shown = plan.save(data, only_preview=True)
    assert [change.column for change in shown.changes] == [
        "Owner", "Due", "State", "Where the evidence is kept", "What was done",
    ]  # fmt: skip
    assert plan.count() == before
    assert plan.get(id_).version == 1
    assert plan.save(data).changes == shown.changes
    step = plan.get(id_)
    assert (step.owner_id, step.due, step.state) == (plan.officer, date(2027, 3, 1), "evidence_in")
    after = plan.count()
    again = plan.save(data)
    assert ([id_ for _row, id_ in again.stale], again.changes) == ([id_], [])
    assert plan.count() == after


def test_a_comment_that_is_sent_again_is_not_added_again(plan: Plan):
    data, _ = fill(plan.export(), lambda sheet, row: sheet.fill(row, done="Discussed with the plant."))
    assert len(plan.save(data).changes) == 1
    assert plan.save(data).changes == []


def test_a_row_whose_step_has_changed_is_reported_and_never_overwrites_it(plan: Plan):
    data, id_ = fill(plan.export(), lambda sheet, row: sheet.fill(row, state="In progress"))
    with plan.database.for_organisation(plan.id) as session:
        step_service.change_state(session, step_service.get_step(session, id_, plan.act), "agreed", None, plan.act)
    outcome = plan.save(data)
    assert ([id_ for _row, id_ in outcome.stale], outcome.changes) == ([id_], [])
    assert plan.get(id_).state == "agreed"


def test_a_cell_that_cannot_be_used_is_named_and_nothing_is_saved(plan: Plan):
    data = plan.export()
    for values, column, code in REFUSED:
        sheet = Sheet(data)
        row = sheet.find("Protects people", "")
        sheet.fill(3 if row == 2 else 2, done="This would be fine.")
        (fault,) = plan.refuse(sheet.fill(row, **values))
        assert (fault["column"], fault["code"]) == (column, code)
        assert fault["text"].startswith(f"Steps!{fault['cell']}, {column}:")
        assert fault["cell"].endswith(str(row))


def test_a_later_date_for_a_step_that_protects_people_takes_an_approver(plan: Plan):
    sheet = Sheet(plan.export())
    row = sheet.find("Protects people", "yes")
    data = sheet.fill(row, due=date(2030, 1, 1), reason="The shelter opens then.")
    assert [(fault["column"], fault["code"]) for fault in plan.refuse(data)] == [("Due", "transition.approver")]


def test_a_step_that_is_listed_twice_or_a_file_without_a_column_is_refused(plan: Plan):
    sheet = Sheet(plan.export())
    twice = sheet.fill(3, step_id=sheet.read(2, "Step ID"))
    assert [fault["code"] for fault in plan.refuse(twice)] == ["plan_workbook.twice"]
    sheet.sheet.cell(1, sheet.columns["Due"]).value = "Until"
    with pytest.raises(DomainError, match="must contain each of these columns exactly once: Due"):
        plan.save(sheet.fill(2))
    with pytest.raises(DomainError, match="This is not an action plan workbook"):
        plan.save(b"name,country\nBlue Pier,TH\n", name="list.csv")


def test_steps_that_are_known_from_workers_are_in_the_file_only_on_request_and_for_those_who_may_see_them(plan: Plan):
    with plan.database.for_organisation(plan.id) as session:
        step = session.scalars(select(Step).where(Step.safety.is_(False))).first()
        step.worker_derived, hidden = True, step.id
    with_them = plan.export(from_workers=True)
    sheet = Sheet(with_them)
    assert sheet.read(sheet.find("Step ID", hidden), "Known only from workers") == "yes"
    assert hidden not in {row[-1] for row in Sheet(plan.export()).sheet.values} | {
        cell for row in Sheet(plan.export()).sheet.values for cell in row
    }
    plan.act = Act(Actor("user:dee", "approver", "dee"), AT.date(), AT, sees_worker_derived=False)
    assert hidden not in {cell for row in Sheet(plan.export(from_workers=True)).sheet.values for cell in row}
    assert [fault["code"] for fault in plan.refuse(with_them)] == ["plan_workbook.unknown_step"]


def test_lists_offer_the_states_that_can_follow_and_the_users_who_can_be_given_a_step(plan: Plan):
    make_user(plan.database, plan.id, "viewer", name="Vic")
    book = load_workbook(BytesIO(plan.export()))
    lists = {column[0].value: [cell.value for cell in column if cell.value] for column in book["_lists"].columns}
    assert lists["Planned"] == ["Planned", "Agreed", "In progress", "Withheld: unsafe"]
    assert lists["Nobody"] == ["Nobody", "Ana"]
    assert book["_lists"].sheet_state == "hidden"
    checked = {str(rule.sqref) for rule in book["Steps"].data_validations.dataValidation if rule.type == "list"}
    assert len(checked) == book["Steps"].max_row - 1 + 2


def test_the_page_shows_the_changes_and_saves_them(app: Flask, database: Database):
    plan = Plan(database)
    browser = make_browser(app, plan.officer)
    data = browser.get("/remediation/workbook.xlsx").get_data()
    filled, id_ = fill(data, lambda sheet, row: sheet.fill(row, state="Agreed"))
    shown = send(browser, "/remediation/workbook", file=(BytesIO(filled), "plan.xlsx"))
    page = shown.get_data(as_text=True)
    assert "1 change to save" in page
    assert plan.get(id_).state == "planned"
    table = page.split('name="table" value="')[1].split('"')[0].replace("&#34;", '"')
    assert send(browser, "/remediation/workbook/changes", table=table).status_code == 303
    assert plan.get(id_).state == "agreed"
    stale = send(browser, "/remediation/workbook/changes", table=table)
    assert "1 row is out of date" in stale.get_data(as_text=True)
    assert send(browser, "/remediation/workbook/changes", table="[]").status_code == 422


def test_the_api_downloads_previews_and_saves_a_workbook_once_for_each_key(app: Flask, database: Database):
    plan = Plan(database)
    portal = make_portal(app, plan.id, "remediation:read", "remediation:write")
    data = portal.get("/plan-workbook?party=supplier").get_data()
    filled, id_ = fill(data, lambda sheet, row: sheet.fill(row, state="Agreed"))

    def upload(**more: Any) -> Any:
        headers = {"Idempotency-Key": more.pop("once", "a")}
        body = {"file": (BytesIO(more.pop("data", filled)), "plan.xlsx"), **more}
        return portal.call("POST", "/plan-workbook", data=body, headers=headers)

    shown = upload(preview="true", once="p")
    assert [change["after"] for change in shown.json["changes"]] == ["Agreed"]
    assert plan.get(id_).state == "planned"
    saved = upload()
    assert plan.get(id_).state == "agreed"
    assert upload().json == saved.json
    assert upload(data=data).json["code"] == "idempotency.reused"
    assert [row["step_id"] for row in upload(once="b").json["stale"]] == [id_]
    refused = upload(data=fill(data, lambda sheet, row: sheet.fill(row, due="soon"))[0], once="c")
    assert (refused.status_code, refused.json["code"]) == (422, "plan_workbook.file")
    assert refused.json["faults"][0]["column"] == "Due"


def fill_all(plan: Plan) -> Table:
    """The rows of a workbook in which every step is given to Ana, with a comment."""
    table = read_workbook(plan.export(), "plan.xlsx")
    texts = {"owner": "Ana", "done": "Discussed with the plant."}
    return replace(table, rows=tuple(replace(row, texts={**row.texts, **texts}) for row in table.rows))


def test_saving_a_workbook_takes_no_more_statements_for_more_rows(database: Database):
    plan = Plan(database)
    with database.for_organisation(plan.id) as session:
        for number in range(4):
            save(session, {**SITE, **HELD, "name": f"Mill {number}", "reference": f"M-{number}"})
    table = fill_all(plan)
    statements: list[str] = []
    with opened(database.engine.url) as engine:
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        counts = []
        for rows in (table.rows[:1], table.rows[1:]):
            statements.clear()
            with Database(engine, SECRET_KEYS).for_organisation(plan.id) as session:
                outcome = save_changes(session, replace(table, rows=rows), plan.act)
            assert len(outcome.changes) == 2 * len(rows)
            # SQLite numbers the events of the audit trail one at a time.
            counts.append(len([sql for sql in statements if not sql.startswith("INSERT INTO audit_event")]))
    assert len(table.rows) > 8
    assert counts[1] <= counts[0]


def test_looking_at_a_workbook_waits_for_nobody_who_writes(app: Flask, database: Database):
    plan = Plan(database)
    browser = make_browser(app, plan.officer)
    filled, id_ = fill(plan.export(), lambda sheet, row: sheet.fill(row, state="Agreed"))
    with database.for_organisation(plan.id) as session:
        step_service.get_step(session, id_, plan.act)
        shown = send(browser, "/remediation/workbook", file=(BytesIO(filled), "plan.xlsx"))
    assert "1 change to save" in shown.get_data(as_text=True)
    assert plan.get(id_).state == "planned"


def test_a_workbook_is_read_and_searched_before_anybody_has_to_wait_for_it(app: Flask, database: Database):
    plan = Plan(database)
    portal = make_portal(app, plan.id, "remediation:read", "remediation:write")
    filled, _ = fill(plan.export(), lambda sheet, row: sheet.fill(row, done="Paid to +66 81 234 5678"))
    table = fill_all(plan)
    with database.for_organisation(plan.id) as session:
        session.scalars(select(Step).with_for_update()).all()
        body = {"file": (BytesIO(filled), "plan.xlsx")}
        refused = portal.call("POST", "/plan-workbook", data=body, headers={"Idempotency-Key": "a"})
    assert (refused.status_code, refused.json["faults"][0]["code"]) == (422, "person.phone")
    named = replace(table.rows[0], texts={**table.rows[0].texts, "done": "Paid to +66 81 234 5678"})
    page = json.dumps(replace(table, rows=(named,)).to_json())
    again = send(make_browser(app, plan.officer), "/remediation/workbook/changes", table=page)
    assert again.status_code == 422
    assert plan.count() == [0, 0, 0]
