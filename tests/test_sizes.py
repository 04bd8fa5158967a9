"""Files and functions are short enough to be read at one go."""

import ast
from collections.abc import Iterator

from app.config import ROOT

MAX_FILE, MAX_TEST_FILE, MAX_FUNCTION = 300, 500, 40


def too_long(folder: str, most: int) -> Iterator[str]:
    for path in (ROOT / folder).rglob("*.py"):
        lines = len(path.read_text().splitlines())
        if lines > most:
            yield f"{path.relative_to(ROOT)}: {lines} lines"


def test_no_file_is_too_long() -> None:
    sources = [each for folder in ("app", "cli", "bench") for each in too_long(folder, MAX_FILE)]
    assert [*sources, *too_long("tests", MAX_TEST_FILE)] == []


def test_no_function_of_the_service_is_too_long() -> None:
    found = []
    for folder in ("app", "cli", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > MAX_FUNCTION:
                        found.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert found == []
