"""The blueprint of the console."""

from app.console.pages import pages

blueprint = pages("console", __name__, "/console")
