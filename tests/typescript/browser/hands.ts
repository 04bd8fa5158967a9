// A person at a page who has a keyboard only.
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

type Role = Parameters<Page["getByRole"]>[0];
// More elements than this to tab through, and nobody would find one.
const MOST_TABS = 150;

export class Hands {
  /** `mark` is in whatever is named here, so that the same task can be done again. */
  constructor(
    readonly page: Page,
    readonly mark: string,
  ) {}

  async open(path: string): Promise<void> {
    await this.page.goto(path);
  }

  /** Type into a field, in place of what it holds. */
  async type(label: string, text: string): Promise<void> {
    const named = { name: label, exact: true };
    await this.reach(this.page.getByRole("textbox", named).or(this.page.getByRole("searchbox", named)).first());
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(text);
  }

  /** Choose an option by typing how it begins. */
  async choose(label: string, option: string): Promise<void> {
    const list = this.page.getByRole("combobox", { name: label, exact: true }).first();
    await this.reach(list);
    await this.page.keyboard.type(option);
    assert.match(await list.locator("option:checked").innerText(), new RegExp(`^${option}`, "i"));
  }

  /** Check a box. */
  async check(label: string | RegExp): Promise<void> {
    await this.reach(this.page.getByRole("checkbox", { name: label }).first());
    await this.page.keyboard.press("Space");
  }

  /** Press a button or follow a link, and wait for the page that it leads to. */
  async press(name: string | RegExp, role: Role = "button"): Promise<void> {
    await this.reach(this.page.getByRole(role, { name, exact: typeof name === "string" }).first());
    // A page, or with JavaScript the part of one.
    const answered = this.page.waitForResponse(
      (response) => ["document", "xhr"].includes(response.request().resourceType()) && response.status() !== 303,
    );
    await Promise.all([answered, this.page.keyboard.press("Enter")]);
    await this.page.waitForLoadState("load");
  }

  async follow(name: string | RegExp): Promise<void> {
    await this.press(name, "link");
  }

  /** Press what downloads a file; its name. */
  async download(name: string | RegExp): Promise<string> {
    await this.reach(this.page.getByRole("link", { name }).first());
    const [file] = await Promise.all([this.page.waitForEvent("download"), this.page.keyboard.press("Enter")]);
    return file.suggestedFilename();
  }

  /** Wait until a text is shown. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor({ timeout: 5_000 });
  }

  /** Tab on from where the focus is, around the page if need be, to an element; fails where no focus is seen. */
  private async reach(target: Locator): Promise<void> {
    await target.waitFor({ timeout: 5_000 });
    for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
      const [isThere, isSeen] = await target.evaluate((element) => [
        element === document.activeElement,
        getComputedStyle(element).outlineStyle !== "none",
      ]);
      if (isThere) return assert(isSeen, `The focus is not seen: ${target}`);
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`The keyboard does not get to ${target}`);
  }
}
