"""Faults in the budgets of billing accounts."""

from tests.prove.planting import fault

RULE = "app/billing_accounts/ledger/rule.py"
SINGLE = "app/billing_accounts/ledger/single.py"
GENERAL = "app/billing_accounts/ledger/general.py"
BUDGET_BATCH = "app/billing_accounts/ledger/batch.py"
STANDING = "app/billing_accounts/ledger/standing.py"
JOURNAL = "app/billing_accounts/ledger/journal.py"
BUDGETS = "app/billing_accounts/ledger/budgets.py"
REVERSAL = "app/billing_accounts/ledger/reversal.py"
BOOKS = "app/billing_accounts/book_queries.py"
EXPIRY = "app/billing_accounts/ledger/expiry.py"
DUE = "app/billing_accounts/due.py"

FAULTS = (
    fault(
        "a budget cannot be used to its end",
        "billing_accounts/test_lock.py::test_the_whole_budget_can_be_locked_and_no_more",
        (RULE, "it.asked - it.held > it.remaining", "it.asked - it.held >= it.remaining"),
    ),
    fault(
        "what does not raise the sum is refused",
        "billing_accounts/test_budget_rule.py::test_what_does_not_raise_the_sum_passes_and_nothing_exceeds_the_budget",
        (RULE, "lambda it: it.asked <= it.held, None", "lambda it: it.asked < it.held, None"),
    ),
    fault(
        "what a line holds counts for one reference alone, not in a batch",
        "billing_accounts/test_budget_rule.py::test_one_statement_and_the_batch_do_the_same",
        (BUDGET_BATCH, "before if stays else None", "None"),
    ),
    fault(
        "what was consumed counts as free",
        "billing_accounts/test_lock.py",
        (SINGLE, "SELECT budget.remaining,", "SELECT budget.amount - budget.locked AS remaining,"),
    ),
    fault(
        "what is unlocked stays in the total",
        "billing_accounts/test_lock.py",
        (SINGLE, 'locked_delta="-line.amount"', 'locked_delta="-1"'),
    ),
    fault(
        "a consumed challenge keeps its lock",
        "billing_accounts/test_consume.py",
        (SINGLE, '"locked_delta": f"-{_LOCK_OF_LINE}"', '"locked_delta": "0"'),
    ),
    fault(
        "a budget is read before it is locked",
        "concurrency/test_reference_races.py",
        (GENERAL, ":account_id FOR NO KEY UPDATE;", ":account_id;"),
    ),
    fault(
        "a budget can be lowered below what is locked",
        "billing_accounts/test_accounts.py::TestChange",
        (BUDGETS, ":amount >= locked + consumed", ":amount >= consumed"),
    ),
    fault(
        "each charge of a call is held against the budget alone",
        "billing_accounts/test_consume.py::TestMany",
        (STANDING, "self.consumed += consumed", "self.consumed += ZERO"),
    ),
    fault(
        "several budgets are locked in no order",
        "concurrency/test_payment_races.py::test_calls_over_the_same_accounts_wait_in_no_circle",
        (BUDGET_BATCH, "ORDER BY billing_account_id FOR", "ORDER BY random() FOR"),
    ),
    fault(
        "what one reference changes leaves no movement",
        "billing_accounts/test_movements.py::TestKinds",
        (JOURNAL, "SELECT {COLUMNS} FROM moved", "SELECT {COLUMNS} FROM moved WHERE false"),
    ),
    fault(
        "what changes nothing is a movement",
        "billing_accounts/test_movements.py::TestKinds",
        (SINGLE, ":account_id AND ({' OR '.join(f'{name} <> 0' for name in deltas)})", ":account_id"),
    ),
    fault(
        "every movement of a call has the same position",
        "billing_accounts/test_movements.py::TestKinds",
        (STANDING, "place = self._id, self.movements,", "place = self._id, 2,"),
    ),
    fault(
        "a movement says what the budget was before it",
        "billing_accounts/test_movements.py::test_random_histories_leave_the_budget_its_movements_make",
        (STANDING, "totals = self._amount, self.locked,", "totals = self._amount, self.locked - locked,"),
    ),
    fault(
        "a changed budget leaves no movement",
        "billing_accounts/test_movements.py::TestKinds",
        (BUDGETS, "AND amount <> :amount", "AND amount > :amount"),
    ),
    fault(
        "a movement may be older than the one before",
        "billing_accounts/test_statement_of_account.py::TestBalance",
        (JOURNAL, "greatest(budgets.moved_at, CAST({at} AS timestamptz))", "CAST({at} AS timestamptz)"),
    ),
    fault(
        "a balance leaves out what happened at its instant",
        "billing_accounts/test_statement_of_account.py::TestBalance",
        (BOOKS, 'lambda at: at <= bindparam("as_of")', 'lambda at: at < bindparam("as_of")'),
    ),
    fault(
        "a statement counts what happens at its end",
        "billing_accounts/test_statement_of_account.py::TestStatement",
        (BOOKS, 'ShownMovement.at < bindparam("until")', 'ShownMovement.at <= bindparam("until")'),
    ),
    fault(
        "movements can be changed",
        "billing_accounts/test_movements.py::TestAppendOnly",
        (
            "migrations/versions/0002_clients_and_billing_accounts.py",
            "BEFORE UPDATE OR DELETE ON budget_movements",
            "BEFORE DELETE ON budget_movements",
        ),
    ),
    fault(
        "amounts are rounded half to even",
        "billing_accounts/test_lock.py::test_amounts_are_rounded_half_up_to_four_decimals",
        ("app/money.py", "quantize(_AMOUNT_STEP, rounding=ROUND_HALF_UP)", "quantize(_AMOUNT_STEP)"),
    ),
    fault(
        "a payment carries a markup",
        "billing_accounts/test_visibility.py::TestCopilot",
        (
            "app/billing_accounts/queries.py",
            "(BudgetLine.external_type == ExternalType.WORK_PERIOD_PAYMENT, BudgetLine.amount)",
            '(BudgetLine.external_type == "OTHER", BudgetLine.amount)',
        ),
    ),
    fault(
        "accounts outside their dates are charged",
        "billing_accounts/test_account_dates.py",
        (
            RULE,
            "lambda it: it.dates_enforced & (",
            "lambda it: it.dates_enforced & (it.status != _ACTIVE) & (",
        ),
    ),
    fault(
        "a lock lasts to the end of its last millisecond",
        "billing_accounts/test_expiry.py::TestTheInstant",
        (EXPIRY, "{budget}.next_expiry <= {now_of(budget)}", "{budget}.next_expiry < {now_of(budget)}"),
    ),
    fault(
        "reads count a lock at its last instant",
        "billing_accounts/test_expiry.py::TestTheInstant",
        (DUE, "_IS_DUE = BudgetLine.expires_at <= NOW", "_IS_DUE = BudgetLine.expires_at < NOW"),
    ),
    fault(
        "a lock that expired is among the lines until somebody writes",
        "billing_accounts/test_expiry.py::TestTheInstant",
        (DUE, "BudgetLine.expires_at > NOW)", "BudgetLine.expires_at.is_not(None))"),
    ),
    fault(
        "an expiry is stamped when it is posted",
        "billing_accounts/test_expiry.py::TestTheInstant",
        (EXPIRY, "greatest(moved_at, expires_at) AS at", "{now_of('due')} AS at"),
    ),
    fault(
        "a clock that steps back revives locks",
        "billing_accounts/test_expiry.py::TestTime",
        (
            EXPIRY,
            'f"greatest(CAST(:now AS timestamptz), {budget}.moved_at)"',
            'f"coalesce(CAST(:now AS timestamptz), {budget}.moved_at)"',
        ),
    ),
    fault(
        "the caller expires the lock",
        "billing_accounts/test_expiry.py::TestTheInstant",
        (EXPIRY, "with origin.acting(_CAUSE):", "with origin.acting(origin.current()):"),
    ),
    fault(
        "a lock that replaces another keeps its expiry",
        "billing_accounts/test_expiry.py::TestReplacing",
        (GENERAL, "expires_at = excluded.expires_at,", "expires_at = coalesce(excluded.expires_at, line.expires_at),"),
    ),
    fault(
        "a new expiry alone is forgotten by the budget",
        "billing_accounts/test_expiry.py::TestReplacing",
        (GENERAL, "AND refusal IS NULL AND locked_delta = 0", "AND refusal IS NULL AND locked_delta <> 0 AND false"),
    ),
    fault(
        "what is left of several locks never expires",
        "billing_accounts/test_expiry.py::TestReplacing",
        (GENERAL, "AND expires_at IS NOT NULL AND external_id <> :external_id", "AND expires_at IS NULL"),
    ),
    fault(
        "a lock is decided before what is due is posted",
        "billing_accounts/test_expiry.py::TestWhoPosts",
        (SINGLE, "next_expiry <= asked_at OR held_until", "held_until"),
    ),
    fault(
        "a lock that expires is replaced as if it never did",
        "billing_accounts/test_expiry.py::TestReplacing",
        (SINGLE, "<= asked_at OR held_until IS NOT NULL", "<= asked_at"),
    ),
    fault(
        "a lock that expires is released as if it never did",
        "billing_accounts/test_expiry.py::TestReplacing",
        (SINGLE, """ OR line.expires_at IS NOT NULL, false)""", ", false)"),
    ),
    fault(
        "what was consumed beside a lock is not seen",
        "billing_accounts/test_partial_consumes.py",
        (SINGLE, "held_as = 'locked' AND EXISTS (", "false AND EXISTS ("),
    ),
    fault(
        "an adjustment does not post what is due",
        "billing_accounts/test_expiry.py::TestWhoPosts",
        (BUDGETS, "        expiry.post(account_ids, now)\n", "        assert now\n"),
    ),
    fault(
        "a batch decides before what is due is posted",
        "billing_accounts/test_expiry.py::TestWhoPosts",
        (BUDGET_BATCH, "            expiry.post(wanted, self._now)\n", ""),
    ),
    fault(
        "a payment run counts locks that expired",
        "billing_accounts/test_expiry.py::TestWhoPosts",
        (BUDGET_BATCH, '{expiry.locked("budgets")} AS locked', "budgets.locked"),
    ),
    fault(
        "a part is consumed beside its lock",
        "billing_accounts/test_partial_consumes.py",
        (GENERAL, '"greatest(held_locked - asked, 0)"', '"held_locked"'),
    ),
    fault(
        "a part replaces what was consumed",
        "billing_accounts/test_partial_consumes.py",
        (GENERAL, '"held_consumed + asked"', '"asked"'),
    ),
    fault(
        "an import brings a lock back that expired",
        "cli/legacy_import/test_expired_locks.py",
        (EXPIRY, "FROM due WHERE is_imported", "FROM due WHERE false"),
    ),
    fault(
        "a worker with a wrong clock writes",
        "db/test_skew.py",
        ("app/web/resource.py", "        skew.clocks().require()\n", ""),
    ),
    fault(
        "more than was consumed is reversed",
        "billing_accounts/test_corrections.py::TestReversal",
        (REVERSAL, "WHEN amount > consumed THEN", "WHEN amount > consumed + 1 THEN"),
    ),
    fault(
        "the oldest line is reversed first",
        "billing_accounts/test_corrections.py::TestReversal",
        (REVERSAL, "ORDER BY consumed_at DESC, id DESC", "ORDER BY consumed_at, id"),
    ),
    fault(
        "the line of a payment is reversed by itself",
        "billing_accounts/test_corrections.py::TestReversal",
        (REVERSAL, "WHEN of_payment THEN", "WHEN of_payment AND consumed < 0 THEN"),
    ),
    fault(
        "two reversals of one line are decided at once",
        "concurrency/test_budget_races.py::test_many_reversals_take_back_no_more_than_was_consumed",
        (REVERSAL, "= :account_id FOR NO KEY UPDATE;", "= :account_id;"),
    ),
    fault(
        "a decrease takes what is reserved",
        "billing_accounts/test_corrections.py::TestAdjustment",
        (BUDGETS, "budget.amount + delta < budget.reserved", "budget.amount + delta < 0"),
    ),
    fault(
        "two adjustments at once read one budget",
        "concurrency/test_budget_races.py::test_what_remains_is_carried_over_once",
        (BUDGETS, "ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE", "ANY(:account_ids)"),
    ),
    fault(
        "a carry-over adds to one budget and takes nothing from the other",
        "billing_accounts/test_corrections.py::TestCarryOver",
        (BUDGETS, "{source: -carried, target: carried}", "{source: 0 * carried, target: carried}"),
    ),
    fault(
        "budgets are carried over between clients",
        "billing_accounts/test_corrections.py::TestCarryOver",
        ("app/billing_accounts/corrections.py", "if len(set(clients.values())) > 1:", "if not clients:"),
    ),
    fault(
        "the rows of a statement are of several snapshots",
        "billing_accounts/test_statement_files.py::TestCsv",
        (
            "app/db/streaming.py",
            "ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            "ISOLATION LEVEL READ COMMITTED, READ ONLY",
        ),
    ),
)
