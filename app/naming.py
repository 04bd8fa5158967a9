"""How names change between the code and the wire."""


def camel_case(name: str) -> str:
    """`total_pages` as `totalPages`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
