"""The blueprint of the portal."""

from app.console.pages import pages

blueprint = pages("portal", __name__, "/portal")
