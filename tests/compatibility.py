"""What of a newer OpenAPI document would break a client that was made from an older one."""

from collections.abc import Iterator
from math import inf
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
# What a value that is sent must keep to: where more of it, or less, refuses what was taken before.
_UPPER = ("maximum", "maxLength", "maxItems")
_LOWER = ("minimum", "minLength", "minItems")


def breaking_changes(old: Any, new: Any) -> Iterator[str]:
    """One line for each change that breaks clients, beginning with the operation, or with the type that is gone."""
    walk = _Walk(_Document(old), _Document(new))
    for path, members in old["paths"].items():
        for method in _METHODS:
            if method in members:
                name = members[method]["operationId"]
                members_now = new["paths"].get(path, {})
                if method in members_now:
                    for change in walk.operation(members, members_now, method):
                        yield f"{name}: {change}"
                else:
                    yield f"{name}: {method.upper()} {path} is gone"
    schemas, schemas_now = old["components"]["schemas"], new["components"]["schemas"]
    for name in schemas.keys() - schemas_now.keys():
        yield f"the type {name} is gone"
    if "Error" in schemas_now:
        yield from walk.compare(schemas["Error"], schemas_now["Error"], "a failure", sent=False)


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

    def shapes(self, schema: Any) -> list[Any]:
        """The schemas of which a value has one; that it may be null is no shape."""
        schema = self.resolve(schema)
        found = [self.resolve(each) for each in schema.get("anyOf", [schema])]
        return [each for each in found if each.get("type") != "null"]

    def types(self, schema: Any) -> set[str]:
        """The types of JSON that a value may have; none where anything goes."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return set().union(*(self.types(each) for each in schema["anyOf"]))
        kind = schema.get("type", [])
        kinds = {kind} if isinstance(kind, str) else set(kind)
        return kinds | {"integer"} if "number" in kinds else kinds

    def content(self, holder: Any) -> Any:
        """The schema of a body."""
        content = self.resolve(holder).get("content", {})
        return next((media.get("schema", {}) for media in content.values()), {})


class _Walk:
    """Goes through two documents side by side."""

    def __init__(self, old: _Document, new: _Document) -> None:
        self._old = old
        self._new = new

    def operation(self, path_then: Any, path_now: Any, method: str) -> Iterator[str]:
        """The changes of one operation; a path says what holds for all of its own."""
        old, new = path_then[method], path_now[method]
        if old["operationId"] != new["operationId"]:
            yield f"is called {new['operationId']} now"
        if new.get("security") and not old.get("security"):
            yield "needs a token now"
        yield from self._parameters(_parameters(path_then, old), _parameters(path_now, new))
        body, body_now = old.get("requestBody", {}), new.get("requestBody", {})
        if body_now.get("required") and not body.get("required"):
            yield "needs a body now"
        yield from self.compare(self._old.content(body), self._new.content(body_now), "the request", sent=True)
        for status, response in old["responses"].items():
            if status.startswith("2"):
                answer = new["responses"].get(status)
                if answer is None:
                    yield f"does not answer {status} any more"
                else:
                    before, after = self._old.content(response), self._new.content(answer)
                    yield from self.compare(before, after, "the answer", sent=False)

    def _parameters(self, old: dict[Any, Any], new: dict[Any, Any]) -> Iterator[str]:
        for key in old.keys() - new.keys():
            yield f"does not take {key[1]} any more"
        for key, parameter in new.items():
            if parameter.get("required") and not old.get(key, {}).get("required"):
                yield f"needs {key[1]} now"
            if key in old:
                then, now = old[key].get("schema", {}), parameter.get("schema", {})
                yield from self.compare(then, now, key[1], sent=True)

    def compare(self, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
        """The changes that break: `sent` says that clients write the value, else they read it."""
        before, after = self._old.types(old), self._new.types(new)
        lost = before - after if sent else after - before
        if before and after and lost:
            types = ", ".join(sorted(lost))
            yield f"{where} may not be {types} any more" if sent else f"{where} may be {types} now"
        shapes, shapes_now = self._old.shapes(old), self._new.shapes(new)
        if len(shapes_now) < len(shapes) if sent else len(shapes_now) > len(shapes):
            yield f"{where} has {'fewer' if sent else 'more'} shapes now"
        for number, (one, other) in enumerate(zip(shapes, shapes_now, strict=False)):
            yield from self._shape(one, other, where if len(shapes) == 1 else f"{where}({number})", sent=sent)

    def _shape(self, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
        yield from _words(old, new, where, sent=sent)
        if sent:
            yield from _limits(old, new, where)
        yield from self._properties(old, new, where, sent=sent)
        if "items" in old and "items" in new:
            yield from self.compare(old["items"], new["items"], f"{where}[]", sent=sent)

    def _properties(self, old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(before.keys() - after.keys()):
            yield f"{where}.{name} is gone"
        required, required_now = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(required_now - required if sent else (required - required_now) & after.keys()):
            yield f"{where}.{name} is {'required' if sent else 'not always there'} now"
        for name in before.keys() & after.keys():
            yield from self.compare(before[name], after[name], f"{where}.{name}", sent=sent)


def _parameters(path: Any, operation: Any) -> dict[Any, Any]:
    every = [*path.get("parameters", []), *operation.get("parameters", [])]
    return {(each["in"], each["name"]): each for each in every}


def _words(old: Any, new: Any, where: str, *, sent: bool) -> Iterator[str]:
    """Words of an enumeration that are not taken any more, or that readers do not know yet."""
    before, after = old.get("enum", []), new.get("enum", [])
    for word in before if sent and after else ():
        if word not in after:
            yield f"{where} may not be {word!r} any more"
    for word in after if before and not sent else ():
        if word not in before:
            yield f"{where} may be {word!r} now"
    if sent and after and not before:
        yield f"{where} must be one of some words now"


def _limits(old: Any, new: Any, where: str) -> Iterator[str]:
    for name in _UPPER:
        if new.get(name, inf) < old.get(name, inf):
            yield f"{where} has a lower {name} now"
    for name in _LOWER:
        least = -inf if name == "minimum" else 0
        if new.get(name, least) > old.get(name, least):
            yield f"{where} has a higher {name} now"
    for name in ("pattern", "format"):
        if name in new and new[name] != old.get(name):
            yield f"{where} has another {name} now"
    if (
        new.get("additionalProperties") is False
        and old.get("additionalProperties") is not False
        and "properties" in old
    ):
        yield f"{where} may not hold other fields any more"
