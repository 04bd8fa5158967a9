"""`/v1/billing`: balance, transactions and usage of credits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import Role
from app.credits import balances, failures, permissions, schemas, service, statement_pdf, statement_schemas, statements
from app.credits.ledger.batch import Outcome, Posted
from app.credits.ledger.grants import Granted
from app.credits.ledger.lots import Lot
from app.customers.guards import manager, member
from app.customers.membership import Membership
from app.db.paging import Page
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, StatementQuery, page_of

blueprint = ApiBlueprint(
    "credits",
    __name__,
    url_prefix="/v1/billing",
    description="Prepaid credits: balance, transactions and usage.",
    guide="credits.md#balance-and-transactions",
)

_member = member()
_member_or_machine = member(or_scopes=permissions.SPEND)
_spend = manager(or_scopes=permissions.SPEND)


@blueprint.route("/credits/balance")
class Balance(Resource):
    """The credit balance of the account."""

    @blueprint.arguments(statement_schemas.BalanceQuery(), location="query")
    @blueprint.response(200, schemas.CreditBalance)
    @fails(failures.NOT_OPEN_YET, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="getCreditBalance")
    @_member_or_machine
    def get(self, arguments: dict[str, Any], membership: Membership | None) -> dict[str, Any]:
        """Get the credit balance

        Returns the credit balance of the caller's account, which always equals the sum of its transactions and of what
        remains of its lots, and how much of it is held. With `as_of` it returns the credits at that instant and nothing
        else; before the opening there are none: 409 `not_open_yet`. Machines with the scope `spend:credits` must send
        `account_id`; an unknown account, or for members one other than their own, is refused with 404 `not_found`. A
        caller who is not a member of any account is refused with 403 `no_account`.
        """
        return statements.balance(membership, arguments)


@blueprint.route("/credits/balance/balance")
class BalanceByItsFirstAddress(Resource):
    """The credit balance at a second path, which existing clients use."""

    @blueprint.arguments(statement_schemas.BalanceQuery(), location="query")
    @blueprint.response(200, schemas.CreditBalance)
    @fails(failures.NOT_OPEN_YET, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="getCreditBalanceByItsFirstAddress")
    @_member_or_machine
    def get(self, arguments: dict[str, Any], membership: Membership | None) -> dict[str, Any]:
        """Get the credit balance (compatibility path)

        Returns the same response as `/v1/billing/credits/balance/`. This path is kept for existing clients; new clients
        should use the other one.
        """
        return statements.balance(membership, arguments)


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
        added. Credits that expired or arrived are listed as soon as they did; such a transaction has no id until the
        next write of the account posts it.
        """
        return balances.transactions(membership.account_id, arguments)


@blueprint.route("/transactions/<bigint_id:transaction_id>/lots")
class TransactionLots(Resource):
    """The lots of a transaction."""

    guide = "credits.md#lots"

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.LotPayment))
    @fails(failures.NO_TRANSACTION)
    @blueprint.doc(operationId="listLotsOfCreditTransaction")
    @_member
    def get(self, arguments: dict[str, Any], transaction_id: int, membership: Membership) -> Page:
        """List the lots that a transaction is about

        Lists the lots that the credits of a transaction came from or went to, in the order in which they were taken: it
        says what paid for a usage. A transaction of another account is refused with 404 `not_found`.
        """
        return balances.lots_of_transaction(membership.account_id, transaction_id, arguments)


