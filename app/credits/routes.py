"""`/v1/billing`: balance, transactions and usage of credits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import Role
from app.credits import balances, failures, permissions, schemas, service
from app.credits.ledger.batch import Outcome, Transaction
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
_spend = manager(or_scopes=permissions.SPEND)


@blueprint.route("/credits/balance")
class Balance(Resource):
    """The credit balance of the account."""

    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalance")
    @_member
    def get(self, membership: Membership) -> Row[Any]:
        """Get the credit balance

        Returns the credit balance of the caller's account, which always equals the sum of its transactions. A caller
        who is not a member of any account is refused with 403 `no_account`.
        """
        return balances.balance(membership.account_id)


@blueprint.route("/credits/balance/balance")
class BalanceByItsFirstAddress(Resource):
    """The credit balance at a second path, which existing clients use."""

    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalanceByItsFirstAddress")
    @_member
    def get(self, membership: Membership) -> Row[Any]:
        """Get the credit balance (compatibility path)

        Returns the same response as `/v1/billing/credits/balance/`. This path is kept for existing clients; new clients
        should use the other one.
        """
        return balances.balance(membership.account_id)


@blueprint.route("/transactions")
class Transactions(Resource):
    """The transactions of the account."""

    @blueprint.arguments(schemas.TransactionQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditTransaction))
    @blueprint.doc(operationId="listCreditTransactions")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List credit transactions

        Lists every change of the account's balance with the balance after it, newest first. Transactions are only ever
        added.
        """
        return balances.transactions(membership.account_id, arguments)


@blueprint.route("/credits/usage")
class Usage(Resource):
    """Credits spent by the account."""

    guide = "credits.md#spending"
    commit = "each statement"

    @blueprint.arguments(schemas.UsageQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditUsage))
    @blueprint.doc(operationId="listCreditUsage")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List credit usage

        Lists the operations that the account spent credits on, newest first. `cost_usd` is the value of the credits on
        the plan of the account at the time. Filters select an operation type and a range of time; invalid ones are
        refused with 400 `invalid_input`.
        """
        return balances.usage(membership.account_id, arguments)

    @blueprint.arguments(schemas.UsageCreate(), example=schemas.USAGE_EXAMPLE)
    @blueprint.response(201, schemas.SpentCredits)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="spendCredits")
    @_spend
    def post(self, values: dict[str, Any], membership: Membership | None) -> Row[Any]:
        """Spend credits on an operation

        Deducts credits from the balance and records the operation. More credits than the balance are refused with 402
        `insufficient_credits`, and nothing is changed. Machines with the scope `spend:credits` must send `account_id`;
        an unknown account, or for members one other than their own, is refused with 404 `not_found`. Send an
        `Idempotency-Key` to make the request safe to retry.
        """
        return service.spend(membership, values)


@blueprint.route("/credits/usage/bulk")
class UsageBulk(Resource):
    """Spending credits in bulk."""

    guide = "credits.md#spending"

    @bulk.operation(blueprint, item=schemas.UsageItem, result=schemas.SpentCredits, example=schemas.USAGE_BULK_EXAMPLE)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="spendCreditsBulk")
    @_spend
    def post(self, items: Sequence[dict[str, Any]], membership: Membership | None) -> list[Outcome]:
        """Spend credits in bulk

        Spends credits for 1 to 1,000 items, in the order of the array and in one transaction; items of machines may
        name different accounts. Each item has its own outcome: the usage, or the submitted fields with an added
        `error`; the status is 200 either way, so check each item. An item with a `key` is charged only once, however
        often it is sent. With `?atomic=true` the first failing item fails the call, which then changes nothing.
        """
        return service.spend_many(current_actor(), membership, items)


@blueprint.route("/credits/grant")
class Grants(Resource):
    """Credits granted by staff."""

    @requires(roles=[Role.ADMINISTRATOR], scopes=permissions.GRANT)
    @blueprint.arguments(schemas.GrantCreate(), example=schemas.GRANT_EXAMPLE)
    @blueprint.response(201, schemas.CreditTransaction)
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="grantCredits")
    def post(self, values: dict[str, Any]) -> Transaction:
        """Grant credits to an account, or adjust its balance

        Adds credits to an account; with `transaction_type` `adjustment`, a negative amount deducts credits. An
        adjustment that would make the balance negative is refused with 402 `insufficient_credits`, an unknown account
        with 404 `not_found`.
        """
        return service.grant(values)
