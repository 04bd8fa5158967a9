"""Faults in what API keys may do, and for how long."""

from tests.prove.planting import NO_WALL, fault

VERIFICATION = "app/auth/api_keys/verification.py"
QUERIES = "app/api_keys/queries.py"
SERVICE = "app/api_keys/service.py"
ACCOUNT_KEYS = "api_keys/test_account_keys.py"
ADMIN_KEYS = "api_keys/test_admin_keys.py"
USE = "api_keys/test_verification.py"
CAPS = "credits/test_caps.py::TestCapsOfKeys"

FAULTS = (
    fault(
        "a key of an account spends in any account",
        ACCOUNT_KEYS,
        ("app/auth/guards.py", "if actor.bound_to is not None:\n            # Its", "if False:\n            # Its"),
    ),
    fault(
        "a key of an account reads the account that a header names",
        ACCOUNT_KEYS,
        (
            "app/customers/membership.py",
            "    if actor.account_id != actor.bound_to:\n",
            "    actor = replace(actor, bound_to=actor.account_id)\n    if actor.account_id != actor.bound_to:\n",
        ),
        ("app/customers/membership.py", "from typing import", "from dataclasses import replace\nfrom typing import"),
    ),
    fault(
        "keys of another account are found",
        ACCOUNT_KEYS,
        NO_WALL,
        (QUERIES, "or_(_ACCOUNT_ID.is_(None), ApiKey.account_id == _ACCOUNT_ID)", "_ACCOUNT_ID.is_distinct_from(0)"),
    ),
    fault(
        "a key of an account has scopes beyond it",
        ADMIN_KEYS,
        (SERVICE, "if not set(terms.scopes) <= set(ACCOUNT_SCOPES):", "if not terms.scopes:"),
    ),
    fault(
        "a revoked key is accepted",
        USE,
        (VERIFICATION, 'None if row.revoked_at is None else "The API key was revoked"', "None"),
    ),
    fault(
        "a revocation is not noticed for a minute",
        USE,
        (VERIFICATION, "TRUSTED_SECONDS = 2", "TRUSTED_SECONDS = 60"),
    ),
    fault(
        "an expired key is accepted",
        ADMIN_KEYS,
        (VERIFICATION, "(row.expires_at, row.ends_at)", "(row.ends_at,)"),
    ),
    fault(
        "a former secret works for ever",
        USE,
        (VERIFICATION, "(row.expires_at, row.ends_at)", "(row.expires_at,)"),
    ),
    fault(
        "a rotation prolongs the secrets of those before it",
        USE,
        (QUERIES, 'func.least(ApiKeySecret.ends_at, bindparam("ends_at"))', 'bindparam("ends_at")'),
    ),
    fault(
        "a key that was rotated is another caller",
        ACCOUNT_KEYS,
        (VERIFICATION, 'subject=f"key-{row.id}"', 'subject=f"key-{row.prefix}"'),
        (VERIFICATION, "SELECT key.id, key.scopes", "SELECT key.id, key.prefix, key.scopes"),
    ),
    fault(
        "a secret is stored with an idempotency key",
        ADMIN_KEYS,
        ("app/web/idempotency.py", "lasting_body(response), response", "response.get_data(), response"),
    ),
    fault(
        "a lookup waits for who changes the key",
        USE,
        (VERIFICATION, "        FOR NO KEY UPDATE SKIP LOCKED\n", "        FOR NO KEY UPDATE NOWAIT\n"),
    ),
    fault(
        "a cap of a key does not count what it spends",
        CAPS,
        ("app/credits/service.py", "        actor.key_id,\n", ""),
    ),
    fault(
        "a cap of a key does not count what it holds",
        CAPS,
        ("app/credits/holds.py", "        actor.key_id,\n", ""),
    ),
    fault(
        "a cap of a key counts for ever what is taken back",
        CAPS,
        (
            "app/credits/ledger/reversal.py",
            "charge.user_id, charge.key_id, charge.counted_at",
            "'', 0, charge.counted_at",
        ),
    ),
)
