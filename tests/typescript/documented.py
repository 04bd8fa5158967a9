"""Makes the TypeScript of docs/clients.md a module, with every `value; // → expected` an assertion.

python -m tests.typescript.documented
"""

import re

from tests.processes import ROOT

PAGE = ROOT / "docs" / "clients.md"
MODULE = ROOT / "tests" / "typescript" / "generated" / "documented.ts"
HEADER = """\
import assert from "node:assert/strict";
import type { AxiosInstance } from "axios";

const same: (actual: unknown, expected: unknown) => void = assert.deepEqual;
"""
# What the page speaks of without showing it.
KNOWN = "{ token, customer }: { token: string; customer: AxiosInstance }"


def module(text: str) -> str:
    """The code blocks of a page, in order, as one asynchronous function."""
    code = "".join(re.findall(r"```ts\n(.*?)```", text, re.DOTALL))
    imports = "".join(re.findall(r"^import .*\n", code, re.MULTILINE))
    body = re.sub(r"^import .*\n", "", code, flags=re.MULTILINE)
    body = re.sub(r'"http://127\.0\.0\.1:3000([^"]*)"', r'`${process.env["BASE_URL"]}\1`', body)
    body = body.replace("http://127.0.0.1:3000", '${process.env["BASE_URL"]}')
    body = re.sub(r"^(.+); // → (.+)$", r"same(\1, \2);", body, flags=re.MULTILINE)
    imports = imports.replace('"./client/', '"./hey/')
    return f"{imports}{HEADER}\nexport async function documented({KNOWN}): Promise<void> {{\n{body}}}\n"


if __name__ == "__main__":
    MODULE.write_text(module(PAGE.read_text()))
