"""Small bugs that would cost somebody money, each with the tests that must notice it."""

from tests.prove.faults import (
    audit,
    budgets,
    credits,
    customers,
    desk,
    exports,
    imports,
    keys,
    purchases,
    requests,
    work_periods,
)

FAULTS = (
    *budgets.FAULTS,
    *audit.FAULTS,
    *work_periods.FAULTS,
    *requests.FAULTS,
    *credits.FAULTS,
    *purchases.FAULTS,
    *customers.FAULTS,
    *desk.FAULTS,
    *keys.FAULTS,
    *exports.FAULTS,
    *imports.FAULTS,
)
