"""One schema an API object, in both directions: what it does not declare is neither read nor returned."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from api_contract import described, faults_of, operations
from diligence_client import models
from flask import Response
from marshmallow import ValidationError, fields

from service.api.fields import (
    ParameterInteger,
    StrictBoolean,
    StrictChoice,
    StrictDay,
    StrictDict,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictNumber,
    StrictString,
)
from service.api.schemas.base import ApiSchema, Resource, page_of


class CrateSchema(ApiSchema):
    """A crate of fish."""

    optional = frozenset({"warnings"})

    id = fields.String(dump_only=True)
    weight = StrictNumber(0, 40, required=True)
    lid = StrictBoolean(allow_none=True)
    caught_on = fields.Date(dump_only=True)
    seal = StrictString(load_only=True)
    warnings = fields.List(fields.String(), dump_only=True)


CRATE = SimpleNamespace(id="c-1", weight=12, lid=None, caught_on=date(2026, 3, 1), owner="Bo")
AS_JSON = {"id": "c-1", "weight": 12, "lid": None, "caught_on": "2026-03-01"}


def test_a_row_is_returned_with_the_declared_fields_alone():
    assert CrateSchema().dump(CRATE) == AS_JSON


def test_what_is_computed_comes_before_what_the_row_says():
    assert CrateSchema().dump(Resource(CRATE, weight=11.5, warnings=["wet"])) == {
        **AS_JSON, "weight": 11.5, "warnings": ["wet"],
    }  # fmt: skip


@pytest.mark.parametrize("source", [Resource(CRATE, colour="red"), {**vars(CRATE)}])
def test_to_return_a_field_that_is_not_declared_is_an_error(source: object):
    with pytest.raises(TypeError, match="CrateSchema does not declare"):
        CrateSchema().dump(source)


def test_to_return_a_field_that_is_not_declared_is_an_error_within_a_list_too():
    crates = page_of(CrateSchema, "CratePage")
    assert crates.dump({"items": [CRATE], "next": None}) == {"items": [AS_JSON], "next": None}
    with pytest.raises(TypeError, match="does not declare"):
        crates.dump({"items": [Resource(CRATE, colour="red")], "next": None})
    with pytest.raises(TypeError, match="does not declare"):
        crates.dump({"items": [], "next": None, "total": 0})


def test_to_leave_out_a_field_that_is_declared_is_an_error():
    with pytest.raises(TypeError, match="there is no weight"):
        CrateSchema().dump(SimpleNamespace(id="c-1", lid=True, caught_on=date(2026, 3, 1)))


def test_what_may_not_be_sent_is_never_read():
    assert CrateSchema().load({"weight": 3, "seal": "K7"}) == {"weight": 3, "seal": "K7"}
    for field in ("id", "caught_on", "warnings", "colour"):
        with pytest.raises(ValidationError) as refused:
            CrateSchema().load({"weight": 3, field: "x"})
        assert refused.value.messages == {field: ["field.unknown"]}


def test_a_field_that_is_null_in_answers_takes_no_null():
    with pytest.raises(ValidationError) as refused:
        CrateSchema().load({"weight": 3, "lid": None})
    assert refused.value.messages == {"lid": ["field.type"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (StrictString(), 7), (StrictString(), None), (StrictString(), ["a"]),
        (StrictBoolean(), 1), (StrictBoolean(), 0), (StrictBoolean(), "true"), (StrictBoolean(), None),
        (StrictInteger(0), True), (StrictInteger(0), 1.5), (StrictInteger(0), "1"), (StrictInteger(0), None),
        (StrictNumber(0), True), (StrictNumber(0), "1"), (StrictNumber(0), None),
        (StrictList(StrictString()), "a"), (StrictList(StrictString()), {"a": 1}), (StrictList(StrictString()), None),
        (StrictDict(), []), (StrictDict(), "a"), (StrictDict(), None),
        (StrictDay(), 20260301), (StrictDay(), None), (StrictNested(CrateSchema), None),
        (ParameterInteger(0, 9), "1.0"), (ParameterInteger(0, 9), "-1"), (ParameterInteger(0, 9), "²"),
        (ParameterInteger(0, 9), "0000000001"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_and_not_converted(field: fields.Field[Any], value: object):
    with pytest.raises(ValidationError) as refused:
        field.deserialize(value)
    assert refused.value.messages == ["field.type"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (StrictString(3), "abcd"), (StrictString(3), ""), (StrictString(9, "^[a-z]+$"), "A"),
        (StrictChoice(("red", "blue")), "green"), (StrictInteger(1, 12), 0), (StrictInteger(1, 12), 13),
        (StrictNumber(0, 1), 1.001), (StrictNumber(0, 1), -0.001), (StrictList(StrictString(), 1, 2), []),
        (StrictList(StrictString(), 1, 2), ["a", "b", "c"]), (StrictDay(), "1 March 2026"), (StrictDay(), "2026-03-01T00:00"),
        (ParameterInteger(1, 200), "0"), (ParameterInteger(1, 200), "201"),
    ],
)  # fmt: skip
def test_a_value_beyond_the_bounds_is_refused(field: fields.Field[Any], value: object):
    with pytest.raises(ValidationError) as refused:
        field.deserialize(value)
    assert refused.value.messages[0] == "field.value"


@pytest.mark.parametrize("text", ["a\x00b", "a\x7fb", "a\ud800b"])
def test_a_text_has_no_control_characters(text: str):
    with pytest.raises(ValidationError) as refused:
        StrictString().deserialize(text)
    assert "text.forbidden_character" in refused.value.messages


def test_a_number_is_returned_as_it_was_sent():
    for sent in (0, 3, 0.01, 2.5):
        read = StrictNumber(0, 9).deserialize(sent)
        assert (read, type(read)) == (sent, type(sent))


def answer(text: str, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(text, status, content_type=media_type)


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (answer('{"items": [], "next": null, "total": 0}'), "'total' was unexpected"),
        (answer('{"items": []}'), "'next' is a required property"),
        (answer('{"items": [], "next": 7}'), "7 is not of type"),
        (answer("[]", media_type="text/html"), "text/html is not described for 200"),
        (answer("", 418), "418 is not described"),
    ],
)
def test_a_response_that_is_not_as_described_is_found_by_every_test_that_gets_it(response: Response, fault: str):
    """The fixture `app` holds each response against the document by this function."""
    (found,) = faults_of("api.list_schedules", response)
    assert fault in found


def test_a_response_that_the_client_would_change_is_found_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models.ScheduleList, "to_dict", lambda self: {"items": []})
    (found,) = faults_of("api.list_schedules", answer('{"items": [], "next": null}'))
    assert "client" in found


def test_a_response_as_described_passes():
    assert faults_of("api.list_schedules", answer('{"items": [], "next": null}')) == []


def test_moments_are_returned_with_their_offset():
    moment = fields.DateTime().serialize("at", {"at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC)})
    assert moment == "2026-03-01T09:30:00+00:00"


def test_one_schema_describes_what_is_sent_and_what_is_returned():
    schemas = described()["components"]["schemas"]
    new, change, returned = (schemas[name] for name in ("NewSchedule", "ScheduleChange", "Schedule"))
    assert set(new["properties"]) == {"name", "report", "rule", "time_zone"}
    assert set(new["required"]) == {"name", "rule", "time_zone"}
    assert set(change["properties"]) == {"name", "report", "rule", "time_zone", "active"}
    assert "required" not in change
    assert set(returned["properties"]) == set(returned["required"])
    assert set(returned["properties"]) == set(change["properties"]) | {"id", "next_dates", "firings", "created_at"}
    body = operations()["create_schedule"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/NewSchedule"}
