"""Who may call what under /v1: every operation by everyone who stands in some relation to an account."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.web.json import parse
from tests.caller import Caller, data
from tests.document import operations, served
from tests.factories.customers import Callers, invite, join, open_customer, spend
from tests.factories.purchases import buy, credit_note, packages_for_sale

PEOPLE = ("stranger", "invited", "member", "admin", "owner", "elsewhere")
MACHINES = ("machine", "granting machine", "staff")
ALL = (*PEOPLE, *MACHINES)
MEMBERS = {"member", "admin", "owner"}
MANAGERS = {"admin", "owner"}
STAFF = {"staff"}


class Call(NamedTuple):
    """An operation on the account of `owner`; `ids` names what stands in its path, `allowed` who gets through."""

    operation: str
    method: str
    path: str
    allowed: set[str]
    body: Any = None


CAP = {"kind": "member", "subject": "somebody", "period": "day", "credits": 10}
HOLD = {"operation_type": "search", "amount": 1, "reference": "new"}
KEY = {"name": "Worker", "scopes": ["read:account"]}
USAGE = {"operation_type": "search", "credits_used": 1}
CALLS = [
    Call("getCreditBalance", "GET", "/v1/billing/credits/balance/?account_id={account}", {*MEMBERS, "machine"}),
    Call(
        "getCreditBalanceByItsFirstAddress",
        "GET",
        "/v1/billing/credits/balance/balance/?account_id={account}",
        {*MEMBERS, "machine"},
    ),
    Call("listCreditTransactions", "GET", "/v1/billing/transactions/", MEMBERS),
    Call("listCreditUsage", "GET", "/v1/billing/credits/usage/", MEMBERS),
    Call("getCreditStatement", "GET", "/v1/billing/statements/?from=2031-01-01&to=2031-01-31", MEMBERS),
    Call("listCreditLots", "GET", "/v1/billing/credits/lots/", MEMBERS),
    Call("listLotsOfCreditTransaction", "GET", "/v1/billing/transactions/{transaction}/lots/", MEMBERS),
    Call("voidCreditLot", "POST", "/v1/billing/credits/lots/{lot}/void/", STAFF, {"reason": "By mistake"}),
    Call("listCreditHolds", "GET", "/v1/billing/credits/holds/?account_id={account}", {*MEMBERS, "machine"}),
    Call("getCreditHold", "GET", "/v1/billing/credits/holds/{hold}/?account_id={account}", {*MEMBERS, "machine"}),
    Call("holdCredits", "POST", "/v1/billing/credits/holds/", {*MANAGERS, "machine"}, "hold"),
    Call("holdCreditsBulk", "POST", "/v1/billing/credits/holds/bulk/", {*MANAGERS, "machine"}, "holds"),
    Call("captureCreditHold", "POST", "/v1/billing/credits/holds/{hold}/capture/", {*MANAGERS, "machine"}, "account"),
    Call(
        "captureCreditHoldsBulk", "POST", "/v1/billing/credits/holds/capture/bulk/", {*MANAGERS, "machine"}, "captures"
    ),
    Call("releaseCreditHold", "POST", "/v1/billing/credits/holds/{hold}/release/", {*MANAGERS, "machine"}, "account"),
    Call("updateCreditHold", "PATCH", "/v1/billing/credits/holds/{hold}/", {*MANAGERS, "machine"}, "change"),
    Call(
        "reverseCreditUsage", "POST", "/v1/billing/credits/usage/{usage}/reverse/", {*MANAGERS, "machine"}, "reversal"
    ),
    Call("listCreditCaps", "GET", "/v1/account/caps/", MANAGERS),
    Call("setCreditCap", "PUT", "/v1/account/caps/", MANAGERS, "cap"),
    Call("removeCreditCap", "DELETE", "/v1/account/caps/{cap}/", MANAGERS),
    Call("spendCredits", "POST", "/v1/billing/credits/usage/", {*MANAGERS, "machine"}, "usage"),
    Call("spendCreditsBulk", "POST", "/v1/billing/credits/usage/bulk/", {*MANAGERS, "machine"}, "usages"),
    Call("grantCredits", "POST", "/v1/billing/credits/grant/", {*STAFF, "granting machine"}, "grant"),
    Call("listCreditPackages", "GET", "/v1/billing/credit-packages/", MEMBERS),
    Call("purchaseCreditPackage", "POST", "/v1/billing/credit-packages/{package}/purchase/", MANAGERS, "purchase"),
    Call("listPaymentMethods", "GET", "/v1/billing/payment-methods/", MEMBERS),
    Call("listInvoices", "GET", "/v1/billing/invoices/", MEMBERS),
    Call("getInvoice", "GET", "/v1/billing/invoices/{invoice}/", MEMBERS),
    Call("getInvoicePdf", "GET", "/v1/billing/invoices/{invoice}/pdf/", MEMBERS),
    Call("listCreditNotes", "GET", "/v1/billing/credit-notes/", MEMBERS),
    Call("getCreditNote", "GET", "/v1/billing/credit-notes/{credit_note}/", MEMBERS),
    Call("getCreditNotePdf", "GET", "/v1/billing/credit-notes/{credit_note}/pdf/", MEMBERS),
    Call("listPayments", "GET", "/v1/billing/payments/", MEMBERS),
    Call("getPayment", "GET", "/v1/billing/payments/{payment}/", MEMBERS),
    Call("cancelPayment", "POST", "/v1/billing/payments/{payment}/cancel/", {*MANAGERS, "staff"}),
    Call("refundPayment", "POST", "/v1/billing/payments/{payment}/refund/", STAFF, {"reason": "x"}),
    Call("approvePayment", "POST", "/v1/billing/payments/{payment}/approve/", STAFF),
    Call("getAccountSettings", "GET", "/v1/account/settings/", MEMBERS),
    Call("updateAccountSettings", "PATCH", "/v1/account/settings/", MANAGERS, {"billing_city": "Cork"}),
    Call("listAccountAuditEntries", "GET", "/v1/account/audit/", MANAGERS),
    Call("getAccountHistory", "GET", "/v1/account/history/", MANAGERS),
    Call("listTeamMembers", "GET", "/v1/account/team/", MEMBERS),
    Call("getTeamMember", "GET", "/v1/account/team/{invitation}/", MEMBERS),
    Call("inviteTeamMember", "POST", "/v1/account/team/", MANAGERS, {"email": "new@harbour.example"}),
    Call("changeTeamMember", "PATCH", "/v1/account/team/{invitation}/", MANAGERS, {"role": "admin"}),
    Call("removeTeamMember", "DELETE", "/v1/account/team/{invitation}/", MANAGERS),
    Call("leaveAccount", "POST", "/v1/account/leave/", MEMBERS),
    Call("acceptInvitation", "POST", "/v1/account/invitations/{invitation}/accept/", {"invited"}),
    Call("declineInvitation", "POST", "/v1/account/invitations/{invitation}/decline/", {"invited"}),
    Call("listAccountApiKeys", "GET", "/v1/account/api-keys/", MANAGERS),
    Call("createAccountApiKey", "POST", "/v1/account/api-keys/", MANAGERS, KEY),
    Call("getAccountApiKey", "GET", "/v1/account/api-keys/{key}/", MANAGERS),
    Call("rotateAccountApiKey", "POST", "/v1/account/api-keys/{key}/rotate/", MANAGERS),
    Call("revokeAccountApiKey", "POST", "/v1/account/api-keys/{key}/revoke/", MANAGERS, {"reason": "Leaked"}),
    Call("listApiKeys", "GET", "/v1/admin/api-keys/?account_id={account}", STAFF),
    Call("createApiKey", "POST", "/v1/admin/api-keys/", STAFF, KEY | {"scopes": ["read:client"]}),
    Call("getApiKey", "GET", "/v1/admin/api-keys/{key}/", STAFF),
    Call("rotateApiKey", "POST", "/v1/admin/api-keys/{key}/rotate/", STAFF),
    Call("revokeApiKey", "POST", "/v1/admin/api-keys/{key}/revoke/", STAFF, {"reason": "Leaked"}),
    Call("getUsageAnalytics", "GET", "/v1/account/usage/analytics/", MEMBERS),
]
# Operations on what is the caller's own, whoever they are, and one that Stripe signs.
ELSEWHERE = {"openAccount", "listMemberships", "listInvitations", "receiveStripeEvent"}


class World(NamedTuple):
    """Everyone, and the ids of what belongs to the account of the owner."""

    callers: dict[str, Caller]
    account_id: int
    ids: dict[str, int]

    def call(self, call: Call, who: str, *, named: bool = False) -> TestResponse:
        bodies: dict[str, Any] = {
            "usage": {**USAGE, "account_id": self.account_id},
            "usages": [{**USAGE, "account_id": self.account_id}],
            "grant": {"account_id": self.account_id, "amount": 1, "transaction_type": "grant", "description": "x"},
            "purchase": {"payment_method": "manual"},
            "account": {"account_id": self.account_id},
            "reversal": {"account_id": self.account_id, "reason": "It failed"},
            "cap": CAP,
            "change": {"account_id": self.account_id, "amount": 2},
            "hold": {**HOLD, "account_id": self.account_id},
            "holds": [{**HOLD, "account_id": self.account_id}],
            "captures": [{"id": self.ids["hold"], "account_id": self.account_id}],
        }
        body = bodies[call.body] if isinstance(call.body, str) else call.body
        headers = {"X_Account_Id": str(self.account_id)} if named else {}
        return self.callers[who].call(call.method, call.path.format_map(self.ids), body, **headers)


@pytest.fixture
def world(customer: Caller, customer_id: int, as_caller: Callers) -> World:
    elsewhere = as_caller(user="elsewhere", email="elsewhere@a.example")
    open_customer(elsewhere, "Elsewhere")
    callers = {
        "stranger": as_caller(user="stranger", email="stranger@a.example"),
        "invited": as_caller(user="invited", email="invited@harbour.example"),
        "member": join(customer, as_caller, "member"),
        "admin": join(customer, as_caller, "admin", "admin"),
        "owner": customer,
        "elsewhere": elsewhere,
        "machine": as_caller(scopes=("spend:credits",), user="", azp="spender"),
        "granting machine": as_caller(scopes=("grant:credits",), user="", azp="granter"),
        "staff": as_caller(roles=("administrator",), user="staff"),
    }
    bought = buy(customer)
    ids = {
        "package": packages_for_sale(customer)["Starter Pack"],
        "invoice": bought["invoice"]["id"],
        "credit_note": credit_note(customer)["id"],
        "payment": bought["payment"]["id"],
        "transaction": data(customer.get("/v1/billing/transactions/"))["results"][0]["id"],
        "account": customer_id,
        "usage": spend(customer, 1)["id"],
        "cap": data(customer.call("PUT", "/v1/account/caps/", CAP))["id"],
        "hold": data(customer.post("/v1/billing/credits/holds/", {**HOLD, "reference": "old"}), 201)["id"],
        "lot": data(customer.get("/v1/billing/credits/lots/"))["results"][0]["id"],
        "key": data(customer.post("/v1/account/api-keys/", KEY), 201)["id"],
        "invitation": invite(customer, "invited@harbour.example")["id"],
    }
    return World(callers, customer_id, ids)


def is_through(answer: TestResponse) -> bool:
    """Whether the caller got what they asked for; in bulk, for every item. A conflict is not about who asks."""
    if answer.status_code == 409:
        return True
    if answer.status_code >= 400:
        assert answer.status_code in {400, 403, 404}, answer.get_data()
        return False
    if answer.mimetype != "application/json":
        return True
    found = parse(answer.get_data())["data"]
    return not (isinstance(found, list) and any("error" in each for each in found))


def test_every_operation_is_here(app: Flask) -> None:
    documented = {
        operation["operationId"]
        for path, _, operation in operations(served(app))
        # Those of the desk are in tests/desk.
        if path.startswith(("/v1/billing/", "/v1/account", "/v1/admin/api-keys"))
    }
    assert documented == {call.operation for call in CALLS} | ELSEWHERE


def gets_through(world: World, call: Call, who: str) -> bool:
    # Who has an account of their own reads and writes that: what they do to the other's account is what counts.
    return is_through(world.call(call, who, named=who == "elsewhere"))


@pytest.mark.parametrize("call", [call for call in CALLS if call.method != "GET"], ids=lambda call: call.operation)
def test_others_do_not_get_through(world: World, call: Call) -> None:
    assert [who for who in ALL if who not in call.allowed and gets_through(world, call, who)] == []


@pytest.mark.parametrize("call", [call for call in CALLS if call.method == "GET"], ids=lambda call: call.operation)
def test_who_may_reads(world: World, call: Call) -> None:
    assert [who for who in ALL if gets_through(world, call, who)] == [who for who in ALL if who in call.allowed]


@pytest.mark.parametrize(
    ("call", "who"),
    [(call, who) for call in CALLS if call.method != "GET" for who in ALL if who in call.allowed],
    ids=lambda value: value if isinstance(value, str) else value.operation,
)
def test_who_may_writes(world: World, call: Call, who: str) -> None:
    assert gets_through(world, call, who)


@pytest.mark.parametrize(
    "call", [call for call in CALLS if "{" in call.path and "package" not in call.path], ids=lambda call: call.operation
)
def test_ids_of_another_account_are_not_found(world: World, call: Call) -> None:
    assert world.call(call, "elsewhere").status_code in ({403} if call.allowed == STAFF else {404})


@pytest.mark.parametrize("who", ALL)
def test_naming_an_account_of_others_is_forbidden(
    world: World, who: str, app: Flask, token: Callable[..., str]
) -> None:
    answer = world.callers[who].get("/v1/account/settings/", X_Account_Id=str(world.account_id))
    assert answer.status_code == (200 if who in MEMBERS else 403)
    claimed = Caller(app, token(roles=(), user=who, account_id=world.account_id)).get("/v1/account/settings/")
    assert claimed.status_code == (200 if who in MEMBERS else 403)
