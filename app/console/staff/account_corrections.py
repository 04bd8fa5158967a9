"""Corrections of a budget: each shows what it comes to before it is done."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Response as AnyResponse

from app.console import calls
from app.console.formats import money
from app.console.forms import Blank, Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.staff.account_pages import LIST, address_of, head_of
from app.console.staff.blueprint import blueprint

_REASON = Field("reason", "Reason", required=True, hint="Kept with the movement.", blank=Blank.EMPTY)
# More accounts of a client than a person picks from: the id of the other is entered.
_MOST_CHOICES = 200


@blueprint.route("/billing-accounts/<int:account_id>/adjust", methods=["GET", "POST"])
def adjust_budget(account_id: int) -> AnyResponse | str:
    """Add to the budget, or take from it."""
    fields = (
        Field("amount", "Amount", Kind.MONEY, required=True, hint="What is added; with a minus, what is taken away."),
        Field("poNumber", "Purchase order number", hint="The new one of the account, if it changes."),
        _REASON,
    )
    return handle(
        Form("Adjust the budget", fields, action="Adjust the budget"),
        Target("POST", f"{address_of(account_id)}/budget-adjustments"),
        done=lambda _: f"{_page(account_id)}/movements",
        said="The budget was adjusted.",
        back=_page(account_id),
        outcome=Outcome(lambda movement, _: _budget_rows(movement)),
    )


@blueprint.route("/billing-accounts/<int:account_id>/reverse/<entry_id>", methods=["GET", "POST"])
def reverse(account_id: int, entry_id: str) -> AnyResponse | str:
    """Take back what a budget line has consumed."""
    fields = (
        Field("amount", "Amount", Kind.MONEY, hint="Leave empty to take back all that is consumed."),
        _REASON,
    )
    return handle(
        Form("Reverse a consumed amount", fields, action="Reverse", constants={"entryId": entry_id}),
        Target("POST", f"{address_of(account_id)}/reversals"),
        done=lambda _: f"{_page(account_id)}/movements",
        said="The amount was reversed.",
        back=_page(account_id),
        outcome=Outcome(_reversed_rows),
    )


@blueprint.route("/billing-accounts/<int:account_id>/carry-over", methods=["GET", "POST"])
def carry_over(account_id: int) -> AnyResponse | str:
    """Move what remains to another account of the client."""
    others = calls.get(LIST, {"clientId": head_of(account_id)["clientId"], "perPage": _MOST_CHOICES, "sortBy": "name"})
    choices = [(str(other["id"]), f"{other['name']} ({other['id']})") for other in others["results"]]
    fields = (
        Field(
            "toBillingAccountId",
            "To",
            Kind.INTEGER,
            required=True,
            choices=[each for each in choices if each[0] != str(account_id)]
            if others["count"] <= _MOST_CHOICES
            else (),
            hint="An account of the same client.",
        ),
        Field("amount", "Amount", Kind.MONEY, hint="Leave empty to move all that remains."),
        _REASON,
    )
    return handle(
        Form("Carry over", fields, action="Carry over", about="Moves what remains of this budget to another one."),
        Target("POST", f"{address_of(account_id)}/carry-over"),
        done=lambda _: f"{_page(account_id)}/movements",
        said="The amount was carried over.",
        back=_page(account_id),
        outcome=Outcome(_carried_rows),
    )


def _budget_rows(movement: Mapping[str, Any]) -> Rows:
    before = _number(movement["budgetAfter"]) - _number(movement["budgetDelta"])
    return [
        ("Budget now", money(before)),
        ("Budget then", money(movement["budgetAfter"])),
        ("Remaining then", money(_remaining(movement))),
    ]


def _reversed_rows(would: Mapping[str, Any], _: Mapping[str, str]) -> Rows:
    newest = would["movements"][-1]
    return [
        ("Taken back", money(would["reversed"])),
        ("Of", f"{newest['externalName'] or newest['externalType']} {newest['externalId']}"),
        ("Consumed then", money(newest["consumedAfter"])),
        ("Remaining then", money(_remaining(newest))),
    ]


def _carried_rows(would: Mapping[str, Any], entered: Mapping[str, str]) -> Rows:
    here, there = would["movements"]
    return [
        ("Moved", money(there["budgetDelta"])),
        ("Remaining here then", money(_remaining(here))),
        (f"Budget of account {entered['toBillingAccountId']} then", money(there["budgetAfter"])),
    ]


def _remaining(movement: Mapping[str, Any]) -> Decimal:
    return _number(movement["budgetAfter"]) - _number(movement["lockedAfter"]) - _number(movement["consumedAfter"])


def _number(amount: Any) -> Decimal:
    return Decimal(str(amount))


def _page(account_id: int) -> str:
    return f"/console/billing-accounts/{account_id}"
