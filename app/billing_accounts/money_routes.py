"""`/v6/billing-accounts`: the routes that lock and consume budgets."""

from typing import Any

from sqlalchemy import Row

from app.auth.guards import requires
from app.auth.permissions import Role, scopes
from app.billing_accounts import failures, schemas
from app.billing_accounts.ledger import batch, single
from app.billing_accounts.ledger.batch import Charge
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.billing_accounts.routes import RESOURCE, blueprint
from app.web.failures import fails
from app.web.resource import Resource

__all__ = ["blueprint"]

_update = requires(roles=[Role.ADMINISTRATOR], scopes=scopes(RESOURCE, "update"))


@blueprint.route("/<int_id:billing_account_id>/lock-amount")
class LockAmount(Resource):
    """The locked amount of a challenge."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_update
    @blueprint.arguments(schemas.LockAmount(), example=schemas.LOCK_EXAMPLE)
    @blueprint.response(200, schemas.LockResult)
    @fails(*failures.CHARGE, failures.CONSUMED)
    @blueprint.doc(operationId="lockAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any] | dict[str, bool]:
        """Lock an amount for a challenge, or release it with 0

        Sets the locked amount of the challenge, replacing any previous lock; 0 releases the lock. A challenge that was
        already consumed is refused with 409 `already_consumed`. A lock that raises the reserved total is refused with
        400 `insufficient_funds` above the remaining budget, with 409 `account_inactive` on an inactive account, and,
        where the installation enforces account dates, with 409 `account_not_current` outside them. A refused request
        changes nothing.
        """
        if values["amount"] == 0:
            single.unlock(billing_account_id, _reference(values))
            return {"unlocked": True}
        return single.lock(billing_account_id, _reference(values), values["amount"])


@blueprint.route("/<int_id:billing_account_id>/consume-amount")
class ConsumeAmount(Resource):
    """The consumed amount of a challenge or an engagement."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_update
    @blueprint.arguments(schemas.ConsumeAmount(), example=schemas.CONSUME_EXAMPLE)
    @blueprint.response(200, schemas.BudgetLine)
    @fails(*failures.CHARGE)
    @blueprint.doc(operationId="consumeAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Consume an amount for a challenge or an engagement

        Consumes an amount. For a challenge, this replaces its lock and any amount consumed before. For an engagement,
        every call adds a budget line, so send an `Idempotency-Key`. An amount that raises the reserved total is refused
        with 400 `insufficient_funds` above the remaining budget, with 409 `account_inactive` on an inactive account,
        and, where the installation enforces account dates, with 409 `account_not_current` outside them.
        """
        return single.consume(billing_account_id, _reference(values), values["amount"])


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
        """Consume amounts for engagements, all or none

        Adds a consumed budget line for each engagement in the list, which may belong to several accounts. Either all
        amounts are consumed or none: the first one that is refused fails the call, and `error.details.index` is its
        position in the list. The reasons are those of the operation for a single amount: 400 `insufficient_funds`, 409
        `account_inactive` and 409 `account_not_current`; an unknown account is 404 `not_found`.
        """
        consumes = values["consumes"]
        batch.consume_all([Charge(c["billing_account_id"], c["external_id"], c["amount"]) for c in consumes])
        return {"count": len(consumes)}


def _reference(values: dict[str, Any]) -> Reference:
    external_id = values.get("external_id", values.get("challenge_id"))
    return Reference(ExternalType(values["external_type"]), str(external_id), values.get("external_name"))
