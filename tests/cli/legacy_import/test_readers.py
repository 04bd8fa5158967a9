import json
from pathlib import Path
from typing import Any

import pytest

from cli.legacy_import import readers
from cli.legacy_import.readers import BrokenFileError

DOCUMENT = {
    "time_oltp:client": [
        {"client_id": "1", "name": 'Łódź "quoted" \\ {[,]}'},
        {"client_id": 12345, "nested": {"a": []}},
    ],
    "empty": [],
    "time_oltp:project": [{"project_id": "7", "budget": 12.50}, "not an object", 12, None],
    "lonely": {"not": "a list"},
}


def read(path: Path) -> list[tuple[str, Any]]:
    return [(row.key, row.value) for row in readers.rows(path, lambda _: None)]


def read_broken(path: Path) -> tuple[list[Any], BrokenFileError]:
    """The values before the damage, and the damage."""
    found = []
    try:
        for row in readers.rows(path, lambda _: None):
            found.append(row.value)  # noqa: PERF401 - what came before the failure is the point
    except BrokenFileError as error:
        return found, error
    raise AssertionError(path.read_bytes())


def rows_of(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """The same rows, read by another parser."""
    whole = json.loads(json.dumps(document), parse_float=str)
    return [(key, row) for key, rows in whole.items() for row in (rows if isinstance(rows, list) else [rows])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.json"


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, readers.CHUNK_BYTES])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_rows_do_not_depend_on_where_chunks_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent: int | None, ascii_only: bool
) -> None:
    monkeypatch.setattr(readers, "CHUNK_BYTES", chunk)
    path.write_text(json.dumps(DOCUMENT, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    assert read(path) == rows_of(DOCUMENT)


@pytest.mark.parametrize("chunk", [5, readers.CHUNK_BYTES])
def test_a_file_cut_anywhere_yields_what_is_whole_and_names_its_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(readers, "CHUNK_BYTES", chunk)
    rows = [{"id": str(number), "name": "ö{}"} for number in range(3)]
    parts = [json.dumps(row, ensure_ascii=False) for row in rows]
    whole = ('{"k": [' + ",".join(parts) + "]}").encode()
    ends = [whole.index(part.encode()) + len(part.encode()) for part in parts]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found, broken = read_broken(path)
        assert found == rows[: sum(end <= size for end in ends)], whole[:size]
        assert size - 1 <= broken.byte <= size, "at most half a character is left"


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        ('{"k": []} garbage', 10),
        ('{"k": [{"ö": 1}]}\n{"k": []}', 19),
        ('{"k": [{"a": 1} {"a": 2}]}', 16),
        ('{"k": [{"a": 1}, {"a": oops}]}', 23),
        ('{"k": [{"a": 1},]}', 16),
        ('{"k" [1]}', 5),
        ("{7: []}", 2),
        ("[]", 0),
        ("", 0),
        ("no JSON at all", 0),
    ],
)
def test_damage_is_found_at_its_byte(path: Path, text: str, byte: int) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BrokenFileError) as broken:
        read(path)
    assert broken.value.byte == byte


def test_a_row_without_end_is_damage_not_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "CHUNK_BYTES", 100)
    monkeypatch.setattr(readers, "MAX_ROW_CHARACTERS", 1000)
    path.write_text('{"k": [{"a": "' + "x" * 100_000)
    seen: list[int] = []
    with pytest.raises(BrokenFileError):
        list(readers.rows(path, seen.append))
    assert seen[-1] < 2000, "the rest of the file is not read into memory"


def test_nesting_without_end_is_damage(path: Path) -> None:
    path.write_text('{"k": [' + "[" * 100_000)
    with pytest.raises(BrokenFileError):
        read(path)


def test_a_byte_order_mark_is_skipped(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + b'{"k": [1]}')
    assert read(path) == [("k", 1)]


def test_bytes_that_are_not_utf8_spoil_only_their_row(path: Path) -> None:
    path.write_bytes(b'{"k": [{"a": "\xff"}, {"a": "b"}]}')
    assert read(path) == [("k", {"a": "\udcff"}), ("k", {"a": "b"})]


def test_the_text_of_a_row_is_kept_as_it_stands(path: Path) -> None:
    path.write_text('{"k": [{"b": 1.50,  "a": "\\u00e9"}]}')
    assert next(readers.rows(path, lambda _: None)).raw == '{"b": 1.50,  "a": "\\u00e9"}'


def test_numbers_never_pass_through_a_float(path: Path) -> None:
    path.write_text('{"k": [{"a": 0.1000000000000000055511151231257827, "b": NaN}]}')
    assert read(path) == [("k", {"a": "0.1000000000000000055511151231257827", "b": "NaN"})]


def test_raw_control_characters_in_texts_are_taken(path: Path) -> None:
    path.write_text('{"k": [{"a": "one\ttwo\nthree"}]}')
    assert read(path) == [("k", {"a": "one\ttwo\nthree"})]


def test_progress_reaches_the_end_of_the_file(path: Path) -> None:
    path.write_text(json.dumps(DOCUMENT))
    seen: list[int] = []
    list(readers.rows(path, seen.append))
    assert seen[-1] == path.stat().st_size
