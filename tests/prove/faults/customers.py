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
)
