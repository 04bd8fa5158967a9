"""`flask serve` as an operator meets it: real processes, real signals."""

import re
import signal
import socket
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import psutil
import psycopg2
import pytest

from app.db.server import embedded
from cli.serve import GRACEFUL_STOP_SECONDS
from tests.processes import DEADLINE_SECONDS, Service, command, finish, free_port, interrupt, until, using


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_service_starts_answers_and_leaves_nothing(empty_var_dir: Path, signal_number: int) -> None:
    service = Service(empty_var_dir)
    assert service.banner[0].split() == ["Service", f"http://127.0.0.1:{service.port}"]
    assert service.banner[1].split() == ["Reference", f"http://127.0.0.1:{service.port}/docs"]
    assert service.banner[3].split()[0] == "Console"
    assert service.get("/health/ready")["status"] == "ok"
    assert service.get("/v6/clients")["count"] == 0, "the printed token is an administrator's"
    with build_opener(HTTPCookieProcessor()).open(service.banner[3].split()[1]) as page:
        assert page.url == f"http://127.0.0.1:{service.port}/console", "the printed link signs in"
    service.stop(signal_number)
    assert using(empty_var_dir) == []
    with pytest.raises(URLError):
        service.get("/health/live")


@pytest.mark.parametrize("started", [1, 7])
def test_stops_at_once_while_its_workers_start(var_dir: Path, started: int) -> None:
    """A worker forked a moment ago has no handlers of its own yet, and hears the signal all the same."""
    service = Service(var_dir, WEB_CONCURRENCY="8")
    parent = psutil.Process(service.process.pid)
    until(lambda: len(parent.children()) >= started, "workers to be forked")
    interrupted_at = time.monotonic()
    service.stop()
    assert time.monotonic() - interrupted_at < GRACEFUL_STOP_SECONDS, "no worker had to be killed"


