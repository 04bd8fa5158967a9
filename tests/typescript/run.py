"""Runs the compiled flows, the tests of the package and the TypeScript of docs/, or the checks in a browser.

python -m tests.typescript.run flows|browser|pictures
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.processes import ROOT, Service, command, free_port

HERE = ROOT / "tests" / "typescript"
BUILT = HERE / "built"
SCRIPTS = {"flows": ["flows", "client"], "browser": ["browser"], "pictures": ["pictures"]}


def compare_htmx() -> int:
    """Whether the pages load the file of the package; 0 if they do."""
    [note] = (ROOT / "app" / "console" / "static").glob("htmx-*.json")
    noted = json.loads(note.read_text())
    published = HERE / "node_modules" / noted["package"] / noted["file"]
    same = published.read_bytes() == note.with_suffix(".min.js").read_bytes()
    sys.stdout.write(f"{note.stem}: {'is' if same else 'is not'} the file of its package\n")
    return int(not same)


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


def token(var_dir: str, *options: str) -> str:
    """A token of somebody."""
    code, out, err = command("token", *options, VAR_DIR=var_dir)
    assert code == 0, err
    return out.strip()


def link(var_dir: str, base: str, *options: str) -> str:
    """A link that signs somebody in at the service at `base`."""
    return base + urlsplit(token(var_dir, "--console", *options)).path


def main(part: str) -> int:
    """Start the service, run the npm scripts of `part`, stop it; the first exit code that is not 0."""
    page_port = free_port()
    page = f"http://127.0.0.1:{page_port}"
    with tempfile.TemporaryDirectory(prefix="billing-") as name:
        service = Service(Path(name), CORS_ORIGINS=page)
        code, _, err = command("demo", VAR_DIR=name)
        assert code == 0, err
        base = f"http://127.0.0.1:{service.port}"
        customer = ("--user", "demo-customer", "--email", "customer@demo.example")
        environ = {
            **os.environ,
            "BASE_URL": base,
            "PAGE_PORT": str(page_port),
            "ADMIN_TOKEN": service.token,
            "CUSTOMER_TOKEN": token(name, "--user", "ann", "--email", "ann@harbour.example"),
            "BUYER_TOKEN": token(name, *customer),
            "JOBS_TOKEN": token(name, "--user", "jobs", "--scope", "spend:credits"),
            "STAFF_LINK": link(name, base),
            "STAFF_LINK_2": link(name, base),
            "CUSTOMER_LINK": link(name, base, *customer),
            "CUSTOMER_LINK_2": link(name, base, *customer),
            "CHROMIUM": shutil.which("chromium") or "",
            "SCREENSHOTS": str(BUILT / "screenshots"),
            "PICTURES": str(ROOT / "docs" / "pictures"),
        }
        codes = [compare_htmx(), generate(service.port)] if part == "flows" else []
        for script in SCRIPTS[part]:
            words = ["npm", "run", "--silent", script]
            codes.append(subprocess.run(words, cwd=HERE, env=environ, check=False).returncode)
        service.stop()
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
