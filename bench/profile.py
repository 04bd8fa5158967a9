"""Where the time of a request goes: shares by a profiler, which makes Python look slower than it is."""

import cProfile
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask

from app import create_app
from app.config import Settings
from app.db.base import db
from app.db.server import embedded
from bench import accounts, service
from cli.token import mint

REQUESTS = 300
# By file, line and name of a function: its calls without and with recursion, its own and its cumulative seconds, and
# its callers.
_Stats = Mapping[tuple[str, int, str], tuple[int, int, float, float, object]]
# What is counted under which name: the file ends so, and the function is called so. Nothing is counted twice.
_PARTS: dict[str, list[tuple[str, set[str]]]] = {
    "routing": [("flask/app.py", {"create_url_adapter"}), ("flask/ctx.py", {"match_request"})],
    "id, log line, metrics": [("app/web/requests.py", {"_begin", "_end"})],
    "token, role": [("app/auth/guards.py", {"admit"})],
    "arguments": [("app/web/arguments.py", {"parse"})],
    "SQL: waiting for the database": [("app/db/fast/driver.py", {"execute", "commit", "rollback"})],
    "SQL: SQLAlchemy": [("app/db/base.py", {"execute", "get_bind", "commit", "rollback", "close"})],
    "dump": [("app/web/schemas.py", {"dump"})],
    "JSON": [("app/web/json.py", {"response"})],
}


def split() -> dict[str, dict[str, float]]:
    """For some requests, the share of each part in their time."""
    with _application() as (app, token):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        client = app.test_client()
        lock = {"challengeId": "c1", "amount": 1}
        calls: Mapping[str, Any] = {
            "list of 20": lambda: client.get("/v6/billing-accounts", headers=headers),
            "detail": lambda: client.get("/v6/billing-accounts/1", headers=headers),
            "lock": lambda: client.patch("/v6/billing-accounts/1/lock-amount", json=lock, headers=headers),
        }
        return {name: _shares(call) for name, call in calls.items()}


def _shares(call: Any) -> dict[str, float]:
    for _ in range(REQUESTS // 10):
        call()
    profiler = cProfile.Profile()
    for _ in range(REQUESTS):
        answer = profiler.runcall(call)
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(answer.get_data())
    profiler.create_stats()
    stats: _Stats = profiler.stats
    whole = _seconds(stats, "flask/app.py", {"wsgi_app"})
    found = {name: sum(_seconds(stats, file, names) for file, names in part) for name, part in _PARTS.items()}
    found["SQL: SQLAlchemy"] -= found["SQL: waiting for the database"]
    shares = {name: seconds / whole for name, seconds in found.items()}
    return {**shares, "the rest of Flask": 1 - sum(shares.values())}


def _seconds(stats: _Stats, file: str, names: set[str]) -> float:
    """Cumulative seconds of the functions."""
    return sum(
        cumulative
        for (path, _, name), (_, _, _, cumulative, _) in stats.items()
        if path.endswith(file) and name in names
    )


@contextmanager
def _application() -> Iterator[tuple[Flask, str]]:
    """The application in this process, on a database with some accounts."""
    with (
        service.directory() as var_dir,
        embedded.running(var_dir),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        settings = Settings.load({"VAR_DIR": str(var_dir)})
        # The log lines are written, where nobody reads them.
        with redirect_stderr(nowhere):
            app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            accounts.load(accounts=1000, lines=25_000)
            db.session.commit()
            db.session.remove()
        yield app, mint(settings)
        with app.app_context():
            db.engine.dispose()
