"""Who may call what: every operation of the document against every kind of caller.

What is expected is read from the sentence in which the document says whom an operation lets in; the guards are not
asked.
"""

import random
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from flask import Flask, g

from app.auth.actor import Actor
from app.auth.guards import Guard
from app.auth.permissions import Role
from app.customers import membership
from app.errors import Forbidden, Unauthorized
from bench.findings import Finding
from tests.api_keys.conftest import ACCOUNT_KEYS, issue
from tests.caller import Caller, data
from tests.conftest import Scale
from tests.document import address, example_body, operations, served
from tests.factories.customers import invite, join, open_customer, spend
from tests.factories.purchases import buy, credit_note
from tests.prove.conftest import Record

SEED = 20250307
# Operations that are meant to need no token.
PUBLIC = {"receiveStripeEvent"}
# What is tried last, as it changes what others may do: whoever has left belongs to no account any more.
ENDING = ("leaveAccount", "suspendAccount", "closeAccount", "eraseAccount")
# What keys of staff are for; the first scope is one of accounts, too, in which such a key acts as any machine.
STAFF_KEYS = ("spend:credits", "read:accounts", "all:client", "read:billing-account")
# What rules of the feature refuse: the first member is an owner, whom no admin changes, and members neither buy nor
# give up what others bought unless the account lets them.
REFUSED_BY_RULES = {
    ("admin", "changeTeamMember"),
    ("admin", "removeTeamMember"),
    ("member", "purchaseCreditPackage"),
    ("member", "cancelPayment"),
}
# What the document says of people who sign in, and which callers of this test that means.
SIGNED_IN = {
    "a member of the account": {"owner", "admin", "member"},
    "an owner or an admin of the account": {"owner", "admin"},
    # Those who have an account already are refused with 409, which is no question of who they are.
    "a person": {"anybody"},
}
_NEEDS = re.compile(
    r"Needs (?:a token of (?P<people>[a-z ]+)(?:; or the role (?P<staff>[`a-z ]+))?"
    r"|(?:the role|one of the roles) (?P<roles>[`a-z, ]+))"
    r"(?:; or, for machines, (?:the scope|one of the scopes) (?P<scopes>[`A-Za-z:, -]+))?"
    r"(?:; or an API key of the account with the scope `(?P<key>[a-z:]+)`)?\."
)
_WORD = re.compile(r"`([^`]+)`")
admit = Guard.admit
resolve = membership.resolve


class Operation(NamedTuple):
    """An operation, and the callers it says it lets in; None where it says nothing that can be understood."""

    name: str
    method: str
    address: str
    body: Any
    lets_in: frozenset[str] | None


class Kind(NamedTuple):
    """A kind of caller: what the document may call them, and their token or API key.

    With `alone`, each call has a new user.
    """

    name: str
    words: frozenset[str]
    claims: dict[str, Any] | None
    alone: bool = False
    key: str | None = None


Pair = tuple[Operation, Kind]


def let_in_by(description: str) -> frozenset[str] | None:
    """The words for those whom a description lets in, in the one paragraph that is about that."""
    found = next(filter(None, map(_NEEDS.fullmatch, description.split("\n\n"))), None)
    if found is None:
        return None
    words = {word for kind in ("roles", "staff", "scopes") for word in _WORD.findall(found[kind] or "")}
    if found["people"]:
        # A key of an account has its scopes in that account.
        words |= {f"{word} in the account" for word in (*words, found["key"] or "") if ":" in word}
        words |= SIGNED_IN[found["people"]]
    return frozenset(words)


@pytest.fixture
def document(app: Flask) -> Any:
    return served(app)


def required_query(operation: Any) -> str:
    """The query that an operation cannot do without, which is a period."""
    names = [each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query" and each["required"]]
    return "?" + "&".join(f"{name}=2025-01-01" for name in names) if names else ""


@pytest.fixture
def all_operations(document: Any) -> list[Operation]:
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            address(document, path) + required_query(operation),
            example_body(operation),
            let_in_by(operation["description"]) if operation["security"] == [{"bearer": []}] else None,
        )
        for path, method, operation in operations(document)
    ]


