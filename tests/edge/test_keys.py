"""API keys at several workers, each of which verifies them for itself."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api_keys.conftest import ADMIN_KEYS, issue
from tests.caller import Caller, data
from tests.edge.wire import Target
from tests.processes import Service, until

CALLS = 24


@pytest.mark.usefixtures("workers")
def test_revoked_key_is_refused_by_every_worker_within_five_seconds(admin: Caller, service: Service) -> None:
    made = issue(admin, "read:client")
    machine = Target(service.port, made["key"])

    def statuses() -> set[int]:
        # Of calls at once, each over a connection of its own, every worker gets some.
        with ThreadPoolExecutor(8) as pool:
            return set(pool.map(lambda _: machine.get("/v6/clients").status, range(CALLS)))

    assert statuses() == {200}
    data(admin.post(f"{ADMIN_KEYS}{made['id']}/revoke/", {"reason": "Leaked"}))
    revoked_at = time.monotonic()
    until(lambda: statuses() == {401}, "every worker to refuse the key")
    assert time.monotonic() - revoked_at < 5
    assert statuses() == {401}
