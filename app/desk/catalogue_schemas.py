"""Request and response schemas of the catalogue: plans and packages."""

from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.credits.plan_models import ROLLOVER_ALL
from app.purchases.catalogue import MAX_PRICE
from app.web import fields
from app.web.schemas import ETag, Schema, SnakeReadSchema, require_some_field

PLAN_EXAMPLE = {"name": "Team", "credits_per_month": 5000, "price_per_credit": "0.015", "rollover": "none"}
PLAN_CHANGE_EXAMPLE = {"credits_per_month": 6000}
PACKAGE_EXAMPLE = {"name": "Mega Pack", "credits": 50_000, "price": "499.00", "expires_after_days": 365}
PACKAGE_CHANGE_EXAMPLE = {"is_active": False}
# The value of the most credits that can be spent at once must fit its column.
MAX_PRICE_PER_CREDIT = Decimal(1000)
MAX_DAYS = 36_500
_ROLLOVER = "What of the plan's credits is kept at the turn of the month: `all`, `none`, or the most credits that are."


def _name(**options: Any) -> fields.Identifier:
    return fields.Identifier(blank=False, metadata={"description": "Name, unique among its kind."}, **options)


def _per_month(**options: Any) -> fields.Integer:
    return fields.Integer(metadata={"description": "Credits that it grants each month."}, **options)


def _price_per_credit(**options: Any) -> fields.Price:
    return fields.Price(
        places=6,
        most=MAX_PRICE_PER_CREDIT,
        attribute="usd_per_credit",
        metadata={"description": "Value of a credit that is spent, in US dollars, with at most 6 decimals."},
        **options,
    )


def _rollover(**options: Any) -> fields.Identifier:
    return fields.Identifier(
        longest=9,
        numbers=True,
        validate=ma.validate.Regexp(r"^(all|none|[0-9]{1,9})$", error="Must be all, none, or a number of credits."),
        metadata={"description": _ROLLOVER},
        **options,
    )


def _is_default(**options: Any) -> fields.Boolean:
    return fields.Boolean(
        metadata={"description": "Whether new accounts start on it; another plan then is the default no more."},
        **options,
    )


def _credits(**options: Any) -> fields.Integer:
    return fields.Integer(least=1, metadata={"description": "Credits that it brings."}, **options)


def _price(**options: Any) -> fields.Price:
    return fields.Price(
        places=2,
        least=Decimal("0.01"),
        most=MAX_PRICE,
        metadata={"description": "Price in US dollars, without tax, with at most 2 decimals."},
        **options,
    )


def _is_active(**options: Any) -> fields.Boolean:
    return fields.Boolean(metadata={"description": "Whether the package is for sale."}, **options)


def _expires_after_days(**options: Any) -> fields.Integer:
    return fields.Integer(
        least=1,
        most=MAX_DAYS,
        allow_none=True,
        metadata={"description": "Days until the bought credits expire; `null` if they do not."},
        **options,
    )


class Plan(SnakeReadSchema):
    """What accounts on it get each month, and what a credit that they spend is worth."""

    etag = ETag.VERSIONED

    id = fields.Id()
    name = fields.Text()
    credits_per_month = _per_month()
    price_per_credit = fields.UnitPrice(
        attribute="usd_per_credit", metadata={"description": "Value of a credit that is spent, in US dollars."}
    )
    rollover = fields.Text(longest=9, metadata={"description": _ROLLOVER})
    is_default = fields.Boolean(metadata={"description": "Whether new accounts start on it, as on exactly one."})


class PlanCreate(Schema):
    """A new plan."""

    name = _name(required=True)
    credits_per_month = _per_month(required=True)
    price_per_credit = _price_per_credit(required=True)
    rollover = _rollover(load_default=ROLLOVER_ALL)
    is_default = _is_default(load_default=False)


class PlanUpdate(Schema):
    """What changes of a plan."""

    name = _name()
    credits_per_month = _per_month()
    price_per_credit = _price_per_credit()
    rollover = _rollover()
    is_default = _is_default()

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class DeskPackage(SnakeReadSchema):
    """Credits for sale at a price, or no longer for sale."""

    etag = ETag.VERSIONED

    id = fields.Id()
    name = fields.Text()
    credits = _credits()
    price = fields.Dollars(metadata={"description": "Price in US dollars, without tax."})
    is_active = _is_active()
    expires_after_days = _expires_after_days()


class PackageCreate(Schema):
    """A new package."""

    name = _name(required=True)
    credits = _credits(required=True)
    price = _price(required=True)
    is_active = _is_active(load_default=True)
    expires_after_days = _expires_after_days(load_default=None)


class PackageUpdate(Schema):
    """What changes of a package."""

    name = _name()
    credits = _credits()
    price = _price()
    is_active = _is_active()
    expires_after_days = _expires_after_days()

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)
