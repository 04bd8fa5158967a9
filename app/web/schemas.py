"""Schema bases: names in camelCase or snake_case, a fast dump, paging, and the envelope types of the document."""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from functools import cache, cached_property, partial
from operator import itemgetter
from typing import Any, ClassVar

import marshmallow as ma
import orjson
from sqlalchemy import Row

from app.errors import Reason
from app.naming import camel_case
from app.web import fields
from app.web.fields import QueryArguments
from app.web.negotiation import OF_STATEMENTS

MAX_PER_PAGE = 10_000
DEFAULT_PER_PAGE = 20
# Beyond this OFFSET would leave the range of PostgreSQL's bigint.
MAX_PAGE = 2**31 - 1
FORMATS = ("json", "csv", "ndjson")


_Convert = Callable[[Any], Any]
_Entry = tuple[str, str, _Convert | None]

_ABSENT = object()


class ETag(Enum):
    """Which responses with a schema have an ETag, if they are of one object."""

    NEVER = auto()
    # An answer rather than an object: it has no version, and only reads of it can be conditional.
    OF_READS = auto()
    # An object with a path of its own, which no PATCH changes: writes answer its ETag too.
    CONSTANT = auto()
    # One that PATCH changes. Its version, which the ETag begins with, is in `version`.
    VERSIONED = auto()


