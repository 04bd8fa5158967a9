import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from app import MAX_BODY_BYTES, clock
from app.db.base import db
from tests.caller import Caller, data, error
from tests.factories.accounts import create_client
from tests.processes import free_port
from tests.routes import address, calls


@pytest.fixture
def broken_app(app: Flask) -> Iterator[Flask]:
    """The application on a database whose tables are not what it expects."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE clients RENAME COLUMN code_name TO hidden_name"))
    yield app
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE clients RENAME COLUMN hidden_name TO code_name"))


@pytest.fixture
def cut_off(app_with: Callable[..., Flask]) -> Flask:
    """The application when its database is away."""
    return app_with(database_url=f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/none")


class TestFailures:
    def test_a_caller_without_a_token_is_told_how_to_sign_in(self, app: Flask) -> None:
        answer = Caller(app, None).get("/v6/clients")
        error(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_a_caller_without_the_role_is_forbidden(self, as_caller: Callable[..., Caller]) -> None:
        error(as_caller(roles=["copilot"]).get("/v6/clients"), 403, "forbidden")

    @pytest.mark.parametrize("path", ["/v6", "/v6/nothing", "/v6/clients//", "//v6/clients", "/%FF", "/v6/cliénts"])
    def test_an_unknown_route_is_not_found(self, admin: Caller, path: str) -> None:
        error(admin.get(path), 404, "not_found")

    def test_an_unknown_thing_is_not_found_by_its_name(self, admin: Caller) -> None:
        assert error(admin.get("/v6/billing-accounts/7"), 404, "not_found")["message"] == (
            "Billing account 7 was not found"
        )

    def test_a_missing_asset_is_not_found(self, app: Flask) -> None:
        error(Caller(app, None).get("/docs/assets/nothing.js"), 404, "not_found")

    @pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "../../app/config.py", "%2e%2e/__init__.py"])
    def test_an_asset_is_never_a_file_from_elsewhere(self, app: Flask, name: str) -> None:
        error(Caller(app, None).get(f"/docs/assets/{name}"), 404, "not_found")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "INVENTED"])
    def test_a_wrong_method_names_the_right_ones(self, admin: Caller, method: str) -> None:
        answer = admin.call(method, "/v6/clients")
        error(answer, 405, "method_not_allowed")
        assert {"GET", "POST"} <= set(re.split(", *", answer.headers["Allow"]))

    @pytest.mark.parametrize(
        ("method", "path", "right"),
        [
            ("GET", "/v6/billing-accounts/consume-amounts", {"POST"}),
            ("PATCH", "/v6/billing-accounts/consume-amounts/", {"POST"}),
            ("PATCH", "/v6/billing-accounts/health", {"GET"}),
            ("GET", "/v6/work-period-payments/bulk", {"POST", "PATCH"}),
            ("PATCH", "/v6/work-period-payments/query", {"POST"}),
        ],
    )
    def test_a_word_where_ids_stand_has_its_own_methods(
        self, admin: Caller, as_caller: Callable[..., Caller], method: str, path: str, right: set[str]
    ) -> None:
        answer = admin.call(method, path, {})
        error(answer, 405, "method_not_allowed")
        assert set(re.split(", *", answer.headers["Allow"])) - {"HEAD", "OPTIONS"} == right
        error(as_caller().call(method, path, {}), 403)

    @pytest.mark.parametrize("body", [b"{", b"{'name': 1}", b"name=x", b"\xff\xfe", b'{"name": "x"} more', b'{"a":1,}'])
    def test_a_body_that_is_not_json_is_invalid(self, admin: Caller, body: bytes) -> None:
        error(admin.post("/v6/clients", body), 400, "invalid_json")

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
    def test_an_empty_body_is_invalid_whatever_it_is_called(self, admin: Caller, content_type: str) -> None:
        error(admin.post("/v6/clients", b"", Content_Type=content_type), 400, "invalid_json")

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
    )
    def test_a_body_that_is_not_called_json_is_unsupported(self, admin: Caller, content_type: str) -> None:
        error(admin.post("/v6/clients", b'{"name": "x"}', Content_Type=content_type), 415, "unsupported_media_type")

    @pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
    def test_json_may_be_called_by_its_longer_names(self, admin: Caller, content_type: str) -> None:
        data(admin.post("/v6/clients", b'{"name": "x"}', Content_Type=content_type), 201)

    def test_a_body_beyond_the_limit_is_too_large(self, admin: Caller) -> None:
        error(admin.post("/v6/clients", b" " * (MAX_BODY_BYTES + 1)), 413, "payload_too_large")

    def test_a_body_at_the_limit_is_read(self, admin: Caller) -> None:
        body = b'{"name": "x"}'
        data(admin.post("/v6/clients", body + b" " * (MAX_BODY_BYTES - len(body))), 201)

    @pytest.mark.parametrize(("method", "path"), [("GET", "/v6/clients"), ("POST", "/v6/clients")])
    def test_a_crash_tells_nothing_of_the_inside(
        self, broken_app: Flask, token: Callable[..., str], method: str, path: str
    ) -> None:
        body = {"name": "x", "codeName": "y"} if method == "POST" else None
        answer = Caller(broken_app, token()).call(method, path, body)
        failure = error(answer, 500, "internal_error")
        assert failure.keys() == {"code", "reason", "message"}
        for word in ("code_name", "SELECT", "INSERT", "psycopg2", "Traceback", "sqlalchemy", ".py"):
            assert word not in answer.get_data(as_text=True)

    @pytest.mark.parametrize("path", ["/v6/clients", "/v6/billing-accounts/1", "/health/ready"])
    def test_a_database_that_is_away_means_try_again_soon(
        self, cut_off: Flask, token: Callable[..., str], path: str
    ) -> None:
        answer = Caller(cut_off, token()).get(path)
        failure = error(answer, 503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "127.0.0.1" not in failure["message"]

    def test_a_write_while_the_database_is_away_means_try_again_soon(
        self, cut_off: Flask, token: Callable[..., str]
    ) -> None:
        answer = Caller(cut_off, token()).call("POST", "/v6/clients", {"name": "x"}, Idempotency_Key="k")
        error(answer, 503, "database_unavailable")

    def test_the_process_is_alive_while_its_database_is_away(self, cut_off: Flask) -> None:
        assert data(Caller(cut_off, None).get("/health/live")) == {"status": "ok"}


class TestSuccesses:
    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v6/billing-accounts/health"])
    def test_health_needs_no_token(self, app: Flask, path: str) -> None:
        assert data(Caller(app, None).get(path))["status"] == "ok"

    def test_head_answers_as_get_without_the_body(self, admin: Caller) -> None:
        answer = admin.call("HEAD", "/v6/clients")
        assert (answer.status_code, answer.get_data()) == (200, b"")
        assert admin.call("HEAD", "/v6/clients/nobody").status_code == 404

    def test_text_is_answered_in_utf_8(self, admin: Caller) -> None:
        name = "Žluťoučký \U0001f40e"
        answer = admin.post("/v6/clients", {"name": name})
        assert data(answer, 201)["name"] == name
        assert name.encode() in answer.get_data()
        assert answer.mimetype == "application/json"


class TestRequestIds:
    def test_a_given_id_comes_back(self, admin: Caller) -> None:
        assert admin.get("/v6/clients", X_Request_ID="order-17/a").headers["X-Request-ID"] == "order-17/a"

    def test_an_id_is_made_where_none_is_given(self, admin: Caller) -> None:
        made = {admin.get("/v6/clients").headers["X-Request-ID"] for _ in range(3)}
        assert len({UUID(each) for each in made}) == 3

    @pytest.mark.parametrize("given", ["", "two words", "x" * 129, "é", 'a"b\\\t'])
    def test_an_unusable_id_is_replaced(self, admin: Caller, given: str) -> None:
        assert UUID(admin.get("/v6/clients", X_Request_ID=given).headers["X-Request-ID"])

    @pytest.mark.parametrize("path", ["/nowhere", "/v6/clients/x", "/v6/clients?page=0", "/health/live", "/metrics"])
    def test_every_answer_carries_one(self, app: Flask, path: str) -> None:
        assert Caller(app, None).get(path, X_Request_ID="mine").headers["X-Request-ID"] == "mine"

    def test_a_crash_carries_it_too(self, broken_app: Flask, token: Callable[..., str]) -> None:
        answer = Caller(broken_app, token()).get("/v6/clients", X_Request_ID="mine")
        assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "mine")


class TestBrowsers:
    ASKING = MappingProxyType(
        {
            "Access_Control_Request_Method": "PATCH",
            "Access_Control_Request_Headers": "authorization, content-type, idempotency-key",
        }
    )

    @pytest.mark.parametrize("origins", [(), ("https://admin.example.com",)])
    def test_a_page_from_elsewhere_may_not_read_answers(
        self, app_with: Callable[..., Flask], origins: tuple[str, ...]
    ) -> None:
        stranger = Caller(app_with(cors_origins=origins), None)
        asking: list[tuple[str, Mapping[str, str]]] = [("GET", {}), ("OPTIONS", self.ASKING)]
        for method, headers in asking:
            answer = stranger.call(method, "/v6/clients", Origin="https://evil.example.com", **headers)
            assert "Access-Control-Allow-Origin" not in answer.headers

    def test_a_page_from_a_named_origin_may(self, app_with: Callable[..., Flask]) -> None:
        origin = "https://admin.example.com"
        page = Caller(app_with(cors_origins=(origin,)), None)
        refused = page.call("GET", "/v6/clients", Origin=origin)
        error(refused, 401)
        asked = page.call("OPTIONS", "/v6/clients", Origin=origin, **self.ASKING)
        for answer in (refused, asked):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert {"X-Request-ID", "Idempotency-Replayed"} <= set(refused.access_control_expose_headers or ())
        assert "PATCH" in (asked.access_control_allow_methods or ())
        assert {"authorization", "content-type", "idempotency-key"} <= set(asked.access_control_allow_headers or ())


class TestTrailingSlash:
    @pytest.fixture
    def known(self, admin: Caller) -> dict[str, str]:
        """Values for path parameters under which there is something."""
        client_id = create_client(admin)
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id}
        account_id = data(admin.post("/v6/billing-accounts", account), 201)["id"]
        files = {"name": "swagger-ui.css", "filename": "docs.js"}
        return {"client_id": client_id, "billing_account_id": str(account_id), **files}

    def test_every_route_answers_the_same_with_it_and_never_redirects(
        self, app: Flask, admin: Caller, known: dict[str, str]
    ) -> None:
        for rule, method in calls(app):
            path = address(rule, **known)
            # Some answers tell the time.
            with clock.at(clock.utc_now()):
                bare, slashed = (admin.call(method, each) for each in (path.rstrip("/"), path.rstrip("/") + "/"))
            seen = [(each.status_code, each.mimetype, each.headers.get("Location")) for each in (bare, slashed)]
            assert seen[0] == seen[1], (method, path)
            assert bare.status_code not in {301, 302, 303, 307, 308, 405}, (method, path)
            # These two measure as they answer.
            if rule.endpoint not in {"operations.exposition", "health.Report"}:
                assert bare.get_data() == slashed.get_data(), (method, path)
            bare.close()
            slashed.close()

    def test_a_write_with_it_has_its_effect(self, admin: Caller) -> None:
        client = data(admin.post("/v6/clients/", {"name": "Acme"}), 201)
        assert data(admin.patch(f"/v6/clients/{client['id']}/", {"name": "Zeta"}))["name"] == "Zeta"
        assert data(admin.get("/v6/clients/?perPage=1"))["count"] == 1
