"""`/v6/audit`, `/v1/account/audit` and the history of each object."""

from typing import Any

from app.audit import trail
from app.audit.models import ObjectType
from app.customers.guards import manager
from app.customers.membership import Membership
from app.db.paging import Page
from app.trail import permissions, schemas, service
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint("audit", __name__, description="Who changed what, when and why.", guide="api.md#audit-trail")


@blueprint.route("/v6/audit")
class Audit(Resource):
    """All changes."""

    @permissions.READ
    @blueprint.arguments(schemas.AuditQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AuditEntry))
    @blueprint.doc(operationId="listAuditEntries")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the audit trail

        Lists every change that a request or a command made, newest first. Movements of budgets and transactions of
        credits are entries of their accounts, with the totals that changed. Filters combine with AND.
        """
        return trail.everything(arguments)


@blueprint.route("/v1/account/audit")
class AccountAudit(Resource):
    """The changes of the caller's account."""

    @blueprint.arguments(schemas.AccountAuditQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AccountAuditEntry))
    @blueprint.doc(operationId="listAccountAuditEntries")
    @manager()
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the audit trail of the account

        Lists every change of the account and of what belongs to it, newest first: settings, team, purchases and credit
        transactions. Members who are neither owner nor admin are refused with 403 `forbidden`.
        """
        return trail.of_account(membership.account_id, arguments)


@blueprint.route("/v1/account/history")
class AccountHistory(Resource):
    """The history of the caller's account."""

    @blueprint.arguments(schemas.AccountHistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AccountAuditEntry))
    @blueprint.doc(operationId="getAccountHistory")
    @manager()
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the changes of the account itself

        Lists who changed its settings, its plan and its credits, newest first. Members who are neither owner nor admin
        are refused with 403 `forbidden`.
        """
        return trail.of_account_itself(membership.account_id, arguments)


@blueprint.route("/v6/clients/<client_id>/history")
class ClientHistory(Resource):
    """The history of a client."""

    @permissions.READ
    @blueprint.arguments(schemas.HistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AuditEntry))
    @blueprint.doc(operationId="getClientHistory")
    def get(self, arguments: dict[str, Any], client_id: str) -> Page:
        """List the changes of a client

        Lists who changed the client, when and why, newest first. One that is unknown is refused with 404
        `not_found`.
        """
        return service.history(ObjectType.CLIENT, client_id, arguments)


@blueprint.route("/v6/billing-accounts/<int_id:billing_account_id>/history")
class BillingAccountHistory(Resource):
    """The history of a billing account."""

    @permissions.READ
    @blueprint.arguments(schemas.HistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AuditEntry))
    @blueprint.doc(operationId="getBillingAccountHistory")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List the changes of a billing account

        Lists who changed the billing account, when and why, newest first, with the movements of its budget. One that is
        unknown is refused with 404 `not_found`.
        """
        return service.history(ObjectType.BILLING_ACCOUNT, billing_account_id, arguments)


@blueprint.route("/v6/resource-bookings/<uuid:resource_booking_id>/history")
class ResourceBookingHistory(Resource):
    """The history of a resource booking."""

    @permissions.READ
    @blueprint.arguments(schemas.HistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AuditEntry))
    @blueprint.doc(operationId="getResourceBookingHistory")
    def get(self, arguments: dict[str, Any], resource_booking_id: str) -> Page:
        """List the changes of a resource booking

        Lists who changed the resource booking, when and why, newest first. One that is unknown is refused with 404
        `not_found`.
        """
        return service.history(ObjectType.RESOURCE_BOOKING, resource_booking_id, arguments)


@blueprint.route("/v6/work-period-payments/<uuid:work_period_payment_id>/history")
class WorkPeriodPaymentHistory(Resource):
    """The history of a work period payment."""

    @permissions.READ
    @blueprint.arguments(schemas.HistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AuditEntry))
    @blueprint.doc(operationId="getWorkPeriodPaymentHistory")
    def get(self, arguments: dict[str, Any], work_period_payment_id: str) -> Page:
        """List the changes of a work period payment

        Lists who changed the payment, when and why, newest first. One that is unknown is refused with 404
        `not_found`.
        """
        return service.history(ObjectType.WORK_PERIOD_PAYMENT, work_period_payment_id, arguments)