class Schema(ma.Schema):
    """Refuses unknown fields on input. On output, dumps every field of every row through a compiled map.

    `dump` leaves decimals and times to the JSON provider; only nested schemas and fields with a `convert` convert.
    Fields named in `sparse` are omitted where a row does not have them.
    """

    sparse: ClassVar[frozenset[str]] = frozenset()
    # Of a response: fields with secrets, which are neither stored with an idempotency key nor part of the ETag.
    shown_once: ClassVar[frozenset[str]] = frozenset()
    # Of a body: whether a missing one counts as `{}`.
    body_may_be_missing: ClassVar[bool] = False
    etag: ClassVar[ETag] = ETag.OF_READS
    error_messages: ClassVar[dict[str, str]] = {"type": "Must be an object."}  # type: ignore[misc] # as marshmallow does

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """`obj`, a row, entity or mapping (or a list of them), as the mapping to be written as JSON."""
        many = self.many if many is None else many
        objects = obj if many else [obj]
        if objects and isinstance(objects[0], Row):
            dumped = self._dump_rows(objects)
        else:
            dumped = [self._dump_one(each) for each in objects]
        return dumped if many else dumped[0]

    def _dump_rows(self, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Dump rows of one statement: the position of each field in them is looked up once."""
        positions = {name: position for position, name in enumerate(rows[0]._fields)}
        known = [*self._always, *(entry for entry in self._sometimes if entry[1] in positions)]
        keys = [key for key, _, _ in known]
        # With a single one `itemgetter` would yield no tuple.
        pick = itemgetter(*(positions[name] for _, name, _ in known)) if len(known) > 1 else tuple
        dumped = [dict(zip(keys, pick(row), strict=True)) for row in rows]
        for key, convert in [(key, convert) for key, _, convert in known if convert is not None]:
            for each in dumped:
                if each[key] is not None:
                    each[key] = convert(each[key])
        return dumped

    def _dump_one(self, obj: Any) -> dict[str, Any]:
        get: Callable[..., Any] = obj.get if isinstance(obj, dict) else partial(getattr, obj)
        dumped: dict[str, Any] = {}
        for key, name, convert in self._always:
            value = get(name)
            dumped[key] = value if convert is None or value is None else convert(value)
        for key, name, convert in self._sometimes:
            value = get(name, _ABSENT)
            if value is not _ABSENT:
                dumped[key] = value if convert is None or value is None else convert(value)
        return dumped

    @cached_property
    def _always(self) -> list[_Entry]:
        return [_entry(name, field) for name, field in self.dump_fields.items() if name not in self.sparse]

    @cached_property
    def _sometimes(self) -> list[_Entry]:
        return [_entry(name, field) for name, field in self.dump_fields.items() if name in self.sparse]


def _entry(name: str, field: ma.fields.Field[Any]) -> _Entry:
    """How one field is dumped: its key, the attribute it is read from, and its conversion."""
    return (field.data_key or name, field.attribute or name, _conversion(field))


def _conversion(field: ma.fields.Field[Any]) -> _Convert | None:
    if isinstance(field, ma.fields.Nested):
        dump = field.schema.dump
        # A nested value that is text is JSON already, built by the database.
        return lambda value: orjson.Fragment(value) if isinstance(value, str) else dump(value)
    if isinstance(field, ma.fields.List):
        if isinstance(field.inner, ma.fields.Nested):
            return partial(field.inner.schema.dump, many=True)
        convert = _conversion(field.inner)
        return None if convert is None else lambda values: [convert(value) for value in values]
    return getattr(field, "convert", None)


class CamelSchema(Schema):
    """Field names appear in camelCase: the v6 families."""

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        """Name the field in camelCase unless it has a `data_key`."""
        super().on_bind_field(field_name, field_obj)
        if field_obj.data_key is None:
            field_obj.data_key = camel_case(field_name)


class SnakeReadSchema(Schema):
    """A response of the v1 families: every field is always present, and required in the document.

    Later versions may add fields, so the document allows additional properties. Names are in snake_case.
    """

    class Meta:
        """Allow additional properties in the document."""

        unknown = ma.EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        """Mark every field of a response as required, except the sparse ones."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_name not in self.sparse


class ReadSchema(SnakeReadSchema, CamelSchema):
    """A response of the v6 families."""


class CamelQuery(CamelSchema, QueryArguments):
    """Query arguments of the v6 families."""


class SnakePageArguments(Schema, QueryArguments):
    """The page of a list of the v1 families, or the format of all its rows."""

    page = fields.Integer(
        least=1, most=MAX_PAGE, load_default=1, metadata={"description": "Page number, starting at 1."}
    )
    per_page = fields.Integer(
        least=1,
        most=MAX_PER_PAGE,
        load_default=DEFAULT_PER_PAGE,
        metadata={"description": "Maximum items per page."},
    )
    format = fields.Choice(
        FORMATS,
        metadata={
            "description": (
                "`csv` and `ndjson` return all matching rows, not a page; takes precedence over the header `Accept`."
            )
        },
    )


class PageArguments(SnakePageArguments, CamelQuery):
    """The page of a list of the v6 families."""


class StatementQuery(CamelQuery):
    """The period of a statement, half open, and the type it is returned as; the same in all families."""

    since = fields.Moment(
        data_key="from", required=True, dates=True, metadata={"description": "The first instant of the period."}
    )
    until = fields.Moment(
        data_key="to",
        required=True,
        next_day=True,
        metadata={"description": "The first instant after the period."},
    )
    format = fields.Choice(
        tuple(OF_STATEMENTS), metadata={"description": "The type of the response; takes precedence over `Accept`."}
    )

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        if values["since"] > values["until"]:
            raise ma.ValidationError("from must not be after to.", "from")


def sorting(*names: str) -> tuple["SortName", fields.Choice]:
    """The `sort_by` and `sort_order` arguments of a list that sorts by `names`."""
    return (
        SortName(
            names, metadata={"description": "Field that the whole list is sorted by, before it is cut into pages."}
        ),
        fields.Choice(("asc", "desc"), metadata={"description": "Sort direction."}),
    )


class SortName(fields.Choice):
    """A sort field: camelCase for callers, snake_case inside."""

    def __init__(self, names: Iterable[str], **kwargs: Any) -> None:
        inside = {camel_case(name): name for name in names}
        super().__init__(tuple(inside), post_load=inside.__getitem__, **kwargs)


def unwrapped(values: Any) -> Any:
    """The object inside `{"param": {…}}`, in which some callers wrap their body; otherwise `values` unchanged."""
    if isinstance(values, dict) and values.keys() == {"param"} and isinstance(values["param"], dict):
        return values["param"]
    return values


def require_some_field(values: dict[str, Any]) -> None:
    """Raise ValidationError for a change without any field."""
    if not values:
        raise ma.ValidationError("At least one field is required.")


def require_order(
    values: dict[str, Any],
    first: str = "start_date",
    last: str = "end_date",
    *,
    named: Callable[[str], str] = camel_case,
) -> None:
    """Raise ValidationError for a start after the end; `named` maps attributes to the names of fields."""
    start, end = values.get(first), values.get(last)
    if start is not None and end is not None and start > end:
        raise ma.ValidationError(f"{named(first)} must not be after {named(last)}.", named(first))


class ErrorDetail(ReadSchema):
    """The failure of a request."""

    sparse = frozenset({"details"})

    code = ma.fields.Integer(metadata={"description": "HTTP status.", "example": 404})
    reason = fields.Choice(Reason, metadata={"description": "Stable word for programs to match on."})
    message = ma.fields.String(
        metadata={
            "description": "Message for people. Its wording may change.",
            "example": "Billing account 7 was not found",
        }
    )
    details = ma.fields.Dict(metadata={"description": "Problems by location and field, or figures about the failure."})


class Error(ReadSchema):
    """The response to a failed request, whatever its status."""

    success = ma.fields.Boolean(metadata={"enum": [False], "description": "Whether the request succeeded."})
    error = ma.fields.Nested(ErrorDetail, metadata={"description": "The failure."})


@cache
def envelope_of(schema_class: type[ma.Schema], *, many: bool = False) -> type[ma.Schema]:
    """The schema of a success response around `schema_class`."""
    name = f"{schema_class.__name__}{'List' if many else ''}Response"
    union = getattr(schema_class, "union", None)
    members: dict[str, Any] = {
        "__doc__": "The response to a successful request.",
        "success": ma.fields.Boolean(metadata={"enum": [True]}),
        "data": ma.fields.List(fields.OneOf(*union)) if union else ma.fields.Nested(schema_class, many=many),
    }
    return type(name, (ReadSchema,), members)


@cache
def page_of(schema_class: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of one page of `schema_class`."""
    members: dict[str, Any] = {
        "__doc__": "One page of a list, with the total number of matches.",
        "rows_of": schema_class,
        "results": ma.fields.List(ma.fields.Nested(schema_class)),
        "count": ma.fields.Integer(metadata={"description": "Total number of matches."}),
        "page": ma.fields.Integer(),
        "per_page": ma.fields.Integer(),
        "total_pages": ma.fields.Integer(),
    }
    base = ReadSchema if issubclass(schema_class, CamelSchema) else SnakeReadSchema
    return type(f"{schema_class.__name__}Page", (base,), members)
