"""`/v1/billing/credits/holds`: credits that are held until the cost of an operation is known."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.credits import failures, holds, permissions
from app.credits import hold_schemas as schemas
from app.credits.ledger.holding import Held, Outcome
from app.customers.guards import manager, member
from app.customers.membership import Membership
from app.db.paging import Page
from app.db.versions import Expected
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "holds",
    __name__,
    url_prefix="/v1/billing/credits/holds",
    description="Credits held until the cost of an operation is known.",
    guide="credits.md#holds",
)

_read = member(or_scopes=permissions.SPEND)
_spend = manager(or_scopes=permissions.SPEND)


@blueprint.route("")
class Holds(Resource):
    """The holds of the account."""

    @blueprint.arguments(schemas.HoldQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Hold))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listCreditHolds")
    @_read
    def get(self, arguments: dict[str, Any], membership: Membership | None) -> Page:
        """List holds

        Lists the holds of the account, newest first. Machines with the scope `spend:credits` must send `account_id`.
        """
        return holds.search(membership, arguments)

    @blueprint.arguments(schemas.HoldCreate(), example=schemas.HOLD_EXAMPLE)
    @blueprint.response(201, schemas.HoldAfter)
    @blueprint.alt_response(200, schema=schemas.HoldAfter, description="The hold that was made before.")
    @fails(*failures.SPENDING, failures.NO_ACCOUNT, failures.HOLD_EXISTS)
    @blueprint.doc(operationId="holdCredits")
    @_spend
    def post(self, values: dict[str, Any], membership: Membership | None) -> Held | tuple[Held, int]:
        """Hold credits for an operation

        Holds credits, which then cannot be spent otherwise, until they are captured or released or the hold expires.
        More credits than are available are refused with 402 `insufficient_credits`. A hold whose `reference` was sent
        before is returned with status 200, in whatever state it is, and refused with 409 `hold_exists` if it differs.
        Machines with the scope `spend:credits` must send `account_id`.
        """
        held = holds.create(current_actor(), membership, values)
        return held if held.is_new else (held, 200)


@blueprint.route("/bulk")
class HoldsBulk(Resource):
    """Holding credits in bulk."""

    @bulk.operation(blueprint, item=schemas.HoldCreate, result=schemas.HoldAfter, example=schemas.HOLDS_EXAMPLE)
    @fails(*failures.SPENDING, failures.NO_ACCOUNT, failures.HOLD_EXISTS)
    @blueprint.doc(operationId="holdCreditsBulk")
    @_spend
    def post(self, items: Sequence[dict[str, Any]], membership: Membership | None) -> list[Outcome]:
        """Hold credits in bulk

        Holds credits for 1 to 1,000 items, in the order of the array and in one transaction. Each item has its own
        outcome, as in the single call; the status is 200 either way, so check each item. With `?atomic=true` the first
        failing item fails the call, which then changes nothing.
        """
        return holds.create_many(current_actor(), membership, items)


@blueprint.route("/capture/bulk")
class CapturesBulk(Resource):
    """Capturing holds in bulk."""

    @bulk.operation(
        blueprint, item=schemas.HoldCaptureItem, result=schemas.CapturedHold, example=schemas.CAPTURES_EXAMPLE
    )
    @fails(*failures.CAPTURING)
    @blueprint.doc(operationId="captureCreditHoldsBulk")
    @_spend
    def post(self, items: Sequence[dict[str, Any]], membership: Membership | None) -> list[Outcome]:
        """Capture holds in bulk

        Spends credits of the holds of 1 to 1,000 items, in the order of the array and in one transaction. Each item has
        its own outcome, as in the single call; the status is 200 either way, so check each item. With `?atomic=true`
        the first failing item fails the call, which then changes nothing.
        """
        return holds.capture_many(membership, items)


@blueprint.route("/<bigint_id:hold_id>")
class Hold(Resource):
    """One hold."""

    @blueprint.arguments(schemas.AccountQuery(), location="query")
    @blueprint.response(200, schemas.Hold)
    @fails(failures.NO_HOLD)
    @blueprint.doc(operationId="getCreditHold")
    @_read
    def get(self, arguments: dict[str, Any], hold_id: int, membership: Membership | None) -> Row[Any]:
        """Get a hold

        Returns a hold of the account. A hold of another account is refused with 404 `not_found`. Machines with the
        scope `spend:credits` must send `account_id`.
        """
        return holds.get(membership, hold_id, arguments)

    @blueprint.arguments(schemas.HoldUpdate(), example=schemas.CHANGE_EXAMPLE)
    @blueprint.response(200, schemas.HoldAfter)
    @fails(*failures.SPENDING, failures.NO_HOLD, failures.HOLD_ENDED, failures.CAPTURE_EXCEEDS)
    @takes_if_match
    @blueprint.doc(operationId="updateCreditHold")
    @_spend
    def patch(self, values: dict[str, Any], hold_id: int, membership: Membership | None, expected: Expected) -> Held:
        """Change a hold

        Changes how many credits an open hold is for, or when it expires. More credits than are available are refused
        with 402 `insufficient_credits`, fewer than are captured already with 409 `capture_exceeds_hold`, and a hold
        that ended with 409 `hold_ended`. A hold lasts at most 30 days.
        """
        return holds.change(membership, hold_id, values, expected)


@blueprint.route("/<bigint_id:hold_id>/capture")
class HoldCapture(Resource):
    """Capturing a hold."""

    @blueprint.arguments(schemas.HoldCapture(), example=schemas.CAPTURE_EXAMPLE)
    @blueprint.response(200, schemas.CapturedHold)
    @fails(*failures.CAPTURING)
    @blueprint.doc(operationId="captureCreditHold")
    @_spend
    def post(self, values: dict[str, Any], hold_id: int, membership: Membership | None) -> Held:
        """Capture a hold

        Spends credits of an open hold on its operation and, unless `final` is false, ends it and gives the rest back.
        More than is held is refused with 409 `capture_exceeds_hold`, or with 402 `insufficient_credits` if the hold
        may take what is available and that is too little. A hold that ended is refused with 409 `hold_ended`.
        """
        return holds.capture(membership, hold_id, values)


@blueprint.route("/<bigint_id:hold_id>/release")
class HoldRelease(Resource):
    """Releasing a hold."""

    @blueprint.arguments(schemas.HoldRelease(), example=schemas.RELEASE_EXAMPLE)
    @blueprint.response(200, schemas.HoldAfter)
    @fails(failures.NO_HOLD, failures.HOLD_ENDED, failures.CLOSED)
    @blueprint.doc(operationId="releaseCreditHold")
    @_spend
    def post(self, values: dict[str, Any], hold_id: int, membership: Membership | None) -> Held:
        """Release a hold

        Ends an open hold and gives back what it holds. A hold that ended is refused with 409 `hold_ended`.
        """
        return holds.release(membership, hold_id, values)
