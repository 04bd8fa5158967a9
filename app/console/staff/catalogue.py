"""The catalogue: plans, packages and tax rates."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Blank, Field, Form, Kind, Target, handle
from app.console.permitted import may
from app.console.staff.blueprint import blueprint
from app.console.tables import Column, Listed


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the vendor offers, or its tax: a list, and a form for one."""

    label: str
    one: str
    creates: str
    changes: str
    listed: Listed
    fields: Sequence[Field]


_OFFERS = {
    "plans": _Offer(
        "Plans",
        "plan",
        "createPlan",
        "updatePlan",
        Listed(
            (
                Column("Name", "name"),
                Column("Id", "id"),
                Column("Credits a month", "credits_per_month", "whole"),
                Column("Price per credit", "price_per_credit", "money"),
                Column("Kept at the turn of the month", "rollover"),
                Column("Default", "is_default", "yes"),
            ),
            "There is no plan. Create one.",
        ),
        (
            Field("name", "Name", required=True),
            Field("credits_per_month", "Credits a month", Kind.INTEGER, required=True),
            Field("price_per_credit", "Price per credit", Kind.MONEY, required=True, hint="In US dollars."),
            Field("rollover", "Kept at the turn of the month", hint="all, none, or the most credits that are kept."),
            Field("is_default", "New accounts start on it", Kind.CHECK),
        ),
    ),
    "packages": _Offer(
        "Packages",
        "package",
        "createPackage",
        "updatePackage",
        Listed(
            (
                Column("Name", "name"),
                Column("Id", "id"),
                Column("Credits", "credits", "whole"),
                Column("Price", "price", "money"),
                Column("Expires after days", "expires_after_days", "whole"),
                Column("For sale", "is_active", "yes"),
            ),
            "There is no package for customers to buy. Create one.",
        ),
        (
            Field("name", "Name", required=True),
            Field("credits", "Credits", Kind.INTEGER, required=True),
            Field("price", "Price", Kind.MONEY, required=True, hint="In US dollars, before tax."),
            Field("expires_after_days", "Expires after days", Kind.INTEGER, hint="Never if empty.", blank=Blank.NULL),
            Field("is_active", "For sale", Kind.CHECK),
        ),
    ),
    "tax-rates": _Offer(
        "Tax rates",
        "tax rate",
        "createTaxRate",
        "updateTaxRate",
        Listed(
            (
                Column("Country", "country"),
                Column("Id", "id"),
                Column("Rate", "rate", "percent"),
                Column("From", "valid_from", "day"),
                Column("To", "valid_to", "day"),
            ),
            "No tax is charged anywhere. Create a rate for each country where you charge it.",
            texts=(("country", "Country"),),
            dates=(("valid_on", "Valid on"),),
        ),
        (
            Field("country", "Country", required=True, hint="Its ISO 3166 code, such as DE."),
            Field("rate", "Rate", Kind.MONEY, required=True, hint="A fraction: 0.23 is 23 %."),
            Field("valid_from", "From", Kind.DATE, required=True),
            Field("valid_to", "To", Kind.DATE, hint="The last day; open if empty.", blank=Blank.NULL),
        ),
    ),
}
_KINDS = f"any({', '.join(repr(kind) for kind in _OFFERS)})"
_FIRST = "plans"
_OPERATIONS = {"plans": "listPlans", "packages": "listPackages", "tax-rates": "listTaxRates"}


@blueprint.get("/catalogue", defaults={"kind": _FIRST})
@blueprint.get("/catalogue/<any('packages', 'tax-rates'):kind>")
def offers(kind: str) -> Response | str:
    """Plans, packages or tax rates."""
    offer = _OFFERS[kind]
    return listing.page(
        offer.listed,
        calls.path("v1", "admin", kind),
        title=offer.label,
        template="console/catalogue/list.html",
        offer=offer,
        kind=kind,
        tabs=[(_page(each), _OFFERS[each].label) for each in _OFFERS if may(_OPERATIONS[each])],
    )


@blueprint.route(f"/catalogue/<{_KINDS}:kind>/new", methods=["GET", "POST"])
def new_offer(kind: str) -> AnyResponse | str:
    """Create a plan, a package or a tax rate."""
    offer, page = _OFFERS[kind], _page(kind)
    return handle(
        Form(f"New {offer.one}", offer.fields, f"Create {offer.one}"),
        Target("POST", calls.path("v1", "admin", kind)),
        done=lambda _: page,
        said=f"The {offer.one} was created.",
        back=page,
        initial={"is_active": True},
    )


@blueprint.route(f"/catalogue/<{_KINDS}:kind>/<int:offer_id>", methods=["GET", "POST"])
def edit_offer(kind: str, offer_id: int) -> AnyResponse | str:
    """Change a plan, a package or a tax rate."""
    offer, page = _OFFERS[kind], _page(kind)
    address = calls.path("v1", "admin", kind, offer_id)
    return handle(
        Form(f"Edit {offer.one} {offer_id}", offer.fields, "Save changes", asks_reason=True),
        Target("PATCH", address, current=address),
        done=lambda _: page,
        said=f"The {offer.one} was saved.",
        back=page,
    )


def _page(kind: str) -> str:
    return "/console/catalogue" if kind == _FIRST else f"/console/catalogue/{kind}"
