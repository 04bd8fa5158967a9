"""Locks that expire: at their own instant, whoever posts it, and counted by every read until somebody does."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import clock
from app.billing_accounts import audit
from app.billing_accounts.ledger import expiry
from app.db.base import db
from app.db.transaction import transaction
from app.web.json import format_time
from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, TEN_YEARS, Caller, Open, data, error
from tests.factories.bookings import PAYMENTS, create_booking, periods_of

START = datetime(2025, 6, 1, tzinfo=UTC)
YEAR_SECONDS = 366 * 24 * 60 * 60


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def at(seconds: float) -> Any:
    """Stop the clock so long after the account was opened."""
    return clock.at(after(seconds))


def account_of(path: str) -> int:
    return int(path.rpartition("/")[2])


def lock(caller: Caller, path: str, amount: Any, challenge: str = "c1", **values: Any) -> Any:
    return caller.patch(f"{path}/lock-amount", {"challengeId": challenge, "amount": amount, **values})


def consume(caller: Caller, path: str, amount: Any, challenge: str = "c1", **values: Any) -> Any:
    return caller.patch(f"{path}/consume-amount", {"challengeId": challenge, "amount": amount, **values})


def movements(caller: Caller, path: str, query: str = "") -> list[Any]:
    found: list[Any] = data(caller.get(f"{path}/movements?sortBy=position&perPage=10000{query}"))["results"]
    return found


def changes(caller: Caller, path: str) -> list[tuple[Any, ...]]:
    names = ("position", "kind", "lockedDelta", "lockedAfter", "at")
    return [tuple(each[name] for name in names) for each in movements(caller, path)]


def problems(app: Flask) -> list[str]:
    with app.app_context():
        found = [str(each) for each in audit.differences()]
        db.session.rollback()
    return found


@pytest.fixture
def path(open_account: Open) -> str:
    """An account with a budget of 100, opened when the clock of these tests begins."""
    with at(0):
        return f"{ACCOUNTS}/{open_account(budget=100)}"


class TestAsking:
    def test_an_expiry_is_shown_wherever_the_line_is(self, admin: Caller, path: str) -> None:
        with at(0):
            line = data(lock(admin, path, 10, expiresIn=90))
            assert line["expiresAt"] == "2025-06-01T00:01:30.000Z"
            assert data(admin.get(path))["lockedAmounts"] == [line]
            assert data(admin.get(f"{path}/entries"))["results"][0]["expiresAt"] == line["expiresAt"]
            assert data(consume(admin, path, 10))["expiresAt"] is None

    def test_an_instant_may_be_named(self, admin: Caller, path: str) -> None:
        with at(0):
            assert data(lock(admin, path, 10, expiresAt="2025-06-01T02:00+01:00"))["expiresAt"] == format_time(
                after(3600)
            )
            assert data(lock(admin, path, 10, expiresAt="2025-06-02"))["expiresAt"] == "2025-06-02T23:59:59.999Z"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"expiresIn": 10, "expiresAt": "2025-06-02T00:00Z"}, "expiresAt"),
            ({"expiresAt": "2025-06-01T00:00:00Z"}, "expiresAt"),
            ({"expiresAt": "2025-05-31T23:59:59.999Z"}, "expiresAt"),
            ({"expiresAt": "2026-06-02T00:00:00.001Z"}, "expiresAt"),
            ({"expiresAt": "2025-05-31"}, "expiresAt"),
            ({"expiresAt": None}, "expiresAt"),
            ({"expiresIn": 0}, "expiresIn"),
            ({"expiresIn": -1}, "expiresIn"),
            ({"expiresIn": YEAR_SECONDS + 1}, "expiresIn"),
            ({"expiresIn": 1.5}, "expiresIn"),
            ({"amount": 0, "expiresIn": 10}, "expiresIn"),
            ({"amount": 0, "expiresAt": "2025-06-02T00:00Z"}, "expiresAt"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, admin: Caller, path: str, values: Any, field: str) -> None:
        with at(0):
            answer = lock(admin, path, **{"amount": 5, **values})
            assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {field}
            assert totals(admin, path) == (0, 0)

    def test_the_furthest_instant_is_taken(self, admin: Caller, path: str) -> None:
        with at(0):
            for values in ({"expiresIn": YEAR_SECONDS}, {"expiresAt": "2026-06-02T00:00:00Z"}):
                assert data(lock(admin, path, 5, **values))["expiresAt"] == "2026-06-02T00:00:00.000Z"

    def test_an_instant_before_the_last_change_of_the_account_is_past(self, admin: Caller, path: str) -> None:
        with at(100):
            data(lock(admin, path, 1, "c2"))
        with at(0):
            answer = lock(admin, path, 5, expiresAt=format_time(after(100)))
            assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {"expiresAt"}
            assert data(lock(admin, path, 5, expiresIn=1))["expiresAt"] == format_time(after(101))

    def test_a_replay_is_answered_after_the_instant_too(self, admin: Caller, path: str) -> None:
        body = {"challengeId": "c1", "amount": 5, "expiresAt": format_time(after(10))}
        answers = []
        for second in (0, 20):
            with at(second):
                answers.append(admin.patch(f"{path}/lock-amount", body, Idempotency_Key="once"))
        assert answers[0].get_data() == answers[1].get_data()


class TestTheInstant:
    @pytest.mark.parametrize(("second", "locked"), [(9.999, 60), (10, 0), (11, 0)])
    def test_reads_count_it_from_then_on(
        self, admin: Caller, as_caller: Callable[..., Caller], path: str, second: float, locked: int
    ) -> None:
        copilot = as_caller(roles=("copilot",), hours=TEN_YEARS)
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(second):
            for account in (data(admin.get(path)), data(admin.get(ACCOUNTS))["results"][0]):
                assert (account["lockedBudget"], account["totalBudgetRemaining"]) == (locked, 100 - locked)
            for account in (data(copilot.get(path)), data(copilot.get(ACCOUNTS))["results"][0]):
                assert account["memberPaymentsRemaining"] == (100 - locked) * Decimal("0.8")
            balance = data(admin.get(f"{path}/balance"))
            assert (balance["lockedBudget"], balance["position"]) == (locked, 2 if locked else None)
            assert len(data(admin.get(path))["lockedAmounts"]) == bool(locked)
            assert data(admin.get(f"{path}/entries"))["count"] == bool(locked)
            assert len(movements(admin, path)) == (2 if locked else 3)

    @pytest.mark.parametrize(("second", "refused"), [(9.999, True), (10, False), (11, False)])
    def test_writes_have_its_amount_from_then_on(self, admin: Caller, path: str, second: float, refused: bool) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(second):
            answer = lock(admin, path, 50, "c2")
            if refused:
                assert error(answer, 400, "insufficient_funds")["details"] == {"available": 40, "requested": 50}
            else:
                data(answer)

    def test_a_consume_from_then_on_is_a_new_one(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            line = data(lock(admin, path, 60, expiresIn=10))
            data(lock(admin, path, 30, "c2"))
        with at(10):
            assert error(consume(admin, path, 80), 400, "insufficient_funds")["details"]["available"] == 70
            consumed = data(consume(admin, path, 70))
        assert consumed["id"] != line["id"]
        assert changes(admin, path)[3:] == [
            (4, "expired", -60, 30, format_time(after(10))),
            (5, "consumed", 0, 30, format_time(after(10))),
        ]
        assert problems(app) == []

    def test_a_consume_just_before_takes_the_lock(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            line = data(lock(admin, path, 60, expiresIn=10))
        with at(9.999):
            assert data(consume(admin, path, 100))["id"] == line["id"]
        with at(20):
            assert totals(admin, path) == (0, 100)
            assert [each["kind"] for each in movements(admin, path)] == ["opened", "locked", "consumed"]
        assert problems(app) == []

    def test_it_is_stamped_at_its_instant_and_caused_by_the_service(self, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10, externalName="Logo"), 200)
        with at(5000):
            [shown] = movements(admin, path, "&actor=service")
            data(lock(admin, path, 1, "c2"))
            [posted] = movements(admin, path, "&actor=service&kind=expired")
        assert (shown["position"], posted["position"]) == (None, 3)
        assert {**shown, "position": 3} == posted
        assert (posted["at"], posted["externalName"], posted["reason"]) == (format_time(after(10)), "Logo", None)

    def test_many_at_once_are_posted_in_their_order(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            for number in range(20):
                data(lock(admin, path, 1 + number / 10, f"c{number}", expiresIn=100 - number // 2))
        with at(95):
            shown = [(each["externalId"], each["at"], each["lockedAfter"]) for each in movements(admin, path)[21:]]
            data(lock(admin, path, 1, "later"))
            posted = movements(admin, path)[21:-1]
        assert shown == [(each["externalId"], each["at"], each["lockedAfter"]) for each in posted]
        assert [each["at"] for each in posted] == sorted(each["at"] for each in posted)
        assert (len(posted), {each["kind"] for each in posted}) == (10, {"expired"})
        with at(95):
            assert len(data(admin.get(path))["lockedAmounts"]) == 11
        assert problems(app) == []


class TestReplacing:
    def test_a_lock_that_replaces_one_has_its_own_expiry_or_none(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
            assert data(lock(admin, path, 60))["expiresAt"] is None
        with at(20):
            assert totals(admin, path) == (60, 0)
            data(lock(admin, path, 60, expiresIn=10))
            data(lock(admin, path, 61, expiresIn=20))
        with at(39.999):
            assert totals(admin, path) == (61, 0)
            assert problems(app) == []
        with at(40):
            assert totals(admin, path) == (0, 0)

    def test_another_expiry_alone_is_no_movement(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            for seconds in (10, 5, 20):
                data(lock(admin, path, 60, expiresIn=seconds))
                assert problems(app) == []
            assert len(movements(admin, path)) == 2

    def test_the_first_to_expire_is_known_whatever_becomes_of_the_others(
        self, app: Flask, admin: Caller, path: str
    ) -> None:
        with at(0):
            for number, seconds in enumerate((30, 10, 20, None)):
                data(lock(admin, path, 10, f"c{number}", **({} if seconds is None else {"expiresIn": seconds})))
            for operation, amount, values in (
                (lock, 0, {"challenge": "c1"}),
                (consume, 4, {"challenge": "c2", "final": False}),
                (consume, 4, {"challenge": "c2"}),
                (lock, 10, {"challenge": "c0"}),
            ):
                data(operation(admin, path, amount, **values))
                assert problems(app) == []
        with at(100):
            assert totals(admin, path) == (20, 4)

    def test_a_lock_that_ended_can_be_made_anew_and_unlocked(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(10):
            assert data(lock(admin, path, 0)) == {"unlocked": True}
            data(lock(admin, path, 100))
        assert [kind for _, kind, *_ in changes(admin, path)] == ["opened", "locked", "expired", "locked"]
        assert problems(app) == []


class TestTime:
    def test_a_clock_that_steps_back_revives_nothing(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(11):
            data(lock(admin, path, 10, "c2"))
        with at(-289):
            assert totals(admin, path) == (10, 0)
            line = data(consume(admin, path, 90))
            data(lock(admin, path, 5, "c2", expiresIn=60))
            times = [each["at"] for each in movements(admin, path)]
        assert line["date"] == format_time(after(11))
        assert times == sorted(times)
        assert times[-1] == format_time(after(11))
        assert problems(app) == []

    def test_what_is_due_is_not_posted_before_the_last_movement(self, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(5):
            data(lock(admin, path, 1, "c2"))
        with at(30):
            data(lock(admin, path, 0, "c2"))
        assert [at for *_, at in changes(admin, path)] == [format_time(after(second)) for second in (0, 0, 5, 10, 30)]

    def test_a_movement_that_leaves_out_what_is_due_is_impossible(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with app.app_context():
            with pytest.raises(Exception, match="ck_budgets_next_expiry"):
                db.session.execute(text("UPDATE budgets SET moved_at = next_expiry"))
            db.session.rollback()


POSTING: dict[str, Callable[[Caller, str], Any]] = {
    "lock": lambda caller, path: lock(caller, path, 45, "c2"),
    "unlock": lambda caller, path: lock(caller, path, 0, "old"),
    "consume": lambda caller, path: consume(caller, path, 45, "c2"),
    "consume in part": lambda caller, path: consume(caller, path, 45, "c2", final=False),
    "charge": lambda caller, path: caller.patch(
        f"{path}/consume-amount", {"externalId": "e", "externalType": "ENGAGEMENT", "amount": 45}
    ),
    "charges": lambda caller, path: caller.post(
        f"{ACCOUNTS}/consume-amounts",
        {"consumes": [{"billingAccountId": account_of(path), "externalId": "e", "amount": 45}]},
    ),
    "budget": lambda caller, path: caller.patch(path, {"budget": 50}),
    "adjustment": lambda caller, path: caller.post(f"{path}/budget-adjustments", {"amount": -45, "reason": "r"}),
    "reversal": lambda caller, path: caller.post(
        f"{path}/reversals", {"externalType": "CHALLENGE", "externalId": "used", "reason": "r"}
    ),
}


class TestWhoPosts:
    @pytest.mark.parametrize("act", POSTING.values(), ids=POSTING)
    def test_every_write_of_the_account_does_before_its_own(
        self, app: Flask, admin: Caller, path: str, act: Callable[[Caller, str], Any]
    ) -> None:
        with at(0):
            data(lock(admin, path, 3, "old"))
            data(consume(admin, path, 2, "used"))
            data(lock(admin, path, 60, expiresIn=10))
        with at(12):
            answer = act(admin, path)
            assert answer.status_code in {200, 201}, answer.get_data()
            *_, expired, own = movements(admin, path)
        assert (expired["kind"], expired["position"], expired["at"]) == ("expired", 5, format_time(after(10)))
        assert (own["position"], own["at"]) == (6, format_time(after(12)))
        assert problems(app) == []

    @pytest.mark.parametrize("into", [False, True])
    def test_a_carry_over_does_on_both_sides(
        self, app: Flask, admin: Caller, path: str, open_account: Open, into: bool
    ) -> None:
        with at(0):
            other = f"{ACCOUNTS}/{open_account(budget=100)}"
            data(lock(admin, path, 60, expiresIn=10))
        source, target = (other, path) if into else (path, other)
        with at(12):
            body = {"toBillingAccountId": account_of(target), "reason": "r"}
            carried = data(admin.post(f"{source}/carry-over", body), 201)["movements"]
            assert [each["budgetDelta"] for each in carried] == [-100, 100]
            assert [kind for _, kind, *_ in changes(admin, path)][2:] == ["expired", "budget_changed"]
        assert problems(app) == []

    def test_a_payment_does_and_its_rehearsal_counts_it(self, app: Flask, admin: Caller, open_account: Open) -> None:
        with at(0):
            account_id = open_account(budget=100)
            path = f"{ACCOUNTS}/{account_id}"
            booking = create_booking(admin, account_id)
            data(lock(admin, path, 60, expiresIn=10))
        with at(12):
            body = {"query": {"projectId": booking["projectId"]}, "dryRun": True}
            [shown] = data(admin.post(f"{PAYMENTS}/query", body))["byBillingAccount"]
            assert shown["available"] == 100
            item = {"workPeriodId": periods_of(admin, booking["id"])[0], "days": 0, "amount": 90}
            data(admin.post(PAYMENTS, item), 201)
            assert [kind for _, kind, *_ in changes(admin, path)][2:] == ["expired", "locked"]
        assert problems(app) == []

    def test_what_is_refused_leaves_the_books_right(self, app: Flask, admin: Caller, path: str) -> None:
        with at(0):
            data(lock(admin, path, 60, expiresIn=10))
        with at(12):
            error(lock(admin, path, 101, "c2"), 400, "insufficient_funds")
            error(admin.patch(f"{path}/lock-amount", {"challengeId": "c2", "amount": 101}, Idempotency_Key="k"), 400)
            error(admin.post(f"{path}/budget-adjustments", {"amount": -101, "reason": "r"}), 409)
            assert totals(admin, path) == (0, 0)
            assert len(movements(admin, path, "&kind=expired")) == 1
        assert problems(app) == []

    def test_a_write_of_an_account_where_nothing_is_due_takes_one_message(
        self, admin: Caller, path: str, messages: list[Any]
    ) -> None:
        with at(0):
            data(lock(admin, path, 10, expiresIn=100))
            messages.clear()
            data(lock(admin, path, 11, expiresIn=100))
            assert len(messages) == 1


def figures(caller: Caller, path: str, seconds: list[float]) -> Any:
    """Everything that reads say of the account, but for positions."""
    found: list[Any] = [data(caller.get(path)), data(caller.get(ACCOUNTS)), data(caller.get(f"{path}/entries"))]
    found += [movements(caller, path, query) for query in ("", "&kind=expired", "&externalId=c1", "&actor=service")]
    found.append(data(caller.get(f"{path}/movements?perPage=3&page=2")))
    found.append(data(caller.get(f"{path}/movements?sortBy=at&sortOrder=desc")))
    for second in seconds:
        found.append(data(caller.get(f"{path}/balance?asOf={format_time(after(second))}")))
        period = f"from={format_time(after(second))}&to={format_time(after(second + 40))}"
        found.append(data(caller.get(f"{path}/statement?{period}")))
        found.append(caller.get(f"{path}/statement?{period}&format=csv").get_data(as_text=True).splitlines())
    return without_positions(found)


def without_positions(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_positions(each) for name, each in value.items() if name != "position"}
    if isinstance(value, list):
        return [without_positions(each) for each in value]
    # A row of CSV begins with it.
    return value.partition(",")[2] if isinstance(value, str) and value.count(",") > 5 else value


@pytest.mark.parametrize("seed", range(6))
def test_reads_say_the_same_before_and_after_it_is_posted(app: Flask, admin: Caller, path: str, seed: int) -> None:
    chance = random.Random(seed)
    second = 0.0
    for _ in range(25):
        second += chance.choice([0, 1, 5])
        with at(second):
            act = chance.choice([lock, lock, lock, consume])
            values = {"expiresIn": chance.randrange(1, 60)} if act is lock and chance.random() < 0.8 else {}
            if act is consume and chance.random() < 0.7:
                values = {"final": False}
            answer = act(admin, path, chance.choice([1, 2.5, 8]), f"c{chance.randrange(8)}", **values)
            assert answer.status_code in {200, 400, 409}
    end = second + 60
    instants = [chance.uniform(0, end) // 0.001 / 1000 for _ in range(8)] + [0, end]
    with at(end):
        unposted = [each for each in movements(admin, path) if each["position"] is None]
        before = figures(admin, path, instants)
        with app.app_context(), transaction():
            expiry.post([account_of(path)], clock.utc_now())
        assert figures(admin, path, instants) == before
        positions = [each["position"] for each in movements(admin, path)]
    assert positions == list(range(1, len(positions) + 1))
    assert unposted
    assert problems(app) == []


class TestVerification:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ("UPDATE budgets SET next_expiry = NULL", "next_expiry is kept as never"),
            ("UPDATE budgets SET next_expiry = '2999-01-01'", "next_expiry is kept as 2999"),
            ("UPDATE budget_lines SET expires_at = NULL", "its lines make never"),
            ("UPDATE budget_lines SET expires_at = '2025-06-01'", "reserves a lock that expired before"),
        ],
    )
    def test_a_wrong_expiry_is_found(self, app: Flask, admin: Caller, path: str, change: str, problem: str) -> None:
        with at(0):
            data(lock(admin, path, 10, expiresIn=100))
        with app.app_context():
            db.session.execute(text(change))
            found = [str(each) for each in audit.differences()]
            db.session.rollback()
        assert len(found) == 1
        assert problem in found[0]
