"""Requests that are nearly right, from a seed: what is said of sizes, lines, codings and ends is wrong at random."""

import random
from collections.abc import Iterator

_METHODS = (b"GET", b"POST", b"PATCH", b"HEAD", b"OPTIONS", b"get", b"G E T", b"", b"TRACE", b"\x00", b"A" * 300)
_PATHS = (
    b"/v6/clients", b"/health/live", b"/", b"*", b"", b"//", b"/%", b"/%zz", b"/%00", b"/\xff", b"/v6/%2e%2e/x",
    b"http://here/v6/clients", b"http://[bad/", b"/" + b"a" * 9000, b"/?" + b"&" * 2000, b"/#", b"?x", b"/\t",
)  # fmt: skip
_VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.99",
    b"HTTP/",
    b"",
    b"http/1.1",
    b"PRI * HTTP/2.0",
)
_NAMES = (
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Authorization", b"Content-Type",
    b"X-Request-ID", b"Idempotency-Key", b"Upgrade", b"TE", b"Trailer", b"Range", b"Accept", b"X_Under", b" Lead", b"",
    b"Content-Length ", b"\xe9", b"X" * 500, b"Content-Encoding", b"X-Forwarded-For", b"Script_Name", b"Cookie",
)  # fmt: skip
_VALUES = (
    b"here", b"0", b"5", b"-1", b"+5", b"0x5", b"5, 5", b"99999999999999999999", b"7FFFFFFFFFFFFFFF", b"chunked",
    b"chunked, chunked", b"gzip, chunked", b"identity", b"\x0bchunked", b"close", b"keep-alive", b"100-continue",
    b"h2c", b"websocket", b"", b" ", b"\x00", b"\x7f", b"\xff\xfe", b"a" * 9000, b"a\r\n folded", b"trailers",
    b"bytes=0-",
)  # fmt: skip
_SIZES = (
    b"0", b"1", b"5", b"a", b"A", b"-1", b"+1", b"", b" ", b"0x1", b"g", b"7FFFFFFFFFFFFFFF", b"8000000000000000",
    b"FFFFFFFFFFFFFFFF", b"F" * 40, b"0" * 100, b"5;x=y", b'5;x="', b"5 ;", b"5\t", b"00000005", b"400001",
)  # fmt: skip
_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\r\n\r\n", b"\x00")


def requests(seed: int) -> Iterator[bytes]:
    """Requests without end; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        sent = bytearray(b"".join(_request(chance) for _ in range(chance.choice((1, 1, 1, 2, 4)))))
        for _ in range(chance.choice((0, 0, 0, 1, 3))):
            sent[chance.randrange(len(sent))] = chance.randrange(256)
        yield bytes(sent[: chance.choice((len(sent), len(sent), chance.randrange(1, len(sent) + 1)))])


def _request(chance: random.Random) -> bytes:
    usual = chance.random() < 0.6
    line = (
        [b"POST", b"/v6/clients", b"HTTP/1.1"]
        if usual
        else [chance.choice(each) for each in (_METHODS, _PATHS, _VERSIONS)]
    )
    parts = [b" ".join(line), chance.choice(_ENDS)]
    if usual:
        parts += [b"Host: here\r\n"]
    for _ in range(chance.randrange(6)):
        parts += [chance.choice(_NAMES), chance.choice((b": ", b":", b" : ", b"")), chance.choice(_VALUES)]
        parts += [chance.choice(_ENDS)]
    if chance.random() < 0.5:
        return b"".join([*parts, b"Transfer-Encoding: chunked\r\n\r\n", *_chunks(chance)])
    return b"".join([*parts, b"\r\n", chance.randbytes(chance.randrange(64))])


def _chunks(chance: random.Random) -> Iterator[bytes]:
    for _ in range(chance.randrange(4)):
        if chance.random() < 0.5:
            yield b"5\r\n12345\r\n"
        else:
            yield chance.choice(_SIZES) + chance.choice(_ENDS) + chance.randbytes(chance.randrange(12))
    yield chance.choice((b"0\r\n\r\n", b"0\r\n", b"", b"0\r\nX: y\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 500))
