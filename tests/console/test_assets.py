"""The files of the pages are those of the packages that they come from."""

import base64
import hashlib
import json
import re

from flask import Flask

from tests.processes import ROOT

STATIC = ROOT / "app" / "console" / "static"
LOCK = ROOT / "tests" / "typescript" / "package-lock.json"


def test_htmx_is_the_file_that_is_noted_beside_it() -> None:
    [note] = STATIC.glob("htmx-*.json")
    noted = json.loads(note.read_text())
    content = note.with_suffix(".min.js").read_bytes()
    assert note.stem == f"htmx-{noted['version']}"
    assert hashlib.sha256(content).hexdigest() == noted["sha256"]


def test_htmx_is_noted_as_the_package_that_is_compared_with_it() -> None:
    [note] = STATIC.glob("htmx-*.json")
    noted = json.loads(note.read_text())
    locked = json.loads(LOCK.read_text())["packages"][f"node_modules/{noted['package']}"]
    assert (locked["version"], locked["integrity"]) == (noted["version"], noted["integrity"])
    algorithm, _, digest = noted["integrity"].partition("-")
    assert (algorithm, len(base64.b64decode(digest))) == ("sha512", 64)


def test_pages_load_nothing_but_files_of_this_service(app: Flask) -> None:
    html = app.test_client().get("/console/sign-in").get_data(as_text=True)
    for name in (
        "/console/assets/console.css",
        "/console/assets/progress.js",
        f"/console/assets/{next(STATIC.glob('htmx-*.js')).name}",
    ):
        assert name in html
        assert app.test_client().get(name, buffered=True).status_code == 200
    assert not re.search(r"""(src|href)=["'](https?:)?//""", html)
