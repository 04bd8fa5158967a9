"""`/v6/billing-accounts`: the routes that lock and consume budget."""

from typing import Any

from sqlalchemy import Row

from app.auth.guards import requires
from app.auth.permissions import Role, scopes
from app.billing_accounts import failures, ledger, schemas
from app.billing_accounts.ledger import Charge, Reference
from app.billing_accounts.models import ExternalType
from app.billing_accounts.routes import RESOURCE, blueprint
from app.web.failures import fails
from app.web.resource import Resource

__all__ = ["blueprint"]

_update = requires(roles=[Role.ADMINISTRATOR], scopes=scopes(RESOURCE, "update"))


@blueprint.route("/<int_id:billing_account_id>/lock-amount")
class LockAmount(Resource):
    """The amount a challenge holds."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_update
    @blueprint.arguments(schemas.LockAmount(), example=schemas.LOCK_EXAMPLE)
    @blueprint.response(200, schemas.LockResult)
    @fails(*failures.CHARGE, failures.CONSUMED)
    @blueprint.doc(operationId="lockAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any] | dict[str, bool]:
        """Hold an amount for a challenge, or release it with 0

        Sets the amount that the challenge holds, in place of what it held before; 0 releases it. More than the budget
        has left is refused with 400 `insufficient_funds`, an inactive account with 409 `account_inactive`, and a
        challenge that was consumed with 409 `already_consumed`. A refusal changes nothing.
        """
        if values["amount"] == 0:
            ledger.unlock(billing_account_id, _reference(values))
            return {"unlocked": True}
        return ledger.lock(billing_account_id, _reference(values), values["amount"])


@blueprint.route("/<int_id:billing_account_id>/consume-amount")
class ConsumeAmount(Resource):
    """The amount a challenge or an engagement spent."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_update
    @blueprint.arguments(schemas.ConsumeAmount(), example=schemas.CONSUME_EXAMPLE)
    @blueprint.response(200, schemas.BudgetLine)
    @fails(*failures.CHARGE)
    @blueprint.doc(operationId="consumeAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Spend an amount for a challenge or an engagement

        Spends an amount. For a challenge it ends the lock and replaces what was consumed before; for an engagement
        every call adds a line, so send an `Idempotency-Key`. More than the budget has left is refused with 400
        `insufficient_funds`, an inactive account with 409 `account_inactive`; what does not raise the reserved total
        always passes.
        """
        return ledger.consume(billing_account_id, _reference(values), values["amount"])


@blueprint.route("/consume-amounts")
class ConsumeAmounts(Resource):
    """Many amounts at once."""

    guide = "api.md#budgets"

    @_update
    @blueprint.arguments(schemas.ConsumeAmounts(), example=schemas.CONSUMES_EXAMPLE)
    @blueprint.response(200, schemas.ConsumeCount)
    @fails(*failures.CHARGE, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="consumeAmounts")
    def post(self, values: dict[str, Any]) -> dict[str, int]:
        """Spend amounts for engagements, all or none

        Adds a consumed line for each engagement in the list, over any number of accounts. Either all are spent or none:
        the first that does not fit fails the call, and its error names the `index`.
        """
        consumes = values["consumes"]
        ledger.consume_all([Charge(c["billing_account_id"], c["external_id"], c["amount"]) for c in consumes])
        return {"count": len(consumes)}


def _reference(values: dict[str, Any]) -> Reference:
    external_id = values.get("external_id", values.get("challenge_id"))
    return Reference(ExternalType(values["external_type"]), str(external_id), values.get("external_name"))
