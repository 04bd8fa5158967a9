"""What of a newer OpenAPI document would break a client that was made from an older one."""

from collections.abc import Iterator
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")


def breaking_changes(old: Any, new: Any) -> Iterator[str]:
    """One line for each change that breaks clients, beginning with the operation."""
    for path, members in old["paths"].items():
        for method in _METHODS:
            if method in members:
                operation = new["paths"].get(path, {}).get(method)
                name = members[method]["operationId"]
                if operation is None:
                    yield f"{name}: {method.upper()} {path} is gone"
                else:
                    for change in _operation(_Document(old), _Document(new), members[method], operation):
                        yield f"{name}: {change}"


class _Document:
    """A document whose references can be followed."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def resolve(self, value: Any) -> Any:
        """The part that a reference stands for; else the part itself."""
        while isinstance(value, dict) and "$ref" in value:
            target = self._document
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            value = target
        return value


def _operation(old_document: _Document, new_document: _Document, old: Any, new: Any) -> Iterator[str]:
    if old["operationId"] != new["operationId"]:
        yield f"is called {new['operationId']} now"
    yield from _parameters(old.get("parameters", []), new.get("parameters", []))
    walk = _Walk(old_document, new_document)
    yield from walk.compare(_body(old_document, old), _body(new_document, new), "the request", sent=True)
    for status, response in old["responses"].items():
        if status.startswith("2"):
            answer = new["responses"].get(status)
            if answer is None:
                yield f"does not answer {status} any more"
            else:
                before, after = _content(old_document, response), _content(new_document, answer)
                yield from walk.compare(before, after, "the answer", sent=False)


def _parameters(old: list[Any], new: list[Any]) -> Iterator[str]:
    before = {(each["in"], each["name"]): each for each in old}
    after = {(each["in"], each["name"]): each for each in new}
    for key in before.keys() - after.keys():
        yield f"does not take {key[1]} any more"
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"needs {key[1]} now"


def _body(document: _Document, operation: Any) -> Any:
    return _content(document, operation.get("requestBody", {}))


def _content(document: _Document, holder: Any) -> Any:
    content = document.resolve(holder).get("content", {})
    return next((media.get("schema", {}) for media in content.values()), {})


class _Walk:
    """Goes through two schemas side by side."""

    def __init__(self, old: _Document, new: _Document) -> None:
        self._old = old
        self._new = new

    def compare(self, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
        """The changes that break: `sent` says that clients write the value, else they read it."""
        old, new = self._old.resolve(old), self._new.resolve(new)
        before, after = _types(old), _types(new)
        lost = before - after if sent else after - before
        if before and after and lost:
            yield f"{where} {'may not be' if sent else 'may be'} {', '.join(sorted(lost))} now"
        if sent and "enum" in new:
            for word in old.get("enum", []):
                if word not in new["enum"]:
                    yield f"{where} may not be {word!r} any more"
        yield from self._properties(old, new, where, sent=sent)
        if "items" in old and "items" in new:
            yield from self.compare(old["items"], new["items"], f"{where}[]", sent=sent)
        for number, (one, other) in enumerate(zip(old.get("anyOf", []), new.get("anyOf", []), strict=False)):
            yield from self.compare(one, other, f"{where}({number})", sent=sent)

    def _properties(self, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(before.keys() - after.keys()):
            yield f"{where}.{name} is gone"
        required, required_now = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(required_now - required if sent else (required - required_now) & after.keys()):
            yield f"{where}.{name} is {'required' if sent else 'not always there'} now"
        for name in before.keys() & after.keys():
            yield from self.compare(before[name], after[name], f"{where}.{name}", sent=sent)


def _types(schema: Any) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)
