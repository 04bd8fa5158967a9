"""Faults at the vendor's desk."""

from tests.prove.planting import fault

REPORTS = "app/desk/reports.py"
REPORT_QUERIES = "app/desk/report_queries.py"
SEARCH = "app/desk/search.py"
SEARCH_QUERIES = "app/desk/search_queries.py"
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
        "an invoice is of the next age on the last day of one",
        "desk/test_reports.py::TestReceivables",
        (REPORTS, "last is None or row.days_overdue <= last", "last is None or row.days_overdue < last"),
    ),
    fault(
        "an invoice is overdue on the day it is due",
        "desk/test_reports.py::TestReceivables",
        (
            REPORT_QUERIES,
            "AT TIME ZONE 'UTC' AS date) - invoice.due_date",
            "AT TIME ZONE 'UTC' AS date) + 1 - invoice.due_date",
        ),
    ),
    fault(
        "a machine finds what its scopes do not let it read",
        "desk/test_search.py::TestSearch",
        (SEARCH, "actor.has_role(*permissions.STAFF) or actor.has_scope(scopes)", "bool(scopes)"),
    ),
    fault(
        "the search shows bookings to whoever may search",
        "desk/test_search.py::TestSearch",
        (SEARCH_QUERIES, "found.where(_sees(sees), *where)", "found.where(*where)"),
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
    fault(
        "who names a payment sees all accounts",
        "desk/test_isolation.py::test_who_names_a_payment_or_a_lot_sees_its_account_alone",
        (
            "app/tenancy.py",
            "coalesce(CAST(account_id AS text), '')",
            "coalesce(CAST(account_id AS text), '*')",
        ),
    ),
    fault(
        "every route is shown to everybody",
        "desk/test_isolation.py::test_who_names_a_payment_or_a_lot_sees_its_account_alone",
        (
            "migrations/versions/0005_customers.py",
            "USING (current_setting('billing.route', true) = kind",
            "USING (current_setting('billing.route', true) <> kind",
        ),
    ),
)
