"""The journal of a budget: what each change appends, who caused it, and that the journal stays as it is."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import text

from app.billing_accounts import audit
from app.db.base import db
from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.bookings import PAYMENTS, create_booking, move, pay, periods_of
from tests.factories.histories import BudgetHistory

CHANGES = ("kind", "budgetDelta", "lockedDelta", "consumedDelta")


def movements(caller: Caller, account_id: int | str, query: str = "") -> list[Any]:
    """All movements of an account, oldest first."""
    path = f"{ACCOUNTS}/{account_id}/movements?sortBy=position&perPage=10000"
    found: list[Any] = data(caller.get(f"{path}&{query}" if query else path))["results"]
    return found


def changes(caller: Caller, account_id: int, query: str = "") -> list[tuple[Any, ...]]:
    """What each movement changed, oldest first."""
    return [tuple(each[name] for name in CHANGES) for each in movements(caller, account_id, query)]


def act(caller: Caller, account_id: int, operation: str, amount: Any, **values: Any) -> Any:
    body = {"amount": amount, **({} if "externalId" in values else {"challengeId": "c1"}), **values}
    return data(caller.patch(f"{ACCOUNTS}/{account_id}/{operation}-amount", body))


@pytest.fixture
def machine(as_caller: Callable[..., Caller]) -> Caller:
    """What moves payments through processing."""
    return as_caller(scopes=("process:taas-workPeriodPayments",), user="processor")


class TestKinds:
    def test_an_account_opens_with_its_budget(self, admin: Caller, account_id: int) -> None:
        [opened] = movements(admin, account_id)
        assert opened == {
            "position": 1,
            "at": opened["at"],
            "kind": "opened",
            "entryId": None,
            "externalType": None,
            "externalId": None,
            "externalName": None,
            "budgetDelta": 100,
            "lockedDelta": 0,
            "consumedDelta": 0,
            "budgetAfter": 100,
            "lockedAfter": 0,
            "consumedAfter": 0,
            "actor": opened["actor"],
            "reason": None,
            "requestId": opened["requestId"],
        }

    def test_an_account_opens_without_any_budget_too(self, admin: Caller, open_account: Open) -> None:
        assert changes(admin, open_account(budget=0)) == [("opened", 0, 0, 0)]

    def test_a_lock_is_set_raised_lowered_and_released(self, admin: Caller, account_id: int) -> None:
        for amount in (10, 15, 15, 4, 0, 0):
            act(admin, account_id, "lock", amount)
        assert changes(admin, account_id)[1:] == [
            ("locked", 0, 10, 0),
            ("locked", 0, 5, 0),
            ("locked", 0, -11, 0),
            ("unlocked", 0, -4, 0),
        ]

    def test_a_consumed_lock_is_one_movement_and_a_correction_is_signed(self, admin: Caller, account_id: int) -> None:
        line = act(admin, account_id, "lock", 10, externalName="Logo contest")
        consumed = act(admin, account_id, "consume", 8)
        act(admin, account_id, "consume", 5)
        act(admin, account_id, "consume", 5)
        assert changes(admin, account_id)[2:] == [("consumed", 0, -10, 8), ("consumed", 0, 0, -3)]
        named = {(each["entryId"], each["externalName"]) for each in movements(admin, account_id)[1:]}
        assert named == {(line["id"], "Logo contest")}
        assert consumed["createdAt"] == line["createdAt"] == line["date"]
        assert consumed["consumedAt"] == consumed["date"]

    def test_each_charge_of_an_engagement_is_a_movement_with_its_own_line(self, admin: Caller, account_id: int) -> None:
        act(admin, account_id, "consume", 1, externalId="e", externalType="ENGAGEMENT")
        consumes = [{"billingAccountId": account_id, "externalId": "e", "amount": each} for each in (2, 3)]
        data(admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes}))
        found = movements(admin, account_id)[1:]
        assert [(each["position"], each["consumedDelta"], each["consumedAfter"]) for each in found] == [
            (2, 1, 1),
            (3, 2, 3),
            (4, 3, 6),
        ]
        lines = {each["id"]: each["amount"] for each in data(admin.get(f"{ACCOUNTS}/{account_id}"))["consumedAmounts"]}
        assert {each["entryId"]: each["consumedDelta"] for each in found} == lines

    def test_a_budget_is_changed(self, admin: Caller, account_id: int) -> None:
        for budget in (150, 150, 120):
            data(admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": budget, "name": "x"}))
        assert changes(admin, account_id)[1:] == [("budget_changed", 50, 0, 0), ("budget_changed", -30, 0, 0)]

    def test_what_is_refused_or_rolled_back_leaves_nothing(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}"
        error(admin.patch(f"{path}/lock-amount", {"challengeId": "c", "amount": 101}), 400, "insufficient_funds")
        act(admin, account_id, "lock", 60)
        error(admin.patch(path, {"budget": 59}), 409, "budget_below_reserved")
        consumes = [{"billingAccountId": account_id, "externalId": "e", "amount": each} for each in (30, 30)]
        error(admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes}), 400, "insufficient_funds")
        assert changes(admin, account_id) == [("opened", 100, 0, 0), ("locked", 0, 60, 0)]

    def test_a_payment_from_its_lock_to_its_reversal(self, admin: Caller, machine: Caller, open_account: Open) -> None:
        one, other = open_account(budget=1000), open_account(budget=1000)
        booking = create_booking(admin, one)
        payment = pay(admin, periods_of(admin, booking["id"])[0], days=1)
        path = f"{PAYMENTS}/{payment['id']}"
        move(machine, payment, "in-progress", "completed")
        data(admin.patch(path, {"amount": 70}))
        data(admin.patch(path, {"billingAccountId": other}))
        data(admin.patch(path, {"status": "cancelled"}))
        assert changes(admin, one)[1:] == [
            ("locked", 0, 100, 0),
            ("consumed", 0, -100, 100),
            ("consumed", 0, 0, -30),
            ("moved", 0, 0, -70),
        ]
        assert changes(admin, other)[1:] == [("moved", 0, 0, 70), ("reversed", 0, 0, -70)]
        for account_id in (one, other):
            for each in movements(admin, account_id)[1:]:
                assert (each["externalId"], each["externalType"]) == (payment["id"], "WORK_PERIOD_PAYMENT")
                assert each["externalName"] == "ann, week of 2025-03-02"
                assert each["entryId"] is not None

    def test_a_payment_taken_back_before_it_completes_is_unlocked(
        self, admin: Caller, machine: Caller, open_account: Open
    ) -> None:
        account_id = open_account(budget=1000)
        period = periods_of(admin, create_booking(admin, account_id, userHandle="h" * 255)["id"])[0]
        move(machine, pay(admin, period, days=1), "in-progress", "failed")
        assert changes(admin, account_id)[1:] == [("locked", 0, 100, 0), ("unlocked", 0, -100, 0)]
        assert movements(admin, account_id)[1]["externalName"] == f"{'h' * 235}, week of 2025-03-02"


class TestOrigin:
    def test_the_caller_the_reason_and_the_request_are_kept(
        self, as_caller: Callable[..., Caller], admin: Caller, account_id: int
    ) -> None:
        boss = as_caller(roles=("administrator",), user="boss")
        reason = "Größeres Budget: 5 % mehr"
        headers = {"X_Change_Reason": quote(reason), "X_Request_ID": "r-1"}
        data(boss.patch(f"{ACCOUNTS}/{account_id}", {"budget": 105}, **headers))
        data(boss.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c", "amount": 5}, X_Request_ID="r-2"))
        found = movements(admin, account_id)[1:]
        assert [(each["actor"], each["reason"], each["requestId"]) for each in found] == [
            ("boss", reason, "r-1"),
            ("boss", None, "r-2"),
        ]

    @pytest.mark.parametrize("reason", ["", "%20", "%ff", "%00", "x" * 501, "%C3%A4" * 501])
    def test_an_unusable_reason_is_refused(self, admin: Caller, account_id: int, reason: str) -> None:
        answer = admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 105}, X_Change_Reason=reason)
        assert error(answer, 400, "invalid_input")["details"]["headers"].keys() == {"X-Change-Reason"}
        assert len(movements(admin, account_id)) == 1

    def test_the_longest_reason_is_kept(self, admin: Caller, account_id: int) -> None:
        data(admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 105}, X_Change_Reason="%C3%A4" * 500))
        assert movements(admin, account_id)[-1]["reason"] == "ä" * 500

    def test_reads_take_no_notice_of_it(self, admin: Caller, account_id: int) -> None:
        data(admin.get(f"{ACCOUNTS}/{account_id}", X_Change_Reason="%ff"))

    def test_a_person_and_a_machine_are_told_apart(
        self, app: Flask, as_caller: Callable[..., Caller], account_id: int
    ) -> None:
        machine = as_caller(scopes=("update:billing-account",), user=None, client_id="biller", gty="client-credentials")
        data(machine.patch(f"{ACCOUNTS}/{account_id}", {"budget": 105}))
        with app.app_context():
            found = db.session.execute(text("SELECT actor, actor_kind FROM budget_movements ORDER BY position")).all()
        assert [kind for _, kind in found] == ["person", "machine"]


class TestList:
    def test_it_is_filtered(self, admin: Caller, account_id: int) -> None:
        act(admin, account_id, "lock", 10)
        act(admin, account_id, "consume", 1, externalId="e", externalType="ENGAGEMENT")
        at = movements(admin, account_id)[1]["at"]
        for query, positions in {
            "kind=locked": [2],
            "externalType=ENGAGEMENT": [3],
            "externalId=c1": [2],
            f"actor={movements(admin, account_id)[0]['actor']}": [1, 2, 3],
            "actor=nobody": [],
            "atFrom=2999-01-01": [],
            "kind=locked&externalId=e": [],
        }.items():
            assert [each["position"] for each in movements(admin, account_id, query)] == positions, query
        assert 2 in [each["position"] for each in movements(admin, account_id, f"atFrom={at}&atTo={at}")]

    def test_the_newest_are_first_in_pages(self, admin: Caller, account_id: int) -> None:
        act(admin, account_id, "lock", 10)
        page = data(admin.get(f"{ACCOUNTS}/{account_id}/movements?perPage=1"))
        assert (page["count"], page["results"][0]["position"]) == (2, 2)

    @pytest.mark.parametrize("query", ["kind=lost", "atFrom=soon", "externalType=OTHER", "sortBy=kind", "colour=red"])
    def test_what_cannot_be_asked_is_refused(self, admin: Caller, account_id: int, query: str) -> None:
        error(admin.get(f"{ACCOUNTS}/{account_id}/movements?{query}"), 400, "invalid_input")

    @pytest.mark.parametrize("what", ["movements", "balance", "statement?from=2020-01-01&to=2030-01-01"])
    def test_who_sees_the_account_sees_its_books(
        self, as_caller: Callable[..., Caller], admin: Caller, account_id: int, what: str
    ) -> None:
        path = f"{ACCOUNTS}/{account_id}/{what}"
        data(as_caller(roles=("copilot",)).get(path))
        error(as_caller(roles=("somebody",)).get(path), 403)
        manager = as_caller(roles=("project manager",), user="7")
        error(manager.get(path), 404, "not_found")
        data(admin.post(f"{ACCOUNTS}/{account_id}/users", {"userId": "7"}), 201)
        data(manager.get(path))
        error(admin.get(f"{ACCOUNTS}/999999/{what}"), 404, "not_found")


class TestAppendOnly:
    @pytest.mark.parametrize("change", ["UPDATE budget_movements SET reason = 'x'", "DELETE FROM budget_movements"])
    def test_movements_are_never_changed(self, app: Flask, account_id: int, change: str) -> None:
        assert account_id
        with app.app_context():
            with pytest.raises(Exception, match="never changed"):
                db.session.execute(text(change))
            db.session.rollback()

    def test_a_movement_written_without_its_budget_is_noticed(self, app: Flask, admin: Caller, account_id: int) -> None:
        act(admin, account_id, "lock", 10)
        with app.app_context():
            assert list(audit.differences()) == []
            db.session.execute(
                text(
                    "INSERT INTO budget_movements SELECT billing_account_id, 4, at - interval '1 h', kind, entry_id,"
                    " external_type, external_id, external_name, 0, 1, 0, 100, 12, 0, actor, actor_kind, action, NULL,"
                    " NULL, hash FROM budget_movements WHERE position = 2"
                )
            )
            found = [each.problem for each in audit.differences()]
            db.session.rollback()
        assert found == [
            "locked is kept as 10, its movements make 11",
            "movements is kept as 2, its movements make 3",
            "locked is kept as 10, its movements make 11",
            "does not follow the one before it",
        ]


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_leave_the_budget_its_movements_make(
    app: Flask, admin: Caller, machine: Caller, open_account: Open, seed: int
) -> None:
    accounts = [open_account(budget=120) for _ in range(2)]
    history = BudgetHistory(admin, machine, accounts, seed)
    for _ in range(120):
        history.step()
    assert history.statuses >= {200, 201, 400}
    with app.app_context():
        assert list(audit.differences()) == []
        db.session.rollback()
    for account_id in accounts:
        found, account = movements(admin, account_id), data(admin.get(f"{ACCOUNTS}/{account_id}"))
        assert [each["position"] for each in found] == list(range(1, len(found) + 1))
        assert [each["at"] for each in found] == sorted(each["at"] for each in found)
        for total in ("budget", "locked", "consumed"):
            name = "budget" if total == "budget" else f"{total}Budget"
            fold = sum((each[f"{total}Delta"] for each in found), Decimal(0))
            assert fold == account[name] == found[-1][f"{total}After"]
