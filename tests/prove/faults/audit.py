"""Faults in the audit trail."""

from tests.prove.planting import fault

JOURNAL = "app/audit/journal.py"
RECORDING = "app/audit/recording.py"
CHAINS = "app/audit/chains.py"
CAPPING = "app/credits/ledger/capping.py"

FAULTS = (
    fault(
        "an entry is no part of the transaction of its effect",
        "audit/test_trail.py::TestTransaction",
        (RECORDING, "        pending.write()\n", "        pass\n"),
    ),
    fault(
        "what is undone is recorded with the next transaction",
        "audit/test_trail.py::TestTransaction",
        (RECORDING, 'listens_for(Session, "after_soft_rollback")', 'listens_for(Session, "after_begin")'),
    ),
    fault(
        "what changes nothing is an entry",
        "audit/test_trail.py::TestEntry",
        (RECORDING, "if not old and not new:", "if before is None and after is None:"),
    ),
    fault(
        "the hash of an entry leaves out the one before it",
        "audit/test_verify.py",
        (JOURNAL, "chain_all(head, entry_content", "chain_all(NULL, entry_content"),
    ),
    fault(
        "a removed last row is not missed",
        "audit/test_verify.py",
        (CHAINS, "(self._changed, self._cut, self._nameless)", "(self._changed, self._nameless)"),
    ),
    fault(
        "personal data can be deleted unnoticed",
        "audit/test_verify.py",
        (CHAINS, "(self._changed, self._cut, self._nameless)", "(self._changed, self._cut)"),
    ),
    fault(
        "personal data that an entry replaced can be deleted unnoticed",
        "audit/test_verify.py",
        (CHAINS, 'fields=("before", "after")', 'fields=("after",)'),
    ),
    fault(
        "a cap is set without an entry",
        "audit/test_trail.py::TestEntry",
        (CAPPING, "    record(ObjectType.CREDIT_CAP, cap.id, before=before, after=", "    dict(before=before, after="),
    ),
)
