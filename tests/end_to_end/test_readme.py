"""The README's tour, run as it stands."""

import re
import sys
from pathlib import Path

from tests.processes import ROOT, Service, finish, start


def test_the_tour_does_what_it_says(var_dir: Path) -> None:
    tour = (ROOT / "README.md").read_text().split("## Five minutes with curl")[1].split("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", tour, re.DOTALL))
    service = Service(var_dir)
    script = script.replace("127.0.0.1:3000", f"127.0.0.1:{service.port}").replace(
        ".venv/bin/", f"{sys.executable} -m "
    )
    code, out, err = finish(start("bash", "-euc", script, VAR_DIR=str(var_dir)))
    service.stop()
    assert (code, err) == (0, ""), out
    answers = [line for line in out.splitlines() if line.startswith("{")]
    assert [line.startswith('{"success":true') for line in answers].count(False) == 2, "two calls show refusals"
    assert '"details":{"available":500,"requested":501}' in out
    assert '{"json":{"budget":["Not a valid number."]}}' in out
    assert out.count('"error":{"code":400') == 3, "and one item of the bulk call is refused"
