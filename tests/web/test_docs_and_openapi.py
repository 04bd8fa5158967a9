import json
import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.config import ROOT
from app.errors import Reason
from app.web.idempotency import METHODS
from tests.caller import Caller, data, error
from tests.described import undescribed
from tests.document import example_body, operations, served
from tests.routes import calls

PAGES = ["/docs", "/v6/billing-accounts/api-docs"]


@pytest.fixture
def document(app: Flask) -> Any:
    return served(app)


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a part of the document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(member)


def components(document: Any, part: Any) -> Iterator[Any]:
    """Every schema that a part of the document refers to, by whatever way."""
    seen: set[str] = set()
    waiting = [part]
    while waiting:
        for reference in references(waiting.pop()):
            if reference not in seen:
                seen.add(reference)
                _, _, kind, name = reference.split("/")
                waiting.append(document["components"][kind][name])
                if kind == "schemas":
                    yield waiting[-1]


class TestDocument:
    def test_what_is_served_is_what_is_kept(self, document: Any) -> None:
        assert document == json.loads((ROOT / "docs" / "openapi.json").read_text())

    def test_it_is_valid_openapi(self, document: Any) -> None:
        assert [failure.message for failure in OpenAPIV31SpecValidator(document).iter_errors()] == []

    def test_every_route_is_in_it(self, app: Flask, document: Any) -> None:
        documented = {(re.sub(r"{[^}]*}", "{}", path), method.upper()) for path, method, _ in operations(document)}
        routes = {
            (re.sub(r"<[^>]*>", "{}", rule.rule), method)
            for rule, method in calls(app)
            if hasattr(app.view_functions[rule.endpoint], "view_class")
        }
        assert routes - {("/openapi.json", "GET")} == documented

    def test_every_operation_has_an_id_of_its_own(self, document: Any) -> None:
        ids = [operation["operationId"] for _, _, operation in operations(document)]
        assert [name for name, times in Counter(ids).items() if times > 1] == []
        assert [name for name in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)+", name)] == []

    def test_every_operation_says_what_it_does(self, document: Any) -> None:
        for path, method, operation in operations(document):
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)

    def test_every_operation_names_its_security(self, document: Any) -> None:
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for path, method, operation in operations(document):
            assert operation["security"] in ([], [{"bearer": []}]), (method, path)

    def test_a_guarded_operation_names_the_roles_and_scopes_that_open_it(self, document: Any) -> None:
        for path, method, operation in operations(document):
            if operation["security"] and path.startswith("/v6"):
                assert "`administrator`" in operation["description"], (method, path)
                assert re.search(r"`all:[A-Za-z-]+`", operation["description"]), (method, path)

    def test_scopes_are_spelled_as_tokens_spell_them(self, document: Any) -> None:
        bulk = document["paths"]["/v6/work-period-payments/bulk"]["patch"]["description"]
        assert "`process:taas-workPeriodPayments`" in bulk

    def test_every_failure_shows_one_of_its_status(self, document: Any) -> None:
        responses = document["components"]["responses"]
        # It has no body.
        del responses["NOT_MODIFIED"]
        for name, response in responses.items():
            for example in response["content"]["application/json"]["examples"].values():
                assert HTTPStatus[name] == example["value"]["error"]["code"]

    def test_every_body_that_can_be_sent_is_shown(self, document: Any) -> None:
        assert [
            operation["operationId"]
            for _, _, operation in operations(document)
            if "requestBody" in operation and not example_body(operation)
        ] == []

    def test_a_body_is_required_unless_it_may_be_missing(self, document: Any) -> None:
        found = [each for *_, each in operations(document) if "requestBody" in each]
        optional = {each["operationId"] for each in found if not each["requestBody"]["required"]}
        rotations = {"rotateApiKey", "rotateAccountApiKey"}
        assert optional == {"approvePayment", "captureCreditHold", "releaseCreditHold"} | rotations

    def test_every_operation_documents_its_failures_in_one_shape(self, document: Any) -> None:
        for path, method, operation in operations(document):
            expected = {"400", "500", "503"} | ({"401", "403"} if operation["security"] else set())
            expected |= {"409", "422"} if method.upper() in METHODS and operation["security"] else set()
            expected |= {"413", "415"} if "requestBody" in operation else set()
            assert expected <= operation["responses"].keys(), (method, path)
            assert any(status.startswith("2") for status in operation["responses"]), (method, path)
            for status in expected:
                response = operation["responses"][status]
                if "$ref" in response:
                    response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
                assert list(references(response)) == ["#/components/schemas/Error"], (method, path, status)

    def test_examples_are_what_they_are_examples_of(self, document: Any) -> None:
        checked = 0
        for part in parts(document):
            content = part.get("content", {}).get("application/json", {})
            shown = [(content["schema"], content["example"])] if "example" in content else []
            shown += [(content["schema"], each["value"]) for each in content.get("examples", {}).values()]
            shown += [(part, part["example"])] if "example" in part and "type" in part else []
            for schema, example in shown:
                validator = OAS31Validator({**schema, "components": document["components"]})
                assert [error.message for error in validator.iter_errors(example)] == [], example
                checked += 1
        assert checked > 25

    @pytest.mark.parametrize(
        ("path", "method", "status"),
        [
            ("/v1/account/team/{memberId}", "delete", "409"),
            ("/v1/billing/credits/usage", "post", "402"),
            ("/v1/billing/credits/usage/bulk", "post", "402"),
        ],
    )
    def test_refusals_that_few_operations_know_are_in_it(
        self, document: Any, path: str, method: str, status: str
    ) -> None:
        assert status in document["paths"][path][method]["responses"]

    def test_every_reason_is_in_it(self, document: Any) -> None:
        documented = document["components"]["schemas"]["ErrorDetail"]["properties"]["reason"]["enum"]
        assert set(documented) == {str(reason) for reason in Reason}

    def test_a_key_may_be_sent_wherever_it_counts(self, document: Any) -> None:
        for path, method, operation in operations(document):
            names = {parameter["name"] for parameter in operation.get("parameters", []) if "name" in parameter}
            assert ("Idempotency-Key" in names) == (method.upper() in METHODS and bool(operation["security"])), path

    def test_every_component_has_a_name_of_its_own_and_a_description(self, document: Any) -> None:
        for name, component in document["components"]["schemas"].items():
            assert re.fullmatch(r"[A-Z][A-Za-z]+", name), (
                "a digit at the end is how a second one of that name is called"
            )
            assert component["description"], name

    def test_every_component_that_is_referred_to_is_there_and_every_one_is_used(self, document: Any) -> None:
        referred = {reference.removeprefix("#/components/") for reference in references(document)}
        kept = {f"{kind}/{name}" for kind, members in document["components"].items() for name in members}
        assert referred <= kept
        assert {f"schemas/{name}" for name in document["components"]["schemas"]} <= referred

    @pytest.mark.parametrize(("family", "name"), [("/v6/", r"[a-z][A-Za-z0-9.]*"), ("/v1/", r"[a-z][a-z0-9_]*")])
    def test_names_inside_follow_their_family(self, document: Any, family: str, name: str) -> None:
        for path, _, operation in operations(document):
            if path.startswith(family):
                queries = (each for each in operation.get("parameters", []) if each.get("in") == "query")
                names = {each["name"] for each in queries}
                for component in components(document, operation):
                    names |= component.get("properties", {}).keys()
                assert [each for each in names if not re.fullmatch(name, each)] == [], path


