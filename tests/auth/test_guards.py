from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.auth.guards import Guard
from app.auth.permissions import SCOPES, Role, scopes
from tests.caller import Caller, error
from tests.routes import address, calls

PUBLIC = {
    "operations.live",
    "operations.ready",
    "operations.exposition",
    "pages.home",
    "pages.docs",
    "pages.docs_asset",
    "pages.guide",
    "pages.static",
    "pages.favicon",
    "api-docs.openapi_json",
}


def guard_of(app: Flask, endpoint: str, method: str) -> Guard | None:
    """The guard of a view; None where there is none."""
    view_class: Any = getattr(app.view_functions[endpoint], "view_class", None)
    return getattr(getattr(view_class, method.lower(), None), "guard", None)


def guarded(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route that is not open to all, with its methods."""
    for rule, method in calls(app):
        guard = guard_of(app, rule.endpoint, method)
        if rule.endpoint not in PUBLIC and not (guard is not None and guard.open_to_all):
            yield rule, method


class TestScopes:
    def test_list_of_scopes_holds_all_that_guards_ask_for(self, app: Flask) -> None:
        asked = {
            scope
            for rule, method in guarded(app)
            if (guard := guard_of(app, rule.endpoint, method)) is not None
            for scope in guard.scopes
        }
        # Periods are created with their booking.
        assert asked | {"create:taas-workPeriods"} == set(SCOPES)
        assert len(SCOPES) == len(set(SCOPES))

    def test_guard_with_an_unlisted_scope_cannot_be_made(self) -> None:
        with pytest.raises(ValueError, match="readd:client"):
            scopes("client", "readd")

    def test_the_roles_are_those_that_guards_ask_for(self, app: Flask) -> None:
        guards = [guard_of(app, rule.endpoint, method) for rule, method in guarded(app)]
        assert {role for guard in guards if guard is not None for role in guard.roles} <= set(Role)


class TestEveryRoute:
    def test_route_has_a_guard_or_is_meant_for_all(self, app: Flask) -> None:
        open_views = {rule.endpoint for rule, method in calls(app) if guard_of(app, rule.endpoint, method) is None}
        assert open_views == PUBLIC

    def test_route_says_whom_it_lets_in(self, app: Flask) -> None:
        for rule, method in calls(app):
            guard = guard_of(app, rule.endpoint, method)
            if guard is not None and not guard.open_to_all:
                assert guard.takes_account or Role.ADMINISTRATOR in guard.roles, (method, rule.rule)
                assert not guard.scopes or any(scope.startswith("all:") for scope in guard.scopes), (method, rule.rule)
                assert all(role == role.lower() for role in guard.roles), "comparison ignores case"

    @pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "x"])
    def test_route_refuses_callers_without_a_token(self, app: Flask, authorization: str | None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        checked = 0
        for rule, method in guarded(app):
            answer = Caller(app, None).call(method, address(rule), **headers)
            assert error(answer, 401, "unauthorized"), (method, rule.rule)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            checked += 1
        assert checked > 10

    def test_route_authorizes_before_it_reads_the_request(self, as_caller: Callable[..., Caller]) -> None:
        nobody = as_caller()
        for body in (b"{", b"", b'{"name": 7}'):
            error(nobody.post("/v6/clients", body, Idempotency_Key="two words"), 403)
        error(nobody.get("/v6/billing-accounts/none"), 403)
        error(nobody.get("/v6/clients?page=0"), 403)

    def test_refusal_names_the_roles_and_scopes_that_would_do(
        self, app: Flask, as_caller: Callable[..., Caller]
    ) -> None:
        nobody, checked = as_caller(), 0
        for rule, method in guarded(app):
            guard = guard_of(app, rule.endpoint, method)
            assert guard is not None
            if not guard.takes_account:
                refused = error(nobody.call(method, address(rule)), 403, "forbidden")
                assert refused["details"] == {"roles": list(guard.roles), "scopes": list(guard.scopes)}
                assert all(name in refused["message"] for name in (*guard.roles, *guard.scopes))
                checked += 1
        assert checked > 10

    def test_refusal_of_a_guard_reads_well(self, as_caller: Callable[..., Caller]) -> None:
        refused = error(as_caller().get("/v6/clients"), 403)
        assert refused["message"] == "Requires the role administrator or one of the scopes read:client, all:client"
        refused = error(as_caller().post("/v1/billing/credits/grant/", {}), 403)
        assert refused["message"].endswith("or one of the scopes grant:credits, all:credits")

    def test_route_guards_head_like_get(self, app: Flask) -> None:
        assert Caller(app, None).call("HEAD", "/v6/clients").status_code == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_bearer_scheme_is_read_in_any_case(self, app: Flask, token: Callable[..., str], scheme: str) -> None:
        answer = Caller(app, None).call("GET", "/v6/clients", Authorization=f"{scheme} {token()}")
        assert answer.status_code == 200

    def test_token_in_the_query_string_is_ignored(self, app: Flask, token: Callable[..., str]) -> None:
        error(Caller(app, None).get(f"/v6/clients?access_token={token()}"), 401)

    def test_options_needs_no_token(self, app: Flask) -> None:
        answer = Caller(app, None).call("OPTIONS", "/v6/clients")
        assert (answer.status_code, answer.get_data()) == (200, b"")
        assert {"GET", "POST"} <= set(answer.allow)
