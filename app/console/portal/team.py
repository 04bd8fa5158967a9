"""The team of the account."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_LIST, _PAGE = "/v1/account/team", "/portal/team"
_ROLES = (("member", "Member"), ("admin", "Admin"), ("owner", "Owner"))
_ROLE = Field(
    "role", "Role", Kind.CHOICE, required=True, choices=_ROLES,
    hint="Members see everything but keys, limits and history; admins manage the account; owners also other owners.",
)  # fmt: skip


@blueprint.get("/team")
def team() -> Response | str:
    """Members and open invitations."""
    if listing.wants_file():
        return listing.file(_LIST)
    return render("console/portal/team.html", title="Team", list=listing.read(_LIST))


@blueprint.route("/team/invite", methods=["GET", "POST"])
def invite_member() -> AnyResponse | str:
    """Invite a person."""
    about = "They find the invitation here once they sign in with this address, for 14 days. No e-mail is sent."
    form = Form(
        "Invite a person", (Field("email", "E-mail address", Kind.EMAIL, required=True), _ROLE), "Invite", about
    )
    return handle(form, Target("POST", _LIST), done=lambda _: _PAGE, said="The invitation is open.", back=_PAGE)


@blueprint.route("/team/<int:member_id>/role", methods=["GET", "POST"])
def change_role(member_id: int) -> AnyResponse | str:
    """Change the role of a member or an invitation."""
    address = calls.path("v1", "account", "team", member_id)
    return handle(
        Form(f"Change the role of member {member_id}", (_ROLE,)), Target("PATCH", address, current=address),
        done=lambda _: _PAGE, said="The role was changed.", back=_PAGE,
    )  # fmt: skip


@blueprint.route("/team/<int:member_id>/remove", methods=["GET", "POST"])
def remove_member(member_id: int) -> AnyResponse | str:
    """Remove a member, or withdraw an invitation."""
    address = calls.path("v1", "account", "team", member_id)
    return handle(
        Form(f"Remove member {member_id} from the team", (), action="Remove"),
        Target("DELETE", address, current=address),
        done=lambda _: _PAGE, said="The member was removed.", back=_PAGE, outcome=Outcome(_removed),
    )  # fmt: skip


def _removed(member: Mapping[str, Any], _: Mapping[str, str]) -> Rows:
    name = " ".join(filter(None, (member["first_name"], member["last_name"], member["email"])))
    ends = "Loses access at once" if member["is_active"] else "The invitation can no longer be accepted"
    return [("Who", name or f"Member {member['id']}"), ("Role", member["role"]), ("Afterwards", ends)]
