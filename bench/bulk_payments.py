"""Times bulk creation and bulk changes of payments against a running service.

.venv/bin/python -m bench.bulk_payments --token $(.venv/bin/flask token --role administrator)
"""

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

SIZES = (100, 1000)
ROUNDS = 5
PAYMENTS = "/v6/work-period-payments"


class Api:
    """One kept-alive connection with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What a success carries. Raises RuntimeError for anything else."""
        sent = {**self._headers, **headers}
        self._connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = json.loads(self._connection.getresponse().read())
        if not answer["success"]:
            raise RuntimeError(answer["error"])
        return answer["data"]


def periods(api: Api, account_id: int, wanted: int) -> list[str]:
    """Work periods that nothing was paid for yet."""
    booking = {"projectId": 1, "userId": "7", "rateType": "weekly", "memberRate": 5, "billingAccountId": account_id}
    found: list[str] = []
    while len(found) < wanted:
        made = api.call(
            "POST", "/v6/resource-bookings", {**booking, "startDate": "2014-01-06", "endDate": "2023-12-29"}
        )
        page = api.call("GET", f"/v6/work-periods?resourceBookingId={made['id']}&perPage=1000")
        found += [period["id"] for period in page["results"]]
    return found[:wanted]


def timed(api: Api, method: str, items: list[Any]) -> tuple[float, list[Any]]:
    """Seconds for one bulk call whose items all succeed."""
    started = time.perf_counter()
    outcomes = api.call(method, f"{PAYMENTS}/bulk", items)
    seconds = time.perf_counter() - started
    if any("error" in outcome for outcome in outcomes):
        raise RuntimeError(next(outcome for outcome in outcomes if "error" in outcome))
    return seconds, outcomes


def measure(api: Api) -> Iterator[tuple[int, float, float]]:
    """For each size the median seconds of creating so many payments at once, and of changing them."""
    client_id = api.call("POST", "/v6/clients", {"name": "Bulk payments"})["id"]
    account = {"name": "Bulk payments", "budget": 10_000_000, "markup": 0, "clientId": client_id}
    account_id = api.call("POST", "/v6/billing-accounts", account)["id"]
    for size in SIZES:
        created, changed = [], []
        for _ in range(ROUNDS):
            items = [{"workPeriodId": each, "days": 1} for each in periods(api, account_id, size)]
            seconds, payments = timed(api, "POST", items)
            created.append(seconds)
            changed.append(timed(api, "PATCH", [{"id": each["id"], "days": 2} for each in payments])[0])
        yield size, statistics.median(created), statistics.median(changed)


def main() -> None:
    """Print the median seconds of several rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    for size, created, changed in measure(Api(options.url, options.token)):
        print(f"{size:>5} items: create {created:.3f} s, change {changed:.3f} s")


if __name__ == "__main__":
    main()
