"""What staff do with a customer: grants, voided lots, plans, and the life of the account."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from werkzeug.wrappers import Response as AnyResponse

from app.console import calls
from app.console.forms import Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.staff.blueprint import blueprint

_REASON = Field("reason", "Reason", Kind.LINES, required=True, hint="Kept in the audit trail.")
_GRANT = (
    Field("amount", "Credits", Kind.INTEGER, required=True, hint="Negative only for an adjustment."),
    Field(
        "transaction_type",
        "Type",
        Kind.CHOICE,
        required=True,
        choices=(("grant", "Grant"), ("adjustment", "Adjustment"), ("refund", "Refund without a payment")),
    ),
    Field("description", "Reason", required=True, hint="The customer sees it beside the transaction."),
    Field("expires_at", "Expires", Kind.DATE, hint="The last day on which they can be spent; never if empty."),
    Field("effective_at", "Arrives", Kind.DATE, hint="Now if empty."),
    Field("priority", "Priority", Kind.INTEGER, hint="Lots with a lower priority are spent first."),
    Field("reference", "Reference", hint="A grant with the same reference is made once."),
)


class _Change(NamedTuple):
    """A change of the life of an account, as a form."""

    title: str
    about: str
    action: str
    said: str


_LIFE = {
    "suspend": _Change(
        "Suspend the customer",
        "A suspended customer cannot spend, hold or buy. Credits stay, and expire as before.",
        "Suspend",
        "The customer was suspended.",
    ),
    "resume": _Change(
        "Resume the customer", "The customer can spend, hold and buy again.", "Resume", "The customer is active again."
    ),
    "close": _Change(
        "Close the customer",
        "A closed customer can only be read, for good. Open holds, payments and disputes have to end first.",
        "Close for good",
        "The customer was closed.",
    ),
    "erase": _Change(
        "Erase the customer",
        "Team, actors and stored answers are emptied. Invoices and credit notes keep the buyer for some years.",
        "Erase for good",
        "What was kept about people was erased.",
    ),
}


@blueprint.route("/customers/<int:account_id>/grant", methods=["GET", "POST"])
def grant_credits(account_id: int) -> AnyResponse | str:
    """Give a customer credits, or take some by an adjustment."""
    form = Form(
        f"Grant credits to customer {account_id}", _GRANT, "Grant credits", constants={"account_id": account_id}
    )
    return handle(
        form,
        Target("POST", "/v1/billing/credits/grant"),
        done=lambda _: f"{_home(account_id)}/transactions",
        said="The credits were posted.",
        back=_home(account_id),
    )


@blueprint.route("/customers/<int:account_id>/lots/<int:lot_id>/void", methods=["GET", "POST"])
def void_lot(account_id: int, lot_id: int) -> AnyResponse | str:
    """Take away what is left of a lot."""
    form = Form(
        f"Void lot {lot_id}", (_REASON,), "Void the lot", about="What is left of the lot is taken away for good."
    )
    return handle(
        form,
        Target("POST", calls.path("v1", "billing", "credits", "lots", lot_id, "void")),
        done=lambda _: f"{_home(account_id)}/lots",
        said="The lot was voided.",
        back=f"{_home(account_id)}/lots",
        outcome=Outcome(_of_lot),
    )


@blueprint.route("/customers/<int:account_id>/plan", methods=["GET", "POST"])
def assign_plan(account_id: int) -> AnyResponse | str:
    """Put a customer on another plan."""
    offered = calls.get("/v1/admin/plans", {"per_page": 100})["results"]
    fields = (
        Field("plan", "Plan", Kind.CHOICE, required=True, choices=[(each["name"], each["name"]) for each in offered]),
        Field(
            "from",
            "From",
            Kind.CHOICE,
            required=True,
            choices=(("next_month", "Next month"), ("now", "Now")),
            hint="Now grants what the month of the new plan has more; nothing is taken back.",
        ),
        _REASON,
    )
    return handle(
        Form(f"Change the plan of customer {account_id}", fields, "Change the plan"),
        Target("POST", calls.path("v1", "admin", "accounts", account_id, "plan")),
        done=lambda _: _home(account_id),
        said="The plan was changed.",
        back=_home(account_id),
        outcome=Outcome(_of_account),
    )


@blueprint.route("/customers/<int:account_id>/<any(suspend, resume, close, erase):does>", methods=["GET", "POST"])
def change_life(account_id: int, does: str) -> AnyResponse | str:
    """Suspend, resume, close or erase a customer."""
    change = _LIFE[does]
    return handle(
        Form(f"{change.title} {account_id}", (_REASON,), change.action, about=change.about),
        Target("POST", calls.path("v1", "admin", "accounts", account_id, does)),
        done=lambda _: _home(account_id),
        said=change.said,
        back=_home(account_id),
        outcome=Outcome(_of_account),
    )


def _home(account_id: int) -> str:
    return f"/console/customers/{account_id}"


def _of_account(would: Mapping[str, Any], entered: Mapping[str, str]) -> Rows:
    rows = [("Customer", would["name"]), ("Status", would["status"]), ("Plan", would["plan"])]
    if entered.get("from") == "next_month":
        rows.append(("From the first of next month", entered["plan"]))
    credits = [("Balance", would["credit_balance"]), ("Held", would["credits_held"]), ("Debt", would["debt"])]
    return [*rows, *credits, ("Reason", entered["reason"])]


def _of_lot(would: Mapping[str, Any], entered: Mapping[str, str]) -> Rows:
    return [
        ("Lot", would["id"]),
        ("Credits when it arrived", would["credits"]),
        ("Remaining afterwards", would["remaining"]),
        ("Status", would["status"]),
        ("Reason", entered["reason"]),
    ]
