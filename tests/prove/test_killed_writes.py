"""A worker that is killed inside a write: the effect is there with its movement and its entry, or none of the three.

Whatever is there, the same request with the same key makes it once.
"""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from sqlalchemy import make_url

from app.db.server import embedded
from tests.caller import ACCOUNTS
from tests.processes import Service, command, interrupt, until

HOLDS = "/v1/billing/credits/holds/"
# Points of a write, in their order: the effect is made, its entry is ready to be sent, everything is committed.
POINTS = ("effect", "entry", "commit")
DIES = """
import os, signal
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
import app.audit.recording

def die_at(point):
    def die(_session):
        if Path(os.environ["VAR_DIR"], point).exists():
            os.kill(os.getpid(), signal.SIGKILL)
    return die

event.listen(Session, "before_commit", die_at("effect"), insert=True)
event.listen(Session, "before_commit", die_at("entry"))
event.listen(Session, "after_commit", die_at("commit"))
"""
# Effects, and as many movements and entries.
COUNTS = """
    SELECT (SELECT count(*) FROM clients), (SELECT count(*) FROM audit_entries WHERE object_type = 'client'),
        (SELECT count(*) FROM budget_lines), (SELECT count(*) FROM budget_movements WHERE external_id IS NOT NULL),
        (SELECT sum(amount)::int FROM budgets), (SELECT sum(budget_delta)::int FROM budget_movements),
        (SELECT count(*) FROM billing_accounts WHERE name LIKE 'new%'),
        (SELECT count(*) FROM audit_entries WHERE after ->> 'name' LIKE 'new%')
"""


@pytest.fixture
def service(var_dir: Path) -> Iterator[Service]:
    service = Service(var_dir, altered_by=DIES, WEB_CONCURRENCY="1")
    yield service
    code, _, err = interrupt(service.process)
    assert (code, "Traceback" in err) == (0, False), err


def counts(var_dir: Path) -> list[tuple[int, int]]:
    """Each number of effects with that of their movements or entries."""
    url = make_url(embedded.url(var_dir)).set(drivername="postgresql").render_as_string()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('billing.account_id', '*', false)")
        cursor.execute(COUNTS)
        found: Any = cursor.fetchone()
    return list(zip(found[::2], found[1::2], strict=True))


def served(service: Service) -> bool:
    try:
        return service.call("GET", "/v6/clients")[0] == 200
    except (OSError, HTTPException):
        return False


def test_a_killed_write_leaves_all_of_its_rows_or_none(service: Service, var_dir: Path) -> None:
    client = service.call("POST", "/v6/clients", {"name": "Acme"})[1]["id"]
    account = {"name": "Acme", "budget": 1000, "markup": 0, "clientId": client}
    ids = [service.call("POST", ACCOUNTS, account)[1]["id"] for _ in range(2)]
    for point in POINTS:
        charges = [{"billingAccountId": each, "externalId": point, "amount": 1} for each in ids]
        writes: list[tuple[str, str, Any]] = [
            ("POST", "/v6/clients", {"name": point}),
            ("POST", f"{ACCOUNTS}/consume-amounts", {"consumes": charges}),
            ("PATCH", f"{ACCOUNTS}/{ids[0]}", {"name": f"new {point}", "budget": 2000}),
        ]
        for write in writes:
            before = counts(var_dir)
            (var_dir / point).touch()
            with pytest.raises((OSError, HTTPException)):
                service.call(*write)
            (var_dir / point).unlink()
            until(lambda: served(service), "another worker")
            after = counts(var_dir)
            assert all(effects == recorded for effects, recorded in after), (point, write, after)
            assert (after == before) is (point != "commit"), (point, write, before, after)
    for group in ("ledger", "audit"):
        code, out, _ = command(group, "verify", VAR_DIR=str(var_dir))
        assert code == 0, out


def test_a_capture_whose_answer_is_lost_is_made_once(service: Service, var_dir: Path) -> None:
    code, token, err = command("token", "--user", "ann", "--email", "ann@jobs.example", VAR_DIR=str(var_dir))
    assert code == 0, err
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token.strip()}"

    def post(path: str, body: Any, **headers: str) -> requests.Response:
        # Each on a connection of its own: that of a worker that was killed is closed.
        headers = {"Connection": "close", **headers}
        return session.post(f"http://127.0.0.1:{service.port}{path}", json=body, headers=headers, timeout=30)

    account = post("/v1/account/", {"name": "Jobs"}).json()["data"]
    grant = {"account_id": account["id"], "amount": 100, "transaction_type": "grant", "description": "To start with"}
    assert service.call("POST", "/v1/billing/credits/grant/", grant)[0] == 201
    before = balance(session, service)
    for nth, point in enumerate(("effect", "commit"), 1):
        terms = {"amount": 30, "operation_type": "images", "reference": point}
        held = post(HOLDS, terms).json()["data"]
        (var_dir / point).touch()
        with pytest.raises(requests.RequestException):
            post(f"{HOLDS}{held['id']}/capture/", {"amount": 10}, **{"Idempotency-Key": point})
        (var_dir / point).unlink()
        until(lambda: served(service), "another worker")
        again = post(f"{HOLDS}{held['id']}/capture/", {"amount": 10}, **{"Idempotency-Key": point})
        assert (again.status_code, again.json()["data"]["captured"]) == (200, 10), (point, again.text)
        assert ("Idempotency-Replayed" in again.headers) is (point == "commit"), (point, again.headers)
        assert balance(session, service) == before - 10 * nth, point
    code, out, _ = command("ledger", "verify", VAR_DIR=str(var_dir))
    assert code == 0, out


def balance(session: requests.Session, service: Service) -> int:
    """The credits of an account, which has none on hold."""
    url = f"http://127.0.0.1:{service.port}/v1/billing/credits/balance/"
    found = session.get(url, headers={"Connection": "close"}, timeout=30).json()["data"]
    assert found["credits_held"] == 0
    return int(found["credits"])
