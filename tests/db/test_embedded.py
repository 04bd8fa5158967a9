import os
import pwd
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
from sqlalchemy import make_url

from app.db.server import embedded
from tests.processes import ROOT, command, finish, until, using

USE = """
import sys
from pathlib import Path
from app.db.server import embedded
with embedded.running(Path(sys.argv[1]), durable=False):
    print(embedded.url(Path(sys.argv[1])), flush=True)
    sys.stdin.readline() if len(sys.argv) > 2 else None
"""


def answers(empty_var_dir: Path) -> bool:
    try:
        psycopg2.connect(make_url(embedded.url(empty_var_dir)).set(drivername="postgresql").render_as_string()).close()
    except psycopg2.OperationalError:
        return False
    return True


def user_of(empty_var_dir: Path) -> "subprocess.Popen[str]":
    """Another process that uses the server until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(empty_var_dir), "wait"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql")
    return process


def test_embedded_server_runs_inside_the_block_and_leaves_no_process(empty_var_dir: Path) -> None:
    with embedded.running(empty_var_dir, durable=False):
        assert answers(empty_var_dir)
    assert not answers(empty_var_dir)
    assert using(empty_var_dir) == []


def test_embedded_server_keeps_its_data(empty_var_dir: Path) -> None:
    dsn = make_url(embedded.url(empty_var_dir)).set(drivername="postgresql").render_as_string()
    with embedded.running(empty_var_dir):
        connection = psycopg2.connect(dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.close()
    with embedded.running(empty_var_dir):
        connection = psycopg2.connect(dsn)
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM kept")
            assert cursor.fetchall() == [(7,)]
        connection.close()


def test_last_of_several_users_stops_the_embedded_server(empty_var_dir: Path) -> None:
    with embedded.running(empty_var_dir, durable=False):
        other = user_of(empty_var_dir)
    assert answers(empty_var_dir), "another process still uses the server"
    other.communicate("\n")
    assert not answers(empty_var_dir)


def test_a_killed_user_does_not_block_the_next(empty_var_dir: Path) -> None:
    finish(user_of(empty_var_dir), signal.SIGKILL)
    assert answers(empty_var_dir), "nobody was there to stop the server"
    with embedded.running(empty_var_dir, durable=False):
        assert answers(empty_var_dir)
    assert not answers(empty_var_dir)


def test_a_killed_server_is_started_again(empty_var_dir: Path) -> None:
    with embedded.running(empty_var_dir, durable=False):
        postmaster = int((empty_var_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(postmaster) and using(empty_var_dir) == [], "the server's processes to end")
        with embedded.running(empty_var_dir, durable=False):
            assert answers(empty_var_dir)


def test_an_interrupted_creation_is_begun_again(empty_var_dir: Path) -> None:
    (empty_var_dir / "postgres.new").mkdir()
    (empty_var_dir / "postgres.new" / "PG_VERSION").write_text("18")
    with embedded.running(empty_var_dir, durable=False):
        assert answers(empty_var_dir)


def test_a_long_path_gets_a_short_socket(empty_var_dir: Path) -> None:
    deep = empty_var_dir / ("long" * 30)
    with embedded.running(deep, durable=False):
        assert answers(deep)
    assert not answers(deep)


def test_broken_files_of_the_embedded_server_are_reported_in_one_line(empty_var_dir: Path) -> None:
    with embedded.running(empty_var_dir, durable=False):
        pass
    (empty_var_dir / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(embedded.EmbeddedDatabaseError, match="pg_control") as failure, embedded.running(empty_var_dir):
        pass
    assert "\n" not in str(failure.value)


def test_embedded_server_runs_for_an_ordinary_user(empty_var_dir: Path) -> None:
    """As root, by becoming somebody else in a fork: the interpreter itself may be out of an ordinary user's reach."""
    ordinary = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    os.chown(empty_var_dir, ordinary.pw_uid, ordinary.pw_gid)
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            if os.geteuid() == 0:
                os.setgroups(())
                os.setgid(ordinary.pw_gid)
                os.setuid(ordinary.pw_uid)
            with embedded.running(empty_var_dir, durable=False):
                code = 0 if answers(empty_var_dir) else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (empty_var_dir / "postgres").stat().st_uid == ordinary.pw_uid


def test_every_command_finds_the_same_database(empty_var_dir: Path) -> None:
    code, out, err = command("db", "current", VAR_DIR=str(empty_var_dir))
    assert code == 0, err
    assert "Traceback" not in out + err
