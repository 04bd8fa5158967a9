// The reference page as people open it, at a desk and on a phone: it draws every operation, and calls the service.
import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";

import { setting } from "../flows/support.js";

const SIZES: Record<string, BrowserContextOptions> = {
  desk: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
const SMALLEST_TEXT = 12;

export async function reference(browser: Browser): Promise<void> {
  for (const [name, size] of Object.entries(SIZES)) {
    const context = await browser.newContext(size);
    const page = await context.newPage();
    const complaints = listen(page);
    await page.goto(`${setting("BASE_URL")}/docs`);
    await isWhole(page);
    await isReadable(page, ".opblock-summary-path, .opblock-summary-description, .opblock-tag, .info p");
    await page.screenshot({ path: `${setting("SCREENSHOTS")}/${name}.png` });
    await calls(page);
    const answer = ".opblock.is-open .live-responses-table .response > .response-col_status";
    await isReadable(page, `${answer}, .opblock.is-open p, .opblock.is-open .parameter__name`);
    await page.locator(answer).first().scrollIntoViewIfNeeded();
    await page.screenshot({ path: `${setting("SCREENSHOTS")}/${name}-called.png` });
    assert.deepEqual(complaints, [], name);
    await refusesOthers(page, complaints);
    await context.close();
  }
}

/** What a page complains of, filled while it is open: errors, broken policies, and requests to anybody else. */
function listen(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  page.on("console", (message) => {
    // What the browser says of the 401 that is provoked here.
    if (message.type() === "error" && !message.text().includes("status of 401")) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== setting("BASE_URL") && protocol !== "data:") complaints.push(`${request.url()} was asked`);
  });
  return complaints;
}

async function isWhole(page: Page): Promise<void> {
  const document = await (await fetch(`${setting("BASE_URL")}/openapi.json`)).json();
  const operations = Object.values<Record<string, unknown>>(document.paths).flatMap((path) =>
    Object.keys(path).filter((name) => ["get", "post", "patch", "put", "delete"].includes(name)),
  );
  await page.locator(".opblock").first().waitFor();
  const drawn = await drawnAlong(page);
  assert.equal(drawn.filter((id) => id.startsWith("operations-tag-")).length, document.tags.length);
  assert.equal(drawn.length, operations.length + document.tags.length);
  assert.equal(await page.locator(".errors-wrapper").count(), 0);
}

/** The ids of the tags and operations met from the top to the end: of a long page, only what is near the screen is drawn. */
async function drawnAlong(page: Page): Promise<string[]> {
  const drawn = await page.evaluate(async () => {
    const met = new Set<string>();
    for (let top = 0; top <= document.documentElement.scrollHeight; top += window.innerHeight / 2) {
      window.scrollTo(0, top);
      // What scrolls into view is drawn with one of the next frames.
      for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
      for (const each of document.querySelectorAll(".opblock, .opblock-tag")) met.add(each.id);
    }
    window.scrollTo(0, 0);
    return [...met];
  });
  await page.locator(".opblock").first().waitFor();
  return drawn;
}

/** Nothing lies beside the screen, and what is looked at can be read without glasses. */
async function isReadable(page: Page, looked: string): Promise<void> {
  const { beside, small } = await page.evaluate(
    ({ looked, smallest }) => {
      const shown = [...document.querySelectorAll(looked)].filter((each) => each.getClientRects().length > 0);
      if (shown.length === 0) throw new Error(`nothing matches ${looked}`);
      const width = document.documentElement.clientWidth;
      const text = (each: Element) => `${each.className}: ${each.textContent}`;
      return {
        beside: [document.documentElement, ...shown]
          .filter((each) => each.scrollWidth > width || each.getBoundingClientRect().right > width + 1)
          .map(text),
        small: shown.filter((each) => parseFloat(getComputedStyle(each).fontSize) < smallest).map(text),
      };
    },
    { looked, smallest: SMALLEST_TEXT },
  );
  assert.deepEqual({ beside, small }, { beside: [], small: [] });
}

/** A read without a token is refused; with one, it and a write with the body of the example succeed. */
async function calls(page: Page): Promise<void> {
  const list = page.locator("#operations-clients-listClients");
  await list.locator(".opblock-summary-control").click();
  assert.equal(await executed(page, list, "GET"), 401);

  await page.locator(".auth-wrapper .btn.authorize").first().click();
  await page.locator(".modal-ux input").fill(setting("ADMIN_TOKEN"));
  await page.locator(".modal-ux button.authorize").click();
  await page.locator(".modal-ux button.btn-done").click();
  assert.equal(await executed(page, list, "GET"), 200);
  await list.locator(".opblock-summary-control").click();

  const create = page.locator("#operations-clients-createClient");
  await create.locator(".opblock-summary-control").click();
  assert.equal(await executed(page, create, "POST"), 201);
  const shown = await create.locator(".live-responses-table .highlight-code").first().innerText();
  assert.match(shown, /"success": true/);
}

/** The status that pressing Execute gets. */
async function executed(page: Page, operation: Locator, method: string): Promise<number> {
  const answer = page.waitForResponse((each) => each.request().method() === method && each.url().includes("/v6/"));
  await operation.locator("button.execute").click();
  const status = (await answer).status();
  await operation.locator(".live-responses-table .response-col_status", { hasText: String(status) }).first().waitFor();
  return status;
}

/** The page's policy is in force: a request to anybody else does not leave, and is heard of. */
async function refusesOthers(page: Page, complaints: string[]): Promise<void> {
  const left = await page.evaluate(() => fetch("http://127.0.0.1:9/").then(() => true, () => false));
  assert.equal(left, false);
  assert(complaints.some((each) => each.includes("Content Security Policy")), complaints.join("\n"));
}
