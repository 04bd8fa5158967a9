"""Every model: importing this module shows migrations the whole metadata."""

from app.audit import models as audit
from app.auth.api_keys import models as api_keys
from app.billing_accounts import models as billing_accounts
from app.clients import models as clients
from app.console import models as console
from app.credits import models as credits
from app.credits import plan_models as credit_plans
from app.customers import models as customers
from app.db import job_runs, row_counts
from app.desk import models as desk
from app.idempotency import models as idempotency
from app.imports import models as imports
from app.purchases import invoice_models as invoices
from app.purchases import models as purchases
from app.work_periods import models as work_periods

__all__ = [
    "api_keys",
    "audit",
    "billing_accounts",
    "clients",
    "console",
    "credit_plans",
    "credits",
    "customers",
    "desk",
    "idempotency",
    "imports",
    "invoices",
    "job_runs",
    "purchases",
    "row_counts",
    "work_periods",
]
