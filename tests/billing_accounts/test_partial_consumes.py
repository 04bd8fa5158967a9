"""Consuming a challenge in parts: what is consumed adds up, and its lock is used up by it."""

from typing import Any

import pytest
from flask import Flask

from app.billing_accounts import audit
from app.db.base import db
from tests.billing_accounts.conftest import totals
from tests.caller import Caller, data, error


def lock(caller: Caller, path: str, amount: Any, **values: Any) -> Any:
    return caller.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": amount, **values})


def consume(caller: Caller, path: str, amount: Any, **values: Any) -> Any:
    return caller.patch(f"{path}/consume-amount", {"challengeId": "c1", "amount": amount, **values})


def lines(caller: Caller, path: str) -> tuple[Any, Any]:
    """What the challenge has locked and consumed."""
    account = data(caller.get(path))
    found = [[line["amount"] for line in account[name]] for name in ("lockedAmounts", "consumedAmounts")]
    locked, consumed = (each[0] if each else None for each in found)
    assert [len(each) for each in found] == [int(locked is not None), int(consumed is not None)]
    assert totals(caller, path) == (locked or 0, consumed or 0)
    return locked, consumed


def bring(caller: Caller, path: str, locked: Any, consumed: Any) -> None:
    """Have the challenge lock and have consumed these amounts, None for no line."""
    if consumed is not None:
        data(lock(caller, path, consumed + (locked or 0)))
        data(consume(caller, path, consumed, final=locked is None))
    elif locked is not None:
        data(lock(caller, path, locked))
    assert lines(caller, path) == (locked, consumed)


def final(amount: Any) -> Any:
    return lambda caller, path: consume(caller, path, amount)


def part(amount: Any) -> Any:
    return lambda caller, path: consume(caller, path, amount, final=False)


def locking(amount: Any) -> Any:
    return lambda caller, path: lock(caller, path, amount)


REFUSED = {"insufficient_funds": 400, "already_consumed": 409}
# What the challenge has locked and consumed of a budget of 100 of which 20 are taken, what is done, and what it has
# then or why it is refused.
STATES = [
    ((None, None), locking(50), (50, None)),
    ((None, None), locking(80), (80, None)),
    ((None, None), locking(81), "insufficient_funds"),
    ((None, None), locking(0), (None, None)),
    ((None, None), final(50), (None, 50)),
    ((None, None), part(50), (None, 50)),
    ((None, None), part(81), "insufficient_funds"),
    ((30, None), locking(80), (80, None)),
    ((30, None), locking(81), "insufficient_funds"),
    ((30, None), locking(0), (None, None)),
    ((30, None), final(10), (None, 10)),
    ((30, None), final(80), (None, 80)),
    ((30, None), final(81), "insufficient_funds"),
    ((30, None), part(10), (20, 10)),
    ((30, None), part(29.9999), (0.0001, 29.9999)),
    ((30, None), part(30), (None, 30)),
    ((30, None), part(80), (None, 80)),
    ((30, None), part(81), "insufficient_funds"),
    ((None, 30), locking(1), "already_consumed"),
    ((None, 30), locking(0), "already_consumed"),
    ((None, 30), final(10), (None, 10)),
    ((None, 30), final(81), "insufficient_funds"),
    ((None, 30), part(10), (None, 40)),
    ((None, 30), part(50), (None, 80)),
    ((None, 30), part(51), "insufficient_funds"),
    ((20, 30), locking(50), (50, 30)),
    ((20, 30), locking(51), "insufficient_funds"),
    ((20, 30), locking(5), (5, 30)),
    ((20, 30), locking(0), (None, 30)),
    ((20, 30), final(10), (None, 10)),
    ((20, 30), final(80), (None, 80)),
    ((20, 30), final(81), "insufficient_funds"),
    ((20, 30), part(5), (15, 35)),
    ((20, 30), part(20), (None, 50)),
    ((20, 30), part(50), (None, 80)),
    ((20, 30), part(51), "insufficient_funds"),
]


