"""Request and response schemas of tax rates."""

from datetime import date
from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.customers import countries
from app.purchases.amounts import rate_of
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema, require_some_field

TAX_RATE_EXAMPLE = {"country": "IE", "rate": 0.23, "valid_from": "2025-01-01"}
TAX_RATE_UPDATE_EXAMPLE = {"valid_to": "2025-12-31"}
_RATE = "A fraction: `0.23` is 23 %."


class _Country(fields.Identifier):
    """A country by ISO 3166 code or English name, read as its code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            blank=False, metadata={"description": "ISO 3166 code or English name of the country."}, **kwargs
        )

    def _deserialize(self, value: Any, *arguments: Any, **more: Any) -> str:
        code = countries.code_of(super()._deserialize(value, *arguments, **more))
        if not code:
            raise ma.ValidationError("Not an ISO 3166 code or English name of a country.")
        return code


class _Rate(fields.Amount):
    """A tax rate: a fraction below 1, or a percentage above 1, which is read as a fraction."""

    def __init__(self, **kwargs: Any) -> None:
        description = f"{_RATE} A number above 1 is a percentage."
        super().__init__(most=Decimal(100), metadata={"description": description}, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        try:
            return rate_of(self._number(value))
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class TaxRate(SnakeReadSchema):
    """The tax rate of a country in a range of days."""

    etag = ETag.VERSIONED

    id = fields.Id()
    country = fields.Text(longest=2, metadata={"description": "ISO 3166 code of the country.", "example": "IE"})
    rate = fields.UnitPrice(metadata={"description": _RATE, "example": "0.23"})
    valid_from = fields.Day(metadata={"description": "First day of the rate, in UTC."})
    valid_to = fields.Day(
        allow_none=True,
        metadata={"description": "Last day of the rate, inclusive; `null` if it is valid until further notice."},
    )


class TaxRateQuery(SnakePageArguments):
    """Filters of the list of tax rates."""

    country = _Country()
    valid_on = fields.Day(metadata={"description": "A day on which the rates are valid."})


class _TaxRateTerms(Schema):
    valid_to = fields.Day(
        allow_none=True, metadata={"description": "Last day, inclusive; `null` for until further notice."}
    )

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)
        first: date | None = values.get("valid_from")
        last: date | None = values.get("valid_to")
        if first is not None and last is not None and first > last:
            raise ma.ValidationError("valid_from must not be after valid_to.", "valid_from")


class TaxRateCreate(_TaxRateTerms):
    """A new tax rate."""

    country = _Country(required=True)
    rate = _Rate(required=True)
    valid_from = fields.Day(required=True, metadata={"description": "First day, in UTC."})


class TaxRateUpdate(_TaxRateTerms):
    """The terms of a tax rate to change."""

    country = _Country()
    rate = _Rate()
    valid_from = fields.Day(metadata={"description": "First day, in UTC."})
