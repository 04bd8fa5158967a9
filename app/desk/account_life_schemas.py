"""Request schemas of the life of an account."""

from app.credits.ledger.planning import Starts
from app.web import fields
from app.web.schemas import Schema

REASON_EXAMPLE = {"reason": "Invoices unpaid since March"}
ERASURE_EXAMPLE = {"reason": "Request of 12 March, ticket 4711"}
PLAN_EXAMPLE = {"plan": "Team", "from": "next_month", "reason": "Contract of 1 May"}


class AccountAction(Schema):
    """Why an account is suspended, resumed, closed or erased."""

    reason = fields.Why("Why, for the audit trail.")


class PlanChange(Schema):
    """A plan to put an account on."""

    starts = fields.Choice(
        Starts,
        data_key="from",
        required=True,
        metadata={"description": "`now` is today, `next_month` its first day (UTC)."},
    )
    plan = fields.Identifier(
        blank=False, numbers=True, required=True, metadata={"description": "Name of the plan, or its id."}
    )
    reason = fields.Why("Why, for the audit trail.")
