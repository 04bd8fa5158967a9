"""The life of an account: suspended, resumed, closed, and what each status lets happen."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.credits import audit, plans
from app.db.base import db
from app.db.transaction import transaction
from tests.caller import TEN_YEARS, Caller, data, error
from tests.factories.customers import CREDITS, TEAM, credits_of, join, open_customer, spend
from tests.factories.purchases import PACKAGES, approve, buy, packages_for_sale

SETTINGS = "/v1/account/settings/"
DESK = "/v1/admin/accounts"
BECAUSE = {"reason": "Unpaid since March"}
REFUSED = {"suspended": "account_suspended", "closed": "account_closed"}
As = Callable[..., Caller]


def act(staff: Caller, account_id: int, action: str, status: int = 200) -> Any:
    return data(staff.post(f"{DESK}/{account_id}/{action}/", BECAUSE), status)


def reach(staff: Caller, account_id: int, status: str) -> None:
    """Bring an active account to a status."""
    if status != "active":
        act(staff, account_id, {"suspended": "suspend", "closed": "close"}[status])


class TestChanges:
    def test_only_staff_and_their_machines_may(self, customer: Caller, customer_id: int, as_caller: As) -> None:
        path = f"{DESK}/{customer_id}/suspend/"
        error(customer.post(path, BECAUSE), 403, "forbidden")
        error(as_caller(scopes=("read:accounts", "spend:credits")).post(path, BECAUSE), 403, "forbidden")
        data(as_caller(scopes=("manage:accounts",)).post(path, BECAUSE))

    @pytest.mark.parametrize("action", ["suspend", "resume", "close", "plan"])
    def test_an_unknown_account_is_not_found(self, admin: Caller, action: str) -> None:
        more = {"plan": "Free", "from": "now"} if action == "plan" else {}
        error(admin.post(f"{DESK}/987654/{action}/", {**BECAUSE, **more}), 404, "not_found")

    @pytest.mark.parametrize("body", [None, {}, {"reason": " "}, {"reason": 7}, {"reason": "x", "status": "closed"}])
    def test_a_reason_is_required(self, admin: Caller, customer_id: int, body: Any) -> None:
        error(admin.post(f"{DESK}/{customer_id}/close/", body), 400)

    def test_an_account_is_suspended_and_resumed(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        assert data(customer.get(SETTINGS))["status"] == "active"
        error(admin.post(f"{DESK}/{customer_id}/resume/", BECAUSE), 409, "conflict")
        assert act(admin, customer_id, "suspend")["status"] == "suspended"
        error(admin.post(f"{DESK}/{customer_id}/suspend/", BECAUSE), 409, "conflict")
        assert data(customer.get(SETTINGS))["status"] == "suspended"
        assert act(admin, customer_id, "resume")["status"] == "active"
        history = data(customer.get("/v1/account/history/"))["results"]
        changes = [(each["before"], each["after"], each["reason"], each["actor"]) for each in history[:2]]
        resumed, suspended = {"status": "active"}, {"status": "suspended"}
        assert changes == [
            (suspended, resumed, BECAUSE["reason"], "admin"),
            (resumed, suspended, BECAUSE["reason"], "admin"),
        ]
        spend(customer, 1)

    def test_a_closed_account_stays_closed(self, admin: Caller, customer_id: int) -> None:
        assert act(admin, customer_id, "close")["status"] == "closed"
        for action in ("suspend", "resume", "close"):
            error(admin.post(f"{DESK}/{customer_id}/{action}/", BECAUSE), 403, "account_closed")
        listed = data(admin.get(f"{DESK}/?status=closed"))["results"]
        assert [each["id"] for each in listed] == [customer_id]

    def test_others_go_on(self, admin: Caller, customer: Caller, customer_id: int, as_caller: As) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        act(admin, customer_id, "close")
        spend(other, 3)
        assert (credits_of(other), credits_of(customer)) == (97, 100)

    def test_the_owner_of_a_closed_account_opens_another(
        self, admin: Caller, customer: Caller, customer_id: int
    ) -> None:
        error(customer.post("/v1/account/", {"name": "Again"}), 409, "conflict")
        act(admin, customer_id, "close")
        opened = open_customer(customer, "Again")
        memberships = data(customer.get("/v1/account/memberships/"))["results"]
        assert {each["account_id"]: each["account_status"] for each in memberships} == {
            customer_id: "closed",
            opened["id"]: "active",
        }
        assert data(customer.get(SETTINGS, X_Account_Id=str(opened["id"])))["name"] == "Again"


class TestClosing:
    def test_not_while_credits_are_held(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        held = hold(customer, 5)
        failure = error(admin.post(f"{DESK}/{customer_id}/close/", BECAUSE), 409, "account_busy")
        assert failure["details"] == {"holds": 1, "payments": 0, "disputes": 0}
        data(customer.post(f"{CREDITS}holds/{held}/release/", {}))
        act(admin, customer_id, "close")

    def test_a_hold_that_expired_is_no_obstacle(self, as_caller: As) -> None:
        owner = as_caller(user="owner", hours=TEN_YEARS)
        staff = as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            hold(owner, 5)
        with freeze_time("2031-03-10T13:00:00Z"):
            act(staff, account_id, "close")
            assert data(owner.get(f"{CREDITS}balance/"))["credits_held"] == 0

    def test_not_while_a_payment_is_open(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        payment = buy(customer)["payment"]["id"]
        failure = error(admin.post(f"{DESK}/{customer_id}/close/", BECAUSE), 409, "account_busy")
        assert failure["details"] == {"holds": 0, "payments": 1, "disputes": 0}
        approve(admin, payment)
        act(admin, customer_id, "close")


def hold(owner: Caller, amount: int, **more: Any) -> int:
    body = {"operation_type": "search", "amount": amount, "reference": "job-1", **more}
    return int(data(owner.post(f"{CREDITS}holds/", body), 201)["id"])


class Operation(NamedTuple):
    """A call to an account, and in which status it works."""

    name: str
    method: str
    path: str
    body: Any
    works: set[str]
    by_staff: bool = False


ALWAYS, UNTIL_CLOSED, ACTIVE = {"active", "suspended", "closed"}, {"active", "suspended"}, {"active"}
USE = {"operation_type": "search", "credits_used": 1}
HOLD = {"operation_type": "search", "amount": 1, "reference": "new"}
CAP = {"kind": "operation", "subject": "images", "period": "day", "credits": 90}
GRANT = {"account_id": "{account}", "amount": 5, "transaction_type": "grant", "description": "A gift"}
ADJUSTMENT = {**GRANT, "amount": -5, "transaction_type": "adjustment"}
PLAN = {"plan": "Free", "from": "now", **BECAUSE}
MATRIX = [
    Operation("reading the balance", "GET", f"{CREDITS}balance/", None, ALWAYS),
    Operation("reading settings", "GET", SETTINGS, None, ALWAYS),
    Operation("reading the team", "GET", TEAM, None, ALWAYS),
    Operation("spending", "POST", f"{CREDITS}usage/", USE, ACTIVE),
    Operation("spending in bulk", "POST", f"{CREDITS}usage/bulk/", [USE], ACTIVE),
    Operation("holding", "POST", f"{CREDITS}holds/", HOLD, ACTIVE),
    Operation("holding in bulk", "POST", f"{CREDITS}holds/bulk/", [HOLD], ACTIVE),
    Operation("buying", "POST", f"{PACKAGES}{{package}}/purchase/", {"payment_method": "manual"}, ACTIVE),
    Operation("taking a charge back", "POST", f"{CREDITS}usage/{{usage}}/reverse/", BECAUSE, UNTIL_CLOSED),
    Operation("setting a cap", "PUT", "/v1/account/caps/", CAP, UNTIL_CLOSED),
    Operation("removing a cap", "DELETE", "/v1/account/caps/{cap}/", None, UNTIL_CLOSED),
    Operation("changing settings", "PATCH", SETTINGS, {"billing_city": "Cork"}, UNTIL_CLOSED),
    Operation("inviting", "POST", TEAM, {"email": "new@harbour.example"}, UNTIL_CLOSED),
    Operation("changing a role", "PATCH", f"{TEAM}{{ann}}/", {"role": "admin"}, UNTIL_CLOSED),
    Operation("removing a member", "DELETE", f"{TEAM}{{ann}}/", None, UNTIL_CLOSED),
    Operation("granting", "POST", f"{CREDITS}grant/", GRANT, UNTIL_CLOSED, by_staff=True),
    Operation("adjusting", "POST", f"{CREDITS}grant/", ADJUSTMENT, UNTIL_CLOSED, by_staff=True),
    Operation("voiding a lot", "POST", f"{CREDITS}lots/{{lot}}/void/", BECAUSE, UNTIL_CLOSED, by_staff=True),
    Operation("assigning a plan", "POST", f"{DESK}/{{account}}/plan/", PLAN, UNTIL_CLOSED, by_staff=True),
    Operation("refunding", "POST", "/v1/billing/payments/{payment}/refund/", BECAUSE, UNTIL_CLOSED, by_staff=True),
    Operation("approving", "POST", "/v1/billing/payments/{cancelled}/approve/", None, UNTIL_CLOSED, by_staff=True),
]


@pytest.fixture
def ids(admin: Caller, customer: Caller, customer_id: int, as_caller: As) -> dict[str, int]:
    """What the account has that calls can be about."""
    join(customer, as_caller, "ann")
    cancelled = buy(customer)["payment"]["id"]
    data(customer.post(f"/v1/billing/payments/{cancelled}/cancel/", None))
    payment = buy(customer)["payment"]["id"]
    approve(admin, payment)
    return {
        "account": customer_id,
        "ann": data(customer.get(TEAM))["results"][0]["id"],
        "cap": data(customer.call("PUT", "/v1/account/caps/", {**CAP, "subject": "pages"}))["id"],
        "lot": data(customer.get(f"{CREDITS}lots/"))["results"][-1]["id"],
        "package": packages_for_sale(customer)["Starter Pack"],
        "cancelled": cancelled,
        "payment": payment,
        "usage": spend(customer, 2)["id"],
    }


@pytest.mark.parametrize("status", ["active", "suspended", "closed"])
@pytest.mark.parametrize("operation", MATRIX, ids=lambda each: each.name)
def test_what_each_status_lets_happen(
    admin: Caller, customer: Caller, ids: dict[str, int], operation: Operation, status: str
) -> None:
    reach(admin, ids["account"], status)
    body = operation.body
    if isinstance(body, dict) and body.get("account_id"):
        body = {**body, "account_id": ids["account"]}
    caller = admin if operation.by_staff else customer
    answer = caller.call(operation.method, operation.path.format_map(ids), body)
    if status in operation.works:
        assert answer.status_code in {200, 201}, answer.get_data()
        return
    if "bulk" in operation.path:
        (item,) = data(answer)
        assert (item["error"]["code"], item["error"]["reason"]) == (403, REFUSED[status])
    else:
        error(answer, 403, REFUSED[status])


class TestSuspension:
    def test_what_was_held_is_captured_also_beyond_and_released(
        self, admin: Caller, customer: Caller, customer_id: int
    ) -> None:
        first, second = hold(customer, 10, over_capture="available"), hold(customer, 10, reference="job-2")
        act(admin, customer_id, "suspend")
        captured = data(customer.post(f"{CREDITS}holds/{first}/capture/", {"amount": 12}))
        assert (captured["captured"], captured["available_after"]) == (12, 78)
        error(customer.patch(f"{CREDITS}holds/{second}/", {"amount": 11}), 403, "account_suspended")
        data(customer.patch(f"{CREDITS}holds/{second}/", {"amount": 9}))
        data(customer.post(f"{CREDITS}holds/{second}/release/", {}))
        assert credits_of(customer) == 88

    def test_a_charge_that_is_sent_again_is_answered_as_before(
        self, admin: Caller, customer: Caller, customer_id: int
    ) -> None:
        first = spend(customer, 3, key="k")
        act(admin, customer_id, "suspend")
        assert spend(customer, 3, key="k") == {**first, "balance_after": 97}
        error(customer.post(f"{CREDITS}usage/", {**USE, "key": "other"}), 403, "account_suspended")

    def test_a_payment_made_before_is_approved(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        payment = buy(customer)["payment"]["id"]
        act(admin, customer_id, "suspend")
        approve(admin, payment)
        assert credits_of(customer) > 100

    def test_months_that_begin_meanwhile_grant_nothing(self, app: Flask, as_caller: As) -> None:
        owner = as_caller(user="owner", hours=TEN_YEARS)
        staff = as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)
        with freeze_time("2031-01-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
        # February began before, though nobody posted it.
        with freeze_time("2031-02-10T12:00:00Z"):
            act(staff, account_id, "suspend")
        with freeze_time("2031-04-10T12:00:00Z"):
            assert credits_of(owner) == 200
            act(staff, account_id, "resume")
            assert credits_of(owner) == 200
        with freeze_time("2031-05-01T00:00:00Z"):
            assert credits_of(owner) == 300
            spend(owner, 1)
        with app.app_context():
            assert list(audit.differences()) == []


class TestWhoBuys:
    def test_owners_and_admins_unless_the_account_says_all(self, customer: Caller, as_caller: As) -> None:
        ann, bob = join(customer, as_caller, "ann"), join(customer, as_caller, "bob", "admin")
        path = f"{PACKAGES}{packages_for_sale(customer)['Starter Pack']}/purchase/"
        assert data(customer.get(SETTINGS))["members_may_buy"] is False
        failure = error(ann.post(path, {"payment_method": "manual"}), 403, "forbidden")
        assert failure["details"]["roles"] == ["owner", "admin"]
        buy(bob)
        data(customer.patch(SETTINGS, {"members_may_buy": True}))
        buy(ann)


class TestReadOnlySettings:
    def test_what_was_read_can_be_sent_back(self, customer: Caller) -> None:
        known = data(customer.get(SETTINGS))
        assert data(customer.patch(SETTINGS, known)) == known

    @pytest.mark.parametrize(("name", "value"), [("status", "suspended"), ("plan", "Team")])
    def test_and_not_otherwise(self, customer: Caller, name: str, value: str) -> None:
        failure = error(customer.patch(SETTINGS, {name: value}), 400, "invalid_input")
        assert failure["details"] == {"json": {name: ["Cannot be changed."]}}


class TestPlans:
    @pytest.fixture
    def owner(self, app: Flask, as_caller: As) -> Caller:
        with app.app_context(), transaction():
            plans.put("Team", 500, Decimal("0.02"), default=False)
            plans.put("Monthly", 300, Decimal("0.03"), "none", default=False)
        return as_caller(user="owner", hours=TEN_YEARS)

    @pytest.fixture
    def staff(self, as_caller: As) -> Caller:
        return as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)

    def put(self, staff: Caller, account_id: int, plan: Any, starts: str) -> Any:
        return data(staff.post(f"{DESK}/{account_id}/plan/", {"plan": plan, "from": starts, "reason": "A contract"}))

    def test_now_grants_the_difference_once(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            assert self.put(staff, account_id, "Team", "now")["plan"] == "Team"
            assert credits_of(owner) == 500
            newest = data(owner.get("/v1/billing/transactions/"))["results"][0]
            assert (newest["amount"], newest["description"]) == (400, "Team plan, March 2031")
            for plan in ("Free", "Team", "Monthly", "Team"):
                self.put(staff, account_id, plan, "now")
                assert credits_of(owner) == 500
            assert spend(owner, 1)["cost_usd"] == "0.02"
        with freeze_time("2031-04-01T00:00:00Z"):
            assert credits_of(owner) == 999

    def test_now_grants_once_what_the_plan_was_raised_by(self, app: Flask, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            self.put(staff, account_id, "Team", "now")
            with app.app_context(), transaction():
                plans.put("Team", 800, Decimal("0.02"), default=False)
            assert credits_of(owner) == 500
            for _ in range(2):
                self.put(staff, account_id, "Team", "now")
                assert credits_of(owner) == 800
        with freeze_time("2031-04-01T00:00:00Z"):
            assert credits_of(owner) == 1600

    @pytest.mark.usefixtures("owner")
    def test_first_credits_that_a_person_had_before_come_with_no_plan(self, staff: Caller, as_caller: As) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            one, two = (as_caller(user=name, email="ann@harbour.example", hours=TEN_YEARS) for name in ("one", "two"))
            assert open_customer(one)["credit_balance"] == 100
            account_id = open_customer(two)["id"]
            for plan, credits in (("Free", 0), ("Monthly", 200), ("Free", 200)):
                self.put(staff, account_id, plan, "now")
                assert credits_of(two) == credits

    def test_next_month_changes_nothing_before_the_first(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            assert self.put(staff, account_id, "Team", "next_month")["plan"] == "Free"
        with freeze_time("2031-03-31T23:59:59Z"):
            assert spend(owner, 1)["cost_usd"] == "0.01"
            assert data(owner.get(f"{CREDITS}balance/"))["plan_credits_per_month"] == 100
        with freeze_time("2031-04-01T00:00:00Z"):
            assert data(owner.get(SETTINGS))["plan"] == "Team"
            balance = data(owner.get(f"{CREDITS}balance/"))
            assert (balance["credits"], balance["plan_credits_per_month"]) == (599, 500)
            assert spend(owner, 1)["cost_usd"] == "0.02"

    def test_a_later_word_overtakes_an_earlier_one(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            self.put(staff, account_id, "Team", "next_month")
            self.put(staff, account_id, "Free", "now")
        with freeze_time("2031-04-01T00:00:00Z"):
            assert (data(owner.get(SETTINGS))["plan"], credits_of(owner)) == ("Free", 200)

    def test_the_difference_of_a_plan_without_rollover_ends_with_the_month(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            self.put(staff, open_customer(owner)["id"], "Monthly", "now")
            (expiring,) = data(owner.get(f"{CREDITS}balance/"))["expiring"]
            assert expiring == {"credits": 200, "expires_at": "2031-04-01T00:00:00.000Z"}

    def test_a_suspended_account_gets_no_difference(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            act(staff, account_id, "suspend")
            self.put(staff, account_id, "Team", "now")
            assert credits_of(owner) == 100

    def test_leaving_a_plan_and_coming_back_grants_no_month_that_was_missed(self, staff: Caller, owner: Caller) -> None:
        with freeze_time("2031-03-10T12:00:00Z"):
            account_id = open_customer(owner)["id"]
            self.put(staff, account_id, "Team", "now")
            act(staff, account_id, "suspend")
        with freeze_time("2031-04-05T12:00:00Z"):
            act(staff, account_id, "resume")
            for plan in ("Free", "Team", "Monthly", "Team"):
                self.put(staff, account_id, plan, "now")
                assert credits_of(owner) == 500
        with freeze_time("2031-05-01T00:00:00Z"):
            assert credits_of(owner) == 1000

    def test_a_plan_is_named_or_given_by_its_id(self, app: Flask, staff: Caller, owner: Caller) -> None:
        account_id = open_customer(owner)["id"]
        with app.app_context():
            team = db.session.execute(text("SELECT id FROM plans WHERE name = 'Team'")).scalar_one()
        assert self.put(staff, account_id, team, "now")["plan"] == "Team"
        for plan in ("Nope", 987654):
            body = {"plan": plan, "from": "now", **BECAUSE}
            error(staff.post(f"{DESK}/{account_id}/plan/", body), 400, "invalid_input")
