"""Text that identifies something: ids, references, codes, handles, e-mail addresses."""

import hashlib
import re
import string

# Controls, line and paragraph separators, and what Unicode calls default ignorable: characters that nobody sees, so
# that two identifiers would look the same and differ. And U+FFFD, which stands for whatever did not decode.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_ascii(text: str) -> str:
    """`text` with its ASCII letters in lower case and every other character as it is.

    Two e-mail addresses or handles are the same if these are equal. Unicode folding would make look-alikes equal, such
    as the Kelvin sign and k, which are different people to the providers that issue them.
    """
    return text.translate(_ASCII_LOWER)


def holds_invisible(text: str) -> bool:
    """Whether `text` holds a control or zero-width character."""
    # Printable ASCII, which nearly every identifier is, needs no closer look.
    return not (text.isascii() and text.isprintable()) and _INVISIBLE.search(text) is not None


def digest(*parts: str) -> str:
    """A digest of several texts, of a size that fits any column and index, however long they are."""
    digests = (hashlib.sha256(part.encode()).digest() for part in parts)
    return hashlib.sha256(b"".join(digests)).hexdigest()
