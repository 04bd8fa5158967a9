"""Every model, imported in one place so that migrations see one metadata."""

from app.billing_accounts.models import BillingAccount, BillingAccountAccess, Budget, BudgetLine
from app.clients.models import Client
from app.db.row_counts import RowCount
from app.web.idempotency import IdempotencyKey
from app.work_periods.models import ResourceBooking, WorkPeriod, WorkPeriodPayment

__all__ = [
    "BillingAccount",
    "BillingAccountAccess",
    "Budget",
    "BudgetLine",
    "Client",
    "IdempotencyKey",
    "ResourceBooking",
    "RowCount",
    "WorkPeriod",
    "WorkPeriodPayment",
]
