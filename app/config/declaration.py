"""How a setting is declared: its variable, how its text is read, its default, and what it means.

A declaration is the field of a dataclass, made by `setting`; a field made by `group` holds a dataclass of further ones.
Everything else is derived from it: reading, the message for a value that cannot be used, and `.env.example`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast, overload

T = TypeVar("T")

_DECLARATION = "declaration"
_GROUP = "group"
# Of a refused value, so much is repeated in the message.
_SHOWN = 60


class ConfigurationError(Exception):
    """The environment does not describe a service that may start; the text is one line that says why."""


class UnusableValueError(ValueError):
    """A text is no value of its setting; the message continues a sentence that begins with the variable's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One setting: its variable, how its text is read, and what people are told about it."""

    variable: str
    read: Callable[[str], Any]
    doc: str
    # Read like a value that is given.
    default: str | None
    # Shown where there is no default, or where the default depends on the machine.
    example: str
    # Not repeated in messages: they end up in logs.
    secret: bool

    def value(self, environ: Mapping[str, str]) -> Any:
        """The value in `environ`, or the default. Raises ConfigurationError naming the variable."""
        text = environ.get(self.variable, self.default)
        if text is None:
            return None
        try:
            # Of bytes that are no text Python makes what cannot be encoded again.
            text.encode()
            return self.read(text)
        except UnicodeEncodeError:
            raise ConfigurationError(f"{self.variable} is not UTF-8 text.") from None
        except UnusableValueError as error:
            given = "" if self.secret else f", not {text[:_SHOWN]!r}"
            raise ConfigurationError(f"{self.variable} {error}{given}.") from None


@overload
def setting(
    variable: str, read: Callable[[str], T], doc: str, *, default: str, example: str = "", secret: bool = False
) -> T: ...
@overload
def setting(
    variable: str, read: Callable[[str], T], doc: str, *, example: str = "", secret: bool = False
) -> T | None: ...
def setting(
    variable: str,
    read: Callable[[str], T],
    doc: str,
    *,
    default: str | None = None,
    example: str = "",
    secret: bool = False,
) -> T | None:
    """Declare the setting that a field of a dataclass holds; None where it has no default and is unset.

    `read` makes a value of a text without space around it, or raises UnusableValueError. With an `example`,
    `.env.example` shows that, commented out, in place of the default.
    """
    declaration = Declaration(variable=variable, read=read, doc=doc, default=default, example=example, secret=secret)
    return cast(T, field(metadata={_DECLARATION: declaration}))


def group(of: type[T]) -> T:
    """Declare a field that holds further settings."""
    return cast(T, field(metadata={_GROUP: of}))


def read_all(cls: type[Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The values of all fields of `cls` that are declared here, by field. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for each in fields(cls):
        if declaration := each.metadata.get(_DECLARATION):
            found[each.name] = declaration.value(environ)
        elif inner := each.metadata.get(_GROUP):
            found[each.name] = inner(**read_all(inner, environ))
    return found


def declarations(cls: type[Any]) -> Iterator[Declaration]:
    """All settings of `cls`, in the order they are declared."""
    for each in fields(cls):
        if declaration := each.metadata.get(_DECLARATION):
            yield declaration
        elif inner := each.metadata.get(_GROUP):
            yield from declarations(inner)


def example(cls: type[Any]) -> str:
    """The text of `.env.example`."""
    lines = [
        "# Copy to .env and keep what you need. Every line shows the default, or an example where there is none.",
        "",
    ]
    for each in declarations(cls):
        lines += [f"# {line}" for line in each.doc.splitlines()]
        if each.example or not each.default:
            lines.append(f"#{each.variable}={each.example}")
        else:
            lines.append(f"{each.variable}={each.default}")
    return "\n".join(lines) + "\n"
