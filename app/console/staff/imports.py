"""Runs of imports: what each read, changed and rejected."""

from flask import Response

from app.console import calls, listing
from app.console.pages import render
from app.console.staff.blueprint import blueprint

_LIST = "/v6/imports"
_FILTERS = ("command", "outcome", "dryRun")
_COMMANDS = (("import-legacy", "import-legacy"), ("import-access", "import-access"))
_OUTCOMES = tuple((each, each.capitalize()) for each in ("running", "succeeded", "failed"))


@blueprint.get("/imports")
def imports() -> Response | str:
    """All runs, newest first."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render(
        "console/imports/list.html",
        title="Imports",
        list=listing.read(_LIST, *_FILTERS),
        commands=_COMMANDS,
        outcomes=_OUTCOMES,
    )


@blueprint.get("/imports/<import_id>")
def one_import(import_id: str) -> str:
    """The report of a run."""
    found = calls.get(calls.path("v6", "imports", import_id))
    return render("console/imports/detail.html", title=f"Import {found['id']}", run=found)
