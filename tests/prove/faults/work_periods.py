"""Faults in work periods and their payments."""

from tests.prove.planting import fault

BUDGET_BATCH = "app/billing_accounts/ledger/batch.py"
STANDING = "app/billing_accounts/ledger/standing.py"
BATCH = "app/work_periods/batch.py"
PRICES = "app/work_periods/amounts.py"
STATES = "app/work_periods/states.py"
WORK_QUERIES = "app/work_periods/queries.py"

FAULTS = (
    fault(
        "payments are rounded half to even",
        "work_periods/test_payments.py::TestCreate",
        ("app/money.py", "quantize(_CENT, rounding=ROUND_HALF_UP)", "quantize(_CENT)"),
    ),
    fault(
        "payments are worked out in floats",
        "work_periods/test_payments.py::TestCreate",
        (PRICES, "round_cents(member_rate * days /", "round_cents(Decimal(1) * Decimal(float(member_rate)) * days /"),
    ),
    fault(
        "a cancelled payment keeps its lock",
        "work_periods/test_states.py",
        (
            STANDING,
            "= _reserved(before), _reserved(after)",
            "= _reserved(before if after else None), _reserved(after)",
        ),
    ),
    fault(
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
    fault(
        "a period is paid while another call pays it",
        "concurrency/test_payment_races.py::test_days_are_paid_once_whoever_asks",
        (WORK_QUERIES, "due.with_for_update(key_share=True, of=WorkPeriod) if lock else due", "due"),
    ),
    fault(
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
    fault(
        "a booking is cancelled while it is paid",
        "concurrency/test_booking_races.py",
        ("app/work_periods/periods.py", "statement.with_for_update(key_share=True)", "statement"),
    ),
    fault(
        "two processors claim one payment",
        "concurrency/test_payment_races.py::test_of_two_processors_one_gets_the_payment",
        (STATES, 'if payment["moved_by"] != actor.identity:', 'if payment["moved_by"] is None:'),
    ),
    fault(
        "a failed attempt leaves its error to the next one",
        "work_periods/test_payment_record.py::TestReports",
        (BATCH, 'values["status_details"] = None', "pass"),
    ),
    fault(
        "a correction leaves what is consumed as it was",
        "work_periods/test_payment_record.py::TestCorrections",
        (BUDGET_BATCH, "if before == after:", "if before and after and before.kind == after.kind:"),
    ),
)
