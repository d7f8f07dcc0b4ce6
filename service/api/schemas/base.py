"""What every schema of the API shares: strict in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from marshmallow import RAISE, Schema, fields, missing, pre_dump

from service.api.fields import ParameterInteger, StrictList, StrictNested, StrictString


class Resource:
    """An API object to be serialised: a row and the values computed for it, which take precedence over the row's own."""

    __slots__ = ("computed", "row")

    def __init__(self, row: object, /, **computed: Any) -> None:
        self.row, self.computed = row, computed


class ApiSchema(Schema):
    """An API object. Fields that are not declared are rejected, both in requests and in responses. ``optional``: the fields that
    a response may omit; all others are always present. In the OpenAPI document, an object in a response has its class name. An
    object in a request is called ``sent_as``, or New followed by the class name if some of its fields cannot be sent.
    """

    class Meta:
        """Reject fields that are not declared in the schema."""

        unknown = RAISE

    error_messages = {"unknown": "field.unknown", "type": "field.type"}
    optional: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, sent_as: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.component = type(self).__name__.removesuffix("Schema")
        partly = any(field.dump_only for field in self.fields.values())
        self.sent_component = sent_as or (f"New{self.component}" if partly else self.component)
        self._declared = {field.attribute or name for name, field in self.dump_fields.items()}

    @pre_dump
    def refuse_undeclared(self, source: Any, **_: Any) -> Any:
        """Return the source; raise TypeError if it contains a field that this schema does not declare."""
        given = source if isinstance(source, Mapping) else source.computed if isinstance(source, Resource) else None
        if given and not given.keys() <= self._declared:
            raise TypeError(f"{type(self).__name__} does not declare {sorted(given.keys() - self._declared)}")
        return source

    def get_attribute(self, source: Any, attr: str, default: Any) -> Any:
        """Return the value of a field; raise TypeError if it would be missing from the response."""
        if isinstance(source, Resource):
            if attr in source.computed:
                return source.computed[attr]
            source = source.row
        value = super().get_attribute(source, attr, default)
        if value is missing and attr not in self.optional:
            raise TypeError(f"{type(self).__name__}: there is no {attr} in {type(source).__name__}")
        return value


class WrittenSchema(ApiSchema):
    """The response to a request that changed an object, for API keys without the scope to read that object."""

    optional = frozenset({"id", "version", "issues"})
    id = fields.String()
    version = fields.Integer()
    issues = fields.List(
        fields.Dict(), metadata={"description": "Answers and notes that could not be used as they were sent."}
    )


def page_of(items: type[ApiSchema], name: str, **more: fields.Field[Any]) -> ApiSchema:
    """Return the schema of a page of a list: ``items``, ``next``, the address of the next page, and what else it says."""
    following = {"description": "The URL of the next page; null on the last page."}
    parts: dict[str, fields.Field[Any]] = {
        "items": StrictList(StrictNested(items)),
        "next": StrictString(allow_none=True, metadata=following),
        **more,
    }
    return cast("type[ApiSchema]", ApiSchema.from_dict(parts, name=name))()


class PageQuerySchema(ApiSchema):
    """The parameters of a paginated list."""

    cursor = StrictString(1000, "^[A-Za-z0-9_-]+$")
    limit = ParameterInteger(1, 200, load_default=50)
