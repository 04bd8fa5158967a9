"""What is made once per process is made soundly, however many threads ask for it first."""

import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from jwt import PyJWKClient

from app.auth import keys
from app.auth.keys import RemoteKeys
from tests.conftest import SECRET
from tests.identity_provider import key_set
from tests.processes import finish, start

THREADS = 8
# In a process of its own, where nothing was asked for before: each path by all threads at once.
ASK = """
import json, sys
from threading import Barrier, Thread
from app import create_app
from app.config import Settings
from cli.token import mint

sys.setswitchinterval(1e-5)
settings = Settings.load(json.loads(sys.argv[1]))
app, token = create_app(settings), mint(settings)
failed = []

def ask(path, gate):
    client = app.test_client()
    gate.wait()
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code >= 500:
        failed.append([path, answer.status_code])

for path in json.loads(sys.argv[2]):
    gate = Barrier(int(sys.argv[3]))
    threads = [Thread(target=ask, args=(path, gate)) for _ in range(int(sys.argv[3]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(json.dumps(failed))
"""


def test_no_first_request_fails(app: Flask, database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "AUTH_SECRET": SECRET, "VAR_DIR": str(tmp_path), "LOG_LEVEL": "CRITICAL"}
    rules = [rule for rule in app.url_map.iter_rules() if rule.methods and "GET" in rule.methods]
    paths = sorted({rule.rule for rule in rules if not rule.arguments})
    assert len(paths) > 15
    arguments = (json.dumps(settings), json.dumps(paths), str(THREADS))
    code, out, err = finish(start(sys.executable, "-c", ASK, *arguments))
    assert code == 0, err
    assert json.loads(out) == []


def test_the_first_readers_of_the_document_get_the_whole_of_it(app_with: Callable[..., Flask]) -> None:
    """The operations are described when it is first read."""
    app = app_with()
    gate = Barrier(THREADS)

    def operations(_: int) -> int:
        gate.wait()
        paths = json.loads(app.test_client().get("/openapi.json").data)["paths"]
        return sum(len(path) for path in paths.values())

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(operations, range(THREADS)))
    assert found == [max(found)] * THREADS
    assert found[0] > 100


def yield_at_each_line(frame: FrameType, _event: str, _value: Any) -> Any:
    """A trace function: in the module of the keys, let other threads go on for a while before each line."""
    if frame.f_code.co_filename != keys.__file__:
        return None
    # Who reads is slower than who writes: each of its lines meets every state of the set.
    time.sleep(random.uniform(0, 0.06) if frame.f_code.co_name == "_known" else 0.001)
    return yield_at_each_line


def test_a_key_set_that_is_replaced_is_never_half_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of one key is found without its id, also by who looks while the set is fetched anew."""
    monkeypatch.setattr(keys, "REFETCH_AFTER_SECONDS", 0)
    monkeypatch.setattr(keys, "KEYS_LIVE_SECONDS", 0)
    # Without the way over the network, many fetches fit into a moment.
    monkeypatch.setattr(PyJWKClient, "fetch_data", lambda _: key_set("old"))
    remote = RemoteKeys("https://auth.example.com/jwks.json")

    def look(_: int) -> set[str]:
        sys.settrace(yield_at_each_line)
        try:
            return {remote.find(None, "RS256")[1] for _ in range(10)}
        finally:
            sys.settrace(None)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(4))) == [{"RS256"}] * 4
