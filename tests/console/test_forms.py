"""Forms: what is entered becomes a call of the API: once, of the version that was seen, with problems beside fields."""

from tests.caller import Caller, data, error
from tests.console.conftest import Browsers
from tests.console.web import Form, Page, Web

CLIENTS = "/v6/clients"


def filled_in(web: Web, **entries: str) -> Form:
    form = web.get("/console/clients/new").form()
    for name, entry in {"name": "Acme", **entries}.items():
        form[name] = entry
    return form


def problem_of(page: Page, field: str) -> str:
    return page.find(id=page.find(id=f"field-{field}")["aria-describedby"]).get_text()


def test_a_form_creates_what_was_entered(browser: Browsers, admin: Caller) -> None:
    page = filled_in(browser(), codeName="ACM", endDate="2027-01-31").submit().follow()
    assert page.title == "Acme"
    assert page.said == "The client was created."
    [client] = data(admin.get(CLIENTS))["results"]
    assert (client["name"], client["codeName"], client["endDate"]) == ("Acme", "ACM", "2027-01-31T23:59:59.999Z")


def test_a_form_sent_twice_has_one_effect(browser: Browsers, admin: Caller) -> None:
    form = filled_in(browser())
    assert form.submit().response.location == form.submit().response.location
    assert data(admin.get(CLIENTS))["count"] == 1


def test_a_problem_stands_beside_its_field_and_nothing_is_lost(browser: Browsers, admin: Caller) -> None:
    page = filled_in(browser(), codeName="ACM", startDate="soon").submit(400)
    refused = error(admin.post(CLIENTS, {"name": "Acme", "startDate": "soon"}), 400)
    assert problem_of(page, "startDate") == refused["details"]["json"]["startDate"][0]
    assert page.alert == refused["message"]
    form = page.form()
    assert form["codeName"] == "ACM"
    form["startDate"] = ""
    assert form.submit().follow().title == "Acme"


def test_two_tabs_see_what_the_other_changed(browser: Browsers, admin: Caller) -> None:
    web = browser()
    filled_in(web).submit()
    [client] = data(admin.get(CLIENTS))["results"]
    first, second = (web.get(f"/console/clients/edit/{client['id']}").form() for _ in range(2))
    first["name"], second["name"] = "Acme One", "Acme Two"
    first.submit()
    page = second.submit(412)
    assert page.cells() == [["Name", "Acme Two", "Acme One"]]
    assert data(admin.get(f"{CLIENTS}/{client['id']}"))["name"] == "Acme One"
    page.form().submit()
    assert data(admin.get(f"{CLIENTS}/{client['id']}"))["name"] == "Acme Two"


def test_a_reason_is_kept_in_the_audit_trail(browser: Browsers, admin: Caller) -> None:
    web = browser()
    filled_in(web).submit()
    [client] = data(admin.get(CLIENTS))["results"]
    form = web.get(f"/console/clients/edit/{client['id']}").form()
    form["name"], form["change_reason"] = "Ägäis", "Müller, by letter"
    form.submit()
    entry = data(admin.get(f"{CLIENTS}/{client['id']}/history"))["results"][0]
    assert entry["reason"] == "Müller, by letter"


def test_a_form_without_the_token_of_its_session_is_refused(browser: Browsers, admin: Caller) -> None:
    form = filled_in(browser())
    form["csrf_token"] = "made-up"
    assert "earlier session" in form.submit(400).alert
    assert data(admin.get(CLIENTS))["count"] == 0


def test_what_was_entered_outlives_the_session(browser: Browsers) -> None:
    """The page that refuses it shows it to be copied, but nothing of a form that another site has sent."""
    web = browser()
    form = filled_in(web, codeName="ACM")
    web.send("/console/sign-out", {"csrf_token": form["csrf_token"]}, 303)
    entries = {name: value[0] for name, value in form.entries.items()}
    for origin, is_shown in (("http://localhost", True), ("https://elsewhere.example", False), ("null", False)):
        response = web.client.post("/console/clients/new", data=entries, headers={"Origin": origin})
        page = response.get_data(as_text=True)
        assert (response.status_code, "ACM" in page, entries["key"] in page) == (401, is_shown, False), origin
