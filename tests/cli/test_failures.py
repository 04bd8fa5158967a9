"""What commands say when they fail, or are called wrongly: one line, no traceback, and 1 or 2."""

import gc
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

import cli
from tests.cli.conftest import Run
from tests.processes import command, free_port

ODD = ["", "-1", "nan", "1e400", "9" * 5000, "a\nb", "\udcff"]
SECRET = "x" * 32
UNREACHABLE = "postgresql://billing@127.0.0.1:1/billing"
NEEDS_DATABASE = [
    ["serve"],
    ["serve", "--no-migrate"],
    ["db", "upgrade"],
    ["db", "current"],
    ["demo"],
    ["ledger", "verify"],
    ["credits", "grant-monthly"],
    ["credits", "plan", "list"],
    ["payments", "reconcile"],
    ["maintenance", "run"],
    ["backup", "/nowhere/a.dump"],
    ["restore", "/nowhere/a.dump"],
    ["import-legacy", "/dev/null"],
]


def fails(result: tuple[int, str, str], code: int = 1) -> str:
    """What a failed command said, seen to be one line."""
    found, _, err = result
    assert found == code, result
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, err
    return lines[0]


@pytest.mark.parametrize("words", NEEDS_DATABASE, ids=" ".join)
def test_a_database_that_cannot_be_reached(tmp_path: Path, words: list[str]) -> None:
    environ = {"DATABASE_URL": UNREACHABLE, "AUTH_SECRET": SECRET, "VAR_DIR": str(tmp_path), "PORT": str(free_port())}
    fails(command(*words, **environ))


def test_a_role_that_may_not_connect(tmp_path: Path, database_url: str) -> None:
    url = database_url.replace("billing@", "nobody@", 1)
    said = fails(command("ledger", "verify", DATABASE_URL=url, AUTH_SECRET=SECRET, VAR_DIR=str(tmp_path)))
    assert "nobody" in said


@pytest.mark.parametrize("words", [["serve"], ["demo"], ["ledger", "verify"]])
def test_a_directory_that_cannot_be_made(tmp_path: Path, words: list[str]) -> None:
    """Also when the secret is given, so that only the server and the metrics need it."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "var"):
        environ = {"VAR_DIR": str(place), "AUTH_SECRET": SECRET, "PORT": str(free_port())}
        assert "VAR_DIR" in fails(command(*words, **environ))


def test_a_directory_of_metrics_that_cannot_be_made(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "metrics").touch()
    environ = {"VAR_DIR": str(tmp_path), "AUTH_SECRET": SECRET, "PORT": str(free_port()), "DATABASE_URL": database_url}
    assert "VAR_DIR" in fails(command("serve", **environ))


def test_a_host_that_is_not_this_machine(tmp_path: Path) -> None:
    for host in ("nowhere.invalid", "192.0.2.1"):
        said = fails(command("serve", HOST=host, PORT=str(free_port()), VAR_DIR=str(tmp_path)))
        assert host in said


def test_a_full_disk(tmp_path: Path, database_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "AUTH_SECRET": SECRET, "VAR_DIR": str(tmp_path)}
    (tmp_path / "a.json").write_text('{"time_oltp:client": [{"client_id": "x"}]}')
    fails(command("import-legacy", str(tmp_path / "a.json"), "--errors", "/dev/full", **environ))


def leaves(command: click.Command, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, [*words, name])
    else:
        yield words, command


LEAVES = [leaf for command in cli.COMMANDS for leaf in leaves(command, [str(command.name)]) if leaf[0] != ["serve"]]


# click leaves the files of a command line that it refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("words", "command"), LEAVES, ids=[" ".join(words) for words, _ in LEAVES])
def test_odd_values_of_every_option(
    app: Flask, words: list[str], command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option of each command is given every odd value, with its other options left as they are needed."""
    cli.register(app)
    runner = app.test_cli_runner()
    monkeypatch.chdir(tmp_path)
    usual = {"name": "Team", "account_id": "0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10", "file": "a.dump", "files": "a.json"}
    usual |= {"credits_per_month": "1", "usd_per_credit": "1", "amount": "1", "price": "1", "roles": "administrator"}
    usual |= {"key_id": "1", "reason": "x", "country": "PT", "rate_id": "1", "rate": "0.23", "valid_from": "2025-10-30"}
    for parameter in command.params:
        for value in [] if getattr(parameter, "is_flag", False) else ODD:
            given = {each.name: usual[str(each.name)] for each in command.params if each.name in usual}
            given[parameter.name] = value
            arguments = list(words)
            for each in command.params:
                if isinstance(each, click.Option) and each.name in given:
                    arguments += [f"{each.opts[0]}={given[each.name]}"]
            arguments += ["--", *(given[each.name] for each in command.params if isinstance(each, click.Argument))]
            result = runner.invoke(args=arguments)
            assert result.exit_code in {0, 1, 2}, arguments
            assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exception)
    # While the warnings of those files are expected.
    gc.collect()


def test_environment_that_is_no_text_is_named_in_one_line(tmp_path: Path) -> None:
    words = ("token", "--role", "copilot")
    for name in ("VAR_DIR", "SELLER_NAME", "LOG_LEVEL"):
        assert name in fails(command(*words, **{"AUTH_SECRET": SECRET, "VAR_DIR": str(tmp_path), name: "/a\udcff"}))


@pytest.mark.parametrize(
    "odd",
    [
        *(("--user", "a" * 256), ("--email", "a" * 256)),
        *(
            ("--hours", hours)
            for hours in ("0", "-1", "soon", "nan", "inf", "-inf", "1e400", "1e300", "1e-9", "9" * 400, "1_0")
        ),
    ],
)
def test_a_token_that_the_service_would_refuse_is_wrong_usage(run: Run, odd: tuple[str, str]) -> None:
    result = run("token", "--role", "copilot", *odd)
    fails((result.exit_code, result.stdout, result.stderr), 2)


@pytest.mark.parametrize("words", [["db", "upgrade", "9999"], ["openapi", "write", "/nowhere/a.json"]])
def test_commands_of_the_frameworks(var_dir: Path, words: list[str]) -> None:
    code, _, err = command(*words, VAR_DIR=str(var_dir), LOG_LEVEL="ERROR")
    assert code == 1
    assert "Traceback" not in err
