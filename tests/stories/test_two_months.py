"""Two months of a customer, from the first sign-in until nothing but the invoices names them."""

from decimal import Decimal
from typing import Any

from freezegun import freeze_time

from cli.credits import grant_all_months
from tests.api_keys.conftest import ACCOUNT_KEYS
from tests.caller import Caller, data, error
from tests.factories.customers import CREDITS, accept, invite, open_customer, spend
from tests.factories.purchases import PACKAGES, PAYMENTS, buy, packages_for_sale
from tests.stories.conftest import DESK, INVOICES, Vendor

SETTINGS = "/v1/account/settings/"
ADDRESS = {"billing_country": "Ireland", "billing_address_line1": "1 Quay Street"}


def hold(caller: Caller, amount: int, reference: str, **more: Any) -> Any:
    body = {"operation_type": "search", "amount": amount, "reference": reference, "expires_in": 604_800, **more}
    return caller.post(f"{CREDITS}holds/", body)


def capture(caller: Caller, held: Any, amount: int, *, final: bool) -> Any:
    return data(caller.post(f"{CREDITS}holds/{held['id']}/capture/", {"amount": amount, "final": final}))


class Story:
    """The chapters, in order."""

    def __init__(self, vendor: Vendor, days: Any) -> None:
        self.days = days
        self.vendor, self.staff, self.owner = vendor, vendor.staff, vendor.owner
        self.kim = vendor.person("kim")
        self.account_id = 0
        self.worker = vendor.owner
        self.card: Any = None
        self.second: Any = None
        self.transfer: Any = None

    def desk(self, action: str, **more: str) -> Any:
        return data(self.staff.post(f"{DESK}{self.account_id}/{action}/", {"reason": "A word", **more}))

    def opens_an_account(self) -> None:
        self.account_id = open_customer(self.owner)["id"]
        data(self.owner.patch(SETTINGS, ADDRESS))
        accept(self.kim, invite(self.owner, "kim@harbour.example", "admin")["id"])
        for name, credits, rollover in (("Team", 500, "all"), ("Monthly", 300, "none")):
            body = {"name": name, "credits_per_month": credits, "price_per_credit": "0.02", "rollover": rollover}
            data(self.staff.post("/v1/admin/plans/", body), 201)
        short = {"name": "Short Pack", "credits": 200, "price": "4.00", "expires_after_days": 30}
        data(self.staff.post("/v1/admin/packages/", short), 201)
        assert self.vendor.balance() == (100, 0, 0, 0)

    def buys_by_card(self) -> None:
        self.days.move_to("2031-03-05T10:00:00Z")
        self.card = self.vendor.buy_by_card()
        assert (self.card["amount"], self.card["invoice_id"]) == ("11.07", None)
        intent = self.card["gateway_reference"]
        self.vendor.confirm(intent)
        assert self.vendor.tell("payment_intent.succeeded", self.vendor.gateway.intents[intent])
        assert self.vendor.balance() == (600, 0, 0, 0)

    def buys_by_transfer(self) -> None:
        bought = buy(self.kim, "Short Pack")
        self.vendor.check()
        self.days.move_to("2031-03-06T10:00:00Z")
        named = bought["invoice"]["invoice_number"]
        (waiting,) = data(self.staff.get(f"/v1/admin/payments/?status=pending&invoice_number={named}"))["results"]
        assert (waiting["id"], waiting["account_id"], waiting["created_by"]) == (
            *(bought["payment"]["id"], self.account_id),
            "kim",
        )
        path, received = f"{PAYMENTS}{waiting['id']}/approve/", {"received_amount": "4.50"}
        error(self.staff.post(path, received), 409, "amount_mismatch")
        approved = data(self.staff.post(path, {**received, "accept_difference": True, "reason": "Bank charges"}))
        self.vendor.receive(approved)
        assert self.vendor.balance() == (800, 0, 0, 0)

    def spends_by_key(self) -> None:
        self.days.move_to("2031-03-08T10:00:00Z")
        made = data(self.owner.post(ACCOUNT_KEYS, {"name": "Worker", "scopes": ["read:account", "spend:credits"]}), 201)
        self.worker = Caller(self.vendor.app, made["key"])
        cap = {"kind": "key", "subject": str(made["id"]), "period": "month", "credits": 150}
        data(self.owner.call("PUT", "/v1/account/caps/", cap))
        spend(self.worker, 100)
        use = {"operation_type": "search", "credits_used": 60}
        assert error(self.worker.post(f"{CREDITS}usage/", use), 402, "cap_reached")["details"]["used"] == 100
        held = data(hold(self.worker, 50, "job-1"), 201)
        error(hold(self.worker, 1, "job-2"), 402, "cap_reached")
        capture(self.worker, held, 20, final=False)
        self.vendor.check()
        capture(self.worker, held, 10, final=True)
        (cap,) = data(self.owner.get("/v1/account/caps/"))["results"]
        assert (cap["used"], self.vendor.balance()) == (130, (670, 0, 0, 0))

    def is_refunded_in_part(self) -> None:
        self.days.move_to("2031-03-12T10:00:00Z")
        self.vendor.gateway.refunds_are = "pending"
        path = f"{PAYMENTS}{self.card['id']}/refund/"
        assert data(self.staff.post(path, {"amount": "3.00", "reason": "Too slow"}))["status"] == "refunding"
        self.vendor.check()
        self.vendor.gateway.refunds_are = "succeeded"
        (made,) = self.vendor.gateway.refunds.values()
        made["status"] = "succeeded"
        self.days.move_to("2031-03-14T10:00:00Z")
        assert self.vendor.tell("refund.updated", made)
        (note,) = data(self.owner.get("/v1/billing/credit-notes/"))["results"]
        assert (note["credit_note_number"], note["total_amount"]) == ("CN-2031-001", "3.00")
        assert self.vendor.balance() == (535, 0, 0, 0)

    def changes_plan(self) -> None:
        self.days.move_to("2031-03-20T10:00:00Z")
        assert self.desk("plan", plan="Team", **{"from": "now"})["plan"] == "Team"
        assert self.desk("plan", plan="Monthly", **{"from": "next_month"})["plan"] == "Team"
        assert self.vendor.balance() == (935, 0, 0, 0)

    def disputes(self) -> None:
        self.days.move_to("2031-03-25T10:00:00Z")
        spend(self.owner, 70 + 500 + 265)
        held = data(hold(self.kim, 40, "job-3"), 201)
        opened = self.vendor.dispute(self.card["gateway_reference"], 807)
        assert self.vendor.tell("charge.dispute.created", opened)
        assert self.vendor.balance() == (100, 40, 60, 0)
        error(hold(self.worker, 1, "job-4"), 402, "insufficient_credits")
        self.vendor.check()
        self.days.move_to("2031-03-27T10:00:00Z")
        opened["status"] = "lost"
        assert self.vendor.tell("charge.dispute.closed", opened)
        assert self.vendor.balance() == (40, 40, 0, 265)
        error(hold(self.worker, 1, "job-4"), 402, "account_in_debt")
        self.vendor.check()
        capture(self.kim, held, 25, final=True)
        assert self.vendor.balance() == (0, 0, 0, 290)
        paid = self.vendor.payment(self.card["id"])
        assert (paid["status"], paid["amount_refunded"], paid["amount_charged_back"]) == (
            "charged_back",
            "3.00",
            "8.07",
        )

    def begins_april(self) -> None:
        self.days.move_to("2031-04-01T00:00:00Z")
        assert self.vendor.balance() == (10, 0, 0, 0)
        self.vendor.check()
        with self.vendor.app.app_context():
            assert grant_all_months() == "Granted 300 credits for 1 months of accounts."
            assert grant_all_months() == "Granted 0 credits for 0 months of accounts."
        newest = data(self.owner.get("/v1/billing/transactions/"))["results"][:2]
        assert [(each["transaction_type"], each["amount"]) for each in newest] == [
            ("debt_payment", -290),
            ("grant", 300),
        ]
        assert self.vendor.balance() == (10, 0, 0, 0)

    def pays_a_cancelled_order(self) -> None:
        self.days.move_to("2031-04-03T10:00:00Z")
        bought = buy(self.owner)
        data(self.kim.post(f"{PAYMENTS}{bought['payment']['id']}/cancel/", None))
        self.vendor.check()
        self.days.move_to("2031-04-07T10:00:00Z")
        approved = data(self.staff.post(f"{PAYMENTS}{bought['payment']['id']}/approve/", {"received_amount": "11.07"}))
        assert approved["invoice_id"] != bought["invoice"]["id"]
        self.vendor.receive(approved)
        assert self.vendor.balance() == (510, 0, 0, 0)
        self.transfer = approved

    def is_suspended(self) -> None:
        self.days.move_to("2031-04-09T10:00:00Z")
        second = self.vendor.buy_by_card()
        held = data(hold(self.kim, 30, "job-5"), 201)
        self.desk("suspend")
        error(hold(self.worker, 1, "job-6"), 403, "account_suspended")
        error(
            self.worker.post(f"{CREDITS}usage/", {"operation_type": "x", "credits_used": 1}), 403, "account_suspended"
        )
        path = f"{PACKAGES}{packages_for_sale(self.owner)['Starter Pack']}/purchase/"
        for method in ("manual", "stripe"):
            error(self.owner.post(path, {"payment_method": method}), 403, "account_suspended")
        capture(self.worker, held, 10, final=False)
        self.days.move_to("2031-04-10T10:00:00Z")
        refunded = data(
            self.staff.post(f"{PAYMENTS}{self.transfer['id']}/refund/", {"amount": "1.00", "reason": "Goodwill"})
        )
        self.vendor.returned_by_transfer += Decimal("1.00")
        assert (refunded["status"], refunded["credits_refunded"]) == ("partially_refunded", 45)
        self.vendor.check()
        self.vendor.confirm(second["gateway_reference"])
        intent = self.vendor.gateway.intents[second["gateway_reference"]]
        assert self.vendor.tell("payment_intent.succeeded", intent)
        assert self.vendor.balance() == (510 - 10 - 45 + 500, 20, 0, 0)
        self.second = second
        self.vendor.check()
        self.days.move_to("2031-04-15T10:00:00Z")
        self.desk("resume")
        spend(self.worker, 5)

    def settles_and_closes(self) -> None:
        self.days.move_to("2031-04-16T09:00:00Z")
        ordered, card = buy(self.owner)["payment"], self.vendor.buy_by_card()
        opened = self.vendor.dispute(self.second["gateway_reference"], 500)
        assert self.vendor.tell("charge.dispute.created", opened)
        failure = error(self.staff.post(f"{DESK}{self.account_id}/close/", {"reason": "x"}), 409, "account_busy")
        assert failure["details"] == {"holds": 1, "payments": 2, "disputes": 1}
        self.vendor.check()
        (held,) = data(self.owner.get(f"{CREDITS}holds/?status=open"))["results"]
        data(self.worker.post(f"{CREDITS}holds/{held['id']}/release/", None))
        for payment in (ordered, card):
            assert data(self.owner.post(f"{PAYMENTS}{payment['id']}/cancel/", None))["status"] == "cancelled"
        opened["status"] = "won"
        assert self.vendor.tell("charge.dispute.closed", opened)
        assert self.vendor.balance() == (950, 0, 0, 0)
        assert self.desk("close")["status"] == "closed"

    def is_read_and_exported(self) -> None:
        self.days.move_to("2031-04-25T10:00:00Z")
        error(self.worker.post(f"{CREDITS}usage/", {"operation_type": "x", "credits_used": 1}), 403, "account_closed")
        assert data(self.worker.get(f"{CREDITS}balance/"))["credits"] == 950
        made = self.vendor.gateway.refund(self.second["gateway_reference"], 200)
        assert self.vendor.tell("refund.created", made)
        assert self.vendor.balance()[0] == 950 - 90
        found = data(self.staff.get(f"{DESK}{self.account_id}/export/"))
        assert sum(each["amount"] for each in found["transactions"]) == 950 - 90
        assert {each["email"] for each in found["team"]} == {"owner@harbour.example", "kim@harbour.example"}
        totals = [each["total_amount"] for each in data(self.staff.get(INVOICES))["results"]]
        assert sorted(each["total_amount"] for each in found["invoices"]) == sorted(totals)

    def is_erased(self) -> None:
        before = self.vendor.months()
        self.days.move_to("2031-05-02T10:00:00Z")
        self.vendor.check()
        self.vendor.erased = True
        assert self.desk("erase")["name"] == f"Erased account {self.account_id}"
        error(self.owner.get(SETTINGS), 403, "no_account")
        assert self.worker.get(f"{CREDITS}balance/").status_code == 401
        for invoice in data(self.staff.get(INVOICES))["results"]:
            assert data(self.staff.get(f"{INVOICES}{invoice['id']}/"))["account_name"] == "Harbour Studio"
        assert self.vendor.months()["2031-03"] == before["2031-03"]
        assert data(self.staff.get("/v1/admin/reports/receivables/"))["count"] == 0


CHAPTERS = (
    Story.opens_an_account,
    Story.buys_by_card,
    Story.buys_by_transfer,
    Story.spends_by_key,
    Story.is_refunded_in_part,
    Story.changes_plan,
    Story.disputes,
    Story.begins_april,
    Story.pays_a_cancelled_order,
    Story.is_suspended,
    Story.settles_and_closes,
    Story.is_read_and_exported,
    Story.is_erased,
)


def test_two_months_of_a_customer(vendor: Vendor) -> None:
    with freeze_time("2031-03-03T09:00:00Z") as days:
        story = Story(vendor, days)
        for chapter in CHAPTERS:
            chapter(story)
            vendor.check()
        vendor.check_everything_is_known()
