"""The report ends with what became of the money: all that was read is accounted for."""

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from bench import legacy_export
from tests.caller import ACCOUNTS, Amount, Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget

PATH = f"{ACCOUNTS}/500"
NAMES = ("read", "loaded", "kept", "repeated", "rejected", "difference")


def totals(result: Result) -> dict[str, dict[str, Amount]]:
    """By the money, what became of it, from the last table that is printed."""
    found: dict[str, dict[str, Amount]] = {}
    for line in result.output.rpartition("┃ money")[2].splitlines():
        if line.startswith("│"):
            money, *amounts = (cell.strip() for cell in line.strip("│").split("│"))
            found[money.removeprefix("time_oltp:")] = dict(zip(NAMES, map(Decimal, amounts), strict=True))
    return found


def amounts(**known: Any) -> dict[str, Decimal]:
    return {name: Decimal(known.get(name, 0)) for name in NAMES}


def test_each_amount_is_where_its_row_went(run: Run, export: Export, admin: Caller) -> None:
    rows = [budget("1", "10", "0"), budget("2", "99", "20"), budget("3", "30", "0")]
    path = export(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)
    assert totals(run("import-legacy", path)) == {
        "project budget": amounts(read="1000.5", loaded="1000.5"),
        "project_challenge_budget locked": amounts(read=40, loaded=40),
        "project_challenge_budget consumed": amounts(read=20, loaded=20),
    }
    data(admin.patch(PATH, {"budget": 5000}))
    data(admin.patch(f"{PATH}/lock-amount", {"challengeId": "1", "amount": 11}))
    changed = [
        budget("1", "0", "10.5"),
        budget("2", "0", "21.0001"),
        budget("3", "1", "0"),
        budget("3", "30", "0"),
        budget("4", "4", "0", "999"),
        budget("5", "x", "5"),
        {**budget("6", "-6", "0")},
        budget("7", "7", "n/a", "abc"),
        "no row",
    ]
    projects = [{**PROJECT, "budget": "1"}, {**PROJECT, "budget": "2000"}, {**PROJECT, "name": "", "budget": "7.5"}]
    result = run("import-legacy", export(project=projects, project_challenge_budget=changed))
    assert totals(result) == {
        "project budget": amounts(read="2008.5", kept=2000, repeated=1, rejected="7.5"),
        "project_challenge_budget locked": amounts(read=36, loaded=30, repeated=1, rejected=5),
        "project_challenge_budget consumed": amounts(read="36.5001", loaded="21.0001", kept="10.5", rejected=5),
    }


def test_nothing_is_said_of_money_that_was_not_read(run: Run, export: Export) -> None:
    assert "┃ money" not in run("import-legacy", export(client=[CLIENT])).output


def test_the_totals_are_the_end_of_the_report(run: Run, export: Export) -> None:
    result = run("import-legacy", export(client=[CLIENT], project=[{**PROJECT, "colour": "red"}]))
    assert result.output.rstrip().endswith("┘")
    assert result.output.index("colour") < result.output.index("┃ money")


def test_writes_that_do_not_stand_are_noticed(run: Run, export: Export, app: Flask) -> None:
    """Something in the database changes what is written: the command fails and says by how much."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(
            text("""
            CREATE FUNCTION halve() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW.amount = NEW.amount / 2; RETURN NEW; END $$;
            CREATE TRIGGER halve BEFORE INSERT ON budgets FOR EACH ROW EXECUTE FUNCTION halve();
        """)
        )
    try:
        result = run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION halve CASCADE"))
    assert result.exit_code == 1
    assert "Amounts are unaccounted for: time_oltp:project budget by 1000.5" in result.output


@pytest.mark.parametrize("seed", [3, 8])
def test_a_messy_export_comes_out_even(run: Run, app: Flask, tmp_path: Path, admin: Caller, seed: int) -> None:
    path = tmp_path / "messy.json"
    expected = legacy_export.write(path, rows=2000, seed=seed)
    found = totals(run("import-legacy", path))
    assert len(found) == 3
    for total in found.values():
        assert total["difference"] == 0
        assert total["read"] == total["loaded"] + total["repeated"] + total["rejected"]
    books = [sum(each) for each in zip(*expected.totals().values(), strict=True)]
    assert [found[f"project_challenge_budget {kind}"]["loaded"] for kind in ("locked", "consumed")] == books
    chance = random.Random(seed)
    for account_id, challenge in chance.sample(sorted(expected.lines), 30):
        admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": challenge, "amount": 0})
    again = run("import-legacy", path)
    assert again.exit_code == 0, again.output
    with app.app_context():
        locked, consumed = db.session.execute(text("SELECT sum(locked), sum(consumed) FROM budgets")).one()
    for kind, total in (("locked", locked), ("consumed", consumed)):
        after, before = (each[f"project_challenge_budget {kind}"] for each in (totals(again), found))
        assert (after["read"], after["difference"], after["loaded"]) == (before["read"], 0, total)
        assert after["loaded"] + after["kept"] == before["loaded"]
