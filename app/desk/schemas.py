"""Request and response schemas of the desk: those of customers, with whose they are and who made them."""

from app.credits.account_schemas import AccountSettings
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, sorting


def _account_id() -> fields.Id:
    return fields.Id(metadata={"description": "Identifier of the customer account."})


def _account_name() -> fields.Text:
    return fields.Text(metadata={"description": "Name of the customer account."})


class OfAccount(Schema):
    """Whose something is, and who made it."""

    account_id = _account_id()
    account_name = _account_name()
    created_by = fields.Text(
        metadata={"description": "The caller, or the command, that created it; empty if nobody is known."}
    )


class DeskAccount(OfAccount, AccountSettings):
    """A customer account with its settings and its balance."""

    etag = ETag.CONSTANT

    plan = fields.Text(metadata={"description": "Name of the plan that the account is on."})


class AccountQuery(SnakePageArguments):
    """Filters of the list of accounts."""

    search = fields.Identifier(
        metadata={
            "description": (
                "Words, or parts of words, of the name, slug or billing address of an account or of the name, e-mail "
                "address or user id of a member; or the id of the account. Entries that contain all of them match."
            )
        }
    )
    plan = fields.Identifier(metadata={"description": "Name of the plan that the account is on."})
    sort_by, sort_order = sorting("created", "balance")