@blueprint.route("/credits/lots")
class Lots(Resource):
    """The lots of the account."""

    guide = "credits.md#lots"

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.CreditLot))
    @blueprint.doc(operationId="listCreditLots")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the lots of credits

        Lists the credits of the account by how they arrived, newest first: every grant, month, purchase and adjustment
        is a lot of its own, whatever became of it.
        """
        return balances.lots(membership.account_id, arguments)


@blueprint.route("/credits/lots/<bigint_id:lot_id>/void")
class LotVoid(Resource):
    """Voiding a lot."""

    guide = "credits.md#lots"

    @requires(roles=[Role.ADMINISTRATOR])
    @blueprint.arguments(schemas.VoidLot(), example=schemas.VOID_EXAMPLE)
    @blueprint.response(200, schemas.CreditLot)
    @fails(failures.NO_LOT, failures.BOUGHT_LOT, failures.CLOSED)
    @blueprint.doc(operationId="voidCreditLot")
    def post(self, values: dict[str, Any], lot_id: int) -> Lot:
        """Void a lot

        Deducts what is left of a lot, but for what is held, and returns the lot; what a hold gives back later is voided
        too. A bought lot is refused with 409 `conflict`: refund its payment instead. An unknown lot is refused with 404
        `not_found`.
        """
        return service.void(lot_id, values["reason"])


@blueprint.route("/statements")
class Statements(Resource):
    """Statements of the account."""

    guide = "credits.md#statements"

    @blueprint.arguments(StatementQuery(), location="query")
    @blueprint.statement(statement_schemas.CreditStatement, statement_schemas.CreditStatementRow, statement_pdf.render)
    @fails(failures.USE_CSV)
    @blueprint.doc(operationId="getCreditStatement")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> statements.Statement:
        """Get a statement of credits

        Returns what the balance was at `from`, every transaction from then until before `to`, oldest first, and what it
        was then: as JSON, as CSV with a row for each end, or as a PDF, by `Accept` or `format`. A period may begin
        before the account was opened and end in the future. A PDF of more than 5,000 transactions is refused with 400
        `use_csv`.
        """
        return statements.Statement(membership.account_id, arguments["since"], arguments["until"])


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
    @fails(*failures.SPENDING, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="spendCredits")
    @_spend
    def post(self, values: dict[str, Any], membership: Membership | None) -> Row[Any] | Posted:
        """Spend credits on an operation

        Deducts credits from the balance and records the operation. More credits than the balance are refused with 402
        `insufficient_credits`, and nothing is changed. Machines with the scope `spend:credits` must send `account_id`;
        an unknown account, or for members one other than their own, is refused with 404 `not_found`. Send an
        `Idempotency-Key` to make the request safe to retry.
        """
        return service.spend(current_actor(), membership, values)


@blueprint.route("/credits/usage/bulk")
class UsageBulk(Resource):
    """Spending credits in bulk."""

    guide = "credits.md#spending"

    @bulk.operation(
        blueprint, item=schemas.UsageCreate, result=schemas.SpentCredits, example=schemas.USAGE_BULK_EXAMPLE
    )
    @fails(*failures.SPENDING, failures.NO_ACCOUNT)
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


@blueprint.route("/credits/usage/<bigint_id:usage_id>/reverse")
class UsageReversal(Resource):
    """Taking a charge back."""

    guide = "credits.md#spending"

    @blueprint.arguments(schemas.UsageReverse(), example=schemas.REVERSE_EXAMPLE)
    @blueprint.response(201, schemas.CreditTransaction)
    @fails(failures.NO_USAGE, failures.NOTHING_TO_REVERSE, failures.CLOSED)
    @blueprint.doc(operationId="reverseCreditUsage")
    @_spend
    def post(self, values: dict[str, Any], usage_id: int, membership: Membership | None) -> Posted:
        """Take a charge back

        Returns credits of a usage to the lots that paid for it, all or some, and the transaction of type `refund`. It
        can be repeated until everything is taken back; more is refused with 409 `nothing_to_reverse`. Credits of a lot
        that expired meanwhile expire at once.
        """
        return service.reverse(membership, usage_id, values)


@blueprint.route("/credits/grant")
class Grants(Resource):
    """Credits granted by staff."""

    @requires(roles=[Role.ADMINISTRATOR], scopes=permissions.GRANT)
    @blueprint.arguments(schemas.GrantCreate(), example=schemas.GRANT_EXAMPLE)
    @blueprint.response(201, schemas.GrantedCredits)
    @blueprint.alt_response(200, schema=schemas.GrantedCredits, description="The grant that was made before.")
    @fails(failures.INSUFFICIENT, failures.NO_ACCOUNT, failures.GRANT_EXISTS, failures.CLOSED)
    @blueprint.doc(operationId="grantCredits")
    def post(self, values: dict[str, Any]) -> Granted | tuple[Granted, int]:
        """Grant credits to an account, or adjust its balance

        Adds credits to an account as a lot of their own, which may expire or arrive later; with `transaction_type`
        `adjustment`, a negative amount deducts credits in spending order. An adjustment that would make the balance
        negative is refused with 402 `insufficient_credits`, an unknown account with 404 `not_found`. A grant whose
        `reference` was sent before is returned with status 200, and refused with 409 `grant_exists` if it differs.
        """
        granted = service.grant(values)
        return granted if granted.is_new else (granted, 200)