@pytest.mark.parametrize(("before", "act", "expected"), STATES)
def test_every_state_of_a_challenge(app: Flask, admin: Caller, path: str, before: Any, act: Any, expected: Any) -> None:
    data(admin.post(f"{path}/budget-adjustments", {"amount": -20, "reason": "taken"}), 201)
    bring(admin, path, *before)
    answer = act(admin, path)
    if isinstance(expected, str):
        error(answer, REFUSED[expected], expected)
        assert lines(admin, path) == before
    else:
        data(answer)
        found = lines(admin, path)
        assert [None if each is None else float(each) for each in found] == list(expected)
    with app.app_context():
        assert list(audit.differences()) == []
        db.session.rollback()


def test_the_details_say_what_the_challenge_could_take(admin: Caller, path: str) -> None:
    bring(admin, path, 20, 30)
    for body, available in (({"final": False}, 70), ({}, 100)):
        problem = error(consume(admin, path, 101, **body), 400, "insufficient_funds")
        assert problem["details"] == {"available": available, "requested": 101}
    assert error(lock(admin, path, 101), 400)["details"]["available"] == 70


def test_each_part_is_one_movement_of_the_consumed_line(admin: Caller, path: str) -> None:
    locked = data(lock(admin, path, 50, externalName="Logo contest", expiresIn=3600))
    first = data(consume(admin, path, 20, final=False))
    second = data(consume(admin, path, 40, final=False))
    assert first["id"] == second["id"] != locked["id"]
    assert (first["createdAt"], first["consumedAt"]) == (second["createdAt"], second["consumedAt"])
    found = data(admin.get(f"{path}/movements?sortBy=position&kind=consumed"))["results"]
    assert [(each["lockedDelta"], each["consumedDelta"], each["entryId"]) for each in found] == [
        (-20, 20, first["id"]),
        (-30, 40, first["id"]),
    ]
    assert second["amount"] == 60


def test_what_is_left_of_a_lock_keeps_its_line_and_its_expiry(admin: Caller, path: str) -> None:
    locked = data(lock(admin, path, 50, expiresIn=3600))
    data(consume(admin, path, 20, final=False))
    [line] = data(admin.get(path))["lockedAmounts"]
    assert (line["id"], line["expiresAt"], line["amount"]) == (locked["id"], locked["expiresAt"], 30)


def test_a_lock_consumed_whole_in_one_part_becomes_the_consumed_line(admin: Caller, path: str) -> None:
    locked = data(lock(admin, path, 50, externalName="Logo contest"))
    consumed = data(consume(admin, path, 50, final=False))
    assert (consumed["id"], consumed["createdAt"]) == (locked["id"], locked["createdAt"])
    assert consumed["externalName"] == "Logo contest"


def test_an_inactive_account_takes_parts_of_a_lock_and_no_more(admin: Caller, path: str) -> None:
    bring(admin, path, 20, 30)
    data(admin.patch(path, {"status": "INACTIVE"}))
    data(consume(admin, path, 15, final=False))
    error(consume(admin, path, 6, final=False), 409, "account_inactive")
    data(consume(admin, path, 5, final=False))
    assert lines(admin, path) == (None, 50)


@pytest.mark.parametrize("value", [True, False])
def test_an_engagement_has_no_parts(admin: Caller, path: str, value: bool) -> None:
    body = {"externalId": "e", "externalType": "ENGAGEMENT", "amount": 5, "final": value}
    answer = admin.patch(f"{path}/consume-amount", body)
    assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {"final"}


def test_a_reversal_takes_what_is_consumed_and_leaves_the_lock(admin: Caller, path: str) -> None:
    bring(admin, path, 20, 30)
    body = {"externalType": "CHALLENGE", "externalId": "c1", "reason": "r"}
    error(admin.post(f"{path}/reversals", {**body, "amount": 31}), 400, "reversal_exceeds_consumed")
    assert data(admin.post(f"{path}/reversals", {**body, "amount": 10}), 201)["reversed"] == 10
    assert lines(admin, path) == (20, 20)
    assert data(admin.post(f"{path}/reversals", body), 201)["reversed"] == 20
    assert lines(admin, path) == (20, None)
    data(lock(admin, path, 25))


def test_both_lines_are_entries_of_their_kinds(admin: Caller, path: str) -> None:
    bring(admin, path, 20, 30)
    found = data(admin.get(f"{path}/entries?externalId=c1&sortBy=kind"))["results"]
    assert [(each["kind"], each["amount"]) for each in found] == [("consumed", 30), ("locked", 20)]
    account = data(admin.get(path))
    assert account["totalBudgetRemaining"] == 50
