"""The users of a billing account."""

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Field, Form, Outcome, Target, handle
from app.console.staff.account_pages import address_of, head_of, show
from app.console.staff.blueprint import blueprint


@blueprint.get("/billing-accounts/<int:account_id>/users")
def account_users(account_id: int) -> Response | str:
    """Who was granted access."""
    address = f"{address_of(account_id)}/users"
    if listing.wants_file():
        return listing.file(address)
    return show("users", head_of(account_id), list=listing.read(address))


@blueprint.route("/billing-accounts/<int:account_id>/users/new", methods=["GET", "POST"])
def grant_access(account_id: int) -> AnyResponse | str:
    """Grant a user access."""
    fields = (
        Field("userId", "User id", required=True),
        Field("userHandle", "Handle", hint="How the user is shown."),
    )
    form = Form("Grant access", fields, action="Grant access", asks_reason=True)
    users = _page(account_id)
    return handle(
        form, Target("POST", f"{address_of(account_id)}/users"), done=lambda _: users, said="Access was granted.",
        back=users,
    )  # fmt: skip


@blueprint.route("/billing-accounts/<int:account_id>/users/revoke/<path:user_id>", methods=["GET", "POST"])
def revoke_access(account_id: int, user_id: str) -> AnyResponse | str:
    """Take a user's access away."""
    form = Form(f"Revoke access of user {user_id}", (), action="Revoke access", asks_reason=True)
    users = _page(account_id)
    return handle(
        form,
        Target("DELETE", calls.path("v6", "billing-accounts", account_id, "users", user_id)),
        done=lambda _: users,
        said="Access was revoked.",
        back=users,
        outcome=Outcome(lambda *_: [("User", user_id), ("Loses access to", f"Billing account {account_id}")]),
    )


def _page(account_id: int) -> str:
    return f"/console/billing-accounts/{account_id}/users"
