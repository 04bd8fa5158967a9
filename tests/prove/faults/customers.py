"""Faults in what customers see of each other, and in their teams."""

from tests.prove.planting import fault

MEMBERS = "app/customers/queries.py"

FAULTS = (
    fault(
        "the last owner can be removed",
        "customers/test_account.py::TestTeam",
        (MEMBERS, "            _HAS_JOINED,\n            AccountMember.id !=", "            AccountMember.id !="),
    ),
    fault(
        "two owners can remove each other",
        "concurrency/test_credit_races.py::test_two_owners_cannot_remove_each_other",
        (
            "app/customers/team.py",
            'stay an owner.\n    """\n    states.lock(',
            'stay an owner.\n    """\n    states.require_open_of(',
        ),
    ),
    fault(
        "what a role change decides upon was read before its turn",
        "concurrency/test_team_races.py",
        ("app/customers/states.py", "_read(queries.LOCK_ACCOUNT, account_id)", "_read(queries.STATUS_OF, account_id)"),
        (MEMBERS, "LOCK_ACCOUNT = Prepared(", "STATUS_OF = Prepared(_STATUS)\nLOCK_ACCOUNT = Prepared("),
    ),
    fault(
        "a suspended account spends",
        "concurrency/test_account_life_races.py",
        (
            "app/credits/ledger/rule.py",
            "    _CLOSED,\n    _SUSPENDED,\n    _IN_DEBT,\n    _TOO_FEW,",
            "    _CLOSED,\n    _TOO_FEW,",
        ),
    ),
    fault(
        "a suspended account holds",
        "desk/test_account_life.py::test_what_each_status_lets_happen",
        (
            "app/credits/ledger/rule.py",
            "REFUSAL = Rule(Debit, _CLOSED, _SUSPENDED, _IN_DEBT, _TOO_FEW)",
            "REFUSAL = Rule(Debit, _CLOSED, _IN_DEBT, _TOO_FEW)",
        ),
    ),
    fault(
        "an account is suspended without the lock of its balance",
        "concurrency/test_account_life_races.py",
        ("app/desk/account_life.py", "    grants.catch_up([account_id])\n", "    (grants.catch_up,)\n"),
    ),
    fault(
        "an account is closed over a purchase that is under way",
        "concurrency/test_account_life_races.py",
        (MEMBERS, "SHARE_ACCOUNT = Prepared(_STATUS.with_for_update(read=True))", "SHARE_ACCOUNT = Prepared(_STATUS)"),
    ),
    fault(
        "an account is closed over its holds",
        "desk/test_account_life.py::TestClosing",
        (
            "app/desk/account_life.py",
            '"holds": holding.count_open(account_id)',
            '"holds": 0 * holding.count_open(account_id)',
        ),
    ),
    fault(
        "a suspended account gets the credits of its plan",
        "desk/test_account_life.py::TestSuspension",
        (
            "app/credits/ledger/due.py",
            "is_granted = standing.status == AccountStatus.ACTIVE",
            "is_granted = standing.status != ''",
        ),
    ),
    fault(
        "a plan assigned twice grants twice",
        "desk/test_account_life.py::TestPlans",
        ("app/credits/ledger/planning.py", "max(granted, plan.credits_per_month)", "granted"),
    ),
    fault(
        "a plan assigned again grants a month that was missed",
        "desk/test_account_life.py::TestPlans",
        (
            "app/credits/ledger/writing.py",
            "[each.credits_per_month for each in months]",
            "[each.granted for each in months]",
        ),
    ),
    fault(
        "a plan assigned again grants first credits once more",
        "desk/test_account_life.py::TestPlans",
        ("app/credits/plans.py", '"credits": [plan.credits_per_month], "now"', '"credits": [0], "now"'),
    ),
    fault(
        "every member buys",
        "desk/test_account_life.py::TestWhoBuys",
        (
            "app/customers/states.py",
            "in MANAGERS or members_may_buy",
            "in MANAGERS or members_may_buy is not None",
        ),
    ),
    fault(
        "stored responses outlive the account",
        "desk/test_erasing.py::TestErasure",
        ("app/desk/account_life.py", "    store.forget(account.id)\n", "    (store.forget,)\n"),
    ),
    fault(
        "actors outlive the account",
        "desk/test_erasing.py::TestErasure",
        (
            "app/audit/erasure.py",
            "WHERE account_id = :account_id AND value IS NOT NULL",
            "WHERE account_id = :account_id AND value IS NULL",
        ),
    ),
    fault(
        "invoices of customers lose their buyer",
        "desk/test_erasing.py::TestRetention",
        ("app/purchases/retention.py", "CustomerAccount.erased_at.is_not(None)", "CustomerAccount.id.is_not(None)"),
    ),
)
