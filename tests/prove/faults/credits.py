"""Faults in credits."""

from tests.prove.planting import NO_WALL, fault

CREDIT_RULE = "app/credits/ledger/rule.py"
SPENDING = "app/credits/ledger/single.py"
POSTING = "app/credits/ledger/batch.py"
BALANCES = "app/credits/ledger/balances.py"
CREDIT_QUERIES = "app/credits/queries.py"
PLANS = "app/credits/plans.py"
# A second grant of a month would fail.
_GRANTED_TWICE = (
    CREDIT_QUERIES,
    "select(*_NEW_GRANTS.values()))",
    "select(*_NEW_GRANTS.values())).on_conflict_do_nothing()",
)

FAULTS = (
    fault(
        "the last credit cannot be spent",
        "credits/test_spending.py::TestSpending::test_no_more_credits_are_spent_than_there_are",
        (CREDIT_RULE, "it.credits + it.amount < 0", "it.credits + it.amount <= 0"),
    ),
    fault(
        "a balance is spent from without being locked",
        "concurrency/test_credit_races.py",
        (SPENDING, "= :account_id FOR NO KEY UPDATE;", "= :account_id;"),
    ),
    fault(
        "each item of a call is held against the balance alone",
        "credits/test_spending.py::TestBulkSpending",
        (POSTING, "balance.credits += entry.amount", "balance.credits += 0"),
    ),
    fault(
        "balances are read without being locked",
        "concurrency/test_credit_races.py",
        (BALANCES, "ORDER BY account_id FOR NO KEY UPDATE;", "ORDER BY account_id;"),
    ),
    fault(
        "a balance is what the first of several items left",
        "credits/test_spending.py::TestBulkSpending",
        (POSTING, "ORDER BY account_id, position DESC) AS last", "ORDER BY account_id, position) AS last"),
    ),
    fault(
        "a daily total is that of its last transactions",
        "credits/test_balance.py",
        (BALANCES, "total = kept.total + excluded.total", "total = excluded.total"),
    ),
    fault(
        "a month is granted again",
        "cli/test_credits.py::TestMonthlyCredits",
        (CREDIT_QUERIES, "PlanGrant.month == _MONTH", "PlanGrant.month.is_(None)"),
        _GRANTED_TWICE,
    ),
    fault(
        "due months are looked up before the balance is locked",
        "concurrency/test_credit_races.py::test_a_month_is_granted_once",
        (PLANS, "    balances.lock(account_ids)\n", ""),
        _GRANTED_TWICE,
    ),
    fault(
        "a refund takes what was given first",
        "credits/test_credit_rule.py::test_nothing_is_owed_and_what_was_given_goes_first",
        (CREDIT_RULE, "(lambda it: it.of_purchase,", "(lambda it: it.of_purchase & (it.amount > 0),"),
    ),
    fault(
        "spending takes what was bought first",
        "credits/test_bought.py",
        (
            CREDIT_RULE,
            "(lambda it: it.bought <= it.credits + it.amount, lambda it: it.bought),",
            "(lambda it: it.bought + it.amount > 0, lambda it: it.bought + it.amount),",
        ),
    ),
    fault(
        "the wall between customers is open",
        "credits/test_isolation.py",
        NO_WALL,
    ),
    fault(
        "an owner spends the credits of others",
        "credits/test_spending.py::TestSpending::test_another_account_is_not_found",
        ("app/credits/service.py", "if named not in {None, membership.account_id}:", "if named is membership is None:"),
        NO_WALL,
    ),
)
