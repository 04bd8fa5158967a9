"""Faults at the vendor's desk."""

from tests.prove.planting import fault

REPORTS = "app/desk/reports.py"
REPORT_QUERIES = "app/desk/report_queries.py"
_HISTORIES = "desk/test_reports.py::test_random_histories_add_up"

FAULTS = (
    fault(
        "a report does not know what is not posted yet",
        _HISTORIES,
        (REPORTS, "        late = self._unposted()", "        late: list[Transaction] = []"),
    ),
    fault(
        "a charge that is taken back counts as a refund",
        _HISTORIES,
        (REPORT_QUERIES, "WHEN reverses IS NOT NULL THEN 'returned'", "WHEN reverses IS NOT NULL THEN 'refunded'"),
    ),
    fault(
        "what was spent after a month earns its revenue",
        _HISTORIES,
        (REPORT_QUERIES, " - coalesce(since.later, 0) AS gone", " AS gone"),
    ),
    fault(
        "there can be no default plan",
        "desk/test_catalogue.py::TestPlans::test_one_plan_is_the_default",
        ("app/credits/plans.py", 'if known.is_default and not after["is_default"]:', "if False:"),
    ),
    fault(
        "the desk changes what it reads",
        "desk/test_isolation.py::test_nothing_is_changed_by_it",
        ("app/tenancy.py", '    _set(desk="on")', '    _set(desk="on", account_id=EVERY_ACCOUNT)'),
    ),
    fault(
        "a tenant that is set later leaves the desk its rows",
        "desk/test_isolation.py::test_a_tenant_set_later_takes_it_back",
        ("app/tenancy.py", "set_config('{DESK_SETTING}', :desk, true)", "set_config('{DESK_SETTING}', 'on', true)"),
    ),
)
