"""Operations take what they declare: on every route, a body or a query that is not declared is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.caller import Caller, data, error
from tests.routes import address, calls

# Pages, health and metrics ignore what they do not know.
LENIENT = {"operations", "pages", "api-docs"}
# What some operations cannot do without, by a part of their path.
NEEDED = {
    "/statement": "&from=2025-01-01&to=2025-01-31",
    "/reports/credits": "&month=2025-10",
    "/reports/usage": "&from=2025-01-01&to=2025-01-31",
    "/admin/search": "&q=x",
}
BROKEN = b'{"x":'


def operations(app: Flask) -> Iterator[tuple[Rule, str, Any]]:
    """Every operation of the API, with what it declares to take."""
    for rule, method in calls(app):
        if rule.endpoint.partition(".")[0] not in LENIENT:
            view: Any = app.view_functions[rule.endpoint]
            yield rule, method, getattr(view.view_class, method.lower()).inputs


class TestEveryOperation:
    def test_refuses_an_unknown_query_parameter(self, app: Flask, admin: Caller) -> None:
        for rule, method, _ in operations(app):
            needed = next((query for part, query in NEEDED.items() if part in rule.rule), "")
            refused = error(admin.call(method, f"{address(rule)}?colour=true{needed}"), 400, "invalid_input")
            assert refused["details"] == {"query": {"colour": ["Unknown field."]}}, (method, rule.rule)
            assert refused["message"] == "colour: Unknown field."

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b'{"amount": "10.00"}', "invalid_input"),
            (BROKEN, "invalid_json"),
            (b"null", "invalid_input"),
            (b"[]", "invalid_input"),
            (b"0", "invalid_input"),
            (b'""', "invalid_input"),
            (b" ", "invalid_json"),
            (b"amount=10", "invalid_json"),
        ],
    )
    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
    def test_refuses_a_body_unless_it_takes_one(
        self, app: Flask, admin: Caller, body: bytes, reason: str, content_type: str
    ) -> None:
        tried = 0
        for rule, method, inputs in operations(app):
            if not inputs.body:
                answer = admin.call(method, address(rule), body, Content_Type=content_type)
                error(answer, 400, reason)
                tried += 1
        assert tried > 20

    @pytest.mark.parametrize("body", [b"", b"{}", b" { } \n", b"\xef\xbb\xbf{}"])
    def test_takes_an_empty_object_for_no_body(self, app: Flask, admin: Caller, body: bytes) -> None:
        for rule, method, inputs in operations(app):
            if not inputs.body:
                plain = admin.call(method, address(rule))
                answer = admin.call(method, address(rule), body)
                assert (answer.status_code, answer.mimetype) == (plain.status_code, plain.mimetype), (method, rule.rule)

    def test_refuses_a_compressed_body(self, app: Flask, admin: Caller) -> None:
        for rule, method, _ in operations(app):
            for coding in ("gzip", "br", "GZIP", "gzip, identity", "x"):
                answer = admin.send(method, address(rule), b"\x1f\x8b\x08", Content_Encoding=coding)
                error(answer, 415, "unsupported_media_type")
                assert answer.headers["Accept-Encoding"] == "identity"

    def test_is_known_to_take_what_the_document_says(self, app: Flask) -> None:
        document = app.test_client().get("/openapi.json").get_json()
        for path, members in document["paths"].items():
            for method, operation in members.items():
                if method != "parameters":
                    rule = next(each for each in operations(app) if _is(each, path, method))
                    in_query = any(each.get("in") == "query" for each in operation.get("parameters", []))
                    assert rule[2] == ("requestBody" in operation, in_query), (method, path)

    def test_asks_who_is_calling_first(self, app: Flask) -> None:
        stranger = Caller(app, None)
        for rule, method, _ in operations(app):
            if rule.endpoint != "purchases.StripeWebhook":
                error(stranger.call(method, f"{address(rule)}?dryRun=true", BROKEN), 401)


def _is(operation: tuple[Rule, str, Any], path: str, method: str) -> bool:
    rule, verb, _ = operation
    shape = [part.startswith(("{", "<")) or part for part in path.split("/")]
    return verb.lower() == method and shape == [part.startswith(("{", "<")) or part for part in rule.rule.split("/")]


class TestPages:
    @pytest.mark.parametrize(
        "path", ["/", "/docs", "/docs/assets/swagger-ui.css", "/static/home.css", "/favicon.ico", "/health/live"]
    )
    def test_pages_ignore_unknown_query_parameters(self, app: Flask, path: str) -> None:
        with Caller(app, None).send("GET", f"{path}?utm_source=x&x", b'{"x":') as answer:
            assert answer.status_code == 200


class TestEffects:
    def test_a_parameter_that_is_unknown_changes_nothing(self, admin: Caller) -> None:
        error(admin.post("/v6/clients?dryRun=true", {"name": "Acme"}), 400)
        assert data(admin.get("/v6/clients"))["count"] == 0

    def test_empty_query_parameters_count_as_absent(self, admin: Caller) -> None:
        data(admin.post("/v6/clients?&", {"name": "Acme"}), 201)

    def test_a_refusal_leaves_the_key_free(self, admin: Caller) -> None:
        error(admin.post("/v6/clients?dryRun=true", {"name": "Acme"}, Idempotency_Key="k"), 400)
        data(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 201)


class TestEncodings:
    def test_a_byte_order_mark_is_passed_over(self, admin: Caller) -> None:
        assert data(admin.post("/v6/clients", b'\xef\xbb\xbf{"name": "Acme"}'), 201)["name"] == "Acme"

    @pytest.mark.parametrize("coding", ["identity", "Identity", ""])
    def test_identity_is_no_encoding(self, admin: Caller, coding: str) -> None:
        data(admin.call("POST", "/v6/clients", {"name": "Acme"}, Content_Encoding=coding), 201)

    @pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", "us-ascii"])
    def test_utf_8_may_be_named(self, admin: Caller, charset: str) -> None:
        content_type = f"application/json; charset={charset}"
        data(admin.call("POST", "/v6/clients", {"name": "Acme"}, Content_Type=content_type), 201)

    @pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "x"])
    def test_another_charset_is_unsupported(self, admin: Caller, charset: str) -> None:
        content_type = f"application/json; charset={charset}"
        refused = admin.call("POST", "/v6/clients", {"name": "Acme"}, Content_Type=content_type)
        assert "UTF-8" in error(refused, 415, "unsupported_media_type")["message"]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"{", "Expecting property name enclosed in double quotes at line 1, column 2"),
            (b'{"name": "a\nb"}', "Invalid control character at line 1, column 12"),
            (b'{"name": "x"} more', "Extra data at line 1, column 15"),
            (b'{"name": 1, "name": 2}', 'the name "name" is repeated in one object'),
        ],
    )
    def test_what_is_wrong_with_json_is_said_to_any_caller(self, admin: Caller, body: bytes, message: str) -> None:
        refused = error(admin.post("/v6/clients", body), 400, "invalid_json")
        assert refused["message"] == f"The body is not valid JSON: {message}"

    @pytest.mark.parametrize(
        ("body", "field", "message"),
        [
            (b'{"name": NaN}', "name", "name: Is NaN, which is no JSON number."),
            (b'{"name": "x", "a": {"b": [1, -Infinity]}}', "a", "a.b.1: Is -Infinity, which is no JSON number."),
            (rb'{"name": "\ud800"}', "name", "name: Holds half of a surrogate pair."),
            (
                rb'{"name": "\ud83d\ude00", "codeName": "\uDE00"}',
                "codeName",
                "codeName: Holds half of a surrogate pair.",
            ),
            (rb'{"\ud800": NaN}', "body", "Holds half of a surrogate pair in a name."),
            (b"NaN", "body", "Is NaN, which is no JSON number."),
        ],
    )
    def test_what_json_cannot_say_is_refused_by_its_field(
        self, admin: Caller, body: bytes, field: str, message: str
    ) -> None:
        refused = error(admin.post("/v6/clients", body), 400, "invalid_json")
        assert refused["message"] == message
        assert refused["details"]["json"].keys() == {field}

    @pytest.mark.parametrize(
        "body", [b"\xff", b"\x1f\x8b\x08", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xef\xbb", b"\xfe\xff"]
    )
    def test_no_advice_is_for_python_programmers(self, admin: Caller, body: bytes) -> None:
        message = error(admin.post("/v6/clients", body), 400, "invalid_json")["message"]
        for word in ("utf-8-sig", "codec", "byte 0", "char ", "decode", "Python"):
            assert word not in message
