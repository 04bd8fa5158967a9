"""API keys of machines."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.auth.permissions import READ_ACCOUNT, SCOPES
from app.console import calls, listing
from app.console.forms import Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.staff.blueprint import blueprint
from app.console.tables import Column, Listed, link

_LIST, _PAGE = "/v1/admin/api-keys", "/console/keys"
_KEYS = Listed(
    (
        Column("Name", "name"),
        Column("Begins with", "prefix", "code"),
        Column("Scopes", "scopes", "words"),
        link("Customer", "account_id", "/console/customers/", "account_id"),
        Column("Issued", "created_at", "moment"),
        Column("By", "created_by"),
        Column("Expires", "expires_at", "moment"),
        Column("Last used", "last_used_at", "moment"),
        Column("Revoked", "revoked_at", "moment"),
    ),
    "No key matches. Issue one for a machine that calls the API.",
    texts=(("account_id", "Customer id"),),
)
_NEW = (
    Field("name", "Name", required=True, hint="What people recognize the key by."),
    Field(
        "scopes",
        "Scopes",
        Kind.SEVERAL,
        required=True,
        choices=tuple((scope, scope) for scope in (*SCOPES, READ_ACCOUNT)),
        hint="A key has no role: it may do what its scopes say, and nothing else.",
    ),
    Field("account_id", "Customer", Kind.INTEGER, hint="Its id, for a key that acts in one account only."),
    Field("expires_at", "Expires", Kind.DATE, hint="The last day on which it works; never if empty."),
)
_ROTATION = (
    Field("overlap_seconds", "Overlap", Kind.INTEGER, hint="Seconds for which the old secret works; none if empty."),
)
_REVOCATION = (Field("reason", "Reason", Kind.LINES, required=True, hint="Kept in the audit trail."),)


@blueprint.get("/keys")
def keys() -> Response | str:
    """All keys, revoked ones too."""
    return listing.page(_KEYS, _LIST, title="API keys", template="console/keys/list.html")


@blueprint.route("/keys/new", methods=["GET", "POST"])
def new_key() -> AnyResponse | str:
    """Issue a key, whose secret is shown once."""
    return handle(
        Form("New API key", _NEW, "Issue the key", about="Its secret is shown once, on the next page."),
        Target("POST", _LIST),
        done=_done,
        said="The key was issued",
        back=_PAGE,
        shows_secret=True,
    )


@blueprint.route("/keys/<int:key_id>/rotate", methods=["GET", "POST"])
def rotate_key(key_id: int) -> AnyResponse | str:
    """Give a key a new secret, which is shown once."""
    form = Form(
        f"Rotate API key {key_id}",
        _ROTATION,
        "Rotate",
        about="The key gets a new secret, shown once, on the next page.",
    )
    return handle(
        form,
        Target("POST", calls.path("v1", "admin", "api-keys", key_id, "rotate")),
        done=_done,
        said="The key was rotated",
        back=_PAGE,
        shows_secret=True,
    )


@blueprint.route("/keys/<int:key_id>/revoke", methods=["GET", "POST"])
def revoke_key(key_id: int) -> AnyResponse | str:
    """End a key for good."""
    form = Form(
        f"Revoke API key {key_id}", _REVOCATION, "Revoke for good", about="Within 5 seconds it is refused everywhere."
    )
    return handle(
        form,
        Target("POST", calls.path("v1", "admin", "api-keys", key_id, "revoke")),
        done=_done,
        said="The key was revoked.",
        back=_PAGE,
        outcome=Outcome(_of_revocation),
    )


def _of_revocation(would: Mapping[str, Any], entered: Mapping[str, str]) -> Rows:
    return [
        ("Key", would["name"]),
        ("Begins with", would["prefix"]),
        ("Scopes", ", ".join(would["scopes"])),
        ("Last used", would["last_used_at"] or "never"),
        ("Reason", entered["reason"]),
    ]


def _done(_: Any) -> str:
    return _PAGE
