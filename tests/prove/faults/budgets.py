"""Faults in the budgets of billing accounts."""

from tests.prove.planting import fault

RULE = "app/billing_accounts/ledger/rule.py"
SINGLE = "app/billing_accounts/ledger/single.py"
BUDGET_BATCH = "app/billing_accounts/ledger/batch.py"
STANDING = "app/billing_accounts/ledger/standing.py"
JOURNAL = "app/billing_accounts/ledger/journal.py"
BUDGETS = "app/billing_accounts/ledger/budgets.py"
REVERSAL = "app/billing_accounts/ledger/reversal.py"
BOOKS = "app/billing_accounts/book_queries.py"

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
        (SINGLE, "- CASE held_as WHEN 'locked' THEN held ELSE 0 END", ""),
    ),
    fault(
        "a budget is read before it is locked",
        "concurrency/test_reference_races.py",
        (SINGLE, ":account_id FOR NO KEY UPDATE", ":account_id"),
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
        (SINGLE, "= :account_id AND (locked_delta <> 0 OR consumed_delta <> 0)", "= :account_id"),
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
        (BOOKS, 'at <= bindparam("as_of")', 'at < bindparam("as_of")'),
    ),
    fault(
        "a statement counts what happens at its end",
        "billing_accounts/test_statement_of_account.py::TestStatement",
        (BOOKS, 'at < bindparam("until"))\n_PERIOD', 'at <= bindparam("until"))\n_PERIOD'),
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
