"""`/v1/billing`: balance, transactions and usage of credits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires, signed_in
from app.auth.permissions import Role, SignedIn
from app.credits import balances, schemas, service
from app.credits.ledger import Outcome, Transaction
from app.db.paging import Page
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "credits", __name__, url_prefix="/v1/billing", description="Prepaid credits: balance, transactions and usage."
)

_member = signed_in()
_spend = signed_in(SignedIn.MANAGER, scopes=service.SPEND_SCOPES)


@blueprint.route("/credits/balance")
class Balance(Resource):
    """The caller's balance."""

    reads_in_transaction = True

    @_member
    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalance")
    def get(self) -> Row[Any]:
        """Get the balance of credits"""
        return balances.balance(current_actor())


@blueprint.route("/credits/balance/balance")
class BalanceByItsFirstAddress(Resource):
    """The caller's balance, where existing clients look for it."""

    reads_in_transaction = True

    @_member
    @blueprint.response(200, schemas.CreditBalance)
    @blueprint.doc(operationId="getCreditBalanceByItsFirstAddress")
    def get(self) -> Row[Any]:
        """Get the balance of credits, as at /v1/billing/credits/balance/"""
        return balances.balance(current_actor())


@blueprint.route("/transactions")
class Transactions(Resource):
    """Every change of the caller's balance."""

    reads_in_transaction = True

    @_member
    @blueprint.arguments(schemas.TransactionQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditTransaction))
    @blueprint.doc(operationId="listCreditTransactions")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List credit transactions"""
        return balances.transactions(current_actor(), arguments)


@blueprint.route("/credits/usage")
class Usage(Resource):
    """What the caller's account spent."""

    commit = "each statement"
    reads_in_transaction = True

    @_member
    @blueprint.arguments(schemas.UsageQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditUsage))
    @blueprint.doc(operationId="listCreditUsage")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List what credits were spent on"""
        return balances.usage(current_actor(), arguments)

    @_spend
    @blueprint.arguments(schemas.UsageCreate(), example=schemas.USAGE_EXAMPLE)
    @blueprint.response(201, schemas.SpentCredits)
    @blueprint.alt_response(402, response="PAYMENT_REQUIRED")
    @blueprint.doc(operationId="spendCredits")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Spend credits on an operation"""
        return service.spend(current_actor(), values)


@blueprint.route("/credits/usage/bulk")
class UsageBulk(Resource):
    """Spending many times at once."""

    @_spend
    @bulk.operation(blueprint, item=schemas.UsageItem, result=schemas.SpentCredits, example=schemas.USAGE_BULK_EXAMPLE)
    @blueprint.alt_response(402, response="PAYMENT_REQUIRED")
    @blueprint.doc(operationId="spendCreditsBulk")
    def post(self, items: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Spend credits on many operations, each with an outcome of its own"""
        return service.spend_many(current_actor(), items)


@blueprint.route("/credits/grant")
class Grants(Resource):
    """Credits given by staff."""

    @requires(roles=[Role.ADMINISTRATOR], scopes=service.GRANT_SCOPES)
    @blueprint.arguments(schemas.GrantCreate(), example=schemas.GRANT_EXAMPLE)
    @blueprint.response(201, schemas.CreditTransaction)
    @blueprint.alt_response(402, response="PAYMENT_REQUIRED")
    @blueprint.doc(operationId="grantCredits")
    def post(self, values: dict[str, Any]) -> Transaction:
        """Grant credits to an account, or adjust its balance"""
        return service.grant(current_actor(), values)
