"""What the reference tells people: rules, guides and the meaning of every field."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.config import ROOT
from app.errors import Reason
from tests.caller import Caller, error
from tests.document import operations, served


def headings(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    }


@pytest.fixture
def document(app: Flask) -> Any:
    return served(app)


def test_every_operation_says_its_rule_and_who_may_call(document: Any) -> None:
    for path, method, operation in operations(document):
        *rule, needs, _ = operation["description"].split("\n\n")
        assert len(re.findall(r"[.:](?=\s|$)", " ".join(rule))) >= 2, (method, path, rule)
        assert needs.startswith("Needs "), (method, path)


def test_every_operation_leads_to_a_heading_of_a_guide(app: Flask, document: Any) -> None:
    guides = set()
    for path, method, operation in operations(document):
        link = re.fullmatch(r"Guide: \[[A-Z].*\]\((/docs/guides/.*)\)\.", operation["description"].split("\n\n")[-1])
        assert link is not None, (method, path)
        guides.add(link[1])
    assert len(guides) > 8
    for url in guides:
        page, _, heading = url.partition("#")
        with Caller(app, None).get(page) as response:
            assert (response.status_code, response.mimetype) == (200, "text/plain")
            name = page.removeprefix("/docs/guides/")
            assert response.get_data() == (ROOT / "docs" / name).read_bytes()
        assert heading in headings(ROOT / "docs" / name), url


@pytest.mark.parametrize("name", ["openapi.json", "nothing.md", "..%2FREADME.md", "%2Fetc%2Fhosts.md", "decisions"])
def test_nothing_but_guides_is_served_as_one(app: Flask, name: str) -> None:
    error(Caller(app, None).get(f"/docs/guides/{name}"), 404, "not_found")


def test_every_property_and_parameter_says_what_it_means(document: Any) -> None:
    silent = [
        f"{schema}.{name}"
        for schema, component in document["components"]["schemas"].items()
        for name, field in component.get("properties", {}).items()
        if not field.get("description")
    ]
    for path, item in document["paths"].items():
        parameters = [*item.get("parameters", [])]
        parameters += [each for method in item if method != "parameters" for each in item[method].get("parameters", [])]
        silent += [f"{path} {each['name']}" for each in parameters if not each.get("description")]
    assert silent == [], "name it in app/web/glossary.py, or in the metadata of the field"


def test_descriptions_are_sentences(document: Any) -> None:
    texts = [
        field["description"]
        for component in document["components"]["schemas"].values()
        for field in component.get("properties", {}).values()
    ]
    assert [text for text in texts if not re.fullmatch(r"[A-Z`].*[.]", text, re.DOTALL)] == []


def test_every_failure_that_is_shown_is_one_the_operation_lists(document: Any) -> None:
    shown = 0
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            examples = response.get("content", {}).get("application/json", {}).get("examples", {})
            for reason, example in examples.items():
                assert (example["value"]["error"]["code"], example["value"]["error"]["reason"]) == (int(status), reason)
                assert f"`{reason}`" in response["description"], (method, path, status)
                shown += 1
    assert shown > 200


def test_a_reason_that_a_description_names_has_an_example(document: Any) -> None:
    for path, method, operation in operations(document):
        named = set(re.findall(r"`([a-z_]+)`", operation["description"])) & {str(reason) for reason in Reason}
        examples = {
            reason
            for response in operation["responses"].values()
            for reason in response.get("content", {}).get("application/json", {}).get("examples", {})
        }
        assert named <= examples, (method, path)


def test_examples_are_of_the_operation_itself(document: Any) -> None:
    def example(path: str, method: str, status: str, reason: str) -> Any:
        response = document["paths"][path][method]["responses"][status]
        return response["content"]["application/json"]["examples"][reason]["value"]["error"]

    client = example("/v6/clients", "post", "400", "invalid_input")
    assert client["details"] == {"json": {"name": ["Missing data for required field."]}}
    lock = "/v6/billing-accounts/{billingAccountId}/lock-amount"
    assert example(lock, "patch", "404", "not_found")["message"] == "Billing account 7 was not found"
    assert example(lock, "patch", "403", "forbidden")["details"]["scopes"] == [
        "update:billing-account",
        "all:billing-account",
    ]
    assert (
        example("/v1/billing/invoices/{invoiceId}", "get", "404", "not_found")["message"] == "Invoice 7 was not found"
    )
    assert example("/v1/account/settings", "get", "403", "no_account")["code"] == 403
