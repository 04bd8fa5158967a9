// The console and the portal: tasks by keyboard with and without JavaScript, and what holds for every page.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

import { setting } from "../flows/support.js";
import { Hands } from "./hands.js";
import { CUSTOMER, STAFF, type Task } from "./tasks.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const MODES = [
  { mark: "scripted", javaScriptEnabled: true },
  { mark: "plain", javaScriptEnabled: false },
] as const;
const PHONE = { width: 390, height: 844 };
type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;

export async function tasks(browser: Browser): Promise<void> {
  const groups: [Session, Record<string, Task>][] = [
    [await signedIn(browser, "STAFF_LINK"), STAFF],
    [await signedIn(browser, "CUSTOMER_LINK"), CUSTOMER],
  ];
  for (const { mark, javaScriptEnabled } of MODES) {
    for (const [storageState, todo] of groups) {
      const { page, complaints } = await pageOf(browser, { storageState, javaScriptEnabled });
      for (const [title, task] of Object.entries(todo)) {
        await task(new Hands(page, mark)).catch(async (error: unknown) => {
          throw new Error(`${title}, ${mark}, at ${page.url()}: ${(await page.locator("main").innerText()).slice(0, 600)}`, { cause: error });
        });
        assert.deepEqual(complaints, [], title);
      }
      await page.context().close();
    }
  }
}

/** Every page that links lead to: accessible in light and dark, as wide as a phone, and nothing but its own. */
export async function everyPage(browser: Browser): Promise<void> {
  const axe = await readFile(AXE, "utf8");
  for (const [link, home] of [["STAFF_LINK_2", "/console"], ["CUSTOMER_LINK_2", "/portal"]] as const) {
    const { page, complaints } = await pageOf(browser, { storageState: await signedIn(browser, link), viewport: PHONE });
    const problems: string[] = [];
    const [found, seen] = [[home as string], new Set<string>()];
    for (let path = found.shift(); path !== undefined; path = found.shift()) {
      if (seen.has(kind(path))) continue;
      seen.add(kind(path));
      await page.goto(path);
      await page.evaluate(axe);
      problems.push(...(await violations(page)).map((each) => `${path}: ${each}`));
      await page.emulateMedia({ colorScheme: "dark" });
      problems.push(...(await violations(page, ["color-contrast"])).map((each) => `${path}, dark: ${each}`));
      await page.emulateMedia({ colorScheme: "light" });
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) problems.push(`${path} is wider than a phone`);
      problems.push(...complaints.splice(0).map((each) => `${path}: ${each}`));
      found.push(...(await links(page)));
    }
    assert.deepEqual(problems, []);
    assert(seen.size > 12, `Only ${seen.size} pages below ${home}`);
    console.log(`${home}: ${seen.size} kinds of pages`);
    await page.context().close();
  }
}

/** The pictures of the README, of the demo data. */
export async function pictures(browser: Browser): Promise<void> {
  const wide = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 };
  const staff = await signedIn(browser, "STAFF_LINK");
  const customer = await signedIn(browser, "CUSTOMER_LINK");
  for (const [name, path, options] of [
    ["budget", "/console/billing-accounts/6", { ...wide, storageState: staff }],
    ["payments", "/console/payments", { ...wide, storageState: staff }],
    ["lots", "/console/customers/1/lots", { ...wide, storageState: staff, colorScheme: "dark" }],
    ["usage", "/portal/usage?days=90", { ...wide, storageState: customer }],
  ] as [string, string, BrowserContextOptions][]) {
    const { page } = await pageOf(browser, options);
    await page.goto(path);
    await page.screenshot({ path: `${setting("PICTURES")}/${name}.png` });
    await page.context().close();
  }
}

async function signedIn(browser: Browser, link: string): Promise<Session> {
  const context = await browser.newContext({ baseURL: setting("BASE_URL") });
  const page = await context.newPage();
  const answer = await page.goto(setting(link));
  assert.equal(answer?.status(), 200, `${link} leads to ${page.url()}`);
  const session = await context.storageState();
  await context.close();
  return session;
}

/** A page that notes errors of scripts, violations of its policy, and requests to others. */
async function pageOf(browser: Browser, options: BrowserContextOptions): Promise<{ page: Page; complaints: string[] }> {
  const base = setting("BASE_URL");
  const page = await (await browser.newContext({ baseURL: base, ...options })).newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // Refusals that a task is about are reported as errors too.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complaints.push(request.url());
  });
  return { page, complaints };
}

interface Axe {
  axe: { run: (options: { runOnly?: string[] }) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
}

async function violations(page: Page, runOnly?: string[]): Promise<string[]> {
  return page.evaluate(async (rules) => {
    const found = await (window as unknown as Axe).axe.run(rules ? { runOnly: rules } : {});
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  }, runOnly);
}

/** The pages that a page links to; files are not pages. */
async function links(page: Page): Promise<string[]> {
  const paths = await page.locator("a[href^='/']:not([download])").evaluateAll((all) => all.map((a) => a.getAttribute("href") ?? ""));
  return paths.filter((path) => /^\/(console|portal)/.test(path) && !/format=|pdf|export|download|sign-in\/provider/.test(path));
}

/** Pages of the same kind differ in ids and arguments. */
function kind(path: string): string {
  return path.replace(/\?.*/, "").replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+|demo-\w+/g, "N");
}
