"""Runs the compiled flows and the commands of docs/clients.md, or the checks in a browser, against a service.

python -m tests.typescript.run flows|browser
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import ROOT, Service, finish, flask

HERE = ROOT / "tests" / "typescript"
BUILT = HERE / "built"


def generate(port: int) -> int:
    """Run the commands of docs/clients.md as they stand; the exit code."""
    directory = BUILT / "documented"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(), re.DOTALL)
    commands = "".join(blocks).replace("127.0.0.1:3000", f"127.0.0.1:{port}")
    # Nothing but the pinned packages may answer to npx.
    script = commands.replace("npx ", "npx --no-install ")
    code = subprocess.run(["bash", "-euc", script], cwd=directory, stdout=subprocess.DEVNULL, check=False).returncode  # noqa: S607
    same = (directory / "schema.d.ts").read_text() == (HERE / "generated" / "schema.d.ts").read_text()
    made = (directory / "client" / "sdk.gen.ts").exists()
    sys.stdout.write(f"docs/clients.md: {'generates the same' if same and made else 'generates something else'}\n")
    return code or int(not (same and made))


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
            "SCREENSHOTS": str(BUILT / "screenshots"),
        }
        commands = generate(service.port) if script == "flows" else 0
        ran = subprocess.run(["npm", "run", "--silent", script], cwd=HERE, env=environ, check=False)  # noqa: S607
        service.stop()
    return commands or ran.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
