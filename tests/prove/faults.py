"""Small bugs that would cost somebody money, each with the tests that must notice it."""

from tests.prove.planting import Edit, Fault

RULE, SINGLE, BUDGET_BATCH, STANDING, BUDGETS, IMPORTS = (
    f"app/billing_accounts/ledger/{name}.py" for name in ("rule", "single", "batch", "standing", "budgets", "importing")
)
BATCH, PRICES, STATES, WORK_QUERIES = (
    f"app/work_periods/{name}.py" for name in ("batch", "amounts", "states", "queries")
)
CREDIT_RULE, SPENDING, POSTING, BALANCES = (
    f"app/credits/ledger/{name}.py" for name in ("rule", "single", "batch", "balances")
)
CREDIT_QUERIES, PLANS = (f"app/credits/{name}.py" for name in ("queries", "plans"))
SETTLEMENT, INVOICES, SALES = (f"app/purchases/{name}.py" for name in ("settlement", "invoices", "queries"))
WEBHOOKS, RETURNS, REFUNDS = (f"app/purchases/{name}.py" for name in ("webhooks", "returns", "refunds"))
STRIPE = "app/purchases/gateways/stripe.py"
MEMBERS, BOOKS = "app/customers/queries.py", "app/billing_accounts/book_queries.py"
KEYS = "app/web/idempotency.py"


def _fault(name: str, tests: str, *edits: tuple[str, str, str]) -> Fault:
    return Fault(name, f"tests/{tests}", tuple(Edit(*edit) for edit in edits))


# With it a query that forgets whose rows it is about shows those of everybody.
_NO_WALL = (MEMBERS, "coalesce(CAST(account_id AS text), ''), true)", "'*', true)")
# A second grant of a month would fail.
_GRANTED_TWICE = (
    CREDIT_QUERIES,
    "select(*_NEW_GRANTS.values()))",
    "select(*_NEW_GRANTS.values())).on_conflict_do_nothing()",
)

