"""Writes exports like those of the previous system, of any size and as messy as the real ones.

.venv/bin/python bench/legacy_export.py --rows 200000 export.json
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

CLIENT, PROJECT, BUDGET = "time_oltp:client", "time_oltp:project", "time_oltp:project_challenge_budget"
# Of a hundred rows one is a client and nine are accounts; the rest reserve budget.
CLIENT_SHARE, ACCOUNT_SHARE = 0.01, 0.09
MESSY_SHARE = 0.01
MISSING_SHARE = 0.1
LOCKED_SHARE, CONSUMED_SHARE = 0.5, 0.6

_WORDS = ("Harbour", "Meridian", "Łódź", "Söderström", "Praça", "東京", "Ирис", "50%_off", "O'Neill", "Tabs\there", "Q")
_BAD_NUMBERS = ("1,250.00", "12 500", "n/a", "$400", "--3")
_BAD_DATES = ("2009-02-30 00:00:00", "0000-00-00 00:00:00", "soon", "31/12/2010")
_BAD_IDS = ("", "abc", "-4", "99999999999", "1.5")


@dataclass
class Expected:
    """What a correct import of the export leaves behind, and what it must refuse."""

    clients: set[str] = field(default_factory=set)
    accounts: set[int] = field(default_factory=set)
    lines: dict[tuple[int, str], tuple[str, Decimal] | None] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def totals(self) -> dict[int, tuple[Decimal, Decimal]]:
        """What each account has locked and consumed."""
        totals = {account: [Decimal(0), Decimal(0)] for account in self.accounts}
        for (account, _), line in self.lines.items():
            if line is not None:
                totals[account][line[0] == "consumed"] += line[1]
        return {account: (locked, consumed) for account, (locked, consumed) in totals.items()}


def write(path: Path, *, rows: int, seed: int = 1, budgets_first: bool = False) -> Expected:
    """Write an export of about `rows` rows; with `budgets_first` budget rows come before their accounts."""
    chance = random.Random(seed)
    expected = Expected()
    clients, accounts = max(1, int(rows * CLIENT_SHARE)), max(1, int(rows * ACCOUNT_SHARE))
    # Made in this order, since a budget row is good only when its account is.
    lists = {
        CLIENT: list(_clients(chance, clients, expected)),
        PROJECT: list(_accounts(chance, accounts, clients, expected)),
    }
    with path.open("w", encoding="utf-8") as file:
        file.write("{\n")
        budgets = _budgets(chance, rows - clients - accounts, accounts, expected)
        parts: list[tuple[str, Any]] = [*lists.items(), (BUDGET, budgets)]
        for number, (key, part) in enumerate(reversed(parts) if budgets_first else parts):
            file.write(f'{"," if number else ""}"{key}": [')
            for index, row in enumerate(part):
                expected.read[key] += 1
                file.write(("," if index else "") + "\n  " + json.dumps(row, ensure_ascii=index % 2 == 0))
            file.write("\n]")
        file.write("}\n")
    return expected


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {chance.randrange(10_000)}"


def _date(chance: random.Random, first: int, last: int) -> str | None:
    if chance.random() < MESSY_SHARE:
        return chance.choice(_BAD_DATES)
    if chance.random() < MISSING_SHARE:
        return chance.choice(("", None))
    year, month, day = chance.randint(first, last), chance.randint(1, 12), chance.randint(1, 28)
    return f"{year}-{month:02}-{day:02} 0{chance.randrange(10)}:00:00"


def _is_messy(chance: random.Random) -> bool:
    return chance.random() < MESSY_SHARE


def _clients(chance: random.Random, count: int, expected: Expected) -> Iterator[Any]:
    for number in range(1, count + 1):
        row: dict[str, Any] = {
            "client_id": str(number),
            "name": _name(chance),
            "status": chance.choice("112"),
            "customer_number": f"C{number}",
            "start_date": _date(chance, 2005, 2010),
            "end_date": _date(chance, 2011, 2030),
            "salestax": "0",
            "creation_user": "132456",
        }
        if chance.random() < MISSING_SHARE:
            row["code_name"] = chance.choice(("", "  ", f"CODE{number}"))
        if _is_messy(chance):
            row[chance.choice(("client_id", "name"))] = chance.choice(("", None))
            expected.rejected[CLIENT] += 1
        else:
            expected.clients.add(str(number))
        yield row


def _accounts(chance: random.Random, count: int, clients: int, expected: Expected) -> Iterator[Any]:
    for number in range(1, count + 1):
        row: dict[str, Any] = {
            "project_id": str(number),
            "name": _name(chance),
            "active": chance.choice(("1", "0", 1, True, "true", "Yes")),
            # One in a hundred names a client that is not there.
            "client_id": str(chance.randint(1, clients + clients // 100 + 1)),
            "budget": chance.choice((f"{chance.uniform(0, 500_000):.2f}", chance.randrange(100_000), "", None)),
            "sales_tax": chance.choice(("0", "8.25", "", None)),
            "po_box_number": chance.choice(("", f"PO-{number}")),
            "payment_terms_id": chance.choice(("1", "30")),
            "description": _name(chance) * chance.randrange(4),
            "is_manual_prize_setting": chance.choice("01"),
            "start_date": _date(chance, 2005, 2010),
            "end_date": _date(chance, 2011, 2030),
            "creation_user": "132456",
            "creation_date": "2010-01-01 00:00:00.0",
        }
        if _is_messy(chance):
            bad, values = chance.choice((("project_id", _BAD_IDS), ("budget", _BAD_NUMBERS), ("name", ("", " "))))
            row[bad] = chance.choice(values)
            expected.rejected[PROJECT] += 1
        else:
            expected.accounts.add(number)
        yield row


def _budgets(chance: random.Random, count: int, accounts: int, expected: Expected) -> Iterator[Any]:
    account, challenge = 1, "30000000"
    for number in range(count):
        # Now and then the challenge of the row before comes again: the last row counts.
        if not _is_messy(chance):
            account, challenge = chance.randint(1, accounts), str(30_000_000 + number)
        decimals = chance.choice((0, 2, 4, 6))
        locked = f"{chance.uniform(0, 5000):.{decimals}f}" if chance.random() < LOCKED_SHARE else "0"
        consumed = f"{chance.uniform(0, 5000):.2f}" if chance.random() < CONSUMED_SHARE else chance.choice(("0", None))
        row: Any = {
            "challenge_id": challenge,
            "project_id": str(account),
            "locked_amount": locked,
            "consumed_amount": consumed,
        }
        if _is_messy(chance):
            bad, values = chance.choice((("project_id", _BAD_IDS), ("locked_amount", _BAD_NUMBERS), (None, ("a row",))))
            row = {**row, bad: chance.choice(values)} if bad else values[0]
            expected.rejected[BUDGET] += 1
        elif account not in expected.accounts:
            expected.rejected[BUDGET] += 1
        else:
            expected.lines[account, challenge] = _line(locked, consumed)
        yield row


def _line(locked: str, consumed: str | None) -> tuple[str, Decimal] | None:
    spent, held = Decimal(consumed or 0), Decimal(locked).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    if spent > 0:
        return "consumed", spent
    return ("locked", held) if held > 0 else None


def main() -> None:
    """Write the export the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    expected = write(options.path, rows=options.rows, seed=options.seed)
    print(f"{options.path}: {dict(expected.read)}; to be rejected: {dict(expected.rejected)}")


if __name__ == "__main__":
    main()
