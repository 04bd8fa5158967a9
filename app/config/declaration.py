"""Declarations of settings: variable, parser, default and description.

A setting is a field of a dataclass, declared by `setting`; a field declared by `group` is a dataclass of further
settings. Parsing, messages about invalid values, and `.env.example` are derived from the declarations.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast, overload

T = TypeVar("T")

_DECLARATION = "declaration"
_GROUP = "group"
# Characters of an invalid value that are repeated in the message.
_SHOWN = 60


class ConfigurationError(Exception):
    """The settings do not allow the service to start; the message is one line with the reason."""


class UnusableValueError(ValueError):
    """The value of a setting is invalid; the message continues a sentence that begins with the variable's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One setting: its variable, parser, default and description."""

    variable: str
    read: Callable[[str], Any]
    doc: str
    # Parsed like a value from the environment.
    default: str | None
    # Shown if there is no default, or if the default depends on the machine.
    example: str
    # Never repeated in messages, which are logged.
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
    """Declare a field of a dataclass as a setting; its value is None if it is unset and has no default.

    `read` parses a trimmed string, or raises UnusableValueError. `.env.example` shows an `example`, commented out,
    instead of the default.
    """
    declaration = Declaration(variable=variable, read=read, doc=doc, default=default, example=example, secret=secret)
    return cast(T, field(metadata={_DECLARATION: declaration}))


def group(of: type[T]) -> T:
    """Declare a field with a dataclass of further settings."""
    return cast(T, field(metadata={_GROUP: of}))


def read_all(cls: type[Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The values of all declared fields of `cls`, by field. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for each in fields(cls):
        if declaration := each.metadata.get(_DECLARATION):
            found[each.name] = declaration.value(environ)
        elif inner := each.metadata.get(_GROUP):
            found[each.name] = inner(**read_all(inner, environ))
    return found


def declarations(cls: type[Any]) -> Iterator[Declaration]:
    """All settings of `cls`, in the order of their declaration."""
    for each in fields(cls):
        if declaration := each.metadata.get(_DECLARATION):
            yield declaration
        elif inner := each.metadata.get(_GROUP):
            yield from declarations(inner)


def example(cls: type[Any]) -> str:
    """The text of `.env.example`."""
    lines = [
        "# Copy to .env and keep what you need. Every line shows the default, or an example if there is none.",
        "",
    ]
    for each in declarations(cls):
        lines += [f"# {line}" for line in each.doc.splitlines()]
        if each.example or not each.default:
            lines.append(f"#{each.variable}={each.example}")
        else:
            lines.append(f"{each.variable}={each.default}")
    return "\n".join(lines) + "\n"
