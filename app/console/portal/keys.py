"""The API keys of the account."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.formats import moment
from app.console.forms import Field, Form, Kind, Outcome, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_LIST, _PAGE = "/v1/account/api-keys", "/portal/keys"
_SCOPES = (("read:account", "Read the account"), ("spend:credits", "Spend and hold credits"))
_FIELDS = (
    Field("name", "Name", required=True, hint="What you recognize the key by."),
    Field("scopes", "What the key is for", Kind.SEVERAL, required=True, choices=_SCOPES),
    Field("expires_at", "Works until", Kind.DATE, hint="The last day, in UTC. Empty: until it is revoked."),
)


@blueprint.get("/keys")
def keys() -> Response | str:
    """All keys, revoked and expired ones too."""
    if listing.wants_file():
        return listing.file(_LIST)
    return render("console/portal/keys.html", title="API keys", list=listing.read(_LIST))


@blueprint.route("/keys/new", methods=["GET", "POST"])
def new_key() -> AnyResponse | str:
    """Issue a key, and show its secret once."""
    form = Form("New API key", _FIELDS, "Issue the key")
    return handle(
        form, Target("POST", _LIST), done=lambda _: _PAGE, said="The key was issued", back=_PAGE, shows_secret=True
    )


@blueprint.route("/keys/<int:key_id>/rotate", methods=["GET", "POST"])
def rotate_key(key_id: int) -> AnyResponse | str:
    """Give a key a new secret."""
    overlap = Field(
        "overlap_seconds", "Former secrets work for so many seconds more", Kind.INTEGER, hint="Empty: they end at once."
    )
    return handle(
        Form(f"Rotate API key {key_id}", (overlap,), "Make a new secret"),
        Target("POST", calls.path("v1", "account", "api-keys", key_id, "rotate")),
        done=lambda _: _PAGE, said="The key has a new secret", back=_PAGE, shows_secret=True,
    )  # fmt: skip


@blueprint.route("/keys/<int:key_id>/revoke", methods=["GET", "POST"])
def revoke_key(key_id: int) -> AnyResponse | str:
    """Revoke a key for good."""
    return handle(
        Form(f"Revoke API key {key_id}", (Field("reason", "Reason", required=True),), "Revoke"),
        Target("POST", calls.path("v1", "account", "api-keys", key_id, "revoke")),
        done=lambda _: _PAGE, said="The key was revoked.", back=_PAGE, outcome=Outcome(_revoked),
    )  # fmt: skip


def _revoked(key: Mapping[str, Any], _: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [
        ("Key", f"{key['name']} ({key['prefix']}…)"),
        ("Last used", moment(key["last_used_at"])),
        ("Afterwards", "Requests with it are refused, within 5 seconds and for good."),
    ]
