import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

import { setting } from "../flows/support.js";
import { everyPage, pictures, tasks } from "./console.js";
import { diagrams } from "./diagrams.js";
import { otherOrigin } from "./other_origin.js";
import { reference } from "./reference.js";

// Nothing but the pages themselves: a browser of its own, which asks nobody for updates. It runs as root where tests do.
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function main(): Promise<void> {
  await mkdir(setting("SCREENSHOTS"), { recursive: true });
  const browser = await chromium.launch({ executablePath: setting("CHROMIUM"), args: QUIET });
  try {
    for (const check of process.argv[2] === "pictures" ? [pictures] : [tasks, everyPage, reference, otherOrigin, diagrams]) {
      await check(browser);
      console.log(`${check.name}: as people see it`);
    }
  } finally {
    await browser.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
