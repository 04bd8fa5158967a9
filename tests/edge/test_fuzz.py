"""No bytes end a process or leave the service without an answer."""

import time
from itertools import islice

import pytest

from tests.edge import fuzz
from tests.edge.wire import Target

SEED = 14
BATCH = 50


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("name", ["direct", "front"])
def test_random_requests_leave_every_process_alive(request: pytest.FixtureRequest, name: str) -> None:
    target: Target = request.getfixturevalue(name)
    # Not declared where tests/prove is not among what is run.
    seconds = 300 if request.config.getoption("--whole", default=False) else 2
    sent, answers = fuzz.requests(SEED), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for raw in islice(sent, BATCH):
            got = target.sent_raw(raw, half_close=True)
            answers += got.startswith(b"HTTP/1.")
            assert b" 500 " not in got.partition(b"\r\n")[0], raw
        assert target.get("/v6/clients").status == 200
    assert answers > 0


def test_a_seed_yields_the_same_requests_again() -> None:
    assert list(islice(fuzz.requests(SEED), 500)) == list(islice(fuzz.requests(SEED), 500))
