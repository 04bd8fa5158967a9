"""A browser without JavaScript: it keeps cookies, reads pages, and sends their forms as they stand."""

from collections.abc import Sequence
from typing import Any

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse


class Page:
    """A page, and the response that it came in."""

    def __init__(self, web: "Web", path: str, response: TestResponse) -> None:
        self._web = web
        self._path = path
        self.response = response
        is_page = response.mimetype == "text/html"
        self.html = BeautifulSoup(response.get_data(as_text=True) if is_page else "", "html.parser")

    @property
    def title(self) -> str:
        """Its heading."""
        return self.find("h1").get_text(strip=True)

    @property
    def alert(self) -> str:
        """What it says that went wrong."""
        return self.find(role="alert").get_text(" ", strip=True)

    @property
    def said(self) -> str:
        """What it says that was done."""
        return self.find(role="status").get_text(" ", strip=True)

    def find(self, name: str | None = None, **attributes: Any) -> Tag:
        """The first element like that; fails the test if there is none."""
        found = self.html.find(name, **attributes)
        assert isinstance(found, Tag), (name, attributes, self.html.get_text(" ", strip=True))
        return found

    def cells(self, table: int = 0) -> list[list[str]]:
        """The texts of a table, by row, without its head."""
        rows = self.html.find_all("table")[table].find("tbody").find_all("tr")
        return [[cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])] for row in rows]

    def links(self) -> list[str]:
        """Where its links lead, inside the service."""
        return [str(each["href"]) for each in self.html.find_all("a", href=True) if str(each["href"]).startswith("/")]

    def form(self, button: str | None = None) -> "Form":
        """The form in the content of the page, or the one with this button."""
        forms = self.find("main").find_all("form")
        named = [form for form in forms if button in (None, *(each.get_text(strip=True) for each in form("button")))]
        assert named, (button, [form.get_text(" ", strip=True) for form in forms])
        return Form(self._web, self._path, named[0])

    def follow(self) -> "Page":
        """The page that it leads to."""
        assert self.response.status_code == 303, self.html.get_text(" ", strip=True)
        return self._web.get(self.response.location)


class Form:
    """A form, with what it holds; entries are changed like those of a dictionary."""

    def __init__(self, web: "Web", path: str, form: Tag) -> None:
        self._web = web
        self._path = str(form.get("action") or path)
        self._method = str(form.get("method", "get")).upper()
        self.entries: dict[str, Any] = {}
        fields = [each for each in _fields(form) if each.get("name")]
        for each in fields:
            if _is_sent(each):
                self.entries.setdefault(str(each["name"]), []).append(_value(each))
        self.names = {str(each["name"]) for each in fields}

    def __setitem__(self, name: str, entry: str | list[str]) -> None:
        assert name in self.names, f"There is no field {name}, only {sorted(self.names)}"
        self.entries[name] = [entry] if isinstance(entry, str) else entry

    def __getitem__(self, name: str) -> str:
        return str(self.entries[name][0])

    def submit(self, status: int | None = None, **button: str) -> Page:
        """Send it; a `button` has a name and a value."""
        entries = {**self.entries, **{name: [value] for name, value in button.items()}}
        if self._method == "GET":
            return self._web.get(self._path, status=status or 200, query=entries)
        return self._web.send(self._path, entries, status or 303)


class Web:
    """A browser."""

    def __init__(self, app: Flask, **environ: Any) -> None:
        self.client = app.test_client()
        # A file that is not read to its end would keep its place among the exports.
        self._sent: dict[str, Any] = {"environ_overrides": environ, "buffered": True}

    def get(self, path: str, status: int = 200, query: Any = None) -> Page:
        """Open a page."""
        return self._page(path, self.client.get(path, query_string=query, **self._sent), status)

    def send(self, path: str, entries: Any, status: int) -> Page:
        """Send entries as a form does."""
        return self._page(path, self.client.post(path, data=entries, **self._sent), status)

    def _page(self, path: str, response: TestResponse, status: int) -> Page:
        page = Page(self, path, response)
        assert response.status_code == status, (response.status_code, page.html.get_text(" ", strip=True))
        return page


def _fields(form: Tag) -> list[Tag]:
    """The fields of a form: those inside, and those elsewhere that name it."""
    kinds = ["input", "textarea", "select"]
    inside = form.find_all(kinds)
    elsewhere = form.find_parents()[-1].find_all(kinds, form=form["id"]) if form.get("id") else []
    return [*inside, *elsewhere]


def _is_sent(entry: Tag) -> bool:
    return entry.get("type") not in {"checkbox", "radio"} or entry.has_attr("checked")


def _value(entry: Tag) -> str:
    if entry.name == "textarea":
        return entry.get_text()
    if entry.name == "select":
        chosen = entry.find("option", selected=True) or entry.find("option")
        return str(chosen["value"]) if isinstance(chosen, Tag) else ""
    return str(entry.get("value", "on" if entry.get("type") == "checkbox" else ""))


def sent(messages: Sequence[Any]) -> int:
    """How many statements a page sent to the database; what ends a transaction is none."""
    return sum(message not in {b"COMMIT", b"ROLLBACK"} for message in messages)
