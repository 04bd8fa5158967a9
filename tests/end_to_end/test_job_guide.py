"""The Python of docs/charge-for-a-job.md, run as it stands against a service."""

import re
import tempfile
from pathlib import Path
from typing import Any

import requests

from tests.processes import ROOT, Service, command

PAGE = ROOT / "docs" / "charge-for-a-job.md"


def token(directory: str, *options: str) -> str:
    code, out, err = command("token", *options, VAR_DIR=directory)
    assert code == 0, err
    return out.strip()


def test_the_page_about_jobs_does_what_it_says() -> None:
    shown = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert shown.count("# →") >= 6
    with tempfile.TemporaryDirectory(prefix="billing-") as directory:
        service = Service(Path(directory))
        try:
            code, _, err = command("demo", VAR_DIR=directory)
            assert code == 0, err
            owner = token(directory, "--user", "demo-customer", "--email", "customer@demo.example")
            url = f"http://127.0.0.1:{service.port}/v1/account/settings/"
            settings = requests.get(url, headers={"Authorization": f"Bearer {owner}"}, timeout=10).json()["data"]
            machine = token(directory, "--user", "jobs", "--scope", "spend:credits")
            code_shown = shown.replace("127.0.0.1:3000", f"127.0.0.1:{service.port}")
            code_shown = re.sub(r"^(.+?)  # → (.+)$", r"same(\1, \2)", code_shown, flags=re.MULTILINE)

            def same(actual: Any, expected: Any) -> None:
                assert actual == expected

            names: dict[str, Any] = {"token": machine, "account_id": settings["id"], "same": same}
            exec(compile(code_shown, str(PAGE), "exec"), names)  # noqa: S102 - the page's own code
        finally:
            service.stop()