def _success(data: Any) -> bytes:
    return json.dumps({"success": True, "data": data}).encode()


class TestAnswers:
    """`Caller` asks this of every answer, in all tests."""

    @pytest.mark.parametrize(
        ("change", "status", "surprise"),
        [
            ({}, 200, None),
            ({}, 201, "is not described to answer 201"),
            ({"name": None}, 200, 'null is not of type "string"'),
            ({"createdAt": "yesterday"}, 200, 'is not a "date-time"'),
            ({"shoeSize": 43}, 200, "'shoeSize' was unexpected"),
        ],
    )
    def test_one_that_the_document_does_not_describe_is_found(
        self, admin: Caller, client_id: str, change: dict[str, Any], status: int, surprise: str | None
    ) -> None:
        client = data(admin.get(f"/v6/clients/{client_id}")) | change
        found = undescribed("GET", "/v6/clients/acme/", status, _success(client))
        assert found is None if surprise is None else surprise in str(found), found


class TestPage:
    @pytest.mark.parametrize("path", PAGES)
    def test_it_runs_only_what_this_service_serves(self, app: Flask, path: str) -> None:
        answer = Caller(app, None).get(path)
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.get_data(as_text=True)), "no inline script would run"

    @pytest.mark.parametrize("path", PAGES)
    def test_everything_it_refers_to_is_served(self, app: Flask, path: str) -> None:
        page = Caller(app, None).get(path).get_data(as_text=True)
        found = re.findall(r'(?:src|href)="([^"]+)"', page)
        addresses = [address for address in found if not address.startswith("data:")]
        assert len(addresses) >= 3
        for address in addresses:
            assert address.startswith("/"), "nothing comes from elsewhere"
            with Caller(app, None).get(address) as asset:
                assert (asset.status_code, len(asset.get_data()) > 0) == (200, True), address
                expected = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[
                    address.rpartition(".")[2]
                ]
                assert asset.mimetype == expected

    def test_its_script_reads_the_document_of_this_service(self, app: Flask) -> None:
        page = Caller(app, None).get("/docs").get_data(as_text=True)
        [script] = [name for name in re.findall(r'src="([^"]+)"', page) if name.endswith("/docs.js")]
        with Caller(app, None).get(script) as answer:
            assert 'url: "/openapi.json"' in answer.get_data(as_text=True)

    def test_both_addresses_show_the_same(self, app: Flask) -> None:
        one, two = (Caller(app, None).get(path).get_data() for path in PAGES)
        assert one == two

    def test_an_asset_may_be_kept_by_the_browser(self, app: Flask) -> None:
        with Caller(app, None).get("/docs/assets/swagger-ui.css") as asset:
            assert "max-age" in asset.headers["Cache-Control"]
            etag = asset.headers["ETag"]
        with Caller(app, None).get("/docs/assets/swagger-ui.css", If_None_Match=etag) as again:
            assert (again.status_code, again.get_data()) == (304, b"")

    def test_an_asset_cannot_be_written(self, app: Flask) -> None:
        error(Caller(app, None).post("/docs/assets/swagger-ui.css", {}), 405)


def test_the_license_is_named_where_it_is_looked_for(app: Flask) -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    info = Caller(app, None).get("/openapi.json").get_json()["info"]
    assert info["license"] == {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
