"""The days and the amount of payments."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.errors import Conflict, Invalid
from app.money import MAX_CENTS, round_cents

DAYS_IN_WORK_WEEK = 5


def require_sound(item: Mapping[str, Any]) -> None:
    """Raise Invalid unless a new payment has an amount exactly if its days are 0."""
    is_extra = item.get("days") == 0
    if "amount" in item and not is_extra:
        raise Invalid.field("amount", "Is only accepted with days 0; otherwise it is calculated from rate and days.")
    if is_extra and "amount" not in item:
        raise Invalid.field("amount", "Is required with days 0.")


def of_new(item: Mapping[str, Any], period: Row[Any], due: int, today: date) -> tuple[int, Decimal]:
    """The days and the amount of a new payment; `due` are the days that are worked and not paid.

    Raises Invalid (too many days, the week has not begun) or Conflict (no days due, no member rate).
    """
    days = item.get("days")
    if days == 0:
        return 0, item["amount"]
    _require_begun("workPeriodId", period.start_date, today)
    if not period.member_rate:
        raise Conflict("The booking has no positive member rate")
    if due == 0:
        raise Conflict("No days of this work period are due")
    if days is not None and days > due:
        raise Invalid.field("days", f"Only {due} days of this work period are due.")
    days = due if days is None else days
    return days, _for_days(period.member_rate, days)


def require_days_left(days: int, left: int, *, chosen: bool) -> None:
    """Raise if a payment is for more days than are left: Invalid if this request sets them, otherwise Conflict."""
    if days > left:
        if chosen:
            raise Invalid.field("days", f"Only {left} days of this work period are left.")
        raise Conflict(f"Only {left} days of this work period are left")


def settle(payment: Mapping[str, Any], changed: dict[str, Any], named: set[str], begins: date, today: date) -> None:
    """Recalculate the amount of a changed payment if days or rate changed and the change does not set the amount.

    `named` are the fields that the change sets; `begins` is the first day of the week. Raises Invalid (no amount for
    days 0, the week has not begun, amount out of range) or Conflict (no member rate).
    """
    if changed["days"] == 0:
        if payment["days"] > 0 and "amount" not in named:
            raise Invalid.field("amount", "Is required with days 0.")
        return
    if payment["days"] == 0:
        _require_begun("days", begins, today)
    if not changed["member_rate"]:
        raise Conflict("The payment has no positive member rate")
    priced_by = ("days", "member_rate")
    if "amount" not in named and any(changed[name] != payment[name] for name in priced_by):
        changed["amount"] = _for_days(changed["member_rate"], changed["days"])


def _require_begun(field: str, begins: date, today: date) -> None:
    if begins > today:
        raise Invalid.field(field, f"The work period has not begun: it starts on {begins}.")


def _for_days(member_rate: Decimal, days: int) -> Decimal:
    amount = round_cents(member_rate * days / DAYS_IN_WORK_WEEK)
    if not 0 < amount <= MAX_CENTS:
        raise Invalid.field("days", f"The resulting amount {amount} is out of range.")
    return amount
