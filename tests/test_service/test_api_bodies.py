"""JSON that a service gets sent by accident or on purpose: each kind is refused with its code, and none breaks it."""

import json
from collections.abc import Iterator

import pytest
from api_contract import watch
from callers import make_organisation
from portal import Portal, make_portal

from service.db.session import Database, open_engine
from service.db.tables import Base
from service.settings import Settings
from service.wiring.app import create_app

GOOD = '"country": "BD", "sector": "1410"'
MANY = ", ".join(f'"k{i}": 1' for i in range(5_000))
REFUSED: dict[str, tuple[int, str, str | bytes]] = {
    "arrays nested 200,000 deep": (400, "json.too_deep", "[" * 200_000 + "]" * 200_000),
    "objects nested 100,000 deep": (400, "json.too_deep", '{"a":' * 100_000 + "1" + "}" * 100_000),
    "990 levels, which Python still parses": (422, "json.too_deep", '{"sector":' + "[" * 990 + "]" * 990 + "}"),
    "21 levels": (422, "json.too_deep", '{"sector":' + "[" * 20 + "]" * 20 + "}"),
    "a number of 100,000 digits": (400, "json.invalid_number", '{"workers_total":' + "9" * 100_000 + "}"),
    "a number of 4,299 digits": (422, "number.range", '{"workers_total":' + "9" * 4_299 + "}"),
    "NaN": (400, "json.invalid_number", '{"migrant_pct": NaN}'),
    "minus infinity": (400, "json.invalid_number", '{"migrant_pct": -Infinity}'),
    "1e400": (422, "number.range", '{"migrant_pct": 1e400}'),
    "a percentage above 100": (422, "number.range", '{"migrant_pct": 101}'),
    "a name twice": (400, "json.duplicate_key", '{"country": "NO", "country": "BD"}'),
    "a name twice, once with an escape": (400, "json.duplicate_key", '{"country": "NO", "c\\u006funtry": "BD"}'),
    "a name twice within an array": (400, "json.duplicate_key", '{"sector": [{"a": 1, "a": 2}]}'),
    "keys of prototypes": (422, "field.unknown", '{"__proto__": {"admin": true}, "constructor": {}}'),
    "keys of classes": (422, "field.unknown", '{"__class__": {"__init__": {}}, "py/object": "os.system"}'),
    "an id": (422, "field.read_only", '{"id": "7"}'),
    "a score": (422, "field.read_only", '{"score": 0}'),
    "a level": (422, "field.read_only", '{"level": "low"}'),
    "an organisation": (422, "field.read_only", '{"organisation_id": "other"}'),
    "a decision among fields of nobody": (422, "field.read_only", '{"admin": true, "decision": "proceed"}'),
    "an operator object for a country": (422, "field.type", '{"country": {"$ne": null}}'),
    "a list for a country": (422, "field.type", '{"country": ["BD"]}'),
    "a number for a name": (422, "field.type", '{"name": 12}'),
    "true for a number": (422, "field.type", '{"workers_total": true}'),
    "a list of numbers for sectors": (422, "field.type", '{"sector": [1410]}'),
    "a null byte": (422, "text.forbidden_character", '{"name": "S\\u0000X"}'),
    "a lone surrogate": (422, "text.forbidden_character", '{"name": "S\\ud800"}'),
    "a lone surrogate in a name of a field": (422, "field.unknown", '{"\\ud800": 1}'),
    "bytes that are not UTF-8": (400, "json.encoding", b'{"name": "S\xff\xfe"}'),
    "UTF-16": (400, "json.encoding", json.dumps({"country": "BD"}).encode("utf-16")),
    "a byte order mark": (400, "json.encoding", b'\xef\xbb\xbf{"country": "BD"}'),
    "two documents": (400, "json.syntax", '{"country": "BD"}{}'),
    "nothing": (400, "json.syntax", ""),
    "a comment and a comma too many": (400, "json.syntax", '{"country": "BD",/*x*/}'),
    "single quotes": (400, "json.syntax", "{'country': 'BD'}"),
    "a bare number": (422, "field.type", "0"),
    "null": (422, "field.type", "null"),
    "an array of suppliers": (422, "field.type", f"[{{{GOOD}}}]"),
    "eight megabytes of text": (413, "body.too_large", json.dumps({"name": "A" * (8 << 20)})),
    "two hundred thousand fields": (413, "body.too_large", json.dumps({f"k{i}": 1 for i in range(200_000)})),
    "odd names": (422, "field.unknown", '{"": 1, " ": 2, "\\t": 3, "..": 4, "a.b[0]": 5}'),
    "a country of nobody": (422, "country.unknown", '{"country": "Narnia"}'),
    "a choice that is not offered": (422, "answer.unknown", '{"recruitment_fees": "perhaps"}'),
    "a day that is none": (422, "date.invalid", '{"evidence_date": "2026-02-30"}'),
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("bodies")
    database = Database(open_engine(f"sqlite:///{folder / 'test.db'}"))
    Base.metadata.create_all(database.engine)
    app = create_app(Settings(data=folder, plain_http=True, api_per_minute=100_000), database)
    faults = watch(app)
    yield make_portal(app, make_organisation(database))
    database.engine.dispose()
    assert not faults


def post(portal: Portal, data: str | bytes, content_type: str = "application/json"):
    return portal.call("POST", "/assessments", data=data, content_type=content_type)


@pytest.mark.parametrize("what", REFUSED)
def test_a_body_that_cannot_be_is_refused_with_its_code(portal: Portal, what: str):
    status, code, data = REFUSED[what]
    answer = post(portal, data)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    assert len(answer.data) < 50_000


@pytest.mark.parametrize("what", REFUSED)
def test_putting_a_supplier_refuses_the_same_and_keeps_nothing(portal: Portal, what: str):
    status, code, data = REFUSED[what]
    answer = portal.call("PUT", "/suppliers/S-1", data=data, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert portal.get("/suppliers").json["items"] == []


@pytest.mark.parametrize(
    "data",
    [
        f"{{{GOOD}}}",
        f'{{{GOOD}, "name": "Blå Brygge 蓝色码头 🐟"}}',
        f'{{{GOOD}, "name": "{"A" * 30_000}"}}',
        f'{{{GOOD}, "name": null, "migrant_pct": 12.5, "uses_agencies": true}}',
        f'\n {{{GOOD}, "name": "a [deep] {{name}} of \\"signs\\""}} \n',
        '{"country": "Bangladesh", "sector": ["1410", "C"], "migrant_pct": "12.5 %"}',
        '{"recruitment_fees": "declined", "workers_total": "cannot_apply"}',
    ],
)
def test_a_body_that_is_in_order_is_accepted(portal: Portal, data: str):
    assert post(portal, data.encode()).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(portal: Portal, content_type: str):
    answer = post(portal, f"{{{GOOD}}}", content_type)
    assert (answer.status_code, answer.json["code"]) == (415, "content_type")


def test_json_may_name_its_encoding(portal: Portal):
    assert post(portal, f"{{{GOOD}}}", "application/json; charset=utf-8").status_code == 200


def test_every_fault_of_a_body_is_listed_but_no_more_than_a_hundred(portal: Portal):
    answer = post(portal, f'{{{MANY}, "score": 1, "country": []}}').json
    assert (answer["code"], answer["errors_total"], len(answer["errors"])) == ("field.read_only", 5_002, 100)
    assert answer["errors"][0]["field"] == "score"


def test_a_fault_says_what_was_seen_and_what_would_be_right(portal: Portal):
    response = post(portal, '{"country": "Tailand"}')
    (error,) = response.json["errors"]
    # A slip of one letter is refused with what it may mean; only in a sheet is it read, with a note.
    assert (response.status_code, error["code"]) == (422, "country.unknown")
    assert (error["field"], error["seen"], error["expected"]) == ("country", "Tailand", "Thailand")
    assert "Thailand" in error["detail"]


def test_a_question_about_a_person_is_none_of_ours(portal: Portal):
    assert post(portal, '{"contact_email": "a@b.example"}').json["code"] == "field.unknown"


@pytest.mark.parametrize("kind", ["factory", 7, None, ["site"], {"a": 1}])
def test_the_gate_takes_sites_and_agencies(portal: Portal, kind: object):
    assert portal.post("/assessments", {"kind": kind}).json["code"] == "field.value"


def test_a_method_that_an_address_does_not_take_is_refused_as_a_problem(portal: Portal):
    answer = portal.call("TRACE", "/assessments")
    assert (answer.status_code, answer.json["code"]) == (405, "method.not_allowed")
    assert "POST" in answer.headers["Allow"]
    assert portal.get("/nowhere").json["code"] == "not_found"
