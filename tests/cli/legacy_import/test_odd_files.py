"""Files in other encodings, compressed or damaged, and rejected rows as they stand in them."""

import base64
import gzip
import json
import lzma
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.caller import Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget, counts, lines

MANY = [{**CLIENT, "client_id": str(number), "name": f"Łódź {number}"} for number in range(1, 20_001)]
DIGITS = "9" * 5000


@pytest.fixture
def load(run: Run, tmp_path: Path) -> Any:
    """Imports a file of these bytes: the result, and the lines of the errors file."""

    def do(content: bytes, name: str = "export.json") -> tuple[Result, list[Any]]:
        path, errors = tmp_path / name, tmp_path / "rejected.jsonl"
        path.write_bytes(content)
        result = run("import-legacy", path, "--errors", errors)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result, [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]

    return do


def document(**lists: Any) -> bytes:
    return json.dumps({f"time_oltp:{key}": rows for key, rows in lists.items()}, ensure_ascii=False).encode()


class TestCompressed:
    @pytest.mark.parametrize("name", ["export.json.gz", "export.json"])
    def test_a_file_compressed_with_gzip_is_read(self, load: Any, admin: Caller, name: str) -> None:
        whole = document(client=MANY)
        parts = gzip.compress(whole[:100_000]) + gzip.compress(whole[100_000:])
        result, _ = load(parts, name)
        assert result.exit_code == 0, result.output
        assert data(admin.get("/v6/clients"))["count"] == len(MANY)

    def test_one_that_is_cut_off_is_loaded_up_to_the_cut(self, load: Any, admin: Caller) -> None:
        whole = gzip.compress(document(client=MANY))
        result, _ = load(whole[: len(whole) // 2])
        assert result.exit_code == 1
        assert ": the file ends too early; all rows before were loaded" in result.output
        assert 0 < data(admin.get("/v6/clients"))["count"] < len(MANY)

    @pytest.mark.parametrize("place", [-8, -1, 40, None])
    def test_damage_is_told_from_the_end(self, load: Any, place: int | None) -> None:
        whole = bytearray(gzip.compress(document(client=[CLIENT, PROJECT])))
        if place is None:
            whole += b"garbage"
        else:
            whole[place] ^= 0xFF
        result, _ = load(bytes(whole))
        assert result.exit_code == 1
        assert "its compressed data is damaged (" in result.output


class TestOtherFormats:
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (document(client=[CLIENT]).decode().encode("utf-16"), "it is UTF-16; save it as UTF-8"),
            (document(client=[CLIENT]).decode().encode("utf-16-le"), "it is UTF-16; save it as UTF-8"),
            (document(client=[CLIENT]).decode().encode("utf-16-be"), "it is UTF-16; save it as UTF-8"),
            (document(client=[CLIENT]).decode().encode("utf-32"), "it is UTF-32; save it as UTF-8"),
            (lzma.compress(document(client=[CLIENT])), "it is compressed with xz"),
            (b"PK\x03\x04rest", "it is a zip archive"),
        ],
        ids=["utf-16", "utf-16-le", "utf-16-be", "utf-32", "xz", "zip"],
    )
    def test_what_cannot_be_read_is_named(self, load: Any, content: bytes, problem: str) -> None:
        result, _ = load(content)
        assert result.exit_code == 1
        assert f"broken at byte 0: {problem}" in result.output

    @pytest.mark.parametrize("rows", [[CLIENT, CLIENT], [{"time_oltp:client": [CLIENT]}, {"time_oltp:project": []}]])
    def test_one_object_per_line_is_named(self, load: Any, rows: list[Any]) -> None:
        content = "\n".join(json.dumps(row) for row in rows).encode()
        result, _ = load(content)
        assert result.exit_code == 1
        assert f"broken at byte {content.index(10) + 1}: another object follows; a file with one object per line" in (
            result.output
        )

    def test_names_of_lists_that_a_terminal_cannot_show_are_escaped(self, load: Any) -> None:
        result, _ = load(b'{"\\ud800\\u001b[31m' + b"x" * 100 + b'": [{}], "time_oltp:client": [{"\\ud800": 1}]}')
        assert "\\ud800\\x1b[31m" in result.output
        assert "unknown field '\\ud800', ignored" in result.output


