"""What becomes of credits whose money goes back at the gateway: frozen, taken, owed while held, and debt once spent."""

from itertools import permutations
from typing import Any

import pytest

from app.credits import audit as credit_audit
from app.purchases import audit
from tests.caller import data, error
from tests.purchases.conftest import Bought
from tests.slow_gateway import SlowGateway
from tests.stripe_events import event

CREDITS = "/v1/billing/credits/"
GIVEN, BOUGHT = 100, 500


@pytest.fixture(autouse=True)
def _sound_books(bought: Bought) -> Any:
    yield
    with bought.app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


def balance(bought: Bought) -> tuple[int, int, int, int, int]:
    """Credits, held, frozen, available and debt."""
    found = data(bought.customer.get(f"{CREDITS}balance/"))
    return tuple(
        found[f"{name}"] for name in ("credits", "credits_held", "credits_frozen", "credits_available", "debt")
    )


def types(bought: Bought) -> list[tuple[str, int]]:
    """The transactions after the purchase, oldest first."""
    page = data(bought.customer.get("/v1/billing/transactions/"))["results"]
    return [(each["transaction_type"], each["amount"]) for each in page[::-1][2:]]


def dispute(bought: Bought, status: str, event_id: str, cents: int = 900, name: str = "du_1") -> Any:
    about = {"id": name, "amount": cents, "status": status, "payment_intent": bought.intent}
    return event("charge.dispute.updated", event_id, **about)


def refund(bought: Bought, cents: int, status: str = "succeeded", event_id: str = "evt_r", name: str = "re_9") -> Any:
    about = {"id": name, "amount": cents, "status": status, "payment_intent": bought.intent}
    return event("refund.updated", event_id, **about)


def charge(bought: Bought, cents: int, event_id: str = "evt_c") -> Any:
    about = {"id": "ch_1", "amount": 900, "amount_refunded": cents, "payment_intent": bought.intent}
    return event("charge.refunded", event_id, **about)


def spend(bought: Bought, credits: int) -> Any:
    body = {"operation_type": "search", "credits_used": credits}
    return bought.customer.post(f"{CREDITS}usage/", body)


def hold(bought: Bought, amount: int, reference: str = "job") -> Any:
    body = {"amount": amount, "operation_type": "search", "reference": reference, "over_capture": "available"}
    return bought.customer.post(f"{CREDITS}holds/", body)


def end(bought: Bought, held: Any, how: str, **body: Any) -> Any:
    return data(bought.customer.post(f"{CREDITS}holds/{held['id']}/{how}/", body or None))


def grant(bought: Bought, amount: int, kind: str = "grant") -> Any:
    body = {"account_id": bought.payment()["account_id"], "amount": amount, "transaction_type": kind}
    return data(bought.staff.post(f"{CREDITS}grant/", {**body, "description": "Goodwill"}), 201)


