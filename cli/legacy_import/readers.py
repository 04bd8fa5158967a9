"""Reads exports of any size as a stream of rows, one list after another, with at most one row in memory."""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

from cli.legacy_import.values import Number

CHUNK_BYTES = 1 << 20
# A longer "row" is damage, not data.
MAX_ROW_CHARACTERS = 16 << 20

_SPACE = re.compile(r"[ \t\r\n]*")
_NEXT_ROW = re.compile(r"[ \t\r\n]*,[ \t\r\n]*(?=[^ \t\r\n])")
_GZIP = b"\x1f\x8b"
# First bytes of files in other formats, and the names of the formats.
_OTHERS = {
    codecs.BOM_UTF32_LE: "it is UTF-32; save it as UTF-8",
    codecs.BOM_UTF32_BE: "it is UTF-32; save it as UTF-8",
    codecs.BOM_UTF16_LE: "it is UTF-16; save it as UTF-8",
    codecs.BOM_UTF16_BE: "it is UTF-16; save it as UTF-8",
    b"{\x00": "it is UTF-16; save it as UTF-8",
    b"\x00{": "it is UTF-16; save it as UTF-8",
    b"PK\x03\x04": "it is a zip archive; unpack it",
    b"BZh": "it is compressed with bzip2; unpack it, or use gzip",
    b"\xfd7zXZ": "it is compressed with xz; unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd; unpack it, or use gzip",
}
_LONGEST_START = max(len(start) for start in _OTHERS)
# Integers with more digits are kept as text, as are other numbers.
_INTEGER_DIGITS = 18


def _integer(digits: str) -> int | Number:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else Number(digits)


# Numbers are kept as text, so that none becomes a float. The exports contain raw control characters in strings.
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=Number, parse_constant=str, strict=False)


_ENDS_TOO_EARLY = "the file ends too early"
_CLOSING = frozenset('}]"')
_ONE_PER_LINE = "another object follows; a file with one object per line is not an export, which is one object of lists"


class BrokenFileError(Exception):
    """The file is not a complete object of lists of rows. Everything before `byte` was read.

    Of a compressed file it is a byte of what it holds.
    """

    def __init__(self, byte: int, problem: str) -> None:
        super().__init__(f"broken at byte {byte}: {problem}")
        self.byte = byte


class SourceRow(NamedTuple):
    """One row of a list: the name of the list, the original text of the row, and its value."""

    key: str
    raw: str
    value: Any


def rows(path: Path, on_read: Callable[[int], None]) -> Iterator[SourceRow]:
    """Every row of every list in the file, which may be compressed with gzip. Raises BrokenFileError.

    `on_read` is told the bytes of the file read so far.
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST_START)
        file.seek(0)
        for other, problem in _OTHERS.items():
            if start.startswith(other):
                raise BrokenFileError(0, problem)
        if not start.startswith(_GZIP):
            yield from _Reader(file, lambda _: on_read(file.tell())).rows()
            return
        with gzip.open(file) as unpacked:
            yield from _Reader(unpacked, lambda _: on_read(file.tell())).rows()


class _Reader:
    """A window of text that moves through the file."""

    def __init__(self, file: BufferedIOBase, on_read: Callable[[int], None]) -> None:
        self._file = file
        self._on_read = on_read
        # Bytes that are not UTF-8 invalidate their row, not the file.
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._text = ""
        self._at = 0
        self._bytes_read = 0
        self._ended = False

    def rows(self) -> Iterator[SourceRow]:
        self._expect("{", "an object of lists is expected")
        if self._next_is("}"):
            return self._expect_end()
        while True:
            key, _ = self._value()
            if not isinstance(key, str):
                raise self._broken("expected a name in double quotes")
            self._expect(":", "a colon is expected")
            yield from self._list(key)
            if not self._next_is(","):
                break
        self._expect("}", "a comma or the end of the object is expected")
        return self._expect_end()

    def _list(self, key: str) -> Iterator[SourceRow]:
        """The rows of the next list; a value that is not a list counts as one row."""
        if not self._next_is("["):
            value, raw = self._value()
            yield SourceRow(key, raw, value)
            return
        if self._next_is("]"):
            return
        while True:
            value, raw = self._value()
            yield SourceRow(key, raw, value)
            comma = _NEXT_ROW.match(self._text, self._at)
            if comma is not None:
                self._at = comma.end()
            elif not self._next_is(","):
                break
        self._expect("]", "a comma or the end of the list is expected")

    def _value(self) -> tuple[Any, str]:
        """The next value and its text."""
        if not self._text.startswith("{", self._at):
            self._skip_space()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                offset = error.pos - self._at
                if len(self._text) - self._at < MAX_ROW_CHARACTERS and self._more():
                    continue
                position = len(self._text) if error.msg.startswith("Unterminated") else self._at + offset
                raise self._broken(error.msg[0].lower() + error.msg[1:], position) from None
            except RecursionError:
                raise self._broken("it is nested too deeply") from None
            # A value at the end of the window may continue: 12 of 123.
            if end < len(self._text) or self._text[end - 1] in _CLOSING or not self._more():
                raw = self._text[self._at : end]
                self._at = end
                return value, raw

    def _next_is(self, character: str) -> bool:
        """Whether `character` is next; it is consumed if so."""
        self._skip_space()
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _expect(self, character: str, problem: str) -> None:
        if not self._next_is(character):
            raise self._broken(problem)

    def _expect_end(self) -> None:
        self._skip_space()
        if self._at < len(self._text):
            is_object = self._text.startswith("{", self._at)
            raise self._broken(_ONE_PER_LINE if is_object else "something follows the end of the document")

    def _skip_space(self) -> None:
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text) or not self._more():
                return

    def _more(self) -> bool:
        """Read another chunk, and drop consumed text; false at the end of the file."""
        if self._ended:
            return False
        chunk = self._read()
        self._ended = not chunk
        self._bytes_read += len(chunk)
        self._text = self._text[self._at :] + self._decode(chunk, self._ended)
        self._at = 0
        self._on_read(self._bytes_read)
        return not self._ended

    def _read(self) -> bytes:
        try:
            # Data before the damage is used without waiting for more.
            return self._file.read1(CHUNK_BYTES)
        except EOFError:
            raise BrokenFileError(self._bytes_read, _ENDS_TOO_EARLY) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BrokenFileError(self._bytes_read, f"its compressed data is damaged ({error})") from None

    def _broken(self, problem: str, position: int | None = None) -> BrokenFileError:
        """The failure at a position of the window, by default the current one."""
        rest = self._text[self._at if position is None else position :]
        byte = self._bytes_read - len(rest.encode("utf-8", "surrogateescape"))
        if not rest:
            problem = _ENDS_TOO_EARLY
        return BrokenFileError(byte, problem)
