"""A restore to a moment, rehearsed on servers of its own: `python -m deploy.rehearse_restore`.

It takes a base backup, keeps the log that follows it, works, notes the moment, does damage, and restores into another
VAR_DIR what was there at that moment. It fails unless the books add up there and every amount is as it was. Nothing
outside a temporary directory is touched.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from app import create_app
from app.config import ROOT, Settings
from app.db.base import db
from app.db.server import embedded
from cli.token import mint

DEADLINE_SECONDS = 120
SLOT = "backup"
ACCOUNTS = "/v6/billing-accounts"


class RehearsalFailed(Exception):
    """What was restored is not what was there; the text says where."""


def main() -> None:
    """Rehearse, telling each step. Raises RehearsalFailed."""
    with tempfile.TemporaryDirectory(prefix="billing-restore-") as name:
        place = Path(name)
        place.chmod(0o711)
        source, target, backup = place / "source", place / "target", place / "backup"
        with embedded.running(source):
            flask("db", "upgrade", var_dir=source)
            flask("demo", var_dir=source)
            backup.mkdir()
            give_to_server(backup)
            with log_kept(source, backup / "wal"):
                take_base_backup(source, backup / "base")
                work(source, "before", amount=125)
                then, amounts = noted(source)
                work(source, "after", amount=80)
                damage(source)
        restore(backup, target, then)
        with embedded.running(target):
            wait_until(lambda: sql(target, "SELECT NOT pg_is_in_recovery()") is True, "the log to be replayed")
            compare(target, amounts)


def say(text: str) -> None:
    """Tell what was done."""
    print(text, flush=True)


def flask(*words: str, var_dir: Path) -> None:
    """Run one of the service's commands. Raises CalledProcessError."""
    environ = {**os.environ, "VAR_DIR": str(var_dir), "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
    subprocess.run([sys.executable, "-m", "flask", *words], cwd=ROOT, env=environ, check=True)
    say(f"flask {' '.join(words)}")


def server_user() -> dict[str, Any]:
    """Who the server's files belong to: a user of its own when this process is root."""
    if os.geteuid() != 0:
        return {}
    return {"user": embedded.SERVER_USER, "group": embedded.SERVER_USER, "extra_groups": ()}


def give_to_server(path: Path) -> None:
    """Have the server own a directory and all that is in it."""
    if os.geteuid() == 0:
        for each in (path, *path.rglob("*")):
            shutil.chown(each, embedded.SERVER_USER, embedded.SERVER_USER)


def command(program: str, var_dir: Path, *options: str | Path) -> list[str]:
    """The command line of one of PostgreSQL's programs that connects to the server of `var_dir`."""
    server = ("--host", embedded.socket_dir(var_dir), "--username", "postgres")
    return [str(word) for word in (embedded.program_path(program), *server, *options)]


@contextmanager
def log_kept(var_dir: Path, directory: Path) -> Iterator[None]:
    """Have every byte of the server's log copied as it is written, and all of it once the block ends."""
    directory.mkdir()
    give_to_server(directory)
    options = ("--directory", directory, "--slot", SLOT)
    subprocess.run(command("pg_receivewal", var_dir, *options, "--create-slot"), check=True, cwd="/", **server_user())
    receiver = subprocess.Popen(command("pg_receivewal", var_dir, *options, "--synchronous"), cwd="/", **server_user())
    try:
        yield
        end = sql(var_dir, "SELECT pg_current_wal_flush_lsn()::text")
        kept = f"SELECT count(*) > 0 FROM pg_replication_slots WHERE slot_name = '{SLOT}' AND restart_lsn >= '{end}'"
        wait_until(lambda: sql(var_dir, kept) is True, "the log to be kept")
        say(f"Log kept up to {end}")
    finally:
        receiver.send_signal(signal.SIGINT)
        receiver.wait()


def take_base_backup(var_dir: Path, directory: Path) -> None:
    """Copy the files of a running server."""
    options = ("--pgdata", directory, "--checkpoint", "fast", "--wal-method", "none", "--no-password")
    subprocess.run(command("pg_basebackup", var_dir, *options), check=True, cwd="/", **server_user())
    say("Base backup taken")


def work(var_dir: Path, reference: str, *, amount: int) -> None:
    """Lock and consume amounts as callers do."""
    settings = Settings.load({"VAR_DIR": str(var_dir), "LOG_LEVEL": "ERROR"})
    app = create_app(settings)
    client, headers = app.test_client(), {"Authorization": f"Bearer {mint(settings)}"}
    for call in ("lock-amount", "consume-amount"):
        body = {"challengeId": f"{reference}-{call}", "amount": amount}
        answer = client.patch(f"{ACCOUNTS}/1/{call}", json=body, headers=headers)
        if not answer.get_json()["success"]:
            raise RehearsalFailed(answer.get_data(as_text=True))
    with app.app_context():
        db.engine.dispose()
    say(f"Locked and consumed {amount} ({reference} the moment)")


def noted(var_dir: Path) -> tuple[str, Any]:
    """The moment to go back to, and all amounts at it."""
    amounts = totals(var_dir)
    moment: str = sql(var_dir, "SELECT clock_timestamp()::text")
    say(f"The moment is {moment}")
    return moment, amounts


def damage(var_dir: Path) -> None:
    """What a mistake at a psql prompt does."""
    sql(var_dir, "UPDATE budgets SET locked = 0; DELETE FROM budget_lines; SELECT true")
    say("Damaged: every line deleted")


def restore(backup: Path, target: Path, moment: str) -> None:
    """Lay out the base backup in `target`, to be brought up to `moment` when its server starts."""
    target.mkdir()
    data = target / "postgres"
    shutil.copytree(backup / "base", data)
    (data / "recovery.signal").touch()
    wal = backup / "wal"
    settings = {
        # The last part of the log is still called partial when its server is lost.
        "restore_command": f'cp "{wal}/%f" "%p" || cp "{wal}/%f.partial" "%p"',
        "recovery_target_time": moment,
        "recovery_target_action": "promote",
    }
    with (data / "postgresql.auto.conf").open("a") as conf:
        conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    give_to_server(data)
    say(f"Restored into {target}")


def compare(target: Path, amounts: Any) -> None:
    """See that the books of `target` add up and hold these amounts."""
    flask("ledger", "verify", var_dir=target)
    restored = totals(target)
    if restored != amounts:
        raise RehearsalFailed(f"Amounts differ: {json.dumps(restored)} in place of {json.dumps(amounts)}")
    say(f"All amounts are as they were, {len(amounts)} rows of budgets and lines")


def totals(var_dir: Path) -> Any:
    """Every budget with its totals, and every line."""
    return sql(
        var_dir,
        "SELECT (SELECT json_agg(b::text ORDER BY b::text) FROM budgets b)::jsonb"
        " || (SELECT json_agg(l::text ORDER BY l::text) FROM budget_lines l)::jsonb",
    )


def sql(var_dir: Path, statement: str) -> Any:
    """The one value that a statement gives, run as the superuser."""
    dsn = f"host={embedded.socket_dir(var_dir)} user=postgres dbname={embedded.DATABASE}"
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        return row and row[0]


def wait_until(condition: Any, what: str) -> None:
    """Wait for something that is under way. Raises RehearsalFailed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RehearsalFailed(f"Waited too long for {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        main()
    except RehearsalFailed as error:
        sys.exit(f"Error: {error}")
