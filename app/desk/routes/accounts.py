"""`/v1/admin/accounts`: the accounts of all customers."""

from typing import Any

from app.credits.permissions import SPEND
from app.db.paging import Page
from app.desk import accounts, failures, guards, permissions, schemas
from app.desk.accounts import Account
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "desk-accounts",
    __name__,
    url_prefix="/v1/admin/accounts",
    description="The vendor's desk: the accounts of customers.",
    guide="desk.md#find-a-customer",
)


@blueprint.route("")
class Accounts(Resource):
    """The accounts of all customers."""

    @blueprint.arguments(schemas.AccountQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskAccount))
    @blueprint.doc(operationId="listAccounts")
    @guards.reads()
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the accounts of customers

        Lists all customer accounts with their balances, newest first. `search` finds an account by a part of its name,
        slug or billing address, by its id, and by a part of the name or e-mail address of a member. Accounts are sorted
        by their balances as posted, though what is shown also counts what fell due since.
        """
        return accounts.search(arguments)


@blueprint.route("/lookup")
class Lookup(Resource):
    """The accounts of a person."""

    @blueprint.arguments(schemas.LookupQuery(), location="query")
    @blueprint.response(200, page_of(schemas.MemberAccount))
    @blueprint.doc(operationId="lookUpAccounts")
    @guards.reads(or_scopes=SPEND)
    def get(self, arguments: dict[str, Any]) -> Page:
        """Look up the accounts of a person

        Lists the accounts that a person is a member of, in the order in which they joined, which is the one that their
        own requests go by: a machine that knows a user finds the account to charge. Exactly one of `user_id` and
        `email` is required; the list is empty for a person who is not a member of any account.
        """
        return accounts.look_up(arguments)


@blueprint.route("/<bigint_id:account_id>")
class OneAccount(Resource):
    """One account."""

    @blueprint.response(200, schemas.DeskAccount)
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="getAccount")
    @guards.of_account(*permissions.READ)
    def get(self, account: Account) -> dict[str, Any]:
        """Get the account of a customer

        Returns an account with its settings, its plan and its balance. An unknown one is refused with 404 `not_found`.
        """
        return accounts.get(account)
