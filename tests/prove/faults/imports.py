"""Faults in imports."""

from tests.prove.planting import fault

GENERAL = "app/billing_accounts/ledger/general.py"
BUDGETS = "app/billing_accounts/ledger/budgets.py"
IMPORTS = "app/billing_accounts/ledger/importing.py"

FAULTS = (
    fault(
        "movements of an import do not add up",
        "cli/legacy_import/test_movements.py",
        (IMPORTS, "budget.locked + sum(change.locked) OVER so_far", "budget.locked + change.locked"),
    ),
    fault(
        "an import adds to what it replaces",
        "cli/legacy_import/test_import_legacy.py::TestBudgets",
        (IMPORTS, "- CASE old_kind WHEN 'locked' THEN old_amount ELSE 0 END", ""),
    ),
    fault(
        "a second import writes everything again",
        "cli/legacy_import/test_import_legacy.py::TestWholes",
        (
            IMPORTS,
            "WHERE (known.old_kind, known.old_amount)\n",
            "WHERE known.old_kind = staged.kind OR (known.old_kind, known.old_amount)\n",
        ),
    ),
    fault(
        "the first of repeated rows counts",
        "cli/legacy_import/test_import_legacy.py::TestWholes",
        ("app/db/staging.py", 'position DESC"', 'position"'),
    ),
    fault(
        "an import takes back what was changed here",
        "cli/legacy_import/test_in_use.py::TestLines",
        (
            GENERAL,
            '"CASE WHEN line.as_imported IS NOT NULL THEN false END"',
            '"line.as_imported"',
        ),
    ),
    fault(
        "an import brings back what was released here",
        "cli/legacy_import/test_in_use.py::TestLines",
        (IMPORTS, "THEN released.external_id IS NOT NULL ELSE", "THEN false ELSE"),
    ),
    fault(
        "an import takes back a budget that was changed here",
        "cli/legacy_import/test_in_use.py::TestAccounts",
        (
            BUDGETS,
            """:amount - budgets.amount",
    also=", as_imported = CASE WHEN as_imported IS NOT NULL THEN false END",""",
            """:amount - budgets.amount",
    also="",""",
        ),
    ),
    fault(
        "an imported amount passes through a float",
        "cli/legacy_import/test_mapping.py",
        ("cli/legacy_import/values.py", "return Decimal(value)", "return Decimal(float(value))"),
    ),
)
