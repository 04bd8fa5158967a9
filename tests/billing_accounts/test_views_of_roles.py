"""What a caller with several roles sees: of each account what some single role of theirs shows of it."""

import random
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from tests.caller import ACCOUNTS, Caller, Open, data

SEED = 20260311
ROLES = (
    "administrator",
    "copilot",
    "bookingmanager",
    "talent manager",
    "topcoder talent manager",
    "project manager",
    "topcoder project manager",
    "connect user",
)
SCOPES = ("read:billing-account", "all:billing-account")
# What a caller can be: a combination has some of them.
WORDS = (*ROLES, *SCOPES)
USER = "7"
ABSENT, MEMBER_VIEW, EVERYTHING = range(3)


def caller_with(as_caller: Callable[..., Caller], words: Iterable[str]) -> Caller:
    roles, scopes = ([word for word in words if (":" in word) == is_scope] for is_scope in (False, True))
    return as_caller(roles=tuple(roles), scopes=tuple(scopes), user=USER)


def combined(chance: random.Random) -> list[tuple[str, ...]]:
    """Every single word, every pair, and some of the larger combinations."""
    larger = [each for size in range(3, len(WORDS) + 1) for each in combinations(WORDS, size)]
    return [*combinations(WORDS, 1), *combinations(WORDS, 2), *chance.sample(larger, 60)]


def shown(row: Any) -> int:
    """How much of an account or a line a row shows."""
    hidden = {"memberPaymentsRemaining", "memberPaymentAmount"} & row.keys()
    assert not (hidden and "markup" in row), row
    return MEMBER_VIEW if hidden else EVERYTHING


def views(caller: Caller, accounts: list[int]) -> dict[Any, int]:
    """How much each view shows the caller of each account. What is refused or not found is absent."""
    seen: dict[Any, int] = {}
    for name, path in (("list", ACCOUNTS), ("of user", f"{ACCOUNTS}/users/{USER}")):
        answer = caller.get(path)
        rows = {row["id"]: shown(row) for row in data(answer)["results"]} if answer.status_code == 200 else {}
        seen.update({(name, account): rows.get(account, ABSENT) for account in accounts})
    for account in accounts:
        path = f"{ACCOUNTS}/{account}"
        detail, entries = caller.get(path), caller.get(f"{path}/entries")
        seen["detail", account] = seen["lines", account] = seen["entries", account] = ABSENT
        if detail.status_code == 200:
            seen["detail", account] = shown(data(detail))
            (line,) = data(detail)["lockedAmounts"]
            seen["lines", account] = shown(line)
            (entry,) = data(entries)["results"]
            seen["entries", account] = shown(entry)
        for part in ("users", f"users/{USER}/access"):
            status = caller.get(f"{path}/{part}").status_code
            assert status in {200, 403, 404}
            seen[part, account] = EVERYTHING if status == 200 else ABSENT
    return seen


@pytest.fixture
def accounts(admin: Caller, open_account: Open) -> list[int]:
    """Two accounts with a line each; the first is granted to the user."""
    made = [open_account(name=name) for name in ("granted", "not granted")]
    for account in made:
        data(admin.patch(f"{ACCOUNTS}/{account}/lock-amount", {"challengeId": "c1", "amount": 12}))
    data(admin.post(f"{ACCOUNTS}/{made[0]}/users", {"userId": USER}), 201)
    return made


def test_single_roles_show_what_the_contract_says(as_caller: Any, accounts: list[int]) -> None:
    detail = {word: views(caller_with(as_caller, [word]), accounts) for word in WORDS}
    shows = {word: tuple(seen["detail", account] for account in accounts) for word, seen in detail.items()}
    everything, member_view = (EVERYTHING, EVERYTHING), (MEMBER_VIEW, MEMBER_VIEW)
    assert shows == {
        "administrator": everything,
        "copilot": member_view,
        "bookingmanager": member_view,
        "talent manager": everything,
        "topcoder talent manager": everything,
        "project manager": (EVERYTHING, ABSENT),
        "topcoder project manager": (EVERYTHING, ABSENT),
        "connect user": (ABSENT, ABSENT),
        "read:billing-account": everything,
        "all:billing-account": everything,
    }


def test_no_combination_shows_more_or_less_than_its_best_single_role(as_caller: Any, accounts: list[int]) -> None:
    singles = {word: views(caller_with(as_caller, [word]), accounts) for word in WORDS}
    # Of an account in the list of a user, a role shows what it shows of it elsewhere.
    for seen in singles.values():
        for account in accounts:
            if seen["of user", account]:
                assert seen["of user", account] == seen["detail", account]
    for words in combined(random.Random(SEED)):
        expected = {view: max(singles[word][view] for word in words) for view in singles[WORDS[0]]}
        if any(singles[word]["of user", accounts[0]] for word in words):
            expected["of user", accounts[0]] = expected["detail", accounts[0]]
        assert views(caller_with(as_caller, words), accounts) == expected, words


@pytest.mark.usefixtures("accounts")
def test_a_mixed_list_counts_sorts_and_pages_as_one(as_caller: Any) -> None:
    caller = caller_with(as_caller, ["copilot", "project manager"])
    pages = [data(caller.get(f"{ACCOUNTS}?sortBy=name&perPage=1&page={page}")) for page in (1, 2, 3)]
    assert [page["count"] for page in pages] == [2, 2, 2]
    rows = [row for page in pages for row in page["results"]]
    assert [(row["name"], shown(row)) for row in rows] == [("granted", EVERYTHING), ("not granted", MEMBER_VIEW)]
    assert (rows[0]["markup"], rows[1]["memberPaymentsRemaining"]) == (Decimal("0.2"), Decimal("70.4"))
    assert data(caller.get(f"{ACCOUNTS}?userId={USER}"))["count"] == 1


def test_a_manager_without_a_user_id_was_granted_nothing(as_caller: Any, accounts: list[int]) -> None:
    caller = as_caller(roles=("copilot", "project manager"), user="", azp="a machine")
    assert views(caller, accounts)["detail", accounts[0]] == MEMBER_VIEW
