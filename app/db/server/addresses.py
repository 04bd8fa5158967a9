"""Addresses of PostgreSQL servers, in the one form that SQLAlchemy reads."""

from urllib.parse import parse_qsl, quote, unquote, urlencode


def for_sqlalchemy(url: str, **of_several: str) -> str:
    """`url` with several hosts written as parameters: `u@h1:5432,h2:5433/db` is `u@/db?host=h1,h2&port=5432,5433`.

    libpq takes the first form, SQLAlchemy the second. `of_several` are parameters to add to an address of several hosts
    that does not have them. An address of one host stays as it is. Raises ValueError for a port that is no number.
    """
    scheme, separator, rest = url.partition("://")
    place, _, query = rest.partition("?")
    authority, slash, database = place.partition("/")
    user, at, hosts = authority.rpartition("@")
    parameters = parse_qsl(query, keep_blank_values=True)
    given = [value for name, value in parameters if name == "host"]
    if "," not in hosts + ",".join(given):
        return url
    if not given:
        named = [_host_and_port(each) for each in hosts.split(",")]
        parameters += [("host", ",".join(host for host, _ in named)), ("port", ",".join(port for _, port in named))]
        authority = user + at
    names = {name for name, _ in parameters}
    parameters += [each for each in of_several.items() if each[0] not in names]
    return f"{scheme}{separator}{authority}{slash}{database}?{urlencode(parameters, safe=',', quote_via=quote)}"


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"{port!r} is no port")
    return unquote(host), port
