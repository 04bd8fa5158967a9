"""Makes the TypeScript of pages of docs/ modules, with every `value; // → expected` an assertion.

python -m tests.typescript.documented
"""

import re

from tests.processes import ROOT

GENERATED = ROOT / "tests" / "typescript" / "generated"
HEADER = """\
import assert from "node:assert/strict";
import type { AxiosInstance } from "axios";

const same: (actual: unknown, expected: unknown) => void = assert.deepEqual;
"""
# Of each page, its module and what the page speaks of without showing it.
PAGES = {
    "clients": ("documented", "{ token, customer }: { token: string; customer: AxiosInstance }"),
    "charge-for-a-job": ("charged", "{ token, accountId }: { token: string; accountId: number }"),
}


def module(text: str, name: str, known: str) -> str:
    """The code blocks of a page, in order, as one asynchronous function."""
    code = "".join(re.findall(r"```ts\n(.*?)```", text, re.DOTALL))
    imports = "".join(re.findall(r"^import .*\n", code, re.MULTILINE))
    body = re.sub(r"^import .*\n", "", code, flags=re.MULTILINE)
    body = re.sub(r'"http://127\.0\.0\.1:3000([^"]*)"', r'`${process.env["BASE_URL"]}\1`', body)
    body = body.replace("http://127.0.0.1:3000", '${process.env["BASE_URL"]}')
    body = re.sub(r"^(.+); // → (.+)$", r"same(\1, \2);", body, flags=re.MULTILINE)
    imports = imports.replace('"./client/', '"./hey/')
    return f"{imports}{HEADER}\nexport async function {name}({known}): Promise<void> {{\n{body}}}\n"


if __name__ == "__main__":
    for page, (name, known) in PAGES.items():
        text = (ROOT / "docs" / f"{page}.md").read_text()
        (GENERATED / f"{name}.ts").write_text(module(text, name, known))
