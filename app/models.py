"""Every model, imported in one place so that migrations see one metadata."""

from app.billing_accounts.models import BillingAccount, BillingAccountAccess, Budget, BudgetLine
from app.clients.models import Client
from app.credits.models import CreditBalance, CreditDailyTotal, CreditTransaction, Plan, PlanGrant
from app.customers.models import AccountMember, CustomerAccount
from app.db.job_runs import JobRun
from app.db.row_counts import RowCount
from app.idempotency.models import IdempotencyKey
from app.purchases.models import CreditPackage, Invoice, InvoiceCounter, Payment, StripeEvent
from app.work_periods.models import ResourceBooking, WorkPeriod, WorkPeriodPayment

__all__ = [
    "AccountMember",
    "BillingAccount",
    "BillingAccountAccess",
    "Budget",
    "BudgetLine",
    "Client",
    "CreditBalance",
    "CreditDailyTotal",
    "CreditPackage",
    "CreditTransaction",
    "CustomerAccount",
    "IdempotencyKey",
    "Invoice",
    "InvoiceCounter",
    "JobRun",
    "Payment",
    "Plan",
    "PlanGrant",
    "ResourceBooking",
    "RowCount",
    "StripeEvent",
    "WorkPeriod",
    "WorkPeriodPayment",
]
