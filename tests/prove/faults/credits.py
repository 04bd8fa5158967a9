"""Faults in credits."""

from tests.prove.planting import NO_WALL, fault

CREDIT_RULE = "app/credits/ledger/rule.py"
SPENDING = "app/credits/ledger/single.py"
STANDING = "app/credits/ledger/standing.py"
FORECAST = "app/credits/ledger/forecast.py"
DUE = "app/credits/ledger/due.py"
REVERSAL = "app/credits/ledger/reversal.py"
HOLDING = "app/credits/ledger/holding.py"
GRANTS = "app/credits/ledger/grants.py"
BALANCES = "app/credits/ledger/balances.py"
CREDIT_QUERIES = "app/credits/queries.py"
PLAN_QUERIES = "app/credits/plan_queries.py"
# A second grant of a month would fail.
_GRANTED_TWICE = (
    PLAN_QUERIES,
    "select(*_NEW_GRANTS.values()))",
    "select(*_NEW_GRANTS.values())).on_conflict_do_nothing()",
)

FAULTS = (
    fault(
        "the last credit cannot be spent",
        "credits/test_spending.py::TestSpending::test_no_more_credits_are_spent_than_there_are",
        (CREDIT_RULE, "it.amount > it.credits - it.held", "it.amount >= it.credits - it.held"),
    ),
    fault(
        "credits that are held can be spent",
        "credits/test_credit_rule.py",
        (CREDIT_RULE, "it.amount > it.credits - it.held", "it.amount > it.credits"),
    ),
    fault(
        "one lot pays for more than it has",
        "credits/test_credit_rule.py",
        (CREDIT_RULE, "    (lambda it: it.amount > it.in_first_lot, BY_THE_BATCH),\n", ""),
    ),
    fault(
        "what fell due is spent before it is posted",
        "credits/test_lots.py::TestExpiry",
        (CREDIT_RULE, "it.is_due | it.is_known", "it.is_known"),
    ),
    fault(
        "bought credits are spent before given ones",
        "credits/test_lots.py::TestSpendingOrder",
        (CREDIT_RULE, '"is_bought", "effective_at"', '"effective_at", "is_bought"'),
    ),
    fault(
        "lots are spent in the order in which they came",
        "credits/test_spending_order.py",
        (STANDING, ", key=rule.spending_key))", ", key=lambda lot: lot.id or 0))"),
    ),
    fault(
        "a balance is spent from without being locked",
        "concurrency/test_credit_races.py",
        (SPENDING, "= :account_id FOR NO KEY UPDATE;", "= :account_id;"),
    ),
    fault(
        "each item of a call is held against the balance alone",
        "credits/test_spending.py::TestBulkSpending",
        (STANDING, "            self.credits += credits\n", ""),
    ),
    fault(
        "balances are read without being locked",
        "concurrency/test_credit_races.py",
        (BALANCES, "ORDER BY account_id FOR NO KEY UPDATE;", "ORDER BY account_id;"),
    ),
    fault(
        "a daily total is that of its last transactions",
        "credits/test_balance.py",
        (BALANCES, "total = kept.total + excluded.total", "total = excluded.total"),
    ),
    fault(
        "what fell due is stamped when it is posted",
        "credits/test_lots.py::TestExpiry",
        (STANDING, "self._moved_at = max(self._moved_at, at or self.now)", "self._moved_at = self.now"),
    ),
    fault(
        "a clock that is behind brings expired credits back",
        "credits/test_lots.py::TestExpiry",
        (STANDING, "self.now = max(now, row.moved_at)", "self.now = now"),
    ),
    fault(
        "reads do not count what fell due",
        "credits/test_lots.py",
        (FORECAST, "        if before > utc_now():\n", "        if before:\n"),
    ),
    fault(
        "the next expiry of a lot is not looked for",
        "credits/test_lots.py::TestExpiry",
        (STANDING, "            self.due_at = min(self.due_at, lot.expires_at)\n", "            pass\n"),
    ),
    fault(
        "a month without rollover rolls over",
        "credits/test_lots.py::TestMonths",
        (DUE, "if rollover == ROLLOVER_NONE else None", "if rollover == '' else None"),
    ),
    fault(
        "the newest of a plan's credits expire at the turn of the month",
        "credits/test_lots.py::TestMonths",
        (DUE, "and lot.free), key=_age)", "and lot.free), key=_age, reverse=True)"),
    ),
    fault(
        "a voided lot that was to come comes all the same",
        "credits/test_lots.py::TestVoiding",
        ("app/credits/ledger/lots.py", "self.position is None and not self.voided", "self.position is None"),
        ("app/credits/lot_models.py", "(position IS NULL AND voided = 0)", "position IS NULL"),
        ("migrations/versions/0006_credits.py", "(position IS NULL AND voided = 0)", "position IS NULL"),
    ),
    fault(
        "a grant that is repeated is made again",
        "credits/test_lots.py::TestGrants",
        (
            GRANTS,
            "    if not terms.reference:\n        return None\n    values",
            "    if terms:\n        return None\n    values",
        ),
    ),
    fault(
        "a month is granted again",
        "cli/test_credits.py::TestMonthlyCredits",
        (PLAN_QUERIES, "PlanGrant.month == _MONTH", "PlanGrant.month.is_(None)"),
        _GRANTED_TWICE,
    ),
    fault(
        "a hold sets nothing aside",
        "credits/test_holds.py::TestMaking",
        (STANDING, "            lot.held += credits\n            self.held += credits\n", ""),
    ),
    fault(
        "a reference makes another hold",
        "credits/test_holds.py::TestMaking",
        (HOLDING, "if each.reference == terms.reference), None)", "if each.reference is terms), None)"),
        ("app/credits/hold_models.py", '"reference", "account_id", unique=True)', '"reference", "account_id")'),
        (
            "migrations/versions/0006_credits.py",
            '["reference", "account_id"], unique=True)',
            '["reference", "account_id"])',
        ),
    ),
    fault(
        "more is captured than is held",
        "credits/test_holds.py::TestCapturing",
        (HOLDING, "(excess and hold.over_capture == OverCapture.REFUSE)", "(excess and hold.over_capture == '')"),
    ),
    fault(
        "a capture beyond the hold takes what is held for others",
        "credits/test_holds.py::TestCapturing",
        (
            HOLDING,
            "    if excess:\n        _require_available(standing, excess, rule.REFUSAL_UNLESS_CLOSED)\n",
            "",
        ),
    ),
    fault(
        "a hold that ended is captured",
        "credits/test_holds.py",
        (HOLDING, "    if not hold.is_open:", "    if hold.is_open is None:"),
    ),
    fault(
        "the rest of a captured hold stays held",
        "credits/test_holds.py::TestCapturing",
        (HOLDING, "    if asked.final:\n", "    if asked.final is None:\n"),
    ),
    fault(
        "a hold outlasts its time until somebody ends it",
        "credits/test_holds.py::TestEnding",
        (DUE, "        if hold.is_open:\n", "        if hold.is_open is None:\n"),
    ),
    fault(
        "what a hold gives back to an expired lot can be spent",
        "credits/test_holds.py::TestEnding",
        (STANDING, "        self.settle([lot for lot, _ in given], at)\n", ""),
    ),
    fault(
        "credits that a hold gives back never expire",
        "credits/test_holds.py::TestEnding",
        (DUE, "lot.expires_at is not None and lot.remaining:", "lot.expires_at is not None and lot.free:"),
        (STANDING, "            self.due_at = min(self.due_at, lot.expires_at)\n", "            pass\n"),
    ),
    fault(
        "a hold can be kept for ever",
        "credits/test_holds.py::TestChanging",
        (HOLDING, "if expires_at > hold.created_at + MAX_LIFE:", "if expires_at < hold.created_at:"),
    ),
    fault(
        "a charge is taken back twice",
        "credits/test_reversals.py",
        (REVERSAL, "            left[lot_id] -= credits\n", "            left[lot_id] -= 0\n"),
    ),
    fault(
        "a charge returns to the lot that paid first",
        "credits/test_reversals.py",
        (REVERSAL, "dict(reversed(left.items()))", "dict(left.items())"),
    ),
    fault(
        "what is taken back stays used in its month",
        "credits/test_reversals.py",
        (CREDIT_QUERIES, "CreditDailyTotal.total + CreditDailyTotal.reversed", "CreditDailyTotal.total"),
    ),
    fault(
        "a cap is not looked at by a single usage",
        "credits/test_caps.py",
        (CREDIT_RULE, "it.is_due | it.is_known | it.is_capped", "it.is_due | it.is_known"),
    ),
    fault(
        "a cap lets the last one through",
        "credits/test_caps.py",
        (STANDING, "if cap.used + amount > cap.credits:", "if cap.used > cap.credits:"),
    ),
    fault(
        "a cap never resets",
        "credits/test_caps.py",
        ("app/credits/ledger/caps.py", "        if start != self.period_start:\n", "        if start is None:\n"),
    ),
    fault(
        "what a hold gives back still counts",
        "credits/test_caps.py",
        (STANDING, "        self.uncount(hold.use, hold.remaining)\n", ""),
    ),
    fault(
        "the wall between customers is open",
        "credits/test_isolation.py",
        NO_WALL,
    ),
    fault(
        "an owner spends the credits of others",
        "credits/test_spending.py::TestSpending::test_another_account_is_not_found",
        (
            "app/credits/spending_accounts.py",
            "if named not in {None, membership.account_id}:",
            "if named is membership is None:",
        ),
        NO_WALL,
    ),
)
