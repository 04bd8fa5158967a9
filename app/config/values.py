"""Parsers of settings. Each raises UnusableValueError for an invalid value."""

import ipaddress
import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.exc import ArgumentError

from app.config.declaration import UnusableValueError
from app.db.server import addresses

MAX_PORT = 65535
_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg2"})
# Few enough digits to convert any of them.
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?", re.ASCII
)


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """Parse an integer in this range."""

    def read(text: str) -> int:
        if not (_WHOLE.fullmatch(text) and minimum <= int(text) <= maximum):
            raise UnusableValueError(f"must be an integer between {minimum} and {maximum}")
        return int(text)

    return read


def seconds(*, maximum: int) -> Callable[[str], float]:
    """Parse a number of seconds, greater than 0 and at most `maximum`."""

    def read(text: str) -> float:
        if not (_DECIMAL.fullmatch(text) and 0 < float(text) <= maximum):
            raise UnusableValueError(f"must be a number of seconds, greater than 0 and at most {maximum}")
        return float(text)

    return read


def choice(*allowed: str) -> Callable[[str], str]:
    """Parse one of the allowed words, ignoring case."""
    words = {word.lower(): word for word in allowed}

    def read(text: str) -> str:
        if text.lower() not in words:
            raise UnusableValueError(f"must be {', '.join(allowed[:-1])} or {allowed[-1]}")
        return words[text.lower()]

    return read


def flag(text: str) -> bool:
    """Parse `true` or `false`."""
    return choice("true", "false")(text) == "true"


def lines_up_to(maximum: int) -> Callable[[str], str]:
    r"""Parse lines of printable text of limited total length; `\n` is a line break."""

    def read(text: str) -> str:
        lines = [line.strip() for line in text.replace("\\n", "\n").split("\n")]
        if len(text) > maximum or not all(line.isprintable() for line in lines):
            raise UnusableValueError(f"must be printable lines of at most {maximum} characters in total")
        return "\n".join(lines)

    return read


def text_up_to(maximum: int) -> Callable[[str], str]:
    """Parse printable text of limited length."""

    def read(text: str) -> str:
        if len(text) > maximum or not text.isprintable():
            raise UnusableValueError(f"must be printable text of at most {maximum} characters")
        return text

    return read


def visible(text: str) -> str:
    """Parse visible ASCII characters, as can be sent in a header."""
    if not _VISIBLE.fullmatch(text):
        raise UnusableValueError("must be visible ASCII characters without spaces")
    return text


def host(text: str) -> str:
    """Parse an IP address or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST_NAME.fullmatch(text):
            raise UnusableValueError("must be an IP address or a host name, without a port") from None
    return text


def web_address(text: str) -> str:
    """Parse an `http` or `https` URL."""
    if not _is_address(text, "http", "https"):
        raise UnusableValueError("must be an https:// URL")
    return text


def redis(text: str) -> str:
    """Parse the URL of a Redis."""
    if not _is_address(text, "redis", "rediss"):
        raise UnusableValueError("must be a redis:// or rediss:// URL")
    return text


def _is_address(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return usable and _VISIBLE.fullmatch(text) is not None


def json_texts(text: str) -> tuple[str, ...]:
    """Parse a JSON list of strings."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise UnusableValueError('must be a JSON list of strings, such as ["https://auth.example.com/"]')
    return tuple(found)


def comma_list(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list; empty parts are ignored."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def origins(text: str) -> tuple[str, ...]:
    """Parse comma-separated origins as sent by browsers, such as `https://admin.example.com`; or `*` for any."""
    found = comma_list(text.lower())
    if found != ("*",) and not all(_is_origin(each) for each in found):
        raise UnusableValueError(
            "must be origins such as https://admin.example.com or http://localhost:5173, separated by commas, without "
            "a path, a trailing slash or a pattern; or * alone for any origin"
        )
    return found


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    if match is None or (match["port"] and not 0 < int(match["port"]) <= MAX_PORT):
        return False
    # Browsers omit the default port of a scheme, so such an origin would never match.
    if (match["scheme"], match["port"]) in {("http", "80"), ("https", "443")}:
        return False
    try:
        host(match["host"].strip("[]"))
    except UnusableValueError:
        return False
    return True


def postgresql(text: str) -> str:
    """Parse the URL of a PostgreSQL database, in the form of the driver or of libpq."""
    try:
        url = make_url(addresses.for_sqlalchemy(text))
        supported = url.drivername.lower() in _POSTGRESQL
        # The options as passed to the driver, which knows all their names.
        _, options = dialect().create_connect_args(url)  # type: ignore[no-untyped-call]
        make_dsn(**options)
    except (ArgumentError, ProgrammingError, ValueError):
        supported, options = False, {}
    if not supported or not _ports_exist(str(options.get("port", ""))):
        raise UnusableValueError("must be a postgresql:// URL; no other database is supported")
    return text


def _ports_exist(ports: str) -> bool:
    return all(
        not port or (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT) for port in ports.split(",")
    )


def primary_database(text: str) -> str:
    """Parse the URL of the database for writes; of several hosts, the one that accepts writes is used."""
    return _for_driver(text, target_session_attrs="read-write")


def database(text: str) -> str:
    """Parse the URL of a database; of several hosts, any may be used."""
    return _for_driver(text)


def _for_driver(text: str, **of_several: str) -> str:
    return "postgresql+psycopg2://" + addresses.for_sqlalchemy(postgresql(text), **of_several).split("://", 1)[1]
