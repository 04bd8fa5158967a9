// A page of another origin that calls the service by way of the package, as modules that the browser itself loads.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Browser } from "playwright-core";

import { setting } from "../flows/support.js";

const PACKAGE = new URL(".", import.meta.resolve("billing-service-client"));
const AXIOS = new URL("dist/esm/axios.js", import.meta.resolve("axios"));
const IMPORTS = {
  "billing-service-client": "/package/index.js",
  "billing-service-client/axios": "/package/axios.js",
  axios: "/axios.js",
};
const PAGE = `<!doctype html><title>An existing application</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">
  import axios from "axios";
  import { adaptAxios } from "billing-service-client/axios";
  import * as client from "billing-service-client";
  window.loaded = { axios, adaptAxios, ...client };
</script>`;

interface Loaded {
  loaded: typeof import("billing-service-client") &
    typeof import("billing-service-client/axios") & { axios: typeof import("axios").default };
}

export async function otherOrigin(browser: Browser): Promise<void> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://page");
    if (pathname === "/") return void response.setHeader("Content-Type", "text/html").end(PAGE);
    const file = pathname === "/axios.js" ? AXIOS : new URL(pathname.replace("/package/", ""), PACKAGE);
    readFile(file).then(
      (text) => response.setHeader("Content-Type", "text/javascript").end(text),
      () => response.writeHead(404).end(),
    );
  });
  const port = Number(setting("PAGE_PORT"));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction(() => "loaded" in window);

  const settings = { baseUrl: setting("BASE_URL"), admin: setting("ADMIN_TOKEN"), buyer: setting("BUYER_TOKEN") };
  const seen = await page.evaluate(async ({ baseUrl, admin, buyer }) => {
    const { adaptAxios, adaptFetch, axios, billing, createCaller, etagOf, exportedRows, isServiceError } = (window as unknown as Loaded)
      .loaded;
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    const send = adaptFetch({ lists: "array" });
    const list = await send(`${baseUrl}/v6/clients?codeName=glbx`, { headers: bearer(admin) });
    const [client] = await list.json();

    const call = createCaller({ baseUrl, headers: bearer(admin), lists: "array" });
    const made = await call<{ id: string; name: string }>("/v6/clients", { method: "POST", json: { name: "From a browser" } });
    const change = { method: "PATCH", json: { name: "Changed" }, headers: { "If-Match": etagOf(made) ?? "" } };
    await call(`/v6/clients/${made.id}`, change);
    const stale: unknown = await call(`/v6/clients/${made.id}`, change).catch((error: unknown) => error);
    if (!isServiceError(stale)) throw stale;
    const exported = await send(`${baseUrl}/v6/clients?codeName=glbx&format=ndjson`, { headers: bearer(admin) });
    const rows: string[] = [];
    for await (const row of exportedRows<{ name: string }>(exported)) rows.push(row.name);
    const failed: unknown = await call("/v6/clients/nobody").catch((error: unknown) => error);
    if (!isServiceError(failed)) throw failed;

    const customer = createCaller({ baseUrl, headers: bearer(buyer), lists: "array" });
    const [invoice] = await customer<{ id: number }[]>("/v1/billing/invoices/");
    const path = `/v1/billing/invoices/${invoice?.id}/pdf/`;
    const blob = await customer<Blob>(path);

    const api = adaptAxios(axios.create({ baseURL: baseUrl, headers: bearer(buyer) }));
    const page = await api.get("/v1/billing/invoices/", billing({ lists: "page" }));
    const pdf = await api.get<Blob>(path, { responseType: "blob" });
    // The administrator belongs to no customer account.
    const options = { responseType: "blob", headers: bearer(admin) } as const;
    const hidden: unknown = await api.get(path, options).catch((error: unknown) => error);
    if (!axios.isAxiosError(hidden)) throw hidden;
    return {
      list: [client.name, list.headers.get("X-Total"), list.ok],
      made: made.name,
      stale: [stale.status, stale.reason],
      exported: [rows, exported.headers.get("Content-Disposition")?.split(";")[0]],
      failed: [failed.status, failed.reason, typeof failed.requestId],
      blob: [blob.type, (await blob.text()).slice(0, 5)],
      page: [Array.isArray(page.data.data), page.data.total === Number(page.headers["x-total"])],
      pdf: [pdf.headers["content-type"], pdf.data.size === blob.size],
      hidden: [hidden.response?.status, hidden.response?.data.reason],
    };
  }, settings);

  assert.deepEqual(seen, {
    list: ["Globex", "1", true],
    made: "From a browser",
    stale: [412, "precondition_failed"],
    exported: [["Globex"], "attachment"],
    failed: [404, "not_found", "string"],
    blob: ["application/pdf", "%PDF-"],
    page: [true, true],
    pdf: ["application/pdf", true],
    hidden: [403, "no_account"],
  });
  assert.deepEqual(complaints, []);
  await page.close();
  server.closeAllConnections();
  server.close();
}
