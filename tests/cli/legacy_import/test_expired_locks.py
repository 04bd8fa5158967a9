"""Importing over locks that were given an expiry here, and over challenges that were consumed in part."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.billing_accounts import audit
from app.db.base import db
from tests.caller import ACCOUNTS, Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget, counts, lines

START = datetime(2025, 6, 1, tzinfo=UTC)
PATH = f"{ACCOUNTS}/500"
Load = Callable[..., list[int]]


def at(seconds: float) -> Any:
    return clock.at(START + timedelta(seconds=seconds))


def kinds(admin: Caller) -> list[str]:
    with at(20):
        found = data(admin.get(f"{PATH}/movements?sortBy=position"))["results"]
    assert all(each["position"] for each in found)
    return [each["kind"] for each in found]


@pytest.fixture
def load(run: Run, export: Export, app: Flask) -> Load:
    """Imports rows; how many of their kind were created, updated, unchanged and kept."""

    def do(**lists: Any) -> list[int]:
        result = run("import-legacy", export(**lists))
        assert result.exit_code == 0, result.output
        with app.app_context():
            assert list(audit.differences()) == []
            db.session.rollback()
        return counts(result, list(lists)[-1])[1:5]

    with at(0):
        rows = [budget("c1", "10", "0"), budget("c2", "20", "0")]
        do(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)
    return do


@pytest.fixture
def due(load: Load, admin: Caller) -> None:  # noqa: ARG001 - what was imported
    """The lock of c1 expired, and nobody wrote since."""
    with at(0):
        data(admin.patch(f"{PATH}/lock-amount", {"challengeId": "c1", "amount": 10, "expiresIn": 10}))


@pytest.mark.usefixtures("due")
def test_a_lock_that_expired_does_not_come_back(load: Load, admin: Caller) -> None:
    with at(20):
        for _ in range(2):
            assert load(project_challenge_budget=[budget("c1", "10", "0")]) == [0, 0, 0, 1]
            assert lines(admin) == {"c2": ("locked", 20)}
        data(admin.patch(f"{PATH}/lock-amount", {"challengeId": "c1", "amount": 7}))
    assert kinds(admin) == ["opened", "imported", "imported", "expired", "locked"]


@pytest.mark.usefixtures("due")
def test_a_lock_that_has_not_expired_yet_is_kept(load: Load, admin: Caller) -> None:
    with at(9.999):
        assert load(project_challenge_budget=[budget("c1", "11", "0")]) == [0, 0, 0, 1]
        assert lines(admin) == {"c1": ("locked", 10), "c2": ("locked", 20)}


@pytest.mark.usefixtures("due")
def test_a_changed_line_comes_after_what_is_due(load: Load, admin: Caller) -> None:
    with at(20):
        assert load(project_challenge_budget=[budget("c2", "0", "15")]) == [0, 1, 0, 0]
    assert kinds(admin) == ["opened", "imported", "imported", "expired", "imported"]


@pytest.mark.usefixtures("due")
def test_a_changed_budget_comes_after_what_is_due(load: Load, admin: Caller) -> None:
    with at(20):
        assert load(project=[{**PROJECT, "budget": "2000"}]) == [0, 1, 0, 0]
    assert kinds(admin) == ["opened", "imported", "imported", "expired", "imported"]


def test_a_challenge_consumed_in_part_is_kept_once(load: Load, admin: Caller) -> None:
    with at(0):
        data(admin.patch(f"{PATH}/consume-amount", {"challengeId": "c2", "amount": 5, "final": False}))
    for row, expected in (
        (budget("c2", "20", "0"), [0, 0, 0, 1]),
        (budget("c2", "0", "7"), [0, 0, 0, 1]),
        (budget("c2", "0", "0"), [0, 0, 0, 1]),
        (budget("c2", "0", "5"), [0, 0, 1, 0]),
    ):
        with at(5):
            assert load(project_challenge_budget=[row]) == expected
    account = data(admin.get(PATH))
    assert (account["lockedBudget"], account["consumedBudget"]) == (25, 5)


@pytest.mark.parametrize("final", [True, False])
def test_a_lock_of_an_import_that_is_consumed_here_was_changed_here(load: Load, admin: Caller, *, final: bool) -> None:
    with at(0):
        data(admin.patch(f"{PATH}/consume-amount", {"challengeId": "c2", "amount": 20, "final": final}))
    with at(5):
        assert load(project_challenge_budget=[budget("c2", "20", "0")]) == [0, 0, 0, 1]
        assert lines(admin) == {"c1": ("locked", 10), "c2": ("consumed", 20)}
