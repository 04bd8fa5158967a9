"""Runs the compiled flows against a service started for them.

python -m tests.typescript.run
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import ROOT, Service, finish, flask

HERE = ROOT / "tests" / "typescript"


def main() -> int:
    """Start the service, run the flows, stop it; the exit code of the flows."""
    with tempfile.TemporaryDirectory(prefix="billing-") as name:
        var_dir = Path(name)
        service = Service(var_dir)
        code, out, err = finish(flask("token", "--user", "ann", "--email", "ann@harbour.example", VAR_DIR=name))
        assert code == 0, err
        environ = {
            **os.environ,
            "BASE_URL": f"http://127.0.0.1:{service.port}",
            "ADMIN_TOKEN": service.token,
            "CUSTOMER_TOKEN": out.strip(),
        }
        flows = subprocess.run(["npm", "run", "--silent", "flows"], cwd=HERE, env=environ, check=False)  # noqa: S607
        service.stop()
    return flows.returncode


if __name__ == "__main__":
    sys.exit(main())