@pytest.fixture
def kinds(
    all_operations: list[Operation], customer: Caller, admin: Caller, as_caller: Callable[..., Caller]
) -> list[Kind]:
    """Every kind of caller: roles, scopes, the people of an account, keys, and those who should get nowhere."""
    people = {"owner": {"user": "owner"}}
    for role in ("admin", "member"):
        join(customer, as_caller, role, role)
        people[role] = {"user": role}
    open_customer(as_caller(user="other"), "Other")
    account_id = data(customer.get("/v1/account/settings/"))["id"]
    named = frozenset().union(*(operation.lets_in or () for operation in all_operations))
    scopes = sorted(word for word in named if ":" in word and " " not in word)
    assert len(scopes) > 10
    # The first is the one that operations with its id act on.
    of_account = ["read:account", "read:account", "spend:credits"]
    _, *keys = [(scope, issue(customer, scope, path=ACCOUNT_KEYS)["key"]) for scope in of_account]
    assert all(issued_by in named for issued_by in ("read:account in the account", "spend:credits in the account"))
    return [
        Kind("without a token", frozenset(), None),
        Kind("with an expired token", frozenset(), {"roles": ["administrator"], "user": "owner", "hours": -1}),
        Kind("in another's account", frozenset({"anybody"}), {"user": "other", "account_id": account_id}),
        Kind("with neither role nor scope", frozenset({"anybody"}), {}, alone=True),
        Kind(
            "with words that mean nothing",
            frozenset({"anybody"}),
            {"roles": ["admin", "owner", "*"], "scopes": ["administrator", "all:*", "read:everything", "read:account"]},
            alone=True,
        ),
        *(Kind(role, frozenset({role, "anybody"}), {"roles": [role]}, alone=True) for role in Role),
        *(Kind(scope, frozenset({scope, "anybody"}), {"scopes": [scope]}, alone=True) for scope in scopes),
        *(Kind(role, frozenset({role, "anybody"}), claims) for role, claims in people.items()),
        # Scopes of keys are those of tokens: some stand for all.
        *(Kind(f"key: {scope}", frozenset({scope}), {}, key=issue(admin, scope)["key"]) for scope in STAFF_KEYS),
        *(Kind(f"account's key: {scope}", frozenset({f"{scope} in the account"}), {}, key=key) for scope, key in keys),
    ]


def expected(operation: Operation, kind: Kind) -> str | None:
    """The reason of the refusal; None where the caller is let in, whatever becomes of the request then."""
    if operation.name in PUBLIC:
        return None
    if not kind.words:
        return "unauthorized"
    lets_in = operation.lets_in or frozenset()
    if (kind.name, operation.name) in REFUSED_BY_RULES:
        return "forbidden"
    if kind.words & lets_in:
        return None
    if kind.key is not None:
        return "no_account" if "anybody" in lets_in else "forbidden"
    return "no_account" if "owner" in lets_in and "member" not in kind.words else "forbidden"


@pytest.fixture
def mismatches(app: Flask, token: Callable[..., str]) -> Callable[[Iterable[Pair]], list[Any]]:
    """Makes the calls, and says which were answered otherwise than the document has it."""

    def refusal(operation: Operation, kind: Kind) -> str | None:
        user = {"user": f"{kind.name} at {operation.name}"} if kind.alone else {}
        bearer = kind.key
        if bearer is None and kind.claims is not None:
            bearer = token(**{"roles": (), **kind.claims, **user})
        answer = Caller(app, bearer).call(operation.method, operation.address, operation.body)
        if answer.status_code in {401, 403} or answer.status_code >= 500:
            reason: str = app.json.loads(answer.get_data())["error"]["reason"]
            # The status of an account is no question of who asks.
            return None if reason in {"account_suspended", "account_closed"} else reason
        return None

    def make(pairs: Iterable[Pair]) -> list[Any]:
        found = [(operation, kind, refusal(operation, kind)) for operation, kind in pairs]
        return [
            (operation.name, kind.name, reason)
            for operation, kind, reason in found
            if reason != expected(operation, kind)
        ]

    return make


def admit_everybody(guard: Guard) -> None:
    """The guard without its decision: who has no usable token is let in as nobody."""
    g.actor = Actor(subject="?", user_id=None, handle=None, email=None, roles=frozenset(), scopes=frozenset())
    with suppress(Unauthorized, Forbidden):
        admit(guard)


def test_every_operation_says_whom_it_lets_in(all_operations: list[Operation]) -> None:
    assert {operation.name for operation in all_operations if not operation.lets_in} == PUBLIC
    assert len(all_operations) > 50


