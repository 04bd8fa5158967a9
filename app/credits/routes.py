"""`/v1/billing`: balance, transactions and usage of credits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import Role
from app.credits import balances, failures, schemas, service
from app.credits.ledger import Outcome, Transaction
from app.customers.guards import manager, member
from app.customers.membership import Membership
from app.db.paging import Page
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "credits",
    __name__,
    url_prefix="/v1/billing",
    description="Prepaid credits: balance, transactions and usage.",
    guide="credits.md#balance-and-transactions",
)

_member = member()
_spend = manager(or_scopes=service.SPEND_SCOPES)


@blueprint.route("/credits/balance")
class Balance(Resource):
    """The caller's balance."""

    @_member
    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalance")
    def get(self, membership: Membership) -> Row[Any]:
        """Get the balance of credits

        Returns the balance of the caller's account, which equals the sum of its transactions. Reading it costs the same
        after any number of them.
        """
        return balances.balance(membership.account_id)


@blueprint.route("/credits/balance/balance")
class BalanceByItsFirstAddress(Resource):
    """The caller's balance, where existing clients look for it."""

    @_member
    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalanceByItsFirstAddress")
    def get(self, membership: Membership) -> Row[Any]:
        """Get the balance of credits, as at /v1/billing/credits/balance/

        Returns the same as `/v1/billing/credits/balance/`. It stays for callers that use this address; new ones should
        use the other.
        """
        return balances.balance(membership.account_id)


@blueprint.route("/transactions")
class Transactions(Resource):
    """Every change of the caller's balance."""

    @_member
    @blueprint.arguments(schemas.TransactionQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditTransaction))
    @blueprint.doc(operationId="listCreditTransactions")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List credit transactions

        Lists every change of the account's balance with the balance after it, newest first. Transactions are only ever
        added.
        """
        return balances.transactions(membership.account_id, arguments)


@blueprint.route("/credits/usage")
class Usage(Resource):
    """What the caller's account spent."""

    guide = "credits.md#spending"
    commit = "each statement"

    @_member
    @blueprint.arguments(schemas.UsageQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditUsage))
    @blueprint.doc(operationId="listCreditUsage")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List what credits were spent on

        Lists what the account spent credits on, newest first. `cost_usd` is what the credits were worth on the plan of
        the account when they were spent.
        """
        return balances.usage(membership.account_id, arguments)

    @_spend
    @blueprint.arguments(schemas.UsageCreate(), example=schemas.USAGE_EXAMPLE)
    @blueprint.response(201, schemas.SpentCredits)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="spendCredits")
    def post(self, values: dict[str, Any], membership: Membership | None) -> Row[Any]:
        """Spend credits on an operation

        Takes credits from the balance and records what they were spent on. More than the balance is refused with 402
        `insufficient_credits`, and nothing is changed. A machine with the scope `spend:credits` names the account in
        `account_id`.
        """
        return service.spend(current_actor(), membership, values)


@blueprint.route("/credits/usage/bulk")
class UsageBulk(Resource):
    """Spending many times at once."""

    guide = "credits.md#spending"

    @_spend
    @bulk.operation(blueprint, item=schemas.UsageItem, result=schemas.SpentCredits, example=schemas.USAGE_BULK_EXAMPLE)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="spendCreditsBulk")
    def post(self, items: Sequence[dict[str, Any]], membership: Membership | None) -> list[Outcome]:
        """Spend credits on many operations, each with an outcome of its own

        Spends in the order of the array, 1 to 1,000 items of any accounts, in one transaction. Each item stands alone:
        its outcome is the usage, or what was sent with `error` beside it, and the status is 200 either way. An item
        with a `key` is charged once, however often it is sent.
        """
        return service.spend_many(current_actor(), membership, items)


@blueprint.route("/credits/grant")
class Grants(Resource):
    """Credits given by staff."""

    @requires(roles=[Role.ADMINISTRATOR], scopes=service.GRANT_SCOPES)
    @blueprint.arguments(schemas.GrantCreate(), example=schemas.GRANT_EXAMPLE)
    @blueprint.response(201, schemas.CreditTransaction)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="grantCredits")
    def post(self, values: dict[str, Any]) -> Transaction:
        """Grant credits to an account, or adjust its balance

        Adds credits to an account, or with `transaction_type` `adjustment` and a negative amount takes some away. An
        adjustment below zero is refused with 402 `insufficient_credits`, an unknown account with 404.
        """
        return service.grant(current_actor(), values)
