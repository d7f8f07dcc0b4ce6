"""What cohorts are owed, through the API: the same figures as from a sheet, strictly read, and nothing kept."""

from collections.abc import Iterator
from typing import Any

import pytest
from api_contract import watch
from callers import make_organisation
from portal import Portal, make_portal
from sqlalchemy import func, select

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app

RATES = [
    {"date": "2018-06-01", "currency": "MYR", "per_unit": 4},
    {"date": "2018-06-20", "currency": "MYR", "per_unit": 5},
    {"date": "2020-03-01", "currency": "MYR", "per_unit": 4.0},
]
FEE = {"item": "RF1", "amount": 400, "currency": "MYR", "paid_from": "2018-06-01", "evidence_grade": "worker_voice"}
NP_18 = {
    "reference": "NP-18", "origin_country": "NP", "country": "Malaysia", "hired_from": "2018-01", "hired_to": "2018-12",
    "workers_current": 10, "workers_past": 2, "covers_all": "yes", "paid_by": "worker", **FEE,
}  # fmt: skip
MEDICAL = {"reference": "NP-18", **FEE, "item": "RC1", "amount": 100, "paid_from": "2018-06-15", "paid_by": "worker"}
NP_19 = {
    "reference": "NP-19", "origin_country": "NP", "country": "MY", "hired_from": "2019-03", "hired_to": "2019-09",
    "workers_current": 4, "workers_past": 0, "zero_fee_from": "2019-01-01",
}  # fmt: skip
BODY = {"rows": [NP_18, MEDICAL, NP_19], "rates": RATES, "on": "2026-01-01"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("repayments")
    database = Database(open_engine(f"sqlite:///{folder / 'test.db'}"))
    Base.metadata.create_all(database.engine)
    app = create_app(Settings(data=folder, plain_http=True, api_per_minute=100_000), database)
    faults = watch(app)
    yield make_portal(app, make_organisation(database), "assess")
    database.engine.dispose()
    assert not faults


def post_repayment(portal: Portal, **changed: Any) -> Any:
    return portal.post("/repayments", {**BODY, **changed})


def counts(portal: Portal) -> dict[str, int]:
    """The rows of every table but what each request leaves: its count and its key's last use."""
    with portal.app.extensions["database"].engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
        }


def test_it_comes_to_the_same_as_the_sheet_and_keeps_nothing(portal: Portal) -> None:
    post_repayment(portal)  # the first request of a minute leaves its count
    before = counts(portal)
    answer = post_repayment(portal)
    assert answer.status_code == 200
    assert answer.json["total"]["central"] == "4500.00"
    assert [each["per_worker"]["central"] for each in answer.json["cohorts"]] == ["125.00", "750.00"]
    assert answer.json["complete"]
    assert counts(portal) == before


def test_terms_are_taken(portal: Portal) -> None:
    document = post_repayment(
        portal, interest=12.5, instalments=2, management_figure=9000.5, discovered="2025-12-01"
    ).json
    assert (document["terms"]["interest"], document["terms"]["instalments"]) == ("12.5", 2)
    assert document["terms"]["deadline"] == "2026-03-01"
    assert document["management"]["figure"] == "9000.50"


@pytest.mark.parametrize(
    ("changed", "code", "excerpt"),
    [
        ({"rows": []}, "field.value", "rows"), ({"rows": 3}, "field.type", "rows"), ({"rows": [7]}, "field.type", "rows"),
        ({"rows": [{**NP_19, "colour": "red"}]}, "field.unknown", "Row 1: colour"),
        ({"rows": [NP_18, {**NP_19, "country": "Narnia"}]}, "country.unknown", "Row 2"),
        ({"rows": [{**NP_19, "workers_current": -1}]}, "number.range", "Row 1"),
        ({"rows": [{**NP_19, "reference": ""}]}, "field.required", "reference"),
        ({"rows": [{**NP_19, "worker": "12"}]}, "field.unknown", "worker"),
        ({"rates": [{**RATES[0], "per_unit": 0}]}, "field.value", "per_unit"),
        ({"rates": [{**RATES[0], "per_unit": True}]}, "field.type", "per_unit"),
        ({"rates": [RATES[0], RATES[0]]}, "repayment.impossible", "second rate for MYR"),
        ({"interest": 101}, "field.value", "interest"), ({"interest": "5"}, "field.type", "interest"),
        ({"instalments": 13}, "field.value", "instalments"), ({"instalments": 1.5}, "field.type", "instalments"),
        ({"on": "2026-02-30"}, "repayment.impossible", "YYYY-MM-DD"), ({"currency": "usd"}, "field.value", "currency"),
        ({"rates": []}, "repayment.impossible", "no exchange rate for MYR"), ({"total": 0}, "field.unknown", "total"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(
    portal: Portal, changed: dict[str, Any], code: str, excerpt: str
) -> None:
    answer = post_repayment(portal, **changed)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert excerpt in answer.json["detail"]


@pytest.mark.parametrize("text", ["Mr Aung Kyaw Zaw", "+60 12-345 6789", "thiri@mail.example"])
@pytest.mark.parametrize("question", ["agency", "occupation", "reference"])
def test_what_mentions_a_person_is_refused_and_not_repeated(portal: Portal, question: str, text: str) -> None:
    answer = post_repayment(portal, rows=[{**NP_19, question: text}])
    assert answer.status_code == 422
    assert answer.json["code"].startswith("person.")
    assert text not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "field", [{"management_figure": 0.01}, {"rates": [{**RATES[0], "per_unit": 1e-9}, *RATES[1:]]}]
)
def test_the_least_that_a_field_takes_is_taken(portal: Portal, field: dict[str, Any]) -> None:
    assert portal.post("/repayments", {**BODY, **field}).status_code == 200


@pytest.mark.parametrize(
    "field", [{"rows": None}, {"rows": [None]}, {"rates": None}, {"rates": [None]}, {"interest": None}]
)
def test_a_null_is_no_value_of_a_field(portal: Portal, field: dict[str, Any]) -> None:
    assert portal.post("/repayments", {**BODY, **field}).json["code"] == "field.type"


def test_an_item_that_cannot_be_counted_leaves_the_rest(portal: Portal) -> None:
    document = post_repayment(portal, rows=[NP_18, {**MEDICAL, "currency": None}, NP_19]).json
    assert [(fault["code"], fault["place"]) for fault in document["faults"]] == [("item.incomplete", "row 2")]
    assert not document["complete"]


def test_the_key_needs_the_scope(portal: Portal) -> None:
    database = portal.app.extensions["database"]
    other = make_portal(portal.app, make_organisation(database, "Quay Trading"), "suppliers:read")
    assert post_repayment(other).status_code == 403