FAULTS = (
    _fault(
        "a budget cannot be used to its end",
        "billing_accounts/test_lock.py::test_the_whole_budget_can_be_locked_and_no_more",
        (RULE, "it.asked - it.held > it.remaining", "it.asked - it.held >= it.remaining"),
    ),
    _fault(
        "what does not raise the sum is refused",
        "billing_accounts/test_budget_rule.py::test_what_does_not_raise_the_sum_passes_and_nothing_exceeds_the_budget",
        (RULE, "lambda it: it.asked <= it.held, None", "lambda it: it.asked < it.held, None"),
    ),
    _fault(
        "what a line holds counts for one reference alone, not in a batch",
        "billing_accounts/test_budget_rule.py::test_one_statement_and_the_batch_do_the_same",
        (BUDGET_BATCH, "before if stays else None", "None"),
    ),
    _fault(
        "what was consumed counts as free",
        "billing_accounts/test_lock.py",
        (SINGLE, "SELECT budget.remaining,", "SELECT budget.amount - budget.locked AS remaining,"),
    ),
    _fault(
        "what is unlocked stays in the total",
        "billing_accounts/test_lock.py",
        (SINGLE, "SET locked = locked - line.amount", "SET locked = locked"),
    ),
    _fault(
        "a consumed challenge keeps its lock",
        "billing_accounts/test_consume.py",
        (SINGLE, "- CASE held_as WHEN 'locked' THEN held ELSE 0 END", ""),
    ),
    _fault(
        "a budget is read before it is locked",
        "concurrency/test_reference_races.py",
        (SINGLE, ":account_id FOR NO KEY UPDATE", ":account_id"),
    ),
    _fault(
        "a budget can be lowered below what is locked",
        "billing_accounts/test_accounts.py::TestChange",
        (BUDGETS, ":amount >= locked + consumed", ":amount >= consumed"),
    ),
    _fault(
        "each charge of a call is held against the budget alone",
        "billing_accounts/test_consume.py::TestMany",
        (STANDING, "self.consumed += consumed", "self.consumed += ZERO"),
    ),
    _fault(
        "several budgets are locked in no order",
        "concurrency/test_payment_races.py::test_calls_over_the_same_accounts_wait_in_no_circle",
        (BUDGET_BATCH, "ORDER BY billing_account_id FOR", "ORDER BY random() FOR"),
    ),
    _fault(
        "what one reference changes leaves no movement",
        "billing_accounts/test_movements.py::TestKinds",
        (SINGLE, "FROM moved, written", "FROM moved, written WHERE false"),
    ),
    _fault(
        "what changes nothing is a movement",
        "billing_accounts/test_movements.py::TestKinds",
        (SINGLE, " AND (locked_delta <> 0 OR consumed_delta <> 0)", ""),
    ),
    _fault(
        "every movement of a call has the same position",
        "billing_accounts/test_movements.py::TestKinds",
        (STANDING, "place = self._id, self.movements,", "place = self._id, 2,"),
    ),
    _fault(
        "a movement says what the budget was before it",
        "billing_accounts/test_movements.py::test_random_histories_leave_the_budget_its_movements_make",
        (STANDING, "totals = self._amount, self.locked,", "totals = self._amount, self.locked - locked,"),
    ),
    _fault(
        "a changed budget leaves no movement",
        "billing_accounts/test_movements.py::TestKinds",
        (BUDGETS, "FROM changed WHERE amount <> amount_before", "FROM changed WHERE amount < amount_before"),
    ),
    _fault(
        "a movement may be older than the one before",
        "billing_accounts/test_statement_of_account.py::TestBalance",
        (SINGLE, "moved_at = greatest(moved_at, asked_at)", "moved_at = asked_at"),
    ),
    _fault(
        "movements of an import do not add up",
        "cli/legacy_import/test_movements.py",
        (IMPORTS, "locked_before + sum(locked) OVER so_far", "locked_before + locked"),
    ),
    _fault(
        "a balance leaves out what happened at its instant",
        "billing_accounts/test_statement_of_account.py::TestBalance",
        (BOOKS, 'at <= bindparam("as_of")', 'at < bindparam("as_of")'),
    ),
    _fault(
        "a statement counts what happens at its end",
        "billing_accounts/test_statement_of_account.py::TestStatement",
        (BOOKS, 'at < bindparam("until"))\n    .cte(', 'at <= bindparam("until"))\n    .cte('),
    ),
    _fault(
        "movements can be changed",
        "billing_accounts/test_movements.py::TestAppendOnly",
        (
            "migrations/versions/0002_clients_and_billing_accounts.py",
            "BEFORE UPDATE OR DELETE ON budget_movements",
            "BEFORE DELETE ON budget_movements",
        ),
    ),
    _fault(
        "amounts are rounded half to even",
        "billing_accounts/test_lock.py::test_amounts_are_rounded_half_up_to_four_decimals",
        ("app/money.py", "quantize(_AMOUNT_STEP, rounding=ROUND_HALF_UP)", "quantize(_AMOUNT_STEP)"),
    ),
    _fault(
        "payments are rounded half to even",
        "work_periods/test_payments.py::TestCreate",
        ("app/money.py", "quantize(_CENT, rounding=ROUND_HALF_UP)", "quantize(_CENT)"),
    ),
    _fault(
        "payments are worked out in floats",
        "work_periods/test_payments.py::TestCreate",
        (PRICES, "round_cents(member_rate * days /", "round_cents(Decimal(1) * Decimal(float(member_rate)) * days /"),
    ),
    _fault(
        "the card is charged from a float",
        "purchases/test_stripe.py::TestPurchase",
        (STRIPE, "int(amount * _CENTS)", "int(float(amount) * _CENTS)"),
    ),
    _fault(
        "a cancelled payment keeps its lock",
        "work_periods/test_states.py",
        (
            STANDING,
            "= _reserved(before), _reserved(after)",
            "= _reserved(before if after else None), _reserved(after)",
        ),
    ),
    _fault(
        "a refused item has left its period already",
        "work_periods/test_bulk.py::TestUpdate",
        (
            BATCH,
            'self._budgets.move(after["id"], None',
            (
                "if before is not None:\n            period.count(before, -1)\n"
                '        self._budgets.move(after["id"], None'
            ),
        ),
        (
            BATCH,
            "_line(after), name)\n        if before is not None:\n            period.count(before, -1)",
            "_line(after), name)",
        ),
    ),
    _fault(
        "a period is paid while another call pays it",
        "concurrency/test_payment_races.py::test_days_are_paid_once_whoever_asks",
        (WORK_QUERIES, "due.with_for_update(key_share=True, of=WorkPeriod) if lock else due", "due"),
    ),
    _fault(
        "a booking is read before its periods are locked",
        "concurrency/test_booking_races.py",
        (
            WORK_QUERIES,
            (
                "select(WorkPeriod.id).where(condition).order_by(WorkPeriod.id).with_for_update(key_share=True),\n"
                "        _TO_DECIDE.where(condition),"
            ),
            "_TO_DECIDE.where(condition).order_by(WorkPeriod.id).with_for_update(key_share=True, of=WorkPeriod),",
        ),
    ),
    _fault(
        "a booking is cancelled while it is paid",
        "concurrency/test_booking_races.py",
        ("app/work_periods/periods.py", "statement.with_for_update(key_share=True)", "statement"),
    ),
    _fault(
        "two processors claim one payment",
        "concurrency/test_payment_races.py::test_of_two_processors_one_gets_the_payment",
        (STATES, 'if payment["moved_by"] != actor.identity:', 'if payment["moved_by"] is None:'),
    ),
    _fault(
        "a failed attempt leaves its error to the next one",
        "work_periods/test_payment_record.py::TestReports",
        (BATCH, 'values["status_details"] = None', "pass"),
    ),
    _fault(
        "a correction leaves what is consumed as it was",
        "work_periods/test_payment_record.py::TestCorrections",
        (BUDGET_BATCH, "if before == after:", "if before and after and before.kind == after.kind:"),
    ),
    _fault(
        "a failed request keeps what it did",
        "work_periods/test_bulk.py::TestCreate::test_atomic_bulk_payments_are_all_or_nothing",
        (
            "app/db/transaction.py",
            "BaseException:\n        session.rollback()",
            "BaseException:\n        session.commit()",
        ),
    ),
    _fault(
        "an idempotency key is kept before its effect",
        "web/test_idempotency.py::TestFailures",
        (
            KEYS,
            "            response = view()\n",
            "            db.session.commit()\n            response = view()\n",
        ),
    ),
    _fault(
        "an idempotency key forgets what it was sent with",
        "web/test_idempotency.py::TestReuse",
        (KEYS, "if bytes(stored.request_hash) != request_hash", "if not stored.request_hash"),
    ),
    _fault(
        "idempotency keys of different callers meet",
        "web/test_idempotency.py::TestWhoMayReplay",
        (KEYS, "Key(current_actor().identity", 'Key("somebody"'),
    ),
    _fault(
        "the last credit cannot be spent",
        "credits/test_spending.py::TestSpending::test_no_more_credits_are_spent_than_there_are",
        (CREDIT_RULE, "it.credits + it.amount < 0", "it.credits + it.amount <= 0"),
    ),
    _fault(
        "a balance is spent from without being locked",
        "concurrency/test_credit_races.py",
        (SPENDING, "= :account_id FOR NO KEY UPDATE;", "= :account_id;"),
    ),
    _fault(
        "each item of a call is held against the balance alone",
        "credits/test_spending.py::TestBulkSpending",
        (POSTING, "balance.credits += entry.amount", "balance.credits += 0"),
    ),
    _fault(
        "balances are read without being locked",
        "concurrency/test_credit_races.py",
        (BALANCES, "ORDER BY account_id FOR NO KEY UPDATE;", "ORDER BY account_id;"),
    ),
    _fault(
        "a balance is what the first of several items left",
        "credits/test_spending.py::TestBulkSpending",
        (POSTING, "ORDER BY account_id, position DESC) AS last", "ORDER BY account_id, position) AS last"),
    ),
    _fault(
        "a daily total is that of its last transactions",
        "credits/test_balance.py",
        (BALANCES, "total = kept.total + excluded.total", "total = excluded.total"),
    ),
    _fault(
        "a month is granted again",
        "cli/test_credits.py::TestMonthlyCredits",
        (CREDIT_QUERIES, "PlanGrant.month == _MONTH", "PlanGrant.month.is_(None)"),
        _GRANTED_TWICE,
    ),
    _fault(
        "due months are looked up before the balance is locked",
        "concurrency/test_credit_races.py::test_a_month_is_granted_once",
        (PLANS, "    balances.lock(account_ids)\n", ""),
        _GRANTED_TWICE,
    ),
    _fault(
        "a payment can be approved twice at once",
        "concurrency/test_purchase_races.py::test_one_approval_counts",
        (SALES, ".where(_IS_PAYMENT)\n    .with_for_update(key_share=True)", ".where(_IS_PAYMENT)"),
    ),
    _fault(
        "spent credits are refunded",
        "purchases/test_manual.py::TestRefund",
        (RETURNS, "if available < wanted:", "if available < 0:"),
    ),
    _fault(
        "the credits of a refused refund are lost",
        "purchases/test_stripe.py::TestRefund",
        (RETURNS, "_set_refunded(payment, payment.amount_refunded - refund.amount)", "pass"),
    ),
    _fault(
        "a refund that is sent again is refused",
        "concurrency/test_purchase_races.py::test_one_refund_for_a_key",
        (REFUNDS, 'return key["request_key"] is not None and any(', 'return key["request_key"] is None and any('),
    ),
    _fault(
        "what was refunded at Stripe is refunded again",
        "purchases/test_stripe.py::TestRefund",
        (STRIPE, "_cents(order.amount) - returned)", "_cents(order.amount))"),
    ),
    _fault(
        "credits that were given count as those of a purchase",
        "purchases/test_refunds.py",
        (
            RETURNS,
            "bought.unspent(payment.account_id, payment.purchase_position)\n    if available",
            "wanted\n    if available",
        ),
    ),
    _fault(
        "a refund takes what was given first",
        "credits/test_credit_rule.py::test_nothing_is_owed_and_what_was_given_goes_first",
        (CREDIT_RULE, "(lambda it: it.of_purchase,", "(lambda it: it.of_purchase & (it.amount > 0),"),
    ),
    _fault(
        "spending takes what was bought first",
        "credits/test_bought.py",
        (
            CREDIT_RULE,
            "(lambda it: it.bought <= it.credits + it.amount, lambda it: it.bought),",
            "(lambda it: it.bought + it.amount > 0, lambda it: it.bought + it.amount),",
        ),
    ),
    _fault(
        "a refund is done before the gateway says so",
        "purchases/test_refund_outcomes.py",
        (STRIPE, '_REFUND_STATUSES.get(refund["status"], RefundStatus.PENDING)', "RefundStatus.SUCCEEDED"),
    ),
    _fault(
        "what was refunded at the gateway stays spendable",
        "purchases/test_gateway_events.py",
        (
            RETURNS,
            "    if amount <= payment.amount_refunded:\n",
            "    if amount > 0:\n",
        ),
    ),
    _fault(
        "a cancelled order can be approved",
        "purchases/test_cancellation.py",
        (
            "app/purchases/payments.py",
            "if payment.status != PaymentStatus.PENDING:",
            "if payment.status == PaymentStatus.SUCCEEDED:",
        ),
    ),
    _fault(
        "a second event settles a payment again",
        "purchases/test_webhooks.py::TestEvents",
        (
            SETTLEMENT,
            "payment.status in UNPAID",
            "payment.status in UNPAID | {PaymentStatus.SUCCEEDED}",
        ),
    ),
    _fault(
        "less than the price is accepted",
        "purchases/test_webhooks.py::TestHostile",
        (
            SETTLEMENT,
            "(standing.amount, standing.currency) != (payment.amount, payment.currency)",
            "standing.currency != payment.currency",
        ),
    ),
    _fault(
        "anybody can say that a payment succeeded",
        "purchases/test_webhooks.py::TestHostile",
        (WEBHOOKS, "stripe.verify(_text(body), signature, secret)", "_text(body)"),
    ),
    _fault(
        "a purchase that fails uses an invoice number up",
        "purchases/test_manual.py::TestPurchase",
        (
            INVOICES,
            '{"year": now.year}).scalar_one()\n',
            (
                '{"year": now.year}).scalar_one()\n    db.session.commit()\n'
                "    from app import tenancy\n    tenancy.set_account(account_id)\n"
            ),
        ),
    ),
    _fault(
        "invoice numbers are counted from what is there",
        "concurrency/test_purchase_races.py::test_invoice_numbers_have_no_gaps",
        (
            SALES,
            '{"last": InvoiceCounter.last + 1}',
            '{"last": select(func.count() + 1).select_from(Invoice).scalar_subquery()}',
        ),
    ),
    _fault(
        "an invoice is shown to whoever knows its id",
        "purchases/test_manual.py::TestForeign",
        (SALES, 'bindparam("invoice_id"), Invoice.account_id == bindparam("account_id")', 'bindparam("invoice_id")'),
        _NO_WALL,
    ),
    _fault(
        "the wall between customers is open",
        "credits/test_isolation.py",
        _NO_WALL,
    ),
    _fault(
        "an owner spends the credits of others",
        "credits/test_spending.py::TestSpending::test_another_account_is_not_found",
        ("app/credits/service.py", "if named not in {None, membership.account_id}:", "if named is membership is None:"),
        _NO_WALL,
    ),
    _fault(
        "the last owner can be removed",
        "customers/test_account.py::TestTeam",
        (MEMBERS, "            _HAS_JOINED,\n            AccountMember.id !=", "            AccountMember.id !="),
    ),
    _fault(
        "two owners can remove each other",
        "concurrency/test_credit_races.py::test_two_owners_cannot_remove_each_other",
        (
            "app/customers/team.py",
            'stay an owner.\n    """\n    db.session.execute(queries.LOCK_ACCOUNT',
            'stay an owner.\n    """\n    (queries.LOCK_ACCOUNT',
        ),
    ),
    _fault(
        "an import adds to what it replaces",
        "cli/legacy_import/test_import_legacy.py::TestBudgets",
        (IMPORTS, "- CASE old_kind WHEN 'locked' THEN old_amount ELSE 0 END", ""),
    ),
    _fault(
        "a second import writes everything again",
        "cli/legacy_import/test_import_legacy.py::TestWholes",
        (
            IMPORTS,
            "WHERE (known.kind, known.amount)\n",
            "WHERE known.kind = staged.kind OR (known.kind, known.amount)\n",
        ),
    ),
    _fault(
        "the first of repeated rows counts",
        "cli/legacy_import/test_import_legacy.py::TestWholes",
        ("app/db/staging.py", 'position DESC"', 'position"'),
    ),
    _fault(
        "an imported amount passes through a float",
        "cli/legacy_import/test_mapping.py",
        ("cli/legacy_import/values.py", "return Decimal(value)", "return Decimal(float(value))"),
    ),
    _fault(
        "an import takes back what was changed here",
        "cli/legacy_import/test_in_use.py::TestLines",
        (
            SINGLE,
            "as_imported = CASE WHEN line.as_imported IS NOT NULL THEN false END",
            "as_imported = line.as_imported",
        ),
    ),
    _fault(
        "an import brings back what was released here",
        "cli/legacy_import/test_in_use.py::TestLines",
        (IMPORTS, "THEN released.external_id IS NOT NULL ELSE", "THEN false ELSE"),
    ),
    _fault(
        "an import takes back a budget that was changed here",
        "cli/legacy_import/test_in_use.py::TestAccounts",
        (BUDGETS, "THEN as_imported AND amount = :amount END", "THEN as_imported END"),
    ),
    _fault(
        "a payment carries a markup",
        "billing_accounts/test_visibility.py::TestCopilot",
        (
            "app/billing_accounts/queries.py",
            "(BudgetLine.external_type == ExternalType.WORK_PERIOD_PAYMENT, BudgetLine.amount)",
            '(BudgetLine.external_type == "OTHER", BudgetLine.amount)',
        ),
    ),
    _fault(
        "accounts outside their dates are charged",
        "billing_accounts/test_account_dates.py",
        (
            RULE,
            "lambda it: it.dates_enforced & (",
            "lambda it: it.dates_enforced & (it.status != _ACTIVE) & (",
        ),
    ),
)