class TestNumbers:
    def test_a_number_without_end_rejects_its_row_only(self, load: Any) -> None:
        rows = [PROJECT, {**PROJECT, "project_id": "501", "budget": "BIG"}, {**PROJECT, "project_id": "BIG"}]
        content = document(client=[CLIENT], project=[*rows, {**PROJECT, "project_id": "502"}])
        result, rejected = load(content.replace(b'"BIG"', DIGITS.encode()))
        assert result.exit_code == 0, result.output
        assert counts(result, "project") == [4, 2, 0, 0, 0, 0, 2]
        assert [line["reason"] for line in rejected] == [
            "budget: not a number",
            "project_id: not an integer between 1 and 2147483647",
        ]
        expected = json.dumps(rows[1], ensure_ascii=False).replace('"BIG"', DIGITS)
        assert base64.b64decode(rejected[0]["raw"]).decode() == expected

    def test_one_in_a_field_that_is_ignored_does_no_harm(self, load: Any) -> None:
        content = document(client=[{**CLIENT, "salestax": "BIG", "other": "BIG"}]).replace(b'"BIG"', DIGITS.encode())
        result, _ = load(content)
        assert counts(result, "client") == [1, 1, 0, 0, 0, 0, 0]

    def test_a_negative_amount_is_rejected(self, load: Any, admin: Caller) -> None:
        rows = [{**budget("1", "0", "0"), "locked_amount": -1}, budget("2", "5", "-0.01"), budget("3", "5", "0")]
        result, rejected = load(document(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows))
        assert [(line["row"], line["reason"]) for line in rejected] == [
            (rows[0], "locked_amount: negative"),
            (rows[1], "consumed_amount: negative"),
        ]
        assert lines(admin) == {"3": ("locked", Decimal(5))}
        assert result.exit_code == 0


class TestErrorsFile:
    """Rows are rejected when they are read (their id is missing), or when they are merged (their account is)."""

    @pytest.mark.parametrize("project", [b"", b'"project_id": 7,'])
    @pytest.mark.parametrize(
        "rest",
        [
            b'"name": "\xff\xfe"',
            b'"name": "\xed\xa0\x80"',
            b'"name": "one\ttwo\nthree"',
            b'"name": "\x00"',
            b'"name": NaN',
            b'"name": -Infinity',
            b'"name": 1' + b"0" * 5000,
        ],
    )
    def test_what_is_no_json_is_kept_byte_for_byte(self, load: Any, project: bytes, rest: bytes) -> None:
        row = b"{" + project + b'"challenge_id": "1", "locked_amount": "5", ' + rest + b"}"
        _, rejected = load(b'{"time_oltp:project_challenge_budget": [' + row + b"]}")
        (line,) = rejected
        assert line.keys() == {"kind", "reason", "raw"}
        assert base64.b64decode(line["raw"]) == row

    @pytest.mark.parametrize("project", [b"", b'"project_id": 7,'])
    @pytest.mark.parametrize("rest", ['"a": "Łódź \\ud800"', '"a": 1.50,\r\n "b": [1e400, {}]', '"a": "base64:x"'])
    def test_what_is_json_is_kept_as_it_stands(self, load: Any, tmp_path: Path, project: bytes, rest: str) -> None:
        row = b"{" + project + b'"challenge_id": "1", "locked_amount": "5", ' + rest.encode() + b"}"
        load(b'{"time_oltp:project_challenge_budget": [' + row + b"]}")
        written = (tmp_path / "rejected.jsonl").read_bytes()
        assert written.count(b"\n") == 1
        assert b'"row": ' + row.replace(b"\r\n", b"  ") + b"}\n" in written

    def test_a_row_that_is_no_object_is_kept_too(self, load: Any) -> None:
        _, rejected = load(b'{"time_oltp:client": ["base64:x", 7, "\xff", null]}')
        assert [line.get("row") for line in rejected] == ["base64:x", 7, None, None]
        assert base64.b64decode(rejected[2]["raw"]) == b'"\xff"'
        assert "raw" not in rejected[3]


def test_an_export_of_a_pretty_printer_is_read(run: Run, export: Export, admin: Caller) -> None:
    path = export(client=[CLIENT], project=[PROJECT])
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4).replace("\n", "\r\n"))
    assert run("import-legacy", path).exit_code == 0
    assert data(admin.get("/v6/billing-accounts"))["count"] == 1


@pytest.mark.parametrize("spelling", ["export.json", "here/../export.json", "link.json"])
def test_the_file_of_errors_is_none_of_those_that_are_loaded(run: Run, tmp_path: Path, spelling: str) -> None:
    content = document(client=[{"client_id": "x"}])
    (tmp_path / "export.json").write_bytes(content)
    (tmp_path / "here").mkdir()
    (tmp_path / "link.json").symlink_to("export.json")
    for dry_run in ([], ["--dry-run"]):
        result = run("import-legacy", tmp_path / "export.json", "--errors", tmp_path / spelling, *dry_run)
        assert result.exit_code == 2, result.output
        assert "one of the files to load" in result.output
        assert (tmp_path / "export.json").read_bytes() == content
