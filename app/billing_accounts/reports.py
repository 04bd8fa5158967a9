"""Reports over all billing accounts."""

from collections.abc import Mapping
from typing import Any

from app.billing_accounts.report_queries import ACTIVE, BUDGETS
from app.clock import utc_now
from app.db.paging import Page


def running_out(arguments: Mapping[str, Any]) -> Page:
    """One page of the active accounts of whose budget at most the share `max_share` remains, the least share first."""
    return BUDGETS.page(arguments, now=utc_now(), status=ACTIVE)
