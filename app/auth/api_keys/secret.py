"""The form of a key's secret: `bsk_`, 32 random characters, and 6 that check the others.

The prefix lets secret scanners find leaked keys; by the checksum they tell them from other text, and this service
refuses mistyped and invented ones without asking the database.
"""

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "bsk_"
# For secret scanners; documented in docs/keys.md.
PATTERN = r"\bbsk_[0-9A-Za-z]{38}\b"
SHOWN_CHARACTERS = len(PREFIX) + 8

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARACTERS = 32
_CHECK_CHARACTERS = 6
_FORM = re.compile(PATTERN, re.ASCII)


def generate() -> str:
    """A new secret."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Whether `secret` has the form of a secret and the right checksum."""
    return _FORM.fullmatch(secret) is not None and _checksum(secret[:-_CHECK_CHARACTERS]) == secret[-_CHECK_CHARACTERS:]


def digest(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    """The CRC-32 of a text in base 62."""
    rest = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK_CHARACTERS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
