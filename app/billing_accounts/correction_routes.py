"""`/v6/billing-accounts/{id}/…`: corrections of budgets."""

from typing import Any

from sqlalchemy import Row

from app.auth.guards import requires
from app.auth.permissions import Role
from app.billing_accounts import correction_schemas as schemas
from app.billing_accounts import corrections, failures, permissions
from app.billing_accounts.book_schemas import Movement
from app.billing_accounts.ledger.reversal import Reversed
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource

blueprint = ApiBlueprint(
    "budget-corrections",
    __name__,
    url_prefix="/v6/billing-accounts",
    description="Corrections of budgets: reversals, adjustments and carry-overs.",
    guide="api.md#corrections",
)

_manage = requires(roles=permissions.MANAGERS, scopes=permissions.UPDATE)


@blueprint.route("/<int_id:billing_account_id>/reversals")
class Reversals(Resource):
    """Consumed amounts that are taken back."""

    @requires(roles=[Role.ADMINISTRATOR], scopes=permissions.UPDATE)
    @blueprint.arguments(
        schemas.Reversal(),
        example={"externalType": "CHALLENGE", "externalId": "30054163", "amount": 20, "reason": "Prize lowered"},
    )
    @blueprint.response(201, schemas.Reversed)
    @fails(failures.EXCEEDS_CONSUMED, failures.NOTHING_TO_REVERSE, failures.PAYMENT_LINE)
    @blueprint.doc(operationId="reverseConsumedAmount")
    def post(self, values: dict[str, Any], billing_account_id: int) -> Reversed:
        """Take a consumed amount back

        Takes back what a budget line, or all lines of a reference, have consumed: all of it, or `amount`, from the
        newest line first. A line that is taken back whole is gone, and its reference may be locked and consumed anew.
        Works on inactive accounts and on those over their budget. More than is consumed is refused with 400
        `reversal_exceeds_consumed`, nothing consumed with 409 `nothing_to_reverse`, the line of a payment with 409
        `payment_line`. Every call takes back once more, so send an `Idempotency-Key`.
        """
        return corrections.reverse(billing_account_id, **values)


@blueprint.route("/<int_id:billing_account_id>/budget-adjustments")
class BudgetAdjustments(Resource):
    """Amounts added to budgets."""

    @_manage
    @blueprint.arguments(schemas.BudgetAdjustment(), example={"amount": 2500, "reason": "PO 4711", "poNumber": "4711"})
    @blueprint.response(201, Movement)
    @fails(failures.BELOW_RESERVED)
    @blueprint.doc(operationId="adjustBudget")
    def post(self, values: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Add to a budget, or take from it

        Adds `amount` to the budget, so that of two calls at once neither is lost; returns the movement. An increase
        always passes, also on an account over its budget. A budget below the sum of locked and consumed amounts is
        refused with 409 `budget_below_reserved`, an unknown account with 404 `not_found`.
        """
        return corrections.adjust(billing_account_id, **values)


@blueprint.route("/<int_id:billing_account_id>/carry-over")
class CarryOver(Resource):
    """What remains of a budget, moved to another."""

    @_manage
    @blueprint.arguments(schemas.CarryOver(), example={"toBillingAccountId": 8, "reason": "New fiscal year"})
    @blueprint.response(201, schemas.CarriedOver)
    @fails(failures.INSUFFICIENT_FUNDS, failures.OTHER_CLIENT, failures.NOTHING_TO_CARRY)
    @blueprint.doc(operationId="carryOverBudget")
    def post(self, values: dict[str, Any], billing_account_id: int) -> dict[str, Any]:
        """Carry what remains of a budget over to another account

        Moves `amount`, or all that remains, to the budget of another account of the same client; returns the movements
        of both. More than remains is refused with 400 `insufficient_funds`, an account of another client with 409
        `other_client`, a budget of which nothing remains with 409 `nothing_to_carry`, an unknown account with 404
        `not_found`.
        """
        return {"movements": corrections.carry_over(billing_account_id, **values)}
