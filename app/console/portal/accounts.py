"""A person's accounts and invitations: choosing, joining, opening and leaving one."""

from collections.abc import Mapping
from typing import Any

from flask import redirect
from werkzeug.wrappers import Response as AnyResponse

from app.console import browser, calls
from app.console.forms import Form, Outcome, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import ACCOUNTS, blueprint
from app.console.portal.settings import FIELDS
from app.errors import NotFound

_MEMBERSHIPS = "/v1/account/memberships"


@blueprint.get("/accounts")
def accounts() -> str:
    """The accounts of the person, and those they are invited to."""
    return render(
        "console/portal/accounts.html",
        title="Your accounts",
        memberships=calls.get(_MEMBERSHIPS, {"per_page": 100})["results"],
        invitations=calls.get("/v1/account/invitations", {"per_page": 100})["results"],
        chosen=browser.chosen_account(),
    )


@blueprint.post("/accounts/choose/<int:account_id>")
def choose_account(account_id: int) -> AnyResponse:
    """Have the portal be about one of the person's accounts."""
    memberships = calls.get(_MEMBERSHIPS, {"per_page": 100})["results"]
    if account_id not in {each["account_id"] for each in memberships}:
        raise NotFound(f"You are not a member of account {account_id}")
    browser.choose_account(account_id)
    return redirect("/portal", 303)


@blueprint.route("/accounts/open", methods=["GET", "POST"])
def open_account() -> AnyResponse | str:
    """Open an account."""
    form = Form("Open an account", FIELDS, action="Open the account", about="You will be its owner.")
    return handle(
        form, Target("POST", "/v1/account"), done=lambda account: _entered(account["id"]),
        said="The account was opened.", back=ACCOUNTS,
    )  # fmt: skip


@blueprint.route("/accounts/leave", methods=["GET", "POST"])
def leave_account() -> AnyResponse | str:
    """Leave the account."""
    form = Form("Leave the account", (), action="Leave")
    return handle(
        form, Target("POST", "/v1/account/leave"), done=_left, said="You left the account.", back=ACCOUNTS,
        outcome=Outcome(_leaving),
    )  # fmt: skip


@blueprint.route("/invitations/<int:invitation_id>/accept", methods=["GET", "POST"])
def accept_invitation(invitation_id: int) -> AnyResponse | str:
    """Join the account that the person is invited to."""
    target = Target("POST", calls.path("v1", "account", "invitations", invitation_id, "accept"))
    return handle(
        Form("Accept the invitation", (), action="Accept"), target, done=lambda joined: _entered(joined["account_id"]),
        said="You joined the account.", back=ACCOUNTS,
    )  # fmt: skip


@blueprint.route("/invitations/<int:invitation_id>/decline", methods=["GET", "POST"])
def decline_invitation(invitation_id: int) -> AnyResponse | str:
    """Decline an invitation."""
    target = Target("POST", calls.path("v1", "account", "invitations", invitation_id, "decline"))
    return handle(
        Form("Decline the invitation", (), action="Decline"), target, done=lambda _: ACCOUNTS,
        said="The invitation was declined.", back=ACCOUNTS,
    )  # fmt: skip


def _entered(account_id: int) -> str:
    browser.choose_account(account_id)
    return "/portal"


def _left(_: Mapping[str, Any]) -> str:
    browser.choose_account(None)
    return ACCOUNTS


def _leaving(ended: Mapping[str, Any], _: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [
        ("You leave", ended["account_name"]),
        ("Your role there", ended["role"]),
        ("Afterwards", "You no longer see the account. Only its owners and admins can invite you again."),
    ]
