"""What is made of the claims of a verified token."""

import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.auth.test_tokens import in_seconds, part, signed
from tests.caller import Caller, data, error
from tests.conftest import SECRET
from tests.factories.customers import open_customer

ACCOUNT = "/v1/account/"
CLIENTS = "/v6/clients"
# Values of every JSON type, and the edges of each.
ODD_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**400,
    float("inf"),
    float("nan"),
    "",
    " ",
    "\x00",
    "\ud800",
    "\u200b",
    "é" * 300,
    "true",
    [],
    [None],
    [[]],
    [{}],
    ["x", 7, None, True],
    {},
    {"x": []},
    [["administrator"]],
    ["\ud800"],
]
CLAIMS = [
    "sub",
    "userId",
    "user_id",
    "azp",
    "client_id",
    "gty",
    "handle",
    "nickname",
    "email",
    "email_verified",
    "given_name",
    "first_name",
    "family_name",
    "last_name",
    "account_id",
    "roles",
    "role",
    "scope",
    "scopes",
    "iss",
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
]
NAMESPACE = "https://example.com/claims/"


def holder(app: Flask, **claims: Any) -> Caller:
    return Caller(app, signed(**{"roles": None, **claims}))


def by_hand(claims: dict[str, Any]) -> str:
    """A token of claims that no library signs."""
    content = f"{part({'alg': 'HS256'})}.{part({'sub': '7', 'exp': in_seconds(3600), **claims})}"
    return f"{content}.{part(hmac.digest(SECRET.encode(), content.encode(), 'sha256'))}"


def billing_email(app: Flask, **claims: Any) -> Any:
    """The address a new account takes over from the token: a verified one only."""
    opened = holder(app, email="ann@harbour.example", **claims).post(ACCOUNT, {"name": "Harbour Studio"})
    return data(opened, 201)["billing_email"] or None


class TestVerifiedAddress:
    @pytest.mark.parametrize("name", ["email_verified", f"{NAMESPACE}email_verified"])
    @pytest.mark.parametrize("value", [True, "true", "True", "TRUE"])
    def test_true_or_its_text_verifies_an_address(self, app: Flask, name: str, value: Any) -> None:
        assert billing_email(app, **{name: value}) == "ann@harbour.example"

    @pytest.mark.parametrize("name", ["email_verified", f"{NAMESPACE}email_verified"])
    @pytest.mark.parametrize(
        "value", [False, "False", "false", "0", "1", 1, 1.0, 0, "", "yes", " true", "true,", [], [True], {}, {"a": 1}]
    )
    def test_other_claim_values_do_not_verify_an_address(
        self, app_with: Callable[..., Flask], name: str, value: Any
    ) -> None:
        assert billing_email(app_with(email_verified_default=True), **{name: value}) is None

    def test_null_claim_does_not_verify_an_address(self, app_with: Callable[..., Flask]) -> None:
        claims = {"email": "ann@harbour.example", "email_verified": None}
        caller = Caller(app_with(email_verified_default=True), by_hand(claims))
        assert not open_customer(caller, "A")["billing_email"]

    def test_of_two_claims_both_have_to_say_so(self, app: Flask) -> None:
        assert billing_email(app, **{"email_verified": True, f"{NAMESPACE}email_verified": False}) is None

    def test_a_claim_that_only_ends_alike_is_another(self, app: Flask) -> None:
        assert billing_email(app, not_email_verified=True) is None

    @pytest.mark.parametrize(("default", "found"), [(True, "ann@harbour.example"), (False, None)])
    def test_a_missing_claim_follows_the_setting(
        self, app_with: Callable[..., Flask], default: bool, found: str | None
    ) -> None:
        assert billing_email(app_with(email_verified_default=default)) == found


class TestOwnerOfIdempotencyKeys:
    """One key, sent by two callers: the second one's request is another's only if they are the same caller."""

    def statuses(self, app: Flask, *callers: dict[str, Any]) -> list[int]:
        return [
            Caller(app, signed(roles=["administrator"], **claims))
            .call("POST", CLIENTS, {"name": f"Client {number}"}, Idempotency_Key="k")
            .status_code
            for number, claims in enumerate(callers)
        ]

    @pytest.mark.parametrize(
        "others",
        [
            {"sub": None, "azp": "x"},
            {"sub": None, "client_id": "x"},
            {"sub": "x", "gty": "client-credentials"},
            {"sub": "x", "iss": "https://other.example/"},
            {"sub": "X"},
            {"sub": "x", "iss": "x"},
        ],
        ids=str,
    )
    def test_another_issuer_subject_or_kind_is_another_owner(self, app: Flask, others: dict[str, Any]) -> None:
        assert self.statuses(app, {"sub": "x"}, others) == [201, 201]

    def test_what_stands_in_one_part_never_counts_for_another(self, app: Flask) -> None:
        assert self.statuses(app, {"sub": "bc", "iss": "a"}, {"sub": "c", "iss": "ab"}) == [201, 201]

    @pytest.mark.parametrize(
        "claims",
        [
            {"sub": "x", "iss": "https://us.example/"},
            {"sub": None, "azp": "x"},
            {"sub": "x" * 255, "iss": "é" * 255},
            {"sub": "robot@clients"},
        ],
        ids=["person", "machine", "long", "subject of a machine"],
    )
    def test_another_token_of_the_same_caller_shares_them(self, app: Flask, claims: dict[str, Any]) -> None:
        assert self.statuses(app, claims, {**claims, "jti": "another"}) == [201, 422]


def oddities() -> Iterator[dict[str, Any]]:
    for name in CLAIMS:
        for value in ODD_VALUES:
            yield {name: value}
            yield {f"{NAMESPACE}{name}": value, "email": "ann@harbour.example"}


def test_claims_of_any_type_are_understood_or_refused(app: Flask) -> None:
    answers = {}
    for claims in oddities():
        caller = Caller(app, by_hand({"scope": "read:client", **claims}))
        for method, path, body in (("GET", CLIENTS, None), ("POST", ACCOUNT, {"name": "A"})):
            answer = caller.call(method, path, body)
            answers[str(claims), path] = answer.status_code
            if answer.status_code >= 400:
                error(answer, answer.status_code)
    assert len(answers) > 1000
    assert {each: status for each, status in answers.items() if status not in {200, 201, 401, 403, 409}} == {}
    assert set(answers.values()) >= {200, 201, 401, 403}
