"""Faults in how requests commit and are replayed."""

from tests.prove.planting import fault

KEYS = "app/web/idempotency.py"

FAULTS = (
    fault(
        "a failed request keeps what it did",
        "work_periods/test_bulk.py::TestCreate::test_atomic_bulk_payments_are_all_or_nothing",
        (
            "app/db/transaction.py",
            "BaseException:\n        session.rollback()",
            "BaseException:\n        session.commit()",
        ),
    ),
    fault(
        "an idempotency key is kept before its effect",
        "web/test_idempotency.py::TestFailures",
        (
            KEYS,
            "            response = view()\n",
            "            db.session.commit()\n            response = view()\n",
        ),
    ),
    fault(
        "an idempotency key forgets what it was sent with",
        "web/test_idempotency.py::TestReuse",
        (KEYS, "if bytes(stored.request_hash) != request_hash", "if not stored.request_hash"),
    ),
    fault(
        "idempotency keys of different callers meet",
        "web/test_idempotency.py::TestWhoMayReplay",
        (KEYS, "Key(current_actor().identity", 'Key("somebody"'),
    ),
)
