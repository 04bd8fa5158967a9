"""A whole cut-over: a large export is loaded while the service runs, and existing callers go on from there."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench import legacy_export
from tests.processes import Service, finish, flask

ROWS = 200_000


@pytest.fixture
def service(var_dir: Path) -> Iterator[Service]:
    service = Service(var_dir)
    yield service
    service.stop()


def run(var_dir: Path, *arguments: str) -> tuple[int, str]:
    code, out, err = finish(flask(*arguments, VAR_DIR=str(var_dir)), within_seconds=180)
    assert "Traceback" not in err
    return code, out


def test_an_export_is_loaded_served_and_worked_with(service: Service, var_dir: Path) -> None:
    export = var_dir / "export.json"
    expected = legacy_export.write(export, rows=ROWS)
    code, out = run(var_dir, "import-legacy", str(export))
    assert code == 0, out
    assert service.get("/v6/clients")["count"] >= len(expected.clients)
    assert service.get("/v6/billing-accounts")["count"] == len(expected.accounts)
    code, out = run(var_dir, "import-legacy", str(export))
    assert code == 0
    # What follows is the table of money.
    for line in out.partition("┃ money")[0].splitlines():
        if "time_oltp" in line and "│" in line:
            assert [cell.strip() for cell in line.split("│")[3:5]] == ["0", "0"], "a second import changes nothing"

    totals = expected.totals()
    for account_id in sorted(totals)[:20]:
        account = service.get(f"/v6/billing-accounts/{account_id}")
        assert (Decimal(str(account["lockedBudget"])), Decimal(str(account["consumedBudget"]))) == totals[account_id]
    _drive_clients(service)
    _drive_accounts(service)
    assert run(var_dir, "ledger", "verify")[0] == 0


def _drive_clients(service: Service) -> None:
    status, client = service.call("POST", "/v6/clients", {"param": {"name": "New client", "codeName": "NEW"}})
    assert status == 201
    assert service.call("PATCH", f"/v6/clients/{client['id']}", {"status": "INACTIVE"})[1]["status"] == "INACTIVE"
    found = service.get("/v6/clients?codeName=ne&status=INACTIVE&sortBy=name&sortOrder=asc")
    assert client["id"] in [row["id"] for row in found["results"]]
    assert service.call("GET", "/v6/clients/nobody")[0] == 404


def _drive_accounts(service: Service) -> None:
    new = {"name": "After the cut-over", "budget": 100, "markup": 0.25, "clientId": "1"}
    status, account = service.call("POST", "/v6/billing-accounts", new)
    assert status == 201
    path = f"/v6/billing-accounts/{account['id']}"
    _drive_budget(service, path, account["id"])

    assert service.call("PATCH", path, {"budget": 10})[1]["reason"] == "budget_below_reserved"
    assert service.call("PATCH", path, {"budget": 250, "poNumber": "PO-9"})[1]["budget"] == 250
    assert service.get(f"{path}/entries?kind=consumed&sortBy=amount&sortOrder=desc")["count"] == 3
    assert [row["name"] for row in service.get("/v6/billing-accounts?name=AFTER%20the")["results"]] == [new["name"]]
    lowest = service.get("/v6/billing-accounts?sortBy=remainingBudget&perPage=50")["results"]
    assert [row["totalBudgetRemaining"] for row in lowest] == sorted(row["totalBudgetRemaining"] for row in lowest)

    assert service.call("POST", f"{path}/users", {"userId": "40051399", "userHandle": "ann"})[0] == 201
    assert service.get(f"{path}/users/40051399/access") == {"hasAccess": True}
    assert [row["id"] for row in service.get("/v6/billing-accounts/users/40051399")["results"]] == [account["id"]]
    assert service.call("DELETE", f"{path}/users/40051399")[0] == 200
    assert service.get(f"{path}/users/40051399/access") == {"hasAccess": False}


def _drive_budget(service: Service, path: str, account_id: int) -> None:
    def lock(**values: Any) -> tuple[int, Any]:
        return service.call("PATCH", f"{path}/lock-amount", values)

    def consume(**values: Any) -> tuple[int, Any]:
        return service.call("PATCH", f"{path}/consume-amount", values)

    assert lock(challengeId="c1", amount=60)[0] == 200
    status, error = lock(challengeId="c2", amount=50)
    assert (status, error["reason"], error["details"]) == (
        400,
        "insufficient_funds",
        {"available": 40, "requested": 50},
    )
    assert lock(challengeId="c2", amount=10)[0] == 200
    assert lock(challengeId="c2", amount=0)[1] == {"unlocked": True}
    assert consume(challengeId="c1", amount=45.5)[0] == 200
    assert lock(challengeId="c1", amount=1)[1]["reason"] == "already_consumed"
    consumes = [{"billingAccountId": account_id, "externalId": "e1", "amount": 20} for _ in range(2)]
    assert service.call("POST", "/v6/billing-accounts/consume-amounts", {"consumes": consumes}) == (200, {"count": 2})
    account = service.get(path)
    assert (account["lockedBudget"], account["consumedBudget"], account["totalBudgetRemaining"]) == (0, 85.5, 14.5)
    assert [line["challengeId"] for line in account["consumedAmounts"]] == ["c1", None, None]
