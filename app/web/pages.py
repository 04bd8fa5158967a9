"""Pages for people: the landing page at `/`, and the API reference. They need no token."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, render_template

from app.config import ROOT
from app.errors import NotFound
from app.web import assets
from app.web.documentation import VERSION

blueprint = Blueprint("pages", __name__, template_folder="templates")

_OWN_FILES = Path(__file__).parent / "static"
_GUIDES = ROOT / "docs"
_REFERENCE_FILES = Path(str(files("flask_swagger_ui"))) / "dist"
# Pages load resources from this service only.
_HOME_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# swagger-ui sets inline styles and shows icons from data: URLs.
_REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/")
def home() -> Response:
    """The landing page."""
    return _page("home.html", _HOME_POLICY)


@blueprint.get("/docs")
@blueprint.get("/v6/billing-accounts/api-docs")
def docs() -> Response:
    """The API reference, with a form for every operation."""
    return _page("docs.html", _REFERENCE_POLICY)


@blueprint.get("/docs/assets/<path:name>")
def docs_asset(name: str) -> Response:
    """A file of the API reference."""
    return assets.send(_REFERENCE_FILES, name)


@blueprint.get("/docs/guides/<name>")
def guide(name: str) -> Response:
    """A guide of docs/, as Markdown text."""
    if Path(name).suffix != ".md":
        raise NotFound("There is no resource at this path")
    return assets.send(_GUIDES, name, mimetype="text/plain")


@blueprint.get("/static/<path:name>")
def static(name: str) -> Response:
    """A static file of the pages."""
    return assets.send(_OWN_FILES, name)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The icon, at the default path for browsers."""
    return assets.send(_OWN_FILES, "favicon.svg")


def _page(template: str, policy: str) -> Response:
    page = Response(render_template(template, version=VERSION))
    page.headers["Content-Security-Policy"] = policy
    return page
