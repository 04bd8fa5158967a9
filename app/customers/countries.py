"""Countries by ISO 3166 code or English name."""

from collections.abc import Iterator, Mapping
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

_lock = Lock()
# Names in daily use that ISO 3166 does not list.
_OTHER_NAMES = {
    "america": "US",
    "brunei": "BN",
    "burma": "MM",
    "cape verde": "CV",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "ivory coast": "CI",
    "macau": "MO",
    "macedonia": "MK",
    "northern ireland": "GB",
    "republic of ireland": "IE",
    "russia": "RU",
    "scotland": "GB",
    "swaziland": "SZ",
    "the netherlands": "NL",
    "turkey": "TR",
    "uk": "GB",
    "vatican": "VA",
    "vatican city": "VA",
    "wales": "GB",
}


class _Countries(NamedTuple):
    codes: Mapping[str, str]
    names: Mapping[str, str]


def code_of(text: str) -> str:
    """The ISO 3166 code of two letters that `text` names, by a code or an English name in any case; else `""`."""
    return _countries().codes.get(_folded(text), "") if text else ""


def name_of(code: str) -> str:
    """The English name of the country with this code, or `code` itself if it is unknown."""
    return _countries().names.get(code, code)


def _folded(text: str) -> str:
    return " ".join(text.replace(".", "").replace("\u2019", "'").split()).casefold()


def _countries() -> _Countries:
    # First calls may be concurrent, and the library loads its data without a lock.
    with _lock:
        return _load()


@cache
def _load() -> _Countries:
    # Loading takes a tenth of a second, which only those pay who name a country.
    import pycountry  # noqa: PLC0415

    codes = dict(_OTHER_NAMES)
    names = {}
    for country in pycountry.countries:
        names[country.alpha_2] = getattr(country, "common_name", country.name)
        codes |= {_folded(text): country.alpha_2 for text in _texts(country)}
    return _Countries(MappingProxyType(codes), MappingProxyType(names))


def _texts(country: object) -> Iterator[str]:
    for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
        text = getattr(country, attribute, None)
        if text is not None:
            yield text
