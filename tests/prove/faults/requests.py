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
        "a version that is not expected is changed",
        "concurrency/test_version_races.py",
        ("app/db/versions.py", "if expected is not None and version not in expected", "if expected == frozenset()"),
    ),
    fault(
        "the statements of customers do not look at versions",
        "concurrency/test_version_races.py",
        ("app/db/versions.py", "model.version == any_(expected)", "model.version == model.version"),
    ),
    fault(
        "an update leaves the version as it was",
        "web/test_versions.py",
        ("app/db/versions.py", '{"version_id_col": cls.version}', "{}"),
    ),
    fault(
        "two changes at one time have one version",
        "web/test_versions.py",
        ("app/db/versions.py", '    flag_modified(entity, "updated_at")\n', ""),
    ),
    fault(
        "a move of a payment leaves its version as it was",
        "web/test_versions.py",
        ("app/work_periods/batch.py", '"version": payment["version"] + 1', '"version": payment["version"]'),
    ),
    fault(
        "a carry-over leaves the versions of the accounts as they were",
        "web/test_versions.py",
        ("app/billing_accounts/queries.py", "version=BillingAccount.version + 1", "version=BillingAccount.version"),
    ),
    fault(
        "a precondition that an operation does not know is ignored",
        "web/test_versions.py",
        ("app/web/resource.py", "            versions.refuse_ignored(view)\n", ""),
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
    fault(
        "a commit that fails leaves its transaction to the next",
        "db/test_driver.py",
        (
            "app/db/fast/driver.py",
            "            if not self.closed:\n                self.rollback()\n            raise",
            "            raise",
        ),
    ),
    fault(
        "a form of one account acts on the one that was chosen meanwhile",
        "console/test_attacks.py::TestForms",
        ("app/console/pages.py", "        browser.require_same_account()\n", ""),
    ),
    fault(
        "a page is confirmed by a request that shows no token",
        "console/test_attacks.py::TestForms",
        ("app/console/forms.py", 'request.method == "POST" and bool(', "bool("),
    ),
)
