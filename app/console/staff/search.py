"""The home page: search over everything."""

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls
from app.console.pages import render
from app.console.permitted import may
from app.console.staff.blueprint import blueprint


@blueprint.get("")
def search() -> AnyResponse | str:
    """Whatever a word leads to."""
    if not may("searchEverything"):
        return redirect("/console/billing-accounts", 303)
    word = request.args.get("q", "").strip()
    answer = calls.call("GET", "/v1/admin/search", query={"q": word}) if word else None
    return render("console/search.html", title="Search", word=word, answer=answer)