def test_stops_at_once_while_requests_begin(var_dir: Path) -> None:
    """Each connection makes a worker start a thread, and the signal comes in between."""
    for _ in range(3):
        service = Service(var_dir)
        callers = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(8)]
        for caller in callers:
            caller.sendall(b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
        interrupted_at = time.monotonic()
        service.stop()
        assert time.monotonic() - interrupted_at < GRACEFUL_STOP_SECONDS
        for caller in callers:
            caller.close()


def test_a_second_start_keeps_the_data(var_dir: Path) -> None:
    first = Service(var_dir)
    code, out, err = command("demo", VAR_DIR=str(var_dir))
    assert (code, err) == (0, ""), "commands use the database of the running service"
    assert out.startswith("Loaded")
    first.stop()
    second = Service(var_dir, first.port)
    assert second.get("/v6/clients")["count"] == 5
    second.stop()


def test_a_killed_service_does_not_block_the_next(var_dir: Path) -> None:
    killed = Service(var_dir)
    finish(killed.process, signal.SIGKILL)

    def port_is_free() -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return probe.connect_ex(("127.0.0.1", killed.port)) != 0

    until(port_is_free, "the orphaned workers to notice")
    again = Service(var_dir, killed.port)
    assert again.get("/health/ready")["status"] == "ok"
    again.stop()
    assert using(var_dir) == []


def test_a_busy_port_is_said_in_one_line(empty_var_dir: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        code, out, err = command("serve", VAR_DIR=str(empty_var_dir), PORT=str(port))
    assert code == 1
    assert out == ""
    assert err.count("\n") == 1
    assert f"Port {port}" in err
    assert [path.name for path in empty_var_dir.iterdir()] == ["auth_secret"], "no database was begun"


def test_two_copies_run_side_by_side(empty_var_dir: Path) -> None:
    one, two = Service(empty_var_dir / "one"), Service(empty_var_dir / "two")
    one.call("POST", "/v6/clients", {"name": "Acme"})
    assert one.get("/v6/clients")["count"] == 1
    assert two.get("/v6/clients")["count"] == 0
    one.stop()
    assert two.get("/health/ready")["status"] == "ok"
    two.stop()


def test_metrics_are_summed_over_workers(var_dir: Path) -> None:
    service = Service(var_dir)
    for _ in range(20):
        service.get("/v6/clients")
    request = Request(f"http://127.0.0.1:{service.port}/metrics")
    with urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    line = next(line for line in text.splitlines() if 'route="/v6/clients"' in line and "requests_total" in line)
    assert float(line.rsplit(" ", 1)[1]) == 20
    service.stop()


def test_a_bad_setting_is_said_in_one_line(empty_var_dir: Path) -> None:
    code, _, err = command("serve", VAR_DIR=str(empty_var_dir), PORT="many")
    assert code != 0
    assert "PORT must be" in err
    assert "Traceback" not in err


def test_production_refuses_to_start_without_a_secret(empty_var_dir: Path) -> None:
    code, _, err = command("serve", VAR_DIR=str(empty_var_dir), APP_ENV="production")
    assert code != 0
    assert "AUTH_SECRET" in err
    assert "Traceback" not in err
    assert not (empty_var_dir / "auth_secret").exists()


def test_production_refuses_to_start_without_a_database(empty_var_dir: Path) -> None:
    code, out, err = command("serve", VAR_DIR=str(empty_var_dir), APP_ENV="production", AUTH_SECRET="x" * 32)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "DATABASE_URL" in err
    assert list(empty_var_dir.iterdir()) == [], "no embedded server was begun"


def test_a_role_that_row_level_security_does_not_bind(var_dir: Path) -> None:
    """Refused in production, warned of elsewhere."""
    with embedded.running(var_dir, durable=False):
        superuser = embedded.url(var_dir).replace(f"{embedded.ROLE}@", "postgres@")
        environ = {"VAR_DIR": str(var_dir), "DATABASE_URL": superuser, "AUTH_SECRET": "x" * 32}
        code, out, err = command("serve", PORT=str(free_port()), APP_ENV="production", **environ)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("Error: DATABASE_URL connects as postgres, a superuser: ")
        del environ["VAR_DIR"]
        service = Service(var_dir, **environ)
        assert service.get("/health/ready")["status"] == "ok"
        code, _, err = finish(service.process, signal.SIGTERM)
        assert (code, err.count("\n")) == (0, 1)
        assert err.startswith("Warning: DATABASE_URL connects as postgres, a superuser: ")


def test_a_database_of_another_version_is_said_in_one_line(var_dir: Path) -> None:
    """A folder that an older version made, whose migrations are not these."""
    with embedded.running(var_dir, durable=False):
        stand_at(var_dir, "0099")
        data = var_dir / "postgres"
        for words in (["serve"], ["db", "upgrade"], ["db", "current"]):
            assert command(*words, VAR_DIR=str(var_dir), PORT=str(free_port())) == (
                1,
                "",
                (
                    f"Error: The database in {data} is at revision 0099, which this version does not know: "
                    f"move that folder away (mv {data} {data}.old) and start again.\n"
                ),
            )


def stand_at(var_dir: Path, revision: str) -> None:
    """Let the running database of `var_dir` say that it is at another revision."""
    url = embedded.url(var_dir).replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = %s", (revision,))


def test_in_production_no_token_is_printed(empty_var_dir: Path, database_url: str) -> None:
    """What a service prints is kept in logs, which more people read than may administer."""
    service = Service(empty_var_dir, APP_ENV="production", AUTH_SECRET="x" * 32, DATABASE_URL=database_url)
    assert "eyJ" not in "".join(service.banner)
    assert service.banner[2] == "Tokens     are issued by `flask token`\n"
    service.stop()


class TestWithoutMigrating:
    """What each of several copies does."""

    def test_it_refuses_a_database_that_is_behind(self, empty_var_dir: Path) -> None:
        code, out, err = command("serve", "--no-migrate", VAR_DIR=str(empty_var_dir), PORT=str(free_port()))
        assert (code, out) == (1, "")
        assert re.fullmatch(
            r"Error: The database is at no revision and this version needs \d{4}: run `flask db upgrade` first\.\n", err
        )
        command("db", "upgrade", "0002", VAR_DIR=str(empty_var_dir))
        _, _, err = command("serve", "--no-migrate", VAR_DIR=str(empty_var_dir), PORT=str(free_port()))
        assert err.startswith("Error: The database is at revision 0002 and this version needs ")

    @pytest.mark.parametrize("ahead", [False, True])
    def test_it_serves_one_that_is_up_to_date_or_ahead(self, var_dir: Path, ahead: bool) -> None:
        """While a new version is rolled out, copies of the old one may start again."""
        if ahead:
            with embedded.running(var_dir, durable=False):
                stand_at(var_dir, "9999")
        service = Service(var_dir, None, "--no-migrate")
        assert service.get("/v6/clients")["count"] == 0
        service.stop()


def test_headers_of_proxies_are_not_believed_by_the_server(var_dir: Path) -> None:
    """gunicorn believes what comes from its own machine, unless told otherwise."""
    service = Service(var_dir)
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: here\r\nScript_Name: /health\r\nX-Forwarded-Proto: https\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    service.stop()


def test_an_idle_connection_is_kept_for_as_long_as_is_set(var_dir: Path) -> None:
    service = Service(var_dir, KEEP_ALIVE_SECONDS="1")
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
        # Until it is closed by the service, long before the 75 seconds that are usual.
        assert b'"ok"' in b"".join(iter(lambda: connection.recv(4096), b""))
    service.stop()


def test_orphaned_workers_leave_the_port_though_callers_go_on(var_dir: Path) -> None:
    service = Service(var_dir, WEB_CONCURRENCY="1")
    caller = HTTPConnection("127.0.0.1", service.port, timeout=20)
    caller.request("GET", "/health/live")
    caller.getresponse().read()
    service.process.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    while caller.sock is not None:
        caller.request("GET", "/health/live")
        caller.getresponse().read()
        assert time.monotonic() - killed_at < GRACEFUL_STOP_SECONDS / 2
    finish(service.process)
    assert time.monotonic() - killed_at < GRACEFUL_STOP_SECONDS / 2


class TestEmbeddedDatabase:
    """A server of its own that ends while the service runs."""

    @pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
    def test_one_that_was_killed_is_started_again(self, var_dir: Path, signal_number: int) -> None:
        service = Service(var_dir)
        client = service.call("POST", "/v6/clients", {"name": "Acme"})[1]["id"]
        killed = postmaster(var_dir)
        killed.send_signal(signal_number)
        killed.wait(DEADLINE_SECONDS)
        until(lambda: service.call("GET", f"/v6/clients/{client}")[0] == 200, "the database to be back")
        assert postmaster(var_dir) != killed
        service.process.send_signal(signal.SIGINT)
        code, _, err = finish(service.process)
        assert code == 0
        assert "it is started again" in err
        assert using(var_dir) == []

    def test_one_that_cannot_be_started_again_ends_the_service(self, var_dir: Path) -> None:
        service = Service(var_dir, altered_by="from app.db.server import embedded\nembedded.RESTART_SECONDS = 1")
        killed = postmaster(var_dir)
        (var_dir / "postgres" / "PG_VERSION").rename(var_dir / "version")
        killed.kill()
        code, _, err = finish(service.process)
        assert code == 1
        assert err.splitlines()[-1] == f"Error: The embedded PostgreSQL stopped; see {var_dir / 'postgres.log'}."
        assert "Traceback" not in err


def postmaster(var_dir: Path) -> psutil.Process:
    return psutil.Process(int((var_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


@pytest.mark.parametrize(("host", "hops", "warned"), [("0.0.0.0", "0", True), ("0.0.0.0", "1", False)])  # noqa: S104
def test_an_address_others_reach_without_a_proxy_is_warned_of(
    var_dir: Path, host: str, hops: str, warned: bool
) -> None:
    service = Service(var_dir, HOST=host, TRUSTED_PROXY_HOPS=hops)
    code, _, err = interrupt(service.process)
    assert code == 0
    assert [line.split(":")[0] for line in err.splitlines()] == ["Warning"] * warned