class TestFrozen:
    def test_open_dispute_freezes_what_is_left(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        bought.tell(dispute(bought, "needs_response", "evt_1"))
        assert balance(bought) == (300, 0, 300, 0, 0)
        failure = error(spend(bought, 1), 402, "insufficient_credits")
        assert failure["details"] == {"available": 0, "requested": 1}
        error(hold(bought, 1), 402, "insufficient_credits")
        grant(bought, 5)
        assert data(spend(bought, 5), 201)["balance_after"] == 300
        bought.tell(dispute(bought, "won", "evt_2"))
        assert balance(bought) == (300, 0, 0, 300, 0)
        data(spend(bought, 300), 201)

    def test_dispute_of_a_part_freezes_its_share_of_what_is_left(self, bought: Bought) -> None:
        bought.spend(GIVEN + 100)
        bought.tell(dispute(bought, "needs_response", "evt_1", 450))
        assert balance(bought) == (400, 0, 200, 200, 0)
        bought.tell(dispute(bought, "needs_response", "evt_2", 225, "du_2"))
        assert balance(bought) == (400, 0, 300, 100, 0)
        bought.tell(dispute(bought, "won", "evt_3", 450))
        assert bought.payment()["status"] == "disputed"
        assert balance(bought) == (400, 0, 100, 300, 0)
        bought.tell(dispute(bought, "won", "evt_4", 225, "du_2"))
        assert balance(bought) == (400, 0, 0, 400, 0)

    def test_what_a_hold_gives_back_meanwhile_is_frozen_too(self, bought: Bought) -> None:
        held = data(hold(bought, GIVEN + 200), 201)
        bought.tell(dispute(bought, "needs_response", "evt_1"))
        assert balance(bought) == (600, 300, 300, 0, 0)
        end(bought, held, "release")
        assert balance(bought) == (600, 0, 500, 100, 0)
        bought.tell(dispute(bought, "won", "evt_2"))
        assert balance(bought) == (600, 0, 0, 600, 0)

    def test_lots_show_what_is_frozen(self, bought: Bought) -> None:
        bought.tell(dispute(bought, "needs_response", "evt_1"))
        (lot, *_) = data(bought.customer.get(f"{CREDITS}lots/"))["results"]
        assert (lot["remaining"], lot["frozen"], lot["status"]) == (500, 500, "active")

    def test_refund_at_the_gateway_takes_frozen_credits_too(self, bought: Bought) -> None:
        bought.tell(dispute(bought, "needs_response", "evt_1"))
        bought.tell(refund(bought, 450))
        assert balance(bought) == (350, 0, 250, 100, 0)
        bought.tell(dispute(bought, "won", "evt_2"))
        assert balance(bought) == (350, 0, 0, 350, 0)

    def test_dispute_that_lasts_keeps_credits_from_a_refund(self, bought: Bought) -> None:
        bought.tell(dispute(bought, "needs_response", "evt_1", 100))
        error(bought.refund({"amount": "1.00"}), 409, "conflict")


class TestDebt:
    def test_lost_dispute_takes_what_is_left_and_makes_debt_of_the_rest(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        grant(bought, 40)
        bought.tell(dispute(bought, "lost", "evt_1"))
        assert balance(bought) == (40, 0, 0, 40, 200)
        assert types(bought) == [("deduction", -300), ("grant", 40), ("chargeback", -300)]
        assert bought.payment()["credits_refunded"] == 500

    def test_debt_stops_what_is_new(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        held = data(hold(bought, 10), 201)
        bought.tell(refund(bought, 900))
        grant(bought, 150)
        for answer in (spend(bought, 1), hold(bought, 1, "new")):
            assert error(answer, 402, "account_in_debt")["details"] == {"debt": 50}
        items = [{"operation_type": "search", "credits_used": 1}]
        (item,) = data(bought.customer.post(f"{CREDITS}usage/bulk/", items))
        assert item["error"]["reason"] == "account_in_debt"
        error(bought.customer.patch(f"{CREDITS}holds/{held['id']}/", {"amount": 11}), 402, "account_in_debt")
        data(bought.customer.patch(f"{CREDITS}holds/{held['id']}/", {"amount": 9}))
        assert data(hold(bought, 10))["amount"] == 9

    def test_debt_stops_no_capture_release_or_purchase(self, bought: Bought) -> None:
        grant(bought, 50)
        held, other = data(hold(bought, 20), 201), data(hold(bought, 20, "other"), 201)
        bought.spend(GIVEN + 50 - 40 + 200)
        bought.tell(refund(bought, 900))
        assert balance(bought) == (40, 40, 0, 0, 200)
        end(bought, held, "capture", amount=15)
        end(bought, other, "release")
        assert balance(bought)[0] == 25
        second = bought.another()
        assert second.reconcile()[0] == "succeeded"
        assert balance(bought) == (25 + 500 - 200, 0, 0, 325, 0)
        data(spend(bought, 325), 201)

    def test_credits_that_arrive_are_posted_whole_and_pay_the_debt(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        bought.tell(refund(bought, 900))
        assert grant(bought, 150)["balance_after"] == 150
        assert balance(bought) == (0, 0, 0, 0, 50)
        grant(bought, 80, "adjustment")
        assert balance(bought) == (30, 0, 0, 30, 0)
        assert types(bought)[2:] == [
            *(("grant", 150), ("debt_payment", -150)),
            *(("adjustment", 80), ("debt_payment", -50)),
        ]

    def test_charge_that_is_taken_back_pays_debt(self, bought: Bought) -> None:
        used = data(spend(bought, GIVEN + 200), 201)
        bought.tell(refund(bought, 900))
        body = {"credits": 120, "reason": "It failed"}
        data(bought.customer.post(f"{CREDITS}usage/{used['id']}/reverse/", body), 201)
        assert balance(bought) == (0, 0, 0, 0, 80)

    def test_held_credits_become_debt_on_capture_and_go_on_release(self, bought: Bought) -> None:
        bought.spend(GIVEN)
        captured, released = data(hold(bought, 120), 201), data(hold(bought, 80, "other"), 201)
        bought.spend(100)
        bought.tell(dispute(bought, "lost", "evt_1"))
        assert balance(bought) == (200, 200, 0, 0, 100)
        end(bought, captured, "capture", amount=50, final=False)
        assert balance(bought) == (150, 150, 0, 0, 150)
        end(bought, captured, "release")
        end(bought, released, "release")
        assert balance(bought) == (0, 0, 0, 0, 150)
        assert types(bought)[-3:] == [("deduction", -50), ("chargeback", -70), ("chargeback", -80)]

    def test_failed_refund_of_the_gateway_takes_its_debt_back(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        bought.tell(refund(bought, 900))
        bought.tell(refund(bought, 900, "failed", "evt_2"))
        assert balance(bought) == (300, 0, 0, 300, 0)
        assert bought.payment()["credits_refunded"] == 0

    def test_debt_that_is_paid_is_given_back_as_credits(self, bought: Bought) -> None:
        bought.spend(GIVEN + 500)
        bought.tell(refund(bought, 900))
        grant(bought, 700)
        assert balance(bought) == (200, 0, 0, 200, 0)
        bought.tell(refund(bought, 900, "failed", "evt_2"))
        assert balance(bought) == (700, 0, 0, 700, 0)
        bought.tell(charge(bought, 900, "evt_3"))
        assert balance(bought)[4] == 0

    def test_adjustment_is_made_in_debt(self, bought: Bought) -> None:
        bought.spend(GIVEN + 200)
        grant(bought, 30)
        bought.tell(refund(bought, 900))
        grant(bought, -30, "adjustment")
        assert balance(bought) == (0, 0, 0, 0, 200)


class TestAnyOrder:
    @pytest.mark.parametrize("order", list(permutations(("failed", "needs_response", "lost"))))
    @pytest.mark.parametrize("spent", [False, True])
    def test_refund_that_fails_and_lost_dispute_take_all_credits(
        self, bought: Bought, order: tuple[str, ...], spent: bool
    ) -> None:
        """While the refund is pending, the lost dispute finds only the rest of the money, and of the credits."""
        bought.gateway.refunds_are = "pending"
        data(bought.refund({"amount": "1.00"}))
        (made,) = bought.gateway.refunds.values()
        if spent:
            bought.spend(GIVEN + 400)
        for status in order:
            if status == "failed":
                bought.tell(event("refund.failed", "evt_r", **{**made, "status": "failed"}))
            else:
                bought.tell(dispute(bought, status, f"evt_{status}"))
            with bought.app.app_context():
                assert list(audit.differences()) == []
        payment = bought.payment()
        assert (payment["status"], payment["credits_refunded"]) == ("charged_back", 500)
        assert balance(bought) == ((0, 0, 0, 0, 400) if spent else (100, 0, 0, 100, 0))
        assert bought.invoice()["status"] == "refunded"

    def test_reports_in_any_order_and_twice_come_to_the_same(self, bought: Bought) -> None:
        """A refund of 2.00 and one of 1.00 at the gateway, and a dispute of 3.00 that is lost."""
        ends = set()
        for number, order in enumerate(permutations(range(4))):
            payment = bought.another()
            paid = {"id": payment.intent, "amount": 900, "status": "succeeded"}
            told = [
                event("payment_intent.succeeded", f"a{number}", **paid),
                refund(payment, 200, event_id=f"b{number}", name=f"re_{number}"),
                charge(payment, 300, f"c{number}"),
                dispute(payment, "lost", f"d{number}", 300),
            ]
            for each in (*order, *order):
                payment.tell(told[each])
            now = payment.payment()
            ends.add((now["status"], now["amount_refunded"], now["amount_charged_back"], now["credits_refunded"]))
        assert ends == {("charged_back", "3.00", "3.00", 333)}

    def test_an_ended_dispute_stays_ended_beside_another(self, bought: Bought) -> None:
        bought.tell(dispute(bought, "lost", "evt_1", 300))
        bought.tell(dispute(bought, "needs_response", "evt_2", 300, "du_2"))
        for status in ("needs_response", "lost", "won"):
            assert bought.tell(dispute(bought, status, f"evt_{status}", 300)) is False
        assert bought.payment()["amount_charged_back"] == "3.00"


class TestFailedRefund:
    """A refund that fails after the gateway told of a dispute of all the money."""

    @pytest.fixture
    def failed(self, bought: Bought, gateway: SlowGateway) -> Any:
        gateway.refunds_are = "pending"
        data(bought.refund({"amount": "3.00"}))
        (made,) = gateway.refunds.values()
        return event("refund.failed", "evt_f", **{**made, "status": "failed", "failure_reason": "declined"})

    def test_lost_dispute_takes_the_credits_that_come_back(self, bought: Bought, failed: Any) -> None:
        bought.tell(dispute(bought, "lost", "evt_1"))
        bought.tell(failed)
        assert balance(bought) == (GIVEN, 0, 0, GIVEN, 0)
        assert bought.payment()["credits_refunded"] == BOUGHT
        assert types(bought)[-2:] == [("refund", 166), ("chargeback", -166)]

    def test_lost_dispute_of_a_part_leaves_the_rest(self, bought: Bought, failed: Any) -> None:
        bought.tell(dispute(bought, "lost", "evt_1", 700))
        assert balance(bought)[0] == GIVEN
        bought.tell(failed)
        assert bought.payment()["credits_refunded"] == 388
        assert balance(bought) == (GIVEN + 112, 0, 0, GIVEN + 112, 0)

    def test_open_dispute_freezes_the_credits_that_come_back(self, bought: Bought, failed: Any) -> None:
        bought.tell(dispute(bought, "needs_response", "evt_1"))
        bought.tell(failed)
        assert balance(bought) == (GIVEN + BOUGHT, 0, BOUGHT, GIVEN, 0)
        bought.tell(dispute(bought, "lost", "evt_2"))
        assert balance(bought) == (GIVEN, 0, 0, GIVEN, 0)


class TestReconciliation:
    def test_missed_refunds_and_disputes_are_found(self, bought: Bought, gateway: SlowGateway) -> None:
        gateway.refund(bought.intent, 300)
        assert bought.reconcile() == ["partially_refunded"]
        assert bought.reconcile() == []
        about = {"payment_intent": bought.intent, "amount": 600}
        made = gateway.made("disputes", "du", **about, status="needs_response")
        assert bought.reconcile() == ["disputed"]
        made["status"] = "lost"
        assert bought.reconcile() == ["charged_back"]
        assert bought.payment()["credits_refunded"] == 500
        assert bought.reconcile() == []