def test_roles_and_scopes_named_in_the_document_are_those_that_are_let_in(
    all_operations: list[Operation],
    kinds: list[Kind],
    mismatches: Callable[[Iterable[Pair]], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    scale: Scale,
    record: Record,
) -> None:
    pairs = [(operation, kind) for operation in all_operations for kind in kinds]
    always = [pair for pair in pairs if pair[1].name in {"without a token", "with neither role nor scope"}]
    rest = [pair for pair in pairs if pair not in always]
    tried = always + random.Random(SEED).sample(rest, scale(len(rest), 250))
    tried.sort(key=lambda pair: ENDING.index(pair[0].name) if pair[0].name in ENDING else -1)
    wrong = mismatches(tried)
    with monkeypatch.context() as patch:
        patch.setattr(Guard, "admit", admit_everybody)
        unguarded = mismatches(tried if scale(1, 0) else always)
    assert wrong == []
    # Of customers the membership decides, too.
    assert len(unguarded) > len(all_operations) // 2
    record(
        Finding(
            check="Roles and scopes admitted are those the document names",
            done=f"{len(all_operations)} operations by {len(kinds)} kinds of callers: {len(tried)} calls",
            wrong=len(wrong),
            control=f"{len(unguarded)} mismatches",
            seed=SEED,
            also=f"operations without a guard: 0, but for {', '.join(sorted(PUBLIC))}",
        )
    )


@pytest.fixture
def calls_with_their_ids(document: Any, customer: Caller) -> list[tuple[str, str, Any]]:
    """Every operation on a customer's own account that takes an id, with those of one customer."""
    member = invite(customer, "ann@harbour.example")
    bought = buy(customer)
    cap = {"kind": "member", "subject": "ann", "period": "day", "credits": 10}
    hold = {"operation_type": "search", "amount": 1, "reference": "job"}
    held = data(customer.post("/v1/billing/credits/holds/", hold), 201)
    (transaction,) = data(customer.get("/v1/billing/transactions/"))["results"]
    ids = {
        "memberId": member["id"],
        "invoiceId": bought["invoice"]["id"],
        "creditNoteId": credit_note(customer)["id"],
        "paymentId": bought["payment"]["id"],
        "transactionId": transaction["id"],
        "holdId": held["id"],
        "usageId": spend(customer, 5)["id"],
        "keyId": issue(customer, "read:account", path=ACCOUNT_KEYS)["id"],
        "capId": data(customer.call("PUT", "/v1/account/caps/", cap))["id"],
    }
    theirs = {name: str(value) for name, value in ids.items()}
    # Everybody buys the same packages, and an invitation belongs to a person.
    shared = {"packageId", "invitationId"}
    spending = {
        "operation_type": "search",
        "credits_used": 1,
        "account_id": data(customer.get("/v1/account/settings/"))["id"],
    }
    usage = "/v1/billing/credits/usage"
    calls: list[tuple[str, str, Any]] = [("POST", usage, spending), ("POST", f"{usage}/bulk?atomic=true", [spending])]
    for path, method, operation in operations(document):
        if any(people in operation["description"] for people in SIGNED_IN):
            names = {parameter["name"] for parameter in document["paths"][path].get("parameters", [])} - shared
            assert names <= theirs.keys(), f"{path} takes an id that this test knows nothing of"
            if names:
                body = example_body(operation)
                if isinstance(body, dict) and "account_id" in body:
                    body = {**body, "account_id": spending["account_id"]}
                calls.append((method.upper(), address(document, path, **theirs), body))
    assert len(calls) > len(theirs) + 1
    # What is deleted is not there for the others.
    return sorted(calls, key=lambda call: call[0] == "DELETE")


def test_ids_of_another_customer_are_not_found(
    calls_with_their_ids: list[tuple[str, str, Any]],
    as_caller: Callable[..., Caller],
    monkeypatch: pytest.MonkeyPatch,
    record: Record,
) -> None:
    other = as_caller(user="other")
    open_customer(other, "Other")
    statuses = [other.call(*call).status_code for call in calls_with_their_ids]
    monkeypatch.setattr(
        membership, "resolve", lambda actor, *roles, **how: resolve(replace(actor, user_id="owner"), *roles, **how)
    )
    unguarded = [other.call(*call).status_code for call in calls_with_their_ids]
    assert {status for status in unguarded if status >= 400} == set()
    record(
        Finding(
            check="Ids of another customer are not found",
            done=f"{len(statuses)} operations with ids of one customer, called by another",
            wrong=sum(status != 404 for status in statuses),
            control=f"{sum(status < 400 for status in unguarded)} answered when the caller's account is mistaken",
        )
    )
