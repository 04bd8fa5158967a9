"""What the database reaches by itself with a statement of the service: pgbench on the same data in the same run."""

import argparse
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from app.billing_accounts.ledger import single
from app.db.server import embedded

_SETUP = """
\\set account_id random(10, {accounts})
\\set challenge random(1, 200)
\\set amount random(1, 9)
"""
# One message, and so one transaction.
_AT_ONCE = "\\startpipeline\n{}\\endpipeline\n"
_VALUES = {
    "external_type": "'CHALLENGE'",
    "external_id": "'c' || CAST(:challenge AS text)",
    "external_name": "CAST(NULL AS text)",
    "dates_enforced": "false",
    "now": "now()",
    "amount": "CAST(:amount AS numeric)",
    "account_id": "CAST(:account_id AS int)",
    "actor": "decode(repeat('00', 32), 'hex')",
    "actor_kind": "'command'",
    "action": "'bench'",
    "reason": "CAST(NULL AS text)",
    "request_id": "CAST(NULL AS text)",
}


def lock_rate(var_dir: Path, options: argparse.Namespace) -> float:
    """Locks per second of as many connections as wrk has, each in a transaction of its own."""
    statements = single.LOCK.sql
    for name, value in _VALUES.items():
        statements = statements.replace(f"%({name})s", value)
    with TemporaryDirectory(prefix="billing-pgbench-") as place:
        Path(place).chmod(0o755)
        script = Path(place, "lock.sql")
        lines = "".join(f"{' '.join(each.split())};\n" for each in statements.split(";"))
        script.write_text(_SETUP.format(accounts=options.accounts) + _AT_ONCE.format(lines))
        command = [embedded.program_path("pgbench"), "-h", embedded.socket_dir(var_dir), "-U", embedded.ROLE, "-n"]
        command += ["-M", "prepared", "-c", "16", "-j", "2", "-T", str(options.seconds), "-f", script]
        done = subprocess.run(
            [str(word) for word in (*command, embedded.DATABASE)], check=True, capture_output=True, text=True
        )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[1])
