"""Purchases of credit packages."""

from typing import Any

from tests.caller import Caller, data

PACKAGES = "/v1/billing/credit-packages/"
PAYMENTS = "/v1/billing/payments/"


def packages_for_sale(member: Caller) -> dict[str, int]:
    """The ids of the packages for sale, by name."""
    return {package["name"]: package["id"] for package in data(member.get(PACKAGES))["results"]}


def buy(member: Caller, package: str = "Starter Pack", method: str = "manual", **headers: str) -> Any:
    """A purchase, and its payment that is pending."""
    path = f"{PACKAGES}{packages_for_sale(member)[package]}/purchase/"
    return data(member.post(path, {"payment_method": method}, **headers), 201)


def approve(staff: Caller, payment_id: int | str) -> Any:
    """The payment by bank transfer, which brings its credits."""
    return data(staff.post(f"{PAYMENTS}{payment_id}/approve/", None))


def credit_note(member: Caller) -> Any:
    """The credit note of an order by bank transfer that was cancelled."""
    data(member.post(f"{PAYMENTS}{buy(member)['payment']['id']}/cancel/", None))
    return data(member.get("/v1/billing/credit-notes/"))["results"][0]


def add_rate(staff: Caller, country: str, rate: str, valid_from: str = "2020-01-01", **more: Any) -> Any:
    """A tax rate of a country."""
    body = {"country": country, "rate": rate, "valid_from": valid_from, **more}
    return data(staff.post("/v1/admin/tax-rates/", body), 201)
