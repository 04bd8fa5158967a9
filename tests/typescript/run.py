"""Runs the compiled flows, or the checks in a browser, against a service started for them.

python -m tests.typescript.run flows|browser
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import ROOT, Service, finish, flask

HERE = ROOT / "tests" / "typescript"


def main(script: str) -> int:
    """Start the service, run the npm script, stop it; the exit code of the script."""
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
            "CHROMIUM": shutil.which("chromium") or "",
            "SCREENSHOTS": str(HERE / "built" / "screenshots"),
        }
        ran = subprocess.run(["npm", "run", "--silent", script], cwd=HERE, env=environ, check=False)  # noqa: S607
        service.stop()
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
