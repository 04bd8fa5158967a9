"""The books of a billing account: its movements, its statement, and its history."""

from calendar import monthrange
from datetime import date
from typing import Any

from flask import Response, request

from app.clock import utc_now
from app.console import calls, listing
from app.console.staff.account_pages import TYPES, address_of, head_of, show
from app.console.staff.blueprint import blueprint

_FILTERS = ("kind", "externalType", "externalId", "atFrom", "atTo", "actor", "sortBy", "sortOrder")
_KINDS = tuple(
    (kind, kind.replace("_", " ").capitalize())
    for kind in (
        "opened", "budget_changed", "locked", "unlocked", "expired", "consumed", "reversed", "moved", "imported",
    )
)  # fmt: skip
_FILES = ("csv", "pdf")
# The page shows the first movements of a statement; its files have all.
_SHOWN = 200


@blueprint.get("/billing-accounts/<int:account_id>/movements")
def movements(account_id: int) -> Response | str:
    """Every change of the budget."""
    address = f"{address_of(account_id)}/movements"
    if listing.wants_file():
        return listing.file(address, *_FILTERS)
    return show("movements", head_of(account_id), list=listing.read(address, *_FILTERS), kinds=_KINDS, types=TYPES)


@blueprint.get("/billing-accounts/<int:account_id>/statement")
def statement(account_id: int) -> Response | str:
    """What the budget was at both ends of a period, and what happened in between."""
    address = f"{address_of(account_id)}/statement"
    period = {name: request.args.get(name, "").strip() for name in ("from", "to")}
    if request.args.get("format") in _FILES:
        return calls.download(address, {**period, "format": request.args["format"]})
    asked = any(period.values())
    answer = calls.call("GET", address, query=period) if asked else None
    if answer is not None and answer.error is not None and answer.status != 400:  # noqa: PLR2004 - a mistyped date
        raise calls.Refused(answer)
    shown_period = period if asked else _this_month()
    return show("statement", head_of(account_id), period=shown_period, answer=answer, shown=_SHOWN)


@blueprint.get("/billing-accounts/<int:account_id>/history")
def history(account_id: int) -> Response | str:
    """Who changed what of the account, and why."""
    address = f"{address_of(account_id)}/history"
    if listing.wants_file():
        return listing.file(address)
    return show("history", head_of(account_id), list=listing.read(address))


def _this_month() -> dict[str, Any]:
    today = utc_now().date()
    last = monthrange(today.year, today.month)[1]
    return {"from": today.replace(day=1).isoformat(), "to": date(today.year, today.month, last).isoformat()}
