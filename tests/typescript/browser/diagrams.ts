// The diagrams of the documents, drawn by the library that draws them where the documents are read.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";

import { setting } from "../flows/support.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));

export async function diagrams(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  await page.addScriptTag({ path: fileURLToPath(import.meta.resolve("@mermaid-js/tiny")) });
  assert.match((await drawn(page, "flowchart LR\n  a -- b --> ")).complaint, /Parse error/);

  const names = (await readdir(join(ROOT, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
  let found = 0;
  for (const name of ["README.md", ...names.map((each) => join("docs", each))]) {
    const text = await readFile(join(ROOT, name), "utf-8");
    for (const [, diagram = ""] of text.matchAll(/^```mermaid\n(.*?)^```/gms)) {
      found += 1;
      const { complaint, width } = await drawn(page, diagram);
      assert.equal(complaint, "", name);
      assert(width > 0, name);
      await page.locator("svg").screenshot({ path: `${setting("SCREENSHOTS")}/diagram-${found}.png` });
    }
  }
  assert(found >= 3, `only ${found} diagrams`);
  await page.close();
}

/** Draws a diagram on the page: what is wrong with it, and how wide it became. */
async function drawn(page: Page, diagram: string): Promise<{ complaint: string; width: number }> {
  return page.evaluate(async (text) => {
    const { mermaid } = window as unknown as {
      mermaid: { render(id: string, text: string): Promise<{ svg: string }> };
    };
    try {
      document.body.innerHTML = (await mermaid.render("diagram", text)).svg;
      return { complaint: "", width: document.querySelector("svg")?.getBoundingClientRect().width ?? 0 };
    } catch (error) {
      return { complaint: String(error), width: 0 };
    }
  }, diagram);
}
