import random
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from flask import Flask

from app.billing_accounts import audit
from tests.caller import Caller
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import Export

ACCOUNTS, CHALLENGES, WORKERS, CALLS = range(1, 6), range(1, 9), 4, 60


def test_an_import_and_live_traffic_never_block_each_other_for_good(
    app: Flask, run: Run, export: Export, admin: Caller
) -> None:
    projects = [{"project_id": account, "name": "Old", "active": "1", "budget": "1000"} for account in ACCOUNTS]

    def budgets(seed: int) -> list[dict[str, object]]:
        chance = random.Random(seed)
        rows = [
            {
                "project_id": account,
                "challenge_id": str(challenge),
                "locked_amount": chance.choice(["0", "5", "7.5"]),
                "consumed_amount": chance.choice(["0", "0", "3"]),
            }
            for account in ACCOUNTS
            for challenge in CHALLENGES
        ]
        chance.shuffle(rows)
        return rows

    assert run("import-legacy", export(project=projects, project_challenge_budget=budgets(0))).exit_code == 0
    answers: list[int] = []

    def traffic(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(CALLS):
            path = f"/v6/billing-accounts/{chance.choice(ACCOUNTS)}"
            amount = {"challengeId": str(chance.choice(CHALLENGES)), "amount": chance.randrange(1, 9)}
            action = chance.choice(["lock-amount", "lock-amount", "consume-amount"])
            answers.append(admin.patch(f"{path}/{action}", amount).status_code)

    with ThreadPoolExecutor(WORKERS) as pool:
        running = [pool.submit(traffic, seed) for seed in range(WORKERS)]
        imports = count(1)
        while not all(each.done() for each in running):
            seed = next(imports)
            path = export(f"{seed}.json", project=projects, project_challenge_budget=budgets(seed))
            result = run("import-legacy", path)
            assert result.exit_code == 0, result.output
        for each in running:
            each.result()
    assert len(answers) == WORKERS * CALLS
    assert set(answers) <= {200, 409}
    with app.app_context():
        assert list(audit.differences()) == []
